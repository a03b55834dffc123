//! The rules by which a task is where it is, and the commands that a next action may name. Both are one list each, so that a
//! test can ask whether a rule is ever reached and whether a command exists.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::task::WaitReason;

/// Stable for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// What it needs is on its way.
    Needs,
    /// What it needs waits for somebody.
    NeedWaits,
    NeedPaused,
    /// What it needs failed or was cancelled.
    NeedEnded,
    /// No agent can work on it: a note of a person to himself.
    NoProject,
    Backoff,
    NoDaemon,
    /// The daemon goes down and starts nothing new.
    Draining,
    /// A process holds the home and takes no requests.
    Silent,
    Slots,
    ProjectLimit,
    CompanyLimit,
    ModelLimit,
    HostLimit,
    /// The scheduler has no place for it now.
    Fleet,
    /// Another line of work changes the same paths, and is not merged yet.
    Overlap,
    /// Nothing hinders it, and still nobody has taken it for too long.
    Unclaimed,
    Eligible,
    GoalRuns,
    GoalWaits,
    GoalPaused,
    /// Something is left of the goal, and no daemon goes on with it.
    GoalStands,
    GoalSettles,
    Running,
    Stalled,
    /// A person has taken it.
    Person,
    /// A person has taken it, and his time is over.
    PersonLapsed,
    /// A person's commit waits for its gate.
    HandedIn,
    /// A person said that it is ready; another one judges it.
    Ready,
    Safety,
    NoModel,
    /// The disk has too little room for a run's clone.
    NoRoom,
    /// A cap forbids a paid call, or its price is not known.
    Budget,
    ReviewCycles,
    QaRetries,
    InfraAttempts,
    GateUndecided,
    BoxRefused,
    MergeConflict,
    Approval,
    Interruptions,
    FanOut,
    NeedGone,
    Blocked,
    /// Its blueprint asks a person.
    Question,
    /// Its agent ran without a cage.
    Uncaged,
    Human,
    /// Approved; the target branch is about to be moved.
    Delivering,
    Paused,
    /// Done, and another task of its line of work is not.
    InReview,
    Merging,
    MergeRefused,
    DeliveryRefused,
    /// Done, but somebody outside was never told.
    Undelivered,
    Done,
    Failed,
    Cancelled,
    /// It was planned anew, and others stand in its place.
    Replaced,
    /// The rows contradict each other; the store's constraints and its check forbid it.
    Broken,
}

