//! The proxy as a provider: TLS to exactly the host that was named, by an authority of the test's own.

use std::net::TcpListener;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::provider::trusting;
use super::*;

const KEY: &str = "sk-ant-s3cret-0123456789";
const REQUEST: &str = "POST /v1/messages HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\n\r\n{}";

/// Made for these tests and good for a hundred years: an authority, and a server of api.example.com.
const AUTHORITY: &[u8] = include_bytes!("testdata/authority.der");
const SERVER: &[u8] = include_bytes!("testdata/server.der");
const SERVER_KEY: &[u8] = include_bytes!("testdata/server-key.der");

/// A server that hears one request and repeats it; what it heard, empty when nobody trusted it.
fn server() -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(SERVER_KEY.to_vec()));
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(SERVER.to_vec())], key)
        .expect("a certificate");
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let tls = ServerConnection::new(Arc::new(config)).expect("a session");
        let mut stream = StreamOwned::new(tls, stream);
        let mut heard = Vec::new();
        let mut part = [0_u8; 1024];
        while !heard.ends_with(b"{}") {
            match stream.read(&mut part) {
                Ok(count) if count > 0 => heard.extend_from_slice(&part[..count]),
                Ok(_) | Err(_) => return String::new(),
            }
        }
        let heard = String::from_utf8(heard).expect("text");
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{heard}",
            heard.len()
        );
        stream.write_all(answer.as_bytes()).expect("answered");
        stream.flush().expect("answered");
        heard
    });
    (address, serving)
}

/// A proxy to a provider whose name is at `at`, and whose every connection goes to `real`.
fn proxy(
    url: &str,
    near: bool,
    at: &'static str,
    real: SocketAddr,
    trusts: bool,
) -> (tempfile::TempDir, Egress) {
    let mut provider =
        Provider::new(Api::Anthropic, url, near, Some(KEY.to_owned())).expect("a base");
    if provider.tls.is_some() && trusts {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from(AUTHORITY.to_vec()))
            .expect("an authority");
        provider.tls = Some(trusting(roots).expect("a configuration"));
    }
    let rules = Rules {
        resolve: Arc::new(move |_: &str| Ok(vec![at.parse().expect("an address")])),
        dial: Arc::new(move |_| TcpStream::connect(real)),
        ..Rules::of_key(provider)
    };
    let dir = tempfile::tempdir().expect("a folder");
    let egress = start(&dir.path().join("socket"), rules).expect("started");
    (dir, egress)
}

fn ask(egress: &Egress) -> String {
    let mut client = UnixStream::connect(&egress.socket).expect("connected");
    client.write_all(REQUEST.as_bytes()).expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("answered");
    answer
}

#[test]
fn a_request_goes_by_tls_with_its_key_and_comes_back_without_it() {
    let (real, serving) = server();
    let (_dir, egress) = proxy("https://api.example.com", false, "8.8.8.8", real, true);
    let answer = ask(&egress);
    let heard = serving.join().expect("served");
    assert!(heard.contains(&format!("x-api-key: {KEY}\r\n")), "{heard}");
    assert!(heard.contains("Host: api.example.com\r\n"), "{heard}");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && !answer.contains(KEY),
        "{answer}"
    );
    let used = egress.finish();
    assert_eq!(used["api.example.com"].connections, 1);
}

#[test]
fn a_server_that_no_trusted_authority_knows_or_of_another_name_hears_nothing() {
    for (url, trusts) in [
        ("https://api.example.com", false),
        ("https://other.example.com", true),
    ] {
        let (real, serving) = server();
        let (_dir, egress) = proxy(url, false, "8.8.8.8", real, trusts);
        assert_eq!(ask(&egress), "", "{url}");
        assert_eq!(serving.join().expect("it ends"), "", "{url}");
    }
}

#[test]
fn a_provider_at_an_address_that_is_not_public_is_asked_only_where_it_is_one_s_own() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("bound");
    let real = closed.local_addr().expect("bound");
    for (url, near, at, refused) in [
        ("https://api.example.com", false, "127.0.0.1", true),
        ("https://api.example.com", false, "10.1.2.3", true),
        ("https://api.example.com", false, "169.254.169.254", true),
        ("http://forge", true, "169.254.169.254", true),
        ("http://forge", true, "100.100.100.200", true),
        ("http://forge", true, "fd00:ec2::254", true),
        ("http://forge", true, "::ffff:169.254.169.254", true),
    ] {
        let (_dir, egress) = proxy(url, near, at, real, true);
        let answer = ask(&egress);
        assert_eq!(
            answer.starts_with("HTTP/1.1 403 "),
            refused,
            "{url} at {at}: {answer}"
        );
        assert!(!answer.contains(KEY), "{answer}");
    }
    closed.set_nonblocking(true).expect("set");
    assert!(closed.accept().is_err(), "nothing was dialled");
    for at in ["127.0.0.1", "192.168.1.5", "100.64.0.1", "fd12::1"] {
        assert_eq!(
            address::judge_near(at.parse().expect("an address")),
            Ok(()),
            "{at}"
        );
    }
}
