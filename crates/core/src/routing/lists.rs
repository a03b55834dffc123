//! The words by which a task is classified without a model. Each list is one text, phrases parted by commas.

use super::classify::{Domain, WorkType};

/// What the words speak for, its name, and the words.
pub(super) type Row<K> = (K, &'static str, &'static str);

/// Words of each domain. Equal counts go to the earlier row: code is what most tasks are.
pub(super) const DOMAINS: &[Row<Domain>] = &[
    (
        Domain::Code,
        "code",
        "api, backend, endpoint, database, sql, schema, kotlin, rust, java, python, go, \
         server, cli, auth, parser, library, ktor, django, spring, migration, function, \
         module, scaffold, webhook",
    ),
    (
        Domain::Frontend,
        "frontend",
        "frontend, ui, ux, css, react, next.js, vue, svelte, landing page, component, layout, \
         html, accessibility, responsive, design system, hero",
    ),
    (
        Domain::Data,
        "data",
        "data, analytics, etl, dashboard, report, warehouse, csv, metrics, dataset, forecast, \
         spark",
    ),
    (
        Domain::Security,
        "security",
        "security, vulnerability, cve, xss, csrf, pentest, threat, injection, audit, \
         encryption, owasp",
    ),
    (
        Domain::Infra,
        "infra",
        "deploy, deployment, docker, kubernetes, ci, ci/cd, terraform, infra, infrastructure, \
         monitoring, helm, pipeline, nginx, backup",
    ),
    (
        Domain::Docs,
        "docs",
        "docs, documentation, readme, guide, tutorial, changelog, runbook, manual",
    ),
    (
        Domain::Legal,
        "legal",
        "legal, gdpr, privacy policy, terms of service, tos, compliance, license",
    ),
    (
        Domain::Ai,
        "ai",
        "llm, prompt, embedding, rag, fine-tuning, agent, model training, classifier, ml",
    ),
];

/// Words of each type of work; the first row that hits decides, so the telling ones come first.
pub(super) const WORK: &[Row<WorkType>] = &[
    (
        WorkType::Review,
        "review",
        "code review, security audit, review, audit",
    ),
    (
        WorkType::Scaffold,
        "scaffold",
        "scaffold, scaffolding, skeleton, boilerplate, bootstrap, project setup, from scratch",
    ),
    // Before the bugs: a typo is fixed, too.
    (
        WorkType::Lint,
        "lint",
        "lint, linter, lints, formatting, whitespace, typo, typos",
    ),
    (
        WorkType::Bugfix,
        "bugfix",
        "bug, fix, fixes, crash, crashes, broken, error, fails, regression, popravi, fiks, hotfix",
    ),
    (
        WorkType::Refactor,
        "refactor",
        "refactor, refactoring, clean up, cleanup, simplify, extract, restructure",
    ),
    (
        WorkType::Deploy,
        "deploy",
        "deploy, deployment, release, rollout, docker, dockerfile, staging environment, ci/cd",
    ),
    (
        WorkType::Docs,
        "docs",
        "docs, documentation, document, readme, changelog, guide, tutorial, runbook",
    ),
    (
        WorkType::Test,
        "test",
        "test, tests, coverage, e2e, unit test",
    ),
    (
        WorkType::Database,
        "database",
        "schema design, database design, database schema, data model, database migration, schema migration",
    ),
    (
        WorkType::Architecture,
        "architecture",
        "architecture, system design",
    ),
    (WorkType::Design, "design", "design, wireframe, mockup"),
    (
        WorkType::Chore,
        "chore",
        "rename, bump, upgrade, format, dependency, dependencies",
    ),
];

/// Words that make a task harder or easier, by how much. The first one that hits counts for its row.
pub(super) const EFFORT: &[Row<i8>] = &[
    (
        -1,
        "small",
        "typo, rename, comment, bump, wording, readme, lint, format, whitespace, color, colour",
    ),
    (
        1,
        "set-up",
        "scaffold, from scratch, project setup, schema design, data model, migration, auth, \
         oauth, subscription, payment, checkout, integration",
    ),
    (
        1,
        "structure",
        "architecture, redesign, rewrite, distributed, multi-tenant, microservice, real-time, \
         consensus",
    ),
    (
        1,
        "hard",
        "concurrency, race condition, deadlock, encryption, cryptography, performance, \
         scalability, parser, compiler, protocol",
    ),
];
