//! The tables `schedule` and `firing`: what is asked for again and again, and when it was. A firing is one row, so that none
//! happens twice.

use alai_core::cron::CatchUp;
use alai_core::ids::TaskId;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{By, once};
use crate::reader::Reader;
use crate::task::word;
use crate::writer::Mission;

/// A schedule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub id: i64,
    pub name: String,
    /// Five fields in UTC, as `alai_core::cron` reads them.
    pub cron: String,
    pub catch_up: CatchUp,
    /// What is asked for at each firing; the store does not read it.
    pub request: String,
    /// In whose name.
    pub actor: String,
    pub paused: bool,
    /// Milliseconds since the Unix epoch.
    pub next_ms: i64,
    /// Firings that the catch-up policy left out.
    pub missed: i64,
    /// Why the last firing made no task.
    pub last_error: Option<String>,
    /// The task of its newest firing.
    pub last_task: Option<TaskId>,
}

/// A schedule that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    pub name: String,
    pub cron: String,
    pub catch_up: CatchUp,
    pub request: String,
    pub next_ms: i64,
}

/// What came of the firings that were due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fired {
    /// When each was due, and the task that was made.
    pub firings: Vec<(i64, TaskId)>,
    pub missed: u64,
    /// When the next one is due; a schedule without one is paused.
    pub next_ms: Option<i64>,
    pub error: Option<String>,
}

impl Mission {
    pub fn add_schedule(
        &self,
        new: NewSchedule,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<i64, MissionError> {
        let By { actor, request } = by.into();
        self.write(move |c| {
            once(c, request.as_ref(), now_ms, || {
                if one(c, &new.name)?.is_some() {
                    return Err(MissionError::ScheduleExists(new.name.clone()));
                }
                c.execute(
                    "INSERT INTO schedule (name, cron, catch_up, request, actor, next_ms, created_ms) VALUES (?,?,?,?,?,?,?)",
                    params![
                        new.name,
                        new.cron,
                        new.catch_up.as_str(),
                        new.request,
                        actor,
                        new.next_ms,
                        now_ms
                    ],
                )?;
                let id = c.last_insert_rowid();
                let stamp = stamp(actor, now_ms);
                happened(c, None, "schedule_added", &new.name, &stamp)?;
                Ok(id)
            })
        })
    }

    /// Stops a schedule, or lets it go on from `next_ms`.
    pub fn pause_schedule(
        &self,
        name: &str,
        paused: bool,
        next_ms: i64,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (name, By { actor, request }) = (name.to_owned(), by.into());
        self.write(move |c| {
            once(c, request.as_ref(), now_ms, || {
                let changed = c.execute(
                    "UPDATE schedule SET paused = ?, next_ms = ? WHERE name = ?",
                    params![paused, next_ms, name],
                )?;
                if changed == 0 {
                    return Err(MissionError::NoSchedule(name.clone()));
                }
                let kind = match paused {
                    true => "schedule_paused",
                    false => "schedule_resumed",
                };
                happened(c, None, kind, &name, &stamp(actor, now_ms))
            })
        })
    }

    pub fn remove_schedule(
        &self,
        name: &str,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (name, By { actor, request }) = (name.to_owned(), by.into());
        self.write(move |c| {
            once(c, request.as_ref(), now_ms, || {
                let Some(found) = one(c, &name)? else {
                    return Err(MissionError::NoSchedule(name.clone()));
                };
                c.execute("DELETE FROM firing WHERE schedule = ?", [found.id])?;
                c.execute("DELETE FROM schedule WHERE id = ?", [found.id])?;
                happened(c, None, "schedule_removed", &name, &stamp(actor, now_ms))
            })
        })
    }

    /// Writes down what was fired. What was fired before stays as it is.
    pub fn fired(&self, schedule: i64, fired: Fired, now_ms: i64) -> Result<(), MissionError> {
        self.write(move |c| {
            for (fire_ms, task) in &fired.firings {
                c.prepare_cached(
                    "INSERT OR IGNORE INTO firing (schedule, fire_ms, task, at_ms) VALUES (?,?,?,?)",
                )?
                .execute(params![schedule, fire_ms, task.0, now_ms])?;
            }
            let missed = i64::try_from(fired.missed).unwrap_or(i64::MAX);
            c.execute(
                "UPDATE schedule SET missed = missed + ?1, next_ms = coalesce(?2, next_ms), paused = (?2 IS NULL) OR paused,
                    last_error = ?3 WHERE id = ?4",
                params![missed, fired.next_ms, fired.error, schedule],
            )?;
            Ok(())
        })
    }
}

impl Reader {
    /// Every schedule, by name.
    pub fn schedules(&self) -> Result<Vec<Schedule>, MissionError> {
        self.read(|c| query(c, "1 = ?1 ORDER BY name", &1))
    }

    /// Those whose next firing is due.
    pub fn schedules_due(&self, now_ms: i64) -> Result<Vec<Schedule>, MissionError> {
        self.read(|c| {
            query(
                c,
                "paused = 0 AND next_ms <= ?1 ORDER BY next_ms, id",
                &now_ms,
            )
        })
    }

    /// When each firing of a schedule was due, oldest first, with its task.
    pub fn firings(&self, schedule: i64) -> Result<Vec<(i64, Option<TaskId>)>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT fire_ms, task FROM firing WHERE schedule = ? ORDER BY fire_ms",
            )?;
            let rows = statement.query_map([schedule], |r| {
                Ok((r.get(0)?, r.get::<_, Option<i64>>(1)?.map(TaskId)))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn stamp(actor: String, now_ms: i64) -> Stamp {
    Stamp {
        actor,
        run: None,
        now_ms,
    }
}

fn one(c: &Connection, name: &str) -> Result<Option<Schedule>, MissionError> {
    Ok(query(c, "name = ?1", &name)?.into_iter().next())
}

fn query(
    c: &Connection,
    rest: &str,
    value: &dyn rusqlite::ToSql,
) -> Result<Vec<Schedule>, MissionError> {
    let sql = format!(
        "SELECT id, name, cron, catch_up, request, actor, paused, next_ms, missed, last_error,
            (SELECT task FROM firing WHERE schedule = schedule.id ORDER BY fire_ms DESC LIMIT 1)
         FROM schedule WHERE {rest}"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([value], |r| {
        let row = Schedule {
            id: r.get(0)?,
            name: r.get(1)?,
            cron: r.get(2)?,
            catch_up: CatchUp::Skip,
            request: r.get(4)?,
            actor: r.get(5)?,
            paused: r.get(6)?,
            next_ms: r.get(7)?,
            missed: r.get(8)?,
            last_error: r.get(9)?,
            last_task: r.get::<_, Option<i64>>(10)?.map(TaskId),
        };
        Ok((row, r.get::<_, String>(3)?))
    })?;
    rows.map(|pair| {
        let (mut row, catch_up) = pair?;
        row.catch_up = word("schedule", &catch_up, CatchUp::parse)?;
        Ok(row)
    })
    .collect()
}
