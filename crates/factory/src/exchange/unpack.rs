//! Reads an archive that a stranger made, into memory and bounded at every byte, or refuses it with the entry's name.

use std::io::{self, Read};

use alai_core::parcel::{
    self, BYTES_MAX, FILE_BYTES_MAX, FILES_MAX, FORMAT, Files, MANIFEST, Manifest, name_problem,
};
use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};
use tar::{Archive, Entry};

use super::{ExchangeError, clean};

/// Bytes of the file itself: an honest one is a tenth of what is in it.
pub const ARCHIVE_BYTES_MAX: u64 = BYTES_MAX as u64;
/// What an archive unpacks to besides its files: a head and a filling for each, the manifest, the blocks at its end.
const AROUND_BYTES_MAX: usize = FILES_MAX * 1024 + 2 * FILE_BYTES_MAX;
/// Bits of a mode that make a file a program or more.
const ACTING_MODE: u32 = 0o7111;

/// A pack that was read and is whole. Nothing of it is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    pub manifest: Manifest,
    pub files: Files,
}

/// Reads an archive.
///
/// # Errors
/// When it is not exactly what [`super::export`] writes: plain files of a pack in their bounds, each with its hash, and no secret in them.
pub fn unpack(archive: &[u8]) -> Result<Parcel, ExchangeError> {
    let refused = ExchangeError::archive;
    let bounded = Bounded {
        inner: GzDecoder::new(archive),
        left: BYTES_MAX + AROUND_BYTES_MAX,
    };
    let mut tar = Archive::new(bounded);
    let mut manifest: Option<Manifest> = None;
    let mut files = Files::new();
    let mut bytes = 0;
    let entries = tar.entries().map_err(|e| broken(&e))?;
    // Raw: a long name or an extended head is an entry of its own here, and refused, before it can name another.
    for entry in entries.raw(true) {
        let mut entry = entry.map_err(|e| broken(&e))?;
        let path = plain(&entry)?;
        let text = text(&mut entry, &path)?;
        let Some(manifest) = &manifest else {
            manifest = Some(read_manifest(&path, &text)?);
            continue;
        };
        let inside = path
            .strip_prefix(&manifest.name)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(|| {
                let name = &manifest.name;
                refused(format!("`{path}` is not below its folder `{name}/`"))
            })?;
        if let Some(why) = name_problem(inside) {
            return Err(refused(format!("`{path}`: {why}")));
        }
        bytes += text.len();
        if files.len() >= FILES_MAX || bytes > BYTES_MAX {
            return Err(refused(format!(
                "it holds more than {FILES_MAX} files or {BYTES_MAX} bytes"
            )));
        }
        if files.contains_key(inside) {
            return Err(refused(format!("`{path}` is in it twice")));
        }
        files.insert(inside.to_owned(), text);
    }
    nothing_behind(tar.into_inner())?;
    let manifest = manifest.ok_or_else(|| refused(format!("it has no {MANIFEST}")))?;
    let parcel = Parcel { manifest, files };
    parcel.check()?;
    Ok(parcel)
}

fn broken(error: &io::Error) -> ExchangeError {
    ExchangeError::archive(format!("it cannot be read as .tar.gz: {error}"))
}

/// The path of an entry that is a plain file and no more.
fn plain(entry: &Entry<'_, impl Read>) -> Result<String, ExchangeError> {
    let header = entry.header();
    let bytes = entry.path_bytes();
    let path = String::from_utf8_lossy(&bytes).into_owned();
    let refused = |why: &str| Err(ExchangeError::archive(format!("`{path}`: {why}")));
    if std::str::from_utf8(&bytes).is_err() {
        return refused("its name is not UTF-8");
    }
    let kind = header.entry_type();
    if kind.is_symlink() || kind.is_hard_link() {
        return refused("a pack holds no links");
    }
    if kind.is_character_special() || kind.is_block_special() || kind.is_fifo() {
        return refused("a pack holds no devices and no pipes");
    }
    if !kind.is_file() {
        return refused("it is no plain file; `alai company export` writes nothing else");
    }
    match header.mode() {
        Ok(mode) if mode & ACTING_MODE == 0 => {}
        Ok(_) => return refused("it is executable, and a pack holds no programs"),
        Err(_) => return refused("its mode cannot be read"),
    }
    match header.entry_size() {
        Ok(size) if size <= FILE_BYTES_MAX as u64 => Ok(path),
        Ok(size) => {
            let why = format!("it has {size} bytes; at most {FILE_BYTES_MAX} are read");
            refused(&why)
        }
        Err(_) => refused("its size cannot be read"),
    }
}

