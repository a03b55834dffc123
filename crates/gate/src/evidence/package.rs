//! Writes a package: first what was seen, then, when it is judged, the verdict and the signature.

use std::path::Path;

use alai_core::cage::{self, Promises, Sandbox};
use alai_core::qa::{Check, Measurement, Verdict};
use alai_core::record::{Captured, CommandRecord};
use serde::Serialize;

use super::files::{self, EvidenceError, sha256};
use super::key::GateKey;
use super::statement::{About, Artifact, CommandEntry, Kept, Predicate, Statement};
use super::{attest, dsse, verify};
use crate::checks::judge_findings;

pub(super) const ENVELOPE: &str = "evidence.dsse.json";
pub(super) const VERDICT: &str = "verdict.json";
pub(super) const COMMANDS: &str = "commands.jsonl";
pub(super) const GOTCHA: &str = "GOTCHA.md";
pub(super) const DIFF: &str = "diff.patch";
pub(super) const REPORT: &str = "report.json";
pub(super) const TRAJECTORY: &str = "trajectory.jsonl";
pub(super) const BLOBS: &str = "blobs";

/// What a run leaves behind, before it is judged.
pub struct Contents<'a> {
    /// What went wrong on the way and what the next one should know, in Markdown.
    pub gotcha: &'a str,
    /// Every program that was started for this run, in order.
    pub commands: &'a [Captured],
    /// The diff between base and head, as git prints it.
    pub diff: &'a str,
    /// The run's own report. It is the writer's word and proves nothing.
    pub report: &'a serde_json::Value,
    /// The trajectory that the minion's side wrote, copied line by line.
    pub trajectory: Option<&'a Path>,
}

/// Writes everything but the verdict. The folder is made, or is empty; `redact` blackens secrets in each text.
///
/// # Errors
/// A folder that already holds files is refused: evidence is written once. Who resumes after a crash removes a folder that
/// has no envelope yet, and writes it anew.
pub fn write(
    dir: &Path,
    contents: &Contents<'_>,
    redact: &dyn Fn(&str) -> String,
) -> Result<(), EvidenceError> {
    files::folder(dir)?;
    let (plain, odd) = files::list(dir)?;
    if let Some(stranger) = plain.first().or(odd.first()) {
        let why =
            format!("already holds {stranger}; evidence is written once, into a folder of its own");
        return Err(EvidenceError::Refused {
            path: dir.to_owned(),
            why,
        });
    }
    files::folder(&dir.join(BLOBS))?;
    let mut lines = String::new();
    for captured in contents.commands {
        lines.push_str(&json_line(&keep(dir, captured, redact)?));
    }
    files::write(&dir.join(COMMANDS), lines.as_bytes())?;
    files::write(&dir.join(GOTCHA), redact(contents.gotcha).as_bytes())?;
    files::write(&dir.join(DIFF), redact(contents.diff).as_bytes())?;
    let report =
        redact(&serde_json::to_string_pretty(contents.report).expect("a JSON value has a text"));
    files::write(&dir.join(REPORT), report.as_bytes())?;
    if let Some(trajectory) = contents.trajectory {
        let text = String::from_utf8_lossy(&files::read(trajectory)?).into_owned();
        files::write(&dir.join(TRAJECTORY), redact(&text).as_bytes())?;
    }
    Ok(())
}

fn json_line(value: &impl Serialize) -> String {
    format!(
        "{}\n",
        serde_json::to_string(value).expect("records always have a JSON form")
    )
}

fn keep(
    dir: &Path,
    captured: &Captured,
    redact: &dyn Fn(&str) -> String,
) -> Result<CommandEntry, EvidenceError> {
    let record = redacted(&captured.record, redact);
    let stdout = stream(
        dir,
        &captured.stdout,
        &captured.record.stdout_sha256,
        redact,
    )?;
    let stderr = stream(
        dir,
        &captured.stderr,
        &captured.record.stderr_sha256,
        redact,
    )?;
    Ok(CommandEntry {
        record,
        stdout,
        stderr,
    })
}

fn redacted(record: &CommandRecord, redact: &dyn Fn(&str) -> String) -> CommandRecord {
    let mut record = record.clone();
    record.argv = record.argv.iter().map(|word| redact(word)).collect();
    record
}

fn stream(
    dir: &Path,
    text: &str,
    all_sha256: &str,
    redact: &dyn Fn(&str) -> String,
) -> Result<Kept, EvidenceError> {
    let text = redact(text);
    let hash = sha256(text.as_bytes());
    let path = dir.join(BLOBS).join(&hash);
    if !path.exists() {
        files::write(&path, text.as_bytes())?;
    }
    Ok(Kept {
        whole: hash == all_sha256,
        bytes: text.len() as u64,
        sha256: hash,
    })
}

