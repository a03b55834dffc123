//! A search for a better way on than the rules find: what each host loads in which order, where each job runs, and which goes first.
//!
//! The rules weigh one load, and one start, at a time. Here whole schedules of all known work are changed by chance and kept when they end sooner
//! (simulated annealing), from what the rules would do and from what was found at the last decision. What begins now is taken of the best of them, when
//! it also holds where it was not searched: on lengths that were drawn apart.
//!
//! What there is not: no job that begins where one of an earlier turn waits and could; no search while a job is past the age, so that nothing is put off beyond the rules' bounds; no chance but from the moment
//! itself, so that the same state gives the same decision; no schedule that was not held against the rules' on lengths that it was not searched by.

mod course;
mod intent;
mod moves;
mod problem;
mod turns;

use super::attempt::Attempt;
use super::decide::{Decision, Effect};
use super::fleet::{HostId, ModelId};
use super::outlook::Outlook;
use super::plan::View;
use super::reason::Reason;
use super::state::{Residence, State};
use course::Course;
pub use intent::Intent;
use moves::Dice;
use problem::{Problem, Schedule};

/// Jobs beyond which only the rules decide: a search that is short enough finds nothing among so many.
const TASKS_MAX: usize = 400;
/// Steps of one search: so many for each task, and no more than these. Measured: with 1,000 the ends are no sooner.
const STEPS_OF_A_TASK: usize = 6;
const STEPS_MAX: usize = 300;
/// A step takes as long as there are tasks: beyond this product there are fewer of them, so that a decision stays at some 10 ms.
const STEPS_BY_TASKS: usize = 20_000;
/// A schedule is as good as its mean end over so many draws of the lengths. Measured: with one, the expected, ends are 1 % later, and at the worst 4 %.
const DRAWS: u64 = 4;
/// Draws that nothing was searched by, on which a schedule is held against the rules.
const UNSEEN: std::ops::Range<u64> = DRAWS..12;
/// By so much its end may be later there: a schedule is run as it stands, while the rules adapt to each draw, as the next decision will too. Measured: with 0
/// ends are 0.4 % later.
const TOLERANCE: f64 = 0.02;
/// A schedule that is so much worse by what is expected is not looked at with other draws.
const HOPELESS: f64 = 1.05;
/// How much of the end a step may lose at the beginning, and at the last one.
const HEAT_FIRST: f64 = 0.005;
const HEAT_LAST: f64 = 0.0002;

/// What begins now by a way that is expected to end all known work sooner than the rules' own; `None` when theirs stands.
pub(super) fn better(
    state: &State,
    intent: &mut Intent,
    now_ms: i64,
    attempt: &Attempt<'_>,
) -> Option<Vec<Decision>> {
    let was = std::mem::replace(intent, Intent::ruled(now_ms));
    let age_ms_max = state.rules().age_ms_max;
    let is_old = |job: &super::Job| job.waited_ms(now_ms) >= age_ms_max;
    if was.is_ruled(now_ms) || state.ready().is_empty() || state.ready().iter().any(is_old) {
        return None;
    }
    let view = View::of(state, now_ms);
    let outlook = Outlook::of(&view, attempt.order());
    let has_choice = (2..=TASKS_MAX).contains(&outlook.tasks.len()) && outlook.is_plain();
    if !has_choice {
        return None;
    }
    let problem = Problem::of(&outlook, &view);
    let mut course = Course::of(&problem);
    let first = first(&problem, &view, attempt, &was, &mut course)?;
    let best = searched(&problem, first, &mut course, now_ms);
    let rules_ms = attempt.late_of(UNSEEN);
    let best_ms = course.mean(&best, UNSEEN);
    if best_ms.is_nan() || best_ms > rules_ms * (1.0 + TOLERANCE) {
        return None;
    }
    course.run(&best, 0);
    let starts = turns::in_turn(&problem, state, attempt, course.starts());
    if turns::are_mixed(state) && !turns::same_loads(&problem, attempt, course.loads()) {
        return None;
    }
    *intent = Intent::of(&problem, &best);
    let saves_ms = (rules_ms - best_ms).max(0.0) as i64;
    let first = First {
        starts: &starts,
        loads: course.loads(),
        schedule: &best,
        saves_ms,
    };
    Some(decisions(state, attempt, &problem, &first))
}

/// The best to begin from: what the rules would do, in either manner, or what was meant before.
fn first(
    problem: &Problem<'_>,
    view: &View<'_>,
    attempt: &Attempt<'_>,
    was: &Intent,
    course: &mut Course<'_>,
) -> Option<Schedule> {
    let betas = [view.state.rules().beta, f64::INFINITY];
    let mut some: Vec<Schedule> = betas
        .into_iter()
        .filter_map(|beta| problem.of_rules(view, attempt, beta))
        .collect();
    let meant = some.first().and_then(|rules| was.again(problem, rules));
    some.extend(meant);
    let mut best: Option<(f64, Schedule)> = None;
    for schedule in some {
        let ms = course.run(&schedule, 0);
        if best.as_ref().is_none_or(|(least, _)| ms < *least) {
            best = Some((ms, schedule));
        }
    }
    best.map(|(_, schedule)| schedule)
}

