//! The queue as the scheduler sees it: each task that could be begun with its order, its age and the places where it may run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use alai_core::ids::{ProjectId, TaskId};
use alai_core::pipeline::lineage;
use alai_core::queue::urgency;
use alai_core::schedule::{Choice, Job, JobId, Residence, State, Sticky, ranks};
use alai_core::task::{Task, TaskKind};
use alai_fleet::Provider;
use alai_mission::{Behind, Queue, Ready};

use super::picture::Picture;
use super::roster::{At, Known};
use crate::models::{Chosen, OWN_CHOICE};

/// Milliseconds that a task is expected to take where none of its kind was measured. What matters is their order of size beside a
/// load's.
const SPEC_MS: i64 = 2 * 60_000;
const BUILD_MS: i64 = 15 * 60_000;
const OPS_MS: i64 = 10 * 60_000;
const DOCS_MS: i64 = 8 * 60_000;
const JUDGE_MS: i64 = 5 * 60_000;
const SUM_MS: i64 = 60_000;

/// Milliseconds of reading a prompt that are saved where the task's last run was served: its beginning is the same.
const SAVES_MS: i64 = 30_000;

/// What counts in the order, from the least to the most: the path behind a task, then projects by turns, then the fewest runs of its
/// project, then its priority with its age. Each step is longer than all of what stands below it.
const TURN_MS: i64 = 4 * 60 * 60_000;
const TURNS_MAX: i64 = 8;
const BUSY_MS: i64 = TURN_MS * TURNS_MAX;
const BUSY_MAX: i64 = 8;
const URGENCY_MS: i64 = BUSY_MS * BUSY_MAX;

/// A task that could be begun, and who may serve it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) ready: Ready,
    /// The company's name, where the task is routed to one.
    pub(super) company: Option<String>,
    /// The best first; none for what needs no model, or finds none: its run says so.
    pub(super) choices: Vec<Chosen>,
    /// Whether its code stays on machines of one's own.
    pub(super) local_only: bool,
}

/// Milliseconds of a kind's own work.
pub(super) fn own_ms(kind: TaskKind) -> i64 {
    match kind {
        TaskKind::Spec => SPEC_MS,
        TaskKind::Build => BUILD_MS,
        TaskKind::Ops => OPS_MS,
        TaskKind::Docs => DOCS_MS,
        TaskKind::Review | TaskKind::Security | TaskKind::Verify => JUDGE_MS,
        TaskKind::Goal | TaskKind::Postflight => SUM_MS,
    }
}

/// Milliseconds from a task's beginning to the end of its line of work: what it is judged by comes behind it.
fn line_ms(kind: TaskKind) -> i64 {
    match kind {
        TaskKind::Build => BUILD_MS + 2 * JUDGE_MS,
        TaskKind::Review => 2 * JUDGE_MS,
        TaskKind::Verify => 3 * JUDGE_MS,
        TaskKind::Security
        | TaskKind::Spec
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Goal
        | TaskKind::Postflight => own_ms(kind),
    }
}

/// What orders the queue.
pub(super) struct Order {
    /// Milliseconds of the longest path of work behind a line of work, by its first task.
    behind_ms: BTreeMap<TaskId, i64>,
    turns: BTreeMap<Option<ProjectId>, i64>,
    pub(super) now_ms: i64,
}

impl Order {
    pub(super) fn of(wanted: &[Wanted], queue: &Queue, now_ms: i64) -> Order {
        Order {
            behind_ms: behind_ms(&queue.behind),
            turns: turns(wanted),
            now_ms,
        }
    }

    /// Milliseconds of the longest path of work from a task to the end. What needs a build needs its whole line.
    pub(super) fn path_ms(&self, task: &Task) -> i64 {
        let behind_ms = self.behind_ms.get(&lineage(task)).copied();
        line_ms(task.kind) + behind_ms.unwrap_or(0)
    }

