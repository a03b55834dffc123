//! A machine that lacks one layer: its system calls fail as on a kernel that was built or started without it.

use std::collections::BTreeMap;
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::Outcome;

/// Becomes a program for which the layer is not there.
pub(crate) fn run(layer: &str, argv: &[&str]) -> Outcome {
    let (calls, errno): (Vec<(i64, Vec<SeccompRule>)>, i32) = match layer {
        "landlock" => (
            vec![
                (libc::SYS_landlock_create_ruleset, Vec::new()),
                (libc::SYS_landlock_add_rule, Vec::new()),
                (libc::SYS_landlock_restrict_self, Vec::new()),
            ],
            libc::ENOSYS,
        ),
        "seccomp" => (
            vec![
                (libc::SYS_seccomp, Vec::new()),
                (
                    libc::SYS_prctl,
                    vec![first(SeccompCmpOp::Eq, libc::PR_SET_SECCOMP as u64)?],
                ),
            ],
            libc::EINVAL,
        ),
        "namespaces" => {
            let flags = [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWPID];
            let any = || -> Result<Vec<SeccompRule>, Box<dyn Error>> {
                { flags.iter() }
                    .map(|flag| first(SeccompCmpOp::MaskedEq(*flag as u64), *flag as u64))
                    .collect()
            };
            let calls = vec![(libc::SYS_unshare, any()?), (libc::SYS_clone, any()?)];
            (calls, libc::EPERM)
        }
        // A machine that has them all, through the same filter: the control.
        "nothing" => (Vec::new(), libc::EPERM),
        other => return Err(format!("no layer {other}").into()),
    };
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls.into_iter().collect();
    let errno = u32::try_from(errno)?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno),
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    let [name, args @ ..] = argv else {
        return Err("without LAYER PROGRAM ...".into());
    };
    Err(Command::new(name).args(args).exec().into())
}

fn first(op: SeccompCmpOp, value: u64) -> Result<SeccompRule, Box<dyn Error>> {
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, op, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}
