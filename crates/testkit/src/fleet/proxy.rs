//! The baseline: a proxy in front of the same hosts. A call goes, when it comes, to the host with the fewest connections for its slots; each host serves its
//! calls in their order and loads what the next one needs, as Ollama does: the least recently used model that does nothing goes.

use std::collections::BTreeMap;

use alai_core::schedule::{Effect, HostId, Job, JobId, ModelId, Residence, State, room};

#[derive(Debug, Clone, Default)]
pub(super) struct Proxy {
    /// Where each call was sent, by the order in which they came.
    sent: BTreeMap<JobId, (u64, HostId, ModelId)>,
    count: u64,
}

impl Proxy {
    pub(super) fn forget(&mut self, job: JobId) {
        self.sent.remove(&job);
    }

    pub(super) fn decide(&mut self, state: &State) -> Vec<Effect> {
        self.send(state);
        let mut queues: BTreeMap<HostId, Vec<(u64, JobId, ModelId)>> = BTreeMap::new();
        for job in state.ready() {
            if let Some((number, host, model)) = self.sent.get(&job.id) {
                queues
                    .entry(*host)
                    .or_default()
                    .push((*number, job.id, *model));
            }
        }
        for (host, mut queue) in queues {
            queue.sort_unstable();
            if let Some(effects) = next(state, host, &queue) {
                return effects;
            }
        }
        Vec::new()
    }

    fn send(&mut self, state: &State) {
        let mut new: Vec<&Job> = state
            .ready()
            .iter()
            .filter(|job| !self.sent.contains_key(&job.id))
            .collect();
        // What was sent to a host that is down now is sent again.
        for job in state.ready() {
            if self
                .sent
                .get(&job.id)
                .is_some_and(|(_, host, _)| !state.is_up(*host))
            {
                new.push(job);
            }
        }
        new.sort_by_key(|job| (job.arrived_ms, job.id));
        for job in new {
            let connections = |host: HostId| {
                let waiting = state
                    .ready()
                    .iter()
                    .filter(|job| self.sent.get(&job.id).is_some_and(|sent| sent.1 == host));
                let busy = state
                    .running()
                    .iter()
                    .filter(|running| running.host == host);
                (waiting.count() + busy.count()) * 1000
                    / state.fleet().hosts[host.0].slots.max(1) as usize
            };
            let local = |host: HostId| !job.local_only || state.fleet().hosts[host.0].local;
            let best = job
                .choices
                .iter()
                .filter(|choice| state.is_up(choice.host) && local(choice.host))
                .min_by_key(|choice| {
                    (
                        connections(choice.host),
                        choice.host,
                        choice.expected_ms,
                        choice.model,
                    )
                });
            if let Some(best) = best {
                self.count += 1;
                self.sent
                    .insert(job.id, (self.count, best.host, best.model));
            } else {
                self.sent.remove(&job.id);
            }
        }
    }
}

/// The first thing that a host can do for its queue.
fn next(state: &State, host: HostId, queue: &[(u64, JobId, ModelId)]) -> Option<Vec<Effect>> {
    let fleet = state.fleet();
    let loading = fleet
        .model_ids()
        .any(|model| matches!(state.residence(host, model), Residence::Loading { .. }));
    for (_, job, model) in queue {
        match state.residence(host, *model) {
            Residence::Resident { .. } if room(state, host, *model).free > 0 => {
                return Some(vec![Effect::Start {
                    job: *job,
                    host,
                    model: *model,
                }]);
            }
            // It waits for a slot, and the queue goes on behind it.
            Residence::Resident { .. } | Residence::Loading { .. } | Residence::Draining { .. } => {
            }
            // Loads are made one at a time, in the order of the queue; what is behind waits.
            Residence::Absent => return (!loading).then(|| load(state, host, *model)).flatten(),
        }
    }
    None
}

fn load(state: &State, host: HostId, model: ModelId) -> Option<Vec<Effect>> {
    let fleet = state.fleet();
    let mut idle: Vec<(i64, ModelId)> = fleet
        .model_ids()
        .filter_map(|other| match state.residence(host, other) {
            Residence::Resident { used_ms, .. } if !state.is_busy(host, other) => {
                Some((used_ms, other))
            }
            Residence::Resident { .. }
            | Residence::Absent
            | Residence::Loading { .. }
            | Residence::Draining { .. } => None,
        })
        .collect();
    idle.sort_unstable();
    let needed = state.held_bytes(host) + fleet.models[model.0].bytes;
    let mut over = needed.saturating_sub(fleet.hosts[host.0].memory);
    let mut effects = Vec::new();
    for (_, other) in idle {
        if over == 0 {
            break;
        }
        over = over.saturating_sub(fleet.models[other.0].bytes);
        effects.push(Effect::Unload { host, model: other });
    }
    effects.push(Effect::Preload { host, model });
    (over == 0).then_some(effects)
}
