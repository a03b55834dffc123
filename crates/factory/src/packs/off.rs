//! The companies that a person has switched off: `off` under `[companies]` in `alai.toml`, read with the packs and as
//! often as they are.

use std::collections::BTreeSet;

use alai_core::mcp::nearest;
use serde::Deserialize;

use super::{PacksError, read, shipped};
use crate::home::Home;

/// The part of `alai.toml` that speaks of companies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompaniesFile {
    /// Names, in any case.
    #[serde(default)]
    off: Vec<String>,
}

/// The file's other parts are read by whoever they are for.
#[derive(Default, Deserialize)]
struct Part {
    #[serde(default)]
    companies: CompaniesFile,
}

/// The names of the companies that are switched off, as their packs have them.
///
/// # Errors
/// When the file cannot be read, or names a company that neither the home nor this program has.
pub(super) fn off(home: &Home) -> Result<BTreeSet<String>, PacksError> {
    let path = home.config();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(source) => return Err(PacksError::Read { path, source }),
    };
    let wrong = |problem: String| PacksError::Off { problem };
    let part: Part = toml::from_str(&text).map_err(|e| wrong(e.message().to_owned()))?;
    let mut known: BTreeSet<String> = read::folders(&home.companies())?.into_iter().collect();
    known.extend(shipped::names());
    let named = part.companies.off.iter().map(|name| {
        let found = known.iter().find(|own| own.eq_ignore_ascii_case(name));
        found.cloned().ok_or_else(|| {
            let hint = match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`alai company list` shows all".to_owned(),
            };
            wrong(format!("no company is called `{name}`; {hint}"))
        })
    });
    named.collect()
}
