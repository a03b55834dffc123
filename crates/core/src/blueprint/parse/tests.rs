use super::*;
use crate::blueprint::{Action, AskSchema, Retry, ToolName};

mod asked;
mod broken;
mod language;
mod planned;
mod published;
mod steps;
mod untrusted;

fn library(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

fn inputs(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    library(values)
}

fn shipped() -> BTreeMap<String, String> {
    library(&[
        (
            "minion-one-shot",
            include_str!("../../../../../blueprints/minion-one-shot.yaml"),
        ),
        (
            "minion-docs",
            include_str!("../../../../../blueprints/minion-docs.yaml"),
        ),
        (
            "review-readonly",
            include_str!("../../../../../blueprints/review-readonly.yaml"),
        ),
    ])
}

fn ids(blueprint: &Blueprint) -> Vec<&str> {
    blueprint
        .steps
        .iter()
        .map(|step| step.id.as_str())
        .collect()
}

const BASE: &str = r#"
version: 1
name: base
description: the base
inputs:
  test: {type: string, default: "cargo test"}
defaults: {timeout: 20m}
steps:
  - {id: look, uses: context}
  - id: build
    name: Build it
    uses: agent
    with: {prompt: "Build. Test with ${{ inputs.test }}.", tools: [read, edit, done], turns_max: 7, check: "${{inputs.test}}"}
  - id: test
    run: ${{ inputs.test }} --all
    timeout: 90s
    retry: {step: build, max_attempts: 3}
  - {id: report, uses: report, timeout: null}
"#;

#[test]
fn a_blueprint_resolves_to_its_steps() {
    let got =
        resolve("base", &library(&[("base", BASE)]), &BTreeMap::new()).expect("base resolves");
    assert_eq!(got.description, "the base");
    assert_eq!(got.inputs, inputs(&[("test", "cargo test")]));
    assert_eq!(ids(&got), ["look", "build", "test", "report"]);
    assert_eq!(
        got.steps[1].action,
        Action::Agent {
            prompt: "Build. Test with cargo test.".into(),
            tools: vec![ToolName::Read, ToolName::Edit, ToolName::Done],
            turns_max: 7,
            check: Some("cargo test".into()),
            outputs: Vec::new(),
            role: None,
            limits: Caps::default(),
        }
    );
    assert_eq!(
        got.steps[2].action,
        Action::Run {
            command: "cargo test --all".into(),
            expect_exit: 0,
        }
    );
    let retry = Retry {
        step: "build".into(),
        ways_max: 2,
        backoff_s: 0,
    };
    assert_eq!(got.steps[2].retry, Some(retry));
    let timeouts: Vec<Option<u64>> = got.steps.iter().map(|step| step.timeout_s).collect();
    assert_eq!(timeouts, [Some(1200), Some(1200), Some(90), None]);
    assert_eq!(
        (got.steps[0].name.as_str(), got.steps[1].name.as_str()),
        ("look", "Build it")
    );
}

#[test]
fn a_child_changes_adds_and_removes_steps_where_they_belong() {
    let child = r#"
version: 1
name: child
extends: base
inputs: {test: {default: "npm test"}, lint: {default: "npm run lint"}}
defaults: {timeout: 1h}
steps:
  - {id: reproduce, run: "sh repro.sh", expect_exit: 1}
  - {id: build, with: {turns_max: 9, check: null}}
  - {id: lint, run: "${{ inputs.lint }}"}
  - {id: report, uses: null}
"#;
    let library = library(&[("base", BASE), ("child", child)]);
    let got = resolve("child", &library, &BTreeMap::new()).expect("child resolves");
    assert_eq!(ids(&got), ["look", "reproduce", "build", "lint", "test"]);
    assert_eq!(got.description, "the base");
    let Action::Agent {
        prompt,
        turns_max,
        check,
        ..
    } = &got.steps[2].action
    else {
        panic!("build is no agent step: {:?}", got.steps[2]);
    };
    assert_eq!(
        (prompt.settled().as_deref(), *turns_max, check),
        (Some("Build. Test with npm test."), 9, &None)
    );
    assert_eq!(got.steps[0].timeout_s, Some(3600));
    assert!(matches!(
        got.steps[1].action,
        Action::Run { expect_exit: 1, .. }
    ));
    assert_eq!(got.steps[1].retry, None);

    let swapped = "version: 1\nname: c\nextends: base\nsteps:\n  - {id: look, run: ls}\n  - {id: test, retry: null}\n";
    let library = self::library(&[("base", BASE), ("c", swapped)]);
    let got = resolve("c", &library, &BTreeMap::new()).expect("a step may change its kind");
    assert!(matches!(&got.steps[0].action, Action::Run { command, .. } if command == "ls"));
    assert_eq!(got.steps[2].retry, None);
}

#[test]
fn null_takes_an_input_away() {
    let child = "version: 1\nname: c\nextends: base\ninputs: {test: null}\n";
    let library = library(&[("base", BASE), ("c", child)]);
    let error = resolve("c", &library, &BTreeMap::new()).expect_err("base still refers to it");
    let BlueprintError::UnknownReference {
        origin,
        line,
        expression,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(
        (origin.as_str(), *line, expression.as_str()),
        ("base", 13, "inputs.test")
    );
}

#[test]
fn values_are_filled_in_once_and_never_read_again() {
    let tricky = "echo ${{ inputs.test }} $(id) ${HOME}";
    let got = resolve(
        "base",
        &library(&[("base", BASE)]),
        &inputs(&[("test", tricky)]),
    )
    .expect("resolves");
    let Action::Run { command, .. } = &got.steps[2].action else {
        panic!("test is no command")
    };
    assert_eq!(command, &format!("{tricky} --all"));
}

/// Text of a broken blueprint, and what its error must say.
const BROKEN: &[(&str, &str)] = &[
    (
        "version: 2\nname: b\nsteps: []",
        "b:1:10: version 2 is not known",
    ),
    ("name: b", "missing field `version`"),
    (
        "version: 1\nname: b\nstep: []\nsteps: []",
        "b:3:1: unknown key `step`; did you mean `steps`?",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, use: context}",
        "b:4:13: unknown key `use`; did you mean `uses`?",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - id: a\n    uses: ask\n    with: {promt: x, schema: review}",
        "unknown key `promt`; did you mean `prompt`?",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: context, reads: x}",
        "unknown key `reads`; known are",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: contxt}",
        "cannot use `contxt`; did you mean `context`?",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: context}\n  - {id: a, uses: report}",
        "b:5:5: two steps are called `a`",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: 'a b', uses: context}",
        "`a b` cannot name a step",
    ),
    (
        "version: 1\nname: ../b\nsteps: []",
        "cannot name a blueprint",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: agent, with: {prompt: x, tools: [raed, done]}}",
        "no tool is called `raed`; did you mean `read`?",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: agent, with: {prompt: x, tools: [read, read]}}",
        "listed twice",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: agent, with: {prompt: x, tools: [done], turns_max: 81}}",
        "`turns_max` is 81; it must be 1 to 80",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: ask, with: {prompt: x, schema: plan}}",
        "no schema is called `plan`",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: context, timeout: 20}",
        "`20` is not a duration",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: context, timeout: 25h}",
        "`25h` is not a duration",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: context, timeout: -5m}",
        "`-5m` is not a duration",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, uses: context, timeout: 99999999999999999999h}",
        "is not a duration",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, run: ' '}",
        "this text is empty",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - id: a\n    run: |\n      ok\n      x ${{ secrets.KEY }}",
        "b:7:9: unknown reference `${{ secrets.KEY }}`; only `inputs.NAME`",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, run: 'x ${{ inputs.a || 1 }}'}",
        "b:4:21: unknown reference",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, run: 'x ${{ inputs.a'}",
        "b:4:21: `${{` is never closed",
    ),
    (
        "version: 1\nname: b\ninputs: {n: {type: number}}\nsteps: []",
        "inputs are of type `string`",
    ),
    (
        "version: 1\nname: b\ninputs: {n: {default: x, required: true}}\nsteps: []",
        "cannot be `required` as well",
    ),
    (
        "version: 1\nname: b\ninputs: {n: {default: \"a\\u001bb\"}}\nsteps: []",
        "control character U+001B",
    ),
    (
        "version: 1\nname: b\nsteps:\n  - {id: a, run: x, retry: {step: a, max_attempts: 11}}",
        "it must be 1 to 10",
    ),
    ("version: 1\nname: b\nsteps: [", "cannot read the blueprint"),
    ("", "cannot read the blueprint"),
];

