//! Agents of others as engines of a step: a world whose program is a twin, started as a plain child process.

use std::cell::{Cell, RefCell};
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alai_core::brief::{Brief, Price, Role};
use alai_core::mcp::Offer;
use alai_core::money::{Rates, Tariff};
use alai_core::record::Exit;
use alai_core::session::Note as Noted;
use alai_fleet::Profile;
use alai_minion::bridge::Bridge;
use alai_minion::engine::{Door, Engine, Launch, Patience, Program, Session, Started, Stdin};
use alai_minion::mcp::Servers;
use alai_minion::{Means, Notes, Recorder, RunReport, Word};
use alai_testkit::agent::{NOTES, Note, Script, notes};
use alai_workspace::command::Cancel;
use serde_json::Value;

use crate::mcp::Bare;
use crate::world::{Sink, World};

/// Dollars a token that are easy to add up: one for a prompt's, ten for an answer's, in millionths.
pub(crate) const RATES: Rates = Rates {
    fresh: Price {
        prompt_microusd_per_mtok: 1_000_000,
        output_microusd_per_mtok: 10_000_000,
    },
    cache_read_microusd_per_mtok: 100_000,
    cache_write_microusd_per_mtok: 2_000_000,
};

/// A test that waits longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A repository, a program beside it, and how it is asked.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) engine: Engine,
    pub(crate) program: PathBuf,
    pub(crate) model: Option<&'static str>,
    pub(crate) tariff: Tariff,
    pub(crate) budget_microusd: Option<u64>,
    pub(crate) keyed: bool,
    /// Of its provider; nobody is there where a test names none.
    pub(crate) base_url: Option<&'static str>,
    pub(crate) patience: Patience,
    /// What stands in the environment of whoever starts the program.
    pub(crate) inherited: Vec<(&'static str, &'static str)>,
    /// Leaves standard input open where it should be closed.
    pub(crate) open_stdin: bool,
    /// Ends nothing, and says so.
    pub(crate) endless: bool,
    /// People's words, given at once.
    pub(crate) words: RefCell<Vec<Word>>,
    /// One that is given after so many times of asking.
    pub(crate) word_after: Option<(u32, Word)>,
    pub(crate) cancel_at: Option<PathBuf>,
    /// Events of this kind cannot be written down.
    pub(crate) unwritten: Option<&'static str>,
    pub(crate) starts: Cell<u32>,
    /// MCP servers that its role was granted; without a cage.
    pub(crate) servers: Vec<(Offer, Bare)>,
    /// Whether somebody hears its notes, and what was noted.
    pub(crate) hears: bool,
    pub(crate) noted: RefCell<Vec<Noted>>,
}

/// What a run came to.
pub(crate) struct Played {
    pub(crate) report: RunReport,
    pub(crate) events: Vec<Value>,
    pub(crate) text: String,
}

impl Played {
    pub(crate) fn session(&self) -> &Session {
        self.report.sessions.last().expect("a session")
    }

    /// What the program said of one kind.
    pub(crate) fn heard(&self, what: &str) -> Vec<&Value> {
        let all = self.events.iter();
        all.filter(|e| e["type"] == "heard" && e["what"] == what)
            .collect()
    }

    pub(crate) fn kinds(&self, kind: &str) -> usize {
        self.events.iter().filter(|e| e["type"] == kind).count()
    }
}

impl Stage {
    pub(crate) fn new(script: &Script) -> Stage {
        Stage::on(World::new(), script)
    }

    pub(crate) fn on(world: World, script: &Script) -> Stage {
        let engine = Engine::parse(&script.engine).expect("an engine");
        let bin = world.dir.path().join("bin");
        let config = world.dir.path().join("config");
        std::fs::create_dir_all(&bin).expect("a folder");
        std::fs::create_dir_all(&config).expect("a folder");
        let program = script.install(&bin, "agent");
        Stage {
            world,
            engine,
            program,
            model: None,
            tariff: Tariff::Metered(RATES),
            budget_microusd: None,
            keyed: false,
            base_url: None,
            // Far more than a twin on a busy machine needs; tests of silence set less.
            patience: Patience {
                start_s: 30,
                idle_s: 30,
                grace_s: 5,
            },
            inherited: Vec::new(),
            open_stdin: false,
            endless: false,
            words: RefCell::default(),
            word_after: None,
            cancel_at: None,
            unwritten: None,
            starts: Cell::new(0),
            servers: Vec::new(),
            hears: false,
            noted: RefCell::default(),
        }
    }

