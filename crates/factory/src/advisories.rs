//! The advisories of the home: a file named by its own hash, and a signed line that says which one is in force. Whoever can write the
//! home but has not the gate's key changes neither unseen.

use std::path::{Path, PathBuf};

use alai_core::time::utc;
use alai_fleet::download::{DownloadError, download};
use alai_gate::advisories::{Advisories, AdvisoryError, Snapshot};
use alai_gate::evidence::{advice, key};
use alai_workspace::files;
use sha2::{Digest, Sha256};

use crate::home::Home;

/// The signed line, in the folder.
const IN_FORCE: &str = "in-force.dsse.json";

/// What is fetched, while it is read.
const FETCHED: &str = "fetched";
/// The archive of the largest ecosystem has some hundred megabytes.
const DOWNLOAD_BYTES_MAX: u64 = 1 << 30;

/// Why the home's advisories could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error(transparent)]
    Advisory(#[from] AdvisoryError),
    #[error("cannot use {}: {why}", path.display())]
    File { path: PathBuf, why: String },
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error("there is no snapshot to update, and no address to fetch one from")]
    NoSource,
    /// Somebody put older files back.
    #[error("{what} is of {found}, older than what is in force, of {known}")]
    Older {
        what: String,
        found: String,
        known: String,
    },
    /// The line or the file is not what was signed.
    #[error("the advisories in {} are not what was imported: {why}", path.display())]
    NotSigned { path: PathBuf, why: String },
}

fn folder(home: &Home) -> PathBuf {
    home.root().join("advisories")
}

fn file_error(path: &Path) -> impl Fn(&dyn std::fmt::Display) -> ShelfError + '_ {
    move |why| ShelfError::File {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

/// Reads a file or folder in the form of OSV and puts it in force. What was there before is removed.
///
/// # Errors
/// When it cannot be read whole, or not be written; then what was in force stays.
pub fn import(home: &Home, source: &Path, now_ms: i64) -> Result<Snapshot, ShelfError> {
    put(home, Snapshot::read(source, now_ms)?, now_ms)
}

/// Reads again what was imported last, or what stands under the configured addresses, and puts it in force.
///
/// # Errors
/// As [`import`]; when an address does not answer, there is neither address nor import, or it is older than what is in force.
pub fn update(home: &Home, urls: &[String], now_ms: i64) -> Result<Snapshot, ShelfError> {
    let known = snapshot(home)?;
    let fresh = match (urls, &known) {
        ([], None) => return Err(ShelfError::NoSource),
        ([], Some(known)) => Snapshot::read(&known.source, now_ms)?,
        (urls, _) => downloaded(home, urls, now_ms)?,
    };
    if let Some(known) = known.filter(|known| fresh.as_of_ms < known.as_of_ms) {
        return Err(ShelfError::Older {
            what: fresh.source.display().to_string(),
            found: utc(fresh.as_of_ms),
            known: utc(known.as_of_ms),
        });
    }
    put(home, fresh, now_ms)
}

fn downloaded(home: &Home, urls: &[String], now_ms: i64) -> Result<Snapshot, ShelfError> {
    let folder = folder(home);
    let failed = file_error(&folder);
    let fetched = folder.join(FETCHED);
    // What a kill left of an earlier one.
    files::remove(&fetched).map_err(|e| failed(&e))?;
    files::private_dir_all(&fetched).map_err(|e| failed(&e))?;
    let read = fetch(&fetched, urls, now_ms);
    files::remove(&fetched).map_err(|e| failed(&e))?;
    read
}

fn fetch(fetched: &Path, urls: &[String], now_ms: i64) -> Result<Snapshot, ShelfError> {
    for (at, url) in urls.iter().enumerate() {
        let ending = match url.ends_with(".zip") {
            true => "zip",
            false => "json",
        };
        let to = fetched.join(format!("{at}.{ending}"));
        download(url, &to, DOWNLOAD_BYTES_MAX)?;
    }
    let mut read = Snapshot::read(fetched, now_ms)?;
    read.source = urls.join(" ").into();
    Ok(read)
}

fn put(home: &Home, snapshot: Snapshot, now_ms: i64) -> Result<Snapshot, ShelfError> {
    let folder = folder(home);
    let failed = file_error(&folder);
    let key = key::load_or_create(&home.gate_key()).map_err(|e| failed(&e))?;
    files::private_dir_all(&folder).map_err(|e| failed(&e))?;
    let bytes = serde_json::to_vec(&snapshot).map_err(|e| failed(&e))?;
    let hash = hex::encode(Sha256::digest(&bytes));
    files::write_atomic(&folder.join(name(&hash)), &bytes).map_err(|e| failed(&e))?;
    let line = advice::sign(&hash, now_ms, &key);
    files::write_atomic(&folder.join(IN_FORCE), line.as_bytes()).map_err(|e| failed(&e))?;
    let entries = std::fs::read_dir(&folder).map_err(|e| failed(&e))?;
    for entry in entries.flatten() {
        let old = entry.file_name();
        if old != IN_FORCE && old != name(&hash).as_str() {
            files::remove(&entry.path()).map_err(|e| failed(&e))?;
        }
    }
    Ok(snapshot)
}

fn name(hash: &str) -> String {
    format!("{hash}.json")
}

/// What is in force. `None` in a home that never had any.
///
/// # Errors
/// When it is not what was signed, or cannot be read: then nothing is in force.
pub fn snapshot(home: &Home) -> Result<Option<Snapshot>, ShelfError> {
    let folder = folder(home);
    let failed = file_error(&folder);
    let spoiled = |why: &str| ShelfError::NotSigned {
        path: folder.clone(),
        why: why.to_owned(),
    };
    let line = match std::fs::read_to_string(folder.join(IN_FORCE)) {
        Ok(line) => line,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(&e)),
    };
    let pinned = std::fs::read_to_string(home.gate_public_key()).map_err(|e| failed(&e))?;
    let pinned = pinned.trim().parse().map_err(|e| failed(&e))?;
    let hash = advice::open(&line, &pinned).map_err(|why| spoiled(&why))?;
    let bytes = std::fs::read(folder.join(name(&hash))).map_err(|e| spoiled(&e.to_string()))?;
    if hex::encode(Sha256::digest(&bytes)) != hash {
        return Err(spoiled("a byte of them was changed"));
    }
    let read = serde_json::from_slice(&bytes).map_err(|e| spoiled(&e.to_string()))?;
    Ok(Some(read))
}

/// The same, made ready for the gate. What cannot be believed is none, and is told in the log.
pub(crate) fn in_force(home: &Home, now_ms: i64) -> Option<Advisories> {
    match snapshot(home) {
        Ok(found) => found.map(|snapshot| Advisories::new(snapshot, now_ms)),
        Err(e) => {
            tracing::warn!(
                "{e}; a person judges every changed lockfile until `alai qa advisories import`"
            );
            None
        }
    }
}
