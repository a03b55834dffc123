//! What a client asks for, and whether it may. Pure.

use super::provider::{self, Request};
use super::{PORT, Rules};

/// Why a request goes nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: &'static str,
    pub(super) reason: String,
    pub(super) host: Option<String>,
    pub(super) unlisted: bool,
}

impl Refusal {
    pub(super) fn new(status: &'static str, reason: impl Into<String>) -> Refusal {
        Refusal {
            status,
            reason: reason.into(),
            host: None,
            unlisted: false,
        }
    }

    /// The same in the form of a provider's API, and that the program need not try again what stays refused.
    pub(super) fn as_api(&self) -> (&'static str, String) {
        let kind = match self.status.starts_with('5') {
            true => "Content-Type: application/json",
            false => "Content-Type: application/json\r\nx-should-retry: false",
        };
        let message = format!("alai: {}", self.reason);
        let error = serde_json::json!({"type": "invalid_request_error", "message": message});
        (
            kind,
            serde_json::json!({"type": "error", "error": error}).to_string(),
        )
    }

    pub(super) fn of(mut self, host: &str) -> Refusal {
        self.host = Some(host.to_owned());
        self
    }
}

/// A request that may pass, as far as names go.
#[derive(Debug)]
pub(super) struct Wanted {
    /// In lower case.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) way: Way,
}

#[derive(Debug)]
pub(super) enum Way {
    /// `CONNECT`: bytes both ways.
    Tunnel,
    /// One request of plain HTTP, as the server gets it.
    Plain { request: Vec<u8> },
    /// One request of a provider's API.
    Provider(Box<Request>),
}

/// Reads a request head and judges it by the rules.
pub(super) fn judged(head: &[u8], rules: &Rules) -> Result<Wanted, Refusal> {
    let bad = |reason: &str| Refusal::new("400 Bad Request", reason);
    let head = std::str::from_utf8(head).map_err(|_| bad("the request is not text"))?;
    let line = head.lines().next().unwrap_or_default();
    let parts: Vec<&str> = line.split(' ').collect();
    let [method, target, version] = parts[..] else {
        return Err(bad("the request line has not three parts"));
    };
    if !version.starts_with("HTTP/1.") {
        return Err(bad("the request is not HTTP/1"));
    }
    if let (Some(provider), true) = (&rules.provider, target.starts_with('/')) {
        let request = provider::judged(method, target, head, provider)?;
        return Ok(Wanted {
            host: provider.host.clone(),
            port: provider.port,
            way: Way::Provider(Box::new(request)),
        });
    }
    if method != "CONNECT" {
        return plain(method, target, head, rules);
    }
    let (host, port) = target
        .rsplit_once(':')
        .ok_or_else(|| bad("the target has no port"))?;
    let host = name(host)?;
    let mirror = |mirror: &&super::Mirror| !mirror.plain && mirror.host == host;
    let mut mirrors = rules.mirrors.iter().filter(mirror);
    if let Some(mirror) = mirrors.find(|mirror| port == mirror.port.to_string()) {
        return Ok(Wanted {
            port: mirror.port,
            host,
            way: Way::Tunnel,
        });
    }
    if port != PORT.to_string() {
        let reason = format!("port {port} of {host}: only port {PORT} is reached");
        return Err(Refusal::new("403 Forbidden", reason).of(&host));
    }
    if !is_allowed(&host, &rules.hosts) {
        return Err(match rules.of_agent {
            true => foreign(&host),
            false => unlisted(&host),
        });
    }
    Ok(Wanted {
        host,
        port: PORT,
        way: Way::Tunnel,
    })
}

/// No setting opens another host to an agent.
fn foreign(host: &str) -> Refusal {
    let reason =
        format!("{host} is not a host of this agent's provider, which is all that it reaches");
    Refusal::new("403 Forbidden", reason).of(host)
}

fn unlisted(host: &str) -> Refusal {
    let reason = format!(
        "{host} is not among the hosts that this project's set-up may reach; if it needs it: `alai project set NAME \
         --setup-host {host}`"
    );
    Refusal {
        unlisted: true,
        ..Refusal::new("403 Forbidden", reason).of(host)
    }
}

