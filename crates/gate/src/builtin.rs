//! Format and syntax checks that come with a stack, for a project that sets no linter: `cargo fmt`, `gofmt`, `node --check`, Python's and
//! the shell's own parsers, `go vet` and clippy. None needs a network. Only clippy runs code of the project (its build scripts and
//! macros), in the cage like its tests. Each goes through all of its files, so that what it says of one hides nothing of another.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::{Change, ChangedFile};
use crate::checks::manifest;
use crate::paths;

/// Arguments of one command; more files than this are checked by no single line of shell.
const FILES_MAX: usize = 200;

/// One check, as lines of shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Builtin {
    pub(crate) name: String,
    pub(crate) head: String,
    /// The same over what the base has of it; none where it has nothing, which excuses nothing.
    pub(crate) base: Option<String>,
    /// Whether what it finds is compared also where it exits with 0.
    pub(crate) compared: bool,
}

/// The checks for what changed.
pub(crate) fn commands(change: &Change) -> Vec<Builtin> {
    let mut found = Vec::new();
    found.extend(cargo_fmt(change));
    found.extend(over_files(change, "gofmt", &["go"], &|files| {
        format!(
            "command -v gofmt > /dev/null || exit 127\nlist=$(gofmt -l {files})\ncode=$?\ntest -z \"$list\" && exit $code\nprintf '%s\\n' \"$list\"\nexit 1"
        )
    }));
    found.extend(go_vet(change));
    found.extend(clippy(change));
    found.extend(over_files(change, "the Python parser", &["py"], &|files| {
        format!(
            "python3 -c 'import ast,sys\nbad = 0\nfor f in sys.argv[1:]:\n  try: ast.parse(open(f,\"rb\").read(), f)\n  except Exception as e: bad = 1; print(\"%s:%d: %s\" % (f, getattr(e, \"lineno\", 0) or 0, getattr(e, \"msg\", e)))\nsys.exit(bad)' {files}"
        )
    }));
    let node = each("node", "--check");
    found.extend(over_files(change, "node --check", &["mjs", "cjs"], &node));
    found.extend(over_files(change, "sh -n", &["sh"], &each("sh", "-n")));
    let scripts = plain_scripts(change);
    found.extend(of_files("node --check (scripts)", scripts, &node));
    found
}

/// Head and base of a check over changed files by extension.
fn over_files(
    change: &Change,
    name: &str,
    extensions: &[&str],
    line: &dyn Fn(&str) -> String,
) -> Option<Builtin> {
    of_files(name, changed(change, extensions), line)
}

/// `files`: where the head has each, and where the base had it.
fn of_files(
    name: &str,
    files: Vec<(String, Option<String>)>,
    line: &dyn Fn(&str) -> String,
) -> Option<Builtin> {
    let (head, base): (Vec<String>, Vec<Option<String>>) = files.into_iter().unzip();
    let base: Vec<String> = base.into_iter().flatten().collect();
    (!head.is_empty()).then(|| Builtin {
        name: name.to_owned(),
        head: line(&head.join(" ")),
        base: (!base.is_empty()).then(|| line(&base.join(" "))),
        compared: false,
    })
}

/// A path a line, so that files are compared and not excerpts of them.
fn cargo_fmt(change: &Change) -> Option<Builtin> {
    let line = "cargo fmt --version > /dev/null 2>&1 || exit 127\ncargo fmt --all -- --check -l";
    let wanted =
        change.head_paths.contains_key("Cargo.toml") && !changed(change, &["rs"]).is_empty();
    wanted.then(|| Builtin {
        name: "cargo fmt".to_owned(),
        head: line.to_owned(),
        base: { change.base_paths.contains_key("Cargo.toml") }.then(|| line.to_owned()),
        compared: false,
    })
}

