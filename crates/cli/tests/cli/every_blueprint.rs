//! What is shipped, counted: every blueprint with the test that walks it, and the companies by name. A blueprint without a test fails here.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::script::{CHECK, Script, TITLE, write};
use crate::world::World;

/// The least that the factory comes with.
const BLUEPRINTS_MIN: usize = 30;

const COMPANIES: [&str; 16] = [
    "AgentForge",
    "Axiom",
    "CodeCraft",
    "Datavera",
    "Entra",
    "Finverge",
    "FlowForge",
    "HelixSupport",
    "Lexicon",
    "Proveo",
    "Proxima",
    "Resolver",
    "Securion",
    "Skillforge",
    "Skybound",
    "Vizu",
];

/// Files of tests, below `crates`.
const HERE: &str = "cli/tests/cli/every_blueprint.rs";
const BUGS: &str = "cli/tests/cli/mends/bugs.rs";
const SHAPE: &str = "cli/tests/cli/mends/shape.rs";
const LEAD: &str = "cli/tests/cli/lead.rs";
const SCAFFOLDS: &str = "minion/tests/minion/scaffolds_shipped.rs";
const BUILT: &str = "minion/tests/minion/blueprints_built.rs";
const JUDGED: &str = "minion/tests/minion/blueprints_judged.rs";
const OPS: &str = "minion/tests/minion/blueprints_ops.rs";
const WORDS: &str = "minion/tests/minion/blueprints_words.rs";

/// Each blueprint, the file of the test that walks it in a cage, and the test.
const WALKED: &[(&str, &str, &str)] = &[
    (
        "agentforge-agent-eval",
        BUILT,
        "an_evaluation_grades_a_twin_needs_python",
    ),
    (
        "axiom-adr",
        WORDS,
        "a_decision_gets_the_next_number_and_stands_in_the_index_needs_node_needs_python_needs_registry",
    ),
    (
        "codecraft-api-backend",
        SCAFFOLDS,
        "an_axum_backend_is_written",
    ),
    (
        "codecraft-fullstack",
        SCAFFOLDS,
        "a_front_end_and_a_back_end_are_written_into_one_repository",
    ),
    (
        "codecraft-migration",
        BUILT,
        "a_migration_is_walked_up_and_back_needs_postgres",
    ),
    ("codecraft-nextjs-app", SCAFFOLDS, "a_nextjs_app_is_written"),
    (
        "datavera-dashboard",
        BUILT,
        "a_dashboard_is_a_page_for_html_validate_and_axe_needs_node_needs_python_needs_registry",
    ),
    (
        "datavera-pipeline",
        BUILT,
        "a_pipeline_loads_its_sample_twice_needs_python",
    ),
    (
        "entra-roadmap",
        JUDGED,
        "a_roadmap_with_a_circle_is_sent_back_and_one_in_order_kept_needs_python",
    ),
    (
        "finverge-ledger",
        BUILT,
        "a_ledger_refuses_what_does_not_balance_needs_postgres",
    ),
    (
        "flowforge-docker-ci",
        OPS,
        "images_and_workflows_of_four_stacks_pass_their_linters_needs_node_needs_python_needs_registry",
    ),
    (
        "flowforge-monitoring",
        OPS,
        "alerts_fire_and_stay_quiet_as_their_own_tests_say_needs_registry",
    ),
    (
        "flowforge-runbook",
        OPS,
        "a_runbook_has_a_section_for_each_alert_needs_node_needs_python_needs_registry",
    ),
    (
        "flowforge-staging",
        OPS,
        "a_staging_environment_is_one_for_compose_needs_python_needs_registry",
    ),
    (
        "helixsupport-incident",
        OPS,
        "a_post_mortem_is_made_of_facts_in_their_form_needs_node_needs_python_needs_registry",
    ),
    (
        "lead-delegates",
        LEAD,
        "a_lead_hands_two_tasks_to_two_companies_which_build_review_and_merge_them",
    ),
    (
        "lexicon-api-docs",
        WORDS,
        "an_api_is_documented_from_its_file_alone_needs_node_needs_python_needs_registry",
    ),
    (
        "lexicon-docs",
        HERE,
        "documents_are_written_on_the_ordinary_way_of_documents",
    ),
    (
        "lexicon-privacy-terms",
        WORDS,
        "legal_drafts_have_a_line_for_each_fact_and_each_open_point_needs_node_needs_python_needs_registry",
    ),
    (
        "lexicon-user-guide",
        WORDS,
        "a_guide_s_commands_were_run_and_its_pages_keep_to_their_kind_needs_node_needs_python_needs_registry",
    ),
    (
        "minion-bugfix",
        BUGS,
        "a_bug_is_mended_behind_a_test_that_was_red",
    ),
    (
        "minion-docs",
        HERE,
        "documents_are_written_on_the_ordinary_way_of_documents",
    ),
    (
        "minion-one-shot",
        HERE,
        "a_change_is_built_reviewed_and_audited_on_the_shipped_ways",
    ),
    (
        "minion-refactor",
        SHAPE,
        "a_refactoring_leaves_the_same_tests_green",
    ),
    (
        "minion-security-fix",
        BUGS,
        "a_weakness_is_closed_behind_an_attack_that_got_through",
    ),
    (
        "proveo-review",
        HERE,
        "a_change_is_built_reviewed_and_audited_on_the_shipped_ways",
    ),
    (
        "proveo-test-writing",
        JUDGED,
        "tests_that_notice_nothing_are_sent_back_and_better_ones_taken_needs_python",
    ),
    (
        "proxima-marketing-page",
        WORDS,
        "a_marketing_page_is_accessible_and_asks_nobody_needs_node_needs_python_needs_registry",
    ),
    (
        "resolver-patterns",
        JUDGED,
        "findings_are_grouped_by_rules_and_counted_needs_python",
    ),
    (
        "review-readonly",
        HERE,
        "a_company_without_a_way_of_its_own_judges_on_the_global_one",
    ),
    (
        "securion-security-review",
        HERE,
        "a_change_is_built_reviewed_and_audited_on_the_shipped_ways",
    ),
    (
        "skillforge-training-page",
        WORDS,
        "a_lesson_s_exercises_are_solved_by_their_solutions_alone_needs_node_needs_python_needs_registry",
    ),
    (
        "skybound-tenancy",
        BUILT,
        "tenants_are_kept_apart_needs_postgres",
    ),
    (
        "vizu-component",
        BUILT,
        "a_component_is_walked_with_its_tests_and_its_checklist_needs_node_needs_python",
    ),
    (
        "vizu-landing-page",
        BUILT,
        "a_landing_page_is_one_for_html_validate_and_axe_needs_node_needs_python_needs_registry",
    ),
];

