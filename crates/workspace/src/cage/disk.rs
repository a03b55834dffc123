//! Counts what a cage writes to the folders that it was given. No quota of the kernel can be had without owning the file
//! system, so pid 1 looks, like at memory.
//!
//! Asking a file system how much of it is used costs nothing, but everybody's writes are in it; walking a folder tells what
//! is whose, but takes a moment. So the first tells when the second is due. The walk counts what carries a time from after
//! the start of the cage: the kernel stamps every file that is made or changed (`st_ctime`), and no program can stamp it back.

use std::collections::HashSet;
use std::fs::{self, Metadata, ReadDir};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alai_core::record::Limit;

use super::held::{BLOCK_BYTES, Held, Seen, Survey};
use super::spec::Limits;
use crate::sys::{self, Used};

/// How long one look may walk; after that memory and the owner are looked at again.
const SLICE: Duration = Duration::from_millis(50);

/// The pause between two slices of a walk: while it is not known whether the cage is over its limit, it is hurried.
pub(super) const WALK_PAUSE: Duration = Duration::from_millis(10);

/// A walk is due after this in any case: what others delete hides what a cage writes, and some file systems count no files.
/// Between the two it is due after [`WALK_SHARE`] times what the last one took: a hundredth of one processor.
const WALK_EVERY_MIN: Duration = Duration::from_secs(5);
const WALK_EVERY_MAX: Duration = Duration::from_secs(60);
const WALK_SHARE: u32 = 100;

/// How far the clock may go its own way before times of files are not believed any more.
const CLOCK_SLACK_NS: i128 = 2_000_000_000;

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Within,
    /// Not known yet: a walk is on its way.
    Walking,
    Over(Limit),
}

/// The writable folders of one cage.
pub(super) struct Disk {
    folders: Vec<PathBuf>,
    /// One path of each file system that they lie on, its device, and what was used of it: at the start, and at the last look.
    systems: Vec<System>,
    max: Used,
    started: Instant,
    started_ns: i128,
    /// What the last walk found.
    known: Used,
    /// What the file systems have gained since that walk began.
    gained: Used,
    /// When it ended, and how long it took.
    walked: (Instant, Duration),
    walk: Option<Walk>,
    /// A walk that has ended, and the search for what no folder shows.
    search: Option<(Walk, Survey)>,
}

struct System {
    path: PathBuf,
    device: u64,
    before: Used,
    last: Used,
}

impl Disk {
    /// Begins to count. Nothing of the cage runs yet.
    ///
    /// # Errors
    /// When a folder cannot be asked about.
    pub(super) fn new(folders: Vec<PathBuf>, limits: &Limits) -> io::Result<Disk> {
        let mut systems: Vec<System> = Vec::new();
        for path in &folders {
            let device = fs::metadata(path)?.dev();
            if systems.iter().all(|system| system.device != device) {
                let used = sys::file_system_used(path)?;
                systems.push(System {
                    path: path.clone(),
                    device,
                    before: used,
                    last: used,
                });
            }
        }
        Ok(Disk {
            folders,
            systems,
            max: Used {
                bytes: limits.disk_bytes_max,
                files: limits.disk_files_max,
            },
            started: Instant::now(),
            started_ns: sys::file_time_now()?,
            known: Used::default(),
            gained: Used::default(),
            walked: (Instant::now(), Duration::ZERO),
            walk: None,
            search: None,
        })
    }

    /// Looks once, for [`SLICE`] at most.
    ///
    /// # Errors
    /// When the file systems or `/proc` cannot be asked.
    pub(super) fn look(&mut self) -> io::Result<Look> {
        for system in &mut self.systems {
            let used = sys::file_system_used(&system.path)?;
            self.gained = plus(self.gained, minus(used, system.last));
            system.last = used;
        }
        if self.walk.is_none() && self.search.is_none() && self.walk_is_due() {
            self.gained = Used::default();
            self.walk = Some(Walk::new(&self.folders, self.started_ns, self.max));
        }
        if let Some(mut walk) = self.walk.take() {
            if !walk.go_on(Instant::now() + SLICE) {
                self.walk = Some(walk);
                return Ok(Look::Walking);
            }
            if let Some(limit) = over(walk.found, self.max) {
                return Ok(Look::Over(limit));
            }
            self.search = Some((walk, Survey::of_files(self.folders.clone())?));
        }
        let Some((walk, mut survey)) = self.search.take() else {
            return Ok(Look::Within);
        };
        match survey.go_on(Instant::now() + SLICE) {
            Seen::TooMuch => return Ok(Look::Over(Limit::Uncounted)),
            Seen::Part => {
                self.search = Some((walk, survey));
                return Ok(Look::Walking);
            }
            Seen::All => {}
        }
        let began = walk.began;
        self.known = self.all(&walk, survey.found())?;
        self.walked = (Instant::now(), began.elapsed());
        Ok(match over(self.known, self.max) {
            Some(limit) => Look::Over(limit),
            None => Look::Within,
        })
    }

