//! One plain HTTP exchange with a server that is no model's: a webhook, a wiki. Bounded in time and bytes, never redirected, and made
//! with an address that was judged before.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Url, redirect};

use crate::wire::{Watch, block_on};

/// Longest address, in bytes.
const URL_BYTES_MAX: usize = 2_000;
/// Longest pause that a server may ask for and be believed: a day.
const RETRY_AFTER_S_MAX: u64 = 24 * 3600;

/// Where an exchange goes. Its path may be a secret: it has no `Display`, and a `Debug` that says the host alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    url: Url,
}

/// Why an address was refused. Says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("it is no address such as https://HOST/PATH")]
    NoUrl,
    #[error("only http and https are spoken")]
    Scheme,
    #[error("a login, a query or a fragment has no place in it")]
    Parts,
}

/// What is sent.
#[derive(Clone)]
pub struct Sent<'a> {
    pub method: Verb,
    /// Joined to the place's own path, with its query; empty for the place itself.
    pub route: &'a str,
    /// Names in lower case. Values may be secrets.
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Put,
}

/// How far an exchange may go.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub time_max: Duration,
    /// Bytes of the answer that are read; with 0 its status is all that is waited for.
    pub bytes_max: usize,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    pub status: u16,
    /// Seconds that the server asks us to wait.
    pub retry_after_s: Option<u64>,
    /// Its media type, without parameters, in lower case.
    pub kind: String,
    pub body: Vec<u8>,
    /// There was more than the bound: the rest was not read.
    pub cut: bool,
}

/// Why there is no answer. Its words hold neither the address nor what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// What was asked cannot be: trying again does not help.
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    Lost(String),
}

/// Judges an address that a name resolved to, or that was written: `written` is true for the latter.
pub type Judge<'a> = dyn Fn(IpAddr, bool) -> Result<(), String> + 'a;

impl Place {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is none, or holds a login, a query or a fragment.
    pub fn parse(text: &str) -> Result<Place, PlaceError> {
        let text = text.trim();
        if text.len() > URL_BYTES_MAX || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(PlaceError::NoUrl);
        }
        let url = Url::parse(text).map_err(|_| PlaceError::NoUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(PlaceError::Scheme);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(PlaceError::NoUrl);
        }
        let plain = url.username().is_empty() && url.password().is_none();
        if !plain || url.query().is_some() || url.fragment().is_some() {
            return Err(PlaceError::Parts);
        }
        Ok(Place { url })
    }

    /// Its host alone, which is no secret.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The address as it was written, when it is one and no name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host().trim_matches(['[', ']']).parse().ok()
    }

    fn joined(&self, route: &str) -> Result<Url, NoAnswer> {
        if route.is_empty() {
            return Ok(self.url.clone());
        }
        let base = self.url.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/{route}"))
            .map_err(|_| NoAnswer::Forbidden("its address cannot be made".into()))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.host())
    }
}

/// Sends one request and reads its answer.
///
/// # Errors
/// When the address is refused by `judge`, or nothing came back in time.
pub fn exchange(
    place: &Place,
    sent: Sent<'_>,
    bounds: Bounds,
    judge: &Judge<'_>,
    cancel: &dyn Fn() -> bool,
) -> Result<Came, NoAnswer> {
    let watch = Watch::new(bounds.time_max, cancel);
    let done = block_on(async {
        let addresses = resolved(place, judge, &watch).await?;
        let client = client(place, &addresses)?;
        let request = request(&client, place, sent)?;
        let answering = watch.guard(&|_| None, request.send()).await;
        let mut response = answering
            .map_err(|fault| NoAnswer::Lost(fault.message))?
            .map_err(|error| lost(&error))?;
        let headers = response.headers();
        let text = |name| {
            headers
                .get(name)
                .and_then(|v: &HeaderValue| v.to_str().ok())
        };
        let mut came = Came {
            status: response.status().as_u16(),
            retry_after_s: text(RETRY_AFTER)
                .and_then(|s| s.trim().parse::<u64>().ok())
                .map(|s| s.min(RETRY_AFTER_S_MAX)),
            kind: text(CONTENT_TYPE)
                .and_then(|kind| kind.split(';').next())
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase(),
            body: Vec::new(),
            cut: false,
        };
        if bounds.bytes_max == 0 {
            return Ok(came);
        }
        loop {
            let piece = watch.guard(&|_| None, response.chunk()).await;
            let piece = piece.map_err(|fault| NoAnswer::Lost(fault.message))?;
            let Some(piece) = piece.map_err(|error| lost(&error))? else {
                return Ok(came);
            };
            let room = bounds.bytes_max.saturating_sub(came.body.len());
            came.body.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                came.cut = true;
                return Ok(came);
            }
        }
    });
    done.map_err(|fault| NoAnswer::Lost(fault.message))?
}

