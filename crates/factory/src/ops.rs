//! What a person (or a script) may ask of the factory: rows are written, nothing is started. The beat does the rest.

use std::path::PathBuf;

use alai_core::cron::CatchUp;
use alai_core::ids::{RunId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::{Context, Stage};
use alai_core::plan::{Plan, PlanSource, Planning};
use alai_core::review::Review;
use alai_core::task::{self, Priority, State};
use alai_mission::{By, Mission, Project, RequestKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod answers;
mod blueprints;
mod error;
mod judge;
mod line;
mod money;
mod notices;
mod people;
mod projects;
mod recover;
mod revert;
mod schedules;
mod sessions;
mod tasks;
mod words;

use crate::config::Config;
use crate::packs::Packs;

pub use error::{OpError, OpErrorKind};
pub use money::CapOf;
pub use projects::ProjectChange;
pub(crate) use recover::from_kept_clone;
pub use sessions::{InName, SessionAct};
pub use tasks::AddTask;

/// One request. Travels over the daemon's socket as JSON, or is carried out in this process when no daemon runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    AddProject {
        path: PathBuf,
        name: Option<String>,
        change: ProjectChange,
        /// Whether the folder and its repository are made first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        new: bool,
    },
    SetProject {
        project: String,
        change: ProjectChange,
    },
    /// Takes over what people did on the target branch, also where that was tried in vain.
    SyncProject {
        project: String,
    },
    Start {
        goal: String,
        project: PathBuf,
        priority: Priority,
        owner: Option<String>,
        tags: Vec<String>,
        checks: Vec<String>,
        /// What a lead at work plans it by; none for what its company has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blueprint: Option<String>,
        /// A person's plan instead of one that a model makes, or the wish to see that first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planning: Option<Planning>,
        key: String,
    },
    /// Carries out a plan that a person wanted to see, as he left it. `task` is the goal's specification.
    Plan {
        task: TaskId,
        plan: Plan,
        source: PlanSource,
    },
    Add {
        task: Box<AddTask>,
        key: String,
    },
    Act {
        task: TaskId,
        event: Event,
        text: String,
    },
    Approve {
        task: TaskId,
    },
    /// Sends back what waits to be judged or delivered.
    Reject {
        task: TaskId,
        text: String,
    },
    /// Takes back what was merged for a task, by a commit that goes the way of every other.
    Revert {
        task: TaskId,
        text: String,
    },
    /// A person's verdict about the commit of a review or an audit that is his.
    Judge {
        task: TaskId,
        review: Review,
    },
    /// What the engine does of a task that is done, for one that a person closed by hand.
    Advance {
        task: TaskId,
    },
    /// A person makes the one task of that stage which may follow.
    Successor {
        from: TaskId,
        stage: Stage,
    },
    /// A person takes a task himself.
    Claim {
        task: TaskId,
    },
    /// A person says that his work is ready; with a commit, the gate measures it.
    Ready {
        task: TaskId,
        head: Option<String>,
    },
    Block {
        task: TaskId,
        text: String,
        on: Vec<TaskId>,
    },
    Note {
        task: TaskId,
        text: String,
    },
    /// Says something in the session of a task.
    Session {
        task: TaskId,
        act: SessionAct,
    },
    /// Asks for something again and again.
    AddSchedule {
        name: String,
        cron: String,
        catch_up: CatchUp,
        request: Box<Op>,
    },
    PauseSchedule {
        name: String,
        paused: bool,
    },
    RemoveSchedule {
        name: String,
    },
    /// Sends effects again that were given up.
    ReviveEffects,
    /// Copies pages of the wiki, or all that changed, to BookStack.
    Publish {
        pages: Vec<String>,
        overwrite: bool,
    },
    /// Tells one sink, or all of them, that this is a test.
    NotifyTest {
        sink: Option<String>,
    },
    /// A person's cap, instead of the settings'.
    Cap {
        of: CapOf,
        microusd: u64,
    },
    /// A person's word for what a call cost that is unknown.
    SettleCall {
        run: RunId,
        call: u32,
        microusd: u64,
    },
    /// Puts what a run did on a branch.
    Recover {
        run: RunId,
    },
    /// Says something to the agent of a live run.
    Tell {
        run: RunId,
        text: String,
    },
    /// Ends a live run; its task waits for a person.
    Stop {
        run: RunId,
        text: String,
    },
}

