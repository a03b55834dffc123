//! What a commit changed, as one value: the static checks see this and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use similar::{Algorithm, ChangeTag, TextDiff};

use crate::source::{self, Lang, Source};

/// Larger files are not read: no hand-written source comes near, a package-lock.json of 5,000 packages is 2 MiB.
pub(crate) const FILE_BYTES_MAX: u64 = 4 << 20;
/// More changed files are not read one by one; the proportion check has failed long before.
pub(crate) const FILES_READ_MAX: usize = 2_000;
/// Line differences of one file stop being exact after this; the rest then counts as rewritten.
const DIFF_S_MAX: u64 = 5;

/// One side of a changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Absent,
    Text(String),
    Binary,
    /// Larger than [`FILE_BYTES_MAX`], or one of too many.
    Unread,
    Link(String),
    Submodule,
}

impl Content {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Content::Text(text) => Some(text),
            Content::Absent
            | Content::Binary
            | Content::Unread
            | Content::Link(_)
            | Content::Submodule => None,
        }
    }

    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Content {
        // Bytes that are no UTF-8 are shown as such: Latin-1 is code to Python, so it must be read here too.
        if bytes.contains(&0) {
            Content::Binary
        } else {
            Content::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}

/// One changed file with both its sides.
#[derive(Debug, Clone)]
pub(crate) struct ChangedFile {
    pub(crate) path: String,
    /// Where it was, when it moved.
    pub(crate) from: Option<String>,
    pub(crate) old_mode: u32,
    pub(crate) new_mode: u32,
    pub(crate) base: Content,
    pub(crate) head: Content,
    /// Lines of `head` that are not in `base`, from 0.
    pub(crate) added: Vec<usize>,
    /// Lines of `base` that are not in `head`, from 0.
    pub(crate) removed: Vec<usize>,
}

impl ChangedFile {
    pub(crate) fn new(
        path: String,
        from: Option<String>,
        modes: (u32, u32),
        base: Content,
        head: Content,
    ) -> ChangedFile {
        let (added, removed) = lines_between(base.text(), head.text());
        ChangedFile {
            path,
            from,
            old_mode: modes.0,
            new_mode: modes.1,
            base,
            head,
            added,
            removed,
        }
    }

    pub(crate) fn is_new(&self) -> bool {
        self.old_mode == 0
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.new_mode == 0
    }

    /// Git says that it changed, and what can be read of both sides is equal: a binary file, or bytes that are no text.
    pub(crate) fn changed_unseen(&self) -> bool {
        self.from.is_none() && self.old_mode == self.new_mode && self.base == self.head
    }

    /// Where the base had it.
    pub(crate) fn base_path(&self) -> &str {
        self.from.as_deref().unwrap_or(&self.path)
    }

    /// Of the head, and of the base where that has none.
    pub(crate) fn lang(&self) -> Lang {
        let text = self.head.text().or(self.base.text());
        source::lang_of(&self.path, text.unwrap_or_default())
    }

    pub(crate) fn head_source(&self) -> Option<Source> {
        self.head.text().map(|text| source::read(text, self.lang()))
    }

    pub(crate) fn base_source(&self) -> Option<Source> {
        self.base
            .text()
            .map(|text| source::read(text, source::lang_of(self.base_path(), text)))
    }

    /// `path:line` of a line of the head, for people.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{}", self.path, line + 1)
    }
}

fn lines_between(base: Option<&str>, head: Option<&str>) -> (Vec<usize>, Vec<usize>) {
    let (base, head) = (base.unwrap_or_default(), head.unwrap_or_default());
    let mut config = TextDiff::configure();
    config
        .algorithm(Algorithm::Patience)
        .timeout(std::time::Duration::from_secs(DIFF_S_MAX));
    let diff = config.diff_lines(base, head);
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => added.extend(change.new_index()),
            ChangeTag::Delete => removed.extend(change.old_index()),
            ChangeTag::Equal => {}
        }
    }
    (added, removed)
}

