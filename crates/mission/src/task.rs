//! The tables `task` and `need`.

use std::collections::{BTreeMap, BTreeSet};

use alai_core::cage::Sandbox;
use alai_core::company::ModelChoice;
use alai_core::ids::{Epoch, ProjectId, TaskId};
use alai_core::lifecycle::{self, Event};
use alai_core::task::{
    Counters, Need, NewTask, Priority, State, Task, TaskKind, Until, WaitReason, Waiting,
};
use alai_core::transition::{Passage, Transition};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::MissionError;
use crate::event::{Stamp, happened, moved};
use crate::inbox::{By, once};
use crate::overlap::Lines;
use crate::reader::Reader;
use crate::writer::Mission;
use crate::{class, gone, passage, queue};

/// Which tasks to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub tag: Option<String>,
    pub state: Option<State>,
    pub owner: Option<String>,
    pub goal: Option<TaskId>,
    pub project: Option<ProjectId>,
    pub kind: Option<TaskKind>,
    /// At least so urgent.
    pub priority: Option<Priority>,
    /// Only tasks with an alarm.
    pub alarmed: bool,
    /// Also tasks that are done, failed or cancelled.
    pub ended: bool,
    /// Only tasks with a greater number.
    pub after: Option<TaskId>,
    /// At most so many; none for all.
    pub limit: Option<u32>,
}

/// One thing that a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedRow {
    pub needs: TaskId,
    pub until: Until,
    pub satisfied: bool,
    /// The state of the task that is needed.
    pub state: State,
}

impl Mission {
    /// Makes a task. With a key, the same request asked twice makes one task.
    pub fn add(
        &self,
        new: NewTask,
        key: Option<String>,
        actor: &str,
        now_ms: i64,
    ) -> Result<TaskId, MissionError> {
        let stamp = Stamp {
            actor: actor.to_owned(),
            run: None,
            now_ms,
        };
        self.write(move |c| add_once(c, &new, key.as_deref(), &stamp))
    }

    /// A goal and the task that will specify it, in one transaction.
    pub fn add_goal(
        &self,
        goal: NewTask,
        spec: NewTask,
        key: Option<String>,
        actor: &str,
        now_ms: i64,
    ) -> Result<TaskId, MissionError> {
        let stamp = Stamp {
            actor: actor.to_owned(),
            run: None,
            now_ms,
        };
        self.write(move |c| {
            if let Some(existing) = existing(c, &goal, key.as_deref())? {
                return Ok(existing);
            }
            let id = add_once(c, &goal, key.as_deref(), &stamp)?;
            let mut spec = spec;
            spec.goal = Some(id);
            spec.parent = Some(id);
            insert(c, &spec, &stamp)?;
            Ok(id)
        })
    }

    /// Puts an open task on the desk of a person (or of a model to come).
    pub fn ask(
        &self,
        task: TaskId,
        waiting: Waiting,
        actor: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let stamp = Stamp {
            actor: actor.to_owned(),
            run: None,
            now_ms,
        };
        self.write(move |c| {
            let detail = waiting.detail.clone();
            set_state(c, task, Event::Ask, Some(&waiting), &detail, &stamp).map(|_| ())
        })
    }

    /// A remark; becomes part of the history.
    pub fn note(
        &self,
        task: TaskId,
        text: String,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let By { actor, request } = by.into();
        let stamp = Stamp {
            actor,
            run: None,
            now_ms,
        };
        self.write(move |c| {
            once(c, request.as_ref(), now_ms, || {
                one(c, task)?;
                happened(c, Some(task), "note", &text, &stamp)
            })
        })
    }
}

impl Reader {
    pub fn task(&self, id: TaskId) -> Result<Task, MissionError> {
        self.read(|c| one(c, id))
    }

