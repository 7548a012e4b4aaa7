//! What a reader must know before comparing the runs.

use super::{
    super::text::{count, escape},
    Entry, letters,
    settings::{Settings, differing},
};

/// Why the runs' numbers may not be compared, or only with care. HTML.
pub(super) fn notes(entries: &[Entry]) -> Vec<String> {
    let task = |entry: &Entry| entry.about("task");
    let problems: Vec<&str> = differing(entries).into_iter().filter(|key| key.starts_with("task.")).collect();
    let mut notes = Vec::new();
    if let Some(split) = split(entries, task) {
        notes.push(format!("<b>The tasks differ:</b> {split}. Accuracies on different problems must not be compared."));
    } else if !problems.is_empty() {
        let keys: Vec<String> = problems.iter().take(8).map(|key| format!("<code>{}</code>", escape(key))).collect();
        notes.push(format!(
            "<b>The problems differ:</b> {} not the same in all runs. Accuracies on different problems must not be compared.",
            keys.join(", ") + if problems.len() == 1 { " is" } else { " are" }
        ));
    }
    let attempts = |entry: &Entry| entry.run.result().map_or(0, |eval| eval.acc.len()).to_string();
    notes.extend(
        split(entries, attempts).map(|split| {
            format!("<b>The number of attempts differs:</b> {split}. acc@last is that of the last attempt of each.")
        }),
    );
    let evaluated = |entry: &Entry| entry.run.result().and_then(|eval| eval.n.0).map_or_else(|| "?".to_owned(), count);
    notes.extend(
        split(entries, evaluated)
            .map(|split| format!("<b>The number of held-out problems differs:</b> {split}. Intervals take it into account.")),
    );
    let steps = |entry: &Entry| count(entry.run.last_step());
    notes.extend(split(entries, steps).map(|split| format!("<b>The number of RL steps differs:</b> {split}.")));
    let mut some = |what: &str, fits: &dyn Fn(&Entry) -> bool| {
        let those = letters(entries.iter().filter(|entry| fits(entry)));
        notes.extend((!those.is_empty()).then(|| format!("<b>{what}:</b> {those}.")));
    };
    some("Not finished, shown as far as they got", &|entry| !entry.run.ended);
    some("The last evaluation is an intermediate one", &|entry| entry.run.result().is_some_and(|eval| !eval.last));
    some("Attempt 1 got worse in training, so that delta is not self-correction alone", &|entry| {
        super::super::table::weaker_first(&entry.run) == Some(true)
    });
    some("Without a config.toml", &|entry| matches!(entry.settings, Settings::Missing));
    some("With a config.toml that can't be read", &|entry| matches!(entry.settings, Settings::Unreadable));
    notes
}

/// Says which runs have which value; `None` when all have the same. HTML.
fn split(entries: &[Entry], value: impl Fn(&Entry) -> String) -> Option<String> {
    let mut values: Vec<(String, Vec<&Entry>)> = Vec::new();
    for entry in entries {
        let found = value(entry);
        match values.iter_mut().find(|(old, _)| *old == found) {
            Some((_, those)) => those.push(entry),
            None => values.push((found, vec![entry])),
        }
    }
    let said: Vec<String> =
        values.iter().map(|(value, those)| format!("{} in {}", escape(value), letters(those.iter().copied()))).collect();
    (said.len() > 1).then(|| said.join("; "))
}
