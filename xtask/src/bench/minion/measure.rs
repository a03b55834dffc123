//! The rounds: each harness once in each, from the start of its process to the end of the script.

use super::harness::{Harness, Once, Seen};
use super::script::SCRIPT;
use super::twin::Twin;
use super::{peers, sample, show, tree};
use crate::bench::aims::Aims;
use crate::bench::place::{Place, file};
use crate::program::{self, Error};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Timed rounds; each harness once in each.
const ROUNDS: usize = 5;
/// Rounds in which memory is looked at; what happens to run at the same time differs from one to the next.
const MEMORY_ROUNDS: usize = 3;
/// The slowest of them takes some ten seconds.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(10);

const USAGE: &str = "usage: cargo xtask bench minion [--memory [BINARY] | --clone]";

/// Without an option everything. `--memory` is ours alone and its memory by process, of the release binary or of one that is there; `--clone` the clones
/// alone.
pub(crate) fn run(args: &[&str], aims: &mut Aims) -> Result<(), Error> {
    match args {
        [] => all(aims),
        ["--memory"] => by_process(&Place::on_disk()?, aims),
        ["--memory", binary] if !binary.starts_with("--") => {
            let place = Place::of(Path::new(binary), &program::root().join("target"))?;
            by_process(&place, aims)
        }
        ["--clone"] => clones(aims),
        _ => Err(Error::Usage(USAGE.to_owned())),
    }
}

/// Where the memory of ours is when it is most.
fn by_process(place: &Place, aims: &mut Aims) -> Result<(), Error> {
    let world = World::new(place, sample::make(&place.at("project"))?);
    world.prepare()?;
    for harness in [Harness::Alai, Harness::AlaiUnchecked] {
        let mut rounds = Vec::new();
        for round in 0..MEMORY_ROUNDS {
            rounds.push(world.once(harness, &format!("memory-{round}"), true)?.most);
        }
        rounds.sort_by_key(|parts| tree::pss_kib(parts));
        let middle = &rounds[MEMORY_ROUNDS / 2];
        print!("{}", show::by_process(harness, middle, aims));
    }
    Ok(())
}

fn all(aims: &mut Aims) -> Result<(), Error> {
    let (installed, peers) = peers::install()?;
    let place = Place::on_disk()?;
    let project = sample::make(&place.at("project"))?;
    let mut measured = vec![
        (Harness::Alai, Seen::default()),
        (Harness::AlaiUnchecked, Seen::default()),
    ];
    measured.extend(
        peers
            .iter()
            .map(|peer| (Harness::Peer(*peer), Seen::default())),
    );
    let world = World {
        installed,
        ..World::new(&place, project)
    };
    world.prepare()?;
    // The first rounds fill caches, and are the ones in which memory is looked at: looking takes time.
    let mut most: Vec<Vec<u64>> = vec![Vec::new(); measured.len()];
    for round in 0..MEMORY_ROUNDS {
        for ((harness, _), most) in measured.iter().zip(&mut most) {
            let once = world.once(*harness, &format!("memory-{round}"), true)?;
            most.push(tree::pss_kib(&once.most));
        }
    }
    for ((_, seen), mut most) in measured.iter_mut().zip(most) {
        most.sort_unstable();
        seen.pss_kib = most[MEMORY_ROUNDS / 2];
    }
    for round in 0..ROUNDS {
        for (harness, seen) in &mut measured {
            let once = world.once(*harness, &round.to_string(), false)?;
            seen.add(&once)?;
        }
    }
    print!("{}", show::shown(&measured, aims));
    println!(
        "{ROUNDS} rounds, each harness once in each; {} turns a run; `run` is `true`; memory is the most of the tree of processes, \
         as PSS, the median of {MEMORY_ROUNDS} rounds of their own",
        SCRIPT.len()
    );
    clones(aims)
}

/// Clones, measured by a bench of the room that makes them.
fn clones(aims: &mut Aims) -> Result<(), Error> {
    aims.bench("alai-workspace", "clone", &[], &[])
}

