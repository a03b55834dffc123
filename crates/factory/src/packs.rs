//! The shipped companies and blueprints, and those of a home.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alai_core::blueprint::{self, Blueprint, BlueprintError};
use alai_core::company::{Company, CompanyError, Registry};
use alai_workspace::files::{self, FileError};
use include_dir::{Dir, DirEntry, include_dir};

use crate::home::Home;

static COMPANIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../companies");
static BLUEPRINTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../blueprints");

/// One file of a pack: prompts are read by small models, larger files are a mistake.
const PACK_FILE_BYTES_MAX: u64 = 256 * 1024;
/// Files in one pack.
const PACK_FILES_MAX: usize = 500;

/// What a home's folders hold, read and checked.
#[derive(Debug, Clone)]
pub struct Packs {
    pub registry: Registry,
    /// Global blueprints, name to YAML text.
    pub blueprints: BTreeMap<String, String>,
}

/// A pack or blueprint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PacksError {
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: FileError },
    #[error("cannot read {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is refused: {why}")]
    Refused { path: PathBuf, why: &'static str },
    #[error("the pack `{pack}` wants {choice} for {on}: {problem}")]
    Model {
        pack: String,
        on: String,
        choice: String,
        problem: String,
    },
    #[error(transparent)]
    Company(#[from] CompanyError),
    #[error(transparent)]
    Blueprint(#[from] BlueprintError),
}

/// Writes what is shipped into the home. A file that is there already stays: it may be a person's.
pub(crate) fn write_shipped(home: &Home) -> Result<(Vec<String>, Vec<String>), PacksError> {
    write_missing(&COMPANIES, &home.companies())?;
    write_missing(&BLUEPRINTS, &home.blueprints())?;
    let packs = Packs::load(home)?;
    let companies = packs
        .registry
        .companies()
        .iter()
        .map(|c| c.name.clone())
        .collect();
    let blueprints = packs.blueprints.into_keys();
    let blueprints = blueprints.filter(|name| !name.starts_with(blueprint::TEMPLATES));
    Ok((companies, blueprints.collect()))
}

fn write_missing(dir: &Dir<'_>, into: &Path) -> Result<(), PacksError> {
    for entry in dir.entries() {
        let path = into.join(entry.path());
        let fail = |source| PacksError::Write {
            path: path.clone(),
            source,
        };
        match entry {
            DirEntry::Dir(sub) => {
                files::private_dir_all(&path).map_err(fail)?;
                write_missing(sub, into)?;
            }
            DirEntry::File(file) if !path.exists() => {
                files::write_atomic(&path, file.contents()).map_err(fail)?
            }
            DirEntry::File(_) => {}
        }
    }
    Ok(())
}

impl Packs {
    /// Reads every pack and blueprint of a home. One that cannot be read is an error: a company that silently takes no work
    /// is worse.
    pub fn load(home: &Home) -> Result<Packs, PacksError> {
        let mut packs = BTreeMap::new();
        for dir in list(&home.companies())? {
            if dir.is_dir() {
                packs.insert(name_of(&dir), read_pack(&dir)?);
            }
        }
        let mut blueprints = BTreeMap::new();
        for path in list(&home.blueprints())? {
            if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
                let text = read_text(&path)?;
                blueprint::parse(&text, &path.display().to_string())?;
                let stem = path
                    .file_stem()
                    .map(|s| s.to_string_lossy().into_owned())
                    .unwrap_or_default();
                blueprints.insert(stem, text);
            }
        }
        let templates = home.blueprints().join(blueprint::TEMPLATES);
        if templates.is_dir() {
            for path in list(&templates)? {
                let name = format!("{}{}", blueprint::TEMPLATES, name_of(&path));
                blueprints.insert(name, read_text(&path)?);
            }
        }
        Ok(Packs {
            registry: Registry::load(&packs, &[])?,
            blueprints,
        })
    }

    /// The blueprint a company's work walks, resolved. Inputs that it does not know are left out; only those that the company
    /// gives to its own blueprint must be known, since nobody else can have meant them.
    ///
    /// # Errors
    /// When there is none of this name, it cannot be resolved, or an input is missing.
    pub fn blueprint(
        &self,
        company: &Company,
        name: &str,
        inputs: &BTreeMap<String, String>,
    ) -> Result<Blueprint, BlueprintError> {
        let library = company.library(&self.blueprints);
        let mut all = company.blueprint_inputs.clone();
        all.extend(inputs.clone());
        let meant = |input: &String| {
            name == company.blueprint && company.blueprint_inputs.contains_key(input)
        };
        loop {
            let found = blueprint::resolve(name, &library, &all);
            match &found {
                Err(BlueprintError::UnknownInput { input, .. }) if !meant(input) => {
                    if all.remove(input).is_none() {
                        return found;
                    }
                }
                Ok(_) | Err(_) => return found,
            }
        }
    }
}

fn read_pack(dir: &Path) -> Result<BTreeMap<String, String>, PacksError> {
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
                // `state` and `logs` are the company's own scratch, not part of what it is.
                if folder != dir || !matches!(&*name_of(&path), "state" | "logs") {
                    folders.push(path);
                }
                continue;
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

fn read_text(path: &Path) -> Result<String, PacksError> {
    let read = |source| PacksError::Read {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(read)?.len() > PACK_FILE_BYTES_MAX {
        return Err(PacksError::Refused {
            path: path.to_owned(),
            why: "it is larger than 256 KB",
        });
    }
    std::fs::read_to_string(path).map_err(read)
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, PacksError> {
    let read = |source| PacksError::Read {
        path: dir.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(dir).map_err(read)?;
    let mut paths = entries
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(read)?;
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}
