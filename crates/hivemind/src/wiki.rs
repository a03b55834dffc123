//! The wiki folder: local Markdown is the source; anything else (BookStack, later) is a copy of it.

use std::path::{Path, PathBuf};

use alai_workspace::files;

/// A page that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the wiki page {path}: {source}")]
pub struct WikiError {
    path: String,
    source: files::FileError,
}

/// Writes a page whole or not at all. The same text twice is the same page.
pub fn write(wiki: &Path, page: &PageName, text: &str) -> Result<PathBuf, WikiError> {
    let path = wiki.join(&page.0);
    let fail = |source| WikiError {
        path: path.display().to_string(),
        source,
    };
    let dir = path.parent().unwrap_or(wiki);
    files::private_dir_all(dir).map_err(fail)?;
    files::write_atomic(&path, text.as_bytes()).map_err(fail)?;
    Ok(path)
}

/// A page's place under the wiki folder. Made of numbers and fixed words only: no text of a task becomes a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageName(String);

impl PageName {
    /// The goal's specification and plan.
    pub fn spec(goal: i64) -> PageName {
        PageName(format!("goals/{goal}/spec.md"))
    }

    /// Where the goal stands.
    pub fn status(goal: i64) -> PageName {
        PageName(format!("goals/{goal}/status.md"))
    }

    /// What came of it.
    pub fn postflight(goal: i64) -> PageName {
        PageName(format!("goals/{goal}/postflight.md"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_replaced_whole_and_never_through_a_symlink() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let wiki = home.path().join("wiki");
        let page = PageName::spec(7);
        let path = write(&wiki, &page, "one").expect("first writing");
        assert_eq!(std::fs::read_to_string(&path).expect("page"), "one");
        let victim = home.path().join("victim");
        std::fs::write(&victim, "untouched").expect("victim");
        std::fs::remove_file(&path).expect("remove");
        std::os::unix::fs::symlink(&victim, &path).expect("symlink");
        write(&wiki, &page, "two").expect("second writing");
        assert_eq!(
            std::fs::read_to_string(&victim).expect("victim"),
            "untouched"
        );
        assert_eq!(std::fs::read_to_string(&path).expect("page"), "two");
    }
}
