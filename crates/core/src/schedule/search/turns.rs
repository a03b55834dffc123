//! Whose turn it is goes before what ends sooner: priorities, the shares of projects, and of equals the oldest are people's, and no search changes
//! them. Among jobs of one turn the longest path goes first by the rules only because all then ends sooner: there what is found goes before it.

use super::super::attempt::Attempt;
use super::super::decide::Effect;
use super::super::fleet::{HostId, ModelId};
use super::super::job::{Job, JobId};
use super::super::state::State;
use super::course::Course;
use super::{Problem, Schedule};

/// Exchanges in one schedule; one that needs more is given up.
const EXCHANGES_MAX: usize = 64;

/// Whether some of the jobs that are ready have a turn before others, be their paths as long as they may.
pub(super) fn are_mixed(state: &State) -> bool {
    let turn = |job: &Job| job.rank_ms.saturating_sub(job.path_ms);
    let mut turns = state.ready().iter().map(turn);
    let first = turns.next();
    turns.any(|turn| Some(turn) != first)
}

/// Whether what begins to be loaded, or to make room, is what the rules would begin.
pub(super) fn same_loads(
    problem: &Problem<'_>,
    attempt: &Attempt<'_>,
    course: &Course<'_>,
) -> bool {
    let of = |place: usize| {
        let place = &problem.outlook.places[place];
        (HostId(place.host), ModelId(place.model))
    };
    let begun = course.loads().iter().chain(course.drains());
    let mut found: Vec<(HostId, ModelId)> = begun.map(|(place, _)| of(*place)).collect();
    // What makes room already does so in both.
    let mut own = problem.draining();
    for decision in attempt.moves() {
        match decision.effect {
            Effect::Preload { host, model } => own.push((host, model)),
            Effect::Drain { host, to, .. } => own.push((host, to)),
            Effect::Unload { .. } | Effect::Keep { .. } | Effect::Start { .. } => {}
        }
    }
    own.sort_unstable();
    own.dedup();
    found.sort_unstable();
    own == found
}

/// Whether each model that goes at once has served somebody since it came, or nothing waits for it: it came for work, and others were told so.
pub(super) fn serve_before_they_go(
    problem: &Problem<'_>,
    attempt: &Attempt<'_>,
    course: &Course<'_>,
    state: &State,
) -> bool {
    let mut leaving = course.loads().iter().flat_map(|(_, leaving)| leaving);
    leaving.all(|place| {
        let place = &problem.outlook.places[*place];
        let (host, model) = (HostId(place.host), ModelId(place.model));
        !(state.is_unused(host, model) && attempt.is_wanted(host, model))
    })
}

/// Gives each start to whose turn it is: a task is passed over only by one of its own turn that is not its equal, or where it ends elsewhere by then, as
/// the rules have it too, which put each in turn where it ends first. The course has run the schedule when this says `true`; `false` when that needs too
/// many exchanges, or what is drained would not be.
pub(super) fn keep(
    problem: &Problem<'_>,
    schedule: &mut Schedule,
    course: &mut Course<'_>,
    is_ready: &[bool],
) -> bool {
    for _ in 0..EXCHANGES_MAX {
        if course.run(schedule, 0).is_infinite() {
            return false;
        }
        let Some(wrong) = first_wrong(problem, course, is_ready) else {
            return true;
        };
        exchange(problem, schedule, wrong);
    }
    false
}

/// By task: whether it may begin now. What is known and not ready is passed over by nobody.
pub(super) fn are_ready(problem: &Problem<'_>, state: &State) -> Vec<bool> {
    let tasks = problem.outlook.tasks.iter();
    let is_ready = |id: JobId| state.ready().iter().any(|job| job.id == id);
    tasks.map(|task| is_ready(task.id)).collect()
}

/// A task that begins out of its turn, and the first that should in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong {
    task: usize,
    passed_over: usize,
}

/// Gives a start to whom it belongs; the other goes where that one would have, if it may run there.
pub(super) fn exchange(problem: &Problem<'_>, schedule: &mut Schedule, wrong: Wrong) {
    let Wrong { task, passed_over } = wrong;
    let (its, of_other) = (schedule.runs_in[task], schedule.runs_in[passed_over]);
    schedule.runs_in[passed_over] = its;
    let (host, phase) = of_other;
    let place = schedule.phases[host][phase];
    if problem.places_of(task).contains(&place) {
        schedule.runs_in[task] = of_other;
    }
}

/// The first of the starts, as the course has run them, that is not in its turn.
pub(super) fn first_wrong(
    problem: &Problem<'_>,
    course: &Course<'_>,
    is_ready: &[bool],
) -> Option<Wrong> {
    let now_ms = problem.outlook.now_ms;
    let begins = |task: usize| course.starts().iter().any(|(other, _)| *other == task);
    let in_its_place = |task: usize, place: usize| {
        let goes_before = |other: &usize| {
            let length_ms = problem.length_ms(*other, place);
            is_ready[*other]
                && problem.order[*other] < problem.order[task]
                && problem.has_turn_before(*other, task)
                && length_ms.is_some_and(|ms| now_ms.saturating_add(ms) < course.ends()[*other])
                && !begins(*other)
        };
        let all = (0..is_ready.len()).filter(goes_before);
        all.min_by_key(|other| problem.order[*other])
    };
    let starts = course.starts().iter().filter(|(task, _)| is_ready[*task]);
    starts
        .filter_map(|(task, place)| {
            let passed_over = in_its_place(*task, *place)?;
            Some(Wrong {
                task: *task,
                passed_over,
            })
        })
        .next()
}
