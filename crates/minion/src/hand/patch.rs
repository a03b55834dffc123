//! A whole patch in one request: every file of it is looked at before one is written.
//!
//! A patch whose last file does not fit must not leave the first one changed: the agent would have to find out what of it is
//! done. So it is done on paper first, then all new contents are laid beside their places, and only then put there; a disk
//! that is full is known by then. What can still go wrong is a tree that somebody else changes at that moment: the agent is
//! told file by file what was done.

use std::collections::BTreeMap;

use super::beneath::{Entry, Root, Staged};
use super::serve::{is_binary, too_large};
use super::syntax;
use super::wire::{Done, Refusal, RefusalKind, WRITE_BYTES_MAX};
use crate::patch::{self, Change, Hunk};

/// Does all of a patch or nothing. `known` are the files that the agent has read: they may be written anew.
pub(super) fn apply(root: &Root, changes: &[Change], known: &[String]) -> Result<Done, Refusal> {
    let paper = Paper::of(root, changes, known)?;
    paper.check()?;
    let notes = paper.notes.join("\n");
    paper.lay(root)?.put(root)?;
    Ok(Done::Patch {
        note: notes,
        bytes_written: changes.iter().map(|change| change.bytes() as u64).sum(),
    })
}

/// A file as the patch leaves it.
enum Next {
    /// As it is in the tree.
    Kept(Entry),
    New {
        bytes: Vec<u8>,
        /// Permission bits; none for those of a new file.
        mode: Option<u32>,
        /// What it was made of; none for a file that there was not.
        before: Option<Vec<u8>>,
    },
    Gone,
}

/// The tree as it would be, where the patch touches it.
struct Paper<'r> {
    root: &'r Root,
    known: Vec<String>,
    /// By clean path, in the order of the patch.
    files: BTreeMap<String, Next>,
    order: Vec<String>,
    notes: Vec<String>,
}

