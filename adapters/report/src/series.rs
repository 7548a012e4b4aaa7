//! A series of bounded length, thinned evenly as it grows.

/// Items at rising steps; when there are too many, every other one is dropped and the stride doubles.
#[derive(Debug)]
pub(super) struct Series<T> {
    items: Vec<(f64, T)>,
    last: Option<(f64, T)>,
    stride: u64,
    skipped: u64,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self { items: Vec::new(), last: None, stride: 1, skipped: 0 }
    }
}

impl<T> Series<T> {
    /// Appends an item at step `x`, keeping every `stride`-th one and the last.
    pub(super) fn push(&mut self, x: f64, item: T) {
        self.skipped += 1;
        if self.skipped < self.stride {
            self.last = Some((x, item));
            return;
        }
        self.skipped = 0;
        self.last = None;
        self.items.push((x, item));
        if self.items.len() > MAX_POINTS {
            let mut index = 0_usize;
            self.items.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// Drops what `keep` refuses: a resumed run writes some steps a second time.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(f64, &T) -> bool) {
        self.items.retain(|(x, item)| keep(*x, item));
        self.last = self.last.take().filter(|(x, item)| keep(*x, item));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, &T)> {
        self.items.iter().chain(&self.last).map(|(x, item)| (*x, item))
    }

    pub(super) fn last_x(&self) -> Option<f64> {
        self.last.as_ref().or(self.items.last()).map(|(x, _)| *x)
    }

    /// One item in this many is kept.
    pub(super) fn stride(&self) -> u64 {
        self.stride
    }
}

/// At most this many items are kept.
pub(super) const MAX_POINTS: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_is_thinned_evenly_and_keeps_its_end() {
        let mut series = Series::default();
        for step in 0..50_001 {
            series.push(f64::from(step), ());
        }
        let xs: Vec<f64> = series.iter().map(|(x, ())| x).collect();
        assert!(xs.len() <= MAX_POINTS + 1, "{}", xs.len());
        assert!(xs.len() > MAX_POINTS / 2);
        assert_eq!(xs.last(), Some(&50_000.0));
        assert!(xs.windows(2).all(|pair| pair[1] > pair[0]));
    }
}
