//! The model hosts of `alai.toml`: where each is, how it is spoken to, and which tiers it may fill.
//!
//! A key is named by the variable that holds it and never stands in the file. A host whose key is missing is shown as down, and
//! keeps no other one from working.

use std::collections::BTreeMap;

use alai_core::company::ModelChoice;
use alai_core::schedule::{self, placement};
use alai_fleet::{AnthropicHost, Host, OllamaHost, OpenaiHost, Secret, Timeouts, same_model};
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// Hosts beyond this are a mistake: each is asked once a minute.
const HOSTS_MAX: usize = 32;

/// The name of the host that `fleet.ollama` or `OLLAMA_HOST` says, or that is there when nothing is said.
pub(crate) const DEFAULT: &str = "ollama";

/// One host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedHost {
    /// How packs and people call it.
    pub name: String,
    pub host: Host,
    /// The tiers it may fill; `None` where nothing was said.
    pub tiers: Option<Vec<u8>>,
    /// Runs on it at the same time; `None` where nothing was said.
    pub slots: Option<usize>,
    /// Bytes that models may use on it; `None` where nothing was said.
    pub memory: Option<u64>,
    /// What was said of single models on it.
    pub models: BTreeMap<String, ModelSetting>,
    /// Why it cannot be asked at all: its key is missing, or the place that a variable names is none.
    pub unusable: Option<String>,
}

/// What a person says of one model on one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelSetting {
    /// What it takes while it is loaded; the size of its file where nothing is said.
    pub bytes: Option<u64>,
    /// Runs on it at the same time.
    pub slots: Option<usize>,
    /// It is never unloaded.
    pub keep: bool,
}

impl NamedHost {
    /// Bytes that a model takes here, whose file has `size` of them.
    pub(crate) fn bytes_of(&self, model: &str, size: u64) -> u64 {
        let said = self.said_of(model).and_then(|said| said.bytes);
        said.unwrap_or(size)
    }

    pub(crate) fn slots_of(&self, model: &str) -> Option<usize> {
        self.said_of(model)?.slots
    }

    pub(crate) fn keeps(&self, model: &str) -> bool {
        self.said_of(model).is_some_and(|said| said.keep)
    }

    /// The settings of a model: a host may call it with the tag that they leave out.
    fn said_of(&self, model: &str) -> Option<&ModelSetting> {
        let exact = self.models.get(model);
        exact.or_else(|| {
            let mut said = self.models.iter();
            said.find(|(name, _)| same_model(name, model))
                .map(|(_, said)| said)
        })
    }

    /// This host alone with these models and their bytes, for [`placement::check`].
    pub(crate) fn placement(&self, memory: u64, models: &[(&str, u64)]) -> schedule::Fleet {
        let place = |name: &str| schedule::Place {
            slots: 1,
            load_ms: 0,
            pinned: self.keeps(name),
        };
        schedule::Fleet {
            hosts: vec![schedule::Host {
                name: self.name.clone(),
                slots: 1,
                memory,
                local: true,
            }],
            models: models
                .iter()
                .map(|(name, bytes)| schedule::Model {
                    name: (*name).to_owned(),
                    bytes: *bytes,
                    keep_alive_ms: 0,
                })
                .collect(),
            places: vec![models.iter().map(|(name, _)| Some(place(name))).collect()],
            slots: None,
        }
    }

    /// Where it is, for people and records.
    pub fn address(&self) -> String {
        self.host.to_string()
    }

    /// Whether a pack or a person means this one: by its name, in any case, or by its address.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.address() == name
    }
}

/// How a host is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Dialect {
    Ollama,
    Openai,
    Anthropic,
}

/// The same as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostFile {
    name: String,
    dialect: Dialect,
    url: String,
    pub(crate) key_env: Option<String>,
    tiers: Option<Vec<u8>>,
    slots: Option<usize>,
    memory_gb: Option<f64>,
    #[serde(default)]
    timeouts: TimeoutsFile,
    #[serde(default)]
    models: BTreeMap<String, ModelFile>,
}

