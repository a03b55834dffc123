//! Reads the envelope of `apply_patch`. Whether its hunks have a place, only the files can say.

use serde::{Deserialize, Serialize};

/// One file of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    Add {
        path: String,
        content: String,
    },
    Update {
        path: String,
        /// Where the file goes.
        to: Option<String>,
        hunks: Vec<Hunk>,
    },
    Delete {
        path: String,
    },
}

/// Lines to be replaced, each with its line end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hunk {
    /// Lines that stand before it, from the outer to the inner one.
    pub heads: Vec<String>,
    pub old: String,
    pub new: String,
    /// It ends the file.
    pub at_end: bool,
}

/// Files of one patch: more is no change that a person could follow.
pub const CHANGES_MAX: usize = 50;
/// Hunks of one file: each is looked for in the whole of it.
pub const HUNKS_MAX: usize = 200;

pub const BEGIN: &str = "*** Begin Patch";
pub const END: &str = "*** End Patch";
const ADD: &str = "*** Add File:";
pub const UPDATE: &str = "*** Update File:";
const DELETE: &str = "*** Delete File:";
const MOVE: &str = "*** Move to:";
const END_OF_FILE: &str = "*** End of File";

impl Change {
    /// The paths it writes.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Change::Add { path, .. } | Change::Delete { path } => vec![path],
            Change::Update { path, to, .. } => std::iter::once(path)
                .chain(to)
                .map(String::as_str)
                .collect(),
        }
    }

    /// Bytes of new text.
    pub fn bytes(&self) -> usize {
        match self {
            Change::Add { content, .. } => content.len(),
            Change::Update { hunks, .. } => hunks.iter().map(|hunk| hunk.new.len()).sum(),
            Change::Delete { .. } => 0,
        }
    }
}

/// Why a patch cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Unreadable {
    /// The line of its text, from 1.
    pub line: usize,
    /// In words for whoever wrote it.
    pub problem: String,
}

fn unreadable(line: usize, problem: impl Into<String>) -> Unreadable {
    let problem = problem.into();
    Unreadable { line, problem }
}

/// Reads a patch.
///
/// # Errors
/// The first line that is none of a patch, or which of its limits it breaks.
pub fn parse(text: &str) -> Result<Vec<Change>, Unreadable> {
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    let begin = lines
        .iter()
        .position(|line| line.trim() == BEGIN)
        .ok_or_else(|| unreadable(1, format!("it has no line `{BEGIN}`")))?;
    let length = lines[begin..]
        .iter()
        .position(|line| line.trim() == END)
        .ok_or_else(|| unreadable(begin + 1, format!("it has no line `{END}`; it was cut")))?;
    let body = &lines[begin + 1..begin + length];
    let mut changes = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let line = body[at].trim_end();
        at += 1;
        if line.trim().is_empty() {
            continue;
        }
        // The mark's own line, from 1.
        let number = begin + 1 + at;
        let section = body[at..]
            .iter()
            .position(|line| starts_file(line))
            .map_or(&body[at..], |end| &body[at..at + end]);
        at += section.len();
        // A line without any sign at the end of a file's part is there for the eye.
        let kept = section.iter().rposition(|line| !line.is_empty());
        let section = &section[..kept.map_or(0, |last| last + 1)];
        let change = changed(line, section, number)?;
        if change.paths().contains(&"") {
            return Err(unreadable(number, "a file in it has no path"));
        }
        changes.push(change);
    }
    if changes.is_empty() || changes.len() > CHANGES_MAX {
        let count = changes.len();
        let problem = format!("it changes {count} files; a patch has 1 to {CHANGES_MAX}");
        return Err(unreadable(begin + 1, problem));
    }
    Ok(changes)
}

