//! What people and machines get wrong: each is said with what was tried, on what, and what to do, and nothing is lost.

use std::path::Path;

use alai_testkit::{git, samples};
use insta::assert_snapshot;
use serde_json::Value;

use crate::script::{Script, TITLE};
use crate::world::{TEST, World, run};

const START: [&str; 5] = ["start", "Count letters", "--project", "tiny", "--wait"];

/// The lines of standard error, without progress.
fn words(world: &World, err: &str) -> String {
    let lines: Vec<&str> = err.lines().filter(|line| !line.starts_with(' ')).collect();
    world.redact(&lines.join("\n"))
}

/// What `project add` says of a folder of the world.
fn refused(world: &World, folder: &str, code: i32) -> String {
    let ran = world
        .alai(["project", "add", folder, "--test", TEST])
        .exits(code);
    assert_eq!(ran.out, "");
    assert_eq!(
        world.alai(["project", "list"]).exits(0).out,
        "",
        "nothing is registered"
    );
    words(world, &ran.err)
}

/// One more repository with the sample, in a folder of that name.
fn sample(world: &World, name: &str) {
    samples::write("tiny-sh", &world.path(name)).expect("the sample");
    git::init_repo(&world.path(name)).expect("a repository");
}

#[test]
fn a_folder_without_a_repository() {
    let world = World::with_home();
    assert_snapshot!(refused(&world, "person", 1), @"error: DIR/person is in no git repository; run `git init` there and make a first commit, or give another path");
    assert_snapshot!(refused(&world, "nowhere", 3), @"error: cannot look at nowhere: No such file or directory (os error 2)");
}

#[test]
fn a_bare_repository() {
    let world = World::with_home();
    world.git(&["clone", "--quiet", "--bare", ".", "../bare"]);
    assert_snapshot!(refused(&world, "bare", 1), @"error: DIR/bare is a bare repository; give the path of a work tree (`git clone DIR/bare DIR` makes one)");
}

#[test]
fn a_shallow_clone() {
    let world = World::with_home();
    world.git(&["commit", "--quiet", "--allow-empty", "-m", "second"]);
    let url = format!("file://{}", world.repo().display());
    world.git(&["clone", "--quiet", "--depth", "1", &url, "../shallow"]);
    assert_snapshot!(refused(&world, "shallow", 1), @"error: DIR/shallow is a shallow clone, whose history cannot be copied or merged; run `git fetch --unshallow` there first");
    git::git(&world.path("shallow"), &["fetch", "--quiet", "--unshallow"])
        .expect("the whole history");
    world
        .alai(["project", "add", "shallow", "--test", TEST])
        .exits(0);
}

