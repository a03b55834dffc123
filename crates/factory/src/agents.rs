//! Agents of others as the settings name them: `[[fleet.agents]]` of `alai.toml`. A program, how it is paid, where it may go, and the
//! tiers that a person gives it; none fills a tier that nobody gave it.
//!
//! A key is named by the variable that holds it and never stands in the file. An agent that cannot be used is shown as such, with
//! what to do, and keeps nothing else from working.

mod line;
mod probe;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use alai_core::company::ModelChoice;
use alai_core::money::Tariff;
use alai_fleet::Secret;
use alai_minion::engine::Engine;
use alai_workspace::egress::{self, Api, Provider};
use alai_workspace::guest::Way;
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::hosts::NamedHost;
use crate::models::OWN_CHOICE;
use crate::money::Money;

pub use line::AgentLine;
pub(crate) use line::lines;
pub use probe::{AgentState, SeenAgent};
pub(crate) use probe::{Agents, Fit, program};

/// Programs beyond this are a mistake: each is looked at once a minute.
const AGENTS_MAX: usize = 16;

/// What stands where a key would. Programs refuse to start without one; it opens nothing.
pub(crate) const PLACEHOLDER: &str = "alai-has-the-key";

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAgent {
    /// How packs and people call it.
    pub name: String,
    pub engine: Engine,
    /// An absolute path, or a name that is looked up in `PATH`.
    pub program: String,
    pub args: Vec<String>,
    /// The folder of its login; for ACP, the file.
    pub login: Option<PathBuf>,
    /// What it is told to use; its own choice where there is none.
    pub model: Option<String>,
    /// Where a key is used: the provider's base URL, and whose wire that is.
    pub(crate) key: Option<KeyedBase>,
    /// The provider's hosts, where it speaks to them itself.
    pub hosts: Vec<String>,
    pub tiers: Vec<u8>,
    pub slots: usize,
    /// Whether it stands before the hosts that fill its tiers by their models' sizes.
    pub order: Order,
    pub pay: Option<Pay>,
    /// Why it cannot be used at all.
    pub unusable: Option<String>,
}

/// A provider that the trusted side asks with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyedBase {
    pub(crate) url: String,
    pub(crate) api: Wire,
    pub(crate) key: Option<Secret>,
}

/// Whose wire a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wire {
    Anthropic,
    Openai,
}

/// Its place among the candidates of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// A person gave it the tier, and its size gave it to a host.
    #[default]
    First,
    /// It takes what no host takes.
    Last,
}

/// A person's word about how an agent is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pay {
    /// By the token.
    Metered,
    /// A subscription, or any other flat rate.
    Flat,
    /// It works with a model of one's own.
    Own,
}

/// The same as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentFile {
    name: String,
    engine: Engine,
    program: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    login: Option<PathBuf>,
    model: Option<String>,
    pub(crate) key_env: Option<String>,
    url: Option<String>,
    dialect: Option<Wire>,
    hosts: Option<Vec<String>>,
    tiers: Vec<u8>,
    slots: Option<usize>,
    #[serde(default)]
    order: Order,
    pay: Option<Pay>,
}

/// The agents in force. `env` holds the variables of the process.
pub(crate) fn read(
    files: Vec<AgentFile>,
    hosts: &[NamedHost],
    env: &BTreeMap<String, String>,
) -> Result<Vec<NamedAgent>, ConfigError> {
    if files.len() > AGENTS_MAX {
        return Err(wrong(
            "agents",
            &files.len().to_string(),
            "at most 16 of them",
        ));
    }
    let mut names: BTreeSet<String> = hosts
        .iter()
        .map(|host| host.name.to_ascii_lowercase())
        .collect();
    let mut agents = Vec::new();
    for file in files {
        let agent = file.checked(env)?;
        if !names.insert(agent.name.to_ascii_lowercase()) {
            let want = "a name of its own, that no host and no other agent has";
            return Err(wrong("name", &agent.name, want));
        }
        agents.push(agent);
    }
    Ok(agents)
}

