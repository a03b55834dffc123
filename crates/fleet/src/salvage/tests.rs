//! What is a call and what is not.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn tools() -> Vec<ToolSpec> {
    let tool = |name: &str, properties: Value, required: Value| ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": properties, "required": required}),
    };
    vec![
        tool(
            "read",
            json!({"path": {"type": "string"}, "line": {"type": "integer"}}),
            json!(["path"]),
        ),
        tool(
            "write",
            json!({"path": {"type": "string"}, "content": {"type": "string"}}),
            json!(["path", "content"]),
        ),
        tool("finish", json!({}), json!([])),
    ]
}

fn found(text: &str) -> Vec<(String, Value)> {
    let found = calls_in(text, &tools());
    found
        .calls
        .into_iter()
        .map(|call| (call.name, Value::Object(call.arguments)))
        .collect()
}

fn read(path: &str) -> (String, Value) {
    ("read".to_owned(), json!({ "path": path }))
}

#[test]
fn fenced_json() {
    assert_eq!(
        found("```json\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n```"),
        [read("a")]
    );
    assert_eq!(
        found("\n```\n{\"name\": \"read\", \"parameters\": {\"path\": \"a\"}}\n```\n"),
        [read("a")]
    );
    let two = "```json\n{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}\n```\n\n\
               ```json\n{\"name\":\"read\",\"arguments\":{\"path\":\"b\"}}\n```";
    assert_eq!(found(two), [read("a"), read("b")]);
}

#[test]
fn hermes_tags() {
    let text = "I look.\n<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>\n\
                <tool_call>{\"name\": \"finish\"}</tool_call>";
    assert_eq!(found(text), [read("a"), ("finish".to_owned(), json!({}))]);
    assert_eq!(calls_in(text, &tools()).text, "I look.");
    // Inline code opens no fence.
    let text = "```ls``` first.\n<tool_call>{\"name\": \"finish\"}</tool_call>";
    assert_eq!(found(text).len(), 1);
    // Its stop word is the end tag.
    assert_eq!(
        found("<tool_call>{\"name\":\"read\",\"arguments\":{\"path\":\"</tool_call>\"}}\n"),
        [read("</tool_call>")]
    );
}

#[test]
fn qwen_coder_tags_with_and_without_their_opener() {
    let call = "<function=write>\n<parameter=path>\na.md\n</parameter>\n<parameter=content>\n# Tags\n```\n\
                <parameter=x>y</parameter>\n```\n</parameter>\n</function>";
    let expected = (
        "write".to_owned(),
        json!({"path": "a.md", "content": "# Tags\n```\n<parameter=x>y</parameter>\n```"}),
    );
    assert_eq!(
        found(&format!("<tool_call>\n{call}\n</tool_call>")),
        std::slice::from_ref(&expected)
    );
    assert_eq!(
        found(&format!("Now I write.\n{call}\n</tool_call>")),
        [expected]
    );
    let text =
        "<function=read><parameter=path>a</parameter><parameter=line>7</parameter></function>";
    assert_eq!(
        found(text),
        [("read".to_owned(), json!({"path": "a", "line": 7}))]
    );
}

#[test]
fn kimi_tokens() {
    let text = "Let me see.<|tool_calls_section_begin|><|tool_call_begin|>functions.read:0\
                <|tool_call_argument_begin|>{\"path\": \"a\"}<|tool_call_end|><|tool_call_begin|>functions.read:1\
                <|tool_call_argument_begin|>{\"path\": \"b\"}<|tool_call_end|><|tool_calls_section_end|>";
    assert_eq!(found(text), [read("a"), read("b")]);
    assert_eq!(calls_in(text, &tools()).text, "Let me see.");
}

#[test]
fn bare_json_as_the_whole_message() {
    assert_eq!(
        found(" {\"name\":\"functions.read\",\"arguments\":{\"path\":\"a\"}}\n"),
        [read("a")]
    );
    assert_eq!(
        found(
            "{\"type\":\"function\",\"function\":{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}}"
        ),
        [read("a")]
    );
    let list = "[{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}},{\"name\":\"read\",\"arguments\":{\"path\":\"b\"}}]";
    assert_eq!(found(list), [read("a"), read("b")]);
}

