//! Starts a child that cannot outlive us, and watches it: feeds it, reads it, and ends it at its limits.
//!
//! One thread and one `poll`, no reader threads: nothing is left behind when a program ends, and every limit is checked in
//! one place.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::command::Cancel;
use crate::sys;

/// How often a waiting watch looks whether somebody cancelled. A person does not notice a twentieth of a second, and 20
/// wake-ups per second cost nothing measurable.
const CANCEL_LOOK: Duration = Duration::from_millis(50);

/// How long a program that was told to end in an orderly way may take before it is killed from outside. The ending of a pid
/// namespace is the kernel's work and takes milliseconds; ten seconds means that something is stuck.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// What a launcher may say over its control socket: one line of layers and one of the ending. More is a fault.
const CONTROL_BYTES_MAX: usize = 64 * 1024;

/// The limits of one watch.
pub(crate) struct Watch<'a> {
    /// Wall-clock limit.
    pub(crate) wall: Duration,
    /// Standard output and error together; beyond it the program is ended.
    pub(crate) output_bytes_max: u64,
    /// Kept of each stream: all of it up to here, else the head and the tail.
    pub(crate) output_kept: usize,
    pub(crate) cancel: &'a Cancel,
}

/// Why the watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Exited,
    TimedOut,
    Cancelled,
    TooMuchOutput,
}

/// What is known of a child after it ended.
pub(crate) struct Watched {
    pub(crate) why: Why,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
    /// What the launcher said, when there was a control socket.
    pub(crate) control: Vec<u8>,
    pub(crate) duration: Duration,
}

/// Starts `command` so that it ends when our process ends, and keeps the descriptors of `passed` open in it.
///
/// The kernel's parent-death signal fires when the *thread* that forked ends. All children are therefore started on one thread
/// that lives as long as the process, so callers may come and go on any thread.
pub(crate) fn start(command: Command, passed: &[RawFd]) -> io::Result<Child> {
    start_tied(command, passed, Tie::EndsWithUs)
}

/// [`start`], in the control group whose `cgroup.procs` is open at `group`.
pub(crate) fn start_in_group(
    mut command: Command,
    passed: &[RawFd],
    group: Option<RawFd>,
) -> io::Result<Child> {
    if let Some(group) = group {
        #[allow(
            unsafe_code,
            reason = "a program must be in its group before it can start another"
        )]
        // SAFETY: the closure makes one system call on a number and a constant, and allocates nothing.
        unsafe {
            command.pre_exec(move || sys::join_group(group));
        }
    }
    start(command, passed)
}

/// What becomes of a child when our process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    EndsWithUs,
    /// It finishes what it began: for the few milliseconds in which files of a person are half one commit and half the next,
    /// and for what only reads and ends at its first word to nobody. It is started without a copy of our memory (`posix_spawn`).
    Finishes,
}

/// [`start`], or so that the child is let finish.
pub(crate) fn start_tied(mut command: Command, passed: &[RawFd], tie: Tie) -> io::Result<Child> {
    if tie == Tie::Finishes && passed.is_empty() {
        return spawn(&mut command);
    }
    let parent = std::process::id();
    let passed = passed.to_vec();
    let in_child = move || {
        if tie == Tie::EndsWithUs {
            sys::die_with_parent()?;
            // The parent may have died before the line above; then nobody would end us.
            if u32::try_from(sys::parent_pid()) != Ok(parent) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
        }
        // What somebody left open for us is not for the child, which may outlive us by a moment.
        sys::close_over_exec()?;
        for fd in &passed {
            sys::keep_over_exec(*fd)?;
        }
        Ok(())
    };
    #[allow(
        unsafe_code,
        reason = "the parent-death signal can only be set between fork and exec"
    )]
    // SAFETY: the closure makes system calls on numbers only, and allocates nothing.
    unsafe {
        command.pre_exec(in_child);
    }
    let (reply, answer) = channel();
    let order = Order { command, reply };
    let sent = starter()
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send(order);
    match sent {
        Ok(()) => answer.recv().unwrap_or_else(|_| Err(starter_gone())),
        Err(_) => Err(starter_gone()),
    }
}

struct Order {
    command: Command,
    reply: Sender<io::Result<Child>>,
}

