//! What one task goes by, with whose word each part is: company, model, blueprint, paths, tools, skills, servers, limits, gate, network; and
//! what its run began with. Nothing is decided here: each part is asked of whatever decides it for a run.

mod foreign;
mod walked;

use alai_core::brief::Role;
use alai_core::company::{Company, ModelChoice, leads};
use alai_core::ids::{RunId, TaskId};
use alai_core::qa::{Check, Policy, Untried};
use alai_core::routing::{By, Decided, Wish};
use alai_core::task::{Task, TaskKind};
use alai_mission::{MissionError, Project, ProjectSettings, Reader, RunRow, RunState};
use serde::{Deserialize, Serialize};

use crate::beat::Factory;
use crate::config::Config;
use crate::home::Home;
use crate::limits::{idle_ms_max, run_ms_max};
use crate::mcp::{self, McpError};
use crate::models::Asked;
use crate::ops::{OpError, OpErrorKind};
use crate::packs::{Packs, Source};
use crate::run::chain_of_line;
use crate::way::{self, Pins, Way};
use crate::work::build::paths::{Paths, PathsBy};
use crate::work::lead::SCRATCH;
use crate::work::servers;
use crate::{skills, unasked, wish, work};

pub use foreign::{AgentPart, Given, ServerGiven};
pub use walked::{InputPart, PartOf, StepPart, Walked};

const MINUTE_MS: i64 = 60_000;

/// Whose word a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// A safety rule.
    Safety,
    /// A person's, for this one task.
    Pin,
    /// The task's own title.
    Task,
    /// The company's pack.
    Company,
    /// The words of the task, against those of the packs.
    Words,
    /// A model's class of the task.
    Class,
    /// The tier that the company's agent has.
    Tier,
    /// What a person set for the project.
    Project,
    /// `alai.toml`.
    Settings,
    /// The blueprint's.
    Blueprint,
    /// Nobody's: what is usual.
    Default,
}

