use std::io::Write;

use super::*;

fn load(text: &[u8]) -> Result<JsonlTask, TaskError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    JsonlTask::load(file.path())
}

fn good(n: usize) -> String {
    (0..n).map(|i| format!("{{\"prompt\": \"{i}+1\", \"answer\": \" {} \"}}\n", i + 1)).collect()
}

#[test]
fn problems_are_read_split_and_verified() {
    let text = good(100) + "\n" + "{\"prompt\": \"3+1\", \"answer\": \"4\"}\n";
    let task = load(text.as_bytes()).unwrap();
    assert_eq!(task.duplicates(), 1);
    let (train, held) = (task.len(Split::Train).unwrap(), task.len(Split::HeldOut).unwrap());
    assert_eq!(train + held, 100);
    assert!((8..40).contains(&held), "{held}");
    let held: Vec<Problem> = (0..held).map(|i| task.problem(0, Split::HeldOut, i)).collect();
    for i in 0..train {
        let problem = task.problem(0, Split::Train, i);
        assert!(held.iter().all(|other| other.prompt() != problem.prompt()));
        assert_eq!(task.verify(&problem, problem.reference()), Verdict::Right);
        assert_eq!(task.verify(&problem, &[99, 98]), Verdict::Wrong);
        assert!(problem.reference().len() < task.answer_limit().max_tokens());
        assert_eq!(task.parse(&task.show_prompt(&problem)).unwrap(), problem);
    }
    assert_ne!(task.problem(0, Split::Train, 0), task.problem(0, Split::Train, train));
    assert!(task.parse("7+7").unwrap().reference().is_empty());
    assert!(task.parse("x").is_err());
}

#[test]
fn every_wrong_line_is_named() {
    for (line, part) in [
        ("{\"prompt\": \"a\"", "not JSON"),
        ("[1]", "not a JSON object"),
        ("{\"prompt\": \"a\"}", "\"answer\" is missing"),
        ("{\"prompt\": \"\", \"answer\": \"b\"}", "\"prompt\" is empty"),
        ("{\"prompt\": \"a\", \"answer\": 3}", "\"answer\" is not a string"),
        ("{\"promt\": \"a\", \"answer\": \"b\"}", "did you mean \"prompt\"?"),
        ("{\"prompt\": \"3+1\", \"answer\": \"5\"}", "the prompt of line 4 again"),
    ] {
        let error = load((good(10) + line).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("line 11: ") && error.contains(part), "{error}");
    }
    let error = load(&[good(10).as_bytes(), b"\xff\xfe"].concat()).unwrap_err().to_string();
    assert!(error.contains("line 11: not UTF-8"), "{error}");
    let error = load(&[good(10).as_bytes(), &vec![b' '; MAX_LINE + 2]].concat()).unwrap_err().to_string();
    assert!(error.contains("line 11: longer than"), "{error}");
}

#[test]
fn unusable_files_are_refused() {
    assert!(load(b"").unwrap_err().to_string().contains("holds no problem"));
    assert!(load(b"\n \n").unwrap_err().to_string().contains("holds no problem"));
    assert!(load(good(4).as_bytes()).unwrap_err().to_string().contains("at least 5"));
    assert!(matches!(JsonlTask::load(Path::new("/nowhere/at/all")), Err(TaskError::Io { .. })));
    assert!(load(good(5).as_bytes()).is_ok_and(|task| !task.is_empty(Split::Train) && !task.is_empty(Split::HeldOut)));
}
