//! Measures the commit of a package again, by the recipe in it, and compares check by check. It needs the repository and no store: a
//! signature says who recorded the evidence, and this says whether it is true.

use std::path::{Path, PathBuf};

use alai_core::qa::{Check, CheckKind, CheckResult, Measurement};
use alai_gate::advisories::{Advisories, Snapshot};
use alai_gate::evidence::{self, Recipe, Verified};
use alai_gate::{Candidate, GateError, Ground};
use alai_workspace::clone;
use alai_workspace::command::Cancel;
use alai_workspace::files;
use alai_workspace::git::{self, Oid, Repo};
use alai_workspace::setup::{self, Prepared, SetupPlan};
use alai_workspace::toolchains::{Toolchains, toolchains};
use serde::Serialize;

use crate::ground::host_env;

/// One check, then and now. `None` where there is no result of it: a package without it hides one, or claims one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    pub check: Check,
    pub recorded: Option<CheckResult>,
    pub recorded_seen: String,
    pub now: Option<CheckResult>,
    pub now_seen: String,
}

impl Compared {
    pub fn same(&self) -> bool {
        self.recorded == self.now
    }
}

/// Why nothing was measured again.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    #[error(
        "the package has no recipe: nothing was measured on a commit, or it was sealed before recipes were written"
    )]
    NoRecipe,
    #[error("the recipe cannot be read: {0}")]
    Recipe(String),
    #[error("the repository {} cannot be read: {why}", path.display())]
    Repository { path: PathBuf, why: String },
    #[error("the repository {} has not the commit {oid}: {why}", path.display())]
    NoCommit {
        path: PathBuf,
        oid: String,
        why: String,
    },
    #[error("the commit {0} has another tree than the one that was measured")]
    OtherTree(String),
    #[error("it cannot be measured here: {0}")]
    Box(String),
    #[error("it was interrupted; nothing of it is left")]
    Cancelled,
}

/// What measuring a package again would do, as its signer wrote it down: to be read before anything of it runs.
///
/// # Errors
/// When the package has no recipe, or one that cannot be read.
pub fn recipe(package: &Path) -> Result<Recipe, RerunError> {
    evidence::recipe_of(package)
        .map_err(RerunError::Recipe)?
        .ok_or(RerunError::NoRecipe)
}

/// Measures again in a folder of the caller's that is made and removed. A set-up is the only step with a network.
///
/// # Errors
/// When nothing can be concluded. A check that has another result is no error.
pub fn rerun(
    recipe: &Recipe,
    verified: &Verified,
    repository: &Path,
    advisories: Option<Snapshot>,
    folder: &Path,
    cancel: &Cancel,
) -> Result<Vec<Compared>, RerunError> {
    let repo = git::open(repository).map_err(|e| RerunError::Repository {
        path: repository.to_owned(),
        why: e.to_string(),
    })?;
    let commit = |oid: &str| -> Result<Oid, RerunError> {
        let none = |why: String| RerunError::NoCommit {
            path: repository.to_owned(),
            oid: oid.to_owned(),
            why,
        };
        let parsed: Oid = oid
            .parse()
            .map_err(|_| none("it is no full id".to_owned()))?;
        git::tree(&repo, &parsed).map_err(|e| none(e.to_string()))?;
        Ok(parsed)
    };
    let (base, head) = (commit(&recipe.base)?, commit(&recipe.head)?);
    let tree = alai_gate::tree_digest(&repo, &head).map_err(unable)?;
    let about = &verified.statement.predicate.about;
    if tree != about.tree_sha256 {
        return Err(RerunError::OtherTree(recipe.head.clone()));
    }
    files::private_dir_all(folder).map_err(|e| RerunError::Box(e.to_string()))?;
    let again = Again {
        recipe,
        repo: &repo,
        base: &base,
        head: &head,
        folder,
        tools: toolchains(&host_env()),
        // As old as they were then: how old they are now says nothing of what they say.
        advisories: advisories
            .map(|all| Advisories::new(all, about.recorded_ms))
            .filter(|all| Some(&all.sha256) == recipe.advisories_sha256.as_ref()),
        cancel,
    };
    let measured = again.measure();
    // What is left of a clone is nobody's; the answer does not depend on it.
    let removed = clone::remove(folder);
    if cancel.is_cancelled() {
        return Err(RerunError::Cancelled);
    }
    let measured = measured?;
    removed.map_err(|e| RerunError::Box(e.to_string()))?;
    let mut compared = compared(&verified.statement.predicate.checks, &measured);
    if again.advisories.is_none() && recipe.advisories_sha256.is_some() {
        // Other advisories answer otherwise, and neither is wrong.
        compared.retain(|one| one.check != Check::Dependencies);
    }
    Ok(compared)
}

struct Again<'a> {
    recipe: &'a Recipe,
    repo: &'a Repo,
    base: &'a Oid,
    head: &'a Oid,
    folder: &'a Path,
    tools: Toolchains,
    advisories: Option<Advisories>,
    cancel: &'a Cancel,
}

