//! One real word of idle models, now and then: a host that lists a model and generates nothing with it is found before work is.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;
use crate::dispatch::words;

/// A host whose model stops to generate when it is told so.
fn moody(mute: &Arc<AtomicBool>, more: &str) -> Machine {
    let mute = Arc::clone(mute);
    let says = move |_: &serde_json::Value| match mute.load(Ordering::SeqCst) {
        true => Answer::Lines(vec![Answer::done("stop")]),
        false => Answer::text("ok"),
    };
    let models = [TwinModel::new(SMALL.0, SMALL.1)];
    let behaviour = Behaviour::by(says).hearing_first_words().models(models);
    at("forge", behaviour.sized(100_000_000_000, 1), 1, 100, more)
}

/// A host whose model answers somebody else first while it is told so.
fn slow(busy: &Arc<AtomicBool>) -> Machine {
    let busy = Arc::clone(busy);
    let says = move |_: &serde_json::Value| match busy.load(Ordering::SeqCst) {
        true => Answer::Held(Box::new(Answer::text("ok"))),
        false => Answer::text("ok"),
    };
    let models = [TwinModel::new(SMALL.0, SMALL.1)];
    let behaviour = Behaviour::by(says).hearing_first_words().models(models);
    at("forge", behaviour.sized(100_000_000_000, 1), 1, 100, "")
}

/// A world in whose host the model is loaded, and has worked.
fn worked(mute: &Arc<AtomicBool>, settings: &str) -> World {
    has_worked(World::new(1, vec![moody(mute, "")], settings))
}

fn has_worked(world: World) -> World {
    world.add("First", 2, Priority::Medium);
    let first = world.next();
    world.ends(&first, true);
    world
}

fn asked(world: &World) -> usize {
    world.twin("forge").chats().len()
}

/// Asks what is due now, and waits until that has ended.
fn asks(world: &World) {
    words::ask(&world.factory, world.now_ms());
    ends_asking(world);
}

fn ends_asking(world: &World) {
    let began = Instant::now();
    let is_asking = || {
        let (known, host) = (world.factory.roster().lock(), world.twin("forge").url());
        known.asking.contains_key(&host) || known.moves.contains_key(&host)
    };
    while is_asking() {
        assert!(began.elapsed() < PATIENCE, "the word does not end");
        std::thread::sleep(PAUSE);
    }
}

fn rests(world: &World) -> Option<String> {
    let models = world.factory.models();
    models.why_unloadable(world.factory.now_ms())
}

fn was_sent_away(world: &World) -> bool {
    let turns = world.twin("forge").turns();
    turns.contains(&Turn::Unloaded("small".into()))
}

fn word(world: &World) -> WordView {
    world.round();
    let mut words = world.factory.schedule().hosts.remove(0).words;
    assert_eq!(words.len(), 1, "{words:?}");
    words.remove(0)
}

#[test]
fn an_idle_model_says_a_word_again_after_the_interval_and_one_that_has_worked_needs_none() {
    let mute = Arc::default();
    let world = worked(&mute, "");
    let before = asked(&world);
    asks(&world);
    world.factory.gain(29 * MINUTE_MS);
    asks(&world);
    assert_eq!(asked(&world), before, "its run said as much");
    world.factory.gain(2 * MINUTE_MS);
    asks(&world);
    assert_eq!(asked(&world), before + 1);
    let chats = world.twin("forge").chats();
    assert!(chats[before]["keep_alive"].is_null(), "it shortens nothing");
    let said = word(&world);
    assert_eq!((said.model.as_str(), &said.error), ("small", &None));
    assert!(said.latency_ms.is_some() && said.at_ms <= world.now_ms());
    asks(&world);
    assert_eq!(asked(&world), before + 1, "not again at once");
    world.factory.gain(31 * MINUTE_MS);
    asks(&world);
    assert_eq!(asked(&world), before + 2);
    assert_eq!(
        world.twin("forge").reloads(),
        0,
        "with the options of all its calls"
    );
}

