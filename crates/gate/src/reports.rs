//! Asks a project's runners for a report for machines beside what they print, and takes it out of the cage.
//!
//! Nothing of the test command is rewritten: pytest is asked by its variable, `go test` by a program of its name that stands first
//! on the path, and runners on Node by a module that is loaded before them. Those programs are shown read-only, outside of all that the
//! cage writes. Reports lie under a name that is drawn for each run, so
//! that nothing that was there before is taken for one. Whoever runs in the cage can still write them: `census::report` holds them
//! against the printed lines.

use std::io::Read;
use std::path::PathBuf;
use std::sync::LazyLock;

use alai_core::record::Captured;
use alai_workspace::clone::INSIDE_HOME;
use alai_workspace::files;
use regex::Regex;

use crate::census::{self, Form, OUTPUT_BYTES_MAX, Report};
use crate::error::GateError;
use crate::stage::{self, Room};

/// Processes of one test command that leave a report; workspaces of some hundred packages have one each.
const REPORTS_MAX: usize = 500;
/// Of all reports of a run; a larger one is not read, and then the lines decide.
const BYTES_MAX: u64 = OUTPUT_BYTES_MAX as u64 * 4;
/// A larger configuration of a runner is none that a person wrote.
const CONFIGURATION_BYTES_MAX: u64 = 1 << 20;

/// Where pytest is configured, at the top of a tree.
const PYTEST: [&str; 5] = [
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
];

/// `node --test`, as a word of a command.
static NODE_TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\bnode\b[^\n"'&|;]*\s--test(?:\s|["'&|;]|$)"#).expect("a fixed pattern")
});
static NODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(node|npm|npx|yarn|pnpm|vitest|jest|mocha)\b").expect("a fixed pattern")
});
static GO: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bgo\b").expect("a fixed pattern"));

/// What a runner of a version says that does not know what it was asked.
const REFUSED: [(Form, &str); 3] = [
    (Form::Pytest, "unrecognized arguments: --junit-xml"),
    (Form::Node, "is not allowed in NODE_OPTIONS"),
    (Form::Node, "'--test-reporter-destination'"),
];

/// What one run of the tests is asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    prefix: String,
    pub(crate) forms: Vec<Form>,
    /// Joined with what is there.
    pub(crate) env: Vec<(&'static str, String)>,
    /// What is asked with, as it lies outside; inside at [`INSIDE_GATE`], where nothing of the cage writes.
    pub(crate) programs: PathBuf,
    /// Whether that folder is before all others on the path.
    pub(crate) on_path: bool,
}

/// Where a cage of the gate's has the programs that ask for reports. It is none of what the tests may write: whoever could rename it
/// would be the `go` of every command after it.
pub(crate) const INSIDE_GATE: &str = "/gate";

impl Asked {
    /// Puts what asks for reports beside a clone.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn of(room: &Room, command: &str) -> Result<Asked, GateError> {
        let failed = |what: &str, why| room.failed(what, why);
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|e| failed("a name for reports", std::io::Error::other(e.to_string())))?;
        let prefix = format!(".report-{}-", hex::encode(random));
        let inside = format!("{INSIDE_HOME}/{prefix}");
        let programs = room.programs(&format!("asked{prefix}"));
        let mut asked = Asked {
            programs: programs.map_err(|why| failed("a folder of programs", why))?,
            prefix,
            ..Asked::default()
        };
        let is_there = |name: &str| room.repo.join(name).exists();
        let configured: String = PYTEST.map(|name| room.small(name)).concat();
        // A project that writes such a report itself reads it too.
        if ![command, &configured]
            .iter()
            .any(|text| text.contains("junit"))
        {
            let options = format!("--junit-xml={inside}pytest.xml -o junit_family=xunit1");
            asked.env.push(("PYTEST_ADDOPTS", options));
            asked.forms.push(Form::Pytest);
        }
        if is_there("package.json") || NODE.is_match(command) {
            asked.node(room, command, &inside)?;
        }
        if is_there("go.mod") || is_there("go.work") || GO.is_match(command) {
            asked.go(room, &inside)?;
        }
        Ok(asked)
    }

    fn put(&self, room: &Room, name: &str, text: &str) -> Result<(), GateError> {
        stage::place_program(&self.programs, name, text.as_bytes())
            .map_err(|why| room.failed(name, why))
    }

    fn node(&mut self, room: &Room, command: &str, inside: &str) -> Result<(), GateError> {
        let filled =
            |text: &str| { text.replace("@PREFIX@", inside) }.replace("@GATE@", INSIDE_GATE);
        self.put(
            room,
            "preload.cjs",
            &filled(include_str!("reports/preload.cjs")),
        )?;
        self.put(
            room,
            "mocha.cjs",
            &filled(include_str!("reports/mocha.cjs")),
        )?;
        let mut options = format!("--require={INSIDE_GATE}/preload.cjs");
        let scripts = format!("{command}\n{}", room.small("package.json"));
        if NODE_TEST.is_match(&scripts) && !scripts.contains("--test-reporter") {
            self.put(room, "node.mjs", &filled(include_str!("reports/node.mjs")))?;
            self.forms.push(Form::Node);
            let to = "--test-reporter-destination=stdout";
            options.push_str(&format!(
                " --test-reporter=tap {to} --test-reporter={INSIDE_GATE}/node.mjs {to}"
            ));
        }
        self.env.push(("NODE_OPTIONS", options));
        self.forms.extend([Form::Jest, Form::Vitest, Form::Mocha]);
        Ok(())
    }

    fn go(&mut self, room: &Room, inside: &str) -> Result<(), GateError> {
        let text = include_str!("reports/go.sh").replace("@PREFIX@", inside);
        self.put(room, "go", &text.replace("@BIN@", INSIDE_GATE))?;
        self.forms.push(Form::Go);
        self.on_path = true;
        Ok(())
    }

    /// Whether a runner would not start because of what it was asked. One that was not asked, or of which anything ran, did not
    /// refuse: whoever prints these words would have a second try.
    pub(crate) fn was_refused(&self, captured: &Captured) -> bool {
        let text = captured.combined();
        let refuses =
            |(form, words): &(Form, &str)| self.forms.contains(form) && text.contains(words);
        !captured.success()
            && REFUSED.iter().any(refuses)
            && census::read(captured).runners.is_empty()
    }

    /// The runner whose report has this name; none where that was not asked, since then nobody but the tests wrote it.
    fn form_of(&self, name: &str) -> Option<Form> {
        let form = form_of(name.strip_prefix(&self.prefix)?)?;
        self.forms.contains(&form).then_some(form)
    }

    /// What the run has left; never an error: a run that leaves none is read by its lines.
    pub(crate) fn read(&self, room: &Room) -> Vec<Report> {
        let Ok(entries) = std::fs::read_dir(room.home()) else {
            return Vec::new();
        };
        let mut names: Vec<String> = { entries.flatten() }
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.starts_with(&self.prefix))
            .collect();
        names.sort();
        let mut left = BYTES_MAX;
        let mut found = Vec::new();
        for name in names {
            let Some(form) = self.form_of(&name) else {
                continue;
            };
            let mut bytes = Vec::new();
            let path = room.home().join(&name);
            let file = files::open_plain(&path, std::fs::OpenOptions::new().read(true));
            let read = file.and_then(|file| file.take(left).read_to_end(&mut bytes));
            // Of too many the list would have a hole.
            if read.is_err() || found.len() == REPORTS_MAX {
                return Vec::new();
            }
            left = left.saturating_sub(bytes.len() as u64);
            if left == 0 {
                return Vec::new();
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            found.push(Report { form, text });
        }
        found
    }
}

