//! Forwards connections on a port inside to a socket of the host. Runs inside the cage, as unprivileged as the program.

use std::ffi::OsString;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Package managers open a few dozen connections at once (npm: 15 by default, cargo: 2 over HTTP/2); more is a flood.
const CONNECTIONS_MAX: usize = 128;

/// A copying thread needs a few kilobytes of stack; the default of 2 MiB for 256 of them would count against the memory limit.
const STACK_BYTES: usize = 128 * 1024;

/// Accepts on standard input, which is the listening port, until the cage ends.
pub(super) fn serve(args: &[OsString]) -> ExitCode {
    let Some(socket) = args.first().map(PathBuf::from) else {
        return ExitCode::FAILURE;
    };
    let Ok(listener) = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map(TcpListener::from)
    else {
        return ExitCode::FAILURE;
    };
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((inside, _)) = listener.accept() else {
            return ExitCode::FAILURE;
        };
        // A connection too many, or one that the host does not take, is closed: the program inside sees that and says so.
        if open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (socket, open) = (socket.clone(), Arc::clone(&open));
        let counted = Arc::clone(&open);
        let started = thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // A connection that breaks ends itself; the others go on.
                let _ = both_ways(inside, &socket);
                open.fetch_sub(1, Ordering::SeqCst);
            });
        if started.is_err() {
            counted.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn both_ways(inside: TcpStream, socket: &Path) -> io::Result<()> {
    let outside = UnixStream::connect(socket)?;
    let (mut from_inside, mut to_outside) = (inside.try_clone()?, outside.try_clone()?);
    let (mut from_outside, mut to_inside) = (outside, inside);
    let up = thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let copied = io::copy(&mut from_inside, &mut to_outside);
            // The other side may have closed already.
            let _ = to_outside.shutdown(Shutdown::Write);
            copied
        })?;
    let down = io::copy(&mut from_outside, &mut to_inside);
    let _ = to_inside.shutdown(Shutdown::Write);
    let up = up
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the copying thread panicked")));
    down.and(up).map(drop)
}
