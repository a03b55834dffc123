//! Archives as an honest exporter writes them, and as nobody should.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

pub(super) type Files = BTreeMap<String, String>;

/// One entry, with every byte of its head at hand.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) bytes: Vec<u8>,
    pub(super) kind: u8,
    pub(super) mode: u32,
    pub(super) link: &'static str,
    /// What the head says, where it is not the truth.
    pub(super) size: Option<u64>,
}

impl Entry {
    pub(super) fn file(path: &str, text: &str) -> Entry {
        Entry {
            path: path.as_bytes().to_owned(),
            bytes: text.as_bytes().to_owned(),
            kind: b'0',
            mode: 0o644,
            link: "",
            size: None,
        }
    }

    pub(super) fn of_kind(path: &str, kind: u8, link: &'static str) -> Entry {
        Entry {
            kind,
            link,
            ..Entry::file(path, "")
        }
    }

    fn write(&self, into: &mut Vec<u8>) {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::new(self.kind));
        header.set_mode(self.mode);
        header.set_size(self.size.unwrap_or(self.bytes.len() as u64));
        if !self.link.is_empty() {
            header.set_link_name(self.link).expect("a link's target");
        }
        let name = self.path.len().min(100);
        header.as_mut_bytes()[..name].copy_from_slice(&self.path[..name]);
        header.set_cksum();
        into.extend_from_slice(header.as_bytes());
        into.extend_from_slice(&self.bytes);
        into.resize(into.len().next_multiple_of(512), 0);
    }
}

/// The pack in a folder.
pub(super) fn files_below(dir: &Path) -> Files {
    let mut found = Files::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let inside = path.strip_prefix(dir).expect("inside").to_string_lossy();
            match path.is_dir() {
                true if matches!(&*inside, "logs" | "state") => {}
                true => folders.push(path),
                false => {
                    let text = std::fs::read_to_string(&path).expect("a text");
                    found.insert(inside.into_owned(), text);
                }
            }
        }
    }
    found
}

pub(super) fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(super) fn manifest(name: &str, files: &Files) -> String {
    let hashes: BTreeMap<&String, String> = files
        .iter()
        .map(|(path, text)| (path, hash(text.as_bytes())))
        .collect();
    let card: serde_json::Value = serde_json::from_str(&files["company.json"]).expect("JSON");
    json!({
        "format": 1,
        "name": name,
        "version": card["version"],
        "files": hashes,
        "placeholders": [],
    })
    .to_string()
}

/// The entries of an honest archive.
pub(super) fn entries(name: &str, files: &Files) -> Vec<Entry> {
    let mut entries = vec![Entry::file("alai-pack.json", &manifest(name, files))];
    let all = files
        .iter()
        .map(|(path, text)| Entry::file(&format!("{name}/{path}"), text));
    entries.extend(all);
    entries
}

pub(super) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| entry.write(&mut bytes));
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

/// An honest archive of these files.
pub(super) fn packed(name: &str, files: &Files) -> Vec<u8> {
    gz(&tar(&entries(name, files)))
}
