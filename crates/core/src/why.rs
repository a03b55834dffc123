//! `alai why`: where a task stands, by which rule, for whom, until when and what comes next. Answers for every state.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{RunId, TaskId};
use crate::overlap::{Held as HeldBack, Place};
use crate::pipeline::{HUMAN_WAIT_MS, judge_action};
use crate::task::{State, Task, TaskKind, Until, WaitReason, Waiting};

mod rule;

pub use rule::{COMMANDS, Rule};

/// What is known around a task when the question is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub now_ms: i64,
    /// Who decides what nobody else does.
    pub operator: String,
    /// Milliseconds that work which could be begun may wait before that is an alarm.
    pub queue_ms_max: i64,
    pub daemon: Daemon,
    /// What hinders a dispatch of this task.
    pub hindrance: Option<Hindrance>,
    /// Needs that are not met.
    pub unmet: Vec<Unmet>,
    pub run: Option<LiveRun>,
    /// Tasks of the goal that are not finished.
    pub goal_left: Vec<Beside>,
    /// A task of the same line of work that is not finished, while this one is.
    pub lineage_left: Option<Beside>,
    /// A merge or delivery of this task is queued.
    pub merging: Option<Merging>,
    /// What keeps finished work from where it belongs.
    pub held_up: Option<HeldUp>,
    /// Effects of this task that were given up.
    pub dead_effects: u64,
    /// The person who judged what this task is about, and his verdict.
    pub judged: Option<String>,
    /// Where its merged work stands on a remote.
    pub published: Option<OnRemote>,
    /// The tasks that stand in the place of its line of work, which was planned anew.
    pub replaced_by: Vec<TaskId>,
}

/// Merged work on a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnRemote {
    /// Where it is, in words.
    pub words: String,
    /// Why the last push or look failed.
    pub trouble: Option<String>,
}

impl OnRemote {
    fn told(&self) -> String {
        match &self.trouble {
            Some(why) => format!("{}; last try: {why}", self.words),
            None => self.words.clone(),
        }
    }
}

/// The process that moves tasks forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    Down,
    Up,
    /// It finishes what runs and starts nothing new.
    Draining,
    /// A process holds the home and takes no requests: a command at work, or a daemon that starts or hangs.
    Silent,
}

/// Why a task would not be given out now, although it could be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    NoModel,
    /// All slots are taken.
    Slots(usize),
    Project(usize),
    Company(String, usize),
    Model(String, usize),
    Host(String, usize),
    /// The scheduler has no place for it now, and says why.
    Fleet(String),
    /// Another line of work changes the same paths.
    Overlap(HeldBack),
}

/// Another task as far as it matters to this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    pub task: TaskId,
    pub state: State,
    /// For whom it waits and until when, where it waits for somebody.
    pub waits: Option<(String, i64)>,
}

/// A need that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    pub needs: TaskId,
    pub until: Until,
    /// Where the line of work that is needed stands: its task that is not finished, or else the needed one itself.
    pub at: Beside,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merging {
    Queued,
    /// The last attempt failed by the machine's fault, and is made again.
    Again(String),
}

/// Finished work that is not where it belongs, and waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldUp {
    pub what: Held,
    /// What was tried, in words.
    pub detail: String,
    /// Milliseconds since the Unix epoch.
    pub deadline_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It passed its gate and its reviews, but could not be merged.
    Merge,
    /// It is merged, but the target branch could not be moved.
    Delivery,
    /// It is merged; a person moves the target branch.
    Approval,
}

/// The run that holds the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRun {
    pub run: RunId,
    /// The person's name, when it is a person's.
    pub worker: String,
    pub by_person: bool,
    pub lease_until_ms: i64,
    pub step: Option<String>,
    pub mode: Option<crate::mode::Mode>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    pub rule: Rule,
    pub text: String,
    pub owner: String,
    /// Milliseconds since the Unix epoch, where there is a deadline.
    pub deadline_ms: Option<i64>,
    pub next_action: String,
}

/// Who does what no person has to do.
const FACTORY: &str = "factory";

