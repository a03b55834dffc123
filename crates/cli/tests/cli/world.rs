//! One small world per test: a temporary folder with a home, a repository and a script, and the binary that works on them.
//! Nothing of the machine's environment reaches it, every program has a hard limit, and nothing outlives the test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alai_testkit::{git, samples};
use serde_json::Value;
use tempfile::TempDir;

use crate::script::Script;

/// A command that takes longer hangs: the slowest flow takes ten seconds on two busy cores.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many times as long a whole cascade of tasks may take.
const LATE_TIMES: u32 = 4;
/// A port of loopback that nothing listens on: privileged, so that the kernel gives it to nobody by chance.
const CLOSED: &str = "http://127.0.0.1:1";
/// The command that tests the sample.
pub(crate) const TEST: &str = "sh test.sh";

/// A test's folder. Everything in it goes with it.
pub(crate) struct World {
    dir: TempDir,
    /// Holds a link to the binary: a build that runs beside the tests may replace the file, and a factory's cages start
    /// from the file that the factory was started from.
    binary: TempDir,
    ollama: String,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    what: String,
    /// 128 + the signal's number for one that a signal ended, as a shell says it.
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// A folder with the sample in a repository, and no home yet.
    pub(crate) fn without_home() -> World {
        // Not below the build folder: the path of a socket has room for about a hundred bytes.
        let dir = tempfile::Builder::new()
            .prefix("alai-cli-")
            .tempdir()
            .expect("a temporary folder");
        let binary = tempfile::Builder::new()
            .prefix("alai-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a folder beside the binary");
        std::fs::hard_link(env!("CARGO_BIN_EXE_alai"), binary.path().join("alai"))
            .expect("the binary and its link are on one disk");
        let world = World {
            dir,
            binary,
            ollama: CLOSED.to_owned(),
        };
        std::fs::create_dir(world.path("person")).expect("a home folder of a person");
        samples::write("tiny-sh", &world.repo()).expect("the sample");
        git::init_repo(&world.repo()).expect("a repository");
        world
    }

    /// The same with a home, and no model anywhere.
    pub(crate) fn with_home() -> World {
        let world = World::without_home();
        world.alai(["init"]).exits(0);
        world
    }

    /// The same with the sample registered. `delivery` is `auto` or `approve`.
    pub(crate) fn with_project(delivery: &str) -> World {
        let world = World::with_home();
        world
            .alai([
                "project",
                "add",
                "tiny",
                "--test",
                TEST,
                "--deliver",
                delivery,
            ])
            .exits(0);
        world
    }

    /// The same with a scripted model.
    pub(crate) fn scripted(delivery: &str, script: &Script) -> World {
        let world = World::with_project(delivery);
        world.play(script);
        world
    }

    /// The same with a model at that address.
    pub(crate) fn with_model_at(delivery: &str, url: &str) -> World {
        let mut world = World::with_project(delivery);
        url.clone_into(&mut world.ollama);
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path("tiny")
    }

    /// Puts a script in the place of a model.
    pub(crate) fn play(&self, script: &Script) {
        let path = self.path("script.json");
        std::fs::write(&path, script.text()).expect("the script");
        let setting = format!(
            "[fleet]\nscript = {}\n",
            Value::from(path.display().to_string())
        );
        std::fs::write(self.home().join("alai.toml"), setting).expect("the settings");
    }

