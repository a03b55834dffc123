//! Whose turn it is goes before what ends sooner: priorities, projects' shares and the order of the queue are people's, and no search changes them.

use std::cmp::Reverse;

use super::super::attempt::Attempt;
use super::super::decide::Effect;
use super::super::fleet::{HostId, ModelId};
use super::super::job::Job;
use super::super::state::State;
use super::Problem;

/// What stands in a job's rank beside the length of its path.
fn turn(job: &Job) -> i64 {
    job.rank_ms.saturating_sub(job.path_ms)
}

/// Whether some of the jobs that are ready have a turn before others.
pub(super) fn are_mixed(state: &State) -> bool {
    let mut turns = state.ready().iter().map(turn);
    let first = turns.next();
    turns.any(|turn| Some(turn) != first)
}

/// Whether the loads are those that the rules begin.
pub(super) fn same_loads(
    problem: &Problem<'_>,
    attempt: &Attempt<'_>,
    loads: &[(usize, Vec<usize>)],
) -> bool {
    let mut own: Vec<(HostId, ModelId)> = Vec::new();
    for decision in attempt.moves() {
        match decision.effect {
            Effect::Preload { host, model } => own.push((host, model)),
            Effect::Drain { .. } => return false,
            Effect::Unload { .. } | Effect::Keep { .. } | Effect::Start { .. } => {}
        }
    }
    let of = |place: usize| {
        let place = &problem.outlook.places[place];
        (HostId(place.host), ModelId(place.model))
    };
    let mut found: Vec<(HostId, ModelId)> = loads.iter().map(|(place, _)| of(*place)).collect();
    own.sort_unstable();
    found.sort_unstable();
    own == found
}

/// The starts, each given to whose turn it is: to a job of an earlier turn that can run there and does not begin, and of jobs that are alike to the first
/// in the rules' order.
pub(super) fn in_turn(
    problem: &Problem<'_>,
    state: &State,
    attempt: &Attempt<'_>,
    starts: &[(usize, usize)],
) -> Vec<(usize, usize)> {
    let tasks = &problem.outlook.tasks;
    let ready: Vec<Option<&Job>> = tasks
        .iter()
        .map(|task| state.ready().iter().find(|job| job.id == task.id))
        .collect();
    let position = |task: usize| {
        let mut order = attempt.order().iter();
        order.position(|planned| planned.job.id == tasks[task].id)
    };
    let alike = |one: usize, other: usize| {
        let (one, other) = (&tasks[one], &tasks[other]);
        one.class == other.class
            && one.lengths_ms == other.lengths_ms
            && one.behind_ms == other.behind_ms
    };
    let mut starts = starts.to_vec();
    for at in 0..starts.len() {
        let (task, place) = starts[at];
        let Some(own) = ready[task] else { continue };
        let goes_before = |other: &usize| {
            let Some(job) = ready[*other] else {
                return false;
            };
            let waits = !starts.iter().any(|(begins, _)| begins == other);
            waits
                && problem.places_of(*other).contains(&place)
                && (turn(job) > turn(own)
                    || (turn(job) == turn(own)
                        && alike(*other, task)
                        && position(*other) < position(task)))
        };
        let all = (0..tasks.len()).filter(goes_before);
        let first =
            all.min_by_key(|other| (Reverse(ready[*other].map_or(0, turn)), position(*other)));
        if let Some(first) = first {
            starts[at].0 = first;
        }
    }
    starts
}
