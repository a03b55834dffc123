//! Steps that ask no model: what they resolve to, and what is refused, with its place.

use super::*;
use crate::blueprint::{ANSWER, GateCheck, Status, StepResult, Template};

/// A file of these steps; the first of them stands in line 6.
fn file(steps: &str) -> String {
    format!("version: 1\nname: b\ninputs:\n  kind: {{default: lib}}\nsteps:\n{steps}")
}

fn resolved(steps: &str) -> Result<Blueprint, BlueprintError> {
    resolved_with(steps, &[])
}

fn resolved_with(steps: &str, more: &[(&str, &str)]) -> Result<Blueprint, BlueprintError> {
    let text = file(steps);
    let mut files = vec![("b", text.as_str())];
    files.extend(more);
    resolve("b", &library(&files), &BTreeMap::new())
}

const FIND: &str = "  - {id: find, uses: agent, with: {prompt: p, tools: [done], outputs: {path: {type: string}, all: {type: list}}}}\n";
const BUILD: &str = "  - {id: build, uses: agent, with: {prompt: p, tools: [edit, done]}}\n";

#[test]
fn each_kind_resolves_to_what_it_says() {
    let steps = r#"  - id: make
    uses: scaffold
    if: inputs.kind == 'lib' && steps.find.status == 'ok'
    with:
      files: {'src/${{ inputs.kind }}.rs': "// ${{ vars.what }}\n"}
      vars: {what: '${{ steps.find.outputs.path | json }}'}
      overwrite: true
  - id: look
    uses: gate
    with: {checks: [changed, allowed_paths, tests, task_checks]}
    retry: {step: build, max_attempts: 3}
    continue_on_error: true
  - {id: again, uses: branch, if: steps.look.status == 'red', with: {goto: find, max_attempts: 2}}
  - {id: ask, uses: human, with: {question: 'Is ${{ steps.find.outputs.path }} right?', options: ['yes', 'no'], deadline: 2d}}
  - {id: past, uses: branch, if: steps.ask.outputs.answer == 'yes', with: {goto: report}}
  - {id: sorry, run: 'false'}
  - {id: report, uses: report}
"#;
    let got = resolved(&[FIND, BUILD, steps].concat()).unwrap_or_else(|error| panic!("{error}"));
    let Action::Scaffold {
        files,
        patch: None,
        overwrite: true,
    } = &got.steps[2].action
    else {
        panic!("{:?}", got.steps[2])
    };
    let outputs = serde_json::json!({"path": "a\"b"});
    let outputs = outputs.as_object().expect("an object").clone();
    let found = StepResult {
        status: Status::Ok,
        outputs,
    };
    let results = BTreeMap::from([("find".to_owned(), found)]);
    let fill = |template: &Template| template.fill(&results, 1_000).expect("filled");
    assert_eq!(fill(&files[0].path), "src/lib.rs");
    assert_eq!(fill(&files[0].content), "// \"a\\\"b\"\n");
    assert_eq!(
        got.steps[3].action,
        Action::Gate {
            checks: vec![
                GateCheck::Changed,
                GateCheck::AllowedPaths,
                GateCheck::Tests,
                GateCheck::TaskChecks
            ],
        }
    );
    assert!(got.steps[3].continue_on_error);
    let branches: Vec<_> = got.steps.iter().filter_map(|s| s.way_back()).collect();
    assert_eq!(branches, [("build", 2), ("find", 1)]);
    let Action::Human {
        question,
        options,
        deadline_s,
        wants: None,
    } = &got.steps[5].action
    else {
        panic!("{:?}", got.steps[5])
    };
    assert_eq!(fill(question), "Is a\"b right?");
    assert_eq!(
        (options.as_slice(), *deadline_s),
        (["yes".to_owned(), "no".to_owned()].as_slice(), 172_800)
    );
    assert_eq!(ANSWER, "answer");
    let json = serde_json::to_string(&got).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Blueprint>(&json).expect("the same"),
        got
    );
}

