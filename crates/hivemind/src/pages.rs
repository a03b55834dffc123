//! The text of the wiki's pages: the four templates of the roadmap (request, status, evidence, postflight). Pure.

use std::fmt::Write;

use alai_core::brief::Role;
use alai_core::plan::{Plan, PlanSource};
use alai_core::task::{State, Task};
use alai_core::trust::Trust;

use crate::markdown::{block, code, inline};
use crate::wiki::PageKind;

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
    /// Who it waits for, and what he does; none where it goes on by itself or is over.
    pub next: Option<String>,
}

/// The request page: the goal, its specification and its plan.
pub fn spec(goal: &Task, plan: &Plan, source: PlanSource, why_template: Option<&str>) -> String {
    let mut page = format!("# {} {}\n\n", goal.id, inline(&goal.title));
    links(
        &mut page,
        PageKind::Request,
        &[PageKind::Status, PageKind::Evidence],
    );
    let _infallible = match (source, why_template) {
        (PlanSource::Model, _) => writeln!(page, "Planned by the lead's model.\n"),
        (PlanSource::Edited, _) => writeln!(page, "Planned as a person edited it.\n"),
        (PlanSource::File, _) => {
            writeln!(page, "Planned by a person's file; no model was asked.\n")
        }
        (PlanSource::Delegated, _) => writeln!(page, "Handed out by a lead, task by task.\n"),
        (PlanSource::Template, Some(why)) => {
            writeln!(page, "Planned from the template: {}\n", inline(why))
        }
        (PlanSource::Template, None) => writeln!(page, "Planned from the template.\n"),
    };
    page.push_str("## Request\n\n");
    quote(&mut page, &goal.description);
    page.push_str("\n## Specification\n\n");
    page.push_str(&block(plan.spec.trim()));
    page.push_str("\n\n## Plan\n\n");
    for task in &plan.tasks {
        let needs = if task.needs.is_empty() {
            String::new()
        } else {
            format!(" (needs {})", inline(&task.needs.join(", ")))
        };
        let _infallible = writeln!(
            page,
            "- **{}**: {}{needs}",
            inline(&task.key),
            inline(&task.title)
        );
        let who = task.company.as_deref().unwrap_or("by its words");
        if task.company.is_some() || task.role == Role::Lead {
            let _infallible = writeln!(page, "  - {}: {}", task.role.as_str(), inline(who));
        }
        for criterion in &task.acceptance {
            let _infallible = writeln!(page, "  - {}", inline(criterion));
        }
    }
    page
}

/// The status page of a goal.
pub fn status(goal: &TaskLine, tasks: &[TaskLine], there: &[PageKind]) -> String {
    let mut page = format!(
        "# {} {}\n\n**{}**{}",
        goal.task.id,
        inline(&goal.task.title),
        goal.shown,
        goal.trust
            .map(|level| format!(", {level}"))
            .unwrap_or_default()
    );
    if let Some(next) = &goal.next {
        let _infallible = write!(page, "; next: {}", inline(next));
    }
    page.push_str("\n\n");
    links(&mut page, PageKind::Status, there);
    page.push_str("| Task | State | Trust | What | Mode | Next |\n|---|---|---|---|---|---|\n");
    for line in tasks {
        let _infallible = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            to_evidence(line, there),
            line.shown,
            line.trust.map_or("", Trust::as_str),
            inline(&line.task.title),
            line.mode.as_deref().unwrap_or(""),
            inline(line.next.as_deref().unwrap_or_default())
        );
    }
    page
}

/// The postflight page: what was built, with which evidence, what is open.
pub fn postflight(goal: &Task, tasks: &[TaskLine]) -> String {
    let mut page = format!("# Postflight: {} {}\n\n", goal.id, inline(&goal.title));
    links(&mut page, PageKind::Postflight, &PageKind::ALL);
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
            inline(&line.task.title)
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
            let title = inline(&line.task.title);
            let _infallible = writeln!(page, "- {} {title}: {level}", line.task.id);
        }
    }
    page.push_str("\n## Evidence\n\n");
    for line in tasks.iter().filter(|l| l.evidence.is_some()) {
        let path = line.evidence.as_deref().unwrap_or_default();
        let _infallible = writeln!(
            page,
            "- {} ({}): {}",
            line.task.id,
            line.task.kind,
            code(path)
        );
    }
    page.push_str("\n## Lessons learned\n\n");
    let mut learned = false;
    for line in tasks.iter().filter(|l| !l.task.findings.is_empty()) {
        learned = true;
        for finding in &line.task.findings {
            let _infallible = writeln!(page, "- {}: {}", line.task.id, inline(finding));
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
                inline(&line.task.title)
            );
        }
    }
    page
}

