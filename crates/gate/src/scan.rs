//! The scanners of check 12: each that reads a changed file runs on the head and, where it finds something, on the base. What
//! the base has as often is not the change's.
//!
//! A scanner that is not there is named with the line that installs it, and the built-in rules decide alone. One that is there
//! and does not answer fails the check: a tool's error is no clean result.

use alai_core::qa::scanners::{self, CONFIGURATION, SCANNERS, Scanner, WITHOUT};
use alai_core::qa::{Check, CheckResult, Measurement};
use alai_core::record::{Captured, Exit};
use alai_core::review::{Finding, Severity};
use alai_workspace::git::Oid;

use crate::change::{Change, ChangedFile};
use crate::checks::{fail, pass, some};
use crate::error::GateError;
use crate::measure::Gate;
use crate::paths;
use crate::stage::Room;

/// Arguments of one command: 200 paths of a hundred bytes are far from what a kernel takes.
const FILES_MAX: usize = 200;

/// What a scanner's program is followed by in the output. No line of JSON looks like it.
const NOT_FOUND: &str = "alai-scanner: not on the path";
const OUTPUT: &str = "\nalai-scanner: output\n";
const ENDED: &str = "\nalai-scanner: ended\n";

/// What became of a scanner on one commit.
enum Answer {
    Missing,
    Read {
        version: String,
        found: Vec<Finding>,
    },
    /// In words.
    Failed(String),
}

/// What a scanner says of the change.
struct Seen {
    scanner: &'static Scanner,
    /// Changed files that it reads.
    files: usize,
    said: Said,
}

enum Said {
    Missing,
    Failed(String),
    New {
        version: String,
        new: Vec<Finding>,
        /// Why nothing of it can be told from what was there before.
        base_failed: Option<String>,
    },
}

impl Gate<'_> {
    /// Runs the scanners and joins what they say with the built-in rules' measurement.
    pub(crate) fn scan(&mut self, into: &mut [Measurement]) -> Result<(), GateError> {
        let mut rooms = Rooms::default();
        let mut seen = Vec::new();
        for scanner in &SCANNERS {
            let files = read_by(scanner, self.change);
            if !files.is_empty() {
                let said = self.scan_with(scanner, &files, &mut rooms)?;
                let files = files.len();
                seen.push(Seen {
                    scanner,
                    files,
                    said,
                });
            }
        }
        let without = without(self.change);
        let built_in = into.iter_mut().find(|m| m.check == Check::StaticAnalysis);
        if let Some(built_in) = built_in {
            *built_in = judged(built_in, &seen, &without);
        }
        Ok(())
    }

    fn scan_with(
        &mut self,
        scanner: &'static Scanner,
        files: &[&ChangedFile],
        rooms: &mut Rooms,
    ) -> Result<Said, GateError> {
        let head = self.candidate.head;
        let room = rooms.head.get_or_open(self, "scanners", head)?;
        let of_head: Vec<&str> = files.iter().map(|f| f.path.as_str()).collect();
        let (version, now) = match self.ask(scanner, &of_head, room)? {
            Answer::Missing => return Ok(Said::Missing),
            Answer::Failed(why) => return Ok(Said::Failed(why)),
            Answer::Read { version, found } => (version, found),
        };
        let of_base: Vec<&ChangedFile> = { files.iter().copied() }
            .filter(|f| f.base.text().is_some())
            .collect();
        let (mut before, mut base_failed) = (Vec::new(), None);
        // Where the head has nothing, nothing can be new.
        if !now.is_empty() && !of_base.is_empty() {
            let base = self.candidate.base;
            let room = rooms.base.get_or_open(self, "scanners on the base", base)?;
            let paths: Vec<&str> = of_base.iter().map(|f| f.base_path()).collect();
            match self.ask(scanner, &paths, room)? {
                Answer::Read { found, .. } => before = found,
                Answer::Missing => base_failed = Some("it was not found there".to_owned()),
                Answer::Failed(why) => base_failed = Some(why),
            }
        }
        // A file that moved is the same one.
        for finding in &mut before {
            let moved = |f: &&&ChangedFile| finding.path.as_deref() == Some(f.base_path());
            let path = of_base.iter().find(moved).map(|f| f.path.clone());
            finding.path = path.or(finding.path.take());
        }
        let written = |finding: &Finding| {
            let file = files
                .iter()
                .find(|f| Some(f.path.as_str()) == finding.path.as_deref());
            let line = finding.line.and_then(|line| usize::try_from(line).ok());
            let line = line.and_then(|line| line.checked_sub(1));
            file.zip(line)
                .is_some_and(|(file, line)| file.added.contains(&line))
        };
        Ok(Said::New {
            version,
            new: scanners::added(&before, &now, &written),
            base_failed,
        })
    }

    /// All of these files, in as many commands as they need.
    fn ask(&mut self, scanner: &Scanner, files: &[&str], room: &Room) -> Result<Answer, GateError> {
        let (mut all, mut last) = (Vec::new(), String::new());
        for files in files.chunks(FILES_MAX) {
            let ran = self.run(room, &line(scanner, files))?;
            match answer(scanner, &ran, files) {
                Answer::Read { version, found } => {
                    all.extend(found);
                    last = version;
                }
                none @ (Answer::Missing | Answer::Failed(_)) => return Ok(none),
            }
        }
        Ok(Answer::Read {
            version: last,
            found: all,
        })
    }
}

