//! Passages copied as weak models copy them. Whatever is found: nothing outside its span changes, and what stands there is the
//! new text with the file's line ends.

use alai_testkit::fuzz::{self, Dice};

use super::judge::judge;
use super::*;

const LINES: [&str; 16] = [
    "fn a() {",
    "    b();",
    "\tb();",
    "}",
    "",
    "  ",
    "x = 1",
    "x = 1  ",
    "say(\u{201c}hi\u{201d})",
    "say(\"hi\")",
    "a\u{a0}b",
    "é – ü",
    "   1| x = 1",
    "12| }",
    "if x:",
    "        return",
];

fn file(dice: &mut Dice) -> String {
    let mut text = String::new();
    if dice.one_in(4) {
        text.push(MARK);
    }
    let ends = *dice.pick(&[["\n", "\n"], ["\r\n", "\r\n"], ["\n", "\r\n"]]);
    for _ in 0..1 + dice.below(20) {
        text.push_str(dice.pick::<&str>(&LINES));
        text.push_str(dice.pick::<&str>(&ends));
    }
    if dice.one_in(4) {
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
    }
    text
}

/// A passage of a file, perhaps with the slips of a copyist.
fn passage(dice: &mut Dice, file: &str) -> String {
    let view = unix(file);
    let lines: Vec<&str> = view.split_inclusive('\n').collect();
    let from = dice.below(lines.len());
    let count = 1 + dice.below(4);
    let copied = lines.iter().skip(from).take(count);
    let slip = dice.below(8);
    let mut text: String = copied
        .enumerate()
        .map(|(n, line)| match slip {
            0 => format!("{}\n", line.trim_end()),
            1 => format!("{}  \n", line.trim_end_matches('\n')),
            2 => format!("    {line}"),
            3 => line.strip_prefix("    ").unwrap_or(line).to_owned(),
            4 => format!("{:>4}| {line}", from + n + 1),
            5 => line.chars().map(ascii_kin).collect(),
            _ => (*line).to_owned(),
        })
        .collect();
    if dice.one_in(3) {
        text.truncate(text.trim_end().len());
    }
    match dice.below(6) {
        0 => dice.mutated(&text, &LINES),
        1 => text.replace('\n', "\r\n"),
        _ => text,
    }
}

#[test]
fn edit() {
    fuzz::run("edit", |dice| {
        let file = file(dice);
        let old = passage(dice, &file);
        let new = match dice.below(4) {
            0 => String::new(),
            1 => passage(dice, &file),
            _ => format!(
                "{}\n",
                dice.text(&["new\n", "    new\n", "é\n", "x = 1", "y"], 4)
            ),
        };
        let all = dice.one_in(4);
        judge(&file, &old, &new, all);
    });
}

/// Guided fuzzing came upon it: a bare CR is put in, and asking for it back is asking for nothing.
#[test]
fn a_bare_carriage_return_can_be_put_in() {
    judge("a\u{fffd}", "\u{fffd}", "\r", false);
}

/// Guided fuzzing came upon it: blanks of Unicode whose first bytes are the same are not the same blank.
#[test]
fn indentation_of_other_blanks_is_taken_off_by_characters() {
    judge("a\nb\n", "\u{2000}a\n\u{2000}b\n", "\u{2005}c\n", false);
}

/// Guided fuzzing came upon it: what begins with a line end and is put right behind a bare CR makes one line end with it.
#[test]
fn a_line_end_can_be_put_behind_a_bare_carriage_return() {
    judge("a\rbb", "bb", "\n\nc", false);
    judge("a\r\r\nb\n", "\r\nb\r\n", "+", false);
}

/// Guided fuzzing came upon it: a last line that is a carriage return alone is an empty one in a file that has none.
#[test]
fn a_last_line_of_a_carriage_return_is_an_empty_one() {
    judge("\n'", "\r\u{c}\n", "c  \n}\n\r", false);
    judge("  a\nb\n", "a\n", "c\n\n\n\r", false);
    judge("a\n\u{b}\n\n", "a\n \n", "\nb\n\n\r", false);
}

/// Guided fuzzing came upon it: what is taken away may stand before a character that is then a byte order mark. One that a model
/// writes at the beginning of a file is none.
#[test]
fn no_byte_order_mark_is_put_before_a_file() {
    let file = "\u{1e}\u{1e}\u{1e}\u{feff}\u{fffd}\n\n\n\n";
    judge(file, "\u{1e}", "", true);
    for (file, old, new, want) in [
        ("a b\n", "a", "\u{feff}\u{feff}c", "c b\n"),
        ("a b\n", "1| a b", "1| \u{feff}c", "c\n"),
        ("a b\n", "  a b", "  \u{feff}c", "c\n"),
        ("\u{feff}a b\n", "a", "\u{feff}\u{feff}c", "\u{feff}c b\n"),
        ("a b\n", "b", "\u{feff}\u{feff}c", "a \u{feff}c\n"),
    ] {
        judge(file, old, new, false);
        let edited = replace(file, old, new, false).expect("it stands there");
        assert_eq!(edited.text, want, "{file:?} {old:?} {new:?}");
    }
}

/// Guided fuzzing came upon it: of two carriage returns before a line feed one stayed, and a file with LF alone got a CRLF.
#[test]
fn several_carriage_returns_make_no_line_end_of_another_kind() {
    for (file, old, new, want) in [
        ("a\nb\n", "b", "c\r\r\r\nd", "a\nc\nd\n"),
        ("a\r\nb\r\n", "b", "c\r\r\nd", "a\r\nc\r\nd\r\n"),
        ("a\nb \n", "b\n", "c\r", "a\nc\n"),
        ("a\nb\n", "b", "c\r", "a\nc\n"),
    ] {
        judge(file, old, new, false);
        let edited = replace(file, old, new, false).expect("it stands there");
        assert_eq!(edited.text, want, "{file:?} {old:?} {new:?}");
    }
}
