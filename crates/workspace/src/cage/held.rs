//! What the programs of a cage hold that has no name: deleted files that are still open or mapped, and shared memory. No walk
//! of a folder finds the first and no process's own count holds the second, but both are used up.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, ReadDir};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How the kernel names memory files, and memory that a process shares with its children.
const MEMORY_FILE: &str = "/memfd:";
const SHARED_MEMORY: &str = "/dev/zero (deleted)";

/// How it marks a file that has no name any more (`proc(5)`).
const DELETED: &str = " (deleted)";

/// A block of `stat(2)` is 512 bytes on every file system.
pub(super) const BLOCK_BYTES: u64 = 512;

/// Longest that one look may take over all its slices. Some thousand processes of a build or of browsers under test take a
/// tenth of it on a busy machine; a cage that holds so much that more is needed cannot be watched, and is ended.
pub(super) const SURVEY_MAX: Duration = Duration::from_secs(5);

/// Descriptors or lines between two looks at the clock, about a tenth of a millisecond.
const STEPS: usize = 32;

/// No path is longer than 4,096 bytes; each may be written as four (`proc(5)`: octal), and 100 stand before it.
const LINE_BYTES_MAX: u64 = 4 * 4_096 + 100;

/// One open file that no folder shows.
pub(super) struct Nameless {
    pub(super) bytes: u64,
}

/// What all processes but pid 1 hold.
#[derive(Default)]
pub(super) struct Held {
    /// By device and inode, so that a file that many hold counts once.
    pub(super) open: HashMap<(u64, u64), Nameless>,
    /// Bytes of the memory files in `open`.
    pub(super) open_memory: u64,
    /// Bytes of shared memory that are mapped, without the files of `open`.
    pub(super) mapped_memory: u64,
    /// A deleted file that is mapped lies in a folder that is asked about; how large it is cannot be seen.
    pub(super) mapped_deleted: bool,
    /// A process does not let itself be looked at, so more may be held.
    pub(super) unseen: bool,
    /// Inodes of the memory files in `open`, by which a mapping is told from one whose file was closed.
    memory_files: HashSet<u64>,
}

/// How far a look has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    All,
    Part,
    /// It takes longer than [`SURVEY_MAX`]: nobody knows what is held.
    TooMuch,
}

/// A look at every process, in slices: thousands of processes, each with thousands of descriptors and mappings, would blind
/// the one who watches for as long as one look takes (measured: twenty processes of 16,384 descriptors take a debug build five
/// seconds). A process that ends meanwhile holds nothing; one that begins is seen by the next look.
pub(super) struct Survey {
    began: Instant,
    /// Folders that a deleted file is of interest in; without any, memory is counted.
    below: Vec<PathBuf>,
    /// Processes whose descriptors, and then those whose mappings are still to be seen.
    to_open: Vec<PathBuf>,
    to_map: Vec<PathBuf>,
    open: Option<ReadDir>,
    maps: Option<Maps>,
    found: Held,
}

/// The mappings of one process, read line by line: there may be 65,530 of them.
struct Maps {
    lines: BufReader<File>,
    process: PathBuf,
    /// The pages of the mapping at hand are nameless shared memory.
    counts: bool,
}

