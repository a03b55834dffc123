//! Check 9: what decides how the project is judged, built and published stays as it was.
//!
//! Files that also hold ordinary things (package.json, pyproject.toml, Cargo.toml, setup.cfg, a Makefile) are compared by the
//! parts that judge.

mod c;
mod make;
mod plain;
pub(crate) mod protected;
mod settings;
pub(crate) mod stricter;

use alai_core::qa::{Check, Measurement};
use alai_core::task::TaskKind;

use self::protected::Class;
use super::{Rules, judge_findings};
use crate::change::{Change, ChangedFile};
use crate::source::Lang;

pub(crate) fn check(change: &Change, rules: &Rules<'_>) -> Measurement {
    let judged = judge(change, rules);
    let clean = "nothing that judges, builds or publishes the project was touched";
    let mut clean = match judged.scaffolded {
        0 => clean.to_owned(),
        n => format!("{clean}; {n} files that do are the shipped blueprint's, byte for byte"),
    };
    if !judged.plain.is_empty() {
        clean = format!(
            "no test can go otherwise by what was changed of {}",
            judged.plain.join(", ")
        );
    }
    judge_findings(Check::GateConfigUntouched, &judged.found, clean)
}

/// What runs before the tests, was changed, and may have been where they go alike without the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToMeasure {
    pub(crate) path: String,
    /// The task names it, so that new tests have to go alike too; else it only adds to what they may use.
    pub(crate) named: bool,
    /// The test command runs it: without a name or a number of its tests nobody could tell whether they still run.
    pub(crate) command: bool,
}

/// The files of a change of which a second run has to tell.
pub(crate) fn to_measure(change: &Change, rules: &Rules<'_>) -> Vec<ToMeasure> {
    judge(change, rules).to_measure
}

#[derive(Default)]
struct Judged {
    found: Vec<String>,
    to_measure: Vec<ToMeasure>,
    plain: Vec<String>,
    scaffolded: usize,
}

fn judge(change: &Change, rules: &Rules<'_>) -> Judged {
    let mut judged = Judged::default();
    for file in &change.files {
        if is_the_scaffolds(file, change, rules) {
            judged.scaffolded += 1;
            continue;
        }
        let mut found = Vec::new();
        for path in [Some(file.path.as_str()), file.from.as_deref()]
            .into_iter()
            .flatten()
        {
            if let Some((class, what)) =
                protected::class(path).filter(|(class, _)| !may(*class, path, change, rules))
                && !only_stricter(file)
            {
                let vain = in_vain(path, rules);
                found.push(format!("{path} is {what}{}{vain}", hint(class)));
            }
        }
        let vain = in_vain(&file.path, rules);
        let meant = by_meaning(file, change, rules).into_iter();
        found.extend(meant.map(|what| format!("{what}{vain}")));
        if found.is_empty() {
            if !file.is_new()
                && rules.is_the_command(file.base_path())
                && !stricter::runs_stricter(file)
            {
                the_command(file, &mut judged);
            }
            judged.found.extend(make::shadows(file, &change.base_paths));
            continue;
        }
        if is_named(file, rules) && found.iter().all(|what| tells_of_tests(what)) {
            let path = file.path.clone();
            judged.to_measure.push(ToMeasure {
                path,
                named: true,
                command: false,
            });
            found.clear();
        } else if let Some(plain) = plain::plain(file, rules).filter(|_| is_runners(&file.path)) {
            let path = file.path.clone();
            match plain {
                plain::Plain::Nothing => judged.plain.push(path),
                plain::Plain::Adds => judged.to_measure.push(ToMeasure {
                    path,
                    named: false,
                    command: false,
                }),
            }
            found.clear();
        }
        judged.found.extend(found);
        judged.found.extend(make::shadows(file, &change.base_paths));
    }
    judged
}

