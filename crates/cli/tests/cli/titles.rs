//! What a task's title makes its company walk: the blueprint that is made for it, with inputs by the rules of docs/PACKS.md, or the
//! company's usual way with the reason. Nothing is guessed.

use serde_json::Value;

use crate::world::World;

/// A title, who does it, what is walked, with which of its inputs.
type Row<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)]);

const SCAFFOLDS: [Row<'_>; 8] = [
    (
        "Scaffold a FastAPI service called orders",
        "CodeCraft",
        "codecraft-api-backend",
        &[("name", "orders"), ("backend", "fastapi"), ("folder", "")],
    ),
    (
        "Scaffold an API with axum, named bills, into `services/bills`",
        "CodeCraft",
        "codecraft-api-backend",
        &[
            ("name", "bills"),
            ("backend", "axum"),
            ("folder", "services/bills"),
        ],
    ),
    (
        "Bento: project setup of the Ktor back end",
        "CodeCraft",
        "codecraft-api-backend",
        &[("name", "bento"), ("backend", "ktor")],
    ),
    (
        "Scaffold the Next.js app called shop",
        "CodeCraft",
        "codecraft-nextjs-app",
        &[("name", "shop"), ("folder", "")],
    ),
    (
        "Bento: Project scaffold — Next.js frontend + Kotlin/Ktor API",
        "CodeCraft",
        "codecraft-fullstack",
        &[
            ("name", "bento"),
            ("backend", "ktor"),
            ("web", "web"),
            ("api", "api"),
        ],
    ),
    (
        "Scaffold a full-stack app called lunch-box",
        "CodeCraft",
        "codecraft-fullstack",
        &[("name", "lunch-box"), ("backend", "fastapi")],
    ),
    (
        "Scaffold a Next.js front end with a FastAPI back end, called lunch",
        "CodeCraft",
        "codecraft-fullstack",
        &[("name", "lunch"), ("backend", "fastapi")],
    ),
    (
        "Scaffold a fullstack app with axum called `Lunch Box`",
        "CodeCraft",
        "codecraft-fullstack",
        &[("name", "lunch-box"), ("backend", "axum")],
    ),
];

const OTHERS: [Row<'_>; 11] = [
    (
        "Staging environment for the service called orders",
        "FlowForge",
        "flowforge-staging",
        &[("name", "orders")],
    ),
    (
        "Dockerfile for the Node.js service called orders, which starts `server.js`",
        "FlowForge",
        "flowforge-docker-ci",
        &[
            ("name", "orders"),
            ("stack", "node"),
            ("entry", "server.js"),
        ],
    ),
    (
        "Monitoring of the service called orders, probed at https://orders.example.org/healthz",
        "FlowForge",
        "flowforge-monitoring",
        &[
            ("name", "orders"),
            ("probe", "https://orders.example.org/healthz"),
            ("slo", "99.9"),
        ],
    ),
    (
        "Write the runbook for the alerts of the service called orders",
        "FlowForge",
        "flowforge-runbook",
        &[("name", "orders"), ("rules", "monitoring/rules")],
    ),
    (
        "Database migration: the column `total` of customer_order becomes total_minor",
        "CodeCraft",
        "codecraft-migration",
        &[
            (
                "name",
                "database-migration-the-column-total-of-customer-order-becomes-total-minor",
            ),
            ("table", ""),
            ("key", "id"),
        ],
    ),
    (
        "Database schema of a double-entry ledger",
        "Finverge",
        "finverge-ledger",
        &[("purpose", "Database schema of a double-entry ledger")],
    ),
    (
        "Database design for tenants, kept apart by row level security",
        "Skybound",
        "skybound-tenancy",
        &[(
            "purpose",
            "Database design for tenants, kept apart by row level security",
        )],
    ),
    (
        "Draft the privacy policy and the terms of service",
        "Lexicon",
        "lexicon-privacy-terms",
        &[
            (
                "subject",
                "Draft the privacy policy and the terms of service",
            ),
            ("market", "NO"),
        ],
    ),
    (
        "Write the user guide",
        "Lexicon",
        "lexicon-user-guide",
        &[
            ("subject", "Write the user guide"),
            ("folder", "docs/guide"),
        ],
    ),
    (
        "Document the API from its OpenAPI file",
        "Lexicon",
        "lexicon-api-docs",
        &[("spec", "openapi.json")],
    ),
    (
        "ADR: one database or one for each tenant",
        "Axiom",
        "axiom-adr",
        &[("slug", "adr-one-database-or-one-for-each-tenant")],
    ),
];

