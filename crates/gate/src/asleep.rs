//! Tests that stand in the head's files and do not run: moved to where no runner looks, built for another machine, left out by a
//! condition. A test that went with its subject is written nowhere any more.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::census::{self, Census, TestStatus};
use crate::change::Change;
use crate::checks::Rules;
use crate::measure::Gate;
use crate::notice;
use crate::source::{self, Lang};
use crate::testfns;

static CONDITION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\bskip(?:If|Unless|if)\b|\b[tb]\.Skip(?:f|Now)?\s*\(|\bcfg_attr\s*\(.*\bignore\b|#\s*!?\[\s*cfg\s*\(\s*(?:not|any|all|target_\w+|windows|unix|feature|[a-su-z]\w*)\b|\b(?:it|test|describe)\.(?:skipIf|runIf)\b|\?\s*(?:it|test|describe)(?:\.skip)?\b|\bskip\s*:\s*[^'\x22`,}]|^//go:build",
    )
    .expect("a fixed pattern")
});

impl Gate<'_> {
    /// Ids that were red on the base, do not run on the head, and whose tests are still written there.
    pub(crate) fn written_and_not_run(&self, head: &Census) -> BTreeSet<String> {
        let base = self.candidate.base_census;
        if !base.known || !head.known {
            return BTreeSet::new();
        }
        let lost = census::compare(base, head).lost;
        let red = |id: &&String| {
            base.ids
                .get(*id)
                .is_some_and(|status| *status == TestStatus::Failed)
        };
        let runs: BTreeSet<&str> = { head.ids.iter() }
            .filter(|(_, status)| **status != TestStatus::Ignored)
            .map(|(id, _)| notice::leaf(id))
            .collect();
        let gone: Vec<&String> = lost
            .iter()
            .filter(red)
            .filter(|id| !runs.contains(notice::leaf(id)))
            .collect();
        if gone.is_empty() {
            return BTreeSet::new();
        }
        let written = written(self.change);
        let asleep = gone
            .into_iter()
            .filter(|id| written.contains(notice::leaf(id)));
        asleep.cloned().collect()
    }

    /// Whether an added line of a test says when tests leave themselves out.
    pub(crate) fn adds_conditions(&self) -> bool {
        adds_conditions(self.change, self.rules)
    }
}

fn adds_conditions(change: &Change, rules: &Rules<'_>) -> bool {
    let judged = |path: &str| rules.is_test(path) || source::lang(path) == Lang::Rust;
    change
        .files
        .iter()
        .filter(|file| judged(&file.path))
        .any(|file| {
            let source = file.head_source();
            source.is_some_and(|source| {
                file.added
                    .iter()
                    .any(|at| CONDITION.is_match(&source.uncommented(*at)))
            })
        })
}

/// The names of the tests that stand in the head.
fn written(change: &Change) -> BTreeSet<String> {
    let tests = change
        .tests
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()));
    let changed = { change.files.iter() }
        .filter(|file| file.lang() == Lang::Rust)
        .filter_map(|file| Some((file.path.as_str(), file.head.text()?)));
    let found = tests
        .chain(changed)
        .flat_map(|(path, text)| testfns::find(text, source::lang(path)).into_keys());
    found
        .map(|name| notice::leaf(name.trim_matches(['\'', '"', '`'])).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::checks::testing::Task;
    use super::*;

    #[test]
    fn what_is_written_is_found_wherever_it_went() {
        let change = Change::of(&[
            (
                "a_windows_test.go",
                None,
                Some("package a\n\nfunc TestUp(t *testing.T) {\n\tup(t)\n}\n"),
            ),
            (
                "tests/old_a.py",
                None,
                Some("class TestA:\n    def test_up(self):\n        assert up()\n"),
            ),
            (
                "src/lib.rs",
                Some("\n"),
                Some("#[cfg(windows)]\nmod tests {\n    #[test]\n    fn goes_up() {}\n}\n"),
            ),
            (
                "test/later/a.test.js",
                None,
                Some("test('goes up', () => { up() })\n"),
            ),
            ("src/up.go", None, Some("package a\n\nfunc Down() {}\n")),
        ]);
        let names = written(&change);
        for name in ["TestUp", "test_up", "goes_up", "goes up"] {
            assert!(names.contains(name), "{name}: {names:?}");
        }
        assert!(!names.contains("Down"));
    }

    #[test]
    fn conditions_of_tests_are_told_from_other_code() {
        let adds = |path: &str, text: &str| {
            adds_conditions(
                &Change::of(&[(path, None, Some(text))]),
                &Task::build().rules(),
            )
        };
        for (path, text) in [
            (
                "tests/test_a.py",
                "needs = unittest.skipUnless(sys.platform == 'os2', 'x')\n",
            ),
            (
                "tests/test_a.py",
                "@pytest.mark.skipif(not shutil.which('git'), reason='x')\ndef test_a(): pass\n",
            ),
            (
                "a_test.go",
                "func TestA(t *testing.T) {\n\tif fast {\n\t\tt.Skip(\"x\")\n\t}\n}\n",
            ),
            (
                "tests/a.rs",
                "#[cfg_attr(windows, ignore)]\n#[test]\nfn a() {}\n",
            ),
            ("a.test.ts", "test.skipIf(!here)('a', () => {})\n"),
            ("src/lib.rs", "#[cfg(slow_tests)]\nmod tests {}\n"),
        ] {
            assert!(adds(path, text), "{text}");
        }
        for (path, text) in [
            (
                "tests/test_a.py",
                "def test_a():\n    assert skipped() == 1\n",
            ),
            ("src/a.py", "skipif = 1\n"),
            (
                "src/lib.rs",
                "#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {}\n}\n",
            ),
            (
                "a.test.ts",
                "test('a', () => { expect(list.skip(1)).toEqual([]) })\n",
            ),
        ] {
            assert!(!adds(path, text), "{text}");
        }
    }
}
