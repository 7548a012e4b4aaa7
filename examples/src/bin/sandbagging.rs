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
    let rows: [(&str, Shaping, Credit); 6] = [
        ("per turn, alpha 10 (the method)", Shaping::progress_bonus(10.0)?, Credit::PerTurn),
        ("joint, alpha 1", Shaping::progress_bonus(1.0)?, Credit::Joint),
        ("joint, alpha 2", Shaping::progress_bonus(2.0)?, Credit::Joint),
        ("joint, alpha 10", Shaping::progress_bonus(10.0)?, Credit::Joint),
        ("discount 0.8, alpha 10", Shaping::progress_bonus(10.0)?, Credit::discounted(0.8)?),
        ("joint, telescoped alpha 10", Shaping::telescoped(10.0)?, Credit::Joint),
    ];
    println!("{:<34}{:>10}{:>10}   being wrong pays once P(fix) exceeds", "credit", "attempt 1", "attempt 2");
    for (name, shaping, credit) in rows {
        // Without naming the danger, the constructor refuses the corner that this example is about.
        let stage = StageTwo::with_credit(0.0, shaping, credit, true)?;
        let [first, second] = climb(&stage, &device);
        let threshold = match (shaping, credit) {
            (Shaping::Telescoped(_), _) | (_, Credit::PerTurn) => "never".to_owned(),
            _ => format!("{:.0} %", 100.0 * sandbagging_threshold(shaping.alpha(), credit.gamma(), 1.0)),
        };
        println!("{name:<34}{:>8.0} %{:>8.0} %   {threshold}", 100.0 * first, 100.0 * second);
    }
    Ok(())
}
