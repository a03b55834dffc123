//! The one way out of a cage that has any, a set-up's or an agent's program's: a proxy on a Unix socket that speaks CONNECT to
//! port 443 of named public hosts.
//!
//! The cage of a set-up has no network; its loopback port leads here. We resolve the name, refuse every address that is not
//! public (a name of a stranger may point at the machine's own services or at a cloud's metadata), and connect to exactly
//! the address that was judged, so that a second answer of the name server changes nothing. TLS stays end to end: we see
//! names and byte counts, no content, and hold no key. The name in the client's greeting is the one that was asked for, or nothing passes.
//!
//! A mirror that the machine's own configuration names may have another port, and may speak plain HTTP: then it is asked by
//! GET and HEAD alone, one request a connection, and nothing that a client sends after its request goes on.
//!
//! For an agent's program that works with a key the proxy is the provider itself, as far as the program can see: it takes the
//! requests of the provider's API in plain HTTP, looks that none makes the provider go elsewhere, adds the key, which is nowhere
//! inside, and counts what the answers say was used.

mod address;
mod body;
mod carry;
mod hello;
mod meter;
mod provider;
mod request;
mod tunnel;
mod usage;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use hello::judge_hello;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use request::judge_request;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use usage::judge as judge_usage;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use address::{Forbidden, judge, judge_near};
pub use meter::{Counted, Meter, Price};
pub(crate) use provider::Mask;
pub use provider::{Api, BadBase, Provider};
pub use request::is_rule;

use carry::Ahead;
use request::{Refusal, Wanted, Way};

/// The port of registries, which speak HTTPS. Only a mirror of the machine's own configuration has another one.
const PORT: u16 = 443;

/// How a request is refused that a run has no money left for; by it a program's end is told from its provider's own 402.
pub const LOAN_SPENT: &str = "what this run was lent is spent";

/// Connections at once. npm opens 15 by default, uv 50; two set-ups never share a proxy.
const CONNECTIONS_MAX: usize = 96;

/// The same to a provider, whose requests are held whole: a program asks one or two things at once, with its helpers five.
const KEYED_MAX: usize = 8;

/// Bytes of all requests to a provider that are held at once: two of the longest.
const BODIES_BYTES_MAX: usize = 2 * provider::BODY_BYTES_MAX;

/// Between two tries to take a connection that the machine could not give.
const PAUSE: Duration = Duration::from_millis(50);

/// Longest request head. A CONNECT with its headers is a few hundred bytes.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// Longest wait for a request head, for a connection to a host, and for the next byte of an idle connection.
const HEAD_S: u64 = 20;
const CONNECT_S: u64 = 20;
const IDLE_S: u64 = 180;

/// How long, and for how many bytes, a refused client is listened to so that it can read why.
const REFUSED_S: u64 = 2;
const REFUSED_BYTES: u64 = 64 << 10;

/// Most bytes of one set-up, both ways together: a large machine-learning environment is 8 GB.
const BYTES_MAX: u64 = 16 << 30;

/// Different hosts that are remembered, so that a loop over made-up names cannot fill the record.
const HOSTS_MAX: usize = 1_000;

/// Resolves a name to addresses. Injected, so that a test needs no name server.
pub type Resolve = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// What may pass.
#[derive(Clone)]
pub struct Rules {
    /// Names that may be reached: exact (`registry.example.org`), all below one (`.example.org`), or `*` for every public one.
    pub hosts: Vec<String>,
    pub mirrors: Vec<Mirror>,
    /// Whose API is spoken with a key that the client does not have.
    provider: Option<Provider>,
    /// Who asks: what is refused is explained to a person by it.
    of_agent: bool,
    resolve: Arc<Resolve>,
    dial: Arc<Dial>,
}

/// A place that a person configured for the whole machine in the stead of a registry. Its address is judged like every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// In lower case.
    pub host: String,
    pub port: u16,
    /// Speaks HTTP without TLS.
    pub plain: bool,
}

/// Connects to a judged address. Injected, so that a test can accept on the loopback what is public in its story.
type Dial = dyn Fn(SocketAddr) -> io::Result<TcpStream> + Send + Sync;

