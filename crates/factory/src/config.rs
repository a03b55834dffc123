//! `alai.toml`: what a person may set for the whole factory. Resolved once at start: default, file, `ALAI_*`, flag.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use alai_core::brief::Caps;
use alai_core::company::ModelChoice;
use alai_core::verify::Policy;
use alai_mission::Subscription;
use serde::{Deserialize, Serialize};

use crate::agents::{self, AgentFile, NamedAgent};
use crate::home::RECORDING;
use crate::hosts::{self, HostFile, NamedHost};
use crate::limits::IDLE_MINUTES_MAX;
use crate::money::{Money, MoneyFile};
use crate::notify::{self, NotifyFile, Sink};
use crate::packs::CompaniesFile;
use crate::publish::{BookStackAt, WikiFile};
use crate::rules::QaRules;
use crate::verifier::VerifierFile;

/// The file that `alai init` writes: every key with its default, commented out.
pub(crate) const TEMPLATE: &str = "\
# alai's settings. Every key may be left out; the values shown are the defaults.

# Who owns what a person must decide.
# operator = \"operator\"

# Runs at the same time, over all projects.
# slots = 2

# A file that gets the signed end of the log once an hour, beside the home's own: on another disk or machine (docs/EVIDENCE.md).
# log_copy = \"/path/on/another/machine/heads.jsonl\"

[delivery]
# GitHub's program, for projects that are delivered by pull requests; the first `gh` on PATH when it is not set.
# gh = \"/usr/bin/gh\"

[companies]
# Companies that take no work, by name: words find them no more, and a task that is pinned to one waits. Heard at the next beat.
# off = [\"Proxima\"]

[limits]
# Runs at the same time on one project; as many as there are slots when it is not set.
# per_project = 2
# Runs at the same time on the model's host, in one company, on one model; no limit where none is set.
# host = 2
# company = { CodeCraft = 1 }
# model = { \"qwen3:32b\" = 1 }
# Minutes that one run may take, and that it may go without reaching a step; then it is ended and counts as an attempt.
# run_minutes = 360
# idle_minutes = 110
# Hours after which a task that could be begun and is not raises an alarm.
# queue_hours = 48
# Minutes after which the model of a task that waits is brought in, whatever is loaded in its place.
# model_wait_minutes = 20
# Megabytes that must be free, with the runs and with the repository, before a run gets a clone; else its task waits.
# free_mb = 2048

[limits.agent]
# What the agent of one run may take. A blueprint may ask for less and never for more. Tokens are prompt and answer together.
# turns = 80
# tokens = 1500000
# seconds = 2700
# command_seconds = 600
# bytes = 8388608
# dollars = 3.0

[money.caps]
# What paid models may cost at most, in dollars, or \"none\": one call at its worst, a task, a build with its reviews, a goal.
# call = 1.0
# task = 5.0
# lineage = 10.0
# goal = 25.0
# One call, and all runs, of a review or an audit.
# verifier_call = 0.25
# verifier_task = 1.0
# A day (UTC): an alarm, no further call, runs on paid models are ended.
# day_warn = 10.0
# day_block = 25.0
# day_kill = 30.0

[money]
# Hosts that are paid by the token, by a subscription, or not at all, where that is not what they look like.
# paid_hosts = []
# flat_hosts = []
# own_hosts = []
# Prices in dollars for a million tokens, before those that are shipped. What has no price is not called (docs/MONEY.md).
# [money.prices.\"model-name\"]
# input = 3.0
# output = 15.0

[verifier]
# Another model probes what passed its gate before it is reviewed (docs/VERIFIER.md). Without `send` it is only noted who needs one.
# send = false
# Needed by priority, by the complexity of a task's class, and by words of the paths that are touched; tests that a task may change
# and safety rules that a person cleared always need it.
# priorities = [\"H\", \"B\"]
# complexity = 5
# paths = [\"auth\", \"crypto\", \"login\", \"migrations\", \"payment\", \"payments\", \"security\"]
# Dollars that one thread, and all threads of a line of work, may cost; seconds that one may take.
# dollars = 0.25
# lineage_dollars = 1.0
# seconds = 900

