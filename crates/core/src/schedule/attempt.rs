//! Whole decisions for one moment, with starts and without them, and which of them brings the end of all known work forward most.
//!
//! The plan puts a job where it ends first by the models that are loaded. It does not see that the job's fast place may be free or loaded soon: so
//! each start on a slow place is held against putting it off, by the same futures by which loads are chosen.

use std::cmp::Reverse;
use std::ops::Range;

use super::decide::{Decision, Effect};
use super::fleet::{HostId, ModelId};
use super::job::{Choice, Job, JobId, Sticky};
use super::outlook::Outlook;
use super::plan::{Ban, Placed, Planned, View, order, plan};
use super::reason::Reason;
use super::state::State;
use super::swap;

/// A place that takes at least so many times as long as the job's fastest is a slow one. Measured: with 2 or 3 as good.
const TIMES_SLOWER: f64 = 1.5;
/// A start is put off when the end of all known work then comes sooner by this share of what the job takes there. Measured on other traces than those of
/// the bench: with a hundredth the worst that it does to one is twice as bad, because what is waited for may come later than is thought.
const SHARE_OF_LENGTH: f64 = 0.2;
/// Starts on slow places that are looked at in one decision, the last to end first. Measured: with 4 it is no better.
const SLOW_MAX: usize = 2;
/// Beyond so many jobs that wait no start is put off: another soon takes the place, so that one more or less is little, and a decision stays short.
const READY_MAX: usize = 48;

/// One whole decision.
pub(super) struct Attempt<'s> {
    view: View<'s>,
    moves: Vec<Decision>,
    order: Vec<Planned<'s>>,
    /// The jobs in their order, and where each would be.
    placed: Vec<(&'s Job, Option<Placed>)>,
}

