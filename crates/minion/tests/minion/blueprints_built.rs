//! The blueprints that build data and pages, each walked in a real cage: its own checks run there, in a real PostgreSQL where it is
//! one, and then what it wrote is broken to see that they notice.

use alai_minion::ExitStatus;
use serde_json::json;

use crate::blueprints_walked::{checked, is_accessible, made, told, walk};
use crate::world::{Script, World, calls, done};

/// One that is walked without a model.
struct Case {
    company: &'static str,
    name: &'static str,
    /// What its check says at the end.
    says: &'static str,
    files: usize,
    /// Changes to what it wrote, each a `sed` on a file, and what its check says to it.
    broken: &'static [(&'static str, &'static str, &'static str)],
}

fn new() -> World {
    World::with(&[("README.md", "# New\n")])
}

fn is_walked(case: &Case) {
    let world = new();
    let ran = walk(&world, case.company, case.name, &[], &mut Script::default());
    let said = told(&ran);
    assert_eq!(ran.report.status, ExitStatus::Done, "{said}");
    assert!(said.contains(case.says), "`{}` is not in {said}", case.says);
    assert_eq!(ran.kinds("request").len(), 0, "no model is asked");
    let files = made(&world);
    assert_eq!(files.len(), case.files, "{:?}", files.keys());
    for (path, text) in &files {
        assert!(!text.contains("${{"), "{path} is not filled in");
    }
}

/// An agent that breaks what was written, all in one run, each time to another end: nothing but the check knows.
fn is_guarded(case: &Case) {
    for (file, change, says) in case.broken {
        let world = new();
        let edit = json!({"command": format!("sed -i '{change}' {file} && ! git diff --quiet")});
        let turn = calls(&[("run", edit), done()]);
        // A second try that changes nothing is asked once more before it counts.
        let mut turns = vec![turn];
        turns.extend((0..6).map(|_| calls(&[done()])));
        let mut script = Script::new(turns);
        let ran = walk(
            &world,
            case.company,
            case.name,
            &[("fit", "yes")],
            &mut script,
        );
        let said = told(&ran);
        assert_eq!(
            ran.report.status,
            ExitStatus::GateFailed,
            "{file}: {change}: {said}"
        );
        assert!(said.contains(says), "`{says}` is not in {said}");
    }
}

const MIGRATION: Case = Case {
    company: "CodeCraft",
    name: "codecraft-migration",
    says: "up, both at once, backfilled twice, contracted, and back to where it began",
    files: 9,
    broken: &[
        (
            "migrations/order_total/30_contract.down.sql",
            "s/ADD COLUMN total /ADD COLUMN totals /",
            "30_contract.down.sql",
        ),
        (
            "migrations/order_total/20_backfill.sql",
            "s/ <= batch/ < batch/",
            "rows differ",
        ),
    ],
};

const LEDGER: Case = Case {
    company: "Finverge",
    name: "finverge-ledger",
    says: "the ledger holds",
    files: 5,
    broken: &[
        (
            "ledger/schema.sql",
            "s/HAVING sum(amount_minor) <> 0) THEN/HAVING false) THEN/",
            "not refused",
        ),
        (
            "ledger/schema.sql",
            "/^CREATE TRIGGER final BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.posting/d",
            "not refused",
        ),
        (
            "ledger/schema.sql",
            "s/IF reached < account.floor_minor.*/IF false THEN/",
            "not refused",
        ),
    ],
};

const TENANCY: Case = Case {
    company: "Skybound",
    name: "skybound-tenancy",
    says: "no tenant reads or changes another",
    files: 5,
    broken: &[
        (
            "tenancy/schema.sql",
            "/^SELECT tenancy.protect(.tenancy.document.);/d",
            "rows and not",
        ),
        (
            "tenancy/schema.sql",
            "s/set_config(.app.tenant., tenant::text, true)/set_config($q$app.tenant$q$, tenant::text, false)/",
            "rows and not",
        ),
        (
            "tenancy/schema.sql",
            "s/ WITH (security_invoker = true)//",
            "rows and not",
        ),
    ],
};

const PIPELINE: Case = Case {
    company: "Datavera",
    name: "datavera-pipeline",
    says: "Ran 7 tests",
    files: 5,
    broken: &[
        (
            "orders_pipeline/pipeline.py",
            "s/if seen and len(bad).*/if False:/",
            "FAILED",
        ),
        (
            "orders_pipeline/pipeline.py",
            "s/ WHERE {differs}//",
            "FAILED",
        ),
    ],
};

const DASHBOARD: Case = Case {
    company: "Datavera",
    name: "datavera-dashboard",
    says: "Ran 4 tests",
    files: 6,
    broken: &[
        (
            "dashboard/report.py",
            "s/^    return html.escape(.*/    return str(value)/",
            "FAILED",
        ),
        (
            "dashboard/report.py",
            "s/?mode=ro/?mode=rw/; /query_only/d",
            "FAILED",
        ),
    ],
};

