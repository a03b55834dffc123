//! The memory of a process and of all that it has started.

use crate::bench::memory;
use std::fs;
use std::path::Path;

/// Kibibytes of PSS; what has ended meanwhile counts nothing.
pub(super) fn pss_kib(root: u32) -> u64 {
    let mut sum = 0;
    let mut waiting = vec![root];
    while let Some(pid) = waiting.pop() {
        sum += memory::of(pid).map_or(0, |memory| memory.pss_kib);
        waiting.extend(children(pid));
    }
    sum
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
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
