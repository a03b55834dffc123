//! What a task says and what a model says never becomes a part of a command, wherever a blueprint names it.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::blueprint::{Gate, Status, StepResult, Template};

/// Stands in everything that is untrusted, and nowhere else.
const MARK: &str = "UNTRUSTED";

/// Every place of a blueprint where a text can stand; `TEXT` is where.
const PLACES: [&str; 20] = [
    "run: 'TEXT'",
    "run: x\n    env: {VALUE: 'TEXT'}",
    "run: x\n    if: \"TEXT == 'a'\"",
    "run: x\n    gates: [{command: 'TEXT'}]",
    "run: x\n    gates: [{file_exists: 'TEXT'}]",
    "run: x\n    gates: [{json_schema: {file: 'TEXT', schema: {type: object}}}]",
    "run: x\n    gates: [{json_schema: {file: a, schema: 'TEXT'}}]",
    "run: x\n    gates: [{no_diff_outside: ['TEXT']}]",
    "run: x\n    gates: [{human: 'TEXT'}]",
    "uses: agent\n    with: {prompt: 'TEXT', tools: [done]}",
    "uses: agent\n    with: {prompt: p, tools: [done], check: 'TEXT'}",
    "uses: agent\n    with: {template: page, vars: {v: 'TEXT'}, tools: [done]}",
    "uses: ask\n    with: {prompt: 'TEXT', schema: review}",
    "uses: human\n    with: {question: 'TEXT'}",
    "uses: scaffold\n    with: {files: {'TEXT': x}}",
    "uses: scaffold\n    with: {files: {a: 'TEXT'}}",
    "uses: scaffold\n    with: {templates: {a: page}, vars: {v: 'TEXT'}}",
    "uses: scaffold\n    with: {patch: 'TEXT'}",
    "uses: branch\n    with: {goto: 'TEXT'}",
    "uses: report\n    name: 'TEXT'",
];

/// Every way to name something untrusted, and some that are not.
const NAMES: [&str; 14] = [
    "${{ steps.find.outputs.said }}",
    "${{ steps.find.outputs.said | json }}",
    "${{steps.find.outputs.said}}",
    "${{ env.HELD }}",
    "${{ env.VALUE }}",
    "${{ vars.v }}",
    "${{ inputs.task }}",
    "${{ inputs.title }}",
    "${{ inputs.findings }}",
    "${{ inputs.plain }}",
    "steps.find.outputs.said",
    "${{ ${{ inputs.title }} }}",
    "$HELD",
    "text",
];

fn blueprint(place: &str, text: &str) -> Result<Blueprint, BlueprintError> {
    let (given, of_task) = (BTreeMap::new(), OfTask::default());
    blueprint_of(place, text, &given, &of_task)
}

fn blueprint_of(
    place: &str,
    text: &str,
    given: &BTreeMap<String, String>,
    of_task: &OfTask,
) -> Result<Blueprint, BlueprintError> {
    let body = place.replace("TEXT", &text.replace('\'', "''"));
    let file = format!(
        "version: 1
name: b
inputs:
  task: {{default: {MARK}}}
  title: {{default: {MARK}}}
  findings: {{default: {MARK}}}
  plain: {{default: fine}}
defaults: {{env: {{HELD: '${{{{ steps.find.outputs.said }}}} ${{{{ inputs.title }}}}'}}}}
steps:
  - {{id: find, uses: agent, with: {{prompt: p, tools: [done], outputs: {{said: {{type: string}}}}}}}}
  - id: a
    {body}
"
    );
    let library = library(&[("b", &file), ("templates/page", "${{ vars.v }}")]);
    resolve_for_task("b", &library, given, of_task)
}

