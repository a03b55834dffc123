//! A person's verdict about a review or an audit: `alai mc approve|reject ID --finding ... --sarif FILE`.

use std::path::{Path, PathBuf};

use alai_core::ids::TaskId;
use alai_core::pipeline::is_a_persons_to_judge;
use alai_core::review::{Finding, Review, ReviewVerdict};
use alai_core::sarif;
use alai_factory::{Home, Op};
use alai_mission::{Holder, RunState};

use crate::args::{ApproveArgs, RejectArgs};
use crate::commands::mc;
use crate::error::{CliError, Kind};
use crate::{door, follow, show};

/// A log of a tool is read up to this size: fifty findings are what one review may have.
const SARIF_BYTES_MAX: u64 = 32 << 20;

/// Whether a review is judged by this: a person was asked for it or has taken it, or says what he or his tool found.
pub(crate) fn is_asked(
    home: &Home,
    task: TaskId,
    findings: &[Finding],
    logs: &[PathBuf],
) -> Result<bool, CliError> {
    if !findings.is_empty() || !logs.is_empty() {
        return Ok(true);
    }
    let reader = door::reader(home)?;
    let found = reader.task(task)?;
    if !found.kind.judges() {
        return Ok(false);
    }
    let runs = reader.runs_of(task)?;
    let taken = runs
        .last()
        .is_some_and(|run| run.state == RunState::Live && run.holder == Holder::Person);
    Ok(taken || is_a_persons_to_judge(&found))
}

/// What was typed, and then what the tools' logs have.
fn all(typed: Vec<Finding>, logs: &[PathBuf]) -> Result<Vec<Finding>, CliError> {
    let mut found = typed;
    for log in logs {
        found.extend(read(log)?);
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<Finding>, CliError> {
    let refused = |why: String| {
        let message = format!("{} cannot be read as findings: {why}", path.display());
        CliError::new(Kind::Usage, message).hinted("`--sarif` takes a log of SARIF 2.1.0")
    };
    let size = std::fs::metadata(path).map_err(|e| refused(e.to_string()))?;
    if !size.is_file() || size.len() > SARIF_BYTES_MAX {
        return Err(refused(format!(
            "it is no file of at most {SARIF_BYTES_MAX} bytes"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| refused(e.to_string()))?;
    let found = sarif::read(&text).map_err(refused)?;
    Ok(found.into_iter().map(titled).collect())
}

/// Tools say much in one message: its first line is the title.
fn titled(found: Finding) -> Finding {
    let Some((title, rest)) = found.title.trim().split_once('\n') else {
        return found;
    };
    let detail = [rest.trim(), &found.detail].join("\n").trim().to_owned();
    Finding {
        title: title.trim().to_owned(),
        detail,
        ..found
    }
}

pub(crate) fn passes(home: &Home, args: ApproveArgs) -> Result<(), CliError> {
    let findings = all(args.findings, &args.sarif)?;
    let verdict = match findings.is_empty() {
        true => ReviewVerdict::Pass,
        false => ReviewVerdict::PassWithFindings,
    };
    let summary = args.text.unwrap_or_else(|| "it may go on".to_owned());
    judge(home, args.task, verdict, summary, findings)?;
    match args.wait {
        true => {
            follow::until_settled(home, args.task)?;
            follow::end_of(&door::reader(home)?, args.task)
        }
        false => Ok(()),
    }
}

pub(crate) fn rejects(home: &Home, args: RejectArgs) -> Result<(), CliError> {
    let findings = all(args.findings, &args.sarif)?;
    judge(home, args.task, ReviewVerdict::Reject, args.text, findings)
}

fn judge(
    home: &Home,
    task: TaskId,
    verdict: ReviewVerdict,
    summary: String,
    findings: Vec<Finding>,
) -> Result<(), CliError> {
    let review = Review {
        criteria: Vec::new(),
        verdict,
        summary,
        findings,
    };
    door::ask(home, Op::Judge { task, review })?;
    mc::shown(home, task)?;
    show::line(format!(
        "judged   {verdict}; what follows is decided from that"
    ));
    if door::pulse(home).is_none() {
        show::message("no daemon runs; `alai up` goes on");
    }
    Ok(())
}
