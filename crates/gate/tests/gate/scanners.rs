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
