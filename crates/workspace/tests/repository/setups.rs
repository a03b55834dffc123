//! Set-ups: made once per lockfile, killed without harm, installed as copies, and really fetching through the proxy.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use alai_core::record::Captured;
use alai_workspace::cage::{self, Access, Bind, CageSpec, Limits, Network};
use alai_workspace::clone::{INSIDE_HOME, INSIDE_REPO, checkout_fresh};
use alai_workspace::command::Cancel;
use alai_workspace::git::Oid;
use alai_workspace::setup::{
    Prepared, SetupError, SetupPlan, absorb, absorb_home, install_into, prepare, prune, run_env,
};

use crate::world::{World, git_in, host_env, in_clone, ok, tools, with_cage};

/// A set-up without a network: it leaves something in the tree, beside tracked files, and in the home folder.
const OFFLINE: &str = "mkdir -p node_modules/a web/node_modules && echo one > node_modules/a/index.js \
    && echo two > web/node_modules/b && ln -s /etc/passwd node_modules/link && mkdir -p \"$HOME/.cache\" \
    && echo three > \"$HOME/.cache/c\" && echo changed >> README.md && date +%N%s > node_modules/when && echo done";

fn world() -> (World, Oid) {
    with_cage();
    let world = World::new();
    let oid = world.commit(
        &[("package-lock.json", "{}\n"), ("web/package.json", "{}\n")],
        "project",
    );
    (world, oid)
}

fn plan(command: &str) -> SetupPlan {
    SetupPlan::new(Some(command.to_owned()), host_env())
}

fn prepared(world: &World, oid: &Oid, plan: &SetupPlan) -> Result<Prepared, SetupError> {
    prepare(
        &world.repo(),
        oid,
        plan,
        &world.beside("cache"),
        &Cancel::new(),
    )
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_set_up_is_made_once_and_found_again() {
    let (world, oid) = world();
    let before = world.snapshot();
    let first = prepared(&world, &oid, &plan(OFFLINE)).expect("made");
    let record = first.record.clone().expect("it ran");
    assert!(record.success() && record.stdout.ends_with("done\n"));
    assert!(!record.record.cage.is_empty(), "it ran in a cage");
    assert_eq!(first.extras, ["node_modules", "web/node_modules"]);
    assert_eq!(read(first.home.join(".cache/c")), "three\n");
    assert!(
        !first.tree.join("README.md").exists(),
        "tracked files are not part of it"
    );
    let again = prepared(&world, &oid, &plan(OFFLINE)).expect("found");
    assert_eq!(
        again,
        Prepared {
            record: None,
            ..first
        }
    );
    assert_eq!(world.snapshot(), before);
}

#[test]
fn the_key_follows_lockfiles_command_and_inputs_and_nothing_else() {
    let (world, oid) = world();
    let mut plan = plan("true");
    plan.inputs = vec!["README.md".to_owned()];
    let key = |oid: &Oid, plan: &SetupPlan| prepared(&world, oid, plan).expect("made").key;
    let first = key(&oid, &plan);
    let code = world.commit(&[("src/lib.rs", "// other code\n")], "code");
    assert_eq!(key(&code, &plan), first);
    let lock = world.commit(&[("package-lock.json", "{ }\n")], "lock");
    let nested = world.commit(&[("web/package.json", "{ }\n")], "manifest below");
    let input = world.commit(&[("README.md", "an input\n")], "input");
    let mut keys = vec![
        first,
        key(&lock, &plan),
        key(&nested, &plan),
        key(&input, &plan),
    ];
    keys.push(key(
        &input,
        &SetupPlan {
            command: Some("true # other".to_owned()),
            ..plan.clone()
        },
    ));
    let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "{keys:?}");
    plan.inputs = vec!["missing".to_owned()];
    assert!(matches!(
        prepared(&world, &oid, &plan),
        Err(SetupError::NoSuchInput { .. })
    ));
    let none = prepared(&world, &oid, &SetupPlan::new(None, host_env())).expect("nothing to do");
    assert_eq!((none.extras.len(), none.record), (0, None));
}

#[test]
fn a_failure_says_why_and_leaves_nothing_behind() {
    let (world, oid) = world();
    let error = prepared(
        &world,
        &oid,
        &plan("mkdir node_modules; echo before; echo 'no such package' >&2; exit 7"),
    )
    .expect_err("it fails");
    let said = error.to_string();
    assert!(
        matches!(&error, SetupError::Failed { captured, .. } if !captured.success()),
        "{said}"
    );
    assert!(
        said.contains("exit 7")
            && said.contains("no such package")
            && said.contains("set it for the project"),
        "{said}"
    );
    let left: Vec<_> = fs::read_dir(world.beside("cache"))
        .expect("listed")
        .map(|e| e.expect("one").file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| name.to_string_lossy().ends_with(".lock")),
        "{left:?}"
    );
}

