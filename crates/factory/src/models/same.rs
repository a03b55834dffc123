//! Whether two names stand for one model, by their words and by what the hosts say of their weights.

use alai_core::verify::is_one_model;
use alai_fleet::{same_model, usable};

use super::Models;

impl Models {
    /// Whether a model is one of those, whatever each is called where it runs.
    pub(crate) fn is_one_of(&self, model: &str, others: &[String]) -> bool {
        let found = self.found();
        let digests = |name: &str| -> Vec<String> {
            let cards = found.hosts.iter().flat_map(|seen| usable(&seen.probe));
            let named = cards.filter(|card| same_model(&card.name, name));
            named
                .map(|card| card.digest.clone())
                .filter(|digest| !digest.is_empty())
                .collect()
        };
        let own = digests(model);
        others.iter().any(|other| {
            is_one_model(model, other) || digests(other).iter().any(|digest| own.contains(digest))
        })
    }
}
