//! Which characters of one text have no counterpart in another.

/// Returns, for each character of `new`, whether it is new against `old`.
///
/// Short texts of equal length are compared position by position, other short texts by longest common subsequence of
/// characters, and long ones word by word.
pub fn changed(old: &str, new: &str) -> Vec<bool> {
    let (old_chars, new_chars): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
    if old_chars.len().max(new_chars.len()) > SHORT {
        let (old, new) = (words(old), words(new));
        let flags = unmatched(&old, &new);
        return new.iter().zip(flags).flat_map(|(word, flag)| word.chars().map(move |_| flag)).collect();
    }
    if old_chars.len() == new_chars.len() {
        return old_chars.iter().zip(&new_chars).map(|(old, new)| old != new).collect();
    }
    unmatched(&old_chars, &new_chars)
}

/// Splits a text into runs of letters and digits, and single other characters.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    for (index, character) in text.char_indices() {
        if !character.is_alphanumeric() {
            words.extend((start < index).then(|| &text[start..index]));
            words.push(&text[index..index + character.len_utf8()]);
            start = index + character.len_utf8();
        }
    }
    words.extend((start < text.len()).then(|| &text[start..]));
    words
}

/// Marks the items of `new` outside a longest common subsequence with `old`.
fn unmatched<T: PartialEq>(old: &[T], new: &[T]) -> Vec<bool> {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old_mid, new_mid) = (&old_rest[..old_rest.len() - tail], &new_rest[..new_rest.len() - tail]);
    let mut flags = vec![false; new.len()];
    let middle = &mut flags[head..head + new_mid.len()];
    middle.fill(true);
    if old_mid.len().saturating_mul(new_mid.len()) > MAX_CELLS {
        return flags;
    }
    let width = new_mid.len() + 1;
    let mut common = vec![0_u16; (old_mid.len() + 1) * width];
    for row in (0..old_mid.len()).rev() {
        for column in (0..new_mid.len()).rev() {
            common[row * width + column] = if old_mid[row] == new_mid[column] {
                common[(row + 1) * width + column + 1].saturating_add(1)
            } else {
                common[(row + 1) * width + column].max(common[row * width + column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < old_mid.len() && column < new_mid.len() {
        if old_mid[row] == new_mid[column] {
            middle[column] = false;
            (row, column) = (row + 1, column + 1);
        } else if common[(row + 1) * width + column] >= common[row * width + column + 1] {
            row += 1;
        } else {
            column += 1;
        }
    }
    flags
}

/// Texts up to this many characters are compared by character.
const SHORT: usize = 64;

/// No larger table is filled; the whole middle then counts as changed.
const MAX_CELLS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(old: &str, new: &str) -> String {
        new.chars().zip(changed(old, new)).filter_map(|(character, flag)| flag.then_some(character)).collect()
    }

    #[test]
    fn equal_lengths_are_compared_by_position() {
        assert_eq!(changed("1234", "1432"), [false, true, false, true]);
    }

    #[test]
    fn other_lengths_find_what_was_inserted() {
        assert_eq!(marked("12 + 30", "12 + 3 - 0"), " - ");
        assert_eq!(marked("", "ab"), "ab");
        assert_eq!(marked("ab", ""), "");
    }

    #[test]
    fn long_texts_are_compared_by_word() {
        let old = "the sum of all the payments in this ledger is one hundred and so the answer is 42.";
        let new = "the sum of all the payments in this ledger is two hundred and so the answer is 43.";
        assert_eq!(marked(old, new), "two43");
        assert_eq!(changed(old, new).len(), new.chars().count());
    }

    #[test]
    fn huge_differences_do_not_need_a_huge_table() {
        let (old, new) = ("a ".repeat(5000), "b,".repeat(5000));
        assert_eq!(changed(&old, &new).len(), 10_000);
    }
}
