//! Check 6: whether the tests run what the change wrote.
//!
//! Go's own tool says it of Go. A copy of the product gets marks for Python, JavaScript, TypeScript and Rust ([`marks`]): no tool of
//! another machine has to be there, and no configuration of the project is asked. What tests can write they can forge: this check is
//! not mandatory, and check 7 asks whether the tests look at what they run.

mod blocks;
pub(crate) mod marks;
mod profile;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::LazyLock;

use alai_core::qa::{Check, CheckResult, Measurement};
use alai_workspace::clone::INSIDE_HOME;
use alai_workspace::files;
use regex::Regex;

use self::marks::Detail;
use self::profile::Profile;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::profile::judge as judge_profile;
use crate::census::{self, Census};
use crate::change::{Change, ChangedFile};
use crate::checks::{fail, not_applicable, pass, some};
use crate::error::GateError;
use crate::measure::{Gate, head_set_up};
use crate::notice;
use crate::reports::INSIDE_GATE;
use crate::runs;
use crate::source::Lang;
use crate::stage::{Room, With};

/// Of the changed lines that can run, how many tests have to run: 80 % is where Google's guide calls a project's coverage "commendable" at
/// 75 and "exemplary" at 90 (testing.googleblog.com, 2020), and where the common services put their line for a patch.
const PERCENT_MIN: usize = 80;

/// A larger source is none that a person wrote; its lines are not followed.
const FILE_BYTES_MAX: usize = 1 << 20;

/// What every process of Node loads first: its marks write by it. Beside the tree and read-only, since a test that wrote another
/// one would be the marks of every process after it.
const HEARS: &str = "hears.cjs";

/// What the marks of one run can write: their numbers, once for each process.
const WRITTEN_MAX: u64 = 16 << 20;

/// Which of the changed lines that can run did.
#[derive(Debug, Default)]
struct Lines {
    ran: usize,
    /// By path, from 0, in order.
    idle: BTreeMap<String, Vec<usize>>,
}

impl Lines {
    fn add(&mut self, path: &str, line: usize, ran: bool) {
        match ran {
            true => self.ran += 1,
            false => self.idle.entry(path.to_owned()).or_default().push(line),
        }
    }

    fn judge(&self) -> Measurement {
        let check = Check::ChangedLineCoverage;
        let idle: usize = self.idle.values().map(Vec::len).sum();
        let all = self.ran + idle;
        if all == 0 {
            return not_applicable(check, NONE);
        }
        let words = format!(
            "the tests run {} of the {all} changed lines that can run",
            self.ran
        );
        if idle == 0 {
            return pass(check, words);
        }
        let places: Vec<String> = { self.idle.iter() }
            .flat_map(|(path, lines)| spans(lines).map(move |span| format!("{path}:{span}")))
            .collect();
        let words = format!("{words}; not {}", some(&places));
        match self.ran * 100 >= all * PERCENT_MIN {
            true => pass(check, words),
            false => fail(check, format!("{words}; at least {PERCENT_MIN} % have to")),
        }
    }
}

const NONE: &str = "the change has no line in a function of a language whose lines are followed";

/// `3`, `7-9`: from 1.
fn spans(lines: &[usize]) -> impl Iterator<Item = String> {
    lines.chunk_by(|a, b| a + 1 == *b).map(|span| match span {
        [one] => format!("{}", one + 1),
        span => format!("{}-{}", span[0] + 1, span[span.len() - 1] + 1),
    })
}

