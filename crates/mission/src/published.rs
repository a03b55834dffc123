//! The tables `published` and `remark`: where merged work stands on a remote, and what came back of it. Nothing here reaches the outside:
//! rows of the outbox ask for it, and its answers are written here.

use std::collections::BTreeSet;

use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::task::{NewTask, State, TaskKind, WaitReason, Waiting};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::merge::{self, MergeRow};
use crate::outbox::{self, OutboxRow};
use crate::reader::Reader;
use crate::task::{insert, one, set_state, word};
use crate::writer::Mission;

/// The sinks that go to a remote.
pub const PUSH: &str = "push";
pub const PULL: &str = "pull";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub task: TaskId,
    pub project: ProjectId,
    pub way: Way,
    pub remote: String,
    pub branch: String,
    pub target: String,
    /// The commit that is to be there.
    pub head: String,
    /// The commit that was pushed last.
    pub pushed: Option<String>,
    pub state: PublishedState,
    /// The pull request's number and address.
    pub pull: Option<(u64, String)>,
    /// Attempts that failed since one did not.
    pub failures: u32,
    pub error: Option<String>,
    /// Looks since there was something new.
    pub quiet: u32,
    /// Milliseconds since the Unix epoch.
    pub next_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Branch,
    PullRequest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedState {
    /// On its way, also to its pull request.
    Pushing,
    /// The branch is there, and nothing more was asked for.
    Pushed,
    /// A pull request is open.
    Open,
    Merged,
    /// The pull request was closed, and not merged.
    Closed,
    /// The work was cancelled before it was pushed.
    Withdrawn,
}

/// What is to be pushed, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPublished {
    pub task: TaskId,
    pub project: ProjectId,
    pub way: Way,
    pub remote: String,
    pub branch: String,
    pub target: String,
    pub head: String,
}

/// Something that came back, and the work that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRemark {
    pub key: String,
    pub author: String,
    pub text: String,
    pub follow_up: Option<NewTask>,
}

impl Mission {
    /// A delivery goes to a remote: its row ends, and the push is asked for. A branch keeps the name that it has there. False when the row
    /// is not queued any more.
    pub fn publish(
        &self,
        row: &MergeRow,
        new: NewPublished,
        now_ms: i64,
    ) -> Result<bool, MissionError> {
        let id = row.id;
        self.write(move |c| {
            let stamp = by_factory(now_ms);
            let said = format!("is pushed to {}", new.remote);
            if !merge::end(c, id, true, &said, now_ms)? {
                return Ok(false);
            }
            let way = match new.way {
                Way::Branch => "branch",
                Way::PullRequest => "pull_request",
            };
            // What was merged or closed is over; elsewhere it is another one.
            c.execute(
                "INSERT INTO published (task, project, way, remote, branch, target, head, merge, state, at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pushing', ?9)
                 ON CONFLICT (task) DO UPDATE SET way = ?3, remote = ?4, target = ?6, head = ?7, merge = ?8, state = 'pushing',
                    failures = 0, error = NULL, quiet = 0,
                    number = CASE WHEN state IN ('merged', 'closed', 'withdrawn') OR remote <> ?4 OR target <> ?6 THEN NULL ELSE number END,
                    url = CASE WHEN state IN ('merged', 'closed', 'withdrawn') OR remote <> ?4 OR target <> ?6 THEN NULL ELSE url END",
                params![new.task.0, new.project.0, way, new.remote, new.branch, new.target, new.head, id, now_ms],
            )?;
            outbox::ask(c, PUSH, new.task, &new.head, now_ms)?;
            happened(c, Some(new.task), "publishing", &new.head, &stamp)?;
            Ok(true)
        })
    }

