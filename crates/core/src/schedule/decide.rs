//! The one question: what is to be done now.

use super::attempt::Attempt;
use super::fleet::{HostId, ModelId};
use super::job::JobId;
use super::reason::Reason;
use super::search::{self, Intent};
use super::state::State;

/// Something to carry out. An `Unload` is waited for before a `Preload` of the same host that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Give the job's call to the host.
    Start {
        job: JobId,
        host: HostId,
        model: ModelId,
    },
    /// Load a model; no call is given to it before it is there.
    Preload { host: HostId, model: ModelId },
    /// Unload a model at which nothing is at work.
    Unload { host: HostId, model: ModelId },
    /// Give no more calls to a model, so that it can make room for another.
    Drain {
        host: HostId,
        model: ModelId,
        to: ModelId,
    },
    /// Give calls again to a model that was being drained.
    Keep { host: HostId, model: ModelId },
}

impl Effect {
    pub fn place(&self) -> (HostId, ModelId) {
        match self {
            Effect::Start { host, model, .. }
            | Effect::Preload { host, model }
            | Effect::Unload { host, model }
            | Effect::Drain { host, model, .. }
            | Effect::Keep { host, model } => (*host, *model),
        }
    }
}

/// An effect and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub effect: Effect,
    pub reason: Reason,
}

/// What is to be done now, in this order: nothing when nothing can be. To be asked again after each event, and when the oldest job
/// that waits passes [`super::Rules::age_ms_max`].
pub fn decide(state: &State, now_ms: i64) -> Vec<Decision> {
    decide_on(state, &mut Intent::default(), now_ms)
}

/// The same by one who knows what the last decision meant to do next; it becomes what this one means.
pub fn decide_on(state: &State, intent: &mut Intent, now_ms: i64) -> Vec<Decision> {
    let attempt = Attempt::best(state, now_ms);
    search::better(state, intent, now_ms, &attempt).unwrap_or_else(|| attempt.decisions())
}

/// The next moment at which time alone may change what is decided: a job that waits passes the age, or a
/// model has had its turn. `None` when nothing waits.
pub fn next_look_ms(state: &State, now_ms: i64) -> Option<i64> {
    let age = state.rules().age_ms_max;
    let jobs = state.ready().iter().map(|job| job.arrived_ms);
    let served = state
        .fleet()
        .model_ids()
        .filter_map(|model| state.served_ms(model));
    let looks = jobs.chain(served).map(|ms| ms.saturating_add(age));
    let places = state
        .fleet()
        .host_ids()
        .flat_map(|host| state.fleet().model_ids().map(move |model| (host, model)));
    let looks = looks.chain(places.filter_map(|(host, model)| state.turn_ends_ms(host, model)));
    let next = looks.filter(|look| *look > now_ms).min();
    next.filter(|_| !state.ready().is_empty())
}