/// The evidence page: of each task that has a package, what it rests on and how that is checked by anybody.
pub fn evidence(goal: &Task, tasks: &[TaskLine], there: &[PageKind]) -> String {
    let mut page = format!("# Evidence: {} {}\n\n", goal.id, inline(&goal.title));
    links(&mut page, PageKind::Evidence, there);
    page.push_str(
        "What is written here points at packages; what counts is what `alai evidence verify` says of them.\n",
    );
    let packed: Vec<&TaskLine> = tasks.iter().filter(|l| l.evidence.is_some()).collect();
    if packed.is_empty() {
        page.push_str("\nThere is none yet.\n");
    }
    for line in packed {
        let task = &line.task;
        let _infallible = write!(page, "\n## Task {}\n\n", task.id.0);
        let _infallible = writeln!(page, "{}: {}\n", task.kind, inline(&task.title));
        let trust = line
            .trust
            .map_or(String::new(), |level| format!(", {level}"));
        let _infallible = writeln!(page, "- state: {}{trust}", line.shown);
        if let Some(mode) = &line.mode {
            let _infallible = writeln!(page, "- mode: {}", inline(mode));
        }
        for (name, commit) in [
            ("base", &task.base),
            ("commit", &task.head),
            ("merged as", &task.integrated),
        ] {
            if let Some(commit) = commit {
                let _infallible = writeln!(page, "- {name}: {}", code(commit));
            }
        }
        let path = line.evidence.as_deref().unwrap_or_default();
        let _infallible = writeln!(page, "- package: {}", code(path));
        let _infallible = writeln!(
            page,
            "- check it: `alai evidence verify {0}`, `alai evidence show {0}`",
            task.id.0
        );
    }
    page
}

/// A task's number, which leads to its evidence where there is some.
fn to_evidence(line: &TaskLine, there: &[PageKind]) -> String {
    match line.evidence.is_some() && there.contains(&PageKind::Evidence) {
        true => format!("[{}](evidence.md#task-{})", line.task.id, line.task.id.0),
        false => line.task.id.to_string(),
    }
}

fn quote(page: &mut String, text: &str) {
    for line in block(text).lines() {
        let _infallible = writeln!(page, "> {line}");
    }
}

/// The other pages of the same goal, those that are there.
fn links(page: &mut String, own: PageKind, there: &[PageKind]) {
    let others = PageKind::ALL
        .into_iter()
        .filter(|kind| *kind != own && there.contains(kind));
    let links: Vec<String> = others
        .map(|kind| format!("[{}]({})", title(kind), kind.file()))
        .collect();
    if !links.is_empty() {
        let _infallible = writeln!(page, "{}\n", links.join(" · "));
    }
}

fn title(kind: PageKind) -> &'static str {
    match kind {
        PageKind::Request => "Request",
        PageKind::Status => "Status",
        PageKind::Evidence => "Evidence",
        PageKind::Postflight => "Postflight",
    }
}

/// What a person's own page begins with.
pub fn blank(kind: PageKind, name: &str) -> String {
    let parts: &[&str] = match kind {
        PageKind::Request => &["Request", "Specification", "Acceptance", "Plan"],
        PageKind::Status => &["Where it stands", "Next", "Blockers"],
        PageKind::Evidence => &[
            "What was checked",
            "Commands and results",
            "What is not shown",
        ],
        PageKind::Postflight => &["What was done", "Evidence", "Lessons learned", "Still open"],
    };
    let mut page = format!("# {}\n", inline(name));
    for part in parts {
        let _infallible = write!(page, "\n## {part}\n\n");
    }
    page
}