#[test]
fn templates_come_from_the_library_and_name_only_what_they_are_given() {
    let steps = "  - {id: make, uses: scaffold, with: {templates: {a.md: page}, vars: {title: '${{ inputs.kind }}'}}}\n";
    let got = resolved_with(steps, &[("templates/page", "# ${{ vars.title }}\n")]);
    let got = got.unwrap_or_else(|error| panic!("{error}"));
    let Action::Scaffold { files, .. } = &got.steps[0].action else {
        panic!("a scaffold")
    };
    assert_eq!(files[0].content.settled().as_deref(), Some("# lib\n"));
    let fails = |page: &str| {
        let error = resolved_with(steps, &[("templates/page", page)]).expect_err(page);
        error.to_string()
    };
    assert!(fails("x\n${{ vars.titel }}").contains(
        "templates/page:2:1: unknown reference `${{ vars.titel }}`; did you mean `vars.title`?"
    ));
    assert!(fails("${{ inputs.kind }}").contains("nothing can stand here"));
    let error = resolved_with(steps, &[("templates/pages", "x")]).expect_err("a typo");
    assert!(
        error
            .to_string()
            .contains("no template is called `page`; did you mean `pages`?"),
        "{error}"
    );
    // Templates are no blueprints.
    let error = resolve(
        "bb",
        &library(&[("b", BASE), ("templates/bb", "x")]),
        &BTreeMap::new(),
    );
    let error = error.expect_err("a typo").to_string();
    assert!(error.contains("did you mean `b`?"), "{error}");
}

#[test]
fn a_child_changes_and_removes_keys_of_these_steps() {
    let parent = file(
        "  - {id: make, uses: scaffold, if: \"inputs.kind == 'lib'\", with: {files: {a: x}, overwrite: true}}\n  - {id: r, uses: report}\n",
    );
    let parent = parent.replace("name: b", "name: p");
    let child = "version: 1\nname: c\nextends: p\nsteps: [{id: make, if: null, with: {files: {b: y}, overwrite: null}}]\n";
    let got = resolve(
        "c",
        &library(&[("p", &parent), ("c", child)]),
        &BTreeMap::new(),
    );
    let got = got.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(got.steps[0].condition, None);
    let Action::Scaffold {
        files, overwrite, ..
    } = &got.steps[0].action
    else {
        panic!("a scaffold")
    };
    assert_eq!((files.len(), *overwrite), (1, false));
    assert_eq!(files[0].path.settled().as_deref(), Some("b"));
}

