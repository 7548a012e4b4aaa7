//! Units after a number, brought to one name each.

/// Units by their usual names, each line one unit; the first name is the one kept.
const UNITS: [&[&str]; 47] = [
    &["cm", "centimeter", "centimetre"],
    &["mm", "millimeter", "millimetre"],
    &["km", "kilometer", "kilometre"],
    &["m", "meter", "metre"],
    &["inch", "inches", "in"],
    &["foot", "feet", "ft"],
    &["yard", "yd"],
    &["mile", "mi"],
    &["mph", "miles per hour", "mile per hour"],
    &["kph", "km/h", "kilometers per hour"],
    &["m/s", "meters per second"],
    &["kg", "kilogram"],
    &["g", "gram"],
    &["mg", "milligram"],
    &["pound", "lb"],
    &["ounce", "oz"],
    &["ton"],
    &["l", "liter", "litre"],
    &["ml", "milliliter", "millilitre"],
    &["gallon", "gal"],
    &["cup"],
    &["second", "sec", "s"],
    &["minute", "min"],
    &["hour", "hr", "h"],
    &["day"],
    &["week"],
    &["month"],
    &["year", "yr"],
    &["dollar", "usd"],
    &["cent"],
    &["degree", "deg"],
    &["radian", "rad"],
    &["square inch", "sq inch", "inch^2"],
    &["square foot", "square feet", "sq foot", "foot^2", "sq ft"],
    &["square cm", "sq cm", "cm^2"],
    &["square m", "sq m", "m^2"],
    &["square mile", "sq mile", "mile^2"],
    &["cubic inch", "cubic inches", "inch^3"],
    &["cubic foot", "cubic feet", "foot^3"],
    &["cubic cm", "cm^3", "cc"],
    &["cubic m", "m^3"],
    &["a.m.", "am"],
    &["p.m.", "pm"],
    &["joule", "j"],
    &["newton", "n"],
    &["people", "person"],
    &["way"],
];

/// Words that say more than a unit does: what they follow is not simply a number.
const NOT_UNITS: [&str; 63] = [
    "or",
    "and",
    "more",
    "less",
    "fewer",
    "than",
    "least",
    "most",
    "not",
    "no",
    "if",
    "when",
    "where",
    "for",
    "mod",
    "modulo",
    "remainder",
    "is",
    "are",
    "does",
    "otherwise",
    "except",
    "to",
    "from",
    "false",
    "base",
    "over",
    "under",
    "below",
    "above",
    "plus",
    "minus",
    "times",
    "point",
    "negative",
    "positive",
    "pi",
    "squared",
    "cubed",
    "factorial",
    "half",
    "halves",
    "third",
    "fourth",
    "quarter",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "hundredth",
    "thousandth",
    "hundred",
    "thousand",
    "million",
    "billion",
    "trillion",
    "dozen",
    "percent",
    "off",
    "by",
    "choose",
];

/// Words of a unit that the tables do not know.
const MAX_WORDS: usize = 3;

/// What a text after a number means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Suffix {
    /// A unit by its one name; none for `units` and `square units`, which say nothing.
    Unit(Option<String>),
    /// `million` and the like.
    Factor(u64),
    Percent,
    /// None of these.
    Other,
}

/// Reads the text after a number.
pub(super) fn suffix(text: &str) -> Suffix {
    let words = text.trim().trim_end_matches(',').to_lowercase();
    match words.as_str() {
        "percent" | "per cent" => return Suffix::Percent,
        "thousand" => return Suffix::Factor(1_000),
        "million" => return Suffix::Factor(1_000_000),
        "billion" => return Suffix::Factor(1_000_000_000),
        "trillion" => return Suffix::Factor(1_000_000_000_000),
        "hundred" => return Suffix::Factor(100),
        "dozen" => return Suffix::Factor(12),
        _ => {}
    }
    match unit(&words) {
        Some(unit) if matches!(unit.as_str(), "unit" | "square unit" | "cubic unit" | "sq unit") => Suffix::Unit(None),
        Some(unit) => Suffix::Unit(Some(unit)),
        None => Suffix::Other,
    }
}

/// Whether a word is a unit without doubt, even among variables.
pub(super) fn is_known(word: &str) -> bool {
    let word = word.to_lowercase();
    word.len() >= 2 && (known(&word).is_some() || matches!(word.trim_end_matches('s'), "unit" | "square" | "million" | "percent"))
}

/// The unit's one name.
pub(super) fn unit(words: &str) -> Option<String> {
    if let Some(name) = known(words) {
        return Some(name.to_owned());
    }
    let valid = |c: char| c.is_alphabetic() || matches!(c, ' ' | '.' | '/' | '^' | '2' | '3' | '-');
    if !words.chars().all(valid) || !words.starts_with(char::is_alphabetic) {
        return None;
    }
    let parts: Vec<&str> = words.split_whitespace().collect();
    if parts.len() > MAX_WORDS || parts.iter().any(|part| NOT_UNITS.contains(&singular(part))) {
        return None;
    }
    let single: Vec<&str> = parts.iter().map(|part| known(part).unwrap_or_else(|| singular(part))).collect();
    let joined = single.join(" ");
    Some(known(&joined).map_or(joined, str::to_owned))
}

/// The name kept for a word of the table, in the singular or the plural.
fn known(word: &str) -> Option<&'static str> {
    let word = word.trim();
    let single = singular(word);
    UNITS
        .iter()
        .find(|names| names.iter().any(|&name| name == word || (single.len() > 1 && name == single)))
        .map(|names| names[0])
}

/// A word without the `s` of its plural, and an abbreviation without its point.
fn singular(word: &str) -> &str {
    let word = if word.matches('.').count() == 1 { word.trim_end_matches('.') } else { word };
    if word.len() > 3 && !word.ends_with("ss") { word.strip_suffix('s').unwrap_or(word) } else { word }
}
