//! What holds for every verifier, whatever the texts are.

use std::time::{Duration, Instant};

use palinode_math::Form;
use proptest::prelude::*;

use super::*;

/// Texts that cost other verifiers their time, memory or stack.
fn hostile() -> Vec<String> {
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + "1" + &close.repeat(n);
    let boxed = |text: &str| format!("\\boxed{{{text}}}");
    let mut texts = vec![
        "1".repeat(1 << 20),
        "1".repeat(60_000),
        "1e".to_owned() + &"9".repeat(50_000),
        "1e400".to_owned(),
        "9".repeat(400) + "/" + &"7".repeat(399) + "1",
        "1,".repeat(30_000),
        "1e99 ".repeat(13_000),
        "5".to_owned() + &" ".repeat(60_000) + "x",
        "-".to_owned() + &"\n".repeat(60_000) + "x",
        "- ".repeat(30_000),
        "%".repeat(60_000),
        "1/1".to_owned() + &"/1".repeat(30_000),
        "#### ".repeat(13_000),
        "####1".repeat(13_000),
        "answer is ".repeat(6_500),
        "\\boxed{".repeat(9_000),
        deep("{\"a\":", "}", 10_000),
        deep("[", "]", 30_000),
        "{".repeat(60_000),
        "}".repeat(60_000),
        "{}".repeat(30_000),
        "a".repeat(60_000),
        "(a*)*".repeat(800),
        "(((a{1,30}){1,30}){1,30})".to_owned(),
        "(x+x+)+y".to_owned(),
        "\\w*\\w*\\w*\\w*\\w*\\w*=".to_owned(),
        "(?:a?){60}a{60}".to_owned(),
    ];
    let latex = [
        deep("(", ")", 15_000),
        deep("\\sqrt{", "}", 8_000),
        deep("\\frac{1}{", "}", 6_000),
        "9^{9^{9^{9^{9^9}}}}".into(),
        "2^{10000000000}".into(),
    ];
    texts.extend(latex.iter().map(|text| boxed(text)));
    texts.extend(latex);
    texts.extend(["(x+y+z+w)^{1000}", "1000000!", "\\binom{1000000}{500000}", "x^{99999999}-1", "\\{1,2,3\\}^{400}"].map(boxed));
    texts.push(boxed(&(0..5_000).map(|i| format!("x_{{{i}}}+")).collect::<String>()));
    texts.push(boxed(&(0..5_000).map(|i| format!("{i},")).collect::<String>()));
    texts
}

#[test]
fn hostile_texts_end_soon() {
    // 50 ms are promised; a debug build on a busy machine gets more, so that only what really does not end fails.
    let allowed = Duration::from_millis(if cfg!(debug_assertions) { 3_000 } else { 500 });
    let texts = hostile();
    let plain = ["1".to_owned(), "a".repeat(4_000), "\\boxed{x+1}".into()];
    for verifier in every_kind() {
        for text in &texts {
            for (answer, reference) in [(text, text), (text, &plain[0]), (&plain[0], text), (&plain[1], text), (&plain[2], text)]
            {
                let start = Instant::now();
                verifier.judge(answer, reference);
                let taken = start.elapsed();
                assert!(taken < allowed, "{verifier:?} took {taken:?} on {:.60?}", text);
            }
        }
    }
}

