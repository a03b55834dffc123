//! A person's verdict about a review or an audit: `alai mc approve|reject ID --finding ...`.

use alai_core::ids::TaskId;
use alai_core::pipeline::is_a_persons_to_judge;
use alai_core::review::{Finding, Review, ReviewVerdict};
use alai_factory::{Home, Op};
use alai_mission::{Holder, RunState};

use crate::args::{ApproveArgs, RejectArgs};
use crate::commands::mc;
use crate::error::CliError;
use crate::{door, follow, show};

/// Whether a review is judged by this: a person was asked for it or has taken it, or says what he found.
pub(crate) fn is_asked(home: &Home, task: TaskId, findings: &[Finding]) -> Result<bool, CliError> {
    if !findings.is_empty() {
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

pub(crate) fn passes(home: &Home, args: ApproveArgs) -> Result<(), CliError> {
    let verdict = match args.findings.is_empty() {
        true => ReviewVerdict::Pass,
        false => ReviewVerdict::PassWithFindings,
    };
    let summary = args.text.unwrap_or_else(|| "it may go on".to_owned());
    judge(home, args.task, verdict, summary, args.findings)?;
    match args.wait {
        true => {
            follow::until_settled(home, args.task)?;
            follow::end_of(&door::reader(home)?, args.task)
        }
        false => Ok(()),
    }
}

pub(crate) fn rejects(home: &Home, args: RejectArgs) -> Result<(), CliError> {
    judge(
        home,
        args.task,
        ReviewVerdict::Reject,
        args.text,
        args.findings,
    )
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
