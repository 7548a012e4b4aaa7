//! Laws that the comparison of answers keeps whatever the texts are, and bounds on what hostile ones cost.

use std::{fmt::Write as _, time::Duration, time::Instant};

use palinode_math::{Answer, Form, MathError, compare, judge, last_boxed};
use proptest::prelude::*;

/// What one text may cost. Milliseconds are usual; the limit leaves room for slow machines and debug builds.
const LIMIT: Duration = Duration::from_secs(2);

/// A small stack, in bytes, as threads of other programs may have.
const SMALL_STACK: usize = 1 << 20;

/// Pieces that meet in answers, well formed and not.
const FRAGMENTS: [&str; 74] = [
    "0",
    "1",
    "2",
    "12",
    "1,000",
    "0.5",
    ".",
    "3.14",
    "x",
    "y",
    "e",
    "i",
    "\\pi",
    "+",
    "-",
    "\\cdot ",
    "/",
    "^",
    "_",
    "^2",
    "_1",
    "!",
    "%",
    "\\%",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\\{",
    "\\}",
    "|",
    ",",
    ";",
    ":",
    "=",
    "<",
    ">",
    "\\le ",
    "\\ne ",
    "\\in ",
    "\\approx ",
    "\\frac",
    "\\frac12",
    "\\frac{1}{2}",
    "\\sqrt",
    "\\sqrt{2}",
    "\\sqrt[3]{",
    "\\binom",
    "\\sin",
    "\\ln",
    "\\log_2 ",
    "\\pm ",
    "\\mp ",
    "\\infty",
    "\\cup ",
    "\\setminus ",
    "\\mathbb{R}",
    "\\emptyset",
    "\\text{ cm}",
    "\\text{ or }",
    "\\text{even}",
    "\\$",
    "$",
    "\\left",
    "\\right",
    "^\\circ",
    "\\begin{pmatrix}",
    "\\end{pmatrix}",
    "&",
    "\\\\",
    " ",
    "\\boxed{",
];

/// Answers as people write them, of all kinds.
const ANSWERS: [&str; 46] = [
    "5",
    "-17",
    "0.25",
    "1,000,000",
    "\\frac{3}{4}",
    "3\\frac{1}{2}",
    "50\\%",
    "\\sqrt{2}",
    "\\frac{1}{\\sqrt{2}}",
    "\\sqrt{3+2\\sqrt{2}}",
    "2\\pi",
    "e^{2}",
    "3+4i",
    "\\infty",
    "1 \\pm \\sqrt{5}",
    "90^\\circ",
    "5 \\text{ cm}",
    "5 \\text{ m}",
    "\\$20",
    "\\text{even}",
    "Tuesday",
    "x^2+2x+1",
    "(x+1)^2",
    "\\frac{x+1}{x-1}",
    "\\sin x",
    "\\ln 2",
    "6!",
    "\\binom{5}{2}",
    "|x-1|",
    "\\lfloor x \\rfloor",
    "2^n",
    "101_2",
    "(1,2)",
    "(0,1]",
    "[2,3)",
    "(-\\infty,1)\\cup(2,\\infty)",
    "\\{1,2,3\\}",
    "1, 2, 3",
    "1 \\text{ or } 2",
    "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
    "x=5",
    "y=2x+1",
    "1<x\\le 2",
    "x \\in [0,1)",
    "\\emptyset",
    "3:4",
];

/// A random text of fragments.
fn fragments() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&FRAGMENTS[..]), 0..24).prop_map(|parts| parts.concat())
}

/// A random expression that is well formed.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (0..30_u32).prop_map(|number| number.to_string()),
        (0..100_u32, 1..100_u32).prop_map(|(whole, places)| format!("{whole}.{places}")),
        prop::sample::select(vec!["x", "y", "\\pi", "e", "i", "\\sqrt{2}"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} + {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("\\left({a}\\right) \\cdot \\left({b}\\right)")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("\\frac{{{a}}}{{{b}}}")),
            inner.clone().prop_map(|a| format!("\\sqrt{{{a}}}")),
            inner.clone().prop_map(|a| format!("\\sin\\left({a}\\right)")),
            (inner.clone(), 0..4_u32).prop_map(|(a, power)| format!("\\left({a}\\right)^{{{power}}}")),
            inner.prop_map(|a| format!("-\\left({a}\\right)")),
        ]
    })
}

