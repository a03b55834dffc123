//! Whether an agent can be used: its program is there and new enough, and it has what opens its provider. Looked at on the fleet's
//! look; nothing is asked that costs money, and the program is only started where it is another file than the last time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use alai_core::money::Tariff;
use alai_fleet::ErrorClass;
use alai_minion::engine::{self, Engine};
use alai_workspace::guest::{self, Found, Login};
use alai_workspace::toolchains::toolchains;

use super::{NamedAgent, Order, login_file};
use crate::ground::host_env;
use crate::models::Reach;
use crate::money::Money;

/// How long an agent rests whose provider gave no more for now. Subscriptions count by hours, and an attempt costs nothing.
const BUSY_REST_MS: i64 = 15 * 60_000;

/// How long one rests that failed for another reason that is not its work's.
const REST_MS: i64 = 60_000;

/// One agent at the last look.
#[derive(Debug, Clone)]
pub struct SeenAgent {
    pub agent: NamedAgent,
    /// A machine of one's own does all of its thinking.
    pub near: bool,
    pub tariff: Tariff,
    pub state: AgentState,
    /// Until when it rests, in milliseconds since the Unix epoch, and why.
    pub rest: Option<(i64, String)>,
}

/// What a look at an agent found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentState {
    Up { version: String, program: String },
    Down { reason: String, remedy: String },
}

/// The agents of this factory, and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    named: Vec<NamedAgent>,
    money: Money,
    seen: Mutex<Vec<AgentState>>,
    rests: Mutex<BTreeMap<String, (i64, String)>>,
}

/// What a task asks of an agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    pub(crate) tier: u8,
    pub(crate) reach: Reach,
    pub(crate) now_ms: i64,
}

impl Agents {
    pub(crate) fn new(named: Vec<NamedAgent>, money: Money) -> Agents {
        let unseen = AgentState::Down {
            reason: "it was not looked at yet".to_owned(),
            remedy: "wait a moment".to_owned(),
        };
        Agents {
            seen: Mutex::new(vec![unseen; named.len()]),
            named,
            money,
            rests: Mutex::default(),
        }
    }

    /// Looks at all of them.
    pub(crate) fn look(&self) {
        let states = self
            .named
            .iter()
            .map(|agent| match state(agent, &self.money) {
                Ok((version, program)) => AgentState::Up { version, program },
                Err((reason, remedy)) => AgentState::Down { reason, remedy },
            });
        let states = states.collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = states;
    }

    /// What the last look found, in the order of the settings.
    pub(crate) fn seen(&self) -> Vec<SeenAgent> {
        let states = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self
            .named
            .iter()
            .zip(states)
            .map(|(agent, state)| SeenAgent {
                agent: agent.clone(),
                near: agent.is_near(&self.money),
                tariff: agent.tariff(&self.money),
                state,
                rest: rests.get(&agent.name).cloned(),
            });
        seen.collect()
    }

    /// As a look would have found them.
    #[cfg(test)]
    pub(crate) fn are_up(&self, up: &[bool]) {
        let states = up.iter().map(|up| match up {
            true => AgentState::Up {
                version: "1".to_owned(),
                program: "/usr/bin/agent".to_owned(),
            },
            false => AgentState::Down {
                reason: "it is gone".to_owned(),
                remedy: "bring it back".to_owned(),
            },
        });
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = states.collect();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    pub(crate) fn named(&self, address: &str) -> Option<&NamedAgent> {
        self.named.iter().find(|agent| agent.address() == address)
    }

    /// Whether a machine of one's own does all of its thinking.
    pub(crate) fn is_near(&self, agent: &NamedAgent) -> bool {
        agent.is_near(&self.money)
    }

    /// Whether a pack or a person means one of them.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.named
            .iter()
            .any(|agent| agent.name.eq_ignore_ascii_case(name))
    }