    /// Only what grew can be too much; and now and then, whatever grew.
    fn walk_is_due(&self) -> bool {
        let (ended, took) = self.walked;
        let every = took.saturating_mul(WALK_SHARE);
        over(plus(self.known, self.gained), self.max).is_some()
            || ended.elapsed() >= every.clamp(WALK_EVERY_MIN, WALK_EVERY_MAX)
    }

    /// What a walk found and what has no name. Where a part was hidden from us, and a file system runs short, everything that
    /// it gained is taken to be there. While there is room enough the others, whose writes are in that number, have the
    /// benefit of the doubt: tests of permissions make folders that nobody may enter.
    fn all(&self, walk: &Walk, held: &Held) -> io::Result<Used> {
        let mut all = walk.found;
        let is_here = |device: u64| self.systems.iter().any(|system| system.device == device);
        for ((device, _), nameless) in &held.open {
            if is_here(*device) {
                let one = Used {
                    bytes: nameless.bytes,
                    files: 1,
                };
                all = plus(all, one);
            }
        }
        if walk.unseen || held.unseen || held.mapped_deleted || self.clock_was_set()? {
            for system in &self.systems {
                let growth = minus(system.last, system.before);
                if sys::file_system_is_short(&system.path)? {
                    all.bytes = all.bytes.max(growth.bytes);
                    all.files = all.files.max(growth.files);
                }
            }
        }
        Ok(all)
    }

    fn clock_was_set(&self) -> io::Result<bool> {
        let passed = i128::try_from(self.started.elapsed().as_nanos()).unwrap_or(i128::MAX);
        let expected = self.started_ns.saturating_add(passed);
        Ok(sys::file_time_now()? + CLOCK_SLACK_NS < expected)
    }
}

fn plus(a: Used, b: Used) -> Used {
    Used {
        bytes: a.bytes.saturating_add(b.bytes),
        files: a.files.saturating_add(b.files),
    }
}

fn minus(a: Used, b: Used) -> Used {
    Used {
        bytes: a.bytes.saturating_sub(b.bytes),
        files: a.files.saturating_sub(b.files),
    }
}

fn over(used: Used, max: Used) -> Option<Limit> {
    if used.bytes > max.bytes {
        return Some(Limit::Disk);
    }
    (used.files > max.files).then_some(Limit::Files)
}

/// A walk through the writable folders, which can be interrupted. It follows no link, and a program that moves folders under
/// its feet makes it count wrongly, not read elsewhere: it is as caged as the program.
struct Walk {
    began: Instant,
    folders: Vec<PathBuf>,
    open: Option<ReadDir>,
    since_ns: i128,
    max: Used,
    found: Used,
    /// Files with several names, each counted once.
    twins: HashSet<(u64, u64)>,
    /// A folder could not be read: its mode forbids it, or its path is too long.
    unseen: bool,
}

impl Walk {
    fn new(folders: &[PathBuf], since_ns: i128, max: Used) -> Walk {
        let mut walk = Walk {
            began: Instant::now(),
            folders: Vec::new(),
            open: None,
            since_ns,
            max,
            found: Used::default(),
            twins: HashSet::new(),
            unseen: false,
        };
        for path in folders {
            walk.meet(path, fs::symlink_metadata(path));
        }
        walk
    }

    /// True when everything was seen, or enough to know that it is too much.
    fn go_on(&mut self, until: Instant) -> bool {
        while Instant::now() < until {
            if over(self.found, self.max).is_some() {
                return true;
            }
            match self.open.as_mut().map(Iterator::next) {
                Some(Some(Ok(entry))) => self.meet(&entry.path(), entry.metadata()),
                Some(Some(Err(_))) => self.unseen = true,
                Some(None) => self.open = None,
                None => match self.folders.pop() {
                    None => return true,
                    Some(folder) => self.enter(&folder),
                },
            }
        }
        false
    }

