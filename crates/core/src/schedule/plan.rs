//! Who would start where and when, were the models to stay as they are: the jobs in their order, each on the place where it is
//! expected to end first.

use std::collections::{HashMap, HashSet};

use super::decide::{Decision, Effect};
use super::fleet::{HostId, ModelId};
use super::job::{Choice, Job, JobId, ordered};
use super::state::{Residence, Running, State};

/// A late job is expected to need so much again of what it has lasted: a little late is noise, and what has lasted long past its
/// estimate is not about to end (a share of the estimate alone would keep a slower host empty for as long as the call hangs).
const LATE_SHARE: i64 = 8;

/// The state, with what has been decided on top of it.
pub(super) struct View<'a> {
    pub(super) state: &'a State,
    pub(super) now_ms: i64,
    pub(super) places: Vec<Vec<Residence>>,
    /// Starts that are put off.
    pub(super) bans: Vec<Ban>,
}

/// A job that is not to begin at a place now.
pub(super) type Ban = (JobId, HostId, ModelId);

/// A job in the order in which it is planned.
#[derive(Clone, Copy)]
pub(super) struct Planned<'a> {
    pub(super) job: &'a Job,
    /// When it is expected to be ready; now for one that is.
    pub(super) from_ms: i64,
}

/// The jobs that are ready, in their order, and behind them those that only wait for what is at work, by when that is expected to end.
pub(super) fn order<'a>(view: &View<'a>) -> Vec<Planned<'a>> {
    let state = view.state;
    let now_ms = view.now_ms;
    let press = pressure(view);
    let ready = ordered(state.ready(), state.rules(), &press, now_ms);
    let ready = ready.into_iter().map(|job| Planned {
        job,
        from_ms: now_ms,
    });
    if state.coming().is_empty() {
        return ready.collect();
    }
    let ends: HashMap<JobId, i64> = state
        .running()
        .iter()
        .map(|running| (running.job.id, view.end_ms(running)))
        .collect();
    let waits: HashSet<JobId> = state
        .ready()
        .iter()
        .map(|job| job.id)
        .chain(state.coming().iter().map(|coming| coming.job.id))
        .collect();
    let mut soon: Vec<Planned<'_>> = state
        .coming()
        .iter()
        .filter(|coming| !coming.needs.iter().any(|need| waits.contains(need)))
        .map(|coming| Planned {
            job: &coming.job,
            from_ms: coming
                .needs
                .iter()
                .filter_map(|need| ends.get(need).copied())
                .fold(now_ms + 1, i64::max),
        })
        .collect();
    soon.sort_by_key(|planned| (planned.from_ms, planned.job.id));
    ready.chain(soon).collect()
}

/// Milliseconds in which all known work of each model would be done by the places that have it now, by model.
pub(super) fn pressure(view: &View<'_>) -> Vec<i64> {
    let fleet = view.state.fleet();
    let mut work = vec![0_i64; fleet.models.len()];
    let coming = view.state.coming().iter().map(|coming| &coming.job);
    for job in view.state.ready().iter().chain(coming) {
        let shortest = job
            .choices
            .iter()
            .filter(|choice| view.allows(job, choice))
            .min_by_key(|choice| choice.expected_ms);
        if let Some(choice) = shortest {
            work[choice.model.0] += job.expected_ms(choice);
        }
    }
    let slots = |model: ModelId| -> i64 {
        fleet
            .host_ids()
            .filter(|host| view.places[host.0][model.0] != Residence::Absent)
            .filter_map(|host| {
                let place = fleet.place(host, model)?;
                Some(i64::from(place.slots.min(fleet.hosts[host.0].slots)))
            })
            .sum()
    };
    fleet
        .model_ids()
        .map(|model| work[model.0] / slots(model).max(1))
        .collect()
}

/// Where a job would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) host: HostId,
    pub(super) model: ModelId,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
}

