//! Code of the product that is written for its judge: it asks where it runs, hides what went wrong, or calls equal what is not.

use std::cell::LazyCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::patterns::is_program;
use crate::change::ChangedFile;
use crate::functions::{Function, around, functions};
use crate::paths;
use crate::source::{self, Lang, Source};

type Hit = (usize, &'static str);

pub(super) fn found(file: &ChangedFile, source: &Source) -> Vec<Hit> {
    let all = functions(source, file.lang());
    drops_fields(file, source, &all)
}

/// What lines show by themselves, wherever they stand.
pub(super) fn by_line(path: &str, source: &Source, lines: &[usize]) -> Vec<Hit> {
    let lang = source::lang(path);
    let mut hits = asks_where_it_runs(path, source, lang, lines);
    hits.extend(hides(source, lang, lines));
    hits.extend(asks_how_it_was_built(source, lang, lines));
    hits
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// What names the running program, its parent or its arguments.
static WHERE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\bcurrent_exe\s*\(|\benv::args(?:_os)?\s*\(|\bsys\.(?:argv|executable|modules|orig_argv)\b|\bprocess\.(?:argv|argv0|title|execArgv|mainModule)\b|\brequire\.main\b|\bos\.(?:Args|Executable|Getppid)\b|\bgetppid\s*\(|/proc/(?:self|\$)|\bcmdline\b|\b__main__\b|\bimport\.meta\b",
    )
});
/// What a test's program, folder or runner is called. A subcommand `test` and a path below `tests/` are everybody's.
static RUNNER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"(?i)["'`/.](?:deps|pytest|py\.test|_pytest|unittest|nose2?|jest|mocha|vitest|nextest|cargo-test)(?:["'`/.\\]|_|$)|["'`]/_*tests?_*/["'`]|--test\b|_test["'`.]|\.test["'`]|test\.v\b"#,
    )
});
/// Variables that a machine which tests sets. Programs do ask for `CI` to draw no progress, so it counts only where a decision
/// about something else hangs on it: see `asks_where_it_runs`.
static CI: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"(?:\benv::var(?:_os)?\s*\(\s*|\benviron(?:\.get)?\s*[\[(]\s*|\bgetenv\s*\(\s*|\bGetenv\s*\(\s*|\bLookupEnv\s*\(\s*|\bprocess\.env(?:\.|\[\s*))["'`]?(?:CI|CONTINUOUS_INTEGRATION|GITHUB_ACTIONS|GITLAB_CI|BUILDKITE|JENKINS_URL|CIRCLECI|TRAVIS|TEAMCITY_VERSION|NEXTEST|GO_TEST\w*|TESTING|UNITTEST\w*|TOX_ENV_NAME|TEST_MODE)\b"#,
    )
});
/// What a terminal is drawn by, which may well depend on where a program runs.
static DRAWS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)colou?r|progress|spinner|interactive|\btty\b|isatty|terminal|ansi|telemetry|verbose|\blog",
    )
});

static BRANCHES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"\b(?:if|elif|unless|while|match|switch|case)\b|\s\?\s.*\s:|\s\?\s*$|^\s*\?\s")
});
static COMPARES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"[!=]==?|["'`]\s+(?:not\s+)?in\b|\.(?:contains|includes|indexOf|search|(?:starts|ends)_?[wW]ith|test|match\w*|find|any|some)\(|\b(?:HasSuffix|HasPrefix|Contains|MatchString)\("#,
    )
});
static BINDS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"^\s*(?:(?:let|const|var|mut|static|final)\s+)*(\w+)\s*(?:,\s*\w+\s*)?(?::[^=]+)?:?=[^=]",
    )
});

/// A decision stands on a line, or on the next about what the line has bound.
fn hangs_on(source: &Source, line: usize, text: &str, decides: &dyn Fn(&str) -> bool) -> bool {
    let next = || {
        let mut below = line + 1..source.code.len();
        let next = below.find(|at| !source.code[*at].trim().is_empty())?;
        let next = source.uncommented(next);
        let bound = BINDS.captures(text).map(|seen| {
            let name = fixed(&format!(r"\b{}\b", regex::escape(&seen[1])));
            name.is_match(&next)
        });
        // What is not bound may go on in the next line.
        Some(bound.unwrap_or(true) && decides(&next))
    };
    decides(text) || next().unwrap_or(false)
}

