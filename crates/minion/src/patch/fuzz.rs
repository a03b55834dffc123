//! Patches of files that are known by construction, whole and broken.

use std::collections::BTreeSet;

use alai_testkit::fuzz::{self, Dice};

use super::*;
use alai_core::patch::{BEGIN, CHANGES_MAX, END, HUNKS_MAX, UPDATE};

const PIECES: [&str; 20] = [
    "\n",
    "\r\n",
    " ",
    "-",
    "+",
    "@@",
    "@@ ",
    "\n@@\n",
    "*** ",
    "*** Update File: b\n",
    "*** Add File: c\n",
    "*** Delete File: d\n",
    "*** Move to: e\n",
    "*** End of File\n",
    "*** End Patch\n",
    "line 3",
    "é",
    "“",
    "\t",
    "\u{feff}",
];

/// A file, a patch of it, and the file after the patch.
fn made(dice: &mut Dice) -> (String, String, String) {
    let end = *dice.pick(&["\n", "\r\n"]);
    let count = 4 + dice.below(30);
    let lines: Vec<String> = (0..count)
        .map(|n| format!("{}line {n};", " ".repeat(4 * dice.below(3))))
        .collect();
    let mut body = String::from("*** Update File: a\n");
    let mut after: Vec<String> = Vec::new();
    let mut at = 0;
    while at < count {
        let kept = dice.below(6);
        let context = dice.below(3);
        let gone = 1 + dice.below(3);
        let begin = (at + kept).min(count);
        let middle = (begin + context).min(count);
        let last = (middle + gone).min(count);
        after.extend(lines[at..middle].iter().cloned());
        at = last;
        if middle == last {
            continue;
        }
        body.push_str("@@\n");
        for line in &lines[begin..middle] {
            body.push_str(&format!(" {line}\n"));
        }
        for line in &lines[middle..last] {
            body.push_str(&format!("-{line}\n"));
        }
        for n in 0..dice.below(3) {
            let line = format!("new {middle}.{n}");
            body.push_str(&format!("+{line}\n"));
            after.push(line);
        }
    }
    let text = |lines: &[String]| {
        lines
            .iter()
            .map(|line| format!("{line}{end}"))
            .collect::<String>()
    };
    (
        text(&lines),
        format!("{BEGIN}\n{body}{END}\n"),
        text(&after),
    )
}

#[test]
fn patch() {
    fuzz::run("patch", |dice| {
        let (file, text, after) = made(dice);
        if text.contains("@@") {
            let changes = parse(&text).expect("it is well formed");
            let [Change::Update { hunks, .. }] = &changes[..] else {
                panic!("{changes:?}")
            };
            assert_eq!(apply(&file, hunks).as_ref(), Ok(&after), "{text}");
        }
        let broken = dice.mutated(&text, &PIECES);
        let read = parse(&broken);
        assert_eq!(read, parse(&broken));
        let Ok(changes) = read else { return };
        assert!((1..=CHANGES_MAX).contains(&changes.len()));
        assert!(
            changes
                .iter()
                .flat_map(Change::paths)
                .all(|path| !path.is_empty())
        );
        for change in &changes {
            let Change::Update { hunks, .. } = change else {
                continue;
            };
            let outcome = apply(&file, hunks);
            assert_eq!(outcome, apply(&file, hunks));
            if let Ok(result) = outcome {
                comes_from(&file, hunks, &result);
            }
        }
    });
}

/// No line of a result that was neither in the file nor in the patch.
fn comes_from(file: &str, hunks: &[Hunk], result: &str) {
    let bare = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim();
        let numbered = line
            .split_once('|')
            .filter(|(n, _)| n.bytes().all(|b| b.is_ascii_digit()));
        numbered.map_or(line, |(_, rest)| rest.trim()).to_owned()
    };
    let given: BTreeSet<String> = file
        .lines()
        .chain(hunks.iter().flat_map(|hunk| hunk.new.lines()))
        .map(bare)
        .collect();
    // A deleted line whose indentation was copied wrong may leave blanks.
    for line in result.lines().map(bare).filter(|line| !line.is_empty()) {
        assert!(given.contains(&line), "{line:?} of {result:?}");
    }
}

#[test]
fn a_megabyte_of_openers_is_read_in_one_pass() {
    for opener in PIECES.iter().chain(&[
        "@@ a\n",
        "-a\n",
        " a\n+b\n",
        "*** Begin Patch\n",
        "*** Update File: a\n@@\n-a\n+b\n",
    ]) {
        let body = opener.repeat((1 << 20) / opener.len());
        for text in [
            body.clone(),
            format!("{BEGIN}\n{UPDATE} a\n{body}\n{END}"),
            format!("{BEGIN}\n{body}"),
        ] {
            if let Ok(changes) = parse(&text) {
                assert!(changes.len() <= CHANGES_MAX);
            }
        }
    }
    let many = "@@\n-a\n+b\n".repeat(HUNKS_MAX + 1);
    let why = parse(&format!("{BEGIN}\n{UPDATE} a\n{many}{END}")).expect_err("too many");
    assert!(why.contains("hunks in a"), "{why}");
}
