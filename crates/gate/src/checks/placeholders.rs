//! Check 15: nothing in the added lines says that the work is still to be done.

use std::sync::LazyLock;

use alai_core::qa::{Check, Measurement};
use regex::Regex;

use super::patterns::{ANY, CLIKE, GO, JS, PYTHON, Pattern, RUST, SHELL, Table, View};
use super::{Rules, judge_findings};
use crate::change::{Change, ChangedFile};
use crate::source::{Lang, Source};

const PATTERNS: &[Pattern] = &[
    Pattern {
        what: "a TODO comment",
        lang: ANY,
        view: View::Comments,
        regex: r"\b(?:TODO|FIXME|XXX|HACK)\b(?:[:(\s]|$)",
    },
    Pattern {
        what: "a comment that stands for code",
        lang: ANY,
        view: View::Comments,
        regex: r"(?i)\b(?:implement(?:ation)? (?:me|this|here|later|goes here)|your (?:code|implementation|logic) (?:here|goes)|rest of (?:the )?(?:code|implementation|file|function)|existing code (?:here|remains|unchanged)|remaining (?:code|implementation)|to be implemented|not (?:yet )?implemented|stub(?:bed)?(?: for now| out| implementation)|placeholder (?:implementation|for now|value)|for now,? (?:just )?(?:return|fake|hard-?code|pretend)|(?:this|it) is (?:just |only )?a (?:stub|placeholder)\b|temporary hack)",
    },
    Pattern {
        what: "todo!()",
        lang: RUST,
        view: View::Code,
        regex: r"\b(?:todo|unimplemented)!\s*[(\[{]",
    },
    Pattern {
        what: "a panic that says not implemented",
        lang: ANY,
        view: View::Uncommented,
        regex: r#"(?i)\b(?:panic!?|unreachable!|fatal(?:f|ln)?|raise \w*|throw new \w*|abort|error)\s*\(?\s*["'`](?:(?:todo|fixme|stub|unimplemented)\b|(?:[\w ]+ )?not (?:yet )?implemented(?: yet)?[.!:]?["'`])"#,
    },
    Pattern {
        what: "NotImplementedError",
        lang: PYTHON,
        view: View::Code,
        regex: r"\braise\s+NotImplementedError\b|\breturn\s+NotImplementedError\b",
    },
    Pattern {
        what: "an error for what is not implemented",
        lang: CLIKE,
        view: View::Code,
        regex: r"\bthrow\s+new\s+(?:NotImplementedException|UnsupportedOperationException)\b|\bTODO\s*\(",
    },
    Pattern {
        what: "a stub body",
        lang: PYTHON,
        view: View::Comments,
        regex: r"(?i)#\s*(?:stub|placeholder|dummy)\b",
    },
    Pattern {
        what: "a stub body",
        lang: JS,
        view: View::Comments,
        regex: r"(?i)//\s*(?:stub|placeholder|dummy)\b",
    },
    Pattern {
        what: "a stub body",
        lang: GO,
        view: View::Comments,
        regex: r"(?i)//\s*(?:stub|placeholder|dummy)\b",
    },
    Pattern {
        what: "a stub body",
        lang: RUST,
        view: View::Comments,
        regex: r"(?i)//\s*(?:stub|placeholder|dummy)\b",
    },
    Pattern {
        what: "an echo that stands for work",
        lang: SHELL,
        view: View::Uncommented,
        regex: r#"(?i)^\s*echo\s+["']?(?:todo|not implemented)\b"#,
    },
    Pattern {
        what: "lorem ipsum",
        lang: ANY,
        view: View::Strings,
        regex: r"(?i)\blorem ipsum\b",
    },
    Pattern {
        what: "lorem ipsum",
        lang: &[Lang::Plain],
        view: View::Strings,
        regex: r"(?i)\blorem ipsum\b",
    },
    Pattern {
        what: "a placeholder in prose",
        lang: &[Lang::Plain],
        view: View::Strings,
        regex: r"^\W*(?:TODO|FIXME|TBD|XXX)(?::|\W*$)|\[(?:TODO|TBD|insert [^\]]*|your [^\]]* here)\]|<(?:TODO|TBD|insert [^>]*)>",
    },
];

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(PATTERNS));