    /// The commit is on the remote's branch. A branch was all that was asked for, or a pull request is next: `waiting` is what a person
    /// reads where one is open already.
    pub fn pushed(
        &self,
        row: &OutboxRow,
        of: &Published,
        waiting: Option<Waiting>,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (row, of) = (row.clone(), of.clone());
        self.write(move |c| {
            outbox::told(c, &row, now_ms)?;
            if !is_current(c, &of)? {
                return Ok(());
            }
            let stamp = by_factory(now_ms);
            let state = match (of.way, &of.pull) {
                (Way::Branch, _) => "pushed",
                (Way::PullRequest, None) => "pushing",
                (Way::PullRequest, Some(_)) => "open",
            };
            c.execute(
                "UPDATE published SET pushed = head, state = ?1, failures = 0, error = NULL, quiet = 0, next_ms = ?2 WHERE task = ?3",
                params![state, now_ms, of.task.0],
            )?;
            let said = format!("{} is {} of {}", of.head, of.branch, of.remote);
            settle(c, of.task, &said)?;
            match (of.way, &of.pull) {
                (Way::PullRequest, None) => {
                    happened(c, Some(of.task), "pushed", &said, &stamp)?;
                    outbox::ask(c, PULL, of.task, &of.head, now_ms)
                }
                (Way::PullRequest, Some((number, url))) => {
                    happened(c, Some(of.task), "pushed", &said, &stamp)?;
                    let said = format!("pull request {number} has {}: {url}", of.head);
                    proposed(c, of.task, waiting.as_ref(), &said, &stamp)
                }
                (Way::Branch, _) => {
                    close(c, of.task, None, &said, &stamp)?;
                    outbox::page_changed(c, of.task, &stamp)
                }
            }
        })
    }

    /// A pull request is open for what was pushed; a person or a rule of the remote merges it.
    pub fn proposed(
        &self,
        row: &OutboxRow,
        of: &Published,
        pull: (u64, String),
        waiting: Waiting,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (row, of) = (row.clone(), of.clone());
        self.write(move |c| {
            outbox::told(c, &row, now_ms)?;
            if !is_current(c, &of)? {
                return Ok(());
            }
            let (number, url) = pull;
            c.execute(
                "UPDATE published SET state = 'open', number = ?1, url = ?2, failures = 0, error = NULL, quiet = 0, next_ms = ?3
                 WHERE task = ?4",
                params![i64::try_from(number).unwrap_or(i64::MAX), url, now_ms, of.task.0],
            )?;
            let said = format!("pull request {number}: {url}");
            settle(c, of.task, &said)?;
            proposed(c, of.task, Some(&waiting), &said, &by_factory(now_ms))
        })
    }

    /// The remote did not take it: again later, and until then it is a person's to know. Said again only where the reason is another.
    pub fn not_published(
        &self,
        row: &OutboxRow,
        of: &Published,
        why: &str,
        waiting: Waiting,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (row, of, why) = (row.clone(), of.clone(), why.to_owned());
        self.write(move |c| {
            outbox::not_told(c, &row, &why, now_ms)?;
            if !is_current(c, &of)? {
                return Ok(());
            }
            c.execute(
                "UPDATE published SET failures = failures + 1, error = ?1 WHERE task = ?2",
                params![why, of.task.0],
            )?;
            if of.error.as_deref() == Some(why.as_str()) {
                return Ok(());
            }
            c.execute(
                "UPDATE merge SET state = 'refused', outcome = ?1, ended_ms = ?2
                 WHERE id = (SELECT merge FROM published WHERE task = ?3) AND state <> 'queued'",
                params![why, now_ms, of.task.0],
            )?;
            let stamp = by_factory(now_ms);
            close(c, of.task, Some(&waiting), &why, &stamp)?;
            outbox::page_changed(c, of.task, &stamp)
        })
    }

