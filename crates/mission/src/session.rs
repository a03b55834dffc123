//! The tables `session` and `entry`: what is said on one line of work. An agent's entry carries its run's fence, and its company and
//! task are the store's own: nobody speaks in the name of a run that is not his.

use alai_core::brief::Role;
use alai_core::ids::{RunId, TaskId};
use alai_core::pipeline;
use alai_core::session::{self, ENTRIES_MAX, Entry, EntryKind, NOTES_MAX, Note, Report};
use alai_core::task::Task;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::event::Stamp;
use crate::inbox::{By, once};
use crate::reader::Reader;
use crate::task::{one, word};
use crate::writer::Mission;

/// A line of work and what was said on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The first task of the line, which names it.
    pub lineage: TaskId,
    /// Who began it and when; none where nobody has said anything yet.
    pub begun: Option<Begun>,
    /// Oldest first.
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    pub by: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// What a person adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// In whose name; the person's own where none is given.
    pub role: Option<Role>,
    pub company: Option<String>,
    pub kind: EntryKind,
    /// Of a report its summary.
    pub text: String,
    pub report: Option<Report>,
}

impl Mission {
    /// Begins the session of a task's line of work; where it has begun nothing changes. Answers with the task that names it.
    pub fn begin_session(
        &self,
        task: TaskId,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<TaskId, MissionError> {
        let By { actor, request } = by.into();
        self.write(move |c| {
            once(c, request.as_ref(), now_ms, || {
                begin(c, root(c, one(c, task)?)?, &actor, now_ms)
            })
        })
    }

    /// Adds what a person says to the session of a task. Answers with the entry's number.
    ///
    /// # Errors
    /// [`MissionError::SessionFull`] when people have said as much as one session takes.
    pub fn append(
        &self,
        task: TaskId,
        said: Said,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<i64, MissionError> {
        let By { actor, request } = by.into();
        self.write(move |c| {
            once(c, request.as_ref(), now_ms, || {
                let session = begin(c, root(c, one(c, task)?)?, &actor, now_ms)?;
                let sql = "SELECT count(*) FROM entry WHERE session = ? AND run IS NULL";
                let before: u32 = c
                    .prepare_cached(sql)?
                    .query_row([session.0], |r| r.get(0))?;
                if before >= ENTRIES_MAX {
                    return Err(MissionError::SessionFull(session));
                }
                let author = said.role.map(|_| actor.clone());
                let agent = said.role.map_or(&*actor, |role| role.as_str());
                let who = Who {
                    run: None,
                    agent,
                    company: said.company.as_deref(),
                    author: author.as_deref(),
                };
                let what = (said.kind, said.text.as_str(), said.report.as_ref());
                insert(c, session, task, &who, what, now_ms)
            })
        })
    }

    /// Adds what the agent of a run notes. Answers with the entry's number.
    ///
    /// # Errors
    /// Where the run has lost its task, or has noted as much as one run may.
    pub fn noted(
        &self,
        fence: &Fence,
        role: Role,
        note: Note,
        now_ms: i64,
    ) -> Result<i64, MissionError> {
        let fence = fence.clone();
        self.write(move |c| {
            let task = fenced(c, &fence)?;
            let sql = "SELECT count(*) FROM entry WHERE run = ? AND kind <> 'report'";
            let before: u32 = c
                .prepare_cached(sql)?
                .query_row([&fence.run.0], |r| r.get(0))?;
            let lineage = root(c, task.clone())?;
            if before >= NOTES_MAX {
                return Err(MissionError::SessionFull(lineage));
            }
            let kind = match note.kind {
                EntryKind::Report => EntryKind::Note,
                kind @ (EntryKind::Note | EntryKind::Decision | EntryKind::Blocker) => kind,
            };
            let session = begin(c, lineage, "factory", now_ms)?;
            let company = company_of(c, &fence.run)?;
            let who = Who {
                run: Some(&fence.run),
                agent: role.as_str(),
                company: company.as_deref(),
                author: None,
            };
            insert(c, session, task.id, &who, (kind, &note.text, None), now_ms)
        })
    }
}

impl Reader {
    /// What was said on a task's line of work after entry `since`.
    pub fn session(&self, task: TaskId, since: i64) -> Result<Session, MissionError> {
        self.read(|c| {
            let lineage = root(c, one(c, task)?)?;
            let begun = c
                .prepare_cached("SELECT actor, at_ms FROM session WHERE lineage = ?")?
                .query_row([lineage.0], |r| {
                    Ok(Begun {
                        by: r.get(0)?,
                        at_ms: r.get(1)?,
                    })
                })
                .optional()?;
            let entries = query(c, "session = ?1 AND id > ?2", params![lineage.0, since])?;
            Ok(Session {
                lineage,
                begun,
                entries,
            })
        })
    }

    /// What the agents of a run, and of those that it goes on with, have noted, oldest first.
    pub fn notes_of(&self, run: &RunId) -> Result<Vec<Entry>, MissionError> {
        let line = "kind <> 'report' AND run IN (WITH RECURSIVE line(id) AS (
            SELECT ?1 UNION SELECT r.resumes FROM run r JOIN line l ON r.id = l.id WHERE r.resumes IS NOT NULL)
            SELECT id FROM line)";
        self.read(|c| query(c, line, [&run.0]))
    }
}

