//! One look at every host: what each has, which tiers that fills, and which of its models it has no memory for.

use std::collections::BTreeMap;

use alai_core::schedule::placement;
use alai_fleet::{Host, ModelCard, Probe, ProbeState, pick, probe, usable};

use super::{Found, Member, Seen};

/// Asks every host, each on a thread of its own: one that hangs costs the others nothing.
pub(super) fn read(members: &[Member]) -> Found {
    let probes: Vec<Probe> = match members {
        [only] => vec![look_at(only)],
        _ => std::thread::scope(|scope| {
            let looks: Vec<_> = members
                .iter()
                .map(|member| scope.spawn(|| look_at(member)))
                .collect();
            let looked = looks.into_iter().zip(members);
            looked
                .map(|(look, member)| {
                    look.join().unwrap_or_else(|_| {
                        down(member, "the look at it failed", "look at the log")
                    })
                })
                .collect()
        }),
    };
    let refused: Vec<_> = members
        .iter()
        .zip(&probes)
        .map(|(m, p)| refused(m, p))
        .collect();
    let mut tiers = pick(&probes);
    for (tier, candidates) in (1u8..).zip(&mut tiers.slots) {
        candidates.retain(|candidate| {
            let at = members.iter().position(|m| m.named.host == candidate.host);
            at.is_some_and(|at| {
                members[at].may_fill(tier) && !refused[at].contains_key(&candidate.model)
            })
        });
    }
    let has_one = |(probe, refused): (&Probe, &BTreeMap<String, String>)| {
        usable(probe)
            .iter()
            .any(|card| !refused.contains_key(&card.name))
    };
    let none = match probes.iter().zip(&refused).any(has_one) {
        false => nothing(&probes, &refused),
        true => String::new(),
    };
    let seen = members.iter().zip(probes).zip(refused);
    let hosts = seen.map(|((member, probe), refused)| Seen {
        name: member.named.name.clone(),
        near: member.near,
        free: member.free,
        slots: fewest(member.named.slots, probe.slots),
        refused,
        probe,
    });
    Found {
        tiers,
        hosts: hosts.collect(),
        none,
    }
}

fn look_at(member: &Member) -> Probe {
    match &member.named.unusable {
        Some(why) => down(member, why, "set it right, and start `alai up` anew"),
        None => probe(&member.named.host),
    }
}

fn down(member: &Member, reason: &str, remedy: &str) -> Probe {
    Probe {
        host: member.named.host.clone(),
        state: ProbeState::Down {
            reason: reason.to_owned(),
            remedy: remedy.to_owned(),
        },
        slots: None,
    }
}

/// The fewer of what a person and the server said.
pub(super) fn fewest(given: Option<usize>, said: Option<u32>) -> Option<usize> {
    let said = said.and_then(|said| usize::try_from(said).ok());
    match (given, said) {
        (Some(given), Some(said)) => Some(given.min(said)),
        (given, said) => given.or(said),
    }
}

/// Why no tier has a model: the words of each host.
fn nothing(probes: &[Probe], refused: &[BTreeMap<String, String>]) -> String {
    let said = probes
        .iter()
        .zip(refused)
        .map(|(probe, refused)| match &probe.state {
            ProbeState::Down { reason, remedy } => match probes.len() {
                1 => format!("{reason}; {remedy}"),
                _ => format!("{}: {reason}; {remedy}", probe.host),
            },
            ProbeState::Up { .. } if !refused.is_empty() => {
                refused.values().cloned().collect::<Vec<_>>().join("; ")
            }
            ProbeState::Up { .. } => match &probe.host {
                Host::Ollama(host) => {
                    format!("{host} has no model that can chat; pull one with `ollama pull MODEL`")
                }
                host @ (Host::Openai(_) | Host::Anthropic(_)) => {
                    format!("{host} has no model that can chat")
                }
            },
        });
    said.collect::<Vec<_>>().join("; ")
}

/// Models that the host has no memory for, by the arithmetic of [`placement::check`]: larger than what models may use there, or too
/// large to stand beside those that are never unloaded. Each with the words that say so.
fn refused(member: &Member, probe: &Probe) -> BTreeMap<String, String> {
    let named = &member.named;
    let Some(memory) = named.memory else {
        return BTreeMap::new();
    };
    let cards = usable(probe);
    let bytes = |card: &ModelCard| named.bytes_of(&card.name, card.size_bytes);
    let kept: Vec<(&str, u64)> = cards
        .iter()
        .filter(|card| named.keeps(&card.name))
        .map(|card| (card.name.as_str(), bytes(card)))
        .collect();
    let refused = |card: &&ModelCard| {
        let mut models = kept.clone();
        if !models.iter().any(|(name, _)| *name == card.name) {
            models.push((card.name.as_str(), bytes(card)));
        }
        let one = named.placement(memory, &models);
        let refusals = placement::check(&one).err()?;
        let words = refusals.iter().map(ToString::to_string);
        Some((card.name.clone(), words.collect::<Vec<_>>().join("; ")))
    };
    cards
        .iter()
        .copied()
        .filter_map(|card| refused(&card))
        .collect()
}
