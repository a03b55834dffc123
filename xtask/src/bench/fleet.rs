//! The fleet: its schedule on seeded traces, held against a time that nobody can beat and against a plain proxy. Measured by a bench of
//! the testkit, which has the simulation, built as the product is.

use crate::program::{self, Error};

pub(crate) fn run() -> Result<(), Error> {
    let bench = program::cargo(&[
        "bench",
        "--locked",
        "-p",
        "alai-testkit",
        "--bench",
        "schedule",
    ]);
    match program::stream(bench, |_| false)?.ok {
        true => Ok(()),
        false => Err(Error::Answer(
            "the bench of the schedule failed; its words are above".into(),
        )),
    }
}