impl<'s> Attempt<'s> {
    /// The usual way, or one that is better.
    pub(super) fn best(state: &'s State, now_ms: i64) -> Attempt<'s> {
        let mut best = Attempt::of(state, now_ms, Vec::new());
        if state.ready().len() > READY_MAX {
            return best;
        }
        let mut best_ms = None;
        for (job, placed) in best.slow() {
            best = best.or_without(job, placed, &mut best_ms);
        }
        best
    }

    fn of(state: &'s State, now_ms: i64, bans: Vec<Ban>) -> Attempt<'s> {
        let mut view = View::of(state, now_ms);
        view.bans = bans;
        let order = order(&view);
        let mut moves = Vec::new();
        let mut placed = plan(&view, &order);
        for host in state.fleet().host_ids() {
            let ended = swap::go_on(&view, host, &placed);
            if !ended.is_empty() {
                view.take(&ended);
                moves.extend(ended);
                placed = plan(&view, &order);
            }
        }
        // Each round gives one more host something to load or to drain, so there are never more rounds than hosts.
        for _ in state.fleet().host_ids() {
            let Some((begun, then)) = swap::begin(&mut view, &order, &placed) else {
                break;
            };
            moves.extend(begun);
            placed = then;
        }
        let jobs = order.iter().map(|planned| planned.job);
        Attempt {
            placed: jobs.zip(placed).collect(),
            view,
            moves,
            order,
        }
    }

    /// The same, or what is done when a job is to wait for a place that is not slow. `best_ms`: how late all would end by this one, once it is known.
    fn or_without(self, job: &Job, placed: Placed, best_ms: &mut Option<f64>) -> Attempt<'s> {
        let mut bans = self.view.bans.clone();
        bans.extend(slow_places(job));
        let other = Attempt::of(self.view.state, self.view.now_ms, bans);
        if other.called_off() != self.called_off() || !other.is_steady() {
            return self;
        }
        let own_ms = *best_ms.get_or_insert_with(|| self.late_ms());
        let other_ms = other.late_ms();
        let length_ms = (placed.end_ms - placed.start_ms) as f64;
        if other_ms < own_ms - length_ms * SHARE_OF_LENGTH {
            *best_ms = Some(other_ms);
            return other;
        }
        self
    }

    fn called_off(&self) -> Vec<Effect> {
        let effects = self.moves.iter().map(|decision| decision.effect);
        let keeps = effects.filter(|effect| matches!(effect, Effect::Keep { .. }));
        keeps.collect()
    }

    /// Whether the next decision, which at first puts nothing off, still has a use for what is drained now. Else it would call it off, and the one after
    /// it would begin it again, without end.
    fn is_steady(&self) -> bool {
        let mut view = View::of(self.view.state, self.view.now_ms);
        view.take(&self.moves);
        let placed = plan(&view, &self.order);
        let mut hosts = view.state.fleet().host_ids();
        hosts.all(|host| {
            let to = view.drains_for(host);
            to.is_none_or(|to| swap::wanted(&placed, host, to))
        })
    }

    /// The jobs in their order.
    pub(super) fn order(&self) -> &[Planned<'s>] {
        &self.order
    }

    /// What happens to models.
    pub(super) fn moves(&self) -> &[Decision] {
        &self.moves
    }

    /// All of it.
    pub(super) fn decisions(&self) -> Vec<Decision> {
        let starts = self
            .starts()
            .map(|(job, placed)| start(self.view.state, job, placed, self.view.now_ms));
        self.moves.iter().copied().chain(starts).collect()
    }

    /// Jobs that begin now.
    pub(super) fn begins(&self) -> Vec<(JobId, Placed)> {
        self.starts()
            .map(|(job, placed)| (job.id, placed))
            .collect()
    }

    /// Whether a job is put there, now or later.
    pub(super) fn is_wanted(&self, host: HostId, model: ModelId) -> bool {
        let mut placed = self.placed.iter().filter_map(|(_, placed)| *placed);
        placed.any(|placed| (placed.host, placed.model) == (host, model))
    }

    /// What begins now.
    fn starts(&self) -> impl Iterator<Item = (&'s Job, Placed)> + '_ {
        let now_ms = self.view.now_ms;
        self.placed.iter().filter_map(move |(job, placed)| {
            let placed = placed.filter(|placed| placed.start_ms <= now_ms)?;
            Some((*job, placed))
        })
    }

    /// Starts that might be put off. Never that of a job that is past the age: that bounds for how long one is.
    fn slow(&self) -> Vec<(&'s Job, Placed)> {
        let (view, rules) = (&self.view, self.view.state.rules());
        let is_slow = |(job, placed): &(&'s Job, Placed)| {
            let allowed = job.choices.iter().filter(|choice| view.allows(job, choice));
            let least_ms = allowed.map(|choice| job.expected_ms(choice)).min();
            let length_ms = (placed.end_ms - placed.start_ms) as f64;
            job.waited_ms(view.now_ms) < rules.age_ms_max
                && least_ms.is_some_and(|least| length_ms >= TIMES_SLOWER * least as f64)
        };
        let mut slow: Vec<(&'s Job, Placed)> = self.starts().filter(is_slow).collect();
        slow.sort_by_key(|(job, placed)| (Reverse(placed.end_ms), job.id));
        slow.truncate(SLOW_MAX);
        slow
    }

    /// How late all known work would end; infinite when nothing would happen any more.
    fn late_ms(&self) -> f64 {
        self.outlook().late_ms(&self.view, true)
    }

    /// The same on these draws.
    pub(super) fn late_of(&self, draws: Range<u64>) -> f64 {
        self.outlook().late_of(&self.view, true, draws)
    }

    fn outlook(&self) -> Outlook {
        Outlook::of(&self.view, &self.order).begun(&self.begins())
    }
}

fn slow_places(job: &Job) -> Vec<Ban> {
    let least = job
        .choices
        .iter()
        .map(|choice| job.expected_ms(choice))
        .min();
    let least_ms = least.unwrap_or(0) as f64;
    let slow = |choice: &&Choice| job.expected_ms(choice) as f64 >= TIMES_SLOWER * least_ms;
    let slow = job.choices.iter().filter(slow);
    slow.map(|choice| (job.id, choice.host, choice.model))
        .collect()
}

fn start(state: &State, job: &Job, placed: Placed, now_ms: i64) -> Decision {
    let Placed {
        host,
        model,
        start_ms,
        end_ms,
    } = placed;
    let (waited_ms, expected_ms) = (job.waited_ms(now_ms), end_ms - start_ms);
    let reason = match job.sticky {
        _ if waited_ms >= state.rules().age_ms_max => Reason::Aged { waited_ms },
        Some(Sticky {
            host: h,
            model: m,
            saves_ms,
        }) if (h, m) == (host, model) => Reason::EndsFirstSticky {
            expected_ms,
            saves_ms,
        },
        Some(_) | None => Reason::EndsFirst { expected_ms },
    };
    let effect = Effect::Start {
        job: job.id,
        host,
        model,
    };
    Decision { effect, reason }
}
