//! The shipped ways of mending and refactoring, in a real cage: what they promise is measured, and who cheats is stopped.

use alai_core::blueprint::Blueprint;
use alai_core::brief::{Brief, Role};
use alai_fleet::{ChatError, ChatReply, ChatRequest};
use alai_minion::ExitStatus;
use serde_json::{Value, json};

use crate::caged;
use crate::shipped;
use crate::world::{Ran, World, calls, says};

type Reply = Result<ChatReply, ChatError>;

/// A model that has one answer for each time a step is reached, in the order of the list. What is refused, it says again.
struct Played {
    answers: Vec<(&'static str, Reply)>,
    /// The step and the first request of each visit.
    told: Vec<(String, String)>,
    /// What the present visit ends with.
    last: Option<ChatReply>,
}

impl Played {
    fn new<const N: usize>(answers: [(&'static str, Reply); N]) -> Played {
        Played {
            answers: answers.into(),
            told: Vec::new(),
            last: None,
        }
    }

    fn answer(&mut self, request: &ChatRequest) -> Reply {
        let step = &request.purpose.step;
        if request.purpose.turn > 0 {
            let mut again = self.last.clone().expect("a first turn");
            again.calls.retain(|call| call.name == "done");
            return Ok(again);
        }
        self.told
            .push((step.clone(), format!("{:?}", request.messages)));
        let at = self.answers.iter().position(|(of, _)| of == step);
        let at = at.unwrap_or_else(|| panic!("nothing is left for `{step}`"));
        let reply = self.answers.remove(at).1;
        self.last = reply.clone().ok();
        reply
    }

    /// What a step was told when it was reached for the `nth` time, from 0.
    fn told(&self, step: &str, nth: usize) -> &str {
        let mut visits = self.told.iter().filter(|(of, _)| of == step);
        &visits.nth(nth).expect("it was reached as often").1
    }
}

const TEST: &str = "sh test.sh";
const TEST_SH: &str =
    "for test in tests/*.sh; do sh $test || { echo \"FAIL: $test\"; exit 1; }; done; echo passed\n";
/// Subtracts where it should add; the one test does not see it.
const SUM: &str = "echo $(($1 - $2))\n";
const MENDED: &str = "echo $(($1 + $2))\n";
const ZERO: &str = "[ \"$(sh sum.sh 0 0)\" = 0 ]\n";
/// Red while it subtracts.
const SHOWS: &str = "[ \"$(sh sum.sh 2 3)\" = 5 ]\n";

fn world() -> World {
    World::with(&[
        ("sum.sh", SUM),
        ("test.sh", TEST_SH),
        ("tests/zero.sh", ZERO),
    ])
}

fn brief(world: &World, name: &str) -> Brief {
    let company = shipped::company("CodeCraft");
    let blueprint: Blueprint = shipped::blueprint(&company, name, TEST);
    let mut brief = Brief {
        company: company.brief(Role::Builder),
        blueprint,
        ..world.brief(Vec::new())
    };
    brief.title = "Two and three make five".into();
    brief.description = "`sh sum.sh 2 3` prints -1.".into();
    brief.checks = Vec::new();
    brief.project.test_command = TEST.into();
    brief
}

fn write(path: &str, content: &str) -> (&'static str, Value) {
    ("write", json!({"path": path, "content": content}))
}

fn read(path: &str) -> (&'static str, Value) {
    ("read", json!({"path": path}))
}

/// A call of `done` with these outputs.
fn done(outputs: Value) -> (&'static str, Value) {
    let mut said = json!({"status": "done", "summary": "It is done."});
    let (Value::Object(said_fields), Value::Object(outputs)) = (&mut said, outputs) else {
        panic!("objects")
    };
    said_fields.extend(outputs);
    ("done", said)
}

/// Writes this test of the bug.
fn reproduces(test: &str) -> Reply {
    let outputs = json!({"test": "tests/sum.sh", "symptom": "-1"});
    calls(&[write("tests/sum.sh", test), done(outputs)])
}

fn diagnosed() -> Reply {
    calls(&[done(
        json!({"cause": "sum.sh:1 subtracts", "files": ["sum.sh"]}),
    )])
}

fn mends() -> Reply {
    calls(&[read("sum.sh"), write("sum.sh", MENDED), done(json!({}))])
}

fn began(ran: &Ran) -> Vec<&str> {
    let steps = ran.kinds("step").into_iter();
    steps.map(|e| e["step"].as_str().expect("an id")).collect()
}

/// What the commands of a step printed, in order.
fn printed(ran: &Ran, step: &str) -> String {
    let checks = ran.kinds("check").into_iter().filter(|e| e["step"] == step);
    let texts: Vec<String> = checks.map(|e| e["output"].to_string()).collect();
    texts.join("\n")
}

#[test]
fn a_bug_is_mended_behind_a_test_that_was_red() {
    let world = world();
    let mut script = Played::new([
        ("reproduce", reproduces(SHOWS)),
        ("diagnose", diagnosed()),
        ("build", mends()),
    ]);
    let ran = caged::run(&world, &brief(&world, "minion-bugfix"), &mut |request| {
        script.answer(request)
    });
    assert_eq!(
        ran.report.status,
        ExitStatus::Done,
        "{:?} {}",
        ran.report,
        ran.report.gotcha
    );
    let steps = [
        "analyze",
        "reproduce",
        "red",
        "diagnose",
        "build",
        "test",
        "report",
    ];
    assert_eq!(began(&ran), steps);
    assert!(
        printed(&ran, "red").contains("FAIL: tests/sum.sh"),
        "{}",
        printed(&ran, "red")
    );
    assert_eq!(
        world.read("sum.sh"),
        MENDED,
        "the work is back after the look without it"
    );
    assert_eq!(world.read("tests/sum.sh"), SHOWS);
    assert_eq!(caged::git_of(&world, &["status", "--porcelain"]), "");
    let told = script.told("diagnose", 0);
    assert!(
        told.contains("tests/sum.sh") && told.contains("-1"),
        "what was found is handed on: {told}"
    );
}

#[test]
fn a_test_that_is_not_red_is_sent_back_and_nothing_is_mended_behind_it() {
    let world = world();
    let mut script = Played::new([0, 1, 2].map(|_| ("reproduce", reproduces(ZERO))));
    // Written anew after it was read; the same content is no change.
    let ran = caged::run(&world, &brief(&world, "minion-bugfix"), &mut |request| {
        script.answer(request)
    });
    assert_eq!(
        ran.report.status,
        ExitStatus::GateFailed,
        "{}",
        ran.report.gotcha
    );
    assert_eq!(
        began(&ran),
        [
            "analyze",
            "reproduce",
            "red",
            "reproduce",
            "red",
            "reproduce",
            "red"
        ]
    );
    let told = script.told("reproduce", 1);
    assert!(told.contains("no test of yours shows the bug"), "{told}");
    assert_eq!(world.read("sum.sh"), SUM);
}

/// Redness that comes of breaking the code is none: the code is put back before the test is run.
#[test]
fn a_test_that_is_red_because_the_code_was_broken_is_sent_back() {
    let world = world();
    let breaks = calls(&[
        (
            "run",
            json!({"command": "echo exit 1 >sum.sh; rm test.sh.bak 2>/dev/null; true"}),
        ),
        write("tests/sum.sh", ZERO),
        done(json!({"test": "tests/sum.sh", "symptom": "red"})),
    ]);
    let nothing = || calls(&[done(json!({"test": "tests/sum.sh", "symptom": "red"}))]);
    let mut script = Played::new([
        ("reproduce", breaks),
        ("reproduce", nothing()),
        ("reproduce", nothing()),
    ]);
    let ran = caged::run(&world, &brief(&world, "minion-bugfix"), &mut |request| {
        script.answer(request)
    });
    assert_eq!(
        ran.report.status,
        ExitStatus::GateFailed,
        "{}",
        ran.report.gotcha
    );
    assert!(
        printed(&ran, "red").contains("green on the code as it was"),
        "{}",
        printed(&ran, "red")
    );
}

#[test]
fn a_test_that_is_changed_in_the_place_of_the_bug_is_sent_back() {
    let world = world();
    let cheats = calls(&[
        ("run", json!({"command": "printf true >tests/sum.sh"})),
        done(json!({})),
    ]);
    let puts_back = calls(&[
        (
            "run",
            json!({"command": format!("printf '%s' '{}' >tests/sum.sh; echo >>tests/sum.sh", SHOWS.trim_end())}),
        ),
        read("sum.sh"),
        write("sum.sh", MENDED),
        done(json!({})),
    ]);
    let mut script = Played::new([
        ("reproduce", reproduces(SHOWS)),
        ("diagnose", diagnosed()),
        ("build", cheats),
        ("build", puts_back),
    ]);
    let ran = caged::run(&world, &brief(&world, "minion-bugfix"), &mut |request| {
        script.answer(request)
    });
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
    let steps = [
        "analyze",
        "reproduce",
        "red",
        "diagnose",
        "build",
        "test",
        "build",
        "test",
        "report",
    ];
    assert_eq!(began(&ran), steps);
    let told = script.told("build", 1);
    assert!(told.contains("green without the mend as well"), "{told}");
    assert_eq!(world.read("tests/sum.sh"), SHOWS);
}

#[test]
fn a_test_that_is_taken_away_in_the_place_of_the_bug_ends_the_run() {
    let world = world();
    let cheat = |n: u32| {
        let command = format!("rm -f tests/sum.sh; echo '# {n}' >>sum.sh");
        calls(&[("run", json!({ "command": command })), done(json!({}))])
    };
    let mut script = Played::new([
        ("reproduce", reproduces(SHOWS)),
        ("diagnose", diagnosed()),
        ("build", cheat(1)),
        ("build", cheat(2)),
        ("build", cheat(3)),
    ]);
    let ran = caged::run(&world, &brief(&world, "minion-bugfix"), &mut |request| {
        script.answer(request)
    });
    assert_eq!(
        ran.report.status,
        ExitStatus::GateFailed,
        "{}",
        ran.report.gotcha
    );
    assert!(!began(&ran).contains(&"report"));
    assert!(world.read("sum.sh").contains("# 3"), "the work is kept");
}

/// A second try of the same task begins with the work of the first: the test is measured on the code before both.
#[test]
fn a_rework_measures_against_the_code_before_all_tries() {
    let world = world();
    std::fs::write(world.repo().join("sum.sh"), MENDED).expect("written");
    std::fs::write(world.repo().join("tests/sum.sh"), SHOWS).expect("written");
    world.git(&["add", "--all"]);
    world.git(&["commit", "--quiet", "-m", "the first try"]);
    let mut brief = brief(&world, "minion-bugfix");
    brief.project.base = world.git(&["rev-parse", "HEAD"]);
    let more = "[ \"$(sh sum.sh 1 1)\" = 2 ]\n";
    let again = calls(&[
        write("tests/one.sh", more),
        done(json!({"test": "tests/one.sh", "symptom": "0"})),
    ]);
    let mended = calls(&[
        read("sum.sh"),
        write("sum.sh", "echo $(( $1 + $2 ))\n"),
        done(json!({})),
    ]);
    let mut script = Played::new([
        ("reproduce", again),
        ("diagnose", diagnosed()),
        ("build", mended),
    ]);
    let ran = caged::run(&world, &brief, &mut |request| script.answer(request));
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
}

const SHOW: &str = "cat \"public/$1\"\n";
const CLOSED: &str = "case \"$1\" in */* | .*) echo refused; exit 1 ;; esac\ncat \"public/$1\"\n";
const ATTACK: &str =
    "[ \"$(sh show.sh a.txt)\" = a ] && ! sh show.sh ../secret.txt | grep -q key\n";

fn open_door() -> World {
    World::with(&[
        ("show.sh", SHOW),
        ("secret.txt", "the key\n"),
        ("public/a.txt", "a\n"),
        ("test.sh", TEST_SH),
        ("tests/show.sh", "[ \"$(sh show.sh a.txt)\" = a ]\n"),
    ])
}

fn audited() -> Reply {
    let outputs = json!({
        "weakness": "CWE-22, show.sh:1", "attack": "anybody sends ../secret.txt and reads the key", "places": [],
    });
    calls(&[
        ("run", json!({"command": "sh show.sh ../secret.txt"})),
        done(outputs),
    ])
}

fn attacks(test: &str) -> Reply {
    let outputs = json!({"test": "tests/attack.sh", "symptom": "the key is shown"});
    calls(&[write("tests/attack.sh", test), done(outputs)])
}

fn closes(content: &str) -> Reply {
    calls(&[read("show.sh"), write("show.sh", content), done(json!({}))])
}

fn again(closed: bool) -> Reply {
    let left = if closed { "nothing" } else { "./../secret.txt" };
    calls(&[done(json!({"closed": closed, "left": left}))])
}

#[test]
fn a_weakness_is_closed_behind_an_attack_that_got_through() {
    let world = open_door();
    let half = "case \"$1\" in ../*) exit 1 ;; esac\ncat \"public/$1\"\n";
    let mut script = Played::new([
        ("audit", audited()),
        ("reproduce", attacks(ATTACK)),
        ("build", closes(half)),
        ("again", again(false)),
        ("build", closes(CLOSED)),
        ("again", again(true)),
    ]);
    let ran = caged::run(
        &world,
        &brief(&world, "minion-security-fix"),
        &mut |request| script.answer(request),
    );
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
    let steps = [
        "analyze",
        "audit",
        "reproduce",
        "red",
        "build",
        "test",
        "again",
        "once-more",
        "build",
        "test",
        "again",
        "report",
    ];
    assert_eq!(began(&ran), steps);
    assert_eq!(world.read("show.sh"), CLOSED);
    assert!(
        script.told("build", 1).contains("./../secret.txt"),
        "{}",
        script.told("build", 1)
    );
}

#[test]
fn an_attack_that_does_not_get_through_proves_no_weakness() {
    let world = open_door();
    let harmless = "[ \"$(sh show.sh a.txt)\" = a ]\n";
    let mut script = Played::new([
        ("audit", audited()),
        ("reproduce", attacks(harmless)),
        ("reproduce", attacks(harmless)),
        ("reproduce", attacks(harmless)),
    ]);
    let ran = caged::run(
        &world,
        &brief(&world, "minion-security-fix"),
        &mut |request| script.answer(request),
    );
    assert_eq!(
        ran.report.status,
        ExitStatus::GateFailed,
        "{}",
        ran.report.gotcha
    );
    assert!(!began(&ran).contains(&"build"));
}

fn understood() -> Reply {
    let outputs =
        json!({"behaviour": "prints a number", "callers": ["tests/zero.sh"], "untested": []});
    calls(&[done(outputs)])
}

fn planned() -> Reply {
    says(r#"{"approach": "Name the parts.", "files": ["sum.sh"], "risks": []}"#)
}

const SHAPED: &str = "left=$1 right=$2\necho $((left - right))\n";

fn refactors() -> Reply {
    calls(&[read("sum.sh"), write("sum.sh", SHAPED), done(json!({}))])
}

#[test]
fn a_refactoring_leaves_the_same_tests_green() {
    let world = world();
    let mut script = Played::new([
        ("understand", understood()),
        ("plan", planned()),
        ("build", refactors()),
    ]);
    let ran = caged::run(&world, &brief(&world, "minion-refactor"), &mut |request| {
        script.answer(request)
    });
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", ran.report.gotcha);
    let steps = [
        "analyze",
        "before",
        "understand",
        "plan",
        "build",
        "same",
        "test",
        "report",
    ];
    assert_eq!(began(&ran), steps);
    assert_eq!(world.read("sum.sh"), SHAPED);
}

#[test]
fn a_refactoring_that_touches_a_test_is_sent_back_and_then_ended() {
    for command in [
        "rm tests/zero.sh",
        "echo true >tests/zero.sh",
        "echo true >tests/more.sh",
        "git mv tests/zero.sh tests/nil.sh",
    ] {
        let world = world();
        let cheat = calls(&[
            read("sum.sh"),
            write("sum.sh", SHAPED),
            ("run", json!({ "command": command })),
            done(json!({})),
        ]);
        let insists = calls(&[("run", json!({"command": "true"})), done(json!({}))]);
        let mut script = Played::new([
            ("understand", understood()),
            ("plan", planned()),
            ("build", cheat),
            ("build", insists),
        ]);
        let ran = caged::run(&world, &brief(&world, "minion-refactor"), &mut |request| {
            script.answer(request)
        });
        assert_eq!(
            ran.report.status,
            ExitStatus::GateFailed,
            "{command}: {}",
            ran.report.gotcha
        );
        let told = script.told("build", 1);
        assert!(
            told.contains("leaves the tests alone") && told.contains("tests/"),
            "{command}: {told}"
        );
        assert!(!began(&ran).contains(&"test"), "{command}");
    }
}

#[test]
fn a_refactoring_that_loses_a_unit_test_beside_the_code_is_ended() {
    let world = World::with(&[
        (
            "src/lib.rs",
            "pub fn one() -> u8 { 1 }\n#[test]\nfn is_one() {}\n#[tokio::test]\nasync fn is_still() {}\n",
        ),
        ("test.sh", "echo passed\n"),
    ]);
    let cheats = [
        "pub fn one() -> u8 { 1 }\n#[test]\nfn is_one() {}\n",
        "pub fn one() -> u8 { 1 }\n#[test]\n#[ignore]\nfn is_one() {}\n#[tokio::test]\nasync fn is_still() {}\n",
    ];
    for cheat in cheats {
        let build = calls(&[
            read("src/lib.rs"),
            write("src/lib.rs", cheat),
            done(json!({})),
        ]);
        let insists = calls(&[("run", json!({"command": "true"})), done(json!({}))]);
        let mut script = Played::new([
            ("understand", understood()),
            ("plan", planned()),
            ("build", build),
            ("build", insists),
        ]);
        let ran = caged::run(&world, &brief(&world, "minion-refactor"), &mut |request| {
            script.answer(request)
        });
        assert_eq!(
            ran.report.status,
            ExitStatus::GateFailed,
            "{}",
            ran.report.gotcha
        );
        assert!(
            printed(&ran, "same").contains("tests were added or taken away"),
            "{}",
            printed(&ran, "same")
        );
        let owned = caged::git_of(&world, &["reset", "--quiet", "--hard", &world.base]);
        assert_eq!(owned, "");
    }
}

#[test]
fn a_refactoring_does_not_begin_on_red() {
    let world = World::with(&[
        ("sum.sh", SUM),
        ("test.sh", TEST_SH),
        ("tests/sum.sh", SHOWS),
    ]);
    let mut script = Played::new([]);
    let ran = caged::run(&world, &brief(&world, "minion-refactor"), &mut |request| {
        script.answer(request)
    });
    assert_eq!(ran.report.status, ExitStatus::GateFailed);
    assert!(
        printed(&ran, "before").contains("mend them first"),
        "{}",
        printed(&ran, "before")
    );
    assert!(script.told.is_empty(), "no model was asked");
}
