//! A lead at work: what it hands out becomes tasks of other companies, exactly once and only when all of it can be; what it may write is
//! its company's own notes.

use alai_minion::trajectory::Trajectory;
use serde_json::{Value, json};

use crate::script::{Script, pass, small};
use crate::world::{Running, World};

const GOAL: &str = "Say one and two";

fn call(name: &str, arguments: Value) -> Value {
    json!({"name": name, "arguments": arguments})
}

/// A task that a lead hands out: what all have, and what this one says instead.
fn hands_out(key: &str, more: Value) -> Value {
    let mut arguments = json!({
        "key": key, "title": format!("Say {key}"), "description": "With a test.", "company": "CodeCraft",
        "acceptance": "it is tested", "paths": "tests/**",
    });
    for (name, value) in more.as_object().expect("an object") {
        arguments[name] = value.clone();
    }
    call("delegate", arguments)
}

fn done() -> Value {
    let arguments = json!({"status": "done", "summary": "# What\n\nOne and two are said.\n"});
    json!({"calls": [call("done", arguments)]})
}

/// A lead of the task with that title, which makes these calls in one turn and insists on being done.
fn leads(script: Script, title: &str, calls: &[Value]) -> Script {
    let turns = [
        json!({"text": "I split it.", "calls": calls}),
        done(),
        done(),
    ];
    let when = json!({"kind": "spec", "role": "lead", "title": title, "step": "delegate"});
    script.with(when, &turns)
}

/// Builders of what is handed out, and judges who pass it.
fn builders() -> Script {
    Script::good()
        .builds("Say one", &small("one"))
        .builds("Say two", &small("two"))
        .judges("review", "", pass())
        .judges("security", "", pass())
}

fn two() -> Vec<Value> {
    vec![
        hands_out("one", json!({})),
        hands_out("two", json!({"company": "vizu", "needs": "one"})),
        call(
            "run",
            json!({"command": "echo split in two >> /company/state/splits && cat words.sh > /company/logs/seen"}),
        ),
    ]
}

fn start(goal: &str) -> [&str; 7] {
    [
        "start",
        goal,
        "--project",
        "tiny",
        "--blueprint",
        "lead-delegates",
        "--wait",
    ]
}

/// Kind, title and company of a goal's tasks, without the stages that follow a build.
fn planned(world: &World) -> Vec<(String, String, String)> {
    let list = world.alai(["mc", "list", "--all", "--json"]).exits(0).out;
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut found: Vec<(String, String, String)> = list
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON Lines"))
        .map(|t| (text(&t["kind"]), text(&t["title"]), text(&t["company_pin"])))
        .filter(|(kind, ..)| ["spec", "build", "postflight"].contains(&kind.as_str()))
        .collect();
    found.sort();
    found
}

fn log(world: &World, task: i64) -> String {
    let shown = world.task(task);
    let runs = shown["runs"].as_array().expect("runs");
    let run = runs.first().expect("a run")["id"].as_str().expect("an id");
    world.alai(["minion", "log", run]).exits(0).out
}

