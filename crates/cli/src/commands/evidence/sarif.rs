//! `--sarif`: what gate, reviews and audits found, as one log of SARIF 2.1.0.

use std::path::Path;

use alai_core::ids::TaskId;
use alai_core::pipeline;
use alai_core::qa;
use alai_core::review::{Finding, Review};
use alai_core::sarif::{self, Told};
use alai_core::task::TaskKind;
use alai_factory::{Home, newest_evidence};
use alai_gate::evidence::{self, PinnedKey, Verified};
use alai_mission::Filter;
use serde_json::Value;

use super::{broken, find, pinned};
use crate::error::{CliError, Kind};
use crate::{door, show};

/// Prints the log: of a run or a folder its own package, of a task those of its whole line of work, in the order of its stages. Nothing of
/// a package that does not verify is told.
pub(in crate::commands) fn print(
    home: &Home,
    what: &str,
    key: Option<&Path>,
) -> Result<(), CliError> {
    let key = pinned(home, key)?;
    let mut told = Vec::new();
    match what.parse::<TaskId>() {
        Ok(task) if !Path::new(what).is_dir() => {
            for task in line_of_work(home, task)? {
                told.extend(of_task(home, task, &key)?);
            }
            if told.is_empty() {
                return Err(
                    CliError::new(Kind::NotFound, format!("{task} has no evidence yet"))
                        .hinted(format!("`alai why {}` says where it stands", task.0)),
                );
            }
        }
        Ok(_) | Err(_) => told.push(of_package(&find(home, what)?, &key)?),
    }
    show::json(&sarif::log(&told))
}

/// The tasks of a task's line of work, itself among them, in the order of their stages.
pub(super) fn line_of_work(home: &Home, task: TaskId) -> Result<Vec<TaskId>, CliError> {
    let reader = door::reader(home)?;
    let found = reader.task(task)?;
    let root = pipeline::lineage(&found);
    let all = reader.tasks(&Filter {
        project: found.project,
        ended: true,
        ..Filter::default()
    })?;
    let of_it = |of: &alai_core::task::Task| of.id == task || pipeline::lineage(of) == root;
    let mut ids: Vec<TaskId> = all.iter().filter(|of| of_it(of)).map(|of| of.id).collect();
    ids.sort_unstable();
    Ok(ids)
}

fn of_task(home: &Home, task: TaskId, key: &PinnedKey) -> Result<Option<Told>, CliError> {
    let runs = door::reader(home)?.runs_of(task)?;
    let newest = newest_evidence(home, &runs);
    newest.map(|dir| of_package(&dir, key)).transpose()
}

fn of_package(dir: &Path, key: &PinnedKey) -> Result<Told, CliError> {
    let verified = evidence::verify(dir, key).map_err(|faults| broken(&faults))?;
    let about = &verified.statement.predicate.about;
    let by = match about.kind {
        TaskKind::Review | TaskKind::Security | TaskKind::Verify => {
            format!("alai {}", about.kind.as_str())
        }
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => "alai gate".to_owned(),
    };
    Ok(Told {
        by,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        task: about.task.to_string(),
        run: about.run.0.clone(),
        head: about.head.clone(),
        findings: findings(dir, &verified)?,
    })
}

/// Of a review what it answered, of everything else what its gate saw.
fn findings(dir: &Path, verified: &Verified) -> Result<Vec<Finding>, CliError> {
    let predicate = &verified.statement.predicate;
    let mut found = qa::findings(&predicate.checks);
    if !matches!(
        predicate.about.kind,
        TaskKind::Review | TaskKind::Security | TaskKind::Verify
    ) {
        return Ok(found);
    }
    let failed = |e: &dyn std::fmt::Display| {
        CliError::new(Kind::Failed, format!("{}: report.json: {e}", dir.display()))
    };
    let text = std::fs::read_to_string(dir.join("report.json")).map_err(|e| failed(&e))?;
    let report: Value = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    // An agent's answer, a person's, and what a verifier's rounds came to.
    let rounds = report["rounds"].as_array().into_iter().flatten();
    let decided = rounds
        .filter_map(|round| round["end"].get("review"))
        .next_back();
    let review = match (decided, report["review"].as_str(), &report["answer"]) {
        (Some(review), _, _) => Some(review.to_string()),
        (None, Some(review), _) => Some(review.to_owned()),
        (None, None, Value::Null) => None,
        (None, None, answer) => Some(answer.to_string()),
    };
    // One that was refused as no review says nothing of the change; that stands among the checks.
    if let Some(review) = review.and_then(|text| Review::parse(&text).ok()) {
        found.extend(review.findings);
    }
    Ok(found)
}
