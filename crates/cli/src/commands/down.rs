//! `alai down`.

use std::process::ExitCode;
use std::time::Duration;

use alai_factory::Home;

use crate::args::DownArgs;
use crate::daemon::client;
use crate::door;
use crate::error::{CliError, Kind};

/// How often it is looked whether the daemon is gone.
const POLL: Duration = Duration::from_millis(100);

pub(crate) fn run(home: &Home, args: &DownArgs) -> Result<ExitCode, CliError> {
    if !client::stop(home, args.now)? {
        return Err(CliError::new(
            Kind::Unreachable,
            format!("no daemon works on {}", home.root().display()),
        ));
    }
    while door::pulse(home).is_some() {
        std::thread::sleep(POLL);
    }
    Ok(ExitCode::SUCCESS)
}
