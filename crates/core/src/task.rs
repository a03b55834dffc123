//! A task as it is stored and as a person sees it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cage::Sandbox;
use crate::company::ModelChoice;
use crate::ids::{Epoch, ProjectId, TaskId};
use crate::pipeline::FOLLOW_UP_TAG;
use crate::plan::Planning;
use crate::routing::{Class, WorkType};

/// What a task is for. Decides its blueprint, role, gate and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A person's wish; done when all that came of it is.
    Goal,
    /// Writes the spec page and the plan of a goal.
    Spec,
    Build,
    Review,
    Security,
    /// An independent verifier probes a build before it is reviewed.
    Verify,
    Ops,
    Docs,
    /// Sums a goal up: what was built, with which evidence, what was learned.
    Postflight,
}

impl TaskKind {
    pub const ALL: [TaskKind; 9] = [
        TaskKind::Goal,
        TaskKind::Spec,
        TaskKind::Build,
        TaskKind::Review,
        TaskKind::Security,
        TaskKind::Verify,
        TaskKind::Ops,
        TaskKind::Docs,
        TaskKind::Postflight,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            TaskKind::Goal => "goal",
            TaskKind::Spec => "spec",
            TaskKind::Build => "build",
            TaskKind::Review => "review",
            TaskKind::Security => "security",
            TaskKind::Verify => "verify",
            TaskKind::Ops => "ops",
            TaskKind::Docs => "docs",
            TaskKind::Postflight => "postflight",
        }
    }

    pub fn parse(text: &str) -> Option<TaskKind> {
        TaskKind::ALL.into_iter().find(|k| k.as_str() == text)
    }

    /// Whether it judges the commit of another task.
    pub fn judges(self) -> bool {
        match self {
            TaskKind::Review | TaskKind::Security | TaskKind::Verify => true,
            TaskKind::Goal
            | TaskKind::Spec
            | TaskKind::Build
            | TaskKind::Ops
            | TaskKind::Docs
            | TaskKind::Postflight => false,
        }
    }

    /// Whether its result is a commit that a gate measures and the merge queue merges.
    pub fn changes_code(self) -> bool {
        match self {
            TaskKind::Build | TaskKind::Ops | TaskKind::Docs => true,
            TaskKind::Goal
            | TaskKind::Spec
            | TaskKind::Review
            | TaskKind::Security
            | TaskKind::Verify
            | TaskKind::Postflight => false,
        }
    }
}

/// Stored order is urgency: `B` before `H` before `M` before `L`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    #[serde(rename = "L")]
    Low,
    #[serde(rename = "M")]
    Medium,
    #[serde(rename = "H")]
    High,
    #[serde(rename = "B")]
    Blocker,
}

impl Priority {
    pub fn letter(self) -> &'static str {
        match self {
            Priority::Low => "L",
            Priority::Medium => "M",
            Priority::High => "H",
            Priority::Blocker => "B",
        }
    }

    /// Reads `L`, `M`, `H`, `B` or the seeds' `BLOCKER`, in any case.
    pub fn parse(text: &str) -> Option<Priority> {
        match text.to_ascii_uppercase().as_str() {
            "L" | "LOW" => Some(Priority::Low),
            "M" | "MEDIUM" => Some(Priority::Medium),
            "H" | "HIGH" => Some(Priority::High),
            "B" | "BLOCKER" => Some(Priority::Blocker),
            _ => None,
        }
    }

    /// As a number that sorts, for the store.
    pub fn rank(self) -> i64 {
        match self {
            Priority::Low => 1,
            Priority::Medium => 2,
            Priority::High => 3,
            Priority::Blocker => 4,
        }
    }

    pub fn from_rank(rank: i64) -> Option<Priority> {
        [
            Priority::Low,
            Priority::Medium,
            Priority::High,
            Priority::Blocker,
        ]
        .into_iter()
        .find(|p| p.rank() == rank)
    }
}

/// The state column. It moves only by `lifecycle::next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Eligible, or blocked by named tasks.
    Open,
    /// A run holds its lease.
    Started,
    /// Its gate is at work, or a person said `mc ready`.
    ReadyForReview,
    /// Somebody or something else must act first: owner, deadline and next action are set (a constraint of the store).
    Waiting,
    Paused,
    Done,
    Failed,
    Cancelled,
}

