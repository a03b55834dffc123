//! What will follow the work that is known: the stages behind a task that waits or is at work, and the tasks that need them. The scheduler chooses by
//! it what is loaded, and starts nothing for it.
//!
//! What there is not: nothing behind what the scheduler does not know itself, such as a person's answer or a merge that was refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use alai_core::ids::TaskId;
use alai_core::pipeline::{follower, lineage};
use alai_core::schedule::{Coming, Job, JobId};
use alai_core::task::{State, Task, TaskKind, Until};
use alai_mission::{Behind, MissionError, Queue};

use super::jobs::{Order, choices};
use super::picture::Picture;
use super::roster::Known;
use super::{Asked, Wanted, ask};
use crate::beat::Factory;
use crate::limits::Reaches;
use crate::models::Chosen;

/// What is looked at, what follows the work at work first, whether anybody can do it or not: for each its company and models are asked for once in a
/// beat. What comes later is in the ranks of what comes before it.
const LOOKS_MAX: usize = 64;
/// Numbers that no task has, for stages that have no row yet.
const FOLLOWS: u64 = u64::MAX / 4;

/// A task that will come.
#[derive(Debug)]
pub(super) struct Follow {
    task: Task,
    choices: Vec<Chosen>,
    local_only: bool,
    after: Vec<After>,
    /// A row of the store, and not a stage that is yet to be made.
    stored: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
enum After {
    /// A task that waits or is at work.
    Task(TaskId),
    /// By its position.
    Follow(usize),
}

/// Rows and models that were asked for, for the rounds of one beat.
#[derive(Debug, Default)]
pub(super) struct Seen {
    rows: BTreeMap<TaskId, Task>,
    asked: BTreeMap<(TaskId, TaskKind), Asked>,
}

/// What follows the wanted tasks and those at work.
pub(super) fn read(
    factory: &Arc<Factory>,
    seen: &mut Seen,
    queue: &Queue,
    wanted: &[Wanted],
    reaches: &Reaches,
    now_ms: i64,
) -> Result<Vec<Follow>, MissionError> {
    let at_work: Vec<TaskId> = {
        let known = factory.roster().lock();
        let placed = known.seats.values().filter(|seat| seat.at.is_some());
        placed.map(|seat| seat.task).collect()
    };
    let mut lines = Lines {
        factory,
        seen,
        reaches,
        now_ms,
        follows: Vec::new(),
        looks: 0,
        ends: BTreeMap::new(),
        merges: BTreeMap::new(),
    };
    for id in at_work {
        let task = lines.row(id)?;
        lines.go_on(&task, After::Task(id));
    }
    for wanted in wanted.iter().filter(|wanted| !wanted.choices.is_empty()) {
        let task = &wanted.ready.task;
        lines.go_on(task, After::Task(task.id));
    }
    lines.all_behind(&queue.behind)?;
    Ok(lines.follows)
}

struct Lines<'l> {
    factory: &'l Arc<Factory>,
    seen: &'l mut Seen,
    reaches: &'l Reaches,
    now_ms: i64,
    follows: Vec<Follow>,
    looks: usize,
    /// What has to end for a task to be done, and for its line of work to be merged.
    ends: BTreeMap<TaskId, After>,
    merges: BTreeMap<TaskId, After>,
}

