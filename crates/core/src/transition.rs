//! The four transitions at which a gate stands: spawn, execute, claim, close. Nothing is asked at each call of a tool; a run passes
//! four doors, and how often each was passed, shut and gone around is counted.
//!
//! | Gate | Asks | Shuts when |
//! |---|---|---|
//! | spawn | the task is there, no rail on its words, money, a proven box, a model, room | a rail, no money, a box that is refused |
//! | execute | the limits of the run, a breaker on lack of progress, rails on what is run | a limit, a breaker, a rail |
//! | claim | each claim has a record that the factory made | check 16, an answer that is no answer, an end without a word |
//! | close | the verdict, rails on the change, the ledger settled in the same transaction | the gate or a goal's own check failed, a judge rejected |

use serde::{Deserialize, Serialize};

use crate::pipeline::{Ended, Failure};
use crate::qa::{Check, CheckResult, Verdict};
use crate::review::ReviewVerdict;

/// One of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    Spawn,
    Execute,
    Claim,
    Close,
}

impl Transition {
    pub const ALL: [Transition; 4] = [
        Transition::Spawn,
        Transition::Execute,
        Transition::Claim,
        Transition::Close,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Transition::Spawn => "spawn",
            Transition::Execute => "execute",
            Transition::Claim => "claim",
            Transition::Close => "close",
        }
    }
}

/// What came of one passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passage {
    /// The gate was asked. The other two come on top of it.
    Fired,
    /// It let nothing through.
    Blocked,
    /// A person went around it, by name and with a reason.
    Bypassed,
}

impl Passage {
    pub fn as_str(self) -> &'static str {
        match self {
            Passage::Fired => "fired",
            Passage::Blocked => "blocked",
            Passage::Bypassed => "bypassed",
        }
    }
}

const fn fired(gate: Transition) -> (Transition, Passage) {
    (gate, Passage::Fired)
}

const fn blocked(gate: Transition) -> (Transition, Passage) {
    (gate, Passage::Blocked)
}

/// The gates that a run's end has passed. Its claim by the factory was the spawn gate's firing; what comes back unbegun was blocked
/// there.
pub fn passed(ended: &Ended) -> Vec<(Transition, Passage)> {
    use Transition::{Claim, Close, Execute, Spawn};
    match ended {
        Ended::Asked { .. } => vec![fired(Execute)],
        Ended::Planned { .. } | Ended::Summed { .. } => {
            vec![fired(Execute), fired(Claim), fired(Close)]
        }
        // The judge has done his own work; what he judged does not close by it.
        Ended::Reviewed { review } => {
            let mut gates = vec![fired(Execute), fired(Claim), fired(Close)];
            let rejects = review.verdict == ReviewVerdict::Reject;
            gates.extend(rejects.then_some(blocked(Close)));
            gates
        }
        Ended::Gated { verdict, .. } => {
            let mut gates = vec![fired(Execute), fired(Claim)];
            gates.extend(unrecorded(verdict).then_some(blocked(Claim)));
            gates.push(fired(Close));
            gates.extend((!verdict.passed()).then_some(blocked(Close)));
            gates
        }
        Ended::Failed { failure } => match failure {
            Failure::BoxRefused { .. } | Failure::NoModel { .. } | Failure::NoRoom { .. } => {
                shut(Spawn)
            }
            Failure::Human { at, .. } | Failure::Quality { at, .. } => shut(*at),
            Failure::Budget { .. }
            | Failure::Lost { .. }
            | Failure::Overrun { .. }
            | Failure::Rail { .. }
            | Failure::Beyond { .. } => shut(Execute),
            Failure::Infrastructure { .. } => vec![fired(Execute)],
            Failure::GoalUnmet { .. } => shut(Close),
        },
    }
}

/// A run that came as far as this gate and not through it.
fn shut(at: Transition) -> Vec<(Transition, Passage)> {
    // The spawn gate fired when the run was claimed.
    let after_spawn = Transition::ALL.into_iter().skip(1);
    let mut gates: Vec<(Transition, Passage)> =
        after_spawn.filter(|gate| *gate <= at).map(fired).collect();
    gates.push(blocked(at));
    gates
}

/// Whether what was claimed lacks the factory's own record.
fn unrecorded(verdict: &Verdict) -> bool {
    let mut checks = verdict.measurements.iter();
    checks.any(|m| m.check == Check::EvidenceComplete && m.result == CheckResult::Fail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qa::{Measurement, Policy, judge};

    fn gated(failing: Option<Check>) -> Ended {
        let measured: Vec<Measurement> = Check::ALL
            .iter()
            .map(|check| Measurement {
                check: *check,
                result: match Some(*check) == failing {
                    true => CheckResult::Fail,
                    false => CheckResult::Pass,
                },
                detail: String::new(),
            })
            .collect();
        Ended::Gated {
            verdict: judge(&measured, Policy::default()),
            base: String::new(),
            head: String::new(),
        }
    }

    #[test]
    fn a_judge_who_rejects_has_shut_the_close_gate() {
        use Transition::{Claim, Close, Execute};
        let through = [fired(Execute), fired(Claim), fired(Close)];
        let judged = |verdict| {
            let review = crate::review::Review {
                verdict,
                summary: "I read it".into(),
                findings: Vec::new(),
                criteria: Vec::new(),
            };
            passed(&Ended::Reviewed { review })
        };
        assert_eq!(judged(ReviewVerdict::Pass), through);
        assert_eq!(judged(ReviewVerdict::PassWithFindings), through);
        let shut = judged(ReviewVerdict::Reject);
        assert_eq!(shut, [through.as_slice(), &[blocked(Close)]].concat());
    }

    #[test]
    fn a_gate_that_shuts_has_fired_at_the_same_passage() {
        use Transition::{Claim, Close, Execute, Spawn};
        let through = [fired(Execute), fired(Claim), fired(Close)];
        assert_eq!(passed(&gated(None)), through);
        let refused = passed(&gated(Some(Check::BaseTestsPass)));
        assert_eq!(
            refused,
            [fired(Execute), fired(Claim), fired(Close), blocked(Close)]
        );
        let invented = passed(&gated(Some(Check::EvidenceComplete)));
        assert!(invented.contains(&blocked(Claim)) && invented.contains(&blocked(Close)));
        let failure = |failure| passed(&Ended::Failed { failure });
        let lost = failure(Failure::Lost { findings: vec![] });
        assert_eq!(lost, [fired(Execute), blocked(Execute)]);
        let refused = Failure::BoxRefused {
            detail: String::new(),
            remedy: String::new(),
        };
        assert_eq!(
            failure(refused),
            [blocked(Spawn)],
            "it fired when it was claimed"
        );
        let approves = |at| {
            let detail = String::new();
            failure(Failure::Human { detail, at })
        };
        assert_eq!(approves(Spawn), [blocked(Spawn)]);
        assert_eq!(approves(Execute), [fired(Execute), blocked(Execute)]);
        assert_eq!(
            approves(Close),
            [fired(Execute), fired(Claim), fired(Close), blocked(Close)]
        );
        let unproven = failure(Failure::quality(vec![]));
        assert_eq!(unproven, [fired(Execute), fired(Claim), blocked(Claim)]);
        let limit = Failure::Quality {
            findings: vec![],
            at: Execute,
        };
        assert_eq!(failure(limit), lost, "it claimed nothing");
        let machine = Failure::Infrastructure {
            detail: String::new(),
        };
        assert_eq!(failure(machine), [fired(Execute)], "no gate's doing");
    }
}
