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
    /// The next part of what could be claimed now, or this one task, waits from now on as `waiting` says. What sums a goal up needs
    /// no model. True when there may be more.
    pub fn ask_for_a_model(
        &self,
        only: Option<TaskId>,
        waiting: Waiting,
        now_ms: i64,
    ) -> Result<bool, MissionError> {
        self.write(move |c| {
            let sql = format!(
                "SELECT id FROM task WHERE {ELIGIBLE} AND kind <> 'postflight' AND (?2 IS NULL OR id = ?2)
                 ORDER BY id LIMIT {PART}"
            );
            let tasks = c
                .prepare_cached(&sql)?
                .query_map(params![now_ms, only.map(|t| t.0)], |r| r.get(0).map(TaskId))?
                .collect::<Result<Vec<TaskId>, _>>()?;
            for task in &tasks {
                let stamp = stamp(now_ms);
                set_state(c, *task, Event::Ask, Some(&waiting), &waiting.detail, &stamp)?;
            }
            Ok(tasks.len() == PART as usize)
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
