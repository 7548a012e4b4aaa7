//! Units after a number, brought to one name each. What is not surely a unit is not read, as it may change the number: `5\text{ halves}`.

use crate::script;

/// Units by their usual names, each line one unit; the first name is the one kept.
const UNITS: [&[&str]; 81] = [
    &["cm", "centimeter", "centimetre"],
    &["mm", "millimeter", "millimetre"],
    &["km", "kilometer", "kilometre"],
    &["m", "meter", "metre"],
    &["inch", "inches", "in"],
    &["foot", "feet", "ft"],
    &["yard", "yd"],
    &["mile", "mi"],
    &["mph", "mile/hour"],
    &["kph", "km/hour", "km/h"],
    &["m/s", "m/second"],
    &["kg", "kilogram"],
    &["g", "gram"],
    &["mg", "milligram"],
    &["pound", "lb"],
    &["ounce", "oz"],
    &["ton", "tonne"],
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
    &["c", "celsius"],
    &["f", "fahrenheit"],
    &["radian", "rad"],
    &["square inch", "inch^2"],
    &["square foot", "foot^2"],
    &["square cm", "cm^2"],
    &["square m", "m^2"],
    &["square km", "km^2"],
    &["square mile", "mile^2"],
    &["cubic inch", "inch^3"],
    &["cubic foot", "foot^3"],
    &["cubic cm", "cm^3", "cc"],
    &["cubic m", "m^3"],
    &["a.m.", "am"],
    &["p.m.", "pm"],
    &["joule", "j"],
    &["newton", "n"],
    &["watt", "w"],
    &["volt", "v"],
    &["kelvin", "k"],
    &["people", "person"],
    &["way"],
    &["unit"],
    &["hz", "hertz"],
    &["kj"],
    &["kw"],
    &["pa", "pascal"],
    &["kpa"],
    &["mol", "mole"],
    &["ohm"],
    &["ms", "millisecond"],
    &["acre"],
    &["hectare"],
    &["euro", "eur"],
    &["sterling", "gbp"],
    &["yen", "jpy"],
    &["yuan", "cny", "rmb", "renminbi"],
    &["rupee", "inr", "rs"],
    &["franc", "chf"],
    &["won", "krw"],
    &["ruble", "rouble", "rub"],
    &["peso"],
    &["canadian dollar", "cad"],
    &["australian dollar", "aud"],
    &["hong kong dollar", "hkd"],
    &["singapore dollar", "sgd"],
    &["taiwan dollar", "twd"],
    &["brazilian real", "brl"],
    &["penny", "pence", "pennie"],
    &["rpm"],
];

/// Units of one letter, in the case they are written in; other letters are variables, or prefixes such as `k` for a thousand.
const LETTERS: [&str; 13] = ["m", "g", "s", "h", "l", "L", "V", "W", "N", "J", "C", "K", "F"];

/// Counted nouns whose plural has no `s`.
const IRREGULAR: [&str; 10] = ["teeth", "geese", "people", "children", "men", "women", "mice", "feet", "fish", "sheep"];

/// Words that look like the plural of a counted noun but say something of the number, without their `s`.
const NOT_NOUNS: [&str; 82] = [
    "afterward",
    "all",
    "alway",
    "backward",
    "become",
    "beside",
    "billion",
    "couple",
    "crore",
    "divide",
    "doe",
    "double",
    "downward",
    "dozen",
    "eight",
    "eightie",
    "eighth",
    "eleven",
    "equal",
    "exceed",
    "factorial",
    "fifth",
    "fiftie",
    "five",
    "fortie",
    "four",
    "fourth",
    "giga",
    "googol",
    "grosse",
    "half",
    "halve",
    "hundred",
    "hundredth",
    "inverse",
    "kilo",
    "lakh",
    "mega",
    "minuse",
    "multiple",
    "myriad",
    "negative",
    "nine",
    "ninetie",
    "ninth",
    "one",
    "opposite",
    "other",
    "pair",
    "percent",
    "percentage",
    "perhap",
    "positive",
    "power",
    "quadruple",
    "quarter",
    "root",
    "reciprocal",
    "remain",
    "score",
    "seven",
    "seventh",
    "seventie",
    "six",
    "sixe",
    "sixth",
    "sixtie",
    "sometime",
    "ten",
    "tenth",
    "third",
    "thirtie",
    "thousand",
    "thousandth",
    "three",
    "time",
    "triple",
    "twelve",
    "twentie",
    "two",
    "upward",
    "zero",
];

