//! Findings of linters and type checkers that are silenced where they stand instead of mended.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use super::super::suppressions;
use crate::change::{Change, ChangedFile};
use crate::source::{Lang, Source};

/// One finding that stays as it is may be lawful and say why; a second one makes it a habit.
const LEFT_MAX: usize = 1;

/// Suppressions that a change puts on code which it leaves as it was, when there are more than one of them.
pub(super) fn found(change: &Change, rules: &Rules<'_>) -> Vec<String> {
    let mut places = Vec::new();
    let mut count = 0;
    for file in change
        .files
        .iter()
        .filter(|file| !rules.is_scaffolded(file))
    {
        let Some(source) = file.head_source().filter(|_| !file.is_new()) else {
            continue;
        };
        for line in suppressions::lines(file) {
            if leaves_as_it_was(file, &source, line) {
                // One for a whole file or module stands for each finding in it.
                count += match is_wide(file.lang(), &source, line) {
                    true => LEFT_MAX + 1,
                    false => 1,
                };
                places.push(file.at(line));
            }
        }
        let asserted = asserted(file, &source);
        count += asserted.len();
        places.extend(asserted.into_iter().map(|line| file.at(line)));
    }
    if count <= LEFT_MAX {
        return Vec::new();
    }
    vec![format!(
        "findings are silenced in code that stays as it was ({}): mend it, or let a person decide which may stay",
        super::some(&places)
    )]
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*#!?\s*\[.*\]\s*"));
static MODULE: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+"));
static WHOLE_FILE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)/\*\s*eslint-disable(?:\s|\*|$)|@ts-nocheck|#\s*(?:ruff|flake8):\s*noqa|#\s*mypy:\s*ignore|#\s*pylint:\s*skip-file|biome-ignore-all",
    )
});

/// What a line holds beside a suppression.
fn rest(lang: Lang, source: &Source, line: usize) -> String {
    let text = source.uncommented(line);
    let text = match lang {
        Lang::Rust => ATTRIBUTE.replace(&text, "").into_owned(),
        Lang::JavaScript | Lang::Python | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => text,
    };
    text.trim().to_owned()
}

/// The first line at or below that has code beside suppressions and attributes.
fn target(lang: Lang, source: &Source, line: usize) -> Option<usize> {
    /// Attributes, comments and blank lines between a suppression and what it is for.
    const LINES: usize = 12;
    let end = (line + LINES).min(source.raw.len());
    (line..end).find(|at| !rest(lang, source, *at).is_empty())
}

/// Whether what is silenced is not the change's own work: the line stands on the base too, perhaps without the comment.
fn leaves_as_it_was(file: &ChangedFile, source: &Source, line: usize) -> bool {
    let lang = file.lang();
    if is_wide(lang, source, line) {
        return true;
    }
    let Some(target) = target(lang, source, line) else {
        return false;
    };
    let code = rest(lang, source, target);
    let Some(base) = file.base_source() else {
        return false;
    };
    let was = |at: &usize| rest(lang, &base, *at) == code;
    file.added.binary_search(&target).is_err() || file.removed.iter().any(was)
}

/// Words by which TypeScript believes what it could not find: not missing, of that type, of any type.
static BELIEVES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"([\w)\]])!([.,;)\]\[]|$)|\s+as\s+(?:any|unknown|never|[A-Z][\w.<>\[\]]*|string|number|boolean|object)(?:\s*\[\])?|\s*:\s*any\b|<any>",
    )
});
/// Another name is no belief.
static NAMES: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*(?:import\b|export\s*[{*]|\}\s*from\b|type\b)"));

fn is_typed(path: &str) -> bool {
    [".ts", ".tsx", ".mts", ".cts"]
        .iter()
        .any(|end| path.ends_with(end))
}

