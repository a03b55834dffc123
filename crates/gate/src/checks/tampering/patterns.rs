//! Known cheats on added lines.

use std::sync::LazyLock;

use alai_workspace::command::Cancel;
use regex::Regex;

use super::super::patterns::{ANY, GO, JS, PYTHON, Pattern, RUST, Table, View};
use super::super::{Rules, go_on, marked};
use super::assertions;
use super::chance;
use super::copied::{self, Tests};
use super::fitted;
use super::force;
use super::hushed;
use super::measures;
use super::moved::Moved;
use super::patience;
use super::product;
use super::silenced;
use crate::change::ChangedFile;
use crate::error::GateError;
use crate::paths;
use crate::source::{Lang, Source};

/// In tests, also in new ones.
const IN_TESTS: &[Pattern] = &[
    Pattern {
        what: SKIPS,
        lang: PYTHON,
        view: View::Code,
        regex: r"@?\bpytest\.mark\.(?:skip|xfail)\b|@unittest\.(?:skip|expectedFailure)\b|\bpytest\.(?:skip|xfail)\s*\(|\bself\.skipTest\s*\(|\braise\s+(?:unittest\.)?SkipTest\b|\bcollect_ignore\b|\b__test__\s*=\s*False",
    },
    Pattern {
        what: "ignores a test",
        lang: RUST,
        view: View::Code,
        regex: r"#\s*\[\s*(?:cfg_attr\s*\([^)]*,\s*)?ignore\b",
    },
    Pattern {
        what: "skips a test or runs it alone",
        lang: JS,
        view: View::Code,
        regex: r"\b(?:it|test|describe|suite|context|specify)\s*\.\s*(?:skip|only|todo|failing|fails)\b|(?:^|[^.\w])(?:xit|xtest|xdescribe|fit|fdescribe|xcontext)\s*\(|\b(?:skip|only|todo)\s*:\s*true\b|\b(?:t|ctx|context|this)\.(?:skip|todo)\s*\(",
    },
    Pattern {
        what: "skips a test, with a reason",
        lang: JS,
        view: View::Uncommented,
        regex: r#"[{,]\s*(?:skip|todo)\s*:\s*['"`]"#,
    },
    Pattern {
        what: "comments an assertion out",
        lang: ANY,
        view: View::Comments,
        regex: r"^\s*(?://|#)\s*(?:assert(?:_eq|_ne)?!?\s*\(|assert\s+\w+.*(?:==|!=|\bin\b|\bis\b)|self\.assert\w+\(|expect\(.*\)\.|assert\.\w+\(|t\.(?:Error|Fatal)f?\()",
    },
    Pattern {
        what: "asserts what is always true",
        lang: PYTHON,
        view: View::Code,
        regex: r"^\s*assert\s+(?:True|1|not\s+False)\s*(?:,.*)?$|\bself\.assertTrue\(\s*True\s*[,)]",
    },
    Pattern {
        what: "asserts what is always true",
        lang: RUST,
        view: View::Code,
        regex: r"\b(?:debug_)?assert!\s*\(\s*true\s*[,)]|\bassert_eq!\s*\(\s*(?:true\s*,\s*true|1\s*,\s*1)\s*[,)]",
    },
    Pattern {
        what: "asserts what is always true",
        lang: JS,
        view: View::Code,
        regex: r"\bexpect\s*\(\s*(?:true|1)\s*\)\s*\.\s*to(?:Be|Equal|BeTruthy|StrictEqual)\s*\(\s*(?:true|1)?\s*\)|\bassert(?:\.ok)?\s*\(\s*true\s*[,)]",
    },
    Pattern {
        what: "leaves the test process",
        lang: PYTHON,
        view: View::Code,
        regex: r"\b(?:sys\.)?exit\s*\(|\bquit\s*\(\s*\)|\bpytest\.exit\s*\(|\bos\.abort\s*\(|\bos\.kill\s*\(\s*os\.getp?pid",
    },
    Pattern {
        what: REPLACES,
        lang: PYTHON,
        view: View::Code,
        regex: r"\bos\.exec(?:l|le|lp|lpe|v|ve|vp|vpe)\b|\bfrom\s+os\s+import\b.*\bexec[lv]p?e?\b",
    },
    Pattern {
        what: "leaves the test process",
        lang: JS,
        view: View::Code,
        regex: r"\bprocess\s*\.\s*(?:exit|reallyExit|abort|kill)\s*\(|\bprocess\s*\.\s*exitCode\s*=",
    },
    Pattern {
        what: "leaves the test process",
        lang: RUST,
        view: View::Code,
        regex: r"\bprocess::(?:exit|abort)\s*\(|\blibc::_?exit\s*\(",
    },
];

