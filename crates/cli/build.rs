//! How the binary is linked.

use std::env::var;
use std::path::PathBuf;

/// The first glibc whose loader reads DT_RELR, by its release notes.
const GLIBC_MIN: (u32, u32) = (2, 36);

/// What a glibc says of itself, before its number.
const SAYS: &[u8] = b"stable release version ";

/// Sixty thousand places are moved when the program starts, and each process of a cage starts it anew. As a table of 24 bytes a
/// place they take 1.4 MB of file and memory, as bits 15 KB. Only where the loader of this machine understands it, and the program is
/// for this machine.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let linux = var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if linux && var("TARGET") == var("HOST") && glibc().is_some_and(|have| have >= GLIBC_MIN) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's C library, where it is a glibc and lies where one is looked for.
fn glibc() -> Option<(u32, u32)> {
    let arch = var("CARGO_CFG_TARGET_ARCH").ok()?;
    let folders = [
        format!("lib/{arch}-linux-gnu"),
        "lib64".into(),
        "usr/lib64".into(),
        "usr/lib".into(),
    ];
    let paths = folders.map(|folder| PathBuf::from("/").join(folder).join("libc.so.6"));
    let bytes = paths.iter().find_map(|path| std::fs::read(path).ok())?;
    let at = bytes
        .windows(SAYS.len())
        .position(|window| window == SAYS)?;
    let version = bytes.get(at + SAYS.len()..)?.get(..8)?;
    let version = String::from_utf8_lossy(version);
    let (major, rest) = version.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}
