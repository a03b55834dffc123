//! Tables for paths and for who waits, and random factories in which everybody comes to an end.

use proptest::prelude::*;

use super::*;
use crate::ids::{Epoch, ProjectId};
use crate::task::{NewTask, State, TaskKind};

const NOW: i64 = 10 * WAIT_MS_MAX;

#[test]
fn paths_meet_exactly_where_they_are_told_apart() {
    for (one, other, want) in [
        ("src/x.rs", "src/x.rs", true),
        ("src/x.rs", "src/y.rs", false),
        ("src/x.rs", "./src//x.rs", true),
        ("src/", "src/x.rs", true),
        ("src", "src/a/b.rs", true),
        ("src", "source/x.rs", false),
        ("src/x", "src/x.rs", false),
        ("src/a", "src/b", false),
        (".", "anything", true),
        ("**", "anything", true),
        ("*.md", "README.md", true),
        ("*.md", "docs/README.md", false),
        ("**/*.md", "docs/README.md", true),
        ("**/*.md", "README.md", true),
        ("docs/**/*.md", "src/x.rs", false),
        // What is declared as one name may be a folder, with a page in it.
        ("**/*.md", "src/x.rs", true),
        // A name that a glob means may be a folder: in doubt they meet.
        ("src/*", "src/a/b.rs", true),
        ("src/*.rs", "src/a/b.rs", false),
        ("src/*.rs", "src/x?.rs", true),
        ("a*c", "*bd", false),
        ("a*c", "*bc", true),
        ("**/a/**", "b/**/c", true),
        ("a/**/b", "a/c", true),
        ("a/*/b", "a/c/d", false),
        ("tests/a*.sh", "tests/b*.sh", false),
        // Brackets and braces may mean anything from there on.
        ("src/[ab].rs", "src/z.rs", true),
        ("src/{a,b/c}.rs", "src/z", true),
        ("src/[ab].rs", "docs/a.md", false),
        (r"app/\[id\]/page.tsx", "app/[id]/page.tsx", true),
        (r"app/\[id\]/page.tsx", "app/about/page.tsx", false),
        ("app/[id]/page.tsx", "app/about/page.tsx", true),
        (r"a\*b", "acb", false),
        ("e\u{301}.rs", "é.rs", true),
    ] {
        assert_eq!(meet(one, other), want, "{one} and {other}");
        assert_eq!(meet(other, one), want, "{other} and {one}");
    }
}

/// Tried way by way, each `**` doubles the work: this would never end.
#[test]
fn many_stars_are_compared_in_bounded_work() {
    let stars = format!("{}x", "**/".repeat(60));
    let path = ["a"; 90].join("/");
    assert!(meet(&stars, &path), "below the path an x may be");
    let long = "a".repeat(90);
    assert!(!meet(&format!("{}b", "*a".repeat(60)), &long));
    assert!(meet(&"*a".repeat(60), &long));
}

fn area(declared: &[&str], touched: &[&str]) -> Area {
    let mut area = Area::default();
    area.declare(&declared.iter().map(ToString::to_string).collect::<Vec<_>>());
    area.touch(touched.iter().map(ToString::to_string));
    area
}

#[test]
fn areas_meet_by_what_is_declared_and_by_what_was_changed() {
    for (one, other, want) in [
        (area(&[], &[]), area(&["**"], &[]), None),
        (
            area(&["src/"], &[]),
            area(&["src/x.rs"], &[]),
            Some("src/x.rs"),
        ),
        (
            area(&["src/"], &[]),
            area(&[], &["src/x.rs"]),
            Some("src/x.rs"),
        ),
        (area(&[], &["a", "b"]), area(&[], &["b", "c"]), Some("b")),
        (area(&[], &["a"]), area(&[], &["c"]), None),
        // What was changed is a file, and nothing is below it.
        (area(&["**/*.md"], &[]), area(&[], &["src/x.rs"]), None),
        (area(&["src/x.rs/y"], &[]), area(&[], &["src/x.rs"]), None),
        // What was changed is a name, whatever is in it.
        (area(&[], &["app/[id]/x"]), area(&[], &["app/a/x"]), None),
        (
            area(&[], &["app/[id]/x"]),
            area(&["app"], &[]),
            Some("app/[id]/x"),
        ),
        // A report says how many files it leaves out, and cuts long ones.
        (area(&[], &["a", "[12 more]"]), area(&[], &["z"]), Some("z")),
        (
            area(&[], &["a/b/long [cut]"]),
            area(&[], &["a/b/longer"]),
            Some("a/b/longer"),
        ),
        (area(&[], &["a/b/long [cut]"]), area(&[], &["a/c"]), None),
        (area(&[], &["long [cut]"]), area(&[], &["a/c"]), Some("a/c")),
    ] {
        assert_eq!(one.meets(&other).as_deref(), want, "{one:?} and {other:?}");
        assert_eq!(other.meets(&one).as_deref(), want, "{other:?} and {one:?}");
    }
    let many: Vec<String> = (0..600).map(|n| format!("f{n}")).collect();
    let mut wide = Area::default();
    wide.touch(many);
    assert!(wide.meets(&area(&[], &["other"])).is_some(), "not compared");
    assert_eq!(wide.meets(&Area::default()), None);
}

