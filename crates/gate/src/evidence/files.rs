//! Files of a package: written whole or not at all, never through a symbolic link, read with a bound.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Larger files are no evidence of one run; the cage keeps far less of each output.
pub(super) const FILE_BYTES_MAX: u64 = 256 << 20;
/// A run of 80 turns leaves some hundred outputs.
pub(super) const FILES_MAX: usize = 10_000;

/// Why a package could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    #[error("the evidence {} could not be {doing}: {why}", path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        why: String,
    },
    #[error("the evidence {} {why}", path.display())]
    Refused { path: PathBuf, why: String },
}

pub(super) fn io<'a>(
    path: &'a Path,
    doing: &'static str,
) -> impl Fn(std::io::Error) -> EvidenceError + 'a {
    move |error| EvidenceError::Io {
        path: path.to_owned(),
        doing,
        why: error.to_string(),
    }
}

/// The effective user of this process.
#[allow(unsafe_code)] // The call has no arguments and cannot fail; std has no safe form of it.
pub(super) fn our_uid() -> u32 {
    // SAFETY: geteuid reads a number of the calling process and touches no memory of ours.
    unsafe { libc::geteuid() }
}

/// A name beside the file that nobody else uses.
pub(super) fn staging_name(path: &Path) -> std::io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|e| std::io::Error::other(e.to_string()))?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(path.with_file_name(format!(".{name}.{}.tmp", hex::encode(random))))
}

pub(super) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a file of a package: a reader sees the old one or the new one, also after a crash.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), EvidenceError> {
    let staged = staging_name(path).map_err(io(path, "written"))?;
    let written = (|| {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&staged)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&staged, path)?;
        sync_folder_of(path)
    })();
    written.map_err(|error| {
        // What is left of a failed write would be a file that nobody listed; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(&staged);
        io(path, "written")(error)
    })
}

/// Reads a plain file, refusing links, devices and what is too large.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, EvidenceError> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(io(path, "opened"))?;
    let seen = file.metadata().map_err(io(path, "looked at"))?;
    let refused = |why: &str| {
        Err(EvidenceError::Refused {
            path: path.to_owned(),
            why: why.to_owned(),
        })
    };
    if !seen.is_file() {
        return refused("is no plain file");
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(io(path, "read"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return refused("is larger than evidence may be");
    }
    Ok(bytes)
}

/// Makes a folder that only we enter, or takes one that is already there and is no link.
pub(super) fn folder(path: &Path) -> Result<(), EvidenceError> {
    use std::os::unix::fs::DirBuilderExt;
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return sync_folder_of(path).map_err(io(path, "made")),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(path, "made")(error)),
    }
    match std::fs::symlink_metadata(path) {
        Ok(seen) if seen.is_dir() => Ok(()),
        Ok(_) => Err(EvidenceError::Refused {
            path: path.to_owned(),
            why: "is no folder of ours".into(),
        }),
        Err(error) => Err(io(path, "looked at")(error)),
    }
}

/// Every plain file below a folder, `/`-separated from its top; anything else is named in the second list.
pub(super) fn list(root: &Path) -> Result<(Vec<String>, Vec<String>), EvidenceError> {
    let (mut plain, mut odd) = (Vec::new(), Vec::new());
    let mut open = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        for entry in std::fs::read_dir(&folder).map_err(io(&folder, "listed"))? {
            let entry = entry.map_err(io(&folder, "listed"))?;
            let Ok(name) = entry.file_name().into_string() else {
                odd.push(format!("{prefix}(a name that is no text)"));
                continue;
            };
            let kind = entry.file_type().map_err(io(&folder, "listed"))?;
            let path = format!("{prefix}{name}");
            if kind.is_dir() {
                open.push((entry.path(), format!("{path}/")));
            } else if kind.is_file() {
                plain.push(path);
            } else {
                odd.push(path);
            }
            if plain.len() + odd.len() + open.len() > FILES_MAX {
                let why = format!("holds more than {FILES_MAX} files");
                return Err(EvidenceError::Refused {
                    path: root.to_owned(),
                    why,
                });
            }
        }
    }
    plain.sort();
    odd.sort();
    Ok((plain, odd))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
