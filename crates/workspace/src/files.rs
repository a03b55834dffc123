//! Folders that strangers filled: copying, handing over and removing them without ever following a symlink.
//!
//! The caller makes sure that nothing of the stranger runs meanwhile (a cage has ended everything when it returns); what is
//! defended against here is what it left behind: symlinks, unreadable modes, depth, sockets, devices, setuid bits.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Most entries of one copied or measured folder. A large `node_modules` has some 300,000.
pub const ENTRIES_MAX: u64 = 3_000_000;

/// A file operation that failed, with what was tried on what.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}: {source}")]
pub struct FileError {
    pub what: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn on(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
        let path = path.to_path_buf();
        move |source| FileError { what, path, source }
    }

    /// Whether there was no room for it: on the disk, or in what its owner may have of it.
    pub fn is_full(&self) -> bool {
        is_full(&self.source)
    }
}

/// Whether the system says that there is no room left: bytes or names of the disk, or what its owner may have of them.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Beginning of the name of every scratch folder, so that those of killed processes are found again.
const SCRATCH: &str = "alai-scratch-";

/// A scratch folder without a holder is left alone for this long: its maker may be about to lock it.
const SCRATCH_AGE_S: u64 = 60;

/// A private folder for the length of one step, below the system's temporary folder. Removed when dropped; one whose holder
/// was killed is removed by the next process that makes one.
#[derive(Debug)]
pub(crate) struct Scratch {
    dir: tempfile::TempDir,
    /// Held for as long as the folder is in use; the kernel gives it back when we are killed.
    _lock: fs::File,
}

impl Scratch {
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Makes a scratch folder. The first one of a process removes what killed processes left.
pub(crate) fn scratch() -> Result<Scratch, FileError> {
    static SWEPT: std::sync::Once = std::sync::Once::new();
    let temp = std::env::temp_dir();
    SWEPT.call_once(|| sweep(&temp));
    let fail = || FileError::on("make a private folder in", &temp);
    let dir = tempfile::Builder::new()
        .prefix(SCRATCH)
        .tempdir_in(&temp)
        .map_err(fail())?;
    let lock = fs::File::open(dir.path()).map_err(fail())?;
    lock.lock().map_err(fail())?;
    Ok(Scratch { dir, _lock: lock })
}

/// Removes scratch folders of ours that nobody holds. What cannot be looked at or removed is left: it is in nobody's way.
fn sweep(temp: &Path) {
    let us = crate::sys::ids().0;
    for name in list(temp).unwrap_or_default() {
        if !name.to_str().is_some_and(|name| name.starts_with(SCRATCH)) {
            continue;
        }
        let path = temp.join(&name);
        let flags = libc::O_NOFOLLOW | libc::O_DIRECTORY;
        let Ok(file) = fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&path)
        else {
            continue;
        };
        let Ok(found) = file.metadata() else { continue };
        let age = found.modified().ok().and_then(|time| time.elapsed().ok());
        let is_old = age.is_some_and(|age| age.as_secs() >= SCRATCH_AGE_S);
        if found.uid() == us && is_old && file.try_lock().is_ok() {
            let _ = remove(&path);
        }
    }
}

/// Makes a folder that only we may enter. It must not exist.
///
/// # Errors
/// When it exists or cannot be made.
pub fn private_dir(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(FileError::on("make the private folder", path))
}

/// Makes a folder and its parents, each for us alone; those that exist stay as they are.
///
/// # Errors
/// When one cannot be made.
pub fn private_dir_all(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder
        .mode(0o700)
        .recursive(true)
        .create(path)
        .map_err(FileError::on("make the private folder", path))
}

/// Writes a file so that a reader sees the old or the new text, never half of one, also after a power cut.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_unsettled(path, bytes)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// The same for one of many files of a folder: a power cut before the folder's [`sync_dir`] may lose the file or its new text,
/// and never leaves half of one.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_unsettled(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    use std::io::Write;
    let fail = |what| FileError::on(what, path);
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(fail("write beside"))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(fail("write"))?;
    file.persist(path)
        .map_err(|error| fail("replace")(error.error))?;
    Ok(())
}