[qa]
# What a verdict needs beside the mandatory checks, which veto whatever stands here (docs/EVIDENCE.md): of nineteen, and how many must apply;
# optional checks that veto too; who looks where a change's tests could be tried on no wrong product, or nothing shows what it does: allow, verifier or person.
# Also for one project or company, of which the strictest word counts: [qa.projects.NAME], [qa.companies.NAME].
# score = 15
# applicable = 12
# required = [\"lint_format_types\"]
# untried = \"allow\"

[advisories]
# What `alai qa advisories update` fetches, https alone; nothing is fetched by itself (docs/EVIDENCE.md).
# urls = [\"https://advisories.example/cargo/all.zip\"]

# Who is told when work needs a person, fails, meets a cap or is done: slack, webhook (Standard Webhooks) or desktop. Addresses and
# secrets stay in variables, or in files for their owner alone (docs/NOTIFICATIONS.md).
# [[notify.sinks]]
# name = \"team\"
# kind = \"slack\"
# url_env = \"ALAI_SLACK_URL\"
# on = [\"needs_you\", \"failed\", \"budget\", \"done\"]

[wiki]
# A BookStack that gets copies of the wiki's pages; its token, ID:SECRET, stays in a variable or a file (docs/WIKI.md).
# [wiki.bookstack]
# url = \"https://wiki.example.org\"
# token_env = \"BOOKSTACK_TOKEN\"

[fleet]
# The Ollama host. OLLAMA_HOST is honoured when this is not set.
# ollama = \"http://127.0.0.1:11434\"
# Hosts by name, as many as there are; with one of them, Ollama's own place is used only where `ollama` or OLLAMA_HOST names it. The
# dialect is ollama, openai (llama-server, vLLM, LM Studio) or anthropic. A key stays in a variable. One that costs money fills
# the tiers that are named here, and no other (docs/FLEET.md).
# [[fleet.hosts]]
# name = \"forge\"
# dialect = \"openai\"
# url = \"http://forge:8080\"
# key_env = \"FORGE_KEY\"
# slots = 1
# tiers = [3, 4]
# memory_gb = 64.0
# models = { \"qwen3:8b\" = { gb = 7.5, slots = 2, keep = true } }
# timeouts = { connect_ms = 2000, between_tokens_s = 120, whole_s = 1800 }
# Seconds in which a small model may say what sort of task one is; then, and with 0, its words alone tell.
# classify_seconds = 15
# Minutes after which the first model of each tier that is idle, loaded and free says one real word again; 0 asks none.
# probe_minutes = 30
# Programs of others that do whole tasks: claude-cli, codex-cli or acp. Each fills the tiers that it is given, and no other
# (docs/FLEET.md, Agents as engines).
# [[fleet.agents]]
# name = \"claude\"
# engine = \"claude-cli\"
# tiers = [4, 5]
# Tiers whose work is a person's.
# human_tiers = []
# A file of scripted or recorded replies instead of a model; everything that runs on it says `simulated`.
# script = \"/path/to/script.yaml\"
# A folder for recordings of all calls, with what was asked and answered; secrets are taken out (docs/FLEET.md).
# record = \"/path/to/recordings\"
# A file that says how models of a family are run, before what is shipped (docs/PACKS.md has its form).
# profiles = \"/path/to/profiles.yaml\"
";

/// Runs at once when nobody says otherwise: a test suite and a model call side by side on two cores.
const SLOTS: usize = 2;
/// Beyond this, one machine's disk and memory are the bottleneck, not slots.
const SLOTS_MAX: usize = 64;

/// Seconds from a task's claim to its class: a small model that is loaded answers in two, and no task waits longer for a hint.
const CLASSIFY_S_MAX: u64 = 15;

/// Minutes between two words of an idle model: longer than Ollama keeps one that nobody uses, so that no word keeps it there.
const PROBE_MINUTES: u64 = 30;
const PROBE_MINUTES_MAX: u64 = 24 * 60;