fn starter() -> &'static Mutex<Sender<Order>> {
    static STARTER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    STARTER.get_or_init(|| {
        let (sender, orders): (Sender<Order>, Receiver<Order>) = channel();
        // When no thread can be made the receiver is dropped, and every start says so.
        let thread = std::thread::Builder::new().name("program-starter".to_owned());
        let _ = thread.spawn(move || {
            for mut order in orders {
                let _ = order.reply.send(spawn(&mut order.command));
            }
        });
        Mutex::new(sender)
    })
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    crate::crash::point("start.before");
    let started = command.spawn();
    crate::crash::point("start.after");
    started
}

fn starter_gone() -> io::Error {
    io::Error::other("the thread that starts programs could not be created")
}

/// Feeds `input`, reads both outputs, and returns when the child has ended.
///
/// `end` is called once, at the first limit that is passed; it asks the child to end with everything that it started. When
/// that has no effect for [`END_PATIENCE`] the child itself is killed.
///
/// # Errors
/// When the kernel refuses a descriptor operation; the child has been killed and waited for then.
pub(crate) fn watch(
    child: &mut Child,
    input: &[u8],
    control: Option<&UnixStream>,
    watch: &Watch<'_>,
    end: &mut dyn FnMut(),
) -> io::Result<Watched> {
    let result = watch_inner(child, input, control, watch, end);
    if result.is_err() {
        end();
        let _ = kill_from_outside(child);
        let _ = child.wait();
    }
    result
}

fn watch_inner(
    child: &mut Child,
    input: &[u8],
    control: Option<&UnixStream>,
    watch: &Watch<'_>,
    end: &mut dyn FnMut(),
) -> io::Result<Watched> {
    let started = Instant::now();
    let ended = sys::pidfd(child.id())?;
    let mut pipes = Pipes::of(child, control, watch.output_kept)?;
    let mut unfed = input;
    let mut why = None;
    let mut kill_at = None;
    loop {
        let exited = pipes.wait(&ended, &mut unfed, pause(started, watch, kill_at))?;
        if exited {
            break;
        }
        if why.is_none() {
            why = limit_passed(started, watch, &pipes);
            if why == Some(Why::TooMuchOutput) {
                // The rest is of no use, and reading on would only make room for more of it.
                pipes.stop_reading();
            }
            if why.is_some() {
                end();
                kill_at = Some(Instant::now() + END_PATIENCE);
            }
        }
        if kill_at.is_some_and(|at| Instant::now() >= at) {
            kill_from_outside(child)?;
            kill_at = None;
        }
    }
    let status = child.wait()?;
    pipes.drain(watch.output_bytes_max)?;
    let flooded = pipes.bytes() > watch.output_bytes_max;
    Ok(Watched {
        why: why.unwrap_or(if flooded {
            Why::TooMuchOutput
        } else {
            Why::Exited
        }),
        status,
        stdout: pipes.stdout.kept,
        stderr: pipes.stderr.kept,
        control: pipes.said,
        duration: started.elapsed(),
    })
}

/// Kills a child that did not end when it was told to, and first the children that it has.
///
/// The child of a layer is pid 1 of the cage, with which everything in it dies. The kernel's parent-death signal alone is not
/// enough: a `bwrap` that root started has given up the capability to kill what has become another user.
///
/// # Errors
/// When the child itself cannot be killed.
pub(crate) fn kill_from_outside(child: &mut Child) -> io::Result<()> {
    let parent = child.id();
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    for pid in children
        .unwrap_or_default()
        .split_whitespace()
        .flat_map(str::parse)
    {
        // One that is gone meanwhile needs no killing.
        let _ = sys::kill_child_of(parent, pid, END_PATIENCE);
    }
    child.kill()
}

fn pause(started: Instant, watch: &Watch<'_>, kill_at: Option<Instant>) -> Duration {
    let left = match kill_at {
        Some(at) => at.saturating_duration_since(Instant::now()),
        None => watch.wall.saturating_sub(started.elapsed()),
    };
    CANCEL_LOOK.min(left)
}

fn limit_passed(started: Instant, watch: &Watch<'_>, pipes: &Pipes<'_>) -> Option<Why> {
    if pipes.bytes() > watch.output_bytes_max {
        return Some(Why::TooMuchOutput);
    }
    if watch.cancel.is_cancelled() {
        return Some(Why::Cancelled);
    }
    (started.elapsed() >= watch.wall).then_some(Why::TimedOut)
}

