//! Steps that take more problems than a file holds.

use std::collections::BTreeMap;

use palinode_core::{
    rng::{RandomKey, Stream},
    sampling::Sampling,
    task::{Problem, Split, Task},
    trajectory::{Group, Trajectory},
};
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tasks::{FileTask, Layout};
use palinode_text::TextTask;
use palinode_train::{
    config::TrainConfig,
    event::{Event, WarningKind},
    gradient::workers::Workers,
    play::{context, play, rollout_config},
    run::progress::Start,
    train,
};

/// Problems of a file, few enough to come again within a step.
fn task() -> FileTask {
    let file = tempfile::NamedTempFile::new().unwrap();
    let line = |i: usize| format!("{{\"prompt\": \"{i}+{i}=\", \"answer\": \"{}\"}}", 2 * i);
    std::fs::write(file.path(), (0..12).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    FileTask::load(file.path(), None, &Layout::default()).unwrap().with_max_answer(6).unwrap()
}

fn model(task: &FileTask) -> Decoder {
    let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 16, 1, 2, context(task, 2).unwrap());
    Decoder::new(&sizes, 0, &palinode_flex::device()).unwrap()
}

/// Problems as a step draws them: two epochs and a half.
fn step(task: &FileTask) -> Vec<Problem> {
    let problems = task.len(Split::Train).unwrap() * 5 / 2;
    (0..problems).map(|index| task.problem(0, Split::Train, index)).collect()
}

#[test]
fn a_problem_that_comes_again_is_played_anew_however_the_step_is_split() {
    let (task, key) = (task(), RandomKey { step: 3, ..RandomKey::new(5, Stream::StageOne) });
    let (model, problems) = (model(&task), step(&task));
    let rollouts = rollout_config(&task, 2, 2, Sampling::temperature(1.0).unwrap()).unwrap();
    let played = |threads, together| {
        let workers = Workers::new(threads).unwrap().with_decode_batch(together);
        play(&model, &task, &problems, &rollouts, key, &workers).unwrap()
    };
    let groups = played(1, 64);
    let mut by_problem: BTreeMap<u32, Vec<&[Trajectory]>> = BTreeMap::new();
    for group in &groups {
        by_problem.entry(group.problem().id()).or_default().push(group.trajectories());
    }
    assert!(by_problem.values().all(|times| times.len() >= 2));
    for times in by_problem.values() {
        assert!(times.windows(2).all(|pair| tokens(pair[0]) != tokens(pair[1])), "the same episodes twice");
    }
    let written = |groups: &[Group]| groups.iter().map(|group| tokens(group.trajectories())).collect::<Vec<_>>();
    for (threads, together) in [(1, 2), (2, 6), (3, 10)] {
        assert_eq!(written(&played(threads, together)), written(&groups), "{threads} threads, {together} together");
    }
}

fn tokens(episodes: &[Trajectory]) -> Vec<Vec<u32>> {
    episodes.iter().map(Trajectory::tokens).collect()
}

#[test]
fn a_step_that_is_larger_than_the_file_says_so_once() {
    let task = task();
    let all = task.len(Split::Train).unwrap() as usize;
    for (problems, expected) in [(all, 0), (all + 1, 1)] {
        let mut config = TrainConfig::default();
        config.set_warm_steps(0);
        (config.reinforce.steps_one, config.reinforce.steps_two) = (1, 1);
        (config.reinforce.problems, config.reinforce.samples) = (problems, 2);
        (config.evaluation.problems, config.evaluation.problems_between) = (2, 2);
        let mut events = Vec::new();
        train(Start::fresh(model(&task)), &task, &config, &Workers::new(1).unwrap(), &mut (), &mut events).unwrap();
        let said: Vec<&String> = events
            .iter()
            .filter_map(|event| match event {
                Event::Warning { kind: WarningKind::Repeats, message, .. } => Some(message),
                _ => None,
            })
            .collect();
        assert_eq!(said.len(), expected, "{said:?}");
        assert!(said.iter().all(|message| message.contains(&format!("there are {all} to train on"))), "{said:?}");
    }
}

/// A base without its evaluation is no place to start from; this was an arithmetic overflow.
#[test]
fn a_base_without_progress_is_refused() {
    let task = task();
    let mut start = Start::fresh(model(&task));
    start.base = Some(model(&task));
    let mut config = TrainConfig::default();
    config.set_warm_steps(0);
    let error = train(start, &task, &config, &Workers::new(1).unwrap(), &mut (), &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("progress"), "{error}");
}

/// A model that knows fewer ids than the task speaks of: refused by name, wherever the id stands.
#[test]
fn ids_that_the_model_does_not_know_are_refused() {
    let task = task();
    let known = task.dialogue().tokenizer().len();
    let sizes = DecoderConfig::small(known - 1, 16, 1, 2, context(&task, 2).unwrap());
    for warm in [0, 6] {
        let mut config = TrainConfig::default();
        config.set_warm_steps(warm);
        let model = Decoder::new(&sizes, 0, &palinode_flex::device()).unwrap();
        let error = train(Start::fresh(model), &task, &config, &Workers::new(1).unwrap(), &mut (), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains(&format!("is not below the vocabulary size {}", known - 1)), "{error}");
    }
}
