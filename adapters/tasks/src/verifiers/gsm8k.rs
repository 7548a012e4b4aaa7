//! Answers in the way of GSM8K (Cobbe et al. 2021, arXiv 2110.14168): steps, then `#### 72`.

use palinode_math::emphasis;

use super::{
    ByReference, TextVerifier, compare,
    number::{Number, Tolerance},
};

const MARKER: &str = "####";

/// Right when the final number is the reference's. The final number stands after the last `####`; a text without this mark may end in prose, and
/// its last number counts, unless it is a part of something larger: an operand of `20 - 2`, one of the several numbers of a row or a grid,
/// the cents of `5 dollars and 30 cents`, the argument of `twice 36`, or a bound (`5 or more`, or `at least 5` as all that is said).
#[derive(Debug, Clone, Copy, Default)]
pub struct Gsm8k;

impl TextVerifier for Gsm8k {
    fn by(&self, reference: &str) -> ByReference {
        compare(reference, final_number, |found, wanted| {
            let right = found.same_amount(wanted, &Tolerance::default());
            (right, if right { "the same final number" } else { "another final number" }.into())
        })
    }
}

/// Behind the mark stands one number, with its unit if it has one, as in `#### 72 apples`; the line ends it. Emphasis, a box, brackets or a final point
/// around it do not matter.
fn final_number(text: &str) -> Result<Number, String> {
    let text = emphasis::without_struck(text);
    match text.rsplit_once(MARKER) {
        Some((_, behind)) => {
            let line = behind.trim_start().lines().next().unwrap_or_default();
            Number::read(undressed(line)).map_err(|reason| format!("after {MARKER}: {reason}"))
        }
        None => Number::last(&text),
    }
}

fn undressed(line: &str) -> &str {
    // One dollar sign is that of money.
    let mathematics = line.matches('$').count() != 1;
    let dressing = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '`' | '=') || mathematics && c == '$';
    let line = emphasis::undressed(line.trim_matches(dressing));
    // Three points mean that more follows.
    let line = if line.ends_with("..") { line } else { line.trim_end_matches(['.', ',', '!', '。']).trim_matches(dressing) };
    line.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(line)
}
