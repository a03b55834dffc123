//! `alai minion tell`: a person's word to an agent at work.

use alai_factory::{Home, Life, Op, Outcome};

use crate::error::{CliError, Kind};
use crate::{door, show};

pub(super) fn tell(home: &Home, run: &str, text: String, json: bool) -> Result<(), CliError> {
    let run = super::find(home, run)?.id;
    let op = Op::Tell {
        run: run.clone(),
        text,
    };
    let outcome = door::ask(home, op)?;
    let Outcome::Told { number, .. } = &outcome else {
        let message = "the factory answered something else than a number";
        return Err(CliError::new(Kind::Failed, message));
    };
    match json {
        true => show::json(&outcome)?,
        false => show::line(format!(
            "word {number} to run {run}; `alai minion show {run}` says whether it was heard"
        )),
    }
    if matches!(door::life(home), Life::Down) {
        show::message(
            "no daemon runs; a run that goes on with this one's work hears it, `alai up` begins it",
        );
    }
    Ok(())
}