/// Where a function decides by the running program and compares with a test runner's name, or decides by a variable of a testing
/// machine. Programs and configurations of tools are asked how they were started.
fn asks_where_it_runs(path: &str, source: &Source, lang: Lang, lines: &[usize]) -> Vec<Hit> {
    let configures = paths::name(path).contains(".config.");
    if configures || is_program(path, source) {
        return Vec::new();
    }
    let branches = |text: &str| BRANCHES.is_match(text);
    let judges = |text: &str| BRANCHES.is_match(text) || COMPARES.is_match(text);
    let all = LazyCell::new(|| functions(source, lang));
    // What stands around is read once for all lines of a function: whether it names a runner, and whether it draws.
    let mut known: HashMap<Range<usize>, (bool, bool)> = HashMap::new();
    let mut asks = |line: usize| {
        let text = source.uncommented(line);
        let runs = WHERE.is_match(&text) && hangs_on(source, line, &text, &judges);
        let ci = CI.is_match(&text) && hangs_on(source, line, &text, &branches);
        if !runs && !ci {
            return false;
        }
        let near = around(&all, line).map_or_else(
            || line.saturating_sub(2)..(line + 3).min(source.code.len()),
            |f| f.lines.clone(),
        );
        let (named, draws) = *known.entry(near.clone()).or_insert_with(|| {
            let texts: Vec<String> = near.map(|at| source.uncommented(at)).collect();
            let named = |text: &String| RUNNER.is_match(text) && judges(text);
            (
                texts.iter().any(named),
                texts.iter().any(|text| DRAWS.is_match(text)),
            )
        });
        (runs && named) || (ci && !draws)
    };
    let lines = lines.iter().filter(|line| asks(**line));
    lines
        .map(|line| (*line, "asks whether a test runs"))
        .collect()
}

/// Tests are built with it, and what users run is not.
static PROFILE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\bcfg!\s*\([^)]*\bdebug_assertions\b|#\s*!?\[\s*cfg(?:_attr)?\s*\(.*\bdebug_assertions\b|^\s*(?:if|elif)\b.*\b__debug__\b",
    )
});
/// What may well be done in one build alone: to look, to say, to stop.
static LOOKS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)\b(?:debug_|const_)?assert|print|panic|\b(?:trace|debug|info|warn|error|log)\w*\s*[!.(]|logg|\braise\b|\bmod\s|\buse\s|\ballow\b|\bdeny\b|backtrace",
    )
});

/// Where the build that is tested does another thing than the one that is used.
fn asks_how_it_was_built(source: &Source, lang: Lang, lines: &[usize]) -> Vec<Hit> {
    if lang != Lang::Rust && lang != Lang::Python {
        return Vec::new();
    }
    let differs = |line: &&usize| {
        let code = &source.code[**line];
        let Some(seen) = PROFILE.find(code) else {
            return false;
        };
        let rest = &code[seen.end()..];
        let mut below = source.code[**line + 1..].iter();
        let next = below.find(|code| !code.trim().is_empty());
        !LOOKS.is_match(rest) && !next.is_some_and(|next| LOOKS.is_match(next))
    };
    lines
        .iter()
        .filter(differs)
        .map(|line| (*line, "does another thing where tests are built"))
        .collect()
}

static WRITES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:os\.WriteFile|ioutil\.WriteFile|fs::write|writeFileSync|writeFile|write_text|write_bytes)\s*\(|\bopen\s*\([^)]*,\s*\W?[wa]b?\W?\s*\)",
    )
});

/// In tests: what they are held against is written wherever nobody looks.
pub(super) fn writes_where_nobody_looks(source: &Source, lines: &[usize]) -> Vec<Hit> {
    let asks = |at: &&usize| CI.is_match(&source.uncommented(**at));
    if !lines
        .iter()
        .any(|at| WRITES.is_match(&source.uncommented(*at)))
    {
        return Vec::new();
    }
    let asking = lines.iter().filter(asks);
    asking
        .map(|at| (*at, "writes what it expects where no machine tests"))
        .collect()
}