/// A title, who does it, the usual way, and what the reason says.
const USUAL: [(&str, &str, &str, &[&str]); 26] = [
    (
        "Scaffold a Django service called orders",
        "CodeCraft",
        "minion-one-shot",
        &[
            "not codecraft-api-backend for scaffold",
            "the title says `django`",
        ],
    ),
    (
        "Scaffold a Next.js app with a Django back end called shop",
        "CodeCraft",
        "minion-one-shot",
        &[
            "not codecraft-nextjs-app for scaffold",
            "the title says `django`",
        ],
    ),
    (
        "Scaffold a service called orders",
        "CodeCraft",
        "minion-one-shot",
        &[
            "not codecraft-fullstack",
            "not codecraft-nextjs-app",
            "the title has none of: axum, fastapi, ktor",
        ],
    ),
    (
        "Scaffold a FastAPI service",
        "CodeCraft",
        "minion-one-shot",
        &["because the task gives no `name` (small letters, digits"],
    ),
    (
        "Scaffold a FastAPI service called Order Desk",
        "CodeCraft",
        "minion-one-shot",
        &["because the task gives no `name` (small letters, digits"],
    ),
    (
        "Scaffold a FastAPI and an axum service called orders",
        "CodeCraft",
        "minion-one-shot",
        &["gives no `backend` (the title says more than one: axum, fastapi)"],
    ),
    (
        "Scaffold a FastAPI service called orders and one called bills",
        "CodeCraft",
        "minion-one-shot",
        &["gives no `name` (the title says more than one: bills, orders)"],
    ),
    (
        "Dockerfile for the Python service called orders",
        "FlowForge",
        "minion-one-shot",
        &[
            "not flowforge-staging for deploy",
            "not flowforge-docker-ci for deploy, because the task gives no `entry`",
        ],
    ),
    (
        "Database schema for invoices and payments",
        "Finverge",
        "minion-one-shot",
        &["not finverge-ledger for database, because the task gives no `purpose`"],
    ),
    (
        "Update the documentation of the command line",
        "Lexicon",
        "lexicon-docs",
        &[
            "not lexicon-privacy-terms for docs",
            "not lexicon-user-guide for docs",
        ],
    ),
    // What is there already is not written anew.
    (
        "Fix the scaffold of the FastAPI service called orders",
        "CodeCraft",
        "minion-one-shot",
        &[
            "not codecraft-api-backend for scaffold",
            "the title says `fix`",
        ],
    ),
    (
        "Add a phone column to tenants in the database schema",
        "Skybound",
        "minion-one-shot",
        &["not skybound-tenancy for database", "the title says `add`"],
    ),
    (
        "Index the ledger in the database schema",
        "Finverge",
        "minion-one-shot",
        &["not finverge-ledger for database", "the title says `index`"],
    ),
    (
        "Bento: add Redis to docker in staging",
        "FlowForge",
        "minion-one-shot",
        &["not flowforge-staging for deploy", "the title says `add`"],
    ),
    (
        "Fix a typo in the user guide",
        "Lexicon",
        "lexicon-docs",
        &["not lexicon-user-guide for build", "the title says `fix`"],
    ),
    (
        "Bootstrap tests for the FastAPI service called orders",
        "CodeCraft",
        "minion-one-shot",
        &[
            "not codecraft-api-backend for scaffold",
            "the title says `tests`",
        ],
    ),
    (
        "Monitoring of the service called orders",
        "FlowForge",
        "minion-one-shot",
        &["not flowforge-monitoring for feature, because the task gives no `probe`"],
    ),
    (
        "Monitoring at https://a.example.org/healthz and https://b.example.org/healthz, called orders",
        "FlowForge",
        "minion-one-shot",
        &[
            "not flowforge-monitoring for feature",
            "the title says more than one: https://a.example.org",
        ],
    ),
    (
        "Update the monitoring of the service called orders, probed at https://orders.example.org/healthz",
        "FlowForge",
        "minion-one-shot",
        &[
            "not flowforge-monitoring for feature",
            "the title says `update`",
        ],
    ),
    (
        "Grafana dashboard for the monitoring of the service called orders at https://orders.example.org/",
        "FlowForge",
        "minion-one-shot",
        &[
            "not flowforge-monitoring for feature",
            "the title says `dashboard`",
        ],
    ),
    (
        "Write the runbook for the service called orders",
        "FlowForge",
        "minion-docs",
        &[
            "not flowforge-runbook for docs",
            "the title has none of: runbook + alert",
        ],
    ),
    (
        "Fix a typo in the runbook of the alerts of the service called orders",
        "FlowForge",
        "minion-one-shot",
        &[],
    ),
    (
        "Database migration: an index on customer_order",
        "CodeCraft",
        "minion-one-shot",
        &[
            "not codecraft-migration for database, because the task gives no `name`",
            "the title says `index`",
        ],
    ),
    (
        "Database migration to MySQL of the column total",
        "CodeCraft",
        "minion-one-shot",
        &[
            "not codecraft-migration for database",
            "the title says `mysql`",
        ],
    ),
    // What is no scaffold says nothing of any.
    (
        "Add an export to the FastAPI service called orders",
        "CodeCraft",
        "minion-one-shot",
        &[],
    ),
    // A safety rule is above all.
    (
        "Scaffold a FastAPI service with BankID called orders",
        "CodeCraft",
        "minion-one-shot",
        &[],
    ),
];