impl Survey {
    /// Begins a look that counts memory.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(super) fn of_memory() -> io::Result<Survey> {
        Survey::of_files(Vec::new())
    }

    /// Begins a look for files, of which those that are only mapped count below these folders.
    ///
    /// # Errors
    /// As above.
    pub(super) fn of_files(below: Vec<PathBuf>) -> io::Result<Survey> {
        let processes = processes()?;
        Ok(Survey {
            began: Instant::now(),
            below,
            to_open: processes.clone(),
            to_map: processes,
            open: None,
            maps: None,
            found: Held::default(),
        })
    }

    /// Goes on until that moment.
    pub(super) fn go_on(&mut self, until: Instant) -> Seen {
        loop {
            // At least one step: a look that never moves would be too much for nothing.
            for _ in 0..STEPS {
                if self.step() {
                    return Seen::All;
                }
            }
            if self.began.elapsed() >= SURVEY_MAX {
                return Seen::TooMuch;
            }
            if Instant::now() >= until {
                return Seen::Part;
            }
        }
    }

    /// What was found so far.
    pub(super) fn found(&self) -> &Held {
        &self.found
    }

    /// One descriptor, one line, or the next process. True when there is nothing more.
    fn step(&mut self) -> bool {
        if let Some(entries) = &mut self.open {
            match entries.next() {
                Some(Ok(entry)) => self.found.open_file(&entry.path()),
                Some(Err(_)) => {}
                None => self.open = None,
            }
            return false;
        }
        if let Some(process) = self.to_open.pop() {
            match fs::read_dir(process.join("fd")) {
                Ok(entries) => self.open = Some(entries),
                Err(error) => self.found.unseen |= hides(&process, &error),
            }
            return false;
        }
        if let Some(maps) = &mut self.maps {
            match maps.line() {
                Ok(Some(line)) => self.found.mapped(&line, &mut maps.counts, &self.below),
                Ok(None) => self.maps = None,
                Err(error) => {
                    self.found.unseen |= hides(&maps.process, &error);
                    self.maps = None;
                }
            }
            return false;
        }
        let Some(process) = self.to_map.pop() else {
            return true;
        };
        // Only memory needs the sizes, for which the kernel walks every page.
        let name = if self.below.is_empty() {
            "smaps"
        } else {
            "maps"
        };
        match File::open(process.join(name)) {
            Ok(file) => {
                self.maps = Some(Maps {
                    lines: BufReader::new(file),
                    process,
                    counts: false,
                });
            }
            Err(error) => self.found.unseen |= hides(&process, &error),
        }
        false
    }
}

impl Maps {
    /// The next line. A name in it is cut where no path of the kernel goes on.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        let read = (&mut self.lines)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut bytes)?;
        Ok((read > 0).then(|| String::from_utf8_lossy(&bytes).trim_end().to_owned()))
    }
}

/// The folders in `/proc` of all processes but pid 1, which is ours.
pub(super) fn processes() -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse::<u32>().ok());
        if number.is_some_and(|number| number != 1) {
            found.push(Path::new("/proc").join(name));
        }
    }
    Ok(found)
}