/// The addresses of a place, each of them judged: the connection is made to one of these and to no other that a second look-up would
/// give.
async fn resolved(
    place: &Place,
    judge: &Judge<'_>,
    watch: &Watch<'_>,
) -> Result<Vec<SocketAddr>, NoAnswer> {
    let port = place.url.port_or_known_default().unwrap_or(443);
    let judged = |address: IpAddr, written: bool| {
        judge(address, written).map_err(NoAnswer::Forbidden)?;
        if !place.is_https() && is_public(address) {
            return Err(NoAnswer::Forbidden(
                "it is spoken to without encryption over the internet: say https".into(),
            ));
        }
        Ok(SocketAddr::new(address, port))
    };
    if let Some(address) = place.address() {
        return Ok(vec![judged(address, true)?]);
    }
    let written = place.host().eq_ignore_ascii_case("localhost");
    let looking = tokio::net::lookup_host((place.host(), port));
    let found = watch
        .guard(&|_| None, looking)
        .await
        .map_err(|fault| NoAnswer::Lost(fault.message))?
        .map_err(|_| NoAnswer::Lost("its name is not known".into()))?;
    let found: Vec<SocketAddr> = found
        .map(|found| judged(found.ip(), written))
        .collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(NoAnswer::Lost("its name has no address".into()));
    }
    Ok(found)
}

/// Whether an address is one of the internet's, as far as encryption goes: not this machine's and no private network's.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared)
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
        },
    }
}

fn client(place: &Place, addresses: &[SocketAddr]) -> Result<Client, NoAnswer> {
    // An error means that a provider was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .resolve_to_addrs(place.host(), addresses)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(0);
    if !place.is_https() {
        builder = builder.tls_certs_only([]);
    }
    builder
        .build()
        .map_err(|error| NoAnswer::Lost(cause(&error)))
}

fn request(
    client: &Client,
    place: &Place,
    sent: Sent<'_>,
) -> Result<reqwest::RequestBuilder, NoAnswer> {
    let method = match sent.method {
        Verb::Get => Method::GET,
        Verb::Post => Method::POST,
        Verb::Put => Method::PUT,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in sent.headers {
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| NoAnswer::Forbidden(format!("the header {name} cannot hold its value")))?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    let request = client
        .request(method, place.joined(sent.route)?)
        .headers(headers);
    Ok(match sent.body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(body),
        None => request,
    })
}

fn lost(error: &reqwest::Error) -> NoAnswer {
    let what = match error.is_connect() {
        true => "cannot connect",
        false => "the connection broke before the whole answer was there",
    };
    NoAnswer::Lost(format!("{what}: {}", cause(error)))
}

/// The innermost cause: the outer ones repeat the address, which may be a secret.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.is::<reqwest::Error>() {
        // It stands alone, and would name the address.
        true => "the request failed".into(),
        false => crate::error::quote(&cause.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        time_max: Duration::from_secs(20),
        bytes_max: 1000,
    };

    fn get(route: &str) -> Sent<'_> {
        Sent {
            method: Verb::Get,
            route,
            headers: Vec::new(),
            body: None,
        }
    }

    #[test]
    fn an_address_shows_its_host_alone_and_holds_no_login() {
        let place =
            Place::parse(" https://hooks.example.org/services/T0/s3cr3t\n").expect("a place");
        assert_eq!(format!("{place:?}"), "Place(hooks.example.org)");
        for (bad, why) in [
            ("ftp://x/", PlaceError::Scheme),
            ("https://me:pw@x/", PlaceError::Parts),
            ("https://x/?token=1", PlaceError::Parts),
            ("https://x/#a", PlaceError::Parts),
            ("hooks.example.org", PlaceError::NoUrl),
            ("", PlaceError::NoUrl),
        ] {
            assert_eq!(Place::parse(bad).expect_err(bad), why, "{bad}");
        }
    }

    #[test]
    fn nothing_is_sent_to_an_address_that_is_refused() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        let port = listener.local_addr().expect("an address").port();
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
            let place = Place::parse(&format!("http://{host}:{port}/x")).expect("a place");
            let seen = std::cell::RefCell::new(Vec::new());
            let no = |address: IpAddr, written: bool| {
                seen.borrow_mut().push((address, written));
                Err("no".to_owned())
            };
            let refused = exchange(&place, get(""), BOUNDS, &no, &|| false);
            assert_eq!(refused, Err(NoAnswer::Forbidden("no".into())), "{host}");
            assert!(seen.borrow().iter().all(|(_, written)| *written), "{host}");
            assert!(listener.accept().is_err(), "nobody connected");
        }
    }

    #[test]
    fn nothing_goes_over_the_internet_in_the_clear() {
        for host in ["8.8.8.8", "[2606:4700::1111]"] {
            let place = Place::parse(&format!("http://{host}/x")).expect("a place");
            let refused = exchange(&place, get(""), BOUNDS, &|_, _| Ok(()), &|| false);
            let Err(NoAnswer::Forbidden(why)) = refused else {
                panic!("{host}: {refused:?}");
            };
            assert!(why.contains("https"), "{why}");
        }
    }

    #[test]
    fn no_words_of_an_error_hold_the_address() {
        let place = Place::parse("http://127.0.0.1:1/services/s3cr3t").expect("a place");
        let error = exchange(&place, get(""), BOUNDS, &|_, _| Ok(()), &|| false)
            .expect_err("nobody listens");
        assert!(matches!(&error, NoAnswer::Lost(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    }
}
