//! Work for which there is no model, or no room on the disk: put before a person, and taken up again by itself. In parts of a bounded
//! size, because a queue that met no model may be long.

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::task::{Task, WaitReason, Waiting};
use rusqlite::params;

use crate::error::MissionError;
use crate::event::Stamp;
use crate::reader::Reader;
use crate::task::{COLUMNS, ELIGIBLE, Raw, raw, set_state};
use crate::writer::Mission;

/// Tasks in one part.
const PART: u32 = 256;

fn stamp(now_ms: i64) -> Stamp {
    Stamp {
        actor: "factory".into(),
        run: None,
        now_ms,
    }
}

impl Mission {
    /// These tasks wait from now on as `waiting` says. What cannot be claimed any more is left alone.
    pub fn ask_for_a_model(
        &self,
        tasks: Vec<TaskId>,
        waiting: Waiting,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        self.write(move |c| {
            let sql = format!("SELECT 1 FROM task WHERE {ELIGIBLE} AND id = ?2");
            for task in tasks {
                let claimable = c.prepare_cached(&sql)?.exists(params![now_ms, task.0])?;
                if claimable {
                    let stamp = stamp(now_ms);
                    set_state(c, task, Event::Ask, Some(&waiting), &waiting.detail, &stamp)?;
                }
            }
            Ok(())
        })
    }

    /// What these tasks waited for is there. Nobody answered anything: no counter is reset. What has moved since is left alone.
    pub fn taken_up(
        &self,
        reason: WaitReason,
        why: &'static str,
        tasks: Vec<TaskId>,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        self.write(move |c| {
            for task in tasks {
                // It may have been answered meanwhile, and asked something else that is another matter.
                let waits = c
                    .prepare_cached(
                        "SELECT 1 FROM task WHERE id = ? AND state = 'waiting' AND wait_reason = ?",
                    )?
                    .exists(params![task.0, reason.as_str()])?;
                if !waits {
                    continue;
                }
                set_state(c, task, Event::Answer, None, why, &stamp(now_ms))?;
            }
            Ok(())
        })
    }
}

impl Reader {
    /// The next part of what could be claimed now behind the task `after`, or this one task. What sums a goal up is left out: it needs
    /// no model.
    pub fn claimable(
        &self,
        only: Option<TaskId>,
        after: TaskId,
        now_ms: i64,
    ) -> Result<Vec<Task>, MissionError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM task WHERE {ELIGIBLE} AND kind <> 'postflight' AND (?2 IS NULL OR id = ?2) AND id > ?3
             ORDER BY id LIMIT {PART}"
        );
        self.read(|c| {
            let mut statement = c.prepare_cached(&sql)?;
            let asked = params![now_ms, only.map(|t| t.0), after.0];
            let rows = statement.query_map(asked, raw)?;
            rows.map(|row| row.map_err(MissionError::from).and_then(Raw::parse))
                .collect()
        })
    }

    /// The next part of those who wait for this reason, behind the task `after`.
    pub fn waiting_for(
        &self,
        reason: WaitReason,
        after: TaskId,
    ) -> Result<Vec<Task>, MissionError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM task WHERE state = 'waiting' AND wait_reason = ? AND id > ? ORDER BY id LIMIT {PART}"
        );
        self.read(|c| {
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map(params![reason.as_str(), after.0], raw)?;
            rows.map(|row| row.map_err(MissionError::from).and_then(Raw::parse))
                .collect()
        })
    }
}
