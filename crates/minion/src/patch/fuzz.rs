//! Patches of files that are known by construction, whole and broken.

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
        super::judge::judge(&file, &dice.mutated(&text, &PIECES));
    });
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
