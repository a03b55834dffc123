//! What is searched, and in which form a schedule of it is held.

use super::super::attempt::Attempt;
use super::super::course::{self as rules, Step};
use super::super::decide::Effect;
use super::super::job::JobId;
use super::super::outlook::Outlook;
use super::super::plan::View;
use super::super::state::Residence;

/// What is the same in all schedules of one moment.
pub(super) struct Problem<'o> {
    pub(super) outlook: &'o Outlook,
    /// By host: places whose models are there, and when those will be that are being loaded.
    pub(super) fixed: Vec<Vec<(usize, Option<i64>)>>,
    /// By place: its host and which of the host's fixed ones it is.
    fixed_of: Vec<Option<(usize, usize)>>,
}

/// What each host loads in which order (its phases), the phase in which each task runs, and the order of the tasks. From that follows one course of
/// time: a phase is loaded as soon as the loader is free and phases that are over leave room for it, a task begins as soon as it may, the
/// first of the order first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// By host: places; first those whose models are there.
    pub(super) phases: Vec<Vec<usize>>,
    /// By task: host, and which of its phases.
    pub(super) runs_in: Vec<(usize, usize)>,
    /// By task: the lower, the sooner; never negative.
    pub(super) order: Vec<f64>,
}

impl<'o> Problem<'o> {
    pub(super) fn of(outlook: &'o Outlook, view: &View<'_>) -> Problem<'o> {
        let mut fixed = vec![Vec::new(); outlook.on_host.len()];
        let mut fixed_of = vec![None; outlook.places.len()];
        for (number, place) in outlook.places.iter().enumerate() {
            let there_ms = match view.places[place.host][place.model] {
                Residence::Absent => continue,
                Residence::Loading { until_ms } => Some(until_ms.max(view.now_ms + 1)),
                Residence::Resident { .. } | Residence::Draining { .. } => None,
            };
            let row: &mut Vec<(usize, Option<i64>)> = &mut fixed[place.host];
            fixed_of[number] = Some((place.host, row.len()));
            row.push((number, there_ms));
        }
        Problem {
            outlook,
            fixed,
            fixed_of,
        }
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

    /// The first job of the next phase of a place whose model is not there.
    pub(super) fn first_in(&self, schedule: &Schedule, place: usize) -> Option<JobId> {
        let host = self.outlook.places[place].host;
        let later = schedule.phases[host].iter().enumerate();
        let mut later = later.skip(self.fixed[host].len());
        let tasks = later.find_map(|(phase, its)| {
            let here = |task: &usize| schedule.runs_in[*task] == (host, phase);
            let tasks = (0..schedule.order.len()).filter(here);
            let first =
                tasks.min_by(|one, other| schedule.order[*one].total_cmp(&schedule.order[*other]));
            first.filter(|_| *its == place)
        });
        tasks.map(|task| self.outlook.tasks[task].id)
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
        let mut order = vec![0.0; count];
        for decision in attempt.moves() {
            if let Effect::Preload { host, model } = decision.effect {
                phases[host.0].push(self.outlook.number(host, model)?);
            }
        }
        for step in rules::expected(&outlook, &view, beta) {
            match step {
                Step::Load { place } => phases[self.outlook.places[place].host].push(place),
                Step::Start { task, place, at_ms } => {
                    let host = self.outlook.places[place].host;
                    let phase = phases[host].iter().rposition(|its| *its == place)?;
                    runs_in[task] = Some((host, phase));
                    order[task] = (at_ms - before.now_ms) as f64;
                }
            }
        }
        Some(Schedule {
            phases,
            runs_in: runs_in.into_iter().collect::<Option<_>>()?,
            order,
        })
    }
}

impl Schedule {
    /// Takes the other's values without giving its own memory back.
    pub(super) fn copy(&mut self, other: &Schedule) {
        self.phases.clone_from(&other.phases);
        self.runs_in.clone_from(&other.runs_in);
        self.order.clone_from(&other.order);
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
