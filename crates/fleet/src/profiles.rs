//! How the models of a family are run, as data: `profiles.yaml` is the table that is shipped, and a user's own goes before
//! it. No other file knows a model by name.

use std::sync::LazyLock;

use alai_core::blueprint::TURNS_MAX;
use serde::Deserialize;
use thiserror::Error;

use crate::chat::{EditFormat, Profile, ToolMode};
use crate::probe::ModelCard;

const SHIPPED: &str = include_str!("profiles.yaml");

/// Families and their profiles, the ones that win first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profiles {
    families: Vec<Family>,
}

/// The table could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the table of model families cannot be used: {0}")]
pub struct ProfilesError(String);

/// What a family does in another way than the usual profile.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    names: Vec<String>,
    tool_mode: Option<ToolMode>,
    edit_format: Option<EditFormat>,
    num_ctx: Option<u32>,
    output_max: Option<u32>,
    temperature: Option<f32>,
    think: Option<bool>,
    turns_max: Option<u32>,
    /// For people.
    #[allow(dead_code)]
    why: String,
}

impl Profiles {
    /// Reads a table.
    ///
    /// # Errors
    /// With the place, on an unknown key or word, a family without a name, or a figure that makes no sense.
    pub fn parse(text: &str) -> Result<Profiles, ProfilesError> {
        let options = serde_saphyr::options! { strict_booleans: true };
        let families: Vec<Family> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| ProfilesError(error.to_string()))?;
        for family in &families {
            family.check().map_err(ProfilesError)?;
        }
        Ok(Profiles { families })
    }

    /// The table that comes with the program.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn shipped() -> Profiles {
        static TABLE: LazyLock<Profiles> = LazyLock::new(|| {
            Profiles::parse(SHIPPED).expect("the shipped table is read by a test")
        });
        TABLE.clone()
    }

    /// This table, with the entries of another before its own: where both have the same name, the other's counts.
    #[must_use]
    pub fn overridden(self, by: Profiles) -> Profiles {
        let mut families = by.families;
        families.extend(self.families);
        Profiles { families }
    }

    /// The one profile that a model is run with on its host, so that nothing reloads it: the usual one, with what its family does in another
    /// way, within what the model can.
    ///
    /// The window is the default or what the model was trained for, whichever is less; an answer takes at most half of it.
    /// Models that can think do not, unless asked: small ones spend their whole answer on it. A model that its host knows as one
    /// without tools calls them in text.
    pub fn of(&self, card: &ModelCard) -> Profile {
        let usual = Profile::default();
        let family = self.family(&card.name);
        let wanted = family.and_then(|f| f.num_ctx).unwrap_or(usual.num_ctx);
        let num_ctx = card.context_max.map_or(wanted, |max| wanted.min(max));
        let output_max = family
            .and_then(|f| f.output_max)
            .unwrap_or(usual.output_max);
        let think = family.and_then(|f| f.think).unwrap_or(false);
        let mode = family.and_then(|f| f.tool_mode).unwrap_or_default();
        Profile {
            num_ctx,
            output_max: output_max.min(num_ctx / 2),
            temperature: family
                .and_then(|f| f.temperature)
                .unwrap_or(usual.temperature),
            think: card.thinking.then_some(think),
            // A table cannot give a model what its host says it has not.
            tool_mode: if card.tools { mode } else { ToolMode::Text },
            edit_format: family.and_then(|f| f.edit_format).unwrap_or_default(),
            turns_max: family.and_then(|f| f.turns_max).unwrap_or(usual.turns_max),
            ..usual
        }
    }

    /// The entry with the longest name that this model's name begins with; among equals the first.
    fn family(&self, model: &str) -> Option<&Family> {
        let model = model.rsplit('/').next().unwrap_or(model).to_lowercase();
        let mut best: Option<(usize, &Family)> = None;
        for family in &self.families {
            for name in family.names.iter().filter(|name| begins(&model, name)) {
                if best.is_none_or(|(length, _)| name.len() > length) {
                    best = Some((name.len(), family));
                }
            }
        }
        best.map(|(_, family)| family)
    }
}

impl Family {
    fn check(&self) -> Result<(), String> {
        let named = |name: &String| !name.trim().is_empty() && *name == name.to_lowercase();
        if self.names.is_empty() || !self.names.iter().all(named) {
            return Err(format!(
                "`names` must be names in lower case, not {:?}",
                self.names
            ));
        }
        let name = &self.names[0];
        if self.num_ctx == Some(0) || self.output_max == Some(0) {
            return Err(format!("{name}: a window of no tokens holds nothing"));
        }
        if self.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
            return Err(format!("{name}: `temperature` lies between 0 and 2"));
        }
        if self
            .turns_max
            .is_some_and(|turns| !(1..=TURNS_MAX).contains(&turns))
        {
            return Err(format!(
                "{name}: `turns_max` lies between 1 and {TURNS_MAX}"
            ));
        }
        Ok(())
    }
}

/// Whether a model's name begins with a family's, and goes on with a version or a size and not with another word.
fn begins(model: &str, name: &str) -> bool {
    model
        .strip_prefix(name)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests;
