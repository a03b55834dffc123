//! The tables `notify_sink` and, of `outbox`, the notifications: queued in the transaction of the event that they tell of, one row
//! for each event and sink.

use std::collections::BTreeSet;

use alai_core::ids::TaskId;
use alai_core::notify::{AT_ONCE_MAX, Happened, Kind, TITLE_CHARS_MAX, WINDOW_MS, kind_of, plain};
use alai_core::task::State;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::audit::LogMark;
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{By, once};
use crate::project::{self, Delivery};
use crate::reader::Reader;
use crate::task::one;
use crate::writer::Mission;

/// How the sink column of a notification begins; the name of its sink follows.
const PREFIX: &str = "notify-";

/// Longest pause between two attempts at one sink.
const PAUSE_MS_MAX: i64 = 10 * 60_000;

/// Longest pause that a sink may ask for.
const ASKED_MS_MAX: i64 = 60 * 60_000;

/// A notification that is a day late tells nobody anything: it is given up, with a line in `alai status`.
pub const NOTICE_AGE_MS_MAX: i64 = 24 * 60 * 60_000;

/// Attempts that one has at least, however old it is: a person may have it sent again after days.
const NOTICE_ATTEMPTS_MIN: i64 = 3;

/// Characters of the event's words that are kept.
const DETAIL_CHARS_MAX: usize = 1_000;

/// One sink with what it is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub sink: String,
    pub kinds: BTreeSet<Kind>,
}

/// What happened, as it is kept until everybody has been told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The event's own: its number, and the beginning of its link, which no other store has.
    pub id: String,
    /// None for a test.
    pub kind: Option<Kind>,
    pub task: Option<TaskId>,
    pub goal: Option<TaskId>,
    pub title: String,
    /// The event's words.
    pub detail: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// One message: a notification, or several of one goal that are told together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same at each attempt.
    pub id: String,
    pub rows: Vec<i64>,
    pub attempts: i64,
    /// Oldest first; never empty.
    pub notices: Vec<Notice>,
}

/// A sink as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkRow {
    pub sink: String,
    pub kinds: BTreeSet<Kind>,
    pub pending: i64,
    /// When the oldest that waits was queued; milliseconds since the Unix epoch, as all times here.
    pub oldest_ms: Option<i64>,
    /// When it was last told something.
    pub told_ms: Option<i64>,
    /// Attempts in a row that failed.
    pub failures: i64,
    pub last_error: Option<String>,
    /// When the next attempt is made, where it has to wait.
    pub wait_ms: i64,
    pub given_up: i64,
}

/// How one row of the outbox stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    pub sink: String,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    pub last_error: Option<String>,
}

/// How an attempt that failed is gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// After a pause, at least so many milliseconds where the sink asked for them.
    Later(Option<i64>),
    /// It was refused: the same message would be again.
    Never,
}

impl Mission {
    /// Says who is told of what from now on. What waits for a sink that is no more is closed.
    pub fn subscribe(&self, to: &[Subscription], now_ms: i64) -> Result<(), MissionError> {
        let mut wanted = to.to_vec();
        wanted.sort_by(|a, b| a.sink.cmp(&b.sink));
        // Every start asks: one that changes nothing costs no commit.
        if self.read(subscriptions)? == wanted {
            return Ok(());
        }
        self.write(move |c| {
            let names: Vec<&str> = wanted.iter().map(|s| s.sink.as_str()).collect();
            let names = json(&names)?;
            c.execute(
                "UPDATE outbox SET state = 'delivered', delivered_ms = ?1, last_error = 'its sink is no longer in the settings'
                 WHERE state = 'pending' AND sink GLOB ?2 AND substr(sink, ?3) NOT IN (SELECT value FROM json_each(?4))",
                params![now_ms, format!("{PREFIX}*"), PREFIX.len() as i64 + 1, names],
            )?;
            c.execute(
                "DELETE FROM notify_sink WHERE name NOT IN (SELECT value FROM json_each(?))",
                [&names],
            )?;
            for one in &wanted {
                c.execute(
                    "INSERT INTO notify_sink (name, kinds) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET kinds = ?2",
                    params![one.sink, json(&one.kinds)?],
                )?;
            }
            Ok(())
        })
    }

