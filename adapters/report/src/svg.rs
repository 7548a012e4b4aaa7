//! Draws a chart as SVG.

use super::{
    chart::{Chart, Frame, Line, Point, Scale, spread, step_ticks},
    text::escape,
};

/// The rules both the page and a standalone figure need.
pub(super) const CHART_CSS: &str = include_str!("chart.css");

/// Draws `chart` on `frame`.
pub(super) fn render(chart: &Chart, frame: &Frame) -> String {
    let plot = Plot::new(chart, frame);
    let (width, height) = (frame.width, frame.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\"",
        frame.class,
        escape(&description(chart))
    );
    if frame.standalone {
        out.push_str(&format!(" width=\"{width}\" height=\"{height}\"><title>{}</title>", escape(&chart.label)));
        out.push_str(&format!("<style>{CHART_CSS}</style>"));
        out.push_str(&format!(
            "<rect class=\"paper\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
            width - 1.0,
            height - 1.0
        ));
    } else {
        out.push_str(&format!("><title>{}</title>", escape(&chart.label)));
    }
    if let Some((title, subtitle)) = chart.heading.as_ref().filter(|_| frame.standalone) {
        out.push_str(&text(18.0, 32.0, "title", title));
        out.push_str(&text(18.0, 52.0, "subtitle", subtitle));
    }
    plot.axes(&mut out);
    plot.band(&mut out);
    for line in &chart.lines {
        plot.line(&mut out, line);
    }
    plot.band_text(&mut out);
    plot.tags(&mut out);
    plot.ends(&mut out);
    out.push_str("</svg>");
    out
}

/// A chart laid out on a frame.
struct Plot<'a> {
    chart: &'a Chart,
    x: Scale,
    y: Scale,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    narrow: bool,
}

impl<'a> Plot<'a> {
    fn new(chart: &'a Chart, frame: &Frame) -> Self {
        let pad = if frame.standalone { 18.0 } else { 0.0 };
        let narrow = frame.width < 500.0;
        let longest =
            |pick: fn(&Line) -> &str, size| chart.lines.iter().map(|line| text_width(pick(line), size)).fold(0.0, f64::max);
        let ends = longest(|line| &line.name, 13.0).max(longest(|line| &line.value, 21.0));
        let (top, bottom) = (if frame.standalone { 92.0 } else { 26.0 }, frame.height - 40.0 - pad / 3.0);
        let digits = chart.y.ticks.iter().map(|tick| format!("{tick:.*}", chart.y.decimals).len()).max().unwrap_or(1);
        let left = pad + 8.0 + 7.5 * digits as f64 + text_width(chart.y.unit, 15.0);
        let right = frame.width - pad - ends - 12.0;
        let x = Scale::new((0.0, chart.x_end), (left, right));
        let inset = if chart.tags.is_empty() { 0.0 } else { 16.0 };
        let y = Scale::new(chart.y.domain(), (bottom - inset, top));
        Self { chart, x, y, left, right, top, bottom, narrow }
    }

    /// Grid, tick labels, stage names and boundaries.
    fn axes(&self, out: &mut String) {
        let (left, right, top, bottom) = (self.left, self.right, self.top, self.bottom);
        let axis = &self.chart.y;
        for (index, tick) in axis.ticks.iter().enumerate() {
            let y = self.y.at(*tick);
            out.push_str(&format!("<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>"));
            let unit = if index + 1 == axis.ticks.len() { axis.unit } else { "" };
            out.push_str(&text(
                left - 8.0,
                y + 4.0,
                "tick e",
                &format!("{tick:.*}{unit}", axis.decimals).replace('-', "\u{2212}"),
            ));
        }
        out.push_str(&format!("<path class=\"base\" d=\"M{left:.1} {bottom:.1}H{right:.1}\"/>"));
        for tick in step_ticks(self.chart.x_end, if self.narrow { 3.0 } else { 6.0 }) {
            let x = self.x.at(tick);
            out.push_str(&format!("<path class=\"base\" d=\"M{x:.1} {bottom:.1}v5\"/>"));
            out.push_str(&text(x, bottom + 19.0, "tick m", &format!("{tick:.0}")));
        }
        out.push_str(&text((left + right) / 2.0, bottom + 36.0, "tick m", "RL step"));
        for (index, (start, end, name)) in self.chart.spans.iter().enumerate() {
            let (from, to) = (self.x.at(*start), self.x.at(*end));
            if index > 0 {
                out.push_str(&format!("<path class=\"bound\" d=\"M{from:.1} {:.1}V{bottom:.1}\"/>", top - 18.0));
            }
            let short = name.strip_prefix("Stage ").unwrap_or(name);
            if let Some(name) = [name.as_str(), short].into_iter().find(|name| text_width(name, 12.0) < to - from) {
                out.push_str(&text((from + to) / 2.0, top - 10.0, "stage m", name));
            }
        }
    }

