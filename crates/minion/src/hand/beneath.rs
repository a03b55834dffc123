//! Opens files beneath one directory and nowhere else.
//!
//! Every open goes through `openat2(2)` with `RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS`: the kernel refuses `..` above the
//! root, absolute names, symbolic links that lead out and the links of `/proc` in the same step that resolves them, so
//! there is no time between check and use. Writing also refuses every symbolic link (`RESOLVE_NO_SYMLINKS`): what is
//! allowed by its name must be what is written.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::wire::{FILE_BYTES_MAX, Refusal, RefusalKind};

/// The directory that everything is opened beneath.
pub(crate) struct Root {
    dir: OwnedFd,
    /// Its name inside the cage: models give absolute names, and those beneath it are understood.
    name: String,
}

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    File {
        /// As `stat` gives it.
        mode: u32,
    },
    Link,
    /// A directory, a pipe, a device.
    Other,
}

/// A file's new content, beside its place and not in it yet. Dropping it takes it away.
pub(crate) struct Staged {
    dir: OwnedFd,
    temp: String,
    name: String,
    path: String,
}

impl Staged {
    /// Puts it in its place in one step.
    pub(crate) fn put(self) -> Result<(), Refusal> {
        rustix::fs::renameat(&self.dir, self.temp.as_str(), &self.dir, self.name.as_str())
            .map_err(|e| system("write", &self.path, &e.into()))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Gone already when it was put in its place.
        let _ = rustix::fs::unlinkat(&self.dir, self.temp.as_str(), AtFlags::empty());
    }
}

/// Bytes of a path; Linux's own PATH_MAX.
const PATH_BYTES_MAX: usize = 4096;

