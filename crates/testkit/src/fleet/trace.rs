//! Work for a fleet, with what nobody knows before it is done.

use crate::fuzz::Dice;
use alai_core::schedule::{Fleet, HostId, ModelId};

/// One way to do a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    pub host: HostId,
    pub model: ModelId,
    /// What the scheduler is told.
    pub expected_ms: i64,
    /// What it takes.
    pub true_ms: i64,
}

/// One call of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub arrival_ms: i64,
    /// Positions of tasks that must be finished before.
    pub needs: Vec<usize>,
    pub ways: Vec<Way>,
    /// Calls of one run share the beginning of their prompt.
    pub run: usize,
    pub local_only: bool,
}

/// A fleet without anything loaded, and what it is to do.
#[derive(Debug, Clone)]
pub struct Trace {
    pub fleet: Fleet,
    /// What loads take, by host and model; the fleet itself holds what is expected.
    pub load_ms: Vec<Vec<i64>>,
    /// Needs point backwards.
    pub tasks: Vec<Task>,
    /// The share of a call, in percent, that a run saves where it was served last.
    pub reuse_percent: i64,
}

impl Trace {
    /// Milliseconds of one way of a task; `again` when its run was served there last.
    pub fn true_ms(&self, way: &Way, again: bool) -> i64 {
        let saved = if again {
            way.true_ms * self.reuse_percent / 100
        } else {
            0
        };
        (way.true_ms - saved).max(1)
    }

    /// Whether the task may find its beginning in a cache: another of its run need not wait for it, and may have been served before.
    pub fn may_save(&self, task: usize) -> bool {
        let same_run = |other: &usize| self.tasks[*other].run == self.tasks[task].run;
        if (0..task).any(|other| same_run(&other)) {
            return true;
        }
        let mut behind = vec![false; self.tasks.len()];
        behind[task] = true;
        for other in task + 1..self.tasks.len() {
            behind[other] = self.tasks[other].needs.iter().any(|need| behind[*need]);
        }
        let mut free = (task + 1..self.tasks.len()).filter(|other| !behind[*other]);
        free.any(|other| same_run(&other))
    }

    /// The same work with other estimates: each task's and each load's is off by up to so many percent more, either way; what is true stays.
    pub fn misjudged(&self, percent: i64, seed: u64) -> Trace {
        let mut dice = Dice::new(seed);
        let mut off = |ms: i64| {
            let by = dice.below(usize::try_from(2 * percent + 1).unwrap_or(1));
            let by = i64::try_from(by).unwrap_or(0) - percent;
            (ms * (100 + by) / 100).max(1)
        };
        let mut trace = self.clone();
        for task in &mut trace.tasks {
            let by = off(1_000_000);
            for way in &mut task.ways {
                way.expected_ms = (way.expected_ms * by / 1_000_000).max(1);
            }
        }
        for place in trace.fleet.places.iter_mut().flatten().flatten() {
            place.load_ms = off(place.load_ms);
        }
        trace
    }

    pub fn load_ms(&self, way: &Way) -> i64 {
        self.load_ms[way.host.0][way.model.0]
    }

    /// Ways that the task's project allows.
    pub fn ways<'t>(&'t self, task: &'t Task) -> impl Iterator<Item = &'t Way> {
        let allowed = |way: &&Way| !task.local_only || self.fleet.hosts[way.host.0].local;
        task.ways.iter().filter(allowed)
    }
}
