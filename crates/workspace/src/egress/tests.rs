//! The proxy against clients that ask for what they must not have, with a resolver and a network of the test's own.

use std::net::TcpListener;

use super::request::is_allowed;
use super::*;

/// Of the two mirrors that every proxy here knows.
const MIRROR_PORT: u16 = 8081;
const ANY: &[&str] = &["*"];

/// A proxy whose names are all at `address`, and whose every connection really goes to `real`.
fn proxy(
    hosts: &[&str],
    address: &'static str,
    real: Option<SocketAddr>,
) -> (tempfile::TempDir, Egress) {
    let dir = tempfile::tempdir().expect("a folder");
    let resolve = move |name: &str| match name {
        "gone.example.org" => Err(io::Error::other("no such name")),
        _ => Ok(vec![address.parse().expect("an address")]),
    };
    let dial = move |asked: SocketAddr| {
        let judged: IpAddr = address.parse().expect("an address");
        assert_eq!(asked.ip(), judged, "dialled what was judged");
        assert!([PORT, MIRROR_PORT].contains(&asked.port()), "{asked}");
        TcpStream::connect(real.ok_or_else(|| io::Error::other("the test has no such host"))?)
    };
    let mirrors = [("plain.example.net", true), ("secure.example.net", false)];
    let rules = Rules {
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        mirrors: mirrors
            .map(|(host, plain)| Mirror {
                host: host.to_owned(),
                port: MIRROR_PORT,
                plain,
            })
            .into(),
        provider: None,
        of_agent: false,
        resolve: Arc::new(resolve),
        dial: Arc::new(dial),
    };
    let egress = start(&dir.path().join("socket"), rules).expect("started");
    (dir, egress)
}

fn ask(egress: &Egress, request: &str) -> String {
    let mut client = UnixStream::connect(&egress.socket).expect("connected");
    client.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("answered");
    answer
}

fn connect_to(target: &str) -> String {
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
}

#[test]
fn only_connect_to_port_443_of_a_name_is_understood() {
    let (_dir, egress) = proxy(ANY, "8.8.8.8", None);
    for (request, status, word) in [
        (
            "GET http://example.org/ HTTP/1.1\r\n\r\n".to_owned(),
            "405",
            "CONNECT",
        ),
        (connect_to("example.org:80"), "403", "port 80"),
        (connect_to("example.org:22"), "403", "port 22"),
        (connect_to("example.org"), "400", "no port"),
        (connect_to("8.8.8.8:443"), "403", "not a host name"),
        (connect_to("[::1]:443"), "403", "not a host name"),
        (connect_to("0x7f000001:443"), "403", "not a host name"),
        (connect_to("2130706433:443"), "403", "not a host name"),
        (connect_to("127.1:443"), "403", "not a host name"),
        (connect_to("localhost:443"), "403", "not a host name"),
        (connect_to("exa mple.org:443"), "400", "three parts"),
        ("nonsense\r\n\r\n".to_owned(), "400", "three parts"),
        (
            format!("CONNECT {}\r\n\r\n", "x".repeat(2 * HEAD_BYTES_MAX)),
            "400",
            "too long",
        ),
        (
            connect_to("gone.example.org:443"),
            "502",
            "cannot be resolved",
        ),
    ] {
        let answer = ask(&egress, &request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(word),
            "{request} -> {answer}"
        );
    }
}

#[test]
fn a_name_at_a_private_address_is_refused_after_resolution() {
    for address in [
        "127.0.0.1",
        "169.254.169.254",
        "10.1.2.3",
        "100.64.0.1",
        "::1",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
    ] {
        let host = TcpListener::bind("127.0.0.1:0").expect("bound");
        let (_dir, egress) = proxy(ANY, address, host.local_addr().ok());
        let answer = ask(&egress, &connect_to("inward.example.org:443"));
        assert!(answer.starts_with("HTTP/1.1 403 "), "{address}: {answer}");
        let used = egress.finish();
        let refused = used["inward.example.org"]
            .refused
            .clone()
            .expect("a reason");
        assert!(refused.contains(address), "{refused}");
        host.set_nonblocking(true).expect("set");
        assert!(host.accept().is_err(), "nothing was dialled");
    }
}

