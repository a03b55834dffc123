//! Every level, every miss, and the law that only the matched span changes.

use super::*;
use proptest::prelude::*;

fn done(file: &str, old: &str, new: &str) -> (String, Level) {
    let edited = replace(file, old, new, false).expect("the passage is there once");
    (edited.text, edited.level)
}

#[test]
fn each_level_finds_what_the_stricter_ones_miss() {
    let cases: [(&str, &str, &str, &str, Level); 14] = [
        ("a\nb\nc\n", "b", "B", "a\nB\nc\n", Level::Exact),
        ("a b c", " b ", "-", "a-c", Level::Exact),
        (
            "x = 1  \ny = 2\n",
            "x = 1\ny = 2\n",
            "x = 3\n",
            "x = 3\n",
            Level::TrailingSpace,
        ),
        (
            "x = 1\n\ny\n",
            "x = 1   \n  \ny",
            "z",
            "z\n",
            Level::TrailingSpace,
        ),
        ("a\nb  \nc", "b\nc", "B\nC", "a\nB\nC", Level::TrailingSpace),
        (
            "    if a:\n        b()\n",
            "if a:\n    b()\n",
            "if c:\n    b()\n",
            "    if c:\n        b()\n",
            Level::Indentation,
        ),
        (
            "if a:\n    b()\n",
            "    if a:\n        b()\n",
            "    if c:\n        d()\n",
            "if c:\n    d()\n",
            Level::Indentation,
        ),
        (
            "\tfoo();\n\tbar();\n",
            "foo();\nbar();",
            "baz();",
            "\tbaz();\n",
            Level::Indentation,
        ),
        (
            "say(\u{201c}hi\u{201d})\n",
            "say(\"hi\")",
            "say(\"yo\")",
            "say(\"yo\")\n",
            Level::Punctuation,
        ),
        (
            "say(\"hi\") - x\n",
            "say(\u{201c}hi\u{201d}) \u{2013} x",
            "s",
            "s\n",
            Level::Punctuation,
        ),
        ("a\u{a0}b é c\n", "a b é", "z", "z c\n", Level::Punctuation),
        (
            "fn a() {\n    b\n}\n",
            "   1| fn a() {\n   2|     b\n",
            "   1| fn z() {\n   2|     b\n",
            "fn z() {\n    b\n}\n",
            Level::LineNumbers,
        ),
        ("a\nb\n", "12| b", "c", "a\nc\n", Level::LineNumbers),
        (
            "keep\ngone  \nkeep\n",
            "gone\n",
            "",
            "keep\nkeep\n",
            Level::TrailingSpace,
        ),
    ];
    for (file, old, new, want, level) in cases {
        let got = replace(file, old, new, false);
        let edited = got.unwrap_or_else(|miss| panic!("{file:?} {old:?}: {miss:?}"));
        assert_eq!(
            (edited.text.as_str(), edited.level),
            (want, level),
            "{file:?} {old:?}"
        );
    }
}

#[test]
fn crlf_and_byte_order_mark_stay() {
    let (text, _) = done("\u{feff}a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\nz\n");
    assert_eq!(text, "\u{feff}x\r\ny\r\nz\r\nc\r\n");
    let (text, _) = done("a\r\nb\nc\n", "b", "x\ny");
    assert_eq!(text, "a\r\nx\ny\nc\n", "most of the file is LF");
    let (text, _) = done("a\r\nb\r\n", "a\r\nb\r\n", "a\r\nB\r\n");
    assert_eq!(text, "a\r\nB\r\n");
    let (text, level) = done("    a;\r\n    b;\r\n", "a;\nb;\n", "c;\n");
    assert_eq!((text.as_str(), level), ("    c;\r\n", Level::Indentation));
}

#[test]
fn a_passage_must_be_unique_unless_all_is_asked() {
    let file = "x\ny\nx\n";
    assert_eq!(
        replace(file, "x", "z", false),
        Err(Miss::Many { lines: vec![1, 3] })
    );
    // A passage that overlaps itself stands there twice, too.
    for (file, old) in [
        ("a\nb\na\nb\na\n", "a\nb\na\n"),
        ("a \nb\na\nb\na \n", "a\nb\na\n"),
        ("“a”b“a”b“a”", "\"a\"b\"a\""),
    ] {
        let many = replace(file, old, "z\n", false);
        assert!(matches!(many, Err(Miss::Many { .. })), "{old:?}: {many:?}");
    }
    let edited = replace(file, "x", "z", true).expect("all of them");
    assert_eq!(edited.text, "z\ny\nz\n");
    assert_eq!(edited.spans, vec![0..1, 4..5]);
}

#[test]
fn uneven_indentation_does_not_match() {
    let file = "  a\n      b\n";
    assert!(matches!(
        replace(file, "a\n  b\n", "z", false),
        Err(Miss::NotFound { .. })
    ));
}

