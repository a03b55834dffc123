//! Programs that use up what they can. Each says `full` when it gets no more, and stays until it is ended.
//!
//! Every one has an upper bound of its own, so that a cage that does not hold it costs the machine little.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Outcome, checked, done, hold};

/// What one write puts on disk.
const PIECE: usize = 1 << 20;

pub(crate) fn explode(kind: &[&str]) -> Outcome {
    match kind {
        ["forks"] => forks(),
        ["memory-file", bytes] => memory_file(bytes.parse()?),
        ["shared", bytes] => shared(bytes.parse()?),
        ["segment", bytes] => segment(bytes.parse()?),
        ["files", folder, count, bytes] => files(Path::new(folder), count.parse()?, bytes.parse()?),
        ["nameless", folder, bytes] => {
            let path = Path::new(folder).join("nameless");
            let file = File::create(&path)?;
            fs::remove_file(path)?;
            fill(file, bytes.parse()?)
        }
        ["hidden", folder, bytes] => {
            let folder = Path::new(folder).join("hidden");
            fs::create_dir(&folder)?;
            let file = File::create(folder.join("file"))?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o000))?;
            fill(file, bytes.parse()?)
        }
        ["secretive", folder, bytes] => {
            secretive()?;
            explode(&["nameless", folder, bytes])
        }
        ["crowd", count, bytes] => {
            crowd(count.parse()?)?;
            shared(bytes.parse()?)
        }
        ["stubborn", _] => {
            stubborn();
            hold()
        }
        ["grandchild", token] => grandchild(token),
        other => Err(format!("unknown bomb {other:?}").into()),
    }
}

/// Every process starts another for ever.
#[allow(unsafe_code, reason = "the standard library has no fork")]
fn forks() -> Outcome {
    let mut is_first = true;
    loop {
        // SAFETY: this program has one thread, so no lock is lost in the child.
        match unsafe { libc::fork() } {
            0 => is_first = false,
            -1 if is_first => {
                say_full()?;
                is_first = false;
            }
            _ => {}
        }
    }
}

#[allow(unsafe_code, reason = "the standard library has no memfd")]
fn memory_file(bytes: u64) -> Outcome {
    use std::os::fd::FromRawFd;
    // SAFETY: a constant C string.
    let number = unsafe { libc::memfd_create(c"bomb".as_ptr(), 0) };
    checked(number)?;
    // SAFETY: a new descriptor that nobody else owns.
    fill(unsafe { File::from_raw_fd(number) }, bytes)
}

#[allow(unsafe_code, reason = "the standard library has no mmap")]
fn shared(bytes: usize) -> Outcome {
    let (rights, kind) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a new mapping at a place of the kernel's choice.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), bytes, rights, kind, -1, 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error().into());
    }
    touch(at, bytes)
}

#[allow(unsafe_code, reason = "the standard library has no System V memory")]
fn segment(bytes: usize) -> Outcome {
    // SAFETY: takes numbers.
    let number = unsafe { libc::shmget(libc::IPC_PRIVATE, bytes, libc::IPC_CREAT | 0o600) };
    checked(number)?;
    // SAFETY: attaches the segment just made at a place of the kernel's choice.
    let at = unsafe { libc::shmat(number, std::ptr::null(), 0) };
    if at as isize == -1 {
        return Err(io::Error::last_os_error().into());
    }
    touch(at, bytes)
}

#[allow(unsafe_code, reason = "mapped memory is known only by its address")]
fn touch(at: *mut libc::c_void, bytes: usize) -> Outcome {
    // SAFETY: the callers have mapped this many bytes there, writable, and nobody else knows of them.
    unsafe { std::ptr::write_bytes(at.cast::<u8>(), 1, bytes) };
    say_full()?;
    hold()
}

fn files(folder: &Path, count: usize, bytes: usize) -> Outcome {
    let content = vec![1; bytes];
    for number in 0..count {
        if fs::write(folder.join(format!("file-{number}")), &content).is_err() {
            break;
        }
    }
    say_full()?;
    hold()
}

/// Writes until the file has this size or nothing more fits.
fn fill(mut file: File, bytes: u64) -> Outcome {
    let piece = vec![1; PIECE];
    for _ in 0..bytes / PIECE as u64 {
        if file.write_all(&piece).is_err() {
            break;
        }
    }
    say_full()?;
    hold()
}

/// So many processes, each with all the descriptors that one may have, of a memory file.
#[allow(
    unsafe_code,
    reason = "the standard library has no fork, memfd and dup"
)]
fn crowd(count: usize) -> Outcome {
    // SAFETY: a constant C string.
    let number = unsafe { libc::memfd_create(c"crowd".as_ptr(), 0) };
    checked(number)?;
    // SAFETY: takes a number; the copies are never closed.
    while unsafe { libc::dup(number) } >= 0 {}
    for _ in 0..count {
        // SAFETY: this program has one thread, so no lock is lost in the child.
        match unsafe { libc::fork() } {
            0 => return hold(),
            child => checked(child)?,
        };
    }
    done(Ok(()))
}

/// Nobody of the same user may look at this process any more.
#[allow(unsafe_code, reason = "plain system call")]
fn secretive() -> Outcome {
    // SAFETY: takes numbers.
    checked(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })
}

#[allow(unsafe_code, reason = "ignoring a signal has no safe form")]
fn stubborn() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: takes numbers.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// A daemon as in the books: a child in a session of its own starts it and ends.
#[allow(unsafe_code, reason = "the standard library has no fork")]
fn grandchild(token: &str) -> Outcome {
    // SAFETY: this program has one thread, so no lock is lost in the child.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: takes no memory.
            unsafe { libc::setsid() };
            stubborn();
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["bomb", "stubborn", token]);
            command.stdin(Stdio::null()).stdout(Stdio::piped());
            let mut said = [0; 4];
            let mut grandchild = command.spawn()?;
            let stdout = grandchild.stdout.as_mut().ok_or("no pipe")?;
            stdout.read_exact(&mut said)?;
            // SAFETY: ends the child at once, without what the parent still has to write.
            unsafe { libc::_exit(0) }
        }
        child => {
            let mut status = 0;
            // SAFETY: a live integer.
            checked(unsafe { libc::waitpid(child, &raw mut status, 0) })?;
            Ok("left it behind".to_owned())
        }
    }
}

fn say_full() -> io::Result<()> {
    println!("full");
    io::stdout().flush()
}
