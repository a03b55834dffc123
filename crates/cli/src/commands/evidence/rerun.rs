//! `alai evidence verify --rerun`: the recorded checks, made again.

use std::path::{Path, PathBuf};

use alai_core::qa::CheckResult;
use alai_factory::{Compared, Home, RerunError};
use alai_gate::evidence::Verified;
use alai_workspace::command::Cancel;

use crate::error::{CliError, Kind};
use crate::{door, show};

/// Measures the commit again in the repository that was named, or in the task's own.
pub(super) fn rerun(
    home: &Home,
    package: &Path,
    verified: &Verified,
    given: Option<&Path>,
) -> Result<Vec<Compared>, CliError> {
    let repository = match given {
        Some(path) => path.to_path_buf(),
        None => of_task(home, verified)?,
    };
    let folder = std::env::temp_dir().join(format!("alai-rerun-{}", uuid::Uuid::now_v7()));
    alai_factory::rerun(package, verified, &repository, &folder, &Cancel::new()).map_err(unable)
}

fn of_task(home: &Home, verified: &Verified) -> Result<PathBuf, CliError> {
    let task = verified.statement.predicate.about.task;
    let found = door::reader(home).and_then(|reader| {
        let project = reader.task(task)?.project;
        let project = project.map(|id| reader.project(id)).transpose()?;
        Ok(project.map(|p| p.path))
    });
    match found {
        Ok(Some(path)) => Ok(path),
        Ok(None) | Err(_) => Err(CliError::new(
            Kind::NeedsSetup,
            format!("this home knows no repository of {task}"),
        )
        .hinted("name a repository that has the commit with --repo DIR")),
    }
}

fn unable(error: RerunError) -> CliError {
    let kind = match &error {
        RerunError::NoRecipe | RerunError::NoCommit { .. } => Kind::NotFound,
        RerunError::Repository { .. } | RerunError::Box(_) => Kind::NeedsSetup,
        RerunError::Recipe(_) | RerunError::OtherTree(_) => Kind::Gate,
    };
    let message = show::clean(&error.to_string());
    CliError::new(kind, message).hinted("--repo DIR names another repository that has the commit")
}

/// Says what came of it; the checks that differ are an error.
pub(super) fn told(compared: &[Compared], quiet: bool) -> Result<(), CliError> {
    let differ: Vec<&Compared> = compared.iter().filter(|c| !c.same()).collect();
    if !quiet {
        for one in &differ {
            show::line(format!(
                "differs  {} {}: recorded {} ({}), now {} ({})",
                one.check.number(),
                one.check.title(),
                word(one.recorded),
                show::clean(&one.recorded_seen),
                word(one.now),
                show::clean(&one.now_seen)
            ));
        }
        let same = compared.len() - differ.len();
        show::line(format!(
            "rerun    {same} of {} checks came out as recorded",
            compared.len()
        ));
    }
    if compared.is_empty() {
        return Err(CliError::new(
            Kind::Gate,
            "no recorded check could be made again",
        ));
    }
    match differ.len() {
        0 => Ok(()),
        n => Err(CliError::new(
            Kind::Gate,
            format!("{n} check(s) did not come out as recorded"),
        )
        .hinted("a result that was forged, tests that do not answer alike each time, or another machine's tools")),
    }
}

fn word(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Pass => "pass",
        CheckResult::Fail => "fail",
        CheckResult::NotApplicable => "n/a",
    }
}