impl State {
    pub const ALL: [State; 8] = [
        State::Open,
        State::Started,
        State::ReadyForReview,
        State::Waiting,
        State::Paused,
        State::Done,
        State::Failed,
        State::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Started => "started",
            State::ReadyForReview => "ready_for_review",
            State::Waiting => "waiting",
            State::Paused => "paused",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Nothing happens to it any more unless a person asks.
    pub fn terminal(self) -> bool {
        match self {
            State::Done | State::Failed | State::Cancelled => true,
            State::Open
            | State::Started
            | State::ReadyForReview
            | State::Waiting
            | State::Paused => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A task as the store gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub kind: TaskKind,
    /// The goal it belongs to; a goal and a task of its own have none.
    pub goal: Option<TaskId>,
    pub parent: Option<TaskId>,
    /// The first BUILD (or OPS, DOCS) task of the line of builds, reviews and reworks that ends in one merge.
    pub lineage: Option<TaskId>,
    pub title: String,
    pub description: String,
    pub priority: Priority,
    pub owner: Option<String>,
    pub tags: Vec<String>,
    pub project: Option<ProjectId>,
    pub acceptance: Vec<String>,
    pub checks: Vec<String>,
    /// Globs of test files that this task may change; set by a person or the plan, never by a builder.
    pub changes_tests: Vec<String>,
    /// Where it is said to change things: files, folders and globs, of the plan or of the findings that it came of. Never wider or narrower than what
    /// it may write; [`crate::overlap`] reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    pub company_pin: Option<String>,
    /// The model that a person chose for it; only a safety rule stands above that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_pin: Option<ModelChoice>,
    /// What sort of task it is; set by its first run and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    pub state: State,
    pub epoch: Epoch,
    pub counters: Counters,
    /// Set exactly when `state` is `Waiting`.
    pub waiting: Option<Waiting>,
    /// The commit its work stands on; set at its first claim and kept over reworks.
    pub base: Option<String>,
    /// Where a rework starts: the commit that was rejected.
    pub start_from: Option<String>,
    /// The commit under review, or the one a passed gate measured.
    pub head: Option<String>,
    /// A person's commit that no gate has judged yet.
    pub handed: Option<String>,
    /// The merge commit on the integration branch; set on the lineage's first task.
    pub integrated: Option<String>,
    /// Only the gate, no review and no merge (`alai minion run`).
    pub solo: bool,
    /// The blueprint that a person chose instead of its company's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blueprint: Option<String>,
    /// What that blueprint is given for this task. A person's words: they never become part of a command.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// What a specification is given beside its goal's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planning: Option<Planning>,
    /// `Off` when a person started its one run without a cage.
    #[serde(default)]
    pub sandbox: Sandbox,
    /// What former gates and reviewers said, oldest first.
    pub findings: Vec<String>,
    /// Safety rails that a person has cleared for this task, by name. No text of an agent ever gets here.
    pub cleared: Vec<String>,
    /// Milliseconds since the Unix epoch.
    pub created_ms: i64,
    pub updated_ms: i64,
    /// Not before this time (back-off after an infrastructure failure).
    pub run_at_ms: i64,
}

impl Task {
    /// How this specification plans another task anew, where it does.
    pub fn plans_anew(&self) -> Option<&Planning> {
        self.planning.as_ref().filter(|p| p.of().is_some())
    }

    /// Whether its own commands may pass before it as well as after: where it asks for another shape of the same behaviour, or for
    /// words, and where it goes on with work that was merged by them. Of all others a person judges what nothing shows (check 5).
    pub fn checks_may_be_green(&self) -> bool {
        let work = self.class.as_ref().map(|class| class.work);
        let keeps = [WorkType::Refactor, WorkType::Lint, WorkType::Docs];
        work.is_some_and(|work| keeps.contains(&work))
            || self.tags.iter().any(|tag| tag == FOLLOW_UP_TAG)
    }
}

/// The counters of a task, stored apart so that no restart resets them and none eats another's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Hosts down, full disks, lost leases.
    pub infra_attempts: u32,
    pub qa_retries: u32,
    /// Shared by REVIEW and SECURITY along the lineage.
    pub review_cycles: u32,
    pub escalations: u32,
    /// Runs that ended because the factory itself was ended; not the task's fault, but bounded all the same.
    pub interruptions: u32,
}

/// Why a task waits, for whom, until when, and what ends the wait: a waiting task without these cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub reason: WaitReason,
    pub owner: String,
    /// Milliseconds since the Unix epoch; past it the wait is reported as overdue.
    pub deadline_ms: i64,
    /// One line a person can act on, with the command where there is one.
    pub next_action: String,
    /// What led here.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// A safety rail matched.
    Safety,
    /// No model is reachable.
    NoModel,
    /// The disk has too little room for a run's clone.
    NoRoom,
    /// A cap forbids a paid call, or its price is not known.
    Budget,
    ReviewCycles,
    QaRetries,
    InfraAttempts,
    /// The gate could not measure enough to decide.
    GateUndecided,
    /// The box does not work on the untouched base.
    BoxRefused,
    MergeConflict,
    /// Merged work waits to be moved to the target branch.
    Approval,
    /// The factory was ended in the middle of it too often.
    Interruptions,
    /// Its goal has more tasks than one goal may have.
    FanOut,
    /// What it needs was ended and never merged.
    NeedGone,
    /// A person says that it cannot go on.
    Blocked,
    /// Its blueprint asks a person before it goes on.
    Question,
    /// Its gate has passed, and its agent ran without a cage: a person judges before anything is made of it.
    Uncaged,
    /// Its company, its tier or its pin gives it to a person and to no model.
    Human,
}

impl WaitReason {
    pub const ALL: [WaitReason; 18] = [
        WaitReason::Safety,
        WaitReason::NoModel,
        WaitReason::NoRoom,
        WaitReason::Budget,
        WaitReason::ReviewCycles,
        WaitReason::QaRetries,
        WaitReason::InfraAttempts,
        WaitReason::GateUndecided,
        WaitReason::BoxRefused,
        WaitReason::MergeConflict,
        WaitReason::Approval,
        WaitReason::Interruptions,
        WaitReason::FanOut,
        WaitReason::NeedGone,
        WaitReason::Blocked,
        WaitReason::Question,
        WaitReason::Uncaged,
        WaitReason::Human,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            WaitReason::Safety => "safety",
            WaitReason::NoModel => "no_model",
            WaitReason::NoRoom => "no_room",
            WaitReason::Budget => "budget",
            WaitReason::ReviewCycles => "review_cycles",
            WaitReason::QaRetries => "qa_retries",
            WaitReason::InfraAttempts => "infra_attempts",
            WaitReason::GateUndecided => "gate_undecided",
            WaitReason::BoxRefused => "box_refused",
            WaitReason::MergeConflict => "merge_conflict",
            WaitReason::Approval => "approval",
            WaitReason::Interruptions => "interruptions",
            WaitReason::FanOut => "fan_out",
            WaitReason::NeedGone => "need_gone",
            WaitReason::Blocked => "blocked",
            WaitReason::Question => "question",
            WaitReason::Uncaged => "uncaged",
            WaitReason::Human => "human",
        }
    }

