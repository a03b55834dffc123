//! What the kernel said of a clone's files when they had just been checked out, so that a salvage reads those alone that may have
//! been changed: 50,000 files are read in seconds and looked at in a tenth of one.
//!
//! A stamp is a file's device, inode, mode, size and time of change (`ctime`), taken by us before anything of the agent runs and
//! kept beside the clone, where no cage shows it. The kernel sets that time with each change of a file's content, mode, owner,
//! names or other times, and has no call that sets it to anything but now. What has its stamp still is therefore what the base's
//! commit says; of everything else nothing is believed.
//!
//! Absences:
//! - No file has its stamp still that a process without privileges wrote to, replaced, renamed, linked or gave another mode.
//! - No change falls into the moment of a stamp: nobody gets the clone before the file system's own clock, which may count in
//!   ticks or seconds, has been seen to stand beyond the newest stamp.
//! - No stamp on a file system that is not known to keep that time itself, or that did not keep it when it was tried.
//! - No stamp that is believed after a restart of the machine, or after its clock was set back. (Who may set a clock back and
//!   forth again could make a change fall into an old moment, to the nanosecond; agents may not.)
//! - No stamp of a file that has a second name, of a submodule, or read out of a file that is not whole.

use std::collections::HashMap;
use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, FileType, Statx, StatxFlags, statx};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::git::{Oid, TreeEntry};

/// File systems that keep the time of change themselves (their `f_type` of `statfs(2)`): ext2 to ext4, btrfs, overlayfs.
///
/// Not among them: NFS, SMB, 9p and FUSE, where it is a server's word; tmpfs, which does not notice a write through a shared
/// mapping that was read first (tried on Linux 6.18); XFS, whose `XFS_IOC_SWAPEXT` changes the contents of two files of one owner
/// and leaves their times (read, not tried). That of ext4, `EXT4_IOC_MOVE_EXT`, does the same (tried): cages deny it.
const KEEP_TIMES: [u64; 3] = [0xef53, 0x9123_683e, 0x794c_7630];

/// Looks at the file system's clock, a millisecond apart, before it is taken for too coarse: ten of the longest ticks.
const TICKS_MAX: u32 = 100;
const TICK: Duration = Duration::from_millis(1);

/// A clock that was set back by less is not noticed: two clocks cannot be read at the same moment. Corrections as small are made
/// by running slower, which is no step.
const STEP_NS: i128 = 10_000_000;

/// Largest file of stamps that is read: a million of them with ordinary names.
const BYTES_MAX: u64 = 256 << 20;

const VERSION: u32 = 1;

/// Times of change, in seconds and nanoseconds.
type Time = (i64, u32);

/// Device, inode, mode, size in bytes, time of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp((u32, u32), u64, u16, u64, Time);

impl Stamp {
    fn of(found: &Statx) -> Stamp {
        Stamp(
            (found.stx_dev_major, found.stx_dev_minor),
            found.stx_ino,
            found.stx_mode,
            found.stx_size,
            changed(found),
        )
    }
}

fn changed(found: &Statx) -> Time {
    (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec)
}

/// When the machine was started, and how far its clock is from that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    boot: String,
    clock_ns: i128,
}

impl Moment {
    fn now() -> io::Result<Moment> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let ns = |clock| {
            let time = clock_gettime(clock);
            i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
        };
        Ok(Moment {
            boot: boot.trim().to_owned(),
            clock_ns: ns(ClockId::Realtime) - ns(ClockId::Boottime),
        })
    }

    /// Whether the clock has only gone forward from then to `now`.
    fn leads_to(&self, now: &Moment) -> bool {
        self.boot == now.boot && now.clock_ns >= self.clock_ns - STEP_NS
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    base: Oid,
    /// Everything of the base's commit has a stamp.
    whole: bool,
    moment: Moment,
    files: Vec<(String, Stamp)>,
}

/// The stamps of one clone.
#[derive(Debug)]
pub(super) struct Stamps {
    pub(super) base: Oid,
    whole: bool,
    files: HashMap<String, Stamp>,
}

