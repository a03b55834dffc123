//! `defaults.limits`: how far a blueprint lowers what a run may take.

use serde_saphyr::Spanned;

use super::wire::LimitsWire;
use super::{BlueprintError, Reader};
use crate::brief::{Caps, microusd};

impl Reader<'_> {
    pub(super) fn limits(&self, wire: LimitsWire) -> Result<Caps, BlueprintError> {
        let turns = self.cap("turns", wire.turns)?;
        Ok(Caps {
            turns: turns.and_then(|turns| u32::try_from(turns).ok()),
            tokens: self.cap("tokens", wire.tokens)?,
            seconds: self.cap("seconds", wire.seconds)?,
            command_seconds: self.cap("command_seconds", wire.command_seconds)?,
            bytes: self.cap("bytes", wire.bytes)?,
            microusd: wire.dollars.map(|d| self.dollars(&d)).transpose()?,
        })
    }

    pub(super) fn cap(
        &self,
        key: &str,
        given: Option<Spanned<u64>>,
    ) -> Result<Option<u64>, BlueprintError> {
        let Some(given) = given else {
            return Ok(None);
        };
        let most = Caps::most(key);
        if (1..=most).contains(&given.value) {
            return Ok(Some(given.value));
        }
        let problem = format!("`{key}` is {}; it must be 1 to {most}", given.value);
        Err(self.place(given.referenced).invalid(problem))
    }

    pub(super) fn dollars(&self, given: &Spanned<f64>) -> Result<u64, BlueprintError> {
        microusd(given.value).ok_or_else(|| {
            let most = Caps::most("dollars");
            let problem = format!("`dollars` is {}; it must be 0 to {most}", given.value);
            self.place(given.referenced).invalid(problem)
        })
    }
}
