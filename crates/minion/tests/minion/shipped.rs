//! What is shipped, as a run of the factory gets it: a company's words, a blueprint's steps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alai_core::blueprint::{self, Blueprint, BlueprintError};
use alai_core::brief::{Brief, Role};
use alai_core::company::{self, Company, Texts};
use alai_core::skills::{Level, Shelf};

use crate::world::World;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file below a folder, by its path in it.
fn texts(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a shipped folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(dir)
                .expect("below it")
                .to_string_lossy()
                .into_owned();
            found.insert(name, std::fs::read_to_string(&path).expect("a text"));
        }
    }
    found
}

pub(crate) fn company(name: &str) -> Company {
    pack(name).0
}

fn pack(name: &str) -> (Company, Texts) {
    company::parse(&texts(&root().join("companies").join(name)))
        .expect("a shipped company is whole")
}

/// Every blueprint and template that a company can walk.
pub(crate) fn library(company: &str) -> BTreeMap<String, String> {
    pack(company).1.library(&global())
}

/// What an agent of a company can load, as the factory lends it in a fresh home.
pub(crate) fn shelf(name: &str) -> Shelf {
    let (company, own) = pack(name);
    let global = texts(&root().join("skills"));
    let global = global.iter().filter_map(|(file, text)| {
        let name = file.strip_suffix("/SKILL.md")?;
        let skill = company::skill::parse(name, text).expect("a shipped skill is whole");
        Some((name.to_owned(), skill))
    });
    Shelf {
        company: company.name.clone(),
        soul: own.soul,
        levels: vec![
            (Level::Company(company.name.clone()), own.skills),
            (Level::Shipped, global.collect()),
        ],
    }
}

/// The names of all that are shipped.
pub(crate) fn companies() -> Vec<String> {
    let dir = std::fs::read_dir(root().join("companies")).expect("the shipped companies");
    let names = dir.map(|entry| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    names.collect()
}

/// The global blueprints and their templates.
pub(crate) fn global() -> BTreeMap<String, String> {
    texts(&root().join("blueprints"))
        .into_iter()
        .map(|(name, text)| (name.trim_end_matches(".yaml").to_owned(), text))
        .collect()
}

pub(crate) fn blueprint(company: &Company, name: &str, test_command: &str) -> Blueprint {
    let library = library(&company.name);
    let mut inputs = company.blueprint_inputs.clone();
    if name != "review-readonly" && name != "securion-security-review" {
        inputs.insert("test_command".into(), test_command.into());
    }
    // As the factory does: what a company gives to one of its blueprints, the others do not know.
    loop {
        match blueprint::resolve(name, &library, &inputs) {
            Err(BlueprintError::UnknownInput { input, .. }) => {
                inputs.remove(&input).expect("one that was given");
            }
            found => return found.expect("a shipped blueprint resolves"),
        }
    }
}

/// A brief of the shipped words for a world's task.
pub(crate) fn brief(
    world: &World,
    company_name: &str,
    role: Role,
    name: &str,
    test: &str,
) -> Brief {
    let company = company(company_name);
    Brief {
        company: company.brief(role),
        role,
        blueprint: blueprint(&company, name, test),
        ..world.brief(Vec::new())
    }
}