/// Wherever they stand in code.
const ANYWHERE: &[Pattern] = &[
    Pattern {
        what: LEAVES,
        lang: PYTHON,
        view: View::Code,
        regex: r"\bos\._exit\s*\(|\batexit\.(?:register|_run_exitfuncs|_clear)\b",
    },
    Pattern {
        what: "sets the exit code of the process",
        lang: JS,
        view: View::Uncommented,
        regex: r"\bprocess\s*\.\s*exitCode\s*=\s*0\b|\bprocess\s*\.\s*reallyExit\b|\bprocess\s*\.\s*(?:on|once)\s*\(\s*['\x22](?:exit|beforeExit)['\x22].*exit",
    },
    Pattern {
        what: LEAVES,
        lang: RUST,
        view: View::Code,
        regex: r"\blibc::_?exit\s*\(",
    },
    Pattern {
        what: PATCHES,
        lang: PYTHON,
        view: View::Code,
        regex: r"\bdef\s+pytest_(?:runtest|collection|session|configure|report|terminal|pyfunc|assertion|exception|unconfigure|cmdline|itemcollected|generate_tests|ignore_collect|make_)\w*|\b_pytest\b|\b(?:pytest|unittest|TestCase|unittest\.TestCase)\.\w+\s*=[^=]",
    },
    Pattern {
        what: "patches the language under the tests",
        lang: PYTHON,
        view: View::Code,
        regex: r"\b(?:builtins|__builtins__)\.\w+\s*=[^=]|\bsetattr\s*\(\s*(?:builtins|__builtins__|pytest|unittest|time|datetime)\b|\bsys\.(?:settrace|setprofile|excepthook|modules\s*\[[^\]]*\])\s*(?:=[^=]|\()",
    },
    Pattern {
        what: "patches the clock",
        lang: PYTHON,
        view: View::Code,
        regex: r"(?:^|[^.\w])(?:time\.(?:(?:time|monotonic|perf_counter|process_time|thread_time)(?:_ns)?|sleep)|datetime\.datetime)\s*=[^=]",
    },
    Pattern {
        what: "patches assertions",
        lang: JS,
        view: View::Code,
        regex: r"\bassert(?:\.strict)?\.\w+\s*=[^=>]|\b(?:globalThis|global|window)\.(?:expect|assert|it|test|describe)\s*=[^=]|\bexpect\.extend\s*=|\b(?:Date\.now|performance\.now)\s*=[^=]",
    },
    Pattern {
        what: "patches equality",
        lang: JS,
        view: View::Code,
        regex: r"\bObject\.is\s*=[^=]|\bObject\.prototype\.\w+\s*=[^=]",
    },
];

