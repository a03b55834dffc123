//! Everything that is wrong with packs, blueprints and skills, for whoever writes them: not the first mistake, and also in a home that
//! cannot be loaded for it.

use std::collections::BTreeMap;
use std::path::Path;

use alai_core::blueprint::{self, BlueprintError, TEMPLATES};
use alai_core::company::{Company, Registry, Texts, check, check_names, skill};
use alai_core::parcel::{self, Files};
use serde::Serialize;

use crate::clock::wall_ms;
use crate::exchange;
use crate::home::Home;
use crate::models::Models;
use crate::packs::{self, PacksError};
use crate::shelf;

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    pub name: String,
    pub problems: Vec<String>,
    /// What is no mistake, and keeps work waiting as things are.
    pub warnings: Vec<String>,
}

impl Checked {
    fn of(name: String, problems: Vec<String>) -> Checked {
        Checked {
            name,
            problems,
            warnings: Vec::new(),
        }
    }
}

/// Checks the companies of a home: one, or all of them together; with `models`, also whether there are those that they name.
///
/// # Errors
/// When the home cannot be read, or has no company of this name.
pub fn companies(
    home: &Home,
    models: Option<&Models>,
    only: Option<&str>,
) -> Result<Vec<Checked>, PacksError> {
    let global = readable(home)?;
    let mut checked = Vec::new();
    let mut whole = Vec::new();
    for name in shelf::company_names(home)? {
        let (problems, company) = match shelf::files_of(home, &name) {
            Ok(files) => pack(&name, &files.unwrap_or_default(), &global),
            Err(e) => (vec![e.to_string()], None),
        };
        // The shipped ones stand behind the home's, and share nothing with them.
        whole.extend(company.filter(|_| home.companies().join(&name).is_dir()));
        checked.push(Checked::of(name, problems));
    }
    together(home, &mut checked, whole, &global, models);
    let Some(only) = only else {
        return Ok(checked);
    };
    let only = shelf::company_called(home, only)?;
    checked.retain(|c| c.name == only);
    Ok(checked)
}

/// Checks a folder that holds a pack and is none of the home's.
///
/// # Errors
/// When the folder or the home's blueprints cannot be read.
pub fn folder(home: &Home, dir: &Path) -> Result<Checked, PacksError> {
    let folder = dir.canonicalize().map_err(|source| PacksError::Read {
        path: dir.to_owned(),
        source,
    })?;
    let files = packs::read_pack(&folder)?;
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let (problems, _) = pack(&name, &files, &readable(home)?);
    Ok(Checked::of(name, problems))
}

fn pack(
    name: &str,
    files: &Files,
    global: &BTreeMap<String, String>,
) -> (Vec<String>, Option<(Company, Texts)>) {
    let mut problems = Vec::new();
    for (file, text) in files {
        let place = |line: usize| format!("{name}/{file}:{line}");
        if let Some((line, what)) = exchange::secret(text) {
            problems.push(format!(
                "{}: {what} stands here; a pack holds no secrets",
                place(line)
            ));
        }
        if let Some((line, what)) = parcel::hidden(text) {
            problems.push(format!("{}: {what} stands here", place(line)));
        }
    }
    let (company, texts) = match check(name, files) {
        Ok(read) => read,
        Err(wrong) => {
            problems.extend(wrong.iter().map(ToString::to_string));
            return (problems, None);
        }
    };
    problems.extend(
        check_names(&company, &texts, files, global)
            .iter()
            .map(ToString::to_string),
    );
    (problems, Some((company, texts)))
}

/// What shows only where all are there: names and defaults, resolved blueprints, models.
fn together(
    home: &Home,
    checked: &mut [Checked],
    whole: Vec<(Company, Texts)>,
    global: &BTreeMap<String, String>,
    models: Option<&Models>,
) {
    let mut say = |name: &str, problem: String| {
        if let Some(found) = checked.iter_mut().find(|c| c.name == name)
            && !found.problems.contains(&problem)
        {
            found.problems.push(problem);
        }
    };
    let mut together: Vec<Company> = Vec::new();
    let mut texts = BTreeMap::new();
    for (company, own) in whole {
        let name = company.name.clone();
        let with = [together.clone(), vec![company.clone()]].concat();
        match Registry::new(with) {
            Ok(_) => {
                together.push(company);
                texts.insert(name, own);
            }
            Err(problem) => say(&name, problem.to_string()),
        }
    }
    let Ok(registry) = Registry::new(together) else {
        return;
    };
    let packs = shelf::packs(registry, global.clone(), texts);
    for company in packs.registry.companies() {
        let own = company
            .blueprints
            .iter()
            .filter(|name| !name.starts_with(TEMPLATES));
        let walked = company.walks.names();
        for name in own.map(String::as_str).chain(walked) {
            // What is not there was said already, with its line.
            match packs.resolved(Some(company), name, &BTreeMap::new()) {
                Ok(_) | Err(BlueprintError::NotFound { .. }) => {}
                Err(problem) => say(&company.name, problem.to_string()),
            }
        }
    }
    let Some(models) = models else {
        return;
    };
    models.look();
    let texts = |name: &str| shelf::config_of(home, name);
    for problem in models.misnamed(&packs, &texts) {
        if let PacksError::Model { pack, .. } = &problem {
            say(pack, problem.to_string());
        }
    }
    let now_ms = wall_ms();
    for company in packs.registry.companies() {
        let found = checked.iter_mut().find(|c| c.name == company.name);
        let unfilled = models.unfilled_of(company, now_ms);
        if let Some(found) = found {
            let said = unfilled.iter().map(|u| u.said(&company.name, &texts));
            found.warnings.extend(said);
        }
    }
}

