//! Prints problems in the format of `palinode train --data`: one `{"prompt": ..., "answer": ...}` a line.
//!
//! `cargo run --release --bin make_problems > examples/data/sums.jsonl`

use palinode_core::rng::{RandomKey, Stream};

fn main() {
    let mut seen = std::collections::BTreeSet::new();
    for problem in 0.. {
        let draw = |token| RandomKey { problem, token, ..RandomKey::new(0, Stream::User) }.below(90) + 10;
        let (a, b) = (draw(0), draw(1));
        if seen.insert((a, b)) {
            println!("{{\"prompt\": \"{a}+{b}\", \"answer\": \"{}\"}}", a + b);
        }
        if seen.len() == 600 {
            break;
        }
    }
}
