use std::{io::Write, path::PathBuf};

use super::*;

fn written(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::File::create(&path).unwrap().write_all(text.as_ref()).unwrap();
    path
}

fn load(text: impl AsRef<[u8]>) -> Result<FileTask, TaskError> {
    let folder = tempfile::tempdir().unwrap();
    FileTask::load(&written(folder.path(), "problems.jsonl", text), None, &Layout::default())
}

fn good(range: std::ops::Range<usize>) -> String {
    range.map(|i| format!("{{\"prompt\": \"{i}+1\", \"answer\": \" {} \"}}\n", i + 1)).collect()
}

#[test]
fn problems_are_read_split_and_verified() {
    let text = good(0..100) + "\n" + "{\"prompt\": \"3+1 \", \"answer\": 4, \"id\": 7}\n";
    let task = load(text).unwrap();
    assert_eq!((task.name(), task.duplicates(), task.unjudged()), ("problems", 1, &[][..]));
    let (train, held) = (task.len(Split::Train).unwrap(), task.len(Split::HeldOut).unwrap());
    assert_eq!(train + held, 100);
    assert!((8..40).contains(&held), "{held}");
    let held: Vec<Problem> = (0..held).map(|i| task.problem(0, Split::HeldOut, i)).collect();
    for i in 0..train {
        let problem = task.problem(0, Split::Train, i);
        assert!(held.iter().all(|other| other.prompt() != problem.prompt()));
        assert_eq!(task.verify(&problem, problem.reference()), Verdict::Right);
        assert_eq!(task.verify(&problem, &[99, 98]), Verdict::Wrong);
        assert!(problem.reference().len() < task.turns().limit().max_tokens());
        assert_eq!(task.parse(&task.show_prompt(&problem)).unwrap(), problem);
    }
    assert_ne!(task.problem(0, Split::Train, 0), task.problem(0, Split::Train, train));
    assert!(task.parse("7+7").unwrap().reference().is_empty());
    assert!(task.parse("x").is_err());
    assert!(task.with_max_answer(0).is_err());
}

/// A verifier that nothing may ask to read a reference again.
#[derive(Debug)]
struct Closed;

impl TextVerifier for Closed {
    fn by(&self, reference: &str) -> crate::verifiers::ByReference {
        panic!("`{reference}` is read again")
    }
}

#[test]
fn references_are_read_once() {
    let mut task = load(good(0..20)).unwrap();
    task.verifier = Arc::new(Closed);
    let detached = task.detached().unwrap();
    for index in 0..40 {
        let problem = task.problem(3, Split::Train, index);
        let typed = task.parse(&task.show_prompt(&problem)).unwrap();
        for verdict in [task.verify(&problem, problem.reference()), detached.verify(&typed, problem.reference())] {
            assert_eq!(verdict, Verdict::Right);
        }
        assert_eq!(detached.verify(&problem, &[]), Verdict::Wrong);
    }
}

#[test]
fn an_epoch_is_a_function_of_seed_and_number() {
    let (task, again) = (load(good(0..40)).unwrap(), load(good(0..40)).unwrap());
    let n = task.len(Split::Train).unwrap();
    for epoch in 0..3 {
        let ids =
            |task: &FileTask| (epoch * n..(epoch + 1) * n).map(|i| task.problem(5, Split::Train, i).id()).collect::<Vec<_>>();
        assert_eq!(ids(&task), ids(&again), "wherever it is picked up");
        let mut all = ids(&task);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len() as u64, n, "each problem once an epoch");
    }
}

#[test]
fn a_problem_keeps_its_side_when_the_file_grows() {
    let (small, large) = (load(good(0..50)).unwrap(), load(good(0..300)).unwrap());
    let prompts = |task: &FileTask, split| task.problems(split).iter().map(|p| task.show_prompt(p)).collect::<Vec<_>>();
    let held = prompts(&large, Split::HeldOut);
    assert!(prompts(&small, Split::HeldOut).iter().all(|prompt| held.contains(prompt)));
    assert!(prompts(&small, Split::Train).iter().all(|prompt| !held.contains(prompt)));
}

#[test]
fn every_line_that_is_no_row_is_named() {
    for (line, part) in [("{\"prompt\": \"a\"", "cut off"), ("prompt: a", "not JSON"), ("[1]", "a JSON array")] {
        let error = load(good(0..10) + line).unwrap_err().to_string();
        assert!(error.contains("line 11: ") && error.contains(part), "{error}");
    }
    let error = load([good(0..10).as_bytes(), b"\xff\xfe"].concat()).unwrap_err().to_string();
    assert!(error.contains("line 11: ") && error.contains("UTF-8"), "{error}");
}