/// Keys of model providers under the names that their own programs read. No server is given one: it goes to models alone.
const PROVIDER_KEYS: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CODEX_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_ADMIN_KEY",
];

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub operator: String,
    pub slots: usize,
    /// Where the signed end of the log is written to beside the home.
    pub log_copy: Option<PathBuf>,
    pub limits: Limits,
    pub money: Money,
    /// Who needs an independent verifier, and what that may take.
    pub verifier: Policy,
    /// Where `alai qa advisories update` fetches from; nothing else does.
    pub advisory_urls: Vec<String>,
    /// What a verdict needs beside the mandatory checks.
    pub qa: QaRules,
    /// Where models are asked.
    pub hosts: Vec<NamedHost>,
    /// Who is told of what.
    pub sinks: Vec<Sink>,
    /// Where the wiki's pages are copied to.
    pub bookstack: Option<BookStackAt>,
    /// Programs of others that do whole tasks.
    pub agents: Vec<NamedAgent>,
    /// Tiers whose work is a person's.
    pub human_tiers: Vec<u8>,
    /// Seconds in which a model may classify one task; 0 asks none.
    pub classify_s: u64,
    /// Minutes after which an idle model that costs nothing says one real word again; 0 asks none.
    pub probe_minutes: u64,
    pub script: Option<PathBuf>,
    /// The variables in which keys of models are: those of the usual providers, and those that the settings in force name.
    pub key_variables: BTreeSet<String>,
    /// Where all calls are recorded.
    pub record: Option<PathBuf>,
    /// The file by which a person turns recording on.
    pub recording: Option<PathBuf>,
    pub profiles: Option<PathBuf>,
    /// GitHub's program, where it is not the first on `PATH`.
    pub gh: Option<PathBuf>,
}

/// How much may run at once of what runs share. What is not named has no limit of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub per_project: Option<usize>,
    pub host: Option<usize>,
    pub company: BTreeMap<String, usize>,
    pub model: BTreeMap<String, usize>,
    /// Minutes that one run may take, with its set-up and its gate.
    pub run_minutes: Option<usize>,
    /// Minutes that a run may go without reaching a step.
    pub idle_minutes: Option<usize>,
    /// Hours that an eligible task may wait for its turn before that is reported.
    pub queue_hours: Option<usize>,
    /// Minutes after which a task's model is brought in, whatever is loaded in its place.
    pub model_wait_minutes: Option<usize>,
    /// Megabytes (of 1,048,576 bytes) that must be free before a run gets a clone.
    pub free_mb: Option<usize>,
    /// What one agent may take in one run; a blueprint only lowers it.
    pub agent: Caps,
}

impl Limits {
    /// Whether anything that several projects share has a limit.
    pub(crate) fn shared(&self) -> bool {
        self.host.is_some() || !self.company.is_empty() || !self.model.is_empty()
    }

    /// A limit of nothing would stop its work for ever, in silence.
    fn check(&self) -> Result<(), ConfigError> {
        let named = self.company.iter().chain(&self.model);
        let named = named.map(|(name, most)| (name.as_str(), *most));
        let plain = [
            ("per_project", self.per_project),
            ("host", self.host),
            ("run_minutes", self.run_minutes),
            ("idle_minutes", self.idle_minutes),
            ("queue_hours", self.queue_hours),
            ("model_wait_minutes", self.model_wait_minutes),
            ("free_mb", self.free_mb),
        ];
        let plain = plain
            .into_iter()
            .filter_map(|(name, most)| Some((name, most?)));
        match plain.chain(named).find(|(_, most)| *most == 0) {
            Some((name, _)) => Err(ConfigError::Value {
                key: "limits",
                value: format!("{name} = 0"),
                want: "at least 1; `alai mc pause` stops work",
            }),
            None => self.check_agent(),
        }
    }

