//! `alai up`.

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use alai_factory::Home;

use crate::args::UpArgs;
use crate::daemon::server;
use crate::door;
use crate::error::{CliError, Kind};

#[expect(
    clippy::print_stderr,
    reason = "a daemon in the foreground says where it is"
)]
pub(crate) fn run(home: &Home, _args: &UpArgs) -> Result<ExitCode, CliError> {
    log();
    if let Some(pulse) = door::pulse(home) {
        let message = format!(
            "a daemon works on {} already (pid {})",
            home.root().display(),
            pulse.pid
        );
        return Err(CliError::new(Kind::Failed, message)
            .hinted("`alai status` shows it, `alai down` stops it"));
    }
    if let Err(e) = alai_workspace::descriptors::raise() {
        eprintln!("no more files can be opened than before: {e}");
    }
    alai_factory::look_through_everything(home);
    let factory = door::factory_of_many(home)?;
    let server = server::listen(&factory).map_err(|e| {
        CliError::new(
            Kind::Failed,
            format!("cannot listen on {}: {e}", home.socket().display()),
        )
        .hinted("the path of a socket has room for about 100 bytes; use a shorter --home")
    })?;
    eprintln!(
        "alai is up on {} (pid {})",
        home.root().display(),
        std::process::id()
    );
    let ended = factory.run_until(|_| false);
    let handed_back = server.now.load(Ordering::SeqCst);
    let _socket_is_gone = std::fs::remove_file(home.socket());
    server.settle();
    ended?;
    eprintln!(
        "alai is down{}",
        if handed_back {
            "; running work was handed back"
        } else {
            ""
        }
    );
    Ok(ExitCode::SUCCESS)
}

/// The daemon's log: standard error, by `ALAI_LOG` (`warn` when not set).
fn log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("ALAI_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let _set_before = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}
