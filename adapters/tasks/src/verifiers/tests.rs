use super::*;

mod laws;

fn built(toml: &str) -> Arc<dyn TextVerifier> {
    #[derive(serde::Deserialize)]
    struct Settings {
        verifier: VerifierConfig,
    }
    let settings: Settings = toml::from_str(&format!("verifier = {toml}")).unwrap();
    settings.verifier.build().unwrap()
}

fn named(name: &str) -> Arc<dyn TextVerifier> {
    name.parse::<VerifierConfig>().unwrap().build().unwrap()
}

use std::sync::Arc;

/// Every kind, with and without settings.
fn every_kind() -> Vec<Arc<dyn TextVerifier>> {
    let mut kinds: Vec<_> = VerifierConfig::NAMES.iter().map(|name| named(name)).collect();
    kinds.extend(
        [
            r#"{ kind = "numeric", relative = 0.01, last = true }"#,
            r#"{ kind = "math", form = "any" }"#,
            r#"{ kind = "boxed", form = "simplified" }"#,
            r#"{ kind = "math", form = "number" }"#,
            r#"{ kind = "pattern", pattern = "(?i)answer: (.*)", then = { kind = "math" } }"#,
            r#"{ kind = "all", parts = [{ kind = "gsm8k" }, { kind = "exact", ignore_case = true }] }"#,
            r#"{ kind = "weighted", parts = [{ weight = 1, verifier = { kind = "json", partial = true } }, { weight = 3.0, verifier = { kind = "math" } }] }"#,
        ]
        .map(built),
    );
    kinds.push(Arc::new(Function::new("any", |_, _| Verdict::Right)));
    kinds
}

fn check(verifier: &dyn TextVerifier, cases: &[(&str, &str, &str)]) {
    for (answer, reference, verdict) in cases {
        let judgement = verifier.judge(answer, reference);
        assert_eq!(judgement.verdict.name(), *verdict, "{answer:?} for {reference:?}: {judgement}");
    }
}

