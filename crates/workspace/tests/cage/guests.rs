//! An agent's own program in its cage, as a prisoner: it may read its login and speak to its provider, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;

use alai_core::cage::{Property, promises};
use alai_workspace::cage::{CageSpec, Layer};
use serde::{Deserialize, Serialize};

use crate::world::{LAUNCHER, World, token, until_holders, worlds};

const LOGIN: &str = "{\"claudeAiOauth\":{\"accessToken\":\"s3cret-token\"}}";
const KEY: &str = "sk-ant-s3cret-0123456789";
const PROXY: &str = "127.0.0.1:18931";

#[derive(Serialize)]
struct Wanted {
    spec: CageSpec,
    program: PathBuf,
    config: PathBuf,
    login: Option<(PathBuf, String)>,
    hosts: Vec<String>,
    provider: Option<(String, String)>,
    lends: bool,
}

#[derive(Debug, Deserialize)]
struct Said {
    stdout: String,
    stderr: String,
    success: bool,
    layers: Vec<String>,
    used: BTreeMap<String, (u64, Option<String>)>,
}

/// A person's home with a login in it, which is nobody else's to read, and a guest of its own.
struct Hotel<'a> {
    world: &'a World,
    person: PathBuf,
}

impl Hotel<'_> {
    fn of(world: &World) -> Hotel<'_> {
        let person = world.path("person");
        let folder = person.join(".claude");
        fs::create_dir_all(folder.join("projects")).unwrap();
        for (name, text) in [
            (".credentials.json", LOGIN),
            ("settings.json", "{\"hooks\":{\"Stop\":\"s3cret-hook\"}}"),
            ("history.jsonl", "s3cret-history"),
            ("projects/x.jsonl", "s3cret-project"),
        ] {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(person.join(".ssh_key"), "s3cret-ssh").unwrap();
        if let Some(user) = world.user() {
            own(&person, user);
        }
        fs::set_permissions(&person, fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir(world.path("config")).unwrap();
        world.give(&world.path("config"));
        Hotel { world, person }
    }

    fn wanted(&self) -> Wanted {
        let program = match self.world.is_ourselves() {
            true => PathBuf::from(LAUNCHER),
            false => self.world.path("launcher"),
        };
        Wanted {
            spec: self.world.spec(),
            program,
            config: self.world.path("config"),
            login: Some((self.person.join(".claude"), ".credentials.json".to_owned())),
            hosts: vec!["api.example.com".to_owned()],
            provider: None,
            lends: false,
        }
    }

    fn with_key(&self, provider: SocketAddr) -> Wanted {
        Wanted {
            login: None,
            hosts: Vec::new(),
            provider: Some((format!("http://{provider}"), KEY.to_owned())),
            ..self.wanted()
        }
    }

    fn run(&self, wanted: &Wanted, probe: &[&str]) -> Said {
        let file = self.world.path("wanted.json");
        fs::write(&file, serde_json::to_vec(wanted).unwrap()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let layer = match self.world.layer {
            Layer::Bwrap => "bwrap",
            Layer::Own => "own",
        };
        let words = ["guest", layer, file.to_str().unwrap()];
        let output = self
            .world
            .launcher(&[&words[..], probe].concat())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| {
            let stderr = String::from_utf8_lossy(&output.stderr);
            panic!("{}: {error}: {text}{stderr}", self.world.name())
        })
    }

    /// A probe that must be refused.
    fn denied(&self, wanted: &Wanted, probe: &[&str]) {
        let said = self.run(wanted, probe);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(
            !said.success && all.contains("os error") && !all.contains("s3cret"),
            "{}: {probe:?}: {all}",
            self.world.name()
        );
    }
}

fn own(path: &std::path::Path, user: u32) {
    std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path(), user);
        }
    }
}

#[test]
fn a_guest_reads_its_login_and_nothing_beside_it() {
    for world in worlds() {
        let hotel = Hotel::of(&world);
        let wanted = hotel.wanted();
        let said = hotel.run(&wanted, &["read", "/agent/config/.credentials.json"]);
        assert_eq!(
            said.stdout.trim(),
            LOGIN,
            "{}: {}",
            world.name(),
            said.stderr
        );
        let person = hotel.person.display().to_string();
        for name in [
            ".claude/settings.json",
            ".claude/history.jsonl",
            ".claude/projects/x.jsonl",
            ".claude/.credentials.json",
            ".ssh_key",
        ] {
            hotel.denied(&wanted, &["read", &format!("{person}/{name}")]);
        }
        hotel.denied(&wanted, &["list", &person]);
        let there = hotel.run(&wanted, &["list", "/agent/login"]);
        assert_eq!(there.stdout.trim(), ".credentials.json");
        // The other two folders of a person's login that a program might look for.
        for path in ["/root/.claude", "/home/agent/.claude"] {
            hotel.denied(&wanted, &["list", path]);
        }
    }
}