impl<'r> Paper<'r> {
    fn of(root: &'r Root, changes: &[Change], known: &[String]) -> Result<Paper<'r>, Refusal> {
        let known: Result<Vec<String>, Refusal> =
            known.iter().map(|path| root.writable(path)).collect();
        let mut paper = Paper {
            root,
            known: known?,
            files: BTreeMap::new(),
            order: Vec::new(),
            notes: Vec::new(),
        };
        for change in changes {
            let note = match change {
                Change::Add { path, content } => paper.add(path, content)?,
                Change::Delete { path } => paper.delete(path)?,
                Change::Update { path, to, hunks } => paper.update(path, to.as_deref(), hunks)?,
            };
            paper.notes.push(note);
        }
        Ok(paper)
    }

    /// The file at a path, looked at once.
    fn at(&mut self, path: &str) -> Result<String, Refusal> {
        let clean = self.root.writable(path)?;
        if !self.files.contains_key(&clean) {
            let next = match self.root.entry(path)? {
                Some(entry) => Next::Kept(entry),
                None => Next::Gone,
            };
            self.files.insert(clean.clone(), next);
            self.order.push(clean.clone());
        }
        Ok(clean)
    }

    fn add(&mut self, path: &str, content: &str) -> Result<String, Refusal> {
        if content.len() > WRITE_BYTES_MAX {
            return Err(too_large(path, content.len()));
        }
        let clean = self.at(path)?;
        let (verb, mode, before) = match &self.files[&clean] {
            Next::Gone => ("created", None, None),
            Next::Kept(Entry::File { mode }) if self.known.contains(&clean) => {
                let mode = Some(*mode);
                ("replaced", mode, self.root.bytes(path).ok())
            }
            Next::Kept(Entry::Other) => return Err(super::beneath::not_a_file(path)),
            Next::Kept(Entry::File { .. } | Entry::Link) | Next::New { .. } => {
                return Err(Refusal::new(
                    RefusalKind::Unread,
                    format!("{path} exists; change it with `*** Update File:`, or read it first"),
                ));
            }
        };
        let bytes = content.as_bytes().to_vec();
        let note = format!(
            "{verb} {path}: {} lines, {} bytes",
            content.lines().count(),
            bytes.len()
        );
        let next = Next::New {
            bytes,
            mode,
            before,
        };
        self.files.insert(clean, next);
        Ok(note)
    }

    /// Takes a name out of the tree; where it is a link, the link and not what it leads to.
    fn delete(&mut self, path: &str) -> Result<String, Refusal> {
        let clean = self.at(path)?;
        match &self.files[&clean] {
            Next::Gone => return Err(super::beneath::missing(path)),
            Next::Kept(Entry::Other) => return Err(super::beneath::not_a_file(path)),
            Next::Kept(Entry::File { .. } | Entry::Link) | Next::New { .. } => {}
        }
        self.files.insert(clean, Next::Gone);
        Ok(format!("deleted {path}"))
    }

    fn update(&mut self, path: &str, to: Option<&str>, hunks: &[Hunk]) -> Result<String, Refusal> {
        let clean = self.at(path)?;
        let (bytes, mode, before) = match &self.files[&clean] {
            Next::Gone => return Err(super::beneath::missing(path)),
            Next::Kept(Entry::Link | Entry::Other) => {
                return Err(super::beneath::not_a_file(path));
            }
            Next::Kept(Entry::File { mode }) => {
                let bytes = self.root.bytes(path)?;
                (bytes.clone(), Some(*mode), Some(bytes))
            }
            Next::New {
                bytes,
                mode,
                before,
            } => (bytes.clone(), *mode, before.clone()),
        };
        let changed = match hunks {
            [] => bytes,
            hunks => changed(path, &bytes, hunks)?,
        };
        let target = match to {
            Some(to) => {
                let target = self.at(to)?;
                if !matches!(self.files[&target], Next::Gone) {
                    return Err(Refusal::new(
                        RefusalKind::Unread,
                        format!("{path} cannot go to {to}: there is a file"),
                    ));
                }
                self.files.insert(clean, Next::Gone);
                target
            }
            None => clean,
        };
        let next = Next::New {
            bytes: changed,
            mode,
            before,
        };
        self.files.insert(target, next);
        Ok(match to {
            Some(to) => format!("moved {path} to {to}"),
            None => format!("patched {path} ({} hunks)", hunks.len()),
        })
    }

    /// What the files come to together.
    fn check(&self) -> Result<(), Refusal> {
        for (path, next) in &self.files {
            let Next::New { bytes, before, .. } = next else {
                continue;
            };
            syntax::check(path, before.as_deref(), bytes)?;
            let folder = format!("{path}/");
            let inside = self.files.range(folder.clone()..).next();
            if let Some((inner, Next::New { .. })) = inside
                && inner.starts_with(&folder)
            {
                return Err(Refusal::new(
                    RefusalKind::NotAFile,
                    format!("{path} cannot be both a file and the folder of {inner}"),
                ));
            }
        }
        Ok(())
    }

    /// Lays the new contents beside their places. When one cannot be written, those before it are taken away again.
    fn lay(mut self, root: &Root) -> Result<Laid, Refusal> {
        let mut laid = Laid {
            new: Vec::new(),
            gone: Vec::new(),
        };
        for path in std::mem::take(&mut self.order) {
            match self.files.remove(&path) {
                Some(Next::New { bytes, mode, .. }) => {
                    let staged = root.stage(&path, &bytes, mode, laid.new.len())?;
                    laid.new.push((path, staged));
                }
                Some(Next::Gone) => {
                    if root.entry(&path)?.is_some() {
                        laid.gone.push(path);
                    }
                }
                Some(Next::Kept(_)) | None => {}
            }
        }
        Ok(laid)
    }
}

/// The bytes of a file after its hunks.
fn changed(path: &str, bytes: &[u8], hunks: &[Hunk]) -> Result<Vec<u8>, Refusal> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if !is_binary(bytes) => text,
        Ok(_) | Err(_) => {
            return Err(Refusal::new(
                RefusalKind::Binary,
                format!("{path} is not a text in UTF-8; change it with `run` (sed, iconv)"),
            ));
        }
    };
    let after = patch::apply(text, hunks).map_err(|why| {
        Refusal::new(
            RefusalKind::NoMatch,
            format!("the patch does not fit {path}: {why}"),
        )
    })?;
    if after.len() > WRITE_BYTES_MAX && after.len() > text.len() {
        return Err(too_large(path, after.len()));
    }
    Ok(after.into_bytes())
}