    /// Queues a test for each of these sinks. Answers with the rows.
    pub fn test_notices(
        &self,
        sinks: Vec<String>,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<Vec<i64>, MissionError> {
        let By { actor, request } = by.into();
        self.write(move |c| {
            once(c, request.as_ref(), now_ms, || {
                let stamp = Stamp {
                    actor: actor.clone(),
                    run: None,
                    now_ms,
                };
                happened(c, None, "notify_test", &sinks.join(", "), &stamp)?;
                let end = crate::audit::end(c)?;
                let notice = Notice {
                    id: id_of(&end),
                    kind: None,
                    task: None,
                    goal: None,
                    title: "A test".into(),
                    detail: format!("{actor} asked for it"),
                    at_ms: now_ms,
                };
                let mut rows = Vec::new();
                for sink in &sinks {
                    c.execute("UPDATE notify_sink SET wait_ms = 0 WHERE name = ?", [sink])?;
                    queue(c, sink, &notice, None)?;
                    rows.push(c.last_insert_rowid());
                }
                Ok(rows)
            })
        })
    }

    /// A sink has the message.
    pub fn told(&self, sink: &str, message: &Message, now_ms: i64) -> Result<(), MissionError> {
        let (sink, rows) = (sink.to_owned(), json(&message.rows)?);
        self.write(move |c| {
            c.execute(
                "UPDATE outbox SET state = 'delivered', delivered_ms = ?1, last_error = NULL
                 WHERE state = 'pending' AND id IN (SELECT value FROM json_each(?2))",
                params![now_ms, rows],
            )?;
            c.execute(
                "UPDATE notify_sink SET failures = 0, last_error = NULL, wait_ms = 0, told_ms = ?1 WHERE name = ?2",
                params![now_ms, sink],
            )?;
            Ok(())
        })
    }

    /// There is nobody to be shown the message: it is closed with the reason, and is no failure.
    pub fn not_shown(&self, message: &Message, why: &str, now_ms: i64) -> Result<(), MissionError> {
        let (rows, why) = (json(&message.rows)?, why.to_owned());
        self.write(move |c| {
            c.execute(
                "UPDATE outbox SET state = 'delivered', delivered_ms = ?1, last_error = ?3
                 WHERE state = 'pending' AND id IN (SELECT value FROM json_each(?2))",
                params![now_ms, rows, why],
            )?;
            Ok(())
        })
    }

    /// A sink did not take the message. The sink as a whole pauses, twice as long at each failure in a row up to ten minutes; the
    /// message is given up when it is refused, or a day old.
    pub fn untold(
        &self,
        sink: &str,
        message: &Message,
        error: &str,
        again: Again,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (sink, rows, error) = (sink.to_owned(), json(&message.rows)?, error.to_owned());
        self.write(move |c| {
            let failures: i64 = c
                .query_row("SELECT failures FROM notify_sink WHERE name = ?", [&sink], |r| r.get(0))
                .optional()?
                .unwrap_or(0);
            let pause = (1_000_i64 << failures.clamp(0, 20)).min(PAUSE_MS_MAX);
            let pause = match again {
                Again::Later(asked) => pause.max(asked.unwrap_or(0).min(ASKED_MS_MAX)),
                // What is wrong is the message or the place, not the moment: others need not wait for it.
                Again::Never => 0,
            };
            c.execute(
                "UPDATE notify_sink SET failures = failures + 1, last_error = ?1, wait_ms = ?2 WHERE name = ?3",
                params![error, now_ms + pause, sink],
            )?;
            c.execute(
                "UPDATE outbox SET attempts = attempts + 1, next_ms = ?1, last_error = ?2,
                    state = CASE WHEN ?3 OR (at_ms <= ?4 AND attempts + 1 >= ?5) THEN 'dead' ELSE state END
                 WHERE state = 'pending' AND id IN (SELECT value FROM json_each(?6))",
                params![
                    now_ms + pause,
                    format!("{sink}: {error}"),
                    again == Again::Never,
                    now_ms - NOTICE_AGE_MS_MAX,
                    NOTICE_ATTEMPTS_MIN,
                    rows,
                ],
            )?;
            Ok(())
        })
    }
}

impl Reader {
    /// The sinks that something is due for.
    pub fn sinks_due(&self, now_ms: i64) -> Result<Vec<String>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT name FROM notify_sink s WHERE wait_ms <= ?1 AND EXISTS
                    (SELECT 1 FROM outbox WHERE state = 'pending' AND next_ms <= ?1 AND sink = ?2 || s.name) ORDER BY name",
            )?;
            let rows = statement.query_map(params![now_ms, PREFIX], |r| r.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What a sink is to be told now, at most `most` messages: first those that were tried least, so that one which always fails
    /// holds up no other.
    pub fn messages_due(
        &self,
        sink: &str,
        most: u32,
        now_ms: i64,
    ) -> Result<Vec<Message>, MissionError> {
        self.read(|c| {
            let column = format!("{PREFIX}{sink}");
            let mut heads = c.prepare_cached(
                "SELECT batch, min(id) FROM outbox WHERE state = 'pending' AND next_ms <= ?1 AND sink = ?2
                    AND (SELECT wait_ms FROM notify_sink WHERE name = ?4) <= ?1
                 GROUP BY ifnull(batch, id) ORDER BY min(attempts), min(id) LIMIT ?3",
            )?;
            let heads = heads
                .query_map(params![now_ms, column, most, sink], |r| {
                    Ok((r.get::<_, Option<String>>(0)?, r.get::<_, i64>(1)?))
                })?
                .collect::<Result<Vec<_>, _>>()?;
            let mut messages = Vec::with_capacity(heads.len());
            for (batch, head) in heads {
                messages.push(message(c, &column, batch.as_deref(), head)?);
            }
            Ok(messages)
        })
    }

    /// All sinks with what waits for them and why.
    pub fn sinks(&self) -> Result<Vec<SinkRow>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT name, kinds, failures, last_error, wait_ms, told_ms,
                    (SELECT count(*) FROM outbox WHERE sink = ?1 || name AND state = 'pending'),
                    (SELECT min(at_ms) FROM outbox WHERE sink = ?1 || name AND state = 'pending'),
                    (SELECT count(*) FROM outbox WHERE sink = ?1 || name AND state = 'dead')
                 FROM notify_sink ORDER BY name",
            )?;
            let rows = statement.query_map([PREFIX], |r| {
                let row = SinkRow {
                    sink: r.get(0)?,
                    kinds: BTreeSet::new(),
                    failures: r.get(2)?,
                    last_error: r.get(3)?,
                    wait_ms: r.get(4)?,
                    told_ms: r.get(5)?,
                    pending: r.get(6)?,
                    oldest_ms: r.get(7)?,
                    given_up: r.get(8)?,
                };
                Ok((row, r.get::<_, String>(1)?))
            })?;
            rows.map(|row| {
                let (row, kinds) = row?;
                let kinds = parse(&kinds)?;
                Ok(SinkRow { kinds, ..row })
            })
            .collect()
        })
    }

    /// How these rows stand.
    pub fn sendings(&self, rows: &[i64]) -> Result<Vec<Sending>, MissionError> {
        let rows = json(&rows)?;
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT substr(sink, ?1), state, last_error FROM outbox WHERE id IN (SELECT value FROM json_each(?2)) ORDER BY id",
            )?;
            let found = statement.query_map(params![PREFIX.len() as i64 + 1, rows], |r| {
                Ok(Sending {
                    sink: r.get(0)?,
                    state: r.get(1)?,
                    last_error: r.get(2)?,
                })
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }
}

