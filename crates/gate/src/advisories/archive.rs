//! Reads the files of a zip archive one after another (PKWARE APPNOTE 6.3.10: the end record, its form for many entries, the central
//! directory). Stored and deflated entries are read; each has its length and its CRC-32 held to what the directory says.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::{AdvisoryError, ENTRIES_MAX};

/// One advisory is some kilobytes; one that needs more is no advisory.
const ENTRY_BYTES_MAX: u64 = 16 << 20;
/// All of an ecosystem, unpacked: the largest has some hundred thousand advisories of a few kilobytes.
const ALL_BYTES_MAX: u64 = 4 << 30;
/// The directory of a million entries.
const DIRECTORY_BYTES_MAX: u64 = 256 << 20;
/// The end record with the longest comment that it may have.
const END_BYTES_MAX: u64 = 22 + 0xffff;

const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;

/// What a reader makes of one entry: its place, for errors, and its text.
type Take<'a> = dyn FnMut(&Path, &str) -> Result<(), AdvisoryError> + 'a;

/// Gives each entry whose name ends with `.json` or `.jsonl` to `take`, as `ARCHIVE/NAME`.
///
/// # Errors
/// When the archive or one of its entries cannot be read whole, is encrypted, or is larger than the limits.
pub(super) fn each(path: &Path, take: &mut Take<'_>) -> Result<(), AdvisoryError> {
    let unread = |why: String| AdvisoryError::Read {
        path: path.to_owned(),
        why,
    };
    let mut file = File::open(path).map_err(|e| unread(e.to_string()))?;
    each_of(&mut file, path, take)
}

/// The same of an archive that is open; `path` names it.
pub(super) fn each_of(
    file: &mut (impl Read + Seek),
    path: &Path,
    take: &mut Take<'_>,
) -> Result<(), AdvisoryError> {
    let unread = |why: String| AdvisoryError::Read {
        path: path.to_owned(),
        why,
    };
    let entries = directory(file).map_err(unread)?;
    let mut all = 0_u64;
    for entry in entries {
        let place = path.join(&entry.name);
        let in_entry = |why: String| AdvisoryError::Read {
            path: place.clone(),
            why,
        };
        let body = body(file, &entry).map_err(in_entry)?;
        if !entry.name.ends_with(".json") && !entry.name.ends_with(".jsonl") {
            continue;
        }
        all = all.saturating_add(entry.bytes);
        if all > ALL_BYTES_MAX {
            return Err(unread(format!(
                "it unpacks to more than {ALL_BYTES_MAX} bytes"
            )));
        }
        let text = read(file, &entry, body).map_err(in_entry)?;
        take(&place, &text)?;
    }
    Ok(())
}

struct Entry {
    name: String,
    method: u16,
    crc: u32,
    packed: u64,
    bytes: u64,
    at: u64,
}

fn io(error: std::io::Error) -> String {
    error.to_string()
}

/// A little-endian number of the record; 0 beyond its end, which no signature and no length that counts is.
fn number(record: &[u8], at: usize, len: usize) -> u64 {
    let bytes = record.get(at..at + len).unwrap_or_default();
    bytes
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn signed(record: &[u8], at: usize, signature: u32) -> bool {
    number(record, at, 4) == u64::from(signature)
}

fn part(file: &mut (impl Read + Seek), at: u64, len: u64) -> Result<Vec<u8>, String> {
    file.seek(SeekFrom::Start(at)).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes).map_err(io)?;
    match bytes.len() as u64 == len {
        true => Ok(bytes),
        false => Err("it is cut off".to_owned()),
    }
}

