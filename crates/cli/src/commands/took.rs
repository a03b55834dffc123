//! `alai mc stats GOAL` and `alai fleet cost GOAL`: what a goal, or a line of work, took by stage.

use alai_core::ids::TaskId;
use alai_core::money::dollars;
use alai_factory::Home;
use alai_mission::StageStats;

use crate::error::CliError;
use crate::{door, show};

pub(crate) fn run(home: &Home, of: TaskId, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let took = reader.work_stats(of, door::now_ms())?;
    if json {
        return show::json(&took);
    }
    for stage in took.stages.iter().chain([&took.total]) {
        show::line(row(stage));
    }
    show::line(format!(
        "wall        {} from its beginning; models answered for {}, runs took {}",
        span(took.wall_ms),
        span(took.total.model_ms),
        span(took.total.run_ms)
    ));
    let threads: Vec<String> = took
        .verifier
        .iter()
        .map(|(end, n)| format!("{n} {}", end.replace('_', " ")))
        .collect();
    show::line(match threads.is_empty() {
        true => "verifier    none was asked".to_owned(),
        false => format!("verifier    {}", threads.join(", ")),
    });
    Ok(())
}

fn row(stage: &StageStats) -> String {
    format!(
        "{:<11} {} task(s), {} done, cycle {}, {} run(s), {} retried, {} escalated{}; {} calls, {} + {} tokens, {}{}, {} in models",
        stage.stage,
        stage.tasks,
        stage.done,
        stage.review_cycle,
        stage.runs,
        stage.retries,
        stage.escalations,
        anew(stage),
        stage.calls,
        stage.prompt_tokens,
        stage.output_tokens,
        dollars(stage.cost_microusd),
        show::unknown(stage.unknown_microusd),
        span(stage.model_ms)
    )
}

/// Only where any was: most work never is.
fn anew(stage: &StageStats) -> String {
    match (stage.splits, stage.replans) {
        (0, 0) => String::new(),
        (splits, replans) => format!(", {splits} split, {replans} planned anew"),
    }
}

fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        _ => show::age(i64::try_from(ms).unwrap_or(i64::MAX)),
    }
}
