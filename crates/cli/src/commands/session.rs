//! `alai session ...`: what agents and people of one line of work tell each other.

use std::process::ExitCode;

use alai_core::ids::TaskId;
use alai_core::session::{Entry, Report};
use alai_factory::{Home, InName, Op, Outcome, SessionAct};
use alai_mission::Session;
use serde::Serialize;

use crate::args::{NameArgs, SessionCommand, SessionReportArgs};
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn run(home: &Home, command: SessionCommand) -> Result<ExitCode, CliError> {
    match command {
        SessionCommand::Init { task, json } => act(home, task, SessionAct::Init, json)?,
        SessionCommand::Append {
            task,
            text,
            name,
            json,
        } => {
            let name = in_name(name);
            act(home, task, SessionAct::Append { text, name }, json)?;
        }
        SessionCommand::Read { task, since, json } => read(home, task, since, json)?,
        SessionCommand::Report(args) => report(home, args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn in_name(args: NameArgs) -> InName {
    InName {
        agent: args.agent,
        company: args.company,
    }
}

fn report(home: &Home, args: SessionReportArgs) -> Result<(), CliError> {
    let report = Report {
        summary: args.summary,
        files: args.files,
        decisions: args.decisions,
        blockers: args.blockers,
        verification: args.verification,
    };
    let name = in_name(args.name);
    act(
        home,
        args.task,
        SessionAct::Report { report, name },
        args.json,
    )
}

#[derive(Serialize)]
struct Kept {
    session: TaskId,
    entry: Option<i64>,
}

fn act(home: &Home, task: TaskId, act: SessionAct, json: bool) -> Result<(), CliError> {
    let Outcome::Session { session, entry } = door::ask(home, Op::Session { task, act })? else {
        let message = "the factory answered something else than a session";
        return Err(CliError::new(Kind::Failed, message));
    };
    if json {
        return show::json(&Kept { session, entry });
    }
    show::line(match entry {
        Some(entry) => format!("entry {entry} of the session of {session}"),
        None => format!("session of {session}"),
    });
    Ok(())
}

fn read(home: &Home, task: TaskId, since: i64, json: bool) -> Result<(), CliError> {
    let session = door::reader(home)?.session(task, since)?;
    if json {
        return show::json(&session);
    }
    head(&session, since);
    session.entries.iter().for_each(entry);
    Ok(())
}

fn head(session: &Session, since: i64) {
    let count = session.entries.len();
    let after = match since {
        0 => String::new(),
        since => format!(" after {since}"),
    };
    show::line(match &session.begun {
        None => format!(
            "session of {}: nobody has said anything yet",
            session.lineage
        ),
        Some(_) => format!("session of {}: {count} entries{after}", session.lineage),
    });
}

fn entry(entry: &Entry) {
    let run = entry.run.as_ref();
    let run = run.map_or(String::new(), |run| format!(", run {}", run.short()));
    let age = show::age(door::now_ms() - entry.at_ms);
    let head = format!(
        "{} {} by {}{run}, {age} ago",
        entry.id,
        entry.kind.as_str(),
        entry.who()
    );
    show::line(show::clean(&head).replace('\n', " "));
    for line in entry.text.lines() {
        show::line(format!("    {}", show::clean(line)));
    }
    let Some(report) = &entry.report else { return };
    for (name, lines) in report.lists() {
        for line in lines {
            show::line(show::clean(&format!("    {name:<12} {line}")));
        }
    }
}
