//! Whose machine a host is, by its name alone: a name that only one's own network knows is one's own.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Endings that no name on the internet has (RFC 6762, RFC 8375, ICANN's `internal`) or that home routers give.
const OWN_ENDINGS: [&str; 6] = [
    ".localhost",
    ".local",
    ".lan",
    ".internal",
    ".home.arpa",
    ".ts.net",
];

/// Whether a host, a URL or a bare name, is one of those that a person named: as a whole, or by its name without scheme, port
/// and path.
pub fn host_is_in(host: &str, named: &[String]) -> bool {
    let same = |name: &String| match name.contains("://") {
        true => name.trim_end_matches('/') == host.trim_end_matches('/'),
        false => bare(name) == bare(host),
    };
    named.iter().any(same)
}

/// Whether a host is on this machine or in a network of one's own: a private address, or a name that the internet does not have.
pub fn host_is_near(host: &str) -> bool {
    let name = bare(host);
    match name.parse() {
        Ok(IpAddr::V4(address)) => near_v4(address),
        Ok(IpAddr::V6(address)) => near_v6(address),
        Err(_) => {
            !name.is_empty()
                && (!name.contains('.') || OWN_ENDINGS.iter().any(|e| name.ends_with(e)))
        }
    }
}

fn near_v4(address: Ipv4Addr) -> bool {
    // 100.64.0.0/10 is behind a provider's or a virtual network's own translation (RFC 6598).
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    address.is_loopback() || address.is_private() || address.is_link_local() || shared
}

fn near_v6(address: Ipv6Addr) -> bool {
    match address.to_ipv4_mapped() {
        Some(address) => near_v4(address),
        None => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// A host's name in small letters, without scheme, user, port and path.
fn bare(text: &str) -> String {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next().unwrap_or_default();
    let text = text.rsplit('@').next().unwrap_or_default();
    let name = match text.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        // An address of IPv6 without its brackets has no port behind it.
        None if text.matches(':').count() > 1 => text,
        None => text.split(':').next().unwrap_or_default(),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_by_its_name_or_as_a_whole() {
        let named = |name: &str, host: &str| host_is_in(host, &[name.to_owned()]);
        assert!(named("scripted", "scripted"));
        assert!(named("llm.example.com", "https://LLM.example.com:8443/v1"));
        assert!(named("::1", "http://[::1]:11434"));
        assert!(named("http://a:1", "http://a:1/"));
        assert!(!named("http://a:1", "http://a:2"));
        assert!(!named("example.com", "https://llm.example.com"));
        assert!(!host_is_in("http://127.0.0.1:11434", &[]));
    }

    #[test]
    fn what_the_internet_cannot_reach_is_near() {
        for near in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080/v1",
            "http://192.168.1.5",
            "http://100.100.1.2:9931",
            "http://forge:11434",
            "https://anvil.local",
            "http://[::ffff:10.0.0.1]:1",
        ] {
            assert!(host_is_near(near), "{near}");
        }
        for far in [
            "https://api.anthropic.com",
            "https://api.openai.com/v1",
            "http://8.8.8.8",
            "http://100.128.0.1",
            "http://[2001:db8::1]",
            "https://local.example.com",
            "https://localhost@api.example.com",
            "",
        ] {
            assert!(!host_is_near(far), "{far}");
        }
    }
}
