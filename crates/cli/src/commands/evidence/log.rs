//! `alai evidence head|audit`: the log of what happened, and its signed ends.

use alai_factory::{Home, audit as log};

use super::pinned;
use crate::args::AuditArgs;
use crate::error::{CliError, Kind};
use crate::{door, show};

/// The end of the log, signed now.
pub(super) fn head(home: &Home) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let line = log::head_now(home, &reader, door::now_ms())
        .map_err(|e| CliError::new(Kind::NeedsSetup, e))?;
    show::line(line);
    Ok(())
}

/// The whole log, and whether it is what was signed.
pub(super) fn audit(home: &Home, args: &AuditArgs) -> Result<(), CliError> {
    let reader = door::reader(home)?;
    let key = pinned(home, args.key.as_deref())?;
    let mut files = args.heads.clone();
    // There is none before the first hour of a daemon, and a person may have none copied.
    files.extend([home.heads()].into_iter().filter(|path| path.exists()));
    files.extend(
        door::config(home)?
            .log_copy
            .filter(|path| !args.heads.contains(path)),
    );
    let found = log::audit(&reader, &files, &key)?;
    if args.json {
        show::json(&found)?;
    } else {
        show::line(format!(
            "log      {} events, the last one's link is {}",
            found.events, found.link
        ));
        show::line(format!("key      {}", key.id()));
        show::line(format!("heads    {} held against it", found.heads));
        for fault in &found.faults {
            show::line(format!("fault    {}", show::clean(fault)));
        }
    }
    if !found.faults.is_empty() {
        let message = format!(
            "the log is not what it was: {} fault(s)",
            found.faults.len()
        );
        return Err(CliError::new(Kind::Gate, message)
            .hinted("compare with a backup from before (`alai mc backup`); what was approved or spent since then is to be looked up elsewhere"));
    }
    if !args.json {
        let against = match found.heads {
            0 => {
                ", against no signed end: keep `alai evidence head` elsewhere, or set log_copy in alai.toml"
            }
            _ => "",
        };
        show::line(format!("ok       every link made anew{against}"));
    }
    Ok(())
}