    /// The tasks a filter keeps, oldest first.
    pub fn tasks(&self, filter: &Filter) -> Result<Vec<Task>, MissionError> {
        self.read(|c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM task
                 WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR owner = ?2)
                   AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?3))
                   AND (?4 IS NULL OR goal = ?4 OR id = ?4)
                   AND (?5 OR ?1 IS NOT NULL OR state NOT IN ('done', 'failed', 'cancelled'))
                   AND (?6 IS NULL OR project = ?6) AND (?7 IS NULL OR kind = ?7) AND (?8 IS NULL OR priority >= ?8)
                   AND (NOT ?9 OR alarm_ms IS NOT NULL) AND id > ?10
                 ORDER BY id LIMIT ?11"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map(
                params![
                    filter.state.map(State::as_str),
                    filter.owner,
                    filter.tag,
                    filter.goal.map(|g| g.0),
                    filter.ended,
                    filter.project.map(|p| p.0),
                    filter.kind.map(TaskKind::as_str),
                    filter.priority.map(Priority::rank),
                    filter.alarmed,
                    filter.after.map_or(0, |t| t.0),
                    filter.limit.map_or(-1, i64::from),
                ],
                raw,
            )?;
            rows.map(|r| r.map_err(MissionError::from).and_then(Raw::parse))
                .collect()
        })
    }

    /// The tasks that begin from a commit, or whose work it is, also those that have ended; oldest first.
    pub fn tasks_at(&self, commit: &str) -> Result<Vec<Task>, MissionError> {
        self.read(|c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM task WHERE ?1 IN (start_from, head, handed) ORDER BY id"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map([commit], raw)?;
            rows.map(|r| r.map_err(MissionError::from).and_then(Raw::parse))
                .collect()
        })
    }

    /// The task that a free worker would be given.
    pub fn next_task(&self, now_ms: i64) -> Result<Option<Task>, MissionError> {
        self.read(|c| {
            let mut lines = Lines::default();
            let mut fits = |task: &Task| Ok(lines.held(c, task, now_ms)?.is_none());
            queue::pick(c, now_ms, usize::MAX, &mut fits)
        })
    }

    pub fn needs(&self, task: TaskId) -> Result<Vec<NeedRow>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT n.needs, n.until, n.satisfied, t.state FROM need n JOIN task t ON t.id = n.needs
                 WHERE n.task = ? ORDER BY n.needs",
            )?;
            let rows = statement.query_map([task.0], |r| {
                Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?, r.get::<_, bool>(2)?, r.get::<_, String>(3)?))
            })?;
            rows.map(|row| {
                let (needs, until, satisfied, state) = row?;
                Ok(NeedRow {
                    needs: TaskId(needs),
                    until: word("need", &until, Until::parse)?,
                    satisfied,
                    state: word("task", &state, State::parse)?,
                })
            })
            .collect()
        })
    }
}

/// Open, unblocked, with a project to work on, and due.
pub(crate) const ELIGIBLE: &str = "state = 'open' AND blocked_count = 0 AND project IS NOT NULL AND kind <> 'goal' AND run_at_ms <= ?1";

pub(crate) fn one(c: &Connection, id: TaskId) -> Result<Task, MissionError> {
    let sql = format!("SELECT {COLUMNS} FROM task WHERE id = ?");
    let found = c.prepare_cached(&sql)?.query_row([id.0], raw).optional()?;
    found.map_or(Err(MissionError::NoTask(id)), Raw::parse)
}

fn state_of(c: &Connection, id: TaskId) -> Result<State, MissionError> {
    let found: Option<String> = c
        .prepare_cached("SELECT state FROM task WHERE id = ?")?
        .query_row([id.0], |r| r.get(0))
        .optional()?;
    match found {
        Some(text) => word("task", &text, State::parse),
        None => Err(MissionError::NoTask(id)),
    }
}

fn existing(
    c: &Connection,
    new: &NewTask,
    key: Option<&str>,
) -> Result<Option<TaskId>, MissionError> {
    let Some(key) = key else { return Ok(None) };
    let found = c
        .query_row(
            "SELECT id, idem_hash FROM task WHERE idem_key = ?",
            [key],
            |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Option<String>>(1)?)),
        )
        .optional()?;
    match found {
        None => Ok(None),
        Some((id, hash)) if hash.as_deref() == Some(&request_hash(new)?) => Ok(Some(TaskId(id))),
        Some(_) => Err(MissionError::IdempotencyConflict {
            key: key.to_owned(),
        }),
    }
}