    fn band(&self, out: &mut String) {
        for piece in &self.chart.band {
            let there = piece.iter().map(|(x, edge, _)| self.pair(*x, *edge));
            let back = piece.iter().rev().map(|(x, _, edge)| self.pair(*x, *edge));
            let outline: Vec<String> = there.chain(back).collect();
            out.push_str(&format!("<path class=\"band\" d=\"M{}Z\"/>", outline.join("L")));
        }
    }

    /// Writes the band's text near the end of its last piece, unless a line would cross it.
    fn band_text(&self, out: &mut String) {
        let Some(piece) = self.chart.band.last() else { return };
        let end = piece.last().map_or(0.0, |(x, ..)| self.x.at(*x)) - 12.0;
        let start = end - text_width(&self.chart.band_text, 14.0);
        let edges = |pixel: f64| {
            piece.windows(2).find_map(|pair| {
                let ((x0, a0, b0), (x1, a1, b1)) = (pair[0], pair[1]);
                let (from, to) = (self.x.at(x0), self.x.at(x1));
                let share = if (from..=to).contains(&pixel) && to > from { (pixel - from) / (to - from) } else { return None };
                let (a, b) = (self.y.at(a0 + share * (a1 - a0)), self.y.at(b0 + share * (b1 - b0)));
                Some((a.min(b), a.max(b)))
            })
        };
        let probes = (0..=8).map(|index| edges(start + (end - start) * f64::from(index) / 8.0));
        let free = probes.collect::<Option<Vec<_>>>().map(|found| {
            found.iter().fold((f64::NEG_INFINITY, f64::INFINITY), |(low, high), (a, b)| (low.max(*a), high.min(*b)))
        });
        if let Some((low, high)) = free.filter(|(low, high)| high - low > 26.0) {
            out.push_str(&text(end, (low + high) / 2.0 + 5.0, "gap e", &self.chart.band_text));
        }
    }

    fn line(&self, out: &mut String, line: &Line) {
        let class = line.class;
        if !line.raw.is_empty() {
            out.push_str(&format!("<path class=\"line raw {class}\" d=\"{}\"/>", self.path(&line.raw)));
        }
        for (x, low, high) in &line.whiskers {
            let (x, low, high) = (self.x.at(*x), self.y.at(*low), self.y.at(*high));
            out.push_str(&format!("<path class=\"line whisker {class}\" d=\"M{x:.1} {low:.1}V{high:.1}\"/>"));
        }
        let dash = if line.dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", line.dash) };
        out.push_str(&format!("<path class=\"line {class}\"{dash} d=\"{}\"/>", self.path(&line.points)));
        for (x, y, filled) in &line.dots {
            let (kind, radius) = if *filled { ("dot", 4.0) } else { ("dot hollow", 2.6) };
            let (x, y) = (self.x.at(*x), self.y.at(*y));
            out.push_str(&format!("<circle class=\"{kind} {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"));
        }
    }

