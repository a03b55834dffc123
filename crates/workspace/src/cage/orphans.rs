//! Cages whose owner is gone.
//!
//! A cage ends with its owner by itself: its pid 1 watches a socket. One moment is left out: `bwrap` forks, and its child
//! waits for a word of its parent before it runs anything. When both the owner and that parent are killed within it, the
//! child waits for ever, holding nothing but its own memory (seen with bubblewrap 0.8.0). Whoever starts anew ends it.

use std::fs;
use std::path::Path;

use super::launcher::INNER;

/// Tells in a cage's arguments who its owner is: `PID-STARTTIME-NAMESPACE`, so that a number given anew is another one, and so is
/// the same number in a container.
pub(super) const OWNER: &str = "ALAI_CAGE_OWNER";

/// This process, as [`OWNER`] names it.
pub(super) fn own_name() -> String {
    let pid = std::process::id();
    let started = start_time(pid).unwrap_or(0);
    format!("{pid}-{started}-{}", own_namespace().unwrap_or(0))
}

/// Ends every cage of a process of our own pid namespace that does not live any more, as far as we may. Answers how many there
/// were. What a container shows us of its processes is not ours to judge: its numbers are others.
pub fn end_orphans() -> usize {
    let mut ended = 0;
    let Some(namespace) = own_namespace() else {
        return 0;
    };
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if owner_of(&line, namespace).is_some_and(|owner| !lives(owner))
            && crate::sys::kill(pid).is_ok()
        {
            ended += 1;
        }
    }
    ended
}

/// The owner that a `bwrap` command line names, when it is one of ours and of this namespace.
fn owner_of(line: &[u8], namespace: u64) -> Option<(u32, u64)> {
    let args: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    if !args.contains(&INNER.as_bytes()) {
        return None;
    }
    let at = args.iter().position(|arg| *arg == OWNER.as_bytes())?;
    let name = std::str::from_utf8(args.get(at + 1)?).ok()?;
    let mut parts = name.split('-');
    let owner = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    (parts.next()?.parse::<u64>() == Ok(namespace)).then_some(owner)
}

fn lives((pid, started): (u32, u64)) -> bool {
    start_time(pid) == Some(started)
}

/// The pid namespace that we are in, as namespaces(7) numbers it.
fn own_namespace() -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self/ns/pid")
        .ok()
        .map(|found| found.ino())
}

/// Clock ticks since boot at which a process started: field 22 of proc(5)'s `stat`, counted after the name's last bracket.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[&str]) -> Vec<u8> {
        args.join("\0").into_bytes()
    }

    #[test]
    fn only_cages_of_the_dead_are_orphans() {
        let own = own_name();
        let cage = |owner: &str| line(&["bwrap", "--setenv", OWNER, owner, "--", "x", INNER, "3"]);
        let here = own_namespace().expect("a namespace");
        let owner_of = |line: &[u8]| owner_of(line, here);
        let alive = owner_of(&cage(&own)).expect("names its owner");
        assert!(lives(alive), "we live");
        let (pid, started) = alive;
        assert!(!lives((pid, started + 1)), "another process got the number");
        assert!(!lives((u32::MAX, 1)), "nobody has this number");
        assert_eq!(owner_of(&line(&["vim", OWNER, &own])), None, "no cage");
        assert_eq!(owner_of(&line(&["bwrap", INNER])), None, "names nobody");
        assert_eq!(owner_of(&cage("12")), None);
        let elsewhere = own.replace(&here.to_string(), "7");
        assert_eq!(owner_of(&cage(&elsewhere)), None, "a container's");
    }
}
