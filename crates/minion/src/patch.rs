//! Reads the envelope of `apply_patch` and applies its hunks to a file. Pure: text in, text or the reason out.
//!
//! Where a hunk belongs is found by the levels of [`edit`] and by nothing else; here it is only decided in which part of
//! the file they look: behind the hunk before, behind the lines that `@@` names, at the end of the file.

use serde::{Deserialize, Serialize};

use crate::edit::{self, Edited, Level, Miss};

mod act;

pub(crate) use act::act;

/// One file of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Change {
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
pub(crate) struct Hunk {
    /// Lines that stand before it, from the outer to the inner one.
    heads: Vec<String>,
    old: String,
    new: String,
    /// It ends the file.
    at_end: bool,
}

/// Files of one patch: more is no change that a person could follow.
const CHANGES_MAX: usize = 50;
/// Hunks of one file: each is looked for in the whole of it.
const HUNKS_MAX: usize = 200;

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File:";
const UPDATE: &str = "*** Update File:";
const DELETE: &str = "*** Delete File:";
const MOVE: &str = "*** Move to:";
const END_OF_FILE: &str = "*** End of File";

impl Change {
    /// The paths it writes.
    pub(crate) fn paths(&self) -> Vec<&str> {
        match self {
            Change::Add { path, .. } | Change::Delete { path } => vec![path],
            Change::Update { path, to, .. } => std::iter::once(path)
                .chain(to)
                .map(String::as_str)
                .collect(),
        }
    }

    /// Bytes of new text.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Change::Add { content, .. } => content.len(),
            Change::Update { hunks, .. } => hunks.iter().map(|hunk| hunk.new.len()).sum(),
            Change::Delete { .. } => 0,
        }
    }
}

/// Reads a patch, or says in words for the model what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Vec<Change>, String> {
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    let begin = lines
        .iter()
        .position(|line| line.trim() == BEGIN)
        .ok_or_else(|| format!("it has no line `{BEGIN}`"))?;
    let length = lines[begin..]
        .iter()
        .position(|line| line.trim() == END)
        .ok_or_else(|| format!("it has no line `{END}`; it was cut"))?;
    let body = &lines[begin + 1..begin + length];
    let mut changes = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let line = body[at].trim_end();
        let path = |mark: &str| line.strip_prefix(mark).map(|path| path.trim().to_owned());
        at += 1;
        if line.trim().is_empty() {
            continue;
        }
        let section = body[at..]
            .iter()
            .position(|line| starts_file(line))
            .map_or(&body[at..], |end| &body[at..at + end]);
        at += section.len();
        // A line without any sign at the end of a file's part is there for the eye.
        let kept = section.iter().rposition(|line| !line.is_empty());
        let section = &section[..kept.map_or(0, |last| last + 1)];
        changes.push(if let Some(path) = path(ADD) {
            let content = added(section)?;
            Change::Add { path, content }
        } else if let Some(path) = path(UPDATE) {
            updated(path, section)?
        } else if let Some(path) = path(DELETE) {
            Change::Delete { path }
        } else {
            return Err(format!(
                "`{}` is no `{ADD}`, `{UPDATE}` or `{DELETE}`",
                crate::text::head(line, 80)
            ));
        });
    }
    if changes.is_empty() || changes.len() > CHANGES_MAX {
        return Err(format!(
            "it changes {} files; a patch has 1 to {CHANGES_MAX}",
            changes.len()
        ));
    }
    if changes.iter().any(|change| change.paths().contains(&"")) {
        return Err("a file in it has no path".into());
    }
    Ok(changes)
}

fn starts_file(line: &str) -> bool {
    [ADD, UPDATE, DELETE]
        .iter()
        .any(|mark| line.starts_with(mark))
}

fn added(lines: &[&str]) -> Result<String, String> {
    let mut content = String::new();
    for line in lines {
        let line = line
            .strip_prefix('+')
            .ok_or("each line of a new file starts with `+`")?;
        content.push_str(line);
        content.push('\n');
    }
    Ok(content)
}