/// The runner whose report has this name behind the drawn prefix.
fn form_of(name: &str) -> Option<Form> {
    let is_own = |form: &Form| match form {
        Form::Pytest => name == "pytest.xml",
        Form::Go | Form::Jest | Form::Vitest => name.starts_with(&format!("{}-", form.word())),
        Form::Mocha | Form::Node => {
            name.starts_with(&format!("{}-", form.word())) && name.ends_with("-lines")
        }
    };
    Form::ALL.into_iter().find(is_own)
}

impl Room {
    /// A small file at the top of the tree; empty where there is none that is plain.
    fn small(&self, name: &str) -> String {
        let path = self.repo.join(name);
        let mut bytes = Vec::new();
        let file = files::open_plain(&path, std::fs::OpenOptions::new().read(true));
        let read = file.and_then(|file| file.take(CONFIGURATION_BYTES_MAX).read_to_end(&mut bytes));
        match read {
            Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alai_core::record::Exit;

    use super::*;
    use crate::runs::tests::captured;

    #[test]
    fn a_report_is_known_by_its_name_alone() {
        for (name, form) in [
            ("pytest.xml", Some(Form::Pytest)),
            ("go-a1B2", Some(Form::Go)),
            ("jest-7", Some(Form::Jest)),
            ("mocha-7-lines", Some(Form::Mocha)),
            ("node-7-lines", Some(Form::Node)),
            ("node.mjs", None),
            ("mocha.cjs", None),
            ("preload.cjs", None),
            ("bin", None),
        ] {
            assert_eq!(form_of(name), form, "{name}");
        }
    }

    fn asked(forms: &[Form]) -> Asked {
        Asked {
            prefix: ".report-1-".into(),
            forms: forms.to_vec(),
            ..Asked::default()
        }
    }

    #[test]
    fn a_report_that_nobody_asked_for_is_none() {
        let asked = asked(&[Form::Jest]);
        assert_eq!(asked.form_of(".report-1-jest-7"), Some(Form::Jest));
        for name in [".report-1-pytest.xml", ".report-1-node-7-lines", "jest-7"] {
            assert_eq!(asked.form_of(name), None, "{name}");
        }
    }

    #[test]
    fn only_a_runner_that_was_asked_and_ran_nothing_refuses() {
        let words = "node: --test-reporter= is not allowed in NODE_OPTIONS\n";
        let ran =
            format!("{words}TAP version 13\nnot ok 1 - a\n1..1\n# tests 1\n# pass 0\n# fail 1\n");
        let failed = |text: &str| captured(Exit::Code { code: 9 }, text);
        assert!(asked(&[Form::Node]).was_refused(&failed(words)));
        assert!(
            !asked(&[Form::Node]).was_refused(&failed(&ran)),
            "its tests ran"
        );
        assert!(
            !asked(&[Form::Pytest]).was_refused(&failed(words)),
            "it was not asked"
        );
    }

    #[test]
    fn the_runner_of_node_is_told_from_words_like_it() {
        for (text, is) in [
            ("node --test", true),
            ("\"test\": \"node --import tsx --test src/\"", true),
            ("jest --testPathPattern a", false),
            ("node build.js && jest --test", false),
            ("node --test-only a.js", false),
        ] {
            assert_eq!(NODE_TEST.is_match(text), is, "{text}");
        }
    }
}
