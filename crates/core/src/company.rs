//! A virtual company as data: its voice, its three agents, what it may touch, which models it wants, what it is routed by.
//!
//! A pack is a folder; this module gets it as a map of file name to text and either understands all of it or refuses it.
//! No model is named here or in a shipped pack: a pack speaks of tiers, and only a user's own pack names a host and model.

mod agents;
mod closed;
mod config;
mod json;
pub mod mcp;
mod names;
mod paths;
mod problem;
mod read;
mod registry;
pub mod skill;
mod soul;
#[cfg(test)]
pub(crate) mod tests;
mod texts;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::blueprint::ToolName;
use crate::brief::{CompanyBrief, Role, RoleBrief};
use crate::routing::Domain;
use crate::task::TaskKind;

pub use closed::{Closed, card_of, closed};
pub use json::place_in;
pub use names::check_names;
pub use problem::{At, CompanyError};
pub use read::{check, parse};
pub use registry::Registry;
pub use skill::Skill;
pub use soul::{ESSENCE_BYTES_MAX, SECTIONS};
pub use texts::Texts;
pub use walk::{Lack, Passed, Walk, WalkBy, Walks, leads, walk, walk_instead, ways};

/// One company, read from its pack and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    pub name: String,
    /// Of the pack: MAJOR.MINOR.PATCH.
    pub version: String,
    /// Other names it answers to: merged companies, short forms.
    pub aliases: Vec<String>,
    /// What sort of house it is, for people: `Dev Shop`, `Audit Firm`. The pack's `type`.
    pub house: String,
    /// What it is good at, in one line.
    pub domain: String,
    /// The stages it works at, each with the role that does so.
    pub stages: BTreeMap<Stage, Role>,
    /// The stages whose undecided work it takes. A stage has one default at most.
    pub default: BTreeSet<Stage>,
    /// What a classifier must have said for it to be the one, where words do not decide.
    pub domains: Vec<Domain>,
    /// Words of a task that speak for it, each with a weight.
    pub keywords: Vec<Keyword>,
    /// Phrases that take their weight off.
    pub negative: Vec<Keyword>,
    pub lead: Agent,
    pub builder: Agent,
    pub reviewer: Agent,
    /// Models for single activities, above the agent's own tier.
    pub overrides: BTreeMap<Activity, ModelChoice>,
    /// The blueprints its tasks walk, and inputs that it fills in.
    pub walks: Walks,
    pub blueprint_inputs: BTreeMap<String, String>,
    /// The part of the soul that every prompt carries.
    pub essence: String,
    /// The names of its own blueprints and templates; [`Texts`] has what they say.
    pub blueprints: BTreeSet<String>,
    /// The names of its skills, likewise.
    pub skills: BTreeSet<String>,
    /// What it changes of the home's MCP servers.
    pub mcp: mcp::Overlay,
    /// Which of its agents may call which MCP servers.
    pub grants: mcp::Grants,
    /// Why it takes no work; none where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

/// The stage of the pipeline a company works at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Build,
    Review,
    Security,
    Ops,
    Docs,
}

/// A word or phrase that routes a task, and how much it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyword {
    pub word: String,
    /// 1 to 10.
    pub weight: u32,
}

/// One of a company's three agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    pub role: Role,
    pub prompt: String,
    pub model: ModelChoice,
    /// Globs. The lead's are relative to the factory's home, the others' to the clone. Empty: writes nothing.
    pub allowed_paths: Vec<String>,
    /// Globs that win over `allowed_paths`.
    pub forbidden_paths: Vec<String>,
    /// Always true for lead and reviewer. The cage enforces it by its mounts; the prompt merely says so.
    pub write_locked: bool,
    pub tools: Vec<ToolName>,
}

/// Which model is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelChoice {
    /// A slot 1 to 5 that probing fills.
    Tier(u8),
    /// Named by a user.
    Named { host: String, model: String },
    /// A person, and no model.
    Human,
}

/// What a model call is for, as far as a company may choose a model for it. The seeds' list of overrides, plus the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    Classify,
    Lint,
    Plan,
    Build,
    Debug,
    CodeReview,
    SecurityReview,
    Architecture,
    DatabaseDesign,
    Ops,
    Docs,
    Summary,
}

impl Company {
    pub fn agent(&self, role: Role) -> &Agent {
        match role {
            Role::Lead => &self.lead,
            Role::Builder => &self.builder,
            Role::Reviewer => &self.reviewer,
        }
    }

