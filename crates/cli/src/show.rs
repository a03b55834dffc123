//! Words for people: times, lines, tables. Data goes to standard output.

use alai_core::ids::TaskId;
use alai_core::money::dollars;
use alai_core::task::{Task, list_line};
use alai_core::trust::Trust;
use alai_factory::Views;
use serde::Serialize;

use crate::error::{CliError, Kind};

/// Prints one line of data. A closed pipe (`alai mc list | head`) ends the process quietly.
pub(crate) fn line(text: impl AsRef<str>) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{}", text.as_ref()).is_err() {
        std::process::exit(0);
    }
}

/// Prints a documented object with its version.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), CliError> {
    let mut object = serde_json::to_value(value).map_err(|e| CliError::new(Kind::Failed, e))?;
    if let Some(fields) = object.as_object_mut() {
        fields.insert("schema_version".into(), 1.into());
    }
    line(object.to_string());
    Ok(())
}

/// A task's line of a list, with how far it is proven where it is done.
pub(crate) fn listed(views: &Views<'_>, task: &Task) -> Result<String, CliError> {
    let (shown, trust) = views.told(task)?;
    let line = list_line(task, shown);
    Ok(clean(&format!("{line}{}", level(trust))))
}

/// ` L3` behind what is done; nothing where nothing is claimed that could be proven.
pub(crate) fn level(trust: Option<Trust>) -> String {
    trust.map_or_else(String::new, |level| format!(" {}", level.as_str()))
}

/// What calls of unknown cost may come to, behind a sum that does not hold it; nothing where there are none.
pub(crate) fn unknown(microusd: u64) -> String {
    match microusd {
        0 => String::new(),
        most => format!(" + unknown (at most {})", dollars(most)),
    }
}

/// Says something beside the data, on standard error.
#[expect(clippy::print_stderr, reason = "messages go beside the data")]
pub(crate) fn message(text: &str) {
    eprintln!("note: {}", clean(text));
}

/// `3 s`, `5 min`, `2 h`, `4 d`.
pub(crate) fn age(ms: i64) -> String {
    let s = (ms / 1_000).max(0);
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min", s / 60),
        3_600..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} d", s / 86_400),
    }
}

/// What stands in the place of a task, behind its title; nothing where nothing does.
pub(crate) fn replaced(by: &[TaskId]) -> String {
    let names: Vec<String> = by.iter().map(ToString::to_string).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(" (replaced by {})", names.join(", ")),
    }
}

/// Text of agents, repositories and packs on a person's terminal: no control characters, so that it cannot move the cursor, change
/// colours or set a title, and no mark that makes it read in another order than it stands (UAX #9).
pub(crate) fn clean(text: &str) -> String {
    let turns = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            _ if c.is_control() || turns(c) => '\u{fffd}',
            _ => c,
        })
        .collect()
}

/// The word for a run without a cage, between two others; nothing for a run in one.
pub(crate) fn sandbox(sandbox: alai_core::cage::Sandbox, before: &str, after: &str) -> String {
    match sandbox {
        alai_core::cage::Sandbox::On => String::new(),
        alai_core::cage::Sandbox::Off => format!("{before}sandbox: off{after}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let shown: Vec<String> = [0, 59_999, 60_000, 3_600_000, 172_800_000]
            .into_iter()
            .map(age)
            .collect();
        assert_eq!(shown, ["0 s", "59 s", "1 min", "1 h", "2 d"]);
    }

    #[test]
    fn an_agent_cannot_write_to_the_terminal() {
        assert_eq!(
            clean("a\u{1b}[2Jb\nc\u{202e}d"),
            "a\u{fffd}[2Jb\nc\u{fffd}d"
        );
    }
}
