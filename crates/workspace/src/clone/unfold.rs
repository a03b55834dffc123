//! How large a run's trees become when they are written out: ten small trees that name each other ten times over are ten
//! thousand million files, and git's own comparison of such a tree with another takes all memory there is (measured).

use std::collections::HashMap;

use super::CHECKOUT_FILES_MAX;
use crate::git::run::{self, Call, on_objects};
use crate::git::{GitError, Oid, Repo};

/// Deepest nesting of folders. No path of more fits the 4,096 bytes that the kernel takes.
const DEPTH_MAX: u64 = 1_000;

/// Rounds of reading trees that neither the pack nor the base's own tree holds: folders of the base's history.
const ROUNDS_MAX: usize = 1_000;

/// What a folder holds, written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    files: u64,
    depth: u64,
}

/// A folder's direct content: how many files, and which folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Folder {
    files: u64,
    folders: Vec<String>,
}

/// Judges every tree among `names` (the objects of a pack in quarantine, which `within` can read).
///
/// # Errors
/// The reason to refuse the pack.
pub(super) fn judge(
    repo: &Repo,
    within: &dyn Fn() -> Call<'static>,
    names: &[String],
    base: &Oid,
) -> Result<(), String> {
    let error = |error: GitError| error.to_string();
    let new = trees_among(within, names).map_err(error)?;
    if new.is_empty() {
        return Ok(());
    }
    let mut sizes = sizes_of_base(repo, base).map_err(error)?;
    let mut folders = HashMap::new();
    let mut wanted = new.clone();
    for round in 0.. {
        if round == ROUNDS_MAX {
            return Err("its folders are nested too deeply".to_owned());
        }
        read_folders(repo, within, &wanted, &mut folders).map_err(error)?;
        let named = wanted
            .iter()
            .filter_map(|name| folders.get(name))
            .flat_map(|folder: &Folder| &folder.folders);
        let mut next: Vec<String> = named
            .filter(|name| !folders.contains_key(*name) && !sizes.contains_key(*name))
            .cloned()
            .collect();
        next.sort();
        next.dedup();
        if next.is_empty() {
            break;
        }
        wanted = next;
    }
    for name in &new {
        let size = measure(name, &folders, &mut sizes)?;
        if size.files > CHECKOUT_FILES_MAX as u64 {
            return Err(format!(
                "one of its folders unfolds to more than {CHECKOUT_FILES_MAX} files"
            ));
        }
        if size.depth > DEPTH_MAX {
            return Err(format!("its folders are nested more than {DEPTH_MAX} deep"));
        }
    }
    Ok(())
}

/// The size of one folder, from its parts up; each is measured once. Without recursion, because the nesting is a stranger's.
fn measure(
    top: &str,
    folders: &HashMap<String, Folder>,
    sizes: &mut HashMap<String, Size>,
) -> Result<Size, String> {
    let mut waiting = vec![top.to_owned()];
    while let Some(name) = waiting.last().cloned() {
        if sizes.contains_key(&name) {
            waiting.pop();
            continue;
        }
        let folder = folders
            .get(&name)
            .ok_or_else(|| format!("the folder {name} is missing"))?;
        let before = waiting.len();
        waiting.extend(
            folder
                .folders
                .iter()
                .filter(|inner| !sizes.contains_key(*inner))
                .cloned(),
        );
        if waiting.len() > before {
            continue;
        }
        let mut size = Size {
            files: folder.files,
            depth: 1,
        };
        for inner in folder.folders.iter().filter_map(|inner| sizes.get(inner)) {
            size.files = size.files.saturating_add(inner.files);
            size.depth = size.depth.max(inner.depth.saturating_add(1));
        }
        sizes.insert(name, size);
        waiting.pop();
    }
    sizes
        .get(top)
        .copied()
        .ok_or_else(|| format!("the folder {top} is missing"))
}

fn trees_among(
    within: &dyn Fn() -> Call<'static>,
    names: &[String],
) -> Result<Vec<String>, GitError> {
    let asked = names.join("\n") + "\n";
    let answer = within()
        .args(["cat-file", "--batch-check=%(objecttype) %(objectname)"])
        .stdin(asked.as_bytes())
        .ok()?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer
        .lines()
        .filter_map(|line| line.strip_prefix("tree "))
        .map(str::to_owned)
        .collect())
}

/// Every folder of the base with its size, read in one go: a run's trees mostly name folders that it did not touch.
fn sizes_of_base(repo: &Repo, base: &Oid) -> Result<HashMap<String, Size>, GitError> {
    let listing = on_objects(repo)
        .args(["ls-tree", "-r", "-t", "-z", "--full-tree", base.as_str()])
        .ok()?;
    let mut names: Vec<(Vec<u8>, String)> = Vec::new();
    let mut by_path: HashMap<&[u8], Size> = HashMap::new();
    for record in listing
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
    {
        let unreadable =
            || run::unreadable("ls-tree", repo.root(), &String::from_utf8_lossy(record));
        let tab = record
            .iter()
            .position(|byte| *byte == b'\t')
            .ok_or_else(unreadable)?;
        let (meta, path) = (String::from_utf8_lossy(&record[..tab]), &record[tab + 1..]);
        let fields: Vec<&str> = meta.split(' ').collect();
        let [_, kind, name] = fields[..] else {
            return Err(unreadable());
        };
        let is_folder = kind == "tree";
        if is_folder {
            names.push((path.to_vec(), name.to_owned()));
            by_path.entry(path).or_insert(Size { files: 0, depth: 1 });
        }
        let slashes: Vec<usize> = path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| at)
            .collect();
        let levels = slashes.len() as u64;
        for (level, at) in slashes.into_iter().enumerate() {
            let above = by_path
                .entry(&path[..at])
                .or_insert(Size { files: 0, depth: 1 });
            above.files += u64::from(!is_folder);
            let below = levels - level as u64 - 1;
            above.depth = above.depth.max(1 + below + u64::from(is_folder));
        }
    }
    let sized = names
        .into_iter()
        .filter_map(|(path, name)| Some((name, *by_path.get(&path[..])?)));
    Ok(sized.collect())
}

