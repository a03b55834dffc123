//! Patches as models write them, and what becomes of the file.

use proptest::prelude::*;

use super::*;
use alai_core::patch::{BEGIN, CHANGES_MAX, END, UPDATE};

fn patch(body: &str) -> Result<Vec<Change>, String> {
    parse(&format!("{BEGIN}\n{body}\n{END}\n"))
}

fn hunks(body: &str) -> Vec<Hunk> {
    match patch(&format!("{UPDATE} a\n{body}")).expect(body).remove(0) {
        Change::Update { hunks, .. } => hunks,
        other @ (Change::Add { .. } | Change::Delete { .. }) => panic!("{other:?}"),
    }
}

fn applied(file: &str, body: &str) -> Result<String, String> {
    apply(file, &hunks(body))
}

const PY: &str = "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 1\n";

#[test]
fn a_patch_of_three_files_is_read() {
    let changes = patch(
        "*** Add File: new.txt\n+x\n+\n+y\n*** Update File: b.py\n*** Move to: c.py\n@@ def f\n-1\n+2\n*** Delete File: old.txt",
    )
    .unwrap();
    assert_eq!(changes.len(), 3);
    assert_eq!(
        changes[0],
        Change::Add {
            path: "new.txt".into(),
            content: "x\n\ny\n".into()
        }
    );
    assert_eq!(changes[1].paths(), ["b.py", "c.py"]);
    assert_eq!(changes[1].bytes(), 2);
    assert_eq!(
        changes[2],
        Change::Delete {
            path: "old.txt".into()
        }
    );
}

#[test]
fn what_models_put_around_a_patch_is_left_out() {
    let bare = "*** Begin Patch\n*** Delete File: a\n*** End Patch";
    for text in [
        format!("```\n{bare}\n```"),
        format!("apply_patch <<'EOF'\n{bare}\nEOF\n"),
        bare.replace('\n', "\r\n"),
        format!("\n\n{bare}"),
    ] {
        assert_eq!(parse(&text).map(|changes| changes.len()), Ok(1), "{text}");
    }
}

#[test]
fn a_patch_that_cannot_be_read_says_why() {
    for (text, says) in [
        ("", "Begin Patch"),
        (
            "*** Begin Patch\n*** Update File: a\n@@\n-x\n+y\n",
            "it was cut",
        ),
        ("*** Begin Patch\n*** End Patch", "0 files"),
        ("*** Begin Patch\nhello\n*** End Patch", "`hello` is no"),
        (
            "*** Begin Patch\n*** Add File: a\nx\n*** End Patch",
            "starts with `+`",
        ),
        (
            "*** Begin Patch\n*** Update File: a\n@@\nx\n*** End Patch",
            "starts with a space",
        ),
        // A letter that takes several bytes is no sign, and not an empty line either.
        (
            "*** Begin Patch\n*** Update File: a\n@@\n-x\n+y\n“z”\n*** End Patch",
            "`“z”`: a line of a hunk starts with a space",
        ),
        (
            "*** Begin Patch\n*** Update File: a\n@@\n x\n*** End Patch",
            "changes nothing",
        ),
        (
            "*** Begin Patch\n*** Update File: a\n*** End Patch",
            "changes nothing",
        ),
        (
            "*** Begin Patch\n*** Delete File: \n*** End Patch",
            "no path",
        ),
    ] {
        let why = parse(text).expect_err(text);
        assert!(why.contains(says), "{text}: {why}");
    }
    let many = "*** Delete File: a\n".repeat(CHANGES_MAX + 1);
    assert!(patch(&many).is_err());
}

