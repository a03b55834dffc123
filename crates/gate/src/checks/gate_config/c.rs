//! The part of a CMake or Meson project that says which tests there are and what counts as passed.

use std::collections::BTreeSet;

use crate::change::ChangedFile;
use crate::paths;

/// Calls that make tests. More of them may come; one that is there stays as it is.
const TESTS: [&str; 6] = [
    "add_test",
    "enable_testing",
    "gtest_discover_tests",
    "catch_discover_tests",
    "test",
    "benchmark",
];
/// Calls and words that change how a test is judged. None may come, go or change.
const JUDGES: [&str; 2] = ["set_tests_properties", "set_property"];
const WORDS: [&str; 3] = ["should_fail", "will_fail", "pass_regular_expression"];

pub(super) fn changed(file: &ChangedFile) -> Vec<String> {
    let name = paths::name(&file.path);
    let read = [
        "CMakeLists.txt",
        "meson.build",
        "CTestConfig.cmake",
        "CTestCustom.cmake",
    ];
    if !read.contains(&name) && paths::extension(&file.path) != "cmake" {
        return Vec::new();
    }
    let base = Parts::of(file.base.text().unwrap_or_default());
    let head = Parts::of(file.head.text().unwrap_or_default());
    let lost = base.tests.difference(&head.tests);
    let judged = base.judges.symmetric_difference(&head.judges);
    lost.chain(judged)
        .map(|call| format!("{} changes `{}`", file.path, clip(call)))
        .collect()
}

fn clip(call: &str) -> String {
    call.chars().take(120).collect()
}

#[derive(Default)]
struct Parts {
    tests: BTreeSet<String>,
    judges: BTreeSet<String>,
}

impl Parts {
    /// The calls of a file, with blanks made one. Names are the same in any case in CMake; strings hold no lone parenthesis in
    /// practice, and one that does makes the call longer, which compares all the same.
    fn of(text: &str) -> Parts {
        let uncommented: String = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .fold(String::new(), |all, line| all + line + "\n");
        let mut parts = Parts::default();
        for (at, _) in uncommented.match_indices('(') {
            let before = uncommented[..at].trim_end_matches([' ', '\t']);
            let starts = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let name = before[starts.map_or(0, |at| at + 1)..].to_ascii_lowercase();
            let inside = &uncommented[at..];
            let call = format!("{name}{}", tidy(&inside[..end(inside)]));
            let low = call.to_ascii_lowercase();
            let test = TESTS.contains(&name.as_str());
            let judges = (name == "set_property" && low.contains("test"))
                || (name != "set_property" && JUDGES.contains(&name.as_str()))
                || (test && WORDS.iter().any(|word| low.contains(word)));
            if judges {
                parts.judges.insert(call);
            } else if test {
                parts.tests.insert(call);
            }
        }
        parts
    }
}

/// Where the parenthesis that a text begins with is closed.
fn end(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return at + 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use crate::change::Change;

    use super::changed;

    fn found(path: &str, base: &str, head: &str) -> usize {
        let change = Change::of(&[(path, Some(base), Some(head))]);
        change.files.iter().map(|file| changed(file).len()).sum()
    }

    const CMAKE: &str =
        "project(x C)\nadd_executable(t t.c)\nenable_testing()\nadd_test(NAME t COMMAND t)\n";
    const MESON: &str = "project('x', 'c')\ntest('t', executable('t', 't.c'))\n";

    #[test]
    fn tests_may_come_and_neither_go_nor_change() {
        for (path, base, old, new, findings) in [
            (
                "CMakeLists.txt",
                CMAKE,
                "COMMAND t)",
                "COMMAND t)\nadd_test(NAME u COMMAND u)",
                0,
            ),
            ("CMakeLists.txt", CMAKE, "t t.c", "t t.c more.c", 0),
            (
                "CMakeLists.txt",
                CMAKE,
                "NAME t COMMAND t",
                "NAME t # the same\n  COMMAND t",
                0,
            ),
            ("CMakeLists.txt", CMAKE, "COMMAND t)", "COMMAND true)", 1),
            (
                "CMakeLists.txt",
                CMAKE,
                "add_test(NAME t",
                "# add_test(NAME t",
                1,
            ),
            ("sub/CMakeLists.txt", CMAKE, "enable_testing()\n", "", 1),
            (
                "CMakeLists.txt",
                CMAKE,
                "COMMAND t)",
                "COMMAND t)\nset_tests_properties(t PROPERTIES WILL_FAIL ON)",
                1,
            ),
            (
                "tests.cmake",
                CMAKE,
                "COMMAND t)",
                "COMMAND t)\nSET_PROPERTY(TEST t PROPERTY DISABLED ON)",
                1,
            ),
            (
                "CMakeLists.txt",
                CMAKE,
                "COMMAND t)",
                "COMMAND t)\nset_property(TARGET t PROPERTY C_STANDARD 11)",
                0,
            ),
            ("meson.build", MESON, "'t.c'", "'t.c', 'u.c'", 1),
            ("meson.build", MESON, "t.c'))", "t.c'))\ntest('u', u)", 0),
            (
                "meson.build",
                MESON,
                "'t.c'))",
                "'t.c'), should_fail: true)",
                2,
            ),
            ("notes.txt", CMAKE, "COMMAND t)", "COMMAND true)", 0),
        ] {
            let head = base.replace(old, new);
            assert_ne!(head, base, "{path}: {new}");
            assert_eq!(found(path, base, &head), findings, "{path}: {new}");
        }
    }
}