    fn enter(&mut self, folder: &Path) {
        match fs::read_dir(folder) {
            Ok(entries) => self.open = Some(entries),
            Err(error) => self.miss(&error),
        }
    }

    fn meet(&mut self, path: &Path, what: io::Result<Metadata>) {
        let what = match what {
            Ok(what) => what,
            Err(error) => return self.miss(&error),
        };
        if what.is_dir() {
            self.folders.push(path.to_owned());
        }
        let changed_ns = i128::from(what.ctime()) * 1_000_000_000 + i128::from(what.ctime_nsec());
        // A file of somebody else's that nobody may write to is not the cage's work, though a new name elsewhere stamps it.
        let is_lent = what.uid() != sys::ids().0 && what.mode() & 0o222 == 0;
        let is_new = changed_ns >= self.since_ns && !is_lent;
        let has_twins = !what.is_dir() && what.nlink() > 1;
        if is_new && (!has_twins || self.twins.insert((what.dev(), what.ino()))) {
            let one = Used {
                bytes: what.blocks().saturating_mul(BLOCK_BYTES),
                files: 1,
            };
            self.found = plus(self.found, one);
        }
    }

    /// What was deleted meanwhile is not there any more; everything else is hidden.
    fn miss(&mut self, error: &io::Error) {
        self.unseen |= error.kind() != io::ErrorKind::NotFound;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    use super::{Used, Walk};

    const NO_LIMIT: Used = Used {
        bytes: u64::MAX,
        files: u64::MAX,
    };

    fn walked(folder: &Path, since_ns: i128, max: Used) -> Walk {
        let mut walk = Walk::new(&[folder.to_owned()], since_ns, max);
        // A slice that is over at once makes no progress, and any other does.
        assert!(!walk.go_on(Instant::now()));
        while !walk.go_on(Instant::now() + Duration::from_millis(1)) {}
        walk
    }

    fn changed_ns(path: PathBuf) -> i128 {
        let what = fs::symlink_metadata(path).unwrap();
        i128::from(what.ctime()) * 1_000_000_000 + i128::from(what.ctime_nsec())
    }

    #[test]
    fn what_was_there_before_is_not_counted_and_a_twin_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("before"), vec![1; 1 << 20]).unwrap();
        let before = changed_ns(at("before"));
        // The kernel's clock for files goes in steps; wait for the next one.
        let deadline = Instant::now() + Duration::from_secs(60);
        while crate::sys::file_time_now().unwrap() <= before {
            assert!(Instant::now() < deadline, "the clock stands still");
        }
        let since = before + 1;
        fs::create_dir_all(at("deep/er")).unwrap();
        fs::write(at("deep/er/new"), vec![1; 1 << 16]).unwrap();
        fs::hard_link(at("deep/er/new"), at("deep/twin")).unwrap();
        std::os::unix::fs::symlink("/", at("root")).unwrap();
        let found = walked(dir.path(), since, NO_LIMIT).found;
        // The folder itself has changed, too: two folders, one file and one link are in it.
        assert_eq!(found.files, 5);
        assert!((1 << 16..1 << 20).contains(&found.bytes), "{found:?}");
        let all = walked(dir.path(), 0, NO_LIMIT).found;
        assert_eq!(all.files, 6);
        assert!(all.bytes >= (1 << 20) + (1 << 16), "{all:?}");
    }

    #[test]
    fn a_walk_stops_as_soon_as_it_knows_and_says_what_it_could_not_see() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..100 {
            fs::write(dir.path().join(number.to_string()), "").unwrap();
        }
        let few = Used {
            files: 10,
            ..NO_LIMIT
        };
        let walk = walked(dir.path(), 0, few);
        assert_eq!((walk.found.files, walk.unseen), (11, false));
        let mut walk = Walk::new(&[dir.path().to_owned()], 0, NO_LIMIT);
        walk.folders.push(dir.path().join("x".repeat(300)));
        while !walk.go_on(Instant::now() + Duration::from_millis(1)) {}
        assert!(walk.unseen, "a name that no path can hold hides something");
        walk.unseen = false;
        walk.folders.push(dir.path().join("gone"));
        while !walk.go_on(Instant::now() + Duration::from_millis(1)) {}
        assert!(!walk.unseen, "what is gone hides nothing");
    }
}