/// The same for what can be made again: a power cut may leave an empty or half a file, so a reader checks what it reads. The file
/// that was written stays open for reading, whatever takes its name later.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_cache(path: &Path, bytes: &[u8]) -> Result<fs::File, FileError> {
    use std::io::Write;
    let fail = |what| FileError::on(what, path);
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(fail("write beside"))?;
    file.write_all(bytes).map_err(fail("write"))?;
    file.persist(path)
        .map_err(|error| fail("replace")(error.error))
}

/// Opens a plain file, and no link to one: whoever opens a pipe waits for its other end.
///
/// # Errors
/// As the system says it, and for what is no plain file.
pub fn open_plain(path: &Path, options: &mut fs::OpenOptions) -> std::io::Result<fs::File> {
    let file = options
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::Error::other("it is no plain file")),
    }
}

/// What changes with every writing or renaming of a file, and with every entry of a folder that comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub inode: u64,
    /// Seconds and nanoseconds of its last change, of whatever kind.
    pub changed: (i64, i64),
    pub is_file: bool,
}

/// The mark of what lies below a folder in which strangers worked: through no link and into no other file system. `None` where there
/// is no such thing.
pub fn mark_below(root: &Path, path: &Path) -> Option<Mark> {
    use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open(root, folder, Mode::empty()).ok()?;
    let how = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = openat2(&root, path, flags, Mode::empty(), how).ok()?;
    let seen = fstat(&found).ok()?;
    #[allow(
        clippy::unnecessary_cast,
        reason = "the width of these differs by platform"
    )]
    Some(Mark {
        inode: seen.st_ino as u64,
        changed: (seen.st_ctime as i64, seen.st_ctime_nsec as i64),
        is_file: FileType::from_raw_mode(seen.st_mode) == FileType::RegularFile,
    })
}

/// Makes the names in a folder survive a power cut.
///
/// # Errors
/// When the folder cannot be opened.
pub fn sync_dir(dir: &Path) -> Result<(), FileError> {
    fs::File::open(dir)
        .and_then(|file| file.sync_all())
        .map_err(FileError::on("sync the folder", dir))
}

/// Gives a file or a whole folder to another owner; symlinks themselves, never what they point at. A file that has names
/// elsewhere stays ours: it is shared with others, who are to find it as it was.
///
/// # Errors
/// When an entry cannot be read or given, for example without the right to.
pub fn give_to(path: &Path, owner: Option<(u32, u32)>) -> Result<(), FileError> {
    let Some((uid, gid)) = owner else {
        return Ok(());
    };
    let mut waiting = vec![path.to_path_buf()];
    while let Some(path) = waiting.pop() {
        let found = fs::symlink_metadata(&path).map_err(FileError::on("look at", &path))?;
        if found.is_file() && found.nlink() > 1 {
            continue;
        }
        std::os::unix::fs::lchown(&path, Some(uid), Some(gid))
            .map_err(FileError::on("give away", &path))?;
        if found.is_dir() {
            waiting.extend(list(&path)?.into_iter().map(|name| path.join(name)));
        }
    }
    Ok(())
}

/// Gives what belongs to one user below `path` to another, and leaves what is anybody else's. For a tree in which nobody
/// works any more; a no-op for the same user.
///
/// # Errors
/// When an entry cannot be looked at or given away.
pub fn hand_on(path: &Path, from: u32, to: (u32, u32)) -> Result<(), FileError> {
    let mut waiting = vec![path.to_path_buf()];
    while let Some(path) = waiting.pop() {
        let found = fs::symlink_metadata(&path).map_err(FileError::on("look at", &path))?;
        if found.uid() == from {
            chown(&path, Some(to))?;
        }
        if found.is_dir() {
            waiting.extend(list(&path)?.into_iter().map(|name| path.join(name)));
        }
    }
    Ok(())
}

