//! The scheduler's state, built anew from what is known: hosts and models as they were found, what is loaded, drained and under way,
//! and the runs at work.

use std::collections::BTreeMap;

use alai_core::ids::TaskId;
use alai_core::schedule::{
    Choice, Effect, Fleet, Host, HostId, Intent, Job, JobId, Model, ModelId, Place, Rules, State,
};

use super::roster::{At, Known, Move};
use crate::models::Site;

/// Bytes a second of a load of which nothing was measured: a disk of a small machine.
const BYTES_S: u64 = 1_000_000_000;
/// A load counts as at least this, however fast its disk is: what the host had read of its prompts goes with the model that leaves, and
/// what came must be given its work before it can go again.
const LOAD_MS_MIN: i64 = 10_000;
/// Memory of a host of which nothing was said: all of its models fit, and it makes room by itself where they do not.
const MEMORY: u64 = u64::MAX / 4;
/// How long a model stays after its last call, as each call asks Ollama (`KEEP_ALIVE` of the wire).
const KEEP_ALIVE_MS: i64 = 15 * 60_000;
/// Jobs of the past, by which the state learns when a model was used.
const PAST: u64 = u64::MAX;
/// Runs at work, by numbers that no task has.
const AT_WORK: u64 = u64::MAX / 2;

/// The state, with the names of what it numbers.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) state: State,
    hosts: Vec<String>,
    models: Vec<String>,
    /// Tasks at work, by the numbers of their runs in the state.
    at_work: BTreeMap<TaskId, JobId>,
}

/// What a round meant to do next, with the names of what it numbers.
#[derive(Debug, Default)]
pub(super) struct Meant {
    hosts: Vec<String>,
    models: Vec<String>,
    intent: Intent,
}

/// The limits that are no host's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Runs at once in all.
    pub(super) slots: usize,
    /// Runs at once on any host.
    pub(super) per_host: Option<usize>,
}

impl Picture {
    pub(super) fn of(
        sites: &[Site],
        known: &Known,
        bounds: Bounds,
        rules: Rules,
        now_ms: i64,
    ) -> Picture {
        let mut picture = Picture {
            state: State::new(empty(), rules),
            hosts: names(sites.iter().map(|s| s.host.as_str()), known, |at| &at.host),
            models: names(
                sites
                    .iter()
                    .flat_map(|s| s.models.iter().map(|m| m.name.as_str())),
                known,
                |at| &at.model,
            ),
            at_work: BTreeMap::new(),
        };
        picture.state = State::new(picture.fleet(sites, known, bounds), rules);
        picture.remember(known);
        picture.stand(sites, known, now_ms);
        picture.sit(known);
        for (at, to) in &known.drains {
            if let (Some((host, model)), Some(to)) = (picture.find(at), picture.model(to)) {
                // What is pinned since, or gone, is not drained.
                let _ = picture
                    .state
                    .apply(Effect::Drain { host, model, to }, now_ms);
            }
        }
        picture
    }

    /// What is left of what was meant: nothing, where hosts or models came or went.
    pub(super) fn intent(&self, meant: Meant) -> Intent {
        if meant.hosts == self.hosts && meant.models == self.models {
            meant.intent
        } else {
            Intent::default()
        }
    }

    pub(super) fn meant(&self, intent: Intent) -> Meant {
        Meant {
            hosts: self.hosts.clone(),
            models: self.models.clone(),
            intent,
        }
    }

    pub(super) fn find(&self, at: &At) -> Option<(HostId, ModelId)> {
        Some((self.host(&at.host)?, self.model(&at.model)?))
    }

    pub(super) fn host(&self, address: &str) -> Option<HostId> {
        self.hosts
            .iter()
            .position(|name| name == address)
            .map(HostId)
    }

    pub(super) fn at(&self, host: HostId, model: ModelId) -> At {
        At {
            host: self.hosts[host.0].clone(),
            model: self.models[model.0].clone(),
        }
    }

    /// A task's number in the state; `None` when it neither waits nor is at work there.
    pub(super) fn job_of(&self, task: TaskId) -> Option<JobId> {
        let waits = JobId(task.0.unsigned_abs());
        let is_ready = self.state.ready().iter().any(|job| job.id == waits);
        is_ready
            .then_some(waits)
            .or_else(|| self.at_work.get(&task).copied())
    }

