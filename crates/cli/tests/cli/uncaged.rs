//! `--sandbox off` through the public door: who may ask for it, what an agent sees then and what it still does not, what becomes
//! of its work, and that nothing of it outlives its run. Where the tests do not run as root, the refusal is all there is to see.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::script::{CHECK, Script, TITLE, small, solution};
use crate::world::{Ran, Running, World, run};

mod survivors;

/// An ordinary user without an account.
const STRANGER: u32 = 54_321;
/// As long as everything else here is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

const OFF: [&str; 7] = [
    "minion",
    "run",
    TITLE,
    "--project",
    "tiny",
    "--sandbox",
    "off",
];

fn is_root() -> bool {
    alai_workspace::cage::agent_ids().is_some()
}

/// Refused with the reason, before anything was asked for.
#[track_caller]
fn is_refused(world: &World, ran: Ran) {
    ran.exits(4)
        .says("--sandbox off needs root")
        .says("read the key that signs evidence");
    assert!(!world.list().contains(TITLE), "no task was made");
}

/// A world where the tests run as root; elsewhere the refusal is looked at, and there is nothing more.
fn as_root(script: &Script) -> Option<World> {
    let world = World::scripted("auto", script);
    if is_root() {
        return Some(world);
    }
    is_refused(&world, world.alai(OFF));
    None
}

/// A call of the agent's tool `run`, with `@NAME@` put in.
fn shell(command: &str, words: &[(&str, String)]) -> Value {
    let put =
        |text: String, (name, value): &(&str, String)| text.replace(&format!("@{name}@"), value);
    let command = words.iter().fold(command.to_owned(), put);
    json!({"name": "run", "arguments": {"command": command}})
}

/// A folder of everybody's, beside the world.
fn shared() -> TempDir {
    let dir = tempfile::Builder::new()
        .prefix("alai-shared-")
        .tempdir()
        .expect("a folder");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("set");
    dir
}

/// The processes of a user that have not ended.
fn alive(uid: u64) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("proc").flatten() {
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        let owner = line("Uid:").split('\t').next().and_then(|n| n.parse().ok());
        if owner == Some(uid) && !line("State:").starts_with('Z') {
            found.extend(entry.file_name().to_string_lossy().parse::<u32>());
        }
    }
    found
}

/// Asks until the answer is there.
#[track_caller]
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn number_in(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The newest run, as `minion list --json` tells it.
fn last_run(world: &World) -> Value {
    let listed = world.alai(["minion", "list", "--json"]).exits(0);
    let last = listed.out.lines().last().expect("a run");
    serde_json::from_str(last).expect("JSON")
}

fn told(world: &World) -> String {
    let run = last_run(world);
    let run = run["id"].as_str().expect("a name");
    fs::read_to_string(world.home().join("runs").join(run).join("trajectory.jsonl")).expect("there")
}

/// Says for each thing whether it can be done. The words of an answer stand nowhere in the script.
const LOOK: &str = r#"
can() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "$name=yes"; else echo "$name=no"; fi; }
can tcp perl -MIO::Socket::INET -e 'exit(IO::Socket::INET->new(PeerAddr => "127.0.0.1:@TCP@") ? 0 : 1)'
can outer test -d /proc/@PID@
can open cat @SHARED@/open
can shut cat @SHARED@/shut
can write sh -c 'echo x > @SHARED@/written'
can key cat @HOME@/keys/gate.key
can list ls @HOME@/companies
can home sh -c 'echo x > @HOME@/hostile'
can root ls /proc/1/root/etc
can store sh -c 'ls -A @HOME@ | grep .'
can become perl -e '$> = 0; exit($> == 0 ? 0 : 1)'
echo "as=$(id -u):$(id -G)"
"#;

