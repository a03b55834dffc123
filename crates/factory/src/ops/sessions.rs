//! What people say in the session of a task.

use alai_core::brief::Role;
use alai_core::ids::TaskId;
use alai_core::session::{EntryKind, Report, TEXT_BYTES_MAX};
use alai_core::task;
use alai_mission::Said;
use serde::{Deserialize, Serialize};

use super::{Desk, OpError, OpErrorKind, Outcome};

/// What a person does in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum SessionAct {
    Init,
    Append { text: String, name: InName },
    Report { report: Report, name: InName },
}

/// In whose name a person writes; his own where nothing is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InName {
    pub agent: Option<Role>,
    pub company: Option<String>,
}

pub(super) fn act(desk: &Desk<'_>, task: TaskId, act: SessionAct) -> Result<Outcome, OpError> {
    let (by, now) = (desk.by.clone(), desk.now_ms);
    let said = match act {
        SessionAct::Init => {
            let session = desk.mission.begin_session(task, by, now)?;
            let entry = None;
            return Ok(Outcome::Session { session, entry });
        }
        SessionAct::Append { text, name } => Said {
            role: name.agent,
            company: company(desk, name.company)?,
            kind: EntryKind::Note,
            text: checked(&text)?,
            report: None,
        },
        SessionAct::Report { report, name } => {
            let report = checked_report(report)?;
            Said {
                role: name.agent,
                company: company(desk, name.company)?,
                kind: EntryKind::Report,
                text: report.summary.clone(),
                report: Some(report),
            }
        }
    };
    let entry = desk.mission.append(task, said, by, now)?;
    answered(desk, task, Some(entry))
}

/// The outcome of something that was said.
pub(super) fn answered(
    desk: &Desk<'_>,
    task: TaskId,
    entry: Option<i64>,
) -> Result<Outcome, OpError> {
    let session = desk.mission.session(task, i64::MAX)?.lineage;
    Ok(Outcome::Session { session, entry })
}

/// A company as its pack has its name.
fn company(desk: &Desk<'_>, named: Option<String>) -> Result<Option<String>, OpError> {
    let Some(named) = named else { return Ok(None) };
    let found = desk.packs.registry.find(&named);
    let found = found.map_err(|e| {
        OpError::new(
            OpErrorKind::NotFound,
            e,
            "`alai company list` shows the companies",
        )
    })?;
    Ok(Some(found.name.clone()))
}

fn checked(text: &str) -> Result<String, OpError> {
    let text = task::check_description(text)?;
    let text = text.trim();
    let usage = |message: String| OpError::new(OpErrorKind::Usage, message, "");
    if text.is_empty() {
        return Err(usage("say something".into()));
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(usage(format!(
            "an entry of a session has at most {TEXT_BYTES_MAX} bytes, this one has {}",
            text.len()
        )));
    }
    Ok(alai_minion::redact(text).into_owned())
}

/// Free of secrets and of what a terminal would obey; its length is cut where it is kept.
fn checked_report(report: Report) -> Result<Report, OpError> {
    let lines = |lines: Vec<String>| -> Result<Vec<String>, OpError> {
        lines.iter().map(|line| checked(line)).collect()
    };
    let report = Report {
        summary: checked(&report.summary)?,
        files: lines(report.files)?,
        decisions: lines(report.decisions)?,
        blockers: lines(report.blockers)?,
        verification: lines(report.verification)?,
    };
    Ok(report.bounded())
}
