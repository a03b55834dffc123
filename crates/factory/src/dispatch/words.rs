//! One real word of each tier's first model, now and then: a host can list a model that it holds and generate nothing with it. Asked
//! where it costs nothing: on a host without a run, of a model that is there already. It keeps nobody from work: it ends as soon as its
//! host is wanted, and a model that is only slow is not called mute.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alai_fleet::{
    ChatError, ErrorClass, Host, HostRef, Loader, Ping, Profile, Slots, holds, ping, slots,
};
use serde::{Deserialize, Serialize};

use super::loads;
use super::roster::{At, Known, Move};
use crate::beat::Factory;
use crate::models::{Chosen, Site, SiteModel};

/// A model that is there and idle has said its word long before: it loads nothing, and reads ten words.
pub(crate) const WORD_MAX: Duration = Duration::from_secs(30);
/// A host that is busy with what others ask of it is looked at again after this.
const BUSY_MS: i64 = 60_000;
/// A clock that was set back must not put off a question for longer than what would have been waited anyway.
const PAUSE_MS_MIN: i64 = 10 * 60_000;

/// The last word that a model was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) asked_ms: i64,
    /// Milliseconds that it took, or why there was none.
    pub(super) said: Result<i64, String>,
    pub(super) window: Option<u32>,
    /// Not asked again before.
    pub(super) next_ms: i64,
    /// Until when it gets no work, because it said none.
    pub(super) rests_until_ms: Option<i64>,
}

/// The same for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordView {
    pub model: String,
    /// When it was asked, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// None when it said no word.
    pub latency_ms: Option<i64>,
    /// Why it said none.
    pub error: Option<String>,
    /// The window that its host gave it, in tokens, where that is less than all its calls ask for: prompts will not fit.
    #[serde(default)]
    pub window: Option<u32>,
    /// Until when it gets no work for that, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub rests_until_ms: Option<i64>,
}

/// Asks for those words that are due, each on a thread beside the beat and at most one on each host.
pub(crate) fn ask(factory: &Arc<Factory>, now_ms: i64) {
    ask_within(factory, WORD_MAX, now_ms);
}

pub(super) fn ask_within(factory: &Arc<Factory>, most: Duration, now_ms: i64) {
    let Some(pause_ms) = factory.config().probe_ms() else {
        return;
    };
    if factory.stopping() || factory.only().is_some() {
        return;
    }
    let (models, sites) = (factory.models(), factory.models().sites());
    for candidates in &models.found().tiers.slots {
        let there = candidates.iter().find_map(|candidate| {
            let host = candidate.host.to_string();
            let site = sites.iter().find(|site| site.host == host)?;
            let model = site.models.iter().find(|m| m.name == candidate.model)?;
            let known = factory.roster().lock();
            (site.server.is_some() && is_there(site, model, &known)).then_some((site, model))
        });
        let Some((site, model)) = there else { continue };
        let rests = models.unloadable_until(&site.host, &model.name, now_ms);
        if rests.is_none() {
            begin(factory, site, model, (pause_ms, most), now_ms);
        }
    }
}

/// Whether it may be there as we loaded it. What others loaded is theirs; a host that loads nothing at our word is asked itself.
fn is_there(site: &Site, model: &SiteModel, known: &Known) -> bool {
    let held = known.held.get(&site.host);
    site.loader.is_none() || held.is_some_and(|held| held.get(&model.name).is_some_and(|m| m.own))
}

/// When it is asked next. What a run did with it tells as much as a word.
fn due_ms(known: &Known, at: &At, pause_ms: i64) -> i64 {
    let used_ms = known.uses.get(at).map_or(0, |used| used.ended_ms);
    let since_ms = used_ms.max(known.since_ms).saturating_add(pause_ms);
    match known.words.get(at) {
        None => since_ms,
        Some(word) if word.said.is_err() => word.next_ms,
        Some(word) => word.next_ms.max(since_ms),
    }
}

