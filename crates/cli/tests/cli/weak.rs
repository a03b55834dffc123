//! A weak model through the whole factory: what it fumbles is caught in its run, and what it brings to an end is measured as ever.

use alai_testkit::ollama::OllamaTwin;
use alai_testkit::weak::{Vice, Weak};

use crate::qa::gates;
use crate::world::World;

const SAMPLE: &str = "tiny-sh";

fn weak() -> Weak {
    let vices = [(Vice::Fenced, 20), (Vice::Prose, 20), (Vice::WrongOld, 15)];
    Weak::knowing(SAMPLE, 0).vices(&vices).seeded(21)
}

#[test]
fn a_weak_model_comes_to_merged_code() {
    let (weak, title) = (weak(), Weak::knowing(SAMPLE, 0).task().title.clone());
    let fallen = weak.fallen();
    let twin = OllamaTwin::start(weak.behaviour());
    let world = World::with_model_at("auto", &twin.url());
    world
        .alai(["start", &title, "--project", "tiny", "--wait"])
        .exits(0);
    assert_eq!(world.state(1), "done", "{}", world.list());
    for vice in [Vice::Prose, Vice::Fenced, Vice::WrongOld] {
        assert!(fallen.had(vice), "{vice:?}");
    }
    let slug = world.sh("sh test.sh && sh words.sh slug 'Hello,  World'");
    slug.exits(0).says("hello-world");
    world.alai(["mc", "fsck"]).exits(0);
}

#[test]
fn what_a_person_sets_in_the_settings_ends_a_run() {
    let (weak, title) = (weak(), Weak::knowing(SAMPLE, 0).task().title.clone());
    let twin = OllamaTwin::start(weak.behaviour());
    let world = World::with_model_at("auto", &twin.url());
    let settings = "[limits.agent]\nturns = 2\n";
    std::fs::write(world.home().join("alai.toml"), settings).expect("the settings");
    let ran = world.alai(["start", &title, "--project", "tiny", "--wait"]);
    assert_ne!(ran.code, 0, "{ran}");
    let build = world.task(3).to_string();
    assert!(build.contains("the run ended as step_limit"), "{build}");
    let blocks: Vec<u64> = gates(&world).into_iter().map(|gate| gate.2).collect();
    assert!(blocks[1] >= 1, "a limit ended its work: {blocks:?}");
    // Its lead was asked to split it, and his one task is no split.
    assert!(world.list().contains("Split: "), "{}", world.list());
    assert_eq!(blocks[2], 1, "the builder claimed nothing: {blocks:?}");
}