    /// What they are called.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.named.iter().map(|agent| agent.name.as_str()).collect()
    }

    /// Whether any of them could work now.
    pub(crate) fn is_any_up(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter()
            .any(|state| matches!(state, AgentState::Up { .. }))
    }

    /// Why nobody can be used, where the hosts say why none of them can.
    pub(crate) fn and_none(&self, of_hosts: &str) -> String {
        let seen = self.seen();
        let of_agents = seen.iter().filter_map(|seen| match &seen.state {
            AgentState::Down { reason, remedy } => {
                Some(format!("agent {}: {reason}; {remedy}", seen.agent.name))
            }
            AgentState::Up { .. } => None,
        });
        let all = of_agents.chain([of_hosts.to_owned()]);
        all.collect::<Vec<_>>().join("; ")
    }

    /// Those that may do a task of a tier, in the order of the settings.
    pub(crate) fn of_tier(&self, order: Order, fit: Fit) -> Vec<NamedAgent> {
        let mut seen = self.seen();
        seen.retain(|seen| {
            seen.agent.order == order
                && seen.agent.tiers.contains(&fit.tier)
                && seen.why_not(fit).is_none()
        });
        seen.into_iter().map(|seen| seen.agent).collect()
    }

    /// The one that is named, where it may work.
    pub(crate) fn by_name(&self, name: &str, fit: Fit) -> Option<NamedAgent> {
        let mut seen = self.seen().into_iter();
        let seen = seen.find(|seen| seen.agent.name.eq_ignore_ascii_case(name))?;
        seen.why_not(fit).is_none().then_some(seen.agent)
    }

    /// Why none of a tier's agents, or not the one that is named, may work: for whoever waits for it. None where there is none.
    pub(crate) fn why_none(&self, name: Option<&str>, fit: Fit) -> Option<String> {
        let of = |seen: &SeenAgent| match name {
            Some(name) => seen.agent.name.eq_ignore_ascii_case(name),
            None => seen.agent.tiers.contains(&fit.tier),
        };
        let said: Vec<String> = self
            .seen()
            .iter()
            .filter(|seen| of(seen))
            .filter_map(|seen| Some(format!("agent {}: {}", seen.agent.name, seen.why_not(fit)?)))
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// What a session came to, as far as that says something about the agent: one that is refused, or gets no more for now, rests.
    pub(crate) fn heard(&self, name: &str, failed: Option<(ErrorClass, &str)>, now_ms: i64) {
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        match failed {
            Some((class, detail)) => {
                let for_long = matches!(class, ErrorClass::Busy | ErrorClass::Refused);
                let rest_ms = if for_long { BUSY_REST_MS } else { REST_MS };
                rests.insert(name.to_owned(), (now_ms + rest_ms, detail.to_owned()));
            }
            None => drop(rests.remove(name)),
        }
    }
}

impl SeenAgent {
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, AgentState::Up { .. })
    }

    /// Why it may not work now; none where it may.
    fn why_not(&self, fit: Fit) -> Option<String> {
        if fit.reach == Reach::Near && !self.near {
            let why = "the project is `local_only`, and this agent's provider is none of your own machines";
            return Some(why.to_owned());
        }
        match (&self.state, &self.rest) {
            (AgentState::Down { reason, remedy }, _) => Some(format!("{reason}; {remedy}")),
            (AgentState::Up { .. }, Some((until_ms, why))) if *until_ms > fit.now_ms => {
                let until = alai_core::time::utc(*until_ms);
                Some(format!("it rests until {until}: {why}"))
            }
            (AgentState::Up { .. }, _) => None,
        }
    }
}

/// The version and the file of an agent that can be used; else why not, and what to do.
fn state(agent: &NamedAgent, money: &Money) -> Result<(String, String), (String, String)> {
    if let Some(why) = &agent.unusable {
        return Err((why.clone(), "set it, and start `alai up` anew".to_owned()));
    }
    let found = program(agent).map_err(|why| (why, remedy_of_program(agent)))?;
    let version = version(agent, &found)?;
    if agent.tariff(money) == Tariff::Unpriced {
        let model = agent.model.as_deref().unwrap_or("MODEL");
        let remedy = format!(
            "name its `model` and add [money.prices.\"{model}\"] to alai.toml, or say `pay = \"flat\"` where a flat rate pays it"
        );
        let reason = "it is paid for and nobody knows its price".to_owned();
        return Err((reason, remedy));
    }
    agent
        .way(money)
        .map_err(|why| (why, remedy_of_login(agent)))?;
    Ok((version, found.path.display().to_string()))
}

/// The program's file, as it is now.
pub(crate) fn program(agent: &NamedAgent) -> Result<Found, String> {
    let env = host_env();
    let path = env.get("PATH").map(String::as_str).unwrap_or_default();
    guest::find(&agent.program, path, &toolchains(&env))
}

fn version(agent: &NamedAgent, found: &Found) -> Result<String, (String, String)> {
    let Some(oldest) = engine::oldest(agent.engine) else {
        return Ok(String::new());
    };
    let said = guest::version(found, &toolchains(&host_env()));
    let said = said.map_err(|why| (why, remedy_of_program(agent)))?;
    let shown: String = said.chars().take(80).collect();
    let Some((version, text)) = engine::version_in(&said) else {
        let reason = format!("`{} --version` says {shown:?}", agent.program);
        return Err((reason, remedy_of_program(agent)));
    };
    if version < oldest {
        let (a, b, c) = oldest;
        let reason = format!("it is version {text}, and {a}.{b}.{c} or later is needed");
        return Err((reason, "update it".to_owned()));
    }
    Ok(text)
}

fn remedy_of_program(agent: &NamedAgent) -> String {
    let install = match agent.engine {
        Engine::ClaudeCli => "`npm install -g @anthropic-ai/claude-code`, or ",
        Engine::CodexCli => "`npm install -g @openai/codex`, or ",
        Engine::Acp => "",
    };
    format!("{install}set `program` of `[[fleet.agents]]` to its path")
}