/// What the kernel tells of a process. Names in it are the process's own choice, and need be no UTF-8.
///
/// # Errors
/// When it cannot be read.
pub(super) fn text_of(path: &Path) -> io::Result<String> {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// True for a living process that may not be looked at. One that is dead and not yet waited for looks the same at first.
fn hides(process: &Path, error: &io::Error) -> bool {
    let status = text_of(&process.join("status")).unwrap_or_default();
    error.kind() == io::ErrorKind::PermissionDenied
        && !status.is_empty()
        && !status.contains("\nState:\tZ")
}

impl Held {
    fn open_file(&mut self, path: &Path) {
        let Ok(what) = fs::metadata(path) else {
            return;
        };
        if what.nlink() > 0 || !what.is_file() {
            return;
        }
        let Entry::Vacant(place) = self.open.entry((what.dev(), what.ino())) else {
            return;
        };
        let name = fs::read_link(path).unwrap_or_default();
        let name = name.as_os_str().as_encoded_bytes();
        let nameless = Nameless {
            bytes: what.blocks().saturating_mul(BLOCK_BYTES),
        };
        if name.starts_with(MEMORY_FILE.as_bytes()) {
            self.open_memory = self.open_memory.saturating_add(nameless.bytes);
            self.memory_files.insert(what.ino());
        }
        place.insert(nameless);
    }

    /// Adds one line of what a process has mapped. A mapping begins with `FROM-TO MODE OFFSET DEVICE INODE NAME`; below it are
    /// lines of facts, of which `Pss` shares each page out over those who map it.
    fn mapped(&mut self, line: &str, counts: &mut bool, below: &[PathBuf]) {
        if let Some(kib) = line.strip_prefix("Pss:") {
            let kib = kib.trim().strip_suffix(" kB").map(str::trim);
            let kib: u64 = kib.and_then(|kib| kib.parse().ok()).unwrap_or(0);
            if *counts {
                self.mapped_memory = self.mapped_memory.saturating_add(kib.saturating_mul(1024));
            }
        } else if let Some((inode, name)) = mapping(line) {
            let is_file = name.starts_with(MEMORY_FILE);
            *counts = name == SHARED_MEMORY || (is_file && !self.memory_files.contains(&inode));
            if let (false, false, Some(path)) = (*counts, is_file, name.strip_suffix(DELETED)) {
                self.mapped_deleted |= below
                    .iter()
                    .any(|folder| Path::new(path).starts_with(folder));
            }
        }
    }
}

/// Inode and name of a mapping, when the line begins one that has a name.
fn mapping(line: &str) -> Option<(u64, &str)> {
    let (range, _) = line.split_once(' ')?;
    range.split_once('-')?;
    let name = &line[line.find('/')?..];
    Some((line.split_whitespace().nth(4)?.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use super::{Held, SURVEY_MAX, Seen, Survey, text_of};

    #[test]
    fn a_name_that_is_no_text_hides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let status = dir.path().join("status");
        fs::write(&status, b"Name:\t\xff\nRssAnon:\t  64 kB\n").unwrap();
        assert!(text_of(&status).unwrap().contains("\nRssAnon:\t  64 kB\n"));
    }

    #[test]
    fn shared_memory_without_a_name_counts_once_and_named_files_do_not() {
        let smaps = "\
7f00-7f01 rw-s 00000000 00:01 11  /memfd:open (deleted)
Rss:                  64 kB
Pss:                  64 kB
7f01-7f02 rw-s 00000000 00:01 12  /memfd:closed (deleted)
Pss:                   8 kB
Pss_Dirty:             8 kB
7f02-7f03 rw-s 00000000 00:01 13  /dev/zero (deleted)
Pss:                   4 kB
7f03-7f04 r-xp 00000000 08:01 14  /usr/lib/libc.so.6
Pss:                  99 kB
7f04-7f05 rw-p 00000000 00:00 0   [heap]
Pss:                  99 kB
7f05-7f06 rw-p 00000000 00:00 0
Pss:                  99 kB
7f06-7f07 rw-s 00000000 08:01 15  /clone/a b (deleted)
Pss:                  99 kB
";
        for (below, deleted) in [("/clone", true), ("/cl", false), ("/clone/a b/c", false)] {
            let mut held = Held::default();
            held.memory_files.insert(11);
            let mut counts = false;
            for line in smaps.lines() {
                held.mapped(line, &mut counts, &[PathBuf::from(below)]);
            }
            assert_eq!(held.mapped_memory, 12 << 10);
            assert_eq!(held.mapped_deleted, deleted, "{below}");
        }
    }

    #[test]
    fn a_look_goes_on_where_it_stopped_and_gives_up_in_its_time() {
        let open = tempfile::tempfile().unwrap();
        open.set_len(4_096).unwrap();
        let mut survey = Survey::of_memory().unwrap();
        let mut slices = 0u32;
        while survey.go_on(Instant::now()) == Seen::Part {
            slices += 1;
        }
        assert!(slices > 0, "a slice that is over at once is not all of it");
        use std::os::unix::fs::MetadataExt;
        let what = open.metadata().unwrap();
        assert!(survey.found().open.contains_key(&(what.dev(), what.ino())));

        let mut late = Survey::of_memory().unwrap();
        late.began = Instant::now().checked_sub(SURVEY_MAX).unwrap();
        let hour = Instant::now() + Duration::from_secs(3_600);
        assert_eq!(late.go_on(hour), Seen::TooMuch);
    }
}
