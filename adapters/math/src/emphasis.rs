//! Marks around an answer: emphasis, code and headings of Markdown, tags, and pictures in a line of text.

use std::borrow::Cow;

/// Marks of emphasis and code, the longer ones first.
const MARKS: [&str; 8] = ["***", "**", "__", "```", "``", "*", "_", "`"];

/// The text without emphasis around all of it, signs of a heading, and pictures such as `✅` at its ends.
pub fn undressed(text: &str) -> &str {
    let mut rest = text.trim();
    loop {
        let mut next = rest.trim_matches(is_picture).trim();
        next = heading(next).unwrap_or(next);
        next = emphasised(next).or_else(|| tagged(next)).unwrap_or(next).trim();
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

/// What the signs of a heading stand before: `### 42`.
fn heading(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches('#');
    (rest.len() < text.len()).then_some(rest.strip_prefix(' ')?)
}

/// What stands between a pair of marks that encloses all of a text.
fn emphasised(text: &str) -> Option<&str> {
    MARKS.into_iter().find_map(|mark| {
        let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
        (!inner.trim().is_empty() && !inner.contains(mark)).then_some(inner)
    })
}

/// What stands in a pair of tags that encloses all of a text: `<answer>42</answer>`.
fn tagged(text: &str) -> Option<&str> {
    const TAGS: [&str; 8] = ["answer", "final_answer", "b", "strong", "i", "em", "code", "p"];
    let (name, rest) = text.strip_prefix('<')?.split_once('>')?;
    let inner = rest.strip_suffix('>')?.strip_suffix(name)?.strip_suffix("</")?;
    (TAGS.contains(&name) && !inner.trim().is_empty() && !inner.contains('<')).then_some(inner)
}

/// Whether a sign is only there to be looked at: an emoji, a bullet, or what selects their look; a cross says that something is wrong.
fn is_picture(c: char) -> bool {
    !matches!(c, '❌' | '❎' | '✗' | '✘' | '✕' | '✖') && is_symbol(c)
}

fn is_symbol(c: char) -> bool {
    matches!(c as u32, 0x1f000..=0x1faff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0xfe0e | 0xfe0f | 0x200b | 0x200d | 0x2060 | 0xfeff | 0x20e3)
        || matches!(c, '•' | '▪' | '■' | '●' | '◆' | '→')
}

/// The text without what is struck out, as `~~5~~` is.
pub fn without_struck(text: &str) -> Cow<'_, str> {
    if !text.contains("~~") {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("~~") {
        let inside = &rest[start + 2..];
        let Some(length) = inside.find("~~").filter(|&length| length > 0) else { break };
        kept.push_str(&rest[..start]);
        rest = inside[length + 2..].trim_start_matches('~');
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// The text without marks of strong emphasis and code within it: `**73** eggs` is `73 eggs`, and `10**3` stays a power. A mark opens where nothing that
/// could be an operand stands before it, and closes where none follows.
pub fn without_marks(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut open: Option<&str> = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mark = MARKS.into_iter().find(|mark| rest.starts_with(mark));
        let Some(mark) = mark else {
            plain.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        let behind = &rest[mark.len()..];
        let opens = open.is_none() && may_open(&plain) && closes_later(behind, mark);
        if opens || open == Some(mark) && may_close(behind) && !plain.ends_with(char::is_whitespace) {
            open = opens.then_some(mark);
        } else {
            plain.push_str(mark);
        }
        rest = behind;
    }
    plain
}

/// Whether a mark may open after this: no operand stands there.
fn may_open(before: &str) -> bool {
    let apart = before.is_empty() || before.ends_with(|c: char| c.is_whitespace() || !(c.is_alphanumeric() || is_closing(c)));
    apart && !before.trim_end().ends_with(|c: char| c.is_ascii_digit() || is_closing(c))
}

/// Whether a mark may close before this.
fn may_close(behind: &str) -> bool {
    behind.chars().next().is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '(' | '[' | '{' | '\\' | '^'))
}

fn is_closing(c: char) -> bool {
    matches!(c, ')' | ']' | '}')
}

/// Whether the same mark closes in this line, with something between that begins at once.
fn closes_later(behind: &str, mark: &str) -> bool {
    let near = &behind[..behind.char_indices().nth(MAX_SPAN).map_or(behind.len(), |(at, _)| at)];
    let line = near.lines().next().unwrap_or_default();
    let close = line.find(mark);
    !line.starts_with(char::is_whitespace) && close.is_some_and(|at| at > 0 && may_close(&line[at + mark.len()..]))
}

/// Longest emphasised text that is looked through, in characters.
const MAX_SPAN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_encloses_all_of_a_text_is_taken_off() {
        for (text, plain) in [
            ("**73**", "73"),
            ("__x__", "x"),
            ("*18 km*", "18 km"),
            ("`42`", "42"),
            ("***5***", "5"),
            ("### 42", "42"),
            ("✅ **73** 🎉", "73"),
            ("**1** and **2**", "**1** and **2**"),
            ("<answer> 42 </answer>", "42"),
            ("<b>42</b>", "42"),
            ("<answer>42", "<answer>42"),
            ("1<x>2", "1<x>2"),
            ("2**3", "2**3"),
            ("#5", "#5"),
            ("**", "**"),
            ("", ""),
        ] {
            assert_eq!(undressed(text), plain, "{text}");
        }
    }

    #[test]
    fn what_is_struck_out_is_gone() {
        for (text, kept) in [("~~5~~", ""), ("~~5~~ 6", " 6"), ("a~b", "a~b"), ("~~5", "~~5"), ("7 ~~8~~ or ~~9~~", "7  or ")] {
            assert_eq!(without_struck(text), kept, "{text}");
        }
    }

    #[test]
    fn marks_within_a_text_are_told_from_operators() {
        for (text, plain) in [
            ("**73** eggs", "73 eggs"),
            ("it is **73**.", "it is 73."),
            ("it is *73*", "it is 73"),
            ("10**3", "10**3"),
            ("10 **3** 4", "10 **3** 4"),
            ("2*3*4", "2*3*4"),
            ("2 * 3 * 4", "2 * 3 * 4"),
            ("x_1 + x_2", "x_1 + x_2"),
            ("1_000", "1_000"),
            ("`20` - `2`", "20 - 2"),
            ("**Total:** 5", "Total: 5"),
            ("**5", "**5"),
            ("(**5**)", "(5)"),
        ] {
            assert_eq!(without_marks(text), plain, "{text}");
        }
    }
}
