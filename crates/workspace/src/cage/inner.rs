//! Pid 1 of a cage: gives up every privilege, starts the program, reaps what is orphaned, and ends everything at the end.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use alai_core::cage::promises;
use alai_core::record::{Exit, Limit};
use rustix::fs::StatVfsMountFlags;

use super::disk::{self, Disk, Look};
use super::held;
use super::launcher::{FORWARD, OwnProgram, Report, Said};
use super::memory::{self, Memory};
use super::plan::{LAUNCHER_INSIDE, Plan, Step};
use super::spec::{Access, Layer, Limits};
use super::{landlock, own, seccomp};
use crate::sys::{self, Ended};

/// How many full cages one user may hold at once where processes can only be counted over all of them. More is a fork bomb.
const CAGES_PER_USER: u64 = 16;

/// Half of what makes a process the first choice (`proc(5)`: -1000 to 1000); raising it needs no privilege, lowering it does.
const OOM_SCORE: &str = "500";

/// What a program of ours exits with that panicked, as any Rust program does, and one that could not begin, as shells say it.
const PANICKED: u8 = 101;
const NOT_BEGUN: u8 = 126;

/// Pid 1 itself, its second thread, and the forwarder are not the program's.
const PROCESSES_OURS: u64 = 4;

/// Runs the program of the plan under every restriction. Returns the code to exit with, which ends the pid namespace.
pub(super) fn run(plan: &Plan, report: &Report, own: &[OwnProgram]) -> i32 {
    let restricted = restrict(plan);
    if plan.waits && restricted.is_ok() && !report.is_told_to_go() {
        // There is nobody to run the program for.
        return 1;
    }
    let unchanged = |restricted| match plan.waits {
        true => unchanged(plan).map(|()| restricted),
        false => Ok(restricted),
    };
    match restricted.and_then(unchanged) {
        Err(reason) => report.refused(&reason),
        Ok((layers, listener)) => match report.say(&Said::Ready { layers }) {
            // Whoever started us is gone: there is nobody to run the program for.
            Err(_) => 1,
            Ok(()) => work(plan, report, listener, own),
        },
    }
}

/// Looks again what is shown, after others have worked in the folders: whoever removes a folder on the host takes away what is mounted on
/// it, and one that is made in its place may have its number. A mount that is gone shows: what is below a writable one is writable then.
fn unchanged(plan: &Plan) -> Result<(), String> {
    recognise(&plan.expected)?;
    for step in &plan.steps {
        let Step::Bind {
            inside,
            access: Access::ReadOnly,
            ..
        } = step
        else {
            continue;
        };
        let shown = rustix::fs::statvfs(inside)
            .map_err(|error| format!("{inside:?} is not inside: {error}"))?;
        if !shown.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(format!(
                "{inside:?} is read-only no more; what was mounted there was removed"
            ));
        }
    }
    Ok(())
}

/// Gives up everything. Returns the names of what holds from now on, and the port to forward, bound while nobody else runs.
fn restrict(plan: &Plan) -> Result<(Vec<String>, Option<TcpListener>), String> {
    if std::process::id() != 1 {
        return Err(
            "the launcher is not the first process of a pid namespace of its own".to_owned(),
        );
    }
    recognise(&plan.expected)?;
    // When memory runs out, the kernel takes a caged program before it takes us. A kernel that refuses takes the largest.
    let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let listener = plan.forward.as_ref().map(|forward| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, forward.port))
            .map_err(|error| format!("cannot listen on port {} inside: {error}", forward.port))
    });
    let listener = listener.transpose()?;
    if let Some((uid, gid)) = plan.uid {
        // The bounding set can only be emptied while we still hold CAP_SETPCAP.
        sys::drop_capability_sets()
            .map_err(|error| format!("cannot drop capabilities: {error}"))?;
        sys::become_user(uid, gid).map_err(|error| format!("cannot become user {uid}: {error}"))?;
    }
    let own_count = count_processes_apart(plan);
    limits(&plan.limits, own_count).map_err(|error| format!("cannot set limits: {error}"))?;
    sys::drop_capability_sets()
        .and_then(|()| sys::drop_capabilities())
        .and_then(|()| sys::no_new_privileges())
        .map_err(|error| format!("cannot drop capabilities: {error}"))?;
    // Nobody of our user may read or write pid 1's memory, and the kernel forgot whom we die with when we changed users.
    sys::dumpable(false)
        .and_then(|()| sys::die_with_parent())
        .map_err(|error| format!("cannot protect pid 1: {error}"))?;
    verify_ids(plan)?;
    let abi = landlock::restrict(&plan.writable)?;
    seccomp::restrict()?;
    let names = names(plan, abi, own_count);
    let lacking = promises(&names).lacking;
    if !lacking.is_empty() {
        let words: Vec<&str> = lacking.iter().map(|property| property.words()).collect();
        return Err(format!("this cannot be promised: {}", words.join(", ")));
    }
    Ok((names, listener))
}

