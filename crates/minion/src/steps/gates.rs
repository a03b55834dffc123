//! `gates` of a step: measured by the walk through its hand when the step is over. What an agent says of them counts for
//! nothing; each that does not hold is said to the agent that the step goes back to.

use alai_core::blueprint::{Gate, PATH_BYTES_MAX, Status, Step, Template};
use alai_core::json_schema::JsonSchema;
use serde_json::Value;

use super::{course, kept, soft};
use crate::hand::CHANGED_MAX;
use crate::report::ExitStatus;
use crate::scope::Scope;
use crate::text::{cut, plain};
use crate::walk::{Walk, lost};

/// Bytes of a file that is held to a schema. Larger ones are data, which a command checks.
const JSON_BYTES_MAX: usize = 1 << 20;
/// Bytes of one gate's line in the record.
const LINE_BYTES_MAX: usize = 400;
/// Bytes of the same line as the agent reads it: a file's own names and values stand in it, and they may be long.
const TOLD_BYTES_MAX: usize = 2 << 10;
/// Bytes of a command's output that go back.
const OUTPUT_BYTES_MAX: usize = 4 << 10;

/// What is wrong, and what the agent is told beside it.
type Seen = Result<(), (String, Option<String>)>;

/// Looks at every gate of a step; what the agent is told where one does not hold.
pub(super) fn red(walk: &mut Walk<'_>, step: &Step) -> Result<Option<String>, ExitStatus> {
    if step.gates.is_empty() {
        return Ok(None);
    }
    let mut lines = Vec::new();
    let mut told = Vec::new();
    for gate in &step.gates {
        let seen = match gate {
            Gate::FileExists { path } => file_exists(walk, path)?,
            Gate::Command {
                command,
                expect_exit,
            } => command_exits(walk, step, command, *expect_exit)?,
            Gate::JsonSchema { file, schema } => has_form(walk, file, schema)?,
            Gate::NoDiffOutside { globs } => no_diff_outside(walk, step, globs)?,
        };
        let title = format!("{} ({})", gate.kind(), cut(&plain(&gate.said()), 120));
        match seen {
            Ok(()) => lines.push(format!("{title} holds")),
            Err((why, output)) => {
                let line = format!("{title} does not hold: {}", plain(&why));
                let line = cut(&line, TOLD_BYTES_MAX);
                told.push(match output {
                    Some(output) => format!("{line}\n{output}"),
                    None => line.clone(),
                });
                lines.push(cut(&line, LINE_BYTES_MAX));
            }
        }
    }
    kept(walk, &step.id)?;
    let status = if told.is_empty() {
        Status::Ok
    } else {
        Status::Red
    };
    course::outcome(walk, step, status, &lines.join("\n"))?;
    Ok((!told.is_empty()).then(|| told.join("\n")))
}

fn wrong(why: impl Into<String>) -> Seen {
    Err((why.into(), None))
}

/// The path of a gate, filled in; a model may have named it.
fn path_of(walk: &Walk<'_>, path: &Template) -> Result<String, String> {
    path.fill(&walk.course.results, PATH_BYTES_MAX)
}

fn file_exists(walk: &mut Walk<'_>, path: &Template) -> Result<Seen, ExitStatus> {
    let path = match path_of(walk, path) {
        Ok(path) => path,
        Err(why) => return Ok(wrong(why)),
    };
    Ok(match soft(walk.hand.stat(&path, walk.cancel))? {
        Some(_) => Ok(()),
        None => wrong(format!("there is no file `{}`", cut(&path, 200))),
    })
}

fn command_exits(
    walk: &mut Walk<'_>,
    step: &Step,
    command: &str,
    expect_exit: i32,
) -> Result<Seen, ExitStatus> {
    let (captured, passed) = walk.check(&step.id, command, expect_exit)?;
    if passed {
        return Ok(Ok(()));
    }
    let output = cut(&plain(&captured.combined()), OUTPUT_BYTES_MAX);
    Ok(Err((captured.record.exit.to_string(), Some(output))))
}

fn has_form(walk: &mut Walk<'_>, file: &Template, schema: &JsonSchema) -> Result<Seen, ExitStatus> {
    let path = match path_of(walk, file) {
        Ok(path) => path,
        Err(why) => return Ok(wrong(why)),
    };
    let shown = cut(&path, 200);
    let Some((text, more)) = soft(walk.hand.head(&path, JSON_BYTES_MAX, walk.cancel))? else {
        return Ok(wrong(format!("there is no file `{shown}` of text")));
    };
    if more {
        let most = JSON_BYTES_MAX >> 20;
        return Ok(wrong(format!("`{shown}` has more than {most} MiB")));
    }
    Ok(match serde_json::from_str::<Value>(&text) {
        Err(e) => wrong(format!("`{shown}` is no JSON: {e}")),
        Ok(value) => match schema.wrong(&value) {
            wrong if wrong.is_empty() => Ok(()),
            all => wrong(format!("in `{shown}` {}", all.join("; "))),
        },
    })
}

/// Of all that this run has changed since it began.
fn no_diff_outside(walk: &mut Walk<'_>, step: &Step, globs: &[String]) -> Result<Seen, ExitStatus> {
    let scope = Scope::new(globs, &[]).map_err(|why| ExitStatus::Blueprint {
        detail: format!("step `{}`: {why}", step.id),
    })?;
    let (_, paths) = walk.hand.scan(walk.cancel).map_err(lost)?;
    let outside: Vec<&str> = { paths.iter() }
        .filter(|path| !scope.allows(path))
        .map(String::as_str)
        .collect();
    Ok(if !outside.is_empty() {
        wrong(format!(
            "changed are {} too",
            cut(&outside.join(", "), 1_000)
        ))
    } else if paths.len() >= CHANGED_MAX {
        wrong(format!(
            "{CHANGED_MAX} paths or more are changed; not all can be looked at"
        ))
    } else {
        Ok(())
    })
}
