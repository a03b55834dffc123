//! A host that loads and unloads models at our word: Ollama, and llama-server in router mode.

use std::time::Duration;

use crate::chat::Profile;
use crate::dialect::Host;
use crate::error::ChatError;
use crate::host::OllamaHost;
use crate::ollama::residency::{self, Resident};
use crate::openai::{OpenaiHost, probe, router};

/// Such a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loader {
    Ollama(OllamaHost),
    Router(OpenaiHost),
}

impl Loader {
    /// None for a host that has always loaded what it serves, as far as the last look at it has told.
    pub fn of(host: &Host) -> Option<Loader> {
        match host {
            Host::Ollama(host) => Some(Loader::Ollama(host.clone())),
            Host::Openai(host) if host.is_router() => Some(Loader::Router(host.clone())),
            Host::Openai(_) | Host::Anthropic(_) => None,
        }
    }

    pub fn host(&self) -> Host {
        match self {
            Loader::Ollama(host) => Host::Ollama(host.clone()),
            Loader::Router(host) => Host::Openai(host.clone()),
        }
    }

    /// What it holds now. A model that is being loaded stands there, too.
    ///
    /// # Errors
    /// As `chat`, when the host cannot be asked.
    ///
    /// # Panics
    /// Inside a tokio runtime: it runs its own on the calling thread.
    pub fn resident(&self, cancel: &dyn Fn() -> bool) -> Result<Vec<Resident>, ChatError> {
        match self {
            Loader::Ollama(host) => residency::resident(host, cancel),
            Loader::Router(host) => router::resident(host, cancel),
        }
    }

    /// Loads a model as all its calls need it, and waits until it is there. A router's models have the window that their processes
    /// are started with, whatever the profile says.
    ///
    /// # Errors
    /// As `chat`: the class says whether anybody answered. `TimedOut` after `within`.
    ///
    /// # Panics
    /// As [`Loader::resident`].
    pub fn load(
        &self,
        model: &str,
        profile: &Profile,
        within: Duration,
        cancel: &dyn Fn() -> bool,
    ) -> Result<(), ChatError> {
        match self {
            Loader::Ollama(host) => residency::load(host, model, profile, within, cancel),
            Loader::Router(host) => router::load(host, model, within, cancel),
        }
    }

    /// Tells a host to let a model go, which [`Loader::resident`] shows.
    ///
    /// # Errors
    /// As [`Loader::load`].
    ///
    /// # Panics
    /// As [`Loader::resident`].
    pub fn unload(
        &self,
        model: &str,
        within: Duration,
        cancel: &dyn Fn() -> bool,
    ) -> Result<(), ChatError> {
        match self {
            Loader::Ollama(host) => residency::unload(host, model, within, cancel),
            Loader::Router(host) => router::unload(host, model, within, cancel),
        }
    }
}

/// Whether a word of this model loads nothing, wakes nothing and leaves it as others loaded it, as far as its host says so now. A host
/// that does not say it holds nothing.
///
/// # Errors
/// As `chat`, when the host cannot be asked.
///
/// # Panics
/// As [`Loader::resident`].
pub fn holds(
    host: &Host,
    model: &str,
    profile: &Profile,
    cancel: &dyn Fn() -> bool,
) -> Result<bool, ChatError> {
    match host {
        Host::Ollama(host) => {
            let held = residency::resident(host, cancel)?;
            let is_it =
                |there: &str| there == model || there.strip_suffix(":latest") == Some(model);
            // With another window it would be loaded anew, whoever works with it.
            let as_asked = |there: &Resident| there.context == Some(profile.num_ctx);
            Ok(held
                .iter()
                .any(|there| is_it(&there.model) && as_asked(there)))
        }
        Host::Openai(host) if host.is_router() => router::is_awake(host, model, cancel),
        Host::Openai(host) => probe::is_held(host, model, cancel),
        Host::Anthropic(_) => Ok(false),
    }
}
