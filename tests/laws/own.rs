//! What palinode ships, held to the laws that it offers to others (`palinode_core::laws`).

use burn_tensor::FloatDType;
use palinode_core::{
    backend::Backend,
    credit::Credit,
    laws::strategies::judgements_of,
    objective::{Objective, StageOne, StageTwo},
    shaping::{Shaping, progress_bonus, telescoped_bonus},
    task::{Problem, Split},
};
use palinode_flex::Flex;
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tasks::{FileTask, Layout, Ledger, Sorting};
use palinode_tests::{Hashed, VOCABULARY, device, laws};
use palinode_text::TextTask;
use proptest::prelude::*;

/// Problems of a task, of both splits.
fn problems<'a>(task: &'a (dyn TextTask + 'a)) -> impl Strategy<Value = Problem> + Clone + 'a {
    (any::<u64>(), any::<bool>(), 0u64..1000)
        .prop_map(move |(seed, held_out, index)| task.problem(seed, if held_out { Split::HeldOut } else { Split::Train }, index))
}

fn obeys(task: &dyn TextTask) {
    let vocabulary = task.dialogue().tokenizer().len();
    laws().verifier(task, judgements_of(problems(task), vocabulary)).unwrap_or_else(|broken| panic!("{broken}"));
    laws().verifier_knows_the_reference(task, problems(task)).unwrap_or_else(|broken| panic!("{broken}"));
}

#[test]
fn verifiers_obey_their_contract() {
    obeys(&Ledger::new(8, 0.6).unwrap());
    obeys(&Sorting::new(6).unwrap());
}

#[test]
fn problems_of_a_file_obey_it_and_ignore_the_space_around_an_answer() {
    let lines = include_str!("../../examples/data/sums.jsonl");
    let spaced = lines.to_owned() + "{\"prompt\": \"what is it?\", \"answer\": \"a b\"}\n";
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("spaced.jsonl");
    std::fs::write(&path, spaced).unwrap();
    let task = FileTask::load(&path, None, &Layout::default()).unwrap();
    obeys(&task);
    let vocabulary = task.dialogue().tokenizer();
    let space = vocabulary.encode(" ").unwrap();
    laws()
        .verifier_ignores(&task, judgements_of(problems(&task), vocabulary.len()), |answer| [&space, answer, &space].concat())
        .unwrap_or_else(|broken| panic!("{broken}"));
}

#[test]
fn policies_obey_their_contract_in_every_type() {
    laws().policy(&Hashed::new(7, &device()), VOCABULARY, 1e-5).unwrap();
    laws().decoding(&Hashed::new(7, &device()), VOCABULARY, 1e-5).unwrap();
    for (kv_heads, tied) in [(1, false), (2, true)] {
        let sizes = DecoderConfig { kv_heads, tied, ..DecoderConfig::small(VOCABULARY, 16, 2, 2, 32) };
        for dtype in [FloatDType::F32, FloatDType::BF16, FloatDType::F16, FloatDType::F64] {
            let model = Decoder::new(&sizes, 3, &device()).unwrap().cast(dtype);
            let tolerance = Flex.tolerance(dtype).logprob;
            laws().with_cases(24).policy(&model, VOCABULARY, tolerance).unwrap_or_else(|broken| panic!("{dtype:?} {broken}"));
            laws().with_cases(24).decoding(&model, VOCABULARY, tolerance).unwrap_or_else(|broken| panic!("{dtype:?} {broken}"));
        }
    }
}

#[test]
fn bonuses_can_not_be_farmed() {
    for alpha in [0.0, 0.5, 10.0] {
        laws().bonus(|rewards| progress_bonus(rewards, alpha)).unwrap();
        laws().bonus(|rewards| telescoped_bonus(rewards, alpha)).unwrap();
    }
}

#[test]
fn objectives_obey_their_contract_and_the_control_does_not() {
    let bonus = Shaping::progress_bonus(10.0).unwrap();
    let telescoped = |credit| StageTwo::with_credit(0.1, Shaping::telescoped(10.0).unwrap(), credit, false).unwrap();
    let mild = StageTwo::with_credit(0.1, Shaping::progress_bonus(1.0).unwrap(), Credit::Joint, false).unwrap();
    let (one, two) = (StageOne::default(), StageTwo::default());
    let (joint, discounted) = (telescoped(Credit::Joint), telescoped(Credit::discounted(0.8).unwrap()));
    let objectives: [&dyn Objective; 5] = [&one, &two, &joint, &discounted, &mild];
    for objective in objectives {
        laws().objective(objective).unwrap_or_else(|broken| panic!("{broken}"));
    }
    laws().credit_is_per_turn(&one).unwrap();
    laws().credit_is_per_turn(&two).unwrap();
    assert!(laws().credit_is_per_turn(&joint).is_err());
    let control = StageTwo::with_credit(0.1, bonus, Credit::Joint, true).unwrap();
    assert_eq!(laws().objective(&control).unwrap_err().law(), "no attempt is paid for being worse");
}
