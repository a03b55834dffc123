//! A run that stops to ask a person ends as one that knew the answer before: what was red stays red, and the agent is told.

use alai_core::blueprint::{Answer, Question};
use alai_core::brief::Brief;
use alai_fleet::{ChatError, ChatReply};
use alai_minion::ExitStatus;

use crate::steps::{BUILD, brief, write};
use crate::world::{Script, World, calls, done, fix};

type Reply = Result<ChatReply, ChatError>;

/// How a task ended, over all of its runs.
#[derive(Debug, PartialEq)]
struct Ended {
    status: ExitStatus,
    summary: String,
    tree: String,
    /// What the model was shown, by request.
    told: Vec<String>,
}

fn answer(to: Question, text: &str) -> Answer {
    let by = "ada".to_owned();
    let text = text.to_owned();
    Answer { to, text, by }
}

/// Walks these steps, in as many runs as they ask questions whose answers are not `known` before.
fn walked(steps: &str, replies: &[Reply], mut known: Vec<Answer>) -> (Ended, usize) {
    let mut world = World::new();
    let first = world.base.clone();
    let mut script = Script::new(replies.to_vec());
    let mut progress = None;
    for runs in 1..10 {
        let mut brief = Brief {
            answers: known.clone(),
            progress: progress.take(),
            ..brief(&world, steps)
        };
        brief.project.measured_from = first.clone();
        let ran = world.run(&brief, &mut script);
        let Some(asked) = ran.report.asked else {
            let ended = Ended {
                status: ran.report.status,
                summary: ran.report.summary,
                tree: world.git(&["rev-parse", "HEAD^{tree}"]),
                told: (0..script.requests.len()).map(|n| script.told(n)).collect(),
            };
            return (ended, runs);
        };
        // Between two runs it is kept as JSON, and the next clone begins with the commit that was reached.
        let kept = serde_json::to_string(&asked.progress).expect("JSON");
        progress = Some(serde_json::from_str(&kept).expect("the same"));
        known.push(answer(asked.question, "yes"));
        world.base = world.git(&["rev-parse", "HEAD"]);
    }
    panic!("it asks for ever");
}

/// The same blueprint without a pause, and with one at each question.
fn both(steps: &str, replies: &[Reply]) -> (Ended, Ended) {
    let known = |visit| Question {
        step: "ask".into(),
        visit,
        text: "Go on?".into(),
        options: Vec::new(),
        deadline_s: 0,
    };
    let known = (1..5).map(|visit| answer(known(visit), "yes")).collect();
    let (through, runs) = walked(steps, replies, known);
    assert_eq!(runs, 1);
    let (paused, runs) = walked(steps, replies, Vec::new());
    assert!(runs > 1, "it asks");
    (through, paused)
}

const ASK: &str = "  - {id: ask, uses: human, with: {question: 'Go on?'}}\n";
const TEST: &str = "  - {id: test, run: sh test.sh, continue_on_error: true}\n";
const FAILS: &str = "FAIL: answer is not 42";

#[test]
fn what_was_red_before_a_question_is_told_behind_it() {
    let again = "  - {id: again, uses: branch, if: steps.test.status == 'red', with: {goto: build, max_attempts: 2}}\n";
    let replies = [
        calls(&[write("a.txt", "a\n"), done()]),
        calls(&[fix(), done()]),
    ];
    let (through, paused) = both(&[BUILD, TEST, ASK, again].concat(), &replies);
    assert_eq!(through.status, ExitStatus::Done);
    assert!(paused.told[1].contains(FAILS), "{}", paused.told[1]);
    assert_eq!(paused, through);
}

#[test]
fn findings_that_wait_for_an_agent_reach_it_behind_the_answer() {
    let again = "  - {id: again, uses: branch, if: steps.test.status == 'red', with: {goto: ask, max_attempts: 2}}\n";
    let replies = [
        calls(&[write("a.txt", "a\n"), done()]),
        calls(&[fix(), done()]),
    ];
    let (through, paused) = both(&[ASK, BUILD, TEST, again].concat(), &replies);
    assert_eq!(through.status, ExitStatus::Done);
    assert!(paused.told[1].contains(FAILS), "{}", paused.told[1]);
    assert_eq!(paused, through);
}

#[test]
fn a_check_that_was_red_is_red_behind_an_answer() {
    let build = BUILD.replace("}}", ", check: sh test.sh}}");
    let insists = [calls(&[write("a.txt", "a\n"), done()]), calls(&[done()])];
    let (through, paused) = both(&[&build, ASK].concat(), &insists);
    assert_eq!(through.status, ExitStatus::GateFailed);
    assert_eq!(paused, through);

    let mends = [calls(&[fix(), done()])];
    let (through, paused) = both(&[&build, ASK].concat(), &mends);
    assert_eq!(
        (&through.status, through.summary.as_str()),
        (&ExitStatus::Done, "The answer is 42 now.")
    );
    assert_eq!(paused, through);

    // What a command changes behind the question is another tree, of which the check has said nothing.
    let mend = "  - {id: mend, run: echo 42 >answer.txt}\n";
    let (through, paused) = both(&[&build, ASK, mend].concat(), &insists);
    assert_eq!(through.status, ExitStatus::Done);
    assert_eq!(paused, through);
}

#[test]
fn a_patch_that_finds_nothing_is_no_earlier_work_because_of_a_pause() {
    let patch = "  - id: mend\n    uses: scaffold\n    with:\n      patch: |\n        *** Begin Patch\n        \
                 *** Update File: answer.txt\n        @@\n        -40\n        +42\n        *** End Patch\n";
    let replies = [calls(&[fix(), done()])];
    let (through, paused) = both(&[BUILD, ASK, patch].concat(), &replies);
    assert!(
        matches!(through.status, ExitStatus::Blueprint { .. }),
        "{through:?}"
    );
    assert_eq!(paused, through);
}

#[test]
fn a_look_ahead_behind_an_answer_sees_what_was_changed_before() {
    let gate = "  - {id: look, uses: gate, with: {checks: [changed, tests]}}\n";
    let nothing = "  - {id: look, uses: gate, with: {checks: [changed]}}\n";
    let replies = [calls(&[fix(), done()])];
    let (through, paused) = both(&[BUILD, ASK, gate].concat(), &replies);
    assert_eq!(through.status, ExitStatus::Done);
    assert_eq!(paused, through);
    let (through, paused) = both(&[ASK, nothing].concat(), &[]);
    assert_eq!(through.status, ExitStatus::GateFailed);
    assert_eq!(paused, through);
}

const CHOICE: &str =
    "  - {id: ask, uses: human, with: {question: 'Go on?', options: ['Yes', 'no']}}
  - {id: kept, run: echo kept >kept.txt, if: steps.ask.outputs.answer == ' YES '}
";

#[test]
fn an_answer_is_an_option_in_any_case_and_a_condition_reads_it_so() {
    let mut world = World::new();
    let ran = world.run(&brief(&world, CHOICE), &mut Script::default());
    let asked = ran.report.asked.expect("a question");
    for (text, status) in [
        ("maybe", ExitStatus::Waiting { step: "ask".into() }),
        (" yes", ExitStatus::Done),
    ] {
        let brief = Brief {
            answers: vec![answer(asked.question.clone(), text)],
            progress: Some(asked.progress.clone()),
            ..brief(&world, CHOICE)
        };
        let ran = world.run(&brief, &mut Script::default());
        assert_eq!(ran.report.status, status, "{text}");
    }
    assert_eq!(world.read("kept.txt"), "kept\n");
}
