//! Commits of the factory's own, signed with the key that a person has configured.

use std::path::{Path, PathBuf};
use std::process::Command;

use alai_workspace::git::{self, CommitText, Identity, Merged};

use crate::world::World;

/// A key without a passphrase in the home folder of a person who signs with it. Answers with the file of who may sign.
fn person(world: &World) -> (PathBuf, PathBuf) {
    let home = world.beside("person");
    std::fs::create_dir_all(&home).expect("a folder");
    let key = home.join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f"])
        .arg(&key)
        .output()
        .expect("ssh-keygen starts");
    assert!(made.status.success(), "{made:?}");
    let public = std::fs::read_to_string(home.join("key.pub")).expect("a public key");
    let allowed = home.join("allowed");
    std::fs::write(&allowed, format!("ada@example.org {public}")).expect("written");
    configure(
        &home,
        "[commit]\n\tgpgSign = true\n[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = ~/key\n",
    );
    (home, allowed)
}

fn configure(home: &Path, text: &str) {
    std::fs::write(home.join(".gitconfig"), text).expect("written");
}

/// Two commits that can be merged, on `main` and on `other`.
fn forked(world: &World) -> (git::Oid, git::Oid) {
    world.git(&["checkout", "--quiet", "-b", "other"]);
    world.commit(&[("a", "1\n")], "theirs");
    world.git(&["checkout", "--quiet", "main"]);
    world.commit(&[("b", "2\n")], "ours");
    (world.tip("main"), world.tip("other"))
}

fn text() -> CommitText {
    let ada = Identity::new("Ada", "ada@example.org").expect("an identity");
    CommitText {
        message: "Merge it\n".into(),
        author: ada.clone(),
        committer: ada,
        when_ms: 1_700_000_000_000,
    }
}

#[test]
fn a_merge_is_signed_with_the_persons_key_and_is_the_same_each_time() {
    let world = World::new();
    let (home, allowed) = person(&world);
    let (ours, theirs) = forked(&world);
    let repo = world.repo().signed_as_in(&home);
    let merge = || git::merge(&repo, &ours, &theirs, &text()).expect("merged");
    let Merged::Commit(commit) = merge() else {
        panic!("a merge commit")
    };
    assert_eq!(
        merge(),
        Merged::Commit(commit.clone()),
        "a retry makes the same commit"
    );
    let allowed = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    world.git(&["-c", &allowed, "verify-commit", commit.as_str()]);
    let plain = git::merge(&world.repo(), &ours, &theirs, &text()).expect("merged");
    assert_ne!(plain, Merged::Commit(commit), "nobody signs unasked");
}

#[test]
fn a_program_that_a_configuration_names_never_signs() {
    let world = World::new();
    let evil = world.beside("evil.sh");
    let touched = world.beside("touched");
    std::fs::write(
        &evil,
        format!("#!/bin/sh\ntouch '{}'\nexit 1\n", touched.display()),
    )
    .expect("written");
    let (home, _) = person(&world);
    world.git(&["config", "gpg.ssh.program", &evil.display().to_string()]);
    world.git(&["config", "gpg.program", &evil.display().to_string()]);
    world.git(&[
        "config",
        "gpg.ssh.defaultKeyCommand",
        &evil.display().to_string(),
    ]);
    let (ours, theirs) = forked(&world);
    let repo = world.repo().signed_as_in(&home);
    let merged = git::merge(&repo, &ours, &theirs, &text()).expect("merged");
    assert!(matches!(merged, Merged::Commit(_)), "{merged:?}");
    assert!(!touched.exists());
}

#[test]
fn what_cannot_be_signed_as_configured_is_not_made_unsigned() {
    let world = World::new();
    let (ours, theirs) = forked(&world);
    for (config, says) in [
        (
            "[commit]\n\tgpgSign = true\n[gpg]\n\tformat = x509\n",
            "gpg.format is `x509`",
        ),
        (
            "[commit]\n\tgpgSign = true\n[gpg]\n\tformat = ssh\n",
            "user.signingKey names no key",
        ),
        (
            "[commit]\n\tgpgSign = true\n[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = ~/gone\n",
            "commit-tree",
        ),
    ] {
        let home = world.beside("person");
        std::fs::create_dir_all(&home).expect("a folder");
        configure(&home, config);
        let repo = world.repo().signed_as_in(&home);
        let refused = git::merge(&repo, &ours, &theirs, &text()).expect_err(config);
        assert!(refused.to_string().contains(says), "{refused}");
    }
}
