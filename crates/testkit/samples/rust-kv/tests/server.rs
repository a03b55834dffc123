//! The server on its own loopback port.

use rust_kv::{server, Store};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || server::serve(listener, Store::default()));
    address
}

fn talk(address: SocketAddr, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    lines
        .iter()
        .map(|line| {
            writeln!(stream, "{line}").unwrap();
            let mut answer = String::new();
            reader.read_line(&mut answer).unwrap();
            answer.trim_end().to_owned()
        })
        .collect()
}

#[test]
fn two_clients_share_one_store() {
    let address = start();
    assert_eq!(talk(address, &["SET city Oslo", "COUNT"]), ["OK", "1"]);
    assert_eq!(talk(address, &["GET city", "DEL city"]), ["Oslo", "1"]);
    assert_eq!(talk(address, &["GET city"]), ["NIL"]);
}

#[test]
fn a_bad_line_does_not_end_the_connection() {
    let answers = talk(start(), &["FROB", "SET a 1", "GET a"]);
    assert!(answers[0].starts_with("ERR "), "{answers:?}");
    assert_eq!(answers[1..], ["OK", "1"]);
}
