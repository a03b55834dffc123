//! Changes of what runs before the tests that leave what tests say alone: a comment, an alias, a build script that hands
//! values on, fixtures, a runner's words about how it reports. Whatever is not known here is no such change.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::{Rules, marked};
use crate::change::ChangedFile;
use crate::paths;
use crate::source::{Lang, Source};

/// How much a plain change may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    /// No test can go otherwise by it.
    Nothing,
    /// It adds to what tests may use, or to how they are told of. That the base's tests go alike has to be measured.
    Adds,
}

pub(super) fn plain(file: &ChangedFile, rules: &Rules<'_>) -> Option<Plain> {
    if file.is_deleted() || file.from.is_some() || file.changed_unseen() {
        return None;
    }
    if !file.is_new() && file.old_mode != file.new_mode {
        return None;
    }
    let tells = |source: Option<Source>, lines: &[usize]| {
        source.is_some_and(|source| {
            lines
                .iter()
                .any(|at| TELLS_A_TOOL.is_match(&source.comments[*at]))
        })
    };
    if tells(file.base_source(), &file.removed) || tells(file.head_source(), &file.added) {
        return None;
    }
    if comments_only(file) {
        return Some(Plain::Nothing);
    }
    let name = paths::name(&file.path);
    let known = ["vitest.config.", "jest.config."];
    match name {
        "config.toml" | "config" if file.path.split('/').rev().nth(1) == Some(".cargo") => {
            aliases_only(file, rules).then_some(Plain::Adds)
        }
        "build.rs" => hands_values_on(file).then_some(Plain::Nothing),
        "conftest.py" => adds_fixtures(file).then_some(Plain::Adds),
        name if known.iter().any(|start| name.starts_with(start)) => {
            reports_otherwise(file).then_some(Plain::Adds)
        }
        _ => None,
    }
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// A comment may be an instruction to a tool.
static TELLS_A_TOOL: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"@\w|coding|eslint|noqa|pragma|^#!|^\s*//\s*go:"));

fn comments_only(file: &ChangedFile) -> bool {
    let (Some(base), Some(head)) = (file.base_source(), file.head_source()) else {
        return false;
    };
    let lang = file.lang();
    let code = |source: &Source| -> Vec<String> {
        let lines = (0..source.raw.len()).map(|at| source.uncommented(at).trim_end().to_owned());
        lines.filter(|line| !line.trim().is_empty()).collect()
    };
    lang != Lang::Plain && code(&base) == code(&head)
}

/// New names for commands, of which none stands in a command that judges.
fn aliases_only(file: &ChangedFile, rules: &Rules<'_>) -> bool {
    let read = |text: Option<&str>| text.unwrap_or_default().parse::<::toml::Table>().ok();
    let (Some(mut base), Some(mut head)) = (read(file.base.text()), read(file.head.text())) else {
        return false;
    };
    let aliases = |table: &mut ::toml::Table| match table.remove("alias") {
        Some(::toml::Value::Table(aliases)) => Some(aliases),
        Some(_) => None,
        None => Some(::toml::Table::new()),
    };
    let (Some(before), Some(after)) = (aliases(&mut base), aliases(&mut head)) else {
        return false;
    };
    let used = |name: &str| {
        rules
            .test_command
            .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
            .any(|word| word == name)
    };
    let kept = before
        .iter()
        .all(|(name, value)| after.get(name) == Some(value));
    // Cargo's own short names: `t` would be another test run to everybody who types it. An alias also goes before a program of that name that judges.
    const CARGOS: [&str; 18] = [
        "b",
        "c",
        "d",
        "t",
        "r",
        "rm",
        "nextest",
        "deny",
        "audit",
        "vet",
        "hack",
        "llvm-cov",
        "tarpaulin",
        "machete",
        "udeps",
        "mutants",
        "clippy",
        "fmt",
    ];
    let fine = |name: &String| {
        before.contains_key(name) || (!used(name) && !CARGOS.contains(&name.as_str()))
    };
    base == head && kept && after.keys().all(fine)
}

