//! Runs one program in a cage, or starts one that lives on.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alai_core::record::{Captured, CommandRecord, Exit, Limit};

use super::cgroup::Group;
use super::error::CageError;
use super::launcher::{self, GO, INNER, OUTER, Said};
use super::plan::Step;
use super::spec::{CageSpec, Layer, Limits, Network};
use super::text::{self, Text};
use super::{bwrap, cgroup, plan, probe, resolve};
use crate::command::Cancel;
use crate::process::{self, Watch, Watched, Why};
use crate::sys;

/// How long the stages before the program may take. They take 20 ms on an idle machine; a minute means a hanging file system.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How long a cage that was told to end may take, after which its first processes are killed from
/// outside.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// What a layer that fails may say about it.
const COMPLAINT_BYTES_MAX: u64 = 16 * 1024;

/// Runs a program to its end in a cage, by the first layer that works here (see [`super::probe`]).
///
/// Blocks. When it returns, every process of the cage has ended: also those that left the program's session, and also when the
/// program passed a limit or was cancelled, which [`Exit`] then tells. When our own process is killed, the cage ends with it.
///
/// # Errors
/// When a promise of the cage cannot be kept, or the program cannot be executed. A program that fails is not an error here.
pub fn run(
    spec: &CageSpec,
    argv: &[String],
    stdin: &[u8],
    cancel: &Cancel,
) -> Result<Captured, CageError> {
    run_in(probe::layer()?, spec, argv, stdin, cancel)
}

/// [`run`] by this layer and no other.
///
/// # Errors
/// As [`run`].
pub fn run_in(
    layer: Layer,
    spec: &CageSpec,
    argv: &[String],
    stdin: &[u8],
    cancel: &Cancel,
) -> Result<Captured, CageError> {
    let started_ms = now_ms();
    let mut started = start(layer, spec, &[], argv, false)?;
    let limits = Watch {
        wall: Duration::from_secs(spec.limits.wall_s),
        output_bytes_max: spec.limits.output_bytes_max,
        output_kept: spec.limits.output_kept,
        cancel,
    };
    let (control, group) = (&started.control, &started.group);
    // The lifeline: pid 1 exits when it closes, and we can still hear what it says.
    let mut end = || {
        drop(control.shutdown(Shutdown::Write));
        group.iter().for_each(Group::kill);
    };
    let watched = process::watch(&mut started.child, stdin, Some(control), &limits, &mut end)
        .map_err(CageError::io("watch a caged program"))?;
    let ending = ending(&started, spec, argv, &watched)?;
    Ok(captured(spec, argv, started_ms, watched, ending))
}

/// Starts a program in a cage and returns as soon as every restriction is in force and the program is about to run.
///
/// Of the limits, those on output are left to the caller, who holds the pipes. The thread that calls this may
/// end; the cage ends with [`Caged::kill`], with [`Caged`] itself, and with our process.
///
/// # Errors
/// As [`run`]; that the program itself cannot be executed shows in [`Caged::wait`].
pub fn spawn(spec: &CageSpec, argv: &[String]) -> Result<Caged, CageError> {
    spawn_in(probe::layer()?, spec, argv)
}

/// [`spawn`] by this layer and no other.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_in(layer: Layer, spec: &CageSpec, argv: &[String]) -> Result<Caged, CageError> {
    spawn_with(layer, spec, &[], argv)
}

/// [`spawn_in`], and shows small files besides that are on no disk.
///
/// # Errors
/// As [`spawn`], and for a text that would lie in a bind.
pub fn spawn_with(
    layer: Layer,
    spec: &CageSpec,
    texts: &[Text],
    argv: &[String],
) -> Result<Caged, CageError> {
    alive(start(layer, spec, texts, argv, false)?, spec, argv)
}

/// Waits until what was started is about to run its program.
pub(super) fn alive(
    started: Started,
    spec: &CageSpec,
    argv: &[String],
) -> Result<Caged, CageError> {
    let mut caged = Caged::of(started, spec, argv)?;
    caged.stands()?;
    Ok(caged)
}

/// A program that lives in a cage. Dropping it ends the cage.
#[derive(Debug)]
pub struct Caged {
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
    pub stderr: Option<ChildStderr>,
    layers: Vec<String>,
    program: String,
    layer: Layer,
    limits: Limits,
    child: Child,
    said: BufReader<UnixStream>,
    group: Option<Group>,
}