    /// The company's voice for one role, as the minion is told it.
    pub fn brief(&self, role: Role) -> CompanyBrief {
        CompanyBrief {
            name: self.name.clone(),
            soul: format!("# {}\n\n{}", self.name, self.essence),
            role_prompt: self.agent(role).prompt.clone(),
            roles: [Role::Lead, Role::Builder, Role::Reviewer]
                .into_iter()
                .map(|role| {
                    let (prompt, tools) = (&self.agent(role).prompt, &self.agent(role).tools);
                    let (prompt, tools) = (prompt.clone(), tools.clone());
                    (role, RoleBrief { prompt, tools })
                })
                .collect(),
        }
    }

    /// Whether it works at a stage.
    pub fn works_at(&self, stage: Stage) -> bool {
        self.stages.contains_key(&stage)
    }

    /// Whether it takes the undecided work of a stage.
    pub fn is_default_of(&self, stage: Stage) -> bool {
        self.default.contains(&stage)
    }

    /// Whether this is one of the company's names, in any case.
    pub fn answers_to(&self, name: &str) -> bool {
        let name = name.trim().to_lowercase();
        self.names().any(|own| own.to_lowercase() == name)
    }

    /// Its name and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }
}

impl Stage {
    pub const ALL: [Stage; 5] = [
        Stage::Build,
        Stage::Review,
        Stage::Security,
        Stage::Ops,
        Stage::Docs,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Build => "build",
            Stage::Review => "review",
            Stage::Security => "security",
            Stage::Ops => "ops",
            Stage::Docs => "docs",
        }
    }

    /// Who works at it: what a stage hands on is built or judged.
    pub fn role(self) -> Role {
        match self {
            Stage::Build | Stage::Ops | Stage::Docs => Role::Builder,
            Stage::Review | Stage::Security => Role::Reviewer,
        }
    }

    /// Whether its tasks change files.
    pub fn builds(self) -> bool {
        self.role() == Role::Builder
    }

    /// The stage whose companies do a task of this kind. Goals, specs and postflights are led by those who build.
    pub fn of(kind: TaskKind) -> Stage {
        match kind {
            TaskKind::Review | TaskKind::Verify => Stage::Review,
            TaskKind::Security => Stage::Security,
            TaskKind::Ops => Stage::Ops,
            TaskKind::Docs => Stage::Docs,
            TaskKind::Build | TaskKind::Goal | TaskKind::Spec | TaskKind::Postflight => {
                Stage::Build
            }
        }
    }
}

impl Activity {
    pub const ALL: [Activity; 12] = [
        Activity::Classify,
        Activity::Lint,
        Activity::Plan,
        Activity::Build,
        Activity::Debug,
        Activity::CodeReview,
        Activity::SecurityReview,
        Activity::Architecture,
        Activity::DatabaseDesign,
        Activity::Ops,
        Activity::Docs,
        Activity::Summary,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Activity::Classify => "classify",
            Activity::Lint => "lint",
            Activity::Plan => "plan",
            Activity::Build => "build",
            Activity::Debug => "debug",
            Activity::CodeReview => "code_review",
            Activity::SecurityReview => "security_review",
            Activity::Architecture => "architecture",
            Activity::DatabaseDesign => "database_design",
            Activity::Ops => "ops",
            Activity::Docs => "docs",
            Activity::Summary => "summary",
        }
    }
}

impl ModelChoice {
    pub const TIER_MAX: u8 = 5;

    /// The word for [`ModelChoice::Human`].
    pub const HUMAN: &str = "human";

    /// Reads `2`, `"2"`, `tier 2`, `human` or `"host:model"`. A model's own name may hold colons; the host ends at the first.
    pub fn parse(text: &str) -> Option<ModelChoice> {
        let text = text.trim();
        if text.eq_ignore_ascii_case(ModelChoice::HUMAN) {
            return Some(ModelChoice::Human);
        }
        let tier = text.strip_prefix("tier ").unwrap_or(text);
        if let Ok(tier) = tier.parse::<u8>() {
            return (1..=ModelChoice::TIER_MAX)
                .contains(&tier)
                .then_some(ModelChoice::Tier(tier));
        }
        let (host, model) = text.split_once(':')?;
        let clean = |part: &str| {
            !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control())
        };
        (clean(host) && clean(model)).then(|| ModelChoice::Named {
            host: host.to_owned(),
            model: model.to_owned(),
        })
    }
}

/// As a pack writes it, and [`ModelChoice::parse`] reads it; a tier with its word before it.
impl fmt::Display for ModelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelChoice::Tier(tier) => write!(f, "tier {tier}"),
            ModelChoice::Named { host, model } => write!(f, "{host}:{model}"),
            ModelChoice::Human => f.write_str(ModelChoice::HUMAN),
        }
    }
}
