//! Writing systems: digits and signs of others than ASCII, and letters that are written without spaces between words.

use std::borrow::Cow;

/// The zeros of all decimal digits of Unicode 14 but ASCII's; the other nine follow each.
const ZEROS: [u32; 65] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20, 0x1040,
    0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0,
    0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650,
    0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec,
    0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// The text with digits of all scripts, and the signs among them, in ASCII: `４２` and `٤٢` are `42`, `٣٫٥` is `3.5`.
pub fn ascii_digits(text: &str) -> Cow<'_, str> {
    // A superscript is no digit here, and a minus is told apart from a dash.
    if text.chars().any(|c| ascii(c).is_some()) {
        Cow::Owned(text.chars().map(|c| ascii(c).unwrap_or(c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The digit or sign in ASCII, where it is another's.
fn ascii(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    Some(match c {
        '٫' => '.',
        '٬' => ',',
        '٪' => '%',
        // Full-width signs, in the order of ASCII: `！` to `／` and `：` to `｝`; `～` is that of a range.
        '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff5d}' => {
            char::from_u32(c as u32 - 0xfee0)?
        }
        '￥' => '¥',
        '￡' => '£',
        '￦' => '₩',
        '‐' | '‑' | '﹣' => '-',
        _ => {
            let zero = ZEROS.partition_point(|&zero| zero <= c as u32).checked_sub(1).map(|at| ZEROS[at])?;
            char::from_digit((c as u32 - zero).min(10), 10)?
        }
    })
}

/// Whether a letter may stand beside a number without being a part of it, as Chinese, Japanese, Korean and Thai write: `共42元`. Latin, Greek and
/// Cyrillic letters are names beside a number, as in `x2`.
pub fn stands_beside(c: char) -> bool {
    let later = matches!(c as u32, 0x590..=0x1dff | 0x2e80..=0xa63f | 0xa8e0..=0xab2f | 0xabc0..=0xfaff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff | 0xff66..=0xffdc | 0x20000..=0x3ffff);
    later && c.is_alphabetic() && !matches!(c as u32, 0x1c80..=0x1c8f | 0x1d00..=0x1dbf)
}

/// What changes a number before it: `3万`, `3个半`, `3分之2`, `3以上`, `3배`.
const CHANGING: [&str; 33] = [
    "万", "萬", "亿", "億", "兆", "京", "千", "仟", "百", "佰", "十", "拾", "倍", "半", "折", "割", "成", "多", "余", "餘", "几",
    "幾", "点", "點", "分之", "分の", "以上", "以下", "以内", "未満", "未满", "より", "超",
];
const CHANGING_KOREAN: [&str; 8] = ["만", "억", "조", "천", "백", "배", "이상", "이하"];
/// What changes a number after it: `3分之2`, `负3`, `マイナス3`, `千5`.
const CHANGED: [&str; 26] = [
    "分之",
    "分の",
    "又",
    "负",
    "負",
    "减",
    "減",
    "マイナス",
    "零下",
    "点",
    "點",
    "十",
    "百",
    "千",
    "万",
    "萬",
    "亿",
    "億",
    "兆",
    "만",
    "억",
    "천",
    "백",
    "마이너스",
    "음수",
    "不是",
];

/// Whether a text in letters that stand beside numbers is a counter such as `元`, `个苹果` or `です`, and says nothing of the number's size.
pub fn is_counter(text: &str) -> bool {
    !text.is_empty() && text.chars().all(stands_beside) && !changing().any(|word| text.contains(word))
}

/// Whether what follows a number at once changes it, perhaps after one counter.
pub fn changes_number_before(after: &str) -> bool {
    let second = after.chars().next().filter(|&c| stands_beside(c)).map(|first| &after[first.len_utf8()..]);
    changing().any(|word| after.starts_with(word) || second.is_some_and(|after| after.starts_with(word)))
}

/// Whether what stands at once before a number changes it.
pub fn changes_number_behind(before: &str) -> bool {
    CHANGED.iter().any(|word| before.ends_with(word))
}

fn changing() -> impl Iterator<Item = &'static str> {
    CHANGING.into_iter().chain(CHANGING_KOREAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_all_scripts_are_read() {
        for (text, ascii) in [
            ("４２．５％", "42.5%"),
            ("٤٢", "42"),
            ("۴۲", "42"),
            ("४२", "42"),
            ("৪২", "42"),
            ("๔๒", "42"),
            ("１，２５０", "1,250"),
            ("٣٫٥", "3.5"),
            ("𝟒𝟐", "42"),
            ("42 元 x²", "42 元 x²"),
        ] {
            assert_eq!(ascii_digits(text), ascii, "{text}");
        }
        assert!(ZEROS.is_sorted());
        assert!(ZEROS.iter().all(|&zero| char::from_u32(zero).and_then(ascii) == Some('0')));
        assert!(ZEROS.iter().all(|&zero| char::from_u32(zero + 9).and_then(ascii) == Some('9')));
        assert!(ascii('元').is_none() && ascii('²').is_none() && ascii('½').is_none());
    }

    #[test]
    fn letters_beside_numbers_are_those_of_scripts_without_spaces() {
        assert!("元です개बजेمترחלקบาท".chars().filter(|c| c.is_alphabetic()).all(stands_beside));
        assert!(!"xXαяéｘ𝑥2 。，ờ".chars().any(stands_beside));
        assert!(is_counter("个苹果") && is_counter("です") && !is_counter("万") && !is_counter("个半") && !is_counter(""));
        assert!(changes_number_before("万元") && changes_number_before("个半") && !changes_number_before("元。"));
        assert!(changes_number_behind("是负") && changes_number_behind("3分の") && !changes_number_behind("答えは"));
    }
}
