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
    /// The stage's own, which stays where nothing else can be walked.
    pub stages: BTreeMap<Stage, String>,
    /// What is walked before it, the first one to which a task gives all that it needs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub firsts: BTreeMap<Stage, Vec<String>>,
    /// Of a BUILD alone: the other stages' kinds say what is to be done. In the same way the first one that can be.
    pub work: BTreeMap<WorkType, Vec<String>>,
    /// Of its lead, who plans a goal by it instead of in one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// The blueprint of one task, with whose word it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    pub blueprint: String,
    pub by: WalkBy,
    /// What the company would rather have walked, and could not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<Passed>,
}

/// A blueprint that could not be walked: the task does not give one of its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub blueprint: String,
    /// The type of work or the stage that the company has it for.
    pub on: String,
    pub lack: Lack,
}

/// What a task does not give a blueprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    pub input: String,
    /// Why, or what the input is for, in brackets; may be empty.
    pub about: String,
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
            .chain(self.firsts.values().flatten())
            .chain(self.work.values().flatten())
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
    // A task that is planned anew is planned in one answer: who lost his way in it is not helped by another long walk.
    if task.kind != TaskKind::Spec || task.plans_anew().is_some() {
        return None;
    }
    let chosen = |blueprint: &str, by| Walk {
        blueprint: blueprint.to_owned(),
        by,
        passed: Vec::new(),
    };
    if let Some(pinned) = &task.blueprint {
        return Some(chosen(pinned, WalkBy::TaskPin));
    }
    if let Some(own) = &company.walks.plan {
        return Some(chosen(own, WalkBy::Plan));
    }
    is_a_part(task).then(|| chosen(LEADS, WalkBy::Part))
}

/// The blueprint that comes first for a task in its company; whether the task gives what it needs is not asked here.
pub fn walk(task: &Task, company: &Company) -> Walk {
    let mut all = ways(task, company).into_iter();
    all.next().expect("there is always the stage's own")
}

/// The blueprints of a task in its company, in the order in which they are tried; the last one is walked whatever it lacks, so that what is
/// missing is told. A task without a class is judged by its words, and one that hits a safety rule is not believed what it says of
/// itself. A follow-up names what a review found, mostly no fault that a test could show on merged code.
pub fn ways(task: &Task, company: &Company) -> Vec<Walk> {
    let stage = Stage::of(task.kind);
    let chosen = |blueprint: &String, by| Walk {
        blueprint: blueprint.clone(),
        by,
        passed: Vec::new(),
    };
    if let Some(led) = leads(task, company) {
        return vec![led];
    }
    if let Some(pinned) = task.blueprint.as_ref().filter(|_| stage.builds()) {
        return vec![chosen(pinned, WalkBy::TaskPin)];
    }
    let own = company.walks.stages.get(&stage);
    let is_follow_up =
        task.kind == TaskKind::Build && task.tags.iter().any(|tag| tag == FOLLOW_UP_TAG);
    if let Some(own) = own.filter(|_| is_follow_up) {
        return vec![chosen(own, WalkBy::FollowUp)];
    }
    let walks = &company.walks;
    let mut all = Vec::new();
    let has_more = !(walks.work.is_empty() && walks.firsts.is_empty());
    if has_more && stage.builds() && !is_follow_up {
        let class = match &task.class {
            Some(class) => class.clone(),
            None => classify(&task.title, &task.description),
        };
        let is_believed = class.rail.is_none();
        let by_work = walks.work.get(&class.work).into_iter().flatten();
        let by_work = by_work.filter(|_| is_believed && task.kind == TaskKind::Build);
        all.extend(by_work.map(|own| chosen(own, WalkBy::Work(class.work))));
        let firsts = walks.firsts.get(&stage).into_iter().flatten();
        let firsts = firsts.filter(|_| is_believed);
        all.extend(firsts.map(|own| chosen(own, WalkBy::Stage(stage))));
    }
    all.push(at_stage(stage, company));
    all
}

/// What a company walks at a stage, whatever the type of the work is.
fn at_stage(stage: Stage, company: &Company) -> Walk {
    let own = company.walks.stages.get(&stage);
    Walk {
        blueprint: own.map_or_else(|| usual(stage).to_owned(), Clone::clone),
        by: own.map_or(WalkBy::Usual(stage), |_| WalkBy::Stage(stage)),
        passed: Vec::new(),
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
        passed: Vec::new(),
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
    /// The blueprint as one that was passed by, because the task does not give what it needs.
    pub fn lacking(self, lack: Lack) -> Passed {
        let on = match self.by {
            WalkBy::Work(work) => work.as_str(),
            WalkBy::Stage(stage) | WalkBy::Usual(stage) => stage.as_str(),
            WalkBy::TaskPin
            | WalkBy::FollowUp
            | WalkBy::Plan
            | WalkBy::Part
            | WalkBy::Instead { .. } => "this task",
        };
        Passed {
            blueprint: self.blueprint,
            on: on.to_owned(),
            lack,
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
        let passed = self.passed.iter().map(|passed| {
            let Passed {
                blueprint,
                on,
                lack: Lack { input, about },
            } = passed;
            format!(", and not {blueprint} for {on}, because the task gives no `{input}`{about}")
        });
        [said].into_iter().chain(passed).collect()
    }
}
