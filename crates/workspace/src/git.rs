//! Git, pinned and hermetic: every call names its repository, and no configuration, hook or program of a repository runs.
//!
//! Two ways to call it. Object commands (diff, tree, blob, merge, commit) run in a *neutral* git directory of our own that
//! borrows the repository's objects: the repository's configuration, hooks, attributes, grafts and replacements are not read
//! at all, which also makes their results independent of who runs them. Ref and work-tree commands need the real directory;
//! there everything that can start a program is switched off by name, and no transport is allowed.
//!
//! Absences: nothing here reads the user's global configuration (save [`configured_identity`] and [`persons_identity`], which only
//! read two strings, and [`remote`], which reads where a remote is and which credential helpers there are), reaches a network
//! (save [`push`] and [`fetch`]), writes a ref outside the one it is given, or discovers a repository from a working directory.

mod branch;
mod branchfile;
mod changes;
mod create;
mod error;
mod known;
mod locks;
mod merge;
mod objects;
mod open;
mod planted;
mod refs;
mod remote;
mod revert;
pub(crate) mod run;
mod sides;
mod sign;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use branch::{Moved, is_dirty, move_branch};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use changes::judge_listing;
pub use changes::{
    COMMITS_MAX, ChangeStatus, CommitLine, Diff, FileChange, PATCH_BYTES_MAX, Patch, commit_patch,
    commits, diff,
};
pub use create::create;
pub use error::GitError;
pub use locks::remove_stale_locks;
pub use merge::{CommitText, Merged, merge, merge_apart};
pub use objects::{BLOB_BYTES_MAX, TreeEntry, blob, tree};
pub use open::{configured_identity, open, persons_identity};
pub use planted::planted;
pub(crate) use refs::is_ref_name;
pub use refs::{
    Head, glance, head, is_ancestor, merge_base, refs_below, remove_ref, resolve, tips, update_ref,
};
pub use remote::{OWN, Remote, RemoteError, Towards, fetch, push, remote};
pub use revert::{Reverted, revert};
pub use sides::{committed_ms, side_by_side};

/// One repository of the user: its work tree, its git directory, and our neutral directory over its objects.
#[derive(Debug, Clone)]
pub struct Repo {
    /// Top of the work tree, canonical.
    root: PathBuf,
    /// The work tree's own git directory: `.git`, or `.git/worktrees/NAME` for a linked one.
    git_dir: PathBuf,
    /// The directory that all its work trees share: refs and objects.
    common_dir: PathBuf,
    format: ObjectFormat,
    neutral: Arc<crate::files::Scratch>,
    known: Arc<known::Known>,
    /// The home folder of the person whose configuration says how commits are signed.
    person: Option<PathBuf>,
}

impl Repo {
    /// Top of the user's work tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory with refs and objects, shared by all work trees of the repository.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The same repository, in which commits are signed as the configuration in this home folder, or its own, says.
    #[must_use]
    pub fn signed_as_in(mut self, home: &Path) -> Repo {
        self.person = Some(home.to_path_buf());
        self
    }

    pub(crate) fn objects_dir(&self) -> PathBuf {
        self.common_dir.join("objects")
    }

    pub(crate) fn format(&self) -> ObjectFormat {
        self.format
    }
}

/// The hash that names a repository's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectFormat {
    Sha1,
    Sha256,
}

impl ObjectFormat {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ObjectFormat::Sha1 => "sha1",
            ObjectFormat::Sha256 => "sha256",
        }
    }

    /// Hex digits of an object's name.
    fn digits(self) -> usize {
        match self {
            ObjectFormat::Sha1 => 40,
            ObjectFormat::Sha256 => 64,
        }
    }
}

/// An object's full name: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits, never an abbreviation and never zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oid(String);

impl Oid {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people and names; never given back to git.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// A text that is not a full object name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a full object name (40 or 64 lower-case hex digits, not all zero)")]
pub struct NotAnOid(pub String);

impl FromStr for Oid {
    type Err = NotAnOid;

    fn from_str(text: &str) -> Result<Self, NotAnOid> {
        let hex = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let zero = text.bytes().all(|byte| byte == b'0');
        if !hex || zero || !matches!(text.len(), 40 | 64) {
            return Err(NotAnOid(text.chars().take(80).collect()));
        }
        Ok(Oid(text.to_owned()))
    }
}

impl TryFrom<String> for Oid {
    type Error = NotAnOid;

    fn try_from(text: String) -> Result<Self, NotAnOid> {
        text.parse()
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> String {
        oid.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who made a commit. Parsed at the door, so that it can neither break a commit's header nor a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    name: String,
    email: String,
}

impl Identity {
    /// # Errors
    /// [`NotAnIdentity`] when a part is empty or holds what a commit header cannot: `<`, `>` or a control character.
    pub fn new(name: &str, email: &str) -> Result<Identity, NotAnIdentity> {
        let fits = |text: &str| {
            !text.trim().is_empty()
                && !text
                    .chars()
                    .any(|c| c.is_control() || matches!(c, '<' | '>'))
        };
        if !fits(name) || !fits(email) {
            return Err(NotAnIdentity {
                name: name.to_owned(),
                email: email.to_owned(),
            });
        }
        Ok(Identity {
            name: name.trim().to_owned(),
            email: email.trim().to_owned(),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn email(&self) -> &str {
        &self.email
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{}>", self.name, self.email)
    }
}

/// A name and address that no commit can carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` with `{email}` cannot be a commit's author: both are needed, without `<`, `>` or control characters"
)]
pub struct NotAnIdentity {
    name: String,
    email: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oid_is_full_lower_case_hex_and_not_zero() {
        for good in ["0123456789abcdef0123456789abcdef01234567", &"ab".repeat(32)] {
            assert_eq!(
                good.parse::<Oid>().map(|oid| oid.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "HEAD",
            "abc123",
            &"0".repeat(40),
            &"AB".repeat(20),
            &"g".repeat(40),
            "--upload-pack=evil",
            &format!("{}\n", "a".repeat(40)),
        ] {
            assert!(bad.parse::<Oid>().is_err(), "{bad:?} passed");
        }
        assert!(
            serde_json::from_str::<Oid>("\"HEAD\"").is_err(),
            "stored values are checked too"
        );
    }

    #[test]
    fn an_identity_cannot_break_a_header() {
        assert!(Identity::new("Ada", "ada@example.org").is_ok());
        for (name, email) in [
            ("", "a@b"),
            ("Ada\nparent 0", "a@b"),
            ("Ada <x>", "a@b"),
            ("Ada", " "),
        ] {
            assert!(
                Identity::new(name, email).is_err(),
                "{name:?} {email:?} passed"
            );
        }
    }
}
