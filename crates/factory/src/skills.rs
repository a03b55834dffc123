//! The skills that an agent of a company can load: the company's own, those of the company that `ALAI_COMPANY` names, the home's, the
//! shipped ones. A skill of the home that cannot be read is left out, and said: advice is no reason to stop work.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alai_core::company::{Company, Skill, Texts, skill};
use alai_core::skills::{Level, Shelf};
use include_dir::{Dir, DirEntry, include_dir};

use crate::home::Home;
use crate::packs::{self, Packs, PacksError};

/// The company whose skills stand behind those of the one that works.
pub const VARIABLE: &str = "ALAI_COMPANY";

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../skills");

/// The shipped skills as they are read.
static READ: LazyLock<BTreeMap<String, Skill>> = LazyLock::new(|| {
    let mut files = BTreeMap::new();
    gather(&SHIPPED, &mut files);
    parsed(&files).0
});

fn gather(dir: &Dir<'_>, files: &mut BTreeMap<String, String>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(below) => gather(below, files),
            DirEntry::File(file) => {
                let name = file.path().to_string_lossy().into_owned();
                files.extend(file.contents_utf8().map(|text| (name, text.to_owned())));
            }
        }
    }
}

/// All skills of a company, and what is wrong with those that were left out.
#[derive(Debug, Clone)]
pub struct Skills {
    pub shelf: Shelf,
    pub problems: Vec<String>,
}

/// Reads the skills of a company of these packs. `environment` is what [`VARIABLE`] holds; an unknown company there is a problem
/// that is said, and none where it is empty.
pub fn of(home: &Home, packs: &Packs, company: &Company, environment: Option<&str>) -> Skills {
    let mut problems = Vec::new();
    let mut texts = |name: &str| match packs.texts(name) {
        Ok(texts) => Texts::clone(&texts),
        Err(why) => {
            problems.push(why.to_string());
            Texts::default()
        }
    };
    let own = texts(&company.name);
    let mut levels = vec![(Level::Company(company.name.clone()), own.skills)];
    if let Some(name) = environment.map(str::trim).filter(|name| !name.is_empty()) {
        match packs.registry.find(name) {
            Ok(other) if other.name == company.name => {}
            Ok(other) => {
                let skills = texts(&other.name).skills;
                levels.push((Level::Environment(other.name.clone()), skills));
            }
            Err(why) => problems.push(format!("{VARIABLE}: {why}")),
        }
    }
    match of_home(home) {
        Ok((skills, wrong)) => {
            levels.push((Level::Home, skills));
            problems.extend(wrong);
        }
        Err(why) => problems.push(why.to_string()),
    }
    levels.push((Level::Shipped, READ.clone()));
    Skills {
        shelf: Shelf {
            company: company.name.clone(),
            soul: own.soul,
            levels,
        },
        problems,
    }
}

/// The value of [`VARIABLE`] where the factory runs.
pub fn environment() -> Option<String> {
    std::env::var(VARIABLE).ok()
}

type Read = (BTreeMap<String, Skill>, Vec<String>);

/// The skills of the home's folder; none where there is no folder.
fn of_home(home: &Home) -> Result<Read, PacksError> {
    let dir = home.skills();
    match dir.symlink_metadata() {
        Ok(found) if found.is_dir() => packs::read_pack(&dir).map(|files| parsed(&files)),
        Ok(_) => Err(PacksError::Refused {
            path: dir,
            why: "the skills of a home are a folder",
        }),
        Err(_) => Ok((BTreeMap::new(), Vec::new())),
    }
}

/// The skills among files of a folder of skills, with the files beside each.
fn parsed(files: &BTreeMap<String, String>) -> Read {
    let (mut skills, mut problems) = (BTreeMap::new(), Vec::new());
    for (file, text) in files {
        let Some((name, "SKILL.md")) = file.split_once('/') else {
            continue;
        };
        match skill::parse(name, text) {
            Ok(mut read) => {
                let folder = format!("{name}/");
                let beside = files.iter().filter_map(|(file, text)| {
                    let inside = file.strip_prefix(&folder)?;
                    (inside != "SKILL.md").then(|| (inside.to_owned(), text.clone()))
                });
                read.files = beside.collect();
                skills.insert(name.to_owned(), read);
            }
            Err(wrong) => problems.extend(
                wrong
                    .into_iter()
                    .map(|wrong| format!("skills/{file}:{}: {}", wrong.at.line, wrong.problem)),
            ),
        }
    }
    (skills, problems)
}

#[cfg(test)]
mod tests;
