//! How much of the demo's time is the factory's own: neither a program of the sample project, nor git, nor a recorded reply.
//!
//! Looked at from outside, many times a second: each run and each merge is a thread of the demo, and a thread either waits for
//! the one tree of processes that it has started or works itself. So of every moment, as many threads' worth are programs as
//! there are trees with a program at work, as many are git's as there are trees of git alone, and the rest is the factory's:
//! clones, cages while they start and end, copies, the store, evidence, and waiting for any of it. A recorded reply takes no
//! time of its own.
//!
//! Two shares come of it. Of the demo's clock: how much of it passed while nothing but the factory was at work. Of the threads'
//! time, which is stricter: what the factory took of each run, also while another run's test was going on.

use super::aims::Aims;
use super::place::{Place, file};
use crate::program::{self, Error};
use crate::table::table;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// Whole demos, one after the other.
const ROUNDS: usize = 3;
/// A cage takes 20 ms to start; a look costs well below a millisecond.
const LOOK: Duration = Duration::from_millis(4);
/// Percent of the threads' time.
const AIM_PERCENT: f64 = 5.0;
/// Seconds, on two cores.
const AIM_S: f64 = 60.0;
/// Processes of ours, or that hold a cage, or that write a cache to disk for us: with nothing below them the factory works.
const OURS: [&str; 5] = ["alai", "bwrap", "launcher", "program-starter", "sync"];

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    let place = Place::new()?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        rounds.push(demo(&place, &format!("demo-{round}"))?);
    }
    let [wall, alone, program, git, own] = [
        |round: &Spent| round.wall,
        |round: &Spent| round.alone,
        |round: &Spent| round.program,
        |round: &Spent| round.git,
        |round: &Spent| round.own,
    ]
    .map(|figure| median(rounds.iter().map(figure).collect()));
    let share = middle(rounds.iter().map(Spent::own_percent).collect());
    let alone_share = middle(rounds.iter().map(Spent::alone_percent).collect());
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let row = |name: &str, value: String, aim: String| [name.to_owned(), value, aim];
    let wall_aim = aims.judge(
        "wall time",
        &seconds(wall),
        &format!("< {AIM_S} s on two cores"),
        wall.as_secs_f64() < AIM_S,
    );
    let mut share_aim = |figure: &str, share: f64| {
        let aim = format!("< {AIM_PERCENT} %");
        aims.judge(figure, &format!("{share:.1} %"), &aim, share < AIM_PERCENT)
    };
    let (alone_figure, share_figure) = ("share of the wall time", "share of the threads' time");
    let alone_aim = share_aim(alone_figure, alone_share);
    let share_aim = share_aim(share_figure, share);
    print!(
        "{}",
        table(&[
            row("figure", "median".to_owned(), "aim".to_owned()),
            row("wall time", seconds(wall), wall_aim),
            row(
                "wall time with the factory alone at work",
                seconds(alone),
                String::new()
            ),
            row(alone_figure, format!("{alone_share:.1} %"), alone_aim),
            row(
                "threads: programs of the project",
                seconds(program),
                String::new()
            ),
            row("threads: git", seconds(git), String::new()),
            row("threads: the factory itself", seconds(own), String::new()),
            row(share_figure, format!("{share:.1} %"), share_aim),
        ])
    );
    println!(
        "{ROUNDS} demos, two runs at a time, a look every {} ms",
        LOOK.as_millis()
    );
    Ok(())
}

/// Where the time of one demo went: of its clock, and of its runs and merges together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Spent {
    wall: Duration,
    /// Of the wall time: neither a program nor git was at work anywhere.
    alone: Duration,
    program: Duration,
    git: Duration,
    own: Duration,
}

impl Spent {
    fn own_percent(&self) -> f64 {
        let all = self.program + self.git + self.own;
        100.0 * self.own.as_secs_f64() / all.as_secs_f64()
    }

    fn alone_percent(&self) -> f64 {
        100.0 * self.alone.as_secs_f64() / self.wall.as_secs_f64()
    }

    /// Adds the time since the last look, when `busy` threads had these trees below them.
    fn add(&mut self, since: Duration, busy: usize, trees: &[Work]) {
        let count = |work| trees.iter().filter(|tree| **tree == work).count();
        let (program, git) = (count(Work::Program), count(Work::Git));
        if program + git == 0 {
            self.alone += since;
        }
        self.program += times(since, program);
        self.git += times(since, git);
        // Between two runs it is the beat that works.
        self.own += times(since, busy.max(1).saturating_sub(program + git));
    }
}

fn times(time: Duration, count: usize) -> Duration {
    time.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

fn median(mut series: Vec<Duration>) -> Duration {
    series.sort_unstable();
    series[series.len() / 2]
}

fn middle(mut shares: Vec<f64>) -> f64 {
    shares.sort_by(f64::total_cmp);
    shares[shares.len() / 2]
}

/// What a tree of processes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Program,
    Git,
    Own,
}

