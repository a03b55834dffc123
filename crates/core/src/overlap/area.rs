//! Where in a repository a task works, and whether two such areas meet.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

/// Paths of one area: what names more is taken for the whole repository, so that a decision has an end.
const PATHS_MAX: usize = 512;

/// What a report of a run says where it had more paths than it has room for (`session::Report::bounded`).
const MORE: (&str, &str) = ("[", " more]");
/// What it says behind a path that was too long.
const CUT: &str = " [cut]";

/// Paths that a task is known to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Area {
    /// Patterns: a file, a folder with all that is in it, or a glob.
    declared: BTreeSet<String>,
    /// Paths as they are, of files that were changed.
    touched: BTreeSet<String>,
}

impl Area {
    pub fn declare<'a>(&mut self, patterns: impl IntoIterator<Item = &'a String>) {
        self.declared.extend(patterns.into_iter().cloned());
    }

    /// The files of a run's report. What it leaves out may be anywhere.
    pub fn touch(&mut self, files: impl IntoIterator<Item = String>) {
        for file in files {
            let (from, to) = MORE;
            let number = file.strip_prefix(from).and_then(|n| n.strip_suffix(to));
            if number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) {
                self.declared.insert("**".to_owned());
            } else if let Some(begin) = file.strip_suffix(CUT) {
                let folder = begin.rsplit_once('/').map(|(folder, _)| escaped(folder));
                self.declared.insert(folder.unwrap_or("**".to_owned()));
            } else {
                self.touched.insert(file);
            }
        }
    }

    /// Nothing is known.
    pub fn is_empty(&self) -> bool {
        self.declared.is_empty() && self.touched.is_empty()
    }

    /// Where both are, in words of the narrower one: `src/x.rs` of `src/x.rs` and `src/`. None where they do not meet.
    pub fn meets(&self, other: &Area) -> Option<String> {
        if self.is_empty() || other.is_empty() {
            return None;
        }
        if self.len() > PATHS_MAX || other.len() > PATHS_MAX {
            return Some("more files than are compared".to_owned());
        }
        // Files in common are the usual case, and tell the most.
        if let Some(file) = self.touched.intersection(&other.touched).next() {
            return Some(file.clone());
        }
        let (own, others) = (self.patterns(), other.patterns());
        for (pattern, one) in &own {
            for (word, two) in &others {
                if one.meets(two) {
                    return Some(match one.names() > two.names() {
                        true => pattern.clone(),
                        false => word.clone(),
                    });
                }
            }
        }
        None
    }

    fn len(&self) -> usize {
        self.declared.len() + self.touched.len()
    }

    fn patterns(&self) -> Vec<(String, Pattern)> {
        let declared = self.declared.iter();
        let declared = declared.map(|text| (text.clone(), Pattern::read(text)));
        let touched = self.touched.iter();
        let touched = touched.map(|path| (path.clone(), Pattern::file(path)));
        declared.chain(touched).collect()
    }
}

/// Whether a path exists that both patterns mean. A plain name, and what a glob names, stands for all that is below it.
pub fn meet(one: &str, other: &str) -> bool {
    Pattern::read(one).meets(&Pattern::read(other))
}

/// A path as a pattern of itself alone, whatever marks of a glob are in it.
pub fn escaped(path: &str) -> String {
    let mut pattern = String::new();
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | '{' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Name(Vec<Mark>),
    /// `**`, and whatever is not told apart: any number of names.
    Any,
}

#[derive(Debug)]
struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// Brackets and braces are not told apart: from the name on in which one stands, anything is meant.
    fn read(text: &str) -> Pattern {
        let text: String = text.nfc().collect();
        let mut parts = Vec::new();
        for name in text.split('/').filter(|name| !matches!(*name, "" | ".")) {
            if name == "**" {
                parts.push(Part::Any);
                continue;
            }
            let Some(marks) = marks(name) else {
                parts.push(Part::Any);
                break;
            };
            parts.push(Part::Name(marks));
        }
        Pattern::below(parts)
    }

    /// A file, below which is nothing.
    fn file(path: &str) -> Pattern {
        let path: String = path.nfc().collect();
        let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
        let parts = names.map(|n| Part::Name(n.chars().map(Mark::Char).collect()));
        Pattern {
            parts: parts.collect(),
        }
    }

    /// With all that is below.
    fn below(parts: impl IntoIterator<Item = Part>) -> Pattern {
        let mut parts: Vec<Part> = parts.into_iter().collect();
        if parts.last() != Some(&Part::Any) {
            parts.push(Part::Any);
        }
        Pattern { parts }
    }

    fn names(&self) -> usize {
        self.parts.iter().filter(|part| **part != Part::Any).count()
    }

    fn meets(&self, other: &Pattern) -> bool {
        meets(
            &self.parts,
            &other.parts,
            |part| *part == Part::Any,
            |one, other| match (one, other) {
                (Part::Name(one), Part::Name(other)) => {
                    meets(one, other, |mark| *mark == Mark::Many, Mark::may_be)
                }
                (Part::Any, _) | (_, Part::Any) => true,
            },
        )
    }
}

impl Mark {
    fn may_be(&self, other: &Mark) -> bool {
        match (self, other) {
            (Mark::Char(one), Mark::Char(other)) => one == other,
            (Mark::One | Mark::Many, _) | (_, Mark::One | Mark::Many) => true,
        }
    }
}

/// The marks of one name; none where brackets or braces stand in it.
fn marks(name: &str) -> Option<Vec<Mark>> {
    let mut marks = Vec::new();
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        marks.push(match c {
            '[' | '{' => return None,
            '*' => Mark::Many,
            '?' => Mark::One,
            '\\' => Mark::Char(chars.next().unwrap_or('\\')),
            c => Mark::Char(c),
        });
    }
    Some(marks)
}

/// Whether two rows have a common one, where some parts stand for any number. By a table, because tried way by way each of those doubles
/// the work.
fn meets<T>(
    one: &[T],
    other: &[T],
    is_any: impl Fn(&T) -> bool,
    alike: impl Fn(&T, &T) -> bool,
) -> bool {
    // Whether what is left of `one` meets what is left of `other` from each part on; the row behind the last part first.
    let all_any = |from: usize| other[from..].iter().all(&is_any);
    let mut row: Vec<bool> = (0..=other.len()).map(all_any).collect();
    for part in one.iter().rev() {
        let below = row;
        row = vec![false; other.len() + 1];
        for at in (0..=other.len()).rev() {
            let next = other.get(at);
            row[at] = match (is_any(part), next) {
                // It stands for nothing more, or for the next one too.
                (true, None) => below[at],
                (true, Some(_)) => below[at] || row[at + 1],
                (false, None) => false,
                (false, Some(next)) if is_any(next) => row[at + 1] || below[at],
                (false, Some(next)) => alike(part, next) && below[at + 1],
            };
        }
    }
    row[0]
}
