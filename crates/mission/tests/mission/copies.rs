//! Copies of the store, and what can be read out of it: backups, exports, search, numbers.

use std::fs;
use std::io::Cursor;

use alai_mission::{SCHEMA_VERSION, restore};

use super::*;

/// A store with something in every table that people fill: a run that ended, one that is live, a wait, a merge, a note.
fn busy() -> World {
    let world = world();
    let (_, first, second, _) = goal_of_three(&world);
    let claim = world.claim().expect("the first");
    let enqueue = Effect::Enqueue {
        lineage: first,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    let m = &world.mission;
    m.journal(&claim.fence, "start", "b".into(), 110)
        .expect("journals");
    m.apply(
        &claim.fence,
        "ok",
        vec![complete(), review_of(&world, first), enqueue],
        200,
    )
    .expect("applies");
    let asked = world.add(world.build("Pay the supplier \u{1f40c} with \"quotes\""));
    m.ask(asked, waiting(), "factory", 210).expect("asks");
    m.note(second, "a remark\nof two lines".into(), "me", 220)
        .expect("notes");
    world.claim().expect("the review is at work");
    world.sound();
    world
}

fn text(reader: &Reader) -> String {
    let mut out = Vec::new();
    reader.export(&mut out).expect("exports");
    String::from_utf8(out).expect("text")
}

fn imported(text: &str) -> Result<World, MissionError> {
    let home = tempfile::tempdir().expect("a folder");
    let mission = Mission::open(home.path(), quiet).expect("a new store");
    mission
        .import(Cursor::new(text.to_owned()))
        .map(|_rows| World {
            project: ProjectId(1),
            home,
            mission,
        })
}

#[test]
fn an_export_that_is_imported_is_the_same_store() {
    let world = busy();
    let exported = text(&world.mission);
    assert_eq!(exported, text(&world.mission), "always in the same order");
    let other = imported(&exported).expect("imports");
    assert_eq!(text(&other.mission), exported);
    other.sound();
    assert_eq!(
        other.mission.search("supplier", 5).expect("searches").len(),
        1,
        "the index is made anew"
    );
    assert!(matches!(
        other.mission.import(Cursor::new(exported.clone())),
        Err(MissionError::NotEmpty { .. })
    ));
}

#[test]
fn an_import_is_whole_or_nothing() {
    let exported = text(&busy().mission);
    let lines: Vec<&str> = exported.lines().collect();
    let cut = lines.get(..lines.len() - 1).expect("lines").join("\n");
    let refused = |text: &str| imported(text).map(|_| ()).expect_err("refused").to_string();
    for (text, line) in [
        (exported.replace("\"title\"", "\"tilte\""), "tilte"),
        (
            exported.replace("\"project\",\"row\"", "\"fact\",\"row\""),
            "line 2",
        ),
        (
            exported.replace(&format!("\"schema\":{SCHEMA_VERSION}"), "\"schema\":99"),
            "line 1",
        ),
        (format!("{cut}\n{{\"table\":"), "line "),
        (String::new(), "line 1"),
    ] {
        assert!(refused(&text).contains(line), "{line}: {}", refused(&text));
    }
    let home = tempfile::tempdir().expect("a folder");
    let mission = Mission::open(home.path(), quiet).expect("a new store");
    let orphan = exported.replace("\"project\":1", "\"project\":7");
    let error = mission.import(Cursor::new(orphan));
    assert!(error.is_err(), "a row that points nowhere");
    assert_eq!(mission.stats().expect("counts").events, 0, "nothing stayed");
    let goal = NewTask::new(TaskKind::Goal, "the store works on");
    mission.add(goal, None, "test", 1).expect("a task");
}

#[test]
fn a_backup_taken_while_fifty_write_is_one_moment_of_it() {
    let world = Arc::new(world());
    let to = world.home.path().join("copy.db");
    let writers: Vec<_> = (0..50)
        .map(|n| {
            let world = Arc::clone(&world);
            std::thread::spawn(move || {
                for m in 0..10 {
                    world.add(world.build(&format!("{n}-{m}")));
                }
            })
        })
        .collect();
    world.mission.backup(&to).expect("backs up");
    writers
        .into_iter()
        .for_each(|writer| writer.join().expect("writes"));
    let mode = fs::metadata(&to).expect("the copy").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
    let error = world.mission.backup(&to).expect_err("it exists");
    assert!(error.to_string().contains("copy.db"), "{error}");
    let other = tempfile::tempdir().expect("a folder");
    assert_eq!(restore(other.path(), &to, 500).expect("restores"), None);
    let mission = Mission::open(other.path(), quiet).expect("opens");
    assert_eq!(fsck(&mission).expect("fsck runs"), []);
    let left: Vec<_> = fs::read_dir(world.home.path())
        .expect("listed")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_restore_keeps_what_was_there_and_refuses_what_is_no_backup() {
    let world = busy();
    let dir = tempfile::tempdir().expect("a folder");
    let copy = dir.path().join("copy.db");
    world.mission.backup(&copy).expect("backs up");
    let late = world.add(world.build("made after the backup"));
    let home = world.home;
    let locked = restore(home.path(), &copy, 600).expect_err("a writer holds the home");
    assert!(matches!(locked, MissionError::Locked { .. }), "{locked}");
    drop(world.mission);

    for content in [b"no database".to_vec(), Vec::new()] {
        let wrong = dir.path().join("wrong.db");
        fs::write(&wrong, content).expect("writes");
        let error = restore(home.path(), &wrong, 600).expect_err("refused");
        assert!(matches!(error, MissionError::NotABackup { .. }), "{error}");
    }
    let kept = restore(home.path(), &copy, 700)
        .expect("restores")
        .expect("there was a store");
    let mission = Mission::open(home.path(), quiet).expect("opens");
    assert!(mission.task(late).is_err(), "it is the store of the backup");
    assert_eq!(fsck(&mission).expect("fsck runs"), []);
    drop(mission);
    restore(home.path(), &kept, 800).expect("and back");
    let mission = Mission::open(home.path(), quiet).expect("opens");
    assert_eq!(
        mission.task(late).expect("there").title,
        "made after the backup"
    );
}

#[test]
fn words_find_tasks_and_are_never_an_expression() {
    let world = world();
    let mut new = world.build("Add a health endpoint");
    new.description = "It answers 200 while the service lives.".into();
    let health = world.add(new);
    world.add(world.build("Rounding of prices"));
    let find = |words: &str| {
        let found = world.mission.search(words, 10).expect("searches");
        found.into_iter().map(|m| m.task.id).collect::<Vec<_>>()
    };
    assert_eq!(find("health"), [health]);
    assert_eq!(find("answering services"), [health], "by their stems");
    for words in [
        "",
        "\" OR *",
        "NEAR(",
        "title:health^",
        "health prices",
        "-",
    ] {
        let _answers = find(words);
    }
    assert_eq!(find("title:health").len(), 0, "both words are needed");
    let claim = world.claim().expect("health");
    let retry = Effect::Retry {
        why: "gate".into(),
        findings: vec!["the flamingo case is red".into()],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    world
        .mission
        .apply(&claim.fence, "gate failed", vec![retry], 300)
        .expect("applies");
    assert_eq!(find("flamingo"), [health], "findings are searched too");
    let shown = world.mission.search("flamingo", 1).expect("searches");
    assert!(
        shown[0].excerpt.contains("[flamingo]"),
        "{}",
        shown[0].excerpt
    );
}

#[test]
fn numbers_are_counted_in_one_moment() {
    let world = busy();
    let done = world.add(world.build("by hand"));
    world
        .mission
        .act(done, Event::Override, "I did it".into(), "me", 300)
        .expect("closes");
    let stats = world.mission.stats().expect("counts");
    assert_eq!(stats.overrides, 1);
    assert_eq!(stats.tasks.get("waiting"), Some(&1));
    assert_eq!(stats.runs.get("live"), Some(&1));
    assert_eq!(stats.longest_wait.map(|(_, since)| since), Some(210));
    assert!(stats.bytes > 0 && stats.events > 5);
}
