//! Lets the hand do a patch.

use super::Change;
use crate::hand::HandError;
use crate::scope::clean;
use crate::walk::Walk;

/// Does all changes or none; gives a note for the agent and the bytes put on disk.
///
/// # Errors
/// As every act of the hand; a hunk without a place is a refusal.
pub(crate) fn act(walk: &mut Walk<'_>, changes: &[Change]) -> Result<(String, u64), HandError> {
    let paths = || changes.iter().flat_map(Change::paths).map(clean);
    let known = paths().filter(|path| walk.known.contains(path)).collect();
    let done = walk.hand.patch(changes.to_vec(), known, walk.cancel)?;
    walk.known.extend(paths());
    Ok(done)
}
