//! qa-19: the nineteen named checks that judge a BUILD, and the one function that turns measurements into a verdict.
//!
//! A flat "15 of 19" would let a change with failing tests pass, so
//! mandatory checks veto first and the score only ranks what is left.

mod found;
mod gamed;
mod judged;
pub mod linters;
mod policy;
mod quality;
pub mod scanners;
mod told;

use serde::{Deserialize, Serialize};

pub use found::findings;
pub use judged::{Judge, criteria, folded};
pub use policy::{Policy, Untried};
pub use quality::{Quality, QualityPoint, Shown};
pub use told::CheckKind;

/// The score a BUILD needs when all nineteen checks apply (the original system: "Score >= 15/19"). Fewer applicable checks scale it.
pub const SCORE_MIN: u32 = 15;
/// How many checks there are.
pub const CHECKS: u32 = 19;
/// With fewer applicable checks a score says too little; a person looks.
pub const APPLICABLE_MIN: u32 = 12;

/// How the detail of check 13 begins when nobody can vouch for what moved: no agent can mend that, and a person decides.
pub const UNVETTED: &str = "nobody has vetted it";

/// How the detail of check 7 begins where no wrong product could be tried: that nobody noticed anything says nothing of the tests.
pub const UNTRIED: &str = "the product with wrong answers could not be tried";

/// How the detail of check 5 says that a command tells nothing of a change: it cannot have been made to pass by it.
pub const GREEN_BEFORE: &str = "passed before the change as well";

/// How the detail of check 5 begins where all of the task's own commands are so, and nothing else that was red turned green: code that
/// nobody calls would have passed as well.
pub const UNPROVEN: &str = "nothing shows what the change does";

/// One named check. The number is the one people see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    CleanBuild,
    BaseTestsPass,
    CensusNotReduced,
    NewTestsFailOnBase,
    AcceptanceChecks,
    ChangedLineCoverage,
    MutantsKilled,
    AllowedPathsOnly,
    GateConfigUntouched,
    NoTampering,
    NoSecrets,
    StaticAnalysis,
    Dependencies,
    LintFormatTypes,
    NoPlaceholders,
    EvidenceComplete,
    CriteriaMet,
    DiffMinimal,
    IndependentVerifier,
}

impl Check {
    pub const ALL: [Check; 19] = [
        Check::CleanBuild,
        Check::BaseTestsPass,
        Check::CensusNotReduced,
        Check::NewTestsFailOnBase,
        Check::AcceptanceChecks,
        Check::ChangedLineCoverage,
        Check::MutantsKilled,
        Check::AllowedPathsOnly,
        Check::GateConfigUntouched,
        Check::NoTampering,
        Check::NoSecrets,
        Check::StaticAnalysis,
        Check::Dependencies,
        Check::LintFormatTypes,
        Check::NoPlaceholders,
        Check::EvidenceComplete,
        Check::CriteriaMet,
        Check::DiffMinimal,
        Check::IndependentVerifier,
    ];

    /// The check's number in qa-19, from 1.
    pub fn number(self) -> usize {
        Check::ALL
            .iter()
            .position(|c| *c == self)
            .map_or(0, |i| i + 1)
    }

