//! The reference servers of the Model Context Protocol, from npm, each in a cage as the factory starts them.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use alai_core::brief::{Price, Role};
use alai_core::mcp::Offer;
use alai_core::skills::Shelf;
use alai_fleet::Profile;
use alai_minion::hand::Hand;
use alai_minion::mcp::{Patience, Servers, Started};
use alai_minion::{Recorder, RunReport};
use alai_workspace::cage::{self, Access};
use alai_workspace::guest::{self, Found};
use alai_workspace::toolchains::toolchains;
use serde_json::{Value, json};

use crate::cage::{give, spec};
use crate::mcp::{ask, list, offer};
use crate::world::{Script, Sink, World, agent, calls, done};

/// Versions are fixed, so that what was seen can be seen again.
const PACKAGES: [&str; 4] = [
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
    "@modelcontextprotocol/server-memory@2026.8.31",
    "@modelcontextprotocol/server-sequential-thinking@2026.8.31",
];

/// Where the servers are, installed once below the build's folder.
fn installed() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("a test is a program");
        let build = test.ancestors().nth(3).expect("a build's folder");
        let folder = build.join("mcp-servers");
        std::fs::create_dir_all(&folder).expect("a folder");
        // Each test is a process of its own.
        let lock = std::fs::File::create(folder.join("lock")).expect("a file of ours");
        lock.lock().expect("others end");
        let wanted = PACKAGES.join("\n");
        let mark = folder.join("installed");
        if std::fs::read_to_string(&mark).is_ok_and(|had| had == wanted) {
            return folder.join("node_modules");
        }
        let npm = Command::new("npm")
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
                "--prefix",
            ])
            .arg(&folder)
            .args(PACKAGES)
            .output()
            .expect("npm is installed");
        let said = String::from_utf8_lossy(&npm.stderr);
        assert!(npm.status.success(), "{said}");
        std::fs::write(mark, wanted).expect("a file of ours");
        folder.join("node_modules")
    })
}

/// A server as a home would have it.
struct Real {
    command: &'static str,
    args: &'static [&'static str],
    env: Vec<(String, String)>,
    secrets: Vec<String>,
}

