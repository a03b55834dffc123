//! Packs on a disk without room: what does not fit comes in by no half, and the packs in force stay in force.

use std::collections::BTreeSet;

use alai_testkit::ollama::{Behaviour, OllamaTwin};
use serde_json::Value;

use super::SmallDisk;
use crate::wire::good;
use crate::world::{Ran, World};

/// The whole home, on the small disk.
const HOME_THERE: &str = r#"
cp -a "$ALAI_HOME" home-aside &&
mount -t tmpfs -o "size=$SIZE,mode=0700" tmpfs "$ALAI_HOME" &&
cp -a home-aside/. "$ALAI_HOME"
"#;

/// Every entry below the companies, with the hash of each file.
const ENTRIES: &str = r#"
cd "$ALAI_HOME/companies" && find . -printf '%y %m %p\n' | sort && find . -type f -exec sha256sum {} + | sort
"#;

/// Fills the disk but for some pages of 4 KB.
const FILL_BUT: &str = r#"
rm -f "$ALAI_HOME/filler"
free=$(df --output=avail -B4096 "$ALAI_HOME" | tail -1)
head -c $(( (free - $1) * 4096 )) /dev/zero > "$ALAI_HOME/filler"
test "$(df --output=avail -B4096 "$ALAI_HOME" | tail -1)" -eq "$1"
"#;

/// Leaves so many new names of files.
const NAMES_BUT: &str = r#"
used=$(df --output=iused "$ALAI_HOME" | tail -1)
mount -o remount,nr_inodes=$(( used + $1 )) "$ALAI_HOME"
"#;

/// More of either than an import needs.
const PLENTY: usize = 200;

impl SmallDisk<'_> {
    fn entries(&self) -> String {
        self.sh(ENTRIES).exits(0).out
    }

    /// Leaves so much room and no more.
    fn leaves(&self, script: &str, left: usize) {
        let left = left.to_string();
        crate::world::run(self.shell(script, &[&left])).exits(0);
    }

    fn makes_room(&self) {
        self.sh(r#"rm "$ALAI_HOME/filler""#).exits(0);
    }

    /// What an import has left over.
    fn left_over(&self) -> String {
        self.sh(r#"ls -A "$ALAI_HOME/cache" | grep -e '^pack-' -e '^\.tmp' || true"#)
            .exits(0)
            .out
    }
}

/// A home in which `Acme` is, and a newer pack of it in `acme.tar.gz`.
fn with_a_newer_acme(world: &World) {
    let other = world.path("other").display().to_string();
    let there = |args: &[&str]| world.alai([&["--home", &other], args].concat()).exits(0);
    there(&["init"]);
    for (home, version) in [(world.home(), "1.0.0"), (world.path("other"), "2.0.0")] {
        let home_arg = home.display().to_string();
        let new = [
            "--home", &home_arg, "company", "new", "Acme", "--stage", "build",
        ];
        world.alai(new).exits(0);
        let card = home.join("companies/Acme/company.json");
        let text = std::fs::read_to_string(&card).expect("a card");
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        value["version"] = version.into();
        std::fs::write(&card, value.to_string()).expect("a person edits it");
    }
    there(&["company", "export", "Acme", "acme.tar.gz"]);
    // Notes of the company's lead come along, and need room, too.
    let notes = world.home().join("companies/Acme/state/1");
    std::fs::create_dir_all(&notes).expect("a folder");
    std::fs::write(notes.join("notes.md"), "n".repeat(20_000)).expect("notes");
}

const IMPORT: [&str; 4] = ["company", "import", "acme.tar.gz", "--yes"];

/// What somebody is told whose disk is full, and which file it was.
fn said_full(ran: &Ran) -> String {
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("No space left on device"), "{ran}");
    assert!(
        ran.err.contains(
            "nothing of it is in the home; free some space there and give the command again"
        ),
        "{ran}"
    );
    let first = ran.err.lines().next().expect("an error");
    first.to_owned()
}

