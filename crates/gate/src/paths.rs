//! Which path is a test, which one decides how the project is judged, and which ones a task allows.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::checks::gate_config::{self, protected};
use crate::error::GateError;

/// Path patterns of a task, compiled once. A pattern also covers everything below it, so `src` and `src/` mean `src/**`.
#[derive(Debug, Clone)]
pub struct Globs {
    set: GlobSet,
    /// The same without patterns that begin with a wildcard: a path that such a pattern matches was named on purpose.
    naming: GlobSet,
    /// As they were written.
    written: Vec<String>,
}

impl Globs {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// A pattern that is not a glob is refused: guessing what it allows would fail open.
    pub fn new(patterns: &[String]) -> Result<Globs, GateError> {
        let named: Vec<String> = patterns
            .iter()
            .filter(|p| literal(p).is_some() || !tidy(p).starts_with(['*', '?', '[', '{']))
            .cloned()
            .collect();
        Ok(Globs {
            set: compile(patterns)?,
            naming: compile(&named)?,
            written: patterns
                .iter()
                .map(|p| literal(p).unwrap_or_else(|| tidy(p).to_owned()))
                .collect(),
        })
    }

    /// Whether no pattern was given at all.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Whether one of the patterns is this very path.
    pub fn has(&self, path: &str) -> bool {
        self.written.iter().any(|pattern| pattern == path)
    }

    /// Whether one of the patterns covers the path.
    pub fn covers(&self, path: &str) -> bool {
        self.set.is_match(path)
    }

    /// Whether a pattern covers the path and says where it is: `**` covers everything and names nothing.
    pub fn names(&self, path: &str) -> bool {
        self.naming.is_match(path)
    }
}

fn tidy(pattern: &str) -> &str {
    let pattern = pattern.trim();
    pattern
        .strip_prefix("./")
        .unwrap_or(pattern)
        .trim_end_matches('/')
}

/// The pattern that matches this very path and no other, whatever stands in its name.
pub fn pattern_of(path: &str) -> String {
    // Which leaves the backslash what it is in a pattern, the sign that takes the next one as it stands.
    globset::escape(path).replace('\\', "[\\]")
}

/// The one path that a pattern names, as [`pattern_of`] wrote it or without any wildcard; `None` for what names several.
fn literal(pattern: &str) -> Option<String> {
    let mut path = String::new();
    let mut rest = tidy(pattern).chars();
    while let Some(c) = rest.next() {
        match c {
            '[' => {
                path.push(rest.next()?);
                if rest.next() != Some(']') {
                    return None;
                }
            }
            '*' | '?' | ']' | '{' | '}' | '\\' => return None,
            plain => path.push(plain),
        }
    }
    Some(path)
}

fn compile(patterns: &[String]) -> Result<GlobSet, GateError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let tidy = tidy(pattern);
        let bad = |error: globset::Error| GateError::BadGlob {
            glob: pattern.clone(),
            why: error.to_string(),
        };
        for text in [tidy.to_owned(), format!("{tidy}/**")] {
            set.add(
                GlobBuilder::new(&text)
                    .literal_separator(true)
                    .build()
                    .map_err(bad)?,
            );
        }
    }
    set.build().map_err(|error| GateError::BadGlob {
        glob: patterns.join(", "),
        why: error.to_string(),
    })
}

/// Files of the same name in the folders above, the nearest first.
pub(crate) fn above(path: &str) -> Vec<String> {
    let name = name(path);
    let mut folder = path[..path.len() - name.len()].trim_end_matches('/');
    let mut found = Vec::new();
    while !folder.is_empty() {
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        found.push(match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        });
    }
    found
}

/// The last component of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The extension in lower case, empty when there is none.
pub(crate) fn extension(path: &str) -> String {
    match name(path).rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() => ext.to_ascii_lowercase(),
        Some(_) | None => String::new(),
    }
}

