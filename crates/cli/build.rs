//! How the binary is linked.

use std::env::var;
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;

use flate2::read::GzDecoder;

/// The first glibc whose loader reads DT_RELR, by its release notes.
const GLIBC_MIN: (u32, u32) = (2, 36);

/// What a glibc says of itself, before its number.
const SAYS: &[u8] = b"stable release version ";

/// The functions that a run enters, in the order in which it enters them: `cargo xtask order` makes it.
const ORDER: &str = "link/order.gz";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={ORDER}");
    let linux = var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    // Sixty thousand places are moved when the program starts, and each process of a cage starts it anew. As a table of 24 bytes a
    // place they take 1.4 MB of file and memory, as bits 15 KB. Only where the loader of this machine understands it, and the program is
    // for this machine.
    if linux && var("TARGET") == var("HOST") && glibc().is_some_and(|have| have >= GLIBC_MIN) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    // The kernel maps 64 KB around each page of code that is touched. Laid together, what a run touches is a third of the code.
    if linux && var("PROFILE").is_ok_and(|profile| profile == "release") {
        // Functions that have gone since are no matter.
        let quiet = "-Wl,--no-warn-symbol-ordering";
        if let Some(list) = order()
            && let by_list = format!("-Wl,--symbol-ordering-file={}", list.display())
            && links_with(&[&by_list, quiet])
        {
            println!("cargo:rustc-link-arg-bins={by_list}");
            println!("cargo:rustc-link-arg-bins={quiet}");
        }
    }
}

/// The list as linkers read it.
fn order() -> Option<PathBuf> {
    let packed = std::fs::read(PathBuf::from(var("CARGO_MANIFEST_DIR").ok()?).join(ORDER)).ok()?;
    let mut text = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut text).ok()?;
    let list = PathBuf::from(var("OUT_DIR").ok()?).join("order.txt");
    std::fs::write(&list, text).ok()?;
    Some(list)
}

/// Whether the linker that will be used takes these arguments. LLD does, which is what rustc uses by itself on x86-64; others end with an
/// error for what they do not know.
fn links_with(arguments: &[&str]) -> bool {
    let (Ok(rustc), Ok(target), Ok(out)) = (var("RUSTC"), var("TARGET"), var("OUT_DIR")) else {
        return false;
    };
    let out = PathBuf::from(out);
    let source = out.join("empty.rs");
    if std::fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let mut probe = Command::new(rustc);
    probe
        .arg("--target")
        .arg(target)
        .arg("-o")
        .arg(out.join("empty"));
    if let Ok(linker) = var("RUSTC_LINKER") {
        probe.arg(format!("-Clinker={linker}"));
    }
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    probe.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    probe.args(arguments.iter().map(|word| format!("-Clink-arg={word}")));
    probe
        .arg(source)
        .output()
        .is_ok_and(|ended| ended.status.success())
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