/// Steps, and what their error must say.
const WRONG: &[(&str, &str)] = &[
    (
        "  - {id: a, uses: report, if: inputs.knd == 'x'}\n",
        "b:6:31: `inputs.knd` is not known here (steps must stand before); did you mean `inputs.kind`?",
    ),
    (
        "  - {id: a, uses: report, if: \"inputs.kind == x\"}\n",
        "b:6:47: `x` is no name of a condition",
    ),
    (
        "  - {id: a, uses: report, if: inputs.kind}\n",
        "compare it by `==` or `!=`",
    ),
    (
        "  - {id: a, uses: report, if: steps.z.status == 'ok'}\n  - {id: z, uses: report}\n",
        "`steps.z.status` is not known here (steps must stand before)",
    ),
    (
        "  - {id: a, uses: report, iff: 'true'}\n",
        "unknown key `iff`; did you mean `if`?",
    ),
    (
        "  - {id: a, uses: report, continue_on_error: true}\n",
        "does not read `continue_on_error`",
    ),
    ("  - {id: a, uses: gat}\n", "did you mean `gate`?"),
    (
        "  - {id: a, uses: gate}\n",
        "b:6:5: step `a` needs `with.checks`",
    ),
    (
        "  - {id: a, uses: gate, with: {checks: []}}\n",
        "step `a` needs `with.checks`",
    ),
    (
        "  - {id: a, uses: gate, with: {checks: [test]}}\n",
        "b:6:41: no check of a run is called `test`; did you mean `tests`?",
    ),
    (
        "  - {id: a, uses: gate, with: {checks: [tests, tests]}}\n",
        "listed twice",
    ),
    (
        "  - {id: a, uses: gate, with: {checks: [tests]}, expect_exit: 0}\n",
        "does not read `expect_exit`",
    ),
    (
        "  - {id: a, uses: gate, with: {checks: [tests]}, retry: {step: b, max_attempts: 2}}\n",
        "is not an earlier agent step",
    ),
    (
        "  - {id: a, uses: human}\n",
        "b:6:5: step `a` needs `with.question`",
    ),
    (
        "  - {id: a, uses: human, with: {question: Q, options: [x]}}\n",
        "1 options; a choice has 2 to 8",
    ),
    (
        "  - {id: a, uses: human, with: {question: Q, options: [x, x]}}\n",
        "listed twice",
    ),
    (
        "  - {id: a, uses: human, with: {question: Q, options: [Yes, 'no', ' yes']}}\n",
        "b:6:67: the options `Yes` and `yes` are one",
    ),
    (
        "  - {id: a, uses: human, with: {question: Q, options: [ship, hold]}}\n  - {id: b, uses: report, if: steps.a.outputs.answer == 'shp'}\n",
        "b:7:57: `a` is never answered by `shp`; did you mean `ship`?",
    ),
    (
        "  - {id: a, uses: human, with: {question: Q, options: [ship, hold]}}\n  - {id: b, uses: report, if: \"'later' != steps.a.outputs.answer\"}\n",
        "`a` is never answered by `later`; known are `ship`, `hold`",
    ),
    (
        "  - {id: a, uses: human, with: {question: Q, deadline: 31d}}\n",
        "is no deadline",
    ),
    (
        "  - {id: a, uses: human, with: {question: Q, deadline: soon}}\n",
        "is not a duration",
    ),
    (
        "  - {id: a, uses: human, with: {question: Q, dedline: 1d}}\n",
        "did you mean `deadline`?",
    ),
    ("  - {id: a, uses: branch}\n", "step `a` needs `with.goto`"),
    (
        "  - {id: a, uses: branch, with: {goto: en}}\n  - {id: end, uses: report}\n",
        "b:6:40: no step is called `en`; did you mean `end`?",
    ),
    (
        "  - {id: a, uses: branch, if: 'true', with: {goto: a, max_attempts: 2}}\n",
        "goes to itself",
    ),
    (
        "  - {id: a, run: x}\n  - {id: b, uses: branch, if: 'true', with: {goto: a}}\n",
        "goes back to `a` without an end; give it `with.max_attempts`",
    ),
    (
        "  - {id: a, run: x}\n  - {id: b, uses: branch, with: {goto: a, max_attempts: 2}}\n",
        "give it an `if`",
    ),
    (
        "  - {id: a, uses: branch, if: 'true', with: {goto: b, max_attempts: 2}}\n  - {id: b, run: x}\n",
        "needs no `max_attempts`",
    ),
    (
        "  - {id: a, uses: branch, with: {goto: c}}\n  - {id: b, run: x}\n  - {id: c, run: x}\n",
        "b:7:5: nothing leads to step `b`",
    ),
    (
        "  - {id: a, run: x}\n  - {id: b, uses: branch, if: 'true', with: {goto: a, max_attempts: 11}}\n",
        "it must be 1 to 10",
    ),
    (
        "  - {id: a, uses: scaffold}\n",
        "step `a` needs `with.files`",
    ),
    (
        "  - {id: a, uses: scaffold, with: {files: {../x: y}}}\n",
        "the path `../x` leads out of the repository",
    ),
    (
        "  - {id: a, uses: scaffold, with: {files: {/etc/x: y}}}\n",
        "the path `/etc/x` is not relative",
    ),
    (
        "  - {id: a, uses: scaffold, with: {files: {a/.Git/config: y}}}\n",
        "belongs to git",
    ),
    (
        "  - {id: a, uses: scaffold, with: {files: {'${{ inputs.kind }}/': y}}}\n",
        "the path `lib/` names no file",
    ),
    (
        "  - {id: a, uses: scaffold, with: {files: {x: '${{ steps.b.outputs.c }}'}}}\n",
        "unknown reference `${{ steps.b.outputs.c }}`",
    ),
    (
        "  - {id: a, uses: scaffold, with: {files: {x: '${{ vars.b }}'}, vars: {c: d}}}\n",
        "did you mean `vars.c`?",
    ),
    (
        "  - {id: a, uses: scaffold, with: {files: {x: '${{ inputs.kind | upper }}'}}}\n",
        "unknown reference `${{ inputs.kind | upper }}`",
    ),
    (
        "  - {id: a, run: 'echo ${{ steps.a.outputs.b }}'}\n",
        "b:6:24: unknown reference `${{ steps.a.outputs.b }}`; a command takes settings only",
    ),
    (
        "  - {id: a, uses: ask, with: {schema: review, prompt: '${{ vars.b }}'}}\n",
        "a prompt takes inputs only",
    ),
];