#[test]
fn what_a_killed_set_up_left_is_not_used() {
    let (world, oid) = world();
    let first = prepared(&world, &oid, &plan(OFFLINE)).expect("made");
    let cache = world.beside("cache");
    let half = |name: String| {
        fs::create_dir_all(cache.join(&name).join("tree/node_modules")).expect("made");
        cache.join(name)
    };
    // Killed while it ran: a building folder. Damaged later: an entry without its record, or without one of its extras.
    let building = half(format!("building-{}-x", first.key));
    fs::remove_file(cache.join(&first.key).join("prepared.json")).expect("removed");
    let second = prepared(&world, &oid, &plan(OFFLINE)).expect("made again");
    assert!(second.record.is_some() && !building.exists());
    alai_workspace::files::remove(&second.tree.join("node_modules")).expect("removed");
    let third = prepared(&world, &oid, &plan(OFFLINE)).expect("made again");
    assert!(third.record.is_some() && third.tree.join("node_modules/a/index.js").exists());
    fs::write(
        cache.join(&first.key).join("prepared.json"),
        "{\"version\":1",
    )
    .expect("written");
    assert!(
        prepared(&world, &oid, &plan(OFFLINE))
            .expect("made again")
            .record
            .is_some()
    );
}

#[test]
fn two_at_once_make_it_once() {
    let (world, oid) = world();
    let all: Vec<Prepared> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| prepared(&world, &oid, &plan(OFFLINE)).expect("made")))
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("ended"))
            .collect()
    });
    assert_eq!(
        all.iter()
            .filter(|prepared| prepared.record.is_some())
            .count(),
        1
    );
}

#[test]
fn waiting_for_another_set_up_can_be_cancelled() {
    let (world, oid) = world();
    let key = prepared(&world, &oid, &plan(OFFLINE)).expect("made").key;
    let lock = fs::File::open(world.beside("cache").join(format!("{key}.lock"))).expect("opened");
    lock.lock().expect("held by another");
    let cancel = Cancel::new();
    cancel.cancel();
    let error = prepare(
        &world.repo(),
        &oid,
        &plan(OFFLINE),
        &world.beside("cache"),
        &cancel,
    )
    .expect_err("cancelled");
    assert!(matches!(error, SetupError::Cancelled), "{error}");
}

#[test]
fn installed_copies_are_the_runs_own() {
    let (world, oid) = world();
    let prepared = prepared(&world, &oid, &plan(OFFLINE)).expect("made");
    let (clone, home) = (world.clone_at("clone", &oid), world.beside("home"));
    let installed = install_into(&prepared, &clone, &home, cage::agent_ids()).expect("installed");
    assert!(installed.skipped.is_empty());
    assert_eq!(read(clone.join("node_modules/a/index.js")), "one\n");
    assert_eq!(read(clone.join("web/node_modules/b")), "two\n");
    assert_eq!(read(home.join(".cache/c")), "three\n");
    assert_eq!(
        fs::read_link(clone.join("node_modules/link")).expect("a link"),
        Path::new("/etc/passwd")
    );
    assert_eq!(
        in_clone(&clone, &["status", "--porcelain"]),
        "",
        "`git add -A` would take nothing of it"
    );
    let (source, copy) = (
        prepared.tree.join("node_modules/when"),
        clone.join("node_modules/when"),
    );
    let (source, copy) = (
        fs::metadata(source).expect("there"),
        fs::metadata(copy).expect("there"),
    );
    assert_ne!(source.ino(), copy.ino());
    assert_eq!(
        (source.mtime(), source.mtime_nsec()),
        (copy.mtime(), copy.mtime_nsec())
    );
    if let Some((uid, _)) = cage::agent_ids() {
        for path in [
            clone.join("node_modules/a/index.js"),
            clone.join("node_modules/link"),
            home.join(".cache"),
        ] {
            assert_eq!(fs::symlink_metadata(path).expect("there").uid(), uid);
        }
    }
}