/// Check 16: reads the package back and compares it with what was captured, hash by hash. Where a person let the agent run
/// without a cage, its commands need none; the gate's own still do.
pub fn complete(
    dir: &Path,
    commands: &[Captured],
    sandbox: Sandbox,
    redact: &dyn Fn(&str) -> String,
) -> Measurement {
    let mut found = Vec::new();
    for name in [GOTCHA, DIFF, REPORT] {
        match files::read(&dir.join(name)) {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {
                found.push(format!("{name} is empty"))
            }
            Ok(_) => {}
            Err(error) => found.push(error.to_string()),
        }
    }
    match verify::commands(dir) {
        Ok(entries) => found.extend(differences(dir, &entries, commands, sandbox, redact)),
        Err(why) => found.push(why),
    }
    match files::list(dir) {
        Ok((_, odd)) => found.extend(odd.iter().map(|path| format!("{path} is no plain file"))),
        Err(error) => found.push(error.to_string()),
    }
    let clean = format!(
        "{} command records and their outputs read back, hashes match",
        commands.len()
    );
    judge_findings(Check::EvidenceComplete, &found, clean)
}

fn differences(
    dir: &Path,
    entries: &[CommandEntry],
    commands: &[Captured],
    sandbox: Sandbox,
    redact: &dyn Fn(&str) -> String,
) -> Vec<String> {
    let mut found = Vec::new();
    if commands.is_empty() {
        found.push("no command was recorded: nothing was run to prove the claim".to_owned());
    }
    if entries.len() != commands.len() {
        found.push(format!(
            "{COMMANDS} has {} records, {} were captured",
            entries.len(),
            commands.len()
        ));
    }
    for (at, (entry, captured)) in entries.iter().zip(commands).enumerate() {
        if entry.record != redacted(&captured.record, redact) {
            found.push(format!("record {at} is not the captured one"));
        }
        // What ran without a whole cage could have written its own proof.
        let lacking = cage::promises(&captured.record.cage).lacking;
        let asked_for = sandbox == Sandbox::Off && Sandbox::of(&captured.record.cage) == sandbox;
        if !lacking.is_empty() && !asked_for {
            let words: Vec<&str> = lacking.iter().map(|p| p.words()).collect();
            found.push(format!(
                "command {at} ran in a cage that does not promise: {}",
                words.join(", ")
            ));
        }
        for kept in [&entry.stdout, &entry.stderr] {
            match files::read(&dir.join(BLOBS).join(&kept.sha256)) {
                Ok(bytes) if sha256(&bytes) == kept.sha256 => {}
                Ok(_) => found.push(format!(
                    "{BLOBS}/{} does not have its own hash",
                    kept.sha256
                )),
                Err(error) => found.push(error.to_string()),
            }
        }
    }
    found
}

/// Whether any command of a package ran without a cage, as it lies there.
///
/// # Errors
/// As [`promises`].
pub fn sandbox(dir: &Path) -> Result<Sandbox, String> {
    let commands = verify::commands(dir)?;
    let layers: Vec<String> = commands.into_iter().flat_map(|c| c.record.cage).collect();
    Ok(Sandbox::of(&layers))
}

/// What every cage of a package's commands promised, as it lies there: [`super::verify()`] tells whether it was signed so.
/// `None` when no program ran.
///
/// # Errors
/// In words, when the command records cannot be read.
pub fn promises(dir: &Path) -> Result<Option<Promises>, String> {
    let commands = verify::commands(dir)?;
    let cages = commands.iter().map(|c| c.record.cage.as_slice());
    Ok((!commands.is_empty()).then(|| cage::common(cages)))
}

/// Writes the verdict, lists every file of the package, and signs the list. Returns the envelope's hex SHA-256.
///
/// # Errors
/// When a file cannot be read or written, or is a link, or `commands.jsonl` is not what `write` made.
pub fn seal(
    dir: &Path,
    about: &About,
    verdict: &Verdict,
    key: &GateKey,
) -> Result<String, EvidenceError> {
    files::write(&dir.join(VERDICT), json_line(verdict).as_bytes())?;
    attest::write(dir, about, verdict, key)?;
    let refused = |why: String| EvidenceError::Refused {
        path: dir.to_owned(),
        why,
    };
    let (plain, odd) = files::list(dir)?;
    if let Some(odd) = odd.first() {
        return Err(refused(format!("holds {odd}, which is no plain file")));
    }
    let mut artifacts = Vec::new();
    for path in plain.into_iter().filter(|path| path != ENVELOPE) {
        let bytes = files::read(&dir.join(&path))?;
        artifacts.push(Artifact {
            path,
            sha256: sha256(&bytes),
            bytes: bytes.len() as u64,
        });
    }
    let commands = verify::commands(dir).map_err(refused)?;
    let cages = commands.iter().map(|c| c.record.cage.as_slice());
    let promises = cage::common(cages.clone()).kept;
    let mut layers: Vec<String> = cages.flatten().cloned().collect();
    layers.sort();
    layers.dedup();
    let statement = Statement::new(Predicate {
        about: about.clone(),
        cage: layers,
        promises,
        commands,
        outcome: verdict.outcome.clone(),
        checks: verdict.measurements.clone(),
        policy: verdict.policy.clone(),
        artifacts,
    });
    let payload = serde_json::to_vec(&statement).expect("a statement always has a JSON form");
    let envelope = dsse::sign(&payload, key);
    files::write(&dir.join(ENVELOPE), &envelope)?;
    Ok(sha256(&envelope))
}
