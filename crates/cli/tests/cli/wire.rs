//! The same flows over the wire: a twin of Ollama is the model, and what it says goes through HTTP like any other model's.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin};
use serde_json::{Value, json};

use crate::script::{CHECK, TITLE, pass, planned, solution};
use crate::world::World;

const START: [&str; 5] = ["start", "Count letters", "--project", "tiny", "--wait"];

/// What a good worker says.
pub(crate) enum Good {
    Text(Value),
    Calls(Vec<(String, Value)>),
}

/// What a good worker answers to a request, told by its answer's schema and its tools.
pub(crate) fn good(body: &Value) -> Answer {
    match good_said(body, &body["format"]) {
        Good::Text(text) => Answer::text(&text.to_string()),
        Good::Calls(calls) => {
            let calls: Vec<(&str, Value)> = calls
                .iter()
                .map(|(name, arguments)| (name.as_str(), arguments.clone()))
                .collect();
            Answer::calls(&calls)
        }
    }
}

/// Whether a request asks what sort of task one is.
pub(crate) fn asks_for_a_class(body: &Value) -> bool {
    body["format"]["properties"].get("complexity").is_some()
}

/// A good worker who answers nothing but that until he is let go.
pub(crate) fn held_at_work(body: &Value) -> Answer {
    match asks_for_a_class(body) {
        true => good(body),
        false => good(body).held(),
    }
}

/// Whether a request asks for the one word that a host is looked at with. No run made it, and no ledger has it.
pub(crate) fn is_a_ping(body: &Value) -> bool {
    let first = body["messages"][0]["content"].as_str();
    first.is_some_and(|text| text.starts_with("Answer with the word"))
}

/// The same in no server's words.
pub(crate) fn good_said(body: &Value, schema: &Value) -> Good {
    let asks_for = |field: &str| schema["properties"].get(field).is_some();
    let has = |tool: &str| {
        body["tools"]
            .as_array()
            .is_some_and(|all| all.iter().any(|t| t["function"]["name"] == tool))
    };
    let said = body["messages"]
        .as_array()
        .map_or(0, |m| m.iter().filter(|m| m["role"] == "assistant").count());
    if schema.is_null() && body["tools"].as_array().is_none_or(Vec::is_empty) {
        return Good::Text(json!("hello"));
    }
    if asks_for("complexity") {
        return Good::Text(
            json!({"complexity": 2, "domain": "code", "type": "feature", "confidence": 90}),
        );
    }
    if asks_for("tasks") {
        return Good::Text(json!({"spec": "# Words", "tasks": [planned("a", TITLE, &[])]}));
    }
    if asks_for("approach") {
        return Good::Text(
            json!({"approach": "One more command.", "files": ["words.sh"], "risks": []}),
        );
    }
    if asks_for("verdict") {
        return Good::Text(pass());
    }
    if has("edit") && said == 0 {
        let calls = solution(TITLE);
        let calls = calls.iter().map(|call| {
            let name = call["name"].as_str().unwrap_or_default();
            (name.to_owned(), call["arguments"].clone())
        });
        return Good::Calls(calls.collect());
    }
    let done = json!({"status": "done", "summary": "Done, and a test shows it."});
    Good::Calls(vec![("done".to_owned(), done)])
}

/// Whether the request is the builder's, after its first turn: its change is made and committed in its clone.
pub(crate) fn has_built(body: &Value) -> bool {
    let edits = |tool: &Value| tool["function"]["name"] == "edit";
    let said = |message: &Value| message["role"] == "assistant";
    body["tools"]
        .as_array()
        .is_some_and(|all| all.iter().any(edits))
        && body["messages"]
            .as_array()
            .is_some_and(|all| all.iter().any(said))
}

