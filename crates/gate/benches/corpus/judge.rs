//! Judges one answer as the factory judges a BUILD: set-up of the base, its tests in a cage, the nineteen checks in fresh clones,
//! evidence written and read back, `qa::judge`, and for what passes the rails.
//!
//! Everything is the product's own. A task of the corpus has no checks, no allowed paths and no leave to change dependencies, as
//! a person's plain wish has none.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alai_core::cage::Sandbox;
use alai_core::qa::{self, Policy, Verdict};
use alai_core::safety;
use alai_core::services::Surroundings;
use alai_core::task::TaskKind;
use alai_gate::evidence::{self, Contents};
use alai_gate::{Base, Candidate, GateError, Ground, Measured};
use alai_testkit::git as fixture;
use alai_workspace::command::Cancel;
use alai_workspace::detect::detect;
use alai_workspace::git::{self, Oid, Repo};
use alai_workspace::setup::{self, Prepared, SetupError, SetupPlan};
use alai_workspace::toolchains::{Toolchains, toolchains};

use super::case::{Seen, Side};
use super::impossible::{Flip, Way};

/// As the factory's own limit.
const COMMAND_S: u64 = 600;

/// What all pairs share: the machine's tools, and the cache of set-ups.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    host: BTreeMap<String, String>,
    tools: Toolchains,
}

/// The gate's answer about one answer.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    /// The rail that sends a change to a person that the gate lets through.
    pub(crate) rail: Option<String>,
    /// All of it, less what the commands took that it started.
    pub(crate) own: Duration,
}

impl Judged {
    /// Not a pass: a failure, or a person decides.
    pub(crate) fn held(&self) -> bool {
        !self.verdict.passed() || self.rail.is_some()
    }

    /// Whether the check of this id failed.
    pub(crate) fn failed(&self, id: &str) -> bool {
        self.verdict.failures().iter().any(|m| m.check.id() == id)
    }
}

/// Why a pair could not be judged on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotRun(pub(crate) String);

impl Bench {
    pub(crate) fn new() -> Result<Bench, String> {
        let host: BTreeMap<String, String> = std::env::vars().collect();
        Ok(Bench {
            folder: tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?,
            tools: toolchains(&host),
            host,
        })
    }

    /// Makes the project of a pair, sets it up and runs its tests, once for both answers.
    pub(crate) fn pair<'a>(&'a self, id: &str, seen: &'a Seen) -> Result<Pair<'a>, NotRun> {
        self.project(id, seen, None, false)
    }

    /// The same where the task asks that the base's tests pass.
    pub(crate) fn asked<'a>(&'a self, id: &str, seen: &'a Seen) -> Result<Pair<'a>, NotRun> {
        self.project(id, seen, None, true)
    }

    /// That with another expectation in the base's tests, which are what the task asks for.
    pub(crate) fn flipped<'a>(
        &'a self,
        id: &str,
        seen: &'a Seen,
        flip: &Flip,
    ) -> Result<Pair<'a>, NotRun> {
        self.project(id, seen, Some(flip), true)
    }

    fn project<'a>(
        &'a self,
        id: &str,
        seen: &'a Seen,
        flip: Option<&Flip>,
        is_asked: bool,
    ) -> Result<Pair<'a>, NotRun> {
        let place = self.folder.path().join(id);
        let root = place.join("project");
        copy(&seen.base(), &root).map_err(|e| NotRun(format!("base/ cannot be copied: {e}")))?;
        if let Some(flip) = flip {
            line_becomes(&root, flip, &flip.is).map_err(|e| NotRun(e.to_string()))?;
        }
        let commit = fixture::init_repo(&root).map_err(|e| NotRun(e.to_string()))?;
        let base: Oid = commit.parse().map_err(|e| NotRun(format!("{e:?}")))?;
        let repo = git::open(&root).map_err(|e| NotRun(e.to_string()))?;
        let (prepared, test) = self.set_up(&repo, &base, seen)?;
        let scratch = place.join("scratch");
        fs::create_dir_all(&scratch).map_err(|e| NotRun(e.to_string()))?;
        let mut pair = Pair {
            bench: self,
            seen,
            place,
            root,
            repo,
            base,
            prepared,
            test,
            scratch,
            around: Surroundings::default(),
            ground: None,
            checks: Vec::new(),
        };
        if is_asked {
            pair.checks.push(pair.test.clone());
        }
        pair.ground = Some(pair.ran()?);
        Ok(pair)
    }

    /// The project's set-up as `alai project add` finds it, where the pair says that it needs packages.
    fn set_up(&self, repo: &Repo, base: &Oid, seen: &Seen) -> Result<(Prepared, String), NotRun> {
        let detected = detect(repo, base).map_err(|e| NotRun(e.to_string()))?;
        let command = detected.setup.filter(|_| !seen.needs.is_empty());
        let mut runner = seen.runner.clone();
        // Where the set-up brings pytest, it is in the environment that the set-up makes.
        if seen.needs.iter().any(|need| need == "pytest") && runner[0] == "python3" {
            runner[0] = ".venv/bin/python".to_owned();
        }
        let plan = SetupPlan::new(command, self.host.clone());
        let cache = self.folder.path().join("cache");
        let failed = |e: SetupError| {
            let SetupError::Failed { tail, .. } = &e else {
                return NotRun(e.to_string());
            };
            NotRun(format!("its set-up failed: {}", last(tail)))
        };
        let prepared = setup::prepare(repo, base, &plan, &cache, &Cancel::new()).map_err(failed)?;
        Ok((prepared, words(&runner)))
    }
}

