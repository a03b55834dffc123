//! What the programs of a cage hold that has no name: deleted files that are still open or mapped, and shared memory. No walk
//! of a folder finds the first and no process's own count holds the second, but both are used up.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How the kernel names memory files, and memory that a process shares with its children.
const MEMORY_FILE: &str = "/memfd:";
const SHARED_MEMORY: &str = "/dev/zero (deleted)";

/// How it marks a file that has no name any more (`proc(5)`).
const DELETED: &str = " (deleted)";

/// A block of `stat(2)` is 512 bytes on every file system.
pub(super) const BLOCK_BYTES: u64 = 512;

/// One open file that no folder shows.
pub(super) struct Nameless {
    pub(super) bytes: u64,
    pub(super) is_memory: bool,
}

/// What all processes but pid 1 hold.
#[derive(Default)]
pub(super) struct Held {
    /// By device and inode, so that a file that many hold counts once.
    pub(super) open: HashMap<(u64, u64), Nameless>,
    /// Bytes of shared memory that are mapped, without the files of `open`.
    pub(super) mapped_memory: u64,
    /// Deleted files that are mapped; how large they are cannot be seen.
    pub(super) mapped_deleted: Vec<PathBuf>,
    /// A process does not let itself be looked at, so more may be held.
    pub(super) unseen: bool,
}

/// Looks at every process. One that ends meanwhile holds nothing.
///
/// # Errors
/// When `/proc` cannot be read.
pub(super) fn look() -> io::Result<Held> {
    let mut held = Held::default();
    let processes = processes()?;
    for process in &processes {
        open_files(process, &mut held);
    }
    for process in &processes {
        match text_of(&process.join("smaps")) {
            Ok(text) => mapped(&text, &mut held),
            Err(error) => held.unseen |= hides(process, &error),
        }
    }
    Ok(held)
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

fn open_files(process: &Path, held: &mut Held) {
    let entries = match fs::read_dir(process.join("fd")) {
        Ok(entries) => entries,
        Err(error) => {
            held.unseen |= hides(process, &error);
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(what) = fs::metadata(&path) else {
            continue;
        };
        if what.nlink() > 0 || !what.is_file() {
            continue;
        }
        let name = fs::read_link(&path).unwrap_or_default();
        let nameless = Nameless {
            bytes: what.blocks().saturating_mul(BLOCK_BYTES),
            is_memory: name
                .as_os_str()
                .as_encoded_bytes()
                .starts_with(MEMORY_FILE.as_bytes()),
        };
        held.open.insert((what.dev(), what.ino()), nameless);
    }
}

/// Adds what one process has mapped, by its `smaps`: a line for each mapping (`FROM-TO MODE OFFSET DEVICE INODE NAME`), and
/// below it lines of facts, of which `Pss` shares each page out over those who map it.
fn mapped(smaps: &str, held: &mut Held) {
    let mut counts = false;
    for line in smaps.lines() {
        if let Some(kib) = line.strip_prefix("Pss:") {
            let kib = kib.trim().strip_suffix(" kB").map(str::trim);
            let kib: u64 = kib.and_then(|kib| kib.parse().ok()).unwrap_or(0);
            if counts {
                held.mapped_memory = held.mapped_memory.saturating_add(kib.saturating_mul(1024));
            }
        } else if let Some((inode, name)) = mapping(line) {
            let is_file = name.starts_with(MEMORY_FILE);
            let counted = held.open.iter();
            let mut counted = counted.filter(|(_, nameless)| nameless.is_memory);
            counts = name == SHARED_MEMORY
                || (is_file && !counted.any(|((_, number), _)| *number == inode));
            if let (false, false, Some(path)) = (counts, is_file, name.strip_suffix(DELETED)) {
                held.mapped_deleted.push(PathBuf::from(path));
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

    use super::text_of;
    use super::{Held, Nameless, mapped};

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
        let mut held = Held::default();
        let open = Nameless {
            bytes: 65_536,
            is_memory: true,
        };
        held.open.insert((1, 11), open);
        mapped(smaps, &mut held);
        assert_eq!(held.mapped_memory, 12 << 10);
        assert_eq!(
            held.mapped_deleted,
            [std::path::PathBuf::from("/clone/a b")]
        );
    }
}