/// Changed lines of code of the product, from 0, by path.
type Wanted<'a> = BTreeMap<&'a str, (&'a ChangedFile, Vec<usize>)>;

/// What one run with marks told.
enum Followed {
    Lines(Lines),
    /// The tests went otherwise than without marks.
    Otherwise(String),
}

impl<'a> Gate<'a> {
    /// Check 6. `head` is how the tests went without marks.
    pub(crate) fn covered(
        &mut self,
        head: &Census,
        before: &[Measurement],
    ) -> Result<Measurement, GateError> {
        let check = Check::ChangedLineCoverage;
        let vetoed = |m: &&Measurement| m.check.mandatory() && m.result == CheckResult::Fail;
        if before.iter().any(|m| vetoed(&m)) {
            return Ok(not_applicable(
                check,
                "the change fails already; nothing was followed",
            ));
        }
        if !head.exit.success() {
            return Ok(not_applicable(
                check,
                "the tests of the head are red; nothing was followed",
            ));
        }
        let mut wanted = self.wanted();
        for path in wanted.keys().copied().collect::<Vec<_>>() {
            if path.ends_with(".rs") && self.is_bare(path)? {
                wanted.remove(path);
            }
        }
        // Go has marks of its own, and no second way.
        let marked = wanted.values().any(|(file, _)| file.lang() != Lang::Go);
        if wanted.is_empty() {
            return Ok(not_applicable(check, NONE));
        }
        let mut why = String::new();
        for detail in [Detail::Statements, Detail::Functions] {
            if detail == Detail::Functions && !marked {
                break;
            }
            match self.followed(&wanted, detail, head)? {
                None => return Ok(not_applicable(check, NONE)),
                Some(Followed::Lines(lines)) => return Ok(lines.judge()),
                Some(Followed::Otherwise(words)) => why = words,
            }
        }
        Ok(fail(
            check,
            format!("the lines could not be followed: {why}"),
        ))
    }

    /// The changed lines of code of the product, by path.
    fn wanted(&self) -> Wanted<'a> {
        let change: &'a Change = self.change;
        let followed = |file: &&'a ChangedFile| {
            let lang =
                [Lang::Rust, Lang::Python, Lang::Go, Lang::JavaScript].contains(&file.lang());
            // Markup and styles around the code are no code of that language.
            let mixed = ["vue", "svelte"].contains(&crate::paths::extension(&file.path).as_str());
            let small = file
                .head
                .text()
                .is_some_and(|text| text.len() <= FILE_BYTES_MAX);
            lang && !mixed && small && !self.rules.is_scaffolded(file)
        };
        // Of several runs only the last one's profile is left.
        let one_run = self.candidate.test_command.matches("go test").count() <= 1;
        let files = change.files.iter().filter(followed);
        files
            .filter(|file| self.is_product(&file.path))
            .filter(|file| one_run || file.lang() != Lang::Go)
            .map(|file| {
                let lines = notice::code_lines(
                    file.head_source(),
                    file.head.text(),
                    file.lang(),
                    &file.added,
                );
                (file.path.as_str(), (file, lines))
            })
            .filter(|(_, (_, lines))| !lines.is_empty())
            .collect()
    }

    /// Runs the tests of the head with marks. `None`: there is no place for one.
    fn followed(
        &mut self,
        wanted: &Wanted<'_>,
        detail: Detail,
        head: &Census,
    ) -> Result<Option<Followed>, GateError> {
        let room = self.stage.room(
            "lines that run",
            self.candidate.head,
            head_set_up(self.candidate),
        )?;
        let names = Names::new(&room)?;
        let go = wanted.values().any(|(file, _)| file.lang() == Lang::Go);
        let spoken = put_marks(&room, &names, wanted, detail)?;
        if spoken.is_empty() && !go {
            return Ok(None);
        }
        let hears = marks::preload(&names.inside("lines"));
        let mut with = With {
            env: vec![("NODE_OPTIONS", format!("--require={INSIDE_GATE}/{HEARS}"))],
            programs: vec![(HEARS, &hears)],
        };
        if go {
            let flags = format!("-coverprofile={} -coverpkg=./...", names.inside("profile"));
            with.env.push(("GOFLAGS", flags));
            // Where a program of the project is built with the same flags, it says on its standard error that this is not set.
            with.env.push(("GOCOVERDIR", INSIDE_HOME.to_owned()));
        }
        let (mut seen, mut ended) = (None, "");
        // What is tested may be what was built.
        for command in self
            .candidate
            .build_command
            .into_iter()
            .chain([self.candidate.test_command])
        {
            let ran = self.stage.tests_with(&room, command, &with)?;
            let (ran, census) = self.ran(ran);
            (seen, ended) = (Some(census), command);
            if !ran.success() {
                break;
            }
        }
        let Some(seen) = seen else {
            return Ok(None);
        };
        let same =
            seen.exit.success() && (!head.known || census::compare(head, &seen).lost.is_empty());
        if !same {
            return Ok(Some(Followed::Otherwise(format!(
                "with marks in them, the tests ended otherwise ({})",
                { self.commands.last() }
                    .and_then(|ran| runs::cut_off(ended, ran.record.exit))
                    .unwrap_or_else(|| seen.exit.to_string())
            ))));
        }
        let written = room.read_at_home(&names.name("lines"));
        let numbers: BTreeSet<usize> = { written.lines() }
            .filter_map(|line| line.trim().parse().ok())
            .collect();
        let heard = written.lines().any(|line| line.trim() == marks::HEARD);
        let mut lines = Lines::default();
        for (number, (file, spoken)) in &spoken {
            // A runtime that loads no module of Node's hears no mark: that tells nothing of the lines.
            if file.lang() == Lang::JavaScript && !heard {
                continue;
            }
            for line in spoken {
                lines.add(&file.path, *line, numbers.contains(number));
            }
        }
        if go {
            let paths = wanted.values().filter(|(file, _)| file.lang() == Lang::Go);
            let paths: Vec<&str> = paths.map(|(file, _)| file.path.as_str()).collect();
            let profile = profile::read(&room.read_at_home(&names.name("profile")), &paths);
            add_go(&mut lines, wanted, &profile);
        }
        for idle in lines.idle.values_mut() {
            idle.sort_unstable();
        }
        Ok(Some(Followed::Lines(lines)))
    }

    /// Whether a file of Rust belongs to a crate without the standard library, in which no mark can write.
    fn is_bare(&self, path: &str) -> Result<bool, GateError> {
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            folder = parent;
            for root in ["lib.rs", "main.rs"] {
                let root = format!("{folder}/{root}");
                if !self.change.head_paths.contains_key(&root) {
                    continue;
                }
                let text = self.small_blob(self.candidate.head, &root)?;
                if NO_STD.is_match(&text) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

static NO_STD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*#!\[.*\bno_std\b").expect("a fixed pattern"));

/// What each mark speaks for.
type Spoken<'a> = BTreeMap<usize, (&'a ChangedFile, Vec<usize>)>;

fn put_marks<'a>(
    room: &Room,
    names: &Names,
    wanted: &Wanted<'a>,
    detail: Detail,
) -> Result<Spoken<'a>, GateError> {
    let mut spoken = Spoken::new();
    for (path, (file, lines)) in wanted {
        let Some(text) = file.head.text() else {
            continue;
        };
        let into = names.inside("lines");
        let Some(marked) = marks::mark(path, text, lines, detail, spoken.len(), &into) else {
            continue;
        };
        room.put(path, marked.text.as_bytes(), file.new_mode == 0o100_755)?;
        let lines = marked.lines.into_iter();
        spoken.extend(lines.map(|(number, lines)| (number, (*file, lines))));
    }
    Ok(spoken)
}

