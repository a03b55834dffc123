//! `alai status`.

use std::process::ExitCode;

use alai_core::why::Rule;
use alai_factory::{
    Around, Home, Life, Models, Pulse, RunLine, ScheduleLine, Status, TaskView, Views,
};
use alai_mission::Holder;
use serde::Serialize;

use crate::args::StatusArgs;
use crate::error::CliError;
use crate::{door, show};

#[derive(Serialize)]
struct Shown<'a> {
    daemon: Option<&'a Pulse>,
    /// The process that holds the home and takes no requests.
    held_by: Option<&'a str>,
    mode: &'a str,
    models: String,
    queue: Status,
}

pub(crate) fn run(home: &Home, args: &StatusArgs) -> Result<ExitCode, CliError> {
    let reader = door::reader(home)?;
    let config = door::config(home)?;
    let life = door::life(home);
    let pulse = life.pulse();
    let now = door::now_ms();
    let around = Around::look(home, &config, &life).scheduled(door::schedule(home));
    let queue = Views::new(&reader, now, around).status()?;
    let models = Models::new(&config)?;
    let mode = models.mode().as_str();
    if args.json {
        show::json(&Shown {
            daemon: pulse,
            held_by: match &life {
                Life::Silent(pid) => Some(pid),
                Life::Down | Life::Up(_) => None,
            },
            mode,
            models: models.host(),
            queue,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    show::line(first_line(&life, &queue, mode, now));
    show::line(queue_line(&queue));
    if queue.claimed > 0 {
        show::line(format!(
            "claimed {} task(s) by a person's word alone, which nothing has measured: `alai mc list --status done`",
            queue.claimed
        ));
    }
    let reachable = match pulse {
        Some(p) if p.models => " (reachable)",
        Some(_) => " (not reachable, or without a usable model)",
        None => "",
    };
    show::line(format!("models  {}{reachable}", models.host()));
    if let Some(refused) = pulse.and_then(|p| p.packs_refused.as_ref()) {
        show::line(format!(
            "packs   a change is refused since {} ago, the ones before it are in force; a daemon that starts now works without what it \
             breaks: {}",
            show::age(now - refused.since_ms),
            show::clean(&refused.why)
        ));
    }
    for (what, why) in pulse.iter().flat_map(|p| &p.packs_wrong) {
        show::line(show::clean(&format!(
            "packs   {what} cannot be used, and its work waits for you: {why}; mend it, then `alai mc retry` what waits"
        )));
    }
    let spend = queue.spend;
    show::line(format!(
        "spend   {} calls, {} + {} tokens, {}",
        spend.calls,
        spend.prompt_tokens,
        spend.output_tokens,
        dollars(spend.cost_microusd)
    ));
    gates(&queue);
    stands_still(&queue, now);
    for run in &queue.runs {
        show::line(run_line(run, now));
    }
    more_of(
        "person",
        queue.person_runs.saturating_sub(persons(&queue)),
        "`alai mc list --status started`",
    );
    needs_you(&queue, now);
    Ok(ExitCode::SUCCESS)
}

/// Heartbeat age, last successful dispatch, mode: the line that tells a dead loop from a quiet one.
fn first_line(life: &Life, queue: &Status, mode: &str, now: i64) -> String {
    let dispatch = match queue.last_dispatch_ms {
        Some(at) => format!("last dispatch {} ago", show::age(now - at)),
        None => "nothing dispatched yet".to_owned(),
    };
    match life {
        Life::Up(p) => format!(
            "daemon  {} (pid {}), heartbeat {} ago, {dispatch}, {}/{} slots, {mode}",
            if p.draining { "going down" } else { "up" },
            p.pid,
            show::age(now - p.beat_ms),
            p.active,
            p.slots
        ),
        Life::Silent(pid) => format!(
            "daemon  silent: process {pid} holds the home and takes no requests (a command at work, or a daemon that starts \
             or hangs), {dispatch}, {mode}"
        ),
        Life::Down => format!("daemon  not running (`alai up`), {dispatch}, {mode}"),
    }
}

fn queue_line(queue: &Status) -> String {
    let paused = match queue.paused {
        0 => String::new(),
        paused => format!(", {paused} paused"),
    };
    format!(
        "queue   {} open, {} started, {} stalled, {} waiting, {} done, {} failed, {} merging{paused}",
        queue.open,
        queue.started,
        queue.stalled,
        queue.waiting,
        queue.done,
        queue.failed,
        queue.merging
    )
}

/// What the transition gates held back, and who went around them. Nothing is said of gates that only let through.
fn gates(queue: &Status) {
    let told = queue.gates.iter().filter(|g| g.blocks + g.bypasses > 0);
    let told: Vec<String> = told
        .map(|g| {
            let around = match g.bypasses {
                0 => String::new(),
                n => format!(", {n} gone around by a person"),
            };
            format!(
                "{} {} of {} blocked{around}",
                g.gate.as_str(),
                g.blocks,
                g.fires
            )
        })
        .collect();
    if !told.is_empty() {
        show::line(format!("gates   {}", told.join("; ")));
    }
}

/// What does not move by itself, or nobody knows the end of. Nothing is said of what is well.
fn stands_still(queue: &Status, now: i64) {
    // One line, however many tasks wait for it.
    let room = |view: &&TaskView| view.why.rule == Rule::NoRoom;
    if let Some(view) = queue.needs_you.iter().find(room) {
        show::line(format!("disk    {}", show::clean(&view.why.text)));
    }
    if queue.overdue > 0 {
        show::line(format!(
            "alarm   {} wait(s) past the deadline: `alai mc list --status waiting`",
            queue.overdue
        ));
    }
    if let Some(first) = queue.unclaimed_first {
        show::line(format!(
            "alarm   {} task(s) that nobody takes, the first is {first}: `alai why {}`",
            queue.unclaimed, first.0
        ));
    }
    let spend = queue.spend;
    if spend.unknown_calls > 0 {
        show::line(format!(
            "unknown {} call(s) have no receipt; they may have cost {}",
            spend.unknown_calls,
            dollars(spend.reserved_microusd)
        ));
    }
    if let Some(oldest) = queue.outbox_oldest_ms {
        show::line(format!(
            "outbox  {} waiting, the oldest for {}",
            queue.outbox,
            show::age(now - oldest)
        ));
    }
    if queue.dead_effects > 0 {
        show::line(format!(
            "outbox  {} given up, the last because: {}; `alai mc redeliver`",
            queue.dead_effects,
            show::clean(queue.dead_effect_why.as_deref().unwrap_or_default())
        ));
    }
    for schedule in &queue.schedules {
        show::line(schedule_line(schedule, now));
    }
}

fn schedule_line(schedule: &ScheduleLine, now: i64) -> String {
    let mut words = Vec::new();
    if schedule.paused {
        words.push(format!(
            "paused (`alai mc schedule resume {}`)",
            schedule.name
        ));
    }
    if schedule.late {
        words.push(format!("due for {}", show::age(now - schedule.next_ms)));
    }
    if schedule.missed > 0 {
        words.push(format!("{} firing(s) left out", schedule.missed));
    }
    if let Some(why) = &schedule.last_error {
        words.push(format!("failed: {why}"));
    }
    show::clean(&format!("firing  {}: {}", schedule.name, words.join(", ")))
}

fn run_line(run: &RunLine, now: i64) -> String {
    let title = show::clean(&run.title);
    let since = show::age(now - run.since_ms);
    match run.holder {
        Holder::Factory => format!(
            "run     {} {title} {} with {} ({}{}) at `{}` for {since}",
            run.task,
            run.company,
            run.model,
            run.mode,
            show::sandbox(run.sandbox, ", ", ""),
            run.step
        ),
        Holder::Person => {
            let left = match run.lease_until_ms.map_or(0, |until| until - now) {
                left if left >= 0 => format!("{} left", show::age(left)),
                late => format!("his time is over since {}", show::age(-late)),
            };
            let worker = show::clean(&run.worker);
            format!(
                "person  {} {title}: {worker} has it for {since}, {left}",
                run.task
            )
        }
    }
}

fn persons(queue: &Status) -> u64 {
    let runs = queue.runs.iter();
    runs.filter(|run| run.holder == Holder::Person).count() as u64
}

/// What is not shown one by one is counted, with the command that lists it.
fn more_of(what: &str, more: u64, listed: &str) {
    if more > 0 {
        show::line(format!("{what:<7} and {more} more: {listed}"));
    }
}

fn needs_you(queue: &Status, now: i64) {
    for view in &queue.needs_you {
        let late = match view.why.deadline_ms {
            Some(deadline) if deadline < now => {
                format!(" (overdue for {})", show::age(now - deadline))
            }
            Some(_) | None => String::new(),
        };
        show::line(format!(
            "you     {} {}: {}{late}",
            view.task.id,
            show::clean(&view.task.title),
            show::clean(&view.why.next_action)
        ));
    }
    for (more, listed) in [
        (queue.more_waiting, "`alai mc list --status waiting`"),
        (queue.more_ready, "`alai mc list --status ready_for_review`"),
        (
            queue.more_held_up,
            "done and not delivered, in `alai mc list --status done`",
        ),
    ] {
        more_of("you", more, listed);
    }
}

fn dollars(microusd: u64) -> String {
    format!("${}.{:06}", microusd / 1_000_000, microusd % 1_000_000)
}
