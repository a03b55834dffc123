//! From a goal to merged code, and every way in which it stops short: one flow per test, with a scripted model.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::script::{CHECK, Script, TITLE, planned, reject, small, write};
use crate::world::{Running, World};

const START: [&str; 5] = ["start", "Count letters", "--project", "tiny", "--wait"];

fn started_with(extra: &[&'static str]) -> Vec<&'static str> {
    START.into_iter().chain(extra.iter().copied()).collect()
}

#[test]
fn init_can_be_given_again_and_keeps_what_a_person_changed() {
    let world = World::without_home();
    let first = world.alai(["init"]).exits(0);
    // Which layers a cage has depends on the machine, and the packs are data.
    let varies = |line: &str| {
        ["cage ", "companies ", "blueprints "]
            .iter()
            .any(|w| line.starts_with(w))
    };
    let stable: Vec<&str> = first.out.lines().filter(|line| !varies(line)).collect();
    assert_snapshot!(world.redact(&stable.join("\n")), @r#"
    home        DIR/home (made)
    models      none: cannot connect: Connection refused (os error 111); start it with `ollama serve`, or say where it runs (OLLAMA_HOST, or its `url` in alai.toml)
    next        `alai project add PATH`, then `alai start "GOAL" --project PATH --wait`; or `alai demo`
    "#);
    assert!(
        first.out.contains("CodeCraft, ") && first.out.contains("minion-one-shot"),
        "{first}"
    );
    let pack = world.home().join("companies/CodeCraft/CLAUDE.md");
    let shipped = std::fs::read_to_string(&pack).expect("the pack's soul");
    let own = format!("{shipped}\nAnswer in Bosnian.\n");
    std::fs::write(&pack, &own).expect("a person edits it");
    let gone = world.home().join("blueprints/minion-docs.yaml");
    std::fs::remove_file(&gone).expect("a file is lost");
    world.alai(["init"]).exits(0).says("(complete)");
    assert_eq!(
        std::fs::read_to_string(&pack).expect("still there"),
        own,
        "a person's file stays"
    );
    assert!(gone.is_file(), "what is missing is written again");
}

#[test]
fn a_project_is_looked_at_and_a_person_says_otherwise() {
    let world = World::with_home();
    let repo = world.path("kv");
    alai_testkit::samples::write("rust-kv", &repo).expect("the sample");
    alai_testkit::git::init_repo(&repo).expect("a repository");
    let added = world.alai(["project", "add", "kv"]).exits(0);
    assert_snapshot!(world.redact(&added.out), @r"
    project  kv at DIR/kv
    stacks   Cargo
    setup    cargo fetch --locked
    build    cargo build --all-targets --locked --offline
    test     cargo test --locked --offline --no-fail-fast
    lint     cargo clippy --all-targets --locked --offline
    target   main, moved by `alai mc approve`
    ");
    let set = world
        .alai([
            "project",
            "set",
            "kv",
            "--lint",
            "",
            "--test",
            "cargo test -q",
            "--deliver",
            "auto",
        ])
        .exits(0);
    assert_snapshot!(world.redact(&set.out), @r"
    project  kv at DIR/kv
    stacks   Cargo
    setup    cargo fetch --locked
    build    cargo build --all-targets --locked --offline
    test     cargo test -q
    lint     none
    target   main, moved by the factory when a goal is settled
    ");
    assert_eq!(
        world.alai(["project", "show", "kv"]).exits(0).out,
        set.out,
        "what was set is what is there"
    );
    let listed = world.json(["project", "list", "--json"]);
    assert_eq!(listed, world.json(["project", "show", "kv", "--json"]));
    assert_eq!(
        listed,
        world.json(["project", "set", "kv", "--docs", "false", "--json"])
    );
    let missing = world
        .alai(["project", "set", "kv", "--target", "nobranch"])
        .exits(2);
    missing.says("the repository has no branch `nobranch`");
    let tiny = world
        .alai(["project", "add", "tiny", "--test", "sh test.sh", "--json"])
        .exits(0);
    assert!(
        tiny.err.starts_with("note: no project file known"),
        "{tiny}"
    );
    assert_eq!(
        (&tiny.json()["name"], &tiny.json()["schema_version"]),
        (&json!("tiny"), &json!(1))
    );
    assert_eq!(listed["name"], "kv");
    assert_eq!(listed["settings"]["test"], "cargo test -q");
    assert_eq!(listed["settings"]["delivery"], "auto");
    assert_eq!(listed["settings"]["lint"], Value::Null);
}

#[test]
fn a_goal_becomes_merged_code() {
    let world = World::scripted("auto", &Script::good());
    let ran = world
        .alai(started_with(&["--check", CHECK, "--priority", "H"]))
        .exits(0);
    assert_snapshot!(world.redact(&ran.out), @r"
    #1 [H] [done] [—] Count letters L3
    #2 [H] [done] [—] Spec: Count letters (parent: #1)
    #3 [H] [done] [—] Add initials (parent: #1) L3
    #4 [H] [done] [—] Postflight: Count letters (parent: #1)
    #5 [H] [done] [—] [REVIEW] Code review: Add initials (parent: #3) L2
    #6 [H] [done] [—] [SECURITY] Security audit: Add initials (parent: #5) L2
    pages  DIR/home/wiki/goals/1
    ");
    assert_snapshot!(world.list(), @r"
    #1 [H] [done] [—] Count letters L3
    #2 [H] [done] [—] Spec: Count letters (parent: #1)
    #3 [H] [done] [—] Add initials (parent: #1) L3
    #4 [H] [done] [—] Postflight: Count letters (parent: #1)
    #5 [H] [done] [—] [REVIEW] Code review: Add initials (parent: #3) L2
    #6 [H] [done] [—] [SECURITY] Security audit: Add initials (parent: #5) L2
    ");
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    assert_eq!(
        world.git(&["status", "--porcelain"]),
        "",
        "the work tree follows the branch"
    );
    assert_eq!(
        world.sh("sh words.sh initials 'Ada King'").exits(0).out,
        "AK\n"
    );
    let why = world.alai(["why", "3"]).exits(0);
    assert_snapshot!(world.redact(&why.out), @r"
    #3 is done: done and merged as COMMIT
    class     complexity 2, domain code, type test (by keyword, 40% sure)
    model     tier 2: the agent's own tier in CodeCraft, for build
    rule      done
    owner     nobody
    next      nothing
    ");
    for page in ["spec.md", "status.md", "postflight.md"] {
        assert!(
            world.home().join("wiki/goals/1").join(page).is_file(),
            "{page}"
        );
    }
    let modes: Vec<Value> = runs(&world)
        .into_iter()
        .map(|r| r["mode"].clone())
        .filter(|m| !m.is_null())
        .collect();
    assert_eq!(
        modes,
        vec![json!("simulated"); 4],
        "every record says what answered"
    );
    assert_eq!(
        world.alai(["mc", "fsck"]).exits(0).out,
        "ok       every invariant holds\n"
    );
}

fn runs(world: &World) -> Vec<Value> {
    let listed = world.alai(["minion", "list", "--json"]).exits(0).out;
    listed
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

#[test]
fn a_person_approves_what_reaches_the_target() {
    let world = World::scripted("approve", &Script::good());
    let ran = world.alai(START).exits(6);
    assert_snapshot!(world.redact(&ran.err.lines().filter(|l| !l.starts_with(' ')).collect::<Vec<_>>().join("\n")), @r"
    waiting: #1 waits for operator: merged into alai/integration; main is not moved yet
    hint: look with `alai diff 1`, then `alai mc approve 1`
    ");
    assert_eq!(world.titles("main"), ["Import"], "nobody has approved it");
    assert_eq!(world.titles("alai/integration"), [TITLE, "Import"]);
    let why = world.alai(["why", "1"]).exits(0);
    assert_snapshot!(world.redact(&why.out), @r"
    #1 is waiting: merged into alai/integration; main is not moved yet
    rule      approval
    owner     operator
    deadline  in 2 d
    next      look with `alai diff 1`, then `alai mc approve 1`
    ");
    world.alai(["mc", "approve", "1"]).exits(0).says("moved to");
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    assert_eq!(world.state(1), "done");
    world
        .alai(["mc", "approve", "1"])
        .exits(1)
        .says("has nothing merged to approve");
}

#[test]
fn what_a_review_sends_back_is_built_again() {
    let script = Script::good()
        .tries("", Some(1), &small("extra"))
        .judges_attempt("review", 0, reject("initials of nothing are not tested"));
    let world = World::scripted("auto", &script);
    world.alai(START).exits(0);
    assert_snapshot!(world.list(), @r"
    #1 [M] [done] [—] Count letters L3
    #2 [M] [done] [—] Spec: Count letters (parent: #1)
    #3 [M] [done] [—] Add initials (parent: #1) L3
    #4 [M] [done] [—] Postflight: Count letters (parent: #1)
    #5 [M] [done] [—] [REVIEW] Code review: Add initials (parent: #3) L2
    #6 [M] [done] [—] [BUILD] Rework: Add initials (parent: #5) L3
    #7 [M] [done] [—] [REVIEW] Code review: Add initials (parent: #6) L2
    #8 [M] [done] [—] [SECURITY] Security audit: Add initials (parent: #7) L2
    ");
    let rework = world.task(6);
    assert_eq!(
        rework["view"]["task"]["findings"].as_array().map(Vec::len),
        Some(1)
    );
    assert!(
        rework["view"]["task"]["findings"][0]
            .as_str()
            .is_some_and(|f| f.contains("initials of nothing"))
    );
    assert!(
        world.repo().join("extra.sh").is_file() && world.repo().join("tests/initials.sh").is_file()
    );
}

#[test]
fn after_three_rejects_a_person_decides() {
    let script = Script::good()
        .tries("", Some(1), &small("second"))
        .tries("", Some(2), &small("third"))
        .judges("review", "", reject("it has no test of empty text"));
    let world = World::scripted("auto", &script);
    world.alai(START).exits(6).says("rejected 3 times");
    let stuck = waiting(&world);
    let why = world.alai(["why", &stuck.to_string()]).exits(0);
    assert_snapshot!(world.redact(&why.out), @r#"
    #10 is waiting: rejected 3 times: It cannot stay like this.
    class     complexity 2, domain code, type test (by keyword, 40% sure)
    rule      review_cycles
    owner     operator
    deadline  in 2 d
    next      read the findings with `alai mc show 10`; then `alai mc answer 10 "what to do"` or `alai mc cancel 10`
    "#);
    assert_eq!(world.titles("main"), ["Import"], "nothing is merged");
    world
        .alai(["status"])
        .exits(0)
        .says(&format!("you     #{stuck}"));
}

/// The one task that waits.
fn waiting(world: &World) -> i64 {
    let listed = world
        .alai(["mc", "list", "--status", "waiting", "--json"])
        .exits(0);
    listed.json()["id"].as_i64().expect("the id of a task")
}

#[test]
fn what_a_pack_forbids_its_builder_is_not_merged_however_it_was_written() {
    let sly = json!({"name": "run", "arguments": {"command": "echo '# more' >> words.sh"}});
    let world = World::scripted("auto", &Script::good().builds("", &[sly]));
    let pack = world.home().join("companies/CodeCraft/agents/builder.yaml");
    let shipped = std::fs::read_to_string(&pack).expect("the builder of the pack");
    // A pattern: mounts would hold a plain name, and here the gate must.
    let mine = shipped.replace(".github/**", "word?.sh");
    assert_ne!(mine, shipped, "the pack has a list to put it on");
    std::fs::write(&pack, mine).expect("a person edits it");
    world.alai(START).exits(5).says("failed 3 times");
    let failed = world.failed_checks(3);
    let paths = failed
        .iter()
        .find(|(check, _)| check == "allowed_paths_only");
    assert!(
        paths.is_some_and(|(_, seen)| seen.contains("words.sh is forbidden")),
        "{failed:?}"
    );
    assert_eq!(world.titles("main"), ["Import"]);
}

#[test]
fn a_gate_that_fails_three_times_stops_the_goal() {
    let world = World::scripted("auto", &Script::good());
    let (before, commit) = (world.work_tree(), world.git(&["rev-parse", "main"]));
    world
        .alai(started_with(&["--check", "test -f nowhere"]))
        .exits(5)
        .says("failed 3 times");
    let build = world.task(3);
    assert_eq!(build["view"]["task"]["state"], "waiting");
    assert_eq!(build["runs"].as_array().map(Vec::len), Some(3));
    let findings = build["view"]["task"]["findings"].to_string();
    assert!(findings.contains("test -f nowhere"), "{findings}");
    let failed = world.failed_checks(3);
    let own = failed
        .iter()
        .find(|(check, _)| check == "acceptance_checks");
    assert!(
        own.is_some_and(|(_, seen)| seen.contains("`test -f nowhere`: exit 1")),
        "{failed:?}"
    );
    assert_eq!(
        world.work_tree(),
        before,
        "the person's files are as they were"
    );
    assert_eq!(world.git(&["rev-parse", "main"]), commit);
    let integration = world.git(&["for-each-ref", "refs/heads"]);
    assert_eq!(integration.lines().count(), 1, "{integration}");
}

#[test]
fn a_check_of_the_goal_that_holds_lets_it_pass() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(started_with(&[
            "--check",
            CHECK,
            "--check",
            "sh test.sh >/dev/null",
        ]))
        .exits(0);
    let shown = world.alai(["mc", "show", "3"]).exits(0);
    assert!(shown.out.contains(&format!("check    {CHECK}")), "{shown}");
    let failed = world.failed_checks(3);
    assert!(
        failed.iter().all(|(check, _)| check != "acceptance_checks"),
        "{failed:?}"
    );
}

/// What an agent that says `done` over this change comes to: the verdict's failed checks, and the findings.
fn lie(calls: &[Value]) -> (Vec<String>, String) {
    let world = World::scripted("auto", &Script::good().builds("", calls));
    let before = world.work_tree();
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(5)
        .says("it did not pass: failed 3 times");
    assert_eq!(world.work_tree(), before);
    let checks = world
        .failed_checks(1)
        .into_iter()
        .map(|(check, _)| check)
        .collect();
    (
        checks,
        world.task(1)["view"]["task"]["findings"].to_string(),
    )
}

#[test]
fn done_over_failing_tests_is_refused() {
    let (checks, findings) = lie(&[write("tests/red.sh", "is \"two is one\" \"2\" \"1\"\n")]);
    assert_eq!(checks, ["criteria_met"]);
    assert!(findings.contains("the run ended as"), "{findings}");
}

#[test]
fn done_over_nothing_is_refused() {
    let (checks, findings) = lie(&[]);
    assert!(
        checks.contains(&"diff_minimal".to_owned()),
        "{checks:?} {findings}"
    );
    assert!(findings.contains("empty"), "{findings}");
}

#[test]
fn done_over_an_edited_test_is_refused() {
    let read = |path: &str| json!({"name": "read", "arguments": {"path": path}});
    let edit = |path: &str, old: &str, new: &str| json!({"name": "edit", "arguments": {"path": path, "old": old, "new": new}});
    let (checks, findings) = lie(&[
        read("words.sh"),
        read("test.sh"),
        edit("words.sh", " | tr '[:upper:]' '[:lower:]'", ""),
        edit("test.sh", "\"hello-world\"", "\"Hello-World\""),
    ]);
    assert!(
        checks.contains(&"base_tests_pass".to_owned()),
        "{checks:?} {findings}"
    );
    assert!(
        findings.contains("a slug is lower case with dashes") || findings.contains("test.sh"),
        "{findings}"
    );
}

#[test]
fn what_would_touch_the_outside_waits_for_a_person() {
    let world = World::scripted("auto", &Script::good());
    let goal = "Deploy the words to production and tell the customers";
    world
        .alai(["start", goal, "--project", "tiny", "--wait"])
        .exits(6)
        .says("production");
    let why = world.alai(["why", "2"]).exits(0);
    assert_snapshot!(world.redact(&why.out), @r#"
    #2 is waiting: production: it would change something that runs for real users; a person does it or clears it
    rule      safety
    owner     operator
    deadline  in 2 d
    next      decide: `alai mc answer 2 "go ahead"` or `alai mc cancel 2`
    "#);
    assert_eq!(
        runs(&world),
        Vec::<Value>::new(),
        "nothing was asked of a model"
    );
    assert_eq!(
        world.json(["status", "--json"])["queue"]["spend"]["calls"],
        0
    );
    world
        .alai(["mc", "retry", "2"])
        .exits(1)
        .says("which only an answer clears");
    assert_eq!(world.state(2), "waiting");
    world
        .alai(["mc", "answer", "2", "It is a sandbox; go ahead."])
        .exits(0)
        .says("[open]");
    let daemon = world.up();
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    assert!(
        world.task(2)["history"]
            .to_string()
            .contains("It is a sandbox")
    );
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
}

#[test]
fn a_task_starts_from_the_merged_code_of_what_it_needs() {
    let after = json!({"name": "edit", "arguments": {"path": "one.sh", "old": "echo one", "new": "echo one and two"}});
    let script = Script::good()
        .plans(&[
            planned("two", "Say two", &["one"]),
            planned("one", "Say one", &[]),
        ])
        .builds(
            "Say two",
            &[
                json!({"name": "read", "arguments": {"path": "one.sh"}}),
                after,
                write(
                    "tests/two.sh",
                    "is \"two\" \"$(sh one.sh)\" \"one and two\"\n",
                ),
                write(
                    "tests/more.sh",
                    "is \"more\" \"$(sh one.sh | wc -w | tr -d ' ')\" \"3\"\n",
                ),
            ],
        )
        .builds(
            "Say one",
            &[
                write("one.sh", "#!/bin/sh\necho one\n"),
                write(
                    "tests/first.sh",
                    "is \"it says one\" \"$(sh one.sh | cut -d ' ' -f 1)\" \"one\"\n",
                ),
            ],
        );
    let world = World::scripted("auto", &script);
    world.alai(START).exits(0);
    let (one, two) = (world.task(3), world.task(4));
    assert_eq!(
        one["view"]["task"]["title"], "Say one",
        "what is needed comes first"
    );
    assert_eq!(two["needs"][0]["needs"], 3);
    assert_eq!(
        two["view"]["task"]["base"],
        one["view"]["task"]["integrated"]
    );
    assert_eq!(
        world.git(&["show", "main:one.sh"]),
        "#!/bin/sh\necho one and two"
    );
}

#[test]
fn a_minion_leaves_a_measured_commit_and_merges_nothing() {
    let world = World::scripted("auto", &Script::good());
    let (before, main) = (world.work_tree(), world.git(&["rev-parse", "main"]));
    let ran = world.json([
        "minion",
        "run",
        TITLE,
        "--project",
        "tiny",
        "--check",
        CHECK,
        "--json",
    ]);
    let mut keys: Vec<&str> = ran
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "evidence",
            "head",
            "mode",
            "run",
            "sandbox",
            "schema_version",
            "state",
            "task"
        ]
    );
    assert_eq!(
        (&ran["state"], &ran["mode"], &ran["task"]),
        (&json!("done"), &json!("simulated"), &json!(1))
    );
    let text = |key: &str| ran[key].as_str().expect("a text").to_owned();
    let kept = world.git(&["rev-parse", &format!("refs/alai/{}", text("run"))]);
    assert_eq!(kept, text("head"));
    assert_eq!(world.git(&["rev-parse", &format!("{kept}~1")]), main);
    assert_eq!(
        (world.work_tree(), world.git(&["rev-parse", "main"])),
        (before, main),
        "nothing is merged"
    );
    world
        .alai(["evidence", "verify", &text("evidence")])
        .exits(0);
}

#[test]
fn documentation_follows_a_merge_where_a_tag_asks_for_it() {
    let page = "# Initials\n\nInitials of a text, as they are written:\n\n    sh words.sh initials \"Ada King\"\n    AK\n";
    let done = json!({"calls": [{"name": "done", "arguments": {"status": "done", "summary": "One page."}}]});
    let plan = json!({"approach": "One page.", "files": ["docs/initials.md"], "risks": []});
    let script = Script::good()
        .with(
            json!({"kind": "docs", "step": "plan"}),
            &[json!({"json": plan})],
        )
        .with(
            json!({"kind": "docs", "step": "build"}),
            &[json!({"calls": [write("docs/initials.md", page)]}), done],
        );
    let world = World::scripted("auto", &script);
    world.alai(started_with(&["--tag", "docs"])).exits(0);
    assert!(
        world.list().contains("[DOCS] Documentation: Count letters"),
        "{}",
        world.list()
    );
    assert_eq!(
        world.git(&["show", "main:docs/initials.md"]),
        page.trim_end()
    );
    let without = World::scripted("auto", &Script::good());
    without.alai(START).exits(0);
    assert!(!without.list().contains("DOCS"), "{}", without.list());
}

#[test]
fn what_one_run_found_is_in_the_brief_of_a_later_one() {
    let remark = "the flamingo case has no test";
    let noted = json!({
        "verdict": "pass_with_findings", "summary": "Good enough.",
        "criteria": [{"n": 1, "met": true, "path": "words.sh", "line": 1}],
        "findings": [{"severity": "low", "title": remark, "path": "words.sh", "line": 1, "detail": "Initials of one word."}],
    });
    let script = Script::good()
        .judges("review", "", noted)
        .plans(&[
            planned("a", TITLE, &[]),
            planned("b", "Add more initials", &["a"]),
        ])
        .builds("Add more initials", &small("more"));
    let world = World::scripted("auto", &script);
    world.alai(START).exits(0);
    let brief = |task: i64| {
        let run = world.task(task)["runs"][0]["id"]
            .as_str()
            .expect("a run")
            .to_owned();
        std::fs::read_to_string(world.home().join("runs").join(run).join("trajectory.jsonl"))
            .expect("a trajectory")
    };
    assert!(!brief(3).contains(remark), "nobody had found it yet");
    assert!(brief(4).contains(remark), "{}", brief(4));
}

#[test]
fn two_tasks_side_by_side_end_in_one_history() {
    let script = Script::good()
        .plans(&[
            planned("a", "Say alpha", &[]),
            planned("b", "Say beta", &[]),
        ])
        .builds("Say alpha", &small("alpha"))
        .builds("Say beta", &small("beta"));
    let world = World::scripted("auto", &script);
    world.alai(START).exits(0);
    assert!(world.repo().join("alpha.sh").is_file() && world.repo().join("beta.sh").is_file());
    assert_eq!(
        world.git(&["rev-parse", "main"]),
        world.git(&["rev-parse", "alai/integration"])
    );
}

#[test]
fn a_goal_that_lost_a_part_is_not_delivered_by_policy() {
    let script = Script::good()
        .plans(&[
            planned("a", "Say alpha", &[]),
            planned("b", "Say beta", &[]),
        ])
        .builds("Say alpha", &small("alpha"))
        .builds("Say beta", &[]);
    let world = World::scripted("auto", &script);
    world.alai(START).exits(5);
    let lost = waiting(&world);
    world.alai(["mc", "cancel", &lost.to_string()]).exits(0);
    let daemon = world.up();
    world.until("the goal waits for a person", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    daemon.signal(libc::SIGTERM);
    daemon.ends().exits(0);
    world
        .alai(["why", "1"])
        .exits(0)
        .says("rule      approval")
        .says("alai mc approve 1");
    assert_eq!(
        world.titles("main"),
        ["Import"],
        "the policy was given for the whole"
    );
    assert!(
        world
            .git(&["show", "alai/integration:alpha.sh"])
            .contains("alpha"),
        "what was built is merged where it can be looked at"
    );
    world.alai(["mc", "approve", "1"]).exits(0).says("moved to");
    assert!(world.repo().join("alpha.sh").is_file() && !world.repo().join("beta.sh").exists());
}

#[test]
fn a_change_of_dependencies_that_is_refused_is_never_set_up() {
    let set_ups = |calls: &[Value], exit: i32| {
        let world = World::scripted("auto", &Script::good().builds("", calls));
        std::fs::write(world.repo().join("setup.sh"), "mkdir -p node_modules\n").expect("written");
        std::fs::write(world.repo().join("package.json"), "{}\n").expect("written");
        world.git(&["add", "-A"]);
        world.git(&["commit", "--quiet", "-m", "Packages"]);
        world
            .alai(["project", "set", "tiny", "--setup", "sh setup.sh"])
            .exits(0);
        world
            .alai(started_with(&["--tag", "dependencies"]))
            .exits(exit);
        let cache = world.home().join("cache/setup");
        let made = std::fs::read_dir(cache).expect("the cache").flatten();
        made.filter(|entry| entry.path().is_dir()).count()
    };
    let run = |command: &str| json!({"name": "run", "arguments": {"command": command}});
    let manifest = run("echo '{\"dependencies\": {\"left-pad\": \"1.3.0\"}}' > package.json");
    let script = run("echo pipeline > Jenkinsfile");
    let mut honest = small("more");
    honest.push(manifest);
    // Nobody vouches for a package without a lockfile, so a person is asked; what it needs was set up all the same.
    assert!(set_ups(&honest, 5) > 1, "an honest one is");
    let mut refused = honest.clone();
    refused.push(script);
    assert_eq!(set_ups(&refused, 5), 1, "the base's own");
}

#[test]
fn the_demo_shows_all_that_it_says() {
    let world = World::without_home();
    let mut demo = world.command(["demo", "--keep", "shown"]);
    // Its sample is a crate, and rustup is found through HOME; alai's own home is below the folder.
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
        demo.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    let shown = Running::start(demo).ends_late().exits(0);
    for line in [
        "goal       #1 is done",
        "builds     4 (of them 1 after a review sent one back)",
        "merged     4 changes, 1 of them documentation",
        "for you    #3 Deploy the price service to production",
        "signed and verified, every record says simulated",
        "ollama serve; ollama pull MODEL",
    ] {
        assert!(shown.out.contains(line), "{line}: {shown}");
    }
    assert!(shown.err.contains("folder: ") && shown.err.contains("mode: simulated"));
    world.alai(["--home", "shown/home", "mc", "fsck"]).exits(0);
}

#[test]
fn a_minion_alone_leaves_all_other_work_where_it_is() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai([
            "mc",
            "add",
            "Waits for the daemon",
            "--project",
            "tiny",
            "-p",
            "B",
        ])
        .exits(0);
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    assert_eq!(
        (world.state(1), world.state(2)),
        ("open".into(), "done".into())
    );
    assert_eq!(
        world.task(1)["runs"].as_array().map(Vec::len),
        Some(0),
        "it was not begun either"
    );
}