/// Ends of number words: `twelfths`, `millions`, `sixteens`.
const NUMBER_ENDS: [&str; 6] = ["th", "illion", "teen", "fold", "illionth", "plex"];

/// Letters of the shortest counted noun in the plural.
const MIN_NOUN: usize = 4;

/// What a text after a number means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suffix {
    /// A unit by its one name; none for `units` and `square units`, which say nothing.
    Unit(Option<String>),
    /// `million` and the like.
    Factor(u64),
    /// A percent sign, or the words.
    Percent,
    /// None of these.
    Other,
}

/// Reads the text after a number.
pub fn suffix(text: &str) -> Suffix {
    let words = text.trim().trim_end_matches(',');
    match words.to_lowercase().as_str() {
        "percent" | "per cent" | "pct" | "pct." => return Suffix::Percent,
        "thousand" => return Suffix::Factor(1_000),
        "million" => return Suffix::Factor(1_000_000),
        "billion" => return Suffix::Factor(1_000_000_000),
        "trillion" => return Suffix::Factor(1_000_000_000_000),
        "hundred" => return Suffix::Factor(100),
        "dozen" => return Suffix::Factor(12),
        _ => {}
    }
    if let Some(factor) = script_factor(words) {
        return Suffix::Factor(factor);
    }
    match unit(words) {
        Some(unit) if matches!(unit.as_str(), "unit" | "square unit" | "cubic unit" | "unit^2" | "unit^3") => Suffix::Unit(None),
        Some(unit) => Suffix::Unit(Some(unit)),
        None => Suffix::Other,
    }
}

/// The factor that Chinese, Japanese and Korean write after a number, perhaps before a counter: `3万元`.
fn script_factor(words: &str) -> Option<u64> {
    const FACTORS: [(char, u64); 11] = [
        ('百', 100),
        ('千', 1_000),
        ('万', 10_000),
        ('萬', 10_000),
        ('亿', 100_000_000),
        ('億', 100_000_000),
        ('백', 100),
        ('천', 1_000),
        ('만', 10_000),
        ('억', 100_000_000),
        ('조', 1_000_000_000_000),
    ];
    let (factor, rest) = FACTORS.iter().find_map(|(sign, factor)| Some((*factor, words.strip_prefix(*sign)?)))?;
    (rest.is_empty() || script::is_counter(rest)).then_some(factor)
}

/// Whether a word is a percent sign, which no letters are.
pub(super) fn is_percent(word: &str) -> bool {
    matches!(word, "percent" | "pct")
}

/// A unit with a division that is written without `\text` at the start of a text, such as `m/s^2`: a fraction of variables only by accident.
pub(super) fn plain_compound(text: &str) -> Option<&str> {
    const UNITS: [&str; 26] = [
        "m/s^{2}", "m/s^2", "m/s²", "cm/s^2", "ft/s^2", "km/s", "cm/s", "mm/s", "m/s", "ft/s", "km/hr", "km/h", "m/h", "mi/hr",
        "mi/h", "kg/m^3", "g/cm^3", "kg/L", "g/mL", "g/L", "mol/L", "m/min", "N/m", "J/s", "rad/s", "L/min",
    ];
    let unit = UNITS.into_iter().find(|unit| text.starts_with(unit))?;
    (!text[unit.len()..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '^' | '/' | '(' | '*'))).then_some(unit)
}