pub(crate) fn check(change: &Change, rules: &Rules<'_>) -> Measurement {
    let mut found = Vec::new();
    let mut lines = 0usize;
    for file in change.files.iter().filter(|f| !generated(&f.path)) {
        lines += file.added.len();
        let Some(source) = file.head_source() else {
            continue;
        };
        for (line, what) in TABLE.on_added(file) {
            if what == "NotImplementedError" && is_abstract(&source, line) {
                continue;
            }
            found.push(format!("{} {what}", file.at(line)));
        }
        if !rules.is_test(&file.path) {
            found.extend(empty_bodies(file, &source));
        }
    }
    judge_findings(
        Check::NoPlaceholders,
        &found,
        format!("{lines} added lines read, none stands for work to be done"),
    )
}

/// Files that tools write and nobody reads.
fn generated(path: &str) -> bool {
    let name = crate::paths::name(path);
    name.ends_with(".lock")
        || name.ends_with(".min.js")
        || name.ends_with("-lock.json")
        || name.ends_with(".svg")
}

static ABSTRACT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"@(?:abc\.)?abstract|@overload|\bProtocol\b|\bABC\b").expect("a fixed pattern")
});

/// Lines above a `raise` in which its class or decorator says that the method is abstract.
const ABSTRACT_LINES: usize = 60;

fn is_abstract(source: &Source, line: usize) -> bool {
    source.code[line.saturating_sub(ABSTRACT_LINES)..=line]
        .iter()
        .any(|above| ABSTRACT.is_match(above))
}

static PY_DEF: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\s*)(?:async )?def (\w+)\(.*\).*:\s*(pass|\.\.\.)?\s*$")
        .expect("a fixed pattern")
});
static RUST_EMPTY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\bfn\s+(\w+)[^{;]*\{\s*\}\s*$|\bfn\s+(\w+)[^{;]*->[^{;]*\{\s*(?:Default::default\(\)|Ok\(\(\)\))?\s*\}\s*$").expect("a fixed pattern")
});
static JS_EMPTY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\bfunction\s+(\w+)\s*\([^)]*\)\s*\{\s*\}\s*$").expect("a fixed pattern")
});
static GO_EMPTY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^func\s+(?:\([^)]*\)\s*)?(\w+)\([^)]*\)\s*\{\s*\}\s*$").expect("a fixed pattern")
});

/// A new function whose whole body is nothing. Empty implementations of an interface, constructors, hooks and protocols are
/// ordinary, so only free-standing functions that nothing explains are named.
fn empty_bodies(file: &ChangedFile, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for line in &file.added {
        let code = &source.code[*line];
        let name = match file.lang() {
            Lang::Python => python_empty(source, *line),
            Lang::Rust if code.starts_with(char::is_whitespace) => None,
            Lang::Rust => capture(&RUST_EMPTY, code),
            Lang::JavaScript => capture(&JS_EMPTY, code),
            Lang::Go => capture(&GO_EMPTY, code),
            Lang::CLike | Lang::Hash | Lang::Plain => None,
        };
        let explained = source.comments[*line].trim().len() > 4;
        if let Some(name) =
            name.filter(|name| !explained && name != "main" && !name.starts_with("noop"))
        {
            found.push(format!("{} the function `{name}` is empty", file.at(*line)));
        }
    }
    found
}

fn capture(regex: &Regex, code: &str) -> Option<String> {
    let seen = regex.captures(code)?;
    seen.iter()
        .skip(1)
        .flatten()
        .next()
        .map(|m| m.as_str().to_owned())
}

fn python_empty(source: &Source, line: usize) -> Option<String> {
    let seen = PY_DEF.captures(&source.code[line])?;
    let indent = seen[1].len();
    let name = seen[2].to_owned();
    // Methods may be empty on purpose (protocols, hooks of a base class); a module's own function may not.
    if indent > 0 || is_decorated(source, line) {
        return None;
    }
    if seen.get(3).is_some() {
        return Some(name);
    }
    let mut body = source.code[line + 1..]
        .iter()
        .map(|l| l.trim_end())
        .filter(|l| !l.trim().is_empty());
    let first = body.next()?;
    let alone = body
        .next()
        .is_none_or(|next| next.len() - next.trim_start().len() <= indent);
    (alone && ["pass", "..."].contains(&first.trim())).then_some(name)
}

