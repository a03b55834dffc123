//! The repository that every harness works on: a few small files and a test that costs nothing.

use crate::bench::place::file;
use crate::program::{self, Error};
use std::fs;
use std::path::{Path, PathBuf};

/// Names of the files.
pub(super) struct Files;

impl Files {
    pub(super) fn read(number: usize) -> String {
        format!("f{number}.txt")
    }

    pub(super) fn written(number: usize) -> String {
        format!("made{number}.txt")
    }
}

/// More than the script reads.
const FILES: usize = 10;
const LINES: usize = 40;
/// TAP: what the gate reads of it is one passed test.
const TEST: &str = "#!/bin/sh\necho 1..1\necho 'ok 1 - it starts'\n";

/// A repository with one commit.
pub(super) fn make(folder: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(folder).map_err(file(folder))?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(file(&path))
    };
    write("README.md", "# Sample\n\nSome files to look at.\n")?;
    write("test.sh", TEST)?;
    for number in 0..FILES {
        let text: String = (0..LINES)
            .map(|line| format!("line {line} of file {number}\n"))
            .collect();
        write(&Files::read(number), &text)?;
    }
    let who = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"];
    for args in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--message", "A sample"],
    ] {
        let mut git = program::command("git");
        git.arg("-C").arg(folder).args(who).args(args);
        program::read(git)?;
    }
    Ok(folder.to_path_buf())
}
