//! The session of a run's line of work: what its brief is told of it, what its agents note, and the report that the factory adds
//! of what was recorded when the run ends.

use std::path::PathBuf;
use std::sync::Arc;

use alai_core::brief::Role;
use alai_core::ids::TaskId;
use alai_core::pipeline::{Effect, Ended, Failure, Stage};
use alai_core::qa;
use alai_core::record::Captured;
use alai_core::review::{Review, ReviewVerdict};
use alai_core::session::{self, EntryKind, Note, Report, TOLD_BYTES_MAX};
use alai_core::task::{Task, TaskKind};
use alai_minion::{RunReport, redact};
use alai_mission::{Claim, MissionError, Reader};
use alai_workspace::git;
use serde::Deserialize;

use super::Desk;
use super::build::{BASE, HANDED_IN};
use crate::beat::Factory;
use crate::run::RunError;

/// Commands of a run that its report names, the last ones: what came before them was on the way.
const COMMANDS_MAX: usize = 8;

/// What others said on a task's line of work, as a brief has it.
pub(super) fn told(factory: &Factory, task: &Task) -> Result<String, RunError> {
    let mut entries = factory.mission().session(task.id, 0)?.entries;
    // A goal's own stage goes on from every line that was merged for it.
    if task.goal.is_some() && task.parent == task.goal && after_merge(task.kind) {
        for need in factory.mission().needs(task.id)? {
            entries.extend(factory.mission().session(need.needs, 0)?.entries);
        }
        entries.sort_by_key(|entry| entry.id);
    }
    Ok(session::told(&entries, TOLD_BYTES_MAX))
}

fn after_merge(kind: TaskKind) -> bool {
    Stage::of(kind).is_some_and(|stage| stage > Stage::Merge)
}

/// Whether somebody goes on from what a run of the task notes: in a pipeline always, else where a person has begun a session.
pub(crate) fn is_heard(reader: &Reader, task: TaskId) -> Result<bool, MissionError> {
    Ok(!reader.task(task)?.solo || reader.session(task, i64::MAX)?.begun.is_some())
}

/// Keeps what an agent notes. An error is in words for the agent.
pub(super) fn keep(
    factory: &Arc<Factory>,
    desk: &Desk,
    role: Role,
    note: Note,
) -> Result<(), String> {
    let kept = factory
        .mission()
        .noted(desk.fence(), role, note, factory.now_ms());
    alai_workspace::crash::point("noted.after");
    kept.map(|_| ()).map_err(|e| {
        tracing::warn!("run {}: a note is not kept: {e}", desk.fence().run);
        e.to_string()
    })
}

/// What was handed in, as far as a report of it goes.
#[derive(Deserialize)]
struct Left {
    head: String,
    report: PathBuf,
}

/// The report of a run that ends so, from what was recorded of it; none where no agent has begun. Whatever cannot be read is left
/// out: nothing of it keeps a run from its end.
pub(crate) fn report(
    factory: &Factory,
    claim: &Claim,
    ended: &Ended,
    outcome: &str,
) -> Option<Effect> {
    let role = session::speaker(claim.task.kind)?;
    let left = journaled(factory, claim, HANDED_IN);
    let left: Option<Left> = left.and_then(|text| serde_json::from_str(&text).ok());
    let own = factory.home().run(&claim.fence.run).join("report.json");
    let path = left.as_ref().map_or(own, |left| left.report.clone());
    let said: Option<RunReport> = std::fs::read(path)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut report = judged(ended, outcome)?.or_of(said.is_some())?;
    if let Some(said) = &said {
        if report.summary.is_empty() {
            report.summary.clone_from(&said.summary);
        }
        report.verification.extend(commands(said));
    }
    if report.summary.trim().is_empty() {
        report.summary = outcome.to_owned();
    }
    report.files = files(factory, claim, ended, left.as_ref());
    noted(factory, claim, &mut report);
    let agent = match &claim.task.handed {
        // A person made the commit; no agent is spoken for.
        Some(_) => "factory",
        None => role.as_str(),
    };
    Some(Effect::Report {
        agent: agent.to_owned(),
        report: without_secrets(report).bounded(),
    })
}

/// The judgement of an end, and whether it needs an agent's own report to be worth one.
struct Judged {
    report: Report,
    began: bool,
}

impl Judged {
    fn or_of(self, reported: bool) -> Option<Report> {
        (self.began || reported).then_some(self.report)
    }
}

