//! The hand's operations on hostile trees and hostile commands.

use std::os::unix::fs::{PermissionsExt, symlink};

use alai_core::record::Exit;
use alai_minion::hand::{Commit, HandError, RefusalKind};

use crate::world::World;

fn kind<T: std::fmt::Debug>(answer: Result<T, HandError>) -> RefusalKind {
    match answer {
        Err(HandError::Refused(refusal)) => refusal.kind,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn reading_stays_beneath_the_repository() {
    let mut world = World::new();
    let outside = world.dir.path().join("secret.txt");
    std::fs::write(&outside, "secret\n").expect("written");
    let repo = world.repo();
    symlink("../secret.txt", repo.join("out")).expect("a link");
    symlink(&outside, repo.join("absolute")).expect("a link");
    symlink("/proc/self/environ", repo.join("proc")).expect("a link");
    symlink("..", repo.join("up")).expect("a link");
    symlink("answer.txt", repo.join("inside")).expect("a link");
    symlink("loop", repo.join("loop")).expect("a link");
    symlink("/dev/zero", repo.join("zero")).expect("a link");
    let c = world.cancel.clone();
    let cases = [
        ("../secret.txt", RefusalKind::Outside),
        ("a/../../secret.txt", RefusalKind::Missing),
        ("/etc/passwd", RefusalKind::Outside),
        ("out", RefusalKind::Outside),
        ("absolute", RefusalKind::Outside),
        ("proc", RefusalKind::Outside),
        ("zero", RefusalKind::Outside),
        ("up/secret.txt", RefusalKind::Outside),
        ("loop", RefusalKind::NotAFile),
        ("", RefusalKind::Outside),
        ("a\0b", RefusalKind::Outside),
        (".", RefusalKind::NotAFile),
        ("gone.txt", RefusalKind::Missing),
        ("answer.txt/x", RefusalKind::Missing),
    ];
    for (path, want) in cases {
        assert_eq!(
            kind(world.hand.read(path, None, None, &c)),
            want,
            "{path:?}"
        );
        assert!(
            matches!(world.hand.stat(path, &c), Err(HandError::Refused(_))),
            "{path:?}"
        );
    }
    assert_eq!(
        kind(world.hand.read(&"x/".repeat(3_000), None, None, &c)),
        RefusalKind::Outside
    );
    assert!(
        world
            .hand
            .read("inside", None, None, &c)
            .expect("a link that stays")
            .contains("   1| 41")
    );
    let absolute = repo.join("answer.txt");
    assert!(
        world
            .hand
            .read(&absolute.to_string_lossy(), None, None, &c)
            .expect("its own name")
            .contains("41")
    );
}

#[test]
fn pipes_devices_and_folders_are_no_files() {
    let mut world = World::new();
    let c = world.cancel.clone();
    let (captured, _) = world
        .hand
        .run(
            "mkfifo pipe; mknod null c 1 3 || true; mkdir dir",
            &[],
            60,
            &c,
        )
        .expect("a command");
    assert!(captured.success());
    let mut names = vec!["pipe", "dir"];
    if world.repo().join("null").exists() {
        names.push("null");
    }
    for name in names {
        assert_eq!(
            kind(world.hand.read(name, None, None, &c)),
            RefusalKind::NotAFile,
            "{name}"
        );
        assert_eq!(
            kind(world.hand.edit(name, "a", "b", false, &c)),
            RefusalKind::NotAFile,
            "{name}"
        );
        assert_eq!(
            kind(world.hand.write(name, "a", true, &c)),
            RefusalKind::NotAFile,
            "{name}"
        );
    }
    let hits = world
        .hand
        .search("41", None, None, &c)
        .expect("a search passes them by");
    assert!(hits.contains("answer.txt:1: 41"), "{hits}");
    world.hand.scan(&c).expect("a scan too");
}

#[test]
fn writing_goes_through_no_link() {
    let mut world = World::new();
    let outside = world.dir.path().join("victim");
    std::fs::create_dir(&outside).expect("a folder");
    std::fs::write(outside.join("file"), "before").expect("written");
    let repo = world.repo();
    symlink(&outside, repo.join("dir")).expect("a link");
    symlink(outside.join("file"), repo.join("report.json")).expect("a link");
    symlink("answer.txt", repo.join("inner")).expect("a link");
    std::fs::create_dir(repo.join("real")).expect("a folder");
    symlink("real", repo.join("folder")).expect("a link");
    let c = world.cancel.clone();
    let through = world.hand.write("folder/new", "after", true, &c);
    assert_eq!(
        kind(through),
        RefusalKind::NotAFile,
        "a name that is allowed must be what is written"
    );
    assert!(!repo.join("real/new").exists());
    for path in [
        "dir/file",
        "dir/new",
        "report.json",
        "inner",
        "../victim/file",
        "x/../../victim/file",
    ] {
        let answer = world.hand.write(path, "after", true, &c);
        assert!(
            matches!(kind(answer), RefusalKind::NotAFile | RefusalKind::Outside),
            "{path}"
        );
    }
    assert!(matches!(
        kind(world.hand.edit("dir/file", "before", "after", false, &c)),
        RefusalKind::Outside
    ));
    assert_eq!(
        std::fs::read_to_string(outside.join("file")).expect("there"),
        "before"
    );
    assert!(!outside.join("new").exists());
    assert_eq!(world.read("answer.txt"), "41\n");
}

#[test]
fn files_are_shown_in_parts_and_what_is_cut_is_said() {
    let mut world = World::new();
    let long: String = (1..=1_000).map(|n| format!("line {n}\n")).collect();
    let wide = format!("{}\nend\n", "w".repeat(2_000));
    std::fs::write(world.repo().join("long"), long).expect("written");
    std::fs::write(world.repo().join("wide"), wide).expect("written");
    std::fs::write(world.repo().join("empty"), "").expect("written");
    std::fs::write(world.repo().join("binary"), b"ab\0cd").expect("written");
    std::fs::write(world.repo().join("latin"), b"caf\xe9\n").expect("written");
    std::fs::File::create(world.repo().join("huge"))
        .and_then(|f| f.set_len(9 << 20))
        .expect("a sparse file");
    let c = world.cancel.clone();
    let text = world.hand.read("long", None, None, &c).expect("text");
    assert!(
        text.starts_with("long, lines 1-400 of 1000\n   1| line 1\n"),
        "{text}"
    );
    assert!(
        text.ends_with(" 400| line 400\n[600 more lines; read on with offset 401]\n"),
        "{text}"
    );
    let text = world
        .hand
        .read("long", Some(999), Some(10), &c)
        .expect("text");
    assert_eq!(
        text,
        "long, lines 999-1000 of 1000\n 999| line 999\n1000| line 1000\n"
    );
    assert!(
        world
            .hand
            .read("wide", None, None, &c)
            .expect("text")
            .contains("w [... 1500 bytes cut]\n   2| end")
    );
    assert_eq!(
        world.hand.read("empty", None, None, &c).expect("text"),
        "empty is empty\n"
    );
    assert!(
        world
            .hand
            .read("latin", None, None, &c)
            .expect("text")
            .contains("not valid UTF-8")
    );
    assert_eq!(
        kind(world.hand.edit("latin", "caf", "x", false, &c)),
        RefusalKind::Binary
    );
    assert_eq!(
        kind(world.hand.read("binary", None, None, &c)),
        RefusalKind::Binary
    );
    assert_eq!(
        kind(world.hand.read("huge", None, None, &c)),
        RefusalKind::TooLarge
    );
    assert_eq!(
        kind(world.hand.read("long", Some(1_001), None, &c)),
        RefusalKind::NoMatch
    );
}

#[test]
fn writing_creates_parents_keeps_modes_and_refuses_what_was_not_read() {
    let mut world = World::new();
    let c = world.cancel.clone();
    let (note, bytes) = world
        .hand
        .write("new/deep/er.txt", "a\nb\n", false, &c)
        .expect("a new file");
    assert_eq!(
        (note.as_str(), bytes),
        ("created new/deep/er.txt: 2 lines, 4 bytes", 4)
    );
    assert_eq!(
        kind(world.hand.write("answer.txt", "x", false, &c)),
        RefusalKind::Unread
    );
    assert_eq!(world.read("answer.txt"), "41\n");
    let script = world.repo().join("test.sh");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("ours");
    world
        .hand
        .write("test.sh", "true\n", true, &c)
        .expect("read before");
    world
        .hand
        .edit("test.sh", "true", "false", false, &c)
        .expect("there once");
    assert_eq!(
        std::fs::metadata(&script)
            .expect("there")
            .permissions()
            .mode()
            & 0o777,
        0o755
    );
    assert_eq!(world.read("test.sh"), "false\n");
    assert_eq!(
        kind(
            world
                .hand
                .write("big", &"x".repeat((256 << 10) + 1), false, &c)
        ),
        RefusalKind::TooLarge
    );
    assert_eq!(
        kind(world.hand.write("huge", &"x".repeat(3 << 20), false, &c)),
        RefusalKind::TooLarge
    );
    world
        .hand
        .write("control", &"\u{1}".repeat(256 << 10), false, &c)
        .expect("the largest file, escaped six-fold");
}

#[test]
fn an_edit_that_misses_says_what_is_there() {
    let mut world = World::new();
    std::fs::write(
        world.repo().join("a.rs"),
        "fn add(a: i32) -> i32 {\n    a + 1\n}\n",
    )
    .expect("written");
    let c = world.cancel.clone();
    let Err(HandError::Refused(miss)) =
        world
            .hand
            .edit("a.rs", "fn add(a: i64) -> i64 {\n    a + 1", "x", false, &c)
    else {
        panic!("found");
    };
    for part in [
        "Did you mean this, from line 1?\nfn add(a: i32) -> i32 {",
        "Do not repeat the same call",
    ] {
        assert!(miss.message.contains(part), "{miss}");
    }
    let Err(HandError::Refused(miss)) = world.hand.edit("a.rs", "a - 1", "a + 1", false, &c) else {
        panic!("found")
    };
    assert!(miss.message.contains("already there"), "{miss}");
    let (note, _) = world
        .hand
        .edit(
            "a.rs",
            "fn add(a: i32) -> i32 { \n    a + 1  ",
            "fn inc()  {",
            false,
            &c,
        )
        .expect("blanks");
    assert_eq!(note, "edited a.rs at line 1 (trailing blanks ignored)");
    assert_eq!(world.read("a.rs"), "fn inc()  {\n}\n");
}

#[test]
fn an_edit_that_is_refused_is_refused_alike_and_touches_nothing() {
    use std::os::unix::fs::MetadataExt;
    let mut world = World::new();
    let path = world.repo().join("twice");
    let content = "\u{feff}a\r\nb\na\r\n";
    std::fs::write(&path, content).expect("written");
    let inode = || std::fs::metadata(&path).expect("there").ino();
    let before = inode();
    let c = world.cancel.clone();
    for (old, new) in [("a", "x"), ("nowhere", "x"), ("", "x"), ("b", "b")] {
        let mut said = || match world.hand.edit("twice", old, new, false, &c) {
            Err(HandError::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        };
        assert_eq!(said(), said(), "{old:?}");
    }
    assert_eq!(std::fs::read_to_string(&path).expect("a text"), content);
    assert_eq!(inode(), before, "it was not even written anew");
}

#[test]
fn search_respects_ignores_globs_and_its_limits() {
    let mut world = World::with(&[
        (".gitignore", "*.log\n"),
        ("src/a.rs", "needle(one)\n"),
        ("src/b.py", "needle\n"),
        ("debug.log", "needle\n"),
        (".github/ci.yml", "needle: 1\n"),
        ("node_modules/m/i.js", "needle\n"),
        ("bin.dat", "needle\0"),
    ]);
    let many: String = (0..200).map(|n| format!("hit {n}\n")).collect();
    std::fs::write(world.repo().join("many.txt"), many).expect("written");
    let c = world.cancel.clone();
    let hits = world.hand.search("needle", None, None, &c).expect("hits");
    assert_eq!(
        hits,
        ".github/ci.yml:1: needle: 1\nsrc/a.rs:1: needle(one)\nsrc/b.py:1: needle\n"
    );
    assert_eq!(
        world
            .hand
            .search("needle", None, Some("*.rs"), &c)
            .expect("hits"),
        "src/a.rs:1: needle(one)\n"
    );
    assert_eq!(
        world
            .hand
            .search("needle", Some("src"), Some("src/*.py"), &c)
            .expect("hits"),
        "src/b.py:1: needle\n"
    );
    let text = world
        .hand
        .search("needle(one", None, None, &c)
        .expect("a text, not a pattern");
    assert!(
        text.starts_with("[not a regular expression") && text.contains("src/a.rs:1"),
        "{text}"
    );
    let hits = world.hand.search("hit", None, None, &c).expect("hits");
    assert!(
        hits.lines().count() == 51 && hits.ends_with("narrow the pattern, the path or the glob]\n"),
        "{hits}"
    );
    assert!(
        world
            .hand
            .search("absent", None, None, &c)
            .expect("none")
            .starts_with("no hits in")
    );
    assert_eq!(
        kind(world.hand.search("x{1000}{1000}{9}", None, None, &c)),
        RefusalKind::BadPattern
    );
    assert_eq!(
        kind(world.hand.search("x", None, Some("{a"), &c)),
        RefusalKind::BadPattern
    );
    assert_eq!(
        kind(world.hand.search("x", Some("../.."), None, &c)),
        RefusalKind::Outside
    );
}

#[test]
fn a_command_has_its_own_pipes_and_its_output_is_bounded() {
    let mut world = World::new();
    let c = world.cancel.clone();
    let forge = r#"echo '{"id":99,"outcome":{"ok":{"kind":"scan"}}}'; echo err >&2; cat; exit 3"#;
    let (captured, log) = world.hand.run(forge, &[], 60, &c).expect("a command");
    assert_eq!(captured.record.exit, Exit::Code { code: 3 });
    assert!(
        captured.stdout.starts_with("{\"id\":99"),
        "its output is output, not a reply"
    );
    assert_eq!(
        (captured.stderr.as_str(), captured.record.stderr_bytes, log),
        ("err\n", 4, None)
    );
    assert_eq!(captured.record.cage, ["none"]);
    let count = "seq 1 100000";
    let (captured, log) = world.hand.run(count, &[], 60, &c).expect("a command");
    assert!(captured.truncated && captured.stdout.len() < 10_200);
    assert!(captured.stdout.starts_with("1\n2\n") && captured.stdout.ends_with("100000\n"));
    let log = std::fs::read(log.expect("kept, because it tells more")).expect("a file");
    use sha2::Digest;
    assert_eq!(
        hex::encode(sha2::Sha256::digest(&log)),
        captured.record.stdout_sha256
    );
    let ended = "kill -TERM $$";
    let (captured, _) = world.hand.run(ended, &[], 60, &c).expect("a command");
    assert_eq!(captured.record.exit, Exit::Signal { signal: 15 });
}

#[test]
fn an_output_flood_is_ended() {
    let mut world = World::new();
    let c = world.cancel.clone();
    let (captured, log) = world.hand.run("yes", &[], 600, &c).expect("a command");
    assert!(
        matches!(captured.record.exit, Exit::TooMuchOutput { .. }),
        "{:?}",
        captured.record.exit
    );
    assert_eq!(log, None, "the space for logs is bounded");
    world
        .hand
        .read("answer.txt", None, None, &c)
        .expect("the hand is well");
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_all_it_started() {
    let mut world = World::new();
    let c = world.cancel.clone();
    let long = "sleep 1000 & echo $!; trap '' TERM; sleep 1000";
    let (captured, _) = world.hand.run(long, &[], 1, &c).expect("a command");
    assert_eq!(captured.record.exit, Exit::TimedOut { after_s: 1 });
    assert_gone(captured.stdout.trim());
}

#[test]
fn nothing_of_a_command_lives_on() {
    let mut world = World::new();
    let c = world.cancel.clone();
    // A daemon: own session, parent gone, signals ignored, all its streams its own.
    let daemon = "setsid sh -c 'trap \"\" TERM HUP INT; (sleep 1000 & echo $! > inner.pid; wait) & echo $$ > outer.pid; wait' \
                  >/dev/null 2>&1 </dev/null & while [ ! -s inner.pid ]; do :; done; echo started";
    let (captured, _) = world.hand.run(daemon, &[], 60, &c).expect("a command");
    assert_eq!(captured.stdout, "started\n");
    for name in ["inner.pid", "outer.pid"] {
        assert_gone(world.read(name).trim());
    }
    let holder = "sleep 1000 & echo $!";
    let (captured, _) = world
        .hand
        .run(holder, &[], 60, &c)
        .expect("a command whose child holds its output open");
    assert_gone(captured.stdout.trim());
}

/// The hand waits until what it kills is dead, so there is nothing to wait for here.
fn assert_gone(pid: &str) {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let dead = state.is_empty()
        || state.contains(") Z")
        || !state.contains("sleep") && !state.contains("(sh)");
    assert!(dead, "{state}");
}

#[test]
fn no_program_of_the_hand_s_user_can_look_into_it() {
    let mut world = World::new();
    let c = world.cancel.clone();
    let look =
        "stat -c %u /proc/$PPID/environ; ls /proc/$PPID/fd >/dev/null 2>&1 && echo open; true";
    let (captured, _) = world.hand.run(look, &[], 60, &c).expect("a command");
    assert!(
        captured.stdout.starts_with("0\n"),
        "its files in /proc belong to root: {captured:?}"
    );
    if !rustix::process::getuid().is_root() {
        assert!(!captured.stdout.contains("open"), "{captured:?}");
    }
}

#[test]
fn the_scan_sees_names_modes_and_contents_and_not_what_is_ignored() {
    let mut world = World::with(&[(".gitignore", "*.log\n"), ("a", "1\n"), ("b", "1\n")]);
    let c = world.cancel.clone();
    let (first, changed) = world.hand.scan(&c).expect("a scan");
    assert!(changed.is_empty());
    let quiet = "touch a; echo x > debug.log; mkdir -p target node_modules/x; echo x > node_modules/x/y; \
                 printf 'Signature: 8a477f597d28d172789f06886806bc55' > target/CACHEDIR.TAG; echo o > target/o; \
                 git config x.y z";
    world.hand.run(quiet, &[], 60, &c).expect("a command");
    assert_eq!(
        world.hand.scan(&c).expect("a scan").0,
        first,
        "nothing of that is the project"
    );
    let mut seen = vec![first.clone()];
    for change in [
        "chmod +x a",
        "echo 2 > a",
        "mv b c",
        "ln -s a l",
        "rm l; ln -s c l",
        "printf 3 > a",
    ] {
        world.hand.run(change, &[], 60, &c).expect("a command");
        let (state, _) = world.hand.scan(&c).expect("a scan");
        assert!(!seen.contains(&state), "{change}");
        seen.push(state);
    }
    assert_eq!(world.hand.scan(&c).expect("a scan").1, ["a", "b", "c", "l"]);
    world
        .hand
        .run("printf '1\\n' > a; chmod -x a; mv c b; rm l", &[], 60, &c)
        .expect("a command");
    let (state, changed) = world.hand.scan(&c).expect("a scan");
    assert_eq!(
        (state, changed),
        (first, Vec::<String>::new()),
        "back is back"
    );
}

#[test]
fn commits_leave_out_what_tools_leave_behind_and_survive_a_stale_lock() {
    let mut world = World::new();
    let c = world.cancel.clone();
    let make = "mkdir -p target node_modules/m sub/__pycache__; echo o > target/o; touch node_modules/m/i sub/__pycache__/x.pyc; \
                printf 'Signature: 8a477f597d28d172789f06886806bc55' > target/CACHEDIR.TAG; echo n > sub/new; \
                touch .git/index.lock; git checkout -q -b elsewhere 2>/dev/null; true";
    world.hand.run(make, &[], 60, &c).expect("a command");
    let base = world.base.clone();
    let text = alai_minion::hand::CommitText {
        message: "m",
        author_name: "A",
        author_mail: "a@b",
        base: &base,
    };
    let Commit {
        head,
        made,
        summary,
    } = world.hand.commit(&text, &c).expect("a commit");
    assert!(made && summary.contains("sub/new"), "{summary}");
    assert_eq!(
        world.git(&["show", "--name-only", "--format=", &head]),
        "sub/new"
    );
    assert!(!world.hand.commit(&text, &c).expect("nothing to do").made);
    world
        .hand
        .run("git checkout -q -b other && echo 2 > sub/new", &[], 60, &c)
        .expect("a command");
    let head = world.hand.commit(&text, &c).expect("a commit").head;
    assert_eq!(
        world.git(&["rev-parse", "refs/heads/minion/1"]),
        head,
        "the run's branch has the run's work"
    );
    std::fs::rename(world.repo().join(".git"), world.repo().join("git-gone")).expect("ours");
    assert_eq!(kind(world.hand.commit(&text, &c)), RefusalKind::Git);
}