/// The state a person sees: the stored one, but `stalled` from the first moment after a lease has lapsed.
pub fn shown(task: &Task, run: Option<&LiveRun>, now_ms: i64) -> &'static str {
    match (task.state, run) {
        (State::Started | State::ReadyForReview, Some(run)) if run.lease_until_ms < now_ms => {
            "stalled"
        }
        (State::Started, None) => "stalled",
        (state, _) => state.as_str(),
    }
}

/// Why a task is where it is.
pub fn why(task: &Task, facts: &Facts) -> Why {
    let id = task.id.0;
    let operator = |rule, text: &str, next: String| Why {
        rule,
        text: text.to_owned(),
        owner: facts.operator.clone(),
        deadline_ms: None,
        next_action: next,
    };
    if let Some(first) = facts.replaced_by.first() {
        return with_dead_effects(replaced(*first, facts), facts);
    }
    let answer = match (task.state, &facts.run) {
        (State::Open, _) => open(task, facts),
        (State::Started | State::ReadyForReview, Some(run)) => held(task, run, facts),
        (State::Started, None) => operator(
            Rule::Broken,
            "it is started, but no run holds it",
            "`alai mc fsck`".into(),
        ),
        (State::ReadyForReview, None) => ready(task, facts),
        (State::Waiting, _) => waiting(task, facts),
        (State::Paused, _) => operator(
            Rule::Paused,
            "a person paused it",
            format!("`alai mc resume {id}`"),
        ),
        (State::Done, _) => done(task, facts),
        (State::Failed, _) => operator(
            Rule::Failed,
            "it failed for good",
            format!("`alai mc retry {id}`"),
        ),
        (State::Cancelled, _) => operator(
            Rule::Cancelled,
            "a person cancelled it",
            format!("nothing; `alai mc retry {id}` takes it up again"),
        ),
    };
    with_dead_effects(answer, facts)
}

/// Others stand in its place. Nobody takes it up again.
fn replaced(first: TaskId, facts: &Facts) -> Why {
    let names: Vec<String> = { facts.replaced_by.iter() }
        .map(ToString::to_string)
        .collect();
    Why {
        rule: Rule::Replaced,
        text: format!(
            "its tries were over and it was planned anew: replaced by {}",
            names.join(", ")
        ),
        owner: "nobody".into(),
        deadline_ms: None,
        next_action: format!("`alai why {}`", first.0),
    }
}

/// Where a person knows of a task only by what was told outside, what was never told is part of where it stands.
fn with_dead_effects(mut answer: Why, facts: &Facts) -> Why {
    if facts.dead_effects == 0 {
        return answer;
    }
    answer.text += &format!(
        "; {} message(s) about it were given up, pages of it may be old",
        facts.dead_effects
    );
    if answer.rule == Rule::Done {
        answer.rule = Rule::Undelivered;
        answer.owner.clone_from(&facts.operator);
        answer.next_action = "`alai mc redeliver`".into();
    } else {
        answer.next_action += "; `alai mc redeliver` sends what was given up";
    }
    answer
}

fn open(task: &Task, facts: &Facts) -> Why {
    // A goal is no work of its own: nothing that a task needs holds it up.
    if task.kind == TaskKind::Goal {
        return open_goal(facts);
    }
    if let Some(worst) = facts.unmet.iter().max_by_key(|unmet| severity(&unmet.at)) {
        return needs(task, worst, facts);
    }
    if task.project.is_none() {
        let owner = task.owner.as_deref().unwrap_or(&facts.operator);
        return Why {
            rule: Rule::NoProject,
            text: "it names no project, so no agent can work on it".into(),
            owner: owner.into(),
            deadline_ms: None,
            next_action: format!(
                "do it and `alai mc done {} \"REASON\"`, or add it again with --project",
                task.id.0
            ),
        };
    }
    if task.run_at_ms > facts.now_ms {
        let text = "it was tried and the infrastructure failed; it is tried again after a pause";
        let (owner, next_action) = by_itself(facts);
        return Why {
            rule: Rule::Backoff,
            text: text.into(),
            owner,
            deadline_ms: Some(task.run_at_ms),
            next_action,
        };
    }
    let free = "it is eligible and starts at the next beat";
    startable(task, facts, Rule::Eligible, "it is eligible", free)
}

