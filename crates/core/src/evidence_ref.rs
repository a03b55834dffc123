//! What a judgement may rest on: a blob of the package, a commit, or the record of a command that the factory started.
//!
//! Memory is no evidence: a note of HiveMind, a message or a page has no form here, so none can be given as a reason.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing that a check rests on, written `blob:SHA256`, `commit:OID` or `command:N`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EvidenceRef {
    /// A file of the package, by its SHA-256.
    Blob(Hex),
    /// A commit of the repository, by its full id.
    Commit(Hex),
    /// A record of `commands.jsonl`, from 0.
    Command(u32),
}

/// Small hex digits of a hash: 64 of a blob, 40 or 64 of a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex(String);

impl Hex {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text refers to no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` refers to no evidence: it must be blob:SHA256, commit:OID or command:N")]
pub struct NoEvidence(String);

impl EvidenceRef {
    /// # Errors
    /// When it is no SHA-256 in small hex.
    pub fn blob(sha256: &str) -> Result<EvidenceRef, NoEvidence> {
        hex(sha256, &[64]).map(EvidenceRef::Blob)
    }

    /// # Errors
    /// When it is no full id of a commit.
    pub fn commit(oid: &str) -> Result<EvidenceRef, NoEvidence> {
        hex(oid, &[40, 64]).map(EvidenceRef::Commit)
    }
}

fn hex(text: &str, lengths: &[usize]) -> Result<Hex, NoEvidence> {
    let small = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match lengths.contains(&text.len()) && text.bytes().all(small) {
        true => Ok(Hex(text.to_owned())),
        false => Err(NoEvidence(text.to_owned())),
    }
}

impl fmt::Display for EvidenceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvidenceRef::Blob(hex) => write!(f, "blob:{}", hex.0),
            EvidenceRef::Commit(hex) => write!(f, "commit:{}", hex.0),
            EvidenceRef::Command(at) => write!(f, "command:{at}"),
        }
    }
}

impl FromStr for EvidenceRef {
    type Err = NoEvidence;

    fn from_str(text: &str) -> Result<EvidenceRef, NoEvidence> {
        let none = || NoEvidence(text.to_owned());
        match text.split_once(':').ok_or_else(none)? {
            ("blob", hex) => EvidenceRef::blob(hex).map_err(|_| none()),
            ("commit", hex) => EvidenceRef::commit(hex).map_err(|_| none()),
            ("command", at) => at.parse().map(EvidenceRef::Command).map_err(|_| none()),
            _ => Err(none()),
        }
    }
}

impl TryFrom<String> for EvidenceRef {
    type Error = NoEvidence;

    fn try_from(text: String) -> Result<EvidenceRef, NoEvidence> {
        text.parse()
    }
}

impl From<EvidenceRef> for String {
    fn from(reference: EvidenceRef) -> String {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_commits_and_records_are_evidence_and_come_back_as_they_were() {
        for text in [
            format!("blob:{}", "a1".repeat(32)),
            format!("commit:{}", "0".repeat(40)),
            format!("commit:{}", "f".repeat(64)),
            "command:7".to_owned(),
        ] {
            let read: EvidenceRef = text.parse().expect("evidence");
            assert_eq!(read.to_string(), text);
            let json = serde_json::to_string(&read).expect("JSON");
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(
                serde_json::from_str::<EvidenceRef>(&json).expect("read"),
                read
            );
        }
    }

    #[test]
    fn memory_and_half_a_hash_are_none() {
        for text in [
            "mind:42",
            "hivemind:0190a3c0-0000-7000-8000-000000000001",
            "entry:1",
            "#4001",
            "blob:abc",
            "commit:HEAD",
            "command:-1",
            "command:",
            "",
        ] {
            assert!(text.parse::<EvidenceRef>().is_err(), "{text}");
            assert!(
                serde_json::from_value::<EvidenceRef>(text.into()).is_err(),
                "{text}"
            );
        }
        let upper = format!("blob:{}", "A1".repeat(32));
        assert!(upper.parse::<EvidenceRef>().is_err());
    }
}