#[test]
fn an_agent_without_a_cage_sees_the_machine_and_neither_home_nor_root() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let shared = shared();
    for (name, mode) in [("open", 0o644), ("shut", 0o600)] {
        let path = shared.path().join(name);
        fs::write(&path, "text").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    }
    let with_look = |world_home: PathBuf| {
        let words = [
            (
                "TCP",
                server.local_addr().expect("bound").port().to_string(),
            ),
            ("PID", std::process::id().to_string()),
            ("SHARED", shared.path().display().to_string()),
            ("HOME", world_home.display().to_string()),
        ];
        let mut calls = vec![shell(LOOK, &words)];
        calls.extend(solution(TITLE));
        Script::good().builds("", &calls)
    };
    // In a cage, as always, when nobody says otherwise.
    let caged = World::with_project("auto");
    caged.play(&with_look(caged.home()));
    let ran = caged
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
    assert!(!ran.err.contains("WITHOUT A CAGE"), "{ran}");
    let seen = told(&caged);
    for name in [
        "tcp", "outer", "open", "shut", "write", "key", "home", "become",
    ] {
        assert!(seen.contains(&format!("{name}=no")), "{name}: {seen}");
    }
    assert_eq!(last_run(&caged)["sandbox"], "on");
    if !is_root() {
        return is_refused_here(&caged);
    }

    let world = World::with_project("auto");
    world.play(&with_look(world.home()));
    let ran = world.alai(OFF).exits(6);
    for words in [
        "THIS AGENT RUNS WITHOUT A CAGE",
        "what it reads can leave",
        "ran without a cage (--sandbox off)",
        "alai mc approve 1",
    ] {
        assert!(ran.err.contains(words), "`{words}`: {ran}");
    }
    let seen = told(&world);
    for name in ["tcp", "outer", "open", "write"] {
        assert!(seen.contains(&format!("{name}=yes")), "{name}: {seen}");
    }
    for name in ["shut", "key", "list", "home", "root", "store", "become"] {
        assert!(seen.contains(&format!("{name}=no")), "{name}: {seen}");
    }
    let uid = last_run(&world)["uid"].as_u64().expect("a user");
    assert!((70_000..71_000).contains(&uid), "{uid}");
    assert!(seen.contains(&format!("as={uid}:{uid}")), "{seen}");
    assert!(!world.home().join("hostile").exists());
    assert_eq!(alive(uid), [0; 0], "nothing of it is left");
}

fn is_refused_here(world: &World) {
    let ran = world.alai(OFF).exits(4);
    ran.says("--sandbox off needs root");
}

