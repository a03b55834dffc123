//! Replaces one passage of a file. Pure: text in, text or the reason out.
//!
//! Weak models copy almost right: trailing spaces, a lost level of indentation, typographic quotes. The passage is looked
//! for at each [`Level`] in turn, it must be unique there, and only the matched span ever changes: a file's byte order
//! mark, its line ends and everything outside the span stay as they are.

use std::ops::Range;

/// How the passage was found, from strict to lenient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Exact,
    /// Whole lines, trailing blanks aside.
    TrailingSpace,
    /// Whole lines that all stand further in or out by the same blanks.
    Indentation,
    /// Typographic quotes, dashes and spaces read as their ASCII kin.
    Punctuation,
    /// The passage was copied together with the line numbers that `read` shows.
    LineNumbers,
}

impl Level {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Level::Exact => "exact",
            Level::TrailingSpace => "trailing blanks ignored",
            Level::Indentation => "indentation adjusted",
            Level::Punctuation => "typographic characters read as ASCII",
            Level::LineNumbers => "line numbers removed",
        }
    }
}

/// A file after the replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edited {
    pub text: String,
    /// The byte spans of the old text that were replaced, in order.
    pub spans: Vec<Range<usize>>,
    pub level: Level,
}

/// Why nothing was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Miss {
    EmptyOld,
    /// Old and new are the same text.
    NoChange,
    /// The passage stands at these lines (from 1); more text around it would make it unique.
    Many {
        lines: Vec<usize>,
    },
    NotFound {
        /// The lines that look most like it.
        nearest: Option<Nearest>,
        /// The new text stands in the file already.
        already_there: bool,
    },
}

/// The passage of the file that looks most like the one asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nearest {
    /// Line number of the first line, from 1.
    pub line: usize,
    pub text: String,
}

/// The byte order mark, where it stands first; elsewhere a character like others.
const MARK: char = '\u{feff}';

/// Lines of a "did you mean" passage: enough to copy from, few enough to read.
const NEAREST_LINES_MAX: usize = 12;
/// Lines looked at for a "did you mean": beyond this the file is data, and the hint is not worth the time.
const NEAREST_SCAN_LINES_MAX: usize = 20_000;
/// Below this share of likeness a hint would mislead.
const NEAREST_SCORE_MIN: f64 = 0.4;
/// Line numbers listed when a passage is not unique.
const MANY_LISTED_MAX: usize = 8;

/// Replaces `old` by `new` in `file`, everywhere when `all`, else only if it stands there once.
pub(crate) fn replace(file: &str, old: &str, new: &str, all: bool) -> Result<Edited, Miss> {
    if old.trim_matches(['\n', '\r']).is_empty() {
        return Err(Miss::EmptyOld);
    }
    let file = Lines::of(file);
    let old = unix(old);
    let new = one_end(&unix(new));
    if old == new {
        return Err(Miss::NoChange);
    }
    if let Some(done) = at_levels(&file, &old, &new, all)? {
        return Ok(done);
    }
    if let (Some(bare_old), bare_new) = (without_numbers(&old), without_numbers(&new)) {
        let bare_new = bare_new.unwrap_or_else(|| new.clone());
        // Numbers alone name no passage.
        if bare_old != bare_new
            && !bare_old.trim_matches('\n').is_empty()
            && let Some(done) = at_levels(&file, &bare_old, &bare_new, all)?
        {
            return Ok(Edited {
                level: Level::LineNumbers,
                ..done
            });
        }
    }
    Err(Miss::NotFound {
        nearest: nearest(&file, &old),
        already_there: !new.trim().is_empty() && file.view.contains(new.trim_end_matches('\n')),
    })
}

fn at_levels(file: &Lines<'_>, old: &str, new: &str, all: bool) -> Result<Option<Edited>, Miss> {
    let levels = [
        Level::Exact,
        Level::TrailingSpace,
        Level::Indentation,
        Level::Punctuation,
    ];
    for level in levels {
        let hits = match level {
            Level::Exact | Level::LineNumbers => exact(&file.view, old, new, all),
            Level::TrailingSpace => windows(file, old, new, all, same_but_trailing),
            Level::Indentation => windows(file, old, new, all, same_but_indented),
            Level::Punctuation => punctuation(&file.view, old, new, all),
        };
        if hits.is_empty() {
            continue;
        }
        if hits.len() > 1 && !all {
            let lines = hits
                .iter()
                .take(MANY_LISTED_MAX)
                .map(|h| file.line_of(h.span.start))
                .collect();
            return Err(Miss::Many { lines });
        }
        let edited = file.splice(&hits, level);
        if edited.text == file.original {
            return Err(Miss::NoChange);
        }
        return Ok(Some(edited));
    }
    Ok(None)
}

