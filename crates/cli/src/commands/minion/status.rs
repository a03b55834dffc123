//! `alai minion status`: the runs at work.

use alai_core::cage::Sandbox;
use alai_core::ids::{RunId, TaskId};
use alai_factory::{Home, Life, Saying};
use alai_minion::trajectory::Trajectory;
use alai_mission::{Holder, Reader, RunRow};
use serde::Serialize;

use crate::error::CliError;
use crate::{door, show};

/// Of what a model says now: a line of most terminals, behind two blanks.
const SAYING_COLUMNS: usize = 100;

#[derive(Serialize)]
struct Live {
    runs: Vec<Line>,
    /// Whether anybody is behind them.
    daemon: bool,
}

#[derive(Serialize)]
struct Line {
    run: RunId,
    task: TaskId,
    title: String,
    holder: Holder,
    company: Option<String>,
    model: Option<String>,
    mode: Option<String>,
    sandbox: Sandbox,
    /// Of the blueprint while an agent is at work, else what the factory does for it.
    step: Option<String>,
    /// Model calls so far.
    turns: u32,
    started_ms: i64,
    /// When it last did anything.
    sign_ms: i64,
    prompt_tokens: u64,
    output_tokens: u64,
    cost_microusd: u64,
    /// What its model says now, where an answer is on its way.
    saying: Option<Saying>,
}

pub(super) fn status(home: &Home, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let mut runs = Vec::new();
    for run in reader.live_runs()? {
        runs.push(line(home, &reader, run)?);
    }
    let daemon = !matches!(door::life(home), Life::Down);
    if json {
        return show::json(&Live { runs, daemon });
    }
    if runs.is_empty() {
        show::message("no run is at work; `alai minion list` shows those that ended");
        return Ok(());
    }
    let now = door::now_ms();
    for run in &runs {
        let who = match run.holder {
            Holder::Factory => run.company.as_deref().unwrap_or("-"),
            Holder::Person => "a person",
        };
        show::line(show::clean(&format!(
            "{} {} {who}: {}{}, turn {}, last sign {} ago, {} + {} tokens, ${:.6}  {}",
            run.run,
            run.task,
            show::sandbox(run.sandbox, "", ", "),
            run.step.as_deref().unwrap_or("begins"),
            run.turns,
            show::age(now - run.sign_ms),
            run.prompt_tokens,
            run.output_tokens,
            dollars(run.cost_microusd),
            run.title,
        )));
        if let Some(saying) = &run.saying {
            show::line(format!("  {}", super::saying(saying, SAYING_COLUMNS)));
        }
    }
    if !daemon {
        show::message("nobody works on them now; `alai up` goes on");
    }
    Ok(())
}

fn line(home: &Home, reader: &Reader, run: RunRow) -> Result<Line, CliError> {
    let task = reader.task(run.task)?;
    let spend = reader.spend_of_run(&run.id)?;
    // One that cannot be read now says nothing; the row does.
    let told = Trajectory::read(&home.trajectory(&run.id)).unwrap_or_default();
    let sum = told.summary();
    let at_work = sum.steps.last().filter(|_| sum.exit.is_none());
    let told_ms = sum.last_ms.unwrap_or(run.output_ms);
    let saying = Saying::of(home, &run.id);
    let said_ms = saying.as_ref().map_or(told_ms, |saying| saying.at_ms);
    Ok(Line {
        step: at_work.map(|step| step.step.clone()).or(run.step),
        turns: sum.turns,
        run: run.id,
        task: task.id,
        title: task.title,
        holder: run.holder,
        company: run.company,
        model: run.model,
        mode: run.mode.map(|mode| mode.as_str().to_owned()),
        sandbox: run.sandbox,
        started_ms: run.started_ms,
        sign_ms: run.output_ms.max(told_ms).max(said_ms),
        prompt_tokens: spend.prompt_tokens,
        output_tokens: spend.output_tokens,
        cost_microusd: spend.cost_microusd,
        saying,
    })
}

/// For a screen; sums are kept in millionths.
#[expect(clippy::cast_precision_loss, reason = "fifteen digits are exact")]
pub(super) fn dollars(microusd: u64) -> f64 {
    microusd as f64 / 1_000_000.0
}