/// Added lines of TypeScript that stood there before, but for such a word. What stands in texts is no code.
fn asserted(file: &ChangedFile, source: &Source) -> Vec<usize> {
    let Some(base) = file.base_source().filter(|_| is_typed(&file.path)) else {
        return Vec::new();
    };
    // Words between the tags of a page are no code either, and cannot be told from it.
    let page = file.path.ends_with(".tsx");
    let line = |source: &Source, at: usize, bare: bool| -> Option<(String, String)> {
        let code = source.code.get(at)?;
        if NAMES.is_match(code) || page && code.contains("</") {
            return None;
        }
        let code = match bare {
            true => BELIEVES.replace_all(code.trim_end(), "$1$2").into_owned(),
            false => code.clone(),
        };
        let plain: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        Some((plain, source.strings.get(at)?.trim().to_owned()))
    };
    let before: BTreeSet<(String, String)> = { file.removed.iter() }
        .filter_map(|at| line(&base, *at, false))
        .collect();
    let believes = |at: &&usize| {
        let (Some(full), Some(bare)) = (line(source, **at, false), line(source, **at, true)) else {
            return false;
        };
        full != bare && before.contains(&bare)
    };
    file.added.iter().filter(believes).copied().collect()
}

fn is_wide(lang: Lang, source: &Source, line: usize) -> bool {
    let whole = source
        .raw
        .get(line)
        .is_some_and(|raw| WHOLE_FILE.is_match(raw));
    let inner = lang == Lang::Rust && source.code[line].trim_start().starts_with("#!");
    let module = || {
        let target = target(lang, source, line);
        target.is_some_and(|at| MODULE.is_match(&rest(lang, source, at)))
    };
    whole || inner || (lang == Lang::Rust && module())
}

static IGNORES: LazyLock<Regex> = LazyLock::new(|| fixed(r"@ts-(?:ignore|nocheck)\b"));

