//! What is said on one line of work: by whom, once, and for good.

use alai_core::brief::Role;
use alai_core::session::{ENTRIES_MAX, EntryKind, NOTES_MAX, Note, Report};
use alai_mission::Said;

use super::*;

fn note(text: &str) -> Note {
    Note {
        kind: EntryKind::Decision,
        text: text.into(),
    }
}

fn said(text: &str) -> Said {
    Said {
        role: None,
        company: None,
        kind: EntryKind::Note,
        text: text.into(),
        report: None,
    }
}

fn reported(summary: &str) -> Effect {
    Effect::Report {
        agent: "builder".into(),
        report: Report {
            summary: summary.into(),
            files: vec!["a.rs".into()],
            ..Report::default()
        },
    }
}

fn texts(world: &World, task: TaskId) -> Vec<String> {
    let session = world.mission.session(task, 0).expect("a session");
    session.entries.into_iter().map(|e| e.text).collect()
}

#[test]
fn a_line_of_work_has_one_session_and_each_entry_says_whose_it_is() {
    let world = world();
    let m = &world.mission;
    let build = world.add(world.build("t"));
    assert_eq!(m.session(build, 0).expect("answers").begun, None);
    let claim = world.claim().expect("a claim");
    m.describe_run(&claim.fence, alai_core::mode::Mode::Real, "CodeCraft", "m")
        .expect("described");
    m.noted(&claim.fence, Role::Builder, note("kept the name"), 110)
        .expect("noted");
    let effects = vec![complete(), review_of(&world, build), reported("built")];
    let made = m
        .apply(&claim.fence, "gate passed", effects, 120)
        .expect("applied");
    let in_name = Said {
        role: Some(Role::Reviewer),
        company: Some("Proveo".into()),
        ..said("look at the edges")
    };
    m.append(made[0], in_name, "ada", 130).expect("appended");
    m.append(made[0], said("thanks"), "ada", 140)
        .expect("appended");
    let of_build = m.session(build, 0).expect("a session");
    assert_eq!(of_build, m.session(made[0], 0).expect("the same"));
    assert_eq!(of_build.lineage, build);
    let who: Vec<String> = of_build.entries.iter().map(|e| e.who()).collect();
    assert_eq!(
        who,
        [
            "builder of CodeCraft on #1",
            "builder of CodeCraft on #1",
            "reviewer of Proveo (written by ada) on #2",
            "ada on #2",
        ]
    );
    assert_eq!(of_build.entries[1].kind, EntryKind::Report);
    assert_eq!(
        of_build.entries[1].report.as_ref().map(|r| r.files.len()),
        Some(1)
    );
    let after = m.session(build, of_build.entries[2].id).expect("the rest");
    assert_eq!(after.entries, of_build.entries[3..]);
    world.sound();
}

#[test]
fn follow_ups_and_documentation_belong_to_it_and_a_persons_subtasks_do_not() {
    let world = world();
    let m = &world.mission;
    let build = world.add(world.build("t"));
    let child = |kind, parent, lineage| {
        let mut task = NewTask::new(kind, "c");
        task.parent = Some(parent);
        task.lineage = lineage;
        task.project = Some(world.project);
        world.add(task)
    };
    let review = child(TaskKind::Review, build, Some(build));
    let follow_up = child(TaskKind::Build, review, None);
    let its_review = child(TaskKind::Review, follow_up, Some(follow_up));
    let docs = child(TaskKind::Docs, build, None);
    let subtask = child(TaskKind::Build, build, None);
    let root = |task| m.session(task, 0).expect("a session").lineage;
    for task in [build, review, follow_up, its_review, docs] {
        assert_eq!(root(task), build, "{task}");
    }
    assert_eq!(root(subtask), subtask);
    world.sound();
}

#[test]
fn a_run_that_has_lost_its_task_says_nothing_more_and_what_it_said_stays() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    let first = world.claim().expect("a claim");
    m.noted(&first.fence, Role::Builder, note("before"), 110)
        .expect("noted");
    let back = Effect::Retry {
        why: "lost".into(),
        findings: Vec::new(),
        counters: m.task(task).expect("a task").counters,
        run_at_ms: 0,
    };
    m.recover(vec![(first.fence.run.clone(), back)], "killed", 120)
        .expect("lost");
    let late = m.noted(&first.fence, Role::Builder, note("after"), 130);
    assert!(late.expect_err("stale").is_stale());
    let second = world.claim().expect("again");
    let mut forged = second.fence.clone();
    forged.run = first.fence.run.clone();
    let forged = m.noted(&forged, Role::Builder, note("forged"), 140);
    assert!(forged.expect_err("another's name").is_stale());
    let line = m.notes_of(&second.fence.run).expect("notes");
    assert_eq!(line.len(), 1, "it goes on with the first one's: {line:?}");
    assert_eq!(texts(&world, task), ["before"]);
    world.sound();
}

#[test]
fn an_end_is_reported_once_however_often_it_is_asked_for() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    for now in [110, 120] {
        let effects = vec![complete(), review_of(&world, task), reported("built")];
        m.apply(&claim.fence, "gate passed", effects, now)
            .expect("applied, then answered again");
    }
    let other = m.apply(&claim.fence, "otherwise", vec![reported("twice")], 130);
    assert!(other.expect_err("it has ended").is_stale());
    assert_eq!(texts(&world, task), ["built"]);
    world.sound();
}

#[test]
fn a_report_that_cannot_be_kept_leaves_the_run_as_it_was() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let long = reported(&"x".repeat(10_000));
    let effects = vec![complete(), review_of(&world, task), long];
    m.apply(&claim.fence, "gate passed", effects, 110)
        .expect_err("the table refuses it");
    assert_eq!(world.state(task), State::Started);
    assert_eq!(texts(&world, task), Vec::<String>::new());
    world.sound();
}

#[test]
fn runs_and_people_say_only_so_much() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let noted = || m.noted(&claim.fence, Role::Builder, note("again"), 110);
    for _ in 0..NOTES_MAX {
        noted().expect("noted");
    }
    assert!(matches!(noted(), Err(MissionError::SessionFull(t)) if t == task));
    for _ in 0..ENTRIES_MAX {
        m.append(task, said("again"), "ada", 120).expect("appended");
    }
    let more = m.append(task, said("again"), "ada", 130);
    assert!(matches!(more, Err(MissionError::SessionFull(_))));
    let effects = vec![complete(), review_of(&world, task), reported("built")];
    m.apply(&claim.fence, "gate passed", effects, 140)
        .expect("a run is reported all the same");
    assert_eq!(
        texts(&world, task).last().map(String::as_str),
        Some("built")
    );
    world.sound();
}

#[test]
fn what_was_said_is_never_changed_and_goes_along_with_an_export() {
    let world = world();
    let m = &world.mission;
    let task = world.add(world.build("t"));
    m.append(task, said("kept"), "ada", 110).expect("appended");
    let sql = rusqlite::Connection::open(world.home.path().join("mission.db")).expect("a file");
    for change in ["UPDATE entry SET text = 'other'", "DELETE FROM entry"] {
        let refused = sql.execute(change, []).expect_err("a trigger");
        assert!(
            refused.to_string().contains("what was said is never"),
            "{refused}"
        );
    }
    let mut text = Vec::new();
    m.export(&mut text).expect("exported");
    let other = tempfile::tempdir().expect("a folder");
    let copy = Mission::open(other.path(), |_| {}).expect("a store");
    copy.import(std::io::Cursor::new(text)).expect("imported");
    assert_eq!(
        copy.session(task, 0).expect("a session"),
        m.session(task, 0).expect("a session")
    );
}
