//! A goal's plan in a person's hands: printed, edited, given; refused with its line; and whose it was, in the rows and on the screen.

use serde_json::Value;

use crate::script::{Script, planned, small};
use crate::world::{World, run};

/// Plans one task of two, and builds both.
fn script() -> Script {
    Script::good()
        .plans(&[planned("one", "Say one", &[])])
        .builds("Say one", &small("one"))
        .builds("Say two", &small("two"))
}

const TWO: &str = "spec: |\n  # Numbers\n\n  Both are said.\ntasks:\n  - {key: one, title: Say one, description: With a test.}\n  - {key: two, title: Say two, description: With a test., needs: [one]}\n";

fn goal(extra: &[&'static str]) -> Vec<&'static str> {
    let start = ["start", "Say numbers", "--project", "tiny"];
    start.into_iter().chain(extra.iter().copied()).collect()
}

/// Whose the plan of goal 1 was, as its screen says it.
fn plans(world: &World) -> Vec<String> {
    let seen = world.json(["console", "1", "--json"]);
    let plans = seen["plans"].as_array().expect("plans").iter();
    plans
        .map(|plan| plan["said"].as_str().expect("words").to_owned())
        .collect()
}

/// The goal with a plan that a person's editor has first.
fn edit(world: &World, args: &[&'static str], editor: &str) -> crate::world::Ran {
    let mut command = world.command(args);
    command.env("VISUAL", editor);
    run(command)
}

/// Titles of goal 1's tasks of a kind, in the order of their numbers.
fn titles(world: &World, stage: &str) -> Vec<String> {
    let all = world.json(["pipeline", "status", "1", "--json"]);
    { all["tasks"].as_array().expect("tasks").iter() }
        .filter(|t| t["stage"] == stage)
        .map(|t| t["title"].as_str().expect("a title").to_owned())
        .collect()
}

#[test]
fn a_plan_of_a_person_is_carried_out_as_it_stands() {
    let world = World::scripted("auto", &script());
    let plan = TWO.replace(
        "title: Say two,",
        "title: Say two, company: codecraft, paths: [tests/],",
    );
    std::fs::write(world.path("plan.yaml"), plan).expect("a plan");
    world
        .alai(goal(&["--plan", "plan.yaml", "--wait"]))
        .exits(0);
    let list = world.list();
    for line in [
        "[done] [—] Say one",
        "Say two",
        "[done] [—] Postflight: Say numbers",
    ] {
        assert!(list.contains(line), "{list}");
    }
    assert_eq!(titles(&world, "build"), ["Say one", "Say two"]);
    let two = world.task(4);
    let task = &two["view"]["task"];
    assert_eq!(
        task["company_pin"], "CodeCraft",
        "a name in another case is the company's own: {task}"
    );
    let description = task["description"].as_str().expect("words");
    assert!(
        description.contains("expected in `tests/`"),
        "{description}"
    );
    assert!(
        two.to_string().contains("\"needs\":3"),
        "the second needs the first: {two}"
    );
    let page = std::fs::read_to_string(world.home().join("wiki/goals/1/spec.md")).expect("a page");
    assert!(
        page.contains("Planned by a person's file") && page.contains("Both are said."),
        "{page}"
    );
    let spec = world.task(2);
    let model = spec["runs"][0]["model"].as_str().expect("a word");
    assert!(model.starts_with("none"), "no model was asked: {spec}");
    assert_eq!(plans(&world), ["file: 2 task(s), by #2"]);
    let gotcha = world.alai(["evidence", "show", "2"]).exits(0).out;
    assert!(gotcha.contains("file"), "{gotcha}");
    world.alai(["evidence", "verify", "2"]).exits(0);
    world.alai(["plan", "1"]).exits(0).says("from: file");
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn what_is_printed_is_taken_back_as_it_is_and_nothing_was_stored_for_it() {
    let world = World::scripted("approve", &script());
    std::fs::write(world.path("two.yaml"), TWO).expect("a plan");
    let dry = world
        .alai(goal(&["--dry-run", "--plan", "two.yaml"]))
        .exits(0);
    let dry = dry.says("dry: nothing is stored");
    assert!(
        dry.out.contains("build, review, security, merge; 7 runs"),
        "{dry}"
    );
    assert!(
        dry.out.contains(
            "# Estimated: tokens unknown; money unknown; wall time unknown: no run of build, "
        ),
        "nothing was measured here, and that is not nothing: {dry}"
    );
    let printed = dry.out;
    assert_eq!(world.list(), "", "nothing was begun");
    std::fs::write(world.path("plan.yaml"), &printed).expect("a plan");
    let again = world.alai(goal(&["--dry-run", "--plan", "plan.yaml"]));
    assert_eq!(again.exits(0).out, printed);
    let object = world
        .alai(goal(&["--dry-run", "--json", "--plan", "plan.yaml"]))
        .exits(0);
    assert_eq!(object.json()["forecast"]["runs_min"], 7);
    assert!(
        object.json()["estimate"]["microusd"]["unknown"]["why"].is_string(),
        "{object}"
    );
    std::fs::write(world.path("plan.json"), &object.out).expect("a plan");
    let again = world.alai(goal(&["--dry-run", "--plan", "plan.json"]));
    assert_eq!(again.exits(0).out, printed, "JSON is taken back too");
    world.alai(goal(&["--plan", "plan.json"])).exits(0);
    assert_eq!(titles(&world, "build"), ["Say one", "Say two"]);
}

#[test]
fn a_dry_run_shows_the_plan_of_the_model_and_begins_nothing_of_it() {
    let world = World::scripted("auto", &script());
    let dry = world.alai(goal(&["--dry-run"])).exits(0);
    let dry = dry.says("dry: from: model").says("#1 is cancelled");
    assert!(dry.out.contains("title: \"Say one\""), "{dry}");
    assert_eq!(titles(&world, "build"), [""; 0]);
    let listed = world.alai(["mc", "list", "--all", "--json"]).exits(0).out;
    let ended = |line: &str| line.contains("\"state\":\"cancelled\"");
    assert!(
        listed.lines().count() == 2 && listed.lines().all(ended),
        "{listed}"
    );
    // What was asked is in the books, and its answer in the evidence.
    let spec = world.task(2);
    assert_eq!(spec["runs"].as_array().map(Vec::len), Some(1), "{spec}");
    world.alai(["evidence", "verify", "2"]).exits(0);
    world.alai(["mc", "fsck"]).exits(0);
    // It is carried out as it was printed.
    std::fs::write(world.path("plan.yaml"), &dry.out).expect("a plan");
    world
        .alai(goal(&["--plan", "plan.yaml", "--wait"]))
        .exits(0);
    assert_eq!(world.state(5), "done");
}

#[test]
fn each_task_of_a_plan_is_told_with_its_stages_and_what_it_will_take() {
    let world = World::scripted("auto", &script());
    let plan = TWO.replace(
        "title: Say two,",
        "title: Say two, deploy: true, changes_tests: [tests/numbers.sh],",
    );
    std::fs::write(world.path("plan.yaml"), plan).expect("a plan");
    let dry = |extra: &[&'static str]| {
        let args = [&["--dry-run", "--plan", "plan.yaml"], extra].concat();
        world.alai(goal(&args)).exits(0)
    };
    let shown = dry(&[]);
    for line in [
        "  # Through build, review, security, merge.\n  # Estimated: tokens unknown; money unknown; wall time unknown.\n  - key: \"one\"",
        "  # Through build, review, security, merge; asks for ops, once for the goal.\n",
    ] {
        assert!(shown.out.contains(line), "{shown}");
    }
    let told = dry(&["--json"]).json();
    assert_eq!(told["forecast"]["runs_min"], 8);
    assert_eq!(told["forecast"]["tasks"][1]["asks_of_goal"][0], "ops");
    assert!(told["estimate_of_tasks"]["two"]["tokens"]["unknown"].is_object());
    // What the goal's tags ask for is a run as well, and so is a verifier that is sent.
    let docs = dry(&["--json", "--tag", "docs"]).json();
    assert_eq!(docs["forecast"]["runs_min"], 9);
    let settings = world.home().join("alai.toml");
    let mut text = std::fs::read_to_string(&settings).expect("the settings");
    text.push_str("\n[verifier]\nsend = true\n");
    std::fs::write(settings, text).expect("the settings");
    let sent = dry(&[]);
    let two = "  # Through build, verify, review, security, merge; asks for ops";
    assert!(sent.out.contains(two), "it may change tests: {sent}");
    assert_eq!(dry(&["--json"]).json()["forecast"]["runs_min"], 9);
    // What was done says where its evidence lies.
    std::fs::write(world.path("one.yaml"), TWO).expect("a plan");
    let began = world
        .alai(goal(&["--plan", "one.yaml", "--wait", "--json"]))
        .exits(0)
        .json();
    let packages = began["evidence"].as_array().expect("packages");
    assert!(packages.len() > 5, "{began}");
    for package in packages {
        let path = package["path"].as_str().expect("a path");
        world.alai(["evidence", "verify", path]).exits(0);
    }
    let page = began["evidence_page"].as_str().expect("a page");
    assert!(std::path::Path::new(page).is_file(), "{began}");
}

#[test]
fn a_dry_run_without_a_plan_of_a_model_says_why_and_shows_the_one_build_of_then() {
    let nonsense = Script::good().plans(&[]);
    let world = World::scripted("auto", &nonsense);
    let dry = world.alai(goal(&["--dry-run"])).exits(0);
    let dry = dry.says("no usable answer came, this is one build");
    assert!(dry.out.contains("title: \"Say numbers\""), "{dry}");
    assert_eq!(titles(&world, "build"), [""; 0]);
    // A safety rule comes before any plan.
    let rail = [
        "start",
        "Delete the production database",
        "--project",
        "tiny",
        "--dry-run",
        "--json",
    ];
    let dry = world.alai(rail).exits(0);
    let dry = dry.says("no plan was made, this is one build");
    assert_eq!(
        dry.json()["tasks"].as_array().map(Vec::len),
        Some(1),
        "{dry}"
    );
    let waiting = world.alai(["mc", "list", "--status", "waiting", "--json"]);
    assert_eq!(waiting.exits(0).out, "");
}

#[test]
fn a_dry_run_beside_a_daemon_begins_nothing_either() {
    let world = World::scripted("auto", &script());
    let daemon = world.up();
    let dry = world.alai(goal(&["--dry-run"])).exits(0);
    let dry = dry.says("dry: from: model").says("#1 is cancelled");
    assert!(dry.out.contains("title: \"Say one\""), "{dry}");
    assert_eq!((world.state(1), world.state(2)), both("cancelled"));
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(titles(&world, "build"), [""; 0]);
    world.alai(["mc", "fsck"]).exits(0);
}

fn both(state: &str) -> (String, String) {
    (state.to_owned(), state.to_owned())
}

#[test]
fn a_dry_run_that_is_killed_makes_no_task_and_can_be_called_off() {
    for point in ["end.before", "end.after"] {
        let world = World::scripted("auto", &script());
        let mut dies = world.command(goal(&["--dry-run"]));
        dies.env("ALAI_CRASH_AT", point);
        run(dies).exits(137);
        let daemon = world.up();
        world.until("its plan waits", |world| {
            (world.state(2) == "waiting").then_some(())
        });
        assert_eq!(titles(&world, "build"), [""; 0], "{point}");
        world.alai(["plan", "1"]).exits(0).says("from: model");
        world.alai(["mc", "cancel", "1"]).exits(0);
        assert_eq!((world.state(1), world.state(2)), both("cancelled"));
        drop(daemon);
        world.alai(["mc", "fsck"]).exits(0);
    }
}

#[test]
fn a_dry_run_without_any_model_says_so_and_leaves_nothing_open() {
    let world = World::with_project("auto");
    let dry = world.alai(goal(&["--dry-run"])).exits(0);
    let dry = dry.says("no plan was made, this is one build");
    assert!(dry.out.contains("title: \"Say numbers\""), "{dry}");
    assert_eq!((world.state(1), world.state(2)), both("cancelled"));
}

#[test]
fn a_plan_that_cannot_be_carried_out_is_refused_with_its_line() {
    let world = World::scripted("approve", &script());
    let task = |key: usize| format!("  - {{key: k{key}, title: t, description: d}}\n");
    let many: String = (0..13).map(task).collect();
    let two = |with: &str| TWO.replace("needs: [one]", with);
    for (text, said) in [
        (two("needs: [three]"), "line 7: task `two` needs `three`"),
        (
            two("needs: [two]"),
            "line 7: the tasks need each other in a circle",
        ),
        (
            TWO.replace("key: two", "key: one"),
            "line 7: task key `one`",
        ),
        (
            two("role: lead"),
            "line 7: task `two`: its `role` is builder",
        ),
        (two("company: CodeCraf"), "did you mean `CodeCraft`?"),
        (two("paths: [../x]"), "line 7: task `two`: the path `../x`"),
        (two("paths: [.git/hooks]"), "nobody writes there"),
        (
            format!("spec: s\ntasks:\n{many}"),
            "line 15: the plan has 13 tasks; at most 12",
        ),
        (TWO.replace("title: Say two", "titel: Say two"), "titel"),
        (
            two("changes_tests: [words.sh]"),
            "line 7: task `two`: `words.sh` in `changes_tests` is no test file",
        ),
    ] {
        std::fs::write(world.path("plan.yaml"), text).expect("a plan");
        world
            .alai(goal(&["--plan", "plan.yaml"]))
            .exits(2)
            .says(said);
    }
    world.alai(goal(&["--plan", "nowhere.yaml"])).exits(3);
    assert_eq!(world.list(), "", "nothing was begun");
}

#[test]
fn an_editor_has_the_models_plan_until_it_can_be_carried_out() {
    let world = World::scripted("auto", &script());
    // The first time it is wrong, and the file that comes again says so in its first line.
    let twice = "sh -c 'grep -q \"^# wrong: line\" \"$1\" && cat two.yaml > \"$1\" || { cp \"$1\" seen.yaml; cat bad.yaml > \"$1\"; }' -";
    let bad = TWO.replace("needs: [one]", "needs: [three]");
    std::fs::write(world.path("bad.yaml"), &bad).expect("a plan");
    std::fs::write(world.path("two.yaml"), TWO).expect("a plan");
    edit(&world, &goal(&["--edit", "--wait"]), twice)
        .exits(0)
        .says("line 7: task `two` needs `three`");
    let seen = std::fs::read_to_string(world.path("seen.yaml")).expect("what the editor got");
    assert!(
        seen.contains("title: \"Say one\""),
        "the model's plan: {seen}"
    );
    assert_eq!(titles(&world, "build"), ["Say one", "Say two"]);
    assert_eq!(plans(&world), ["edited: 2 task(s), by #2"]);
    let spec = world.task(2);
    let models: Vec<Value> = { spec["runs"].as_array().expect("runs").iter() }
        .map(|run| run["model"].clone())
        .collect();
    let none = |model: &Value| model.as_str().is_some_and(|m| m.starts_with("none"));
    assert!(
        models.len() == 2 && !none(&models[0]) && none(&models[1]),
        "one run asked a model, the other carried a person's word out: {models:?}"
    );
    world.alai(["evidence", "verify", "2"]).exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_plan_that_comes_back_as_it_was_stays_the_models() {
    let world = World::scripted("approve", &script());
    edit(&world, &goal(&["--edit"]), "true").exits(0);
    assert_eq!(titles(&world, "build"), ["Say one"]);
    assert_eq!(plans(&world), ["model: 1 task(s), by #2"]);
    // It is carried out once.
    edit(&world, &["plan", "1", "--edit"], "true")
        .exits(2)
        .says("no plan of #2 waits to be seen");
}

/// Says what there is while it is open, puts `two.yaml` in the file's place and lets the command go on.
const LOOKS: &str =
    "sh -c '\"$ALAI\" mc list --all > seen.txt; cp \"$1\" shown.yaml; cp two.yaml \"$1\"' -";

/// What the daemon had made of goal 1 while the editor was open.
fn seen_in_the_editor(world: &World) -> String {
    std::fs::read_to_string(world.path("seen.txt")).expect("the editor was opened")
}

#[test]
fn where_a_daemon_plans_the_editor_is_still_the_persons() {
    let world = World::scripted("auto", &script());
    std::fs::write(world.path("two.yaml"), TWO).expect("a plan");
    let daemon = world.up();
    edit(&world, &goal(&["--edit", "--wait"]), LOOKS).exits(0);
    let seen = seen_in_the_editor(&world);
    assert!(
        seen.contains("[waiting]") && seen.contains("Spec: Say numbers"),
        "the daemon has planned, and the plan waits for who began it: {seen}"
    );
    assert_eq!(seen.lines().count(), 2, "nothing else is begun: {seen}");
    let shown = std::fs::read_to_string(world.path("shown.yaml")).expect("what it showed");
    assert!(shown.contains("title: \"Say one\""), "the model's: {shown}");
    assert_eq!(titles(&world, "build"), ["Say one", "Say two"]);
    assert_eq!(plans(&world), ["edited: 2 task(s), by #2"]);
    let spec = world.task(2);
    assert_eq!(
        spec["runs"].as_array().map(Vec::len),
        Some(2),
        "one asked the model, one carried the word out: {spec}"
    );
    world.alai(["evidence", "verify", "2"]).exits(0);
    // It is carried out once, with or without a daemon.
    edit(&world, &["plan", "1", "--edit"], "true")
        .exits(2)
        .says("no plan of #2 waits to be seen");
    drop(daemon);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn beside_a_daemon_a_plan_is_called_off_or_gone_on_with_and_neither_begins_early() {
    let world = World::scripted("auto", &script());
    std::fs::write(world.path("two.yaml"), TWO).expect("a plan");
    let daemon = world.up();
    edit(&world, &goal(&["--edit"]), "false")
        .exits(1)
        .says("#1 is cancelled; nothing was begun");
    assert_eq!(world.state(1), "cancelled");
    // A kill of the command leaves the goal to `plan --edit`; the daemon's word to it is heard by nobody and lost for nobody.
    edit(&world, &goal(&["--edit"]), "kill -9 $PPID #").exits(137);
    let why = world.json(["why", "4", "--json"]).to_string();
    assert!(why.contains("alai plan 4 --edit"), "{why}");
    let shown = world.alai(["plan", "3"]).exits(0);
    shown.says("title: \"Say one\"").says("from: model");
    edit(&world, &["plan", "3", "--edit"], "false")
        .exits(1)
        .says("nothing has changed: #4 waits as before");
    edit(&world, &["plan", "3", "--edit"], LOOKS).exits(0);
    let seen = seen_in_the_editor(&world);
    assert!(!seen.contains("Say one"), "nothing of it was begun: {seen}");
    world.until("the goal is done", |world| {
        (world.state(3) == "done").then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    let said = world.json(["console", "3", "--json"])["plans"][0]["said"].clone();
    assert_eq!(said, "edited: 2 task(s), by #4");
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn what_is_called_off_in_the_editor_begins_nothing() {
    let world = World::scripted("approve", &script());
    std::fs::write(world.path("bad.yaml"), TWO.replace("[one]", "[three]")).expect("a plan");
    // No terminal and no editor: said, with the way round.
    world.alai(goal(&["--edit"])).exits(4).says("--plan FILE");
    for (editor, code, said) in [
        ("false", 1, "the editor `false` ended with exit status: 1"),
        ("truncate -s 0", 1, "the plan is empty"),
        ("cp bad.yaml", 2, "line 7: task `two` needs `three`"),
    ] {
        edit(&world, &goal(&["--edit"]), editor)
            .exits(code)
            .says(said)
            .says("is cancelled; nothing was begun");
    }
    let kept = edit(&world, &goal(&["--edit"]), "cp bad.yaml").exits(2).err;
    let named = kept.split("it is kept as ").nth(1).expect("a name");
    let named = named.split(',').next().expect("a name");
    let text = std::fs::read_to_string(named).expect("what a person wrote is kept");
    assert!(
        text.starts_with("# wrong: line 7") && text.contains("Say two"),
        "{text}"
    );
    std::fs::remove_file(named).expect("it is this test's");
    let list = world.list();
    for line in list.lines() {
        assert!(
            line.contains("[cancelled]") || line.contains("Spec: "),
            "{list}"
        );
        assert!(
            !line.contains("[open]") && !line.contains("[waiting]"),
            "{list}"
        );
    }
    // A file of a person's is called off before there is a goal.
    std::fs::write(world.path("two.yaml"), TWO).expect("a plan");
    edit(&world, &goal(&["--plan", "two.yaml", "--edit"]), "false")
        .exits(1)
        .says("nothing is begun");
    assert_eq!(world.list(), list);
}

#[test]
fn a_kill_while_the_editor_is_open_or_after_it_loses_and_doubles_nothing() {
    let world = World::scripted("auto", &script());
    // The editor's parent is the command itself.
    edit(&world, &goal(&["--edit"]), "kill -9 $PPID #").exits(137);
    assert_eq!(titles(&world, "build"), Vec::<String>::new());
    let why = world.json(["why", "2", "--json"]).to_string();
    assert!(why.contains("alai plan 2 --edit"), "{why}");
    world
        .alai(["plan", "1", "--edit"])
        .exits(4)
        .says("#2 waits as before");
    std::fs::write(world.path("two.yaml"), TWO).expect("a plan");
    edit(&world, &["plan", "1", "--edit"], "cp two.yaml").exits(0);
    // The run that carries it out dies before and after its end is in the rows.
    for point in ["end.before", "end.after"] {
        let mut dies = world.command(["up"]);
        dies.env("ALAI_CRASH_AT", point);
        run(dies).exits(137);
    }
    let daemon = world.up();
    world.until("the goal is done", |world| {
        (world.state(1) == "done").then_some(())
    });
    drop(daemon);
    assert_eq!(titles(&world, "build"), ["Say one", "Say two"]);
    assert_eq!(titles(&world, "postflight").len(), 1);
    assert_eq!(plans(&world), ["edited: 2 task(s), by #2"]);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_safety_rule_stops_a_task_of_a_persons_plan_too() {
    let world = World::scripted("approve", &script());
    std::fs::write(
        world.path("plan.yaml"),
        TWO.replace("Say two", "Say two by BankID"),
    )
    .expect("a plan");
    world.alai(goal(&["--plan", "plan.yaml"])).exits(6);
    let task = world.task(4);
    assert_eq!(
        task["view"]["task"]["waiting"]["reason"], "safety",
        "{task}"
    );
}
