//! Mission Control in memory: what the store must answer, written without the store. It shares the state table and the
//! queue's order with it, which have tests of their own, and nothing else.

use std::cmp::Reverse;

use alai_core::lifecycle::{self, Event};
use alai_core::queue;
use alai_core::task::{Priority, State};

pub(crate) const SLOTS: usize = 4;
pub(crate) const PER_PROJECT: usize = 3;
pub(crate) const LEASE_MS: i64 = 60_000;
pub(crate) const PROJECTS: usize = 2;

/// A task as the model knows it. Its place in the list is its number less one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    pub(crate) state: State,
    pub(crate) epoch: i64,
    priority: Priority,
    project: usize,
    created_ms: i64,
    run_at_ms: i64,
    /// Places of the tasks it needs, and whether each is met.
    needs: Vec<(usize, bool)>,
    /// It waits because something that it needs has gone.
    lacks: bool,
    live: Option<Run>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Run {
    epoch: i64,
    lease_until_ms: i64,
}

/// What a run shows at each write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fence {
    pub(crate) task: usize,
    pub(crate) epoch: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Oracle {
    pub(crate) tasks: Vec<Task>,
    served_ms: [i64; PROJECTS],
    /// How each run ended, with what tells one request from another.
    pub(crate) ended: Vec<(Fence, Event, i64)>,
}

/// How an operation ends: done, refused by the table, or stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Done,
    Refused,
    Stale,
}

impl Oracle {
    pub(crate) fn add(&mut self, project: usize, priority: Priority, needs: &[usize], now_ms: i64) {
        let needs = needs
            .iter()
            .map(|need| (*need, self.tasks[*need].state == State::Done))
            .collect();
        self.tasks.push(Task {
            state: State::Open,
            epoch: 0,
            priority,
            project,
            created_ms: now_ms,
            run_at_ms: 0,
            needs,
            lacks: false,
            live: None,
        });
        self.look(self.tasks.len() - 1);
    }

    pub(crate) fn blocked(&self, task: usize) -> usize {
        let needs = &self.tasks[task].needs;
        needs.iter().filter(|(_, met)| !met).count()
    }

    fn busy(&self, project: usize) -> usize {
        let live = |t: &&Task| t.project == project && t.live.is_some();
        self.tasks.iter().filter(live).count()
    }

    /// Within one project and priority it is first come, first served, also when the clock was set back in between.
    fn next(&self, now_ms: i64) -> Option<usize> {
        let live = self.tasks.iter().filter(|t| t.live.is_some()).count();
        if live >= SLOTS {
            return None;
        }
        let eligible = |at: &usize| {
            let task = &self.tasks[*at];
            task.state == State::Open
                && self.blocked(*at) == 0
                && task.run_at_ms <= now_ms
                && self.busy(task.project) < PER_PROJECT
        };
        let behind = |at: &usize| {
            let queue = |at: usize| (self.tasks[at].project, self.tasks[at].priority);
            (0..*at)
                .filter(eligible)
                .any(|before| queue(before) == queue(*at))
        };
        let heads = (0..self.tasks.len())
            .filter(eligible)
            .filter(|at| !behind(at));
        heads.min_by_key(|at| {
            let task = &self.tasks[*at];
            let urgency = queue::urgency(task.priority, now_ms - task.created_ms);
            let served = self.served_ms[task.project];
            (Reverse(urgency), self.busy(task.project), served, *at)
        })
    }

    pub(crate) fn claim(&mut self, now_ms: i64) -> Option<Fence> {
        let at = self.next(now_ms)?;
        self.served_ms[self.tasks[at].project] = now_ms;
        let task = &mut self.tasks[at];
        task.epoch += 1;
        task.state = State::Started;
        task.live = Some(Run {
            epoch: task.epoch,
            lease_until_ms: now_ms + LEASE_MS,
        });
        Some(Fence {
            task: at,
            epoch: task.epoch,
        })
    }

    fn holds(&self, fence: Fence) -> bool {
        let live = self.tasks[fence.task].live.as_ref();
        live.is_some_and(|run| run.epoch == fence.epoch)
    }

    pub(crate) fn heartbeat(&mut self, fence: Fence, now_ms: i64) -> Ends {
        if !self.holds(fence) {
            return Ends::Stale;
        }
        if let Some(run) = &mut self.tasks[fence.task].live {
            run.lease_until_ms = now_ms + LEASE_MS;
        }
        Ends::Done
    }

    /// A run ends with an event of the table. Whoever says the same again is answered again.
    pub(crate) fn end(&mut self, fence: Fence, event: Event, run_at_ms: i64) -> Ends {
        if self.ended.contains(&(fence, event, run_at_ms)) {
            return Ends::Done;
        }
        if !self.holds(fence) {
            return Ends::Stale;
        }
        self.ended.push((fence, event, run_at_ms));
        let task = &mut self.tasks[fence.task];
        let to = lifecycle::next(task.state, event).expect("a live run may end in these ways");
        task.state = to;
        task.live = None;
        if event == Event::Retry {
            task.run_at_ms = run_at_ms;
        }
        if to == State::Done {
            self.met(fence.task);
        }
        Ends::Done
    }

    /// Everything whose lease lapsed is taken back; answers with how many.
    pub(crate) fn lapse(&mut self, now_ms: i64) -> usize {
        let mut lost = 0;
        for task in &mut self.tasks {
            if task
                .live
                .as_ref()
                .is_some_and(|run| run.lease_until_ms < now_ms)
            {
                task.live = None;
                task.state = State::Open;
                lost += 1;
            }
        }
        lost
    }

    /// A person's verb.
    pub(crate) fn act(&mut self, at: usize, event: Event) -> Ends {
        let task = &mut self.tasks[at];
        let Ok(to) = lifecycle::next(task.state, event) else {
            return Ends::Refused;
        };
        task.state = to;
        task.live = None;
        let lacked = std::mem::take(&mut task.lacks);
        if matches!(event, Event::Answer | Event::Reopen) {
            task.run_at_ms = 0;
            if lacked {
                let gone: Vec<usize> = (0..self.tasks.len()).filter(|n| self.gone(*n)).collect();
                self.tasks[at]
                    .needs
                    .retain(|(need, met)| *met || !gone.contains(need));
            }
        }
        match to {
            State::Done => self.met(at),
            State::Cancelled | State::Failed => {
                (0..self.tasks.len()).for_each(|other| self.look(other));
            }
            State::Open => self.look(at),
            State::Started | State::ReadyForReview | State::Waiting | State::Paused => {}
        }
        Ends::Done
    }

    fn met(&mut self, done: usize) {
        for task in &mut self.tasks {
            for (need, met) in &mut task.needs {
                *met |= *need == done;
            }
        }
    }

    fn gone(&self, at: usize) -> bool {
        matches!(self.tasks[at].state, State::Cancelled | State::Failed)
    }

    /// An open task that needs what has gone waits for a person.
    fn look(&mut self, at: usize) {
        let task = &self.tasks[at];
        let lacks = task
            .needs
            .iter()
            .any(|(need, met)| !met && self.gone(*need));
        if task.state == State::Open && lacks {
            let task = &mut self.tasks[at];
            task.state = State::Waiting;
            task.lacks = true;
        }
    }
}
