//! Calls between tags, anywhere in a message outside of code.

use serde_json::{Map, Value};

use super::{Form, Found, Written, Wrong, json, known, written};
use crate::answer::CALLS_MAX;
use crate::chat::ToolSpec;
use crate::thinking;

/// Calls and the bytes of text that they take.
type Taken = Result<(Vec<Written>, usize), Wrong>;

/// What a model is told whose call does not begin its line.
const ASIDE: &str = "a call stands on a line of its own, with nothing before it";

/// One pass over the lines: fences and reasoning are skipped, marked calls are taken.
pub(super) fn calls(text: &str, tools: &[ToolSpec]) -> Found {
    let mut found = Found::default();
    let mut fence: Option<&str> = None;
    let mut looked_aside = false;
    let (mut at, mut line_end) = (0, 0);
    while at < text.len() {
        let fresh = at >= line_end;
        if fresh {
            line_end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
        }
        let line = &text[at..line_end];
        let marker = match (fence, fence_mark(line).filter(|_| fresh)) {
            (Some(open), Some(mark)) if mark.starts_with(open) && line.trim() == mark => {
                fence = None;
                None
            }
            (Some(_), _) => None,
            (None, Some(mark)) => {
                fence = Some(mark);
                None
            }
            (None, None) => first_marker(line),
        };
        let Some((offset, marker)) = marker else {
            // Prose may speak of a mark; a whole call within a line is meant as one. The first is looked at: it may be long.
            if fence.is_none()
                && !looked_aside
                && let Some((offset, marker)) = aside(line)
            {
                looked_aside = true;
                if taken(&text[at + offset..], marker, tools).is_ok() {
                    found.refused = Some(ASIDE.to_owned());
                    found.text.push_str(&text[at..]);
                    break;
                }
            }
            found.text.push_str(line);
            at = line_end;
            continue;
        };
        found.text.push_str(&line[..offset]);
        let rest = &text[at + offset..];
        if marker == Marker::Thought {
            let end = rest
                .find(thinking::CLOSE)
                .map(|n| n + thinking::CLOSE.len());
            let thought = &rest[..end.unwrap_or(rest.len())];
            found.text.push_str(thought);
            at += offset + thought.len();
            if at > line_end {
                line_end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
            }
            continue;
        }
        match taken(rest, marker, tools) {
            Ok((calls, length)) if found.calls.len() + calls.len() <= CALLS_MAX => {
                if !calls.is_empty() {
                    found.first.get_or_insert(at + offset);
                }
                found.calls.extend(calls);
                at += offset + length;
                // A call that ran over its line leaves the rest of another line, which starts none.
                if at > line_end {
                    line_end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
                }
            }
            unfit => {
                found.refused = match unfit {
                    Ok(_) => Some(format!("more than {CALLS_MAX} calls in one answer")),
                    Err(Wrong::Call(why)) => Some(why),
                    Err(Wrong::Other) => None,
                };
                found.text.push_str(rest);
                break;
            }
        }
    }
    if found.calls.is_empty() && found.refused.is_none() {
        // Prose stays as it came, to the last line end.
        found.text = text.to_owned();
    } else {
        found.text = found.text.trim().to_owned();
    }
    found
}

/// The backticks or tildes that open or close a code fence on this line.
fn fence_mark(line: &str) -> Option<&str> {
    let text = line.trim_start();
    if line.len() - text.len() > 3 {
        return None;
    }
    let sign = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = text
        .bytes()
        .take_while(|byte| char::from(*byte) == sign)
        .count();
    // Backticks that end on their own line are inline code.
    let inline = sign == '`' && text[length..].contains('`');
    (length >= 3 && !inline).then(|| &text[..length])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Hermes,
    Function,
    Kimi,
    /// The opening of a reasoning in the middle of an answer.
    Thought,
    /// What surrounds calls and says nothing.
    Noise(usize),
}

pub(crate) const HERMES: &str = "<tool_call>";
pub(crate) const HERMES_END: &str = "</tool_call>";
pub(crate) const FUNCTION: &str = "<function=";
pub(crate) const FUNCTION_END: &str = "</function>";
pub(crate) const PARAMETER: &str = "<parameter=";
pub(crate) const PARAMETER_END: &str = "</parameter>";
pub(crate) const KIMI: &str = "<|tool_call_begin|>";
const KIMI_ARGUMENTS: &str = "<|tool_call_argument_begin|>";
pub(crate) const KIMI_END: &str = "<|tool_call_end|>";
/// Kimi's template writes it right behind the text of an answer, and the calls right behind it.
const KIMI_SECTION: &str = "<|tool_calls_section_begin|>";
const KIMI_SECTION_END: &str = "<|tool_calls_section_end|>";
const NOISE: [&str; 3] = [KIMI_SECTION, KIMI_SECTION_END, HERMES_END];

