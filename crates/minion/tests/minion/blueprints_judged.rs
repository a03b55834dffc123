//! The blueprints that judge, plan and sort: tests held against broken code, a roadmap without circles, findings in groups.

use alai_core::blueprint;
use alai_minion::ExitStatus;
use serde_json::{Value, json};

use crate::blueprints_walked::{made, told, walk};
use crate::shipped;
use crate::steps::write;
use crate::world::{Script, World, calls, done, says};

type Reply = Result<alai_fleet::ChatReply, alai_fleet::ChatError>;

const PRICE: &str = "def price(portions, member):\n    if portions < 1:\n        raise ValueError('no portions')\n    total = portions * 12500\n    if portions >= 10 and not member:\n        total = total - total // 10\n    return total\n";
const WEAK: &str = "import unittest\nfrom price import price\n\nclass Price(unittest.TestCase):\n    def test_it_runs(self):\n        self.assertTrue(price(10, False))\n";
const STRONG: &str = "import unittest\nfrom price import price\n\nclass Price(unittest.TestCase):\n    def test_bounds(self):\n        found = [price(n, m) for n, m in [(1, False), (9, False), (10, False), (10, True)]]\n        self.assertEqual(found, [12500, 112500, 112500, 125000])\n        for n in (0, -1):\n            with self.assertRaises(ValueError):\n                price(n, False)\n";

fn shop() -> World {
    World::with(&[
        ("price.py", PRICE),
        (
            "tests/test_old.py",
            "import unittest\n\nclass Old(unittest.TestCase):\n    def test_one(self):\n        self.assertEqual(1, 1)\n",
        ),
        (".gitignore", "__pycache__/\n"),
    ])
}

fn planned() -> Reply {
    let plan =
        json!({"approach": "Bounds on both sides.", "files": ["tests/test_price.py"], "risks": []});
    says(&plan.to_string())
}

#[test]
fn tests_that_notice_nothing_are_sent_back_and_better_ones_taken_needs_python() {
    let world = shop();
    let path = "tests/test_price.py";
    let mut script = Script::new(vec![
        planned(),
        calls(&[write(path, WEAK), done()]),
        calls(&[write(path, STRONG), done()]),
    ]);
    let ran = walk(&world, "Proveo", "proveo-test-writing", &[], &mut script);
    let said = told(&ran);
    assert_eq!(ran.report.status, ExitStatus::Done, "{said}");
    for part in [
        "not noticed: price.py:2: if portions < 1:  ->  if portions <= 1:",
        "1 of 8 broken versions",
        "8 of 8 broken versions",
    ] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    assert!(
        script.told(2).contains("not noticed: price.py:"),
        "the agent is told"
    );
    assert_eq!(made(&world).keys().collect::<Vec<_>>(), [path]);
    assert_eq!(world.read("price.py"), PRICE, "the clone is never broken");
}

#[test]
fn tests_for_a_target_that_is_none_are_not_begun_needs_python() {
    for target in ["../price.py", "/etc/passwd", "none.py"] {
        let ran = walk(
            &shop(),
            "Proveo",
            "proveo-test-writing",
            &[("target", target)],
            &mut Script::default(),
        );
        assert_eq!(ran.report.status, ExitStatus::GateFailed, "{}", told(&ran));
    }
}

#[test]
fn a_tester_s_review_asks_a_tester_s_questions_and_cannot_write() {
    let library = shipped::library("Proveo");
    let example = blueprint::example("proveo-review", &library).expect("an example");
    let resolved = blueprint::resolve("proveo-review", &library, &example).expect("it resolves");
    let parent = blueprint::resolve("review-readonly", &library, &example).expect("it resolves");
    let ids = |b: &blueprint::Blueprint| b.steps.iter().map(|s| s.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&resolved), ids(&parent));
    let text = format!("{resolved:?}");
    assert!(
        text.contains("an order that is sent twice") && !text.contains("Write,"),
        "{text}"
    );
}

fn task(id: &str, company: &str, days: u32, needs: &[&str]) -> Value {
    json!({"id": id, "company": company, "title": "A page that sells lunch", "done_when": "`python3 site/check.py` exits 0",
        "days": days, "needs": needs})
}

fn roadmap(tasks: Vec<Value>) -> Reply {
    let result = json!({"goal": "Ten offices order lunch by the end of June.", "not_doing": ["An app | for phones"], "tasks": tasks});
    calls(&[(
        "done",
        json!({"status": "done", "summary": "The page first.", "result": result}),
    )])
}