/// What a factory does from day to day, by this binary and started by `tracer`: runs of both kinds, a daemon that is asked, and the whole of the
/// demo. What comes first is what is to lie closest.
pub(crate) fn play(binary: &Path, tracer: &[OsString]) -> Result<(), Error> {
    let mut place = Place::of(binary, &program::root().join("target"))?;
    let project = sample::make(&place.at("project"))?;
    World::new(&place, project.clone()).prepare()?;
    place.trace(tracer);
    let world = World::new(&place, project);
    for harness in [Harness::Alai, Harness::AlaiUnchecked] {
        world.once(harness, "traced", false)?;
    }
    let daemon = place.daemon("home")?;
    for asked in [&["status"][..], &["mc", "list"], &["down"]] {
        program::read(place.alai("home", asked))?;
    }
    drop(daemon);
    let kept = place.at("demo");
    let mut demo = place.alai("home", &["demo", "--keep"]);
    demo.arg(kept);
    program::read(demo).map(drop)
}

struct World<'p> {
    place: &'p Place,
    project: PathBuf,
    installed: PathBuf,
}

impl<'p> World<'p> {
    /// Without anybody else's harness.
    fn new(place: &'p Place, project: PathBuf) -> World<'p> {
        World {
            place,
            project,
            installed: PathBuf::new(),
        }
    }

    /// What a user does once: the home, the project, and one run that proves the base.
    fn prepare(&self) -> Result<(), Error> {
        self.place.init("home")?;
        let project = self.project.to_string_lossy();
        let add = ["project", "add", &project, "--test", "sh test.sh"];
        program::read(self.place.alai("home", &add))?;
        peers::write_unchecked(self.place, "home")?;
        self.once(Harness::Alai, "prepare", false).map(drop)
    }

    fn once(&self, harness: Harness, name: &str, memory: bool) -> Result<Once, Error> {
        let twin_folder = self.place.at(&format!("{}-{name}", harness.slug()));
        let (command, folder) = match harness {
            Harness::Alai | Harness::AlaiUnchecked => (None, self.project.clone()),
            Harness::Peer(peer) => {
                let home = twin_folder.join("home");
                fs::create_dir_all(&home).map_err(file(&home))?;
                (Some((peer, home)), sample::make(&twin_folder.join("repo"))?)
            }
        };
        let twin = Twin::start(folder.clone())?;
        let command = match command {
            None => {
                let unchecked = harness == Harness::AlaiUnchecked;
                peers::alai(self.place, "home", &folder, twin.address, unchecked)
            }
            Some((peer, home)) => peer.command(&self.installed, &home, &folder, twin.address)?,
        };
        watch(command, &twin, &self.place.at("said.log"), memory)
    }
}

/// Runs a harness to the end of the script.
fn watch(mut command: Command, twin: &Twin, log: &Path, memory: bool) -> Result<Once, Error> {
    let shown = program::show(&command);
    let said = fs::File::create(log).map_err(file(log))?;
    let errors = said.try_clone().map_err(file(log))?;
    command.stdin(Stdio::null()).stdout(said).stderr(errors);
    let start = Instant::now();
    let mut child = command.spawn().map_err(|source| Error::Start {
        command: shown.clone(),
        source,
    })?;
    let mut most = Vec::new();
    let ended = loop {
        if let Some(ended) = child.try_wait().map_err(file(log))? {
            break ended.to_string();
        }
        if start.elapsed() > PATIENCE {
            // What it started ends with it, or with the machine's own patience: it is a harness's to clear up.
            let _ = child.kill();
            let _ = child.wait();
            break format!("not after {} s", PATIENCE.as_secs());
        }
        if memory && !twin.ended() {
            let parts = tree::parts(child.id());
            if tree::pss_kib(&parts) > tree::pss_kib(&most) {
                most = parts;
            }
        }
        thread::sleep(LOOK);
    };
    let chats = twin.chats();
    if !twin.ended() {
        let words = fs::read_to_string(log).unwrap_or_default();
        return Err(Error::Failed {
            command: shown,
            words: format!(
                "it ended ({ended}) after {} requests, asked for {:?}, and said: {}\nits last request: {}",
                chats.len(),
                twin.unknown(),
                tail(&words),
                chats.last().map_or("", |chat| tail(&chat.body)),
            ),
        });
    }
    let Some(work) = chats.iter().find(|chat| !chat.asks_class) else {
        return Err(Error::Answer(format!(
            "{shown}: nothing was asked for the work itself"
        )));
    };
    let first = work.came.duration_since(start);
    Ok(Once { first, chats, most })
}

fn tail(words: &str) -> &str {
    let from = words.len().saturating_sub(3_000);
    let from = (from..words.len()).find(|at| words.is_char_boundary(*at));
    from.map_or("", |from| &words[from..])
}