/// What stands before a function of a file, back to the end of what is before it.
fn marks_of<'t>(text: &'t str, test: &str) -> Option<&'t str> {
    let at = text.find(&format!("fn {test}("))?;
    let before = &text[..at];
    let end = before.rfind("}\n").map_or(0, |end| end + 2);
    Some(&before[end..])
}

#[test]
fn each_shipped_blueprint_is_walked_by_the_test_that_is_named_for_it() {
    let world = World::with_home();
    let listed = world.json(["blueprint", "list", "--json"])["blueprints"].clone();
    let listed = listed.as_array().expect("a list").iter();
    let listed: BTreeSet<&str> = listed.filter_map(|line| line["name"].as_str()).collect();
    let named: BTreeSet<&str> = WALKED.iter().map(|(name, ..)| *name).collect();
    assert_eq!(named.len(), WALKED.len(), "each stands here once");
    let unnamed: Vec<_> = listed.difference(&named).collect();
    assert!(unnamed.is_empty(), "no test is named for {unnamed:?}");
    let gone: Vec<_> = named.difference(&listed).collect();
    assert!(gone.is_empty(), "{gone:?} are not shipped");
    assert!(
        listed.len() >= BLUEPRINTS_MIN,
        "{} blueprints",
        listed.len()
    );
    for (name, file, test) in WALKED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
        let marks = marks_of(&text, test).unwrap_or_else(|| panic!("{name}: no {test} in {file}"));
        assert!(
            marks.contains("#[test]") && !marks.contains("#[ignore") && !marks.contains("#[cfg"),
            "{name}: {test} is no ordinary test: {marks}"
        );
        // In this file the names stand in the table too.
        let own = text
            .split_once("fn marks_of")
            .map_or(text.as_str(), |(_, own)| own);
        assert!(
            own.contains(&format!("\"{name}\"")),
            "{file} does not name {name}"
        );
    }
}

