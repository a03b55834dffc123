//! Reading a commit's files without checking them out.

use std::sync::Arc;

use super::run::{self, on_objects};
use super::{GitError, Oid, Repo};

/// Most that [`blob`] will ever read, whatever it is asked for: larger files are not configuration, code or text.
pub const BLOB_BYTES_MAX: u64 = 64 << 20;

/// One file of a commit, or a submodule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    pub path: String,
    /// 0o100644, 0o100755, 0o120000 (symlink) or 0o160000 (submodule).
    pub mode: u32,
    pub oid: Oid,
    /// Bytes; 0 for a submodule.
    pub size: u64,
}

impl TreeEntry {
    /// A plain file, executable or not: what may be opened and read.
    pub fn is_file(&self) -> bool {
        matches!(self.mode, 0o100_644 | 0o100_755 | 0o100_664)
    }
}

/// Every file of a commit, folders flattened, in git's order. Read once per commit and opened repository.
///
/// # Errors
/// [`GitError::PathNotUtf8`] for a path that cannot be shown.
pub fn tree(repo: &Repo, commit: &Oid) -> Result<Arc<Vec<TreeEntry>>, GitError> {
    if let Some(known) = repo.known.get(commit) {
        return Ok(known);
    }
    let read = Arc::new(entries(repo, commit, &["-r"], None)?);
    repo.known.keep(commit, &read);
    Ok(read)
}

/// One plain file of a commit. `None` when there is no such file, or when it is a folder, a symlink or a submodule.
///
/// # Errors
/// [`GitError::TooLarge`] when it has more than `bytes_max` (or [`BLOB_BYTES_MAX`]) bytes.
pub fn blob(
    repo: &Repo,
    commit: &Oid,
    path: &str,
    bytes_max: u64,
) -> Result<Option<Vec<u8>>, GitError> {
    let path_is_plain =
        !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !path_is_plain || path.contains('\0') {
        return Ok(None);
    }
    let wanted = |entry: &&TreeEntry| entry.path == path && entry.is_file();
    let found = match repo.known.get(commit) {
        Some(known) => known.iter().find(wanted).cloned(),
        None => entries(repo, commit, &[], Some(path))?
            .iter()
            .find(wanted)
            .cloned(),
    };
    let Some(entry) = found else {
        return Ok(None);
    };
    let limit = bytes_max.min(BLOB_BYTES_MAX);
    if entry.size > limit {
        return Err(GitError::TooLarge {
            what: format!("{path} at {commit}"),
            limit,
            unit: "bytes",
        });
    }
    on_objects(repo)
        .reading()
        .args(["cat-file", "blob", entry.oid.as_str()])
        .ok()
        .map(Some)
}

fn entries(
    repo: &Repo,
    commit: &Oid,
    options: &[&str],
    path: Option<&str>,
) -> Result<Vec<TreeEntry>, GitError> {
    let mut call = on_objects(repo)
        .reading()
        .args(["ls-tree", "-z", "-l", "--full-tree"])
        .args(options);
    call = call.args([commit.as_str(), "--"]);
    let listing = call.args(path).ok()?;
    let mut entries = Vec::new();
    for record in listing
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
    {
        let unreadable =
            || run::unreadable("ls-tree", repo.root(), &String::from_utf8_lossy(record));
        let tab = record
            .iter()
            .position(|byte| *byte == b'\t')
            .ok_or_else(unreadable)?;
        let (meta, path) = (String::from_utf8_lossy(&record[..tab]), &record[tab + 1..]);
        let path = String::from_utf8(path.to_vec()).map_err(|error| GitError::PathNotUtf8 {
            at: format!("commit {commit}"),
            shown: String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })?;
        let fields: Vec<&str> = meta.split_ascii_whitespace().collect();
        let [mode, _, oid, size] = fields[..] else {
            return Err(unreadable());
        };
        entries.push(TreeEntry {
            path,
            mode: u32::from_str_radix(mode, 8).map_err(|_| unreadable())?,
            oid: oid.parse().map_err(|_| unreadable())?,
            size: size.parse().unwrap_or(0),
        });
    }
    Ok(entries)
}