/// Work that could be begun now: what hinders it, if anything does. Past the alarm it is a person's.
fn startable(task: &Task, facts: &Facts, free: Rule, what: &str, otherwise: &str) -> Why {
    let since_ms = task.updated_ms.max(task.run_at_ms);
    let deadline_ms = since_ms.saturating_add(facts.queue_ms_max);
    let late = deadline_ms < facts.now_ms;
    let (rule, text) = match (facts.daemon, &facts.hindrance) {
        (Daemon::Down, _) => (Rule::NoDaemon, format!("{what}, but no daemon is running")),
        (Daemon::Draining, _) => (
            Rule::Draining,
            format!("{what}, but the daemon goes down and starts nothing new"),
        ),
        (Daemon::Silent, _) => (
            Rule::Silent,
            format!("{what}, but a process that takes no requests holds the home"),
        ),
        (Daemon::Up, Some(hindrance)) => (hindrance.rule(), format!("{what}, but {hindrance}")),
        (Daemon::Up, None) if late => (Rule::Unclaimed, format!("{what}, and nobody takes it")),
        (Daemon::Up, None) => (free, otherwise.to_owned()),
    };
    let (mut owner, mut next_action) = by_itself(facts);
    if rule != free && facts.daemon == Daemon::Up {
        next_action = "`alai status` shows what runs".into();
    }
    let (mut deadline_ms, mut late) = (deadline_ms, late);
    if let (Rule::Overlap, Some(Hindrance::Overlap(held))) = (rule, &facts.hindrance) {
        // It waits for work that goes on, and begins then at the latest, whatever the other one does: until then it is nobody's.
        deadline_ms = held.until_ms;
        late = deadline_ms < facts.now_ms;
        next_action = format!(
            "nothing; it goes on by itself: `alai why {}` shows what it waits for",
            held.by.0
        );
    }
    if late {
        owner.clone_from(&facts.operator);
    }
    Why {
        rule,
        text: overdue(text, deadline_ms, facts),
        owner,
        deadline_ms: Some(deadline_ms),
        next_action,
    }
}

/// How much stands in the way of a need: what a person must act on comes before what is on its way.
fn severity(at: &Beside) -> u8 {
    match (at.state, &at.waits) {
        (State::Failed | State::Cancelled, _) => 3,
        (_, Some(_)) => 2,
        (State::Paused, None) => 1,
        (
            State::Open | State::Started | State::ReadyForReview | State::Waiting | State::Done,
            None,
        ) => 0,
    }
}

fn needs(task: &Task, worst: &Unmet, facts: &Facts) -> Why {
    let Unmet { needs, until, at } = worst;
    let words = match until {
        Until::Integrated => "merged",
        Until::Done => "done",
    };
    let more = match facts.unmet.len() {
        0 | 1 => String::new(),
        all => format!(" ({} more need(s) are not met)", all - 1),
    };
    let text = format!(
        "it needs {needs} to be {words}; {} is {}{more}",
        at.task, at.state
    );
    let (rule, owner, deadline_ms, next_action) = match (&at.waits, at.state) {
        (_, State::Failed | State::Cancelled) => (
            Rule::NeedEnded,
            facts.operator.clone(),
            None,
            format!(
                "`alai mc retry {}` or `alai mc cancel {}`",
                at.task.0, task.id.0
            ),
        ),
        (Some((owner, deadline_ms)), _) => (
            Rule::NeedWaits,
            owner.clone(),
            Some(*deadline_ms),
            format!("`alai why {}`", at.task.0),
        ),
        (None, State::Paused) => (
            Rule::NeedPaused,
            facts.operator.clone(),
            None,
            format!("`alai mc resume {}`", at.task.0),
        ),
        (
            None,
            State::Open | State::Started | State::ReadyForReview | State::Waiting | State::Done,
        ) => (
            Rule::Needs,
            FACTORY.to_owned(),
            None,
            format!("`alai why {}`", at.task.0),
        ),
    };
    Why {
        rule,
        text,
        owner,
        deadline_ms,
        next_action,
    }
}

