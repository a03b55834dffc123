//! Greetings of a real client and of hostile ones, cut in every way.

use std::sync::Arc;

use proptest::prelude::*;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;

/// The greeting of a real client.
pub(in crate::egress) fn greeting(host: &str) -> Vec<u8> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut sent = Vec::new();
    client.write_tls(&mut sent).expect("a greeting");
    sent
}

fn sized(value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short");
    [&length.to_be_bytes()[..], value].concat()
}

fn names(entries: &[(u8, &str)]) -> Vec<u8> {
    let entry = |(kind, name): &(u8, &str)| [&[*kind][..], &sized(name.as_bytes())].concat();
    sized(&entries.iter().flat_map(entry).collect::<Vec<u8>>())
}

fn body(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let extension =
        |(kind, value): &(u16, Vec<u8>)| [&kind.to_be_bytes()[..], &sized(value)].concat();
    let extensions: Vec<u8> = extensions.iter().flat_map(extension).collect();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0]);
    body.extend(sized(&[0x13, 0x01]));
    body.extend([1, 0]);
    body.extend(sized(&extensions));
    body
}

fn message(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [&[CLIENT_HELLO][..], &length[1..], body].concat()
}

/// As records of at most so many bytes.
fn records(message: &[u8], most: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[HANDSHAKE, 3, 1][..], &sized(part)].concat();
    message.chunks(most).flat_map(record).collect()
}

fn made(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    records(&message(&body(extensions)), PLAIN_MAX)
}

#[test]
fn a_real_client_names_the_host_that_it_asks_for() {
    let sent = greeting("registry.example.org");
    assert_eq!(judged(&sent, "registry.example.org"), Ok(Some(sent.len())));
    assert_eq!(judged(&sent, "example.org"), Err(Wrong::OtherName));
    // An address is no name, and a client gives none.
    assert_eq!(
        judged(&greeting("192.0.2.7"), "a.example.org"),
        Err(Wrong::NoName)
    );
}

#[test]
fn what_is_absent_hidden_doubled_or_other_does_not_pass() {
    let good = (SERVER_NAME, names(&[(0, "a.example.org")]));
    let key_share = (51_u16, vec![1, 2, 3]);
    assert!(matches!(
        judged(&made(&[key_share.clone(), good.clone()]), "a.example.org"),
        Ok(Some(_))
    ));
    let upper = (SERVER_NAME, names(&[(0, "A.Example.ORG")]));
    assert!(matches!(
        judged(&made(&[upper]), "a.example.org"),
        Ok(Some(_))
    ));
    let with = |extensions: &[(u16, Vec<u8>)]| judged(&made(extensions), "a.example.org");
    for (what, given, wrong) in [
        ("no extension", with(&[]), Wrong::NoName),
        (
            "no name",
            with(std::slice::from_ref(&key_share)),
            Wrong::NoName,
        ),
        (
            "another name",
            with(&[(0, names(&[(0, "b.example.org")]))]),
            Wrong::OtherName,
        ),
        (
            "a dot behind it",
            with(&[(0, names(&[(0, "a.example.org.")]))]),
            Wrong::OtherName,
        ),
        (
            "a NUL behind it",
            with(&[(0, names(&[(0, "a.example.org\0")]))]),
            Wrong::OtherName,
        ),
        (
            "an empty name",
            with(&[(0, names(&[(0, "")]))]),
            Wrong::OtherName,
        ),
        ("an empty list", with(&[(0, names(&[]))]), Wrong::Malformed),
        (
            "two names",
            with(&[(0, names(&[(0, "a.example.org"), (0, "b.example.org")]))]),
            Wrong::Malformed,
        ),
        (
            "another type",
            with(&[(0, names(&[(1, "a.example.org")]))]),
            Wrong::Malformed,
        ),
        (
            "bytes behind the list",
            with(&[(0, [names(&[(0, "a.example.org")]), vec![0]].concat())]),
            Wrong::Malformed,
        ),
        (
            "the name twice",
            with(&[good.clone(), (0, names(&[(0, "b.example.org")]))]),
            Wrong::Malformed,
        ),
        (
            "a key share twice",
            with(&[good.clone(), key_share.clone(), key_share.clone()]),
            Wrong::Malformed,
        ),
        (
            "an encrypted greeting",
            with(&[good.clone(), (0xfe0d, vec![0; 40])]),
            Wrong::Hidden,
        ),
        (
            "an encrypted name of draft 8",
            with(&[good.clone(), (0xfe08, vec![0; 40])]),
            Wrong::Hidden,
        ),
        (
            "an encrypted name of draft 12",
            with(&[good.clone(), (0xfe0c, vec![0; 40])]),
            Wrong::Hidden,
        ),
        (
            "an encrypted name of old",
            with(&[(0xffce, vec![0; 40])]),
            Wrong::Hidden,
        ),
    ] {
        assert_eq!(given, Err(wrong), "{what}");
    }
}

