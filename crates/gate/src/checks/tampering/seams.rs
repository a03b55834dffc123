//! Tests get another product than the one that ships: a test file puts a function of its own in the place of the product's, for all
//! tests at once, or says itself which tests there are and in which order.
//!
//! A stand-in for what the product calls (a clock, a network) is how tests are written: only what is set when the test files are loaded
//! counts, and of Go and JavaScript only a place that the same change made.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use crate::change::{Change, ChangedFile};
use crate::functions::{Function, around, functions};
use crate::source::{Lang, Source};

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// A variable of a package that holds a function of the package's own.
static GO_SEAM: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"^(?:var\s+|\t)(\w+)\s*(?:=\s*func\b|func\s*\([^)]*\)[\w\s*.\[\]()]*(?:=\s*(?:func\b|[a-z]\w*\s*$)|$)|=\s*[a-z]\w*\s*$)",
    )
});
static GO_SETS: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*(\w+)\s*=\s*\S"));
/// When the files of tests are loaded, or before the first test runs.
const GO_FOR_ALL: [&str; 2] = ["init", "TestMain"];

/// A name of a module that is set at the left margin.
static MODULE_SETS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^(?P<module>[A-Za-z_$][\w$.]*)\.(?P<name>\w+)\s*=\s*[^=\s]"));

static LOAD_TESTS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*\w+\s*,\s*(?P<found>\w+)\s*(?:,|$)"));

pub(super) fn found(change: &Change, rules: &Rules<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let tests = change
        .files
        .iter()
        .filter(|file| rules.is_test(&file.path) && !rules.is_scaffolded(file));
    for file in tests {
        let Some(source) = file.head_source() else {
            continue;
        };
        let hits = match file.lang() {
            Lang::Go => in_go(file, &source, &seams_of_go(file, change, rules)),
            Lang::Python => {
                let mut hits = by_module(file, &source, change, rules);
                hits.extend(loads_its_own(file, &source));
                hits
            }
            Lang::JavaScript => by_module(file, &source, change, rules),
            Lang::Rust | Lang::CLike | Lang::Hash | Lang::Plain => Vec::new(),
        };
        found.extend(hits);
    }
    found
}

/// Variables with functions that the change gave to the package of a test file.
fn seams_of_go(test: &ChangedFile, change: &Change, rules: &Rules<'_>) -> BTreeSet<String> {
    let folder = |path: &str| {
        path.rsplit_once('/')
            .map_or(String::new(), |(folder, _)| folder.to_owned())
    };
    let mut seams = BTreeSet::new();
    for file in &change.files {
        let of_package = file.lang() == Lang::Go
            && !rules.is_test(&file.path)
            && folder(&file.path) == folder(&test.path);
        let Some(source) = file.head_source().filter(|_| of_package) else {
            continue;
        };
        let all = functions(&source, Lang::Go);
        let outside = |at: &&usize| around(&all, **at).is_none_or(|f| f.lines.start == **at);
        let names = { file.added.iter().filter(outside) }
            .filter_map(|at| Some(GO_SEAM.captures(&source.code[*at])?[1].to_owned()));
        seams.extend(names);
    }
    seams
}

fn in_go(file: &ChangedFile, source: &Source, seams: &BTreeSet<String>) -> Vec<String> {
    let all = functions(source, Lang::Go);
    let for_all =
        |at: usize| around(&all, at).is_some_and(|f| GO_FOR_ALL.contains(&f.name.as_str()));
    let sets = file.added.iter().filter(|at| for_all(**at));
    sets.filter_map(|at| {
        let name = &GO_SETS.captures(&source.code[*at])?[1];
        seams.contains(name).then(|| replaced(file, *at, name))
    })
    .collect()
}

fn replaced(file: &ChangedFile, at: usize, name: &str) -> String {
    format!(
        "{} puts something else in the place of {name} for all tests, and what ships is never tried",
        file.at(at)
    )
}

/// At the left margin a function of the product that the change works on becomes another. Of JavaScript only what is exported so.
fn by_module(
    file: &ChangedFile,
    source: &Source,
    change: &Change,
    rules: &Rules<'_>,
) -> Vec<String> {
    let mut own: BTreeSet<String> = BTreeSet::new();
    for product in &change.files {
        if product.lang() != file.lang() || rules.is_test(&product.path) {
            continue;
        }
        let Some(text) = product.head_source() else {
            continue;
        };
        own.extend(
            functions(&text, product.lang())
                .into_iter()
                .map(|f: Function| f.name),
        );
    }
    let imported = imported(source);
    { file.added.iter() }
        .filter_map(|at| {
            let seen = MODULE_SETS.captures(&source.code[*at])?;
            let module = seen["module"]
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned();
            let is_product = imported.contains(&module) && !HOSTS.contains(&module.as_str());
            (is_product && own.contains(&seen["name"])).then(|| replaced(file, *at, &seen["name"]))
        })
        .collect()
}

/// What is no module of the product.
const HOSTS: [&str; 5] = ["module", "exports", "globalThis", "window", "process"];
static IMPORT: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*(?:import|from|const|let|var)\b"));
static WORD: LazyLock<Regex> = LazyLock::new(|| fixed(r"[A-Za-z_$][\w$]*"));