#[test]
fn rows_that_are_no_problems_are_left_out_and_named() {
    let wrong = [
        ("{\"prompt\": \"a\"}", "no field \"answer\""),
        ("{\"prompt\": \"\", \"answer\": \"b\"}", "\"prompt\" is empty"),
        ("{\"prompt\": null, \"answer\": \"b\"}", "\"prompt\" is null"),
        ("{\"prompt\": \"a\", \"answer\": \" \"}", "\"answer\" is empty"),
        ("{\"prompt\": \"a\", \"answer\": null}", "\"answer\" is null"),
        ("{\"prompt\": \"a\", \"answer\": NaN}", "\"answer\" is null"),
        ("{\"prompt\": \"a\", \"answer\": [3, 4]}", "\"answer\" is a list, not a string"),
        ("{\"prompt\": 3, \"answer\": 3}", "\"prompt\" is a number, not a string"),
        ("{\"prompt\": [{\"role\": \"tool\", \"content\": \"a\"}], \"answer\": 3}", "message 1: is of a tool"),
        ("{\"prompt\": \"3+1\", \"answer\": \"5\"}", "the prompt of line 4 again, with another answer"),
    ];
    for (line, part) in wrong {
        let task = load(good(0..10) + line).unwrap();
        assert_eq!((task.problems(Split::Train).len() + task.problems(Split::HeldOut).len(), task.unjudged().len()), (10, 1));
        let shown = task.unjudged()[0].to_string();
        assert!(shown.starts_with("line 11: ") && shown.contains(part), "{shown}");
    }
    let all: String = wrong.map(|(line, _)| format!("{line}\n")).concat();
    let places = |task: &FileTask| task.unjudged().iter().map(|doubtful| doubtful.place.clone()).collect::<Vec<_>>();
    assert_eq!(places(&load(good(0..10) + &all).unwrap()), (11..=20).map(|line| format!("line {line}")).collect::<Vec<_>>());
    let error = load(good(0..9) + &all).unwrap_err().to_string();
    assert!(error.contains("line 10: no field \"answer\"") && error.contains("in 10 of 19 rows"), "{error}");
    let error = load("{\"promt\": \"a\", \"answer\": \"b\"}\n".to_owned() + &good(0..10)).unwrap_err().to_string();
    assert!(error.contains("line 1: no field \"prompt\" (did you mean `promt`?)"), "{error}");
}

#[test]
fn unusable_files_are_refused() {
    assert!(load("").unwrap_err().to_string().contains("holds no problem"));
    assert!(load("\n \n").unwrap_err().to_string().contains("holds no problem"));
    assert!(load(good(0..4)).unwrap_err().to_string().contains("at least 5"));
    assert!(matches!(
        FileTask::load(Path::new("/nowhere/at/all"), None, &Layout::default()),
        Err(TaskError::Rows(RowsError::Io { .. }))
    ));
    assert!(load(good(0..5)).is_ok_and(|task| !task.is_empty(Split::Train) && !task.is_empty(Split::HeldOut)));
}

#[test]
fn a_second_file_is_held_out_and_may_share_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let train = written(folder.path(), "train.jsonl", good(0..20));
    let csv: String = "answer,prompt\n".to_owned() + &(20..30).map(|i| format!("{},{i}+1\n", i + 1)).collect::<String>();
    let held = written(folder.path(), "test.csv", csv);
    let task = FileTask::load(&train, Some(&held), &Layout::default()).unwrap();
    assert_eq!((task.len(Split::Train), task.len(Split::HeldOut)), (Some(20), Some(10)));
    let shared = written(folder.path(), "shared.csv", "answer,prompt\n31,30+1\n8,7 + 1\n8,7+1\n");
    let error = FileTask::load(&train, Some(&shared), &Layout::default()).unwrap_err().to_string();
    assert!(error.contains("shared.csv: line 4: ") && error.contains("train.jsonl, line 8 again"), "{error}");
}

#[test]
fn references_that_can_not_be_judged_are_left_out_and_named() {
    let row = |i: usize, answer: &str| format!("{{\"question\": \"what is {i}?\", \"answer\": \"{answer}\"}}\n");
    let readable: String = (0..10).map(|i| row(i, &format!("so\\n#### {i}"))).collect();
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::named("gsm8k").unwrap();
    let path = written(folder.path(), "own.jsonl", readable.clone() + &row(10, "#### many"));
    let task = FileTask::load(&path, None, &layout).unwrap();
    let unjudged = task.unjudged();
    assert_eq!((unjudged.len(), unjudged[0].place.as_str()), (1, "line 11"));
    assert!(unjudged[0].because.contains("not one number"), "{:?}", unjudged[0]);
    assert_eq!(task.problems(Split::Train).len() + task.problems(Split::HeldOut).len(), 10);
    for problem in task.problems(Split::Train).iter().chain(task.problems(Split::HeldOut)) {
        assert_eq!(task.verify(problem, problem.reference()), Verdict::Right);
        assert!(task.explain(problem, problem.reference()).unwrap().starts_with("right: "));
        assert!(task.show_prompt(problem).starts_with("what is"));
    }
    let path = written(folder.path(), "none.jsonl", (0..10).map(|i| row(i, "who knows")).collect::<String>());
    let error = FileTask::load(&path, None, &layout).unwrap_err().to_string();
    assert!(error.contains("the verifier `gsm8k` can judge by 0 of 10 references; line 1"), "{error}");
}

