//! The seed's five lines as they stand there, with `alai mc add` in the place of `node mc.js add`: no dependencies, no blueprint, no tag. What a
//! builder would say is a small recording; the scaffold is the shipped one, for which no model is asked.

use alai_core::ids::TaskId;
use alai_core::task::{State, Task};
use alai_mission::{MergeKind, MergeRow, MergeState, RunRow, fsck};
use alai_testkit::git;
use serde_json::Value;

use super::{Typed, tasks};
use crate::script::{Script, write};

/// Seed 004, 5.1, step 1.
const LINES: [&str; 5] = [
    "mc add \"Bento: Project scaffold — Next.js frontend + Kotlin/Ktor API\" -p H -t alem",
    "mc add \"Bento: Database schema design — users, subscriptions, meals, deliveries\" -p H",
    "mc add \"Bento: Landing page design — Nordic minimalist, hero + pricing + CTA\" -p H",
    "mc add \"Bento: API — user auth + subscription management endpoints\" -p H",
    "mc add \"Bento: Frontend — meal selection + checkout flow\" -p H",
];
const BUILD: &str = "python3 -m compileall -q .";
const TEST: &str = "test ! -d tests || python3 -m unittest discover -v -s tests";

/// A line as a shell takes it apart.
fn words(line: &str) -> Vec<&str> {
    let (before, rest) = line.split_once('"').expect("a title");
    let (title, after) = rest.split_once('"').expect("its end");
    let before = before.split_whitespace();
    before
        .chain([title])
        .chain(after.split_whitespace())
        .collect()
}

/// A module beside what the scaffold wrote, with a test of both.
fn upon(script: Script, (title, name, ground): (&str, &str, &str)) -> Script {
    let module = format!(
        "\"\"\"What is counted as {name}.\"\"\"\n\nimport pathlib\n\nGROUND = pathlib.Path(\"{ground}\")\n\n\ndef label(count):\n    \
         return f\"{{count}} {name}\" if GROUND.exists() else \"\"\n"
    );
    let test = format!(
        "import unittest\n\nimport {name}\n\n\nclass Label(unittest.TestCase):\n    def test_is_upon_the_scaffold(self):\n        \
         self.assertEqual({name}.label(2), \"2 {name}\")\n"
    );
    let calls = [
        write(&format!("{name}.py"), &module),
        write(&format!("tests/test_{name}.py"), &test),
    ];
    script.builds(title, &calls)
}

/// Each task with its module, and a file of the scaffold without which it is nothing.
const UPON: [(&str, &str, &str); 4] = [
    ("Database schema design", "tables", "api/build.gradle.kts"),
    ("Landing page design", "landing", "web/package.json"),
    ("user auth", "accounts", "api/build.gradle.kts"),
    ("meal selection", "menus", "web/package.json"),
];

#[test]
fn the_lines_of_the_seed_alone_become_a_product_that_stands_on_its_scaffold() {
    let typed = Typed::with("");
    let script = UPON.into_iter().fold(Script::good(), upon);
    let path = typed.world.path("script.json");
    std::fs::write(&path, script.text()).expect("the script");
    let path = Value::from(path.display().to_string());
    typed.set(&format!("slots = 5\n\n[fleet]\nscript = {path}\n"));
    let add = [
        "project",
        "add",
        ".",
        "--build",
        BUILD,
        "--test",
        TEST,
        "--deliver",
        "auto",
    ];
    typed.line(&add);
    for line in LINES {
        typed.line(&words(line));
    }
    let daemon = typed.world.up();
    // Slots are free for all five.
    typed.until("the scaffold is at work", |typed| {
        !runs(typed, 1).is_empty()
    });
    let why = typed.world.alai(["why", "2"]).exits(0);
    if merged_ms(&typed).is_none() {
        why.says("rule      overlap")
            .says("its repository has no code yet, and #");
    }
    typed.until("all is merged", Typed::rests);
    typed.world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(fsck(&typed.reader).expect("fsck runs"), []);
    let all = tasks(&typed.reader);
    let unfinished: Vec<&Task> = all.iter().filter(|t| t.state != State::Done).collect();
    assert!(unfinished.is_empty(), "{unfinished:?}");
    // Nothing was built twice, and each has its review and its audit.
    assert_eq!(all.len(), 15, "{}", typed.world.list());
    for task in &all {
        assert!(task.tags.iter().any(|tag| tag == "bento"), "{task:?}");
        assert_eq!(runs(&typed, task.id.0).len(), 1, "{task:?}");
    }
    // No model is asked for the scaffold, by its title.
    assert_eq!(runs(&typed, 1)[0].pipeline.as_deref(), Some("no-model"));
    let merged_ms = merged_ms(&typed).expect("it is merged");
    for task in 2..=5 {
        let begun_ms = runs(&typed, task)[0].started_ms;
        assert!(
            begun_ms >= merged_ms,
            "#{task} began before there was anything"
        );
    }
    for (_, name, ground) in UPON {
        for path in [format!("{name}.py"), ground.to_owned()] {
            let there = git::git(
                &typed.world.path("bento"),
                &["cat-file", "-e", &format!("main:{path}")],
            );
            there.expect("it is delivered");
        }
    }
}

fn runs(typed: &Typed, task: i64) -> Vec<RunRow> {
    typed.reader.runs_of(TaskId(task)).expect("runs")
}

/// When the scaffold was merged.
fn merged_ms(typed: &Typed) -> Option<i64> {
    let merges = typed.reader.merges().expect("merges").into_iter();
    let is_first = |m: &MergeRow| (m.task, m.kind) == (TaskId(1), MergeKind::Integrate);
    let mut merged = merges.filter(|m| is_first(m) && m.state == MergeState::Merged);
    merged.next().and_then(|m| m.ended_ms)
}