#[test]
fn only_listed_hosts_are_reached_when_there_is_a_list() {
    let host = TcpListener::bind("127.0.0.1:0").expect("bound");
    let (_dir, egress) = proxy(
        &["one.example.org", ".deep.example.org"],
        "8.8.8.8",
        host.local_addr().ok(),
    );
    for refused in [
        "example.org",
        "xone.example.org",
        "deep.example.org",
        "evildeep.example.org",
        "one.example.org.evil.net",
    ] {
        let answer = ask(&egress, &connect_to(&format!("{refused}:443")));
        assert!(answer.starts_with("HTTP/1.1 403 "), "{refused}: {answer}");
        assert!(
            answer.contains(&format!("--setup-host {refused}`")),
            "{answer}"
        );
    }
    for good in ["a.example.org", ".example.org", "*.example.org", "*"] {
        assert!(is_rule(good), "{good}");
    }
    for bad in [
        "",
        "https://a.example.org",
        "10.0.0.1",
        "a",
        "**",
        "a.example.org:443",
    ] {
        assert!(!is_rule(bad), "{bad}");
    }
    let used = egress.finish();
    assert!(used["example.org"].unlisted, "{used:?}");
    assert!(is_allowed(
        "one.example.org",
        &["ONE.example.org".to_owned()]
    ));
    assert!(is_allowed(
        "a.b.deep.example.org",
        &["*.deep.example.org".to_owned()]
    ));
}

#[test]
fn a_plain_mirror_is_asked_by_get_and_head_alone_and_once_a_connection() {
    let host = TcpListener::bind("127.0.0.1:0").expect("bound");
    let (_dir, egress) = proxy(&[], "8.8.8.8", host.local_addr().ok());
    for (request, status) in [
        (
            "POST http://plain.example.net:8081/x HTTP/1.1\r\n\r\n",
            "405",
        ),
        ("GET http://plain.example.net/x HTTP/1.1\r\n\r\n", "405"),
        (
            "GET http://secure.example.net:8081/x HTTP/1.1\r\n\r\n",
            "405",
        ),
        (
            "GET http://other.example.net:8081/x HTTP/1.1\r\n\r\n",
            "405",
        ),
        (
            "GET http://plain.example.net:8081/x HTTP/1.1\r\nContent-Length: 5\r\n\r\nstuff",
            "400",
        ),
        (
            "GET http://plain.example.net:8081/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400",
        ),
        (
            "GET http://plain.example.net:8081/x HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
            "400",
        ),
        ("CONNECT plain.example.net:8081 HTTP/1.1\r\n\r\n", "403"),
    ] {
        let answer = ask(&egress, request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request} -> {answer}"
        );
    }
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = host.accept().expect("connected");
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("read");
            got.extend(byte);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\nlist")
            .expect("written");
        stream.shutdown(Shutdown::Write).expect("ended");
        let mut more = Vec::new();
        stream.read_to_end(&mut more).expect("read to the end");
        (String::from_utf8(got).expect("text"), more)
    });
    let request = "GET http://Plain.example.net:8081/simple/?a=b HTTP/1.1\r\nHost: evil.example.org\r\nAccept: */*\r\n\
                   Proxy-Authorization: x\r\nConnection: keep-alive\r\n\r\n\
                   POST http://plain.example.net:8081/ HTTP/1.1\r\n\r\n";
    assert_eq!(ask(&egress, request), "HTTP/1.1 200 OK\r\n\r\nlist");
    let (got, more) = serving.join().expect("served");
    assert_eq!(
        got,
        "GET /simple/?a=b HTTP/1.1\r\nHost: Plain.example.net:8081\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(more, b"", "what came after the request went nowhere");
    assert_eq!(egress.finish()["plain.example.net"].connections, 1);
}

#[test]
fn a_mirror_is_reached_at_its_own_port_and_judged_by_its_address() {
    let host = TcpListener::bind("127.0.0.1:0").expect("bound");
    let (_dir, egress) = proxy(&[], "8.8.8.8", host.local_addr().ok());
    let mut client = UnixStream::connect(&egress.socket).expect("connected");
    client
        .write_all(connect_to("secure.example.net:8081").as_bytes())
        .expect("sent");
    let mut established = [0u8; 12];
    client.read_exact(&mut established).expect("answered");
    assert_eq!(&established, b"HTTP/1.1 200");
    let (_dir, inward) = proxy(&[], "10.0.0.7", host.local_addr().ok());
    let answer = ask(&inward, &connect_to("secure.example.net:8081"));
    assert!(answer.contains("private network"), "{answer}");
}

