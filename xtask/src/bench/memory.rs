//! How much memory a running process holds (Linux: `/proc/PID/smaps_rollup`, see proc(5)).

use crate::program::Error;
use std::fs;
use std::path::PathBuf;

/// Kibibytes. `pss` counts a page shared by n processes as one n-th; it is what the process adds. `anon` is the part of it that lies in no file: heap,
/// stacks, what was written of data. The rest is code and constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) rss_kib: u64,
    pub(crate) pss_kib: u64,
    pub(crate) anon_kib: u64,
}

/// Reads the memory of a process of the same user.
pub(crate) fn of(pid: u32) -> Result<Memory, Error> {
    let path = PathBuf::from(format!("/proc/{pid}/smaps_rollup"));
    let text = fs::read_to_string(&path).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    parse(&text).ok_or_else(|| {
        Error::Answer(format!(
            "{} has no Rss and Pss; is the process ending?",
            path.display()
        ))
    })
}

fn parse(text: &str) -> Option<Memory> {
    let kib = |name: &str| {
        let rest = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        rest.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(Memory {
        rss_kib: kib("Rss")?,
        pss_kib: kib("Pss")?,
        anon_kib: kib("Pss_Anon")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_read() {
        let text = "5581-7ffd ---p 00000000 00:00 0    [rollup]\nRss:       884 kB\nPss:       385 kB\nPss_Anon:  1 kB\n";
        assert_eq!(
            parse(text),
            Some(Memory {
                rss_kib: 884,
                pss_kib: 385,
                anon_kib: 1
            })
        );
        assert_eq!(parse("Rss: 884 kB\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_holds_some_memory() {
        let memory = of(std::process::id()).unwrap();
        assert!(
            memory.pss_kib > 0 && memory.pss_kib <= memory.rss_kib,
            "{memory:?}"
        );
    }
}
