//! How often one client may ask: token buckets in the memory of this process. Each server counts for itself and a restart
//! forgets; behind several servers, count at the load balancer or in a shared store instead.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::routes::Shared;

/// More clients than this at once are beyond one process; the longest unseen one is forgotten.
const CLIENTS_MAX: usize = 10_000;

struct Bucket {
    tokens: f64,
    at: Instant,
}

pub struct Buckets {
    capacity: f64,
    refill_per_s: f64,
    clients: Mutex<HashMap<IpAddr, Bucket>>,
}

impl Buckets {
    pub fn new(capacity: u32, refill_per_s: u32) -> Buckets {
        Buckets {
            capacity: f64::from(capacity),
            refill_per_s: f64::from(refill_per_s),
            clients: Mutex::default(),
        }
    }

    /// Takes one token of a client.
    ///
    /// # Errors
    /// The whole seconds after which there is one again.
    pub fn take(&self, client: IpAddr, now: Instant) -> Result<(), u64> {
        // The numbers are whole at any moment, also when another request has panicked.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&client) {
            let oldest = clients
                .iter()
                .min_by_key(|(_, bucket)| bucket.at)
                .map(|(client, _)| *client);
            oldest.map(|oldest| clients.remove(&oldest));
        }
        let bucket = clients.entry(client).or_insert(Bucket {
            tokens: self.capacity,
            at: now,
        });
        let passed_s = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed_s * self.refill_per_s).min(self.capacity);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(((1.0 - bucket.tokens) / self.refill_per_s).ceil() as u64)
    }
}

pub async fn check(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0.ip());
    let client = client(request.headers(), peer, shared.trusted_proxies);
    match shared.buckets.take(client, Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(retry_after_s) => Problem::too_many(retry_after_s).into_response(),
    }
}

/// Whom a request is counted for. Each proxy appends the address that it saw to `X-Forwarded-For`; all before the entries of
/// our own proxies is what a stranger wrote.
fn client(headers: &HeaderMap, peer: Option<IpAddr>, trusted_proxies: usize) -> IpAddr {
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let seen: Vec<&str> = forwarded
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let told = match trusted_proxies {
        0 => None,
        proxies => seen
            .len()
            .checked_sub(proxies)
            .and_then(|at| seen[at].parse().ok()),
    };
    network(told.or(peer).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
}

/// One household has 2^64 addresses of IPv6: its network is the client.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

    #[test]
    fn a_bucket_gives_what_it_holds_then_one_token_for_each_share_of_a_second() {
        let buckets = Buckets::new(2, 2);
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(buckets.take(A, start), Ok(()));
        assert_eq!(buckets.take(A, start), Ok(()));
        assert_eq!(buckets.take(A, start), Err(1));
        assert_eq!(
            buckets.take(IpAddr::V4([192, 0, 2, 1].into()), start),
            Ok(()),
            "another has its own"
        );
        assert_eq!(buckets.take(A, after(499)), Err(1));
        assert_eq!(buckets.take(A, after(501)), Ok(()));
        assert_eq!(buckets.take(A, after(3_600_000)), Ok(()));
        assert_eq!(buckets.take(A, after(3_600_000)), Ok(()));
        assert_eq!(
            buckets.take(A, after(3_600_000)),
            Err(1),
            "it never holds more than its capacity"
        );
    }

    #[test]
    fn the_memory_of_clients_has_an_end() {
        let buckets = Buckets::new(1, 1);
        let start = Instant::now();
        for n in 0..10_500_u32 {
            let _ = buckets.take(
                IpAddr::V4(n.into()),
                start + Duration::from_millis(u64::from(n)),
            );
        }
        assert_eq!(
            buckets.clients.lock().map(|clients| clients.len()).ok(),
            Some(CLIENTS_MAX)
        );
    }

    #[test]
    fn an_address_is_believed_where_a_trusted_proxy_wrote_it() {
        let mut headers = HeaderMap::new();
        let peer: IpAddr = [127, 0, 0, 1].into();
        assert_eq!(client(&headers, Some(peer), 1), peer, "no header");
        headers.insert(
            "x-forwarded-for",
            axum::http::HeaderValue::from_static("10.9.9.9, 203.0.113.7"),
        );
        assert_eq!(
            client(&headers, Some(peer), 0),
            peer,
            "a stranger can write the header"
        );
        assert_eq!(client(&headers, Some(peer), 1), A);
        assert_eq!(
            client(&headers, Some(peer), 3),
            peer,
            "fewer entries than proxies"
        );
    }

    #[test]
    fn one_network_of_ipv6_is_one_client() {
        let one = |text: &str| text.parse().map(network).ok();
        assert_eq!(one("2001:db8:1:2::1"), one("2001:db8:1:2:ffff::9"));
        assert_ne!(one("2001:db8:1:2::1"), one("2001:db8:1:3::1"));
        assert_eq!(one("::ffff:203.0.113.7"), Some(A));
    }
}
