//! New files of data beside tests that stay: what those tests need is there when the base's tests judge, and nothing else is.

use alai_core::qa::Check;

use super::world::{Judged, Task, World};

const MANIFEST: (&str, &str) = (
    "Cargo.toml",
    "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
);
const CARGO: &str = "cargo test --offline";

/// A library that counts lines, and its test over a file of data.
fn lines(more: &[(&str, &str)], task: &Task) -> Judged {
    let world = World::new(&[
        MANIFEST,
        (
            "src/lib.rs",
            "/// Lines of a text.\npub fn lines(text: &str) -> usize {\n    text.matches('\\n').count()\n}\n",
        ),
        (
            "tests/old.rs",
            "#[test]\nfn two() {\n    assert_eq!(a::lines(include_str!(\"data/two.txt\")), 2);\n}\n",
        ),
        ("tests/data/two.txt", "a\nb\n"),
    ]);
    let base = world.tip();
    let mut write = vec![(
        "src/lib.rs",
        "/// Lines of a text, the last of which may have no end.\npub fn lines(text: &str) -> usize {\n    text.lines().count()\n}\n",
    )];
    write.extend(more);
    world.commit(&write, &[], "Count the last line");
    world.measure(&base, task)
}

#[test]
fn a_file_of_data_that_a_new_test_reads_is_there() {
    let test =
        "#[test]\nfn three() {\n    assert_eq!(a::lines(include_str!(\"data/open.txt\")), 3);\n}\n";
    let with = [("tests/open.rs", test), ("tests/data/open.txt", "a\nb\nc")];
    lines(&with, &Task::with(CARGO)).expect_pass();
    lines(&with[..1], &Task::with(CARGO)).expect_fail(Check::CleanBuild);
}

const COUNT: &str = "def count(text):\n    return text.count(\"\\n\")\n";
const RIGHT: &str = "def count(text):\n    return len(text.splitlines())\n";

/// A test that takes a file of its own before the one that all have.
fn own_or_all(more: &[(&str, &str)]) -> Judged {
    let test = |of: &str| {
        format!(
            "import os\nimport unittest\n\nfrom counting import count\n\n\nclass Count(unittest.TestCase):\n    def test_lines(self):\n        \
             path = \"tests/own.txt\" if os.path.exists(\"tests/own.txt\") else \"tests/all.txt\"\n        with open(path) as file:\n            \
             self.assertEqual(count(file.read()), {of})\n"
        )
    };
    let (old, open) = (test("3"), "import unittest\n");
    let world = World::new(&[
        ("counting.py", COUNT),
        ("tests/__init__.py", "\n"),
        ("tests/test_old.py", &old),
        ("tests/test_open.py", open),
        ("tests/all.txt", "a\nb\nc"),
    ]);
    let base = world.tip();
    world.commit(more, &[], "Count");
    let task = Task {
        changes_tests: vec!["tests/test_open.py".into()],
        ..Task::with("python3 -m unittest -v")
    };
    world.measure(&base, &task)
}

#[test]
fn a_file_that_a_test_of_the_base_asks_for_is_taken_away_needs_python() {
    let named = "import unittest\n\n\nclass Own(unittest.TestCase):\n    def test_own(self):\n        with open(\"tests/own.txt\") as file:\n            \
                 self.assertTrue(file.read())\n";
    let shadow = [
        ("tests/test_open.py", named),
        ("tests/own.txt", "a\nb\nc\n"),
    ];
    // Green as it is: the old test finds the new file. With the base's tests it is as red as it was.
    own_or_all(&shadow).expect_fail(Check::BaseTestsPass);
    own_or_all(&shadow[1..]).expect_fail(Check::NoTampering);
    let named = "import unittest\n\nfrom counting import count\n\n\nclass More(unittest.TestCase):\n    def test_more(self):\n        \
                 with open(\"tests/more.txt\") as file:\n            self.assertEqual(count(file.read()), 2)\n";
    let judged = own_or_all(&[
        ("counting.py", RIGHT),
        ("tests/test_open.py", named),
        ("tests/more.txt", "a\nb"),
    ]);
    judged.expect_pass();
}
