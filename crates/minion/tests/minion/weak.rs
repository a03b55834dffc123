//! Runs whose model is weak: the shipped company and blueprint on a real repository, over the real wire, and a model with the
//! vices of a poor one. Each either comes to work whose check is green, or is ended by the right rule, in bounded turns.

use alai_core::brief::{Brief, Role, RunLimits};
use alai_fleet::{EditFormat, OllamaHost, Profile, Provider, ToolMode, chat};
use alai_testkit::ollama::{OllamaTwin, TwinModel};
use alai_testkit::samples;
use alai_testkit::weak::Vice::{self, *};
use alai_testkit::weak::Weak;

use crate::shipped;
use crate::world::{World, git};

const SAMPLE: &str = "tiny-sh";

/// How a scenario ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The claim stands, and the task's own check is green on the last commit.
    Green,
    /// The word of the exit, with its rule.
    Ends(&'static str),
}
use End::{Ends, Green};

#[derive(Debug, Clone, Copy)]
struct Scenario {
    vices: &'static [(Vice, u8)],
    /// In how many percent it does the right thing after it was told off.
    heeds: u8,
    seed: u64,
    model: fn() -> (TwinModel, Profile),
    limits: fn() -> RunLimits,
    end: End,
    turns_max: u32,
}

const USUAL: Scenario = Scenario {
    vices: &[],
    heeds: 0,
    seed: 1,
    model: native,
    limits: RunLimits::default,
    end: Green,
    turns_max: 80,
};

/// Native calls, whole passages.
fn native() -> (TwinModel, Profile) {
    (TwinModel::new("small", 8.0), Profile::default())
}

/// It can think, and was allowed to.
fn thinking() -> (TwinModel, Profile) {
    let profile = Profile {
        think: Some(true),
        ..Profile::default()
    };
    (TwinModel::new("small", 8.0), profile)
}

/// Calls in text, files as a whole, as the families of small coder models are run.
fn text() -> (TwinModel, Profile) {
    let profile = Profile {
        tool_mode: ToolMode::Text,
        edit_format: EditFormat::Whole,
        ..Profile::default()
    };
    (TwinModel::new("small", 8.0).only(&["completion"]), profile)
}

fn few_bytes() -> RunLimits {
    RunLimits {
        bytes_written_max: 500_000,
        ..RunLimits::default()
    }
}

fn few_tokens() -> RunLimits {
    RunLimits {
        tokens_max: 9_000,
        ..RunLimits::default()
    }
}

fn few_turns() -> RunLimits {
    RunLimits {
        turns_max: 5,
        ..RunLimits::default()
    }
}

macro_rules! scenarios {
    ($($name:ident: $scenario:expr;)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name), $scenario);
        })*

        const ALL: &[Scenario] = &[$($scenario),*];
    };
}

