//! Calls that end what a user has started, and what it left in the kernel.

use std::io;

use super::{check, has_no_capability, prctl};

/// A process that sees to the end of others does not end with the one that started it (`prctl(2)`, PR_SET_PDEATHSIG).
pub(crate) fn outlive_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, 0)
}

/// Sends SIGKILL to every process of the user that we are, save ourselves (`kill(2)`, pid -1). One call, which no program
/// outruns by forking.
///
/// # Errors
/// Sends nothing when anything of us is still another user or holds a capability: then it would reach the whole machine.
#[allow(unsafe_code, reason = "plain system calls")]
pub(crate) fn kill_all_of(uid: u32) -> io::Result<()> {
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: the pointers are to live values that the kernel fills.
    check(unsafe { libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) }.into())?;
    if uid == 0 || [real, effective, saved] != [uid; 3] || !has_no_capability()? {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied));
    }
    // SAFETY: takes numbers; the lines above leave nobody but this one user within its reach.
    match check(unsafe { libc::kill(-1, libc::SIGKILL) }.into()) {
        // There was nobody else.
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        sent => sent,
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
        let refused = |uid| kill_all_of(uid).expect_err("refused").kind();
        // Our own number is among them where the tests run as root.
        for uid in [0, 70_000] {
            assert_eq!(refused(uid), std::io::ErrorKind::PermissionDenied, "{uid}");
        }
    }
}
