//! `alai status`.

use std::process::ExitCode;

use alai_factory::{Home, Models, Pulse, Status, Views, open_hindrance};
use serde::Serialize;

use crate::args::StatusArgs;
use crate::error::CliError;
use crate::{door, show};

#[derive(Serialize)]
struct Shown<'a> {
    daemon: Option<Pulse>,
    mode: &'a str,
    models: String,
    queue: Status,
}

pub(crate) fn run(home: &Home, args: &StatusArgs) -> Result<ExitCode, CliError> {
    let reader = door::reader(home)?;
    let pulse = door::pulse(home);
    let now = door::now_ms();
    let hindrance = pulse.and_then(|p| open_hindrance(p.models, p.active, p.slots));
    let queue = Views::new(&reader, now, pulse.is_some(), hindrance).status()?;
    let models = Models::new(&door::config(home)?)?;
    let mode = models.mode().as_str();
    if args.json {
        show::json(&Shown {
            daemon: pulse,
            mode,
            models: models.host(),
            queue,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    show::line(first_line(pulse.as_ref(), &queue, mode, now));
    show::line(format!(
        "queue   {} open, {} started, {} stalled, {} waiting, {} done, {} failed, {} merging",
        queue.open,
        queue.started,
        queue.stalled,
        queue.waiting,
        queue.done,
        queue.failed,
        queue.merging
    ));
    let reachable = match pulse {
        Some(p) if p.models => " (reachable)",
        Some(_) => " (not reachable, or without a usable model)",
        None => "",
    };
    show::line(format!("models  {}{reachable}", models.host()));
    let spend = queue.spend;
    show::line(format!(
        "spend   {} calls, {} + {} tokens, ${}.{:06}",
        spend.calls,
        spend.prompt_tokens,
        spend.output_tokens,
        spend.cost_microusd / 1_000_000,
        spend.cost_microusd % 1_000_000
    ));
    if let Some(oldest) = queue.outbox_oldest_ms {
        show::line(format!(
            "outbox  {} waiting, the oldest for {}",
            queue.outbox,
            show::age(now - oldest)
        ));
    }
    for run in &queue.runs {
        show::line(format!(
            "run     {} {} {} with {} ({}) at `{}` for {}",
            run.task,
            show::clean(&run.title),
            run.company,
            run.model,
            run.mode,
            run.step,
            show::age(now - run.since_ms)
        ));
    }
    for view in &queue.needs_you {
        show::line(format!(
            "you     {} {}: {}",
            view.task.id,
            show::clean(&view.task.title),
            view.why.next_action
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Heartbeat age, last successful dispatch, mode: the line that tells a dead loop from a quiet one.
fn first_line(pulse: Option<&Pulse>, queue: &Status, mode: &str, now: i64) -> String {
    let dispatch = match queue.last_dispatch_ms {
        Some(at) => format!("last dispatch {} ago", show::age(now - at)),
        None => "nothing dispatched yet".to_owned(),
    };
    match pulse {
        Some(p) => format!(
            "daemon  up (pid {}), heartbeat {} ago, {dispatch}, {}/{} slots, {mode}",
            p.pid,
            show::age(now - p.beat_ms),
            p.active,
            p.slots
        ),
        None => format!("daemon  not running (`alai up`), {dispatch}, {mode}"),
    }
}