impl Real {
    fn of(command: &'static str, args: &'static [&'static str]) -> Real {
        Real {
            command,
            args,
            env: Vec::new(),
            secrets: Vec::new(),
        }
    }

    fn program(&self) -> Found {
        let host: BTreeMap<String, String> = std::env::vars().collect();
        let path = installed().join(".bin").join(self.command);
        let path = path.to_str().expect("a plain path");
        guest::find(path, "", &toolchains(&host)).expect("a program that npm has made")
    }

    fn start(&self, repo: PathBuf, access: Access, home: &Path) -> Result<Started, String> {
        std::fs::create_dir_all(home).expect("a folder of ours");
        give(home, cage::agent_ids());
        let found = self.program();
        let args: Vec<String> = self.args.iter().map(|arg| (*arg).to_owned()).collect();
        let server = guest::Server {
            name: self.command,
            found: &found,
            args: &args,
            env: &self.env,
            hosts: &[],
            home,
        };
        let mut running = guest::serve(&spec(repo, access), &server).map_err(|e| e.to_string())?;
        Ok(Started {
            stdin: OwnedFd::from(running.caged.stdin.take().expect("piped")),
            stdout: OwnedFd::from(running.caged.stdout.take().expect("piped")),
            stderr: OwnedFd::from(running.caged.stderr.take().expect("piped")),
            secrets: self.secrets.clone(),
            layers: running.layers.clone(),
            end: Box::new(move || {
                let ended = running.caged.kill().and_then(|()| running.caged.wait());
                ended.map_or_else(|e| e.to_string(), |exit| exit.to_string())
            }),
        })
    }
}

struct Seen {
    world: World,
    report: RunReport,
    /// What the agent read of each call, in order, and whether it was an error.
    told: Vec<(bool, String)>,
    record: String,
}

/// Lets an agent of a role make these calls, everything in real cages.
fn run(real: &Real, role: Role, wishes: &[(&'static str, Value)]) -> Seen {
    cage::set_launcher(env!("CARGO_BIN_EXE_hand_probe").into());
    let world = World::new();
    give(&world.repo(), cage::agent_ids());
    let access = match role {
        Role::Reviewer => Access::ReadOnly,
        Role::Builder | Role::Lead => Access::ReadWrite,
    };
    let argv = ["/alai/launcher".to_owned(), "__hand".to_owned()];
    let mut caged = cage::spawn(&spec(world.repo(), access), &argv).expect("a cage");
    let pipes = (caged.stdin.take(), caged.stdout.take());
    let (to_hand, from_hand) = (pipes.0.expect("piped"), pipes.1.expect("piped"));
    let cancel = world.cancel.clone();
    let mut hand = Hand::start(to_hand, from_hand, Vec::new(), &cancel).expect("a hand");
    let mut brief = world.brief(vec![agent(None)]);
    brief.role = role;
    let mut replies: Vec<_> = wishes
        .iter()
        .map(|wish| calls(std::slice::from_ref(wish)))
        .collect();
    replies.push(calls(&[done()]));
    replies.push(calls(&[done()]));
    let mut script = Script::new(replies);
    let sink = Sink::default();
    let mut recorder = Recorder::to(sink.clone());
    let offers: [Offer; 1] = [offer("real", None)];
    let home = world.dir.path().join("server-home");
    let start = |_: &str| real.start(world.repo(), access, &home);
    let report = alai_minion::run(
        &brief,
        alai_minion::Means {
            profile: &Profile::default(),
            model: "m",
            price: Price::FREE,
            ask: &mut |request| script.answer(request),
            hand: &mut hand,
            recorder: &mut recorder,
            cancel: &cancel,
            passes: &|_, _| false,
            words: &mut Vec::new,
            program: None,
            shelf: &Shelf::default(),
            servers: Some(Servers {
                offers: &offers,
                start: &start,
                patience: Patience::default(),
            }),
            ahead: None,
            notes: None,
            delegations: None,
        },
    );
    drop(hand);
    caged.kill().expect("it ends");
    let record = sink.text();
    let results = record.lines().filter_map(|line| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        (event["type"] == "result").then(|| {
            let text = event["text"].as_str().expect("a text").to_owned();
            (event["error"] == true, text)
        })
    });
    Seen {
        told: results.take(wishes.len()).collect(),
        world,
        report,
        record,
    }
}

#[test]
fn a_reviewers_filesystem_server_reads_and_cannot_write_needs_node_needs_registry() {
    let server = Real::of("mcp-server-filesystem", &["/repo"]);
    let wishes = [
        list("real"),
        ask(
            "real",
            "read_text_file",
            json!({"path": "/repo/answer.txt"}),
        ),
        ask(
            "real",
            "write_file",
            json!({"path": "/repo/answer.txt", "content": "42\n"}),
        ),
        ask(
            "real",
            "write_file",
            json!({"path": "/repo/new.txt", "content": "x"}),
        ),
        ask("real", "create_directory", json!({"path": "/repo/folder"})),
        ask(
            "real",
            "move_file",
            json!({"source": "/repo/answer.txt", "destination": "/repo/b"}),
        ),
    ];
    let seen = run(&server, Role::Reviewer, &wishes);
    let told = &seen.told;
    assert!(!told[0].0 && told[0].1.contains("write_file"), "{told:?}");
    assert!(!told[1].0 && told[1].1.contains("41"), "{told:?}");
    assert!(
        told[2].1.contains("EROFS"),
        "the mount is what refuses: {told:?}"
    );
    for refused in &told[2..] {
        assert!(refused.0, "{refused:?}");
    }
    assert_eq!(seen.world.read("answer.txt"), "41\n");
    assert!(!seen.world.repo().join("new.txt").exists());
    assert!(!seen.world.repo().join("folder").exists());
}

#[test]
fn a_builders_filesystem_server_writes_its_clone_and_nothing_else_needs_node_needs_registry() {
    let server = Real::of("mcp-server-filesystem", &["/"]);
    let outside = tempfile::tempdir().expect("a temp dir");
    let secret = outside.path().join("gate.key");
    std::fs::write(&secret, "the gate's key").expect("a file");
    let secret = secret.to_str().expect("a plain path").to_owned();
    let written = format!("{}/written", outside.path().display());
    let wishes = [
        ask(
            "real",
            "write_file",
            json!({"path": "/repo/answer.txt", "content": "42\n"}),
        ),
        ask(
            "real",
            "write_file",
            json!({"path": "/usr/written", "content": "x"}),
        ),
        ask(
            "real",
            "write_file",
            json!({"path": "/etc/written", "content": "x"}),
        ),
        ask("real", "read_text_file", json!({"path": secret})),
        ask(
            "real",
            "write_file",
            json!({"path": written, "content": "x"}),
        ),
        ask("real", "read_text_file", json!({"path": "/proc/1/environ"})),
    ];
    let seen = run(&server, Role::Builder, &wishes);
    let told = &seen.told;
    assert!(!told[0].0, "{told:?}");
    for refused in &told[1..] {
        assert!(refused.0, "{refused:?}");
    }
    assert!(!Path::new(&written).exists() && !Path::new("/etc/written").exists());
    assert!(!seen.record.contains("the gate's key"));
    assert_eq!(seen.world.read("answer.txt"), "42\n");
    let head = seen
        .report
        .head
        .as_deref()
        .expect("what a server wrote is committed as any change");
    let trusted = format!("safe.directory={}", seen.world.repo().display());
    let show = format!("{head}:answer.txt");
    assert_eq!(seen.world.git(&["-c", &trusted, "show", &show]), "42");
}

#[test]
fn the_server_with_everything_is_listed_called_and_its_secrets_are_not_told_needs_node_needs_registry()
 {
    let mut server = Real::of("mcp-server-everything", &[]);
    let secret = "token-that-nobody-reads-0815";
    server.env = vec![("SERVICE_TOKEN".to_owned(), secret.to_owned())];
    server.secrets = vec![secret.to_owned()];
    let wishes = [
        list("real"),
        ask("real", "echo", json!({"message": "hello"})),
        ask("real", "get-sum", json!({"a": 40, "b": 2})),
        ask("real", "get-env", json!({})),
        ask("real", "get-sum", json!({"a": "no number"})),
        ask("real", "get-tiny-image", json!({})),
    ];
    let seen = run(&server, Role::Builder, &wishes);
    let told = &seen.told;
    assert!(!told[0].0 && told[0].1.contains("get-sum"), "{told:?}");
    assert!(
        told[1].1.contains("hello") && told[2].1.contains("42"),
        "{told:?}"
    );
    assert!(
        told[3].1.contains("SERVICE_TOKEN") && told[3].1.contains("[secret]"),
        "{told:?}"
    );
    assert!(told[4].0, "{told:?}");
    assert!(told[5].1.contains("[image image/png"), "{told:?}");
    assert!(!seen.record.contains(secret));
}

#[test]
fn the_servers_of_memory_and_thinking_work_needs_node_needs_registry() {
    let mut memory = Real::of("mcp-server-memory", &[]);
    let file = format!("{}/memory.jsonl", guest::INSIDE_CONFIG);
    memory.env = vec![("MEMORY_FILE_PATH".to_owned(), file)];
    let entity = json!({"entities": [{"name": "answer", "entityType": "number", "observations": ["it is 42"]}]});
    let wishes = [
        ask("real", "create_entities", entity),
        ask("real", "search_nodes", json!({"query": "answer"})),
    ];
    let seen = run(&memory, Role::Builder, &wishes);
    assert!(!seen.told[0].0, "{:?}", seen.told);
    assert!(seen.told[1].1.contains("it is 42"), "{:?}", seen.told);

    let thinking = Real::of("mcp-server-sequential-thinking", &[]);
    let thought = json!({"thought": "One.", "nextThoughtNeeded": false, "thoughtNumber": 1, "totalThoughts": 1});
    let seen = run(
        &thinking,
        Role::Reviewer,
        &[ask("real", "sequentialthinking", thought)],
    );
    assert!(
        !seen.told[0].0 && seen.told[0].1.contains("thoughtNumber"),
        "{:?}",
        seen.told
    );
}
