//! What lies between two commits: files, lines, the patch, and each commit on the way.
//!
//! Everything is asked of the neutral directory, so a change cannot hide itself by its own `.gitattributes` (`-diff`,
//! `binary`, a textconv) or by the reader's configuration.

use std::collections::BTreeMap;

use super::run::{self, on_objects};
use super::{GitError, Oid, Repo};

/// Most of a patch that is kept, in bytes: far more than a person or a model reads; scanners ask commit by commit.
pub const PATCH_BYTES_MAX: usize = 8 << 20;

/// Most commits that one run may bring: a run that makes more has lost the thread.
pub const COMMITS_MAX: usize = 5_000;

/// Most changed files that one diff may list: a whole vendored tree fits, an accident of a million files does not.
const FILES_MAX: usize = 200_000;

/// All that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    pub files: Vec<FileChange>,
    pub patch: String,
    /// True when the patch was longer than [`PATCH_BYTES_MAX`] and only its beginning was kept. `files` is always whole.
    pub truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Where the file is now; where it was, for a deleted one. `/`-separated, from the top of the tree.
    pub path: String,
    pub status: ChangeStatus,
    /// As git writes it: 0o100644, 0o100755, 0o120000 (symlink), 0o160000 (submodule), 0 for absent.
    pub old_mode: u32,
    pub new_mode: u32,
    /// 0 for a binary file.
    pub added_lines: u64,
    pub removed_lines: u64,
    /// Judged by content (a NUL byte near the start), never by an attribute.
    pub binary: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeStatus {
    Added,
    Modified,
    Deleted,
    Renamed {
        from: String,
    },
    /// A file became a symlink or a submodule, or the reverse.
    TypeChanged,
}

/// One commit between base and head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitLine {
    pub oid: Oid,
    pub subject: String,
    /// `Name <address>`, as the commit claims it.
    pub author: String,
}

/// The text of one change, perhaps cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    pub text: String,
    pub truncated: bool,
}

/// Options of every comparison: renames found, no program run, whole object names, plain prefixes.
const COMPARE: &[&str] = &[
    "diff-tree",
    "-r",
    "--no-ext-diff",
    "--no-textconv",
    "--full-index",
    "--no-color",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--ignore-submodules=none",
];

/// Compares the trees of two commits (not their histories).
///
/// # Errors
/// [`GitError::PathNotUtf8`] for a changed path that cannot be shown, [`GitError::TooLarge`] beyond 200,000 files.
pub fn diff(repo: &Repo, base: &Oid, head: &Oid) -> Result<Diff, GitError> {
    let listing = on_objects(repo)
        .reading()
        .args(COMPARE)
        .args([
            "-M",
            "-l2000",
            "-z",
            "--raw",
            "--numstat",
            base.as_str(),
            head.as_str(),
        ])
        .ok()?;
    let files = parse(&listing).map_err(|problem| problem.at(repo, base, head))?;
    let patch = patch(on_objects(repo).reading().args(COMPARE).args([
        "-M",
        "-l2000",
        "-p",
        base.as_str(),
        head.as_str(),
    ]))?;
    Ok(Diff {
        files,
        patch: patch.text,
        truncated: patch.truncated,
    })
}

/// The commits that `head` has and `base` has not, newest first.
///
/// # Errors
/// [`GitError::TooLarge`] beyond [`COMMITS_MAX`].
pub fn commits(repo: &Repo, base: &Oid, head: &Oid) -> Result<Vec<CommitLine>, GitError> {
    let range = format!("{base}..{head}");
    let count = format!("--max-count={}", COMMITS_MAX + 1);
    let answer = on_objects(repo)
        .reading()
        .args([
            "log",
            "--topo-order",
            "--no-decorate",
            "--no-mailmap",
            "-z",
            "--format=%H%n%an <%ae>%n%s",
            &count,
            &range,
        ])
        .ok()?;
    let text = String::from_utf8_lossy(&answer);
    let mut lines = Vec::new();
    for record in text.split('\0').filter(|record| !record.is_empty()) {
        let mut parts = record.splitn(3, '\n');
        let oid = parts.next().unwrap_or_default().parse();
        let oid = oid.map_err(|error: super::NotAnOid| {
            run::unreadable("log", repo.root(), &error.to_string())
        })?;
        let author = parts.next().unwrap_or_default().to_owned();
        let subject = parts.next().unwrap_or_default().trim_end().to_owned();
        lines.push(CommitLine {
            oid,
            subject,
            author,
        });
    }
    if lines.len() > COMMITS_MAX {
        let what = format!("the history between {base} and {head}");
        return Err(GitError::TooLarge {
            what,
            limit: COMMITS_MAX as u64,
            unit: "commits",
        });
    }
    Ok(lines)
}

