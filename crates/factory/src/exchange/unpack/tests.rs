//! Archives as a stranger would make them: whatever is taken is plain files of a pack, below its folder, as its manifest says.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Component, Path};

use alai_core::parcel::PATH_BYTES_MAX;
use alai_testkit::fuzz::{self, Dice};
use flate2::{Compression, write::GzEncoder};
use tar::{EntryType, Header};

use super::*;

const FOLDER: &str = "Alpha";

struct Made {
    name: String,
    kind: EntryType,
    mode: u32,
    text: String,
    /// What its head says, where that is not so.
    size: Option<u64>,
}

impl Made {
    fn plain(name: &str, text: &str) -> Made {
        Made {
            name: name.to_owned(),
            kind: EntryType::Regular,
            mode: 0o644,
            text: text.to_owned(),
            size: None,
        }
    }

    fn is_plain(&self) -> bool {
        self.kind == EntryType::Regular && self.mode & ACTING_MODE == 0 && self.size.is_none()
    }
}

/// The archive, with the hash of each text in its manifest; a head is written as it is, whatever it names.
fn archive(entries: &[Made]) -> Vec<u8> {
    let hash = |made: &Made| hex::encode(Sha256::digest(made.text.as_bytes()));
    let inside = |made: &Made| {
        let rest = made.name.strip_prefix("Alpha/").unwrap_or(&made.name);
        rest.to_owned()
    };
    let manifest = Manifest {
        format: FORMAT,
        name: FOLDER.to_owned(),
        version: "1.0.0".to_owned(),
        files: entries
            .iter()
            .map(|made| (inside(made), hash(made)))
            .collect(),
        placeholders: Vec::new(),
    };
    let manifest = serde_json::to_string(&manifest).expect("JSON");
    let first = Made::plain(MANIFEST, &manifest);
    let mut tar = Vec::new();
    for made in std::iter::once(&first).chain(entries) {
        let mut header = Header::new_gnu();
        let name = made.name.as_bytes();
        let fits = name.len().min(PATH_BYTES_MAX);
        header.as_old_mut().name[..fits].copy_from_slice(&name[..fits]);
        header.set_entry_type(made.kind);
        header.set_mode(made.mode);
        header.set_size(made.size.unwrap_or(made.text.len() as u64));
        header.set_cksum();
        tar.extend(header.as_bytes());
        tar.extend(made.text.as_bytes());
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    packed(&tar)
}

fn packed(tar: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(tar).expect("packed");
    gz.finish().expect("packed")
}

fn drawn(dice: &mut Dice) -> Made {
    const NAMES: [&str; 18] = [
        "company.json",
        "CLAUDE.md",
        "agents/lead.yaml",
        "agents/LEAD.yaml",
        "skills/x/SKILL.md",
        "blueprints/fix.yaml",
        "../outside",
        "/etc/passwd",
        "a//b",
        "a/./b",
        "agents/../../b",
        "agents\\lead",
        ".git/config",
        "CON",
        "\u{e9}.md",
        "e\u{301}.md",
        "",
        "a\u{202e}b.md",
    ];
    const PIECES: [&str; 7] = ["/", "..", ".", "\0", "\n", "\u{a0}", "Alpha/"];
    const KINDS: [EntryType; 6] = [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Fifo,
        EntryType::GNULongName,
        EntryType::XHeader,
    ];
    let mut name = format!("{FOLDER}/{}", dice.pick(&NAMES));
    if dice.one_in(4) {
        name = dice.mutated(&name, &PIECES);
    }
    let mut made = Made::plain(&name, &dice.text(&["ok\n", "# A\n", "\u{202e}", "\0"], 3));
    if dice.one_in(12) {
        made.kind = *dice.pick(&KINDS);
    }
    if dice.one_in(12) {
        made.mode = *dice.pick(&[0o755, 0o4644, 0o1644, 0o600]);
    }
    if dice.one_in(12) {
        made.size = Some(made.text.len() as u64 + 1 + dice.roll() % 600);
    }
    made
}

#[test]
fn parcels() {
    fuzz::run("parcels", |dice| {
        let entries: Vec<Made> = (0..dice.below(4)).map(|_| drawn(dice)).collect();
        let archive = archive(&entries);
        let Ok(parcel) = unpack(&archive) else {
            return;
        };
        assert!(entries.iter().all(Made::is_plain));
        assert_eq!(parcel.files.len(), entries.len());
        for path in parcel.files.keys() {
            let mut parts = Path::new(path).components();
            let inside = parts.all(|part| matches!(part, Component::Normal(_)));
            let odd = |c: char| c.is_control() || c == '\\';
            assert!(
                inside && !path.is_empty() && !path.contains(odd),
                "{path:?}"
            );
            assert!(
                !path
                    .split('/')
                    .any(|part| part.is_empty() || part == ".git"),
                "{path:?}"
            );
        }
        let folded: BTreeSet<String> = parcel
            .files
            .keys()
            .map(|path| path.to_lowercase())
            .collect();
        assert_eq!(folded.len(), parcel.files.len());
        // Another byte gives the same or nothing.
        let changed = dice.mutated_bytes(&archive, &["\0", "PK", "\u{1f}"]);
        if let Ok(other) = unpack(&changed) {
            assert_eq!(other, parcel);
        }
    });
}

/// So that what is refused is refused for what was done to it.
#[test]
fn plain_files_are_taken_and_one_that_acts_is_not() {
    let plain = || Made::plain("Alpha/agents/lead.yaml", "ok\n");
    let parcel = unpack(&archive(&[
        plain(),
        Made::plain("Alpha/CLAUDE.md", "# A\n"),
    ]));
    assert_eq!(parcel.expect("a parcel").files.len(), 2);
    for (made, why) in [
        (
            Made {
                mode: 0o755,
                ..plain()
            },
            "executable",
        ),
        (
            Made {
                kind: EntryType::Symlink,
                ..plain()
            },
            "no links",
        ),
        (
            Made {
                size: Some(4),
                ..plain()
            },
            "SHA-256",
        ),
        (Made::plain("Alpha/../x", "ok\n"), "Alpha/../x"),
        (Made::plain("Beta/x", "ok\n"), "not below its folder"),
    ] {
        let refused = unpack(&archive(&[made])).expect_err(why).to_string();
        assert!(refused.contains(why), "{refused}");
    }
}
