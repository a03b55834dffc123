//! What a probe found, kept from one process to the next: a command that lives for a second need not make a cage first to learn
//! what makes cages here.
//!
//! It is only ever a choice between layers. Whatever is written there, pid 1 of each cage puts every layer in force again and
//! starts nothing where one is lacking. The file names all that the choice depends on, and is one of ours alone.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::launcher;
use super::probe::Layers;
use super::{bwrap, spec};
use crate::versions::stamp;
use crate::{files, sys};

/// Of a file that we have written; the names of some ten layers.
const BYTES_MAX: u64 = 16 << 10;

static PLACE: Mutex<Option<PathBuf>> = Mutex::new(None);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Of all that the answer depends on.
    key: String,
    layers: Layers,
}

/// Names the file in which this process looks up, and keeps, what a probe finds. Only we may write to its folder.
pub fn set_known(file: PathBuf) {
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
}

/// What a former process found, where nothing has changed since.
pub(super) fn recall(forced: Option<&str>) -> Option<Layers> {
    let file = place()?;
    let size = fs::symlink_metadata(&file)
        .ok()
        .filter(fs::Metadata::is_file)?
        .len();
    let text = (size <= BYTES_MAX)
        .then(|| fs::read(&file).ok())
        .flatten()?;
    let known: Known = serde_json::from_slice(&text).ok()?;
    (known.key == key(forced)?).then_some(known.layers)
}

/// Keeps what was found, or forgets what was known. Where it cannot be kept the next process looks for itself.
pub(super) fn keep(found: Option<&Layers>, forced: Option<&str>) {
    let Some(file) = place() else {
        return;
    };
    let written = found.and_then(|layers| {
        let known = Known {
            key: key(forced)?,
            layers: layers.clone(),
        };
        let text = serde_json::to_vec(&known).ok()?;
        files::write_atomic(&file, &text).ok()
    });
    if written.is_none() {
        let _ = fs::remove_file(&file);
    }
}

fn place() -> Option<PathBuf> {
    PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The start of the machine, the user, the two executables, and the switches of the kernel that namespaces hang on. `None`
/// where one of them cannot be told: then nothing is known.
fn key(forced: Option<&str>) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let (uid, gid) = sys::ids();
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    };
    add(&boot);
    add(&format!("{uid} {gid} {:?} {forced:?}", spec::agent_ids()));
    add(&stamp(&launcher::launcher().ok()?)?);
    add(&bwrap::executable()
        .and_then(|path| stamp(&path))
        .unwrap_or_default());
    for switch in [
        "/proc/sys/user/max_user_namespaces",
        "/proc/sys/user/max_net_namespaces",
        "/proc/sys/kernel/unprivileged_userns_clone",
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "/proc/self/status",
    ] {
        add(&said(switch));
    }
    Some(hex::encode(hash.finalize()))
}

/// What a file of the kernel says; of a process's own status, what it may do.
fn said(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lasting = |line: &&str| {
        ["Cap", "NoNewPrivs", "Seccomp:"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    match path.ends_with("status") {
        true => text.lines().filter(lasting).collect(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cage::Layer;

    #[test]
    fn what_was_found_is_known_until_something_changes() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("cage.json");
        set_known(file.clone());
        let found = Layers {
            layer: Layer::Own,
            names: vec!["own namespaces".to_owned(), "seccomp".to_owned()],
        };
        assert_eq!(recall(None), None);
        keep(Some(&found), None);
        assert_eq!(recall(None), Some(found.clone()));
        // Somebody asks for a certain layer now.
        assert_eq!(recall(Some("bwrap")), None);
        // Another start of the machine, or another executable: another key.
        let text = fs::read_to_string(&file).expect("written");
        let key = key(None).expect("all of it can be told");
        fs::write(&file, text.replace(&key, &"0".repeat(64))).expect("changed");
        assert_eq!(recall(None), None);
        fs::write(&file, "{").expect("half written");
        assert_eq!(recall(None), None);
        keep(Some(&found), None);
        keep(None, None);
        assert!(!file.exists());
        std::os::unix::fs::symlink("/dev/zero", &file).expect("a link");
        assert_eq!(recall(None), None);
    }
}
