//! What an agent of others is lent by a whole factory, in its cage: its role's servers, advice, a way to tell those who go on; and no key.

use alai_testkit::agent::{Act, Script as Twin};
use serde_json::{Value, json};

use super::program::solved;
use super::{KEY, run_of};
use crate::script::BUILD;
use crate::world::{World, run};

const TOKEN: &str = "a-token-that-nobody-reads-4711";
/// Finds the token wherever the agent can look, and not itself.
const LOOKS: &str = "grep -rls 'a-token-that-nobody-read[s]' /agent /home/agent /repo /tmp /etc /proc/[0-9]*/environ \
                     /proc/[0-9]*/cmdline; echo looked; test -w /agent/lent && echo writable";

fn uses(server: &str, tool: &str, arguments: Value) -> Act {
    Act::Use(server.into(), tool.into(), arguments)
}

/// The answer of a plan, in the form of each protocol.
fn answers(engine: &str, answer: &Value) -> Act {
    match engine {
        "claude-cli" => Act::Result(json!({"structured_output": answer})),
        "codex-cli" => Act::Result(json!({"answer": answer})),
        _ => Act::Say(answer.to_string()),
    }
}

/// A home with a server that tells its token, one tool of which the builder was granted, and an agent of this kind.
fn world(engine: &str, acts: Vec<Act>) -> World {
    let world = World::with_project("auto");
    let bin = world.path("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let tool = |name: &str| json!({"name": name, "description": "A tool.", "inputSchema": {"type": "object"}});
    let server = Twin::of(
        "mcp",
        [Act::Run(
            "echo token=$TICKETS_TOKEN; touch /repo/by-the-server && echo wrote".into(),
        )],
    )
    .begins(json!({"tools": [tool("echo"), tool("close")]}))
    .install(&bin, "tickets");
    let servers = json!({"mcpServers": {
        "tickets": {"command": server, "env": {"TICKETS_TOKEN": "${PERSONS_TOKEN}"}},
        "other": {"command": server}, "not.nameable": {"command": server}}});
    std::fs::write(world.home().join("mcp.json"), servers.to_string()).expect("a file");
    let config = world.home().join("companies/CodeCraft/config");
    std::fs::create_dir_all(&config).expect("a folder");
    let tools = json!({"builder": {"mcp": ["tickets/echo", "not.nameable"]}, "reviewer": {"mcp": ["other"]}});
    std::fs::write(config.join("tools.json"), tools.to_string()).expect("a file");
    let own = world.home().join("skills/house-style");
    std::fs::create_dir_all(&own).expect("a folder");
    let text =
        "---\nname: house-style\ndescription: How we write here.\n---\nTwo blanks, never tabs.\n";
    std::fs::write(own.join("SKILL.md"), text).expect("a file");

    let plan = json!({"approach": "One more command.", "files": ["words.sh"], "risks": []});
    let mut built = acts;
    built.push(Act::Run("rm -f by-the-server".into()));
    built.extend(
        solved(&world)
            .into_iter()
            .map(|(path, text)| Act::Write(path, text + "\n")),
    );
    built.push(answers(
        engine,
        &json!({"status": "done", "summary": "Done, and a test shows it."}),
    ));
    let program = Twin::of(engine, [answers(engine, &plan)])
        .then(built)
        .notes(std::path::Path::new("/home/agent/notes.jsonl"))
        .install(&bin, "agent");
    let way = match engine {
        "acp" => "url = \"https://api.example.com\"\ndialect = \"anthropic\"\n",
        _ => "",
    };
    let text = format!(
        "[[fleet.agents]]\nname = \"pro\"\nengine = \"{engine}\"\nprogram = {}\ntiers = [1, 2, 3, 4, 5]\nkey_env = \"PRO_KEY\"\npay = \"flat\"\n{way}",
        Value::from(program.display().to_string())
    );
    std::fs::write(world.home().join("alai.toml"), text).expect("the settings");
    world
}

fn build(world: &World) {
    let args = BUILD.into_iter().chain(["--company", "CodeCraft"]);
    let mut command = world.command(args);
    command.env("PRO_KEY", KEY).env("PERSONS_TOKEN", TOKEN);
    run(command).exits(0);
}

fn trajectory(world: &World) -> (String, Vec<Value>) {
    let path = world
        .home()
        .join("runs")
        .join(run_of(world))
        .join("trajectory.jsonl");
    let text = std::fs::read_to_string(path).expect("a trajectory");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    (text, lines)
}

fn asked_and_refused(engine: &str) {
    let world = world(
        engine,
        vec![
            uses("tickets", "", json!({})),
            uses("tickets", "echo", json!({"text": "x"})),
            uses("tickets", "close", json!({})),
            uses("other", "echo", json!({})),
            uses("not.nameable", "echo", json!({})),
            uses("alai", "skill", json!({"name": "house-style"})),
            Act::Run(LOOKS.into()),
        ],
    );
    build(&world);
    let (text, lines) = trajectory(&world);
    let told: Vec<(bool, &str)> = { lines.iter() }
        .filter(|line| line["type"] == "heard" && line["what"] == "result")
        .map(|line| {
            (
                line["error"].as_bool().expect("a truth"),
                line["text"].as_str().expect("a text"),
            )
        })
        .collect();
    let at = told
        .iter()
        .position(|(_, text)| text.contains("echo") && !text.contains("close"));
    let told = &told[at.unwrap_or_else(|| panic!("{told:#?}"))..];
    assert!(
        told[1].1.contains("token=[secret]") && told[1].1.contains("wrote"),
        "{told:#?}"
    );
    assert!(
        told[2].0 && told[2].1.contains("is not for you"),
        "{told:#?}"
    );
    assert!(told[3].0 && told[4].0, "{told:#?}");
    assert!(told[5].1.contains("Two blanks, never tabs."), "{told:#?}");
    let looked = told[6].1;
    assert_eq!(
        looked.trim(),
        "looked",
        "no file and no process has the token: {looked}"
    );
    for word in [TOKEN, KEY] {
        assert!(!text.contains(word));
        let left = world.sh(&format!(
            "grep -rl {word} {} || true",
            world.home().display()
        ));
        assert_eq!(left.exits(0).out, "", "{word} is nowhere on the disk");
    }
    let happened: Vec<(&str, &str)> = { lines.iter() }
        .filter(|line| line["type"] == "server")
        .map(|line| {
            (
                line["what"].as_str().expect("a word"),
                line["server"].as_str().expect("a name"),
            )
        })
        .collect();
    assert!(
        happened.contains(&("called", "tickets"))
            && happened.contains(&("refused", "not.nameable")),
        "{happened:?}"
    );
    assert!(
        happened.iter().all(|(_, server)| *server != "other"),
        "{happened:?}"
    );
    world
        .alai(["evidence", "show", "1"])
        .exits(0)
        .says("agent    was lent the server tickets (echo)")
        .says("agent    NOT LENT: not.nameable: agents of others call its tools by its name");
}

#[test]
fn claude_code_asks_its_roles_server_and_has_no_key() {
    asked_and_refused("claude-cli");
}

#[test]
fn codex_asks_its_roles_server_and_has_no_key() {
    asked_and_refused("codex-cli");
}

#[test]
fn an_agent_of_the_protocol_asks_its_roles_server_and_has_no_key() {
    asked_and_refused("acp");
}