struct Pipes<'a> {
    stdin: Option<std::process::ChildStdin>,
    stdout: Pipe<std::process::ChildStdout>,
    stderr: Pipe<std::process::ChildStderr>,
    control: Option<&'a UnixStream>,
    said: Vec<u8>,
}

struct Pipe<T> {
    from: Option<T>,
    kept: Stream,
}

/// What one `poll` found ready, in the order in which it was asked.
#[derive(Clone, Copy)]
enum Ready {
    Ended,
    Stdin,
    Stdout,
    Stderr,
    Control,
}

impl<'a> Pipes<'a> {
    fn of(
        child: &mut Child,
        control: Option<&'a UnixStream>,
        kept: usize,
    ) -> io::Result<Pipes<'a>> {
        let pipes = Pipes {
            stdin: child.stdin.take(),
            stdout: Pipe {
                from: child.stdout.take(),
                kept: Stream::new(kept),
            },
            stderr: Pipe {
                from: child.stderr.take(),
                kept: Stream::new(kept),
            },
            control,
            said: Vec::new(),
        };
        for fd in [
            pipes.stdin.as_ref().map(AsFd::as_fd),
            pipes.stdout.from.as_ref().map(AsFd::as_fd),
            pipes.stderr.from.as_ref().map(AsFd::as_fd),
            pipes.control.map(AsFd::as_fd),
        ]
        .into_iter()
        .flatten()
        {
            sys::nonblocking(fd)?;
        }
        Ok(pipes)
    }

    /// Bytes read so far on both streams.
    fn bytes(&self) -> u64 {
        self.stdout
            .kept
            .bytes
            .saturating_add(self.stderr.kept.bytes)
    }

    fn stop_reading(&mut self) {
        (self.stdout.from, self.stderr.from) = (None, None);
    }

    /// Waits for the next event and deals with it. True when the child has ended.
    fn wait(&mut self, ended: &impl AsFd, unfed: &mut &[u8], wait: Duration) -> io::Result<bool> {
        if unfed.is_empty() {
            self.stdin = None;
        }
        for ready in self.ready(ended, wait)? {
            match ready {
                Ready::Ended => return Ok(true),
                Ready::Stdin => self.feed(unfed)?,
                Ready::Stdout => self.stdout.read_once()?,
                Ready::Stderr => self.stderr.read_once()?,
                Ready::Control => self.listen()?,
            }
        }
        Ok(false)
    }

    fn ready(&self, ended: &impl AsFd, wait: Duration) -> io::Result<Vec<Ready>> {
        let mut asked = vec![(Ready::Ended, ended.as_fd(), libc::POLLIN)];
        let stdin = self
            .stdin
            .as_ref()
            .map(|fd| (Ready::Stdin, fd.as_fd(), libc::POLLOUT));
        let stdout = self
            .stdout
            .from
            .as_ref()
            .map(|fd| (Ready::Stdout, fd.as_fd(), libc::POLLIN));
        let stderr = self
            .stderr
            .from
            .as_ref()
            .map(|fd| (Ready::Stderr, fd.as_fd(), libc::POLLIN));
        let control = self
            .control
            .map(|fd| (Ready::Control, fd.as_fd(), libc::POLLIN));
        asked.extend([stdin, stdout, stderr, control].into_iter().flatten());
        let mut watched: Vec<sys::Watched<'_>> = asked
            .iter()
            .map(|(_, fd, wanted)| sys::Watched {
                fd: *fd,
                wanted: *wanted,
                got: 0,
            })
            .collect();
        sys::poll(&mut watched, wait)?;
        Ok(asked
            .iter()
            .zip(&watched)
            .filter(|(_, w)| w.got != 0)
            .map(|((r, ..), _)| *r)
            .collect())
    }

    fn feed(&mut self, unfed: &mut &[u8]) -> io::Result<()> {
        let Some(stdin) = &mut self.stdin else {
            return Ok(());
        };
        match stdin.write(unfed) {
            Ok(count) => *unfed = &unfed[count..],
            Err(error) if again(&error) => {}
            // The program does not want the rest. That is its right: `head -1` does it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => *unfed = &[],
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn listen(&mut self) -> io::Result<()> {
        let Some(mut control) = self.control else {
            return Ok(());
        };
        let mut piece = [0; 4096];
        match control.read(&mut piece) {
            Ok(0) => self.control = None,
            Ok(count) if self.said.len() + count <= CONTROL_BYTES_MAX => {
                self.said.extend_from_slice(&piece[..count]);
            }
            Ok(_) => return Err(io::Error::other("the launcher said more than it may")),
            Err(error) if again(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.control = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads what is still in the pipes after the end, without waiting for writers that may have survived it.
    fn drain(&mut self, bytes_max: u64) -> io::Result<()> {
        while self.control.is_some() {
            let before = self.said.len();
            self.listen()?;
            if self.said.len() == before {
                break;
            }
        }
        while self.bytes() <= bytes_max {
            let before = self.bytes();
            self.stdout.read_once()?;
            self.stderr.read_once()?;
            if self.bytes() == before {
                break;
            }
        }
        Ok(())
    }
}

impl<T: Read> Pipe<T> {
    fn read_once(&mut self) -> io::Result<()> {
        let Some(from) = &mut self.from else {
            return Ok(());
        };
        let mut piece = [0; 64 * 1024];
        match from.read(&mut piece) {
            Ok(0) => self.from = None,
            Ok(count) => self.kept.add(&piece[..count]),
            Err(error) if again(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn again(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// One output stream: its hash and length in full, its bytes up to a limit, else its head and its tail.
pub(crate) struct Stream {
    hash: Sha256,
    bytes: u64,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
}

impl Stream {
    /// `kept` is in bytes.
    pub(crate) fn new(kept: usize) -> Stream {
        let half = kept / 2;
        Stream {
            hash: Sha256::new(),
            bytes: 0,
            head: Vec::new(),
            tail: VecDeque::new(),
            half,
        }
    }

    pub(crate) fn add(&mut self, piece: &[u8]) {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        let to_head = piece.len().min(self.half - self.head.len());
        self.head.extend_from_slice(&piece[..to_head]);
        let rest = &piece[to_head..];
        let rest = &rest[rest.len().saturating_sub(self.half)..];
        let over = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that were read but not kept.
    pub(crate) fn left_out(&self) -> u64 {
        self.bytes - (self.head.len() + self.tail.len()) as u64
    }

    /// Hex SHA-256 of everything that was read.
    pub(crate) fn sha256(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }

    /// What was kept, as it was read; a hole in the middle is not marked.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut all = self.head;
        all.extend(self.tail);
        all
    }

    /// What was kept, for people and models: invalid UTF-8 replaced, a hole marked with its size.
    pub(crate) fn text(&self) -> String {
        let (front, back) = self.tail.as_slices();
        let tail = [front, back].concat();
        if self.left_out() == 0 {
            return String::from_utf8_lossy(&[self.head.as_slice(), &tail].concat()).into_owned();
        }
        format!(
            "{}\n[... {} bytes left out ...]\n{}",
            String::from_utf8_lossy(&self.head),
            self.left_out(),
            String::from_utf8_lossy(&tail)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::{Stream, kill_from_outside, start};

    #[test]
    fn killing_from_outside_ends_the_children_first() {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut child = start(command, &[]).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let pid = lines.next().unwrap().unwrap();
        kill_from_outside(&mut child).unwrap();
        child.wait().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z"), "{stat}");
    }

    #[test]
    fn a_short_stream_is_kept_whole() {
        let mut stream = Stream::new(8);
        stream.add(b"abc");
        stream.add(b"defgh");
        assert_eq!((stream.text().as_str(), stream.left_out()), ("abcdefgh", 0));
    }

    #[test]
    fn a_long_stream_keeps_head_tail_length_and_the_hash_of_all() {
        let all: Vec<u8> = (0..10_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
        for piece in [1, 3, 7, 4096, 10_000] {
            let mut stream = Stream::new(20);
            all.chunks(piece).for_each(|chunk| stream.add(chunk));
            assert_eq!(stream.bytes(), 10_000);
            assert_eq!(stream.left_out(), 9_980);
            let mut whole = Stream::new(20_000);
            whole.add(&all);
            assert_eq!(stream.sha256(), whole.sha256());
            let head = String::from_utf8_lossy(&all[..10]).into_owned();
            let tail = String::from_utf8_lossy(&all[9_990..]).into_owned();
            assert_eq!(
                stream.text(),
                format!("{head}\n[... 9980 bytes left out ...]\n{tail}")
            );
        }
    }
}
