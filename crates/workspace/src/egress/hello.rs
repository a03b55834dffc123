//! The name that a client gives in its TLS greeting, read without opening TLS. Pure.
//!
//! Many hosts share an address. Without this a client could ask for an allowed host and greet another one behind the same address.
//! What is inside the session (the `Host` of a request) is not seen.
//!
//! Wire: RFC 8446 (records 5.1, ClientHello 4.1.2, HelloRetryRequest 4.1.3 and 4.1.4), RFC 6066 3 (server name), RFC 9849 (encrypted
//! ClientHello).

/// Bytes of a whole greeting. One with hybrid key shares has about 1,800; nobody needs more than one record may hold.
const HELLO_BYTES_MAX: usize = 16 << 10;
/// Records of one greeting: clients send one, those that dodge filters a few.
const RECORDS_MAX: usize = 64;
/// Of one record, plain and encrypted.
const PLAIN_MAX: usize = 1 << 14;
const RECORD_MAX: usize = PLAIN_MAX + 256;
const HEAD: usize = 5;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const SERVER_NAME: u16 = 0;
/// Level of an alert after which nothing comes.
const FATAL: u8 = 2;

/// Encrypted names: the standard's (0xfe0d), the drafts' before it, and ESNI.
fn hides(extension: u16) -> bool {
    matches!(extension, 0xfe00..=0xfe0f | 0xff02 | 0xff03 | 0xffce)
}

/// By this random a server asks for a second greeting: the SHA-256 of "HelloRetryRequest".
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Why a greeting does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    NotTls,
    TooLong,
    Malformed,
    NoName,
    Hidden,
    OtherName,
    /// What the server said to the greeting, not the greeting.
    Answer,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Wrong::NotTls => {
                "what was sent is no TLS greeting, and only TLS passes; ask for plain HTTP without a tunnel"
            }
            Wrong::TooLong => {
                "the TLS greeting is longer than 16 KiB; have the program send fewer extensions"
            }
            Wrong::Malformed => {
                "the TLS greeting is malformed; try another version of the program that sent it"
            }
            Wrong::NoName => {
                "the TLS greeting names no host; have the program send the server name (SNI), and no address in its place"
            }
            Wrong::Hidden => {
                "the TLS greeting hides a name (ECH); switch that off in the program that sent it"
            }
            Wrong::OtherName => {
                "the TLS greeting names another host; ask the proxy for the host that is meant"
            }
            Wrong::Answer => {
                "what its server answered is no TLS; look whether host and port are those of a TLS server"
            }
        })
    }
}

/// What a server says to the first greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It goes on.
    Goes,
    /// It refuses.
    Ends,
    /// It wants a second greeting, which may name another host.
    Again,
}

/// One message of a handshake, put together from its records.
struct Message {
    body: Vec<u8>,
    /// Where its last record ends.
    end: usize,
    /// There is more in that record.
    more: bool,
}

/// The first message of the bytes if it is of this kind; none while it is not whole.
fn message(bytes: &[u8], kind: u8) -> Result<Option<Message>, Wrong> {
    let mut body = Vec::new();
    let mut at = 0;
    for _ in 0..RECORDS_MAX {
        let Some(record) = bytes.get(at..).filter(|rest| !rest.is_empty()) else {
            return Ok(None);
        };
        if record[0] != HANDSHAKE || record.get(1).is_some_and(|major| *major != 3) {
            return Err(Wrong::NotTls);
        }
        let Some(length) = length(record) else {
            return Ok(None);
        };
        if length == 0 || length > PLAIN_MAX {
            return Err(Wrong::Malformed);
        }
        let Some(part) = record.get(HEAD..HEAD + length) else {
            // What is there of the record says already whether it can become one.
            let known = record.get(HEAD).filter(|_| body.is_empty());
            return match known {
                Some(first) if *first != kind => Err(Wrong::NotTls),
                Some(_) | None => Ok(None),
            };
        };
        body.extend_from_slice(part);
        at += HEAD + length;
        if body[0] != kind {
            return Err(Wrong::NotTls);
        }
        if let [_, a, b, c, ..] = body[..] {
            let whole = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
            if whole > HELLO_BYTES_MAX {
                return Err(Wrong::TooLong);
            }
            if body.len() >= whole {
                let more = body.len() > whole;
                body.truncate(whole);
                body.drain(..4);
                return Ok(Some(Message {
                    body,
                    end: at,
                    more,
                }));
            }
        }
    }
    Err(Wrong::TooLong)
}