/// Paths of the standard library that read the environment and small files, and make text of it.
const BUILD_PATHS: [&str; 27] = [
    "std",
    "env",
    "env::var",
    "env::var_os",
    "fs",
    "fs::read_to_string",
    "fs::write",
    "path",
    "path::Path",
    "path::PathBuf",
    "Path",
    "Path::new",
    "PathBuf",
    "PathBuf::from",
    "String",
    "String::new",
    "String::from",
    "Vec",
    "Vec::new",
    "process",
    "process::exit",
    "fmt",
    "fmt::Write",
    "fmt::Writeas_",
    "u32::from",
    "u64::from",
    "char::from",
];
const BUILD_MACROS: [&str; 12] = [
    "println",
    "eprintln",
    "format",
    "panic",
    "assert",
    "assert_eq",
    "write",
    "writeln",
    "vec",
    "matches",
    "unreachable",
    "concat",
];
static PATH: LazyLock<Regex> = LazyLock::new(|| fixed(r"\b[A-Za-z_]\w*(?:\s*::\s*[A-Za-z_]\w*)+"));
static MACRO: LazyLock<Regex> = LazyLock::new(|| fixed(r"\b(\w+)!\s*[(\[{]"));
static USE: LazyLock<Regex> = LazyLock::new(|| fixed(r"(?m)^\s*(?:pub\s+)?use\s+([^;]+);"));
static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?:unsafe|extern|mod|impl|trait|macro_rules|asm|static\s+mut)\b|#\s*!?\[|\.(?:read_dir|canonicalize|metadata|exists|is_file|is_dir|args?|spawn|status|output)\s*\(",
    )
});
static DIRECTIVE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"^cargo::?(?:rerun-if-changed|rerun-if-env-changed|warning|rustc-env|rustc-check-cfg)=")
});
/// Variables of the tools themselves: no value of a project.
static TOOLS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^cargo::?rustc-env=(?:CARGO|RUST|LD_|DYLD_|PATH)"));
/// What a build has no business with: tests and what they read, places outside of the package, and letters said by their numbers.
static JUDGES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"(?i)test|fixture|golden|snap|spec|expect|bench|(?:^|/)target|\.git|\.cargo|\.\.|^/|^~|proc/|\\(?:[^nrt"']|$)"#,
    )
});
/// What is printed is what Cargo obeys.
static PRINTS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r#"\bprintln!\s*[(\[{]\s*(?:"((?:[^"\\]|\\.)*)"|([)\]}]))?"#));
static WRITES: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bfs\s*::\s*write\s*\(\s*&?\s*([^,]*),"));
static READS: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bread_to_string\s*\(\s*&?\s*([^)]*)\)"));

/// A build script that reads the environment and named files of the package, and hands values to the compiler or a file of its
/// own. It switches no code off (`rustc-cfg`), starts nothing, and names nothing of the tests.
fn hands_values_on(file: &ChangedFile) -> bool {
    let Some(source) = file.head_source() else {
        return false;
    };
    let code = source.code.join("\n");
    let uses: Option<BTreeSet<String>> = { USE.captures_iter(&code) }
        .map(|seen| imported(&seen[1]))
        .collect::<Option<Vec<_>>>()
        .map(|all| all.into_iter().flatten().collect());
    let Some(uses) = uses else {
        return false;
    };
    let known = |path: &str| {
        let path: String = path.chars().filter(|c| !c.is_whitespace()).collect();
        let path = path.trim_start_matches("std::");
        BUILD_PATHS.contains(&path) || path.starts_with("Result::") || path.starts_with("Option::")
    };
    let body = USE.replace_all(&code, "");
    let paths = uses.iter().all(|path| known(path))
        && PATH.find_iter(&body).all(|seen| known(seen.as_str()));
    let macros = MACRO
        .captures_iter(&body)
        .all(|seen| BUILD_MACROS.contains(&&seen[1]));
    let uncommented: Vec<String> = (0..source.raw.len())
        .map(|at| source.uncommented(at))
        .collect();
    let literals: Vec<String> = uncommented.iter().flat_map(|line| literals(line)).collect();
    let told = literals.iter().all(|text| match text.contains("cargo:") {
        true => DIRECTIVE.is_match(text) && !TOOLS.is_match(text) && !text.contains('\\'),
        false => !JUDGES.is_match(text),
    });
    let uncommented = uncommented.join("\n");
    // A line that begins with a value, or with what is put together, is told whatever the value says.
    let printed = PRINTS.captures_iter(&uncommented).all(|seen| {
        let text = seen.get(1).map(|text| text.as_str());
        seen.get(2).is_some()
            || text.is_some_and(|text| DIRECTIVE.is_match(text) || !text.contains('{'))
    });
    // Where a file is written, it is below the folder that Cargo made for it.
    let bare = |path: &String| path.ends_with("::write") || path.ends_with("::read_to_string");
    let own = !uses.iter().any(bare)
        && WRITES
            .captures_iter(&uncommented)
            .all(|seen| is_own(&seen[1], &uncommented, OWN_DEPTH));
    let named = READS
        .captures_iter(&uncommented)
        .all(|seen| seen[1].contains('"'));
    code.contains("fn main")
        && paths
        && macros
        && told
        && printed
        && own
        && named
        && !ITEM.is_match(&body)
        && !body.contains(" as char")
}