    /// Nothing of it is to be pushed any more, or it was pushed meanwhile.
    pub fn not_needed(&self, row: &OutboxRow, now_ms: i64) -> Result<(), MissionError> {
        let row = row.clone();
        self.write(move |c| {
            outbox::told(c, &row, now_ms)?;
            let cancelled =
                "UPDATE published SET state = 'withdrawn' WHERE task = ?1 AND state = 'pushing'
                AND EXISTS (SELECT 1 FROM task WHERE id = ?1 AND state = 'cancelled')";
            let task: Option<i64> = row.payload.parse().ok();
            c.execute(cancelled, [task])?;
            Ok(())
        })
    }

    /// A look at a pull request brought these, each once. Work that they make takes a goal up again, which is proposed anew when that is
    /// merged. `unread` says what could not be read. Answers with the tasks that were made.
    pub fn remarked(
        &self,
        of: &Published,
        remarks: Vec<NewRemark>,
        unread: Option<&str>,
        next_ms: i64,
        now_ms: i64,
    ) -> Result<Vec<TaskId>, MissionError> {
        let (of, unread) = (of.clone(), unread.map(str::to_owned));
        self.write(move |c| {
            let stamp = by_factory(now_ms);
            let mut made = Vec::new();
            let mut new = false;
            for remark in &remarks {
                let noted = c.execute(
                    "INSERT OR IGNORE INTO remark (task, key, author, text, at_ms) VALUES (?, ?, ?, ?, ?)",
                    params![of.task.0, remark.key, remark.author, remark.text, now_ms],
                )?;
                if noted == 0 {
                    continue;
                }
                new = true;
                let mut said = remark.text.clone();
                if let Some(task) = &remark.follow_up {
                    let task = follow_up(c, task, &stamp)?;
                    c.execute(
                        "UPDATE remark SET made = ? WHERE task = ? AND key = ?",
                        params![task.0, of.task.0, remark.key],
                    )?;
                    said = format!("{said}\n{task} is made of it");
                    made.push(task);
                }
                happened(c, Some(of.task), "remark", &said, &stamp)?;
            }
            let quiet = if new { 0 } else { of.quiet.saturating_add(1) };
            c.execute(
                "UPDATE published SET quiet = ?, failures = 0, error = ?, next_ms = ? WHERE task = ?",
                params![quiet, unread, next_ms, of.task.0],
            )?;
            if !made.is_empty() {
                take_up(c, of.task, &made, &stamp)?;
            }
            if new {
                outbox::page_changed(c, of.task, &stamp)?;
            }
            Ok(made)
        })
    }

    /// A pull request could not be looked at.
    pub fn not_looked(&self, of: &Published, why: &str, next_ms: i64) -> Result<(), MissionError> {
        let (task, why) = (of.task, why.to_owned());
        self.write(move |c| {
            c.execute(
                "UPDATE published SET failures = failures + 1, error = ?, next_ms = ? WHERE task = ? AND state = 'open'",
                params![why, next_ms, task.0],
            )?;
            Ok(())
        })
    }

    /// A pull request was merged before what was pushed last came to it: it is over, and that is pushed and proposed as another one.
    pub fn pull_missed(&self, of: &Published, now_ms: i64) -> Result<(), MissionError> {
        let of = of.clone();
        self.write(move |c| {
            if !is_current(c, &of)? {
                return Ok(());
            }
            c.execute(
                "UPDATE published SET state = 'pushing', number = NULL, url = NULL, failures = 0, error = NULL, quiet = 0 WHERE task = ?",
                [of.task.0],
            )?;
            // Also pushed: a branch is often deleted when it is merged.
            outbox::ask(c, PUSH, of.task, &of.head, now_ms)?;
            let stamp = by_factory(now_ms);
            let (number, url) = of.pull.clone().unwrap_or_default();
            let said = format!("pull request {number} was merged without {}: {url}", of.head);
            happened(c, Some(of.task), "publishing", &said, &stamp)?;
            outbox::page_changed(c, of.task, &stamp)
        })
    }

