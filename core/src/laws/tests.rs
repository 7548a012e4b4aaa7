//! Each law catches the mistake that it is about, and names a small case.

use alloc::{string::ToString, vec, vec::Vec};
use core::cell::Cell;

use burn_tensor::{Int, Tensor};

use super::{fixtures::*, strategies::*, *};
use crate::{
    advantage::group_mean,
    credit::Credit,
    error::Error,
    objective::{Objective, StageOne, StageTwo},
    policy::{Decode, Policy},
    shaping::{Shaping, progress_bonus},
    task::Problem,
    verifier::{Verdict, Verifier},
};

fn laws() -> Laws {
    Laws::new(&Device::flex())
}

fn broken(found: Result<(), Broken>) -> (&'static str, String) {
    let broken = found.expect_err("the law finds it");
    (broken.law(), broken.counterexample().into())
}

/// A verifier from a function.
struct Judge<F>(F);

impl<F: Fn(&Problem, &[u32]) -> Verdict> Verifier for Judge<F> {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        self.0(problem, answer)
    }
}

fn exact(problem: &Problem, answer: &[u32]) -> Verdict {
    if answer == problem.reference() { Verdict::Right } else { Verdict::Wrong }
}

#[test]
fn a_sound_verifier_passes() {
    laws().verifier(&Judge(exact), judgements(10)).unwrap();
    laws().verifier_knows_the_reference(&Judge(exact), problems(10)).unwrap();
    laws().verifier_ignores(&Judge(exact), judgements(10), <[u32]>::to_vec).unwrap();
}

#[test]
fn broken_verifiers_are_caught_with_a_small_case() {
    let of = |judge: &dyn Fn(&Problem, &[u32]) -> Verdict| broken(laws().verifier(&Judge(judge), judgements(10)));
    let indexing = |_: &Problem, answer: &[u32]| if answer[0] == 1 { Verdict::Right } else { Verdict::Wrong };
    let (law, case) = of(&indexing);
    assert_eq!(law, "a verifier never panics");
    assert!(case.ends_with("[])"), "the empty answer: {case}");

    let generous = |_: &Problem, answer: &[u32]| Verdict::partial(answer.len() as f32 / 4.0).expect("a share");
    let (law, case) = of(&generous);
    assert_eq!(law, "a verifier never panics");
    assert!(case.ends_with("[0, 0, 0, 0, 0])"), "one token more than pays all: {case}");

    let asked = Cell::new(0u32);
    let moody = |_: &Problem, _: &[u32]| {
        asked.set(asked.get() + 1);
        if asked.get().is_multiple_of(2) { Verdict::Right } else { Verdict::Wrong }
    };
    assert_eq!(of(&moody).0, "the same answer gets the same verdict");
    let last = Cell::new(0);
    let remembers = |_: &Problem, answer: &[u32]| if last.replace(answer.len()) == 5 { Verdict::Right } else { Verdict::Wrong };
    assert_eq!(of(&remembers).0, "the same answer gets the same verdict");
    let numbered = |problem: &Problem, _: &[u32]| if problem.id().is_multiple_of(2) { Verdict::Right } else { Verdict::Wrong };
    assert_eq!(of(&numbered).0, "the problem's id does not matter");
}

#[test]
fn verifiers_that_accept_nothing_or_everything_are_caught() {
    let of = |judge: fn(&Problem, &[u32]) -> Verdict| broken(laws().verifier_knows_the_reference(&Judge(judge), problems(10)));
    assert_eq!(of(|_, _| Verdict::Unparseable).0, "the reference is right");
    assert_eq!(of(|_, _| Verdict::Right).0, "an empty answer is not right");
    let padded = |answer: &[u32]| [answer, &[0]].concat();
    assert!(laws().verifier_ignores(&Judge(exact), judgements(10), padded).is_err());
}

/// [`Hashed`] with a fault.
struct Faulty {
    inner: Hashed,
    fault: Fault,
}

#[derive(PartialEq)]
enum Fault {
    None,
    /// Sees the whole row wherever it is asked.
    Future,
    /// Sees the other rows.
    Neighbours,
    /// Its logits are not numbers.
    NotANumber,
    /// Its cache forgets the first of several new tokens.
    Forgets,
    /// Its cache feeds the first rows instead of the named ones.
    WrongRows,
    /// Logits for one token too few.
    Short,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self { inner: Hashed::new(1, &Device::flex()), fault }
    }
}

impl Policy for Faulty {
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        let [rows, width] = tokens.dims();
        let last = |position: i32| (position / width as i32 + 1) * width as i32 - 1;
        let seen = match self.fault {
            Fault::Future => positions.into_data().iter::<i32>().map(last).collect(),
            _ => positions.into_data().iter::<i32>().collect::<Vec<i32>>(),
        };
        let states = self.inner.states(tokens, Tensor::from_data(&seen[..], &Device::flex()));
        match self.fault {
            Fault::Neighbours => states.mul_scalar(rows as f64),
            Fault::NotANumber => states.mul_scalar(f64::NAN),
            Fault::Short => states.narrow(1, 1, VOCABULARY - 1),
            _ => states,
        }
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        states
    }
}

impl Decode for Faulty {
    type Cache = Vec<Vec<u32>>;

    fn start(&self, prompts: &[&[u32]], samples: usize, capacity: usize) -> Result<(Self::Cache, Tensor<2>), Error> {
        self.inner.start(prompts, samples, capacity)
    }