fn open_goal(facts: &Facts) -> Why {
    let left = &facts.goal_left;
    let of = |state| left.iter().find(move |t| t.state == state);
    let at_work = of(State::Started).or_else(|| of(State::ReadyForReview));
    let count = format!("{} of its tasks are left", left.len());
    if let Some(at) = left.iter().find(|t| t.waits.is_some())
        && let Some((owner, deadline_ms)) = &at.waits
    {
        return Why {
            rule: Rule::GoalWaits,
            text: overdue(
                format!("{count}; {} waits for a person", at.task),
                *deadline_ms,
                facts,
            ),
            owner: owner.clone(),
            deadline_ms: Some(*deadline_ms),
            next_action: format!("`alai why {}`", at.task.0),
        };
    }
    let (owner, by_itself) = by_itself(facts);
    let (rule, text, owner, next_action) = match (at_work, of(State::Open), left.first()) {
        // Nobody goes on with what is open or settled while no daemon runs.
        (None, Some(_), _) | (None, None, None) if facts.daemon != Daemon::Up => (
            Rule::GoalStands,
            format!("{count}, and no daemon goes on with it"),
            owner,
            by_itself,
        ),
        (Some(at), _, _) | (None, Some(at), _) => (
            Rule::GoalRuns,
            format!("{count}; next is {} ({})", at.task, at.state),
            FACTORY.into(),
            format!("`alai why {}`", at.task.0),
        ),
        (None, None, Some(at)) => (
            Rule::GoalPaused,
            format!("{count}; {} is {}", at.task, at.state),
            facts.operator.clone(),
            format!("`alai mc resume {}`", at.task.0),
        ),
        (None, None, None) => {
            let text = match (&facts.merging, &facts.published) {
                (Some(_), _) => "its work is being moved to the target branch".to_owned(),
                (None, Some(there)) => there.told(),
                (None, None) => "everything under it is settled".to_owned(),
            };
            (Rule::GoalSettles, text, owner, by_itself)
        }
    };
    Why {
        rule,
        text,
        owner,
        deadline_ms: None,
        next_action,
    }
}

/// A run holds it: one of the factory, or a person.
fn held(task: &Task, run: &LiveRun, facts: &Facts) -> Why {
    let lapsed = run.lease_until_ms < facts.now_ms;
    let short = run.run.short();
    let (rule, text, owner, next_action) = match (run.by_person, lapsed) {
        (true, false) => (
            Rule::Person,
            format!("{} has taken it and works on it", run.worker),
            run.worker.clone(),
            hand_in(task),
        ),
        (true, true) => (
            Rule::PersonLapsed,
            format!(
                "{} has taken it and not handed it in; it goes back to the queue at the next beat",
                run.worker
            ),
            run.worker.clone(),
            match facts.daemon {
                Daemon::Up => hand_in(task),
                Daemon::Draining | Daemon::Silent | Daemon::Down => {
                    format!("{}, or `alai up`", hand_in(task))
                }
            },
        ),
        (false, false) => {
            let step = run.step.as_deref().unwrap_or("starting");
            let mut mode = run.mode.map(|m| format!(", {m}")).unwrap_or_default();
            if task.sandbox == crate::cage::Sandbox::Off {
                mode.push_str(", WITHOUT A CAGE (--sandbox off)");
            }
            (
                Rule::Running,
                format!("run {short} of {} is at `{step}`{mode}", run.worker),
                run.worker.clone(),
                ITSELF.to_owned(),
            )
        }
        (false, true) => {
            let (owner, next_action) = by_itself(facts);
            let text =
                format!("run {short} has let its lease lapse; it is taken back at the next beat");
            (Rule::Stalled, text, owner, next_action)
        }
    };
    Why {
        rule,
        text,
        owner,
        deadline_ms: Some(run.lease_until_ms),
        next_action,
    }
}