/// A tunnel to `Host.Example.ORG` through which nothing was sent yet.
fn tunnel(egress: &Egress) -> UnixStream {
    let mut client = UnixStream::connect(&egress.socket).expect("connected");
    client
        .write_all(connect_to("Host.Example.ORG:443").as_bytes())
        .expect("sent");
    let mut established = [0u8; 39];
    client.read_exact(&mut established).expect("answered");
    assert!(established.starts_with(b"HTTP/1.1 200 "));
    client
}

/// What a server says when it goes on, and when it wants a second greeting.
fn says(random: [u8; 32]) -> Vec<u8> {
    [
        &[22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3][..],
        &random,
        &[0, 0x13, 0x01, 0],
    ]
    .concat()
}

const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[test]
fn bytes_pass_both_ways_behind_the_greeting_and_are_counted_by_name() {
    let host = TcpListener::bind("127.0.0.1:0").expect("bound");
    let (_dir, egress) = proxy(ANY, "8.8.8.8", host.local_addr().ok());
    let greeting = hello::tests::greeting("host.example.org");
    let heard = greeting.len() + 9;
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = host.accept().expect("connected");
        let mut got = vec![0u8; heard - 9];
        stream.read_exact(&mut got).expect("read");
        stream.write_all(&says([9; 32])).expect("written");
        let mut late = [0u8; 9];
        stream.read_exact(&mut late).expect("read");
        stream.write_all(b"answer").expect("written");
        got.extend(late);
        got
    });
    let mut client = UnixStream::connect(&egress.socket).expect("connected");
    // The half of a greeting that is sent ahead with the request reaches the host first, and with it what stands behind the rest.
    let (first, rest) = greeting.split_at(greeting.len() / 2);
    let request = connect_to("Host.Example.ORG:443");
    client
        .write_all(&[request.as_bytes(), first].concat())
        .expect("sent");
    for byte in rest {
        client.write_all(&[*byte]).expect("sent");
    }
    client.write_all(b"early").expect("sent");
    client.write_all(b"late").expect("sent");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("answered");
    assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"answer"));
    let got = serving.join().expect("served");
    assert!(got.starts_with(&greeting) && got.ends_with(b"earlylate"));
    let used = egress.finish();
    let used = &used["host.example.org"];
    assert_eq!(
        (used.connections, used.bytes_up, used.bytes_down),
        (1, heard as u64, 6 + says(RETRY).len() as u64)
    );
    assert_eq!(used.refused, None);
}

