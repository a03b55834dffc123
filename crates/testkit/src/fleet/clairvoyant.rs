//! A good schedule by one who knows everything beforehand: all true durations, all loads, all arrivals. It is searched for by annealing and is not
//! proven to be the best, so that it lies above what the best would reach: a bound far below it may be loose, and rules that come near to it
//! have little left to gain.
//!
//! A schedule is held as what each host loads in which order (its phases), the phase in which each task runs, and the order of the tasks. From that
//! follows one course of time: a phase is loaded as soon as the loader is free and phases that are over leave room for it, a task begins as
//! soon as it may, the first of the order first. Each schedule without needless waiting has such a form, but for slots that are
//! kept free for a task that is yet to come.
//!
//! The scheduler's own search (core/schedule/search) has the same form, and runs of lines are alike. They are kept apart on
//! purpose: this one judges that one, and a fault in a shared course of time would hide itself in both.

mod course;
mod moves;

use super::simulation::Outcome;
use super::trace::Trace;
use crate::fuzz::Dice;
use alai_core::schedule::{Effect, ModelId};
use course::Course;

/// How much of the makespan an annealing step may lose at the beginning, and at the end.
const HEAT_FIRST: f64 = 0.02;
const HEAT_LAST: f64 = 0.0002;

/// What is to be done, task by task and host by host.
#[derive(Debug, Clone, PartialEq)]
struct Schedule {
    /// By host: the models that it loads, in their order.
    phases: Vec<Vec<ModelId>>,
    /// By task: host, and which of its phases.
    runs_in: Vec<(usize, usize)>,
    /// By task: the lower, the sooner.
    order: Vec<f64>,
}

/// Milliseconds of the best schedule that so many steps of search have found from one that was carried out; never more than that one's.
///
/// # Panics
/// When the fleet as a whole has a limit of slots, which no family has.
pub fn clairvoyant_ms(trace: &Trace, from: &Outcome, steps: usize, seed: u64) -> i64 {
    let mut dice = Dice::new(seed);
    let mut course = Course::of(trace);
    let mut now = Schedule::of(trace, from);
    let mut now_ms = course.run(&now);
    let mut best_ms = from.makespan_ms.min(course.makespan_ms());
    for step in 0..steps {
        let share = step as f64 / steps as f64;
        let heat = HEAT_FIRST * (HEAT_LAST / HEAT_FIRST).powf(share) * best_ms as f64;
        let mut next = now.clone();
        moves::change(trace, &mut next, course.ends(), &mut dice);
        let next_ms = course.run(&next);
        let luck = dice.below(1 << 20) as f64 / f64::from(1 << 20);
        if next_ms <= now_ms - heat * (luck + 1e-9).ln() {
            (now, now_ms) = (next, next_ms);
            best_ms = best_ms.min(course.makespan_ms());
        }
    }
    best_ms
}

impl Schedule {
    fn of(trace: &Trace, outcome: &Outcome) -> Schedule {
        let mut phases = vec![Vec::new(); trace.fleet.hosts.len()];
        let mut runs_in = vec![(0, 0); trace.tasks.len()];
        for (_, effect) in &outcome.effects {
            match *effect {
                Effect::Preload { host, model } => phases[host.0].push(model),
                Effect::Start { job, host, model } => {
                    let of_it = phases[host.0].iter().rposition(|other| *other == model);
                    let phase = of_it.expect("a task starts where its model was loaded");
                    let task = usize::try_from(job.0).expect("jobs are positions of tasks");
                    runs_in[task] = (host.0, phase);
                }
                Effect::Unload { .. } | Effect::Drain { .. } | Effect::Keep { .. } => {}
            }
        }
        let order = outcome.tasks.iter().map(|task| task.started_ms as f64);
        Schedule {
            order: order.collect(),
            phases,
            runs_in,
        }
    }
}
