//! `alai down`.

use std::process::ExitCode;
use std::time::Duration;

use alai_factory::Home;

use crate::args::DownArgs;
use crate::daemon::client;
use crate::error::{CliError, Kind};

/// How often it is looked whether the daemon is gone.
const POLL: Duration = Duration::from_millis(20);

pub(crate) fn run(home: &Home, args: &DownArgs) -> Result<ExitCode, CliError> {
    let held_by = alai_mission::holder(home.root());
    if !client::stop(home, args.now)? {
        return Err(CliError::new(
            Kind::Unreachable,
            format!("no daemon works on {}", home.root().display()),
        ));
    }
    // Until it has let go of the home, not only of its socket: whoever starts the next one need not wait.
    while held_by.is_some() && alai_mission::holder(home.root()) == held_by {
        std::thread::sleep(POLL);
    }
    Ok(ExitCode::SUCCESS)
}
