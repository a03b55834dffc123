//! `alai evidence show|verify|head|audit`.

mod agent;
pub(super) mod judges;
mod log;
mod rerun;
pub(super) mod sarif;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alai_core::ids::TaskId;
use alai_core::qa::{Outcome, Verdict};
use alai_core::trust::Trust;
use alai_factory::{Compared, Home, evidence_dir, newest_evidence};
use alai_gate::evidence::{self, Fault, PinnedKey};
use serde::Serialize;

use crate::args::{EvidenceCommand, VerifyArgs};
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn run(home: &Home, command: EvidenceCommand) -> Result<ExitCode, CliError> {
    match command {
        EvidenceCommand::Show {
            what, sarif: true, ..
        } => sarif::print(home, &what, None)?,
        EvidenceCommand::Show { what, json, .. } => shown(home, &find(home, &what)?, json)?,
        EvidenceCommand::Verify(args) => verify(home, &args)?,
        EvidenceCommand::Head => log::head(home)?,
        EvidenceCommand::Audit(args) => log::audit(home, &args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A folder, a task's newest package, or a run's.
pub(super) fn find(home: &Home, what: &str) -> Result<PathBuf, CliError> {
    let folder = Path::new(what);
    if folder.is_dir() {
        return Ok(folder.to_path_buf());
    }
    let none = |message: String| {
        CliError::new(Kind::NotFound, message)
            .hinted("`alai mc list --all` and `alai minion list` show what there is")
    };
    let reader = door::reader(home)?;
    if let Ok(task) = what.parse::<TaskId>() {
        reader.task(task)?;
        let runs = reader.runs_of(task)?;
        return newest_evidence(home, &runs)
            .ok_or_else(|| none(format!("{task} has no evidence yet")));
    }
    match reader.find_run(what)? {
        Some(run) => {
            evidence_dir(home, &run).ok_or_else(|| none(format!("run {} has no evidence", run.id)))
        }
        None => Err(none(format!("`{what}` is no task, no run and no folder"))),
    }
}

#[derive(Serialize)]
struct Verified {
    package: String,
    verified: bool,
    key: String,
    files: usize,
    bytes: u64,
    faults: Vec<String>,
    /// What an older version did not write.
    lacks: Vec<&'static str>,
    mode: Option<String>,
    head: Option<String>,
    /// Each check that was made again, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    rerun: Option<Vec<Compared>>,
}

fn verify(home: &Home, args: &VerifyArgs) -> Result<(), CliError> {
    let dir = find(home, &args.what)?;
    let key = pinned(home, args.key.as_deref())?;
    let checked = evidence::verify(&dir, &key);
    let mut verdict = Verified {
        package: dir.display().to_string(),
        verified: checked.is_ok(),
        key: key.id(),
        files: 0,
        bytes: 0,
        faults: Vec::new(),
        lacks: Vec::new(),
        mode: None,
        head: None,
        rerun: None,
    };
    match &checked {
        Ok(good) => {
            let about = &good.statement.predicate.about;
            verdict.files = good.files;
            verdict.bytes = good.bytes;
            verdict.mode = Some(about.mode.to_string());
            verdict.head = Some(about.head.clone());
            verdict.lacks = evidence::lacks(&good.statement.predicate);
            if args.rerun {
                verdict.rerun = Some(rerun::rerun(home, &dir, good, args.repo.as_deref())?);
            }
        }
        Err(faults) => {
            verdict.faults = faults.iter().map(|f| show::clean(&f.to_string())).collect()
        }
    }
    if args.json {
        show::json(&verdict)?;
    } else {
        show::line(format!("package  {}", verdict.package));
        show::line(format!("key      {}", verdict.key));
        for fault in &verdict.faults {
            show::line(format!("fault    {fault}"));
        }
    }
    match checked {
        Ok(good) => {
            if !args.json {
                let about = &good.statement.predicate.about;
                show::line(format!("mode     {}", about.mode));
                show::line(format!("commit   {}", about.head));
                for what in &verdict.lacks {
                    show::line(format!("lacks    {what}"));
                }
                show::line(format!(
                    "ok       {} files, {} bytes, every hash recomputed",
                    good.files, good.bytes
                ));
            }
            match &verdict.rerun {
                Some(compared) => rerun::told(compared, args.json),
                None => Ok(()),
            }
        }
        Err(faults) => Err(does_not_hold(&faults)),
    }
}

fn does_not_hold(faults: &[Fault]) -> CliError {
    let message = format!("the evidence does not hold: {} fault(s)", faults.len());
    CliError::new(Kind::Gate, message)
        .hinted("trust nothing in it; the commit itself can be measured again")
}

/// The error of whoever wanted to read a package that is not what was signed: nothing of it is shown but what is wrong.
pub(super) fn broken(faults: &[Fault]) -> CliError {
    for fault in faults {
        show::line(format!("fault    {}", show::clean(&fault.to_string())));
    }
    does_not_hold(faults)
}

/// The key comes from the home or from a file that a person names; never from the package.
pub(super) fn pinned(home: &Home, given: Option<&Path>) -> Result<PinnedKey, CliError> {
    let path = given.map_or_else(|| home.gate_public_key(), Path::to_path_buf);
    let text = std::fs::read_to_string(&path).map_err(|e| {
        CliError::new(
            Kind::NeedsSetup,
            format!("cannot read the key {}: {e}", path.display()),
        )
        .hinted("name the public key to trust with --key FILE")
    })?;
    text.trim()
        .parse()
        .map_err(|e| CliError::new(Kind::NeedsSetup, format!("{}: {e}", path.display())))
}

/// What the package proves by itself: nothing more than a claim when it is not what this home's gate has signed.
fn trust(home: &Home, dir: &Path) -> Trust {
    let sealed = pinned(home, None)
        .ok()
        .map(|key| evidence::verify(dir, &key));
    match sealed {
        Some(Ok(good)) => {
            let predicate = &good.statement.predicate;
            Trust::of_package(predicate.about.kind, &predicate.outcome)
        }
        Some(Err(_)) | None => Trust::Claimed,
    }
}

fn shown(home: &Home, dir: &Path, json: bool) -> Result<(), CliError> {
    let none = |e: &dyn std::fmt::Display| {
        CliError::new(
            Kind::NotFound,
            format!("{} holds no evidence: verdict.json: {e}", dir.display()),
        )
        .hinted("name a task, a run, or the folder that `alai minion run` printed")
    };
    let text = std::fs::read_to_string(dir.join("verdict.json")).map_err(|e| none(&e))?;
    let verdict: Verdict = serde_json::from_str(&text).map_err(|e| none(&e))?;
    // Records that cannot be read promise nothing.
    let promises = evidence::promises(dir).unwrap_or_else(|_| Some(alai_core::cage::promises(&[])));
    let promises = promises.unwrap_or_default();
    // Nor do they say that there was a cage.
    let sandbox = evidence::sandbox(dir).ok();
    let trust = trust(home, dir);
    if json {
        return show::json(&serde_json::json!({
            "package": dir.display().to_string(),
            "verdict": verdict,
            "trust": trust,
            "sandbox": sandbox,
            "promises": promises.kept,
            "lacking": promises.lacking,
            "agent": agent::of(dir),
        }));
    }
    show::line(format!("package  {}", dir.display()));
    // A package without it is shown all the same; `verify` says what is missing.
    match std::fs::read_to_string(dir.join("GOTCHA.md")) {
        Ok(gotcha) => show::line(show::clean(gotcha.trim_end())),
        Err(e) => show::line(format!("GOTCHA.md cannot be read: {e}")),
    }
    for m in &verdict.measurements {
        let word = match m.result {
            alai_core::qa::CheckResult::Pass => "pass",
            alai_core::qa::CheckResult::Fail => "FAIL",
            alai_core::qa::CheckResult::NotApplicable => "n/a",
        };
        show::line(format!(
            "{:>2} {word:<4} {}: {}",
            m.check.number(),
            m.check.title(),
            show::clean(&m.detail)
        ));
    }
    match sandbox {
        Some(alai_core::cage::Sandbox::On) => {}
        Some(alai_core::cage::Sandbox::Off) => show::line(
            "sandbox  OFF: the agent ran without a cage; the gate's own programs had theirs",
        ),
        None => show::line("sandbox  unknown: the records of its commands cannot be read"),
    }
    for promise in &promises.kept {
        let by = show::clean(&promise.by.join(", "));
        show::line(format!("cage     {}: {by}", promise.property.words()));
    }
    for property in &promises.lacking {
        show::line(format!("cage     NOT PROMISED: {}", property.words()));
    }
    if let Some(agent) = agent::of(dir) {
        agent::shown(&agent);
    }
    show::line(format!("verdict  {}", outcome(&verdict)));
    show::line(format!("trust    {trust}"));
    show::line(format!("files    {}", names(dir).join(", ")));
    show::line(
        "         shown as it lies there; `alai evidence verify` says whether it is what was signed",
    );
    Ok(())
}

fn outcome(verdict: &Verdict) -> String {
    let score = judges::score(verdict);
    match &verdict.outcome {
        Outcome::Passed => format!("passed: {score}"),
        Outcome::Failed { reasons } => {
            format!("failed: {}; {score}", show::clean(&reasons.join("; ")))
        }
        Outcome::NeedsHuman { reason } => format!("a person decides: {}", show::clean(reason)),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
