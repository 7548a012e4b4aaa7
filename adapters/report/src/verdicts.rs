//! How often each verdict was given: read from a run's log, and shown as a table with an example of each.

use palinode_core::verifier::Verdict;
use palinode_train::verdicts::Example;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    log::{ABSURD, Eval, MAX_ATTEMPTS},
    run::Run,
    table::{small_share, table_start},
    text::{clip, count, escape, stage_name},
};

/// Attempts by verdict: of each attempt the verdicts that were given and how often, from the best to the worst.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdicts {
    pub(super) attempts: Vec<Vec<(String, f64)>>,
    /// Whether the log tells those of all attempts together, as older ones do; there is then one entry.
    pub(super) together: bool,
}

impl Verdicts {
    /// Adds others; those of attempts together with some that are told apart are all together.
    pub(super) fn add(&mut self, other: &Self) {
        self.together |= other.together;
        for (index, given) in other.attempts.iter().enumerate() {
            let index = if self.together { 0 } else { index };
            self.attempts.resize(self.attempts.len().max(index + 1), Vec::new());
            given.iter().for_each(|(name, number)| self.put(index, name, *number));
        }
        if self.together {
            for given in self.attempts.split_off(self.attempts.len().min(1)) {
                given.iter().for_each(|(name, number)| self.put(0, name, *number));
            }
        }
    }

    fn put(&mut self, attempt: usize, name: &str, number: f64) {
        let given = &mut self.attempts[attempt];
        let room = given.len() < MAX_KINDS;
        match given.iter_mut().find(|(known, _)| known == name) {
            Some((_, total)) => *total += number,
            None if room => given.push((name.to_owned(), number)),
            None => {}
        }
        given.sort_by_key(|(name, _)| place(name));
    }

    /// How often a verdict was given, at all attempts.
    pub(super) fn total_of(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        self.attempts.iter().flatten().filter(|(name, _)| wanted(name)).map(|(_, number)| number).sum()
    }

    /// All names, at whatever attempt, from the best verdict to the worst.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.attempts.iter().flatten() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names.sort_by_key(|name| place(name));
        names
    }

    /// The same in whole numbers, for other programs.
    pub(super) fn counts(&self) -> Vec<std::collections::BTreeMap<String, u64>> {
        let whole = |given: &Vec<(String, f64)>| given.iter().map(|(name, number)| (name.clone(), *number as u64)).collect();
        self.attempts.iter().map(whole).collect()
    }
}

impl<'de> Deserialize<'de> for Verdicts {
    /// Whatever else stands there is no count.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = |counts: &Map<String, Value>| {
            let number = |value: &Value| value.as_f64().filter(|number| (0.0..ABSURD).contains(number) && *number > 0.0);
            let named = counts.iter().filter_map(|(name, value)| Some((clip(name, 40), number(value)?))).take(MAX_KINDS);
            let mut given: Vec<(String, f64)> = named.collect();
            given.sort_by_key(|(name, _)| place(name));
            given
        };
        Ok(match Value::deserialize(deserializer)? {
            Value::Object(all) if !all.is_empty() => Self { attempts: vec![given(&all)], together: true },
            Value::Array(attempts) => {
                let attempts = attempts.iter().take(MAX_ATTEMPTS).map(|counts| counts.as_object().map_or_else(Vec::new, given));
                Self { attempts: attempts.collect(), together: false }
            }
            _ => Self::default(),
        })
    }
}

/// Reads a list of examples that may be null, keeping some of each.
pub(super) fn examples<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Example>, D::Error> {
    let mut list = Option::<Vec<Example>>::deserialize(deserializer)?.unwrap_or_default();
    list.truncate(MAX_KINDS);
    for Example { verdict, problem, answer, why, .. } in &mut list {
        *verdict = clip(verdict, 40);
        [problem, answer, why].into_iter().for_each(|text| *text = clip(text, MAX_TEXT));
    }
    Ok(list)
}

/// The section: a row for each verdict at each attempt, a column for each stage, and the examples of the last. HTML; empty where no evaluation tells.
pub(super) fn section(run: &Run) -> String {
    let rows: Vec<&Eval> = run.rows.iter().filter(|row| !row.verdicts.attempts.is_empty()).collect();
    if rows.is_empty() {
        return String::new();
    }
    let training = Some(&run.training).filter(|training| !training.together && !training.attempts.is_empty());
    let mut out = format!("<section><h2>Verdicts</h2>{}<th scope=\"col\">Attempts</th>", table_start("Attempts by verdict"));
    for row in &rows {
        out.push_str(&format!("<th scope=\"col\">{}<small>held out</small></th>", escape(stage_name(&row.stage))));
    }
    out.push_str(if training.is_some() { "<th scope=\"col\">Training<small>sampled</small></th>" } else { "" });
    out.push_str("</tr></thead><tbody>");
    let columns: Vec<&Verdicts> = rows.iter().map(|row| &row.verdicts).chain(training).collect();
    for attempt in 0..columns.iter().map(|column| column.attempts.len()).max().unwrap_or(0) {
        out.push_str(&of_attempt(attempt, &columns));
    }
    out.push_str("</tbody></table></div>");
    out.push_str(NOTE);
    let shown = rows.last().map_or_else(String::new, |row| shown(&row.examples));
    format!("{out}{shown}</section>")
}

