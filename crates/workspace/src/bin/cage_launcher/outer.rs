//! A throwaway place around a cage: its own processes, its own mounts, and a small disk in memory. When a cage fails to hold a
//! program, the program is still in here, and ends with it.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Outcome, checked};

/// Longer than any cage of the tests may live.
const PATIENCE: Duration = Duration::from_secs(240);

/// How long processes that were killed may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// More processes than a caged bomb may start, and far fewer than hurt.
const PROCESSES_MAX: libc::rlim_t = 4_096;

/// Runs a program in such a place as a user, with a disk of `bytes` at `folder`. Its output is the program's; on standard error
/// it tells what was left at the end.
pub(crate) fn run(user: &str, folder: &str, bytes: &str, argv: &[&str]) -> Outcome {
    let ids = (own_id(libc::geteuid), own_id(libc::getegid));
    let spaces = libc::CLONE_NEWNS | libc::CLONE_NEWPID;
    if ids.0 == 0 {
        unshare(spaces)?;
    } else {
        unshare(spaces | libc::CLONE_NEWUSER)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{0} {0} 1", ids.0))?;
        fs::write("/proc/self/gid_map", format!("{0} {0} 1", ids.1))?;
    }
    mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")?;
    mount(
        "tmpfs",
        folder,
        "tmpfs",
        0,
        &format!("mode=0777,size={bytes}"),
    )?;
    limit_processes()?;
    let init = fork()?;
    if init == 0 {
        let code = match inside(user.parse().ok(), Path::new(folder), argv) {
            Ok(left) => {
                eprintln!("{left}");
                0
            }
            Err(error) => {
                eprintln!("outer: {error}");
                3
            }
        };
        std::process::exit(code);
    }
    let mut status = 0;
    wait(init, &mut status, 0)?;
    if libc::WIFEXITED(status) {
        std::process::exit(libc::WEXITSTATUS(status));
    }
    Err("the outer place was killed".into())
}

/// The first process of the place: starts the program, waits for it, and looks what it left.
fn inside(user: Option<u32>, folder: &Path, argv: &[&str]) -> Outcome {
    die_with_parent()?;
    mount("proc", "/proc", "proc", 0, "")?;
    let (program, arguments) = argv.split_first().ok_or("no program")?;
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let child = i32::try_from(command.spawn()?.id())?;
    let code = until(PATIENCE, || Ok(reaped(child)?.then_some(())))?;
    if code.is_none() {
        return Err("the program did not end".into());
    }
    let peak_kib = peak_of_children();
    let left = until(GONE_WITHIN, || {
        reaped(-1)?;
        Ok((others()? == 0).then_some(0))
    })?;
    let left = left.map_or_else(others, Ok)?;
    let held = used(folder)?;
    clear(folder)?;
    let after = used(folder)?;
    Ok(format!(
        "left={left} held={} peak_kib={peak_kib} bytes={} files={}",
        held.0, after.0, after.1
    ))
}

/// Asks again and again until there is an answer or the time has passed.
fn until<T>(
    patience: Duration,
    mut ask: impl FnMut() -> io::Result<Option<T>>,
) -> io::Result<Option<T>> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask()? {
            return Ok(Some(answer));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Collects what has ended; true when that child is among it.
fn reaped(child: i32) -> io::Result<bool> {
    loop {
        let mut status = 0;
        match wait(-1, &mut status, libc::WNOHANG) {
            Ok(0) => return Ok(false),
            Ok(pid) if pid == child => return Ok(true),
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// Processes of this place besides ourselves.
fn others() -> io::Result<usize> {
    let names = fs::read_dir("/proc")?
        .flatten()
        .map(|entry| entry.file_name());
    let numbers = names.filter_map(|name| name.to_str()?.parse::<u32>().ok());
    Ok(numbers.filter(|number| *number != 1).count())
}

/// Makes the disk empty again.
fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if fs::symlink_metadata(&path)?.is_dir() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
            clear(&path)?;
            fs::remove_dir(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Bytes and inodes in use.
#[allow(unsafe_code, reason = "the standard library has no statfs")]
fn used(folder: &Path) -> io::Result<(u64, u64)> {
    let path = CString::new(folder.to_string_lossy().as_bytes())?;
    // SAFETY: plain data for which all zeroes is a value.
    let mut facts: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: a live C string, and a live structure that the kernel fills.
    if unsafe { libc::statvfs(path.as_ptr(), &raw mut facts) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let bytes = (facts.f_blocks - facts.f_bfree) * facts.f_frsize;
    Ok((bytes, facts.f_files - facts.f_ffree))
}

/// The largest that a process which has ended was.
#[allow(unsafe_code, reason = "the standard library has no getrusage")]
fn peak_of_children() -> i64 {
    // SAFETY: plain data for which all zeroes is a value, which the kernel fills.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage.ru_maxrss
    }
}

#[allow(unsafe_code, reason = "plain system call")]
fn own_id(ask: unsafe extern "C" fn() -> u32) -> u32 {
    // SAFETY: the callers name geteuid and getegid, which take nothing and cannot fail.
    unsafe { ask() }
}

#[allow(unsafe_code, reason = "plain system call")]
fn unshare(spaces: libc::c_int) -> Outcome {
    // SAFETY: takes a number.
    checked(unsafe { libc::unshare(spaces) })
}

#[allow(unsafe_code, reason = "plain system call")]
fn die_with_parent() -> Outcome {
    // SAFETY: takes numbers.
    checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })
}

#[allow(unsafe_code, reason = "the standard library has no setrlimit")]
fn limit_processes() -> Outcome {
    let limit = libc::rlimit {
        rlim_cur: PROCESSES_MAX,
        rlim_max: PROCESSES_MAX,
    };
    // SAFETY: a live structure that the kernel only reads.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit) })
}

#[allow(unsafe_code, reason = "fork is the only way into a new pid namespace")]
fn fork() -> io::Result<i32> {
    // SAFETY: this program has one thread, so no lock is lost in the child.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(pid),
    }
}

#[allow(
    unsafe_code,
    reason = "the standard library waits only for its own children"
)]
fn wait(pid: i32, status: &mut i32, flags: libc::c_int) -> io::Result<i32> {
    // SAFETY: status is a live integer.
    match unsafe { libc::waitpid(pid, status, flags) } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(pid),
    }
}

#[allow(unsafe_code, reason = "the standard library has no mount")]
fn mount(source: &str, to: &str, kind: &str, flags: libc::c_ulong, options: &str) -> Outcome {
    let [source, to, kind, options] = [source, to, kind, options].map(CString::new);
    let (source, to, kind, options) = (source?, to?, kind?, options?);
    // SAFETY: four live C strings; the kernel copies the options as a string.
    checked(unsafe {
        libc::mount(
            source.as_ptr(),
            to.as_ptr(),
            kind.as_ptr(),
            flags,
            options.as_ptr().cast(),
        )
    })
}
