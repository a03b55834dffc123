//! Which models stand for the five tiers. Pure: decides from sizes and abilities, knows no model by name.

use serde::{Deserialize, Serialize};

use crate::dialect::Host;
use crate::probe::{ModelCard, Probe, usable};

/// Tiers of the factory, from cheap and quick to strong.
pub(crate) const TIERS: usize = 5;

/// Parameters from which a model is big enough for a tier. The steps are those in which open models are published:
/// about 4, 8, 14 and 30 billion; below 3 billion tool calls are a matter of luck. The last tier takes the largest.
const FLOORS: [u64; TIERS] = [
    3_000_000_000,
    7_000_000_000,
    13_000_000_000,
    27_000_000_000,
    u64::MAX,
];

/// Bytes per parameter of the usual 4-bit files, for models that do not say their parameters.
const BYTES_PER_PARAMETER: f64 = 0.6;

/// A smaller window holds no tool loop: prompt, two files and the answer.
const CONTEXT_MIN: u32 = 8_192;

/// A model on a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub host: Host,
    pub model: String,
}

/// Candidates of each tier, best first. A tier is empty only when no host has a usable model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tiers {
    /// Index 0 is tier 1.
    pub slots: [Vec<Candidate>; TIERS],
}

impl Tiers {
    /// The candidates of tier 1 to 5, best first.
    pub fn candidates(&self, tier: u8) -> &[Candidate] {
        usize::from(tier)
            .checked_sub(1)
            .and_then(|n| self.slots.get(n))
            .map_or(&[], Vec::as_slice)
    }

    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Vec::is_empty)
    }
}

/// Fills the tiers from what the hosts have.
///
/// In each tier come first the models that can call tools, then those with a window of 8k or more; among these the
/// smallest that is big enough for the tier, then the larger ones, then the smaller ones from large to small. Equal models
/// on several hosts stand side by side, in the order of `probes`, so that an outage moves sideways and not up.
pub fn pick(probes: &[Probe]) -> Tiers {
    let mut found: Vec<(&ModelCard, &Host)> = Vec::new();
    for probe in probes {
        found.extend(usable(probe).into_iter().map(|card| (card, &probe.host)));
    }
    Tiers {
        slots: FLOORS.map(|floor| {
            let mut ranked = found.clone();
            ranked.sort_by(|(a, _), (b, _)| {
                rank(a, floor)
                    .cmp(&rank(b, floor))
                    .then_with(|| a.name.cmp(&b.name))
            });
            ranked
                .into_iter()
                .map(|(card, host)| Candidate {
                    host: host.clone(),
                    model: card.name.clone(),
                })
                .collect()
        }),
    }
}

/// Whether one model may stand in for another whose host is lost: the same, or of a size for the same tiers. A size that is not
/// known is like no other.
pub fn alike(one: &ModelCard, other: &ModelCard) -> bool {
    let class = |card| {
        let size = parameters(card);
        (size > 0).then(|| FLOORS.iter().filter(|floor| size >= **floor).count())
    };
    one.name == other.name || (class(one).is_some() && class(one) == class(other))
}

/// Sorts better models first.
fn rank(card: &ModelCard, floor: u64) -> (bool, bool, bool, u64) {
    let size = parameters(card);
    let too_small = size < floor;
    let distance = if too_small { u64::MAX - size } else { size };
    (
        !card.tools,
        card.context_max.is_some_and(|max| max < CONTEXT_MIN),
        too_small,
        distance,
    )
}

