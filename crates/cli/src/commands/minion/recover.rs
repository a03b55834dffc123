//! `alai minion recover`.

use alai_factory::{Home, Op, Outcome};

use crate::error::{CliError, Kind};
use crate::{door, show};

pub(super) fn recover(home: &Home, run: &str, json: bool) -> Result<(), CliError> {
    let found = super::find(home, run)?;
    let outcome = door::ask(home, Op::Recover { run: found.id })?;
    let Outcome::Recovered {
        branch,
        commit,
        notes,
        ..
    } = &outcome
    else {
        let message = "the factory answered something else than a branch";
        return Err(CliError::new(Kind::Failed, message));
    };
    if json {
        return show::json(&outcome);
    }
    show::line(format!("branch    {branch}"));
    show::line(format!("commit    {commit}"));
    show::line(format!("look      `git -C PROJECT log -p {branch}`"));
    for note in notes {
        show::message(&show::clean(note));
    }
    Ok(())
}