    fn model(&self, name: &str) -> Option<ModelId> {
        let at = self.models.iter().position(|model| model == name)?;
        Some(ModelId(at))
    }

    fn fleet(&self, sites: &[Site], known: &Known, bounds: Bounds) -> Fleet {
        let count = |slots: usize| u32::try_from(slots).unwrap_or(u32::MAX);
        // A run without a model takes a slot of all, and is none of the state's runs.
        let apart = known.seats.values().filter(|seat| seat.at.is_none());
        let apart = apart.count();
        let at_work = known.seats.len() - apart;
        let bytes: Vec<u64> = self
            .models
            .iter()
            .map(|m| bytes_of(sites, known, m))
            .collect();
        let hosts = self.hosts.iter().map(|name| {
            let site = sites.iter().find(|site| site.host == *name);
            let sitting = known.sitting_on(name);
            let speaks = known.moves.get(name).is_some_and(|m| m.speaks);
            let slots = slots_of(site, bounds).saturating_sub(usize::from(speaks));
            Host {
                name: site.map_or(name, |site| &site.name).clone(),
                slots: count(slots.max(sitting)),
                memory: site.map_or(MEMORY, |site| {
                    memory_of(site, known).max(self.under_way(site, known, &bytes))
                }),
                local: site.is_some_and(|site| site.near),
            }
        });
        let place = |host: &String, model: &String| {
            let at = At {
                host: host.clone(),
                model: model.clone(),
            };
            let sitting = known.sitting(&at);
            let site = sites.iter().find(|site| site.host == *host);
            let has = site.and_then(|s| Some((s, s.models.iter().find(|m| m.name == *model)?)));
            match has {
                None => (sitting > 0).then_some(Place {
                    slots: count(sitting),
                    load_ms: 0,
                    pinned: true,
                }),
                Some((site, said)) => Some(Place {
                    slots: count(
                        said.slots
                            .unwrap_or(slots_of(Some(site), bounds))
                            .max(sitting),
                    ),
                    load_ms: load_ms(site, known, &at, said.bytes),
                    pinned: said.keep || site.loader.is_none(),
                }),
            }
        };
        Fleet {
            hosts: hosts.collect(),
            models: self
                .models
                .iter()
                .zip(bytes)
                .map(|(name, bytes)| Model {
                    name: name.clone(),
                    bytes,
                    keep_alive_ms: KEEP_ALIVE_MS,
                })
                .collect(),
            places: self
                .hosts
                .iter()
                .map(|host| self.models.iter().map(|model| place(host, model)).collect())
                .collect(),
            slots: Some(count(bounds.slots.saturating_sub(apart).max(at_work))),
        }
    }

