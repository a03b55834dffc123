#![no_main]

libfuzzer_sys::fuzz_target!(
    init: {
        // A program of Rust begins with this, one of libFuzzer does not: a server that is still writing when its session is over would end it.
        // SAFETY: no handler is installed, and nothing else of this process has begun.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    },
    |bytes: &[u8]| alai_minion::fuzzing::mcp(bytes)
);
