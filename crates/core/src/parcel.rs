//! A company's pack on its way from one factory to another: what may be in it, what it would change, what of it can act.
//!
//! The archive comes from a stranger. Everything here is decided on its names and texts alone, before a byte of it is on the disk.

mod acts;
mod name;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use acts::{Act, ActKind, acts};
pub use name::{company_name_problem, folded, name_problem, outside_pack};

/// A pack's files, path to text.
pub type Files = BTreeMap<String, String>;

/// Files of a pack. The largest shipped one has some forty.
pub const FILES_MAX: usize = 500;
/// Bytes of one file: prompts and skills are read by models, larger files are a mistake.
pub const FILE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of all files together, unpacked.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a path: what the name field of a tar header holds.
pub const PATH_BYTES_MAX: usize = 100;

/// The first file of an archive: what is in it, so that a changed byte is found.
pub const MANIFEST: &str = "alai-pack.json";
/// The form of the archive that this version reads and writes.
pub const FORMAT: u32 = 1;

/// What an archive says of itself. It proves that nothing was damaged on the way, and not who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    pub name: String,
    pub version: String,
    /// Path to SHA-256 in hexadecimal.
    pub files: BTreeMap<String, String>,
    /// Names that stand where secrets stood; whoever imports the pack gives them values.
    pub placeholders: Vec<String>,
}

/// What becomes of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    New,
    Changed,
    Removed,
}

impl Change {
    pub fn as_str(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Changed => "changed",
            Change::Removed => "removed",
        }
    }
}

/// The files that differ, in order of their paths.
pub fn changes(old: &Files, new: &Files) -> Vec<(String, Change)> {
    let mut found = BTreeMap::new();
    for (path, text) in new {
        match old.get(path) {
            None => found.insert(path.clone(), Change::New),
            Some(before) if before != text => found.insert(path.clone(), Change::Changed),
            Some(_) => None,
        };
    }
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    found.extend(gone.map(|path| (path.clone(), Change::Removed)));
    found.into_iter().collect()
}

/// Two paths that some file system takes for one, if there are such: by case, by Unicode form, or a file where a folder is.
pub fn collision<'a>(paths: impl Iterator<Item = &'a str>) -> Option<(String, String)> {
    // Folded name to how it was written, and whether it is a folder.
    let mut seen: BTreeMap<String, (String, bool)> = BTreeMap::new();
    for path in paths {
        let ends = path.match_indices('/').map(|(at, _)| (at, true));
        for (end, folder) in ends.chain([(path.len(), false)]) {
            let part = &path[..end];
            match seen.get(&folded(part)) {
                Some((before, true)) if folder && before == part => {}
                Some((before, _)) => return Some((before.clone(), path.to_owned())),
                None => {
                    seen.insert(folded(part), (part.to_owned(), folder));
                }
            }
        }
    }
    None
}

/// Where a text holds something that a reader does not see or that turns round what he sees: the line from 1, and what it is.
pub fn hidden(text: &str) -> Option<(usize, &'static str)> {
    let mut line = 1;
    let mut before = '\n';
    for c in text.chars() {
        let last = std::mem::replace(&mut before, c);
        match c {
            '\n' => line += 1,
            '\t' | '\r' => {}
            _ if c.is_control() => return Some((line, "a control character")),
            // The embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX #9): text that reads otherwise
            // than it runs.
            '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{61c}' => {
                return Some((line, "a mark that turns the direction of text"));
            }
            // Emoji are joined and coloured by these, and some scripts spelled; between plain letters they only hide something.
            '\u{200c}' | '\u{200d}' if !last.is_ascii() && !name::unseen(last) => {}
            '\u{fe00}'..='\u{fe0f}' if takes_a_variant(last) => {}
            '\u{fe00}'..='\u{fe0f}' => return Some((line, "a character that nobody sees")),
            _ if name::unseen(c) => return Some((line, "a character that nobody sees")),
            _ => {}
        }
    }
    None
}

/// Whether a variation selector may stand behind a character: one, behind a sign or a digit of a keycap. Rows of them carry texts.
fn takes_a_variant(c: char) -> bool {
    let sign = !c.is_ascii() && !name::unseen(c) && !matches!(c, '\u{fe00}'..='\u{fe0f}');
    sign || c.is_ascii_digit() || matches!(c, '#' | '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Files {
        let owned = files.iter().map(|(p, t)| ((*p).into(), (*t).into()));
        owned.collect()
    }

    #[test]
    fn what_differs_is_named_in_order() {
        let old = files(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let new = files(&[("b", "2"), ("c", "1"), ("d", "1")]);
        let found = changes(&old, &new);
        assert_eq!(
            found,
            [
                ("a".to_owned(), Change::Removed),
                ("b".to_owned(), Change::Changed),
                ("d".to_owned(), Change::New)
            ]
        );
        assert_eq!(changes(&new, &new), []);
    }

    #[test]
    fn names_that_a_file_system_takes_for_one_collide() {
        let hit = |paths: &[&str]| collision(paths.iter().copied()).is_some();
        assert!(hit(&["README.md", "readme.MD"]));
        assert!(hit(&[
            "skills/caf\u{e9}/SKILL.md",
            "skills/cafe\u{301}/SKILL.md"
        ]));
        assert!(hit(&["skills/a/SKILL.md", "skills/A/other.md"]));
        assert!(hit(&["skills/a", "skills/a/SKILL.md"]));
        assert!(hit(&["skills/a/SKILL.md", "skills/a"]));
        assert!(hit(&["README.md", "README.md"]));
        assert!(hit(&["skills/stra\u{df}e.md", "skills/STRASSE.md"]));
        assert!(!hit(&[
            "skills/a/SKILL.md",
            "skills/a/b.md",
            "skills/b/SKILL.md"
        ]));
    }

    #[test]
    fn what_a_reader_does_not_see_is_found_with_its_line() {
        assert_eq!(hidden("a\tb\r\nc\n"), None);
        assert_eq!(hidden("a\nb\u{1b}[2J"), Some((2, "a control character")));
        assert_eq!(
            hidden("x\n\n\u{202e}y"),
            Some((3, "a mark that turns the direction of text"))
        );
        for mark in ['\u{200e}', '\u{200f}', '\u{61c}'] {
            let found = hidden(&format!("a{mark}b"));
            assert_eq!(found, Some((1, "a mark that turns the direction of text")));
        }
        for unseen in [
            "a\u{e0041}\u{e007f}",
            "a\u{e0101}",
            "a\u{200b}b",
            "a\u{2060}b",
            "a\u{ad}b",
            "a\u{2028}b",
            "a\u{feff}b",
            "a\u{3164}b",
            "a\u{200d}b",
            "\u{200c}b",
            "\u{2764}\u{fe0f}\u{fe0e}",
            "a\u{fe00}",
        ] {
            let found = hidden(unseen);
            assert_eq!(
                found,
                Some((1, "a character that nobody sees")),
                "{unseen:?}"
            );
        }
        for plain in [
            "\u{10d}, \u{107}, \u{17e}, \u{161}, \u{111}; \u{e6}, \u{f8}, \u{e5}",
            "\u{2764}\u{fe0f} 1\u{fe0f}\u{20e3} \u{1f469}\u{200d}\u{1f4bb} \u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
        ] {
            assert_eq!(hidden(plain), None, "{plain}");
        }
    }
}