    pub fn title(self) -> &'static str {
        match self {
            Check::CleanBuild => "clean apply and build",
            Check::BaseTestsPass => "base tests pass",
            Check::CensusNotReduced => "no test lost or skipped",
            Check::NewTestsFailOnBase => "new tests fail on the base",
            Check::AcceptanceChecks => "the task's own checks exit 0",
            Check::ChangedLineCoverage => "changed lines are covered",
            Check::MutantsKilled => "the change's tests notice wrong answers",
            Check::AllowedPathsOnly => "allowed paths only",
            Check::GateConfigUntouched => "gate, CI and runner configuration untouched",
            Check::NoTampering => "no tampering with tests or runner",
            Check::NoSecrets => "no secrets in any commit of the run",
            Check::StaticAnalysis => "no new finding of static analysis",
            Check::Dependencies => "dependencies unchanged or vetted",
            Check::LintFormatTypes => "lint, format and types",
            Check::NoPlaceholders => "no placeholders",
            Check::EvidenceComplete => "evidence complete, hashes match",
            Check::CriteriaMet => "acceptance criteria met",
            Check::DiffMinimal => "the diff is not empty and not out of proportion",
            Check::IndependentVerifier => "independent verifier agrees",
        }
    }

    /// A failed mandatory check vetoes, whatever the score.
    pub fn mandatory(self) -> bool {
        match self {
            Check::CleanBuild
            | Check::BaseTestsPass
            | Check::CensusNotReduced
            | Check::AcceptanceChecks
            | Check::MutantsKilled
            | Check::AllowedPathsOnly
            | Check::GateConfigUntouched
            | Check::NoTampering
            | Check::NoSecrets
            | Check::Dependencies
            | Check::NoPlaceholders
            | Check::EvidenceComplete
            | Check::DiffMinimal
            | Check::IndependentVerifier => true,
            Check::NewTestsFailOnBase
            | Check::ChangedLineCoverage
            | Check::StaticAnalysis
            | Check::LintFormatTypes
            | Check::CriteriaMet => false,
        }
    }
}

/// What measuring one check gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    pub check: Check,
    pub result: CheckResult,
    /// One line for people: what was seen, with a path or a test's name where there is one.
    pub detail: String,
}

impl Measurement {
    /// Whether only a person can say yes to what the dependencies became.
    pub fn is_unvetted(&self) -> bool {
        let failed = (self.check, self.result) == (Check::Dependencies, CheckResult::Fail);
        failed && self.detail.starts_with(UNVETTED)
    }

    /// Whether the change's own tests could be tried on no wrong product.
    pub fn is_untried(&self) -> bool {
        let none = (self.check, self.result) == (Check::MutantsKilled, CheckResult::NotApplicable);
        none && self.detail.starts_with(UNTRIED)
    }

    /// Whether any of the task's own commands exited 0 on the base too, and so shows nothing of the change.
    pub fn is_green_before(&self) -> bool {
        self.check == Check::AcceptanceChecks
            && self.result != CheckResult::Fail
            && self.detail.contains(GREEN_BEFORE)
    }

    /// Whether nothing shows what the change does, or that its tests look at that: who looks at it then is the policy's to say.
    pub fn is_unshown(&self) -> bool {
        self.is_untried() || self.is_unproven()
    }

    /// Whether all of them did, and nothing else was red before the change and is green now.
    pub fn is_unproven(&self) -> bool {
        let none =
            (self.check, self.result) == (Check::AcceptanceChecks, CheckResult::NotApplicable);
        none && self.detail.starts_with(UNPROVEN)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    Pass,
    /// Measured and bad, or the tool failed or ran out of time: a check that cannot be made is not a check that passed.
    Fail,
    /// Does not apply to this change or is judged at a later stage. Never counts as a pass.
    NotApplicable,
}

/// The gate's answer about one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub outcome: Outcome,
    pub passed: u32,
    pub applicable: u32,
    pub needed: u32,
    /// All nineteen, in order.
    pub measurements: Vec<Measurement>,
    /// What it was judged by; none for a short table, all of which is mandatory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<Policy>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    /// The builder gets the reasons and another try.
    Failed {
        reasons: Vec<String>,
    },
    /// Too little could be measured for a machine to decide.
    NeedsHuman {
        reason: String,
    },
}

/// Why a person decides about a change that would have passed. The gate's own programs ran in their cage; the agent did not.
pub const UNCAGED: &str =
    "it would pass, but its agent ran without a cage (--sandbox off): a person judges it";

