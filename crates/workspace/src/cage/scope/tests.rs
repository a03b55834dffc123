//! What scopes become, in folders that look like clones.

use super::*;

struct Made {
    dir: tempfile::TempDir,
    tracked: Vec<String>,
}

/// A clone with these files, each of the commit.
fn clone(files: &[&str]) -> Made {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(GIT)).unwrap();
    for file in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let tracked = files.iter().map(|file| (*file).to_owned()).collect();
    Made { dir, tracked }
}

/// `rw` and `ro` paths inside, in the order of the mounts, and how far they hold.
fn shown(made: &Made, allowed: &[&str], forbidden: &[&str]) -> (Vec<String>, &'static str) {
    let owned = |globs: &[&str]| globs.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>();
    let (allowed, forbidden) = (owned(allowed), owned(forbidden));
    let scope = Scope {
        allowed: &allowed,
        forbidden: &forbidden,
        tracked: &made.tracked,
    };
    let found = builder_binds(made.dir.path(), Path::new("/repo"), &scope, None).unwrap();
    let line = |bind: &Bind| match bind.access {
        Access::ReadOnly => format!("ro {}", bind.inside.display()),
        Access::ReadWrite => format!("rw {}", bind.inside.display()),
    };
    let mut lines: Vec<String> = found.binds.iter().map(line).collect();
    lines[1..].sort();
    (lines, found.layer)
}

#[test]
fn folders_are_writable_in_a_clone_that_is_not() {
    let made = clone(&["src/a.rs", "src/deep/b.rs", "other/c.rs", "Cargo.toml"]);
    let (lines, layer) = shown(&made, &["src/**", "new/part/**"], &[]);
    assert_eq!(
        lines,
        [
            "ro /repo",
            "rw /repo/.git",
            "rw /repo/new/part",
            "rw /repo/src"
        ]
    );
    assert_eq!(layer, FOLDERS);
    assert!(made.dir.path().join("new/part").is_dir());
    // A name that is a file is replaced through its folder, and one folder holds another.
    let made = clone(&["src/a.rs", "src/deep/b.rs", "other/c.rs"]);
    let (lines, _) = shown(&made, &["src/deep/b.rs", "src/deep/*.rs", "src"], &[]);
    assert_eq!(lines, ["ro /repo", "rw /repo/.git", "rw /repo/src"]);
}

#[test]
fn what_mounts_cannot_say_leaves_the_clone_open_but_for_what_cannot_be_meant() {
    let made = clone(&["src/a.rs", "README.md", "Cargo.toml", "docs/x.md"]);
    let (lines, layer) = shown(&made, &["*.md", "docs/**"], &[]);
    assert_eq!(lines, ["rw /repo", "ro /repo/Cargo.toml", "ro /repo/src"]);
    assert_eq!(layer, PARTLY);
    assert_eq!(shown(&made, &["**/*.md"], &[]).0, ["rw /repo"]);
    assert_eq!(shown(&made, &[], &[]), (vec!["rw /repo".into()], WHOLE));
    let (lines, _) = shown(&made, &["Cargo.toml"], &[]);
    assert_eq!(
        lines,
        [
            "rw /repo",
            "ro /repo/README.md",
            "ro /repo/docs",
            "ro /repo/src"
        ],
        "a file at the top needs the top"
    );
}

#[test]
fn what_is_forbidden_is_read_only_also_where_it_is_not_there_yet() {
    let made = clone(&["src/a.rs", "src/gen/b.rs", ".github/ci.yml"]);
    let forbidden = [
        ".git/**",
        ".alai/**",
        ".github/",
        "src/gen",
        "no/such/**",
        "Makefile",
    ];
    let (lines, layer) = shown(&made, &["**"], &forbidden);
    assert_eq!(
        lines,
        [
            "rw /repo",
            "ro /repo/.alai",
            "ro /repo/.github",
            "ro /repo/src/gen"
        ]
    );
    assert_eq!(layer, PARTLY);
    for name in ["no", "Makefile"] {
        assert!(!made.dir.path().join(name).exists(), "{name}");
    }
    let made = clone(&["src/a.rs", "src/gen/b.rs"]);
    let (lines, _) = shown(&made, &["src/**", "src/gen/b/**"], &["src/gen/**"]);
    assert_eq!(
        lines,
        [
            "ro /repo",
            "ro /repo/src/gen",
            "rw /repo/.git",
            "rw /repo/src"
        ],
        "forbidden wins"
    );
}