#[test]
fn a_guest_reaches_the_socket_of_what_it_is_lent_and_cannot_put_another_in_its_place() {
    let socket = alai_workspace::guest::INSIDE_SOCKET;
    for world in worlds() {
        let hotel = Hotel::of(&world);
        hotel.denied(&hotel.wanted(), &["unix", socket]);
        let wanted = Wanted {
            lends: true,
            ..hotel.wanted()
        };
        let said = hotel.run(&wanted, &["unix", socket]);
        assert!(said.success, "{}: {}", world.name(), said.stderr);
        let there = hotel.run(&wanted, &["list", "/agent/lent"]);
        assert_eq!(there.stdout.trim(), "socket", "{}", world.name());
        for probe in [
            &["rename", socket, "/agent/lent/x"][..],
            &["write", "/agent/lent/new"],
            &["make-link", "/agent/config", "/agent/lent/link"],
        ] {
            hotel.denied(&wanted, probe);
        }
    }
}

#[test]
fn a_guest_cannot_change_its_login_and_its_cage_says_that_it_has_one() {
    for world in worlds() {
        let hotel = Hotel::of(&world);
        let wanted = hotel.wanted();
        for probe in [
            &["write", "/agent/login/.credentials.json"][..],
            &["write", "/agent/config/.credentials.json"],
            &["truncate", "/agent/login/.credentials.json"],
            &["rename", "/agent/login/.credentials.json", "/agent/login/x"],
            &["chmod", "/agent/login/.credentials.json"],
            &["write", "/agent/login/new"],
        ] {
            hotel.denied(&wanted, probe);
        }
        // The link is its own; what it led to is not.
        let said = hotel.run(
            &wanted,
            &[
                "rename",
                "/agent/config/.credentials.json",
                "/agent/config/x",
            ],
        );
        assert!(said.success, "{}", said.stdout);
        let login = hotel.person.join(".claude/.credentials.json");
        assert_eq!(fs::read_to_string(login).unwrap(), LOGIN);
        let lacking = promises(&said.layers).lacking;
        assert_eq!(
            lacking,
            [Property::OwnNetwork, Property::NoSecret],
            "{:?}",
            said.layers
        );
        assert!(said.layers.contains(&"login:probe".to_owned()));
        assert!(said.layers.contains(&"egress:api.example.com".to_owned()));
        // What was shown of the login is on no disk.
        let config = fs::read_dir(world.path("config")).unwrap().flatten();
        for entry in config {
            assert!(fs::symlink_metadata(entry.path()).unwrap().is_symlink());
        }
    }
}

#[test]
fn a_guest_reaches_its_provider_s_host_and_no_other() {
    for world in worlds() {
        let hotel = Hotel::of(&world);
        let wanted = hotel.wanted();
        for (request, why) in [
            (
                "CONNECT evil.example.org:443 HTTP/1.1\r\n\r\n",
                "not a host of this agent's provider",
            ),
            (
                "CONNECT api.example.com:22 HTTP/1.1\r\n\r\n",
                "only port 443",
            ),
            (
                "CONNECT api.example.com.evil.org:443 HTTP/1.1\r\n\r\n",
                "not a host of",
            ),
            (
                "CONNECT 169.254.169.254:443 HTTP/1.1\r\n\r\n",
                "not a host name",
            ),
            ("CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", "not a host name"),
            ("GET http://api.example.com/ HTTP/1.1\r\n\r\n", "by CONNECT"),
            ("POST /v1/messages HTTP/1.1\r\n\r\n", "by CONNECT"),
        ] {
            let said = hotel.run(&wanted, &["ask", PROXY, request]);
            assert!(
                said.stdout.starts_with("HTTP/1.1 40") && said.stdout.contains(why),
                "{}: {request}: {}{}",
                world.name(),
                said.stdout,
                said.stderr
            );
        }
        let said = hotel.run(
            &wanted,
            &[
                "ask",
                PROXY,
                "CONNECT evil.example.org:443 HTTP/1.1\r\n\r\n",
            ],
        );
        let (connections, refused) = &said.used["evil.example.org"];
        assert_eq!(*connections, 0);
        assert!(
            refused
                .as_ref()
                .is_some_and(|why| why.contains("evil.example.org"))
        );
        for address in ["192.0.2.1:443", "169.254.169.254:80", "8.8.8.8:53"] {
            hotel.denied(&wanted, &["tcp", address]);
            hotel.denied(&wanted, &["udp", address]);
        }
        let said = hotel.run(&wanted, &["resolve", "api.example.com"]);
        assert!(
            !said.success,
            "there is no resolver inside: {}",
            said.stdout
        );
    }
}

