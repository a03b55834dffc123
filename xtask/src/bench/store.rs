//! The store's own speed. The measuring itself is a bench of the room `mission`, which alone may open a store.

use crate::program::{self, Error};

pub(crate) fn run() -> Result<(), Error> {
    let bench = [
        "bench",
        "--locked",
        "-p",
        "alai-mission",
        "--bench",
        "store",
    ];
    let ran = program::stream(program::cargo(&bench), |_| false)?;
    match ran.ok {
        true => Ok(()),
        false => Err(Error::Answer(
            "the bench of the store failed; its words are above".into(),
        )),
    }
}