fn message(
    c: &Connection,
    column: &str,
    batch: Option<&str>,
    head: i64,
) -> Result<Message, MissionError> {
    let mut statement = c.prepare_cached(
        "SELECT id, attempts, payload FROM outbox WHERE sink = ?1 AND state = 'pending' AND (id = ?2 OR batch = ?3) ORDER BY id",
    )?;
    let rows = statement
        .query_map(params![column, head, batch], |r| {
            Ok((
                r.get::<_, i64>(0)?,
                r.get::<_, i64>(1)?,
                r.get::<_, String>(2)?,
            ))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let notices = rows
        .iter()
        .map(|(_, _, payload)| parse::<Notice>(payload))
        .collect::<Result<Vec<_>, _>>()?;
    let first = notices.first().map(|notice| notice.id.clone());
    Ok(Message {
        id: batch.map(str::to_owned).or(first).unwrap_or_default(),
        attempts: rows
            .iter()
            .map(|(_, attempts, _)| *attempts)
            .max()
            .unwrap_or(0),
        rows: rows.into_iter().map(|(id, _, _)| id).collect(),
        notices,
    })
}

/// Called for every row of the log, in its transaction: tells whoever wants to know of it.
pub(crate) fn look(
    c: &Connection,
    at: &LogMark,
    task: Option<TaskId>,
    event: &str,
    to: Option<State>,
    detail: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let wanted = subscriptions(c)?;
    if wanted.is_empty() {
        return Ok(());
    }
    let task = task.map(|id| one(c, id)).transpose()?;
    let by_approval = match task.as_ref().and_then(|task| task.project) {
        Some(id) => project::one(c, id)?.settings.delivery == Delivery::Approve,
        None => false,
    };
    let kind = kind_of(&Happened {
        event,
        to,
        task: task.as_ref(),
        by_approval,
    });
    let Some(kind) = kind else { return Ok(()) };
    let detail = match task.as_ref().and_then(|task| task.waiting.as_ref()) {
        Some(waiting) if event == "created" => &waiting.detail,
        Some(_) | None => detail,
    };
    let notice = Notice {
        id: id_of(at),
        kind: Some(kind),
        task: task.as_ref().map(|task| task.id),
        goal: task.as_ref().and_then(|task| task.goal),
        title: task
            .as_ref()
            .map_or_else(String::new, |task| plain(&task.title, TITLE_CHARS_MAX)),
        detail: plain(detail, DETAIL_CHARS_MAX),
        at_ms: stamp.now_ms,
    };
    // A task of its own is its own goal.
    let goal = notice.goal.or(notice.task);
    for one in wanted.iter().filter(|one| one.kinds.contains(&kind)) {
        queue(c, &one.sink, &notice, goal)?;
    }
    Ok(())
}

/// Queues one notification for one sink. Beyond [`AT_ONCE_MAX`] messages about one goal within [`WINDOW_MS`], what comes is put
/// into one message that is sent when the window is over.
fn queue(
    c: &Connection,
    sink: &str,
    notice: &Notice,
    goal: Option<TaskId>,
) -> Result<(), MissionError> {
    let (column, now_ms) = (format!("{PREFIX}{sink}"), notice.at_ms);
    let goal = goal.map(|goal| goal.0);
    let open: Option<(String, i64)> = c
        .prepare_cached(
            "SELECT batch, close_ms FROM outbox WHERE sink = ?1 AND goal = ?2 AND state = 'pending' AND attempts = 0 AND close_ms > ?3
             LIMIT 1",
        )?
        .query_row(params![column, goal, now_ms], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    let lately: i64 = c
        .prepare_cached(
            "SELECT count(DISTINCT ifnull(batch, id)) FROM outbox WHERE sink = ?1 AND goal = ?2 AND at_ms > ?3",
        )?
        .query_row(params![column, goal, now_ms - WINDOW_MS], |r| r.get(0))?;
    let (batch, close_ms) = match open {
        Some((batch, close_ms)) => (Some(batch), Some(close_ms)),
        None if lately >= AT_ONCE_MAX => (Some(notice.id.clone()), Some(now_ms + WINDOW_MS)),
        None => (None, None),
    };
    c.prepare_cached(
        "INSERT OR IGNORE INTO outbox (effect_key, sink, payload, state, next_ms, at_ms, goal, batch, close_ms)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        format!("{column}-{}", notice.id),
        column,
        json(notice)?,
        close_ms.unwrap_or(now_ms),
        now_ms,
        goal,
        batch,
        close_ms,
    ])?;
    Ok(())
}

fn id_of(at: &LogMark) -> String {
    let link: String = at.link.chars().take(16).collect();
    format!("evt_{}_{link}", at.seq)
}

fn subscriptions(c: &Connection) -> Result<Vec<Subscription>, MissionError> {
    let mut statement = c.prepare_cached("SELECT name, kinds FROM notify_sink ORDER BY name")?;
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get::<_, String>(1)?)))?;
    rows.map(|row| {
        let (sink, kinds) = row?;
        let kinds = parse(&kinds)?;
        Ok(Subscription { sink, kinds })
    })
    .collect()
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, MissionError> {
    serde_json::to_string(value).map_err(unread)
}

fn parse<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, MissionError> {
    serde_json::from_str(text).map_err(unread)
}

fn unread(e: serde_json::Error) -> MissionError {
    MissionError::Row {
        table: "outbox",
        why: e.to_string(),
    }
}
