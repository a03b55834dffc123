//! Agents of others through the public door: a program that speaks as Claude Code does works on a clone in a cage of its own. It is
//! a script, since of that program nothing but the script is shown in the cage.

mod lent;
mod program;
mod purse;

use std::path::Path;

use serde_json::{Value, json};

use crate::classify;
use crate::processes;
use crate::script::{Script, TITLE};
use crate::world::{Ran, World, run};
use program::{Claude, LOGIN};

/// The tiers of every task, so that the agent does the build and its reviews.
const ALL: &str = "tiers = [1, 2, 3, 4, 5]";
const KEY: &str = "sk-ant-canary-8c11-nobody-writes-this-down";

/// A world with a project, a login of a person, and this agent.
fn world(claude: &Claude, more: &str) -> World {
    let world = World::with_project("auto");
    settings(&world, claude, more);
    world
}

fn settings(world: &World, claude: &Claude, more: &str) {
    let login = world.path("person/.claude");
    std::fs::create_dir_all(&login).expect("a folder");
    std::fs::write(login.join(".credentials.json"), LOGIN).expect("a login");
    std::fs::write(
        login.join("settings.json"),
        "{\"hooks\": \"canary-settings\"}",
    )
    .expect("settings");
    let program = claude.write(world);
    let text = format!(
        "[[fleet.agents]]\nname = \"pro\"\nengine = \"claude-cli\"\nprogram = {}\n{ALL}\n{more}\n",
        Value::from(program.display().to_string())
    );
    std::fs::write(world.home().join("alai.toml"), text).expect("the settings");
}

fn build(world: &World) -> Ran {
    let mut command = world.command(["minion", "run", TITLE, "--project", "tiny"]);
    command.env("PRO_KEY", KEY);
    run(command)
}

fn task(world: &World) -> Value {
    world.task(1)["view"]["task"].clone()
}

fn counters(world: &World) -> [u64; 3] {
    let counters = &task(world)["counters"];
    ["infra_attempts", "qa_retries", "escalations"]
        .map(|of| counters[of].as_u64().expect("a count"))
}

fn run_of(world: &World) -> String {
    let runs = &world.task(1)["runs"];
    let last = runs.as_array().and_then(|runs| runs.last()).expect("a run");
    last["id"].as_str().expect("a name").to_owned()
}

fn total(world: &World, of: &str) -> u64 {
    let bill = world.json(["fleet", "cost", "--days", "2", "--by", "model", "--json"]);
    bill["report"]["total"][of].as_u64().expect("an amount")
}

/// Every file of a home, as bytes.
fn no_file_holds(dir: &Path, word: &str) -> usize {
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            seen += no_file_holds(&path, word);
        } else if kind.is_file() {
            seen += 1;
            let bytes = std::fs::read(&path).expect("a file");
            let there = bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes());
            assert!(!there, "{word} stands in {}", path.display());
        }
    }
    seen
}

#[test]
fn a_program_with_its_login_builds_from_red_to_green_and_its_cage_says_what_it_lacks() {
    let world = world(&Claude::good(), "");
    build(&world).exits(0);
    assert_eq!(counters(&world), [0, 0, 0]);
    let shown = world.alai(["evidence", "show", "1"]).exits(0);
    for said in [
        "agent    pro: claude-cli, ",
        "agent    NOT PROMISED: no secret of the machine (login:pro)",
        "agent    NOT PROMISED: no network but its own loopback (egress:api.anthropic.com)",
        "verdict  passed",
    ] {
        assert!(shown.out.contains(said), "{said}: {shown}");
    }
    let package = world.json(["evidence", "show", "1", "--json"]);
    assert_eq!(
        package["lacking"],
        json!([]),
        "every command of the gate and the hand had a whole cage"
    );
    let run = run_of(&world);
    let log = world.alai(["minion", "log", &run]).exits(0);
    assert!(
        log.out.contains("Bash") && log.out.contains("sh test.sh"),
        "its own calls are there: {log}"
    );
    // A subscription pays: what it would have cost is told, and nobody has spent it.
    assert_eq!(
        (
            total(&world, "spent_microusd"),
            total(&world, "list_equivalent_microusd")
        ),
        (0, 240_000)
    );
    // It has read its login and tells everybody.
    assert!(log.out.contains("login=***"), "{log}");
    let seen = no_file_holds(&world.home(), "s3cret-login");
    assert!(seen > 20, "a home has files");
    no_file_holds(&world.home(), "canary-settings");
    let login = world.path("person/.claude/.credentials.json");
    assert_eq!(std::fs::read_to_string(login).expect("it is there"), LOGIN);
}

