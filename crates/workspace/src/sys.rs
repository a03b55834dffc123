//! The kernel calls that the standard library does not offer, one small safe function each.
//!
//! Every function here turns a C return value into an [`io::Result`] and holds no policy. Nothing outside this file, its
//! part `ending` and the three `pre_exec` hooks of `process` is unsafe in this room.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

mod ending;

pub(crate) use ending::{
    Ipc, become_ender, ended_by, kill_all_of, outlive_parent, remove_ipc, send,
};

/// What [`poll`] is asked of one descriptor, and what it answered.
pub(crate) struct Watched<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    pub(crate) wanted: i16,
    pub(crate) got: i16,
}

/// How a process ended, as `waitpid` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

/// Asks the kernel to send us SIGKILL when the thread that created us ends (`prctl(2)`, PR_SET_PDEATHSIG).
///
/// A change of credentials clears it, so it is set again after every such change.
pub(crate) fn die_with_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)
}

/// Gives up for good what set-user-id programs and file capabilities would grant (`prctl(2)`, PR_SET_NO_NEW_PRIVS).
pub(crate) fn no_new_privileges() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Decides whether processes of the same user may read our memory, environment and descriptors.
///
/// `execve` resets it: a helper that must stay unreadable sets it itself after it has started.
pub(crate) fn dumpable(yes: bool) -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, libc::c_ulong::from(yes))
}

/// Empties the ambient and bounding capability sets; without CAP_SETPCAP the bounding set stays, which is harmless once
/// no_new_privs is set and the permitted set is empty.
pub(crate) fn drop_capability_sets() -> io::Result<()> {
    /// Linux knows 41 capabilities in 2026 and keeps them in 64 bits; the first number that it does not know ends the loop.
    const CAPABILITIES_MAX: libc::c_ulong = 64;
    prctl2(
        libc::PR_CAP_AMBIENT,
        libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong,
        0,
    )?;
    for capability in 0..CAPABILITIES_MAX {
        match prctl(libc::PR_CAPBSET_DROP, capability) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Default, Clone, Copy)]
struct CapabilityWords {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The 64-bit capability interface of `capset(2)`.
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Empties the effective, permitted and inheritable capability sets.
#[allow(unsafe_code, reason = "capset has no wrapper in libc")]
pub(crate) fn drop_capabilities() -> io::Result<()> {
    let header = CapabilityHeader {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let words = [CapabilityWords::default(); 2];
    // SAFETY: both pointers are to live values of the layout that version 3 asks for; the kernel only reads them.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, words.as_ptr()) })
}

/// True when we hold no capability in any of the three sets.
#[allow(unsafe_code, reason = "capget has no wrapper in libc")]
pub(crate) fn has_no_capability() -> io::Result<bool> {
    let mut header = CapabilityHeader {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let mut words = [CapabilityWords::default(); 2];
    // SAFETY: both pointers are to live values of the layout that version 3 asks for; the kernel fills two words.
    check(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, words.as_mut_ptr()) })?;
    Ok(words
        .iter()
        .all(|word| word.effective | word.permitted | word.inheritable == 0))
}

/// Leaves every supplementary group, then becomes this group and this user for good.
#[allow(unsafe_code, reason = "plain system calls")]
pub(crate) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: setgroups with length 0 reads no memory; the others take numbers.
    check(unsafe { libc::setgroups(0, std::ptr::null()) }.into())?;
    check(unsafe { libc::setresgid(gid, gid, gid) }.into())?;
    check(unsafe { libc::setresuid(uid, uid, uid) }.into())
}

/// Our effective user and group.
#[allow(unsafe_code, reason = "plain system calls")]
pub(crate) fn ids() -> (u32, u32) {
    // SAFETY: neither call takes memory or can fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// The process that created us; 0 when it lives outside our pid namespace.
#[allow(unsafe_code, reason = "plain system call")]
pub(crate) fn parent_pid() -> i32 {
    // SAFETY: takes no memory and cannot fail.
    unsafe { libc::getppid() }
}

/// Starts a session, so that no terminal of ours can be reached.
#[allow(unsafe_code, reason = "plain system call")]
pub(crate) fn new_session() -> io::Result<()> {
    // SAFETY: takes no memory.
    check(unsafe { libc::setsid() }.into())
}

/// Enters new namespaces (`CLONE_NEW*`).
#[allow(unsafe_code, reason = "plain system call")]
pub(crate) fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: takes a number.
    check(unsafe { libc::unshare(flags) }.into())
}