/// One clone of each side for all scanners: they read and write nothing there.
#[derive(Default)]
struct Rooms {
    head: Lazy,
    base: Lazy,
}

#[derive(Default)]
struct Lazy(Option<Room>);

impl Lazy {
    fn get_or_open(
        &mut self,
        gate: &Gate<'_>,
        purpose: &str,
        commit: &Oid,
    ) -> Result<&Room, GateError> {
        let room = match self.0.take() {
            Some(room) => room,
            None => gate.room(purpose, commit)?,
        };
        Ok(self.0.insert(room))
    }
}

/// Changed files of the product that it reads. What tests do does not ship, as for the built-in rules.
fn read_by<'a>(scanner: &Scanner, change: &'a Change) -> Vec<&'a ChangedFile> {
    let reads = |file: &&ChangedFile| {
        let first = file
            .head
            .text()
            .map(|text| text.lines().next().unwrap_or_default());
        first.is_some_and(|first| scanner.reads(&file.path, first)) && !paths::is_test(&file.path)
    };
    change.files.iter().filter(reads).collect()
}

/// Languages of the change that no scanner was chosen for.
fn without(change: &Change) -> Vec<&'static str> {
    let wrote = |endings: &[&str]| {
        let mut files = change.files.iter().filter(|f| f.head.text().is_some());
        files.any(|f| {
            endings.contains(&paths::extension(&f.path).as_str()) && !paths::is_test(&f.path)
        })
    };
    let missed = WITHOUT.iter().filter(|(endings, _, _)| wrote(endings));
    missed.map(|(_, name, _)| *name).collect()
}

/// Version and results in one command, so that what answers is what was asked for its version. Its home is a new one, and
/// variables that would have it load or leave out something are gone: set-up and services come from the project.
fn line(scanner: &Scanner, files: &[&str]) -> String {
    let files: Vec<String> = files.iter().map(|path| paths::quoted(path)).collect();
    let name = scanner.name;
    let beside: String = { scanner.beside.iter() }
        .map(|package| format!("test -d \"$(dirname \"$(readlink -f \"$(command -v {name})\")\")/../../{package}\" || {{ echo '{NOT_FOUND}'; exit 127; }}\n"))
        .collect();
    let configuration = scanner.configuration.map_or_else(String::new, |text| {
        format!("cat > \"$HOME/{CONFIGURATION}\" <<'ALAI_END'\n{text}\nALAI_END\n")
    });
    format!(
        "command -v {name} > /dev/null || {{ echo '{NOT_FOUND}'; exit 127; }}\n\
         {beside}\
         HOME=$(mktemp -d) || exit 126\n\
         export HOME PYTHONNOUSERSITE=1 LC_ALL=C.UTF-8\n\
         unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME\n\
         unset PYTHONPATH PYTHONHOME PYTHONSTARTUP SHELLCHECK_OPTS NODE_OPTIONS NODE_PATH ESLINT_FLAGS\n\
         {configuration}\
         {version}\n\
         printf '\\n%s\\n' '{output}'\n\
         {argv} {files} 2> \"$HOME/said\"\n\
         code=$?\n\
         printf '\\n%s\\n' '{ended}'\n\
         tail -c 500 \"$HOME/said\"\n\
         exit $code",
        version = scanner.version_argv().join(" "),
        output = OUTPUT.trim(),
        argv = scanner.argv().join(" "),
        files = files.join(" "),
        ended = ENDED.trim(),
    )
}

