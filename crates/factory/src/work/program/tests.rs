use alai_core::brief::Price;
use alai_core::money::Rates;
use alai_fleet::Usage;
use alai_minion::engine::Engine;

use super::*;

const DOLLAR: u64 = 1_000_000;

const METERED: Tariff = Tariff::Metered(Rates {
    fresh: Price::FREE,
    cache_read_microusd_per_mtok: 0,
    cache_write_microusd_per_mtok: 0,
});

fn session(cost_microusd: Option<u64>) -> Session {
    Session {
        step: "build".into(),
        engine: Engine::ClaudeCli,
        version: String::new(),
        id: String::new(),
        model: "m".into(),
        outcome: Outcome::Done,
        turns: 1,
        usage: Usage::default(),
        cost_microusd,
        cost_word: cost_microusd.map(|_| Word::Measured),
        told_microusd: None,
        turned_away: false,
        denials: Vec::new(),
        duration_ms: 1,
    }
}

fn seen(sittings: u32) -> Seen {
    Seen {
        sittings,
        held_microusd: DOLLAR,
        counted_microusd: None,
    }
}

/// What is booked, where that is known.
fn cost(tariff: &Tariff, costs: &[Option<u64>], seen: &Seen) -> Option<u64> {
    let sessions: Vec<Session> = costs.iter().copied().map(session).collect();
    match bill(tariff, &sessions, seen) {
        Bill::Of(call) => Some(call.cost_microusd),
        Bill::Nothing | Bill::Unknown | Bill::Unbelieved { .. } => None,
    }
}

#[test]
fn a_session_that_began_and_is_not_told_of_makes_the_whole_unknown() {
    for tariff in [METERED, Tariff::Told] {
        assert_eq!(cost(&tariff, &[Some(7)], &seen(1)), Some(7));
        assert_eq!(cost(&tariff, &[Some(7)], &seen(2)), None);
        assert_eq!(cost(&tariff, &[Some(7), None], &seen(2)), None);
    }
    assert_eq!(bill(&METERED, &[], &seen(0)), Bill::Nothing);
    assert_eq!(bill(&METERED, &[], &seen(1)), Bill::Unknown);
    // A subscription pays nothing for the one that is lost.
    assert_eq!(cost(&Tariff::Flat(None), &[Some(7)], &seen(2)), Some(7));
}

#[test]
fn a_claim_that_cannot_be_meant_is_not_booked() {
    let most = CLAIM_TIMES_MAX * DOLLAR;
    for tariff in [METERED, Tariff::Told] {
        assert_eq!(cost(&tariff, &[Some(most)], &seen(1)), Some(most));
        let sessions = [session(Some(most)), session(Some(1))];
        let claimed_microusd = most + 1;
        assert_eq!(
            bill(&tariff, &sessions, &seen(2)),
            Bill::Unbelieved { claimed_microusd }
        );
        assert_eq!(
            cost(&tariff, &[Some(u64::MAX), Some(u64::MAX)], &seen(2)),
            None
        );
    }
}

#[test]
fn what_was_counted_is_the_least_that_is_booked() {
    let counted = |microusd| Seen {
        counted_microusd: Some(microusd),
        ..seen(1)
    };
    assert_eq!(cost(&METERED, &[Some(7)], &counted(9)), Some(9));
    assert_eq!(cost(&METERED, &[Some(9)], &counted(7)), Some(9));
    assert_eq!(cost(&Tariff::Own, &[Some(9)], &counted(7)), Some(0));
}

#[test]
fn an_agent_whose_program_is_gone_rests_before_it_is_given_the_next_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let program = dir.path().join("agent");
    std::fs::copy("/bin/sh", &program).expect("a program");
    let home = crate::home::Home::at(dir.path().join("home"));
    crate::home::init(&home).expect("a home");
    let text = format!(
        "[[fleet.agents]]\nname = \"pro\"\nengine = \"acp\"\nprogram = \"{}\"\ntiers = [5]\n",
        program.display()
    );
    std::fs::write(home.config(), text).expect("settings");
    let config = crate::config::Config::load(&home.config(), &BTreeMap::new()).expect("valid");
    let factory = Factory::open(home, config).expect("a factory");
    factory.models().look();
    let seen = || factory.models().agents().remove(0);
    assert!(seen().is_up() && seen().rest.is_none(), "{:?}", seen());
    std::fs::remove_file(&program).expect("it was there");
    let gone = at_hand(&factory, &seen().agent).map(|_| ());
    assert!(
        matches!(&gone, Err(RunError::NoModel(why)) if why.contains("agent")),
        "{gone:?}"
    );
    let (until_ms, _) = seen().rest.expect("it rests");
    assert!(until_ms > factory.now_ms());
}
