//! The door of the launcher: our own executable, started again inside the namespaces.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use alai_core::record::Limit;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::CageError;
use super::plan::Plan;
use super::{forward, inner, off, own, probe};
use crate::sys;

/// First argument of the stage that makes the namespaces by itself.
pub(super) const OUTER: &str = "__cage";
/// First argument of the stage that is pid 1 below `bwrap`.
pub(super) const INNER: &str = "__cage-inner";
/// First argument of the process that forwards a port to a socket.
pub(super) const FORWARD: &str = "__cage-forward";
/// First argument of the program that a probe runs in a cage.
pub(super) const CHECK: &str = "__cage-check";

/// First argument of the process that runs a program without a cage.
pub(super) const OFF: &str = "__uncaged";
/// First argument of the process that ends everything of a run's user.
pub(super) const END: &str = "__uncaged-end";

/// Names the launcher where it is not the running executable.
const LAUNCHER_VARIABLE: &str = "ALAI_LAUNCHER";

/// The exit code of a launcher that could not report: the plan or the socket was missing.
const BROKEN: u8 = 125;

static LAUNCHER: OnceLock<PathBuf> = OnceLock::new();

/// Names the executable whose `main` calls [`entry`], for processes that are not that executable (tests). The first call wins.
pub fn set_launcher(path: PathBuf) {
    // A second call is a second test of the same process naming the same file.
    let _ = LAUNCHER.set(path);
}

/// The launcher: what [`set_launcher`] named, else `ALAI_LAUNCHER`, else the running executable.
pub(super) fn launcher() -> Result<PathBuf, CageError> {
    let named = LAUNCHER.get().cloned();
    let named = named.or_else(|| std::env::var_os(LAUNCHER_VARIABLE).map(PathBuf::from));
    let path = match named {
        Some(path) => path,
        None => std::env::current_exe().map_err(CageError::io("find the running executable"))?,
    };
    path.canonicalize().map_err(|error| CageError::Launcher {
        reason: format!("{error} (was it replaced while it was running?)"),
        path,
    })
}

/// A program of the launcher's executable. In a cage it runs in a process that was forked of pid 1: to execute the same file a
/// second time would take about 5 ms and a megabyte of relocated pages, for nothing.
#[derive(Debug, Clone, Copy)]
pub struct OwnProgram {
    /// The only argument that a cage starts it with. Who is inside may start it by more.
    pub word: &'static str,
    /// Gives the code to exit with.
    pub main: fn() -> u8,
}

/// Runs a stage of the launcher or one of the executable's own programs when the arguments ask for it. `main` calls it before it makes
/// any thread:
///
/// `if let Some(code) = alai_workspace::cage::entry(std::env::args_os(), &[]) { return code; }`
pub fn entry(
    args: impl IntoIterator<Item = OsString>,
    own: &'static [OwnProgram],
) -> Option<ExitCode> {
    let mut args = args.into_iter().skip(1);
    let stage = args.next()?;
    let rest: Vec<OsString> = args.collect();
    match stage.to_str()? {
        OUTER => Some(stage_of(&rest, |plan, control| outer(plan, control, own))),
        INNER => Some(stage_of(&rest, |plan, control| pid_1(plan, control, own))),
        FORWARD => Some(forward::serve(&rest)),
        CHECK => Some(probe::check()),
        OFF => Some(stage_of(&rest, off::stage::run)),
        END => Some(off::end::stage(&rest)),
        word => {
            let program = own.iter().find(|program| program.word == word)?;
            Some(ExitCode::from((program.main)()))
        }
    }
}

fn outer(plan: &Plan, control: OwnedFd, programs: &[OwnProgram]) -> ExitCode {
    let spare = control.try_clone();
    match own::run(plan, control, programs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => match spare {
            Ok(spare) => exit_code(Report::new(spare).refused(&reason)),
            Err(_) => ExitCode::from(BROKEN),
        },
    }
}

