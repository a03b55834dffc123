//! The blueprint of one task: by whose word, out of which files, with which inputs, step by step.

use std::collections::BTreeMap;

use alai_core::blueprint::plan::PlanStep;
use alai_core::blueprint::{self, Plan, RawBlueprint};
use alai_core::brief::{Caps, Role};
use alai_core::company::{Company, WalkBy};
use alai_core::task::Task;
use serde::{Deserialize, Serialize};

use super::{Sources, Whose, in_pack, there};
use crate::home::Home;
use crate::packs::{GivenBy, Packs, Source};
use crate::way::{self, Way};

/// What a task walks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walked {
    pub name: String,
    pub from: Whose,
    /// Why it and no other.
    pub reason: String,
    /// The blueprint and what it extends, nearest first.
    pub chain: Vec<PartOf>,
    pub inputs: Vec<InputPart>,
    pub steps: Vec<StepPart>,
    /// Steps that a run walks at most.
    pub walked_max: usize,
    /// How far it lowers a run's limits.
    pub limits: BTreeMap<String, u64>,
    /// Why no run can walk it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One file of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartOf {
    pub name: String,
    pub source: Source,
    /// Below the home; none for the binary's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPart {
    pub name: String,
    pub value: String,
    pub from: Whose,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub required: bool,
    pub description: String,
}

/// One step, as a run would walk it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPart {
    pub place: usize,
    pub id: String,
    pub kind: String,
    /// In one line, for people.
    pub line: String,
    /// Of an agent's step, where it names them.
    pub tools: Vec<String>,
    /// Of an agent's step, where it is another's than the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What must hold when it is over.
    pub gates: Vec<String>,
    /// Where it stands: `NAME:LINE:COLUMN`.
    pub at: String,
}

impl Walked {
    pub(super) fn caps(&self) -> Caps {
        let of = |name: &str| self.limits.get(name).copied();
        Caps {
            turns: of("turns").and_then(|turns| u32::try_from(turns).ok()),
            tokens: of("tokens"),
            seconds: of("seconds"),
            command_seconds: of("command_seconds"),
            bytes: of("bytes"),
            microusd: of("microusd"),
        }
    }
}

