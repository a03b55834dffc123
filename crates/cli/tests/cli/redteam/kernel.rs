//! What an agent's programs try against the machine, and a set-up's against its proxy.

use std::fs;

use serde_json::{Value, json};

use super::agent::{Record, asks, hostile, last_record, shell};
use super::cases::{case, writes_through_links};
use super::place::{CANARY, Place};
use super::{alai_as, give, sealed, users, was_denied, works_unprotected};
use crate::script::{TITLE, small, solution, write};
use crate::world::{World, run};

/// What the controls of some cases leave for whoever looks: it is what the look would show of the attack.
const TARGETS: [(&str, &str); 6] = [
    ("11", "/file"),
    ("11", "/moved"),
    ("11", "/planted"),
    ("14", "agent.sock"),
    ("15", "/mode"),
    ("16", "docker.sock"),
];

/// Looks whether the process in the background still swaps, and clears up.
const AFTERWARDS: &str = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'while :; d[o]' | sed 's/^/alive /'\n\
                          sed 's/^/target /' ~/target; rm -rf lib/s lib/away; rmdir lib 2>/dev/null; true";

#[test]
fn what_an_agent_s_programs_try_against_the_machine_is_denied() {
    let tries = ["11", "13", "14", "15", "16", "17", "18", "19"].map(case);
    let swap = case("12");
    let control = World::with_home();
    for case in tries.into_iter().chain([swap]) {
        let twin = Place::twin(&control);
        works_unprotected(case, &control, &twin);
        let touched = twin.touched();
        let seen = |name: &str| touched.iter().any(|path| path.ends_with(name));
        let targets = TARGETS.iter().filter(|(number, _)| *number == case.number);
        targets.for_each(|(number, name)| assert!(seen(name), "{number} {name}: {touched:?}"));
    }

    for user in users() {
        let world = World::with_project("auto");
        let mut place = Place::beside(&world);
        let mut calls: Vec<Value> = tries.iter().map(|case| case.call(&place)).collect();
        calls.push(swap.call(&place));
        calls.extend(writes_through_links());
        calls.push(shell("afterwards", AFTERWARDS));
        let twin = hostile(vec![calls, solution(TITLE)]);
        asks(&world, &twin);
        if let Some(user) = user {
            give(&world, &mut place, user);
        }
        let agent = place.out().join("agent.sock");
        let secrets = [
            ("RED_SECRET", CANARY),
            ("SSH_AUTH_SOCK", agent.to_str().expect("UTF-8")),
        ];
        alai_as(
            &world,
            user,
            &["start", "Count letters", "--project", "tiny", "--wait"],
            &secrets,
        )
        .exits(0);
        let record = last_record(&world, 3);
        for case in tries.into_iter().chain([swap]) {
            was_denied(case, record.of_case(case.number));
        }
        place.is_untouched();
        nothing_was_written_through_a_link(&record);
        assert_eq!(world.titles("main"), [TITLE, "Import"]);
        let told = fs::read_to_string(&record.path).expect("there");
        assert!(!told.contains(CANARY), "no secret was read");
        sealed(&world, 3, &record);
    }
}

fn nothing_was_written_through_a_link(record: &Record) {
    let after = record.of_case("afterwards");
    assert!(
        after.contains("alive 0") && after.contains("target mine"),
        "{after}"
    );
    let said = record.answer_to("\"lib/away/target\"");
    assert!(
        said.starts_with("Refused: lib/away/target is outside"),
        "{said}"
    );
}

/// By its name alone: nothing has to be opened to know that it is no path of the task.
#[test]
fn who_writes_above_the_clone_again_and_again_is_ended() {
    let world = World::with_project("auto");
    let place = Place::beside(&world);
    let mut calls = small("more");
    for path in [
        "../home/agent/target",
        "/home/agent/target",
        ".git/hooks/pre-commit",
    ] {
        calls.push(write(path, "written\n"));
    }
    let twin = hostile(vec![calls]);
    asks(&world, &twin);
    world
        .alai(["minion", "run", "More", "--project", "tiny"])
        .exits(5);
    let record = last_record(&world, 1);
    place.is_untouched();
    let failed = world.failed_checks(1);
    assert!(
        failed
            .iter()
            .any(|(_, seen)| seen.contains("scope_violation")),
        "{failed:?}"
    );
    let told = fs::read_to_string(&record.path).expect("there");
    assert!(told.contains("\"status\":\"scope_violation\""), "{told}");
    sealed(&world, 1, &record);
}

/// The set-up's own output, left where the agent finds it.
const SETUP: &str = "sh setup.sh > ~/attempts 2>&1; true";

#[test]
fn a_set_up_reaches_nothing_that_it_may_not() {
    let case = case("20");
    let control = World::with_home();
    works_unprotected(case, &control, &Place::twin(&control));

    let world = World::with_project("auto");
    let place = Place::beside(&world);
    fs::write(world.repo().join("setup.sh"), place.aimed(&case.script())).expect("written");
    world.git(&["add", "--all"]);
    world.git(&["commit", "--quiet", "-m", "Set up"]);
    let mut set = vec![
        "project",
        "set",
        "tiny",
        "--setup",
        SETUP,
        "--setup-input",
        "setup.sh",
    ];
    for host in ["rebind.example", "metadata.google.internal"] {
        set.extend(["--setup-host", host]);
    }
    world.alai(set).exits(0);
    let mut calls = vec![shell("20", "cat ~/attempts")];
    calls.extend(small("more"));
    let twin = hostile(vec![calls]);
    asks(&world, &twin);
    let args = ["minion", "run", "More", "--project", "tiny"];
    // Where we may, with a name that leads to us, as a stranger's name server would say it.
    run(with_names(&world, &place, &args)).exits(0);
    let record = last_record(&world, 1);
    let said = record.of_case("20");
    was_denied(case, said);
    place.is_untouched();
    if is_root() {
        for why in [
            "metadata.google.internal is at 169.254.169.254",
            "rebind.example is at 127.0.0.1, which is this machine",
        ] {
            assert!(said.contains(why), "{said}");
        }
    }
    let known = json!(["rebind.example", "metadata.google.internal"]);
    assert_eq!(
        world.json(["project", "show", "tiny", "--json"])["settings"]["setup_hosts"],
        known
    );
}

fn is_root() -> bool {
    alai_workspace::cage::agent_ids().is_some()
}

/// The binary, with names of its own where we are root: a mount space is enough, and the cages need the rights of the real one.
fn with_names(world: &World, place: &Place, args: &[&str]) -> std::process::Command {
    let names = place.out().join("hosts");
    if !is_root() {
        return world.command(args);
    }
    let mut command = world.program("unshare");
    let script = format!(
        "mount --bind {} /etc/hosts && exec \"$ALAI\" \"$@\"",
        names.display()
    );
    command
        .args(["--mount", "--", "sh", "-c", &script, "alai"])
        .args(args);
    command
}