/// `GET http://host/path`, for a mirror that speaks no TLS. What is sent on is made anew: the path, those of the client's headers
/// that a download needs, and the wish that the server closes the connection.
fn plain(method: &str, target: &str, head: &str, rules: &Rules) -> Result<Wanted, Refusal> {
    let https = || {
        Refusal::new(
            "405 Method Not Allowed",
            "only HTTPS passes here, by CONNECT",
        )
    };
    let rest = target.strip_prefix("http://").ok_or_else(https)?;
    // A lone carriage return ends a line for some servers, and what follows it would be a header or a request of its own.
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        let reason = "the target has a space, a control character or a byte beyond ASCII in it";
        return Err(Refusal::new("400 Bad Request", reason));
    }
    let (authority, path) = rest
        .find(['/', '?'])
        .map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let host = name(host)?;
    let mut mirrors = rules.mirrors.iter().filter(|mirror| mirror.plain);
    let known = mirrors.find(|mirror| mirror.host == host && mirror.port.to_string() == port);
    let mirror = known.ok_or_else(|| https().of(&host))?;
    if !["GET", "HEAD"].contains(&method) {
        let reason = format!("{host} is asked by GET and HEAD alone");
        return Err(Refusal::new("405 Method Not Allowed", reason).of(&host));
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut request = format!("{method} {slash}{path} HTTP/1.1\r\nHost: {authority}\r\n");
    for line in head.lines().skip(1).take_while(|line| !line.is_empty()) {
        request.push_str(&header(line)?);
    }
    request.push_str("Connection: close\r\n\r\n");
    Ok(Wanted {
        port: mirror.port,
        host,
        way: Way::Plain {
            request: request.into_bytes(),
        },
    })
}

/// Headers that a download may need. All others end here: some servers take a method, an address or a body from them
/// (`X-HTTP-Method-Override`, `X-Original-URL`).
const SENT_ON: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "range",
    "user-agent",
];

/// A header as it is sent on: empty for what is not. A body has no way.
fn header(line: &str) -> Result<String, Refusal> {
    let bad = |reason: &str| Refusal::new("400 Bad Request", reason);
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| bad("a header has no name"))?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty()
        || !name.bytes().all(token)
        || value.chars().any(|c| c.is_control() && c != '\t')
    {
        return Err(bad("a header is none"));
    }
    match name.to_ascii_lowercase().as_str() {
        "transfer-encoding" => Err(bad("a request with a body is not sent on")),
        "content-length" if value.trim() != "0" => Err(bad("a request with a body is not sent on")),
        known if SENT_ON.contains(&known) || known.starts_with("if-") => {
            Ok(format!("{name}:{value}\r\n"))
        }
        _ => Ok(String::new()),
    }
}

fn name(host: &str) -> Result<String, Refusal> {
    let host = host.to_ascii_lowercase();
    if is_name(&host) {
        return Ok(host);
    }
    Err(Refusal::new(
        "403 Forbidden",
        "the target is not a host name; bare addresses are not reached",
    ))
}

/// A DNS name with at least one dot and a last part that is not a number, so that no spelling of an address is one.
fn is_name(host: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(part)
        && last
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic())
}

/// Whether a text can stand in [`Rules::hosts`]: anything else would match nothing, in silence.
pub fn is_rule(text: &str) -> bool {
    let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
    text == "*" || is_name(text) || name.is_some_and(is_name)
}

pub(super) fn is_allowed(host: &str, allowed: &[String]) -> bool {
    allowed
        .iter()
        .map(|rule| rule.trim().to_ascii_lowercase())
        .any(|rule| {
            let below = rule.strip_prefix("*.").or_else(|| rule.strip_prefix('.'));
            match below {
                Some(parent) => host
                    .strip_suffix(parent)
                    .is_some_and(|rest| rest.ends_with('.')),
                None => rule == "*" || host == rule,
            }
        })
}

