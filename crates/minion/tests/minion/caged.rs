//! A whole run in a real cage, as the factory makes it: the hand as another user, no network, nothing of the host.

use alai_core::brief::Brief;
use alai_fleet::Profile;
use alai_minion::hand::Hand;
use alai_minion::{Ask, Means, Recorder};
use alai_workspace::cage::{self, Access};

use crate::cage::{give, spec};
use crate::world::{Ran, Sink, World, git};

/// Runs a brief on a world's repository in a cage, with anything that answers.
pub(crate) fn run(world: &World, brief: &Brief, ask: Ask<'_>) -> Ran {
    cage::set_launcher(env!("CARGO_BIN_EXE_hand_probe").into());
    give(&world.repo(), cage::agent_ids());
    let argv = ["/alai/launcher".to_owned(), "__hand".to_owned()];
    let spec = spec(world.repo(), Access::ReadWrite);
    let mut caged = cage::spawn(&spec, &argv).expect("a cage");
    let (to_hand, from_hand) = (
        caged.stdin.take().expect("piped"),
        caged.stdout.take().expect("piped"),
    );
    let layers = caged.layers().to_vec();
    assert!(layers.len() >= 3, "a real cage: {layers:?}");
    let mut hand =
        Hand::start(to_hand, from_hand, layers, &world.cancel).expect("a hand in a cage");
    let sink = Sink::default();
    let mut recorder = Recorder::to(sink.clone());
    let report = alai_minion::run(
        brief,
        Means {
            profile: &Profile::default(),
            model: "small",
            price: world.price,
            ask,
            hand: &mut hand,
            recorder: &mut recorder,
            cancel: &world.cancel,
            passes: &|_, _| false,
            words: &mut Vec::new,
            program: None,
            servers: None,
            ahead: None,
            notes: None,
            delegations: None,
            shelf: &world.shelf,
        },
    );
    drop(hand);
    caged.kill().expect("it ends");
    let text = sink.text();
    let events = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"));
    Ran {
        report,
        events: events.collect(),
    }
}

/// Git in a repository that the cage's user owns now.
pub(crate) fn git_of(world: &World, args: &[&str]) -> String {
    let owned = format!("safe.directory={}", world.repo().display());
    git(&world.repo(), &[&["-c", &owned], args].concat())
}
