//! What a check of files found, for people and scripts: the same for companies, blueprints and skills.

use alai_factory::validate::Checked;
use serde::Serialize;

use crate::error::{CliError, Kind};
use crate::show;

#[derive(Serialize)]
struct Found<'a> {
    ok: bool,
    checked: &'a [Checked],
}

/// Prints every problem, one a line.
///
/// # Errors
/// When there is one: a check that found something has failed (exit code 5).
pub(crate) fn told(one: &str, many: &str, checked: &[Checked], json: bool) -> Result<(), CliError> {
    let wrong: usize = checked.iter().map(|c| c.problems.len()).sum();
    if json {
        show::json(&Found {
            ok: wrong == 0,
            checked,
        })?;
    } else {
        for found in checked {
            let word = match found.problems.len() {
                0 => "ok".to_owned(),
                1 => "1 problem".to_owned(),
                n => format!("{n} problems"),
            };
            show::line(show::clean(&format!("{:<24} {word}", found.name)));
            for problem in &found.problems {
                show::line(show::clean(&format!("  {problem}")));
            }
            for warning in &found.warnings {
                show::line(show::clean(&format!("  warning: {warning}")));
            }
        }
    }
    let of = |n: usize| {
        if n == 1 {
            format!("1 {one}")
        } else {
            format!("{n} {many}")
        }
    };
    match wrong {
        0 => Ok(()),
        _ => {
            let broken = checked.iter().filter(|c| !c.problems.is_empty()).count();
            let message = format!(
                "{} of {} cannot be used as they are",
                broken,
                of(checked.len())
            );
            Err(CliError::new(Kind::Gate, message))
        }
    }
}