/// The best that is found by changes.
fn searched(
    problem: &Problem<'_>,
    first: Schedule,
    course: &mut Course<'_>,
    now_ms: i64,
) -> Schedule {
    let tasks = problem.outlook.tasks.len();
    let steps = (tasks * STEPS_OF_A_TASK).min(STEPS_MAX);
    let steps = steps.min(STEPS_BY_TASKS / tasks.max(1));
    let mut dice = Dice::new(now_ms.unsigned_abs());
    let mut here_ms = course.mean(&first, 0..DRAWS);
    course.run(&first, 0);
    let mut ends = course.ends().to_vec();
    let (mut best, mut best_ms) = (first.clone(), here_ms);
    let (mut here, mut next) = (first.clone(), first);
    for step in 0..steps {
        let share = step as f64 / steps as f64;
        let heat = HEAT_FIRST * (HEAT_LAST / HEAT_FIRST).powf(share) * best_ms;
        next.copy(&here);
        moves::change(problem, &mut next, &ends, &mut dice);
        let expected_ms = course.run(&next, 0);
        if expected_ms >= here_ms * HOPELESS {
            continue;
        }
        let draws = course.mean(&next, 1..DRAWS);
        let next_ms = (expected_ms + draws * (DRAWS - 1) as f64) / DRAWS as f64;
        if next_ms <= here_ms - heat * (dice.share() + 1e-9).ln() {
            std::mem::swap(&mut here, &mut next);
            here_ms = next_ms;
            ends.copy_from_slice(course.ends());
            if here_ms < best_ms {
                best.copy(&here);
                best_ms = here_ms;
            }
        }
    }
    best
}

/// What begins now.
struct First<'a> {
    /// Tasks and places.
    starts: &'a [(usize, usize)],
    /// Places, each with those that leave for it.
    loads: &'a [(usize, Vec<usize>)],
    schedule: &'a Schedule,
    saves_ms: i64,
}

/// What the rules would do as well keeps their reason.
fn decisions(
    state: &State,
    attempt: &Attempt<'_>,
    problem: &Problem<'_>,
    first: &First<'_>,
) -> Vec<Decision> {
    let (outlook, saves_ms) = (problem.outlook, first.saves_ms);
    let of = |place: usize| {
        let place = &outlook.places[place];
        (HostId(place.host), ModelId(place.model))
    };
    let rules = attempt.decisions();
    let because = |effect: Effect, reason: Reason| {
        let same = rules.iter().find(|decision| decision.effect == effect);
        same.copied().unwrap_or(Decision { effect, reason })
    };
    let mut decisions = Vec::new();
    let keep = |decisions: &mut Vec<Decision>, host: HostId, model: ModelId| {
        let effect = Effect::Keep { host, model };
        let is_told = decisions.iter().any(|decision| decision.effect == effect);
        if let Residence::Draining { to, .. } = state.residence(host, model)
            && !is_told
        {
            decisions.push(because(effect, Reason::CalledOff { to }));
        }
    };
    // What is known and not ready yet starts nothing.
    let is_ready = |task: usize| {
        let id = outlook.tasks[task].id;
        state.ready().iter().any(|job| job.id == id)
    };
    let starts = first.starts.iter().filter(|(task, _)| is_ready(*task));
    for (_, place) in starts.clone() {
        let (host, model) = of(*place);
        keep(&mut decisions, host, model);
    }
    for (place, leaving) in first.loads {
        let (host, model) = of(*place);
        let leaving: Vec<ModelId> = leaving.iter().map(|place| of(*place).1).collect();
        // What was to make room for another, and stays, is not drained any more.
        for other in state.fleet().model_ids() {
            if !leaving.contains(&other) {
                keep(&mut decisions, host, other);
            }
        }
        decisions.extend(leaving.into_iter().map(|gone| {
            let effect = Effect::Unload { host, model: gone };
            because(effect, Reason::MakesRoom { to: model })
        }));
        let effect = Effect::Preload { host, model };
        let reason = match problem.first_in(first.schedule, *place) {
            Some(job) => Reason::LoadedFor { job, saves_ms },
            None => Reason::AllEndsSooner { saves_ms },
        };
        decisions.push(because(effect, reason));
    }
    decisions.extend(starts.map(|(task, place)| {
        let (host, model) = of(*place);
        let job = outlook.tasks[*task].id;
        because(
            Effect::Start { job, host, model },
            Reason::AllEndsSooner { saves_ms },
        )
    }));
    decisions
}
