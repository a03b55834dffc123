//! The end of everything that a run's user has started, and of what it left for the next one.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use super::super::error::CageError;
use super::super::launcher::{self, END};
use super::user::{self, RunUser};
use crate::sys::{self, Ended, Ipc};
use crate::{command, files};

/// A process that is killed ends at once, unless the kernel waits for a disk for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// What ends the others makes a few calls. One that needs longer was made slow by them, and another has its turn.
const ENDER_PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks; the kernel needs less to take a few processes apart.
const PAUSE: Duration = Duration::from_millis(2);
/// Between two looks at a lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// The same with the start of a program, and with the removal of what it left.
const STAGE_PATIENCE: Duration = Duration::from_secs(120);

/// Folders in which everybody may leave something.
const SHARED: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Ends every process of a run's user, wherever it hides, and removes what the user left in the kernel (System V IPC) and at the
/// top of the folders that everybody writes to. Answers with what could not be removed, in words.
///
/// While somebody else has the user, there is nothing to do as long as nothing of it lives. For the run that has it, there is
/// [`RunUser::end`].
///
/// # Errors
/// With the processes that do not end: what they may still write cannot be trusted. Whose they are is not known where somebody
/// else has the user, the stage of this very run perhaps. And when an account of the machine has the number by now.
pub fn end_user(uid: u32) -> Result<Vec<String>, CageError> {
    if !user::is_ours(uid) {
        return Err(CageError::Off(format!("user {uid} is no run's")));
    }
    // Whoever sees to the end of a run whose owner was killed holds it until then.
    let deadline = Instant::now() + PATIENCE + PATIENCE;
    loop {
        let held = user::lock(uid).map_err(CageError::io("lock a run's user"))?;
        if let Some(_lock) = held {
            return ended(uid);
        }
        if Instant::now() >= deadline {
            let alive = user::alive(uid).map_err(CageError::io("see who runs"))?;
            return match alive.is_empty() {
                true => Ok(Vec::new()),
                false => Err(CageError::Off(format!(
                    "user {uid} has not ended: another process holds it, and these run as it: {alive:?}"
                ))),
            };
        }
        thread::sleep(LOCK_PAUSE);
    }
}

impl RunUser {
    /// As [`end_user`], while nobody else can take the user.
    ///
    /// # Errors
    /// As [`end_user`].
    pub fn end(&self) -> Result<Vec<String>, CageError> {
        ended(self.uid())
    }
}

fn ended(uid: u32) -> Result<Vec<String>, CageError> {
    user::refuse_taken(uid)?;
    let launcher = launcher::launcher()?;
    let uid = uid.to_string();
    let argv = [launcher.as_os_str(), END.as_ref(), uid.as_ref()];
    let nothing: [(&str, &str); 0] = [];
    let ended = command::host(&argv, "/".as_ref(), &nothing, b"", STAGE_PATIENCE)
        .map_err(|error| CageError::Off(error.to_string()))?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    match ended.success() {
        true => Ok(said.lines().map(str::to_owned).collect()),
        false => Err(CageError::Off(format!("{} ({})", said.trim(), ended.exit))),
    }
}

/// The launcher's stage behind [`end_user`].
pub(in super::super) fn stage(args: &[OsString]) -> ExitCode {
    let uid = args.first().and_then(|arg| arg.to_str()?.parse().ok());
    let Some(uid) = uid else {
        return ExitCode::FAILURE;
    };
    // What is told goes to the owner's pipe; where that is gone there is nobody to tell.
    let tell = |line: &str| {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "{line}");
    };
    match everything(uid) {
        Err(why) => {
            tell(&why);
            ExitCode::FAILURE
        }
        Ok(()) => {
            left(uid).iter().for_each(|line| tell(line));
            ExitCode::SUCCESS
        }
    }
}

/// Ends them all. For a root process with one thread.
///
/// One call reaches all of them at once, which is more than forks outrun; beside it each is stopped and killed by its number, in
/// case they hold up the process that makes the call. Both again and again, until nobody is left.
pub(super) fn everything(uid: u32) -> Result<(), String> {
    let own = user::ender(uid).filter(|_| sys::ids().0 == 0);
    let own = own.ok_or_else(|| format!("user {uid} is no run's"))?;
    let deadline = Instant::now() + PATIENCE;
    let look = |uid| user::alive(uid).map_err(|error| format!("cannot see who runs: {error}"));
    loop {
        let others = look(own)?;
        let sent = match others.is_empty() {
            true => all_at_once(uid, own),
            false => Err(format!("processes of user {own} are not ours: {others:?}")),
        };
        let alive = look(uid)?;
        if alive.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let why = sent.err().map(|why| format!("; {why}")).unwrap_or_default();
            return Err(format!(
                "processes of user {uid} do not end: {alive:?}{why}"
            ));
        }
        // What is stopped keeps its place among the user's processes: where those are as many as it may have, none forks.
        for signal in [libc::SIGSTOP, libc::SIGKILL] {
            for pid in look(uid)? {
                one(pid, uid, signal);
            }
        }
        thread::sleep(PAUSE);
    }
}

