//! Reading what changed, and merging without a work tree.

use alai_workspace::git::{self, ChangeStatus, CommitText, GitError, Merged, Oid};

use crate::world::{World, agent};

fn text(message: &str) -> CommitText {
    CommitText {
        message: message.to_owned(),
        author: agent(),
        committer: agent(),
        when_ms: 1_700_000_000_999,
    }
}

/// Two branches from one base, with a file each.
fn forked(ours: (&str, &str), theirs: (&str, &str)) -> (World, Oid, Oid) {
    let world = World::new();
    world.git(&["branch", "theirs"]);
    let ours = world.commit(&[ours], "ours");
    world.git(&["checkout", "--quiet", "theirs"]);
    let theirs = world.commit(&[theirs], "theirs");
    world.git(&["checkout", "--quiet", "main"]);
    (world, ours, theirs)
}

#[test]
fn a_diff_lists_each_kind_of_change() {
    let world = World::new();
    let body: String = (0..40).map(|line| format!("line {line}\n")).collect();
    let base = world.commit(
        &[
            ("gone", "x\n"),
            ("mode", "x\n"),
            ("was", &body),
            ("kind", "x\n"),
            ("data", "a"),
        ],
        "base",
    );
    std::fs::remove_file(world.root.join("gone")).expect("removed");
    std::fs::rename(world.root.join("was"), world.root.join("is now")).expect("moved");
    std::fs::remove_file(world.root.join("kind")).expect("removed");
    std::os::unix::fs::symlink("mode", world.root.join("kind")).expect("linked");
    world.git(&["update-index", "--chmod=+x", "mode"]);
    std::fs::set_permissions(
        world.root.join("mode"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("set");
    // A change that tries to hide itself by attributes.
    let head = world.commit(
        &[
            (".gitattributes", "* -diff binary\n"),
            ("new\tname", "1\n2\n"),
            ("data", "a\0b"),
        ],
        "head",
    );
    let diff = git::diff(&world.repo(), &base, &head).expect("compared");
    let of = |path: &str| {
        diff.files
            .iter()
            .find(|file| file.path == path)
            .unwrap_or_else(|| panic!("{path}"))
    };
    assert_eq!(of("gone").status, ChangeStatus::Deleted);
    assert_eq!(
        of("is now").status,
        ChangeStatus::Renamed {
            from: "was".to_owned()
        }
    );
    assert_eq!(
        (of("kind").status.clone(), of("kind").new_mode),
        (ChangeStatus::TypeChanged, 0o120_000)
    );
    assert_eq!(
        (of("mode").old_mode, of("mode").new_mode),
        (0o100_644, 0o100_755)
    );
    assert_eq!(
        (of("new\tname").status.clone(), of("new\tname").added_lines),
        (ChangeStatus::Added, 2)
    );
    assert!(!of("new\tname").binary && of("data").binary);
    assert!(
        diff.patch.contains("+2\n") && !diff.truncated,
        "{}",
        diff.patch
    );
    assert_eq!(diff.files.len(), 7);
}

#[test]
fn a_patch_is_bounded_and_says_so_and_the_list_stays_whole() {
    let world = World::new();
    let base = world.tip("HEAD");
    let huge: String = (0..1_200_000).map(|line| format!("{line:08}\n")).collect();
    let head = world.commit(&[("huge", &huge), ("zz", "last\n")], "huge");
    let diff = git::diff(&world.repo(), &base, &head).expect("compared");
    assert!(diff.truncated && diff.patch.len() <= git::PATCH_BYTES_MAX);
    assert_eq!(
        diff.files
            .iter()
            .map(|file| file.added_lines)
            .collect::<Vec<_>>(),
        [1_200_000, 1]
    );
}

#[test]
fn a_changed_path_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let world = World::new();
    let base = world.tip("HEAD");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::write(world.root.join(name), "x").expect("written");
    let head = world.commit(&[], "odd");
    assert!(matches!(
        git::diff(&world.repo(), &base, &head),
        Err(GitError::PathNotUtf8 { .. })
    ));
}

#[test]
fn every_commit_is_listed_and_shows_what_was_added_and_removed_again() {
    let world = World::new();
    let base = world.tip("HEAD");
    world.commit(&[("key", "not-a-real-secret\n")], "add | odd\tsubject");
    std::fs::remove_file(world.root.join("key")).expect("removed");
    let head = world.commit(&[("blob", "\0binary-secret")], "remove");
    let repo = world.repo();
    let commits = git::commits(&repo, &base, &head).expect("listed");
    assert_eq!(
        commits
            .iter()
            .map(|line| line.subject.as_str())
            .collect::<Vec<_>>(),
        ["remove", "add | odd\tsubject"]
    );
    assert_eq!(commits[0].author, "User <user@example.org>");
    let patches: Vec<String> = commits
        .iter()
        .map(|line| git::commit_patch(&repo, &line.oid).expect("shown").text)
        .collect();
    assert!(
        patches[1].contains("+not-a-real-secret") && patches[1].contains("odd\tsubject"),
        "{}",
        patches[1]
    );
    assert!(
        patches[0].contains("binary-secret"),
        "binary content is shown to scanners too"
    );
    assert!(
        git::commits(&repo, &head, &head)
            .expect("listed")
            .is_empty()
    );
    let root = git::commit_patch(&repo, &base).expect("shown");
    assert!(
        root.text.contains("+pub fn one() {}"),
        "the first commit of a repository is shown too"
    );
}

#[test]
fn a_merge_commit_shows_what_only_it_brought() {
    let (world, _, theirs) = forked(("a", "1\n"), ("b", "1\n"));
    world.git(&["merge", "--quiet", "--no-commit", theirs.as_str()]);
    let merged = world.commit(&[("evil", "only-in-the-merge\n")], "merge");
    let patch = git::commit_patch(&world.repo(), &merged).expect("shown");
    assert!(patch.text.contains("+only-in-the-merge"), "{}", patch.text);
}

#[test]
fn files_are_read_without_a_checkout_and_links_are_not_followed() {
    let world = World::new();
    std::os::unix::fs::symlink("/etc/passwd", world.root.join("link")).expect("linked");
    let head = world.commit(&[("a dir/b", "text")], "second");
    let repo = world.repo();
    let paths: Vec<String> = git::tree(&repo, &head)
        .expect("listed")
        .iter()
        .map(|entry| entry.path.clone())
        .collect();
    assert_eq!(paths, ["README.md", "a dir/b", "link", "src/lib.rs"]);
    assert_eq!(
        git::blob(&repo, &head, "a dir/b", 4).expect("read"),
        Some(b"text".to_vec())
    );
    assert!(matches!(
        git::blob(&repo, &head, "a dir/b", 3),
        Err(GitError::TooLarge { .. })
    ));
    for none in [
        "link",
        "a dir",
        "missing",
        "",
        "/etc/passwd",
        "../x",
        "a dir/../README.md",
        "a dir//b",
        "*.md",
    ] {
        assert_eq!(
            git::blob(&repo, &head, none, 100).expect("looked"),
            None,
            "{none}"
        );
    }
}

#[test]
fn revisions_are_resolved_to_commits_and_nothing_else() {
    let world = World::new();
    world.git(&["tag", "-a", "v1", "-m", "one"]);
    let (repo, head) = (world.repo(), world.tip("HEAD"));
    for rev in [
        "HEAD",
        "main",
        "refs/heads/main",
        "v1",
        head.as_str(),
        head.short(),
    ] {
        assert_eq!(
            git::resolve(&repo, rev).expect("looked"),
            Some(head.clone()),
            "{rev}"
        );
    }
    for rev in [
        "",
        "nothing",
        "--all",
        "-h",
        "HEAD:README.md",
        "main\nmain",
        "refs/heads/../../etc",
    ] {
        assert_eq!(git::resolve(&repo, rev).expect("looked"), None, "{rev}");
    }
}

#[test]
fn a_clean_merge_is_one_commit_of_both_and_the_same_each_time() {
    let (world, ours, theirs) = forked(("a", "1\n"), ("b", "2\n"));
    let before = world.snapshot();
    let repo = world.repo();
    let Merged::Commit(first) =
        git::merge(&repo, &ours, &theirs, &text("Merge it\n\nTask: #1")).expect("merged")
    else {
        panic!("a merge commit")
    };
    let Merged::Commit(again) =
        git::merge(&repo, &ours, &theirs, &text("Merge it\n\nTask: #1")).expect("merged")
    else {
        panic!("a merge commit")
    };
    assert_eq!(first, again);
    let Merged::Commit(other) =
        git::merge(&repo, &ours, &theirs, &text("Another")).expect("merged")
    else {
        panic!("a merge commit")
    };
    assert_ne!(first, other);
    assert_eq!(
        world
            .git(&["log", "-1", "--format=%P|%an|%at|%B", first.as_str()])
            .trim(),
        format!("{ours} {theirs}|Ada \"the\" Agent|1700000000|Merge it\n\nTask: #1")
    );
    assert_eq!(
        git::blob(&repo, &first, "a", 9).expect("read"),
        Some(b"1\n".to_vec())
    );
    assert_eq!(
        git::blob(&repo, &first, "b", 9).expect("read"),
        Some(b"2\n".to_vec())
    );
    assert!(git::is_ancestor(&repo, &ours, &first).expect("asked"));
    assert_eq!(
        git::merge_base(&repo, &ours, &theirs).expect("asked"),
        Some(world.tip("main~1"))
    );
    assert_eq!(world.snapshot(), before, "no work tree is touched");
    assert_eq!(
        git::merge(&repo, &first, &theirs, &text("x")).expect("merged"),
        Merged::AlreadyMerged(first.clone())
    );
    assert_eq!(
        git::merge(&repo, &ours, &first, &text("x")).expect("merged"),
        Merged::FastForward(first.clone())
    );
    // What is to have a commit of its own has it, with the tree of what is ahead.
    let Merged::Commit(apart) =
        git::merge_apart(&repo, &ours, &first, &text("Bring it in")).expect("merged")
    else {
        panic!("a commit")
    };
    assert_eq!(
        world
            .git(&["log", "-1", "--format=%P|%T|%B", apart.as_str()])
            .trim(),
        format!(
            "{ours} {first}|{}|Bring it in",
            world
                .git(&["rev-parse", &format!("{first}^{{tree}}")])
                .trim()
        )
    );
    assert_eq!(
        git::merge_apart(&repo, &first, &ours, &text("x")).expect("merged"),
        Merged::AlreadyMerged(first)
    );
}

#[test]
fn a_conflict_names_its_paths_and_makes_nothing() {
    let (world, ours, theirs) = forked(("README.md", "ours\n"), ("README.md", "theirs\n"));
    let merged = git::merge(&world.repo(), &ours, &theirs, &text("x")).expect("tried");
    assert_eq!(merged, Merged::Conflict(vec!["README.md".to_owned()]));
    assert_eq!(world.git(&["rev-parse", "main"]).trim(), ours.as_str());
}

#[test]
fn unrelated_histories_are_not_merged() {
    let world = World::new();
    let ours = world.tip("HEAD");
    world.git(&["checkout", "--quiet", "--orphan", "other"]);
    let theirs = world.commit(&[("x", "1")], "orphan");
    assert_eq!(
        git::merge_base(&world.repo(), &ours, &theirs).expect("asked"),
        None
    );
    assert!(matches!(
        git::merge(&world.repo(), &ours, &theirs, &text("x")),
        Err(GitError::Unrelated { .. })
    ));
}

#[test]
fn the_users_own_merge_settings_do_not_change_the_result() {
    let (world, ours, theirs) = forked(("a", "1\n"), ("b", "2\n"));
    let plain = git::merge(&world.repo(), &ours, &theirs, &text("x")).expect("merged");
    for (key, value) in [
        ("merge.renames", "false"),
        ("i18n.commitEncoding", "ISO-8859-1"),
        ("user.name", "Other"),
    ] {
        world.git(&["config", key, value]);
    }
    assert_eq!(
        git::merge(&world.repo(), &ours, &theirs, &text("x")).expect("merged"),
        plain
    );
}