#[test]
fn a_repository_without_a_commit() {
    let world = World::with_home();
    std::fs::create_dir(world.path("empty")).expect("a folder");
    git::git(
        &world.path("empty"),
        &["init", "--quiet", "--initial-branch", "main"],
    )
    .expect("a repository");
    assert_snapshot!(refused(&world, "empty", 1), @r#"
    error: DIR/empty has no commit yet; make a first one: `git add -A && git commit -m "first commit"`
    "#);
}

#[test]
fn a_detached_head() {
    let world = World::with_home();
    world.git(&["checkout", "--quiet", "--detach"]);
    assert_snapshot!(refused(&world, "tiny", 1), @r"
    error: the repository stands on no branch (detached HEAD)
    hint: check out a branch, or name one with --target BRANCH
    ");
    let ran = world
        .alai([
            "project", "add", "tiny", "--test", TEST, "--target", "nobranch",
        ])
        .exits(2);
    assert_snapshot!(words(&world, &ran.err), @r"
    error: the repository has no branch `nobranch`
    hint: name an existing one with --target BRANCH
    ");
    world
        .alai(["project", "add", "tiny", "--test", TEST, "--target", "main"])
        .exits(0);
}

#[test]
fn a_project_that_is_not_tested() {
    let world = World::with_home();
    let ran = world.alai(["project", "add", "tiny"]).exits(4);
    assert_snapshot!(words(&world, &ran.err), @r#"
    error: no test command was found in the project
    hint: say how the project is tested: `alai project add PATH --test "COMMAND"`
    "#);
    world
        .alai(["project", "add", "tiny", "--test", TEST])
        .exits(0)
        .says("test     sh test.sh");
}

#[test]
fn a_project_that_is_registered_already() {
    let world = World::with_project("auto");
    let again = world
        .alai(["project", "add", "tiny", "--test", TEST])
        .exits(2);
    assert_snapshot!(words(&world, &again.err), @r"
    error: the project `tiny` is already registered for DIR/tiny
    hint: `alai project set` changes a project
    ");
    sample(&world, "other");
    let named = world
        .alai(["project", "add", "other", "--name", "tiny", "--test", TEST])
        .exits(2);
    assert_snapshot!(words(&world, &named.err), @r"
    error: the project `tiny` is already registered for DIR/tiny
    hint: `alai project set` changes a project
    ");
    world
        .alai(["project", "add", "other", "--test", TEST])
        .exits(0);
}

#[test]
fn uncommitted_work_is_never_touched() {
    let world = World::scripted("auto", &Script::good());
    let own = std::fs::read_to_string(world.repo().join("words.sh")).expect("a file")
        + "# mine, unfinished\n";
    std::fs::write(world.repo().join("words.sh"), own).expect("a person works");
    std::fs::write(world.repo().join("idea.txt"), "an idea\n").expect("a person works");
    let before = world.work_tree();
    let ran = world.alai(START).exits(6);
    assert_snapshot!(words(&world, &ran.err), @r"
    waiting: #1 waits for operator: main could not be moved: DIR/tiny has main checked out with uncommitted changes (words.sh); commit or stash them, then retry. Nothing was touched
    hint: look with `alai diff 1`, then `alai mc approve 1`
    ");
    assert_eq!(
        world.work_tree(),
        before,
        "every byte is as it was, the index too"
    );
    assert_eq!(world.titles("main"), ["Import"]);
    assert_eq!(
        world.titles("alai/integration"),
        [TITLE, "Import"],
        "the work is kept"
    );
    world
        .alai(["mc", "approve", "1"])
        .exits(6)
        .says("uncommitted changes (words.sh)");
    assert_eq!(world.work_tree(), before);
    world.git(&["stash"]);
    world.alai(["mc", "approve", "1"]).exits(0).says("moved to");
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    assert_eq!(
        world.git(&["status", "--porcelain"]),
        "?? idea.txt",
        "the work tree follows"
    );
    assert!(
        world
            .git(&["stash", "show", "-p"])
            .contains("# mine, unfinished")
    );
}

#[test]
fn tests_that_cannot_start_are_refused_before_a_model_is_asked() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai([
            "project",
            "set",
            "tiny",
            "--test",
            "echo about to fail; no-such-runner --all",
        ])
        .exits(0);
    let ran = world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(6);
    assert_snapshot!(words(&world, &ran.err), @r#"
    waiting: #1 waits for operator: the box is not ready: `echo about to fail; no-such-runner --all` on the untouched base: a program was not found: about to fail | sh: 2: no-such-runner: not found. To go on, install it, or correct the project's test command
    hint: make `echo about to fail; no-such-runner --all` start on the untouched repository, or `alai project set tiny --test "COMMAND"`; then `alai mc retry 1`
    "#);
    assert_eq!(
        world.json(["status", "--json"])["queue"]["spend"]["calls"],
        0,
        "no model was asked"
    );
    let why = world.alai(["why", "1"]).exits(0);
    why.says("rule      box_refused")
        .says("about to fail")
        .says("no-such-runner")
        .says("alai project set tiny --test");
    world
        .alai(["project", "set", "tiny", "--test", TEST])
        .exits(0);
    world.alai(["mc", "retry", "1"]).exits(0).says("[open]");
    let daemon = world.up();
    world.until("the task is done", |w| (w.state(1) == "done").then_some(()));
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn names_that_nobody_has() {
    let world = World::with_project("auto");
    let cases: [(&[&str], &str); 9] = [
        (
            &["start", "Add a thing", "--project", "nothing"],
            "`nothing` is no registered project",
        ),
        (
            &["minion", "run", "Add a thing", "--project", "nothing"],
            "`nothing` is no registered project",
        ),
        (
            &["project", "show", "nothing"],
            "`nothing` is no registered project",
        ),
        (&["why", "99"], "task #99 does not exist"),
        (&["mc", "show", "99"], "task #99 does not exist"),
        (&["mc", "approve", "99"], "task #99 does not exist"),
        (
            &["mc", "add", "A", "--project", "tiny", "--needs", "99"],
            "task #99 does not exist",
        ),
        (
            &["mc", "add", "A", "--project", "tiny", "--company", "Nobody"],
            "Nobody",
        ),
        (&["evidence", "show", "99"], "task #99 does not exist"),
    ];
    for (args, text) in cases {
        let ran = world.alai(args).exits(3).says(text);
        assert!(
            ran.err.starts_with("error: ") && ran.err.contains("\nhint: "),
            "{ran}"
        );
        assert_eq!(ran.out, "");
    }
    assert_eq!(world.list(), "", "nothing was written");
}

#[test]
fn goals_that_cannot_be_meant() {
    let world = World::with_project("auto");
    let huge = "x".repeat(100 * 1024);
    let cases = [
        (
            "",
            "the text is empty; say in one sentence what should be true afterwards",
        ),
        (" \n\t ", "the text is empty"),
        (
            &*huge,
            "the text has 102400 bytes; at most 65536 fit; put it into a file of the repository",
        ),
        (
            "Add \u{1b}[31mred\u{1b}[0m words",
            "the text holds the control character U+001B; remove it",
        ),
        ("Add a bell \u{7}", "U+0007"),
        ("Add \u{9b}31m C1 words", "U+009B"),
    ];
    for (goal, text) in cases {
        world
            .alai(["start", goal, "--project", "tiny"])
            .exits(2)
            .says(text);
        world
            .alai(["mc", "add", goal, "--project", "tiny"])
            .exits(2);
        world
            .alai(["minion", "run", goal, "--project", "tiny"])
            .exits(2);
    }
    assert_eq!(world.list(), "", "nothing was written");
}

#[test]
fn usage_errors() {
    let world = World::with_project("auto");
    world
        .alai(["mc", "add", "A", "--project", "tiny", "--hold"])
        .exits(0);
    let cases: [&[&str]; 9] = [
        &[],
        &["frobnicate"],
        &["mc", "add"],
        &["mc", "add", "A", "-p", "urgent"],
        &["mc", "list", "--status", "nearly"],
        &["mc", "done", "1", " "],
        &["why", "first"],
        &["start", "A goal without a project"],
        &["project", "set", "tiny", "--deliver", "sometimes"],
    ];
    for args in cases {
        let ran = world.alai(args).exits(2);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{ran}");
    }
    assert_eq!(
        world.state(1),
        "paused",
        "nothing was closed without a reason"
    );
}

#[test]
fn a_home_that_is_not_there() {
    let world = World::without_home();
    for args in [
        &["status"][..],
        &["mc", "list"],
        &["mc", "add", "A"],
        &["up"],
        &["why", "1"],
        &["minion", "list"],
    ] {
        let ran = world.alai(args).exits(4);
        assert_eq!(
            words(&world, &ran.err),
            "error: there is no factory in DIR/home\nhint: `alai init` makes one"
        );
    }
    assert!(!world.home().exists(), "a mistyped home is not made");
}

#[test]
fn a_home_that_cannot_be_written() {
    let world = World::without_home();
    std::fs::write(world.path("file"), "in the way\n").expect("a file");
    for home in ["file", "file/below"] {
        let ran = world.alai(["--home", home, "init"]).exits(4);
        assert!(
            ran.err.contains("cannot make the home")
                && ran.err.contains("hint: choose another home"),
            "{ran}"
        );
        assert!(
            ran.err.contains(&world.path(home).display().to_string()),
            "{ran}"
        );
    }
    assert_eq!(
        std::fs::read_to_string(world.path("file")).expect("still there"),
        "in the way\n"
    );
    // Nobody can make a folder there, root neither.
    world
        .alai(["--home", "/proc/alai", "init"])
        .exits(4)
        .says("cannot make the home /proc/alai");
}

#[test]
fn settings_that_cannot_be_read() {
    let world = World::scripted("auto", &Script::good());
    let settings = world.home().join("alai.toml");
    let cases = [
        ("slot = 3\n", "unknown field `slot`"),
        ("slots = 0\n", "a whole number from 1 to 64"),
        (
            "[fleet]\nscript = \"/nowhere/script.yaml\"\n",
            "cannot read /nowhere/script.yaml",
        ),
        ("[fleet]\nollama = \"ftp://there\"\n", "fleet.ollama"),
    ];
    for (text, words) in cases {
        std::fs::write(&settings, text).expect("a person edits it");
        world.alai(START).exits(4).says(words);
        world.alai(["up"]).exits(4).says(words);
    }
    std::fs::remove_file(&settings).expect("the settings");
    world.play(&Script::good());
    std::fs::write(
        world.path("script.json"),
        "- when: {kind: bild}\n  turns: []\n",
    )
    .expect("the script");
    world.alai(["up"]).exits(4).says("script.json is not valid");
}

/// The smallest file that SQLite takes for a database: one empty page, with this `user_version` (SQLite's file format, 1.3).
fn database(user_version: u32) -> Vec<u8> {
    let mut page = vec![0; 4096];
    page[..16].copy_from_slice(b"SQLite format 3\0");
    page[16..24].copy_from_slice(&[0x10, 0x00, 1, 1, 0, 64, 32, 32]);
    for (at, value) in [
        (24, 1),
        (28, 1),
        (44, 4),
        (56, 1),
        (60, user_version),
        (92, 1),
        (96, 3_051_003),
    ] {
        page[at..at + 4].copy_from_slice(&u32::to_be_bytes(value));
    }
    // An empty leaf of a table, its content starting at the end of the page.
    page[100..108].copy_from_slice(&[0x0d, 0, 0, 0, 0, 0x10, 0, 0]);
    page
}

#[test]
fn a_store_of_a_newer_alai() {
    let world = World::with_home();
    let store = world.home().join("mission.db");
    for name in ["mission.db-wal", "mission.db-shm"] {
        let _ = std::fs::remove_file(world.home().join(name));
    }
    std::fs::write(&store, database(99)).expect("a newer store");
    for args in [
        &["mc", "list"][..],
        &["mc", "add", "A"],
        &["status"],
        &["up"],
    ] {
        let ran = world.alai(args).exits(4);
        assert!(
            ran.err
                .contains("was written by a newer alai (schema 99, this one knows"),
            "{ran}"
        );
    }
    assert_eq!(
        std::fs::read(&store).expect("still there"),
        database(99),
        "the file is untouched"
    );
}

/// One script for one mount namespace: the disk of the home is full, then has room again.
const FULL: &str = r#"
set -u
mount -t tmpfs -o size=12m,mode=0700 tmpfs "$ALAI_HOME" || exit 77
"$ALAI" init >/dev/null || exit 70
"$ALAI" mc add "before" >/dev/null || exit 71
big=$(head -c 60000 /dev/zero | tr '\0' x)
added=1
head -c 20m /dev/zero > "$ALAI_HOME/filler" 2>/dev/null
code=0
while [ $added -lt 500 ]; do
  "$ALAI" mc add "while full $added" --desc "$big" >/dev/null 2>"$OUT/said"
  code=$?
  [ $code -eq 0 ] || break
  added=$((added + 1))
done
echo "full $code"
"$ALAI" mc list --all | wc -l | tr -d ' ' | sed 's/^/then /'
rm "$ALAI_HOME/filler"
"$ALAI" mc add "after" --desc "$big" >/dev/null || exit 72
echo "added $((added + 1))"
"$ALAI" mc list --all | wc -l | tr -d ' ' | sed 's/^/listed /'
"$ALAI" mc fsck || exit 73
"#;

#[test]
fn a_full_disk_loses_nothing_and_is_said() {
    let world = World::without_home();
    std::fs::create_dir(world.home()).expect("a place to mount on");
    let mut command = world.program("unshare");
    // A user namespace where we are not root; some machines forbid it.
    command.args(if is_root() {
        &["--mount"][..]
    } else {
        &["--mount", "--map-root-user"]
    });
    command
        .args(["--propagation", "private", "sh", "-c", FULL])
        .env("OUT", world.path("person"));
    let ran = run(command);
    if ran.code == 77 || (ran.out.is_empty() && ran.err.contains("unshare")) {
        eprintln!("SKIPPED: this machine lets nobody mount a small disk: {ran}");
        return;
    }
    let ran = ran.exits(0);
    let number = |word: &str| -> u64 {
        let line = ran
            .out
            .lines()
            .find_map(|l| l.strip_prefix(word))
            .unwrap_or_else(|| panic!("no `{word}`: {ran}"));
        line.trim().parse().expect("a number")
    };
    let said = std::fs::read_to_string(world.path("person").join("said")).expect("what it said");
    assert_eq!(number("full "), 1, "{said}");
    assert!(
        said.contains("the disk is full; nothing was changed. Free some space and run it again"),
        "{said}"
    );
    assert_eq!(
        number("then "),
        number("added ") - 1,
        "what was answered is there, what was refused is not"
    );
    assert_eq!(
        number("listed "),
        number("added "),
        "it works again by itself"
    );
    assert!(ran.out.contains("every invariant holds"), "{ran}");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

#[test]
fn a_repository_that_went_away() {
    let world = World::scripted("auto", &Script::good());
    std::fs::rename(world.repo(), world.path("moved")).expect("a person moves it");
    let ran = world
        .alai(["mc", "add", "Add a thing", "--project", "tiny"])
        .exits(0);
    assert!(ran.out.contains("[open]"), "{ran}");
    world.alai(["mc", "approve", "1"]).exits(1);
    assert!(!Path::new(&world.repo()).exists(), "nothing makes it anew");
    assert_eq!(
        world.json(["mc", "next-task", "--json"])["id"],
        Value::from(1)
    );
}
