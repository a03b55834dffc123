//! Packs and blueprints on the disk of a home: bounded, no links followed, no secrets taken in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirEntry;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use alai_core::blueprint::TEMPLATES;

use super::{Files, PacksError, shipped};
use crate::home::Home;

/// One file of a pack: prompts are read by small models, larger files are a mistake.
const PACK_FILE_BYTES_MAX: u64 = 256 * 1024;
/// Files in one pack.
const PACK_FILES_MAX: usize = 500;
/// The company's own scratch in its folder, no part of what it is.
pub(super) const SCRATCH: [&str; 2] = ["state", "logs"];

/// What is said of a company that is none: behind a link nobody would see it change.
pub(crate) const NO_FOLDER: &str = "a company is a folder of the home, and no symbolic link";

/// Every file of a pack's folder.
pub(crate) fn read_pack(dir: &Path) -> Result<Files, PacksError> {
    if dir.is_symlink() {
        return Err(PacksError::Refused {
            path: dir.to_owned(),
            why: NO_FOLDER,
        });
    }
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in list(&folder)? {
            let meta = std::fs::symlink_metadata(&path).map_err(|source| PacksError::Read {
                path: path.clone(),
                source,
            })?;
            let refused = |why| PacksError::Refused {
                path: path.clone(),
                why,
            };
            if meta.file_type().is_symlink() {
                return Err(refused("a pack holds no symbolic links"));
            }
            if found.len() >= PACK_FILES_MAX {
                return Err(refused("a pack holds at most 500 files"));
            }
            if meta.is_dir() {
                if folder != dir || !SCRATCH.contains(&&*name_of(&path)) {
                    folders.push(path);
                }
                continue;
            }
            if !meta.is_file() {
                return Err(refused("a pack holds plain files and folders"));
            }
            let inside = path
                .strip_prefix(dir)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            found.insert(inside, read_text(&path)?);
        }
    }
    Ok(found)
}

/// Refuses a pack with a secret: it would stand in prompts, in archives and in logs. What is shipped was looked at before.
pub(super) fn no_secrets(pack: &str, files: &Files) -> Result<(), PacksError> {
    for (file, text) in files {
        if shipped::is(pack, file, text) {
            continue;
        }
        if let Some(spot) = alai_gate::secrets_in(text).into_iter().next() {
            return Err(PacksError::Secret {
                pack: pack.to_owned(),
                file: file.clone(),
                line: spot.line,
                what: spot.what,
            });
        }
    }
    Ok(())
}

pub(crate) fn read_text(path: &Path) -> Result<String, PacksError> {
    let read = |source| PacksError::Read {
        path: path.to_owned(),
        source,
    };
    let refused = |why| PacksError::Refused {
        path: path.to_owned(),
        why,
    };
    // A pipe would be waited for, and a device has no end.
    if !std::fs::metadata(path).map_err(read)?.is_file() {
        return Err(refused("it is no plain file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(read)?;
    let mut bounded = file.take(PACK_FILE_BYTES_MAX + 1);
    bounded.read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > PACK_FILE_BYTES_MAX {
        return Err(refused("it is larger than 256 KB"));
    }
    String::from_utf8(bytes).map_err(|_| refused("it is no text in UTF-8"))
}

/// What a folder holds, in order; nothing where it is not there.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, PacksError> {
    let entries = entries(dir).map_err(|source| PacksError::Read {
        path: dir.to_owned(),
        source,
    })?;
    Ok(entries.iter().map(DirEntry::path).collect())
}

/// The same, each with its open folder.
pub(super) fn entries(dir: &Path) -> std::io::Result<Vec<DirEntry>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

/// The names of the folders in a folder.
pub(super) fn folders(dir: &Path) -> Result<Vec<String>, PacksError> {
    let folders = list(dir)?.into_iter().filter(|path| path.is_dir());
    Ok(folders.map(|path| name_of(&path)).collect())
}

/// The blueprints in a folder and their templates, by name.
pub(crate) fn blueprints_beside(dir: &Path) -> Result<BTreeMap<String, String>, PacksError> {
    let mut texts = BTreeMap::new();
    for (name, path) in named(dir)? {
        // Who watches the folder would not see it change.
        if path.is_symlink() {
            return Err(PacksError::Refused {
                path,
                why: "blueprints and templates are files, and no symbolic links",
            });
        }
        texts.insert(name, read_text(&path)?);
    }
    Ok(texts)
}

/// The names of the home's own blueprints and templates.
pub(super) fn blueprint_names(home: &Home) -> Result<BTreeSet<String>, PacksError> {
    Ok(named(&home.blueprints())?
        .into_iter()
        .map(|(name, _)| name)
        .collect())
}

fn named(dir: &Path) -> Result<Vec<(String, PathBuf)>, PacksError> {
    let mut found = Vec::new();
    for path in list(dir)? {
        if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned());
            found.push((stem.unwrap_or_default(), path));
        }
    }
    for path in list(&dir.join(TEMPLATES.trim_end_matches('/')))? {
        found.push((format!("{TEMPLATES}{}", name_of(&path)), path));
    }
    Ok(found)
}

pub(crate) fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}
