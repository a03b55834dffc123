//! Alarms: tasks that wait past their deadline, or stand in the queue and are not taken. Raised once for each time a task comes
//! to rest; a task that moves has none, and neither has one that another line of work holds back: that ends by itself.

use alai_core::ids::TaskId;
use alai_core::pipeline::HUMAN_WAIT_MS;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::outbox;
use crate::overlap::Lines;
use crate::task::one;
use crate::writer::Mission;

/// One thing that people must know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alarm {
    /// It waits for somebody, or for a person's judgement, past its deadline.
    Overdue(TaskId),
    /// It could be begun, or measured, and nobody has taken it for too long.
    Unclaimed(TaskId),
}

impl Mission {
    /// Finds what needs an alarm and has none, at most `most` of each kind, and writes it into its history.
    pub fn raise_alarms(
        &self,
        queue_ms_max: i64,
        most: u32,
        now_ms: i64,
    ) -> Result<Vec<Alarm>, MissionError> {
        // Mostly there are none: a look costs no commit.
        let waiting = |c: &Connection| find(c, queue_ms_max, most, now_ms);
        if self.read(waiting)?.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |c| {
            let alarms = find(c, queue_ms_max, most, now_ms)?;
            let stamp = Stamp {
                actor: "factory".into(),
                run: None,
                now_ms,
            };
            for alarm in &alarms {
                raise(c, *alarm, &stamp)?;
            }
            Ok(alarms)
        })
    }
}

fn find(
    c: &Connection,
    queue_ms_max: i64,
    most: u32,
    now_ms: i64,
) -> Result<Vec<Alarm>, MissionError> {
    let ids = |sql: &str, before_ms: i64| -> Result<Vec<TaskId>, MissionError> {
        let mut statement = c.prepare_cached(sql)?;
        let rows = statement.query_map(params![before_ms, most], |r| r.get(0).map(TaskId))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let overdue = ids(
        "SELECT id FROM task INDEXED BY task_overdue WHERE state = 'waiting' AND alarm_ms IS NULL AND wait_deadline < ?1
         ORDER BY wait_deadline LIMIT ?2",
        now_ms,
    )?;
    let unclaimed = untaken(c, now_ms.saturating_sub(queue_ms_max), most, now_ms)?;
    let unmeasured = ids(
        "SELECT id FROM task INDEXED BY task_handed WHERE state = 'ready_for_review' AND handed IS NOT NULL
            AND alarm_ms IS NULL AND updated_ms < ?1
            AND NOT EXISTS (SELECT 1 FROM run WHERE run.task = task.id AND run.state = 'live') ORDER BY id LIMIT ?2",
        now_ms.saturating_sub(queue_ms_max),
    )?;
    let unjudged = ids(
        "SELECT id FROM task INDEXED BY task_state WHERE state = 'ready_for_review' AND handed IS NULL
            AND alarm_ms IS NULL AND updated_ms < ?1
            AND NOT EXISTS (SELECT 1 FROM run WHERE run.task = task.id AND run.state = 'live') ORDER BY id LIMIT ?2",
        now_ms.saturating_sub(HUMAN_WAIT_MS),
    )?;
    let overdue = overdue.into_iter().chain(unjudged).map(Alarm::Overdue);
    let unclaimed = unclaimed.into_iter().chain(unmeasured);
    Ok(overdue.chain(unclaimed.map(Alarm::Unclaimed)).collect())
}

/// What could be begun since before then and is not held back, the oldest first. What is held back takes nobody's place among the `most`.
fn untaken(
    c: &Connection,
    before_ms: i64,
    most: u32,
    now_ms: i64,
) -> Result<Vec<TaskId>, MissionError> {
    let sql = "SELECT id FROM task INDEXED BY task_idle WHERE state = 'open' AND blocked_count = 0 AND alarm_ms IS NULL
            AND updated_ms < ?1 AND run_at_ms < ?1 AND project IS NOT NULL AND kind <> 'goal' ORDER BY updated_ms";
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query([before_ms])?;
    let mut lines = Lines::default();
    let mut found = Vec::new();
    while let Some(row) = rows.next()?
        && found.len() < most as usize
    {
        let task = one(c, row.get(0).map(TaskId)?)?;
        if lines.held(c, &task, now_ms)?.is_none() {
            found.push(task.id);
        }
    }
    Ok(found)
}

fn raise(c: &Connection, alarm: Alarm, stamp: &Stamp) -> Result<(), MissionError> {
    let (id, kind) = match alarm {
        Alarm::Overdue(id) => (id, "overdue"),
        Alarm::Unclaimed(id) => (id, "unclaimed"),
    };
    let task = one(c, id)?;
    let since = alai_core::time::utc(task.updated_ms);
    let detail = match (&task.waiting, alarm) {
        (Some(waiting), Alarm::Overdue(_)) => {
            format!("{} has not acted: {}", waiting.owner, waiting.next_action)
        }
        (None, Alarm::Overdue(_)) => format!("ready since {since} and judged by nobody"),
        (_, Alarm::Unclaimed(_)) => format!("eligible since {since} and not taken"),
    };
    c.execute(
        "UPDATE task SET alarm_ms = ? WHERE id = ?",
        params![stamp.now_ms, id.0],
    )?;
    happened(c, Some(id), kind, &detail, stamp)?;
    outbox::page_changed(c, id, stamp)
}