impl Verdict {
    /// The verdict that a package recorded, with the counts that its measurements give. Without a policy it is either a short table, all of
    /// which is needed, or one of all nineteen from before policies were recorded, which the default judged.
    pub fn recorded(
        outcome: Outcome,
        measurements: Vec<Measurement>,
        policy: Option<Box<Policy>>,
    ) -> Verdict {
        let passed = count(&measurements, |r| r == CheckResult::Pass);
        let applicable = count(&measurements, |r| r != CheckResult::NotApplicable);
        let is_whole = Check::ALL
            .iter()
            .all(|check| measurements.iter().any(|m| m.check == *check));
        let needed = match (&policy, is_whole) {
            (Some(policy), _) => needed(policy, applicable),
            (None, true) => needed(&Policy::default(), applicable),
            (None, false) => applicable,
        };
        Verdict {
            outcome,
            passed,
            applicable,
            needed,
            measurements,
            policy,
        }
    }

    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Passed
    }

    /// Of an agent that ran without a cage: what passes waits for a person, what fails fails.
    #[must_use]
    pub fn of_the_uncaged(mut self) -> Verdict {
        if self.passed() {
            self.outcome = Outcome::NeedsHuman {
                reason: UNCAGED.into(),
            };
        }
        self
    }

    /// Whether nothing but the missing cage keeps it from having passed.
    pub fn only_uncaged(&self) -> bool {
        matches!(&self.outcome, Outcome::NeedsHuman { reason } if reason == UNCAGED)
    }

    /// What it says against its own measurements, in words: whoever signed it, such a verdict is none.
    pub fn contradiction(&self) -> Option<String> {
        let (passed, applicable) = (
            count(&self.measurements, |r| r == CheckResult::Pass),
            count(&self.measurements, |r| r != CheckResult::NotApplicable),
        );
        if (passed, applicable) != (self.passed, self.applicable) {
            return Some(format!(
                "it counts {} passed of {} applicable checks, and its measurements are {passed} of {applicable}",
                self.passed, self.applicable
            ));
        }
        let policy = self.policy.as_deref().cloned().unwrap_or_default();
        if let Some(fault) = policy.fault() {
            return Some(format!("it was judged by a policy that is none: {fault}"));
        }
        if self.policy.is_some() && self.needed != needed(&policy, applicable) {
            return Some(format!(
                "it needs {} checks, which is not what its policy says",
                self.needed
            ));
        }
        if !self.passed() {
            return None;
        }
        let failed = self.failures();
        match failed.iter().find(|m| policy.demands(m.check)) {
            Some(veto) => Some(format!(
                "it says passed beside a failed mandatory check: {} {}",
                veto.check.number(),
                veto.check.title()
            )),
            _ if self.passed < self.needed => Some(format!(
                "it says passed with {} checks, of which it needs {}",
                self.passed, self.needed
            )),
            _ if self.policy.is_some() => self.judged_anew(),
            _ => None,
        }
    }

    /// Why a verdict that says passed is none by the nineteen checks: one that is missing was not measured, and a short table is for other
    /// work than a build. Without a policy, as verdicts of old are, the default holds.
    pub fn judged_anew(&self) -> Option<String> {
        let policy = self.policy.as_deref().cloned().unwrap_or_default();
        let missing = |check: &Check| self.measurements.iter().all(|m| m.check != *check);
        if let Some(check) = Check::ALL
            .into_iter()
            .find(|c| policy.demands(*c) && missing(c))
        {
            return Some(format!(
                "it says passed without a measurement of a mandatory check: {} {}",
                check.number(),
                check.title()
            ));
        }
        match judge(&self.measurements, policy).outcome {
            Outcome::Passed => None,
            Outcome::Failed { reasons } => Some(format!(
                "it says passed, and its measurements fail: {}",
                reasons.join("; ")
            )),
            Outcome::NeedsHuman { reason } => Some(format!(
                "it says passed, and its measurements are for a person: {reason}"
            )),
        }
    }

    /// The measurements that failed, mandatory ones first.
    pub fn failures(&self) -> Vec<&Measurement> {
        let mut failed: Vec<&Measurement> = self
            .measurements
            .iter()
            .filter(|m| m.result == CheckResult::Fail)
            .collect();
        failed.sort_by_key(|m| !m.check.mandatory());
        failed
    }
}

