//! What the twin's host holds in memory, as Ollama's scheduler does: a model is loaded before it answers, idle ones go when there is
//! too little room (the shortest `keep_alive` first, then by name), busy ones stay, and each model answers so many chats at once while the others wait
//! without a header.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::routes;
use super::{Shared, TwinModel};
use crate::twin::{Drops, Reply, Waiting};

/// What happened in the twin's memory, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// A load began.
    Loads(String),
    Loaded(String),
    /// Its client went away before it had ended.
    LoadAborted(String),
    /// Told to go by a client.
    Unloaded(String),
    /// Sent away to make room.
    Evicted(String),
    /// A chat began to be answered.
    Chat(String),
}

#[derive(Default)]
pub(super) struct Memory(Mutex<Held>);

#[derive(Default)]
struct Held {
    models: BTreeMap<String, Loaded>,
    turns: Vec<Turn>,
    reloads: usize,
    /// Loads do not end.
    stands_still: bool,
    /// Loads fail with this error.
    fails: Option<String>,
    /// Who is told to go stays in the list for good (`Stopping...`).
    hangs: bool,
    /// The most chats of all models that were answered at once, and of one model.
    busy_most: usize,
    /// The most bytes that were ever held.
    bytes_most: u64,
}

struct Loaded {
    runner: Value,
    bytes: u64,
    keep_s: i64,
    ready: bool,
    busy: usize,
    /// Told to go; it does when nothing is at work on it.
    leaves: bool,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turns(&self) -> Vec<Turn> {
        self.lock().turns.clone()
    }

    pub(super) fn reloads(&self) -> usize {
        self.lock().reloads
    }

    pub(super) fn busy_most(&self) -> usize {
        self.lock().busy_most
    }

    pub(super) fn bytes_most(&self) -> u64 {
        self.lock().bytes_most
    }

    pub(super) fn stand_still(&self, still: bool) {
        self.lock().stands_still = still;
    }

    pub(super) fn fail(&self, error: Option<&str>) {
        self.lock().fails = error.map(str::to_owned);
    }

    /// Models that are told to go hang, or do not any more: then they are gone.
    pub(super) fn hang(&self, hangs: bool) {
        let mut held = self.lock();
        held.hangs = hangs;
        let left = held.models.iter().filter(|(_, l)| l.leaves && l.busy == 0);
        let left: Vec<String> = left.map(|(name, _)| name.clone()).collect();
        for name in left.into_iter().filter(|_| !hangs) {
            held.models.remove(&name);
            held.turns.push(Turn::Unloaded(name));
        }
    }

    /// Somebody else's program sends a model away, or has one loaded.
    pub(super) fn set(&self, model: &str, bytes: Option<u64>) {
        let mut held = self.lock();
        match bytes {
            None => {
                held.models.remove(model);
            }
            Some(bytes) => {
                let loaded = Loaded {
                    runner: json!({"num_ctx": 4_096}),
                    bytes,
                    keep_s: 300,
                    ready: true,
                    busy: 0,
                    leaves: false,
                };
                held.models.insert(model.to_owned(), loaded);
            }
        }
    }

    pub(super) fn listed(&self) -> Vec<Value> {
        let held = self.lock();
        let entry = |(name, loaded): (&String, &Loaded)| {
            json!({"name": name, "model": name, "digest": routes::digest(name), "size": loaded.bytes,
                "size_vram": loaded.bytes, "context_length": loaded.runner["num_ctx"]})
        };
        held.models.iter().map(entry).collect()
    }

    pub(super) fn unload(&self, model: &str) {
        let mut held = self.lock();
        let hangs = held.hangs;
        let Some(loaded) = held.models.get_mut(model) else {
            return;
        };
        loaded.leaves = true;
        if loaded.busy == 0 && !hangs {
            held.models.remove(model);
            held.turns.push(Turn::Unloaded(model.to_owned()));
        }
    }
}

impl Held {
    fn bytes(&self) -> u64 {
        self.models.values().map(|loaded| loaded.bytes).sum()
    }

    /// Room for so many bytes, by sending idle models away; false while those that are in the way are busy.
    fn makes_room(&mut self, bytes: u64, memory: u64) -> bool {
        while self.bytes().saturating_add(bytes) > memory {
            let idle = self.models.iter().filter(|(_, l)| l.ready && l.busy == 0);
            let next = idle.min_by_key(|(name, loaded)| (loaded.keep_s, (*name).clone()));
            let Some(name) = next.map(|(name, _)| name.clone()) else {
                return self.models.is_empty();
            };
            self.models.remove(&name);
            self.turns.push(Turn::Evicted(name));
        }
        true
    }
}

