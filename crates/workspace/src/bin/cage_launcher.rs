//! Test support: the smallest program with the cage's launcher in it, and the probes that tests run inside and around cages.
//!
//! A probe prints `done`, or exits with 1 and prints why not; so "denied" and "crashed" cannot be confused.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for tests, which read its output"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use alai_workspace::cage::{self, CageSpec, Layer, OwnProgram};
use alai_workspace::command::Cancel;

#[path = "cage_launcher/acts.rs"]
mod acts;
#[path = "cage_launcher/bombs.rs"]
mod bombs;
#[path = "cage_launcher/guest.rs"]
mod guest;
#[path = "cage_launcher/outer.rs"]
mod outer;
#[path = "cage_launcher/own.rs"]
mod own;
#[path = "cage_launcher/without.rs"]
mod without;

type Outcome = Result<String, Box<dyn Error>>;

static OWN: [OwnProgram; 2] = [own::STATE, own::PANICS];

fn main() -> ExitCode {
    if let Some(code) = cage::entry(std::env::args_os(), &OWN) {
        return code;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match act(&words) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(1)
        }
    }
}

fn act(words: &[&str]) -> Outcome {
    match words {
        ["run", layer, spec, argv @ ..] => run(layer, spec, argv),
        ["stand", layer, spec, argv @ ..] => stand(layer, spec, argv),
        ["guest", layer, wanted, args @ ..] => guest::run(layer, wanted, args),
        ["probe"] => Ok(cage::probe()?.names.join(" ")),
        ["write", path] => done(fs::write(path, "escaped")),
        ["open-write", path] => done(OpenOptions::new().write(true).open(path).map(drop)),
        ["read", path] => Ok(fs::read_to_string(path)?),
        ["list", path] => list(path),
        ["make-link", target, link] => done(std::os::unix::fs::symlink(target, link)),
        ["hard-link", from, to] => done(fs::hard_link(from, to)),
        ["rename", from, to] => done(fs::rename(from, to)),
        ["truncate", path] => truncate(path),
        ["chmod", path] => done(fs::set_permissions(path, fs::Permissions::from_mode(0o777))),
        ["utimes", path] => utimes(path),
        ["tcp", address] => done(TcpStream::connect(address).map(drop)),
        ["udp", address] => done(
            UdpSocket::bind("0.0.0.0:0")?
                .send_to(b"escaped", address)
                .map(drop),
        ),
        ["resolve", name] => resolve(name),
        ["unix", path] => done(UnixStream::connect(path).map(drop)),
        ["abstract", name] => {
            let address = SocketAddr::from_abstract_name(name)?;
            done(UnixStream::connect_addr(&address).map(drop))
        }
        ["ask", address, text] => ask(address, text),
        ["loopback"] => loopback(),
        ["call", name] => call(name),
        ["status"] => status(),
        ["hold", _] => hold(),
        ["daemon", token] => daemon(token),
        ["echo"] => echo(),
        ["flood"] => flood(),
        ["allocate", bytes] => allocate(bytes.parse()?),
        ["hold-memory", bytes] => {
            let memory = vec![1_u8; bytes.parse()?];
            std::hint::black_box(&memory);
            hold()
        }
        ["threads", count] => threads(count.parse()?),
        ["hold-threads", count, _] => {
            threads(count.parse()?)?;
            hold()
        }
        ["grow", path, bytes] => grow(path, bytes.parse()?),
        ["exit", code] => std::process::exit(code.parse()?),
        ["die"] => die(),
        ["outer", user, folder, bytes, argv @ ..] => outer::run(user, folder, bytes, argv),
        ["without", layer, argv @ ..] => without::run(layer, argv),
        ["acts", paths @ ..] => acts::all(paths),
        ["bomb", kind @ ..] => bombs::explode(kind),
        other => Err(format!("unknown probe {other:?}").into()),
    }
}

fn done(result: io::Result<()>) -> Outcome {
    result?;
    Ok("done".to_owned())
}

/// Runs a cage by itself: for other users, and to be killed. Prints the captured record as JSON.
fn run(layer: &str, spec: &str, argv: &[&str]) -> Outcome {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let captured = cage::run_in(
        layer_of(layer)?,
        &spec_of(spec)?,
        &argv,
        b"",
        &Cancel::new(),
    )?;
    Ok(serde_json::to_string(&captured)?)
}

/// Begins a cage, tells its process, and starts the program at the word `go`, by the description as it is then.
fn stand(layer: &str, spec: &str, argv: &[&str]) -> Outcome {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let standing = cage::stand_in(layer_of(layer)?, &spec_of(spec)?, &argv)?;
    println!("{}", standing.pid());
    let mut word = String::new();
    io::stdin().read_line(&mut word)?;
    if word != "go\n" {
        drop(standing);
        return Ok("ended".to_owned());
    }
    let mut caged = standing.go(&spec_of(spec)?, &argv)?;
    let mut said = String::new();
    let mut stdout = caged.stdout.take().ok_or("no pipe")?;
    stdout.read_to_string(&mut said)?;
    Ok(format!("{said}{}", caged.wait()?))
}

