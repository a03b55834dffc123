//! DSSE envelopes (secure-systems-lab/dsse, protocol 1.0.0): the signature covers the payload's exact bytes, so JSON needs no
//! canonical form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::key::{GateKey, PinnedKey};

/// The media type of in-toto statements.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// What is signed: type and body with their lengths, so that neither can be read as a part of the other.
fn pre_authentication(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) fn sign(payload: &[u8], key: &GateKey) -> Vec<u8> {
    to_bytes(&signed(payload, key))
}

/// The same envelope on one line, without its end.
pub(super) fn sign_line(payload: &[u8], key: &GateKey) -> String {
    to_line(&signed(payload, key))
}

fn signed(payload: &[u8], key: &GateKey) -> Envelope {
    let signature = key.sign(&pre_authentication(PAYLOAD_TYPE, payload));
    Envelope {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![Signature {
            keyid: key.public().id(),
            sig: STANDARD.encode(signature),
        }],
    }
}

fn to_bytes(envelope: &Envelope) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec_pretty(envelope).expect("strings and lists always have a JSON form");
    bytes.push(b'\n');
    bytes
}

fn to_line(envelope: &Envelope) -> String {
    serde_json::to_string(envelope).expect("strings and lists always have a JSON form")
}

/// Gives the payload of an envelope that the pinned key signed.
///
/// # Errors
/// What is wrong with it, in words. An envelope written in any other way than ours is refused, so that no byte of the file
/// can change without notice.
pub(super) fn open(bytes: &[u8], pinned: &PinnedKey) -> Result<Vec<u8>, String> {
    opened(bytes, pinned, to_bytes)
}

/// As [`open`], of an envelope on one line.
///
/// # Errors
/// As [`open`].
pub(super) fn open_line(line: &str, pinned: &PinnedKey) -> Result<Vec<u8>, String> {
    opened(line.as_bytes(), pinned, |envelope| {
        to_line(envelope).into_bytes()
    })
}

fn opened(
    bytes: &[u8],
    pinned: &PinnedKey,
    ours: fn(&Envelope) -> Vec<u8>,
) -> Result<Vec<u8>, String> {
    let envelope: Envelope =
        serde_json::from_slice(bytes).map_err(|e| format!("it is no DSSE envelope ({e})"))?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(format!(
            "its payload is {:?}, not an in-toto statement",
            envelope.payload_type
        ));
    }
    let [signature] = envelope.signatures.as_slice() else {
        return Err(format!(
            "it has {} signatures; ours have one",
            envelope.signatures.len()
        ));
    };
    if signature.keyid != pinned.id() {
        return Err(format!(
            "it names the key {}, not the pinned one {}",
            signature.keyid,
            pinned.id()
        ));
    }
    let payload = STANDARD
        .decode(&envelope.payload)
        .map_err(|e| format!("its payload is no base64 ({e})"))?;
    let sig = STANDARD
        .decode(&signature.sig)
        .map_err(|e| format!("its signature is no base64 ({e})"))?;
    if !pinned.verifies(&pre_authentication(PAYLOAD_TYPE, &payload), &sig) {
        return Err("its signature is not the pinned key's over this payload".into());
    }
    if ours(&envelope) != bytes {
        return Err("it is written in another way than the gate writes".into());
    }
    Ok(payload)
}

/// For the fuzz target: what holds of any bytes, and of any line, that is opened with this key.
///
/// # Panics
/// When an envelope opens that the key's holder would not have written so, byte by byte.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge(bytes: &[u8], key: &GateKey) {
    if let Ok(payload) = open(bytes, &key.public()) {
        assert_eq!(sign(&payload, key), bytes);
    }
    let line = String::from_utf8_lossy(bytes);
    if let Ok(payload) = open_line(&line, &key.public()) {
        assert_eq!(sign_line(&payload, key), line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_the_specification_s() {
        // The test vector of the DSSE protocol text.
        let bytes = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            bytes,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn only_the_pinned_key_opens_an_envelope() {
        let (key, other) = (GateKey::from_seed([7; 32]), GateKey::from_seed([8; 32]));
        let envelope = sign(b"{}", &key);
        assert_eq!(open(&envelope, &key.public()).expect("its own key"), b"{}");
        assert!(
            open(&envelope, &other.public())
                .unwrap_err()
                .contains("not the pinned one")
        );
        let renamed = String::from_utf8(envelope)
            .unwrap()
            .replace(&key.public().id(), &other.public().id());
        assert!(
            open(renamed.as_bytes(), &other.public())
                .unwrap_err()
                .contains("signature")
        );
    }
}