impl Op {
    /// The same request under another key of its own, where it has one.
    #[must_use]
    pub fn with_key(mut self, new: &str) -> Op {
        if let Op::Start { key, .. } | Op::Add { key, .. } = &mut self {
            new.clone_into(key);
        }
        self
    }

    /// Who asks for this, under `key`: asked again with the same key it is answered again and not done again.
    pub fn by(&self, actor: &str, key: &str) -> Result<By, serde_json::Error> {
        let text = serde_json::to_string(self)?;
        Ok(By {
            actor: actor.to_owned(),
            request: Some(RequestKey {
                key: key.to_owned(),
                hash: hex::encode(Sha256::digest(text.as_bytes())),
            }),
        })
    }

    /// The task it speaks of.
    fn task(&self) -> Option<TaskId> {
        match self {
            Op::Act { task, .. }
            | Op::Approve { task }
            | Op::Reject { task, .. }
            | Op::Revert { task, .. }
            | Op::Judge { task, .. }
            | Op::Plan { task, .. }
            | Op::Advance { task }
            | Op::Successor { from: task, .. }
            | Op::Claim { task }
            | Op::Ready { task, .. }
            | Op::Block { task, .. }
            | Op::Note { task, .. }
            | Op::Session { task, .. } => Some(*task),
            Op::AddProject { .. }
            | Op::SetProject { .. }
            | Op::SyncProject { .. }
            | Op::Start { .. }
            | Op::Add { .. }
            | Op::AddSchedule { .. }
            | Op::PauseSchedule { .. }
            | Op::RemoveSchedule { .. }
            | Op::ReviveEffects
            | Op::NotifyTest { .. }
            | Op::Publish { .. }
            | Op::Cap { .. }
            | Op::SettleCall { .. }
            | Op::Recover { .. }
            | Op::Tell { .. }
            | Op::Stop { .. } => None,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Project {
        project: Box<Project>,
        notes: Vec<String>,
    },
    Task {
        task: TaskId,
        state: State,
    },
    Delivering {
        task: TaskId,
        head: String,
    },
    /// A line of work went on.
    Advanced {
        task: TaskId,
        made: Vec<TaskId>,
        /// It joined the merge queue.
        merging: bool,
    },
    /// A run's work is on a branch.
    Recovered {
        run: RunId,
        branch: String,
        commit: String,
        notes: Vec<String>,
    },
    /// The agent of a run will hear it.
    Told {
        run: RunId,
        /// Which of the words to this run, from 1.
        number: i64,
    },
    /// It stands in a session.
    Session {
        /// The task that names it.
        session: TaskId,
        /// The entry's number; none where the session was only begun.
        entry: Option<i64>,
    },
    /// Tests are queued, by their rows of the outbox.
    Testing {
        rows: Vec<i64>,
    },
    /// It was done, and there is nothing more to say.
    Done,
}

/// Carries out one request, or answers it again when it was carried out before under the same key.
pub fn perform(
    op: Op,
    mission: &Mission,
    packs: &Packs,
    config: &Config,
    by: impl Into<By>,
    now_ms: i64,
) -> Result<Outcome, OpError> {
    let by = by.into();
    let desk = Desk {
        mission,
        packs,
        config,
        actor: by.actor.as_str(),
        by: &by,
        now_ms,
    };
    if let Some(outcome) = desk.again(&op)? {
        return Ok(outcome);
    }
    match op {
        Op::AddProject {
            path,
            name,
            change,
            new: false,
        } => projects::add(&desk, &path, name, change),
        Op::AddProject {
            path,
            name,
            change,
            new: true,
        } => projects::begin(&desk, &path, name, change),
        Op::SetProject { project, change } => projects::set(&desk, &project, change),
        Op::SyncProject { project } => projects::sync(&desk, &project),
        Op::Start {
            goal,
            project,
            priority,
            owner,
            tags,
            checks,
            blueprint,
            planning,
            key,
        } => {
            let asked = tasks::Goal {
                goal: &goal,
                project: &project,
                priority,
                owner,
                tags,
                checks,
                blueprint,
                planning,
            };
            tasks::start(&desk, asked, key)
        }
        Op::Plan { task, plan, source } => tasks::plan(&desk, task, plan, source),
        Op::Add { task, key } => tasks::add(&desk, *task, key),
        Op::Act { task, event, text } => tasks::act(&desk, task, event, text),
        Op::Approve { task } => tasks::approve(&desk, task),
        Op::Reject { task, text } => people::reject(&desk, task, &text),
        Op::Revert { task, text } => revert::revert(&desk, task, &text),
        Op::Judge { task, review } => judge::judge(&desk, task, &review),
        Op::Advance { task } => line::advance(&desk, task),
        Op::Successor { from, stage } => line::create(&desk, from, stage),
        Op::Claim { task } => people::claim(&desk, task),
        Op::Ready { task, head } => people::ready(&desk, task, head.as_deref()),
        Op::Block { task, text, on } => people::block(&desk, task, &text, on),
        Op::Note { task, text } => {
            let text = task::check_description(&text)?;
            desk.mission.note(task, text, by.clone(), now_ms)?;
            desk.outcome(task)
        }
        Op::Session { task, act } => sessions::act(&desk, task, act),
        Op::AddSchedule {
            name,
            cron,
            catch_up,
            request,
        } => schedules::add(&desk, name, cron, catch_up, *request),
        Op::PauseSchedule { name, paused } => schedules::pause(&desk, &name, paused),
        Op::RemoveSchedule { name } => {
            desk.mission.remove_schedule(&name, by.clone(), now_ms)?;
            Ok(Outcome::Done)
        }
        Op::Recover { run } => recover::recover(&desk, &run),
        Op::Tell { run, text } => words::tell(&desk, &run, &text),
        Op::Stop { run, text } => words::stop(&desk, &run, &text),
        Op::Cap { of, microusd } => money::cap(&desk, of, microusd),
        Op::SettleCall {
            run,
            call,
            microusd,
        } => money::settle(&desk, &run, call, microusd),
        Op::Publish { pages, overwrite } => notices::publish(&desk, &pages, overwrite),
        Op::NotifyTest { sink } => notices::test(&desk, sink),
        Op::ReviveEffects => {
            desk.mission.revive_effects(now_ms)?;
            Ok(Outcome::Done)
        }
    }
}

struct Desk<'a> {
    mission: &'a Mission,
    packs: &'a Packs,
    config: &'a Config,
    actor: &'a str,
    by: &'a By,
    now_ms: i64,
}

impl Desk<'_> {
    /// The outcome of a request that was carried out before.
    fn again(&self, op: &Op) -> Result<Option<Outcome>, OpError> {
        let Some(request) = &self.by.request else {
            return Ok(None);
        };
        let Some(answer) = self.mission.answered(request)? else {
            return Ok(None);
        };
        match (op, op.task()) {
            // It was let into its review.
            (Op::Approve { task }, _) if serde_json::from_str::<State>(&answer).is_ok() => {
                self.outcome(*task).map(Some)
            }
            (Op::Approve { task }, _) => Ok(Some(Outcome::Delivering {
                task: *task,
                head: answer.trim_matches('"').to_owned(),
            })),
            (Op::Advance { task } | Op::Successor { from: task, .. }, _) => {
                Ok(Some(Outcome::Advanced {
                    task: *task,
                    made: serde_json::from_str(&answer).unwrap_or_default(),
                    merging: false,
                }))
            }
            // Work that was merged is done again, or taken back, as another task, which was the answer.
            (Op::Reject { task, .. } | Op::Revert { task, .. }, _) => {
                let rework = serde_json::from_str(&answer).unwrap_or(*task);
                self.outcome(rework).map(Some)
            }
            (Op::Session { task, act }, _) => {
                let entry = match act {
                    SessionAct::Init => None,
                    SessionAct::Append { .. } | SessionAct::Report { .. } => answer.parse().ok(),
                };
                sessions::answered(self, *task, entry).map(Some)
            }
            (Op::NotifyTest { .. }, _) => Ok(Some(Outcome::Testing {
                rows: serde_json::from_str(&answer).unwrap_or_default(),
            })),
            (_, Some(task)) => self.outcome(task).map(Some),
            (_, None) => Ok(Some(Outcome::Done)),
        }
    }

    fn outcome(&self, task: TaskId) -> Result<Outcome, OpError> {
        Ok(Outcome::Task {
            task,
            state: self.mission.task(task)?.state,
        })
    }

    fn context(&self) -> Context {
        Context {
            now_ms: self.now_ms,
            operator: self.config.operator.clone(),
            jitter: 0.0,
            wants_docs: false,
            wants_ops: false,
            auto_delivery: false,
            verify: None,
            told: Vec::new(),
            chain: alai_core::pipeline::Chain::default(),
            around: None,
            dead: None,
        }
    }
}
