//! How answers are read, what decides, and what is refused.

use super::*;

fn read(text: &str) -> String {
    Answer::parse(text).map_or_else(|error| format!("error: {error}"), |answer| answer.to_string())
}

/// The verdict on a pair, both ways.
fn verdict(a: &str, b: &str) -> (bool, Reason) {
    let (first, second) = (Answer::parse(a).unwrap(), Answer::parse(b).unwrap());
    let comparison = compare(&first, &second);
    assert_eq!(comparison, compare(&second, &first), "{a} | {b}");
    (comparison.equal, comparison.because)
}

fn assert_same(pairs: &[(&str, &str)]) {
    for (a, b) in pairs {
        assert!(verdict(a, b).0, "{a} | {b}: read as {} | {}", read(a), read(b));
    }
}

fn assert_different(pairs: &[(&str, &str)]) {
    for (a, b) in pairs {
        let readable = Answer::parse(a).is_ok() && Answer::parse(b).is_ok();
        assert!(!readable || !verdict(a, b).0, "{a} | {b}: read as {} | {}", read(a), read(b));
    }
}

#[test]
fn the_last_box_is_found() {
    let cases = [
        ("so \\boxed{5}", Some("5")),
        ("\\boxed{1} then \\boxed{\\frac{1}{2}}.", Some("\\frac{1}{2}")),
        ("\\fbox{7}", Some("7")),
        ("\\boxed5", Some("5")),
        ("\\boxed \\pi$", Some("\\pi")),
        ("\\boxed{\\{1, 2\\}}", Some("\\{1, 2\\}")),
        ("\\boxed{ 5 }", Some("5")),
        ("\\boxed{1} and \\boxed{2", None),
        ("\\boxed{}", Some("")),
        ("\\boxed{1}, \\boxed{-\\boxed{5}}", Some("-\\boxed{5}")),
        ("\\boxed{1 and {\\boxed{5}", Some("5")),
        ("no box", None),
        ("\\boxed", None),
        ("\\boxedx", None),
    ];
    for (text, expected) in cases {
        assert_eq!(last_boxed(text), expected, "{text}");
    }
}