/// Everything that a patch will do, ready to be done.
struct Laid {
    new: Vec<(String, Staged)>,
    gone: Vec<String>,
}

impl Laid {
    /// Puts the contents in their places and takes away what goes.
    fn put(self, root: &Root) -> Result<(), Refusal> {
        let mut left: Vec<String> = self.new.iter().map(|(path, _)| path.clone()).collect();
        left.extend(
            self.gone
                .iter()
                .map(|path| format!("{path} (to be deleted)")),
        );
        let mut done: Vec<String> = Vec::new();
        let half = |done: &[String], left: &[String], refusal: Refusal| {
            let done = match done {
                [] => "nothing".to_owned(),
                done => done.join(", "),
            };
            Refusal {
                message: format!(
                    "{}; of the patch is done: {done}; not done: {}",
                    refusal.message,
                    left.join(", ")
                ),
                ..refusal
            }
        };
        for (path, staged) in self.new {
            staged
                .put()
                .map_err(|refusal| half(&done, &left[done.len()..], refusal))?;
            done.push(path);
        }
        for path in self.gone {
            root.remove(&path)
                .map_err(|refusal| half(&done, &left[done.len()..], refusal))?;
            done.push(format!("{path} (deleted)"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().expect("a temp dir");
        for (name, content) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("beneath")).expect("folders");
            std::fs::write(path, content).expect("written");
        }
        let root = Root::open(dir.path()).expect("a folder");
        (dir, root)
    }

    fn changes(body: &str) -> Vec<Change> {
        patch::parse(&format!("*** Begin Patch\n{body}*** End Patch\n")).expect(body)
    }

    fn read(dir: &Path, name: &str) -> Option<String> {
        std::fs::read_to_string(dir.join(name)).ok()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    const TWO: &str = "*** Update File: a\n@@\n-1\n+2\n*** Add File: d/b\n+x\n*** Delete File: c\n";

    #[test]
    fn a_patch_is_done_whole() {
        let (dir, root) = tree(&[("a", "1\n"), ("c", "3\n")]);
        let done = apply(&root, &changes(TWO), &[]).expect("it fits");
        assert_eq!(
            done,
            Done::Patch {
                note: "patched a (1 hunks)\ncreated d/b: 1 lines, 2 bytes\ndeleted c".into(),
                bytes_written: 4
            }
        );
        assert_eq!(names(dir.path()), ["a", "d"]);
        assert_eq!(read(dir.path(), "a").as_deref(), Some("2\n"));
        assert_eq!(read(dir.path(), "d/b").as_deref(), Some("x\n"));
    }

    #[test]
    fn several_changes_of_one_file_follow_each_other() {
        let (dir, root) = tree(&[("a", "1\n"), ("b", "1\n")]);
        let text = "*** Update File: a\n@@\n-1\n+2\n*** Update File: a\n*** Move to: n\n@@\n-2\n+3\n\
                    *** Add File: a\n+new\n*** Delete File: b\n*** Add File: ./b\n+again\n";
        apply(&root, &changes(text), &[]).expect("it fits");
        for (name, want) in [("n", "3\n"), ("a", "new\n"), ("b", "again\n")] {
            assert_eq!(read(dir.path(), name).as_deref(), Some(want), "{name}");
        }
        assert_eq!(names(dir.path()), ["a", "b", "n"]);
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let (dir, root) = tree(&[
            ("a", "1\n"),
            ("c", "3\n"),
            ("f/x", "1\n"),
            ("m.rs", "fn f() {}\n"),
        ]);
        std::os::unix::fs::symlink("f", dir.path().join("link")).expect("a link");
        let first = "*** Update File: a\n@@\n-1\n+2\n*** Delete File: c\n";
        for (rest, kind) in [
            (
                "*** Update File: a\n@@\n-nowhere\n+x\n",
                RefusalKind::NoMatch,
            ),
            ("*** Update File: gone\n@@\n-1\n+x\n", RefusalKind::Missing),
            ("*** Delete File: c\n", RefusalKind::Missing),
            ("*** Delete File: f\n", RefusalKind::NotAFile),
            ("*** Add File: f\n+x\n", RefusalKind::NotAFile),
            ("*** Add File: m.rs\n+x\n", RefusalKind::Unread),
            ("*** Add File: a/b\n+x\n", RefusalKind::Missing),
            (
                "*** Add File: n\n+x\n*** Add File: n/b\n+x\n",
                RefusalKind::NotAFile,
            ),
            (
                "*** Update File: m.rs\n@@\n-fn f() {}\n+fn f() {\n",
                RefusalKind::Syntax,
            ),
            (
                "*** Update File: m.rs\n*** Move to: a\n",
                RefusalKind::Unread,
            ),
            ("*** Delete File: link/x\n", RefusalKind::NotAFile),
            (
                "*** Update File: m.rs\n*** Move to: link/m.rs\n",
                RefusalKind::NotAFile,
            ),
            (
                "*** Update File: link/x\n@@\n-1\n+2\n",
                RefusalKind::NotAFile,
            ),
            ("*** Delete File: .git/HEAD\n", RefusalKind::Outside),
            ("*** Delete File: ../a\n", RefusalKind::Outside),
        ] {
            let refusal = apply(&root, &changes(&format!("{first}{rest}")), &[]).expect_err(rest);
            assert_eq!(refusal.kind, kind, "{rest}: {refusal}");
            assert_eq!(names(dir.path()), ["a", "c", "f", "link", "m.rs"], "{rest}");
            assert_eq!(names(&dir.path().join("f")), ["x"], "{rest}");
            assert_eq!(read(dir.path(), "a").as_deref(), Some("1\n"), "{rest}");
        }
    }

    #[test]
    fn a_link_is_deleted_and_not_what_it_leads_to() {
        let (dir, root) = tree(&[("a", "1\n")]);
        std::os::unix::fs::symlink("a", dir.path().join("link")).expect("a link");
        apply(&root, &changes("*** Delete File: link\n"), &[]).expect("a name of the tree");
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn a_moved_file_keeps_its_mode_and_may_be_no_text() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, root) = tree(&[("a", "x\0y"), ("s.sh", "1\n")]);
        let script = dir.path().join("s.sh");
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).expect("ours");
        let text = "*** Update File: a\n*** Move to: b\n*** Update File: s.sh\n*** Move to: d/t.sh\n@@\n-1\n+2\n";
        apply(&root, &changes(text), &[]).expect("it fits");
        assert_eq!(read(dir.path(), "b").as_deref(), Some("x\0y"));
        let moved = dir.path().join("d/t.sh");
        let mode = std::fs::metadata(moved)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    /// Between the look and the act somebody else has put a folder where a file should go.
    #[test]
    fn what_fails_in_the_middle_is_told_file_by_file() {
        let (dir, root) = tree(&[("a", "1\n"), ("c", "3\n")]);
        let text = "*** Update File: a\n@@\n-1\n+2\n*** Add File: b\n+x\n*** Add File: e\n+y\n*** Delete File: c\n";
        let laid = Paper::of(&root, &changes(text), &[])
            .and_then(|paper| paper.lay(&root))
            .expect("it fits");
        std::fs::create_dir_all(dir.path().join("b/in")).expect("a folder");
        let refusal = laid.put(&root).expect_err("a folder is in its place");
        assert_eq!(refusal.kind, RefusalKind::System);
        assert!(
            refusal
                .message
                .ends_with("; of the patch is done: a; not done: b, e, c (to be deleted)"),
            "{refusal}"
        );
        assert_eq!(
            names(dir.path()),
            ["a", "b", "c"],
            "nothing else is left behind"
        );
        assert_eq!(read(dir.path(), "a").as_deref(), Some("2\n"));
    }

    #[test]
    fn a_disk_that_takes_no_more_leaves_all_as_it_was() {
        let (dir, root) = tree(&[("a", "1\n")]);
        let paper = Paper::of(
            &root,
            &changes("*** Update File: a\n@@\n-1\n+2\n*** Add File: d/b\n+x\n"),
            &[],
        )
        .expect("it fits");
        // A file where its folder should be: the second content finds no place.
        std::fs::write(dir.path().join("d"), "").expect("written");
        assert!(paper.lay(&root).is_err());
        assert_eq!(names(dir.path()), ["a", "d"]);
        assert_eq!(read(dir.path(), "a").as_deref(), Some("1\n"));
    }
}
