//! Steps that ask no model, through the real hand: conditions and branches, scaffolds, gates, questions to a person.

use std::collections::BTreeMap;

use alai_core::blueprint::{self, Answer, Question};
use alai_core::brief::Brief;
use alai_minion::ExitStatus;
use serde_json::{Value, json};

use crate::world::{Ran, Script, World, calls, done, fix};

pub(crate) const BUILD: &str = "  - {id: build, uses: agent, with: {prompt: Do the task., tools: [read, edit, write, run, done]}}\n";
pub(crate) const FIND: &str = "  - {id: find, uses: agent, with: {prompt: Find it., tools: [read, done], outputs: {path: {type: string}}}}\n";

/// A brief that walks these steps.
pub(crate) fn brief(world: &World, steps: &str) -> Brief {
    let text = format!("version: 1\nname: b\ninputs: {{kind: {{default: lib}}}}\nsteps:\n{steps}");
    let library = BTreeMap::from([("b".to_owned(), text)]);
    let blueprint = blueprint::resolve("b", &library, &BTreeMap::new());
    Brief {
        blueprint: blueprint.unwrap_or_else(|error| panic!("{error}")),
        ..world.brief(Vec::new())
    }
}

pub(crate) fn write(path: &str, content: &str) -> (&'static str, Value) {
    ("write", json!({"path": path, "content": content}))
}

/// An agent that finds this path.
pub(crate) fn found(path: &str) -> Script {
    let call = json!({"status": "done", "summary": "It is there.", "path": path});
    Script::new(vec![
        calls(&[("done", call.clone())]),
        calls(&[("done", call)]),
    ])
}

/// How each step ended that says so: id, status, detail.
fn outcomes(ran: &Ran) -> Vec<(String, String, String)> {
    let text = |event: &Value, key: &str| event[key].as_str().expect("a text").to_owned();
    let events = ran.kinds("outcome").into_iter();
    events
        .map(|e| (text(e, "step"), text(e, "status"), text(e, "detail")))
        .collect()
}

fn began(ran: &Ran) -> Vec<&str> {
    let steps = ran.kinds("step").into_iter();
    steps.map(|e| e["step"].as_str().expect("an id")).collect()
}

const LOOP: &str = "  - {id: test, run: sh test.sh, continue_on_error: true}
  - {id: again, uses: branch, if: steps.test.status == 'red', with: {goto: build, max_attempts: 2}}
  - {id: polish, run: echo shiny >polish.txt, if: steps.test.status == 'ok' && attempt == 1}
  - {id: never, run: exit 1, if: inputs.kind != 'lib'}
  - {id: report, uses: report}
";