impl Root {
    pub(crate) fn open(path: &Path) -> std::io::Result<Root> {
        let dir = rustix::fs::open(
            path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        Ok(Root {
            dir,
            name: path.to_string_lossy().into_owned(),
        })
    }

    /// The path relative to the root, cleaned of what changes nothing. Never resolves `..` by text.
    pub(crate) fn relative<'p>(&self, path: &'p str) -> Result<std::borrow::Cow<'p, str>, Refusal> {
        let trimmed = path.trim();
        if trimmed.is_empty() {
            return Err(Refusal::new(
                RefusalKind::Outside,
                "the path is empty; give a path relative to the repository",
            ));
        }
        if trimmed.contains('\0') || trimmed.len() > PATH_BYTES_MAX {
            return Err(Refusal::new(
                RefusalKind::Outside,
                "that is not a path: it holds a NUL byte or is longer than 4096 bytes",
            ));
        }
        let inside = trimmed
            .strip_prefix(self.name.as_str())
            .filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let relative = match inside {
            Some(rest) => rest.trim_start_matches('/'),
            None if trimmed.starts_with('/') => return Err(outside(trimmed)),
            None => trimmed,
        };
        let parts: Vec<&str> = relative
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        Ok(if parts.is_empty() {
            ".".into()
        } else {
            parts.join("/").into()
        })
    }

    /// Opens a regular file for reading; a pipe or a device is refused before it can block or act.
    pub(crate) fn file(&self, path: &str) -> Result<File, Refusal> {
        let relative = self.relative(path)?;
        // Without O_NONBLOCK the open of a pipe would wait for a writer for ever.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        // A device acts when it is opened, so its kind is looked at through a descriptor that opens nothing.
        let look = self
            .resolve(
                &relative,
                OFlags::PATH | OFlags::CLOEXEC,
                ResolveFlags::empty(),
            )
            .map_err(|e| refused(path, e))?;
        regular(path, &look)?;
        let fd = self
            .resolve(&relative, flags, ResolveFlags::empty())
            .map_err(|e| refused(path, e))?;
        regular(path, &fd)?;
        Ok(File::from(fd))
    }

    /// Bytes of a regular file, of which none is read.
    pub(crate) fn length(&self, path: &str) -> Result<u64, Refusal> {
        let known = self.file(path)?.metadata();
        Ok(known.map_err(|e| system("look at", path, &e))?.len())
    }

    /// The whole of a regular file up to [`FILE_BYTES_MAX`].
    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        let file = self.file(path)?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| system("read", path, &e))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(Refusal::new(
                RefusalKind::TooLarge,
                format!(
                    "{path} is larger than {FILE_BYTES_MAX} bytes; look at parts of it with `run` (sed -n, head, grep)"
                ),
            ));
        }
        Ok(bytes)
    }

    /// Replaces or creates a file in one step, making its parent directories. An existing file keeps its mode.
    pub(crate) fn replace(&self, path: &str, content: &[u8]) -> Result<(), Refusal> {
        self.stage(path, content, None, 0)?.put()
    }

    /// Lays a file's new content beside its place, making its parent directories. It gets this mode, else the one that an
    /// existing file has. `number` tells the files apart that lie ready at the same time.
    pub(crate) fn stage(
        &self,
        path: &str,
        content: &[u8],
        mode: Option<u32>,
        number: usize,
    ) -> Result<Staged, Refusal> {
        let relative = self.relative(path)?;
        let (parent, name) = split(path, &relative)?;
        let dir = self.directory(path, parent)?;
        let own = match rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                Mode::from_raw_mode(stat.st_mode)
            }
            Ok(_) => return Err(not_a_file(path)),
            Err(Errno::NOENT) => Mode::from_raw_mode(0o644),
            Err(e) => return Err(refused(path, e)),
        };
        let temp = format!(".alai-{}-{number}.tmp", std::process::id());
        let _ = rustix::fs::unlinkat(&dir, temp.as_str(), AtFlags::empty());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = rustix::fs::openat(&dir, temp.as_str(), flags, Mode::from_raw_mode(0o600))
            .map_err(|e| refused(path, e))?;
        let staged = Staged {
            dir,
            temp,
            name: name.to_owned(),
            path: path.to_owned(),
        };
        let mode = mode.map_or(own, Mode::from_raw_mode);
        let mut file = File::from(fd);
        file.write_all(content)
            .and_then(|()| rustix::fs::fchmod(file.as_fd(), mode).map_err(Into::into))
            .map_err(|e| system("write", path, &e))?;
        Ok(staged)
    }

    /// Takes a file or a link out of the tree; a link by its own name, never what it leads to.
    pub(crate) fn remove(&self, path: &str) -> Result<(), Refusal> {
        let relative = self.relative(path)?;
        let (parent, name) = split(path, &relative)?;
        let parent = if parent.is_empty() { "." } else { parent };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = self
            .resolve(parent, flags, ResolveFlags::NO_SYMLINKS)
            .map_err(|e| refused(path, e))?;
        rustix::fs::unlinkat(&dir, name, AtFlags::empty()).map_err(|e| refused(path, e))
    }

    /// Refuses, by its name alone, a path that may never be written; gives it clean.
    pub(crate) fn writable(&self, path: &str) -> Result<String, Refusal> {
        let relative = self.relative(path)?;
        split(path, &relative)?;
        Ok(relative.into_owned())
    }

    /// What a name of the tree is, without following a link on the way or at its end.
    pub(crate) fn entry(&self, path: &str) -> Result<Option<Entry>, Refusal> {
        let relative = self.relative(path)?;
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = match self.resolve(&relative, flags, ResolveFlags::NO_SYMLINKS) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(refused(path, e)),
        };
        let stat = rustix::fs::fstat(&fd).map_err(|e| refused(path, e))?;
        Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Entry::File { mode: stat.st_mode },
            FileType::Symlink => Entry::Link,
            FileType::Directory
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Entry::Other,
        }))
    }

    /// Whether a path exists, whatever it is. A path that may not be looked at counts as existing.
    pub(crate) fn exists(&self, path: &str) -> Result<bool, Refusal> {
        let relative = self.relative(path)?;
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        match self.resolve(&relative, flags, ResolveFlags::empty()) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(e) => Err(refused(path, e)),
        }
    }

    /// Refuses a path that does not stay beneath the root; for walks that start there.
    pub(crate) fn check(&self, path: &str) -> Result<String, Refusal> {
        let relative = self.relative(path)?;
        self.resolve(
            &relative,
            OFlags::PATH | OFlags::CLOEXEC,
            ResolveFlags::NO_SYMLINKS,
        )
        .map_err(|e| refused(path, e))?;
        Ok(relative.into_owned())
    }

    /// Opens the directory, making the missing ones on the way.
    fn directory(&self, path: &str, parent: &str) -> Result<OwnedFd, Refusal> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut dir = self
            .resolve(".", flags, ResolveFlags::NO_SYMLINKS)
            .map_err(|e| refused(path, e))?;
        for part in parent.split('/').filter(|part| !part.is_empty()) {
            let open = |dir: &OwnedFd| {
                let how =
                    ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
                rustix::fs::openat2(dir, part, flags, Mode::empty(), how)
            };
            dir = match open(&dir) {
                Ok(next) => next,
                Err(Errno::NOENT) => {
                    rustix::fs::mkdirat(&dir, part, Mode::from_raw_mode(0o755))
                        .map_err(|e| refused(path, e))?;
                    open(&dir).map_err(|e| refused(path, e))?
                }
                Err(e) => return Err(refused(path, e)),
            };
        }
        Ok(dir)
    }

    fn resolve(&self, relative: &str, flags: OFlags, more: ResolveFlags) -> Result<OwnedFd, Errno> {
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | more;
        rustix::fs::openat2(&self.dir, relative, flags, Mode::empty(), how)
    }
}

