//! The GOTCHA file: Goals, Orchestration, Tools, Context, Hard prompts, Args. Written from what was recorded, never by the
//! model: a proof of work that its worker writes proves nothing.

use std::fmt::Write;

use alai_core::mode::Mode;

use crate::redact::redact;
use crate::report::ExitStatus;
use crate::text::cut;
use crate::walk::Walk;

/// Commands listed; the trajectory has them all.
const COMMANDS_SHOWN_MAX: usize = 40;
const LINE_BYTES_MAX: usize = 200;

/// The file's content, without secrets: unlike the report it is meant to be read and kept.
pub(crate) fn write(walk: &Walk<'_>, status: &ExitStatus, mode: Mode) -> String {
    let mut out = String::new();
    goals(&mut out, walk);
    orchestration(&mut out, walk, status);
    tools(&mut out, walk);
    context(&mut out, walk);
    hard_prompts(&mut out, walk);
    args(&mut out, walk, mode);
    redact(&out).into_owned()
}

fn goals(out: &mut String, walk: &Walk<'_>) {
    let brief = walk.brief;
    section(out, "Goals");
    item(out, &format!("Task {}: {}", brief.task, brief.title));
    for criterion in &brief.acceptance {
        item(out, &format!("Acceptance: {criterion}"));
    }
    for check in &brief.checks {
        item(out, &format!("Check: `{check}`"));
    }
}

fn orchestration(out: &mut String, walk: &Walk<'_>, status: &ExitStatus) {
    let brief = walk.brief;
    section(out, "Orchestration");
    let (role, company) = (brief.role.as_str(), &brief.company.name);
    item(
        out,
        &format!(
            "Run {} (try {}), {role}, {company}",
            brief.run, brief.attempt
        ),
    );
    item(
        out,
        &format!("Blueprint {}, ended: {status}", brief.blueprint.name),
    );
    walk.log.steps.iter().for_each(|step| item(out, step));
}

fn tools(out: &mut String, walk: &Walk<'_>) {
    section(out, "Tools");
    for (tool, (all, failed)) in &walk.log.tools {
        item(out, &format!("{tool}: {all} calls, {failed} failed"));
    }
    for captured in walk.commands.iter().take(COMMANDS_SHOWN_MAX) {
        let command = captured.record.argv.last().map_or("", String::as_str);
        item(
            out,
            &format!("`{}`: {}", cut(command, 120), captured.record.exit),
        );
    }
    if walk.commands.len() > COMMANDS_SHOWN_MAX {
        item(
            out,
            &format!("{} more commands", walk.commands.len() - COMMANDS_SHOWN_MAX),
        );
    }
}

fn context(out: &mut String, walk: &Walk<'_>) {
    let brief = walk.brief;
    section(out, "Context");
    item(
        out,
        &format!(
            "Project {}, base {}",
            brief.project.name, brief.project.base
        ),
    );
    item(
        out,
        &format!(
            "Head: {}",
            walk.head.as_deref().unwrap_or("nothing was committed")
        ),
    );
    for part in &walk.pack {
        item(out, &format!("Shown: {}", part.source));
    }
    for entry in &brief.recalled {
        item(out, &format!("Recalled: [{}] {}", entry.id, entry.source));
    }
}

fn hard_prompts(out: &mut String, walk: &Walk<'_>) {
    section(out, "Hard prompts");
    if walk.log.hard.is_empty() {
        item(out, "none");
    }
    walk.log.hard.iter().for_each(|hard| item(out, hard));
}

fn args(out: &mut String, walk: &Walk<'_>, mode: Mode) {
    section(out, "Args");
    item(out, &format!("Model {}, mode {mode}", walk.model()));
    let (usage, limits) = (walk.usage, walk.brief.limits);
    let tokens = format!(
        "{} prompt and {} output tokens",
        usage.prompt_tokens, usage.output_tokens
    );
    item(
        out,
        &format!("{} of {} turns, {tokens}", walk.turns, limits.turns_max),
    );
    for (name, value) in &walk.brief.blueprint.inputs {
        item(out, &format!("{name} = {value}"));
    }
}

fn section(out: &mut String, title: &str) {
    let gap = if out.is_empty() { "" } else { "\n" };
    let _ = writeln!(out, "{gap}## {title}");
}

/// One line, whatever the text held: titles and paths come from others.
fn item(out: &mut String, text: &str) {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let _ = writeln!(out, "- {}", cut(line.trim(), LINE_BYTES_MAX));
}
