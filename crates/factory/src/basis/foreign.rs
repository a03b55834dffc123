//! The agents of others that may do a task, and what each of their steps has of what our own loop has: advice, servers, notes. Of the
//! servers each is named with whose file says it, and what is not given with the reason.

use std::collections::BTreeMap;

use alai_core::brief::Role;
use alai_core::company::ModelChoice;
use alai_core::mcp::{Offer, Origin, Resolution};
use alai_core::task::Task;
use serde::{Deserialize, Serialize};

use super::{SkillPart, StepPart, Walked};
use crate::config::Config;
use crate::mcp::{Withheld, to_agents};
use crate::models::{is_done_by_agents, raised};

/// An agent of others that the settings give the task to, where it is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentPart {
    pub name: String,
    /// `claude-cli`, `codex-cli` or `acp`.
    pub engine: String,
    /// What it is asked to do, step by step; a plan is one step, `plan`.
    pub steps: Vec<Given>,
}

/// What one of its steps has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    pub step: String,
    /// The names of skills, with the level that gives each.
    pub skills: BTreeMap<String, String>,
    pub servers: Vec<ServerGiven>,
    /// Whether it can tell those who go on with the task.
    pub notes: bool,
    /// What our own loop would have there, or would be granted, and why it has it not.
    pub withheld: Vec<Withheld>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerGiven {
    pub server: String,
    /// The names of its tools; all where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// Whose file names its program.
    pub from: Origin,
}

const ASKED: &str =
    "a question is answered from what it shows and the repository, by a model of a host too";
const NARROWED: &str = "servers were granted to the run's own role, and this step is another's";
const PLANS: &str = "an agent of others is asked for a plan, and hands nothing out while it works";

pub(super) struct From<'a> {
    pub(super) config: &'a Config,
    pub(super) task: &'a Task,
    pub(super) role: Role,
    pub(super) choice: Option<&'a ModelChoice>,
    pub(super) resolution: &'a Resolution,
    pub(super) offers: &'a [Offer],
    pub(super) skills: &'a [SkillPart],
    pub(super) walked: Option<&'a Walked>,
    /// Whether somebody goes on with the task who hears what was noted.
    pub(super) is_heard: bool,
}

/// The agents that could do it, in the order of the settings. Whether one is up, a daemon knows.
pub(super) fn of(from: &From<'_>) -> Vec<AgentPart> {
    let Some(choice) = from.choice.filter(|_| is_done_by_agents(from.task.kind)) else {
        return Vec::new();
    };
    let escalations = from.task.counters.escalations;
    let could = |agent: &&crate::agents::NamedAgent| match choice {
        ModelChoice::Tier(tier) => agent.tiers.contains(&raised(*tier, escalations)),
        ModelChoice::Named { host, .. } => agent.name.eq_ignore_ascii_case(host),
        ModelChoice::Human => false,
    };
    let agents = from.config.agents.iter().filter(could);
    agents
        .map(|agent| AgentPart {
            name: agent.name.clone(),
            engine: agent.engine.as_str().to_owned(),
            steps: steps(from),
        })
        .collect()
}

fn steps(from: &From<'_>) -> Vec<Given> {
    match (from.role, from.walked) {
        (Role::Lead, walked) => {
            let leads = walked.map(|_| withheld("the blueprint of a lead at work", PLANS));
            let asked = withheld("skills and servers", ASKED);
            vec![Given {
                withheld: std::iter::once(asked).chain(leads).collect(),
                ..nothing("plan")
            }]
        }
        (Role::Builder | Role::Reviewer, Some(walked)) => walked
            .steps
            .iter()
            .filter_map(|step| given(from, step))
            .collect(),
        (Role::Builder | Role::Reviewer, None) => Vec::new(),
    }
}

/// What a step has; none for one that no model does.
fn given(from: &From<'_>, step: &StepPart) -> Option<Given> {
    match step.kind.as_str() {
        "ask" => Some(Given {
            withheld: vec![withheld("skills and servers", ASKED)],
            ..nothing(&step.id)
        }),
        "agent" => Some(at_work(from, step)),
        _ => None,
    }
}

fn at_work(from: &From<'_>, step: &StepPart) -> Given {
    let lending = to_agents(from.offers);
    let one = |offer: &Offer| {
        let resolved = from.resolution.servers.get(&offer.server)?;
        let tools = offer.tools.as_ref();
        Some(ServerGiven {
            server: offer.server.clone(),
            tools: tools.map(|tools| tools.iter().cloned().collect()),
            from: resolved.command,
        })
    };
    let (servers, withheld) = match step.role {
        None => (
            lending.servers.iter().filter_map(one).collect(),
            lending.withheld,
        ),
        Some(_) => {
            let all = from.offers.iter();
            let all = all.map(|offer| withheld(&offer.server, NARROWED));
            (Vec::new(), all.collect())
        }
    };
    let skills = from.skills.iter();
    Given {
        step: step.id.clone(),
        skills: skills
            .map(|skill| (skill.name.clone(), skill.from.clone()))
            .collect(),
        servers,
        notes: from.is_heard,
        withheld,
    }
}

fn nothing(step: &str) -> Given {
    Given {
        step: step.to_owned(),
        skills: BTreeMap::new(),
        servers: Vec::new(),
        notes: false,
        withheld: Vec::new(),
    }
}

fn withheld(what: &str, why: &str) -> Withheld {
    Withheld {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}