fn add_once(
    c: &Connection,
    new: &NewTask,
    key: Option<&str>,
    stamp: &Stamp,
) -> Result<TaskId, MissionError> {
    if let Some(existing) = existing(c, new, key)? {
        return Ok(existing);
    }
    let id = insert(c, new, stamp)?;
    if let Some(key) = key {
        c.execute(
            "UPDATE task SET idem_key = ?, idem_hash = ? WHERE id = ?",
            params![key, request_hash(new)?, id.0],
        )?;
    }
    Ok(id)
}

fn request_hash(new: &NewTask) -> Result<String, MissionError> {
    let text = json(new)?;
    Ok(hex::encode(Sha256::digest(text.as_bytes())))
}

/// Writes a new task with its needs; those already met count as met.
pub(crate) fn insert(c: &Connection, new: &NewTask, stamp: &Stamp) -> Result<TaskId, MissionError> {
    let state = if new.waiting.is_some() {
        State::Waiting
    } else {
        State::Open
    };
    let mut statement = c.prepare_cached(
        "INSERT INTO task (kind, goal, parent, lineage, title, description, priority, owner, tags, project, acceptance,
            checks, changes_tests, company_pin, state, review_cycles, wait_reason, wait_owner, wait_deadline, wait_action,
            wait_detail, base, start_from, head, solo, findings, created_ms, updated_ms, cleared, blueprint, sandbox, model_pin, class, inputs,
            planning, paths)
         VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    )?;
    statement.execute(params![
        new.kind.as_str(),
        new.goal.map(|t| t.0),
        new.parent.map(|t| t.0),
        new.lineage.map(|t| t.0),
        new.title,
        new.description,
        new.priority.rank(),
        new.owner,
        json(&new.tags)?,
        new.project.map(|p| p.0),
        json(&new.acceptance)?,
        json(&new.checks)?,
        json(&new.changes_tests)?,
        new.company_pin,
        state.as_str(),
        new.review_cycles,
        new.waiting.as_ref().map(|w| w.reason.as_str()),
        new.waiting.as_ref().map(|w| &w.owner),
        new.waiting.as_ref().map(|w| w.deadline_ms),
        new.waiting.as_ref().map(|w| &w.next_action),
        new.waiting.as_ref().map(|w| &w.detail),
        new.base,
        new.start_from,
        new.head,
        new.solo,
        json(&new.findings)?,
        stamp.now_ms,
        stamp.now_ms,
        json(&new.cleared)?,
        new.blueprint,
        new.sandbox.as_str(),
        new.model_pin.as_ref().map(ToString::to_string),
        new.class.as_ref().map(json).transpose()?,
        (!new.inputs.is_empty())
            .then(|| json(&new.inputs))
            .transpose()?,
        new.planning.as_ref().map(json).transpose()?,
        (!new.paths.is_empty())
            .then(|| json(&new.paths))
            .transpose()?,
    ])?;
    let id = TaskId(c.last_insert_rowid());
    if let Some(waiting) = &new.waiting {
        if waiting.reason == WaitReason::Safety {
            let rail = [Passage::Fired, Passage::Blocked];
            passage::count(c, &rail.map(|p| (Transition::Spawn, p)), stamp.now_ms)?;
        }
        let action = with_id(&waiting.next_action, id);
        c.execute(
            "UPDATE task SET wait_action = ? WHERE id = ?",
            params![action, id.0],
        )?;
    }
    happened(
        c,
        Some(id),
        "created",
        &format!("{} in state {state}", new.kind),
        stamp,
    )?;
    for need in &new.needs {
        add_need(c, id, *need, stamp.now_ms)?;
    }
    gone::look(c, id, stamp)?;
    if new.held && state_of(c, id)? == State::Open {
        set_state(c, id, Event::Pause, None, "held from the start", stamp)?;
    }
    Ok(id)
}