    /// The binary with its arguments, in the world's folder, with an environment of its own.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.program(self.binary.path().join("alai"));
        command.args(args);
        command
    }

    /// Any program in the same folder and environment, where `ALAI` is the path of the binary.
    pub(crate) fn program(&self, name: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(name);
        command.current_dir(self.dir.path()).env_clear();
        // LLVM_PROFILE_FILE only matters when coverage is measured.
        for name in ["PATH", "TMPDIR", "LLVM_PROFILE_FILE"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("HOME", self.path("person"))
            .env("ALAI_HOME", self.home())
            .env("OLLAMA_HOST", &self.ollama)
            .env("ALAI", self.binary.path().join("alai"));
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn alai<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        run(self.command(args))
    }

    /// Runs the binary and reads the one object it prints.
    pub(crate) fn json<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Value {
        self.alai(args).exits(0).json()
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git::git(&self.repo(), args).unwrap_or_else(|e| panic!("{e}"))
    }

    /// A shell command in the repository, as a person would give it.
    pub(crate) fn sh(&self, command: &str) -> Ran {
        let mut shell = self.program("sh");
        shell.args(["-c", command]).current_dir(self.repo());
        run(shell)
    }

    /// Titles of the commits on the branch that brought something, newest first: its merges bring nothing of their own.
    pub(crate) fn titles(&self, branch: &str) -> Vec<String> {
        self.git(&["log", "--topo-order", "--no-merges", "--format=%s", branch])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Everything a person has in the repository: each file's path and text, `.git` left out, and the state of the index.
    pub(crate) fn work_tree(&self) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        read_all(&self.repo(), &self.repo(), &mut files);
        files.push(("(index)".into(), self.git(&["ls-files", "--stage"])));
        files.sort();
        files
    }

    /// The lines of `mc list --all`.
    pub(crate) fn list(&self) -> String {
        self.alai(["mc", "list", "--all"]).exits(0).out
    }

    /// A task with its runs and its history.
    pub(crate) fn task(&self, id: i64) -> Value {
        self.json(["mc", "show", &id.to_string(), "--json"])
    }

    /// The state of a task.
    pub(crate) fn state(&self, id: i64) -> String {
        self.task(id)["view"]["task"]["state"]
            .as_str()
            .expect("a state")
            .to_owned()
    }

    /// The verdict of a task's newest evidence: the numbers of the checks that failed, with what was seen.
    pub(crate) fn failed_checks(&self, id: i64) -> Vec<(String, String)> {
        let shown = self.json(["evidence", "show", &id.to_string(), "--json"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = shown["verdict"]["measurements"]
            .as_array()
            .expect("measurements")
            .iter();
        all.filter(|m| m["result"] == "fail")
            .map(|m| (text(&m["check"]), text(&m["detail"])))
            .collect()
    }

    /// Asks until the answer is there. Each question starts a program, which is pause enough.
    pub(crate) fn until<T>(&self, what: &str, ask: impl FnMut(&World) -> Option<T>) -> T {
        self.until_within(PATIENCE, what, ask)
    }

    /// The same for work that takes minutes by itself.
    pub(crate) fn until_within<T>(
        &self,
        patience: Duration,
        what: &str,
        mut ask: impl FnMut(&World) -> Option<T>,
    ) -> T {
        let began = Instant::now();
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            assert!(
                began.elapsed() < patience,
                "waited in vain until {what}:\n{}",
                self.list()
            );
        }
    }

    /// The text with what differs from one run to the next replaced by words.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.replace(&self.dir.path().display().to_string(), "DIR");
        for (pattern, word) in [
            (
                r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
                "RUN",
            ),
            (r"\b[0-9a-f]{64}\b", "HASH"),
            (r"\b[0-9a-f]{40}\b", "COMMIT"),
            (r"\b[0-9a-f]{12}\b", "SHORT"),
            (r"pid \d+", "pid PID"),
            (r"\b\d+ (s|min|h) ago", "AGO"),
        ] {
            text = regex::Regex::new(pattern)
                .expect("a pattern")
                .replace_all(&text, word)
                .into_owned();
        }
        text
    }

    /// Starts the daemon and waits until it says that it is up.
    pub(crate) fn up(&self) -> Running {
        let daemon = Running::start(self.command(["up"]));
        daemon.says("alai is up on");
        daemon
    }
}

fn read_all(root: &Path, dir: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() != ".git" {
                read_all(root, &path, files);
            }
        } else {
            let text = std::fs::read(&path).expect("a file");
            let inside = path.strip_prefix(root).expect("inside").to_path_buf();
            files.push((inside, String::from_utf8_lossy(&text).into_owned()));
        }
    }
}

impl Ran {
    /// Demands an exit code; shows everything when it is another one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Demands a text on either of both outputs.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Ran {
        assert!(
            self.out.contains(text) || self.err.contains(text),
            "`{text}` is not in it: {self}"
        );
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} ended with {}\n--- out\n{}\n--- err\n{}",
            self.what, self.code, self.out, self.err
        )
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: Command) -> Ran {
    Running::start(command).ends()
}

/// A program that was started, in a process group of its own. Killed with the value when it has not ended before.
pub(crate) struct Running {
    what: String,
    pid: u32,
    seen: Arc<Seen>,
}

/// What is known of a program, and the bell that rings when there is more.
#[derive(Default)]
struct Seen {
    so_far: Mutex<SoFar>,
    more: Condvar,
}

