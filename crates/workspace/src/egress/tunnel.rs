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
        if let Ended::Refused(wrong) = ended {
            let reason = format!("{host} was asked for, but {wrong}");
            shared.note(host, |used| used.refused = Some(reason));
            let _ = (&client).write_all(&hello::UNKNOWN_NAME);
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
        return;
    }
    // It was shorter while the greeting was waited for.
    if client.set_read_timeout(idle).is_err() {
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

/// Why a tunnel ends before it stands.
enum Ended {
    /// One of the two went away, or says nothing.
    Gone,
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
        self.greets(&mut sent)?;
        if self.hears()? == Answer::Again {
            loop {
                match hello::between(&sent)? {
                    Some(0) => break,
                    Some(end) => self.up(&mut sent, end)?,
                    None => self.more(&mut sent)?,
                }
            }
            self.greets(&mut sent)?;
        }
        let all = sent.len();
        self.up(&mut sent, all)
    }

    fn greets(&self, sent: &mut Vec<u8>) -> Result<(), Ended> {
        let deadline = Instant::now() + Duration::from_secs(HEAD_S);
        loop {
            if let Some(end) = hello::judged(sent, self.host)? {
                return self.up(sent, end);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Ended::Gone);
            }
            self.client.set_read_timeout(Some(left))?;
            self.more(sent)?;
        }
    }

    /// The server's first words, which go to the client as they are.
    fn hears(&self) -> Result<Answer, Ended> {
        let mut said = Vec::new();
        let mut buffer = [0u8; 4 << 10];
        let (mut server, mut client) = (self.server, self.client);
        loop {
            let count = again(|| server.read(&mut buffer))?;
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

    fn more(&self, sent: &mut Vec<u8>) -> Result<(), Ended> {
        let mut buffer = [0u8; 4 << 10];
        let mut client = self.client;
        let count = again(|| client.read(&mut buffer))?;
        if count == 0 {
            return Err(Ended::Gone);
        }
        sent.extend_from_slice(&buffer[..count]);
        Ok(())
    }
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
