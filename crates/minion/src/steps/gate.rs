//! `uses: gate`: an advance look at some of what the gate will measure, by the run itself in its cage. The gate has a fresh
//! clone and the tests of the base; what is green here may be red there, and never the other way round by this.

use alai_core::blueprint::{GateCheck, Status, Step};
use serde_json::Map;

use super::{Next, course, kept};
use crate::ahead;
use crate::hand::CHANGED_MAX;
use crate::report::ExitStatus;
use crate::text::{cut, plain};
use crate::walk::{Walk, lost};

/// Bytes of one check's line in the record.
const LINE_BYTES_MAX: usize = 400;

/// What was seen of one check.
struct Seen {
    good: bool,
    line: String,
    /// For the agent, where it is more than the line.
    output: Option<String>,
}

pub(super) fn gate(
    walk: &mut Walk<'_>,
    step: &Step,
    checks: &[GateCheck],
) -> Result<Next, ExitStatus> {
    let mut lines = Vec::new();
    let mut told = Vec::new();
    // The gate itself knows nothing of a blueprint's variables.
    let env = std::mem::take(&mut walk.present.env);
    for check in checks {
        let seen = match check {
            GateCheck::Tests => tests(walk, step)?,
            GateCheck::TaskChecks => task_checks(walk, step)?,
            GateCheck::Changed => changed(walk, step)?,
            GateCheck::AllowedPaths => allowed_paths(walk)?,
            GateCheck::Reproduced => reproduced(walk, step)?,
            GateCheck::SameTests => same_tests(walk, step)?,
        };
        let title = check.ahead_of().title();
        let word = if seen.good { "holds" } else { "does not hold" };
        let line = format!("{} ({title}) {word}: {}", check.as_str(), seen.line);
        if !seen.good {
            told.push(format!("{line}\n{}", seen.output.unwrap_or_default()));
        }
        lines.push(cut(&line, LINE_BYTES_MAX));
    }
    walk.present.env = env;
    kept(walk, &step.id)?;
    if checks.is_empty() {
        // Its own gates are all that it looks at.
        return Ok(Next::Forward(Map::new()));
    }
    let status = if told.is_empty() {
        Status::Ok
    } else {
        Status::Red
    };
    course::outcome(walk, step, status, &lines.join("\n"))?;
    Ok(match told.is_empty() {
        true => Next::Forward(Map::new()),
        false => Next::Red(told.join("\n")),
    })
}

fn tests(walk: &mut Walk<'_>, step: &Step) -> Result<Seen, ExitStatus> {
    let command = walk.brief.project.test_command.clone();
    if command.trim().is_empty() {
        return Ok(bad("the project has no test command".into()));
    }
    commands(walk, step, &[command])
}

fn task_checks(walk: &mut Walk<'_>, step: &Step) -> Result<Seen, ExitStatus> {
    let checks = walk.brief.checks.clone();
    if checks.is_empty() {
        return Ok(good("the task names none".into()));
    }
    commands(walk, step, &checks)
}

/// Runs them all: the agent is told of every one that fails.
fn commands(walk: &mut Walk<'_>, step: &Step, all: &[String]) -> Result<Seen, ExitStatus> {
    let mut failed = Vec::new();
    for command in all {
        let (captured, passed) = walk.check(&step.id, command, 0)?;
        if !passed {
            let (exit, output) = (captured.record.exit, plain(&captured.combined()));
            failed.push(format!("$ {command}\n{exit}\n{output}"));
        }
    }
    let line = format!(
        "{} of {} commands passed",
        all.len() - failed.len(),
        all.len()
    );
    Ok(Seen {
        good: failed.is_empty(),
        line,
        output: Some(failed.join("\n")),
    })
}

/// This run has changed something, or goes on with work that has. The account of it is that of a commit made now.
fn changed(walk: &mut Walk<'_>, step: &Step) -> Result<Seen, ExitStatus> {
    kept(walk, &step.id)?;
    if walk.writes() {
        walk.commit(&step.id)?;
    }
    let total = walk.change.lines().next_back().unwrap_or_default();
    Ok(match total.trim() {
        "" if walk.goes_on() => good("by the work that this run goes on with".into()),
        "" => bad("nothing is changed".into()),
        total => good(total.to_owned()),
    })
}

/// The work so far is measured by others: it is committed first.
fn reproduced(walk: &mut Walk<'_>, step: &Step) -> Result<Seen, ExitStatus> {
    kept(walk, &step.id)?;
    walk.land(&step.id)?;
    ahead::reproduced(walk, &step.id).map(looked)
}

fn same_tests(walk: &mut Walk<'_>, step: &Step) -> Result<Seen, ExitStatus> {
    kept(walk, &step.id)?;
    walk.land(&step.id)?;
    ahead::same_tests(walk, &step.id).map(looked)
}

fn looked(seen: alai_core::ahead::Seen) -> Seen {
    match seen.holds {
        true => good(seen.said),
        false => bad(seen.said),
    }
}

/// Of what this run has changed; what stood in its clone before was looked at by the gate.
fn allowed_paths(walk: &mut Walk<'_>) -> Result<Seen, ExitStatus> {
    let (_, paths) = walk.hand.scan(walk.cancel).map_err(lost)?;
    if paths.len() >= CHANGED_MAX {
        return Ok(bad(format!(
            "{CHANGED_MAX} paths or more are changed; not all can be looked at"
        )));
    }
    let outside: Vec<&str> = { paths.iter() }
        .filter(|path| !walk.scope.allows(path))
        .map(String::as_str)
        .collect();
    Ok(match outside.is_empty() {
        true => good(format!("{} paths changed", paths.len())),
        false => bad(format!("outside are {}", outside.join(", "))),
    })
}

fn good(line: String) -> Seen {
    Seen {
        good: true,
        line,
        output: None,
    }
}

fn bad(line: String) -> Seen {
    Seen {
        good: false,
        line,
        output: None,
    }
}
