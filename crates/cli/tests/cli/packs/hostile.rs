//! Archives that somebody made to do harm. Each is refused with its reason, and the home is as it was.

use serde_json::{Value, json};

use super::archive::{Entry, Files, entries, gz, hash, manifest, packed, tar};
use super::{acme, companies};

/// An honest archive that one thing was done to.
type Case = (&'static str, Vec<u8>, &'static str);

fn with(files: &Files, more: Entry) -> Vec<u8> {
    let mut all = entries("Acme", files);
    all.push(more);
    gz(&tar(&all))
}

/// A file that the manifest knows, so that only its own fault is one.
fn known(files: &Files, path: &str, text: &str) -> Vec<u8> {
    let mut files = files.clone();
    files.insert(path.to_owned(), text.to_owned());
    packed("Acme", &files)
}

fn about(files: &Files, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut all = entries("Acme", files);
    let mut about: Value = serde_json::from_str(&manifest("Acme", files)).expect("JSON");
    change(&mut about);
    all[0].bytes = about.to_string().into_bytes();
    gz(&tar(&all))
}

fn card(files: &Files, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut card: Value = serde_json::from_str(&files["company.json"]).expect("JSON");
    change(&mut card);
    known(files, "company.json", &card.to_string())
}

/// Names that lead out of the pack, or that not every system takes.
fn names(files: &Files) -> Vec<Case> {
    let path = |path: &str| with(files, Entry::file(path, "x"));
    vec![
        ("traversal", path("Acme/../../evil"), "leave the folder"),
        (
            "traversal inside",
            path("Acme/skills/../../../evil"),
            "leave the folder",
        ),
        ("dot", path("Acme/skills/./a"), "leave the folder"),
        (
            "absolute",
            path("/etc/cron.d/evil"),
            "is not below its folder `Acme/`",
        ),
        (
            "absolute inside",
            path("Acme//etc/evil"),
            "no path inside of the pack",
        ),
        ("home", path("Acme/~/evil"), "no path inside of the pack"),
        ("drive", path("Acme/C:/evil"), "no path inside of the pack"),
        (
            "another company",
            path("Proveo/company.json"),
            "is not below its folder `Acme/`",
        ),
        (
            "a longer name",
            path("AcmeX/company.json"),
            "is not below its folder `Acme/`",
        ),
        ("backslash", path("Acme/skills\\..\\evil"), "parted by `/`"),
        ("git", path("Acme/.git/config"), "hidden"),
        ("dotfile", path("Acme/skills/a/.env"), "hidden"),
        ("ci", path("Acme/.github/workflows/x.yml"), "hidden"),
        ("hook", path("Acme/hooks/pre-commit"), "hooks are programs"),
        (
            "hook in a skill",
            path("Acme/skills/a/HOOKS/post-merge"),
            "hooks are programs",
        ),
        (
            "stray program",
            path("Acme/run.sh"),
            "no pack has a file there",
        ),
        ("scratch", path("Acme/state/x"), "no pack has a file there"),
        (
            "device name",
            path("Acme/skills/aux.md"),
            "name of a device",
        ),
        (
            "trailing dot",
            path("Acme/skills/a./SKILL.md"),
            "ends without dot",
        ),
        ("option", path("Acme/skills/-rf"), "begins with a letter"),
        ("stream", path("Acme/skills/a:b"), "not every system"),
        ("escape", path("Acme/skills/\u{1b}[2Ja"), "not every system"),
        (
            "turned name",
            path("Acme/skills/a\u{202e}dm.ed"),
            "not every system",
        ),
        (
            "unseen name",
            path("Acme/skills/a\u{200b}b"),
            "not every system",
        ),
        (
            "decomposed",
            path("Acme/skills/cafe\u{301}"),
            "composed form",
        ),
        ("empty", path(""), "is not below its folder"),
        (
            "folder as a file",
            path("Acme/skills/a/"),
            "leave the folder",
        ),
        (
            "no UTF-8",
            with(
                files,
                Entry {
                    path: b"Acme/skills/\xff\xfe".to_vec(),
                    ..Entry::file("", "x")
                },
            ),
            "not UTF-8",
        ),
        ("a file twice", path("Acme/CLAUDE.md"), "is in it twice"),
        (
            "a manifest twice",
            path("alai-pack.json"),
            "is not below its folder",
        ),
        (
            "by case",
            twins(files, "skills/a/SKILL.md", "skills/A/b.md"),
            "are one name on some systems",
        ),
        (
            "by form",
            twins(files, "skills/a/ﬁle.md", "skills/a/file.md"),
            "are one name on some systems",
        ),
        (
            "file and folder",
            twins(files, "skills/a", "skills/a/SKILL.md"),
            "are one name on some systems",
        ),
    ]
}

