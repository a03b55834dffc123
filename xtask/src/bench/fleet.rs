//! The fleet: its schedule on seeded traces, held against a time that nobody can beat and against a plain proxy; what it costs to
//! classify a task without a model; and what the ledger and the client add to a call. Measured by benches of the rooms that have what
//! is measured, built as the product is.

use crate::program::{self, Error};

pub(crate) fn run() -> Result<(), Error> {
    [
        ("alai-testkit", "schedule"),
        ("alai-testkit", "classify"),
        ("alai-factory", "calls"),
    ]
    .into_iter()
    .try_for_each(|(package, name)| part(package, name))
}

pub(super) fn part(package: &str, name: &str) -> Result<(), Error> {
    let bench = program::cargo(&["bench", "--locked", "-p", package, "--bench", name]);
    match program::stream(bench, |_| false)?.ok {
        true => Ok(()),
        false => Err(Error::Answer(format!(
            "the bench `{name}` failed; its words are above"
        ))),
    }
}
