//! Verdicts on what people write, a table of kinds: what each verifier makes of an answer, and that each reference accepts itself.

use palinode_core::verifier::Verdict;
use palinode_tasks::verifiers::VerifierConfig;
use serde::Deserialize;

/// The table, one case a line.
const CASES: &str = include_str!("verdicts/cases.jsonl");

#[derive(Deserialize)]
struct Case {
    kind: String,
    /// The name of a verifier, or its TOML.
    verifier: String,
    answer: String,
    reference: String,
    verdict: String,
}

#[derive(Deserialize)]
struct Settings {
    verifier: VerifierConfig,
}

impl Case {
    fn config(&self) -> VerifierConfig {
        if !self.verifier.starts_with('{') {
            return self.verifier.parse().unwrap();
        }
        toml::from_str::<Settings>(&format!("verifier = {}", self.verifier)).unwrap().verifier
    }
}

fn cases() -> Vec<Case> {
    CASES.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_kind_gets_its_verdict() {
    let mut wrong = Vec::new();
    for case in cases() {
        let judgement = case.config().build().unwrap().judge(&case.answer, &case.reference);
        if judgement.verdict.name() != case.verdict {
            let Case { kind, verifier, answer, reference, verdict } = case;
            wrong.push(format!("{kind}: {verifier}: {answer:?} for {reference:?} should be {verdict}: {judgement}"));
        }
    }
    assert!(wrong.is_empty(), "{} verdicts:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_reference_by_which_can_be_judged_accepts_itself() {
    for case in cases().iter().filter(|case| case.verdict != "failed" && case.verifier != "boxed") {
        let judgement = case.config().build().unwrap().judge(&case.reference, &case.reference);
        assert_eq!(judgement.verdict, Verdict::Right, "{}: {:?}: {judgement}", case.kind, case.reference);
    }
}

#[test]
fn a_failure_is_the_references_alone() {
    for case in cases() {
        let verifier = case.config().build().unwrap();
        let failed = verifier.judge("", &case.reference).verdict == Verdict::Failed;
        assert_eq!(failed, case.verdict == "failed", "{}: {:?}", case.kind, case.reference);
    }
}
