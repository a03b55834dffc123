//! What a resolved blueprint will do, before it does anything: one line per step, and the same as a graph. Pure; nothing here
//! starts a program, reads a file or asks a model.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::{Action, Blueprint, Env, Gate, Step, Template};
use crate::brief::{Caps, Role};

/// Characters of one line of a graph's box.
const LABEL_CHARS_MAX: usize = 48;

/// The steps in the order in which they are walked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub blueprint: String,
    pub description: String,
    /// As they were filled in.
    pub inputs: std::collections::BTreeMap<String, String>,
    /// How far the blueprint lowers a run's limits.
    pub limits: Caps,
    pub steps: Vec<PlanStep>,
    /// Steps that a run walks at most, every way back gone as often as it may be.
    pub walked_max: usize,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// From 1.
    pub place: usize,
    pub id: String,
    pub name: String,
    /// `context`, `ask`, `agent`, `run`, `scaffold`, `gate`, `branch`, `human` or `report`.
    pub kind: String,
    /// What its file says must stand before it.
    pub needs: Vec<String>,
    /// `if:`, as it was written.
    pub condition: Option<String>,
    /// Names of its variables.
    pub env: Vec<String>,
    pub gates: Vec<PlanGate>,
    /// Where it goes back to when it is red.
    pub back: Option<PlanBack>,
    /// Where a branch goes on.
    pub goto: Option<String>,
    pub continue_on_error: bool,
    pub timeout_s: Option<u64>,
    /// What an agent step may take for itself; its turns among them.
    pub limits: Caps,
    /// The role that an agent step names.
    pub role: Option<Role>,
    pub tools: Vec<String>,
    /// What it hands over.
    pub outputs: Vec<String>,
    /// As it would run: of a `run` step, or an agent's check.
    pub command: Option<String>,
    /// Bytes of its own words to the model, without task, soul and context; what is not known yet counts nothing.
    pub prompt_bytes: Option<usize>,
    /// Files that a scaffold writes.
    pub files: Vec<String>,
    /// What it asks a person.
    pub question: Option<String>,
    /// Whether it asks a model, a person, or nobody.
    pub asks: Asks,
    /// What is not known before the run: outputs of earlier steps.
    pub open: Vec<String>,
    /// Where it stands in its file: `NAME:LINE:COLUMN`.
    pub at: String,
}

/// A gate of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanGate {
    /// `file_exists`, `command`, `json_schema` or `no_diff_outside`.
    pub kind: String,
    /// What it looks at.
    pub of: String,
}

/// A way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanBack {
    pub to: String,
    /// The first try not counted.
    pub ways_max: u32,
    pub backoff_s: u64,
}

/// Whom a step asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    Nobody,
    Model,
    Person,
}

impl Plan {
    /// The plan of a resolved blueprint.
    pub fn of(blueprint: &Blueprint) -> Plan {
        let steps = blueprint.steps.iter().enumerate();
        Plan {
            blueprint: blueprint.name.clone(),
            description: blueprint.description.clone(),
            inputs: blueprint.inputs.clone(),
            limits: blueprint.limits,
            steps: steps.map(|(at, step)| planned(at + 1, step)).collect(),
            walked_max: blueprint.walked_max(),
        }
    }

