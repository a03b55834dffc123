//! The way of one task by what its packs say: who does it, which model it asks for, what it walks, within which limits. Runs and people
//! who ask are answered by the same functions.

use std::collections::BTreeMap;

use alai_core::brief::{Caps, RunLimits};
use alai_core::cage::Sandbox;
use alai_core::company::{self, Company, Lack, Registry, Walk};
use alai_core::pipeline::{self, Failure};
use alai_core::routing::{self, Ask, Route, Wish};
use alai_core::task::{Task, TaskKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::packs::{Given, Packs};
use crate::run::RunError;

/// The input that a run fills with the project's own test command.
pub const TEST_COMMAND: &str = "test_command";

/// Before the goal in the title of its plan's task.
const PLANS: &str = "Spec: ";

/// Stands for the tests where it is only asked what else is missing.
pub(crate) const ANY_TEST: &str = "true";

/// What the packs say of one task.
#[derive(Debug)]
pub(crate) struct Way<'p> {
    pub(crate) route: Route,
    pub(crate) company: &'p Company,
    pub(crate) wish: Wish,
    /// What it walks, where it [`walks`] anything.
    pub(crate) walk: Walk,
}

impl<'p> Way<'p> {
    pub(crate) fn of(packs: &'p Packs, task: &Task) -> Result<Way<'p>, RunError> {
        let (route, company) = routed(&packs.registry, task)?;
        Ok(Way {
            route,
            wish: routing::wish(task, company),
            walk: walk(packs, task, company),
            company,
        })
    }
}

/// Why a run without a cage walks no blueprint that compares with the base.
pub(crate) const NO_CAGE: &str =
    "a run without a cage is compared with nothing before it has ended";

/// What a task walks in its company: the first blueprint to which it gives all that it needs. One for its type of work wants what not every
/// such task has.
pub(crate) fn walk(packs: &Packs, task: &Task, company: &Company) -> Walk {
    let mut all = company::ways(task, company);
    let last = all.pop().expect("there is always the stage's own");
    let mut passed = Vec::new();
    let mut chosen = None;
    for way in all {
        match lack(packs, task, company, &way.blueprint) {
            Some(lack) => passed.push(way.lacking(lack)),
            None => {
                chosen = Some(way);
                break;
            }
        }
    }
    let mut chosen = chosen.unwrap_or(last);
    chosen.passed = passed;
    if task.sandbox == Sandbox::Off && packs.nature(company, &chosen.blueprint).compares {
        return company::walk_instead(task.kind, company, &chosen, NO_CAGE.to_owned());
    }
    chosen
}

/// What a task does not give a blueprint of its company, if anything.
fn lack(packs: &Packs, task: &Task, company: &Company, name: &str) -> Option<Lack> {
    let nature = packs.nature(company, name);
    // The tests are known when the ground is.
    (nature.wants).then(|| packs.lack(company, name, &given(task, Some(ANY_TEST))))?
}

/// Why a task is held, and what a person does about it: its company takes no work. Nobody else gets the task, who would do it by other
/// rules than it was meant for.
pub(crate) fn held(packs: &Packs, task: &Task) -> Option<Failure> {
    if matches!(task.kind, TaskKind::Goal | TaskKind::Postflight) {
        return None;
    }
    let company = packs.company_for(task).ok()?;
    let closed = company.closed.as_ref()?;
    Some(Failure::BoxRefused {
        detail: closed.said(&company.name),
        remedy: format!(
            "{}, then `alai mc retry {{id}}`",
            closed.remedy(&company.name)
        ),
    })
}

/// The company that a task is routed to, and why.
fn routed<'a>(registry: &'a Registry, task: &Task) -> Result<(Route, &'a Company), RunError> {
    let route = routing::route(Ask::of(task), registry).map_err(RunError::infra)?;
    let company = registry.find(&route.company).map_err(RunError::infra)?;
    Ok((route, company))
}

/// Whether a run of the task walks a blueprint: also a plan that is made by a lead at work.
pub(crate) fn is_walked(task: &Task, company: &Company) -> bool {
    walks(task.kind) || company::leads(task, company).is_some()
}

/// Whether a run of such a task walks a blueprint.
pub(crate) fn walks(kind: TaskKind) -> bool {
    match kind {
        TaskKind::Build
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Review
        | TaskKind::Security => true,
        TaskKind::Goal | TaskKind::Spec | TaskKind::Verify | TaskKind::Postflight => false,
    }
}

/// What a run of a task gives its blueprint: its own inputs, and what its project gives. Who judges walks without its tests.
pub(crate) fn given(task: &Task, test: Option<&str>) -> Given {
    given_to(task.kind, &task.title, &task.inputs, test)
}

/// The same for a task that is not stored yet.
pub(crate) fn given_to(
    kind: TaskKind,
    title: &str,
    inputs: &BTreeMap<String, String>,
    test: Option<&str>,
) -> Given {
    let test = test.filter(|_| kind.changes_code() || kind == TaskKind::Spec);
    let of_project = test.map(|test| (TEST_COMMAND.to_owned(), test.to_owned()));
    Given {
        project: of_project.into_iter().collect(),
        task: inputs.clone(),
        title: pipeline::subject(title.strip_prefix(PLANS).unwrap_or(title)).to_owned(),
    }
}

/// What a run may take: what is usual, or what the settings say, and of that what its blueprint leaves.
pub(crate) fn limits(config: &Config, blueprint: &Caps) -> RunLimits {
    limits_set(config).lowered(blueprint)
}

/// The same before a blueprint has its say.
pub(crate) fn limits_set(config: &Config) -> RunLimits {
    RunLimits::default().set(&config.limits.agent)
}

/// What a run works by, as hashes: this program, the company's pack, the blueprints. A run that was interrupted goes on with its
/// steps only under the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pins {
    pub(crate) alai: String,
    pub(crate) company: String,
    /// The pack's version, for people. A run of before did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    pub(crate) blueprints: String,
}

impl Pins {
    pub(crate) fn of(packs: &Packs, company: &Company) -> Result<Pins, RunError> {
        let hash = |text: &str| hex::encode(Sha256::digest(text.as_bytes()));
        let card = serde_json::to_string(company).map_err(RunError::infra)?;
        let blueprints = serde_json::to_string(&packs.blueprints).map_err(RunError::infra)?;
        let texts = packs.texts_digest(&company.name).map_err(RunError::infra)?;
        Ok(Pins {
            alai: env!("CARGO_PKG_VERSION").to_owned(),
            company: hash(&format!("{card}\n{texts}")),
            version: Some(company.version.clone()),
            blueprints: hash(&blueprints),
        })
    }

    /// As a run keeps them.
    pub(crate) fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    pub(crate) fn read(text: &str) -> Option<Pins> {
        serde_json::from_str(text).ok()
    }
}
