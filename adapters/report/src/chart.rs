//! Scales, axes and what a line chart consists of; no markup.

/// Maps data to pixels, linearly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    domain: (f64, f64),
    range: (f64, f64),
}

impl Scale {
    /// Maps `domain` onto `range`; an empty domain maps to the start of the range.
    pub(super) fn new(domain: (f64, f64), range: (f64, f64)) -> Self {
        Self { domain, range }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let span = self.domain.1 - self.domain.0;
        let share = if span > 0.0 { (value - self.domain.0) / span } else { 0.0 };
        self.range.0 + share * (self.range.1 - self.range.0)
    }
}

/// An axis from its first to its last tick.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) ticks: Vec<f64>,
    pub(super) decimals: usize,
    /// Follows the number of the highest tick.
    pub(super) unit: &'static str,
}

impl Axis {
    /// Returns an axis of about `count` intervals that covers `low..high`, at least `span` wide, within `bounds`.
    pub(super) fn covering(values: impl Iterator<Item = f64>, span: f64, bounds: (f64, f64), count: f64) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, span) };
        let widen = ((span - (high - low)) / 2.0).max(0.0);
        let (low, high) = ((low - widen).max(bounds.0).min(low), (high + widen).min(bounds.1).max(high));
        let step = nice_step((high - low) / count);
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil().max((low / step).floor() + 1.0));
        let number = (last - first).clamp(1.0, MAX_TICKS) as usize;
        let ticks = (0..=number).map(|index| (first + index as f64) * step).collect();
        Self { ticks, decimals: (-step.log10()).ceil().clamp(0.0, 6.0) as usize, unit: "" }
    }

    pub(super) fn domain(&self) -> (f64, f64) {
        (self.ticks.first().copied().unwrap_or(0.0), self.ticks.last().copied().unwrap_or(1.0))
    }
}

/// Returns round whole-number ticks from 0 to at most `end`, about `count` intervals.
pub(super) fn step_ticks(end: f64, count: f64) -> Vec<f64> {
    let step = nice_step(end / count).max(1.0);
    let number = (end / step + 1e-9).floor().clamp(0.0, MAX_TICKS) as usize;
    (0..=number).map(|index| index as f64 * step).collect()
}

/// Returns the smallest of 1, 2, 5 times a power of ten that is not below `rough`; 1 where that has no meaning.
pub(super) fn nice_step(rough: f64) -> f64 {
    if !rough.is_finite() || rough < 1e-9 {
        return 1.0;
    }
    let power = 10_f64.powf(rough.log10().floor());
    let lead = rough / power;
    power * [1.0, 2.0, 5.0].into_iter().find(|nice| lead <= nice + 1e-9).unwrap_or(10.0)
}

/// Moves label positions apart to at least `gap` within `low..high`, keeping their order.
pub(super) fn spread(wanted: &[f64], gap: f64, (low, high): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut placed = wanted.to_vec();
    let mut floor = low;
    for &index in &order {
        placed[index] = placed[index].max(floor);
        floor = placed[index] + gap;
    }
    let mut ceiling = high;
    for &index in order.iter().rev() {
        placed[index] = placed[index].min(ceiling);
        ceiling = placed[index] - gap;
    }
    placed
}

/// A point at an RL step; `None` is a gap.
pub(super) type Point = (f64, Option<f64>);

/// One line of a chart.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The CSS class that gives its colour.
    pub(super) class: &'static str,
    /// Written at its end; may be empty.
    pub(super) name: String,
    /// Written at its end, above the name.
    pub(super) value: String,
    pub(super) points: Vec<Point>,
    /// The unsmoothed points, drawn faintly; may be empty.
    pub(super) raw: Vec<Point>,
    /// Dots at points, filled or hollow; may be empty.
    pub(super) dots: Vec<(f64, f64, bool)>,
    /// Vertical strokes at a step, from one value to another; may be empty.
    pub(super) whiskers: Vec<(f64, f64, f64)>,
    /// SVG's `stroke-dasharray`; empty for an unbroken line.
    pub(super) dash: &'static str,
}

