//! What a person (or a script) may ask of the factory: rows are written, nothing is started. The beat does the rest.

use std::path::{Path, PathBuf};

use alai_core::cron::CatchUp;
use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::{self, Context};
use alai_core::safety;
use alai_core::task::{self, Need, NewTask, Priority, State, Task, TaskKind, Until, WaitReason};
use alai_mission::{
    By, Delivery, Mission, MissionError, NewProject, Project, ProjectSettings, RequestKey,
};
use alai_workspace::{detect, git};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod people;
mod schedules;

use crate::config::Config;
use crate::integrate;
use crate::packs::Packs;

/// One request. Travels over the daemon's socket as JSON, or is carried out in this process when no daemon runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    AddProject {
        path: PathBuf,
        name: Option<String>,
        change: ProjectChange,
    },
    SetProject {
        project: String,
        change: ProjectChange,
    },
    Start {
        goal: String,
        project: PathBuf,
        priority: Priority,
        owner: Option<String>,
        tags: Vec<String>,
        checks: Vec<String>,
        key: String,
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
            | Op::Claim { task }
            | Op::Ready { task, .. }
            | Op::Block { task, .. }
            | Op::Note { task, .. } => Some(*task),
            Op::AddProject { .. }
            | Op::SetProject { .. }
            | Op::Start { .. }
            | Op::Add { .. }
            | Op::AddSchedule { .. }
            | Op::PauseSchedule { .. }
            | Op::RemoveSchedule { .. }
            | Op::ReviveEffects => None,
        }
    }
}

/// What `mc add` and `minion run` say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddTask {
    pub title: String,
    pub description: String,
    pub priority: Priority,
    pub owner: Option<String>,
    pub tags: Vec<String>,
    /// A folder in a registered repository, or a project's name. None: a task for a person.
    pub project: Option<PathBuf>,
    pub needs: Vec<TaskId>,
    /// Start when the needed tasks are done, not only when they are merged.
    pub needs_done: bool,
    pub parent: Option<TaskId>,
    pub acceptance: Vec<String>,
    pub checks: Vec<String>,
    pub changes_tests: Vec<String>,
    pub company: Option<String>,
    /// Only the gate; no review, no merge.
    pub solo: bool,
    pub hold: bool,
}

/// Settings of a project that are to be something else than what was detected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectChange {
    pub setup: Option<String>,
    pub build: Option<String>,
    pub test: Option<String>,
    pub lint: Option<String>,
    pub target: Option<String>,
    pub delivery: Option<Delivery>,
    pub docs: Option<bool>,
    pub allowed_paths: Option<Vec<String>>,
    pub setup_hosts: Option<Vec<String>>,
    pub setup_inputs: Option<Vec<String>>,
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
    /// It was done, and there is nothing more to say.
    Done,
}

/// Why not, with what to do. Crosses the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct OpError {
    pub kind: OpErrorKind,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpErrorKind {
    Failed,
    Usage,
    NotFound,
    NeedsSetup,
}

impl OpError {
    pub fn new(kind: OpErrorKind, message: impl ToString, hint: &str) -> OpError {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        OpError {
            kind,
            message: message.to_string(),
            hint,
        }
    }
}

impl From<MissionError> for OpError {
    fn from(error: MissionError) -> OpError {
        let (kind, hint) = match &error {
            MissionError::NoTask(_) => (
                OpErrorKind::NotFound,
                "`alai mc list --all` shows every task",
            ),
            MissionError::NoProject(_) => (
                OpErrorKind::NotFound,
                "`alai project list` shows the projects",
            ),
            MissionError::NoSchedule(_) => (
                OpErrorKind::NotFound,
                "`alai mc schedule list` shows the schedules",
            ),
            MissionError::ScheduleExists(_) => (
                OpErrorKind::Usage,
                "`alai mc schedule remove NAME`, then add it again",
            ),
            MissionError::ProjectExists { .. } => {
                (OpErrorKind::Usage, "`alai project set` changes a project")
            }
            MissionError::Refused { .. }
            | MissionError::Leased { .. }
            | MissionError::Unmet { .. } => (
                OpErrorKind::Failed,
                "`alai why ID` says where the task stands",
            ),
            MissionError::Cycle { .. } | MissionError::IdempotencyConflict { .. } => {
                (OpErrorKind::Usage, "")
            }
            MissionError::NewerSchema { .. }
            | MissionError::Migration { .. }
            | MissionError::OldSqlite { .. }
            | MissionError::Permissions { .. } => (OpErrorKind::NeedsSetup, ""),
            MissionError::Stale { .. }
            | MissionError::Locked { .. }
            | MissionError::DiskFull
            | MissionError::Busy
            | MissionError::Unknown(_)
            | MissionError::Poisoned
            | MissionError::Io { .. }
            | MissionError::Sql(_)
            | MissionError::NotABackup { .. }
            | MissionError::NotEmpty { .. }
            | MissionError::Import { .. }
            | MissionError::Broken { .. }
            | MissionError::Unsound { .. }
            | MissionError::Row { .. } => (OpErrorKind::Failed, ""),
        };
        OpError::new(kind, error, hint)
    }
}