#[test]
fn a_branch_goes_back_with_the_output_and_a_condition_skips() {
    let mut world = World::new();
    let brief = brief(&world, &[BUILD, LOOP].concat());
    let mut script = Script::new(vec![
        calls(&[write("notes.txt", "n\n"), done()]),
        calls(&[fix(), done()]),
    ]);
    let ran = world.run(&brief, &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
    assert_eq!(
        began(&ran),
        [
            "build", "test", "again", "build", "test", "polish", "report"
        ]
    );
    assert!(
        script.told(1).contains("FAIL: answer is not 42"),
        "{}",
        script.told(1)
    );
    let ended = outcomes(&ran);
    let seen: Vec<_> = ended
        .iter()
        .map(|(id, status, _)| (id.as_str(), status.as_str()))
        .collect();
    assert_eq!(
        seen,
        [("again", "ok"), ("again", "skipped"), ("never", "skipped")]
    );
    assert_eq!(ended[2].2, "not so: inputs.kind != 'lib'");
    assert_eq!(world.read("polish.txt"), "shiny\n");
    assert_eq!(
        world.git(&["status", "--porcelain"]),
        "",
        "what the command made is committed"
    );
    assert!(
        ran.report.gotcha.contains("never (run): skipped"),
        "{}",
        ran.report.gotcha
    );
}

#[test]
fn a_branch_whose_tries_are_used_up_ends_the_run() {
    let mut world = World::new();
    let brief = brief(&world, &[BUILD, LOOP].concat());
    let mut script = Script::new(vec![
        calls(&[write("a.txt", "n\n"), done()]),
        calls(&[write("b.txt", "n\n"), done()]),
    ]);
    let ran = world.run(&brief, &mut script);
    assert_eq!(ran.report.status, ExitStatus::GateFailed);
    assert_eq!(
        began(&ran),
        ["build", "test", "again", "build", "test", "again"]
    );
    assert!(ran.report.head.is_some(), "the work is kept");
}

#[test]
fn a_branch_forward_skips_what_it_goes_past() {
    let mut world = World::new();
    let steps = "  - {id: over, uses: branch, if: inputs.kind == 'lib', with: {goto: end}}\n  - {id: bad, run: exit 1}\n  - {id: end, run: test -f answer.txt}\n";
    let ran = world.run(&brief(&world, steps), &mut Script::default());
    assert_eq!(ran.report.status, ExitStatus::Done);
    assert_eq!(began(&ran), ["over", "end"]);
    let ended = outcomes(&ran);
    assert_eq!(
        (
            ended[1].0.as_str(),
            ended[1].1.as_str(),
            ended[1].2.as_str()
        ),
        ("bad", "skipped", "`over` goes past it")
    );
}

const GATE: &str = "  - id: look
    uses: gate
    with: {checks: [changed, allowed_paths, tests, task_checks]}
    retry: {step: build, max_attempts: 3}
";

#[test]
fn a_gate_sends_back_what_does_not_hold_and_closes_nothing() {
    let mut world = World::new();
    let mut brief = brief(&world, &[BUILD, GATE].concat());
    brief.checks = vec!["test -f notes.txt".into()];
    let mut script = Script::new(vec![
        calls(&[("run", json!({"command": "true"})), done()]),
        calls(&[done()]),
        calls(&[fix(), done()]),
        calls(&[write("notes.txt", "n\n"), done()]),
    ]);
    let ran = world.run(&brief, &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
    let ended = outcomes(&ran);
    let statuses: Vec<_> = ended.iter().map(|(_, status, _)| status.as_str()).collect();
    assert_eq!(statuses, ["red", "red", "ok"]);
    let first = &ended[0].2;
    for line in [
        "changed (the diff is not empty and not out of proportion) does not hold: nothing is changed",
        "allowed_paths (allowed paths only) holds: 0 paths changed",
        "tests (base tests pass) does not hold: 0 of 1 commands passed",
        "task_checks (the task's own checks exit 0) does not hold",
    ] {
        assert!(first.contains(line), "`{line}` is not in {first}");
    }
    let told = script.told(2);
    assert!(
        told.contains("nothing is changed") && told.contains("FAIL: answer is not 42"),
        "{told}"
    );
    assert!(
        !script.told(3).contains("FAIL: answer is not 42"),
        "only what is red is told"
    );
    assert_eq!(ran.kinds("check").len(), 6);
}

#[test]
fn a_gate_sees_what_lies_outside_of_the_paths() {
    let mut world = World::new();
    let gate = "  - {id: look, uses: gate, with: {checks: [allowed_paths]}}\n";
    let mut brief = brief(&world, &format!("{BUILD}{gate}"));
    brief.project.allowed_paths = vec!["answer.txt".into()];
    let sly = ("run", json!({"command": "echo x >other.txt"}));
    let ran = world.run(
        &brief,
        &mut Script::new(vec![
            calls(&[fix(), sly]),
            calls(&[done()]),
            calls(&[done()]),
        ]),
    );
    assert_eq!(ran.report.status, ExitStatus::GateFailed);
    let ended = outcomes(&ran);
    assert!(
        ended[0].2.contains("does not hold: outside are other.txt"),
        "{ended:?}"
    );
}

const SCAFFOLD: &str = "  - id: make
    uses: scaffold
    with:
      files:
        '${{ steps.find.outputs.path }}': \"at ${{ vars.at }} for ${{ inputs.kind }}\\n\"
        'docs/new/page.md': \"# Page\\n\"
      vars: {at: '${{ steps.find.outputs.path | json }}'}
";

#[test]
fn a_scaffold_writes_and_commits_what_its_templates_say() {
    let mut world = World::new();
    let patch = "  - id: mend\n    uses: scaffold\n    with:\n      patch: |\n        *** Begin Patch\n        *** Update File: answer.txt\n        @@\n        -41\n        +42\n        *** End Patch\n";
    let ran = world.run(
        &brief(&world, &[FIND, SCAFFOLD, patch].concat()),
        &mut found("src/a b.txt"),
    );
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "{:?}",
        ran.report.status
    );
    assert_eq!(world.read("src/a b.txt"), "at \"src/a b.txt\" for lib\n");
    assert_eq!(world.read("docs/new/page.md"), "# Page\n");
    assert_eq!(world.read("answer.txt"), "42\n");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(
        world.git(&["rev-list", "--count", "HEAD"]),
        "3",
        "a commit for each"
    );
    let asked = ran.kinds("request").into_iter();
    assert!(
        asked.map(|e| &e["step"]).all(|step| step == "find"),
        "a scaffold asks no model"
    );
}

#[test]
fn a_hostile_path_writes_nothing_anywhere() {
    for path in [
        "../out.txt",
        "/tmp/alai-out.txt",
        "a/../../out.txt",
        ".git/hooks/pre-commit",
        "sub/.GIT/config",
        "link/out.txt",
        "inner/out.txt",
        "dangling",
        "answer.txt/x",
        "dir",
        "a\nb",
        "src/",
        " ",
        "secret/x",
    ] {
        let mut world = World::new();
        let outside = world.dir.path().join("outside");
        std::fs::create_dir_all(&outside).expect("a folder");
        let repo = world.repo();
        let links = [
            ("link", "../outside"),
            ("inner", "real"),
            ("dangling", "../outside/x"),
        ];
        for (name, target) in links {
            std::os::unix::fs::symlink(target, repo.join(name)).expect("a link");
        }
        for name in ["real", "dir"] {
            std::fs::create_dir(repo.join(name)).expect("a folder");
        }
        let mut brief = brief(&world, &[FIND, SCAFFOLD].concat());
        brief.project.forbidden_paths = vec!["secret/**".into()];
        let ran = world.run(&brief, &mut found(path));
        assert!(
            matches!(
                ran.report.status,
                ExitStatus::ScopeViolation { .. } | ExitStatus::Blueprint { .. }
            ),
            "{path:?}: {:?}",
            ran.report.status
        );
        assert_eq!(
            std::fs::read_dir(&outside).expect("there").count(),
            0,
            "{path:?}"
        );
        assert_eq!(
            std::fs::read_dir(repo.join("real")).expect("there").count(),
            0,
            "{path:?}"
        );
        assert!(
            !repo.join("docs").exists(),
            "{path:?}: all of it or nothing"
        );
        assert!(!world.dir.path().join("out.txt").exists(), "{path:?}");
        assert_eq!(world.read("answer.txt"), "41\n");
    }
}

#[test]
fn a_scaffold_leaves_what_is_there_unless_it_may_overwrite() {
    let steps = |more: &str| {
        format!("  - {{id: make, uses: scaffold, with: {{files: {{README.md: new}}{more}}}}}\n")
    };
    let mut world = World::new();
    let ran = world.run(&brief(&world, &steps("")), &mut Script::default());
    let ExitStatus::Blueprint { detail } = &ran.report.status else {
        panic!("{:?}", ran.report.status)
    };
    assert_eq!(
        detail,
        "step `make`: README.md exists; `overwrite: true` would write it anew"
    );
    assert_eq!(world.read("README.md"), "# Sample\n");

    let mut world = World::new();
    let ran = world.run(
        &brief(&world, &steps(", overwrite: true")),
        &mut Script::default(),
    );
    assert_eq!(
        (ran.report.status, world.read("README.md")),
        (ExitStatus::Done, "new".into())
    );

    // A file that earlier work of the same task has made is kept as that work left it.
    let mut world = World::new();
    let before = world.base.clone();
    std::fs::write(world.repo().join("made.txt"), "worked on\n").expect("a file");
    world.git(&["add", "--all"]);
    world.git(&["commit", "--quiet", "-m", "rejected"]);
    world.base = world.git(&["rev-parse", "HEAD"]);
    let steps = "  - {id: make, uses: scaffold, with: {files: {made.txt: raw, more.txt: more}}}\n";
    let mut brief = brief(&world, steps);
    brief.project.measured_from = before;
    let ran = world.run(&brief, &mut Script::default());
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "{:?}",
        ran.report.status
    );
    assert_eq!(
        (world.read("made.txt"), world.read("more.txt")),
        ("worked on\n".into(), "more".into())
    );
}