/// One place to replace: a span of the LF view, and what goes there.
struct Hit {
    span: Range<usize>,
    new: String,
}

/// A file seen without its byte order mark and with LF line ends, and the way back to its bytes.
struct Lines<'a> {
    original: &'a str,
    /// Bytes of the byte order mark.
    mark: usize,
    view: String,
    /// View offsets of the LFs that are CRLF in the file, ascending.
    carriage: Vec<usize>,
    /// View offsets where lines start.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(original: &'a str) -> Lines<'a> {
        let mark = if original.starts_with(MARK) {
            MARK.len_utf8()
        } else {
            0
        };
        let body = &original[mark..];
        let mut view = String::with_capacity(body.len());
        let mut carriage = Vec::new();
        let mut rest = body;
        while let Some(at) = rest.find("\r\n") {
            view.push_str(&rest[..at]);
            carriage.push(view.len());
            view.push('\n');
            rest = &rest[at + 2..];
        }
        view.push_str(rest);
        let mut starts = vec![0];
        starts.extend(view.match_indices('\n').map(|(at, _)| at + 1));
        if starts.last() == Some(&view.len()) && !view.is_empty() {
            starts.pop();
        }
        Lines {
            original,
            mark,
            view,
            carriage,
            starts,
        }
    }

    /// The byte of the file at a view offset. An offset at a CRLF's LF is the CR: the pair is one character here.
    fn original_at(&self, view_at: usize) -> usize {
        self.mark + view_at + self.carriage.partition_point(|&at| at < view_at)
    }

    fn line_of(&self, view_at: usize) -> usize {
        self.starts
            .partition_point(|&start| start <= view_at)
            .max(1)
    }

    /// Content of line `index` (from 0), without its line end.
    fn line(&self, index: usize) -> &str {
        self.view[self.line_span(index)].trim_end_matches('\n')
    }

    /// Span of line `index` in the view, with its line end.
    fn line_span(&self, index: usize) -> Range<usize> {
        let end = self
            .starts
            .get(index + 1)
            .copied()
            .unwrap_or(self.view.len());
        self.starts[index]..end
    }

    /// Whether new text at this span takes CRLF line ends: as the span does, else as most of the file does.
    fn takes_crlf(&self, span: &Range<usize>) -> bool {
        let total = self.view[span.clone()].matches('\n').count();
        if total > 0 {
            let crlf = self.carriage.partition_point(|&at| at < span.end)
                - self.carriage.partition_point(|&at| at < span.start);
            return crlf * 2 > total;
        }
        self.carriage.len() * 2 > self.view.matches('\n').count()
    }

    fn splice(&self, hits: &[Hit], level: Level) -> Edited {
        let mut text = String::with_capacity(self.original.len());
        let mut spans = Vec::with_capacity(hits.len());
        let mut done = 0;
        for hit in hits {
            let span = self.original_at(hit.span.start)..self.original_at(hit.span.end);
            text.push_str(&self.original[done..span.start]);
            // Before the first character it would be a byte order mark, which a file has or has not.
            let new = match hit.span.start {
                0 => hit.new.trim_start_matches(MARK),
                _ => &hit.new,
            };
            // Before a line feed it would be half of a line end.
            let new = match self.view[hit.span.end..].starts_with('\n') {
                true => new.trim_end_matches('\r'),
                false => new,
            };
            if self.takes_crlf(&hit.span) {
                text.push_str(&new.replace('\n', "\r\n"));
            } else {
                text.push_str(new);
            }
            done = span.end;
            spans.push(span);
        }
        text.push_str(&self.original[done..]);
        Edited { text, spans, level }
    }
}

fn unix(text: &str) -> String {
    text.strip_prefix(MARK)
        .unwrap_or(text)
        .replace("\r\n", "\n")
}

/// A new text whose lines end with LF alone. Of several carriage returns before one none is left: the last would make it a CRLF in a
/// file that has none.
fn one_end(text: &str) -> String {
    let Some((whole, last)) = text.rsplit_once('\n') else {
        return text.to_owned();
    };
    let lines = whole.split('\n').map(|line| line.trim_end_matches('\r'));
    let mut out = String::with_capacity(text.len());
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(last);
    out
}

