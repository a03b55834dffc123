//! The way between an agent of others in its cage and what its run lends it (advice, notes, MCP servers): one line of JSON-RPC after the
//! other over a Unix socket.
//!
//! Inside, [`carry`] is a program that the agent starts as a server of its own and that only copies. Outside, [`Listening`] hands each
//! line on to whoever answers, one after the other. Whatever runs in the cage can connect, and gets what the agent would: what may be
//! asked is decided outside, by the run's role, and no secret passes here.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The word after which our own executable is this program.
pub const WORD: &str = "__lent";

/// Connections of one session, all that there ever were: an agent opens one for each server, and another where one broke.
const CONNECTIONS_MAX: usize = 256;
/// Those that are open now. Each is a thread.
const OPEN_MAX: usize = 48;
/// How soon the end of a session is seen, in nanoseconds.
const LOOK_NS: i64 = 100_000_000;
/// Bytes of one line: arguments of a call may hold a file.
const LINE_BYTES_MAX: u64 = 2 << 20;
/// Bytes of the first line, the name of what is asked.
const NAME_BYTES_MAX: usize = 128;

/// How the program is started inside a cage, and where the socket is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bridge<'a> {
    /// An executable that gives [`carry`] when it is started with [`WORD`], the socket and a name.
    pub command: &'a str,
    pub socket: &'a str,
}

impl Bridge<'_> {
    /// The arguments that make it a server of this name.
    pub(crate) fn args(&self, server: &str) -> [String; 3] {
        [WORD, self.socket, server].map(str::to_owned)
    }
}

/// `alai __lent SOCKET NAME`, started by an agent in its cage: copies between its standard input and output and the socket, whose first
/// line is the name. Gives the code to exit with.
pub fn carry() -> u8 {
    let args: Vec<String> = std::env::args().skip(2).collect();
    let [socket, name] = args.as_slice() else {
        return 2;
    };
    u8::from(carried(Path::new(socket), name).is_err())
}

fn carried(socket: &Path, name: &str) -> io::Result<()> {
    let mut out = UnixStream::connect(socket)?;
    out.write_all(format!("{name}\n").as_bytes())?;
    let mut back = out.try_clone()?;
    std::thread::spawn(move || {
        let copied = io::copy(&mut io::stdin().lock(), &mut out);
        // The other side may have closed already.
        let _ = out.shutdown(Shutdown::Write);
        copied
    });
    let mut stdout = io::stdout().lock();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = back.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        stdout.write_all(&buffer[..count])?;
        stdout.flush()?;
    }
}

/// One line for one server, and where its answer goes: none where it wants none.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) server: String,
    pub(crate) line: Vec<u8>,
    pub(crate) answer: SyncSender<Option<String>>,
}

/// Takes connections until it is dropped.
pub(crate) struct Listening {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    /// By the number of each.
    open: Mutex<BTreeMap<usize, UnixStream>>,
}

impl Listening {
    /// Hands each line to `hear`, which says whether anybody listens still.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub(crate) fn start(
        listener: UnixListener,
        hear: impl Fn(Asked) -> bool + Clone + Send + 'static,
    ) -> io::Result<Listening> {
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared::default());
        let known = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("bridge".to_owned())
            .spawn(move || known.take(&listener, &hear))?;
        Ok(Listening { shared })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for stream in self.shared.open().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, UnixStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(
        self: &Arc<Self>,
        listener: &UnixListener,
        hear: &(impl Fn(Asked) -> bool + Clone + Send + 'static),
    ) {
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: LOOK_NS,
        };
        let mut number = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            // Not a plain wait: nobody could end it without being a connection himself.
            let _ = poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&wait));
            let (stream, _) = match listener.accept() {
                Ok(taken) => taken,
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => continue,
                // The machine has no descriptor to give, for now.
                Err(_) => {
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                }
            };
            number += 1;
            // One too many is closed: its client sees that and says so.
            let Some(kept) = stream
                .try_clone()
                .ok()
                .filter(|_| number <= CONNECTIONS_MAX)
            else {
                continue;
            };
            let mut open = self.open();
            if open.len() >= OPEN_MAX {
                continue;
            }
            open.insert(number, kept);
            drop(open);
            let (hear, known) = (hear.clone(), Arc::clone(self));
            let serving = move || {
                // A connection that breaks ends itself; the others go on.
                let _ = lines(&stream, &hear);
                let _ = stream.shutdown(Shutdown::Both);
                known.open().remove(&number);
            };
            if std::thread::Builder::new().spawn(serving).is_err() {
                self.open().remove(&number);
            }
        }
    }
}

/// One line and its answer after the other, until the other end closes.
fn lines(stream: &UnixStream, hear: &impl Fn(Asked) -> bool) -> io::Result<()> {
    let mut from = BufReader::new(stream);
    let mut to = stream;
    let Some(name) = line(&mut from)?.filter(|name| name.len() <= NAME_BYTES_MAX) else {
        return Ok(());
    };
    let server = String::from_utf8_lossy(&name).into_owned();
    while let Some(line) = line(&mut from)? {
        let (answer, answered) = sync_channel(1);
        let server = server.clone();
        if !hear(Asked {
            server,
            line,
            answer,
        }) {
            return Ok(());
        }
        // Nobody answers any more where the session is over.
        let Ok(said) = answered.recv() else {
            return Ok(());
        };
        if let Some(said) = said {
            to.write_all(format!("{said}\n").as_bytes())?;
        }
    }
    Ok(())
}

/// The next line without its end; none at the end, and where one is too long.
fn line(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    from.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    match line.pop() {
        Some(b'\n') => Ok(Some(line)),
        Some(_) | None => Ok(None),
    }
}
