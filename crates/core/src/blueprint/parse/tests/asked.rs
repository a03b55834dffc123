//! What a blueprint asks of a run: its limits, and what its agents hand over.

use super::*;
use crate::blueprint::OutputKind;
use crate::brief::Caps;
use crate::pipeline::Stage;

#[test]
fn limits_are_inherited_key_by_key() {
    let parent = BASE.replace(
        "defaults: {timeout: 20m}",
        "defaults: {timeout: 20m, limits: {turns: 30, tokens: 9000}}",
    );
    let child =
        "version: 1\nname: c\nextends: base\ndefaults: {limits: {tokens: 500, dollars: 0.5}}\n";
    let none = "version: 1\nname: n\nextends: base\ndefaults: {limits: null}\n";
    let library = library(&[("base", &parent), ("c", child), ("n", none)]);
    let limits = |name| {
        resolve(name, &library, &BTreeMap::new())
            .expect("resolves")
            .limits
    };
    let base = Caps {
        turns: Some(30),
        tokens: Some(9_000),
        ..Caps::default()
    };
    assert_eq!(limits("base"), base);
    let changed = Caps {
        tokens: Some(500),
        microusd: Some(500_000),
        ..base
    };
    assert_eq!(limits("c"), changed);
    assert_eq!(limits("n"), Caps::default());
}

#[test]
fn the_stages_that_are_asked_for_are_inherited_whole() {
    let parent = format!("{BASE}asks_for: [docs, ops]\n");
    let same = "version: 1\nname: same\nextends: base\n";
    let less = "version: 1\nname: less\nextends: base\nasks_for: [ops]\n";
    let none = "version: 1\nname: none\nextends: base\nasks_for: null\n";
    let library = library(&[
        ("base", parent.as_str()),
        ("same", same),
        ("less", less),
        ("none", none),
    ]);
    for (name, want) in [
        ("base", &[Stage::Docs, Stage::Ops][..]),
        ("same", &[Stage::Docs, Stage::Ops]),
        ("less", &[Stage::Ops]),
        ("none", &[]),
    ] {
        let found = resolve(name, &library, &BTreeMap::new()).expect("resolves");
        assert_eq!(found.asks_for, want, "{name}");
    }
}

#[test]
fn an_agent_s_outputs_are_read() {
    let told = BASE.replace(
        "turns_max: 7,",
        "turns_max: 7, outputs: {cause: {type: string, description: what was wrong}, files: {type: list}},",
    );
    let got = resolve("base", &library(&[("base", &told)]), &BTreeMap::new()).expect("resolves");
    let Action::Agent { outputs, .. } = &got.steps[1].action else {
        panic!("an agent step")
    };
    let kinds: Vec<_> = outputs.iter().map(|o| (o.name.as_str(), o.kind)).collect();
    assert_eq!(
        kinds,
        [("cause", OutputKind::String), ("files", OutputKind::List)]
    );
    assert_eq!(outputs[0].description, "what was wrong");
    let child = "version: 1\nname: c\nextends: base\nsteps: [{id: build, with: {outputs: null}}]\n";
    let library = library(&[("base", &told), ("c", child)]);
    let got = resolve("c", &library, &BTreeMap::new()).expect("resolves");
    assert!(matches!(&got.steps[1].action, Action::Agent { outputs, .. } if outputs.is_empty()));
}

#[test]
fn limits_and_outputs_that_cannot_be_meant_are_refused_with_their_place() {
    let limits = |text: &str| {
        let limits = format!("defaults: {{timeout: 20m, limits: {{{text}}}}}");
        BASE.replace("defaults: {timeout: 20m}", &limits)
    };
    let outputs = |text: &str| {
        BASE.replace(
            "turns_max: 7,",
            &format!("turns_max: 7, outputs: {{{text}}},"),
        )
    };
    let many: Vec<String> = (0..9).map(|n| format!("a{n}: {{type: string}}")).collect();
    for (text, want) in [
        (
            limits("turn: 3"),
            ":7:35: unknown key `turn`; did you mean `turns`?",
        ),
        (
            limits("turns: 0"),
            ":7:42: `turns` is 0; it must be 1 to 1000",
        ),
        (
            limits("bytes: 9999999999"),
            ":7:42: `bytes` is 9999999999; it must be 1 to 1073741824",
        ),
        (
            limits("dollars: -1"),
            ":7:44: `dollars` is -1; it must be 0 to 1000",
        ),
        (limits("seconds: soon"), ":7:44: "),
        (
            outputs("cause: {type: txt}"),
            "an output cannot be of type `txt`",
        ),
        (
            outputs("cause: {typ: string}"),
            "unknown key `typ`; did you mean `type`?",
        ),
        (
            outputs("summary: {type: string}"),
            "`done` has a `summary` already",
        ),
        (outputs("9: {type: string}"), "`9` cannot name a field"),
        (
            outputs(&many.join(", ")),
            "9 outputs; at most 8 are allowed",
        ),
        (
            BASE.replace(
                "{id: look, uses: context}",
                "{id: look, uses: context, with: {outputs: {a: {type: string}}}}",
            ),
            "step `look` is `context`, which does not read `outputs`",
        ),
    ] {
        let said = resolve("base", &library(&[("base", &text)]), &BTreeMap::new())
            .expect_err(want)
            .to_string();
        assert!(said.contains(want), "{said}\nwant: {want}");
    }
}
