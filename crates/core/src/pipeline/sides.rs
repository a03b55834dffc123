//! What a change that the merge queue sent back goes on from: both sides of the merge.

use super::{Effect, Spawn};
use crate::task::NewTask;

/// Both sides of a merge that did not end well, as the trusted side read them from the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    /// What is merged: what comes of the rework is measured against it.
    pub base: String,
    /// A commit upon `base` with all of the change that git can put there; the files in conflict stand in it as `base` has them. None
    /// where no commit can hold that: the rework starts from `base`, with the patches alone.
    pub start: Option<String>,
    /// What the tree is that a rework which begins at once finds.
    pub tree: String,
    /// What it is for one that a person lets begin, whenever that is.
    pub tree_later: String,
    /// Both patches, bounded and without secrets.
    pub patches: String,
}

/// What follows from a merge ([`super::merged`]), its reworks with both sides: none of them begins with nothing of what it did.
pub fn with_sides(mut effects: Vec<Effect>, sides: &Sides) -> Vec<Effect> {
    for effect in &mut effects {
        if let Effect::Spawn { tasks } = effect {
            for Spawn { task, .. } in tasks {
                upon(task, sides);
            }
        }
    }
    effects
}

/// One that waits for a person begins from what is merged when he has answered: a base that is told now may be days old by then, and the
/// same conflict would come of it again.
fn upon(rework: &mut NewTask, sides: &Sides) {
    let tree = match rework.waiting {
        Some(_) => &sides.tree_later,
        None => {
            rework.base = Some(sides.base.clone());
            rework.start_from.clone_from(&sides.start);
            &sides.tree
        }
    };
    let Sides { patches, .. } = sides;
    rework
        .description
        .push_str(&format!("\n\n{tree} {patches}"));
}
