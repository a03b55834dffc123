//! The users that runs without a cage run as: one of their own each, which nobody else has.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::error::CageError;
use crate::sys;

/// systemd leaves 65536 to 524287 to nobody ("Users, Groups, UIDs and GIDs on systemd Systems", its table of ranges), shadow
/// gives ranges to containers from 100000 on (`login.defs(5)`, SUB_UID_MIN), and accounts end at 60000 (UID_MAX).
const FIRST: u32 = 70_000;
/// More runs at once than any machine has.
const COUNT: u32 = 1_000;

/// As many that are no run's: each is the real number of what ends the user which is so far below it.
const ENDERS: u32 = FIRST + COUNT;

/// Where the locks are. Of the machine and not of a home: two homes must not choose the same number either.
const LOCKS: &str = "/run/alai";

/// A user that is this run's alone while the value lives.
#[derive(Debug)]
pub struct RunUser {
    uid: u32,
    lock: File,
}

impl RunUser {
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// User and group, which have the same number.
    pub fn ids(&self) -> (u32, u32) {
        (self.uid, self.uid)
    }

    /// Whoever has this open has the user, too.
    pub(super) fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }
}

/// Whether a number is in the range; nothing here touches any other.
pub(super) fn is_ours(uid: u32) -> bool {
    (FIRST..FIRST + COUNT).contains(&uid)
}

/// Whom the process that ends a user is beside that user; `None` for a user of no run.
pub(super) fn ender(uid: u32) -> Option<u32> {
    is_ours(uid).then(|| ENDERS + (uid - FIRST))
}

/// Says so where an account or a container of the machine has a run's number by now, or the one that ends it.
pub(super) fn refuse_taken(uid: u32) -> Result<(), CageError> {
    let taken = Taken::look().map_err(CageError::io("see which users are taken"))?;
    match taken.has_either(uid) {
        false => Ok(()),
        true => Err(CageError::Off(format!(
            "user {uid} was a run's, and it or {} belongs to an account or a container of this machine by now, whose processes \
             are not ended; give that another number, and the next start ends what is the run's",
            uid.saturating_add(COUNT)
        ))),
    }
}

/// Takes a user that no process, account, container or other run has.
///
/// # Errors
/// When we are not root, or none is free.
pub fn take_user() -> Result<RunUser, CageError> {
    if sys::ids().0 != 0 {
        let why = "only root can give a run a user of its own, and under ours it could read the key that signs the evidence";
        return Err(CageError::Off(format!("{why}; start it as root")));
    }
    // From another place each time: what a user has left in a folder of everybody's is not the next one's.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let offset = since.subsec_micros() % COUNT;
    let taken = Taken::look().map_err(CageError::io("see which users are taken"))?;
    for number in 0..COUNT {
        let uid = FIRST + (offset + number) % COUNT;
        if taken.has_either(uid) {
            continue;
        }
        let Some(lock) = lock(uid).map_err(CageError::io("lock a run's user"))? else {
            continue;
        };
        // Looked at under the lock, since whoever had it may only just have gone.
        let alive = |uid| alive(uid).map_err(CageError::io("see who runs"));
        if alive(uid)?.is_empty() && alive(uid + COUNT)?.is_empty() {
            return Ok(RunUser { uid, lock });
        }
    }
    let last = FIRST + COUNT - 1;
    let why = format!("every user from {FIRST} to {last} is taken");
    Err(CageError::Off(why))
}