/// How a person hands in what he did: a commit, where there is code to measure.
fn hand_in(task: &Task) -> String {
    let id = task.id.0;
    match task.project.is_some() && task.kind.changes_code() {
        true => format!("`alai mc ready {id} --head COMMIT`"),
        false if task.kind.judges() => judge_action(task),
        false => format!("`alai mc ready {id}`"),
    }
}

/// A person has handed it in: the gate measures his commit, or another person judges.
fn ready(task: &Task, facts: &Facts) -> Why {
    if let (Some(_), Some(judged)) = (&task.handed, &facts.judged) {
        let free = format!("{judged}; that is taken up at the next beat");
        return startable(task, facts, Rule::HandedIn, judged, &free);
    }
    if task.handed.is_some() {
        let free = "a person handed a commit in; its gate is at work from the next beat on";
        return startable(
            task,
            facts,
            Rule::HandedIn,
            "a person handed a commit in",
            free,
        );
    }
    let deadline_ms = task.updated_ms.saturating_add(HUMAN_WAIT_MS);
    let text = "a person said that it is ready; nobody has judged it yet".to_owned();
    Why {
        rule: Rule::Ready,
        text: overdue(text, deadline_ms, facts),
        owner: facts.operator.clone(),
        deadline_ms: Some(deadline_ms),
        next_action: format!(
            "`alai mc done {0} \"REASON\"` or `alai mc reject {0} \"WHAT IS WRONG\"`",
            task.id.0
        ),
    }
}

fn waiting(task: &Task, facts: &Facts) -> Why {
    let Some(waiting) = &task.waiting else {
        // The store's constraint forbids it; said plainly should it ever be broken.
        return Why {
            rule: Rule::Broken,
            text: "it waits without a reason".into(),
            owner: facts.operator.clone(),
            deadline_ms: None,
            next_action: "`alai mc fsck`".into(),
        };
    };
    let Waiting {
        reason,
        owner,
        deadline_ms,
        next_action,
        detail,
    } = waiting;
    if *reason == WaitReason::Approval
        && let Some(merging) = &facts.merging
    {
        let (owner, next_action) = by_itself(facts);
        return Why {
            rule: Rule::Delivering,
            text: format!("approved; the target branch is moved next{merging}"),
            owner,
            deadline_ms: Some(*deadline_ms),
            next_action,
        };
    }
    let mut text = match detail.trim().is_empty() {
        true => reason.as_str().to_owned(),
        false => detail.clone(),
    };
    // A pull request that cannot be looked at is waited for in vain.
    if *reason == WaitReason::Approval
        && let Some(trouble) = { facts.published.as_ref() }.and_then(|there| there.trouble.as_ref())
        && !text.contains(trouble.as_str())
    {
        text.push_str(&format!("; last try: {trouble}"));
    }
    Why {
        rule: Rule::of(*reason),
        text: overdue(text, *deadline_ms, facts),
        owner: owner.clone(),
        deadline_ms: Some(*deadline_ms),
        next_action: next_action.clone(),
    }
}