/// What the next task of this title goes by.
fn basis(world: &World, nth: usize, title: &str, company: &str) -> Value {
    // Who does it is another table's matter (crates/core/tests/routing); here most go where their words send them.
    let routed = world.json(["company", "route", title, "--json"]);
    let by_words = routed["route"]["company"] == company;
    let mut args = vec!["mc", "add", title, "--project", "tiny"];
    if !by_words {
        args.extend(["--company", company]);
    }
    world.alai(args).exits(0);
    let basis = world.json(["explain", &nth.to_string(), "--json"]);
    assert_eq!(basis["company"]["name"], company, "{title}: {basis}");
    assert_eq!(
        basis["blueprint"]["problem"],
        Value::Null,
        "{title}: {basis}"
    );
    basis
}

fn gives(rows: &[Row<'_>]) {
    let world = World::with_project("auto");
    for (nth, (title, company, blueprint, inputs)) in (1..).zip(rows) {
        let basis = basis(&world, nth, title, company);
        let walked = &basis["blueprint"];
        assert_eq!(walked["name"], *blueprint, "{title}: {}", walked["reason"]);
        let all = walked["inputs"].as_array().expect("inputs");
        for (input, value) in *inputs {
            let found = all.iter().find(|one| one["name"] == *input);
            let found = found.unwrap_or_else(|| panic!("{title}: no {input} in {walked}"));
            assert_eq!(found["value"], *value, "{title}: {input}");
        }
        // What the blueprint must be given is the title's, and never a default.
        for one in all.iter().filter(|one| one["required"] == true) {
            let from = one["from"].as_str().expect("whose word");
            assert!(["task", "project"].contains(&from), "{title}: {one}");
        }
    }
}

#[test]
fn a_title_that_says_enough_walks_the_scaffold_that_it_names() {
    gives(&SCAFFOLDS);
}

#[test]
fn other_types_of_work_and_documents_are_walked_by_what_is_made_for_them() {
    gives(&OTHERS);
}

#[test]
fn what_a_title_leaves_open_is_not_guessed_and_the_reason_is_told() {
    let world = World::with_project("auto");
    for (nth, (title, company, blueprint, says)) in (1..).zip(USUAL) {
        let basis = basis(&world, nth, title, company);
        let walked = &basis["blueprint"];
        let reason = walked["reason"].as_str().expect("a reason");
        assert_eq!(walked["name"], blueprint, "{title}: {reason}");
        for part in says {
            assert!(
                reason.contains(part),
                "{title}: `{part}` is not in {reason}"
            );
        }
        assert_eq!(
            reason.contains("and not"),
            !says.is_empty(),
            "{title}: {reason}"
        );
        if !says.is_empty() {
            let shown = world.alai(["explain", &nth.to_string()]).exits(0);
            assert!(shown.out.contains("because the task gives no `"), "{shown}");
        }
    }
}