static EXCEPT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"^\s*except\s*(?::|.*\b(?:Exception|BaseException)\b.*:)\s*(pass|continue|\.\.\.)?\s*$")
});
static NOTHING: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*(?:pass|continue|\.\.\.)\s*$"));
static SUPPRESS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\bsuppress\(\s*(?:Exception|BaseException)\b"));
static RECOVER: LazyLock<Regex> = LazyLock::new(|| fixed(r"(?:(\w+)\s*:?=\s*)?\brecover\(\)"));
static DROPPED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\blet\s+_\w*\s*=.*\bcatch_unwind\b|\bcatch_unwind\b.*\.ok\(\)\s*;"));
const HIDES: &str = "catches everything that can go wrong and says nothing";

/// Everything that can go wrong is caught, and nobody is told. A named error that is expected may be passed over.
fn hides(source: &Source, lang: Lang, lines: &[usize]) -> Vec<Hit> {
    let hidden = |line: &usize| {
        let code = &source.code[*line];
        match lang {
            Lang::Python => {
                let next = source.code[line + 1..]
                    .iter()
                    .find(|code| !code.trim().is_empty());
                let caught = EXCEPT.captures(code);
                let nothing = |seen: &regex::Captures<'_>| {
                    seen.get(1).is_some() || next.is_some_and(|code| NOTHING.is_match(code))
                };
                caught.is_some_and(|seen| nothing(&seen)) && !only_tidied(source, *line)
                    || SUPPRESS.is_match(code) && !only_tidies(source, *line)
            }
            Lang::Rust => DROPPED.is_match(code),
            Lang::Go => recovered_unused(source, *line),
            // JavaScript cannot name what it expects to go wrong.
            Lang::JavaScript | Lang::CLike | Lang::Hash | Lang::Plain => false,
        }
    };
    let lines = lines.iter().filter(|line| hidden(line));
    lines.map(|line| (*line, HIDES)).collect()
}

/// One call that gives back what was held; whether that worked decides nothing.
static TIDIES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)^\s*(?:await\s+)?(?:[\w\[\]]+\.)*\w*(?:close|cleanup|clean_up|unlink|rmtree|rmdir|terminate|kill|shutdown|disconnect|release|dispose|teardown)\w*\([^()]*\)\s*$|^\s*os\.remove\([^()]*\)\s*$",
    )
});

/// The block below a head is a single such call.
fn only_tidies(source: &Source, head: usize) -> bool {
    let depth = |code: &str| code.len() - code.trim_start().len();
    let outer = depth(&source.code[head]);
    let below = source.code[head + 1..].iter();
    let full = below.filter(|code| !code.trim().is_empty());
    let block: Vec<&String> = full
        .take_while(|code| depth(code) > outer)
        .take(2)
        .collect();
    matches!(block[..], [only] if TIDIES.is_match(only))
}

/// What an `except` belongs to is a single such call.
fn only_tidied(source: &Source, except: usize) -> bool {
    let indent = |code: &str| code[..code.len() - code.trim_start().len()].to_owned();
    let head = format!("{}try:", indent(&source.code[except]));
    let begins = (0..except)
        .rev()
        .find(|at| source.code[*at].trim_end() == head);
    begins.is_some_and(|at| only_tidies(source, at))
}

/// `recover()` of which nothing is kept: neither an error nor a word.
fn recovered_unused(source: &Source, line: usize) -> bool {
    /// A deferred function of some lines.
    const LINES: usize = 8;
    let Some(seen) = RECOVER.captures(&source.code[line]) else {
        return false;
    };
    let name = seen
        .get(1)
        .map(|name| name.as_str())
        .filter(|name| *name != "_");
    let Some(name) = name else {
        // `if recover() != nil { err = … }` keeps something.
        let kept = source.code[line..(line + LINES).min(source.code.len())].iter();
        let mut kept = kept.take_while(|code| code.trim() != "}()");
        return !kept.any(|code| ERROR.is_match(code));
    };
    let rest = source.code[line + 1..(line + LINES).min(source.code.len())].iter();
    let mut rest = rest.take_while(|code| code.trim() != "}()");
    let word = fixed(&format!(r"\b{}\b", regex::escape(name)));
    !rest.any(|code| word.is_match(code) || ERROR.is_match(code))
}

static ERROR: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)\b\w*err\w*\s*=|\blog\w*\.|\bpanic\(|\.(?:Error|Warn|Print)\w*\(|\bfmt\.F?print|\breport\w*\(",
    )
});

