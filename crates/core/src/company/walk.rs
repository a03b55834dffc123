//! Which blueprint a task walks, and by whose word: its own pin, then what its company has for the type of the work, then what the
//! company has for the stage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Company, Stage};
use crate::pipeline::{FOLLOW_UP_TAG, is_a_part};
use crate::routing::{WorkType, classify};
use crate::task::{Task, TaskKind};

/// What a builder's task walks in a company that has nothing for its stage, as a pin can bring it there.
const BUILDS: &str = "minion-one-shot";
const DOCUMENTS: &str = "minion-docs";
const JUDGES: &str = "review-readonly";
/// What a lead walks to whom another lead has handed a part, in a company that has nothing for plans.
const LEADS: &str = "lead-delegates";

/// The blueprints of a company by what they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walks {
    pub stages: BTreeMap<Stage, String>,
    /// Of a BUILD alone: the other stages' kinds say what is to be done.
    pub work: BTreeMap<WorkType, String>,
    /// Of its lead, who plans a goal by it instead of in one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// The blueprint of one task, with whose word it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    pub blueprint: String,
    pub by: WalkBy,
    /// What the company has for this type of work, and which input of it the task does not give: then it is not walked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Passed>,
}

/// A blueprint that could not be walked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub blueprint: String,
    pub work: WorkType,
    pub input: String,
}

/// Whose word chose a blueprint, the strongest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalkBy {
    /// A person's, for this one task.
    TaskPin,
    /// The company's, for this type of work.
    Work(WorkType),
    /// The company's, for this stage.
    Stage(Stage),
    /// The company's for builds: what a passed review left over is not of the type that its words name.
    FollowUp,
    /// Nobody's: the company has none for the stage.
    Usual(Stage),
    /// The company's, for its lead's plans.
    Plan,
    /// Nobody's: a lead has handed the task to a lead, and the company has none for plans.
    Part,
    /// The stage's, because the one that was chosen cannot be walked on this ground.
    Instead { of: String, why: String },
}

impl Walks {
    /// Every blueprint that is named, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self
            .stages
            .values()
            .chain(self.work.values())
            .chain(&self.plan)
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }
}

/// The blueprint by which a lead at work plans a task; none where one answer of its model is the plan. A lead at work takes many calls
/// where a plan takes one, which weak models do better: it is had where a person or the company asks for it, and for the part that a
/// lead has handed to a lead.
pub fn leads(task: &Task, company: &Company) -> Option<Walk> {
    if task.kind != TaskKind::Spec {
        return None;
    }
    let chosen = |blueprint: &str, by| Walk {
        blueprint: blueprint.to_owned(),
        by,
        passed: None,
    };
    if let Some(pinned) = &task.blueprint {
        return Some(chosen(pinned, WalkBy::TaskPin));
    }
    if let Some(own) = &company.walks.plan {
        return Some(chosen(own, WalkBy::Plan));
    }
    is_a_part(task).then(|| chosen(LEADS, WalkBy::Part))
}

/// Chooses the blueprint of a task in its company. A task without a class is judged by its words, and one that hits a safety rule
/// is not believed what it says of itself. A follow-up names what a review found, mostly no fault that a test could show on merged code.
pub fn walk(task: &Task, company: &Company) -> Walk {
    let stage = Stage::of(task.kind);
    let chosen = |blueprint: &String, by| Walk {
        blueprint: blueprint.clone(),
        by,
        passed: None,
    };
    if let Some(led) = leads(task, company) {
        return led;
    }
    if let Some(pinned) = task.blueprint.as_ref().filter(|_| stage.builds()) {
        return chosen(pinned, WalkBy::TaskPin);
    }
    let own = company.walks.stages.get(&stage);
    let is_follow_up =
        task.kind == TaskKind::Build && task.tags.iter().any(|tag| tag == FOLLOW_UP_TAG);
    if let Some(own) = own.filter(|_| is_follow_up) {
        return chosen(own, WalkBy::FollowUp);
    }
    if task.kind == TaskKind::Build && !is_follow_up && !company.walks.work.is_empty() {
        let class = match &task.class {
            Some(class) => class.clone(),
            None => classify(&task.title, &task.description),
        };
        let own = company.walks.work.get(&class.work);
        if let Some(own) = own.filter(|_| class.rail.is_none()) {
            return chosen(own, WalkBy::Work(class.work));
        }
    }
    at_stage(stage, company)
}

/// What a company walks at a stage, whatever the type of the work is.
fn at_stage(stage: Stage, company: &Company) -> Walk {
    let own = company.walks.stages.get(&stage);
    Walk {
        blueprint: own.map_or_else(|| usual(stage).to_owned(), Clone::clone),
        by: own.map_or(WalkBy::Usual(stage), |_| WalkBy::Stage(stage)),
        passed: None,
    }
}

/// The stage's own blueprint in the place of one that the ground does not bear.
pub fn walk_instead(kind: TaskKind, company: &Company, chosen: &Walk, why: String) -> Walk {
    let stage = Stage::of(kind);
    let own = company.walks.stages.get(&stage);
    let other = own.filter(|own| **own != chosen.blueprint);
    Walk {
        blueprint: other.map_or_else(|| usual(stage).to_owned(), String::clone),
        by: WalkBy::Instead {
            of: chosen.blueprint.clone(),
            why,
        },
        passed: None,
    }
}

fn usual(stage: Stage) -> &'static str {
    match stage {
        Stage::Build | Stage::Ops => BUILDS,
        Stage::Docs => DOCUMENTS,
        Stage::Review | Stage::Security => JUDGES,
    }
}

impl Walk {
    /// The way of a task that gives no value for `input`: a blueprint for its type of work is passed by, and any other stays, so that what is
    /// missing is told.
    #[must_use]
    pub fn without(self, input: String, task: &Task, company: &Company) -> Walk {
        let WalkBy::Work(work) = self.by else {
            return self;
        };
        Walk {
            passed: Some(Passed {
                blueprint: self.blueprint,
                work,
                input,
            }),
            ..at_stage(Stage::of(task.kind), company)
        }
    }

    /// The choice and its reason in one line, for people.
    pub fn said(&self, company: &Company) -> String {
        let (blueprint, company) = (&self.blueprint, &company.name);
        let said = match &self.by {
            WalkBy::TaskPin => format!("blueprint {blueprint}: the task is pinned to it"),
            WalkBy::Work(work) => {
                format!(
                    "blueprint {blueprint}: {company} walks it for {}",
                    work.as_str()
                )
            }
            WalkBy::Stage(stage) => {
                format!(
                    "blueprint {blueprint}: {company} walks it at stage {}",
                    stage.as_str()
                )
            }
            WalkBy::FollowUp => format!(
                "blueprint {blueprint}: {company} walks it at stage build; a follow-up is of no type"
            ),
            WalkBy::Plan => format!("blueprint {blueprint}: {company}'s lead walks it for plans"),
            WalkBy::Part => format!(
                "blueprint {blueprint}: a lead has handed this to a lead, and {company} has none for plans"
            ),
            WalkBy::Usual(stage) => format!(
                "blueprint {blueprint}: {company} has none for stage {}",
                stage.as_str()
            ),
            WalkBy::Instead { of, why } => {
                format!("blueprint {blueprint} instead of {of}: {why}")
            }
        };
        match &self.passed {
            None => said,
            Some(passed) => format!(
                "{said}, and not {} for {}, because the task gives no `{}`",
                passed.blueprint,
                passed.work.as_str(),
                passed.input
            ),
        }
    }
}
