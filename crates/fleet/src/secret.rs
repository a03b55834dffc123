//! A key for a model server. It goes into one header of a request and nowhere else.

use std::borrow::Cow;
use std::fmt;

use reqwest::header::HeaderValue;

/// A bearer token or API key. Has no `Display`, no `Serialize`, and a `Debug` that says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Longest key in bytes; the longest in use, signed tokens, have about 2,000.
const BYTES_MAX: usize = 8 << 10;
/// Shortest key in bytes: a shorter one is a slip, and taking it out of texts would spoil them.
const BYTES_MIN: usize = 6;
/// What stands where a key stood.
const TAKEN_OUT: &str = "[key]";

/// Why a key was refused. Says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot use this key: it must have {BYTES_MIN} to {BYTES_MAX} visible ASCII characters; copy it again, without spaces or quotes"
)]
pub struct SecretError;

impl Secret {
    /// Reads a key; blanks around it are no part of it.
    ///
    /// # Errors
    /// When it is too short or too long, or holds what cannot stand in a header or needs escapes in JSON.
    pub fn parse(text: &str) -> Result<Secret, SecretError> {
        let text = text.trim();
        let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
        if !(BYTES_MIN..=BYTES_MAX).contains(&text.len()) || !text.bytes().all(fits) {
            return Err(SecretError);
        }
        Ok(Secret(text.to_owned()))
    }

    /// The key itself, for whoever puts it into the header of a connection of his own.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value of a header, marked so that no log of the client shows it.
    pub(crate) fn header(&self, scheme: &str) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("{scheme}{}", self.0))
            .expect("a key is visible ASCII, which a header can hold");
        value.set_sensitive(true);
        value
    }

    /// A stranger's words without the key. JSON may write a slash as `\/`.
    pub(crate) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let escaped = self.0.replace('/', "\\/");
        if !text.contains(&self.0) && !text.contains(&escaped) {
            return Cow::Borrowed(text);
        }
        let plain = text.replace(&self.0, TAKEN_OUT);
        Cow::Owned(plain.replace(&escaped, TAKEN_OUT))
    }

    /// The same for words that were shortened, which may end in the middle of the key.
    pub(crate) fn redact_quote(&self, text: &str) -> String {
        let clean = self.redact(text);
        let mut out = String::new();
        for (n, part) in clean.split('…').enumerate() {
            if n > 0 {
                out.push('…');
            }
            let stump = (BYTES_MIN..self.0.len())
                .rev()
                .find(|length| part.ends_with(&self.0[..*length]));
            match stump {
                Some(length) => {
                    out.push_str(&part[..part.len() - length]);
                    out.push_str(TAKEN_OUT);
                }
                None => out.push_str(part),
            }
        }
        out
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([key])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_and_shows_itself_nowhere() {
        for bad in [
            "",
            "short",
            "two words",
            "quoted\"key",
            "with\nnewline",
            "schlüssel",
            "back\\slash",
        ] {
            let error = Secret::parse(bad).unwrap_err().to_string();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
        assert!(Secret::parse(&"x".repeat(BYTES_MAX + 1)).is_err());
        let key = Secret::parse(" sk-live/7Fq2 \n").unwrap();
        assert!(!format!("{key:?}").contains("7Fq2"));
        assert!(!format!("{:?}", key.header("Bearer ")).contains("7Fq2"));
        assert_eq!(
            key.redact("a sk-live/7Fq2, sk-live\\/7Fq2 b"),
            "a [key], [key] b"
        );
        assert!(matches!(key.redact("nothing"), Cow::Borrowed("nothing")));
        assert_eq!(key.redact_quote("a sk-live/7F… b"), "a [key]… b");
        assert_eq!(key.redact_quote("a sk-live/7Fq2 sk-live"), "a [key] [key]");
        assert_eq!(key.redact_quote("a… b…"), "a… b…");
    }
}