#[test]
fn an_installation_follows_no_link_of_the_commit() {
    let (world, oid) = world();
    let prepared = prepared(&world, &oid, &plan(OFFLINE)).expect("made");
    let outside = world.beside("outside");
    fs::create_dir(&outside).expect("made");
    fs::remove_dir_all(world.root.join("web")).expect("removed");
    symlink(&outside, world.root.join("web")).expect("linked");
    symlink(&outside, world.root.join("node_modules")).expect("linked");
    let hostile = world.commit(&[], "links in the way");
    let tree = world.beside("gate");
    checkout_fresh(&world.repo(), &hostile, &tree, None).expect("checked out");
    let installed =
        install_into(&prepared, &tree, &world.beside("gate-home"), None).expect("installed");
    assert_eq!(installed.skipped, ["node_modules", "web/node_modules"]);
    assert_eq!(fs::read_dir(&outside).expect("listed").count(), 0);
}

#[test]
fn build_caches_of_trusted_runs_are_added_and_replaced() {
    let (world, oid) = world();
    let first = prepared(&world, &oid, &plan(OFFLINE)).expect("made");
    let worked = world.beside("worked");
    for text in ["old\n", "new\n"] {
        crate::world::write(&worked, "target/debug/artefact", text);
        crate::world::write(&worked, "web/dist/x", text);
        let paths = ["target".to_owned(), "web/dist".to_owned()];
        let with = absorb(&first, &worked, &paths, &Cancel::new()).expect("absorbed");
        assert_eq!(
            with.extras,
            ["node_modules", "target", "web/dist", "web/node_modules"]
        );
        assert_eq!(read(with.tree.join("target/debug/artefact")), text);
    }
    let found = prepared(&world, &oid, &plan(OFFLINE)).expect("found");
    assert!(
        found.record.is_none() && found.extras.contains(&"target".to_owned()),
        "{:?}",
        found.extras
    );
    symlink("/etc", worked.join("link")).expect("linked");
    for bad in ["missing", "link/passwd", "../x", ""] {
        assert!(
            absorb(&found, &worked, &[bad.to_owned()], &Cancel::new()).is_err(),
            "{bad}"
        );
    }
    assert!(
        prepared(&world, &oid, &plan(OFFLINE))
            .expect("found")
            .record
            .is_none(),
        "a refused addition breaks nothing"
    );
}

#[test]
fn what_a_trusted_run_built_at_home_is_added_and_replaced_and_reaches_the_next_clone() {
    let (world, oid) = world();
    let first = prepared(&world, &oid, &plan("true")).expect("made");
    let worked = world.beside("worked-home");
    let places = [".cache/go-build".to_owned()];
    for text in ["old\n", "new\n"] {
        crate::world::write(&worked, ".cache/go-build/00/entry", text);
        absorb_home(&first, &worked, &places, &Cancel::new()).expect("absorbed");
    }
    let found = prepared(&world, &oid, &plan("true")).expect("found");
    assert!(found.record.is_none(), "the entry is still whole");
    let (tree, home) = (world.beside("clone"), world.beside("clone-home"));
    checkout_fresh(&world.repo(), &oid, &tree, None).expect("checked out");
    install_into(&found, &tree, &home, None).expect("installed");
    assert_eq!(read(home.join(".cache/go-build/00/entry")), "new\n");
    assert!(!home.join(".cache/go-build/00/old").exists());

    let hostile = world.beside("hostile-home");
    fs::create_dir(&hostile).expect("made");
    symlink("/etc", hostile.join(".cache")).expect("linked");
    let etc = [".cache/ssl".to_owned()];
    for places in [&places[..], &etc] {
        assert!(absorb_home(&found, &hostile, places, &Cancel::new()).is_err());
    }
    assert_eq!(read(found.home.join(".cache/go-build/00/entry")), "new\n");
}

#[test]
fn old_results_are_pruned_and_those_in_use_are_not() {
    let (world, oid) = world();
    let cache = world.beside("cache");
    let made: Vec<Prepared> = ["true", "true 2", "true 3"]
        .iter()
        .map(|command| prepared(&world, &oid, &plan(command)).expect("made"))
        .collect();
    for (age, one) in made.iter().enumerate() {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + age as u64);
        let lock = fs::File::options()
            .append(true)
            .open(cache.join(format!("{}.lock", one.key)))
            .expect("opened");
        lock.set_modified(time).expect("set");
    }
    let in_use = fs::File::open(cache.join(format!("{}.lock", made[0].key))).expect("opened");
    in_use.lock_shared().expect("held by a reader");
    assert_eq!(prune(&cache, 1).expect("pruned"), [made[1].key.clone()]);
    let there = |index: usize| made[index].home.exists();
    assert!(there(0) && !there(1) && there(2));
}

