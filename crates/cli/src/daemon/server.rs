//! The daemon's end. Each connection writes rows and wakes the beat; none of them does work.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use alai_factory::{Factory, OpError, OpErrorKind, perform};

use super::{Answer, Ask, LINE_BYTES_MAX, Request, VERSION};

/// Connections at once. Fifty command lines and a few watchers fit; a loop of somebody's that opens more is told no.
const CONNECTIONS_MAX: usize = 256;
/// A client that says nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether the last request is answered.
const POLL: Duration = Duration::from_millis(5);

/// Shared by the connections.
#[derive(Debug)]
pub(crate) struct Server {
    factory: Arc<Factory>,
    /// `alai down --now`: running work is handed back instead of finished.
    pub(crate) now: AtomicBool,
    open: AtomicUsize,
    /// Requests that are read and not yet answered.
    answering: AtomicUsize,
}

impl Server {
    /// Waits until every request that was read is answered: a process that ends before it has answered leaves its client
    /// in doubt about what was done. Each takes a commit of the store at most.
    pub(crate) fn settle(&self) {
        while self.answering.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(POLL);
        }
    }
}

/// Listens until the process ends. The socket of a process that died is in the way and removed: whoever holds the home's
/// lock is the only daemon.
pub(crate) fn listen(factory: &Arc<Factory>) -> std::io::Result<Arc<Server>> {
    let path = factory.home().socket();
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    let server = Arc::new(Server {
        factory: Arc::clone(factory),
        now: AtomicBool::new(false),
        open: AtomicUsize::new(0),
        answering: AtomicUsize::new(0),
    });
    let accepting = Arc::clone(&server);
    std::thread::Builder::new()
        .name("socket".into())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                admit(&accepting, stream);
            }
        })?;
    Ok(server)
}

fn admit(server: &Arc<Server>, stream: UnixStream) {
    if server.open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
        server.open.fetch_sub(1, Ordering::SeqCst);
        return;
    }
    let own = Arc::clone(server);
    let started = std::thread::Builder::new()
        .name("client".into())
        .spawn(move || {
            if let Err(e) = serve(&own, &stream) {
                tracing::debug!("a client: {e}");
            }
            own.open.fetch_sub(1, Ordering::SeqCst);
        });
    if started.is_err() {
        server.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve(server: &Server, stream: &UnixStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
            return Ok(());
        }
        server.answering.fetch_add(1, Ordering::SeqCst);
        let sent = send(stream, &answer(server, &line));
        server.answering.fetch_sub(1, Ordering::SeqCst);
        sent?;
    }
}

fn send(mut stream: &UnixStream, answer: &Answer) -> std::io::Result<()> {
    let mut text = serde_json::to_string(answer)?;
    text.push('\n');
    stream.write_all(text.as_bytes())
}

#[expect(
    clippy::print_stderr,
    reason = "a daemon in the foreground says what it waits for"
)]
fn say_draining(active: usize) {
    eprintln!("alai goes down when {active} run(s) have ended; `alai down --now` hands them back");
}

fn answer(server: &Server, line: &str) -> Answer {
    let refused = |message: String| Answer::Refused {
        error: OpError::new(OpErrorKind::Usage, message, ""),
    };
    let request: Request = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(e) => return refused(format!("the daemon does not understand the request: {e}")),
    };
    if request.version != VERSION {
        return refused(format!(
            "the daemon speaks version {VERSION}, the request is version {}",
            request.version
        ));
    }
    let factory = &server.factory;
    match request.ask {
        Ask::Pulse => Answer::Pulse {
            pulse: factory.pulse(),
        },
        Ask::Fleet => Answer::Fleet {
            view: Box::new(factory.schedule()),
        },
        Ask::Explain { task, run } => {
            // A person who has just changed a pack means the changed one.
            factory.look_at_packs();
            match factory.basis(task, run.as_ref()) {
                Ok(basis) => Answer::Explained {
                    basis: Box::new(basis),
                },
                Err(e) => Answer::Refused { error: e.into() },
            }
        }
        Ask::Stop { now: true } => {
            server.now.store(true, Ordering::SeqCst);
            factory.stop();
            Answer::Stopping
        }
        Ask::Stop { now: false } => {
            factory.drain();
            say_draining(factory.pulse().active);
            Answer::Stopping
        }
        Ask::Perform { op, key } => {
            let by = match op.by(&request.actor, &key) {
                Ok(by) => by,
                Err(e) => return refused(e.to_string()),
            };
            // A person who has just changed a pack means the changed one.
            factory.look_at_packs();
            let done = perform(
                *op,
                factory.mission(),
                &factory.packs(),
                factory.config(),
                by,
                factory.now_ms(),
            );
            factory.wake();
            match done {
                Ok(outcome) => Answer::Done {
                    outcome: Box::new(outcome),
                },
                Err(error) => Answer::Refused { error },
            }
        }
    }
}
