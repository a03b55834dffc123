//! The signed end of the log of what happened: one line, to be kept where whoever can write the log cannot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dsse;
use super::key::{GateKey, PinnedKey};
use super::statement::{STATEMENT_TYPE, Subject};

/// The name of its predicate. It is a name and no address.
pub const HEAD_TYPE: &str = "https://alai.dev/log-head/v1";

/// The log as it ended at some moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Events up to here; 0 is a log without any.
    pub events: i64,
    /// The last one's link, in hex.
    pub link: String,
    /// When it was signed, in milliseconds since the Unix epoch, by the signer's clock.
    pub at_ms: i64,
}

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
    events: i64,
    at_ms: i64,
}

/// The head as an in-toto statement in an envelope of one line, without its end.
pub fn sign(head: &Head, key: &GateKey) -> String {
    let statement = Statement {
        kind: STATEMENT_TYPE.into(),
        subject: vec![Subject {
            name: "log".into(),
            digest: BTreeMap::from([("sha256".to_owned(), head.link.clone())]),
        }],
        predicate_type: HEAD_TYPE.into(),
        predicate: Predicate {
            events: head.events,
            at_ms: head.at_ms,
        },
    };
    let payload = serde_json::to_vec(&statement).expect("texts and numbers have a JSON form");
    dsse::sign_line(&payload, key)
}

/// Reads a line that [`sign`] made with the key whose public half is `pinned`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn open(line: &str, pinned: &PinnedKey) -> Result<Head, String> {
    let payload = dsse::open_line(line, pinned)?;
    let statement: Statement =
        serde_json::from_slice(&payload).map_err(|e| format!("it states something else ({e})"))?;
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != HEAD_TYPE {
        return Err(format!(
            "it is a {}, no log's end",
            statement.predicate_type
        ));
    }
    let [subject] = statement.subject.as_slice() else {
        return Err("it is of more than one log, or of none".into());
    };
    match subject.digest.get("sha256") {
        Some(link) => Ok(Head {
            events: statement.predicate.events,
            link: link.clone(),
            at_ms: statement.predicate.at_ms,
        }),
        None => Err("it has no SHA-256".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_one_line_and_no_byte_of_it_can_be_another() {
        let key = GateKey::from_seed([7; 32]);
        let head = Head {
            events: 12,
            link: "ab".repeat(32),
            at_ms: 1_700_000_000_000,
        };
        let line = sign(&head, &key);
        assert!(!line.contains('\n'));
        assert_eq!(open(&line, &key.public()), Ok(head));
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(open(&text, &key.public()).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_statement_of_another_kind_is_no_head() {
        let key = GateKey::from_seed([7; 32]);
        let line = dsse::sign_line(br#"{"_type":"x"}"#, &key);
        let why = open(&line, &key.public()).expect_err("something else");
        assert!(why.contains("states something else"), "{why}");
    }
}