#[test]
fn exact_is_the_same_text() {
    check(&Exact::default(), &[(" a b\n", "a b", "right"), ("A b", "a b", "wrong"), ("a  b", "a b", "wrong")]);
    check(&Exact { ignore_case: true }, &[("YES", "yes", "right"), ("Straße", "STRASSE", "wrong")]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn numbers_are_amounts() {
    check(
        &Numeric::default(),
        &[
            ("1,250.0", "1250", "right"),
            ("$1,250", "1.25e3", "right"),
            ("1.25 × 10^3", "1250", "right"),
            (r"1.25 \times 10^{3}", "1250", "right"),
            ("+7.", "7", "right"),
            ("-7", "7", "wrong"),
            ("−7", "-7", "right"),
            (".5", "1/2", "right"),
            ("3 1/2", "3.5", "right"),
            ("50%", "0.5", "right"),
            ("50%", "50", "right"),
            ("50", "0.5", "wrong"),
            (r"50\%", "50 percent", "right"),
            ("5%", "50%", "wrong"),
            ("0.333", "1/3", "wrong"),
            ("3 km", "3", "right"),
            ("3 miles", "3 Miles", "right"),
            ("3 M", "3 m", "unparseable"),
            ("3 apples", "3", "right"),
            ("3", "3 red apples", "failed"),
            ("3 red apples", "3", "unparseable"),
            ("5 squared", "5", "unparseable"),
            ("5^2", "5", "unparseable"),
            ("5²", "5", "unparseable"),
            ("5k", "5", "unparseable"),
            ("5M", "5", "unparseable"),
            ("5 dozens", "5", "unparseable"),
            ("5 less than ten", "5", "unparseable"),
            ("7 - ten", "7", "unparseable"),
            ("7 / ten", "7", "unparseable"),
            ("5–7", "5", "unparseable"),
            ("1 / 2", "0.5", "right"),
            ("50 per cent", "0.5", "right"),
            ("72€", "72", "right"),
            ("72 (apples)", "72", "right"),
            ("3 km", "3 m", "wrong"),
            ("9 cm^2", "9 cm^2", "right"),
            ("9007199254740993", "9007199254740992", "wrong"),
            ("5 or 6", "5", "unparseable"),
            ("5 million", "5", "wrong"),
            ("5 million", "5000000", "right"),
            ("5x", "5", "unparseable"),
            ("1,23", "123", "unparseable"),
            ("3.4.5", "3.4", "unparseable"),
            ("1/0", "1", "unparseable"),
            ("it is 5", "5", "unparseable"),
            ("", "5", "unparseable"),
            ("5", "five", "failed"),
        ],
    );
    let near = Numeric::within(0.5, 0.1).unwrap();
    check(&near, &[("111.4", "110", "right"), ("120", "100", "wrong"), ("110.5", "100", "right"), ("110.51", "100", "wrong")]);
    check(
        &Numeric::default().last(),
        &[
            ("from 3 to 4, so 12 apples.", "12", "right"),
            ("7 - 3 = 5-1", "1", "unparseable"),
            ("x2 is 3", "3", "right"),
            ("10 - 5", "5", "unparseable"),
            ("10 – 5 = –5", "-5", "right"),
            ("it is -5", "-5", "right"),
            ("it is minus 5", "5", "unparseable"),
            ("2^10", "10", "unparseable"),
            ("√5", "5", "unparseable"),
            (r"\sqrt{5}", "5", "unparseable"),
            ("3½", "3", "unparseable"),
            ("5 million", "5", "unparseable"),
            (r"7 is wrong: \boxed{12}", "12", "right"),
            (r"\boxed{\frac{3}{4}}", "4", "wrong"),
            ("12 apples are left", "12", "right"),
            (&format!("3{}12", " and so on".repeat(1000)), "12", "unparseable"),
            (&format!("3{} 12", " and so on".repeat(1000)), "12", "right"),
            (&format!("3{}", " and so on".repeat(1000)), "3", "unparseable"),
            ("12!", "12", "right"),
        ],
    );
    assert!(Numeric::within(-1.0, 0.0).is_err() && Numeric::within(0.0, f64::NAN).is_err());
}

#[test]
fn gsm8k_is_the_number_behind_the_mark_or_the_last_one() {
    let reference = "Each has <<6*2=12>>12 legs, so 6 have <<6*12=72>>72.\n#### 72";
    check(
        &Gsm8k,
        &[
            ("#### 72", reference, "right"),
            ("6 * 12 = 72\n#### 72.00\nanything 5", reference, "right"),
            ("#### 72 apples", reference, "right"),
            ("#### **72**", reference, "right"),
            ("**#### 72**", reference, "right"),
            (r"#### \boxed{72}", reference, "right"),
            ("#### = 72,", reference, "right"),
            ("#### (72)", reference, "right"),
            ("#### $72!", reference, "right"),
            ("#### 72 or 73", reference, "unparseable"),
            ("#### 7-ten", "#### 7", "unparseable"),
            ("#### 5a", "#### 5", "unparseable"),
            ("#### 70\n#### 72", reference, "right"),
            ("#### 72\n#### 70", reference, "wrong"),
            ("so the answer is 72.", reference, "right"),
            ("it is 72 of 100", reference, "unparseable"),
            ("#### about", reference, "unparseable"),
            ("no idea", reference, "unparseable"),
            ("#### 1,250", "#### 1250", "right"),
            ("#### 72", "#### seventy-two", "failed"),
        ],
    );
}

#[test]
fn boxed_reads_the_last_box_and_math_what_there_is() {
    let reference = r"Halving gives \boxed{\frac{1}{2}}.";
    check(
        &Boxed::default(),
        &[
            (r"so \boxed{0.5}", reference, "right"),
            (r"\boxed{1} no, \boxed{\dfrac12}", reference, "right"),
            (r"\boxed{\text{a }\frac{1}{2}}", reference, "unparseable"),
            (r"\boxed{\frac{1}{3}}", reference, "wrong"),
            (r"\boxed{0.5} no, \boxed{1}", reference, "wrong"),
            ("1/2", reference, "unparseable"),
            (r"\boxed{\frac{1}{2}", reference, "unparseable"),
            (r"\boxed{}", reference, "unparseable"),
            (r"\boxed{2}", r"no box {", "failed"),
        ],
    );
    check(
        &Boxed::default(),
        &[
            (r"\boxed{\frac{1}{3}}", reference, "wrong"),
            ("1/2", reference, "unparseable"),
            (r"\boxed{}", reference, "unparseable"),
        ],
    );
    check(&Boxed::default(), &[(r"\boxed{0.5} no, \boxed{1}", reference, "wrong"), (r"\boxed{1/2}", "0.5", "right")]);
    check(
        &Math::default(),
        &[("1/2", reference, "right"), (r"\boxed{1/2}", "0.5", "right"), ("1/3", "0.5", "wrong"), ("", "1", "unparseable")],
    );
    check(&Boxed::default(), &[(r"\boxed{2}", "", "failed"), (r"\boxed{2}", r"\boxed{", "failed")]);
}

#[test]
fn a_choice_is_named_not_mentioned() {
    let choice = Choice::new(5).unwrap();
    check(
        &choice,
        &[
            ("B", "B", "right"),
            ("(b)", "B", "right"),
            ("b.", "(B)", "right"),
            ("B) blue", "B", "right"),
            ("**B**", "B", "right"),
            (r"$\boxed{\text{(B)}}$", "B", "right"),
            (r"\text{B}", "B", "right"),
            ("A is wrong, so the answer is (B).", "B", "right"),
            ("Answer: C", "B", "wrong"),
            ("The answer is A.\nNo, the answer is B", "B", "right"),
            ("A or B", "B", "unparseable"),
            ("(A) or (B)", "A", "unparseable"),
            ("A blue bird", "A", "unparseable"),
            ("Because", "B", "unparseable"),
            ("F", "B", "unparseable"),
            ("", "B", "unparseable"),
            ("A. or B.", "A", "unparseable"),
            ("(a) and b)", "A", "unparseable"),
            ("A) B) C)", "A", "unparseable"),
            ("A: no; B: yes", "A", "unparseable"),
            ("B. I think so, a good one", "B", "right"),
            ("The correct option is B", "B", "right"),
            ("The answer is\n(B)", "B", "right"),
            ("B", "Z", "failed"),
        ],
    );
    assert!(Choice::new(1).is_err() && Choice::new(27).is_err());
}

#[test]
fn patterns_find_or_are_the_reference() {
    let found = built(r#"{ kind = "pattern", pattern = "<(\\w+)>" }"#);
    check(found.as_ref(), &[("<a> then <b>", "b", "right"), ("<a>", "see <b>", "wrong"), ("b", "b", "unparseable")]);
    let number = built(r#"{ kind = "pattern", pattern = "= (.*)", then = { kind = "numeric" } }"#);
    check(number.as_ref(), &[("x = 0.5", "1/2", "right"), ("x = y", "1/2", "unparseable")]);
    // A reference without a number is nobody's fault, whether the pattern finds something in the answer or not.
    check(number.as_ref(), &[("x = 0.5", "half", "failed"), ("0.5", "half", "failed")]);
    let reference = Pattern::of_reference();
    check(
        &reference,
        &[
            ("colour", "colou?r", "right"),
            ("a colour", "colou?r", "wrong"),
            ("ab", "a|ab", "right"),
            ("x", "a)|(x", "failed"),
            ("x", "(", "failed"),
            ("x", r"\p{L}{999}{999}", "failed"),
        ],
    );
    assert!(Pattern::new("(", Arc::new(Exact::default())).unwrap_err().to_string().contains("unclosed group"));
}

#[test]
fn json_compares_fields() {
    let all = Json::default();
    let reference = r#"{"a": 1, "b": " x ", "c": [1, {"d": null}]}"#;
    check(
        &all,
        &[
            (r#"{"c": [1.0, {"d": null}], "b": "x", "a": 1.00, "more": 0}"#, reference, "right"),
            ("```json\n{\"a\": 1, \"b\": \"x\", \"c\": [1, {\"d\": null}]}\n```", reference, "right"),
            (r#"{"a": 1}"#, reference, "wrong"),
            (r#"{"a": "1", "b": "x", "c": [1, {"d": null}]}"#, reference, "wrong"),
            (r#"{"a": 1"#, reference, "unparseable"),
            ("[1]", reference, "unparseable"),
            (r#"{"a": 12345678901234567890123}"#, r#"{"a": 12345678901234567890124}"#, "wrong"),
            (r#"{"a": 0.1000000000000000055}"#, r#"{"a": 0.1}"#, "wrong"),
            (r#"so {"a": "x}"}"#, r#"{"a": "x}"}"#, "right"),
            (r#"{"b": 1} or {"a": {"b": 2}}"#, r#"{"a": {"b": 2}}"#, "unparseable"),
            (r#"{"b": 1} is the start. Then {"a": {"b": 2}}"#, r#"{"a": {"b": 2}}"#, "right"),
            ("{}", "{}", "failed"),
            ("{}", "1", "unparseable"),
        ],
    );
    let some = Json { fields: vec!["a".into(), "b".into()], partial: true };
    let judgement = some.judge(r#"{"a": 1, "b": "y"}"#, reference);
    assert_eq!(judgement.verdict, Verdict::partial(0.5).unwrap());
    assert!(judgement.because.contains("1 of 2 fields differ: b"), "{judgement}");
    check(&some, &[(r#"{"a": 2, "b": "y"}"#, reference, "wrong"), (r#"{"a": 1}"#, r#"{"a": 1}"#, "failed")]);
}

#[test]
fn combinations_weigh_and_never_hide_a_failure() {
    let all = built(r#"{ kind = "all", parts = [{ kind = "gsm8k" }, { kind = "pattern", pattern = "[#]{4}.*" }] }"#);
    check(
        all.as_ref(),
        &[
            ("#### 7", "#### 7", "right"),
            ("7", "#### 7", "unparseable"),
            ("#### 8", "#### 7", "wrong"),
            ("#### 7", "x", "failed"),
        ],
    );
    let weighted = built(
        r#"{ kind = "weighted", parts = [{ weight = 3, verifier = { kind = "numeric" } }, { weight = 1, verifier = { kind = "exact" } }] }"#,
    );
    assert_eq!(weighted.judge("7.0", "7").verdict, Verdict::partial(0.75).unwrap());
    check(weighted.as_ref(), &[("7", "7", "right"), ("8", "7", "wrong"), ("x", "7", "wrong"), ("7", "x", "failed")]);
    let thirds = vec![(1.0, Arc::new(Exact::default()) as Arc<dyn TextVerifier>); 3];
    check(&Weighted::new(thirds).unwrap(), &[("a", "a", "right")]);
    let part = || Arc::new(Exact::default()) as Arc<dyn TextVerifier>;
    for weights in [vec![], vec![0.0], vec![-1.0], vec![f32::NAN], vec![f32::MAX, f32::MAX]] {
        assert!(Weighted::new(weights.into_iter().map(|weight| (weight, part())).collect()).is_err());
    }
    assert!(All::new(Vec::new()).is_err());
}

#[test]
fn settings_survive_their_file_and_wrong_ones_are_named() {
    for name in VerifierConfig::NAMES {
        let config: VerifierConfig = name.parse().unwrap();
        assert_eq!(config.to_string(), name);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<VerifierConfig>(&text).unwrap(), config, "{text}");
    }
    let error = "boxd".parse::<VerifierConfig>().unwrap_err().to_string();
    assert!(error.contains("no verifier is called `boxd` (did you mean `boxed`?)"), "{error}");
    assert!(toml::from_str::<VerifierConfig>("kind = \"gsm8k\"\nlast = true").is_err(), "an unknown setting is refused");
    assert!(toml::from_str::<VerifierConfig>("kind = \"numeric\"\nrelatve = 0.1").unwrap_err().to_string().contains("relatve"));
    let nested = "{ kind = \"all\", parts = [".repeat(6) + "{ kind = \"exact\" }" + &"] }".repeat(6);
    let config: std::collections::BTreeMap<String, VerifierConfig> = toml::from_str(&format!("v = {nested}")).unwrap();
    assert!(config["v"].build().unwrap_err().to_string().contains("nest more than"));
    let then = toml::from_str::<VerifierConfig>("kind = \"pattern\"\nthen = { kind = \"exact\" }").unwrap();
    assert!(then.build().unwrap_err().to_string().contains("give `pattern` too"));
}

#[test]
fn what_is_too_long_is_not_judged() {
    let long = "1".repeat(MAX_TEXT + 1);
    for verifier in every_kind() {
        assert_eq!(verifier.judge("1", &long).verdict, Verdict::Failed, "{verifier:?}");
        let verdict = verifier.judge(&long, "1").verdict;
        assert!(matches!(verdict, Verdict::Unparseable | Verdict::Failed), "{verifier:?}: {verdict:?}");
    }
}
