//! Real toolchains inside: those of this machine, wherever they live, root's home too. And the one way out of a set-up step.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use alai_workspace::cage::{CageSpec, Network, UnixSocketForward};
use alai_workspace::toolchains::toolchains;

use crate::world::{INSIDE, World, worlds};

/// A cage with this machine's toolchains, and a `CARGO_HOME` of its own.
fn spec_with_tools(world: &World) -> CageSpec {
    let host_env: BTreeMap<String, String> = std::env::vars().collect();
    let tools = toolchains(&host_env);
    let mut spec = world.spec();
    spec.toolchains = tools.binds;
    spec.path = tools.path;
    spec.env.extend(tools.env);
    spec.env
        .push(("CARGO_HOME".to_owned(), "/home/agent/cargo".to_owned()));
    spec
}

/// On the host's PATH; what a machine lacks cannot be tried on it.
fn installed(tool: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .any(|dir| Path::new(dir).join(tool).is_file())
}

#[test]
fn cargo_builds_and_tests_a_crate_inside() {
    // These tests are built by cargo, so it is there.
    for world in worlds().into_iter().filter(World::is_ourselves) {
        let spec = spec_with_tools(&world);
        let files = [
            (
                "Cargo.toml",
                "[package]\nname = \"inner\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
            ),
            (
                "src/lib.rs",
                "#[test]\nfn runs() { assert_eq!(1 + 1, 2); }\n",
            ),
        ];
        fs::create_dir(world.path("work/src")).unwrap();
        world.give(&world.path("work/src"));
        for (name, text) in files {
            fs::write(world.path("work").join(name), text).unwrap();
            world.give(&world.path("work").join(name));
        }
        let captured = world.run_spec(&spec, &["cargo", "test", "--offline"]);
        assert!(
            captured.success(),
            "{}: {}",
            world.name(),
            captured.combined()
        );
        assert!(
            captured.stdout.contains("test runs ... ok"),
            "{}",
            captured.stdout
        );
        let secret = format!("{}/.config", std::env::var("HOME").unwrap());
        assert!(!world.run_spec(&spec, &[INSIDE, "list", &secret]).success());
    }
}

#[test]
fn python_node_go_and_git_run_inside() {
    let python = "import socket, threading, multiprocessing as m\n\
        s = socket.create_server(('127.0.0.1', 0))\n\
        t = threading.Thread(target=lambda: s.accept()[0].sendall(b'hi')); t.start()\n\
        print(socket.create_connection(s.getsockname()).recv(2).decode(), m.Process(target=int).start())";
    let node = "const net = require('net'); const os = require('os'); os.networkInterfaces();\
        const s = net.createServer(c => c.end('hi')).listen(0, '127.0.0.1', () => {\
        net.connect(s.address().port, '127.0.0.1').on('data', d => { console.log(String(d)); s.close(); }); });";
    let git = "git init -q . && git config user.name a && git config user.email a@b && echo x > f && git add f \
        && git commit -qm first && git log --format=%s";
    let go = "printf 'package main\\nimport \"net\"\\nfunc main() { i, e := net.Interfaces(); println(len(i), e == nil) }' > m.go \
        && go run m.go";
    let cases: [(&str, Vec<&str>, &str); 4] = [
        ("python3", vec!["python3", "-c", python], "hi None"),
        ("node", vec!["node", "-e", node], "hi"),
        ("git", vec!["sh", "-c", git], "first"),
        ("go", vec!["sh", "-c", go], "1 true"),
    ];
    for world in worlds() {
        // Another user may not enter our home; its tools are the system's.
        let spec = if world.is_ourselves() {
            spec_with_tools(&world)
        } else {
            world.spec()
        };
        for (tool, words, expected) in &cases {
            if !installed(tool)
                || !world
                    .run_spec(&spec, &["sh", "-c", &format!("command -v {tool}")])
                    .success()
            {
                assert!(
                    !world.is_ourselves() || !installed(tool),
                    "{tool} is installed, but not inside"
                );
                continue;
            }
            let captured = world.run_spec(&spec, words);
            let said = captured.combined();
            assert!(
                captured.success() && said.contains(expected),
                "{}: {tool}: {said}",
                world.name()
            );
        }
    }
}

#[test]
fn one_port_leads_to_the_socket_it_was_given_and_nothing_else_leads_out() {
    for world in worlds() {
        let path = world.path("egress.sock");
        let listener = UnixListener::bind(&path).unwrap();
        world.give(&path);
        let server = thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                let mut stream = stream.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).unwrap();
                stream
                    .write_all(format!("proxy heard {text}").as_bytes())
                    .unwrap();
            }
        });
        let mut spec = world.spec();
        let forward = UnixSocketForward {
            outside_socket: path.clone(),
            inside_port: 18_080,
        };
        spec.network = Network::LoopbackAnd(forward);
        for word in ["one", "two"] {
            let captured = world.run_spec(&spec, &[INSIDE, "ask", "127.0.0.1:18080", word]);
            assert_eq!(
                captured.stdout,
                format!("proxy heard {word}\n"),
                "{}",
                world.name()
            );
            assert!(captured.record.cage.contains(&"egress-proxy".to_owned()));
        }
        server.join().unwrap();
        assert!(
            !world
                .run_spec(&spec, &[INSIDE, "tcp", "192.0.2.1:80"])
                .success()
        );
        // Without the forward the port is not there.
        world.denied(&["tcp", "127.0.0.1:18080"]);
        spec.network = Network::LoopbackAnd(UnixSocketForward {
            outside_socket: path,
            inside_port: 80,
        });
        assert!(
            world
                .try_spec(&spec, &["true"])
                .unwrap_err()
                .contains("1024")
        );
    }
}
