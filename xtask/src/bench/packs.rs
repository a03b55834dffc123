//! Companies and blueprints: how long they take to be read, measured by a bench of the room that reads them, built as the product is.

use crate::program::{self, Error};

pub(crate) fn run() -> Result<(), Error> {
    let bench = program::cargo(&[
        "bench",
        "--locked",
        "-p",
        "alai-factory",
        "--bench",
        "packs",
    ]);
    match program::stream(bench, |_| false)?.ok {
        true => Ok(()),
        false => Err(Error::Answer(
            "the bench failed; its words are above".to_owned(),
        )),
    }
}
