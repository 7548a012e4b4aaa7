//! The two readings of a log, held together, and what no run wrote.

use std::fs;

use palinode_train::{
    arm::StageName,
    event::{self, EpisodeAttempt, Phase, StepMetrics, Summary, WarningKind},
    verdicts::{Example, VerdictTable},
};
use serde_json::json;

use super::*;

/// An event as the training loop writes it.
fn written(event: &Event) -> Logged {
    Logged::of(event).unwrap().unwrap()
}

fn verdicts() -> VerdictTable {
    serde_json::from_str(r#"[{"right":3,"wrong":1},{"right":4}]"#).unwrap()
}

/// Every number of it is another one.
fn step() -> Event {
    let mut step = StepMetrics::new(StageName::StageTwo, 5, 105);
    (step.reward, step.kl) = (vec![0.25, 0.5], vec![0.125, 0.0625]);
    (step.i_to_c, step.c_to_i, step.verdicts) = (0.75, 0.375, verdicts());
    Event::Step(Box::new(step))
}

fn eval() -> Event {
    let mut summary = Summary::of_accuracies(vec![40.0, 60.5]);
    (summary.i_to_c, summary.c_to_i, summary.changed) = (21.0, 0.5, 30.0);
    (summary.p_fix_wrong, summary.p_break_right, summary.n) = (Some(35.0), Some(1.25), 2000);
    (summary.verdicts, summary.examples) =
        (verdicts(), vec![Example { verdict: "wrong".into(), attempt: 2, ..Example::default() }]);
    Event::Eval { stage: StageName::StageOne, rl_step: 7, last: true, summary, seconds: 2.0 }
}

#[test]
fn what_a_report_shows_is_what_the_training_loop_wrote() {
    let num = |number| Num(Some(number));
    let Reported::Step(step) = written(&step()).reported().unwrap() else { panic!() };
    assert_eq!((step.stage.as_str(), step.rl_step, step.i_to_c, step.c_to_i), ("stage_two", num(105.0), num(0.75), num(0.375)));
    assert_eq!((step.reward, step.kl), (vec![num(0.25), num(0.5)], vec![num(0.125), num(0.0625)]));
    let counts = |verdicts: crate::verdicts::Verdicts| serde_json::to_value(verdicts.counts()).unwrap();
    assert_eq!(counts(step.verdicts), json!([{"right": 3, "wrong": 1}, {"right": 4}]));

    let Reported::Eval(eval) = written(&eval()).reported().unwrap() else { panic!() };
    assert_eq!((eval.stage.as_str(), eval.rl_step, eval.last, eval.n), ("stage_one", num(7.0), true, num(2000.0)));
    assert_eq!((eval.acc, eval.acc_t1, eval.acc_t2, eval.delta), (vec![num(40.0), num(60.5)], num(40.0), num(60.5), num(20.5)));
    assert_eq!((eval.i_to_c, eval.c_to_i, eval.changed), (num(21.0), num(0.5), num(30.0)));
    assert_eq!((eval.p_fix_wrong, eval.p_break_right), (num(35.0), num(1.25)));
    assert_eq!(counts(eval.verdicts), json!([{"right": 3, "wrong": 1}, {"right": 4}]));
    assert_eq!((eval.examples[0].verdict.as_str(), eval.examples[0].attempt), ("wrong", 2));

    let (kind, stage) = (WarningKind::Collapse, StageName::StageOne);
    let warning = Event::Warning { kind, stage, rl_step: 9, message: "words".into() };
    let Reported::Warning(warning) = written(&warning).reported().unwrap() else { panic!() };
    assert_eq!((warning.kind.as_str(), warning.stage.as_str(), warning.message.as_str()), ("collapse", "stage_one", "words"));
    assert_eq!(warning.step, num(9.0));

    let reached = Event::Stage { stage, phase: Phase::End, steps: 4, rl_step: 11 };
    let Reported::Stage(reached) = written(&reached).reported().unwrap() else { panic!() };
    assert_eq!((reached.stage.as_str(), reached.rl_step), ("stage_one", num(11.0)));

    let [version, task, arm] = ["1.2", "ledger", "score"].map(String::from);
    let run = Event::Run { version, task, arm, seed: 3, attempts: 2, parameters: 5, trainable: 5, steps: [1, 2] };
    let Reported::Run(about) = written(&run).reported().unwrap() else { panic!() };
    let fields = [("task", "ledger"), ("arm", "score"), ("seed", "3"), ("parameters", "5"), ("palinode", "1.2")];
    assert_eq!(about.fields(), fields.map(|(name, value)| (name, value.to_owned())));

    assert!(matches!(written(&Event::End { seconds: 1.0 }).reported().unwrap(), Reported::End));
}

#[test]
fn a_line_read_back_is_the_event_that_was_written() {
    for event in [step(), eval()] {
        let logged = written(&event);
        assert_eq!(logged.seconds, event.seconds());
        // When it happened stands in another file.
        let timeless = match event {
            Event::Eval { stage, rl_step, last, summary, .. } => Event::Eval { stage, rl_step, last, summary, seconds: 0.0 },
            other => other,
        };
        assert_eq!(logged.event().unwrap(), Some(timeless));
    }
}

#[test]
fn an_episode_shown_is_the_one_that_was_kept() {
    let mut kept = event::Episode::new(StageName::StageOne, 2, 12, 34);
    (kept.prompt, kept.reference) = ("2+2".into(), "4".into());
    kept.attempts = vec![EpisodeAttempt::new("5", "wrong"), EpisodeAttempt::new("4", "right")];
    kept.attempts[0].why = "5 is not 4".into();
    let line = LogLine::of_text(serde_json::to_vec(&kept).unwrap());
    let shown: Episode = line.read().unwrap();
    assert_eq!((shown.stage.as_str(), shown.rl_step, shown.problem()), ("stage_one", Num(Some(12.0)), Some("34".into())));
    assert_eq!((shown.prompt.as_deref(), shown.reference.as_deref()), (Some("2+2"), Some("4")));
    let attempts: Vec<_> = shown.attempts.iter().map(|a| (a.text.as_deref(), a.verdict.as_str(), a.why.as_str())).collect();
    assert_eq!(attempts, [(Some("5"), "wrong", "5 is not 4"), (Some("4"), "right", "")]);
}

/// The log of a run whose files hold these lines.
fn log(metrics: &str, times: &str) -> (tempfile::TempDir, RunLog) {
    let run = tempfile::tempdir().unwrap();
    fs::write(run.path().join(METRICS), metrics).unwrap();
    fs::write(run.path().join(TIMES), times).unwrap();
    let log = RunLog::open(run.path()).unwrap();
    (run, log)
}

#[test]
fn events_have_the_times_of_their_lines_and_the_last_time_is_the_runs() {
    let metrics = "{\"event\":\"warm\"}\n\n{\"event\":\"odd\"}\n{\"event\":\"step\",\"seconds\":7}\n{\"event\":\"end\"}";
    let times = "{\"line\":1,\"seconds\":0.5}\n{\"line\":3,\"seconds\":1.5}\n{\"line\":9,\"seconds\":3}\n{\"line\":";
    let (_run, mut log) = log(metrics, times);
    let mut seen = Vec::new();
    while let Some(logged) = log.next().unwrap() {
        seen.push((logged.line.number, logged.kind, logged.seconds));
    }
    let expected = [
        (1, EventKind::Warm, Some(0.5)),
        (3, EventKind::Other, Some(1.5)),
        (4, EventKind::Step, Some(7.0)),
        (5, EventKind::End, None),
    ];
    assert_eq!(seen, expected);
    assert_eq!(log.last_time().unwrap(), Some(3.0));
    assert!(log.next().unwrap().is_none() && !log.metrics.is_cut());
}

#[test]
fn lines_that_are_no_events_are_named_by_file_line_and_column() {
    let read_all = |metrics: &str, times: &str| {
        let (_run, mut log) = log(metrics, times);
        loop {
            match log.next() {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(log.metrics.is_cut()),
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    let good = "{\"event\":\"end\"}\n";
    for (line, words) in [
        ("[\"end\"]", "line 2: column 1: expected an object"),
        ("{\"step\":3}", "line 2: column 10: missing field `event`"),
        ("{\"event\":3}", "line 2: column 10: invalid type: integer `3`"),
        ("{\"event\":\"end\"", "line 2: column 14: EOF"),
    ] {
        let error = read_all(&format!("{good}{line}\n{good}"), "").unwrap_err();
        assert!(error.contains(&format!("{METRICS}, {words}")), "{error}");
        // As the last line of a killed run it is no damage.
        assert_eq!(read_all(&format!("{good}{line}"), ""), Ok(true), "{line}");
    }
    // A time that can't be read is one that was not kept.
    for times in ["nothing\n", "{\"line\":1,\"seconds\":null}\n", "{\"line\":1"] {
        assert_eq!(read_all(good, times), Ok(false), "{times}");
    }
}
