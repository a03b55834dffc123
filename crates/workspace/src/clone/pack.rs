//! Packing what a commit needs out of the user's repository.

use std::path::Path;

use crate::git::run::{self, on_objects};
use crate::git::{GitError, Oid, Repo};

/// How long a pack is to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasts {
    /// Until its clone goes, so it waits for no disk. After a power cut a run begins with another clone, and a salvage reads the files of the old
    /// one and none of its objects; only commits that no ref of ours reaches are asked of them, and what cannot be taken is said.
    AsItsClone,
    /// It is lent to later clones, also to those after a power cut.
    Stays,
}

/// Packs everything that the `wanted` objects need, and `known` does not, into the folder `pack` of an object directory.
/// Nothing is written when that is nothing. Our own empty git directory does it and only borrows the source's objects, for this one call: the source's
/// configuration is not read.
pub(super) fn write(
    repo: &Repo,
    wanted: &[Oid],
    known: Option<&Oid>,
    objects: &Path,
    lasts: Lasts,
) -> Result<(), GitError> {
    let mut revisions: String = wanted.iter().map(|oid| format!("{oid}\n")).collect();
    if let Some(known) = known {
        revisions.push_str(&format!("^{known}\n"));
    }
    // Without a word git syncs the pack, its index and the index of the other direction, one after the other (`core.fsync` of
    // git-config(1)).
    let syncs: &[&str] = match lasts {
        Lasts::AsItsClone => &["-c", "core.fsync=none"],
        Lasts::Stays => &[],
    };
    on_objects(repo)
        .env("GIT_OBJECT_DIRECTORY", &run::text(objects))
        .env(
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
            &run::alternate(&repo.objects_dir()),
        )
        .args(syncs)
        .args([
            "pack-objects",
            "--revs",
            "--quiet",
            "--non-empty",
            "--delta-base-offset",
            "--include-tag",
            // Deltas that exist are kept, none are looked for: the clone is short-lived, and the search is most of the time.
            "--window=0",
        ])
        .args([run::text(&objects.join("pack/pack"))])
        .stdin(revisions.as_bytes())
        .ok()
        .map(drop)
}
