//! Check 12's scanners: what of theirs the change brings, and what becomes of one that is missing, hangs, crashes, answers
//! nonsense or is of another version.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use alai_core::qa::{Check, CheckResult};
use alai_workspace::cage::{Access, Bind};

use super::honest::SHELL;
use super::world::{Judged, Task, World};

const OLD: &str =
    "import subprocess\n\n\ndef a(words):\n    return subprocess.Popen(words, shell=0 == 0)\n";

/// A project in shell with one module of Python, whose change is `head`.
fn world(base: &str) -> World {
    let mut files = SHELL.to_vec();
    files.push(("tool.py", base));
    World::new(&files)
}

fn measured(world: &World, head: &str, command_s: u64) -> Judged {
    let base = world.tip();
    world.commit(&[("tool.py", head)], &[], "Change the tool");
    let task = Task {
        command_s: Some(command_s),
        ..Task::with("sh test.sh")
    };
    world.measure(&base, &task)
}

/// Shows the cage a folder of programs before all others.
fn show(world: &mut World, folder: &Path) {
    world.tools.binds.push(Bind {
        outside: folder.to_owned(),
        inside: folder.to_owned(),
        access: Access::ReadOnly,
    });
    world.tools.path = format!("{}:{}", folder.display(), world.tools.path);
}

/// Measures a change of a module with a `bandit` that is this script.
fn with_bandit(script: &str, command_s: u64) -> Judged {
    let mut world = world("A = 1\n");
    let folder = world.root.parent().expect("a folder").join("programs");
    fs::create_dir(&folder).expect("made");
    let program = folder.join("bandit");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    for path in [&folder, &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("set");
    }
    show(&mut world, &folder);
    measured(&world, "A = 2\n", command_s)
}

#[track_caller]
fn says(judged: &Judged, result: CheckResult, words: &str) {
    let one = judged.one(Check::StaticAnalysis);
    let held = one.result == result && one.detail.contains(words);
    assert!(held, "`{words}`: {one:?}\n{}", judged.table());
}

/// A scanner that tells its version and then does this.
fn after_version(version: &str, then: &str) -> String {
    format!("test \"$1\" = --version && {{ echo 'bandit {version}'; exit 0; }}\n{then}")
}

const CLEAN: &str = r#"echo '{"errors":[],"metrics":{"././tool.py":{}},"results":[]}'"#;

#[test]
fn a_scanner_that_hangs_crashes_or_answers_nonsense_fails() {
    let hung = with_bandit(&after_version("1.9.4", "sleep 600"), 3);
    says(
        &hung,
        CheckResult::Fail,
        "bandit gave no answer: timed out after 3 s",
    );
    for (then, words) in [
        ("kill -9 $$", "exit 137"),
        ("echo 'no plugin' >&2; exit 2", "exit 2: no plugin"),
        ("echo done", "no JSON of bandit"),
        (
            r#"echo '{"errors":[],"metrics":{},"results":[]}'"#,
            "it left out tool.py",
        ),
        ("exit 127", "exit 127"),
    ] {
        let judged = with_bandit(&after_version("1.9.4", then), 60);
        says(
            &judged,
            CheckResult::Fail,
            &format!("bandit gave no answer: {words}"),
        );
    }
}

#[test]
fn a_scanner_of_another_version_is_told_with_both() {
    let old = with_bandit(&after_version("1.7.0", CLEAN), 60);
    says(
        &old,
        CheckResult::Pass,
        "bandit is 1.7.0, and 1.9.4 is pinned",
    );
    let asked = old
        .measured
        .behind
        .get(&Check::StaticAnalysis)
        .expect("its commands");
    assert_eq!(
        asked.len(),
        1,
        "a head without results needs no look at the base"
    );
    let line = old.measured.commands[asked[0]].record.argv.join(" ");
    assert!(
        line.contains("bandit --version") && line.contains("'./tool.py'"),
        "{line}"
    );
    let none = with_bandit(CLEAN, 60);
    says(
        &none,
        CheckResult::Pass,
        "bandit is of no version that it tells",
    );
}

#[test]
fn a_scanner_that_is_missing_is_named_with_what_installs_it() {
    let mut world = world("A = 1\n");
    // Only the system's own folders, without one that somebody installed.
    let empty = |dir: &&str| !Path::new(dir).join("bandit").exists();
    let path: Vec<&str> = world.tools.path.split(':').filter(empty).collect();
    world.tools.path = path.join(":");
    let judged = measured(&world, "A = 2\n", 60);
    says(
        &judged,
        CheckResult::Pass,
        "bandit is missing (`pipx install bandit==1.9.4`)",
    );
}