/// A class is a hint for which no session is begun: a host's small model is asked for it, and without one the words tell.
#[test]
fn a_program_is_asked_for_no_class() {
    let tiny = classify::host("tiny", |_| classify::class(3, "feature", 80));
    let more = format!(
        "[[fleet.hosts]]\nname = \"anvil\"\ndialect = \"ollama\"\nurl = \"{}\"\ntiers = [1]\n",
        tiny.url()
    );
    for (more, source) in [("", "keyword"), (more.as_str(), "model")] {
        let world = world(&Claude::good(), more);
        world.alai(["fleet", "record", "on"]).exits(0);
        build(&world).exits(0);
        let class = classify::class_of(&world, 1);
        assert_eq!(class["source"], source, "{class}");
        let file = std::fs::read_dir(world.home().join("recordings")).expect("a folder");
        let files = file.map(|file| file.expect("a file").path());
        let steps: Vec<Value> = files
            .flat_map(|file| {
                let held =
                    world.json(["fleet", "replay", file.to_str().expect("a name"), "--json"]);
                held["sessions"].as_array().cloned().unwrap_or_default()
            })
            .map(|session| session["step"].clone())
            .collect();
        assert!(
            !steps.is_empty() && !steps.contains(&json!("classify")),
            "{steps:?}"
        );
    }
    // Not where a pack names it for that either.
    let world = world(&Claude::good(), "");
    let config = world.home().join("companies/CodeCraft/config.json");
    let text = std::fs::read_to_string(&config).expect("a pack");
    let mut pack: Value = serde_json::from_str(&text).expect("JSON");
    pack["tier_overrides"]["classify"] = json!("pro:default");
    std::fs::write(&config, pack.to_string()).expect("written");
    build(&world).exits(0);
    let class = classify::class_of(&world, 1).to_string();
    assert!(
        class.contains("keyword") && class.contains("asked for no class"),
        "{class}"
    );
}

/// A goal, done without a daemon.
fn start(world: &World) -> Ran {
    let mut command = world.command(["start", "Count letters", "--project", "tiny", "--wait"]);
    command.env("PRO_KEY", KEY);
    run(command)
}

/// What the spec page says.
fn spec_page(world: &World) -> String {
    let pages = world.home().join("wiki/goals/1");
    std::fs::read_to_string(pages.join("spec.md")).expect("the spec page")
}

#[test]
fn a_goal_is_planned_built_and_merged_where_programs_are_the_only_models() {
    let world = world(&Claude::good(), "");
    start(&world).exits(0);
    let list = world.list();
    assert!(
        list.contains("[done] [—] Spec: Count letters") && list.contains(TITLE),
        "{list}"
    );
    let history = world.task(2)["history"].to_string();
    assert!(
        history.contains("planned by the model: 1 build task(s)"),
        "{history}"
    );
    let shown = world.alai(["evidence", "show", "2"]).exits(0);
    assert!(shown.out.contains("pro"), "{shown}");
    let runs = world.task(2)["runs"].clone();
    let log = world
        .alai(["minion", "log", runs[0]["id"].as_str().expect("a run")])
        .exits(0);
    assert!(log.out.contains("plan"), "{log}");
    assert!(
        world.repo().join("tests/initials.sh").is_file(),
        "it is built and merged"
    );
    no_file_holds(&world.home(), "s3cret-login");
}

