//! Servers that use up what they can, each in a cage as the factory starts them: it is ended, its agent is told by what, and its run goes
//! on.

use std::os::fd::OwnedFd;
use std::path::Path;

use alai_fleet::Profile;
use alai_minion::mcp::{Patience, Servers, Started};
use alai_testkit::agent::{Act, Script as Twin};
use alai_workspace::cage::{self, Access, Limits};
use alai_workspace::guest::{self, Found};
use serde_json::json;

use crate::cage::{give, spec};
use crate::mcp::{ask, offer};
use crate::world::{Ran, Script, World, agent, calls, done, fix};

const MIB: u64 = 1 << 20;
/// What is left to a server here: little, so that a bomb costs the machine little. It is the run's own, where that is less than a server's.
const MEMORY: u64 = 192 * MIB;
const PROCESSES: u64 = 96;
const OUTPUT_S: u64 = 30;

/// Starts the twin in its cage.
fn start(program: &Path, repo: &Path, home: &Path) -> Result<Started, String> {
    std::fs::create_dir_all(home).expect("a folder of ours");
    give(home, cage::agent_ids());
    let mut run = spec(repo.to_path_buf(), Access::ReadOnly);
    run.limits = Limits {
        memory_bytes: MEMORY,
        processes_max: PROCESSES,
        ..run.limits
    };
    let found = guest::find(
        program.to_str().expect("a plain path"),
        "",
        &alai_workspace::toolchains::toolchains(&std::env::vars().collect()),
    );
    let found: Found = found.expect("a program of ours");
    let server = guest::Server {
        name: "bomb",
        found: &found,
        args: &[],
        env: &[],
        hosts: &[],
        home,
    };
    let mut running = guest::serve(&run, &server).map_err(|e| e.to_string())?;
    Ok(Started {
        stdin: OwnedFd::from(running.caged.stdin.take().expect("piped")),
        stdout: OwnedFd::from(running.caged.stdout.take().expect("piped")),
        stderr: OwnedFd::from(running.caged.stderr.take().expect("piped")),
        secrets: Vec::new(),
        layers: running.layers.clone(),
        end: Box::new(move || {
            let ended = running.caged.kill().and_then(|()| running.caged.wait());
            ended.map_or_else(|e| e.to_string(), |exit| exit.to_string())
        }),
    })
}

/// A run whose agent calls the bomb, and works on; what it was told.
fn exploded(bomb: Act, call_s: u64) -> (Ran, String) {
    cage::set_launcher(env!("CARGO_BIN_EXE_hand_probe").into());
    let mut world = World::new();
    let bin = world.dir.path().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let program = Twin::of("mcp", [bomb]).install(&bin, "bomb");
    let mut script = Script::new(vec![
        calls(&[ask("bomb", "echo", json!({"text": "x"}))]),
        calls(&[("read", json!({"path": "answer.txt"})), fix()]),
        calls(&[done()]),
    ]);
    let brief = world.brief(vec![agent(None)]);
    let (repo, home) = (world.repo(), world.dir.path().join("server-home"));
    let start = |_: &str| start(&program, &repo, &home);
    let offers = [offer("bomb", None)];
    let servers = Servers {
        offers: &offers,
        start: &start,
        patience: Patience {
            start_s: 60,
            call_s,
        },
    };
    let ran = world.run_lent(
        &brief,
        &Profile::default(),
        &mut |request| script.answer(request),
        Some(servers),
    );
    assert_eq!(ran.report.status.as_str(), "done", "{:?}", ran.report);
    assert_eq!(world.read("answer.txt"), "42\n");
    let result = ran.kinds("result")[0];
    assert_eq!(result["error"], true, "{result}");
    let told = result["text"].as_str().expect("a text").to_owned();
    (ran, told)
}

/// Why the server ended, as the record has it.
fn ended(ran: &Ran) -> String {
    let ends = ran
        .kinds("server")
        .into_iter()
        .filter(|e| e["what"] == "ended");
    let ends = ends.filter_map(|e| e["detail"].as_str().map(str::to_owned));
    ends.collect::<Vec<_>>().join("\n")
}

/// Whether a process of the machine has this among its words.
fn is_alive(word: &str) -> bool {
    let all = std::fs::read_dir("/proc").expect("processes").flatten();
    all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .any(|line| {
            String::from_utf8_lossy(&line)
                .split('\0')
                .any(|part| part == word)
        })
}

#[test]
fn a_server_that_takes_memory_is_ended_and_the_limit_named() {
    // One alone is refused more by the kernel, and lives; several are within that, and together beyond the server's.
    let hold = "head -c 90m /dev/zero | tail -c 90m | sleep 86393 &";
    let crowd = format!("{hold} {hold} {hold} {hold} wait");
    let (ran, told) = exploded(Act::Run(crowd), 120);
    assert!(told.contains("memory") && told.contains("ended"), "{told}");
    assert!(ended(&ran).contains("memory"), "{}", ended(&ran));
    assert!(!is_alive("86393"), "its children are gone");
}

#[test]
fn a_fork_bomb_of_a_server_starves_itself_and_is_ended_with_all_that_it_started() {
    // The number is nobody else's: by it what lives on would be found.
    let forks = "i=0; while [ $i -lt 500 ]; do sleep 86391 & i=$((i+1)); done; while :; do sleep 86391; done";
    let (ran, told) = exploded(Act::Run(forks.into()), 8);
    assert!(
        told.contains("no answer within 8 s") && told.contains("ended"),
        "{told}"
    );
    assert!(
        ended(&ran).contains("no answer within 8 s"),
        "{}",
        ended(&ran)
    );
    assert!(!is_alive("86391"), "its children are gone");
}

#[test]
fn a_server_without_end_of_output_is_ended_and_its_flood_named() {
    for (flood, says) in [
        (
            Act::Forever(
                "{\"jsonrpc\": \"2.0\", \"method\": \"notifications/message\", \"params\": {}}"
                    .into(),
            ),
            "messages",
        ),
        (Act::Long(6 << 20), "4 MiB"),
    ] {
        let (ran, told) = exploded(flood, OUTPUT_S);
        assert!(told.contains("it wrote") && told.contains(says), "{told}");
        assert!(ended(&ran).contains(says), "{}", ended(&ran));
    }
}
