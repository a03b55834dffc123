//! What a project tells agents, read on the trusted side from the commit that a change is measured from.

use alai_core::brief::ProjectRules;
use alai_workspace::git::{self, GitError, Oid, Repo};

/// Instructions that projects leave for agents, in the order they are looked for.
const FILES: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];

/// Who writes more than this does not write for agents; of what is there the first few kilobytes are shown.
const BYTES_MAX: u64 = 256 << 10;

/// The first of them that the commit has.
pub(crate) fn rules(repo: &Repo, commit: &Oid) -> Result<Option<ProjectRules>, GitError> {
    // Listed anyway, and once: most projects have none, and no further question to git is needed to know that.
    let tree = git::tree(repo, commit)?;
    for file in FILES {
        if !tree
            .iter()
            .any(|entry| entry.path == file && entry.is_file())
        {
            continue;
        }
        let text = match git::blob(repo, commit, file, BYTES_MAX) {
            Ok(Some(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            Ok(None) => continue,
            Err(GitError::TooLarge { .. }) => {
                format!("{file} has more than {BYTES_MAX} bytes; read what you need of it.")
            }
            Err(error) => return Err(error),
        };
        let file = file.to_owned();
        return Ok(Some(ProjectRules { file, text }));
    }
    Ok(None)
}
