//! `alai qa check`: the nineteen checks of one package, with what each rests on.

use std::collections::BTreeMap;
use std::path::Path;

use alai_core::evidence_ref::EvidenceRef;
use alai_core::qa::{Check, CheckResult, Measurement, Outcome, Policy, Quality, Verdict};
use alai_core::task::TaskKind;
use alai_factory::Home;
use alai_gate::evidence::{self, Predicate, Sources};
use serde::Serialize;

use crate::args::QaCheckArgs;
use crate::commands::evidence::{broken, find, judges, pinned, sarif};
use crate::error::{CliError, Kind};
use crate::show;

/// The documented object.
#[derive(Serialize)]
struct Shown<'a> {
    package: String,
    task: String,
    run: &'a str,
    kind: String,
    mode: String,
    base: &'a str,
    head: &'a str,
    /// Whose answers about the same commit stand in the places of checks 17 and 19, and the verdict with them.
    judges: Vec<judges::Named>,
    outcome: &'a Outcome,
    passed: u32,
    applicable: u32,
    /// How many of those that apply have to pass beside the mandatory ones: 15 of 19, or what the policy asks for, scaled to them.
    needed: u32,
    #[serde(skip)]
    score: String,
    quality: Quality,
    /// What it was judged by; none for a short table, all of which is mandatory.
    policy: Option<&'a Policy>,
    /// All nineteen, in order.
    checks: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    number: usize,
    id: &'a str,
    name: &'a str,
    kind: &'a str,
    mandatory: bool,
    verdict: &'a str,
    measured_by: &'a str,
    gamed_by: &'a str,
    caught_by: &'a str,
    /// Why it does not apply, by rule; what was seen of it stands in `seen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    seen: String,
    evidence: Vec<Behind>,
}

/// One reference, and what it leads to.
#[derive(Serialize)]
struct Behind {
    #[serde(rename = "ref")]
    reference: String,
    what: String,
}

pub(super) fn check(home: &Home, args: &QaCheckArgs) -> Result<(), CliError> {
    let dir = find(home, &args.what)?;
    let key = pinned(home, args.key.as_deref())?;
    let verified = evidence::verify(&dir, &key).map_err(|faults| broken(&faults))?;
    let predicate = &verified.statement.predicate;
    let sources = sources(&dir)?;
    let about = &predicate.about;
    let (judges, verdict) = judges::folded(home, &key, predicate)?;
    let checks: Vec<Line<'_>> = Check::ALL
        .iter()
        .map(|check| line(*check, predicate, &verdict, &sources))
        .collect();
    let shown = Shown {
        package: dir.display().to_string(),
        task: about.task.to_string(),
        run: &about.run.0,
        kind: about.kind.as_str().to_owned(),
        mode: about.mode.to_string(),
        base: &about.base,
        head: &about.head,
        judges,
        outcome: &verdict.outcome,
        passed: verdict.passed,
        applicable: verdict.applicable,
        needed: verdict.needed,
        score: judges::score(&verdict),
        quality: evidence::quality(&dir, &verified),
        policy: predicate.policy.as_deref(),
        checks,
    };
    match (args.sarif, args.json) {
        (true, _) => sarif::print(home, &args.what, args.key.as_deref())?,
        (false, true) => show::json(&shown)?,
        (false, false) => told(&shown),
    }
    end(&verdict.outcome)
}

/// A package that verified and cannot be read was signed so: nothing is made up for it.
fn sources(dir: &Path) -> Result<Sources, CliError> {
    let read = evidence::sources_of(dir);
    let read =
        read.map_err(|why| CliError::new(Kind::Failed, format!("{}: {why}", dir.display())))?;
    Ok(read.unwrap_or_else(BTreeMap::new))
}

fn line<'a>(check: Check, predicate: &Predicate, verdict: &Verdict, sources: &Sources) -> Line<'a> {
    let measured = verdict.measurements.iter().find(|m| m.check == check);
    let result = measured.map_or(CheckResult::NotApplicable, |m| m.result);
    let behind = sources.get(&check).into_iter().flatten();
    Line {
        number: check.number(),
        id: check.id(),
        name: check.title(),
        kind: check.kind().as_str(),
        mandatory: match &predicate.policy {
            Some(policy) => policy.demands(check),
            None => check.mandatory(),
        },
        verdict: match result {
            CheckResult::Pass => "pass",
            CheckResult::Fail => "fail",
            CheckResult::NotApplicable => "n/a",
        },
        measured_by: check.measured_by(),
        gamed_by: check.gamed_by(),
        caught_by: check.caught_by(),
        rule: rule(check, measured, predicate),
        seen: measured.map_or_else(String::new, |m| show::clean(&m.detail)),
        evidence: match measured {
            // Its judges' packages hold what they rest on.
            Some(m) if !predicate.checks.contains(m) => vec![Behind {
                reference: format!("commit:{}", predicate.about.head),
                what: "what was judged".to_owned(),
            }],
            Some(_) | None => behind
                .map(|reference| Behind {
                    reference: reference.to_string(),
                    what: what(reference, predicate),
                })
                .collect(),
        },
    }
}

