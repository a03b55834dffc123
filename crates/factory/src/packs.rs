//! The companies and blueprints of a factory: those of its home, and behind them the shipped ones.
//!
//! What is read is read whole or refused whole, and never changes after that: whoever works by it holds it. What was read and checked
//! once is kept in the home's cache for the next process, and the long texts of a company are taken from there when they are asked for.

mod abreast;
mod nature;
mod off;
mod read;
mod routes;
mod seal;
mod shipped;
mod texts;
mod watch;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use alai_core::blueprint::{self, Blueprint, BlueprintError, OfTask, TEMPLATES};
use alai_core::company::{self, At, Closed, Company, CompanyError, Registry, Texts};
use alai_workspace::files::FileError;
use serde::{Deserialize, Serialize};

use crate::home::Home;

pub(crate) use off::CompaniesFile;
pub(crate) use read::{NO_FOLDER, blueprints_beside, list, read_pack, read_text};
pub(crate) use shipped::write_shipped;
use texts::Kept;
pub use watch::RefusedPacks;
use watch::Stamp;
pub(crate) use watch::{Look, Watched};

/// The files of one pack: path inside of it to text.
type Files = BTreeMap<String, String>;

/// What a factory works by, read and checked.
#[derive(Debug, Clone)]
pub struct Packs {
    pub registry: Registry,
    /// Global blueprints and templates, name to text.
    pub blueprints: BTreeMap<String, String>,
    /// Names of companies and of global blueprints that the home lacks.
    shipped: Shipped,
    /// The long texts of each company.
    texts: BTreeMap<String, Kept>,
    known: nature::Known,
    routes: routes::Routes,
    /// The long texts of who was asked for last.
    held: texts::Held,
    /// What cannot be used, with the reason: a company, by its name, which is closed; a global blueprint, by its file.
    wrong: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Shipped {
    companies: BTreeSet<String>,
    blueprints: BTreeSet<String>,
}

/// Where a part of the packs was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The company's own folder.
    Company,
    /// The home's folder.
    Home,
    /// The binary; the home has none of this name.
    Shipped,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Company => "company",
            Source::Home => "home",
            Source::Shipped => "shipped",
        }
    }
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
    #[error(
        "{pack}/{file}:{line}: {what} stands here; a pack holds no secrets, it names them as `${{NAME}}`"
    )]
    Secret {
        pack: String,
        file: String,
        line: usize,
        what: &'static str,
    },
    #[error("{pack}/config.json{at}: the pack `{pack}` wants {choice} for {on}: {problem}")]
    Model {
        pack: String,
        at: At,
        on: String,
        choice: String,
        problem: String,
    },
    #[error("alai.toml: `off` under [companies]: {problem}")]
    Off { problem: String },
    #[error("cannot read the texts of the company {company}: {problem}")]
    Texts { company: String, problem: String },
    #[error(transparent)]
    Company(#[from] CompanyError),
    #[error(transparent)]
    Blueprint(#[from] BlueprintError),
}

impl Packs {
    /// Reads every pack and blueprint. A company whose pack cannot be used is closed: its tasks wait for a person, and the others work
    /// ([`Packs::wrong`]). What nobody has changed since it was last read and checked by this program is not checked again.
    ///
    /// # Errors
    /// When the folders cannot be listed, the home's blueprints cannot be read, or the settings switch off a company that there is not.
    pub fn load(home: &Home) -> Result<Packs, PacksError> {
        Packs::load_as(home, &watch::stamp(home))
    }

    /// The same for folders whose stamp was taken just now.
    fn load_as(home: &Home, stamp: &Stamp) -> Result<Packs, PacksError> {
        if let Some(packs) = seal::open(home, stamp) {
            return Ok(packs);
        }
        let packs = Packs::read(home)?;
        // What could not be read may be readable a moment later, under the same stamp.
        match packs.wrong.is_empty() {
            true => Ok(seal::put(home, stamp, packs)),
            false => Ok(packs),
        }
    }

    fn read(home: &Home) -> Result<Packs, PacksError> {
        let blueprints = blueprint_texts(home)?;
        let mut whole = whole::Whole::read(home)?;
        for (name, text) in &blueprints {
            let file = format!("blueprints/{name}.yaml");
            if !name.starts_with(TEMPLATES)
                && let Err(wrong) = blueprint::parse(text, &file)
            {
                whole.wrong.insert(file, wrong.to_string());
            }
        }
        let names = whole.behind()?;
        let registry = whole.registry(&blueprints)?;
        let here = read::blueprint_names(home)?;
        let behind = blueprints.keys().filter(|name| !here.contains(*name));
        let shipped = Shipped {
            companies: names,
            blueprints: behind.cloned().collect(),
        };
        Ok(Packs {
            registry,
            blueprints,
            shipped,
            texts: texts::here(whole.texts),
            known: nature::Known::default(),
            routes: routes::Routes::default(),
            held: texts::Held::default(),
            wrong: whole.wrong,
        })
    }

    /// What cannot be used, with the reason: a company by its name, a global blueprint by its file.
    pub fn wrong(&self) -> &BTreeMap<String, String> {
        &self.wrong
    }

    /// Closes the companies that these are about.
    pub(crate) fn close(&mut self, misfits: Vec<PacksError>) {
        // Others that were copied from the same go on by what was open to them, and are told nothing of what is closed here.
        self.routes = routes::Routes::default();
        self.known = nature::Known::default();
        self.held = texts::Held::default();
        for misfit in misfits {
            if let PacksError::Model { pack, .. } = &misfit {
                let why = misfit.to_string();
                self.registry.close(pack, Closed::Broken(why.clone()));
                self.texts
                    .extend(texts::here([(pack.clone(), Texts::default())].into()));
                self.wrong.entry(pack.clone()).or_insert(why);
            }
        }
    }

    /// Of parts that were read before.
    pub(crate) fn of(
        registry: Registry,
        blueprints: BTreeMap<String, String>,
        texts: BTreeMap<String, Texts>,
    ) -> Packs {
        Packs {
            registry,
            blueprints,
            shipped: Shipped::default(),
            texts: texts::here(texts),
            known: nature::Known::default(),
            routes: routes::Routes::default(),
            held: texts::Held::default(),
            wrong: BTreeMap::new(),
        }
    }

    /// These with one company more in the home, in the place of the one of its name.
    pub(crate) fn with(&self, company: Company, texts: Texts) -> Result<Packs, PacksError> {
        let of_home = |other: &&Company| {
            other.name != company.name && self.source_of(&other.name) == Source::Home
        };
        let mut own: Vec<Company> = self
            .registry
            .companies()
            .iter()
            .filter(of_home)
            .cloned()
            .collect();
        let mut all = self.texts.clone();
        all.extend(texts::here([(company.name.clone(), texts)].into()));
        own.push(company);
        let behind = shipped::behind(&own)?;
        let companies = { behind.iter() }.map(|pack| pack.company.name.clone());
        let companies = companies.collect();
        for pack in behind {
            all.extend(texts::here(
                [(pack.company.name.clone(), pack.texts)].into(),
            ));
            own.push(pack.company);
        }
        Ok(Packs {
            registry: Registry::new(own)?,
            blueprints: self.blueprints.clone(),
            shipped: Shipped {
                companies,
                blueprints: self.shipped.blueprints.clone(),
            },
            texts: all,
            known: nature::Known::default(),
            routes: routes::Routes::default(),
            held: texts::Held::default(),
            wrong: BTreeMap::new(),
        })
    }

    /// The long texts of a company, as they were when these packs were read.
    ///
    /// # Errors
    /// When it is none of these companies, or the cache that keeps them cannot be read.
    pub fn texts(&self, company: &str) -> Result<Arc<Texts>, PacksError> {
        let kept = self.kept(company)?;
        self.held.or_read(company, || kept.get(company))
    }

    /// Gives the memory back that the texts of who was asked for last take: whoever waits for a model for minutes needs none of them.
    pub(crate) fn let_go(&self) {
        self.held.let_go();
    }

    /// A number of these texts that others do not have.
    pub(crate) fn texts_digest(&self, company: &str) -> Result<String, PacksError> {
        self.kept(company)?.digest(company)
    }

    fn kept(&self, company: &str) -> Result<&Kept, PacksError> {
        let kept = self.texts.get(company);
        kept.ok_or_else(|| texts::unread(company, "it is none of the companies that were read"))
    }

    /// Where a company was read from.
    pub fn source_of(&self, company: &str) -> Source {
        match self.shipped.companies.contains(company) {
            true => Source::Shipped,
            false => Source::Home,
        }
    }

    /// Where a blueprint comes from when this company walks it.
    pub fn source_of_blueprint(&self, company: Option<&Company>, name: &str) -> Source {
        if company.is_some_and(|company| company.blueprints.contains(name)) {
            return Source::Company;
        }
        match self.shipped.blueprints.contains(name) {
            true => Source::Shipped,
            false => Source::Home,
        }
    }

    /// The blueprint a company's work walks, resolved. Inputs that it does not know are left out, but for those of the task: what a
    /// company gives is checked against all of its blueprints when they are read.
    ///
    /// # Errors
    /// When there is none of this name, it cannot be resolved, an input is missing, or one of the task's is none of its or would
    /// become part of a command.
    pub fn blueprint(
        &self,
        company: &Company,
        name: &str,
        given: &Given,
    ) -> Result<Blueprint, BlueprintError> {
        resolved(name, &self.library(Some(company))?, company, given)
    }

    /// The same as this program carries it, whatever the home has: with the company's inputs, and the shipped files of a company of its
    /// name. None where nothing of this name is shipped.
    pub(crate) fn shipped_blueprint(
        &self,
        company: &Company,
        name: &str,
        given: &Given,
    ) -> Option<Blueprint> {
        let mut library = shipped::blueprints();
        if let Some(files) = shipped::files_of(&company.name) {
            let (_, carried) = read_company(&company.name, &files).ok()?;
            library = carried.library(&library);
        }
        resolved(name, &library, company, given).ok()
    }
}

fn resolved(
    name: &str,
    library: &BTreeMap<String, String>,
    company: &Company,
    given: &Given,
) -> Result<Blueprint, BlueprintError> {
    let mut all: BTreeMap<String, String> = given
        .by(company)
        .into_iter()
        .map(|(input, (value, _))| (input, value))
        .collect();
    let of_task = OfTask {
        given: given.task.keys().cloned().collect(),
        title: given.title.clone(),
    };
    loop {
        let found = blueprint::resolve_for_task(name, library, &all, &of_task);
        match &found {
            Err(BlueprintError::UnknownInput { input, .. }) if !of_task.given.contains(input) => {
                if all.remove(input).is_none() {
                    return found;
                }
            }
            Ok(_) | Err(_) => return found,
        }
    }
}

/// What a run gives its blueprint, beside its company.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Given {
    /// The project's commands.
    pub project: BTreeMap<String, String>,
    /// What was said for this one task. Never part of a command.
    pub task: BTreeMap<String, String>,
    /// What the task is about: inputs can be taken from it. Never part of a command either.
    pub title: String,
}

