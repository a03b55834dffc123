//! A search for a better way on than the rules find: what each host loads in which order, and where each job runs.
//!
//! The rules weigh one load, and one start, at a time. Here whole schedules of all known work are changed by chance and kept when they
//! end sooner (simulated annealing), from what the rules would do and from what was found at the last decision. What begins now is
//! taken of the best of them, when it also holds where it was not searched: on lengths that were drawn apart.
//!
//! What there is not: no job that begins where one of an earlier turn, or an older one that is like it, waits and could; no model that came for work and goes before it
//! has served it; no search while a job is past the age, so that nothing is put off beyond the rules' bounds; no chance but from the
//! moment itself, so that the same state gives the same decision; no schedule that was not held against the rules' on lengths that it
//! was not searched by.

mod course;
mod intent;
mod moves;
mod problem;
#[cfg(test)]
mod tests;
mod turns;

use super::attempt::Attempt;
use super::decide::{Decision, Effect};
use super::fleet::{HostId, ModelId};
use super::job::JobId;
use super::outlook::Outlook;
use super::plan::View;
use super::reason::Reason;
use super::state::{Residence, State};
use course::{Course, Lates, No};
pub use intent::Intent;
use moves::Dice;
use problem::{Problem, Schedule};

/// Jobs beyond which only the rules decide: a search that is short enough finds nothing among so many. Of more than so many that are ready the outlook
/// has bundles.
const TASKS_MAX: usize = 400;
const READY_MAX: usize = super::outlook::JOBS_MAX;
/// Steps of one search: so many for each task, and no more than [`super::Rules::search_steps_max`]. Measured: with 1,000 the ends are no sooner.
const STEPS_OF_A_TASK: usize = 6;
/// A step takes as long as there are tasks: beyond this product there are fewer of them, so that a decision stays at some 10 ms.
const STEPS_BY_TASKS: usize = 20_000;
/// A schedule is as good as its mean end over so many draws of the lengths. Measured: with one, the expected, ends are 1 % later, and at the worst 4 %.
const DRAWS: u64 = 4;
/// Draws that nothing was searched by, on which a schedule is held against the rules.
const UNSEEN: std::ops::Range<u64> = DRAWS..12;
/// By so much its end may be later there: a schedule is run as it stands, while the rules adapt to each draw, as the next decision will too. Measured: with
/// 0.02 ends are 0.4 % later, without any such limit they are as they are with this one.
const TOLERANCE: f64 = 0.1;
/// Starts that are given back to whose turn it is in one change; one that needs more is dropped.
const EXCHANGES_OF_A_STEP: usize = 4;
/// A schedule is given up as soon as the draws that are left would each have to be better than before by this share.
const HOPELESS: f64 = 0.02;
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
    let is_off = state.rules().search_steps_max == 0 || was.is_ruled(now_ms);
    let is_idle = state.ready().is_empty() || state.ready().len() > READY_MAX;
    if is_off || is_idle || state.ready().iter().any(is_old) {
        return None;
    }
    // In the moment in which it was searched what was found stands.
    let is_found = was.is_found(state, now_ms);
    let view = drained(state, attempt, is_found, now_ms);
    let outlook = Outlook::of(&view, attempt.order());
    let is_few = (2..=TASKS_MAX).contains(&outlook.tasks.len()) && outlook.is_plain();
    if !is_few {
        return None;
    }
    let problem = Problem::of(&outlook, &view);
    if !problem.has_choice() {
        return None;
    }
    let is_ready = turns::are_ready(&problem, state);
    let mut course = Course::of(&problem);
    let first = first(&problem, &view, attempt, &was, &mut course, &is_ready)?;
    let best = match is_found {
        true => first,
        false => {
            let steps_max = state.rules().search_steps_max;
            searched(&problem, first, &mut course, &is_ready, now_ms, steps_max)
        }
    };
    let mut saves_ms = 0;
    if !is_found {
        let rules_ms = attempt.late_of(UNSEEN);
        let best_ms = course.mean(&best, UNSEEN);
        if best_ms.is_nan() || best_ms > rules_ms * (1.0 + TOLERANCE) {
            return None;
        }
        saves_ms = (rules_ms - best_ms).max(0.0) as i64;
    }
    course.run(&best, 0);
    if !is_found {
        if !turns::serve_before_they_go(&problem, attempt, &course, state) {
            return None;
        }
        if turns::are_mixed(state) && !turns::same_loads(&problem, attempt, &course) {
            return None;
        }
    }
    *intent = Intent::of(&problem, &best, state, now_ms);
    let found = Found {
        problem: &problem,
        course: &course,
        schedule: &best,
        saves_ms,
        again: is_found,
    };
    Some(found.decisions(state, attempt))
}

