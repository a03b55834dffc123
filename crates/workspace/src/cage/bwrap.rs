//! The layer that asks `bwrap` for the namespaces and the root.

use std::fs;
use std::io::{self, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::error::CageError;
use super::orphans;
use super::plan::{HOSTNAME, LAUNCHER_INSIDE, Plan, Step};
use super::spec::{Access, Layer};
use crate::command::{self, HostError};
use crate::{sys, versions};

/// Earlier versions know neither `--perms` nor `--size` (bubblewrap's NEWS: 0.5 and 0.7).
const VERSION_MIN: (u32, u32) = (0, 7);

/// Where distributions put it. `PATH` is not searched: a folder of a user on root's path must not choose the jailer.
const PLACES: [&str; 3] = ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"];

/// Names another executable.
const OVERRIDE: &str = "ALAI_BWRAP";

/// The executable and its version.
///
/// # Errors
/// When it is not installed, does not answer, or is too old.
pub(super) fn find() -> Result<(PathBuf, String), CageError> {
    static FOUND: OnceLock<(PathBuf, String)> = OnceLock::new();
    match FOUND.get() {
        Some(found) => Ok(found.clone()),
        None => look().map(|found| FOUND.get_or_init(|| found).clone()),
    }
}

/// The executable, whatever its version is.
pub(super) fn executable() -> Option<PathBuf> {
    match std::env::var_os(OVERRIDE).map(PathBuf::from) {
        Some(path) => Some(path).filter(|path| path.is_file()),
        None => PLACES.iter().map(PathBuf::from).find(|path| path.is_file()),
    }
}

fn look() -> Result<(PathBuf, String), CageError> {
    let refused = |reason: String| CageError::refused(Layer::Bwrap, &reason);
    let Some(path) = executable() else {
        return Err(refused("bwrap is not installed".to_owned()));
    };
    let nothing: [(&str, &str); 0] = [];
    let argv = [path.as_os_str(), "--version".as_ref()];
    let text = versions::version(&path, || {
        let patience = Duration::from_secs(10);
        let output = command::host(&argv, "/".as_ref(), &nothing, b"", patience)?;
        Ok::<_, HostError>(String::from_utf8_lossy(&output.stdout).into_owned())
    });
    let text = text.map_err(|error| refused(error.to_string()))?;
    match version(&text) {
        Some((major, minor)) if (major, minor) >= VERSION_MIN => Ok((
            path,
            text.trim()
                .rsplit(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
        )),
        Some(_) | None => Err(refused(format!(
            "{path:?} says {:?}, and version {}.{} or later is needed",
            text.trim(),
            VERSION_MIN.0,
            VERSION_MIN.1
        ))),
    }
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().rsplit(' ').next()?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The command that carries out the plan's steps and then runs the launcher's inner stage as pid 1, and the texts of
/// [`Step::File`], whose descriptors it must be given.
pub(super) fn command(
    bwrap: &Path,
    plan: &Plan,
    inner: &[String],
) -> io::Result<(Command, Vec<fs::File>)> {
    let mut command = Command::new(bwrap);
    let mut texts = Vec::new();
    // Root keeps its capabilities without a user namespace, and the inner stage needs them to become the agent.
    if plan.uid.is_none() {
        command.arg("--unshare-user");
    }
    command.args([
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
    ]);
    command.args(["--unshare-cgroup-try", "--hostname", HOSTNAME]);
    command.args([
        "--die-with-parent",
        "--new-session",
        "--as-pid-1",
        "--clearenv",
        // For `orphans`; the program's own environment is made anew by the inner stage.
        "--setenv",
        orphans::OWNER,
        &orphans::own_name(),
    ]);
    for step in &plan.steps {
        if let Step::File { path, text } = step {
            let file = memory_file(text.as_bytes())?;
            command
                .args(["--perms", "0644", "--file"])
                .arg(file.as_raw_fd().to_string())
                .arg(path);
            texts.push(file);
        } else {
            arguments(&mut command, step);
        }
    }
    command
        .args(["--remount-ro", "/", "--chdir", "/", "--", LAUNCHER_INSIDE])
        .args(inner);
    Ok((command, texts))
}

fn arguments(command: &mut Command, step: &Step) {
    match step {
        Step::Dir { path } => command.args(["--perms", "0755", "--dir"]).arg(path),
        Step::Symlink { path, target } => command.arg("--symlink").arg(target).arg(path),
        Step::Bind {
            outside,
            inside,
            access: Access::ReadOnly,
            ..
        } => command.arg("--ro-bind").arg(outside).arg(inside),
        Step::Bind {
            outside,
            inside,
            access: Access::ReadWrite,
            ..
        } => command.arg("--bind").arg(outside).arg(inside),
        Step::Tmpfs { path, bytes } => command
            .args(["--perms", "1777", "--size"])
            .arg(bytes.to_string())
            .arg("--tmpfs")
            .arg(path),
        Step::Proc => command.args(["--proc", "/proc"]),
        Step::Dev => command.args(["--dev", "/dev"]),
        Step::File { .. } => command,
    };
}

/// A text in a file that only our children can see.
pub(super) fn memory_file(text: &[u8]) -> io::Result<fs::File> {
    let file = sys::memory_file()?;
    filled(&file, text)?;
    Ok(file)
}

/// Writes a text into such a file, to be read from its beginning.
pub(super) fn filled(mut file: &fs::File, text: &[u8]) -> io::Result<()> {
    file.write_all(text)?;
    file.rewind()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn reads_the_version_line() {
        assert_eq!(version("bubblewrap 0.8.0\n"), Some((0, 8)));
        assert_eq!(version("bubblewrap 0.11"), Some((0, 11)));
        assert_eq!(version("built from source"), None);
    }
}
