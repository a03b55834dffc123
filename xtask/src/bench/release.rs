//! The release binary: built as it is shipped, and run from a place of its own.

use crate::program::{self, Error, Ran};
use serde::Deserialize;
use std::path::PathBuf;

pub(super) const BUILD: [&str; 5] = ["build", "--release", "--locked", "--package", "alai"];

/// Builds it and says where it is and how the build went.
pub(super) fn build() -> Result<(PathBuf, Ran), Error> {
    let built = program::stream(program::cargo(&BUILD), |_| false)?;
    if !built.ok {
        return Err(Error::Answer(
            "the release binary cannot be built, see above".to_owned(),
        ));
    }
    Ok((binary()?, built))
}

/// Where cargo puts the binary; the target folder may have been moved.
pub(crate) fn binary() -> Result<PathBuf, Error> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let metadata = program::cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Metadata = serde_json::from_str(&program::read(metadata)?)
        .map_err(|e| Error::Answer(format!("cannot read what `cargo metadata` says: {e}")))?;
    Ok(metadata.target_directory.join("release").join("alai"))
}