#[test]
fn a_roadmap_with_a_circle_is_sent_back_and_one_in_order_kept_needs_python() {
    let world = World::new();
    let circle = vec![
        task("t1", "Vizu", 3, &["t2"]),
        task("t2", "CodeCraft", 5, &["t1"]),
    ];
    let stranger = vec![
        task("t1", "Nobody", 3, &["t7"]),
        task("t2", "CodeCraft", 5, &[]),
    ];
    let fine = vec![
        task("t2", "Vizu", 3, &["t1"]),
        task("t1", "CodeCraft", 5, &[]),
    ];
    let mut script = Script::new(vec![roadmap(circle), roadmap(stranger), roadmap(fine)]);
    let ran = walk(&world, "Entra", "entra-roadmap", &[], &mut script);
    let said = told(&ran);
    assert_eq!(ran.report.status, ExitStatus::Done, "{said}");
    for part in [
        "a circle: t",
        "Nobody is none of the companies",
        "t1 needs t7, which is no task",
    ] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    let files = made(&world);
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["roadmap/bento-launch.json", "roadmap/bento-launch.md"]
    );
    let kept: Value = serde_json::from_str(&files["roadmap/bento-launch.json"]).expect("JSON");
    assert_eq!(kept["tasks"][0]["id"], "t2");
    let page = &files["roadmap/bento-launch.md"];
    assert!(
        page.contains("takes 8 working days") && page.contains(r"An app \| for phones"),
        "{page}"
    );
    assert!(
        page.find("| t1 |") < page.find("| t2 |"),
        "in the order in which they can be done: {page}"
    );
}

#[test]
fn a_roadmap_that_takes_too_long_ends_the_run_needs_python() {
    let long = || {
        roadmap(vec![
            task("t1", "Vizu", 3, &[]),
            task("t2", "CodeCraft", 5, &["t1"]),
        ])
    };
    let mut script = Script::new(vec![long(), long(), long()]);
    let ran = walk(
        &World::new(),
        "Entra",
        "entra-roadmap",
        &[("weeks", "1")],
        &mut script,
    );
    let said = told(&ran);
    assert_eq!(ran.report.status, ExitStatus::GateFailed, "{said}");
    assert!(said.contains("takes 8 days; 5 are there"), "{said}");
}

fn findings() -> String {
    let one = |title: &str, severity: &str, line: u32| json!({"title": title, "severity": severity, "path": "src/a.rs", "line": line, "project": "bento"});
    json!({"findings": [
        one("SQL injection by the name", "critical", 3), one("Text is concatenated into SQL", "high", 9), one("XSS in the title ![x](http://a)", "high", 12),
        one("No test for it", "low", 3), one("No  test for it", "low", 3), one("no test for that", "low", 5), one("A flaky test", "medium", 7),
        one("A race", "high", 1),
    ]}).to_string()
}

#[test]
fn findings_are_grouped_by_rules_and_counted_needs_python() {
    let world = World::with(&[("docs/findings/sample.json", &findings())]);
    let ran = walk(
        &world,
        "Resolver",
        "resolver-patterns",
        &[],
        &mut Script::default(),
    );
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", told(&ran));
    let files = made(&world);
    let tasks: Value = serde_json::from_str(&files["docs/patterns/tasks.json"]).expect("JSON");
    assert_eq!(
        (&tasks["findings"], &tasks["patterns"]),
        (&json!(7), &json!(2)),
        "what two reviews say counts once"
    );
    let of = |n: usize| {
        (
            tasks["tasks"][n]["pattern"].clone(),
            tasks["tasks"][n]["findings"].clone(),
            tasks["tasks"][n]["priority"].clone(),
        )
    };
    assert_eq!(of(0), (json!("injection"), json!(3), json!("H")));
    assert_eq!(of(1), (json!("test"), json!(3), json!("M")));
    let report = &files["docs/patterns/report.md"];
    assert!(
        report.contains(r"\!\[x\](http://a)"),
        "a title is text: {report}"
    );
    assert!(
        files
            .keys()
            .all(|path| path.starts_with("docs/patterns/") || path.starts_with("detectors/")),
        "{:?}",
        files.keys()
    );
}

#[test]
fn findings_that_are_none_write_no_report_needs_python() {
    for text in ["[]]", "7", r#"[{"title": "x", "severity": "awful"}]"#] {
        let world = World::with(&[("docs/findings/sample.json", text)]);
        let ran = walk(
            &world,
            "Resolver",
            "resolver-patterns",
            &[],
            &mut Script::default(),
        );
        assert_eq!(ran.report.status, ExitStatus::GateFailed, "{}", told(&ran));
        assert!(
            made(&world)
                .keys()
                .all(|path| !path.starts_with("docs/patterns/"))
        );
    }
}