impl Again<'_> {
    fn measure(&self) -> Result<Vec<Measurement>, RerunError> {
        let recipe = self.recipe;
        let scratch = self.folder.join("scratch");
        files::private_dir_all(&scratch).map_err(|e| RerunError::Box(e.to_string()))?;
        let prepared = self.prepared(self.base)?;
        let ground = Ground {
            prepared: &prepared,
            toolchains: &self.tools,
            around: &recipe.around,
            test_command: &recipe.test_command,
            scratch: &scratch,
            command_s: recipe.command_s,
        };
        // The base is measured too: what its tests are is part of what is in question.
        let seen = alai_gate::base(self.repo, self.base, &ground, self.cancel).map_err(unable)?;
        let mut candidate = Candidate {
            repo: self.repo,
            base: self.base,
            head: self.head,
            prepared: &prepared,
            prepared_head: None,
            toolchains: &self.tools,
            around: &recipe.around,
            test_command: &recipe.test_command,
            build_command: recipe.build_command.as_deref(),
            lint_command: recipe.lint_command.as_deref(),
            checks: &recipe.checks,
            allowed_paths: &recipe.allowed_paths,
            forbidden_paths: &recipe.forbidden_paths,
            changes_tests: &recipe.changes_tests,
            allow_dependency_changes: recipe.allow_dependency_changes,
            advisories: self.advisories.as_ref(),
            scaffolded: &recipe.scaffolded,
            base_census: &seen.census,
            scratch: &scratch,
            kind: recipe.kind,
            // It says who decides, and changes no result.
            checks_may_be_green: false,
            command_s: recipe.command_s,
        };
        let of_head;
        let may_differ = recipe.allow_dependency_changes || !recipe.scaffolded.is_empty();
        // Manifests of a change are run by nobody when its text is refused already, as in the gate.
        let refused = alai_gate::refused_unrun(&candidate, self.cancel).map_err(unable)?;
        if may_differ && refused.is_none() {
            of_head = self.prepared(self.head)?;
            candidate.prepared_head = (of_head.key != prepared.key).then_some(&of_head);
        }
        let measured = alai_gate::measure(&candidate, self.cancel).map_err(unable)?;
        Ok(measured.measurements)
    }

    fn prepared(&self, commit: &Oid) -> Result<Prepared, RerunError> {
        let mut plan = SetupPlan::new(self.recipe.setup_command.clone(), host_env());
        plan.hosts = self.recipe.setup_hosts.clone();
        plan.inputs = self.recipe.setup_inputs.clone();
        plan.scope = "rerun".to_owned();
        plan.trusted = false;
        let cache = self.folder.join("cache");
        setup::prepare(self.repo, commit, &plan, &cache, self.cancel)
            .map_err(|e| RerunError::Box(e.to_string()))
    }
}

fn unable(error: GateError) -> RerunError {
    RerunError::Box(error.to_string())
}

/// What a program or a rule answers, then and now. What a model or a person judged is not asked again, and check 16 is of the
/// package, which verifying it has read.
fn compared(recorded: &[Measurement], measured: &[Measurement]) -> Vec<Compared> {
    let asked_again =
        |c: &Check| c.kind() == CheckKind::Deterministic && *c != Check::EvidenceComplete;
    let of = |all: &[Measurement], check: Check| -> (Option<CheckResult>, String) {
        match all.iter().find(|m| m.check == check) {
            Some(m) => (Some(m.result), m.detail.clone()),
            None => (None, String::new()),
        }
    };
    let compare = |check: Check| {
        let ((recorded, recorded_seen), (now, now_seen)) =
            (of(recorded, check), of(measured, check));
        let compared = Compared {
            check,
            recorded,
            recorded_seen,
            now,
            now_seen,
        };
        (recorded.is_some() || now.is_some()).then_some(compared)
    };
    let all = Check::ALL.into_iter().filter(asked_again);
    all.filter_map(compare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_side_has_is_compared_too() {
        let one = |check, result| Measurement {
            check,
            result,
            detail: "d".into(),
        };
        let recorded = [
            one(Check::CleanBuild, CheckResult::Pass),
            one(Check::CensusNotReduced, CheckResult::Pass),
            one(Check::EvidenceComplete, CheckResult::Pass),
        ];
        let measured = [
            one(Check::CleanBuild, CheckResult::Pass),
            one(Check::NoTampering, CheckResult::Fail),
        ];
        let all = compared(&recorded, &measured);
        let seen: Vec<_> = all.iter().map(|c| (c.check, c.same())).collect();
        assert_eq!(
            seen,
            [
                (Check::CleanBuild, true),
                (Check::CensusNotReduced, false),
                (Check::NoTampering, false)
            ]
        );
        assert_eq!((all[1].now, all[2].recorded), (None, None));
    }
}