#[test]
fn a_patch_that_earlier_work_has_had_keeps_no_file_back() {
    let patch = "*** Begin Patch\n*** Add File: added.txt\n+one\n*** Update File: answer.txt\n@@\n-41\n+42\n*** End Patch";
    let indented = patch.replace('\n', "\n        ");
    let steps = format!(
        "  - id: make\n    uses: scaffold\n    with:\n      files: {{more.txt: more}}\n      patch: |\n        {indented}\n"
    );
    let mut world = World::new();
    let before = world.base.clone();
    let ran = world.run(&brief(&world, &steps), &mut Script::default());
    assert_eq!(ran.report.status, ExitStatus::Done);
    // Its file was taken out again by a reviewer's rework, what it patched is there.
    world.git(&["rm", "--quiet", "more.txt"]);
    world.git(&["commit", "--quiet", "-m", "rejected"]);
    world.base = world.git(&["rev-parse", "HEAD"]);
    let mut brief = brief(&world, &steps);
    brief.project.measured_from = before;
    let ran = world.run(&brief, &mut Script::default());
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "{:?}",
        ran.report.status
    );
    assert_eq!(
        ["more.txt", "added.txt", "answer.txt"].map(|name| world.read(name)),
        ["more", "one\n", "42\n"]
    );
    let ended = outcomes(&ran);
    assert!(
        ended[0].2.contains("left out, earlier work has it"),
        "{ended:?}"
    );
}

