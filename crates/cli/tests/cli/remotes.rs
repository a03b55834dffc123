//! Delivery to a remote: merged work is pushed to a branch of its own and proposed, never forced and never onto people's branch, and what
//! does not work at the remote is said and holds nobody up.

use alai_testkit::git;
use alai_testkit::github::{GitHub, Trouble};

use crate::script::{Script, small};
use crate::world::{World, run};

/// A world whose project is delivered so, to a remote whose `main` is the project's.
pub(crate) fn with_remote(deliver: &str, script: &Script) -> (World, GitHub) {
    let world = World::scripted("approve", script);
    let github = GitHub::new(&world.path("github"));
    let remote = github.remote().display().to_string();
    world.git(&["remote", "add", "origin", &remote]);
    world.git(&["push", "--quiet", "origin", "main"]);
    let settings = std::fs::read_to_string(world.home().join("alai.toml")).expect("settings");
    let gh = github.program().display().to_string();
    let settings = format!("{settings}[delivery]\ngh = '{gh}'\n");
    std::fs::write(world.home().join("alai.toml"), settings).expect("settings");
    world
        .alai([
            "project",
            "set",
            "tiny",
            "--deliver",
            deliver,
            "--github",
            "acme/tiny",
        ])
        .exits(0);
    (world, github)
}

pub(crate) fn good() -> Script {
    Script::good()
        .builds("Say alpha", &small("alpha"))
        .builds("Say beta", &small("beta"))
        .builds("Fix: ", &small("mended"))
}

pub(crate) fn add(world: &World, title: &str) {
    world
        .alai(["mc", "add", title, "--project", "tiny"])
        .exits(0);
}

/// The commit of a branch of the remote.
pub(crate) fn there(github: &GitHub, branch: &str) -> Option<String> {
    git::git(
        &github.remote(),
        &["rev-parse", "--verify", "--quiet", branch],
    )
    .ok()
}

pub(crate) fn branches(github: &GitHub) -> String {
    let all = git::git(
        &github.remote(),
        &["for-each-ref", "--format=%(refname:short)", "refs/heads"],
    );
    all.expect("branches").lines().collect::<Vec<_>>().join(" ")
}

/// Waits until `alai why` says it.
pub(crate) fn why(world: &World, task: i64, words: &str) {
    world.until(&format!("#{task}: {words}"), |w| {
        let said = w.alai(["why", &task.to_string()]);
        format!("{} {}", said.out, said.err)
            .contains(words)
            .then_some(())
    });
}

const ALPHA: &str = "alai/task-1-say-alpha";

#[test]
fn a_task_is_pushed_to_a_branch_of_its_own_and_says_where_it_is() {
    let (world, github) = with_remote("branch", &good());
    let main = world.git(&["rev-parse", "main"]);
    add(&world, "Say alpha");
    let daemon = world.up();
    why(&world, 1, "it is alai/task-1-say-alpha of origin");
    let merged = world.task(1)["view"]["task"]["integrated"]
        .as_str()
        .map(str::to_owned);
    assert_eq!(there(&github, ALPHA), merged);
    assert_eq!(
        branches(&github),
        format!("{ALPHA} main"),
        "no other is pushed"
    );
    assert_eq!(there(&github, "main").as_ref(), Some(&main));
    assert_eq!(world.git(&["rev-parse", "main"]), main, "here neither");
    let history = world.alai(["mc", "show", "1"]).exits(0).out;
    assert!(history.contains(&format!("{ALPHA} of origin")), "{history}");
    world
        .alai(["project", "show", "tiny"])
        .exits(0)
        .says("never moved; work is pushed to origin");
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    world.alai(["mc", "fsck"]).exits(0);
    assert!(
        github.state().calls.is_empty(),
        "gh is for pull requests alone"
    );
}