/// Adds a dependency. Needs point at the first task of a lineage, whichever of its tasks was named.
pub(crate) fn add_need(
    c: &Connection,
    task: TaskId,
    need: Need,
    now_ms: i64,
) -> Result<(), MissionError> {
    let needed = one(c, need.task)?;
    let root = needed.lineage.unwrap_or(needed.id);
    // A lineage that needed its own merge would wait for itself.
    let own_root = one(c, task)?.lineage.unwrap_or(task);
    if root == own_root || reaches(c, root, own_root)? {
        return Err(MissionError::Cycle { task, needs: root });
    }
    let root_row = one(c, root)?;
    let satisfied = match need.until {
        // What has no code to merge is finished when it is done.
        Until::Integrated if root_row.kind.changes_code() && !root_row.solo => {
            root_row.integrated.is_some()
        }
        Until::Integrated | Until::Done => root_row.state == State::Done,
    };
    let until = if root_row.kind.changes_code() && !root_row.solo {
        need.until
    } else {
        Until::Done
    };
    c.prepare_cached(
        "INSERT OR IGNORE INTO need (task, needs, until, satisfied) VALUES (?,?,?,?)",
    )?
    .execute(params![task.0, root.0, until.as_str(), satisfied])?;
    recount(c, task, now_ms)
}