/// The home's blueprints that can be read: a broken one is its own problem, and not that of every pack.
fn readable(home: &Home) -> Result<BTreeMap<String, String>, PacksError> {
    let texts = shelf::blueprint_texts(home)?.into_iter();
    Ok(texts
        .filter(|(name, text)| name.starts_with(TEMPLATES) || blueprint::parse(text, name).is_ok())
        .collect())
}

/// Checks all blueprints of the home and its companies.
///
/// # Errors
/// When the home cannot be read.
pub fn blueprints(home: &Home) -> Result<Vec<Checked>, PacksError> {
    let texts = shelf::blueprint_texts(home)?;
    let global = readable(home)?;
    let names = texts.keys().filter(|name| !name.starts_with(TEMPLATES));
    let mut checked: Vec<Checked> = names
        .map(|name| {
            let problem = problem(name, &texts[name], &global);
            Checked::of(name.clone(), problem.into_iter().collect())
        })
        .collect();
    for company in shelf::company_names(home)? {
        let files = match shelf::files_of(home, &company) {
            Ok(files) => files.unwrap_or_default(),
            Err(unread) => {
                // Of blueprints that nobody could read nobody knows that they are right.
                checked.push(Checked::of(company, vec![unread.to_string()]));
                continue;
            }
        };
        let own = files.iter().filter_map(|(file, text)| {
            let name = file.strip_prefix("blueprints/")?;
            // A template is called by its whole name.
            let stem = name
                .strip_suffix(".yaml")
                .filter(|_| !name.starts_with(TEMPLATES));
            Some((stem.unwrap_or(name).to_owned(), text.clone()))
        });
        let own: BTreeMap<String, String> = own.collect();
        let mut library = global.clone();
        library.extend(own.clone());
        for (name, text) in own.iter().filter(|(name, _)| !name.starts_with(TEMPLATES)) {
            let problem = problem(name, text, &library);
            checked.push(Checked::of(
                format!("{company}/{name}"),
                problem.into_iter().collect(),
            ));
        }
    }
    Ok(checked)
}

/// Checks one file that is none of the home's; what it extends and its templates come from beside it, else from the home.
///
/// # Errors
/// When the file or the home's blueprints cannot be read.
pub fn blueprint_file(home: &Home, path: &Path) -> Result<Checked, PacksError> {
    let text = packs::read_text(path)?;
    let mut library = readable(home)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    library.extend(shelf::blueprints_in(folder.unwrap_or(Path::new(".")))?);
    let name = path.display().to_string();
    let problems = match blueprint::parse(&text, &name) {
        Err(problem) => vec![problem.to_string()],
        Ok(raw) => problem(&raw.name, &text, &library).into_iter().collect(),
    };
    Ok(Checked::of(name, problems))
}

fn problem(name: &str, text: &str, library: &BTreeMap<String, String>) -> Option<String> {
    let raw = match blueprint::parse(text, name) {
        Ok(raw) => raw,
        Err(problem) => return Some(problem.to_string()),
    };
    if raw.name != name {
        return Some(format!(
            "{name}: the file is `{name}` but calls itself `{}`",
            raw.name
        ));
    }
    let mut library = library.clone();
    library.insert(name.to_owned(), text.to_owned());
    let packs = shelf::packs(Registry::default(), library, BTreeMap::new());
    let resolved = packs.resolved(None, name, &BTreeMap::new());
    resolved.err().map(|problem| problem.to_string())
}

/// Checks a folder with a `SKILL.md`, or one that holds such folders.
///
/// # Errors
/// When it cannot be read.
pub fn skills(dir: &Path) -> Result<Vec<Checked>, PacksError> {
    // What is not there has no skills to be right.
    std::fs::metadata(dir).map_err(|source| PacksError::Read {
        path: dir.to_owned(),
        source,
    })?;
    let one = dir.join("SKILL.md").is_file();
    let folders = match one {
        true => vec![dir.to_owned()],
        false => packs::list(dir)?
            .into_iter()
            .filter(|path| path.is_dir())
            .collect(),
    };
    folders.iter().map(|folder| skill_in(folder)).collect()
}

/// Checks the skills of the home and of its companies.
///
/// # Errors
/// When the home cannot be read.
pub fn all_skills(home: &Home) -> Result<Vec<Checked>, PacksError> {
    let mut checked = Vec::new();
    let own = home.root().join("skills");
    if own.is_dir() {
        checked.extend(skills(&own)?);
    }
    for company in shelf::company_names(home)? {
        let dir = home.companies().join(&company).join("skills");
        if dir.is_dir() {
            for found in skills(&dir)? {
                let name = format!("{company}/{}", found.name);
                checked.push(Checked { name, ..found });
            }
        }
    }
    Ok(checked)
}

fn skill_in(folder: &Path) -> Result<Checked, PacksError> {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = real
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let path = folder.join("SKILL.md");
    let problems = match path.is_file() {
        false => vec![format!("{name}: it has no SKILL.md")],
        true => {
            let wrong = skill::parse(&name, &packs::read_text(&path)?)
                .err()
                .unwrap_or_default();
            let say = |p: &skill::SkillProblem| format!("{name}/SKILL.md{}: {}", p.at, p.problem);
            wrong.iter().map(say).collect()
        }
    };
    Ok(Checked::of(name, problems))
}