/// A project on the ground that its answers are measured from.
pub(crate) struct Pair<'a> {
    bench: &'a Bench,
    seen: &'a Seen,
    place: PathBuf,
    root: PathBuf,
    repo: Repo,
    base: Oid,
    prepared: Prepared,
    test: String,
    scratch: PathBuf,
    around: Surroundings,
    ground: Option<Base>,
    /// The task's own commands: none, but of a variant its runner.
    checks: Vec<String>,
}

impl Pair<'_> {
    fn ran(&self) -> Result<Base, NotRun> {
        let ground = Ground {
            prepared: &self.prepared,
            toolchains: &self.bench.tools,
            around: &self.around,
            test_command: &self.test,
            scratch: &self.scratch,
            command_s: COMMAND_S,
        };
        let failed = |e: GateError| match e {
            GateError::BoxRefused(refused) => NotRun(refused.why),
            e @ (GateError::BadGlob { .. }
            | GateError::Repository { .. }
            | GateError::Clone { .. }
            | GateError::Cage { .. }
            | GateError::Cancelled) => NotRun(e.to_string()),
        };
        alai_gate::base(&self.repo, &self.base, &ground, &Cancel::new()).map_err(failed)
    }

    /// Commits an answer upon the base and judges it.
    pub(crate) fn judge(&self, side: Side) -> Result<Judged, NotRun> {
        self.checked_out()?;
        self.applied(side)?;
        self.handed_in(&format!("{side:?}"))
    }

    /// One way to answer a variant.
    pub(crate) fn answer(&self, way: Way, flip: &Flip) -> Result<Judged, NotRun> {
        let failed = |e: std::io::Error| NotRun(e.to_string());
        self.checked_out()?;
        // An answer is a patch of the project as it was.
        line_becomes(&self.root, flip, &flip.was).map_err(failed)?;
        self.applied(match way {
            Way::As(side) => side,
            Way::PutBack | Way::Dropped => Side::Honest,
        })?;
        match way {
            Way::As(_) => only_line_becomes(&self.root, flip)?,
            Way::PutBack => {}
            Way::Dropped => fs::remove_file(self.root.join(&flip.path)).map_err(failed)?,
        }
        self.handed_in(&format!("{way:?}"))
    }

    fn checked_out(&self) -> Result<(), NotRun> {
        let failed = |e: std::io::Error| NotRun(e.to_string());
        let argv = ["checkout", "--quiet", "--detach", "main"];
        fixture::git(&self.root, &argv).map_err(failed)?;
        Ok(())
    }

    fn applied(&self, side: Side) -> Result<(), NotRun> {
        let failed = |e: std::io::Error| NotRun(e.to_string());
        let patch = self.seen.patch(side);
        let patch = patch.to_string_lossy();
        fixture::git(&self.root, &["apply", "--whitespace=nowarn", &patch]).map_err(failed)?;
        Ok(())
    }

    fn handed_in(&self, name: &str) -> Result<Judged, NotRun> {
        let failed = |e: std::io::Error| NotRun(e.to_string());
        let head = fixture::commit_all(&self.root, "Answer").map_err(failed)?;
        let head: Oid = head.parse().map_err(|e| NotRun(format!("{e:?}")))?;
        let begun = Instant::now();
        let measured = self.measure(&head)?;
        let diff = git::diff(&self.repo, &self.base, &head).map_err(|e| NotRun(e.to_string()))?;
        let dir = self.place.join(format!("evidence-{name}"));
        let complete = evidence_of(&dir, &measured, &diff.patch)?;
        let mut all = measured.measurements;
        all.push(complete);
        let verdict = qa::judge(&all, Policy::default());
        let paths: Vec<String> = diff.files.iter().map(|f| f.path.clone()).collect();
        let rail = safety::judge_diff(&diff.patch, &paths).into_iter().next();
        let started: i64 = measured.commands.iter().map(|c| c.record.duration_ms).sum();
        let started = Duration::from_millis(started.unsigned_abs());
        Ok(Judged {
            verdict,
            rail: rail.map(|rail| format!("{}: {}", rail.rule.as_str(), rail.matched)),
            own: begun.elapsed().saturating_sub(started),
        })
    }

    fn measure(&self, head: &Oid) -> Result<Measured, NotRun> {
        let ground = self.ground.as_ref().expect("a pair has its ground");
        let candidate = Candidate {
            repo: &self.repo,
            base: &self.base,
            head,
            prepared: &self.prepared,
            prepared_head: None,
            toolchains: &self.bench.tools,
            around: &self.around,
            test_command: &self.test,
            build_command: None,
            lint_command: None,
            checks: &self.checks,
            allowed_paths: &[],
            forbidden_paths: &[],
            changes_tests: &self.seen.changes_tests,
            allow_dependency_changes: false,
            advisories: None,
            scaffolded: &Default::default(),
            base_census: &ground.census,
            scratch: &self.scratch,
            kind: TaskKind::Build,
            // Of what sort the tasks of a corpus are is said nowhere.
            checks_may_be_green: false,
            command_s: COMMAND_S,
        };
        alai_gate::measure(&candidate, &Cancel::new()).map_err(|e| NotRun(e.to_string()))
    }
}