/// Folders whose every file belongs to the tests, in the languages the factory knows.
const TEST_FOLDERS: [&str; 9] = [
    "tests",
    "test",
    "__tests__",
    "__snapshots__",
    "testdata",
    "spec",
    "specs",
    "e2e",
    "cypress",
];

/// Extensions of programs that are run as they are, where `test.sh` is the test.
const SCRIPTS: [&str; 10] = [
    "sh", "bash", "bats", "zsh", "py", "rb", "pl", "js", "mjs", "cjs",
];

/// Whether the path holds tests or what only tests read. The conventions are those of pytest, Go, jest, vitest, mocha,
/// node:test, RSpec and Cargo; unit tests inside Rust sources are found by their text instead.
pub fn is_test(path: &str) -> bool {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    if folders
        .split('/')
        .any(|part| TEST_FOLDERS.contains(&part.to_ascii_lowercase().as_str()))
    {
        return true;
    }
    let name = name(path).to_ascii_lowercase();
    let ext = extension(path);
    let stem = name.strip_suffix(&format!(".{ext}")).unwrap_or(&name);
    match ext.as_str() {
        "go" => stem.ends_with("_test"),
        "py" => {
            stem.starts_with("test_")
                || stem.ends_with("_test")
                || ["test", "tests", "conftest"].contains(&stem)
        }
        "rs" => {
            ["test", "tests"].contains(&stem) || stem.ends_with("_test") || stem.ends_with("_tests")
        }
        "rb" => stem.ends_with("_spec") || stem.ends_with("_test"),
        "java" | "kt" | "scala" => {
            let original = self::name(path);
            original.contains("Test.") || original.contains("Tests.") || original.contains("Spec.")
        }
        "snap" => true,
        ext if is_dotted_test(stem) && !ext.is_empty() => true,
        ext if SCRIPTS.contains(&ext) => is_script_test(stem),
        _ => false,
    }
}

/// `app.test.ts`, `app.spec.js`, `app.e2e.ts`.
fn is_dotted_test(stem: &str) -> bool {
    [".test", ".spec", ".e2e", ".tests"]
        .iter()
        .any(|end| stem.ends_with(end))
}

fn is_script_test(stem: &str) -> bool {
    let stem = stem.replace('-', "_");
    ["test", "tests"].contains(&stem.as_str())
        || ["test_", "tests_", "run_test"]
            .iter()
            .any(|start| stem.starts_with(start))
        || ["_test", "_tests"].iter().any(|end| stem.ends_with(end))
}

/// Shells, which run the file whose name follows.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "zsh", "ksh", "bats"];
/// The same of other languages, in which applications are written too.
const INTERPRETERS: [&str; 8] = [
    "python", "python3", "node", "bun", "ruby", "perl", "php", "tsx",
];
/// Folders that hold what judges and builds, and no application.
const TOOL_FOLDERS: [&str; 6] = ["ci", "hack", "script", "scripts", "tool", "tools"];

/// A file that the test command runs as a program belongs to the tests whatever its name: `sh ci/verify.sh`, `./verify`,
/// `python3 tools/ci.py`, also below a folder that the line has changed to. An application that it starts does not: `python main.py`.
pub(crate) fn run_by(command: &str, path: &str) -> bool {
    let words = command.split(|c: char| c.is_whitespace() || "\"';&|()".contains(c));
    let is_tool = path
        .split('/')
        .rev()
        .skip(1)
        .any(|part| TOOL_FOLDERS.contains(&part));
    let mut folder = String::new();
    let mut before = "";
    for (at, word) in words.filter(|w| !w.is_empty()).enumerate() {
        let plain = word.strip_prefix("./").unwrap_or(word);
        let by_shell = SHELLS.contains(&name(before));
        let by_other = INTERPRETERS.contains(&name(before));
        let program = at == 0 || word.starts_with("./") || by_shell || (by_other && is_tool);
        let is_it = plain == path || format!("{folder}{plain}") == path;
        if is_it && (program || SHELLS.contains(&extension(path).as_str())) {
            return true;
        }
        if before == "cd" {
            folder = format!("{}/", plain.trim_end_matches('/'));
        }
        // `sh -e verify` runs that file; `sh -c` and `python3 -m doctest words.py` run something else.
        let another = match by_shell {
            true => word == "-c",
            false => ["-m", "-c", "-e", "-p"].contains(&word),
        };
        if !((by_shell || by_other) && word.starts_with('-') && !another) {
            before = word;
        }
    }
    false
}