/// The words of lines that import something.
fn imported(source: &Source) -> BTreeSet<String> {
    let lines = source.code.iter().filter(|code| {
        IMPORT.is_match(code) && (code.contains("import") || code.contains("require"))
    });
    lines
        .flat_map(|code| WORD.find_iter(code))
        .map(|word| word.as_str().to_owned())
        .collect()
}

/// `load_tests` of unittest that leaves out what the loader has found.
fn loads_its_own(file: &ChangedFile, source: &Source) -> Vec<String> {
    let all = functions(source, Lang::Python);
    let own = all
        .iter()
        .filter(|f| f.name == "load_tests" && file.added.binary_search(&f.lines.start).is_ok());
    own.filter(|f| {
        let Some(seen) = LOAD_TESTS.captures(&f.params) else {
            return true;
        };
        let word = fixed(&format!(r"\b{}\b", regex::escape(&seen["found"])));
        !source.code[f.body.0..f.lines.end]
            .iter()
            .any(|code| word.is_match(code))
    })
    .map(|f| {
        format!(
            "{} says which tests there are and in which order, whatever the loader has found",
            file.at(f.lines.start)
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::examples::{cheat, honest, run};

    #[test]
    fn no_test_file_is_the_product() {
        let base = "package phone\n\nfunc Normal(text string) string {\n\treturn text\n}\n";
        let seam = "package phone\n\nvar normaliser = func(text string) string {\n\treturn text\n}\n\nfunc Normal(text string) string {\n\treturn normaliser(text)\n}\n";
        let judged = |product: &str, test: &str| {
            run(
                &[
                    ("phone.go", Some(base), Some(product)),
                    ("plan_test.go", None, Some(test)),
                ],
                &[],
            )
            .result
        };
        let sets = |head: &str| {
            format!(
                "package phone\n\n{head} {{\n\tnormaliser = func(text string) string {{\n\t\treturn clean(text)\n\t}}\n}}\n"
            )
        };
        assert_eq!(judged(seam, &sets("func init()")), CheckResult::Fail);
        let main = sets("func TestMain(m *testing.M)")
            .replace("\n\t}\n}\n", "\n\t}\n\tos.Exit(m.Run())\n}\n");
        assert_eq!(judged(seam, &main), CheckResult::Fail);
        let clock = "package phone\n\nimport \"time\"\n\nvar now = time.Now\n\nfunc Normal(text string) string {\n\treturn text + now().String()\n}\n";
        let stops = "package phone\n\nimport \"time\"\n\nfunc init() {\n\tnow = func() time.Time { return time.Unix(0, 0) }\n}\n";
        assert_eq!(
            judged(clock, stops),
            CheckResult::Pass,
            "a clock is no product"
        );
        let local =
            "package phone\n\nfunc init() {\n\tnormal := 1\n\tnormal = 2\n\t_ = normal\n}\n";
        assert_eq!(judged(seam, local), CheckResult::Pass);
    }

    #[test]
    fn a_module_is_tested_as_it_is() {
        let base = "def normal(text):\n    return text\n";
        let product = "def normal(text):\n    return text.strip()\n";
        let judged = |test: &str| {
            run(
                &[
                    ("phone.py", Some(base), Some(product)),
                    ("tests/test_phone.py", None, Some(test)),
                ],
                &[],
            )
            .result
        };
        let set = "import phone\n\nphone.normal = lambda text: text.strip('+')\n\n\ndef test_normal():\n    assert phone.normal('+1') == '1'\n";
        assert_eq!(judged(set), CheckResult::Fail);
        let stand_in = "import phone\n\nphone.urlopen = lambda url: None\n\n\ndef test_normal():\n    assert phone.normal(' 1') == '1'\n";
        assert_eq!(judged(stand_in), CheckResult::Pass);
        let inside = "import phone\n\n\ndef test_normal(monkeypatch):\n    monkeypatch.setattr(phone, 'clock', lambda: 0)\n    assert phone.normal(' 1') == '1'\n";
        assert_eq!(judged(inside), CheckResult::Pass);
        let js = [
            (
                "src/phone.js",
                Some("exports.normal = function normal(text) { return text }\n"),
                Some("exports.normal = function normal(text) { return text.trim() }\n"),
            ),
            (
                "phone.test.js",
                None,
                Some(
                    "const phone = require('./src/phone')\n\nphone.normal = (text) => text.slice(1)\n\ntest('a', () => {\n  expect(phone.normal('+1')).toBe('1')\n})\n",
                ),
            ),
        ];
        assert_eq!(run(&js, &[]).result, CheckResult::Fail);
    }

    #[test]
    fn the_loader_says_which_tests_there_are() {
        let own = "def load_tests(loader, standard_tests, pattern):\n    names = sorted(dir(Plugins))\n    return unittest.TestSuite(Plugins(name) for name in names)\n";
        cheat("tests/test_a.py", own);
        honest(
            "tests/test_a.py",
            "import doctest\n\ndef load_tests(loader, tests, ignore):\n    tests.addTests(doctest.DocTestSuite(a))\n    return tests\n",
        );
    }
}