/// Where a lead would work, an agent of others is asked in its place: it reads the company's notes, and is not said to walk what it does not.
#[test]
fn a_program_is_asked_for_a_lead_s_plan_and_reads_its_company_s_notes() {
    let world = world(&Claude::good(), "");
    let state = world.home().join("companies/CodeCraft/state/1");
    std::fs::create_dir_all(&state).expect("made");
    std::fs::write(state.join("seen"), "seen-before").expect("a note");
    let goal = [
        "start",
        "Count letters",
        "--project",
        "tiny",
        "--wait",
        "--blueprint",
        "lead-delegates",
    ];
    world.alai(goal).exits(0);
    let run = world.task(2)["runs"][0].clone();
    let choice = run["choice"].as_str().expect("reasons");
    assert!(
        choice.contains("an agent of others is asked for the plan")
            && !choice.contains("lead-delegates"),
        "{choice}"
    );
    let log = world
        .alai(["minion", "log", run["id"].as_str().expect("a run")])
        .exits(0)
        .out;
    assert!(
        log.contains("notes=seen-before wrote=") && !log.contains("wrote=yes"),
        "{log}"
    );
    // Who builds has none of it.
    let build = world.task(3)["runs"][0]["id"].clone();
    let log = world
        .alai(["minion", "log", build.as_str().expect("a run")])
        .exits(0)
        .out;
    assert!(log.contains("notes= wrote="), "{log}");
}

#[test]
fn a_program_whose_plan_cannot_be_carried_out_is_asked_again_and_the_template_stands_in() {
    let world = world(&Claude::good().plans_badly(), "");
    start(&world);
    let history = world.task(2)["history"].to_string();
    assert!(history.contains("planned from the template"), "{history}");
    let page = spec_page(&world);
    assert!(page.contains("nowhere"), "{page}");
    let run = world.task(2)["runs"][0]["id"].clone();
    let run = run.as_str().expect("a run");
    let path = world.home().join("runs").join(run).join("trajectory.jsonl");
    let said = std::fs::read_to_string(path).expect("a trajectory");
    let sessions = said.matches("\"session\":{").count();
    assert_eq!(sessions, 4, "the first and three more: {said}");
    assert!(said.contains("That cannot be used"), "{said}");
}

#[test]
fn what_a_program_says_is_recorded_with_what_it_used_and_is_not_played() {
    let world = world(&Claude::good(), "");
    world.alai(["fleet", "record", "on"]).exits(0);
    build(&world).exits(0);
    let folder = world.home().join("recordings");
    let file = std::fs::read_dir(&folder).expect("a folder").next();
    let file = file.expect("a recording").expect("a file").path();
    let name = file.to_str().expect("a name");
    let held = world.json(["fleet", "replay", name, "--json"]);
    assert_eq!(held["calls"], json!([]));
    let sessions = held["sessions"].as_array().expect("sessions");
    let built = sessions
        .iter()
        .find(|one| one["step"] == "build")
        .unwrap_or_else(|| panic!("{held}"));
    assert_eq!(
        (&built["agent"], &built["engine"], &built["outcome"]),
        (&json!("pro"), &json!("claude-cli"), &json!("done"))
    );
    for of in ["prompt_tokens", "output_tokens"] {
        assert!(built["usage"][of].as_u64() > Some(0), "{of}: {built}");
    }
    assert!(built["cost_microusd"].as_u64() > Some(0), "{built}");
    assert!(built["bytes"].as_u64() > Some(100), "{built}");
    let text = std::fs::read_to_string(&file).expect("a recording");
    assert!(
        text.contains("stream-json") || text.contains("subtype"),
        "{text}"
    );
    no_file_holds(&world.home(), "s3cret-login");
    world
        .alai(["fleet", "replay", name])
        .exits(0)
        .says("are not played");
    let mut played = world.command(["minion", "run", TITLE, "--project", "tiny"]);
    played.env("ALAI_SCRIPT", &file);
    run(played).exits(4).says("sessions of agents alone");
}

#[test]
fn a_goal_of_three_stages_is_done_by_programs_alone_and_merged() {
    let world = world(&Claude::good(), "");
    world
        .alai(["mc", "add", TITLE, "--project", "tiny"])
        .exits(0);
    let daemon = world.up();
    world.until("it is merged", |world| {
        world
            .titles("main")
            .iter()
            .any(|t| t.contains(TITLE))
            .then_some(())
    });
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    let runs = world.alai(["minion", "list", "--json"]).exits(0).out;
    let by_it = runs.lines();
    let by_it = by_it.filter(|line| line.contains("\"pipeline\":\"claude-cli\""));
    assert!(
        by_it.count() >= 3,
        "the build, its review and its audit: {runs}"
    );
}