impl View<'_> {
    pub(super) fn of(state: &State, now_ms: i64) -> View<'_> {
        View {
            places: state.places().to_vec(),
            bans: Vec::new(),
            state,
            now_ms,
        }
    }

    /// Takes decisions about models into account, so that what follows sees them.
    pub(super) fn take(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            let (host, model) = decision.effect.place();
            let residence = &mut self.places[host.0][model.0];
            *residence = match (decision.effect, *residence) {
                (Effect::Unload { .. }, _) => Residence::Absent,
                (Effect::Preload { .. }, _) => {
                    let place = self.state.fleet().place(host, model);
                    Residence::Loading {
                        until_ms: self.now_ms + place.map_or(0, |place| place.load_ms),
                    }
                }
                (Effect::Drain { to, .. }, Residence::Resident { since_ms, used_ms }) => {
                    Residence::Draining {
                        since_ms,
                        used_ms,
                        to,
                    }
                }
                (
                    Effect::Keep { .. },
                    Residence::Draining {
                        since_ms, used_ms, ..
                    },
                ) => Residence::Resident { since_ms, used_ms },
                (Effect::Start { .. } | Effect::Drain { .. } | Effect::Keep { .. }, same) => same,
            };
        }
    }

    /// When a call that is at work is expected to end; always later than now.
    pub(super) fn end_ms(&self, running: &Running) -> i64 {
        let end = running.started_ms.saturating_add(running.expected_ms);
        match end > self.now_ms {
            true => end,
            false => {
                let lasted = self.now_ms.saturating_sub(running.started_ms);
                self.now_ms.saturating_add((lasted / LATE_SHARE).max(1))
            }
        }
    }

    /// When the last call of a model on a host is expected to end; now when there is none.
    pub(super) fn quiet_ms(&self, host: HostId, model: ModelId) -> i64 {
        let here = |running: &&Running| (running.host, running.model) == (host, model);
        let ends = self.state.running().iter().filter(here);
        ends.map(|running| self.end_ms(running))
            .fold(self.now_ms, i64::max)
    }

    /// What a host's models are being drained for, if for anything.
    pub(super) fn drains_for(&self, host: HostId) -> Option<ModelId> {
        self.places[host.0]
            .iter()
            .find_map(|residence| match residence {
                Residence::Draining { to, .. } => Some(*to),
                Residence::Absent | Residence::Loading { .. } | Residence::Resident { .. } => None,
            })
    }

    /// Whether a model came so recently that its load is not yet paid for.
    pub(super) fn has_turn(&self, host: HostId, model: ModelId) -> bool {
        self.state
            .turn_ends_ms(host, model)
            .is_some_and(|end| end > self.now_ms)
    }

    /// When the model that a host loads is expected to be there.
    pub(super) fn loader_ms(&self, host: HostId) -> Option<i64> {
        self.places[host.0]
            .iter()
            .find_map(|residence| match residence {
                Residence::Loading { until_ms } => Some((*until_ms).max(self.now_ms + 1)),
                Residence::Absent | Residence::Resident { .. } | Residence::Draining { .. } => None,
            })
    }

    /// When a model answers on a host; `None` when nothing was decided that would bring it there.
    fn answers_ms(&self, host: HostId, model: ModelId) -> Option<i64> {
        match self.places[host.0][model.0] {
            Residence::Resident { .. } => Some(self.now_ms),
            Residence::Loading { until_ms } => Some(until_ms.max(self.now_ms + 1)),
            Residence::Draining { .. } => None,
            Residence::Absent if self.drains_for(host) == Some(model) => {
                let place = self.state.fleet().place(host, model)?;
                Some(self.drained_ms(host, model) + place.load_ms)
            }
            Residence::Absent => None,
        }
    }

    /// When the drain for a model is expected to be over.
    fn drained_ms(&self, host: HostId, to: ModelId) -> i64 {
        let models = self.state.fleet().model_ids();
        let leaving = models.filter(|model| {
            matches!(self.places[host.0][model.0], Residence::Draining { to: other, .. } if other == to)
        });
        leaving
            .map(|model| self.quiet_ms(host, model))
            .fold(self.now_ms, i64::max)
    }

    /// Whether a job may be put somewhere as far as its project, the host's health and this way of deciding go.
    pub(super) fn allows(&self, job: &Job, choice: &Choice) -> bool {
        let host = self.state.fleet().hosts.get(choice.host.0);
        let local = host.map(|host| host.local);
        self.state.is_up(choice.host)
            && local.is_some_and(|local| local || !job.local_only)
            && !self.bans.contains(&(job.id, choice.host, choice.model))
    }
}

/// For each job of the order where it would be; `None` where no host has its model, or will have it.
pub(super) fn plan(view: &View<'_>, order: &[Planned<'_>]) -> Vec<Option<Placed>> {
    let mut lanes = Lanes::of(view);
    let mut placed = Vec::with_capacity(order.len());
    for (position, planned) in order.iter().enumerate() {
        let job = planned.job;
        let best = job
            .choices
            .iter()
            .filter(|choice| view.allows(job, choice))
            .filter_map(|choice| lanes.earliest(view, planned, choice))
            .min_by_key(|placed| (placed.end_ms, placed.host, placed.model));
        if let Some(best) = best {
            // The slot of the oldest job that is past the age is filled by nobody meanwhile: an estimate may be wrong.
            let aged = job.waited_ms(view.now_ms) >= view.state.rules().age_ms_max;
            lanes.take(&best, view.now_ms, !(position == 0 && aged));
        }
        placed.push(best);
    }
    placed
}

/// The slots of fleet, hosts and places, and when each is free.
struct Lanes {
    fleet: Option<Lane>,
    hosts: Vec<Lane>,
    places: Vec<Vec<Option<(i64, Lane)>>>,
}