/// By a process of its own, which has the right to signal them and nobody else.
fn all_at_once(uid: u32, own: u32) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("what ends user {uid}: {error}");
    let Some(child) = sys::fork().map_err(fail)? else {
        let switched = sys::drop_capability_sets()
            .and_then(|()| sys::become_ender(uid, own))
            .and_then(|()| sys::drop_capabilities());
        let done = switched.and_then(|()| sys::kill_all_of(uid, own));
        sys::exit_now(i32::from(done.is_err()));
    };
    let child = u32::try_from(child).unwrap_or_default();
    let wait = || sys::ended_by(child, Instant::now() + ENDER_PATIENCE).map_err(fail);
    let mut ended = wait()?;
    if ended.is_none() {
        // Ours until it is waited for, so that the number is nobody else's.
        sys::kill(child).map_err(fail)?;
        ended = wait()?;
    }
    match ended {
        Some(Ended::Code(0)) => Ok(()),
        how => Err(format!("what ends user {uid} did not: {how:?}")),
    }
}

/// Signals one of them, if it still is one. What goes wrong is seen by who is alive afterwards.
fn one(pid: u32, uid: u32, signal: i32) {
    // In this order: the descriptor stays with the process that was looked at, or with one that is gone.
    if let Ok(process) = sys::pidfd(pid)
        && user::is_reached(pid, uid)
    {
        let _ = sys::send(process.as_fd(), signal);
    }
}

/// Removes what is the user's where everybody writes. What deeper folders of others hold is not looked for.
fn left(uid: u32) -> Vec<String> {
    let mut failed = Vec::new();
    for (name, kind) in [
        ("shm", Ipc::Shared),
        ("msg", Ipc::Messages),
        ("sem", Ipc::Semaphores),
    ] {
        let table = fs::read_to_string(Path::new("/proc/sysvipc").join(name)).unwrap_or_default();
        for id in ids_of(&table, uid) {
            if let Err(error) = sys::remove_ipc(kind, id) {
                failed.push(format!("{name} {id} of user {uid} is left: {error}"));
            }
        }
    }
    for folder in SHARED {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_theirs = fs::symlink_metadata(&path).is_ok_and(|found| found.uid() == uid);
            if is_theirs && let Err(error) = removed(&path) {
                failed.push(format!("{} of user {uid} is left: {error}", path.display()));
            }
        }
    }
    failed
}

/// Taken over first, so that nobody who may write in a folder swaps anything in it meanwhile.
fn removed(path: &Path) -> Result<(), String> {
    let found = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if found.is_dir() {
        lchown(path, Some(0), Some(0)).map_err(|error| error.to_string())?;
        fs::set_permissions(path, Permissions::from_mode(0o700))
            .map_err(|error| error.to_string())?;
    }
    files::remove(path).map_err(|error| error.to_string())
}

/// The objects of a table of `/proc/sysvipc` that belong to a user, or were made by it. The first line names the columns.
fn ids_of(table: &str, uid: u32) -> Vec<i32> {
    let mut lines = table.lines();
    let head: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let column = |name: &str| head.iter().position(|at| *at == name);
    let (Some(owner), Some(maker)) = (column("uid"), column("cuid")) else {
        return Vec::new();
    };
    let theirs = |line: &str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let is = |at: usize| cells.get(at)?.parse::<u32>().ok();
        // The second column is the object's own number in all three.
        let id = cells.get(1)?.parse().ok()?;
        (is(owner) == Some(uid) || is(maker) == Some(uid)).then_some(id)
    };
    lines.filter_map(theirs).collect()
}

#[cfg(test)]
mod tests {
    use super::{everything, ids_of};

    #[test]
    fn objects_are_found_by_the_names_of_the_columns() {
        let table = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid\n\
                     0          3  1600                  4096 1 1 0 70001 70001 70001 70001\n\
                     0          4  1600                  4096 1 1 0 0 0 70001 70001\n\
                     0          5  1600                  4096 1 1 0 0 0 0 0\n";
        assert_eq!(ids_of(table, 70_001), [3, 4]);
        assert_eq!(ids_of("", 70_001), [0; 0]);
    }

    #[test]
    fn nobody_else_s_processes_are_ended() {
        for uid in [0, 1_000, 64_001, 69_999, 71_000] {
            let refused = everything(uid).expect_err("refused");
            assert!(refused.contains("is no run's"), "{refused}");
        }
    }
}
