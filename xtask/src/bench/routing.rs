//! What it costs to find a task's company: measured by a bench of the room that has the titles, built as the product is.

use super::fleet;
use crate::program::Error;

pub(crate) fn run() -> Result<(), Error> {
    fleet::part("alai-testkit", "routing")
}
