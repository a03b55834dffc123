//! Whose turn it is goes before what ends sooner: the order in which the rules serve is people's (priorities, projects' shares, the longest path, the
//! oldest of equals), and no search changes it.

use super::super::attempt::Attempt;
use super::super::decide::Effect;
use super::super::fleet::{HostId, ModelId};
use super::super::job::Job;
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

/// Gives each start to whose turn it is: a task is passed over only where it ends elsewhere by then, as the rules have it too, which put each in turn where
/// it ends first. The course has run the schedule when this says `true`; `false` when that needs too many
/// exchanges, or what is drained would not be.
pub(super) fn keep(
    problem: &Problem<'_>,
    schedule: &mut Schedule,
    course: &mut Course<'_>,
    state: &State,
) -> bool {
    let tasks = &problem.outlook.tasks;
    let is_ready: Vec<bool> = tasks
        .iter()
        .map(|task| state.ready().iter().any(|job| job.id == task.id))
        .collect();
    for _ in 0..EXCHANGES_MAX {
        if course.run(schedule, 0).is_infinite() {
            return false;
        }
        let Some((task, passed_over)) = first_wrong(problem, course, &is_ready) else {
            return true;
        };
        let (its, of_other) = (schedule.runs_in[task], schedule.runs_in[passed_over]);
        schedule.runs_in[passed_over] = its;
        let (host, phase) = of_other;
        if problem
            .places_of(task)
            .contains(&schedule.phases[host][phase])
        {
            schedule.runs_in[task] = of_other;
        }
    }
    false
}

/// A task that begins, and the first of the order that should in its place.
fn first_wrong(
    problem: &Problem<'_>,
    course: &Course<'_>,
    is_ready: &[bool],
) -> Option<(usize, usize)> {
    let now_ms = problem.outlook.now_ms;
    let begins = |task: usize| course.starts().iter().any(|(other, _)| *other == task);
    let in_its_place = |task: usize, place: usize| {
        let goes_before = |other: &usize| {
            let length_ms = problem.length_ms(*other, place);
            is_ready[*other]
                && problem.order[*other] < problem.order[task]
                && length_ms.is_some_and(|ms| now_ms.saturating_add(ms) < course.ends()[*other])
                && !begins(*other)
        };
        let all = (0..is_ready.len()).filter(goes_before);
        all.min_by_key(|other| problem.order[*other])
    };
    let starts = course.starts().iter().filter(|(task, _)| is_ready[*task]);
    starts
        .filter_map(|(task, place)| Some((*task, in_its_place(*task, *place)?)))
        .next()
}
