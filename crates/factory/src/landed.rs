//! Merges whose branch was moved and whose row the store does not know to be ended: the daemon died between the two.

use alai_mission::MergeRow;
use alai_workspace::git::{self, Oid, Repo};

use crate::batch::BATCH_MAX;
use crate::integrate::{self, IntegrateError};

/// The row's own merge where the branch has moved to what the row's journal names: the one whose second parent is its head. Of several that
/// came in together it is one of the chain that the journalled commit brought in; the last of them is that commit. The branch's tip would be
/// the others' work too, and whoever delivers this row asks for no more than its own. `None` where nothing was moved for the row.
pub(crate) fn merge_of(
    repo: &Repo,
    row: &MergeRow,
    tip: &Oid,
) -> Result<Option<Oid>, IntegrateError> {
    let Some(intent) = &row.intent else {
        return Ok(None);
    };
    let (intent, head) = (integrate::oid(intent)?, integrate::oid(&row.head)?);
    // A journalled commit whose move was never made may be swept away.
    if git::resolve(repo, intent.as_str())?.is_none()
        || !git::is_ancestor(repo, &intent, tip)?
        || !git::is_ancestor(repo, &head, &intent)?
    {
        return Ok(None);
    }
    let parent = |of: &Oid, number: u8| git::resolve(repo, &format!("{of}^{number}"));
    let Some(chain) = parent(&intent, 2)?.filter(|second| *second != head) else {
        return Ok(Some(intent));
    };
    let mut link = chain.clone();
    for _ in 0..BATCH_MAX {
        if parent(&link, 2)?.as_ref() == Some(&head) {
            return Ok(Some(if link == chain { intent } else { link }));
        }
        match parent(&link, 1)? {
            Some(before) => link = before,
            None => break,
        }
    }
    // It came in as part of another one's history: what was tested with it is the nearest that is its.
    Ok(Some(intent))
}
