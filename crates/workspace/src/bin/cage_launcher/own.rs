//! Programs of this executable that a cage runs without starting it anew.

use std::collections::BTreeMap;

use alai_workspace::cage::OwnProgram;

/// Prints what it finds itself in, as JSON.
pub(super) const STATE: OwnProgram = OwnProgram {
    word: "own-state",
    main: state,
};

pub(super) const PANICS: OwnProgram = OwnProgram {
    word: "own-panics",
    main: panics,
};

/// Descriptors looked at: far more than pid 1 of a cage has.
const DESCRIPTORS: i32 = 4_096;

fn state() -> u8 {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let cwd = std::env::current_dir().map(|cwd| cwd.display().to_string());
    let told = serde_json::json!({
        "env": env,
        "cwd": cwd.unwrap_or_default(),
        "open": (0..DESCRIPTORS).filter(|fd| is_open(*fd)).collect::<Vec<_>>(),
        "parent": std::os::unix::process::parent_id(),
    });
    println!("{told}");
    7
}

#[allow(unsafe_code, reason = "the descriptors are known only as numbers")]
fn is_open(fd: i32) -> bool {
    // SAFETY: takes numbers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

fn panics() -> u8 {
    panic!("as it was told to");
}