/// The file that the test command runs, by which no other part of this check holds the change. What it prints is all that two runs
/// could be told apart by, and a script of a language that is not read here may print whatever it likes.
fn the_command(file: &ChangedFile, judged: &mut Judged) {
    let is_read = match file.lang() {
        Lang::Rust | Lang::JavaScript | Lang::Python | Lang::Go => true,
        Lang::CLike | Lang::Hash | Lang::Plain => false,
    };
    if file.is_deleted() || file.from.is_some() {
        judged.found.push(format!(
            "{} is what the test command runs; let a person move it on the target branch",
            file.base_path()
        ));
    } else if !is_read {
        judged.found.push(format!(
            "{} is what the test command runs, and what it prints about itself shows nothing of it; let the task name it in \
             `changes_tests`, or a person change it on the target branch",
            file.path
        ));
    } else {
        judged.to_measure.push(ToMeasure {
            path: file.path.clone(),
            named: false,
            command: true,
        });
    }
}

/// Of a manifest, what finds and runs tests; a script that a package manager starts by itself is none of it.
fn tells_of_tests(what: &str) -> bool {
    const PARTS: [&str; 11] = [
        "script test",
        "jest",
        "vitest",
        "mocha",
        "ava",
        "nyc",
        "c8",
        "tap",
        "[tool.pytest]",
        "[tool.coverage]",
        "[tool:",
    ];
    let of_tests = |part: &str| PARTS.iter().any(|known| part.starts_with(known));
    if let Some((_, gone)) = what.split_once(settings::GONE) {
        // What can be done about it may follow.
        let gone = gone.split(';').next().unwrap_or_default();
        return gone.split(", ").all(of_tests);
    }
    let part = what.split_once(" changes ").map(|(_, part)| part);
    part.is_none_or(of_tests)
}

/// A person or the plan says by its very path that the task may change it, or do without it. A folder or a glob names tests, and no
/// configuration.
fn is_named(file: &ChangedFile, rules: &Rules<'_>) -> bool {
    file.from.is_none() && can_be_measured(&file.path) && rules.changes_tests.has(&file.path)
}

fn is_runners(path: &str) -> bool {
    protected::class(path).is_some_and(|(class, _)| class == Class::Runner)
}

/// Whether a second run, without the change of it, can tell what a change of this file does to the tests. A linter's or a type
/// checker's words and the choice of a toolchain show in no test.
pub(crate) fn can_be_measured(path: &str) -> bool {
    const RUN_TESTS: [&str; 10] = [
        "pytest",
        "test configuration",
        "jest",
        "vitest",
        "mocha",
        "karma",
        "ava ",
        "cypress",
        "playwright",
        "coverage",
    ];
    let manifest =
        ["package.json", "pyproject.toml", "setup.cfg"].contains(&crate::paths::name(path));
    let runs = |what: &str| RUN_TESTS.iter().any(|known| what.contains(known));
    manifest
        || protected::class(path).is_some_and(|(class, what)| class == Class::Runner && runs(what))
}

/// The first of its kind in a project, as the task's shipped blueprint writes it. What speaks to agents, or to the factory
/// itself, comes from no blueprint.
fn is_the_scaffolds(file: &ChangedFile, change: &Change, rules: &Rules<'_>) -> bool {
    if !rules.is_scaffolded(file) {
        return false;
    }
    let first = |class: Class| {
        let mut old = change.base_paths.keys();
        !old.any(|old| protected::class(old).is_some_and(|(c, _)| c == class))
    };
    match protected::class(&file.path) {
        Some((Class::Gate | Class::Agent, _)) => false,
        Some((class @ (Class::Ci | Class::Docker | Class::Runner | Class::Hook), _)) => {
            first(class)
        }
        None => !by_meaning(file, change, rules).is_empty() && is_first_manifest(file, change),
    }
}

/// Whether nothing in the same folder of the base said how it is built.
fn is_first_manifest(file: &ChangedFile, change: &Change) -> bool {
    let folder = |path: &str| {
        path.rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned()
    };
    let own = folder(&file.path);
    let mut old = change.base_paths.keys();
    !old.any(|old| super::manifest::kind(old).is_some() && folder(old) == own)
}

fn hint(class: Class) -> &'static str {
    match class {
        Class::Ci | Class::Docker => "; only an OPS task that names the path may change it",
        Class::Gate => "; no task may change it",
        Class::Runner | Class::Hook => "; it decides how tests run",
        Class::Agent => "; only a task that names the path may change it",
    }
}