fn directory(file: &mut (impl Read + Seek)) -> Result<Vec<Entry>, String> {
    let whole = file.seek(SeekFrom::End(0)).map_err(io)?;
    let tail_at = whole.saturating_sub(END_BYTES_MAX);
    let tail = part(file, tail_at, whole - tail_at)?;
    let last = tail.len().checked_sub(22).ok_or("it is no zip archive")?;
    let ends = |at: &usize| {
        signed(&tail, *at, END) && at + 22 + number(&tail, at + 20, 2) as usize == tail.len()
    };
    let end = (0..=last).rev().find(ends).ok_or("it is no zip archive")?;
    let (mut count, mut bytes, mut at) = (
        number(&tail, end + 10, 2),
        number(&tail, end + 12, 4),
        number(&tail, end + 16, 4),
    );
    if let Some(locator) = end
        .checked_sub(20)
        .filter(|at| signed(&tail, *at, LOCATOR64))
    {
        let record = part(file, number(&tail, locator + 8, 8), 56)?;
        if !signed(&record, 0, END64) {
            return Err("its end is none".to_owned());
        }
        (count, bytes, at) = (
            number(&record, 32, 8),
            number(&record, 40, 8),
            number(&record, 48, 8),
        );
    }
    if count > ENTRIES_MAX as u64 || bytes > DIRECTORY_BYTES_MAX {
        return Err("it has too many entries".to_owned());
    }
    let directory = part(file, at, bytes)?;
    let (mut entries, mut at) = (Vec::new(), 0);
    for _ in 0..count {
        let record = directory.get(at..).unwrap_or_default();
        if !signed(record, 0, ENTRY) {
            return Err("its directory is cut off".to_owned());
        }
        let len = |at| number(record, at, 2) as usize;
        let (name, extra, comment) = (len(28), len(30), len(32));
        entries.push(entry(record, name, extra)?);
        at += 46 + name + extra + comment;
    }
    Ok(entries)
}

fn entry(record: &[u8], name: usize, extra: usize) -> Result<Entry, String> {
    let text = |from: usize, len: usize| {
        record
            .get(from..from + len)
            .ok_or("its directory is cut off")
    };
    let name_bytes = text(46, name)?;
    let shown = String::from_utf8_lossy(name_bytes).into_owned();
    if number(record, 8, 2) & 1 == 1 {
        return Err(format!("{shown} is encrypted"));
    }
    let mut found = Entry {
        name: shown,
        method: number(record, 10, 2) as u16,
        crc: number(record, 16, 4) as u32,
        packed: number(record, 20, 4),
        bytes: number(record, 24, 4),
        at: number(record, 42, 4),
    };
    // What does not fit into four bytes stands in the extra field 1, in this order.
    let (mut rest, full) = (text(46 + name, extra)?, u64::from(u32::MAX));
    while rest.len() >= 4 {
        let (id, len) = (number(rest, 0, 2), number(rest, 2, 2) as usize);
        let field = rest.get(4..4 + len).ok_or("its directory is cut off")?;
        if id == 1 {
            let mut next = 0;
            for value in [&mut found.bytes, &mut found.packed, &mut found.at] {
                if *value == full {
                    *value = number(field, next, 8);
                    next += 8;
                }
            }
        }
        rest = &rest[4 + len..];
    }
    Ok(found)
}

/// Where an entry's bytes begin: behind a header of its own, which names it too.
fn body(file: &mut (impl Read + Seek), entry: &Entry) -> Result<u64, String> {
    let header = part(file, entry.at, 30)?;
    let (name, extra) = (number(&header, 26, 2), number(&header, 28, 2));
    let named = part(file, entry.at.saturating_add(30), name)?;
    if !signed(&header, 0, LOCAL) || String::from_utf8_lossy(&named) != entry.name {
        return Err("it is not where the directory says".to_owned());
    }
    Ok(entry.at + 30 + name + extra)
}

