//! Is a verifier fit to be trained against? Three mistakes that people make, each caught with the smallest case that shows it.
//!
//! `cargo run --release -p palinode-examples --bin broken_verifier`

use palinode_core::{
    laws::{Broken, Laws, strategies},
    task::Problem,
    verifier::{Verdict, Verifier},
};

/// Digits, and two ids that an answer may hold besides.
const VOCABULARY: usize = 12;
/// Stands before the final answer.
const ANSWER_IS: u32 = 10;
const SPACE: u32 = 11;

/// Takes what stands behind the last marker, whatever its length, and compares as many tokens as there are.
struct ComparesAPrefix;

impl Verifier for ComparesAPrefix {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        let stated = answer.rsplit(|&token| token == ANSWER_IS).next().unwrap_or_default();
        let same = stated.iter().zip(problem.reference()).all(|(a, b)| a == b);
        if same { Verdict::Right } else { Verdict::Wrong }
    }
}

/// Pays for each right token, and forgot that an answer may be longer than the reference.
struct PaysByTheToken;

impl Verifier for PaysByTheToken {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        let right = answer.iter().filter(|token| problem.reference().contains(token)).count();
        Verdict::partial(right as f32 / problem.reference().len() as f32).expect("a share of the reference")
    }
}

/// Expects a marker, and the answer behind it.
struct Indexes;

impl Verifier for Indexes {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        let marker = answer.iter().position(|&token| token == ANSWER_IS).unwrap_or(0);
        if answer[marker + 1..] == *problem.reference() { Verdict::Right } else { Verdict::Wrong }
    }
}

/// The same job, done rightly: one marker at most, spaces around the answer do not count.
struct Sound;

impl Verifier for Sound {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        let mut parts = answer.split(|&token| token == ANSWER_IS);
        let stated = match (parts.next(), parts.next(), parts.next()) {
            (Some(stated), None, None) | (Some(_), Some(stated), None) => stated,
            _ => return Verdict::Unparseable,
        };
        let text: Vec<u32> = stated.iter().copied().filter(|&token| token != SPACE).collect();
        if text == problem.reference() { Verdict::Right } else { Verdict::Wrong }
    }
}

fn check(laws: &Laws, verifier: &dyn Verifier) -> Result<(), Broken> {
    // Problems whose references hold digits only, judged on any answer over the whole vocabulary and on near misses.
    let problems = strategies::problems(10);
    laws.verifier(verifier, strategies::judgements_of(strategies::problems(10), VOCABULARY))?;
    laws.verifier_knows_the_reference(verifier, problems)
}

fn main() {
    // The laws catch panics; their messages would only clutter what this prints.
    std::panic::set_hook(Box::new(|_| ()));
    let laws = Laws::new(&palinode_flex::device()).with_cases(256);
    let verifiers: [(&str, &dyn Verifier); 4] =
        [("ComparesAPrefix", &ComparesAPrefix), ("PaysByTheToken", &PaysByTheToken), ("Indexes", &Indexes), ("Sound", &Sound)];
    for (name, verifier) in verifiers {
        match check(&laws, verifier) {
            Ok(()) => println!("{name}: obeys the contract"),
            Err(broken) => println!("{name}: {broken}"),
        }
    }
    let spaced = |answer: &[u32]| [&[SPACE], answer, &[SPACE]].concat();
    let judgements = strategies::judgements_of(strategies::problems(10), VOCABULARY);
    match laws.verifier_ignores(&Sound, judgements, spaced) {
        Ok(()) => println!("Sound: ignores spaces around an answer"),
        Err(broken) => println!("Sound: {broken}"),
    }
}