fn twins(files: &Files, one: &str, two: &str) -> Vec<u8> {
    let mut files = files.clone();
    files.insert(one.into(), "x".into());
    files.insert(two.into(), "x".into());
    packed("Acme", &files)
}

/// Entries that are no plain files, and sizes that are none.
fn kinds(files: &Files) -> Vec<Case> {
    let kind = |kind: u8, link| with(files, Entry::of_kind("Acme/skills/a", kind, link));
    let mode = |mode| {
        let entry = Entry::file("Acme/skills/a/SKILL.md", "x");
        with(files, Entry { mode, ..entry })
    };
    let sized = |size| {
        let entry = Entry::file("Acme/skills/a/SKILL.md", "x");
        with(
            files,
            Entry {
                size: Some(size),
                ..entry
            },
        )
    };
    let many = |n: usize| {
        let mut files = files.clone();
        files.extend((0..n).map(|n| (format!("skills/a/{n}.md"), "x".to_owned())));
        packed("Acme", &files)
    };
    let heavy = {
        let mut files = files.clone();
        let text = "x".repeat(250 * 1024);
        files.extend((0..40).map(|n| (format!("skills/a/{n}.md"), text.clone())));
        packed("Acme", &files)
    };
    vec![
        ("symbolic link", kind(b'2', "/etc/passwd"), "no links"),
        ("symbolic link inside", kind(b'2', "CLAUDE.md"), "no links"),
        ("hard link", kind(b'1', "/etc/shadow"), "no links"),
        ("character device", kind(b'3', ""), "no devices"),
        ("block device", kind(b'4', ""), "no devices"),
        ("pipe", kind(b'6', ""), "no devices and no pipes"),
        ("folder", kind(b'5', ""), "no plain file"),
        ("long name", kind(b'L', ""), "no plain file"),
        ("long link", kind(b'K', ""), "no plain file"),
        ("extended head", kind(b'x', ""), "no plain file"),
        ("global head", kind(b'g', ""), "no plain file"),
        ("sparse", kind(b'S', ""), "no plain file"),
        ("of some vendor", kind(b'Z', ""), "no plain file"),
        ("executable", mode(0o755), "executable"),
        ("executable by others", mode(0o645), "executable"),
        ("setuid", mode(0o4644), "executable"),
        ("sticky", mode(0o1644), "executable"),
        ("too many", many(501), "more than 500 files"),
        (
            "a file too large",
            known(files, "skills/a/b.md", &"x".repeat(256 * 1024 + 1)),
            "has 262145 bytes",
        ),
        (
            "all too large",
            heavy,
            "more than 500 files or 8388608 bytes",
        ),
        ("a size of 8 GiB", sized(8 << 30), "8589934592 bytes"),
        ("a size beyond the end", sized(200_000), "is cut off"),
        ("bomb", gz(&vec![0; 64 << 20]), "unpacks to more than"),
        (
            "bomb behind the end",
            bomb_behind(files),
            "unpacks to more than",
        ),
    ]
}

/// 32 MiB of zeros behind an honest archive: a kilobyte each on the wire.
fn bomb_behind(files: &Files) -> Vec<u8> {
    let mut bytes = tar(&entries("Acme", files));
    bytes.resize(bytes.len() + (32 << 20), 0);
    gz(&bytes)
}

