//! A package of 500 command records: how long it takes to write, seal and verify, and how large it is. Started by
//! `cargo xtask bench evidence`, which prints the machine. Another count is the first argument.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use alai_core::brief::Role;
use alai_core::ids::{Epoch, RunId, TaskId};
use alai_core::mode::Mode;
use alai_core::qa::{Check, CheckResult, Measurement, Policy, Verdict, judge};
use alai_core::record::{Captured, CommandRecord, Exit};
use alai_core::task::TaskKind;
use alai_gate::Behind;
use alai_gate::evidence::{self, About, Contents, GateKey, Usage};
use sha2::{Digest, Sha256};

/// Records of one run that used all its turns several times over.
const RECORDS: usize = 500;
/// Enough for a p99 that is not the slowest one.
const ROUNDS: usize = 200;
/// Milliseconds for the median of one verification.
const AIM_MS: f64 = 50.0;

fn main() -> ExitCode {
    let given = std::env::args().skip(1).find(|word| word != "--bench");
    let records = given.map_or(Ok(RECORDS), |word| word.parse());
    match records.map_err(|e| e.to_string()).and_then(run) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(records: usize) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let key = GateKey::from_seed([7; 32]);
    let dir = folder.path().join("evidence");
    let began = Instant::now();
    made(&dir, records, &key).map_err(|e| e.to_string())?;
    let written = began.elapsed();
    let mut series = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let verified = evidence::verify(&dir, &key.public());
        series.push(began.elapsed());
        let verified = verified.map_err(|faults| format!("{faults:?}"))?;
        if verified.statement.predicate.commands.len() != records {
            return Err("another number of records than was written".to_owned());
        }
    }
    series.sort_unstable();
    let rank = |percent: usize| series[(ROUNDS * percent).div_ceil(100) - 1];
    let (median, slow) = (rank(50), rank(99));
    let held = ms(median) < AIM_MS;
    println!("records                {records}");
    println!("bytes                  {}", bytes(folder.path()));
    println!("write and seal         {:.1} ms", ms(written));
    println!(
        "verify, median         {:.1} ms; aim < {AIM_MS} ms: {}",
        ms(median),
        if held { "held" } else { "missed" }
    );
    println!("verify, p99 of {ROUNDS}     {:.1} ms", ms(slow));
    Ok(held)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn bytes(dir: &Path) -> u64 {
    let mut sum = 0;
    let mut open = vec![PathBuf::from(dir)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(seen) if seen.is_dir() => open.push(entry.path()),
                Ok(seen) => sum += seen.len(),
                Err(_) => {}
            }
        }
    }
    sum
}

/// A package like a run's: each record with an output of its own of some 80 lines.
fn made(dir: &Path, records: usize, key: &GateKey) -> Result<(), evidence::EvidenceError> {
    let commands: Vec<Captured> = (0..records).map(captured).collect();
    let contents = Contents {
        gotcha: "## Goals\n\nOne.\n",
        commands: &commands,
        diff: "+a\n",
        report: &serde_json::json!({"summary": "done"}),
        trajectory: None,
    };
    let as_is = |text: &str| text.to_owned();
    evidence::write(dir, &contents, &as_is)?;
    let (base, head) = ("1".repeat(40), "2".repeat(40));
    let behind = Behind::from([(Check::BaseTestsPass, vec![records - 1])]);
    let verdict = verdict();
    evidence::point(dir, (&base, &head), &behind, None, &verdict, &as_is)?;
    let about = About {
        run: RunId("0190a3c0-0000-7000-8000-000000000001".into()),
        epoch: Epoch(1),
        task: TaskId(1),
        kind: TaskKind::Build,
        company: "CodeCraft".into(),
        role: Role::Builder,
        model: "none".into(),
        mode: Mode::Simulated,
        base,
        head,
        tree_sha256: "3".repeat(64),
        usage: Usage::default(),
        recorded_ms: 1,
    };
    evidence::seal(dir, &about, &verdict, key).map(drop)
}

fn verdict() -> Verdict {
    let pass = |check: &Check| Measurement {
        check: *check,
        result: CheckResult::Pass,
        detail: "seen".into(),
    };
    let measured: Vec<Measurement> = Check::ALL.iter().map(pass).collect();
    judge(&measured, Policy::default())
}

fn captured(at: usize) -> Captured {
    let mut stdout = String::new();
    for line in 0..80 {
        let _ = writeln!(stdout, "ok {line} - a test of command {at} that passed");
    }
    let hash = |text: &str| hex::encode(Sha256::digest(text));
    let record = CommandRecord {
        argv: vec!["sh".into(), "-c".into(), format!("make test-{at}")],
        cwd: "/repo".into(),
        exit: Exit::Code { code: 0 },
        started_ms: 1,
        duration_ms: 2,
        stdout_sha256: hash(&stdout),
        stderr_sha256: hash(""),
        stdout_bytes: stdout.len() as u64,
        stderr_bytes: 0,
        cage: vec!["landlock:7".into(), "seccomp".into()],
    };
    Captured {
        record,
        stdout,
        stderr: String::new(),
        truncated: false,
    }
}
