//! Which model a task asks for, and by whose word: safety, then the task's own pin, then its company's override for the activity,
//! then a tier. The reasons are kept with the answer.

use serde::{Deserialize, Serialize};

use super::classify::{COMPLEXITY_RAILED, Class, Source, WorkType, classify};
use crate::brief::Role;
use crate::company::{Activity, Company, ModelChoice};
use crate::safety;
use crate::task::{Task, TaskKind};

/// What a task asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub role: Role,
    pub activity: Activity,
    pub want: Want,
    pub by: By,
    /// Why, in words: whose word it is, and what of it the class said.
    pub reasons: Vec<String>,
}

/// Who is to do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// A safety rule that nobody has cleared for this task.
    Person(safety::Rule),
    Model(ModelChoice),
}

/// Whose word decided, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Safety,
    /// A person's word for this one task.
    TaskPin,
    /// The company's override for the activity.
    CompanyOverride,
    /// The company names a model for its agent, whatever the task is.
    CompanyAgent,
    /// The complexity of the task's class.
    Class,
    /// The agent's own tier: the least that it works with.
    AgentTier,
}

/// Everybody who may have a say about one task's model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voices<'a> {
    /// A safety rule that nobody has cleared.
    pub rail: Option<safety::Rule>,
    pub pin: Option<&'a ModelChoice>,
    /// The company's override for the activity.
    pub company: Option<&'a ModelChoice>,
    /// What the company's agent is given.
    pub agent: &'a ModelChoice,
    /// 1 to 5; none where the class decides nothing.
    pub complexity: Option<u8>,
}

/// The whole precedence.
pub(crate) fn decide(voices: &Voices<'_>) -> (Want, By) {
    let model = |choice: &ModelChoice, by| (Want::Model(choice.clone()), by);
    if let Some(rule) = voices.rail {
        return (Want::Person(rule), By::Safety);
    }
    if let Some(pin) = voices.pin {
        return model(pin, By::TaskPin);
    }
    if let Some(company) = voices.company {
        return model(company, By::CompanyOverride);
    }
    match (voices.agent, voices.complexity) {
        (ModelChoice::Tier(own), Some(complexity)) if complexity > *own => {
            model(&ModelChoice::Tier(complexity), By::Class)
        }
        (ModelChoice::Tier(_), _) => model(voices.agent, By::AgentTier),
        (_, _) => model(voices.agent, By::CompanyAgent),
    }
}

/// What a task asks for in its company. A task without a class is judged by its words.
pub fn wish(task: &Task, company: &Company) -> Wish {
    let class = match &task.class {
        Some(class) => class.clone(),
        None => classify(&task.title, &task.description),
    };
    // What a text says of itself is not believed where it hits a safety rule.
    let work = match class.rail {
        Some(_) => WorkType::Feature,
        None => class.work,
    };
    let (role, activity) = post(task.kind, work);
    let rated = class_decides(task.kind);
    let cleared = |rule: &safety::Rule| task.cleared.iter().any(|name| name == rule.as_str());
    let voices = Voices {
        rail: class.rail.filter(|rule| !cleared(rule)),
        pin: pin(task),
        company: company.overrides.get(&activity),
        agent: &company.agent(role).model,
        complexity: rated.then_some(class.complexity),
    };
    let (want, by) = decide(&voices);
    let mut reasons = vec![said(by, &want, activity, company, &class)];
    if by > By::TaskPin && rated {
        reasons.push(class.to_string());
        reasons.extend(class.reasons);
    }
    Wish {
        role,
        activity,
        want,
        by,
        reasons,
    }
}

fn said(by: By, want: &Want, activity: Activity, company: &Company, class: &Class) -> String {
    let want = match want {
        Want::Person(rule) => format!("a person, by the safety rule {}", rule.as_str()),
        Want::Model(choice) => choice.to_string(),
    };
    let (name, activity) = (&company.name, activity.as_str());
    match by {
        By::Safety => want,
        By::TaskPin => format!("{want}: the task is pinned to it"),
        By::CompanyOverride => format!("{want}: {name} wants it for {activity}"),
        By::CompanyAgent => format!("{want}: {name} gives it to its agent"),
        By::Class if class.complexity == COMPLEXITY_RAILED => {
            format!("{want}: a safety rule was cleared by a person, so the strongest there is")
        }
        By::Class => format!(
            "{want}: complexity {} by {}",
            class.complexity,
            class.source.as_str()
        ),
        By::AgentTier => format!("{want}: the agent's own tier in {name}, for {activity}"),
    }
}

/// Whether a task's class decides anything: only who changes code is chosen by how hard that is. Judging and planning is chosen by
/// the company alone.
pub fn class_decides(kind: TaskKind) -> bool {
    kind.changes_code()
}

/// A pin is about who builds: who plans and who judges is the company's word.
fn pin(task: &Task) -> Option<&ModelChoice> {
    let builds = task.kind == TaskKind::Build;
    task.model_pin.as_ref().filter(|_| builds)
}

/// Whether a model could say anything that changes the choice: not where a safety rule or a pin decides, or the class nothing.
pub fn is_worth_asking(task: &Task, words: &Class) -> bool {
    class_decides(task.kind) && pin(task).is_none() && words.source != Source::Safety
}

/// Who in a company does a task, and as what. What a BUILD is for is told by the type of its work.
fn post(kind: TaskKind, work: WorkType) -> (Role, Activity) {
    match kind {
        TaskKind::Spec | TaskKind::Goal | TaskKind::Postflight => (Role::Lead, Activity::Plan),
        TaskKind::Build => (Role::Builder, building(work)),
        TaskKind::Ops => (Role::Builder, Activity::Ops),
        TaskKind::Docs => (Role::Builder, Activity::Docs),
        TaskKind::Review | TaskKind::Verify => (Role::Reviewer, Activity::CodeReview),
        TaskKind::Security => (Role::Reviewer, Activity::SecurityReview),
    }
}

fn building(work: WorkType) -> Activity {
    match work {
        WorkType::Lint => Activity::Lint,
        WorkType::Bugfix => Activity::Debug,
        WorkType::Architecture => Activity::Architecture,
        WorkType::Database => Activity::DatabaseDesign,
        WorkType::Docs => Activity::Docs,
        WorkType::Feature
        | WorkType::Scaffold
        | WorkType::Refactor
        | WorkType::Test
        | WorkType::Review
        | WorkType::Design
        | WorkType::Deploy
        | WorkType::Chore => Activity::Build,
    }
}

impl Want {
    /// The model, where one is to do it.
    pub fn model(&self) -> Option<&ModelChoice> {
        match self {
            Want::Model(choice) => Some(choice),
            Want::Person(_) => None,
        }
    }
}

impl By {
    pub fn as_str(self) -> &'static str {
        match self {
            By::Safety => "safety",
            By::TaskPin => "task_pin",
            By::CompanyOverride => "company_override",
            By::CompanyAgent => "company_agent",
            By::Class => "class",
            By::AgentTier => "agent_tier",
        }
    }
}

#[cfg(test)]
mod tests;