    /// Where a task stands. `busy`: runs of its project at work.
    pub(super) fn rank_ms(&self, task: &Task, busy: usize, path_ms: i64) -> i64 {
        let urgency = urgency(task.priority, self.now_ms.saturating_sub(task.created_ms));
        let busy = i64::try_from(busy).unwrap_or(BUSY_MAX).min(BUSY_MAX - 1);
        let turn = self.turns.get(&task.project).copied();
        let turn = turn.unwrap_or(TURNS_MAX).min(TURNS_MAX - 1);
        urgency * URGENCY_MS
            + (BUSY_MAX - 1 - busy) * BUSY_MS
            + (TURNS_MAX - 1 - turn) * TURN_MS
            + path_ms.clamp(0, TURN_MS - 1)
    }
}

fn behind_ms(behind: &[Behind]) -> BTreeMap<TaskId, i64> {
    let mut at = BTreeMap::new();
    let mut own = Vec::new();
    let mut node = |id: TaskId, ms: i64| {
        let position = *at.entry(id).or_insert_with(|| {
            own.push(0);
            own.len() - 1
        });
        own[position] = own[position].max(ms);
        position
    };
    let edges: Vec<(usize, usize)> = behind
        .iter()
        .map(|behind| {
            (
                node(behind.task, line_ms(behind.kind)),
                node(behind.needs, 0),
            )
        })
        .collect();
    let mut needs = vec![Vec::new(); own.len()];
    for (task, need) in edges {
        needs[task].push(need);
    }
    let ranks = ranks(&own, &needs);
    at.into_iter()
        .map(|(id, position)| (id, ranks[position] - own[position]))
        .collect()
}

/// The jobs of one round.
pub(super) fn jobs(wanted: &[Wanted], order: &Order, picture: &Picture, known: &Known) -> Vec<Job> {
    let job = |wanted: &Wanted| {
        let task = &wanted.ready.task;
        let choices = choices(task.kind, &wanted.choices, picture, known);
        if choices.is_empty() {
            return None;
        }
        let path_ms = order.path_ms(task);
        Some(Job {
            id: JobId(task.id.0.unsigned_abs()),
            rank_ms: order.rank_ms(task, wanted.ready.busy, path_ms),
            path_ms,
            arrived_ms: arrived_ms(task, &choices, picture, known, order.now_ms),
            local_only: wanted.local_only,
            sticky: sticky(task.id, &choices, picture, known),
            choices,
        })
    };
    wanted.iter().filter_map(job).collect()
}

/// The places of a task that the picture has.
pub(super) fn choices(
    kind: TaskKind,
    chosen: &[Chosen],
    picture: &Picture,
    known: &Known,
) -> Vec<Choice> {
    let choice = |chosen: &Chosen| {
        let at = At::of(chosen);
        let (host, model) = picture.find(&at)?;
        picture.state.fleet().place(host, model)?;
        Some(Choice {
            host,
            model,
            expected_ms: known.speeds.run_ms(kind, &at).unwrap_or(own_ms(kind)),
        })
    };
    chosen.iter().filter_map(choice).collect()
}

/// The order of the queue as far as no graph and no fleet is known: the first comes first.
pub(super) fn precedence(ready: &Ready, now_ms: i64) -> impl Ord + use<> {
    let task = &ready.task;
    let urgency = urgency(task.priority, now_ms.saturating_sub(task.created_ms));
    let handed = task.handed.is_none();
    (
        handed,
        Reverse(urgency),
        ready.busy,
        ready.served_ms,
        task.id,
    )
}

/// The projects' turns: 0 for the one that was served longest ago.
fn turns(wanted: &[Wanted]) -> BTreeMap<Option<ProjectId>, i64> {
    let of = |w: &Wanted| (w.ready.served_ms, w.ready.task.project);
    let projects: BTreeSet<(i64, Option<ProjectId>)> = wanted.iter().map(of).collect();
    (0..)
        .zip(projects)
        .map(|(turn, (_, project))| (project, turn))
        .collect()
}