fn is_decorated(source: &Source, line: usize) -> bool {
    line > 0 && source.code[line - 1].trim_start().starts_with('@')
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::testing::Task;
    use super::*;

    fn failed(path: &str, base: Option<&str>, head: &str) -> bool {
        let task = Task::build();
        check(&Change::of(&[(path, base, Some(head))]), &task.rules()).result == CheckResult::Fail
    }

    #[test]
    fn what_stands_for_work_fails() {
        let cases = [
            ("a.rs", "fn a() { todo!() }"),
            ("a.rs", "fn a() { unimplemented!(\"x\") }"),
            ("a.rs", "// TODO: the real thing"),
            ("a.rs", "/* FIXME */ let a = 1;"),
            ("a.rs", "fn a() -> i32 { panic!(\"not implemented\") }"),
            ("a.rs", "pub fn parse(text: &str) {}"),
            ("a.py", "def f():\n    raise NotImplementedError\n"),
            ("a.py", "def f():\n    pass\n"),
            ("a.py", "def f(): ...\n"),
            ("a.py", "def f():\n    pass  # stub\n"),
            ("a.py", "x = 1  # ... rest of the code\n"),
            (
                "a.js",
                "function f() { throw new Error('Not implemented') }",
            ),
            ("a.js", "function save(x) {}"),
            ("a.ts", "// your code here"),
            ("a.go", "func Save() {}"),
            ("a.go", "func Save() error { panic(\"todo\") }"),
            ("a.kt", "fun a() = TODO()"),
            ("deploy.sh", "echo 'TODO deploy'"),
            ("README.md", "TODO: describe"),
            ("docs/a.md", "Lorem ipsum dolor sit amet"),
            ("docs/a.md", "Call [insert number]"),
        ];
        for (path, text) in cases {
            assert!(failed(path, None, text), "{path}: {text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_survives() {
        let cases = [
            (
                "a.py",
                "todo_list = []\nclass Todo:\n    title = 'TODO app'\n",
            ),
            ("a.py", "class NotFound(Exception):\n    pass\n"),
            (
                "a.py",
                "class Base(ABC):\n    @abstractmethod\n    def f(self):\n        raise NotImplementedError\n",
            ),
            ("a.py", "try:\n    f()\nexcept OSError:\n    pass\n"),
            ("a.py", "def f():\n    pass\n    return 1\n"),
            ("a.rs", "let s = \"TODO\"; // the word that people write"),
            ("a.rs", "impl Drop for A {\n    fn drop(&mut self) {}\n}\n"),
            ("a.rs", "fn main() {}\n"),
            ("a.rs", "// Collects the todo entries of a list."),
            ("a.rs", "// The placeholder of the input field is grey."),
            (
                "a.js",
                "const noop = () => {}; input.placeholder = 'Name'; // shown while empty",
            ),
            ("a.js", "function noop() {}"),
            ("a.rs", "// It must be fixed, not a placeholder."),
            ("a.go", "// Stubs of the wire format are generated."),
            ("a.tsx", "<input placeholder=\"Your name here\" />"),
            (
                "README.md",
                "# Todo app\n\nA list of TODO items. Mark a TODO as done.",
            ),
            (
                "a.py",
                "raise ValueError('not implemented by this codec: ' + name)\n",
            ),
            ("yarn.lock", "TODO:"),
        ];
        for (path, text) in cases {
            let task = Task::build();
            let m = check(&Change::of(&[(path, None, Some(text))]), &task.rules());
            assert_ne!(m.result, CheckResult::Fail, "{path}: {text}: {}", m.detail);
        }
    }

    #[test]
    fn old_placeholders_may_stay_and_move() {
        assert!(!failed(
            "a.rs",
            Some("// TODO: old\nfn a() {}\n"),
            "// TODO: old\nfn a() { b() }\n"
        ));
        assert!(!failed(
            "a.rs",
            Some("// TODO: old\na();\n"),
            "a();\n    // TODO: old, still\n"
        ));
        assert!(failed(
            "a.rs",
            Some("// TODO: old\n"),
            "// TODO: old\n// TODO: new\n"
        ));
    }
}