/// The best to begin from in which each start is in its turn: what the rules would do, in either manner, or what was meant before.
fn first(
    problem: &Problem<'_>,
    view: &View<'_>,
    attempt: &Attempt<'_>,
    was: &Intent,
    course: &mut Course<'_>,
    is_ready: &[bool],
) -> Option<Schedule> {
    let betas = [view.state.rules().beta, f64::INFINITY];
    let mut some: Vec<Schedule> = betas
        .into_iter()
        .filter_map(|beta| problem.of_rules(view, attempt, beta))
        .collect();
    let meant = some.first().and_then(|rules| was.again(problem, rules));
    some.extend(meant);
    let mut best: Option<(f64, Schedule)> = None;
    for mut schedule in some {
        if !turns::keep(problem, &mut schedule, course, is_ready) {
            continue;
        }
        let ms = course.run(&schedule, 0);
        if best.as_ref().is_none_or(|(least, _)| ms < *least) {
            best = Some((ms, schedule));
        }
    }
    best.filter(|(ms, _)| ms.is_finite())
        .map(|(_, schedule)| schedule)
}

/// The state without the drains that the rules call off: that is theirs to say. What was drained by what was found in the same moment stays so.
fn drained<'s>(state: &'s State, attempt: &Attempt<'_>, is_found: bool, now_ms: i64) -> View<'s> {
    let mut view = View::of(state, now_ms);
    if !is_found {
        view.take(&kept_by_rules(attempt));
    }
    view
}

/// What the rules give calls again: nobody wants what it was drained for any more, or it makes no room for that.
fn kept_by_rules(attempt: &Attempt<'_>) -> Vec<Decision> {
    let is_kept = |decision: &&Decision| match decision.effect {
        Effect::Keep { .. } => true,
        Effect::Drain { .. }
        | Effect::Start { .. }
        | Effect::Preload { .. }
        | Effect::Unload { .. } => false,
    };
    attempt.moves().iter().filter(is_kept).copied().collect()
}

/// The best that is found by changes.
fn searched(
    problem: &Problem<'_>,
    first: Schedule,
    course: &mut Course<'_>,
    is_ready: &[bool],
    now_ms: i64,
    steps_max: usize,
) -> Schedule {
    let tasks = problem.outlook.tasks.len();
    let steps = (tasks * STEPS_OF_A_TASK).min(steps_max);
    let steps = steps.min(STEPS_BY_TASKS / tasks.max(1));
    let mut dice = Dice::new(now_ms.unsigned_abs());
    let mut lates = [0.0; DRAWS as usize];
    for (draw, late) in (0..).zip(&mut lates) {
        *late = course.run(&first, draw);
    }
    let mut here_ms = lates.iter().sum::<f64>() / DRAWS as f64;
    let mut ends = course.ends().to_vec();
    let (mut best, mut best_ms) = (first.clone(), here_ms);
    let (mut here, mut next) = (first.clone(), first);
    for step in 0..steps {
        let share = step as f64 / steps as f64;
        let heat = HEAT_FIRST * (HEAT_LAST / HEAT_FIRST).powf(share) * best_ms;
        next.copy(&here);
        moves::change(problem, &mut next, &ends, &mut dice);
        let most_ms = here_ms - heat * (dice.share() + 1e-9).ln();
        let Some(drawn) = in_turn(problem, &mut next, course, is_ready, &lates, most_ms) else {
            continue;
        };
        std::mem::swap(&mut here, &mut next);
        lates = drawn;
        here_ms = lates.iter().sum::<f64>() / DRAWS as f64;
        ends.copy_from_slice(course.ends());
        if here_ms < best_ms {
            best.copy(&here);
            best_ms = here_ms;
        }
    }
    best
}

/// How late a change ends, with each start given to whose turn it is; `None` when that is too late, or takes too many exchanges.
fn in_turn(
    problem: &Problem<'_>,
    next: &mut Schedule,
    course: &mut Course<'_>,
    is_ready: &[bool],
    lates: &Lates,
    most_ms: f64,
) -> Option<Lates> {
    for _ in 0..EXCHANGES_OF_A_STEP {
        match course.lates_within(next, lates, most_ms, is_ready) {
            Ok(drawn) => return Some(drawn),
            Err(No::Later) => return None,
            Err(No::OutOfTurn(wrong)) => turns::exchange(problem, next, wrong),
        }
    }
    None
}

/// What the rules call off and what was found begins anew for the same model goes on: nothing is said of it.
fn go_on_draining(state: &State, decisions: &mut Vec<Decision>) {
    let is_begun = |effect: Effect| match effect {
        Effect::Drain { host, model, to } => matches!(
            state.residence(host, model),
            Residence::Draining { to: now, .. } if now == to
        ),
        Effect::Keep { .. } | Effect::Start { .. } => false,
        Effect::Preload { .. } | Effect::Unload { .. } => false,
    };
    let effects = decisions.iter().map(|decision| decision.effect);
    let begun = effects.filter(|effect| is_begun(*effect));
    let goes_on: Vec<(HostId, ModelId)> = begun.map(|effect| effect.place()).collect();
    decisions.retain(|decision| !goes_on.contains(&decision.effect.place()));
}

/// What was found, and its course of time.
struct Found<'a> {
    problem: &'a Problem<'a>,
    course: &'a Course<'a>,
    schedule: &'a Schedule,
    saves_ms: i64,
    /// It was found before, in the same moment.
    again: bool,
}