#[test]
fn a_repeated_prompt_may_spell_its_answer_in_another_way() {
    let text = good(0..10) + "{\"prompt\": \"3+1\", \"answer\": \"4.0\"}\n";
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "own.jsonl", &text);
    let numeric = Layout { verifier: "numeric".parse().unwrap(), ..Layout::default() };
    assert_eq!(FileTask::load(&path, None, &numeric).unwrap().duplicates(), 1);
    let exact = load(text).unwrap();
    assert_eq!((exact.duplicates(), exact.unjudged().len()), (0, 1), "another text is another answer");
}

#[test]
fn layouts_find_their_fields() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..9)
        .map(|i| format!("{{\"extra\": {{\"question\": \"{i} halves\"}}, \"gold\": [\"\\\\frac{{{i}}}{{2}}\"]}}\n"))
        .collect();
    let path = written(folder.path(), "own.jsonl", rows);
    let layout = Layout {
        prompt: "extra.question".into(),
        answer: "gold.0".into(),
        solution: None,
        verifier: "math".parse().unwrap(),
        decimal_comma: false,
    };
    let task = FileTask::load(&path, None, &layout).unwrap();
    let problem = task.parse("6 halves").unwrap();
    let answer = task.dialogue().tokenizer().encode(r"\frac{6}{2}").unwrap();
    assert_eq!(problem.reference(), answer);
    assert!(Layout::named("gsm8").unwrap_err().to_string().contains("did you mean `gsm8k`?"));
}