/// The packages of the changed files alone, each in the module that is nearest to it. On the base those that it has: a file that is made
/// up for it would keep `go` from looking at the rest of its package.
fn go_vet(change: &Change) -> Option<Builtin> {
    let files = change
        .files
        .iter()
        .filter(|f| !f.is_deleted() && paths::extension(&f.path) == "go");
    let folders: BTreeSet<&str> = files.take(FILES_MAX).map(|f| folder(&f.path)).collect();
    let head = vet_line(&change.head_paths, &folders)?;
    let go = change
        .base_paths
        .keys()
        .filter(|path| paths::extension(path) == "go");
    let had: BTreeSet<&str> = go.map(|path| folder(path)).collect();
    let both: BTreeSet<&str> = folders.intersection(&had).copied().collect();
    Some(Builtin {
        name: "go vet".to_owned(),
        head,
        base: vet_line(&change.base_paths, &both),
        compared: false,
    })
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn vet_line(all: &BTreeMap<String, u32>, folders: &BTreeSet<&str>) -> Option<String> {
    let mut modules: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in folders {
        let mut module = *package;
        let has = |folder: &str| match folder {
            "" => all.contains_key("go.mod"),
            _ => all.contains_key(&format!("{folder}/go.mod")),
        };
        while !has(module) && !module.is_empty() {
            module = folder(module);
        }
        if has(module) {
            let below = package[module.len()..].trim_start_matches('/');
            let packages = modules.entry(module).or_default();
            packages.push(paths::quoted(below));
        }
    }
    let one = |(module, packages): (&&str, &Vec<String>)| {
        let (module, packages) = (paths::quoted(module), packages.join(" "));
        format!("(cd {module} && go vet {packages}) || code=$?\n")
    };
    let lines: String = modules.iter().map(one).collect();
    (!modules.is_empty())
        .then(|| format!("command -v go > /dev/null || exit 127\ncode=0\n{lines}exit $code"))
}

/// Where the base already configures it: a project that never asked for clippy is not held to it. A proxy of rustup stands for it also
/// where the component is missing. What it warns of is held against the base's, and one crate that fails keeps it from none.
fn clippy(change: &Change) -> Option<Builtin> {
    let line = "cargo clippy --version > /dev/null 2>&1 || exit 127\ncargo clippy --quiet --offline --workspace --all-targets --keep-going --message-format=short";
    let is_workspace = change.head_paths.contains_key("Cargo.toml");
    let mut names = ["clippy.toml", ".clippy.toml"].into_iter();
    let configured = names.any(|path| change.base_paths.contains_key(path));
    let wanted = is_workspace && configured && !changed(change, &["rs"]).is_empty();
    wanted.then(|| Builtin {
        name: "cargo clippy".to_owned(),
        head: line.to_owned(),
        base: Some(line.to_owned()),
        compared: true,
    })
}

fn each(program: &'static str, option: &'static str) -> impl Fn(&str) -> String {
    move |files| {
        format!(
            "command -v {program} > /dev/null || exit 127\ncode=0\nfor f in {files}; do {program} {option} \"$f\" || code=1; done\nexit $code"
        )
    }
}

/// Changed files of the head by extension, quoted for the shell, with where the base had them.
fn changed(change: &Change, extensions: &[&str]) -> Vec<(String, Option<String>)> {
    let wanted = |path: &str| extensions.contains(&paths::extension(path).as_str());
    let files = change
        .files
        .iter()
        .filter(|f| !f.is_deleted() && f.head.text().is_some() && wanted(&f.path));
    files.take(FILES_MAX).map(sides).collect()
}

fn sides(file: &ChangedFile) -> (String, Option<String>) {
    let base = (!file.is_new()).then(|| paths::quoted(file.base_path()));
    (paths::quoted(&file.path), base)
}

/// Whether a `.js` file is a script or a module is said elsewhere; only those that are plainly scripts, or lie in a project
/// of modules, can be parsed without asking.
fn plain_scripts(change: &Change) -> Vec<(String, Option<String>)> {
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
        .map(sides)
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
        let names: Vec<String> = commands(&change).into_iter().map(|one| one.name).collect();
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
        let all: String = commands(&change).into_iter().map(|one| one.head).collect();
        assert!(all.contains("./b.js") && !all.contains("c.js") && !all.contains("gone.py"));
    }

    #[test]
    fn vet_and_clippy_run_where_a_module_and_a_configuration_are() {
        let names = |files: &[(&str, Option<&str>, Option<&str>)]| {
            let found = commands(&Change::of(files)).into_iter();
            found.map(|one| one.name).collect::<Vec<_>>()
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
        let line = &commands(&change)[0].head;
        assert!(
            line.contains("'./a'\\''; rm -rf $HOME; '\\''.sh'") && line.contains("'./-e.sh'"),
            "{line}"
        );
    }

    #[test]
    fn the_base_is_looked_at_where_it_has_something() {
        let change = Change::of(&[
            ("go.mod", Some("x"), Some("x")),
            ("a/old.go", Some("x"), Some("y")),
            ("a/new.go", None, Some("x")),
            ("b/new.go", None, Some("x")),
            ("sub/go.mod", Some("x"), Some("x")),
            ("sub/c/c.go", Some("x"), Some("y")),
            ("new.py", None, Some("x")),
        ]);
        let of = |name: &str| {
            let mut all = commands(&change).into_iter();
            all.find(|one| one.name == name).expect("there")
        };
        let vet = of("go vet");
        assert!(
            vet.head.contains("(cd './' && go vet './a' './b')"),
            "{vet:?}"
        );
        assert!(vet.head.contains("(cd './sub' && go vet './c')"), "{vet:?}");
        let base = vet.base.expect("two packages");
        assert!(
            base.contains("go vet './a')") && base.contains("go vet './c')"),
            "{base}"
        );
        let gofmt = of("gofmt");
        assert!(gofmt.head.contains("new.go"));
        let base = gofmt.base.expect("two files");
        assert!(
            base.contains("'./a/old.go'") && !base.contains("new.go"),
            "{base}"
        );
        assert_eq!(of("the Python parser").base, None);
    }
}
