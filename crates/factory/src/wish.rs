//! Which model a task asks for, as its company's pack and its own class say: what a claim is given by, a run works with, and
//! people are shown.

use alai_core::company::ModelChoice;
use alai_core::pipeline::Failure;
use alai_core::routing::{self, Ask, Want, Wish};
use alai_core::task::Task;
use alai_core::transition::Transition;

use crate::config::Config;
use crate::models::raised;
use crate::packs::Packs;
use crate::run::RunError;
use crate::unasked;

/// Said where no model is wished for.
pub(crate) const NO_MODEL: &str = "none: its blueprint asks no model";

/// The wish of a task, in the company that it is routed to.
pub(crate) fn of(packs: &Packs, task: &Task) -> Result<Wish, RunError> {
    packs
        .company_for(task)
        .map(|company| routing::wish(task, company))
}

/// The model of a wish; where a safety rule gives the task to a person, the wait for that.
pub(crate) fn model<'w>(
    config: &Config,
    task: &Task,
    wish: &'w Wish,
) -> Result<&'w ModelChoice, Failure> {
    if let Want::Model(choice) = &wish.want
        && task.handed.is_none()
        && is_a_persons(config, task, choice)
    {
        return Err(Failure::Human {
            detail: wish.reasons.join("; "),
            at: Transition::Spawn,
        });
    }
    match &wish.want {
        Want::Model(choice) => Ok(choice),
        Want::Person(rule) => Err(Failure::Rail {
            rule: rule.as_str().to_owned(),
            detail: "the task's own text asks for what a person must clear".to_owned(),
        }),
    }
}

/// Which model a task would get now and why, in lines for people. What cannot be routed has its reason as the answer.
pub fn explain(packs: &Packs, task: &Task) -> Vec<String> {
    if unasked::by_packs(packs, task) {
        return vec![NO_MODEL.to_owned()];
    }
    match of(packs, task) {
        Ok(wish) => wish.reasons,
        Err(e) => vec![e.to_string()],
    }
}

/// Which company a task would go to now and why, in lines for people.
pub fn explain_route(packs: &Packs, task: &Task) -> Vec<String> {
    match routing::route(Ask::of(task), &packs.registry) {
        Ok(route) => {
            let company = packs.registry.find(&route.company).ok();
            let closed = company.and_then(|company| company.closed.as_ref());
            let closed = closed.map(|closed| closed.said(&route.company));
            route.said().into_iter().chain(closed).collect()
        }
        Err(e) => vec![e.to_string()],
    }
}

/// Whether a person has handed in what was his to do: it is measured, and no model is looked for.
pub(crate) fn is_done_by_a_person(config: &Config, task: &Task, choice: &ModelChoice) -> bool {
    // What a person judged is his word, whoever would have judged else; what he built is measured by whoever measures it.
    task.handed.is_some() && (!task.kind.changes_code() || is_a_persons(config, task, choice))
}

/// A person's, by the word of the pack or the pin, or because the tier is.
fn is_a_persons(config: &Config, task: &Task, choice: &ModelChoice) -> bool {
    match choice {
        ModelChoice::Human => true,
        ModelChoice::Tier(tier) => {
            let tier = raised(*tier, task.counters.escalations);
            config.human_tiers.contains(&tier)
        }
        ModelChoice::Named { .. } => false,
    }
}

/// Why a run has its model, in one line: what is kept with the run.
pub(crate) fn said(wish: &Wish, escalations: u32) -> String {
    let mut said = wish.reasons.join("; ");
    if escalations > 0 {
        said.push_str(&format!(
            "; {escalations} tier(s) up, because of what was found wrong"
        ));
    }
    said
}
