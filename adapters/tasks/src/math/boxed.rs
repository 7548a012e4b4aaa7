//! The answer that a solution marks as its last.

/// The content of the last `\boxed{...}` or `\fbox{...}` in `text`, braces matched; of `\boxed 5` and `\boxed5`, the one token that follows.
/// None where there is no box, or where the last one's braces never close.
pub fn last_boxed(text: &str) -> Option<&str> {
    let start = ["\\boxed", "\\fbox"].into_iter().filter_map(|command| last_after(text, command)).max()?;
    let rest = text[start..].trim_start();
    match rest.strip_prefix('{') {
        Some(inside) => closing_brace(inside).map(|end| inside[..end].trim()),
        None => first_token(rest),
    }
}

/// Where the last `command` ends that is not the beginning of a longer name, such as `\fboxsep`.
fn last_after(text: &str, command: &str) -> Option<usize> {
    let ends = text.rmatch_indices(command).map(|(at, _)| at + command.len());
    ends.into_iter().find(|&end| !text[end..].starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// The offset of the brace that closes a group opened just before `text`.
pub(super) fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A command such as `\pi`, or one character.
fn first_token(text: &str) -> Option<&str> {
    let first = text.chars().next().filter(|&c| c != '}' && c != '$')?;
    let letters = text[first.len_utf8()..].bytes().take_while(u8::is_ascii_alphabetic).count();
    Some(&text[..first.len_utf8() + if first == '\\' { letters } else { 0 }])
}
