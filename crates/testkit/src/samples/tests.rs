//! The samples for real: their own tools, their own tests, before and after each task.

use super::*;
use crate::git;
use std::process::{Command, Stdio};

#[test]
fn every_task_applies_alone_and_after_the_others() {
    for sample in ALL {
        let tasks = tasks(sample.name).unwrap();
        assert!(tasks.len() >= 2, "{}", sample.name);
        let together = written(sample.name);
        for task in &tasks {
            task.apply(written(sample.name).path()).unwrap();
            task.apply(together.path()).unwrap();
            assert!(task.check.is_some(), "{}: {}", sample.name, task.title);
        }
        let backwards = written(sample.name);
        for task in tasks.iter().rev() {
            task.apply(backwards.path()).unwrap();
        }
        let commit = |dir: &tempfile::TempDir| git::init_repo(dir.path()).unwrap();
        assert_eq!(commit(&together), commit(&backwards), "{}", sample.name);
    }
}

#[test]
fn a_sample_names_no_registry_and_has_no_leftovers() {
    for sample in ALL {
        let dir = written(sample.name);
        git::init_repo(dir.path()).unwrap();
        let files = git::git(dir.path(), &["ls-files"]).unwrap();
        let on_disk = git::git(
            dir.path(),
            &["ls-files", "--others", "--ignored", "--exclude-standard"],
        );
        assert_eq!(on_disk.unwrap(), "", "{}", sample.name);
        assert!(files.lines().any(|f| f == "README.md"), "{files}");
        if let Ok(lock) = fs::read_to_string(dir.path().join("package-lock.json")) {
            assert!(!lock.contains("\"resolved\""), "{lock}");
        }
    }
}

#[test]
fn an_unknown_sample_is_refused_with_the_known_names() {
    let refused = write("nope", Path::new("unused")).unwrap_err().to_string();
    assert!(
        refused.contains("\"nope\"") && refused.contains("tiny-sh"),
        "{refused}"
    );
    assert!(tasks("../tiny-sh").is_err());
}

#[test]
fn an_edit_outside_the_project_or_without_a_change_is_refused() {
    for stored in [
        r#"{"path": "../out", "content": ""}"#,
        r#"{"path": "/out", "content": ""}"#,
        r#"{"path": "in"}"#,
        r#"{"path": "in", "old": "a"}"#,
        r#"{"path": "in", "old": "a", "new": "b", "content": "c"}"#,
        r#"{"path": "in", "content": "c", "mode": "755"}"#,
    ] {
        assert!(serde_json::from_str::<Edit>(stored).is_err(), "{stored}");
    }
}

#[test]
fn an_old_text_must_be_there_exactly_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("f"), "a a b").unwrap();
    let replace = |old: &str| Edit {
        path: "f".into(),
        change: Change::Replace {
            old: old.into(),
            new: "x".into(),
        },
    };
    assert!(replace("a").apply(dir.path()).is_err());
    assert!(replace("c").apply(dir.path()).is_err());
    replace("b").apply(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("f")).unwrap(), "a a x");
}

#[test]
fn tiny_sh_goes_from_red_to_green() {
    red_to_green("tiny-sh");
}

#[test]
fn demo_service_goes_from_red_to_green() {
    red_to_green("demo-service");
}

#[test]
fn needs_registry_rust_kv_goes_from_red_to_green() {
    red_to_green("rust-kv");
}

#[test]
fn needs_registry_needs_python_python_notes_goes_from_red_to_green() {
    red_to_green("python-notes");
}

#[test]
fn needs_registry_needs_node_js_cart_goes_from_red_to_green() {
    red_to_green("js-cart");
}

#[test]
fn needs_go_go_links_goes_from_red_to_green() {
    red_to_green("go-links");
}

#[test]
fn needs_cmocka_c_store_goes_from_red_to_green() {
    red_to_green("c-store");
}

/// The whole life of a sample: set-up, tests as stored, each task's check before and after its edits,
/// then all tasks together with every test green.
fn red_to_green(name: &str) {
    let sample = known(name).unwrap();
    let dir = written(name);
    let dir = dir.path();
    git::init_repo(dir).unwrap();
    if let Some(setup) = sample.setup {
        expect(dir, setup, Base::Green);
    }
    expect(dir, sample.test, sample.base);
    assert_eq!(
        git::git(dir, &["status", "--porcelain"]).unwrap(),
        "",
        "a tool left files"
    );

    let tasks = tasks(name).unwrap();
    for (n, task) in tasks.iter().enumerate() {
        let check = task.check.as_deref().unwrap();
        expect(dir, check, Base::Red);
        task.apply(dir).unwrap();
        expect(dir, check, Base::Green);
        // On a red sample the first task is the fix; the others leave its red test as it is.
        let after = if n == 0 { Base::Green } else { sample.base };
        expect(dir, sample.test, after);
        git::git(dir, &["checkout", "--quiet", "--", "."]).unwrap();
        git::git(dir, &["clean", "-dq", "--force"]).unwrap();
    }
    for task in &tasks {
        task.apply(dir).unwrap();
    }
    expect(dir, sample.test, Base::Green);
    for task in &tasks {
        expect(dir, task.check.as_deref().unwrap(), Base::Green);
    }
}

const SURROUNDINGS: [&str; 12] = [
    "CARGO_BUILD_",
    "CARGO_ENCODED_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "NEXTEST",
    "NODE_OPTIONS",
    "NODE_TEST",
    "PYTEST",
    "PYTHONPATH",
    "RUSTFLAGS",
];

fn expect(dir: &Path, command: &str, wanted: Base) {
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(dir)
        .env(
            "PATH",
            format!("{}:{path}", dir.join(".venv/bin").display()),
        )
        .stdin(Stdio::null());
    // What the surrounding test run tells its own programs must not reach the sample's. Proxies,
    // certificates and registry settings of the machine stay: the set-up needs them.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if SURROUNDINGS.iter().any(|prefix| name.starts_with(prefix)) {
            shell.env_remove(name);
        }
    }
    let output = shell.output().unwrap();
    let green = output.status.success();
    assert_eq!(
        green,
        wanted == Base::Green,
        "{command}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn written(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(name, dir.path()).unwrap();
    dir
}