    /// An agent that may work longer than a run may be silent would be ended by the wrong limit.
    fn check_agent(&self) -> Result<(), ConfigError> {
        let idle_s = self.idle_minutes.unwrap_or(IDLE_MINUTES_MAX) as u64 * 60;
        let value = match (self.agent.unusable(), self.agent.seconds) {
            (Some((key, value, _)), _) => format!("{key} = {value}"),
            (None, Some(seconds)) if seconds > idle_s => format!("seconds = {seconds}"),
            (None, _) => return Ok(()),
        };
        Err(ConfigError::Value {
            key: "limits.agent",
            value,
            want: "at least 1, within what makes sense, and its seconds within `idle_minutes`",
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    operator: Option<String>,
    slots: Option<usize>,
    log_copy: Option<PathBuf>,
    limits: Limits,
    money: MoneyFile,
    verifier: VerifierFile,
    advisories: AdvisoriesFile,
    delivery: DeliveryFile,
    qa: QaRules,
    fleet: Fleet,
    notify: NotifyFile,
    wiki: WikiFile,
    /// Read with the packs.
    #[serde(rename = "companies")]
    _companies: CompaniesFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AdvisoriesFile {
    urls: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DeliveryFile {
    gh: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fleet {
    ollama: Option<String>,
    hosts: Vec<HostFile>,
    agents: Vec<AgentFile>,
    human_tiers: Vec<u8>,
    classify_seconds: Option<u64>,
    probe_minutes: Option<u64>,
    script: Option<PathBuf>,
    record: Option<PathBuf>,
    profiles: Option<PathBuf>,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is not valid: {why}")]
    Parse { path: PathBuf, why: String },
    #[error("`fleet.hosts` asks for what no memory can hold: {why}")]
    Placement { why: String },
    #[error("`{key}` is `{value}`; it must be {want}")]
    Value {
        key: &'static str,
        value: String,
        want: &'static str,
    },
}

impl Default for Config {
    fn default() -> Config {
        Config {
            operator: "operator".into(),
            slots: SLOTS,
            log_copy: None,
            limits: Limits::default(),
            money: Money::default(),
            verifier: Policy::default(),
            advisory_urls: Vec::new(),
            qa: QaRules::default(),
            hosts: hosts::read(Vec::new(), None, &BTreeMap::new())
                .expect("Ollama's own place is well formed"),
            sinks: Vec::new(),
            bookstack: None,
            agents: Vec::new(),
            key_variables: key_variables(&[], &[]),
            human_tiers: Vec::new(),
            classify_s: CLASSIFY_S_MAX,
            probe_minutes: PROBE_MINUTES,
            script: None,
            record: None,
            recording: None,
            profiles: None,
            gh: None,
        }
    }
}

impl Config {
    /// Milliseconds between two words of an idle model; none where none is wanted.
    pub(crate) fn probe_ms(&self) -> Option<i64> {
        let minutes = i64::try_from(self.probe_minutes).ok();
        minutes
            .filter(|minutes| *minutes > 0)
            .map(|minutes| minutes * 60_000)
    }

    /// The agent of a name.
    pub(crate) fn agent(&self, name: &str) -> Option<&NamedAgent> {
        self.agents.iter().find(|agent| agent.name == name)
    }

    /// What the store needs to know of who is told of what.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        notify::subscriptions(&self.sinks)
    }

    /// Reads the file, if there is one, and lays the environment over it. `env` holds the variables of the process.
    pub fn load(path: &Path, env: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
        let file = match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str::<File>(&text).map_err(|e| ConfigError::Parse {
                path: path.to_owned(),
                why: match e.message().contains("`sandbox`") {
                    true => format!("{e}\n{}", alai_core::cage::SANDBOX_IS_ASKED_FOR),
                    false => e.to_string(),
                },
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => File::default(),
            Err(source) => {
                return Err(ConfigError::Read {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let slots = match env.get("ALAI_SLOTS") {
            Some(text) => text.parse().map_err(|_| bad_slots(text))?,
            None => file.slots.unwrap_or(SLOTS),
        };
        if slots == 0 || slots > SLOTS_MAX {
            return Err(bad_slots(&slots.to_string()));
        }
        let log_copy = absolute("log_copy", file.log_copy)?;
        let operator = env.get("ALAI_OPERATOR").cloned().or(file.operator);
        let operator = operator
            .filter(|o| !o.trim().is_empty())
            .unwrap_or_else(|| "operator".into());
        let script = env
            .get("ALAI_SCRIPT")
            .map(PathBuf::from)
            .or(file.fleet.script);
        let record = env.get("ALAI_RECORD").map(PathBuf::from);
        let record = record.or(file.fleet.record);
        let ollama = file.fleet.ollama.filter(|h| !h.trim().is_empty());
        file.limits.check()?;
        let mut key_variables = key_variables(&file.fleet.hosts, &file.fleet.agents);
        key_variables.extend(notify::variables(&file.notify));
        let wiki = file.wiki.bookstack;
        key_variables.extend(wiki.as_ref().and_then(|wiki| wiki.token_env.clone()));
        let hosts = hosts::read(file.fleet.hosts, ollama.as_deref(), env)?;
        Ok(Config {
            operator,
            slots,
            log_copy,
            limits: file.limits,
            money: file.money.checked()?,
            verifier: file.verifier.checked()?,
            advisory_urls: file.advisories.urls,
            sinks: file.notify.checked(env)?,
            bookstack: wiki.map(|wiki| wiki.checked(env)).transpose()?,
            qa: file.qa.checked()?,
            agents: agents::read(file.fleet.agents, &hosts, env)?,
            human_tiers: human_tiers(file.fleet.human_tiers)?,
            hosts,
            key_variables,
            classify_s: classify_s(file.fleet.classify_seconds)?,
            probe_minutes: probe_minutes(file.fleet.probe_minutes)?,
            script,
            record,
            recording: path.parent().map(|home| home.join(RECORDING)),
            profiles: file.fleet.profiles,
            gh: absolute("delivery.gh", file.delivery.gh)?,
        })
    }
}

fn key_variables(hosts: &[HostFile], agents: &[AgentFile]) -> BTreeSet<String> {
    let of_hosts = hosts.iter().filter_map(|host| host.key_env.clone());
    let of_agents = agents.iter().filter_map(|agent| agent.key_env.clone());
    let usual = PROVIDER_KEYS.map(str::to_owned).into_iter();
    usual.chain(of_hosts).chain(of_agents).collect()
}

fn human_tiers(given: Vec<u8>) -> Result<Vec<u8>, ConfigError> {
    let allowed = 1..=ModelChoice::TIER_MAX;
    match given.iter().find(|tier| !allowed.contains(tier)) {
        None => Ok(given),
        Some(odd) => Err(ConfigError::Value {
            key: "fleet.human_tiers",
            value: odd.to_string(),
            want: "tiers from 1 to 5",
        }),
    }
}

fn classify_s(given: Option<u64>) -> Result<u64, ConfigError> {
    match given.unwrap_or(CLASSIFY_S_MAX) {
        fine @ 0..=CLASSIFY_S_MAX => Ok(fine),
        more => Err(ConfigError::Value {
            key: "fleet.classify_seconds",
            value: more.to_string(),
            want: "from 0 (no model is asked) to 15",
        }),
    }
}

fn probe_minutes(given: Option<u64>) -> Result<u64, ConfigError> {
    match given.unwrap_or(PROBE_MINUTES) {
        fine @ 0..=PROBE_MINUTES_MAX => Ok(fine),
        more => Err(ConfigError::Value {
            key: "fleet.probe_minutes",
            value: more.to_string(),
            want: "from 0 (no model is asked) to 1440",
        }),
    }
}

/// A daemon and a command that a person types stand in different folders.
fn absolute(key: &'static str, path: Option<PathBuf>) -> Result<Option<PathBuf>, ConfigError> {
    match path {
        Some(path) if path.is_relative() => Err(ConfigError::Value {
            key,
            value: path.display().to_string(),
            want: "an absolute path",
        }),
        path => Ok(path),
    }
}

fn bad_slots(value: &str) -> ConfigError {
    ConfigError::Value {
        key: "slots",
        value: value.to_owned(),
        want: "a whole number from 1 to 64",
    }
}

#[cfg(test)]
mod tests {
    use alai_core::brief::RunLimits;

    use super::*;

    fn load(text: Option<&str>, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("alai.toml");
        if let Some(text) = text {
            std::fs::write(&path, text).expect("writes");
        }
        let env = env
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Config::load(&path, &env)
    }

    #[test]
    fn the_settings_in_force_say_which_variables_are_keys() {
        let dir = tempfile::tempdir().expect("a temp dir");
        let path = dir.path().join("alai.toml");
        let none = Config::load(&path, &BTreeMap::new()).expect("no settings are fine");
        assert!(none.key_variables.contains("ANTHROPIC_API_KEY"));
        let text = "[[fleet.hosts]]\nname = \"a\"\ndialect = \"openai\"\nurl = \"http://a:1\"\nkey_env = \"A_KEY\"\n\
                    [[fleet.agents]]\nname = \"b\"\nengine = \"claude-cli\"\ntiers = [4]\nkey_env = \"B_KEY\"\n\
                    [[notify.sinks]]\nname = \"c\"\nkind = \"webhook\"\nurl_env = \"HOOK\"\nsecret_env = \"SIGN\"\n";
        std::fs::write(&path, text).expect("a file");
        let found = Config::load(&path, &BTreeMap::new()).expect("they are valid");
        // What the file says later is not in force.
        std::fs::write(&path, "").expect("a file");
        for name in ["A_KEY", "B_KEY", "ANTHROPIC_API_KEY", "HOOK", "SIGN"] {
            assert!(found.key_variables.contains(name), "{name}");
        }
        assert_eq!(Config::default().key_variables, none.key_variables);
    }

    #[test]
    fn the_shipped_file_is_the_defaults() {
        let of_any_home = |config: Config| Config {
            recording: None,
            ..config
        };
        let from_file = of_any_home(load(Some(TEMPLATE), &[]).expect("valid"));
        assert_eq!(from_file, of_any_home(load(None, &[]).expect("no file")));
        assert_eq!((from_file.slots, &*from_file.operator), (2, "operator"));
    }

    #[test]
    fn the_shipped_file_shows_what_an_agent_may_take() {
        let shown = TEMPLATE.split("[limits.agent]").nth(1).expect("the part");
        let keys = shown
            .lines()
            .take_while(|line| !line.starts_with("[money.caps]"));
        let keys = keys.filter_map(|line| line.strip_prefix("# ").filter(|l| l.contains(" = ")));
        let text = format!("[limits.agent]\n{}", keys.collect::<Vec<_>>().join("\n"));
        let agent = load(Some(&text), &[]).expect("valid").limits.agent;
        let none = Caps {
            microusd: None,
            ..agent
        };
        assert!(none.turns.is_some() && none.bytes.is_some() && agent.microusd.is_some());
        let usual = RunLimits::default();
        assert_eq!(usual.set(&agent), usual);
    }

    #[test]
    fn an_agent_s_limits_that_cannot_be_meant_are_refused() {
        let agent = |text: &str| load(Some(&format!("[limits.agent]\n{text}\n")), &[]);
        let fine = agent("turns = 12\ndollars = 1")
            .expect("valid")
            .limits
            .agent;
        assert_eq!((fine.turns, fine.microusd), (Some(12), Some(1_000_000)));
        for text in ["turns = 0", "bytes = 99999999999", "seconds = 7000"] {
            let refused = agent(text);
            assert!(
                matches!(
                    &refused,
                    Err(ConfigError::Value {
                        key: "limits.agent",
                        ..
                    })
                ),
                "{text}: {refused:?}"
            );
        }
        for (text, want) in [("turn = 3", "turn"), ("dollars = -1", "`dollars` is -1")] {
            let refused = agent(text);
            assert!(
                matches!(&refused, Err(ConfigError::Parse { why, .. }) if why.contains(want)),
                "{text}: {refused:?}"
            );
        }
        let long = "[limits]\nidle_minutes = 300\n[limits.agent]\nseconds = 7000\n";
        assert!(load(Some(long), &[]).is_ok());
    }

    #[test]
    fn the_environment_stands_above_the_file_except_for_a_host_that_is_set_there() {
        let file = "slots = 3\n[fleet]\nollama = \"http://forge:11434\"\n";
        let config = load(
            Some(file),
            &[("ALAI_SLOTS", "5"), ("OLLAMA_HOST", "other:1")],
        )
        .expect("valid");
        assert_eq!(config.slots, 5);
        assert_eq!(config.hosts[0].address(), "http://forge:11434");
        let config = load(
            None,
            &[("OLLAMA_HOST", "other:1"), ("ALAI_OPERATOR", "alem")],
        )
        .expect("valid");
        assert_eq!(
            (&*config.hosts[0].address(), &*config.operator),
            ("http://other:1", "alem")
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(
            matches!(load(Some("slot = 3"), &[]), Err(ConfigError::Parse { why, .. }) if why.contains("slot"))
        );
        assert!(matches!(
            load(Some("slots = 0"), &[]),
            Err(ConfigError::Value { .. })
        ));
        assert!(matches!(
            load(None, &[("ALAI_SLOTS", "many")]),
            Err(ConfigError::Value { .. })
        ));
        assert!(matches!(
            load(Some("[limits]\ncompany = { CodeCraft = 0 }"), &[]),
            Err(ConfigError::Value { .. })
        ));
    }
}