#[test]
fn the_companies_are_sixteen_by_their_names() {
    let world = World::with_home();
    let listed = world.json(["company", "list", "--json"])["companies"].clone();
    let listed = listed.as_array().expect("a list").iter();
    let mut names: Vec<&str> = listed.filter_map(|line| line["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, COMPANIES);
    for name in COMPANIES {
        world.alai(["company", "validate", name]).exits(0);
    }
}

/// By which blueprint each kind of task was walked, as its last run says.
fn walked(world: &World, kind: &str) -> String {
    let mut tasks = (1..).map(|id| world.task(id));
    let found = tasks.find(|task| task["view"]["task"]["kind"] == kind);
    let runs = found.expect("there is one")["runs"].clone();
    let last = runs.as_array().and_then(|runs| runs.last()).expect("a run");
    last["choice"].as_str().expect("a choice").to_owned()
}

/// Adds the sample's task and lets a daemon build, judge and merge it.
fn merges(world: &World) {
    let args = ["mc", "add", TITLE, "--project", "tiny", "--check", CHECK];
    world.alai(args).exits(0);
    let daemon = world.up();
    world.until("it is merged", |world| {
        let there = world
            .titles("main")
            .iter()
            .any(|title| title.contains(TITLE));
        there.then_some(())
    });
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_change_is_built_reviewed_and_audited_on_the_shipped_ways() {
    let world = World::scripted("auto", &Script::good());
    merges(&world);
    for (kind, blueprint) in [
        ("build", "minion-one-shot"),
        ("review", "proveo-review"),
        ("security", "securion-security-review"),
    ] {
        let choice = walked(&world, kind);
        assert!(
            choice.contains(&format!("blueprint {blueprint}: ")),
            "{kind}: {choice}"
        );
    }
}

#[test]
fn a_company_without_a_way_of_its_own_judges_on_the_global_one() {
    let world = World::scripted("auto", &Script::good());
    for (company, stage) in [("Proveo", "review"), ("Securion", "security")] {
        let path = world
            .home()
            .join(format!("companies/{company}/config.json"));
        let text = std::fs::read_to_string(&path).expect("a configuration");
        let mut config: Value = serde_json::from_str(&text).expect("JSON");
        config["blueprints"][stage] = json!("review-readonly");
        config["blueprint_inputs"] = json!({});
        std::fs::write(&path, config.to_string()).expect("written");
    }
    merges(&world);
    for kind in ["review", "security"] {
        let choice = walked(&world, kind);
        assert!(
            choice.contains("blueprint review-readonly: "),
            "{kind}: {choice}"
        );
    }
}

#[test]
fn documents_are_written_on_the_ordinary_way_of_documents() {
    let page = "# Initials\n\n`words.sh` says them.\n";
    let plan = json!({"approach": "One page.", "files": ["docs/initials.md"], "risks": []});
    let done = json!({"calls": [{"name": "done", "arguments": {"status": "done", "summary": "The page is written."}}]});
    let script = Script::good()
        .with(
            json!({"kind": "docs", "step": "plan"}),
            &[json!({"json": plan})],
        )
        .with(
            json!({"kind": "docs", "step": "build"}),
            &[json!({"calls": [write("docs/initials.md", page)]}), done],
        );
    for blueprint in ["lexicon-docs", "minion-docs"] {
        let world = World::scripted("auto", &script);
        if blueprint != "lexicon-docs" {
            let path = world.home().join("companies/Lexicon/config.json");
            let text = std::fs::read_to_string(&path).expect("a configuration");
            let mut config: Value = serde_json::from_str(&text).expect("JSON");
            config["blueprints"]["docs"] = json!(blueprint);
            std::fs::write(&path, config.to_string()).expect("written");
        }
        let goal = [
            "start",
            "Say initials",
            "--project",
            "tiny",
            "--tag",
            "docs",
            "--wait",
        ];
        world.alai(goal).exits(0);
        assert_eq!(
            world.git(&["show", "main:docs/initials.md"]),
            page.trim_end()
        );
        let choice = walked(&world, "docs");
        assert!(
            choice.contains(&format!("blueprint {blueprint}: ")),
            "{choice}"
        );
    }
}