fn begin(
    factory: &Arc<Factory>,
    site: &Site,
    model: &SiteModel,
    (pause_ms, most): (i64, Duration),
    now_ms: i64,
) {
    let Some(server) = &site.server else { return };
    let at = At {
        host: site.host.clone(),
        model: model.name.clone(),
    };
    {
        let mut known = factory.roster().lock();
        let away = due_ms(&known, &at, pause_ms).saturating_sub(now_ms);
        let is_due = away <= 0 || away > pause_ms.max(PAUSE_MS_MIN);
        let is_idle = !known.is_wanted(&at.host) && !known.asking.contains_key(&at.host);
        // Before the first round nobody knows what is at work.
        if known.since_ms == 0 || !is_due || !is_idle {
            return;
        }
        known.asking.insert(at.host.clone(), at.model.clone());
    }
    let word = Asked {
        factory: Arc::clone(factory),
        server: server.clone(),
        site: site.clone(),
        model: model.clone(),
        at: at.clone(),
        pause_ms,
        most,
    };
    let started = std::thread::Builder::new()
        .name("word".into())
        .spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| word.carry_out())).is_err() {
                tracing::error!("a word of {} could not be asked for", word.at.host);
            }
            word.factory.roster().lock().asking.remove(&word.at.host);
            word.factory.wake();
        });
    if let Err(e) = started {
        tracing::error!("cannot start a thread for a word: {e}");
        factory.roster().lock().asking.remove(&at.host);
    }
}

struct Asked {
    factory: Arc<Factory>,
    server: Host,
    site: Site,
    model: SiteModel,
    at: At,
    pause_ms: i64,
    /// How long its word is waited for.
    most: Duration,
}

impl Asked {
    fn carry_out(&self) {
        let stopping = || self.factory.stopping();
        let gives_way = || stopping() || self.factory.roster().lock().is_wanted(&self.at.host);
        let (profile, model) = (&self.model.profile, &self.model.name);
        // What was seen a while ago may have been unloaded, or loaded anew by others.
        if !holds(&self.server, model, profile, &gives_way).unwrap_or(false)
            || is_free(&self.server, &gives_way) == Some(false)
        {
            return self.later();
        }
        let began = Instant::now();
        let ends = || gives_way() || began.elapsed() > self.most;
        let said = ping(HostRef::from(&self.server), model, profile, &ends);
        match said {
            Ok(word) => self.said(&word),
            Err(_) if stopping() => {}
            Err(_) if gives_way() => self.later(),
            Err(e) if matches!(e.class, ErrorClass::Busy | ErrorClass::Loading) => self.later(),
            // It may answer somebody else, but for a host that says that it answers nobody.
            Err(e) if is_silence(&e) && is_free(&self.server, &gives_way) != Some(true) => {
                self.later();
            }
            Err(e) => self.said_none(&e),
        }
    }

    /// Somebody else is served: that is no fault.
    fn later(&self) {
        let now_ms = self.factory.now_ms();
        let mut known = self.factory.roster().lock();
        let before = known.words.remove(&self.at);
        let word = Word {
            next_ms: now_ms.saturating_add(BUSY_MS),
            ..before.unwrap_or(Word {
                asked_ms: 0,
                said: Ok(0),
                window: None,
                next_ms: 0,
                rests_until_ms: None,
            })
        };
        known.words.insert(self.at.clone(), word);
    }

    fn said(&self, word: &Ping) {
        let (models, now_ms) = (self.factory.models(), self.factory.now_ms());
        models.heard(&self.chosen(), None, now_ms);
        models.load_succeeded(&self.at.host, &self.at.model);
        let mut known = self.factory.roster().lock();
        known.proven.insert(self.at.clone());
        known.spoke(&self.at, Ok(word.latency_ms), now_ms, self.pause_ms);
        known.has_window(&self.at, small_window(word, &self.model.profile));
    }

    /// No run is given to it before it has said a word again. One that its host holds is sent away: only a load made it speak in
    /// the hosts where that was seen, and what comes back is asked first. Not one that is kept, nor one that was only silent.
    fn said_none(&self, error: &ChatError) {
        let At { host, model } = &self.at;
        let (models, now_ms) = (self.factory.models(), self.factory.now_ms());
        let why = if error.class == ErrorClass::Cancelled {
            format!("it says no word within {} s", self.most.as_secs())
        } else {
            format!("it is there and says no word: {}", error.message)
        };
        tracing::warn!("{model} on {host} is not there for work: {why}");
        if models.heard(&self.chosen(), Some(error.class), now_ms) {
            self.factory.look_soon();
        }
        models.load_failed(host, model, &why, now_ms);
        let rests_until_ms = models.unloadable_until(host, model, now_ms);
        {
            let mut known = self.factory.roster().lock();
            known.proven.remove(&self.at);
            known.spoke(&self.at, Err(why), now_ms, self.pause_ms);
            known.rests(&self.at, rests_until_ms);
        }
        if let Some(loader) = &self.site.loader
            && !self.model.keep
            && !is_silence(error)
        {
            self.send_away(loader);
        }
    }