fn parameters(card: &ModelCard) -> u64 {
    card.parameter_count
        .unwrap_or((card.size_bytes as f64 / BYTES_PER_PARAMETER) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::host::OllamaHost;
    use crate::probe::ProbeState;

    fn card(name: &str, billions: f64) -> ModelCard {
        ModelCard {
            name: name.to_owned(),
            size_bytes: (billions * 6e8) as u64,
            parameters: None,
            parameter_count: Some((billions * 1e9) as u64),
            context_max: Some(32_768),
            chat: true,
            tools: true,
            thinking: false,
            embedding_only: false,
            slots: None,
            remote: None,
            digest: String::new(),
        }
    }

    fn up(host: &str, models: Vec<ModelCard>) -> Probe {
        Probe {
            host: Host::Ollama(OllamaHost::parse(host).unwrap()),
            slots: None,
            state: ProbeState::Up {
                version: "1".to_owned(),
                warning: None,
                models,
                unreadable: Vec::new(),
            },
        }
    }

    fn names(tiers: &Tiers, tier: u8) -> Vec<&str> {
        tiers
            .candidates(tier)
            .iter()
            .map(|candidate| candidate.model.as_str())
            .collect()
    }

    #[test]
    fn tiers_grow_with_size() {
        let models = [0.6, 4.0, 8.0, 14.0, 32.0, 70.0]
            .map(|b| card(&format!("{b}"), b))
            .to_vec();
        let tiers = pick(&[up("forge", models)]);
        assert_eq!(names(&tiers, 1), ["4", "8", "14", "32", "70", "0.6"]);
        assert_eq!(names(&tiers, 2), ["8", "14", "32", "70", "4", "0.6"]);
        assert_eq!(names(&tiers, 3)[0], "14");
        assert_eq!(names(&tiers, 4)[0], "32");
        assert_eq!(names(&tiers, 5), ["70", "32", "14", "8", "4", "0.6"]);
        assert_eq!(names(&tiers, 0), [""; 0]);
        assert_eq!(names(&tiers, 6), [""; 0]);
    }

    #[test]
    fn one_model_fills_every_tier_and_none_leaves_them_empty() {
        let tiers = pick(&[up("forge", vec![card("only", 1.5)])]);
        for tier in 1..=5 {
            assert_eq!(names(&tiers, tier), ["only"]);
        }
        let down = Probe {
            host: Host::Ollama(OllamaHost::default()),
            slots: None,
            state: ProbeState::Down {
                reason: String::new(),
                remedy: String::new(),
            },
        };
        assert!(pick(&[down]).is_empty() && pick(&[]).is_empty());
    }

    #[test]
    fn tools_and_window_come_before_size() {
        let models = vec![
            ModelCard {
                tools: false,
                ..card("chatty", 8.0)
            },
            ModelCard {
                context_max: Some(2_048),
                ..card("short", 8.0)
            },
            card("huge", 70.0),
            ModelCard {
                embedding_only: true,
                chat: false,
                ..card("vectors", 8.0)
            },
            ModelCard {
                remote: Some("https://elsewhere".to_owned()),
                ..card("cloud", 8.0)
            },
        ];
        assert_eq!(
            names(&pick(&[up("forge", models)]), 2),
            ["huge", "short", "chatty"]
        );
    }

    #[test]
    fn the_same_model_on_another_host_is_the_next_candidate() {
        let tiers = pick(&[
            up("forge", vec![card("a", 8.0), card("b", 9.0)]),
            up("anvil", vec![card("a", 8.0), card("b", 9.0)]),
        ]);
        let slots: Vec<_> = tiers
            .candidates(2)
            .iter()
            .map(|c| format!("{} {}", c.host, c.model))
            .collect();
        assert_eq!(
            slots,
            [
                "http://forge:11434 a",
                "http://anvil:11434 a",
                "http://forge:11434 b",
                "http://anvil:11434 b"
            ]
        );
    }

    #[test]
    fn a_file_size_stands_in_for_unknown_parameters() {
        let unknown = ModelCard {
            parameter_count: None,
            ..card("unknown", 8.0)
        };
        assert_eq!(
            names(&pick(&[up("forge", vec![card("big", 30.0), unknown])]), 2)[0],
            "unknown"
        );
    }

    proptest! {
        #[test]
        fn a_higher_tier_never_starts_with_a_smaller_model(
            sizes in proptest::collection::vec(1u64..2_000, 1..12),
        ) {
            let models: Vec<_> =
                sizes.iter().enumerate().map(|(n, s)| card(&format!("{n}"), *s as f64 / 10.0)).collect();
            let tiers = pick(&[up("forge", models.clone())]);
            let heads: Vec<u64> = (1..=5)
                .map(|tier| {
                    let name = names(&tiers, tier)[0];
                    models.iter().find(|card| card.name == name).and_then(|card| card.parameter_count).unwrap()
                })
                .collect();
            prop_assert!(heads.is_sorted(), "{heads:?}");
            for tier in 1..=5 {
                prop_assert_eq!(tiers.candidates(tier).len(), models.len());
            }
        }
    }
}
