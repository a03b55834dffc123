//! seccomp: system calls that no build and no test needs, and that widen what a program could attack in the kernel.
//!
//! A list of denials, not of permissions: toolchains use most of the kernel, and the promises of the cage rest on namespaces
//! and Landlock. Denied calls fail with EPERM, so a program can say so; where programs have a fallback that they take on
//! ENOSYS (`clone3`, whose flags a filter cannot read, and io_uring), that is the answer.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// Denied whatever their arguments: debugging and reading other processes, mounts and namespaces, kernel programs and modules,
/// key rings, profiling, machine-wide switches, file handles that bypass paths.
const DENIED: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_open_by_handle_at,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// Only on some machines.
#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[libc::c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    // The x32 table numbers some calls of its own; these are its ptrace, process_vm_readv, process_vm_writev and kexec_load.
    X32 | 521,
    X32 | 539,
    X32 | 540,
    X32 | 528,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[libc::c_long] = &[];

/// Answered as if the kernel did not have them.
const ABSENT: &[libc::c_long] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// The bit that marks a call of the x32 table, which reports the same architecture as x86-64 does.
#[cfg(target_arch = "x86_64")]
const X32: libc::c_long = 0x4000_0000;

/// Every flag of `clone(2)` that makes a namespace. CLONE_NEWTIME exists only in `clone3` and `unshare`.
const NAMESPACE_FLAGS: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Socket families that have a use inside. Netlink answers what interfaces there are; Go and Node ask it.
const FAMILIES: [libc::c_int; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// The bits of `socket(2)`'s type that are the type; the others are flags.
const SOCKET_TYPE_MASK: u64 = 0xf;

/// `EXT4_IOC_MOVE_EXT`, `_IOWR('f', 15, struct move_extent)`: changes the contents of two files of one owner and leaves their times,
/// by which untouched files are known (tried on Linux 6.18).
const MOVE_EXTENTS: u64 = 0xC028_660F;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Restricts this thread and everything that it starts.
///
/// # Errors
/// With the reason when the kernel has no seccomp filters.
pub(super) fn restrict() -> Result<(), String> {
    for (rules, errno) in [(denied(), libc::EPERM), (Ok(absent()), libc::ENOSYS)] {
        let program = rules.and_then(|rules| compile(rules, errno));
        let program = program.map_err(|error| format!("seccomp: {error}"))?;
        seccompiler::apply_filter(&program).map_err(|error| format!("seccomp: {error}"))?;
    }
    Ok(())
}

fn compile(rules: Rules, errno: libc::c_int) -> Result<BpfProgram, BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let refusal = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(with_x32(rules), SeccompAction::Allow, refusal, arch)?.try_into()
}

fn denied() -> Result<Rules, BackendError> {
    let mut rules: Rules = DENIED
        .iter()
        .chain(DENIED_HERE)
        .map(|call| (*call, Vec::new()))
        .collect();
    let mut clones = Vec::new();
    for flag in NAMESPACE_FLAGS {
        clones.push(SeccompRule::new(vec![bits(0, flag as u64, flag as u64)?])?);
    }
    rules.insert(libc::SYS_clone, clones);
    rules.insert(libc::SYS_socket, sockets()?);
    // Typing into the terminal of whoever started us, and TIOCLINUX's paste into a console.
    #[allow(
        clippy::unnecessary_cast,
        reason = "the C libraries disagree about the type"
    )]
    let requests = [libc::TIOCSTI as u64, libc::TIOCLINUX as u64, MOVE_EXTENTS];
    let requests = requests.map(|request| SeccompRule::new(vec![is(1, request)?]));
    rules.insert(
        libc::SYS_ioctl,
        requests.into_iter().collect::<Result<_, _>>()?,
    );
    Ok(rules)
}

fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let mut foreign = Vec::new();
    for family in FAMILIES {
        foreign.push(is_not(0, family as u64)?);
    }
    let raw = |family: libc::c_int| -> Result<SeccompRule, BackendError> {
        let kind = bits(1, SOCKET_TYPE_MASK, libc::SOCK_RAW as u64)?;
        SeccompRule::new(vec![is(0, family as u64)?, kind])
    };
    Ok(vec![
        SeccompRule::new(foreign)?,
        SeccompRule::new(vec![
            is(0, libc::AF_NETLINK as u64)?,
            is_not(2, libc::NETLINK_ROUTE as u64)?,
        ])?,
        raw(libc::AF_INET)?,
        raw(libc::AF_INET6)?,
    ])
}

fn absent() -> Rules {
    ABSENT.iter().map(|call| (*call, Vec::new())).collect()
}

/// The same rules for the same numbers in the x32 table; without them that bit would be a way around every rule.
#[cfg(target_arch = "x86_64")]
fn with_x32(rules: Rules) -> Rules {
    let twin = |(call, rule): (&i64, &Vec<SeccompRule>)| (call | X32, rule.clone());
    let twins: Rules = rules.iter().map(twin).collect();
    rules.into_iter().chain(twins).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn with_x32(rules: Rules) -> Rules {
    rules
}

/// Argument `index` is `value`. The kernel reads these arguments as 32 bits, so the filter must too.
fn is(index: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn is_not(index: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

/// The bits of argument `index` that are in `mask` are `value`.
fn bits(index: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(
        index,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(mask),
        value,
    )
}