fn demo(place: &Place, folder: &str) -> Result<Spent, Error> {
    let keep = place.at(folder);
    let mut demo = place.alai("unused", &["demo", "--keep", &keep.to_string_lossy()]);
    demo.env_remove("ALAI_SCRIPT");
    let shown = program::show(&demo);
    let log = place.at(&format!("{folder}.log"));
    let said = fs::File::create(&log).map_err(file(&log))?;
    let start = Instant::now();
    let mut child = demo
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .map_err(|source| Error::Start {
            command: shown.clone(),
            source,
        })?;
    let (mut spent, mut last, mut runs) = (Spent::default(), start, BTreeSet::new());
    let ended = loop {
        if let Some(ended) = child.try_wait().map_err(file(&log))? {
            break ended;
        }
        let (busy, trees) = look(child.id());
        let now = Instant::now();
        spent.add(now - last, busy.len(), &trees);
        last = now;
        runs.extend(busy);
        thread::sleep(LOOK);
    };
    spent.wall = start.elapsed();
    if !ended.success() {
        let words = fs::read_to_string(&log).unwrap_or_default();
        return Err(Error::Failed {
            command: shown,
            words,
        });
    }
    if runs.len() < 2 || spent.program.is_zero() || spent.git.is_zero() {
        return Err(Error::Answer(format!(
            "the demo's threads or processes were not seen (threads: {runs:?}, {spent:?}): their names have changed"
        )));
    }
    Ok(spent)
}

/// The threads that do a task's work, and what the processes of the demo do. What has ended meanwhile is not there.
fn look(pid: u32) -> (BTreeSet<String>, Vec<Work>) {
    let tasks = Path::new("/proc").join(pid.to_string()).join("task");
    // A thread without a name of its own has its maker's: the two that carry an agent's words count as one with their run.
    let busy = names(&tasks)
        .iter()
        .filter_map(|thread| read(&tasks.join(thread).join("comm")))
        .filter(|name| name.starts_with("run-") || name == "merge")
        .collect();
    let trees = children(pid).into_iter().map(work).collect();
    (busy, trees)
}

/// The first process that is not ours decides; it is looked for from the top.
fn work(pid: u32) -> Work {
    let mut found = Work::Own;
    let mut waiting = vec![pid];
    while let Some(pid) = waiting.pop() {
        match read(&Path::new("/proc").join(pid.to_string()).join("comm")) {
            None => {}
            // The launcher that a home keeps is named after the executable that it is a link to.
            Some(name) if OURS.contains(&name.as_str()) || name.starts_with("alai-") => {
                waiting.extend(children(pid));
            }
            Some(name) if name.starts_with("git") => found = Work::Git,
            Some(_) => return Work::Program,
        }
    }
    found
}

/// Processes that any thread of this one has started, from proc_pid_task_tid_children(5).
fn children(pid: u32) -> Vec<u32> {
    let tasks = Path::new("/proc").join(pid.to_string()).join("task");
    let listed = names(&tasks)
        .iter()
        .filter_map(|thread| read(&tasks.join(thread).join("children")))
        .collect::<Vec<_>>();
    let words = listed.iter().flat_map(|list| list.split_whitespace());
    words.filter_map(|word| word.parse().ok()).collect()
}

fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .collect()
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::process::{Child, Command};

    #[test]
    fn each_thread_is_at_one_thing() {
        let mut spent = Spent::default();
        let ms = Duration::from_millis;
        // One run waits for a test, one has a cage that is only starting.
        spent.add(ms(10), 2, &[Work::Program, Work::Own]);
        // A merge waits for git.
        spent.add(ms(100), 1, &[Work::Git]);
        // Nobody works: the beat does.
        spent.add(ms(1), 0, &[]);
        let wanted = Spent {
            wall: ms(0),
            alone: ms(1),
            program: ms(10),
            git: ms(100),
            own: ms(11),
        };
        assert_eq!(spent, wanted);
        assert!((spent.own_percent() - 100.0 * 11.0 / 121.0).abs() < 1e-9);
    }

    /// A program of this name that runs until its input is closed. It has its name only once it has begun: it has then
    /// given back what it was given.
    fn named(name: &str, folder: &Path) -> Child {
        let program = folder.join(name);
        fs::copy("/bin/cat", &program).unwrap();
        let mut command = Command::new(&program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        let mut back = [0];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut back)
            .unwrap();
        child
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_tree_is_told_by_the_names_in_it() {
        let folder = tempfile::tempdir().unwrap();
        for (name, wanted) in [
            ("launcher", Work::Own),
            ("git", Work::Git),
            ("git-upload-pack", Work::Git),
            ("rustc", Work::Program),
        ] {
            let mut child = named(name, folder.path());
            assert!(children(std::process::id()).contains(&child.id()), "{name}");
            assert_eq!(work(child.id()), wanted, "{name}");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
