//! `verify/`: what each check rests on, and what is needed to measure the same commit again on any machine that has it.

use std::collections::BTreeMap;
use std::path::Path;

use alai_core::blueprint::Scaffolded;
use alai_core::evidence_ref::EvidenceRef;
use alai_core::qa::{Check, CheckResult, Verdict};
use alai_core::services::Surroundings;
use alai_core::task::TaskKind;
use serde::{Deserialize, Serialize};

use super::files::{self, EvidenceError, sha256};
use super::package::{COMMANDS, DIFF, REPORT};
use super::statement::{Artifact, Statement};
use super::{script, verify};
use crate::census::Census;
use crate::measure::Behind;

const FOLDER: &str = "verify";
pub(super) const SOURCES: &str = "verify/sources.json";
pub(super) const RECIPE: &str = "verify/recipe.json";
pub(super) const SCRIPT: &str = "verify/run.sh";
pub(super) const BASE_TESTS: &str = "verify/base-tests.json";

/// What each measured check rests on.
pub type Sources = BTreeMap<Check, Vec<EvidenceRef>>;

/// Everything that a measurement takes besides the repository: commits, commands, and what the task was allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub kind: TaskKind,
    /// Full hex of the commit that was measured against, and of the one that was measured.
    pub base: String,
    pub head: String,
    pub setup_command: Option<String>,
    pub setup_inputs: Vec<String>,
    /// Hosts that the set-up may reach besides the registries of its own tools.
    pub setup_hosts: Vec<String>,
    pub around: Surroundings,
    pub test_command: String,
    pub build_command: Option<String>,
    pub lint_command: Option<String>,
    pub checks: Vec<String>,
    pub allowed_paths: Vec<String>,
    pub forbidden_paths: Vec<String>,
    pub changes_tests: Vec<String>,
    pub allow_dependency_changes: bool,
    /// Hex SHA-256 of the advisories that check 13 looked up; none where it had no need or none were there.
    #[serde(default)]
    pub advisories_sha256: Option<String>,
    pub scaffolded: Scaffolded,
    /// Seconds that one command may take.
    pub command_s: u64,
}

/// Writes `verify/` into a package that is written and not sealed yet: what each measured check rests on, the recipe, how the tests went on the
/// untouched base, and the script that repeats the recorded commands without alai.
///
/// `behind` counts commands as `commands.jsonl` does, from 0.
///
/// # Errors
/// When a file cannot be read or written, or a commit is no full id.
pub fn point(
    dir: &Path,
    (base, head): (&str, &str),
    behind: &Behind,
    recipe: Option<(&Recipe, &Census)>,
    verdict: &Verdict,
    redact: &dyn Fn(&str) -> String,
) -> Result<(), EvidenceError> {
    files::folder(&dir.join(FOLDER))?;
    if let Some((_, base_tests)) = recipe {
        let text = json(base_tests, redact);
        files::write(&dir.join(BASE_TESTS), text.as_bytes())?;
    }
    let sources = sources(dir, (base, head), behind, recipe.is_some(), verdict)?;
    files::write(&dir.join(SOURCES), json(&sources, redact).as_bytes())?;
    match recipe {
        Some((recipe, base_tests)) => {
            files::write(&dir.join(RECIPE), json(recipe, redact).as_bytes())?;
            let commands = verify::commands(dir).map_err(|why| EvidenceError::Refused {
                path: dir.to_owned(),
                why,
            })?;
            let text = script::script((recipe, base_tests), behind, &commands, verdict, redact);
            files::write(&dir.join(SCRIPT), text.as_bytes())
        }
        None => Ok(()),
    }
}

fn json(value: &impl Serialize, redact: &dyn Fn(&str) -> String) -> String {
    let text = serde_json::to_string_pretty(value).expect("plain values always have a JSON form");
    format!("{}\n", redact(&text))
}