fn layer_of(name: &str) -> Result<Layer, Box<dyn Error>> {
    match name {
        "bwrap" => Ok(Layer::Bwrap),
        "own" => Ok(Layer::Own),
        other => Err(format!("unknown layer {other}").into()),
    }
}

fn spec_of(file: &str) -> Result<CageSpec, Box<dyn Error>> {
    let mut spec: CageSpec = serde_json::from_str(&fs::read_to_string(file)?)?;
    spec.uid = cage::agent_ids();
    Ok(spec)
}

/// By its path: a program that could open it for writing needs no `truncate`.
#[allow(unsafe_code, reason = "the standard library truncates only open files")]
fn truncate(path: &str) -> Outcome {
    let path = CString::new(path)?;
    // SAFETY: one live C string.
    checked(unsafe { libc::truncate(path.as_ptr(), 0) })
}

/// To the year 1970, as somebody would who hides a change.
#[allow(unsafe_code, reason = "the standard library stamps only open files")]
fn utimes(path: &str) -> Outcome {
    let path = CString::new(path)?;
    let long_ago = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let times = [long_ago; 2];
    // SAFETY: a live C string and two live times; the kernel only reads them.
    checked(unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), 0) })
}

fn checked(result: libc::c_int) -> Outcome {
    if result < 0 {
        return done(Err(io::Error::last_os_error()));
    }
    done(Ok(()))
}

fn list(path: &str) -> Outcome {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names.join(" "))
}

/// Asks for the addresses of a name, as every program would.
fn resolve(name: &str) -> Outcome {
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(name, 443))?;
    Ok(found.map(|a| a.to_string()).collect::<Vec<_>>().join(" "))
}

fn ask(address: &str, text: &str) -> Outcome {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(text.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A server and a client, as tests of web services start them.
fn loopback() -> Outcome {
    for host in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(host)?;
        let address = listener.local_addr()?;
        let server =
            thread::spawn(move || -> io::Result<()> { listener.accept()?.0.write_all(b"hello") });
        let mut text = String::new();
        TcpStream::connect(address)?.read_to_string(&mut text)?;
        server.join().map_err(|_| "the server panicked")??;
        assert_eq!(text, "hello");
    }
    done(Ok(()))
}

/// System calls by name, made with harmless arguments: what matters is whether the kernel lets them begin.
#[allow(unsafe_code, reason = "the calls under test have no safe form")]
fn call(name: &str) -> Outcome {
    let (tmp, kind) = (c"/tmp", c"tmpfs");
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: every pointer is to a constant C string or null, and a call that succeeds harms only this cage.
    let result: libc::c_long = unsafe {
        match name {
            "mount" => libc::mount(tmp.as_ptr(), tmp.as_ptr(), kind.as_ptr(), 0, nothing).into(),
            "bind-mount" => libc::mount(
                tmp.as_ptr(),
                tmp.as_ptr(),
                kind.as_ptr(),
                libc::MS_BIND,
                nothing,
            )
            .into(),
            "umount" => libc::umount2(tmp.as_ptr(), libc::MNT_DETACH).into(),
            "chroot" => libc::chroot(tmp.as_ptr()).into(),
            "unshare-user" => libc::unshare(libc::CLONE_NEWUSER).into(),
            "clone-user" => {
                let flags = libc::CLONE_NEWUSER | libc::SIGCHLD;
                let pid = libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0);
                if pid == 0 {
                    libc::_exit(0);
                }
                pid
            }
            "setns" => libc::setns(0, 0).into(),
            "ptrace" => libc::ptrace(libc::PTRACE_TRACEME, 0, nothing, nothing),
            "ptrace-init" => libc::ptrace(libc::PTRACE_SEIZE, 1, nothing, nothing),
            "process-vm-readv" => {
                libc::process_vm_readv(libc::getpid(), std::ptr::null(), 0, std::ptr::null(), 0, 0)
                    as i64
            }
            "io-uring" => libc::syscall(libc::SYS_io_uring_setup, 1, nothing),
            "bpf" => libc::syscall(libc::SYS_bpf, 0, nothing, 0),
            "keyctl" => libc::syscall(libc::SYS_keyctl, 0, -3_i64, 0),
            "userfaultfd" => libc::syscall(libc::SYS_userfaultfd, 1),
            "perf" => libc::syscall(libc::SYS_perf_event_open, nothing, 0, -1, -1, 0),
            "raw-socket" => libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP).into(),
            "packet-socket" => libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM, 0).into(),
            "vsock" => libc::socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0).into(),
            "netlink-audit" => {
                libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT).into()
            }
            "netlink-route" => {
                libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).into()
            }
            "tiocsti" => libc::ioctl(0, libc::TIOCSTI, c"x".as_ptr()).into(),
            // EXT4_IOC_MOVE_EXT on a descriptor that is no file's: the filter answers before the kernel looks.
            "move-extents" => libc::ioctl(0, 0xC028_660F_u32 as _, c"".as_ptr()).into(),
            "setuid-root" => libc::setuid(0).into(),
            #[cfg(target_arch = "x86_64")]
            "x32-ptrace" => libc::syscall(0x4000_0000 | 521, 0, 0, 0, 0),
            #[cfg(target_arch = "x86_64")]
            "x32-unshare" => libc::syscall(0x4000_0000 | libc::SYS_unshare, libc::CLONE_NEWUSER),
            _ => return Err(format!("unknown call {name}").into()),
        }
    };
    if result < 0 {
        done(Err(io::Error::last_os_error()))
    } else {
        done(Ok(()))
    }
}

