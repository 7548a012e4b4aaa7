//! Numbers in words.

const UNITS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// The number below a hundred that words say: `ten`, `forty-two`.
pub(super) fn number(text: &str) -> Option<u32> {
    let lower = text.trim().to_lowercase();
    let place = |list: &[&str], word: &str| list.iter().position(|known| *known == word).and_then(|at| u32::try_from(at).ok());
    if let Some(unit) = place(&UNITS, &lower) {
        return Some(unit);
    }
    let (tens, unit) = lower.split_once(['-', ' ']).unwrap_or((&lower, "zero"));
    let unit = place(&UNITS[..10], unit)?;
    place(&TENS, tens).map(|tens| (tens + 2) * 10 + unit)
}
