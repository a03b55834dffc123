//! A run on one page: what it was asked, what it did, how it ended.

use std::collections::BTreeMap;

use alai_fleet::Usage;
use serde::{Deserialize, Serialize};

use super::{Told, Trajectory};
use crate::engine::{Outcome, Session};

/// Guard's advice, failures and words that are listed; what is more is counted.
const LINES_MAX: usize = 50;

/// What a trajectory tells in short.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    pub kind: String,
    pub role: String,
    pub company: String,
    pub blueprint: String,
    pub model: String,
    /// `real` or `simulated`, as the replies say; empty before the first one.
    pub mode: String,
    pub base: String,
    /// In the order in which they were walked.
    pub steps: Vec<StepLine>,
    /// Model calls.
    pub turns: u32,
    pub usage: Usage,
    pub tools: BTreeMap<String, Tally>,
    pub checks: Vec<CheckLine>,
    /// Programs that ran, checks among them.
    pub commands: u32,
    pub advice: Vec<String>,
    pub failures: Vec<String>,
    /// Lines of advice and failures that are not listed.
    pub more: u32,
    /// The present end: empty while the run goes on, and for ever where it was killed.
    pub exit: Option<String>,
    pub detail: String,
    pub head: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub first_ms: Option<i64>,
    pub last_ms: Option<i64>,
    /// The last line was never ended.
    pub cut: bool,
    /// Requests whose recorded hash is not that of what can be built again.
    pub unsound_requests: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLine {
    pub step: String,
    pub action: String,
    /// Model calls in it.
    pub turns: u32,
    /// How it ended, where its trajectory says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    pub started_ms: i64,
    pub ended_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub calls: u32,
    pub errors: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    pub step: String,
    pub command: String,
    pub passed: bool,
    pub exit: String,
    pub duration_ms: i64,
}

impl Trajectory {
    pub fn summary(&self) -> Summary {
        let mut sum = Summary {
            cut: self.cut,
            first_ms: self.entries.first().map(|entry| entry.t_ms),
            last_ms: self.entries.last().map(|entry| entry.t_ms),
            ..Summary::default()
        };
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for entry in &self.entries {
            if let Told::Call { id, name, .. } | Told::Heard { id, name, .. } = &entry.told
                && !name.is_empty()
            {
                names.insert(id, name);
            }
            sum.add(&entry.told, entry.t_ms, &names);
        }
        let unsound = self
            .requests()
            .iter()
            .filter(|s| s.request.is_err())
            .count();
        sum.unsound_requests = u32::try_from(unsound).unwrap_or(u32::MAX);
        sum
    }
}