/// How long each phase of a call may take, where a person says so; what is left out is as usual.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TimeoutsFile {
    connect_ms: Option<u64>,
    load_s: Option<u64>,
    first_token_s: Option<u64>,
    between_tokens_s: Option<u64>,
    whole_s: Option<u64>,
}

/// The longest that may be said, in milliseconds for a connection and in seconds for the rest: beyond a minute nobody listens there, and
/// a call of a day is a mistake.
const CONNECT_MS_MAX: u64 = 60_000;
const PHASE_S_MAX: u64 = 24 * 3600;

/// What is written of one model of a host.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    gb: Option<f64>,
    slots: Option<usize>,
    #[serde(default)]
    keep: bool,
}

/// The hosts in force: those that are named, and the one Ollama of `ollama`, or, where the file has none, of the variable. With
/// neither, Ollama's own place. What a variable of the shell says keeps no command from working: a place that is none is a host that
/// is down, and one that the file names already is not there twice.
pub(crate) fn read(
    files: Vec<HostFile>,
    ollama: Option<&str>,
    env: &BTreeMap<String, String>,
) -> Result<Vec<NamedHost>, ConfigError> {
    if files.len() > HOSTS_MAX {
        return Err(wrong(
            "hosts",
            &files.len().to_string(),
            "at most 32 of them",
        ));
    }
    let variable = env.get("OLLAMA_HOST").map(|place| place.trim());
    let variable = variable.filter(|place| !place.is_empty());
    let mut hosts = Vec::new();
    match (ollama, variable) {
        (Some(given), _) => hosts.push(default_host(default_place(given)?, None)),
        (None, Some(given)) => hosts.push(match default_place(given) {
            Ok(host) => default_host(host, None),
            Err(why) => default_host(OllamaHost::default(), Some(format!("OLLAMA_HOST: {why}"))),
        }),
        (None, None) if files.is_empty() => {
            hosts.push(default_host(OllamaHost::default(), None));
        }
        (None, None) => {}
    }
    for file in files {
        let host = file.checked(env)?;
        if ollama.is_none() {
            hosts.retain(|known| {
                known.name != DEFAULT
                    || !(known.name.eq_ignore_ascii_case(&host.name) || known.host == host.host)
            });
        }
        if hosts
            .iter()
            .any(|known| known.name.eq_ignore_ascii_case(&host.name))
        {
            return Err(wrong(
                "name",
                &host.name,
                "a name of its own (`ollama` is the host of `fleet.ollama`)",
            ));
        }
        if hosts.iter().any(|known| known.host == host.host) {
            return Err(wrong("url", &host.address(), "named once"));
        }
        hosts.push(host);
    }
    Ok(hosts)
}

fn default_host(host: OllamaHost, unusable: Option<String>) -> NamedHost {
    NamedHost {
        name: DEFAULT.to_owned(),
        host: Host::Ollama(host),
        tiers: None,
        slots: None,
        memory: None,
        models: BTreeMap::new(),
        unusable,
    }
}

