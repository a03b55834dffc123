//! Tasks in full text: titles, descriptions and what was found in them.

use alai_core::ids::TaskId;
use alai_core::task::Task;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::reader::Reader;
use crate::task::one;

/// Words of a query that count; more only cost time.
const WORDS_MAX: usize = 16;

/// A task that has the words, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    pub task: Task,
    /// Some words around the best place; what was looked for stands in `[` and `]`.
    pub excerpt: String,
}

impl Reader {
    /// Tasks that have all the words, the best first. Anything that is no letter or digit only separates words: a query is never
    /// an expression.
    pub fn search(&self, words: &str, limit: u32) -> Result<Vec<Match>, MissionError> {
        let terms = terms(words);
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        self.read(|c| {
            // A title says more about a task than a sentence of its description.
            let mut statement = c.prepare_cached(
                "SELECT rowid, snippet(task_fts, -1, '[', ']', '…', 12) FROM task_fts
                 WHERE task_fts MATCH ?1 ORDER BY bm25(task_fts, 4.0, 1.0, 1.0), rowid DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![terms.join(" "), limit], |r| {
                Ok((TaskId(r.get(0)?), r.get::<_, String>(1)?))
            })?;
            let found = rows.collect::<Result<Vec<_>, _>>()?;
            found
                .into_iter()
                .map(|(id, excerpt)| {
                    Ok(Match {
                        task: one(c, id)?,
                        excerpt,
                    })
                })
                .collect()
        })
    }
}

/// Each word as a quoted term of the full-text search, in which nothing is an operator.
pub(crate) fn terms(words: &str) -> Vec<String> {
    words
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| format!("\"{word}\""))
        .collect()
}
