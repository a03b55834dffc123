//! How far a task's work is proven: read from the journal, the history and the sealed packages, never from what an agent says.

use std::path::PathBuf;

use alai_core::ids::TaskId;
use alai_core::lifecycle::Event;
use alai_core::pipeline::Ended;
use alai_core::task::{State, Task, TaskKind};
use alai_core::trust::{Records, Trust};
use alai_gate::evidence::{self, PinnedKey};
use alai_minion::RunReport;
use alai_mission::{ENDED, Filter, MissionError, Reader, RunRow};
use serde::{Deserialize, Serialize};

use crate::evidence::evidence_dir;
use crate::home::Home;

/// The word that people see in the place of `done` where nobody but its writer has proven it.
pub(crate) const CLAIMED: &str = "claimed";

/// A level and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub level: Trust,
    /// One line for people.
    pub because: String,
}

impl Standing {
    /// The word for a task that is done and stands so.
    pub fn told_done(&self) -> &'static str {
        match self.level.may_be_told() {
            true => State::Done.as_str(),
            false => CLAIMED,
        }
    }
}

/// What the rows alone say of a task that is done; `None` where nothing is claimed that could be proven: a plan, a summary, an
/// errand without a project.
pub(crate) fn by_rows(reader: &Reader, task: &Task) -> Result<Option<Trust>, MissionError> {
    if task.state != State::Done {
        return Ok(None);
    }
    let standing = standing(reader, None, task)?;
    Ok(standing.map(|standing| standing.level))
}

/// The same with a look at the package that was sealed, and of work that is not done.
pub fn proven(reader: &Reader, home: &Home, task: &Task) -> Result<Option<Standing>, MissionError> {
    standing(reader, Some(home), task)
}

fn standing(
    reader: &Reader,
    home: Option<&Home>,
    task: &Task,
) -> Result<Option<Standing>, MissionError> {
    if task.kind == TaskKind::Goal {
        return of_goal(reader, home, task);
    }
    let Some(mut found) = rows(reader, task)? else {
        return Ok(None);
    };
    let mut because = found.because();
    if let Some(home) = home {
        if found.records.measured
            && let Some(fault) = broken(home, task, found.by.as_ref())
        {
            found.records.broken = true;
            because = format!("the gate's verdict is on record, but {fault}");
        }
        if task.state != State::Done && !found.records.declared {
            found.records.self_tested = self_tested(reader, home, task)?;
            because = match found.records.self_tested {
                true => "its writer's own check exited 0 in the cage; no gate has passed it".into(),
                false => "no check of it is on record".into(),
            };
        }
    }
    let level = Trust::of(found.records);
    Ok(Some(Standing { level, because }))
}

/// What is on record, and the run that it is of.
struct Found {
    records: Records,
    by: Option<RunRow>,
    declared_by: Option<String>,
    head: Option<String>,
}

impl Found {
    fn because(&self) -> String {
        let head = self.head.as_deref().unwrap_or("its commit");
        match (&self.declared_by, &self.by) {
            (Some(who), _) => format!("{who} declared it done; nothing was measured for that"),
            (None, _) if self.records.measured => format!("the gate measured {head} and passed it"),
            (None, Some(run)) if self.records.judged_by_another => {
                format!(
                    "run {} judged it, held to the review's rules",
                    run.id.short()
                )
            }
            (None, None) if self.records.judged_by_another => {
                "a person approved what the gate had measured".into()
            }
            (None, _) => "no verdict about its commit is on record".into(),
        }
    }
}

fn rows(reader: &Reader, task: &Task) -> Result<Option<Found>, MissionError> {
    if task.project.is_none() {
        return Ok(None);
    }
    let events = reader.events(task.id)?;
    let last = |event: Event| events.iter().rfind(|row| row.kind == event.as_str());
    let declared_by = last(Event::Override).map(|row| row.actor.clone());
    if declared_by.is_none() && !task.kind.judges() && !task.kind.changes_code() {
        return Ok(None);
    }
    let mut found = Found {
        records: Records {
            declared: declared_by.is_some(),
            ..Records::default()
        },
        by: None,
        declared_by,
        head: task.head.clone(),
    };
    if task.state != State::Done {
        return Ok(Some(found));
    }
    found.records.judged_by_another = last(Event::Approve).is_some();
    for run in reader.runs_of(task.id)?.into_iter().rev() {
        let Some(text) = reader.journaled(&run.id, ENDED)? else {
            continue;
        };
        match serde_json::from_str(&text) {
            Ok(Ended::Gated { verdict, head, .. }) => {
                found.records.measured = verdict.passed() && task.head.as_ref() == Some(&head);
            }
            Ok(Ended::Reviewed { .. }) => found.records.judged_by_another = true,
            // Of another build of ours, or no verdict: nothing is known by it.
            Ok(_) | Err(_) => {}
        }
        found.by = Some(run);
        break;
    }
    Ok(Some(found))
}