/// What a record says of its length, once its head is there.
fn length(record: &[u8]) -> Option<usize> {
    match record {
        [_, _, _, high, low, ..] => Some(usize::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}

/// How many of these bytes are the greeting; none while it is not whole.
///
/// # Errors
/// When it does not name exactly this host (in lower case).
pub(super) fn judged(bytes: &[u8], host: &str) -> Result<Option<usize>, Wrong> {
    let Some(message) = message(bytes, CLIENT_HELLO)? else {
        return Ok(None);
    };
    // A greeting ends its record: nothing of a handshake may stand between it and the keys.
    if message.more {
        return Err(Wrong::Malformed);
    }
    let name = named(&message.body)?;
    match name.eq_ignore_ascii_case(host.as_bytes()) {
        true => Ok(Some(message.end)),
        false => Err(Wrong::OtherName),
    }
}

/// The one name of a ClientHello.
fn named(body: &[u8]) -> Result<&[u8], Wrong> {
    let mut rest = Rest(body);
    rest.take(2 + 32)?;
    rest.short()?;
    rest.long()?;
    rest.short()?;
    if rest.0.is_empty() {
        return Err(Wrong::NoName);
    }
    let mut extensions = Rest(rest.long()?);
    rest.end()?;
    let mut seen = Vec::new();
    let mut name = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number()?;
        let value = extensions.long()?;
        // Of two of a kind a server may take either.
        if seen.contains(&kind) {
            return Err(Wrong::Malformed);
        }
        seen.push(kind);
        if hides(kind) {
            return Err(Wrong::Hidden);
        }
        if kind == SERVER_NAME {
            let mut value = Rest(value);
            let mut list = Rest(value.long()?);
            value.end()?;
            // One entry, of the only type that there is.
            if list.take(1)? != [0] {
                return Err(Wrong::Malformed);
            }
            name = Some(list.long()?);
            list.end()?;
        }
    }
    name.ok_or(Wrong::NoName)
}

/// What a server said; none while that cannot be told.
///
/// # Errors
/// When it speaks no TLS.
pub(super) fn answered(bytes: &[u8]) -> Result<Option<Answer>, Wrong> {
    let mut rest = bytes;
    // A warning changes nothing: the answer is still to come.
    for _ in 0..RECORDS_MAX {
        if rest.first() != Some(&ALERT) {
            return greeted(rest).map_err(|_| Wrong::Answer);
        }
        match *rest {
            [_, 3, _, 0, 2, FATAL, _, ..] => return Ok(Some(Answer::Ends)),
            [_, 3, _, 0, 2, 1, _, ref more @ ..] => rest = more,
            [_, 3, _, 0, 2, _, _, ..] => return Err(Wrong::Answer),
            _ if rest.len() < HEAD + 2 => return Ok(None),
            _ => return Err(Wrong::Answer),
        }
    }
    Err(Wrong::Answer)
}

fn greeted(bytes: &[u8]) -> Result<Option<Answer>, Wrong> {
    let Some(message) = message(bytes, SERVER_HELLO)? else {
        return Ok(None);
    };
    let random = message.body.get(2..34).ok_or(Wrong::Malformed)?;
    Ok(Some(match random == RETRY {
        true => Answer::Again,
        false => Answer::Goes,
    }))
}

/// How many bytes at the head of these are a whole record that may stand between the two greetings: the change of ciphers that is sent
/// for the sake of others, data that was sent too early and is not read, an alert. Nothing for a handshake; none while it is not whole.
///
/// # Errors
/// When it is no record.
pub(super) fn between(bytes: &[u8]) -> Result<Option<usize>, Wrong> {
    match bytes.first() {
        None => return Ok(None),
        Some(&HANDSHAKE) => return Ok(Some(0)),
        Some(&(CHANGE_CIPHER_SPEC | ALERT | APPLICATION_DATA)) => {}
        Some(_) => return Err(Wrong::NotTls),
    }
    match length(bytes) {
        None => Ok(None),
        Some(length) if length == 0 || length > RECORD_MAX => Err(Wrong::Malformed),
        Some(length) if bytes.len() < HEAD + length => Ok(None),
        Some(length) => Ok(Some(HEAD + length)),
    }
}

/// The alert by which a server says that it does not know a name: a client tells it at once instead of waiting.
pub(super) const UNKNOWN_NAME: [u8; 7] = [ALERT, 3, 3, 0, 2, 2, 112];

/// Bytes that are read off at their head.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], Wrong> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Wrong::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u16, Wrong> {
        match self.take(2)? {
            [high, low] => Ok(u16::from_be_bytes([*high, *low])),
            _ => Err(Wrong::Malformed),
        }
    }

    /// What has its length before it in one byte.
    fn short(&mut self) -> Result<&'b [u8], Wrong> {
        match self.take(1)? {
            [length] => self.take(usize::from(*length)),
            _ => Err(Wrong::Malformed),
        }
    }

    /// The same in two bytes.
    fn long(&mut self) -> Result<&'b [u8], Wrong> {
        let length = self.number()?;
        self.take(usize::from(length))
    }

    fn end(&self) -> Result<(), Wrong> {
        match self.0 {
            [] => Ok(()),
            _ => Err(Wrong::Malformed),
        }
    }
}

/// For the fuzz target: what holds of any bytes.
///
/// # Panics
/// When a greeting is longer than what was sent, passes for two hosts, or is judged otherwise once more has come.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge_hello(bytes: &[u8]) {
    let hosts = ["example.org", "other.example.org"];
    let passed: Vec<usize> = hosts
        .iter()
        .filter_map(|host| judged(bytes, host).ok().flatten())
        .collect();
    assert!(passed.len() <= 1, "it names both");
    if let Some(&end) = passed.first() {
        assert!(end <= bytes.len());
        // The greeting alone is the same one, and a byte less is not whole yet.
        let alone = hosts
            .iter()
            .any(|host| judged(&bytes[..end], host) == Ok(Some(end)));
        assert!(alone, "what follows it made it pass");
        let less = hosts
            .iter()
            .any(|host| matches!(judged(&bytes[..end - 1], host), Ok(Some(_))));
        assert!(!less, "it ended before its end");
    }
    // What is refused stays refused, whatever comes.
    for cut in [bytes.len() / 2, bytes.len().saturating_sub(1)] {
        if judged(&bytes[..cut], hosts[0]).is_err() {
            assert!(
                judged(bytes, hosts[0]).is_err(),
                "it passed after it was refused"
            );
        }
    }
    if let Ok(Some(length)) = between(bytes) {
        assert!(length <= bytes.len());
    }
    let _answer = answered(bytes);
}

#[cfg(test)]
pub(super) mod tests;
