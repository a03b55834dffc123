//! Carries bytes between a client and a host: a tunnel both ways, once the client has greeted the host that it asked for, or one plain
//! request.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::hello::{self, Answer, Wrong};
use super::{HEAD_S, IDLE_S, Shared};

/// Carries bytes both ways until both are done, one stands idle for too long, or the share is used up.
pub(super) fn relay(
    client: UnixStream,
    server: TcpStream,
    early: &[u8],
    host: &str,
    shared: &Arc<Shared>,
) {
    let idle = Some(Duration::from_secs(IDLE_S));
    let ready = client.set_read_timeout(idle).is_ok()
        && client.set_write_timeout(idle).is_ok()
        && server.set_read_timeout(idle).is_ok()
        && server.set_write_timeout(idle).is_ok();
    let (Ok(mut to_server), Ok(mut from_client)) = (server.try_clone(), client.try_clone()) else {
        return;
    };
    if !ready {
        return;
    }
    let greeting = Greeting {
        client: &client,
        server: &server,
        host,
        shared,
    };
    if let Err(ended) = greeting.pass(early.to_vec()) {
        let reason = match ended {
            Ended::Gone => None,
            Ended::Late((what, todo)) => Some(format!(
                "{host} was asked for, but {what} within {HEAD_S} s; {todo}"
            )),
            Ended::Refused(wrong) => {
                let _ = (&client).write_all(&hello::UNKNOWN_NAME);
                Some(format!("{host} was asked for, but {wrong}"))
            }
        };
        if reason.is_some() {
            shared.note(host, |used| used.refused = reason);
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
        return;
    }
    // It was shorter while the greeting was waited for.
    if client.set_read_timeout(idle).is_err() || server.set_read_timeout(idle).is_err() {
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

/// What did not come, and what to do.
type Late = (&'static str, &'static str);

const NO_GREETING: Late = (
    "no whole TLS greeting came",
    "have the program greet as soon as its tunnel stands",
);
const NO_ANSWER: Late = (
    "its server did not answer the TLS greeting",
    "look whether it is up",
);

/// Why a tunnel ends before it stands.
enum Ended {
    /// One of the two went away, or refused in TLS.
    Gone,
    /// Something did not come in time.
    Late(Late),
    Refused(Wrong),
}

impl From<Wrong> for Ended {
    fn from(wrong: Wrong) -> Ended {
        Ended::Refused(wrong)
    }
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Ended {
        Ended::Gone
    }
}

/// The beginning of a tunnel, in which each side is heard in its turn.
struct Greeting<'t> {
    client: &'t UnixStream,
    server: &'t TcpStream,
    host: &'t str,
    shared: &'t Shared,
}

impl Greeting<'_> {
    /// Lets the greeting pass that names the host, and the second one too where the server asks for it. No byte of another one reaches
    /// the server. Bytes that the client sent after it are passed on behind it.
    fn pass(&self, mut sent: Vec<u8>) -> Result<(), Ended> {
        // One for all of it: whoever sends a byte now and then keeps no thread.
        let by = Instant::now() + Duration::from_secs(HEAD_S);
        self.greets(&mut sent, by)?;
        match self.hears(by)? {
            Answer::Goes => {}
            Answer::Ends => return Err(Ended::Gone),
            Answer::Again => {
                loop {
                    match hello::between(&sent)? {
                        Some(0) => break,
                        Some(end) => self.up(&mut sent, end)?,
                        None => self.more(&mut sent, by)?,
                    }
                }
                self.greets(&mut sent, by)?;
            }
        }
        let all = sent.len();
        self.up(&mut sent, all)
    }

    fn greets(&self, sent: &mut Vec<u8>, by: Instant) -> Result<(), Ended> {
        loop {
            match hello::judged(sent, self.host)? {
                Some(end) => return self.up(sent, end),
                None => self.more(sent, by)?,
            }
        }
    }

    /// The server's first words, which go to the client as they are.
    fn hears(&self, by: Instant) -> Result<Answer, Ended> {
        let mut said = Vec::new();
        let mut buffer = [0u8; 4 << 10];
        let (mut server, mut client) = (self.server, self.client);
        loop {
            let Some(left) = left(by) else {
                return Err(Ended::Late(NO_ANSWER));
            };
            server.set_read_timeout(Some(left))?;
            let count = match again(|| server.read(&mut buffer)) {
                Err(error) if is_late(&error) => return Err(Ended::Late(NO_ANSWER)),
                read => read?,
            };
            if count == 0 {
                return Err(Ended::Gone);
            }
            said.extend_from_slice(&buffer[..count]);
            // Nothing of what is no TLS is handed on.
            let answer = hello::answered(&said)?;
            client.write_all(&buffer[..count])?;
            if !self.shared.count(self.host, 0, count as u64) {
                return Err(Ended::Gone);
            }
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }

    fn up(&self, sent: &mut Vec<u8>, count: usize) -> Result<(), Ended> {
        let mut server = self.server;
        server.write_all(&sent[..count])?;
        sent.drain(..count);
        match self.shared.count(self.host, count as u64, 0) {
            true => Ok(()),
            false => Err(Ended::Gone),
        }
    }

    fn more(&self, sent: &mut Vec<u8>, by: Instant) -> Result<(), Ended> {
        let mut buffer = [0u8; 4 << 10];
        let mut client = self.client;
        let Some(left) = left(by) else {
            return Err(Ended::Late(NO_GREETING));
        };
        client.set_read_timeout(Some(left))?;
        let count = match again(|| client.read(&mut buffer)) {
            Err(error) if is_late(&error) => return Err(Ended::Late(NO_GREETING)),
            read => read?,
        };
        if count == 0 {
            return Err(Ended::Gone);
        }
        sent.extend_from_slice(&buffer[..count]);
        Ok(())
    }
}

/// What is left until then; none when it is over.
fn left(by: Instant) -> Option<Duration> {
    Some(by.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}

/// How a read timeout is reported.
fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn again(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Sends one request of plain HTTP and carries the answer back. The server was told to close after it, and nothing more is sent
/// to it: a second request, of whatever method, has no way.
pub(super) fn ask(
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