#[test]
fn a_condition_takes_an_answer_as_people_give_it() {
    let steps = "  - {id: a, uses: human, with: {question: Q, options: [Ship, Hold]}}\n  - {id: b, uses: report, if: \"!('HOLD ' == steps.a.outputs.answer)\"}\n";
    let got = resolved(steps).unwrap_or_else(|error| panic!("{error}"));
    let condition = got.steps[1].condition.clone().expect("a condition");
    for (answer, holds) in [("Hold", false), ("Ship", true)] {
        let outputs = serde_json::json!({ ANSWER: answer });
        let answered = StepResult {
            status: Status::Ok,
            outputs: outputs.as_object().expect("an object").clone(),
        };
        let facts = crate::blueprint::Facts {
            inputs: &got.inputs,
            results: &BTreeMap::from([("a".to_owned(), answered)]),
            attempt: 1,
        };
        assert_eq!(condition.holds(&facts), holds, "{answer}");
    }
    // Any text is an answer where none is offered.
    let free = steps.replace(", options: [Ship, Hold]", "");
    resolved(&free).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_patch_is_read_with_its_blueprint() {
    let with = |lines: &[&str]| {
        let lines: String = lines
            .iter()
            .map(|line| format!("        {line}\n"))
            .collect();
        let steps = format!("  - id: a\n    uses: scaffold\n    with:\n      patch: |\n{lines}");
        file(&steps)
    };
    let good = [
        "*** Begin Patch",
        "*** Update File: a",
        "@@",
        "-x",
        "+y",
        "*** End Patch",
    ];
    parse(&with(&good), "b").unwrap_or_else(|error| panic!("{error}"));
    for (at, line, want) in [
        (
            0,
            "*** Begin",
            "b:10:9: this patch cannot be read: it has no line `*** Begin Patch`",
        ),
        (
            1,
            "*** Change File: a",
            "b:11:9: this patch cannot be read: `*** Change File: a` is no",
        ),
        (
            1,
            "*** Update File: ../a",
            "b:11:9: this patch cannot be read: the path `../a` leads out of the repository",
        ),
        (
            1,
            "*** Delete File: .git/config",
            "the path `.git/config` belongs to git",
        ),
        (
            1,
            "*** Update File:",
            "b:11:9: this patch cannot be read: a file in it has no path",
        ),
        (
            3,
            "*x",
            "b:13:9: this patch cannot be read: `*x`: a line of a hunk starts with",
        ),
        (4, "-x", "b:14:9: this patch cannot be read: `-x`"),
        (
            5,
            "*** End",
            "b:10:9: this patch cannot be read: it has no line `*** End Patch`; it was cut",
        ),
    ] {
        let mut lines = good;
        lines[at] = line;
        if at == 4 {
            lines[3] = "+x";
            lines[4] = "y";
        }
        let want = want.replace("`-x`", "`y`: a line of a hunk starts");
        let error = parse(&with(&lines), "b").expect_err(line).to_string();
        assert!(error.contains(&want), "{error}\nwant: {want}");
    }
    // One that names an input is whole only with its value.
    let mut lines = good;
    lines[3] = "${{ inputs.kind }}";
    let text = with(&lines);
    parse(&text, "b").unwrap_or_else(|error| panic!("{error}"));
    let error = resolve("b", &library(&[("b", &text)]), &BTreeMap::new());
    let error = error.expect_err("no line of a hunk").to_string();
    assert!(error.contains("b:10:9:"), "{error}");
    assert!(
        error.contains("line 4 of this patch, inputs filled in, cannot be read: `lib`"),
        "{error}"
    );
}

#[test]
fn what_is_filled_in_has_an_end() {
    let big = "v".repeat(100 * 1024);
    let page = "${{ vars.big }}".repeat(8_000);
    let scaffold = format!(
        "  - {{id: make, uses: scaffold, with: {{templates: {{a.md: page}}, vars: {{big: '{big}'}}}}}}\n"
    );
    let error = resolved_with(&scaffold, &[("templates/page", &page)]);
    let error = error.expect_err("800 MB").to_string();
    assert!(
        error.contains("templates/page:1:1: step `make`: this text has more than 262144 bytes"),
        "{error}"
    );
    // Each of them fits, and all of them do not.
    let files: Vec<String> = (0..3)
        .map(|n| format!("f{n}: '${{{{ vars.big }}}}'"))
        .collect();
    let scaffold = format!(
        "  - {{id: make, uses: scaffold, with: {{files: {{{}}}, vars: {{big: '{big}'}}}}}}\n",
        files.join(", ")
    );
    let error = resolved(&scaffold).expect_err("300 KB").to_string();
    assert!(
        error.contains("step `make` writes 3 files of 307200 bytes"),
        "{error}"
    );
    let question =
        "  - {id: ask, uses: human, with: {question: '${{ inputs.kind }} ${{ inputs.kind }}'}}\n";
    let text = file(question);
    let kind = inputs(&[("kind", &"k".repeat(3_000))]);
    let error = resolve("b", &library(&[("b", &text)]), &kind);
    let error = error.expect_err("6 KB").to_string();
    assert!(
        error.contains("step `ask`: this text has more than 4096 bytes"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_walked_is_refused_with_its_place() {
    let mut wrong = Vec::new();
    for (steps, want) in WRONG {
        let error = resolved(steps).expect_err(steps).to_string();
        if !error.contains(want) {
            wrong.push(format!("{steps}  gave: {error}\n  want: {want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ways_back_are_bounded_together() {
    let mut steps = BUILD.to_owned();
    for n in 0..30 {
        steps.push_str(&format!("  - {{id: s{n}, run: x}}\n"));
    }
    let back = |id: &str, attempts: u32| {
        format!("  - {{id: {id}, run: x, retry: {{step: build, max_attempts: {attempts}}}}}\n")
    };
    // 32 steps, and 5 times 32 of them again.
    resolved(&format!("{steps}{}", back("t", 6))).unwrap_or_else(|error| panic!("{error}"));
    let error = resolved(&format!("{steps}{}{}", back("t", 4), back("u", 4)));
    let error = error.expect_err("too many").to_string();
    assert!(
        error.contains("up to step `u` a run could walk 228 steps; at most 200"),
        "{error}"
    );
}

#[test]
fn the_handbook_s_steps_resolve() {
    let handbook = include_str!("../../../../../../docs/PACKS.md");
    let blocks = handbook.split("```").skip(1).step_by(2);
    let example = blocks
        .filter_map(|block| block.strip_prefix("yaml\n"))
        .find(|block| block.contains("name: minion-guide"));
    let mut library = shipped();
    let example = example.expect("the handbook shows them").to_owned();
    library.insert("minion-guide".into(), example);
    let test = inputs(&[("test_command", "make test")]);
    let got = resolve("minion-guide", &library, &test).unwrap_or_else(|error| panic!("{error}"));
    let want = [
        "analyze", "plan", "build", "test", "again", "ahead", "ask", "guide", "report",
    ];
    assert_eq!(ids(&got), want);
}
