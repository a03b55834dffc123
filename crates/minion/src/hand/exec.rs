//! Starts one program, keeps what it writes, and leaves nothing of it alive.
//!
//! The program gets a session of its own, no standard input and pipes of its own: the hand's standard output is the wire
//! to the trusted side and must never reach a program. The hand is a child subreaper, so whatever a program leaves behind
//! becomes the hand's child, however often it forked and whatever session it fled to, and is found and killed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alai_core::record::Exit;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use sha2::{Digest, Sha256};

use super::beneath::system;
use super::wire::{
    OUTPUT_BYTES_MAX, OUTPUT_END_BYTES, OUTPUT_PART_BYTES, Ran, Refusal, RefusalKind, Stream,
};

/// Whole outputs kept on disk, over all commands of a run: the scratch space is memory.
const LOGS_BYTES_MAX: u64 = 64 << 20;
/// How long ending what a command left behind may take; SIGKILL needs milliseconds.
const KILL_TIME_MAX: Duration = Duration::from_secs(10);
/// Between two looks at who is still alive.
const KILL_PAUSE: Duration = Duration::from_millis(2);
/// How long a pipe may stay open after all its writers were killed.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// Where programs run and where their whole output goes.
pub(crate) struct Exec {
    cwd: PathBuf,
    scratch: PathBuf,
    logs_bytes: u64,
    count: u32,
    /// The last program's kept log. By its descriptor: what its path names by now, a program of the agent may have chosen.
    last: Option<File>,
}

impl Exec {
    /// `scratch` is made if it is missing, readable by its owner alone.
    pub(crate) fn new(cwd: &Path, scratch: &Path) -> std::io::Result<Exec> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(scratch)?;
        Ok(Exec {
            cwd: cwd.to_owned(),
            scratch: scratch.to_owned(),
            logs_bytes: 0,
            count: 0,
            last: None,
        })
    }

    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    pub(crate) fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// Runs a program to its end, at most `timeout_s` seconds, and ends everything it started.
    pub(crate) fn run(
        &mut self,
        argv: &[&str],
        env: &[(&str, &str)],
        timeout_s: u64,
    ) -> Result<Ran, Refusal> {
        let started = Instant::now();
        let started_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_millis());
        let shown = argv.join(" ");
        let mut child = self
            .spawn(argv, env)
            .map_err(|e| system("start", &shown, &e))?;
        let (log_path, log) = self.log();
        let pipes = [
            child.stdout.take().map(OwnedFd::from),
            child.stderr.take().map(OwnedFd::from),
        ];
        let mut taps = Taps {
            streams: [Tap::new(), Tap::new()],
            pipes,
            log,
            log_left: self.log_left(),
        };
        let deadline = started.checked_add(Duration::from_secs(timeout_s));
        let ended = watch(&child, &mut taps, deadline);
        let left = end_all(&child);
        let status = child.wait().map_err(|e| system("wait for", &shown, &e));
        left?;
        taps.drain();
        let exit = match ended.map_err(|e| system("watch", &shown, &e))? {
            Ended::Itself => exit_of(status?),
            Ended::Late => Exit::TimedOut { after_s: timeout_s },
            Ended::Loud => Exit::TooMuchOutput {
                limit_bytes: OUTPUT_BYTES_MAX,
            },
        };
        let [out, err] = &taps.streams;
        let cut = out.truncated() || err.truncated();
        let log = self.keep_log(log_path, &mut taps, cut);
        let duration_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let [stdout, stderr] = taps.streams.map(|tap| tap.finish(log.as_deref()));
        Ok(Ran {
            exit,
            started_ms: i64::try_from(started_ms).unwrap_or(i64::MAX),
            duration_ms,
            stdout,
            stderr,
            log,
        })
    }

    fn spawn(&self, argv: &[&str], env: &[(&str, &str)]) -> std::io::Result<Child> {
        let (program, args) = argv.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.cwd);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Nothing may wait for a key or colour its output: there is no terminal and nobody at it.
        command
            .env("TERM", "dumb")
            .env("NO_COLOR", "1")
            .env("CI", "1")
            .env("PAGER", "cat");
        command
            .env("GIT_PAGER", "cat")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_EDITOR", "true");
        command.envs(env.iter().copied());
        own_session(&mut command);
        command.spawn()
    }

    fn log(&mut self) -> (PathBuf, Option<File>) {
        self.count += 1;
        let path = self.scratch.join(format!("run-{}.log", self.count));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .ok();
        (path, file)
    }

    /// A part of the last program's log; empty at its end.
    pub(crate) fn output(&self, offset: u64) -> Result<Vec<u8>, Refusal> {
        let Some(log) = &self.last else {
            let message = "there is no whole output of the last command";
            return Err(Refusal::new(RefusalKind::Missing, message));
        };
        let mut part = vec![0; OUTPUT_PART_BYTES];
        let count = log
            .read_at(&mut part, offset)
            .map_err(|e| system("read", "the log", &e))?;
        part.truncate(count);
        Ok(part)
    }

    fn log_left(&self) -> u64 {
        LOGS_BYTES_MAX.saturating_sub(self.logs_bytes)
    }

    /// A log is kept only when it tells more than the answer does, and is whole.
    fn keep_log(&mut self, path: PathBuf, taps: &mut Taps, cut: bool) -> Option<String> {
        let total = taps.streams[0].bytes + taps.streams[1].bytes;
        self.last = taps.log.take().filter(|_| cut && total <= self.log_left());
        if self.last.is_some() {
            self.logs_bytes += total;
            return Some(path.to_string_lossy().into_owned());
        }
        let _ = std::fs::remove_file(path);
        None
    }
}