impl Caged {
    /// What was started, of which nothing has been heard yet.
    pub(super) fn of(
        started: Started,
        spec: &CageSpec,
        argv: &[String],
    ) -> Result<Caged, CageError> {
        let Started {
            layer,
            mut child,
            control,
            group,
        } = started;
        let caged = Caged {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            layers: Vec::new(),
            program: argv.first().cloned().unwrap_or_default(),
            layer,
            limits: spec.limits,
            child,
            said: BufReader::new(control),
            group,
        };
        let waits = caged.said.get_ref().set_read_timeout(Some(START_PATIENCE));
        waits.map_err(CageError::io("wait for a cage"))?;
        Ok(caged)
    }

    /// Waits until every restriction is in force and the program is about to run.
    pub(super) fn stands(&mut self) -> Result<(), CageError> {
        let layer = self.layer;
        let mut line = String::new();
        let heard = self.said.read_line(&mut line);
        let ready = heard
            .is_ok_and(|count| count > 0)
            .then(|| serde_json::from_str(&line));
        match ready {
            Some(Ok(Said::Ready { layers })) => {
                self.layers = named(layer, layers);
                Ok(())
            }
            Some(Ok(Said::Refused { reason })) => Err(CageError::refused(layer, &reason)),
            Some(
                Ok(
                    Said::NotStarted { .. }
                    | Said::Exited { .. }
                    | Said::TimedOut { .. }
                    | Said::OverLimit { .. }
                    | Said::Signalled { .. },
                )
                | Err(_),
            ) => Err(CageError::refused(
                layer,
                &format!("the launcher said {:?} first", line.trim()),
            )),
            None => Err(CageError::refused(layer, &self.complaint())),
        }
    }

    /// Says the word that a cage which waits starts its program by, and waits until that is about to run.
    pub(super) fn go(&mut self) -> Result<(), CageError> {
        // One that has refused has closed its end, and said why before.
        let _ = self.said.get_ref().write_all(&[GO]);
        self.stands()
    }

    /// The process of the layer on the host; it lives exactly as long as the cage.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The layers that hold the program, for its record.
    pub fn layers(&self) -> &[String] {
        &self.layers
    }

    /// Ends the program and everything that it started. When it returns, nothing of it runs any more.
    ///
    /// # Errors
    /// When the kernel refuses to tell about our own child.
    pub fn kill(&mut self) -> Result<(), CageError> {
        // An error means that pid 1 has closed its end: it is ending already.
        let _ = self.said.get_ref().shutdown(Shutdown::Write);
        self.group.iter().for_each(Group::kill);
        if !self
            .ended_within(END_PATIENCE)
            .map_err(CageError::io("wait for a cage to end"))?
        {
            let killed = process::kill_from_outside(&mut self.child);
            killed.map_err(CageError::io("kill a cage"))?;
        }
        let waited = self.child.wait().map(drop);
        waited
            .and_then(|()| emptied(self.group.as_ref()))
            .map_err(CageError::io("wait for a cage to end"))
    }

    /// Closes standard input, waits until the program has ended, and tells how. Somebody must read its outputs meanwhile: a
    /// program whose pipe is full does not end.
    ///
    /// # Errors
    /// When the program could not be executed, or the layer failed.
    pub fn wait(&mut self) -> Result<Exit, CageError> {
        self.stdin = None;
        self.child
            .wait()
            .map_err(CageError::io("wait for a caged program"))?;
        let mut text = String::new();
        let heard = self
            .said
            .by_ref()
            .take(COMPLAINT_BYTES_MAX)
            .read_to_string(&mut text);
        // A reset is the end, too; what was said before it counts.
        if let Err(error) = heard
            && error.kind() != io::ErrorKind::ConnectionReset
        {
            return Err(CageError::Io {
                tried: "listen to a cage",
                source: error,
            });
        }
        let said: Vec<Said> = text.lines().flat_map(serde_json::from_str).collect();
        let of_memory = starved(self.group.as_ref(), &self.limits);
        exit_said(self.layer, &self.program, &said, of_memory)
    }

    fn ended_within(&mut self, wait: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + wait;
        let pidfd = match self.child.try_wait()? {
            Some(_) => return Ok(true),
            None => sys::pidfd(self.child.id())?,
        };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut watched = [sys::Watched {
                fd: pidfd.as_fd(),
                wanted: libc::POLLIN,
                got: 0,
            }];
            sys::poll(&mut watched, left)?;
            if watched[0].got != 0 || left.is_zero() {
                return Ok(watched[0].got != 0);
            }
        }
    }

    /// What a layer that failed printed, after it has ended.
    fn complaint(&mut self) -> String {
        let killed = self.kill();
        let mut text = Vec::new();
        if let Some(stderr) = self.stderr.take() {
            // Whatever could be read is all there is to say.
            let _ = stderr.take(COMPLAINT_BYTES_MAX).read_to_end(&mut text);
        }
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        match killed {
            Ok(()) if text.is_empty() => "it ended before the program started".to_owned(),
            Ok(()) => text,
            Err(error) => format!("{text} ({error})"),
        }
    }
}