/// Judges a BUILD. A check that was not measured at all counts as failed: the gate must say `NotApplicable` and why.
pub fn judge(measured: &[Measurement], policy: Policy) -> Verdict {
    let measurements: Vec<Measurement> = Check::ALL
        .iter()
        .map(|check| pick(*check, measured))
        .collect();
    let applicable = count(&measurements, |r| r != CheckResult::NotApplicable);
    let passed = count(&measurements, |r| r == CheckResult::Pass);
    let needed = needed(&policy, applicable);
    let outcome = outcome(&measurements, passed, applicable, needed, &policy);
    Verdict {
        outcome,
        passed,
        applicable,
        needed,
        measurements,
        policy: Some(Box::new(policy)),
    }
}

fn needed(policy: &Policy, applicable: u32) -> u32 {
    (policy.score_min * applicable).div_ceil(CHECKS)
}

/// Judges by a short table (REVIEW, SECURITY, SPEC): every check of it is mandatory, nothing is scored.
pub fn judge_all(measurements: Vec<Measurement>) -> Verdict {
    let applicable = count(&measurements, |r| r != CheckResult::NotApplicable);
    let passed = count(&measurements, |r| r == CheckResult::Pass);
    let failed: Vec<String> = measurements
        .iter()
        .filter(|m| m.result == CheckResult::Fail)
        .map(reason)
        .collect();
    let outcome = match (failed.is_empty(), passed) {
        (true, 0) => Outcome::Failed {
            reasons: vec!["nothing was measured".into()],
        },
        (true, _) => Outcome::Passed,
        (false, _) => Outcome::Failed { reasons: failed },
    };
    Verdict {
        outcome,
        passed,
        applicable,
        needed: applicable,
        measurements,
        policy: None,
    }
}

fn pick(check: Check, measured: &[Measurement]) -> Measurement {
    let mut found = measured.iter().filter(|m| m.check == check);
    match (found.next(), found.next()) {
        (Some(one), None) => one.clone(),
        (None, _) => Measurement {
            check,
            result: CheckResult::Fail,
            detail: "was not measured".into(),
        },
        (Some(_), Some(_)) => Measurement {
            check,
            result: CheckResult::Fail,
            detail: "was measured twice".into(),
        },
    }
}

fn outcome(
    all: &[Measurement],
    passed: u32,
    applicable: u32,
    needed: u32,
    policy: &Policy,
) -> Outcome {
    let vetoes: Vec<String> = all
        .iter()
        .filter(|m| m.result == CheckResult::Fail && policy.demands(m.check))
        .map(reason)
        .collect();
    if let [reason] = vetoes.as_slice()
        && passed >= needed
        && all.iter().any(Measurement::is_unvetted)
    {
        return Outcome::NeedsHuman {
            reason: reason.clone(),
        };
    }
    if !vetoes.is_empty() {
        return Outcome::Failed { reasons: vetoes };
    }
    if applicable < policy.applicable_min {
        return Outcome::NeedsHuman {
            reason: format!(
                "only {applicable} of {CHECKS} checks applied; below {} a person decides",
                policy.applicable_min
            ),
        };
    }
    let open = |m: &&Measurement| {
        let demanded = policy.required.contains(&m.check) && m.result == CheckResult::NotApplicable;
        demanded || (policy.untried == Untried::Person && m.is_unshown())
    };
    if passed >= needed
        && let Some(open) = all.iter().find(open)
    {
        return Outcome::NeedsHuman {
            reason: format!(
                "{}; the rules of this project have a person judge it",
                reason(open)
            ),
        };
    }
    if passed < needed {
        let soft = all
            .iter()
            .filter(|m| m.result == CheckResult::Fail)
            .map(reason)
            .collect();
        return Outcome::Failed { reasons: soft };
    }
    Outcome::Passed
}