#[test]
fn a_model_that_generates_nothing_any_more_gets_no_work_until_it_has_said_a_word() {
    let mute: Arc<AtomicBool> = Arc::default();
    let world = worked(&mute, "");
    mute.store(true, Ordering::SeqCst);
    world.factory.gain(31 * MINUTE_MS);
    asks(&world);
    let said = word(&world);
    let why = said.error.expect("it said none");
    assert!(why.contains("says no word"), "{why}");
    assert!(
        said.rests_until_ms
            .is_some_and(|until| until > world.now_ms())
    );
    let models = world.factory.models();
    assert!(rests(&world).is_some_and(|why| why.contains("says no word")));
    // It is sent away, so that what comes next is loaded, and heard, before a run is given to it.
    let turns = world.twin("forge").turns();
    assert_eq!(
        turns.last(),
        Some(&Turn::Unloaded("small".into())),
        "{turns:?}"
    );
    let second = world.add("Second", 2, Priority::Medium);
    let claim = world.next();
    let seat = world.factory.roster().seat(&claim.fence.run);
    assert_eq!(
        (claim.fence.task, seat),
        (second, Some(None)),
        "a run that ends with the reason"
    );
    let none = models.why_none(
        &ModelChoice::Tier(2),
        0,
        crate::models::Reach::Near,
        world.factory.now_ms(),
    );
    assert!(none.contains("says no word"), "{none}");
    world.ends(&claim, false);
    mute.store(false, Ordering::SeqCst);
    world.factory.gain(MINUTE_MS);
    let again = world.next();
    assert_eq!(world.place(&again), ("forge", "small".into()));
    let turns = world.twin("forge").turns();
    assert_eq!(
        turns
            .iter()
            .filter(|t| **t == Turn::Loaded("small".into()))
            .count(),
        2,
        "{turns:?}"
    );
}

#[test]
fn no_word_is_asked_of_a_host_at_work_nor_of_a_model_that_is_not_loaded() {
    let mute = Arc::default();
    let world = World::new(1, vec![moody(&mute, "")], "");
    world.round();
    world.factory.gain(60 * MINUTE_MS);
    asks(&world);
    assert_eq!(world.twin("forge").turns(), [], "nothing is loaded for it");
    world.add("First", 2, Priority::Medium);
    let running = world.next();
    let before = asked(&world);
    world.factory.gain(60 * MINUTE_MS);
    asks(&world);
    assert_eq!(asked(&world), before, "its slot is taken");
    world.ends(&running, true);
}

#[test]
fn none_that_costs_money_is_asked_for_a_word() {
    let mute = Arc::default();
    let forge = moody(&mute, "tiers = [2]");
    let paid = format!(
        "[money]\npaid_hosts = [\"{}\"]\n[money.prices.small]\ninput = 1.0\noutput = 1.0\n",
        forge.twin.url()
    );
    let world = World::new(1, vec![forge], &paid);
    world
        .twin("forge")
        .somebody_holds("small", Some(5_000_000_000));
    loads::look_now(&world.factory);
    world.round();
    world.factory.gain(60 * MINUTE_MS);
    asks(&world);
    assert_eq!(asked(&world), 0);
}

#[test]
fn no_word_is_asked_where_a_person_wants_none() {
    let mute = Arc::default();
    let world = worked(&mute, "[fleet]\nprobe_minutes = 0\n");
    let before = asked(&world);
    world.factory.gain(600 * MINUTE_MS);
    asks(&world);
    assert_eq!(asked(&world), before);
}

#[test]
fn a_window_that_is_smaller_than_all_calls_ask_for_is_told() {
    let profile = alai_fleet::Profile::default();
    let word = |context| alai_fleet::Ping {
        latency_ms: 1,
        usage: alai_fleet::Usage::default(),
        context,
    };
    for (given, told) in [
        (None, None),
        (Some(profile.num_ctx), None),
        (Some(4_096), Some(4_096)),
    ] {
        assert_eq!(words::small_window(&word(given), &profile), told);
    }
    let mute = Arc::default();
    let world = worked(&mute, "");
    assert_eq!(
        word_of_load(&world).window,
        None,
        "its load gave it what it wants"
    );
}