fn down(world: &World, daemon: Running) {
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_lead_hands_two_tasks_to_two_companies_which_build_review_and_merge_them() {
    let world = World::scripted("auto", &leads(builders(), "", &two()));
    world.alai(start(GOAL)).exits(0);
    assert_eq!(
        planned(&world),
        [
            ("build", "Say one", "CodeCraft"),
            ("build", "Say two", "Vizu"),
            ("postflight", "Postflight: Say one and two", "-"),
            ("spec", "Spec: Say one and two", "-"),
        ]
        .map(|(kind, title, company)| (
            kind.to_owned(),
            title.to_owned(),
            company.to_owned()
        ))
    );
    assert_eq!(world.state(1), "done");
    for (file, says) in [("one.sh", "one"), ("two.sh", "two")] {
        assert!(world.sh(&format!("sh {file}")).exits(0).out.contains(says));
    }
    for (task, company) in [(3, "CodeCraft"), (4, "Vizu")] {
        let shown = world.task(task);
        assert_eq!(shown["runs"][0]["company"], company, "{shown}");
        assert!(!shown["view"]["task"]["integrated"].is_null(), "{shown}");
    }
    let second = world.task(4)["view"]["task"]["description"].to_string();
    assert!(
        second.contains("The work is expected in `tests/**`."),
        "{second}"
    );
    // What it noted is the company's, on the machine, and the project has nothing of it.
    let company = world.home().join("companies/CodeCraft");
    let notes = |name: &str| std::fs::read_to_string(company.join(name)).expect("a note");
    assert_eq!(notes("state/1/splits"), "split in two\n");
    assert!(notes("logs/1/seen").contains("words"));
    let page = world.home().join("wiki/goals/1/spec.md");
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(
        page.contains("Handed out by a lead") && page.contains("builder: Vizu"),
        "{page}"
    );
    world.alai(["evidence", "verify", "2"]).exits(0);
    let log = log(&world, 2);
    assert!(log.contains("is kept for Vizu's builder"), "{log}");
    // A task, told its role's rules and nothing of how others build.
    let run = world.task(2)["runs"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = world.home().join("runs").join(run).join("trajectory.jsonl");
    let trajectory = Trajectory::read(&path).expect("a trajectory");
    let request = trajectory.requests()[0]
        .request
        .as_ref()
        .expect("it can be built again")
        .clone();
    let request = serde_json::to_string(&request).expect("JSON");
    assert!(
        request.contains("You hand work out and do none of it"),
        "{request}"
    );
    assert!(
        !request.contains("Changes are committed for you"),
        "{request}"
    );
}

#[test]
fn a_lead_of_a_lead_splits_its_part_and_who_needs_the_part_waits_for_all_of_it() {
    let part = hands_out("part", json!({"title": "The first part", "role": "lead"}));
    let last = hands_out("two", json!({"company": "Vizu", "needs": ["part"]}));
    let script = leads(builders(), "", &[part, last]);
    let script = leads(script, "The first part", &[hands_out("one", json!({}))]);
    let world = World::scripted("auto", &script);
    world.alai(start(GOAL)).exits(0);
    let found = planned(&world);
    let kinds: Vec<&str> = found.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["build", "build", "postflight", "spec", "spec"],
        "{found:?}"
    );
    let id = |title: &str| {
        let list = world.list();
        let line = list
            .lines()
            .find(|line| line.contains(title) && !line.contains("eview") && !line.contains("udit"));
        let line = line.unwrap_or_else(|| panic!("no {title}:\n{list}"));
        let number = line
            .trim_start_matches('#')
            .split(' ')
            .next()
            .expect("a number");
        number.parse::<i64>().expect("a number")
    };
    let (one, two) = (id("] Say one ("), id("] Say two ("));
    let needs = world.task(two)["needs"].to_string();
    assert!(
        needs.contains(&format!("\"needs\":{one}")),
        "#{two} needs #{one}: {needs}"
    );
    assert_eq!(world.state(1), "done");
}

/// One hostile lead: what it hands out, and what is said of it.
fn hostile() -> Vec<(&'static str, Vec<Value>, &'static str)> {
    let circle = vec![
        hands_out("one", json!({"needs": "two"})),
        hands_out("two", json!({"needs": "one"})),
    ];
    let many = (0..51).map(|n| hands_out(&format!("t{n}"), json!({})));
    vec![
        ("Many", many.collect(), "a lead hands out at most 12 tasks"),
        (
            "Stranger",
            vec![
                hands_out("one", json!({})),
                hands_out("two", json!({"company": "Codecraf"})),
            ],
            "did you mean `CodeCraft`",
        ),
        (
            "Outside",
            vec![hands_out("one", json!({"paths": "../.."}))],
            "the path `../..` is empty or has an empty, `.` or `..` part",
        ),
        (
            "Circle",
            circle,
            "tasks that need each other in a circle are one task",
        ),
        ("Nothing", vec![], "the lead handed nothing out"),
    ]
}

#[test]
fn what_a_hostile_lead_hands_out_is_refused_with_the_reason_and_nothing_is_added() {
    let deep = hands_out("deeper", json!({"role": "lead"}));
    let mut script = hostile()
        .into_iter()
        .fold(builders(), |script, (title, calls, _)| {
            leads(script, title, &calls)
        });
    let ceo = vec![
        hands_out("one", json!({})),
        hands_out("two", json!({"description": "The CEO must sign it."})),
        // Other words under the same key do not make it good.
        hands_out("two", json!({})),
    ];
    script = leads(script, "Rail", &ceo);
    let part = hands_out("part", json!({"title": "The lower one", "role": "lead"}));
    script = leads(script, "Nested", &[part]);
    script = leads(script, "The lower one", &[deep]);
    let world = World::scripted("auto", &script);
    let mut goal = 1;
    for (title, _, says) in hostile() {
        world.alai(start(title)).exits(5);
        let spec = goal + 1;
        let why = world.alai(["why", &spec.to_string()]).exits(0).out;
        assert!(why.contains(says), "{title}: `{says}` is not in {why}");
        if title != "Nothing" {
            let log = log(&world, spec);
            assert!(log.contains(says), "{title}: `{says}` is not in {log}");
        }
        assert_eq!(world.state(spec), "waiting", "{title}");
        goal += 2;
    }
    world.alai(start("Rail")).exits(6);
    let why = world.alai(["why", &(goal + 1).to_string()]).exits(0).out;
    assert!(
        why.contains("ceo") && why.contains("the lead wanted to hand out `two`"),
        "{why}"
    );
    let said = log(&world, goal + 1);
    assert!(said.contains("other words do not make it good"), "{said}");
    let only: Vec<String> = planned(&world).into_iter().map(|(kind, ..)| kind).collect();
    assert!(only.iter().all(|kind| kind == "spec"), "{only:?}");
    assert_eq!(only.len(), hostile().len() + 1);
    // The person decides about the words; the same lead's work is then taken.
    let cleared = (goal + 1).to_string();
    world.alai(["mc", "answer", &cleared, "go ahead"]).exits(0);

    goal += 2;
    world.alai(start("Nested")).exits(5);
    let list = world.list();
    let lower = list
        .lines()
        .find(|line| line.contains("The lower one"))
        .expect("the part");
    let lower = lower
        .trim_start_matches('#')
        .split(' ')
        .next()
        .expect("a number");
    let why = world.alai(["why", lower]).exits(0).out;
    assert!(why.contains("you are lead number 2 of 2"), "{why}");
    assert!(goal > 0 && !list.contains("Say deeper"), "{list}");
}

#[test]
fn what_a_lead_handed_out_becomes_tasks_once_wherever_the_factory_dies() {
    for point in ["agent.after", "end.before", "end.after"] {
        let world = World::scripted("auto", &leads(builders(), "", &two()));
        let mut dies = world.command(start(GOAL));
        dies.env("ALAI_CRASH_AT", point);
        let killed = Running::start(dies).ends();
        assert_eq!(killed.code, 128 + libc::SIGKILL, "{point}: {killed}");
        let daemon = world.up();
        world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
        let found = planned(&world);
        let kinds: Vec<&str> = found.iter().map(|(kind, ..)| kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["build", "build", "postflight", "spec"],
            "{point}: {found:?}"
        );
        let merges = world.git(&["log", "--merges", "--format=%s", "main"]);
        let titles: Vec<&str> = merges.lines().collect();
        assert!(!titles.is_empty(), "{point}");
        for word in ["Say one", "Say two"] {
            let merges = titles.iter().filter(|t| t.contains(word)).count();
            assert!(merges <= 1, "{point}: {titles:?}");
        }
        down(&world, daemon);
    }
}

#[test]
fn a_lead_changes_neither_the_project_nor_what_it_works_by() {
    // The log has the command too: what it says when something was done is put together first.
    let tries = r#"
        made=DID
        for path in /repo/words.sh /repo/new /repo/.git/HEAD /company/config.json /company/CLAUDE.md /company/blueprints/x \
            /company/agents/lead.yaml /company/new /company/../etc/new /company/state/../config.json; do
            (echo hostile > "$path") 2>/dev/null && echo "${made}:$path"
            (mkdir -p "$path") 2>/dev/null && echo "${made}:$path"
        done
        (mv /company/state /company/gone || rm -r /company/state || ln -sfn / /company/state) 2>/dev/null && echo "${made}:moved"
        echo "names:$(ls -A /company | tr '\n' ,):"
        ln -s / /company/state/root; ln -s ../config.json /company/state/config; echo x > /company/state/config 2>/dev/null && echo "${made}:through"
        mkfifo /company/state/.gitignore; true
    "#;
    let mut calls = two();
    calls.push(call("run", json!({"command": tries})));
    let world = World::scripted("auto", &leads(builders(), "", &calls));
    let before = pack(&world);
    let tree = world.work_tree();
    world
        .alai([
            "start",
            GOAL,
            "--project",
            "tiny",
            "--blueprint",
            "lead-delegates",
        ])
        .exits(0);
    let log = log(&world, 2);
    assert!(!log.contains("DID:"), "{log}");
    assert!(log.contains("names:logs,state,:"), "{log}");
    assert_eq!(pack(&world), before);
    assert_eq!(world.work_tree(), tree);
    // What it left in its notes leads nobody astray who reads the packs, or takes a new one in beside the notes.
    world.alai(["company", "validate"]).exits(0);
    world
        .alai(["company", "export", "CodeCraft", "pack.tar.gz"])
        .exits(0);
    let soul = world.home().join("companies/CodeCraft/CLAUDE.md");
    let text = std::fs::read_to_string(&soul).expect("the soul");
    std::fs::write(&soul, text.replacen("## Good work", "## Good work\n", 1)).expect("written");
    let import = [
        "company",
        "import",
        "pack.tar.gz",
        "--yes",
        "--allow-commands",
    ];
    let folder = std::fs::File::open(world.home().join("companies/CodeCraft")).expect("a folder");
    folder.lock_shared().expect("as a lead at work holds it");
    world
        .alai(import)
        .exits(1)
        .says("a lead of CodeCraft is at work");
    drop(folder);
    world.alai(import).exits(0);
    assert_eq!(pack(&world), before);
    let link = world.home().join("companies/CodeCraft/state/1/root");
    assert!(
        link.is_symlink(),
        "it is kept as it is, and not what it leads to"
    );
}

/// Every file of a company's pack, without its notes.
fn pack(world: &World) -> Vec<(String, Vec<u8>)> {
    let root = world.home().join("companies/CodeCraft");
    let (mut found, mut todo) = (Vec::new(), vec![root.clone()]);
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir).expect("a folder").flatten() {
            let path = entry.path();
            if path == root.join("state") || path == root.join("logs") {
                continue;
            }
            if path.is_dir() {
                todo.push(path);
            } else {
                let inside = path.strip_prefix(&root).expect("inside");
                let text = std::fs::read(&path).expect("a file");
                found.push((inside.display().to_string(), text));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_no_way_for_a_lead_is_refused_before_anything_is_written() {
    let world = World::with_project("auto");
    for (name, code, says) in [
        ("lead-delegate", 3, "there is no blueprint `lead-delegate`"),
        ("minion-one-shot", 2, "it changes files"),
        ("review-readonly", 2, "lets a lead hand anything out"),
    ] {
        world
            .alai(["start", GOAL, "--project", "tiny", "--blueprint", name])
            .exits(code)
            .says(says);
    }
    assert_eq!(world.list(), "");
    // Notes that lead elsewhere, or are no folder, are no place to write.
    let state = world.home().join("companies/CodeCraft/state");
    std::fs::remove_dir(&state).expect("it is empty");
    std::os::unix::fs::symlink("/etc", &state).expect("a link");
    world.play(&leads(builders(), "", &two()));
    world.alai(start(GOAL)).exits(6);
    let why = world.alai(["why", "2"]).exits(0).out;
    assert!(why.contains("no symbolic links"), "{why}");
    std::fs::remove_file(&state).expect("the link");
    std::fs::write(&state, "a file").expect("a file");
    world.alai(start("Say it again")).exits(6);
    let why = world.alai(["why", "4"]).exits(0).out;
    assert!(
        why.contains("is no folder") && why.contains("clear"),
        "{why}"
    );
    std::fs::remove_file(&state).expect("the file");
    std::fs::create_dir_all(state.join("1")).expect("a folder");
    std::fs::File::create(state.join("1/large"))
        .and_then(|file| {
            // Allocated, not only long.
            use std::io::Write;
            let mut file = std::io::BufWriter::new(file);
            (0..65).try_for_each(|_| file.write_all(&vec![1; 1 << 20]))
        })
        .expect("a large note");
    world.alai(start("Say more")).exits(6);
    let why = world.alai(["why", "6"]).exits(0).out;
    assert!(why.contains("64 MiB"), "{why}");
}