/// The entries of a task's `changes_tests` that may widen what its clone lets it write: test files and folders of tests, and
/// globs below such a folder. Others (`**`, `src/*`) say nothing that a mount could hold to tests.
pub fn test_places(patterns: &[String], test_command: &str) -> Vec<String> {
    let is_place = |pattern: &&String| {
        let path = tidy(pattern);
        let wild = |part: &&str| part.contains(['*', '?', '[', '{', '!', '\\']);
        let parts: Vec<&str> = path.split('/').collect();
        if parts.iter().any(|part| ["", ".", ".."].contains(part)) {
            return false;
        }
        let written_out: Vec<&str> = parts
            .iter()
            .copied()
            .take_while(|part| !wild(part))
            .collect();
        // What is asked is whether everything in that folder is a test.
        let in_folder = is_test(&format!("{}/x", written_out.join("/")));
        let is_file =
            written_out.len() == parts.len() && (is_test(path) || run_by(test_command, path));
        is_file || in_folder
    };
    patterns.iter().filter(is_place).cloned().collect()
}

/// The first entry of a `changes_tests` that names one file which is no test by our rule: it would free nothing. What a glob or
/// a folder holds, only a commit shows; a source in Rust may hold its own tests.
pub fn no_test<'a>(patterns: &'a [String], test_command: &str) -> Option<&'a str> {
    let is_none = |pattern: &&String| {
        let named = literal(pattern);
        let path = named.as_deref().unwrap_or_else(|| tidy(pattern));
        let judges = protected::class(path).is_some();
        let is_file = judges || !["", "rs"].contains(&extension(path).as_str());
        let wild = named.is_none() && path.contains(['*', '?', '[', '{']);
        let is_place = || is_test(path) || is_test(&format!("{path}/x"));
        is_file && !wild && !is_place() && !run_by(test_command, path)
    };
    patterns.iter().find(is_none).map(String::as_str)
}

/// The first entry of a person's `changes_tests` that frees nothing: beside tests a person may name a runner's configuration, by
/// its very path, of which two runs of the tests can tell what its change does.
pub fn frees_nothing<'a>(patterns: &'a [String], test_command: &str) -> Option<&'a str> {
    let mut none = patterns
        .iter()
        .filter_map(|one| no_test(std::slice::from_ref(one), test_command));
    none.find(|one| !gate_config::can_be_measured(tidy(one)))
}

/// The entries of a `changes_tests` that a change may follow: each says where it is, may name a test, and lies within what the
/// task may write. No writable path is every path.
pub fn changeable(
    patterns: &[String],
    writable: &[String],
    test_command: &str,
) -> Result<Vec<String>, GateError> {
    let writable = Globs::new(writable)?;
    let wild = |part: &&str| part.contains(['*', '?', '[', '{']);
    let is_open = |pattern: &&String| {
        let path = tidy(pattern);
        let folders: Vec<&str> = path.split('/').take_while(|part| !wild(part)).collect();
        let place = folders.join("/");
        let inside = || writable.covers(&place) || writable.covers(&format!("{place}/x"));
        !place.is_empty() && (writable.is_empty() || inside())
    };
    let open = patterns.iter().filter(is_open);
    let open = open.filter(|one| frees_nothing(std::slice::from_ref(one), test_command).is_none());
    Ok(open.cloned().collect())
}

