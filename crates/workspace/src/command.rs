//! Starts trusted programs of the host (git, version probes) outside a cage. Everything of an agent or a repository runs in
//! [`crate::cage`] instead.
//!
//! This is the only place of the room that starts a program without a cage. Such a program sees exactly the environment it is
//! given, has a process group of its own, and is ended with that group at its time limit and when our process ends.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alai_core::record::Exit;

use crate::process::{self, Tie, Watch, Watched, Why};
use crate::sys;

/// What one trusted program may write on its two outputs together. The largest honest answer is a patch of a whole
/// repository, which its callers limit further; the bound is there so that a broken program cannot fill our memory.
pub const HOST_OUTPUT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A wish to end, shared by everyone who holds a clone of it. Once given it is never taken back.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Asks everything that was started with this value to end. It does so within a twentieth of a second.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What a trusted program left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostOutput {
    pub exit: Exit,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub duration_ms: i64,
}

impl HostOutput {
    pub fn success(&self) -> bool {
        self.exit.success()
    }

    /// Standard error for a message: valid UTF-8, trimmed.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

/// Why a trusted program could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("no program was named")]
    NoProgram,
    #[error(
        "cannot start {program:?} in {cwd:?}: {source}; is it installed, and does the folder exist?"
    )]
    Start {
        program: OsString,
        cwd: PathBuf,
        source: io::Error,
    },
    #[error("lost {program:?} while it was running: {source}; it has been ended")]
    Watch {
        program: OsString,
        source: io::Error,
    },
}

/// Runs a trusted program of the host to its end and returns everything that it wrote.
///
/// `env` is its whole environment; a program without a slash is looked up in the `PATH` of `env`, and in `/bin:/usr/bin` when
/// it has none. The program and everything in its process group are killed at `timeout`, and when our process ends. What it
/// leaves in its group when it ends by itself is killed as well.
///
/// # Errors
/// When the program cannot be started or watched. A program that fails, times out or writes more than
/// [`HOST_OUTPUT_BYTES_MAX`] is not an error here: see [`HostOutput::exit`].
pub fn host(
    argv: &[impl AsRef<OsStr>],
    cwd: &Path,
    env: &[(impl AsRef<OsStr>, impl AsRef<OsStr>)],
    stdin: &[u8],
    timeout: Duration,
) -> Result<HostOutput, HostError> {
    host_tied(argv, cwd, env, stdin, timeout, Tie::EndsWithUs)
}

/// [`host`], or so that the program is let finish when our process is killed.
///
/// # Errors
/// As [`host`].
pub(crate) fn host_tied(
    argv: &[impl AsRef<OsStr>],
    cwd: &Path,
    env: &[(impl AsRef<OsStr>, impl AsRef<OsStr>)],
    stdin: &[u8],
    timeout: Duration,
    tie: Tie,
) -> Result<HostOutput, HostError> {
    host_limited(argv, cwd, env, stdin, timeout, (tie, HOST_OUTPUT_BYTES_MAX))
}

/// [`host`] without an input and with another limit of output, for a program whose answer others have written.
///
/// # Errors
/// As [`host`].
pub(crate) fn host_within(
    argv: &[impl AsRef<OsStr>],
    cwd: &Path,
    env: &[(impl AsRef<OsStr>, impl AsRef<OsStr>)],
    timeout: Duration,
    output_bytes_max: u64,
) -> Result<HostOutput, HostError> {
    let limits = (Tie::EndsWithUs, output_bytes_max);
    host_limited(argv, cwd, env, &[], timeout, limits)
}

fn host_limited(
    argv: &[impl AsRef<OsStr>],
    cwd: &Path,
    env: &[(impl AsRef<OsStr>, impl AsRef<OsStr>)],
    stdin: &[u8],
    timeout: Duration,
    (tie, output_bytes_max): (Tie, u64),
) -> Result<HostOutput, HostError> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(HostError::NoProgram);
    };
    let program = program.as_ref().to_owned();
    let mut command = Command::new(&program);
    command.args(arguments.iter().map(AsRef::as_ref));
    command.current_dir(cwd).env_clear();
    command.envs(
        env.iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref())),
    );
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.process_group(0);
    let mut child = process::start_tied(command, &[], tie).map_err(|source| HostError::Start {
        program: program.clone(),
        cwd: cwd.to_owned(),
        source,
    })?;
    let group = child.id();
    let limits = Watch {
        wall: timeout,
        output_bytes_max,
        // Two halves: with twice the limit the head alone holds everything that may be written.
        output_kept: usize::try_from(2 * output_bytes_max).unwrap_or(usize::MAX),
        cancel: &Cancel::new(),
    };
    // ESRCH means that the group is gone already.
    let mut end = || drop(sys::kill_group(group));
    let watched = process::watch(&mut child, stdin, None, &limits, &mut end)
        .map_err(|source| HostError::Watch { program, source })?;
    end();
    Ok(output(watched, timeout, output_bytes_max))
}