    /// A pull request is over: merged, which ends the goal, or closed, which is a person's to judge.
    pub fn pull_over(
        &self,
        of: &Published,
        closed: Option<Waiting>,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let of = of.clone();
        self.write(move |c| {
            if !is_current(c, &of)? {
                return Ok(());
            }
            let (state, words) = match closed {
                None => ("merged", "is merged"),
                Some(_) => ("closed", "was closed without a merge"),
            };
            c.execute(
                "UPDATE published SET state = ?, failures = 0, error = NULL WHERE task = ?",
                params![state, of.task.0],
            )?;
            let stamp = by_factory(now_ms);
            let (number, url) = of.pull.clone().unwrap_or_default();
            let said = format!("pull request {number} {words}: {url}");
            if closed.is_some() {
                c.execute(
                    "UPDATE merge SET state = 'refused', outcome = ?1, ended_ms = ?2
                     WHERE id = (SELECT merge FROM published WHERE task = ?3) AND state <> 'queued'",
                    params![said, now_ms, of.task.0],
                )?;
            }
            close(c, of.task, closed.as_ref(), &said, &stamp)?;
            outbox::page_changed(c, of.task, &stamp)
        })
    }
}

fn by_factory(now_ms: i64) -> Stamp {
    Stamp {
        actor: "factory".into(),
        run: None,
        now_ms,
    }
}

/// Whether this is still what is asked for: a newer one may have come meanwhile.
fn is_current(c: &Connection, of: &Published) -> Result<bool, MissionError> {
    let now = published(c, "task = ?1", &of.task.0)?.pop();
    Ok(now.is_some_and(|now| now.head == of.head && now.state == of.state))
}

/// The `deliver` row says where it went.
fn settle(c: &Connection, task: TaskId, said: &str) -> Result<(), MissionError> {
    c.execute(
        "UPDATE merge SET state = 'merged', outcome = ?1
         WHERE id = (SELECT merge FROM published WHERE task = ?2) AND state <> 'queued'",
        params![said, task.0],
    )?;
    Ok(())
}

/// A pull request that is open is the goal's wait for people.
fn proposed(
    c: &Connection,
    task: TaskId,
    waiting: Option<&Waiting>,
    said: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let task = one(c, task)?;
    match (task.kind, waiting) {
        (TaskKind::Goal, Some(waiting)) => close(c, task.id, Some(waiting), said, stamp)?,
        (_, _) => happened(c, Some(task.id), "proposed", said, stamp)?,
    }
    outbox::page_changed(c, task.id, stamp)
}

/// The goal ends or waits with this, unless work of it goes on: a person sent it back, or something came back of its pull request. Then it
/// is delivered anew when that is settled.
fn close(
    c: &Connection,
    task: TaskId,
    waiting: Option<&Waiting>,
    said: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let found = one(c, task)?;
    let at_work = found.kind == TaskKind::Goal
        && found.state == State::Open
        && !crate::apply::settled(c, task)?;
    match at_work {
        true => happened(c, Some(task), "published", said, stamp),
        false => merge::close_goal(c, &found, waiting, said, stamp),
    }
}

/// The goal's limit holds for what came from outside, too.
fn follow_up(c: &Connection, new: &NewTask, stamp: &Stamp) -> Result<TaskId, MissionError> {
    let mut new = new.clone();
    crate::apply::within_goal(c, &mut new, stamp)?;
    insert(c, &new, stamp)
}

fn take_up(
    c: &Connection,
    task: TaskId,
    made: &[TaskId],
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let found = one(c, task)?;
    let approval = { found.waiting.as_ref() }.is_some_and(|w| w.reason == WaitReason::Approval);
    if found.kind == TaskKind::Goal && approval {
        let made: Vec<String> = made.iter().map(ToString::to_string).collect();
        let said = format!(
            "what came back of its pull request is mended by {}",
            made.join(", ")
        );
        set_state(c, task, Event::Reject, None, &said, stamp)?;
    }
    Ok(())
}

