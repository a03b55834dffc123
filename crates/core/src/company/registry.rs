//! The companies of one factory, found by any of their names.

use std::collections::BTreeMap;

use super::{Company, CompanyError, Stage, parse};
use crate::blueprint::yaml;

/// Every company that was loaded, by name. Names and aliases are unique over all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registry {
    companies: Vec<Company>,
}

impl Registry {
    /// Reads every pack: folder name to its files. `active` names the companies that must be there, by name or alias; empty
    /// takes all. A name without a pack is an error, never a company that silently takes no work.
    pub fn load(
        packs: &BTreeMap<String, BTreeMap<String, String>>,
        active: &[String],
    ) -> Result<Registry, CompanyError> {
        let mut companies = Vec::new();
        for (folder, files) in packs {
            let company = parse(files)?;
            if company.name != *folder {
                return Err(CompanyError::Invalid {
                    pack: folder.clone(),
                    file: "company.json".to_owned(),
                    problem: format!(
                        "the folder is `{folder}` but the company calls itself `{}`",
                        company.name
                    ),
                });
            }
            companies.push(company);
        }
        let all = Registry::new(companies)?;
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
                });
            }
            if company.default
                && let Some(first) = defaults.insert(company.stage, company.name.clone())
            {
                let (stage, second) = (company.stage.as_str(), company.name.clone());
                return Err(CompanyError::TwoDefaults {
                    stage,
                    first,
                    second,
                });
            }
        }
        Ok(Registry { companies })
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

    /// The companies of one stage, in order of their names.
    pub fn at(&self, stage: Stage) -> impl Iterator<Item = &Company> {
        self.companies
            .iter()
            .filter(move |company| company.stage == stage)
    }
}
