//! The service on its own loopback port.

use demo_service::server;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || server::serve(&listener));
    address
}

fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_price_is_answered_over_tcp() {
    let answer = send(
        start(),
        "GET /price?cents=200&percent=25 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n150"), "{answer}");
}

#[test]
fn one_bad_client_does_not_stop_the_next() {
    let address = start();
    let bad = send(address, "\r\n\r\n");
    assert!(bad.starts_with("HTTP/1.1 400 "), "{bad}");
    let good = send(address, "GET /total?cents=1,2 HTTP/1.1\r\n\r\n");
    assert!(good.ends_with("\r\n\r\n3"), "{good}");
}