impl AgentFile {
    fn checked(self, env: &BTreeMap<String, String>) -> Result<NamedAgent, ConfigError> {
        self.check_plain()?;
        let program = match (&self.program, self.engine) {
            (Some(program), _) => program.clone(),
            (None, Engine::ClaudeCli) => "claude".to_owned(),
            (None, Engine::CodexCli) => "codex".to_owned(),
            (None, Engine::Acp) => {
                return Err(wrong(
                    "program",
                    "",
                    "named: there is no usual one for `acp`",
                ));
            }
        };
        let (key, no_key) = self.keyed(env)?;
        let home = env.get("HOME").map(PathBuf::from);
        let usual = |folder: &str| home.as_ref().map(|home| home.join(folder));
        let login = match (&key, self.engine) {
            (Some(_), _) => None,
            (None, Engine::ClaudeCli) => self.login.clone().or_else(|| usual(".claude")),
            (None, Engine::CodexCli) => self.login.clone().or_else(|| usual(".codex")),
            (None, Engine::Acp) => self.login.clone(),
        };
        let hosts = match (&key, self.hosts) {
            (Some(_), _) => Vec::new(),
            (None, Some(hosts)) => hosts,
            (None, None) => usual_hosts(self.engine),
        };
        Ok(NamedAgent {
            name: self.name,
            engine: self.engine,
            program,
            args: self.args,
            login,
            model: self.model,
            key,
            hosts,
            tiers: self.tiers,
            slots: self.slots.unwrap_or(1),
            order: self.order,
            pay: self.pay,
            unusable: no_key,
        })
    }

    fn check_plain(&self) -> Result<(), ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || self.name.len() > 60 || !self.name.chars().all(plain) {
            return Err(wrong(
                "name",
                &self.name,
                "letters, digits, `-`, `_` and `.`",
            ));
        }
        if self.name.eq_ignore_ascii_case(ModelChoice::HUMAN) {
            return Err(wrong("name", &self.name, "another word: that is a person"));
        }
        let allowed = 1..=ModelChoice::TIER_MAX;
        if self.tiers.is_empty() {
            let want = "at least one tier from 1 to 5: an agent fills none that nobody gave it";
            return Err(wrong("tiers", "[]", want));
        }
        if let Some(odd) = self.tiers.iter().find(|tier| !allowed.contains(tier)) {
            return Err(wrong("tiers", &odd.to_string(), "tiers from 1 to 5"));
        }
        if self.slots == Some(0) {
            return Err(wrong(
                "slots",
                "0",
                "at least 1; leave the agent out to use it no more",
            ));
        }
        if self.engine != Engine::Acp && !self.args.is_empty() {
            let want = "left out: the arguments of this engine are known";
            return Err(wrong("args", &self.args.join(" "), want));
        }
        let odd = self
            .hosts
            .iter()
            .flatten()
            .find(|host| !egress::is_rule(host) || host.contains('*') || host.starts_with('.'));
        if let Some(odd) = odd {
            return Err(wrong(
                "hosts",
                odd,
                "names of hosts such as api.example.com",
            ));
        }
        let keyed = self.key_env.is_some() || self.url.is_some();
        match keyed && (self.login.is_some() || self.hosts.is_some()) {
            true => {
                let want =
                    "without `login` and `hosts`: with a key, or a `url`, only that place is asked";
                Err(wrong("key_env", &self.name, want))
            }
            false => Ok(()),
        }
    }

    /// The provider that is asked for it, where the settings say so, and why that cannot be, without a word of the key.
    fn keyed(
        &self,
        env: &BTreeMap<String, String>,
    ) -> Result<(Option<KeyedBase>, Option<String>), ConfigError> {
        if self.key_env.is_none() && self.url.is_none() {
            return Ok((None, None));
        }
        let api = self.dialect.unwrap_or(match self.engine {
            Engine::ClaudeCli => Wire::Anthropic,
            Engine::CodexCli | Engine::Acp => Wire::Openai,
        });
        let url = match (&self.url, api) {
            (Some(url), _) => url.trim().to_owned(),
            (None, Wire::Anthropic) => "https://api.anthropic.com".to_owned(),
            (None, Wire::Openai) => "https://api.openai.com/v1".to_owned(),
        };
        let (key, missing) = match &self.key_env {
            None => (None, None),
            Some(variable) => match env.get(variable).map(|value| Secret::parse(value)) {
                Some(Ok(key)) => (Some(key), None),
                Some(Err(why)) => (None, Some(format!("the variable {variable}: {why}"))),
                None => (
                    None,
                    Some(format!("the variable {variable} with its key is not set")),
                ),
            },
        };
        Ok((Some(KeyedBase { url, api, key }), missing))
    }
}