impl From<task::TextRefused> for OpError {
    fn from(error: task::TextRefused) -> OpError {
        OpError::new(OpErrorKind::Usage, error, "")
    }
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
        Op::AddProject { path, name, change } => desk.add_project(&path, name, change),
        Op::SetProject { project, change } => desk.set_project(&project, change),
        Op::Start {
            goal,
            project,
            priority,
            owner,
            tags,
            checks,
            key,
        } => desk.start(&goal, &project, priority, owner, tags, checks, key),
        Op::Add { task, key } => desk.add(*task, key),
        Op::Act { task, event, text } => desk.act(task, event, text),
        Op::Approve { task } => desk.approve(task),
        Op::Reject { task, text } => people::reject(&desk, task, &text),
        Op::Claim { task } => people::claim(&desk, task),
        Op::Ready { task, head } => people::ready(&desk, task, head.as_deref()),
        Op::Block { task, text, on } => people::block(&desk, task, &text, on),
        Op::Note { task, text } => {
            let text = task::check_description(&text)?;
            desk.mission.note(task, text, by.clone(), now_ms)?;
            desk.outcome(task)
        }
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
            (Op::Approve { task }, _) => Ok(Some(Outcome::Delivering {
                task: *task,
                head: answer.trim_matches('"').to_owned(),
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
        }
    }

    fn add_project(
        &self,
        path: &Path,
        name: Option<String>,
        change: ProjectChange,
    ) -> Result<Outcome, OpError> {
        let repo = git::open(path).map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))?;
        let fail = |e: git::GitError| OpError::new(OpErrorKind::Failed, e, "");
        let head = git::head(&repo).map_err(fail)?;
        let target = match (&change.target, &head.branch) {
            (Some(target), _) => target.clone(),
            (None, Some(branch)) => branch.clone(),
            (None, None) => {
                let hint = "check out a branch, or name one with --target BRANCH";
                return Err(OpError::new(
                    OpErrorKind::Failed,
                    "the repository stands on no branch (detached HEAD)",
                    hint,
                ));
            }
        };
        existing_branch(&repo, &target)?;
        let found = detect::detect(&repo, &head.oid).map_err(|e| {
            OpError::new(
                OpErrorKind::Failed,
                format!("cannot look at the project: {e}"),
                "",
            )
        })?;
        let settings = ProjectSettings {
            setup: found.setup,
            build: found.build,
            test: found.test,
            lint: found.lint,
            stacks: found.stacks.iter().map(ToString::to_string).collect(),
            author: integrate::author_of(&repo),
            ..ProjectSettings::default()
        };
        let settings = changed(settings, change);
        if settings.test.is_none() {
            let hint = "say how the project is tested: `alai project add PATH --test \"COMMAND\"`";
            return Err(OpError::new(
                OpErrorKind::NeedsSetup,
                "no test command was found in the project",
                hint,
            ));
        }
        self.not_registered_yet(&repo)?;
        let root = repo.root().to_path_buf();
        let name = name.unwrap_or_else(|| folder_name(&root));
        let new = NewProject {
            name,
            path: root,
            target_branch: target,
            settings,
        };
        let id = self.mission.add_project(new, self.actor, self.now_ms)?;
        Ok(Outcome::Project {
            project: Box::new(self.mission.project(id)?),
            notes: found.notes,
        })
    }

    /// Two work trees of one repository share its branches, the integration branch too.
    fn not_registered_yet(&self, repo: &git::Repo) -> Result<(), OpError> {
        for other in self.mission.projects()? {
            let Ok(known) = git::open(&other.path) else {
                continue;
            };
            if known.common_dir() == repo.common_dir() && known.root() != repo.root() {
                let message = format!(
                    "{} is another work tree of the repository that is registered as `{}`",
                    repo.root().display(),
                    other.name
                );
                return Err(OpError::new(
                    OpErrorKind::Usage,
                    message,
                    "use that project",
                ));
            }
        }
        Ok(())
    }

    fn set_project(&self, project: &str, change: ProjectChange) -> Result<Outcome, OpError> {
        let mut found = self.project(Path::new(project))?;
        if let Some(target) = &change.target {
            let repo =
                git::open(&found.path).map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))?;
            existing_branch(&repo, target)?;
            found.target_branch = target.clone();
        }
        if change
            .test
            .as_deref()
            .is_some_and(|test| test.trim().is_empty())
        {
            return Err(OpError::new(
                OpErrorKind::Usage,
                "a project without a test command cannot be built on: nothing would show that it works",
                "give the command that runs its tests",
            ));
        }
        found.settings = changed(found.settings, change);
        self.mission
            .set_project(found.clone(), self.actor, self.now_ms)?;
        Ok(Outcome::Project {
            project: Box::new(found),
            notes: Vec::new(),
        })
    }

    /// By name, or by a folder in it. Whoever asks stands elsewhere: a relative folder would be one of ours.
    fn project(&self, wanted: &Path) -> Result<Project, OpError> {
        let name = wanted.to_string_lossy();
        let real = match wanted.is_absolute() {
            true => std::fs::canonicalize(wanted).ok(),
            false => None,
        };
        self.mission
            .find_project(&name, real.as_deref())?
            .ok_or_else(|| {
                let message = format!("`{name}` is no registered project");
                OpError::new(
                    OpErrorKind::NotFound,
                    message,
                    &format!("`alai project add {name}` registers a repository"),
                )
            })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of one request, taken apart once"
    )]
    fn start(
        &self,
        goal: &str,
        project: &Path,
        priority: Priority,
        owner: Option<String>,
        mut tags: Vec<String>,
        checks: Vec<String>,
        key: String,
    ) -> Result<Outcome, OpError> {
        let (title, description) = task::check_goal(goal)?;
        let project = self.project(project)?;
        tags.extend(prefix_tag(&title));
        let mut parent = NewTask::new(TaskKind::Goal, title.clone());
        parent.description = description.clone();
        parent.priority = priority;
        parent.owner = owner;
        parent.tags = tags.clone();
        parent.project = Some(project.id);
        parent.checks = checks;
        let mut spec = NewTask::new(TaskKind::Spec, fit(&format!("Spec: {title}")));
        spec.description = description;
        spec.priority = priority;
        spec.tags = tags;
        spec.project = Some(project.id);
        spec.checks = parent.checks.clone();
        // The goal itself is never run: the rail stops the first task that would be.
        spec.waiting = self.rail(&title, &spec.description);
        let id = self
            .mission
            .add_goal(parent, spec, Some(key), self.actor, self.now_ms)?;
        self.outcome(id)
    }

    fn add(&self, add: AddTask, key: String) -> Result<Outcome, OpError> {
        let title = task::check_title(&add.title)?;
        let description = task::check_description(&add.description)?;
        let project = add
            .project
            .as_deref()
            .map(|p| self.project(p))
            .transpose()?;
        if let Some(company) = &add.company {
            let found = self.packs.registry.find(company);
            let known: Vec<&str> = self
                .packs
                .registry
                .companies()
                .iter()
                .map(|c| c.name.as_str())
                .collect();
            let hint = format!("the companies are {}", known.join(", "));
            found.map_err(|e| OpError::new(OpErrorKind::NotFound, e, &hint))?;
        }
        let mut new = NewTask::new(TaskKind::Build, title.clone());
        new.description = description;
        new.priority = add.priority;
        new.owner = add.owner;
        new.tags = add.tags;
        new.tags
            .extend(prefix_tag(&title).filter(|t| !new.tags.contains(t)));
        new.project = project.as_ref().map(|p| p.id);
        new.parent = add.parent;
        new.acceptance = add.acceptance;
        new.checks = add.checks;
        new.changes_tests = add.changes_tests;
        new.company_pin = add.company;
        new.solo = add.solo;
        let until = if add.needs_done {
            Until::Done
        } else {
            Until::Integrated
        };
        new.needs = add
            .needs
            .into_iter()
            .map(|task| Need { task, until })
            .collect();
        if let Some(parent) = new.parent {
            self.mission.task(parent)?;
        }
        new.waiting = self.rail(&title, &new.description);
        let id = self.mission.add(new, Some(key), self.actor, self.now_ms)?;
        if add.hold && self.mission.task(id)?.state == State::Open {
            self.mission.act(
                id,
                Event::Pause,
                "held from the start".into(),
                self.actor,
                self.now_ms,
            )?;
        }
        self.outcome(id)
    }

    fn rail(&self, title: &str, description: &str) -> Option<task::Waiting> {
        let rail = safety::judge_text(title, description)?;
        Some(pipeline::railed(
            rail.rule.as_str(),
            &rail.why,
            "{id}",
            &self.context(),
        ))
    }

    fn act(&self, task: TaskId, event: Event, text: String) -> Result<Outcome, OpError> {
        let text = task::check_description(&text)?;
        persons_verb(event)?;
        if event == Event::Override && text.trim().is_empty() {
            let hint = format!("`alai mc done {} \"REASON\"`", task.0);
            let message = "closing a task by hand needs a reason";
            return Err(OpError::new(OpErrorKind::Usage, message, &hint));
        }
        let waits = self.mission.task(task)?.waiting;
        if event == Event::Reopen
            && let Some(rail) = waits.filter(|w| w.reason == WaitReason::Safety)
        {
            let message = format!("{task} waits at a safety rail, which only an answer clears");
            return Err(OpError::new(
                OpErrorKind::Failed,
                message,
                &rail.next_action,
            ));
        }
        // What is done stays done, but its merge may be tried again.
        if event == Event::Reopen
            && self.mission.task(task)?.state == State::Done
            && self
                .mission
                .requeue_merge(task, self.by.clone(), self.now_ms)?
        {
            return self.outcome(task);
        }
        let state = self
            .mission
            .act(task, event, text, self.by.clone(), self.now_ms)?;
        Ok(Outcome::Task { task, state })
    }

    /// Asks for the merged work to be moved to the target branch: of a goal that waits for it, or of a task of its own.
    fn approve(&self, task: TaskId) -> Result<Outcome, OpError> {
        let found = self.mission.task(task)?;
        let waits = found.waiting.as_ref().map(|w| w.reason);
        let goal = found.kind == TaskKind::Goal && waits == Some(WaitReason::Approval);
        let alone = found.goal.is_none() && found.lineage.is_none() && found.integrated.is_some();
        if !goal && !alone {
            let (message, hint) = match (&found.waiting, found.goal) {
                (Some(w), _) => (
                    format!(
                        "{task} does not wait for an approval but for: {}",
                        w.reason.as_str()
                    ),
                    w.next_action.clone(),
                ),
                (None, Some(goal)) => (
                    format!("{task} is delivered together with its goal {goal}"),
                    format!("`alai why {}`", goal.0),
                ),
                (None, None) => (
                    format!(
                        "{task} is {} and has nothing merged to approve",
                        found.state
                    ),
                    format!("`alai why {}`", task.0),
                ),
            };
            return Err(OpError::new(OpErrorKind::Failed, message, &hint));
        }
        let project = self.project_of(&found)?;
        let fail = |e: integrate::IntegrateError| OpError::new(OpErrorKind::Failed, e, "");
        let (target, tip) = integrate::tips(&project).map_err(fail)?;
        // Where somebody has merged it by hand meanwhile, the delivery finds it there and says so.
        let head = match (alone, found.integrated, tip) {
            (true, Some(commit), _) => commit,
            (_, _, Some(tip)) => tip.to_string(),
            (_, _, None) => target.to_string(),
        };
        let now = self.now_ms;
        self.mission
            .enqueue_delivery(task, project.id, &head, self.by.clone(), now)?;
        Ok(Outcome::Delivering { task, head })
    }

    fn project_of(&self, task: &Task) -> Result<Project, OpError> {
        let id: Option<ProjectId> = task.project;
        let Some(id) = id else {
            return Err(OpError::new(
                OpErrorKind::Failed,
                format!("{} has no project", task.id),
                "",
            ));
        };
        Ok(self.mission.project(id)?)
    }
}