fn reason(m: &Measurement) -> String {
    format!("{} {}: {}", m.check.number(), m.check.title(), m.detail)
}

fn count(all: &[Measurement], keep: impl Fn(CheckResult) -> bool) -> u32 {
    all.iter().filter(|m| keep(m.result)).map(|_| 1u32).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(result: CheckResult) -> Vec<Measurement> {
        Check::ALL
            .iter()
            .map(|c| Measurement {
                check: *c,
                result,
                detail: "d".into(),
            })
            .collect()
    }

    fn set(list: &mut [Measurement], check: Check, result: CheckResult) {
        for m in list.iter_mut().filter(|m| m.check == check) {
            m.result = result;
        }
    }

    #[test]
    fn numbers_are_one_to_nineteen() {
        let numbers: Vec<usize> = Check::ALL.iter().map(|c| c.number()).collect();
        assert_eq!(numbers, (1..=19).collect::<Vec<_>>());
    }

    #[test]
    fn every_mandatory_check_vetoes_alone() {
        for check in Check::ALL.iter().filter(|c| c.mandatory()) {
            let mut list = all(CheckResult::Pass);
            set(&mut list, *check, CheckResult::Fail);
            let verdict = judge(&list, Policy::default());
            assert!(
                matches!(verdict.outcome, Outcome::Failed { ref reasons } if reasons.len() == 1),
                "{check:?}"
            );
        }
    }

    #[test]
    fn a_verdict_that_says_something_else_than_its_measurements_is_none() {
        let whole = judge(&all(CheckResult::Pass), Policy::default());
        assert_eq!(whole.contradiction(), None);
        for check in Check::ALL {
            let mut list = all(CheckResult::Pass);
            set(&mut list, check, CheckResult::Fail);
            let honest = judge(&list, Policy::default());
            assert_eq!(honest.contradiction(), None, "{check:?}");
            let forged = Verdict {
                outcome: Outcome::Passed,
                ..honest.clone()
            };
            assert_eq!(
                forged.contradiction().is_some(),
                check.mandatory(),
                "{check:?}"
            );
            let counted = Verdict {
                passed: CHECKS,
                ..honest
            };
            assert!(counted.contradiction().is_some(), "{check:?}");
        }
        let few = Verdict {
            outcome: Outcome::Passed,
            ..judge(&all(CheckResult::NotApplicable), Policy::default())
        };
        let needs = Verdict { needed: 1, ..few };
        assert!(needs.contradiction().is_some());
    }

    #[test]
    fn a_verdict_that_leaves_measurements_out_or_too_few_apply_is_none() {
        let whole = judge(&all(CheckResult::Pass), Policy::default());
        for check in Check::ALL {
            let kept = whole.measurements.iter().filter(|m| m.check != check);
            let fewer = Verdict {
                measurements: kept.cloned().collect(),
                passed: 18,
                applicable: 18,
                needed: needed(&Policy::default(), 18),
                ..whole.clone()
            };
            assert_eq!(
                fewer.contradiction().is_some(),
                check.mandatory(),
                "{check:?}"
            );
            let short = judge_all(fewer.measurements);
            assert_eq!(short.contradiction(), None, "a short table may be short");
            assert_eq!(
                short.judged_anew().is_some(),
                check.mandatory(),
                "{check:?}"
            );
        }
        let mut list = all(CheckResult::Pass);
        for check in Check::ALL.iter().take(8) {
            set(&mut list, *check, CheckResult::NotApplicable);
        }
        let few = Verdict {
            outcome: Outcome::Passed,
            ..judge(&list, Policy::default())
        };
        assert!(few.contradiction().is_some(), "{few:?}");
    }

    #[test]
    fn a_policy_demands_more_and_never_less_than_the_mandatory_checks() {
        let mut list = all(CheckResult::Pass);
        set(&mut list, Check::LintFormatTypes, CheckResult::Fail);
        let required = Policy {
            required: [Check::LintFormatTypes].into(),
            ..Policy::default()
        };
        let held = judge(&list, required.clone());
        assert!(matches!(held.outcome, Outcome::Failed { .. }), "{held:?}");
        assert_eq!(held.policy.as_deref(), Some(&required), "it says by what");
        let forged = Verdict {
            outcome: Outcome::Passed,
            ..held
        };
        assert!(forged.contradiction().is_some());
        set(
            &mut list,
            Check::LintFormatTypes,
            CheckResult::NotApplicable,
        );
        let asked = judge(&list, required);
        assert!(
            matches!(asked.outcome, Outcome::NeedsHuman { .. }),
            "{asked:?}"
        );
        assert!(judge(&list, Policy::default()).passed());
        let low = |score_min| Policy {
            score_min,
            ..Policy::default()
        };
        assert_eq!(low(14).fault(), None, "all that is mandatory");
        for none in [0, 13, 20] {
            assert!(low(none).fault().is_some(), "{none}");
        }
        let lax = Policy {
            applicable_min: 11,
            ..Policy::default()
        };
        assert!(lax.fault().is_some());
        let mut list = all(CheckResult::Pass);
        set(&mut list, Check::NoSecrets, CheckResult::Fail);
        assert!(
            !judge(&list, low(14)).passed(),
            "a mandatory check vetoes by any policy"
        );
        let by_none = Verdict {
            policy: Some(Box::new(low(3))),
            ..judge(&all(CheckResult::Pass), low(14))
        };
        assert!(by_none.contradiction().is_some());
    }

    #[test]
    fn tests_that_could_not_be_tried_go_where_the_policy_says() {
        let mut list = all(CheckResult::Pass);
        set(&mut list, Check::MutantsKilled, CheckResult::NotApplicable);
        let by = |untried, list: &[Measurement]| {
            let policy = Policy {
                untried,
                ..Policy::default()
            };
            judge(list, policy).outcome
        };
        assert_eq!(
            by(Untried::Person, &list),
            Outcome::Passed,
            "there was nothing to try"
        );
        for m in list.iter_mut().filter(|m| m.check == Check::MutantsKilled) {
            m.detail = format!("{UNTRIED}: it was not built");
        }
        assert_eq!(by(Untried::Allow, &list), Outcome::Passed);
        assert_eq!(
            by(Untried::Verifier, &list),
            Outcome::Passed,
            "the verifier is next"
        );
        let asked = by(Untried::Person, &list);
        assert!(
            matches!(asked, Outcome::NeedsHuman { ref reason } if reason.contains("not built")),
            "{asked:?}"
        );
        set(&mut list, Check::BaseTestsPass, CheckResult::Fail);
        assert!(matches!(by(Untried::Person, &list), Outcome::Failed { .. }));
    }

    #[test]
    fn who_looks_at_a_change_that_nothing_shows_is_for_the_policy_to_say() {
        let mut list = all(CheckResult::Pass);
        set(
            &mut list,
            Check::AcceptanceChecks,
            CheckResult::NotApplicable,
        );
        for m in { list.iter_mut() }.filter(|m| m.check == Check::AcceptanceChecks) {
            m.detail = format!("{UNPROVEN}: all of them {GREEN_BEFORE}");
        }
        assert!(judge(&list, Policy::default()).passed());
        let strict = Policy {
            untried: Untried::Person,
            ..Policy::default()
        };
        let held = judge(&list, strict.clone());
        assert!(
            matches!(held.outcome, Outcome::NeedsHuman { ref reason } if reason.contains(GREEN_BEFORE)),
            "{held:?}"
        );
        let forged = Verdict {
            outcome: Outcome::Passed,
            ..held
        };
        assert!(forged.contradiction().is_some());
        set(&mut list, Check::BaseTestsPass, CheckResult::Fail);
        assert!(matches!(
            judge(&list, strict).outcome,
            Outcome::Failed { .. }
        ));
    }

    #[test]
    fn soft_checks_fail_only_below_the_score() {
        let soft: Vec<Check> = Check::ALL.into_iter().filter(|c| !c.mandatory()).collect();
        let mut list = all(CheckResult::Pass);
        for check in &soft[..4] {
            set(&mut list, *check, CheckResult::Fail);
        }
        assert!(
            judge(&list, Policy::default()).passed(),
            "15 of 19 is enough"
        );
        set(&mut list, soft[4], CheckResult::Fail);
        assert!(!judge(&list, Policy::default()).passed(), "14 of 19 is not");
    }

    #[test]
    fn the_score_scales_over_what_applies_and_rounds_up() {
        let mut list = all(CheckResult::Pass);
        for check in [
            Check::ChangedLineCoverage,
            Check::MutantsKilled,
            Check::StaticAnalysis,
        ] {
            set(&mut list, check, CheckResult::NotApplicable);
        }
        let verdict = judge(&list, Policy::default());
        assert_eq!((verdict.applicable, verdict.needed), (16, 13));
        assert!(verdict.passed());
    }

    #[test]
    fn too_few_applicable_checks_go_to_a_person() {
        let mut list = all(CheckResult::Pass);
        for check in Check::ALL.iter().take(8) {
            set(&mut list, *check, CheckResult::NotApplicable);
        }
        assert!(matches!(
            judge(&list, Policy::default()).outcome,
            Outcome::NeedsHuman { .. }
        ));
    }

    #[test]
    fn what_nobody_has_vetted_goes_to_a_person_and_nothing_else_hides_behind_it() {
        let mut list = all(CheckResult::Pass);
        set(&mut list, Check::Dependencies, CheckResult::Fail);
        let unvetted = |list: &mut Vec<Measurement>| {
            let of = list.iter_mut().filter(|m| m.check == Check::Dependencies);
            of.for_each(|m| m.detail = format!("{UNVETTED}: no snapshot"));
        };
        assert!(matches!(
            judge(&list, Policy::default()).outcome,
            Outcome::Failed { .. }
        ));
        unvetted(&mut list);
        let outcome = judge(&list, Policy::default()).outcome;
        assert!(
            matches!(outcome, Outcome::NeedsHuman { ref reason } if reason.contains("no snapshot"))
        );
        set(&mut list, Check::BaseTestsPass, CheckResult::Fail);
        assert!(matches!(
            judge(&list, Policy::default()).outcome,
            Outcome::Failed { .. }
        ));
    }

    #[test]
    fn a_short_table_is_mandatory_throughout() {
        let soft = |result| Measurement {
            check: Check::CriteriaMet,
            result,
            detail: "d".into(),
        };
        assert!(judge_all(vec![soft(CheckResult::Pass)]).passed());
        assert!(
            !judge_all(vec![soft(CheckResult::Fail)]).passed(),
            "soft among nineteen, mandatory here"
        );
        assert!(!judge_all(vec![soft(CheckResult::NotApplicable)]).passed());
        assert!(
            !judge_all(vec![]).passed(),
            "nothing measured is nothing passed"
        );
    }

    #[test]
    fn what_was_not_measured_or_measured_twice_fails() {
        let mut list = all(CheckResult::Pass);
        let one = list.pop().expect("nineteen");
        assert!(!judge(&list, Policy::default()).passed());
        list.push(one.clone());
        assert!(judge(&list, Policy::default()).passed());
        list.push(one);
        assert!(!judge(&list, Policy::default()).passed());
    }
}
