//! The address of a model server that speaks OpenAI's or Anthropic's protocol: always with its scheme, never with a port that
//! somebody guessed (llama-server's own documentation and packages name two different ones).

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use crate::host::connectable;

/// A checked URL without the `/v1` that routes begin with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Base(Url);

/// Why an address was not understood. Never shows a login that stood in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use `{given}` as the address of a model server: {reason}; {fix}")]
pub struct BaseError {
    pub given: String,
    pub reason: &'static str,
    pub fix: &'static str,
}

const FORM: &str =
    "give http://HOST:PORT, or https://HOST, with the prefix of its routes behind it";

impl Base {
    /// Reads `http(s)://host:port[/prefix][/v1]`. `0.0.0.0` and `::`, on which one can only listen, become loopback.
    pub(crate) fn parse(given: &str) -> Result<Base, BaseError> {
        let text = given.trim().trim_matches(['"', '\'']).trim();
        let refuse = |reason, fix| BaseError {
            given: without_login(text),
            reason,
            fix,
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(refuse("it has no scheme", FORM));
        };
        if scheme != "http" && scheme != "https" {
            return Err(refuse("only http and https are spoken", FORM));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        if authority.contains('@') {
            let fix = "take the login out of the address and give the key as a key";
            return Err(refuse("an address is no place for a login", fix));
        }
        if rest.contains(['?', '#', '@', '\\'])
            || rest.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(refuse(
                "a query, a fragment or a space has no place in it",
                FORM,
            ));
        }
        let mut url = Url::parse(text).map_err(|_| refuse("it is no URL", FORM))?;
        let name = authority
            .rsplit_once(':')
            .map_or(
                authority,
                |(name, port)| {
                    if port.contains(']') { authority } else { name }
                },
            );
        let bare = name.trim_matches(['[', ']']);
        let host = url.host_str().unwrap_or_default().to_owned();
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if host.is_empty() || (is_address && bare.parse::<IpAddr>().is_err()) {
            // URLs read `127.1` as 127.0.0.1, other programs as a name: nobody means both.
            return Err(refuse("it names no host, or half an address", FORM));
        }
        let has_port = authority.len() > name.len() + 1;
        if scheme == "http" && !has_port {
            let fix = "give its port: http://HOST:PORT (it stands in the command that started the server)";
            return Err(refuse("it has no port, and none is assumed", fix));
        }
        if url.port() == Some(0) {
            return Err(refuse("0 is no port to connect to", FORM));
        }
        url.set_host(Some(&connectable(bare)))
            .map_err(|_| refuse("it names no host", FORM))?;
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).to_owned();
        url.set_path(&path);
        Ok(Base(url))
    }

    /// The address of one of its routes, `v1/models` for instance.
    pub(crate) fn route(&self, route: &str) -> String {
        format!("{}/{route}", self.0.as_str().trim_end_matches('/'))
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|ip| ip.is_loopback())
    }
}

/// An address as it may be shown.
fn without_login(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(s, r)| (s, r));
    // Up to the last `@`: a word that holds a slash or another `@` must not show its end.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, behind)| behind);
    let shown = if scheme.is_empty() {
        rest.to_owned()
    } else {
        format!("{scheme}://{rest}")
    };
    crate::error::quote(&shown)
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port_or_known_default().unwrap_or_default();
        let path = self.0.path().trim_end_matches('/');
        write!(f, "{}://{host}:{port}{path}", self.0.scheme())
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_their_version() {
        for (given, shown, models) in [
            (
                "http://forge:9931",
                "http://forge:9931",
                "http://forge:9931/v1/models",
            ),
            (
                "http://forge:9931/",
                "http://forge:9931",
                "http://forge:9931/v1/models",
            ),
            (
                "http://forge:9931/v1",
                "http://forge:9931",
                "http://forge:9931/v1/models",
            ),
            (
                " \"http://forge:9931/v1/\" ",
                "http://forge:9931",
                "http://forge:9931/v1/models",
            ),
            (
                "https://forge",
                "https://forge:443",
                "https://forge/v1/models",
            ),
            (
                "https://forge:1/llm/v1",
                "https://forge:1/llm",
                "https://forge:1/llm/v1/models",
            ),
            (
                "http://0.0.0.0:1",
                "http://127.0.0.1:1",
                "http://127.0.0.1:1/v1/models",
            ),
            (
                "http://[::]:1",
                "http://[::1]:1",
                "http://[::1]:1/v1/models",
            ),
            (
                "http://forge:80",
                "http://forge:80",
                "http://forge/v1/models",
            ),
        ] {
            let base = Base::parse(given).unwrap();
            assert_eq!(
                (base.to_string().as_str(), base.route("v1/models").as_str()),
                (shown, models)
            );
            assert_eq!(Base::parse(shown).unwrap(), base);
        }
        assert!(Base::parse("http://localhost:1").unwrap().is_loopback());
        assert!(!Base::parse("http://forge:1").unwrap().is_loopback());
    }

    #[test]
    fn what_is_unclear_is_refused_with_the_fix() {
        for (given, says) in [
            ("forge:9931", "no scheme"),
            ("ftp://forge", "only http"),
            ("http://forge", "give its port"),
            ("http://[::1]", "give its port"),
            ("http://forge:0", "no port to connect to"),
            ("http://127.1:80", "half an address"),
            ("http://:80", "URL"),
            ("http://forge:1?x=1", "a query"),
            ("http://forge:99999", "no URL"),
            ("http://a b:1", "a space"),
            ("", "no scheme"),
        ] {
            let error = Base::parse(given).unwrap_err().to_string();
            assert!(
                error.contains(says) && error.contains("give "),
                "{given}: {error}"
            );
        }
        for given in [
            "http://me:hush@forge:1",
            "https://hush@forge",
            "http://me:hu/hush@sh@forge:1",
        ] {
            let error = Base::parse(given).unwrap_err().to_string();
            assert!(
                !error.contains("hush") && error.contains("forge"),
                "{error}"
            );
        }
        let error = Base::parse("http://me:hush@forge:1")
            .unwrap_err()
            .to_string();
        assert!(error.contains("give the key as a key"), "{error}");
    }
}