    /// Silence is over soon. Long enough for what a twin does at once.
    pub(crate) fn impatient(mut self) -> Stage {
        self.patience = Patience {
            start_s: 4,
            idle_s: 2,
            grace_s: 1,
        };
        self
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.world.dir.path().join("config")
    }

    /// What the twin was started with, session by session.
    pub(crate) fn notes(&self) -> Vec<Note> {
        notes(&self.config().join(NOTES))
    }

    pub(crate) fn run(&mut self, brief: &Brief) -> Played {
        let sink = Sink::default();
        let mut recorder = Recorder::to(Disk {
            sink: sink.clone(),
            unwritten: self.unwritten.map(|kind| format!("\"type\":\"{kind}\"")),
        });
        let folder = self.world.repo().to_string_lossy().into_owned();
        let config = self.config().to_string_lossy().into_owned();
        let (path, inherited, open_stdin) = (
            self.program.clone(),
            self.inherited.clone(),
            self.open_stdin,
        );
        let (starts, endless) = (&self.starts, self.endless);
        let socket = self.world.dir.path().join("lent.socket");
        let at = socket.to_string_lossy().into_owned();
        let start = |launch: &Launch| {
            starts.set(starts.get() + 1);
            let lent = launch.lends.then(|| listen(&socket)).transpose();
            let lent = lent.map_err(|e| e.to_string())?;
            let mut started = plain(
                &path,
                Path::new(&folder),
                Path::new(&config),
                &inherited,
                open_stdin,
                launch,
            )?;
            started.lent = lent;
            if endless && launch.args != ["--version"] {
                let end = started.end;
                started.end = Box::new(move || {
                    end()?;
                    Err("the kernel keeps it".to_owned())
                });
            }
            Ok(started)
        };
        let program = Program {
            engine: self.engine,
            model: self.model,
            tariff: self.tariff,
            budget_microusd: self.budget_microusd,
            door: self.keyed.then_some(Door {
                base_url: self.base_url.unwrap_or("http://127.0.0.1:9"),
                placeholder: "alai-placeholder",
            }),
            args: &[],
            folder: &folder,
            config: &config,
            patience: self.patience,
            bridge: Some(Bridge {
                command: env!("CARGO_BIN_EXE_hand_probe"),
                socket: &at,
            }),
            start: &start,
        };
        let words = &self.words;
        let mut late = self.word_after.clone();
        let mut said = || {
            let mut said = std::mem::take(&mut *words.borrow_mut());
            match &mut late {
                Some((0, _)) => said.extend(late.take().map(|(_, word)| word)),
                Some((left, _)) => *left -= 1,
                None => {}
            }
            said
        };
        let offers: Vec<Offer> = self
            .servers
            .iter()
            .map(|(offer, _)| offer.clone())
            .collect();
        let start_server = |name: &str| {
            let found = self.servers.iter().find(|(offer, _)| offer.server == name);
            found.ok_or("it is not there")?.1.start()
        };
        let mut note = |_: Role, note| {
            self.noted.borrow_mut().push(note);
            Ok(())
        };
        let hears: Option<Notes<'_>> = match self.hears {
            true => Some(&mut note),
            false => None,
        };
        let mut ask = |_: &alai_fleet::ChatRequest| panic!("the model of our own loop is asked");
        let cancel = self.world.cancel.clone();
        let watching = self
            .cancel_at
            .clone()
            .map(|file| cancel_when(file, &cancel));
        let report = alai_minion::run(
            brief,
            Means {
                profile: &Profile::default(),
                model: "of-the-program",
                price: Price::FREE,
                ask: &mut ask,
                hand: &mut self.world.hand,
                recorder: &mut recorder,
                cancel: &cancel,
                passes: &|_, _| false,
                words: &mut said,
                program: Some(program),
                shelf: &self.world.shelf,
                servers: Some(Servers {
                    offers: &offers,
                    start: &start_server,
                    patience: alai_minion::mcp::Patience::default(),
                }),
                ahead: None,
                notes: hears,
                delegations: None,
            },
        );
        if let Some(watching) = watching {
            watching.join().expect("it ends with the file");
        }
        let text = sink.text();
        let events = text.lines().map(|l| serde_json::from_str(l).expect("JSON"));
        Played {
            report,
            events: events.collect(),
            text: text.clone(),
        }
    }
}