impl Lanes {
    fn of(view: &View<'_>) -> Lanes {
        let fleet = view.state.fleet();
        let ends = |here: &dyn Fn(&Running) -> bool| -> Vec<i64> {
            let running = view.state.running().iter().filter(|running| here(running));
            running.map(|running| view.end_ms(running)).collect()
        };
        let place = |host: HostId, model: ModelId| {
            let slots = fleet.place(host, model)?.slots;
            let answers = view.answers_ms(host, model)?;
            let busy = ends(&|running| (running.host, running.model) == (host, model));
            Some((answers, Lane::new(slots, busy, view.now_ms)?))
        };
        let host = |id: HostId| {
            let busy = ends(&|running| running.host == id);
            Lane::new(fleet.hosts[id.0].slots, busy, view.now_ms).unwrap_or(Lane::shut())
        };
        Lanes {
            fleet: fleet.slots.map(|slots| {
                Lane::new(slots, ends(&|_| true), view.now_ms).unwrap_or(Lane::shut())
            }),
            hosts: fleet.host_ids().map(host).collect(),
            places: fleet
                .host_ids()
                .map(|host| fleet.model_ids().map(|model| place(host, model)).collect())
                .collect(),
        }
    }

    fn earliest(&self, view: &View<'_>, planned: &Planned<'_>, choice: &Choice) -> Option<Placed> {
        let row = self.places.get(choice.host.0)?;
        let (answers, place) = row.get(choice.model.0)?.as_ref()?;
        let host = &self.hosts[choice.host.0];
        let length = planned.job.expected_ms(choice);
        let now = view.now_ms;
        let fits = |lane: &Lane| lane.fits_now(now, now + length);
        let start_ms = if *answers.max(&planned.from_ms) <= now
            && fits(host)
            && fits(place)
            && self.fleet.as_ref().is_none_or(fits)
        {
            now
        } else {
            let all = self.fleet.as_ref().map_or(now, |lane| lane.min);
            // Holes that begin now are not free later.
            (*answers)
                .max(planned.from_ms)
                .max(host.min)
                .max(place.min)
                .max(all)
        };
        (start_ms < NEVER).then(|| Placed {
            host: choice.host,
            model: choice.model,
            start_ms,
            end_ms: start_ms.saturating_add(length),
        })
    }

    fn take(&mut self, placed: &Placed, now_ms: i64, fill: bool) {
        self.hosts[placed.host.0].take(placed, now_ms, fill);
        if let Some((_, lane)) = &mut self.places[placed.host.0][placed.model.0] {
            lane.take(placed, now_ms, fill);
        }
        if let Some(lane) = &mut self.fleet {
            lane.take(placed, now_ms, fill);
        }
    }
}

/// Beyond every time that is planned with.
const NEVER: i64 = i64::MAX / 8;

/// Slots of one limit.
struct Lane {
    /// When each slot is free for good.
    free: Vec<i64>,
    /// The first of them.
    min: i64,
    /// Slots that are free from now until then, because they are kept for a job that cannot begin yet.
    holes: Vec<i64>,
}

impl Lane {
    /// `None` without slots.
    fn new(slots: u32, busy: Vec<i64>, now_ms: i64) -> Option<Lane> {
        let slots = usize::try_from(slots).unwrap_or(usize::MAX);
        // A limit that nothing can reach needs no row of slots as long as itself.
        let slots = slots.min(busy.len() + SLOTS_MAX);
        let mut free = busy;
        free.sort_unstable();
        // More at work than there are slots: as many as are too many must end first.
        let excess = free.len().saturating_sub(slots);
        free.drain(..excess);
        free.resize(slots, now_ms);
        let min = free.iter().min().copied()?;
        Some(Lane {
            free,
            min,
            holes: Vec::new(),
        })
    }

    fn shut() -> Lane {
        Lane {
            free: Vec::new(),
            min: NEVER,
            holes: Vec::new(),
        }
    }

    fn fits_now(&self, now_ms: i64, end_ms: i64) -> bool {
        self.min <= now_ms || self.holes.iter().any(|until| *until >= end_ms)
    }

    fn take(&mut self, placed: &Placed, now_ms: i64, fill: bool) {
        if placed.start_ms <= now_ms && self.min > now_ms {
            // The narrowest hole: wider ones may serve longer jobs.
            let fitting = self.holes.iter().enumerate();
            let narrowest = fitting
                .filter(|(_, until)| **until >= placed.end_ms)
                .min_by_key(|(_, until)| **until);
            if let Some((at, _)) = narrowest {
                self.holes.swap_remove(at);
            }
            return;
        }
        let Some(slot) = self.free.iter_mut().min() else {
            return;
        };
        if fill && *slot <= now_ms && placed.start_ms > now_ms {
            self.holes.push(placed.start_ms);
        }
        *slot = placed.end_ms;
        self.min = self.free.iter().min().copied().unwrap_or(NEVER);
    }
}

/// Slots of one limit that are planned with at most; no server has more calls at once.
const SLOTS_MAX: usize = 1024;