/// What the model said when it was loaded.
fn word_of_load(world: &World) -> WordView {
    let said = word(world);
    assert!(said.latency_ms.is_some(), "{said:?}");
    said
}

#[test]
fn a_model_that_serves_somebody_else_first_is_neither_rested_nor_sent_away() {
    let busy: Arc<AtomicBool> = Arc::default();
    let world = has_worked(World::new(1, vec![slow(&busy)], ""));
    busy.store(true, Ordering::SeqCst);
    world.factory.gain(31 * MINUTE_MS);
    words::ask_within(&world.factory, Duration::ZERO, world.now_ms());
    ends_asking(&world);
    assert_eq!(rests(&world), None);
    assert!(!was_sent_away(&world));
    busy.store(false, Ordering::SeqCst);
    let before = asked(&world);
    asks(&world);
    assert_eq!(asked(&world), before, "not again at once");
    world.factory.gain(2 * MINUTE_MS);
    asks(&world);
    assert_eq!(word(&world).error, None);
}

#[test]
fn work_that_comes_while_a_word_is_asked_for_gets_the_host_and_ends_the_word() {
    let busy: Arc<AtomicBool> = Arc::default();
    let world = has_worked(World::new(1, vec![slow(&busy)], ""));
    busy.store(true, Ordering::SeqCst);
    let before = asked(&world);
    world.factory.gain(31 * MINUTE_MS);
    // It would be waited for longer than this test waits.
    words::ask_within(&world.factory, PATIENCE * 10, world.now_ms());
    world.twin("forge").await_chats(before + 1);
    world.add("Second", 2, Priority::Medium);
    let claim = world.next();
    assert_eq!(world.place(&claim), ("forge", "small".into()));
    ends_asking(&world);
    assert_eq!(rests(&world), None);
    assert!(!was_sent_away(&world));
    world.ends(&claim, true);
}

#[test]
fn a_model_that_is_kept_is_not_sent_away_for_a_word() {
    let mute: Arc<AtomicBool> = Arc::default();
    let kept = "models = { small = { keep = true } }";
    let world = has_worked(World::new(1, vec![moody(&mute, kept)], ""));
    mute.store(true, Ordering::SeqCst);
    world.factory.gain(31 * MINUTE_MS);
    asks(&world);
    assert!(rests(&world).is_some_and(|why| why.contains("says no word")));
    assert!(!was_sent_away(&world));
}

#[test]
fn no_word_is_asked_of_what_others_loaded() {
    let mute = Arc::default();
    let world = World::new(1, vec![moody(&mute, "")], "");
    let forge = world.twin("forge");
    forge.somebody_holds("small", Some(5_000_000_000));
    loads::look_now(&world.factory);
    world.round();
    world.factory.gain(60 * MINUTE_MS);
    asks(&world);
    assert_eq!((asked(&world), forge.reloads()), (0, 0));
    let world = worked(&mute, "");
    let forge = world.twin("forge");
    let before = asked(&world);
    // Loaded anew, with a window that is not ours, and not looked at since.
    forge.somebody_holds("small", Some(5_000_000_000));
    world.factory.gain(31 * MINUTE_MS);
    asks(&world);
    assert_eq!((asked(&world), forge.reloads()), (before, 0));
}

#[test]
fn no_word_is_asked_of_a_host_that_is_called_beside_a_run() {
    let mute = Arc::default();
    let world = worked(&mute, "");
    let before = asked(&world);
    world.factory.gain(31 * MINUTE_MS);
    let calling = world.factory.roster().calls(&world.twin("forge").url());
    asks(&world);
    assert_eq!(asked(&world), before);
    drop(calling);
    asks(&world);
    assert_eq!(asked(&world), before + 1);
}
