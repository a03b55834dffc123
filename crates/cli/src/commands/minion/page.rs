//! `alai minion show`: one run on one page.

use alai_core::task::{State, Task};
use alai_factory::{Home, evidence_dir};
use alai_minion::trajectory::{Summary, Trajectory};
use alai_mission::{RunRow, SaidWord, Spend};
use serde::Serialize;

use super::status::dollars;
use crate::error::{CliError, Kind};
use crate::{door, show};

#[derive(Serialize)]
struct Page {
    run: RunRow,
    title: String,
    task_state: State,
    /// None where no agent began.
    summary: Option<Summary>,
    /// What people said to it, heard or not.
    words: Vec<SaidWord>,
    spend: Spend,
    trajectory: Option<String>,
    evidence: Option<String>,
}

pub(super) fn show(home: &Home, run: &str, json: bool) -> Result<(), CliError> {
    let run = super::find(home, run)?;
    let reader = door::reader(home)?;
    let task = reader.task(run.task)?;
    let path = super::trajectory(home, &run);
    let told = Trajectory::read(&path)
        .map_err(|e| CliError::new(Kind::Failed, format!("cannot read {}: {e}", path.display())))?;
    let page = Page {
        title: task.title.clone(),
        task_state: task.state,
        summary: (!told.entries.is_empty()).then(|| told.summary()),
        words: reader.words(&run.id)?,
        spend: reader.spend_of_run(&run.id)?,
        trajectory: path.is_file().then(|| path.display().to_string()),
        evidence: evidence_dir(home, &run).map(|dir| dir.display().to_string()),
        run,
    };
    if json {
        return show::json(&page);
    }
    head(&page, &task);
    if let Some(sum) = &page.summary {
        work(sum);
    }
    for word in &page.words {
        let heard = match (&word.taken_by, &page.run.ended_ms) {
            (Some(run), _) => format!("heard by {run}"),
            (None, None) => "not heard yet".to_owned(),
            (None, Some(_)) => "never heard".to_owned(),
        };
        row("word", &format!("{}: {} ({heard})", word.actor, word.text));
    }
    foot(&page);
    Ok(())
}

fn head(page: &Page, task: &Task) {
    let run = &page.run;
    row("run", &run.id.0);
    row(
        "task",
        &format!("{} [{}] {}", task.id, task.state, task.title),
    );
    let outcome = match &run.outcome {
        Some(outcome) => format!("{}: {outcome}", run.state.as_str()),
        None => run.state.as_str().to_owned(),
    };
    row("state", &outcome);
    let mode = run.mode.map_or("", alai_core::mode::Mode::as_str);
    let model = run.model.as_deref().unwrap_or("none yet");
    let company = run.company.as_deref().unwrap_or("nobody yet");
    row("model", &format!("{model} ({mode}), for {company}"));
    if let Some(uid) = run.uid {
        row(
            "sandbox",
            &format!("OFF: it ran without a cage, as user {uid}"),
        );
    }
    let until = run.ended_ms.unwrap_or_else(door::now_ms);
    row(
        "time",
        &format!(
            "{}, from {}",
            show::age(until - run.started_ms),
            alai_core::time::utc(run.started_ms)
        ),
    );
}

fn work(sum: &Summary) {
    row(
        "walks",
        &format!("{} as {}, from {}", sum.blueprint, sum.role, sum.base),
    );
    for step in &sum.steps {
        let took = match step.ended_ms {
            Some(ended) => show::age(ended - step.started_ms),
            None => "not ended".to_owned(),
        };
        let how = step.outcome.as_deref();
        let how = how.map(|how| format!(", {how}")).unwrap_or_default();
        row(
            "step",
            &format!(
                "{} ({}): {} turns, {took}{how}",
                step.step, step.action, step.turns
            ),
        );
    }
    let tools: Vec<String> = sum
        .tools
        .iter()
        .map(|(name, tally)| match tally.errors {
            0 => format!("{name} {}", tally.calls),
            errors => format!("{name} {} ({errors} refused or failed)", tally.calls),
        })
        .collect();
    row("tools", &tools.join(", "));
    for check in &sum.checks {
        let word = if check.passed { "passed" } else { "FAILED" };
        row(
            "check",
            &format!(
                "{word} in {}: `{}` ({})",
                check.step, check.command, check.exit
            ),
        );
    }
    for advice in &sum.advice {
        row("guard", advice);
    }
    for failure in &sum.failures {
        row("failed", failure);
    }
    if sum.more > 0 {
        row("", &format!("and {} more", sum.more));
    }
    match (&sum.exit, sum.cut) {
        (Some(exit), _) if sum.detail.is_empty() => row("exit", exit),
        (Some(exit), _) => row("exit", &format!("{exit}: {}", sum.detail)),
        (None, true) => row("exit", "none; the last line was never ended"),
        (None, false) => row("exit", "none"),
    }
    if let Some(head) = &sum.head {
        row("head", head);
    }
    if sum.unsound_requests > 0 {
        let count = sum.unsound_requests;
        row(
            "unsound",
            &format!("{count} requests are not what was sent, by their hashes"),
        );
    }
}

fn foot(page: &Page) {
    let spend = &page.spend;
    let turns = page.summary.as_ref().map_or(0, |sum| sum.turns);
    row(
        "used",
        &format!(
            "{turns} turns, {} + {} tokens, ${:.6}",
            spend.prompt_tokens,
            spend.output_tokens,
            dollars(spend.cost_microusd)
        ),
    );
    if let Some(evidence) = &page.evidence {
        row("evidence", evidence);
    }
    match &page.trajectory {
        Some(_) => row("log", &format!("`alai minion log {}`", page.run.id)),
        None => row("log", "none: no agent began in it, or it is removed by age"),
    }
}

fn row(name: &str, text: &str) {
    let text = show::clean(text).replace('\n', "\n          ");
    show::line(format!("{name:<9} {text}"));
}
