//! Which blueprint a task walks.

use super::{changed, pack};
use crate::company::{Company, Lack, Stage, WalkBy, leads, parse, walk, walk_instead, ways};
use crate::ids::{Epoch, TaskId};
use crate::routing::WorkType;
use crate::task::{Task, TaskKind};

fn acme() -> Company {
    parse(&pack()).expect("the pack is good").0
}

fn task(kind: TaskKind, title: &str) -> Task {
    Task {
        id: TaskId(1),
        kind,
        goal: None,
        parent: None,
        lineage: None,
        title: title.into(),
        description: String::new(),
        priority: crate::task::Priority::Medium,
        owner: None,
        tags: vec![],
        project: None,
        acceptance: vec![],
        checks: vec![],
        changes_tests: vec![],
        paths: vec![],
        company_pin: None,
        model_pin: None,
        class: None,
        state: crate::task::State::Open,
        epoch: Epoch(0),
        counters: crate::task::Counters::default(),
        waiting: None,
        base: None,
        start_from: None,
        head: None,
        handed: None,
        integrated: None,
        solo: false,
        blueprint: None,
        inputs: std::collections::BTreeMap::new(),
        planning: None,
        sandbox: crate::cage::Sandbox::On,
        findings: vec![],
        cleared: vec![],
        created_ms: 0,
        updated_ms: 0,
        run_at_ms: 0,
    }
}

fn chosen(task: &Task, company: &Company) -> (String, WalkBy) {
    let walk = walk(task, company);
    (walk.blueprint, walk.by)
}

#[test]
fn a_pin_stands_above_the_type_and_the_type_above_the_stage() {
    let acme = acme();
    let work = |work| WalkBy::Work(work);
    for (kind, title, want, by) in [
        (
            TaskKind::Build,
            "Add an export",
            "one",
            WalkBy::Stage(Stage::Build),
        ),
        (
            TaskKind::Build,
            "Fix the crash",
            "three",
            work(WorkType::Bugfix),
        ),
        (
            TaskKind::Build,
            "Write the README documentation",
            "four",
            work(WorkType::Docs),
        ),
        (
            TaskKind::Review,
            "Fix the crash",
            "two",
            WalkBy::Stage(Stage::Review),
        ),
        (
            TaskKind::Docs,
            "Fix the crash",
            "minion-docs",
            WalkBy::Usual(Stage::Docs),
        ),
        (
            TaskKind::Ops,
            "Fix the crash",
            "minion-one-shot",
            WalkBy::Usual(Stage::Ops),
        ),
        (
            TaskKind::Security,
            "Fix it",
            "review-readonly",
            WalkBy::Usual(Stage::Security),
        ),
    ] {
        let mut task = task(kind, title);
        assert_eq!(
            chosen(&task, &acme),
            (want.to_owned(), by.clone()),
            "{kind} {title}"
        );
        task.blueprint = Some("mine".into());
        let pinned = chosen(&task, &acme);
        match Stage::of(kind).builds() {
            true => assert_eq!(pinned, ("mine".to_owned(), WalkBy::TaskPin)),
            false => assert_eq!(
                pinned.1, by,
                "a judge's blueprint is not chosen by who is judged"
            ),
        }
    }
}

#[test]
fn a_follow_up_walks_the_stages_blueprint_whatever_its_words_say() {
    let mut next = task(TaskKind::Build, "[BUILD] Fix: the error is not logged");
    next.tags = vec![crate::pipeline::FOLLOW_UP_TAG.into()];
    let by_stage = ("one".to_owned(), WalkBy::FollowUp);
    assert_eq!(chosen(&next, &acme()), by_stage);
    next.class = Some(crate::routing::classify("Fix the crash", ""));
    assert_eq!(chosen(&next, &acme()), by_stage);
    let said = walk(&next, &acme()).said(&acme());
    assert_eq!(
        said,
        "blueprint one: Acme walks it at stage build; a follow-up is of no type"
    );
}

#[test]
fn no_shipped_company_builds_what_is_called_a_review_as_documents() {
    for (name, files) in crate::company::tests::shipped_packs() {
        let (company, _) = parse(&files).unwrap_or_else(|_| panic!("{name} is whole"));
        let mut rework = task(TaskKind::Build, "Rework: Harden the session cookies");
        rework.description = "The change was sent back by #12 (REVIEW).".into();
        let own = company.walks.stages.get(&Stage::Build);
        if let Some(own) = own {
            let last = ways(&rework, &company).pop();
            assert_eq!(last.map(|way| way.blueprint).as_ref(), Some(own), "{name}");
            assert!(
                !ways(&rework, &company)
                    .iter()
                    .any(|way| way.by == WalkBy::Work(WorkType::Review)),
                "{name}"
            );
        }
    }
}

