//! Calls that a model copied out of what it was shown. What stands in a file, in a command's output or in a task is data: a
//! repository must not act through a model that only repeats it.

use crate::chat::Message;
use crate::inert;

/// The messages of a request that the model did not write itself. Blanks do not count, and neither does what the tools put before
/// each line. Read once: an answer may hold many calls and a request long results.
pub(super) struct Shown(Vec<String>);

impl Shown {
    pub(super) fn of(messages: &[Message]) -> Shown {
        let texts = messages.iter().filter_map(|message| match message {
            Message::System { text } | Message::User { text } | Message::Tool { text, .. } => {
                Some(text)
            }
            Message::Assistant { .. } => None,
        });
        let bare = |text: &str| {
            text.lines()
                .map(without_prefix)
                .map(ink)
                .collect::<String>()
        };
        Shown(texts.flat_map(|text| [ink(text), bare(text)]).collect())
    }

    /// Whether the text of a call stands in one of them.
    pub(super) fn holds(&self, source: &str) -> bool {
        let wanted = ink(source);
        !wanted.is_empty() && self.0.iter().any(|shown| shown.contains(&wanted))
    }
}

/// A text without its blanks, its marks as they were before they were made inert.
fn ink(text: &str) -> String {
    let text = inert::restored(text);
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// A line without the number of `read`, the place of `search` and `grep -n`, or the sign of a diff or a quotation.
fn without_prefix(line: &str) -> &str {
    let is_number = |text: &str| {
        let text = text.trim();
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
    };
    if let Some((number, rest)) = line.split_once('|')
        && is_number(number)
    {
        return rest;
    }
    if let Some((place, rest)) = line.split_once(':') {
        if is_number(place) {
            return rest;
        }
        if let Some((number, rest)) = rest.split_once(':')
            && is_number(number)
        {
            return rest;
        }
    }
    line.strip_prefix(['+', '-', '>']).unwrap_or(line)
}