    pub fn parse(text: &str) -> Option<WaitReason> {
        WaitReason::ALL.into_iter().find(|r| r.as_str() == text)
    }
}

/// A task that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    pub kind: TaskKind,
    pub goal: Option<TaskId>,
    pub parent: Option<TaskId>,
    pub lineage: Option<TaskId>,
    pub title: String,
    pub description: String,
    pub priority: Priority,
    pub owner: Option<String>,
    pub tags: Vec<String>,
    pub project: Option<ProjectId>,
    pub acceptance: Vec<String>,
    pub checks: Vec<String>,
    pub changes_tests: Vec<String>,
    /// Where it is said to change things: files, folders and globs, of the plan or of the findings that it came of. Never wider or narrower than what
    /// it may write; [`crate::overlap`] reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    pub company_pin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_pin: Option<ModelChoice>,
    /// What is known of it from the task that it goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    pub needs: Vec<Need>,
    /// Set when it starts its life waiting (a safety rail, review cycles used up).
    pub waiting: Option<Waiting>,
    pub base: Option<String>,
    pub start_from: Option<String>,
    pub head: Option<String>,
    pub review_cycles: u32,
    pub solo: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blueprint: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planning: Option<Planning>,
    #[serde(default, skip_serializing_if = "Sandbox::is_on")]
    pub sandbox: Sandbox,
    pub findings: Vec<String>,
    pub cleared: Vec<String>,
    /// A person resumes it when it may start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// What a task waits for before it may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub task: TaskId,
    pub until: Until,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Its lineage is merged: the dependent needs the code.
    Integrated,
    Done,
}

