//! What the binary carries: written into a fresh home, and standing behind every home that lacks it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::LazyLock;

use alai_core::blueprint;
use alai_core::company::{Company, Stage, Texts};
use alai_workspace::files;
use include_dir::{Dir, DirEntry, include_dir};

use super::{Files, Packs, PacksError, abreast};
use crate::home::Home;

static COMPANIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../companies");
static BLUEPRINTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../blueprints");

/// Writes what is shipped into the home. A file that is there already stays: it may be a person's.
pub(crate) fn write_shipped(home: &Home) -> Result<(Vec<String>, Vec<String>), PacksError> {
    write_missing(&COMPANIES, &home.companies())?;
    write_missing(&BLUEPRINTS, &home.blueprints())?;
    let packs = Packs::load(home)?;
    let companies = packs.registry.companies().iter();
    let companies: Vec<String> = companies.map(|company| company.name.clone()).collect();
    for name in &companies {
        for scratch in super::read::SCRATCH {
            let path = home.companies().join(name).join(scratch);
            files::private_dir_all(&path).map_err(|source| PacksError::Write { path, source })?;
        }
    }
    let blueprints = packs.blueprints.into_keys();
    let blueprints = blueprints.filter(|name| !name.starts_with(blueprint::TEMPLATES));
    Ok((companies, blueprints.collect()))
}

/// `into` and the folder of `dir` below it exist.
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
                files::write_unsettled(&path, file.contents()).map_err(fail)?;
            }
            DirEntry::File(_) => {}
        }
    }
    // Once for all of its files: hundreds of them are written, and each sync waits for the disk. Also where none was missing: who was
    // killed here before may have left them unsettled.
    let path = into.join(dir.path());
    files::sync_dir(&path).map_err(|source| PacksError::Write { path, source })
}

/// The names of the shipped companies.
pub(super) fn names() -> impl Iterator<Item = String> {
    COMPANIES
        .dirs()
        .map(|dir| dir.path().to_string_lossy().into_owned())
}

/// The files of a shipped company.
pub(super) fn files_of(name: &str) -> Option<Files> {
    let dir = COMPANIES.get_dir(name)?;
    let mut files = Files::new();
    gather(dir, dir.path(), &mut files);
    Some(files)
}

fn gather(dir: &Dir<'_>, root: &Path, into: &mut Files) {
    for file in dir.files() {
        let inside = file.path().strip_prefix(root).unwrap_or(file.path());
        let text = file.contents_utf8().expect("a shipped pack is text");
        into.insert(inside.to_string_lossy().into_owned(), text.to_owned());
    }
    for sub in dir.dirs() {
        gather(sub, root, into);
    }
}

/// Every shipped file of a company by its path. The tree itself finds a file by walking all of it.
static BY_PATH: LazyLock<HashMap<&Path, &[u8]>> = LazyLock::new(|| {
    let mut found = HashMap::new();
    let mut open: Vec<&Dir<'_>> = COMPANIES.dirs().collect();
    while let Some(dir) = open.pop() {
        found.extend(dir.files().map(|file| (file.path(), file.contents())));
        open.extend(dir.dirs());
    }
    found
});

/// Whether a file of a pack is the shipped one.
pub(super) fn is(pack: &str, file: &str, text: &str) -> bool {
    let path = Path::new(pack).join(file);
    let shipped = BY_PATH.get(path.as_path());
    shipped.is_some_and(|contents| *contents == text.as_bytes())
}

/// The shipped blueprints and their templates, by name.
pub(super) fn blueprints() -> BTreeMap<String, String> {
    let mut files = Files::new();
    gather(&BLUEPRINTS, Path::new(""), &mut files);
    let named = files.into_iter();
    named
        .map(|(file, text)| {
            // A template is called by its whole name.
            let stem = file
                .strip_suffix(".yaml")
                .filter(|_| !blueprint::is_template(&file));
            (stem.unwrap_or(&file).to_owned(), text)
        })
        .collect()
}

/// A shipped company that stands behind a home's own.
pub(super) struct Behind {
    pub(super) company: Company,
    pub(super) texts: Texts,
    pub(super) files: Files,
}

/// The shipped companies that stand behind a home's own: not those whose name one of them has, and without the aliases and default
/// stages that one of them has.
pub(super) fn behind(own: &[Company]) -> Result<Vec<Behind>, PacksError> {
    let taken = |name: &str| own.iter().any(|company| company.answers_to(name));
    let stages: BTreeSet<Stage> = own
        .iter()
        .flat_map(|company| company.default.iter().copied())
        .collect();
    // Read only where it is needed: most homes have them all.
    let free: Vec<String> = names().filter(|name| !taken(name)).collect();
    let read = |name: &String| {
        let files = files_of(name).unwrap_or_default();
        let (mut company, texts) = super::read_company(name, &files)?;
        company.aliases.retain(|alias| !taken(alias));
        company.default.retain(|stage| !stages.contains(stage));
        Ok(Behind {
            company,
            texts,
            files,
        })
    };
    abreast::each(&free, read).into_iter().collect()
}
