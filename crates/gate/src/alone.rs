//! Check 7 where a runner names no tests: whether it is the change's own tests that notice a wrong product, and not those that were
//! there, nor the program that says how they went.

use std::collections::BTreeSet;

use crate::census;
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
        let seen = census::read(&self.run(&room, self.candidate.test_command)?);
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

    /// The programs of the repository that the test command starts through its scripts.
    pub(crate) fn started(&self) -> Result<BTreeSet<String>, GateError> {
        let mut lines = vec![self.candidate.test_command.to_owned()];
        let mut found = BTreeSet::new();
        for _ in 0..DEPTH_MAX {
            let new: Vec<&String> = { self.change.head_paths.keys() }
                .filter(|path| {
                    !found.contains(*path) && lines.iter().any(|line| starts(line, path))
                })
                .collect();
            if new.is_empty() {
                break;
            }
            let mut next = Vec::new();
            for path in new {
                found.insert(path.clone());
                if source::lang(path) == Lang::Hash || paths::extension(path).is_empty() {
                    let bytes = self.blob(self.candidate.head, path)?.unwrap_or_default();
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    next.extend(text.lines().map(str::to_owned));
                }
            }
            lines = next;
        }
        Ok(found)
    }
}

/// Whether a line of shell starts a file of the repository.
fn starts(line: &str, path: &str) -> bool {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let by_go = line.split(['|', ';', '&']).any(|part| {
        let mut words = part
            .split_whitespace()
            .skip_while(|word| *word != "run")
            .skip(1);
        part.trim_start().starts_with("go ")
            && words
                .find(|word| !word.starts_with('-'))
                .is_some_and(|word| {
                    word.trim_start_matches("./").trim_end_matches('/') == folder
                        && path.ends_with(".go")
                })
    });
    by_go || paths::run_by(line, path)
}

#[cfg(test)]
mod tests {
    use super::starts;

    #[test]
    fn what_a_line_starts() {
        for (line, path, expected) in [
            (
                "go run ./cmd/report raw.json junit.xml",
                "cmd/report/main.go",
                true,
            ),
            (
                "go test -json ./... > raw.json; go run -v ./cmd/report raw.json",
                "cmd/report/main.go",
                true,
            ),
            ("go run ./cmd/report", "cmd/reporter/main.go", false),
            ("go test ./cmd/report", "cmd/report/main.go", false),
            ("sh ci.sh", "ci.sh", true),
            ("./tools/run", "tools/run", true),
            ("python3 -m pytest src", "src/a.py", false),
        ] {
            assert_eq!(starts(line, path), expected, "{line}: {path}");
        }
    }
}