const ASKS: &str = "  - {id: look, uses: context}
  - id: build
    uses: agent
    with: {prompt: Do it., tools: [read, edit, write, run, done], outputs: {name: {type: string}}}
  - id: ask
    uses: human
    with: {question: 'Shall ${{ steps.build.outputs.name }} stay?', options: ['yes', 'no'], deadline: 2h}
  - {id: note, run: echo kept >kept.txt, if: steps.ask.outputs.answer == 'yes'}
  - id: polish
    uses: agent
    with: {prompt: Polish it., tools: [read, write, done]}
";

fn handed() -> (&'static str, Value) {
    (
        "done",
        json!({"status": "done", "summary": "Done.", "name": "the answer"}),
    )
}

#[test]
fn a_question_ends_the_run_and_its_answer_is_gone_on_with() {
    let mut world = World::new();
    let first = brief(&world, ASKS);
    let ran = world.run(&first, &mut Script::new(vec![calls(&[fix(), handed()])]));
    assert_eq!(
        ran.report.status,
        ExitStatus::Waiting { step: "ask".into() }
    );
    assert!(ran.report.head.is_some());
    assert_eq!(
        world.git(&["status", "--porcelain"]),
        "",
        "the work is committed"
    );
    let asked = ran.report.asked.clone().expect("a question");
    let want = Question {
        step: "ask".into(),
        visit: 1,
        text: "Shall the answer stay?".into(),
        options: vec!["yes".into(), "no".into()],
        deadline_s: 7_200,
    };
    assert_eq!(asked.question, want);
    // A report is kept as JSON between the two runs.
    let kept = serde_json::to_string(&ran.report).expect("JSON");
    let kept: alai_minion::RunReport = serde_json::from_str(&kept).expect("the same");
    let progress = kept.asked.expect("a question").progress;

    let answer = Answer {
        to: want,
        text: "yes".into(),
        by: "ada".into(),
    };
    let second = Brief {
        answers: vec![answer.clone()],
        progress: Some(progress.clone()),
        ..brief(&world, ASKS)
    };
    let mut script = Script::new(vec![calls(&[write("p.txt", "p\n"), done()])]);
    let ran = world.run(&second, &mut script);
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "{:?}",
        ran.report.status
    );
    assert_eq!(began(&ran), ["ask", "note", "polish"]);
    assert_eq!(outcomes(&ran)[0].2, "ada answers: yes");
    assert_eq!(world.read("kept.txt"), "kept\n");
    let told = script.told(0);
    assert!(
        told.contains("\"answer\":\"yes\"") && told.contains("\"name\":\"the answer\""),
        "{told}"
    );
    assert!(told.contains("# Sample"), "the pack is made again: {told}");

    // A rework walks everything anew and is not asked again.
    let third = Brief {
        answers: vec![answer.clone()],
        ..brief(&world, ASKS)
    };
    let again = calls(&[write("again.txt", "a\n"), handed()]);
    let ran = world.run(
        &third,
        &mut Script::new(vec![again, calls(&[write("q.txt", "q\n"), done()])]),
    );
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "{:?}",
        ran.report.status
    );

    // An answer to another question is none.
    let mut other = answer;
    other.to.text = "Shall something else stay?".into();
    let fourth = Brief {
        answers: vec![other],
        progress: Some(progress),
        ..brief(&world, ASKS)
    };
    let ran = world.run(&fourth, &mut Script::default());
    assert_eq!(
        ran.report.status,
        ExitStatus::Waiting { step: "ask".into() }
    );
}

#[test]
fn a_question_in_a_loop_is_asked_each_time_and_its_ways_back_stay_used() {
    let steps = "  - {id: ask, uses: human, with: {question: Enough?}}
  - {id: again, uses: branch, if: steps.ask.outputs.answer != 'yes', with: {goto: ask, max_attempts: 2}}
";
    let mut world = World::new();
    let mut answers = Vec::new();
    let mut progress = None;
    for visit in 1..=2 {
        let brief = Brief {
            answers: answers.clone(),
            progress,
            ..brief(&world, steps)
        };
        let ran = world.run(&brief, &mut Script::default());
        let asked = ran.report.asked.expect("a question");
        assert_eq!(
            (asked.question.visit, asked.question.options.len()),
            (visit, 0)
        );
        answers.push(Answer {
            to: asked.question,
            text: "no".into(),
            by: "ada".into(),
        });
        progress = Some(asked.progress);
    }
    let brief = Brief {
        answers,
        progress,
        ..brief(&world, steps)
    };
    let ran = world.run(&brief, &mut Script::default());
    assert_eq!(
        ran.report.status,
        ExitStatus::GateFailed,
        "two tries are used up"
    );
}
