//! `alai qa scanners`: what the gate would find on this machine, and what installs the rest.

use serde_json::Value;

use crate::script::Script;
use crate::world::World;

#[test]
fn each_scanner_is_listed_with_where_a_cage_finds_it_or_what_installs_it() {
    let world = World::scripted("auto", &Script::good());
    let shown = world.json(["qa", "scanners", "--json"]);
    let all = shown["scanners"].as_array().expect("scanners");
    let named = |name: &str| -> &Value {
        let mut of = all.iter().filter(|one| one["name"] == name);
        of.next().unwrap_or_else(|| panic!("{name}: {shown}"))
    };
    for (name, check) in [
        ("bandit", 12),
        ("shellcheck", 12),
        ("eslint", 12),
        ("go vet", 14),
        ("cargo clippy", 14),
    ] {
        let one = named(name);
        assert_eq!(one["check"], check, "{one}");
        assert_eq!(one["pinned"].is_string(), check == 12, "{one}");
        assert!(
            one["install"].as_str().is_some_and(|line| !line.is_empty()),
            "{one}"
        );
    }
    let shell = named("sh -n")["path"]
        .as_str()
        .expect("every machine has one");
    assert!(std::path::Path::new(shell).is_file(), "{shell}");
    let languages: Vec<&Value> = { shown["without"].as_array().expect("languages").iter() }
        .map(|one| &one["language"])
        .collect();
    assert!(languages.contains(&&Value::from("Go")), "{shown}");
}

#[test]
fn what_no_cage_sees_is_missing_and_told_with_its_install_line() {
    let world = World::scripted("auto", &Script::good());
    let private = tempfile::tempdir().expect("a folder");
    let fake = private.path().join("bandit");
    std::fs::write(&fake, "#!/bin/sh\necho bandit 1.9.4\n").expect("a program");
    let mut mode = std::fs::metadata(&fake).expect("it is there").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&fake, mode).expect("it may run");
    let mut command = world.command(["qa", "scanners"]);
    command.env("PATH", private.path());
    command.env("HOME", private.path());
    let said = crate::world::run(command).exits(0);
    let own = private.path().display().to_string();
    assert!(
        !said.out.contains(&own),
        "a cage shows nothing of a private folder: {said}"
    );
    if !std::path::Path::new("/usr/bin/bandit").is_file()
        && !std::path::Path::new("/usr/local/bin/bandit").is_file()
    {
        assert!(
            said.out.contains("install  pipx install bandit==1.9.4"),
            "{said}"
        );
    }
}
