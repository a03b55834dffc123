//! Checks 17 and 19: what the judges of a commit answered, and the verdict that gate and judges come to together.

use super::{Check, CheckResult, Measurement, Outcome, Verdict, judge};
use crate::review::Criterion;
use crate::task::TaskKind;

/// The checks that the judges of a commit give, and not its gate.
const JUDGED: [Check; 2] = [Check::CriteriaMet, Check::IndependentVerifier];

/// What one judge of a commit came to, as his sealed package has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judge {
    /// The task in which it was judged.
    pub task: String,
    pub kind: TaskKind,
    pub measurements: Vec<Measurement>,
}

/// Check 17 of one answer. A task without criteria has nothing that could be met.
pub fn criteria(answered: &[Criterion]) -> Measurement {
    let lines: Vec<String> = answered.iter().map(ToString::to_string).collect();
    let (result, detail) = match lines.is_empty() {
        true => (
            CheckResult::NotApplicable,
            "the task names no acceptance criterion".to_owned(),
        ),
        false if answered.iter().all(|one| one.met.is_ok()) => {
            (CheckResult::Pass, lines.join("; "))
        }
        false => (CheckResult::Fail, lines.join("; ")),
    };
    Measurement {
        check: Check::CriteriaMet,
        result,
        detail,
    }
}