fn output(watched: Watched, timeout: Duration, limit_bytes: u64) -> HostOutput {
    HostOutput {
        exit: exit(watched.why, watched.status, timeout.as_secs(), limit_bytes),
        duration_ms: i64::try_from(watched.duration.as_millis()).unwrap_or(i64::MAX),
        stdout: watched.stdout.into_bytes(),
        stderr: watched.stderr.into_bytes(),
    }
}

fn exit(why: Why, status: ExitStatus, after_s: u64, limit_bytes: u64) -> Exit {
    match why {
        Why::TimedOut => Exit::TimedOut { after_s },
        Why::Cancelled => Exit::Cancelled,
        Why::TooMuchOutput => Exit::TooMuchOutput { limit_bytes },
        Why::Exited => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code { code },
            (None, signal) => Exit::Signal {
                signal: signal.unwrap_or(libc::SIGKILL),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use alai_core::record::Exit;

    use super::{HostError, host};

    const PATH: [(&str, &str); 1] = [("PATH", "/usr/bin:/bin")];
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_gets_its_input_and_nothing_of_our_environment() {
        let script = "cat; env | grep -c '^CARGO' >&2; exit 3";
        let output = host(&["sh", "-c", script], Path::new("/"), &PATH, b"given", LONG).unwrap();
        assert_eq!(output.exit, Exit::Code { code: 3 });
        assert_eq!(
            (output.stdout.as_slice(), output.complaint().as_str()),
            (&b"given"[..], "0")
        );
    }

    #[test]
    fn input_and_output_larger_than_a_pipe_do_not_block_each_other() {
        let input = vec![b'x'; 4 * 1024 * 1024];
        let output = host(&["cat"], Path::new("/"), &PATH, &input, LONG).unwrap();
        assert!(output.stdout == input);
    }

    #[test]
    fn a_program_that_closes_its_input_is_no_error() {
        let input = vec![b'x'; 4 * 1024 * 1024];
        let output = host(&["true"], Path::new("/"), &PATH, &input, LONG).unwrap();
        assert!(output.success());
    }

    #[test]
    fn the_time_limit_ends_the_whole_group() {
        let script = "sleep 600 & echo $!; wait";
        let wall = Duration::from_secs(1);
        let output = host(&["sh", "-c", script], Path::new("/"), &PATH, b"", wall).unwrap();
        assert_eq!(output.exit, Exit::TimedOut { after_s: 1 });
        let pid = String::from_utf8(output.stdout).unwrap();
        assert!(gone(pid.trim()), "process {pid} outlived its group");
    }

    #[test]
    fn what_a_program_leaves_behind_in_its_group_is_ended() {
        let script = "sleep 600 >/dev/null 2>&1 & echo $!";
        let output = host(&["sh", "-c", script], Path::new("/"), &PATH, b"", LONG).unwrap();
        assert!(output.success());
        let pid = String::from_utf8(output.stdout).unwrap();
        assert!(gone(pid.trim()), "process {pid} outlived its group");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = host(&["no-such-program"], Path::new("/"), &PATH, b"", LONG).unwrap_err();
        assert!(matches!(&error, HostError::Start { .. }), "{error}");
        assert!(error.to_string().contains("no-such-program"));
    }

    /// SIGKILL is delivered when its sender returns, but the target leaves the process table a moment later.
    fn gone(pid: &str) -> bool {
        for _ in 0..100_000 {
            match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                Err(_) => return true,
                Ok(stat) if stat.contains(") Z") => return true,
                Ok(_) => std::thread::yield_now(),
            }
        }
        false
    }
}
