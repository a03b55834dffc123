//! Companies and blueprints as a person asks for them: what there is, and where each part of it comes from.

use std::collections::{BTreeMap, BTreeSet};

use alai_core::blueprint::{self, Blueprint, BlueprintError, OfTask, TEMPLATES};
use alai_core::brief::Role;
use alai_core::company::{Agent, Company, CompanyError, Keyword, Stage};
use serde::Serialize;

use crate::home::Home;
use crate::mcp::{self, McpError};
use crate::packs::{Packs, PacksError};
use crate::skills;
use crate::way::TEST_COMMAND;

pub use crate::packs::Source;

/// One line of `alai company list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompanyLine {
    pub name: String,
    #[serde(rename = "type")]
    pub house: String,
    pub stages: BTreeMap<&'static str, &'static str>,
    pub version: String,
    pub source: Source,
    /// Role to the model of its agent, as `tier 2`.
    pub models: BTreeMap<&'static str, String>,
    pub blueprints: usize,
    pub skills: usize,
    /// Why it takes no work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

/// All of one company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompanyPage {
    #[serde(rename = "company")]
    pub line: CompanyLine,
    pub aliases: Vec<String>,
    pub domain: String,
    pub default: Vec<&'static str>,
    pub domains: Vec<&'static str>,
    pub keywords: Vec<Keyword>,
    pub negative: Vec<Keyword>,
    pub agents: Vec<AgentView>,
    pub tier_overrides: BTreeMap<&'static str, String>,
    pub walks: Vec<WalkView>,
    pub blueprint_inputs: BTreeMap<String, String>,
    /// Its own blueprints.
    pub own_blueprints: Vec<String>,
    /// All that its agents can load, its own first.
    pub skills: Vec<SkillView>,
    /// The servers that its agents may call, the home's and its own.
    pub mcp: mcp::Shown,
    pub essence: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentView {
    pub role: &'static str,
    pub model: String,
    pub tools: Vec<&'static str>,
    pub allowed_paths: Vec<String>,
    pub forbidden_paths: Vec<String>,
    pub write_locked: bool,
}

/// A blueprint that the company's tasks walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WalkView {
    /// The stage or the type of work.
    pub on: String,
    pub blueprint: String,
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkillView {
    pub name: String,
    pub description: String,
    /// Whose it is.
    pub from: String,
    /// Files beside its text.
    pub files: Vec<String>,
}

/// One line of `alai blueprint list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlueprintLine {
    pub name: String,
    pub source: Source,
    /// The company whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    pub extends: Option<String>,
    pub description: String,
}

/// A blueprint as a run would walk it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolved {
    pub blueprint: Blueprint,
    /// Inputs that only a run knows; their names stand in their place.
    pub made_up: BTreeSet<String>,
}