    /// Bytes of what stands on a host and of what is being loaded there. A load that is under way is a fact, whatever the host says
    /// meanwhile of its memory: one that the state does not know of would be begun a second time.
    fn under_way(&self, site: &Site, known: &Known, bytes: &[u64]) -> u64 {
        let Some(under_way) = known.moves.get(&site.host) else {
            return 0;
        };
        let there = |name: &&String| {
            let at = At {
                host: site.host.clone(),
                model: (*name).clone(),
            };
            at.model == under_way.to || stands(site, known, &at, Some(under_way)).is_some()
        };
        let models = self.models.iter().zip(bytes);
        let there = models.filter(|(name, _)| there(name));
        there.fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// Lets the state see when each model was last used, by jobs that began and ended then.
    fn remember(&mut self, known: &Known) {
        let mut uses: Vec<_> = known.uses.iter().collect();
        uses.sort_by_key(|(_, used)| used.started_ms);
        for (nth, (at, used)) in (0..).zip(uses) {
            let Some((host, model)) = self.find(at) else {
                continue;
            };
            let job = past(JobId(PAST - nth), host, model, used.started_ms, 1);
            self.state.loaded(host, model, used.started_ms);
            if self.begins(job, host, model, used.started_ms)
                && let Some(attempt) = self.state.running().last().map(|r| r.attempt)
            {
                self.state.ended(JobId(PAST - nth), attempt, used.ended_ms);
            }
            self.state.gone(host, model);
        }
    }

    /// What is loaded, and what is being loaded.
    fn stand(&mut self, sites: &[Site], known: &Known, now_ms: i64) {
        for site in sites {
            let under_way = known.moves.get(&site.host);
            for model in &site.models {
                let at = At {
                    host: site.host.clone(),
                    model: model.name.clone(),
                };
                if let Some((host, id)) = self.find(&at)
                    && let Some(since_ms) = stands(site, known, &at, under_way)
                {
                    self.state.loaded(host, id, since_ms);
                }
            }
        }
        for (host, under_way) in &known.moves {
            let at = At {
                host: host.clone(),
                model: under_way.to.clone(),
            };
            let Some((host, model)) = self.find(&at) else {
                continue;
            };
            let load = Effect::Preload { host, model };
            if self
                .state
                .apply(load, under_way.begun_ms.min(now_ms))
                .is_err()
            {
                tracing::debug!("{} on {} is loaded beyond its memory", at.model, at.host);
            }
        }
    }

    /// The runs at work. Where one works, its model is loaded, whatever a look has found: its next call loads it.
    fn sit(&mut self, known: &Known) {
        for (nth, seat) in (0..).zip(known.seats.values()) {
            let Some((host, model)) = seat.at.as_ref().and_then(|at| self.find(at)) else {
                continue;
            };
            self.state.loaded(host, model, seat.started_ms);
            // Not its task's number: a run that was taken away may still end while its task waits again.
            let id = JobId(AT_WORK + nth);
            let job = past(id, host, model, seat.started_ms, seat.expected_ms);
            if self.begins(job, host, model, seat.started_ms) {
                self.at_work.insert(seat.task, id);
            }
        }
    }

    fn begins(&mut self, job: Job, host: HostId, model: ModelId, at_ms: i64) -> bool {
        let id = job.id;
        let start = Effect::Start {
            job: id,
            host,
            model,
        };
        let begun = self.state.add(job) && self.state.apply(start, at_ms).is_ok();
        if !begun {
            self.state.withdraw(id);
        }
        begun
    }
}

/// Since when a model is there for a run; `None` where it is not, goes, or has not said a word yet.
fn stands(site: &Site, known: &Known, at: &At, under_way: Option<&Move>) -> Option<i64> {
    let moved = under_way.is_some_and(|m| m.to == at.model || m.leaving.contains(&at.model));
    if moved {
        return None;
    }
    match &site.loader {
        None => (site.server.is_none() || known.proven.contains(at)).then_some(0),
        Some(_) => {
            let held = known.held.get(&at.host)?;
            let held = held.get(&at.model).filter(|_| !known.is_mute(at));
            held.map(|stay| stay.since_ms)
        }
    }
}

fn past(id: JobId, host: HostId, model: ModelId, arrived_ms: i64, expected_ms: i64) -> Job {
    Job {
        id,
        rank_ms: expected_ms,
        path_ms: expected_ms,
        arrived_ms,
        local_only: false,
        sticky: None,
        choices: vec![Choice {
            host,
            model,
            expected_ms,
        }],
    }
}

fn empty() -> Fleet {
    Fleet {
        hosts: Vec::new(),
        models: Vec::new(),
        places: Vec::new(),
        slots: None,
    }
}

/// Those of the hosts that are up, and those that runs still work on.
fn names<'s>(
    found: impl Iterator<Item = &'s str>,
    known: &'s Known,
    of: impl Fn(&At) -> &String,
) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let seated = known.seats.values().filter_map(|seat| seat.at.as_ref());
    for name in found
        .map(str::to_owned)
        .chain(seated.map(|at| of(at).clone()))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Runs at once on a host.
pub(super) fn slots_of(site: Option<&Site>, bounds: Bounds) -> usize {
    let said = [site.and_then(|site| site.slots), bounds.per_host];
    said.into_iter().flatten().fold(bounds.slots, usize::min)
}

/// Bytes that our models may use on a host: what it has, without what it holds for others.
pub(super) fn memory_of(site: &Site, known: &Known) -> u64 {
    let Some(memory) = site.memory else {
        return MEMORY;
    };
    let held = known.held.get(&site.host).into_iter().flatten();
    let foreign = held.filter(|(name, _)| !site.models.iter().any(|m| m.name == **name));
    memory.saturating_sub(foreign.map(|(_, stay)| stay.bytes).sum())
}

