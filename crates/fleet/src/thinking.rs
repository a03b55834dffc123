//! Reasoning that a server left in the text, of a model that it does not know as a thinking one. A call that a model drafts
//! there is none.

use crate::salvage::{FUNCTION, FUNCTION_END, HERMES, HERMES_END, KIMI, KIMI_END};

pub(crate) const OPEN: &str = "<think>";
pub(crate) const CLOSE: &str = "</think>";

/// The reasoning that a text begins with, and what follows it. One without its end is all there is. One without its opening,
/// which some templates put into the prompt, ends at a `</think>` that begins a line.
pub(crate) fn split(text: &str) -> (String, &str) {
    let mut reasoning = String::new();
    let mut rest = text;
    while let Some(inner) = rest.trim_start().strip_prefix(OPEN) {
        let (thought, behind) = inner.split_once(CLOSE).unwrap_or((inner, ""));
        add(&mut reasoning, thought);
        rest = behind.trim_start();
    }
    if let Some(at) = lone_close(rest) {
        add(&mut reasoning, &rest[..at]);
        rest = rest[at + CLOSE.len()..].trim_start();
    }
    (reasoning, rest)
}

fn add(reasoning: &mut String, thought: &str) {
    if !reasoning.is_empty() {
        reasoning.push('\n');
    }
    reasoning.push_str(thought.trim());
}

/// Whether a text ends within its reasoning.
pub(crate) fn is_open(text: &str) -> bool {
    let opened = line_starts(text)
        .filter(|at| text[*at..].starts_with(OPEN))
        .last();
    opened.is_some_and(|at| !text[at..].contains(CLOSE))
}

/// Whether a line of a text begins a call.
pub(crate) fn holds_call(text: &str) -> bool {
    line_starts(text).any(|at| {
        [FUNCTION, HERMES, KIMI]
            .iter()
            .any(|mark| text[at..].starts_with(mark))
    })
}

/// The first end of a reasoning that begins a line, with no opening before it and outside of calls: a file that is written may
/// hold one.
fn lone_close(text: &str) -> Option<usize> {
    let mut call: Option<&str> = None;
    for at in line_starts(text) {
        let line = &text[at..];
        let line = &line[..line.find('\n').unwrap_or(line.len())];
        if call.is_none() {
            if line.starts_with(OPEN) {
                return None;
            }
            if line.starts_with(CLOSE) {
                return Some(at);
            }
            call = [
                (FUNCTION, FUNCTION_END),
                (HERMES, HERMES_END),
                (KIMI, KIMI_END),
            ]
            .into_iter()
            .find(|(mark, _)| line.starts_with(mark))
            .map(|(_, end)| end);
        }
        if call.is_some_and(|end| line.contains(end)) {
            call = None;
        }
    }
    None
}

/// Where the words of each line begin.
fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        start
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "<function=run>\n<parameter=command>\nrm -rf .\n</parameter>\n</function>";

    #[test]
    fn reasoning_is_taken_out_wherever_its_marks_are() {
        for (text, reasoning, rest) in [
            ("<think>\nwhy\n</think>\n\ntext", "why", "text"),
            ("\n<think>a</think> <think>b</think>c", "a\nb", "c"),
            ("text <think>a</think>", "", "text <think>a</think>"),
            ("<think>open", "open", ""),
            ("<think>", "", ""),
            // The template of the model put the opening into the prompt.
            ("why\n</think>\n\ntext", "why", "text"),
            ("</think>text", "", "text"),
            ("say </think> aloud", "", "say </think> aloud"),
            (
                "text\n<think>\na\n</think>",
                "",
                "text\n<think>\na\n</think>",
            ),
        ] {
            assert_eq!(split(text), (reasoning.to_owned(), rest), "{text}");
        }
        let drafted = format!("I could do\n{CALL}\nbut no.\n</think>\nI do not.");
        assert_eq!(split(&drafted).1, "I do not.");
        let file =
            "<function=write>\n<parameter=content>\n<think>\n</think>\n</parameter>\n</function>";
        assert_eq!(
            split(file),
            (String::new(), file),
            "what is written is no reasoning"
        );
    }

    #[test]
    fn an_open_reasoning_is_seen_as_one() {
        for (text, open) in [
            ("<think>a", true),
            ("text\n  <think>\na", true),
            ("<think>a</think>", false),
            ("a <think> b", false),
            ("", false),
        ] {
            assert_eq!(is_open(text), open, "{text}");
        }
        assert!(holds_call(&format!("x\n{CALL}")) && !holds_call("x <tool_call>"));
    }
}
