//! Runs that repeat one configuration with other seeds.

use super::{
    super::{
        log::Eval,
        stats::mean_and_deviation,
        table::{accuracy, delta},
    },
    Entry,
    settings::Settings,
};

/// Runs of one task and arm whose configurations differ in the seed alone, one a seed.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) runs: Vec<&'a Entry>,
}

impl<'a> Group<'a> {
    /// Sorts runs into groups, in the order of their first runs. Of several runs of one seed the first counts: a second is no new sample.
    pub(super) fn all(entries: &'a [Entry]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for entry in entries {
            match groups.iter_mut().find(|group| repeats(group.runs[0], entry)) {
                Some(group) if group.runs.iter().any(|old| old.about("seed") == entry.about("seed")) => {}
                Some(group) => group.runs.push(entry),
                None => groups.push(Self { runs: vec![entry] }),
            }
        }
        groups
    }

    /// Mean and standard deviation over those runs that have the value.
    pub(super) fn mean(&self, pick: impl Fn(&Eval) -> Option<f64>) -> Option<(f64, Option<f64>)> {
        let values: Vec<f64> = self.runs.iter().filter_map(|entry| pick(entry.run.result()?)).collect();
        mean_and_deviation(&values)
    }
}

/// Picks one figure of an evaluation; `None` where it lacks it.
pub(super) type Measure = fn(&Eval) -> Option<f64>;

/// What a table of runs shows of an evaluation, in percent and points.
pub(super) const MEASURES: [(&str, Measure); 6] = [
    ("acc@t1", |eval| accuracy(eval, 0)),
    ("acc@last", |eval| accuracy(eval, eval.acc.len().checked_sub(1)?)),
    ("delta", delta),
    ("i→c", |eval| eval.i_to_c.0),
    ("c→i", |eval| eval.c_to_i.0),
    ("P(fix | wrong)", |eval| eval.p_fix_wrong.0),
];

fn repeats(a: &Entry, b: &Entry) -> bool {
    let attempts = |entry: &Entry| entry.run.result().map(|eval| eval.acc.len());
    let same = ["task", "arm"].iter().all(|field| a.about(field) == b.about(field)) && attempts(a) == attempts(b);
    let settings = match (&a.settings, &b.settings) {
        (Settings::Known(a), Settings::Known(b)) => {
            a.iter().filter(|pair| matters(pair.0)).eq(b.iter().filter(|pair| matters(pair.0)))
        }
        (Settings::Missing, Settings::Missing) => true,
        _ => false,
    };
    same && settings
}

/// Whether a key makes another experiment: the seed is what a repetition varies, and where a run is computed is not part of it.
fn matters(key: &str) -> bool {
    key != "train.seed" && !key.starts_with("machine.") && !key.starts_with("checkpoints.")
}