/// Looks whether every bind shows what was checked before it was mounted.
pub(super) fn recognise(expected: &[(PathBuf, u64, u64)]) -> Result<(), String> {
    for (path, dev, ino) in expected {
        let what =
            fs::metadata(path).map_err(|error| format!("{path:?} is not inside: {error}"))?;
        if (what.dev(), what.ino()) != (*dev, *ino) {
            return Err(format!(
                "{path:?} is not what was to be shown there; it was swapped"
            ));
        }
    }
    Ok(())
}

/// As a former root, tries to enter a user namespace of its own, in which the kernel counts this cage's processes apart from
/// those of other cages under the same number. A normal user is in one already. It grants nothing that survives the next lines.
fn count_processes_apart(plan: &Plan) -> bool {
    let Some((uid, gid)) = plan.uid else {
        return true;
    };
    // The change of users made our own /proc files root's; nothing else runs in this cage yet that could look.
    sys::dumpable(true).is_ok()
        && sys::unshare(libc::CLONE_NEWUSER).is_ok()
        && own::map_ids(uid, gid).is_ok()
}

pub(super) fn limits(limits: &Limits, own_count: bool) -> std::io::Result<()> {
    let processes = limits.processes_max.saturating_add(PROCESSES_OURS);
    let processes = if own_count {
        processes
    } else {
        processes.saturating_mul(CAGES_PER_USER)
    };
    sys::limit(libc::RLIMIT_NPROC, processes)?;
    sys::limit(libc::RLIMIT_DATA, limits.memory_bytes)?;
    sys::limit(libc::RLIMIT_FSIZE, limits.file_bytes_max)?;
    sys::limit(libc::RLIMIT_NOFILE, limits.open_files_max)?;
    sys::limit(libc::RLIMIT_CORE, 0)
}

/// Believes nothing of the above without having looked.
fn verify_ids(plan: &Plan) -> Result<(), String> {
    let now = sys::ids();
    if now.0 == 0 || plan.uid.is_some_and(|wanted| wanted != now) {
        return Err(format!(
            "the program would run as user {} and group {}",
            now.0, now.1
        ));
    }
    match sys::has_no_capability() {
        Ok(true) => Ok(()),
        Ok(false) => Err("capabilities are left after dropping them".to_owned()),
        Err(error) => Err(format!("cannot read the capabilities: {error}")),
    }
}

fn names(plan: &Plan, abi: i32, own_count: bool) -> Vec<String> {
    let layer = match plan.layer {
        Layer::Bwrap => "bwrap",
        Layer::Own => "own-namespaces",
    };
    let mut names = vec![layer.to_owned()];
    names.push(format!("landlock:{abi}"));
    names.extend(["seccomp", "no-new-privs"].map(str::to_owned));
    names.push(format!("uid:{}", sys::ids().0));
    let (processes, memory) = match (plan.has_group, own_count) {
        (true, _) => ("processes:cgroup", "memory:cgroup"),
        (false, true) => ("processes:own", "memory:watched"),
        (false, false) => ("processes:shared", "memory:watched"),
    };
    names.extend([processes, memory, "disk:watched"].map(str::to_owned));
    if plan.forward.is_some() {
        names.push("egress-proxy".to_owned());
    }
    names
}

