//! `alai blueprint show`: the file, or what a run would walk.

use alai_core::blueprint::Blueprint;
use alai_factory::Home;
use alai_factory::companies::Resolved;
use serde::Serialize;

use crate::error::{CliError, Kind};
use crate::{door, show};

#[derive(Serialize)]
struct Text<'a> {
    name: &'a str,
    company: Option<&'a str>,
    text: &'a str,
}

#[derive(Serialize)]
struct Whole<'a> {
    name: &'a str,
    company: Option<&'a str>,
    resolved: &'a Blueprint,
    /// Inputs that only a run knows.
    made_up: Vec<&'a str>,
}

pub(super) fn show(
    home: &Home,
    name: &str,
    company: Option<&str>,
    resolved: bool,
    json: bool,
) -> Result<(), CliError> {
    let packs = door::packs(home)?;
    let company = super::company(&packs, company)?;
    let of = company.map(|company| company.name.as_str());
    if !resolved {
        let text = packs
            .blueprint_text(company, name)
            .map_err(|e| super::refused(&e))?;
        if json {
            return show::json(&Text {
                name,
                company: of,
                text: &text,
            });
        }
        show::line(show::clean(text.trim_end()));
        return Ok(());
    }
    let found = packs.resolved(company, name, &Default::default());
    let Resolved { blueprint, made_up } = found.map_err(|e| super::refused(&e))?;
    if json {
        return show::json(&Whole {
            name,
            company: of,
            resolved: &blueprint,
            made_up: made_up.iter().map(String::as_str).collect(),
        });
    }
    let text = serde_saphyr::to_string(&blueprint);
    let text = text.map_err(|e| CliError::new(Kind::Failed, e))?;
    show::line(show::clean(text.trim_end()));
    for input in &made_up {
        show::message(&format!(
            "the input `{input}` is only known to a run; its name stands in its place"
        ));
    }
    Ok(())
}
