//! `alai qa calibrate`: what a pass of the gate and of the verifier is worth here.

use std::collections::BTreeMap;
use std::sync::Arc;

use alai_core::calibrate::Fault;
use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_factory::calibrate::{self, CalibrateError, Sample};
use alai_factory::{Factory, Home};
use alai_mission::ThreadEnd;
use alai_workspace::command::Cancel;
use serde::Serialize;

use crate::args::CalibrateArgs;
use crate::error::{CliError, Kind};
use crate::{door, show};

/// One sample and what was said of it.
#[derive(Debug, Serialize)]
struct Line {
    task: TaskId,
    /// None: the change as it was merged.
    fault: Option<Fault>,
    what: String,
    /// `gate`, or the verifier's model.
    judge: String,
    /// It would not have gone on by itself. None: the judge came to no verdict, for want of time or money or by a host's fault.
    held: Option<bool>,
    /// Nobody was asked about it, or it could not be measured.
    unasked: bool,
    why: String,
}

/// The judge of a sample that no verifier has looked at.
const NOBODY: &str = "verifier";

/// How often a judge was right. Of `planted` faults that it judged it held `caught`, and of `honest` changes `false_holds`.
#[derive(Debug, Default, Serialize)]
struct Rates {
    judge: String,
    planted: u64,
    caught: u64,
    honest: u64,
    false_holds: u64,
    /// Faults that it let pass, by their names, with how often.
    missed: BTreeMap<String, u64>,
    /// Samples that it came to no verdict about, by how that ended. They are in none of the other numbers: who never answers catches nothing.
    unjudged: BTreeMap<String, u64>,
    /// Samples that it was not asked about.
    unasked: u64,
}

#[derive(Serialize)]
struct Report {
    rates: Vec<Rates>,
    samples: Vec<Line>,
}

pub(super) fn run(home: &Home, args: &CalibrateArgs) -> Result<(), CliError> {
    let project = args
        .project
        .as_deref()
        .map(|typed| project(home, typed))
        .transpose()?;
    let factory = door::factory(home)?;
    let samples = calibrate::samples(&factory, project, usize::from(args.changes)).map_err(said)?;
    let mut so = So::default();
    so.ask_the_gate(&factory, &samples);
    if args.verifier && so.stopped.is_none() {
        so.ask_the_verifier(&factory, &samples);
    }
    let So { lines, stopped } = so;
    let report = Report {
        rates: rates(&lines),
        samples: lines,
    };
    match args.json {
        true => show::json(&report)?,
        false => shown(&report),
    }
    // What was learned is shown first, whatever came between.
    match stopped {
        Some(stopped) => Err(stopped),
        None => unasked(&report.samples),
    }
}

/// What was said of the samples so far.
#[derive(Default)]
struct So {
    lines: Vec<Line>,
    /// Why the others were asked about no more.
    stopped: Option<CliError>,
}

impl So {
    fn ask_the_gate(&mut self, factory: &Arc<Factory>, samples: &[Sample]) {
        let cancel = Cancel::new();
        for sample in samples {
            if factory.stopping() {
                self.stopped = Some(said(CalibrateError::Cancelled));
                return;
            }
            show::message(&format!("{} {}", sample.task, sample.what));
            let word = match calibrate::gate(factory, sample, &cancel) {
                Ok(judged) => Word::of(judged.held, judged.why),
                Err(CalibrateError::Cancelled) => {
                    self.stopped = Some(said(CalibrateError::Cancelled));
                    return;
                }
                Err(
                    e @ (CalibrateError::NoChange
                    | CalibrateError::Failed(_)
                    | CalibrateError::Refused { .. }),
                ) => Word::unasked(e.to_string()),
            };
            self.lines.push(line(sample, "gate".to_owned(), word));
        }
    }

    fn ask_the_verifier(&mut self, factory: &Arc<Factory>, samples: &[Sample]) {
        let mut asked = Vec::with_capacity(samples.len());
        for sample in samples {
            match calibrate::verification(factory, sample) {
                Ok(task) => asked.push(task),
                Err(e) => {
                    self.stopped = Some(said(e));
                    break;
                }
            }
        }
        if let Err(e) = calibrate::verify_all(factory, &asked) {
            self.stopped = Some(said(e));
        }
        for (sample, task) in samples.iter().zip(asked) {
            let (judge, word) = verified(factory, task)
                .unwrap_or_else(|e| (NOBODY.to_owned(), Word::unasked(e.message)));
            self.lines.push(line(sample, judge, word));
            if let Err(e) = put_away(factory, task) {
                self.stopped.get_or_insert(e);
            }
        }
    }
}

/// A judge's word about a sample.
struct Word {
    held: Option<bool>,
    why: String,
    unasked: bool,
}

impl Word {
    fn of(held: impl Into<Option<bool>>, why: String) -> Word {
        Word {
            held: held.into(),
            why,
            unasked: false,
        }
    }

    fn unasked(why: String) -> Word {
        Word {
            held: None,
            why,
            unasked: true,
        }
    }
}

/// A calibration that could not ask about all of its samples says so by its end.
fn unasked(samples: &[Line]) -> Result<(), CliError> {
    let named = |line: &&Line| {
        let fault = line.fault.map_or("honest", Fault::as_str);
        format!("{} {fault} by {}: {}", line.task, line.judge, line.why)
    };
    let left: Vec<&Line> = samples.iter().filter(|line| line.unasked).collect();
    let Some(first) = left.first() else {
        return Ok(());
    };
    let message = format!(
        "{} of {} samples were asked about nowhere, as {}",
        left.len(),
        samples.len(),
        show::clean(&named(first))
    );
    let hint =
        "they are in none of the rates; mend what is named beside each, and give the command again";
    Err(CliError::new(Kind::Waiting, message).hinted(hint))
}