/// The gate's verdict with what the judges of the same commit said since: their checks take the places that the gate left to them, one
/// that failed fails, and what the gate held stays held whatever they say.
pub fn folded(gate: &Verdict, judges: &[Judge]) -> Verdict {
    let given = |check: Check| {
        let of = judges.iter().flat_map(|judge| {
            let own = judge.measurements.iter().filter(move |m| m.check == check);
            own.filter(|m| m.result != CheckResult::NotApplicable)
                .map(move |m| (judge, m))
        });
        let all: Vec<(&Judge, &Measurement)> = of.collect();
        let failed = all.iter().any(|(_, m)| m.result == CheckResult::Fail);
        let detail = all
            .iter()
            .map(|(judge, m)| format!("{} {}: {}", judge.kind.as_str(), judge.task, m.detail));
        (!all.is_empty()).then(|| Measurement {
            check,
            result: if failed {
                CheckResult::Fail
            } else {
                CheckResult::Pass
            },
            detail: detail.collect::<Vec<_>>().join("; "),
        })
    };
    let mut measurements = gate.measurements.clone();
    let mut any = false;
    for judged in JUDGED.into_iter().filter_map(given) {
        for place in measurements.iter_mut().filter(|m| m.check == judged.check) {
            any = true;
            *place = judged.clone();
        }
    }
    if !any {
        return gate.clone();
    }
    let policy = gate.policy.as_deref().cloned().unwrap_or_default();
    let folded = judge(&measurements, policy);
    match (&gate.outcome, &folded.outcome) {
        // A person who is to decide has to know that a judge rejected it.
        (Outcome::Passed, _) | (Outcome::NeedsHuman { .. }, Outcome::Failed { .. }) => folded,
        (Outcome::Failed { .. } | Outcome::NeedsHuman { .. }, _) => Verdict {
            outcome: gate.outcome.clone(),
            ..folded
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;

    fn gate(failing: Option<Check>) -> Verdict {
        let measured = Check::ALL.map(|check| Measurement {
            check,
            result: match (JUDGED.contains(&check), failing == Some(check)) {
                (true, _) => CheckResult::NotApplicable,
                (false, true) => CheckResult::Fail,
                (false, false) => CheckResult::Pass,
            },
            detail: "seen".into(),
        });
        judge(&measured, Policy::default())
    }

    fn said(task: &str, check: Check, result: CheckResult) -> Judge {
        Judge {
            task: task.into(),
            kind: TaskKind::Review,
            measurements: vec![Measurement {
                check,
                result,
                detail: "said".into(),
            }],
        }
    }

    #[test]
    fn what_the_judges_said_is_in_the_verdict() {
        let gate = gate(None);
        assert_eq!((gate.passed, gate.applicable), (17, 17));
        assert_eq!(folded(&gate, &[]), gate);
        let both = [
            said("#2", Check::CriteriaMet, CheckResult::Pass),
            said("#2", Check::IndependentVerifier, CheckResult::Pass),
        ];
        let after = folded(&gate, &both);
        assert_eq!(
            (after.passed, after.applicable, after.passed()),
            (19, 19, true)
        );
        assert_eq!(after.measurements[16].detail, "review #2: said");
        assert_eq!(after.contradiction(), None);
    }

    #[test]
    fn a_recorded_verdict_needs_what_the_rule_says_of_those_that_apply() {
        let of = |verdict: &Verdict, policy: Option<Box<Policy>>| {
            let (outcome, checks) = (verdict.outcome.clone(), verdict.measurements.clone());
            Verdict::recorded(outcome, checks, policy)
        };
        let gate = gate(Some(Check::StaticAnalysis));
        let recorded = of(&gate, gate.policy.clone());
        assert_eq!(recorded, gate, "what is read back is what was judged");
        // 15 of 19, scaled to 17: 13.4 is 14.
        assert_eq!(
            (recorded.passed, recorded.applicable, recorded.needed),
            (16, 17, 14)
        );
        assert_eq!(
            of(&gate, None).needed,
            14,
            "one of before policies were recorded"
        );
        let strict = Policy {
            score_min: 19,
            ..Policy::default()
        };
        assert_eq!(of(&gate, Some(Box::new(strict))).needed, 17);
        let both = [
            said("#2", Check::CriteriaMet, CheckResult::Pass),
            said("#2", Check::IndependentVerifier, CheckResult::Pass),
        ];
        let after = folded(&recorded, &both);
        assert_eq!((after.passed, after.applicable, after.needed), (18, 19, 15));
        // All of a short table is needed.
        let short: Vec<Measurement> = gate.measurements[..3].to_vec();
        assert_eq!(Verdict::recorded(Outcome::Passed, short, None).needed, 3);
    }

    #[test]
    fn what_judges_add_can_bring_the_score_under_what_is_needed() {
        let failing = [
            Check::NewTestsFailOnBase,
            Check::ChangedLineCoverage,
            Check::StaticAnalysis,
        ];
        let measured = Check::ALL.map(|check| Measurement {
            check,
            result: match (JUDGED.contains(&check), failing.contains(&check)) {
                (true, _) => CheckResult::NotApplicable,
                (false, true) => CheckResult::Fail,
                (false, false) => CheckResult::Pass,
            },
            detail: "seen".into(),
        });
        let gate = judge(&measured, Policy::default());
        assert_eq!((gate.passed, gate.needed, gate.passed()), (14, 14, true));
        let unmet = said("#2", Check::CriteriaMet, CheckResult::Fail);
        let after = folded(&gate, &[unmet]);
        assert_eq!((after.passed, after.applicable, after.needed), (14, 18, 15));
        assert!(matches!(after.outcome, Outcome::Failed { .. }), "{after:?}");
    }

    #[test]
    fn one_judge_against_it_is_enough() {
        let gate = gate(None);
        let judges = [
            said("#2", Check::IndependentVerifier, CheckResult::Pass),
            said("#3", Check::IndependentVerifier, CheckResult::Fail),
        ];
        for judges in [judges.clone(), [judges[1].clone(), judges[0].clone()]] {
            let after = folded(&gate, &judges);
            assert!(matches!(after.outcome, Outcome::Failed { .. }), "{after:?}");
        }
        let unmet = folded(&gate, &[said("#2", Check::CriteriaMet, CheckResult::Fail)]);
        assert_eq!((unmet.passed, unmet.applicable), (17, 18));
    }

    #[test]
    fn judges_lift_nothing_that_the_gate_held() {
        let gate = gate(Some(Check::NoSecrets));
        let both = [
            said("#2", Check::CriteriaMet, CheckResult::Pass),
            said("#2", Check::IndependentVerifier, CheckResult::Pass),
        ];
        assert_eq!(folded(&gate, &both).outcome, gate.outcome);
    }

    #[test]
    fn what_a_person_is_to_decide_on_is_shown_with_its_rejection() {
        let reason = "a person decides".to_owned();
        let gate = Verdict {
            outcome: Outcome::NeedsHuman { reason },
            ..gate(None)
        };
        let no = [said("#2", Check::IndependentVerifier, CheckResult::Fail)];
        let after = folded(&gate, &no);
        assert!(matches!(after.outcome, Outcome::Failed { .. }), "{after:?}");
        let yes = [said("#2", Check::IndependentVerifier, CheckResult::Pass)];
        assert_eq!(folded(&gate, &yes).outcome, gate.outcome);
    }
}