impl Stamps {
    /// Whether the file of that path is as it was.
    pub(super) fn has(&self, path: &str, found: &Statx) -> bool {
        self.files.get(path) == Some(&Stamp::of(found))
    }

    /// Whether so many files that are as they were are the whole commit.
    pub(super) fn are_all(&self, count: usize) -> bool {
        self.whole && self.files.len() == count
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

/// What can be known of a name in a folder, of a link itself and not of what it leads to.
pub(super) fn look_at(folder: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(statx(folder, name, flags, StatxFlags::BASIC_STATS)?)
}

/// The file with a clone's stamps: beside it, and so never inside of a cage.
pub fn stamps_beside(clone: &Path) -> PathBuf {
    let mut name = clone.as_os_str().to_owned();
    name.push(".stamps");
    PathBuf::from(name)
}

/// Stamps a clone that was checked out and given to its owner just now, in which nobody has worked. Where it cannot be done a
/// salvage reads everything.
pub(super) fn take(clone: &Path, base: &Oid, entries: &[TreeEntry]) {
    let file = stamps_beside(clone);
    let taken = stamps(clone, base, entries).and_then(|stored| write(&file, &stored));
    if let Err(why) = taken {
        tracing::debug!("{} has no stamps: {why}", clone.display());
        // Those of a former clone would fit to none of its files.
        let _ = fs::remove_file(&file);
    }
}

/// The stamps of a clone, if they may be believed.
pub(super) fn of(clone: &Path) -> Option<Stamps> {
    let stored = read(&stamps_beside(clone))
        .inspect_err(|why| tracing::debug!("{} is read whole: {why}", clone.display()))
        .ok()?;
    let now = Moment::now().ok()?;
    let is_valid = stored.version == VERSION && stored.moment.leads_to(&now);
    is_valid.then(|| Stamps {
        base: stored.base,
        whole: stored.whole,
        files: stored.files.into_iter().collect(),
    })
}

fn stamps(clone: &Path, base: &Oid, entries: &[TreeEntry]) -> io::Result<Stored> {
    let kind = rustix::fs::statfs(clone)?.f_type;
    if !KEEP_TIMES
        .iter()
        .any(|known| u64::try_from(kind) == Ok(*known))
    {
        return Err(io::Error::other(
            "its file system may not keep times of change",
        ));
    }
    let moment = Moment::now()?;
    let parent = clone.parent().unwrap_or(Path::new("/"));
    let clock = tempfile::NamedTempFile::new_in(parent)?;
    let probe = tempfile::NamedTempFile::new_in(parent)?;
    let own = Stamp::of(&state(probe.as_file())?);
    let mut files = Vec::with_capacity(entries.len());
    for entry in entries {
        let found = look_at(CWD, clone.join(&entry.path))?;
        let kind = FileType::from_raw_mode(found.stx_mode.into());
        let is_plain = matches!(kind, FileType::RegularFile | FileType::Symlink);
        let stamp = Stamp::of(&found);
        if is_plain && found.stx_nlink == 1 && stamp.0 == own.0 {
            files.push((entry.path.clone(), stamp));
        }
    }
    let newest = files.iter().map(|(_, stamp)| stamp.4).max();
    settle(clock.as_file(), probe.as_file(), newest.unwrap_or_default())?;
    Ok(Stored {
        version: VERSION,
        base: base.clone(),
        whole: files.len() == entries.len(),
        moment,
        files,
    })
}

fn state(file: &File) -> io::Result<Statx> {
    let flags = StatxFlags::BASIC_STATS;
    Ok(statx(file, "", AtFlags::EMPTY_PATH, flags)?)
}

/// Waits until the file system's clock, which `clock` is changed by, stands beyond `time`. The change is one of the other times,
/// back to 1970: a file system whose time of change can be set along with them never gets there.
fn pass(clock: &File, time: Time) -> io::Result<()> {
    for _ in 0..TICKS_MAX {
        clock.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH))?;
        if changed(&state(clock)?) > time {
            return Ok(());
        }
        std::thread::sleep(TICK);
    }
    Err(io::Error::other("its clock counts too coarsely"))
}