fn pid_1(plan: &Plan, control: OwnedFd, own: &[OwnProgram]) -> ExitCode {
    exit_code(inner::run(plan, &Report::new(control), own))
}

pub(super) fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(BROKEN))
}

fn stage_of<P: DeserializeOwned>(
    args: &[OsString],
    stage: impl FnOnce(&P, OwnedFd) -> ExitCode,
) -> ExitCode {
    match received(args) {
        Ok((plan, control)) => stage(&plan, control),
        Err(_) => ExitCode::from(BROKEN),
    }
}

/// The plan and the control socket, whose descriptors are the first two arguments; a third one is only held.
fn received<P: DeserializeOwned>(args: &[OsString]) -> io::Result<(P, OwnedFd)> {
    let number = |arg: &OsString| arg.to_str().and_then(|text| text.parse::<RawFd>().ok());
    let [Some(plan), Some(control)] = [args.first().and_then(number), args.get(1).and_then(number)]
    else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    if plan < 3 || control < 3 || plan == control {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    match args.get(2).and_then(number) {
        None => sys::close_all_but([plan, control])?,
        Some(lock) if lock < 3 || lock == plan || lock == control => {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        Some(lock) => {
            sys::close_all_but([plan, control, lock])?;
            // Held until this process ends, and by no program that it starts.
            std::mem::forget(sys::adopt(lock)?);
        }
    }
    let mut text = String::new();
    File::from(sys::adopt(plan)?).read_to_string(&mut text)?;
    let control = sys::adopt(control)?;
    Ok((serde_json::from_str(&text)?, control))
}

/// One line from a launcher to the process that started it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// Every restriction is in force, and these are their names; the program starts next.
    Ready { layers: Vec<String> },
    /// A restriction could not be had; nothing was started.
    Refused { reason: String },
    /// The cage stands, but the program could not be executed.
    NotStarted { reason: String },
    /// The program exited with this code.
    Exited { code: i32 },
    /// The program and everything else was ended at the wall-clock limit.
    TimedOut { after_s: u64 },
    /// All of them together used more than they may, and were ended.
    OverLimit { limit: Limit, max: u64 },
    /// The program was ended by this signal.
    Signalled { signal: i32 },
}

/// The word that a plan with `waits` is started by. It is the only thing that ever crosses in this direction.
pub(super) const GO: u8 = b'g';

/// The launcher's end of the control socket.
pub(super) struct Report {
    socket: UnixStream,
}

impl Report {
    pub(super) fn new(control: OwnedFd) -> Report {
        Report {
            socket: UnixStream::from(control),
        }
    }

    pub(super) fn say(&self, said: &Said) -> io::Result<()> {
        let mut line = serde_json::to_string(said)?;
        line.push('\n');
        (&self.socket).write_all(line.as_bytes())
    }

    /// Says that nothing was started, and why. Returns the code to exit with; when nobody hears it, it also stands there.
    pub(super) fn refused(&self, reason: &str) -> i32 {
        let said = self.say(&Said::Refused {
            reason: reason.to_owned(),
        });
        if said.is_ok() { 0 } else { i32::from(BROKEN) }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Waits for [`GO`]. False when the other end is closed, or said anything else.
    pub(super) fn is_told_to_go(&self) -> bool {
        let mut word = [0];
        (&self.socket).read_exact(&mut word).is_ok() && word == [GO]
    }

    /// True when the other end is closed, which is when its process ended or wants us to; false when `wait` has passed.
    pub(super) fn end_within(&self, wait: Duration) -> io::Result<bool> {
        let mut watched = [sys::Watched {
            fd: self.socket.as_fd(),
            wanted: libc::POLLIN,
            got: 0,
        }];
        sys::poll(&mut watched, wait)?;
        // Nothing is sent this way once a program runs: whatever can be read is the end.
        Ok(watched[0].got != 0)
    }
}
