//! What it costs to find a task's company: measured by a bench of the room that has the titles, built as the product is.

use super::aims::Aims;
use crate::program::Error;

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    aims.bench("alai-testkit", "routing", &[], &[])
}