#[derive(Default)]
struct SoFar {
    out: Vec<u8>,
    err: Vec<u8>,
    /// Set when it has ended and both outputs are read to their ends.
    code: Option<i32>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Running {
        let what = format!("{command:?}");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {what}: {e}"));
        let (pid, seen) = (child.id(), Arc::<Seen>::default());
        let out = child.stdout.take().expect("piped");
        let err = child.stderr.take().expect("piped");
        let readers = [
            gather(out, &seen, |s| &mut s.out),
            gather(err, &seen, |s| &mut s.err),
        ];
        let ending = Arc::clone(&seen);
        std::thread::spawn(move || {
            let status = child.wait().expect("our own child");
            for reader in readers {
                reader.join().expect("the reader ends with the pipe");
            }
            ending.change(|s| {
                s.code = Some(
                    status
                        .code()
                        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
                )
            });
        });
        Running { what, pid, seen }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it has said this on its standard error.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        let said = |s: &SoFar| String::from_utf8_lossy(&s.err).contains(words);
        self.seen.until(|s| said(s) || s.code.is_some());
        assert!(
            said(&self.seen.lock()),
            "it never said `{words}`: {}",
            self.ran()
        );
    }

    /// Waits until it has written this on its standard output.
    #[track_caller]
    pub(crate) fn has_written(&self, words: &str) {
        let written = |s: &SoFar| String::from_utf8_lossy(&s.out).contains(words);
        self.seen.until(|s| written(s) || s.code.is_some());
        assert!(
            written(&self.seen.lock()),
            "it never wrote `{words}`: {}",
            self.ran()
        );
    }

    /// Sends it to the program alone; what it has started is its own affair.
    pub(crate) fn signal(&self, number: i32) {
        signal(i32::try_from(self.pid).expect("pids fit"), number);
    }

    fn kill_all(&self) {
        signal(-i32::try_from(self.pid).expect("pids fit"), libc::SIGKILL);
    }

    /// Waits for the end; a program that hangs is killed, and fails the test with what it said.
    #[track_caller]
    pub(crate) fn ends(self) -> Ran {
        if !self.seen.until(|s| s.code.is_some()) {
            self.kill_all();
            panic!(
                "it did not end within {} s: {}",
                PATIENCE.as_secs(),
                self.ran()
            );
        }
        self.ran()
    }

    /// The same for work that takes minutes by itself on a busy machine.
    #[track_caller]
    pub(crate) fn ends_late(self) -> Ran {
        let ended = (0..LATE_TIMES).any(|_| self.seen.until(|s| s.code.is_some()));
        assert!(ended, "it did not end: {}", self.ran());
        self.ran()
    }

    /// The same for what takes as long as its packages and builds do.
    #[track_caller]
    pub(crate) fn ends_within(self, patience: Duration) -> Ran {
        let began = Instant::now();
        while !self.seen.until(|s| s.code.is_some()) {
            assert!(began.elapsed() < patience, "it did not end: {}", self.ran());
        }
        self.ran()
    }

    fn ran(&self) -> Ran {
        let so_far = self.seen.lock();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = so_far.code.unwrap_or(-1);
        Ran {
            what: self.what.clone(),
            code,
            out: text(&so_far.out),
            err: text(&so_far.err),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.seen.lock().code.is_none() {
            self.kill_all();
            self.seen.until(|s| s.code.is_some());
            // What a kill catches while a cage begins is ended by the next start, and there is none.
            alai_workspace::cage::end_orphans();
        }
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut SoFar)) {
        change(&mut self.lock());
        self.more.notify_all();
    }

    /// Waits; false when it is not reached in time.
    fn until(&self, reached: impl Fn(&SoFar) -> bool) -> bool {
        let waited = self
            .more
            .wait_timeout_while(self.lock(), PATIENCE, |s| !reached(s));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

fn gather(
    pipe: impl Read + Send + 'static,
    seen: &Arc<Seen>,
    which: fn(&mut SoFar) -> &mut Vec<u8>,
) -> std::thread::JoinHandle<()> {
    let seen = Arc::clone(seen);
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            match pipe.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => seen.change(|s| which(s).extend(line)),
            }
        }
    })
}

/// `target` is a process, or with a minus sign its group.
#[allow(unsafe_code, reason = "the standard library sends no signals")]
fn signal(target: i32, number: i32) {
    // SAFETY: kill takes two integers; the process is one that this test started and has not seen end.
    unsafe {
        libc::kill(target, number);
    }
}
