//! The doors of the guided fuzz targets (`fuzz/`): any bytes, read by what the product reads them with. Each panics when what must hold
//! of them does not.

use alai_core::record::Exit;

use crate::advisories::{self, Ordered};
use crate::census::{self, Census, Difference, Form, ID_BYTES_MAX, Report, TESTS_MAX, TestStatus};
use crate::checks::manifest;
use crate::coverage;
use crate::evidence::dsse;
use crate::evidence::key::GateKey;
use crate::runs::is_a_test;

/// What runners of tests print.
///
/// # Panics
/// When more or longer names are read than the bounds say, a run differs from itself, or nothing is read that is called known.
pub fn test_reports(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = || census::parse(&text, Exit::Code { code: 0 });
    let census = read();
    assert_eq!(census, read());
    // A number stands behind the name of a test that is named again.
    let bound = ID_BYTES_MAX + " #4294967295".len();
    assert!(census.ids.len() <= TESTS_MAX && census.ids.keys().all(|id| id.len() <= bound));
    assert!(!census.known || !census.runners.is_empty());
    assert_eq!(census.known, census.note.is_empty());
    assert_eq!(census::compare(&census, &census), Difference::default());
}

/// What runners write of their tests for machines: what was printed, a NUL, and the report, taken for one of each form.
///
/// # Panics
/// When more or longer names are read than the bounds say, or a report lets more tests pass than the lines beside it.
pub fn run_reports(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (printed, report) = text.split_once('\0').unwrap_or(("", &text));
    for code in [0, 1] {
        let exit = Exit::Code { code };
        let by_lines = census::parse(printed, exit);
        for form in Form::ALL {
            let left = Report {
                form,
                text: report.to_owned(),
            };
            let census = census::parse_with(printed, exit, &[form], &[left]);
            let bound = ID_BYTES_MAX + " #4294967295".len();
            assert!(census.ids.len() <= TESTS_MAX && census.ids.keys().all(|id| id.len() <= bound));
            assert_eq!(census.known, census.note.is_empty());
            if census.known {
                // Where the lines name no test their totals bound the report, and without totals it tells of nothing.
                let tally = by_lines.tally.unwrap_or_default();
                let most = match by_lines.known {
                    true => tally.passed,
                    false => tally.total(),
                };
                let most = most.max(passed(&by_lines));
                assert!(passed(&census) <= most, "{form:?}: {census:?} {by_lines:?}");
            }
        }
    }
}

fn passed(census: &Census) -> u64 {
    let passed =
        |(id, status): &(&String, &TestStatus)| **status == TestStatus::Passed && is_a_test(id);
    census.ids.iter().filter(passed).count() as u64
}

/// A profile of coverage of Go.
///
/// # Panics
/// When it says another thing in another order or said twice, or of a line what no block around it says.
pub fn coverage(bytes: &[u8]) {
    coverage::judge_profile(&String::from_utf8_lossy(bytes));
}

/// Known weaknesses of packages: an archive of them, and the entries themselves.
///
/// # Panics
/// When an archive gives what its directory does not say, or an entry is kept that nobody can name.
pub fn advisories(bytes: &[u8]) {
    advisories::judge(bytes);
}

/// Manifests and lockfiles, and the versions in them.
///
/// # Panics
/// When another reading gives other packages, or of two versions each is newer.
pub fn lockfiles(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for path in [
        "Cargo.toml",
        "Cargo.lock",
        "package.json",
        "package-lock.json",
        "pyproject.toml",
        "requirements.txt",
        "go.mod",
    ] {
        let packages = manifest::packages(path, &text);
        assert_eq!(packages, manifest::packages(path, &text));
        if let (Ok(packages), Some(kind)) = (packages, manifest::kind(path)) {
            let _names = manifest::asked_for(kind, &packages);
        }
    }
    for ecosystem in [advisories::CARGO, "npm", "Go", "PyPI"] {
        let words = text.split([' ', '\n', '"', '=']).take(WORDS_MAX);
        let versions: Vec<Ordered> = words
            .filter_map(|word| Ordered::read(ecosystem, word))
            .collect();
        for pair in versions.windows(2) {
            let (one, other) = (&pair[0], &pair[1]);
            let turned = other.partial_cmp(one).map(std::cmp::Ordering::reverse);
            assert_eq!(one.partial_cmp(other), turned, "{one:?} {other:?}");
        }
    }
}

/// More words only cost time.
const WORDS_MAX: usize = 256;

/// Envelopes of evidence that are opened with a key that is known.
///
/// # Panics
/// When one opens that its holder would not have written so.
pub fn dsse(bytes: &[u8]) {
    dsse::judge(bytes, &GateKey::from_seed(SEED));
}

