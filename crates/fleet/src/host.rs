//! Where an Ollama server is, read the way Ollama itself reads `OLLAMA_HOST`.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::timeouts::Timeouts;
use crate::tokens::Rates;

/// An Ollama server: a checked URL, and what was learned about its models. Clones share what they learn.
#[derive(Clone)]
pub struct OllamaHost {
    url: Url,
    pub(crate) timeouts: Timeouts,
    pub(crate) rates: Rates,
    pub(crate) toolless: Toolless,
}

/// Models of which their host said that they cannot call tools. It says so again each time it is asked, so it is not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Toolless(Arc<Mutex<BTreeSet<String>>>);

/// Names kept; a stranger's names must not fill the memory.
const TOOLLESS_MAX: usize = 256;

impl Toolless {
    pub(crate) fn has(&self, model: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(model)
    }

    pub(crate) fn add(&self, model: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < TOOLLESS_MAX {
            known.insert(model.to_owned());
        }
    }
}

/// Why a host was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot use `{given}` as an Ollama host: {reason}; give HOST, HOST:PORT or http://HOST:PORT"
)]
pub struct HostError {
    pub given: String,
    pub reason: String,
}

/// The port on which Ollama listens by default (`envconfig.Host` in its source).
const PORT: u16 = 11434;

impl OllamaHost {
    /// Reads a host by the rules of `envconfig.ConnectableHost` in Ollama's source.
    ///
    /// Empty means 127.0.0.1:11434; a missing port is 11434 without a scheme, 80 or 443 with one; `0.0.0.0` and `::`
    /// become loopback, because one listens there but cannot connect to it; a path stays as a prefix.
    /// Stricter than Ollama in two places, so that a slip does not send code elsewhere: a port out of range is an error
    /// (Ollama warns and takes its default), and digits alone are a port (Ollama would take them for a host name).
    pub fn parse(given: &str) -> Result<OllamaHost, HostError> {
        let refuse = |reason: &str| HostError {
            given: without_login(given),
            reason: reason.to_owned(),
        };
        let text = given.trim().trim_matches(['"', '\'']).trim();
        let (scheme, rest, port_default) = match text.split_once("://") {
            None if text == "ollama.com" => ("https", text, 443),
            None => ("http", text, PORT),
            Some(("http", rest)) => ("http", rest, 80),
            Some(("https", rest)) => ("https", rest, 443),
            Some(_) => return Err(refuse("only http and https are spoken")),
        };
        if rest.contains(['?', '#', '@']) || rest.contains(char::is_whitespace) {
            return Err(refuse(
                "a login, a query, a fragment or a space has no place in it",
            ));
        }
        let (hostport, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_port(hostport).map_err(|reason| refuse(&reason))?;
        let is_name = !host.is_empty() && host.parse::<IpAddr>().is_err();
        let host = connectable(&host);
        let path = path.trim_matches('/');
        let url = format!("{scheme}://{host}:{}/{path}", port.unwrap_or(port_default));
        let url = Url::parse(&url).map_err(|e| refuse(&e.to_string()))?;
        let host = OllamaHost {
            url,
            timeouts: Timeouts::default(),
            rates: Rates::default(),
            toolless: Toolless::default(),
        };
        if is_name && host.address().is_some() {
            // URLs read `127.1` as 127.0.0.1, other programs as a name: nobody means both.
            return Err(refuse("it is neither a name nor a whole address"));
        }
        Ok(host)
    }

    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> OllamaHost {
        OllamaHost { timeouts, ..self }
    }

    /// The address of one of its routes, `api/chat` for instance.
    pub(crate) fn route(&self, route: &str) -> String {
        format!("{}/{route}", self.url.as_str().trim_end_matches('/'))
    }

    /// Whether the connection is encrypted, which needs certificates.
    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.url.host_str() == Some("localhost")
            || self.address().is_some_and(|ip| ip.is_loopback())
    }

    fn address(&self) -> Option<IpAddr> {
        self.url.host_str()?.trim_matches(['[', ']']).parse().ok()
    }
}

impl Default for OllamaHost {
    fn default() -> Self {
        OllamaHost::parse("").expect("the default host is well formed")
    }
}

impl fmt::Display for OllamaHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Always with its port: "http://host" for a server on port 80 hides what is wrong.
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or(PORT);
        write!(
            f,
            "{}://{host}:{port}{}",
            self.url.scheme(),
            self.url.path().trim_end_matches('/')
        )
    }
}

impl fmt::Debug for OllamaHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OllamaHost({self})")
    }
}

impl PartialEq for OllamaHost {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for OllamaHost {}

impl Serialize for OllamaHost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OllamaHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        OllamaHost::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl FromStr for OllamaHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        OllamaHost::parse(text)
    }
}

