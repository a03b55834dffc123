//! Calls that end what a user has started, and what it left in the kernel.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::{Ended, Watched, check, dumpable, has_no_capability, pidfd, poll, prctl, wait_for};

/// A process that sees to the end of others does not end with the one that started it (`prctl(2)`, PR_SET_PDEATHSIG).
pub(crate) fn outlive_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, 0)
}

/// Becomes a process that may signal those of a user and that they may not signal, in one step, from root.
///
/// By `kill(2)` a signal needs the sender's real or effective number to be the target's real or saved one. Our effective number
/// is the user's, whose processes have no other; our real and saved ones are `own`, which nobody has. For the same reason they
/// may not trace us nor set our limits: `ptrace(2)` and `prlimit(2)` compare all three, and the group's. They may make us slow
/// (`setpriority(2)` and `sched_setscheduler(2)` ask for the effective number alone), so whoever waits for us does so for a time.
#[allow(unsafe_code, reason = "plain system calls")]
pub(crate) fn become_ender(uid: u32, own: u32) -> io::Result<()> {
    // SAFETY: setgroups with length 0 reads no memory; the others take numbers.
    check(unsafe { libc::setgroups(0, std::ptr::null()) }.into())?;
    check(unsafe { libc::setresgid(own, own, own) }.into())?;
    check(unsafe { libc::setresuid(own, uid, own) }.into())?;
    // The change has set it to what the machine likes (/proc/sys/fs/suid_dumpable).
    dumpable(false)
}

/// Sends SIGKILL to every process of a user (`kill(2)`, pid -1), for one that has become its ender. One call, which no program
/// outruns by forking. Who else has our own number is killed, too.
///
/// # Errors
/// Sends nothing when anything of us is still another user or holds a capability: then it would reach the whole machine.
#[allow(unsafe_code, reason = "plain system calls")]
pub(crate) fn kill_all_of(uid: u32, own: u32) -> io::Result<()> {
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: the pointers are to live values that the kernel fills.
    check(unsafe { libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) }.into())?;
    let is_ender = [real, effective, saved] == [own, uid, own];
    if uid == 0 || own == 0 || !is_ender || !has_no_capability()? {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied));
    }
    // SAFETY: takes numbers; the lines above leave nobody but these two users within its reach.
    match check(unsafe { libc::kill(-1, libc::SIGKILL) }.into()) {
        // There was nobody else.
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        sent => sent,
    }
}

/// Sends a signal to the process that a descriptor of [`pidfd`] is of, whoever has its number by now.
#[allow(unsafe_code, reason = "pidfd_send_signal has no wrapper in libc")]
pub(crate) fn send(process: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let (process, nothing) = (process.as_raw_fd(), std::ptr::null::<libc::c_void>());
    // SAFETY: takes numbers and a null pointer, which stands for the default information.
    check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process, signal, nothing, 0) })
}

/// Waits for a child of ours for a time. `None` when it has not ended.
pub(crate) fn ended_by(child: u32, deadline: Instant) -> io::Result<Option<Ended>> {
    let process = pidfd(child)?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut watched = [Watched {
            fd: process.as_fd(),
            wanted: libc::POLLIN,
            got: 0,
        }];
        poll(&mut watched, left)?;
        if watched[0].got != 0 {
            let pid = i32::try_from(child).map_err(|_| io::ErrorKind::InvalidInput)?;
            return wait_for(pid).map(|(_, ended)| Some(ended));
        }
        if left == Duration::ZERO {
            return Ok(None);
        }
    }
}

/// What `/proc/sysvipc` lists (`sysvipc(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ipc {
    Shared,
    Messages,
    Semaphores,
}

/// Removes one object of System V IPC.
#[allow(unsafe_code, reason = "plain system calls")]
pub(crate) fn remove_ipc(kind: Ipc, id: i32) -> io::Result<()> {
    // SAFETY: IPC_RMID takes numbers and reads no memory.
    let done = unsafe {
        match kind {
            Ipc::Shared => libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()),
            Ipc::Messages => libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()),
            Ipc::Semaphores => libc::semctl(id, 0, libc::IPC_RMID),
        }
    };
    check(done.into())
}

#[cfg(test)]
mod tests {
    use super::kill_all_of;

    #[test]
    fn whoever_has_not_become_that_user_kills_nobody() {
        let refused = |uid| kill_all_of(uid, uid + 1_000).expect_err("refused").kind();
        // Our own number is among them where the tests run as root.
        for uid in [0, 70_000] {
            assert_eq!(refused(uid), std::io::ErrorKind::PermissionDenied, "{uid}");
        }
    }
}
