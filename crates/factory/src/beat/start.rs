//! Runs of this process, each on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use alai_core::ids::RunId;
use alai_mission::Claim;
use alai_workspace::command::Cancel;

use super::{Active, Factory};
use crate::run;

impl Factory {
    /// Lets the run of a claim begin.
    pub(crate) fn start(self: &Arc<Self>, claim: Claim) {
        self.begin(claim, run::run);
    }

    /// The same, with what it does.
    pub(crate) fn begin(
        self: &Arc<Self>,
        claim: Claim,
        work: impl FnOnce(&Arc<Factory>, &Claim, &Cancel) + Send + 'static,
    ) {
        self.dispatch_ms.store(self.now_ms(), Ordering::Relaxed);
        let cancel = Cancel::default();
        let active = Active {
            fence: claim.fence.clone(),
            cancel: cancel.clone(),
            beat_ms: self.now_ms(),
        };
        if let Ok(mut all) = self.active.lock() {
            all.insert(claim.fence.run.clone(), active);
        }
        let id = claim.fence.run.clone();
        let leaves = Leaves {
            factory: Arc::clone(self),
            run: id.clone(),
        };
        // The thread lives as long as the run: its children end with it (PR_SET_PDEATHSIG).
        let started = std::thread::Builder::new()
            .name(format!("run-{}", id.short()))
            .spawn(move || work(&leaves.factory, &claim, &cancel));
        if let Err(e) = started {
            tracing::error!("cannot start a thread for run {id}: {e}");
        }
    }
}

/// Frees what a run has in this process when its thread ends, also by a panic, or was never there: its lease would be kept alive and its
/// place taken until nobody remembers why.
struct Leaves {
    factory: Arc<Factory>,
    run: RunId,
}

impl Drop for Leaves {
    fn drop(&mut self) {
        if let Ok(mut all) = self.factory.active.lock() {
            all.remove(&self.run);
        }
        let roster = &self.factory.roster;
        roster.ended(&self.run, self.factory.now_ms());
        // First what waits for the place, and then the disk. `finish` keeps it too, in case the process does not wait for this.
        self.factory.wake();
        roster.keep(&self.factory.home.speeds());
    }
}