/// Puts the program in a session of its own and ties its life to the hand's.
#[allow(unsafe_code)]
fn own_session(command: &mut Command) {
    // SAFETY: between fork and exec only async-signal-safe work is allowed; both calls are single system calls that take
    // no lock and allocate nothing.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            Ok(())
        });
    }
}

enum Ended {
    Itself,
    Late,
    Loud,
}

/// Reads both pipes until the program itself has exited, is late, or has written too much.
fn watch(child: &Child, taps: &mut Taps, deadline: Option<Instant>) -> std::io::Result<Ended> {
    let pid = pid_of(child)?;
    let exited = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Ok(Ended::Late);
        }
        let gone = taps.read_some(Some(&exited), left)?;
        if taps.bytes() > OUTPUT_BYTES_MAX {
            return Ok(Ended::Loud);
        }
        if gone {
            return Ok(Ended::Itself);
        }
    }
}

fn pid_of(child: &Child) -> std::io::Result<Pid> {
    let raw = i32::try_from(child.id()).map_err(std::io::Error::other)?;
    Pid::from_raw(raw).ok_or_else(|| std::io::Error::other("the kernel gave process number 0"))
}

fn exit_of(status: std::process::ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code { code },
        (None, signal) => Exit::Signal {
            signal: signal.unwrap_or(0),
        },
    }
}

/// The two pipes of a program and what was read from them.
struct Taps {
    streams: [Tap; 2],
    pipes: [Option<OwnedFd>; 2],
    log: Option<File>,
    log_left: u64,
}

impl Taps {
    fn bytes(&self) -> u64 {
        self.streams[0].bytes + self.streams[1].bytes
    }