/// What is wrong with the package of a verdict; `None` when it is what was signed, about this task and its commit, and passed.
fn broken(home: &Home, task: &Task, run: Option<&RunRow>) -> Option<String> {
    let package = run.and_then(|run| evidence_dir(home, run));
    let Some(package) = package else {
        return Some("its package is not there".into());
    };
    let key: PinnedKey = match std::fs::read_to_string(home.gate_public_key()) {
        Ok(text) => match text.trim().parse() {
            Ok(key) => key,
            Err(e) => return Some(format!("the gate's public key cannot be read: {e}")),
        },
        Err(e) => return Some(format!("the gate's public key cannot be read: {e}")),
    };
    let sealed = match evidence::verify(&package, &key) {
        Ok(good) => good.statement.predicate,
        Err(faults) => {
            let first = faults.first().map(ToString::to_string);
            return Some(format!(
                "its package does not hold: {}",
                first.unwrap_or_default()
            ));
        }
    };
    let about = &sealed.about;
    if about.task != task.id || task.head.as_ref() != Some(&about.head) {
        return Some("its package is about another commit".into());
    }
    (sealed.outcome != alai_core::qa::Outcome::Passed)
        .then(|| "its package says that it did not pass".into())
}

/// Whether a check of the task or its project exited 0 in the cage of the last run.
fn self_tested(reader: &Reader, home: &Home, task: &Task) -> Result<bool, MissionError> {
    let project = task.project.map(|id| reader.project(id)).transpose()?;
    let test = project.and_then(|project| project.settings.test);
    let Some(run) = reader.runs_of(task.id)?.pop() else {
        return Ok(false);
    };
    let path: PathBuf = home.run(&run.id).join("report.json");
    let report = std::fs::read(path).ok();
    let report = report.and_then(|bytes| serde_json::from_slice::<RunReport>(&bytes).ok());
    let own = task.checks.iter().chain(&test);
    let own: Vec<&str> = own.map(String::as_str).collect();
    let is_own = |argv: &[String]| argv.last().is_some_and(|line| own.contains(&line.as_str()));
    let ran = report.map(|report| report.commands).unwrap_or_default();
    Ok(ran.iter().any(|c| c.success() && is_own(&c.record.argv)))
}

/// A goal is proven as far as the least of what was built for it.
fn of_goal(
    reader: &Reader,
    home: Option<&Home>,
    goal: &Task,
) -> Result<Option<Standing>, MissionError> {
    let events = reader.events(goal.id)?;
    if let Some(row) = events
        .iter()
        .rfind(|row| row.kind == Event::Override.as_str())
    {
        let because = format!(
            "{} declared it done; nothing was measured for that",
            row.actor
        );
        let level = Trust::Claimed;
        return Ok(Some(Standing { level, because }));
    }
    let mut least: Option<(TaskId, Standing)> = None;
    let under = Filter {
        goal: Some(goal.id),
        ended: true,
        ..Filter::default()
    };
    for task in reader.tasks(&under)? {
        let counts = task.id != goal.id && task.state == State::Done;
        let found = match counts {
            true => standing(reader, home, &task)?,
            false => None,
        };
        // What reviews it is no work of its own: it can only lift what it judges.
        let works = task.kind.changes_code();
        if let Some(standing) = found
            && (works || standing.level == Trust::Claimed)
            && least
                .as_ref()
                .is_none_or(|(_, so_far)| standing.level < so_far.level)
        {
            least = Some((task.id, standing));
        }
    }
    Ok(least.map(|(task, standing)| Standing {
        because: format!("the least of its tasks is {task}: {}", standing.because),
        ..standing
    }))
}