/// Everything between two commits that the static checks look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) files: Vec<ChangedFile>,
    /// Every path of the base with its mode.
    pub(crate) base_paths: BTreeMap<String, u32>,
    /// Every path of the head with its mode.
    pub(crate) head_paths: BTreeMap<String, u32>,
    pub(crate) commits: Vec<Commit>,
    /// The test files of the head that are programs, with their texts: also those that did not change.
    pub(crate) tests: Vec<(String, String)>,
    /// Manifests and lockfiles that did not change, where another one did, as they are: packages inherit from those above, and
    /// what any of them asks for is not new.
    pub(crate) manifests: BTreeMap<String, Content>,
    /// The head does not contain the base: a merge would bring something else than this change.
    pub(crate) rewritten: bool,
}

/// One commit of the run, for the scan of its history.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commit {
    pub(crate) oid: String,
    /// Message and changes against each parent.
    pub(crate) patch: String,
    pub(crate) truncated: bool,
}

impl Change {
    /// A changed file of the base, or one of [`Change::manifests`]; `None` where the base has none there.
    pub(crate) fn at_base(&self, path: &str) -> Option<&Content> {
        let changed = |file: &&ChangedFile| !file.is_new() && file.base_path() == path;
        let changed = self.files.iter().find(changed).map(|file| &file.base);
        changed.or_else(|| self.manifests.get(path))
    }

    /// The same of the head.
    pub(crate) fn at_head(&self, path: &str) -> Option<&Content> {
        let changed = |file: &&ChangedFile| !file.is_deleted() && file.path == path;
        let changed = self.files.iter().find(changed).map(|file| &file.head);
        changed.or_else(|| self.manifests.get(path))
    }

    /// Folders and files of the head, lower-cased, for look-alikes on systems that fold case.
    pub(crate) fn folded(&self) -> BTreeMap<String, BTreeSet<&str>> {
        let mut folded: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for path in self.head_paths.keys() {
            let mut ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
            ends.push(path.len());
            for end in ends {
                folded
                    .entry(path[..end].to_lowercase())
                    .or_default()
                    .insert(&path[..end]);
            }
        }
        folded
    }

    /// A change made of whole texts, for tests: `(path, base, head)`.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, Option<&str>, Option<&str>)]) -> Change {
        let mut change = Change::default();
        for (path, base, head) in files {
            let mode = |side: &Option<&str>| if side.is_some() { 0o100_644 } else { 0 };
            let side = |side: &Option<&str>| {
                side.map_or(Content::Absent, |text| Content::Text(text.to_owned()))
            };
            if base.is_some() {
                change.base_paths.insert((*path).to_owned(), 0o100_644);
            }
            if let Some(text) = head.filter(|_| crate::paths::is_test(path)) {
                change.tests.push(((*path).to_owned(), text.to_owned()));
            }
            if head.is_some() {
                change.head_paths.insert((*path).to_owned(), 0o100_644);
            }
            if let Some(text) =
                head.filter(|_| base == head && crate::checks::manifest::kind(path).is_some())
            {
                change
                    .manifests
                    .insert((*path).to_owned(), Content::Text(text.to_owned()));
            }
            if base != head {
                let modes = (mode(base), mode(head));
                change.files.push(ChangedFile::new(
                    (*path).to_owned(),
                    None,
                    modes,
                    side(base),
                    side(head),
                ));
            }
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_and_removed_lines_are_numbered_in_their_own_file() {
        let change = Change::of(&[("a", Some("1\n2\n3\n"), Some("0\n1\n3\n4\n"))]);
        assert_eq!(
            (
                change.files[0].added.as_slice(),
                change.files[0].removed.as_slice()
            ),
            (&[0, 3][..], &[1][..])
        );
    }

    #[test]
    fn what_is_no_utf8_is_still_read() {
        let content = Content::from_bytes(b"# caf\xe9\nos._exit(0)\n".to_vec());
        assert!(
            content
                .text()
                .is_some_and(|text| text.contains("os._exit(0)"))
        );
        assert_eq!(Content::from_bytes(b"a\0b".to_vec()), Content::Binary);
    }

    #[test]
    fn a_new_and_a_deleted_file_are_all_their_lines() {
        let change = Change::of(&[
            ("new", None, Some("a\nb\n")),
            ("old", Some("a\n"), None),
            ("same", Some("x"), Some("x")),
        ]);
        assert_eq!(change.files.len(), 2);
        assert_eq!(change.files[0].added, [0, 1]);
        assert_eq!(change.files[1].removed, [0]);
    }
}
