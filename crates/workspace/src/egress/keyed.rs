//! The proxy as a provider: TLS to exactly the host that was named, by an authority of the test's own.

use std::net::TcpListener;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::provider::trusting;
use super::*;

const KEY: &str = "sk-ant-s3cret-0123456789";
const REQUEST: &str = "POST /v1/messages HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\n\r\n{}";

/// How long an answer is waited for that must come at once.
const ANSWER_S: u64 = 30;

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
    let provider = Provider::new(Api::Anthropic, url, near, Some(KEY.to_owned())).expect("a base");
    proxy_of(provider, at, real, trusts)
}

fn proxy_of(
    mut provider: Provider,
    at: &'static str,
    real: SocketAddr,
    trusts: bool,
) -> (tempfile::TempDir, Egress) {
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
    ask_for(egress, REQUEST)
}

fn ask_for(egress: &Egress, request: &str) -> String {
    let mut client = UnixStream::connect(&egress.socket).expect("connected");
    let patience = Some(Duration::from_secs(ANSWER_S));
    client.set_read_timeout(patience).expect("set");
    client.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("answered");
    answer
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
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

/// A listener that nobody may reach, and a provider of that wire behind it.
fn closed(api: Api) -> (TcpListener, tempfile::TempDir, Egress) {
    let closed = TcpListener::bind("127.0.0.1:0").expect("bound");
    let real = closed.local_addr().expect("bound");
    let provider = Provider::new(api, "http://forge", true, Some(KEY.to_owned())).expect("a base");
    let (dir, egress) = proxy_of(provider, "127.0.0.1", real, true);
    closed.set_nonblocking(true).expect("set");
    (closed, dir, egress)
}

#[test]
fn what_would_send_a_provider_elsewhere_reaches_it_not() {
    for (api, path, body, why) in [
        (
            Api::Anthropic,
            "/v1/messages",
            r#"{"mcp_servers":[{"type":"url","url":"https://e.net"}]}"#,
            "mcp_servers",
        ),
        (
            Api::Anthropic,
            "/v1/messages",
            r#"{"tools":[{"type":"web_fetch_20260209","name":"f"}]}"#,
            "web_fetch",
        ),
        (
            Api::Anthropic,
            "/v1/messages/count_tokens",
            r#"{"tools":[{"type":"web_search_20250305"}]}"#,
            "web_search",
        ),
        (
            Api::Anthropic,
            "/v1/messages",
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://e.net/a"}}]}]}"#,
            "source",
        ),
        (
            Api::Openai,
            "/v1/responses",
            r#"{"tools":[{"type":"mcp","server_url":"https://e.net"}]}"#,
            "mcp",
        ),
        (
            Api::Openai,
            "/v1/chat/completions",
            r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://e.net/a"}}]}]}"#,
            "image_url",
        ),
        (Api::Openai, "/v1/responses", "{\"model\":\"a\"", "no JSON"),
    ] {
        let (closed, _dir, egress) = closed(api);
        let answer = ask_for(&egress, &post(path, body));
        assert!(
            answer.starts_with("HTTP/1.1 40") && answer.contains(why),
            "{body}: {answer}"
        );
        // Programs show the message of an error in the provider's own form, and do not try again what they are told not to.
        assert!(
            answer.contains("\"message\":\"alai: ") && answer.contains("x-should-retry: false"),
            "{answer}"
        );
        assert!(closed.accept().is_err(), "nothing was dialled: {body}");
        let used = egress.finish();
        assert!(
            used["forge"]
                .refused
                .as_ref()
                .is_some_and(|said| said.contains(why)),
            "{used:?}"
        );
    }
}

#[test]
fn a_provider_is_asked_by_few_at_once() {
    let (_closed, _dir, egress) = closed(Api::Anthropic);
    let silent: Vec<UnixStream> = (0..20)
        .map(|_| UnixStream::connect(&egress.socket).expect("connected"))
        .collect();
    while egress.shared.slots().open < 8 {
        std::thread::yield_now();
    }
    drop(silent);
    // Those before it had their turn.
    let answer = ask_for(&egress, "GET /v1/files HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!(egress.shared.slots().most, 8);
}

#[test]
fn the_bodies_of_all_requests_together_have_an_end() {
    let (_closed, _dir, egress) = closed(Api::Anthropic);
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\ncontent-length: {}\r\n\r\n",
        32 << 20
    );
    let mut clients: Vec<UnixStream> = (0..3)
        .map(|_| {
            let mut client = UnixStream::connect(&egress.socket).expect("connected");
            client.write_all(head.as_bytes()).expect("sent");
            client.set_nonblocking(true).expect("set");
            client
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(ANSWER_S);
    let mut status = [0_u8; 12];
    while !clients
        .iter_mut()
        .any(|client| client.read_exact(&mut status).is_ok())
    {
        assert!(Instant::now() < until, "all three were taken");
        std::thread::yield_now();
    }
    assert_eq!(&status, b"HTTP/1.1 503");
}

#[test]
fn a_proxy_goes_on_after_a_connection_that_could_not_be_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("socket");
    let provider = Provider::new(Api::Anthropic, "http://forge", true, None).expect("a base");
    let mut failures = vec![libc::ECONNABORTED, libc::EMFILE];
    let egress = start_with(
        &socket,
        Rules::of_key(provider),
        move |listener| match failures.pop() {
            Some(error) => Err(io::Error::from_raw_os_error(error)),
            None => listener.accept().map(|(client, _)| client),
        },
    );
    let egress = egress.expect("started");
    let answer = ask_for(&egress, "GET /v1/files HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[test]
fn what_an_answer_used_is_counted_though_nobody_reads_it_and_then_nothing_more_is_begun() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let real = listener.local_addr().expect("bound");
    let price = |model: &str, t: alai_core::money::Tokens| {
        assert_eq!(model, "m");
        t.input + 10 * t.output
    };
    let meter = Arc::new(Meter::new(200, Arc::new(price)));
    let provider = Provider::new(Api::Anthropic, "http://forge", true, Some(KEY.to_owned()));
    let provider = provider.expect("a base").counted_by(Arc::clone(&meter));
    let (_dir, egress) = proxy_of(provider, "127.0.0.1", real, true);
    let request = post(
        "/v1/messages",
        r#"{"model":"m","max_tokens":5,"stream":true}"#,
    );
    let mut client = UnixStream::connect(&egress.socket).expect("connected");
    client.write_all(request.as_bytes()).expect("sent");
    let (mut server, _) = listener.accept().expect("asked");
    let mut heard = Vec::new();
    while !heard.ends_with(b"}") {
        let mut byte = [0];
        server.read_exact(&mut byte).expect("asked");
        heard.extend(byte);
    }
    // It goes away before the answer says what it used.
    drop(client);
    let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n\
                  data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n";
    server.write_all(events.as_bytes()).expect("answered");
    server.write_all(&[b'\n'; 100_000]).expect("answered");
    let end = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":10}}\n\n";
    server.write_all(end.as_bytes()).expect("answered");
    drop(server);
    let until = Instant::now() + Duration::from_secs(ANSWER_S);
    while meter.counted().microusd == 0 {
        assert!(Instant::now() < until, "{meter:?}");
        std::thread::yield_now();
    }
    assert_eq!((meter.counted().microusd, meter.counted().untold), (200, 0));
    let answer = ask_for(&egress, &request);
    assert!(
        answer.starts_with("HTTP/1.1 402 ") && answer.contains("is spent"),
        "{answer}"
    );
    // What costs nothing goes on, and is not counted.
    let free = UnixStream::connect(&egress.socket).expect("connected");
    (&free)
        .write_all(post("/v1/messages/count_tokens", "{}").as_bytes())
        .expect("sent");
    listener.accept().expect("asked");
    assert_eq!((meter.counted().requests, meter.counted().refused), (1, 1));
}

#[test]
fn a_stream_that_does_not_tell_what_it_uses_is_not_begun_where_it_is_paid() {
    let (closed, _dir, egress) = closed(Api::Openai);
    drop(egress);
    let meter = Arc::new(Meter::new(200, Arc::new(|_: &str, _| 1)));
    let provider = Provider::new(Api::Openai, "http://forge", true, None).expect("a base");
    let real = closed.local_addr().expect("bound");
    let (_dir, egress) = proxy_of(provider.counted_by(meter), "127.0.0.1", real, true);
    let answer = ask_for(&egress, &post("/v1/chat/completions", r#"{"stream":true}"#));
    assert!(answer.contains("include_usage"), "{answer}");
    assert!(closed.accept().is_err(), "nothing was dialled");
}
