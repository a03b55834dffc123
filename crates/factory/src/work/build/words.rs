//! What stands in a verdict beside what the gate measured, and how a difference is shown.

use alai_core::pipeline::Failure;
use alai_core::qa::{self, Check, CheckResult, Measurement, Outcome, Verdict};
use alai_core::safety;
use alai_minion::RunReport;
use alai_workspace::git;

pub(super) fn stopped(rule: safety::Rule, detail: String) -> Failure {
    Failure::Rail {
        rule: rule.as_str().to_owned(),
        detail,
    }
}

/// What a rail saw.
pub(super) fn seen(rail: &safety::Rail) -> String {
    format!("{}: {}", rail.matched, rail.why)
}

pub(super) fn railed(failure: &Failure) -> Measurement {
    let detail = format!("stopped before the gate: {failure:?}");
    Measurement {
        check: Check::CriteriaMet,
        result: CheckResult::Fail,
        detail,
    }
}

/// What stands in the verdict of a run that left nothing to measure.
pub(super) fn ended_badly(report: &RunReport) -> Measurement {
    Measurement {
        check: Check::CriteriaMet,
        result: CheckResult::Fail,
        detail: format!("the run ended as {}", report.status),
    }
}

/// The short table of documentation.
pub(super) fn docs_verdict(measurements: Vec<Measurement>) -> Verdict {
    let reasons = alai_gate::judge_docs(&measurements);
    let mut verdict = qa::judge_all(measurements);
    if !reasons.is_empty() {
        verdict.outcome = Outcome::Failed { reasons };
    }
    verdict
}

/// An empty diff is said in words: an empty file could be a lost one.
pub(super) fn shown(diff: &git::Diff) -> String {
    match diff.patch.trim().is_empty() {
        true => "(no difference)\n".to_owned(),
        false => diff.patch.clone(),
    }
}
