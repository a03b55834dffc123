//! The long texts of companies, held where they are needed and else left in the cache's file.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use alai_core::company::Texts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::PacksError;

/// Bytes of the texts of one company as they are kept: a pack has at most 500 files of 256 KB, of which few are long.
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// The texts of one company, or where they are.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Here(Arc<Texts>),
    Away(Away),
}

/// The texts that were read last: one start of a run asks for those of its company ten times.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(Arc<Mutex<Option<Read>>>);

/// A company's name and its texts.
type Read = (String, Arc<Texts>);

impl Held {
    pub(super) fn or_read(
        &self,
        company: &str,
        read: impl FnOnce() -> Result<Arc<Texts>, PacksError>,
    ) -> Result<Arc<Texts>, PacksError> {
        let held = self.with(|held| held.as_ref().filter(|(of, _)| of == company).cloned());
        if let Some((_, texts)) = held {
            return Ok(texts);
        }
        let texts = read()?;
        self.with(|held| *held = Some((company.to_owned(), Arc::clone(&texts))));
        Ok(texts)
    }

    pub(super) fn let_go(&self) {
        self.with(|held| *held = None);
    }

    /// The lock is held for a pointer, and never while something is read.
    fn with<T>(&self, with: impl FnOnce(&mut Option<Read>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A part of a file that stays open: whatever becomes of its name, this reads what was kept.
#[derive(Debug, Clone)]
pub(super) struct Away {
    pub(super) file: Arc<File>,
    pub(super) place: Place,
    /// The company's folder, if it has one in the home: where nothing there has changed, it says the same.
    pub(super) folder: Option<PathBuf>,
}

/// Where in the file the texts stand, and what they must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Kept {
    pub(super) fn get(&self, company: &str) -> Result<Arc<Texts>, PacksError> {
        match self {
            Kept::Here(texts) => Ok(Arc::clone(texts)),
            Kept::Away(away) => match away.read() {
                Ok(texts) => Ok(Arc::new(texts)),
                Err(why) => match away.again(company) {
                    Some(texts) => Ok(Arc::new(texts)),
                    None => Err(unread(company, why)),
                },
            },
        }
    }

    /// The SHA-256 of the texts as JSON.
    pub(super) fn digest(&self, company: &str) -> Result<String, PacksError> {
        match self {
            Kept::Here(texts) => bytes_of(texts)
                .map(|bytes| sha256(&bytes))
                .map_err(|e| unread(company, &e)),
            Kept::Away(away) => Ok(away.place.sha256.clone()),
        }
    }
}

impl Away {
    fn read(&self) -> std::io::Result<Texts> {
        let bad = |what| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
        if self.place.bytes > BYTES_MAX {
            return Err(bad("the cache claims more than a pack has"));
        }
        let mut bytes = vec![0; usize::try_from(self.place.bytes).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, self.place.at)?;
        if sha256(&bytes) != self.place.sha256 {
            return Err(bad("the cache was damaged, and the pack has changed since"));
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// From where they were read before, if they are the same there.
    fn again(&self, company: &str) -> Option<Texts> {
        let files = match &self.folder {
            Some(folder) => super::read_pack(folder).ok()?,
            None => super::shipped_files(company)?,
        };
        let (_, texts) = super::read_company(company, &files).ok()?;
        let same = sha256(&bytes_of(&texts).ok()?) == self.place.sha256;
        same.then_some(texts)
    }
}

pub(super) fn bytes_of(texts: &Texts) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(texts)
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Texts that were just read.
pub(super) fn here(texts: BTreeMap<String, Texts>) -> BTreeMap<String, Kept> {
    let texts = texts.into_iter();
    texts
        .map(|(name, texts)| (name, Kept::Here(Arc::new(texts))))
        .collect()
}

pub(super) fn unread(company: &str, problem: impl std::fmt::Display) -> PacksError {
    PacksError::Texts {
        company: company.to_owned(),
        problem: problem.to_string(),
    }
}