/// In a test of TypeScript: where the compiler should refuse something, only the one that fails without a finding says so.
pub(super) fn in_tests(file: &ChangedFile, source: &Source) -> Vec<(usize, &'static str)> {
    let typed = is_typed(&file.path);
    let had = |base: &Source, at: &usize| {
        base.comments
            .get(*at)
            .is_some_and(|text| IGNORES.is_match(text))
    };
    let mut forgiven = file.base_source().map_or(0, |base| {
        file.removed.iter().filter(|at| had(&base, at)).count()
    });
    let lines = file.added.iter().filter(|at| typed && had(source, at));
    lines
        .filter(|_| {
            let new = forgiven == 0;
            forgiven = forgiven.saturating_sub(1);
            new
        })
        .map(|at| (*at, "silences the compiler whether or not it finds something; `@ts-expect-error` would tell"))
        .collect()
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::examples::{cheat, honest, run};

    fn judged(path: &str, base: &str, head: &str) -> CheckResult {
        run(&[(path, Some(base), Some(head))], &[]).result
    }

    #[test]
    fn old_findings_are_mended_and_not_silenced() {
        let py = "import os\n\ndef a(x):\n    exec_(x)\n\ndef b(x):\n    run(x)\n";
        let one = py.replace(
            "    run(x)",
            "    run(x)  # noqa: S603 - the caller checks it",
        );
        let two = one.replace("    exec_(x)", "    exec_(x)  # noqa: S102 - as before");
        assert_eq!(
            judged("src/a.py", py, &one),
            CheckResult::Pass,
            "one of them, with a reason"
        );
        assert_eq!(judged("src/a.py", py, &two), CheckResult::Fail);
        assert_eq!(
            judged("src/a.py", py, &format!("# ruff: noqa\n{py}")),
            CheckResult::Fail
        );
        let ts = "export function a(x: any) {\n  return x!.b;\n}\nexport function c(x: any) {\n  return x!.d;\n}\n";
        let lines = ts.replace(
            "  return",
            "  // eslint-disable-next-line no-non-null -- known\n  return",
        );
        assert_eq!(judged("src/a.ts", ts, &lines), CheckResult::Fail);
        let rs = "pub mod a;\n\nfn b() {\n    c();\n}\n\nfn d() {\n    c();\n}\n";
        let module = rs.replace("pub mod a;", "#[allow(clippy::unwrap_used)]\npub mod a;");
        assert_eq!(
            judged("src/lib.rs", rs, &module),
            CheckResult::Fail,
            "a whole module"
        );
        let both = rs.replace("fn ", "#[expect(unused_must_use)]\nfn ");
        assert_eq!(judged("src/lib.rs", rs, &both), CheckResult::Fail);
        let go = "package a\n\nfunc A() {\n\tf()\n}\n\nfunc B() {\n\tg()\n}\n";
        let nolint = go
            .replace("f()", "f() //nolint:errcheck")
            .replace("g()", "g() //nolint:errcheck");
        assert_eq!(judged("a.go", go, &nolint), CheckResult::Fail);
    }

    #[test]
    fn what_a_compiler_of_types_finds_is_mended_and_not_believed() {
        let ts = "class NotFound {\n  constructor(readonly id) {}\n}\nfunction net(id: string): number {\n  const order = orders.get(id);\n  return order.items.find((i) => i.n > 0);\n}\n";
        let believed = "class NotFound {\n  constructor(readonly id: any) {}\n}\nfunction net(id: string): number {\n  const order = orders.get(id)!;\n  return order.items.find((i) => i.n > 0) as Item;\n}\n";
        assert_eq!(judged("src/a.ts", ts, believed), CheckResult::Fail);
        let one = ts.replace("orders.get(id);", "orders.get(id)!;");
        assert_eq!(
            judged("src/a.ts", ts, &one),
            CheckResult::Pass,
            "one of them may be known"
        );
        let mended = "class NotFound {\n  constructor(readonly id: string) {}\n}\nfunction net(id: string): number {\n  const order = orders.get(id) ?? none(id);\n  const item = order.items.find((i) => i.n > 0);\n  if (!item || item.n != 1) throw none(id);\n  return item;\n}\n";
        assert_eq!(judged("src/a.ts", ts, mended), CheckResult::Pass);
        assert_eq!(
            judged("src/a.js", ts, believed),
            CheckResult::Pass,
            "no types"
        );
        for (base, head) in [
            (
                "toast('Saved')\ntoast('Gone')\n",
                "toast('Saved!')\ntoast('Gone!')\n",
            ),
            (
                "import { Button } from './ui'\nimport { Link } from './ui'\n",
                "import { Button as UiButton } from './ui'\nimport { Link as UiLink } from './ui'\n",
            ),
            ("<p>Done</p>\n<p>Sent</p>\n", "<p>Done!</p>\n<p>Sent!</p>\n"),
        ] {
            assert_eq!(judged("src/a.tsx", base, head), CheckResult::Pass, "{head}");
        }
    }

    #[test]
    fn what_a_change_writes_itself_is_for_the_linter_to_judge() {
        let py = "def a(x):\n    return x\n";
        let new = "def a(x):\n    return load(x)  # noqa: S301\n\ndef b(x):\n    return dump(x)  # noqa: S302\n";
        assert_eq!(judged("src/a.py", py, new), CheckResult::Pass);
        let rs = "fn b() {\n    c();\n}\n";
        let moved = "#[allow(dead_code)]\nfn x() {\n    y();\n}\n\n#[allow(dead_code)]\nfn z() {\n    y();\n}\n";
        assert_eq!(
            judged("src/lib.rs", rs, &format!("{rs}\n{moved}")),
            CheckResult::Pass
        );
        let had = format!("{moved}{rs}");
        let other = format!("{rs}{moved}");
        assert_eq!(
            judged("src/lib.rs", &had, &other),
            CheckResult::Pass,
            "only moved"
        );
    }

    #[test]
    fn a_test_of_the_compiler_fails_when_it_finds_nothing() {
        cheat(
            "test/a.test.ts",
            "test('a', () => {\n  // @ts-ignore a number is no text\n  const a: string = f(1)\n  expect(a).toBe('1')\n})\n",
        );
        honest(
            "test/a.test.ts",
            "test('a', () => {\n  // @ts-expect-error a number is no text\n  const a: string = f(1)\n  expect(a).toBe('1')\n})\n",
        );
        honest(
            "test/a.test.js",
            "// @ts-ignore is no comment of this language\ntest('a', () => { expect(f()).toBe('1') })\n",
        );
    }
}