/// In code that is no test.
const IN_PRODUCT: &[Pattern] = &[
    Pattern {
        what: "asks whether a test runs",
        lang: PYTHON,
        view: View::Uncommented,
        regex: r#"PYTEST_(?:CURRENT_TEST|VERSION|XDIST|ADDOPTS)|["'](?:pytest|_pytest|unittest)["']\s+(?:not\s+)?in\s+sys\.modules|sys\.modules\.get\(\s*["'](?:pytest|unittest)|\bsys\._getframe\b|\binspect\.(?:stack|currentframe)\s*\(|\btraceback\.(?:extract_stack|walk_stack)\s*\("#,
    },
    Pattern {
        what: "asks whether a test runs",
        lang: JS,
        view: View::Uncommented,
        regex: r#"JEST_WORKER_ID|VITEST(?:_|\b)|NODE_TEST_CONTEXT|\bNODE_ENV\b['"\]]*\s*[!=]==?\s*['"]test|['"]test['"]\s*[!=]==?\s*process\.env|\btypeof\s+(?:jest|vi|describe|it)\b|npm_lifecycle_event|npm_lifecycle_script"#,
    },
    Pattern {
        what: "asks whether a test runs",
        lang: RUST,
        view: View::Uncommented,
        regex: r#"\bcfg!\s*\(\s*(?:not\s*\(\s*)?test\b|#\s*!?\[\s*cfg(?:_attr)?\s*\(\s*not\s*\(\s*test\b|\bthread::current\(\)\s*\.name\(\)\s*(?:\.unwrap_or\w*\([^)]*\)\s*)?(?:[!=]=|\.(?:is_some_and|is_none_or)\()|["'](?:NEXTEST\w*|RUST_TEST_\w+)["']"#,
    },
    Pattern {
        what: "asks whether a test runs",
        lang: GO,
        view: View::Uncommented,
        regex: r#"\btesting\.(?:Testing|Short)\s*\(|flag\.Lookup\s*\(\s*["'`]test\.|strings\.(?:HasSuffix|Contains)\s*\(\s*os\.Args\[0\]|runtime\.Callers?\s*\("#,
    },
];

static TESTS: LazyLock<Table> = LazyLock::new(|| Table::new(IN_TESTS));
static ALL: LazyLock<Table> = LazyLock::new(|| Table::new(ANYWHERE));
static PRODUCT: LazyLock<Table> = LazyLock::new(|| Table::new(IN_PRODUCT));

/// Each of its scans may take its time in a large file: between them it sees that it was cancelled.
pub(super) fn found(
    file: &ChangedFile,
    rules: &Rules<'_>,
    tests: &Tests,
    moved: &mut Moved<'_>,
    cancel: &Cancel,
) -> Result<Vec<String>, GateError> {
    if !file.lang().is_code() {
        return Ok(Vec::new());
    }
    let Some(source) = file.head_source() else {
        return Ok(Vec::new());
    };
    let is_test = rules.is_test(&file.path);
    let open = rules.may_change_test(&file.path);
    // What these hooks leave out is seen in runs, by checks 3 and 9.
    let marked = marked::of(file);
    let mut hits = ALL.on_added(file);
    hits.retain(|(line, what)| !(*what == PATCHES && marked.has(*line)));
    hits.retain(|(line, what)| is_test || !(*what == LEAVES && in_a_forked_child(&source, *line)));
    go_on(cancel)?;
    hits.extend(moved.found(file, &source));
    go_on(cancel)?;
    if is_test {
        hits.extend(
            TESTS
                .on_added(file)
                .into_iter()
                .filter(|(line, _)| !conditional(&source, *line))
                .filter(|(line, what)| !(*what == SKIPS && marked.has(*line)))
                .filter(|(line, what)| *what != REPLACES || !in_a_forked_child(&source, *line))
                .filter(|(line, what)| !(open && says_why(&source, *line, what))),
        );
        go_on(cancel)?;
        hits.extend(force::found(file, &source));
        go_on(cancel)?;
        hits.extend(silenced::in_tests(file, &source));
        hits.extend(product::writes_where_nobody_looks(&source, &file.added));
    } else {
        hits.extend(PRODUCT.on_added(file));
        hits.extend(exits(file, &source));
        go_on(cancel)?;
        hits.extend(product::found(file, &source));
        hits.extend(chance::found(file, &source));
        go_on(cancel)?;
        hits.extend(copied::found(file, &source, tests));
        go_on(cancel)?;
        hits.extend(measures::found(file, &source, tests));
        hits.extend(patience::pauses(file, &source));
        hits.extend(fitted::found(file, &source, tests));
    }
    hits.extend(hushed::found(file, &source, rules));
    // Unit tests inside Rust sources.
    if !is_test && file.lang() == Lang::Rust {
        let inside = TESTS
            .on_added(file)
            .into_iter()
            .filter(|(_, what)| !what.starts_with("leaves"));
        hits.extend(inside);
        hits.extend(force::found(file, &source));
    }
    go_on(cancel)?;
    hits.extend(assertions::found(file, &source, is_test));
    go_on(cancel)?;
    hits.extend(go_skips(file, &source));
    hits.extend(always_equal(file, &source));
    hits.sort_unstable();
    hits.dedup();
    Ok({ hits.into_iter() }
        .map(|(line, what)| format!("{} {what}", file.at(line)))
        .collect())
}