impl Until {
    pub fn as_str(self) -> &'static str {
        match self {
            Until::Integrated => "integrated",
            Until::Done => "done",
        }
    }

    pub fn parse(text: &str) -> Option<Until> {
        match text {
            "integrated" => Some(Until::Integrated),
            "done" => Some(Until::Done),
            _ => None,
        }
    }
}

impl NewTask {
    /// A plain task of a kind; the rest is filled in by whoever knows it.
    pub fn new(kind: TaskKind, title: impl Into<String>) -> NewTask {
        NewTask {
            kind,
            goal: None,
            parent: None,
            lineage: None,
            title: title.into(),
            description: String::new(),
            priority: Priority::Medium,
            owner: None,
            tags: Vec::new(),
            project: None,
            acceptance: Vec::new(),
            checks: Vec::new(),
            changes_tests: Vec::new(),
            paths: Vec::new(),
            company_pin: None,
            model_pin: None,
            class: None,
            needs: Vec::new(),
            waiting: None,
            base: None,
            start_from: None,
            head: None,
            review_cycles: 0,
            solo: false,
            blueprint: None,
            inputs: BTreeMap::new(),
            planning: None,
            sandbox: Sandbox::On,
            findings: Vec::new(),
            cleared: Vec::new(),
            held: false,
        }
    }
}

/// Titles are one line on a screen.
pub const TITLE_BYTES_MAX: usize = 300;
/// A description that is longer belongs in a file of the repository.
pub const DESCRIPTION_BYTES_MAX: usize = 64 * 1024;

/// A judge is shown all acceptance criteria of a task, and answers each.
pub const CRITERIA_MAX: usize = 20;
/// All of them together; what is longer is a description.
pub const CRITERIA_BYTES_MAX: usize = 8 * 1024;

/// Why a title or description is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextRefused {
    #[error("the text is empty; say in one sentence what should be true afterwards")]
    Empty,
    #[error(
        "the title has {0} bytes; at most {TITLE_BYTES_MAX} fit; put the rest into the description (--desc)"
    )]
    TitleTooLong(usize),
    #[error(
        "the text has {0} bytes; at most {DESCRIPTION_BYTES_MAX} fit; put it into a file of the repository and name the file"
    )]
    TooLong(usize),
    #[error(
        "there are {count} acceptance criteria with {bytes} bytes; at most {CRITERIA_MAX} with {CRITERIA_BYTES_MAX} fit; say less, or split the task"
    )]
    TooManyCriteria { count: usize, bytes: usize },
    #[error("the text holds the control character U+{0:04X}; remove it")]
    Control(u32),
}

/// Checks a title or goal as a person gave it: not empty, no control characters, no longer than it may be.
pub fn check_title(text: &str) -> Result<String, TextRefused> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextRefused::Empty);
    }
    if text.len() > TITLE_BYTES_MAX {
        return Err(TextRefused::TitleTooLong(text.len()));
    }
    control_free(text, &[])?;
    Ok(text.to_owned())
}

/// Checks a description: may be empty and have lines.
pub fn check_description(text: &str) -> Result<String, TextRefused> {
    if text.len() > DESCRIPTION_BYTES_MAX {
        return Err(TextRefused::TooLong(text.len()));
    }
    control_free(text, &['\n', '\t', '\r'])?;
    Ok(text.to_owned())
}

