//! Loads and unloads, each on a thread beside the beat, and looks at what the hosts hold. A load is believed when the host has said that
//! it ended, and the model a word; an unload when the host does not list the model any more.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alai_fleet::{ChatError, Host, HostRef, Loader, Profile, Provider, Resident, ping};

use super::bounds;
use super::picture::{self, load_ms};
use super::roster::{At, Known, Move};
use super::words;
use crate::beat::Factory;
use crate::models::{Chosen, Models, Site, SiteModel};

/// An idle model goes at once; one that another program asks something goes after that answer.
const UNLOAD_MAX: Duration = Duration::from_secs(120);
/// How often a host that unloads a model is asked whether it is gone.
const UNLOAD_POLL: Duration = Duration::from_millis(100);
/// How often it is looked whether a run has ended, so that a first word can be asked for.
const SLOT_POLL: Duration = Duration::from_millis(50);
/// A load is given up after this at the earliest: Ollama itself waits five minutes for one that stands still.
const LOAD_MIN_MS: i64 = 6 * 60_000;
/// And after so many times what it is expected to take.
const LOAD_TIMES: i64 = 3;
/// A load that its host does not list for so long is not under way, whatever the connection says.
const UNLISTED_MAX_MS: i64 = LOAD_MIN_MS;

/// Between two looks at what the hosts hold, while there is work and while there is none. Others may use them, too.
const LOOK_MS: i64 = 10_000;
const LOOK_IDLE_MS: i64 = 60_000;

/// How long a load that is expected to take so long may take at most.
pub(crate) fn load_max(expected_ms: i64) -> Duration {
    let most_ms = expected_ms.saturating_mul(LOAD_TIMES).max(LOAD_MIN_MS);
    Duration::from_millis(most_ms.unsigned_abs())
}

/// Begins what a decision asks for on one host: these models go, then this one comes.
pub(super) fn begin(
    factory: &Arc<Factory>,
    site: &Site,
    leaving: Vec<String>,
    to: &SiteModel,
    now_ms: i64,
) {
    let at = At {
        host: site.host.clone(),
        model: to.name.clone(),
    };
    let roster = factory.roster();
    let under_way = Move {
        leaving,
        to: to.name.clone(),
        begun_ms: now_ms,
        seen_ms: now_ms,
        speaks: false,
    };
    let expected_ms = {
        let mut known = roster.lock();
        if known.moves.contains_key(&site.host) {
            // What is under way ends first; the next round decides anew.
            return;
        }
        known.moves.insert(site.host.clone(), under_way.clone());
        load_ms(site, &known, &at, to.bytes)
    };
    let work = Work {
        factory: Arc::clone(factory),
        site: site.clone(),
        to: to.clone(),
        at,
        expected_ms,
    };
    let started = std::thread::Builder::new()
        .name("load".into())
        .spawn(move || {
            let carried = catch_unwind(AssertUnwindSafe(|| work.carry_out(&under_way)));
            let carried = carried.unwrap_or_else(|_| Err("the factory itself failed in it".into()));
            work.end(carried);
        });
    if let Err(e) = started {
        tracing::error!("cannot start a thread for a load: {e}");
        roster.lock().moves.remove(&site.host);
    }
}

/// One load with what goes before it.
struct Work {
    factory: Arc<Factory>,
    site: Site,
    to: SiteModel,
    at: At,
    expected_ms: i64,
}

impl Work {
    fn carry_out(&self, under_way: &Move) -> Result<(), String> {
        let Some(host) = &self.site.loader else {
            return self.first_word();
        };
        for model in &under_way.leaving {
            self.unload(host, model)?;
        }
        self.load(host)?;
        self.first_word()
    }

    fn unload(&self, host: &Loader, model: &str) -> Result<(), String> {
        let stopping = || self.factory.stopping();
        let said = host.unload(model, UNLOAD_MAX, &stopping);
        said.map_err(|e| format!("{model} could not be unloaded: {}", e.message))?;
        let began_ms = self.factory.now_ms();
        let waited_ms = || {
            self.factory
                .now_ms()
                .saturating_sub(began_ms)
                .unsigned_abs()
        };
        while u128::from(waited_ms()) < UNLOAD_MAX.as_millis() && !stopping() {
            let held = host.resident(&stopping);
            let held =
                held.map_err(|e| format!("whether {model} is gone is not known: {}", e.message))?;
            if !held.iter().any(|there| named(&there.model, model)) {
                return Ok(());
            }
            std::thread::sleep(UNLOAD_POLL);
        }
        Err(format!(
            "{model} was told to go and is there after {} s: somebody else uses it, or its server hangs (`ollama ps` says `Stopping...` then: start it anew)",
            waited_ms() / 1_000
        ))
    }