fn sources(
    dir: &Path,
    (base, head): (&str, &str),
    behind: &Behind,
    has_base_tests: bool,
    verdict: &Verdict,
) -> Result<Sources, EvidenceError> {
    let refused = |why: String| EvidenceError::Refused {
        path: dir.to_owned(),
        why,
    };
    let blob = |name: &str| {
        let bytes = files::read(&dir.join(name))?;
        Ok::<_, EvidenceError>(EvidenceRef::blob(&sha256(&bytes)).expect("a hash of ours"))
    };
    let commit = |oid: &str| EvidenceRef::commit(oid).map_err(|e| refused(e.to_string()));
    let (base, head) = (commit(base)?, commit(head)?);
    let (diff, report, commands) = (blob(DIFF)?, blob(REPORT)?, blob(COMMANDS)?);
    let base_tests = has_base_tests.then(|| blob(BASE_TESTS)).transpose()?;
    let mut sources = Sources::new();
    let measured = verdict
        .measurements
        .iter()
        // What was green before was run all the same, on both sides.
        .filter(|m| m.result != CheckResult::NotApplicable || m.is_green_before());
    for check in measured.map(|m| m.check) {
        let mut rests = match check {
            Check::AllowedPathsOnly
            | Check::GateConfigUntouched
            | Check::NoTampering
            | Check::NoSecrets
            | Check::StaticAnalysis
            | Check::Dependencies
            | Check::NoPlaceholders
            | Check::DiffMinimal => vec![base.clone(), head.clone(), diff.clone()],
            Check::EvidenceComplete => vec![commands.clone()],
            Check::CriteriaMet | Check::IndependentVerifier => vec![head.clone(), report.clone()],
            // What was there before, and what was red before.
            Check::BaseTestsPass | Check::CensusNotReduced | Check::NewTestsFailOnBase => {
                let of_base = base_tests.iter().flat_map(|tests| [&base, tests]);
                { of_base.chain([&head]) }.cloned().collect()
            }
            Check::CleanBuild
            | Check::AcceptanceChecks
            | Check::ChangedLineCoverage
            | Check::MutantsKilled
            | Check::LintFormatTypes => vec![head.clone()],
        };
        let ran = behind.get(&check).into_iter().flatten();
        rests.extend(ran.filter_map(|at| u32::try_from(*at).ok().map(EvidenceRef::Command)));
        sources.insert(check, rests);
    }
    Ok(sources)
}

/// What the checks of a package rest on, as it lies there. `None` for a package of before it was written.
///
/// # Errors
/// In words, when the file cannot be read or a reference in it is none.
pub fn sources_of(dir: &Path) -> Result<Option<Sources>, String> {
    read(dir, SOURCES)
}

/// What is needed to measure the commit of a package again, as it lies there. `None` where nothing was measured on a commit.
///
/// # Errors
/// In words, when the file cannot be read.
pub fn recipe_of(dir: &Path) -> Result<Option<Recipe>, String> {
    read(dir, RECIPE)
}

fn read<T: for<'a> Deserialize<'a>>(dir: &Path, name: &str) -> Result<Option<T>, String> {
    let path = dir.join(name);
    if std::fs::symlink_metadata(&path).is_err() {
        return Ok(None);
    }
    let bytes = files::read(&path).map_err(|e| e.to_string())?;
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|e| format!("{name}: {e}"))
}

/// What `verify/` says against the statement: a reference that leads nowhere, a recipe for other commits.
pub(super) fn contradictions(dir: &Path, statement: &Statement) -> Vec<String> {
    let predicate = &statement.predicate;
    let mut wrong = Vec::new();
    match sources_of(dir) {
        Ok(sources) => {
            for (check, references) in sources.into_iter().flatten() {
                let nowhere = references.iter().find(|r| !leads_somewhere(r, statement));
                wrong.extend(
                    nowhere.map(|r| {
                        format!("check {} rests on {r}, which is not in it", check.number())
                    }),
                );
            }
        }
        Err(why) => wrong.push(why),
    }
    match recipe_of(dir) {
        Ok(Some(recipe))
            if (&recipe.base, &recipe.head) != (&predicate.about.base, &predicate.about.head) =>
        {
            wrong.push(format!("{RECIPE} is of other commits"));
        }
        Ok(_) => {}
        Err(why) => wrong.push(why),
    }
    wrong
}

fn leads_somewhere(reference: &EvidenceRef, statement: &Statement) -> bool {
    let predicate = &statement.predicate;
    match reference {
        EvidenceRef::Blob(hash) => {
            let is = |artifact: &Artifact| artifact.sha256 == hash.as_str();
            predicate.artifacts.iter().any(is)
        }
        EvidenceRef::Commit(oid) => {
            [&predicate.about.base, &predicate.about.head].contains(&&oid.as_str().to_owned())
        }
        EvidenceRef::Command(at) => (*at as usize) < predicate.commands.len(),
    }
}