fn add_go(lines: &mut Lines, wanted: &Wanted<'_>, profile: &Profile) {
    let of_go = wanted
        .iter()
        .filter(|(_, (file, _))| file.lang() == Lang::Go);
    for (path, (file, wanted)) in of_go {
        let text: Vec<&str> = file.head.text().unwrap_or_default().lines().collect();
        for line in wanted {
            let Some(code) = text
                .get(*line)
                .filter(|code| code.contains(char::is_alphanumeric))
            else {
                continue;
            };
            // Go counts columns in bytes.
            let column = code.len() - code.trim_start().len();
            if let Some(ran) = profile.ran(path, *line, column) {
                lines.add(path, *line, ran);
            }
        }
    }
}

/// Files that one run writes into the home of its cage, by names that no test knows beforehand.
struct Names(String);

impl Names {
    fn new(room: &Room) -> Result<Names, GateError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|e| room.failed("a name for marks", std::io::Error::other(e.to_string())))?;
        Ok(Names(format!(".followed-{}", hex::encode(random))))
    }

    fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.0)
    }

    fn inside(&self, what: &str) -> String {
        format!("{INSIDE_HOME}/{}", self.name(what))
    }
}

impl Room {
    /// What a run has left in its home; nothing where it left none.
    fn read_at_home(&self, name: &str) -> String {
        let path = self.home().join(name);
        let read = || -> std::io::Result<String> {
            let file = match files::open_plain(&path, std::fs::OpenOptions::new().read(true)) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(String::new());
                }
                Err(error) => return Err(error),
            };
            let mut bytes = Vec::new();
            file.take(WRITTEN_MAX).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        // A test may put there what it likes: that shows nothing of lines.
        read().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(ran: usize, idle: &[(&str, &[usize])]) -> Lines {
        let idle = idle
            .iter()
            .map(|(path, lines)| ((*path).to_owned(), lines.to_vec()));
        Lines {
            ran,
            idle: idle.collect(),
        }
    }

    #[test]
    fn four_of_five_lines_have_to_run() {
        for (ran, idle, result) in [
            (4, &[2][..], CheckResult::Pass),
            (3, &[2], CheckResult::Fail),
            (3, &[], CheckResult::Pass),
            (0, &[], CheckResult::NotApplicable),
            (0, &[1], CheckResult::Fail),
        ] {
            let idle: &[(&str, &[usize])] = &[("a.rs", idle)];
            assert_eq!(lines(ran, idle).judge().result, result, "{ran} {idle:?}");
        }
        let said = lines(1, &[("a.rs", &[2, 6, 7, 8]), ("b.rs", &[0])])
            .judge()
            .detail;
        assert_eq!(
            said,
            "the tests run 1 of the 6 changed lines that can run; not a.rs:3; a.rs:7-9; b.rs:1; at least 80 % have to"
        );
    }
}
