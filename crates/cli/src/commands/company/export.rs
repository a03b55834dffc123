//! `alai company export`: one archive, without secrets.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use alai_factory::exchange::{self, Exported, Replaced};
use alai_factory::{Home, company_called, files_of};
use serde::Serialize;

use crate::args::CompanyExportArgs;
use crate::error::CliError;
use crate::{door, show};

#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    version: &'a str,
    file: String,
    files: usize,
    bytes: usize,
    replaced: &'a [Replaced],
    left_out: &'a [String],
}

pub(super) fn export(home: &Home, args: &CompanyExportArgs) -> Result<(), CliError> {
    door::needs_home(home)?;
    let name = company_called(home, &args.name).map_err(|e| super::home(&e))?;
    let files = files_of(home, &name).map_err(|e| super::home(&e))?;
    let exported = exchange::export(&name, &files.unwrap_or_default());
    let exported = exported.map_err(super::exchange)?;
    let manifest = &exported.manifest;
    let usual = || PathBuf::from(format!("{}-{}.tar.gz", manifest.name, manifest.version));
    let path = args.file.clone().unwrap_or_else(usual);
    write(&path, &exported.archive)?;
    for replaced in &exported.replaced {
        let Replaced {
            file,
            line,
            what,
            placeholder,
        } = replaced;
        show::message(&format!("{file}:{line}: {what} is now {placeholder}"));
    }
    for file in &exported.left_out {
        show::message(&format!("{file} is left out: no pack has a file there"));
    }
    told(args.json, &exported, &path)
}

/// Nothing is written over: an archive may be the only copy that there is. Nor does half of one stay, which could be taken for a whole.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |e: std::io::Error| super::file("write", path, &e);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    let mut file = options.open(path).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written.map_err(failed)
}

fn told(json: bool, exported: &Exported, path: &Path) -> Result<(), CliError> {
    let manifest = &exported.manifest;
    let written = Written {
        name: &manifest.name,
        version: &manifest.version,
        file: path.display().to_string(),
        files: manifest.files.len(),
        bytes: exported.archive.len(),
        replaced: &exported.replaced,
        left_out: &exported.left_out,
    };
    if json {
        return show::json(&written);
    }
    show::line(format!(
        "exported  {} {}: {} files, {} bytes, to {}",
        written.name, written.version, written.files, written.bytes, written.file
    ));
    Ok(())
}
