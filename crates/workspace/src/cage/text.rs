//! A small file that a cage shows out of our memory: on no disk, read-only, and readable inside whoever may read it outside.

use std::path::{Path, PathBuf};

use super::error::CageError;
use super::spec::CageSpec;

/// Only below this: the cage makes the folder itself, and nothing is bound at or below it but where a caller says so.
const BELOW: &str = "/agent";

/// A file and where it is inside. Its content is in no message.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    pub(super) inside: PathBuf,
    pub(super) text: String,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text")
            .field("inside", &self.inside)
            .finish_non_exhaustive()
    }
}

impl Text {
    pub fn new(inside: PathBuf, text: String) -> Text {
        Text { inside, text }
    }
}

/// A text below a bind would be written into what is bound.
pub(super) fn check(texts: &[Text], spec: &CageSpec) -> Result<(), CageError> {
    for text in texts {
        let inside = text.inside.as_path();
        let plain = inside.components().count() > 2
            && inside.starts_with(BELOW)
            && !inside.components().any(|part| part.as_os_str() == "..")
            && inside.is_absolute();
        let bound = spec.binds.iter().chain(&spec.toolchains);
        let meets = |other: &Path| inside.starts_with(other) || other.starts_with(inside);
        if !plain || bound.into_iter().any(|bind| meets(&bind.inside)) {
            return Err(CageError::Spec(format!(
                "{inside:?} is no place for a text"
            )));
        }
    }
    Ok(())
}
