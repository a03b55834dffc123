//! The dialect of OpenAI's chat completions, as llama-server, vLLM and LM Studio speak it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base::{Base, BaseError};
use crate::host::Toolless;
use crate::secret::Secret;
use crate::timeouts::Timeouts;
use crate::tokens::Rates;

pub(crate) mod body;
pub(crate) mod errors;
pub(crate) mod line;
pub(crate) mod probe;
pub(crate) mod router;

pub use probe::{Slots, count_tokens, slots};

/// A server: its address, its key, its bounds, and what was learned about its models. Clones share what they learn.
///
/// Stored, it is its address alone: a key has to be given again.
#[derive(Clone)]
pub struct OpenaiHost {
    base: Base,
    pub(crate) key: Option<Secret>,
    pub(crate) timeouts: Timeouts,
    pub(crate) rates: Rates,
    pub(crate) toolless: Toolless,
    pub(crate) windows: Windows,
    /// The last look found a router of llama-server there.
    routes: Arc<AtomicBool>,
}

/// The window that a server gave each model, in tokens, where it said so. A client cannot choose it here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Windows(Arc<Mutex<BTreeMap<String, u32>>>);

/// Names kept; a stranger's names must not fill the memory.
const WINDOWS_MAX: usize = 256;

impl Windows {
    pub(crate) fn of(&self, model: &str) -> Option<u32> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(model).copied()
    }

    pub(crate) fn learn(&self, model: &str, tokens: u32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < WINDOWS_MAX || known.contains_key(model) {
            known.insert(model.to_owned(), tokens);
        }
    }
}

impl OpenaiHost {
    /// Reads `http(s)://host:port[/prefix][/v1]`. No port is assumed.
    ///
    /// # Errors
    /// On anything else, a login in the address among it, with the fix.
    pub fn parse(given: &str) -> Result<OpenaiHost, BaseError> {
        Ok(OpenaiHost {
            base: Base::parse(given)?,
            key: None,
            timeouts: Timeouts::default(),
            rates: Rates::default(),
            toolless: Toolless::default(),
            windows: Windows::default(),
            routes: Arc::default(),
        })
    }

    /// The same with a key, which is sent as a bearer token.
    #[must_use]
    pub fn with_key(self, key: Secret) -> OpenaiHost {
        OpenaiHost {
            key: Some(key),
            ..self
        }
    }

    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> OpenaiHost {
        OpenaiHost { timeouts, ..self }
    }

    pub fn is_loopback(&self) -> bool {
        self.base.is_loopback()
    }

    /// Whether the last look found a llama-server there that holds several models and loads them at our word.
    pub fn is_router(&self) -> bool {
        self.routes.load(Ordering::Relaxed)
    }

    pub(crate) fn found_router(&self, is_one: bool) {
        self.routes.store(is_one, Ordering::Relaxed);
    }

    pub(crate) fn base(&self) -> &Base {
        &self.base
    }
}

impl fmt::Display for OpenaiHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.base.fmt(f)
    }
}

impl fmt::Debug for OpenaiHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenaiHost({self})")
    }
}

impl PartialEq for OpenaiHost {
    fn eq(&self, other: &Self) -> bool {
        self.base == other.base && self.key == other.key
    }
}

impl Eq for OpenaiHost {}

impl Serialize for OpenaiHost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OpenaiHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OpenaiHost::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
