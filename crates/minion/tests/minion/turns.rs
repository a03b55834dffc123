//! The turns of one step: what each kind of empty turn is told, what the last one may do, what a warning is worth, and what
//! a turn may cost.

use alai_core::blueprint::{Action, ToolName};
use alai_core::brief::{Caps, Price};
use alai_fleet::{ChatError, ChatReply, Finish, Profile};
use alai_minion::ExitStatus;
use serde_json::{Value, json};

use crate::world::{Script, TEST, World, agent, calls, done, fix, says, step};

fn stuck(rule: &str) -> ExitStatus {
    ExitStatus::Stuck { rule: rule.into() }
}

fn thinks(thinking: &str) -> Result<ChatReply, ChatError> {
    says("").map(|reply| ChatReply {
        thinking: thinking.into(),
        ..reply
    })
}

fn with_words(words: &str, list: &[(&str, Value)]) -> Result<ChatReply, ChatError> {
    calls(list).map(|reply| ChatReply {
        text: words.into(),
        ..reply
    })
}

fn search(n: u32) -> (&'static str, Value) {
    ("search", json!({"pattern": format!("p{n}")}))
}

#[test]
fn each_empty_turn_has_its_own_nudge() {
    let cut = says("I will first").map(|reply| ChatReply {
        finish: Finish::Length,
        ..reply
    });
    let over = says(&"Look at the file again. ".repeat(30));
    for (answer, told) in [
        (says(" \n"), "was empty"),
        (thinks("hm"), "only thought"),
        (says("I shall."), "called no tool"),
        (cut, "cut off at its length limit"),
        (over, "repeated itself"),
    ] {
        let mut world = World::new();
        let mut script = Script::new(vec![answer, calls(&[fix(), done()])]);
        let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
        assert_eq!(ran.report.status, ExitStatus::Done);
        assert!(script.last(1).contains(told), "{told}: {}", script.last(1));
    }
}

#[test]
fn who_only_thinks_is_asked_without_thinking_and_then_ended() {
    let profile = Profile {
        think: Some(true),
        ..Profile::default()
    };
    let mut world = World::new();
    let answers = ["first", "second", "third"].map(thinks).to_vec();
    let mut script = Script::new(answers);
    let brief = world.brief(vec![agent(None)]);
    let ran = world.run_with(&brief, &profile, &mut script);
    assert_eq!(ran.report.status, stuck("reasoning_only"));
    assert_eq!(ran.report.turns, 3);
    let asked: Vec<Option<bool>> = script.requests.iter().map(|r| r.profile.think).collect();
    assert_eq!(asked, [Some(true), Some(false), Some(false)]);
    let kept: Vec<&Value> = ran
        .kinds("reply")
        .iter()
        .map(|reply| &reply["thinking"])
        .collect();
    assert_eq!(kept, ["first", "second", "third"]);
    // A model without that capability is never sent the field.
    let mut world = World::new();
    let mut script = Script::new(vec![thinks("hm"), calls(&[fix(), done()])]);
    world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(script.requests[1].profile.think, None);
}

#[test]
fn the_same_thought_is_said_and_ended_and_progress_clears_it() {
    let words = "I have to look for the place where the answer is printed, and change it there.";
    let mut world = World::new();
    let answers = (0..3).map(|n| with_words(words, &[search(n)])).collect();
    let mut script = Script::new(answers);
    let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (stuck("same_thought"), 3)
    );
    assert!(
        script.last(2).contains("You said the same"),
        "{}",
        script.last(2)
    );

    let mut world = World::new();
    let write = |n: u32| ("write", json!({"path": format!("n{n}"), "content": "x\n"}));
    let mut answers: Vec<_> = (0..5).map(|n| with_words(words, &[write(n)])).collect();
    answers.push(calls(&[fix(), done()]));
    let ran = world.run(&world.brief(vec![agent(None)]), &mut Script::new(answers));
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "each turn brought a new tree"
    );
}

#[test]
fn in_the_last_turn_there_is_only_done_and_the_model_is_told() {
    let short = |turns_max: u32| Action::Agent {
        prompt: "p".into(),
        tools: ToolName::ALL.to_vec(),
        turns_max,
        check: Some(TEST.into()),
        outputs: Vec::new(),
        role: None,
        limits: Caps::default(),
    };
    let mut world = World::new();
    let brief = world.brief(vec![step("build", short(3))]);
    let mut script = Script::new(vec![calls(&[search(1)]), calls(&[fix()]), calls(&[done()])]);
    let ran = world.run(&brief, &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done);
    let names = |n: usize| -> Vec<&str> {
        script.requests[n]
            .tools
            .iter()
            .map(|tool| tool.name.as_str())
            .collect()
    };
    assert_eq!((names(1).len(), names(2)), (6, vec!["done"]));
    assert!(
        script.last(2).contains("Only `done` is left"),
        "{}",
        script.last(2)
    );

    // What it claims there is taken as a claim, and judged: nothing could be mended any more.
    let mut world = World::new();
    let brief = world.brief(vec![step("build", short(2))]);
    let ran = world.run(
        &brief,
        &mut Script::new(vec![calls(&[search(1)]), calls(&[done()])]),
    );
    let ended = (ran.report.status, ran.report.turns);
    assert_eq!(ended, (ExitStatus::GateFailed, 2), "its check is red");

    let mut world = World::new();
    let brief = world.brief(vec![step("build", short(2))]);
    let late = Script::new(vec![calls(&[search(1)]), calls(&[fix()])]);
    let ran = world.run(&brief, &mut { late });
    assert_eq!(ran.report.status, ExitStatus::StepLimit);
    assert_eq!(
        world.read("answer.txt"),
        "41\n",
        "an edit is no longer a tool"
    );
}

