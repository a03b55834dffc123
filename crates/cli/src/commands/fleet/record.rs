//! `alai fleet record on|off`: whether calls are recorded, and where.

use std::path::{Path, PathBuf};

use alai_factory::{Home, recording_into, turn_recording_off, turn_recording_on};

use crate::args::RecordCommand;
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(super) fn run(home: &Home, command: RecordCommand) -> Result<(), CliError> {
    // A folder of the settings counts before the switch: said, where the switch would change nothing.
    let fixed = door::config(home)?.record;
    match command {
        RecordCommand::On { dir } => on(home, fixed, dir.as_deref()),
        RecordCommand::Off => off(home, fixed),
        RecordCommand::Status => {
            let into = fixed.or_else(|| recording_into(home));
            show::line(match into {
                Some(dir) => format!("recording  every call is written to {}", shown(&dir)),
                None => "recording  off".to_owned(),
            });
            Ok(())
        }
    }
}

fn on(home: &Home, fixed: Option<PathBuf>, dir: Option<&Path>) -> Result<(), CliError> {
    if let Some(fixed) = fixed {
        return Err(by_settings(&fixed));
    }
    door::reader(home)?;
    let dir = turn_recording_on(home, dir).map_err(|e| CliError::new(Kind::Failed, e))?;
    show::line(format!(
        "recording  on, from the next call: every call is written to {}",
        shown(&dir)
    ));
    show::message("what is asked and answered stands in it; known forms of secrets are taken out");
    Ok(())
}

fn off(home: &Home, fixed: Option<PathBuf>) -> Result<(), CliError> {
    let was_on = turn_recording_off(home).map_err(|e| CliError::new(Kind::Failed, e))?;
    if let Some(fixed) = fixed {
        return Err(by_settings(&fixed));
    }
    show::line(match was_on {
        true => "recording  off, from the next call; what was recorded stays",
        false => "recording  it was off already",
    });
    Ok(())
}

fn by_settings(dir: &Path) -> CliError {
    let message = format!("calls are recorded in {} by the settings", shown(dir));
    CliError::new(Kind::Usage, message)
        .hinted("take `record` out of [fleet] in alai.toml, or ALAI_RECORD out of the environment")
}

fn shown(dir: &Path) -> String {
    show::clean(&dir.display().to_string())
}