fn read(file: &mut (impl Read + Seek), entry: &Entry, body: u64) -> Result<String, String> {
    if entry.bytes > ENTRY_BYTES_MAX {
        return Err(format!("it has more than {ENTRY_BYTES_MAX} bytes"));
    }
    file.seek(SeekFrom::Start(body)).map_err(io)?;
    let packed = file.take(entry.packed);
    let mut bytes = Vec::new();
    match entry.method {
        0 => packed.take(entry.bytes + 1).read_to_end(&mut bytes),
        8 => DeflateDecoder::new(packed)
            .take(entry.bytes + 1)
            .read_to_end(&mut bytes),
        other => return Err(format!("it is packed by method {other}, which is not read")),
    }
    .map_err(io)?;
    let mut crc = Crc::new();
    crc.update(&bytes);
    if bytes.len() as u64 != entry.bytes || crc.sum() != entry.crc {
        return Err("it is not what its directory says: a byte of it was changed".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// An archive as common tools write it, each second entry stored.
    fn archive(entries: &[(&str, &str)], many: bool) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (at, (name, text)) in entries.iter().enumerate() {
            let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
            packed.write_all(text.as_bytes()).expect("packed");
            let (method, body) = match at % 2 {
                0 => (8_u16, packed.finish().expect("packed")),
                _ => (0, text.as_bytes().to_vec()),
            };
            let mut crc = Crc::new();
            crc.update(text.as_bytes());
            let place = out.len() as u32;
            let mut fields = Vec::new();
            fields.extend(20_u16.to_le_bytes());
            fields.extend(0_u16.to_le_bytes());
            fields.extend(method.to_le_bytes());
            fields.extend([0; 4]);
            fields.extend(crc.sum().to_le_bytes());
            fields.extend((body.len() as u32).to_le_bytes());
            fields.extend((text.len() as u32).to_le_bytes());
            fields.extend((name.len() as u16).to_le_bytes());
            fields.extend(0_u16.to_le_bytes());
            out.extend(LOCAL.to_le_bytes());
            out.extend(&fields);
            out.extend(name.as_bytes());
            out.extend(&body);
            directory.extend(ENTRY.to_le_bytes());
            directory.extend(20_u16.to_le_bytes());
            directory.extend(&fields);
            directory.extend([0; 10]);
            directory.extend(place.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let (at, len, count) = (out.len(), directory.len(), entries.len());
        out.extend(&directory);
        if many {
            let record = out.len() as u64;
            out.extend(END64.to_le_bytes());
            out.extend(44_u64.to_le_bytes());
            out.extend([0; 12]);
            for value in [count as u64, count as u64, len as u64, at as u64] {
                out.extend(value.to_le_bytes());
            }
            out.extend(LOCATOR64.to_le_bytes());
            out.extend(0_u32.to_le_bytes());
            out.extend(record.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
        }
        let small = |value: usize| if many { 0xffff } else { value as u16 };
        out.extend(END.to_le_bytes());
        out.extend([0; 4]);
        out.extend(small(count).to_le_bytes());
        out.extend(small(count).to_le_bytes());
        let place = |value: usize| if many { u32::MAX } else { value as u32 };
        out.extend(place(len).to_le_bytes());
        out.extend(place(at).to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out
    }

    fn texts(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("all.zip");
        std::fs::write(&path, bytes).expect("written");
        let mut all = Vec::new();
        let read = each(&path, &mut |place, text| {
            let name = place
                .strip_prefix(&path)
                .expect("inside")
                .display()
                .to_string();
            all.push((name, text.to_owned()));
            Ok(())
        });
        read.map(|()| all).map_err(|e| e.to_string())
    }

    #[test]
    fn every_entry_is_read_whole_or_the_archive_is_not() {
        let long = "{\"id\": 1}\n".repeat(500);
        let entries = [
            ("A.json", long.as_str()),
            ("b/B.jsonl", "{}"),
            ("README", "no"),
        ];
        for many in [false, true] {
            let bytes = archive(&entries, many);
            let read = texts(&bytes).expect("an archive");
            let want: Vec<_> = entries[..2]
                .iter()
                .map(|(n, t)| ((*n).to_owned(), (*t).to_owned()))
                .collect();
            assert_eq!(read, want);
            assert!(texts(&bytes[..bytes.len() - 1]).is_err(), "cut off");
            // What a changed byte does is an error or nothing; never another text, and never one less.
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 0x41;
                if let Ok(read) = texts(&changed) {
                    assert_eq!(read, want, "byte {at}");
                }
            }
        }
        assert!(texts(b"").is_err() && texts(b"PK").is_err());
    }
}
