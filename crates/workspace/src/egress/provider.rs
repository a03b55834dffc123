//! The API of a provider, as a caged agent may use it: which requests pass, what is added to them, what comes back. Pure.
//!
//! The agent speaks plain HTTP to its own loopback and holds no key. We make its request anew (the path as it was judged, those
//! headers that an API reads, the key), send it to the provider's host alone, and mask the key in what comes back.

use std::sync::Arc;

use rustls::ClientConfig;

use super::meter::Meter;
use super::request::Refusal;

/// Longest body of a request: Anthropic takes 32 MB, OpenAI less.
pub(super) const BODY_BYTES_MAX: usize = 32 << 20;

/// Whose wire a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// The Messages API: the key stands in `x-api-key`.
    Anthropic,
    /// The Responses and the Chat Completions API: the key stands in `Authorization`.
    Openai,
}

impl Api {
    /// Requests of the API that an agent's work needs, and no other: no files, batches, administration.
    fn ways(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Api::Anthropic => &[
                ("POST", "/v1/messages"),
                ("POST", "/v1/messages/count_tokens"),
                ("GET", "/v1/models"),
            ],
            Api::Openai => &[
                ("POST", "/v1/responses"),
                ("POST", "/v1/chat/completions"),
                ("GET", "/v1/models"),
            ],
        }
    }

    fn header(self, key: &str) -> String {
        match self {
            Api::Anthropic => format!("x-api-key: {key}\r\n"),
            Api::Openai => format!("authorization: Bearer {key}\r\n"),
        }
    }
}

/// Why a base URL is none. Reads on from "the address".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBase {
    #[error("is not http:// or https:// with a host")]
    Shape,
    #[error("holds a login, a query or a fragment; the key belongs into a variable of its own")]
    Extra,
    #[error("would send the key in the clear over the internet; write https://")]
    InTheClear,
    #[error(
        "cannot be spoken to: this machine has no certificates that a server could be checked by"
    )]
    NoCertificates,
}

/// A provider and the key with which it is asked.
#[derive(Clone)]
pub struct Provider {
    pub(super) api: Api,
    /// In lower case, an address of IPv6 without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Before the API's own path; without a slash at its end.
    prefix: String,
    /// A machine of one's own, which is in no public network.
    pub(super) near: bool,
    key: Option<String>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// Where it is paid by the token.
    pub(super) meter: Option<Arc<Meter>>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("api", &self.api)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("near", &self.near)
            .field("has_key", &self.key.is_some())
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// The API at a base URL (`https://api.example.com`, with or without `/v1`). `near` is a person's or an address's word that it
    /// is a machine of one's own: only such a one is spoken to without TLS and may have an address that is not public.
    ///
    /// # Errors
    /// When the URL cannot be meant; nothing of it is repeated, since a key may have been written into it.
    pub fn new(api: Api, url: &str, near: bool, key: Option<String>) -> Result<Provider, BadBase> {
        let (is_tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(BadBase::Shape),
        };
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains(['@', '?', '#', '%']) {
            return Err(BadBase::Extra);
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = split(authority, if is_tls { 443 } else { 80 }).ok_or(BadBase::Shape)?;
        let path = path.trim_end_matches('/');
        let prefix = path.strip_suffix("/v1").unwrap_or(path);
        if !is_plain(prefix) {
            return Err(BadBase::Shape);
        }
        if !is_tls && !near {
            return Err(BadBase::InTheClear);
        }
        let tls = match is_tls {
            true => Some(certificates()?),
            false => None,
        };
        Ok(Provider {
            api,
            host,
            port,
            prefix: prefix.to_owned(),
            near,
            key,
            tls,
            meter: None,
        })
    }

    /// The same, with its requests counted, and begun only while something is left.
    #[must_use]
    pub fn counted_by(self, meter: Arc<Meter>) -> Provider {
        Provider {
            meter: Some(meter),
            ..self
        }
    }

    /// The name under which its use stands in records.
    pub fn host(&self) -> &str {
        &self.host
    }

    fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let usual = if self.tls.is_some() { 443 } else { 80 };
        match self.port == usual {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }

    pub(super) fn mask(&self) -> Mask {
        Mask::of(self.key.as_deref().unwrap_or_default())
    }
}

/// Host and port of an authority.
fn split(authority: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(six) => {
            let (host, rest) = six.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                rest.strip_prefix(':').or(rest.is_empty().then_some("")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    let port = match port? {
        "" => usual,
        text => text.parse().ok().filter(|port| *port != 0)?,
    };
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let is_host = !host.is_empty() && host.len() <= 253 && host.bytes().all(known);
    is_host.then(|| (host.to_ascii_lowercase(), port))
}

/// A path that every server reads alike: no step up, nothing encoded, no part that is empty.
fn is_plain(path: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    path.is_empty()
        || (path.starts_with('/')
            && path.bytes().all(known)
            && path[1..]
                .split('/')
                .all(|part| !part.is_empty() && !part.starts_with('.')))
}

/// By the certificates that this machine trusts.
fn certificates() -> Result<Arc<ClientConfig>, BadBase> {
    let mut roots = rustls::RootCertStore::empty();
    // What cannot be read among them is left out, as every other program does.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err(BadBase::NoCertificates),
        false => trusting(roots),
    }
}

pub(super) fn trusting(roots: rustls::RootCertStore) -> Result<Arc<ClientConfig>, BadBase> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|_| BadBase::NoCertificates)?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// How the body of a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Bytes(usize),
    Chunked,
}

