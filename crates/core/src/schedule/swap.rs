//! When one model makes room for another, and which.

use super::decide::{Decision, Effect};
use super::fleet::{HostId, ModelId};
use super::job::Job;
use super::outlook::{Outlook, is_crowd};
use super::plan::{Placed, Planned, View, plan};
use super::reason::Reason;
use super::state::{Residence, held};

/// By this share of its price a load must bring the end of all known work forward: one that sends away what has work, or one that does not. Measured:
/// with less there are more swaps and no earlier ends, with more the ends are later.
const SHARE_OF_SWAP: f64 = 0.3;
const SHARE_OF_LOAD: f64 = 0.1;
/// Loads that are looked at where very many jobs wait: those that bring most work forward.
const CANDIDATES_OF_A_CROWD: usize = 3;
/// Loads times jobs times hosts that one decision may simulate: whoever waits for a decision waits for all of them. With 49 jobs, six models and four hosts
/// there are at most twenty loads, a third of it; such a decision took 20 ms of a processor (docs/BENCHMARKS.md).
const PLACES_TRIED_MAX: usize = 5_000;

/// Whether something is planned on a place.
pub(super) fn wanted(placed: &[Option<Placed>], host: HostId, model: ModelId) -> bool {
    let mut placed = placed.iter().flatten();
    placed.any(|placed| (placed.host, placed.model) == (host, model))
}

/// What is to be done with a host whose models are being drained: the swap itself, the end of a drain that nobody needs or that is not enough any more, since
/// other programs came to hold memory there, or nothing yet.
pub(super) fn go_on(view: &View<'_>, host: HostId, placed: &[Option<Placed>]) -> Vec<Decision> {
    let Some(to) = view.drains_for(host) else {
        return Vec::new();
    };
    let leaving: Vec<ModelId> = view
        .state
        .fleet()
        .model_ids()
        .filter(|model| matches!(view.places[host.0][model.0], Residence::Draining { .. }))
        .collect();
    // A look at the host may find there already what it is drained for: nothing has to go for that any more.
    let is_there = matches!(
        view.places[host.0][to.0],
        Residence::Resident { .. } | Residence::Loading { .. }
    );
    let off = if is_there {
        Some(Reason::AlreadyThere { to })
    } else if !wanted(placed, host, to) {
        Some(Reason::CalledOff { to })
    } else if !makes_room(view, host, &leaving, to) {
        Some(Reason::NoRoom { to })
    } else {
        None
    };
    if let Some(reason) = off {
        let keep = |model: ModelId| Decision {
            effect: Effect::Keep { host, model },
            reason,
        };
        return leaving.into_iter().map(keep).collect();
    }
    let busy = leaving.iter().any(|model| view.state.is_busy(host, *model));
    if busy || view.loader_ms(host).is_some() {
        return Vec::new();
    }
    swapped(host, &leaving, to, Reason::MakesRoom { to })
}

/// Whether a model fits on a host without these.
fn makes_room(view: &View<'_>, host: HostId, leaving: &[ModelId], to: ModelId) -> bool {
    let fleet = view.state.fleet();
    let bytes = |model: &ModelId| fleet.models[model.0].bytes;
    let going = leaving.iter().map(bytes).fold(0, u64::saturating_add);
    let stays = held(fleet, &view.places, host).saturating_sub(going);
    stays
        .checked_add(bytes(&to))
        .is_some_and(|all| all <= fleet.hosts[host.0].memory)
}

fn swapped(host: HostId, leaving: &[ModelId], to: ModelId, reason: Reason) -> Vec<Decision> {
    let unload = |model: &ModelId| Decision {
        effect: Effect::Unload {
            host,
            model: *model,
        },
        reason: Reason::MakesRoom { to },
    };
    let preload = Decision {
        effect: Effect::Preload { host, model: to },
        reason,
    };
    leaving.iter().map(unload).chain([preload]).collect()
}

/// A model that might come to a host.
struct Candidate {
    host: HostId,
    model: ModelId,
    load_ms: i64,
    slots: i64,
    /// What would have to go.
    leaving: Vec<ModelId>,
    /// Milliseconds of work that waits for what would have to go.
    loses_ms: i64,
    /// When it would answer.
    ready_ms: i64,
    /// Milliseconds of work that would end sooner with it, and by how much it would, each job by its own length at most.
    moved_ms: i64,
    backlog_ms: i64,
    /// Milliseconds to load again, later, what would have to go and is known to be wanted.
    again_ms: i64,
    /// The first job of the order among them: its position, and when it would end.
    head: Option<(usize, i64)>,
    /// That job runs nowhere without it.
    stranded: bool,
}