#[test]
fn json_that_models_break_is_mended() {
    // A file with raw newlines and tabs, and arguments as the text of an object.
    let raw =
        "{\"name\":\"write\",\"arguments\":{\"path\":\"a\",\"content\":\"x\n\ty \\\"q\\\"\u{1}\"}}";
    assert_eq!(
        found(raw),
        [(
            "write".to_owned(),
            json!({"path": "a", "content": "x\n\ty \"q\"\u{1}"})
        )]
    );
    let text = "{\"name\":\"read\",\"arguments\":\"{\\\"path\\\": \\\"a\\\"}\"}";
    assert_eq!(found(text), [read("a")]);
    assert_eq!(
        found("{\"name\":\"read\",\"arguments\":{\"path\":\"a\",\"line\":\"7\"}}")[0].1["line"],
        7
    );
}

#[test]
fn prose_and_examples_are_no_calls() {
    let json = "{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}";
    for text in [
        format!("You could call {json} to see it."),
        format!("For example:\n```json\n{json}\n```\nThis reads the file."),
        format!("For example:\n```json\n{json}\n```"),
        format!("```python\n{json}\n```"),
        format!("Write `<tool_call>{json}</tool_call>` and it runs."),
        format!("Models write:\n```\n<tool_call>{json}</tool_call>\n```\nand it runs."),
        format!("~~~~\n```\n<tool_call>{json}</tool_call>\n~~~~"),
        format!("```\nunclosed\n<tool_call>{json}</tool_call>"),
        "A bare <function=read><parameter=path>a</parameter></function> in a sentence.".to_owned(),
        "The form is <function=name> and <parameter=x>.".to_owned(),
        "<tool_call>".to_owned(),
        "```json\n{}\n```".to_owned(),
        "{\"answer\": 42}".to_owned(),
        "[]".to_owned(),
        String::new(),
    ] {
        assert_eq!(found(&text), [], "{text}");
    }
}

#[test]
fn only_tools_of_the_request_with_fitting_arguments() {
    for text in [
        "{\"name\":\"delete\",\"arguments\":{\"path\":\"a\"}}",
        "{\"name\":\"read\",\"arguments\":{}}",
        "{\"name\":\"read\",\"arguments\":{\"path\":\"a\",\"mode\":\"x\"}}",
        "{\"name\":\"read\",\"arguments\":{\"path\":7}}",
        "{\"name\":\"read\",\"arguments\":{\"path\":\"a\",\"line\":\"seven\"}}",
        "{\"name\":\"read\",\"arguments\":{\"path\":\"a\"},\"comment\":\"no\"}",
        "{\"name\":\"read\"}",
        "<tool_call>{\"name\":\"read\"}</tool_call>",
        "<function=delete>\n<parameter=path>a</parameter>\n</function>",
        "<function=read>\n<parameter=path>a</parameter>\n<parameter=path>b</parameter>\n</function>",
        "<|tool_call_begin|>functions.rm:0<|tool_call_argument_begin|>{}<|tool_call_end|>",
        "<tool_call>{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}} and more</tool_call>",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
    let none = calls_in("{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}", &[]);
    assert!(none.calls.is_empty() && none.refused.is_none());
}

#[test]
fn nothing_runs_after_a_call_that_does_not_fit() {
    let text = "<tool_call>{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}</tool_call>\n\
                <tool_call>{\"name\":\"rm\",\"arguments\":{}}</tool_call>\n\
                <tool_call>{\"name\":\"read\",\"arguments\":{\"path\":\"b\"}}</tool_call>";
    assert_eq!(found(text), [read("a")]);
    assert!(
        calls_in(text, &tools()).text.contains("\"rm\""),
        "what was not taken stays in sight"
    );
}

#[test]
fn names_lose_what_models_put_around_them() {
    let tools = tools();
    for name in [
        "read",
        "functions.read",
        "functions.read:12",
        "read:0",
        " read\n",
    ] {
        assert_eq!(
            resolve(name, &tools).map(|tool| tool.name.as_str()),
            Some("read"),
            "{name}"
        );
    }
    for name in ["", "Read", "functions.", "read:", "read:x", "xread"] {
        assert_eq!(
            resolve(name, &tools).map(|tool| tool.name.as_str()),
            None,
            "{name}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(pieces in proptest::collection::vec(
        prop_oneof![
            Just("<tool_call>"), Just("</tool_call>"), Just("<function=read>"), Just("</function>"), Just("\n"),
            Just("<parameter=path>"), Just("</parameter>"), Just("```"), Just("`"), Just("{"), Just("}"), Just("\""),
            Just("\\"), Just("å"), Just("<|tool_call_begin|>"), Just("<|tool_call_argument_begin|>"), Just(":0"),
            Just("{\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}"), Just("<|tool_call_end|>"), Just(" "),
        ],
        0..30,
    )) {
        let text = pieces.concat();
        for (name, _) in found(&text) {
            prop_assert!(["read", "finish"].contains(&name.as_str()));
        }
    }
}
