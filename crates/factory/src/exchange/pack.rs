//! A pack as one `.tar.gz`: the same pack is the same bytes, whoever writes it and when.

use std::io::Write;

use alai_core::company::check;
use alai_core::parcel::{self, FORMAT, Files, MANIFEST, Manifest, name_problem};
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::{ExchangeError, Replaced, clean::clean};

/// A pack that can leave the house.
#[derive(Debug)]
pub struct Exported {
    pub archive: Vec<u8>,
    pub manifest: Manifest,
    pub replaced: Vec<Replaced>,
    /// Files of the folder that no pack has, and that stay.
    pub left_out: Vec<String>,
}

/// Writes a company's files into an archive, without its secrets.
///
/// # Errors
/// When a secret cannot be taken out, a name cannot be in an archive, or the pack is none without its secrets.
pub fn export(name: &str, files: &Files) -> Result<Exported, ExchangeError> {
    let hidden = |path: &str| path.split('/').any(|part| part.starts_with('.'));
    let left = |path: &str| hidden(path) || parcel::outside_pack(path).is_some();
    let (left_out, mut kept): (Files, Files) = files
        .iter()
        .map(|(path, text)| (path.clone(), text.clone()))
        .partition(|(path, _)| left(path));
    for (file, text) in &kept {
        let hidden = parcel::hidden(text).map(|(line, what)| format!("line {line} holds {what}"));
        let problem = name_problem(file).map(str::to_owned).or(hidden);
        if let Some(why) = problem {
            let file = file.clone();
            return Err(ExchangeError::File { file, why });
        }
    }
    let replaced = clean(&mut kept)?;
    // What goes out can come in: a placeholder in a place that takes none shows here and not at the other's.
    let (company, _) = check(name, &kept).map_err(ExchangeError::Invalid)?;
    let mut placeholders: Vec<String> = replaced.iter().map(|r| r.placeholder.clone()).collect();
    placeholders.sort();
    placeholders.dedup();
    let hash = |text: &String| hex::encode(Sha256::digest(text.as_bytes()));
    let manifest = Manifest {
        format: FORMAT,
        name: company.name.clone(),
        version: company.version.clone(),
        files: kept
            .iter()
            .map(|(path, text)| (path.clone(), hash(text)))
            .collect(),
        placeholders,
    };
    let archive = written(&manifest, &kept).map_err(|e| ExchangeError::File {
        file: company.name.clone(),
        why: e.to_string(),
    })?;
    Ok(Exported {
        archive,
        manifest,
        replaced,
        left_out: left_out.into_keys().collect(),
    })
}

fn written(manifest: &Manifest, files: &Files) -> std::io::Result<Vec<u8>> {
    // No time, no name and no system in the head (RFC 1952): 255 is "unknown".
    let gz = GzBuilder::new().mtime(0).operating_system(255);
    let mut tar = Builder::new(gz.write(Vec::new(), Compression::best()));
    let mut about = serde_json::to_string_pretty(manifest)?;
    about.push('\n');
    add(&mut tar, MANIFEST, &about)?;
    for (path, text) in files {
        add(&mut tar, &format!("{}/{path}", manifest.name), text)?;
    }
    tar.into_inner()?.finish()
}

fn add(tar: &mut Builder<impl Write>, path: &str, text: &str) -> std::io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_path(path)?;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(text.len() as u64);
    header.set_cksum();
    tar.append(&header, text.as_bytes())
}
