//! Tools in text, for models whose server knows none: what goes out and what comes back.

use super::*;

const READ: &str =
    "I look.\n<function=read>\n<parameter=path>\na.rs\n</parameter>\n</function>\nIt says";

fn in_text() -> ChatRequest {
    let mut request = with_tools();
    request.profile.tool_mode = ToolMode::Text;
    request
}

/// A twin whose model has no tools.
fn twin(answers: impl IntoIterator<Item = Answer>) -> OllamaTwin {
    let model = TwinModel::new("small", 8.0).only(&["completion"]);
    OllamaTwin::start(Behaviour::in_order(answers).models([model]))
}

#[test]
fn a_model_without_tools_calls_one_in_text() {
    let twin = twin([Answer::text(READ), Answer::text("It is so.")]);
    let mut request = in_text();
    let reply = asked(&twin, &request).unwrap();
    assert_eq!(call(&reply, 0), ("read", json!({"path": "a.rs"})));
    assert_eq!((reply.calls.len(), reply.text.as_str()), (1, "I look."));
    assert!(!reply.salvaged, "it is how this model calls");

    request.messages.push(Message::Assistant {
        text: reply.text,
        calls: reply.calls,
    });
    request.messages.push(Message::Tool {
        call_id: "x".to_owned(),
        name: "read".to_owned(),
        text: "fn main() {}".to_owned(),
    });
    let reply = asked(&twin, &request).unwrap();
    assert!(reply.calls.is_empty() && reply.text == "It is so.");

    let chats = twin.chats();
    for body in &chats {
        assert!(body.get("tools").is_none() && body.get("format").is_none());
        assert_eq!(body["options"]["stop"], json!(["</function>"]));
        let system = body["messages"][0]["content"].as_str().unwrap();
        assert!(system.starts_with("You build.\n\n# Tools\n"), "{system}");
        assert!(
            system.contains("read(path, content?, line?: integer): Does read."),
            "{system}"
        );
    }
    let messages = &chats[1]["messages"];
    let said = "I look.\n\n<function=read>\n<parameter=path>\na.rs\n</parameter>\n</function>";
    assert_eq!(messages[2], json!({"role": "assistant", "content": said}));
    assert_eq!(
        messages[3],
        json!({"role": "user", "content": "Result of read:\nfn main() {}"})
    );
    assert_eq!(twin.reloads(), 0, "a stop word is no option of the runner");
}

#[test]
fn a_call_that_does_not_fit_is_refused_in_words_for_the_model() {
    for (text, says) in [
        (
            "<function=remove>\n<parameter=path>\na\n</parameter>\n</function>",
            "there is no tool `remove`",
        ),
        (
            "<function=read>\n<parameter=line>\n7\n</parameter>\n</function>",
            "path",
        ),
        ("<function=read>\n</function>", "path"),
    ] {
        let reply = asked(&twin([Answer::text(text)]), &in_text()).unwrap();
        assert!(reply.calls.is_empty() && reply.usage.output_tokens > 0);
        let why = reply.refused.unwrap_or_default();
        assert!(why.contains(says), "{text}: {why}");
        assert!(reply.text.starts_with("<function="), "{}", reply.text);
    }
    // Where the server parses calls, one that it left in the text is judged alike; prose is not.
    for (text, says) in [
        ("<tool_call>\n{\"name\":\"remove\"}\n</tool_call>", "remove"),
        ("It could call <tool_call> here.", ""),
    ] {
        let twin = OllamaTwin::start(Behaviour::in_order([Answer::text(text)]));
        let reply = asked(&twin, &with_tools()).unwrap();
        assert_eq!(reply.text, text);
        assert_eq!(reply.refused.is_some(), !says.is_empty(), "{text}");
        assert!(reply.refused.unwrap_or_default().contains(says));
    }
    // In a request without tools it is a text as any other.
    let mut request = request();
    request.profile.tool_mode = ToolMode::Text;
    let reply = asked(&twin([Answer::text("<function=read>")]), &request).unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.refused),
        ("<function=read>", None)
    );
}

/// The stop word ends a value that holds it. What came by then must not be written as if it were whole.
#[test]
fn a_value_with_the_stop_word_in_it_is_asked_for_again_without_one() {
    let value = "one\n</function>\ntwo";
    let text = format!(
        "<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\n{value}\n</parameter>\n</function>"
    );
    let twin = twin([Answer::text(&text), Answer::text(&text)]);
    let reply = asked(&twin, &in_text()).unwrap();
    assert_eq!(
        call(&reply, 0),
        ("write", json!({"path": "a", "content": value}))
    );
    let chats = twin.chats();
    assert_eq!(chats.len(), 2);
    assert!(chats[0]["options"].get("stop").is_some() && chats[1]["options"].get("stop").is_none());
    assert_eq!(twin.reloads(), 0);
    let once = asked(&self::twin([Answer::text(READ)]), &in_text()).unwrap();
    assert_eq!(
        reply.usage.prompt_tokens,
        2 * once.usage.prompt_tokens,
        "both calls are counted"
    );
}

#[test]
fn a_text_that_ends_in_a_value_at_the_limit_is_cut_and_makes_no_call() {
    let lines = vec![
        Answer::line(
            json!({"content": "<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=content>\nx"}),
        ),
        Answer::done("length"),
    ];
    let twin = twin([Answer::Lines(lines)]);
    let reply = asked(&twin, &in_text()).unwrap();
    assert_eq!((reply.finish, reply.calls.len()), (Finish::Length, 0));
    assert!(reply.refused.is_some_and(|why| why.contains("cut off")));
    assert_eq!(twin.chats().len(), 1, "it was no stop word");
}

#[test]
fn a_schema_is_asked_for_without_a_stop_word() {
    let twin = twin([Answer::text("{}")]);
    let mut request = request();
    request.profile.tool_mode = ToolMode::Text;
    request.format = Some(json!({"type": "object"}));
    asked(&twin, &request).unwrap();
    assert!(twin.chats()[0]["options"].get("stop").is_none());
}

#[test]
fn the_profile_of_a_model_without_tools_is_text() {
    let twin = twin([Answer::text(READ)]);
    let found = probe(&at(&twin));
    let mut request = with_tools();
    request.profile = profile_for(usable(&found)[0]);
    let reply = asked(&twin, &request).unwrap();
    assert_eq!(call(&reply, 0), ("read", json!({"path": "a.rs"})));
}

#[test]
fn native_calls_with_the_names_of_other_harnesses_are_ours() {
    let twin = OllamaTwin::start(Behaviour::in_order([Answer::calls(&[
        ("read_file", json!({"file_path": "a", "line": "7"})),
        (
            "functions.write",
            json!({"path": "a", "content": ["x\n", "y"], "line": null}),
        ),
        ("remove", json!({"path": "a"})),
    ])]));
    let reply = asked(&twin, &with_tools()).unwrap();
    assert_eq!(call(&reply, 0), ("read", json!({"path": "a", "line": 7})));
    assert_eq!(
        call(&reply, 1),
        ("write", json!({"path": "a", "content": "x\ny"}))
    );
    assert_eq!(call(&reply, 2), ("remove", json!({"path": "a"})));
}
