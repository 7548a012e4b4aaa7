//! Numbers as much of the world writes them: 1.234,5.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// The only number of a text: digits, perhaps in groups of three, then a comma and more digits.
static ONE_NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let digits = r"[0-9]{1,3}(?:[. '\u{A0}\u{202F}][0-9]{3})+|[0-9]+";
    Regex::new(&format!("^([^0-9]*)({digits})(?:,([0-9]+))?([^0-9]*)$")).expect("a pattern of ours")
});

/// A text whose only number has a decimal comma, with a point in its place and without marks between groups of digits; any other text as it is.
pub(super) fn with_point(text: &str) -> Cow<'_, str> {
    let Some(parts) = ONE_NUMBER.captures(text) else { return text.into() };
    let digits: String = parts[2].chars().filter(char::is_ascii_digit).collect();
    let fraction = parts.get(3).map_or_else(String::new, |fraction| format!(".{}", fraction.as_str()));
    format!("{}{digits}{fraction}{}", &parts[1], &parts[4]).into()
}

/// Whether a text looks like one number with a decimal comma that groups of digits can't explain.
pub(crate) fn has_decimal_comma(text: &str) -> bool {
    let parts = ONE_NUMBER.captures(text);
    parts.is_some_and(|parts| parts.get(3).is_some_and(|fraction| fraction.len() != 3 || parts[2].len() > 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_comma_becomes_a_point() {
        for (text, expected) in [
            ("4,5", "4.5"),
            ("-0,25", "-0.25"),
            ("1.234,5 €", "1234.5 €"),
            ("1.234", "1234"),
            ("1 234 567,8", "1234567.8"),
            ("12\u{A0}345,6", "12345.6"),
            ("also\n#### 4,5 kg", "also\n#### 4.5 kg"),
            ("4.5", "4.5"),
            ("7", "7"),
            ("4,5 und 6", "4,5 und 6"),
            ("vier", "vier"),
            ("", ""),
            ("1,5,2", "1,5,2"),
        ] {
            assert_eq!(with_point(text), expected);
        }
        for (text, expected) in
            [("4,5", true), ("1.234,567", true), ("1234,567", true), ("4,567", false), ("4.5", false), ("4,5 oder 6", false)]
        {
            assert_eq!(has_decimal_comma(text), expected, "{text}");
        }
    }
}