/// The lock of a user; `None` while somebody holds it.
pub(super) fn lock(uid: u32) -> io::Result<Option<File>> {
    let folder = Path::new(LOCKS);
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != 0 || found.mode() & 0o022 != 0 {
        let why = format!("{LOCKS} is not a folder that root alone can write to");
        return Err(io::Error::other(why));
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(folder.join(format!("user-{uid}")))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Numbers that belong to accounts or containers of this machine.
struct Taken {
    /// First and count.
    ranges: Vec<(u32, u32)>,
}

impl Taken {
    fn look() -> io::Result<Taken> {
        let mut ranges = Vec::new();
        for (file, count) in [
            ("passwd", None),
            ("group", None),
            ("subuid", Some(2)),
            ("subgid", Some(2)),
        ] {
            let text = match fs::read(PathBuf::from("/etc").join(file)) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            ranges.extend(text.lines().filter_map(|line| range(line, count)));
        }
        Ok(Taken { ranges })
    }

    /// A run's user, or what ends it.
    fn has_either(&self, uid: u32) -> bool {
        self.has(uid) || ender(uid).is_some_and(|ender| self.has(ender))
    }

    fn has(&self, uid: u32) -> bool {
        let within = |(first, count): &(u32, u32)| uid >= *first && uid - first < *count;
        self.ranges.iter().any(within)
    }
}

/// `NAME:PASSWORD:NUMBER:...` of passwd and group, `NAME:FIRST:COUNT` of subuid and subgid.
fn range(line: &str, count: Option<usize>) -> Option<(u32, u32)> {
    let parts: Vec<&str> = line.split(':').collect();
    let number = |at: usize| parts.get(at)?.trim().parse().ok();
    match count {
        None => Some((number(2)?, 1)),
        Some(at) => Some((number(1)?, number(at)?)),
    }
}

/// Processes of a user that have not ended: by any of its four numbers, since each is enough to be signalled or to write.
pub(super) fn alive(uid: u32) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // One that cannot be read has ended since: we are root.
        let status = fs::read(entry.path().join("status")).unwrap_or_default();
        if is_alive(&String::from_utf8_lossy(&status), uid) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Whether a process is one that a user's own signal reaches: by its real or its saved number (`kill(2)`). A service that
/// only opens files as the user has neither.
pub(super) fn is_reached(pid: u32, uid: u32) -> bool {
    let status = fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let uids = uids_of(&status);
    [0, 2].iter().any(|at| uids.get(*at) == Some(&uid))
}

/// Real, effective, saved and the file system's number.
fn uids_of(status: &str) -> Vec<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let numbers = line.unwrap_or_default().split_whitespace();
    numbers.filter_map(|number| number.parse().ok()).collect()
}

/// By `proc_pid_status(5)`. A process whose first thread has ended is called a zombie while its other threads go on.
fn is_alive(status: &str, uid: u32) -> bool {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let ended = field("State:").is_some_and(|state| state.trim().starts_with(['Z', 'X']));
    let threads = field("Threads:").and_then(|n| n.trim().parse::<u32>().ok());
    uids_of(status).contains(&uid) && !(ended && threads.is_none_or(|n| n <= 1))
}

#[cfg(test)]
mod tests {
    use super::{COUNT, FIRST, Taken, ender, is_alive, is_ours, range};

    #[test]
    fn numbers_that_others_have_are_never_taken() {
        for text in [0, 1_000, 61_184, 64_001, 65_534, 65_535, 100_000, 524_288] {
            assert!(!is_ours(text), "{text}");
        }
        assert!(is_ours(FIRST) && is_ours(FIRST + COUNT - 1));
        let taken = Taken {
            ranges: [
                ("ada:x:70007:70007::/:/bin/sh", None),
                ("ada:70100:50", Some(2)),
                ("odd", None),
                ("ada:71200:1", Some(2)),
            ]
            .iter()
            .filter_map(|(line, count)| range(line, *count))
            .collect(),
        };
        for (uid, is) in [
            (70_006, false),
            (70_007, true),
            (70_100, true),
            (70_149, true),
            (70_150, false),
        ] {
            assert_eq!(taken.has(uid), is, "{uid}");
        }
        // Nor is a user whose ender is somebody's.
        assert_eq!(ender(70_200), Some(71_200));
        assert!(taken.has_either(70_200) && !taken.has_either(70_201));
        assert_eq!((ender(69_999), ender(71_000)), (None, None));
    }

    #[test]
    fn whoever_still_runs_is_seen_whatever_it_calls_itself() {
        let status = |state: &str, uids: &str, threads: u32| {
            format!("Name:\tUid: 1\nState:\t{state}\nUid:\t{uids}\nThreads:\t{threads}\n")
        };
        let here = "70001\t70001\t70001\t70001";
        for (text, is) in [
            (status("S (sleeping)", here, 1), true),
            (status("S (sleeping)", "0\t0\t70001\t0", 1), true),
            (status("S (sleeping)", "0\t0\t0\t0", 1), false),
            (status("Z (zombie)", here, 1), false),
            // Its first thread has ended, another has not.
            (status("Z (zombie)", here, 2), true),
            (String::new(), false),
        ] {
            assert_eq!(is_alive(&text, 70_001), is, "{text}");
        }
    }
}
