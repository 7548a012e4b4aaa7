//! Texts on which tokenizers that are the same agree. (One is left out: `'ſ`, a long s, is a contraction to expressions that ignore case, and none to llama.cpp.)

use tokenizers::Tokenizer;

/// White space, numbers, contractions, code, signs, languages; all of it composed.
const TEXTS: [&str; 64] = [
    "a",
    " a",
    "  a",
    "a  b",
    "a   b",
    "a ",
    "a  ",
    " ",
    "   ",
    "\n",
    "\n\n",
    "\n\n\na",
    "a\n\n b",
    "a \n \n b",
    "a\r\n\r\nb",
    "\ta\t\tb",
    "a\u{a0}b\u{3000}c\u{2003}d",
    "a\u{200b}b\u{feff}c",
    "7",
    " 7",
    "  7",
    "12",
    "123",
    "1234",
    "1234567",
    "a 12  345\n6",
    "1,234.50 + 2e-3 = 50%",
    "x² + y³ = ½, Ⅷ ① ٣٤٥ १२३ １２３",
    "  ² ½",
    "27 + 82 = 109",
    "It's they're we've I'd you'll I'm don't",
    "IT'S THEY'RE WE'VE I'D YOU'LL I'M DON'T",
    "rock 'n' roll o'clock x'y",
    "Hello, world! How are you?",
    "hElLo WORLD camelCase snake_case kebab-case",
    "def f(x):\n    return x + 1\n\n\nprint(f(2))\n",
    "if (a == b) {\n\t\treturn !c && d;\n}\n",
    "<div class=\"a\">b</div>",
    "{\"a\": [1, {\"b\": null}], 'c': `d`}",
    "$x^2$ \\boxed{\\frac{1}{2}} a->b ~c|d",
    "https://example.org/a?b=c&d=e#f",
    "!!! ... ?!?! ---- ==== **** //// ____",
    "-----=======********",
    "aaaaaaaa hahahaha nnnnn",
    "Sort from small to large: 57 12 99 31",
    "Grüße, naïve façade, Łódź, İstanbul",
    "Ελληνικά γράμματα",
    "Привет, мир!",
    "שלום עולם",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "ภาษาไทย",
    "한국어 텍스트",
    "こんにちは世界",
    "你好，世界！",
    "Tiếng Việt",
    "😀👍🏽👨‍👩‍👧🇩🇪 ❤",
    "𝒳𓂀\u{e000}\u{fffd}\u{10ffff}",
    "€ £ © ™ → ∀ ≤ “a” ‘b’ «c» – — …",
    "\u{0}\u{1b}[0m\u{7f}",
    "▁a▁b Ġa Ċ <0x41>",
    "            a",
    "####\n\n* a\n  - b\n",
    "a_b  c__d   e",
];
/// Most tokens that are put between texts.
const MOST: usize = 300;

/// A text to which the two give different ids, if there is one; `before` stands before each. Tokens are such as are cut out of texts.
pub(super) fn differing(one: &Tokenizer, other: &Tokenizer, tokens: &[&str], before: &str) -> Option<String> {
    let around = |token: &&str| [format!("{before}a {token} 1{token}"), format!("{before}{token}\na{token}  b")];
    let texts = TEXTS.iter().map(|text| format!("{before}{text}")).chain(tokens.iter().take(MOST).flat_map(around));
    let ids =
        |tokenizer: &Tokenizer, text: &str| tokenizer.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).ok();
    texts.into_iter().find(|text| ids(one, text) != ids(other, text))
}