#[test]
fn broken_files_are_refused_with_the_place() {
    let mut wrong = Vec::new();
    for (text, want) in BROKEN {
        let error = parse(text, "b").expect_err(text).to_string();
        if !error.contains(want) {
            wrong.push(format!("{text}\n  gave: {error}\n  want: {want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whole files that parse but do not resolve.
const UNRESOLVED: &[(&str, &str)] = &[
    ("steps: []", "no step is left"),
    ("steps: [{id: a}]", "step `a` does nothing"),
    ("steps: [{id: a, uses: null}]", "nothing is inherited here"),
    (
        "steps: [{id: a, uses: context, run: x}]",
        "both `uses` and `run`",
    ),
    (
        "steps: [{id: a, uses: context, with: {prompt: x}}]",
        "does not read `prompt`",
    ),
    (
        "steps: [{id: a, uses: report, expect_exit: 1}]",
        "does not read `expect_exit`",
    ),
    (
        "steps: [{id: a, run: x, with: {check: y}}]",
        "does not read `check`",
    ),
    (
        "steps: [{id: a, uses: ask, with: {prompt: x}}]",
        "needs `with.schema`",
    ),
    (
        "steps: [{id: a, uses: agent, with: {tools: [done]}}]",
        "needs `with.prompt`",
    ),
    (
        "steps: [{id: a, uses: agent, with: {prompt: x}}]",
        "needs `with.tools`",
    ),
    (
        "steps: [{id: a, uses: agent, with: {prompt: x, tools: [read]}}]",
        "has no tool `done`",
    ),
    (
        "steps: [{id: a, run: x, retry: {step: b, max_attempts: 2}}]",
        "no agent step stands before it",
    ),
    (
        "steps: [{id: look, uses: context}, {id: a, run: x, retry: {step: look, max_attempts: 2}}]",
        "retries `look`, which is not an earlier agent step",
    ),
    (
        "steps: [{id: a, run: x, retry: {step: build, max_attempts: 2}}, \
         {id: build, uses: agent, with: {prompt: x, tools: [done]}}]",
        "not an earlier agent step",
    ),
    (
        "steps: [{id: build, uses: agent, with: {prompt: x, tools: [done]}}, {id: a, run: x, retry: {step: build}}]",
        "needs `retry.max_attempts`",
    ),
    (
        "inputs: {test: {}}\nsteps: [{id: a, run: '${{ inputs.tset }}'}]",
        "b:4:23: unknown reference `${{ inputs.tset }}`; did you mean `inputs.test`?",
    ),
    (
        "inputs: {test: {}}\nsteps: [{id: a, run: '${{ inputs.test }}'}]",
        "is empty once its inputs are filled in",
    ),
    (
        "inputs: {title: {default: x}}\nsteps: [{id: a, run: 'echo ${{ inputs.title }}'}]",
        "the task's own words into a shell",
    ),
    (
        "inputs: {key: {required: true, description: what for}}\nsteps: [{id: a, run: x}]",
        "needs the input `key` (what for)",
    ),
    (
        "extends: bb\nsteps: []",
        "no blueprint is called `bb` (`b` extends it at b:3:10)",
    ),
];

#[test]
fn what_only_the_whole_shows_is_refused() {
    for (body, want) in UNRESOLVED {
        let library = library(&[("b", &format!("version: 1\nname: b\n{body}\n"))]);
        let error = resolve("b", &library, &BTreeMap::new())
            .expect_err(body)
            .to_string();
        assert!(
            error.contains(want),
            "{body}\n  gave: {error}\n  want: {want}"
        );
    }
}

#[test]
fn circles_long_chains_and_false_names_are_refused() {
    let file = |name: &str, parent: &str| {
        format!("version: 1\nname: {name}\nextends: {parent}\nsteps: []\n")
    };
    let circle = library(&[
        ("a", &file("a", "b")),
        ("b", &file("b", "c")),
        ("c", &file("c", "b")),
    ]);
    let error = resolve("a", &circle, &BTreeMap::new()).expect_err("a circle");
    assert_eq!(
        error,
        BlueprintError::Cycle {
            chain: ["a", "b", "c", "b"].map(String::from).to_vec()
        }
    );

    let names: Vec<String> = (0..=EXTENDS_MAX + 1).map(|n| format!("n{n}")).collect();
    let long = names
        .windows(2)
        .map(|pair| (pair[0].clone(), file(&pair[0], &pair[1])))
        .collect();
    assert!(matches!(
        resolve("n0", &long, &BTreeMap::new()),
        Err(BlueprintError::TooDeep { .. })
    ));

    let liar = library(&[("safe", &BASE.replace("name: base", "name: other"))]);
    let error = resolve("safe", &liar, &BTreeMap::new())
        .expect_err("a false name")
        .to_string();
    assert!(
        error.contains("stands as `safe` but calls itself `other`"),
        "{error}"
    );
    let error = resolve("bas", &library(&[("base", BASE)]), &BTreeMap::new())
        .expect_err("a typo")
        .to_string();
    assert!(error.contains("did you mean `base`?"), "{error}");
}

#[test]
fn inputs_are_checked_at_the_door() {
    let library = library(&[("base", BASE)]);
    for (given, want) in [
        (
            inputs(&[("tset", "x")]),
            "has no input `tset`; did you mean `test`?",
        ),
        (inputs(&[("test", "a\0b")]), "control character U+0000"),
        (
            inputs(&[("test", &"x".repeat(INPUT_BYTES_MAX + 1))]),
            "at most 4096",
        ),
    ] {
        let error = resolve("base", &library, &given)
            .expect_err(want)
            .to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn limits_hold() {
    let steps: String = (0..=STEPS_MAX)
        .map(|n| format!("  - {{id: s{n}, uses: context}}\n"))
        .collect();
    let many = library(&[("b", &format!("version: 1\nname: b\nsteps:\n{steps}"))]);
    let error = resolve("b", &many, &BTreeMap::new())
        .expect_err("too many steps")
        .to_string();
    assert!(error.contains("51 steps; at most 50"), "{error}");

    let prompt = "x".repeat(PROMPT_BYTES_MAX + 1);
    let text = format!("version: 1\nname: b\nsteps: [{{id: a, run: {prompt}}}]\n");
    let error = resolve("b", &library(&[("b", &text)]), &BTreeMap::new())
        .expect_err("too long")
        .to_string();
    assert!(error.contains("at most 16384"), "{error}");

    let huge = format!("# {}\n{BASE}", "x".repeat(TEXT_BYTES_MAX));
    assert!(matches!(
        parse(&huge, "b"),
        Err(BlueprintError::TooLarge { .. })
    ));
}

#[test]
fn every_shipped_blueprint_resolves() {
    let library = shipped();
    let test = inputs(&[("test_command", "cargo test --locked")]);
    for name in ["minion-one-shot", "minion-docs"] {
        let got = resolve(name, &library, &test).unwrap_or_else(|error| panic!("{error}"));
        let mut want = vec!["analyze", "plan", "build", "test", "report"];
        if name == "minion-docs" {
            want.insert(4, "ahead");
        }
        assert_eq!(ids(&got), want, "{name}");
        assert!(matches!(
            got.steps[1].action,
            Action::Ask {
                schema: AskSchema::WorkPlan,
                ..
            }
        ));
        let Action::Agent { tools, check, .. } = &got.steps[2].action else {
            panic!("{name}: no agent")
        };
        assert_eq!(tools.as_slice(), ToolName::ALL, "{name}");
        assert_eq!(check.as_deref(), Some("cargo test --locked"), "{name}");
        let Action::Run { command, .. } = &got.steps[3].action else {
            panic!("{name}: the test step runs nothing")
        };
        assert_eq!(
            (command.as_str(), got.steps[3].way_back()),
            ("cargo test --locked", Some(("build", 2)))
        );
    }
    assert!(matches!(
        resolve("minion-one-shot", &library, &BTreeMap::new()),
        Err(BlueprintError::MissingInput { input, .. }) if input == "test_command"
    ));
}

#[test]
fn the_review_blueprint_cannot_write() {
    let got =
        resolve("review-readonly", &shipped(), &BTreeMap::new()).expect("review-readonly resolves");
    assert_eq!(ids(&got), ["analyze", "inspect", "review"]);
    let Action::Agent {
        tools,
        turns_max,
        check,
        ..
    } = &got.steps[1].action
    else {
        panic!("no agent")
    };
    assert_eq!(
        tools.as_slice(),
        [
            ToolName::Read,
            ToolName::Search,
            ToolName::Run,
            ToolName::Done
        ]
    );
    assert_eq!((*turns_max, check), (20, &None));
    assert!(matches!(
        got.steps[2].action,
        Action::Ask {
            schema: AskSchema::Review,
            ..
        }
    ));
}

#[test]
fn what_a_file_declares_can_be_listed() {
    let raw = parse(BASE, "base").expect("base parses");
    assert_eq!(raw.input_names().collect::<Vec<_>>(), ["test"]);
    assert_eq!(
        raw.step_ids().collect::<Vec<_>>(),
        ["look", "build", "test", "report"]
    );
}

#[test]
fn the_example_of_the_handbook_resolves() {
    let handbook = include_str!("../../../../../docs/PACKS.md");
    let blocks = handbook.split("```").skip(1).step_by(2);
    let example = blocks
        .filter_map(|block| block.strip_prefix("yaml\n"))
        .find(|block| block.starts_with("version:"));
    let mut library = shipped();
    library.insert(
        "minion-bugfix".into(),
        example.expect("the handbook shows a blueprint").to_owned(),
    );
    let test = inputs(&[("test_command", "make test"), ("reproduce", "sh repro.sh")]);
    let got = resolve("minion-bugfix", &library, &test).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ids(&got), ["analyze", "plan", "reproduce", "build", "test"]);
    assert!(matches!(
        &got.steps[3].action,
        Action::Agent { turns_max: 30, .. }
    ));
}
