//! The memory of a process and of all that it has started.

use crate::bench::memory::{self, Memory};
use std::fs;
use std::path::Path;

/// One process of the tree, by the beginning of its command line.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) memory: Memory,
}

/// Kibibytes of PSS of all of them together.
pub(super) fn pss_kib(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.memory.pss_kib).sum()
}

/// The process and all that came of it; what has ended meanwhile counts nothing.
pub(super) fn parts(root: u32) -> Vec<Part> {
    let mut found = Vec::new();
    let mut waiting = vec![(root, None)];
    while let Some((pid, parent)) = waiting.pop() {
        if parent.is_some_and(|parent| is_borrowed(pid, parent)) {
            continue;
        }
        if let Ok(memory) = memory::of(pid) {
            let name = name(pid);
            found.push(Part { name, memory });
        }
        waiting.extend(children(pid).into_iter().map(|child| (child, Some(pid))));
    }
    found
}

/// Words of a command line that tell a process from its neighbours.
const WORDS: usize = 4;

fn name(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = line.split(|byte| *byte == 0).take(WORDS);
    let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
    words.join(" ").chars().take(60).collect()
}

/// Set from a fork until the child executes something (`PF_FORKNOEXEC` of the kernel's sched.h).
const HAS_EXECUTED_NOTHING: u64 = 0x40;

/// Whether a child lives in its parent's own memory, as one does between vfork(2) and execve(2): it would be counted twice. It has
/// executed nothing, and its figures are its parent's to the kilobyte; those of a child with a copy are not, once it works.
fn is_borrowed(pid: u32, parent: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The command's name may hold anything, so fields are counted from behind it; flags are the ninth of all (proc_pid_stat(5)).
    let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    let flags: Option<u64> = after.split(' ').nth(6).and_then(|word| word.parse().ok());
    flags.is_some_and(|flags| flags & HAS_EXECUTED_NOTHING != 0)
        && matches!((memory::of(pid), memory::of(parent)), (Ok(own), Ok(its)) if own == its)
}

/// Processes that any thread of this one has started, from proc_pid_task_tid_children(5).
fn children(pid: u32) -> Vec<u32> {
    let tasks = Path::new("/proc").join(pid.to_string()).join("task");
    let threads = fs::read_dir(tasks).into_iter().flatten().flatten();
    let listed =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let words = listed.collect::<Vec<_>>().join(" ");
    words
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_is_counted_with_its_parent() {
        let own = std::process::id();
        let mut cat = Command::new("cat");
        let mut child = cat.stdin(Stdio::piped()).spawn().unwrap();
        assert!(children(own).contains(&child.id()));
        assert!(pss_kib(&parts(own)) > memory::of(own).unwrap().pss_kib / 2);
        assert!(pss_kib(&parts(child.id())) > 0);
        assert!(!is_borrowed(child.id(), own), "it has executed something");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
