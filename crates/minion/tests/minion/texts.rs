//! Models that call tools in text, and the forms in which models change files: the same task, the same end.

use alai_core::brief::Price;
use alai_core::skills::Shelf;
use alai_fleet::{EditFormat, ErrorClass, OllamaHost, Profile, Provider, ToolMode, ToolSpec, chat};
use alai_minion::{ExitStatus, Recorder, RunReport};
use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin, TwinModel};
use serde_json::{Value, json};

use crate::world::{Script, Sink, TEST, TEST_SH, World, agent, calls, done};

/// A call as a model writes it.
fn tagged(name: &str, arguments: &[(&str, &str)]) -> Answer {
    let arguments: String = arguments
        .iter()
        .map(|(key, value)| format!("<parameter={key}>\n{value}\n</parameter>\n"))
        .collect();
    Answer::text(&format!("Now.\n<function={name}>\n{arguments}</function>"))
}

fn fix() -> Answer {
    tagged(
        "edit",
        &[("path", "answer.txt"), ("old", "41"), ("new", "42")],
    )
}

fn claim() -> Answer {
    tagged("done", &[("status", "done"), ("summary", "It is 42 now.")])
}

/// A run whose model is a twin that says these things and has no tools.
fn ran(world: &mut World, profile: &Profile, answers: Vec<Answer>) -> (RunReport, OllamaTwin) {
    let model = TwinModel::new("small", 8.0).only(&["completion"]);
    let twin = OllamaTwin::start(Behaviour::in_order(answers).models([model]));
    let provider = Provider::Ollama(OllamaHost::parse(&twin.url()).expect("a twin has a URL"));
    let brief = world.brief(vec![agent(Some(TEST))]);
    let mut recorder = Recorder::to(Sink::default());
    let report = alai_minion::run(
        &brief,
        alai_minion::Means {
            profile,
            model: "small",
            price: Price::FREE,
            ask: &mut |request| chat(&provider, request, &|| false),
            hand: &mut world.hand,
            recorder: &mut recorder,
            cancel: &world.cancel,
            passes: &|_, _| false,
            words: &mut Vec::new,
            program: None,
            shelf: &Shelf::default(),
            servers: None,
            ahead: None,
            notes: None,
            delegations: None,
        },
    );
    (report, twin)
}

/// The words of the message that a chat ends with.
fn last(chat: &Value) -> &str {
    let messages = chat["messages"].as_array().expect("a list");
    let message = messages.last().expect("never empty");
    assert_eq!(message["role"], "user", "a result is a turn of the user");
    message["content"].as_str().expect("a text")
}

#[test]
fn a_model_whose_host_knows_no_tools_works_in_text_from_then_on() {
    let mut world = World::new();
    let read = tagged("read", &[("path", "answer.txt")]);
    let (report, twin) = ran(&mut world, &Profile::default(), vec![read, fix(), claim()]);
    assert_eq!(report.status, ExitStatus::Done);
    assert_eq!(world.read("answer.txt"), "42\n");
    assert!(report.head.is_some());
    assert_eq!((report.turns, report.salvaged), (3, 0));
    let chats = twin.chats();
    let with_tools: Vec<bool> = chats.iter().map(|c| c.get("tools").is_some()).collect();
    assert_eq!(
        with_tools,
        [true, false, false, false],
        "refused once, and never asked again"
    );
    assert!(
        last(&chats[2]).starts_with("Result of read, up to END_0:\nanswer.txt, lines 1-1 of 1")
    );
    assert!(last(&chats[3]).contains("[check `sh test.sh`: passed]"));
}

#[test]
fn a_model_that_is_known_to_write_text_is_never_offered_tools() {
    let mut world = World::new();
    let profile = Profile {
        tool_mode: ToolMode::Text,
        ..Profile::default()
    };
    let (report, twin) = ran(&mut world, &profile, vec![fix(), claim()]);
    assert_eq!(report.status, ExitStatus::Done);
    assert!(twin.chats().iter().all(|chat| chat.get("tools").is_none()));
}