scenarios! {
    // What a weak model gets through with.
    without_vices: Scenario { turns_max: 10, ..USUAL };
    prose_before_calls: Scenario { vices: &[(Prose, 45)], heeds: 90, seed: 3, turns_max: 24, ..USUAL };
    calls_in_fences: Scenario { vices: &[(Fenced, 100)], turns_max: 10, ..USUAL };
    fences_among_words: Scenario { vices: &[(FencedInProse, 50)], heeds: 90, seed: 5, turns_max: 24, ..USUAL };
    tags_in_the_place_of_native_calls: Scenario { vices: &[(Tagged, 100)], turns_max: 10, ..USUAL };
    names_of_another_harness: Scenario { vices: &[(OtherNames, 100)], turns_max: 10, ..USUAL };
    everything_in_quotes: Scenario { vices: &[(Quoted, 100)], turns_max: 10, ..USUAL };
    wrong_names_now_and_then: Scenario { vices: &[(WrongName, 40)], heeds: 90, seed: 7, turns_max: 24, ..USUAL };
    arguments_forgotten: Scenario { vices: &[(LessArguments, 40)], heeds: 90, seed: 2, turns_max: 24, ..USUAL };
    half_a_call: Scenario { vices: &[(HalfCall, 30), (HalfText, 30)], heeds: 100, seed: 4, turns_max: 24, ..USUAL };
    files_written_unread: Scenario { vices: &[(Unread, 40)], heeds: 40, seed: 6, turns_max: 24, ..USUAL };
    edits_of_what_is_not_there: Scenario { vices: &[(WrongOld, 40)], heeds: 90, seed: 8, turns_max: 24, ..USUAL };
    edits_with_other_white_space: Scenario { vices: &[(LooseOld, 100)], turns_max: 10, ..USUAL };
    code_escaped_twice: Scenario { vices: &[(Escaped, 50)], heeds: 90, seed: 9, turns_max: 30, ..USUAL };
    output_without_end: Scenario { vices: &[(WildRun, 30)], seed: 3, turns_max: 24, ..USUAL };
    a_command_that_hangs: Scenario { vices: &[(Hangs, 25)], heeds: 100, seed: 10, turns_max: 24, ..USUAL };
    files_too_large: Scenario { vices: &[(HugeFile, 35)], heeds: 100, seed: 11, turns_max: 24, ..USUAL };
    syntax_broken: Scenario { vices: &[(BrokenSyntax, 35)], heeds: 100, seed: 12, turns_max: 24, ..USUAL };
    done_too_early: Scenario { vices: &[(DoneEarly, 50)], heeds: 100, seed: 13, turns_max: 24, ..USUAL };
    thoughts_while_they_are_allowed: Scenario { vices: &[(ThinksIfAllowed, 100)], model: thinking, turns_max: 12, ..USUAL };
    many_calls_at_once: Scenario { vices: &[(Barrage, 40)], heeds: 80, seed: 14, turns_max: 24, ..USUAL };
    a_branch_of_its_own: Scenario { vices: &[(OwnBranch, 30)], seed: 15, turns_max: 24, ..USUAL };
    calls_in_text: Scenario { model: text, turns_max: 10, ..USUAL };
    prose_and_halves_in_text: Scenario {
        vices: &[(Prose, 25), (HalfText, 25)], heeds: 90, seed: 16, model: text, turns_max: 24, ..USUAL
    };
    a_little_of_everything: Scenario {
        vices: &[(Prose, 12), (WrongName, 12), (WrongOld, 12), (Empty, 10), (DoneEarly, 8), (Wanders, 15)],
        heeds: 50, seed: 17, turns_max: 40, ..USUAL
    };

    // What must be ended, and by which rule.
    never_calls_anything: Scenario { vices: &[(Prose, 100)], end: Ends("stuck: monologue"), turns_max: 4, ..USUAL };
    never_says_anything: Scenario { vices: &[(Empty, 100)], end: Ends("stuck: monologue"), turns_max: 4, ..USUAL };
    only_thinks: Scenario { vices: &[(Thinks, 100)], model: thinking, end: Ends("stuck: reasoning_only"), turns_max: 4, ..USUAL };
    thinks_without_end: Scenario { vices: &[(ThinksOn, 100)], model: thinking, end: Ends("stuck: reasoning_only"), turns_max: 4, ..USUAL };
    one_sentence_over_and_over: Scenario { vices: &[(Loops, 100)], end: Ends("stuck: repeating"), turns_max: 4, ..USUAL };
    one_token_over_and_over: Scenario { vices: &[(Babbles, 100)], end: Ends("format"), turns_max: 5, ..USUAL };
    the_same_words_every_turn: Scenario { vices: &[(SameWords, 100)], end: Ends("stuck: same_thought"), turns_max: 4, ..USUAL };
    names_that_nobody_has: Scenario { vices: &[(WrongName, 100)], end: Ends("format"), turns_max: 8, ..USUAL };
    never_a_whole_call: Scenario { vices: &[(HalfCall, 100)], end: Ends("format"), turns_max: 5, ..USUAL };
    the_same_call_again: Scenario { vices: &[(Again, 100)], end: Ends("stuck: same_call"), turns_max: 5, ..USUAL };
    two_calls_taking_turns: Scenario { vices: &[(Alternates, 100)], end: Ends("stuck: alternation"), turns_max: 7, ..USUAL };
    the_same_wrong_edit: Scenario { vices: &[(WrongOld, 100)], end: Ends("stuck: same_call"), turns_max: 5, ..USUAL };
    ever_new_output: Scenario { vices: &[(Random, 100)], end: Ends("stuck: repeated_call"), turns_max: 7, ..USUAL };
    searches_without_end: Scenario { vices: &[(Wanders, 100)], end: Ends("stuck: no_progress"), turns_max: 13, ..USUAL };
    searches_two_at_a_time: Scenario { vices: &[(WandersFast, 100)], end: Ends("stuck: only_reading"), turns_max: 12, ..USUAL };
    files_that_are_not_there: Scenario { vices: &[(MissingFiles, 100)], end: Ends("stuck: no_progress"), turns_max: 13, ..USUAL };
    writes_outside: Scenario { vices: &[(Outside, 100)], end: Ends("scope_violation"), turns_max: 4, ..USUAL };
    throws_its_work_away: Scenario { vices: &[(Resets, 60)], end: Ends("stuck: same_call"), turns_max: 40, ..USUAL };
    gives_up: Scenario { vices: &[(GivesUp, 100)], end: Ends("stuck: gave_up"), turns_max: 2, ..USUAL };
    done_whatever_is_said: Scenario { vices: &[(DoneEarly, 100)], end: Ends("gate_failed"), turns_max: 8, ..USUAL };
    there_and_back_again: Scenario { vices: &[(Flaps, 100)], end: Ends("stuck: alternation"), turns_max: 10, ..USUAL };
    fills_the_disk: Scenario { vices: &[(ManyFiles, 100)], limits: few_bytes, end: Ends("stuck: bytes_written"), turns_max: 7, ..USUAL };
    eats_its_tokens: Scenario { vices: &[(Wanders, 90)], heeds: 100, limits: few_tokens, end: Ends("cost_limit"), turns_max: 14, ..USUAL };
    runs_out_of_turns: Scenario { vices: &[(Prose, 50)], heeds: 100, limits: few_turns, end: Ends("step_limit"), turns_max: 6, ..USUAL };
}

