//! `alai qa verifiers`: what the independent verifiers came to, by company and model.

use std::collections::BTreeMap;

use alai_core::money::dollars;
use alai_factory::Home;
use alai_mission::{ThreadEnd, Verification};
use serde::Serialize;

use crate::error::CliError;
use crate::{door, show};

/// One company's verifier on one model.
#[derive(Debug, Default, Serialize)]
struct Line {
    company: String,
    model: String,
    threads: u64,
    passed: u64,
    rejected: u64,
    /// Passed, and a person was asked all the same.
    for_person: u64,
    /// None of their answers counted.
    refused: u64,
    timed_out: u64,
    over_budget: u64,
    failed: u64,
    interrupted: u64,
    running: u64,
    /// Passed, and a later stage or a person rejected the same commit, or a person had it taken back once it was merged.
    false_passes: u64,
    /// On the model that had built what it looked at.
    same_model: u64,
    /// At least one probe told the change from what was there before.
    strong: u64,
    probes: u64,
    retries: u64,
    cost_microusd: u64,
    /// Of those that ended; milliseconds.
    latency_median_ms: Option<i64>,
    latency_max_ms: Option<i64>,
    #[serde(skip)]
    latencies: Vec<i64>,
}

#[derive(Serialize)]
struct Report {
    verifiers: Vec<Line>,
}

pub(super) fn run(home: &Home, json: bool) -> Result<(), CliError> {
    let threads = door::reader(home)?.verifications()?;
    let verifiers = lines(&threads);
    if json {
        return show::json(&Report { verifiers });
    }
    if verifiers.is_empty() {
        show::message(
            "no verifier was asked yet; `[verifier] send = true` in alai.toml sends one (docs/VERIFIER.md)",
        );
    }
    for line in &verifiers {
        show::line(show::clean(&words(line)));
    }
    Ok(())
}

fn lines(threads: &[Verification]) -> Vec<Line> {
    let mut by: BTreeMap<(&str, &str), Line> = BTreeMap::new();
    for thread in threads {
        let line = by.entry((&thread.company, &thread.model)).or_default();
        line.company.clone_from(&thread.company);
        line.model.clone_from(&thread.model);
        line.threads += 1;
        *match thread.end {
            Some(ThreadEnd::Pass) => &mut line.passed,
            Some(ThreadEnd::Reject) => &mut line.rejected,
            Some(ThreadEnd::ForPerson) => &mut line.for_person,
            Some(ThreadEnd::Refused) => &mut line.refused,
            Some(ThreadEnd::TimedOut) => &mut line.timed_out,
            Some(ThreadEnd::OverBudget) => &mut line.over_budget,
            Some(ThreadEnd::Failed) => &mut line.failed,
            Some(ThreadEnd::Interrupted) => &mut line.interrupted,
            None => &mut line.running,
        } += 1;
        line.false_passes += u64::from(thread.false_pass);
        line.same_model += u64::from(thread.same_model);
        line.strong += u64::from(thread.quality.as_deref() == Some("strong"));
        line.probes += u64::from(thread.probes);
        line.retries += u64::from(thread.retries);
        line.cost_microusd = line.cost_microusd.saturating_add(thread.cost_microusd);
        line.latencies.extend(thread.latency_ms);
    }
    let mut lines: Vec<Line> = by.into_values().collect();
    for line in &mut lines {
        line.latencies.sort_unstable();
        line.latency_median_ms = line.latencies.get(line.latencies.len() / 2).copied();
        line.latency_max_ms = line.latencies.last().copied();
    }
    lines
}

fn words(line: &Line) -> String {
    let counted = [
        (line.passed, "passed"),
        (line.rejected, "rejected"),
        (line.for_person, "before a person"),
        (line.refused, "did not count"),
        (line.timed_out, "timed out"),
        (line.over_budget, "over budget"),
        (line.failed, "failed"),
        (line.interrupted, "interrupted"),
        (line.running, "running"),
    ];
    let counted = counted.iter().filter(|(count, _)| *count > 0);
    let counted: Vec<String> = counted
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let latency = match (line.latency_median_ms, line.latency_max_ms) {
        (Some(median), Some(max)) => format!("{} (at most {})", show::age(median), show::age(max)),
        _ => "-".to_owned(),
    };
    format!(
        "{} {}: {} thread(s): {}; {} false pass(es), {} on the builder's own model, evidence strong in {}, {} probe(s), {} answer(s) did not \
         count, {}, {latency}",
        line.company,
        line.model,
        line.threads,
        counted.join(", "),
        line.false_passes,
        line.same_model,
        line.strong,
        line.probes,
        line.retries,
        dollars(line.cost_microusd)
    )
}

/// One thread, for a task's own page.
pub(crate) fn thread_line(thread: &Verification) -> String {
    let end = thread.end.map_or("running", ThreadEnd::as_str);
    let same = if thread.same_model {
        " (the builder's own model)"
    } else {
        ""
    };
    let latency = thread.latency_ms.map_or("-".to_owned(), show::age);
    let late = if thread.false_pass {
        ", FALSE PASS: a later stage rejected it"
    } else {
        ""
    };
    show::clean(&format!(
        "{} {} {}{same} {end}: evidence {}, {} probe(s), {} retries, {}, {latency}{late}",
        thread.thread.short(),
        thread.task,
        thread.model,
        thread.quality.as_deref().unwrap_or("-"),
        thread.probes,
        thread.retries,
        dollars(thread.cost_microusd)
    ))
}