impl Lines<'_> {
    fn row(&mut self, id: TaskId) -> Result<Task, MissionError> {
        if let Some(task) = self.seen.rows.get(&id) {
            return Ok(task.clone());
        }
        let task = self.factory.mission().task(id)?;
        self.seen.rows.insert(id, task.clone());
        Ok(task)
    }

    /// The stages behind a task.
    fn go_on(&mut self, task: &Task, is: After) {
        self.ends.insert(task.id, is);
        let mut last = is;
        let chain = self.factory.chain_of(task);
        let mut next = follower(task, &chain);
        while let Some(task) = next {
            next = follower(&task, &chain);
            match self.follow(task, vec![last], false) {
                Some(follow) => last = follow,
                // Nobody knows when it is judged, and so when it is merged.
                None => return,
            }
        }
        // What is done by itself is merged when a person says so.
        if !task.solo {
            self.merges.insert(lineage(task), last);
        }
    }

    /// Tasks that need what is known, those that need these, and so on.
    fn all_behind(&mut self, behind: &[Behind]) -> Result<(), MissionError> {
        let mut waits: BTreeMap<TaskId, Vec<(TaskId, Until)>> = BTreeMap::new();
        // What a person must answer first, or has paused, does not come by itself.
        for behind in behind.iter().filter(|behind| behind.state == State::Open) {
            let needs = waits.entry(behind.task).or_default();
            needs.push((behind.needs, behind.until));
        }
        loop {
            let known = |(id, needs): (&TaskId, &Vec<(TaskId, Until)>)| {
                let after: Option<Vec<After>> = needs.iter().map(|need| self.after(need)).collect();
                Some((*id, after?))
            };
            let found: Vec<(TaskId, Vec<After>)> = waits.iter().filter_map(known).collect();
            if found.is_empty() {
                return Ok(());
            }
            for (id, after) in found {
                waits.remove(&id);
                if self.looks >= LOOKS_MAX {
                    return Ok(());
                }
                let task = self.row(id)?;
                if let Some(is) = self.follow(task.clone(), after, true) {
                    self.go_on(&task, is);
                }
            }
        }
    }

    fn after(&self, (task, until): &(TaskId, Until)) -> Option<After> {
        let ends = match until {
            Until::Done => &self.ends,
            Until::Integrated => &self.merges,
        };
        ends.get(task).copied()
    }

    /// `None` when nothing can be said of where it would run, and with it of what comes behind it.
    fn follow(&mut self, task: Task, after: Vec<After>, stored: bool) -> Option<After> {
        if self.looks >= LOOKS_MAX {
            return None;
        }
        self.looks += 1;
        let asked = self.seen.asked.entry((task.id, task.kind));
        let (factory, reaches, now_ms) = (self.factory, self.reaches, self.now_ms);
        let asked = asked.or_insert_with(|| ask(factory, &task, reaches, now_ms));
        if asked.choices.is_empty() {
            return None;
        }
        self.follows.push(Follow {
            choices: asked.choices.clone(),
            local_only: reaches.is_near(&task),
            task,
            after,
            stored,
        });
        Some(After::Follow(self.follows.len() - 1))
    }
}

/// The same as jobs that will come, as far as all that they wait for is in the picture.
pub(super) fn coming(
    follows: &[Follow],
    order: &Order,
    picture: &Picture,
    known: &Known,
) -> Vec<Coming> {
    let mut numbers: Vec<Option<JobId>> = Vec::with_capacity(follows.len());
    let mut all = Vec::new();
    for (nth, follow) in (0..).zip(follows) {
        let number = |after: &After| match after {
            After::Task(task) => picture.job_of(*task),
            After::Follow(position) => numbers[*position],
        };
        let needs: Option<Vec<JobId>> = follow.after.iter().map(number).collect();
        let choices = choices(follow.task.kind, &follow.choices, picture, known);
        let Some(needs) = needs.filter(|_| !choices.is_empty()) else {
            numbers.push(None);
            continue;
        };
        let id = match follow.stored {
            true => JobId(follow.task.id.0.unsigned_abs()),
            false => JobId(FOLLOWS + nth),
        };
        numbers.push(Some(id));
        let path_ms = order.path_ms(&follow.task);
        let job = Job {
            id,
            rank_ms: order.rank_ms(&follow.task, 1, path_ms),
            path_ms,
            arrived_ms: order.now_ms,
            local_only: follow.local_only,
            sticky: None,
            choices,
        };
        all.push(Coming { job, needs });
    }
    all
}

/// What a job of the schedule is for people, by its number.
pub(super) fn words(follows: &[Follow], job: JobId) -> String {
    let nth = job.0.checked_sub(FOLLOWS);
    let follow = nth.and_then(|nth| follows.get(usize::try_from(nth).ok()?));
    match follow {
        Some(follow) => format!(
            "the {} that follows task {}",
            follow.task.kind, follow.task.id.0
        ),
        None => format!("job {}", job.0),
    }
}
