//! `agents/ROLE.yaml`: what each of a company's three agents is told, may call and may write.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::paths::{Overlap, glob_problem, overlaps};
use super::problem::At;
use super::read::Pack;
use super::{Agent, ModelChoice};
use crate::blueprint::{ToolName, yaml};
use crate::brief::Role;

/// The names that are read in `agents/`. The original called the reviewer a validator in some packs.
pub(super) const FILES: [&str; 4] = [
    "lead.yaml",
    "builder.yaml",
    "reviewer.yaml",
    "validator.yaml",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentWire {
    role: Spanned<String>,
    prompt: Spanned<String>,
    tools: Spanned<Vec<Spanned<String>>>,
    constraints: Spanned<ConstraintsWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstraintsWire {
    allowed_paths: Vec<Spanned<String>>,
    #[serde(default)]
    forbidden_paths: Vec<Spanned<String>>,
    write_locked: Spanned<bool>,
}

impl Pack<'_> {
    /// One agent with the model that `config.json` gives it.
    pub(super) fn agent(&mut self, role: Role, model: ModelChoice) -> Option<Agent> {
        let mut file = format!("agents/{}.yaml", role.as_str());
        if role == Role::Reviewer
            && !self.files.contains_key(&file)
            && self.files.contains_key("agents/validator.yaml")
        {
            file = "agents/validator.yaml".to_owned();
        }
        let wire: AgentWire = self.yaml(&file)?;
        let named = wire.role.value == role.as_str()
            || (role == Role::Reviewer && wire.role.value == "validator");
        if !named {
            let problem = format!(
                "`role` is `{}`; in this file it must be `{}`",
                wire.role.value,
                role.as_str()
            );
            self.wrong(&file, wire.role.referenced, problem);
        }
        let prompt = wire.prompt.value.trim().to_owned();
        if prompt.is_empty() {
            self.wrong(&file, wire.prompt.referenced, "`prompt` is empty");
        }
        let tools = self.tools(&file, &wire.tools);
        let held = &wire.constraints.value;
        self.check_paths(&file, held);
        let values = |paths: &[Spanned<String>]| -> Vec<String> {
            paths.iter().map(|path| path.value.clone()).collect()
        };
        let agent = Agent {
            role,
            prompt,
            model,
            allowed_paths: values(&held.allowed_paths),
            forbidden_paths: values(&held.forbidden_paths),
            write_locked: held.write_locked.value,
            tools,
        };
        self.check_lock(&file, &agent, &wire);
        Some(agent)
    }

    fn tools(&mut self, file: &str, names: &Spanned<Vec<Spanned<String>>>) -> Vec<ToolName> {
        let mut tools = Vec::new();
        for name in &names.value {
            let Some(tool) = ToolName::parse(&name.value) else {
                let known = ToolName::ALL.iter().map(|tool| tool.as_str());
                let hint = yaml::hint(&name.value, known);
                let problem = format!("no tool is called `{}`; {hint}", name.value);
                self.wrong(file, name.referenced, problem);
                continue;
            };
            if tools.contains(&tool) {
                let problem = format!("the tool `{}` is listed twice", name.value);
                self.wrong(file, name.referenced, problem);
                continue;
            }
            tools.push(tool);
        }
        if !tools.contains(&ToolName::Done) {
            let problem = "`tools` lacks `done`; the agent could never end";
            self.wrong(file, names.referenced, problem);
        }
        tools
    }

    fn check_paths(&mut self, file: &str, held: &ConstraintsWire) {
        let (allowed, forbidden) = (&held.allowed_paths, &held.forbidden_paths);
        let before = self.problems.len();
        for path in allowed.iter().chain(forbidden) {
            if let Some(problem) = glob_problem(&path.value) {
                let problem = format!(
                    "the path `{}` is refused: {problem}",
                    path.value.escape_debug()
                );
                self.wrong(file, path.referenced, problem);
            }
        }
        if self.problems.len() > before {
            return;
        }
        let texts = |paths: &[Spanned<String>]| -> Vec<String> {
            paths.iter().map(|path| path.value.clone()).collect()
        };
        let (one, other) = (texts(allowed), texts(forbidden));
        for overlap in overlaps(&one, &other) {
            let (path, problem) = match overlap {
                Overlap::Allowed(index, problem) => (allowed.get(index), problem),
                Overlap::Forbidden(index, problem) => (forbidden.get(index), problem),
            };
            let at = path.map_or(At::NOWHERE, |path| path.referenced.into());
            self.wrong(file, at, problem);
        }
    }

    /// What a role may never be given, whatever its file says.
    fn check_lock(&mut self, file: &str, agent: &Agent, wire: &AgentWire) {
        let held = &wire.constraints.value;
        let (locked, all) = (held.write_locked.referenced, wire.constraints.referenced);
        match agent.role {
            Role::Lead => {
                let own = format!("companies/{}/", self.name);
                for path in &held.allowed_paths {
                    if !path.value.starts_with(&own) {
                        let problem = format!(
                            "a lead writes only below `{own}`; `{}` is outside",
                            path.value
                        );
                        self.wrong(file, path.referenced, problem);
                    }
                }
                if !agent.write_locked {
                    self.wrong(file, locked, "a lead must be `write_locked: true`");
                }
            }
            Role::Builder if agent.allowed_paths.is_empty() => {
                let problem = "a builder without `allowed_paths` can build nothing; `[\"**\"]` is its whole clone";
                self.wrong(file, all, problem);
            }
            Role::Builder => {}
            Role::Reviewer => {
                let problem = "a reviewer cannot write: `allowed_paths: []`, `write_locked: true`, no `edit`, no `write`";
                let writes = wire.tools.value.iter().find(|tool| {
                    let tool = ToolName::parse(&tool.value);
                    matches!(tool, Some(ToolName::Edit | ToolName::Write))
                });
                if let Some(tool) = writes {
                    self.wrong(file, tool.referenced, problem);
                } else if let Some(path) = held.allowed_paths.first() {
                    self.wrong(file, path.referenced, problem);
                } else if !agent.write_locked {
                    self.wrong(file, locked, problem);
                }
            }
        }
    }
}
