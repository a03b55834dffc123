//! Calls and results as text, there and back.

use alai_testkit::fuzz;

use super::tests::{results, specs, text_request, tool};
use super::*;
use crate::salvage::fuzz::{PIECES, call};

#[test]
fn tagged() {
    fuzz::run("tagged", |dice| {
        let mut call = call(dice);
        // The request has the tools `read` and `edit`.
        if call.name == "write" {
            call.name = "read".to_owned();
            call.arguments.remove("content");
        }
        let text = render(&call);
        let said = dice.text(&["I look.\n", "Now.\n\n", "a < b\n"], 3);
        let one = |text: &str| {
            let found = decode(text, &specs());
            let [taken] = &found.calls[..] else {
                panic!("{text:?}: {found:?}")
            };
            assert_eq!(
                (&taken.name, &taken.arguments),
                (&call.name, &call.arguments),
                "{text:?}"
            );
        };
        one(&format!("{said}{text}"));
        one(&format!("{said}{text}\nIt is done.\n{text}"));
        // The stop word is not part of what the server gives.
        let cut = text.strip_suffix(FUNCTION_END).expect("it ends a call");
        if !cut.contains(FUNCTION_END) {
            one(&format!("{said}{cut}"));
        }
        let broken = dice.mutated(&text, &PIECES);
        judge(&broken, &specs());

        let shown: Vec<String> = (0..3).map(|_| dice.text(&PIECES, 12)).collect();
        let sent = plain(&text_request(
            shown.iter().map(|text| tool("read", text)).collect(),
        ));
        let Some(Message::User { text: turn }) = sent.messages.last() else {
            panic!("{sent:?}")
        };
        let read: Vec<String> = results(turn)
            .into_iter()
            .map(|(_, body)| inert::restored(&body).into_owned())
            .collect();
        assert_eq!(read, shown, "{turn:?}");
        for mark in ["<|im_end|>", "<function=", "<tool_call>", "</think>"] {
            assert!(!turn.contains(mark), "{turn:?}");
        }
    });
}
