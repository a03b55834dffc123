//! The fleet: its schedule on seeded traces, held against a time that nobody can beat and against a plain proxy; what it costs to
//! classify a task without a model; and what the ledger and the client add to a call. Measured by benches of the rooms that have what
//! is measured, built as the product is.

use super::aims::Aims;
use crate::program::Error;

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    [
        ("alai-testkit", "schedule"),
        ("alai-testkit", "classify"),
        ("alai-factory", "calls"),
    ]
    .into_iter()
    .try_for_each(|(package, name)| aims.bench(package, name, &[], &[]))
}
