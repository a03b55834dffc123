//! How the binary is linked.

use std::env::var;
use std::process::Command;

/// The first glibc whose loader reads DT_RELR, by its release notes.
const GLIBC_MIN: (u32, u32) = (2, 36);

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

/// "glibc 2.36", by getconf(1); other C libraries say nothing of the kind.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let version = said.trim().strip_prefix("glibc ")?;
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
