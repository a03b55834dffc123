//! `alai fleet replay`: what a recording holds, and how work is played on it.

use std::path::Path;

use alai_factory::fleet::{RecordedCall, recording};

use crate::error::{CliError, Kind};
use crate::show;

pub(super) fn run(path: &Path, json: bool) -> Result<(), CliError> {
    let found = recording(path).map_err(|why| {
        CliError::new(Kind::Usage, show::clean(&why)).hinted(
            "`record` below [fleet] in alai.toml, or ALAI_RECORD, names a folder for recordings",
        )
    })?;
    if json {
        return show::json(&found);
    }
    found.calls.iter().for_each(shown);
    if found.is_cut {
        show::line("its last line ends in the middle and is left out");
    }
    show::line(format!(
        "{} calls; ALAI_SCRIPT={} alai ... plays them, simulated",
        found.calls.len(),
        show::clean(&path.display().to_string())
    ));
    Ok(())
}

fn shown(call: &RecordedCall) {
    let answer = match (&call.failed, call.usage) {
        (Some(failed), _) => show::clean(failed),
        (None, Some(usage)) => format!(
            "{} + {} tokens in {} ms",
            usage.prompt_tokens, usage.output_tokens, call.latency_ms
        ),
        (None, None) => String::new(),
    };
    let tries = match call.statuses.len() {
        1 => String::new(),
        count => format!(", {count} answers"),
    };
    let rewritten = match call.is_rewritten {
        true => ", a secret taken out",
        false => "",
    };
    show::line(format!(
        "{}  {} {} attempt {} turn {}  {} on {}  {answer}{tries}{rewritten}",
        call.line,
        show::clean(&call.kind),
        show::clean(&call.step),
        call.attempt,
        call.turn,
        show::clean(&call.model),
        show::clean(&call.host)
    ));
}