const EVAL: Case = Case {
    company: "AgentForge",
    name: "agentforge-agent-eval",
    says: "Ran 6 tests",
    files: 4,
    broken: &[
        ("evals/run.py", "s/return 0 if passed.*/return 0/", "FAILED"),
        ("evals/cases.jsonl", "1s/42/43/", "No such file"),
    ],
};

const LANDING: Case = Case {
    company: "Vizu",
    name: "vizu-landing-page",
    says: "18 pairs of colours, nothing from elsewhere",
    files: 5,
    broken: &[
        (
            "site/styles.css",
            "s/--quiet: #55605c/--quiet: #a0a8a5/",
            "quiet on ground",
        ),
        (
            "site/index.html",
            "s,</head>,<script src=\"https://cdn.example/x.js\"></script></head>,",
            "from elsewhere",
        ),
        (
            "site/index.html",
            "s/<h2 id=\"pricing-title\">/<h4 id=\"pricing-title\">/",
            "headings are",
        ),
    ],
};

const COMPONENT: Case = Case {
    company: "Vizu",
    name: "vizu-component",
    says: "12 pairs of colours, 28 criteria, every state on the demo page",
    files: 6,
    broken: &[
        (
            "components/meal-tabs/meal-tabs.css",
            "s/--quiet: #55605c/--quiet: #a0a8a5/",
            "quiet on ground",
        ),
        (
            "components/meal-tabs/meal-tabs.css",
            "s/outline: 3px solid var(--accent)/outline: none/",
            "2.4.7: focus is seen",
        ),
        (
            "components/meal-tabs/ACCESSIBILITY.md",
            "/^| 2.5.8 /d",
            "2.5.8 (AA) is missing",
        ),
        (
            "components/meal-tabs/ACCESSIBILITY.md",
            "/^| 1.4.10 /s/person |$/check.py |/",
            "no machine here sees that",
        ),
        (
            "components/meal-tabs/index.html",
            "s/ data-heading=\"one\"//",
            "2.4.6: a list of tabs without a heading",
        ),
        (
            "components/meal-tabs/meal-tabs.mjs",
            "s/is ? 0 : -1/0/",
            "one is chosen, one is shown, one is reached by Tab",
        ),
    ],
};

#[test]
fn a_migration_is_walked_up_and_back_needs_postgres() {
    is_walked(&MIGRATION);
}

#[test]
fn a_migration_that_was_weakened_is_refused_needs_postgres() {
    is_guarded(&MIGRATION);
}

/// Expressions with quotes; a name or an expression that would be more than one is refused before anything is written.
#[test]
fn a_migration_takes_quotes_and_no_second_statement_needs_postgres() {
    let world = new();
    let inputs = [
        ("old", "state"),
        ("old_type", "text"),
        ("new", "done"),
        ("new_type", "boolean"),
        ("convert", "state = 'yes'"),
        ("revert", "CASE WHEN done THEN 'yes' ELSE 'no' END"),
        ("sample", "CASE WHEN n % 2 = 0 THEN 'yes' ELSE 'no' END"),
    ];
    let ran = walk(
        &world,
        MIGRATION.company,
        MIGRATION.name,
        &inputs,
        &mut Script::default(),
    );
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", told(&ran));
    for (name, value) in [
        ("table", "orders; DROP TABLE x"),
        ("old", "Total"),
        ("new", "total"),
        ("new_type", "bigint; --"),
        ("convert", "1; DROP TABLE x"),
        ("revert", "$sync$ 1"),
        ("sample", r"\! id"),
    ] {
        let world = new();
        let inputs = [(name, value)];
        let ran = walk(
            &world,
            MIGRATION.company,
            MIGRATION.name,
            &inputs,
            &mut Script::default(),
        );
        assert_eq!(
            ran.report.status,
            ExitStatus::GateFailed,
            "{name}: {}",
            told(&ran)
        );
        assert!(made(&world).is_empty(), "{name}");
    }
}

/// Where nobody gives them, a model says what the steps are made of: the same check holds its words, and a wrong one is told to it.
#[test]
fn a_migration_is_made_of_what_was_found_needs_postgres() {
    let found = |table: &str, convert: &str| {
        calls(&[(
            "done",
            json!({"status": "done", "summary": "Found.", "table": table, "old": "total", "old_type": "numeric(12,2)",
                "new": "total_minor", "new_type": "bigint", "convert": convert,
                "revert": "(total_minor / 100.0)::numeric(12,2)", "sample": "n * 1.25"}),
        )])
    };
    let world = new();
    let none = [
        "table", "old", "old_type", "new", "new_type", "convert", "revert", "sample",
    ];
    let mut inputs = none.map(|name| (name, "")).to_vec();
    inputs.push(("name", "column-total-becomes-total-minor"));
    let mut script = Script::new(vec![
        found("customer_order; DROP TABLE x", "1"),
        found("customer_order", "round(total * 100)::bigint"),
    ]);
    let ran = walk(
        &world,
        MIGRATION.company,
        MIGRATION.name,
        &inputs,
        &mut script,
    );
    let said = told(&ran);
    assert_eq!(ran.report.status, ExitStatus::Done, "{said}");
    // Of the first words nothing can be made: what ran is made of the second.
    assert!(said.contains(MIGRATION.says), "{said}");
    assert_eq!(ran.kinds("request").len(), 2, "asked once more");
    let files = made(&world);
    assert_eq!(files.len(), MIGRATION.files, "{:?}", files.keys());
    let up = &files["migrations/column-total-becomes-total-minor/10_expand.up.sql"];
    assert!(
        up.contains("customer_order_total_minor_sync") && !up.contains("${{"),
        "{up}"
    );
}