/// Whether a type checker's configuration finds all that it found, and more.
fn only_stricter(file: &ChangedFile) -> bool {
    let name = crate::paths::name(&file.path);
    let sides = file.base.text().zip(file.head.text());
    name.starts_with("tsconfig")
        && name.ends_with(".json")
        && file.from.is_none()
        && sides.is_some_and(|(base, head)| settings::stricter_types(base, head))
}

/// A task's list of tests opens nothing else: what it names beside them is said, with what can be done.
fn in_vain(path: &str, rules: &Rules<'_>) -> &'static str {
    match rules.changes_tests.names(path) && !rules.is_test(path) {
        true => {
            "; `changes_tests` names it, which frees test files alone: take it out of that list, and let a person change the \
             file on the target branch"
        }
        false => "",
    }
}

fn may(class: Class, path: &str, change: &Change, rules: &Rules<'_>) -> bool {
    let named = rules.allowed.names(path);
    let first_of_its_kind = || {
        !change
            .base_paths
            .keys()
            .any(|old| protected::class(old).is_some_and(|(c, _)| c == class))
    };
    match class {
        Class::Gate => false,
        Class::Ci | Class::Docker => named && (rules.kind == TaskKind::Ops || first_of_its_kind()),
        // Also the first one: it would be read, and perhaps obeyed, from the day on which it is merged.
        Class::Agent => named,
        // A test configuration may be changed where a person allowed that test, and made where there was none.
        Class::Runner | Class::Hook => {
            rules.may_change_test(path) || (named && first_of_its_kind())
        }
    }
}

fn by_meaning(file: &ChangedFile, change: &Change, rules: &Rules<'_>) -> Vec<String> {
    if rules.may_change_test(&file.path) {
        return Vec::new();
    }
    match crate::paths::name(&file.path) {
        "Makefile" | "makefile" | "GNUmakefile" | "Justfile" | "justfile" => {
            make::changed(file, rules.test_command)
        }
        _ => {
            let mut found = settings::changed(file, change, rules.test_command);
            found.extend(c::changed(file));
            found
        }
    }
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::testing::{Task, globs, scaffold};
    use super::*;

    fn failed(task: &Task, files: &[(&str, Option<&str>, Option<&str>)]) -> bool {
        check(&Change::of(files), &task.rules()).result == CheckResult::Fail
    }

    #[test]
    fn a_makefile_that_stands_before_the_projects_own_fails() {
        let task = Task::build();
        let own = ("Makefile", Some("test:\n\t./t\n"), Some("test:\n\t./t\n"));
        let before = |path| (path, None, Some("test:\n\ttrue\n"));
        assert!(failed(&task, &[own, before("GNUmakefile")]));
        assert!(failed(&task, &[own, before("makefile")]));
        assert!(!failed(&task, &[own, before("tools/GNUmakefile")]));
        assert!(!failed(&task, &[before("Makefile")]));
    }

    #[test]
    fn a_script_that_runs_the_tests_may_be_stricter() {
        let task = Task {
            test_command: "sh check.sh".into(),
            ..Task::build()
        };
        let script = "set -eu\ngo vet ./...\ngo test ./...\n";
        let to = |old: &str, new: &str| {
            let head = script.replace(old, new);
            let change = Change::of(&[("check.sh", Some(script), Some(&head))]);
            let cancel = alai_workspace::command::Cancel::new();
            let tampering = super::super::tampering::check(&change, &task.rules(), &cancel);
            let tampering = tampering.expect("judged").result == CheckResult::Fail;
            check(&change, &task.rules()).result == CheckResult::Fail || tampering
        };
        assert!(!to("go test", "go test -count=1 -shuffle=on"));
        assert!(to("go test", "go test -short"));
        assert!(to("go vet ./...", "go vet -printf ./..."));
        assert!(to("set -eu", "set -u"));
        assert!(to(
            "set -eu\ngo vet ./...\ngo test ./...",
            "go vet ./...\ngo test ./...\nset -eu"
        ));
    }

    #[test]
    fn settings_of_the_tests_may_move_to_another_named_file() {
        let task = Task {
            changes_tests: globs(&["setup.cfg", "pyproject.toml"]),
            ..Task::build()
        };
        let project = "[project]\nname = \"a\"\n";
        let head = format!("{project}[tool.pytest.ini_options]\ntestpaths = [\"tests\"]\n");
        let moved = |settings: &str| {
            let files = [
                ("setup.cfg", Some(settings), None),
                ("pyproject.toml", Some(project), Some(head.as_str())),
            ];
            let change = Change::of(&files);
            (
                failed(&task, &files),
                to_measure(&change, &task.rules()).len(),
            )
        };
        let pytest = "[tool:pytest]\ntestpaths = tests\n";
        assert_eq!(moved(pytest), (false, 2), "a run without it tells");
        let (held, _) = moved(&format!("{pytest}[flake8]\nmax-line-length = 80\n"));
        assert!(held, "no run tells what a linter goes by");
    }

    #[test]
    fn the_map_of_imports_follows_a_file_that_moved() {
        let map = |csv: &str| {
            format!("{{\"imports\": {{\"#csv\": {csv}, \"#a\": \"./build/src/a.js\"}}}}\n")
        };
        let base = map("\"./build/src/csv.js\"");
        let judged = |head: &str, old: Option<&str>, new: &'static str| {
            failed(
                &Task::build(),
                &[
                    ("package.json", Some(&base), Some(head)),
                    ("src/csv.ts", Some("export {}\n"), old),
                    (new, None, Some("export {}\n")),
                ],
            )
        };
        let moved = map("\"./build/src/csv/parse.js\"");
        assert!(!judged(&moved, None, "src/csv/parse.ts"));
        assert!(
            judged(&moved, Some("export {}\n"), "src/csv/parse.ts"),
            "the old one is still there"
        );
        assert!(judged(&moved, None, "src/csv/other.ts"), "nothing is there");
        let both =
            map("{\"node\": \"./build/src/csv/parse.js\", \"default\": \"./build/src/csv.js\"}");
        assert!(
            judged(&both, None, "src/csv/parse.ts"),
            "one for tests and one for others"
        );
    }

    #[test]
    fn what_the_test_command_runs_is_held_by_its_place_too() {
        for (command, path) in [
            ("sh .github/test.sh", ".github/test.sh"),
            (".alai/verify.sh", ".alai/verify.sh"),
            ("./.alai/verify.py", ".alai/verify.py"),
            ("sh ci/verify", "ci/verify"),
        ] {
            let task = Task {
                test_command: command.into(),
                ..Task::build()
            };
            assert!(failed(&task, &[(path, Some("a"), Some("b"))]), "{path}");
            assert!(failed(&task, &[(path, Some("a"), None)]), "{path} deleted");
        }
        let task = Task {
            test_command: "python3 tools/ci.py".into(),
            ..Task::build()
        };
        let read = [("tools/ci.py", Some("a = 1\n"), Some("a = 2\n"))];
        let change = Change::of(&read);
        assert_eq!(to_measure(&change, &task.rules()).len(), 1);
        let unread = Change::of(&[("ci/verify", Some("a"), Some("b"))]);
        let named = Task {
            test_command: "sh ci/verify".into(),
            changes_tests: globs(&["ci/verify"]),
            ..Task::build()
        };
        assert_eq!(
            check(&unread, &named.rules()).result,
            CheckResult::Pass,
            "a person named it"
        );
    }

    #[test]
    fn protected_files_fail_and_their_neighbours_do_not() {
        let task = Task::build();
        for path in [
            ".github/workflows/ci.yml",
            ".gitlab-ci.yml",
            "conftest.py",
            "tests/conftest.py",
            "pytest.ini",
            "tox.ini",
            "build.rs",
            "crates/a/build.rs",
            ".cargo/config.toml",
            "jest.config.js",
            "vitest.config.ts",
            ".mocharc.json",
            "rust-toolchain.toml",
            ".npmrc",
            "sitecustomize.py",
            "x.pth",
            ".gitattributes",
            ".gitmodules",
            "Dockerfile",
            "docker-compose.yml",
            ".config/nextest.toml",
            ".pre-commit-config.yaml",
            ".husky/pre-push",
            "clippy.toml",
            ".eslintrc.json",
            "alai.toml",
            ".alai/x",
        ] {
            assert!(
                failed(&task, &[(path, Some("a"), Some("b"))]),
                "{path} edited"
            );
            assert!(failed(&task, &[(path, Some("a"), None)]), "{path} deleted");
            assert!(failed(&task, &[(path, None, Some("b"))]), "{path} made");
        }
        for path in [
            "src/build.rs.md",
            "src/conf.py",
            "docs/Dockerfile.md",
            "src/github/ci.rs",
            "README.md",
            "src/jest.ts",
            ".gitignore",
        ] {
            assert!(!failed(&task, &[(path, Some("a"), Some("b"))]), "{path}");
        }
    }

    #[test]
    fn ops_may_change_what_its_task_names() {
        let ci = [(".github/workflows/ci.yml", Some("a"), Some("b"))];
        let ops = |allowed: &[&str]| Task {
            kind: TaskKind::Ops,
            allowed: globs(allowed),
            ..Task::build()
        };
        assert!(!failed(&ops(&[".github/**"]), &ci));
        assert!(failed(&ops(&["**"]), &ci), "everything names nothing");
        assert!(failed(&ops(&["src"]), &ci));
        assert!(
            failed(
                &Task {
                    allowed: globs(&[".github/**"]),
                    ..Task::build()
                },
                &ci
            ),
            "a BUILD may not"
        );
        assert!(
            failed(
                &ops(&["conftest.py"]),
                &[("conftest.py", Some("a"), Some("b"))]
            ),
            "the runner is not OPS' matter"
        );
        assert!(failed(
            &ops(&["alai.toml"]),
            &[("alai.toml", Some("a"), Some("b"))]
        ));
    }

    #[test]
    fn what_agents_obey_changes_only_where_a_task_names_it() {
        for path in [
            ".mcp.json",
            "packages/a/.mcp.json",
            ".claude/settings.json",
            ".claude/hooks/stop.sh",
            ".Claude/settings.local.json",
            ".cursor/mcp.json",
            ".vscode/mcp.json",
            ".codex/config.toml",
            ".gemini/settings.json",
            "AGENTS.md",
            "src/AGENTS.md",
            "CLAUDE.md",
            "claude.local.md",
            ".cursorrules",
            ".aider.conf.yml",
        ] {
            for (base, head) in [(None, Some("b")), (Some("a"), Some("b")), (Some("a"), None)] {
                let change = [(path, base, head)];
                let with = |allowed: &[&str]| Task {
                    allowed: globs(allowed),
                    ..Task::build()
                };
                assert!(failed(&Task::build(), &change), "{path}");
                for wide in [&["**"][..], &["**/*.md", "**/*.json"], &["*"]] {
                    assert!(failed(&with(wide), &change), "{path} by {wide:?}");
                }
                assert!(!failed(&with(&["src", path]), &change), "{path} is named");
            }
        }
        for path in ["docs/agents-and-claude.md", "src/claude.rs", "my.mcp.json"] {
            assert!(
                !failed(&Task::build(), &[(path, None, Some("b"))]),
                "{path}"
            );
        }
    }

    #[test]
    fn the_first_of_a_kind_may_be_made_where_the_task_names_it() {
        let task = Task {
            allowed: globs(&["jest.config.js", "src"]),
            ..Task::build()
        };
        assert!(!failed(&task, &[("jest.config.js", None, Some("b"))]));
        assert!(failed(
            &task,
            &[
                ("jest.config.js", None, Some("b")),
                ("pytest.ini", Some("x"), Some("x"))
            ]
        ));
    }

    #[test]
    fn a_list_of_tests_frees_nothing_that_is_none() {
        let scripts = r#"{"scripts":{"test":"jest"}}"#;
        let none = r#"{"scripts":{"test":"exit 0"}}"#;
        let task = |changes: &[&str]| Task {
            changes_tests: globs(changes),
            ..Task::build()
        };
        for (path, base, head) in [
            (
                "Cargo.toml",
                "[package]\nname='a'\n",
                "[package]\nname='a'\n[lib]\ntest=false\n",
            ),
            (".github/workflows/ci.yml", "a", "b"),
            (".github/tests/ci.yml", "a", "b"),
            ("Dockerfile", "a", "b"),
            ("AGENTS.md", "a", "b"),
            ("tests/AGENTS.md", "a", "b"),
        ] {
            let task = task(&[path]);
            let change = Change::of(&[(path, Some(base), Some(head))]);
            let measured = check(&change, &task.rules());
            assert_eq!(measured.result, CheckResult::Fail, "{path}");
            let says = "`changes_tests` names it, which frees test files alone";
            let is_test = path.contains("tests/");
            assert_eq!(
                measured.detail.contains(says),
                !is_test,
                "{}",
                measured.detail
            );
        }
        let hook = r#"{"scripts":{"test":"jest","postinstall":"x"}}"#;
        for (path, base, head, measured) in [
            ("package.json", scripts, none, true),
            ("package.json", scripts, hook, false),
            ("jest.config.js", "a", "b", true),
            ("pytest.ini", "a", "b", true),
            ("ruff.toml", "a", "b", false),
            ("rust-toolchain.toml", "a", "b", false),
            ("build.rs", "a", "b", false),
        ] {
            let change = [(path, Some(base), Some(head))];
            assert_eq!(failed(&task(&[path]), &change), !measured, "{path}");
            assert!(failed(&task(&["**"]), &change), "{path} by everything");
            let files = to_measure(&Change::of(&change), &task(&[path]).rules());
            let named = ToMeasure {
                path: path.to_owned(),
                command: false,
                named: true,
            };
            assert_eq!(files.contains(&named), measured, "{path}");
        }
        for (path, base, head) in [
            ("conftest.py", "a", "b"),
            ("tests/conftest.py", "a", "b"),
            ("tests/fixture/package.json", scripts, none),
        ] {
            assert!(
                !failed(&task(&[path]), &[(path, Some(base), Some(head))]),
                "{path}"
            );
        }
    }

    #[test]
    fn package_scripts_are_compared_by_meaning() {
        let task = Task::build();
        let base = r#"{"name":"a","scripts":{"test":"jest","start":"node ."}}"#;
        for (head, bad) in [
            (
                r#"{"scripts":{"start":"node .","test":"jest"},"name":"b","version":"2"}"#,
                false,
            ),
            (
                r#"{"name":"a","scripts":{"test":"jest","start":"node .","dev":"vite"}}"#,
                false,
            ),
            (
                r#"{"name":"a","scripts":{"test":"exit 0","start":"node ."}}"#,
                true,
            ),
            (
                r#"{"name":"a","scripts":{"test":"jest","start":"node .","pretest":"rm x"}}"#,
                true,
            ),
            (
                r#"{"name":"a","scripts":{"test":"jest","start":"node .","postinstall":"x"}}"#,
                true,
            ),
            (r#"{"name":"a","scripts":{"start":"node ."}}"#, true),
            (
                r#"{"name":"a","scripts":{"test":"jest","start":"node ."},"jest":{"testMatch":["none"]}}"#,
                true,
            ),
            ("{", true),
        ] {
            assert_eq!(
                failed(&task, &[("package.json", Some(base), Some(head))]),
                bad,
                "{head}"
            );
        }
        assert!(
            !failed(&task, &[("package.json", None, Some(base))]),
            "a first package.json brings its scripts"
        );
    }

    #[test]
    fn tables_of_other_manifests_are_compared_by_meaning() {
        let task = Task::build();
        let cases = [
            (
                "pyproject.toml",
                "[project]\nname='a'\n[tool.pytest.ini_options]\naddopts='-q'\n",
                "[project]\nname='b'\n[tool.pytest.ini_options]\naddopts='-q'\n",
                false,
            ),
            (
                "pyproject.toml",
                "[project]\nname='a'\n",
                "[project]\nname='a'\n[tool.pytest.ini_options]\naddopts='-k none'\n",
                true,
            ),
            (
                "Cargo.toml",
                "[package]\nname='a'\n",
                "[package]\nname='a'\ndescription='x'\n",
                false,
            ),
            (
                "Cargo.toml",
                "[package]\nname='a'\n",
                "[package]\nname='a'\n[lib]\ntest=false\n",
                true,
            ),
            (
                "Cargo.toml",
                "[package]\nname='a'\n",
                "[package]\nname='a'\nbuild='src/x.rs'\n",
                true,
            ),
            (
                "Cargo.toml",
                "[package]\nname='a'\n",
                "[package]\nname='a'\n[[test]]\nname='t'\nharness=false\n",
                true,
            ),
            (
                "Cargo.toml",
                "[package]\nname='a'\n[lints.clippy]\nall='deny'\n",
                "[package]\nname='a'\n",
                true,
            ),
            (
                "setup.cfg",
                "[metadata]\nname=a\n[tool:pytest]\naddopts=-q\n",
                "[metadata]\nname=b\n[tool:pytest]\naddopts=-q\n",
                false,
            ),
            (
                "setup.cfg",
                "[metadata]\nname=a\n",
                "[metadata]\nname=a\n[tool:pytest]\naddopts=--co\n",
                true,
            ),
        ];
        for (path, base, head, bad) in cases {
            assert_eq!(
                failed(&task, &[(path, Some(base), Some(head))]),
                bad,
                "{path}: {head}"
            );
        }
    }

    #[test]
    fn what_a_shipped_scaffold_writes_passes_and_one_byte_more_does_not() {
        let ci = (".github/workflows/ci.yml", "on: push\n");
        let cargo = (
            "Cargo.toml",
            "[package]\nname='a'\n[lints.clippy]\nall='deny'\n",
        );
        let agents = ("AGENTS.md", "Obey.\n");
        let own = ("alai.toml", "slots = 1\n");
        let task = Task {
            scaffolded: scaffold(&[ci, cargo, agents, own, ("Dockerfile", "FROM a\n")]),
            ..Task::build()
        };
        let new = |(path, text): (&'static str, &'static str)| (path, None, Some(text));
        assert!(!failed(
            &task,
            &[new(ci), new(cargo), new(("Dockerfile", "FROM a\n"))]
        ));
        let says = check(&Change::of(&[new(ci), new(cargo)]), &task.rules()).detail;
        assert!(
            says.contains("2 files that do are the shipped blueprint's"),
            "{says}"
        );
        for changed in [
            (ci.0, None, Some("on: push\n# an agent was here\n")),
            (
                cargo.0,
                None,
                Some("[package]\nname='a'\n[lib]\ntest=false\n"),
            ),
            (ci.0, Some("on: push\n"), Some("on: pull_request\n")),
            // In its place in the project, and not somewhere else.
            (".github/workflows/two.yml", None, Some("on: push\n")),
            // Nobody's blueprint tells agents what to do, or the factory how to judge.
            new(agents),
            new(own),
        ] {
            assert!(failed(&task, &[changed]), "{changed:?}");
        }
        let had = (".github/workflows/old.yml", Some("x"), Some("x"));
        assert!(
            failed(&task, &[had, new(ci)]),
            "the project has CI of its own"
        );
        let had = ("package.json", Some("{}"), Some("{}"));
        assert!(
            failed(&task, &[had, new(cargo)]),
            "the project is built otherwise"
        );
        let alone = ("web/package.json", Some("{}"), Some("{}"));
        assert!(
            !failed(&task, &[alone, new(cargo)]),
            "a new folder beside another one"
        );
        assert!(failed(&Task::build(), &[new(ci)]), "without the blueprint");
    }

    #[test]
    fn a_makefile_keeps_its_test_target() {
        let task = Task {
            test_command: "make test".into(),
            ..Task::build()
        };
        let base =
            "FLAGS = -q\nall:\n\techo hi\n\ntest: build\n\tsh t.sh $(FLAGS)\n\nbuild:\n\tcc a.c\n";
        for (head, bad) in [
            (base.replace("echo hi", "echo hello"), false),
            (format!("{base}\nrun:\n\t./a\n"), false),
            (base.replace("sh t.sh", "true"), true),
            (base.replace("-q", "--none"), true),
            (base.replace("cc a.c", "true"), true),
            (format!("SHELL = /bin/true\n{base}"), true),
            (format!("{base}\ntest:\n\ttrue\n"), true),
            (format!("-include x.mk\n{base}"), true),
        ] {
            assert_eq!(
                failed(&task, &[("Makefile", Some(base), Some(&head))]),
                bad,
                "{head}"
            );
        }
    }
}
