//! Walks the tree: search, map, and the state that tells whether anything changed.
//!
//! Names come from a walk that follows no symbolic link; each file is then opened through [`Root`], so what is read lies
//! beneath the repository even when something swaps a directory for a link meanwhile.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};
use sha2::{Digest, Sha256};

use super::beneath::Root;
use super::symbols;
use super::wire::{
    CHANGED_MAX, FILE_BYTES_MAX, HITS_MAX, LINE_BYTES_MAX, MAP_BYTES_MAX, MAP_FILES_MAX, MapFile,
    READ_BYTES_MAX, Refusal, RefusalKind,
};
use crate::text::cut;

/// Files one search or scan looks at; a tree with more is not a source tree.
const WALK_FILES_MAX: usize = 200_000;
/// Memory a compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What tools leave in a tree and nobody wants in a commit or a search, on top of the project's own .gitignore.
pub const LEFT_OUT: [&str; 9] = [
    "node_modules/",
    ".venv/",
    "venv/",
    "__pycache__/",
    "*.pyc",
    ".pytest_cache/",
    ".mypy_cache/",
    ".ruff_cache/",
    ".alai-*.tmp",
];

/// Every folder that marks itself as a cache (the cache directory tagging specification, `CACHEDIR.TAG`: cargo's target
/// does so).
pub(crate) const CACHE_TAG: &str = "CACHEDIR.TAG";

/// Lists files and links beneath `from`, sorted, as paths relative to the root.
fn files(root: &Path, from: &str) -> (Vec<String>, bool) {
    let start = if from == "." {
        root.to_owned()
    } else {
        root.join(from)
    };
    let mut walk = ignore::WalkBuilder::new(&start);
    walk.hidden(false)
        .parents(true)
        .git_global(false)
        .git_exclude(true)
        .require_git(false)
        .follow_links(false);
    walk.filter_entry(|entry| {
        let is_dir = entry.file_type().is_some_and(|t| t.is_dir());
        let name = entry.file_name().to_string_lossy();
        if name == ".git" || left_out(&name, is_dir) {
            return entry.depth() == 0;
        }
        !(is_dir
            && entry.depth() > 0
            && entry
                .path()
                .join(CACHE_TAG)
                .symlink_metadata()
                .is_ok_and(|m| m.is_file()))
    });
    let mut names = Vec::new();
    let mut more = false;
    for entry in walk.build().flatten() {
        if entry.file_type().is_none_or(|t| t.is_dir()) {
            continue;
        }
        if names.len() >= WALK_FILES_MAX {
            more = true;
            break;
        }
        if let Some(name) = entry.path().strip_prefix(root).ok().and_then(Path::to_str) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    (names, more)
}

fn left_out(name: &str, is_dir: bool) -> bool {
    LEFT_OUT.iter().any(
        |rule| match (rule.strip_suffix('/'), rule.split_once('*')) {
            (Some(dir), _) => is_dir && name == dir,
            (None, Some((before, after))) => {
                !is_dir && name.starts_with(before) && name.ends_with(after)
            }
            (None, None) => name == *rule,
        },
    )
}

/// Folders that mark themselves as caches, relative to the root, for git's exclude file.
pub(crate) fn cache_folders(root: &Path) -> Vec<String> {
    let mut walk = ignore::WalkBuilder::new(root);
    walk.standard_filters(false)
        .hidden(false)
        .follow_links(false)
        .filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            let is_dir = entry.file_type().is_some_and(|t| t.is_dir());
            let inside_cache = entry
                .path()
                .parent()
                .is_some_and(|p| entry.depth() > 1 && p.join(CACHE_TAG).is_file());
            is_dir && !inside_cache && name != ".git" && !left_out(&name, true)
        });
    let mut found = Vec::new();
    for entry in walk.build().flatten().take(WALK_FILES_MAX) {
        if entry.depth() > 0
            && entry.path().join(CACHE_TAG).is_file()
            && let Some(name) = entry.path().strip_prefix(root).ok().and_then(Path::to_str)
        {
            found.push(name.to_owned());
        }
    }
    found
}