/// One commit's message and its changes against each of its parents, binary files as text too: for scanners, which must
/// see what was added and later removed, and what only a merge commit brought.
///
/// # Errors
/// When the commit is missing.
pub fn commit_patch(repo: &Repo, commit: &Oid) -> Result<Patch, GitError> {
    let options = [
        "--root",
        "-m",
        "-p",
        "--no-renames",
        "--text",
        "--pretty=raw",
        commit.as_str(),
    ];
    patch(on_objects(repo).reading().args(COMPARE).args(options))
}

fn patch(call: run::Call<'_>) -> Result<Patch, GitError> {
    let output = call.keep(PATCH_BYTES_MAX).checked()?;
    Ok(Patch {
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        truncated: output.cut,
    })
}

/// Why a listing could not be taken.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    NotUtf8(String),
    TooMany,
    Shape(&'static str),
}

impl Problem {
    fn at(self, repo: &Repo, base: &Oid, head: &Oid) -> GitError {
        match self {
            Problem::NotUtf8(shown) => GitError::PathNotUtf8 {
                at: format!("the change {base}..{head}"),
                shown,
            },
            Problem::TooMany => GitError::TooLarge {
                what: format!("the change {base}..{head}"),
                limit: FILES_MAX as u64,
                unit: "files",
            },
            Problem::Shape(detail) => run::unreadable("diff-tree", repo.root(), detail),
        }
    }
}

/// Reads `diff-tree -z --raw --numstat`: all raw records, then all count records.
fn parse(listing: &[u8]) -> Result<Vec<FileChange>, Problem> {
    let mut fields = listing.split(|byte| *byte == 0).peekable();
    let mut files = Vec::new();
    while let Some(meta) = fields.next_if(|field| field.first() == Some(&b':')) {
        if files.len() == FILES_MAX {
            return Err(Problem::TooMany);
        }
        let mut next_path = || path(fields.next().unwrap_or_default());
        files.push(raw(meta, &mut next_path)?);
    }
    let at: BTreeMap<String, usize> = files
        .iter()
        .enumerate()
        .map(|(index, file)| (file.path.clone(), index))
        .collect();
    while let Some(field) = fields.next() {
        if field.is_empty() {
            continue;
        }
        let mut parts = field.splitn(3, |byte| *byte == b'\t');
        let (added, removed) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let mut named = parts
            .next()
            .ok_or(Problem::Shape("a count without a path"))?;
        if named.is_empty() {
            fields.next(); // where it was; the raw record has said so already
            named = fields
                .next()
                .ok_or(Problem::Shape("a renamed count without its new path"))?;
        }
        let index = at
            .get(&path(named)?)
            .ok_or(Problem::Shape("a count for a file that is not listed"))?;
        let file = &mut files[*index];
        file.binary = added == b"-";
        file.added_lines = number(added);
        file.removed_lines = number(removed);
    }
    Ok(files)
}

