//! Tests whose assertions are never made, over code that breaks them all the same where it answers wrongly.

use alai_core::qa::{Check, CheckResult};

use super::world::{Judged, Task, World};

fn judged(base: &[(&str, &str)], write: &[(&str, &str)], test: &'static str) -> Judged {
    let world = World::new(base);
    let at = world.tip();
    world.commit(write, &[], "Test it");
    world.measure(&at, &Task::with(test))
}

const EMITTER: [(&str, &str); 2] = [
    (
        "package.json",
        "{\"name\": \"feed\", \"type\": \"module\", \"scripts\": {\"test\": \"node --test test/\"}}\n",
    ),
    (
        "src/feed.js",
        "import { EventEmitter } from 'node:events';\n\nexport function feed(lines) {\n  const out = new EventEmitter();\n  \
         setImmediate(() => {\n    for (const line of lines) out.emit('line', line);\n    out.emit('end');\n  });\n  return out;\n}\n",
    ),
];

fn listens(event: &str) -> String {
    format!(
        "import assert from 'node:assert/strict';\nimport test from 'node:test';\nimport {{ feed }} from '../src/feed.js';\n\n\
         test('all lines come', () => {{\n  const seen = [];\n  const out = feed(['a', 'b']);\n  out.on('line', (line) => seen.push(line));\n  \
         return new Promise((done) => {{\n    out.on('{event}', () => assert.deepEqual(seen, ['a', 'b']));\n    out.on('end', done);\n  }});\n}});\n"
    )
}

#[test]
fn an_assertion_in_a_listener_of_what_is_never_sent_is_none_needs_node() {
    let with = |event: &str| {
        judged(
            &EMITTER,
            &[("test/feed.test.js", &listens(event))],
            "npm test",
        )
    };
    let never = with("finish");
    never.expect_fail(Check::MutantsKilled);
    let why = &never.one(Check::MutantsKilled).detail;
    assert!(
        why.contains("no assertion is ever made by all lines come"),
        "{why}"
    );
    let made = with("end");
    assert_eq!(
        made.result(Check::MutantsKilled),
        CheckResult::Pass,
        "{}",
        made.table()
    );
}

#[test]
fn an_assertion_in_a_loop_over_nothing_is_none_needs_python() {
    let product = "def rows(text):\n    return [line.split(\",\") for line in text.splitlines()]\n";
    let test = |text: &str| {
        format!(
            "import unittest\n\nfrom table import rows\n\n\nclass Rows(unittest.TestCase):\n    def test_rows(self):\n        \
             for row in rows({text}):\n            self.assertEqual(len(row), 2)\n"
        )
    };
    let with = |text: &str| {
        judged(
            &[("table.py", product), ("test_none.py", "")],
            &[("test_rows.py", &test(text))],
            "python3 -m unittest -v",
        )
    };
    with("\"\"").expect_fail(Check::MutantsKilled);
    let made = with("\"a,b\"");
    assert_eq!(
        made.result(Check::MutantsKilled),
        CheckResult::Pass,
        "{}",
        made.table()
    );
}

#[test]
fn an_assertion_behind_what_is_never_so_is_none() {
    let manifest = "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let product = "/// Twice.\npub fn twice(a: &[i32]) -> Vec<i32> {\n    a.iter().map(|a| a * 2).collect()\n}\n";
    let test = |of: &str| {
        format!(
            "#[test]\nfn all() {{\n    let twice = a::twice(&[1, 2]);\n    let _ = twice[1];\n    if twice.len() == {of} {{\n        assert_eq!(twice, [2, 4]);\n    }}\n}}\n"
        )
    };
    let with = |of: &str| {
        judged(
            &[("Cargo.toml", manifest), ("src/lib.rs", product)],
            &[("tests/all.rs", &test(of))],
            "cargo test --offline",
        )
    };
    with("3").expect_fail(Check::MutantsKilled);
    let made = with("2");
    assert_eq!(
        made.result(Check::MutantsKilled),
        CheckResult::Pass,
        "{}",
        made.table()
    );
}
