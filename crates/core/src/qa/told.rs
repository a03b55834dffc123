//! What people are told of each check: its id, what sort of judge it has, how it is measured, and when it does not apply.

use serde::{Deserialize, Serialize};

use super::Check;

/// Who answers a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A program or a rule: the same commit gives the same answer, and `alai evidence verify --rerun` asks again.
    Deterministic,
    /// A model or a person judged; what he cites is checked.
    Judged,
}

impl CheckKind {
    pub fn as_str(self) -> &'static str {
        match self {
            CheckKind::Deterministic => "deterministic",
            CheckKind::Judged => "judged",
        }
    }
}

impl Check {
    /// The name of records and JSON.
    pub fn id(self) -> &'static str {
        match self {
            Check::CleanBuild => "clean_build",
            Check::BaseTestsPass => "base_tests_pass",
            Check::CensusNotReduced => "census_not_reduced",
            Check::NewTestsFailOnBase => "new_tests_fail_on_base",
            Check::AcceptanceChecks => "acceptance_checks",
            Check::ChangedLineCoverage => "changed_line_coverage",
            Check::MutantsKilled => "mutants_killed",
            Check::AllowedPathsOnly => "allowed_paths_only",
            Check::GateConfigUntouched => "gate_config_untouched",
            Check::NoTampering => "no_tampering",
            Check::NoSecrets => "no_secrets",
            Check::StaticAnalysis => "static_analysis",
            Check::Dependencies => "dependencies",
            Check::LintFormatTypes => "lint_format_types",
            Check::NoPlaceholders => "no_placeholders",
            Check::EvidenceComplete => "evidence_complete",
            Check::CriteriaMet => "criteria_met",
            Check::DiffMinimal => "diff_minimal",
            Check::IndependentVerifier => "independent_verifier",
        }
    }

    pub fn kind(self) -> CheckKind {
        match self {
            Check::CriteriaMet | Check::IndependentVerifier => CheckKind::Judged,
            Check::CleanBuild
            | Check::BaseTestsPass
            | Check::CensusNotReduced
            | Check::NewTestsFailOnBase
            | Check::AcceptanceChecks
            | Check::ChangedLineCoverage
            | Check::MutantsKilled
            | Check::AllowedPathsOnly
            | Check::GateConfigUntouched
            | Check::NoTampering
            | Check::NoSecrets
            | Check::StaticAnalysis
            | Check::Dependencies
            | Check::LintFormatTypes
            | Check::NoPlaceholders
            | Check::EvidenceComplete
            | Check::DiffMinimal => CheckKind::Deterministic,
        }
    }

    /// How it is measured, as one sentence.
    pub fn measured_by(self) -> &'static str {
        match self {
            Check::CleanBuild => {
                "the build command and the tests start in a fresh clone of the head with the base's test files"
            }
            Check::BaseTestsPass => {
                "the test command in that clone: every test that was green on the base is green"
            }
            Check::CensusNotReduced => {
                "the tests of the head by name, held against those of the base: none gone, none newly skipped"
            }
            Check::NewTestsFailOnBase => {
                "the head's tests run on the base's code: the new ones are red there"
            }
            Check::AcceptanceChecks => {
                "each of the task's own commands in a fresh clone of its own, of head and base: all exit 0 on the head, and one that does on the base shows nothing"
            }
            Check::ChangedLineCoverage => {
                "the changed lines that can run, and which of them the tests ran: at least 80 %"
            }
            Check::MutantsKilled => {
                "the change's tests run over the head with functions that answer wrongly: they must notice"
            }
            Check::AllowedPathsOnly => "every changed path and mode, held against the task's lists",
            Check::GateConfigUntouched => {
                "every changed path and script, held against the list of what steers a gate"
            }
            Check::NoTampering => {
                "the change read by a lexer for what makes a test pass without the product"
            }
            Check::NoSecrets => "every commit of the run searched for keys, tokens and passwords",
            Check::StaticAnalysis => {
                "built-in rules, and scanners of base and head in fresh clones: nothing of high severity that the base had not"
            }
            Check::Dependencies => {
                "manifests and lockfiles of base and head compared, and what moved looked up among advisories"
            }
            Check::LintFormatTypes => {
                "the lint command, or the tool of each language, on head and base"
            }
            Check::NoPlaceholders => "the added lines searched for what says that it is not done",
            Check::EvidenceComplete => {
                "the written package read back: records and outputs have the captured hashes"
            }
            Check::CriteriaMet => {
                "each acceptance criterion answered by a judge, with a file and a line that exist in the commit"
            }
            Check::DiffMinimal => "the size of the change: not nothing, not out of proportion",
            Check::IndependentVerifier => {
                "another model than the writer's sees task and change, and no word of the writer"
            }
        }
    }

    /// The rule by which it does not apply. `None`: it always does to a BUILD.
    pub fn exempt_by(self) -> Option<&'static str> {
        match self {
            Check::BaseTestsPass => Some(
                "the base was red in the same way and names no test; the task's own checks decide",
            ),
            Check::CensusNotReduced => Some("the base has no tests that can be counted"),
            Check::NewTestsFailOnBase => Some("the change adds no test, or the runner names none"),
            Check::AcceptanceChecks => Some(
                "the task has no command of its own, or all of them passed before the change as well",
            ),
            Check::ChangedLineCoverage => Some(
                "the change has no line in a function of Rust, Python, JavaScript, TypeScript or Go, or it fails already",
            ),
            Check::MutantsKilled => Some(
                "the change has no test or no function of its own, or the other answer could not be built",
            ),
            Check::LintFormatTypes => {
                Some("no lint command is set and no tool of the gate reads these files")
            }
            Check::CriteriaMet => Some("REVIEW judges it, on the same commit"),
            Check::IndependentVerifier => Some("REVIEW and SECURITY give it, on the same commit"),
            Check::CleanBuild
            | Check::AllowedPathsOnly
            | Check::GateConfigUntouched
            | Check::NoTampering
            | Check::NoSecrets
            | Check::StaticAnalysis
            | Check::Dependencies
            | Check::NoPlaceholders
            | Check::EvidenceComplete
            | Check::DiffMinimal => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_name_in_records() {
        for check in Check::ALL {
            let stored = serde_json::to_value(check).expect("a name");
            assert_eq!(stored, check.id());
        }
    }
}