/// A disk that is full for one kind of events.
struct Disk {
    sink: Sink,
    unwritten: Option<String>,
}

impl std::io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        match &self.unwritten {
            Some(kind) if line.contains(kind.as_str()) => {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            Some(_) | None => self.sink.write(bytes),
        }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A socket in the place of the one before.
fn listen(at: &Path) -> std::io::Result<UnixListener> {
    let _ = std::fs::remove_file(at);
    UnixListener::bind(at)
}

/// Cancels as soon as a file is there.
fn cancel_when(file: PathBuf, cancel: &Cancel) -> std::thread::JoinHandle<()> {
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        await_file(&file);
        cancel.cancel();
    })
}

/// Blocks until a file is there and has something in it.
pub(crate) fn await_file(file: &Path) {
    let until = Instant::now() + PATIENCE;
    while std::fs::read(file).map_or(0, |bytes| bytes.len()) == 0 {
        assert!(Instant::now() < until, "{} never came", file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process that a file names is gone, or only waits to be told so.
pub(crate) fn gone(file: &Path) -> bool {
    await_file(file);
    let pid = std::fs::read_to_string(file).expect("a number");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

/// Starts a program as it is, in a process group of its own.
fn plain(
    program: &Path,
    folder: &Path,
    config: &Path,
    inherited: &[(&str, &str)],
    open_stdin: bool,
    launch: &Launch,
) -> Result<Started, String> {
    for (name, content) in &launch.files {
        std::fs::write(config.join(name), content).map_err(|e| e.to_string())?;
    }
    let open = open_stdin || launch.stdin == Stdin::Open;
    let mut child = Command::new(program)
        .args(&launch.args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(
            inherited
                .iter()
                .filter(|(name, _)| !Launch::strips(name))
                .copied(),
        )
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(if open { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| format!("{}: {e}; is it installed?", program.display()))?;
    let stdin = child.stdin.take();
    let (kept, stdin) = match launch.stdin {
        Stdin::Open => (None, stdin),
        Stdin::Closed => (stdin, None),
    };
    Ok(Started {
        stdout: Box::new(child.stdout.take().expect("piped")),
        stderr: Box::new(child.stderr.take().expect("piped")),
        stdin: stdin.map(|stdin| Box::new(stdin) as Box<dyn std::io::Write + Send>),
        lent: None,
        end: Box::new(move || {
            let ended = end(child);
            drop(kept);
            ended
        }),
    })
}

/// Ends the group, after a moment in which the program may end by itself.
fn end(mut child: Child) -> Result<Exit, String> {
    let until = Instant::now() + Duration::from_millis(500);
    let mut status = None;
    while status.is_none() && Instant::now() < until {
        status = child.try_wait().map_err(|e| e.to_string())?;
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = i32::try_from(child.id()).map_err(|e| e.to_string())?;
    if let Some(group) = rustix::process::Pid::from_raw(pid) {
        // Nothing is left of it where it ended with all that it started.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let status = match status {
        Some(status) => status,
        None => child.wait().map_err(|e| e.to_string())?,
    };
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code { code },
        (None, signal) => Exit::Signal {
            signal: signal.unwrap_or_default(),
        },
    })
}
