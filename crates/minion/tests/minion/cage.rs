//! The hand in a real cage, as the factory runs it: another user, no network, nothing of the host.

use std::collections::BTreeMap;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use alai_core::brief::Price;
use alai_core::skills::Shelf;
use alai_fleet::Profile;
use alai_minion::hand::Hand;
use alai_minion::{ExitStatus, Recorder};
use alai_workspace::cage::{self, Access, Bind, CageSpec, Limits, Network};
use alai_workspace::clone::INSIDE_REPO;
use alai_workspace::toolchains::toolchains;
use serde_json::json;

use crate::world::{Script, TEST, World, agent, calls, done, fix};

pub(crate) fn give(path: &Path, ids: Option<(u32, u32)>) {
    let Some((uid, gid)) = ids else { return };
    chown(path, Some(uid), Some(gid)).expect("we are root");
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            give(&entry.expect("an entry").path(), ids);
        }
    }
}

pub(crate) fn spec(repo: PathBuf, access: Access) -> CageSpec {
    let host: BTreeMap<String, String> = std::env::vars().collect();
    let tools = toolchains(&host);
    CageSpec {
        binds: vec![Bind {
            outside: repo,
            inside: INSIDE_REPO.into(),
            access,
        }],
        cwd: INSIDE_REPO.into(),
        env: vec![("LANG".into(), "C.UTF-8".into())],
        network: Network::Loopback,
        limits: Limits::default(),
        uid: cage::agent_ids(),
        toolchains: tools.binds,
        path: tools.path,
    }
}

#[test]
fn a_whole_run_in_a_real_cage() {
    cage::set_launcher(env!("CARGO_BIN_EXE_hand_probe").into());
    let world = World::new();
    give(&world.repo(), cage::agent_ids());
    let argv = ["/alai/launcher".to_owned(), "__hand".to_owned()];
    let mut caged = cage::spawn(&spec(world.repo(), Access::ReadWrite), &argv).expect("a cage");
    let (to_hand, from_hand) = (
        caged.stdin.take().expect("piped"),
        caged.stdout.take().expect("piped"),
    );
    let cancel = world.cancel.clone();
    let mut hand = Hand::start(to_hand, from_hand, caged.layers().to_vec(), &cancel)
        .expect("a hand in a cage");
    let spy = "id -u; ls /root /home 2>&1 | head -3; cat /proc/$PPID/environ 2>&1 | head -c 200; \
               ls /proc/$PPID/fd 2>&1 | head -3; (setsid sleep 1000 >/dev/null 2>&1 &) ; ls /proc | grep -c '^[0-9]'";
    let brief = world.brief(vec![agent(Some(TEST))]);
    let mut script = Script::new(vec![
        calls(&[("run", json!({"command": spy}))]),
        calls(&[(
            "run",
            json!({"command": "ps -e 2>/dev/null | grep -c sleep; pgrep sleep; true"}),
        )]),
        calls(&[("read", json!({"path": "answer.txt"})), fix()]),
        calls(&[done()]),
    ]);
    let mut recorder = Recorder::to(std::io::sink());
    let report = {
        let mut ask = |request: &alai_fleet::ChatRequest| script.answer(request);
        alai_minion::run(
            &brief,
            alai_minion::Means {
                profile: &Profile::default(),
                model: "m",
                price: Price::FREE,
                ask: &mut ask,
                hand: &mut hand,
                recorder: &mut recorder,
                cancel: &cancel,
                passes: &|_, _| false,
                words: &mut Vec::new,
                program: None,
                shelf: &Shelf::default(),
                servers: None,
                ahead: None,
                notes: None,
                delegations: None,
            },
        )
    };
    assert_eq!(report.status, ExitStatus::Done, "{report:?}");
    let spied = &report.commands[0];
    assert!(spied.record.cage.len() >= 3, "{:?}", spied.record.cage);
    assert!(
        spied.record.cage.iter().any(|layer| layer == "seccomp"),
        "{:?}",
        spied.record.cage
    );
    let uid = cage::agent_ids().map_or_else(|| rustix::process::getuid().as_raw(), |ids| ids.0);
    assert!(spied.stdout.starts_with(&format!("{uid}\n")), "{spied:?}");
    assert_eq!(
        spied.stdout.matches("Permission denied").count(),
        2,
        "environ and fd of the hand: {spied:?}"
    );
    let later = &report.commands[1];
    assert!(
        !later.stdout.contains('1'),
        "the daemon of the first command is gone: {later:?}"
    );
    assert_eq!(world.read("answer.txt"), "42\n");
    let head = report.head.expect("committed in the cage");
    let read_as_agent = format!("safe.directory={}", world.repo().display());
    assert!(
        world
            .git(&["-c", &read_as_agent, "cat-file", "-t", &head])
            .contains("commit")
    );
    drop(hand);
    caged.kill().expect("it ends");
}

#[test]
fn a_reviewer_s_cage_takes_no_write() {
    cage::set_launcher(env!("CARGO_BIN_EXE_hand_probe").into());
    let world = World::new();
    give(&world.repo(), cage::agent_ids());
    let argv = ["/alai/launcher".to_owned(), "__hand".to_owned()];
    let mut caged = cage::spawn(&spec(world.repo(), Access::ReadOnly), &argv).expect("a cage");
    let (to_hand, from_hand) = (
        caged.stdin.take().expect("piped"),
        caged.stdout.take().expect("piped"),
    );
    let c = world.cancel.clone();
    let mut hand = Hand::start(to_hand, from_hand, Vec::new(), &c).expect("a hand in a cage");
    assert!(
        hand.read("answer.txt", None, None, &c)
            .expect("readable")
            .contains("41")
    );
    assert!(hand.write("new.txt", "x", false, &c).is_err());
    let (captured, _) = hand
        .run(
            "echo 42 > answer.txt; echo scratch > /tmp/x && cat /tmp/x; git log --oneline",
            &[],
            60,
            &c,
        )
        .expect("a command");
    assert!(
        captured.stdout.starts_with("scratch\n") && captured.stdout.contains("base"),
        "{captured:?}"
    );
    assert_eq!(world.read("answer.txt"), "41\n");
    caged.kill().expect("it ends");
}
