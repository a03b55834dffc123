//! The companies of one factory, found by any of their names.

use std::collections::BTreeMap;

use super::json::Places;
use super::problem::At;
use super::read::first;
use super::{Closed, Company, CompanyError, Stage, check};
use crate::blueprint::yaml;
use crate::routing::Router;

/// Every company that was loaded, by name. Names and aliases are unique over all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registry {
    companies: Vec<Company>,
    router: Router,
}

impl Registry {
    /// Reads every pack: folder name to its files. `active` names the companies that must be there, by name or alias; empty
    /// takes all. A name without a pack is an error, never a company that silently takes no work.
    pub fn load(
        packs: &BTreeMap<String, BTreeMap<String, String>>,
        active: &[String],
    ) -> Result<Registry, CompanyError> {
        let companies: Result<Vec<Company>, CompanyError> = packs
            .iter()
            .map(|(folder, files)| check(folder, files).map_err(first))
            .map(|read| read.map(|(company, _)| company))
            .collect();
        let all = Registry::of(companies?, packs)?;
        if active.is_empty() {
            return Ok(all);
        }
        let mut wanted: Vec<Company> = Vec::new();
        for name in active {
            let company = all.find(name)?;
            if !wanted.contains(company) {
                wanted.push(company.clone());
            }
        }
        Registry::new(wanted)
    }

    /// Takes companies that were read from these packs; what is wrong with them together is told with its line.
    ///
    /// # Errors
    /// As [`Registry::new`].
    pub fn of(
        companies: Vec<Company>,
        packs: &BTreeMap<String, BTreeMap<String, String>>,
    ) -> Result<Registry, CompanyError> {
        Registry::new(companies).map_err(|error| placed(error, packs))
    }

    /// Takes companies that were read before. Refuses two owners of a name and two defaults of a stage.
    pub fn new(mut companies: Vec<Company>) -> Result<Registry, CompanyError> {
        companies.sort_by(|a, b| a.name.cmp(&b.name));
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        let mut defaults: BTreeMap<Stage, String> = BTreeMap::new();
        for company in &companies {
            for name in company.names() {
                let (first, second) = match owners.insert(name.to_lowercase(), company.name.clone())
                {
                    None => continue,
                    Some(first) => (first, company.name.clone()),
                };
                return Err(CompanyError::TwoOwners {
                    name: name.to_owned(),
                    first,
                    second,
                    at: At::NOWHERE,
                });
            }
            for stage in &company.default {
                if let Some(first) = defaults.insert(*stage, company.name.clone()) {
                    let (stage, second) = (stage.as_str(), company.name.clone());
                    return Err(CompanyError::TwoDefaults {
                        stage,
                        first,
                        second,
                        at: At::NOWHERE,
                    });
                }
            }
        }
        let router = Router::new(&companies);
        Ok(Registry { companies, router })
    }

    /// Closes a company: what would be its work is held. One that is not there, or closed already, stays as it is.
    pub fn close(&mut self, name: &str, why: Closed) {
        let open = |company: &&mut Company| company.name == name && company.closed.is_none();
        if let Some(company) = self.companies.iter_mut().find(open) {
            // Its words stay, so that the router is still right.
            *company = company.clone().close(why);
        }
    }

    /// What their words are found by in a task's text.
    pub(crate) fn router(&self) -> &Router {
        &self.router
    }

    /// All companies in order of their names.
    pub fn companies(&self) -> &[Company] {
        &self.companies
    }

    /// The company of this name or alias, in any case.
    pub fn find(&self, name: &str) -> Result<&Company, CompanyError> {
        self.companies
            .iter()
            .find(|company| company.answers_to(name))
            .ok_or_else(|| {
                let known = self.companies.iter().flat_map(Company::names);
                CompanyError::Unknown {
                    name: name.to_owned(),
                    hint: yaml::hint(name, known),
                }
            })
    }

    /// The companies that work at a stage, in order of their names.
    pub fn at(&self, stage: Stage) -> impl Iterator<Item = &Company> {
        self.companies
            .iter()
            .filter(move |company| company.works_at(stage))
    }
}

/// The error with its line, which only the files tell.
fn placed(error: CompanyError, packs: &BTreeMap<String, BTreeMap<String, String>>) -> CompanyError {
    let places = |pack: &String| {
        let card = packs.get(pack).and_then(|files| files.get("company.json"));
        card.map_or_else(Places::default, |text| Places::of(text))
    };
    match error {
        CompanyError::TwoOwners {
            name,
            first,
            second,
            at: _,
        } => CompanyError::TwoOwners {
            at: match second.eq_ignore_ascii_case(&name) {
                true => places(&second).at(&["name"]),
                false => places(&second).at(&["aliases"]),
            },
            name,
            first,
            second,
        },
        CompanyError::TwoDefaults {
            stage,
            first,
            second,
            at: _,
        } => CompanyError::TwoDefaults {
            at: places(&second).at(&["default"]),
            stage,
            first,
            second,
        },
        other @ (CompanyError::Missing { .. }
        | CompanyError::TooLarge { .. }
        | CompanyError::UnknownKey { .. }
        | CompanyError::Invalid { .. }
        | CompanyError::Blueprint { .. }
        | CompanyError::Unknown { .. }) => other,
    }
}
