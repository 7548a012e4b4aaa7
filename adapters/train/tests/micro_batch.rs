//! How many episodes are scored together changes memory and speed, not what is learned.

use palinode_core::kl::KlEstimator;
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tasks::Ledger;
use palinode_text::TextTask;
use palinode_train::{config::TrainConfig, event::Event, gradient::workers::Workers, play::context, run::progress::Start, train};

/// Loss, gradient norm and KL of each attempt, step after step.
fn steps(micro_batch: usize, kl: KlEstimator) -> Vec<f64> {
    let (task, device) = (Ledger::new(4, 0.6).unwrap(), palinode_flex::device());
    let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 16, 1, 2, context(&task, 2).unwrap());
    let mut config = TrainConfig::default();
    (config.warm.steps_corrupted, config.warm.steps_sampled, config.warm.steps_habit, config.warm.sequences) = (3, 0, 0, 8);
    let rl = &mut config.reinforce;
    (rl.steps_one, rl.steps_two, rl.problems, rl.samples) = (2, 2, 5, 3);
    (rl.micro_batch, rl.kl) = (micro_batch, kl);
    (config.evaluation.problems, config.evaluation.problems_between) = (4, 4);
    let start = Start::fresh(Decoder::new(&sizes, 0, &device).unwrap());
    let mut events: Vec<Event> = Vec::new();
    train(start, &task, &config, &Workers::new(2).unwrap(), &mut (), &mut events).unwrap();
    let of = |event: &Event| match event {
        Event::Step(step) => [&[step.loss, step.grad_norm], &step.kl[..]].concat(),
        _ => Vec::new(),
    };
    events.iter().flat_map(of).collect()
}

#[test]
fn a_run_does_not_depend_on_it() {
    for kl in [KlEstimator::Exact, KlEstimator::K1] {
        let whole = steps(64, kl);
        assert_eq!(whole.len(), 4 * 4);
        // A group may be cut in two: 4 episodes are one group and a third of the next.
        for micro_batch in [1, 4] {
            for (a, b) in whole.iter().zip(steps(micro_batch, kl)) {
                assert!((a - b).abs() < 1e-4, "{micro_batch}: {a} and {b}");
            }
        }
    }
}
