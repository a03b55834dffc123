//! Looks at the model hosts, beside the loop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Factory;
use crate::dispatch::loads;
use crate::packs::{Look, Packs};
use crate::shelf;

/// Between two looks at the model host while it has a usable model, and while it has none.
const LOOK_MS: i64 = 60_000;
const LOOK_AGAIN_MS: i64 = 10_000;

impl Factory {
    /// A tier that nothing fills is no fault of a pack: the line tells whose tasks will wait.
    fn say_unfilled_tiers(&self) {
        for (tier, companies) in self.models.unfilled(&self.packs(), self.now_ms()) {
            let companies: Vec<String> = companies.into_iter().collect();
            tracing::warn!(
                "packs: no host that is up fills tier {tier}, which {} may ask for: such a task waits",
                companies.join(", ")
            );
        }
    }

    /// Takes up what has changed in the home's packs. A change that cannot be read is said once, and changes nothing.
    pub fn look_at_packs(&self) {
        let texts = |name: &str| shelf::config_of(&self.home, name);
        let misfits = |packs: &Packs| self.models.misnamed(packs, &texts);
        match self.packs.look(&self.home, self.now_ms(), misfits) {
            Look::Same => {}
            Look::Taken => {
                tracing::info!("packs: read anew; what begins now works by them");
                self.say_unfilled_tiers();
            }
            Look::Refused(why) => {
                tracing::warn!(
                    "packs: a change is refused, the ones before it are in force: {why}"
                );
            }
        }
    }

    /// Waits for the look at the model hosts that began with the process: a start must know what it has.
    pub(super) fn look_now(self: &Arc<Self>) {
        let begun = self.first_look.lock().ok().and_then(|mut look| look.take());
        match begun.and_then(|look| look.join().ok()) {
            Some(held) => {
                loads::seen(self, &held);
            }
            None => {
                self.models.look();
                loads::look_now(self);
            }
        }
        let now_ms = self.now_ms();
        self.looked_ms.store(now_ms, Ordering::Relaxed);
        self.held_ms.store(now_ms, Ordering::Relaxed);
    }

    /// A host was lost: the next beat looks at all of them.
    pub(crate) fn look_soon(&self) {
        self.looked_ms.store(0, Ordering::Relaxed);
    }

    /// Looks at the model host now and then, beside the loop: a host that hangs must not stop heartbeats.
    pub(super) fn look(self: &Arc<Self>, now: i64) {
        let pause = if self.models.usable() {
            LOOK_MS
        } else {
            LOOK_AGAIN_MS
        };
        let due = now - self.looked_ms.load(Ordering::Relaxed) >= pause;
        if !due || self.looking.swap(true, Ordering::SeqCst) {
            return;
        }
        let factory = Arc::clone(self);
        let looked = std::thread::Builder::new()
            .name("look".into())
            .spawn(move || {
                let before = factory.models.usable();
                let looked = catch_unwind(AssertUnwindSafe(|| factory.models.look()));
                let usable = looked.unwrap_or(before);
                factory.looked_ms.store(factory.now_ms(), Ordering::Relaxed);
                factory.looking.store(false, Ordering::SeqCst);
                if usable != before {
                    factory.wake();
                }
            });
        if looked.is_err() {
            self.looking.store(false, Ordering::SeqCst);
        }
    }
}