fn exact(view: &str, old: &str, new: &str, all: bool) -> Vec<Hit> {
    places(view, old, all)
        .into_iter()
        .map(|at| Hit {
            span: at..at + old.len(),
            new: new.to_owned(),
        })
        .collect()
}

/// Where a passage stands: side by side when all places are replaced, else also where it overlaps itself, because then it is
/// in doubt which place was meant. No more of these than are listed.
fn places(text: &str, passage: &str, all: bool) -> Vec<usize> {
    // Of a byte order mark alone nothing is left, and nothing stands everywhere.
    let Some(first) = passage.chars().next() else {
        return Vec::new();
    };
    if all {
        return text.match_indices(passage).map(|(at, _)| at).collect();
    }
    let mut places: Vec<usize> = Vec::new();
    let mut from = 0;
    while places.len() < MANY_LISTED_MAX
        && let Some(at) = text[from..].find(passage)
    {
        places.push(from + at);
        from += at + first.len_utf8();
    }
    places
}

/// Compares one window of lines with the passage; the answer is what to put there.
type Compare = fn(window: &[&str], old: &[&str], new: &[&str]) -> Option<Vec<String>>;

/// Slides the passage, as whole lines, over the file.
fn windows(file: &Lines<'_>, old: &str, new: &str, all: bool, compare: Compare) -> Vec<Hit> {
    let ends_line = old.ends_with('\n');
    let old_lines: Vec<&str> = old.strip_suffix('\n').unwrap_or(old).split('\n').collect();
    let new_body = if ends_line {
        new.strip_suffix('\n').unwrap_or(new)
    } else {
        new
    };
    let new_lines: Vec<&str> = new_body.split('\n').collect();
    let lines: Vec<&str> = (0..file.starts.len()).map(|i| file.line(i)).collect();
    let mut hits = Vec::new();
    let mut at = 0;
    while at + old_lines.len() <= lines.len() && (all || hits.len() < MANY_LISTED_MAX) {
        let window = &lines[at..at + old_lines.len()];
        let Some(replaced) = compare(window, &old_lines, &new_lines) else {
            at += 1;
            continue;
        };
        let last = file.line_span(at + old_lines.len() - 1);
        let start = file.line_span(at).start;
        let has_end = file.view[last.clone()].ends_with('\n');
        let mut text = replaced.join("\n");
        let end = if ends_line && has_end {
            last.end
        } else {
            last.end - usize::from(has_end)
        };
        if ends_line && has_end && !new.is_empty() {
            text.truncate(text.trim_end_matches('\r').len());
            text.push('\n');
        }
        hits.push(Hit {
            span: start..end,
            new: text,
        });
        at += if all { old_lines.len() } else { 1 };
    }
    hits
}

fn same_but_trailing(window: &[&str], old: &[&str], new: &[&str]) -> Option<Vec<String>> {
    let same = window
        .iter()
        .zip(old)
        .all(|(a, b)| a.trim_end() == b.trim_end());
    same.then(|| new.iter().map(|line| (*line).to_owned()).collect())
}