#[test]
fn a_key_is_nowhere_but_outside_and_what_was_spent_is_booked_as_the_program_says() {
    let world = world(&Claude::good(), "key_env = \"PRO_KEY\"");
    build(&world).exits(0);
    assert_eq!(
        total(&world, "spent_microusd"),
        240_000,
        "two sessions of 12 cents"
    );
    assert_eq!(
        total(&world, "reserved_microusd") + total(&world, "unknown_microusd"),
        0
    );
    no_file_holds(&world.home(), KEY);
    let shown = world.alai(["evidence", "show", "1"]).exits(0);
    assert!(
        shown.out.contains("told to end at $2.70, of $3.00"),
        "{shown}"
    );
    assert!(!shown.out.contains("NOT PROMISED"), "{shown}");
    let report = world.json(["evidence", "show", "1", "--json"])["agent"].clone();
    assert!(
        report["layers"]
            .to_string()
            .contains("provider:api.anthropic.com"),
        "{report}"
    );
    // What the program itself was told, and what it found in its own environment.
    let log = world.alai(["minion", "log", &run_of(&world)]).exits(0);
    assert!(log.out.contains("budget=2.70 "), "{log}");
    assert!(log.out.contains("base=http://127.0.0.1:18931"), "{log}");
    assert!(log.out.contains("key=alai-has-the-key"), "{log}");
}

#[test]
fn a_cap_bounds_what_a_program_is_lent_and_one_that_leaves_too_little_keeps_it_from_starting() {
    let world = world(
        &Claude::good(),
        "key_env = \"PRO_KEY\"\n[money.caps]\ntask = 1.0",
    );
    build(&world).exits(0);
    let log = world.alai(["minion", "log", &run_of(&world)]).exits(0);
    assert!(log.out.contains("budget=0.90 "), "{log}");
    let poor = self::world(
        &Claude::good(),
        "key_env = \"PRO_KEY\"\n[money.caps]\ntask = 0.01",
    );
    build(&poor).exits(7).says("the task cap of $0.01");
    assert_eq!(counters(&poor), [0, 0, 0]);
    assert_eq!(total(&poor, "calls"), 0);
}

#[test]
fn what_a_program_does_not_say_it_cost_is_unknown_and_not_free() {
    let world = world(&Claude::good().costs("null"), "key_env = \"PRO_KEY\"");
    build(&world).exits(0);
    assert_eq!(
        (
            total(&world, "spent_microusd"),
            total(&world, "unknown_microusd")
        ),
        (0, 3_000_000)
    );
    // The second session was told nine tenths of what the first may have left.
    let log = world.alai(["minion", "log", &run_of(&world)]).exits(0);
    assert!(
        log.out.contains("budget=2.70 ") && log.out.contains("budget=0.27 "),
        "{log}"
    );
}

#[test]
fn a_cost_that_cannot_be_meant_stops_nobody_else_and_is_told() {
    let world = world(&Claude::good().costs("900000"), "key_env = \"PRO_KEY\"");
    build(&world);
    // Each of its runs counts at what it was lent, together the task's cap; the day's is far.
    assert_eq!(
        (
            total(&world, "spent_microusd"),
            total(&world, "unknown_microusd")
        ),
        (0, 5_000_000)
    );
    let history = world.task(1).to_string();
    assert!(
        history.contains("says that run") && history.contains("$900000.00"),
        "{history}"
    );
}

/// A provider whose every answer says that it used a hundred thousand tokens and wrote ten thousand; how many it gave.
fn provider() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let given = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counts = std::sync::Arc::clone(&given);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut heard = Vec::new();
            let mut part = [0_u8; 4096];
            while !heard.ends_with(b"}") {
                match stream.read(&mut part) {
                    Ok(count) if count > 0 => heard.extend_from_slice(&part[..count]),
                    Ok(_) | Err(_) => break,
                }
            }
            let said = "{\"usage\":{\"input_tokens\":100000,\"output_tokens\":10000}}";
            let length = said.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{said}");
            counts.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, given)
}

