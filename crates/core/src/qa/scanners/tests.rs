use super::*;

const BANDIT: &str = include_str!("bandit.json");
const SHELLCHECK: &str = include_str!("shellcheck.json");
const ESLINT: &str = include_str!("eslint.json");

fn scanner(name: &str) -> &'static Scanner {
    SCANNERS
        .iter()
        .find(|s| s.name == name)
        .expect("in the table")
}

fn short(found: &[Finding]) -> Vec<(String, Option<u32>, String, Severity)> {
    let one = |f: &Finding| {
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        (text(&f.path), f.line, text(&f.rule), f.severity)
    };
    found.iter().map(one).collect()
}

fn of(
    path: &str,
    line: u32,
    rule: &str,
    severity: Severity,
) -> (String, Option<u32>, String, Severity) {
    (path.into(), Some(line), rule.into(), severity)
}

const PYTHON: [&str; 3] = ["src/run.py", "src/two.py", ".github/plain.py"];

#[test]
fn what_bandit_wrote_is_read() {
    let found = scanner("bandit").read(1, BANDIT, &PYTHON).expect("its log");
    let unread = (
        "src/two.py".to_owned(),
        None,
        UNREAD.to_owned(),
        Severity::High,
    );
    let rest = [
        of("src/run.py", 1, "B403", Severity::Low),
        of("src/run.py", 2, "B404", Severity::Low),
        of("src/run.py", 6, "B602", Severity::High),
        // Silenced with `# nosec` in its line.
        of("src/run.py", 7, "B602", Severity::High),
        of("src/run.py", 8, "B301", Severity::Medium),
    ];
    let expected: Vec<_> = std::iter::once(unread).chain(rest).collect();
    assert_eq!(short(&found), expected);
}

#[test]
fn eslint_reads_no_translation_of_qt() {
    let eslint = scanner("eslint");
    for first in [
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
        "\u{feff}<!DOCTYPE TS>",
    ] {
        assert!(!eslint.reads("i18n/app_de.ts", first), "{first}");
        assert!(eslint.reads("src/app.tsx", first), "it is none of Qt's");
    }
    assert!(eslint.reads("src/app.ts", "import { a } from './a';"));
    assert!(eslint.reads("src/app.ts", "<string>window.name;"));
}

#[test]
fn what_eslint_wrote_is_read() {
    let files = ["src/a.ts", "b.jsx", "c.cjs", "d.js"];
    let found = scanner("eslint").read(1, ESLINT, &files).expect("its log");
    assert_eq!(
        short(&found),
        [
            of(
                "src/a.ts",
                3,
                "security/detect-child-process",
                Severity::High
            ),
            // Silenced in the line above it.
            of("src/a.ts", 3, "no-eval", Severity::High),
            of("src/a.ts", 3, "no-implied-eval", Severity::High),
            of(
                "src/a.ts",
                4,
                "security/detect-unsafe-regex",
                Severity::Medium
            ),
            of("b.jsx", 1, "no-script-url", Severity::Medium),
            of("d.js", 1, UNREAD, Severity::High),
        ]
    );
    let fewer = scanner("eslint").read(1, ESLINT, &files[..3]);
    assert!(fewer.expect_err("a stray").contains("d.js"));
    let more = [&files[..], &["e.js"]].concat();
    let left = scanner("eslint").read(1, ESLINT, &more);
    assert_eq!(left.expect_err("left out"), "it left out e.js");
    assert!(
        scanner("eslint").read(2, ESLINT, &files).is_err(),
        "a crash"
    );
    assert_eq!(
        scanner("eslint").version("v10.15.0\n").as_deref(),
        Some("10.15.0")
    );
    for path in ["a.ts", "a.test.TSX", "x/a.mjs"] {
        assert!(scanner("eslint").reads(path, ""), "{path}");
    }
    for path in ["a.vue", "a.json", "js", "a.js.map"] {
        assert!(
            !scanner("eslint").reads(path, "#!/usr/bin/env node"),
            "{path}"
        );
    }
}

#[test]
fn what_shellcheck_wrote_is_read() {
    let files = ["clean.sh", "bin/none.sh"];
    let found = scanner("shellcheck")
        .read(1, SHELLCHECK, &files)
        .expect("its log");
    assert_eq!(
        short(&found),
        [
            of("bin/none.sh", 1, "SC2148", Severity::Low),
            of("clean.sh", 2, "SC2164", Severity::Medium),
            of("clean.sh", 2, "SC2086", Severity::Low),
            of("clean.sh", 3, "SC2115", Severity::Medium),
            of("clean.sh", 4, "SC2070", Severity::High),
            of("clean.sh", 4, "SC2086", Severity::Low),
        ]
    );
}

