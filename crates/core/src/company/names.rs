//! What a pack names outside of itself: blueprints, and the inputs that it gives them.

use std::collections::{BTreeMap, BTreeSet};

use super::json::Places;
use super::problem::CompanyError;
use super::{Company, Texts, config};
use crate::blueprint::{self, TEMPLATES, yaml};

/// Levels of `extends` that are followed; a blueprint has fewer, or is refused where it is resolved.
const EXTENDS_MAX: usize = 16;

/// Every blueprint of `config.json` that neither the pack nor `global` has, and every input that none of them takes. `files` are
/// those the company was read from, for the lines.
pub fn check_names(
    company: &Company,
    texts: &Texts,
    files: &BTreeMap<String, String>,
    global: &BTreeMap<String, String>,
) -> Vec<CompanyError> {
    let text = |name: &str| texts.blueprints.get(name).or_else(|| global.get(name));
    let mut problems = Vec::new();
    let mut wrong = |path: [&str; 2], problem: String| {
        let places = files.get(config::FILE).map(|text| Places::of(text));
        problems.push(CompanyError::Invalid {
            pack: company.name.clone(),
            file: config::FILE.to_owned(),
            at: places.unwrap_or_default().at(&path),
            problem,
        });
    };
    let walks = &company.walks;
    let by_stage = walks
        .stages
        .iter()
        .map(|(stage, name)| (stage.as_str(), name));
    let firsts = walks.firsts.iter();
    let firsts = firsts.flat_map(|(stage, all)| all.iter().map(|name| (stage.as_str(), name)));
    let by_work = walks.work.iter();
    let by_work = by_work.flat_map(|(work, all)| all.iter().map(|name| (work.as_str(), name)));
    let mut said = BTreeSet::new();
    for (key, name) in by_stage.chain(firsts).chain(by_work) {
        if text(name).is_none() && said.insert(key) {
            let known = company.blueprints.iter().chain(global.keys());
            let known = known.map(String::as_str);
            let known: BTreeSet<&str> = known.filter(|name| !name.starts_with(TEMPLATES)).collect();
            let hint = yaml::hint(name, known.iter().copied());
            wrong(
                ["blueprints", key],
                format!("no blueprint is called `{name}`; {hint}"),
            );
        }
    }
    if company.blueprint_inputs.is_empty() || !said.is_empty() {
        return problems;
    }
    let taken: BTreeSet<String> = walks.names().flat_map(|name| inputs(name, &text)).collect();
    for input in company.blueprint_inputs.keys() {
        if !taken.contains(input) {
            let hint = yaml::hint(input, taken.iter().map(String::as_str));
            let problem =
                format!("none of the company's blueprints has an input `{input}`; {hint}");
            wrong(["blueprint_inputs", input], problem);
        }
    }
    problems
}

/// The inputs that a blueprint declares, with those of the ones it extends.
fn inputs<'a>(name: &str, text: &dyn Fn(&str) -> Option<&'a String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = Some(name.to_owned());
    for _ in 0..EXTENDS_MAX {
        let Some(name) = next else { break };
        let raw = text(&name).and_then(|text| blueprint::parse(text, &name).ok());
        let Some(raw) = raw else { break };
        found.extend(raw.input_names().map(str::to_owned));
        next = raw.extends;
    }
    found
}
