//! Evidence: what verifying a package of 500 records takes, and how large the packages of a usual run are, which are the demo's.

use super::aims::Aims;
use super::place::{Place, file};
use super::sample::spread;
use crate::program::{self, Error};
use crate::table::table;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Bytes of the largest package of the demo.
const AIM_BYTES: u64 = 1_000_000;
/// Runs of `alai evidence verify` as a whole process.
const RUNS: usize = 50;

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    aims.bench("alai-gate", "evidence", &[], &[])?;
    let place = Place::new()?;
    let kept = place.at("demo");
    let keep = kept.display().to_string();
    program::read(place.alai("unused", &["demo", "--keep", &keep]))?;
    let mut packages: Vec<(u64, PathBuf)> = Vec::new();
    packages_below(&kept, &mut packages)?;
    packages.sort();
    let Some((largest, at)) = packages.last() else {
        let why = format!("the demo left no package below {keep}");
        return Err(Error::Answer(why));
    };
    let middle = packages[packages.len() / 2].0;
    let home = at.ancestors().nth(3).unwrap_or(at);
    let key = home.join("keys/gate.pub").display().to_string();
    let package = at.display().to_string();
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let verify = place.alai("unused", &["evidence", "verify", &package, "--key", &key]);
        let began = Instant::now();
        program::read(verify)?;
        times.push(began.elapsed());
    }
    let times = spread(times).expect("as many values as runs");
    let kb = |bytes: u64| format!("{:.1} kB", bytes as f64 / 1000.0);
    let row = |name: &str, value: String, aim: String| [name.to_owned(), value, aim];
    let aim = aims.judge(
        "the largest package of the demo",
        &kb(*largest),
        &format!("< {}", kb(AIM_BYTES)),
        *largest < AIM_BYTES,
    );
    let ms = times.median.as_secs_f64() * 1000.0;
    print!(
        "{}",
        table(&[
            row(
                "the demo's packages",
                packages.len().to_string(),
                String::new()
            ),
            row("the middle one", kb(middle), String::new()),
            row("the largest", kb(*largest), aim),
            row(
                "verifying it, as a whole process",
                format!("{ms:.1} ms"),
                String::new()
            ),
        ])
    );
    println!("median of {RUNS}");
    Ok(())
}

/// Every folder with a sealed package in it, with its bytes.
fn packages_below(folder: &Path, found: &mut Vec<(u64, PathBuf)>) -> Result<(), Error> {
    if folder.join("evidence.dsse.json").is_file() {
        found.push((bytes(folder)?, folder.to_path_buf()));
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(file(folder))?.flatten() {
        if entry.file_type().map_err(file(folder))?.is_dir() {
            packages_below(&entry.path(), found)?;
        }
    }
    Ok(())
}

fn bytes(folder: &Path) -> Result<u64, Error> {
    let mut sum = 0;
    for entry in fs::read_dir(folder).map_err(file(folder))?.flatten() {
        let seen = entry.metadata().map_err(file(folder))?;
        sum += match seen.is_dir() {
            true => bytes(&entry.path())?,
            false => seen.len(),
        };
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_found_and_counted_with_all_their_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let package = folder.path().join("home/runs/a/evidence");
        fs::create_dir_all(package.join("blobs")).expect("folders");
        fs::create_dir_all(folder.path().join("home/runs/b/evidence")).expect("one without a seal");
        fs::write(package.join("evidence.dsse.json"), "12345").expect("written");
        fs::write(package.join("blobs/x"), "123").expect("written");
        let mut found = Vec::new();
        packages_below(folder.path(), &mut found).expect("read");
        assert_eq!(found, [(8, package)]);
    }
}