    /// Writes value and name at the end of each line, moved apart where they would touch.
    fn ends(&self, out: &mut String) {
        let ends: Vec<(&Line, f64, f64)> = self
            .chart
            .lines
            .iter()
            .filter_map(|line| {
                let (x, y) = line.points.iter().rev().find_map(|(x, y)| Some((*x, (*y)?)))?;
                Some((line, self.x.at(x), self.y.at(y)))
            })
            .collect();
        let wanted: Vec<f64> = ends.iter().map(|(.., y)| *y).collect();
        let room = (self.top + 4.0, self.bottom - 12.0);
        let gap = (room.1 - room.0) / ends.len().saturating_sub(1).max(1) as f64;
        let named = self.chart.lines.iter().any(|line| !line.name.is_empty());
        let places = spread(&wanted, gap.min(if named { 36.0 } else { 16.0 }), room);
        for ((line, x, y), place) in ends.iter().zip(places) {
            if (place - y).abs() > if named { 10.0 } else { 5.0 } || self.right - x > 4.0 {
                let d = format!("M{:.1} {y:.1}L{:.1} {place:.1}", x + 5.0, self.right + 8.0);
                out.push_str(&format!("<path class=\"leader\" d=\"{d}\"/>"));
            }
            if !named {
                out.push_str(&text(self.right + 11.0, place + 4.0, &format!("name {}", line.class), &line.value));
                continue;
            }
            out.push_str(&text(self.right + 11.0, place + 3.0, &format!("value {}", line.class), &line.value));
            out.push_str(&text(self.right + 11.0, place + 18.0, &format!("name {}", line.class), &line.name));
        }
    }

    /// Writes numbers beside points, clear of the lines' other points near them; one without room is left out.
    fn tags(&self, out: &mut String) {
        let mut taken: Vec<(f64, f64, bool)> = Vec::new();
        for tag in &self.chart.tags {
            let x = self.x.at(tag.at.0);
            let width = text_width(&tag.text, 13.0);
            let (x, anchor, extent) =
                if x - self.left < width { (x, "", (x - 1.0, x + width)) } else { (x - 5.0, " e", (x - 5.0 - width, x + 1.0)) };
            if taken.iter().any(|(from, to, above)| *above == tag.above && extent.0 < *to && *from < extent.1) {
                continue;
            }
            taken.push((extent.0, extent.1, tag.above));
            let near = self
                .chart
                .lines
                .iter()
                .flat_map(|line| &line.points)
                .filter_map(|(x, y)| Some((self.x.at(*x), self.y.at((*y)?))));
            let ys = near.filter(|(x, _)| (extent.0..=extent.1).contains(x)).map(|(_, y)| y);
            let start = self.y.at(tag.at.1);
            let y = if tag.above { ys.fold(start, f64::min) - 9.0 } else { ys.fold(start, f64::max) + 18.0 };
            out.push_str(&text(x, y, &format!("tag{anchor} {}", tag.class), &tag.text));
        }
    }

    /// Returns path data; a gap starts a new piece, and a point between gaps becomes a dot of no length.
    fn path(&self, points: &[Point]) -> String {
        let mut data = String::new();
        let mut pen_up = true;
        for (x, y) in points {
            match y {
                Some(y) => {
                    let pair = self.pair(*x, *y);
                    data.push_str(&if pen_up { format!("M{pair}h0") } else { format!("L{pair}") });
                    pen_up = false;
                }
                None => pen_up = true,
            }
        }
        data
    }

    fn pair(&self, x: f64, y: f64) -> String {
        format!("{:.1} {:.1}", self.x.at(x), self.y.at(y))
    }
}

/// The figure and its stages in words.
fn description(chart: &Chart) -> String {
    let stages: Vec<String> =
        chart.spans.iter().map(|(start, end, name)| format!("{name} from step {start:.0} to {end:.0}")).collect();
    if stages.is_empty() { chart.label.clone() } else { format!("{}. {}", chart.label, stages.join(", ")) }
}

fn text(x: f64, y: f64, class: &str, content: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>", escape(content))
}

/// Estimates the width of a text set in a sans-serif of `size` pixels.
fn text_width(content: &str, size: f64) -> f64 {
    0.56 * size * content.chars().count() as f64
}