#[test]
fn misses_say_what_they_know() {
    assert_eq!(replace("a", "", "b", false), Err(Miss::EmptyOld));
    assert_eq!(replace("a", "\n", "b", false), Err(Miss::EmptyOld));
    assert!(
        matches!(replace("éa", "12| ", "x", true), Err(Miss::NotFound { .. })),
        "a number alone is everywhere"
    );
    assert_eq!(replace("a", "a", "a", false), Err(Miss::NoChange));
    assert_eq!(replace("a\r\n", "a\n", "a\r\n", false), Err(Miss::NoChange));
    let there = replace("let total = 2;\n", "let sum = 1;", "let total = 2;", false);
    assert!(
        matches!(
            there,
            Err(Miss::NotFound {
                already_there: true,
                ..
            })
        ),
        "{there:?}"
    );
    let file = "fn one() {}\n\nfn add(a: i32, b: i32) -> i32 {\n    a - b\n}\n";
    let miss = replace(
        file,
        "fn add(a: i64, b: i64) -> i64 {\n    a - b\n}",
        "x",
        false,
    );
    let Err(Miss::NotFound {
        nearest: Some(near),
        already_there: false,
    }) = miss
    else {
        panic!("{miss:?}");
    };
    assert_eq!(near.line, 3);
    assert!(near.text.starts_with("fn add(a: i32"), "{}", near.text);
    let far = replace("alpha\nbeta\n", "SELECT 1 FROM zzz", "x", false);
    assert_eq!(
        far,
        Err(Miss::NotFound {
            nearest: None,
            already_there: false
        })
    );
}

fn any_line() -> impl Strategy<Value = String> {
    "[ \t]{0,4}[a-d\u{201c}\u{e9}(){};]{0,6}[ ]{0,2}"
}

fn any_file() -> impl Strategy<Value = String> {
    (
        any::<bool>(),
        proptest::collection::vec((any_line(), any::<bool>()), 1..14),
        any::<bool>(),
    )
        .prop_map(|(mark, lines, last)| {
            let mut text = String::new();
            if mark {
                text.push('\u{feff}');
            }
            let count = lines.len();
            for (index, (line, crlf)) in lines.into_iter().enumerate() {
                text.push_str(&line);
                if index + 1 < count || last {
                    text.push_str(if crlf { "\r\n" } else { "\n" });
                }
            }
            text
        })
}

proptest! {
    #[test]
    fn only_the_matched_spans_change(file in any_file(), old in any_file(), new in any_file(), all: bool) {
        if let Ok(edited) = replace(&file, &old, &new, all) {
            prop_assert!(all || edited.spans.len() == 1);
            let mut rest = edited.text.as_str();
            let mut done = 0;
            for span in &edited.spans {
                let kept = &file[done..span.start];
                prop_assert!(rest.contains(kept));
                if done == 0 {
                    prop_assert!(rest.starts_with(kept));
                    rest = &rest[kept.len()..];
                }
                done = span.end;
            }
            prop_assert!(edited.text.ends_with(&file[done..]));
            prop_assert_eq!(file.starts_with('\u{feff}'), edited.text.starts_with('\u{feff}'));
            prop_assert_ne!(edited.text, file);
        }
    }

    #[test]
    fn a_copied_passage_is_found_whatever_its_line_ends(file in any_file(), from in 0usize..10, count in 1usize..5) {
        let view = unix(&file);
        let lines: Vec<&str> = view.split_inclusive('\n').collect();
        let from = from.min(lines.len().saturating_sub(1));
        let old: String = lines.iter().skip(from).take(count).copied().collect();
        prop_assume!(!old.trim_matches('\n').is_empty());
        match replace(&file, &old, "NEW\n", true) {
            Ok(edited) => {
                prop_assert_eq!(edited.level, Level::Exact);
                prop_assert!(edited.text.contains("NEW"));
                let again = replace(&edited.text, &old, "NEW\n", true);
                let quiet = matches!(again, Ok(_) | Err(Miss::NotFound { .. }));
                prop_assert!(quiet, "a second time: {:?}", again);
            }
            Err(miss) => prop_assert!(false, "{:?}", miss),
        }
    }

    #[test]
    fn the_same_miss_is_the_same_twice(file in any_file(), old in any_file(), new in any_file()) {
        let first = replace(&file, &old, &new, false);
        prop_assert_eq!(first, replace(&file, &old, &new, false));
    }
}

#[test]
fn a_byte_order_mark_alone_is_found_nowhere() {
    for all in [false, true] {
        let missed = replace("\u{201c}{\n", "\u{feff}", "x", all);
        assert!(missed.is_err(), "{missed:?}");
    }
}
