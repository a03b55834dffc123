//! The long texts of a pack, apart from what work is given out by: a factory of many companies holds them for none, and a run reads
//! those of its own company.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Skill;

/// What a pack says at length, read and checked together with its [`super::Company`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// `CLAUDE.md`, whole: loaded by an agent on demand.
    pub soul: String,
    /// The company's own blueprints and templates, name to text. They stand before the global ones of the same name.
    pub blueprints: BTreeMap<String, String>,
    /// By their names; a prompt names them, and their texts are loaded on demand.
    pub skills: BTreeMap<String, Skill>,
}

impl Texts {
    /// The global blueprints with the company's own laid over them.
    pub fn library(&self, global: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut library = global.clone();
        let own = self.blueprints.iter();
        library.extend(own.map(|(name, text)| (name.clone(), text.clone())));
        library
    }
}