/// A text of any of these kinds.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![expression(), fragments(), prop::sample::select(&ANSWERS[..]).prop_map(str::to_owned)]
}

fn equal(a: &str, b: &str) -> Option<bool> {
    Some(compare(&Answer::parse(a).ok()?, &Answer::parse(b).ok()?).equal)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_order_of_the_two_does_not_matter(a in text(), b in text()) {
        if let (Ok(a), Ok(b)) = (Answer::parse(&a), Answer::parse(&b)) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a));
        }
    }

    #[test]
    fn what_is_read_equals_itself(a in text()) {
        prop_assert!(equal(&a, &a) != Some(false));
        prop_assert!(equal(&a, &format!(" ${a}$ ")) != Some(false), "{}", a);
    }

    #[test]
    fn dressing_changes_nothing(a in expression(), b in expression()) {
        let plain = equal(&a, &b);
        let bare = a.replace("\\left", "").replace("\\right", "");
        let spaced = a.replace(" + ", "\\,+\\; ").replace("\\cdot", "\\! \\cdot~");
        let sized = a.replace("\\left", "\\bigl").replace("\\right", "\\bigr");
        for dressed in [bare, spaced, sized, format!("${a}$"), format!("\\( {a} \\)"), format!("\\boxed{{{a}}}."), format!("  {a}\n")] {
            prop_assert_eq!(equal(&dressed, &b), plain, "{}", dressed);
            prop_assert_eq!(Answer::parse(&dressed).map(|answer| answer.to_string()), Answer::parse(&a).map(|answer| answer.to_string()));
        }
    }

    #[test]
    fn a_number_equals_itself_plus_nothing_and_not_its_neighbour(number in any::<i64>(), places in 0..6_usize) {
        let (whole, next) = (number.to_string(), (i128::from(number) + 1).to_string());
        prop_assert_eq!(equal(&format!("{whole}.{}", "0".repeat(places)), &whole), Some(true));
        prop_assert_eq!(equal(&whole, &next), Some(false));
        prop_assert_eq!(equal(&format!("\\frac{{{whole}}}{{3}}"), &format!("\\frac{{{next}}}{{3}}")), Some(false));
    }

    #[test]
    fn sums_and_products_commute(a in expression(), b in expression()) {
        for (left, right) in [(format!("{a} + ({b})"), format!("{b} + ({a})")), (format!("({a})({b})"), format!("({b})({a})"))] {
            if let (Ok(left), Ok(right)) = (Answer::parse(&left), Answer::parse(&right)) {
                prop_assert!(compare(&left, &right).equal, "{} | {}", left, right);
            }
        }
    }

    #[test]
    fn one_more_is_another_answer(a in expression()) {
        prop_assert_ne!(equal(&a, &format!("{a} + 1")), Some(true));
    }

    #[test]
    fn no_text_panics_or_takes_long(a in any::<String>(), b in fragments()) {
        for text in [a, b] {
            last_boxed(&text);
            spent(&text);
        }
    }

    #[test]
    fn a_box_gives_its_content_back(before in "[a-z {}]{0,12}", content in "[a-z0-9+ ]{1,12}") {
        let text = format!("{before}\\boxed{{1}} so \\boxed{{{{{content}}}^2}} done");
        let expected = format!("{{{content}}}^2");
        prop_assert_eq!(last_boxed(&text), Some(expected.as_str()));
    }
}

