//! The sums that a decision reads, the caps that a person has raised, what was refused, and the marks of a day's bill.

use alai_core::ids::{RunId, TaskId};
use alai_core::money::{Ask, Books, Caps, Cost, Day, Mark, Rule, Sum, dollars};
use alai_core::pipeline::Effect;
use alai_core::task::Waiting;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{ask_of, decide, signed};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{By as Asker, once};
use crate::reader::Reader;
use crate::run::{RunRow, RunState, end_live, query};
use crate::task::one;
use crate::writer::Mission;
use crate::{apply, outbox};

/// What a cap holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", content = "key", rename_all = "snake_case")]
pub enum Scope {
    Task(TaskId),
    /// The first task of a line of work.
    Lineage(TaskId),
    Goal(TaskId),
    Day(Day),
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Task(_) => "task",
            Scope::Lineage(_) => "lineage",
            Scope::Goal(_) => "goal",
            Scope::Day(_) => "day",
        }
    }

    fn key(self) -> i64 {
        match self {
            Scope::Task(task) | Scope::Lineage(task) | Scope::Goal(task) => task.0,
            Scope::Day(day) => day.0,
        }
    }
}

/// A cap that a person has set for one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapRow {
    pub scope: String,
    pub key: i64,
    pub microusd: u64,
    pub actor: String,
    pub at_ms: i64,
}

impl Mission {
    /// A person sets the cap of one thing, above or below what the settings say.
    ///
    /// # Errors
    /// [`MissionError::NotFound`] for a task that is not there.
    pub fn set_cap(
        &self,
        scope: Scope,
        microusd: u64,
        by: impl Into<Asker>,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let by = by.into();
        self.write(move |c| {
            once(c, by.request.as_ref(), now_ms, || {
                let task = match scope {
                    Scope::Task(task) | Scope::Lineage(task) | Scope::Goal(task) => {
                        Some(one(c, task)?.id)
                    }
                    Scope::Day(_) => None,
                };
                c.prepare_cached(
                    "INSERT INTO cap (scope, key, microusd, actor, at_ms) VALUES (?1,?2,?3,?4,?5)
                     ON CONFLICT (scope, key) DO UPDATE SET microusd = ?3, actor = ?4, at_ms = ?5",
                )?
                .execute(params![
                    scope.as_str(),
                    scope.key(),
                    signed(microusd),
                    by.actor,
                    now_ms
                ])?;
                let of = match scope {
                    Scope::Day(day) => format!("the day {day}"),
                    Scope::Task(task) | Scope::Lineage(task) | Scope::Goal(task) => {
                        format!("{} {task}", scope.as_str())
                    }
                };
                let stamp = Stamp {
                    actor: by.actor.clone(),
                    run: None,
                    now_ms,
                };
                let detail = format!("the cap of {of} is {}", dollars(microusd));
                happened(c, task, "cap", &detail, &stamp)
            })
        })
    }

    /// Writes down that a day's bill has passed a mark. True the first time.
    pub fn pass_mark(
        &self,
        day: Day,
        mark: Mark,
        text: &str,
        now_ms: i64,
    ) -> Result<bool, MissionError> {
        let text = text.to_owned();
        self.write(move |c| {
            let new = c
                .prepare_cached("INSERT OR IGNORE INTO mark (day, kind, at_ms) VALUES (?,?,?)")?
                .execute(params![day.0, mark.as_str(), now_ms])?;
            if new > 0 {
                let stamp = Stamp {
                    actor: "factory".into(),
                    run: None,
                    now_ms,
                };
                happened(c, None, &format!("spend_{}", mark.as_str()), &text, &stamp)?;
            }
            Ok(new > 0)
        })
    }

    /// Ends a live run because of what is spent; its task waits as `waiting` says and is taken up when a call may be begun again.
    /// False when the run has ended by itself.
    pub fn end_for_money(
        &self,
        run: &RunId,
        rule: Rule,
        waiting: Waiting,
        now_ms: i64,
    ) -> Result<bool, MissionError> {
        let run = run.clone();
        self.write(move |c| {
            let live = query(c, "id = ?", &run.0)?;
            let Some(row) = live.into_iter().find(|r| r.state == RunState::Live) else {
                return Ok(false);
            };
            let stamp = Stamp {
                actor: "factory".into(),
                run: Some(run.clone()),
                now_ms,
            };
            let task = one(c, row.task)?;
            let why = format!("cost_limit: {}", waiting.detail);
            end_live(c, row.task, RunState::Cancelled, &why, now_ms)?;
            let model = row.model.unwrap_or_default();
            note_refusal(
                c,
                &ask_of(c, &task, &model, Cost::AtMost(1), now_ms)?,
                rule,
                now_ms,
            )?;
            let ask = Effect::Ask {
                waiting: waiting.clone(),
                counters: task.counters,
                findings: Vec::new(),
            };
            apply::lose(c, row.task, &[ask], &why, &stamp)?;
            outbox::page_changed(c, task.id, &stamp)?;
            Ok(true)
        })
    }
}

impl Reader {
    /// What is booked under one cap.
    pub fn sum_of(&self, scope: Scope) -> Result<Sum, MissionError> {
        self.read(|c| sum(c, scope))
    }