    /// Nothing else begins on its host meanwhile, and not where something has.
    fn send_away(&self, loader: &Loader) {
        let now_ms = self.factory.now_ms();
        {
            let mut known = self.factory.roster().lock();
            if known.is_wanted(&self.at.host) {
                return;
            }
            let leaves = Move {
                leaving: Vec::new(),
                to: self.at.model.clone(),
                begun_ms: now_ms,
                seen_ms: now_ms,
                speaks: true,
            };
            known.moves.insert(self.at.host.clone(), leaves);
        }
        let left = catch_unwind(AssertUnwindSafe(|| {
            loads::send_away(&self.factory, loader, &self.at);
        }));
        self.factory.roster().lock().moves.remove(&self.at.host);
        if left.is_err() {
            tracing::error!("{} could not be sent away", self.at.model);
        }
    }

    fn chosen(&self) -> Chosen {
        Chosen {
            provider: self.server.clone().into(),
            model: self.model.name.clone(),
            profile: self.model.profile,
        }
    }
}

/// Whether nothing came, which a host does that is busy with others.
fn is_silence(error: &ChatError) -> bool {
    matches!(
        error.class,
        ErrorClass::Cancelled | ErrorClass::Stalled | ErrorClass::TimedOut
    )
}

/// Whether a llama-server could answer one more. None of another kind of server, which does not tell, and lets us wait.
fn is_free(server: &Host, gives_way: &dyn Fn() -> bool) -> Option<bool> {
    let Host::Openai(host) = server else {
        return None;
    };
    let told = slots(host, gives_way).ok().flatten();
    told.map(|Slots { total, busy }| busy < total)
}

/// The window of a model, where it is smaller than its profile wants: another program may have loaded it so.
pub(super) fn small_window(word: &Ping, profile: &Profile) -> Option<u32> {
    word.context.filter(|window| *window < profile.num_ctx)
}

impl Known {
    pub(super) fn has_window(&mut self, at: &At, window: Option<u32>) {
        if let Some(word) = self.words.get_mut(at) {
            word.window = window;
        }
    }

    /// A model was asked for a word.
    pub(super) fn spoke(&mut self, at: &At, said: Result<i64, String>, now_ms: i64, pause_ms: i64) {
        let next_ms = match &said {
            Ok(_) => now_ms.saturating_add(pause_ms),
            // After its rest.
            Err(_) => now_ms,
        };
        let word = Word {
            asked_ms: now_ms,
            said,
            window: None,
            next_ms,
            rests_until_ms: None,
        };
        self.words.insert(at.clone(), word);
    }

    /// It said none, and gets no work before this.
    pub(super) fn rests(&mut self, at: &At, until_ms: Option<i64>) {
        if let Some(word) = self.words.get_mut(at) {
            word.rests_until_ms = until_ms;
        }
    }

    /// Whether it said none when it was last asked: it is asked before its next run.
    pub(super) fn is_mute(&self, at: &At) -> bool {
        self.words.get(at).is_some_and(|word| word.said.is_err())
    }

    /// Whether somebody else has use for a host than a word: a run, a load, or a call beside a run.
    pub(super) fn is_wanted(&self, host: &str) -> bool {
        self.sitting_on(host) > 0 || self.moves.contains_key(host) || self.calls.contains_key(host)
    }

    /// The words of what a host has now.
    pub(super) fn words_of(&self, site: &Site) -> Vec<WordView> {
        let its = self.words.iter().filter(|(at, word)| {
            let has = site.models.iter().any(|model| model.name == at.model);
            at.host == site.host && has && word.asked_ms > 0
        });
        its.map(|(at, word)| WordView {
            model: at.model.clone(),
            at_ms: word.asked_ms,
            latency_ms: word.said.as_ref().ok().copied(),
            error: word.said.as_ref().err().cloned(),
            window: word.window,
            rests_until_ms: word.rests_until_ms,
        })
        .collect()
    }
}