static EQ: LazyLock<Regex> = LazyLock::new(|| fixed(r"^(?:eq|__eq__)$"));
static PAIR: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bself\.(\w+)\s*==\s*\w+\.(\w+)\b"));
static DERIVED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"derive\([^)]*\bPartialEq\b[^)]*\)|@(?:dataclasses\.)?dataclass\b"));
static FIELD: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*(?:pub(?:\([^)]*\))?\s+)?(\w+)\s*:\s*[^:=]+[,=]?"));
static UNCOMPARED: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bfield\(.*\bcompare\s*=\s*False"));

/// An equality that leaves out fields which the type's own one compared: values that differed are equal now.
fn drops_fields(file: &ChangedFile, source: &Source, all: &[Function]) -> Vec<Hit> {
    let Some(base) = file.base_source() else {
        return Vec::new();
    };
    let compared = fields_compared(&base, file.lang());
    let mut hits: Vec<Hit> = Vec::new();
    let touched = |f: &&Function| file.added.iter().any(|at| f.lines.contains(at));
    for eq in all.iter().filter(|f| EQ.is_match(&f.name)).filter(touched) {
        let body: Vec<&String> = source.code[eq.lines.clone()].iter().skip(1).collect();
        let calls = body.iter().any(|code| CALLS.is_match(code));
        let now: BTreeSet<String> = body.iter().flat_map(|code| pairs(code)).collect();
        // A key that is computed may hold every field.
        let left_out = compared.iter().find(|fields| {
            now.iter().any(|one| fields.contains(one))
                && fields.iter().any(|one| !now.contains(one))
        });
        let still = left_out.is_some_and(|fields| {
            let dropped = fields.iter().filter(|one| !now.contains(*one));
            let mut here = dropped.filter(|one| source.code.iter().any(|code| declares(code, one)));
            here.next().is_some()
        });
        if !now.is_empty() && !calls && still {
            hits.push((
                eq.lines.start,
                "calls equal what differs in a field that was compared before",
            ));
        }
    }
    let uncompared = file.added.iter().filter(|at| {
        let known = FIELD.captures(&source.code[**at]);
        let known =
            known.is_some_and(|seen| compared.iter().any(|fields| fields.contains(&seen[1])));
        UNCOMPARED.is_match(&source.code[**at]) && known
    });
    hits.extend(uncompared.map(|at| {
        (
            *at,
            "leaves a field out of comparisons that was compared before",
        )
    }));
    hits
}

/// A method on itself in an equality.
static CALLS: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bself\.\w+\("));

fn pairs(code: &str) -> Vec<String> {
    let same = PAIR.captures_iter(code).filter(|seen| seen[1] == seen[2]);
    same.map(|seen| seen[1].to_owned()).collect()
}

fn declares(code: &str, field: &str) -> bool {
    FIELD.captures(code).is_some_and(|seen| &seen[1] == field)
}

/// The fields that each equality of a source compared: all fields of a type that derives its own, else those that it names.
fn fields_compared(source: &Source, lang: Lang) -> Vec<BTreeSet<String>> {
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (at, code) in source.code.iter().enumerate() {
        if DERIVED.is_match(code) {
            let fields = fields_below(source, at, lang);
            found.extend(Some(fields).filter(|fields| fields.len() > 1));
        }
    }
    for eq in functions(source, lang)
        .iter()
        .filter(|f| EQ.is_match(&f.name))
    {
        let body = source.code[eq.lines.clone()].iter();
        let fields: BTreeSet<String> = body.flat_map(|code| pairs(code)).collect();
        found.extend(Some(fields).filter(|fields| fields.len() > 1));
    }
    found
}

fn fields_below(source: &Source, at: usize, lang: Lang) -> BTreeSet<String> {
    let depth = |code: &str| code.len() - code.trim_start().len();
    let lines = source.code[at + 1..].iter();
    let lines = lines.skip_while(|code| !code.contains("struct") && !code.contains("class "));
    let mut body = lines.filter(|code| !code.trim().is_empty());
    let outer = body.next().map_or(0, |code| depth(code));
    let ends = |code: &&String| match lang {
        Lang::Python => depth(code) > outer,
        Lang::Rust | Lang::JavaScript | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => {
            !code.trim_start().starts_with('}')
        }
    };
    let inside = body.take_while(ends);
    let inside = inside.take_while(|code| !code.trim_start().starts_with("def "));
    inside
        .filter_map(|code| FIELD.captures(code).map(|seen| seen[1].to_owned()))
        .collect()
}
