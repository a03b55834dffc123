//! Companies and blueprints: how long they take to be read, measured by a bench of the room that reads them, built as the product is.

use super::aims::Aims;
use crate::program::Error;

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    aims.bench("alai-factory", "packs", &[], &[])
}