/// Reads trees and adds what each holds.
fn read_folders(
    repo: &Repo,
    within: &dyn Fn() -> Call<'static>,
    names: &[String],
    folders: &mut HashMap<String, Folder>,
) -> Result<(), GitError> {
    let unreadable = |detail: &str| run::unreadable("cat-file", repo.root(), detail);
    let asked = names.join("\n") + "\n";
    let answer = within()
        .args(["cat-file", "--batch"])
        .stdin(asked.as_bytes())
        .ok()?;
    let mut rest = &answer[..];
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| unreadable("no header"))?;
        let header = String::from_utf8_lossy(&rest[..end]).into_owned();
        let fields: Vec<&str> = header.split(' ').collect();
        let [name, "tree", size] = fields[..] else {
            return Err(unreadable(&header));
        };
        let size: usize = size.parse().map_err(|_| unreadable(&header))?;
        let content = rest
            .get(end + 1..end + 1 + size)
            .ok_or_else(|| unreadable(&header))?;
        let folder = parse(content, name.len() / 2).ok_or_else(|| unreadable(&header))?;
        folders.insert(name.to_owned(), folder);
        rest = rest.get(end + 2 + size..).unwrap_or_default();
    }
    Ok(())
}

/// Reads git's own form of a tree: mode, space, name, NUL, and the object's name in bytes.
fn parse(mut content: &[u8], hash_bytes: usize) -> Option<Folder> {
    let mut folder = Folder::default();
    while !content.is_empty() {
        let space = content.iter().position(|byte| *byte == b' ')?;
        let nul = content.iter().position(|byte| *byte == 0)?;
        let hash = content.get(nul + 1..nul + 1 + hash_bytes)?;
        // Git takes any mode with the bits of a folder for one and its checks only warn: what git itself would not write is
        // not counted but refused.
        match &content[..space] {
            b"40000" | b"040000" => folder.folders.push(hex::encode(hash)),
            b"100644" | b"100755" | b"100664" | b"120000" | b"160000" => folder.files += 1,
            _ => return None,
        }
        content = &content[nul + 1 + hash_bytes..];
    }
    Some(folder)
}

/// For the fuzz target: what holds of any bytes of a tree.
///
/// # Panics
/// When it is read as holding more than its bytes can.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge_tree(bytes: &[u8]) {
    for hash_bytes in [20, 32] {
        let Some(folder) = parse(bytes, hash_bytes) else {
            continue;
        };
        let entries = folder.files + folder.folders.len() as u64;
        assert!(entries * (hash_bytes as u64 + 7) <= bytes.len() as u64);
        assert!(
            folder
                .folders
                .iter()
                .all(|name| name.len() == 2 * hash_bytes)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: u64, folders: &[&str]) -> Folder {
        Folder {
            files,
            folders: folders.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn folders_are_counted_as_often_as_they_are_named() {
        let mut folders: HashMap<String, Folder> = HashMap::new();
        folders.insert("0".to_owned(), folder(10, &[]));
        for level in 1..30u32 {
            let inner = (level - 1).to_string();
            folders.insert(
                level.to_string(),
                folder(0, &[&inner; 10].map(String::as_str)),
            );
        }
        let mut sizes = HashMap::new();
        assert_eq!(
            measure("3", &folders, &mut sizes),
            Ok(Size {
                files: 10_000,
                depth: 4
            })
        );
        assert_eq!(
            measure("29", &folders, &mut sizes).map(|size| size.files),
            Ok(u64::MAX)
        );
        folders.insert("top".to_owned(), folder(0, &["gone"]));
        assert!(measure("top", &folders, &mut sizes).is_err());
    }

    #[test]
    fn nesting_beyond_any_stack_is_measured() {
        let mut folders = HashMap::from([("0".to_owned(), folder(1, &[]))]);
        for level in 1..200_000u32 {
            folders.insert(level.to_string(), folder(0, &[&(level - 1).to_string()]));
        }
        let size = measure("199999", &folders, &mut HashMap::new());
        assert_eq!(
            size,
            Ok(Size {
                files: 1,
                depth: 200_000
            })
        );
    }

    #[test]
    fn a_tree_is_read_in_gits_own_form() {
        let hash = [7u8; 20];
        let content = [
            b"100644 a b\0".as_slice(),
            &hash,
            b"40000 dir\0",
            &hash,
            b"160000 sub\0",
            &hash,
        ]
        .concat();
        let read = parse(&content, 20).expect("well-formed");
        assert_eq!((read.files, read.folders), (2, vec!["07".repeat(20)]));
        assert_eq!(parse(&content[..content.len() - 1], 20), None);
        assert_eq!(parse(b"nonsense", 20), None);
    }
}
