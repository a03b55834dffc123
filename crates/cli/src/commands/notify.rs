//! `alai notify ...`: who is told of what happens.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use alai_factory::{Home, Op, Outcome, notify};
use alai_mission::{Sending, SinkRow};
use serde::Serialize;

use crate::args::NotifyCommand;
use crate::error::{CliError, Kind};
use crate::{door, show};

/// A test that takes longer than one attempt and a beat of the daemon is no answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the store is asked what came of it.
const POLL: Duration = Duration::from_millis(50);

pub(crate) fn run(home: &Home, command: NotifyCommand) -> Result<ExitCode, CliError> {
    match command {
        NotifyCommand::List { json } => list(home, json),
        NotifyCommand::Test { sink, json } => test(home, sink, json),
    }
}

/// A sink of the settings with what the store knows of it; none where no process has read these settings yet.
#[derive(Serialize)]
struct Listed {
    name: String,
    kind: &'static str,
    on: Vec<&'static str>,
    /// Where its address and its secret are; none of them.
    from: String,
    stands: Option<SinkRow>,
}

#[derive(Serialize)]
struct List {
    sinks: Vec<Listed>,
}

fn list(home: &Home, json: bool) -> Result<ExitCode, CliError> {
    let reader = door::reader(home)?;
    let mut rows = reader.sinks()?;
    let sinks = door::config(home)?.sinks;
    let listed = sinks.iter().map(|sink| {
        let at = rows.iter().position(|row| row.sink == sink.name);
        Listed {
            name: sink.name.clone(),
            kind: sink.way.as_str(),
            on: sink.kinds.iter().map(|kind| kind.as_str()).collect(),
            from: sink.way.places(),
            stands: at.map(|at| rows.swap_remove(at)),
        }
    });
    let sinks: Vec<Listed> = listed.collect();
    if json {
        show::json(&List { sinks })?;
        return Ok(ExitCode::SUCCESS);
    }
    if sinks.is_empty() {
        show::line("nobody is told: `[[notify.sinks]]` in alai.toml names who is");
    }
    let now = door::now_ms();
    for sink in &sinks {
        let head = format!("{:<8} {}: {}", sink.kind, sink.name, sink.on.join(", "));
        show::line(show::clean(&match sink.from.is_empty() {
            true => head,
            false => format!("{head} ({})", sink.from),
        }));
        for line in stands(sink.stands.as_ref(), now) {
            show::line(show::clean(&format!("         {line}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn stands(row: Option<&SinkRow>, now: i64) -> Vec<String> {
    let Some(row) = row else {
        return vec!["not in force yet: the daemon reads its settings when it starts".into()];
    };
    let mut lines = vec![match row.told_ms {
        Some(told) => format!("last told {} ago", show::age(now - told)),
        None => "told nothing yet".to_owned(),
    }];
    if let Some(oldest) = row.oldest_ms {
        let why = match (&row.last_error, row.wait_ms - now) {
            (Some(error), left @ 1..) => format!(
                ": {error}; the next attempt is in {} ({} failed)",
                show::age(left),
                row.failures
            ),
            (Some(error), _) => format!(": {error} ({} failed)", row.failures),
            (None, _) => String::new(),
        };
        lines.push(format!(
            "{} waiting, the oldest for {}{why}",
            row.pending,
            show::age(now - oldest)
        ));
    }
    if row.given_up > 0 {
        lines.push(format!(
            "{} given up{}; `alai mc redeliver`",
            row.given_up,
            row.last_error
                .as_ref()
                .map_or(String::new(), |error| format!(", the last because {error}"))
        ));
    }
    lines
}

#[derive(Serialize)]
struct Tested {
    tests: Vec<Sending>,
}

fn test(home: &Home, sink: Option<String>, json: bool) -> Result<ExitCode, CliError> {
    let daemon = door::pulse(home).is_some();
    let Outcome::Testing { rows } = door::ask(home, Op::NotifyTest { sink })? else {
        let message = "the factory answered something else than a test";
        return Err(CliError::new(Kind::Failed, message));
    };
    if !daemon {
        here(home, &rows)?;
    }
    let tests = ended(home, &rows)?;
    let failed = tests.iter().any(|test| !told(test));
    if json {
        show::json(&Tested { tests })?;
    } else {
        tests.iter().for_each(print);
    }
    Ok(match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// No daemon tells them: this process does.
fn here(home: &Home, rows: &[i64]) -> Result<(), CliError> {
    let (mission, sinks) = (door::writer(home)?, door::config(home)?.sinks);
    for test in mission.sendings(rows)? {
        notify::deliver(&mission, &sinks, &test.sink, &door::now_ms, &|| false)?;
    }
    Ok(())
}

fn told(test: &Sending) -> bool {
    test.state == "delivered" && test.last_error.is_none()
}

/// How the tests stand once each of them was tried.
fn ended(home: &Home, rows: &[i64]) -> Result<Vec<Sending>, CliError> {
    let (reader, began) = (door::reader(home)?, Instant::now());
    loop {
        let tests = reader.sendings(rows)?;
        let open = |test: &Sending| test.state == "pending" && test.last_error.is_none();
        if !tests.iter().any(open) || began.elapsed() > PATIENCE {
            return Ok(tests);
        }
        std::thread::sleep(POLL);
    }
}

fn print(test: &Sending) {
    let error = test
        .last_error
        .as_deref()
        .unwrap_or("nothing came of it yet");
    show::line(show::clean(&match test.state.as_str() {
        _ if told(test) => format!("{}: told", test.sink),
        "delivered" => format!("{}: not shown: {error}", test.sink),
        "dead" => format!("{}: refused: {error}", test.sink),
        _ => format!("{}: failed, and is tried again: {error}", test.sink),
    }));
}