/// The change of one file: its mark, and the lines below it. The mark stands in line `number`.
fn changed(mark: &str, section: &[&str], number: usize) -> Result<Change, Unreadable> {
    let path = |known: &str| mark.strip_prefix(known).map(|path| path.trim().to_owned());
    if let Some(path) = path(ADD) {
        let content = added(section, number)?;
        return Ok(Change::Add { path, content });
    }
    if let Some(path) = path(UPDATE) {
        return updated(path, section, number);
    }
    if let Some(path) = path(DELETE) {
        return Ok(Change::Delete { path });
    }
    let shown = head(mark, 80);
    let problem = format!("`{shown}` is no `{ADD}`, `{UPDATE}` or `{DELETE}`");
    Err(unreadable(number, problem))
}

/// At most `bytes_max` bytes, at a character's boundary.
fn head(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

fn starts_file(line: &str) -> bool {
    [ADD, UPDATE, DELETE]
        .iter()
        .any(|mark| line.starts_with(mark))
}

fn added(lines: &[&str], number: usize) -> Result<String, Unreadable> {
    let mut content = String::new();
    for (at, line) in lines.iter().enumerate() {
        let line = line.strip_prefix('+').ok_or_else(|| {
            unreadable(number + 1 + at, "each line of a new file starts with `+`")
        })?;
        content.push_str(line);
        content.push('\n');
    }
    Ok(content)
}

fn updated(path: String, lines: &[&str], number: usize) -> Result<Change, Unreadable> {
    let (to, first, lines) = match lines.split_first() {
        Some((first, rest)) if first.starts_with(MOVE) => (
            Some(first[MOVE.len()..].trim().to_owned()),
            number + 2,
            rest,
        ),
        Some(_) | None => (None, number + 1, lines),
    };
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut fresh = true;
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("@@") {
            // `@@` lines in a row name one place; the first behind a hunk's lines begins the next one.
            if fresh_hunk(&hunks, fresh) {
                hunks.push(Hunk::default());
            }
            fresh = false;
            if let (Some(head), Some(hunk)) = (head_of(line), hunks.last_mut()) {
                hunk.heads.push(head);
            }
            continue;
        }
        if hunks.is_empty() {
            hunks.push(Hunk::default());
            fresh = false;
        }
        let Some(hunk) = hunks.last_mut() else { break };
        if line.trim_end() == END_OF_FILE {
            hunk.at_end = true;
            continue;
        }
        // A line without any sign that is empty stands for an empty one; a sign is one byte.
        let (sign, text) = match line.is_empty() {
            true => (" ", ""),
            false => line.split_at_checked(1).unwrap_or((line, "")),
        };
        let (old, new) = match sign {
            " " => (true, true),
            "-" => (true, false),
            "+" => (false, true),
            _ => {
                let shown = head(line, 80);
                let problem =
                    format!("`{shown}`: a line of a hunk starts with a space, `-` or `+`");
                return Err(unreadable(first + at, problem));
            }
        };
        for (side, takes) in [(&mut hunk.old, old), (&mut hunk.new, new)] {
            if takes {
                side.push_str(text);
                side.push('\n');
            }
        }
    }
    hunks.retain(|hunk| hunk.old != hunk.new);
    if hunks.len() > HUNKS_MAX {
        let problem = format!(
            "it has {} hunks in {path}; at most {HUNKS_MAX} of a file are taken, write it anew or send several patches",
            hunks.len()
        );
        return Err(unreadable(number, problem));
    }
    if hunks.is_empty() && to.is_none() {
        let problem = format!("it changes nothing in {path}");
        return Err(unreadable(number, problem));
    }
    Ok(Change::Update { path, to, hunks })
}

/// Whether an `@@` line begins a hunk, and does not add to the place of one that has no lines yet.
fn fresh_hunk(hunks: &[Hunk], first: bool) -> bool {
    let begun = |hunk: &Hunk| !hunk.old.is_empty() || !hunk.new.is_empty();
    first || hunks.last().is_none_or(begun)
}

/// The line that `@@` names. The numbers of a unified diff are mostly wrong, and are not read.
fn head_of(line: &str) -> Option<String> {
    let head = line.trim_start_matches('@').trim();
    let head = match head.split_once("@@") {
        Some((numbers, head)) if numbers.starts_with('-') => head.trim(),
        Some(_) | None => head,
    };
    (!head.is_empty() && !head.starts_with('-')).then(|| head.to_owned())
}