fn task(id: i64) -> Task {
    let new = NewTask::new(TaskKind::Build, "t");
    Task {
        id: TaskId(id),
        kind: new.kind,
        goal: None,
        parent: None,
        lineage: None,
        title: new.title,
        description: new.description,
        priority: new.priority,
        owner: None,
        tags: Vec::new(),
        project: Some(ProjectId(1)),
        acceptance: Vec::new(),
        checks: Vec::new(),
        changes_tests: Vec::new(),
        paths: Vec::new(),
        company_pin: None,
        model_pin: None,
        class: None,
        state: State::Open,
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
        findings: Vec::new(),
        cleared: Vec::new(),
        created_ms: NOW,
        updated_ms: NOW,
        run_at_ms: 0,
    }
}

fn line(root: i64, stands: Stands, path: &str) -> Line {
    Line {
        root: TaskId(root),
        at: TaskId(root + 100),
        stands,
        priority: Priority::Medium,
        begun_ms: NOW - 60_000,
        area: area(&[], &[path]),
        lays_ground: false,
    }
}

#[test]
fn who_waits_for_whom() {
    let src = area(&["src/"], &[]);
    let moving = [line(1, Stands::Moving, "src/x.rs")];
    let one = held(&task(2), &src, &moving, NOW).expect("they meet");
    assert_eq!(
        (one.by, one.place),
        (TaskId(101), Place::Path("src/x.rs".into()))
    );
    assert_eq!(one.until_ms, NOW + HELD_MS_MAX);
    let docs = area(&["docs/"], &[]);
    assert_eq!(held(&task(2), &docs, &moving, NOW), None, "elsewhere");
    assert_eq!(
        held(&task(2), &Area::default(), &moving, NOW),
        None,
        "nothing is known"
    );
    let next = [line(1, Stands::Next, "src/x.rs")];
    assert!(
        held(&task(2), &src, &next, NOW).is_some(),
        "what is sent back goes first"
    );
    let again = Task {
        epoch: Epoch(1),
        ..task(2)
    };
    assert_eq!(
        held(&again, &src, &next, NOW),
        None,
        "both are sent back: one of them begins"
    );
    assert!(held(&again, &src, &moving, NOW).is_some());
    let rework = Task {
        lineage: Some(TaskId(1)),
        ..task(3)
    };
    assert_eq!(
        held(&rework, &src, &moving, NOW),
        None,
        "it is the same line"
    );
    for (what, free) in [
        (
            "more urgent",
            Task {
                priority: Priority::High,
                ..task(2)
            },
        ),
        (
            "it judges",
            Task {
                kind: TaskKind::Review,
                ..task(2)
            },
        ),
        (
            "it plans",
            Task {
                kind: TaskKind::Spec,
                ..task(2)
            },
        ),
        (
            "never merged",
            Task {
                solo: true,
                ..task(2)
            },
        ),
        (
            "handed in",
            Task {
                handed: Some("c0ffee".into()),
                ..task(2)
            },
        ),
        (
            "it keeps its base",
            Task {
                base: Some("c0ffee".into()),
                ..task(2)
            },
        ),
        (
            "merges wait for it",
            Task {
                tags: vec![SYNC_TAG.into()],
                ..task(2)
            },
        ),
    ] {
        assert_eq!(held(&free, &src, &moving, NOW), None, "{what}");
    }
    let high = Line {
        priority: Priority::High,
        ..moving[0].clone()
    };
    assert!(held(&task(2), &src, &[high], NOW).is_some());
}