fn text(entry: &mut Entry<'_, impl Read>, path: &str) -> Result<String, ExchangeError> {
    let size = entry.header().entry_size().map_err(|e| broken(&e))?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|e| broken(&e))?;
    if bytes.len() as u64 != size {
        return Err(ExchangeError::archive(format!("`{path}` is cut off")));
    }
    String::from_utf8(bytes).map_err(|_| {
        ExchangeError::archive(format!("`{path}` is no text; a pack holds nothing else"))
    })
}

fn read_manifest(path: &str, text: &str) -> Result<Manifest, ExchangeError> {
    let refused = ExchangeError::archive;
    if path != MANIFEST {
        let why = format!("its first file is `{path}` and not {MANIFEST}");
        return Err(refused(why));
    }
    let manifest: Manifest =
        serde_json::from_str(text).map_err(|e| refused(format!("{MANIFEST}: {e}")))?;
    if manifest.format != FORMAT {
        let format = manifest.format;
        return Err(refused(format!(
            "{MANIFEST}: format {format} is not known; this alai reads format {FORMAT}"
        )));
    }
    match parcel::company_name_problem(&manifest.name) {
        Some(why) => Err(refused(format!("{MANIFEST}: `{}`: {why}", manifest.name))),
        None => Ok(manifest),
    }
}

/// Behind the end of the archive stands filling and nothing else: what one reader does not see, another might.
fn nothing_behind(mut rest: Bounded<GzDecoder<&[u8]>>) -> Result<(), ExchangeError> {
    let mut behind = Vec::new();
    rest.read_to_end(&mut behind).map_err(|e| broken(&e))?;
    if behind.iter().any(|byte| *byte != 0) || !rest.inner.into_inner().is_empty() {
        return Err(ExchangeError::archive("there is more behind its end"));
    }
    Ok(())
}

impl Parcel {
    fn check(&self) -> Result<(), ExchangeError> {
        let refused = ExchangeError::archive;
        if let Some((a, b)) = parcel::collision(self.files.keys().map(String::as_str)) {
            return Err(refused(format!(
                "`{a}` and `{b}` are one name on some systems"
            )));
        }
        let listed = &self.manifest.files;
        if let Some(path) = listed.keys().find(|path| !self.files.contains_key(*path)) {
            return Err(refused(format!(
                "`{path}` is in {MANIFEST} and not in the archive"
            )));
        }
        for (path, text) in &self.files {
            let Some(hash) = listed.get(path) else {
                return Err(refused(format!("`{path}` is not in {MANIFEST}")));
            };
            if *hash != hex::encode(Sha256::digest(text.as_bytes())) {
                return Err(refused(format!(
                    "`{path}` is not what {MANIFEST} says (SHA-256)"
                )));
            }
            if let Some((line, what)) = parcel::hidden(text) {
                return Err(refused(format!("`{path}`: line {line} holds {what}")));
            }
            if let Some((line, what)) = clean::secret(text) {
                let file = path.clone();
                return Err(ExchangeError::Secret { file, line, what });
            }
        }
        Ok(())
    }
}

/// A reader that ends with an error where an archive unpacks to more than it may, and not with an end that looks honest.
struct Bounded<R> {
    inner: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(self.left + 1);
        let read = self.inner.read(&mut into[..most])?;
        self.left = self.left.checked_sub(read).ok_or_else(|| {
            io::Error::other(format!("it unpacks to more than {BYTES_MAX} bytes"))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