#[test]
fn a_set_up_cannot_reach_what_is_not_listed() {
    let (world, oid) = world();
    let mut plan = plan("git ls-remote https://not-listed.example.org/x");
    plan.hosts = vec!["listed.example.org".to_owned()];
    let error = prepared(&world, &oid, &plan).expect_err("it fails");
    assert!(
        error
            .to_string()
            .contains("Not reached: not-listed.example.org is not among the hosts"),
        "{error}"
    );
    plan.command = Some("git -c http.proxy= ls-remote https://not-listed.example.org/x".to_owned());
    let env = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"]
        .map(|name| format!("{name}= "))
        .concat();
    plan.command = plan.command.map(|command| format!("{env}{command}"));
    assert!(
        prepared(&world, &oid, &plan).is_err(),
        "and there is no way around the proxy"
    );
}

/// What a gate does with a clone: the project's own command, in a cage with its loopback alone.
fn run_without_network(clone: &Path, home: &Path, command: &str) -> Captured {
    let tools = tools();
    let bind = |outside: &Path, inside: &str| Bind {
        outside: outside.to_path_buf(),
        inside: PathBuf::from(inside),
        access: Access::ReadWrite,
    };
    let spec = CageSpec {
        binds: vec![bind(clone, INSIDE_REPO), bind(home, INSIDE_HOME)],
        cwd: PathBuf::from(INSIDE_REPO),
        env: run_env(&tools),
        network: Network::Loopback,
        limits: Limits::default(),
        uid: cage::agent_ids(),
        toolchains: tools.binds.clone(),
        path: tools.path.clone(),
    };
    let argv = ["sh", "-c", command].map(str::to_owned);
    cage::run(&spec, &argv, &[], &Cancel::new()).expect("ran")
}

/// True when this machine has a way to anywhere: the one thing without which the next test proves nothing.
fn has_network() -> bool {
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    routes
        .lines()
        .any(|line| line.split_ascii_whitespace().nth(1) == Some("00000000"))
}

#[test]
#[allow(clippy::print_stderr)] // A test that proves nothing must say so.
fn a_real_crate_is_fetched_through_the_proxy_and_built_without_a_network() {
    with_cage();
    if !has_network() {
        eprintln!("SKIPPED: this machine has no default route, so that nothing can be fetched");
        return;
    }
    let world = World::empty();
    let manifest = "[package]\nname = \"uses\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nitoa = \"=1.0.15\"\n";
    let oid = world.commit(
        &[
            ("Cargo.toml", manifest),
            (
                "src/lib.rs",
                "#[test]\nfn it() { assert_eq!(itoa::Buffer::new().format(7u8), \"7\"); }\n",
            ),
            (".gitignore", "target\n"),
        ],
        "a crate",
    );
    let detected = alai_workspace::detect::detect(&world.repo(), &oid).expect("detected");
    assert_eq!(detected.setup.as_deref(), Some("cargo fetch"));
    let prepared =
        prepared(&world, &oid, &SetupPlan::new(detected.setup, host_env())).expect("fetched");
    assert!(!prepared.hosts.is_empty(), "the hosts are recorded");
    assert_eq!(prepared.extras, ["Cargo.lock"]);

    let (clone, home) = (world.clone_at("clone", &oid), world.beside("home"));
    install_into(&prepared, &clone, &home, cage::agent_ids()).expect("installed");
    let captured = run_without_network(&clone, &home, &detected.test.expect("a test command"));
    assert!(
        captured.success() && captured.stdout.contains("1 passed"),
        "{}",
        captured.combined()
    );
}