fn same_but_indented(window: &[&str], old: &[&str], new: &[&str]) -> Option<Vec<String>> {
    let first = old.iter().position(|line| !line.trim().is_empty())?;
    let shift = shift_between(window[first], old[first])?;
    let same = window.iter().zip(old).all(|(have, want)| {
        match (have.trim().is_empty(), want.trim().is_empty()) {
            (true, true) => true,
            (false, false) => shift_between(have, want) == Some(shift),
            (true, false) | (false, true) => false,
        }
    });
    same.then(|| new.iter().map(|line| shifted(line, shift)).collect())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shift<'a> {
    /// The file has these blanks in front of what was given.
    In(&'a str),
    /// What was given has these blanks in front of the file's.
    Out(&'a str),
}

fn shift_between<'a>(have: &'a str, want: &'a str) -> Option<Shift<'a>> {
    let (have, want) = (have.trim_end(), want.trim_end());
    if have.trim_start() != want.trim_start() {
        return None;
    }
    if let Some(extra) = have.strip_suffix(want) {
        return Some(Shift::In(extra));
    }
    want.strip_suffix(have).map(Shift::Out)
}

fn shifted(line: &str, shift: Shift<'_>) -> String {
    if line.trim().is_empty() {
        return line.to_owned();
    }
    match shift {
        Shift::In(blanks) => format!("{blanks}{line}"),
        Shift::Out(blanks) => {
            // By characters: two blanks of Unicode may have their first bytes in common.
            let common: usize = line
                .chars()
                .zip(blanks.chars())
                .take_while(|(a, b)| a == b)
                .map(|(blank, _)| blank.len_utf8())
                .sum();
            line[common..].to_owned()
        }
    }
}

/// Finds the passage with typographic characters folded, one character to one, so that offsets can be mapped back.
fn punctuation(view: &str, old: &str, new: &str, all: bool) -> Vec<Hit> {
    let (folded, offsets) = fold(view);
    let (wanted, _) = fold(old);
    if wanted == old && folded == view {
        return Vec::new();
    }
    places(&folded, &wanted, all)
        .into_iter()
        .map(|at| {
            let span = offset(&offsets, at)..offset(&offsets, at + wanted.len());
            Hit {
                span,
                new: new.to_owned(),
            }
        })
        .collect()
}

/// The folded text, and for each place where the two texts drift apart: (folded offset, original offset).
fn fold(text: &str) -> (String, Vec<(usize, usize)>) {
    let mut folded = String::with_capacity(text.len());
    let mut offsets = vec![(0, 0)];
    for (at, c) in text.char_indices() {
        let plain = ascii_kin(c);
        folded.push(plain);
        if plain != c {
            offsets.push((folded.len(), at + c.len_utf8()));
        }
    }
    (folded, offsets)
}

fn offset(offsets: &[(usize, usize)], folded_at: usize) -> usize {
    let index = offsets
        .partition_point(|(folded, _)| *folded <= folded_at)
        .saturating_sub(1);
    let (folded, original) = offsets[index];
    original + (folded_at - folded)
}

fn ascii_kin(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// The passage without the `  12| ` that `read` puts before each line, when every line has it.
fn without_numbers(text: &str) -> Option<String> {
    let ends_line = text.ends_with('\n');
    let body = text.strip_suffix('\n').unwrap_or(text);
    let mut lines = Vec::new();
    for line in body.split('\n') {
        let (number, rest) = line.split_once('|')?;
        let number = number.trim_start();
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        lines.push(rest.strip_prefix(' ').unwrap_or(rest));
    }
    let mut bare = lines.join("\n");
    if ends_line {
        bare.push('\n');
    }
    Some(bare)
}

fn nearest(file: &Lines<'_>, old: &str) -> Option<Nearest> {
    let wanted: Vec<&str> = old
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .take(NEAREST_LINES_MAX)
        .collect();
    if wanted.is_empty() {
        return None;
    }
    let count = file.starts.len().min(NEAREST_SCAN_LINES_MAX);
    let lines: Vec<&str> = (0..count).map(|i| file.line(i).trim()).collect();
    let score_at = |at: usize| -> f64 {
        let pairs = lines[at..].iter().filter(|l| !l.is_empty()).zip(&wanted);
        pairs.map(|(have, want)| likeness(have, want)).sum::<f64>()
    };
    let starts = (0..count).filter(|&at| !lines[at].is_empty());
    let best = starts
        .map(|at| (at, score_at(at)))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    #[allow(clippy::cast_precision_loss)] // at most NEAREST_LINES_MAX
    let share = best.1 / wanted.len() as f64;
    if share < NEAREST_SCORE_MIN {
        return None;
    }
    let span = old.lines().count().clamp(1, NEAREST_LINES_MAX);
    let text: Vec<&str> = (best.0..(best.0 + span).min(count))
        .map(|i| file.line(i))
        .collect();
    Some(Nearest {
        line: best.0 + 1,
        text: text.join("\n"),
    })
}

/// Share of adjacent byte pairs two lines have in common (Dice), 1 for equal lines.
fn likeness(a: &str, b: &str) -> f64 {
    /// Longer lines are compared by their beginning.
    const COMPARED_BYTES: usize = 120;
    if a == b {
        return 1.0;
    }
    let pairs = |s: &str| -> Vec<(u8, u8)> {
        let bytes = &s.as_bytes()[..s.len().min(COMPARED_BYTES)];
        let mut pairs: Vec<(u8, u8)> = bytes.windows(2).map(|w| (w[0], w[1])).collect();
        pairs.sort_unstable();
        pairs
    };
    let (a, b) = (pairs(a), pairs(b));
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let (mut i, mut j, mut common) = (0, 0, 0u32);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                i += 1;
                j += 1;
            }
        }
    }
    #[allow(clippy::cast_precision_loss)] // at most twice COMPARED_BYTES
    let total = (a.len() + b.len()) as f64;
    2.0 * f64::from(common) / total
}

#[cfg(test)]
mod fuzz;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod judge;
#[cfg(test)]
mod tests;
