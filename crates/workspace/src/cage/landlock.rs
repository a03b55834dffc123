//! Landlock: the kernel's own list of what may be written, below the mounts and in case one of them is wrong.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use crate::sys;

/// The newest version whose rights have been tried with real toolchains (the ninth, for example, adds a right for connecting
/// to pathname sockets). A newer kernel is used as this one.
const ABI_TESTED_MAX: i32 = 7;

/// The version that added the scopes for abstract sockets and signals (Linux 6.12).
const ABI_SCOPES: i32 = 6;

/// Restricts this thread and everything that it starts: read and execute everywhere, write only below `writable` and to what
/// is in `/dev`. The network is left alone: its namespace holds nothing but loopback, on which tests talk.
///
/// Returns the version in force, for the record.
///
/// # Errors
/// With the reason when the kernel has no Landlock, or enforces less than its version promises.
pub(super) fn restrict(writable: &[PathBuf]) -> Result<i32, String> {
    let version = sys::landlock_abi().min(ABI_TESTED_MAX);
    if version < 1 {
        return Err("the kernel has no Landlock, or has it switched off".to_owned());
    }
    let enforced = enforce(writable, version).map_err(|error| format!("Landlock: {error}"))?;
    if enforced != RulesetStatus::FullyEnforced {
        return Err(format!("Landlock {version} is only partly enforced"));
    }
    Ok(version)
}

/// Withholds, from this thread and everything that it starts, each file that is not reached through the present root: for
/// reading, too. What leads elsewhere (an open descriptor, `/proc/PID/root`) leads nowhere then. Where the kernel can, no signal
/// leaves this thread and what it starts.
///
/// # Errors
/// As [`restrict`].
pub(super) fn keep_to_root() -> Result<i32, String> {
    let version = sys::landlock_abi().min(ABI_TESTED_MAX);
    if version < 1 {
        return Err("the kernel has no Landlock, or has it switched off".to_owned());
    }
    let abi = ABI::from(version);
    let keep = || -> Result<RulesetStatus, Failed> {
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let mut ruleset = ruleset.handle_access(AccessFs::from_all(abi))?;
        if version >= ABI_SCOPES {
            ruleset = ruleset.scope(Scope::Signal)?;
        }
        let rules = allow(ruleset.create()?, Path::new("/"), AccessFs::from_all(abi))?;
        Ok(rules.restrict_self()?.ruleset)
    };
    match keep().map_err(|error| format!("Landlock: {error}"))? {
        RulesetStatus::FullyEnforced => Ok(version),
        RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => {
            Err(format!("Landlock {version} is only partly enforced"))
        }
    }
}

/// Either of the crate's errors; both only end in a sentence.
type Failed = Box<dyn std::error::Error>;

fn enforce(writable: &[PathBuf], version: i32) -> Result<RulesetStatus, Failed> {
    let abi = ABI::from(version);
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let mut ruleset = ruleset.handle_access(AccessFs::from_all(abi))?;
    if version >= ABI_SCOPES {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    }
    let mut rules = ruleset.create()?;
    rules = allow(rules, Path::new("/"), AccessFs::from_read(abi))?;
    // Terminals and null are written to and asked questions; nothing is made in /dev.
    rules = allow(
        rules,
        Path::new("/dev"),
        AccessFs::from_file(abi) | AccessFs::ReadDir,
    )?;
    for path in writable {
        rules = allow(rules, path, AccessFs::from_all(abi))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, Failed> {
    let fd = PathFd::new(path)?;
    // The kernel refuses rights on folders for what is none; all versions share the list of those for files.
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(ABI::V7)
    };
    Ok(rules.add_rule(PathBeneath::new(fd, access))?)
}