/// Forks. Returns the child's id in the parent and `None` in the child.
///
/// Only for a process that has a single thread: the launcher before it starts anything.
#[allow(unsafe_code, reason = "fork is the only way into a new pid namespace")]
pub(crate) fn fork() -> io::Result<Option<i32>> {
    // SAFETY: the launcher has one thread here (see `entry`), so the child's memory holds no lock of a lost thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(pid)),
    }
}

/// Makes these the only variables of the environment.
///
/// Only for a process that has a single thread, as [`fork`].
#[allow(
    unsafe_code,
    clippy::disallowed_methods,
    reason = "the environment belongs to all threads, of which there is one"
)]
pub(crate) fn set_environment(env: &[(String, String)]) -> io::Result<()> {
    // SAFETY: no other thread reads or writes the environment, for there is none.
    check(unsafe { libc::clearenv() }.into())?;
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        // SAFETY: as above.
        unsafe { std::env::set_var(name, value) };
    }
    Ok(())
}

/// Waits for one child (`pid` > 0) or for any (-1). Returns which, and how it ended.
#[allow(
    unsafe_code,
    reason = "the standard library waits only for its own children"
)]
pub(crate) fn wait_for(pid: i32) -> io::Result<(i32, Ended)> {
    loop {
        let mut status = 0;
        // SAFETY: status is a live integer.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if waited > 0 {
            let ended = if libc::WIFSIGNALED(status) {
                Ended::Signal(libc::WTERMSIG(status))
            } else {
                Ended::Code(libc::WEXITSTATUS(status))
            };
            return Ok((waited, ended));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Ends this process at once; as pid 1 of a namespace, everything in the namespace with it.
#[allow(
    unsafe_code,
    reason = "exit without destructors, which must not run in a forked child"
)]
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: never returns and takes a number.
    unsafe { libc::_exit(code) }
}

/// Kills one process.
#[allow(
    unsafe_code,
    reason = "kill(2) has no safe form in std for a process that is not our child"
)]
pub(crate) fn kill(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: takes and returns plain integers.
    match unsafe { libc::kill(pid, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends SIGKILL to a whole process group.
#[allow(
    unsafe_code,
    reason = "the standard library kills only single children"
)]
pub(crate) fn kill_group(group: u32) -> io::Result<()> {
    let group = i32::try_from(group).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: takes numbers.
    check(unsafe { libc::kill(-group, libc::SIGKILL) }.into())
}

/// A descriptor that becomes readable when the process has ended (`pidfd_open(2)`, Linux 5.3).
#[allow(unsafe_code, reason = "the standard library's pidfd is unstable")]
pub(crate) fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers; a non-negative result is a new descriptor that nobody else owns.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    check(fd)?;
    // SAFETY: see above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Sends SIGKILL to a process, if it is a child of `parent`, and waits until it is dead; as pid 1 of a namespace it is dead
/// when everything in it is. A number that was reused meanwhile is left alone.
pub(crate) fn kill_child_of(parent: u32, pid: u32, patience: Duration) -> io::Result<()> {
    let fd = pidfd(pid)?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; state and parent follow the last one.
    let found = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().nth(1));
    if found.and_then(|found| found.parse().ok()) != Some(parent) {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    send(fd.as_fd(), libc::SIGKILL)?;
    poll(
        &mut [Watched {
            fd: fd.as_fd(),
            wanted: libc::POLLIN,
            got: 0,
        }],
        patience,
    )
}

/// Takes over a descriptor that the launcher was given by number.
#[allow(
    unsafe_code,
    reason = "descriptors arrive as numbers on the launcher's command line"
)]
pub(crate) fn adopt(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_SETFD takes numbers and fails with EBADF when the descriptor is not open.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) }.into())?;
    // SAFETY: the launcher calls this once per number that it was started with, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets the program that is executed next keep this descriptor. Safe to call between fork and exec.
#[allow(unsafe_code, reason = "plain system call")]
pub(crate) fn keep_over_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: takes numbers.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }.into())
}