/// What opens the value of a parameter that holds the tags themselves: it ends at this word on a line of its own.
pub(crate) const UNTIL: &str = " until=";

/// How the refusal of a value without its end ends.
pub(crate) const CUT: &str = "it was cut";

/// The mark that a line begins with, or the one in it that opens a reasoning or a section of calls.
fn first_marker(line: &str) -> Option<(usize, Marker)> {
    let start = line.len() - line.trim_start().len();
    let rest = &line[start..];
    let starting = [
        (HERMES, Marker::Hermes),
        (FUNCTION, Marker::Function),
        (KIMI, Marker::Kimi),
        (thinking::OPEN, Marker::Thought),
    ];
    if let Some((_, marker)) = starting
        .into_iter()
        .find(|(mark, _)| rest.starts_with(mark))
    {
        return Some((start, marker));
    }
    if let Some(noise) = NOISE.iter().find(|noise| rest.starts_with(**noise)) {
        return Some((start, Marker::Noise(noise.len())));
    }
    let within = [
        (KIMI_SECTION, Marker::Noise(KIMI_SECTION.len())),
        (thinking::OPEN, Marker::Thought),
    ];
    outside_code(line).find_map(|at| {
        let found = within
            .into_iter()
            .find(|(mark, _)| line[at..].starts_with(mark))?;
        Some((at, found.1))
    })
}

/// The first mark of a call within a line.
fn aside(line: &str) -> Option<(usize, Marker)> {
    outside_code(line).find_map(|at| {
        let marks = [(HERMES, Marker::Hermes), (KIMI, Marker::Kimi)];
        let found = marks
            .into_iter()
            .find(|(mark, _)| line[at..].starts_with(mark))?;
        Some((at, found.1))
    })
}

/// Where `<` stands in a line outside of inline code.
fn outside_code(line: &str) -> impl Iterator<Item = usize> {
    let mut inline_code = false;
    line.char_indices().filter_map(move |(at, sign)| {
        inline_code ^= sign == '`';
        (sign == '<' && !inline_code).then_some(at)
    })
}

/// The calls that start at this marker, and how many bytes they take.
fn taken(text: &str, marker: Marker, tools: &[ToolSpec]) -> Taken {
    match marker {
        Marker::Hermes => hermes(text, tools),
        Marker::Function => {
            let (call, rest) = function(text, tools)?;
            Ok((vec![call], text.len() - rest.len()))
        }
        Marker::Kimi => kimi(text, tools),
        Marker::Noise(length) => Ok((Vec::new(), length)),
        Marker::Thought => Ok((Vec::new(), thinking::OPEN.len())),
    }
}

/// What follows a tag that must be there.
fn after<'a>(text: &'a str, tag: &str) -> Result<&'a str, Wrong> {
    text.strip_prefix(tag)
        .ok_or_else(|| Wrong::call(format!("`{tag}` is missing or cut")))
}

/// A name and what follows the sign that ends it. A name is short and stands on one line.
fn name<'a>(text: &'a str, end: &str) -> Result<(&'a str, &'a str), Wrong> {
    const NAME_BYTES_MAX: usize = 200;
    text.split_once(end)
        .filter(|(name, _)| name.len() <= NAME_BYTES_MAX && !name.trim().contains('\n'))
        .ok_or_else(|| Wrong::call(format!("`{end}` after a name is missing")))
}

fn hermes(text: &str, tools: &[ToolSpec]) -> Taken {
    let inner = after(text, HERMES)?.trim_start();
    let (calls, rest) = if inner.starts_with(FUNCTION) {
        let (call, rest) = function(inner, tools)?;
        (vec![call], rest)
    } else {
        let end = json::end(inner).ok_or_else(|| {
            Wrong::call("behind `<tool_call>` stands no JSON object, or it has no end")
        })?;
        (
            json::calls(&inner[..end], tools, Form::Marked)?,
            &inner[end..],
        )
    };
    // The end tag is sometimes the stop word, and then it is missing at the end of the message; or the next call follows.
    let next = rest.trim_start();
    let rest = match next.strip_prefix(HERMES_END) {
        Some(after) => after,
        None if next.is_empty() => "",
        None if next.starts_with(HERMES) => rest,
        None => return Err(Wrong::call("`</tool_call>` does not follow the call")),
    };
    Ok((calls, text.len() - rest.len()))
}