impl Drop for Caged {
    fn drop(&mut self) {
        // The parent-death signal and the closing of the socket still end the cage when this fails.
        let _ = self.kill();
    }
}

pub(super) struct Started {
    pub(super) layer: Layer,
    pub(super) child: Child,
    pub(super) control: UnixStream,
    pub(super) group: Option<Group>,
}

/// Starts a cage. One that `waits` starts its program at a word.
pub(super) fn start(
    layer: Layer,
    spec: &CageSpec,
    texts: &[Text],
    argv: &[String],
    waits: bool,
) -> Result<Started, CageError> {
    if let Some(word) = argv.iter().find(|word| word.contains('\0')) {
        return Err(CageError::Spec(format!(
            "the argument {word:?} holds a zero byte"
        )));
    }
    let binds = resolve::resolve(spec)?;
    text::check(texts, spec)?;
    if let Network::LoopbackAnd(forward) = &spec.network {
        hand_over(&forward.outside_socket, spec.uid)?;
    }
    let launcher = launcher::launcher()?;
    let mut plan = plan::plan(spec, binds, texts, &launcher, layer, argv);
    // A folder that was ours and is no more leaves the looking, which the record then names.
    let group = cgroup::delegated().and_then(|folder| Group::make(folder, &spec.limits).ok());
    plan.has_group = group.is_some();
    plan.waits = waits;
    let file = sys::memory_file().map_err(CageError::io("write down the plan of a cage"))?;
    let (ours, theirs) = UnixStream::pair().map_err(CageError::io("make a control socket"))?;
    let numbers = [file.as_raw_fd().to_string(), theirs.as_raw_fd().to_string()];
    let (mut command, texts) = match layer {
        Layer::Bwrap => {
            let inner = [&[INNER.to_owned()], &numbers[..]].concat();
            let (bwrap, _) = bwrap::find()?;
            let made = bwrap::command(&bwrap, &plan, &inner);
            // Who comes behind bwrap finds these files written.
            plan.steps.retain(|step| !matches!(step, Step::File { .. }));
            made.map_err(CageError::io("prepare bwrap"))?
        }
        Layer::Own => {
            let mut command = Command::new(&launcher);
            command.arg(OUTER).args(&numbers);
            (command, Vec::new())
        }
    };
    let text = serde_json::to_vec(&plan).map_err(io::Error::from);
    let written = text.and_then(|text| bwrap::filled(&file, &text));
    written.map_err(CageError::io("write down the plan of a cage"))?;
    // A group of its own: Ctrl-C in our terminal is for us, and we end our cages in order.
    command.env_clear().current_dir("/").process_group(0);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut passed: Vec<RawFd> = vec![file.as_raw_fd(), theirs.as_raw_fd()];
    passed.extend(texts.iter().map(File::as_raw_fd));
    let child = process::start_in_group(command, &passed, group.as_ref().map(Group::door));
    let child =
        child.map_err(|error| CageError::refused(layer, &format!("cannot start: {error}")))?;
    Ok(Started {
        layer,
        child,
        control: ours,
        group,
    })
}

/// Lets the cage's user connect to the socket. Connecting asks for write permission on it, and as root we own it.
fn hand_over(socket: &Path, uid: Option<(u32, u32)>) -> Result<(), CageError> {
    let what = std::fs::symlink_metadata(socket)
        .map_err(|error| CageError::Spec(format!("{socket:?} is no socket: {error}")))?;
    if !what.file_type().is_socket() {
        return Err(CageError::Spec(format!("{socket:?} is no socket")));
    }
    match uid {
        Some((uid, gid)) if sys::ids().0 == 0 => {
            let given = std::os::unix::fs::lchown(socket, Some(uid), Some(gid));
            given.map_err(CageError::io("give the egress socket to the cage's user"))
        }
        Some(_) | None => Ok(()),
    }
}