/// Since when a task waits for a model that nobody is given. One whose model is at work waits for a slot, and for that its order is
/// enough: the age is there so that a model comes that would never come.
fn arrived_ms(
    task: &Task,
    choices: &[Choice],
    picture: &Picture,
    known: &Known,
    now_ms: i64,
) -> i64 {
    let at_work = |choice: &Choice| {
        let residence = picture.state.residence(choice.host, choice.model);
        matches!(residence, Residence::Resident { .. })
            && picture.state.is_busy(choice.host, choice.model)
    };
    if choices.iter().any(at_work) {
        return now_ms;
    }
    let served = choices.iter().filter_map(|choice| {
        let used = known.uses.get(&picture.at(choice.host, choice.model))?;
        Some(used.started_ms.max(used.ended_ms))
    });
    let ready_ms = task.updated_ms.max(task.run_at_ms).max(known.since_ms);
    served.fold(ready_ms, i64::max).min(now_ms)
}

fn sticky(task: TaskId, choices: &[Choice], picture: &Picture, known: &Known) -> Option<Sticky> {
    let (host, model) = picture.find(known.last(task)?)?;
    let there = choices.iter().any(|c| (c.host, c.model) == (host, model));
    there.then_some(Sticky {
        host,
        model,
        saves_ms: SAVES_MS,
    })
}

impl At {
    pub(crate) fn is_of(&self, chosen: &Chosen) -> bool {
        *self == At::of(chosen)
    }

    pub(super) fn of(chosen: &Chosen) -> At {
        At {
            host: chosen.provider.host(),
            model: match &chosen.provider {
                // A program has one place for whatever it is told to use.
                Provider::Agent(_) => OWN_CHOICE.to_owned(),
                Provider::Ollama(_)
                | Provider::Openai(_)
                | Provider::Anthropic(_)
                | Provider::Scripted(_) => chosen.model.clone(),
            },
        }
    }
}

/// Why a task that could be begun was given no place in this round, in words.
pub(super) fn why_not(state: &State, job: &Job) -> String {
    let fleet = state.fleet();
    let words = job.choices.iter().take(HOSTS_SHOWN_MAX).map(|choice| {
        let host = &fleet.hosts[choice.host.0].name;
        let model = &fleet.models[choice.model.0].name;
        match state.residence(choice.host, choice.model) {
            Residence::Resident { .. } => {
                let room = alai_core::schedule::room(state, choice.host, choice.model);
                match room.free {
                    0 => format!("{model} is loaded on {host}, where all is taken ({})", room.bound),
                    _ => format!("{model} is loaded on {host}, where work with precedence comes first"),
                }
            }
            Residence::Loading { .. } => format!("{model} is being loaded on {host}"),
            Residence::Draining { to, .. } => {
                let to = &fleet.models[to.0].name;
                format!("{model} on {host} takes no more work, because {to} comes in its place")
            }
            Residence::Absent if fleet.models[choice.model.0].bytes > fleet.hosts[choice.host.0].memory => {
                format!("{model} has no room on {host} beside what somebody else holds there, and comes when that has left its memory")
            }
            Residence::Absent => {
                let load_s = fleet.place(choice.host, choice.model).map_or(0, |p| p.load_ms / 1_000);
                let minutes = state.rules().age_ms_max / 60_000;
                format!(
                    "{model} is not loaded on {host}: what is loaded there has work, and is worth more than a load of {load_s} s; \
                     it comes after {minutes} min of waiting at the latest"
                )
            }
        }
    });
    let mut said = words.collect::<Vec<_>>().join("; ");
    if let Some(more) = job
        .choices
        .len()
        .checked_sub(HOSTS_SHOWN_MAX)
        .filter(|n| *n > 0)
    {
        said.push_str(&format!("; and {more} host(s) more"));
    }
    said
}

/// Hosts that are named in one sentence.
const HOSTS_SHOWN_MAX: usize = 3;
