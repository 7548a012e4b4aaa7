//! Can a first attempt learn to be wrong, so that taking it back pays? Three numbers are enough to see it.
//!
//! A model that gets at most 60 % right at once and fixes at most half of its wrong answers, climbed by exact gradients of what each attempt is
//! credited with. The best it can do is 60 % at attempt 1 and 80 % at attempt 2.
//!
//! `cargo run --release -p palinode-examples --bin sandbagging`

use palinode_core::{
    Error, credit::Credit, laws::oracle::climb, objective::StageTwo, sandbagging::sandbagging_threshold, shaping::Shaping,
};

fn main() -> Result<(), Error> {
    let device = palinode_flex::device();
    let bonus = |alpha| Shaping::ProgressBonus { alpha };
    let rows: [(&str, Shaping, Credit); 6] = [
        ("per turn, alpha 10 (the method)", bonus(10.0), Credit::PerTurn),
        ("joint, alpha 1", bonus(1.0), Credit::Joint),
        ("joint, alpha 2", bonus(2.0), Credit::Joint),
        ("joint, alpha 10", bonus(10.0), Credit::Joint),
        ("discount 0.8, alpha 10", bonus(10.0), Credit::Discounted { gamma: 0.8 }),
        ("joint, telescoped alpha 10", Shaping::Telescoped { alpha: 10.0 }, Credit::Joint),
    ];
    println!("{:<34}{:>10}{:>10}   being wrong pays once P(fix) exceeds", "credit", "attempt 1", "attempt 2");
    for (name, shaping, credit) in rows {
        // Without naming the danger, the constructor refuses the corner that this example is about.
        let stage = StageTwo::with_credit(0.0, shaping, credit, true)?;
        let [first, second] = climb(&stage, &device);
        let threshold = match (shaping, credit) {
            (Shaping::Telescoped { .. }, _) | (_, Credit::PerTurn) => "never".to_owned(),
            _ => format!("{:.0} %", 100.0 * sandbagging_threshold(shaping.alpha(), credit.gamma(), 1.0)),
        };
        println!("{name:<34}{:>8.0} %{:>8.0} %   {threshold}", 100.0 * first, 100.0 * second);
    }
    Ok(())
}