impl HostFile {
    fn checked(self, env: &BTreeMap<String, String>) -> Result<NamedHost, ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || self.name.len() > 60 || !self.name.chars().all(plain) {
            return Err(wrong(
                "name",
                &self.name,
                "letters, digits, `-`, `_` and `.`",
            ));
        }
        let allowed = 1..=ModelChoice::TIER_MAX;
        let tiers = self.tiers.as_deref().unwrap_or_default();
        if let Some(odd) = tiers.iter().find(|tier| !allowed.contains(tier)) {
            return Err(wrong("tiers", &odd.to_string(), "tiers from 1 to 5"));
        }
        if self.slots == Some(0) {
            return Err(wrong(
                "slots",
                "0",
                "at least 1; leave the host out to use it no more",
            ));
        }
        let memory = self.memory_gb.map(bytes_of_gb).transpose()?;
        let models = self.models.iter();
        let models = models
            .map(|(name, file)| Ok((name.clone(), file.checked()?)))
            .collect::<Result<BTreeMap<String, ModelSetting>, ConfigError>>()?;
        let (key, no_key) = match &self.key_env {
            None => (None, None),
            Some(variable) => key(variable, env),
        };
        if key.is_some() && self.dialect == Dialect::Ollama {
            return Err(wrong(
                "key_env",
                &self.name,
                "left out: Ollama takes no key",
            ));
        }
        let url = self.url.trim();
        let host = match self.dialect {
            Dialect::Ollama => Host::Ollama(place(
                OllamaHost::parse,
                url,
                "a host such as http://forge:11434",
            )?),
            Dialect::Openai => {
                let host = place(
                    OpenaiHost::parse,
                    url,
                    "an address such as http://forge:8080",
                )?;
                Host::Openai(match key {
                    Some(key) => host.with_key(key),
                    None => host,
                })
            }
            Dialect::Anthropic => {
                let host = place(AnthropicHost::parse, url, "an address such as https://HOST")?;
                Host::Anthropic(match key {
                    Some(key) => host.with_key(key),
                    None => host,
                })
            }
        };
        let timeouts = self.timeouts.over(host.timeouts())?;
        let named = NamedHost {
            name: self.name,
            host: host.with_timeouts(timeouts),
            tiers: self.tiers,
            slots: self.slots,
            memory,
            models,
            unusable: no_key,
        };
        named.fits()?;
        Ok(named)
    }
}

impl NamedHost {
    /// # Errors
    /// When what was said of its models can never stand in its memory, with the arithmetic. Sizes that only the host knows are
    /// looked at when it answers.
    fn fits(&self) -> Result<(), ConfigError> {
        let Some(memory) = self.memory else {
            return match self.models.values().any(|said| said.keep) {
                true => Err(wrong(
                    "keep",
                    &self.name,
                    "beside `memory_gb`: what is never unloaded needs to be known to fit",
                )),
                false => Ok(()),
            };
        };
        let said = self.models.iter();
        let said: Vec<(&str, u64)> = said
            .filter_map(|(name, said)| Some((name.as_str(), said.bytes?)))
            .collect();
        placement::check(&self.placement(memory, &said)).map_err(|refusals| {
            let words = refusals.iter().map(ToString::to_string);
            ConfigError::Placement {
                why: words.collect::<Vec<_>>().join("; "),
            }
        })
    }
}

impl TimeoutsFile {
    /// These in the place of the usual ones.
    fn over(self, usual: Timeouts) -> Result<Timeouts, ConfigError> {
        let phases = [
            ("connect_ms", self.connect_ms, CONNECT_MS_MAX),
            ("load_s", self.load_s, PHASE_S_MAX),
            ("first_token_s", self.first_token_s, PHASE_S_MAX),
            ("between_tokens_s", self.between_tokens_s, PHASE_S_MAX),
            ("whole_s", self.whole_s, PHASE_S_MAX),
        ];
        for (key, said, most) in phases {
            if said.is_some_and(|said| said == 0 || said > most) {
                let said = said.unwrap_or_default().to_string();
                let key = format!("timeouts.{key}");
                return Err(wrong(
                    &key,
                    &said,
                    "at least 1, up to a minute to connect and a day for the rest",
                ));
            }
        }
        Ok(Timeouts {
            connect_ms: self.connect_ms.unwrap_or(usual.connect_ms),
            load_s: self.load_s.or(usual.load_s),
            first_token_s: self.first_token_s.or(usual.first_token_s),
            between_tokens_s: self.between_tokens_s.or(usual.between_tokens_s),
            whole_s: self.whole_s.or(usual.whole_s),
        })
    }
}

impl ModelFile {
    fn checked(self) -> Result<ModelSetting, ConfigError> {
        if self.slots == Some(0) {
            return Err(wrong("models.slots", "0", "at least 1"));
        }
        Ok(ModelSetting {
            bytes: self.gb.map(bytes_of_gb).transpose()?,
            slots: self.slots,
            keep: self.keep,
        })
    }
}