#[test]
fn a_call_that_cannot_be_read_is_told_why_and_four_end_the_run() {
    let mut world = World::new();
    let wrong = || tagged("edit", &[("path", "answer.txt"), ("old", "41")]);
    let (report, twin) = ran(
        &mut world,
        &Profile::default(),
        vec![wrong(), fix(), claim()],
    );
    assert_eq!(report.status, ExitStatus::Done);
    let told = twin.chats();
    assert!(
        last(&told[2]).contains("was not executed: the call of `edit` does not fit"),
        "{}",
        last(&told[2])
    );
    let mut world = World::new();
    let no_call = Answer::text("{\"name\": \"edit\"}");
    let (report, _twin) = ran(
        &mut world,
        &Profile::default(),
        vec![wrong(), wrong(), wrong(), no_call],
    );
    assert_eq!(report.status, ExitStatus::Format);
    assert_eq!(world.read("answer.txt"), "41\n");
}

/// The server can hold a model to a form that it does not find by itself.
#[test]
fn the_fourth_try_is_held_to_the_form_of_a_call() {
    let mut world = World::new();
    let wrong = || tagged("edit", &[("path", "answer.txt"), ("old", "41")]);
    let held =
        json!({"name": "edit", "arguments": {"path": "answer.txt", "old": "41", "new": "42"}});
    let profile = Profile {
        tool_mode: ToolMode::Text,
        ..Profile::default()
    };
    let (report, twin) = ran(
        &mut world,
        &profile,
        vec![
            wrong(),
            wrong(),
            wrong(),
            Answer::text(&held.to_string()),
            claim(),
        ],
    );
    assert_eq!(report.status, ExitStatus::Done);
    assert_eq!(world.read("answer.txt"), "42\n");
    let chats = twin.chats();
    let formats: Vec<bool> = chats
        .iter()
        .map(|chat| chat.get("format").is_some())
        .collect();
    assert_eq!(formats, [false, false, false, true, false]);
    let forms = chats[3]["format"]["anyOf"]
        .as_array()
        .expect("one form for each tool");
    assert!(
        forms
            .iter()
            .any(|form| form["properties"]["name"]["enum"] == json!(["edit"]))
    );
    assert!(last(&chats[3]).contains("Answer with one tool call as a JSON object"));
    assert!(last(&chats[4]).contains("[check `sh test.sh`: passed]"));
}

/// A host that refuses tools even in text is an error, not a circle.
#[test]
fn a_second_refusal_of_tools_ends_the_run() {
    let mut world = World::new();
    let refused = || Answer::error(400, "registry/small does not support tools");
    let (report, twin) = ran(&mut world, &Profile::default(), vec![refused(), refused()]);
    assert!(
        matches!(&report.status, ExitStatus::ProviderError { detail, .. } if detail.contains(ErrorClass::NoTools.as_str())),
        "{:?}",
        report.status
    );
    assert_eq!(twin.chats().len(), 2);
}

/// What the tools take of the window is reckoned by their JSON.
#[test]
fn the_tools_in_words_take_no_more_room_than_in_json() {
    let mut world = World::new();
    let (_, twin) = ran(&mut world, &Profile::default(), vec![claim(), claim()]);
    let chats = twin.chats();
    let words = |chat: &Value| chat["messages"][0]["content"].as_str().map_or(0, str::len);
    let json = chats[0]["tools"].to_string().len();
    let added = words(&chats[1]) - words(&chats[0]);
    assert!(added <= json, "{added} bytes in words, {json} in JSON");
}

fn formatted(edit_format: EditFormat) -> Profile {
    Profile {
        edit_format,
        ..Profile::default()
    }
}

fn patch(text: &str) -> (&'static str, Value) {
    let patch = format!("*** Begin Patch\n{text}*** End Patch\n");
    ("apply_patch", json!({ "patch": patch }))
}

