//! Evidence through the public door: what holds, what does not, and whom it trusts.

use std::path::{Path, PathBuf};

use alai_core::qa::{Check, CheckResult, Outcome, Policy, Verdict, judge};
use alai_gate::evidence::key::load_or_create;
use alai_gate::evidence::{About, GateKey, seal, verify};
use alai_testkit::git;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::script::{BUILD, CHECK, Script};
use crate::world::{Ran, Running, World};

/// A world with one measured commit, its package and its run.
fn measured() -> (World, PathBuf, String) {
    let world = World::scripted("auto", &Script::good());
    let ran = world.json(BUILD.into_iter().chain(["--json"]));
    let text = |key: &str| ran[key].as_str().expect("a text").to_owned();
    let (dir, run) = (PathBuf::from(text("evidence")), text("run"));
    (world, dir, run)
}

/// A world with a goal's plan, which is the smallest package, and where it is.
fn planned() -> (World, PathBuf) {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(0);
    let shown = world.json(["evidence", "show", "2", "--json"]);
    let dir = PathBuf::from(shown["package"].as_str().expect("a folder"));
    (world, dir)
}

fn verified(world: &World, dir: &Path, code: i32) -> Value {
    world
        .alai(["evidence", "verify", &dir.display().to_string(), "--json"])
        .exits(code)
        .json()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(dir)
        .expect("a folder")
        .flatten()
        .map(|e| e.path())
    {
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found.sort();
    found
}

#[test]
fn a_package_is_shown_and_holds_until_a_byte_of_it_is_changed() {
    let (world, dir, run) = measured();
    for what in ["1", &run, &dir.display().to_string()] {
        let ran = world.alai(["evidence", "verify", what]).exits(0);
        let lines: Vec<&str> = ran
            .out
            .lines()
            .map(|line| line.split_once(' ').map_or(line, |(word, _)| word))
            .collect();
        assert_eq!(lines, ["package", "key", "mode", "commit", "ok"]);
    }
    let verdict = verified(&world, &dir, 0);
    assert_eq!(
        (&verdict["verified"], &verdict["mode"]),
        (&Value::from(true), &Value::from("simulated"))
    );
    assert_eq!(
        verdict["files"].as_u64(),
        u64::try_from(files(&dir).len() - 1).ok(),
        "all but the signature itself"
    );
    let shown = world.alai(["evidence", "show", "1"]).exits(0);
    for line in [
        "## Goals",
        " 2 pass base tests pass",
        " 5 pass the task's own checks exit 0",
        "files    GOTCHA.md, ",
    ] {
        assert!(shown.out.contains(line), "`{line}`: {shown}");
    }
    let shown = world.json(["evidence", "show", &run, "--json"]);
    assert_eq!(
        shown["verdict"]["measurements"].as_array().map(Vec::len),
        Some(19)
    );
    one_changed_byte_in_any_file_is_seen(&world, &dir);
}

fn one_changed_byte_in_any_file_is_seen(world: &World, dir: &Path) {
    let all = files(dir);
    assert!(all.len() >= 8, "{all:?}");
    for path in &all {
        let whole = std::fs::read(path).expect("a file");
        let mut changed = whole.clone();
        match changed.len() {
            0 => changed.push(b'\n'),
            n => changed[n / 2] ^= 1,
        }
        std::fs::write(path, &changed).expect("a byte is flipped");
        let verdict = verified(world, dir, 5);
        assert_eq!(verdict["verified"], false, "{}", path.display());
        assert_ne!(
            verdict["faults"].as_array().map(Vec::len),
            Some(0),
            "{}",
            path.display()
        );
        std::fs::write(path, &whole).expect("it is put back");
    }
    verified(world, dir, 0);
    for path in all {
        let whole = std::fs::read(&path).expect("a file");
        std::fs::remove_file(&path).expect("a file is lost");
        verified(world, dir, 5);
        std::fs::write(&path, &whole).expect("it is put back");
    }
    std::fs::write(dir.join("more.txt"), "not signed\n").expect("a stranger");
    verified(world, dir, 5);
}

#[test]
fn only_the_key_that_a_person_pinned_is_trusted() {
    let (world, dir) = planned();
    let pinned =
        std::fs::read_to_string(world.home().join("keys/gate.pub")).expect("the home's key");
    let key = pinned.trim().parse().expect("a public key");
    let about = verify(&dir, &key)
        .expect("it holds")
        .statement
        .predicate
        .about;
    let verdict = std::fs::read(dir.join("verdict.json")).expect("the verdict");
    let verdict = serde_json::from_slice(&verdict).expect("a verdict");
    let other = GateKey::from_seed([9; 32]);
    // The forger brings his key along, in the package, where nobody looks for one.
    std::fs::write(dir.join("gate.pub"), format!("{}\n", other.public())).expect("a key");
    seal(&dir, &about, &verdict, &other).expect("signed again");
    let ran = world
        .alai(["evidence", "verify", &dir.display().to_string()])
        .exits(5);
    assert!(
        ran.out.contains("fault ") && ran.out.contains("not the pinned one"),
        "{ran}"
    );
    // It is well made: who pins the forger's key believes the forger.
    let forger = world.path("forger.pub");
    std::fs::write(&forger, format!("{}\n", other.public())).expect("a key");
    let given = |file: &Path| {
        let (dir, file) = (dir.display().to_string(), file.display().to_string());
        world.alai(["evidence", "verify", &dir, "--key", &file])
    };
    given(&forger).exits(0);
    given(&world.home().join("keys/gate.pub")).exits(5);
    given(&world.path("nowhere.pub"))
        .exits(4)
        .says("cannot read the key");
    given(&world.repo().join("words.sh"))
        .exits(4)
        .says("is no public key");
}

#[test]
fn records_that_cannot_be_read_say_nothing_of_a_cage() {
    let (world, dir, _run) = measured();
    let show = ["evidence", "show", &dir.display().to_string()];
    let before = world.alai(show).exits(0);
    assert!(!before.out.contains("sandbox "), "{before}");
    std::fs::write(dir.join("commands.jsonl"), "{").expect("spoiled");
    world.alai(show).exits(0).says("sandbox  unknown");
    let json = world.json(show.into_iter().chain(["--json"]));
    assert_eq!(json["sandbox"], Value::Null);
}

#[test]
fn what_is_no_evidence_is_not_shown_as_some() {
    let world = World::with_project("auto");
    world
        .alai(["mc", "add", "A", "--project", "tiny", "--hold"])
        .exits(0);
    world
        .alai(["evidence", "show", "1"])
        .exits(3)
        .says("#1 has no evidence yet");
    world.alai(["evidence", "verify", "1"]).exits(3);
    world
        .alai(["evidence", "verify", "nothing"])
        .exits(3)
        .says("`nothing` is no task, no run and no folder");
    world
        .alai(["evidence", "show", "tiny"])
        .exits(3)
        .says("tiny holds no evidence");
    world.alai(["evidence", "show", "tiny", "--json"]).exits(3);
    world.alai(["evidence", "verify", "tiny"]).exits(5);
}

fn again(world: &World, dir: &Path, more: &[&str]) -> Ran {
    let dir = dir.display().to_string();
    let args = ["evidence", "verify", &dir, "--rerun"];
    world.alai(args.iter().chain(more))
}

#[test]
fn a_package_is_measured_again_on_any_machine_that_has_the_commit() {
    let (world, dir, run) = measured();
    let same = world.alai(["evidence", "verify", &run, "--rerun"]).exits(0);
    assert!(same.out.contains("checks came out as recorded"), "{same}");
    let shown = again(&world, &dir, &["--json"]).exits(0).json();
    let compared = shown["rerun"].as_array().expect("checks");
    assert!(compared.len() >= 15, "{shown}");
    assert!(
        compared.iter().all(|c| c["recorded"] == c["now"]),
        "{shown}"
    );

    // Another machine has the package, a clone and the public key, and no home.
    let clone = world.path("elsewhere").display().to_string();
    let source = world.repo().display().to_string();
    world.git(&["clone", "--quiet", &source, &clone]);
    let all = "+refs/alai/*:refs/alai/*";
    world.git(&["-C", &clone, "fetch", "--quiet", &source, all]);
    let copy = world.path("package");
    copied(&dir, &copy);
    let key = world.path("gate.pub");
    std::fs::copy(world.home().join("keys/gate.pub"), &key).expect("the key");
    let key = key.display().to_string();
    let nowhere = world.path("no-home").display().to_string();
    let far = ["--key", &key, "--home", &nowhere];
    again(&world, &copy, &far).exits(4).says("--repo DIR");
    let with_repo: Vec<&str> = far.iter().copied().chain(["--repo", &clone]).collect();
    again(&world, &copy, &with_repo)
        .exits(0)
        .says("came out as recorded");
    // A repository that never saw the commit can say nothing of it.
    let empty = world.path("empty");
    std::fs::create_dir(&empty).expect("a folder");
    std::fs::write(empty.join("README.md"), "Another project.\n").expect("a file");
    git::init_repo(&empty).expect("a repository");
    let empty = empty.display().to_string();
    let with_empty: Vec<&str> = far.iter().copied().chain(["--repo", &empty]).collect();
    again(&world, &copy, &with_empty)
        .exits(3)
        .says("has not the commit")
        // What would have run is said before anything does.
        .says("runs     test: sh test.sh")
        .says(&format!("runs     check: {CHECK}"))
        .says("network  none");
    assert!(!Path::new(&nowhere).exists(), "verifying makes no home");
}

/// Runs a package's own script against a repository, as somebody without alai does.
fn repeated(world: &World, dir: &Path, repo: &Path) -> Ran {
    let script = dir.join("verify/run.sh").display().to_string();
    world.sh(&format!("sh '{script}' '{}'", repo.display()))
}

#[test]
fn the_script_of_a_package_repeats_its_commands_without_alai() {
    let (world, dir, _) = measured();
    let ran = repeated(&world, &dir, &world.repo()).exits(0);
    for line in [
        "same   the tests of the base, on the base: exit 0",
        "same   base_tests_pass, sh test.sh: exit 0",
        "same   acceptance_checks, test \"$(sh words.sh initials",
        "left   no_tampering: alai itself measures it",
        "3 as recorded, 0 not, ",
    ] {
        assert!(ran.out.contains(line), "`{line}`: {ran}");
    }
    // It is what was sealed, and is said so.
    let key = load_or_create(&world.home().join("keys/gate.key")).expect("the key");
    let names: Vec<String> = verify(&dir, &key.public())
        .expect("untouched")
        .statement
        .predicate
        .artifacts
        .into_iter()
        .map(|artifact| artifact.path)
        .collect();
    for file in ["verify/run.sh", "verify/base-tests.json"] {
        assert!(names.iter().any(|path| path == file), "{names:?}");
    }
    // What was there before is a blob that those checks rest on.
    let tests = std::fs::read(dir.join("verify/base-tests.json")).expect("the tests of the base");
    let hash = format!("blob:{}", hex::encode(Sha256::digest(&tests)));
    let tests: Value = serde_json::from_slice(&tests).expect("JSON");
    // The sample's runner names none.
    assert_eq!(tests["exit"], json!({"kind": "code", "code": 0}), "{tests}");
    assert!(tests["ids"].is_object(), "{tests}");
    let sources = std::fs::read_to_string(dir.join("verify/sources.json")).expect("sources");
    let sources: Value = serde_json::from_str(&sources).expect("JSON");
    for check in ["base_tests_pass", "census_not_reduced"] {
        let rests = sources[check].as_array().expect("references");
        assert!(
            rests.iter().any(|r| *r == json!(hash)),
            "{check}: {sources}"
        );
    }

    // A record that says something else than the command does.
    let copy = world.path("package");
    copied(&dir, &copy);
    let script = copy.join("verify/run.sh");
    let text = std::fs::read_to_string(&script).expect("the script");
    let forged = text.replacen(
        "sh test.sh' 0 'sh test.sh'",
        "sh test.sh' 3 'sh test.sh'",
        1,
    );
    assert_ne!(text, forged, "{text}");
    std::fs::write(&script, forged).expect("written");
    repeated(&world, &copy, &world.repo())
        .exits(1)
        .says("OTHER  base_tests_pass, sh test.sh: exit 0, and 3 is recorded");
    verified(&world, &copy, 5);

    // A repository that never saw the commit can say nothing of it.
    let empty = world.path("empty");
    std::fs::create_dir(&empty).expect("a folder");
    std::fs::write(empty.join("README.md"), "Another project.\n").expect("a file");
    git::init_repo(&empty).expect("a repository");
    repeated(&world, &dir, &empty)
        .exits(2)
        .says("does not give the commit");
    let script = dir.join("verify/run.sh").display().to_string();
    world
        .sh(&format!(
            "if command -v shellcheck >/dev/null; then shellcheck '{script}'; else sh -n '{script}'; fi"
        ))
        .exits(0);
}

fn copied(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).expect("inside"));
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("folders");
        std::fs::copy(&path, target).expect("copied");
    }
}