fn done(task: &Task, facts: &Facts) -> Why {
    if let Some(held) = &facts.held_up {
        let id = task.id.0;
        let (rule, next_action) = match held.what {
            Held::Merge => (
                Rule::MergeRefused,
                format!("mend it, then `alai mc retry {id}`"),
            ),
            Held::Delivery => (
                Rule::DeliveryRefused,
                format!("mend it, then `alai mc approve {id}`"),
            ),
            Held::Approval => (Rule::Approval, format!("`alai mc approve {id}`")),
        };
        return Why {
            rule,
            text: overdue(held.detail.clone(), held.deadline_ms, facts),
            owner: facts.operator.clone(),
            deadline_ms: Some(held.deadline_ms),
            next_action,
        };
    }
    if let Some(merging) = &facts.merging {
        let (owner, next_action) = by_itself(facts);
        let text = match &task.integrated {
            Some(commit) => {
                format!("done and merged as {commit}; the target branch is moved next{merging}")
            }
            None => format!("done; its merge is queued{merging}"),
        };
        return Why {
            rule: Rule::Merging,
            text,
            owner,
            deadline_ms: None,
            next_action,
        };
    }
    if let (Some(at), None) = (&facts.lineage_left, &task.integrated) {
        let (owner, deadline_ms) = match &at.waits {
            Some((owner, deadline_ms)) => (owner.clone(), Some(*deadline_ms)),
            None => (FACTORY.to_owned(), None),
        };
        return Why {
            rule: Rule::InReview,
            text: format!("done, not merged yet; {} is {}", at.task, at.state),
            owner,
            deadline_ms,
            next_action: format!("`alai why {}`", at.task.0),
        };
    }
    let text = match (&task.integrated, &facts.judged) {
        (Some(commit), _) => match &facts.published {
            Some(there) => format!("done and merged as {commit}; {}", there.told()),
            None => format!("done and merged as {commit}"),
        },
        (None, Some(judged)) => format!("done; {judged}"),
        (None, None) => match &facts.published {
            Some(there) => format!("done; {}", there.told()),
            None => "done".to_owned(),
        },
    };
    Why {
        rule: Rule::Done,
        text,
        owner: "nobody".into(),
        deadline_ms: None,
        next_action: "nothing".into(),
    }
}

const ITSELF: &str = "nothing; it goes on by itself";

/// Who moves what needs no decision, and what that takes.
fn by_itself(facts: &Facts) -> (String, String) {
    match facts.daemon {
        Daemon::Up => (FACTORY.into(), ITSELF.into()),
        Daemon::Draining => (
            facts.operator.clone(),
            "`alai up` when the daemon is down".into(),
        ),
        Daemon::Silent => (
            facts.operator.clone(),
            "`alai status` names the process; `alai up` when it has ended".into(),
        ),
        Daemon::Down => (facts.operator.clone(), "`alai up`".into()),
    }
}

fn overdue(text: String, deadline_ms: i64, facts: &Facts) -> String {
    match deadline_ms < facts.now_ms {
        true => format!("{text} (overdue)"),
        false => text,
    }
}

impl Hindrance {
    fn rule(&self) -> Rule {
        match self {
            Hindrance::NoModel => Rule::NoModel,
            Hindrance::Slots(_) => Rule::Slots,
            Hindrance::Project(_) => Rule::ProjectLimit,
            Hindrance::Company(..) => Rule::CompanyLimit,
            Hindrance::Model(..) => Rule::ModelLimit,
            Hindrance::Host(..) => Rule::HostLimit,
            Hindrance::Fleet(_) => Rule::Fleet,
            Hindrance::Overlap(_) => Rule::Overlap,
        }
    }
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hindrance::NoModel => f.write_str("no model is reachable"),
            Hindrance::Slots(most) => write!(f, "all {most} slots are taken"),
            Hindrance::Project(most) => write!(f, "its project has {most} run(s), its limit"),
            Hindrance::Company(name, most) => {
                write!(f, "the company {name} has {most} run(s), its limit")
            }
            Hindrance::Model(name, most) => {
                write!(f, "the model {name} has {most} run(s), its limit")
            }
            Hindrance::Host(name, most) => {
                write!(f, "the model host {name} has {most} run(s), its limit")
            }
            Hindrance::Fleet(why) => f.write_str(why),
            Hindrance::Overlap(held) => match &held.place {
                Place::Path(path) => write!(
                    f,
                    "it waits for {}, which works on `{path}` and is not merged yet",
                    held.by
                ),
                Place::Ground => write!(
                    f,
                    "its repository has no code yet, and {}, which is to begin it, is not merged yet",
                    held.by
                ),
            },
        }
    }
}

/// What a queued merge adds to a sentence.
impl fmt::Display for Merging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Merging::Queued => Ok(()),
            Merging::Again(why) => write!(f, "; the last attempt failed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests;
