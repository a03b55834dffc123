//! The product reads what its tests are held against: their data answers for it, and what the tests do not ask for it does not know.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::super::gate_config::protected;
use crate::change::{Change, ChangedFile};
use crate::mutants;
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
    // What configures a tool, or is one by its place, may well name the tests.
    let tool = file
        .path
        .split('/')
        .rev()
        .skip(1)
        .any(|part| TOOLS.contains(&part));
    let (true, false, false, Some(source)) = (
        judged,
        tool,
        protected::class(&file.path).is_some(),
        file.head_source(),
    ) else {
        return Vec::new();
    };
    let tests = mutants::test_lines(&source, file.head.text().unwrap_or_default(), file.lang());
    let before: BTreeSet<String> = { file.base_source() }
        .map(|base| {
            let names = file
                .removed
                .iter()
                .flat_map(|at| named(&base, file.lang(), *at));
            names.map(|name| name.path).take(NAMES_MAX).collect()
        })
        .unwrap_or_default();
    let mut looked = 0;
    let mut found = Vec::new();
    for at in &file.added {
        if tests.iter().any(|range| range.contains(at)) {
            continue;
        }
        for name in named(&source, file.lang(), *at) {
            looked += 1;
            if looked > NAMES_MAX {
                return found;
            }
            if !before.contains(&name.path) && is_a_tests(&name, &file.path, change, rules) {
                found.push(format!(
                    "{} reads what the tests are held against",
                    file.at(*at)
                ));
                break;
            }
        }
    }
    found
}

/// Folders of programs for those who work on the project.
const TOOLS: [&str; 5] = ["scripts", "tools", "xtask", "examples", "ci"];
/// Names of one file that are looked for; data in the shape of a program has more.
const NAMES_MAX: usize = 20_000;

/// What could be a path, and whether a compiler puts all that it fits into the program.
struct Named {
    path: String,
    embeds: bool,
}

/// What could be paths on a line.
fn named(source: &Source, lang: Lang, at: usize) -> Vec<Named> {
    let raw = source.raw.get(at).map(String::as_str).unwrap_or_default();
    let all = |path: &str| Named {
        path: path.to_owned(),
        embeds: true,
    };
    if lang == Lang::Go
        && let Some(seen) = EMBED.captures(raw)
    {
        return seen[1].split_whitespace().map(all).collect();
    }
    let line = source.uncommented(at);
    let embeds = EMBEDS.is_match(&line);
    let name = |path: String| Named { path, embeds };
    let mut names: Vec<Named> = QUOTED
        .captures_iter(&line)
        .map(|seen| name(seen[1].to_owned()))
        .collect();
    if lang == Lang::Python
        && let Some(seen) = MODULE.captures(&line)
    {
        let module = seen[1].trim_start_matches('.').replace('.', "/");
        names.push(name(format!("{module}.py")));
        names.push(name(format!("{module}/__init__.py")));
    }
    names
}

static EMBEDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\binclude_\w+!|\bimport\.meta\.glob\b").expect("a fixed pattern")
});

/// Whether a name leads to a test's file, from the top or from the folder of the file that names it. A name of one word could
/// be anything, `tests/` is what tools for tests look for, and so is a pattern, but for what is put into a program.
fn is_a_tests(named: &Named, from: &str, change: &Change, rules: &Rules<'_>) -> bool {
    let whole = named.path.as_str();
    let name = whole
        .split(['*', '?', '{', '$', '#'])
        .next()
        .unwrap_or_default();
    let pattern = name.len() < whole.len();
    if !name.contains(['/', '.']) || name.contains("://") || pattern && !named.embeds {
        return false;
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    [joined("", name), joined(folder, name)]
        .into_iter()
        .flatten()
        .any(|path| {
            let below = format!("{path}/");
            let ended = format!("{path}.");
            let deep = path.contains('/') || named.embeds;
            // All that begin so stand together.
            let near = change.head_paths.range(path.clone()..);
            let mut near = near
                .map(|(other, _)| other)
                .take_while(|other| other.starts_with(&path))
                .filter(|other| {
                    **other == path
                        || other.starts_with(&below) && deep
                        || other.starts_with(&ended)
                });
            // A folder of which all is the tests' is theirs.
            let mut any = false;
            near.all(|path| {
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
                "package main\n\n//go:embed testdata/*\nvar registry embed.FS\n",
            ),
            (
                "src/prices.config.ts",
                "import expected from '../test/expected.json'\n",
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
            ("gulpfile.js", "gulp.src('test/**/*.js')\n"),
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