fn shown(report: &Report) {
    for line in &report.samples {
        let fault = line.fault.map_or("honest", Fault::as_str);
        let word = match line.held {
            Some(true) => "held",
            Some(false) => "passed",
            None if line.unasked => "unasked",
            None => "unjudged",
        };
        show::line(show::clean(&format!(
            "{word:<8} {} {fault} by {}: {} ({})",
            line.task, line.judge, line.what, line.why
        )));
    }
    for rates in &report.rates {
        show::line(show::clean(&words(rates)));
    }
}

fn project(home: &Home, typed: &std::path::Path) -> Result<ProjectId, CliError> {
    let real = std::fs::canonicalize(typed).ok();
    let found = door::reader(home)?.find_project(&typed.to_string_lossy(), real.as_deref())?;
    found.map(|p| p.id).ok_or_else(|| {
        let message = format!("`{}` is no registered project", typed.display());
        CliError::new(Kind::NotFound, message).hinted("`alai project list` shows the projects")
    })
}

fn said(error: CalibrateError) -> CliError {
    match error {
        CalibrateError::NoChange => CliError::new(Kind::NotFound, error).hinted(
            "build and merge something first: faults are planted into changes that were good",
        ),
        CalibrateError::Refused { .. } => CliError::new(Kind::NeedsSetup, error),
        CalibrateError::Cancelled => CliError::new(Kind::Interrupted, error),
        CalibrateError::Failed(_) => CliError::new(Kind::Failed, error),
    }
}

fn line(sample: &Sample, judge: String, word: Word) -> Line {
    Line {
        task: sample.task,
        fault: sample.fault,
        what: sample.what.clone(),
        judge,
        held: word.held,
        unasked: word.unasked,
        why: word.why,
    }
}

/// What never came to a verdict is over with its calibration.
fn put_away(factory: &Arc<Factory>, task: TaskId) -> Result<(), CliError> {
    let mission = factory.mission();
    if !mission.task(task)?.state.terminal() {
        let text = "its calibration is over".to_owned();
        mission.act(task, Event::Cancel, text, "calibration", factory.now_ms())?;
    }
    Ok(())
}

/// Which verifier looked at a sample, and its word. Where none did, what kept it.
fn verified(factory: &Arc<Factory>, task: TaskId) -> Result<(String, Word), CliError> {
    let threads = factory.mission().verifications_of(task)?;
    let Some(last) = threads.last() else {
        let waiting = factory.mission().task(task)?.waiting;
        let why = waiting.map_or_else(|| "its turn never came".to_owned(), |w| w.detail);
        return Ok((NOBODY.to_owned(), Word::unasked(why)));
    };
    let end = last.end.unwrap_or(ThreadEnd::Failed);
    let quality = last.quality.as_deref().unwrap_or("none");
    let held = held(end);
    let why = match held {
        Some(_) => format!("{}, evidence {quality}", end.as_str()),
        None => end.as_str().to_owned(),
    };
    Ok((last.model.clone(), Word::of(held, why)))
}

/// Whether a thread that ended so held its sample. One whose answers never counted did: its rules are a part of it.
fn held(end: ThreadEnd) -> Option<bool> {
    match end {
        ThreadEnd::Pass => Some(false),
        ThreadEnd::Reject | ThreadEnd::ForPerson | ThreadEnd::Refused => Some(true),
        ThreadEnd::TimedOut
        | ThreadEnd::OverBudget
        | ThreadEnd::Failed
        | ThreadEnd::Interrupted => None,
    }
}

fn rates(lines: &[Line]) -> Vec<Rates> {
    let mut by: BTreeMap<&str, Rates> = BTreeMap::new();
    for line in lines {
        let rates = by.entry(&line.judge).or_default();
        rates.judge.clone_from(&line.judge);
        match (line.fault, line.held) {
            (_, None) if line.unasked => rates.unasked += 1,
            (_, None) => *rates.unjudged.entry(line.why.clone()).or_default() += 1,
            (None, Some(held)) => {
                rates.honest += 1;
                rates.false_holds += u64::from(held);
            }
            (Some(_), Some(true)) => {
                rates.planted += 1;
                rates.caught += 1;
            }
            (Some(fault), Some(false)) => {
                rates.planted += 1;
                *rates.missed.entry(fault.as_str().to_owned()).or_default() += 1;
            }
        }
    }
    by.into_values().collect()
}

fn words(rates: &Rates) -> String {
    let counted = |what: &str, of: &BTreeMap<String, u64>| {
        let each: Vec<String> = of.iter().map(|(name, n)| format!("{name} {n}")).collect();
        match each.is_empty() {
            true => String::new(),
            false => format!("; {what} {}", each.join(", ")),
        }
    };
    let missed = counted("passed", &rates.missed) + &counted("no verdict:", &rates.unjudged);
    let unasked = match rates.unasked {
        0 => String::new(),
        count => format!("; not asked about {count}"),
    };
    format!(
        "rates    {}: caught {} of {} planted ({}), held {} of {} honest ({}){missed}{unasked}",
        rates.judge,
        rates.caught,
        rates.planted,
        percent(rates.caught, rates.planted),
        rates.false_holds,
        rates.honest,
        percent(rates.false_holds, rates.honest)
    )
}

fn percent(part: u64, whole: u64) -> String {
    match (part * 100).checked_div(whole) {
        Some(percent) => format!("{percent}%"),
        None => "-".to_owned(),
    }
}
