//! The launcher's stage: becomes the run's user for the program, and stays root to see to its end.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use alai_core::cage::SANDBOX_OFF;

use super::super::launcher::{Report, Said, exit_code};
use super::super::{inner, landlock};
use super::{Plan, end, root, user};
use crate::sys::{self, Ended};

/// Runs the program to its end, and ends everything of its user with it: when it has ended, when its time is up, and when
/// whoever started us is gone.
pub(in super::super) fn run(plan: &Plan, control: OwnedFd) -> ExitCode {
    let report = Report::new(control);
    let code = match begin(plan, &report) {
        Err(reason) => report.refused(&reason),
        Ok(program) => {
            let said = watch(plan, &report, program);
            match end::everything(plan.uid) {
                Ok(()) => i32::from(report.say(&said).is_err()),
                Err(reason) => report.refused(&reason),
            }
        }
    };
    exit_code(code)
}

/// Makes the root and starts the program. Its id, in this process alone.
fn begin(plan: &Plan, report: &Report) -> Result<i32, String> {
    if !user::is_ours(plan.uid) || sys::ids().0 != 0 {
        return Err(format!("user {} is no run's, or we are not root", plan.uid));
    }
    // It must see to the end of what it starts. Whoever started us has closed the socket when he is gone already.
    sys::outlive_parent().map_err(|error| format!("cannot stand alone: {error}"))?;
    sys::unshare(libc::CLONE_NEWNS)
        .map_err(|error| format!("root may not make a mount namespace here: {error}"))?;
    root::build(plan)?;
    let forked = sys::fork().map_err(|error| format!("cannot fork: {error}"))?;
    match forked {
        Some(program) => Ok(program),
        None => sys::exit_now(become_program(plan, report)),
    }
}

/// Returns only when the program did not start.
fn become_program(plan: &Plan, report: &Report) -> i32 {
    let layers = match restrict(plan) {
        Ok(layers) => layers,
        Err(reason) => return report.refused(&reason),
    };
    if report.say(&Said::Ready { layers }).is_err() {
        return 1;
    }
    let Some((program, arguments)) = plan.argv.split_first() else {
        return report.refused("no program was named");
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&plan.cwd).env_clear();
    command.envs(plan.env.iter().map(|(name, value)| (name, value)));
    let reason = command.exec().to_string();
    i32::from(report.say(&Said::NotStarted { reason }).is_err())
}

/// Gives up everything, and says what holds.
fn restrict(plan: &Plan) -> Result<Vec<String>, String> {
    let uid = plan.uid;
    sys::new_session().map_err(|error| format!("cannot start a session: {error}"))?;
    sys::drop_capability_sets()
        .and_then(|()| sys::become_user(uid, uid))
        .map_err(|error| format!("cannot become user {uid}: {error}"))?;
    inner::limits(&plan.limits, true).map_err(|error| format!("cannot set limits: {error}"))?;
    let given_up = sys::drop_capabilities().and_then(|()| sys::no_new_privileges());
    given_up.map_err(|error| format!("cannot drop capabilities: {error}"))?;
    if sys::ids() != (uid, uid) || !sys::has_no_capability().unwrap_or(false) {
        return Err(format!("the program would not run as user {uid} alone"));
    }
    let abi = landlock::keep_to_root()?;
    Ok(vec![
        SANDBOX_OFF.to_owned(),
        format!("landlock:{abi}"),
        "no-new-privs".to_owned(),
        format!("uid:{uid}"),
    ])
}

/// Waits for the first of the three ends.
fn watch(plan: &Plan, report: &Report, program: i32) -> Said {
    let lost = |error: &dyn std::fmt::Display| Said::Refused {
        reason: format!("lost the program: {error}"),
    };
    let pid = u32::try_from(program).unwrap_or_default();
    let ended = match sys::pidfd(pid) {
        Ok(ended) => ended,
        Err(error) => return lost(&error),
    };
    let after_s = plan.limits.wall_s;
    let deadline = Instant::now() + Duration::from_secs(after_s);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let watched = |fd| sys::Watched {
            fd,
            wanted: libc::POLLIN,
            got: 0,
        };
        let mut both = [watched(report.fd()), watched(ended.as_fd())];
        if let Err(error) = sys::poll(&mut both, left) {
            return lost(&error);
        }
        if both[1].got != 0 {
            return match sys::wait_for(program) {
                Ok((_, Ended::Code(code))) => Said::Exited { code },
                Ok((_, Ended::Signal(signal))) => Said::Signalled { signal },
                Err(error) => lost(&error),
            };
        }
        if both[0].got != 0 || left.is_zero() {
            return Said::TimedOut { after_s };
        }
    }
}
