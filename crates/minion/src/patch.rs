//! Applies the hunks of a patch to a file. Pure: text in, text or the reason out.
//!
//! Where a hunk belongs is found by the levels of [`edit`] and by nothing else; here it is only decided in which part of
//! the file they look: behind the hunk before, behind the lines that `@@` names, at the end of the file.

pub(crate) use alai_core::patch::{Change, Hunk};

use crate::edit::{self, Edited, Level, Miss};

mod act;

pub(crate) use act::act;

/// Reads a patch, or says in words for the model what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Vec<Change>, String> {
    alai_core::patch::parse(text).map_err(|why| why.to_string())
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
    if !begins_line(window, &edited) {
        // Old lines that begin with an empty one stand behind any line's end.
        return Err(Miss::NotFound {
            nearest: None,
            already_there: false,
        });
    }
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
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod judge;
#[cfg(test)]
mod tests;
