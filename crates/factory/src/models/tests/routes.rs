//! Every route by which a project's code could reach a model: of hosts, of agents of others by each engine, of verifiers, of leads and
//! of who classifies. Whatever there is, was lost, rests or was raised: code that stays here reaches no machine elsewhere.

use alai_minion::engine::Engine;
use proptest::prelude::*;

use super::*;
use crate::agents::{KeyedBase, NamedAgent, Order, Wire};
use crate::work;

const NAMES: [&str; 4] = ["anvil", "forge", "tongs", "bellows"];
const ENGINES: [Engine; 3] = [Engine::ClaudeCli, Engine::CodexCli, Engine::Acp];
const KINDS: [TaskKind; 8] = [
    TaskKind::Spec,
    TaskKind::Build,
    TaskKind::Ops,
    TaskKind::Docs,
    TaskKind::Review,
    TaskKind::Security,
    TaskKind::Verify,
    TaskKind::Postflight,
];

/// How an agent's program reaches its model.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// By a login, at its provider.
    Login,
    /// By a key at a provider elsewhere.
    KeyAway,
    /// At an address on this machine, or in its network.
    KeyHere,
    /// It reaches nothing: the model is in it.
    Nowhere,
}

impl Way {
    fn is_near(self) -> bool {
        matches!(self, Way::KeyHere | Way::Nowhere)
    }
}

#[derive(Debug, Clone)]
struct Given {
    engine: usize,
    way: Way,
    first: bool,
    up: bool,
    tiers: Vec<u8>,
    rests: bool,
}

fn given() -> impl Strategy<Value = Given> {
    let ways = prop_oneof![
        Just(Way::Login),
        Just(Way::KeyAway),
        Just(Way::KeyHere),
        Just(Way::Nowhere)
    ];
    let tiers = proptest::collection::vec(1u8..=5, 1..4);
    (
        0..ENGINES.len(),
        ways,
        any::<bool>(),
        any::<bool>(),
        tiers,
        any::<bool>(),
    )
        .prop_map(|(engine, way, first, up, tiers, rests)| Given {
            engine,
            way,
            first,
            up,
            tiers,
            rests,
        })
}

fn agent(nth: usize, given: &Given) -> NamedAgent {
    let keyed = |url: &str| {
        Some(KeyedBase {
            url: url.to_owned(),
            api: Wire::Openai,
            key: None,
        })
    };
    NamedAgent {
        name: format!("agent-{nth}"),
        engine: ENGINES[given.engine],
        program: "agent".into(),
        args: Vec::new(),
        login: (given.way == Way::Login).then(|| "logins/agent".into()),
        model: None,
        key: match given.way {
            Way::KeyAway => keyed("https://api.example.com/v1"),
            Way::KeyHere => keyed("http://127.0.0.1:8080/v1"),
            Way::Login | Way::Nowhere => None,
        },
        hosts: match given.way {
            Way::Login => vec!["api.example.com".to_owned()],
            Way::KeyAway | Way::KeyHere | Way::Nowhere => Vec::new(),
        },
        tiers: given.tiers.clone(),
        slots: 1,
        order: if given.first {
            Order::First
        } else {
            Order::Last
        },
        pay: None,
        unusable: None,
    }
}

/// Hosts near and far, one of which was given a tier by a person, and agents.
fn fleet_with(near: &[bool], agents: &[Given]) -> Models {
    let sizes = [("small", 8), ("middle", 14), ("large", 70)];
    let members = near.iter().zip(NAMES).enumerate();
    let members = members.map(|(nth, (near, name))| {
        let tiers = (nth == 1).then(|| vec![2, 5]);
        member(name, *near, tiers, &sizes)
    });
    let mut models = fleet(members.collect());
    let named = agents
        .iter()
        .enumerate()
        .map(|(nth, given)| agent(nth, given));
    models.agents = Agents::new(named.collect(), Money::default());
    let up: Vec<bool> = agents.iter().map(|given| given.up).collect();
    models.agents.are_up(&up);
    for (nth, _) in agents.iter().enumerate().filter(|(_, given)| given.rests) {
        let name = format!("agent-{nth}");
        models
            .agents
            .heard(&name, Some((ErrorClass::Busy, "its plan is used up")), 1);
    }
    models
}