fn updated(path: String, lines: &[&str]) -> Result<Change, String> {
    let (to, lines) = match lines.split_first() {
        Some((first, rest)) if first.starts_with(MOVE) => {
            (Some(first[MOVE.len()..].trim().to_owned()), rest)
        }
        Some(_) | None => (None, lines),
    };
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut fresh = true;
    for line in lines {
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
        let (sign, text) = line.split_at_checked(1).unwrap_or((" ", ""));
        let (old, new) = match sign {
            " " => (true, true),
            "-" => (true, false),
            "+" => (false, true),
            _ => {
                return Err(format!(
                    "`{}`: a line of a hunk starts with a space, `-` or `+`",
                    crate::text::head(line, 80)
                ));
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
        return Err(format!(
            "it has {} hunks in {path}; at most {HUNKS_MAX} of a file are taken, write it anew or send several patches",
            hunks.len()
        ));
    }
    if hunks.is_empty() && to.is_none() {
        return Err(format!("it changes nothing in {path}"));
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

/// A file after all hunks, or in words which one has no place in it. All or nothing.
pub(crate) fn apply(file: &str, hunks: &[Hunk]) -> Result<String, String> {
    let mut text = file.to_owned();
    let mut behind = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        let (from, edited) = behind_heads(&text, behind, hunk)
            .or_else(|miss| match behind {
                0 => Err(miss),
                // Hunks that are not in the order of the file.
                _ => behind_heads(&text, 0, hunk).map_err(|_| miss),
            })
            .map_err(|miss| missed(index + 1, miss))?;
        text.truncate(from);
        behind = from + edited.spans.first().map_or(0, |span| span.start);
        text.push_str(&edited.text);
    }
    Ok(text)
}

/// The place of a hunk: where the searched part begins, and this part after the change.
fn behind_heads(text: &str, behind: usize, hunk: &Hunk) -> Result<(usize, Edited), Miss> {
    let mut from = line_start(text, behind);
    for head in &hunk.heads {
        from += find_line(&text[from..], head)?;
    }
    let region = &text[from..];
    if hunk.old.is_empty() {
        return Ok((from, insert(region, hunk)));
    }
    place(region, hunk).map(|edited| (from, edited))
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the first line begins that holds this one.
fn find_line(region: &str, head: &str) -> Result<usize, Miss> {
    match edit::replace(region, head, &format!("{head}\u{1}"), false) {
        Ok(found) => Ok(line_start(
            region,
            found.spans.first().map_or(0, |span| span.start),
        )),
        Err(Miss::Many { lines }) => Ok(offset_of(region, lines.first().copied().unwrap_or(1))),
        Err(miss) => Err(miss),
    }
}

/// The byte at which a line (from 1) begins.
fn offset_of(region: &str, line: usize) -> usize {
    let lines = region.split_inclusive('\n');
    lines.take(line.saturating_sub(1)).map(str::len).sum()
}

/// New lines without old ones: behind the named line, or at the end of the file.
fn insert(region: &str, hunk: &Hunk) -> Edited {
    let at = match hunk.heads.is_empty() {
        true => region.len(),
        false => offset_of(region, 2),
    };
    let crlf = region.contains("\r\n");
    let line_end = if crlf { "\r\n" } else { "\n" };
    let mut new = hunk.new.replace('\n', line_end);
    if at > 0 && !region[..at].ends_with('\n') {
        new.insert_str(0, line_end);
    }
    Edited {
        text: format!("{}{new}{}", &region[..at], &region[at..]),
        spans: std::iter::once(at..at).collect(),
        level: Level::Exact,
    }
}

/// Replaces a hunk's lines: as whole lines if they stand there so, else as the levels find them.
fn place(region: &str, hunk: &Hunk) -> Result<Edited, Miss> {
    if hunk.at_end {
        let lines = region.split_inclusive('\n').count();
        let first = (lines + 1).saturating_sub(hunk.old.lines().count()).max(1);
        if let Ok(edited) = within(region, first, hunk) {
            return Ok(edited);
        }
    }
    match whole_lines(region, hunk) {
        Some(Ok(edited)) => return Ok(edited),
        Some(Err(lines)) => return among(region, &lines, hunk),
        None => {}
    }
    match edit::replace(region, &hunk.old, &hunk.new, false) {
        Ok(edited) if begins_line(region, &edited) => Ok(edited),
        Ok(_) => Err(Miss::NotFound {
            nearest: None,
            already_there: false,
        }),
        Err(Miss::Many { lines }) => among(region, &lines, hunk),
        Err(miss) => Err(miss),
    }
}

/// The first of several places behind the line that was named; without a name none of them.
fn among(region: &str, lines: &[usize], hunk: &Hunk) -> Result<Edited, Miss> {
    match lines.first() {
        Some(first) if !hunk.heads.is_empty() => within(region, *first, hunk),
        Some(_) | None => Err(Miss::Many {
            lines: lines.to_vec(),
        }),
    }
}

/// Replaces a hunk in as many lines as it has, from this one on.
fn within(region: &str, first: usize, hunk: &Hunk) -> Result<Edited, Miss> {
    let start = offset_of(region, first);
    let length = offset_of(&region[start..], hunk.old.lines().count() + 1);
    let window = &region[start..start + length];
    let edited = edit::replace(window, &hunk.old, &hunk.new, false)?;
    Ok(Edited {
        text: format!(
            "{}{}{}",
            &region[..start],
            edited.text,
            &region[start + length..]
        ),
        spans: edited
            .spans
            .into_iter()
            .map(|span| span.start + start..span.end + start)
            .collect(),
        level: edited.level,
    })
}

/// The exact lines: the line end before them makes sure that none is found in the middle of another. Several places are
/// given by line.
fn whole_lines(region: &str, hunk: &Hunk) -> Option<Result<Edited, Vec<usize>>> {
    let behind = |text: &str| format!("\n{text}");
    // The first line gets one as it ends itself, or the new lines would take the wrong ones.
    let first = region.find('\n').map_or("", |at| &region[..at]);
    let end = if first.ends_with('\r') { "\r\n" } else { "\n" };
    match edit::replace(
        &format!("{end}{region}"),
        &behind(&hunk.old),
        &behind(&hunk.new),
        false,
    ) {
        Ok(edited) if edited.level == Level::Exact => {
            let text = &edited.text[line_end(&edited.text)..];
            let in_region = |span: std::ops::Range<usize>| match span.start.checked_sub(end.len()) {
                Some(at) => at + line_end(&text[at..])..span.end - end.len(),
                None => 0..span.end - end.len(),
            };
            Some(Ok(Edited {
                text: text.to_owned(),
                spans: edited.spans.into_iter().map(in_region).collect(),
                level: edited.level,
            }))
        }
        // The line end before the first line is counted to the line before it, which the added one makes the same number.
        Err(Miss::Many { lines }) => Some(Err(lines)),
        Ok(_) | Err(Miss::EmptyOld | Miss::NoChange | Miss::NotFound { .. }) => None,
    }
}

/// Bytes of the line end that a text begins with.
fn line_end(text: &str) -> usize {
    if text.starts_with("\r\n") { 2 } else { 1 }
}

fn begins_line(region: &str, edited: &Edited) -> bool {
    edited.spans.first().is_none_or(|span| {
        let before = &region[line_start(region, span.start)..span.start];
        before.trim_start_matches('\u{feff}').trim().is_empty()
    })
}

fn missed(number: usize, miss: Miss) -> String {
    match miss {
        Miss::EmptyOld => format!("hunk {number} has no lines to find its place by"),
        Miss::NoChange => format!("hunk {number} would change nothing"),
        Miss::Many { lines } => format!(
            "the lines of hunk {number} stand there {} times; add lines around them, or name the function with `@@ LINE`",
            lines.len()
        ),
        Miss::NotFound {
            nearest,
            already_there,
        } => {
            let mut said = format!("the lines of hunk {number} were not found.");
            if already_there {
                said.push_str(" Its new lines are already there: it may be done.");
            }
            if let Some(near) = nearest {
                let passage = crate::text::head(&near.text, 2_000);
                said.push_str(&format!(" Did you mean this?\n{passage}\n"));
            }
            said.push_str(
                " Do not repeat the same patch: read the file and copy its lines exactly.",
            );
            said
        }
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