fn raw(
    meta: &[u8],
    next_path: &mut dyn FnMut() -> Result<String, Problem>,
) -> Result<FileChange, Problem> {
    let meta =
        std::str::from_utf8(meta).map_err(|_| Problem::Shape("a raw record that is not text"))?;
    let parts: Vec<&str> = meta.trim_start_matches(':').split(' ').collect();
    let [old_mode, new_mode, _, _, letter] = parts[..] else {
        return Err(Problem::Shape("a short raw record"));
    };
    let mode = |text: &str| {
        u32::from_str_radix(text, 8).map_err(|_| Problem::Shape("a mode that is not octal"))
    };
    let first = next_path()?;
    let (path, status) = match letter.as_bytes().first() {
        Some(b'A') => (first, ChangeStatus::Added),
        Some(b'M') => (first, ChangeStatus::Modified),
        Some(b'D') => (first, ChangeStatus::Deleted),
        Some(b'T') => (first, ChangeStatus::TypeChanged),
        Some(b'R') => (next_path()?, ChangeStatus::Renamed { from: first }),
        _ => return Err(Problem::Shape("an unknown kind of change")),
    };
    Ok(FileChange {
        path,
        status,
        old_mode: mode(old_mode)?,
        new_mode: mode(new_mode)?,
        added_lines: 0,
        removed_lines: 0,
        binary: false,
    })
}

fn path(bytes: &[u8]) -> Result<String, Problem> {
    match std::str::from_utf8(bytes) {
        Ok("") => Err(Problem::Shape("an empty path")),
        Ok(path) => Ok(path.to_owned()),
        Err(_) => Err(Problem::NotUtf8(
            String::from_utf8_lossy(bytes).into_owned(),
        )),
    }
}

fn number(digits: &[u8]) -> u64 {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// For the fuzz target: what holds of any listing.
///
/// # Panics
/// When it is read into a file without a path, or into another one at another reading.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge_listing(bytes: &[u8]) {
    let Ok(files) = parse(bytes) else {
        return;
    };
    assert!(
        files
            .iter()
            .all(|file| !file.path.is_empty() && bytes.len() > file.path.len())
    );
    assert!(files.len() <= FILES_MAX);
    assert_eq!(parse(bytes).ok(), Some(files));
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "1111111111111111111111111111111111111111";

    fn listing(records: &[&str]) -> Vec<u8> {
        records
            .iter()
            .flat_map(|record| [record.as_bytes(), b"\0"].concat())
            .collect()
    }

    #[test]
    fn raw_and_count_records_are_joined_by_path() {
        let bytes = listing(&[
            &format!(":100644 100755 {A} {A} M"),
            "run.sh",
            &format!(":100644 100644 {A} {A} R090"),
            "old\tname",
            "new name",
            &format!(":000000 120000 {A} {A} A"),
            "link",
            "1\t2\trun.sh",
            "3\t0\t",
            "old\tname",
            "new name",
            "-\t-\tlink",
        ]);
        let files = parse(&bytes).expect("a well-formed listing");
        assert_eq!(files.len(), 3);
        assert_eq!(
            (files[0].old_mode, files[0].new_mode),
            (0o100_644, 0o100_755)
        );
        assert_eq!((files[0].added_lines, files[0].removed_lines), (1, 2));
        assert_eq!(
            files[1].status,
            ChangeStatus::Renamed {
                from: "old\tname".to_owned()
            }
        );
        assert_eq!(
            (files[1].path.as_str(), files[1].added_lines),
            ("new name", 3)
        );
        assert!(files[2].binary && files[2].status == ChangeStatus::Added);
    }

    #[test]
    fn a_path_that_cannot_be_shown_is_refused() {
        let mut bytes = format!(":100644 100644 {A} {A} M\0").into_bytes();
        bytes.extend(b"caf\xe9\0");
        assert!(matches!(parse(&bytes), Err(Problem::NotUtf8(_))));
    }

    #[test]
    fn a_listing_out_of_shape_is_refused_not_guessed() {
        for bytes in [
            listing(&[":100644"]),
            listing(&[&format!(":100644 100644 {A} {A} X"), "a"]),
            listing(&["1\t2\tnever-listed"]),
            listing(&[&format!(":100644 100644 {A} {A} R100"), "only-one"]),
        ] {
            assert!(parse(&bytes).is_err(), "{bytes:?}");
        }
    }
}
