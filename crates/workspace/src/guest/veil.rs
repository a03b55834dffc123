//! What a program says, without its login: it can read that, and what it says is kept.

use std::io::{self, Read};

use crate::egress::Mask;

/// Shorter texts of a login are words such as `pro`, and stars in their place would spoil what is said.
const SECRET_BYTES_MIN: usize = 20;

/// The texts of a login that are secrets: every long string of its JSON.
pub(super) fn secrets(login: &str) -> Vec<String> {
    fn collect(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) if text.len() >= SECRET_BYTES_MIN => {
                found.push(text.clone());
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            serde_json::Value::Object(fields) => {
                fields.values().for_each(|field| collect(field, found));
            }
            serde_json::Value::String(_)
            | serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_) => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_str(login) {
        collect(&value, &mut found);
    }
    found
}

/// A stream with stars in the place of secrets, as many as there were bytes.
pub struct Veil<R> {
    inner: R,
    masks: Vec<Mask>,
    ready: Vec<u8>,
    is_over: bool,
}

impl<R: Read> Veil<R> {
    pub(super) fn new(inner: R, secrets: &[String]) -> Veil<R> {
        Veil {
            inner,
            masks: secrets.iter().map(|secret| Mask::of(secret)).collect(),
            ready: Vec::new(),
            is_over: false,
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0_u8; 16 << 10];
        let count = self.inner.read(&mut buffer)?;
        self.is_over = count == 0;
        let mut part = buffer[..count].to_vec();
        for mask in &mut self.masks {
            part = mask.pass(&part);
            if count == 0 {
                part.extend(mask.rest());
            }
        }
        self.ready = part;
        Ok(())
    }
}

impl<R: Read> Read for Veil<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.is_over {
            self.more()?;
        }
        let count = self.ready.len().min(into.len());
        into[..count].copy_from_slice(&self.ready[..count]);
        self.ready.drain(..count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_long_text_of_a_login_is_said_and_everything_else_is() {
        let login = "{\"a\":{\"accessToken\":\"sk-ant-oat01-0123456789\",\"kind\":\"pro\"},\"b\":[\"rt-0123456789-0123456789\"]}";
        let secrets = secrets(login);
        assert_eq!(
            secrets,
            ["sk-ant-oat01-0123456789", "rt-0123456789-0123456789"]
        );
        let said = format!("pro {login} sk-ant-oat");
        let mut heard = String::new();
        Veil::new(said.as_bytes(), &secrets)
            .read_to_string(&mut heard)
            .unwrap();
        assert_eq!(heard.len(), said.len());
        assert!(
            !heard.contains("oat01") && !heard.contains("rt-0"),
            "{heard}"
        );
        assert!(
            heard.starts_with("pro {\"a\"") && heard.ends_with(" sk-ant-oat"),
            "{heard}"
        );
    }
}