/// A number written beside a point.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) at: (f64, f64),
    pub(super) text: String,
    pub(super) above: bool,
    pub(super) class: &'static str,
}

/// A line chart over RL steps.
#[derive(Debug)]
pub(super) struct Chart {
    /// Title and subtitle drawn inside a standalone figure.
    pub(super) heading: Option<(String, String)>,
    /// The whole figure in one sentence, for those who do not see it.
    pub(super) label: String,
    pub(super) x_end: f64,
    pub(super) y: Axis,
    /// Stages as start, end and name.
    pub(super) spans: Vec<(f64, f64, String)>,
    pub(super) lines: Vec<Line>,
    /// The shaded area, as pieces of (step, one edge, other edge).
    pub(super) band: Vec<Vec<(f64, f64, f64)>>,
    /// Written inside the band where it is high enough.
    pub(super) band_text: String,
    pub(super) tags: Vec<Tag>,
}

/// The canvas a chart is drawn on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Whether the SVG stands alone: own style, background and heading.
    pub(super) standalone: bool,
    /// The CSS class of the SVG element.
    pub(super) class: &'static str,
}

impl Frame {
    pub(super) const WIDE: Self = Self { width: 760.0, height: 300.0, standalone: false, class: "chart wide" };
    pub(super) const NARROW: Self = Self { width: 370.0, height: 270.0, standalone: false, class: "chart narrow" };
    pub(super) const STANDALONE: Self = Self { width: 760.0, height: 340.0, standalone: true, class: "chart" };
}

const MAX_TICKS: f64 = 50.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_data() {
        let axis = Axis::covering([43.0, 77.5].into_iter(), 20.0, (0.0, 100.0), 4.0);
        assert_eq!(axis.ticks, [40.0, 50.0, 60.0, 70.0, 80.0]);
        assert_eq!(axis.decimals, 0);
        let axis = Axis::covering([0.0, 0.034].into_iter(), 0.0, (0.0, f64::INFINITY), 4.0);
        assert_eq!(axis.ticks.len(), 5);
        assert_eq!(axis.decimals, 2);
    }

    #[test]
    fn axes_survive_empty_flat_and_huge_data() {
        for values in [vec![], vec![0.0], vec![5.0, 5.0], vec![-1e12, 1e12], vec![1e-300, 2e-300]] {
            let axis = Axis::covering(values.iter().copied(), 0.0, (f64::NEG_INFINITY, f64::INFINITY), 4.0);
            let (low, high) = axis.domain();
            assert!(low < high && low.is_finite() && high.is_finite(), "{values:?}: {axis:?}");
            assert!(values.iter().all(|value| (low - 1e-6..=high + 1e-6).contains(value)), "{values:?}: {axis:?}");
        }
    }

    #[test]
    fn step_ticks_are_whole_numbers() {
        assert_eq!(step_ticks(250.0, 5.0), [0.0, 50.0, 100.0, 150.0, 200.0, 250.0]);
        assert_eq!(step_ticks(3.0, 8.0), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(step_ticks(0.0, 8.0), [0.0]);
    }

    #[test]
    fn a_scale_maps_ends_and_middle() {
        let scale = Scale::new((0.0, 10.0), (100.0, 0.0));
        assert_eq!([scale.at(0.0), scale.at(5.0), scale.at(10.0)], [100.0, 50.0, 0.0]);
        assert_eq!(Scale::new((3.0, 3.0), (1.0, 2.0)).at(3.0), 1.0);
    }

    #[test]
    fn close_labels_are_moved_apart_in_order() {
        assert_eq!(spread(&[50.0, 48.0, 90.0], 20.0, (0.0, 100.0)), [68.0, 48.0, 90.0]);
        assert_eq!(spread(&[95.0, 99.0], 20.0, (0.0, 100.0)), [80.0, 100.0]);
    }
}
