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