/// Lines that match a pattern, as `path:line: text`.
pub(crate) fn search(
    root: &Root,
    at: &Path,
    pattern: &str,
    path: Option<&str>,
    glob: Option<&str>,
) -> Result<String, Refusal> {
    if pattern.is_empty() {
        return Err(Refusal::new(
            RefusalKind::BadPattern,
            "the pattern is empty; give a regular expression",
        ));
    }
    let (regex, note) = compile(pattern)?;
    let glob = glob
        .filter(|g| !g.trim().is_empty())
        .map(matcher)
        .transpose()?;
    let from = root.check(path.unwrap_or("."))?;
    let (names, more) = files(at, &from);
    let mut out = note;
    let mut hits = 0;
    let mut looked = 0u32;
    for name in names
        .iter()
        .filter(|name| glob.as_ref().is_none_or(|g| g.is_match(name)))
    {
        let Ok(bytes) = root.bytes(name) else {
            continue;
        };
        if bytes.iter().take(8_000).any(|b| *b == 0) {
            continue;
        }
        looked += 1;
        let text = String::from_utf8_lossy(&bytes);
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| regex.is_match(line))
        {
            if hits == HITS_MAX || out.len() > READ_BYTES_MAX {
                out.push_str("[more hits left out; narrow the pattern, the path or the glob]\n");
                return Ok(out);
            }
            hits += 1;
            out.push_str(&format!(
                "{name}:{}: {}\n",
                number + 1,
                cut(line.trim_end(), LINE_BYTES_MAX)
            ));
        }
    }
    if hits == 0 {
        out.push_str(&format!("no hits in {looked} files\n"));
    }
    if more {
        out.push_str(&format!(
            "[only the first {WALK_FILES_MAX} files were looked at]\n"
        ));
    }
    Ok(out)
}

/// A pattern that is no regular expression is searched for as it stands: `foo(` is the commonest mistake.
fn compile(pattern: &str) -> Result<(Regex, String), Refusal> {
    let build = |text: &str| {
        RegexBuilder::new(text)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
    };
    match build(pattern) {
        Ok(regex) => Ok((regex, String::new())),
        Err(regex::Error::Syntax(_)) => match build(&regex::escape(pattern)) {
            Ok(regex) => Ok((
                regex,
                "[not a regular expression; searched for the text as it stands]\n".to_owned(),
            )),
            Err(e) => Err(Refusal::new(
                RefusalKind::BadPattern,
                format!("the pattern cannot be used: {e}"),
            )),
        },
        Err(e) => Err(Refusal::new(
            RefusalKind::BadPattern,
            format!("the pattern cannot be used: {e}; make it simpler"),
        )),
    }
}

/// A glob with a slash is matched against the whole path, one without against the name.
fn matcher(glob: &str) -> Result<GlobMatcher, Refusal> {
    let trimmed = glob.trim().trim_start_matches("./").trim_start_matches('/');
    let whole = if trimmed.contains('/') {
        trimmed.to_owned()
    } else {
        format!("**/{trimmed}")
    };
    let built = GlobBuilder::new(&whole).literal_separator(true).build();
    let built = built.map_err(|e| {
        Refusal::new(
            RefusalKind::BadPattern,
            format!("the glob {glob} cannot be used: {e}"),
        )
    })?;
    Ok(built.compile_matcher())
}

/// Names and sizes of the files, the definitions in those that matter for what it is about, and how many more files there
/// are than were listed.
pub(crate) fn map(root: &Root, at: &Path, about: &str) -> (Vec<MapFile>, u64) {
    let (names, _) = files(at, ".");
    let total = names.len();
    let mut bytes = 0;
    let mut listed = Vec::new();
    for path in names {
        bytes += path.len() + 32;
        if listed.len() >= MAP_FILES_MAX || bytes > MAP_BYTES_MAX {
            break;
        }
        let size = at.join(&path).symlink_metadata().map_or(0, |m| m.len());
        listed.push(MapFile {
            path,
            bytes: size,
            symbols: Vec::new(),
        });
    }
    let more = (total - listed.len()) as u64;
    symbols::fill(root, &mut listed, about);
    (listed, more)
}

/// What a file was when its content was last hashed.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Stamp {
    inode: u64,
    bytes: u64,
    mode: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Remembers contents between scans and the tree as it was at the first one.