/// What is in the files, and whether they are what the manifest says.
fn contents(files: &Files) -> Vec<Case> {
    let aliases = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut bomb = String::from("role: &a [x,x,x,x,x,x,x,x,x,x]\n");
    for pair in aliases.windows(2) {
        let many = vec![format!("*{}", pair[0]); 10].join(",");
        bomb.push_str(&format!("k{0}: &{0} [{many}]\n", pair[1]));
    }
    let deep = format!("role: {}{}", "[".repeat(3000), "]".repeat(3000));
    let token = ["ghp", "_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"].concat();
    let soul = format!("{}\nUse {token}.\n", files["CLAUDE.md"]);
    let line = soul.lines().count();
    let key = ["-----BEGIN OPENSSH PRIVATE", " KEY-----\nb3BlbnNzaC1rZXk\n"].concat();
    let secret: &'static str =
        Box::leak(format!("CLAUDE.md:{line} holds a GitHub token").into_boxed_str());
    let mut binary = entries("Acme", files);
    binary.push(Entry {
        bytes: b"\x7fELF\xff\xff".to_vec(),
        ..Entry::file("Acme/skills/a/b.md", "")
    });
    let missing = {
        let mut files = files.clone();
        files.remove("CLAUDE.md");
        packed("Acme", &files)
    };
    let circle = "version: 1\nname: own\nextends: own\nsteps: []\n";
    let endless = "version: 1\nname: own\nsteps:\n  - id: a\n    run: make\n  - id: b\n    uses: branch\n    with: {goto: a}\n";
    let lead = files["agents/lead.yaml"].replace("companies/Acme/**", "companies/Proveo/**");
    let reviewer = files["agents/reviewer.yaml"].replace("[]", "[\"**\"]");
    vec![
        (
            "YAML bomb",
            known(files, "agents/lead.yaml", &bomb),
            "agents/lead.yaml",
        ),
        (
            "deep YAML",
            known(files, "agents/lead.yaml", &deep),
            "agents/lead.yaml",
        ),
        (
            "YAML bomb in a blueprint",
            known(files, "blueprints/own.yaml", &bomb),
            "blueprints/own.yaml",
        ),
        (
            "blueprint in a circle",
            known(files, "blueprints/own.yaml", circle),
            "circle",
        ),
        (
            "endless blueprint",
            known(files, "blueprints/own.yaml", endless),
            "own",
        ),
        (
            "deep JSON",
            known(files, "config.json", &"[".repeat(5000)),
            "config.json",
        ),
        (
            "unknown key",
            card(files, |card| card["sandbox"] = json!("off")),
            "unknown key `sandbox`",
        ),
        ("no soul", missing, "CLAUDE.md"),
        (
            "lead of another's folder",
            known(files, "agents/lead.yaml", &lead),
            "a lead writes only below",
        ),
        (
            "reviewer that writes",
            known(files, "agents/reviewer.yaml", &reviewer),
            "a reviewer cannot write",
        ),
        (
            "another's name",
            card(files, |card| card["aliases"] = json!(["Proveo"])),
            "Proveo",
        ),
        (
            "default of a stage",
            card(files, |card| card["default"] = json!(["build"])),
            "default of stage build",
        ),
        (
            "another company",
            card(files, |card| card["name"] = json!("Proveo")),
            "Proveo",
        ),
        (
            "a model elsewhere",
            {
                let config = files["config.json"].replacen(
                    "\"model\": 2",
                    "\"model\": \"evil.example:exfiltrate\"",
                    1,
                );
                known(files, "config.json", &config)
            },
            "evil.example",
        ),
        ("secret", known(files, "CLAUDE.md", &soul), secret),
        (
            "private key",
            known(files, "skills/a/k.md", &key),
            "skills/a/k.md:1 holds a private key",
        ),
        ("binary", gz(&tar(&binary)), "is no text"),
        (
            "escape sequence",
            known(files, "README.md", "# Acme\n\n\u{1b}]0;x\u{7}\n"),
            "line 3 holds a control character",
        ),
        (
            "zero byte",
            known(files, "README.md", "a\0b"),
            "line 1 holds a control character",
        ),
        (
            "turned text",
            known(files, "README.md", "a\n\u{202e}b"),
            "line 2 holds a mark that turns",
        ),
        (
            "changed file",
            {
                let mut all = entries("Acme", files);
                all.last_mut().expect("a file").bytes.push(b' ');
                gz(&tar(&all))
            },
            "is not what alai-pack.json says (SHA-256)",
        ),
        (
            "file that is not listed",
            with(files, Entry::file("Acme/skills/a/SKILL.md", "x")),
            "is not in alai-pack.json",
        ),
        (
            "file that is missing",
            about(files, |about| {
                about["files"]["skills/a/SKILL.md"] = json!(hash(b"x"))
            }),
            "and not in the archive",
        ),
    ]
}