fn function<'a>(text: &'a str, tools: &[ToolSpec]) -> Result<(Written, &'a str), Wrong> {
    let whole = text;
    let (tool, mut rest) = name(after(text, FUNCTION)?, ">")?;
    let tool = known(tool, tools)?;
    let mut arguments = Map::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(FUNCTION_END) {
            let source = whole[..whole.len() - rest.len()].trim().into();
            return Ok((written(tool, arguments, &source)?, after));
        }
        let (key, body) = name(after(rest, PARAMETER)?, ">")?;
        let (key, until) = match key.split_once(UNTIL) {
            Some((key, word)) => (key.trim(), Some(word.trim())),
            None => (key.trim(), None),
        };
        let (value, next) = match until {
            Some(word) => body_until(body, word),
            None => body_plain(body),
        }
        .ok_or_else(|| Wrong::call(format!("the value of `{key}` has no end, {CUT}")))?;
        if until.is_none() && holds_call(value) {
            return Err(Wrong::call(format!(
                "the value of `{key}` holds a call itself, so its end is in doubt: open it with \
                 `{PARAMETER}{key}{UNTIL}WORD>` and put WORD on a line of its own before `{PARAMETER_END}`"
            )));
        }
        let value = Value::String(value.to_owned());
        if arguments.insert(key.to_owned(), value).is_some() {
            return Err(Wrong::call(format!("the argument `{key}` stands twice")));
        }
        rest = next;
    }
}

/// A value and what follows its end tag, which is the one before another parameter or the end of the call; one inside a
/// written file is not.
fn body_plain(text: &str) -> Option<(&str, &str)> {
    let (end, next) = text.match_indices(PARAMETER_END).find_map(|(at, _)| {
        let next = &text[at + PARAMETER_END.len()..];
        let tag = next.trim_start();
        (tag.starts_with(PARAMETER) || tag.starts_with(FUNCTION_END)).then_some((at, next))
    })?;
    Some((stripped(&text[..end]), next))
}

/// Whether a line of a value starts a call: then the end that was found may be the inner one's.
fn holds_call(value: &str) -> bool {
    value
        .lines()
        .any(|line| line.trim_start().starts_with(FUNCTION))
}

/// A value that ends at a word on a line of its own.
fn body_until<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    if word.is_empty() {
        return None;
    }
    let text = text.strip_prefix('\n').unwrap_or(text);
    let end = format!("{word}\n{PARAMETER_END}");
    let (at, _) = text
        .match_indices(&end)
        .find(|(at, _)| *at == 0 || text[..*at].ends_with('\n'))?;
    let value = text[..at].strip_suffix('\n').unwrap_or(&text[..at]);
    Some((value, &text[at + end.len()..]))
}

/// The line ends that belong to the tags.
fn stripped(value: &str) -> &str {
    let value = value.strip_prefix('\n').unwrap_or(value);
    value.strip_suffix('\n').unwrap_or(value)
}

fn kimi(text: &str, tools: &[ToolSpec]) -> Taken {
    let (tool, rest) = name(after(text, KIMI)?, KIMI_ARGUMENTS)?;
    let tool = known(tool, tools)?;
    let rest = rest.trim_start();
    let end = json::end(rest).ok_or_else(|| Wrong::call("the arguments have no end"))?;
    let arguments = json::object_of(Value::String(rest[..end].to_owned()))
        .ok_or_else(|| Wrong::call("the arguments are no JSON object"))?;
    let next = rest[end..].trim_start();
    let source = text[..text.len() - next.len()].trim().into();
    let rest = match next.strip_prefix(KIMI_END) {
        Some(after) => after,
        // Its end is the stop word of some servers.
        None if next.is_empty() || next.starts_with(KIMI_SECTION_END) => next,
        None => {
            return Err(Wrong::call(format!(
                "`{KIMI_END}` does not follow the call"
            )));
        }
    };
    Ok((
        vec![written(tool, arguments, &source)?],
        text.len() - rest.len(),
    ))
}