    /// The caps in force on a day.
    pub fn caps_of(&self, caps: &Caps, day: Day) -> Result<Caps, MissionError> {
        self.read(|c| {
            let own = cap(c, Scope::Day(day))?;
            Ok(own.map_or(*caps, |microusd| caps.with_day(microusd)))
        })
    }

    /// What people have set, newest first.
    pub fn caps_set(&self) -> Result<Vec<CapRow>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT scope, key, microusd, actor, at_ms FROM cap ORDER BY at_ms DESC, scope, key",
            )?;
            let rows = statement.query_map([], |r| {
                Ok(CapRow {
                    scope: r.get(0)?,
                    key: r.get(1)?,
                    microusd: r.get::<_, i64>(2)?.unsigned_abs(),
                    actor: r.get(3)?,
                    at_ms: r.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Whether the call that this task was refused could be begun now. `cost` is asked only where its price was not known.
    pub fn affordable(
        &self,
        task: TaskId,
        caps: &Caps,
        cost: impl FnOnce() -> Cost,
        now_ms: i64,
    ) -> Result<bool, MissionError> {
        self.read(|c| {
            let refused = c
                .prepare_cached("SELECT model, worst_microusd FROM refused WHERE task = ?")?
                .query_row([task.0], |r| {
                    Ok((r.get::<_, String>(0)?, r.get::<_, Option<i64>>(1)?))
                })
                .optional()?;
            let Some((model, worst)) = refused else {
                return Ok(true);
            };
            let cost = worst.map_or_else(cost, |worst| Cost::AtMost(worst.unsigned_abs()));
            let ask = ask_of(c, &one(c, task)?, &model, cost, now_ms)?;
            Ok(decide(c, caps, &ask)?.is_ok())
        })
    }

    /// Whether a first call of a task on this model could be begun now, by all of its caps. What has no price could not.
    pub fn could_pay(
        &self,
        task: TaskId,
        model: &str,
        cost: Cost,
        caps: &Caps,
        now_ms: i64,
    ) -> Result<bool, MissionError> {
        self.read(|c| {
            let ask = ask_of(c, &one(c, task)?, model, cost, now_ms)?;
            Ok(decide(c, caps, &ask)?.is_ok())
        })
    }

    /// Live runs of the factory that have spent, or may spend, on a paid model.
    pub fn paid_runs(&self) -> Result<Vec<RunRow>, MissionError> {
        self.read(|c| {
            let paid = "state = 'live' AND holder = 'factory' AND id <> ?
                AND EXISTS (SELECT 1 FROM ledger l WHERE l.run = run.id AND l.reserved_microusd > 0)";
            query(c, paid, &"")
        })
    }
}

/// The books that a call is decided on.
pub(super) fn of(c: &Connection, caps: &Caps, ask: &Ask) -> Result<Books, MissionError> {
    let (task, lineage) = (Scope::Task(ask.task), Scope::Lineage(ask.lineage));
    let (goal, day) = (ask.goal.map(Scope::Goal), Scope::Day(ask.day));
    let mut caps = match ask.verifies {
        true => caps.of_verifier(),
        false => *caps,
    };
    // A person's word about one thing counts before all of them.
    caps.task = cap(c, task)?.or(caps.task);
    caps.lineage = cap(c, lineage)?.or(caps.lineage);
    if let Some(goal) = goal {
        caps.goal = cap(c, goal)?.or(caps.goal);
    }
    if let Some(microusd) = cap(c, day)? {
        caps = caps.with_day(microusd);
    }
    Ok(Books {
        caps,
        task: sum(c, task)?,
        lineage: sum(c, lineage)?,
        goal: match goal {
            Some(goal) => sum(c, goal)?,
            None => Sum::default(),
        },
        day: sum(c, day)?,
    })
}

/// The last call that a task was refused.
pub(super) fn note_refusal(
    c: &Connection,
    ask: &Ask,
    rule: Rule,
    now_ms: i64,
) -> Result<(), MissionError> {
    let worst = match ask.cost {
        Cost::AtMost(worst) => Some(signed(worst)),
        Cost::Nothing | Cost::Unpriced => None,
    };
    c.prepare_cached(
        "INSERT INTO refused (task, rule, model, worst_microusd, at_ms) VALUES (?1,?2,?3,?4,?5)
         ON CONFLICT (task) DO UPDATE SET rule = ?2, model = ?3, worst_microusd = ?4, at_ms = ?5",
    )?
    .execute(params![ask.task.0, rule.as_str(), ask.model, worst, now_ms])?;
    Ok(())
}

fn cap(c: &Connection, scope: Scope) -> Result<Option<u64>, MissionError> {
    let cap = c
        .prepare_cached("SELECT microusd FROM cap WHERE scope = ? AND key = ?")?
        .query_row(params![scope.as_str(), scope.key()], |r| r.get::<_, i64>(0))
        .optional()?;
    Ok(cap.map(i64::unsigned_abs))
}

fn sum(c: &Connection, scope: Scope) -> Result<Sum, MissionError> {
    let sum = c
        .prepare_cached(
            "SELECT spent, reserved, unknown, list_equivalent FROM purse WHERE scope = ? AND key = ?",
        )?
        .query_row(params![scope.as_str(), scope.key()], |r| {
            let amount = |at| r.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok(Sum {
                spent: amount(0)?,
                reserved: amount(1)?,
                unknown: amount(2)?,
                list_equivalent: amount(3)?,
            })
        })
        .optional()?;
    Ok(sum.unwrap_or_default())
}