fn rule(check: Check, measured: Option<&Measurement>, predicate: &Predicate) -> Option<String> {
    match measured {
        None if matches!(predicate.about.kind, TaskKind::Build | TaskKind::Ops) => {
            Some("the run ended before its gate measured anything".to_owned())
        }
        None => Some(format!(
            "it is not in the table of a {}",
            predicate.about.kind.as_str()
        )),
        Some(m) if m.result == CheckResult::NotApplicable => {
            Some(check.exempt_by().unwrap_or("it always applies").to_owned())
        }
        Some(_) => None,
    }
}

fn what(reference: &EvidenceRef, predicate: &Predicate) -> String {
    match reference {
        EvidenceRef::Blob(hash) => {
            let mut files = predicate.artifacts.iter();
            let file = files.find(|a| a.sha256 == hash.as_str());
            file.map_or_else(String::new, |a| format!("{}, {} bytes", a.path, a.bytes))
        }
        EvidenceRef::Commit(oid) => match oid.as_str() == predicate.about.head {
            true => "what was measured".to_owned(),
            false => "what it was measured against".to_owned(),
        },
        EvidenceRef::Command(at) => match predicate.commands.get(*at as usize) {
            Some(entry) => format!(
                "`{}`: {}, {} ms, output blobs/{}",
                show::clean(line_of(&entry.record.argv)),
                entry.record.exit,
                entry.record.duration_ms,
                entry.stdout.sha256.get(..12).unwrap_or_default()
            ),
            None => String::new(),
        },
    }
}

/// The line of shell that was asked for, without what the gate puts before it.
fn line_of(argv: &[String]) -> &str {
    let line = argv.last().map_or("", String::as_str);
    line.strip_prefix("exec 2>&1\n").unwrap_or(line)
}

fn told(shown: &Shown<'_>) {
    show::line(format!("package  {}", shown.package));
    show::line(format!(
        "run      {} of {}, {}",
        shown.run, shown.task, shown.mode
    ));
    show::line(format!("commit   {}", shown.head));
    for judge in &shown.judges {
        show::line(format!(
            "judged   {} {}, run {}",
            judge.kind, judge.task, judge.run
        ));
    }
    for check in &shown.checks {
        let veto = if check.mandatory { "M" } else { " " };
        let word = if check.verdict == "fail" {
            "FAIL"
        } else {
            check.verdict
        };
        show::line(format!(
            "{:>2} {word:<4} {veto} {} ({}, {})",
            check.number, check.name, check.id, check.kind
        ));
        show::line(format!("        how      {}", check.measured_by));
        show::line(format!("        gamed    {}", check.gamed_by));
        show::line(format!("        caught   {}", check.caught_by));
        if let Some(rule) = &check.rule {
            show::line(format!("        rule     {rule}"));
        }
        if !check.seen.is_empty() {
            show::line(format!("        seen     {}", check.seen));
        }
        for behind in &check.evidence {
            show::line(format!(
                "        evidence {} {}",
                short(&behind.reference),
                behind.what
            ));
        }
    }
    show::line(format!(
        "quality  {} of 100 as evidence",
        shown.quality.score
    ));
    for point in shown.quality.points.iter().filter(|p| p.got < p.of) {
        show::line(format!(
            "         {} of {}: {}",
            point.got, point.of, point.what
        ));
    }
    if let Some(policy) = shown.policy {
        show::line(format!("policy   {policy}"));
    }
    let word = match shown.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed { .. } => "failed",
        Outcome::NeedsHuman { .. } => "a person decides",
    };
    show::line(format!("verdict  {word}: {}", shown.score));
}

/// A reference as a person reads it; JSON has all of it.
fn short(reference: &str) -> &str {
    match reference.split_once(':') {
        Some((kind, hash)) => reference
            .get(..kind.len() + 1 + hash.len().min(12))
            .unwrap_or(reference),
        None => reference,
    }
}

fn end(outcome: &Outcome) -> Result<(), CliError> {
    match outcome {
        Outcome::Passed => Ok(()),
        Outcome::Failed { reasons } => {
            let message = format!("the gate refused it: {}", show::clean(&reasons.join("; ")));
            Err(CliError::new(Kind::Gate, message).hinted("`alai why ID` says what follows"))
        }
        Outcome::NeedsHuman { reason } => Err(CliError::new(Kind::Waiting, show::clean(reason))
            .hinted("`alai why ID` says who decides, and how")),
    }
}
