//! What is searched, and in which form a schedule of it is held.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::super::attempt::Attempt;
use super::super::course::{self as rules, Step};
use super::super::decide::Effect;
use super::super::fleet::{HostId, ModelId};
use super::super::job::{JobId, urgency};
use super::super::outlook::{Outlook, Task};
use super::super::plan::{View, pressure};
use super::super::state::Residence;

/// What is the same in all schedules of one moment.
pub(super) struct Problem<'o> {
    pub(super) outlook: &'o Outlook,
    /// By host: places whose models are there, and when those will be that are being loaded.
    pub(super) fixed: Vec<Vec<(usize, Option<i64>)>>,
    /// By place: its host and which of the host's fixed ones it is.
    fixed_of: Vec<Option<(usize, usize)>>,
    /// By host: which of its fixed places take no more calls, and what they make room for, which is loaded before anything else there.
    closed: Vec<Vec<bool>>,
    drains_for: Vec<Option<usize>>,
    /// By task: its position in the order in which the rules serve all that is known. In it the tasks of one phase begin, and it is not searched.
    pub(super) order: Vec<usize>,
}

/// What each host loads in which order (its phases), and the phase in which each task runs. From that follows one course of time: a phase is loaded
/// as soon as the loader is free and phases that are over leave room for it, a task begins as soon as it may, the first of the rules' order first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// By host: places; first those whose models are there.
    pub(super) phases: Vec<Vec<usize>>,
    /// By task: host, and which of its phases.
    pub(super) runs_in: Vec<(usize, usize)>,
}

