//! What there is to schedule on: each host that is up with its limits and its models, and models whose loads failed.

use std::sync::PoisonError;

use alai_fleet::{Host, Loader, Profile, usable};

use super::look::fewest;
use super::{Models, Source, key};

/// After a load that failed the model on that host is left alone for so long, and twice as long after each further one.
const LOAD_REST_MS: i64 = 30_000;
const LOAD_REST_MS_MAX: i64 = 10 * 60_000;

/// A host that is up.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Its address, as runs and records name it.
    pub(crate) host: String,
    pub(crate) name: String,
    pub(crate) near: bool,
    /// Runs at once, where a person or the host itself said so.
    pub(crate) slots: Option<usize>,
    /// Bytes that its models may use, where a person said so.
    pub(crate) memory: Option<u64>,
    /// A host that loads and unloads at our word. The others have always loaded what they serve.
    pub(crate) loader: Option<Loader>,
    /// Seconds that a load may take, where a person said so.
    pub(crate) load_s: Option<u64>,
    /// Who is asked for a first word before a run is: nobody where a word costs money, and no recording.
    pub(crate) server: Option<Host>,
    pub(crate) models: Vec<SiteModel>,
}

/// A model of a host.
#[derive(Debug, Clone)]
pub(crate) struct SiteModel {
    pub(crate) name: String,
    /// Bytes while it is loaded, as a person said, or of its file.
    pub(crate) bytes: u64,
    pub(crate) slots: Option<usize>,
    /// It is never unloaded.
    pub(crate) keep: bool,
    pub(crate) profile: Profile,
}

/// A load that failed.
#[derive(Debug, Clone)]
pub(super) struct Unloadable {
    until_ms: i64,
    rest_ms: i64,
    why: String,
}

impl Models {
    /// The hosts that were up at the last look, with the models that may be used on them. A recording is a host that has always
    /// loaded its one model.
    pub(crate) fn sites(&self) -> Vec<Site> {
        let members = match &self.source {
            Source::Script(_) => return vec![recording()],
            Source::Hosts(members) => members,
        };
        let found = self.found();
        let sites = members.iter().filter_map(|member| {
            let seen = found
                .hosts
                .iter()
                .find(|s| s.probe.host == member.named.host)?;
            let cards = usable(&seen.probe).into_iter();
            let models: Vec<SiteModel> = cards
                .filter(|card| !seen.refused.contains_key(&card.name))
                .map(|card| SiteModel {
                    bytes: member.named.bytes_of(&card.name, card.size_bytes),
                    slots: fewest(member.named.slots_of(&card.name), card.slots),
                    keep: member.named.keeps(&card.name),
                    profile: self.profile(&member.named.host, card),
                    name: card.name.clone(),
                })
                .collect();
            (!models.is_empty()).then(|| Site {
                host: member.named.address(),
                name: member.named.name.clone(),
                near: member.near,
                slots: seen.slots,
                memory: member.named.memory,
                loader: Loader::of(&member.named.host),
                load_s: member.named.host.timeouts().load_s,
                server: Some(member.named.host.clone()).filter(|_| member.free),
                models,
            })
        });
        sites.chain(self.agent_sites()).collect()
    }

    /// A model could not be loaded: it is not asked for there for a while.
    pub(crate) fn load_failed(&self, host: &str, model: &str, why: &str, now_ms: i64) {
        let mut all = self
            .unloadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = all.get(&key(host, model)).map(|known| known.rest_ms);
        let rest_ms = before.map_or(LOAD_REST_MS, |ms| (ms * 2).min(LOAD_REST_MS_MAX));
        let unloadable = Unloadable {
            until_ms: now_ms.saturating_add(rest_ms),
            rest_ms,
            why: why.to_owned(),
        };
        all.insert(key(host, model), unloadable);
    }

    /// A model was loaded.
    pub(crate) fn load_succeeded(&self, host: &str, model: &str) {
        let mut all = self
            .unloadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.remove(&key(host, model));
    }

    /// Until when a model is not asked for on a host because it could not be loaded there.
    pub(crate) fn unloadable_until(&self, host: &str, model: &str, now_ms: i64) -> Option<i64> {
        let all = self
            .unloadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&key(host, model))?;
        (known.until_ms > now_ms).then_some(known.until_ms)
    }

    /// What could not be loaded and rests, with the reasons.
    pub(crate) fn why_unloadable(&self, now_ms: i64) -> Option<String> {
        let all = self
            .unloadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let resting = all.iter().filter(|(_, known)| known.until_ms > now_ms);
        let words: Vec<String> = resting
            .map(|((host, model), known)| format!("{model} on {host}: {}", known.why))
            .collect();
        (!words.is_empty()).then(|| words.join("; "))
    }
}

fn recording() -> Site {
    let host = alai_fleet::script::HOST.to_owned();
    Site {
        name: host.clone(),
        host,
        near: true,
        slots: None,
        memory: None,
        loader: None,
        load_s: None,
        server: None,
        models: vec![SiteModel {
            name: "scripted".into(),
            bytes: 0,
            slots: None,
            keep: false,
            profile: Profile::default(),
        }],
    }
}
