//! What a host's answers have taught about its models, for whoever keeps it over a restart.

use crate::dialect::{Host, HostRef};
use crate::provider::Provider;

/// Thousandths in one: rates are kept as whole numbers.
const MILLI: f64 = 1_000.0;

impl Provider {
    /// Whether its host has said that this model calls no tools, so that its calls are text.
    pub fn calls_in_text(&self, model: &str) -> bool {
        self.server().is_some_and(|host| host.toolless().has(model))
    }

    /// Thousandths of a character a token, as its host has counted for this model; none before the first count.
    pub fn milli_chars_per_token(&self, model: &str) -> Option<u32> {
        self.server()?.rates().of(model).and_then(milli)
    }
}

impl Host {
    /// Takes up what was learned before. What its host counts from now on moves it.
    pub fn remember(&self, model: &str, milli_chars_per_token: u32) {
        HostRef::from(self)
            .rates()
            .set(model, f64::from(milli_chars_per_token) / MILLI);
    }
}

/// Whether a host means the same model by both names: Ollama leaves out the tag `latest`, or says it.
pub fn same_model(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    plain(one) == plain(other)
}

fn milli(rate: f64) -> Option<u32> {
    let milli = (rate * MILLI).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates that are learned lie between 1 and 8"
    )]
    (1.0..=100.0 * MILLI)
        .contains(&milli)
        .then_some(milli as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::OllamaHost;

    #[test]
    fn a_rate_is_remembered_and_used() {
        let host = Host::Ollama(OllamaHost::default());
        let provider = Provider::from(host.clone());
        assert_eq!(provider.milli_chars_per_token("m"), None);
        host.remember("m", 4_125);
        assert_eq!(provider.milli_chars_per_token("m"), Some(4_125));
        let rates = HostRef::from(&host).rates();
        assert_eq!(rates.estimate("m", 4_125), 1_000);
        for nonsense in [0, 500, 90_000, u32::MAX] {
            host.remember("other", nonsense);
            assert_eq!(provider.milli_chars_per_token("other"), None, "{nonsense}");
        }
    }

    #[test]
    fn names_with_and_without_their_tag_are_one() {
        assert!(same_model("small", "small:latest") && same_model("small:latest", "small"));
        assert!(!same_model("small:8b", "small") && !same_model("small:8b", "small:latest"));
    }
}
