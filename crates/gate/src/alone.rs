//! Check 7 where a runner names no tests: whether it is the change's own tests that notice a wrong product, and not those that were
//! there, nor the program that says how they went.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::GateError;
use crate::measure::{Gate, head_set_up};
use crate::mutants::Answer;
use crate::notice::{Own, Tried};
use crate::paths;
use crate::source::{self, Lang};
use crate::testfns;

/// Scripts in scripts: a deeper one is nobody's habit.
const DEPTH_MAX: usize = 3;

impl Gate<'_> {
    /// Whether the change's own tests pass whatever the product answers, once the tests that were there are taken away. `false` where
    /// nothing tells: there are no others, or without them the runner does not run.
    pub(crate) fn pass_alone(&mut self, product: &[String]) -> Result<bool, GateError> {
        let others = self.others();
        if others.is_empty() {
            return Ok(false);
        }
        let room = self.stage.room(
            "the tests of the change alone",
            self.candidate.head,
            head_set_up(self.candidate),
        )?;
        for path in &others {
            room.take(path)?;
        }
        let (_, seen) = self.tests(&room)?;
        drop(room);
        if !seen.exit.success() || seen.tally.is_none_or(|tally| tally.total() == 0) {
            return Ok(false);
        }
        for answer in [Answer::Nothing, Answer::Other] {
            match self.answering_wrongly(answer, &Own::All, product, &others)? {
                Tried::Ran(seen) if seen.exit.success() => {}
                Tried::Ran(_) | Tried::NoFunction | Tried::Unable(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The files of tests that the change leaves as they are, where it brings some of its own. Rust's stand in its sources.
    fn others(&self) -> Vec<String> {
        let holds = |path: &str, text: &str| {
            source::lang(path) != Lang::Rust && !testfns::find(text, source::lang(path)).is_empty()
        };
        let own: BTreeSet<&str> = { self.change.files.iter() }
            .filter(|file| !file.is_deleted() && self.rules.is_test(&file.path))
            .filter(|file| holds(&file.path, file.head.text().unwrap_or_default()))
            .map(|file| file.path.as_str())
            .collect();
        if own.is_empty() {
            return Vec::new();
        }
        let others = self
            .change
            .tests
            .iter()
            .filter(|(path, text)| holds(path, text));
        others
            .map(|(path, _)| path.clone())
            .filter(|path| !own.contains(path.as_str()))
            .collect()
    }

    /// The programs of the repository that the test command starts through its scripts, as the base has them: what a change
    /// writes into a script chooses nothing here.
    pub(crate) fn started(&self) -> Result<BTreeSet<String>, GateError> {
        let paths = &self.change.base_paths;
        let mut lines = vec![self.candidate.test_command.to_owned()];
        let mut found = BTreeSet::new();
        for _ in 0..DEPTH_MAX {
            let mut new = BTreeSet::new();
            for line in lines.iter().take(LINES_MAX) {
                if self.stage.cancel.is_cancelled() {
                    return Err(GateError::Cancelled);
                }
                new.extend(started_by(line, paths));
            }
            new.retain(|path| !found.contains(path));
            lines.clear();
            for path in &new {
                if source::lang(path) == Lang::Hash || paths::extension(path).is_empty() {
                    let text = self.small_blob(self.candidate.base, path)?;
                    lines.extend(text.lines().map(str::to_owned));
                }
            }
            found.extend(new);
        }
        Ok(found)
    }
}

/// Lines of all scripts of one depth, and the words of one line: no test is started by more.
const LINES_MAX: usize = 2_000;
const WORDS_MAX: usize = 200;

/// The files that a line of shell starts, of those that it names.
fn started_by(line: &str, paths: &BTreeMap<String, u32>) -> BTreeSet<String> {
    let words = line.split(|c: char| c.is_whitespace() || "\"';&|()".contains(c));
    let words: Vec<&str> = words
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .collect();
    let mut folder = String::new();
    let mut named = BTreeSet::new();
    let mut before = "";
    for word in &words {
        let plain = word.trim_start_matches("./").trim_end_matches('/');
        if before == "cd" {
            folder = format!("{plain}/");
        }
        named.extend([plain.to_owned(), format!("{folder}{plain}")]);
        before = word;
    }
    let mut found = BTreeSet::new();
    for name in &named {
        if paths.contains_key(name) && paths::run_by(line, name) {
            found.insert(name.clone());
        }
    }
    if let Some(package) = package_of(line) {
        let below = format!("{package}/");
        let near = paths.range(below.clone()..).map(|(path, _)| path);
        let near = near.take_while(|path| path.starts_with(&below));
        let own = near.filter(|path| path.ends_with(".go") && !path[below.len()..].contains('/'));
        found.extend(own.cloned());
    }
    found
}

/// The folder of the package that `go run` starts.
fn package_of(line: &str) -> Option<&str> {
    line.split(['|', ';', '&']).find_map(|part| {
        let mut words = part.split_whitespace();
        let go = words.next() == Some("go") && words.next() == Some("run");
        let package = words.find(|word| !word.starts_with('-')).filter(|_| go)?;
        Some(package.trim_start_matches("./").trim_end_matches('/'))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::started_by;

    #[test]
    fn what_a_line_starts() {
        let paths: BTreeMap<String, u32> = [
            "cmd/report/main.go",
            "cmd/report/read.go",
            "cmd/reporter/main.go",
            "cmd/report/in/x.go",
            "ci.sh",
            "tools/run",
            "src/a.py",
            "ci/verify",
        ]
        .map(|path| (path.to_owned(), 0o100_644))
        .into();
        for (line, expected) in [
            (
                "go run ./cmd/report raw.json junit.xml",
                &["cmd/report/main.go", "cmd/report/read.go"][..],
            ),
            (
                "go test -json ./... > raw.json; go run -v ./cmd/report raw.json",
                &["cmd/report/main.go", "cmd/report/read.go"],
            ),
            ("go test ./cmd/report", &[]),
            ("sh ci.sh", &["ci.sh"]),
            ("./tools/run", &["tools/run"]),
            ("cd ci && sh verify", &["ci/verify"]),
            ("python3 -m pytest src", &[]),
        ] {
            let found = started_by(line, &paths);
            assert!(found.iter().eq(expected.iter()), "{line}: {found:?}");
        }
    }
}
