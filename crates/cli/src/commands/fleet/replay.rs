//! `alai fleet replay`: what a recording holds, and how work is played on it.

use std::path::Path;

use alai_factory::fleet::{RecordedCall, RecordedQuestion, RecordedSession, recording};

use alai_core::money::dollars;

use crate::error::{CliError, Kind};
use crate::show;

pub(super) fn run(path: &Path, json: bool) -> Result<(), CliError> {
    let found = recording(path).map_err(|why| {
        CliError::new(Kind::Usage, show::clean(&why))
            .hinted("`alai fleet record on` makes recordings, and says where")
    })?;
    if json {
        return show::json(&found);
    }
    found.calls.iter().for_each(shown);
    found.vectors.iter().for_each(vectors);
    found.sessions.iter().for_each(session);
    if found.is_cut {
        show::line("its last line ends in the middle and is left out");
    }
    if !found.sessions.is_empty() {
        show::line(format!(
            "{} sessions of agents, which are not played: what they did is not in their words",
            found.sessions.len()
        ));
    }
    if found.calls.is_empty() && found.vectors.is_empty() {
        return Ok(());
    }
    show::line(format!(
        "{} calls, {} questions for vectors; ALAI_SCRIPT={} alai ... plays them, simulated",
        found.calls.len(),
        found.vectors.len(),
        show::clean(&path.display().to_string())
    ));
    Ok(())
}

fn vectors(one: &RecordedQuestion) {
    let answer = match &one.failed {
        Some(failed) => show::clean(failed),
        None => format!(
            "{} numbers each, {} tokens in {} ms",
            one.dimensions, one.prompt_tokens, one.latency_ms
        ),
    };
    show::line(format!(
        "{}  vectors of {} texts  {} on {}  {answer}",
        one.line,
        one.texts,
        show::clean(&one.model),
        show::clean(&one.host)
    ));
}

fn session(one: &RecordedSession) {
    let cost = one
        .cost_microusd
        .map_or_else(|| "cost unknown".to_owned(), dollars);
    let left_out = match (&one.left_out, one.is_rewritten) {
        (Some(why), _) => format!(", not whole: {}", show::clean(why)),
        (None, true) => ", a secret taken out".to_owned(),
        (None, false) => String::new(),
    };
    show::line(format!(
        "{}  {} {} by {} ({} {})  {}: {} + {} tokens, {cost}, {} bytes{left_out}",
        one.line,
        show::clean(&one.kind),
        show::clean(&one.step),
        show::clean(&one.agent),
        show::clean(&one.engine),
        show::clean(&one.version),
        show::clean(&one.outcome),
        one.usage.prompt_tokens,
        one.usage.output_tokens,
        one.bytes
    ));
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