    fn load(&self, host: &Loader) -> Result<(), String> {
        let began_ms = self.factory.now_ms();
        let said = self.site.load_s.map(Duration::from_secs);
        let within = said.unwrap_or_else(|| load_max(self.expected_ms));
        let given_up = || {
            let seen_ms = self
                .factory
                .roster()
                .lock()
                .moves
                .get(&self.at.host)
                .map(|m| m.seen_ms);
            let unseen =
                |ms: i64| self.factory.now_ms().saturating_sub(ms.max(began_ms)) > UNLISTED_MAX_MS;
            self.factory.stopping() || seen_ms.is_some_and(unseen)
        };
        let loaded = host.load(&self.to.name, &self.to.profile, within, &given_up);
        self.heard(loaded.as_ref().err());
        loaded.map_err(|e| e.message)?;
        let now_ms = self.factory.now_ms();
        let mut known = self.factory.roster().lock();
        known.loaded(
            &self.at,
            self.to.bytes,
            now_ms.saturating_sub(began_ms),
            now_ms,
        );
        Ok(())
    }

    /// One real word, before a run depends on it: a model can be loaded and answer nothing.
    fn first_word(&self) -> Result<(), String> {
        let proven = self.factory.roster().lock().proven.contains(&self.at);
        let Some(server) = self.site.server.as_ref().filter(|_| !proven) else {
            return Ok(());
        };
        let stopping = || self.factory.stopping();
        self.await_a_slot(&stopping);
        // What says nothing for as long as a load may stand still keeps no task waiting any longer.
        let profile = Profile {
            call_s_max: load_max(0).as_secs().min(self.to.profile.call_s_max),
            ..self.to.profile
        };
        let said = ping(HostRef::from(server), &self.to.name, &profile, &stopping);
        self.heard(said.as_ref().err());
        match said {
            Ok(word) => {
                self.note(Ok(word.latency_ms));
                let window = words::small_window(&word, &self.to.profile);
                let mut known = self.factory.roster().lock();
                known.has_window(&self.at, window);
                known.proven.insert(self.at.clone());
                Ok(())
            }
            Err(e) => Err(format!("it is there and says no word: {}", e.message)),
        }
    }

    /// For people, and so that it is not asked again before its time.
    fn note(&self, said: Result<i64, String>) {
        let pause_ms = self.factory.config().probe_ms().unwrap_or(0);
        let now_ms = self.factory.now_ms();
        let mut known = self.factory.roster().lock();
        known.spoke(&self.at, said, now_ms, pause_ms);
    }

    /// A word is a call like any other: never more of them at once than the host has slots.
    fn await_a_slot(&self, stopping: &dyn Fn() -> bool) {
        let most = picture::slots_of(Some(&self.site), bounds(self.factory.config()));
        while !stopping() {
            let mut known = self.factory.roster().lock();
            if let Some(under_way) = known.moves.get_mut(&self.at.host) {
                under_way.speaks = true;
            }
            if known.sitting_on(&self.at.host) < most {
                return;
            }
            drop(known);
            std::thread::sleep(SLOT_POLL);
        }
    }

    fn heard(&self, error: Option<&ChatError>) {
        let provider = match (&self.site.loader, &self.site.server) {
            (Some(loader), _) => Provider::from(loader.host()),
            (None, Some(host)) => Provider::from(Host::clone(host)),
            (None, None) => return,
        };
        let chosen = Chosen {
            provider,
            model: self.to.name.clone(),
            profile: self.to.profile,
        };
        let class = error.map(|e| e.class);
        if self
            .factory
            .models()
            .heard_nothing_of(&chosen, class, self.factory.now_ms())
        {
            self.factory.look_soon();
        }
    }

    /// Whatever happens while that is told, nothing is under way any more: no other load of the host would ever begin.
    fn end(&self, carried: Result<(), String>) {
        if catch_unwind(AssertUnwindSafe(|| self.tell(carried))).is_err() {
            tracing::error!("the end of a load on {} could not be told", self.at.host);
        }
        self.leave();
    }

    fn tell(&self, carried: Result<(), String>) {
        let (factory, At { host, model }) = (&self.factory, &self.at);
        match carried {
            Ok(()) => {
                factory.models().load_succeeded(host, model);
                factory.roster().keep(&factory.home().speeds());
            }
            // What was ended for a stop says nothing of the host.
            Err(_) if factory.stopping() => {}
            Err(why) => {
                tracing::warn!("{model} on {host} is not there for work: {why}");
                let (models, now_ms) = (factory.models(), factory.now_ms());
                models.load_failed(host, model, &why, now_ms);
                self.note(Err(why));
                let until_ms = models.unloadable_until(host, model, now_ms);
                factory.roster().lock().rests(&self.at, until_ms);
            }
        }
        let loader = self.site.loader.as_ref();
        if let Some(held) = loader.and_then(|host| host.resident(&|| factory.stopping()).ok()) {
            seen(factory, &[(host.clone(), held)]);
        }
    }

