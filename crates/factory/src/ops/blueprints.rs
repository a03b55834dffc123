//! A blueprint that a person chooses for a task, with what it is given: it must be there, be able to do such a task, and take that.

use std::collections::BTreeMap;

use alai_core::blueprint::{Action, Blueprint, BlueprintError, ToolName};
use alai_core::brief::Role;
use alai_core::company::Company;
use alai_core::routing::{self, Ask};
use alai_core::task::{NewTask, TaskKind};

use super::{Desk, OpError, OpErrorKind};
use crate::way::{self, ANY_TEST, TEST_COMMAND};

/// Pins a new task to a blueprint of the company that does it, and to that company where nobody else has it.
pub(super) fn choose(
    desk: &Desk<'_>,
    new: &mut NewTask,
    blueprint: Option<String>,
    inputs: BTreeMap<String, String>,
    test: Option<&str>,
) -> Result<(), OpError> {
    let Some(name) = blueprint else {
        if inputs.is_empty() {
            return Ok(());
        }
        let message = "inputs are of a blueprint, and none is named";
        let hint = "say which with `--blueprint NAME`; `alai blueprint list` shows them";
        return Err(OpError::new(OpErrorKind::Usage, message, hint));
    };
    let company = whose(desk, new, &name)?;
    new.inputs = inputs;
    fits(desk, company, &name, new, test)?;
    no_secret(&new.inputs)?;
    if company.blueprints.contains(&name) {
        // Another's run could not find it: what a model says of the task must not send it there.
        new.company_pin = Some(company.name.clone());
    }
    new.blueprint = Some(name);
    Ok(())
}

/// Checks that the lead of the company which the goal goes to can walk it.
pub(super) fn leads(desk: &Desk<'_>, name: &str, spec: &NewTask) -> Result<(), OpError> {
    let failed = |e: &dyn std::fmt::Display| OpError::new(OpErrorKind::Failed, e.to_string(), "");
    let route = routing::route(Ask::of_new(spec), &desk.packs.registry).map_err(|e| failed(&e))?;
    let company = desk.packs.registry.find(&route.company);
    let company = company.map_err(|e| failed(&e))?;
    let library = desk.packs.library(Some(company)).map_err(|e| failed(&e))?;
    let fit = |name: &str| leading(desk, company, name, &spec.title);
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
fn leading(desk: &Desk<'_>, company: &Company, name: &str, title: &str) -> Result<(), String> {
    let given = way::given_to(TaskKind::Spec, title, &BTreeMap::new(), Some(ANY_TEST));
    let found = desk.packs.blueprint(company, name, &given);
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

/// The company that walks it: the one that the task goes to, or, where no person chose that and it lacks it, the only one that has it.
fn whose<'d>(desk: &Desk<'d>, new: &NewTask, name: &str) -> Result<&'d Company, OpError> {
    let failed = |e: &dyn std::fmt::Display| OpError::new(OpErrorKind::Failed, e.to_string(), "");
    let registry = &desk.packs.registry;
    let route = routing::route(Ask::of_new(new), registry).map_err(|e| failed(&e))?;
    let company = registry.find(&route.company).map_err(|e| failed(&e))?;
    let has = |company: &Company| {
        company.blueprints.contains(name) || desk.packs.blueprints.contains_key(name)
    };
    if has(company) || new.company_pin.is_some() {
        return Ok(company);
    }
    let stage = route.stage;
    let owners = registry.companies().iter();
    let owners: Vec<&Company> = owners
        .filter(|one| one.blueprints.contains(name) && one.works_at(stage))
        .collect();
    match owners.as_slice() {
        [] => Ok(company),
        [one] => Ok(one),
        several => {
            let names: Vec<&str> = several.iter().map(|one| one.name.as_str()).collect();
            let message = format!("several companies have a blueprint `{name}`");
            let hint = format!("say whose with `--company`: {}", names.join(", "));
            Err(OpError::new(OpErrorKind::Usage, message, &hint))
        }
    }
}

/// Checks that the company can walk it for such a task, with what it is given.
fn fits(
    desk: &Desk<'_>,
    company: &Company,
    name: &str,
    new: &NewTask,
    test: Option<&str>,
) -> Result<(), OpError> {
    let library = desk.packs.library(Some(company));
    let library = library.map_err(|e| OpError::new(OpErrorKind::Failed, e.to_string(), ""))?;
    let (kind, house) = (new.kind, &company.name);
    if !library.contains_key(name) {
        let names = library.keys().map(String::as_str);
        let known: Vec<&str> = names.filter(|name| builds(desk, company, name)).collect();
        let message = format!("there is no blueprint `{name}`");
        let hint = format!("for a {kind} {house} has {}", known.join(", "));
        return Err(OpError::new(OpErrorKind::NotFound, message, &hint));
    }
    let refused = |why: &dyn std::fmt::Display, hint: &str| {
        let message = format!("the blueprint `{name}` is none for a {kind}: {why}");
        OpError::new(OpErrorKind::Usage, message, hint)
    };
    // A project without a test command is told so when the work begins.
    let test = Some(test.unwrap_or(ANY_TEST));
    let given = way::given_to(kind, &new.title, &new.inputs, test);
    match desk.packs.blueprint(company, name, &given) {
        Ok(found) if changes_code(&found) => Ok(()),
        Ok(_) => Err(refused(
            &"it changes no file",
            "a company's `blueprints` name what judges",
        )),
        Err(why) => Err(refused(&why, &remedy(name, house, &why, new))),
    }
}

/// How to give it what it wants.
fn remedy(name: &str, company: &str, why: &BlueprintError, new: &NewTask) -> String {
    let show =
        format!("`alai blueprint run {name} --company {company} --dry-run` shows what it takes");
    if new.inputs.contains_key(TEST_COMMAND) {
        return "the tests are the project's: `alai project set NAME --test \"COMMAND\"`"
            .to_owned();
    }
    if let BlueprintError::MissingInput { input, .. } = why {
        return format!("give it with `--input {input}=VALUE`; {show}");
    }
    show
}

/// Whether it could build something, whatever it is given.
fn builds(desk: &Desk<'_>, company: &Company, name: &str) -> bool {
    let found = desk.packs.resolved(Some(company), name, &BTreeMap::new());
    found.is_ok_and(|found| changes_code(&found.blueprint))
}

/// Inputs stand in the store, in prompts and in evidence.
fn no_secret(inputs: &BTreeMap<String, String>) -> Result<(), OpError> {
    for (name, value) in inputs {
        if let Some(spot) = alai_gate::secrets_in(value).into_iter().next() {
            let message = format!(
                "the input `{name}` holds {}, and inputs are no place for it",
                spot.what
            );
            let hint = "name where the project's programs find it, such as a variable";
            return Err(OpError::new(OpErrorKind::Usage, message, hint));
        }
    }
    Ok(())
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
