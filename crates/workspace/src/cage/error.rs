//! Why there is no cage.

use std::io;
use std::path::PathBuf;

use alai_core::cage::Property;

use super::spec::Layer;

/// A program was not started, because not every promise of the cage could be kept.
#[derive(Debug, thiserror::Error)]
pub enum CageError {
    /// The caller's description cannot be a safe cage.
    #[error("this cage is refused: {0}")]
    Spec(String),
    /// A layer was tried and could not do its part.
    #[error("no cage by {layer}: {reason}. {fix}")]
    Refused {
        layer: Layer,
        reason: String,
        fix: String,
    },
    /// Neither layer works on this machine.
    #[error("programs of agents cannot be started safely on this machine. {bwrap} {own}")]
    NoLayer {
        bwrap: Box<CageError>,
        own: Box<CageError>,
    },
    /// What this system has cannot promise everything, whatever is done.
    #[error(
        "no cage by {by}: it cannot promise {}, and nothing is started without. Run the factory on Linux, or in a virtual machine with Linux on this one",
        .lacking.iter().map(|property| property.words()).collect::<Vec<_>>().join("; ")
    )]
    Lacking {
        by: &'static str,
        lacking: Vec<Property>,
    },
    /// `ALAI_CAGE` names something else than a layer.
    #[error(
        "ALAI_CAGE is {0:?}; it can be \"bwrap\" or \"own\", or be left unset for the first that works"
    )]
    UnknownLayer(String),
    /// The executable that runs the inner stages is not there.
    #[error(
        "the cage's launcher {path:?} cannot be used: {reason}; reinstall the program, or name one with ALAI_LAUNCHER"
    )]
    Launcher { path: PathBuf, reason: String },
    /// The cage stood, but the program could not be executed in it.
    #[error("cannot start {program:?} in the cage: {reason}")]
    Program { program: String, reason: String },
    /// What `--sandbox off` needs is not there.
    #[error("a run without a cage is refused: {0}")]
    Off(String),
    /// The host refused an ordinary operation.
    #[error("the cage failed to {tried}: {source}")]
    Io {
        tried: &'static str,
        source: io::Error,
    },
}

impl CageError {
    /// True when the machine, or what the caller asks of it, cannot give a cage: no retry mends that, a person does.
    pub fn lasts(&self) -> bool {
        match self {
            CageError::Spec(_)
            | CageError::Refused { .. }
            | CageError::NoLayer { .. }
            | CageError::UnknownLayer(_)
            | CageError::Launcher { .. }
            | CageError::Lacking { .. }
            | CageError::Off(_) => true,
            CageError::Program { .. } | CageError::Io { .. } => false,
        }
    }

    pub(crate) fn io(tried: &'static str) -> impl FnOnce(io::Error) -> CageError {
        move |source| CageError::Io { tried, source }
    }

    pub(super) fn refused(layer: Layer, reason: &str) -> CageError {
        let reason = reason.trim().to_owned();
        CageError::Refused {
            layer,
            fix: fix(layer, &reason).to_owned(),
            reason,
        }
    }
}

/// The advice for a refusal, from the words of the layer that refused.
fn fix(layer: Layer, reason: &str) -> &'static str {
    let reason = reason.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if has(&["is not installed"]) {
        return "Install the package bubblewrap (apt install bubblewrap, dnf install bubblewrap).";
    }
    if has(&["landlock"]) {
        return "Use a kernel of 5.13 or later with Landlock switched on (landlock in the boot parameter lsm=).";
    }
    if has(&["seccomp"]) {
        return "Use a kernel with CONFIG_SECCOMP_FILTER.";
    }
    if has(&[
        "user namespace",
        "user ns",
        "make mounts private",
        "uid map",
        "new namespace",
        "clone_newuser",
        "uid_map",
    ]) {
        return "Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 and user.max_user_namespaces above 0; on Ubuntu \
                kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for the program; in a container, start it \
                with its own user namespace or as root with CAP_SYS_ADMIN.";
    }
    if has(&["cannot become user"]) {
        return "This root may not become other users (a container with one user id): start the program as a normal user, or \
                give the container 65536 ids.";
    }
    if has(&["cap_sys_admin"]) {
        return "Start the program as a normal user on a machine with user namespaces, or give this root CAP_SYS_ADMIN (docker \
                run --cap-add SYS_ADMIN --security-opt seccomp=unconfined).";
    }
    if has(&["no such file"]) {
        return "Check that the file or folder exists and that the program that mounts it may see it.";
    }
    match layer {
        Layer::Bwrap => {
            "Check that `bwrap --unshare-all --ro-bind / / true` works, or set ALAI_CAGE=own."
        }
        Layer::Own => {
            "Check that `unshare --user --map-root-user --mount --pid --fork --net true` works, or install bubblewrap."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CageError, Layer};

    #[test]
    fn every_refusal_names_a_fix_that_fits_its_reason() {
        let cases = [
            (
                Layer::Bwrap,
                "bwrap is not installed",
                "apt install bubblewrap",
            ),
            (
                Layer::Bwrap,
                "bwrap: setting up uid map: Permission denied",
                "unprivileged_userns",
            ),
            (
                Layer::Bwrap,
                "bwrap: Can't mount proc on /newroot/proc: Operation",
                "ALAI_CAGE=own",
            ),
            (
                Layer::Own,
                "cannot become user 64001: Invalid argument",
                "65536 ids",
            ),
            (
                Layer::Own,
                "root may not: CAP_SYS_ADMIN is missing",
                "as a normal user",
            ),
            (Layer::Own, "Landlock is switched off", "lsm="),
            (
                Layer::Own,
                "mount /proc: Operation not permitted",
                "install bubblewrap",
            ),
        ];
        for (layer, reason, fix) in cases {
            let message = CageError::refused(layer, reason).to_string();
            assert!(
                message.contains(reason) && message.contains(fix),
                "{message}"
            );
        }
    }
}
