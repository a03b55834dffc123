//! Projects to measure, made by plain git, and one way to measure them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use alai_core::qa::{Check, CheckResult, Measurement, Policy, Verdict, judge};
use alai_core::record::Captured;
use alai_core::services::Surroundings;
use alai_core::task::TaskKind;
use alai_gate::advisories::{Advisories, Advisory, Affected, Snapshot};
use alai_gate::evidence::{self, Contents};
use alai_gate::{Base, Candidate, GateError, Ground, Measured};
use alai_workspace::cage;
use alai_workspace::command::Cancel;
use alai_workspace::git::{self, Oid, Repo};
use alai_workspace::setup::{self, Prepared, SetupPlan};
use alai_workspace::toolchains::{Toolchains, toolchains};

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) root: PathBuf,
    pub(crate) tools: Toolchains,
    pub(crate) around: Surroundings,
}

/// What a task allows; the rest of a candidate is the same for all tests.
#[derive(Default)]
pub(crate) struct Task {
    pub(crate) test: &'static str,
    pub(crate) build: Option<&'static str>,
    pub(crate) checks: Vec<String>,
    pub(crate) allowed: Vec<String>,
    pub(crate) changes_tests: Vec<String>,
    pub(crate) dependencies: bool,
    pub(crate) lint: Option<&'static str>,
    pub(crate) checks_may_be_green: bool,
    /// Seconds of one command, where the usual ones are too many.
    pub(crate) command_s: Option<u64>,
}

impl Task {
    pub(crate) fn with(test: &'static str) -> Task {
        Task {
            test,
            ..Task::default()
        }
    }
}

static LAUNCHER: Once = Once::new();

pub(crate) fn launcher() {
    LAUNCHER.call_once(|| {
        if std::env::var_os("ALAI_LAUNCHER").is_some() {
            return;
        }
        let test_binary = std::env::current_exe().expect("a running test");
        let profile = test_binary
            .parent()
            .and_then(Path::parent)
            .expect("target/PROFILE/deps/TEST");
        let launcher = profile.join("cage_launcher");
        if !launcher.exists() {
            let built = Command::new(env!("CARGO"))
                .args(["build", "-p", "alai-workspace", "--bin", "cage_launcher"])
                .status();
            assert!(
                built.expect("cargo starts").success(),
                "the cage's launcher cannot be built"
            );
        }
        cage::set_launcher(launcher);
    });
}

impl World {
    /// A repository with one commit.
    pub(crate) fn new(files: &[(&str, &str)]) -> World {
        launcher();
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("a path").join("project");
        fs::create_dir(&root).expect("made");
        let host: BTreeMap<String, String> = std::env::vars().collect();
        let world = World {
            dir,
            root,
            tools: toolchains(&host),
            around: Surroundings::default(),
        };
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.commit(files, &[], "first");
        world
    }

