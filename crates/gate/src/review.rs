//! Holds a reviewer to the commit: what it cites must exist, and reading must have left everything as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use alai_core::review::{Criterion, Review, criteria};
use alai_workspace::git::{self, Oid, Repo};

use crate::error::GateError;

/// A cited file larger than this is not counted line by line; a citation of it by path alone is enough.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Lists everything that keeps a review from counting; nothing when it counts.
///
/// `tree_before` and `tree_after` are digests of the reviewer's work tree around its run, by whatever means the caller has: the
/// two are only compared.
///
/// # Errors
/// When the commit cannot be read.
pub fn check_review(
    repo: &Repo,
    head: &Oid,
    review: &Review,
    tree_before: &str,
    tree_after: &str,
) -> Result<Vec<String>, GateError> {
    let mut faults = Vec::new();
    if tree_before.is_empty() || tree_before != tree_after {
        faults.push(
            "the reviewer's tree is not as it was: a review may write nothing but scratch"
                .to_owned(),
        );
    }
    // A review that was built in memory is held to the same rules as one that was read.
    let text = serde_json::to_string(review).expect("a review always has a JSON form");
    faults.extend(Review::parse(&text).err().map(|e| e.to_string()));
    let entries = entries(repo, head)?;
    let files = files(&entries);
    for finding in &review.findings {
        let place = (finding.path.as_deref(), finding.line);
        let fault = match place {
            (None, None) => None,
            (None, Some(line)) => Some(format!("line {line} of no file")),
            (Some(path), line) => citation(repo, head, &files, path, line)?,
        };
        faults.extend(
            fault.map(|why| format!("the finding \"{}\" cites {why}", shown(&finding.title))),
        );
    }
    Ok(faults)
}

/// Each of a task's `count` criteria with what the review answers of it: met counts only by a line of the commit that says something, by
/// another one for each criterion but where the change is one line. It may be of a file that the change leaves alone: a criterion can ask that
/// something stays as it is.
///
/// # Errors
/// When the commits cannot be read.
pub fn check_criteria(
    repo: &Repo,
    base: &Oid,
    head: &Oid,
    review: &Review,
    count: usize,
) -> Result<Vec<Criterion>, GateError> {
    let mut answered = criteria::criteria(count, &review.criteria);
    if answered.is_empty() {
        return Ok(answered);
    }
    let unreadable = |e: git::GitError| GateError::Repository {
        what: format!("what changed from {base} to {head}"),
        why: e.to_string(),
    };
    let changes = git::diff(repo, base, head).map_err(unreadable)?.files;
    let is_one_line = changes.iter().map(|change| change.added_lines).sum::<u64>() == 1;
    let entries = entries(repo, head)?;
    let files = files(&entries);
    let mut shown_by = BTreeMap::new();
    for criterion in &mut answered {
        let Ok(place) = &criterion.met else {
            continue;
        };
        if let Some(why) = shows_nothing(repo, head, &files, &place.0, place.1)? {
            criterion.met = Err(format!("it cites {why}"));
            continue;
        }
        let first = *shown_by.entry(place.clone()).or_insert(criterion.n);
        if first != criterion.n && !is_one_line {
            let (path, line) = place;
            let why = format!("it cites {path}:{line}, which shows criterion {first} already");
            criterion.met = Err(why);
        }
    }
    Ok(answered)
}

/// Why a line shows nobody anything, where it is there at all.
fn shows_nothing(
    repo: &Repo,
    head: &Oid,
    files: &BTreeMap<&str, bool>,
    path: &str,
    line: u32,
) -> Result<Option<String>, GateError> {
    if let Some(why) = citation(repo, head, files, path, Some(line))? {
        return Ok(Some(why));
    }
    let bytes = match git::blob(repo, head, path, FILE_BYTES_MAX) {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(git::GitError::TooLarge { .. }) => {
            return Ok(Some(format!(
                "a line of {path}, which is too large to be read"
            )));
        }
        Err(e) => {
            return Err(GateError::Repository {
                what: format!("{path} at {head}"),
                why: e.to_string(),
            });
        }
    };
    let text = bytes.split(|b| *b == b'\n').nth(line as usize - 1);
    let says = { text.and_then(|text| std::str::from_utf8(text).ok()) }
        .is_some_and(|text| text.chars().any(char::is_alphanumeric));
    Ok((!says).then(|| format!("line {line} of {path}, which says nothing")))
}

fn entries(repo: &Repo, head: &Oid) -> Result<Arc<Vec<git::TreeEntry>>, GateError> {
    git::tree(repo, head).map_err(|e| GateError::Repository {
        what: format!("the tree of {head}"),
        why: e.to_string(),
    })
}

fn files(entries: &[git::TreeEntry]) -> BTreeMap<&str, bool> {
    { entries.iter() }
        .map(|e| (e.path.as_str(), e.is_file()))
        .collect()
}

fn citation(
    repo: &Repo,
    head: &Oid,
    files: &BTreeMap<&str, bool>,
    path: &str,
    line: Option<u32>,
) -> Result<Option<String>, GateError> {
    match files.get(path) {
        None => {
            return Ok(Some(format!(
                "{}, which is not in {}",
                shown(path),
                head.short()
            )));
        }
        Some(false) if line.is_some() => {
            return Ok(Some(format!("a line of {path}, which is no plain file")));
        }
        Some(_) => {}
    }
    let Some(line) = line else { return Ok(None) };
    let lines = match git::blob(repo, head, path, FILE_BYTES_MAX) {
        Ok(bytes) => count_lines(&bytes.unwrap_or_default()),
        Err(git::GitError::TooLarge { .. }) => return Ok(None),
        Err(e) => {
            return Err(GateError::Repository {
                what: format!("{path} at {head}"),
                why: e.to_string(),
            });
        }
    };
    let there = line >= 1 && line as usize <= lines;
    Ok((!there).then(|| format!("line {line} of {path}, which has {lines}")))
}

fn count_lines(bytes: &[u8]) -> usize {
    let ends = bytes.iter().filter(|b| **b == b'\n').count();
    ends + usize::from(bytes.last().is_some_and(|b| *b != b'\n'))
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}