/// A provider that answers each request with what it was sent.
fn provider(requests: usize) -> (SocketAddr, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let heard = |stream: std::io::Result<TcpStream>| {
            let mut stream = stream.unwrap();
            let mut text = Vec::new();
            let mut part = [0_u8; 4096];
            while !text.ends_with(b"{\"top_k\":1}") {
                let count = stream.read(&mut part).unwrap();
                text.extend_from_slice(&part[..count]);
                if count == 0 {
                    break;
                }
            }
            let text = String::from_utf8(text).unwrap();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            );
            stream.write_all(answer.as_bytes()).unwrap();
            text
        };
        listener.incoming().take(requests).map(heard).collect()
    });
    (address, serving)
}

#[test]
fn a_key_is_added_outside_and_is_nowhere_inside() {
    for world in worlds() {
        let hotel = Hotel::of(&world);
        let (address, serving) = provider(2);
        let wanted = hotel.with_key(address);
        let length = "POST /v1/messages?beta=true HTTP/1.1\r\nHost: x\r\nx-api-key: placeholder\r\nauthorization: Bearer p\r\n\
                      content-type: application/json\r\ncontent-length: 11\r\n\r\n{\"top_k\":1}";
        let chunked = "POST /v1/messages HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"t\r\n8;x=y\r\nop_k\":1}\r\n0\r\n\r\n";
        for request in [length, chunked] {
            let said = hotel.run(&wanted, &["ask", PROXY, request]);
            assert!(
                said.stdout.starts_with("HTTP/1.1 200 OK"),
                "{}: {said:?}",
                world.name()
            );
            assert!(
                !said.stdout.contains(KEY) && !said.stdout.contains("Set-Cookie"),
                "{said:?}"
            );
            assert!(
                said.stdout.contains(&"*".repeat(KEY.len())),
                "it is masked: {said:?}"
            );
            assert!(said.layers.contains(&"provider:127.0.0.1".to_owned()));
            assert_eq!(promises(&said.layers).lacking, []);
        }
        let heard = serving.join().unwrap();
        for text in &heard {
            assert!(text.contains(&format!("x-api-key: {KEY}\r\n")), "{text}");
            assert!(
                !text.contains("placeholder") && !text.contains("Bearer"),
                "{text}"
            );
            assert!(
                text.contains("content-length: 11\r\n\r\n{\"top_k\":1}"),
                "{text}"
            );
        }
        assert!(heard[0].starts_with("POST /v1/messages?beta=true HTTP/1.1\r\n"));
        for request in [
            "GET /v1/organizations HTTP/1.1\r\n\r\n",
            "POST /v1/files HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
            "DELETE /v1/messages HTTP/1.1\r\n\r\n",
            "POST http://127.0.0.1/v1/messages HTTP/1.1\r\n\r\n",
            "CONNECT api.example.com:443 HTTP/1.1\r\n\r\n",
        ] {
            let said = hotel.run(&wanted, &["ask", PROXY, request]);
            assert!(
                said.stdout.starts_with("HTTP/1.1 40"),
                "{request}: {said:?}"
            );
        }
        for probe in [
            &["read", "/proc/self/environ"][..],
            &["read", "/proc/1/environ"],
            &["read", "/proc/1/cmdline"],
            &["status"],
            &["list", "/agent/config"],
        ] {
            let said = hotel.run(&wanted, probe);
            assert!(!said.stdout.contains("s3cret"), "{probe:?}: {said:?}");
        }
        hotel.denied(&wanted, &["list", "/agent/login"]);
        hotel.denied(&wanted, &["tcp", &address.to_string()]);
    }
}

#[test]
fn what_a_guest_leaves_behind_ends_with_it() {
    for world in worlds() {
        let hotel = Hotel::of(&world);
        let token = token();
        let said = hotel.run(&hotel.wanted(), &["daemon", &token]);
        assert!(said.success, "{}: {said:?}", world.name());
        until_holders("hold", &token, 0);
    }
}
