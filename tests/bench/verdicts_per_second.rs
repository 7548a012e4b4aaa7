//! How many `\boxed{}` answers one core judges in a second: ordinary answers of many kinds, right and wrong, each read and compared afresh.
//!
//! `cargo run --release --bin verdicts_per_second`

use std::{error::Error, time::Instant};

use palinode::{
    core::verifier::Verdict,
    tasks::verifiers::{Boxed, Gsm8k, TextVerifier},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Our own problems in the layout of MATH: their solutions end in boxes of every kind.
const CONTEST: &str = include_str!("../../examples/data/contest.jsonl");
/// Our own problems in the layout of GSM8K.
const SCHOOL: &str = include_str!("../../examples/data/school.jsonl");

fn main() -> Result<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(2.0), |text| text.parse())?;
    report("boxed", &Boxed::default(), &solutions(CONTEST, "\"solution\": ")?, seconds);
    report("gsm8k", &Gsm8k, &solutions(SCHOOL, "\"answer\": ")?, seconds);
    Ok(())
}

/// The texts of one field, the last of each line.
fn solutions(lines: &str, field: &str) -> Result<Vec<String>> {
    let text = |line: &str| {
        let (_, value) = line.rsplit_once(field).ok_or("a line without its field")?;
        Ok(serde_json::from_str(value.trim_end_matches('}'))?)
    };
    lines.lines().map(text).collect()
}

/// Judges each solution by itself and by its neighbour's, over and over.
fn report(name: &str, verifier: &dyn TextVerifier, solutions: &[String], seconds: f64) {
    let (mut verdicts, mut right) = (0_u64, 0_u64);
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        for (i, solution) in solutions.iter().enumerate() {
            for reference in [solution, &solutions[(i + 1) % solutions.len()]] {
                right += u64::from(verifier.judge(solution, reference).verdict == Verdict::Right);
                verdicts += 1;
            }
        }
    }
    let rate = verdicts as f64 / start.elapsed().as_secs_f64();
    println!("{name}: {rate:.0} verdicts a second on one core, {:.1} % of them right", 100.0 * right as f64 / verdicts as f64);
}