/// Waits until the clock stands beyond `newest`, and tries in the same wait that a write through a shared mapping which was read
/// before is seen in the time of change.
fn settle(clock: &File, probe: &File, newest: Time) -> io::Result<()> {
    probe.set_len(1)?;
    let before = changed(&state(probe)?);
    write_through_memory(probe, || pass(clock, before.max(newest)))?;
    match changed(&state(probe)?) > before {
        true => Ok(()),
        false => Err(io::Error::other("it misses writes through memory")),
    }
}

/// Maps the first page of a file, reads of it, and writes to it after `between`.
#[allow(unsafe_code, reason = "the standard library has no mmap")]
fn write_through_memory(file: &File, between: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: a new mapping at an address of the kernel's choice, of a live descriptor; the file has a byte in it.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            1,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let byte = page.cast::<u8>();
    // SAFETY: the first byte of the mapping, which nobody else knows of.
    let first = unsafe { byte.read_volatile() };
    let waited = between();
    // SAFETY: as above; the mapping is given back here and nowhere else.
    let ended = unsafe {
        byte.write_volatile(first.wrapping_add(1));
        libc::munmap(page, 1)
    };
    match ended {
        0 => waited,
        _ => Err(io::Error::last_os_error()),
    }
}

/// Under its name all at once. A crash of the machine may tear it, but nothing of it is believed after one.
fn write(path: &Path, stored: &Stored) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(stored)?)?;
    file.persist(path)?;
    Ok(())
}

fn read(path: &Path) -> io::Result<Stored> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stamp_is_believed_after_a_restart_or_a_clock_set_back() {
        let then = Moment::now().expect("a moment");
        let later = |ns: i128| Moment {
            clock_ns: then.clock_ns + ns,
            ..then.clone()
        };
        assert!(then.leads_to(&then) && then.leads_to(&later(3_600_000_000_000)));
        assert!(!then.leads_to(&later(-STEP_NS - 1)));
        let restarted = Moment {
            boot: "another".to_owned(),
            ..then.clone()
        };
        assert!(!then.leads_to(&restarted));
    }

    /// Times that do not move on stand for a clock that counts in seconds.
    #[test]
    fn a_clock_that_is_not_past_the_newest_stamp_gives_none() {
        let clock = tempfile::tempfile().expect("a file");
        let now = changed(&state(&clock).expect("looked at"));
        pass(&clock, now).expect("it moves on");
        let error = pass(&clock, (now.0 + 1_000, 0)).expect_err("not within the ticks");
        assert!(error.to_string().contains("too coarsely"), "{error}");
    }

    #[test]
    fn a_torn_or_foreign_file_of_stamps_is_not_believed() {
        let dir = tempfile::tempdir().expect("a folder");
        let clone = dir.path().join("clone");
        let path = stamps_beside(&clone);
        assert_eq!(path, dir.path().join("clone.stamps"));
        let stored = |version, moment: &Moment| Stored {
            version,
            base: "ab".repeat(20).parse().expect("a name"),
            whole: true,
            moment: moment.clone(),
            files: vec![("a".to_owned(), Stamp((1, 2), 3, 4, 5, (6, 7)))],
        };
        let now = Moment::now().expect("a moment");
        write(&path, &stored(VERSION, &now)).expect("written");
        assert!(of(&clone).is_some_and(|stamps| stamps.are_all(1)));
        let bytes = fs::read(&path).expect("read");
        for end in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..end]).expect("written");
            assert!(of(&clone).is_none(), "torn at {end}");
        }
        write(&path, &stored(VERSION + 1, &now)).expect("written");
        assert!(of(&clone).is_none(), "of another version");
        let other = Moment {
            boot: String::new(),
            ..now.clone()
        };
        write(&path, &stored(VERSION, &other)).expect("written");
        assert!(of(&clone).is_none(), "of another boot");
        write(&path, &stored(VERSION, &now)).expect("written");
        fs::rename(&path, dir.path().join("elsewhere")).expect("moved");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).expect("linked");
        assert!(of(&clone).is_none(), "behind a link");
    }
}