/// Parent and name of a path to write; `..` and git's own directory are refused by name.
fn split<'p>(path: &str, relative: &'p str) -> Result<(&'p str, &'p str), Refusal> {
    let mut parts = relative.split('/');
    if parts.any(|part| part == "..") {
        return Err(outside(path));
    }
    // Names that a file system without case, or HFS+, would take for `.git` are refused by git itself when it commits.
    if relative
        .split('/')
        .any(|part| part.eq_ignore_ascii_case(".git"))
    {
        return Err(Refusal::new(
            RefusalKind::Outside,
            format!("{path} belongs to git; change files of the project only"),
        ));
    }
    let (parent, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    if name == "." {
        return Err(not_a_file(path));
    }
    Ok((parent, name))
}

fn regular(path: &str, fd: &impl AsFd) -> Result<(), Refusal> {
    let stat = rustix::fs::fstat(fd).map_err(|e| refused(path, e))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        Ok(())
    } else {
        Err(not_a_file(path))
    }
}

pub(crate) fn not_a_file(path: &str) -> Refusal {
    Refusal::new(
        RefusalKind::NotAFile,
        format!(
            "{path} is not a regular file (a directory, a link, a pipe or a device); give the path of a file"
        ),
    )
}

pub(crate) fn missing(path: &str) -> Refusal {
    Refusal::new(
        RefusalKind::Missing,
        format!("{path} does not exist; use `search` to find the right path"),
    )
}

fn outside(path: &str) -> Refusal {
    Refusal::new(
        RefusalKind::Outside,
        format!(
            "{path} leads out of the repository; only files of the repository can be opened, by relative path"
        ),
    )
}

fn refused(path: &str, error: Errno) -> Refusal {
    match error {
        Errno::XDEV => outside(path),
        Errno::LOOP => Refusal::new(
            RefusalKind::NotAFile,
            format!("{path} is or passes through a symbolic link; name the real file instead"),
        ),
        Errno::NOENT | Errno::NOTDIR => missing(path),
        Errno::ISDIR | Errno::NXIO => not_a_file(path),
        other => system("open", path, &other.into()),
    }
}

pub(crate) fn system(what: &str, path: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(
        RefusalKind::System,
        format!("could not {what} {path}: {error}"),
    )
}