#[test]
fn what_goes_through_the_proxy_is_counted_and_ends_at_what_was_lent() {
    // Whatever runs in the cage may ask the provider, and the program's own word of it is 24 cents.
    let asks = r#"for i in 1 2 3 4 5 6 7 8; do
      bash -c 'b="{\"model\":\"m\",\"max_tokens\":10,\"messages\":[]}"; exec 3<> /dev/tcp/127.0.0.1/18931
        printf "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: ${#b}\r\n\r\n%s" "$b" >&3; cat <&3 >&2'
    done"#;
    let (url, given) = provider();
    let more = format!(
        "key_env = \"PRO_KEY\"\nurl = \"{url}\"\npay = \"metered\"\nmodel = \"m\"\n[money.prices.m]\ninput = 5.0\noutput = 25.0"
    );
    let world = world(&Claude::good().also(asks), &more);
    build(&world).exits(0);
    // 75 cents each, of three dollars.
    assert_eq!(given.load(std::sync::atomic::Ordering::SeqCst), 4);
    assert_eq!(total(&world, "spent_microusd"), 3_000_000);
    assert_eq!(
        total(&world, "reserved_microusd") + total(&world, "unknown_microusd"),
        0
    );
    let agent = world.json(["evidence", "show", "1", "--json"])["agent"].clone();
    assert_eq!(agent["counted_microusd"], json!(3_000_000), "{agent}");
    assert!(agent["hosts"].to_string().contains("is spent"), "{agent}");
}

#[test]
fn a_usage_limit_is_a_wait_and_no_attempt() {
    let world = world(
        &Claude::ends(
            "\"is_error\":true,\"api_error_status\":429,\"result\":\"You have hit your usage limit\"",
        ),
        "",
    );
    build(&world).exits(6).says("usage limit");
    let task = task(&world);
    assert_eq!(
        (&task["state"], &task["waiting"]["reason"]),
        (&json!("waiting"), &json!("no_model")),
        "{task}"
    );
    assert_eq!(counters(&world), [0, 0, 0]);
}

#[test]
fn a_limit_that_is_only_said_after_work_that_was_paid_is_an_attempt() {
    let world = world(
        &Claude::ends("\"is_error\":true,\"result\":\"the login page has no quota\""),
        "key_env = \"PRO_KEY\"",
    );
    build(&world);
    assert_eq!(counters(&world), [1, 0, 0]);
    assert_eq!(total(&world, "spent_microusd"), 120_000);
}

#[test]
fn an_outage_behind_a_success_is_infrastructure_and_never_a_tier_up() {
    let world = world(
        &Claude::ends("\"is_error\":true,\"api_error_status\":500,\"result\":\"Internal error\""),
        "",
    );
    build(&world);
    let [infra, quality, escalations] = counters(&world);
    assert_eq!((quality, escalations), (0, 0));
    assert_eq!(infra, 1);
    assert_ne!(world.state(1), "done");
    let outcome = world.task(1)["runs"][0]["outcome"].to_string();
    assert!(
        outcome.contains("infrastructure: ") && outcome.contains("Internal error"),
        "{outcome}"
    );
}

#[test]
fn a_program_that_is_missing_or_too_old_is_shown_with_what_to_do_and_work_waits() {
    let world = world(&Claude::good(), "");
    let up = world.json(["fleet", "status", "--json"]);
    let line = |status: &Value| {
        let mut lines = status.as_array().expect("lines").iter();
        lines
            .find(|line| line["host"] == "pro")
            .expect("the agent")
            .clone()
    };
    assert_eq!(
        (&line(&up)["up"], &line(&up)["version"]),
        (&json!(true), &json!("2.1.330")),
        "{up}"
    );
    assert_eq!(
        (&line(&up)["paid"], &line(&up)["near"]),
        (&json!("flat"), &json!(false))
    );
    world.alai(["fleet", "models"]).exits(0).says("pro:default");
    std::fs::remove_file(world.path("claude")).expect("it was there");
    world
        .alai(["fleet", "status"])
        .exits(8)
        .says("set `program` of `[[fleet.agents]]`");
    build(&world).exits(6).says("agent pro: ");
    assert_eq!(counters(&world), [0, 0, 0]);
    let old = Claude::good().version("2.1.100");
    settings(&world, &old, "");
    world
        .alai(["fleet", "status"])
        .exits(8)
        .says("2.1.221 or later is needed");
    settings(&world, &Claude::good(), "");
    std::fs::remove_file(world.path("person/.claude/.credentials.json")).expect("it was there");
    world
        .alai(["fleet", "status"])
        .exits(8)
        .says("log in with `/login`");
}

