//! Carries bytes between a client and a host: a tunnel both ways, or one plain request.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{IDLE_S, Shared};

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