#[test]
fn a_result_that_was_forged_with_the_gate_s_own_key_is_found_by_measuring_again() {
    let broken =
        json!({"name": "run", "arguments": {"command": "echo exit 0 | tee words.sh > test.sh"}});
    let world = World::scripted("auto", &Script::good().builds("", &[broken]));
    world.alai(BUILD).exits(5);
    let shown = world.json(["evidence", "show", "1", "--json"]);
    let dir = PathBuf::from(shown["package"].as_str().expect("a folder"));
    // A failure that was recorded is a failure again.
    again(&world, &dir, &[]).exits(0);
    let key = load_or_create(&world.home().join("keys/gate.key")).expect("the key");
    let about = verify(&dir, &key.public())
        .expect("it holds")
        .statement
        .predicate
        .about;
    let text = std::fs::read_to_string(dir.join("verdict.json")).expect("the verdict");
    let mut verdict: Verdict = serde_json::from_str(&text).expect("a verdict");
    verdict.outcome = Outcome::Passed;
    seal(&dir, &about, &verdict, &key).expect("signed");
    let faults = verified(&world, &dir, 5)["faults"].to_string();
    assert!(
        faults.contains("passed beside a failed mandatory check"),
        "{faults}"
    );
    let failed = verdict
        .measurements
        .iter_mut()
        .filter(|m| m.result == CheckResult::Fail);
    failed.for_each(|m| m.result = CheckResult::Pass);
    let verdict = judge(&verdict.measurements, Policy::default());
    assert!(verdict.passed(), "{verdict:?}");
    seal(&dir, &about, &verdict, &key).expect("signed");
    verified(&world, &dir, 0);
    let ran = again(&world, &dir, &[]).exits(5);
    for words in [
        "differs  2 base tests pass: recorded pass",
        "did not come out as recorded",
    ] {
        assert!(
            ran.out.contains(words) || ran.err.contains(words),
            "`{words}`: {ran}"
        );
    }
}