/// With each page that an import needs missing in turn, and each name: all of the old pack, until all of the new one.
#[test]
fn an_import_that_does_not_fit_leaves_the_old_pack_whole() {
    let world = World::with_home();
    with_a_newer_acme(&world);
    let disk = SmallDisk::mount_then(&world, "48m", HOME_THERE);
    for script in [FILL_BUT, NAMES_BUT] {
        let old = disk.entries();
        let mut said = BTreeSet::new();
        let fitted = (0..PLENTY).find(|left| {
            disk.leaves(script, *left);
            let ran = disk.alai(&IMPORT);
            if ran.code == 0 {
                return true;
            }
            said.insert(world.redact(&said_full(&ran)));
            assert_eq!(disk.entries(), old, "with {left} left: {ran}");
            assert_eq!(disk.left_over(), "", "with {left} left: {ran}");
            if left == &0 {
                // What is there works as ever, also where nothing new can be kept.
                disk.alai(&["company", "validate", "Acme"]).exits(0);
            }
            false
        });
        assert!(fitted > Some(8), "{fitted:?}: {said:?}");
        assert!(
            said.len() > 5,
            "it ran out of room at several files: {said:?}"
        );
        disk.alai(&["company", "list"]).exits(0).says("2.0.0");
        assert_ne!(disk.entries(), old, "the new one is there");
        assert_eq!(disk.left_over(), "");
        disk.sh(r#"rm -f "$ALAI_HOME/filler"; mount -o remount,nr_inodes=100000 "$ALAI_HOME""#)
            .exits(0);
        // The same once more, for the other kind of room.
        disk.sh(r#"rm -r "$ALAI_HOME/companies/Acme" && cp -a home-aside/companies/Acme "$ALAI_HOME/companies/""#)
            .exits(0);
    }
}

#[test]
fn what_does_not_fit_is_neither_made_nor_exported_by_half() {
    let world = World::with_home();
    let disk = SmallDisk::mount_then(&world, "48m", HOME_THERE);
    let old = disk.entries();
    disk.leaves(FILL_BUT, 3);
    let new = ["company", "new", "Acme", "--stage", "build"];
    said_full(&disk.alai(&new));
    assert_eq!(disk.entries(), old);
    assert_eq!(disk.left_over(), "");
    // An archive of half a pack would be taken for a whole one, and could not be written over.
    let archive = world.home().join("CodeCraft.tar.gz").display().to_string();
    let export = ["company", "export", "CodeCraft", &archive];
    disk.leaves(FILL_BUT, 1);
    disk.alai(&export)
        .exits(1)
        .says("No space left on device")
        .says("nothing was written; free some space there and give the command again");
    disk.sh(&format!("test ! -e '{archive}'")).exits(0);
    disk.makes_room();
    disk.alai(&export).exits(0);
    disk.alai(&new).exits(0);
    disk.alai(&["company", "import", &archive, "--yes"])
        .exits(0)
        .says("nothing changes");
}

/// A person copies a pack into a home whose disk is full: a half of it. Nothing of it is in force, the others are, and all is well
/// once there is room.
#[test]
fn a_pack_that_was_copied_by_half_is_not_in_force_and_the_others_are() {
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    with_a_newer_acme(&world);
    std::fs::rename(world.home().join("companies/Acme"), world.path("Acme")).expect("moved away");
    let disk = SmallDisk::mount_then(&world, "256m", HOME_THERE);
    // Runs lie on a disk of their own.
    disk.sh(r#"mkdir -p "$ALAI_HOME/runs" && mount -t tmpfs -o size=8g,mode=0700 tmpfs "$ALAI_HOME/runs""#)
        .exits(0);
    let daemon = disk.up();
    disk.leaves(FILL_BUT, 4);
    let copied = disk.sh(r#"cp -r Acme "$ALAI_HOME/companies/Acme""#);
    assert_ne!(copied.code, 0, "it does not fit: {copied}");
    daemon.says("packs: a change is refused, the ones before it are in force: Acme/");
    disk.alai(&["status"])
        .exits(0)
        .says("works without what it breaks");
    let why =
        disk.alai(&["status", "--json"]).exits(0).json()["daemon"]["packs_refused"]["why"].clone();
    assert!(
        why.as_str().is_some_and(|why| why.starts_with("Acme/")),
        "{why}"
    );
    // A process that reads them for the first time says the same of Acme and works with the others.
    disk.alai(&["company", "validate", "Acme"])
        .exits(5)
        .says("Acme/");
    disk.alai(&["company", "info", "CodeCraft"]).exits(0);

    // With room for the work, and the pack still a half: the others work.
    disk.makes_room();
    let enqueue = |title: &str, company: &str| {
        disk.alai(&[
            "minion",
            "enqueue",
            title,
            "--project",
            "tiny",
            "--company",
            company,
        ])
    };
    enqueue("Add initials", "Acme")
        .exits(3)
        .says("no company is called `Acme`");
    enqueue("Add initials", "CodeCraft").exits(0);
    let state = |id: &str| {
        disk.alai(&["mc", "show", id, "--json"]).exits(0).json()["view"]["task"]["state"].clone()
    };
    world.until("the first is done", |_| {
        (state("1") == "done").then_some(())
    });
    disk.sh(r#"cp -r Acme/. "$ALAI_HOME/companies/Acme""#)
        .exits(0);
    world.until("the whole pack is in force", |_| {
        let status = disk.alai(&["status", "--json"]).exits(0).json();
        status["daemon"]["packs_refused"].is_null().then_some(())
    });
    enqueue("Add initials again", "Acme").exits(0);
    world.until("the second is done", |_| {
        (state("2") == "done").then_some(())
    });
    disk.alai(&["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}

/// A change that fits is in force although its cache does not fit.
#[test]
fn a_change_is_in_force_where_its_cache_has_no_room() {
    const OLD: &str = "We answer in Bosnian.  ";
    const NEW: &str = "We answer in Norwegian.";
    let twin = OllamaTwin::start(Behaviour::by(good));
    let world = World::with_model_at("auto", &twin.url());
    let soul = world.home().join("companies/CodeCraft/CLAUDE.md");
    let text = std::fs::read_to_string(&soul).expect("a soul");
    let with = |line: &str| text.replacen("## Essence\n", &format!("## Essence\n\n{line}\n"), 1);
    std::fs::write(&soul, with(OLD)).expect("a person edits it");
    std::fs::write(world.path("new-soul"), with(NEW)).expect("written");
    let disk = SmallDisk::mount_then(&world, "256m", HOME_THERE);
    disk.sh(r#"mkdir -p "$ALAI_HOME/runs" && mount -t tmpfs -o size=8g,mode=0700 tmpfs "$ALAI_HOME/runs""#)
        .exits(0);
    let daemon = disk.up();
    let kept = r#"sha256sum "$ALAI_HOME/cache/packs""#;
    let before = disk.sh(kept).exits(0).out;
    disk.leaves(FILL_BUT, 2);
    disk.sh(r#"dd if=new-soul of="$ALAI_HOME/companies/CodeCraft/CLAUDE.md" conv=notrunc"#)
        .exits(0);
    disk.alai(&["company", "info", "CodeCraft"])
        .exits(0)
        .says(NEW);
    assert_eq!(disk.sh(kept).exits(0).out, before, "nothing could be kept");
    assert_eq!(disk.left_over(), "");
    disk.makes_room();
    disk.alai(&[
        "minion",
        "enqueue",
        "Add initials",
        "--project",
        "tiny",
        "--company",
        "CodeCraft",
    ])
    .exits(0);
    let told = || {
        let chats = twin.chats();
        let texts: Vec<String> = chats
            .iter()
            .map(|chat| chat["messages"][0]["content"].to_string())
            .collect();
        texts
            .into_iter()
            .filter(|text| text.contains("We answer in"))
            .collect::<Vec<_>>()
    };
    let first = world.until("an agent is told of its company", |_| {
        told().into_iter().next()
    });
    assert!(
        first.contains(NEW) && !first.contains(OLD.trim()),
        "{first}"
    );
    disk.alai(&["down", "--now"]).exits(0);
    daemon.ends().exits(0);
}