    /// The graph as Mermaid text. Solid lines are the order, dotted ones the ways back.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart TD\n");
        for step in &self.steps {
            let (open, close) = match step.kind.as_str() {
                "branch" => ("{\"", "\"}"),
                "human" => ("[/\"", "\"/]"),
                "agent" | "ask" => ("([\"", "\"])"),
                _ => ("[\"", "\"]"),
            };
            let label = step.label().join("\n");
            // Everything that Mermaid or a page around it could read as its own.
            let label = spelled(&label, |c| match c {
                '\n' => Some("<br/>".to_owned()),
                c if c.is_alphanumeric() || " .,:;!?()=/-_".contains(c) => None,
                c => Some(format!("#{};", u32::from(c))),
            });
            line(
                &mut text,
                format_args!("  s{}{open}{label}{close}", step.place),
            );
        }
        for edge in self.edges() {
            let arrow = if edge.back { "-.->" } else { "-->" };
            let word = spelled(&edge.word, |c| {
                (!c.is_alphanumeric() && c != ' ').then(|| format!("#{};", u32::from(c)))
            });
            let word = if word.is_empty() {
                word
            } else {
                format!("|\"{word}\"|")
            };
            line(
                &mut text,
                format_args!("  s{} {arrow}{word} s{}", edge.from, edge.to),
            );
        }
        text
    }

    /// The graph in Graphviz's DOT.
    pub fn dot(&self) -> String {
        let quoted = |text: &str| {
            let text = spelled(text, |c| match c {
                '"' | '\\' => Some(format!("\\{c}")),
                '\n' => Some("\\n".to_owned()),
                c if c.is_control() => Some(" ".to_owned()),
                _ => None,
            });
            format!("\"{text}\"")
        };
        let mut text = String::new();
        line(
            &mut text,
            format_args!("digraph {} {{", quoted(&self.blueprint)),
        );
        text.push_str("  rankdir=TB;\n  node [shape=box];\n");
        for step in &self.steps {
            let shape = match step.kind.as_str() {
                "branch" => ", shape=diamond",
                "human" => ", shape=parallelogram",
                "agent" | "ask" => ", style=rounded",
                _ => "",
            };
            let label = quoted(&step.label().join("\n"));
            line(
                &mut text,
                format_args!("  s{} [label={label}{shape}];", step.place),
            );
        }
        for edge in self.edges() {
            let style = if edge.back {
                "style=dashed, constraint=false, "
            } else {
                ""
            };
            let word = quoted(&edge.word);
            line(
                &mut text,
                format_args!("  s{} -> s{} [{style}label={word}];", edge.from, edge.to),
            );
        }
        text.push_str("}\n");
        text
    }

    /// What leads where: the needs, else the step before; branches and ways back.
    fn edges(&self) -> Vec<Edge> {
        let place = |id: &str| { self.steps.iter() }.find(|s| s.id == id).map(|s| s.place);
        let mut edges = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            let mut add = |from: Option<usize>, to: Option<usize>, word: String, back| {
                if let (Some(from), Some(to)) = (from, to) {
                    edges.push(Edge {
                        from,
                        to,
                        word,
                        back,
                    });
                }
            };
            if step.needs.is_empty() {
                let before = at.checked_sub(1).and_then(|before| self.steps.get(before));
                // What always goes elsewhere does not lead to the next one.
                let before = before.filter(|s| s.goto.is_none() || s.condition.is_some());
                add(
                    before.map(|s| s.place),
                    Some(step.place),
                    String::new(),
                    false,
                );
            }
            for need in &step.needs {
                // A person who is asked behind a step stands between it and what needs it.
                let asked = place(&format!("{need}{}", super::HUMAN_SUFFIX));
                let from = asked.filter(|from| *from < step.place).or(place(need));
                add(from, Some(step.place), String::new(), false);
            }
            if let Some(goto) = &step.goto {
                let word = step.condition.clone().unwrap_or_default();
                let back = place(goto).is_some_and(|to| to <= step.place);
                let word = match (&step.back, back) {
                    (Some(way), true) => format!("{word} (at most {})", way.ways_max),
                    (Some(_) | None, _) => word,
                };
                add(Some(step.place), place(goto), word, back);
            } else if let Some(way) = &step.back {
                let word = format!("red, at most {}", way.ways_max);
                add(Some(step.place), place(&way.to), word, true);
            }
        }
        edges
    }
}

struct Edge {
    from: usize,
    to: usize,
    word: String,
    back: bool,
}

fn line(text: &mut String, args: fmt::Arguments<'_>) {
    writeln!(text, "{args}").expect("a string takes all");
}

fn spelled(text: &str, other: impl Fn(char) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match other(c) {
            Some(spelling) => out.push_str(&spelling),
            None => out.push(c),
        }
    }
    out
}

fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut = line.chars().count() > LABEL_CHARS_MAX || text.lines().count() > 1;
    let mut short: String = line.chars().take(LABEL_CHARS_MAX).collect();
    if cut {
        short.push_str("...");
    }
    short
}