/// Why a company cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("{said}")]
    Closed { said: String, remedy: String },
    #[error(transparent)]
    Company(#[from] CompanyError),
    #[error(transparent)]
    Mcp(#[from] McpError),
}

/// The companies of a home in order of their names.
pub fn companies(packs: &Packs) -> Vec<CompanyLine> {
    let companies = packs.registry.companies().iter();
    companies.map(|company| line(packs, company)).collect()
}

/// All of one company, by any of its names.
///
/// # Errors
/// When there is none, or the home's MCP servers cannot be read.
pub fn company(home: &Home, packs: &Packs, name: &str) -> Result<CompanyPage, PageError> {
    let company = packs.registry.find(name)?;
    if let Some(closed) = &company.closed {
        return Err(PageError::Closed {
            said: closed.said(&company.name),
            remedy: closed.remedy(&company.name),
        });
    }
    let agents = [&company.lead, &company.builder, &company.reviewer];
    let walk = |on: &str, blueprint: &String| WalkView {
        on: on.to_owned(),
        blueprint: blueprint.clone(),
        source: packs.source_of_blueprint(Some(company), blueprint),
    };
    let by_stage = company.walks.stages.iter().flat_map(|(stage, own)| {
        let firsts = company.walks.firsts.get(stage).into_iter().flatten();
        firsts.chain([own]).map(|name| walk(stage.as_str(), name))
    });
    let by_work = { company.walks.work.iter() }
        .flat_map(|(work, all)| all.iter().map(|name| walk(work.as_str(), name)));
    let of_plans = company.walks.plan.iter().map(|name| walk("plan", name));
    let mut walks: Vec<WalkView> = by_stage.chain(by_work).chain(of_plans).collect();
    // `docs` is a stage and a type of work, and says the same for both.
    let mut seen = Vec::new();
    walks.retain(|walk| {
        let is_new = !seen.contains(walk);
        seen.push(walk.clone());
        is_new
    });
    let overrides = company.overrides.iter();
    let skills = skills::of(home, packs, company, None).shelf;
    let skills = skills.all().into_iter().map(|(skill, level)| SkillView {
        name: skill.name.clone(),
        description: skill.description.clone(),
        from: level.to_string(),
        files: skill.files.keys().cloned().collect(),
    });
    Ok(CompanyPage {
        line: line(packs, company),
        aliases: company.aliases.clone(),
        domain: company.domain.clone(),
        default: company.default.iter().map(|stage| stage.as_str()).collect(),
        domains: company
            .domains
            .iter()
            .map(|domain| domain.as_str())
            .collect(),
        keywords: company.keywords.clone(),
        negative: company.negative.clone(),
        agents: agents.into_iter().map(agent).collect(),
        tier_overrides: overrides
            .map(|(on, model)| (on.as_str(), model.to_string()))
            .collect(),
        walks,
        blueprint_inputs: company.blueprint_inputs.clone(),
        own_blueprints: own_blueprints(company).cloned().collect(),
        skills: skills.collect(),
        mcp: mcp::show(home, company)?,
        essence: company.essence.clone(),
    })
}

fn line(packs: &Packs, company: &Company) -> CompanyLine {
    let stage = |(stage, role): (&Stage, &Role)| (stage.as_str(), role.as_str());
    let agents = [&company.lead, &company.builder, &company.reviewer].into_iter();
    CompanyLine {
        name: company.name.clone(),
        house: company.house.clone(),
        stages: company.stages.iter().map(stage).collect(),
        version: company.version.clone(),
        source: packs.source_of(&company.name),
        models: agents
            .map(|agent| (agent.role.as_str(), agent.model.to_string()))
            .collect(),
        blueprints: own_blueprints(company).count(),
        skills: company.skills.len(),
        closed: company
            .closed
            .as_ref()
            .map(|closed| closed.said(&company.name)),
    }
}

fn own_blueprints(company: &Company) -> impl Iterator<Item = &String> {
    let names = company.blueprints.iter();
    names.filter(|name| !name.starts_with(TEMPLATES))
}

fn agent(agent: &Agent) -> AgentView {
    AgentView {
        role: agent.role.as_str(),
        model: agent.model.to_string(),
        tools: agent.tools.iter().map(|tool| tool.as_str()).collect(),
        allowed_paths: agent.allowed_paths.clone(),
        forbidden_paths: agent.forbidden_paths.clone(),
        write_locked: agent.write_locked,
    }
}

/// The blueprints of a home, with those of its companies; or those that one company can walk.
///
/// # Errors
/// When the texts of a company cannot be read.
pub fn blueprints(
    packs: &Packs,
    company: Option<&Company>,
) -> Result<Vec<BlueprintLine>, PacksError> {
    let mut found = Vec::new();
    let mut add = |name: &str, text: &str, of: Option<&Company>| {
        // What is loaded was read before, so it can be read again.
        let Ok(raw) = blueprint::parse(text, name) else {
            return;
        };
        found.push(BlueprintLine {
            name: name.to_owned(),
            source: packs.source_of_blueprint(of, name),
            company: of.map(|company| company.name.clone()),
            extends: raw.extends,
            description: raw.description.unwrap_or_default(),
        });
    };
    let own = |company: &Company, name: &str| company.blueprints.contains(name);
    for (name, text) in &packs.blueprints {
        if !name.starts_with(TEMPLATES) && !company.is_some_and(|company| own(company, name)) {
            add(name, text, None);
        }
    }
    for other in packs.registry.companies() {
        if company.is_none_or(|company| company.name == other.name) {
            let texts = packs.texts(&other.name)?;
            for name in own_blueprints(other) {
                add(name, &texts.blueprints[name], Some(other));
            }
        }
    }
    found.sort_by(|a, b| (&a.name, &a.company).cmp(&(&b.name, &b.company)));
    Ok(found)
}

impl Packs {
    /// The text of a blueprint: the company's own, else the home's.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn blueprint_text(
        &self,
        company: Option<&Company>,
        name: &str,
    ) -> Result<String, BlueprintError> {
        let mut library = self.library(company)?;
        if !name.starts_with(TEMPLATES)
            && let Some(text) = library.remove(name)
        {
            return Ok(text);
        }
        // Resolving words it, with what is near.
        let wanted = blueprint::resolve(name, &library, &BTreeMap::new());
        Err(wanted.err().unwrap_or_else(|| BlueprintError::NotFound {
            name: name.to_owned(),
            wanted_by: "you".to_owned(),
            hint: "it is a template".to_owned(),
        }))
    }

    /// A blueprint as a run would walk it. Inputs that only a run can know have their names in `<>`.
    ///
    /// # Errors
    /// When there is none of this name, it cannot be resolved, or one of `inputs` is none of its.
    pub fn resolved(
        &self,
        company: Option<&Company>,
        name: &str,
        inputs: &BTreeMap<String, String>,
    ) -> Result<Resolved, BlueprintError> {
        self.filled(company, name, inputs, &OfTask::default())
    }

    /// [`Packs::resolved`], for a task that gives some of its inputs.
    fn filled(
        &self,
        company: Option<&Company>,
        name: &str,
        inputs: &BTreeMap<String, String>,
        of_task: &OfTask,
    ) -> Result<Resolved, BlueprintError> {
        self.blueprint_text(company, name)?;
        let library = self.library(company)?;
        let mut all = company
            .map(|company| company.blueprint_inputs.clone())
            .unwrap_or_default();
        all.extend(inputs.clone());
        let mut made_up = BTreeSet::new();
        loop {
            match blueprint::resolve_for_task(name, &library, &all, of_task) {
                Ok(blueprint) => return Ok(Resolved { blueprint, made_up }),
                Err(BlueprintError::UnknownInput { input, .. })
                    if !inputs.contains_key(&input) && all.contains_key(&input) =>
                {
                    // Another of the company's blueprints takes it.
                    all.remove(&input);
                }
                Err(BlueprintError::MissingInput { input, .. })
                    if made_up.insert(input.clone()) =>
                {
                    all.insert(input.clone(), format!("<{input}>"));
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// The same with the inputs of its own example, those of the company, the project's test command and what is given for one task, the
    /// last the strongest.
    ///
    /// # Errors
    /// As [`Packs::resolved`], and where what is `given` would be part of a command: a run refuses that.
    pub fn rehearsed(
        &self,
        company: Option<&Company>,
        name: &str,
        test: Option<&str>,
        given: &BTreeMap<String, String>,
    ) -> Result<Resolved, BlueprintError> {
        let first = self.resolved(company, name, &BTreeMap::new())?.blueprint;
        let takes = |input: &str| first.inputs.contains_key(input);
        let mut inputs = first.example.clone();
        let own = company
            .into_iter()
            .flat_map(|company| company.blueprint_inputs.clone());
        let test = test.map(|test| (TEST_COMMAND.to_owned(), test.to_owned()));
        inputs.extend(own.chain(test).filter(|(input, _)| takes(input)));
        inputs.extend(given.clone());
        let of_task = OfTask {
            given: given.keys().cloned().collect(),
            ..OfTask::default()
        };
        self.filled(company, name, &inputs, &of_task)
    }

    /// Every blueprint that a company can walk, and every template that these take, by name.
    pub(crate) fn library(
        &self,
        company: Option<&Company>,
    ) -> Result<BTreeMap<String, String>, BlueprintError> {
        // Who has none of its own needs no look at its texts.
        let Some(company) = company.filter(|company| !company.blueprints.is_empty()) else {
            return Ok(self.blueprints.clone());
        };
        let texts = self.texts(&company.name);
        let texts = texts.map_err(|e| BlueprintError::Unread {
            company: company.name.clone(),
            problem: e.to_string(),
        })?;
        Ok(texts.library(&self.blueprints))
    }
}