/// Copies a file, a symlink or a whole folder to `to`, which must not exist. Contents are cloned where the file system can
/// (copy-on-write), else copied; never hard-linked. Modes lose setuid, setgid and sticky; modification times of files and
/// folders are kept, because build tools compare them; sockets, pipes and devices are left out.
///
/// # Errors
/// When an entry cannot be read or written, or beyond [`ENTRIES_MAX`] entries.
pub fn copy(from: &Path, to: &Path, owner: Option<(u32, u32)>) -> Result<(), FileError> {
    let mut waiting = vec![(from.to_path_buf(), to.to_path_buf())];
    // Folders get their mode and time when they are full: a read-only one could not be filled, and filling changes its time.
    let mut folders = Vec::new();
    let mut entries = 0u64;
    while let Some((from, to)) = waiting.pop() {
        entries += 1;
        if entries > ENTRIES_MAX {
            let source = io::Error::other(format!("it has more than {ENTRIES_MAX} entries"));
            return Err(FileError::on("copy", &from)(source));
        }
        let found = fs::symlink_metadata(&from).map_err(FileError::on("look at", &from))?;
        let kind = found.file_type();
        if kind.is_dir() {
            private_dir(&to)?;
            waiting.extend(
                list(&from)?
                    .into_iter()
                    .map(|name| (from.join(&name), to.join(&name))),
            );
            folders.push((to, found));
            continue;
        }
        if kind.is_symlink() {
            let target = fs::read_link(&from).map_err(FileError::on("read the link", &from))?;
            std::os::unix::fs::symlink(&target, &to)
                .map_err(FileError::on("make the link", &to))?;
        } else if kind.is_file() {
            copy_file(&from, &to, &found)?;
        } else {
            continue;
        }
        chown(&to, owner)?;
    }
    for (folder, found) in folders.into_iter().rev() {
        chown(&folder, owner)?;
        let times = times(&found);
        // Opened before the mode is set: the mode may forbid even its owner to read it.
        let file = fs::File::open(&folder).map_err(FileError::on("open", &folder))?;
        file.set_times(times)
            .map_err(FileError::on("set the time of", &folder))?;
        file.set_permissions(mode(&found))
            .map_err(FileError::on("set the mode of", &folder))?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, found: &fs::Metadata) -> Result<(), FileError> {
    let mut source = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(from)
        .map_err(FileError::on("open", from))?;
    let mut target = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(FileError::on("make", to))?;
    // On Linux this is copy_file_range(2), which shares the blocks where the file system can.
    io::copy(&mut source, &mut target).map_err(FileError::on("copy", from))?;
    target
        .set_times(times(found))
        .map_err(FileError::on("set the time of", to))?;
    target
        .set_permissions(mode(found))
        .map_err(FileError::on("set the mode of", to))
}

fn times(found: &fs::Metadata) -> FileTimes {
    let times = FileTimes::new();
    match found.modified() {
        Ok(modified) => times.set_modified(modified),
        Err(_) => times,
    }
}

fn mode(found: &fs::Metadata) -> Permissions {
    Permissions::from_mode(found.mode() & 0o777)
}

fn chown(path: &Path, owner: Option<(u32, u32)>) -> Result<(), FileError> {
    match owner {
        Some((uid, gid)) => std::os::unix::fs::lchown(path, Some(uid), Some(gid))
            .map_err(FileError::on("give away", path)),
        None => Ok(()),
    }
}

/// Removes a file, a symlink or a folder with all that is in it. What does not exist is removed already.
///
/// Works without recursion and without long paths: every folder found is first opened to us, then moved to the top, so that
/// ten thousand nested folders are ten thousand neighbours.
///
/// # Errors
/// When something cannot be removed, for example an immutable file.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::on("look at", path)(error)),
        Ok(found) if !found.is_dir() => {
            return fs::remove_file(path).map_err(FileError::on("remove", path));
        }
        Ok(_) => {}
    }
    let mut number = 0u64;
    let mut waiting = Vec::new();
    empty(path, path, &mut waiting, &mut number)?;
    while let Some(folder) = waiting.pop() {
        empty(&folder, path, &mut waiting, &mut number)?;
        fs::remove_dir(&folder).map_err(FileError::on("remove the folder", &folder))?;
    }
    fs::remove_dir(path).map_err(FileError::on("remove the folder", path))
}

