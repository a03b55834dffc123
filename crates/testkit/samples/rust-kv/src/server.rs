//! The server: one thread per connection, one lock around the store.

use crate::protocol;
use crate::store::Store;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Serves until the listener fails.
pub fn serve(listener: TcpListener, store: Store) -> io::Result<()> {
    let store = Arc::new(Mutex::new(store));
    for stream in listener.incoming() {
        let (stream, store) = (stream?, Arc::clone(&store));
        thread::spawn(move || {
            if let Err(e) = talk(stream, &store) {
                eprintln!("connection ended: {e}");
            }
        });
    }
    Ok(())
}

fn talk(stream: TcpStream, store: &Mutex<Store>) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let mut answer = {
            let mut store = store
                .lock()
                .expect("no thread panics while it holds the store");
            protocol::run(&mut store, &line?)?
        };
        answer.push('\n');
        writer.write_all(answer.as_bytes())?;
    }
    Ok(())
}
