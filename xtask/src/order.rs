//! The order in which the linker lays functions into the executable: those that a run enters lie together, in the order in which it enters them.
//!
//! The kernel maps 64 KB of an executable around each page that is touched. Where what a start touches is spread over 24 MB of code, nearly
//! all of it is mapped, in each process; where it lies together, a third is. The list is made by running the product, and `crates/cli/build.rs`
//! hands it to the linker. A name that is no longer there costs nothing, and a function that is not listed lies behind the others: the list ages
//! with the code and with the compiler, and is made anew by this command.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod trace;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::bench;
use crate::program::{self, Error};

/// The hidden command that runs a program and writes down what it enters.
pub(crate) const TRACE: &str = "__trace";
const USAGE: &str = "usage: cargo xtask order [--check]";
/// Where the list lies, below the workspace.
const LIST: &str = "crates/cli/link/order.gz";
/// As the product is built, but with the names of its functions kept. Not by a setting of the profile: cargo makes a part of each name of it, and
/// the product's names would be others.
const BUILD: [&str; 9] = [
    "rustc",
    "--release",
    "--locked",
    "--package",
    "alai",
    "--bin",
    "alai",
    "--",
    "-Cstrip=none",
];
/// Of the names in the list, the least that must be in the executable. Measured: with 68 % of them nothing is gained any more, because what is missing lies
/// all over the rest.
const KNOWN_PERCENT_MIN: usize = 95;

/// Makes the list anew, or with `--check` says how much of it the executable still has; `Ok(false)` when that is too little.
pub(crate) fn run(args: &[&str]) -> Result<bool, Error> {
    match args {
        [] => make().map(|()| true),
        ["--check"] => check(),
        _ => Err(Error::Usage(USAGE.to_owned())),
    }
}

/// Runs `NAMES OUT PROGRAM ARGS...`; what it says and how it ends is the program's.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn traced(args: &[&str]) -> Result<bool, Error> {
    match args {
        [names, out, program, rest @ ..] => {
            trace::run(Path::new(names), Path::new(out), Path::new(program), rest)
        }
        _ => Err(Error::Usage(USAGE.to_owned())),
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(crate) fn traced(_args: &[&str]) -> Result<bool, Error> {
    Err(Error::Answer(
        "the order of functions is made on Linux for x86-64".to_owned(),
    ))
}

fn make() -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(at(Path::new("a temporary folder")))?;
    let (binary, names) = named(folder.path())?;
    let entered = folder.path().join("entered");
    let me = std::env::current_exe().map_err(at(Path::new("xtask itself")))?;
    let tracer: [OsString; 4] = [
        me.into(),
        TRACE.into(),
        names.into(),
        entered.clone().into(),
    ];
    bench::play(&binary, &tracer)?;
    let text = fs::read_to_string(&entered).map_err(at(&entered))?;
    let mut seen = HashSet::new();
    let once: String = text
        .lines()
        .filter(|name| seen.insert(*name))
        .flat_map(|name| [name, "\n"])
        .collect();
    let list = program::root().join(LIST);
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let packed = packed
        .write_all(once.as_bytes())
        .and_then(|()| packed.finish());
    fs::write(&list, packed.map_err(at(&list))?).map_err(at(&list))?;
    println!("{}: {} functions", list.display(), seen.len());
    Ok(())
}

fn check() -> Result<bool, Error> {
    let folder = tempfile::tempdir().map_err(at(Path::new("a temporary folder")))?;
    let (_, names) = named(folder.path())?;
    let there = fs::read_to_string(&names).map_err(at(&names))?;
    let there: HashSet<&str> = there
        .lines()
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    let listed = listed()?;
    let (mut all, mut known) = (0_usize, 0_usize);
    for name in listed.lines() {
        all += 1;
        known += usize::from(there.contains(name));
    }
    let percent = known * 100 / all.max(1);
    println!("{known} of {all} listed functions are in the executable ({percent} %)");
    let enough = percent >= KNOWN_PERCENT_MIN;
    if !enough {
        println!(
            "less than {KNOWN_PERCENT_MIN} %: `cargo xtask order` makes the list anew, with the compiler that builds what is handed out"
        );
    }
    Ok(enough)
}

