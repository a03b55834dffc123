//! As much XML as a report in JUnit's form needs: the cases, with their names and what became of them.

/// What stands within a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Plain,
    Skipped,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) class: String,
    pub(super) name: String,
    /// Empty where the writer does not say it.
    pub(super) file: String,
    pub(super) outcome: Outcome,
}

/// # Errors
/// In words, when the text ends within the document.
pub(super) fn cases(text: &str) -> Result<Vec<Case>, String> {
    let mut found: Vec<Case> = Vec::new();
    let mut open = false;
    let mut rest = text;
    let mut closed = false;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if let Some(skipped) = rest.strip_prefix("<![CDATA[") {
            rest = after(skipped, "]]>")?;
            continue;
        }
        if let Some(skipped) = rest.strip_prefix("<!--") {
            rest = after(skipped, "-->")?;
            continue;
        }
        let end = tag_end(rest).ok_or("a tag has no end")?;
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').next();
        match name.unwrap_or_default() {
            "testcase" => {
                found.push(Case {
                    class: attribute(tag, "classname"),
                    name: attribute(tag, "name"),
                    file: attribute(tag, "file"),
                    outcome: Outcome::Plain,
                });
                open = !tag.ends_with('/');
            }
            "failure" | "error" if open => set(&mut found, Outcome::Failed),
            "skipped" if open => set(&mut found, Outcome::Skipped),
            _ => {
                open &= !tag.starts_with("/testcase");
                closed |= tag.starts_with("/testsuite")
                    || tag.starts_with("testsuite") && tag.ends_with('/');
            }
        }
    }
    match closed && !open {
        true => Ok(found),
        false => Err("it has no end".into()),
    }
}

fn set(found: &mut [Case], outcome: Outcome) {
    if let Some(case) = found
        .last_mut()
        .filter(|case| case.outcome != Outcome::Failed)
    {
        case.outcome = outcome;
    }
}

fn after<'a>(text: &'a str, end: &str) -> Result<&'a str, String> {
    let at = text.find(end).ok_or_else(|| format!("no `{end}`"))?;
    Ok(&text[at + end.len()..])
}

/// Where the tag ends that the text begins with; a `>` within quotes ends none.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (Some(_) | None, _) => {}
        }
    }
    None
}

fn attribute(tag: &str, wanted: &str) -> String {
    let mut rest = tag;
    while let Some(at) = rest.find('=') {
        let name = rest[..at]
            .rsplit(char::is_whitespace)
            .next()
            .unwrap_or_default();
        let value = rest[at + 1..].trim_start();
        let Some(quote) = value.chars().next().filter(|c| "\"'".contains(*c)) else {
            return String::new();
        };
        let Some(end) = value[1..].find(quote) else {
            return String::new();
        };
        if name == wanted {
            return unescaped(&value[1..=end]);
        }
        rest = &value[end + 2..];
    }
    String::new()
}

fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find(';') else { break };
        let entity = &rest[1..end];
        let number = entity
            .strip_prefix("#x")
            .map(|hex| u32::from_str_radix(hex, 16));
        let number = number.or_else(|| entity.strip_prefix('#').map(str::parse));
        let one = match (entity, number) {
            ("lt", _) => Some('<'),
            ("gt", _) => Some('>'),
            ("amp", _) => Some('&'),
            ("quot", _) => Some('"'),
            ("apos", _) => Some('\''),
            (_, Some(Ok(number))) => char::from_u32(number),
            _ => None,
        };
        match one {
            Some(one) => text.push(one),
            None => text.push_str(&rest[..=end]),
        }
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    text
}
