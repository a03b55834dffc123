//! The table `inbox`: requests that were carried out, with their answers. A sender who lost the answer asks again under the same
//! key; he is answered again, and nothing is done again.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::MissionError;
use crate::reader::Reader;
use crate::writer::Mission;

/// How long an answer is kept. Nobody who asks again waits for days.
pub(crate) const KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// A request as its sender names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Unique to one request of one sender.
    pub key: String,
    /// Of all that is asked for: the same key with another request is a mistake, not a repetition.
    pub hash: String,
}

/// Who asks for something, and under which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    pub actor: String,
    pub request: Option<RequestKey>,
}

impl From<&str> for By {
    fn from(actor: &str) -> By {
        By {
            actor: actor.to_owned(),
            request: None,
        }
    }
}

impl Mission {
    /// Forgets answers that nobody will ask for any more. Answers with how many.
    pub fn forget_answers(&self, now_ms: i64) -> Result<usize, MissionError> {
        self.write(move |c| Ok(c.execute("DELETE FROM inbox WHERE at_ms < ?", [now_ms - KEPT_MS])?))
    }
}

impl Reader {
    /// What was answered to this request, as JSON, when it was carried out before.
    pub fn answered(&self, request: &RequestKey) -> Result<Option<String>, MissionError> {
        self.read(|c| seen(c, request))
    }
}

/// Carries out what `request` asks for unless that was done before; the answer is kept in the same transaction.
pub(crate) fn once<T: Serialize + DeserializeOwned>(
    c: &Connection,
    request: Option<&RequestKey>,
    now_ms: i64,
    act: impl FnOnce() -> Result<T, MissionError>,
) -> Result<T, MissionError> {
    let Some(request) = request else {
        return act();
    };
    if let Some(answer) = seen(c, request)? {
        return serde_json::from_str(&answer).map_err(|e| unreadable(&e));
    }
    let done = act()?;
    let answer = serde_json::to_string(&done).map_err(|e| unreadable(&e))?;
    c.prepare_cached("INSERT INTO inbox (key, hash, answer, at_ms) VALUES (?,?,?,?)")?
        .execute(params![request.key, request.hash, answer, now_ms])?;
    Ok(done)
}

fn seen(c: &Connection, request: &RequestKey) -> Result<Option<String>, MissionError> {
    let found = c
        .prepare_cached("SELECT hash, answer FROM inbox WHERE key = ?")?
        .query_row([&request.key], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))
        })
        .optional()?;
    match found {
        None => Ok(None),
        Some((hash, answer)) if hash == request.hash => Ok(Some(answer)),
        Some(_) => Err(MissionError::IdempotencyConflict {
            key: request.key.clone(),
        }),
    }
}

fn unreadable(e: &serde_json::Error) -> MissionError {
    MissionError::Row {
        table: "inbox",
        why: e.to_string(),
    }
}