/// Whatever an input is called: where its value is a task's, no command has it, and every other place takes it as before.
#[test]
fn no_input_of_a_task_becomes_part_of_a_command() {
    let given = BTreeMap::from([("plain".to_owned(), MARK.to_owned())]);
    let of_task = OfTask {
        given: ["plain".to_owned()].into(),
        title: String::new(),
    };
    let mut refused = 0;
    for place in PLACES {
        let text = "x ${{ inputs.plain }}";
        let of_company = blueprint_of(place, text, &given, &OfTask::default());
        let of_person = blueprint_of(place, text, &given, &of_task);
        match (of_company, of_person) {
            (Ok(company), Ok(person)) => {
                assert_eq!(company, person, "{place}");
                assert!(
                    !commands(&person).iter().any(|c| c.contains(MARK)),
                    "{place}"
                );
            }
            (Ok(company), Err(why)) => {
                assert!(
                    commands(&company).iter().any(|c| c.contains(MARK)),
                    "{place}"
                );
                let why = why.to_string();
                assert!(why.contains("`plain` stands in a command here"), "{why}");
                assert!(why.starts_with("b:"), "it has its place: {why}");
                refused += 1;
            }
            (Err(one), Err(other)) => assert_eq!(one, other, "{place}"),
            (Err(why), Ok(_)) => panic!("{place}: {why}"),
        }
    }
    // `run`, an agent's check, a gate's command.
    assert_eq!(refused, 3);
}

/// Everything of a blueprint that a shell will read.
fn commands(blueprint: &Blueprint) -> Vec<String> {
    let mut all = Vec::new();
    for step in &blueprint.steps {
        match &step.action {
            Action::Run { command, .. } => all.push(command.clone()),
            Action::Agent { check, .. } => all.extend(check.clone()),
            Action::Context
            | Action::Ask { .. }
            | Action::Scaffold { .. }
            | Action::Gate { .. }
            | Action::Branch { .. }
            | Action::Human { .. }
            | Action::Report => {}
        }
        for gate in &step.gates {
            match gate {
                Gate::Command { command, .. } => all.push(command.clone()),
                Gate::FileExists { .. } | Gate::JsonSchema { .. } | Gate::NoDiffOutside { .. } => {}
            }
        }
    }
    all
}

/// The same where it is the task's own title, whatever the input is called.
#[test]
fn what_is_taken_from_a_title_is_no_part_of_a_command_either() {
    let of = |body: &str, title: &str, given: &BTreeMap<String, String>| {
        let file = format!(
            "version: 1\nname: b\ninputs:\n  word: {{required: true, from: title, only_with: [say]}}\nsteps:\n  - {{id: a, {body}}}\n"
        );
        let of_task = OfTask {
            given: given.keys().cloned().collect(),
            title: title.to_owned(),
        };
        resolve_for_task("b", &library(&[("b", &file)]), given, &of_task)
    };
    let none = BTreeMap::new();
    let command = "run: 'x ${{ inputs.word }}'";
    let why = of(command, "Say $(touch x)", &none)
        .expect_err("refused")
        .to_string();
    assert!(why.contains("`word` stands in a command here"), "{why}");
    let env = "run: x, env: {WORD: '${{ inputs.word }}'}";
    let got = of(env, "Say $(touch x)", &none).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(got.inputs["word"], "Say $(touch x)");
    let given = BTreeMap::from([("word".to_owned(), "mine".to_owned())]);
    let got = of(env, "Say it", &given).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(got.inputs["word"], "mine");
    for title in ["Tell it", ""] {
        let why = of(env, title, &none).expect_err("nobody gives it");
        assert!(matches!(why, BlueprintError::MissingInput { .. }), "{why}");
    }
    for (input, says) in [
        ("{from: titel}", "did you mean `title`?"),
        ("{only_with: [a]}", "there is no `from`"),
        ("{from: slug, only_with: ['-']}", "holds no word"),
        ("{from: slug, only_with: [a + -]}", "holds no word"),
        ("{not_with: [a]}", "there is no `from`"),
        ("{from: slug, not_with: ['-']}", "holds no word"),
        ("{from: choice}", "`choices` stands beside `from: choice`"),
        ("{from: slug, choices: {a: [a]}}", "`choices` stands beside"),
        ("{from: choice, choices: {a: []}}", "no word says `a`"),
        ("{from: choice, choices: {a: ['-']}}", "holds no word"),
    ] {
        let file =
            format!("version: 1\nname: b\ninputs: {{word: {input}}}\nsteps: [{{id: a, run: x}}]\n");
        let why = resolve("b", &library(&[("b", &file)]), &none).expect_err(input);
        assert!(why.to_string().contains(says), "{why}");
    }
}

