//! What a run lends agents of others: each kind is told of it in its own form, asks through the bridge, and has no more than our own
//! loop would have.

use std::collections::BTreeMap;

use alai_core::blueprint::{Action, ToolName};
use alai_core::brief::{Caps, Role, RoleBrief};
use alai_core::company::Skill;
use alai_core::skills::{Level, Shelf};
use alai_minion::ExitStatus;
use alai_testkit::agent::{Act, Script};
use serde_json::{Value, json};

use crate::engines::{Played, Stage};
use crate::mcp::{Bare, offer};
use crate::world::{agent, step};

const ENGINES: [&str; 3] = ["claude-cli", "codex-cli", "acp"];
const TOKEN: &str = "a-token-that-nobody-reads-4711";

fn uses(server: &str, tool: &str, arguments: Value) -> Act {
    Act::Use(server.into(), tool.into(), arguments)
}

fn fix() -> Act {
    Act::Write("answer.txt".into(), "42\n".into())
}

pub(crate) fn shelf() -> Shelf {
    let skill = Skill {
        name: "house-style".into(),
        description: "How files are written here. Use it before the first one.".into(),
        text: "Two blanks, never tabs.".into(),
        files: BTreeMap::new(),
    };
    Shelf {
        company: "Sample".into(),
        soul: "# Sample\n\nThe whole of it.".into(),
        levels: vec![(Level::Home, BTreeMap::from([("house-style".into(), skill)]))],
    }
}

/// A server with two tools that tells its token to whoever asks.
pub(crate) fn tickets() -> Bare {
    let tool = |name: &str| {
        json!({"name": name, "description": format!("Does {name}; the token is {TOKEN}."), "inputSchema": {"type": "object",
        "properties": {"text": {"type": "string", "description": TOKEN}}, "oneOf": [{}]}})
    };
    let tools = json!({"tools": [tool("echo"), tool("close")]});
    let script = Script::of("mcp", [Act::Say(format!("the token is {TOKEN}"))]).begins(tools);
    let mut bare = Bare::of(&script);
    bare.secrets = vec![TOKEN.to_owned()];
    bare
}

/// A stage whose agent does this, with a skill, somebody who hears notes, and one tool of a server.
fn stage(engine: &str, acts: impl IntoIterator<Item = Act>) -> Stage {
    let mut stage = Stage::new(&Script::of(engine, acts));
    stage.world.shelf = shelf();
    stage.hears = true;
    stage.servers = vec![(offer("tickets", Some(&["echo"])), tickets())];
    stage
}

fn results(played: &Played) -> Vec<(bool, String)> {
    let of = |event: &&Value| {
        let text = event["text"].as_str().unwrap_or_default().to_owned();
        (event["error"].as_bool().expect("a truth"), text)
    };
    played.heard("result").iter().map(of).collect()
}

fn happened(played: &Played) -> Vec<&str> {
    let all = played.events.iter().filter(|e| e["type"] == "server");
    all.map(|e| e["what"].as_str().expect("a word")).collect()
}

