//! Without a cage: an agent's program under a user of its run's own, for the one run that a person asked for so as root.
//!
//! It sees the machine's processes, network and files as any user does. Three things are still withheld, because the factory
//! itself stands on them: the home (another user, a mount over it, and Landlock, which lets no file be reached but through this
//! root), every other run (no two share a user), and the time after its end: everything of the user is ended before its commits
//! are looked at. docs/adr/0008 tells why nothing less would do.
//!
//! Two stages of the launcher: one shows the clone at the path that it has in a cage, becomes the user, and waits as root for the
//! end; the other ends everything of a user, when the first was killed too.

pub(super) mod end;
mod root;
pub(super) mod stage;
mod user;

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::bwrap;
use super::error::CageError;
use super::launcher::{self, OFF};
use super::resolve;
use super::run::{self, Caged, Started};
use super::spec::{Access, CageSpec, Layer, Limits};
use crate::{process, sys};

pub use end::end_user;
pub use user::{RunUser, take_user};

/// Everything that the stage needs to know. Paths are canonical.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    shown: Vec<Shown>,
    /// Folders that are not shown at all.
    withheld: Vec<PathBuf>,
    launcher: PathBuf,
    argv: Vec<String>,
    cwd: PathBuf,
    env: Vec<(String, String)>,
    limits: Limits,
    uid: u32,
}

/// One file or folder that has another place, or another way to it, than on the machine.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    outside: PathBuf,
    inside: PathBuf,
    access: Access,
    is_dir: bool,
    /// Device and inode, by which it is recognised.
    identity: (u64, u64),
    /// A toolchain is left out where there is no place for it; the rest is needed.
    tool: bool,
}

/// Starts a program without a cage, as the run's user, which the description must name too. The network is
/// the machine's, whatever the description says; of the limits, those hold that the kernel keeps for each process, and the time.
///
/// # Errors
/// When we are not root, or one of the things that are withheld cannot be withheld.
pub fn spawn_off(
    spec: &CageSpec,
    argv: &[String],
    user: &RunUser,
    withheld: &[PathBuf],
) -> Result<Caged, CageError> {
    if sys::ids().0 != 0 || spec.uid != Some(user.ids()) {
        let why = "it needs root, and a user of the run's own".to_owned();
        return Err(CageError::Off(why));
    }
    let is_tool = |inside: &PathBuf| spec.toolchains.iter().any(|tool| tool.inside == *inside);
    let shown = resolve::resolve(spec)?.into_iter().map(|bind| Shown {
        tool: is_tool(&bind.inside),
        outside: bind.outside,
        inside: bind.inside,
        access: bind.access,
        is_dir: bind.is_dir,
        identity: bind.identity,
    });
    let mut env = spec.env.clone();
    env.retain(|(name, _)| name != "PATH");
    env.push(("PATH".to_owned(), spec.path.clone()));
    let real = |path: &PathBuf| path.canonicalize();
    let plan = Plan {
        shown: shown.collect(),
        withheld: withheld
            .iter()
            .map(real)
            .collect::<io::Result<_>>()
            .map_err(CageError::io("find what is withheld"))?,
        launcher: launcher::launcher()?,
        argv: argv.to_vec(),
        cwd: spec.cwd.clone(),
        env,
        limits: spec.limits,
        uid: user.uid(),
    };
    let started = start(&plan, user).map_err(CageError::io("start a program without a cage"))?;
    run::alive(started, spec, argv).map_err(|error| match error {
        // It was no layer of a cage that refused.
        CageError::Refused { reason, .. } => CageError::Off(reason),
        error @ (CageError::Spec(_)
        | CageError::NoLayer { .. }
        | CageError::Lacking { .. }
        | CageError::UnknownLayer(_)
        | CageError::Launcher { .. }
        | CageError::Program { .. }
        | CageError::Off(_)
        | CageError::Io { .. }) => error,
    })
}

fn start(plan: &Plan, user: &RunUser) -> io::Result<Started> {
    let text = serde_json::to_vec(plan).map_err(io::Error::from)?;
    let file = bwrap::memory_file(&text)?;
    let (control, theirs) = UnixStream::pair()?;
    // With the lock, the user stays the run's until the stage has seen to its end, whatever becomes of us.
    let passed = [
        file.as_raw_fd(),
        theirs.as_raw_fd(),
        user.lock().as_raw_fd(),
    ];
    let mut command = Command::new(&plan.launcher);
    command
        .arg(OFF)
        .args(passed.map(|fd| fd.to_string()))
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = process::start(command, &passed)?;
    Ok(Started {
        layer: Layer::Own,
        child,
        control,
        group: None,
    })
}