/// Removes the files of one folder and moves its folders to `top`.
fn empty(
    folder: &Path,
    top: &Path,
    waiting: &mut Vec<PathBuf>,
    number: &mut u64,
) -> Result<(), FileError> {
    open_up(folder)?;
    for name in list(folder)? {
        let path = folder.join(&name);
        let found = fs::symlink_metadata(&path).map_err(FileError::on("look at", &path))?;
        if !found.is_dir() {
            fs::remove_file(&path).map_err(FileError::on("remove", &path))?;
            continue;
        }
        // Moving a folder to another parent needs the right to write in it.
        open_up(&path)?;
        let moved = loop {
            *number += 1;
            let candidate = top.join(format!(".alai-removing-{number}"));
            if candidate == path {
                break candidate;
            }
            match fs::rename(&path, &candidate) {
                Ok(()) => break candidate,
                // Somebody used our name: a leftover of a removal that was killed, or a stranger's joke.
                Err(_) if candidate.symlink_metadata().is_ok() => {}
                Err(error) => return Err(FileError::on("move", &path)(error)),
            }
        };
        waiting.push(moved);
    }
    Ok(())
}

/// Lets us into a folder whatever its mode says, through a handle, so that a symlink in its place changes nothing.
fn open_up(folder: &Path) -> Result<(), FileError> {
    let fail = || FileError::on("open up", folder);
    let handle = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_NOFOLLOW | libc::O_DIRECTORY)
        .open(folder)
        .map_err(fail())?;
    let found = handle.metadata().map_err(fail())?;
    if found.mode() & 0o700 == 0o700 {
        return Ok(());
    }
    use std::os::fd::AsRawFd;
    // A handle of this kind has no fchmod(2); its name in /proc leads to exactly this folder.
    let through = format!("/proc/self/fd/{}", handle.as_raw_fd());
    fs::set_permissions(through, Permissions::from_mode(0o700)).map_err(fail())
}

/// Moves `relative` from below one folder to the same place below another, on the same file system.
///
/// # Errors
/// When it is not reached by plain folders, or cannot be moved.
pub(crate) fn shift(from: &Path, to: &Path, relative: &str) -> Result<(), FileError> {
    let odd = |top: &Path| {
        FileError::on("move", &top.join(relative))(io::Error::other(
            "it is not below plain folders",
        ))
    };
    let source = beneath(from, relative).ok_or_else(|| odd(from))?;
    make_parents(to, relative)?;
    let target = beneath(to, relative).ok_or_else(|| odd(to))?;
    if fs::symlink_metadata(&source).is_ok_and(|found| found.is_dir()) {
        // Moving a folder to another parent needs the right to write in it.
        open_up(&source)?;
    }
    fs::rename(&source, &target).map_err(FileError::on("move", &source))
}

/// Makes the folders above `relative` below `top`, each for us alone.
///
/// # Errors
/// When one cannot be made, or when something else is in its place.
pub(crate) fn make_parents(top: &Path, relative: &str) -> Result<(), FileError> {
    for (at, _) in relative.match_indices('/') {
        let Some(folder) = beneath(top, &relative[..at]) else {
            let source = io::Error::other("it is not below plain folders");
            return Err(FileError::on("make the folder", &top.join(&relative[..at]))(source));
        };
        if fs::symlink_metadata(&folder).is_err() {
            private_dir(&folder)?;
        }
    }
    Ok(())
}

