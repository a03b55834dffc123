//! `config.json`: what a company is good at, its agents' models, its blueprints.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::json::Places;
use super::read::{Pack, one_line};
use super::{Activity, ModelChoice, Stage, Walks};
use crate::blueprint::yaml;
use crate::brief::Role;
use crate::routing::WorkType;

pub(super) const FILE: &str = "config.json";
/// The key of `blueprints` for what a lead at work walks.
const PLAN: &str = "plan";
/// Blueprints of one key: each that is tried is read, and a person must be able to follow the choice.
const NAMES_MAX: usize = 8;
/// Bytes of a blueprint's name, as its own file may have it.
const BLUEPRINT_NAME_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigWire {
    domain: String,
    agents: AgentsWire,
    #[serde(default)]
    tier_overrides: BTreeMap<Activity, ModelChoiceWire>,
    blueprints: BTreeMap<String, NamesWire>,
    #[serde(default)]
    blueprint_inputs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentsWire {
    lead: AgentWire,
    builder: AgentWire,
    reviewer: AgentWire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentWire {
    #[serde(rename = "type")]
    kind: AgentType,
    model: ModelChoiceWire,
}

/// What an agent is for; it says the role in the words of the original.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum AgentType {
    Orchestrator,
    Builder,
    Reviewer,
}

impl AgentType {
    fn of(role: Role) -> (AgentType, &'static str) {
        match role {
            Role::Lead => (AgentType::Orchestrator, "orchestrator"),
            Role::Builder => (AgentType::Builder, "builder"),
            Role::Reviewer => (AgentType::Reviewer, "reviewer"),
        }
    }
}

/// `config.json`, read and checked.
pub(super) struct Config {
    pub(super) domain: String,
    pub(super) lead: ModelChoice,
    pub(super) builder: ModelChoice,
    pub(super) reviewer: ModelChoice,
    pub(super) overrides: BTreeMap<Activity, ModelChoice>,
    pub(super) walks: Walks,
    pub(super) blueprint_inputs: BTreeMap<String, String>,
}

/// A tier as a number, `"human"`, or `"host:model"` as a text.
struct ModelChoiceWire(ModelChoice);

impl<'de> Deserialize<'de> for ModelChoiceWire {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Choice;
        impl Visitor<'_> for Choice {
            type Value = ModelChoiceWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tier from 1 to 5, \"human\" or \"host:model\"")
            }

            fn visit_u64<E: de::Error>(self, tier: u64) -> Result<ModelChoiceWire, E> {
                self.visit_str(&tier.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ModelChoiceWire, E> {
                ModelChoice::parse(text)
                    .map(ModelChoiceWire)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        from.deserialize_any(Choice)
    }
}

/// One name, or several in the order in which they are tried.
struct NamesWire(Vec<String>);

impl<'de> Deserialize<'de> for NamesWire {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = NamesWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a blueprint, or a list of names")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<NamesWire, E> {
                Ok(NamesWire(vec![name.to_owned()]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut all: A) -> Result<NamesWire, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = all.next_element()? {
                    names.push(name);
                }
                Ok(NamesWire(names))
            }
        }
        from.deserialize_any(Names)
    }
}