#[test]
fn what_is_no_whole_greeting_in_records_of_a_handshake_does_not_pass() {
    let good = (SERVER_NAME, names(&[(0, "a.example.org")]));
    let whole = message(&body(std::slice::from_ref(&good)));
    for (what, sent, wrong) in [
        (
            "plain HTTP",
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            Wrong::NotTls,
        ),
        ("SSH", b"SSH-2.0-x\r\n".to_vec(), Wrong::NotTls),
        ("SSL 2", vec![0x80, 0x2e, 1, 3, 1], Wrong::NotTls),
        ("an alert", vec![ALERT, 3, 3, 0, 2, 1, 0], Wrong::NotTls),
        ("data", vec![APPLICATION_DATA, 3, 3, 0, 1, 1], Wrong::NotTls),
        (
            "another message",
            records(&[2, 0, 0, 1, 0], PLAIN_MAX),
            Wrong::NotTls,
        ),
        (
            "an empty record",
            vec![HANDSHAKE, 3, 1, 0, 0],
            Wrong::Malformed,
        ),
        (
            "a record without end",
            vec![HANDSHAKE, 3, 1, 0xff, 0xff],
            Wrong::Malformed,
        ),
        (
            "more behind it",
            records(&[&whole[..], &[0][..]].concat(), PLAIN_MAX),
            Wrong::Malformed,
        ),
        (
            "more inside it",
            records(
                &message(&[body(std::slice::from_ref(&good)), vec![0]].concat()),
                PLAIN_MAX,
            ),
            Wrong::Malformed,
        ),
        (
            "a greeting without end",
            records(&[&[CLIENT_HELLO, 0xff, 0, 0][..], &[0; 64][..]].concat(), 4),
            Wrong::TooLong,
        ),
        (
            "a record for each byte",
            records(&[&[CLIENT_HELLO, 0, 1, 0][..], &[0; 200][..]].concat(), 1),
            Wrong::TooLong,
        ),
    ] {
        assert_eq!(judged(&sent, "a.example.org"), Err(wrong), "{what}");
    }
    // Data between two parts of a greeting is none of it.
    let [first, rest] = [&whole[..9], &whole[9..]].map(|part| records(part, PLAIN_MAX));
    let ccs = [CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1];
    assert_eq!(
        judged(&[&first[..], &ccs, &rest].concat(), "a.example.org"),
        Err(Wrong::NotTls)
    );
}

#[test]
fn a_server_that_wants_a_second_greeting_is_told_from_one_that_goes_on() {
    let hello = |random: [u8; 32]| {
        let body = [&[3, 3][..], &random, &[0, 0x13, 0x01, 0]].concat();
        let length = u8::try_from(body.len()).expect("short");
        [&[SERVER_HELLO, 0, 0, length][..], &body].concat()
    };
    for most in [1, 3, 40, PLAIN_MAX] {
        for (random, want) in [(RETRY, Answer::Again), ([9; 32], Answer::Goes)] {
            let sent = records(&hello(random), most);
            assert_eq!(answered(&sent), Ok(Some(want)), "{most}");
            assert_eq!(answered(&sent[..sent.len() - 1]), Ok(None), "{most}");
        }
    }
    // What follows in the same record is the server's own matter.
    let more = [&hello(RETRY)[..], &[11, 0, 0, 0]].concat();
    assert_eq!(
        answered(&records(&more, PLAIN_MAX)),
        Ok(Some(Answer::Again))
    );
    assert_eq!(answered(b"HTTP/1.1 400 Bad Request"), Err(Wrong::Answer));
    let alert = |level: u8| [ALERT, 3, 3, 0, 2, level, 112];
    assert_eq!(answered(&alert(FATAL)), Ok(Some(Answer::Ends)));
    assert_eq!(answered(&alert(FATAL)[..6]), Ok(None), "not whole");
    assert_eq!(answered(&alert(3)), Err(Wrong::Answer));
    assert_eq!(answered(&[ALERT, 3, 3, 0, 1, 1, 0]), Err(Wrong::Answer));
    // After a warning the answer is still to come.
    assert_eq!(answered(&alert(1)), Ok(None));
    let warned = [&alert(1)[..], &records(&hello(RETRY), PLAIN_MAX)].concat();
    assert_eq!(answered(&warned), Ok(Some(Answer::Again)));
    assert_eq!(answered(&alert(1).repeat(RECORDS_MAX)), Err(Wrong::Answer));
}