#[test]
fn what_hits_a_safety_rule_is_not_believed_what_it_says_of_itself() {
    let railed = task(TaskKind::Build, "BankID: fix the crash");
    assert_eq!(
        chosen(&railed, &acme()),
        ("one".to_owned(), WalkBy::Stage(Stage::Build))
    );
}

#[test]
fn a_review_is_a_stage_where_the_company_reviews_and_else_a_type() {
    let acme = acme();
    assert_eq!(acme.walks.work.get(&WorkType::Review), None);
    assert_eq!(acme.walks.stages[&Stage::Review], "two");
    let files = changed("company.json", ", \"review\": \"reviewer\"", "");
    let (builds, _) = parse(&files).expect("the pack is good");
    assert_eq!(builds.walks.work[&WorkType::Review], ["two"]);
    assert_eq!(builds.walks.stages.get(&Stage::Review), None);
}

#[test]
fn a_choice_says_whose_it_is() {
    let acme = acme();
    let said = |title: &str| walk(&task(TaskKind::Build, title), &acme).said(&acme);
    assert_eq!(
        said("Fix the crash"),
        "blueprint three: Acme walks it for bugfix"
    );
    assert_eq!(
        said("Add an export"),
        "blueprint one: Acme walks it at stage build"
    );
}

#[test]
fn a_lead_is_at_work_where_somebody_asks_for_it_and_for_a_part() {
    let mut acme = acme();
    let spec = |parent: Option<i64>, blueprint: Option<&str>| Task {
        goal: Some(TaskId(7)),
        parent: parent.map(TaskId),
        blueprint: blueprint.map(str::to_owned),
        ..task(TaskKind::Spec, "Spec: a goal")
    };
    let led = |task: &Task, company: &Company| leads(task, company).map(|w| (w.blueprint, w.by));
    assert_eq!(
        led(&spec(Some(7), None), &acme),
        None,
        "one answer is the plan"
    );
    assert_eq!(
        led(&spec(Some(7), Some("ours")), &acme),
        Some(("ours".into(), WalkBy::TaskPin))
    );
    assert_eq!(
        led(&spec(Some(8), None), &acme),
        Some(("lead-delegates".into(), WalkBy::Part))
    );
    acme.walks.plan = Some("theirs".into());
    for parent in [7, 8] {
        assert_eq!(
            led(&spec(Some(parent), None), &acme),
            Some(("theirs".into(), WalkBy::Plan))
        );
    }
    assert_eq!(led(&task(TaskKind::Build, "Build it"), &acme), None);
    assert!(acme.walks.names().any(|name| name == "theirs"));
}

#[test]
fn a_pack_names_what_its_lead_walks_by_the_word_plan() {
    let with = |name: &str| {
        let from = "\"blueprints\": {";
        let to = format!("{from}\"plan\": \"{name}\", ");
        changed("config.json", from, &to)
    };
    let read = parse(&with("lead-delegates")).expect("it is read");
    assert_eq!(read.0.walks.plan.as_deref(), Some("lead-delegates"));
    let wrong = parse(&with("../x")).expect_err("no name").to_string();
    assert!(wrong.contains("cannot name a blueprint"), "{wrong}");
}

/// What each shipped company that builds walks for each sort of work, by a title that says which it is. A company that is not named
/// walks its stage's own for all three.
#[test]
fn every_shipped_company_mends_and_reshapes_in_the_way_that_is_made_for_it() {
    let ordinary = ["minion-one-shot"; 3];
    let mends = ["minion-bugfix", "minion-refactor", "minion-bugfix"];
    let known = [
        ("AgentForge", mends),
        ("CodeCraft", mends),
        ("Datavera", mends),
        ("Finverge", mends),
        ("Skybound", mends),
        ("Vizu", mends),
        (
            "Securion",
            [
                "minion-security-fix",
                "minion-one-shot",
                "minion-security-fix",
            ],
        ),
        ("Axiom", ordinary),
        ("Entra", ordinary),
        ("FlowForge", ordinary),
        ("Proveo", ordinary),
    ];
    let titles = [
        ("Fix the crash in the parser", WorkType::Bugfix),
        ("Refactor the parser", WorkType::Refactor),
        ("Fix the SQL injection in the search", WorkType::Bugfix),
    ];
    for (name, files) in super::shipped_packs() {
        let (company, _) = parse(&files).unwrap_or_else(|error| panic!("{error}"));
        let known = known.iter().find(|(known, _)| *known == name);
        for (at, (title, work)) in titles.iter().enumerate() {
            let task = task(TaskKind::Build, title);
            let class = crate::routing::classify(title, "");
            assert_eq!((class.work, class.rail), (*work, None), "{title}");
            let (walked, by) = chosen(&task, &company);
            match known {
                Some((_, want)) => assert_eq!(walked, want[at], "{name}: {title}, {by:?}"),
                None => assert_ne!(
                    by,
                    WalkBy::Work(*work),
                    "{name} is not in the table: {title}"
                ),
            }
        }
    }
}