/// Whose word an input's value is, where the blueprint's own default does not stand; the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenBy {
    Company,
    Project,
    Task,
}

impl Given {
    /// Each value with whose word it is, in a company.
    pub(crate) fn by(&self, company: &Company) -> BTreeMap<String, (String, GivenBy)> {
        let said = |all: &BTreeMap<String, String>, by| {
            let all = all.clone().into_iter();
            all.map(move |(input, value)| (input, (value, by)))
        };
        said(&company.blueprint_inputs, GivenBy::Company)
            .chain(said(&self.project, GivenBy::Project))
            .chain(said(&self.task, GivenBy::Task))
            .collect()
    }
}

fn read_company(name: &str, files: &Files) -> Result<(Company, Texts), PacksError> {
    company::check(name, files).map_err(|problems| {
        let first = problems.into_iter().next();
        first.expect("a pack that is refused has a reason").into()
    })
}

/// The names of all companies, of the home and shipped ones that it lacks.
pub(crate) fn company_names(home: &Home) -> Result<Vec<String>, PacksError> {
    let mut names: BTreeSet<String> = read::folders(&home.companies())?.into_iter().collect();
    names.extend(shipped::names());
    Ok(names.into_iter().collect())
}

/// The files of a shipped company.
pub(crate) fn shipped_files(name: &str) -> Option<Files> {
    shipped::files_of(name)
}

/// Every global blueprint and template as text, unread: the home's, else the shipped one.
pub(crate) fn blueprint_texts(home: &Home) -> Result<BTreeMap<String, String>, PacksError> {
    let mut texts = shipped::blueprints();
    texts.extend(blueprints_beside(&home.blueprints())?);
    Ok(texts)
}

#[cfg(test)]
mod tests;
