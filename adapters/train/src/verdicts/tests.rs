use palinode_core::{attempt::StopReason, trajectory::Trajectory};
use palinode_tasks::Ledger;

use super::*;

fn table(attempts: &[&[(&str, u64)]]) -> VerdictTable {
    VerdictTable::new(attempts.iter().map(|counts| counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()).collect())
}

#[test]
fn counts_are_told_from_the_best_to_the_worst_without_those_of_zero() {
    let counts = table(&[&[("wrong", 30), ("failed", 1), ("odd", 2), ("right", 60), ("partial", 0)], &[("truncated", 93)]]);
    assert_eq!(counts.in_words(2), "attempt 1: 60 right, 30 wrong, 1 failed, 2 odd; attempt 2: 93 truncated");
    assert_eq!((counts.total(), counts.count("wrong"), counts.share("truncated")), (186, 30, 0.5));
    assert_eq!((VerdictTable::default().in_words(2), VerdictTable::default().share("wrong")), (String::new(), 0.0));
    assert_eq!(table(&[&[("wrong", u64::MAX), ("right", 1)]]).total(), u64::MAX);
}

#[test]
fn older_logs_have_one_object_for_all_attempts() {
    let old: VerdictTable = serde_json::from_str(r#"{"right": 3, "wrong": 5}"#).unwrap();
    assert_eq!((old.in_words(2), old.total()), ("all attempts: 3 right, 5 wrong".into(), 8));
    let new: VerdictTable = serde_json::from_str(r#"[{"right": 3}, {"wrong": 5}]"#).unwrap();
    assert_eq!(new, table(&[&[("right", 3)], &[("wrong", 5)]]));
    assert_eq!(serde_json::to_string(&new).unwrap(), r#"[{"right":3},{"wrong":5}]"#);
    assert!(serde_json::from_str::<VerdictTable>("7").is_err());
}

/// Groups of one episode each, with these verdicts at its attempts.
fn groups(task: &dyn MultiTurnTask, episodes: &[[Verdict; 2]]) -> Vec<Group> {
    let group = |(index, verdicts): (u64, &[Verdict; 2])| {
        let problem = task.problem(0, palinode_core::task::Split::Train, index);
        let attempt = |verdict: Verdict| {
            let stop = if verdict == Verdict::Truncated { StopReason::Truncated } else { StopReason::FixedLength };
            Attempt::new(problem.reference().to_vec(), vec![0.0; problem.reference().len()], stop, verdict).unwrap()
        };
        let episode = Trajectory::new(problem.prompt().to_vec(), vec![], verdicts.map(attempt).into()).unwrap();
        Group::new(problem, vec![episode]).unwrap()
    };
    (0..).zip(episodes).map(group).collect()
}

#[test]
fn there_is_an_example_of_each_verdict_but_right_the_first() {
    use Verdict::{Failed, Right, Truncated, Unparseable, Wrong};
    let task = Ledger::new(4, 0.6).unwrap();
    let episodes = [[Right, Wrong], [Failed, Right], [Truncated, Verdict::partial(0.5).unwrap()], [Wrong, Unparseable]];
    let groups = groups(&task, &episodes);
    let found = some_of_each(&task, &Judges::new(None), &groups);
    let brief: Vec<(&str, usize)> = found.iter().map(|example| (example.verdict.as_str(), example.attempt)).collect();
    assert_eq!(brief, [("partial", 2), ("wrong", 2), ("unparseable", 2), ("truncated", 1), ("failed", 1)]);
    assert_eq!(found[1].problem, task.shown().show_prompt(groups[0].problem()));
    assert_eq!(found[3].why, "cut off after 4 tokens, before the answer ended");
    // Of two halves: what the whole would give.
    let [first, second] = [&groups[..2], &groups[2..]].map(|half| some_of_each(&task, &Judges::new(None), half));
    assert_eq!(merged(first, second), found);
    let counts = VerdictTable::from(&Transitions::of(groups.iter().flat_map(Group::trajectories)));
    assert_eq!(
        counts.in_words(2),
        "attempt 1: 1 right, 1 wrong, 1 truncated, 1 failed; attempt 2: 1 right, 1 partial, 1 wrong, 1 unparseable"
    );
}

#[test]
fn where_verdicts_are_few_there_are_three_examples_all_the_same() {
    use Verdict::{Right, Wrong};
    let task = Ledger::new(8, 0.1).unwrap();
    let places = |episodes: &[[Verdict; 2]]| -> Vec<(String, usize)> {
        let groups = groups(&task, episodes);
        let found = some_of_each(&task, &Judges::new(None), &groups);
        let of = |problem: &str| groups.iter().position(|group| task.shown().show_prompt(group.problem()) == problem).unwrap();
        found.iter().map(|example| (format!("{} {}", example.verdict, of(&example.problem)), example.attempt)).collect()
    };
    let at = |place: &str, attempt| (place.to_owned(), attempt);
    // Other problems first.
    let many = [[Wrong, Wrong], [Right, Right], [Wrong, Right], [Wrong, Wrong]];
    assert_eq!(places(&many), [at("wrong 0", 1), at("wrong 2", 1), at("wrong 3", 1)]);
    assert_eq!(places(&many[..3]), [at("wrong 0", 1), at("wrong 2", 1), at("wrong 0", 2)]);
    assert_eq!(places(&[[Right, Wrong], [Right, Right]]), [at("wrong 0", 2)]);
    assert!(places(&[[Right, Right]]).is_empty());
}

#[test]
fn a_long_text_keeps_its_ends() {
    assert_eq!(ends("abcdefghij", 10), "abcdefghij");
    assert_eq!(ends("abcdefghijk", 10), "abc … ijk");
    assert_eq!(shortened(&format!("so\n\n{} 72", "x ".repeat(999))).chars().count(), 199);
    let long = || "word ".repeat(40);
    let example = Example { verdict: "wrong".into(), attempt: 2, problem: long(), answer: long(), why: long() };
    let words = example.in_words(90);
    assert!(words.starts_with("wrong at attempt 2: word ") && words.chars().count() < 130, "{words}");
}
