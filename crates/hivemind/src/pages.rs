//! The text of the wiki's pages: the four templates of the roadmap (request, status, evidence, postflight). Pure.

use std::fmt::Write;

use alai_core::brief::Role;
use alai_core::plan::{Plan, PlanSource};
use alai_core::task::{State, Task};
use alai_core::trust::Trust;

/// What a status or postflight page says of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLine {
    pub task: Task,
    /// The state as people see it (`stalled` included).
    pub shown: String,
    /// How far what is done is proven; none where nothing is claimed that could be.
    pub trust: Option<Trust>,
    /// `real` or `simulated`, of its last run.
    pub mode: Option<String>,
    /// The folder of its last run's evidence.
    pub evidence: Option<String>,
}

/// The request page: the goal, its specification and its plan.
pub fn spec(goal: &Task, plan: &Plan, source: PlanSource, why_template: Option<&str>) -> String {
    let mut page = format!("# {} {}\n\n", goal.id, one_line(&goal.title));
    let _infallible = match (source, why_template) {
        (PlanSource::Model, _) => writeln!(page, "Planned by the lead's model.\n"),
        (PlanSource::Delegated, _) => writeln!(page, "Handed out by a lead, task by task.\n"),
        (PlanSource::Template, Some(why)) => {
            writeln!(page, "Planned from the template: {}\n", one_line(why))
        }
        (PlanSource::Template, None) => writeln!(page, "Planned from the template.\n"),
    };
    page.push_str("## Request\n\n");
    quote(&mut page, &goal.description);
    page.push_str("\n## Specification\n\n");
    page.push_str(plan.spec.trim());
    page.push_str("\n\n## Plan\n\n");
    for task in &plan.tasks {
        let needs = if task.needs.is_empty() {
            String::new()
        } else {
            format!(" (needs {})", task.needs.join(", "))
        };
        let _infallible = writeln!(
            page,
            "- **{}**: {}{needs}",
            one_line(&task.key),
            one_line(&task.title)
        );
        let who = task.company.as_deref().unwrap_or("by its words");
        if task.company.is_some() || task.role == Role::Lead {
            let _infallible = writeln!(page, "  - {}: {}", task.role.as_str(), one_line(who));
        }
        for criterion in &task.acceptance {
            let _infallible = writeln!(page, "  - {}", one_line(criterion));
        }
    }
    page
}

/// The status page of a goal.
pub fn status(goal: &TaskLine, tasks: &[TaskLine]) -> String {
    let mut page = format!(
        "# {} {}\n\n**{}**{}",
        goal.task.id,
        one_line(&goal.task.title),
        goal.shown,
        goal.trust
            .map(|level| format!(", {level}"))
            .unwrap_or_default()
    );
    if let Some(waiting) = &goal.task.waiting {
        let _infallible = write!(
            page,
            " for {}: {}",
            waiting.owner,
            one_line(&waiting.next_action)
        );
    }
    page.push_str("\n\n| Task | State | Trust | What | Mode | Next |\n|---|---|---|---|---|---|\n");
    for line in tasks {
        let next = line
            .task
            .waiting
            .as_ref()
            .map(|w| format!("{}: {}", w.owner, w.next_action))
            .unwrap_or_default();
        let _infallible = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            line.task.id,
            line.shown,
            line.trust.map_or("", Trust::as_str),
            cell(&line.task.title),
            line.mode.as_deref().unwrap_or(""),
            cell(&next)
        );
    }
    page
}

/// The postflight page: what was built, with which evidence, what is open.
pub fn postflight(goal: &Task, tasks: &[TaskLine]) -> String {
    let mut page = format!("# Postflight: {} {}\n\n", goal.id, one_line(&goal.title));
    if tasks.iter().any(|t| t.mode.as_deref() == Some("simulated")) {
        page.push_str(
            "**simulated**: the model's replies were a recording; everything else was real.\n\n",
        );
    }
    page.push_str("## What was merged\n\n");
    let told = |line: &&TaskLine| line.trust.is_none_or(Trust::may_be_told);
    for line in tasks
        .iter()
        .filter(|l| l.task.integrated.is_some())
        .filter(told)
    {
        let commit = line.task.integrated.as_deref().unwrap_or_default();
        let trust = line
            .trust
            .map(|level| format!(", {level}"))
            .unwrap_or_default();
        let _infallible = writeln!(
            page,
            "- {} {} as `{commit}`{trust}",
            line.task.id,
            one_line(&line.task.title)
        );
    }
    let claimed: Vec<&TaskLine> = tasks.iter().filter(|l| !told(l)).collect();
    if !claimed.is_empty() {
        page.push_str("\n## Claimed, and proven by nobody else\n\n");
        for line in claimed {
            let level = line
                .trust
                .map(|level| level.to_string())
                .unwrap_or_default();
            let title = one_line(&line.task.title);
            let _infallible = writeln!(page, "- {} {title}: {level}", line.task.id);
        }
    }
    page.push_str("\n## Evidence\n\n");
    for line in tasks.iter().filter(|l| l.evidence.is_some()) {
        let path = line.evidence.as_deref().unwrap_or_default();
        let _infallible = writeln!(page, "- {} ({}): `{path}`", line.task.id, line.task.kind);
    }
    page.push_str("\n## What was learned\n\n");
    let mut learned = false;
    for line in tasks.iter().filter(|l| !l.task.findings.is_empty()) {
        learned = true;
        for finding in &line.task.findings {
            let _infallible = writeln!(page, "- {}: {}", line.task.id, one_line(finding));
        }
    }
    if !learned {
        page.push_str("No gate and no reviewer sent anything back.\n");
    }
    let open: Vec<&TaskLine> = tasks
        .iter()
        .filter(|l| !l.task.state.terminal() && l.task.state != State::Open)
        .collect();
    if !open.is_empty() {
        page.push_str("\n## Still open\n\n");
        for line in open {
            let _infallible = writeln!(
                page,
                "- {} [{}] {}",
                line.task.id,
                line.shown,
                one_line(&line.task.title)
            );
        }
    }
    page
}

/// Text of people and models stays one line and cannot open a heading, a table or a fence of ours.
fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('`', "'")
}

fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

fn quote(page: &mut String, text: &str) {
    for line in text.lines() {
        let _infallible = writeln!(page, "> {line}");
    }
}