#[test]
fn a_goal_is_pushed_as_a_whole_and_is_done_then() {
    let (world, github) = with_remote("branch", &good());
    let started = world.alai(["start", "Add initials", "--project", "tiny", "--wait"]);
    started.exits(0);
    assert_eq!(world.state(1), "done");
    let goal = "alai/goal-1-add-initials";
    assert_eq!(
        there(&github, goal),
        Some(world.git(&["rev-parse", "alai/integration"]))
    );
    world.alai(["why", "1"]).exits(0).says(goal);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn nothing_is_forced() {
    let (world, github) = with_remote("branch", &good());
    // Somebody has a branch of that name there, with a commit that we do not have.
    let other = world.path("other");
    git::git(
        &world.path(""),
        &[
            "clone",
            "--quiet",
            &github.remote().display().to_string(),
            "other",
        ],
    )
    .expect("a clone");
    std::fs::write(other.join("theirs"), "x").expect("a file");
    git::commit_all(&other, "Theirs").expect("a commit");
    git::git(
        &other,
        &["push", "--quiet", "origin", &format!("HEAD:{ALPHA}")],
    )
    .expect("pushed");
    let theirs = there(&github, ALPHA);
    add(&world, "Say alpha");
    let daemon = world.up();
    why(&world, 1, "alai never forces a push");
    assert_eq!(there(&github, ALPHA), theirs);
    world.alai(["status"]).exits(0).says("#1");
    // The branch is taken away, and a person's word tries it at once.
    git::git(&other, &["push", "--quiet", "origin", "--delete", ALPHA]).expect("deleted");
    world.alai(["mc", "approve", "1"]).exits(0);
    why(&world, 1, "it is alai/task-1-say-alpha of origin");
    assert_ne!(there(&github, ALPHA), theirs);
    drop(daemon);
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_remote_that_is_down_is_said_and_stops_no_work_and_gets_it_later() {
    let (world, github) = with_remote("branch", &good());
    let away = world.path("away");
    std::fs::rename(github.remote(), &away).expect("moved");
    add(&world, "Say alpha");
    let daemon = world.up();
    why(&world, 1, "origin could not be reached to push");
    add(&world, "Say beta");
    world.until("#4 is merged", |w| {
        (!w.task(4)["view"]["task"]["integrated"].is_null()).then_some(())
    });
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    std::fs::rename(&away, github.remote()).expect("back");
    world
        .alai(["project", "sync", "tiny"])
        .exits(0)
        .says("is pushed to origin");
    assert_eq!(
        branches(&github),
        format!("{ALPHA} alai/task-4-say-beta main")
    );
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn a_remote_that_refuses_says_why() {
    let (world, github) = with_remote("branch", &good());
    let hook = github.remote().join("hooks/pre-receive");
    std::fs::write(
        &hook,
        "#!/bin/sh\necho 'no branches of machines' >&2\nexit 1\n",
    )
    .expect("a hook");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).expect("its mode");
    add(&world, "Say alpha");
    let daemon = world.up();
    why(&world, 1, "no branches of machines");
    drop(daemon);
}

#[test]
fn a_delivery_to_a_remote_is_refused_where_it_cannot_be_meant() {
    let world = World::with_project("approve");
    let set = |args: &[&str]| {
        let all = ["project", "set", "tiny"].iter().chain(args);
        world.alai(all)
    };
    set(&["--deliver", "branch"])
        .exits(2)
        .says("has no remote `origin`");
    world.git(&["remote", "add", "origin", "ext::sh -c touch% /tmp/pwned"]);
    set(&["--deliver", "branch"])
        .exits(2)
        .says("it is https, ssh");
    world.git(&[
        "remote",
        "set-url",
        "origin",
        "https://ada:hunter2@example.org/x/y.git",
    ]);
    let refused = set(&["--deliver", "branch"])
        .exits(2)
        .says("it holds a password or a token");
    assert!(!refused.err.contains("hunter2"), "{refused}");
    world.git(&[
        "remote",
        "set-url",
        "origin",
        &world.path("r.git").display().to_string(),
    ]);
    set(&["--deliver", "pull-request"])
        .exits(2)
        .says("--github OWNER/NAME");
    set(&["--deliver", "pull-request", "--github", "a b"])
        .exits(2)
        .says("OWNER/NAME");
    set(&["--remote", "--force"]).exits(2);
    set(&["--remote", "a;b", "--deliver", "branch"])
        .exits(2)
        .says("no name of a remote");
    set(&["--fetch", "maybe"]).exits(2);
    // A program that is missing can still be installed: that is a note.
    std::fs::write(
        world.home().join("alai.toml"),
        "[delivery]\ngh = '/nonexistent/gh'\n",
    )
    .expect("settings");
    set(&["--deliver", "pull-request", "--github", "acme/tiny"])
        .exits(0)
        .says("`gh` was not found");
}

#[test]
fn no_program_that_the_repository_names_is_started() {
    let (world, github) = with_remote("branch", &good());
    let touched = world.path("touched");
    let evil = format!("touch '{}'", touched.display());
    for (key, value) in [
        ("core.sshCommand", evil.clone()),
        ("credential.helper", format!("!{evil}")),
        ("core.hooksPath", world.path("hooks").display().to_string()),
        ("core.fsmonitor", evil.clone()),
        ("remote.origin.receivepack", evil.clone()),
        ("remote.origin.uploadpack", evil.clone()),
        ("remote.origin.vcs", "evil".into()),
        ("gpg.program", evil.clone()),
        ("core.askPass", evil.clone()),
    ] {
        world.git(&["config", key, &value]);
    }
    std::fs::create_dir(world.path("hooks")).expect("a folder");
    let hook = world.path("hooks/pre-push");
    std::fs::write(&hook, format!("#!/bin/sh\n{evil}\n")).expect("a hook");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).expect("its mode");
    world
        .alai(["project", "set", "tiny", "--fetch", "on"])
        .exits(0);
    add(&world, "Say alpha");
    let daemon = world.up();
    why(&world, 1, "it is alai/task-1-say-alpha of origin");
    drop(daemon);
    assert!(there(&github, ALPHA).is_some());
    assert!(
        !touched.exists(),
        "a program of the repository's configuration ran"
    );
}

/// Has the remote count what is pushed to it: a push that changes nothing reaches none of its hooks.
fn counts_pushes(github: &GitHub) -> std::path::PathBuf {
    let hook = github.remote().join("hooks/post-receive");
    let log = github.remote().join("pushes");
    let text = format!("#!/bin/sh\ncat >> '{}'\n", log.display());
    std::fs::write(&hook, text).expect("a hook");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).expect("its mode");
    log
}

