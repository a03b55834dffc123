//! Crash points: named places where a test ends this very process as `kill -9` would.
//!
//! Stop right after every step, restart, expect the same end: that needs a way to stop anywhere. In a debug build the
//! environment variable `ALAI_CRASH_AT=N` ends the process with SIGKILL at the N-th point that it passes (counted from 1),
//! `ALAI_CRASH_AT=NAME` at the first point of that name, `ALAI_CRASH_AT=NAME+N` at the N-th after that one, and `ALAI_CRASH_LOG=FILE` appends the name of each point to a file instead, which is how a test learns how many there
//! are. A release build holds none of it.

/// Passes one crash point. `name` says what is about to happen or has just happened, such as `fetch.before`.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_name: &str) {}

/// Passes one crash point. `name` says what is about to happen or has just happened, such as `fetch.before`.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    // Points since the named one, itself counted.
    static SINCE: AtomicU64 = AtomicU64::new(0);
    static CRASH_AT: OnceLock<Option<String>> = OnceLock::new();
    static LOG: OnceLock<Option<std::ffi::OsString>> = OnceLock::new();

    let log = LOG.get_or_init(|| std::env::var_os("ALAI_CRASH_LOG"));
    if let Some(path) = log {
        // A log that cannot be written makes the test that asked for it fail by its emptiness; the work goes on.
        if let Ok(mut file) = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
        {
            let _ = file.write_all(format!("{name}\n").as_bytes());
        }
        return;
    }
    let Some(crash_at) = CRASH_AT.get_or_init(|| std::env::var("ALAI_CRASH_AT").ok()) else {
        return;
    };
    let passed = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if crash_at == name || crash_at.parse() == Ok(passed) {
        kill_self();
    }
    let after = crash_at.split_once('+');
    if let Some((from, count)) = after
        && (from == name || SINCE.load(Ordering::SeqCst) > 0)
        && count.parse() == Ok(SINCE.fetch_add(1, Ordering::SeqCst))
    {
        kill_self();
    }
}

/// SIGKILL to ourselves: no destructor, no flush, no exit handler runs, as with `kill -9` from outside.
#[cfg(debug_assertions)]
#[allow(unsafe_code)] // kill(2) has no safe form in std; it takes two integers and touches no memory of ours.
fn kill_self() {
    // SAFETY: kill and getpid take and return plain integers.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
    // The signal is delivered before kill returns to a process that signals itself, save in a thread that blocks it.
    std::process::abort();
}