#[test]
fn what_it_made_waits_for_a_person_whose_word_leads_to_review_and_merge() {
    let Some(world) = as_root(&Script::good()) else {
        return;
    };
    world.alai(OFF).exits(6);
    let shown = world.task(1);
    let task = &shown["view"]["task"];
    assert_eq!(task["state"], "waiting", "{shown}");
    assert_eq!(task["waiting"]["reason"], "uncaged", "{shown}");
    assert_eq!(task["waiting"]["owner"], "operator", "{shown}");
    assert!(task["waiting"]["deadline_ms"].as_i64() > Some(0), "{shown}");
    assert_eq!(task["integrated"], Value::Null, "{shown}");
    assert_eq!(task["sandbox"], "off", "{shown}");
    assert_eq!(world.titles("main").len(), 1, "nothing is merged");
    world.alai(["why", "1"]).exits(0).says("alai mc approve 1");
    records_say_so(&world);
    // Nobody but a person moves it: a daemon that comes has nothing to do.
    let daemon = world.up();
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    assert_eq!(world.state(1), "waiting");

    world
        .alai(["mc", "approve", "1"])
        .exits(0)
        .says("its review and its merge follow");
    assert_eq!(world.titles("main").len(), 1, "approved is not merged");
    let list = world.list();
    assert!(list.contains("[REVIEW]"), "{list}");
    let daemon = world.up();
    world.until("it is merged", |w| {
        let task = w.task(1)["view"]["task"].clone();
        (!task["integrated"].is_null() && w.titles("main").len() > 1).then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    // Its reviewers had a cage.
    let listed = world.alai(["minion", "list", "--json"]).exits(0);
    let runs: Vec<Value> = listed
        .out
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    let off = runs.iter().filter(|run| run["sandbox"] == "off").count();
    assert!(off == 1 && runs.len() > 2, "{listed}");
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn what_is_shown_of_its_stages_are_those_that_it_goes_through() {
    let Some(world) = as_root(&Script::good()) else {
        return;
    };
    let stages = ["project", "set", "tiny", "--stages", "build"];
    world.alai(stages).exits(0);
    world.alai(OFF).exits(6);
    let usual = "build,review,security,merge,ops,docs";
    world
        .alai(["explain", "1"])
        .exits(0)
        .says(usual)
        .says("not the project's build,merge: a build of this line ran without a cage");
    let basis = world.json(["explain", "1", "--json"]);
    assert_eq!(
        (&basis["stages"], &basis["stages_of_project"]),
        (
            &json!({"value": usual, "from": "safety"}),
            &json!("build,merge")
        )
    );
    world
        .alai(["pipeline", "status", "1"])
        .exits(0)
        .says("stages build > review > security > merge > ops > docs")
        .says("not the project's build > merge");
    // Another one of the same project goes by the project's.
    let add = ["mc", "add", "Another", "--project", "tiny", "--hold"];
    world.alai(add).exits(0);
    let basis = world.json(["explain", "2", "--json"]);
    assert_eq!(
        (&basis["stages"]["value"], &basis["stages_of_project"]),
        (&json!("build,merge"), &Value::Null)
    );
}

/// A person's word is that the change may go on, not that nobody looks at it: who gets a verifier elsewhere gets one here.
#[test]
fn what_a_person_approves_of_it_goes_to_the_verifier_where_one_is_needed() {
    let script = Script::good().with(
        json!({"kind": "verify", "step": "verify"}),
        &[
            json!({"json": {"verdict": "probe", "summary": "I look.", "rests_on": [], "findings": [],
                "probes": [{"id": "p1", "why": "It is asked for.", "command": CHECK, "expect": "succeeds", "path": null, "content": null}]}}),
            json!({"json": {"verdict": "pass", "summary": "It holds.", "probes": [], "rests_on": ["p1"], "findings": []}}),
        ],
    );
    let Some(world) = as_root(&script) else {
        return;
    };
    let settings = world.home().join("alai.toml");
    let before = fs::read_to_string(&settings).expect("the settings");
    let verifier = "[verifier]\nsend = true\npaths = [\"words\"]\n";
    fs::write(&settings, format!("{before}\n{verifier}")).expect("the settings");
    world.alai(OFF).exits(6);
    world.alai(["mc", "approve", "1"]).exits(0);
    let list = world.list();
    assert!(
        list.contains("[VERIFY] Verification: ") && !list.contains("[REVIEW]"),
        "{list}"
    );
    let daemon = world.up();
    // There is no other model here, and the task is urgent: what passed waits for a person.
    world.until("it is verified", |w| {
        (w.state(2) == "waiting").then_some(())
    });
    let threads = world.json(["mc", "show", "1", "--json"])["verifications"].clone();
    assert_eq!(threads[0]["end"], "for_person", "{threads}");
    world
        .alai(["mc", "approve", "2", "I have seen the probe"])
        .exits(0);
    world.until("it is merged", |w| {
        (!w.task(1)["view"]["task"]["integrated"].is_null()).then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

/// Every record and every screen of the run.
#[track_caller]
fn records_say_so(world: &World) {
    let run = last_run(world);
    assert_eq!(
        (&run["sandbox"], &run["state"]),
        (&json!("off"), &json!("succeeded")),
        "{run}"
    );
    let name = run["id"].as_str().expect("a name");
    world
        .alai(["minion", "show", name])
        .exits(0)
        .says("OFF: it ran without a cage");
    world.alai(["minion", "list"]).exits(0).says("sandbox: off");
    world
        .alai(["mc", "show", "1"])
        .exits(0)
        .says("sandbox: off");
    let shown = world.json(["evidence", "show", "1", "--json"]);
    assert_eq!(shown["sandbox"], "off", "{shown}");
    assert_eq!(shown["promises"], json!([]), "{shown}");
    assert_eq!(
        shown["lacking"].as_array().map(Vec::len),
        Some(7),
        "{shown}"
    );
    assert_eq!(
        shown["verdict"]["outcome"]["kind"], "needs_human",
        "{shown}"
    );
    let shown = world.alai(["evidence", "show", "1"]).exits(0);
    let shown = shown.says("sandbox  OFF: the agent ran without a cage");
    shown.says("NOT PROMISED: no network but its own loopback");
    world.alai(["evidence", "verify", "1"]).exits(0);
    let seen = told(world);
    let meta: Value = serde_json::from_str(seen.lines().next().expect("a line")).expect("JSON");
    assert_eq!(meta["promises"], json!([]), "{meta}");
    assert_eq!(meta["sandbox"], "off", "{meta}");
    assert!(seen.contains("sandbox:off"), "{seen}");
}

#[test]
fn one_word_is_for_one_run_and_no_other_run_takes_its_place() {
    let broken = Script::good().builds(
        "",
        &[crate::script::write("words.sh", "#!/bin/sh\nexit 1\n")],
    );
    let Some(world) = as_root(&broken) else {
        return;
    };
    world.alai(OFF).exits(5);
    let waits = |reason: &str, runs: usize| {
        let shown = world.task(1);
        assert_eq!(
            shown["view"]["task"]["waiting"]["reason"], reason,
            "{shown}"
        );
        assert_eq!(
            shown["runs"].as_array().map(Vec::len),
            Some(runs),
            "{shown}"
        );
    };
    waits("qa_retries", 1);
    // Another try is neither without a cage, which was said of the first, nor in one, which nobody asked for.
    world.play(&Script::good());
    world.alai(["mc", "retry", "1"]).exits(0);
    let daemon = world.up();
    world.until("it waits again", |w| {
        (w.state(1) == "waiting").then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    waits("box_refused", 2);
    world.alai(["why", "1"]).exits(0).says("--sandbox off");
    assert_eq!(last_run(&world)["uid"], Value::Null, "nothing ran");
    world.alai(["mc", "fsck"]).exits(0);
}

/// A process that leaves its session, twice forked, ends the hand that would have found it, and then writes on for ever.
const FLEES: &str = r##"
perl -MPOSIX -e '
    fork and exit 0; POSIX::setsid(); fork and exit 0;
    open my $pid, ">", "@SHARED@/pid"; print $pid $$; close $pid;
    sub work { open my $w, ">>", "/repo/words.sh"; print $w "# hostile\n"; close $w;
        open my $t, ">", "@SHARED@/ticks.new"; print $t ++$n; close $t; rename "@SHARED@/ticks.new", "@SHARED@/ticks"; }
    work();
    for my $dir (glob "/proc/[0-9]*") {
        next unless (stat $dir)[4] == $> && $dir ne "/proc/$$";
        open my $line, "<", "$dir/cmdline" or next;
        kill 9, $dir =~ /(\d+)/ if <$line> =~ /__hand/;
    }
    while (1) { work(); select undef, undef, undef, 0.002; }
'
until test -e @SHARED@/ticks; do :; done
sleep 100
"##;

#[test]
fn what_it_leaves_behind_is_dead_before_anything_of_it_is_taken() {
    let shared = shared();
    let words = [("SHARED", shared.path().display().to_string())];
    let Some(world) = as_root(&Script::good().builds("", &[shell(FLEES, &words)])) else {
        return;
    };
    world.alai(OFF).exits(6);
    let pid = number_in(&shared.path().join("pid")).expect("it fled");
    let ticks = number_in(&shared.path().join("ticks")).expect("it worked");
    let listed = world.alai(["minion", "list", "--json"]).exits(0);
    let run: Value = serde_json::from_str(listed.out.lines().next().expect("a run")).expect("JSON");
    let uid = run["uid"].as_u64().expect("a user");
    assert_eq!(alive(uid), [0; 0]);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} lives");
    // What it wrote came home as what was not committed, and stays as it was then.
    let rest = format!(
        "refs/alai/{}-rest:words.sh",
        run["id"].as_str().expect("a name")
    );
    let words = world.git(&["show", &rest]);
    assert!(words.contains("# hostile") && ticks > 0, "{words}");
    assert_eq!(world.state(1), "waiting");
}

/// Waits where nobody ends it.
const STAYS: &str = "id -u > @SHARED@/uid.new; mv @SHARED@/uid.new @SHARED@/@NAME@; until test -e @SHARED@/go; do sleep 0.05; done";

/// A run whose agent stays at work, and its user.
fn at_work(world: &World, shared: &Path, name: &str) -> (Running, u64) {
    let running = Running::start(world.command(OFF));
    let uid = until("the agent is at work", || number_in(&shared.join(name)));
    (running, uid)
}

fn staying(shared: &Path, name: &str) -> Script {
    let words = [
        ("SHARED", shared.display().to_string()),
        ("NAME", name.to_owned()),
    ];
    let mut calls = vec![shell(STAYS, &words)];
    calls.extend(small("more"));
    Script::good().builds("", &calls)
}

#[test]
fn a_kill_of_alai_alone_ends_the_agent_at_once() {
    let shared = shared();
    let Some(world) = as_root(&staying(shared.path(), "uid")) else {
        return;
    };
    let (running, uid) = at_work(&world, shared.path(), "uid");
    assert!(!alive(uid).is_empty(), "it is at work");
    running.signal(libc::SIGKILL);
    running.ends();
    until("nothing of it lives", || {
        alive(uid).is_empty().then_some(())
    });
}

#[test]
fn two_runs_never_share_a_user() {
    let shared = shared();
    let Some(one) = as_root(&staying(shared.path(), "one")) else {
        return;
    };
    let other = World::scripted("auto", &staying(shared.path(), "other"));
    let first = at_work(&one, shared.path(), "one");
    let second = at_work(&other, shared.path(), "other");
    assert_ne!(first.1, second.1);
    for uid in [first.1, second.1] {
        assert!(!alive(uid).is_empty(), "both are at work");
    }
    fs::write(shared.path().join("go"), "").expect("written");
    for (running, _) in [first, second] {
        running.ends().exits(6);
    }
}

#[test]
fn a_normal_user_is_refused_with_the_reason() {
    let world = World::scripted("auto", &Script::good());
    let mut command = world.command(OFF);
    if is_root() {
        let folder = Path::new(command.get_program())
            .parent()
            .expect("a folder")
            .to_owned();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("set");
        command.current_dir("/").uid(STRANGER).gid(STRANGER);
    }
    is_refused(&world, run(command));
}

#[test]
fn no_file_variable_or_other_command_leaves_the_cage_out() {
    let world = World::scripted("auto", &Script::good());
    let words = "no setting, pack, blueprint, project or variable leaves the cage out";
    let mut command = world.command(["mc", "list"]);
    command.env("ALAI_SANDBOX", "off");
    run(command).exits(2).says("ALAI_SANDBOX").says(words);
    for command in [
        vec![
            "minion",
            "enqueue",
            TITLE,
            "--project",
            "tiny",
            "--sandbox",
            "off",
        ],
        vec!["mc", "add", TITLE, "--project", "tiny", "--sandbox", "off"],
        vec!["start", TITLE, "--project", "tiny", "--sandbox", "off"],
        vec!["project", "set", "tiny", "--sandbox", "off"],
        vec!["up", "--sandbox", "off"],
    ] {
        world.alai(&command).exits(2).says("'--sandbox'");
    }
    world
        .alai([
            "minion",
            "run",
            TITLE,
            "--project",
            "tiny",
            "--sandbox",
            "none",
        ])
        .exits(2);

    let settings = world.home().join("alai.toml");
    let pack = world.home().join("companies/CodeCraft/agents/builder.yaml");
    let config = world.home().join("companies/CodeCraft/config.json");
    let blueprint = world.home().join("blueprints/minion-one-shot.yaml");
    for (path, text) in [
        (&settings, "sandbox = \"off\"\n@"),
        (&pack, "sandbox: off\n@"),
        (&config, "{\"sandbox\": \"off\","),
        (&blueprint, "sandbox: off\n@"),
    ] {
        let before = fs::read_to_string(path).expect("there");
        let after = match text.strip_suffix('@') {
            Some(line) => format!("{line}{before}"),
            None => before.replacen('{', text, 1),
        };
        fs::write(path, after).expect("written");
        let ran = world.alai(["minion", "run", TITLE, "--project", "tiny"]);
        assert!(
            ran.code != 0 && ran.err.contains("sandbox") && ran.err.contains(words),
            "{}: {ran}",
            path.display()
        );
        fs::write(path, before).expect("written");
    }
    // A setting is refused before a task is made; what a pack or a blueprint says closes it, and its work waits for a person.
    assert_eq!(world.list().matches(TITLE).count(), 3);
    let spend = &world.json(["status", "--json"])["queue"]["spend"];
    assert_eq!(spend["calls"], 0, "no model was asked");
    // The control: as it was, it works.
    world
        .alai(["minion", "run", TITLE, "--project", "tiny"])
        .exits(0);
}

#[test]
fn it_is_never_handed_to_a_daemon() {
    let Some(world) = as_root(&Script::good()) else {
        return;
    };
    let daemon = world.up();
    world
        .alai(OFF)
        .exits(2)
        .says("for the process that you start yourself");
    assert!(!world.list().contains(TITLE), "no task was made");
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn where_the_gate_can_have_no_cage_there_is_no_run_without_one_either() {
    let Some(world) = as_root(&Script::good()) else {
        return;
    };
    let mut command = world.command(OFF);
    command.env("ALAI_CAGE", "bwrap");
    command.env("ALAI_BWRAP", "/nonexistent/bwrap");
    run(command).exits(6).says("bwrap is not installed");
    assert_eq!(last_run(&world)["uid"], Value::Null, "nothing ran");
}