/// Another tenant of an allowed host's address is not reached, and neither is anything that is no TLS.
#[test]
fn a_greeting_of_another_host_never_reaches_the_address() {
    let other = hello::tests::greeting("other.example.net");
    let nameless = hello::tests::greeting("192.0.2.7");
    for (sent, word) in [
        (&other[..], "names another host"),
        (&nameless[..], "names no host"),
        (
            b"GET / HTTP/1.1\r\nHost: host.example.org\r\n\r\n",
            "is no TLS greeting",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no TLS greeting"),
    ] {
        let host = TcpListener::bind("127.0.0.1:0").expect("bound");
        let (_dir, egress) = proxy(ANY, "8.8.8.8", host.local_addr().ok());
        let mut client = tunnel(&egress);
        client.write_all(sent).expect("sent");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("ended");
        assert_eq!(answer, hello::UNKNOWN_NAME, "{word}");
        let (mut server, _) = host.accept().expect("the address was reached");
        let mut got = Vec::new();
        server.read_to_end(&mut got).expect("ended");
        assert_eq!(got, b"", "{word}: no byte came");
        let used = egress.finish();
        let refused = used["host.example.org"].refused.clone().expect("a reason");
        assert!(refused.contains(word), "{refused}");
    }
}

/// One deadline for all of it, whoever is silent; the time of a real proxy, so all three at once.
#[test]
fn who_falls_silent_while_a_tunnel_begins_is_ended_and_named() {
    let silent = |greets: bool, answers: bool, word: &str| {
        let host = TcpListener::bind("127.0.0.1:0").expect("bound");
        let (_dir, egress) = proxy(ANY, "8.8.8.8", host.local_addr().ok());
        let mut client = tunnel(&egress);
        let (mut server, _) = host.accept().expect("connected");
        if greets {
            let greeting = hello::tests::greeting("host.example.org");
            client.write_all(&greeting).expect("sent");
            server
                .read_exact(&mut vec![0; greeting.len()])
                .expect("read");
        }
        if answers {
            server.write_all(&says(RETRY)).expect("written");
        }
        client.read_to_end(&mut Vec::new()).expect("ended");
        let refused = egress.finish()["host.example.org"].refused.clone();
        let refused = refused.expect("a reason");
        assert!(
            refused.contains(word) && refused.contains("within 20 s"),
            "{refused}"
        );
    };
    std::thread::scope(|scope| {
        scope.spawn(|| silent(false, false, "no whole TLS greeting came"));
        scope.spawn(|| silent(true, false, "did not answer"));
        scope.spawn(|| silent(true, true, "no whole TLS greeting came"));
    });
}

/// A server may ask for a second greeting, and would follow the name in that one.
#[test]
fn a_second_greeting_is_held_to_the_same_name() {
    for (second, passes) in [("host.example.org", true), ("other.example.net", false)] {
        let host = TcpListener::bind("127.0.0.1:0").expect("bound");
        let (_dir, egress) = proxy(ANY, "8.8.8.8", host.local_addr().ok());
        let first = hello::tests::greeting("host.example.org");
        let second = hello::tests::greeting(second);
        let serving = std::thread::spawn({
            let (first, before) = (first.len(), 6);
            move || {
                let (mut stream, _) = host.accept().expect("connected");
                let mut got = vec![0u8; first];
                stream.read_exact(&mut got).expect("read");
                // A warning before it changes nothing.
                let warning = [21, 3, 3, 0, 2, 1, 112];
                let said = [&warning[..], &says(RETRY)].concat();
                stream.write_all(&said).expect("written");
                let mut cipher = vec![0u8; before];
                stream.read_exact(&mut cipher).expect("read");
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).expect("ended");
                rest
            }
        });
        let mut client = tunnel(&egress);
        // All at once: what is sent before the server asked is judged like what is sent after.
        let ccs = [20, 3, 3, 0, 1, 1];
        client
            .write_all(&[&first[..], &ccs, &second, b"more"].concat())
            .expect("sent");
        client.shutdown(Shutdown::Write).expect("ended");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("ended");
        let rest = serving.join().expect("served");
        match passes {
            true => assert!(rest.starts_with(&second) && rest.ends_with(b"more")),
            false => assert_eq!(rest, b""),
        }
        assert_eq!(answer.ends_with(&hello::UNKNOWN_NAME), !passes);
        assert_eq!(
            egress.finish()["host.example.org"].refused.is_none(),
            passes
        );
    }
}

#[test]
fn the_end_of_the_proxy_ends_open_connections() {
    let host = TcpListener::bind("127.0.0.1:0").expect("bound");
    let (dir, egress) = proxy(ANY, "8.8.8.8", host.local_addr().ok());
    let mut client = UnixStream::connect(&egress.socket).expect("connected");
    client
        .write_all(connect_to("host.example.org:443").as_bytes())
        .expect("sent");
    let (mut server, _) = host.accept().expect("reached");
    let mut established = [0u8; 12];
    client.read_exact(&mut established).expect("answered");
    let silent = UnixStream::connect(&egress.socket).expect("one that never asks");
    egress.finish();
    let mut rest = Vec::new();
    server
        .read_to_end(&mut rest)
        .expect("the host sees the end");
    client
        .read_to_end(&mut rest)
        .expect("the client sees the end");
    assert!(
        UnixStream::connect(dir.path().join("socket")).is_err(),
        "nobody listens any more"
    );
    drop(silent);
}

#[test]
fn too_many_connections_at_once_wait_for_their_turn() {
    let (_dir, egress) = proxy(ANY, "8.8.8.8", None);
    let mut silent: Vec<UnixStream> = (0..CONNECTIONS_MAX)
        .map(|_| UnixStream::connect(&egress.socket).expect("connected"))
        .collect();
    while egress.shared.slots().open < CONNECTIONS_MAX {
        std::thread::yield_now();
    }
    let mut late = UnixStream::connect(&egress.socket).expect("queued");
    late.write_all(connect_to("example.org:80").as_bytes())
        .expect("sent");
    silent.pop();
    let mut answer = String::new();
    late.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!(egress.shared.slots().most, CONNECTIONS_MAX);
}

#[test]
fn a_proxy_with_all_places_taken_still_ends() {
    let (_dir, egress) = proxy(ANY, "8.8.8.8", None);
    let silent: Vec<UnixStream> = (0..CONNECTIONS_MAX + 1)
        .map(|_| UnixStream::connect(&egress.socket).expect("connected"))
        .collect();
    while egress.shared.slots().open < CONNECTIONS_MAX {
        std::thread::yield_now();
    }
    egress.finish();
    drop(silent);
}