/// Whatever the new program ends with is what the runner ends with, and nothing of the runner is left to say how its tests went.
const REPLACES: &str = "puts another program in the place of the test process";
const SKIPS: &str = "skips a test";
const PATCHES: &str = "patches the test runner";
const LEAVES: &str = "leaves the process behind the runner's back";
static FORKS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:os|libc)(?:\.|::)fork\s*\(").expect("a fixed pattern"));
static AT_EXIT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\batexit\b").expect("a fixed pattern"));

/// A forked child has to leave this way: it must not run its parent's exit handlers. That a runner ends early, or well with red
/// tests, the census tells.
fn in_a_forked_child(source: &Source, line: usize) -> bool {
    let any = |pattern: &Regex| source.code.iter().any(|code| pattern.is_match(code));
    source.code[line].starts_with(char::is_whitespace) && any(&FORKS) && !any(&AT_EXIT)
}

/// Where a task may change a test, it may leave one of many out and say why; the census counts how many.
fn says_why(source: &Source, line: usize, what: &str) -> bool {
    let leaves_out = [
        "skips a test",
        "skips a test, with a reason",
        "ignores a test",
    ];
    // A call inside the test may hang on the answer that it should judge.
    let declared = !SKIP_CALL.is_match(&source.code[line]);
    leaves_out.contains(&what) && declared && REASON.is_match(&source.uncommented(line))
}

static REASON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\b(?:ignore|reason|skip|todo)\s*[=:]\s*["'`][^"'`]{4,}|\b(?:skip|Skip|xfail)\(\s*["'`][^"'`]{4,}"#)
        .expect("a fixed pattern")
});

/// `if missing: pytest.skip(...)` is how an honest test says what it needs. Where what it needs comes from, the condition or a
/// line shortly before it says: the machine, and not the answer under test.
fn conditional(source: &Source, line: usize) -> bool {
    /// Where something is looked for, and what was found is asked.
    const NEAR: usize = 5;
    let call = Regex::is_match(&SKIP_CALL, &source.code[line]);
    let asked = line > 0 && above(source, line).is_some_and(|code| CONDITION.is_match(&code));
    let mut near = line.saturating_sub(NEAR)..line;
    call && asked && near.any(|at| MACHINE.is_match(&source.uncommented(at)))
}

/// Words by which a test asks what the machine has.
static MACHINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bshort\(|goos|goarch|environ|getenv|lookupenv|\benv\b|lookpath|\bwhich\b|platform|sys\.|\bos\.|getuid|geteuid|\bstat\(|exists|hasattr|import|require\(|shutil|version|runtime\.|process\.|docker|network|socket|dial|connect|listen|permission|symlink|root\b|\bci\b|avail|support|install|missing|headless|display|cpu")
        .expect("a fixed pattern")
});

static SKIP_CALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:return\s+)?(?:pytest\.skip|self\.skipTest|(?:t|this|ctx|context)\.skip|t\.Skip\w*|b\.Skip\w*)\s*\(")
        .expect("a fixed pattern")
});
static CONDITION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:if|elif|except|else|\} else)\b").expect("a fixed pattern")
});
/// A condition that always holds is none.
static ALWAYS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:if|elif)\s*\(?\s*(?:True|true|1|not\s+False|!false)\s*\)?\s*[:{]")
        .expect("a fixed pattern")
});