    /// Waits for bytes or for the program's exit; true when it has exited.
    fn read_some(
        &mut self,
        exited: Option<&OwnedFd>,
        left: Option<Duration>,
    ) -> std::io::Result<bool> {
        let timeout = left.map(|d| Timespec {
            tv_sec: i64::try_from(d.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: d.subsec_nanos().into(),
        });
        let (ready, gone) = {
            let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
            let mut which = Vec::with_capacity(2);
            for (index, pipe) in self.pipes.iter().enumerate() {
                if let Some(pipe) = pipe {
                    fds.push(PollFd::new(pipe, PollFlags::IN));
                    which.push(index);
                }
            }
            if let Some(exited) = exited {
                fds.push(PollFd::new(exited, PollFlags::IN));
            }
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
            let ready: Vec<usize> = which
                .iter()
                .zip(&fds)
                .filter(|(_, fd)| !fd.revents().is_empty())
                .map(|(index, _)| *index)
                .collect();
            let gone = exited.is_some() && fds.last().is_some_and(|fd| !fd.revents().is_empty());
            (ready, gone)
        };
        for index in ready {
            self.read_one(index)?;
        }
        Ok(gone)
    }

    fn read_one(&mut self, index: usize) -> std::io::Result<()> {
        let Some(pipe) = &self.pipes[index] else {
            return Ok(());
        };
        let mut buffer = [0u8; 64 << 10];
        let count = match rustix::io::read(pipe.as_fd(), &mut buffer) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        if count == 0 {
            self.pipes[index] = None;
            return Ok(());
        }
        let bytes = &buffer[..count];
        self.streams[index].take(bytes);
        self.log_left = self.log_left.saturating_sub(count as u64);
        let kept = self.log_left > 0
            && self
                .log
                .as_mut()
                .is_some_and(|log| log.write_all(bytes).is_ok());
        if !kept {
            self.log = None;
        }
        Ok(())
    }

    /// Reads what is still in the pipes. All writers are dead, so the end is near; a broken pipe is an end too.
    fn drain(&mut self) {
        let until = Instant::now() + DRAIN_TIME_MAX;
        while self.pipes.iter().any(Option::is_some) && self.bytes() <= OUTPUT_BYTES_MAX {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.read_some(None, Some(left)).is_err() {
                return;
            }
        }
    }
}

/// One stream: hash and size of all of it, and its two ends.
struct Tap {
    hash: Sha256,
    bytes: u64,
    head: Vec<u8>,
    tail: VecDeque<u8>,
}

impl Tap {
    fn new() -> Tap {
        Tap {
            hash: Sha256::new(),
            bytes: 0,
            head: Vec::new(),
            tail: VecDeque::new(),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        let to_head = bytes.len().min(OUTPUT_END_BYTES - self.head.len());
        self.head.extend_from_slice(&bytes[..to_head]);
        self.tail.extend(&bytes[to_head..]);
        let over = self.tail.len().saturating_sub(OUTPUT_END_BYTES);
        self.tail.drain(..over);
    }

    fn truncated(&self) -> bool {
        self.bytes > (self.head.len() + self.tail.len()) as u64
    }

    fn finish(mut self, log: Option<&str>) -> Stream {
        let truncated = self.truncated();
        let left_out = self.bytes - (self.head.len() + self.tail.len()) as u64;
        let mut bytes = self.head;
        if truncated {
            let place = log
                .map(|log| format!("; all of it: {log}"))
                .unwrap_or_default();
            bytes.extend_from_slice(
                format!("\n[... {left_out} bytes left out{place} ...]\n").as_bytes(),
            );
        }
        bytes.extend_from_slice(self.tail.make_contiguous());
        Stream {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes: self.bytes,
            sha256: hex::encode(self.hash.finalize()),
            truncated,
        }
    }
}

/// Kills the program's group and every other descendant of this process, until none is left.
fn end_all(child: &Child) -> Result<(), Refusal> {
    let leader = pid_of(child).map_err(|e| system("find", "the command", &e))?;
    // The leader is not reaped yet, so its number cannot belong to anybody else.
    let _ = rustix::process::kill_process_group(leader, Signal::KILL);
    let until = Instant::now() + KILL_TIME_MAX;
    loop {
        let alive = descendants(leader).map_err(|e| system("read", "/proc", &e))?;
        if alive.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(Refusal::new(
                RefusalKind::Unkillable,
                format!(
                    "{} processes of the command could not be ended within {} s",
                    alive.len(),
                    KILL_TIME_MAX.as_secs()
                ),
            ));
        }
        // Stopped first, all of them: what is stopped cannot fork while the rest is being killed.
        for signal in [Signal::STOP, Signal::KILL] {
            for pid in &alive {
                let _ = rustix::process::kill_process(*pid, signal);
            }
        }
        std::thread::sleep(KILL_PAUSE);
    }
}

/// Living descendants of this process. Dead children other than `leader` are reaped on the way.
fn descendants(leader: Pid) -> std::io::Result<Vec<Pid>> {
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let mut parents: HashMap<i32, (i32, bool)> = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|n| n.parse::<i32>().ok()) else {
            continue;
        };
        // It may have ended since it was listed.
        if let Some((parent, dead)) = stat_of(pid) {
            parents.insert(pid, (parent, dead));
        }
    }
    let mut alive = Vec::new();
    for (&pid, &(parent, dead)) in &parents {
        if pid == me || !leads_to(pid, me, &parents) {
            continue;
        }
        let Some(found) = Pid::from_raw(pid) else {
            continue;
        };
        if !dead {
            alive.push(found);
        } else if parent == me && found != leader {
            let _ = rustix::process::waitpid(Some(found), WaitOptions::NOHANG);
        }
    }
    Ok(alive)
}

fn leads_to(pid: i32, ancestor: i32, parents: &HashMap<i32, (i32, bool)>) -> bool {
    let mut at = pid;
    let mut seen = HashSet::new();
    while let Some((parent, _)) = parents.get(&at) {
        if *parent == ancestor {
            return true;
        }
        if !seen.insert(at) {
            return false;
        }
        at = *parent;
    }
    false
}

/// Parent and whether it is dead, from `/proc/PID/stat`; the name in brackets may hold anything, so the last bracket counts.
fn stat_of(pid: i32) -> Option<(i32, bool)> {
    let mut text = String::new();
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/stat"))
        .ok()?
        .take(4096)
        .read_to_end(&mut bytes)
        .ok()?;
    text.push_str(&String::from_utf8_lossy(&bytes));
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
    let dead = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    Some((parent, dead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_kept_and_the_hash_is_of_the_whole() {
        let mut tap = Tap::new();
        let whole: Vec<u8> = (0..40_000u32)
            .map(|n| b'a' + u8::try_from(n % 26).expect("below 26"))
            .collect();
        for chunk in whole.chunks(777) {
            tap.take(chunk);
        }
        let stream = tap.finish(Some("/tmp/x.log"));
        assert!(stream.truncated);
        assert_eq!(stream.bytes, 40_000);
        assert_eq!(stream.sha256, hex::encode(Sha256::digest(&whole)));
        assert!(stream.text.starts_with("abc"));
        assert!(
            stream
                .text
                .contains("[... 30000 bytes left out; all of it: /tmp/x.log ...]")
        );
        assert!(stream.text.as_bytes().ends_with(&whole[35_000..]));
    }

    #[test]
    fn a_short_output_is_whole() {
        let mut tap = Tap::new();
        tap.take(&[b'x'; OUTPUT_END_BYTES]);
        tap.take(b"yz");
        let stream = tap.finish(None);
        assert!(!stream.truncated);
        assert!(stream.text.ends_with("xyz"));
    }
}