fn answer(scanner: &Scanner, ran: &Captured, files: &[&str]) -> Answer {
    let text = ran.stdout.as_str();
    let parts = text
        .split_once(OUTPUT)
        .and_then(|(version, rest)| Some((version, rest.split_once(ENDED)?)));
    let code = match ran.record.exit {
        Exit::Code { code } => code,
        ended @ (Exit::Signal { .. }
        | Exit::TimedOut { .. }
        | Exit::Cancelled
        | Exit::TooMuchOutput { .. }
        | Exit::OverLimit { .. }) => return Answer::Failed(ended.to_string()),
    };
    let Some((version, (output, said))) = parts.filter(|_| !ran.truncated) else {
        let missing = code == 127 && text.lines().any(|line| line == NOT_FOUND);
        return match missing {
            true => Answer::Missing,
            false => Answer::Failed(format!("exit {code} without an answer: {}", end(text))),
        };
    };
    match scanner.read(code, output.trim(), files) {
        Ok(found) => Answer::Read {
            version: scanner
                .version(version)
                .unwrap_or_else(|| "of no version that it tells".into()),
            found,
        },
        Err(why) if said.trim().is_empty() => Answer::Failed(why),
        Err(why) => Answer::Failed(format!("{why}: {}", end(said))),
    }
}

/// The last line of what a program said.
fn end(text: &str) -> &str {
    let mut lines = text.lines().rev();
    let line = lines.find(|line| !line.trim().is_empty());
    line.unwrap_or("it said nothing").trim()
}

fn judged(built_in: &Measurement, seen: &[Seen], without: &[&str]) -> Measurement {
    let mut bad = Vec::new();
    let mut told = Vec::new();
    match built_in.result {
        CheckResult::Fail => bad.push(built_in.detail.clone()),
        CheckResult::Pass | CheckResult::NotApplicable => told.push(built_in.detail.clone()),
    }
    for Seen {
        scanner,
        files,
        said,
    } in seen
    {
        let name = scanner.name;
        match said {
            Said::Missing => told.push(format!(
                "{name} is missing (`{}`), so the built-in rules alone decide on what it reads (files: {files})",
                scanner.install
            )),
            Said::Failed(why) => bad.push(format!("{name} gave no answer: {why}")),
            Said::New {
                version,
                new,
                base_failed,
            } => {
                let (high, low): (Vec<_>, Vec<_>) =
                    new.iter().partition(|f| f.severity == Severity::High);
                bad.extend(high.into_iter().map(|finding| format!("{name}: {}", one(finding))));
                told.push(match low.is_empty() {
                    true => format!("{name} {version} (files: {files}): nothing else is new"),
                    false => {
                        let low: Vec<String> = low.into_iter().map(one).collect();
                        format!("{name} {version}: new below high: {}", some(&low))
                    }
                });
                if version != scanner.pinned {
                    told.push(format!("{name} is {version}, and {} is pinned", scanner.pinned));
                }
                if let Some(why) = base_failed {
                    told.push(format!("{name} gave no answer on the base, which excuses nothing: {why}"));
                }
            }
        }
    }
    if !without.is_empty() {
        told.push(format!("no scanner is chosen for {}", without.join(", ")));
    }
    match bad.is_empty() {
        true => pass(Check::StaticAnalysis, told.join("; ")),
        false => {
            let shown = some(&bad);
            fail(
                Check::StaticAnalysis,
                [vec![shown], told].concat().join("; "),
            )
        }
    }
}