#[test]
fn in_a_repository_without_code_one_line_is_merged_before_the_next_begins() {
    let lays = Line {
        area: Area::default(),
        lays_ground: true,
        ..line(1, Stands::Moving, "")
    };
    let lines = std::slice::from_ref(&lays);
    let one = held(&task(2), &Area::default(), lines, NOW).expect("nothing is known of either");
    assert_eq!((one.by, one.place), (TaskId(101), Place::Ground));
    assert_eq!(one.until_ms, NOW + HELD_MS_MAX, "and not for ever");
    let elsewhere = area(&["docs/"], &[]);
    assert!(held(&task(2), &elsewhere, lines, NOW).is_some());
    let urgent = Task {
        priority: Priority::High,
        ..task(2)
    };
    let review = Task {
        kind: TaskKind::Review,
        ..task(2)
    };
    for (what, free) in [("more urgent", urgent), ("it judges", review)] {
        assert_eq!(held(&free, &Area::default(), lines, NOW), None, "{what}");
    }
}

#[test]
fn nobody_waits_for_ever() {
    let src = area(&["src/"], &[]);
    let waits = task(2);
    let moving = line(1, Stands::Moving, "src/x.rs");
    let at = |line: &Line, now_ms: i64| held(&waits, &src, std::slice::from_ref(line), now_ms);
    assert!(at(&moving, NOW + HELD_MS_MAX - 1).is_some());
    assert_eq!(at(&moving, NOW + HELD_MS_MAX), None, "one line, so long");
    // Others that begin one after the other hold it no longer than a day.
    let late = |begun_ms: i64| Line {
        begun_ms,
        ..moving.clone()
    };
    let near = NOW + WAIT_MS_MAX - 1_000;
    assert_eq!(
        at(&late(near), near).expect("it meets").until_ms,
        NOW + WAIT_MS_MAX
    );
    assert_eq!(at(&late(near), NOW + WAIT_MS_MAX), None);
    // Of two the one that it waits for the longest is named.
    let two = [moving.clone(), line(7, Stands::Moving, "src/y.rs")];
    assert_eq!(
        held(&waits, &src, &two, NOW).expect("both").by,
        TaskId(101),
        "the same: the older"
    );
    let two = [
        moving,
        Line {
            begun_ms: NOW + 5,
            ..two[1].clone()
        },
    ];
    assert_eq!(
        held(&waits, &src, &two, NOW + 9).expect("both").by,
        TaskId(107)
    );
}

/// Names over a small alphabet, so that they meet often.
fn pattern() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => proptest::collection::vec(prop_oneof![Just('a'), Just('b'), Just('*'), Just('?')], 1..4)
            .prop_map(|marks| marks.into_iter().collect::<String>()),
        1 => Just("**".to_owned()),
    ];
    proptest::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

/// Whether a pattern means a path, tried way by way: the meaning that `meet` is held against.
fn means(parts: &[&str], path: &[&str]) -> bool {
    fn name(glob: &[u8], text: &[u8]) -> bool {
        match (glob.first(), text.first()) {
            (None, None) => true,
            (Some(b'*'), _) => {
                name(&glob[1..], text) || (!text.is_empty() && name(glob, &text[1..]))
            }
            (Some(b'?'), Some(_)) => name(&glob[1..], &text[1..]),
            (Some(g), Some(t)) if g == t => name(&glob[1..], &text[1..]),
            (Some(_) | None, _) => false,
        }
    }
    match (parts.first(), path.first()) {
        // Whatever is left is below.
        (None, _) => true,
        (Some(&"**"), _) => {
            means(&parts[1..], path) || (!path.is_empty() && means(parts, &path[1..]))
        }
        (Some(_), None) => false,
        (Some(part), Some(own)) => {
            name(part.as_bytes(), own.as_bytes()) && means(&parts[1..], &path[1..])
        }
    }
}