#[derive(Default)]
pub(crate) struct Scanner {
    cache: HashMap<String, (Stamp, [u8; 32])>,
    first: Option<BTreeMap<String, [u8; 32]>>,
    marked: Option<BTreeMap<String, [u8; 32]>>,
}

/// What a tree is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// The first scan of the run.
    First,
    /// The last mark, where there is one.
    Mark,
}

/// The tree now.
pub(crate) struct Scan {
    /// Hex SHA-256 over names, modes and contents.
    pub(crate) state: String,
    /// Paths that differ from what it is compared with.
    pub(crate) changed: Vec<String>,
    pub(crate) more: u64,
}

impl Scanner {
    /// Looks at every file that is not ignored. Unchanged files (same inode, size and times) are not read again.
    pub(crate) fn scan(&mut self, root: &Root, at: &Path, since: Since) -> Scan {
        let now = self.look(root, at);
        let mut state = Sha256::new();
        for (name, hash) in &now {
            state.update((name.len() as u64).to_le_bytes());
            state.update(name.as_bytes());
            state.update(hash);
        }
        let before = match since {
            Since::First => &self.first,
            Since::Mark => &self.marked,
        };
        let before = before.as_ref();
        let changed = before.map(|before| difference(before, &now));
        let changed = changed.unwrap_or_default();
        self.first.get_or_insert(now);
        let more = changed.len().saturating_sub(CHANGED_MAX) as u64;
        Scan {
            state: hex::encode(state.finalize()),
            changed: changed.into_iter().take(CHANGED_MAX).collect(),
            more,
        }
    }

    /// Remembers the tree as it is now.
    pub(crate) fn mark(&mut self, root: &Root, at: &Path) {
        self.marked = Some(self.look(root, at));
    }

    fn look(&mut self, root: &Root, at: &Path) -> BTreeMap<String, [u8; 32]> {
        let (names, _) = files(at, ".");
        let mut cache = HashMap::with_capacity(names.len());
        let mut now = BTreeMap::new();
        for name in names {
            let full = at.join(&name);
            let Ok(meta) = full.symlink_metadata() else {
                continue;
            };
            let stamp = Stamp {
                inode: meta.ino(),
                bytes: meta.len(),
                mode: meta.mode(),
                modified: (meta.mtime(), meta.mtime_nsec()),
                changed: (meta.ctime(), meta.ctime_nsec()),
            };
            let known = self
                .cache
                .get(&name)
                .filter(|(known, _)| *known == stamp)
                .map(|(_, hash)| *hash);
            let hash = known.unwrap_or_else(|| fingerprint(root, &name, &full, stamp));
            cache.insert(name.clone(), (stamp, hash));
            now.insert(name, hash);
        }
        self.cache = cache;
        now
    }
}

/// Hash of kind, permissions and content. What cannot be read, or is too large, is known by its stamp alone.
fn fingerprint(root: &Root, name: &str, full: &PathBuf, stamp: Stamp) -> [u8; 32] {
    let mut hash = Sha256::new();
    // File type and the bits git knows; the rest of the mode changes with the umask.
    hash.update((stamp.mode & 0o170_111).to_le_bytes());
    let link = std::fs::read_link(full).ok();
    let content = if stamp.bytes <= FILE_BYTES_MAX {
        root.bytes(name).ok()
    } else {
        None
    };
    match (link, content) {
        (Some(target), _) => hash.update(target.as_os_str().as_encoded_bytes()),
        (None, Some(bytes)) => hash.update(&bytes),
        (None, None) => {
            hash.update(stamp.bytes.to_le_bytes());
            hash.update(stamp.modified.0.to_le_bytes());
            hash.update(stamp.modified.1.to_le_bytes());
        }
    }
    hash.finalize().into()
}

fn difference(first: &BTreeMap<String, [u8; 32]>, now: &BTreeMap<String, [u8; 32]>) -> Vec<String> {
    let mut changed: Vec<String> = now
        .iter()
        .filter(|(name, hash)| first.get(*name) != Some(hash))
        .map(|(name, _)| name.clone())
        .collect();
    changed.extend(
        first
            .keys()
            .filter(|name| !now.contains_key(*name))
            .cloned(),
    );
    changed.sort_unstable();
    changed
}
