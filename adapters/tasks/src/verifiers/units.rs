//! What may stand behind a number.

/// Known units. Those of one or two letters are compared with their case: `M` is no metre.
const KNOWN: &str = "\
 mm cm dm m km in ft yd mi millimeter centimeter decimeter meter kilometer millimetre centimetre metre kilometre inch inches foot feet yard mile \
 mg g kg t lb oz milligram gram kilogram ton tonne pound ounce ml mL cl dl l L milliliter liter millilitre litre gallon quart pint cup tablespoon teaspoon \
 s h min sec hr second minute hour day week month year decade century ms \
 usd eur gbp dollar cent euro buck pence penny pennies degree ° °C °F celsius fahrenheit \
 kmh mph W kW V A N J K Hz watt volt newton joule kelvin hertz";

/// Words around them.
const CONNECTING: &str = "square cubic per a an each ² ³";

/// Words that stand behind a number and change what it is.
const CHANGING: &str = "\
 and or to by plus minus times over point divided squared cubed root less more fewer than not negative below above at about almost nearly around approximately between \
 half halve third fourth quarter fifth sixth seventh eighth ninth tenth eleventh twelfth dozen score gross pair ten hundred thousand million billion trillion \
 hundredth thousandth millionth twenty one two three four five six seven eight nine zero k x y z n e i pi wrong unless maybe except of double triple doubled tripled";

/// Whether a number keeps its value in front of these words.
pub(super) fn leaves_value(unit: &str) -> bool {
    !words(unit).any(|word| listed(CHANGING, &word.to_lowercase()))
}

/// Whether a number may bear these words where the other has none: known units, or one word, such as `apples`.
pub(super) fn may_be_added(unit: &str) -> bool {
    is_known(unit) || words(unit).count() == 1 && unit.len() > 2 && leaves_value(unit)
}

/// Whether a word multiplies the number before it.
pub(super) fn multiplies(word: &str) -> bool {
    listed(
        "dozen score gross hundred thousand million billion trillion half halve third quarter fifth tenth hundredth thousandth",
        &word.to_lowercase(),
    )
}

/// Whether all words are units that are known.
fn is_known(unit: &str) -> bool {
    let known = |word: &str| if word.len() <= 2 { has(KNOWN, word) } else { listed(KNOWN, &word.to_lowercase()) };
    words(unit).any(known) && words(unit).all(|word| known(word) || has(CONNECTING, word))
}

/// Whether two units are the same text; case counts in abbreviations.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || a.len() > 2 && a.to_lowercase() == b.to_lowercase()
}

fn words(unit: &str) -> impl Iterator<Item = &str> {
    unit.split(|c: char| !(c.is_alphabetic() || matches!(c, '°' | '²' | '³'))).filter(|word| !word.is_empty())
}

/// Whether a word is in a list, in the singular or the plural.
fn listed(list: &str, word: &str) -> bool {
    let singular = [Some(word), word.strip_suffix('s'), word.strip_suffix("es")];
    singular.into_iter().flatten().any(|word| has(list, word))
}

fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_known_in_all_their_forms() {
        for unit in ["km", "inches", "square meters", "miles per hour", "dollars", "dollars each", "cm", "minutes", "m/s", "feet"]
        {
            assert!(is_known(unit) && leaves_value(unit), "{unit}");
        }
        for unit in ["M", "KM", "apples", "k", "e", "hours and"] {
            assert!(!is_known(unit), "{unit}");
        }
        for unit in [
            "millions",
            "dozens",
            "halves",
            "or more",
            "hundred-thousand",
            "and a half",
            "k",
            "thirds",
            "less than ten",
            "minus one",
        ] {
            assert!(!leaves_value(unit), "{unit}");
        }
        assert!(same("Miles", "miles") && !same("M", "m") && !same("mm", "Mm"));
    }
}