/// Check 16, on a package of its own.
fn evidence_of(dir: &Path, measured: &Measured, diff: &str) -> Result<qa::Measurement, NotRun> {
    let report = serde_json::json!({"summary": "done"});
    let contents = Contents {
        gotcha: "an answer of the corpus",
        commands: &measured.commands,
        diff,
        report: &report,
        trajectory: None,
    };
    let redact = |text: &str| text.to_owned();
    evidence::write(dir, &contents, &redact).map_err(|e| NotRun(e.to_string()))?;
    Ok(evidence::complete(
        dir,
        &measured.commands,
        Sandbox::On,
        &redact,
    ))
}

/// Writes a line of a file anew; the rest stays byte for byte.
fn line_becomes(root: &Path, flip: &Flip, new: &str) -> std::io::Result<()> {
    let path = root.join(&flip.path);
    let text = fs::read_to_string(&path)?;
    let lines = text.split('\n').enumerate();
    let lines: Vec<&str> = lines
        .map(|(at, line)| if at == flip.line { new } else { line })
        .collect();
    fs::write(path, lines.join("\n"))
}

/// The line of a flip as it became, wherever an answer has moved it.
fn only_line_becomes(root: &Path, flip: &Flip) -> Result<(), NotRun> {
    let failed = |e: std::io::Error| NotRun(format!("{}: {e}", flip.path));
    let path = root.join(&flip.path);
    let text = fs::read_to_string(&path).map_err(failed)?;
    let mut lines: Vec<&str> = text.split('\n').collect();
    let there: Vec<usize> = (0..lines.len())
        .filter(|at| lines[*at] == flip.was)
        .collect();
    let [at] = there[..] else {
        let count = there.len();
        return Err(NotRun(format!(
            "{} has the line that was flipped {count} times",
            flip.path
        )));
    };
    lines[at] = &flip.is;
    fs::write(path, lines.join("\n")).map_err(failed)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Arguments as one line of the shell.
fn words(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let word = |word: &String| match word.chars().all(plain) && !word.is_empty() {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn last(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(2)..].join(" | ")
}
