//! The table `mind`: HiveMind's rows. Meaning, redaction and ranking are HiveMind's; here they are kept and found.

use alai_core::ids::{ProjectId, RunId, TaskId};
use alai_core::task::Task;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::reader::Reader;
use crate::search;
use crate::task::word;
use crate::writer::Mission;

/// One thing the factory knows, with where it came from. Never evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MindEntry {
    pub id: i64,
    /// `knowledge`, `alert`, `briefing` or `update`.
    pub entry_kind: String,
    pub project: Option<ProjectId>,
    pub task: Option<TaskId>,
    pub run: Option<RunId>,
    pub company: Option<String>,
    pub source: String,
    pub text: String,
    /// How often the same text was posted.
    pub seen: i64,
    pub at_ms: i64,
    /// BM25, smaller is better; 0 where there was no search.
    pub score: f64,
}

/// A search. The project is a required filter: nothing of another project is ever returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MindQuery {
    /// Entries with any of these words are found. Anything in one that is no letter or digit only separates words: a word is never
    /// an expression. None finds nothing.
    pub words: Vec<String>,
    pub project: Option<ProjectId>,
    pub limit: u32,
}

impl Mission {
    /// Keeps an entry that HiveMind has checked and redacted. The same text of the same project is one row.
    pub fn post(&self, entry: MindEntry) -> Result<i64, MissionError> {
        self.write(move |c| insert(c, &entry))
    }
}

impl Reader {
    pub fn mind_search(&self, query: &MindQuery) -> Result<Vec<MindEntry>, MissionError> {
        let terms = search::terms(&query.words.join(" "));
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT m.id, m.entry_kind, m.project, m.task, m.run, m.company, m.source, m.text, m.seen, m.at_ms,
                    bm25(mind_fts) FROM mind_fts JOIN mind m ON m.id = mind_fts.rowid
                 WHERE mind_fts MATCH ?1 AND m.project IS ?2 ORDER BY bm25(mind_fts), m.id DESC LIMIT ?3",
            )?;
            let project = query.project.map(|p| p.0);
            let rows = statement.query_map(params![terms.join(" OR "), project, query.limit], |r| {
                Ok(MindEntry {
                    id: r.get(0)?,
                    entry_kind: r.get(1)?,
                    project: r.get::<_, Option<i64>>(2)?.map(ProjectId),
                    task: r.get::<_, Option<i64>>(3)?.map(TaskId),
                    run: r.get::<_, Option<String>>(4)?.map(RunId),
                    company: r.get(5)?,
                    source: r.get(6)?,
                    text: r.get(7)?,
                    seen: r.get(8)?,
                    at_ms: r.get(9)?,
                    score: r.get(10)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Remembers an outcome in the transaction that completes its task. The text comes from `core`, already free of secrets.
pub(crate) fn remember(
    c: &Connection,
    task: &Task,
    entry_kind: &str,
    text: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let entry = MindEntry {
        id: 0,
        entry_kind: entry_kind.to_owned(),
        project: task.project,
        task: Some(task.id),
        run: stamp.run.clone(),
        company: task.company_pin.clone(),
        source: stamp.actor.clone(),
        text: text.to_owned(),
        seen: 1,
        at_ms: stamp.now_ms,
        score: 0.0,
    };
    let id = insert(c, &entry)?;
    happened(c, Some(task.id), "remembered", &format!("mind {id}"), stamp)
}

fn insert(c: &Connection, entry: &MindEntry) -> Result<i64, MissionError> {
    let kind = word("mind", &entry.entry_kind, |w| {
        ["knowledge", "alert", "briefing", "update"]
            .into_iter()
            .find(|k| *k == w)
    })?;
    let hash = hex::encode(Sha256::digest(entry.text.as_bytes()));
    let id = c.query_row(
        "INSERT INTO mind (entry_kind, project, task, run, company, source, text, text_hash, at_ms)
         VALUES (?,?,?,?,?,?,?,?,?)
         ON CONFLICT (text_hash, ifnull(project, 0)) DO UPDATE SET seen = seen + 1 RETURNING id",
        params![
            kind,
            entry.project.map(|p| p.0),
            entry.task.map(|t| t.0),
            entry.run.as_ref().map(|r| &r.0),
            entry.company,
            entry.source,
            entry.text,
            hash,
            entry.at_ms
        ],
        |r| r.get(0),
    )?;
    Ok(id)
}