/// Names in a folder, without `.` and `..`.
pub(crate) fn list(folder: &Path) -> Result<Vec<OsString>, FileError> {
    let read = || -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    };
    read().map_err(FileError::on("list", folder))
}

/// The topmost paths below `top` that hold none of the `known` files: what somebody has added. `.git` is not looked at.
/// Sorted, `/`-separated.
///
/// # Errors
/// When a folder cannot be read, or for an added name that is not UTF-8.
pub(crate) fn added_below(top: &Path, known: &BTreeSet<String>) -> Result<Vec<String>, FileError> {
    let mut folders: BTreeSet<&str> = BTreeSet::new();
    for path in known {
        folders.extend(path.match_indices('/').map(|(at, _)| &path[..at]));
    }
    let mut added = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(folder) = waiting.pop() {
        for name in list(&top.join(&folder))? {
            if folder.is_empty() && name == ".git" {
                continue;
            }
            let Some(name) = name.to_str() else {
                let source = io::Error::other("its name is not UTF-8");
                return Err(FileError::on("keep", &top.join(&folder).join(&name))(
                    source,
                ));
            };
            let path = if folder.is_empty() {
                name.to_owned()
            } else {
                format!("{folder}/{name}")
            };
            let is_dir = fs::symlink_metadata(top.join(&path)).is_ok_and(|found| found.is_dir());
            if is_dir && folders.contains(path.as_str()) {
                waiting.push(path);
            } else if !known.contains(&path) {
                added.push(path);
            }
        }
    }
    added.sort();
    Ok(added)
}