/// Names through which a place may be said.
const OWN_DEPTH: usize = 4;
static OWN_DIR: LazyLock<Regex> =
    LazyLock::new(|| fixed(r#"^(?:std::)?env::var(?:_os)?\("OUT_DIR"\)$"#));
static OWN_OF: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^(?:std::)?(?:path::)?(?:Path::new|PathBuf::from)\((.*)\)$"));
static OWN_BELOW: LazyLock<Regex> = LazyLock::new(|| fixed(r#"^(.*)\.join\("[\w.-]+"\)$"#));
static OWN_SAME: LazyLock<Regex> =
    LazyLock::new(|| fixed(r#"^(.*?)(?:\.unwrap\(\)|\.expect\("[^"]*"\)|\?|\.clone\(\))$"#));

/// Whether an expression is a place below `OUT_DIR`: written out, or a name that is bound once, to such a place.
fn is_own(said: &str, body: &str, depth: usize) -> bool {
    let said: String = said.split_whitespace().collect();
    let said = said.trim_start_matches('&');
    if OWN_DIR.is_match(said) {
        return true;
    }
    for of in [&OWN_SAME, &OWN_BELOW, &OWN_OF] {
        if let Some(seen) = of.captures(said) {
            return is_own(&seen[1], body, depth);
        }
    }
    let is_name = !said.is_empty() && said.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !is_name || depth == 0 {
        return false;
    }
    let bound = fixed(&format!(r"\blet\s+{said}\s*(?::[^=;]*)?=\s*([^;]*);"));
    // Whatever else may give a name a value: parameters, patterns, loops, another assignment.
    let other = fixed(&format!(
        r"\bmut\s+{said}\b|\b{said}\s*(?:[|,)\]}}]\s*(?:=>|=[^=]|in\b|\|)|:\s*&?\s*(?:mut\s+)?\w|\bin\b|@)|\|[^|\n]*\b{said}\b[^|\n]*\||[;{{}}]\s*{said}\s*=[^=]"
    ));
    let values: Vec<&str> = bound
        .captures_iter(body)
        .filter_map(|seen| Some(seen.get(1)?.as_str()))
        .collect();
    let typed = bound.replace_all(body, "");
    match values[..] {
        [value] if !other.is_match(&typed) => is_own(value, body, depth - 1),
        _ => false,
    }
}

/// The paths of one `use`; `None` for one that takes whatever there is.
fn imported(tree: &str) -> Option<Vec<String>> {
    let tree: String = tree.split_whitespace().collect::<Vec<_>>().join(" ");
    if tree.contains('*') || tree.matches('{').count() > 1 {
        return None;
    }
    match tree.split_once("::{") {
        None => Some(vec![tree]),
        Some((stem, inside)) => {
            let inside = inside.trim_end_matches('}');
            let one = |name: &str| match name.trim() {
                "self" => stem.to_owned(),
                name => format!("{stem}::{name}"),
            };
            Some(
                inside
                    .split(',')
                    .filter(|name| !name.trim().is_empty())
                    .map(one)
                    .collect(),
            )
        }
    }
}

static LITERAL: LazyLock<Regex> =
    LazyLock::new(|| fixed(r#""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'"#));

fn literals(line: &str) -> Vec<String> {
    let found = LITERAL.captures_iter(line);
    found
        .filter_map(|seen| Some(seen.get(1).or_else(|| seen.get(2))?.as_str().to_owned()))
        .collect()
}

/// What a fixture for tests does not need, and what would judge in a runner's place.
static MEDDLES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\bpytest_\w+\s*\(|\bpytest_plugins\b|\bsetattr\b|\bdelattr\b|\bsetitem\b|\bpatch\b|\bmock\w*\b|\bMock\w*\b|\bsys\b|\b_exit\b|\bkill\b|\bbuiltins\b|\bcollect_ignore\w*\b|\b_pytest\b|\bsubprocess\b|\bctypes\b|\b(?:exec|eval|compile|globals|locals|vars|__import__)\s*\(|\bimportlib\b|\binspect\b|\bgc\b|\batexit\b|\bsignal\b|\bthreading\b|\b__\w+__\s*=|\bskip\w*\b|\bxfail\b|\bglobal\b",
    )
});
static TOP: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"^(?:import\s|from\s|@|(?:async\s+)?def\s|class\s|[A-Z_][A-Z0-9_]*\s*(?::[^=]+)?=|[)\]}]|$)",
    )
});
static IMPORT: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*(?:import|from)\s"));
static SETS: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*(\w+)(?:\.\w+)+\s*(?:[-+*/|&]?=)[^=]"));

/// Fixtures and helpers are added, also hooks that leave marked tests out, and nothing of what stood there is another.
fn adds_fixtures(file: &ChangedFile) -> bool {
    let Some(head) = file.head_source() else {
        return false;
    };
    let imports = |source: &Source, at: &usize| {
        let code = &source.code[*at];
        code.trim().is_empty() || IMPORT.is_match(code)
    };
    let kept = match file.base_source() {
        Some(base) => file.removed.iter().all(|at| imports(&base, at)),
        None => true,
    };
    let own = |name: &str| ["self", "cls"].contains(&name);
    let marked = marked::of(file);
    let fine = |at: &usize| {
        if marked.has(*at) {
            return true;
        }
        let code = &head.code[*at];
        let sets = SETS.captures(code).is_some_and(|seen| !own(&seen[1]));
        let top = code.starts_with(char::is_whitespace) || TOP.is_match(code);
        top && !sets && !MEDDLES.is_match(code)
    };
    kept && file.added.iter().all(fine)
}

/// Words of a runner's configuration that say how it reports, and how much it measures beside the tests.
static REPORTS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"^\s*(?:reporters?|verbose|silent|globals|clearMocks|restoreMocks|mockReset|unstubEnvs|unstubGlobals|resetMocks|coverage|provider|reportsDirectory|coverageReporters|coverageDirectory|collectCoverage|maxWorkers|name|displayName|logHeapUsage|slowTestThreshold|sequence|shuffle|typecheck|enabled|environment|testEnvironment)\s*:\s*(?:[\w.]+|'[\w./@-]*'|"[\w./@-]*"|\[[\s\w'",@-]*\]|\{[\s\w'",:\[\]-]*\}?|\[|\{),?\s*$"#,
    )
});
static INCLUDES: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*(?:include|testMatch)\s*:\s*\[[^\]]*\],?\s*$"));

