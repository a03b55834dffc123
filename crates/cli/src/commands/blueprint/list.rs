//! `alai blueprint list`.

use alai_factory::Home;
use alai_factory::companies::{self, BlueprintLine};
use serde::Serialize;

use crate::error::CliError;
use crate::{door, show};

#[derive(Serialize)]
struct List {
    blueprints: Vec<BlueprintLine>,
}

pub(super) fn list(home: &Home, company: Option<&str>, json: bool) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    for (what, why) in packs.wrong() {
        let told = format!(
            "{what} cannot be used: {why}; `alai blueprint validate` and `alai company validate` name all that is wrong"
        );
        show::message(&show::clean(&told));
    }
    let company = super::company(&packs, company)?;
    let blueprints = companies::blueprints(&packs, company).map_err(door::broken)?;
    if json {
        return show::json(&List { blueprints });
    }
    for line in &blueprints {
        let of = line.company.as_deref().unwrap_or(line.source.as_str());
        let extends = match &line.extends {
            Some(extends) => format!(" (extends {extends})"),
            None => String::new(),
        };
        let told = format!("{:<30} {of:<12} {}{extends}", line.name, line.description);
        show::line(show::clean(&told));
    }
    Ok(())
}