/// For the fuzz target: what holds of any head.
///
/// # Panics
/// When one passes to a host that no rule names, or what is sent on is not one request with headers that may pass.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge_request(bytes: &[u8]) {
    let mirror = |host: &str, port, plain| super::Mirror {
        host: host.to_owned(),
        port,
        plain,
    };
    let mirrors = vec![
        mirror("plain.example.net", 80, true),
        mirror("tls.example.net", 8443, false),
    ];
    let hosts = vec![
        "exact.example.org".to_owned(),
        ".below.example.org".to_owned(),
    ];
    let Ok(wanted) = judged(bytes, &Rules::new(hosts, mirrors)) else {
        return;
    };
    match wanted.way {
        Way::Tunnel => assert!(
            wanted.port == PORT
                && (wanted.host == "exact.example.org"
                    || wanted.host.ends_with(".below.example.org"))
                || (&*wanted.host, wanted.port) == ("tls.example.net", 8443),
            "{}:{}",
            wanted.host,
            wanted.port
        ),
        Way::Plain { request } => {
            assert_eq!((&*wanted.host, wanted.port), ("plain.example.net", 80));
            let text = std::str::from_utf8(&request).expect("text");
            let body = text.strip_suffix("\r\n\r\n").expect("its end");
            assert!(
                !body.contains("\r\n\r\n") && !body.contains('\0'),
                "{text:?}"
            );
            assert!(!body.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
            let (first, headers) = body.split_once("\r\n").expect("a line and headers");
            assert!(first.ends_with(" HTTP/1.1"), "{text:?}");
            // No other line can be taken for a request: each is a header by its name. What a value says is its own.
            let is_name = |name: &str| {
                let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
                !name.is_empty() && name.chars().all(is_token)
            };
            let is_header = |line: &str| line.split_once(':').is_some_and(|(n, _)| is_name(n));
            assert!(headers.split("\r\n").all(is_header), "{text:?}");
            let lower = body.to_ascii_lowercase();
            for header in [
                "transfer-encoding:",
                "content-length:",
                "proxy-authorization:",
                "cookie:",
            ] {
                assert!(!lower.contains(&format!("\r\n{header}")), "{text:?}");
            }
            assert_eq!(lower.matches("\r\nhost:").count(), 1, "{text:?}");
        }
        Way::Provider(_) => panic!("no provider is known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Mirror;

    fn asked(target: &str, headers: &str) -> Result<String, &'static str> {
        let mirror = Mirror {
            host: "plain.example.net".to_owned(),
            port: 80,
            plain: true,
        };
        let rules = Rules::new(Vec::new(), vec![mirror]);
        let head = format!("GET http://plain.example.net{target} HTTP/1.1\r\n{headers}\r\n");
        match judged(head.as_bytes(), &rules).map(|wanted| wanted.way) {
            Ok(Way::Plain { request }) => Ok(String::from_utf8(request).expect("text")),
            Ok(Way::Tunnel | Way::Provider(_)) => panic!("a tunnel for a GET"),
            Err(refusal) => Err(refusal.status),
        }
    }

    #[test]
    fn a_target_is_one_line_of_printable_ascii() {
        for target in [
            "/a\rX-Other:b",
            "/a\tb",
            "/a\u{1}b",
            "/a\u{7f}",
            "/é",
            "/\u{a0}",
            "?\u{b}",
        ] {
            assert_eq!(asked(target, ""), Err("400 Bad Request"), "{target:?}");
        }
        assert!(asked("/simple/a%20b/?x=~!y", "").is_ok());
    }

    #[test]
    fn only_headers_of_a_download_are_sent_on() {
        let headers = "Host: other.example.net\r\nAccept: a\r\naccept-encoding: gzip\r\nUser-Agent: pip\r\nRange: bytes=0-9\r\n\
                       If-None-Match: \"x\"\r\nAuthorization: Basic eA==\r\nConnection: keep-alive\r\nCookie: c\r\n\
                       X-HTTP-Method-Override: PUT\r\nX-Original-URL: /admin\r\nProxy-Authorization: p\r\nExpect: 100-continue\r\n";
        assert_eq!(
            asked("/x", headers).as_deref(),
            Ok(
                "GET /x HTTP/1.1\r\nHost: plain.example.net\r\nAccept: a\r\naccept-encoding: gzip\r\nUser-Agent: pip\r\n\
                Range: bytes=0-9\r\nIf-None-Match: \"x\"\r\nAuthorization: Basic eA==\r\nConnection: close\r\n\r\n"
            )
        );
    }
}
