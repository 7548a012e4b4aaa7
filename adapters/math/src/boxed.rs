//! The answer that a solution marks as its last.

use crate::doubt::doubt;

/// Commands that draw a box.
const COMMANDS: [&str; 2] = ["\\boxed", "\\fbox"];

/// The content of the last `\boxed{...}` or `\fbox{...}` in `text`, braces matched; of `\boxed 5` and `\boxed5`, the one token that follows.
/// Where that box stands within others, the outermost of them counts, as `\boxed{-\boxed{5}}` is not 5.
/// None where there is no box, or where the last one's braces never close.
pub fn last_boxed(text: &str) -> Option<&str> {
    let start = COMMANDS.into_iter().filter_map(|command| last_after(text, command)).max()?;
    let rest = text[start..].trim_start();
    let last = match rest.strip_prefix('{') {
        Some(inside) => closing_brace(inside).map(|end| inside[..end].trim())?,
        None => first_token(rest)?,
    };
    Some(outermost(text, start).unwrap_or(last))
}

/// The content of the last box, as [`last_boxed`] finds it, where a text gives it as its one answer; None where there is no box that ends.
///
/// # Errors
/// Why it is none: boxes that `or`, `and` or a comma joins, a box that stands after `not` or is said to be wrong, one with an alternative after it.
pub fn final_boxed(text: &str) -> Result<Option<&str>, &'static str> {
    let Some(content) = last_boxed(text) else { return Ok(None) };
    // Both are places in the same text.
    let start = content.as_ptr() as usize - text.as_ptr() as usize;
    let Some(command) = COMMANDS.into_iter().filter_map(|command| text[..start].rfind(command)).max() else {
        return Ok(Some(content));
    };
    let before = &text[..command];
    let other = last_boxed(before).map(|other| other.as_ptr() as usize - text.as_ptr() as usize + other.len());
    doubt(text, other, command..start + content.len()).map_or(Ok(()), Err)?;
    Ok(Some(content))
}

/// Where the last `command` ends that is not the beginning of a longer name, such as `\fboxsep`.
fn last_after(text: &str, command: &str) -> Option<usize> {
    let ends = text.rmatch_indices(command).map(|(at, _)| at + command.len());
    ends.into_iter().find(|&end| !text[end..].starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// The content of the outermost box that opens before `inner` and closes after it.
fn outermost(text: &str, inner: usize) -> Option<&str> {
    let first = COMMANDS.into_iter().filter_map(|command| Some(text.find(command)? + command.len())).min()?;
    if first == inner {
        return None;
    }
    let bytes = text.as_bytes();
    // Open groups: where the content begins, if it is that of a box.
    let mut open: Vec<Option<usize>> = Vec::new();
    // How many of them are open all the way from before `inner`.
    let mut around = usize::MAX;
    let (mut at, mut boxed, mut found) = (0, false, None);
    while at < bytes.len() && around > 0 {
        if at >= inner {
            around = around.min(open.len());
        }
        if let Some(length) = box_command(&bytes[at..]) {
            (boxed, at) = (true, at + length);
            continue;
        }
        match bytes[at] {
            // The second backslash of `\\boxed` may begin the command.
            b'\\' if box_command(&bytes[at + 1..]).is_none() => at += 1,
            b'{' => open.push(boxed.then_some(at + 1)),
            b'}' => {
                let closed = open.pop().flatten();
                if at >= inner && open.len() < around {
                    found = closed.map(|start| text[start..at].trim()).or(found);
                }
            }
            _ => {}
        }
        boxed &= bytes.get(at).is_some_and(u8::is_ascii_whitespace);
        at += 1;
    }
    found
}

/// The length of the command that begins a box here.
fn box_command(bytes: &[u8]) -> Option<usize> {
    let command = COMMANDS.into_iter().find(|command| bytes.starts_with(command.as_bytes()))?;
    (!bytes.get(command.len()).is_some_and(u8::is_ascii_alphabetic)).then_some(command.len())
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