/// Lets every descriptor but the three standard ones close at the next exec, whoever left it open over exec for us.
#[allow(unsafe_code, reason = "plain system call")]
pub(crate) fn close_over_exec() -> io::Result<()> {
    // SAFETY: takes numbers; it changes flags and closes nothing in this process.
    check(unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3_u32,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    })
}

/// Closes every descriptor from 3 up but those that are kept (`close_range(2)`, Linux 5.9). Ones that our parents leaked to
/// us could otherwise lead out of a cage.
#[allow(unsafe_code, reason = "the descriptors are known only as numbers")]
pub(crate) fn close_all_but<const N: usize>(kept: [RawFd; N]) -> io::Result<()> {
    let close = |from: libc::c_uint, to: libc::c_uint| match from <= to {
        // SAFETY: takes numbers; the launcher calls this first of all, when it owns no descriptor above 2 but the kept ones.
        true => check(unsafe { libc::syscall(libc::SYS_close_range, from, to, 0_u32) }),
        false => Ok(()),
    };
    let mut kept = kept.map(|fd| fd as libc::c_uint);
    kept.sort_unstable();
    let mut from = 3;
    for fd in kept {
        close(from, fd.saturating_sub(1))?;
        from = fd + 1;
    }
    close(from, libc::c_uint::MAX)
}

/// An anonymous file in memory, closed on exec.
#[allow(unsafe_code, reason = "the standard library has no memfd")]
pub(crate) fn memory_file() -> io::Result<std::fs::File> {
    // SAFETY: the name is a constant C string; a non-negative result is a new descriptor that nobody else owns.
    let fd = unsafe { libc::memfd_create(c"alai-cage".as_ptr(), libc::MFD_CLOEXEC) };
    check(fd.into())?;
    // SAFETY: see above.
    Ok(unsafe { std::fs::File::from_raw_fd(fd) })
}

/// Makes reads and writes return instead of waiting.
#[allow(
    unsafe_code,
    reason = "the standard library offers this for sockets only"
)]
pub(crate) fn nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes numbers.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    check(flags.into())?;
    // SAFETY: takes numbers.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) }.into())
}

/// Waits until one of the descriptors is ready or the time has passed; fills in what was got.
#[allow(unsafe_code, reason = "the standard library has no poll")]
pub(crate) fn poll(watched: &mut [Watched<'_>], wait: Duration) -> io::Result<()> {
    let mut raw: Vec<libc::pollfd> = watched
        .iter()
        .map(|w| libc::pollfd {
            fd: w.fd.as_raw_fd(),
            events: w.wanted,
            revents: 0,
        })
        .collect();
    // Rounded up, so that a wait of less than a millisecond does not spin.
    let wait_ms = i32::try_from(wait.as_millis().saturating_add(1)).unwrap_or(i32::MAX);
    // SAFETY: the pointer and the length describe one live vector.
    let count = unsafe { libc::poll(raw.as_mut_ptr(), raw.len() as libc::nfds_t, wait_ms) };
    if count < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    for (watched, raw) in watched.iter_mut().zip(&raw) {
        watched.got = if count < 0 { 0 } else { raw.revents };
    }
    Ok(())
}

/// The C libraries disagree about the type.
#[cfg(target_env = "musl")]
type Resource = libc::c_int;
#[cfg(not(target_env = "musl"))]
type Resource = libc::__rlimit_resource_t;

/// Sets one resource limit, soft and hard, to `value` or to the hard limit that we already have, whichever is lower.
#[allow(unsafe_code, reason = "the standard library has no rlimits")]
pub(crate) fn limit(resource: Resource, value: u64) -> io::Result<()> {
    let mut now = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live value that the kernel fills.
    check(unsafe { libc::getrlimit(resource, &raw mut now) }.into())?;
    let value = value.min(now.rlim_max);
    let wanted = libc::rlimit {
        rlim_cur: value,
        rlim_max: value,
    };
    // SAFETY: the pointer is to a live value that the kernel reads.
    check(unsafe { libc::setrlimit(resource, &raw const wanted) }.into())
}

/// Names the machine inside its own namespace.
#[allow(unsafe_code, reason = "the standard library has no sethostname")]
pub(crate) fn hostname(name: &str) -> io::Result<()> {
    // SAFETY: pointer and length describe one live string.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) }.into())
}

/// Brings the loopback interface of our network namespace up (`netdevice(7)`, SIOCSIFFLAGS).
#[allow(unsafe_code, reason = "an ioctl with a C structure")]
pub(crate) fn loopback_up() -> io::Result<()> {
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0))?;
    // SAFETY: ifreq is plain data for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request is live, and SIOCSIFFLAGS only reads it.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) }.into())
}

