//! Where a promise cannot be kept, nothing is started, and the reason and the fix are told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use alai_workspace::cage::{Access, Bind, Layer, agent_ids};

use crate::world::{INSIDE, LAUNCHER, World, worlds};

/// Asks a fresh process what holds here; the answer is remembered per process.
fn probe(env: &[(&str, &str)]) -> (bool, String) {
    let output = Command::new(LAUNCHER)
        .arg("probe")
        .env_clear()
        .envs(env.iter().copied())
        .output();
    let output = output.unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn a_forced_layer_that_is_missing_is_refused_with_its_fix() {
    let (found, text) = probe(&[("ALAI_CAGE", "bwrap"), ("ALAI_BWRAP", "/nonexistent/bwrap")]);
    assert!(!found, "{text}");
    assert!(
        text.contains("not installed") && text.contains("apt install bubblewrap"),
        "{text}"
    );
}

#[test]
fn without_bwrap_our_own_namespaces_are_used() {
    if std::env::var("ALAI_CAGE_TESTS").as_deref() == Ok("bwrap") {
        return;
    }
    let (found, text) = probe(&[("ALAI_BWRAP", "/nonexistent/bwrap")]);
    assert!(
        found && text.starts_with("own-namespaces landlock:"),
        "{text}"
    );
}

#[test]
fn an_unknown_layer_is_refused() {
    let (found, text) = probe(&[("ALAI_CAGE", "docker")]);
    assert!(
        !found && text.contains("docker") && text.contains("own"),
        "{text}"
    );
}

#[test]
fn a_bwrap_that_does_not_cage_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let script = |body: &str| {
        let path = dir.path().join("bwrap");
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo bubblewrap 9.9.9; exit 0; fi\n{body}\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        probe(&[
            ("ALAI_CAGE", "bwrap"),
            ("ALAI_BWRAP", path.to_str().unwrap()),
        ])
    };
    // It runs nothing and claims success.
    let (found, text) = script("exit 0");
    assert!(!found && text.contains("no cage by bwrap"), "{text}");
    // It runs the launcher, but in no namespaces: everything up to `--` is ignored.
    let body = format!("while [ \"$1\" != -- ]; do shift; done; shift 2; exec {LAUNCHER} \"$@\"");
    let (found, text) = script(&body);
    assert!(!found, "{text}");
    // An honest failure is passed on.
    let (found, text) = script("echo 'bwrap: No permissions to create new namespace' >&2; exit 1");
    assert!(
        !found && text.contains("No permissions") && text.contains("user namespaces"),
        "{text}"
    );
}

#[test]
fn an_old_bwrap_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bwrap");
    fs::write(&path, "#!/bin/sh\necho bubblewrap 0.4.1\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let (found, text) = probe(&[
        ("ALAI_CAGE", "bwrap"),
        ("ALAI_BWRAP", path.to_str().unwrap()),
    ]);
    assert!(!found && text.contains("0.4.1"), "{text}");
}

#[test]
fn root_must_name_another_user() {
    if agent_ids().is_none() {
        return;
    }
    for world in worlds().into_iter().filter(World::is_ourselves) {
        for uid in [None, Some((0, 0)), Some((64_001, 0)), Some((0, 64_001))] {
            let mut spec = world.spec();
            spec.uid = uid;
            let words = [INSIDE.to_owned(), "status".to_owned()];
            let cancel = alai_workspace::command::Cancel::new();
            let result = alai_workspace::cage::run_in(world.layer, &spec, &words, b"", &cancel);
            assert!(result.is_err(), "{uid:?} was accepted");
        }
    }
}

#[test]
fn a_bind_that_is_missing_or_planted_stops_the_run() {
    for world in worlds() {
        let mut spec = world.spec();
        spec.binds.push(Bind {
            outside: world.path("no-such-folder"),
            inside: PathBuf::from("/more"),
            access: Access::ReadOnly,
        });
        let error = world.try_spec(&spec, &[INSIDE, "status"]).unwrap_err();
        assert!(error.contains("no-such-folder"), "{error}");
        std::os::unix::fs::symlink("/etc", world.path("work/planted")).unwrap();
        let mut spec = world.spec();
        spec.binds.push(Bind {
            outside: world.path("work/planted"),
            inside: PathBuf::from("/more"),
            access: Access::ReadOnly,
        });
        let error = world
            .try_spec(&spec, &[INSIDE, "list", "/more"])
            .unwrap_err();
        assert!(error.contains("symbolic link"), "{error}");
    }
}

/// Stands for an agent that swaps a path after it was checked: here `bwrap` itself is told to mount another folder.
#[test]
fn a_bind_that_was_swapped_after_the_check_is_noticed() {
    for world in worlds()
        .into_iter()
        .filter(|world| world.layer == Layer::Bwrap)
    {
        let (from, to) = (world.path("work"), world.path("home"));
        let script = world.path("bwrap");
        let swap = |to: &Path| {
            format!(
                "#!/bin/sh\nfor word in \"$@\"; do\n[ \"$word\" = '{}' ] && word='{}'\nset -- \"$@\" \"$word\"; shift\n\
                 done\nexec /usr/bin/bwrap \"$@\"\n",
                from.display(),
                to.display()
            )
        };
        let run = |to: &Path| {
            fs::write(&script, swap(to)).unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
            let mut command = world.command(&world.spec(), &[INSIDE, "status"]);
            let output = command.env("ALAI_BWRAP", &script).output().unwrap();
            (
                output.status.success(),
                String::from_utf8(output.stdout).unwrap(),
            )
        };
        let (ran, text) = run(&to);
        assert!(!ran && text.contains("swapped"), "{}: {text}", world.name());
        let (ran, text) = run(&from);
        assert!(ran, "the same script without a swap: {text}");
    }
}

#[test]
fn a_launcher_that_is_gone_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("launcher");
    let (found, text) = probe(&[("ALAI_LAUNCHER", missing.to_str().unwrap())]);
    assert!(!found && text.contains("ALAI_LAUNCHER"), "{text}");
    assert!(Path::new(LAUNCHER).exists());
}