/// What the kernel says about this process, as `name=value` lines.
fn status() -> Outcome {
    let mut facts = BTreeMap::new();
    for line in fs::read_to_string("/proc/self/status")?.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        facts.insert(
            name.to_owned(),
            value.split_whitespace().collect::<Vec<_>>().join(" "),
        );
    }
    facts.insert("fds".to_owned(), open_descriptors()?);
    facts.insert("pids".to_owned(), numbers("/proc")?);
    facts.insert(
        "env".to_owned(),
        std::env::vars()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
            .join(" "),
    );
    facts.insert(
        "user".to_owned(),
        fs::read_to_string("/etc/passwd")?
            .lines()
            .nth(1)
            .unwrap_or("")
            .to_owned(),
    );
    // The name in parentheses may hold anything; state, parent, group, session and terminal follow it.
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, stat) = stat.rsplit_once(") ").ok_or("no name in stat")?;
    for (name, at) in [("group", 2), ("session", 3), ("terminal", 4)] {
        let value = stat.split(' ').nth(at).unwrap_or_default();
        facts.insert(name.to_owned(), value.to_owned());
    }
    Ok(facts
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("\n"))
}

fn numbers(path: &str) -> Outcome {
    let names = list(path)?;
    Ok(names
        .split(' ')
        .filter(|name| name.parse::<u32>().is_ok())
        .collect::<Vec<_>>()
        .join(" "))
}

/// Descriptors that were open when this program started: the one that reads the folder is not.
fn open_descriptors() -> Outcome {
    let mut open = Vec::new();
    for name in numbers("/proc/self/fd")?.split(' ') {
        if fs::read_link(format!("/proc/self/fd/{name}")).is_ok() {
            open.push(name.to_owned());
        }
    }
    Ok(open.join(" "))
}

/// Stays until it is killed. Its command line carries a token by which tests find it from outside.
fn hold() -> Outcome {
    println!("held");
    loop {
        thread::park();
    }
}

/// Leaves behind a process of its own session that ignores SIGTERM and SIGHUP and keeps our output open.
#[allow(
    unsafe_code,
    reason = "ignoring a signal and leaving the session have no safe form"
)]
fn daemon(token: &str) -> Outcome {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["hold", token]).stdout(Stdio::piped());
    // SAFETY: only system calls on numbers.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGTERM, libc::SIG_IGN);
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            if libc::setsid() < 0 {
                Err(io::Error::last_os_error())
            } else {
                Ok(())
            }
        });
    }
    let mut child = command.spawn()?;
    let mut said = [0; 4];
    let mut stdout = child.stdout.take().ok_or("no pipe")?;
    stdout.read_exact(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// Answers every line until its input ends.
fn echo() -> Outcome {
    for line in io::stdin().lines() {
        println!("echo {}", line?);
    }
    Ok("bye".to_owned())
}

fn flood() -> Outcome {
    let lines = "y\n".repeat(32 * 1024);
    loop {
        io::stdout().write_all(lines.as_bytes())?;
    }
}

fn allocate(bytes: usize) -> Outcome {
    let mut memory: Vec<u8> = Vec::new();
    memory.try_reserve_exact(bytes)?;
    memory.resize(bytes, 1);
    Ok(format!(
        "done {}",
        memory.iter().map(|byte| usize::from(*byte)).sum::<usize>()
    ))
}

fn threads(count: usize) -> Outcome {
    for _ in 0..count {
        thread::Builder::new().stack_size(64 * 1024).spawn(|| {
            loop {
                thread::park()
            }
        })?;
    }
    done(Ok(()))
}

fn grow(path: &str, bytes: u64) -> Outcome {
    let mut file = fs::File::create(path)?;
    let piece = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        file.write_all(&piece)?;
    }
    done(Ok(()))
}

#[allow(unsafe_code, reason = "a program cannot signal itself otherwise")]
fn die() -> Outcome {
    // SAFETY: takes numbers.
    unsafe { libc::raise(libc::SIGTERM) };
    Err("still alive".into())
}