/// Gates, claims and completions are the factory's own; the socket takes only what a person may say.
fn persons_verb(event: Event) -> Result<(), OpError> {
    match event {
        Event::Pause
        | Event::Resume
        | Event::Cancel
        | Event::Answer
        | Event::Reopen
        | Event::Override => Ok(()),
        Event::Claim
        | Event::Deliver
        | Event::Complete
        | Event::Retry
        | Event::LeaseLost
        | Event::Ask
        | Event::Approve
        | Event::Ready
        | Event::Reject
        | Event::Fail
        | Event::RollUp => {
            let message = format!("`{}` is no verb of a person", event.as_str());
            Err(OpError::new(OpErrorKind::Usage, message, ""))
        }
    }
}

fn changed(mut settings: ProjectSettings, change: ProjectChange) -> ProjectSettings {
    // An empty command takes a detected one away.
    let over = |old: Option<String>, new: Option<String>| match new {
        Some(text) if text.trim().is_empty() => None,
        Some(text) => Some(text),
        None => old,
    };
    settings.setup = over(settings.setup, change.setup);
    settings.build = over(settings.build, change.build);
    settings.test = over(settings.test, change.test);
    settings.lint = over(settings.lint, change.lint);
    settings.delivery = change.delivery.unwrap_or(settings.delivery);
    settings.docs = change.docs.unwrap_or(settings.docs);
    settings.allowed_paths = change.allowed_paths.unwrap_or(settings.allowed_paths);
    settings.setup_hosts = change.setup_hosts.unwrap_or(settings.setup_hosts);
    settings.setup_inputs = change.setup_inputs.unwrap_or(settings.setup_inputs);
    settings
}