impl Pack<'_> {
    /// Reads the file; `stages` are those of `company.json`, each of which needs its blueprint.
    pub(super) fn config(&mut self, stages: Option<&BTreeMap<Stage, Role>>) -> Option<Config> {
        let (wire, places): (ConfigWire, Places<'_>) = self.json(FILE)?;
        if !one_line(&wire.domain) {
            self.wrong(
                FILE,
                places.at(&["domain"]),
                "`domain` must be one short line",
            );
        }
        for (role, agent) in [
            (Role::Lead, &wire.agents.lead),
            (Role::Builder, &wire.agents.builder),
            (Role::Reviewer, &wire.agents.reviewer),
        ] {
            let (kind, word) = AgentType::of(role);
            if agent.kind != kind {
                let role = role.as_str();
                let at = places.at(&["agents", role, "type"]);
                self.wrong(FILE, at, format!("the type of a {role} is `{word}`"));
            }
        }
        let overrides = wire.tier_overrides.into_iter();
        Some(Config {
            walks: self.walks(&wire.blueprints, stages, &places),
            domain: wire.domain,
            lead: wire.agents.lead.model.0,
            builder: wire.agents.builder.model.0,
            reviewer: wire.agents.reviewer.model.0,
            overrides: overrides.map(|(on, model)| (on, model.0)).collect(),
            blueprint_inputs: wire.blueprint_inputs,
        })
    }

    /// `docs` is a stage and a type of work, and means both. `review` is the stage's where the company has that stage, else the
    /// type's: what judges a commit writes nothing, and what is asked for in a BUILD does.
    fn walks(
        &mut self,
        named: &BTreeMap<String, NamesWire>,
        stages: Option<&BTreeMap<Stage, Role>>,
        places: &Places<'_>,
    ) -> Walks {
        let has = |stage: &Stage| stages.is_none_or(|stages| stages.contains_key(stage));
        let mut walks = Walks::default();
        for (key, NamesWire(names)) in named {
            let at = || places.at(&["blueprints", key]);
            let names = match names_of(key, names) {
                Ok(names) => names,
                Err(problem) => {
                    self.wrong(FILE, at(), problem);
                    continue;
                }
            };
            let (last, firsts) = (names.last().cloned().unwrap_or_default(), names.len() - 1);
            if key == PLAN {
                walks.plan = Some(last);
                continue;
            }
            let stage = Stage::ALL.into_iter().find(|stage| stage.as_str() == key);
            let work = WorkType::ALL.into_iter().find(|work| work.as_str() == key);
            let listed = stage.filter(has);
            let work = work.filter(|work| *work != WorkType::Review || listed.is_none());
            if stage.is_none() && work.is_none() {
                let stages = Stage::ALL.into_iter().map(Stage::as_str);
                let known = stages.chain(WorkType::ALL.into_iter().map(WorkType::as_str));
                let known = known.chain([PLAN]);
                let hint = yaml::hint(key, known);
                self.wrong(
                    FILE,
                    at(),
                    format!("no stage and no type of work is called `{key}`; {hint}"),
                );
            } else if listed.is_none() && work.is_none() {
                let problem =
                    format!("the company does not work at stage {key}, so nothing walks this");
                self.wrong(FILE, at(), problem);
            }
            if let Some(stage) = listed {
                walks.stages.insert(stage, last);
                if firsts > 0 {
                    walks.firsts.insert(stage, names[..firsts].to_vec());
                }
            }
            if let Some(work) = work {
                walks.work.insert(work, names);
            }
        }
        for stage in stages.into_iter().flat_map(BTreeMap::keys) {
            if !walks.stages.contains_key(stage) {
                let stage = stage.as_str();
                let problem = format!(
                    "`blueprints` lacks `{stage}`; every stage of company.json needs its blueprint"
                );
                self.wrong(FILE, places.at(&["blueprints"]), problem);
            }
        }
        walks
    }
}

/// The names of one key: what each can be, none twice, and several only where a task says which.
fn names_of(key: &str, names: &[String]) -> Result<Vec<String>, String> {
    let is_one = [PLAN, "review", "security"].contains(&key);
    if let Some(name) = names.iter().find(|name| !names_a_blueprint(name)) {
        return Err(format!("`{}` cannot name a blueprint", name.escape_debug()));
    }
    match names {
        [] => Err("the list names no blueprint".to_owned()),
        [_, _, ..] if is_one => Err(format!(
            "`{key}` takes one blueprint: who judges or plans does not choose by a title"
        )),
        all if all.len() > NAMES_MAX => Err(format!("a list has at most {NAMES_MAX} blueprints")),
        all => match all
            .iter()
            .enumerate()
            .find(|(at, name)| all[..*at].contains(name))
        {
            Some((_, twice)) => Err(format!("`{twice}` is named twice")),
            None => Ok(all.to_vec()),
        },
    }
}

fn names_a_blueprint(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.len() <= BLUEPRINT_NAME_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(letters)
}