/// Of no key that anybody has.
const SEED: [u8; 32] = [7; 32];

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use alai_testkit::fuzz;

    use super::*;

    fn corpus(target: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target)
    }

    #[test]
    fn test_reports() {
        const PIECES: [&str; 14] = [
            "\n",
            " ",
            "ok 1 - a\n",
            "not ok",
            "test a ... ok\n",
            "--- PASS: A (0.00s)\n",
            "PASSED",
            "::",
            "\u{1b}[",
            "#",
            "    ",
            "1..2\n",
            "FAIL",
            "99999999999999999999",
        ];
        fuzz::door(
            "test_reports",
            &corpus("test_reports"),
            &PIECES,
            super::test_reports,
        );
    }

    #[test]
    fn run_reports() {
        const PIECES: [&str; 16] = [
            "\0",
            "\n",
            "<testcase classname=\"a\" name=\"b\" />",
            "<failure>",
            "<![CDATA[",
            "]]>",
            "<!--",
            "</testsuite>",
            "&quot;",
            "&#x110000;",
            "{\"Action\":\"pass\",\"Package\":\"m\",\"Test\":\"TestA\"}\n",
            "\"status\":\"passed\"",
            "{\"titles\":[\"a\"],\"state\":\"passed\",\"file\":\"a\"}\n",
            "[",
            "}",
            "PASSED",
        ];
        fuzz::door(
            "run_reports",
            &corpus("run_reports"),
            &PIECES,
            super::run_reports,
        );
    }

    #[test]
    fn coverage() {
        const PIECES: [&str; 12] = [
            "\n",
            " ",
            ":",
            ",",
            ".",
            "0",
            "mode: set\n",
            "example.com/m/",
            "spans.go:1.1,9.9 1 1\n",
            "18446744073709551615",
            "-1",
            "/",
        ];
        fuzz::door("coverage", &corpus("coverage"), &PIECES, super::coverage);
    }

    #[test]
    fn advisories() {
        const PIECES: [&str; 15] = [
            "\0",
            "\0\0\0\0",
            "\u{1}\0\u{10}\0",
            "PK\u{1}\u{2}",
            "PK\u{3}\u{4}",
            "PK\u{5}\u{6}",
            "PK\u{6}\u{6}",
            "PK\u{6}\u{7}",
            ".json",
            "{\"introduced\":\"0\"}",
            "{\"fixed\":\"1.2.3\"}",
            "\"withdrawn\":1,",
            "\n",
            "[",
            "{",
        ];
        fuzz::door(
            "advisories",
            &corpus("advisories"),
            &PIECES,
            super::advisories,
        );
    }

    #[test]
    fn lockfiles() {
        const PIECES: [&str; 14] = [
            "\n",
            "\"",
            "[",
            "]",
            "{",
            "}",
            "=",
            "@",
            "npm:",
            "1.0.0-rc.1",
            "1!2.dev3",
            "../",
            "==",
            "v0.0.0-2020",
        ];
        fuzz::door("lockfiles", &corpus("lockfiles"), &PIECES, super::lockfiles);
    }

    #[test]
    fn dsse() {
        fuzz::door(
            "dsse",
            &corpus("dsse"),
            &["\"", ",", "}", "\n", " ", "=", "A", "\\u0041", "{}"],
            super::dsse,
        );
    }

    /// Cases begin from what is read: two runners with their tests, packages of each manifest, an envelope that opens.
    #[test]
    fn the_seeds_are_read() {
        let folder = corpus("dsse");
        let envelope = dsse::sign(
            br#"{"_type":"https://in-toto.io/Statement/v1"}"#,
            &GateKey::from_seed(SEED),
        );
        if std::env::var("ALAI_CORPUS").is_ok_and(|said| said == "write") {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join("signed.json"), &envelope).expect("a file");
        }
        let kept = std::fs::read(folder.join("signed.json")).expect("a seed");
        assert_eq!(kept, envelope, "written anew by ALAI_CORPUS=write");
        for (file, tests) in [("cargo.txt", 2), ("tap.txt", 2), ("go.txt", 2)] {
            let text = std::fs::read_to_string(corpus("test_reports").join(file)).expect("a seed");
            let census = census::parse(&text, Exit::Code { code: 0 });
            assert!(
                census.known && census.ids.len() == tests,
                "{file}: {census:?}"
            );
        }
        for (file, form, tests) in [
            ("go.txt", Form::Go, 5),
            ("pytest.txt", Form::Pytest, 7),
            ("quiet.txt", Form::Pytest, 7),
            ("jest.txt", Form::Jest, 5),
        ] {
            let seed = std::fs::read_to_string(corpus("run_reports").join(file)).expect("a seed");
            let (printed, report) = seed.split_once('\0').expect("both");
            let text = report.to_owned();
            let exit = Exit::Code { code: 1 };
            let census = census::parse_with(printed, exit, &[form], &[Report { form, text }]);
            let read = census
                .read
                .iter()
                .any(|said| said.ends_with("by its report"));
            assert!(read && census.ids.len() == tests, "{file}: {census:?}");
        }
        for file in ["lines.jsonl", "stored.zip", "deflated.zip"] {
            let path = corpus("advisories").join(file);
            let snapshot = advisories::Snapshot::read(&path, i64::MAX).expect("a snapshot");
            assert!(!snapshot.entries.is_empty(), "{file}");
        }
        for (file, packages) in [
            ("Cargo.toml", 2),
            ("Cargo.lock", 1),
            ("package.json", 2),
            ("go.mod", 1),
        ] {
            let text = std::fs::read_to_string(corpus("lockfiles").join(format!("{file}.txt")))
                .expect("a seed");
            assert_eq!(
                manifest::packages(file, &text).map(|all| all.len()),
                Ok(packages),
                "{file}"
            );
        }
    }
}
