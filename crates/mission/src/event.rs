//! The table `event`: what happened, in the transaction in which it happened.

use alai_core::ids::{RunId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::task::State;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::audit::{self, Recorded};
use crate::error::MissionError;
use crate::notice;
use crate::reader::Reader;
use crate::writer::Mission;

/// One thing that happened to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    pub seq: i64,
    pub task: Option<TaskId>,
    pub run: Option<RunId>,
    pub actor: String,
    /// The lifecycle event's name, or what else happened: `created`, `note`, `integrated`.
    pub kind: String,
    pub from: Option<State>,
    pub to: Option<State>,
    pub detail: String,
    pub at_ms: i64,
}

/// Who acts and when: stands on every event.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    pub(crate) actor: String,
    pub(crate) run: Option<RunId>,
    pub(crate) now_ms: i64,
}

pub(crate) fn moved(
    connection: &Connection,
    task: TaskId,
    event: Event,
    from: State,
    to: State,
    detail: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    insert(
        connection,
        Some(task),
        event.as_str(),
        Some((from, to)),
        detail,
        stamp,
    )
}

impl Mission {
    /// Notes the rules that verdicts are judged by, where they are others than those that were noted last. None were before the first.
    pub fn note_qa_rules(&self, rules: &str, now_ms: i64) -> Result<(), MissionError> {
        let last = self.read(|c| {
            let sql =
                "SELECT detail FROM event WHERE task IS NULL AND kind = 'qa_rules_set' ORDER BY seq DESC LIMIT 1";
            Ok(c.prepare_cached(sql)?
                .query_row([], |r| r.get::<_, String>(0))
                .optional()?)
        })?;
        if last.as_deref().unwrap_or("{}") == rules {
            return Ok(());
        }
        let rules = rules.to_owned();
        self.write(move |c| {
            let stamp = Stamp {
                actor: "factory".into(),
                run: None,
                now_ms,
            };
            happened(c, None, "qa_rules_set", &rules, &stamp)
        })
    }
}

pub(crate) fn happened(
    connection: &Connection,
    task: Option<TaskId>,
    kind: &str,
    detail: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    insert(connection, task, kind, None, detail, stamp)
}

fn insert(
    connection: &Connection,
    task: Option<TaskId>,
    kind: &str,
    states: Option<(State, State)>,
    detail: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let at = audit::append(connection, |seq| Recorded {
        seq,
        task: task.map(|t| t.0),
        run: stamp.run.as_ref().map(|r| r.0.clone()),
        actor: stamp.actor.clone(),
        kind: kind.to_owned(),
        from_state: states.map(|(from, _)| from.as_str().to_owned()),
        to_state: states.map(|(_, to)| to.as_str().to_owned()),
        detail: detail.to_owned(),
        at_ms: stamp.now_ms,
    })?;
    let to = states.map(|(_, to)| to);
    notice::look(connection, &at, task, kind, to, detail, stamp)
}

impl Reader {
    /// A task's history, oldest first.
    pub fn events(&self, task: TaskId) -> Result<Vec<EventRow>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT seq, task, run, actor, kind, from_state, to_state, detail, at_ms FROM event
                 WHERE task = ? ORDER BY seq",
            )?;
            let rows = statement.query_map([task.0], row)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }

    /// What happened after `seq`, oldest first; of one goal and everything under it (or of one task and what came of it), or
    /// of all.
    pub fn events_since(
        &self,
        seq: i64,
        root: Option<TaskId>,
    ) -> Result<Vec<EventRow>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "WITH RECURSIVE family(id) AS (
                    SELECT id FROM task WHERE id = ?2 OR goal = ?2
                    UNION SELECT t.id FROM task t JOIN family f ON t.parent = f.id)
                 SELECT seq, task, run, actor, kind, from_state, to_state, detail, at_ms FROM event
                 WHERE seq > ?1 AND (?2 IS NULL OR task IN (SELECT id FROM family)) ORDER BY seq",
            )?;
            let rows = statement.query_map(params![seq, root.map(|t| t.0)], row)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
    }
}

fn row(r: &rusqlite::Row<'_>) -> rusqlite::Result<EventRow> {
    let state = |text: Option<String>| text.and_then(|t| State::parse(&t));
    Ok(EventRow {
        seq: r.get(0)?,
        task: r.get::<_, Option<i64>>(1)?.map(TaskId),
        run: r.get::<_, Option<String>>(2)?.map(RunId),
        actor: r.get(3)?,
        kind: r.get(4)?,
        from: state(r.get(5)?),
        to: state(r.get(6)?),
        detail: r.get(7)?,
        at_ms: r.get(8)?,
    })
}