    fn extend(&self, cache: &mut Self::Cache, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        match self.fault {
            Fault::Forgets if tokens[0].len() > 1 => {
                let kept: Vec<&[u32]> = tokens.iter().map(|new| &new[1..]).collect();
                self.inner.extend(cache, rows, &kept)
            }
            Fault::WrongRows => self.inner.extend(cache, &(0..rows.len()).collect::<Vec<_>>(), tokens),
            _ => self.inner.extend(cache, rows, tokens),
        }
    }
}

#[test]
fn a_sound_policy_passes() {
    let policy = Faulty::new(Fault::None);
    laws().policy(&policy, VOCABULARY, 1e-5).unwrap();
    laws().decoding(&policy, VOCABULARY, 1e-5).unwrap();
}

#[test]
fn broken_policies_are_caught() {
    let scoring = |fault| broken(laws().policy(&Faulty::new(fault), VOCABULARY, 1e-4)).0;
    assert_eq!(scoring(Fault::Future), "a position does not depend on later tokens");
    assert_eq!(scoring(Fault::Neighbours), "a row does not depend on other rows");
    assert_eq!(scoring(Fault::NotANumber), "probabilities sum to 1");
    assert_eq!(scoring(Fault::Short), "probabilities sum to 1");
    for fault in [Fault::Forgets, Fault::WrongRows] {
        let law = broken(laws().decoding(&Faulty::new(fault), VOCABULARY, 1e-4)).0;
        assert_eq!(law, "cached decoding equals a full forward pass");
    }
}

#[test]
fn bonuses_that_can_be_farmed_are_caught() {
    for alpha in [0.0, 1.0, 10.0] {
        laws().bonus(|rewards| progress_bonus(rewards, alpha)).unwrap();
    }
    let forward_only = |rewards: &PerAttempt| progress_bonus(rewards, 1.0).map(|bonus| bonus.max(0.0));
    let (law, case) = broken(laws().bonus(forward_only));
    assert_eq!(law, "there and back pays nothing");
    assert!(case.contains("shape: [1, 2, 2]"), "shrunk to two attempts: {case}");
    assert_eq!(broken(laws().bonus(PerAttempt::clone)).0, "a tie pays nothing");
    let centred = |rewards: &PerAttempt| progress_bonus(&group_mean(rewards), 1.0);
    assert_eq!(broken(laws().bonus(centred)).0, "an episode's bonus follows from its own rewards");
    assert_eq!(
        broken(laws().bonus(|rewards| rewards.map(|reward| reward * f64::INFINITY))).0,
        "a bonus is one finite number an attempt"
    );
}

/// An objective from a function.
struct Pays<F>(F, f64);

impl<F: Fn(&PerAttempt) -> PerAttempt> Objective for Pays<F> {
    fn returns(&self, rewards: &PerAttempt) -> PerAttempt {
        self.0(rewards)
    }

    fn betas(&self, attempts: usize) -> Vec<f64> {
        vec![self.1; attempts]
    }
}

#[test]
fn broken_objectives_are_caught() {
    let of = |objective: &dyn Objective| broken(laws().objective(objective)).0;
    laws().objective(&Pays(PerAttempt::clone, 0.1)).unwrap();
    assert_eq!(of(&Pays(PerAttempt::clone, -0.1)), "there is one KL weight of at least 0 an attempt");
    assert_eq!(of(&Pays(|rewards: &PerAttempt| rewards.map(|reward| -reward), 0.1)), "no attempt is paid for being worse");
    assert_eq!(of(&Pays(group_mean, 0.1)), "an episode's returns follow from its own rewards");
    let summed = |rewards: &PerAttempt| {
        let [p, g, _] = rewards.shape();
        PerAttempt::new([p, g, 1], rewards.episodes().map(|episode| episode.iter().sum()).collect()).unwrap()
    };
    assert_eq!(of(&Pays(summed, 0.1)), "there is one finite return an attempt");
    let endless = |rewards: &PerAttempt| rewards.map(f64::ln);
    assert_eq!(of(&Pays(endless, 0.1)), "there is one finite return an attempt");
}

#[test]
fn sandbagging_is_caught_three_ways() {
    let bonus = Shaping::progress_bonus(10.0).unwrap();
    let joint = StageTwo::with_credit(0.01, bonus, Credit::Joint, true).unwrap();
    let (law, case) = broken(laws().objective(&joint));
    assert_eq!(law, "no attempt is paid for being worse");
    assert!(case.contains("[0.0, 0.0]"), "two attempts: {case}");
    assert_eq!(broken(laws().credit_is_per_turn(&joint)).0, "later rewards do not reach earlier attempts");
    let found = laws().first_attempts_are_kept(&joint).unwrap_err();
    assert_eq!(found.law(), "the first attempt is not given up");
    assert!(found.reason().starts_with("P(y1 right) = 0.00 and P(y2 right) = 0.50"), "{found}");
}

#[test]
fn the_stages_pass() {
    let stages: [&dyn Objective; 2] = [&StageOne::default(), &StageTwo::default()];
    for stage in stages {
        laws().objective(stage).unwrap();
    }
    laws().credit_is_per_turn(&StageTwo::default()).unwrap();
    laws().first_attempts_are_kept(&StageTwo::default()).unwrap();
}

#[test]
fn the_same_seed_finds_the_same_case() {
    let find = |seed| {
        laws().with_seed(seed).with_cases(32).verifier(
            &Judge(|p: &Problem, _: &[u32]| if p.id().is_multiple_of(2) { Verdict::Right } else { Verdict::Wrong }),
            judgements(10),
        )
    };
    assert_eq!(find(3), find(3));
    let message = find(3).unwrap_err().to_string();
    assert!(
        message.contains("broken law: the problem's id does not matter") && message.contains("smallest counterexample"),
        "{message}"
    );
}