/// A part with whose word it is, and the home's file where that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said<T> {
    pub value: T,
    pub from: Whose,
    /// Below the home; none where no file of the home says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Everything that one task goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    pub task: TaskId,
    pub title: String,
    pub kind: TaskKind,
    pub project: Option<String>,
    /// The stages of its project's own chain, or those that a safety rule has its line go through instead; none where it goes the usual way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Said<String>>,
    /// Those of its project, where a build of its line ran without a cage and so does not go by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages_of_project: Option<String>,
    pub company: CompanyPart,
    pub role: Role,
    pub model: ModelPart,
    /// None for a task that walks none: a goal, its end, its plan where no lead is at work on it.
    pub blueprint: Option<Walked>,
    pub paths: PathsPart,
    /// Of the role. A step may have fewer.
    pub tools: Said<Vec<String>>,
    pub skills: SkillsPart,
    pub mcp: mcp::Shown,
    /// Agents of others that the settings give such a task to, and what of all that each of their steps has.
    pub agents: Vec<AgentPart>,
    pub limits: Vec<LimitPart>,
    pub gate: GatePart,
    pub egress: EgressPart,
    /// What the run that was asked for, else the last one, began with.
    pub run: Option<Began>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyPart {
    pub name: String,
    pub version: String,
    pub from: Whose,
    /// Whether its pack is the home's or the shipped one.
    pub source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Why it and no other.
    pub reasons: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPart {
    /// `tier 2`, `HOST:MODEL`, or a person.
    pub asked: String,
    pub from: Whose,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What it is asked for: `build`, `code_review`.
    pub activity: String,
    pub reasons: Vec<String>,
    /// How many tiers up, because of what was found wrong before.
    pub escalations: u32,
    /// The models that may do it now, `HOST:MODEL`, the best first. None where no daemon says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidates: Option<Vec<String>>,
    /// Why none of them may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathsPart {
    /// What the globs start at: `clone`, or the factory's `home` for a lead.
    pub of: String,
    /// Globs. Nothing for who judges.
    pub allowed: Said<Vec<String>>,
    pub forbidden: Said<Vec<String>>,
    /// Tests that the task may change, which the gate otherwise restores.
    pub changes_tests: Vec<String>,
    /// Held to these by the cage's mounts; else by the file tools and the gate.
    pub write_locked: Said<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillsPart {
    pub all: Vec<SkillPart>,
    pub problems: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillPart {
    pub name: String,
    /// Which level gives it.
    pub from: String,
    /// The levels in the order in which they are looked through, and whether each has it.
    pub chain: Vec<Looked>,
}

/// One place that is looked at for a skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    pub level: String,
    pub has_it: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitPart {
    /// `turns`, `tokens`, `seconds`, `command_seconds`, `bytes`, `microusd`, `run_minutes`, `idle_minutes`.
    pub name: String,
    pub value: u64,
    pub from: Whose,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePart {
    /// `qa-19`, `docs`, `review`, or `none`.
    pub table: String,
    pub checks: Vec<CheckPart>,
    /// Of all of them, and how many must apply; none where each is mandatory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_min: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicable_min: Option<u32>,
    /// Who looks where the change's tests could be tried on no wrong product; none where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untried: Option<Untried>,
    pub test_command: Option<String>,
    /// The task's own: each must exit 0.
    pub task_checks: Vec<String>,
    pub acceptance: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckPart {
    pub number: usize,
    pub title: String,
    pub mandatory: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressPart {
    /// `loopback`: its own alone. `machine` where a person started its run without a cage.
    pub agent: String,
    /// Hosts that the MCP servers of this role may reach, as far as the project lets them.
    pub servers: Vec<String>,
    /// Hosts that the project's set-up may reach beside its registries.
    pub setup: Vec<String>,
    /// No model outside of the person's own machines sees the code.
    pub local_only: bool,
}

/// What a run began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    pub run: RunId,
    pub epoch: i64,
    pub state: RunState,
    pub company: Option<String>,
    /// Of the company's pack; a run that had no model yet has none.
    pub version: Option<String>,
    pub alai: Option<String>,
    /// The model that was asked, and the one that answered.
    pub model: Option<String>,
    pub answered: Option<String>,
    pub pipeline: Option<String>,
    /// Why this model, company and blueprint.
    pub choice: Vec<String>,
    /// What of today is not what it began with. Empty: a run of today would begin with the same.
    pub differs: Vec<String>,
}

/// Why it cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum BasisError {
    #[error(transparent)]
    Mission(#[from] MissionError),
    #[error(transparent)]
    Mcp(#[from] McpError),
    /// No company takes it.
    #[error("{0}")]
    Route(String),
}

impl From<BasisError> for OpError {
    fn from(error: BasisError) -> OpError {
        match error {
            BasisError::Mission(e) => e.into(),
            BasisError::Mcp(e) => {
                OpError::new(OpErrorKind::NeedsSetup, e, "mend the home's `mcp.json`")
            }
            e @ BasisError::Route(_) => OpError::new(OpErrorKind::Failed, e, ""),
        }
    }
}

/// What a task is explained from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    pub home: &'a Home,
    pub packs: &'a Packs,
    pub config: &'a Config,
    pub reader: &'a Reader,
}

/// What a task goes by, and what its run began with: `run`, else its last one.
///
/// # Errors
/// When there is no such task, or no company for it, or the servers of the home cannot be read.
pub fn of(from: Sources<'_>, task: TaskId, run: Option<&RunId>) -> Result<Basis, BasisError> {
    let task = from.reader.task(task)?;
    let project = match task.project {
        Some(id) => Some(from.reader.project(id)?),
        None => None,
    };
    let runs = from.reader.runs_of(task.id)?;
    let run = match run {
        Some(asked) => runs.iter().find(|row| row.id == *asked),
        None => runs.last(),
    };
    let way = Way::of(from.packs, &task).map_err(|e| BasisError::Route(e.to_string()))?;
    let (company, role) = (way.company, way.wish.role);
    let settings = project.as_ref().map(|p| p.settings.clone());
    let settings = settings.unwrap_or_default();
    let blueprint = way::is_walked(&task, way.company)
        .then(|| walked::of(from, &task, &way, settings.test.as_deref()));
    let resolution = mcp::resolve(from.home, company)?;
    let (offers, _) = mcp::offers(&resolution, company, role);
    let servers = servers::reached(
        &offers,
        |name| resolution.servers.get(name).map(|found| &found.server),
        &servers::hosts_of(&settings),
    );
    let caps = blueprint.as_ref().map(Walked::caps).unwrap_or_default();
    let skills = skills_part(from, company);
    let agents = foreign::of(&foreign::From {
        config: from.config,
        task: &task,
        role,
        choice: way.wish.want.model(),
        resolution: &resolution,
        offers: &offers,
        skills: &skills.all,
        walked: blueprint.as_ref(),
        is_heard: work::session::is_heard(from.reader, task.id)?,
    });
    let mut model = model_part(from.home, company, &task, &way.wish);
    if unasked::is(from.reader, from.packs, &task) {
        model.asked = wish::NO_MODEL.to_owned();
        model.reasons = vec![wish::NO_MODEL.to_owned()];
        (model.from, model.file) = (Whose::Blueprint, None);
    }
    let goes = chain_of_line(from.reader, &task, settings.stages.clone())?;
    Ok(Basis {
        task: task.id,
        title: task.title.clone(),
        kind: task.kind,
        company: company_part(from, &way),
        role,
        model,
        paths: paths_part(from.home, company, role, &task, &settings),
        tools: Said {
            value: names(&company.agent(role).tools),
            from: Whose::Company,
            file: agent_file(from.home, company, role),
        },
        skills,
        agents,
        mcp: mcp::show(from.home, company)?,
        limits: limits_part(from.config, &caps),
        gate: gate_part(
            &task,
            settings.test.clone(),
            &policy_of(from.config, project.as_ref(), company),
        ),
        egress: EgressPart {
            agent: match task.sandbox {
                alai_core::cage::Sandbox::On => "loopback",
                alai_core::cage::Sandbox::Off => "machine",
            }
            .to_owned(),
            servers,
            setup: settings.setup_hosts.clone(),
            local_only: settings.local_only,
        },
        run: run.map(|run| began(from.packs, run)),
        stages: (!settings.stages.is_default()).then(|| Said {
            value: goes.to_string(),
            from: match goes == settings.stages {
                true => Whose::Project,
                false => Whose::Safety,
            },
            file: None,
        }),
        stages_of_project: (goes != settings.stages).then(|| settings.stages.to_string()),
        project: project.map(|p: Project| p.name),
        blueprint,
    })
}

impl Factory {
    /// The same by the packs in force, with the models that may do it now.
    ///
    /// # Errors
    /// As [`of`].
    pub fn basis(&self, task: TaskId, run: Option<&RunId>) -> Result<Basis, BasisError> {
        let packs = self.packs();
        let from = Sources {
            home: self.home(),
            packs: &packs,
            config: self.config(),
            reader: self.mission(),
        };
        let mut basis = of(from, task, run)?;
        let task = self.mission().task(task)?;
        if unasked::of(self, &task) {
            return Ok(basis);
        }
        let (reach, now_ms) = (work::reach(self, &task), self.now_ms());
        let found = work::candidates_for(self, &task, reach, now_ms);
        let named =
            |chosen: &crate::models::Chosen| format!("{}:{}", chosen.provider.host(), chosen.model);
        basis.model.candidates = Some(found.iter().map(named).collect());
        let wish = wish::of(&packs, &task).map_err(|e| BasisError::Route(e.to_string()))?;
        if let (Some(choice), true) = (wish.want.model(), found.is_empty()) {
            let asked = Asked {
                kind: task.kind,
                choice,
                escalations: task.counters.escalations,
                reach,
                now_ms,
            };
            basis.model.problem = Some(self.models().why_none_of(asked));
        }
        Ok(basis)
    }
}

/// A file of the home, where it is there: what is not comes from the binary.
fn there(home: &Home, files: &[String]) -> Option<String> {
    let found = files.iter().find(|file| home.root().join(file).is_file());
    found.cloned()
}

fn in_pack(home: &Home, company: &Company, file: &str) -> Option<String> {
    there(home, &[format!("companies/{}/{file}", company.name)])
}

fn agent_file(home: &Home, company: &Company, role: Role) -> Option<String> {
    let of = |name: &str| format!("companies/{}/agents/{name}.yaml", company.name);
    match role {
        Role::Reviewer => there(home, &[of("reviewer"), of("validator")]),
        Role::Lead | Role::Builder => there(home, &[of(role.as_str())]),
    }
}

fn names(tools: &[alai_core::blueprint::ToolName]) -> Vec<String> {
    tools.iter().map(|tool| tool.as_str().to_owned()).collect()
}

fn company_part(from: Sources<'_>, way: &Way<'_>) -> CompanyPart {
    let company = way.company;
    CompanyPart {
        name: company.name.clone(),
        version: company.version.clone(),
        from: match way.route.decided {
            Decided::Pin => Whose::Pin,
            Decided::Keywords => Whose::Words,
            Decided::Class => Whose::Class,
            Decided::Default | Decided::OnlyOne | Decided::StandIn => Whose::Default,
        },
        source: from.packs.source_of(&company.name),
        file: in_pack(from.home, company, "company.json"),
        reasons: {
            let closed = company.closed.as_ref();
            let closed = closed.map(|closed| closed.said(&company.name));
            way.route.said().into_iter().chain(closed).collect()
        },
    }
}

fn model_part(home: &Home, company: &Company, task: &Task, wish: &Wish) -> ModelPart {
    let from = match wish.by {
        By::Safety => Whose::Safety,
        By::TaskPin => Whose::Pin,
        By::CompanyOverride | By::CompanyAgent => Whose::Company,
        By::Class => Whose::Class,
        By::AgentTier => Whose::Tier,
    };
    ModelPart {
        asked: match wish.want.model() {
            None | Some(ModelChoice::Human) => "a person".to_owned(),
            Some(choice) => choice.to_string(),
        },
        from,
        file: match from {
            Whose::Company | Whose::Tier => in_pack(home, company, "config.json"),
            Whose::Safety
            | Whose::Pin
            | Whose::Task
            | Whose::Words
            | Whose::Class
            | Whose::Project
            | Whose::Settings
            | Whose::Blueprint
            | Whose::Default => None,
        },
        activity: wish.activity.as_str().to_owned(),
        reasons: wish.reasons.clone(),
        escalations: task.counters.escalations,
        candidates: None,
        problem: None,
    }
}

fn paths_part(
    home: &Home,
    company: &Company,
    role: Role,
    task: &Task,
    settings: &ProjectSettings,
) -> PathsPart {
    if role == Role::Lead {
        return of_a_lead(company, task);
    }
    let agent = company.agent(role);
    let file = agent_file(home, company, role);
    let locked = Said {
        value: agent.write_locked,
        from: Whose::Company,
        file: file.clone(),
    };
    let paths = Paths {
        task,
        settings,
        company,
        test: settings.test.as_deref().unwrap_or_default(),
    };
    let (allowed, forbidden, by) = match role {
        Role::Builder => {
            let (_, by) = paths.allowed();
            (paths.writable(), paths.forbidden().to_vec(), by)
        }
        Role::Lead | Role::Reviewer => (
            agent.allowed_paths.clone(),
            agent.forbidden_paths.clone(),
            PathsBy::Company,
        ),
    };
    let (from, file_of_allowed) = match by {
        PathsBy::Documents => (Whose::Default, None),
        PathsBy::Project => (Whose::Project, None),
        PathsBy::Company => (Whose::Company, file.clone()),
    };
    let of_project = by == PathsBy::Project;
    PathsPart {
        of: "clone".to_owned(),
        allowed: Said {
            value: allowed,
            from,
            file: file_of_allowed,
        },
        forbidden: Said {
            value: forbidden,
            from: if of_project {
                Whose::Project
            } else {
                Whose::Company
            },
            file: file.filter(|_| !of_project),
        },
        changes_tests: match role {
            Role::Builder => paths.changes_tests().to_vec(),
            Role::Lead | Role::Reviewer => Vec::new(),
        },
        write_locked: locked,
    }
}

/// A lead at work writes its company's notes of this project, and one that gives a plan in one answer nothing: whatever its file says.
fn of_a_lead(company: &Company, task: &Task) -> PathsPart {
    let usual = |value: Vec<String>| Said {
        value,
        from: Whose::Default,
        file: None,
    };
    let notes = task.project.filter(|_| leads(task, company).is_some());
    let notes = notes.map(|project| {
        let of = |name| format!("companies/{}/{name}/{}/**", company.name, project.0);
        SCRATCH.map(of).to_vec()
    });
    PathsPart {
        of: "home".to_owned(),
        allowed: usual(notes.unwrap_or_default()),
        forbidden: usual(Vec::new()),
        changes_tests: Vec::new(),
        write_locked: Said {
            value: true,
            from: Whose::Default,
            file: None,
        },
    }
}

fn skills_part(from: Sources<'_>, company: &Company) -> SkillsPart {
    let environment = skills::environment();
    let found = skills::of(from.home, from.packs, company, environment.as_deref());
    let all = found.shelf.all().into_iter().map(|(skill, level)| {
        let chain = found.shelf.chain(&skill.name).into_iter();
        SkillPart {
            name: skill.name.clone(),
            from: level.to_string(),
            chain: chain
                .map(|(level, has_it)| Looked {
                    level: level.to_string(),
                    has_it,
                })
                .collect(),
        }
    });
    SkillsPart {
        all: all.collect(),
        problems: found.problems,
    }
}

/// Each limit with who moved it last: the same functions are asked with and without each of those who have a say.
fn limits_part(config: &Config, caps: &alai_core::brief::Caps) -> Vec<LimitPart> {
    let (usual, set) = (
        alai_core::brief::RunLimits::default(),
        way::limits_set(config),
    );
    let limits = way::limits(config, caps);
    let values = |of: &alai_core::brief::RunLimits| {
        [
            ("turns", u64::from(of.turns_max)),
            ("tokens", of.tokens_max),
            ("seconds", of.wall_s_max),
            ("command_seconds", of.command_s_max),
            ("bytes", of.bytes_written_max),
            ("microusd", of.cost_microusd_max),
        ]
    };
    let steps = values(&limits)
        .into_iter()
        .zip(values(&set))
        .zip(values(&usual));
    let run = steps.map(|(((name, value), (_, set)), (_, usual))| LimitPart {
        name: name.to_owned(),
        value,
        from: if value != set {
            Whose::Blueprint
        } else if set != usual {
            Whose::Settings
        } else {
            Whose::Default
        },
    });
    let minutes = |name: &str, ms: i64, given: Option<usize>| LimitPart {
        name: name.to_owned(),
        value: u64::try_from(ms / MINUTE_MS).unwrap_or_default(),
        from: given.map_or(Whose::Default, |_| Whose::Settings),
    };
    let given = &config.limits;
    run.chain([
        minutes("run_minutes", run_ms_max(config), given.run_minutes),
        minutes("idle_minutes", idle_ms_max(config), given.idle_minutes),
    ])
    .collect()
}

/// By what a verdict on this task's work is judged.
fn policy_of(config: &Config, project: Option<&Project>, company: &Company) -> Policy {
    let project = project.map_or("", |project| project.name.as_str());
    let sends = config.verifier.send;
    config.qa.policy(project, &company.name, sends)
}

fn gate_part(task: &Task, test_command: Option<String>, policy: &Policy) -> GatePart {
    let part = |check: &Check, mandatory| CheckPart {
        number: check.number(),
        title: check.title().to_owned(),
        mandatory,
    };
    let (table, checks, scored): (_, Vec<CheckPart>, bool) = match task.kind {
        TaskKind::Build | TaskKind::Ops => {
            let all = Check::ALL
                .iter()
                .map(|check| part(check, policy.demands(*check)));
            ("qa-19", all.collect(), true)
        }
        TaskKind::Docs => {
            let all = alai_gate::DOCS_CHECKS.iter();
            ("docs", all.map(|check| part(check, true)).collect(), false)
        }
        TaskKind::Review | TaskKind::Security | TaskKind::Verify => ("review", Vec::new(), false),
        TaskKind::Goal | TaskKind::Spec | TaskKind::Postflight => ("none", Vec::new(), false),
    };
    GatePart {
        table: table.to_owned(),
        checks,
        score_min: scored.then_some(policy.score_min),
        applicable_min: scored.then_some(policy.applicable_min),
        untried: Some(policy.untried).filter(|untried| scored && *untried != Untried::Allow),
        test_command: test_command.filter(|_| task.kind.changes_code()),
        task_checks: task.checks.clone(),
        acceptance: task.acceptance.clone(),
    }
}

fn began(packs: &Packs, run: &RunRow) -> Began {
    let pins = run.pins.as_deref().and_then(Pins::read);
    let choice = run.choice.as_deref().unwrap_or_default();
    Began {
        run: run.id.clone(),
        epoch: run.epoch.0,
        state: run.state,
        company: run.company.clone(),
        version: pins.as_ref().and_then(|pins| pins.version.clone()),
        alai: pins.as_ref().map(|pins| pins.alai.clone()),
        model: run.model.clone(),
        answered: run.answered.clone(),
        pipeline: run.pipeline.clone(),
        choice: choice
            .split("; ")
            .filter(|reason| !reason.is_empty())
            .map(str::to_owned)
            .collect(),
        differs: pins.map_or_else(Vec::new, |pins| differs(packs, run, &pins)),
    }
}

/// What has changed since a run began, in plain words.
fn differs(packs: &Packs, run: &RunRow, pins: &Pins) -> Vec<String> {
    let name = run.company.as_deref().unwrap_or_default();
    let Ok(company) = packs.registry.find(name) else {
        return vec![format!("the company {name} is not there any more")];
    };
    let Ok(now) = Pins::of(packs, company) else {
        return Vec::new();
    };
    let mut said = Vec::new();
    if now.alai != pins.alai {
        said.push(format!("alai {} began it, this is {}", pins.alai, now.alai));
    }
    if now.company != pins.company {
        let version = |pins: &Pins| pins.version.clone().unwrap_or_else(|| "unknown".to_owned());
        said.push(match version(pins) == version(&now) {
            true => format!(
                "the pack of {name} was changed since, and is still called {}",
                version(&now)
            ),
            false => format!(
                "the pack of {name} was {}, and is {} now",
                version(pins),
                version(&now)
            ),
        });
    }
    if now.blueprints != pins.blueprints {
        said.push("the home's blueprints were changed since".to_owned());
    }
    said
}
