//! A project from nothing through the whole factory: a task is added, the shipped blueprint writes the project, the gate measures it, a
//! review and an audit judge it, and it is merged. The person has allowed nothing: neither paths nor dependencies.
//!
//! The tests whose names have `factory` in them install packages through the set-up's proxy, build in every clone, and take minutes:
//! `cargo xtask scaffolds --factory`. The others need no network.

use std::time::Duration;

use alai_gate::census::{Census, TestStatus};
use serde_json::{Value, json};

use crate::script::Script;
use crate::world::{Running, World};

/// Compilers of all of a project's packages, in several clones, on a machine that does other work too.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

const TITLE: &str = "Make the project from nothing";
const API: &str = "codecraft-api-backend";
const NEXTJS: &str = "codecraft-nextjs-app";
const FULLSTACK: &str = "codecraft-fullstack";

/// Where nothing is installed: the project is there when its manifest is.
const LOOKS: &str = "test ! -e Cargo.toml || grep -q '^axum' Cargo.toml";

/// A new repository, with what such a one usually has, in which CodeCraft builds by this blueprint.
fn world(blueprint: &str, inputs: &Value, project: &[&str]) -> World {
    let world = World::with_home();
    let repo = world.path("shop");
    std::fs::create_dir(&repo).expect("a folder");
    std::fs::write(repo.join("README.md"), "# New\n").expect("written");
    alai_testkit::git::init_repo(&repo).expect("a repository");
    world.play(&Script::good());
    let path = world.home().join("companies/CodeCraft/config.json");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    config["blueprints"]["build"] = json!(blueprint);
    config["blueprint_inputs"] = inputs.clone();
    std::fs::write(&path, config.to_string()).expect("written");
    let args = ["project", "add", "shop", "--deliver", "auto"];
    world.alai(args.iter().chain(project)).exits(0);
    world
}

fn add(world: &World) {
    let args = [
        "mc",
        "add",
        TITLE,
        "--project",
        "shop",
        "--company",
        "CodeCraft",
        "--check",
        "grep -q 'lunch-box' README.md",
    ];
    world.alai(args).exits(0);
}

fn git(world: &World, args: &[&str]) -> String {
    alai_testkit::git::git(&world.path("shop"), args).unwrap_or_else(|e| panic!("{e}"))
}