#[test]
fn what_is_no_answer_about_all_files_is_none() {
    let bandit = scanner("bandit");
    let shellcheck = scanner("shellcheck");
    let refused = |scanner: &Scanner, code, text: &str, files: &[&str]| {
        scanner.read(code, text, files).expect_err("no answer")
    };
    assert_eq!(refused(bandit, 2, BANDIT, &PYTHON), "exit 2");
    assert_eq!(
        refused(shellcheck, 2, r#"{"comments":[]}"#, &["a.sh"]),
        "exit 2"
    );
    for text in [
        "",
        "[]",
        "{}",
        "Traceback (most recent call last):",
        &BANDIT[..BANDIT.len() / 2],
    ] {
        assert!(
            refused(bandit, 0, text, &PYTHON).starts_with("no JSON of bandit"),
            "{text}"
        );
        assert!(
            refused(shellcheck, 0, text, &["a.sh"]).starts_with("no JSON of shellcheck"),
            "{text}"
        );
    }
    let more = [
        "src/run.py",
        "src/two.py",
        ".github/plain.py",
        "src/three.py",
    ];
    assert_eq!(
        refused(bandit, 1, BANDIT, &more),
        "it left out src/three.py"
    );
    let stray = refused(bandit, 1, BANDIT, &["src/two.py"]);
    assert!(
        stray.contains("src/run.py, which it was not given"),
        "{stray}"
    );
}

#[test]
fn versions_are_read_and_nothing_else_is_taken_for_one() {
    let said = |name: &str, text: &str| scanner(name).version(text);
    assert_eq!(
        said("bandit", include_str!("bandit_version.txt")).as_deref(),
        Some("1.9.4")
    );
    assert_eq!(
        said("shellcheck", include_str!("shellcheck_version.txt")).as_deref(),
        Some("0.9.0")
    );
    for none in [
        "",
        "bandit",
        "bandit is not here",
        "bandit 1.0;rm",
        "version: unknown",
    ] {
        assert_eq!(
            (said("bandit", none), said("shellcheck", none)),
            (None, None),
            "{none}"
        );
    }
}

#[test]
fn files_are_known_by_name_and_by_first_line() {
    let readers = |path: &str, first: &str| -> Vec<&str> {
        let all = SCANNERS.iter().filter(|s| s.reads(path, first));
        all.map(|s| s.name).collect()
    };
    for (path, first, expected) in [
        ("src/a.py", "", vec!["bandit"]),
        ("src/A.PY", "", vec!["bandit"]),
        ("bin/run", "#!/usr/bin/env python3", vec!["bandit"]),
        (
            "bin/run",
            "#! /usr/bin/env -S A=1 bash -e",
            vec!["shellcheck"],
        ),
        ("bin/run", "#!/bin/sh", vec!["shellcheck"]),
        ("a.sh", "", vec!["shellcheck"]),
        (".hidden", "#!/bin/bash", vec!["shellcheck"]),
        ("bin/run", "#!/usr/bin/perl", vec![]),
        ("bin/run", "no script of sh", vec![]),
        ("a.rs", "#!/bin/sh", vec![]),
        ("py", "", vec![]),
    ] {
        assert_eq!(readers(path, first), expected, "{path} {first}");
    }
}

#[test]
fn every_scanner_says_how_to_have_it() {
    for scanner in &SCANNERS {
        assert!(scanner.install.contains(scanner.name), "{scanner:?}");
        assert_eq!(
            scanner
                .version(&format!(
                    "v{}\n{} {}\nversion: {}",
                    scanner.pinned, scanner.name, scanner.pinned, scanner.pinned
                ))
                .as_deref(),
            Some(scanner.pinned)
        );
        assert_eq!(scanner.argv()[0], scanner.name);
    }
    for (endings, _, why) in WITHOUT {
        let read = |ending: &&str| SCANNERS.iter().any(|s| s.extensions.contains(ending));
        assert!(!endings.iter().any(read) && !why.is_empty());
    }
}

#[test]
fn a_second_one_of_the_same_is_new_and_a_moved_one_is_none() {
    let at = |line: u32| Finding {
        path: Some("a.py".into()),
        line: Some(line),
        rule: Some("B602".into()),
        ..Finding::new(Severity::High, "a shell")
    };
    let other = Finding {
        rule: Some("B605".into()),
        ..at(4)
    };
    let nothing = |_: &Finding| false;
    assert_eq!(added(&[at(3)], &[at(30)], &nothing), []);
    assert_eq!(added(&[at(3)], &[at(3), other.clone()], &nothing), [other]);
    let wrote_first = |f: &Finding| f.line == Some(2);
    let new = added(&[at(3)], &[at(2), at(5)], &wrote_first);
    assert_eq!(new, [at(2)], "the one that stands on a line of the change");
    assert_eq!(added(&[at(3), at(9)], &[at(2)], &wrote_first), []);
}