/// Checks that no judge would be asked for a criterion that he is not shown.
pub fn check_acceptance(criteria: &[String]) -> Result<(), TextRefused> {
    let (count, bytes) = (criteria.len(), criteria.iter().map(String::len).sum());
    match count > CRITERIA_MAX || bytes > CRITERIA_BYTES_MAX {
        true => Err(TextRefused::TooManyCriteria { count, bytes }),
        false => Ok(()),
    }
}

/// Splits a goal into a title and a description: the first line or sentence is the title, all of it the description.
pub fn check_goal(text: &str) -> Result<(String, String), TextRefused> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextRefused::Empty);
    }
    let description = check_description(text)?;
    let line = text.lines().next().unwrap_or(text).trim();
    let mut title = String::new();
    for word in line.split_whitespace() {
        if title.len() + word.len() + 4 > TITLE_BYTES_MAX {
            title.push_str(" …");
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
    }
    if title.is_empty() || title == " …" {
        title = line.chars().take(60).collect();
    }
    Ok((check_title(&title)?, description))
}

fn control_free(text: &str, allowed: &[char]) -> Result<(), TextRefused> {
    match text
        .chars()
        .find(|c| c.is_control() && !allowed.contains(c))
    {
        Some(c) => Err(TextRefused::Control(u32::from(c))),
        None => Ok(()),
    }
}

/// The list line of the seeds: `#4006 [M] [open] [Proveo] [BENTO-REVIEW] Code review of project scaffold (parent: #4001)`.
pub fn list_line(task: &Task, shown_state: &str) -> String {
    let owner = task.owner.as_deref().unwrap_or("—");
    let parent = task
        .parent
        .map(|p| format!(" (parent: {p})"))
        .unwrap_or_default();
    format!(
        "{} [{}] [{shown_state}] [{owner}] {}{parent}",
        task.id,
        task.priority.letter(),
        task.title
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_checked() {
        assert_eq!(check_title("  Add a thing "), Ok("Add a thing".to_owned()));
        assert_eq!(check_title(" \n"), Err(TextRefused::Empty));
        assert_eq!(check_title("a\u{1b}[31mb"), Err(TextRefused::Control(0x1b)));
        assert!(matches!(
            check_title(&"x".repeat(301)),
            Err(TextRefused::TitleTooLong(301))
        ));
    }

    #[test]
    fn a_goal_gets_a_short_title_and_keeps_its_text() {
        let long = format!("Build it {}\nwith a second line", "very ".repeat(200));
        let (title, description) = check_goal(&long).expect("a goal of 1 KB");
        assert!(
            title.len() <= TITLE_BYTES_MAX && title.ends_with('…'),
            "{title}"
        );
        assert_eq!(description, long.trim());
        assert!(matches!(
            check_goal(&"x".repeat(100 * 1024)),
            Err(TextRefused::TooLong(_))
        ));
        let (title, _) = check_goal(&"x".repeat(1000)).expect("one long word");
        assert_eq!(title.len(), 60);
        assert_eq!(check_goal("  "), Err(TextRefused::Empty));
    }

    #[test]
    fn words_of_the_store_round_trip() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        for kind in TaskKind::ALL {
            assert_eq!(TaskKind::parse(kind.as_str()), Some(kind));
        }
        for reason in WaitReason::ALL {
            assert_eq!(WaitReason::parse(reason.as_str()), Some(reason));
        }
        for rank in 1..=4 {
            let priority = Priority::from_rank(rank).expect("four ranks");
            assert_eq!(Priority::parse(priority.letter()), Some(priority));
        }
    }

    #[test]
    fn criteria_are_as_many_as_a_judge_is_shown() {
        let of = |count, bytes: usize| check_acceptance(&vec!["x".repeat(bytes); count]);
        assert_eq!(of(0, 0), Ok(()));
        assert_eq!(of(CRITERIA_MAX, 400), Ok(()));
        assert!(of(CRITERIA_MAX + 1, 1).is_err());
        let why = of(1, CRITERIA_BYTES_MAX + 1)
            .expect_err("too long")
            .to_string();
        assert!(why.contains("split the task"), "{why}");
    }
}
