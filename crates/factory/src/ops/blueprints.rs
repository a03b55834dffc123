//! A blueprint that a person chooses for a task: it must be there, and it must be able to do such a task.

use std::collections::BTreeMap;

use alai_core::blueprint::{Action, Blueprint, ToolName};
use alai_core::brief::Role;
use alai_core::company::Company;
use alai_core::routing::{self, Ask};
use alai_core::task::NewTask;

use super::{Desk, OpError, OpErrorKind};

/// Checks that the company which the task goes to can walk it.
pub(super) fn fits(desk: &Desk<'_>, name: &str, new: &NewTask) -> Result<(), OpError> {
    let failed = |e: &dyn std::fmt::Display| OpError::new(OpErrorKind::Failed, e.to_string(), "");
    if !new.solo {
        let message =
            "a blueprint is chosen for a minion alone: the stages of a pipeline have their own";
        let hint = "`alai minion run \"TASK\" --blueprint NAME`";
        return Err(OpError::new(OpErrorKind::Usage, message, hint));
    }
    let route = routing::route(Ask::of_new(new), &desk.packs.registry).map_err(|e| failed(&e))?;
    let company = desk.packs.registry.find(&route.company);
    let company = company.map_err(|e| failed(&e))?;
    let library = desk.packs.library(Some(company));
    let library = library.map_err(|e| failed(&e))?;
    let fit = |name: &str| fitting(desk, company, name);
    let names = library.keys().map(String::as_str);
    let known: Vec<&str> = names.filter(|name| fit(name).is_ok()).collect();
    let hint = format!(
        "for a {} {} has {}",
        new.kind,
        company.name,
        known.join(", ")
    );
    if !library.contains_key(name) {
        let message = format!("there is no blueprint `{name}`");
        return Err(OpError::new(OpErrorKind::NotFound, message, &hint));
    }
    fit(name).map_err(|why| {
        let message = format!("the blueprint `{name}` is none for a {}: {why}", new.kind);
        OpError::new(OpErrorKind::Usage, message, &hint)
    })
}

/// Checks that the lead of the company which the goal goes to can walk it.
pub(super) fn leads(desk: &Desk<'_>, name: &str, spec: &NewTask) -> Result<(), OpError> {
    let failed = |e: &dyn std::fmt::Display| OpError::new(OpErrorKind::Failed, e.to_string(), "");
    let route = routing::route(Ask::of_new(spec), &desk.packs.registry).map_err(|e| failed(&e))?;
    let company = desk.packs.registry.find(&route.company);
    let company = company.map_err(|e| failed(&e))?;
    let library = company.library(&desk.packs.blueprints);
    let fit = |name: &str| leading(desk, company, name);
    let names = library.keys().map(String::as_str);
    let known: Vec<&str> = names.filter(|name| fit(name).is_ok()).collect();
    let hint = format!("the lead of {} has {}", company.name, known.join(", "));
    if !library.contains_key(name) {
        let message = format!("there is no blueprint `{name}`");
        return Err(OpError::new(OpErrorKind::NotFound, message, &hint));
    }
    fit(name).map_err(|why| {
        let message = format!("the blueprint `{name}` is none for a lead: {why}");
        OpError::new(OpErrorKind::Usage, message, &hint)
    })
}

/// Whether a lead could walk it, who changes no file and asks nobody.
fn leading(desk: &Desk<'_>, company: &Company, name: &str) -> Result<(), String> {
    let inputs = BTreeMap::from([("test_command".to_owned(), "true".to_owned())]);
    let found = desk.packs.blueprint(company, name, &inputs);
    let found = found.map_err(|why| why.to_string())?;
    let is = |what: fn(&Action) -> bool| found.steps.iter().any(|step| what(&step.action));
    if changes_code(&found) {
        return Err("it changes files".to_owned());
    }
    if is(|action| matches!(action, Action::Human { .. })) {
        return Err("it asks a person in the middle".to_owned());
    }
    // Whoever walks it without a step of the lead's own could hand nothing out.
    let leads = |action: &Action| {
        matches!(
            action,
            Action::Agent {
                role: None | Some(Role::Lead),
                ..
            }
        )
    };
    match is(leads) && !is(|action| matches!(action, Action::Ask { .. })) {
        true => Ok(()),
        false => Err("no step of it lets a lead hand anything out".to_owned()),
    }
}

/// Whether a run could walk it; its real test command is only known on the base.
fn fitting(desk: &Desk<'_>, company: &Company, name: &str) -> Result<(), String> {
    const READS: &str = "it changes no file";
    let inputs = BTreeMap::from([("test_command".to_owned(), "true".to_owned())]);
    match desk.packs.blueprint(company, name, &inputs) {
        Ok(found) if changes_code(&found) => Ok(()),
        Ok(_) => Err(READS.to_owned()),
        Err(why) => Err(why.to_string()),
    }
}

fn changes_code(blueprint: &Blueprint) -> bool {
    blueprint.steps.iter().any(|step| match &step.action {
        Action::Agent { tools, .. } => {
            tools.contains(&ToolName::Edit) || tools.contains(&ToolName::Write)
        }
        Action::Scaffold { .. } => true,
        Action::Context
        | Action::Ask { .. }
        | Action::Run { .. }
        | Action::Gate { .. }
        | Action::Branch { .. }
        | Action::Human { .. }
        | Action::Report => false,
    })
}