/// Bytes of so many gigabytes (of 10^9), above 0 and below a million of them.
fn bytes_of_gb(gb: f64) -> Result<u64, ConfigError> {
    match gb.is_finite() && gb > 0.0 && gb <= 1e6 {
        true => Ok((gb * 1e9) as u64),
        false => Err(wrong("gb", &gb.to_string(), "gigabytes, above 0")),
    }
}

/// The key in a variable, or why there is none. Nothing of its value is said.
fn key(variable: &str, env: &BTreeMap<String, String>) -> (Option<Secret>, Option<String>) {
    match env.get(variable).map(|value| Secret::parse(value)) {
        Some(Ok(key)) => (Some(key), None),
        Some(Err(why)) => (None, Some(format!("the variable {variable}: {why}"))),
        None => (
            None,
            Some(format!("the variable {variable} with its key is not set")),
        ),
    }
}

fn default_place(given: &str) -> Result<OllamaHost, ConfigError> {
    OllamaHost::parse(given).map_err(|e| ConfigError::Value {
        key: "fleet.ollama",
        value: format!("{} ({})", shown(given), e.reason),
        want: "a host as OLLAMA_HOST takes it, such as http://127.0.0.1:11434",
    })
}

fn place<H, E>(
    parse: impl FnOnce(&str) -> Result<H, E>,
    url: &str,
    want: &'static str,
) -> Result<H, ConfigError> {
    parse(url).map_err(|_| wrong("url", &shown(url), want))
}

/// An address without what may be a login in it.
fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("(a login)@{rest}"),
        None => url.to_owned(),
    }
}