impl<'o> Problem<'o> {
    /// `view`: with the drains that go on.
    pub(super) fn of(outlook: &'o Outlook, view: &View<'_>) -> Problem<'o> {
        let hosts = outlook.on_host.len();
        let mut fixed = vec![Vec::new(); hosts];
        let mut closed = vec![Vec::new(); hosts];
        let mut drains_for = vec![None; hosts];
        let mut fixed_of = vec![None; outlook.places.len()];
        for (number, place) in outlook.places.iter().enumerate() {
            let mut is_closed = false;
            let there_ms = match view.places[place.host][place.model] {
                Residence::Absent => continue,
                Residence::Loading { until_ms } => Some(until_ms.max(view.now_ms + 1)),
                Residence::Resident { .. } => None,
                Residence::Draining { to, .. } => {
                    drains_for[place.host] = outlook.number(HostId(place.host), to);
                    is_closed = true;
                    None
                }
            };
            let row: &mut Vec<(usize, Option<i64>)> = &mut fixed[place.host];
            fixed_of[number] = Some((place.host, row.len()));
            row.push((number, there_ms));
            closed[place.host].push(is_closed);
        }
        Problem {
            order: order(outlook, view),
            outlook,
            fixed,
            fixed_of,
            closed,
            drains_for,
        }
    }

    /// Whether something may be loaded, or a task is faster at one of its places than at another: else there is only who goes first, which is the rules'.
    pub(super) fn has_choice(&self) -> bool {
        let is_there = |place: &usize| {
            let (host, phase) = self.fixed_of[*place]?;
            let (_, there_ms) = self.fixed[host][phase];
            (there_ms.is_none() && !self.is_closed(host, phase)).then_some(())
        };
        self.outlook.tasks.iter().any(|task| {
            let mut places = self.outlook.classes[task.class].iter();
            let same_ms = task.lengths_ms.iter().all(|ms| *ms == task.shortest_ms);
            !same_ms || places.any(|place| is_there(place).is_none())
        })
    }

    /// Whether a phase is of a model that takes no more calls.
    pub(super) fn is_closed(&self, host: usize, phase: usize) -> bool {
        self.closed[host].get(phase).copied().unwrap_or(false)
    }

    /// Phases of a host that are as they are: what is there, and what something makes room for.
    pub(super) fn settled(&self, host: usize) -> usize {
        self.fixed[host].len() + usize::from(self.drains_for[host].is_some())
    }

    /// What something makes room for, and where.
    pub(super) fn draining(&self) -> Vec<(HostId, ModelId)> {
        let of = |place: usize| &self.outlook.places[place];
        let to = self.drains_for.iter().flatten().map(|place| of(*place));
        to.map(|place| (HostId(place.host), ModelId(place.model)))
            .collect()
    }

    /// Whether what makes room does so.
    pub(super) fn keeps_drains(&self, schedule: &Schedule) -> bool {
        let is_closed = |(host, phase): &(usize, usize)| self.is_closed(*host, *phase);
        let mut hosts = self.drains_for.iter().enumerate();
        let is_next = |(host, to): (usize, &Option<usize>)| {
            let next = self.fixed[host].len();
            let is_it = |to: usize| {
                schedule.phases[host].get(next) == Some(&to)
                    && schedule.runs_in.contains(&(host, next))
            };
            to.is_none_or(is_it)
        };
        !schedule.runs_in.iter().any(is_closed) && hosts.all(is_next)
    }

    /// Whether a task that waits goes before another whatever ends sooner: an earlier turn, or the earlier of two that are alike.
    pub(super) fn has_turn_before(&self, waits: usize, begins: usize) -> bool {
        let tasks = &self.outlook.tasks;
        let (waits, begins) = (&tasks[waits], &tasks[begins]);
        let turn = |task: &Task| task.rank_ms.saturating_sub(task.path_ms);
        let are_alike = || {
            turn(waits) == turn(begins)
                && waits.path_ms == begins.path_ms
                && waits.class == begins.class
                && waits.lengths_ms == begins.lengths_ms
        };
        turn(waits) > turn(begins) || are_alike()
    }

    /// The phase of a place whose model is there, or on its way.
    pub(super) fn fixed_of(&self, place: usize) -> Option<(usize, usize)> {
        self.fixed_of[place]
    }

    pub(super) fn places_of(&self, task: usize) -> &[usize] {
        &self.outlook.classes[self.outlook.tasks[task].class]
    }

    /// Milliseconds; `None` where the task may not run.
    pub(super) fn length_ms(&self, task: usize, place: usize) -> Option<i64> {
        let at = self.places_of(task).iter().position(|its| *its == place)?;
        self.outlook.tasks[task].lengths_ms.get(at).copied()
    }

    /// The first task of the next phase of a place whose model is not there.
    pub(super) fn first_in(&self, schedule: &Schedule, place: usize) -> Option<usize> {
        let host = self.outlook.places[place].host;
        let later = schedule.phases[host].iter().enumerate();
        let mut later = later.skip(self.fixed[host].len());
        later.find_map(|(phase, its)| {
            let here = |task: &usize| schedule.runs_in[*task] == (host, phase);
            let tasks = (0..schedule.runs_in.len()).filter(here);
            let first = tasks.min_by_key(|task| self.order[*task]);
            first.filter(|_| *its == place)
        })
    }

    /// By host: the phases that there are at the beginning.
    pub(super) fn phases(&self) -> Vec<Vec<usize>> {
        let places =
            |row: &Vec<(usize, Option<i64>)>| row.iter().map(|(place, _)| *place).collect();
        self.fixed.iter().map(places).collect()
    }

    /// What the rules would do now and then; `None` when they come to no end.
    pub(super) fn of_rules(
        &self,
        before: &View<'_>,
        attempt: &Attempt<'_>,
        beta: f64,
    ) -> Option<Schedule> {
        let mut view = View::of(before.state, before.now_ms);
        view.take(attempt.moves());
        let outlook = Outlook::of(&view, attempt.order()).begun(&attempt.begins());
        let count = self.outlook.tasks.len();
        let mut phases = self.phases();
        let mut runs_in = vec![None; count];
        for decision in attempt.moves() {
            if let Effect::Preload { host, model } = decision.effect {
                phases[host.0].push(self.outlook.number(host, model)?);
            }
        }
        for step in rules::expected(&outlook, &view, beta) {
            match step {
                Step::Load { place } => phases[self.outlook.places[place].host].push(place),
                Step::Start { task, place } => {
                    let host = self.outlook.places[place].host;
                    let phase = phases[host].iter().rposition(|its| *its == place)?;
                    runs_in[task] = Some((host, phase));
                }
            }
        }
        Some(Schedule {
            phases,
            runs_in: runs_in.into_iter().collect::<Option<_>>()?,
        })
    }
}

fn order(outlook: &Outlook, view: &View<'_>) -> Vec<usize> {
    let press = pressure(view);
    let rules = view.state.rules();
    let coming = view.state.coming().iter().map(|coming| &coming.job);
    let urgency: HashMap<JobId, i64> = view
        .state
        .ready()
        .iter()
        .map(|job| (job.id, urgency(job, rules, &press, view.now_ms)))
        .chain(coming.map(|job| (job.id, urgency(job, rules, &press, job.arrived_ms))))
        .collect();
    let key = |task: &usize| {
        let id = outlook.tasks[*task].id;
        (Reverse(urgency.get(&id).copied().unwrap_or(i64::MIN)), id)
    };
    let mut tasks: Vec<usize> = (0..outlook.tasks.len()).collect();
    tasks.sort_by_cached_key(key);
    let mut order = vec![0; tasks.len()];
    for (position, task) in tasks.into_iter().enumerate() {
        order[task] = position;
    }
    order
}

impl Schedule {
    /// Takes the other's values without giving its own memory back.
    pub(super) fn copy(&mut self, other: &Schedule) {
        self.phases.clone_from(&other.phases);
        self.runs_in.clone_from(&other.runs_in);
    }

    /// One phase more.
    pub(super) fn insert(&mut self, host: usize, at: usize, place: usize) {
        self.phases[host].insert(at, place);
        for (other, phase) in &mut self.runs_in {
            if *other == host && *phase >= at {
                *phase += 1;
            }
        }
    }
}