#[test]
fn every_verifier_judges_by_what_it_can_read() {
    let folder = tempfile::tempdir().unwrap();
    // The verifier, a reference, and whether it would be right as an answer.
    for (verifier, reference, is_answer) in [
        ("exact", "a", true),
        ("numeric", "5", true),
        ("gsm8k", "#### 5", true),
        ("boxed", "1/2", false),
        ("boxed", r"\\boxed{1/2}", true),
        ("math", "1/2", true),
        ("choice", "B", true),
        ("pattern", "colou?r", false),
        ("json", r#"{\"a\": 5}"#, true),
    ] {
        let rows: String = (0..10).map(|i| format!("{{\"prompt\": \"p{i}\", \"answer\": \"{reference}\"}}\n")).collect();
        let path = written(folder.path(), "own.jsonl", rows);
        let layout = Layout { verifier: verifier.parse().unwrap(), ..Layout::default() };
        let task = FileTask::load(&path, None, &layout).unwrap_or_else(|error| panic!("{verifier}: {error}"));
        assert_eq!(task.problems(Split::Train).len() + task.problems(Split::HeldOut).len(), 10, "{verifier}");
        assert_eq!((task.unjudged().len(), task.not_answers().len()), (0, if is_answer { 0 } else { 10 }), "{verifier}");
        let problem = task.parse("p3").unwrap();
        assert_eq!(task.verify(&problem, problem.reference()).is_right(), is_answer, "{verifier}");
    }
}

#[test]
fn conversations_are_problems_with_their_own_system_message() {
    let row = |i: usize| {
        let system =
            if i.is_multiple_of(2) { String::new() } else { format!("{{\"role\": \"system\", \"content\": \"clerk {i}\"}}, ") };
        format!("{{\"prompt\": [{system}{{\"role\": \"user\", \"content\": \"{i}+1\"}}], \"answer\": \"{}\"}}\n", i + 1)
    };
    let again = "{\"prompt\": \"2+1\", \"answer\": \"3\"}\n";
    let task = load((0..20).map(row).collect::<String>() + again).unwrap();
    assert_eq!(task.duplicates(), 1, "a list of one user's message is the same problem as its text");
    let all = || task.problems(Split::Train).iter().chain(task.problems(Split::HeldOut));
    assert_eq!(all().count(), 20);
    let vocabulary = task.dialogue().tokenizer().vocabulary().unwrap();
    for problem in all() {
        let conversation = task.conversation(problem).unwrap();
        assert_eq!(conversation.system().is_none(), conversation.is_plain());
        assert_eq!(&task.parse(&task.show_prompt(problem)).unwrap(), problem);
        let said: usize = conversation.texts().map(|text| text.len() + 1).sum();
        assert_eq!((problem.prompt().len(), problem.prompt().last()), (said, Some(&vocabulary.answer())));
        assert_eq!(problem.prompt().contains(&vocabulary.end()), conversation.system().is_some());
    }
    // On which side a problem is depends on the question alone.
    let plain = load(good(0..20)).unwrap();
    let sides = |task: &FileTask| {
        task.problems(Split::HeldOut).iter().map(|p| task.conversation(p).unwrap().problem().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(sides(&task), sides(&plain));
}

#[test]
fn a_decimal_comma_that_can_not_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = "prompt;answer\n".to_owned() + &(0..10).map(|i| format!("p{i};{i},5\n")).collect::<String>();
    let path = written(folder.path(), "sheet.csv", rows);
    let layout = |decimal_comma| Layout { verifier: "numeric".parse().unwrap(), decimal_comma, ..Layout::default() };
    let error = FileTask::load(&path, None, &layout(false)).unwrap_err().to_string();
    assert!(error.contains("line 2: ") && error.contains("decimal commas, set `decimal_comma`"), "{error}");
    let task = FileTask::load(&path, None, &layout(true)).unwrap();
    let problem = task.parse("p3").unwrap();
    assert_eq!(task.show_answer(problem.reference()), "3.5");
}

#[test]
fn a_worked_solution_is_taught_where_the_verifier_finds_it_right() {
    let folder = tempfile::tempdir().unwrap();
    let row = |i: usize, solution: &str| format!("{{\"prompt\": \"{i}+1\", \"answer\": \"{}\"{solution}}}\n", i + 1);
    let worked: String = (0..12).map(|i| row(i, &format!(", \"solution\": \"one more than {i} is {}\"", i + 1))).collect();
    let others = [", \"solution\": \"it is 7\"", ", \"solution\": [1]", ", \"solution\": null", ", \"solution\": \" \"", ""];
    let others: String = (20..).zip(others).map(|(i, solution)| row(i, solution)).collect();
    let path = written(folder.path(), "own.jsonl", worked + &others);
    let numeric = Layout { verifier: "gsm8k".parse().unwrap(), ..Layout::default() };
    let task = FileTask::load(&path, None, &numeric).unwrap();
    assert_eq!((task.worked(), task.duplicates(), task.unjudged().len(), task.not_answers().len()), (12, 0, 0, 0));
    let told: Vec<String> = task.not_solutions().iter().map(ToString::to_string).collect();
    assert!(told.len() == 2 && told[0].starts_with("line 13: it is 7 (wrong: 7 is not 21"), "{told:?}");
    assert_eq!(told[1], "line 14: \"solution\" is a list, not a string");
    assert_eq!(task.not_taught(), task.not_solutions());
    let text = |problem: &Problem| task.show_answer(problem.demonstration());
    for problem in [Split::Train, Split::HeldOut].iter().flat_map(|split| task.problems(*split)) {
        assert_eq!(task.verify(problem, problem.demonstration()), Verdict::Right);
        assert!(problem.demonstration().len() < task.turns().limit().max_tokens());
    }
    assert_eq!(text(&task.parse("3+1").unwrap()), "one more than 3 is 4");
    assert_eq!(text(&task.parse("20+1").unwrap()), "21", "a wrong one is not taught");

    // Another field, or none; one that is the answer's own is no solution beside it.
    for (solution, found) in [(Some("nowhere"), 0), (None, 0), (Some("answer"), 0), (Some("solution"), 12)] {
        let layout = Layout { solution: solution.map(Into::into), ..numeric.clone() };
        assert_eq!(FileTask::load(&path, None, &layout).unwrap().worked(), found, "{solution:?}");
    }
    // A reference that is not right as an answer can be taught by a solution that is.
    let boxed: String =
        (0..8).map(|i| format!("{{\"prompt\": \"p{i}\", \"answer\": \"{i}\", \"solution\": \"\\\\boxed{{{i}}}\"}}\n")).collect();
    let path = written(folder.path(), "boxed.jsonl", boxed + "{\"prompt\": \"q\", \"answer\": \"9\"}\n");
    let task = FileTask::load(&path, None, &Layout { verifier: "boxed".parse().unwrap(), ..Layout::default() }).unwrap();
    let taught: Vec<&str> = task.not_taught().iter().map(|doubtful| doubtful.place.as_str()).collect();
    assert_eq!((task.not_answers().len(), task.worked(), taught), (9, 8, vec!["line 9"]));
}