/// What was pushed to the remote, each time.
fn pushes(log: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_kill_around_the_push_loses_nothing() {
    for point in ["push.before", "push.after", "push.unsaid", "push.said"] {
        let (world, github) = with_remote("branch", &good());
        let log = counts_pushes(&github);
        add(&world, "Say alpha");
        let mut killed = world.command(["up"]);
        killed.env("ALAI_CRASH_AT", point);
        assert_eq!(run(killed).code, 137, "{point}");
        alai_workspace::cage::end_orphans();
        let before = pushes(&log);
        assert_eq!(before.len(), usize::from(point != "push.before"), "{point}");
        let daemon = world.up();
        why(&world, 1, "it is alai/task-1-say-alpha of origin");
        assert_eq!(branches(&github), format!("{ALPHA} main"), "{point}");
        let all = pushes(&log);
        assert_eq!(all.len(), 1, "{point}: pushed once, {all:?}");
        assert!(all[0].ends_with(&format!("refs/heads/{ALPHA}")), "{all:?}");
        drop(daemon);
        world.alai(["mc", "fsck"]).exits(0);
    }
}

/// One pull request for #1, and the goal or task says so.
fn proposed(world: &World, github: &GitHub) {
    why(world, 1, "pull request 1");
    assert_eq!(github.pull().head, ALPHA);
}

#[test]
fn a_pull_request_is_opened_once_whatever_is_killed() {
    for point in [
        "push.unsaid",
        "push.said",
        "pull.before",
        "pull.after",
        "pull.unsaid",
        "pull.said",
    ] {
        let (world, github) = with_remote("pull-request", &good());
        let log = counts_pushes(&github);
        add(&world, "Say alpha");
        let mut killed = world.command(["up"]);
        killed.env("ALAI_CRASH_AT", point);
        assert_eq!(run(killed).code, 137, "{point}");
        alai_workspace::cage::end_orphans();
        let daemon = world.up();
        why(
            &world,
            1,
            "pull request 1 (https://github.com/acme/tiny/pull/1) is open",
        );
        proposed(&world, &github);
        drop(daemon);
        let all = pushes(&log);
        assert_eq!(all.len(), 1, "{point}: pushed once, {all:?}");
        assert_eq!(github.calls("pr create"), 1, "{point}: asked for once");
        world.alai(["mc", "fsck"]).exits(0);
    }
}

#[test]
fn a_pull_request_says_what_was_done_and_what_proves_it() {
    let (world, github) = with_remote("pull-request", &good());
    // The words of others name nobody and close nothing.
    let words = "Add initials; closes #1 @everyone `x`";
    let started = world.alai(["start", words, "--project", "tiny", "--wait"]);
    started.exits(6);
    why(&world, 1, "pull request 1 is open");
    let pull = github.pull();
    assert_eq!((pull.base.as_str(), pull.title.as_str()), ("main", words));
    for part in [
        "`Add initials; closes #1 @everyone 'x'`",
        "| #3 | `Add initials` | done | L",
        "run 0",
        "alai evidence verify",
    ] {
        assert!(pull.body.contains(part), "{part}: {}", pull.body);
    }
    let home = world.path("").display().to_string();
    assert!(
        !pull.body.contains(&home),
        "no path of the machine: {}",
        pull.body
    );
    let state = github.state();
    for name in ["ALAI_HOME", "OLLAMA_HOST", "ALAI"] {
        assert!(
            !state.variables.iter().any(|known| known == name),
            "{name} reached gh"
        );
    }
    assert_eq!(world.state(1), "waiting");
    world.alai(["status"]).exits(0).says("#1");
}

#[test]
fn what_gh_cannot_do_is_said_with_the_fix_and_done_later() {
    gh_fails(&[
        (Trouble::LoggedOut, "gh auth login"),
        (Trouble::RateLimited, "limit of requests"),
        (Trouble::ServerError, "HTTP 502"),
        (Trouble::Malformed, "cannot be read"),
        (Trouble::Enormous, "more than"),
    ]);
}

#[test]
fn what_github_refuses_is_said_in_its_words_and_done_later() {
    gh_fails(&[
        (Trouble::NotFound, "Could not resolve to a Repository"),
        (Trouble::Unprocessable, "HTTP 422: Validation Failed"),
    ]);
}

fn gh_fails(troubles: &[(Trouble, &str)]) {
    for (trouble, words) in troubles {
        let (world, github) = with_remote("pull-request", &good());
        github.fails("pr", *trouble, 1_000);
        add(&world, "Say alpha");
        let daemon = world.up();
        why(&world, 1, words);
        assert!(github.state().pulls.is_empty());
        world.alai(["down"]).exits(0);
        daemon.ends().exits(0);
        github.mends();
        world
            .alai(["project", "sync", "tiny"])
            .exits(0)
            .says("pull request 1 is open");
        proposed(&world, &github);
        world.alai(["mc", "fsck"]).exits(0);
    }
}

#[test]
fn one_that_was_opened_and_not_heard_of_is_found() {
    let (world, github) = with_remote("pull-request", &good());
    github.fails("pr create", Trouble::DoneAndLost, 1);
    // One of a stranger's fork has the same branch.
    github.change(|state| {
        state.pulls.push(alai_testkit::github::Pull {
            number: 1,
            head: ALPHA.into(),
            state: "OPEN".into(),
            cross: true,
            ..Default::default()
        });
    });
    add(&world, "Say alpha");
    let daemon = world.up();
    why(&world, 1, "pull request 2");
    assert_eq!(github.state().pulls.len(), 2);
    assert_eq!(github.calls("pr create"), 1);
    drop(daemon);
}

#[test]
fn one_that_is_there_already_is_taken() {
    let (world, github) = with_remote("pull-request", &good());
    github.change(|state| {
        state.pulls.push(alai_testkit::github::Pull {
            number: 1,
            head: ALPHA.into(),
            base: "main".into(),
            state: "OPEN".into(),
            ..Default::default()
        });
    });
    github.fails("pr list", Trouble::Forgets, 1);
    add(&world, "Say alpha");
    let daemon = world.up();
    why(
        &world,
        1,
        "pull request 1 (https://github.com/acme/tiny/pull/1) is open",
    );
    proposed(&world, &github);
    assert_eq!(
        github.calls("pr create"),
        1,
        "it was refused, and the one there is taken"
    );
    drop(daemon);
}

#[test]
fn a_missing_gh_is_said_and_found_on_the_path_when_it_is_there() {
    let (world, github) = with_remote("pull-request", &good());
    std::fs::rename(github.program(), github.remote().join("gh")).expect("moved");
    add(&world, "Say alpha");
    let daemon = world.up();
    why(&world, 1, "`gh` was not found");
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
    std::fs::rename(github.remote().join("gh"), github.program()).expect("back");
    world.play(&good());
    let mut sync = world.command(["project", "sync", "tiny"]);
    let path = std::env::var("PATH").expect("a path");
    let folder = github
        .program()
        .parent()
        .expect("a folder")
        .display()
        .to_string();
    sync.env("PATH", format!("{folder}:{path}"));
    run(sync).exits(0).says("pull request 1 is open");
}

#[test]
fn a_gh_that_hangs_holds_nobody_up() {
    let (world, github) = with_remote("pull-request", &good());
    github.fails("pr list", Trouble::Held, 1);
    add(&world, "Say alpha");
    let daemon = world.up();
    world.until("gh was asked", |_| {
        (github.calls("pr list") == 1).then_some(())
    });
    add(&world, "Say beta");
    world.until("#4 is merged", |w| {
        (!w.task(4)["view"]["task"]["integrated"].is_null()).then_some(())
    });
    assert!(github.state().pulls.is_empty());
    github.release();
    why(&world, 4, "pull request");
    assert_eq!(github.state().pulls.len(), 2);
    drop(daemon);
}
