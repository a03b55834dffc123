//! Tests that turn green because a helper of the tests puts something else in the product's place. That a helper patches is
//! ordinary (a clock, a network); what tells is that red tests turn green on the base's code with the change's tests alone.

use std::sync::LazyLock;

use regex::Regex;

use crate::census::TestStatus;
use crate::change::Change;
use crate::checks::{Rules, some};
use crate::error::GateError;
use crate::measure::Gate;
use crate::notice::{self, Own};
use crate::runs;
use crate::source::Lang;

impl Gate<'_> {
    /// Whether what the change adds to tests and their helpers replaces parts of a program.
    pub(crate) fn patches_the_product(&self) -> bool {
        patches(self.change, self.rules)
    }

    /// Why the tests that turned green show nothing: they do so on the base's code too, with the change's tests and helpers. An error is
    /// why that was not seen.
    pub(crate) fn green_without(
        &mut self,
        own: &Own,
        fixed: &[String],
    ) -> Result<Option<Result<String, String>>, GateError> {
        let red = !self.candidate.base_census.exit.success();
        if fixed.is_empty() && !(red && *own == Own::All) {
            return Ok(None);
        }
        // A test that was edited itself may well have been what was wrong.
        let edited = self.edited_tests();
        let (ran, seen) = self.tests_on_base()?;
        if let Some(why) = runs::cut_off(self.candidate.test_command, ran.record.exit) {
            return Ok(Some(Err(why)));
        }
        let green: Vec<&String> = { fixed.iter() }
            .filter(|id| !edited.contains(notice::leaf(id)))
            .filter(|id| seen.ids.get(*id) == Some(&TestStatus::Passed))
            .collect();
        let all = *own == Own::All && fixed.is_empty() && edited.is_empty() && ran.success();
        Ok((all || !green.is_empty()).then(|| {
            Ok(format!(
                "red tests turn green on the base's code with the change's tests alone, which put something else in its place: {}",
                if all { "the tests".to_owned() } else { some(&green) }
            ))
        }))
    }
}

static PYTHON: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:monkeypatch|mocker|mp)\.(?:setattr|setitem|patch)\b|\bpatch(?:\.(?:object|dict|multiple))?\s*\(|\bsetattr\s*\(|\bsys\.modules\[|^\s*(?:[a-z_]\w*\.)+\w+\s*=[^=]|\b__dict__\b",
    )
});
static JAVASCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:vi|jest)\.(?:mock|doMock|spyOn|replaceProperty|unstable_mockModule|stubGlobal)\s*\(|\bmock\.(?:method|module|getter)\s*\(|\.prototype\.\w+\s*=[^=]|\bsinon\.(?:stub|replace)\b|\brequire\.cache\b|\bObject\.(?:assign|defineProperty)\s*\(|^\s*(?:[A-Za-z_]\w*\.)+\w+\s*=\s*(?:async\s*)?(?:function|\()",
    )
});
static GO: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"^\s*(?:\w+\.)?\w+\s*=\s*(?:func\b|fake\w*|stub\w*|mock\w*)|\bgo:linkname\b")
});

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

fn patches(change: &Change, rules: &Rules<'_>) -> bool {
    let judged = change.files.iter().filter(|file| rules.is_test(&file.path));
    let mut judged = judged.filter_map(|file| Some((file, file.head_source()?)));
    judged.any(|(file, source)| {
        let pattern = match file.lang() {
            Lang::Python => &*PYTHON,
            Lang::JavaScript => &*JAVASCRIPT,
            Lang::Go => &*GO,
            // Nothing of a built program of Rust can be replaced by its tests.
            Lang::Rust | Lang::CLike | Lang::Hash | Lang::Plain => return false,
        };
        file.added
            .iter()
            .any(|at| pattern.is_match(&source.code[*at]))
    })
}

#[cfg(test)]
mod tests {
    use super::super::checks::testing::Task;
    use super::*;

    #[test]
    fn helpers_that_replace_are_told_from_those_that_prepare() {
        let judged = |path: &str, text: &str| {
            patches(
                &Change::of(&[(path, None, Some(text))]),
                &Task::build().rules(),
            )
        };
        for (path, text) in [
            (
                "tests/conftest.py",
                "@pytest.fixture(autouse=True)\ndef a(monkeypatch):\n    monkeypatch.setattr('shop.total', total)\n",
            ),
            ("tests/support.py", "import shop\nshop.total = total\n"),
            (
                "tests/setup.ts",
                "vi.mock('../src/shop', () => ({ total }))\n",
            ),
            (
                "test/helper.js",
                "Shop.prototype.total = function () { return 1 }\n",
            ),
            (
                "main_test.go",
                "package a\n\nfunc init() {\n\ttotal = func(int) int { return 1 }\n}\n",
            ),
        ] {
            assert!(judged(path, text), "{text}");
        }
        for (path, text) in [
            (
                "tests/conftest.py",
                "@pytest.fixture\ndef a(monkeypatch, tmp_path):\n    monkeypatch.setenv('HOME', str(tmp_path))\n",
            ),
            (
                "tests/support.py",
                "def shop():\n    shop = Shop()\n    return shop\n",
            ),
            ("tests/setup.ts", "export const shop = () => new Shop()\n"),
            (
                "a_test.go",
                "package a\n\nfunc TestA(t *testing.T) {\n\tgot := total(1)\n\tcheck(t, got, 1)\n}\n",
            ),
            ("src/shop.py", "shop.total = total\n"),
        ] {
            assert!(!judged(path, text), "{text}");
        }
    }
}