impl PlanStep {
    /// Lines of its box in a graph.
    fn label(&self) -> Vec<String> {
        let mut lines = vec![format!("{}. {} ({})", self.place, self.id, self.kind)];
        if self.name != self.id {
            lines.push(short(&self.name));
        }
        lines.extend(
            self.command
                .as_deref()
                .map(|command| format!("$ {}", short(command))),
        );
        lines.extend(self.question.as_deref().map(short));
        if self.goto.is_none() {
            lines.extend(
                self.condition
                    .as_deref()
                    .map(|c| format!("if {}", short(c))),
            );
        }
        let gates = self
            .gates
            .iter()
            .map(|gate| format!("gate {}: {}", gate.kind, short(&gate.of)));
        lines.extend(gates);
        lines
    }
}

fn planned(place: usize, step: &Step) -> PlanStep {
    let mut planned = PlanStep {
        place,
        id: step.id.clone(),
        name: step.name.clone(),
        kind: step.action.kind().to_owned(),
        needs: step.needs.clone(),
        condition: step.condition.as_ref().map(|c| c.text.clone()),
        env: step.env.names().map(str::to_owned).collect(),
        gates: step.gates.iter().map(gate).collect(),
        back: step.way_back().map(|(to, ways_max)| PlanBack {
            to: to.to_owned(),
            ways_max,
            backoff_s: step.retry.as_ref().map_or(0, |retry| retry.backoff_s),
        }),
        goto: None,
        continue_on_error: step.continue_on_error,
        timeout_s: step.timeout_s,
        limits: Caps::default(),
        role: None,
        tools: Vec::new(),
        outputs: Vec::new(),
        command: None,
        prompt_bytes: None,
        files: Vec::new(),
        question: None,
        asks: Asks::Nobody,
        open: open_env(&step.env),
        at: step.at.clone(),
    };
    let mut open = |template: &Template| planned.open.extend(template.open());
    for gate in &step.gates {
        match gate {
            Gate::FileExists { path: template } | Gate::JsonSchema { file: template, .. } => {
                open(template);
            }
            Gate::Command { .. } | Gate::NoDiffOutside { .. } => {}
        }
    }
    acted(&mut planned, &step.action);
    let mut seen = std::collections::BTreeSet::new();
    planned.open.retain(|name| seen.insert(name.clone()));
    planned
}

/// What the step's action adds.
fn acted(planned: &mut PlanStep, action: &Action) {
    match action {
        Action::Context | Action::Report => {}
        Action::Ask { prompt, .. } => {
            planned.asks = Asks::Model;
            planned.prompt_bytes = Some(prompt.bytes());
            planned.open.extend(prompt.open());
        }
        Action::Agent {
            prompt,
            tools,
            turns_max,
            check,
            outputs,
            role,
            limits,
        } => {
            planned.asks = Asks::Model;
            planned.prompt_bytes = Some(prompt.bytes());
            planned.open.extend(prompt.open());
            planned.tools = tools.iter().map(|tool| tool.as_str().to_owned()).collect();
            planned.command.clone_from(check);
            planned.outputs = outputs.iter().map(|output| output.name.clone()).collect();
            planned.role = *role;
            planned.limits = Caps {
                turns: Some(*turns_max),
                ..*limits
            };
        }
        Action::Run { command, .. } => planned.command = Some(command.clone()),
        Action::Scaffold { files, patch, .. } => {
            for file in files {
                planned.files.push(file.path.shown());
                planned.open.extend(file.path.open());
                planned.open.extend(file.content.open());
            }
            let patched = patch
                .as_deref()
                .and_then(|text| crate::patch::parse(text).ok());
            for change in patched.iter().flatten() {
                planned
                    .files
                    .extend(change.paths().into_iter().map(str::to_owned));
            }
        }
        Action::Gate { checks } => {
            let checks = checks.iter().map(|check| PlanGate {
                kind: check.as_str().to_owned(),
                of: check.ahead_of().title().to_owned(),
            });
            planned.gates.splice(0..0, checks);
        }
        Action::Branch { goto, .. } => planned.goto = Some(goto.clone()),
        Action::Human { question, .. } => {
            planned.asks = Asks::Person;
            planned.question = Some(question.shown());
            planned.open.extend(question.open());
            planned.outputs = vec![super::ANSWER.to_owned()];
        }
    }
}

fn gate(gate: &Gate) -> PlanGate {
    PlanGate {
        kind: gate.kind().to_owned(),
        of: gate.said(),
    }
}

fn open_env(env: &Env) -> Vec<String> {
    env.values.values().flat_map(Template::open).collect()
}