fn names(tools: &[ToolSpec]) -> Vec<&str> {
    tools.iter().map(|tool| tool.name.as_str()).collect()
}

#[test]
fn the_family_that_knows_patches_works_with_them() {
    let mut world = World::with(&[
        ("answer.txt", "41\n"),
        ("test.sh", TEST_SH),
        ("old name.txt", "a\nb\n"),
        ("gone it's.txt", "x\n"),
    ]);
    let brief = world.brief(vec![agent(Some(TEST))]);
    let all = patch(
        "*** Update File: answer.txt\n@@\n-41\n+42\n*** Add File: new/note.txt\n+one\n+two\n\
         *** Update File: old name.txt\n*** Move to: new name.txt\n@@\n a\n-b\n+c\n*** Delete File: gone it's.txt\n",
    );
    let mut script = Script::new(vec![calls(&[all]), calls(&[done()])]);
    let ran = world.run_with(&brief, &formatted(EditFormat::Patch), &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done);
    assert_eq!(
        names(&script.requests[0].tools),
        ["read", "search", "apply_patch", "write", "run", "done"]
    );
    assert_eq!(world.read("answer.txt"), "42\n");
    assert_eq!(world.read("new/note.txt"), "one\ntwo\n");
    assert_eq!(world.read("new name.txt"), "a\nc\n");
    for gone in ["old name.txt", "gone it's.txt"] {
        assert!(!world.repo().join(gone).exists(), "{gone}");
    }
    let told = script.last(1);
    for words in [
        "patched answer.txt (1 hunks)",
        "created new/note.txt",
        "moved old name.txt to new name.txt",
        "deleted gone it's.txt",
        "passed",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
}

#[test]
fn a_patch_of_which_one_file_does_not_fit_changes_nothing() {
    let mut world = World::new();
    let brief = world.brief(vec![agent(None)]);
    let wrong = patch(
        "*** Update File: answer.txt\n@@\n-41\n+42\n*** Delete File: test.sh\n*** Add File: new.txt\n+x\n\
         *** Update File: README.md\n@@\n-# Sample\n+# Simple\n@@\n-nowhere\n+x\n",
    );
    let mut script = Script::new(vec![
        calls(&[wrong]),
        calls(&[("done", json!({"status": "blocked", "summary": "x"}))]),
    ]);
    world.run_with(&brief, &formatted(EditFormat::Patch), &mut script);
    let told = script.last(1);
    assert!(
        told.contains("the patch does not fit README.md: the lines of hunk 2 were not found"),
        "{told}"
    );
    assert_eq!(world.read("answer.txt"), "41\n");
    assert_eq!(world.read("README.md"), "# Sample\n");
    assert!(world.repo().join("test.sh").exists() && !world.repo().join("new.txt").exists());
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

/// A folder of the tree may be a link to anywhere; what is allowed by its name must be what is touched.
#[test]
fn a_patch_deletes_and_moves_through_no_link() {
    let mut world = World::new();
    let victim = world.dir.path().join("victim");
    std::fs::create_dir(&victim).expect("a folder");
    std::fs::write(victim.join("file"), "1\n").expect("written");
    let repo = world.repo();
    std::fs::create_dir(repo.join("real")).expect("a folder");
    std::fs::write(repo.join("real/kept"), "1\n").expect("written");
    for (link, to) in [
        ("out", victim.as_path()),
        ("inner", std::path::Path::new("real")),
    ] {
        std::os::unix::fs::symlink(to, repo.join(link)).expect("a link");
    }
    let brief = world.brief(vec![agent(None)]);
    for text in [
        "*** Delete File: inner/kept\n",
        "*** Update File: inner/kept\n*** Move to: taken\n@@\n-1\n+2\n",
        "*** Update File: answer.txt\n*** Move to: inner/new\n@@\n-41\n+42\n",
        "*** Delete File: out/file\n",
    ] {
        let mut script = Script::new(vec![
            calls(&[patch(text)]),
            calls(&[("done", json!({"status": "blocked", "summary": "x"}))]),
        ]);
        world.run_with(&brief, &formatted(EditFormat::Patch), &mut script);
        let told = script.last(1);
        assert!(
            told.contains("symbolic link") || told.contains("Refused:"),
            "{text}: {told}"
        );
        assert!(
            repo.join("real/kept").exists() && victim.join("file").exists(),
            "{text}"
        );
        assert!(
            !repo.join("real/new").exists() && !repo.join("taken").exists(),
            "{text}"
        );
        assert_eq!(world.read("answer.txt"), "41\n");
    }
}

#[test]
fn a_patch_keeps_to_the_scope_before_it_writes_anything() {
    let mut world = World::new();
    let mut brief = world.brief(vec![agent(None)]);
    brief.project.allowed_paths = vec!["answer.txt".into()];
    let script = |text: &str| {
        Script::new(vec![
            calls(&[patch(text)]),
            calls(&[("done", json!({"status": "blocked", "summary": "x"}))]),
        ])
    };
    for text in [
        "*** Update File: answer.txt\n@@\n-41\n+42\n*** Delete File: README.md\n",
        "*** Update File: answer.txt\n*** Move to: README2.md\n@@\n-41\n+42\n",
        "*** Add File: ../out.txt\n+x\n",
        "*** Delete File: .git/HEAD\n",
    ] {
        let mut script = script(text);
        world.run_with(&brief, &formatted(EditFormat::Patch), &mut script);
        assert!(script.last(1).contains("Refused:"), "{}", script.last(1));
        assert_eq!(world.read("answer.txt"), "41\n", "{text}");
        assert!(world.repo().join("README.md").exists());
    }
}

#[test]
fn a_long_file_is_patched_whole_or_not_at_all() {
    let line = |n: usize| format!("line {n} of a long file\n");
    let long: String = (0..2_000).map(line).collect();
    let mut world = World::with(&[("long.txt", &long), ("test.sh", TEST_SH)]);
    let brief = world.brief(vec![agent(None)]);
    let hunk = |n: usize| format!("@@\n-line {n} of a long file\n+changed {n}\n");
    let good = format!("*** Update File: long.txt\n{}{}", hunk(3), hunk(1_900));
    let half = format!("*** Update File: long.txt\n{}{}", hunk(5), hunk(9_999));
    let mut script = Script::new(vec![
        calls(&[patch(&good)]),
        calls(&[patch(&half)]),
        calls(&[done()]),
    ]);
    world.run_with(&brief, &formatted(EditFormat::Patch), &mut script);
    assert!(script.last(1).contains("patched long.txt (2 hunks)"));
    let told = script.last(2);
    assert!(
        told.contains("the lines of hunk 2 were not found"),
        "{told}"
    );
    let want = (0..2_000).map(|n| match n {
        3 | 1_900 => format!("changed {n}\n"),
        n => line(n),
    });
    let want: String = want.collect();
    assert_eq!(world.read("long.txt"), want);
    assert_eq!(world.git(&["show", "HEAD:long.txt"]), want.trim_end());
}

#[test]
fn whole_files_are_asked_for_where_they_are_the_format() {
    let mut world = World::new();
    let brief = world.brief(vec![agent(Some(TEST))]);
    let mut script = Script::new(vec![
        calls(&[("read", json!({"path": "answer.txt"}))]),
        calls(&[("write", json!({"path": "answer.txt", "content": "42\n"}))]),
        calls(&[done()]),
    ]);
    let ran = world.run_with(&brief, &formatted(EditFormat::Whole), &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done);
    let tools = &script.requests[0].tools;
    let said = |name: &str| {
        let tool = tools.iter().find(|tool| tool.name == name);
        tool.expect("it is offered").description.clone()
    };
    assert!(said("write").contains("up to 300 lines"));
    assert!(said("edit").starts_with("For files over 300 lines only"));
}