#[test]
fn between_two_greetings_there_may_be_records_that_nobody_reads() {
    assert_eq!(between(&[]), Ok(None));
    assert_eq!(between(&[CHANGE_CIPHER_SPEC, 3, 3, 0, 1]), Ok(None));
    assert_eq!(
        between(&[CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1, HANDSHAKE]),
        Ok(Some(6))
    );
    assert_eq!(between(&[HANDSHAKE]), Ok(Some(0)));
    assert_eq!(between(b"GET /"), Err(Wrong::NotTls));
    assert_eq!(
        between(&[APPLICATION_DATA, 3, 3, 0, 0]),
        Err(Wrong::Malformed)
    );
}

fn any_extension() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let kind = any::<u16>().prop_filter("a plain one", |kind| *kind != 0 && !hides(*kind));
    (kind, proptest::collection::vec(any::<u8>(), 0..40))
}

proptest! {
    /// However it is cut into records, and wherever reading stops: never another answer than of the whole.
    #[test]
    fn a_greeting_says_the_same_in_any_pieces(
        others in proptest::collection::btree_map(any::<u16>(), any_extension(), 0..6),
        at in 0_usize..6,
        most in 40_usize..2_000,
        asks_other in any::<bool>(),
    ) {
        let mut extensions: Vec<(u16, Vec<u8>)> = Vec::new();
        for (_, one) in others {
            if extensions.iter().all(|(kind, _)| *kind != one.0) {
                extensions.push(one);
            }
        }
        let name = if asks_other { "b.example.org" } else { "a.example.org" };
        extensions.insert(at.min(extensions.len()), (SERVER_NAME, names(&[(0, name)])));
        let sent = records(&message(&body(&extensions)), most);
        let want = if asks_other { Err(Wrong::OtherName) } else { Ok(Some(sent.len())) };
        prop_assert_eq!(judged(&sent, "a.example.org"), want);
        for cut in 0..sent.len() {
            prop_assert_eq!(judged(&sent[..cut], "a.example.org"), Ok(None), "{} of {}", cut, sent.len());
        }
        let mut longer = sent.clone();
        longer.extend([CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1]);
        prop_assert_eq!(judged(&longer, "a.example.org"), want, "what comes behind it changes nothing");
    }

    /// A real greeting with a few bytes changed passes only with the name in it, and never panics.
    #[test]
    fn a_changed_greeting_passes_with_the_name_or_not_at_all(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let host = "registry.example.org";
        let mut sent = greeting(host);
        for (at, byte) in &changes {
            let at = at.index(sent.len());
            sent[at] = *byte;
        }
        let _ = (judged(&sent[..cut.index(sent.len())], host), answered(&sent), between(&sent));
        if let Ok(Some(end)) = judged(&sent, host) {
            let inside = sent[..end].to_ascii_lowercase();
            prop_assert!(inside.windows(host.len()).any(|part| part == host.as_bytes()));
        }
    }

    #[test]
    fn no_bytes_make_it_panic_and_none_without_the_name_pass(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = (answered(&bytes), between(&bytes));
        let mut framed = vec![HANDSHAKE, 3, 1];
        framed.extend(sized(&[&[CLIENT_HELLO, 0][..], &sized(&bytes)].concat()));
        prop_assert!(!matches!(judged(&bytes, "a.example.org"), Ok(Some(_))));
        prop_assert!(!matches!(judged(&framed, "a.example.org"), Ok(Some(_))));
    }
}