/// The list as it lies in the repository, a name a line.
fn listed() -> Result<String, Error> {
    let list = program::root().join(LIST);
    let packed = fs::read(&list).map_err(at(&list))?;
    let mut listed = String::new();
    let read = GzDecoder::new(&packed[..]).read_to_string(&mut listed);
    read.map_err(at(&list))?;
    Ok(listed)
}

/// The executable with its names, copied away from where the next build writes, and the list of them as `nm` prints it.
fn named(folder: &Path) -> Result<(PathBuf, PathBuf), Error> {
    let built = program::stream(program::cargo(&BUILD), |_| false)?;
    if !built.ok {
        let why = "the executable cannot be built with its names, see above";
        return Err(Error::Answer(why.to_owned()));
    }
    let (binary, names) = (folder.join("alai"), folder.join("names"));
    let from = bench::binary()?;
    fs::copy(&from, &binary).map_err(at(&from))?;
    let mut nm = program::command("nm");
    nm.arg("--defined-only").arg(&binary);
    fs::write(&names, program::read(nm)?).map_err(at(&names))?;
    Ok((binary, names))
}

/// An error about this path.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::File { path, source }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::path::Path;

    use super::*;

    /// Functions of ours on the list that the source must still have. Without a release build nobody knows more; `--check` does.
    const IN_SOURCE_PERCENT_MIN: usize = 90;

    /// The parts of a mangled path: `_ZN4core3fmt5write17h...E` has four.
    fn parts(name: &str) -> Vec<&str> {
        let mut parts = Vec::new();
        let mut rest = name.strip_prefix("_ZN").unwrap_or_default();
        loop {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (length, behind) = rest.split_at(digits);
            let length = length.parse::<usize>().ok();
            let Some((part, behind)) = length.and_then(|length| behind.split_at_checked(length))
            else {
                return parts;
            };
            parts.push(part);
            rest = behind;
        }
    }

    fn is_word(part: &str) -> bool {
        part.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    }

    /// The names behind `fn ` in all that lies below a folder.
    fn functions(dir: &Path, found: &mut HashSet<String>) {
        for entry in fs::read_dir(dir).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                functions(&path, found);
                continue;
            }
            let text = fs::read(&path).expect("a source");
            let text = String::from_utf8_lossy(&text);
            let names = text.split("fn ").skip(1).map(|rest| {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                rest[..end.unwrap_or(rest.len())].to_owned()
            });
            found.extend(names);
        }
    }

    #[test]
    fn the_list_is_whole_and_most_of_our_functions_on_it_are_still_in_the_source() {
        let listed = listed().expect("it can be read");
        let names: Vec<&str> = listed.lines().collect();
        let once: HashSet<&str> = names.iter().copied().collect();
        assert_eq!(once.len(), names.len(), "each stands there once");
        assert!(names.len() > 10_000, "{}", names.len());
        assert!(
            names
                .iter()
                .all(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        );
        let mut rooms: HashMap<String, HashSet<String>> = HashMap::new();
        let (mut ours, mut there) = (0_usize, 0_usize);
        for name in &names {
            let [room, inner @ .., _hash] = &parts(name)[..] else {
                continue;
            };
            let Some(folder) = room.strip_prefix("alai_") else {
                continue;
            };
            let Some(function) = inner.iter().rev().find(|part| is_word(part)) else {
                continue;
            };
            let known = rooms.entry(folder.to_owned()).or_insert_with(|| {
                let mut found = HashSet::new();
                functions(
                    &program::root().join("crates").join(folder).join("src"),
                    &mut found,
                );
                found
            });
            ours += 1;
            there += usize::from(known.contains(*function));
        }
        assert!(ours > 1_000, "{ours}");
        let percent = there * 100 / ours;
        assert!(
            percent >= IN_SOURCE_PERCENT_MIN,
            "{there} of {ours} are there ({percent} %): `cargo xtask order` makes the list anew"
        );
    }
}