/// A path as one word of the shell that no program takes for an option.
pub(crate) fn quoted(path: &str) -> String {
    format!("'./{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tests_says_what_it_frees() {
        let list =
            |entries: &[&str]| -> Vec<String> { entries.iter().map(|e| (*e).to_owned()).collect() };
        for none in [
            "package.json",
            "src/lib.py",
            "build.rs",
            "./Cargo.toml",
            "Dockerfile",
            ".github/workflows/ci.yml",
        ] {
            assert_eq!(
                no_test(&list(&["tests/a.rs", none]), "sh ci/verify.sh"),
                Some(none)
            );
        }
        for test in [
            "tests",
            "src",
            "src/**",
            "*_test.go",
            "conftest.py",
            "src/lib.rs",
            "ci/verify.sh",
            "spec/a.yml",
        ] {
            assert_eq!(no_test(&list(&[test]), "sh ci/verify.sh"), None, "{test}");
        }
        let frees = |entry: &str| frees_nothing(&list(&["tests", entry]), "").is_none();
        for config in [
            "package.json",
            "web/vitest.config.ts",
            "./pytest.ini",
            "tests/a.rs",
        ] {
            assert!(frees(config), "{config}");
        }
        for other in [
            "build.rs",
            ".eslintrc.json",
            "Dockerfile",
            "src/lib.py",
            ".github/workflows/ci.yml",
        ] {
            assert!(!frees(other), "{other}");
        }
        let all = list(&[
            "**",
            "src/*_test.go",
            "tests/a.rs",
            "package.json",
            "lib/tests",
        ]);
        let open = |writable: &[&str]| changeable(&all, &list(writable), "").expect("globs");
        assert_eq!(
            open(&[]),
            list(&["src/*_test.go", "tests/a.rs", "package.json", "lib/tests"])
        );
        assert_eq!(
            open(&["src/**", "tests/a.rs"]),
            list(&["src/*_test.go", "tests/a.rs"])
        );
        assert_eq!(open(&["docs"]), list(&[]));
    }

    #[test]
    fn what_a_test_command_runs_is_found_by_its_words() {
        for (command, path) in [
            ("sh ci/verify.sh", "ci/verify.sh"),
            ("sh ci/verify", "ci/verify"),
            ("./verify --fast", "verify"),
            ("ci/verify", "ci/verify"),
            ("python3 tools/ci.py", "tools/ci.py"),
            ("python3 -u ./tools/ci.py all", "tools/ci.py"),
            ("cd web && node tools/run.js", "web/tools/run.js"),
            ("cd ci && sh -e verify", "ci/verify"),
            ("cd web/; ./run", "web/run"),
            ("make build && /usr/bin/python3 ci/t.py", "ci/t.py"),
            ("timeout 60 t.sh", "t.sh"),
        ] {
            assert!(run_by(command, path), "{command}: {path}");
        }
        for (command, path) in [
            ("python3 -m doctest words.py", "words.py"),
            ("cargo test --manifest-path Cargo.toml", "Cargo.toml"),
            ("pytest src/a.py", "src/a.py"),
            ("python3 words.py --selftest", "words.py"),
            ("sh -c words.py", "words.py"),
            ("sh words.sh", "lib/words.sh"),
            ("node --test", "test"),
        ] {
            assert!(!run_by(command, path), "{command}: {path}");
        }
    }

    #[test]
    fn a_path_as_a_pattern_names_itself_and_nothing_else() {
        for path in [
            "tests/a[b]*.py",
            "*",
            "tests/{a,b}?.sh",
            "tests/plain.sh",
            "a]b",
            "é[é].py",
            "tests/a\\1.sh",
        ] {
            let globs = Globs::new(&[pattern_of(path)]).expect("a pattern");
            assert!(
                globs.covers(path) && globs.names(path) && globs.has(path),
                "{path}"
            );
            for other in ["tests/ab.py", "tests/abb.py", "tests/a1.sh", "x", "a"] {
                assert!(!globs.covers(other), "{path}: {other}");
            }
            assert_eq!(literal(&pattern_of(path)).as_deref(), Some(path));
        }
        for several in ["tests/a[bc].py", "tests/*", "a?", "{a,b}", "[!a]"] {
            assert_eq!(literal(several), None, "{several}");
        }
        let none = [pattern_of("src/a[b].py")];
        assert_eq!(no_test(&none, ""), Some(none[0].as_str()), "it is no test");
        assert_eq!(no_test(&[pattern_of("tests/a[b].py")], ""), None);
    }

    #[test]
    fn tests_are_told_from_sources() {
        let tests = [
            "tests/api.rs",
            "crates/x/tests/common/mod.rs",
            "src/parser/tests.rs",
            "pkg/a_test.go",
            "pkg/testdata/x.json",
            "test_a.py",
            "src/pkg/a_test.py",
            "conftest.py",
            "src/a.test.ts",
            "src/a.spec.jsx",
            "src/__tests__/a.js",
            "src/__snapshots__/a.js.snap",
            "spec/model_spec.rb",
            "test.sh",
            "run-tests.sh",
            "src/test/java/App.java",
            "src/AppTest.java",
        ];
        for path in tests {
            assert!(is_test(path), "{path}");
        }
        let sources = [
            "src/lib.rs",
            "src/contest.py",
            "attestation.go",
            "latest.py",
            "src/testing.rs",
            "docs/testing.md",
            "protest/a.py",
            "src/spectrum.ts",
            "deploy.sh",
            "Contest.java",
        ];
        for path in sources {
            assert!(!is_test(path), "{path}");
        }
    }

    #[test]
    fn a_script_of_the_test_command_is_a_test() {
        assert!(run_by("sh ci/verify.sh", "ci/verify.sh"));
        assert!(run_by("./verify && echo done", "verify"));
        assert!(run_by("verify", "verify"));
        assert!(
            !run_by("python main.py", "main.py"),
            "an application that the tests start is no test"
        );
        assert!(!run_by(
            "cargo test --manifest-path crates/a/Cargo.toml",
            "crates/a/Cargo.toml"
        ));
        assert!(!run_by("sh ci/verify.sh", "verify.sh"));
    }

    #[test]
    fn only_tests_widen_what_a_clone_lets_be_written() {
        let given = [
            "tests/a.rs",
            "tests",
            "./tests/",
            "tests/**",
            "crates/x/tests/*.rs",
            "pkg/a_test.go",
            "ci/verify.sh",
            "**",
            "*",
            "**/tests/**",
            "src",
            "src/**",
            "src/lib.rs",
            "src/*/tests/a.rs",
            "src/*_test.go",
            "/tests/a",
            "tests/../src",
            "",
        ];
        let given = given.map(str::to_owned);
        assert_eq!(test_places(&given, "sh ci/verify.sh"), given[..7]);
        assert!(test_places(&given[6..7], "cargo test").is_empty());
    }

    #[test]
    fn globs_cover_what_is_below_and_name_only_what_they_say() {
        let globs =
            Globs::new(&["src/".into(), "docs/*.md".into(), "**/x.yml".into()]).expect("globs");
        for path in ["src/a/b.rs", "docs/a.md", "deep/x.yml"] {
            assert!(globs.covers(path), "{path}");
        }
        for path in ["srcs/a.rs", "docs/a/b.txt", "docs/sub/a.md", "lib/src/a.rs"] {
            assert!(!globs.covers(path), "{path}");
        }
        assert!(globs.names("src/a.rs") && !globs.names("deep/x.yml"));
        assert!(
            Globs::new(&["a{b".into()]).is_err(),
            "a pattern that is none is refused"
        );
        assert!(Globs::new(&[]).expect("none").is_empty());
    }
}