#[test]
fn shellcheck_finds_what_the_change_brings_needs_shellcheck() {
    let world = World::new(&[
        SHELL[0],
        SHELL[1],
        ("old.sh", "#!/bin/sh\n[ -n $1 ] && echo one\n"),
    ]);
    let base = world.tip();
    let moved = "#!/bin/sh\n# Says one.\n[ -n $1 ] && echo one\n";
    world.commit(&[("old.sh", moved)], &[], "Say it");
    let judged = world.measure(&base, &Task::with("sh test.sh"));
    says(
        &judged,
        CheckResult::Pass,
        "(files: 1): nothing else is new",
    );
    let base = world.tip();
    let twice = format!("{moved}[ -n $2 ] && echo two\n");
    world.commit(&[("old.sh", &twice)], &[], "Say two");
    let judged = world.measure(&base, &Task::with("sh test.sh"));
    says(
        &judged,
        CheckResult::Fail,
        "shellcheck: old.sh:4 -n doesn't work with unquoted arguments.",
    );
    let detail = &judged.one(Check::StaticAnalysis).detail;
    assert!(
        !detail.contains("old.sh:3"),
        "the base has that one: {detail}"
    );
}

#[test]
fn bandit_finds_what_the_change_brings_needs_python_needs_registry() {
    let mut world = world(OLD);
    let made = world.root.parent().expect("a folder").join("bandit");
    let run = |program: &Path, args: &[&str]| {
        let output = std::process::Command::new(program)
            .args(args)
            .output()
            .expect("it starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let folder = made.to_str().expect("a path");
    run(Path::new("python3"), &["-m", "venv", folder]);
    run(
        &made.join("bin/pip"),
        &["install", "--quiet", "bandit==1.9.4"],
    );
    world.tools.binds.push(Bind {
        outside: made.clone(),
        inside: made.clone(),
        access: Access::ReadOnly,
    });
    world.tools.path = format!("{}:{}", made.join("bin").display(), world.tools.path);
    let same = format!("{OLD}\n\nB = 2\n");
    says(
        &measured(&world, &same, 120),
        CheckResult::Pass,
        "bandit 1.9.4 (files: 1): nothing else is new",
    );
    // No built-in rule knows these, and the second one is silenced in its own line.
    let more = format!(
        "import ssl\nimport tarfile\n{same}\n\ndef b(s, t):\n    tarfile.open(t).extractall()\n    \
         return ssl.wrap_socket(s, ssl_version=ssl.PROTOCOL_SSLv3)  # nosec\n"
    );
    let judged = measured(&world, &more, 120);
    says(&judged, CheckResult::Fail, "(B202)");
    says(&judged, CheckResult::Fail, "(B502)");
    assert_eq!(
        judged.result(Check::LintFormatTypes),
        CheckResult::Fail,
        "the silence is told too"
    );
}

const SCRIPT: &str = "import { exec } from 'node:child_process';\n\nexport function old(name: string): void {\n  exec('ls ' + name);\n}\n";

/// A project with one module of TypeScript, in a cage that sees a folder of programs first.
fn typed(folder: &str, install: &[&str]) -> World {
    let mut world = World::new(&[SHELL[0], SHELL[1], ("tool.ts", SCRIPT)]);
    let made = world.root.parent().expect("a folder").join(folder);
    let prefix = made.to_str().expect("a path").to_owned();
    let options = [
        "install",
        "--global",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--prefix",
    ];
    let output = std::process::Command::new("npm")
        .args([&options[..], &[&prefix], install].concat())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    world.tools.binds.push(Bind {
        outside: made.clone(),
        inside: made.clone(),
        access: Access::ReadOnly,
    });
    world.tools.path = format!("{}:{}", made.join("bin").display(), world.tools.path);
    world
}

fn typed_change(world: &World, head: &str) -> Judged {
    let base = world.tip();
    world.commit(&[("tool.ts", head)], &[], "Change the tool");
    world.measure(&base, &Task::with("sh test.sh"))
}

#[test]
fn eslint_finds_what_the_change_brings_needs_node_needs_registry() {
    let pinned = [
        "eslint@10.15.0",
        "eslint-plugin-security@4.1.0",
        "@typescript-eslint/parser@8.73.0",
        "typescript@5.9.3",
    ];
    let world = typed("eslint", &pinned);
    let same = format!(
        "// Lists.\n{SCRIPT}\nexport const of = <T,>(all: T[], at: number): T => all[at];\n"
    );
    let honest = typed_change(&world, &same);
    says(
        &honest,
        CheckResult::Pass,
        "eslint 10.15.0: new below high: tool.ts:8",
    );
    // No built-in rule is asked, the project's own configuration is not loaded, and the line is silenced.
    let more = format!(
        "{same}// eslint-disable-next-line\nexport const run = (text: string) => exec(`sh ${{text}}`);\n"
    );
    world.commit(
        &[("eslint.config.mjs", "export default [];\n")],
        &[],
        "Set a linter",
    );
    let judged = typed_change(&world, &more);
    says(
        &judged,
        CheckResult::Fail,
        "eslint: tool.ts:10 Found child_process.exec() with non Literal first argument",
    );
    let unread = typed_change(&world, "export const = ;\n");
    says(&unread, CheckResult::Fail, "it could not be read");
}

#[test]
fn eslint_without_its_rules_is_missing_needs_node_needs_registry() {
    let world = typed("bare", &["eslint@10.15.0"]);
    let judged = typed_change(&world, &format!("// Lists.\n{SCRIPT}"));
    says(
        &judged,
        CheckResult::Pass,
        "eslint is missing (`npm install --global eslint@10.15.0 ",
    );
}
