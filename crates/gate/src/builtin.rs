//! Format and syntax checks that come with a stack, for a project that sets no linter: `cargo fmt`, `gofmt`, `node --check`,
//! Python's and the shell's own parsers. None of them needs a network or loads the project's code.

use crate::change::Change;
use crate::checks::manifest;
use crate::paths;

/// Arguments of one command; more files than this are checked by no single line of shell.
const FILES_MAX: usize = 200;

/// Names of the checks and the lines of shell that make them.
pub(crate) fn commands(change: &Change) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if change.head_paths.contains_key("Cargo.toml") && !changed(change, &["rs"]).is_empty() {
        found.push(("cargo fmt".to_owned(), "cargo fmt --all --check".to_owned()));
    }
    let mut add = |name: &str, extensions: &[&str], line: &dyn Fn(&str) -> String| {
        let files = changed(change, extensions);
        if !files.is_empty() {
            found.push((name.to_owned(), line(&files.join(" "))));
        }
    };
    add("gofmt", &["go"], &|files| {
        format!("unformatted=$(gofmt -l {files}) && test -z \"$unformatted\"")
    });
    if let Some(line) = go_vet(change) {
        found.push(("go vet".to_owned(), line));
    }
    if let Some(line) = clippy(change) {
        found.push(("cargo clippy".to_owned(), line));
    }
    let mut add = |name: &str, extensions: &[&str], line: &dyn Fn(&str) -> String| {
        let files = changed(change, extensions);
        if !files.is_empty() {
            found.push((name.to_owned(), line(&files.join(" "))));
        }
    };
    add("the Python parser", &["py"], &|files| {
        format!(
            "python3 -c 'import ast,sys\nfor f in sys.argv[1:]: ast.parse(open(f,\"rb\").read(), f)' {files}"
        )
    });
    add("node --check", &["mjs", "cjs"], &each("node --check"));
    add("sh -n", &["sh"], &each("sh -n"));
    let scripts = plain_scripts(change);
    if !scripts.is_empty() {
        found.push((
            "node --check (scripts)".to_owned(),
            each("node --check")(&scripts.join(" ")),
        ));
    }
    found
}

/// The packages of the changed files alone, as `go` itself names them.
fn go_vet(change: &Change) -> Option<String> {
    let files = changed(change, &["go"]);
    let is_module = change.head_paths.contains_key("go.mod");
    (is_module && !files.is_empty()).then(|| {
        format!(
            "command -v go > /dev/null || exit 127\ngo vet $(for f in {}; do dirname \"$f\"; done | sort -u | tr '\\n' ' ')",
            files.join(" ")
        )
    })
}

/// Where the base already configures it: a project that never asked for clippy is not held to it. A proxy of rustup stands for it also
/// where the component is missing.
fn clippy(change: &Change) -> Option<String> {
    let is_workspace = change.head_paths.contains_key("Cargo.toml");
    let mut names = ["clippy.toml", ".clippy.toml"].into_iter();
    let configured = names.any(|path| change.base_paths.contains_key(path));
    let wanted = is_workspace && configured && !changed(change, &["rs"]).is_empty();
    wanted.then(|| {
        "cargo clippy --version > /dev/null 2>&1 || exit 127\ncargo clippy --quiet --offline --workspace --all-targets -- -D warnings"
            .to_owned()
    })
}

fn each(command: &'static str) -> impl Fn(&str) -> String {
    move |files| format!("for f in {files}; do {command} \"$f\" || exit 1; done")
}

/// Changed files of the head by extension, quoted for the shell.
fn changed(change: &Change, extensions: &[&str]) -> Vec<String> {
    let wanted = |path: &str| extensions.contains(&paths::extension(path).as_str());
    let files = change
        .files
        .iter()
        .filter(|f| !f.is_deleted() && f.head.text().is_some() && wanted(&f.path));
    files
        .take(FILES_MAX)
        .map(|f| paths::quoted(&f.path))
        .collect()
}

/// Whether a `.js` file is a script or a module is said elsewhere; only those that are plainly scripts, or lie in a project
/// of modules, can be parsed without asking.
fn plain_scripts(change: &Change) -> Vec<String> {
    let is_module = |text: &str| {
        text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("import ")
                || line.starts_with("export ")
                || line.starts_with("import{")
                || line.contains("await ")
        })
    };
    let files = change
        .files
        .iter()
        .filter(|f| !f.is_deleted() && paths::extension(&f.path) == "js");
    let scripts = files.filter(|f| {
        f.head
            .text()
            .is_some_and(|text| !is_module(text) && !text.contains("</"))
    });
    scripts
        .filter(|f| manifest::kind(&f.path).is_none())
        .take(FILES_MAX)
        .map(|f| paths::quoted(&f.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_its_own_check() {
        let change = Change::of(&[
            ("Cargo.toml", Some("x"), Some("x")),
            ("src/a.rs", None, Some("x")),
            ("a.py", None, Some("x")),
            ("a.mjs", None, Some("x")),
            ("b.js", None, Some("const a = 1")),
            ("c.js", None, Some("import a from 'a'")),
            ("a.go", None, Some("x")),
            ("a.sh", None, Some("x")),
            ("gone.py", Some("x"), None),
            ("README.md", None, Some("x")),
        ]);
        let names: Vec<String> = commands(&change)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [
                "cargo fmt",
                "gofmt",
                "the Python parser",
                "node --check",
                "sh -n",
                "node --check (scripts)"
            ]
        );
        let all: String = commands(&change)
            .into_iter()
            .map(|(_, line)| line)
            .collect();
        assert!(all.contains("./b.js") && !all.contains("c.js") && !all.contains("gone.py"));
    }

    #[test]
    fn vet_and_clippy_run_where_a_module_and_a_configuration_are() {
        let names = |files: &[(&str, Option<&str>, Option<&str>)]| {
            let found = commands(&Change::of(files)).into_iter();
            found.map(|(name, _)| name).collect::<Vec<_>>()
        };
        let go = ("a/b.go", None, Some("x"));
        assert_eq!(names(&[go]), ["gofmt"]);
        assert_eq!(
            names(&[go, ("go.mod", Some("x"), Some("x"))]),
            ["gofmt", "go vet"]
        );
        let rust = [
            ("Cargo.toml", Some("x"), Some("x")),
            ("src/a.rs", None, Some("x")),
        ];
        assert_eq!(names(&rust), ["cargo fmt"]);
        let with = |base| [rust[0], rust[1], ("clippy.toml", base, Some("x"))];
        assert_eq!(names(&with(Some("x"))), ["cargo fmt", "cargo clippy"]);
        assert_eq!(
            names(&with(None)),
            ["cargo fmt"],
            "a change asks for nothing of its own judge"
        );
    }

    #[test]
    fn names_are_words_and_never_orders() {
        let change = Change::of(&[
            ("a'; rm -rf $HOME; '.sh", None, Some("x")),
            ("-e.sh", None, Some("x")),
        ]);
        let line = &commands(&change)[0].1;
        assert!(
            line.contains("'./a'\\''; rm -rf $HOME; '\\''.sh'") && line.contains("'./-e.sh'"),
            "{line}"
        );
    }
}
