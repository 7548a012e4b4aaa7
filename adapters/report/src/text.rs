//! Escaping and number formats.

/// Makes untrusted text safe and visible in HTML and SVG, in elements and in quoted attributes.
///
/// Control characters become their Unicode pictures; bidirectional overrides, which can make text read as something
/// else, and code points XML forbids become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}')),
            '\u{7f}'..='\u{9f}' => out.push('\u{2421}'),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
    out
}

/// Shortens text to `max` characters, marking the cut.
pub(super) fn clip(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

/// "77.5 %", or a dash for a missing number.
pub(super) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| DASH.to_owned(), |value| format!("{value:.1}\u{a0}%"))
}

/// "77.5", or a dash for a missing number.
pub(super) fn plain(value: Option<f64>) -> String {
    value.map_or_else(|| DASH.to_owned(), |value| format!("{value:.1}").replace('-', MINUS))
}

/// "+23.1" or "−0.4", or a dash for a missing number.
pub(super) fn signed(value: Option<f64>) -> String {
    value.map_or_else(
        || DASH.to_owned(),
        |value| match format!("{:.1}", value.abs()) {
            zero if zero == "0.0" => zero,
            size if value < 0.0 => format!("{MINUS}{size}"),
            size => format!("+{size}"),
        },
    )
}

/// A count, its thousands set apart from ten thousand on.
pub(super) fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// "5 min 12 s".
pub(super) fn duration(seconds: f64) -> String {
    let (hours, minutes) = ((seconds / 3600.0).floor(), (seconds / 60.0).floor());
    if hours >= 1.0 {
        format!("{hours:.0} h {:.0} min", minutes - 60.0 * hours)
    } else if minutes >= 1.0 {
        format!("{minutes:.0} min {:.0} s", (seconds - 60.0 * minutes).floor())
    } else {
        format!("{seconds:.1} s")
    }
}

/// The reader's name of a stage.
pub(super) fn stage_name(stage: &str) -> &str {
    match stage {
        "base" => "Base",
        "stage_one" => "Stage I",
        "stage_two" => "Stage II",
        other => other,
    }
}

const DASH: &str = "–";
const MINUS: &str = "\u{2212}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_control_characters_are_shown() {
        assert_eq!(escape("<script>alert('1')</script>"), "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
        assert_eq!(escape("a\0b\u{1b}[0m"), "a\u{2400}b\u{241b}[0m");
        assert_eq!(escape("x\u{202e}y"), "x\u{fffd}y");
        assert_eq!(escape("\" onload=\"&"), "&quot; onload=&quot;&amp;");
    }

    #[test]
    fn clipping_counts_characters_not_bytes() {
        assert_eq!(clip("äöü", 3), "äöü");
        assert_eq!(clip("äöü", 2), "äö …");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(Some(77.5)), "77.5\u{a0}%");
        assert_eq!(percent(None), "–");
        assert_eq!(signed(Some(23.1)), "+23.1");
        assert_eq!(signed(Some(-0.44)), "\u{2212}0.4");
        assert_eq!(signed(Some(-0.04)), "0.0");
        assert_eq!(count(2000.0), "2000");
        assert_eq!(count(223_000.0), "223\u{202f}000");
        assert_eq!(duration(312.0), "5 min 12 s");
        assert_eq!(duration(7325.0), "2 h 2 min");
    }
}