fn is_near(chosen: &Chosen, near: &[bool], agents: &[Given]) -> bool {
    let host = chosen.provider.host();
    let of_host = NAMES
        .iter()
        .position(|name| host == format!("http://{name}:1"));
    let of_agent = (0..agents.len()).find(|nth| host == format!("agent agent-{nth}"));
    match (of_host, of_agent) {
        (Some(at), None) => near[at],
        (None, Some(at)) => agents[at].way.is_near(),
        _ => panic!("{host} is nobody"),
    }
}

/// What a task, its pack, or a person may ask for.
fn choices(tier: u8, named: usize) -> Vec<ModelChoice> {
    let of = |host: String, model: &str| ModelChoice::Named {
        host,
        model: model.into(),
    };
    vec![
        ModelChoice::Tier(tier),
        of(NAMES[named].into(), "small"),
        of(format!("agent-{named}"), "default"),
        of(format!("agent-{named}"), "a-model"),
        ModelChoice::Human,
    ]
}

proptest! {
    // Each case asks for forty routes of up to nine places.
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn code_that_stays_here_reaches_nobody_elsewhere_by_any_route(
        near in proptest::collection::vec(any::<bool>(), 1..=NAMES.len()),
        agents in proptest::collection::vec(given(), 0..5),
        lost in proptest::collection::vec((0..NAMES.len(), 0usize..3), 0..40),
        built_by in proptest::sample::subsequence(vec!["small", "middle", "large", "default"], 0..4),
        unpaid in any::<bool>(),
        (tier, named, escalations, now_ms) in (1u8..=5, 0..NAMES.len(), 0u32..4, 0i64..2_000_000),
    ) {
        let models = fleet_with(&near, &agents);
        for (nth, (host, model)) in (0i64..).zip(&lost) {
            let model = ["small", "middle", "large"][*model];
            let choice = ModelChoice::Named { host: NAMES[*host].into(), model: model.into() };
            if let Some(chosen) = models.choose(&choice, 0, Reach::Anywhere, nth) {
                models.heard(&chosen, Some(ErrorClass::Unreachable), nth);
            }
        }
        let built_by: Vec<String> = built_by.into_iter().map(str::to_owned).collect();
        // Where nobody can be paid all are taken, so that the refusal can be said.
        let pays = |_: &Chosen| !unpaid;
        for choice in choices(tier, named) {
            let mut reached: Vec<Chosen> = Vec::new();
            let mut anyone: Vec<Chosen> = Vec::new();
            for kind in KINDS {
                let asked = |reach| Asked { kind, choice: &choice, escalations, reach, now_ms };
                reached.extend(models.candidates_of(asked(Reach::Near), &pays));
                reached.extend(work::others_than(&models, &built_by, asked(Reach::Near), &pays));
                anyone.extend(models.candidates_of(asked(Reach::Anywhere), &pays));
            }
            // Who classifies is a host's model, by this way.
            reached.extend(models.choose(&choice, 0, Reach::Near, now_ms));
            for chosen in &reached {
                prop_assert!(is_near(chosen, &near, &agents), "{choice:?}: {}", chosen.provider.host());
            }
            // What stands before every call and every start of a program: also where a project was closed meanwhile.
            for chosen in reached.iter().chain(&anyone) {
                prop_assert_eq!(models.is_within(chosen, Reach::Near), is_near(chosen, &near, &agents));
            }
        }
    }
}

/// The property above says something only where agents and hosts elsewhere are reached by those whose code may leave.
#[test]
fn every_engine_is_reached_by_code_that_may_leave_and_none_elsewhere_by_code_that_may_not() {
    for (engine, kind) in (0..ENGINES.len()).flat_map(|e| KINDS[1..6].iter().map(move |k| (e, *k)))
    {
        for way in [Way::Login, Way::KeyAway, Way::KeyHere, Way::Nowhere] {
            let one = Given {
                engine,
                way,
                first: true,
                up: true,
                tiers: vec![4],
                rests: false,
            };
            let models = fleet_with(&[false], &[one]);
            let choice = ModelChoice::Tier(4);
            let asked = |reach| Asked {
                kind,
                choice: &choice,
                escalations: 0,
                reach,
                now_ms: 1,
            };
            let far = models.candidates_of(asked(Reach::Anywhere), &|_| true);
            assert_eq!(far[0].provider.host(), "agent agent-0", "{kind:?}");
            let here = models.candidates_of(asked(Reach::Near), &|_| true);
            assert_eq!(
                !here.is_empty(),
                way.is_near(),
                "{way:?} {kind:?}: {here:?}"
            );
        }
    }
}
