//! Tests of the base that a change edits without the task naming them: they pass where they are shown to ask as much as before, and
//! red ones turn green by the product alone.

use alai_core::qa::{Check, CheckResult};

use super::world::{Judged, Task, World};

const TEST: &str = "python3 -m unittest -v";
const SHOP: &str = "def net(cart):\n    return sum(count * price for count, price in cart)\n\n\ndef rate(land):\n    return 19 if land == \"DE\" else 20\n";
const TESTS: &str = "import unittest\n\nfrom shop import net, rate\n\n\nclass Shop(unittest.TestCase):\n    def test_net(self):\n        got = net([(2, 10), (1, 4)])\n        self.assertAlmostEqual(got, 24, places=1)\n\n    def test_rate(self):\n        land = \"DE\"\n        got = rate(land)\n        self.assertEqual(got, 19)\n";

/// A change of the product that each of the tests passes, with another text of the tests.
fn shop(tests: &str) -> Judged {
    let world = World::new(&[
        ("shop.py", SHOP),
        ("tests/__init__.py", "\n"),
        ("tests/test_shop.py", TESTS),
    ]);
    let base = world.tip();
    let product = format!(
        "{SHOP}\n\ndef gross(cart, land):\n    return net(cart) * (100 + rate(land)) / 100\n"
    );
    let more = "import unittest\n\nfrom shop import gross\n\n\nclass Gross(unittest.TestCase):\n    def test_gross(self):\n        self.assertEqual(gross([(1, 100)], \"DE\"), 119)\n";
    world.commit(
        &[
            ("shop.py", &product),
            ("tests/test_shop.py", tests),
            ("tests/test_gross.py", more),
        ],
        &[],
        "Gross",
    );
    world.measure(&base, &Task::with(TEST))
}

fn said(judged: &Judged) -> String {
    judged.one(Check::NoTampering).detail.clone()
}

#[test]
fn a_stricter_assertion_passes_needs_python() {
    let judged = shop(&TESTS.replace(
        "assertAlmostEqual(got, 24, places=1)",
        "assertEqual(got, 24)",
    ));
    assert_eq!(
        judged.result(Check::NoTampering),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
    assert!(
        said(&judged).contains("edited tests ask as much as before: Shop.test_net"),
        "{}",
        said(&judged)
    );
    let judged = shop(&TESTS.replace("places=1", "places=0"));
    judged.expect_fail(Check::NoTampering);
    assert!(
        said(&judged)
            .contains("tests/test_shop.py: the test Shop.test_net (line 7 of the base) was edited"),
        "{}",
        said(&judged)
    );
    assert!(
        said(&judged).contains("`changes_tests`"),
        "{}",
        said(&judged)
    );
}

#[test]
fn a_rewritten_test_passes_where_it_notices_what_the_old_one_noticed_needs_python() {
    let test =
        "        land = \"DE\"\n        got = rate(land)\n        self.assertEqual(got, 19)\n";
    assert!(TESTS.contains(test));
    let judged = shop(&TESTS.replace(test, "        self.assertEqual(rate(\"DE\"), 19)\n"));
    assert_eq!(
        judged.result(Check::NoTampering),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
    let tried = judged.measured.commands.len();
    assert!(tried > 8, "each wrong product is tried with both: {tried}");
    // What no look at its words tells, a wrong product does.
    let looks_away = "        self.assertEqual({\"DE\": 19, rate: 0}[\"DE\"], 19)\n";
    let judged = shop(&TESTS.replace(test, looks_away));
    judged.expect_fail(Check::NoTampering);
    assert!(
        said(&judged).contains("passes over a wrong product at which the base's own fails"),
        "{}",
        said(&judged)
    );
}

const DUE: &str =
    "import os\n\n\ndef due():\n    return min(int(os.environ.get(\"DAY\", \"31\")), 28)\n";
const DUE_TESTS: &str = "import unittest\n\nfrom due import due\n\n\nclass Due(unittest.TestCase):\n    def test_is_the_day(self):\n        self.assertEqual(due(), 30)\n";

fn due(product: &str, tests: &str, more: &[(&str, &str)]) -> Judged {
    let world = World::new(&[
        ("due.py", DUE),
        ("tests/__init__.py", "\n"),
        ("tests/test_due.py", DUE_TESTS),
    ]);
    let base = world.tip();
    let files: Vec<(&str, &str)> = [("due.py", product), ("tests/test_due.py", tests)]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    world.commit(&files, &[], "Due");
    world.measure(&base, &Task::with(TEST))
}

#[test]
fn a_red_test_turns_green_by_the_product_and_not_by_lines_beside_it_needs_python() {
    let frozen = DUE_TESTS.replace("import unittest\n", "import os\nimport unittest\n");
    let frozen = frozen.replace("\n\n\nclass", "\n\nos.environ[\"DAY\"] = \"30\"\n\n\nclass");
    let raised = DUE.replace("), 28)", "), 30)");
    let judged = due(&DUE.replace("28", "31"), &frozen, &[]);
    judged.expect_fail(Check::NoTampering);
    let found = said(&judged);
    assert!(
        found.contains("test_is_the_day") && found.contains("mend the product"),
        "{found}"
    );
    let judged = due(&raised, &frozen, &[]);
    assert_eq!(
        judged.result(Check::NoTampering),
        CheckResult::Pass,
        "by the product: {}",
        judged.table()
    );
    let judged = due(&raised, DUE_TESTS, &[]);
    assert_eq!(
        judged.result(Check::NoTampering),
        CheckResult::Pass,
        "{}",
        judged.table()
    );
}
