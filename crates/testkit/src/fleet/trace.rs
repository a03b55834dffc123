//! Work for a fleet, with what nobody knows before it is done.

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

    /// Whether any run may find its beginning in a cache: then its task is the second of its run or a later one.
    pub fn may_save(&self, task: usize) -> bool {
        let run = self.tasks[task].run;
        self.tasks[..task].iter().any(|other| other.run == run)
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