/// Adds the report of a run that ends, in the transaction that ends it.
pub(crate) fn report(
    c: &Connection,
    task: TaskId,
    agent: &str,
    report: &Report,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let session = begin(c, root(c, one(c, task)?)?, &stamp.actor, stamp.now_ms)?;
    let company = match &stamp.run {
        Some(run) => company_of(c, run)?,
        None => None,
    };
    let who = Who {
        run: stamp.run.as_ref(),
        agent,
        company: company.as_deref(),
        author: None,
    };
    let what = (EntryKind::Report, report.summary.as_str(), Some(report));
    insert(c, session, task, &who, what, stamp.now_ms).map(|_| ())
}

/// The task that names the session of a task: the first of its line of work, and where that came of another line, of that one.
pub(crate) fn root(c: &Connection, mut task: Task) -> Result<TaskId, MissionError> {
    loop {
        let first = pipeline::lineage(&task);
        if first != task.id {
            task = one(c, first)?;
        }
        // A parent is older than its child: this ends.
        let Some(parent) = task.parent.filter(|parent| *parent < task.id) else {
            return Ok(task.id);
        };
        let parent = one(c, parent)?;
        if !session::goes_on(&task, &parent) {
            return Ok(task.id);
        }
        task = parent;
    }
}

fn begin(
    c: &Connection,
    lineage: TaskId,
    actor: &str,
    now_ms: i64,
) -> Result<TaskId, MissionError> {
    c.prepare_cached("INSERT OR IGNORE INTO session (lineage, actor, at_ms) VALUES (?,?,?)")?
        .execute(params![lineage.0, actor, now_ms])?;
    Ok(lineage)
}

struct Who<'a> {
    run: Option<&'a RunId>,
    agent: &'a str,
    company: Option<&'a str>,
    author: Option<&'a str>,
}

fn insert(
    c: &Connection,
    session: TaskId,
    task: TaskId,
    who: &Who<'_>,
    (kind, text, report): (EntryKind, &str, Option<&Report>),
    now_ms: i64,
) -> Result<i64, MissionError> {
    let report = report.map(serde_json::to_string).transpose();
    let report = report.map_err(|e| unreadable(&e))?;
    c.prepare_cached(
        "INSERT INTO entry (session, task, run, agent, company, author, kind, text, report, at_ms)
         VALUES (?,?,?,?,?,?,?,?,?,?)",
    )?
    .execute(params![
        session.0,
        task.0,
        who.run.map(|run| &run.0),
        who.agent,
        who.company,
        who.author,
        kind.as_str(),
        text,
        report,
        now_ms,
    ])?;
    Ok(c.last_insert_rowid())
}

fn company_of(c: &Connection, run: &RunId) -> Result<Option<String>, MissionError> {
    let found = c
        .prepare_cached("SELECT company FROM run WHERE id = ?")?
        .query_row([&run.0], |r| r.get(0))
        .optional()?;
    Ok(found.flatten())
}

fn query(
    c: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Entry>, MissionError> {
    let sql = format!(
        "SELECT id, task, run, agent, company, author, text, at_ms, kind, report FROM entry WHERE {condition} ORDER BY id"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map(values, |r| {
        let entry = Entry {
            id: r.get(0)?,
            task: TaskId(r.get(1)?),
            run: r.get::<_, Option<String>>(2)?.map(RunId),
            agent: r.get(3)?,
            company: r.get(4)?,
            by: r.get(5)?,
            kind: EntryKind::Note,
            text: r.get(6)?,
            report: None,
            at_ms: r.get(7)?,
        };
        Ok((
            entry,
            r.get::<_, String>(8)?,
            r.get::<_, Option<String>>(9)?,
        ))
    })?;
    rows.map(|row| {
        let (mut entry, kind, report) = row?;
        entry.kind = word("entry", &kind, EntryKind::parse)?;
        let report = report.map(|text| serde_json::from_str(&text));
        entry.report = report.transpose().map_err(|e| unreadable(&e))?;
        Ok(entry)
    })
    .collect()
}

fn unreadable(e: &serde_json::Error) -> MissionError {
    MissionError::Row {
        table: "entry",
        why: e.to_string(),
    }
}