/// The next swap or load, if one is worth it, with the plan that follows from it.
pub(super) fn begin(
    view: &mut View<'_>,
    order: &[Planned<'_>],
    placed: &[Option<Placed>],
) -> Option<(Vec<Decision>, Vec<Option<Placed>>)> {
    let mut candidates = candidates(view, placed);
    gather(view, order, placed, &mut candidates);
    let mut worthy: Vec<(&Candidate, Reason)> = candidates
        .iter()
        .flatten()
        .flatten()
        .filter_map(|candidate| Some((candidate, worth(view, order, candidate)?)))
        .collect();
    if worthy.is_empty() {
        return None;
    }
    // One host is given something to do in each round.
    let can_load = |row: &&Vec<Option<Candidate>>| row.iter().any(Option::is_some);
    let rounds = candidates.iter().filter(can_load).count();
    let hosts = view.state.fleet().hosts.len();
    let most = looked_at_most(order.len(), is_crowd(order), hosts, rounds);
    if worthy.len() > most {
        // What has starved comes first whatever it brings.
        worthy.sort_by_key(|(candidate, reason)| {
            let starved = matches!(reason, Reason::Starved { .. });
            (!starved, std::cmp::Reverse(candidate.backlog_ms))
        });
        let starved = worthy
            .iter()
            .filter(|(_, reason)| matches!(reason, Reason::Starved { .. }));
        let kept = starved.count().max(most);
        worthy.truncate(kept);
    }
    let outlook = Outlook::of(view, order);
    let mut before_ms: Option<f64> = None;
    let mut best: Option<(Standing, Vec<Decision>, Vec<Option<Placed>>)> = None;
    for (candidate, reason) in worthy {
        let (host, model) = (candidate.host, candidate.model);
        let decisions = begun(view, candidate, reason);
        let was = view.places[host.0].clone();
        view.take(&decisions);
        let placed = plan(view, order);
        // A load that the plan then has no use for would be called off at once, and so would a drain begun before for another.
        let useful = wanted(&placed, host, model)
            && view.state.fleet().host_ids().all(|host| {
                let to = view.drains_for(host);
                to.is_none_or(|to| wanted(&placed, host, to))
            });
        let after_ms = if useful {
            outlook.late_ms(view, false)
        } else {
            f64::INFINITY
        };
        view.places[host.0] = was;
        if !useful {
            continue;
        }
        let before_ms = *before_ms.get_or_insert_with(|| outlook.late_ms(view, true));
        let Some(standing) = standing(candidate, reason, before_ms, after_ms) else {
            continue;
        };
        if best
            .as_ref()
            .is_none_or(|(other, _, _)| standing.before(other))
        {
            best = Some((standing, decisions, placed));
        }
    }
    let (_, decisions, placed) = best?;
    view.take(&decisions);
    Some((decisions, placed))
}

/// How many loads are simulated in one of the rounds of a decision that are still to come. Each places every job anew, and a job looks at every host.
fn looked_at_most(jobs: usize, crowd: bool, hosts: usize, rounds: usize) -> usize {
    let fit = match crowd {
        true => 0,
        false => PLACES_TRIED_MAX / (jobs * hosts * rounds).max(1),
    };
    fit.max(CANDIDATES_OF_A_CROWD)
}

/// Which of several loads comes first: what has starved, then what has no other place or nothing in its way, then the rest.
struct Standing {
    class: u8,
    /// Among the starved the order of the jobs.
    head: usize,
    after_ms: f64,
}

impl Standing {
    /// Equal ones keep the order of hosts and models.
    fn before(&self, other: &Standing) -> bool {
        let (own, its) = ((self.class, self.head), (other.class, other.head));
        own < its || (own == its && self.after_ms < other.after_ms)
    }
}

/// `None` for a load that does not make the end of all known work earlier by its share of the price.
fn standing(
    candidate: &Candidate,
    reason: Reason,
    before_ms: f64,
    after_ms: f64,
) -> Option<Standing> {
    let stands = |class, head| {
        Some(Standing {
            class,
            head,
            after_ms,
        })
    };
    let (head, _) = candidate.head?;
    match reason {
        Reason::Starved { .. } => stands(0, head),
        Reason::NothingElse { .. } | Reason::FreeMemory { .. } => stands(1, 0),
        Reason::Backlog { .. }
        | Reason::EndsFirst { .. }
        | Reason::EndsFirstSticky { .. }
        | Reason::Aged { .. }
        | Reason::MakesRoom { .. }
        | Reason::AllEndsSooner { .. }
        | Reason::LoadedFor { .. }
        | Reason::CalledOff { .. }
        | Reason::RoomWithout { .. }
        | Reason::AlreadyThere { .. }
        | Reason::NoRoom { .. } => {
            let share = if candidate.loses_ms > 0 {
                SHARE_OF_SWAP
            } else {
                SHARE_OF_LOAD
            };
            let price = (candidate.load_ms + candidate.again_ms) as f64 * share;
            (before_ms - after_ms >= price)
                .then(|| stands(2, 0))
                .flatten()
        }
    }
}

fn begun(view: &View<'_>, candidate: &Candidate, reason: Reason) -> Vec<Decision> {
    let (host, to) = (candidate.host, candidate.model);
    let leaving = &candidate.leaving;
    if !leaving.iter().any(|model| view.state.is_busy(host, *model)) {
        return swapped(host, leaving, to, reason);
    }
    let drain = |model: &ModelId| Decision {
        effect: Effect::Drain {
            host,
            model: *model,
            to,
        },
        reason,
    };
    leaving.iter().map(drain).collect()
}

fn candidates(view: &View<'_>, placed: &[Option<Placed>]) -> Vec<Vec<Option<Candidate>>> {
    let fleet = view.state.fleet();
    // Milliseconds of work that is planned on each place and has not begun.
    let mut waits = vec![vec![0_i64; fleet.models.len()]; fleet.hosts.len()];
    for placed in placed.iter().flatten() {
        waits[placed.host.0][placed.model.0] += placed.end_ms - placed.start_ms;
    }
    let mut wanted = vec![false; fleet.models.len()];
    let ready = view.state.ready().iter();
    for job in ready.chain(view.state.coming().iter().map(|coming| &coming.job)) {
        for choice in &job.choices {
            wanted[choice.model.0] = true;
        }
    }
    let on = |host: HostId| {
        let free = view.state.is_up(host)
            && view.loader_ms(host).is_none()
            && view.drains_for(host).is_none();
        fleet
            .model_ids()
            .map(|model| {
                free.then(|| candidate(view, host, model, &waits, &wanted))
                    .flatten()
            })
            .collect()
    };
    fleet.host_ids().map(on).collect()
}

fn candidate(
    view: &View<'_>,
    host: HostId,
    model: ModelId,
    waits: &[Vec<i64>],
    wanted: &[bool],
) -> Option<Candidate> {
    let fleet = view.state.fleet();
    let place = fleet.place(host, model)?;
    if view.places[host.0][model.0] != Residence::Absent {
        return None;
    }
    let leaving = leaving(view, host, model, waits)?;
    let elsewhere = |model: &ModelId| {
        fleet.host_ids().any(|other| {
            other != host
                && view.state.is_up(other)
                && matches!(view.places[other.0][model.0], Residence::Resident { .. })
        })
    };
    let again = leaving
        .iter()
        .filter(|model| wanted[model.0] && !elsewhere(model));
    let again = again.filter_map(|model| fleet.place(host, *model));
    let quiet = leaving.iter().map(|model| view.quiet_ms(host, *model));
    Some(Candidate {
        host,
        model,
        load_ms: place.load_ms,
        slots: i64::from(place.slots.min(fleet.hosts[host.0].slots)).max(1),
        loses_ms: leaving.iter().map(|model| waits[host.0][model.0]).sum(),
        ready_ms: quiet.fold(view.now_ms, i64::max) + place.load_ms,
        again_ms: again.map(|place| place.load_ms).sum(),
        leaving,
        moved_ms: 0,
        backlog_ms: 0,
        head: None,
        stranded: false,
    })
}

/// What would have to go, the least wanted first; `None` when even that is not enough.
fn leaving(
    view: &View<'_>,
    host: HostId,
    model: ModelId,
    waits: &[Vec<i64>],
) -> Option<Vec<ModelId>> {
    let fleet = view.state.fleet();
    let memory = fleet.hosts[host.0].memory;
    let mut needed = held(fleet, &view.places, host)
        .checked_add(fleet.models[model.0].bytes)?
        .saturating_sub(memory);
    let mut may_go: Vec<(i64, i64, i64, ModelId)> = fleet
        .model_ids()
        .filter_map(|other| {
            let Residence::Resident { used_ms, .. } = view.places[host.0][other.0] else {
                return None;
            };
            let pinned = fleet.place(host, other).is_some_and(|place| place.pinned);
            let keeps = used_ms.saturating_add(fleet.models[other.0].keep_alive_ms);
            let waits = waits[host.0][other.0];
            (!pinned).then(|| (waits, view.quiet_ms(host, other), keeps, other))
        })
        .collect();
    may_go.sort_unstable();
    let mut leaving = Vec::new();
    for (_, _, _, other) in may_go {
        if needed == 0 {
            break;
        }
        needed = needed.saturating_sub(fleet.models[other.0].bytes);
        leaving.push(other);
    }
    (needed == 0).then(|| needless_out(view, host, model, leaving))
}

/// Without those that turn out not to be in the way, now that larger ones go.
fn needless_out(
    view: &View<'_>,
    host: HostId,
    model: ModelId,
    leaving: Vec<ModelId>,
) -> Vec<ModelId> {
    let fleet = view.state.fleet();
    let bytes = |model: &ModelId| fleet.models[model.0].bytes;
    let going: u64 = leaving.iter().map(bytes).sum();
    let held = held(fleet, &view.places, host) + bytes(&model);
    let mut spare = (fleet.hosts[host.0].memory + going).saturating_sub(held);
    let mut kept = leaving.clone();
    for other in leaving.iter().rev() {
        if bytes(other) <= spare {
            spare -= bytes(other);
            kept.retain(|model| model != other);
        }
    }
    kept
}

/// Adds up, in the jobs' order, the work that would end sooner with each candidate.
fn gather(
    view: &View<'_>,
    order: &[Planned<'_>],
    placed: &[Option<Placed>],
    candidates: &mut [Vec<Option<Candidate>>],
) {
    for (position, (planned, placed)) in order.iter().zip(placed).enumerate() {
        let job = planned.job;
        for choice in &job.choices {
            let row = candidates.get_mut(choice.host.0);
            let Some(candidate) = row.and_then(|row| row.get_mut(choice.model.0)?.as_mut()) else {
                continue;
            };
            if !view.allows(job, choice) {
                continue;
            }
            let length = job.expected_ms(choice);
            let queued = candidate.ready_ms + candidate.moved_ms / candidate.slots;
            let end = queued.max(planned.from_ms) + length;
            let gain = placed.map_or(length, |placed| (placed.end_ms - end).min(length));
            if gain <= 0 {
                continue;
            }
            candidate.moved_ms += length;
            candidate.backlog_ms += gain;
            if candidate.head.is_none() {
                candidate.head = Some((position, end));
                candidate.stranded = placed.is_none();
            }
        }
    }
}

/// Why a candidate is worth its load; `None` when it is not, or not yet.
fn worth(view: &View<'_>, order: &[Planned<'_>], candidate: &Candidate) -> Option<Reason> {
    let (head, _) = candidate.head?;
    let job = order.get(head)?.job;
    let rules = view.state.rules();
    // What has just come stays until its load is paid for, or nothing waits for it.
    let has_turn = |model: &ModelId| view.has_turn(candidate.host, *model);
    if candidate.loses_ms > 0 && candidate.leaving.iter().any(has_turn) {
        return None;
    }
    let waited_ms = starved_ms(view, candidate, job);
    if candidate.stranded && waited_ms >= rules.age_ms_max {
        return Some(Reason::Starved {
            job: job.id,
            waited_ms,
        });
    }
    if candidate.stranded && candidate.leaving.is_empty() {
        return Some(Reason::FreeMemory { job: job.id });
    }
    if candidate.stranded && candidate.loses_ms == 0 {
        return Some(Reason::NothingElse { job: job.id });
    }
    let Candidate {
        backlog_ms,
        load_ms,
        again_ms,
        ..
    } = *candidate;
    let pays = backlog_ms as f64 >= rules.beta * (load_ms + again_ms) as f64;
    pays.then_some(Reason::Backlog {
        backlog_ms,
        load_ms,
    })
}

/// Milliseconds for which nobody has started work of the model although some waited for it.
fn starved_ms(view: &View<'_>, candidate: &Candidate, head: &Job) -> i64 {
    let served = view.state.served_ms(candidate.model).unwrap_or(i64::MIN);
    view.now_ms.saturating_sub(served.max(head.arrived_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_simulates_no_more_than_its_bound() {
        for (jobs, hosts) in [(1, 1), (49, 4), (128, 4), (128, 8), (256, 8), (256, 64)] {
            for rounds in 1..=hosts {
                let most = looked_at_most(jobs, false, hosts, rounds);
                let fits = most * jobs * hosts * rounds <= PLACES_TRIED_MAX;
                assert!(
                    fits || most == CANDIDATES_OF_A_CROWD,
                    "{jobs} jobs, {hosts} hosts, {rounds} rounds: {most}"
                );
            }
        }
        assert!(
            looked_at_most(49, false, 4, 1) > 20,
            "all loads of a usual fleet"
        );
        assert_eq!(looked_at_most(1_000, true, 8, 1), CANDIDATES_OF_A_CROWD);
    }
}
