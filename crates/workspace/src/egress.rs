//! The one way out of a cage that has any, a set-up's or an agent's program's: a proxy on a Unix socket that speaks CONNECT to
//! port 443 of named public hosts.
//!
//! The cage of a set-up has no network; its loopback port leads here. We resolve the name, refuse every address that is not
//! public (a name of a stranger may point at the machine's own services or at a cloud's metadata), and connect to exactly
//! the address that was judged, so that a second answer of the name server changes nothing. TLS stays end to end: we see
//! names and byte counts, no content, and hold no key.
//!
//! A mirror that the machine's own configuration names may have another port, and may speak plain HTTP: then it is asked by
//! GET and HEAD alone, one request a connection, and nothing that a client sends after its request goes on.
//!
//! For an agent's program that works with a key the proxy is the provider itself, as far as the program can see: it takes the
//! requests of the provider's API in plain HTTP and adds the key, which is nowhere inside.

mod address;
mod carry;
mod provider;
mod request;

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

pub use address::{Forbidden, judge};
pub(crate) use provider::Mask;
pub use provider::{Api, BadBase, Provider};
pub use request::is_rule;

use request::{Refusal, Wanted, Way};

/// The port of registries, which speak HTTPS. Only a mirror of the machine's own configuration has another one.
const PORT: u16 = 443;

/// Connections at once. npm opens 15 by default, uv 50; two set-ups never share a proxy.
const CONNECTIONS_MAX: usize = 96;

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
}

/// Connections that are served now, and the most that ever were at once.
#[derive(Debug, Default)]
struct Slots {
    open: usize,
    most: usize,
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
    let listener = UnixListener::bind(socket)?;
    // The caged user is another one; the private folder around the socket is what keeps the others of the machine out.
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666))?;
    let shared = Arc::new(Shared {
        rules,
        stopped: AtomicBool::new(false),
        slots: Mutex::default(),
        freed: Condvar::new(),
        ledger: Mutex::default(),
    });
    let accepting = std::thread::Builder::new()
        .name("egress".to_owned())
        .spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
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
        if woken.is_ok() {
            // It joins the threads of all connections, whose ends it shuts first.
            let _ = accepting.join();
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
        let full = |slots: &mut Slots| slots.open >= CONNECTIONS_MAX && !self.is_stopped();
        let waited = self.freed.wait_while(self.slots(), full);
        let mut slots = waited.unwrap_or_else(PoisonError::into_inner);
        slots.open += 1;
        slots.most = slots.most.max(slots.open);
    }

    fn give_slot(&self) {
        self.slots().open -= 1;
        self.freed.notify_all();
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

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    loop {
        shared.take_slot();
        let Ok((client, _)) = listener.accept() else {
            break;
        };
        if shared.is_stopped() {
            break;
        }
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
    for (client, server) in shared.ledger().ends.values() {
        let _ = client.shutdown(Shutdown::Both);
        if let Some(server) = server {
            let _ = server.shutdown(Shutdown::Both);
        }
    }
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
        Ok((wanted, server, early)) => {
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
                    Way::Tunnel => relay(client, server, &early, &wanted.host, shared),
                    Way::Plain { request } => ask(client, server, &request, &wanted.host, shared),
                    Way::Provider {
                        head,
                        body,
                        provider,
                    } => {
                        carry::carry(client, server, &head, (body, early), &provider, shared);
                    }
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
            let _ = refuse(client, &refusal);
        }
    }
    shared.ledger().ends.remove(&number);
}

fn refuse(mut client: UnixStream, refusal: &Refusal) -> io::Result<()> {
    let body = format!("alai: {}\n", refusal.reason);
    let answer = format!(
        "HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
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
    shared: &Shared,
) -> Result<(Wanted, TcpStream, Vec<u8>), Refusal> {
    let (head, early) = read_head(client)?;
    let wanted = request::judged(&head, &shared.rules)?;
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
    Ok((wanted, server, early))
}

fn reach(wanted: &Wanted, addresses: &[IpAddr], shared: &Shared) -> Result<TcpStream, Refusal> {
    let host = wanted.host.as_str();
    let mut last = format!("{host} has no address");
    let mut forbidden = true;
    let judged: fn(IpAddr) -> Result<(), Forbidden> = match &wanted.way {
        Way::Provider { provider, .. } if provider.near => address::judge_near,
        Way::Provider { .. } | Way::Tunnel | Way::Plain { .. } => judge,
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

/// Carries bytes both ways until both are done, one stands idle for too long, or the share is used up.
fn relay(client: UnixStream, server: TcpStream, early: &[u8], host: &str, shared: &Arc<Shared>) {
    let idle = Some(Duration::from_secs(IDLE_S));
    let ready = client.set_read_timeout(idle).is_ok()
        && client.set_write_timeout(idle).is_ok()
        && server.set_read_timeout(idle).is_ok()
        && server.set_write_timeout(idle).is_ok();
    let (Ok(mut to_server), Ok(mut from_client)) = (server.try_clone(), client.try_clone()) else {
        return;
    };
    if !ready || to_server.write_all(early).is_err() || !shared.count(host, early.len() as u64, 0) {
        return;
    }
    let moved = Arc::new(Mutex::new(Instant::now()));
    let upward = std::thread::Builder::new()
        .name("egress-up".to_owned())
        .spawn({
            let (shared, host, moved) = (Arc::clone(shared), host.to_owned(), Arc::clone(&moved));
            move || {
                pump(&mut from_client, &mut to_server, &moved, |bytes| {
                    shared.count(&host, bytes, 0)
                });
                let _ = to_server.shutdown(Shutdown::Write);
            }
        });
    let (mut from_server, mut to_client) = (server, client);
    if let Ok(upward) = upward {
        pump(&mut from_server, &mut to_client, &moved, |bytes| {
            shared.count(host, 0, bytes)
        });
        // The host has said all it has to say; a client that keeps its half open must not keep us.
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
        let _ = upward.join();
    }
}

/// Sends one request of plain HTTP and carries the answer back. The server was told to close after it, and nothing more is sent
/// to it: a second request, of whatever method, has no way.
fn ask(
    mut client: UnixStream,
    mut server: TcpStream,
    request: &[u8],
    host: &str,
    shared: &Arc<Shared>,
) {
    let idle = Some(Duration::from_secs(IDLE_S));
    let ready = client.set_write_timeout(idle).is_ok()
        && server.set_read_timeout(idle).is_ok()
        && server.set_write_timeout(idle).is_ok();
    if !ready || server.write_all(request).is_err() || !shared.count(host, request.len() as u64, 0)
    {
        return;
    }
    let moved = Mutex::new(Instant::now());
    pump(&mut server, &mut client, &moved, |bytes| {
        shared.count(host, 0, bytes)
    });
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Carries bytes one way. `moved` is when bytes last moved either way: during a long download the client is silent, and that
/// is not idleness.
fn pump(
    from: &mut impl Read,
    to: &mut impl Write,
    moved: &Mutex<Instant>,
    counted: impl Fn(u64) -> bool,
) {
    let last = || moved.lock().unwrap_or_else(PoisonError::into_inner);
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // How a read timeout is reported.
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock
                    && last().elapsed().as_secs() < IDLE_S =>
            {
                continue;
            }
            Err(_) => return,
        };
        *last() = Instant::now();
        if to.write_all(&buffer[..count]).is_err() || !counted(count as u64) {
            return;
        }
    }
}

#[cfg(test)]
mod keyed;
#[cfg(test)]
mod tests;
