//! The memory of a process and of all that it has started.

use crate::bench::memory;
use std::fs;
use std::path::Path;

/// Kibibytes of PSS; what has ended meanwhile counts nothing.
pub(super) fn pss_kib(root: u32) -> u64 {
    let mut sum = 0;
    let mut waiting = vec![(root, None)];
    while let Some((pid, parent)) = waiting.pop() {
        if parent.is_some_and(|parent| is_borrowed(pid, parent)) {
            continue;
        }
        sum += memory::of(pid).map_or(0, |memory| memory.pss_kib);
        waiting.extend(children(pid).into_iter().map(|child| (child, Some(pid))));
    }
    sum
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
        assert!(pss_kib(own) > memory::of(own).unwrap().pss_kib / 2);
        assert!(pss_kib(child.id()) > 0);
        assert!(!is_borrowed(child.id(), own), "it has executed something");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