#[test]
fn when_alai_is_killed_nothing_of_the_program_runs_on_and_its_loan_is_unknown() {
    let world = world(&Claude::hangs(), "key_env = \"PRO_KEY\"");
    world
        .alai(["minion", "enqueue", TITLE, "--project", "tiny"])
        .exits(0);
    let start = |world: &World| {
        let mut command = world.command(["up"]);
        command.env("PRO_KEY", KEY);
        let daemon = crate::world::Running::start(command);
        daemon.says("alai is up on");
        daemon
    };
    let daemon = start(&world);
    let sleeps = |line: &str| line.starts_with("sleep ") && line.contains(program::SLEEP);
    world.until("the program works, and what it has left behind", |_| {
        let all = processes::descendants(daemon.pid());
        (all.iter().filter(|(_, line)| sleeps(line)).count() == 2).then_some(())
    });
    daemon.signal(libc::SIGKILL);
    drop(daemon.ends());
    assert_eq!(processes::left_of(&world.path("")), []);
    let good = Claude::good();
    settings(&world, &good, "key_env = \"PRO_KEY\"");
    let daemon = start(&world);
    world.until("another run has done it", |world| {
        (world.state(1) == "done").then_some(())
    });
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
    // The killed session may have been paid: all that was lent to it counts until a person says what the bill says.
    assert_eq!(total(&world, "unknown_microusd"), 3_000_000);
    assert!(total(&world, "spent_microusd") >= 240_000);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn what_a_program_writes_outside_of_its_task_is_seen() {
    let world = world(
        &Claude::good().also("echo x > extra.txt; echo y > /escaped; echo z > /agent/escaped"),
        "",
    );
    world
        .alai([
            "project", "set", "tiny", "--allow", "words.sh", "--allow", "tests/**",
        ])
        .exits(0);
    build(&world);
    assert_ne!(world.state(1), "done", "it is not taken as it is");
    let task = world.task(1).to_string();
    assert!(
        task.contains("extra.txt is outside the paths of the task"),
        "{task}"
    );
    assert!(!world.repo().join("extra.txt").exists() && !Path::new("/escaped").exists());
}

#[test]
fn code_of_a_local_project_reaches_no_agent_elsewhere() {
    let world = world(&Claude::good(), "");
    world
        .alai(["project", "set", "tiny", "--local-only", "true"])
        .exits(0);
    build(&world).exits(6).says("local_only");
    assert_eq!(total(&world, "calls"), 0);
    // One whose provider is a machine of one's own may.
    settings(&world, &Claude::good(), "url = \"http://127.0.0.1:9\"");
    build(&world).exits(0);
}

#[test]
fn work_of_a_person_waits_for_him_and_his_commit_is_measured() {
    let world = World::scripted("auto", &Script::good());
    world
        .alai(["mc", "add", TITLE, "--project", "tiny", "--model", "human"])
        .exits(0);
    let daemon = world.up();
    world.until("it waits for a person", |world| {
        (world.state(1) == "waiting").then_some(())
    });
    let why = world.json(["why", "1", "--json"])["why"].clone();
    assert_eq!(
        (&why["rule"], &why["owner"]),
        (&json!("human"), &json!("operator")),
        "{why}"
    );
    assert!(why["deadline_ms"].is_i64(), "{why}");
    assert!(why.to_string().contains("alai mc ready 1 --head"), "{why}");
    assert_eq!(counters(&world), [0, 0, 0]);
    world.git(&["switch", "-q", "-c", "mine"]);
    for (path, text) in program::solved(&world) {
        let path = world.repo().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    world.git(&["add", "-A"]);
    world.git(&[
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.com",
        "commit",
        "-q",
        "-m",
        "Add initials",
    ]);
    world.git(&["switch", "-q", "main"]);
    world.alai(["mc", "ready", "1", "--head", "mine"]).exits(0);
    world.until("its gate has passed", |world| {
        (world.state(1) == "done").then_some(())
    });
    world.alai(["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}
