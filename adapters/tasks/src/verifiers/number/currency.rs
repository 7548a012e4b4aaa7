//! Currencies as units, by their signs and codes.

use palinode_math::{Suffix, suffix};

/// Signs and codes with the unit that each is, the longer ones first.
const CODES: [(&str, &str); 42] = [
    ("US dollars", "dollar"),
    ("U.S. dollars", "dollar"),
    ("Canadian dollars", "canadian dollar"),
    ("Australian dollars", "australian dollar"),
    ("US$", "dollar"),
    ("NT$", "taiwan dollar"),
    ("HK$", "hong kong dollar"),
    ("C$", "canadian dollar"),
    ("A$", "australian dollar"),
    ("R$", "brazilian real"),
    ("S$", "singapore dollar"),
    ("USD", "dollar"),
    ("EUR", "euro"),
    ("GBP", "sterling"),
    ("CNY", "yuan"),
    ("RMB", "yuan"),
    ("JPY", "yen"),
    ("INR", "rupee"),
    ("CHF", "franc"),
    ("KRW", "won"),
    ("CAD", "canadian dollar"),
    ("AUD", "australian dollar"),
    ("HKD", "hong kong dollar"),
    ("SGD", "singapore dollar"),
    ("TWD", "taiwan dollar"),
    ("BRL", "brazilian real"),
    ("Rs.", "rupee"),
    ("Rs", "rupee"),
    ("$", "dollar"),
    ("€", "euro"),
    ("£", "£"),
    ("¥", "¥"),
    ("₹", "rupee"),
    ("₩", "won"),
    ("₽", "ruble"),
    ("₺", "lira"),
    ("₫", "dong"),
    ("฿", "baht"),
    ("₦", "naira"),
    ("₱", "peso"),
    ("¢", "cent"),
    ("₪", "shekel"),
];
/// Units of money by their names, which count for the last number of a text.
const MONEY: [&str; 20] = [
    "dollar",
    "cent",
    "euro",
    "sterling",
    "yen",
    "yuan",
    "rupee",
    "franc",
    "won",
    "ruble",
    "peso",
    "penny",
    "canadian dollar",
    "australian dollar",
    "hong kong dollar",
    "singapore dollar",
    "taiwan dollar",
    "brazilian real",
    "£",
    "¥",
];

/// The currency whose code stands before an amount, and the amount. A lone sign is read with the number.
pub(super) fn before(text: &str) -> (Option<&'static str>, &str) {
    let amount = |rest: &&str| rest.trim_start().starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '−' | '.'));
    let code = CODES.iter().filter(|(code, _)| code.len() > 1 && code.is_ascii());
    let found = code.filter_map(|(code, unit)| Some((*unit, text.strip_prefix(code)?))).find(|(_, rest)| amount(rest));
    found.map_or((None, text), |(unit, rest)| (Some(unit), rest))
}

/// The currency whose sign is among the signs of a number.
pub(super) fn sign_in(written: &str) -> Option<&'static str> {
    CODES.iter().filter(|(code, _)| code.chars().count() == 1).find(|(code, _)| written.contains(code)).map(|(_, unit)| *unit)
}

/// The currency that a sign or code after an amount names.
pub(super) fn named(text: &str) -> Option<&'static str> {
    let text = text.strip_prefix('\\').unwrap_or(text);
    CODES.iter().find(|(code, _)| *code == text).map(|(_, unit)| *unit)
}

/// The currency of a number in prose: its sign, or the word after it.
pub(super) fn of(written: &str, after: &str) -> Option<String> {
    let behind = after.trim_start_matches([' ', '\u{a0}']);
    let word = &behind[..behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len())];
    let sign = behind.chars().next().map_or("", |c| &behind[..c.len_utf8()]);
    if let Some(unit) = sign_in(written).or_else(|| named(sign)).or_else(|| named(word)) {
        return Some(unit.to_owned());
    }
    match suffix(word) {
        Suffix::Unit(Some(unit)) if MONEY.contains(&unit.as_str()) => Some(unit),
        _ => None,
    }
}

/// Whether a sign that stands for several currencies may be this one: `£` is written for pounds, which are also weights, `¥` for yen and yuan.
pub(super) fn may_be(sign: &str, unit: &str) -> bool {
    sign == unit
        || match sign {
            "£" => matches!(unit, "pound" | "sterling"),
            "¥" => matches!(unit, "yen" | "yuan" | "元" | "円"),
            "yuan" => unit == "元",
            _ => false,
        }
}

/// Whether a sign before an amount and a unit after it may go together: `$5 CAD` and `£5 GBP`, not `$5 EUR`.
pub(super) fn go_together(sign: &str, unit: &str) -> bool {
    may_be(sign, unit) || sign == "dollar" && unit.ends_with(" dollar")
}