#[test]
fn build_folders_are_writable_and_ignoring_a_folder_of_the_commit_opens_nothing() {
    let made = clone(&["src/a.rs", "other/c.rs", "packages/b/index.js"]);
    let ignore =
        "# built\n/target\ndist/\n*.log\n.env\n!keep\nother/\nother\nsrc/../x/\n/packages\n";
    fs::write(made.dir.path().join(".gitignore"), ignore).unwrap();
    for left in ["packages/b/node_modules", "vendor"] {
        fs::create_dir(made.dir.path().join(left)).unwrap();
    }
    assert_eq!(
        shown(&made, &["src/**"], &[]).0,
        [
            "ro /repo",
            "rw /repo/.git",
            "rw /repo/dist",
            "rw /repo/packages/b/node_modules",
            "rw /repo/src",
            "rw /repo/target",
            "rw /repo/vendor",
        ]
    );
}

#[test]
fn links_open_nothing_and_nothing_is_made_behind_them() {
    let made = clone(&["src/a.rs", "other/c.rs"]);
    let outside = tempfile::tempdir().unwrap();
    for (target, link) in [
        (Path::new("other"), "docs"),
        (outside.path(), "out"),
        (Path::new("other"), ".alai"),
    ] {
        std::os::unix::fs::symlink(target, made.dir.path().join(link)).unwrap();
    }
    let (lines, _) = shown(&made, &["docs/**", "out/new/**", "src/**"], &[".alai/**"]);
    assert_eq!(lines, ["ro /repo", "rw /repo/.git", "rw /repo/src"]);
    let (lines, _) = shown(&made, &["*.md"], &[".alai/**"]);
    assert_eq!(lines, ["rw /repo", "ro /repo/other", "ro /repo/src"]);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_pattern_that_is_no_path_of_the_repository_opens_nothing() {
    let made = clone(&["src/a.rs"]);
    for glob in ["../alai-out/**", "/etc/**", "src/../../alai-out", ""] {
        assert_eq!(
            shown(&made, &[glob], &[]).0,
            ["ro /repo", "rw /repo/.git"],
            "{glob:?}"
        );
    }
    assert!(!made.dir.path().parent().unwrap().join("alai-out").exists());
}

#[test]
fn a_part_of_a_glob_meets_names_as_a_shell_would() {
    for (part, name, yes) in [
        ("*.md", "README.md", true),
        ("*.md", "README", false),
        ("LICENSE*", "LICENSE", true),
        ("?x", "ax", true),
        ("?x", "x", false),
        ("**", "any", true),
        ("src", "src2", false),
        ("{a,b}", "c", true),
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-b-b-d", false),
        ("*?é", "aé", true),
        ("*?é", "é", false),
    ] {
        assert_eq!(may_match(part, name), yes, "{part} {name}");
    }
}

/// With a way back for each `*` this ends after no lifetime of a machine.
#[test]
fn a_glob_of_many_stars_is_judged_at_once() {
    let (part, name) = ("*a".repeat(100) + "*b", "a".repeat(NAME_BYTES_MAX));
    assert!(!may_match(&part, &name));
    assert!(may_match(&part, &format!("{name}b")));
}

#[test]
fn ignored_folders_that_cannot_be_made_stop_nobody() {
    let made = clone(&["src/a.rs"]);
    let long = "d".repeat(NAME_BYTES_MAX + 1);
    let deep = format!("{}/", "deep".repeat(50)).repeat(30);
    // A folder on whose way stands what the daemon did not make and git does not see.
    std::os::unix::fs::symlink("/nowhere", made.dir.path().join("gone")).unwrap();
    let ignore = format!("{long}/\n/{deep}\nwith\0nul/\n\u{1b}[2J/\ngone/cache/\n/target\n");
    fs::write(made.dir.path().join(".gitignore"), ignore).unwrap();
    let wanted = [
        "ro /repo",
        "rw /repo/.git",
        "rw /repo/src",
        "rw /repo/target",
    ];
    assert_eq!(shown(&made, &["src/**"], &[]).0, wanted);
    let beyond = format!("{long}/**");
    let globs = ["src/**", beyond.as_str(), "with\0nul/**", deep.as_str()];
    assert_eq!(shown(&made, &globs, &[]).0, wanted, "nor do such globs");
    assert_eq!(shown(&made, &["src/**"], &globs[1..]).0, wanted);
}

#[test]
fn the_place_of_a_submodule_is_not_what_a_set_up_left() {
    let mut made = clone(&["src/a.rs", "vendor/x.c"]);
    for place in ["vendor/lib", "sub"] {
        fs::create_dir_all(made.dir.path().join(place).join("inner")).unwrap();
        made.tracked.push(place.to_owned());
    }
    fs::create_dir(made.dir.path().join("vendor/cache")).unwrap();
    assert_eq!(
        shown(&made, &["src/**"], &[]).0,
        [
            "ro /repo",
            "rw /repo/.git",
            "rw /repo/src",
            "rw /repo/vendor/cache"
        ]
    );
}

/// What is guessed of an empty clone, as `shown` tells it.
fn ahead(tracked: &[&str], allowed: &[&str], forbidden: &[&str]) -> Option<Vec<String>> {
    let owned = |globs: &[&str]| globs.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>();
    let (allowed, forbidden, tracked) = (owned(allowed), owned(forbidden), owned(tracked));
    let scope = Scope {
        allowed: &allowed,
        forbidden: &forbidden,
        tracked: &tracked,
    };
    let dir = tempfile::tempdir().unwrap();
    let guessed = binds_ahead(dir.path(), Path::new("/repo"), &scope, None).unwrap()?;
    for file in &tracked {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let filled = builder_binds(dir.path(), Path::new("/repo"), &scope, None).unwrap();
    assert_eq!(guessed, filled, "the guess is what becomes of it");
    let inside = guessed
        .binds
        .iter()
        .map(|bind| bind.inside.display().to_string());
    Some(inside.collect())
}

#[test]
fn what_a_commit_alone_decides_is_known_before_it_is_checked_out() {
    let shut = [".git/**", ".alai/**", ".github/**", "infra/prod/**"];
    let made = |tracked: &[&str]| ahead(tracked, &["**"], &shut).unwrap();
    assert_eq!(made(&["a"]), ["/repo", "/repo/.alai", "/repo/.github"]);
    let tracked = [
        ".github/workflows/ci.yml",
        "infra/dev/x",
        "infra/prod/deep/y",
    ];
    assert_eq!(
        made(&tracked),
        ["/repo", "/repo/.alai", "/repo/.github", "/repo/infra/prod"]
    );
    assert_eq!(made(&["infra/dev/x"]).len(), 4, "it is made");
    assert_eq!(ahead(&["a"], &[], &[]).unwrap(), ["/repo"]);
}

#[test]
fn where_files_or_a_set_up_decide_nothing_is_guessed() {
    // A file, which a checkout writes anew, and a link or a submodule, which look like one in the list.
    assert_eq!(ahead(&["secret"], &["**"], &["secret"]), None);
    assert_eq!(ahead(&[".github"], &["**"], &[".github/**"]), None);
    assert_eq!(ahead(&["infra"], &["**"], &["infra/prod/**"]), None);
    // Folders of the scope, and what lies beside them at the top.
    assert_eq!(ahead(&["src/a"], &["src/**"], &[]), None);
    assert_eq!(ahead(&["a.md", "b.rs"], &["*.md"], &[]), None);
}