impl Found<'_> {
    /// What begins now. What the rules would do as well keeps their reason.
    fn decisions(&self, state: &State, attempt: &Attempt<'_>) -> Vec<Decision> {
        let mut decisions = match self.again {
            true => Vec::new(),
            false => kept_by_rules(attempt),
        };
        self.load(state, &mut decisions);
        if !self.again {
            self.drain(state, &mut decisions);
            go_on_draining(state, &mut decisions);
        }
        self.start(state, &mut decisions);
        let rules = attempt.decisions();
        for decision in &mut decisions {
            let same = rules.iter().find(|own| own.effect == decision.effect);
            decision.reason = same.map_or(decision.reason, |own| own.reason);
        }
        decisions
    }

    fn load(&self, state: &State, decisions: &mut Vec<Decision>) {
        for (place, leaving) in self.course.loads() {
            let (host, to) = self.of(*place);
            // There is room without it: what was to go as well stays.
            let goes = |model: ModelId| leaving.iter().any(|gone| self.of(*gone).1 == model);
            let stays = state.fleet().model_ids().filter(|model| !goes(*model));
            let drains = |model: &ModelId| {
                let told = decisions.iter().map(|decision| decision.effect);
                let mut told = told.filter(|effect| effect.place() == (host, *model));
                match told.next_back() {
                    Some(effect) => matches!(effect, Effect::Drain { .. }),
                    None => {
                        let is_now = state.residence(host, *model);
                        matches!(is_now, Residence::Draining { .. })
                    }
                }
            };
            let kept: Vec<ModelId> = stays.filter(drains).collect();
            decisions.extend(kept.into_iter().map(|model| Decision {
                effect: Effect::Keep { host, model },
                reason: Reason::RoomWithout { to },
            }));
            decisions.extend(leaving.iter().map(|gone| {
                let (host, model) = self.of(*gone);
                Decision {
                    effect: Effect::Unload { host, model },
                    reason: Reason::MakesRoom { to },
                }
            }));
            decisions.push(Decision {
                effect: Effect::Preload { host, model: to },
                reason: self.wanted(state, *place, leaving),
            });
        }
    }

    /// Not where one more call begins: then the next decision does it.
    fn drain(&self, state: &State, decisions: &mut Vec<Decision>) {
        let begins = |place: usize| self.course.starts().iter().any(|(_, at)| *at == place);
        for (place, leaving) in self.course.drains() {
            let (_, to) = self.of(*place);
            let is_free = |gone: &usize| !begins(*gone) && self.answers(state, *gone, decisions);
            if !leaving.iter().all(is_free) {
                continue;
            }
            let reason = self.wanted(state, *place, leaving);
            decisions.extend(leaving.iter().map(|gone| {
                let (host, model) = self.of(*gone);
                let effect = Effect::Drain { host, model, to };
                Decision { effect, reason }
            }));
        }
    }

    fn start(&self, state: &State, decisions: &mut Vec<Decision>) {
        // What is known and not ready yet starts nothing.
        let is_ready = |id: JobId| state.ready().iter().any(|job| job.id == id);
        for (task, place) in self.course.starts() {
            let (host, model) = self.of(*place);
            let job = self.problem.outlook.tasks[*task].id;
            if is_ready(job) && self.answers(state, *place, decisions) {
                let effect = Effect::Start { job, host, model };
                let saves_ms = self.saves_ms;
                let reason = Reason::AllEndsSooner { saves_ms };
                decisions.push(Decision { effect, reason });
            }
        }
    }

    /// Whether a place takes calls after these decisions.
    fn answers(&self, state: &State, place: usize, decisions: &[Decision]) -> bool {
        let (host, model) = self.of(place);
        let told = decisions.iter().map(|decision| decision.effect);
        let mut told = told.filter(|effect| effect.place() == (host, model));
        match told.rfind(|effect| !matches!(effect, Effect::Start { .. })) {
            Some(Effect::Keep { .. }) => true,
            Some(_) => false,
            None => matches!(state.residence(host, model), Residence::Resident { .. }),
        }
    }

    fn of(&self, place: usize) -> (HostId, ModelId) {
        let place = &self.problem.outlook.places[place];
        (HostId(place.host), ModelId(place.model))
    }

    /// Why a place is loaded.
    fn wanted(&self, state: &State, place: usize, leaving: &[usize]) -> Reason {
        let saves_ms = self.saves_ms;
        let Some(task) = self.problem.first_in(self.schedule, place) else {
            return Reason::AllEndsSooner { saves_ms };
        };
        let job = self.problem.outlook.tasks[task].id;
        let mut places = self.problem.places_of(task).iter();
        let stranded = places.all(|place| {
            let (host, model) = self.of(*place);
            state.residence(host, model) == Residence::Absent
        });
        match stranded && leaving.is_empty() {
            true => Reason::FreeMemory { job },
            false => Reason::LoadedFor { job, saves_ms },
        }
    }
}