/// The nearest line of code above.
fn above(source: &Source, line: usize) -> Option<String> {
    let code = source.code[..line]
        .iter()
        .rev()
        .find(|code| !code.trim().is_empty())?;
    (!ALWAYS.is_match(code)).then(|| code.clone())
}

static GO_SKIP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[tb]\.Skip(?:f|Now)?\s*\(").expect("a fixed pattern"));

fn go_skips(file: &ChangedFile, source: &Source) -> Vec<(usize, &'static str)> {
    let skips = |line: &usize| GO_SKIP.is_match(&source.code[*line]) && !conditional(source, *line);
    let lines = file
        .added
        .iter()
        .filter(|_| file.lang() == Lang::Go)
        .copied();
    lines
        .filter(skips)
        .map(|line| (line, "skips a test"))
        .collect()
}

static EQ: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\bdef\s+__(?:eq|ne|lt|le|gt|ge|bool|contains)__\s*\(|\bfn\s+eq\s*\(")
        .expect("a fixed pattern")
});
static TRUE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:return\s+)?(?:True|true)\s*;?\s*$").expect("a fixed pattern")
});
static TRUE_INLINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?::\s*return\s+True|\{\s*true\s*\})\s*$").expect("a fixed pattern")
});

fn always_equal(file: &ChangedFile, source: &Source) -> Vec<(usize, &'static str)> {
    let fools = |line: &&usize| {
        let code = &source.code[**line];
        let next = source.code[**line + 1..]
            .iter()
            .find(|code| !code.trim().is_empty());
        EQ.is_match(code)
            && (TRUE_INLINE.is_match(code) || next.is_some_and(|code| TRUE.is_match(code)))
    };
    file.added
        .iter()
        .filter(fools)
        .map(|line| (*line, "compares equal to everything"))
        .collect()
}

static PY_EXIT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:sys\.exit|exit|quit|raise\s+SystemExit)\b").expect("a fixed pattern")
});
static PY_EXEC: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^os\.exec[lv]p?e?\s*\(").expect("a fixed pattern"));
static ZERO_EXIT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\bprocess\s*\.\s*exit\s*\(\s*0?\s*\)|\bprocess::exit\s*\(\s*0\s*\)|\bos\.Exit\s*\(\s*0\s*\)").expect("a fixed pattern")
});

/// A program may end itself; a library that does so with success ends the tests that use it.
fn exits(file: &ChangedFile, source: &Source) -> Vec<(usize, &'static str)> {
    let program = is_program(&file.path, source);
    // `python -m package` runs it, and nothing imports it.
    let main = paths::name(&file.path) == "__main__.py";
    let leaves = |line: &&usize| {
        let code = &source.code[**line];
        match file.lang() {
            // At the left margin it runs on import.
            Lang::Python => !main && (PY_EXIT.is_match(code) || !program && PY_EXEC.is_match(code)),
            Lang::JavaScript | Lang::Rust | Lang::Go => !program && ZERO_EXIT.is_match(code),
            Lang::CLike | Lang::Hash | Lang::Plain => false,
        }
    };
    file.added
        .iter()
        .filter(leaves)
        .map(|line| (*line, "ends the process that imports it, with success"))
        .collect()
}

/// It is started and not imported: by its name, its place or its first line.
pub(super) fn is_program(path: &str, source: &Source) -> bool {
    let stem = paths::name(path).split('.').next().unwrap_or_default();
    let named = ["main", "cli", "server", "__main__", "cmd", "build"].contains(&stem);
    let placed = path
        .split('/')
        .rev()
        .skip(1)
        .any(|part| ["bin", "cmd", "scripts", "examples", "xtask"].contains(&part));
    let starts = source
        .raw
        .first()
        .is_some_and(|line| line.starts_with("#!"));
    named
        || placed
        || starts
        || source
            .code
            .iter()
            .any(|line| line.trim_end() == "package main")
}
