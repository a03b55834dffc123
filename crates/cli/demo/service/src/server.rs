//! The loop around the routes: one connection after the other.

use crate::http::{self, Response};
use crate::routes;
use std::io::{self, BufReader};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// A client that sends nothing must not keep the others waiting for longer.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves until the listener fails. A client that breaks off harms nobody else.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        if let Err(e) = talk(&stream?) {
            eprintln!("connection ended: {e}");
        }
    }
    Ok(())
}

fn talk(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let response = match http::read(&mut BufReader::new(stream))? {
        Some(request) => routes::answer(&request),
        None => Response::new(400, "not HTTP"),
    };
    http::write(&mut stream, &response)
}