/// Where the login of an engine is good. Hosts that give new tokens are not among them: a program in a cage could not keep the new
/// one, and the person's own would be worth nothing any more.
fn usual_hosts(engine: Engine) -> Vec<String> {
    let hosts: &[&str] = match engine {
        Engine::ClaudeCli => &["api.anthropic.com"],
        Engine::CodexCli => &["chatgpt.com", "api.openai.com"],
        Engine::Acp => &[],
    };
    hosts.iter().map(|host| (*host).to_owned()).collect()
}

/// The one file of an engine's login that is shown to it.
pub(crate) fn login_file(engine: Engine) -> Option<&'static str> {
    match engine {
        Engine::ClaudeCli => Some(".credentials.json"),
        Engine::CodexCli => Some("auth.json"),
        Engine::Acp => None,
    }
}

impl NamedAgent {
    /// The same with a model that a pack or a person names; its own choice stays its own.
    #[must_use]
    pub(crate) fn with_model(&self, model: &str) -> NamedAgent {
        let mut agent = self.clone();
        if model != OWN_CHOICE {
            agent.model = Some(model.to_owned());
        }
        agent
    }

    /// For people and records: its place is a program, not an address.
    pub fn address(&self) -> String {
        format!("agent {}", self.name)
    }

    /// Whether a machine of one's own does all of its thinking: the only kind that a project with `local_only` reaches. A program
    /// that reaches nothing has its model in it.
    pub(crate) fn is_near(&self, money: &Money) -> bool {
        match &self.key {
            Some(base) => money.is_near(&base.url),
            None => self.hosts.is_empty() && self.login.is_none(),
        }
    }

    /// How it is paid: a person's word first, then where it thinks, then what opens its provider. A login is a subscription.
    pub(crate) fn tariff(&self, money: &Money) -> Tariff {
        let rates = self
            .model
            .as_deref()
            .and_then(|model| money.prices.of(model));
        let pay = match (self.pay, &self.key) {
            (Some(pay), _) => pay,
            (None, _) if self.is_near(money) => Pay::Own,
            (None, Some(_)) => Pay::Metered,
            (None, None) if self.engine == Engine::Acp => Pay::Metered,
            (None, None) => Pay::Flat,
        };
        match (pay, rates) {
            (Pay::Own, _) => Tariff::Own,
            (Pay::Flat, rates) => Tariff::Flat(rates),
            (Pay::Metered, Some(rates)) => Tariff::Metered(rates),
            // It says itself what it costs, and ends by itself at the budget that it is given.
            (Pay::Metered, None) if self.has_budget() => Tariff::Told,
            (Pay::Metered, None) => Tariff::Unpriced,
        }
    }

    /// Whether the program takes an amount at which it ends by itself.
    pub(crate) fn has_budget(&self) -> bool {
        self.engine == Engine::ClaudeCli
    }

    /// How its program reaches its provider.
    ///
    /// # Errors
    /// In words, when its base URL cannot be meant or its login cannot be read.
    pub(crate) fn way(&self, money: &Money) -> Result<Way, String> {
        if let Some(base) = &self.key {
            let api = match base.api {
                Wire::Anthropic => Api::Anthropic,
                Wire::Openai => Api::Openai,
            };
            let key = base.key.as_ref().map(|key| key.expose().to_owned());
            let provider = Provider::new(api, &base.url, money.is_near(&base.url), key);
            let provider = provider.map_err(|why| format!("the address in `url` {why}"))?;
            return Ok(Way::Key(Box::new(provider)));
        }
        let login = probe::login(self)?;
        match self.hosts.is_empty() && login.is_none() {
            true => Ok(Way::None),
            false => Ok(Way::Login {
                hosts: self.hosts.clone(),
                login,
            }),
        }
    }
}

fn wrong(key: &str, value: &str, want: &'static str) -> ConfigError {
    ConfigError::Value {
        key: "fleet.agents",
        value: format!("{key} = {value}"),
        want,
    }
}

#[cfg(test)]
mod tests;