fn reaches(c: &Connection, from: TaskId, to: TaskId) -> Result<bool, MissionError> {
    let mut seen = BTreeSet::new();
    let mut front = vec![from.0];
    while let Some(task) = front.pop() {
        if task == to.0 {
            return Ok(true);
        }
        if seen.insert(task) {
            let mut statement = c.prepare_cached("SELECT needs FROM need WHERE task = ?")?;
            let next = statement
                .query_map([task], |r| r.get::<_, i64>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            front.extend(next);
        }
    }
    Ok(false)
}

/// Marks everything that waited for this as met, in the transaction that met it.
pub(crate) fn satisfy(
    c: &Connection,
    needed: TaskId,
    until: Until,
    now_ms: i64,
) -> Result<(), MissionError> {
    let mut statement =
        c.prepare_cached("SELECT task FROM need WHERE needs = ? AND until = ? AND satisfied = 0")?;
    let tasks = statement
        .query_map(params![needed.0, until.as_str()], |r| r.get::<_, i64>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    c.prepare_cached("UPDATE need SET satisfied = 1 WHERE needs = ? AND until = ?")?
        .execute(params![needed.0, until.as_str()])?;
    tasks
        .into_iter()
        .try_for_each(|task| recount(c, TaskId(task), now_ms))
}

/// Counts what a task still needs. One that needs nothing any more is in the queue from now on.
pub(crate) fn recount(c: &Connection, task: TaskId, now_ms: i64) -> Result<(), MissionError> {
    let left: i64 = c
        .prepare_cached("SELECT count(*) FROM need WHERE task = ? AND satisfied = 0")?
        .query_row([task.0], |r| r.get(0))?;
    c.prepare_cached(
        "UPDATE task SET blocked_count = ?1,
            updated_ms = CASE WHEN ?1 = 0 AND blocked_count > 0 THEN ?2 ELSE updated_ms END WHERE id = ?3",
    )?
    .execute(params![left, now_ms, task.0])?;
    Ok(())
}

/// Moves the state column, by the table of `lifecycle` and by nothing else. Each claim raises the epoch.
pub(crate) fn set_state(
    c: &Connection,
    task: TaskId,
    event: Event,
    waiting: Option<&Waiting>,
    detail: &str,
    stamp: &Stamp,
) -> Result<State, MissionError> {
    let from = state_of(c, task)?;
    let to =
        lifecycle::next(from, event).map_err(|refused| MissionError::Refused { task, refused })?;
    c.prepare_cached(
        "UPDATE task SET state = ?, wait_reason = ?, wait_owner = ?, wait_deadline = ?, wait_action = ?, wait_detail = ?,
            updated_ms = ?, alarm_ms = NULL, epoch = epoch + ? WHERE id = ?",
    )?
    .execute(params![
        to.as_str(),
        waiting.map(|w| w.reason.as_str()),
        waiting.map(|w| &w.owner),
        waiting.map(|w| w.deadline_ms),
        waiting.map(|w| with_id(&w.next_action, task)),
        waiting.map(|w| &w.detail),
        stamp.now_ms,
        event == Event::Claim,
        task.0,
    ])?;
    moved(c, task, event, from, to, detail, stamp)?;
    Ok(to)
}

/// Whoever words a next action may not know the task's number yet: `{id}` stands for it.
fn with_id(action: &str, task: TaskId) -> String {
    action.replace("{id}", &task.0.to_string())
}

/// Findings kept per task: the oldest go first, a model reads no more.
const FINDINGS_KEPT: usize = 20;

pub(crate) fn append_findings(
    c: &Connection,
    task: TaskId,
    more: &[String],
) -> Result<(), MissionError> {
    if more.is_empty() {
        return Ok(());
    }
    let mut findings = one(c, task)?.findings;
    findings.extend(more.iter().cloned());
    let skip = findings.len().saturating_sub(FINDINGS_KEPT);
    c.execute(
        "UPDATE task SET findings = ? WHERE id = ?",
        params![json(&findings[skip..].to_vec())?, task.0],
    )?;
    Ok(())
}

pub(crate) fn set_counters(
    c: &Connection,
    task: TaskId,
    counters: Counters,
) -> Result<(), MissionError> {
    c.prepare_cached(
        "UPDATE task SET infra_attempts = ?, qa_retries = ?, review_cycles = ?, escalations = ?, interruptions = ?
         WHERE id = ?",
    )?
    .execute(params![
        counters.infra_attempts,
        counters.qa_retries,
        counters.review_cycles,
        counters.escalations,
        counters.interruptions,
        task.0
    ])?;
    Ok(())
}

pub(crate) const COLUMNS: &str = "id, kind, goal, parent, lineage, title, description, priority, owner, tags, project, \
    acceptance, checks, changes_tests, company_pin, state, epoch, infra_attempts, qa_retries, review_cycles, escalations, \
    interruptions, wait_reason, wait_owner, wait_deadline, wait_action, wait_detail, base, start_from, head, integrated, \
    solo, findings, created_ms, updated_ms, run_at_ms, cleared, handed, blueprint, sandbox, \
    model_pin, class, inputs, planning, paths";

/// A row before its words are checked.
pub(crate) struct Raw {
    task: Task,
    kind: String,
    state: String,
    priority: i64,
    sandbox: String,
    model_pin: Option<String>,
    class: Option<String>,
    inputs: Option<String>,
    planning: Option<String>,
    paths: Option<String>,
    lists: [String; 6],
    wait: Option<(String, String, i64, String, Option<String>)>,
}

pub(crate) fn raw(r: &Row<'_>) -> rusqlite::Result<Raw> {
    let reason: Option<String> = r.get(22)?;
    let wait = match reason {
        Some(reason) => Some((reason, r.get(23)?, r.get(24)?, r.get(25)?, r.get(26)?)),
        None => None,
    };
    let id = |at: usize| r.get::<_, Option<i64>>(at).map(|v| v.map(TaskId));
    let task = Task {
        id: TaskId(r.get(0)?),
        kind: TaskKind::Build,
        goal: id(2)?,
        parent: id(3)?,
        lineage: id(4)?,
        title: r.get(5)?,
        description: r.get(6)?,
        priority: Priority::Medium,
        owner: r.get(8)?,
        tags: Vec::new(),
        project: r.get::<_, Option<i64>>(10)?.map(ProjectId),
        acceptance: Vec::new(),
        checks: Vec::new(),
        changes_tests: Vec::new(),
        paths: Vec::new(),
        company_pin: r.get(14)?,
        model_pin: None,
        class: None,
        state: State::Open,
        epoch: Epoch(r.get(16)?),
        counters: Counters {
            infra_attempts: r.get(17)?,
            qa_retries: r.get(18)?,
            review_cycles: r.get(19)?,
            escalations: r.get(20)?,
            interruptions: r.get(21)?,
        },
        waiting: None,
        base: r.get(27)?,
        start_from: r.get(28)?,
        head: r.get(29)?,
        handed: r.get(37)?,
        integrated: r.get(30)?,
        solo: r.get(31)?,
        blueprint: r.get(38)?,
        inputs: BTreeMap::new(),
        planning: None,
        sandbox: Sandbox::On,
        findings: Vec::new(),
        created_ms: r.get(33)?,
        updated_ms: r.get(34)?,
        run_at_ms: r.get(35)?,
        cleared: Vec::new(),
    };
    let lists = [
        r.get(9)?,
        r.get(11)?,
        r.get(12)?,
        r.get(13)?,
        r.get(32)?,
        r.get(36)?,
    ];
    Ok(Raw {
        task,
        kind: r.get(1)?,
        state: r.get(15)?,
        priority: r.get(7)?,
        sandbox: r.get(39)?,
        model_pin: r.get(40)?,
        class: r.get(41)?,
        inputs: r.get(42)?,
        planning: r.get(43)?,
        paths: r.get(44)?,
        lists,
        wait,
    })
}

impl Raw {
    pub(crate) fn parse(self) -> Result<Task, MissionError> {
        let mut task = self.task;
        task.kind = word("task", &self.kind, TaskKind::parse)?;
        task.state = word("task", &self.state, State::parse)?;
        task.sandbox = word("task", &self.sandbox, Sandbox::parse)?;
        task.model_pin = match self.model_pin {
            Some(pin) => Some(word("task", &pin, ModelChoice::parse)?),
            None => None,
        };
        task.class = self.class.as_deref().map(class::read).transpose()?;
        task.inputs = match &self.inputs {
            Some(inputs) => serde_json::from_str(inputs).map_err(|e| MissionError::Row {
                table: "task",
                why: e.to_string(),
            })?,
            None => BTreeMap::new(),
        };
        task.planning = match &self.planning {
            Some(planning) => {
                Some(
                    serde_json::from_str(planning).map_err(|e| MissionError::Row {
                        table: "task",
                        why: format!("its planning: {e}"),
                    })?,
                )
            }
            None => None,
        };
        task.priority = Priority::from_rank(self.priority).ok_or_else(|| MissionError::Row {
            table: "task",
            why: format!("priority {}", self.priority),
        })?;
        let [tags, acceptance, checks, changes_tests, findings, cleared] = self.lists;
        task.cleared = list(&cleared)?;
        task.tags = list(&tags)?;
        task.acceptance = list(&acceptance)?;
        task.checks = list(&checks)?;
        task.changes_tests = list(&changes_tests)?;
        task.paths = self.paths.as_deref().map_or(Ok(Vec::new()), list)?;
        task.findings = list(&findings)?;
        if let Some((reason, owner, deadline_ms, next_action, detail)) = self.wait {
            let reason = word("task", &reason, WaitReason::parse)?;
            task.waiting = Some(Waiting {
                reason,
                owner,
                deadline_ms,
                next_action,
                detail: detail.unwrap_or_default(),
            });
        }
        Ok(task)
    }
}

pub(crate) fn word<T>(
    table: &'static str,
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, MissionError> {
    parse(text).ok_or_else(|| MissionError::Row {
        table,
        why: format!("the word `{text}` is not known to this build"),
    })
}

pub(crate) fn list(text: &str) -> Result<Vec<String>, MissionError> {
    serde_json::from_str(text).map_err(|e| MissionError::Row {
        table: "task",
        why: e.to_string(),
    })
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, MissionError> {
    serde_json::to_string(value).map_err(|e| MissionError::Row {
        table: "task",
        why: e.to_string(),
    })
}
