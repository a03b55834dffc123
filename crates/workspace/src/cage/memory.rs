//! Counts what a whole cage keeps in memory. The kernel's own counter for that is a control group (see `cgroup`), which a
//! normal user rarely may make; pid 1 sees every process of its cage and can add them up.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use alai_core::record::Limit;

use super::disk::Look;
use super::held::{self, Seen, Survey};
use crate::sys;

/// How often pid 1 looks. A process that touches memory as fast as it can gains about a gigabyte between two looks, for which
/// the kernel's limit on each process and its choice of caged programs first are there.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a file in memory takes besides its content: its inode and its name, rounded up (sizes of `shmem_inode_cache` and
/// `dentry` in `/proc/slabinfo`). Without it a million empty files would be nothing.
const MEMORY_FILE_BYTES: u64 = 1_024;

/// How long one look may search what has no name; after that private memory, the disk and the owner are looked at again.
const SLICE: Duration = Duration::from_millis(50);

/// The memory of one cage, looked at again and again.
pub(super) struct Memory {
    /// The tmpfs mounts of the cage itself. A bind is not among them; what it shows may be a tmpfs of the host, full of other
    /// things.
    folders: Vec<PathBuf>,
    bytes_max: u64,
    /// Shared memory of the whole machine when the cage began.
    shared_before: u64,
    /// A search for what has no name, on its way, and when the plain count was made that made it necessary.
    search: Option<(Survey, Plain, Instant)>,
}

/// What can be counted without a search.
#[derive(Debug, Clone, Copy)]
struct Plain {
    /// Private memory of all processes, files in the tmpfs mounts, System V segments.
    bytes: u64,
    /// Shared memory, once for each process that maps it, and what the whole machine has gained. Both are more than the nameless
    /// shared memory of this cage.
    mapped: u64,
    gained: u64,
}

impl Memory {
    pub(super) fn new(folders: Vec<PathBuf>, bytes_max: u64) -> io::Result<Memory> {
        Ok(Memory {
            folders,
            bytes_max,
            shared_before: shared_of_the_machine()?,
            search: None,
        })
    }

    /// Looks whether the cage holds more than it may: private memory of all processes, files in its tmpfs mounts, System V
    /// segments, and shared memory that has no name. The last is searched for in slices, only where it could be too much.
    ///
    /// Programs and libraries are shared with the page cache and are not counted. A process that ends while it is looked at
    /// counts as nothing.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(super) fn look(&mut self) -> io::Result<Look> {
        let (mut survey, plain, at) = match self.search.take() {
            Some((survey, plain, at)) if at.elapsed() < LOOK_EVERY => (survey, plain, at),
            search => {
                let plain = self.plain()?;
                if plain.bytes > self.bytes_max {
                    return Ok(Look::Over(Limit::Memory));
                }
                if plain.bytes.saturating_add(plain.mapped.max(plain.gained)) <= self.bytes_max {
                    return Ok(Look::Within);
                }
                let survey = match search {
                    Some((survey, _, _)) => survey,
                    None => Survey::of_memory()?,
                };
                (survey, plain, Instant::now())
            }
        };
        let seen = survey.go_on(Instant::now() + SLICE);
        let held = survey.found();
        let nameless = held.mapped_memory.saturating_add(held.open_memory);
        if plain.bytes.saturating_add(nameless) > self.bytes_max {
            return Ok(Look::Over(Limit::Memory));
        }
        match seen {
            Seen::TooMuch => return Ok(Look::Over(Limit::Uncounted)),
            Seen::Part => {
                self.search = Some((survey, plain, at));
                return Ok(Look::Walking);
            }
            Seen::All => {}
        }
        // Where a process hides what it holds, all of its mappings count; and when the machine runs short, what that gained.
        let nameless = match (held.unseen, machine_is_short()?) {
            (true, true) => nameless.max(plain.mapped).max(plain.gained),
            (true, false) => nameless.max(plain.mapped),
            (false, _) => nameless,
        };
        Ok(
            match plain.bytes.saturating_add(nameless) > self.bytes_max {
                true => Look::Over(Limit::Memory),
                false => Look::Within,
            },
        )
    }

    fn plain(&self) -> io::Result<Plain> {
        let mut bytes = segments(&fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default());
        for folder in &self.folders {
            let used = sys::file_system_used(folder)?;
            let names = used.files.saturating_mul(MEMORY_FILE_BYTES);
            bytes = bytes.saturating_add(used.bytes).saturating_add(names);
        }
        let mut mapped: u64 = 0;
        for process in held::processes()? {
            let status = held::text_of(&process.join("status")).unwrap_or_default();
            bytes = bytes.saturating_add(kib(&status, &["RssAnon:", "VmSwap:"]));
            mapped = mapped.saturating_add(kib(&status, &["RssShmem:"]));
            if bytes > self.bytes_max {
                break;
            }
        }
        let gained = shared_of_the_machine()?.saturating_sub(self.shared_before);
        Ok(Plain {
            bytes,
            mapped,
            gained,
        })
    }
}

fn shared_of_the_machine() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    Ok(kib(&text, &["Shmem:"]))
}

/// True when less than an eighth of the machine's memory can be had.
fn machine_is_short() -> io::Result<bool> {
    let text = fs::read_to_string("/proc/meminfo")?;
    Ok(kib(&text, &["MemAvailable:"]) < kib(&text, &["MemTotal:"]) / 8)
}

/// The sum of the lines with these names, which the kernel gives in kibibytes, in bytes (`proc(5)`).
fn kib(facts: &str, names: &[&str]) -> u64 {
    let value = |line: &str| {
        let value = names.iter().find_map(|name| line.strip_prefix(name))?;
        value.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    };
    let sum: u64 = facts.lines().filter_map(value).sum();
    sum.saturating_mul(1_024)
}

/// Bytes of all System V segments, by the table of our own ipc namespace, whose last two columns are memory and swap.
fn segments(table: &str) -> u64 {
    let rows = table.lines().skip(1);
    let bytes = rows.map(|row| {
        let numbers = row.split_whitespace().rev().take(2);
        numbers.flat_map(str::parse::<u64>).sum::<u64>()
    });
    bytes.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::{kib, segments};

    #[test]
    fn adds_private_memory_and_swap_and_nothing_else() {
        let private = |status: &str| kib(status, &["RssAnon:", "VmSwap:"]);
        let status = "Name:\tx\nVmRSS:\t    9000 kB\nRssAnon:\t     100 kB\nRssFile:\t    8900 kB\nVmSwap:\t       3 kB\n";
        assert_eq!(private(status), 103 * 1024);
        assert_eq!(private("Name:\tRssAnon: 5 kB\n"), 0);
        assert_eq!(private(""), 0);
    }

    #[test]
    fn adds_the_memory_and_swap_of_every_segment() {
        let table = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n\
            \x20        0          0   600                524288     3     3      1 64001 64001 64001 64001 1 0 1                  8192                  4096\n\
            \x20        0          1   600                524288     3     3      1 64001 64001 64001 64001 1 0 1                     1                     0\n";
        assert_eq!(segments(table), 8192 + 4096 + 1);
        assert_eq!(segments(""), 0);
    }
}
