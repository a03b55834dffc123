//! Counts what a whole cage keeps in memory. The kernel's own counter for that is a control group, which a normal user rarely
//! may make; pid 1 sees every process of its cage and can add them up.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::sys;

/// How often pid 1 looks. A process that touches memory as fast as it can gains about a gigabyte between two looks, for which
/// the kernel's limit on each process and its choice of caged programs first are there.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Bytes of private memory of all processes that we can see, and of the files in `in_memory`: the tmpfs mounts of the
/// cage itself. A bind is not among them; what it shows may be a tmpfs of the host, full of other things.
///
/// Programs and libraries are shared with the page cache and are not counted. A process that ends while it is looked at
/// counts as nothing.
///
/// # Errors
/// When `/proc` cannot be read.
pub(super) fn in_use(in_memory: &[&Path], limit: u64) -> io::Result<u64> {
    let mut bytes: u64 = 0;
    for folder in in_memory {
        bytes = bytes.saturating_add(sys::file_system_used(folder)?);
    }
    for process in fs::read_dir("/proc")? {
        let name = process?.file_name();
        if name
            .to_str()
            .is_none_or(|name| !name.starts_with(|first: char| first.is_ascii_digit()))
        {
            continue;
        }
        let status = Path::new("/proc").join(name).join("status");
        let text = fs::read_to_string(status).unwrap_or_default();
        bytes = bytes.saturating_add(private_bytes(&text));
        if bytes > limit {
            break;
        }
    }
    Ok(bytes)
}

/// The lines `RssAnon` and `VmSwap` of a process's status, in bytes (`proc(5)`).
fn private_bytes(status: &str) -> u64 {
    let kib = |line: &str| {
        let value = line
            .strip_prefix("RssAnon:")
            .or(line.strip_prefix("VmSwap:"))?;
        value.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    };
    status
        .lines()
        .filter_map(kib)
        .sum::<u64>()
        .saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::private_bytes;

    #[test]
    fn adds_private_memory_and_swap_and_nothing_else() {
        let status = "Name:\tx\nVmRSS:\t    9000 kB\nRssAnon:\t     100 kB\nRssFile:\t    8900 kB\nVmSwap:\t       3 kB\n";
        assert_eq!(private_bytes(status), 103 * 1024);
        assert_eq!(private_bytes("Name:\tRssAnon: 5 kB\n"), 0);
        assert_eq!(private_bytes(""), 0);
    }
}