impl Reader {
    /// Where a goal's or a task's work stands on a remote.
    pub fn published(&self, task: TaskId) -> Result<Option<Published>, MissionError> {
        self.read(|c| Ok(published(c, "task = ?1", &task.0)?.pop()))
    }

    /// The open pull requests of a project.
    pub fn pulls_open(&self, project: ProjectId) -> Result<Vec<Published>, MissionError> {
        self.read(|c| {
            published(
                c,
                "state = 'open' AND project = ?1 ORDER BY task",
                &project.0,
            )
        })
    }

    /// The projects whose pull requests are to be looked at.
    pub fn pulls_due(&self, now_ms: i64) -> Result<Vec<ProjectId>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT DISTINCT project FROM published WHERE state = 'open' AND next_ms <= ?",
            )?;
            let rows = statement.query_map([now_ms], |r| r.get(0).map(ProjectId))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What came back of it before: the keys.
    pub fn remarks(&self, task: TaskId) -> Result<BTreeSet<String>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT key FROM remark WHERE task = ?")?;
            let rows = statement.query_map([task.0], |r| r.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// How many tasks were made of what came back, of keys that begin so.
    pub fn follow_ups(&self, task: TaskId, begins: &str) -> Result<usize, MissionError> {
        self.read(|c| {
            let count: i64 = c.query_row(
                "SELECT count(*) FROM remark WHERE task = ?1 AND made IS NOT NULL AND substr(key, 1, length(?2)) = ?2",
                params![task.0, begins],
                |r| r.get(0),
            )?;
            Ok(usize::try_from(count).unwrap_or(usize::MAX))
        })
    }

    /// The work whose branch a line of work goes to: its own, or that whose pull request it came back of.
    pub fn published_for(&self, lineage: TaskId) -> Result<TaskId, MissionError> {
        self.read(|c| {
            let of = c
                .prepare_cached("SELECT task FROM remark WHERE made = ?")?
                .query_row([lineage.0], |r| r.get(0).map(TaskId))
                .optional()?;
            Ok(of.unwrap_or(lineage))
        })
    }
}

fn published(
    c: &Connection,
    rest: &str,
    value: &dyn rusqlite::ToSql,
) -> Result<Vec<Published>, MissionError> {
    let sql = format!(
        "SELECT task, project, way, remote, branch, target, head, pushed, state, number, url, failures, error, quiet, next_ms
         FROM published WHERE {rest}"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([value], |r| {
        let number: Option<i64> = r.get(9)?;
        let url: Option<String> = r.get(10)?;
        let row = Published {
            task: TaskId(r.get(0)?),
            project: ProjectId(r.get(1)?),
            way: Way::Branch,
            remote: r.get(3)?,
            branch: r.get(4)?,
            target: r.get(5)?,
            head: r.get(6)?,
            pushed: r.get(7)?,
            state: PublishedState::Pushing,
            pull: number.and_then(|n| u64::try_from(n).ok()).zip(url),
            failures: r.get(11)?,
            error: r.get(12)?,
            quiet: r.get(13)?,
            next_ms: r.get(14)?,
        };
        Ok((row, r.get::<_, String>(2)?, r.get::<_, String>(8)?))
    })?;
    rows.map(|triple| {
        let (mut row, way, state) = triple?;
        row.way = word("published", &way, |w| match w {
            "branch" => Some(Way::Branch),
            "pull_request" => Some(Way::PullRequest),
            _ => None,
        })?;
        row.state = word("published", &state, |w| match w {
            "pushing" => Some(PublishedState::Pushing),
            "pushed" => Some(PublishedState::Pushed),
            "open" => Some(PublishedState::Open),
            "merged" => Some(PublishedState::Merged),
            "closed" => Some(PublishedState::Closed),
            "withdrawn" => Some(PublishedState::Withdrawn),
            _ => None,
        })?;
        Ok(row)
    })
    .collect()
}