/// `mount(2)`.
#[allow(unsafe_code, reason = "the standard library has no mount")]
pub(crate) fn mount(
    source: &Path,
    target: &Path,
    kind: &str,
    flags: libc::c_ulong,
    options: &str,
) -> io::Result<()> {
    let (source, target) = (c_string(source.as_os_str())?, c_string(target.as_os_str())?);
    let (kind, options) = (c_string(OsStr::new(kind))?, c_string(OsStr::new(options))?);
    // SAFETY: four live C strings; the kernel copies the options as a string.
    check(
        unsafe {
            libc::mount(
                source.as_ptr(),
                target.as_ptr(),
                kind.as_ptr(),
                flags,
                options.as_ptr().cast(),
            )
        }
        .into(),
    )
}

#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Adds attributes to a mount, or to it and everything below (`mount_setattr(2)`, Linux 5.12).
///
/// Unlike a remount it never takes an attribute away, so the locked flags of a user namespace are no obstacle.
#[allow(unsafe_code, reason = "mount_setattr has no wrapper in libc")]
pub(crate) fn mount_attributes(target: &Path, set: u64, recursive: bool) -> io::Result<()> {
    let target = c_string(target.as_os_str())?;
    let attributes = MountAttributes {
        set,
        clear: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: a live C string and a live structure whose size is passed with it; the kernel only reads both.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            target.as_ptr(),
            flags as libc::c_uint,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    })
}

/// Makes `new_root` the root and puts the old one at `put_old` (`pivot_root(2)`).
#[allow(unsafe_code, reason = "pivot_root has no wrapper in libc")]
pub(crate) fn pivot_root(new_root: &Path, put_old: &Path) -> io::Result<()> {
    let (new_root, put_old) = (
        c_string(new_root.as_os_str())?,
        c_string(put_old.as_os_str())?,
    );
    // SAFETY: two live C strings.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, new_root.as_ptr(), put_old.as_ptr()) })
}

/// Takes a mount and everything below it out of sight at once.
#[allow(unsafe_code, reason = "the standard library has no umount")]
pub(crate) fn detach(target: &Path) -> io::Result<()> {
    let target = c_string(target.as_os_str())?;
    // SAFETY: one live C string.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }.into())
}

/// Sets the file creation mask of this process.
#[allow(unsafe_code, reason = "plain system call")]
pub(crate) fn file_mask(mask: libc::mode_t) {
    // SAFETY: takes a number and cannot fail.
    unsafe { libc::umask(mask) };
}

/// What is in use on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Used {
    pub(crate) bytes: u64,
    /// Inodes; 0 where the file system does not count them (btrfs).
    pub(crate) files: u64,
}

/// What is in use on the file system at a path.
pub(crate) fn file_system_used(path: &Path) -> io::Result<Used> {
    let facts = file_system(path)?;
    Ok(Used {
        bytes: facts
            .blocks
            .saturating_sub(facts.free)
            .saturating_mul(facts.block_bytes),
        files: facts.files.saturating_sub(facts.files_free),
    })
}

/// True when less than an eighth of a file system is free, in bytes or in files.
pub(crate) fn file_system_is_short(path: &Path) -> io::Result<bool> {
    let facts = file_system(path)?;
    Ok(facts.free < facts.blocks / 8 || facts.files_free < facts.files / 8)
}

struct FileSystem {
    block_bytes: u64,
    blocks: u64,
    free: u64,
    files: u64,
    files_free: u64,
}

#[allow(unsafe_code, reason = "the standard library has no statfs")]
#[allow(
    clippy::unnecessary_cast,
    reason = "the widths differ between machines"
)]
fn file_system(path: &Path) -> io::Result<FileSystem> {
    let path = c_string(path.as_os_str())?;
    // SAFETY: statfs is plain data for which all zeroes is a value.
    let mut facts: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a live C string, and a live structure that the kernel fills.
    check(unsafe { libc::statfs(path.as_ptr(), &raw mut facts) }.into())?;
    Ok(FileSystem {
        block_bytes: facts.f_bsize as u64,
        blocks: facts.f_blocks as u64,
        free: facts.f_bfree as u64,
        files: facts.f_files as u64,
        files_free: facts.f_ffree as u64,
    })
}

