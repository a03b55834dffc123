//! Tables of regular expressions over added lines: what the detectors share.

use regex::Regex;

use crate::change::ChangedFile;
use crate::source::{Lang, Source};

/// Which part of a line a pattern is looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Code,
    /// Code and strings: names of environment variables stand in strings.
    Uncommented,
    Comments,
    Strings,
}

/// One thing that must not be added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pattern {
    pub(crate) what: &'static str,
    pub(crate) lang: &'static [Lang],
    pub(crate) view: View,
    pub(crate) regex: &'static str,
}

/// Every language in which programs are written.
pub(crate) const ANY: &[Lang] = &[
    Lang::Rust,
    Lang::JavaScript,
    Lang::Go,
    Lang::CLike,
    Lang::Python,
    Lang::Hash,
];
pub(crate) const RUST: &[Lang] = &[Lang::Rust];
pub(crate) const PYTHON: &[Lang] = &[Lang::Python];
pub(crate) const JS: &[Lang] = &[Lang::JavaScript];
pub(crate) const GO: &[Lang] = &[Lang::Go];
pub(crate) const SHELL: &[Lang] = &[Lang::Hash];
pub(crate) const CLIKE: &[Lang] = &[Lang::CLike];

/// A compiled table.
pub(crate) struct Table(Vec<(Pattern, Regex)>);

impl Table {
    pub(crate) fn new(patterns: &[Pattern]) -> Table {
        Table(
            patterns
                .iter()
                .map(|p| (*p, Regex::new(p.regex).expect("a fixed pattern")))
                .collect(),
        )
    }

    /// Patterns that match on one line.
    pub(crate) fn on_line(&self, source: &Source, lang: Lang, line: usize) -> Vec<&'static str> {
        let hit = |(pattern, regex): &&(Pattern, Regex)| {
            pattern.lang.contains(&lang) && regex.is_match(&view(source, pattern.view, line))
        };
        self.0
            .iter()
            .filter(hit)
            .map(|(pattern, _)| pattern.what)
            .collect()
    }

    /// Patterns on the added lines of a file, as `path:line what`. What a moved or edited line had before is not new: as
    /// many occurrences as the removed lines had are forgiven.
    pub(crate) fn on_added(&self, file: &ChangedFile) -> Vec<(usize, &'static str)> {
        let Some(head) = file.head_source() else {
            return Vec::new();
        };
        let mut forgiven: Vec<&'static str> = Vec::new();
        if let Some(base) = file.base_source() {
            for line in &file.removed {
                forgiven.extend(self.on_line(&base, file.lang(), *line));
            }
        }
        let mut found = Vec::new();
        for line in &file.added {
            for what in self.on_line(&head, file.lang(), *line) {
                match forgiven.iter().position(|f| *f == what) {
                    Some(at) => {
                        forgiven.swap_remove(at);
                    }
                    None => found.push((*line, what)),
                }
            }
        }
        found
    }
}

fn view(source: &Source, view: View, line: usize) -> String {
    let pick = |lines: &[String]| lines.get(line).cloned().unwrap_or_default();
    match view {
        View::Code => pick(&source.code),
        View::Comments => pick(&source.comments),
        View::Strings => pick(&source.strings),
        View::Uncommented => source.uncommented(line),
    }
}