#[test]
fn what_the_ground_does_not_bear_is_walked_on_the_stages_own_way() {
    let acme = acme();
    let chosen = walk(&task(TaskKind::Build, "Fix the crash"), &acme);
    assert_eq!(chosen.blueprint, "three");
    let other = walk_instead(TaskKind::Build, &acme, &chosen, "it is red".into());
    assert_eq!(other.blueprint, "one");
    assert_eq!(
        other.said(&acme),
        "blueprint one instead of three: it is red"
    );
    // A stage whose own is the very one that cannot be walked.
    let again = walk_instead(TaskKind::Build, &acme, &other, "it is red".into());
    assert_eq!(again.blueprint, "minion-one-shot");
}

#[test]
fn a_list_is_tried_in_its_order_and_the_stages_own_is_the_last() {
    let from = "\"blueprints\": {";
    let list = |list: &str| changed("config.json", from, &format!("{from}{list}, "));
    let named = |walks: &[crate::company::Walk]| -> Vec<String> {
        walks.iter().map(|walk| walk.blueprint.clone()).collect()
    };
    let (acme, _) = parse(&list("\"scaffold\": [\"five\", \"six\"]")).expect("it is read");
    let scaffold = task(TaskKind::Build, "Scaffold an API called orders");
    assert_eq!(named(&ways(&scaffold, &acme)), ["five", "six", "one"]);
    assert_eq!(
        chosen(&scaffold, &acme),
        ("five".to_owned(), WalkBy::Work(WorkType::Scaffold))
    );
    let railed = task(TaskKind::Build, "BankID: scaffold an API");
    assert_eq!(named(&ways(&railed, &acme)), ["one"]);
    let mut pinned = scaffold.clone();
    pinned.blueprint = Some("mine".into());
    assert_eq!(named(&ways(&pinned, &acme)), ["mine"]);
    // What was passed by is told, each with what the task does not give.
    let mut all = ways(&scaffold, &acme);
    let mut own = all.pop().expect("the stage's own");
    own.passed = all
        .into_iter()
        .map(|way| {
            way.lacking(Lack {
                input: "name".into(),
                about: " (of the package)".into(),
            })
        })
        .collect();
    assert_eq!(
        own.said(&acme),
        "blueprint one: Acme walks it at stage build, and not five for scaffold, because the task gives no `name` (of the package), \
         and not six for scaffold, because the task gives no `name` (of the package)"
    );
    // A stage's list is for all of its tasks, and its last one is the stage's own.
    let of_stage = changed(
        "config.json",
        "\"build\": \"one\"",
        "\"build\": [\"five\", \"one\"]",
    );
    let (acme, _) = parse(&of_stage).expect("it is read");
    assert_eq!(
        named(&ways(&task(TaskKind::Build, "Add an export"), &acme)),
        ["five", "one"]
    );
    assert_eq!(named(&ways(&railed, &acme)), ["one"]);
    assert!(acme.walks.names().any(|name| name == "five"));
    for (wrong, says) in [
        ("\"scaffold\": []", "the list names no blueprint"),
        ("\"scaffold\": [\"a\", \"a\"]", "`a` is named twice"),
        ("\"scaffold\": [\"a\", \"../b\"]", "cannot name a blueprint"),
        ("\"plan\": [\"a\", \"b\"]", "`plan` takes one blueprint"),
        (
            "\"scaffold\": [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\"]",
            "at most 8 blueprints",
        ),
        ("\"scaffold\": 5", "a list of names"),
    ] {
        let said = parse(&list(wrong)).expect_err(wrong).to_string();
        assert!(said.contains(says), "{said}");
    }
}