/// The measured checks of the build, by their names: what came of each and what was seen.
fn measured(world: &World, check: &str) -> (String, String) {
    let shown = world.json(["evidence", "show", "1", "--json"]);
    let all = shown["verdict"]["measurements"]
        .as_array()
        .expect("measurements");
    let found = all.iter().find(|m| m["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check} in {shown}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&found["result"]), text(&found["detail"]))
}

/// Tests that passed on the merged result, by the proof that the factory kept of it.
fn passed(world: &World) -> usize {
    let proofs = std::fs::read_dir(world.home().join("cache/base")).expect("proofs");
    let counts = proofs.flatten().map(|proof| {
        let text = std::fs::read_to_string(proof.path()).expect("a proof");
        let census: Census = serde_json::from_str(&text).expect("a census");
        let mut ids = census.ids.values();
        assert!(ids.all(|status| *status == TestStatus::Passed), "{text}");
        census.ids.len()
    });
    counts.max().expect("the merged result was tested")
}

/// Lets a daemon work until the project is on `main`, or the build waits for somebody.
fn merges(world: &World) {
    let mut up = world.command(["up"]);
    // The machine's toolchains, and what a set-up needs to reach a registry from here.
    let tools = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "PYENV_ROOT"];
    for name in tools.iter().chain(alai_workspace::setup::PASSED_THROUGH) {
        up.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    let daemon = Running::start(up);
    daemon.says("alai is up on");
    let merged = world.until_within(PATIENCE, "it is merged or waits", |world| {
        let waits = ["waiting", "failed"].contains(&world.state(1).as_str());
        let there = git(world, &["log", "--format=%s", "main"]);
        (waits || there.contains(TITLE)).then_some(!waits)
    });
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    let why = world.alai(["why", "1"]);
    assert!(
        merged,
        "{why}\n{}",
        world.alai(["mc", "show", "1", "--explain"])
    );
    world.alai(["mc", "fsck"]).exits(0);
    world.alai(["evidence", "verify", "1"]).exits(0);
    for kind in ["[REVIEW]", "[SECURITY]"] {
        let listed = world.list();
        assert!(
            listed
                .lines()
                .any(|l| l.contains(kind) && l.contains("[done]")),
            "{listed}"
        );
    }
    assert_eq!(
        git(world, &["status", "--porcelain"]),
        "",
        "the work tree follows"
    );
}

#[test]
fn a_scaffold_without_packages_is_merged_with_its_ci_and_its_image() {
    let inputs = json!({"backend": "axum", "name": "lunch-box", "delivery": "yes"});
    let world = world(API, &inputs, &["--test", LOOKS]);
    add(&world);
    merges(&world);
    let files = git(&world, &["ls-tree", "-r", "--name-only", "main"]);
    for file in [
        ".github/workflows/ci.yml",
        "Cargo.lock",
        "Dockerfile",
        "src/main.rs",
    ] {
        assert!(
            files.lines().any(|line| line == file),
            "{file} is not in {files}"
        );
    }
    for check in [
        "gate_config_untouched",
        "dependencies",
        "allowed_paths_only",
    ] {
        let (result, detail) = measured(&world, check);
        assert_eq!(result, "pass", "{check}: {detail}");
    }
    let detail = measured(&world, "gate_config_untouched").1;
    assert!(
        detail.contains("4 files that do are the shipped blueprint's"),
        "{detail}"
    );
    let detail = measured(&world, "dependencies").1;
    assert!(
        detail.contains("2 are the shipped blueprint's, byte for byte"),
        "{detail}"
    );
    let run = world.task(1)["runs"][0].clone();
    assert_eq!(run["model"], "none: no model is asked", "{run}");
}

/// What a home's own blueprint does to the files of the shipped one is not the shipped one's any more.
#[test]
fn one_byte_more_than_was_shipped_is_the_agents_and_is_refused() {
    let inputs = json!({"backend": "axum", "name": "lunch-box", "delivery": "yes"});
    let world = world(API, &inputs, &["--test", LOOKS]);
    let path = world
        .home()
        .join(format!("companies/CodeCraft/blueprints/{API}.yaml"));
    let text = std::fs::read_to_string(&path).expect("the blueprint");
    let acts = "cp Dockerfile api.Dockerfile; echo '# mine' >> Dockerfile; chmod +x .dockerignore; \
                echo '# mine' >> .github/workflows/ci.yml; sed -i 's/^checksum = \"./checksum = \"0/' Cargo.lock; \
                printf '\\n#[test]\\n#[ignore]\\nfn mine() {}\\n' >> tests/http.rs";
    let own = format!(
        "  - id: own\n    run: {}\n\n  - id: report\n",
        Value::from(acts)
    );
    let changed = text.replace("  - id: report\n", &own);
    assert_ne!(changed, text);
    std::fs::write(&path, changed).expect("written");
    let args = ["minion", "run", TITLE, "--project", "shop", "--company"];
    let ran = world.alai(args.iter().chain(&["CodeCraft", "--blueprint", API]));
    assert_ne!(ran.code, 0, "{ran}");
    let failed = world.failed_checks(1);
    let names: Vec<&str> = failed.iter().map(|(check, _)| check.as_str()).collect();
    assert_eq!(
        names,
        [
            "allowed_paths_only",
            "gate_config_untouched",
            "no_tampering",
            "dependencies"
        ],
        "{failed:?}"
    );
    for (at, said) in [
        (0, ".github/workflows/ci.yml is forbidden"),
        (1, ".github/workflows/ci.yml is CI"),
        (1, "Dockerfile is Docker"),
        (1, "api.Dockerfile is Docker"),
        (1, ".dockerignore is Docker"),
        (2, "tests/http.rs"),
        (3, "Cargo.lock: +"),
    ] {
        assert!(failed[at].1.contains(said), "`{said}` is not in {failed:?}");
    }
}

/// Two images, two manifests and one workflow in one change: each is the first of its kind, and each the blueprint's own.
#[test]
fn a_full_stack_without_its_packages_is_merged_with_both_sides() {
    let inputs = json!({"name": "lunch-box", "web": "apps/web", "api": "apps/api"});
    let looks = "test ! -e apps || { grep -q '\"next\"' apps/web/package.json && grep -q '^fastapi' apps/api/requirements.in; }";
    let world = world(FULLSTACK, &inputs, &["--test", looks]);
    add(&world);
    merges(&world);
    let files = git(&world, &["ls-tree", "-r", "--name-only", "main"]);
    for file in [
        ".github/workflows/ci.yml",
        "apps/api/Dockerfile",
        "apps/api/requirements-dev.txt",
        "apps/web/Dockerfile",
        "apps/web/package-lock.json",
        "compose.yaml",
    ] {
        assert!(
            files.lines().any(|line| line == file),
            "{file} is not in {files}"
        );
    }
    for check in [
        "gate_config_untouched",
        "dependencies",
        "allowed_paths_only",
    ] {
        let (result, detail) = measured(&world, check);
        assert_eq!(result, "pass", "{check}: {detail}");
    }
}

/// The folder is the task's; what stands in it is the blueprint's, byte for byte, and nowhere else.
#[test]
fn a_folder_lets_nothing_in_but_the_shipped_bytes_at_their_place() {
    let inputs = json!({"name": "lunch-box", "web": "front", "api": "back"});
    let looks = "test ! -e front || grep -q '\"next\"' front/package.json";
    let world = world(FULLSTACK, &inputs, &["--test", looks]);
    let path = { world.home() }.join(format!("companies/CodeCraft/blueprints/{FULLSTACK}.yaml"));
    let text = std::fs::read_to_string(&path).expect("the blueprint");
    // The right bytes in another folder, and other bytes in the right one.
    let acts = "mkdir other && cp back/Dockerfile other/Dockerfile && cp front/package.json package.json && \
                cp .github/workflows/ci.yml .github/workflows/more.yml && \
                echo 'RUN id' >> front/Dockerfile";
    let own = format!(
        "  - id: own\n    run: {}\n\n  - id: report\n",
        Value::from(acts)
    );
    let changed = text.replace("  - id: report\n", &own);
    assert_ne!(changed, text);
    std::fs::write(&path, changed).expect("written");
    let args = ["minion", "run", TITLE, "--project", "shop", "--company"];
    let ran = world.alai(args.iter().chain(&["CodeCraft", "--blueprint", FULLSTACK]));
    assert_ne!(ran.code, 0, "{ran}");
    let failed = world.failed_checks(1);
    let said = |check: &str| {
        let found = failed.iter().find(|(name, _)| name == check);
        found
            .unwrap_or_else(|| panic!("{check} is not among {failed:?}"))
            .1
            .clone()
    };
    for (check, part) in [
        (
            "allowed_paths_only",
            ".github/workflows/more.yml is forbidden",
        ),
        ("gate_config_untouched", "front/Dockerfile is Docker"),
        ("gate_config_untouched", "other/Dockerfile is Docker"),
        ("gate_config_untouched", ".github/workflows/more.yml is CI"),
        ("dependencies", "; package.json: +"),
    ] {
        assert!(said(check).contains(part), "`{part}` is not in {failed:?}");
    }
    assert!(
        !said("gate_config_untouched").contains("back/Dockerfile"),
        "{failed:?}"
    );
}

#[test]
#[ignore = "minutes: `cargo xtask scaffolds --factory`"]
fn the_full_stack_through_the_factory_needs_node_needs_python_needs_postgres_needs_registry() {
    let set_up = "test ! -e web || { (cd web && npm ci --no-audit --no-fund) && cd api && python3 -m venv .venv && .venv/bin/python -m pip install \
                  --disable-pip-version-check --require-hashes -r requirements-dev.txt; }";
    let world = world(
        FULLSTACK,
        &json!({"name": "lunch-box"}),
        &[
            "--setup",
            set_up,
            "--test",
            "test ! -e web || { (cd web && npm test) && cd api && .venv/bin/python -m pytest; }",
            "--lint",
            "test ! -e web || { (cd web && npm run lint) && cd api && .venv/bin/python -m ruff check .; }",
            "--service",
            "postgres",
            "--env",
            "NEXT_TELEMETRY_DISABLED=1",
        ],
    );
    add(&world);
    merges(&world);
    assert_eq!(
        passed(&world),
        12 + 23,
        "all of both sides, in PostgreSQL too"
    );
}

#[test]
#[ignore = "minutes: `cargo xtask scaffolds --factory`"]
fn the_axum_backend_through_the_factory_needs_postgres_needs_registry() {
    let inputs = json!({"backend": "axum", "name": "lunch-box"});
    let world = world(
        API,
        &inputs,
        &[
            "--setup",
            "test ! -e Cargo.lock || cargo fetch --locked",
            "--test",
            "test ! -e Cargo.toml || cargo test --locked --offline --no-fail-fast -- --include-ignored",
            "--service",
            "postgres",
        ],
    );
    add(&world);
    merges(&world);
    assert_eq!(passed(&world), 13, "all of them, in PostgreSQL too");
}

#[test]
#[ignore = "minutes: `cargo xtask scaffolds --factory`"]
fn the_fastapi_backend_through_the_factory_needs_python_needs_postgres_needs_registry() {
    let inputs = json!({"backend": "fastapi", "name": "lunch-box"});
    let set_up = "test ! -e requirements-dev.txt || { python3 -m venv .venv && .venv/bin/python -m pip install \
                  --disable-pip-version-check --require-hashes -r requirements-dev.txt; }";
    let world = world(
        API,
        &inputs,
        &[
            "--setup",
            set_up,
            "--test",
            "test ! -e pyproject.toml || .venv/bin/python -m pytest",
            "--lint",
            "test ! -e pyproject.toml || .venv/bin/python -m ruff check .",
            "--service",
            "postgres",
        ],
    );
    add(&world);
    merges(&world);
    assert_eq!(passed(&world), 23, "all of them, in PostgreSQL too");
}

#[test]
#[ignore = "minutes: `cargo xtask scaffolds --factory`"]
fn the_nextjs_app_through_the_factory_needs_node_needs_registry() {
    let world = world(
        NEXTJS,
        &json!({"name": "lunch-box"}),
        &[
            "--setup",
            "test ! -e package-lock.json || npm ci --no-audit --no-fund",
            "--build",
            "test ! -e package.json || npm run build",
            "--test",
            "test ! -e package.json || npm test",
            "--lint",
            "test ! -e package.json || npm run lint",
            "--env",
            "NEXT_TELEMETRY_DISABLED=1",
        ],
    );
    add(&world);
    merges(&world);
    assert_eq!(passed(&world), 9);
}
