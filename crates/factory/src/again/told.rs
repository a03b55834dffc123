//! What a lead is told of a task that died: its words, what a run of it has, how each try ended, what was found and what the last try had
//! made. All of it is data of others: it is free of secrets, bounded, and begins no part of what the lead is told.

use alai_core::task::Task;
use alai_mission::{MissionError, RunRow, RunState};
use alai_workspace::git::{self, Diff, Oid, Repo};

use crate::beat::Factory;
use crate::way;
use crate::work::keep::rest_ref;
use crate::work::work_ref;

/// Runs that are told of, the newest: what came before them was another model's or another person's word.
const RUNS_TOLD: usize = 6;
/// Paths of what was tried; more is a change of everything, and says so.
const PATHS_TOLD: usize = 60;
/// Bytes of the change itself, its beginning: as much as a README beside it, so that a small window holds both.
const PATCH_BYTES_TOLD: usize = 6_000;
/// Findings that are told, the newest, and bytes of each and of how a run ended: a small model reads no more beside the files.
const FINDINGS_TOLD: usize = 8;
const END_BYTES_MAX: usize = 1_000;

/// The task that died, in words for its lead.
pub(crate) fn told(
    factory: &Factory,
    dead: &Task,
    repo: &Repo,
    base: &Oid,
) -> Result<String, MissionError> {
    let mut text = words(dead);
    text.push_str(&limits(factory));
    let runs = factory.mission().runs_of(dead.id)?;
    let ended: Vec<&RunRow> = { runs.iter() }
        .filter(|run| run.state != RunState::Live)
        .collect();
    text.push_str("\n# How its tries ended\n\n");
    for run in ended.iter().rev().take(RUNS_TOLD).rev() {
        let model = run.model.as_deref().unwrap_or("no model");
        let outcome = run.outcome.as_deref().unwrap_or("no end is known");
        text.push_str(&format!("- {model}: {}\n", line(outcome)));
    }
    if !dead.findings.is_empty() {
        text.push_str("\n# What was found\n\n");
        let older = dead.findings.len().saturating_sub(FINDINGS_TOLD);
        for finding in dead.findings.iter().skip(older) {
            text.push_str(&format!("- {}\n", line(finding)));
        }
    }
    let from = dead.base.as_deref().and_then(|base| base.parse().ok());
    let from = from.as_ref().unwrap_or(base);
    let changed = { ended.iter().rev() }.find_map(|run| made(repo, run, from));
    text.push_str(&changed.map_or_else(
        || "\nNo try has changed a file.\n".to_owned(),
        |diff| change(&diff),
    ));
    Ok(text)
}

fn words(dead: &Task) -> String {
    let mut text = format!("# Task\n\n{}\n\n{}\n", dead.title, dead.description);
    for criterion in &dead.acceptance {
        text.push_str(&format!("- accepted when: {criterion}\n"));
    }
    for check in &dead.checks {
        text.push_str(&format!(
            "- accepted when this command exits 0: `{check}`\n"
        ));
    }
    match dead.changes_tests.is_empty() {
        true => text.push_str("- it may change no test that is there\n"),
        false => text.push_str(&format!(
            "- tests that it may change: {}\n",
            dead.changes_tests.join(", ")
        )),
    }
    text
}

/// What one run has: what a part must be done within. A blueprint may give it less.
fn limits(factory: &Factory) -> String {
    let limits = way::limits_set(factory.config());
    format!(
        "\n# What one try has\n\nAt most {} turns of its model, {} minutes and {} tokens; a part has as much.\n",
        limits.turns_max,
        limits.wall_s_max.div_ceil(60),
        limits.tokens_max
    )
}

/// What a run had made when it ended, with what it never committed; none where that is nothing, or cannot be read.
fn made(repo: &Repo, run: &RunRow, from: &Oid) -> Option<Diff> {
    [rest_ref(&run.id), work_ref(&run.id)]
        .iter()
        .find_map(|name| {
            let head = git::resolve(repo, name).ok()??;
            let diff = git::diff(repo, from, &head).ok()?;
            (!diff.files.is_empty()).then_some(diff)
        })
}

fn change(diff: &Diff) -> String {
    let mut text = "\n# What the last try that changed files had made\n\n".to_owned();
    for file in diff.files.iter().take(PATHS_TOLD) {
        text.push_str(&format!("- {}\n", line(&file.path)));
    }
    if diff.files.len() > PATHS_TOLD {
        text.push_str(&format!("- and {} more\n", diff.files.len() - PATHS_TOLD));
    }
    let patch = alai_minion::redact(&diff.patch);
    let end = patch.floor_char_boundary(PATCH_BYTES_TOLD.min(patch.len()));
    text.push_str("\nIts beginning, as a patch:\n\n");
    // Set in as a whole: no line of a file begins a part of its own.
    for line in patch.get(..end).unwrap_or_default().lines() {
        let visible = |c: &char| !c.is_control() || *c == '\t';
        let line: String = line.chars().filter(visible).collect();
        text.push_str(&format!("    {line}\n"));
    }
    if diff.truncated || end < patch.len() {
        text.push_str("    … and more\n");
    }
    text
}

/// What was said, free of secrets and as one line: a run's words may be a program's, and begin no part of what the lead is told.
fn line(text: &str) -> String {
    let clean = alai_minion::redact(text);
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = words.floor_char_boundary(END_BYTES_MAX.min(words.len()));
    words.get(..end).unwrap_or_default().to_owned()
}