/// A build that passed without a mandatory check did not pass, whoever signed it.
#[test]
fn a_check_that_was_left_out_of_a_package_is_found() {
    let (world, dir, _) = measured();
    let key = load_or_create(&world.home().join("keys/gate.key")).expect("the key");
    let about = sealed_about(&dir, &key);
    let text = std::fs::read_to_string(dir.join("verdict.json")).expect("the verdict");
    let whole: Verdict = serde_json::from_str(&text).expect("a verdict");
    assert!(whole.passed(), "{whole:?}");
    let mut fewer = Verdict {
        passed: whole.passed - 1,
        applicable: whole.applicable - 1,
        policy: None,
        ..whole
    };
    fewer
        .measurements
        .retain(|m| m.check != Check::BaseTestsPass);
    seal(&dir, &about, &fewer, &key).expect("signed");
    let faults = verified(&world, &dir, 5)["faults"].to_string();
    assert!(
        faults.contains("without a measurement of a mandatory check: 2 base tests pass"),
        "{faults}"
    );
}

/// Packages of before something was written verify, and say what they cannot show.
#[test]
fn a_package_of_an_older_version_says_what_it_lacks() {
    let (world, dir, _) = measured();
    assert_eq!(verified(&world, &dir, 0)["lacks"], json!([]), "of today");
    let key = load_or_create(&world.home().join("keys/gate.key")).expect("the key");
    let about = sealed_about(&dir, &key);
    let text = std::fs::read_to_string(dir.join("verdict.json")).expect("the verdict");
    let verdict: Verdict = serde_json::from_str(&text).expect("a verdict");
    let older = Verdict {
        policy: None,
        ..verdict
    };
    std::fs::remove_dir_all(dir.join("verify")).expect("not written then");
    seal(&dir, &about, &older, &key).expect("signed");
    let said = verified(&world, &dir, 0)["lacks"].to_string();
    for words in ["the rules", "verify/sources.json", "`--rerun` cannot"] {
        assert!(said.contains(words), "`{words}`: {said}");
    }
    let package = dir.display().to_string();
    let told = world.alai(["evidence", "verify", &package]).exits(0);
    assert!(
        told.out
            .contains("lacks    the rules that it was judged by"),
        "{told}"
    );
    // Each check is shown as it was, by the rule of then, with nothing behind it.
    let shown = world.json(["qa", "check", "1", "--json"]);
    assert_eq!(shown["outcome"]["kind"], "passed");
    let applicable = shown["applicable"].as_u64().expect("a number");
    assert_eq!(shown["needed"], (15 * applicable).div_ceil(19));
    assert_eq!(shown["checks"][1]["evidence"], json!([]));
    assert_ne!(
        again(&world, &dir, &[]).code,
        0,
        "nothing says what measures it"
    );
}