impl Summary {
    fn add(&mut self, told: &Told, t_ms: i64, names: &BTreeMap<&str, &str>) {
        match told {
            Told::Meta {
                kind,
                role,
                company,
                blueprint,
                model,
                base,
                ..
            } => {
                self.kind.clone_from(kind);
                self.role.clone_from(role);
                self.company.clone_from(company);
                self.blueprint.clone_from(blueprint);
                self.model.clone_from(model);
                self.base.clone_from(base);
            }
            Told::Step { step, action, .. } => {
                self.end_step(t_ms);
                self.steps.push(StepLine {
                    step: step.clone(),
                    action: action.clone(),
                    turns: 0,
                    outcome: None,
                    started_ms: t_ms,
                    ended_ms: None,
                });
            }
            Told::Outcome {
                step,
                action,
                status,
                ..
            } => self.outcome(step, action, status, t_ms),
            Told::Reply { mode, usage, .. } => {
                // One simulated reply makes a run a simulated one.
                if self.mode != "simulated" {
                    self.mode.clone_from(mode);
                }
                self.usage.prompt_tokens += usage.prompt_tokens;
                self.usage.output_tokens += usage.output_tokens;
                self.asked();
            }
            Told::Failed { class, message, .. } => {
                self.asked();
                let class = serde_json::to_value(class).unwrap_or_default();
                let line = format!("{}: {message}", class.as_str().unwrap_or_default());
                self.list(line, |sum| &mut sum.failures);
            }
            Told::Call { name, .. } => self.tools.entry(name.clone()).or_default().calls += 1,
            Told::Result {
                id, error: true, ..
            } => {
                let name = names.get(id.as_str()).copied().unwrap_or_default();
                self.tools.entry(name.to_owned()).or_default().errors += 1;
            }
            Told::Command { .. } => self.commands += 1,
            Told::Check {
                step,
                passed,
                record,
                ..
            } => self.checks.push(CheckLine {
                step: step.clone(),
                command: record.argv.last().cloned().unwrap_or_default(),
                passed: *passed,
                exit: record.exit.to_string(),
                duration_ms: record.duration_ms,
            }),
            Told::Guard { advice, .. } => self.list(advice.clone(), |sum| &mut sum.advice),
            Told::Exit {
                status,
                detail,
                head,
                ..
            } => {
                self.end_step(t_ms);
                self.exit = Some(status.clone());
                self.detail.clone_from(detail);
                self.head.clone_from(head);
            }
            Told::Heard { .. } => self.heard(told, names),
            Told::Session { session } => self.session(session),
            Told::Result { error: false, .. }
            | Told::Message { .. }
            | Told::Pruned { .. }
            | Told::Frame { .. }
            | Told::Request { .. }
            | Told::Skill { .. }
            | Told::Server { .. }
            | Told::Note { .. }
            | Told::Word { .. }
            | Told::Launched { .. }
            | Told::Other { .. } => {}
        }
    }

    /// What a program of others said of its tools.
    fn heard(&mut self, told: &Told, names: &BTreeMap<&str, &str>) {
        let Told::Heard {
            what,
            id,
            name,
            error,
            text,
            ..
        } = told
        else {
            return;
        };
        match what.as_str() {
            "call" => self.tools.entry(name.clone()).or_default().calls += 1,
            "result" if *error => {
                let name = names.get(id.as_str()).copied().unwrap_or_default();
                self.tools.entry(name.to_owned()).or_default().errors += 1;
            }
            "denied" => self.list(format!("denied: {text}"), |sum| &mut sum.advice),
            _ => {}
        }
    }

    fn session(&mut self, session: &Session) {
        if self.mode != "simulated" {
            "real".clone_into(&mut self.mode);
        }
        self.turns = self.turns.saturating_add(session.turns);
        if let Some(step) = self.steps.last_mut() {
            step.turns = step.turns.saturating_add(session.turns);
        }
        self.usage.prompt_tokens += session.usage.prompt_tokens;
        self.usage.output_tokens += session.usage.output_tokens;
        if session.outcome != Outcome::Done {
            let line = format!("{}: {}", session.engine.as_str(), session.outcome);
            self.list(line, |sum| &mut sum.failures);
        }
    }

    fn asked(&mut self) {
        self.turns += 1;
        if let Some(step) = self.steps.last_mut() {
            step.turns += 1;
        }
    }

    /// Of the step that is under way, or of one that was never begun.
    fn outcome(&mut self, step: &str, action: &str, status: &str, t_ms: i64) {
        if let Some(last) = self.steps.last_mut()
            && last.step == step
            && last.ended_ms.is_none()
            && status != "skipped"
        {
            last.outcome = Some(status.to_owned());
            return;
        }
        self.end_step(t_ms);
        self.steps.push(StepLine {
            step: step.to_owned(),
            action: action.to_owned(),
            turns: 0,
            outcome: Some(status.to_owned()),
            started_ms: t_ms,
            ended_ms: Some(t_ms),
        });
    }

    fn end_step(&mut self, t_ms: i64) {
        if let Some(step) = self.steps.last_mut() {
            step.ended_ms.get_or_insert(t_ms);
        }
    }

    fn list(&mut self, line: String, of: impl Fn(&mut Summary) -> &mut Vec<String>) {
        if of(self).len() < LINES_MAX {
            of(self).push(line);
        } else {
            self.more += 1;
        }
    }
}