/// `path:line words (rule)`.
fn one(finding: &Finding) -> String {
    let line = finding.line.map(|line| format!(":{line}"));
    let rule = finding.rule.as_ref().map(|rule| format!(" ({rule})"));
    format!(
        "{}{} {}{}",
        finding.path.as_deref().unwrap_or_default(),
        line.unwrap_or_default(),
        finding.title,
        rule.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, title: &str) -> Finding {
        Finding {
            path: Some("a.py".into()),
            line: Some(3),
            rule: Some("B602".into()),
            ..Finding::new(severity, title)
        }
    }

    fn seen(said: Said) -> Seen {
        Seen {
            scanner: &SCANNERS[0],
            files: 2,
            said,
        }
    }

    fn clean() -> Measurement {
        pass(Check::StaticAnalysis, "no new finding of 22 built-in rules")
    }

    fn new(version: &str, new: Vec<Finding>) -> Seen {
        seen(Said::New {
            version: version.into(),
            new,
            base_failed: None,
        })
    }

    #[test]
    fn high_ones_fail_and_others_are_told() {
        let high = judged(
            &clean(),
            &[new("1.9.4", vec![finding(Severity::High, "a shell")])],
            &[],
        );
        assert_eq!(high.result, CheckResult::Fail);
        assert!(
            high.detail.starts_with("bandit: a.py:3 a shell (B602); "),
            "{}",
            high.detail
        );
        let low = [Severity::Low, Severity::Medium].map(|severity| finding(severity, "an import"));
        let low = judged(&clean(), &[new("1.9.4", low.into())], &["Go"]);
        assert_eq!(low.result, CheckResult::Pass);
        assert!(
            low.detail
                .contains("bandit 1.9.4: new below high: a.py:3 an import (B602); a.py:3")
                && low.detail.ends_with("no scanner is chosen for Go"),
            "{}",
            low.detail
        );
        let old = judged(&clean(), &[new("1.7.0", Vec::new())], &[]);
        assert!(
            old.detail.ends_with("bandit is 1.7.0, and 1.9.4 is pinned"),
            "{}",
            old.detail
        );
    }

    #[test]
    fn what_is_missing_is_named_and_what_gives_no_answer_fails() {
        let missing = judged(&clean(), &[seen(Said::Missing)], &[]);
        assert_eq!(missing.result, CheckResult::Pass);
        assert!(
            missing.detail.contains("`pipx install bandit==1.9.4`"),
            "{}",
            missing.detail
        );
        let failed = judged(
            &clean(),
            &[seen(Said::Failed("timed out after 2 s".into()))],
            &[],
        );
        assert_eq!(failed.result, CheckResult::Fail);
        let found = fail(Check::StaticAnalysis, "a.py:1 unpickling");
        let both = judged(&found, &[new("1.9.4", Vec::new())], &[]);
        assert_eq!(both.result, CheckResult::Fail);
        assert!(
            both.detail.starts_with("a.py:1 unpickling; bandit 1.9.4"),
            "{}",
            both.detail
        );
    }

    #[test]
    fn tests_and_what_is_gone_are_not_read() {
        let change = Change::of(&[
            ("a.py", Some("x = 1\n"), Some("x = 2\n")),
            ("run", None, Some("#!/usr/bin/env python3\nx = 2\n")),
            ("tests/test_a.py", None, Some("assert True\n")),
            ("gone.py", Some("x = 1\n"), None),
            ("a.rs", None, Some("fn a() {}\n")),
        ]);
        let read = read_by(&SCANNERS[0], &change);
        let paths: Vec<&str> = read.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["a.py", "run"]);
        assert_eq!(without(&change), ["Rust"]);
    }
}