/// Reporters, coverage and more places with tests: of what finds, runs and judges the base's tests nothing is another.
fn reports_otherwise(file: &ChangedFile) -> bool {
    let (Some(base), Some(head)) = (file.base_source(), file.head_source()) else {
        return false;
    };
    let included = |source: &Source, lines: &[usize]| -> BTreeSet<String> {
        let lines = lines.iter().map(|at| source.uncommented(*at));
        lines
            .filter(|line| INCLUDES.is_match(line))
            .flat_map(|line| literals(&line))
            .collect()
    };
    let (was, now) = (included(&base, &file.removed), included(&head, &file.added));
    let fine = |source: &Source, at: &usize| {
        let line = source.uncommented(*at);
        let closes = line
            .trim()
            .trim_end_matches([',', ';'])
            .chars()
            .all(|c| "}])".contains(c));
        let own = line.contains("reporter") && line.contains("./");
        closes || !own && REPORTS.is_match(&line) || INCLUDES.is_match(&line)
    };
    was.is_subset(&now)
        && file.removed.iter().all(|at| fine(&base, at))
        && file.added.iter().all(|at| fine(&head, at))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Task;
    use super::*;
    use crate::change::Change;

    fn of(path: &str, base: Option<&str>, head: &str) -> Option<Plain> {
        let change = Change::of(&[(path, base, Some(head))]);
        plain(&change.files[0], &Task::build().rules())
    }

    #[test]
    fn a_comment_and_an_alias_change_no_test() {
        assert_eq!(
            of(
                "jest.config.js",
                Some("module.exports = { a: 1 }\n"),
                "// Why.\nmodule.exports = { a: 1 }\n"
            ),
            Some(Plain::Nothing)
        );
        assert_eq!(
            of("pytest.ini", Some("[pytest]\n"), "# why\n[pytest]\n"),
            Some(Plain::Nothing)
        );
        assert_eq!(
            of(
                "jest.config.js",
                Some("module.exports = {}\n"),
                "/** @jest-environment ./mine.js */\nmodule.exports = {}\n"
            ),
            None
        );
        let old = "[build]\njobs = 2\n";
        for (head, want) in [
            (
                "[build]\njobs = 2\n[alias]\nship = 'run -p ship'\n",
                Some(Plain::Adds),
            ),
            (
                "[build]\njobs = 2\n[alias]\nnextest = 'run --bin forged --'\n",
                None,
            ),
            ("[build]\njobs = 2\n[alias]\nt = 'check'\n", None),
            ("[build]\njobs = 2\n[alias]\ntest = 'check'\n", None),
            ("[build]\njobs = 3\n[alias]\nship = 'run'\n", None),
            ("[build]\njobs = 2\nrustflags = ['--cfg', 'x']\n", None),
            (
                "[build]\njobs = 2\n[target.'cfg(unix)']\nrunner = 'true'\n",
                None,
            ),
        ] {
            assert_eq!(of(".cargo/config.toml", Some(old), head), want, "{head}");
        }
    }

    #[test]
    fn a_build_script_hands_values_on_and_does_no_more() {
        let version = "fn main() {\n    println!(\"cargo:rerun-if-env-changed=BUILD_NUMBER\");\n    let number = std::env::var(\"BUILD_NUMBER\").unwrap_or_default();\n    println!(\"cargo:rustc-env=APP_BUILD={number}\");\n}\n";
        let table = "use std::env;\nuse std::fmt::Write as _;\nuse std::fs;\nuse std::path::Path;\n\nfn main() {\n    println!(\"cargo:rerun-if-changed=data/words.txt\");\n    let words = fs::read_to_string(\"data/words.txt\").expect(\"the words\");\n    let mut code = String::from(\"const WORDS: &[&str] = &[\");\n    for word in words.lines() {\n        write!(code, \"{word:?},\").unwrap();\n    }\n    let out = env::var(\"OUT_DIR\").unwrap();\n    fs::write(Path::new(&out).join(\"words.rs\"), code).unwrap();\n}\n";
        assert_eq!(of("build.rs", None, version), Some(Plain::Nothing));
        assert_eq!(of("build.rs", None, table), Some(Plain::Nothing));
        let lines = table
            .replace("&[\");", "&[\\n\");")
            .replace("{word:?},", "    \\\"{word}\\\",\\n");
        assert_eq!(lines.matches("\\n").count(), 2);
        assert_eq!(of("build.rs", None, &lines), Some(Plain::Nothing));
        let by_number = table.replace("data/words.txt", "\\x74ests/cases.txt");
        assert_eq!(of("build.rs", None, &by_number), None);
        // The form of Cargo's own book.
        let book = table.replace(
            "fs::write(Path::new(&out).join(\"words.rs\"), code)",
            "let dest_path = Path::new(&out).join(\"words.rs\");\n    fs::write(&dest_path, code)",
        );
        assert_ne!(book, table);
        assert_eq!(of("build.rs", None, &book), Some(Plain::Nothing));
        for (from, to) in [
            ("rustc-env=APP_BUILD", "rustc-cfg=shipped"),
            ("rustc-env=APP_BUILD", "rustc-env=CARGO_BIN_EXE_app"),
            (
                "rustc-env=APP_BUILD={number}",
                "rustc-env=A=1\\ncargo:rustc-cfg=b",
            ),
            ("cargo:rustc-env=APP_BUILD={number}", "{number}"),
            (
                "cargo:rustc-env=APP_BUILD={number}",
                "{}o:rustc-cfg=b\", \"carg",
            ),
            (
                "\"cargo:rustc-env=APP_BUILD={number}\"",
                "concat!(\"carg\", \"o:rustc-cfg=b\")",
            ),
            (
                "std::env::var(\"BUILD_NUMBER\").unwrap_or_default()",
                "std::fs::read_dir(\"src\").unwrap().count()",
            ),
            (
                "let number =",
                "std::process::Command::new(\"sh\").status().unwrap();\n    let number =",
            ),
            (
                "let number =",
                "std::fs::remove_file(\"src/a.rs\").unwrap();\n    let number =",
            ),
        ] {
            assert!(version.contains(from));
            assert_eq!(
                of("build.rs", None, &version.replace(from, to)),
                None,
                "{to}"
            );
        }
        for (from, to) in [
            ("\"data/words.txt\").expect", "\"tests/cases.txt\").expect"),
            ("\"data/words.txt\").expect", "name).expect"),
            ("Path::new(&out).join(\"words.rs\")", "\"src/words.rs\""),
            ("use std::fs;", "use std::fs::*;"),
            ("use std::fs;", "use std::fs;\nuse std::fs::write;"),
            (
                "fs::write(Path::new(&out).join(\"words.rs\")",
                "fs::write(Path::new(&other_out).join(\"words.rs\")",
            ),
            (
                "let out = env::var(\"OUT_DIR\").unwrap();",
                "let _ = env::var(\"OUT_DIR\"); let out = [\"te\", \"sts\"].concat();",
            ),
            (
                "let out = env::var(\"OUT_DIR\").unwrap();",
                "let out = env::var(\"OUT_DIR\").unwrap(); let out = [\"te\", \"sts\"].concat();",
            ),
            (
                "let out = env::var(\"OUT_DIR\").unwrap();",
                "let out = env::var(\"OUT_DIR\").unwrap(); for out in words.lines() {",
            ),
            (
                "let out = env::var(\"OUT_DIR\").unwrap();",
                "let mut out = env::var(\"OUT_DIR\").unwrap(); out = [\"te\", \"sts\"].concat();",
            ),
            ("fn main", "unsafe fn other() {}\nfn main"),
            ("fn main", "#[path = \"x.rs\"]\nmod x;\nfn main"),
        ] {
            assert!(table.contains(from));
            assert_eq!(of("build.rs", None, &table.replace(from, to)), None, "{to}");
        }
    }

    #[test]
    fn fixtures_may_be_added_to_a_conftest() {
        let base = "import pytest\n\n\n@pytest.fixture\ndef shop():\n    return Shop()\n";
        let more = format!(
            "{base}\n\n@pytest.fixture\ndef stocked(shop, tmp_path):\n    shop.add('tea', 3)\n    yield shop\n"
        );
        assert_eq!(
            of("tests/conftest.py", Some(base), &more),
            Some(Plain::Adds)
        );
        assert_eq!(of("conftest.py", None, base), Some(Plain::Adds));
        for line in [
            "def pytest_runtest_makereport(item, call):\n    pass\n",
            "@pytest.fixture(autouse=True)\ndef a(monkeypatch):\n    monkeypatch.setattr(shop, 'total', total)\n",
            "import shop.total\nshop.total.round = round_up\n",
            "import sys\nsys.path.insert(0, 'fake')\n",
            "collect_ignore = ['test_a.py']\n",
            "pytest_plugins = ['mine']\n",
            "print('x')\n",
        ] {
            assert_eq!(
                of("conftest.py", Some(base), &format!("{base}\n{line}")),
                None,
                "{line}"
            );
        }
        assert_eq!(
            of("conftest.py", Some(base), &base.replace("Shop()", "Fake()")),
            None,
            "it stood there"
        );
    }

    #[test]
    fn a_runner_may_report_otherwise() {
        let base = "import { defineConfig } from 'vitest/config'\nexport default defineConfig({\n  test: {\n    include: ['src/**/*.test.ts'],\n  },\n})\n";
        let with = |line: &str| {
            of(
                "vitest.config.ts",
                Some(base),
                &base.replace("  },\n", &format!("{line}  }},\n")),
            )
        };
        for line in [
            "    reporters: ['verbose'],\n",
            "    coverage: {\n      provider: 'v8',\n      reporter: ['text'],\n    },\n",
            "    restoreMocks: true,\n",
        ] {
            assert_eq!(with(line), Some(Plain::Adds), "{line}");
        }
        for line in [
            "    exclude: ['src/hard.test.ts'],\n",
            "    retry: 3,\n",
            "    setupFiles: ['./setup.ts'],\n",
            "    passWithNoTests: true,\n",
            "    reporters: ['./mine.ts'],\n",
            "    testTimeout: 90_000,\n",
            "    alias: { './a': './b' },\n",
            "    globalSetup: './x.ts',\n",
        ] {
            assert_eq!(with(line), None, "{line}");
        }
        let wider = base.replace(
            "['src/**/*.test.ts']",
            "['src/**/*.test.ts', 'e2e/**/*.test.ts']",
        );
        assert_eq!(
            of("vitest.config.ts", Some(base), &wider),
            Some(Plain::Adds)
        );
        let other = base.replace("src/**/*", "e2e/**/*");
        assert_eq!(of("vitest.config.ts", Some(base), &other), None);
    }
}
