//! Agents of others among the candidates: whole tasks that work on a clone may be given to one, a plan only where no host makes it.

use alai_core::company::ModelChoice;
use alai_core::task::TaskKind;
use alai_fleet::{AgentRef, Profile, Provider};

use super::choose::raised;
use super::{Chosen, Models, Reach, Site, SiteModel, Source};
use crate::agents::{Agents, Fit, NamedAgent, Order, SeenAgent};

/// What stands for an agent's model where nobody said which: the program's own choice.
pub(crate) const OWN_CHOICE: &str = "default";

/// Stands where the kind of an agent's program would. Those are ours to name, so that no settings can take it.
const NO_MODEL: &str = "no-model";

/// What a task asks of the fleet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) kind: TaskKind,
    pub(crate) choice: &'a ModelChoice,
    pub(crate) escalations: u32,
    pub(crate) reach: Reach,
    pub(crate) now_ms: i64,
}

impl Models {
    /// Who may do a task, the best first: an agent that was given its tier with its equals, else the hosts that fill it, else an agent
    /// that takes what no host takes. A name is an agent's or a host's, and is that one or none.
    pub(crate) fn candidates_of(
        &self,
        asked: Asked<'_>,
        pays: &dyn Fn(&Chosen) -> bool,
    ) -> Vec<Chosen> {
        // A single question is a host's: a program takes longer to begin than a model to answer.
        let is_question = is_a_question(asked.kind);
        let first = self.agents_of(asked, Order::First);
        if !first.is_empty() && !is_question {
            return first;
        }
        let Asked {
            choice,
            escalations,
            reach,
            now_ms,
            ..
        } = asked;
        let hosts = self.candidates(choice, escalations, reach, now_ms, pays);
        match hosts.is_empty() {
            true if first.is_empty() => self.agents_of(asked, Order::Last),
            true => first,
            false => hosts,
        }
    }

    /// The agents for a task at their place among the candidates.
    fn agents_of(&self, asked: Asked<'_>, order: Order) -> Vec<Chosen> {
        if matches!(self.source, Source::Script(_)) || !is_done_by_agents(asked.kind) {
            return Vec::new();
        }
        let fit = asked.fit();
        let mut agents = match asked.choice {
            ModelChoice::Tier(_) => self.agents.of_tier(order, fit),
            ModelChoice::Named { host, model } => {
                let named = self.agents.by_name(host, fit);
                named
                    .map(|agent| agent.with_model(model))
                    .into_iter()
                    .collect()
            }
            ModelChoice::Human => Vec::new(),
        };
        if let Some(first) = agents.first().cloned() {
            agents.retain(|agent| agent.engine == first.engine && agent.model == first.model);
        }
        agents.iter().map(chosen).collect()
    }

    /// The agents that are up, as hosts that have always loaded their one model.
    pub(super) fn agent_sites(&self) -> Vec<Site> {
        let up = self.agents.seen().into_iter().filter(SeenAgent::is_up);
        let site = |seen: SeenAgent| Site {
            host: seen.agent.address(),
            name: seen.agent.name.clone(),
            near: seen.near,
            slots: Some(seen.agent.slots),
            memory: None,
            loader: None,
            load_s: None,
            server: None,
            models: vec![SiteModel {
                name: OWN_CHOICE.to_owned(),
                bytes: 0,
                slots: None,
                keep: false,
                profile: Profile::default(),
            }],
        };
        up.map(site).collect()
    }

    /// Why [`Models::candidates_of`] finds none, with what to do.
    pub(crate) fn why_none_of(&self, asked: Asked<'_>) -> String {
        let name = match asked.choice {
            ModelChoice::Tier(_) | ModelChoice::Human => None,
            ModelChoice::Named { host, .. } => Some(host.as_str()),
        };
        let of_agents = match is_done_by_agents(asked.kind) {
            true => self.agents.why_none(name, asked.fit()),
            false => None,
        };
        match (of_agents, name) {
            (Some(why), Some(_)) => why,
            (of_agents, _) => {
                let of_hosts =
                    self.why_none(asked.choice, asked.escalations, asked.reach, asked.now_ms);
                match of_agents {
                    Some(why) => format!("{why}; {of_hosts}"),
                    None => of_hosts,
                }
            }
        }
    }

    pub(crate) fn known_agents(&self) -> &Agents {
        &self.agents
    }

    /// What is known of the agents.
    pub fn agents(&self) -> Vec<SeenAgent> {
        match self.source {
            Source::Script(_) => Vec::new(),
            Source::Hosts(_) => self.agents.seen(),
        }
    }
}

impl Asked<'_> {
    fn fit(&self) -> Fit {
        let tier = match self.choice {
            ModelChoice::Tier(tier) => raised(*tier, self.escalations),
            ModelChoice::Named { .. } | ModelChoice::Human => 0,
        };
        Fit {
            tier,
            reach: self.reach,
            now_ms: self.now_ms,
        }
    }
}

impl Chosen {
    /// Who has done what is only measured: a person.
    pub(crate) fn person() -> Chosen {
        Chosen {
            provider: Provider::Agent(AgentRef {
                name: ModelChoice::HUMAN.to_owned(),
                engine: "human-queue",
            }),
            model: "none: a person".to_owned(),
            profile: Profile::default(),
        }
    }

    /// Whose blueprint asks no model: no host is reached, and a call that were made all the same finds nobody.
    pub(crate) fn nobody() -> Chosen {
        Chosen {
            provider: Provider::Agent(AgentRef {
                name: "nobody".to_owned(),
                engine: NO_MODEL,
            }),
            model: "none: no model is asked".to_owned(),
            profile: Profile::default(),
        }
    }

    pub(crate) fn is_nobody(&self) -> bool {
        matches!(&self.provider, Provider::Agent(agent) if agent.engine == NO_MODEL)
    }
}

fn chosen(agent: &NamedAgent) -> Chosen {
    Chosen {
        provider: Provider::Agent(AgentRef {
            name: agent.name.clone(),
            engine: agent.engine.as_str(),
        }),
        model: agent.model.clone().unwrap_or_else(|| OWN_CHOICE.to_owned()),
        profile: Profile::default(),
    }
}

/// A goal's plan is one question with one answer.
fn is_a_question(kind: TaskKind) -> bool {
    kind == TaskKind::Spec
}

/// What asks a model at all; a goal is no work, and a postflight adds rows up.
pub(crate) fn is_done_by_agents(kind: TaskKind) -> bool {
    match kind {
        TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Review
        | TaskKind::Security => true,
        // A verifier answers by schema, round by round, and tries nothing itself.
        TaskKind::Goal | TaskKind::Verify | TaskKind::Postflight => false,
    }
}