fn work(plan: &Plan, report: &Report, listener: Option<TcpListener>, own: &[OwnProgram]) -> i32 {
    let watch = match Watch::begin(plan) {
        Ok(watch) => watch,
        Err(error) => return report.refused(&format!("cannot count what is used: {error}")),
    };
    // Before the second thread: only a process that has a single one may fork and go on in the child. Programs of others come after it:
    // one that makes all the processes it may have at once would leave none to the thread.
    let forked = own_program(plan, own).map(|program| fork(plan, program));
    thread::scope(|scope| {
        let lifeline = thread::Builder::new().name("lifeline".to_owned());
        let watching = lifeline.spawn_scoped(scope, || {
            watch.over(report);
            sys::exit_now(1);
        });
        let code = match watching.map_err(|error| error.to_string()).and(Ok(())) {
            Ok(()) => {
                let forwarded = forward(plan, listener);
                let started = forwarded.and_then(|()| forked.unwrap_or_else(|| start(plan)));
                program(report, started)
            }
            Err(reason) => report.refused(&format!("cannot watch for the end: {reason}")),
        };
        // The scope would wait for the lifeline; ending pid 1 ends it with everything else.
        sys::exit_now(code)
    })
}

/// What pid 1 looks at while the program runs.
struct Watch {
    limits: Limits,
    memory: Memory,
    disk: Disk,
    started: Instant,
}

impl Watch {
    /// Begins to count, before the program can have used anything.
    fn begin(plan: &Plan) -> std::io::Result<Watch> {
        let paths = |of: fn(&Step) -> Option<&Path>| plan.steps.iter().filter_map(of);
        let in_memory = paths(Step::in_memory).map(Path::to_owned).collect();
        let writable = paths(Step::writable).map(Path::to_owned).collect();
        Ok(Watch {
            limits: plan.limits,
            memory: Memory::new(in_memory, plan.limits.memory_bytes)?,
            disk: Disk::new(writable, &plan.limits)?,
            started: Instant::now(),
        })
    }

    /// Returns when the cage must end: nobody waits for it any more, its time is up, or it uses more than it may.
    fn over(mut self, report: &Report) {
        let mut pause = memory::LOOK_EVERY;
        // Without /proc or the socket nobody watches any more, so an error is an end, too.
        while let Ok(false) = report.end_within(pause) {
            let after_s = self.limits.wall_s;
            if self.started.elapsed().as_secs() >= after_s {
                // Whoever started us sees the end itself, whether it hears this or not.
                let _ = report.say(&Said::TimedOut { after_s });
                return;
            }
            match self.look() {
                Ok(Look::Within) => pause = memory::LOOK_EVERY,
                Ok(Look::Walking) => pause = disk::WALK_PAUSE,
                Ok(Look::Over(limit)) => return self.tell(report, limit),
                Err(_) => return,
            }
        }
    }

    fn look(&mut self) -> std::io::Result<Look> {
        match (self.memory.look()?, self.disk.look()?) {
            (over @ Look::Over(_), _) | (Look::Within, over) => Ok(over),
            (Look::Walking, over @ Look::Over(_)) => Ok(over),
            (Look::Walking, Look::Within | Look::Walking) => Ok(Look::Walking),
        }
    }

    fn tell(&self, report: &Report, limit: Limit) {
        let max = match limit {
            Limit::Memory => self.limits.memory_bytes,
            Limit::Disk => self.limits.disk_bytes_max,
            Limit::Files => self.limits.disk_files_max,
            Limit::Uncounted => held::SURVEY_MAX.as_millis().try_into().unwrap_or(u64::MAX),
        };
        // Standard error comes second: it is the program's, and the word alone must do when nobody hears it.
        let _ = report.say(&Said::OverLimit { limit, max });
        complain(&format!(
            "cage: ended: {}\n",
            Exit::OverLimit { limit, max }
        ));
    }
}