/// Neither its default nor one of the two: each would be a guess.
#[test]
fn a_title_that_says_two_things_gives_none_and_says_so() {
    let file = "version: 1\nname: b\ninputs:\n  kind: {default: one, from: choice, choices: {one: [one], two: [two]}, not_with: [three]}\n\
                steps:\n  - {id: a, run: x}\n";
    let library = library(&[("b", file)]);
    let of = |title: &str| {
        let of_task = OfTask {
            title: title.to_owned(),
            ..OfTask::default()
        };
        resolve_for_task("b", &library, &BTreeMap::new(), &of_task)
    };
    for (title, want) in [
        ("Make one", "one"),
        ("Make two", "two"),
        ("Make it", "one"),
        ("Make two of three", "one"),
    ] {
        let got = of(title).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(got.inputs["kind"], want, "{title}");
    }
    let why = of("Make one or two").expect_err("refused").to_string();
    assert!(
        why.contains("`kind` (the title says more than one: one, two)"),
        "{why}"
    );
    assert!(reads_titles("b", &library));
    assert!(!reads_titles("c", &library));
}

proptest! {
    #[test]
    fn no_command_holds_what_a_task_or_a_model_said(
        place in 0..PLACES.len(),
        names in proptest::collection::vec(0..NAMES.len(), 1..4),
        between in "[a-z \"$`;|&{}.]{0,12}",
    ) {
        let text = names.iter().map(|at| NAMES[*at]).collect::<Vec<_>>().join(&between);
        let Ok(got) = blueprint(PLACES[place], &text) else {
            return Ok(());
        };
        for command in commands(&got) {
            prop_assert!(!command.contains(MARK), "{text} gave {command}");
            prop_assert!(!command.contains("${{"), "{text} is still open: {command}");
        }
        // What a model says is only ever a value: of a variable, or of a text that no shell reads.
        let outputs = json!({"said": MARK}).as_object().expect("an object").clone();
        let results = BTreeMap::from([("find".to_owned(), StepResult { status: Status::Ok, outputs })]);
        for step in &got.steps {
            if let Ok(env) = step.env.settle(&results) {
                prop_assert!(env.iter().all(|(name, _)| !name.contains(MARK)));
            }
        }
    }
}

/// The property above would also hold where every blueprint is refused: each place takes something, and those that no shell
/// reads take the untrusted too.
#[test]
fn each_place_takes_what_it_may() {
    for place in PLACES {
        let fine = match place {
            place if place.contains("schema: 'TEXT'") => "page.json",
            place if place.contains("patch:") => "*** Begin Patch",
            place if place.contains("goto:") => "a",
            place if place.contains("if:") => "inputs.plain",
            _ => "${{ inputs.plain }}",
        };
        let said = blueprint(place, fine).map_err(|error| error.to_string());
        match said {
            Ok(_) => {}
            // These want more than a word, and say so.
            Err(error) => assert!(
                ["page.json", "patch", "goes to itself"]
                    .iter()
                    .any(|part| error.contains(part)),
                "{place}: {error}"
            ),
        }
    }
    let env = blueprint(
        PLACES[1],
        "${{ steps.find.outputs.said }} ${{ inputs.title }}",
    )
    .expect("a value");
    assert_eq!(
        env.steps[1].env.names().collect::<Vec<_>>(),
        ["HELD", "VALUE"]
    );
    for place in [PLACES[0], PLACES[3], PLACES[10]] {
        for name in &NAMES[..9] {
            assert!(blueprint(place, name).is_err(), "{place} takes {name}");
        }
    }
    assert_eq!(Template::plain("x").open(), [""; 0]);
}