#[test]
fn answers_are_shown_as_they_were_understood() {
    let cases = [
        ("\\frac{2}{4}", "1/2"),
        ("3\\frac{1}{2}", "7/2"),
        ("\\{2,1,2\\}", "{1, 2}"),
        ("[0,3)", "[0, 3)"),
        ("1 \\pm \\sqrt{5}", "1 - sqrt(5), 1 + sqrt(5)"),
        ("\\frac{1}{\\sqrt{2}}", "1/2*sqrt(2)"),
        ("50\\%", "50%"),
        ("\\$5", "5 dollar"),
        ("30^\\circ C", "30 degree c"),
        ("5\\text{ square centimeters}", "5 square cm"),
        ("1 < x \\le 2", "x ∈ (1, 2]"),
        ("[0,1]\\cup[1,2)", "[0, 2)"),
        ("\\mathbb{R} \\setminus \\{0, 1\\}", "(-∞, 0) ∪ (0, 1) ∪ (1, ∞)"),
        ("\\text{ Tuesday.}", "tuesday"),
        ("2F_{16}", "2f_16"),
        ("y = 2x + 1", "y = 1 + 2*x"),
        ("x^2 = x", "-x + x^2 = 0"),
        ("(a,b)=(1,2)", "(a, b) = (1, 2)"),
        ("1,2,3", "1, 2, 3"),
        ("1,000,000.5", "2000001/2"),
        ("0.1\\overline{6}", "1/6"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    let cases = [
        ("", "the answer is empty"),
        (" $ $. ", "the answer is empty"),
        ("(1,2", "unexpected end of the answer (expected `]`) at byte 4"),
        ("\\frac{1}{0}", "the answer has no value: it divides by zero"),
        ("0^0", "the answer has no value: zero to a power that is not positive"),
        ("1 2", "unexpected number `2` at byte 2"),
        ("\\foo", "unexpected command `\\foo` at byte 0"),
        ("\\sqrt12", "unexpected number `12` at byte 5"),
        ("9_2", "the answer has no value: a numeral with digits that its base does not have"),
        ("\\infty - \\infty", "the answer has no value: arithmetic with infinity"),
        ("5\\text{ halves}", "unexpected text `halves` after a number (no known unit, or a second one) at byte 1"),
        ("f(g(x))", "unexpected argument of a function without a rule (write `\\cdot` for a product) at byte 1"),
        ("5–7", "unexpected dash of a range (write `-` for minus) at byte 1"),
        ("[2.7]", "unexpected `[` around a single term, which may be rounded down (write parentheses) at byte 0"),
        ("5\\%\\%", "unexpected second sign for percent or degrees at byte 3"),
        ("x \\in 5", "the answer has no value: membership in what is no set"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), format!("error: {expected}"), "{text}");
    }
    assert_eq!(Answer::parse(&"1".repeat(5000)).err(), Some(MathError::TooLong { length: 5000, limit: 4096 }));
    assert_eq!(Answer::parse(&format!("{}1", "(".repeat(100))).err(), Some(MathError::TooDeep { limit: 64 }));
}

#[test]
fn each_step_decides_what_it_should() {
    let cases = [
        ("x+", "x+", None),
        ("$\\sin 1$", "\\sin 1.", Some((true, Reason::SameText))),
        ("\\frac12", "0.5", Some((true, Reason::SameValue))),
        ("\\sqrt{3+2\\sqrt2}", "1+\\sqrt2", Some((true, Reason::SameAtSamples))),
        ("y=2x+1", "2x-y+1=0", Some((true, Reason::SameRelation))),
        ("|x|^2", "x^2", Some((true, Reason::SameValue))),
        ("|x-2|", "x-2", Some((false, Reason::DifferentValues))),
        ("|x^2-5x+6|", "x^2-5x+6", Some((false, Reason::Undecided))),
        ("5\\text{ cm}", "5", Some((true, Reason::SameWithoutUnit))),
        ("5", "6", Some((false, Reason::DifferentValues))),
        ("5", "\\{5\\}", Some((false, Reason::DifferentKinds))),
        ("1, 2", "1, 2, 3", Some((false, Reason::DifferentCounts))),
        ("5\\text{ cm}", "5\\text{ m}", Some((false, Reason::DifferentUnits))),
        ("(0,1]", "[0,1]", Some((false, Reason::DifferentBrackets))),
        ("even", "odd", Some((false, Reason::DifferentWords))),
        ("4^{50000}", "2^{100000}", Some((false, Reason::Undecided))),
    ];
    for (a, b, expected) in cases {
        match expected {
            Some(expected) => assert_eq!(verdict(a, b), expected, "{a} | {b}"),
            None => assert!(Answer::parse(a).is_err()),
        }
    }
}

#[test]
fn colours_and_customary_words_change_nothing() {
    assert_same(&[
        ("\\color{blue}7", "7"),
        ("\\textcolor{blue}{\\frac{1}{2}}", "0.5"),
        ("\\underline{7}", "7"),
        ("= 7", "7"),
        ("\\text{DNE}", "does not exist"),
        ("\\text{no solutions}", "\\emptyset"),
        ("no solution", "\\varnothing"),
    ]);
    assert_different(&[("\\color{7}8", "78"), ("\\color{7}8", "7"), ("DNE", "\\emptyset"), ("no solution", "0"), ("=7=8", "8")]);
    assert_eq!(read("~~7~~"), "error: the answer is empty");
}

#[test]
fn rounding_never_hides_a_difference() {
    assert_different(&[
        ("0.333333333", "\\frac13"),
        ("3.14159265358979323846", "\\pi"),
        ("1.41421356237309504880", "\\sqrt2"),
        ("0.8414709848078965067", "\\sin 1"),
        ("\\frac{8414709848078965067}{10^{19}}", "\\sin 1"),
        ("e^{\\pi\\sqrt{163}}", "262537412640768744"),
        ("\\cos(10^{-9})", "1"),
        ("10^{20}+\\sin x", "10^{20}+\\cos x"),
        ("x+10^{-15}\\sin x", "x"),
        ("\\cos(\\sin(\\frac{1}{30000})^4)", "1"),
        ("\\frac{0}{\\sqrt{3+2\\sqrt2}-1-\\sqrt2}", "7"),
        ("\\arcsin(\\sin x)", "x"),
        ("\\sqrt{x^2}", "x"),
        ("|x-10|", "10-x"),
        ("|x-50000|", "50000-x"),
        ("\\sqrt{(x-5)^2}", "5-x"),
        ("\\sqrt{(x-3000)^2}", "3000-x"),
        ("\\lfloor\\frac{n}{5}\\rfloor", "\\lfloor\\frac{n}{6}\\rfloor"),
        ("\\arcsin(\\sin\\frac{x}{10})", "\\frac{x}{10}"),
        ("(-8)^{1/3}", "1-\\sqrt3 i"),
    ]);
}

#[test]
fn percent_equals_a_hundredth_or_the_bare_number() {
    assert_same(&[
        ("50\\%", "0.5"),
        ("50\\%", "50"),
        ("50\\%", "\\frac12"),
        ("50\\text{ percent}", "50\\%"),
        ("33\\frac13\\%", "\\frac13"),
    ]);
    assert_different(&[("50\\%", "0.5\\%"), ("50\\%", "5000"), ("50\\%", "50^\\circ"), ("50\\%", "\\$50"), ("5+20\\%", "520")]);
}

#[test]
fn units_count_against_units_only() {
    assert_same(&[
        ("5\\text{ cm}", "5"),
        ("5 cm", "5\\text{ centimeters}"),
        ("5\\text{ cm}^2", "5\\text{ square centimeters}"),
        ("60\\text{ km}/\\text{h}", "60\\text{ km/h}"),
        ("\\$5", "5\\text{ dollars}"),
        ("5\\text{ units}", "5\\text{ cm}"),
        ("3\\text{ million}", "3000000"),
        ("3\\text{ million dollars}", "\\$3,000,000"),
        ("90^\\circ", "90\\text{ degrees}"),
    ]);
    assert_different(&[
        ("5\\text{ cm}", "5\\text{ cm}^2"),
        ("3\\text{ million}", "3"),
        ("5\\text{ cents}", "\\$5"),
        ("5\\text{ squared}", "5"),
        ("5\\text{ thirds}", "5"),
        ("5\\text{ or more}", "5"),
        ("20^\\circ C", "20^\\circ F"),
    ]);
}

#[test]
fn names_are_stripped_only_where_nothing_is_lost() {
    assert_same(&[
        ("x=5", "5"),
        ("5=x", "5"),
        ("f(x)=2x", "2x"),
        ("(-\\infty, 1) U (2, 3)", "(2,3)\\cup(-\\infty,1)"),
        ("\\sqrt{x^2}", "|x|"),
        ("f^{-1}(x)=2x", "2x"),
        ("\\text{Area}=5", "5"),
        ("x=1 \\text{ or } x=2", "\\{1,2\\}"),
        ("x=\\pm 2, x = 3", "-2, 2, 3"),
        ("(x,y)=(1,2)", "(1,2)"),
        ("x = \\frac12 = 0.5", "0.5"),
        ("x > 3", "(3,\\infty)"),
        ("x<1 \\text{ or } x>3", "(-\\infty,1)\\cup(3,\\infty)"),
        ("x \\ne 0", "(-\\infty,0)\\cup(0,\\infty)"),
        ("x=1,y=2", "y=2,x=1"),
    ]);
    assert_different(&[
        ("x=5", "y=5"),
        ("x=1,y=2", "1,2"),
        ("x=1,y=2", "x=2,y=1"),
        ("x^2=x", "x^2"),
        ("x = 2 = 3", "2"),
        ("2x=10", "5"),
        ("x\\approx 5", "5"),
        ("k\\pi, k \\in \\mathbb{Z}", "k\\pi"),
        ("-x>3", "x>-3"),
        ("x>1, x<3", "(-\\infty,3)\\cup(1,\\infty)"),
    ]);
}

#[test]
fn expressions_are_the_same_where_their_normal_forms_are() {
    assert_same(&[
        ("\\frac{1}{1+\\sqrt2}", "\\sqrt2-1"),
        ("\\tan 15^\\circ", "2-\\sqrt3"),
        ("\\cos\\frac{\\pi}{5}", "\\frac{1+\\sqrt5}{4}"),
        ("\\log_4 8", "\\frac32"),
        ("\\ln 12", "2\\ln 2+\\ln 3"),
        ("e^{i\\pi}", "-1"),
        ("|3+4i|", "5"),
        ("\\lfloor -\\pi \\rfloor", "-4"),
        ("\\frac{n!}{k!(n-k)!}", "\\binom{n}{k}"),
        ("\\binom{n}{2}", "\\frac{n(n-1)}{2}"),
        ("2^{n+1}-2", "2(2^n-1)"),
        ("\\sin 2x", "2\\sin x\\cos x"),
        ("\\sqrt{4x+4}", "2\\sqrt{x+1}"),
        ("(x+1)^{1000}", "(1+x)^{1000}"),
        ("\\gcd(12, 18)", "6"),
        ("(-8)^{1/3}", "1+\\sqrt3 i"),
        ("\\sinh x", "\\frac{e^x-e^{-x}}{2}"),
    ]);
    assert_different(&[
        ("-2^2", "4"),
        ("(-8)^{1/3}", "-2"),
        ("\\ln x^2", "2\\ln x"),
        ("\\sqrt{xy}", "\\sqrt x\\sqrt y"),
        ("\\cos x", "\\sqrt{1-\\sin^2 x}"),
    ]);
}

/// Asserts that each answer has the reference's value, and is taken or not where no form is set.
fn assert_in_form(pairs: &[(&str, &str)], form: Option<Form>, taken: bool) {
    for (answer, reference) in pairs {
        let (found, wanted) = (Answer::parse(answer).unwrap(), Answer::parse(reference).unwrap());
        assert!(judge(&found, &wanted, Some(Form::Any)).equal, "{answer} | {reference}");
        let comparison = judge(&found, &wanted, form);
        assert_eq!(comparison.equal, taken, "{answer} | {reference}: {}", comparison.because);
    }
}

#[test]
fn a_solved_relation_wants_a_solved_one() {
    let unsolved = [
        ("5t-10=0", "t=2"),
        ("t+7=9", "t=2"),
        ("2-t=0", "t=2"),
        ("7=3t+1", "t=2"),
        ("\\frac{t}{2}=1", "2=t"),
        ("4n<20", "n<5"),
        ("n-5<0", "5>n"),
        ("-n>-5", "n<5"),
        ("a-4b=1", "a=4b+1"),
        ("b=\\frac{a-1}{4}", "a=4b+1"),
        ("y-2x>1", "y>2x+1"),
        ("3p=6, q=5", "p=2, q=5"),
        ("x-2\\ne 0", "x\\ne 2"),
    ];
    assert_in_form(&unsolved, None, false);
    let solved = [
        ("2=t", "t=2"),
        ("2", "t=2"),
        ("t=\\frac{4}{2}=2", "t=2"),
        ("5>n", "n<5"),
        ("1+4b=a", "a=4b+1"),
        ("4b+1", "a=4b+1"),
        ("y=x", "x=y"),
        ("q=5, p=2", "p=2, q=5"),
        ("3n-15=0", "2n-10=0"),
        ("2y+2x=6", "x+y=3"),
        ("y^2=4-x^2", "x^2+y^2=4"),
        ("x\\ge 2", "[2,\\infty)"),
    ];
    assert_in_form(&solved, None, true);
}

#[test]
fn what_cancels_is_to_be_cancelled() {
    let left = [
        ("\\frac{6a+9}{3}", "2a+3"),
        ("3\\cdot\\frac{a}{3}", "a"),
        ("\\frac{a^2b}{ab}", "a"),
        ("\\frac{a^2-b^2}{a+b}", "a-b"),
        ("\\frac{a^2+2ab+b^2}{a^2-b^2}", "\\frac{a+b}{a-b}"),
        ("\\frac{t^3-1}{t-1}", "t^2+t+1"),
        ("\\frac{4+6\\sqrt3}{2}", "2+3\\sqrt3"),
        ("\\frac{2\\pi}{8}", "\\frac{\\pi}{4}"),
        ("(3t)^3", "27t^3"),
        ("(-t)^2", "t^2"),
        ("i^3", "-i"),
        ("\\frac{2}{i}", "-2i"),
        ("\\log 1000", "3"),
        ("\\ln e^t", "t"),
        ("e^{3\\ln t}", "t^3"),
        ("\\cos^2 t+\\sin^2 t", "1"),
        ("2\\sin 45^\\circ", "\\sqrt2"),
    ];
    assert_in_form(&left, None, false);
    let done = [
        ("\\frac{a+b}{2}", "\\frac{1}{2}(a+b)"),
        ("\\frac{3}{4}t", "\\frac{3t}{4}"),
        ("\\frac{t+1}{t-1}", "\\frac{1+t}{t-1}"),
        ("\\frac{1+\\sqrt5}{2}", "\\frac12+\\frac{\\sqrt5}{2}"),
        ("\\frac{n^2-n}{2}", "\\frac{n(n-1)}{2}"),
        ("\\binom{n}{2}", "\\frac{n(n-1)}{2}"),
        ("\\frac{2^n}{2}", "2^{n-1}"),
        ("\\exp(2t)", "e^{2t}"),
        ("\\sin 2t", "2\\sin t\\cos t"),
        ("\\sqrt{12}", "2\\sqrt3"),
        ("7!", "5040"),
    ];
    assert_in_form(&done, None, true);
    let simplified =
        [("6!", "720"), ("3^4", "81"), ("\\binom{6}{2}", "15"), ("\\pi\\cdot 2^3", "8\\pi"), ("\\frac{t^2}{t}", "t")];
    assert_in_form(&simplified, Some(Form::Simplified), false);
    let simple = [("2^{60}", "4^{30}"), ("10^3", "1000"), ("\\frac{1}{2}", "0.5")];
    assert_in_form(&simple, Some(Form::Simplified), true);
}