#[test]
fn an_agent_of_others_asks_what_its_role_was_granted_and_nothing_else() {
    for engine in ENGINES {
        let mut stage = stage(
            engine,
            [
                uses("tickets", "", json!({})),
                uses("tickets", "echo", json!({"text": "x"})),
                uses("tickets", "close", json!({})),
                uses("other", "echo", json!({})),
                fix(),
            ],
        );
        let brief = stage.world.brief(vec![agent(None)]);
        let played = stage.run(&brief);
        assert_eq!(
            played.report.status,
            ExitStatus::Done,
            "{engine}: {}",
            played.text
        );
        let told = results(&played);
        assert!(
            !told[0].0 && told[0].1.contains("echo") && !told[0].1.contains("close"),
            "{engine}: {told:#?}"
        );
        assert!(
            !told[1].0 && told[1].1.contains("the token is [secret]"),
            "{engine}: {told:#?}"
        );
        assert!(
            told[2].0 && told[2].1.contains("is not for you"),
            "{engine}: {told:#?}"
        );
        assert!(told[3].0, "{engine}: {told:#?}");
        assert_eq!(
            stage.servers[0].1.starts(),
            1,
            "{engine}: one server for the whole run"
        );
        assert_eq!(
            happened(&played),
            [
                "started", "listed", "listed", "called", "listed", "refused", "ended"
            ],
            "{engine}"
        );
        // No message of a model that we record holds them: whatever runs in the cage could have asked.
        assert!(
            played.text.contains(r#""detail":"{\"text\":\"x\"}""#),
            "{engine}: {}",
            played.text
        );
        assert!(!played.text.contains(TOKEN), "{engine}");
        let started = serde_json::to_string(&stage.notes()).expect("JSON");
        assert!(
            !started.contains(TOKEN),
            "{engine}: neither among arguments nor in the environment"
        );
    }
}

/// A server can name a tool by its secret, or write one with other blanks than it has: neither is given, in a list or in a record.
#[test]
fn a_secret_in_a_tools_name_or_between_other_blanks_is_not_given() {
    let tool = |name: &str, said: &str| json!({"name": name, "description": said, "inputSchema": {"type": "object"}});
    let tools = json!({"tools": [
        tool("echo", "Says: three\n\tsecret   words 4711."),
        tool(TOKEN, "Its name tells."),
        tool(&format!("get-{TOKEN}"), "And so does its name."),
    ]});
    let script = Script::of("mcp", [Act::Say("heard".to_owned())]).begins(tools);
    for engine in ENGINES {
        let mut bare = Bare::of(&script);
        bare.secrets = vec![TOKEN.to_owned(), "three secret words 4711".to_owned()];
        let mut stage = stage(
            engine,
            [
                uses("tickets", "?", json!({})),
                uses("tickets", "echo", json!({"text": "x"})),
                uses("tickets", TOKEN, json!({})),
                fix(),
            ],
        );
        stage.servers = vec![(offer("tickets", None), bare)];
        let brief = stage.world.brief(vec![agent(None)]);
        let played = stage.run(&brief);
        assert_eq!(
            played.report.status,
            ExitStatus::Done,
            "{engine}: {}",
            played.text
        );
        let told = results(&played);
        let offered = &told[0].1;
        assert!(
            offered.contains("echo") && offered.contains("Says: [secret]."),
            "{engine}: {offered}"
        );
        assert!(!offered.contains("name tells"), "{engine}: {offered}");
        assert!(!told[1].0, "{engine}: {told:#?}");
        assert!(told[2].0, "{engine}: {told:#?}");
        assert!(
            !offered.contains(TOKEN) && !played.text.contains("secret words 4711"),
            "{engine}: {}",
            played.text
        );
    }
}

/// The tests of a builder run in the cage of who reviews them: what they say there is not his word.
#[test]
fn a_reviewer_of_others_has_no_tool_to_note() {
    for engine in ENGINES {
        let mut stage = stage(engine, [uses("alai", "", json!({})), fix()]);
        let mut brief = stage.world.brief(vec![agent(None)]);
        brief.role = Role::Reviewer;
        let played = stage.run(&brief);
        let told = results(&played);
        assert!(
            told[0].1.contains("skill") && !told[0].1.contains("note"),
            "{engine}: {told:#?}"
        );
    }
}

#[test]
fn an_agent_of_others_reads_advice_and_notes_for_those_who_go_on() {
    for engine in ENGINES {
        let mut stage = stage(
            engine,
            [
                uses("alai", "", json!({})),
                uses("alai", "skill", json!({"name": "house-style"})),
                uses("alai", "skill", json!({"name": "soul"})),
                uses("alai", "skill", json!({"name": "house-stile"})),
                uses(
                    "alai",
                    "note",
                    json!({"text": "the old name stays", "kind": "decision"}),
                ),
                uses("alai", "mcp", json!({"server": "tickets"})),
                uses("alai", "delegate", json!({"key": "a", "title": "b"})),
                fix(),
            ],
        );
        let brief = stage.world.brief(vec![agent(None)]);
        let played = stage.run(&brief);
        assert_eq!(
            played.report.status,
            ExitStatus::Done,
            "{engine}: {}",
            played.text
        );
        let told = results(&played);
        assert!(told[0].1.contains("skill, note"), "{engine}: {told:#?}");
        assert!(
            told[1].1.contains("Two blanks, never tabs.") && told[1].1.contains("the home"),
            "{engine}: {told:#?}"
        );
        assert!(
            told[2].1.contains("The whole of it."),
            "{engine}: {told:#?}"
        );
        assert!(
            told[3].0 && told[3].1.contains("Did you mean `house-style`?"),
            "{engine}: {told:#?}"
        );
        assert!(!told[4].0, "{engine}: {told:#?}");
        assert!(told[5].0 && told[6].0, "{engine}: {told:#?}");
        let noted = stage.noted.borrow();
        assert_eq!(
            (noted.len(), noted[0].text.as_str()),
            (1, "the old name stays"),
            "{engine}"
        );
        assert_eq!(
            (played.kinds("skill"), played.kinds("note")),
            (2, 1),
            "{engine}"
        );
        let prompt: String = played
            .events
            .iter()
            .filter(|e| e["type"] == "message")
            .map(Value::to_string)
            .collect();
        assert!(
            prompt.contains("- house-style: How files are written here."),
            "{engine}: {prompt}"
        );
        assert!(!prompt.contains("Two blanks"), "{engine}: only its name");
    }
}

/// A step of another role has none of the run's servers, and a question has nothing at all.
#[test]
fn a_step_of_another_role_has_no_servers_and_who_is_granted_nothing_is_told_of_nothing() {
    for engine in ENGINES {
        let mut stage = stage(
            engine,
            [
                uses("tickets", "echo", json!({})),
                uses("alai", "", json!({})),
            ],
        );
        let judging = step(
            "look",
            Action::Agent {
                prompt: "Look.".into(),
                tools: vec![ToolName::Read],
                turns_max: 10,
                check: None,
                outputs: Vec::new(),
                role: Some(Role::Reviewer),
                limits: Caps::default(),
            },
        );
        let mut brief = stage.world.brief(vec![judging]);
        let role = RoleBrief {
            prompt: "You judge.".into(),
            tools: vec![ToolName::Read],
        };
        brief.company.roles.insert(Role::Reviewer, role);
        let played = stage.run(&brief);
        let told = results(&played);
        assert!(told[0].0, "{engine}: {told:#?}");
        assert!(
            told[1].1.contains("skill"),
            "{engine}: advice is for everybody: {told:#?}"
        );
        assert_eq!(happened(&played), [""; 0], "{engine}");

        let mut stage = self::stage(engine, [fix()]);
        (stage.servers, stage.hears, stage.world.shelf) = (Vec::new(), false, Shelf::default());
        let brief = stage.world.brief(vec![agent(None)]);
        stage.run(&brief);
        let args = stage
            .notes()
            .iter()
            .flat_map(|note| note.args.clone())
            .collect::<String>();
        assert!(
            !args.contains("mcp_servers") && !args.contains("--mcp-config"),
            "{engine}: {args}"
        );
    }
}

/// What cannot be given is not, and the record says why.
#[test]
fn a_server_that_such_an_agent_cannot_name_is_withheld_with_the_reason() {
    for engine in ENGINES {
        let mut stage = stage(
            engine,
            [
                uses("my.tickets", "echo", json!({})),
                uses("alai", "", json!({})),
                fix(),
            ],
        );
        stage.servers = vec![
            (offer("my.tickets", None), tickets()),
            (offer("Alai", None), tickets()),
        ];
        let brief = stage.world.brief(vec![agent(None)]);
        let played = stage.run(&brief);
        assert_eq!(
            played.report.status,
            ExitStatus::Done,
            "{engine}: {}",
            played.text
        );
        let told = results(&played);
        assert!(
            told[0].0 && told[1].1.contains("skill"),
            "{engine}: {told:#?}"
        );
        let refused: Vec<(&Value, &Value)> = { played.events.iter() }
            .filter(|e| e["type"] == "server" && e["what"] == "refused")
            .map(|e| (&e["server"], &e["detail"]))
            .collect();
        assert_eq!(refused.len(), 2, "{engine}: {refused:?}");
        let said = format!("{refused:?}");
        assert!(
            said.contains("can have no `.`") && said.contains("the factory's own"),
            "{engine}: {said}"
        );
    }
}

/// A server that hangs up or never greets is told of, and takes neither the agent nor the run with it.
#[test]
fn a_server_that_ends_is_told_of_and_the_agent_goes_on() {
    for engine in ENGINES {
        let mut stage = stage(
            engine,
            [
                uses("tickets", "echo", json!({})),
                uses("tickets", "echo", json!({})),
                uses("tickets", "echo", json!({})),
                fix(),
            ],
        );
        let ends = Script::of("mcp", [Act::Complain("no licence".into()), Act::Exit(7)]);
        stage.servers = vec![(offer("tickets", None), Bare::of(&ends))];
        let brief = stage.world.brief(vec![agent(None)]);
        let played = stage.run(&brief);
        assert_eq!(
            played.report.status,
            ExitStatus::Done,
            "{engine}: {}",
            played.text
        );
        let told = results(&played);
        assert!(
            told[0].0 && told[0].1.contains("no licence"),
            "{engine}: {told:#?}"
        );
        assert!(
            told[2].0 && told[2].1.contains("off for the rest of this run"),
            "{engine}: {told:#?}"
        );
        assert_eq!(stage.servers[0].1.starts(), 2, "{engine}");
    }
}

/// Whatever runs beside the agent can write to the socket: what is no request is answered as such, and nothing breaks.
#[test]
fn lines_of_strangers_are_answered_and_break_nothing() {
    let world = crate::world::World::new();
    let bridge = format!(
        "{} __lent {}",
        env!("CARGO_BIN_EXE_hand_probe"),
        world.dir.path().join("lent.socket").display()
    );
    let lines = [
        "x",
        "[]",
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"skill","arguments":[]}}"#,
        r#"{"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":"2026-07-28"}}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#,
    ];
    let lines = lines.map(|line| format!("'{line}'")).join(" ");
    let ping = r#"'{"jsonrpc":"2.0","id":9,"method":"ping"}'"#;
    let script = Script::of(
        "claude-cli",
        [
            Act::Run(format!("printf '%s\\n' {lines} | {bridge} alai")),
            Act::Run(format!(
                "printf '%s\\n' {ping} | {bridge} other; printf '%s\\n' {ping} | {bridge} alai"
            )),
            Act::Run(format!(
                "head -c 3000000 /dev/zero | {bridge} alai; printf 'no end' | {bridge} alai; echo still here"
            )),
            fix(),
        ],
    );
    let mut stage = Stage::on(world, &script);
    stage.world.shelf = shelf();
    let brief = stage.world.brief(vec![agent(None)]);
    let played = stage.run(&brief);
    assert_eq!(played.report.status, ExitStatus::Done, "{}", played.text);
    let told = results(&played);
    let answers: Vec<Value> = { told[0].1.lines() }
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let codes: Vec<&Value> = answers
        .iter()
        .map(|answer| &answer["error"]["code"])
        .collect();
    assert_eq!(
        codes,
        [
            &json!(-32600),
            &json!(-32600),
            &json!(-32601),
            &json!(-32602),
            &Value::Null,
            &Value::Null
        ],
        "{answers:#?}"
    );
    assert_eq!(
        (&answers[2]["id"], &answers[4]["id"]),
        (&json!(1), &json!("a"))
    );
    let spoken = |at: usize| &answers[at]["result"]["protocolVersion"];
    assert_eq!(
        (spoken(4), spoken(5)),
        (&json!("2025-11-25"), &json!("2025-06-18"))
    );
    let pinged: Vec<&str> = told[1].1.lines().collect();
    assert!(
        pinged[0].contains("no server of this name is lent to you"),
        "{pinged:?}"
    );
    assert!(pinged[1].contains("\"result\":{}"), "{pinged:?}");
    assert_eq!(
        told[2].1.trim(),
        "still here",
        "a line without end is no request"
    );
}
