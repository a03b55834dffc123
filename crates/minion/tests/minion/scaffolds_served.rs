//! What a developer has beside a scaffolded project: the server that it starts, asked over HTTP, and a PostgreSQL of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::scaffolds_shipped::succeeds;

/// How long a server may take until it answers.
const STARTS: Duration = Duration::from_secs(60);

/// A server under test; ended with what it started.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // `npm start` and its node are one group.
        let group = i32::try_from(self.child.id()).expect("a process id");
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_raw(group).expect("not zero"),
            rustix::process::Signal::KILL,
        );
        let _ = self.child.wait();
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

impl Server {
    /// Starts a server on a port that is free now, and waits until it answers.
    pub(crate) fn start(mut command: Command, health: &str) -> Server {
        let port = free_port();
        let name = command.get_program().to_owned();
        command
            .env("PORT", port.to_string())
            .env("HOST", "127.0.0.1")
            .env("HOSTNAME", "127.0.0.1");
        command
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .process_group(0);
        let child = command.spawn().unwrap_or_else(|e| panic!("{name:?}: {e}"));
        let mut server = Server { child, port };
        let until = Instant::now() + STARTS;
        while server
            .try_ask("GET", health, "")
            .is_none_or(|answer| answer.status != 200)
        {
            let ended = server.child.try_wait().expect("our child");
            assert!(
                ended.is_none() && Instant::now() < until,
                "{name:?} does not answer {health}: {ended:?}"
            );
            std::thread::yield_now();
        }
        server
    }

    fn try_ask(&self, method: &str, path: &str, body: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .ok()?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.try_ask(method, path, body)
            .unwrap_or_else(|| panic!("{method} {path} has no answer"))
    }

    /// Asks until it is told that it asks too often; the health check is not counted.
    pub(crate) fn is_limited(&self, path: &str, health: &str) {
        let refused = (0..400)
            .map(|_| self.ask("GET", path, ""))
            .find(|answer| answer.status == 429);
        let refused = refused.expect("a limit within 400 requests");
        assert_eq!(
            refused.header("content-type"),
            Some("application/problem+json"),
            "{}",
            refused.head
        );
        assert!(
            refused
                .header("retry-after")
                .is_some_and(|s| s.parse::<u32>().is_ok_and(|s| s >= 1)),
            "{}",
            refused.head
        );
        has_headers(&refused);
        assert_eq!(self.ask("GET", health, "").status, 200);
    }
}

pub(crate) fn has_headers(answer: &Answer) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        (
            "strict-transport-security",
            "max-age=63072000; includeSubDomains",
        ),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{}", answer.head);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

/// A PostgreSQL of its own, on a socket in a temporary folder, and on a port for those that know no sockets.
pub(crate) struct Postgres {
    dir: TempDir,
    bin: PathBuf,
    port: u16,
}

impl Postgres {
    pub(crate) fn start() -> Postgres {
        let found = succeeds_sh(
            "command -v initdb || ls /usr/lib/postgresql/*/bin/initdb | sort -V | tail -1",
        );
        let initdb = std::fs::canonicalize(found.trim()).expect("initdb");
        let bin = initdb.parent().expect("a folder").to_path_buf();
        let dir = tempfile::Builder::new()
            .prefix("pg")
            .tempdir_in("/tmp")
            .expect("a folder");
        // Socket paths have about 100 bytes, and the server refuses to be root.
        if rustix::process::getuid().is_root() {
            std::os::unix::fs::chown(dir.path(), Some(NOBODY), Some(NOBODY)).expect("we are root");
        }
        let postgres = Postgres {
            dir,
            bin,
            port: free_port(),
        };
        postgres.tool(
            "initdb",
            &["-D", "data", "-U", "app", "-A", "trust", "-E", "UTF8"],
        );
        let options = format!(
            "-k {} -p {} -c listen_addresses=127.0.0.1 -c fsync=off",
            postgres.dir.path().display(),
            postgres.port
        );
        postgres.tool(
            "pg_ctl",
            &["-D", "data", "-l", "log", "-w", "-o", &options, "start"],
        );
        let (host, port) = (
            postgres.dir.path().display().to_string(),
            postgres.port.to_string(),
        );
        postgres.tool("createdb", &["-h", &host, "-p", &port, "-U", "app", "app"]);
        postgres
    }

    fn tool(&self, name: &str, args: &[&str]) {
        let mut command = Command::new(self.bin.join(name));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("LC_ALL", "C.UTF-8");
        if rustix::process::getuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        // The server keeps what it inherits open: it gets nothing of ours.
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            status.as_ref().is_ok_and(std::process::ExitStatus::success),
            "{name}: {status:?}"
        );
    }

    /// What it answers to SQL; else what it says is wrong.
    pub(crate) fn sql(&self, text: &str) -> Result<String, String> {
        let mut command = Command::new(self.bin.join("psql"));
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text])
            .arg(self.by_socket());
        let output = command.output().expect("psql");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(said(&output.stdout)),
            false => Err(said(&output.stderr)),
        }
    }

    pub(crate) fn by_socket(&self) -> String {
        format!(
            "postgres://app@localhost/app?host={}&port={}",
            self.dir.path().display(),
            self.port
        )
    }

    pub(crate) fn by_jdbc(&self, schema: &str) -> String {
        format!(
            "jdbc:postgresql://127.0.0.1:{}/app?user=app&currentSchema={schema}",
            self.port
        )
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.tool("pg_ctl", &["-D", "data", "-m", "immediate", "-w", "stop"]);
    }
}

const NOBODY: u32 = 65_534;

fn succeeds_sh(line: &str) -> String {
    let mut sh = Command::new("sh");
    sh.args(["-c", line]);
    succeeds(sh)
}