    fn leave(&self) {
        let (factory, At { host, model }) = (&self.factory, &self.at);
        let mut known = factory.roster().lock();
        known.moves.remove(host);
        // Its turn begins when work can be given to it.
        let now_ms = factory.now_ms();
        if let Some(stay) = known
            .held
            .get_mut(host)
            .and_then(|held| held.get_mut(model))
        {
            stay.since_ms = now_ms;
        }
        known
            .drains
            .retain(|at, to| at.host != *host || to != model);
        drop(known);
        factory.wake();
    }
}

/// Unloads a model on which no run is at work, and sees what is left.
pub(super) fn send_away(factory: &Factory, host: &Loader, at: &At) {
    let stopping = || factory.stopping();
    if let Err(e) = host.unload(&at.model, UNLOAD_MAX, &stopping) {
        let At { host, model } = at;
        tracing::warn!("{model} on {host} could not be unloaded: {}", e.message);
    }
    if let Ok(held) = host.resident(&stopping) {
        seen(factory, &[(at.host.clone(), held)]);
    }
}

/// Looks at what the hosts hold now and then, beside the loop. What other programs do to them is seen here.
pub(crate) fn look(factory: &Arc<Factory>, now_ms: i64) {
    let roster = factory.roster();
    let busy = {
        let known = roster.lock();
        !known.seats.is_empty() || !known.moves.is_empty() || known.view.waits()
    };
    let pause = if busy { LOOK_MS } else { LOOK_IDLE_MS };
    let due = now_ms - factory.held_ms.load(Ordering::Relaxed) >= pause;
    if !due || factory.holding.swap(true, Ordering::SeqCst) {
        return;
    }
    let own = Arc::clone(factory);
    let looked = std::thread::Builder::new()
        .name("held".into())
        .spawn(move || {
            let changed = catch_unwind(AssertUnwindSafe(|| look_now(&own))).unwrap_or(false);
            own.held_ms.store(own.now_ms(), Ordering::Relaxed);
            own.holding.store(false, Ordering::SeqCst);
            if changed {
                own.wake();
            }
        });
    if looked.is_err() {
        factory.holding.store(false, Ordering::SeqCst);
    }
}

/// Looks at all hosts now. True when one holds something else than before.
pub(crate) fn look_now(factory: &Arc<Factory>) -> bool {
    let held = what_is_held(factory.models(), &|| factory.stopping());
    seen(factory, &held)
}

/// What a host said that it has loaded.
pub(crate) type Held = (String, Vec<Resident>);

/// Asks all hosts at once. One that does not answer is left out.
pub(crate) fn what_is_held(models: &Models, stopping: &(dyn Fn() -> bool + Sync)) -> Vec<Held> {
    let sites = models.sites();
    std::thread::scope(|scope| {
        let looks: Vec<_> = sites
            .iter()
            .filter_map(|site| Some((&site.host, site.loader.as_ref()?)))
            .map(|(name, host)| {
                scope.spawn(move || Some((name.clone(), host.resident(stopping).ok()?)))
            })
            .collect();
        looks
            .into_iter()
            .filter_map(|look| look.join().ok().flatten())
            .collect()
    })
}

/// Takes note of it. A host that did not answer is seen as it was: the look for models finds that it is down.
pub(crate) fn seen(factory: &Factory, held: &[Held]) -> bool {
    let sites = factory.models().sites();
    let mut changed = false;
    for (name, held) in held {
        let site = sites.iter().find(|site| site.host == *name);
        let models = site.map_or(&[][..], |site| &site.models);
        let own = |there: &str| {
            let known = models.iter().find(|model| named(there, &model.name));
            known.map_or_else(|| there.to_owned(), |model| model.name.clone())
        };
        let held: Vec<(String, u64)> = held.iter().map(|r| (own(&r.model), r.bytes)).collect();
        let mut known = factory.roster().lock();
        let before = names(&known, name);
        known.found(name, &held, factory.now_ms());
        changed |= before != names(&known, name);
    }
    changed
}

fn names(known: &Known, host: &str) -> Option<Vec<String>> {
    let held: &BTreeMap<String, _> = known.held.get(host)?;
    Some(held.keys().cloned().collect())
}

/// Whether a host means this model: it says the tag that a name may leave out.
fn named(there: &str, model: &str) -> bool {
    there == model || there.strip_suffix(":latest") == Some(model)
}