impl Rules {
    /// The rules of a real set-up: the machine's resolver and network.
    pub fn new(hosts: Vec<String>, mirrors: Vec<Mirror>) -> Rules {
        let resolve = |name: &str| {
            Ok((name, PORT)
                .to_socket_addrs()?
                .map(|address| address.ip())
                .collect())
        };
        let dial = |address: SocketAddr| {
            TcpStream::connect_timeout(&address, Duration::from_secs(CONNECT_S))
        };
        Rules {
            hosts,
            mirrors,
            provider: None,
            of_agent: false,
            resolve: Arc::new(resolve),
            dial: Arc::new(dial),
        }
    }

    /// The rules of an agent's program with a login of its own: its provider's hosts, by TLS that we do not see into.
    pub fn of_login(hosts: Vec<String>) -> Rules {
        Rules {
            of_agent: true,
            ..Rules::new(hosts, Vec::new())
        }
    }

    /// The rules of an agent's program that works with a key: requests of this API, to this provider, and nothing else.
    pub fn of_key(provider: Provider) -> Rules {
        Rules {
            of_agent: true,
            provider: Some(provider),
            ..Rules::new(Vec::new(), Vec::new())
        }
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("hosts", &self.hosts)
            .field("mirrors", &self.mirrors)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// What one host name was used for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostUse {
    pub connections: u64,
    pub bytes_up: u64,
    pub bytes_down: u64,
    /// Why a request for it was last refused.
    pub refused: Option<String>,
    /// It was refused because it is not among the hosts: a person can add it.
    pub unlisted: bool,
}

/// A running proxy. Dropping it ends it with every connection.
#[derive(Debug)]
pub struct Egress {
    socket: PathBuf,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    stopped: AtomicBool,
    slots: Mutex<Slots>,
    freed: Condvar,
    ledger: Mutex<Ledger>,
    /// Held by whoever looks into a request.
    judging: Mutex<()>,
}

/// Connections that are served now, and the most that ever were at once.
#[derive(Debug, Default)]
struct Slots {
    open: usize,
    most: usize,
    /// Bytes of requests that are held.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Ledger {
    hosts: BTreeMap<String, HostUse>,
    bytes: u64,
    /// Both ends of every open connection, to be shut when the proxy ends.
    ends: BTreeMap<u64, (UnixStream, Option<TcpStream>)>,
    next: u64,
}

/// Starts a proxy on a new socket at `socket`. Whoever may reach the socket may use it: keep its folder private.
///
/// # Errors
/// When the socket cannot be made.
pub fn start(socket: &Path, rules: Rules) -> io::Result<Egress> {
    start_with(socket, rules, |listener| {
        listener.accept().map(|(client, _)| client)
    })
}

/// [`start`] with what takes a connection: a test's may fail.
fn start_with(
    socket: &Path,
    rules: Rules,
    next: impl FnMut(&UnixListener) -> io::Result<UnixStream> + Send + 'static,
) -> io::Result<Egress> {
    let listener = UnixListener::bind(socket)?;
    // The caged user is another one; the private folder around the socket is what keeps the others of the machine out.
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666))?;
    let shared = Arc::new(Shared {
        rules,
        stopped: AtomicBool::new(false),
        slots: Mutex::default(),
        freed: Condvar::new(),
        ledger: Mutex::default(),
        judging: Mutex::default(),
    });
    let accepting = std::thread::Builder::new()
        .name("egress".to_owned())
        .spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, next, &shared)
        })?;
    Ok(Egress {
        socket: socket.to_path_buf(),
        shared,
        accepting: Some(accepting),
    })
}

impl Egress {
    /// Ends the proxy with every connection and says what it was used for, by host name.
    pub fn finish(mut self) -> BTreeMap<String, HostUse> {
        self.stop();
        std::mem::take(&mut self.shared.ledger().hosts)
    }

