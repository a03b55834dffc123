//! Processes as the kernel shows them: what is below one, what works for a folder, and signals to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long what was ended may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// Pid and command line.
pub(crate) type Process = (u32, String);

#[allow(unsafe_code, reason = "the standard library sends no signals")]
pub(crate) fn signal(pid: u32, signal: i32) {
    // SAFETY: kill takes two integers; the pid is of a process below this test, which kills nobody else's.
    unsafe {
        libc::kill(i32::try_from(pid).expect("pids fit"), signal);
    }
}

/// Everything below a process, zombies left out.
pub(crate) fn descendants(of: u32) -> Vec<Process> {
    let mut parents = BTreeMap::new();
    for pid in all() {
        if let Some((state, parent)) = state_and_parent(pid)
            && state != "Z"
        {
            parents.insert(pid, parent);
        }
    }
    let mut found = Vec::new();
    let mut front = vec![of];
    while let Some(parent) = front.pop() {
        for (pid, _) in parents.iter().filter(|(_, p)| **p == parent) {
            found.push((*pid, line(*pid)));
            front.push(*pid);
        }
    }
    found
}

/// What works in a cage below a process: the cage's own programs and whatever runs in it.
pub(crate) fn caged(below: u32) -> Vec<Process> {
    let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let outside = namespace(below);
    let mut found = descendants(below);
    found.retain(|(pid, line)| {
        let inside = namespace(*pid).is_some_and(|own| Some(own) != outside);
        inside || line.starts_with("bwrap ")
    });
    found
}

/// The agents below a process.
pub(crate) fn hands(below: u32) -> Vec<Process> {
    let mut found = caged(below);
    found.retain(|(pid, _)| is_hand(*pid));
    found
}

/// Whether a process is an agent's hand.
pub(crate) fn is_hand(pid: u32) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name == "alai-hand\n"
}

/// Every process of this machine that works for a folder: it was started with its path or in it, or sees something of it as
/// a mount, as everything in a cage does. The folder's last name must be nobody else's.
pub(crate) fn working_for(folder: &Path) -> Vec<Process> {
    let name = folder
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let names_it = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).contains(&name);
    let own = std::process::id();
    all()
        .filter(|pid| *pid != own && state_and_parent(*pid).is_some_and(|(state, _)| state != "Z"))
        .filter(|pid| {
            let reads = |file: &str| fs::read(format!("/proc/{pid}/{file}")).is_ok_and(names_it);
            let stands = fs::read_link(format!("/proc/{pid}/cwd"));
            reads("cmdline")
                || reads("environ")
                || reads("mountinfo")
                || stands.is_ok_and(|at| at.to_string_lossy().contains(&name))
        })
        .map(|pid| (pid, line(pid)))
        .collect()
}

/// Those that still work for a folder when they have had time to end.
pub(crate) fn left_of(folder: &Path) -> Vec<Process> {
    let began = Instant::now();
    loop {
        let left = working_for(folder);
        if left.is_empty() || began.elapsed() > PATIENCE {
            return left;
        }
        std::thread::sleep(POLL);
    }
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
}

fn line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// The state's letter: `T` for one that is stopped, `Z` for one that has ended and is not waited for.
pub(crate) fn state_and_parent(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, tail) = stat.rsplit_once(") ")?;
    let mut fields = tail.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