#[test]
fn modes_that_lock_out_their_owner_survive_the_way_through_the_cache() {
    let (world, oid) = world();
    let command = "mkdir -p cache/sub && echo x > cache/sub/f && chmod 0555 cache/sub cache && chmod 0444 cache/sub/f";
    let prepared = prepared(&world, &oid, &plan(command)).expect("made");
    assert_eq!(prepared.extras, ["cache"]);
    let clone = world.clone_at("clone", &oid);
    install_into(&prepared, &clone, &world.beside("home"), cage::agent_ids()).expect("installed");
    let mode = |path: &str| {
        fs::metadata(clone.join(path))
            .expect("there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("cache/sub"), mode("cache/sub/f")), (0o555, 0o444));
    alai_workspace::clone::remove(&clone).expect("removed");
    alai_workspace::files::remove(&world.beside("cache")).expect("removed");
    ok(git_in(&world.root, &[], &["fsck"]));
}

/// Sets up, installs into a clone, and runs the detected tests without a network.
fn from_detection_to_tests(files: &[(&str, &str)], passed: &str) {
    with_cage();
    let world = World::empty();
    let oid = world.commit(files, "a project");
    let detected = alai_workspace::detect::detect(&world.repo(), &oid).expect("detected");
    let plan = SetupPlan::new(detected.setup, host_env());
    let prepared = prepared(&world, &oid, &plan).expect("set up");
    let (clone, home) = (world.clone_at("clone", &oid), world.beside("home"));
    install_into(&prepared, &clone, &home, cage::agent_ids()).expect("installed");
    let captured = run_without_network(&clone, &home, &detected.test.expect("a test command"));
    assert!(
        captured.success() && captured.combined().contains(passed),
        "{}",
        captured.combined()
    );
}

#[test]
#[ignore = "fetches from the Python registry; run with --run-ignored"]
fn a_python_project_is_set_up_and_tested() {
    from_detection_to_tests(
        &[
            ("requirements.txt", "six==1.16.0\n"),
            ("requirements-dev.txt", "pytest\n"),
            (
                "test_it.py",
                "import six\n\ndef test_it():\n    assert six.PY3\n",
            ),
        ],
        "1 passed",
    );
}

#[test]
#[ignore = "fetches from the npm registry; run with --run-ignored"]
fn an_npm_project_is_set_up_and_tested() {
    from_detection_to_tests(
        &[
            (
                "package.json",
                r#"{"name":"a","version":"1.0.0","dependencies":{"is-odd":"3.0.1"},"scripts":{"test":"node --test"}}"#,
            ),
            (
                "it.test.js",
                "const t=require('node:test');t('it',()=>{if(!require('is-odd')(3))throw 1});\n",
            ),
        ],
        "pass 1",
    );
}

#[test]
#[ignore = "needs Go on this machine; run with --run-ignored"]
fn a_go_project_is_set_up_and_tested() {
    from_detection_to_tests(
        &[
            ("go.mod", "module example.org/a\n\ngo 1.19\n"),
            (
                "a_test.go",
                "package a\n\nimport \"testing\"\n\nfunc TestIt(t *testing.T) {}\n",
            ),
        ],
        "ok",
    );
}

#[test]
fn what_a_commit_that_nobody_trusts_left_serves_that_tree_alone() {
    let (world, base) = world();
    // An install script of the project decides what its packages hold.
    let mut plan = plan("sh install.sh");
    plan.scope = "here".to_owned();
    let script = |says: &str| format!("mkdir node_modules && echo {says} > node_modules/says\n");
    let commit = |says: &str, lock: &str, title: &str| {
        let script = script(says);
        world.commit(
            &[("install.sh", &*script), ("package-lock.json", lock)],
            title,
        )
    };
    let with = |oid: &Oid, trusted: bool, like: Option<&Oid>| {
        let plan = SetupPlan {
            trusted,
            like: like.cloned(),
            ..plan.clone()
        };
        let made = prepared(&world, oid, &plan).expect("made");
        let says = read(made.tree.join("node_modules/says"));
        (made.key, says.trim().to_owned())
    };
    let first = commit("good", "{}\n", "the user's own");
    let (trusted, says) = with(&first, true, None);
    assert_eq!(says, "good");
    let evil = commit("evil", "{\"a\":1}\n", "an agent's, with another lockfile");
    assert_eq!(with(&evil, false, Some(&first)).1, "evil", "its own affair");
    let mended = commit("good", "{\"a\":1}\n", "the same lockfile without the trick");
    assert_eq!(with(&mended, false, Some(&first)).1, "good");
    assert_eq!(with(&mended, true, None).1, "good", "once it is merged");

    let later = commit("other", "{}\n", "the first lockfile again");
    assert_eq!(
        with(&later, false, None),
        (trusted.clone(), "good".to_owned()),
        "the trusted result serves whoever has the same inputs"
    );
    let new = commit("new", "{\"b\":2}\n", "a third lockfile");
    let (of_new, _) = with(&new, false, None);
    let grown = commit("grown", "{\"b\":2}\n", "work on top of it");
    assert_eq!(with(&grown, false, Some(&new)), (of_new, "new".to_owned()));
    plan.scope = "elsewhere".to_owned();
    let other = prepared(&world, &first, &plan).expect("made");
    assert_ne!(other.key, trusted, "another project makes its own");
    assert_ne!(base, first);
}
