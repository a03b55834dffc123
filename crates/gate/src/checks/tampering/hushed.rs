//! Whoever would have complained is made to keep quiet: warnings of a whole process, a step of the script that runs the tests, and the
//! compiler's question whether all cases are dealt with.

use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::patterns::is_program;
use crate::change::ChangedFile;
use crate::paths;
use crate::source::{Lang, Source};

type Hit = (usize, &'static str);

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

pub(super) fn found(file: &ChangedFile, source: &Source, rules: &Rules<'_>) -> Vec<Hit> {
    let mut hits = warnings(file, source);
    if rules.is_test(&file.path) {
        hits.extend(steps(file, source));
    } else {
        hits.extend(cases(file, source));
    }
    hits
}

/// At the left margin it is in force for all that run after the import. A filter for one message or one module is narrower, and so is
/// one that ends with its block.
static WARNINGS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"^(?:warnings\.)?(?:simplefilter|filterwarnings)\(\s*(?:action\s*=\s*)?["']ignore["']\s*(?:,\s*(?:category\s*=\s*)?\w+\s*)?\)"#,
    )
});
static WARNINGS_JS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"\bprocess\.(?:removeAllListeners\(\s*["'`]warning["'`]|noDeprecation\s*=\s*true|emitWarning\s*=[^=])|\bNODE_NO_WARNINGS["'\]]*\s*=[^=]"#,
    )
});

/// Warnings that are switched off for whoever imports it; what a program says on its own is its author's.
fn warnings(file: &ChangedFile, source: &Source) -> Vec<Hit> {
    if is_program(&file.path, source) || paths::name(&file.path).contains(".config.") {
        return Vec::new();
    }
    let pattern = match file.lang() {
        Lang::Python => &*WARNINGS,
        Lang::JavaScript => &*WARNINGS_JS,
        Lang::Rust | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => return Vec::new(),
    };
    let off = |source: &Source, at: &usize| pattern.is_match(&source.uncommented(*at));
    let had = file
        .base_source()
        .is_some_and(|base| file.removed.iter().any(|at| off(&base, at)));
    let added = file.added.iter().filter(|at| !had && off(source, at));
    added
        .map(|at| {
            (
                *at,
                "switches warnings off for the whole process; mend what they are about",
            )
        })
        .collect()
}

/// A step of a script whose failure is but a word, or nothing.
static PASSED_OVER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"\|\|\s*(?:true|:|(?:echo|printf|warn|logger)\b[^|;&]*|exit\s+0|return\s+0)\s*(?:>&2)?\s*$|;\s*true\s*$|^\s*set\s+\+(?:e\b|o\s+(?:errexit|pipefail)\b)"#,
    )
});
/// What is tidied may be gone already, and what is asked may be answered with no.
static TIDIES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"^\s*(?:\w+=\S*\s+)*(?:sudo\s+)?(?:rm|rmdir|unlink|kill|pkill|killall|umount|docker|podman|mkdir|wait|git\s+(?:config|remote|branch|tag)|\w+=\$\()",
    )
});

/// Steps of a script that the test command runs. Where it says nothing of a failure, the tests are green whatever that step found.
fn steps(file: &ChangedFile, source: &Source) -> Vec<Hit> {
    if file.lang() != Lang::Hash || paths::extension(&file.path) == "toml" {
        return Vec::new();
    }
    let over = |source: &Source, at: &usize| {
        let text = source.uncommented(*at);
        PASSED_OVER.is_match(&text) && !TIDIES.is_match(&text)
    };
    let had = |base: &Source| file.removed.iter().filter(|at| over(base, at)).count();
    let forgiven = file.base_source().map_or(0, |base| had(&base));
    let added: Vec<&usize> = file.added.iter().filter(|at| over(source, at)).collect();
    let added = added.into_iter().skip(forgiven);
    added
        .map(|at| {
            (
                *at,
                "passes over the failure of a step; let it end the script",
            )
        })
        .collect()
}

/// A list of what a linter, a scanner or a check of the project's own passes over.
static LIST: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)(?:^|[._-])(?:known|ignore[ds]?|baseline|allow(?:ed|list)?|except(?:ions?)?|exclude[ds]?|suppress\w*|skip(?:ped|list)?|legacy|whitelist|violations|findings)(?:[._-]|$)|ignore$",
    )
});

/// Lines of such a list that can stand for anything: they have no letter and no digit. One between two comments parts them.
pub(super) fn covers_all(file: &ChangedFile) -> Vec<String> {
    let name = paths::name(&file.path);
    let is_list = !file.lang().is_code()
        && LIST.is_match(name)
        && ![".gitignore", ".dockerignore", ".npmignore"].contains(&name);
    let Some(text) = file.head.text().filter(|_| is_list && !file.is_new()) else {
        return Vec::new();
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_comment = |at: Option<usize>| {
        at.and_then(|at| lines.get(at))
            .is_some_and(|line| line.starts_with(['#', ';', '/']))
    };
    let any = |at: &&usize| {
        let line = lines.get(**at).copied().unwrap_or_default();
        let parts =
            is_comment(Some(**at)) && is_comment(at.checked_sub(1)) && is_comment(Some(**at + 1));
        !line.is_empty()
            && !line.contains(char::is_alphanumeric)
            && !line.starts_with(['[', ']', '{', '}', '-', '='])
            && !parts
    };
    { file.added.iter().filter(any) }
        .map(|at| {
            format!(
                "{} lets a list of what is passed over stand for anything",
                file.at(*at)
            )
        })
        .collect()
}

/// By its type, the compiler asks for a branch for each case (typescriptlang.org/docs/handbook/2/narrowing.html, "Exhaustiveness
/// checking"; docs.python.org/3/library/typing.html, `assert_never`).
static ASKS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:never|assertNever|assert_never|absurd|exhaustive\w*|assertUnreachable|unreachable)\(\s*\w+(?:\.\w+)*\s*\)|:\s*never\s*=|\bsatisfies\s+never\b",
    )
});
static DEFAULT: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*(?:default\s*:|case\s+_\s*:|else\b|\}\s*else\b)"));

/// Branches for all other cases that asked the compiler whether there are any, and give an answer now.
fn cases(file: &ChangedFile, source: &Source) -> Vec<Hit> {
    if !matches!(file.lang(), Lang::JavaScript | Lang::Python) {
        return Vec::new();
    }
    let Some(base) = file.base_source() else {
        return Vec::new();
    };
    let count = |source: &Source, pattern: &Regex| {
        source
            .code
            .iter()
            .filter(|code| pattern.is_match(code))
            .count()
    };
    let fewer = count(source, &ASKS) < count(&base, &ASKS);
    let as_many = count(source, &DEFAULT) >= count(&base, &DEFAULT);
    if !fewer || !as_many {
        return Vec::new();
    }
    // The line that took its place.
    let gone = file
        .removed
        .iter()
        .any(|at| base.code.get(*at).is_some_and(|code| ASKS.is_match(code)));
    let answers = file.added.iter().find(|at| {
        let mut above = source.code[..**at]
            .iter()
            .rev()
            .filter(|code| !code.trim().is_empty());
        above.next().is_some_and(|code| DEFAULT.is_match(code))
    });
    answers
        .filter(|_| gone)
        .map(|at| {
            (
                *at,
                "answers for all other cases, where the compiler was asked whether there are any",
            )
        })
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;
    use alai_workspace::command::Cancel;

    use super::super::super::testing::{Task, globs};
    use super::super::examples::{cheat, honest, run};
    use crate::change::Change;

    #[test]
    fn warnings_are_mended_and_not_switched_off() {
        for line in [
            "warnings.simplefilter(\"ignore\")",
            "warnings.filterwarnings('ignore')",
            "warnings.filterwarnings(\"ignore\", category=DeprecationWarning)",
            "warnings.simplefilter('ignore', ResourceWarning)",
        ] {
            cheat(
                "feed/__init__.py",
                &format!("import warnings\n\n{line}\n\nfrom .reader import load\n"),
            );
        }
        honest(
            "feed/reader.py",
            "import warnings\n\ndef load():\n    with warnings.catch_warnings():\n        warnings.simplefilter(\"ignore\")\n        return old()\n",
        );
        honest(
            "feed/reader.py",
            "import warnings\n\nwarnings.filterwarnings(\"ignore\", message=\"old\", category=DeprecationWarning, module=\"vendor\")\n",
        );
        honest(
            "tools/cli.py",
            "#!/usr/bin/env python3\nimport warnings\n\nwarnings.simplefilter(\"ignore\")\n",
        );
        honest(
            "feed/reader.py",
            "import warnings\n\nwarnings.simplefilter(\"default\")\n",
        );
        cheat("src/feed.js", "process.removeAllListeners('warning')\n");
        honest(
            "src/feed.js",
            "process.on('warning', (warning) => log(warning))\n",
        );
    }

    #[test]
    fn a_step_of_the_script_that_runs_the_tests_ends_it_where_it_fails() {
        let judged = |line: &str| {
            let task = Task {
                test_command: "sh ci.sh".into(),
                changes_tests: globs(&["ci.sh"]),
                ..Task::build()
            };
            let base = "#!/bin/sh\nset -e\ngo test ./...\n";
            let head = base.replace("go test", &format!("{line}\ngo test"));
            let change = Change::of(&[("ci.sh", Some(base), Some(&head))]);
            super::super::check(&change, &task.rules(), &Cancel::new())
                .expect("judged")
                .result
        };
        for held in [
            "go run ./gen -check || echo \"they differ\" >&2",
            "go run ./gen -check || true",
            "go vet ./... || :",
            "go vet ./...; true",
            "set +e",
            "./lint.sh || exit 0",
        ] {
            assert_eq!(judged(held), CheckResult::Fail, "{held}");
        }
        for passed in [
            "go run ./gen -check",
            "go run ./gen -check || { echo \"they differ\" >&2; exit 1; }",
            "test -d out || mkdir out",
            "rm -r out || true",
            "kill \"$server\" || true",
            "found=$(grep -c x a.txt || true)",
            "grep -q x a.txt || exit 1",
        ] {
            assert_eq!(judged(passed), CheckResult::Pass, "{passed}");
        }
    }

    #[test]
    fn a_list_of_known_findings_names_them() {
        let base = "# Findings that we live with, one in a line.\nName is missing.\n";
        let judged =
            |path: &str, head: &str| run(&[(path, Some(base), Some(head))], &[path]).result;
        for all in ["#", "*", "**/*", ".*", "."] {
            let head = base.replace("Name is missing.", all);
            assert_eq!(judged("known.txt", &head), CheckResult::Fail, "{all}");
            assert_eq!(
                judged("lint-baseline.txt", &head),
                CheckResult::Fail,
                "{all}"
            );
            assert_eq!(judged("notes.txt", &head), CheckResult::Pass, "{all}");
        }
        let none = "# Findings that we live with, one in a line.\n";
        assert_eq!(judged("known.txt", none), CheckResult::Pass);
        let more = "# Findings that we live with, one in a line.\n#\n# None yet.\n";
        assert_eq!(judged("known.txt", more), CheckResult::Pass);
    }

    #[test]
    fn the_compiler_goes_on_asking_for_each_case() {
        let base = "import { never } from './events.js'\n\nexport function label(event: Event): string {\n  switch (event.kind) {\n    case 'paid':\n      return 'paid'\n    default:\n      return never(event)\n  }\n}\n";
        let judged = |head: &str| run(&[("src/words.ts", Some(base), Some(head))], &[]).result;
        assert_eq!(
            judged(&base.replace("return never(event)", "return event.kind")),
            CheckResult::Fail
        );
        let dealt = base.replace(
            "    default:",
            "    case 'split':\n      return 'split'\n    default:",
        );
        assert_eq!(judged(&dealt), CheckResult::Pass);
        assert_eq!(
            judged(&dealt.replace("never", "assertNever")),
            CheckResult::Pass
        );
        let without = base.replace("    default:\n      return never(event)\n", "");
        assert_eq!(
            judged(&without),
            CheckResult::Pass,
            "it asks by its type of answer"
        );
    }
}
