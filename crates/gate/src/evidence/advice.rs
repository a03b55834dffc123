//! The signed word of which advisories are in force: one line that names their file by its hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dsse;
use super::key::{GateKey, PinnedKey};
use super::statement::{STATEMENT_TYPE, Subject};

/// The name of its predicate. It is a name and no address.
const TYPE: &str = "https://alai.dev/advisories/v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    imported_ms: i64,
}

/// An in-toto statement about a file of this SHA-256, in an envelope of one line.
pub fn sign(sha256: &str, imported_ms: i64, key: &GateKey) -> String {
    let statement = Statement {
        kind: STATEMENT_TYPE.into(),
        subject: vec![Subject {
            name: "advisories".into(),
            digest: BTreeMap::from([("sha256".to_owned(), sha256.to_owned())]),
        }],
        predicate_type: TYPE.into(),
        predicate: Predicate { imported_ms },
    };
    let payload = serde_json::to_vec(&statement).expect("texts and numbers have a JSON form");
    dsse::sign_line(&payload, key)
}

/// The SHA-256 of the file that a line of [`sign`] names, signed by the key whose public half is `pinned`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn open(line: &str, pinned: &PinnedKey) -> Result<String, String> {
    let payload = dsse::open_line(line, pinned)?;
    let statement: Statement =
        serde_json::from_slice(&payload).map_err(|e| format!("it states something else ({e})"))?;
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != TYPE {
        return Err(format!("it is a {}", statement.predicate_type));
    }
    match statement.subject.as_slice() {
        [one] => one.digest.get("sha256").cloned(),
        _ => None,
    }
    .ok_or_else(|| "it names no file".to_owned())
}