#[test]
fn a_ledger_refuses_what_does_not_balance_needs_postgres() {
    is_walked(&LEDGER);
}

#[test]
fn a_ledger_that_was_weakened_is_refused_needs_postgres() {
    is_guarded(&LEDGER);
}

#[test]
fn tenants_are_kept_apart_needs_postgres() {
    is_walked(&TENANCY);
}

#[test]
fn tenants_that_were_let_together_are_refused_needs_postgres() {
    is_guarded(&TENANCY);
}

#[test]
fn a_pipeline_loads_its_sample_twice_needs_python() {
    is_walked(&PIPELINE);
}

#[test]
fn a_pipeline_that_was_weakened_is_refused_needs_python() {
    is_guarded(&PIPELINE);
}

#[test]
fn a_dashboard_is_a_page_for_html_validate_and_axe_needs_node_needs_python_needs_registry() {
    is_walked(&DASHBOARD);
    let world = new();
    let inputs = [("title", "Orders < \"lunch\" & more")];
    let mut script = Script::default();
    let ran = walk(
        &world,
        DASHBOARD.company,
        DASHBOARD.name,
        &inputs,
        &mut script,
    );
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", told(&ran));
    is_accessible(&world, "dashboard/sample.html");
}

#[test]
fn a_dashboard_that_was_weakened_is_refused_needs_python() {
    is_guarded(&DASHBOARD);
}

#[test]
fn an_evaluation_grades_a_twin_needs_python() {
    is_walked(&EVAL);
}

#[test]
fn an_evaluation_that_was_weakened_is_refused_needs_python() {
    is_guarded(&EVAL);
}

#[test]
fn a_landing_page_is_one_for_html_validate_and_axe_needs_node_needs_python_needs_registry() {
    is_walked(&LANDING);
    let world = new();
    let inputs = [
        ("lang", "nb"),
        ("headline", "Lunsj som hele kontoret gleder seg til"),
    ];
    let ran = walk(
        &world,
        LANDING.company,
        LANDING.name,
        &inputs,
        &mut Script::default(),
    );
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", told(&ran));
    is_accessible(&world, "site/index.html");
    assert!(checked(&world, "python3 -B site/check.py", &[]).contains(LANDING.says));
}

#[test]
fn a_component_is_walked_with_its_tests_and_its_checklist_needs_node_needs_python() {
    is_walked(&COMPONENT);
}

#[test]
fn a_component_s_demo_page_is_one_for_html_validate_and_axe_needs_node_needs_python_needs_registry()
{
    let world = new();
    let inputs = [
        ("lang", "nb"),
        ("name", "ukas-meny"),
        ("label", "Ukas meny"),
    ];
    let (company, name) = (COMPONENT.company, COMPONENT.name);
    let ran = walk(&world, company, name, &inputs, &mut Script::default());
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", told(&ran));
    is_accessible(&world, "components/ukas-meny/index.html");
}

#[test]
fn a_component_that_was_weakened_is_refused_needs_node_needs_python() {
    is_guarded(&COMPONENT);
    for (name, value) in [
        ("name", "Meal tabs"),
        ("name", "meal--tabs"),
        ("folder", "Elsewhere"),
        ("label", "<script>alert(1)</script>"),
        ("first", ""),
        ("lang", "en\" onload"),
    ] {
        let world = new();
        let (company, own) = (COMPONENT.company, COMPONENT.name);
        let ran = walk(
            &world,
            company,
            own,
            &[(name, value)],
            &mut Script::default(),
        );
        assert_eq!(ran.report.status, ExitStatus::GateFailed, "{name}: {value}");
        assert!(made(&world).is_empty(), "{name}");
    }
}

#[test]
fn a_landing_page_that_was_weakened_is_refused_needs_python() {
    is_guarded(&LANDING);
    for (name, value) in [
        ("headline", "<script>alert(1)</script>"),
        ("action_url", "javascript:alert(1)"),
        ("action_url", "//elsewhere.example"),
        ("folder", "Site"),
        ("lang", "en\" onload"),
    ] {
        let world = new();
        let inputs = [(name, value)];
        let ran = walk(
            &world,
            LANDING.company,
            LANDING.name,
            &inputs,
            &mut Script::default(),
        );
        assert_eq!(ran.report.status, ExitStatus::GateFailed, "{name}: {value}");
        assert!(made(&world).is_empty(), "{name}");
    }
}
