//! The product reads what its tests are held against: their data answers for it, and what the tests do not ask for it does not know.

use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::super::gate_config::protected;
use super::patterns::is_program;
use crate::change::{Change, ChangedFile};
use crate::mutants;
use crate::paths;
use crate::source::{Lang, Source};

static QUOTED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"["'`]([^"'`\s]{3,200})["'`]"#).expect("a fixed pattern"));
static EMBED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^//go:embed\s+(.+)$").expect("a fixed pattern"));
static MODULE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*(?:from|import)\s+(\.*[\w.]+)").expect("a fixed pattern"));

/// `path:line reads what tests expect` for each added line of the product that names a file of the tests.
pub(super) fn found(file: &ChangedFile, change: &Change, rules: &Rules<'_>) -> Vec<String> {
    let judged = file.lang().is_code() && file.lang() != Lang::Hash && !rules.is_test(&file.path);
    // What configures a tool, or is one, may well name the tests.
    let configures =
        protected::class(&file.path).is_some() || paths::name(&file.path).contains(".config.");
    let (true, false, Some(source)) = (judged, configures, file.head_source()) else {
        return Vec::new();
    };
    if is_program(&file.path, &source) {
        return Vec::new();
    }
    let tests = mutants::test_lines(&source, file.head.text().unwrap_or_default(), file.lang());
    let before: Vec<String> = { file.base_source() }
        .map(|base| {
            file.removed
                .iter()
                .flat_map(|at| named(&base, file.lang(), *at))
                .collect()
        })
        .unwrap_or_default();
    let lines = file
        .added
        .iter()
        .filter(|at| !tests.iter().any(|range| range.contains(*at)));
    let reads = |at: &&usize| {
        let mut names = named(&source, file.lang(), **at).into_iter();
        names.any(|name| !before.contains(&name) && is_a_tests(&name, &file.path, change, rules))
    };
    lines
        .filter(reads)
        .map(|at| format!("{} reads what the tests are held against", file.at(*at)))
        .collect()
}

/// What could be paths on a line.
fn named(source: &Source, lang: Lang, at: usize) -> Vec<String> {
    let raw = source.raw.get(at).map(String::as_str).unwrap_or_default();
    if lang == Lang::Go
        && let Some(seen) = EMBED.captures(raw)
    {
        return seen[1].split_whitespace().map(str::to_owned).collect();
    }
    let line = source.uncommented(at);
    let mut names: Vec<String> = QUOTED
        .captures_iter(&line)
        .map(|seen| seen[1].to_owned())
        .collect();
    if lang == Lang::Python
        && let Some(seen) = MODULE.captures(&line)
    {
        let module = seen[1].trim_start_matches('.');
        names.push(format!("{}.py", module.replace('.', "/")));
        names.push(format!("{}/__init__.py", module.replace('.', "/")));
    }
    names
}

/// Whether a name leads to a test's file, from the top or from the folder of the file that names it. A name of one word could
/// be anything, and `tests/` is what tools for tests look for.
fn is_a_tests(name: &str, from: &str, change: &Change, rules: &Rules<'_>) -> bool {
    let whole = name;
    let name = name
        .split(['*', '?', '{', '$', '#'])
        .next()
        .unwrap_or_default();
    if !name.contains(['/', '.']) || name.contains("://") {
        return false;
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    [joined("", name), joined(folder, name)]
        .into_iter()
        .flatten()
        .any(|path| {
            let below = format!("{path}/");
            let ended = format!("{path}.");
            let deep = path.contains('/') || name.len() < whole.len();
            let mut seen = change.head_paths.keys().filter(|other| {
                **other == path || other.starts_with(&below) && deep || other.starts_with(&ended)
            });
            // A folder of which all is the tests' is theirs.
            let mut any = false;
            seen.all(|path| {
                any = true;
                rules.is_test(path)
            }) && any
        })
}

/// A path below the top; `None` for one that leads out.
fn joined(folder: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let all = folder
        .split('/')
        .chain(name.trim_end_matches('/').split('/'));
    for part in all {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::examples::run;

    fn judged(path: &str, text: &str) -> CheckResult {
        let there = |path: &'static str| (path, Some("1\n"), Some("1\n"));
        let files = [
            there("testdata/cases.json"),
            there("tests/data/orders.json"),
            there("tests/reference.py"),
            there("test/expected.json"),
            there("assets/table.json"),
            there("shop/tests/prices.json"),
            (path, None, Some(text)),
        ];
        run(&files, &[]).result
    }

    #[test]
    fn the_product_does_not_answer_from_the_tests_data() {
        for (path, text) in [
            (
                "status.go",
                "package status\n\n//go:embed testdata/cases.json\nvar registry []byte\n",
            ),
            (
                "status.go",
                "package status\n\n//go:embed testdata/*\nvar registry embed.FS\n",
            ),
            (
                "src/lib.rs",
                "const ORDERS: &str = include_str!(\"../tests/data/orders.json\");\n",
            ),
            (
                "shop/prices.py",
                "def prices():\n    return open(\"shop/tests/prices.json\").read()\n",
            ),
            ("shop/prices.py", "from tests.reference import distance\n"),
            ("src/a.js", "import expected from '../test/expected.json'\n"),
            ("src/a.ts", "const all = require('../test/expected')\n"),
        ] {
            assert_eq!(judged(path, text), CheckResult::Fail, "{path}: {text}");
        }
    }

    #[test]
    fn data_of_its_own_and_tools_for_tests_are_read() {
        for (path, text) in [
            (
                "table.go",
                "package table\n\n//go:embed assets/table.json\nvar table []byte\n",
            ),
            (
                "src/lib.rs",
                "#[cfg(test)]\nmod tests {\n    const A: &str = include_str!(\"../tests/data/orders.json\");\n}\n",
            ),
            (
                "scripts/check.py",
                "print(open(\"tests/data/orders.json\").read())\n",
            ),
            (
                "shop/find.py",
                "def is_test(path):\n    return path.startswith(\"tests/\") or \"/test/\" in path or path == \"tests\"\n",
            ),
            ("src/a.js", "import table from '../assets/table.json'\n"),
            (
                "src/a.js",
                "const url = 'https://example.com/test/expected.json'\n",
            ),
            (
                "src/lib.rs",
                "//! See `../tests/data/orders.json`.\npub fn a() {}\n",
            ),
        ] {
            assert_eq!(judged(path, text), CheckResult::Pass, "{path}: {text}");
        }
    }
}
