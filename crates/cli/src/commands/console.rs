//! `alai console [GOAL]`: one goal on one screen, or all of which something is left to do.

pub(crate) mod screen;

use std::process::ExitCode;
use std::time::Duration;

use alai_core::ids::TaskId;
use alai_core::line::words;
use alai_core::money::dollars;
use alai_factory::{Console, Home, Views, console, line_is_over, under_way};
use alai_mission::Reader;
use serde::Serialize;

use crate::args::ConsoleArgs;
use crate::error::{CliError, Kind};
use crate::{door, show};

/// How often the rows are read again.
const POLL: Duration = Duration::from_millis(300);

pub(crate) fn run(home: &Home, args: &ConsoleArgs) -> Result<ExitCode, CliError> {
    let reader = door::reader(home)?;
    match (args.goal, args.watch) {
        (Some(goal), true) => watch(home, &reader, goal, args)?,
        (Some(goal), false) => tell(&look(home, &reader, goal)?, args)?,
        (None, _) => overview(home, &reader, args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What of all is not over, or waits for a person.
#[derive(Serialize)]
struct Overview {
    goals: Vec<Console>,
    /// How many are left out.
    more: usize,
}

fn overview(home: &Home, reader: &Reader, args: &ConsoleArgs) -> Result<(), CliError> {
    let now = door::now_ms();
    let views = Views::new(reader, now, door::around(home)?);
    let (firsts, more) = under_way(reader, &views)?;
    if args.watch {
        let message = "cannot watch without a goal: a watch is of one";
        let one = firsts
            .first()
            .map_or("ID".to_owned(), |id| id.0.to_string());
        let hint = format!("`alai console {one} --watch`; `alai console` shows all that is left");
        return Err(CliError::new(Kind::Usage, message).hinted(hint));
    }
    let goals = { firsts.into_iter() }
        .map(|first| console(home, reader, &views, first, now))
        .collect::<Result<Vec<Console>, _>>()?;
    if args.json {
        return show::json(&Overview { goals, more });
    }
    for (number, seen) in goals.iter().enumerate() {
        if number > 0 {
            show::line("");
        }
        print(&lines(seen, args));
    }
    if goals.is_empty() {
        show::message("nothing is left to do; `alai mc list --all` shows what was done");
    }
    if more > 0 {
        show::message(&format!(
            "{more} more; `alai mc list` shows all that is open"
        ));
    }
    Ok(())
}

fn look(home: &Home, reader: &Reader, of: TaskId) -> Result<Console, CliError> {
    let now = door::now_ms();
    let views = Views::new(reader, now, door::around(home)?);
    Ok(console(home, reader, &views, of, now)?)
}

fn tell(seen: &Console, args: &ConsoleArgs) -> Result<(), CliError> {
    if args.json {
        return show::json(seen);
    }
    print(&lines(seen, args));
    Ok(())
}

fn lines(seen: &Console, args: &ConsoleArgs) -> Vec<String> {
    let lines = match args.markdown {
        true => markdown(seen),
        false => text(seen),
    };
    lines.iter().map(|line| show::clean(line)).collect()
}

fn print(lines: &[String]) {
    lines.iter().for_each(show::line);
}

/// Shows it again whenever it has changed, until the goal is over; on no terminal only the lines that are new.
fn watch(home: &Home, reader: &Reader, of: TaskId, args: &ConsoleArgs) -> Result<(), CliError> {
    let redraws = screen::redraws() && !args.json;
    let goal = look(home, reader, of)?.goal;
    let mut before: Option<Console> = None;
    loop {
        // Asked before the look, so that the last look is one at the end.
        let at_work = door::pulse(home).is_some();
        let over = line_is_over(reader, goal)?;
        let seen = look(home, reader, goal)?;
        let ends = over || !at_work;
        match &before {
            _ if redraws && ends => {
                screen::leave();
                tell(&seen, args)?;
            }
            Some(before) if !changed(before, &seen) => {}
            _ if redraws => screen::draw(&lines(&seen, args)),
            Some(before) if !args.json && !args.markdown => {
                let old = lines(before, args);
                let new = lines(&seen, args);
                print(
                    &new.into_iter()
                        .filter(|line| !old.contains(line))
                        .collect::<Vec<_>>(),
                );
            }
            _ => tell(&seen, args)?,
        }
        if over {
            return Ok(());
        }
        if !at_work {
            let message = format!("no daemon runs: nothing of {} changes by itself", seen.goal);
            return Err(CliError::new(Kind::Unreachable, message)
                .hinted("`alai up` in another terminal goes on with it"));
        }
        before = Some(seen);
        std::thread::sleep(POLL);
    }
}

/// What only says how late it is changes nothing.
fn changed(before: &Console, now: &Console) -> bool {
    let mut now = now.clone();
    now.took.wall_ms = before.took.wall_ms;
    now.took.total.run_ms = before.took.total.run_ms;
    for (now, before) in now.took.stages.iter_mut().zip(&before.took.stages) {
        now.run_ms = before.run_ms;
    }
    for (now, before) in now.blockers.iter_mut().zip(&before.blockers) {
        now.why.clone_from(&before.why);
    }
    now != *before
}

fn text(seen: &Console) -> Vec<String> {
    let mode = seen
        .mode
        .as_deref()
        .map_or(String::new(), |mode| format!(", {mode}"));
    let took = &seen.took.total;
    let mut lines = vec![
        format!(
            "goal     {} [{}] {}{}",
            seen.goal,
            seen.state,
            seen.title,
            show::level(seen.trust)
        ),
        format!("step     {}{mode}", seen.step),
    ];
    lines.push(format!("plan     {}", plans(seen)));
    for task in &seen.tasks {
        let who = match (&task.company, &task.model) {
            (Some(company), Some(model)) => format!(", {company} with {model}"),
            (Some(company), None) => format!(", {company}"),
            (None, _) => String::new(),
        };
        let at = task
            .at
            .as_ref()
            .map_or(String::new(), |at| format!(" at `{at}`"));
        lines.push(format!(
            "task     {} {:<10} [{}] {}{who}{at}{}{}",
            task.task,
            task.stage,
            task.state,
            task.title,
            show::replaced(&task.replaced_by),
            show::level(task.trust)
        ));
    }
    lines.extend(seen.verifier.iter().map(|thread| {
        let end = thread.end.as_deref().unwrap_or("at work");
        format!(
            "verifier {} {} with {}: {end}",
            thread.task, thread.company, thread.model
        )
    }));
    if seen.verifier.is_empty() {
        lines.push("verifier none was asked".into());
    }
    lines.extend(seen.tasks.iter().filter_map(|task| {
        let dir = task.evidence.as_ref()?;
        Some(format!("evidence {} {dir}", task.task))
    }));
    lines.push(format!(
        "cost     {}{} in {} calls, {} + {} tokens",
        dollars(took.cost_microusd),
        show::unknown(took.unknown_microusd),
        took.calls,
        took.prompt_tokens,
        took.output_tokens
    ));
    lines.extend(seen.blockers.iter().map(|b| {
        format!(
            "blocker  {} ({}, {}): {}; next: {}",
            b.task,
            b.rule,
            b.owner,
            words(&b.why),
            words(&b.next_action)
        )
    }));
    lines.push(format!("next     {}", words(&seen.next_action)));
    lines
}

/// Whose the plans are, in one line.
fn plans(seen: &Console) -> String {
    let said: Vec<&str> = seen.plans.iter().map(|plan| plan.said.as_str()).collect();
    match said.is_empty() {
        true => "none yet".to_owned(),
        false => said.join("; "),
    }
}

fn markdown(seen: &Console) -> Vec<String> {
    let cell = |text: &str| words(text).replace('|', "\\|");
    let mut lines = vec![
        format!("# {} {}", seen.goal, cell(&seen.title)),
        String::new(),
        format!("- State: {}{}", seen.state, show::level(seen.trust)),
        format!("- Step: {}", seen.step),
        format!(
            "- Mode: {}",
            seen.mode.as_deref().unwrap_or("nothing ran yet")
        ),
        format!("- Plan: {}", cell(&plans(seen))),
        format!(
            "- Cost so far: {}{}",
            dollars(seen.took.total.cost_microusd),
            show::unknown(seen.took.total.unknown_microusd)
        ),
        format!("- Next: {}", cell(&seen.next_action)),
        String::new(),
        "| Task | Stage | State | Title | Company | Model | Evidence |".into(),
        "|---|---|---|---|---|---|---|".into(),
    ];
    let or_none = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), cell);
    lines.extend(seen.tasks.iter().map(|t| {
        format!(
            "| {} | {} | {}{} | {} | {} | {} | {} |",
            t.task,
            t.stage,
            t.state,
            show::level(t.trust),
            cell(&t.title),
            or_none(&t.company),
            or_none(&t.model),
            or_none(&t.evidence)
        )
    }));
    if !seen.verifier.is_empty() {
        lines.extend([String::new(), "## Verifier".into(), String::new()]);
        lines.extend(seen.verifier.iter().map(|v| {
            format!(
                "- {} {}, {}: {}",
                v.task,
                cell(&v.company),
                cell(&v.model),
                v.end.as_deref().unwrap_or("at work")
            )
        }));
    }
    if !seen.blockers.is_empty() {
        lines.extend([String::new(), "## Blockers".into(), String::new()]);
        lines.extend(seen.blockers.iter().map(|b| {
            format!(
                "- {} ({}, {}): {}; next: {}",
                b.task,
                b.rule,
                cell(&b.owner),
                cell(&b.why),
                cell(&b.next_action)
            )
        }));
    }
    lines
}