/// What the hunk is about, the file, the hunk, the file after it.
const PLACES: [(&str, &str, &str, &str); 28] = [
    ("a line", "a\nb\nc\n", "@@\n a\n-b\n+x\n c", "a\nx\nc\n"),
    ("no @@ before the first", "a\nb\n", "-a\n+x", "x\nb\n"),
    (
        "numbers of a unified diff",
        "a\nb\n",
        "@@ -9,1 +9,1 @@\n-a\n+x",
        "x\nb\n",
    ),
    (
        "two hunks",
        "a\nb\nc\n",
        "@@\n-a\n+x\n@@\n-c\n+y",
        "x\nb\ny\n",
    ),
    (
        "two hunks out of order",
        "a\nb\nc\n",
        "@@\n-c\n+y\n@@\n-a\n+x",
        "x\nb\ny\n",
    ),
    (
        "hunks that share a line",
        "a\nb\nc\n",
        "@@\n-a\n+x\n b\n@@\n b\n-c\n+y",
        "x\nb\ny\n",
    ),
    (
        "a line that is a part of another",
        "max = 1\nx = 1\n",
        "@@\n-x = 1\n+x = 2",
        "max = 1\nx = 2\n",
    ),
    ("a deleted line", "a\nb\nc\n", "@@\n-b", "a\nc\n"),
    ("an inserted line", "a\nc\n", "@@\n a\n+b\n c", "a\nb\nc\n"),
    (
        "an empty context line",
        "a\n\nb\n",
        "@@\n a\n\n-b\n+x",
        "a\n\nx\n",
    ),
    (
        "the named class",
        PY,
        "@@ class B:\n     def f(self):\n-        return 1\n+        return 2",
        "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 2\n",
    ),
    (
        "the named class and method",
        PY,
        "@@ class A:\n@@ def f(self):\n-        return 1\n+        return 2",
        "class A:\n    def f(self):\n        return 2\n\nclass B:\n    def f(self):\n        return 1\n",
    ),
    (
        "behind a unified head",
        PY,
        "@@ -5,3 +5,3 @@ class B:\n-        return 1\n+        return 2",
        "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 2\n",
    ),
    (
        "the end of the file",
        "a\nb\na\n",
        "@@\n-a\n+x\n*** End of File",
        "a\nb\nx\n",
    ),
    (
        "new lines behind a named one",
        "a\nb\n",
        "@@ a\n+x",
        "a\nx\nb\n",
    ),
    ("new lines at the end", "a\n", "@@\n+x", "a\nx\n"),
    (
        "new lines behind a last line without its end",
        "a",
        "@@\n+x",
        "a\nx\n",
    ),
    ("an empty file", "", "@@\n+x", "x\n"),
    ("a last line without its end", "a\nb", "@@\n-b\n+x", "a\nx"),
    ("trailing blanks", "a  \nb\n", "@@\n-a\n+x\n b", "x\nb\n"),
    (
        "indentation that was lost",
        "    a\n    b\n",
        "@@\n-a\n-b\n+x\n+y",
        "    x\n    y\n",
    ),
    (
        "typographic quotes",
        "say “a”\n",
        "@@\n-say \"a\"\n+say b",
        "say b\n",
    ),
    ("CRLF", "a\r\nb\r\nc\r\n", "@@\n-b\n+x", "a\r\nx\r\nc\r\n"),
    (
        "CRLF in the first line",
        "a\r\nb\r\n",
        "@@\n-a\n+x",
        "x\r\nb\r\n",
    ),
    (
        "CRLF, the first line deleted",
        "a\r\nb\r\n",
        "@@\n-a",
        "b\r\n",
    ),
    ("CRLF at the end", "a\r\n", "@@\n+x", "a\r\nx\r\n"),
    (
        "a byte order mark",
        "\u{feff}a\nb\n",
        "@@\n-b\n+x",
        "\u{feff}a\nx\n",
    ),
    (
        "a byte order mark before the line",
        "\u{feff}a\nb\n",
        "@@\n-a\n+x",
        "\u{feff}x\nb\n",
    ),
];

#[test]
fn hunks_find_their_place() {
    for (name, file, body, want) in PLACES {
        assert_eq!(applied(file, body).as_deref(), Ok(want), "{name}");
    }
}

#[test]
fn a_hunk_without_one_place_changes_nothing() {
    for (name, file, body, says) in [
        ("not there", "a\n", "@@\n-x\n+y", "hunk 1 were not found"),
        (
            "the second is not there",
            "a\nb\n",
            "@@\n-a\n+x\n@@\n-zz\n+y",
            "hunk 2 were not found",
        ),
        (
            "twice there",
            "a\nb\na\n",
            "@@\n-a\n+x",
            "stand there 2 times",
        ),
        (
            "the head is not there",
            "a\n",
            "@@ fn nowhere\n-a\n+x",
            "not found",
        ),
        (
            "in the middle of a line",
            "say abc",
            "@@\n-abc\n+x",
            "not found",
        ),
        (
            "at the end, where no empty line is",
            "bar\nfoo\n",
            "@@\n+z\n \n foo\n*** End of File",
            "not found",
        ),
        (
            "done already",
            "let x = 2;\n",
            "@@\n-let x = 1;\n+let x = 2;",
            "already there",
        ),
        (
            "nearly there",
            "let value = 1;\nlet other = 2;\n",
            "@@\n-let valu = 1;\n+let x = 1;",
            "Did you mean this?\nlet value = 1;",
        ),
    ] {
        let why = applied(file, body).expect_err(name);
        assert!(why.contains(says), "{name}: {why}");
    }
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-c é]{0,3}", 1..12)
}

proptest! {
    /// Whatever the file: a patch of whole, unique lines gives exactly the file with these lines replaced.
    #[test]
    fn only_the_lines_of_the_hunk_change(before in lines(), after in lines(), new in lines(), crlf in any::<bool>()) {
        let end = if crlf { "\r\n" } else { "\n" };
        let file = |middle: &[String]| {
            let all = before.iter().chain(middle).chain(&after);
            all.map(|line| format!("{line}{end}")).collect::<String>()
        };
        let old = vec!["UNIQUE 1".to_owned(), "UNIQUE 2".to_owned()];
        let mut body = "@@\n".to_owned();
        for (sign, lines) in [("-", &old), ("+", &new)] {
            for line in lines {
                body.push_str(&format!("{sign}{line}\n"));
            }
        }
        prop_assert_eq!(applied(&file(&old), &body), Ok(file(&new)));
    }

    #[test]
    fn no_text_makes_it_panic(
        file in "[ab é\n\r\u{feff}“]{0,40}",
        pieces in proptest::collection::vec(prop_oneof![
            Just("*** Update File: a\n"), Just("*** Add File: b\n"), Just("*** Delete File: c\n"), Just("*** Move to: d\n"),
            Just("@@\n"), Just("@@ a\n"), Just("@@ -1 +1 @@ b\n"), Just(" a\n"), Just("-a\n"), Just("+b\n"), Just("-é\n"),
            Just("+“\n"), Just("\n"), Just("*** End of File\n"), Just("-\n"), Just("+\n"), Just("x\n"), Just("é\n"),
        ], 0..16),
    ) {
        for change in patch(&pieces.concat()).unwrap_or_default() {
            if let Change::Update { hunks, .. } = change {
                let _ = apply(&file, &hunks);
            }
        }
    }
}