    pub(crate) fn repo(&self) -> Repo {
        git::open(&self.root).expect("a repository")
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@localhost",
                "-c",
                "commit.gpgSign=false",
            ])
            .args(args)
            .current_dir(&self.root)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git starts");
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Writes and deletes files and commits all of it.
    pub(crate) fn commit(&self, write: &[(&str, &str)], delete: &[&str], message: &str) -> Oid {
        for (path, text) in write {
            let path = self.root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        for path in delete {
            fs::remove_file(self.root.join(path)).expect("deleted");
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.tip()
    }

    /// Takes the branch back by one commit.
    pub(crate) fn rewind(&self) {
        self.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.root.join(path)).expect("linked");
    }

    pub(crate) fn tip(&self) -> Oid {
        self.git(&["rev-parse", "HEAD"]).parse().expect("a commit")
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        let scratch = self.dir.path().join("scratch");
        fs::create_dir_all(&scratch).expect("made");
        scratch
    }

    pub(crate) fn prepared(&self, commit: &Oid) -> Prepared {
        let plan = SetupPlan::new(None, BTreeMap::new());
        setup::prepare(
            &self.repo(),
            commit,
            &plan,
            &self.dir.path().join("cache"),
            &Cancel::new(),
        )
        .expect("an empty set-up")
    }

    pub(crate) fn base(&self, commit: &Oid, test: &str) -> Result<Base, GateError> {
        let prepared = self.prepared(commit);
        let scratch = self.scratch();
        let ground = Ground {
            prepared: &prepared,
            toolchains: &self.tools,
            around: &self.around,
            test_command: test,
            scratch: &scratch,
            command_s: 120,
        };
        alai_gate::base(&self.repo(), commit, &ground, &Cancel::new())
    }

    /// Measures the tip against a base.
    pub(crate) fn measure(&self, base: &Oid, task: &Task) -> Judged {
        let seen = self.base(base, task.test).expect("a box that works");
        let measured = self.ask(base, &seen, task, |candidate| {
            alai_gate::measure(candidate, &Cancel::new()).expect("measured")
        });
        let mut all = measured.measurements.clone();
        all.push(self.evidence(&measured));
        Judged {
            verdict: judge(&all, Policy::default()),
            measured,
            base: seen,
        }
    }

    /// The check that refuses the tip before anything of it is run.
    pub(crate) fn refused_unrun(&self, base: &Oid, task: &Task) -> Option<Check> {
        let seen = self.base(base, task.test).expect("a box that works");
        self.ask(base, &seen, task, |candidate| {
            let refused = alai_gate::refused_unrun(candidate, &Cancel::new()).expect("looked at");
            refused.map(|m| m.check)
        })
    }

    fn ask<T>(
        &self,
        base: &Oid,
        seen: &Base,
        task: &Task,
        ask: impl FnOnce(&Candidate<'_>) -> T,
    ) -> T {
        let (prepared, scratch, repo, head) =
            (self.prepared(base), self.scratch(), self.repo(), self.tip());
        // One that speaks of nothing here: what is new is looked up and is not known.
        let advisories = Advisories::new(
            Snapshot {
                as_of_ms: 0,
                newest_ms: BTreeMap::from([("PyPI".to_owned(), 0)]),
                imported_ms: 0,
                source: "none".into(),
                entries: vec![Advisory {
                    id: "OTHER-1".into(),
                    summary: String::new(),
                    affected: vec![Affected {
                        ecosystem: "PyPI".into(),
                        package: "something-else".into(),
                        ranges: Vec::new(),
                        versions: vec!["1.0".into()],
                    }],
                }],
            },
            0,
        );
        let candidate = Candidate {
            repo: &repo,
            base,
            head: &head,
            prepared: &prepared,
            prepared_head: None,
            toolchains: &self.tools,
            around: &self.around,
            test_command: task.test,
            build_command: task.build,
            lint_command: task.lint,
            checks: &task.checks,
            allowed_paths: &task.allowed,
            forbidden_paths: &[],
            changes_tests: &task.changes_tests,
            allow_dependency_changes: task.dependencies,
            advisories: Some(&advisories),
            scaffolded: &Default::default(),
            base_census: &seen.census,
            scratch: &scratch,
            kind: TaskKind::Build,
            checks_may_be_green: task.checks_may_be_green,
            command_s: task.command_s.unwrap_or(120),
        };
        let answer = ask(&candidate);
        assert_eq!(
            fs::read_dir(&scratch).expect("listed").count(),
            0,
            "every clone is removed"
        );
        answer
    }

    fn evidence(&self, measured: &Measured) -> Measurement {
        let dir = self
            .dir
            .path()
            .join(format!("evidence-{}", self.tip().short()));
        let _ = fs::remove_dir_all(&dir);
        let report = serde_json::json!({"summary": "done"});
        let contents = Contents {
            gotcha: "nothing",
            commands: &measured.commands,
            diff: "diff",
            report: &report,
            trajectory: None,
        };
        let redact = |text: &str| text.to_owned();
        evidence::write(&dir, &contents, &redact).expect("written");
        evidence::complete(
            &dir,
            &measured.commands,
            alai_core::cage::Sandbox::On,
            &redact,
        )
    }
}

/// A measured and judged commit.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) measured: Measured,
    pub(crate) base: Base,
}

impl Judged {
    pub(crate) fn result(&self, check: Check) -> CheckResult {
        self.one(check).result
    }

    pub(crate) fn one(&self, check: Check) -> &Measurement {
        self.verdict
            .measurements
            .iter()
            .find(|m| m.check == check)
            .expect("all nineteen are there")
    }

    /// The whole table, for a message.
    pub(crate) fn table(&self) -> String {
        let line =
            |m: &Measurement| format!("{:2} {:?} {}\n", m.check.number(), m.result, m.detail);
        let commands =
            |c: &Captured| format!("{:?} {}\n{}\n", c.record.argv, c.record.exit, c.combined());
        let table: String = self.verdict.measurements.iter().map(line).collect();
        let commands: String = self.measured.commands.iter().map(commands).collect();
        format!("{:?}\n{table}{commands}", self.verdict.outcome)
    }

    pub(crate) fn expect_pass(&self) {
        assert!(self.verdict.passed(), "{}", self.table());
        assert!(self.verdict.applicable >= 12, "{}", self.table());
    }

    /// The check failed, whatever became of the whole.
    #[track_caller]
    pub(crate) fn expect_seen_bad(&self, check: Check) {
        assert_eq!(self.result(check), CheckResult::Fail, "{}", self.table());
    }

    /// Fails, and for this reason.
    pub(crate) fn expect_fail(&self, check: Check) {
        assert!(!self.verdict.passed(), "{}", self.table());
        assert_eq!(self.result(check), CheckResult::Fail, "{}", self.table());
    }
}