fn judged(ended: &Ended, outcome: &str) -> Option<Judged> {
    let mut report = Report {
        verification: vec![outcome.to_owned()],
        ..Report::default()
    };
    let began = match ended {
        Ended::Gated { verdict, .. } => {
            if let qa::Outcome::Failed { reasons } = &verdict.outcome {
                report.blockers.clone_from(reasons);
            }
            true
        }
        Ended::Reviewed { review } => {
            report.summary.clone_from(&review.summary);
            let found = findings(review);
            match review.verdict {
                ReviewVerdict::Reject => report.blockers = found,
                ReviewVerdict::Pass | ReviewVerdict::PassWithFindings => {
                    report.verification.extend(found);
                }
            }
            true
        }
        Ended::Asked { question } => {
            report.blockers = vec![format!("asks a person: {}", question.text)];
            true
        }
        Ended::Planned { .. } | Ended::Summed { .. } => return None,
        Ended::Failed { failure } => match failure {
            Failure::Quality { findings, .. }
            | Failure::Lost { findings }
            | Failure::Overrun { findings, .. }
            | Failure::Beyond { findings, .. } => {
                report.blockers.clone_from(findings);
                true
            }
            Failure::Rail { .. } | Failure::GoalUnmet { .. } => true,
            Failure::Infrastructure { .. }
            | Failure::BoxRefused { .. }
            | Failure::NoModel { .. }
            | Failure::NoRoom { .. }
            | Failure::Budget { .. }
            | Failure::Human { .. } => false,
        },
    };
    Some(Judged { report, began })
}

fn findings(review: &Review) -> Vec<String> {
    let line = |f: &alai_core::review::Finding| match (&f.path, f.line) {
        (Some(path), Some(line)) => format!("{path}:{line}: {}", f.title),
        (Some(path), None) => format!("{path}: {}", f.title),
        (None, _) => f.title.clone(),
    };
    review.findings.iter().map(line).collect()
}

fn commands(said: &RunReport) -> Vec<String> {
    let line = |c: &Captured| {
        // The command itself stands last, behind the shell that runs it.
        let command = c.record.argv.last().map_or("", String::as_str);
        format!("`{command}`: {}", c.record.exit)
    };
    let mut lines: Vec<String> = Vec::new();
    let checks = said.last_check.iter();
    for captured in checks.chain(said.commands.iter().rev()) {
        let line = line(captured);
        if lines.len() < COMMANDS_MAX && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// The paths that the run has changed against what it is measured from; a judge changes none.
fn files(factory: &Factory, claim: &Claim, ended: &Ended, left: Option<&Left>) -> Vec<String> {
    let (base, head) = match (ended, left) {
        (Ended::Reviewed { .. }, _) => return Vec::new(),
        (Ended::Gated { base, head, .. }, _) => (Some(base.clone()), head.clone()),
        (_, Some(left)) => (journaled(factory, claim, BASE), left.head.clone()),
        (_, None) => return Vec::new(),
    };
    let changed = || {
        let project = factory.mission().project(claim.task.project?).ok()?;
        let repo = super::repo(&project).ok()?;
        let diff = git::diff(&repo, &base?.parse().ok()?, &head.parse().ok()?).ok()?;
        Some(diff.files.into_iter().map(|file| file.path).collect())
    };
    changed().unwrap_or_default()
}

/// What the agents said in their own words.
fn noted(factory: &Factory, claim: &Claim, report: &mut Report) {
    let notes = factory.mission().notes_of(&claim.fence.run);
    for note in notes.unwrap_or_default() {
        match note.kind {
            EntryKind::Decision => report.decisions.push(note.text),
            EntryKind::Blocker => report.blockers.push(note.text),
            EntryKind::Note | EntryKind::Report => {}
        }
    }
}

fn journaled(factory: &Factory, claim: &Claim, key: &str) -> Option<String> {
    factory
        .mission()
        .journaled(&claim.fence.run, key)
        .ok()
        .flatten()
}

fn without_secrets(report: Report) -> Report {
    let clean = |text: String| redact(&text).into_owned();
    let all = |lines: Vec<String>| lines.into_iter().map(clean).collect();
    Report {
        summary: clean(report.summary),
        files: all(report.files),
        decisions: all(report.decisions),
        blockers: all(report.blockers),
        verification: all(report.verification),
    }
}