fn wrong(key: &str, value: &str, want: &'static str) -> ConfigError {
    ConfigError::Value {
        key: "fleet.hosts",
        value: format!("{key} = {value}"),
        want,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str, ollama: Option<&str>) -> Result<Vec<NamedHost>, ConfigError> {
        hosts_beside(text, ollama, None)
    }

    fn hosts_beside(
        text: &str,
        ollama: Option<&str>,
        variable: Option<&str>,
    ) -> Result<Vec<NamedHost>, ConfigError> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            hosts: Vec<HostFile>,
        }
        let file: File = toml::from_str(text).expect("toml");
        let env = [("GOOD_KEY", "sk-0123456789"), ("BAD_KEY", "a b")];
        let env = env.into_iter().chain(variable.map(|v| ("OLLAMA_HOST", v)));
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        read(file.hosts, ollama, &env.collect())
    }

    fn host(more: &str) -> String {
        format!("[[hosts]]\nname = \"forge\"\n{more}")
    }

    #[test]
    fn without_a_word_it_is_ollamas_own_place() {
        let found = hosts("", None).expect("valid");
        assert_eq!(
            (found.len(), found[0].name.as_str()),
            (1, DEFAULT),
            "{found:?}"
        );
        let named = host("dialect = \"openai\"\nurl = \"http://forge:8080/v1\"\nslots = 2");
        let found = hosts(&named, None).expect("valid");
        assert_eq!((found.len(), found[0].slots), (1, Some(2)), "no other one");
        let found = hosts(&named, Some("anvil")).expect("valid");
        let names: Vec<_> = found.iter().map(|h| h.name.as_str()).collect();
        assert_eq!(names, [DEFAULT, "forge"]);
    }

    #[test]
    fn what_is_said_of_a_phase_stands_in_the_place_of_what_is_usual() {
        let with = |dialect: &str, timeouts: &str| {
            let text = host(&format!(
                "dialect = \"{dialect}\"\nurl = \"http://forge:1\"\ntimeouts = {{ {timeouts} }}"
            ));
            hosts(&text, None).expect("valid").remove(0).host.timeouts()
        };
        let all =
            "connect_ms = 1, load_s = 2, first_token_s = 3, between_tokens_s = 4, whole_s = 5";
        for dialect in ["ollama", "openai", "anthropic"] {
            let said = Timeouts {
                connect_ms: 1,
                load_s: Some(2),
                first_token_s: Some(3),
                between_tokens_s: Some(4),
                whole_s: Some(5),
            };
            assert_eq!(with(dialect, all), said, "{dialect}");
        }
        let usual = AnthropicHost::parse("http://forge:1").expect("a host");
        let one = with("anthropic", "whole_s = 9");
        let expected = Timeouts {
            whole_s: Some(9),
            ..Host::Anthropic(usual).timeouts()
        };
        assert_eq!(one, expected, "the others stay");
    }

    #[test]
    fn a_variable_of_the_shell_keeps_no_command_from_working() {
        let found = hosts_beside("", None, Some("forge:0")).expect("it goes on");
        let why = found[0].unusable.clone().expect("it is down");
        assert!(
            why.contains("OLLAMA_HOST") && why.contains("forge:0"),
            "{why}"
        );
        assert!(hosts("", Some("forge:0")).is_err(), "the file is mended");
        for (named, variable) in [
            (
                "name = \"forge\"\ndialect = \"ollama\"\nurl = \"forge\"",
                "forge:11434",
            ),
            (
                "name = \"Ollama\"\ndialect = \"ollama\"\nurl = \"forge\"",
                "anvil",
            ),
        ] {
            let text = format!("[[hosts]]\n{named}\n");
            let found = hosts_beside(&text, None, Some(variable)).expect(named);
            assert_eq!(
                (found.len(), found[0].address()),
                (1, "http://forge:11434".to_owned())
            );
        }
    }

    #[test]
    fn a_key_comes_from_its_variable_and_is_never_shown() {
        let with = |variable: &str| {
            let text = host(&format!(
                "dialect = \"anthropic\"\nurl = \"https://api.example.com\"\nkey_env = \"{variable}\""
            ));
            hosts(&text, None).expect("valid").remove(0)
        };
        let good = with("GOOD_KEY");
        assert_eq!(good.unusable, None);
        assert!(!format!("{good:?}").contains("sk-0123456789"));
        assert!(
            with("BAD_KEY")
                .unusable
                .is_some_and(|why| !why.contains("a b"))
        );
        let missing = with("NO_SUCH_KEY").unusable.expect("it is missing");
        assert!(missing.contains("NO_SUCH_KEY"), "{missing}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, word) in [
            ("dialect = \"openai\"\nurl = \"forge\"", "url"),
            ("dialect = \"ollama\"\nurl = \"forge:0\"", "url"),
            ("dialect = \"ollama\"\nurl = \"forge\"\nslots = 0", "slots"),
            (
                "dialect = \"ollama\"\nurl = \"forge\"\ntiers = [6]",
                "tiers",
            ),
            (
                "dialect = \"ollama\"\nurl = \"forge\"\ntimeouts = { load_s = 0 }",
                "timeouts.load_s = 0",
            ),
            (
                "dialect = \"ollama\"\nurl = \"forge\"\ntimeouts = { connect_ms = 60001 }",
                "timeouts.connect_ms = 60001",
            ),
            (
                "dialect = \"ollama\"\nurl = \"forge\"\nkey_env = \"GOOD_KEY\"",
                "key_env",
            ),
        ] {
            let why = hosts(&host(text), None).expect_err(text).to_string();
            assert!(why.contains(word), "{why}");
        }
        let twice = host("dialect = \"ollama\"\nurl = \"a\"\n")
            + &host("dialect = \"ollama\"\nurl = \"b\"\n");
        assert!(hosts(&twice, None).is_err());
        let login = host("dialect = \"openai\"\nurl = \"https://ada:secret-word@forge:1\"");
        let why = hosts(&login, None).expect_err("a login").to_string();
        assert!(!why.contains("secret-word"), "{why}");
    }
}