/// What a model takes: what was said or its file has, or more where a host says that it holds more, and never more than the
/// smallest host has that it is placed on. One that is kept is reckoned with what its placement was accepted with: no model could be
/// brought in beside it otherwise, for ever, when it grows by a little.
fn bytes_of(sites: &[Site], known: &Known, model: &str) -> u64 {
    let mut bytes = 0;
    let mut most = MEMORY;
    for site in sites {
        let Some(said) = site.models.iter().find(|m| m.name == *model) else {
            continue;
        };
        let held = known.held.get(&site.host).and_then(|held| held.get(model));
        let held = held.filter(|_| !said.keep);
        bytes = bytes.max(said.bytes).max(held.map_or(0, |stay| stay.bytes));
        most = most.min(site.memory.unwrap_or(MEMORY));
    }
    bytes.min(most)
}

/// Milliseconds that a load of so many bytes takes where nothing was measured.
pub(crate) fn load_ms_unmeasured(bytes: u64) -> i64 {
    Place::load_ms_at(bytes, BYTES_S)
}

/// Milliseconds of a load: measured, or reckoned from the host's speed.
pub(super) fn load_ms(site: &Site, known: &Known, at: &At, bytes: u64) -> i64 {
    if site.loader.is_none() {
        return 0;
    }
    let reckoned = || Place::load_ms_at(bytes, known.speeds.bytes_s(&site.host).unwrap_or(BYTES_S));
    known
        .speeds
        .load_ms(at)
        .unwrap_or_else(reckoned)
        .max(LOAD_MS_MIN)
}

#[cfg(test)]
mod tests {
    use alai_core::schedule::Residence;

    use super::*;
    use crate::models::SiteModel;

    fn model(name: &str, gb: u64, keep: bool) -> SiteModel {
        SiteModel {
            name: name.into(),
            bytes: gb * 1_000_000_000,
            slots: None,
            keep,
            profile: alai_fleet::Profile::default(),
        }
    }

    fn site(models: Vec<SiteModel>) -> Site {
        Site {
            host: "http://forge:1".into(),
            name: "forge".into(),
            near: true,
            slots: None,
            memory: Some(64_000_000_000),
            loader: Some(alai_fleet::Loader::Ollama(
                "http://forge:1".parse().expect("a host"),
            )),
            load_s: None,
            server: None,
            models,
        }
    }

    fn picture(site: Site, known: &Known) -> Picture {
        let bounds = Bounds {
            slots: 4,
            per_host: None,
        };
        Picture::of(&[site], known, bounds, Rules::default(), 1_000)
    }

    fn stands(picture: &Picture, model: &str) -> Residence {
        let at = At {
            host: "http://forge:1".into(),
            model: model.into(),
        };
        let (host, model) = picture.find(&at).expect("known");
        picture.state.residence(host, model)
    }

    #[test]
    fn a_load_that_a_look_finds_too_large_is_under_way_all_the_same() {
        let mut known = Known::default();
        known.moves.insert(
            "http://forge:1".into(),
            Move {
                leaving: Vec::new(),
                to: "b".into(),
                begun_ms: 500,
                seen_ms: 500,
                speaks: false,
            },
        );
        // With its context it takes more than its file.
        let held = [
            ("a".to_owned(), 20_000_000_000),
            ("b".to_owned(), 46_000_000_000),
        ];
        known.found("http://forge:1", &held, 900);
        let picture = picture(
            site(vec![model("a", 20, false), model("b", 40, false)]),
            &known,
        );
        let loading = stands(&picture, "b");
        assert!(matches!(loading, Residence::Loading { .. }), "{loading:?}");
        assert!(matches!(stands(&picture, "a"), Residence::Resident { .. }));
    }

    #[test]
    fn a_kept_model_that_grew_keeps_nobody_out_for_ever() {
        let mut known = Known::default();
        let held = [("a".to_owned(), 32_000_000_000)];
        known.found("http://forge:1", &held, 900);
        let mut picture = picture(
            site(vec![model("a", 28, true), model("b", 34, false)]),
            &known,
        );
        let at = At {
            host: "http://forge:1".into(),
            model: "b".into(),
        };
        let (host, model) = picture.find(&at).expect("known");
        let load = Effect::Preload { host, model };
        assert_eq!(picture.state.apply(load, 1_000), Ok(()));
    }
}