/// What a file system has left for users without privileges: bytes and files, and files in all; 0 where it counts none.
#[allow(unsafe_code, reason = "the standard library has no statvfs")]
#[allow(
    clippy::unnecessary_cast,
    reason = "the widths differ between machines"
)]
pub(crate) fn left_on(path: &Path) -> io::Result<(u64, u64, u64)> {
    let path = c_string(path.as_os_str())?;
    // SAFETY: statvfs is plain data for which all zeroes is a value.
    let mut facts: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: a live C string, and a live structure that the kernel fills.
    check(unsafe { libc::statvfs(path.as_ptr(), &raw mut facts) }.into())?;
    let bytes = (facts.f_bavail as u64).saturating_mul(facts.f_frsize as u64);
    Ok((bytes, facts.f_favail as u64, facts.f_files as u64))
}

/// The kernel's coarse clock, in nanoseconds since 1970: what it stamps files with, so that no file that is changed from now
/// on carries an earlier time.
#[allow(unsafe_code, reason = "the standard library has only the fine clock")]
pub(crate) fn file_time_now() -> io::Result<i128> {
    // SAFETY: timespec is plain data for which all zeroes is a value.
    let mut now: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: a live structure that the kernel fills.
    check(unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut now) }.into())?;
    Ok(i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec))
}

/// Moves this process into the control group whose `cgroup.procs` is open here. Safe to call between fork and exec.
#[allow(
    unsafe_code,
    reason = "nothing of the standard library may be used between fork and exec"
)]
pub(crate) fn join_group(procs: RawFd) -> io::Result<()> {
    // SAFETY: pointer and length describe one constant string; "0" is whoever writes it.
    check(unsafe { libc::write(procs, c"0".as_ptr().cast(), 1) } as libc::c_long)
}

/// An extended attribute of a file, up to 64 bytes of it; `None` when it has none of that name.
#[allow(unsafe_code, reason = "the standard library has no getxattr")]
pub(crate) fn attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
    let (path, name) = (
        c_string(path.as_os_str()).ok()?,
        c_string(OsStr::new(name)).ok()?,
    );
    let mut value = [0_u8; 64];
    // SAFETY: two live C strings, and a live buffer whose length is passed with it.
    let length = unsafe {
        libc::getxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    };
    let length = usize::try_from(length).ok()?;
    value.get(..length).map(<[u8]>::to_vec)
}

/// Device and inode of what is at a path, refusing every symbolic link on the way (`openat2(2)`, Linux 5.6).
#[allow(unsafe_code, reason = "openat2 has no wrapper in libc")]
pub(crate) fn identity_without_links(path: &Path) -> io::Result<(u64, u64)> {
    let path = c_string(path.as_os_str())?;
    // SAFETY: open_how is plain data for which all zeroes is a value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (libc::O_PATH | libc::O_CLOEXEC) as u64;
    how.resolve = libc::RESOLVE_NO_SYMLINKS;
    // SAFETY: a live C string and a live structure whose size is passed with it; the kernel only reads both.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    check(fd)?;
    // SAFETY: a non-negative result is a new descriptor that nobody else owns.
    let file = unsafe { std::fs::File::from_raw_fd(fd as RawFd) };
    let what = file.metadata()?;
    Ok((what.dev(), what.ino()))
}

/// The Landlock version of the running kernel, 0 when it has none or has it switched off.
#[allow(
    unsafe_code,
    reason = "the landlock crate keeps the number to itself, and evidence names it"
)]
pub(crate) fn landlock_abi() -> i32 {
    const CREATE_RULESET_VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the kernel takes no structure, only asks for its version.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            CREATE_RULESET_VERSION,
        )
    };
    i32::try_from(version).unwrap_or(0).max(0)
}

fn prctl(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    prctl2(option, value, 0)
}

#[allow(unsafe_code, reason = "plain system call")]
fn prctl2(option: libc::c_int, value: libc::c_ulong, more: libc::c_ulong) -> io::Result<()> {
    const NONE: libc::c_ulong = 0;
    // SAFETY: the options used in this file take numbers only.
    check(unsafe { libc::prctl(option, value, more, NONE, NONE) }.into())
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