/// A request that needs its model.
pub(super) struct Needs {
    pub(super) shared: Arc<Shared>,
    pub(super) model: TwinModel,
    pub(super) body: Value,
    /// Whether this one began the load that is under way.
    pub(super) loads: Mutex<bool>,
}

impl Waiting for Needs {
    fn poll(&self) -> Option<Reply> {
        let is_chat = self.body["messages"]
            .as_array()
            .is_some_and(|all| !all.is_empty());
        {
            let mut held = self.shared.memory.lock();
            self.has_its_model(&mut held)?;
            if let Some(error) = held.fails.clone() {
                held.models.remove(&self.model.name);
                return Some(routes::failed(&error));
            }
            let slots = self.shared.behaviour.slots;
            let loaded = held.models.get_mut(&self.model.name)?;
            if is_chat && slots.is_some_and(|slots| loaded.busy >= slots) {
                return None;
            }
            if is_chat {
                loaded.busy += 1;
                let busy = held.models.values().map(|loaded| loaded.busy).sum();
                held.busy_most = held.busy_most.max(busy);
                held.turns.push(Turn::Chat(self.model.name.clone()));
            }
        }
        if !is_chat {
            return Some(routes::loaded());
        }
        // Given back also when the answer panics.
        let seat = Arc::new(Seat {
            shared: Arc::clone(&self.shared),
            model: self.model.name.clone(),
        });
        let reply = routes::answered(&self.shared, &self.model, &self.body);
        Some(Reply::Takes(crate::twin::Taken(seat), Box::new(reply)))
    }

    fn gone(&self) {
        let loads = self.loads.lock().is_ok_and(|loads| *loads);
        let mut held = self.shared.memory.lock();
        let name = &self.model.name;
        if loads && held.models.get(name).is_some_and(|loaded| !loaded.ready) {
            held.models.remove(name);
            held.turns.push(Turn::LoadAborted(name.clone()));
        }
    }
}

impl Needs {
    /// `None` while the model is being loaded, or there is no room for it.
    fn has_its_model(&self, held: &mut Held) -> Option<()> {
        let (name, runner) = (&self.model.name, routes::runner(&self.model, &self.body));
        let changed = held
            .models
            .get(name)
            .is_some_and(|l| l.ready && l.runner != runner);
        if changed {
            // Another window, batch or shift: the runner is started anew.
            held.reloads += 1;
            let loaded = held.models.get_mut(name)?;
            loaded.runner = runner.clone();
        }
        if !held.models.contains_key(name) {
            if !held.makes_room(self.model.bytes(), self.shared.behaviour.memory) {
                return None;
            }
            let loaded = Loaded {
                runner,
                bytes: self.model.bytes(),
                keep_s: 0,
                ready: false,
                busy: 0,
                leaves: false,
            };
            held.models.insert(name.clone(), loaded);
            held.turns.push(Turn::Loads(name.clone()));
            held.bytes_most = held.bytes_most.max(held.bytes());
            if let Ok(mut loads) = self.loads.lock() {
                *loads = true;
            }
        }
        let still = held.stands_still;
        let loaded = held.models.get_mut(name)?;
        if !loaded.ready && still {
            return None;
        }
        let first = !loaded.ready;
        loaded.ready = true;
        loaded.leaves = false;
        // One that is loaded keeps its time where nothing is said.
        if first || !self.body["keep_alive"].is_null() {
            loaded.keep_s = keep_s(&self.body["keep_alive"]);
        }
        if first {
            held.turns.push(Turn::Loaded(name.clone()));
        }
        Some(())
    }
}

/// A chat that is being answered.
struct Seat {
    shared: Arc<Shared>,
    model: String,
}

impl Drops for Seat {}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut held = self.shared.memory.lock();
        let hangs = held.hangs;
        let Some(loaded) = held.models.get_mut(&self.model) else {
            return;
        };
        loaded.busy = loaded.busy.saturating_sub(1);
        if loaded.busy == 0 && loaded.leaves && !hangs {
            held.models.remove(&self.model);
            held.turns.push(Turn::Unloaded(self.model.clone()));
        }
    }
}

/// Seconds of a `keep_alive` as `15m` or a number; five minutes where nothing is said, as Ollama takes it.
fn keep_s(said: &Value) -> i64 {
    let text = said.as_str().and_then(|text| text.strip_suffix('m'));
    let minutes = text.and_then(|minutes| minutes.parse::<i64>().ok());
    said.as_i64()
        .or(minutes.map(|minutes| minutes * 60))
        .unwrap_or(300)
}
