//! `alai company list`.

use alai_factory::Home;
use alai_factory::companies::{self, CompanyLine};
use serde::Serialize;

use crate::error::CliError;
use crate::{door, show};

#[derive(Serialize)]
struct List {
    companies: Vec<CompanyLine>,
}

pub(super) fn list(home: &Home, json: bool) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    let companies = companies::companies(&packs);
    if json {
        return show::json(&List { companies });
    }
    let width = |of: fn(&CompanyLine) -> &str, title: &str| {
        let longest = companies.iter().map(|line| of(line).chars().count()).max();
        longest.unwrap_or(0).max(title.len())
    };
    let (name, house) = (width(|l| &l.name, "company"), width(|l| &l.house, "type"));
    show::line(format!(
        "{:<name$}  {:<house$}  {:<8}  {:<7}  {:<5}  blueprints  skills  stages",
        "company", "type", "version", "source", "tiers"
    ));
    for line in &companies {
        let stages: Vec<&str> = line.stages.keys().copied().collect();
        let told = format!(
            "{:<name$}  {:<house$}  {:<8}  {:<7}  {:<5}  {:>10}  {:>6}  {}",
            line.name,
            line.house,
            line.version,
            line.source.as_str(),
            tiers(line),
            line.blueprints,
            line.skills,
            stages.join(", ")
        );
        show::line(show::clean(&told));
    }
    for closed in companies.iter().filter_map(|line| line.closed.as_ref()) {
        show::line(show::clean(&format!("takes no work: {closed}")));
    }
    Ok(())
}

/// Lead, builder and reviewer in this order, as `3/2/2`; a model that is no tier by its whole name.
fn tiers(line: &CompanyLine) -> String {
    let of = |role: &str| {
        let model = line.models.get(role).map_or("", String::as_str);
        model.strip_prefix("tier ").unwrap_or(model).to_owned()
    };
    ["lead", "builder", "reviewer"].map(of).join("/")
}