impl Rule {
    pub const ALL: [Rule; 59] = [
        Rule::Needs,
        Rule::NeedWaits,
        Rule::NeedPaused,
        Rule::NeedEnded,
        Rule::NoProject,
        Rule::Backoff,
        Rule::NoDaemon,
        Rule::Draining,
        Rule::Silent,
        Rule::Slots,
        Rule::ProjectLimit,
        Rule::CompanyLimit,
        Rule::ModelLimit,
        Rule::HostLimit,
        Rule::Fleet,
        Rule::Overlap,
        Rule::Unclaimed,
        Rule::Eligible,
        Rule::GoalRuns,
        Rule::GoalWaits,
        Rule::GoalPaused,
        Rule::GoalStands,
        Rule::GoalSettles,
        Rule::Running,
        Rule::Stalled,
        Rule::Person,
        Rule::PersonLapsed,
        Rule::HandedIn,
        Rule::Ready,
        Rule::Safety,
        Rule::NoModel,
        Rule::NoRoom,
        Rule::Budget,
        Rule::ReviewCycles,
        Rule::QaRetries,
        Rule::InfraAttempts,
        Rule::GateUndecided,
        Rule::BoxRefused,
        Rule::MergeConflict,
        Rule::Approval,
        Rule::Interruptions,
        Rule::FanOut,
        Rule::NeedGone,
        Rule::Blocked,
        Rule::Question,
        Rule::Uncaged,
        Rule::Human,
        Rule::Delivering,
        Rule::Paused,
        Rule::InReview,
        Rule::Merging,
        Rule::MergeRefused,
        Rule::DeliveryRefused,
        Rule::Undelivered,
        Rule::Done,
        Rule::Failed,
        Rule::Cancelled,
        Rule::Replaced,
        Rule::Broken,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Needs => "needs",
            Rule::NeedWaits => "need_waits",
            Rule::NeedPaused => "need_paused",
            Rule::NeedEnded => "need_ended",
            Rule::NoProject => "no_project",
            Rule::Backoff => "backoff",
            Rule::NoDaemon => "no_daemon",
            Rule::Draining => "draining",
            Rule::Silent => "silent",
            Rule::Slots => "slots",
            Rule::ProjectLimit => "project_limit",
            Rule::CompanyLimit => "company_limit",
            Rule::ModelLimit => "model_limit",
            Rule::HostLimit => "host_limit",
            Rule::Fleet => "fleet",
            Rule::Overlap => "overlap",
            Rule::Unclaimed => "unclaimed",
            Rule::Eligible => "eligible",
            Rule::GoalRuns => "goal_runs",
            Rule::GoalWaits => "goal_waits",
            Rule::GoalPaused => "goal_paused",
            Rule::GoalStands => "goal_stands",
            Rule::GoalSettles => "goal_settles",
            Rule::Running => "running",
            Rule::Stalled => "stalled",
            Rule::Person => "person",
            Rule::PersonLapsed => "person_lapsed",
            Rule::HandedIn => "handed_in",
            Rule::Ready => "ready",
            Rule::Safety => "safety",
            Rule::NoModel => "no_model",
            Rule::NoRoom => "no_room",
            Rule::Budget => "budget",
            Rule::ReviewCycles => "review_cycles",
            Rule::QaRetries => "qa_retries",
            Rule::InfraAttempts => "infra_attempts",
            Rule::GateUndecided => "gate_undecided",
            Rule::BoxRefused => "box_refused",
            Rule::MergeConflict => "merge_conflict",
            Rule::Approval => "approval",
            Rule::Interruptions => "interruptions",
            Rule::FanOut => "fan_out",
            Rule::NeedGone => "need_gone",
            Rule::Blocked => "blocked",
            Rule::Question => "question",
            Rule::Uncaged => "uncaged",
            Rule::Human => "human",
            Rule::Delivering => "delivering",
            Rule::Paused => "paused",
            Rule::InReview => "in_review",
            Rule::Merging => "merging",
            Rule::MergeRefused => "merge_refused",
            Rule::DeliveryRefused => "delivery_refused",
            Rule::Undelivered => "undelivered",
            Rule::Done => "done",
            Rule::Failed => "failed",
            Rule::Cancelled => "cancelled",
            Rule::Replaced => "replaced",
            Rule::Broken => "broken",
        }
    }

    /// The rule of a wait has the name of its reason.
    pub fn of(reason: WaitReason) -> Rule {
        match reason {
            WaitReason::Safety => Rule::Safety,
            WaitReason::NoModel => Rule::NoModel,
            WaitReason::NoRoom => Rule::NoRoom,
            WaitReason::Budget => Rule::Budget,
            WaitReason::ReviewCycles => Rule::ReviewCycles,
            WaitReason::QaRetries => Rule::QaRetries,
            WaitReason::InfraAttempts => Rule::InfraAttempts,
            WaitReason::GateUndecided => Rule::GateUndecided,
            WaitReason::BoxRefused => Rule::BoxRefused,
            WaitReason::MergeConflict => Rule::MergeConflict,
            WaitReason::Approval => Rule::Approval,
            WaitReason::Interruptions => Rule::Interruptions,
            WaitReason::FanOut => Rule::FanOut,
            WaitReason::NeedGone => Rule::NeedGone,
            WaitReason::Blocked => Rule::Blocked,
            WaitReason::Question => Rule::Question,
            WaitReason::Uncaged => Rule::Uncaged,
            WaitReason::Human => Rule::Human,
        }
    }

    /// Whether somebody or something is waited for that must come: its answer always says until when. The others are at rest,
    /// or stand behind another task, whose own answer has the deadline.
    pub fn waits(self) -> bool {
        match self {
            Rule::NeedWaits
            | Rule::Backoff
            | Rule::NoDaemon
            | Rule::Draining
            | Rule::Silent
            | Rule::Slots
            | Rule::ProjectLimit
            | Rule::CompanyLimit
            | Rule::ModelLimit
            | Rule::HostLimit
            | Rule::Fleet
            | Rule::Overlap
            | Rule::Unclaimed
            | Rule::Eligible
            | Rule::GoalWaits
            | Rule::Running
            | Rule::Stalled
            | Rule::Person
            | Rule::PersonLapsed
            | Rule::HandedIn
            | Rule::Ready
            | Rule::Safety
            | Rule::NoModel
            | Rule::NoRoom
            | Rule::Budget
            | Rule::ReviewCycles
            | Rule::QaRetries
            | Rule::InfraAttempts
            | Rule::GateUndecided
            | Rule::BoxRefused
            | Rule::MergeConflict
            | Rule::Approval
            | Rule::Interruptions
            | Rule::FanOut
            | Rule::NeedGone
            | Rule::Blocked
            | Rule::Question
            | Rule::Uncaged
            | Rule::Human
            | Rule::Delivering
            | Rule::MergeRefused
            | Rule::DeliveryRefused => true,
            Rule::Needs
            | Rule::NeedPaused
            | Rule::NeedEnded
            | Rule::NoProject
            | Rule::GoalRuns
            | Rule::GoalPaused
            | Rule::GoalStands
            | Rule::GoalSettles
            | Rule::Paused
            | Rule::InReview
            | Rule::Merging
            | Rule::Undelivered
            | Rule::Done
            | Rule::Failed
            | Rule::Cancelled
            | Rule::Replaced
            | Rule::Broken => false,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Every command that a next action may name, with `ID`, `NAME`, `TEXT` and `COMMIT` for what differs.
pub const COMMANDS: [&str; 28] = [
    "alai up",
    "alai status",
    "alai why ID",
    "alai project set NAME --test TEXT",
    "alai project set NAME --setup TEXT",
    "alai evidence show ID",
    "alai fleet cap day TEXT",
    "alai fleet cap goal ID TEXT",
    "alai fleet cap lineage ID TEXT",
    "alai fleet cap task ID TEXT",
    "alai fleet status",
    "alai minion list",
    "alai plan ID --edit",
    "alai mc add",
    "alai mc answer ID TEXT",
    "alai mc approve ID",
    "alai mc approve ID TEXT",
    "alai mc cancel ID",
    "alai mc done ID TEXT",
    "alai mc fsck",
    "alai mc ready ID",
    "alai mc ready ID --head COMMIT",
    "alai mc redeliver",
    "alai mc reject ID TEXT",
    "alai mc reject ID TEXT --finding TEXT",
    "alai mc resume ID",
    "alai mc retry ID",
    "alai mc show ID",
];