/// Writes one line on standard error, unless it is full: waiting for a reader would keep the cage alive.
fn complain(line: &str) {
    let stderr = std::io::stderr();
    let mut room = [sys::Watched {
        fd: stderr.as_fd(),
        wanted: libc::POLLOUT,
        got: 0,
    }];
    let asked = sys::poll(&mut room, Duration::ZERO);
    if asked.is_ok() && room[0].got == libc::POLLOUT {
        // A reader that has just gone is no reason to stay.
        let _ = (&stderr).write_all(line.as_bytes());
    }
}

fn program(report: &Report, started: Result<i32, String>) -> i32 {
    let said = match started {
        Err(reason) => Said::NotStarted { reason },
        Ok(pid) => match reap_until(pid) {
            Ok(Ended::Code(code)) => Said::Exited { code },
            Ok(Ended::Signal(signal)) => Said::Signalled { signal },
            Err(error) => Said::Refused {
                reason: format!("lost the program: {error}"),
            },
        },
    };
    i32::from(report.say(&said).is_err())
}

/// The program of the plan, where it is one of our own.
fn own_program<'a>(plan: &Plan, own: &'a [OwnProgram]) -> Option<&'a OwnProgram> {
    let [launcher, word] = plan.argv.as_slice() else {
        return None;
    };
    own.iter()
        .find(|program| launcher == LAUNCHER_INSIDE && program.word == word)
}

fn check_cwd(plan: &Plan) -> Result<(), String> {
    let looked = fs::metadata(&plan.cwd);
    looked.map(drop).map_err(|error| {
        format!(
            "the working directory {:?} cannot be used: {error}",
            plan.cwd
        )
    })
}

/// Starts what forwards the port of the plan, where it has one.
fn forward(plan: &Plan, listener: Option<TcpListener>) -> Result<(), String> {
    if let (Some(listener), Some(forward)) = (listener, &plan.forward) {
        let mut command = Command::new(LAUNCHER_INSIDE);
        command.arg(FORWARD).arg(&forward.socket).env_clear();
        // Standard input is the only descriptor that a program gets without help.
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let started = command.spawn();
        started.map_err(|error| format!("cannot start the port forwarder: {error}"))?;
    }
    Ok(())
}

fn start(plan: &Plan) -> Result<i32, String> {
    let Some((program, arguments)) = plan.argv.split_first() else {
        return Err("no program was named".to_owned());
    };
    check_cwd(plan)?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&plan.cwd).env_clear();
    command.envs(plan.env.iter().map(|(name, value)| (name, value)));
    let child = command
        .spawn()
        .map_err(|error| format!("{error}; PATH inside is {:?}", path(plan)))?;
    i32::try_from(child.id()).map_err(|_| "the program has an impossible id".to_owned())
}

/// Runs one of our own programs in a child that has of us what it would have after `execve`: the three standard descriptors, and the
/// plan's environment and folder.
fn fork(plan: &Plan, program: &OwnProgram) -> Result<i32, String> {
    check_cwd(plan)?;
    let forked = sys::fork().map_err(|error| format!("cannot fork: {error}"))?;
    if let Some(child) = forked {
        return Ok(child);
    }
    let prepared = sys::close_all_but([])
        .and_then(|()| std::env::set_current_dir(&plan.cwd))
        .and_then(|()| sys::set_environment(&plan.env));
    let code = match prepared {
        // Nothing of a program that panics may go on as pid 1.
        Ok(()) => std::panic::catch_unwind(program.main).unwrap_or(PANICKED),
        Err(error) => {
            complain(&format!("cage: the program cannot begin: {error}\n"));
            NOT_BEGUN
        }
    };
    std::process::exit(code.into())
}

fn path(plan: &Plan) -> &str {
    plan.env
        .iter()
        .find(|(name, _)| name == "PATH")
        .map_or("", |(_, path)| path)
}

/// Every orphan in the namespace becomes our child; waiting for all of them keeps the process table clean.
fn reap_until(program: i32) -> std::io::Result<Ended> {
    loop {
        let (pid, ended) = sys::wait_for(-1)?;
        if pid == program {
            return Ok(ended);
        }
    }
}