#[test]
fn a_goal_becomes_merged_code_with_a_real_model() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    world.alai(["init"]).exits(0).says("small on http://");
    world
        .alai(START.into_iter().chain(["--check", CHECK]))
        .exits(0);
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    let status = world.alai(["status"]).exits(0);
    assert!(
        status
            .out
            .lines()
            .next()
            .is_some_and(|line| line.ends_with(", real")),
        "{status}"
    );
    let listed = world.alai(["minion", "list", "--json"]).exits(0).out;
    let runs: Vec<Value> = listed
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    let told: Vec<(&Value, &Value)> = runs
        .iter()
        .map(|r| (&r["mode"], &r["model"]))
        .filter(|(mode, _)| !mode.is_null())
        .collect();
    assert_eq!(told, vec![(&json!("real"), &json!("small")); 4]);
    world
        .alai(["evidence", "verify", "3"])
        .exits(0)
        .says("mode     real");
    every_call_is_in_the_ledger(&world, &twin);
}

fn every_call_is_in_the_ledger(world: &World, twin: &OllamaTwin) {
    let calls = world.json(["status", "--json"])["queue"]["spend"]["calls"].as_u64();
    assert_eq!(calls, u64::try_from(twin.chats().len()).ok());
}

#[test]
fn without_a_model_a_goal_is_recorded_and_waits() {
    let world = World::with_project("auto");
    let ran = world
        .alai(["start", "Count letters", "--project", "tiny"])
        .exits(6)
        .says("cannot connect");
    assert!(ran.err.contains("hint: start a host"), "{ran}");
    assert_eq!(
        (world.state(1), world.state(2)),
        ("open".into(), "waiting".into())
    );
    let why = world.alai(["why", "2"]).exits(0);
    insta::assert_snapshot!(world.redact(&why.out), @r"
    #2 is waiting: cannot connect: Connection refused (os error 111); start it with `ollama serve`, or say where it runs (OLLAMA_HOST, or its `url` in alai.toml)
    rule      no_model
    owner     operator
    deadline  in 2 d
    next      start a host that `alai fleet status` shows as down, or give one a model; it then goes on by itself while `alai up` runs
    ");
    world
        .alai(["why", "1"])
        .exits(0)
        .says("#2 waits for a person");
    assert_eq!(
        world.json(["status", "--json"])["queue"]["spend"]["calls"],
        0
    );
}

#[test]
fn when_a_model_appears_the_daemon_goes_on_by_itself() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let door = ClosedDoor::new();
    let world = World::with_model_at("auto", &door.url());
    let daemon = world.up();
    world.alai(START).exits(6).says("cannot connect");
    world
        .alai(["status"])
        .exits(0)
        .says("not reachable, or without a usable model");
    door.opens_to(&twin);
    world.until("the goal is done", |w| (w.state(1) == "done").then_some(()));
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn a_model_that_plans_nothing_sensible_gets_the_template() {
    let garbage = |body: &Value| match body["format"]["properties"].get("tasks") {
        Some(_) => Answer::text("Sure! I would be glad to help you with that plan."),
        None => good(body),
    };
    let twin = OllamaTwin::start(Behaviour::by(garbage));
    let world = World::with_model_at("auto", &twin.url());
    world
        .alai(START)
        .exits(0)
        .says("planned from the template: 1 build task(s)");
    let page =
        std::fs::read_to_string(world.home().join("wiki/goals/1/spec.md")).expect("the spec page");
    assert!(page.contains("Planned from the template: "), "{page}");
    assert!(
        world.list().contains("#3 [M] [done] [—] Count letters"),
        "{}",
        world.list()
    );
    // Also the two whose answer was of no use.
    every_call_is_in_the_ledger(&world, &twin);
    let asked = twin
        .chats()
        .iter()
        .filter(|b| b["format"]["properties"].get("tasks").is_some())
        .count();
    assert_eq!(asked, 2, "it was told once what was wrong with its plan");
}

/// A world whose model answers the n-th request for a plan with the n-th of these, the last one for ever.
fn planner(plans: Vec<Value>) -> (OllamaTwin, World) {
    let asked = AtomicUsize::new(0);
    let twin = OllamaTwin::start(Behaviour::by(
        move |body| match body["format"]["properties"].get("tasks") {
            Some(_) => {
                let turn = asked.fetch_add(1, Ordering::SeqCst);
                Answer::text(&plans[turn.min(plans.len() - 1)].to_string())
            }
            None => good(body),
        },
    ));
    let world = World::with_model_at("auto", &twin.url());
    (twin, world)
}

/// A plan of one task that means to change these tests.
fn plan(changes_tests: &[&str]) -> Value {
    let mut task = planned("a", TITLE, &[]);
    task["changes_tests"] = json!(changes_tests);
    json!({"spec": "# Words", "tasks": [task]})
}

/// The last message of each request for a plan.
fn told(twin: &OllamaTwin) -> Vec<String> {
    let chats = twin.chats();
    let plans = chats
        .iter()
        .filter(|b| b["format"]["properties"].get("tasks").is_some());
    let last = |b: &Value| {
        let last = b["messages"].as_array().and_then(|all| all.last());
        last.and_then(|m| m["content"].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    plans.map(last).collect()
}

fn spec_page(world: &World) -> String {
    std::fs::read_to_string(world.home().join("wiki/goals/1/spec.md")).expect("the spec page")
}

#[test]
fn a_model_is_told_what_is_wrong_with_its_plan_and_its_better_one_is_used() {
    let mut stray = plan(&[]);
    stray["steps"] = json!([]);
    let with = |key: &str, value: Value| {
        let mut plan = plan(&[]);
        plan["tasks"][0][key] = value;
        plan
    };
    for (first, says) in [
        (
            with("company", json!("Nobody")),
            "no company is called `Nobody`",
        ),
        (with("company", json!("Nobody")), "those that build: "),
        (with("paths", json!(["../other"])), "the path `../other`"),
        (with("role", json!("lead")), "role"),
        (
            plan(&["**"]),
            "`**` in `changes_tests` begins with a wildcard",
        ),
        (
            plan(&["package.json"]),
            "`package.json` in `changes_tests` is no test file by its name",
        ),
        (stray, "steps"),
    ] {
        let (twin, world) = planner(vec![first, plan(&[])]);
        world
            .alai(START)
            .exits(0)
            .says("planned by the model: 1 build task(s)");
        let told = told(&twin);
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(told[1].contains(says), "{}", told[1]);
        let page = spec_page(&world);
        assert!(page.contains("Planned by the lead's model."), "{page}");
        every_call_is_in_the_ledger(&world, &twin);
    }
}

#[test]
fn a_model_names_who_builds_a_task_and_where_and_is_told_who_can() {
    let mut wanted = plan(&[]);
    wanted["tasks"][0]["company"] = json!("codecraft");
    wanted["tasks"][0]["paths"] = json!(["tests/", "words.sh"]);
    let (twin, world) = planner(vec![wanted]);
    world
        .alai(START)
        .exits(0)
        .says("planned by the model: 1 build task(s)");
    let chats = twin.chats();
    let asked = { chats.iter() }.find(|b| b["format"]["properties"].get("tasks").is_some());
    let rules = asked.expect("a request for a plan")["messages"][0]["content"].to_string();
    assert!(
        rules.contains("These build: ") && rules.contains("CodeCraft"),
        "{rules}"
    );
    let shown = world.task(3);
    let task = &shown["view"]["task"];
    assert_eq!(task["company_pin"], "CodeCraft", "{task}");
    let told = task["description"].as_str().expect("words");
    assert!(told.contains("expected in `tests/`, `words.sh`"), "{told}");
}

#[test]
fn a_model_that_learns_nothing_of_its_plans_gets_the_template_with_the_reason() {
    let (twin, world) = planner(vec![plan(&["**"]), plan(&["a.lock"]), plan(&["*"])]);
    world
        .alai(START)
        .exits(0)
        .says("planned from the template: 1 build task(s)");
    let told = told(&twin);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[1].contains("`**`") && told[2].contains("`a.lock`"));
    assert!(
        !told[2].contains("`**`"),
        "only of the last one: {}",
        told[2]
    );
    let page = spec_page(&world);
    for reason in [
        r"\`\*\*\` in",
        "asked again: ",
        r"\`a.lock\` in",
        r"\`\*\` in",
    ] {
        assert!(page.contains(reason), "`{reason}` is not in {page}");
    }
    let shown = world.alai(["evidence", "show", "2", "--json"]).exits(0);
    shown.says("3 answer(s) refused");
    every_call_is_in_the_ledger(&world, &twin);
}

/// What ends an agent from outside says nothing of its work: the next run begins anew instead of finding that end again.
#[test]
fn an_agent_that_is_killed_is_tried_again_with_a_new_agent() {
    let ends_its_hand = Answer::calls(&[("run", json!({"command": "kill -9 $PPID"}))]);
    let lost = the_first_agent_meets(ends_its_hand);
    assert!(lost.contains("the hand is gone"), "{lost}");
}

#[test]
fn an_agent_whose_server_breaks_down_is_tried_again_with_a_new_agent() {
    let lost = the_first_agent_meets(Answer::error(500, "the runner has ended"));
    assert!(lost.contains("the runner has ended"), "{lost}");
}

/// One flow in which the first builder gets this answer to its first question, and everybody else a good model. Answers why
/// the first one was lost.
fn the_first_agent_meets(answer: Answer) -> String {
    let met = AtomicBool::new(false);
    let twin = OllamaTwin::start(Behaviour::by(move |body| {
        let builds = body["tools"].to_string().contains("\"edit\"");
        match builds && !met.swap(true, Ordering::Relaxed) {
            true => answer.clone(),
            false => good(body),
        }
    }));
    let world = World::with_model_at("auto", &twin.url());
    world.alai(START).exits(0);
    assert_eq!(world.titles("main"), [TITLE, "Import"]);
    let build = world.task(3);
    assert_eq!(build["runs"].as_array().map(Vec::len), Some(2), "{build}");
    build.to_string()
}

/// A port of loopback that is ours and refuses connections until it is opened.
pub(crate) struct ClosedDoor(TcpListener);

impl ClosedDoor {
    pub(crate) fn new() -> ClosedDoor {
        ClosedDoor(bound().expect("loopback has a free port"))
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "http://{}",
            self.0.local_addr().expect("a bound socket has an address")
        )
    }

    /// Listens, and hands every connection on to the twin.
    #[allow(unsafe_code, reason = "the standard library listens as it binds")]
    pub(crate) fn opens_to(self, twin: &OllamaTwin) {
        // SAFETY: listen takes two integers; the descriptor is open.
        assert_eq!(
            unsafe { libc::listen(self.0.as_raw_fd(), 64) },
            0,
            "{}",
            io::Error::last_os_error()
        );
        let to = twin.url().trim_start_matches("http://").to_owned();
        std::thread::spawn(move || {
            for near in self.0.incoming().flatten() {
                if let Ok(far) = TcpStream::connect(&to) {
                    hand_on(&near, &far);
                    hand_on(&far, &near);
                }
            }
        });
    }
}

fn hand_on(from: &TcpStream, to: &TcpStream) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
        return;
    };
    std::thread::spawn(move || {
        // Either side may go at any time; the other one is told.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

/// A socket that has a port and does not listen.
#[allow(unsafe_code, reason = "the standard library listens as it binds")]
fn bound() -> io::Result<TcpListener> {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
        },
        sin_zero: [0; 8],
    };
    let size = libc::socklen_t::try_from(size_of::<libc::sockaddr_in>()).expect("sixteen bytes");
    // SAFETY: socket takes integers; bind reads `size` bytes of an address that lives until it returns; the descriptor is
    // ours and has no other owner.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let socket = OwnedFd::from_raw_fd(fd);
        if libc::bind(fd, (&raw const address).cast(), size) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(TcpListener::from(socket))
    }
}
