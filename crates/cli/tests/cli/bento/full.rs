//! The same in its full form, `alai demo bento`: Next.js, FastAPI and PostgreSQL upon the shipped scaffold, whose packages come from the
//! registries. `cargo xtask bento --full`. That the product is one, piece by piece, is `bento_pieces.rs` of the minion's tests.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use alai_core::task::TaskKind;
use alai_mission::{MergeKind, MergeState, Reader};
use serde_json::Value;

use super::{
    LINES, every_package_verifies, tasks, the_cascade_has_its_shape, the_lines_are_those,
    what_was_found_was_red_before_it_was_mended,
};
use crate::world::{Running, World};

/// Packages, builds and some eighty runs of all tests, on a machine that does other work too.
const PATIENCE: Duration = Duration::from_secs(3 * 60 * 60);

#[test]
#[ignore = "many minutes: `cargo xtask bento --full`"]
fn the_whole_cascade_through_the_factory_needs_node_needs_python_needs_postgres_needs_registry() {
    let world = World::without_home();
    let mut demo = world.command(["demo", "bento", "--keep", "shown"]);
    // The machine's toolchains, and what a set-up needs to reach a registry from here.
    let tools = ["HOME", "PYENV_ROOT"];
    for name in tools.iter().chain(alai_workspace::setup::PASSED_THROUGH) {
        demo.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    let shown = Running::start(demo).ends_within(PATIENCE).exits(0);
    let (home, repository) = (world.path("shown/home"), world.path("shown/bento"));
    let reader = Reader::open(&home).expect("the store is readable");
    the_lines_are_those(&shown, super::FULL);
    the_cascade_has_its_shape(&reader, &shown);
    every_package_verifies(&world, &reader);
    what_was_found_was_red_before_it_was_mended(&world, &reader);
    every_side_was_tested_at_each_merge(&home, &reader);
    the_front_end_was_built(&world, &reader);
    the_product_is_whole(&repository);
}

/// The factory tests what it merges: each proof has tests of both sides, those in PostgreSQL among them, and none that was left out or is red.
fn every_side_was_tested_at_each_merge(home: &Path, reader: &Reader) {
    let merged = { reader.merges().expect("merges").into_iter() }
        .filter(|m| m.kind == MergeKind::Integrate && m.state == MergeState::Merged);
    assert_eq!(merged.count(), LINES);
    let proofs = std::fs::read_dir(home.join("cache/base")).expect("proofs");
    let mut most = 0;
    for proof in proofs.flatten() {
        let text = std::fs::read_to_string(proof.path()).expect("a proof");
        let census: Value = serde_json::from_str(&text).expect("JSON");
        let Some(ids) = census["ids"].as_object().filter(|ids| !ids.is_empty()) else {
            // Before the scaffold there is nothing to test.
            continue;
        };
        assert!(ids.values().all(|status| status == "passed"), "{text}");
        most = most.max(ids.len());
    }
    assert_eq!(most, 20 + 54, "the front end's and the back end's tests");
}

/// `npm run build` is a check of both tasks of the front end, measured in the gate's fresh clone.
fn the_front_end_was_built(world: &World, reader: &Reader) {
    let asked = { tasks(reader).into_iter() }.filter(|t| {
        t.kind == TaskKind::Build && t.checks.iter().any(|check| check.contains("npm run build"))
    });
    let mut built = 0;
    for task in asked {
        let id = task.id.0.to_string();
        let shown = world.json(["--home", "shown/home", "evidence", "show", &id, "--json"]);
        let all = shown["verdict"]["measurements"]
            .as_array()
            .expect("measurements");
        let checked = all.iter().find(|m| m["check"] == "acceptance_checks");
        assert_eq!(
            checked.expect("check 5")["result"],
            "pass",
            "{}",
            task.title
        );
        built += 1;
    }
    assert!(built >= 2, "{built}");
}

/// What the stages are for is on `main`; the page of the API names what its OpenAPI file describes.
fn the_product_is_whole(repository: &Path) {
    for file in [
        ".github/workflows/ci.yml",
        "Dockerfile.api",
        "Dockerfile.web",
        "api/migrations/0002_bento.sql",
        "compose.yaml",
        "deploy/staging/compose.yaml",
        "docs/guide.md",
        "docs/legal/privacy.md",
        "docs/legal/terms.md",
        "monitoring/bento-rules.yml",
        "web/src/app/checkout/route.ts",
    ] {
        assert!(repository.join(file).is_file(), "{file} is not there");
    }
    let read = |file: &str| std::fs::read_to_string(repository.join(file)).expect("a text");
    assert!(read("api/.env.example").contains("SESSION_SECRET="));
    let described: Value =
        serde_json::from_str(&read("docs/openapi.json")).expect("OpenAPI is JSON");
    let paths: BTreeSet<String> = described["paths"]
        .as_object()
        .expect("paths")
        .keys()
        .cloned()
        .collect();
    let page = read("docs/api.md");
    let request = regex::Regex::new("`(?:GET|POST|DELETE) (/[^` ]*)`").expect("a pattern");
    let told: BTreeSet<String> = { request.captures_iter(&page) }
        .map(|c| c[1].to_owned())
        .collect();
    assert_eq!(told, paths);
}