/// Where `relative` lies below `top`, when every folder on the way is a real one. `None` when one is missing, a symlink or
/// not a folder: then writing there could land elsewhere.
pub(crate) fn beneath(top: &Path, relative: &str) -> Option<PathBuf> {
    let mut path = top.to_path_buf();
    let mut parts = relative.split('/').peekable();
    while let Some(part) = parts.next() {
        if matches!(part, "" | "." | "..") {
            return None;
        }
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            return None;
        }
        path.push(part);
        if parts.peek().is_none() {
            return Some(path);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    #[test]
    fn remove_copes_with_modes_depth_and_links_and_follows_none() {
        let dir = folder();
        let outside = dir.path().join("outside");
        fs::create_dir(&outside).expect("made");
        fs::write(outside.join("keep"), "x").expect("written");
        let victim = dir.path().join("victim");
        fs::create_dir_all(victim.join("a/b")).expect("made");
        std::os::unix::fs::symlink(&outside, victim.join("a/link")).expect("linked");
        fs::write(victim.join("a/b/file"), "x").expect("written");
        fs::create_dir(victim.join(".alai-removing-1")).expect("made");
        fs::write(victim.join(".alai-removing-2"), "x").expect("written");
        fs::create_dir(victim.join(".alai-removing-3")).expect("made");
        fs::write(victim.join(".alai-removing-3/x"), "x").expect("written");
        fs::set_permissions(victim.join("a/b"), Permissions::from_mode(0o000)).expect("closed");
        fs::set_permissions(victim.join("a"), Permissions::from_mode(0o500)).expect("closed");
        remove(&victim).expect("removed");
        assert!(!victim.exists());
        assert!(outside.join("keep").is_file());
        remove(&victim).expect("removing nothing is fine");
        std::os::unix::fs::symlink(&outside, dir.path().join("top")).expect("linked");
        remove(&dir.path().join("top")).expect("removed");
        assert!(
            outside.join("keep").is_file(),
            "a symlink at the top is removed, not followed"
        );
    }

    #[test]
    fn remove_copes_with_a_tree_deeper_than_any_path() {
        // Built from the inside out: no single path of 3,000 folders fits the kernel's 4,096 bytes.
        let dir = folder();
        let top = dir.path().join("deep");
        fs::create_dir(&top).expect("made");
        for level in 0..3_000 {
            let next = dir.path().join(format!("next-{level}"));
            fs::create_dir(&next).expect("made");
            fs::rename(&top, next.join("dd")).expect("nested");
            fs::rename(&next, &top).expect("renamed");
        }
        remove(&top).expect("removed");
        assert!(!top.exists());
    }

    #[test]
    fn copy_keeps_links_modes_and_times_and_drops_setuid() {
        let dir = folder();
        let from = dir.path().join("from");
        fs::create_dir_all(from.join("sub")).expect("made");
        fs::write(from.join("sub/tool"), "x").expect("written");
        fs::set_permissions(from.join("sub/tool"), Permissions::from_mode(0o4755)).expect("set");
        std::os::unix::fs::symlink("/etc/passwd", from.join("link")).expect("linked");
        let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).expect("bound");
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        for path in ["sub/tool", "sub"] {
            let file = fs::File::open(from.join(path)).expect("opened");
            file.set_times(FileTimes::new().set_modified(old))
                .expect("set");
        }
        fs::set_permissions(from.join("sub"), Permissions::from_mode(0o555)).expect("set");
        let to = dir.path().join("to");
        copy(&from, &to, None).expect("copied");
        let tool = fs::metadata(to.join("sub/tool")).expect("there");
        assert_eq!(tool.mode() & 0o7777, 0o755);
        assert_eq!(tool.modified().expect("a time"), old);
        let sub = fs::metadata(to.join("sub")).expect("there");
        assert_eq!(
            (sub.mode() & 0o7777, sub.modified().expect("a time")),
            (0o555, old)
        );
        assert_eq!(
            fs::read_link(to.join("link")).expect("a link"),
            Path::new("/etc/passwd")
        );
        assert!(!to.join("socket").exists());
        let first = fs::metadata(from.join("sub/tool")).expect("there");
        assert_ne!(
            first.ino(),
            tool.ino(),
            "a hard link would let a run write into the cache"
        );
        assert!(
            copy(&from, &to, None).is_err(),
            "an existing target is never written into"
        );
    }

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_is_held_is_not() {
        let dir = folder();
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * SCRATCH_AGE_S);
        let make = |name: &str, time: Option<std::time::SystemTime>| {
            let path = dir.path().join(name);
            fs::create_dir(&path).expect("made");
            fs::write(path.join("pack"), "x").expect("written");
            let file = fs::File::open(&path).expect("opened");
            if let Some(time) = time {
                file.set_modified(time).expect("set");
            }
            (path, file)
        };
        let (left, _) = make("alai-scratch-left", Some(old));
        let (held, holder) = make("alai-scratch-held", Some(old));
        holder.lock().expect("held");
        let (new, _) = make("alai-scratch-new", None);
        let (other, _) = make("somebody-else", Some(old));
        sweep(dir.path());
        assert!(!left.exists() && held.exists() && new.exists() && other.exists());
    }

    #[test]
    fn added_below_names_the_topmost_new_paths() {
        let dir = folder();
        for path in [
            "src/a.rs",
            "web/package.json",
            "web/node_modules/x/y",
            "node_modules/z",
            ".git/HEAD",
            "new.lock",
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "x").expect("written");
        }
        let known = ["src/a.rs", "web/package.json"].map(str::to_owned).into();
        let added = added_below(dir.path(), &known).expect("listed");
        assert_eq!(added, ["new.lock", "node_modules", "web/node_modules"]);
    }

    #[test]
    fn beneath_never_crosses_a_symlink() {
        let dir = folder();
        fs::create_dir(dir.path().join("real")).expect("made");
        std::os::unix::fs::symlink("/", dir.path().join("link")).expect("linked");
        assert_eq!(
            beneath(dir.path(), "real/x"),
            Some(dir.path().join("real/x"))
        );
        for bad in [
            "link/x",
            "missing/x",
            "../x",
            "real/../x",
            "",
            "/x",
            "real//x",
        ] {
            assert_eq!(beneath(dir.path(), bad), None, "{bad}");
        }
    }
}