/// Texts that look like answers.
fn answer_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "1",
        "2",
        "12",
        "-",
        "+",
        "/",
        ".",
        ",",
        "%",
        " ",
        "#### ",
        "\\boxed{",
        "}",
        "{",
        "\\frac",
        "(B)",
        "A",
        "answer is ",
        "x",
        "^",
        "$",
        "e3",
        "\"a\": ",
        "km",
        "\\text{",
        "\n",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()),
        "\\PC{0,30}",
        (-1000i64..1000, 1u32..50).prop_map(|(a, b)| format!("\\boxed{{{a}/{b}}}")),
        (0u32..2_000_000).prop_map(|n| format!("#### {n}")),
        prop::sample::select(vec!["(C)", "{\"a\": 1, \"b\": [2]}", "3 km", "50%"]).prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn verdicts_are_pure_total_reflexive_and_indifferent_to_space(answer in answer_like(), reference in answer_like(), space in "[ \\t\\n]{0,3}") {
        for verifier in every_kind() {
            let judgement = verifier.judge(&answer, &reference);
            prop_assert_eq!(&judgement, &verifier.judge(&answer, &reference));
            let spaced = verifier.judge(&format!("{space}{answer}{space}"), &format!("{space}{reference}{space}"));
            prop_assert_eq!(judgement.verdict, spaced.verdict, "{:?}", verifier);
            prop_assert!((0.0..=1.0).contains(&judgement.verdict.reward()));
            judgement.to_string();
        }
    }

    #[test]
    fn a_reference_that_can_be_read_is_right_against_itself(reference in answer_like()) {
        let reads_itself: [Arc<dyn TextVerifier>; 6] = [
            Arc::new(Exact::default()), Arc::new(Numeric::default()), Arc::new(Gsm8k), Arc::new(Math::default()), named("choice"), named("json"),
        ];
        for verifier in reads_itself {
            let judgement = verifier.judge(&reference, &reference);
            prop_assert!(judgement.reference.is_none() || judgement.verdict == Verdict::Right, "{:?}: {}", verifier, judgement);
            prop_assert!(judgement.reference.is_some() || judgement.verdict == Verdict::Failed);
        }
    }

    #[test]
    fn most_verifiers_are_symmetric(a in answer_like(), b in answer_like()) {
        // `m+n=47` says a number as an answer, and is an equation as a reference: no piece of an answer here is an equals sign.
        let symmetric: [Arc<dyn TextVerifier>; 5] =
            [Arc::new(Exact::default()), Arc::new(Numeric::default()), Arc::new(Gsm8k), Arc::new(Math { form: Some(Form::Any) }), named("choice")];
        for verifier in symmetric {
            prop_assert_eq!(verifier.judge(&a, &b).verdict.is_right(), verifier.judge(&b, &a).verdict.is_right(), "{:?}", verifier);
        }
    }

    // No `n` before and no `o` after: `not`, `never`, `no`, `wrong` and `or` do matter.
    #[test]
    fn what_stands_around_a_box_or_a_mark_does_not_matter(a in 0i64..2_000, b in 1u32..60, before in "[a-mo-zA-MO-Z0-9 .,$=+]{0,40}", after in "[a-np-zA-NP-Z .,$]{0,40}") {
        for (reference, verdict) in [(a, Verdict::Right), (a + 1, Verdict::Wrong)] {
            let solution = format!("{before} \\boxed{{\\left(\\frac{{{a}}}{{{b}}}\\right)}} {after}");
            prop_assert_eq!(Boxed::default().judge(&solution, &format!("{reference}/{b}")).verdict, verdict, "{}", solution);
            let steps = format!("{before}\n#### {a}\n{after}");
            prop_assert_eq!(Gsm8k.judge(&steps, &reference.to_string()).verdict, verdict, "{}", steps);
        }
    }

    #[test]
    fn numbers_survive_their_spelling(n in -1_000_000_000i64..1_000_000_000, places in 0u32..4) {
        let grouped = {
            let digits = n.unsigned_abs().to_string();
            let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
            format!("{}{}", if n < 0 { "-" } else { "" }, groups.join(","))
        };
        let scaled = i128::from(n) * 10i128.pow(places);
        for spelling in [grouped, format!("{n}.{}", "0".repeat(places as usize + 1)), format!("${n}"), format!("{scaled}e-{places}"), format!("{n}/1"), format!("{n} apples"), format!("{n} miles per hour")] {
            prop_assert_eq!(Numeric::default().judge(&spelling, &n.to_string()).verdict, Verdict::Right, "{}", spelling);
            prop_assert_eq!(Gsm8k.judge(&format!("#### {spelling}"), &n.to_string()).verdict, Verdict::Right, "{}", spelling);
            prop_assert_eq!(Numeric::default().judge(&spelling, &(n + 1).to_string()).verdict, Verdict::Wrong, "{}", spelling);
        }
    }
}
