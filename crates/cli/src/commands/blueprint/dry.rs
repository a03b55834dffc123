//! `alai blueprint run --dry-run`: what a run would do, step by step. No model, no clone, no command.

use std::collections::BTreeMap;
use std::path::Path;

use alai_core::blueprint::Plan;
use alai_core::blueprint::plan::PlanStep;
use alai_factory::{Home, TEST_COMMAND};
use serde::Serialize;

use crate::args::BlueprintRunArgs;
use crate::error::{CliError, Kind};
use crate::{door, show};

#[derive(Serialize)]
struct Dry<'a> {
    mode: &'static str,
    company: Option<&'a str>,
    plan: &'a Plan,
    /// Inputs that only a run knows.
    made_up: Vec<&'a str>,
}

pub(super) fn run(home: &Home, args: &BlueprintRunArgs) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    let company = super::company(&packs, args.company.as_deref())?;
    let test = match &args.project {
        Some(project) => test_of(home, project)?,
        None => None,
    };
    let given: BTreeMap<String, String> = args.inputs.iter().cloned().collect();
    let found = packs.rehearsed(company, &args.name, test.as_deref(), &given);
    let found = found.map_err(|e| {
        // Whole without what was said for it: what was said is wrong.
        let is_whole =
            || { packs.rehearsed(company, &args.name, test.as_deref(), &BTreeMap::new()) }.is_ok();
        match given.is_empty() || !is_whole() {
            true => super::refused(&e),
            false => CliError::new(Kind::Usage, show::clean(&e.to_string())),
        }
    })?;
    let plan = Plan::of(&found.blueprint);
    if args.json {
        return show::json(&Dry {
            mode: "dry",
            company: company.map(|company| company.name.as_str()),
            plan: &plan,
            made_up: found.made_up.iter().map(String::as_str).collect(),
        });
    }
    for line in told(&plan) {
        show::line(show::clean(&line));
    }
    for input in &found.made_up {
        let way = match input.as_str() {
            // It is part of commands, and nobody's word for one task may be.
            TEST_COMMAND => "`--project PATH` gives the project's".to_owned(),
            _ => format!("`--input {input}=VALUE` gives it one"),
        };
        show::message(&format!(
            "the input `{input}` is only known to a run; {way}"
        ));
    }
    Ok(())
}

fn test_of(home: &Home, project: &Path) -> Result<Option<String>, CliError> {
    let real = std::fs::canonicalize(project).ok();
    let typed = project.to_string_lossy();
    let found = door::reader(home)?.find_project(&typed, real.as_deref())?;
    let Some(found) = found else {
        let message = format!("`{}` is no registered project", show::clean(&typed));
        return Err(
            CliError::new(Kind::NotFound, message).hinted("`alai project list` shows the projects")
        );
    };
    Ok(found.settings.test)
}

fn told(plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!("dry run of {}: nothing is started", plan.blueprint)];
    if !plan.description.is_empty() {
        lines.push(plan.description.clone());
    }
    for (name, value) in &plan.inputs {
        lines.push(format!("input     {name} = {value}"));
    }
    lines.push(format!(
        "steps     {}, at most {} walked",
        plan.steps.len(),
        plan.walked_max
    ));
    let width = plan.steps.iter().map(|step| step.id.chars().count()).max();
    for step in &plan.steps {
        lines.push(format!(
            "{:>2}  {:<width$}  {}",
            step.place,
            step.id,
            step.kind,
            width = width.unwrap_or(0)
        ));
        lines.extend(
            of_step(step)
                .into_iter()
                .map(|line| format!("      {line}")),
        );
    }
    lines
}

fn times(n: u32) -> String {
    match n {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

/// What is to be known of a step before it runs, the strongest first.
fn of_step(step: &PlanStep) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |name: &str, value: String| lines.push(format!("{name}: {value}"));
    if let Some(condition) = &step.condition {
        say("if", condition.clone());
    }
    if !step.needs.is_empty() {
        say("needs", step.needs.join(", "));
    }
    if let Some(command) = &step.command {
        say("command", command.trim_end().to_owned());
    }
    if !step.env.is_empty() {
        say("env", step.env.join(", "));
    }
    if let Some(role) = step.role {
        say("role", role.as_str().to_owned());
    }
    if !step.tools.is_empty() {
        say("tools", step.tools.join(", "));
    }
    if let Some(bytes) = step.prompt_bytes {
        say("prompt", format!("{bytes} bytes"));
    }
    if let Some(turns) = step.limits.turns {
        say("turns", format!("at most {turns}"));
    }
    if !step.files.is_empty() {
        say("writes", step.files.join(", "));
    }
    if let Some(question) = &step.question {
        say("asks a person", question.clone());
    }
    for gate in &step.gates {
        say("gate", format!("{}: {}", gate.kind, gate.of));
    }
    if let Some(goto) = &step.goto {
        say("goes to", goto.clone());
    }
    if let Some(back) = step.back.as_ref().filter(|_| step.goto.is_none()) {
        say(
            "red",
            format!("back to {}, at most {}", back.to, times(back.ways_max)),
        );
    }
    if step.continue_on_error {
        say("red", "the run goes on".to_owned());
    }
    if let Some(seconds) = step.timeout_s {
        say("timeout", format!("{seconds} s"));
    }
    if !step.outputs.is_empty() {
        say("hands over", step.outputs.join(", "));
    }
    if !step.open.is_empty() {
        say("not known yet", step.open.join(", "));
    }
    lines
}