fn lowered(caps: &Caps) -> BTreeMap<String, u64> {
    let all = [
        ("turns", caps.turns.map(u64::from)),
        ("tokens", caps.tokens),
        ("seconds", caps.seconds),
        ("command_seconds", caps.command_seconds),
        ("bytes", caps.bytes),
        ("microusd", caps.microusd),
    ];
    let set = all.into_iter();
    set.filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

pub(super) fn of(from: Sources<'_>, task: &Task, way: &Way<'_>, test: Option<&str>) -> Walked {
    let (company, name) = (way.company, way.walk.blueprint.as_str());
    let files = chain(from.packs, company, name);
    let given = way::given(task, test);
    let found = from.packs.blueprint(company, name, &given);
    let mut walked = Walked {
        name: name.to_owned(),
        from: match way.walk.by {
            WalkBy::TaskPin => Whose::Pin,
            WalkBy::Work(_) | WalkBy::Stage(_) | WalkBy::FollowUp | WalkBy::Plan => Whose::Company,
            WalkBy::Usual(_) | WalkBy::Part | WalkBy::Instead { .. } => Whose::Default,
        },
        reason: way.walk.said(company),
        chain: { files.iter() }
            .map(|raw| part(from, company, &raw.name))
            .collect(),
        inputs: Vec::new(),
        steps: Vec::new(),
        walked_max: 0,
        limits: BTreeMap::new(),
        problem: None,
    };
    if let Some(closed) = &company.closed {
        walked.problem = Some(closed.said(&company.name));
        return walked;
    }
    let blueprint = match found {
        Ok(blueprint) => blueprint,
        Err(why) => {
            walked.problem = Some(why.to_string());
            return walked;
        }
    };
    let title = given.title.clone();
    let given = given.by(company);
    walked.inputs = { blueprint.inputs.iter() }
        .map(|(name, value)| {
            let declared = files.iter().find(|raw| raw.declares(name).is_some());
            let (description, required) = declared
                .and_then(|raw| raw.declares(name))
                .unwrap_or_default();
            let by = given.get(name).map(|(_, by)| *by);
            let taken = declared.and_then(|raw| raw.takes(name, &title));
            InputPart {
                name: name.clone(),
                value: value.clone(),
                from: match by {
                    Some(GivenBy::Task) => Whose::Pin,
                    Some(GivenBy::Project) => Whose::Project,
                    Some(GivenBy::Company) => Whose::Company,
                    None if taken.is_some() => Whose::Task,
                    None => Whose::Default,
                },
                file: match by {
                    Some(GivenBy::Project | GivenBy::Task) => None,
                    Some(GivenBy::Company) => in_pack(from.home, company, "config.json"),
                    None => {
                        declared.and_then(|raw| file(from.home, from.packs, company, &raw.name))
                    }
                },
                required,
                description: description.to_owned(),
            }
        })
        .collect();
    walked.limits = lowered(&blueprint.limits);
    let plan = Plan::of(&blueprint);
    walked.steps = plan.steps.iter().map(step).collect();
    walked.walked_max = plan.walked_max;
    walked
}

/// The files of a blueprint, nearest first. What cannot be read ends it: resolving says why.
fn chain(packs: &Packs, company: &Company, name: &str) -> Vec<RawBlueprint> {
    let mut found: Vec<RawBlueprint> = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next.filter(|name| found.iter().all(|raw| raw.name != *name)) {
        let text = packs.blueprint_text(Some(company), &name);
        let Some(raw) = text
            .ok()
            .and_then(|text| blueprint::parse(&text, &name).ok())
        else {
            break;
        };
        next = raw.extends.clone();
        found.push(raw);
    }
    found
}

fn part(from: Sources<'_>, company: &Company, name: &str) -> PartOf {
    PartOf {
        name: name.to_owned(),
        source: from.packs.source_of_blueprint(Some(company), name),
        file: file(from.home, from.packs, company, name),
    }
}

fn file(home: &Home, packs: &Packs, company: &Company, name: &str) -> Option<String> {
    match packs.source_of_blueprint(Some(company), name) {
        Source::Company => in_pack(home, company, &format!("blueprints/{name}.yaml")),
        Source::Home => {
            let of = |end: &str| format!("blueprints/{name}.{end}");
            there(home, &[of("yaml"), of("yml")])
        }
        Source::Shipped => None,
    }
}

fn step(step: &PlanStep) -> StepPart {
    let mut words = vec![step.kind.clone()];
    words.extend(step.command.as_deref().map(|command| {
        let first = command.lines().map(str::trim).find(|line| !line.is_empty());
        let more = if command.trim().lines().count() > 1 {
            " ..."
        } else {
            ""
        };
        format!("$ {}{more}", first.unwrap_or_default())
    }));
    if !step.tools.is_empty() {
        words.push(format!("tools {}", step.tools.join(" ")));
    }
    words.extend(step.role.map(|role| format!("as {}", role.as_str())));
    words.extend(step.condition.as_ref().map(|text| format!("if {text}")));
    if !step.gates.is_empty() {
        words.push(format!("{} gates", step.gates.len()));
    }
    words.extend(step.goto.as_ref().map(|goto| format!("goes to {goto}")));
    if let (Some(back), None) = (&step.back, &step.goto) {
        words.push(format!(
            "red: back to {}, at most {} times",
            back.to, back.ways_max
        ));
    }
    StepPart {
        place: step.place,
        id: step.id.clone(),
        kind: step.kind.clone(),
        line: words.join("; "),
        tools: step.tools.clone(),
        role: step.role,
        gates: { step.gates.iter() }
            .map(|gate| format!("{}: {}", gate.kind, gate.of))
            .collect(),
        at: step.at.clone(),
    }
}