/// Every path of up to three names over two letters of up to two.
fn all_paths() -> Vec<Vec<&'static str>> {
    let names = ["a", "b", "aa", "ab", "ba", "bb"];
    let mut all: Vec<Vec<&str>> = vec![Vec::new()];
    let mut last = all.clone();
    for _ in 0..3 {
        let longer = last.iter();
        last = longer
            .flat_map(|path| names.map(|name| [path.as_slice(), &[name]].concat()))
            .collect();
        all.extend(last.clone());
    }
    all.retain(|path| !path.is_empty());
    all
}

proptest! {
    /// What any path shows to meet is never said to be apart.
    #[test]
    fn patterns_that_share_a_path_meet(one in pattern(), other in pattern()) {
        let (left, right): (Vec<&str>, Vec<&str>) = (one.split('/').collect(), other.split('/').collect());
        let both = all_paths().into_iter().find(|path| means(&left, path) && means(&right, path));
        if let Some(path) = both {
            prop_assert!(meet(&one, &other), "{one} and {other} both mean {}", path.join("/"));
        }
        prop_assert_eq!(meet(&one, &other), meet(&other, &one));
    }

    /// A pattern and one path: exactly where something is, at the path or below it, that the pattern means.
    #[test]
    fn a_path_meets_exactly_the_patterns_that_mean_it_or_what_is_below(glob in pattern(), at in 0usize..258) {
        let path = &all_paths()[at];
        let parts: Vec<&str> = glob.split('/').collect();
        // Of all that may be below, what the rest of the pattern itself names is enough to look at.
        let plain = |part: &&str| match part.replace('*', "").replace('?', "a") {
            name if name.is_empty() => "a".to_owned(),
            name => name,
        };
        let below = (0..=parts.len()).map(|from| {
            let rest = parts[from..].iter().filter(|part| **part != "**").map(plain);
            path.iter().map(ToString::to_string).chain(rest).collect::<Vec<_>>()
        });
        let want = below.into_iter().any(|path| {
            means(&parts, &path.iter().map(String::as_str).collect::<Vec<_>>())
        });
        prop_assert_eq!(meet(&glob, &path.join("/")), want, "{} and {}", glob, path.join("/"));
    }

    /// A factory that gives out what is not held, in the queue's order, comes to the end of all work, and no two that meet are at work together.
    #[test]
    fn everybody_has_a_turn_and_nobody_works_beside_what_meets_him(
        areas in proptest::collection::vec(proptest::collection::vec(0usize..5, 0..3), 1..9),
        rejects in proptest::collection::vec(0u8..2, 9),
        slots in 1usize..4,
    ) {
        let names = ["a/", "a/x", "b/*", "b/y", "c"];
        let area_of = |at: usize| area(&areas[at].iter().map(|n| names[*n]).collect::<Vec<_>>(), &[]);
        // What each has left: to be built as often, then done. A line that was begun is at work or to be built once more.
        let mut left: Vec<u8> = rejects.iter().take(areas.len()).map(|r| r + 1).collect();
        let mut begun = vec![false; areas.len()];
        let mut working: Vec<usize> = Vec::new();
        for _ in 0..areas.len() * 8 {
            loop {
                let lines: Vec<Line> = (0..areas.len())
                    .filter(|at| begun[*at] && left[*at] > 0)
                    .map(|at| {
                        let stands = if working.contains(&at) { Stands::Moving } else { Stands::Next };
                        Line { area: area_of(at), ..line(at as i64 + 1, stands, "") }
                    })
                    .collect();
                let free = (0..areas.len()).filter(|at| left[*at] > 0 && !working.contains(at));
                let next = free.into_iter().find(|at| {
                    let epoch = Epoch(i64::from(begun[*at]));
                    let waits = Task { epoch, ..task(*at as i64 + 1) };
                    held(&waits, &area_of(*at), &lines, NOW).is_none()
                });
                let Some(next) = next.filter(|_| working.len() < slots) else { break };
                for other in &working {
                    prop_assert!(area_of(next).meets(&area_of(*other)).is_none(), "{next} beside {other}");
                }
                begun[next] = true;
                working.push(next);
            }
            prop_assert!(!working.is_empty() || left.iter().all(|l| *l == 0), "nobody works: {left:?}");
            if working.is_empty() {
                break;
            }
            let ends = working.remove(0);
            left[ends] -= 1;
        }
        prop_assert!(left.iter().all(|l| *l == 0), "{left:?}");
    }
}