    fn stop(&mut self) {
        let Some(accepting) = self.accepting.take() else {
            return;
        };
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(self.shared.slots());
        self.shared.freed.notify_all();
        // The accepting thread waits for a connection or for a slot; this is one.
        let woken = UnixStream::connect(&self.socket);
        let _ = std::fs::remove_file(&self.socket);
        match woken {
            // It joins the threads of all connections, whose ends it shuts first.
            Ok(_) => drop(accepting.join()),
            Err(_) => self.shared.shut(),
        }
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        // Every change is complete before the lock is given back, so a panicked holder leaves nothing half-done.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more connection may be served. Those that come meanwhile wait in the socket's queue: a client that
    /// opens too many is slowed down, not failed.
    fn take_slot(&self) {
        let most = match self.rules.provider {
            Some(_) => KEYED_MAX,
            None => CONNECTIONS_MAX,
        };
        let full = |slots: &mut Slots| slots.open >= most && !self.is_stopped();
        let waited = self.freed.wait_while(self.slots(), full);
        let mut slots = waited.unwrap_or_else(PoisonError::into_inner);
        slots.open += 1;
        slots.most = slots.most.max(slots.open);
    }

    fn give_slot(&self) {
        self.slots().open -= 1;
        self.freed.notify_all();
    }

    /// Waits a moment, or for the end.
    fn pause(&self) {
        let going = |_: &mut Slots| !self.is_stopped();
        drop(self.freed.wait_timeout_while(self.slots(), PAUSE, going));
    }

    /// Shuts both ends of every connection.
    fn shut(&self) {
        for (client, server) in self.ledger().ends.values() {
            let _ = client.shutdown(Shutdown::Both);
            if let Some(server) = server {
                let _ = server.shutdown(Shutdown::Both);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn note(&self, host: &str, change: impl FnOnce(&mut HostUse)) {
        let mut ledger = self.ledger();
        if ledger.hosts.len() >= HOSTS_MAX && !ledger.hosts.contains_key(host) {
            return;
        }
        change(ledger.hosts.entry(host.to_owned()).or_default());
    }

    /// Counts bytes; false when the set-up has had its share.
    fn count(&self, host: &str, up: u64, down: u64) -> bool {
        self.note(host, |used| {
            used.bytes_up += up;
            used.bytes_down += down;
        });
        let mut ledger = self.ledger();
        ledger.bytes = ledger.bytes.saturating_add(up + down);
        ledger.bytes <= BYTES_MAX
    }
}

fn accept(
    listener: &UnixListener,
    mut next: impl FnMut(&UnixListener) -> io::Result<UnixStream>,
    shared: &Arc<Shared>,
) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    loop {
        shared.take_slot();
        let taken = next(listener);
        if shared.is_stopped() {
            break;
        }
        // No descriptor to be had, or a client that went away meanwhile: both pass.
        let Ok(client) = taken else {
            shared.give_slot();
            shared.pause();
            continue;
        };
        threads.retain(|thread| !thread.is_finished());
        let started = std::thread::Builder::new()
            .name("egress-connection".to_owned())
            .spawn({
                let shared = Arc::clone(shared);
                move || {
                    serve(client, &shared);
                    shared.give_slot();
                }
            });
        match started {
            Ok(thread) => threads.push(thread),
            // No thread to be had: the client sees its connection closed.
            Err(_) => shared.give_slot(),
        }
    }
    shared.shut();
    for thread in threads {
        let _ = thread.join();
    }
}

/// One connection from its request to its end.
fn serve(mut client: UnixStream, shared: &Arc<Shared>) {
    let Ok(ours) = client.try_clone() else { return };
    let number = {
        let mut ledger = shared.ledger();
        // Checked under the lock that the end of the proxy takes before it shuts what is listed.
        if shared.is_stopped() {
            return;
        }
        ledger.next += 1;
        let number = ledger.next;
        ledger.ends.insert(number, (ours, None));
        number
    };
    match connect(&mut client, shared) {
        Ok((wanted, server, ahead)) => {
            let listed = server.try_clone().is_ok_and(|copy| {
                let mut ledger = shared.ledger();
                let end = ledger.ends.get_mut(&number);
                end.is_some_and(|end| {
                    end.1 = Some(copy);
                    true
                })
            });
            if listed && !shared.is_stopped() {
                match wanted.way {
                    Way::Tunnel => {
                        tunnel::relay(client, server, &ahead.bytes, &wanted.host, shared)
                    }
                    Way::Plain { request } => {
                        tunnel::ask(client, server, &request, &wanted.host, shared);
                    }
                    Way::Provider(asked) => carry::carry(client, server, &asked, ahead, shared),
                }
            }
        }
        Err(refusal) => {
            if let Some(host) = &refusal.host {
                shared.note(host, |used| {
                    used.refused = Some(refusal.reason.clone());
                    used.unlisted |= refusal.unlisted;
                });
            }
            let _ = refuse(client, &refusal, shared.rules.provider.is_some());
        }
    }
    shared.ledger().ends.remove(&number);
}

/// `is_api`: in the form of an API's errors, so that a program shows the reason.
fn refuse(mut client: UnixStream, refusal: &Refusal, is_api: bool) -> io::Result<()> {
    let (kind, body) = match is_api {
        true => refusal.as_api(),
        false => (
            "Content-Type: text/plain",
            format!("alai: {}\n", refusal.reason),
        ),
    };
    let answer = format!(
        "HTTP/1.1 {}\r\n{kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        refusal.status,
        body.len()
    );
    client.set_write_timeout(Some(Duration::from_secs(HEAD_S)))?;
    client.write_all(answer.as_bytes())?;
    client.shutdown(Shutdown::Write)?;
    // What the client still has to say is read and dropped: closing with unread bytes would reset the connection, and the
    // answer with it.
    client.set_read_timeout(Some(Duration::from_secs(REFUSED_S)))?;
    io::copy(&mut client.take(REFUSED_BYTES), &mut io::sink()).map(drop)
}

/// Reads the request, judges it, connects, and tells the client so. The bytes are what the client sent ahead.
fn connect(
    client: &mut UnixStream,
    shared: &Arc<Shared>,
) -> Result<(Wanted, TcpStream, Ahead), Refusal> {
    let (head, early) = read_head(client)?;
    let wanted = request::judged(&head, &shared.rules)?;
    // The whole of a request is known before a provider hears that there is one.
    let ahead = match &wanted.way {
        Way::Provider(asked) => carry::whole(client, asked, early, shared)?,
        Way::Tunnel | Way::Plain { .. } => Ahead::of(early),
    };
    let host = wanted.host.as_str();
    let addresses = (shared.rules.resolve)(host).map_err(|error| {
        Refusal::new(
            "502 Bad Gateway",
            format!("{host} cannot be resolved: {error}"),
        )
        .of(host)
    })?;
    let server = reach(&wanted, &addresses, shared)?;
    if matches!(wanted.way, Way::Tunnel) {
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .map_err(|_| {
                Refusal::new("499 Client Closed Request", "the client went away").of(host)
            })?;
    }
    shared.note(host, |used| used.connections += 1);
    Ok((wanted, server, ahead))
}

fn reach(wanted: &Wanted, addresses: &[IpAddr], shared: &Shared) -> Result<TcpStream, Refusal> {
    let host = wanted.host.as_str();
    let mut last = format!("{host} has no address");
    let mut forbidden = true;
    let judged: fn(IpAddr) -> Result<(), Forbidden> = match &wanted.way {
        Way::Provider(asked) if asked.provider.near => address::judge_near,
        Way::Provider(_) | Way::Tunnel | Way::Plain { .. } => judge,
    };
    for address in addresses {
        match judged(*address) {
            Err(reason) => last = format!("{host} is at {address}, which {reason}"),
            Ok(()) => {
                forbidden = false;
                match (shared.rules.dial)(SocketAddr::new(*address, wanted.port)) {
                    Ok(server) => return Ok(server),
                    Err(error) => last = format!("{host} at {address} does not answer: {error}"),
                }
            }
        }
    }
    let status = if forbidden {
        "403 Forbidden"
    } else {
        "502 Bad Gateway"
    };
    Err(Refusal::new(status, last).of(host))
}

/// Reads up to the empty line. What follows it already belongs to the tunnel.
fn read_head(client: &mut UnixStream) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
    let bad = |reason: &str| Refusal::new("400 Bad Request", reason);
    let deadline = Instant::now() + Duration::from_secs(HEAD_S);
    let mut head = Vec::new();
    let mut buffer = [0u8; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || client.set_read_timeout(Some(left)).is_err() {
            return Err(bad("the request did not arrive in time"));
        }
        let count = client
            .read(&mut buffer)
            .map_err(|_| bad("the request did not arrive in time"))?;
        if count == 0 {
            return Err(bad("the request ended early"));
        }
        head.extend_from_slice(&buffer[..count]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let early = head.split_off(end + 4);
            return Ok((head, early));
        }
        if head.len() > HEAD_BYTES_MAX {
            return Err(bad("the request is too long"));
        }
    }
}

#[cfg(test)]
mod keyed;
#[cfg(test)]
mod tests;