/// A request that an agent may make, as far as its head tells.
#[derive(Debug)]
pub(super) struct Request {
    /// With the key, without the length of the body.
    pub(super) head: String,
    pub(super) path: String,
    /// It has a body, which is judged when it is there.
    pub(super) is_post: bool,
    pub(super) body: Body,
    pub(super) provider: Provider,
}

/// Headers that an API reads. All others end here: those that would choose another host, method, address or account, and those
/// that belong to one connection. `accept-encoding` is among them: what is compressed could not be masked.
const SENT_ON: &[&str] = &[
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "conversation_id",
    "openai-beta",
    "originator",
    "session_id",
    "traceparent",
    "user-agent",
    "x-app",
];
/// What a library says of itself.
const SENT_ON_BY_PREFIX: &str = "x-stainless-";

/// A request as the provider gets it, as far as its head tells.
pub(super) fn judged(
    method: &str,
    target: &str,
    head: &str,
    provider: &Provider,
) -> Result<Request, Refusal> {
    let refuse = |status, reason: String| Refusal::new(status, reason).of(&provider.host);
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse(
            "400 Bad Request",
            "the target is no path".to_owned(),
        ));
    }
    let (path, query) = target
        .find('?')
        .map_or((target, ""), |at| target.split_at(at));
    let mut ways = provider.api.ways().iter();
    if !is_plain(path) || !ways.any(|way| *way == (method, path)) {
        let reason = format!(
            "{method} {} is none of the requests that an agent may make of {}",
            path.chars().take(100).collect::<String>(),
            provider.host
        );
        return Err(refuse("403 Forbidden", reason));
    }
    let mut sent = format!(
        "{method} {}{path}{query} HTTP/1.1\r\nHost: {}\r\n",
        provider.prefix,
        provider.authority()
    );
    let mut body = None;
    for line in head.lines().skip(1).take_while(|line| !line.is_empty()) {
        let (name, value) =
            header(line).ok_or_else(|| refuse("400 Bad Request", "a header is none".to_owned()))?;
        let told = match name.as_str() {
            "content-length" => Some(length(value)),
            "transfer-encoding" => Some(match value.eq_ignore_ascii_case("chunked") {
                true => Ok(Body::Chunked),
                false => Err("a body in that form is not sent on".to_owned()),
            }),
            _ => None,
        };
        match told {
            // Two lengths are read as one by some servers and as the other by others.
            Some(_) if body.is_some() => {
                let reason = "the length of the body is said twice".to_owned();
                return Err(refuse("400 Bad Request", reason));
            }
            Some(told) => body = Some(told.map_err(|why| refuse("413 Content Too Large", why))?),
            None if is_sent_on(&name) => sent.push_str(&format!("{name}: {value}\r\n")),
            None => {}
        }
    }
    if let Some(key) = &provider.key {
        sent.push_str(&provider.api.header(key));
    }
    let is_post = method == "POST";
    let body = body.unwrap_or(Body::Bytes(0));
    if !is_post && body != Body::Bytes(0) {
        let reason = "a request of that kind has no body".to_owned();
        return Err(refuse("400 Bad Request", reason));
    }
    if is_post {
        // A form or an alphabet of the program's would be read by the provider in another way than by us.
        sent.push_str("content-type: application/json\r\n");
    }
    sent.push_str("connection: close\r\n");
    Ok(Request {
        head: sent,
        path: path.to_owned(),
        is_post,
        body,
        provider: provider.clone(),
    })
}