/// How the program ended, and the layers that held it.
fn ending(
    started: &Started,
    spec: &CageSpec,
    argv: &[String],
    watched: &Watched,
) -> Result<(Exit, Vec<String>), CageError> {
    let layer = started.layer;
    emptied(started.group.as_ref()).map_err(CageError::io("wait for a cage to end"))?;
    let text = String::from_utf8_lossy(&watched.control);
    let said: Vec<Said> = text.lines().flat_map(serde_json::from_str).collect();
    let layers = said.iter().find_map(|said| match said {
        Said::Ready { layers } => Some(named(layer, layers.clone())),
        Said::Refused { .. } | Said::NotStarted { .. } | Said::Exited { .. } => None,
        Said::TimedOut { .. } | Said::OverLimit { .. } | Said::Signalled { .. } => None,
    });
    let exit = match watched.why {
        Why::TooMuchOutput if layers.is_some() => Exit::TooMuchOutput {
            limit_bytes: spec.limits.output_bytes_max,
        },
        Why::TimedOut if layers.is_some() => Exit::TimedOut {
            after_s: spec.limits.wall_s,
        },
        Why::Cancelled => Exit::Cancelled,
        Why::TimedOut => {
            let reason = format!("the cage was not ready after {} s", spec.limits.wall_s);
            return Err(CageError::refused(layer, &reason));
        }
        Why::Exited | Why::TooMuchOutput if layers.is_none() && !said.iter().any(is_refusal) => {
            let complaint = watched.stderr.text();
            let reason = format!("{} ({})", complaint.trim(), watched.status);
            return Err(CageError::refused(layer, &reason));
        }
        Why::Exited | Why::TooMuchOutput => {
            let of_memory = starved(started.group.as_ref(), &spec.limits);
            let program = argv.first().map_or("", String::as_str);
            exit_said(layer, program, &said, of_memory)?
        }
    };
    Ok((exit, layers.unwrap_or_default()))
}

fn is_refusal(said: &Said) -> bool {
    match said {
        Said::Refused { .. } | Said::NotStarted { .. } => true,
        Said::Ready { .. } | Said::Exited { .. } => false,
        Said::TimedOut { .. } | Said::OverLimit { .. } | Said::Signalled { .. } => false,
    }
}

/// Waits until nothing of a group lives any more: with a group, that is what "ended" means.
fn emptied(group: Option<&Group>) -> io::Result<()> {
    let Some(group) = group else {
        return Ok(());
    };
    // The program itself has ended; what it left behind ends now.
    group.kill();
    if group.empty_within(END_PATIENCE)? {
        return Ok(());
    }
    Err(io::Error::other("its control group does not become empty"))
}

/// The ending of a cage whose group the kernel ended for want of memory.
fn starved(group: Option<&Group>, limits: &Limits) -> Option<Exit> {
    let exit = Exit::OverLimit {
        limit: Limit::Memory,
        max: limits.memory_bytes,
    };
    group
        .filter(|group| group.ran_out_of_memory())
        .map(|_| exit)
}

/// The ending that the launcher reported. When it said none, somebody outside killed pid 1: the kernel for want of memory,
/// which `of_memory` then tells, or we ourselves.
fn exit_said(
    layer: Layer,
    program: &str,
    said: &[Said],
    of_memory: Option<Exit>,
) -> Result<Exit, CageError> {
    for said in said {
        match said {
            Said::Ready { .. } => {}
            Said::Exited { code } => return Ok(Exit::Code { code: *code }),
            Said::TimedOut { after_s } => return Ok(Exit::TimedOut { after_s: *after_s }),
            Said::OverLimit { limit, max } => {
                let (limit, max) = (*limit, *max);
                return Ok(Exit::OverLimit { limit, max });
            }
            Said::Signalled { signal } => return Ok(Exit::Signal { signal: *signal }),
            Said::Refused { reason } => return Err(CageError::refused(layer, reason)),
            Said::NotStarted { reason } => {
                let (program, reason) = (program.to_owned(), reason.clone());
                return Err(CageError::Program { program, reason });
            }
        }
    }
    Ok(of_memory.unwrap_or(Exit::Signal {
        signal: libc::SIGKILL,
    }))
}

/// The launcher cannot know which bwrap started it.
fn named(layer: Layer, mut layers: Vec<String>) -> Vec<String> {
    if let (Layer::Bwrap, Some(first), Ok((_, version))) =
        (layer, layers.first_mut(), bwrap::find())
    {
        *first = format!("bwrap {version}");
    }
    layers
}

fn captured(
    spec: &CageSpec,
    argv: &[String],
    started_ms: i64,
    watched: Watched,
    (exit, cage): (Exit, Vec<String>),
) -> Captured {
    let Watched {
        stdout,
        stderr,
        duration,
        ..
    } = watched;
    Captured {
        record: CommandRecord {
            argv: argv.to_vec(),
            cwd: spec.cwd.to_string_lossy().into_owned(),
            exit,
            started_ms,
            duration_ms: i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
            stdout_sha256: stdout.sha256(),
            stderr_sha256: stderr.sha256(),
            stdout_bytes: stdout.bytes(),
            stderr_bytes: stderr.bytes(),
            cage,
        },
        truncated: stdout.left_out() + stderr.left_out() > 0,
        stdout: stdout.text(),
        stderr: stderr.text(),
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
