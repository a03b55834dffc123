//! `alai minion list`.

use alai_factory::{Home, kept_clones};

use crate::error::CliError;
use crate::{door, show};

pub(super) fn list(home: &Home, json: bool) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    for run in reader.runs()? {
        if json {
            show::json(&run)?;
            continue;
        }
        show::line(format!(
            "{} {} {:<9} {:<9} {}{}",
            run.id,
            run.task,
            run.state.as_str(),
            run.mode.map_or("", alai_core::mode::Mode::as_str),
            show::sandbox(run.sandbox, "", " "),
            show::clean(run.outcome.as_deref().unwrap_or(""))
        ));
    }
    for (run, clone) in kept_clones(home) {
        show::message(&format!(
            "the clone of run {run} is kept, its work could not be taken: {}; try `alai minion recover {run}`",
            clone.display()
        ));
    }
    Ok(())
}