/// Reads a text and compares it with itself and with another; fails where that takes longer than the limit.
fn spent(text: &str) -> Duration {
    let start = Instant::now();
    let read = Answer::parse(text);
    if let (Ok(answer), Ok(other)) = (&read, Answer::parse("x+1")) {
        assert!(compare(answer, answer).equal);
        compare(answer, &other);
        assert!(judge(answer, answer, None).equal, "every answer has its own form");
        // Whatever it is.
        let _ = Form::Simplified.suits(answer);
        assert!(!answer.to_string().is_empty());
    }
    let taken = start.elapsed();
    let start_of_text: String = text.chars().take(40).collect();
    assert!(taken < LIMIT, "{taken:?} for `{start_of_text}`");
    taken
}

/// Many items, joined.
fn many(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

/// Text inside of many levels.
fn nested(open: &str, inside: &str, close: &str, levels: usize) -> String {
    format!("{}{inside}{}", open.repeat(levels), close.repeat(levels))
}

/// Texts made to cost much.
fn hostile() -> Vec<String> {
    [hostile_depths(), hostile_numbers(), hostile_sums(), hostile_lists()].concat()
}

fn hostile_depths() -> Vec<String> {
    vec![
        "{".repeat(100_000),
        nested("\\frac{", "1", "}{3}", 500),
        nested("\\frac{", "1", "}{3}", 50),
        nested("\\frac{x+", "1", "}{x^2-3}", 20),
        "(".repeat(4000),
        "\\left(".repeat(600),
        nested("(", "1", ")", 1000),
        nested("2\\frac{", "x", "}{3}", 30),
        nested("\\sqrt{1+", "2", "}", 60),
        nested("\\sin(", "x", ")", 60),
        nested("|x-", "1", "|", 30),
        nested("\\sqrt{x+", "y", "}^{3}", 30),
        "-".repeat(4000),
        "\\text{".repeat(500),
        "\\begin{pmatrix}".repeat(200),
        format!("5{}", "%".repeat(4000)),
        format!("5{}", "\\%".repeat(2000)),
        format!("\\sin 5{}", "\\degree".repeat(500)),
        format!("1{}", "/1".repeat(2040)),
        format!("x{}", "/x*x".repeat(1000)),
        nested("(", "1", "/1/1/1/1/1/1)", 60),
        nested("f(", "x", ")", 400),
        nested("5{", "0", "}", 400),
        nested("\\boxed{", "5", "}", 500),
        nested("\\text{", "5", "}", 600),
        nested("|x+", "1", "/2/x|", 60),
        nested("(", "1,2", ")", 700),
        nested("\\{", "1", "\\}", 700),
    ]
}

fn hostile_numbers() -> Vec<String> {
    vec![
        "9".repeat(1_000_000),
        "9".repeat(4000),
        format!("0.{}", "3".repeat(990)),
        "9^{9^{9^{9^9}}}".into(),
        "9**9**9**9".into(),
        "\\binom{10^9}{5 \\cdot 10^8}".into(),
        "\\binom{1000000000}{500000000}".into(),
        "\\binom{10^{300}}{500}".into(),
        "1000000!".into(),
        "((((3!)!)!)!)!".into(),
        "500!^{500}".into(),
        vec!["500!"; 300].join("\\cdot "),
        vec!["\\frac{1}{499!+1}"; 200].join("+"),
        "x^{99999999}".into(),
        "2^{99999999999999999999999}".into(),
        "1.5e999999999".into(),
        "1e999".into(),
        "\\sqrt[64]{10^{1000}}".into(),
        vec!["\\sqrt{18446744073709551557}"; 100].join("+"),
        "\\gcd(10^{900}, 3^{1800})".into(),
    ]
}

fn hostile_sums() -> Vec<String> {
    let mut sum = String::from("(x_0");
    (1..120).for_each(|index| write!(sum, "+x_{{{index}}}").unwrap());
    vec![
        format!("{sum})^{{1000}}"),
        format!("{sum})^{{3}}"),
        format!("{sum})^{{2}}{sum})^{{2}}"),
        format!("{}x", "(1+x)^{32}".repeat(30)),
        format!("{}x", "(1+x+y)^{9}".repeat(30)),
        "\\pm".repeat(1000),
        vec!["\\pm 1"; 300].join(""),
        "x=".repeat(2000),
    ]
}

fn hostile_lists() -> Vec<String> {
    vec![
        format!("\\{{{}\\}}", many(1300, |index| index.to_string())),
        many(1300, |index| (1299 - index).to_string()),
        format!("\\{{{}\\}}", many(250, |index| format!("\\sin {index}"))),
        format!("\\{{{}\\}}", many(250, |index| format!("\\cos {index}"))),
        format!("\\{{{}\\}}", many(200, |index| format!("\\sqrt{{x+{index}}}"))),
        format!("\\{{{}\\}}", many(24, |index| format!("\\sin\\sin\\sin(x+{index})"))),
        format!("\\{{{}\\}}", many(24, |index| format!("\\sin\\sin\\cos(x+{index})"))),
        (0..300).map(|index| format!("({index},{})", index + 2)).collect::<Vec<_>>().join("\\cup"),
        format!("\\begin{{pmatrix}}{}\\end{{pmatrix}}", vec!["1&2&3"; 400].join("\\\\")),
    ]
}

#[test]
fn hostile_texts_need_little_stack() {
    let thread = std::thread::Builder::new().stack_size(SMALL_STACK);
    let run = thread.spawn(|| {
        for text in hostile() {
            last_boxed(&text);
            spent(&text);
        }
    });
    run.unwrap().join().expect("no text overflows the stack");
}

#[test]
fn boxes_without_end_are_searched_in_linear_time() {
    for text in ["\\boxed{".repeat(200_000), "\\boxed".repeat(200_000), nested("\\boxed{", "5", "}", 200_000)] {
        let start = Instant::now();
        last_boxed(&text);
        assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    }
}

#[test]
fn the_outermost_box_around_the_last_counts() {
    let cases = [
        ("\\boxed{1}, \\boxed{-\\boxed{5}}", Some("-\\boxed{5}")),
        ("\\boxed{a \\fbox{b \\boxed 5} c} d", Some("a \\fbox{b \\boxed 5} c")),
        ("\\boxed{1 and {\\boxed{5}", Some("5")),
        ("{\\boxed {5}}", Some("5")),
        ("\\\\boxed{-\\\\boxed{5}}", Some("-\\\\boxed{5}")),
        ("\\boxed{5}\\", Some("5")),
    ];
    for (text, expected) in cases {
        assert_eq!(last_boxed(text), expected, "{text}");
    }
}

#[test]
fn hostile_texts_end_soon() {
    let texts = hostile();
    let slowest = texts.iter().map(|text| (spent(text), text.chars().take(40).collect::<String>())).max();
    println!("slowest: {slowest:?}");
}

#[test]
fn hostile_pairs_end_soon() {
    let read: Vec<Answer> = hostile().iter().filter_map(|text| Answer::parse(text).ok()).collect();
    assert!(read.len() > 10, "{}", read.len());
    for a in &read {
        for b in &read {
            let start = Instant::now();
            let comparison = compare(a, b);
            assert!(start.elapsed() < LIMIT, "{:?} {comparison:?}", start.elapsed());
            assert!(comparison.equal || !std::ptr::eq(a, b));
        }
    }
}

#[test]
fn sets_of_many_elements_are_compared_in_any_order() {
    let up = format!("\\{{{}\\}}", many(900, |index| index.to_string()));
    let down = format!("\\{{{}\\}}", many(900, |index| (899 - index).to_string()));
    let other = format!("\\{{{}\\}}", many(900, |index| (index + 1).to_string()));
    assert_eq!((equal(&up, &down), equal(&up, &other)), (Some(true), Some(false)));
}

#[test]
fn long_texts_are_refused_at_once() {
    let text = "1+".repeat(1_000_000);
    let start = Instant::now();
    assert!(matches!(Answer::parse(&text), Err(MathError::TooLong { length: 2_000_000, .. })));
    assert!(start.elapsed() < Duration::from_millis(50));
}
