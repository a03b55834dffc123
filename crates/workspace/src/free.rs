//! How much room a file system has left.

use std::path::Path;

use crate::files::FileError;
use crate::sys;

/// What users without privileges may still take of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Free {
    pub bytes: u64,
    pub files: u64,
    /// Files that it can hold in all; 0 where it makes room for them as they come.
    pub files_all: u64,
}

/// Asks the file system on which `path` lies.
///
/// # Errors
/// When there is no such path, or its file system does not answer.
pub fn on(path: &Path) -> Result<Free, FileError> {
    let fail = FileError::on("ask for the free space of", path);
    let (bytes, files, files_all) = sys::left_on(path).map_err(fail)?;
    Ok(Free {
        bytes,
        files,
        files_all,
    })
}
