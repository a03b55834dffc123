//! The dialect of Anthropic's Messages.

use std::fmt;

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

/// A server: its address, its key and its bounds. Clones share what they learn about its models.
///
/// Stored, it is its address alone: a key has to be given again.
#[derive(Clone)]
pub struct AnthropicHost {
    base: Base,
    pub(crate) key: Option<Secret>,
    pub(crate) timeouts: Timeouts,
    pub(crate) rates: Rates,
    pub(crate) toolless: Toolless,
}

/// What no bound of a profile knows: here a request is answered at once, and the model's first token follows.
const TIMEOUTS: Timeouts = Timeouts {
    connect_ms: 2_000,
    load_s: None,
    // A prompt of a whole window, read in the slowest hour, takes less.
    first_token_s: Some(300),
    between_tokens_s: None,
    whole_s: None,
};

impl AnthropicHost {
    /// Reads `http(s)://host:port[/prefix][/v1]`, where https may leave its port out.
    ///
    /// # Errors
    /// On anything else, a login in the address among it, with the fix.
    pub fn parse(given: &str) -> Result<AnthropicHost, BaseError> {
        Ok(AnthropicHost {
            base: Base::parse(given)?,
            key: None,
            timeouts: TIMEOUTS,
            rates: Rates::default(),
            toolless: Toolless::default(),
        })
    }

    /// The same with a key, which is sent as `x-api-key`.
    #[must_use]
    pub fn with_key(self, key: Secret) -> AnthropicHost {
        AnthropicHost {
            key: Some(key),
            ..self
        }
    }

    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> AnthropicHost {
        AnthropicHost { timeouts, ..self }
    }

    pub fn is_loopback(&self) -> bool {
        self.base.is_loopback()
    }

    pub(crate) fn base(&self) -> &Base {
        &self.base
    }
}

impl fmt::Display for AnthropicHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.base.fmt(f)
    }
}

impl fmt::Debug for AnthropicHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnthropicHost({self})")
    }
}

impl PartialEq for AnthropicHost {
    fn eq(&self, other: &Self) -> bool {
        self.base == other.base && self.key == other.key
    }
}

impl Eq for AnthropicHost {}

impl Serialize for AnthropicHost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AnthropicHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AnthropicHost::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