/// An address for an error: what stands before an `@` may be a password.
fn without_login(given: &str) -> String {
    match given.rsplit_once('@') {
        Some((_, rest)) => format!("...@{rest}"),
        None => given.to_owned(),
    }
}

/// Splits `host:port`, `[v6]:port`, `v6`, `host`, `:port` and a bare port.
fn split_port(text: &str) -> Result<(String, Option<u16>), String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok((text.to_owned(), None));
    }
    if let Some(inner) = text.strip_prefix('[') {
        let (host, rest) = inner
            .split_once(']')
            .ok_or("the bracket of the IPv6 address is not closed")?;
        let port = rest.strip_prefix(':').map(port_of).transpose()?;
        if port.is_none() && !rest.is_empty() {
            return Err("after an IPv6 address only a port can come".to_owned());
        }
        return Ok((host.to_owned(), port));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok((String::new(), Some(port_of(text)?)));
    }
    match text.rsplit_once(':') {
        None => Ok((text.to_owned(), None)),
        Some((host, _)) if host.contains(':') => Err("it has more than one colon".to_owned()),
        Some((host, port)) => Ok((host.to_owned(), Some(port_of(port)?))),
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        Ok(_) | Err(_) => Err(format!("`{text}` is not a port from 1 to 65535")),
    }
}

/// The host as a URL writes it, with addresses that only a listener can use turned into loopback.
pub(crate) fn connectable(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) if v4.is_unspecified() => "127.0.0.1".to_owned(),
        Ok(IpAddr::V6(v6)) if v6.is_unspecified() => "[::1]".to_owned(),
        Ok(IpAddr::V6(v6)) => format!("[{v6}]"),
        Ok(IpAddr::V4(v4)) => v4.to_string(),
        Err(_) if host.is_empty() => "127.0.0.1".to_owned(),
        Err(_) => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ollama_reads() {
        for (given, expected) in [
            ("", "http://127.0.0.1:11434"),
            ("  ", "http://127.0.0.1:11434"),
            ("\"forge\"", "http://forge:11434"),
            ("forge", "http://forge:11434"),
            ("forge/", "http://forge:11434"),
            ("forge:1234", "http://forge:1234"),
            ("forge:1234/", "http://forge:1234"),
            (":1234", "http://127.0.0.1:1234"),
            ("1234", "http://127.0.0.1:1234"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:1234", "http://127.0.0.1:1234"),
            ("http://0.0.0.0:1234/", "http://127.0.0.1:1234"),
            ("::", "http://[::1]:11434"),
            ("[::]:1234", "http://[::1]:1234"),
            ("[::1]", "http://[::1]:11434"),
            ("::1", "http://[::1]:11434"),
            ("http://forge", "http://forge:80"),
            ("https://forge", "https://forge:443"),
            ("https://forge:1234/ollama/", "https://forge:1234/ollama"),
            ("ollama.com", "https://ollama.com:443"),
            ("192.168.1.7", "http://192.168.1.7:11434"),
        ] {
            let host = OllamaHost::parse(given).unwrap();
            assert_eq!(host.to_string(), expected, "{given}");
            let stored = serde_json::to_string(&host).unwrap();
            assert_eq!(serde_json::from_str::<OllamaHost>(&stored).unwrap(), host);
        }
    }

    #[test]
    fn refuses_what_would_go_elsewhere() {
        for given in [
            "ftp://forge",
            "forge:0",
            "forge:65536",
            "forge:x",
            "99999",
            "me:word@forge",
            "forge?x=1",
            "a b",
            "a:b:c",
            "[::1",
            "[::1]x",
            "127.1",
            "0x7f.1",
            "192.168.1",
        ] {
            let error = OllamaHost::parse(given).unwrap_err();
            let said = error.to_string();
            match given.rsplit_once('@') {
                Some((login, rest)) => assert!(said.contains(rest) && !said.contains(login)),
                None => assert!(said.contains(given), "{error}"),
            }
        }
    }

    #[test]
    fn routes_keep_a_prefix() {
        let host = OllamaHost::parse("http://forge:1/ollama").unwrap();
        assert_eq!(host.route("api/chat"), "http://forge:1/ollama/api/chat");
        assert_eq!(
            OllamaHost::default().route("api/chat"),
            "http://127.0.0.1:11434/api/chat"
        );
    }

    #[test]
    fn knows_this_machine() {
        assert!(OllamaHost::default().is_loopback());
        assert!(OllamaHost::parse("[::1]:1").unwrap().is_loopback());
        assert!(OllamaHost::parse("localhost").unwrap().is_loopback());
        assert!(!OllamaHost::parse("forge").unwrap().is_loopback());
    }
}