/// Whether a word is a unit even where it is not marked as text: long enough to be no product of variables.
pub(super) fn is_plain_unit(word: &str) -> bool {
    let short = matches!(
        word,
        "cm" | "mm" | "km" | "kg" | "ft" | "lb" | "lbs" | "oz" | "hr" | "hrs" | "min" | "sec" | "mph" | "sq" | "pct"
    );
    let long = word.len() >= MIN_NOUN && (known(word).is_some() || matches!(word, "square" | "cubic" | "million" | "percent"));
    short || long || (word.len() >= MIN_NOUN && is_counted(word))
}

/// The unit's one name: known units with powers and `per` between them, or one counted noun in the plural.
pub(super) fn unit(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() == 1 && !LETTERS.contains(&text) || has_other_prefix(text) {
        return None;
    }
    let text = &text.replace("^{2}", "^2").replace("^{3}", "^3").replace('²', "^2").replace('³', "^3");
    let words = text.to_lowercase();
    if let Some(name) = known(&words) {
        return Some(name.to_owned());
    }
    if script::is_counter(text) {
        return Some(text.to_owned());
    }
    if is_counted(&words) {
        return Some(singular(&words).to_owned());
    }
    let parts: Vec<String> = text.replace(" per ", "/").split('/').map(product).collect::<Option<_>>()?;
    let joined = parts.join("/");
    Some(known(&joined).map_or(joined, str::to_owned))
}

/// Whether a sign is written in a case that makes another unit of it: `Mm` is no millimetre, `PA` no pascal, and `M/s` no speed.
fn has_other_prefix(text: &str) -> bool {
    const CASES: [(&str, &[&str]); 7] = [
        ("mm", &["mm"]),
        ("mg", &["mg"]),
        ("ml", &["ml", "mL"]),
        ("ms", &["ms"]),
        ("pa", &["Pa", "pa"]),
        ("kpa", &["kPa", "kpa"]),
        ("m", &["m"]),
    ];
    let mut signs = text.split(|c: char| !c.is_alphabetic()).filter(|sign| sign.len() <= 3);
    signs.any(|sign| {
        let lower = sign.to_lowercase();
        CASES.iter().any(|(name, written)| *name == lower && !written.contains(&sign))
    })
}

/// The one name of known units, each in the case it is written in, with `square` or `cubic` before them or a power after them.
fn product(words: &str) -> Option<String> {
    let mut names = Vec::new();
    let mut power = None;
    for word in words.split([' ', '-']).filter(|word| !word.is_empty()) {
        match word.to_lowercase().as_str() {
            "square" | "sq" | "sq." if power.is_none() => power = Some("square "),
            "cubic" | "cu" if power.is_none() => power = Some("cubic "),
            _ => {
                let (word, exponent) = ["^2", "^3"]
                    .into_iter()
                    .find_map(|exponent| Some((word.strip_suffix(exponent)?, exponent)))
                    .unwrap_or((word, ""));
                let name = known(&word.to_lowercase()).filter(|_| word.len() > 1 || LETTERS.contains(&word))?;
                let full = format!("{}{name}{exponent}", power.take().unwrap_or(""));
                names.push(known(&full).map_or(full, str::to_owned));
            }
        }
    }
    (!names.is_empty() && power.is_none()).then(|| names.join(" "))
}

/// Whether a word is a counted noun such as `apples`, which says nothing of the number.
fn is_counted(word: &str) -> bool {
    let word = word.to_lowercase();
    let Some(noun) = word.strip_suffix('s') else { return IRREGULAR.contains(&word.as_str()) };
    let letters = word.len() >= MIN_NOUN && word.chars().all(char::is_alphabetic) && noun.contains(['a', 'e', 'i', 'o', 'u']);
    let number = NOT_NOUNS.contains(&noun) || NUMBER_ENDS.iter().any(|end| noun.ends_with(end));
    letters && !number && !noun.ends_with(['s', 'u'])
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
    if word.len() > 2 && !word.ends_with("ss") { word.strip_suffix('s').unwrap_or(word) } else { word }
}
