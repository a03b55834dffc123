//! What the judges of a commit answered since its gate measured it: checks 17 and 19 of what is shown.

use alai_core::lifecycle::Event;
use alai_core::pipeline::Ended;
use alai_core::qa::{self, Check, CheckResult, Judge, Measurement, Outcome, Verdict};
use alai_core::review::ReviewVerdict;
use alai_core::task::{State, Task};
use alai_factory::{Home, evidence_dir, newest_evidence};
use alai_gate::evidence::{self, PinnedKey, Predicate};
use alai_mission::{ENDED, EventRow, Reader, RunRow};
use serde::Serialize;

use super::pinned;
use super::sarif::line_of_work;
use crate::error::CliError;
use crate::{door, show};

/// A judge, and the package that says what he answered.
#[derive(Debug, Clone, Serialize)]
pub(in crate::commands) struct Named {
    pub(in crate::commands) task: String,
    pub(in crate::commands) kind: String,
    pub(in crate::commands) run: String,
}

/// The verdict of a package of work with what its judges said: the package of the run by which each judging task of the same line and
/// commit was decided. Every other package says its own verdict. A judge's package that is gone or does not verify is a judge who fails it,
/// and one who has not decided yet is named as pending.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::commands) fn folded(
    home: &Home,
    key: &PinnedKey,
    predicate: &Predicate,
) -> Result<(Vec<Named>, Verdict), CliError> {
    let own = Verdict::recorded(
        predicate.outcome.clone(),
        predicate.checks.clone(),
        predicate.policy.clone(),
    );
    let about = &predicate.about;
    let mut named = Vec::new();
    let mut judges = Vec::new();
    // A package from elsewhere, or of a home that is gone, stands by itself.
    if !about.kind.changes_code() || !home.exists() {
        return Ok((named, own));
    }
    let reader = door::reader(home)?;
    let runs = reader.runs_of(about.task)?;
    if runs.iter().all(|run| run.id != about.run) {
        return Ok((named, own));
    }
    let mut pending = Vec::new();
    for id in line_of_work(home, about.task)? {
        let task = reader.task(id)?;
        if !task.kind.judges() || task.head.as_deref() != Some(about.head.as_str()) {
            continue;
        }
        // A person closed it by hand: what his judge had said before decided nothing, and nobody judged it in its place.
        let by_hand = |row: &EventRow| row.kind == Event::Override.as_str();
        if task.state == State::Done && reader.events(id)?.iter().any(by_hand) {
            continue;
        }
        let Some((run, rejected)) = decided(&reader, &task)? else {
            let (kind, state) = (task.kind.as_str(), task.state.as_str());
            pending.push(format!("{kind} {id}: pending, it is {state}"));
            continue;
        };
        let mut measurements = match evidence_dir(home, &run).map(|dir| evidence::verify(&dir, key))
        {
            Some(Ok(good)) if good.statement.predicate.about.head == about.head => {
                named.push(Named {
                    task: id.to_string(),
                    kind: task.kind.as_str().to_owned(),
                    run: good.statement.predicate.about.run.0.clone(),
                });
                good.statement.predicate.checks
            }
            Some(Ok(_)) => vec![fails("its package is about another commit")],
            Some(Err(_)) => vec![fails("its package does not verify")],
            None => vec![fails("its package is gone")],
        };
        // What it decided is in the journal, whatever its package made of it.
        match rejected {
            Some(true) => measurements.push(fails("it rejected the commit")),
            Some(false) => {}
            None => measurements.push(fails("what it decided cannot be read")),
        }
        judges.push(Judge {
            task: id.to_string(),
            kind: task.kind,
            measurements,
        });
    }
    let mut verdict = qa::folded(&own, &judges);
    let places = verdict.measurements.iter_mut();
    for place in places.filter(|m| m.check == Check::IndependentVerifier && !pending.is_empty()) {
        place.detail = format!("{}; {}", place.detail, pending.join("; "));
    }
    Ok((named, verdict))
}

/// A try that came to nothing decides nothing: only a task that is done has, by the newest of its runs that ended with a judgement.
/// With the run is whether it rejected the commit; `None` where the word of the journal cannot be read.
fn decided(reader: &Reader, task: &Task) -> Result<Option<(RunRow, Option<bool>)>, CliError> {
    if task.state != State::Done {
        return Ok(None);
    }
    for run in reader.runs_of(task.id)?.into_iter().rev() {
        let Some(text) = reader.journaled(&run.id, ENDED)? else {
            continue;
        };
        let rejected = match serde_json::from_str(&text) {
            Ok(Ended::Reviewed { review }) => Some(review.verdict == ReviewVerdict::Reject),
            Ok(_) => continue,
            Err(_) => None,
        };
        return Ok(Some((run, rejected)));
    }
    Ok(None)
}

/// The same of a task's newest package; none where it has none that verifies, or where nothing is measured.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::commands) fn of_task(
    home: &Home,
    task: &Task,
    runs: &[RunRow],
) -> Result<Option<(Vec<Named>, Verdict)>, CliError> {
    let dir = newest_evidence(home, runs).filter(|_| task.kind.changes_code());
    let (Some(dir), Ok(key)) = (dir, pinned(home, None)) else {
        return Ok(None);
    };
    match evidence::verify(&dir, &key) {
        Ok(good) => folded(home, &key, &good.statement.predicate).map(Some),
        Err(_) => Ok(None),
    }
}

/// How many checks passed, of how many that apply, and how many of them have to.
pub(in crate::commands) fn score(verdict: &Verdict) -> String {
    let (passed, applicable, needed) = (verdict.passed, verdict.applicable, verdict.needed);
    format!("{passed} of {applicable} applicable checks, {needed} were needed")
}

/// The verdict in a line, and what the judges said in one each.
pub(in crate::commands) fn told(verdict: &Verdict) {
    let word = match verdict.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed { .. } => "failed",
        Outcome::NeedsHuman { .. } => "a person decides",
    };
    show::line(format!("verdict  {word}: {}", score(verdict)));
    for check in [Check::CriteriaMet, Check::IndependentVerifier] {
        let of = verdict.measurements.iter().find(|m| m.check == check);
        let word = match of.map(|m| m.result) {
            Some(CheckResult::Pass) => "pass",
            Some(CheckResult::Fail) => "FAIL",
            Some(CheckResult::NotApplicable) | None => continue,
        };
        let detail = of.map_or("", |m| m.detail.as_str());
        let detail = show::clean(detail);
        show::line(format!("check {:>2} {word} {detail}", check.number()));
    }
}

fn fails(why: &str) -> Measurement {
    Measurement {
        check: Check::IndependentVerifier,
        result: CheckResult::Fail,
        detail: why.to_owned(),
    }
}