fn sealed_about(dir: &Path, key: &GateKey) -> About {
    let held = verify(dir, &key.public()).expect("it holds");
    held.statement.predicate.about
}

#[test]
fn measuring_again_ends_at_ctrl_c_and_leaves_nothing() {
    let (world, dir, _) = measured();
    let key = load_or_create(&world.home().join("keys/gate.key")).expect("the key");
    let about = sealed_about(&dir, &key);
    let text = std::fs::read_to_string(dir.join("verdict.json")).expect("the verdict");
    let verdict: Verdict = serde_json::from_str(&text).expect("a verdict");
    // Tests that do not end by themselves while anybody looks.
    let recipe = dir.join("verify/recipe.json");
    let mut changed: Value =
        serde_json::from_str(&std::fs::read_to_string(&recipe).expect("the recipe")).expect("JSON");
    changed["test_command"] = "sleep 100000".into();
    std::fs::write(&recipe, changed.to_string()).expect("written");
    seal(&dir, &about, &verdict, &key).expect("signed");
    let scratch = world.path("scratch");
    std::fs::create_dir(&scratch).expect("a folder");
    let package = dir.display().to_string();
    let mut command = world.command(["evidence", "verify", &package, "--rerun"]);
    command.env("TMPDIR", &scratch);
    let rerun = Running::start(command);
    rerun.says("runs     test: sleep 100000");
    world.until("it has begun", |_| {
        (std::fs::read_dir(&scratch).expect("listed").count() > 0).then_some(())
    });
    rerun.signal(libc::SIGINT);
    rerun.ends().exits(130).says("interrupted");
    assert_eq!(std::fs::read_dir(&scratch).expect("listed").count(), 0);
}
