//! The doors of the guided fuzz targets (`fuzz/`): any bytes, read by what the product reads them with. Each panics when what must hold
//! of them does not.

use alai_core::record::Exit;

use crate::advisories::{self, Ordered};
use crate::census::{self, Difference, ID_BYTES_MAX, TESTS_MAX};
use crate::checks::manifest;
use crate::evidence::dsse;
use crate::evidence::key::GateKey;

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