fn length(value: &str) -> Result<Body, String> {
    let bytes = value.parse::<usize>().ok();
    let bytes = bytes.filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()));
    match bytes {
        Some(bytes) if bytes <= BODY_BYTES_MAX => Ok(Body::Bytes(bytes)),
        Some(_) | None => Err(format!("a body has at most {BODY_BYTES_MAX} bytes")),
    }
}

/// A header's name in small letters and its value, when it is one on one line.
fn header(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(':')?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_one = !name.is_empty()
        && name.bytes().all(token)
        && !value.chars().any(|c| c.is_control() && c != '\t');
    is_one.then(|| (name.to_ascii_lowercase(), value.trim()))
}

fn is_sent_on(name: &str) -> bool {
    SENT_ON.contains(&name) || name.starts_with(SENT_ON_BY_PREFIX)
}

/// Headers of an answer that belong to one connection, or would make the agent's program speak to somebody else.
const KEPT_BACK: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "upgrade",
    "alt-svc",
    "set-cookie",
];

/// The head of an answer as the agent gets it. None when it is no HTTP.
pub(super) fn answer(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let status = head
        .lines()
        .next()
        .filter(|line| line.starts_with("HTTP/1."))?;
    let mut sent = format!("{status}\r\n");
    for line in head.lines().skip(1).take_while(|line| !line.is_empty()) {
        let (name, value) = header(line)?;
        if !KEPT_BACK.contains(&name.as_str()) {
            sent.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    sent.push_str("connection: close\r\n\r\n");
    Some(sent)
}

/// Puts stars in the place of the key in what a provider says: one that repeats a request must not tell it.
pub(crate) struct Mask {
    key: Vec<u8>,
    /// What may be the beginning of the key.
    held: Vec<u8>,
}

impl Mask {
    pub(crate) fn of(key: &str) -> Mask {
        Mask {
            key: key.as_bytes().to_vec(),
            held: Vec::new(),
        }
    }

    /// What of the bytes so far can be told.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.key.is_empty() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(found) = find(&self.held[at..], &self.key) {
            self.held[at + found..at + found + self.key.len()].fill(b'*');
            at += found + self.key.len();
        }
        let longest = self.held.len().min(self.key.len() - 1);
        let kept = (1..=longest)
            .rev()
            .find(|n| self.held.ends_with(&self.key[..*n]));
        let tail = self.held.split_off(self.held.len() - kept.unwrap_or(0));
        std::mem::replace(&mut self.held, tail)
    }

    /// What was held back, at the end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-ant-0123456789";

    fn provider(url: &str, near: bool) -> Result<Provider, BadBase> {
        Provider::new(Api::Anthropic, url, near, Some(KEY.to_owned()))
    }

    fn sent(request: &str) -> Result<(String, Body), &'static str> {
        let provider = provider("http://127.0.0.1:9/base/v1/", true).expect("a base");
        let line = request.lines().next().expect("a line");
        let parts: Vec<&str> = line.split(' ').collect();
        judged(parts[0], parts[1], request, &provider)
            .map(|request| (request.head, request.body))
            .map_err(|refusal| refusal.status)
    }

    #[test]
    fn a_request_is_made_anew_with_the_key_and_only_what_an_api_reads() {
        let request = "POST /v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:8\r\nX-Api-Key: placeholder\r\n\
                       Authorization: Bearer placeholder\r\nanthropic-version: 2023-06-01\r\nAccept-Encoding: gzip\r\n\
                       Cookie: c\r\nX-HTTP-Method-Override: DELETE\r\nForwarded: for=1\r\nConnection: keep-alive\r\n\
                       Content-Type: application/json\r\nContent-Length: 7\r\n\r\n";
        let (head, body) = sent(request).expect("it may pass");
        assert_eq!(
            head,
            "POST /base/v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:9\r\nanthropic-version: 2023-06-01\r\n\
             x-api-key: sk-ant-0123456789\r\ncontent-type: application/json\r\nconnection: close\r\n"
        );
        assert_eq!(body, Body::Bytes(7));
    }

    #[test]
    fn nobody_inside_chooses_who_pays_or_how_a_body_is_read() {
        let provider = Provider::new(
            Api::Openai,
            "https://api.example.com",
            false,
            Some(KEY.to_owned()),
        );
        let head = "POST /v1/responses HTTP/1.1\r\nOpenAI-Organization: org-x\r\nOpenAI-Project: p\r\nopenai-beta: b\r\n\
                    anthropic-dangerous-x: y\r\nContent-Type: application/json; charset=utf-7\r\n\r\n";
        let request = judged("POST", "/v1/responses", head, &provider.expect("a base"));
        let head = request.expect("it may pass").head;
        assert_eq!(
            head,
            "POST /v1/responses HTTP/1.1\r\nHost: api.example.com\r\nopenai-beta: b\r\n\
             authorization: Bearer sk-ant-0123456789\r\ncontent-type: application/json\r\nconnection: close\r\n"
        );
    }

    #[test]
    fn other_paths_and_methods_and_bodies_of_two_lengths_do_not_pass() {
        for (line, status) in [
            ("GET /v1/messages HTTP/1.1\r\n\r\n", "403 Forbidden"),
            (
                "GET /v1/models HTTP/1.1\r\ncontent-length: 2\r\n\r\n",
                "400 Bad Request",
            ),
            ("DELETE /v1/models HTTP/1.1\r\n\r\n", "403 Forbidden"),
            ("POST /v1/files HTTP/1.1\r\n\r\n", "403 Forbidden"),
            (
                "POST /v1/messages/batches HTTP/1.1\r\n\r\n",
                "403 Forbidden",
            ),
            (
                "POST /v1/messages/../files HTTP/1.1\r\n\r\n",
                "403 Forbidden",
            ),
            ("POST /v1/%6dessages HTTP/1.1\r\n\r\n", "403 Forbidden"),
            ("POST //v1/messages HTTP/1.1\r\n\r\n", "403 Forbidden"),
            (
                "GET /v1/organizations/api_keys HTTP/1.1\r\n\r\n",
                "403 Forbidden",
            ),
            (
                "POST /v1/messages HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
                "400 Bad Request",
            ),
            (
                "POST /v1/messages HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
                "400 Bad Request",
            ),
            (
                "POST /v1/messages HTTP/1.1\r\ncontent-length: +1\r\n\r\n",
                "413 Content Too Large",
            ),
            (
                "POST /v1/messages HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
                "413 Content Too Large",
            ),
            (
                "POST /v1/messages HTTP/1.1\r\nanthropic-beta: a\rx-api-key: b\r\n\r\n",
                "400 Bad Request",
            ),
        ] {
            assert_eq!(sent(line).map(drop), Err(status), "{line}");
        }
    }

    #[test]
    fn a_key_goes_over_the_internet_by_tls_alone_and_stands_in_no_address() {
        for (url, near, why) in [
            ("http://api.example.com", false, BadBase::InTheClear),
            ("https://key@api.example.com", false, BadBase::Extra),
            ("https://api.example.com/?key=1", false, BadBase::Extra),
            ("ftp://api.example.com", false, BadBase::Shape),
            ("http://", true, BadBase::Shape),
            ("http://a:0", true, BadBase::Shape),
            ("http://a/../b", true, BadBase::Shape),
        ] {
            assert_eq!(provider(url, near).map(drop), Err(why), "{url}");
        }
        let near = provider("http://[::1]:8080/v1", true).expect("a base");
        assert_eq!(
            (near.host(), near.authority().as_str()),
            ("::1", "[::1]:8080")
        );
        assert!(!format!("{near:?}").contains(KEY));
    }

    #[test]
    fn the_key_is_masked_wherever_it_is_cut() {
        let text = format!("a{KEY}b{KEY}{}", &KEY[..5]);
        for size in 1..text.len() {
            let mut mask = provider("http://127.0.0.1", true).expect("a base").mask();
            let mut out: Vec<u8> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|part| mask.pass(part))
                .collect();
            out.extend(mask.rest());
            let stars = "*".repeat(KEY.len());
            assert_eq!(
                String::from_utf8_lossy(&out),
                format!("a{stars}b{stars}{}", &KEY[..5])
            );
        }
    }

    #[test]
    fn an_answer_leads_nowhere_else() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nAlt-Svc: h3=\"e:443\"\r\nSet-Cookie: a=b\r\n\
                     Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(
            answer(head).as_deref(),
            Some(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            )
        );
        assert_eq!(answer(b"SSH-2.0-OpenSSH\r\n\r\n"), None);
    }
}