/// The archive itself.
fn wrappings(files: &Files) -> Vec<Case> {
    let honest = packed("Acme", files);
    let mut behind = tar(&entries("Acme", files));
    behind.extend_from_slice(&tar(&[Entry::file("Acme/skills/a", "x")]));
    let mut checksum = tar(&entries("Acme", files));
    checksum[10] ^= 1;
    let mut last = entries("Acme", files);
    last.rotate_left(1);
    vec![
        ("nothing", Vec::new(), "cannot be read as .tar.gz"),
        ("a text", b"{}".repeat(100), "cannot be read as .tar.gz"),
        (
            "not packed",
            tar(&entries("Acme", files)),
            "cannot be read as .tar.gz",
        ),
        (
            "cut off",
            honest[..honest.len() - 20].to_vec(),
            "cannot be read as .tar.gz",
        ),
        (
            "a second archive behind",
            [honest.clone(), honest.clone()].concat(),
            "more behind its end",
        ),
        (
            "bytes behind",
            [honest.clone(), b"#!/bin/sh".to_vec()].concat(),
            "more behind its end",
        ),
        (
            "an archive behind the end",
            gz(&behind),
            "more behind its end",
        ),
        (
            "a wrong checksum",
            gz(&checksum),
            "cannot be read as .tar.gz",
        ),
        ("an empty archive", gz(&tar(&[])), "has no alai-pack.json"),
        (
            "no manifest",
            gz(&tar(&entries("Acme", files)[1..])),
            "its first file is",
        ),
        (
            "a manifest at the end",
            gz(&tar(&last)),
            "its first file is",
        ),
        (
            "another form",
            about(files, |about| about["format"] = json!(2)),
            "format 2 is not known",
        ),
        (
            "an unknown key",
            about(files, |about| about["run"] = json!("sh")),
            "unknown field `run`",
        ),
        (
            "a name with a way out",
            about(files, |about| about["name"] = json!("../Acme")),
            "a name is a letter",
        ),
        (
            "a name of a device",
            about(files, |about| about["name"] = json!("con")),
            "name of a device",
        ),
        (
            "a name with an escape",
            about(files, |about| about["name"] = json!("A\u{1b}[2J")),
            "a name is a letter",
        ),
        (
            "another version",
            about(files, |about| about["version"] = json!("9.9.9")),
            "its version is another one",
        ),
    ]
}

#[test]
fn no_hostile_archive_comes_in() {
    let (world, files) = acme();
    let before = companies(&world);
    let cases: Vec<Case> = [
        names(&files),
        kinds(&files),
        contents(&files),
        wrappings(&files),
    ]
    .concat();
    assert!(cases.len() > 90, "{}", cases.len());
    let mut wrong = Vec::new();
    for (what, bytes, said) in &cases {
        std::fs::write(world.path("hostile.tar.gz"), bytes).expect("written");
        let args = [
            "company",
            "import",
            "hostile.tar.gz",
            "--yes",
            "--allow-commands",
        ];
        let ran = world.alai(args);
        let raw = ran.out.contains('\u{1b}') || ran.err.contains(['\u{1b}', '\u{202e}']);
        if ran.code != 1 || !ran.err.contains(said) || raw {
            wrong.push(format!("{what} (wants `{said}`): {ran}"));
        }
        if companies(&world) != before {
            panic!("{what} has changed the home");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The same steps with nothing hostile in them: it is not refused for another reason.
    std::fs::write(world.path("honest.tar.gz"), packed("Acme", &files)).expect("written");
    world
        .alai(["company", "import", "honest.tar.gz", "--yes"])
        .exits(0);
    assert_eq!(companies(&world), before);
}

/// What is no file has no end, and what is too large is not read.
#[test]
fn only_a_plain_file_is_read() {
    let (world, _) = acme();
    let before = companies(&world);
    let large = std::fs::File::create(world.path("large.tar.gz")).expect("made");
    large.set_len(9 << 20).expect("a hole");
    for path in ["/dev/zero", "large.tar.gz", "."] {
        world
            .alai(["company", "import", path, "--yes"])
            .exits(2)
            .says("no archive of a company");
    }
    assert_eq!(companies(&world), before);
}