#[test]
fn there_are_enough_of_them() {
    let green = ALL.iter().filter(|scenario| scenario.end == Green).count();
    assert!(ALL.len() >= 30 && green >= 15, "{} of {}", green, ALL.len());
}

fn holds(name: &str, scenario: Scenario) {
    let mut world = World::of(|repo| samples::write(SAMPLE, repo).expect("a sample"));
    let weak = Weak::knowing(SAMPLE, 0)
        .vices(scenario.vices)
        .heeding(scenario.heeds)
        .seeded(scenario.seed);
    let (task, fallen) = (weak.task().clone(), weak.fallen());
    let check = format!("sh test.sh && {}", task.check.as_deref().expect("a check"));
    let brief = Brief {
        title: task.title.clone(),
        description: task.description.clone(),
        limits: (scenario.limits)(),
        ..shipped::brief(
            &world,
            "CodeCraft",
            Role::Builder,
            "minion-one-shot",
            &check,
        )
    };
    let (model, profile) = (scenario.model)();
    let twin = OllamaTwin::start(weak.behaviour().models([model]));
    let provider = Provider::Ollama(OllamaHost::parse(&twin.url()).expect("a twin has a URL"));
    let ran = world.run_by(&brief, &profile, &mut |request| {
        chat(&provider, request, &|| false)
    });

    let told = || {
        format!(
            "{name}: {} after {} turns\n{}",
            ran.report.status,
            ran.report.turns,
            outline(&twin)
        )
    };
    let word = ran.report.status.to_string();
    match scenario.end {
        Green => {
            assert_eq!(word, "done", "{}", told());
            let head = ran.report.head.clone().expect("a green run has a commit");
            git(&world.repo(), &["checkout", "--quiet", &head]);
            let status = std::process::Command::new("sh")
                .args(["-c", &check])
                .current_dir(world.repo())
                .status();
            assert!(status.expect("sh starts").success(), "{}", told());
        }
        Ends("scope_violation") => {
            assert_eq!(ran.report.status.as_str(), "scope_violation", "{}", told())
        }
        Ends(end) => assert_eq!(word, end, "{}", told()),
    }
    assert!(ran.report.turns <= scenario.turns_max, "{}", told());
    for (vice, _) in scenario.vices {
        assert!(fallen.had(*vice), "it never fell into {vice:?}: {}", told());
    }

    assert_eq!(
        git(&world.repo(), &["status", "--porcelain"]),
        "",
        "all work is in a commit: {}",
        told()
    );
    let changed = git(&world.repo(), &["diff", "--name-only", &world.base, "HEAD"]);
    assert_eq!(
        ran.report.head.is_some(),
        !changed.is_empty(),
        "{changed}: {}",
        told()
    );

    let last = ran.events.last().expect("a trajectory");
    let (status, detail) = (ran.report.status.as_str(), ran.report.status.detail());
    assert_eq!(
        (&last["type"], &last["status"]),
        (&"exit".into(), &status.into()),
        "{}",
        told()
    );
    assert_eq!(last["detail"], detail, "{}", told());
    assert_eq!(last["turns"], ran.report.turns, "{}", told());
}

/// What was said in each turn, for a person who reads why a scenario does not hold.
fn outline(twin: &OllamaTwin) -> String {
    let mut lines = String::new();
    for (n, chat) in twin.chats().iter().enumerate() {
        let messages = chat["messages"].as_array().map_or(&[][..], Vec::as_slice);
        for message in messages.iter().rev().take(2).rev() {
            let text = message.to_string();
            let end = text
                .char_indices()
                .nth(500)
                .map_or(text.len(), |(at, _)| at);
            lines.push_str(&format!("{n:>3} {}\n", &text[..end]));
        }
    }
    lines
}