#[test]
fn a_warning_can_be_heeded_before_the_rule_ends_the_run() {
    // Five times the same error within one answer: nobody could have read the warning.
    let bad = |n: u32| {
        (
            "search",
            json!({"pattern": "x", "path": "../..", "glob": n.to_string()}),
        )
    };
    let answer: Vec<_> = (0..5).map(bad).collect();
    let mut world = World::new();
    let mut script = Script::new(vec![calls(&answer), calls(&[fix(), done()])]);
    let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done);
    assert!(
        script.last(1).contains("same error came three times"),
        "{}",
        script.last(1)
    );
    let mut world = World::new();
    let mut script = Script::new(vec![calls(&answer), calls(&[bad(9)])]);
    let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (stuck("same_error"), 2)
    );
}

#[test]
fn the_same_look_twice_in_one_answer_is_done_once() {
    let read = ("read", json!({"path": "answer.txt"}));
    let mut world = World::new();
    let answer = vec![read.clone(), read.clone(), fix(), read];
    let mut script = Script::new(vec![calls(&answer), calls(&[done()])]);
    let ran = world.run(&world.brief(vec![agent(None)]), &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done);
    let results: Vec<&str> = ran
        .kinds("result")
        .iter()
        .filter_map(|r| r["text"].as_str())
        .collect();
    assert!(
        results[0].contains("1| 41") && results[1].starts_with("Not executed"),
        "{results:?}"
    );
    assert!(
        results[3].contains("1| 42"),
        "after a change it is another look: {results:?}"
    );
}

#[test]
fn a_run_ends_before_the_call_that_could_cost_too_much() {
    let price = Price {
        prompt_microusd_per_mtok: 1_000_000,
        output_microusd_per_mtok: 10_000_000,
    };
    let profile = Profile {
        output_max: 1_000,
        ..Profile::default()
    };
    let read = |path: &str| calls(&[("read", json!({"path": path}))]);
    let answers = || {
        Script::new(vec![
            calls(&[fix()]),
            read("test.sh"),
            read("README.md"),
            calls(&[done()]),
        ])
    };
    let spent = |cap: u64| {
        let mut world = World::new();
        world.price = price;
        let mut brief = world.brief(vec![agent(None)]);
        brief.limits.cost_microusd_max = cap;
        world.run_with(&brief, &profile, &mut answers()).report
    };
    // Each call really costs 200: 100 tokens in and 10 out; at worst, with a thousand out, over 10,000.
    let whole = spent(1_000_000);
    assert_eq!(
        (whole.status, whole.turns, whole.cost_microusd),
        (ExitStatus::Done, 4, 800)
    );
    let none = spent(10_000);
    assert_eq!(
        (none.status, none.turns, none.cost_microusd),
        (ExitStatus::CostLimit, 0, 0)
    );
    let mut world = World::new();
    world.price = price;
    let mut brief = world.brief(vec![agent(None)]);
    // Room for the worst case of one call, less than what the first one cost above that of the second.
    let first = worst(&mut world, &brief, &profile, price);
    brief.limits.cost_microusd_max = first + 100;
    let ran = world.run_with(&brief, &profile, &mut answers());
    assert_eq!(
        (ran.report.status, ran.report.turns),
        (ExitStatus::CostLimit, 1)
    );
    assert!(ran.report.cost_microusd <= brief.limits.cost_microusd_max);
    assert!(ran.report.head.is_some(), "what was done is kept");
    brief.limits.cost_microusd_max = 0;
    let mut world = World::new();
    let brief = alai_core::brief::Brief {
        limits: brief.limits,
        ..world.brief(vec![agent(None)])
    };
    let ran = world.run(&brief, &mut answers());
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "a model that costs nothing may always be asked"
    );
}

/// The least cap under which the first call of a brief is made.
fn worst(
    world: &mut World,
    brief: &alai_core::brief::Brief,
    profile: &Profile,
    price: Price,
) -> u64 {
    let (mut low, mut high) = (0, 1_000_000);
    world.price = price;
    while low < high {
        let cap = (low + high) / 2;
        let mut tried = brief.clone();
        tried.limits.cost_microusd_max = cap;
        tried.limits.turns_max = 1;
        let turns = world
            .run_with(&tried, profile, &mut Script::new(vec![calls(&[search(1)])]))
            .report
            .turns;
        if turns == 1 {
            high = cap
        } else {
            low = cap + 1
        }
    }
    low
}