fn remedy_of_login(agent: &NamedAgent) -> String {
    let log_in = match agent.engine {
        Engine::ClaudeCli => "start `claude` once and log in with `/login`",
        Engine::CodexCli => "`codex login`",
        Engine::Acp => "log in with it",
    };
    match &agent.key {
        Some(_) => "mend `url` of `[[fleet.agents]]`".to_owned(),
        None => format!("{log_in}, or give it a key by `key_env`"),
    }
}

/// The login that is shown to the program, where it has one. What is known to be no good any more is refused: renewing it would have
/// to be kept, which a cage cannot.
pub(crate) fn login(agent: &NamedAgent) -> Result<Option<Login>, String> {
    let Some(place) = &agent.login else {
        return match login_file(agent.engine) {
            Some(_) => Err(
                "it has no login: HOME is not set, and `login` does not say where it is".to_owned(),
            ),
            None => Ok(None),
        };
    };
    let Some(name) = login_file(agent.engine) else {
        let name = place.file_name().and_then(|name| name.to_str());
        let (Some(name), Some(dir)) = (name, place.parent()) else {
            return Err(format!("{} is no file of a login", place.display()));
        };
        return Login::read(dir, name).map(Some);
    };
    let login = Login::read(place, name).map_err(|why| format!("it has no login: {why}"))?;
    good(agent.engine, login.text(), place, crate::clock::wall_ms())?;
    Ok(Some(login))
}

fn good(engine: Engine, text: &str, place: &Path, now_ms: i64) -> Result<(), String> {
    let said: serde_json::Value = serde_json::from_str(text)
        .map_err(|_| format!("the login in {} is no JSON", place.display()))?;
    let has = |pointer: &str| {
        said.pointer(pointer)
            .and_then(|v| v.as_str())
            .is_some_and(|v| !v.is_empty())
    };
    let is_there = |pointer: &str| {
        let value = said.pointer(pointer);
        value.is_some_and(|v| !v.is_null() && v.as_str() != Some(""))
    };
    let none = || Err(format!("the file in {} holds no login", place.display()));
    match engine {
        Engine::ClaudeCli if !has("/claudeAiOauth/accessToken") => none(),
        Engine::ClaudeCli => {
            let until = said
                .pointer("/claudeAiOauth/expiresAt")
                .and_then(serde_json::Value::as_i64);
            match until.filter(|until| *until <= now_ms) {
                Some(until) => Err(format!(
                    "its login was good until {}; only the program itself, outside of a cage, can renew it",
                    alai_core::time::utc(until)
                )),
                None => Ok(()),
            }
        }
        // A key is paid by the token, with no cap above it, and here the program could read it.
        Engine::CodexCli if is_there("/OPENAI_API_KEY") => Err(format!(
            "the login in {} is a key, which is paid by the token; name the variable that holds it as `key_env`",
            place.display()
        )),
        Engine::CodexCli if !has("/tokens/access_token") => none(),
        Engine::CodexCli | Engine::Acp => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_good_until_its_end_and_what_is_none_is_told() {
        let good = |engine, text: &str| good(engine, text, Path::new("/h/.claude"), 1_000);
        let until =
            |ms: i64| format!("{{\"claudeAiOauth\":{{\"accessToken\":\"t\",\"expiresAt\":{ms}}}}}");
        assert_eq!(good(Engine::ClaudeCli, &until(1_001)), Ok(()));
        let gone = good(Engine::ClaudeCli, &until(1_000)).unwrap_err();
        assert!(gone.contains("good until 1970-01-01"), "{gone}");
        for (engine, text) in [
            (Engine::ClaudeCli, "{}"),
            (Engine::ClaudeCli, "s3cret"),
            (Engine::CodexCli, "{\"tokens\":{\"access_token\":\"\"}}"),
        ] {
            let why = good(engine, text).unwrap_err();
            assert!(why.contains("login") && !why.contains("s3cret"), "{why}");
        }
        let codex = |key: &str, tokens: &str| {
            let text = format!("{{\"OPENAI_API_KEY\":{key},\"tokens\":{tokens}}}");
            good(Engine::CodexCli, &text)
        };
        let tokens = "{\"access_token\":\"t\"}";
        for key in ["null", "\"\""] {
            assert_eq!(codex(key, tokens), Ok(()));
        }
        // A key is no subscription, whatever stands beside it.
        for tokens in ["null", tokens] {
            for key in ["\"s3cret\"", "[\"s3cret\"]"] {
                let why = codex(key, tokens).unwrap_err();
                assert!(
                    why.contains("`key_env`") && !why.contains("s3cret"),
                    "{why}"
                );
            }
        }
    }
}