/// The rows of one attempt, of the verdicts that were given at it anywhere.
fn of_attempt(attempt: usize, columns: &[&Verdicts]) -> String {
    let mut all = Verdicts::default();
    for column in columns {
        all.add(&Verdicts { attempts: column.attempts.get(attempt).into_iter().cloned().collect(), together: false });
    }
    let row = |name: &str| {
        let cells: String = columns.iter().map(|column| cell(column.attempts.get(attempt), name)).collect();
        format!("<tr><th scope=\"row\">{} at attempt {}</th>{cells}</tr>", escape(name), attempt + 1)
    };
    all.names().into_iter().map(row).collect()
}

/// How often, and its share of the attempt's.
fn cell(given: Option<&Vec<(String, f64)>>, name: &str) -> String {
    let Some(given) = given else { return "<td>–</td>".to_owned() };
    let number = given.iter().find(|(known, _)| known == name).map_or(0.0, |(_, number)| *number);
    let all: f64 = given.iter().map(|(_, number)| number).sum();
    format!("<td>{}{}</td>", count(number), small_share(100.0 * number / all.max(1.0)))
}

/// The examples, to be unfolded. HTML.
fn shown(examples: &[Example]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    let one = |example: &Example| {
        let Example { verdict, attempt, problem, answer, why } = example;
        let why =
            if why.is_empty() { String::new() } else { format!("<div class=\"row\"><dt>Why</dt><dd>{}</dd></div>", escape(why)) };
        format!(
            "<dl class=\"example\"><div class=\"row\"><dt><b>{}</b> at attempt {attempt}</dt></div>\
             <div class=\"row\"><dt>Problem</dt><dd><code>{}</code></dd></div>\
             <div class=\"row\"><dt>Answer</dt><dd><code>{}</code></dd></div>{why}</dl>",
            escape(verdict),
            escape(problem),
            escape(answer)
        )
    };
    let all: String = examples.iter().map(one).collect();
    format!("<details><summary>Examples of what was not right, from the last evaluation</summary>{all}</details>")
}

fn place(name: &str) -> usize {
    Verdict::NAMES.iter().position(|known| *known == name).unwrap_or(Verdict::NAMES.len())
}

const NOTE: &str = "<p class=\"note\">Every attempt has one verdict. Only <i>right</i> earns the whole reward, and <i>partial</i> a part of it; out of one that is \
    <i>unparseable</i> no answer could be read, a <i>truncated</i> one met its length limit, and by one that <i>failed</i> the verifier itself could not judge.</p>";

/// At most this many verdicts of an attempt are told apart, and as many examples kept.
const MAX_KINDS: usize = 12;

/// Characters kept of a text of an example.
const MAX_TEXT: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Verdicts {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn any_log_is_read_and_only_counts_are_kept() {
        let new = read(r#"[{"wrong":3,"right":5,"odd":0},{"truncated":2,"x":"y","n":-1}]"#);
        assert_eq!(new.attempts, [vec![("right".into(), 5.0), ("wrong".into(), 3.0)], vec![("truncated".into(), 2.0)]]);
        let old = read(r#"{"right":3,"failed":1}"#);
        assert!(old.together && old.total_of(|name| name == "failed") == 1.0);
        for nothing in ["null", "7", "\"x\"", "{}", "[]"] {
            assert_eq!(read(nothing), Verdicts::default(), "{nothing}");
        }
        let many: Vec<String> = (0..500).map(|i| format!("\"{}{i}\":1", "x".repeat(i % 90))).collect();
        assert_eq!(read(&format!("[{{{}}}]", many.join(","))).attempts[0].len(), MAX_KINDS);
        assert_eq!(read(&format!("[{}1]", "{},".repeat(500))).attempts.len(), MAX_ATTEMPTS);
    }

    #[test]
    fn counts_of_attempts_add_up_and_older_ones_are_all_together() {
        let mut all = Verdicts::default();
        all.add(&read(r#"[{"right":1},{"right":2,"failed":1}]"#));
        all.add(&read(r#"[{"wrong":4},{"right":2}]"#));
        assert_eq!(all, read(r#"[{"right":1,"wrong":4},{"right":4,"failed":1}]"#));
        assert_eq!(all.names(), ["right", "wrong", "failed"]);
        all.add(&read(r#"{"right":10}"#));
        assert_eq!(all, Verdicts { together: true, ..read(r#"[{"right":15,"wrong":4,"failed":1}]"#) });
    }
}