/// A branch that is not there would let every task fail at its start.
fn existing_branch(repo: &git::Repo, branch: &str) -> Result<(), OpError> {
    let found = git::resolve(repo, &format!("refs/heads/{branch}"));
    match found.map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))? {
        Some(_) => Ok(()),
        None => Err(OpError::new(
            OpErrorKind::Usage,
            format!("the repository has no branch `{branch}`"),
            "name an existing one with --target BRANCH",
        )),
    }
}

/// `Bento: Project scaffold` is tagged `bento`.
fn prefix_tag(title: &str) -> Option<String> {
    let (prefix, rest) = title.split_once(':')?;
    let word =
        prefix.chars().all(|c| c.is_alphanumeric() || c == '-') && (2..=20).contains(&prefix.len());
    (word && rest.starts_with(' ')).then(|| prefix.to_lowercase())
}

fn folder_name(root: &Path) -> String {
    root.file_name().map_or_else(
        || "project".to_owned(),
        |n| n.to_string_lossy().into_owned(),
    )
}

fn fit(title: &str) -> String {
    match title
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > task::TITLE_BYTES_MAX - 4)
    {
        Some((at, _)) => format!("{}…", title.get(..at).unwrap_or(title)),
        None => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_become_tags() {
        assert_eq!(
            prefix_tag("Bento: Project scaffold").as_deref(),
            Some("bento")
        );
        for plain in ["Fix a::b in the parser", "See http://x", "a b: c", "Add it"] {
            assert_eq!(prefix_tag(plain), None, "{plain}");
        }
    }

    #[test]
    fn an_empty_command_takes_the_detected_one_away() {
        let detected = ProjectSettings {
            lint: Some("x".into()),
            test: Some("t".into()),
            ..ProjectSettings::default()
        };
        let change = ProjectChange {
            lint: Some(String::new()),
            ..ProjectChange::default()
        };
        let settings = changed(detected, change);
        assert_eq!((settings.lint, settings.test.as_deref()), (None, Some("t")));
    }
}
