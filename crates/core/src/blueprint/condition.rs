//! `if:` of a step: a small language over inputs, earlier steps and `attempt`. It has no calls, no loops and no errors once
//! it was read: every condition that a blueprint holds has an answer.
//!
//! What a step has not produced (it was skipped, or is red) equals nothing and is not true.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::OutputKind;
use super::progress::{Status, StepResult, chosen};

/// Bytes of one condition; what is longer is a program and belongs into a command.
const BYTES_MAX: usize = 1_024;
/// Nesting of brackets and `!`; a reader of a condition loses the thread long before.
const DEPTH_MAX: u32 = 16;

/// A condition whose names and kinds were checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// As it was written, for people.
    pub text: String,
    root: Node,
}

/// What a condition may look at.
pub struct Facts<'a> {
    pub inputs: &'a BTreeMap<String, String>,
    pub results: &'a BTreeMap<String, StepResult>,
    /// How often the step has been reached in this run, from 1.
    pub attempt: u32,
}

/// Names that a condition may use.
pub(super) struct Known<'a> {
    pub(super) inputs: &'a BTreeMap<String, String>,
    /// Steps that stand before it, with what they hand over.
    pub(super) steps: &'a BTreeMap<&'a str, Vec<(&'a str, OutputKind)>>,
    /// The answers that the steps among them offer which ask a person.
    pub(super) options: &'a BTreeMap<&'a str, &'a [String]>,
}

/// What is wrong, and the byte of the condition where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) problem: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Node {
    /// Byte of the text where it begins.
    at: usize,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Text(String),
    Number(i64),
    Truth(bool),
    Attempt,
    Input(String),
    Status(String),
    Output { step: String, name: String },
    Not(Box<Node>),
    Both(Box<Node>, Box<Node>),
    Either(Box<Node>, Box<Node>),
    Same(Box<Node>, Box<Node>),
    Differ(Box<Node>, Box<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Truth,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::Truth => "true or false",
        }
    }
}

impl Condition {
    /// Reads a condition; its names are not looked at yet. `${{ }}` around the whole of it is understood.
    pub(super) fn read(text: &str) -> Result<Condition, Wrong> {
        if text.len() > BYTES_MAX {
            let problem = format!(
                "this condition is {} bytes; at most {BYTES_MAX} are read",
                text.len()
            );
            return Err(Wrong { at: 0, problem });
        }
        let mut reader = Reader {
            tokens: tokens(text)?,
            next: 0,
            end: text.trim_end().len(),
        };
        let root = reader.either(0)?;
        match reader.peek() {
            None => Ok(Condition {
                text: text.trim().to_owned(),
                root,
            }),
            Some((at, token)) => Err(Wrong {
                at,
                problem: format!("{token} cannot stand here; join conditions by `&&` or `||`"),
            }),
        }
    }

    /// The condition with every name and kind checked, and each answer spelled as its option is.
    pub(super) fn checked(mut self, known: &Known<'_>) -> Result<Condition, Wrong> {
        match self.root.kind(known)? {
            Kind::Truth => {
                self.root.spell(known);
                Ok(self)
            }
            kind @ (Kind::Text | Kind::Number) => Err(Wrong {
                at: self.root.at,
                problem: format!(
                    "a condition is true or false, and this is {}; compare it by `==` or `!=`",
                    kind.as_str()
                ),
            }),
        }
    }

    /// Whether it could hold in some run with these inputs: true for whatever only a run can tell.
    pub fn could_hold(&self, inputs: &BTreeMap<String, String>) -> bool {
        self.root.before(inputs) != Some(Value::Bool(false))
    }

    /// Whether it holds.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        self.root.value(facts) == Value::Bool(true)
    }
}

impl Node {
    fn kind(&self, known: &Known<'_>) -> Result<Kind, Wrong> {
        match &self.what {
            What::Text(_) => Ok(Kind::Text),
            What::Number(_) | What::Attempt => Ok(Kind::Number),
            What::Truth(_) => Ok(Kind::Truth),
            What::Input(name) => match known.inputs.contains_key(name) {
                true => Ok(Kind::Text),
                false => {
                    let names = known.inputs.keys().map(|k| format!("inputs.{k}"));
                    Err(self.unknown(&format!("inputs.{name}"), names.collect()))
                }
            },
            What::Status(step) => known.step(step).map(|_| Kind::Text).ok_or_else(|| {
                let names = known.steps.keys().map(|k| format!("steps.{k}.status"));
                self.unknown(&format!("steps.{step}.status"), names.collect())
            }),
            What::Output { step, name } => self.output(known, step, name),
            What::Not(inner) => inner.truth(known),
            What::Both(a, b) | What::Either(a, b) => {
                a.truth(known)?;
                b.truth(known)
            }
            What::Same(a, b) | What::Differ(a, b) => compared(a, b, known),
        }
    }

    /// A person's answer is kept as its option is spelled, and what it is compared with must be so too.
    fn spell(&mut self, known: &Known<'_>) {
        match &mut self.what {
            What::Not(inner) => inner.spell(known),
            What::Both(a, b) | What::Either(a, b) => {
                a.spell(known);
                b.spell(known);
            }
            What::Same(a, b) | What::Differ(a, b) => {
                spell(a, b, known);
                spell(b, a, known);
            }
            What::Text(_)
            | What::Number(_)
            | What::Truth(_)
            | What::Attempt
            | What::Input(_)
            | What::Status(_)
            | What::Output { .. } => {}
        }
    }

    fn truth(&self, known: &Known<'_>) -> Result<Kind, Wrong> {
        match self.kind(known)? {
            Kind::Truth => Ok(Kind::Truth),
            kind @ (Kind::Text | Kind::Number) => Err(Wrong {
                at: self.at,
                problem: format!("true or false must stand here, not {}", kind.as_str()),
            }),
        }
    }

    fn output(&self, known: &Known<'_>, step: &str, name: &str) -> Result<Kind, Wrong> {
        let said = format!("steps.{step}.outputs.{name}");
        let all = || {
            let of = |(id, outputs): (&&str, &Vec<(&str, OutputKind)>)| {
                let name = |o: &(&str, OutputKind)| format!("steps.{id}.outputs.{}", o.0);
                outputs.iter().map(name).collect::<Vec<_>>()
            };
            known.steps.iter().flat_map(of).collect()
        };
        let outputs = known.step(step).ok_or_else(|| self.unknown(&said, all()))?;
        let found = outputs.iter().find(|(known, _)| *known == name);
        match found.map(|(_, kind)| *kind) {
            Some(OutputKind::String) => Ok(Kind::Text),
            Some(OutputKind::Integer) => Ok(Kind::Number),
            Some(OutputKind::Boolean) => Ok(Kind::Truth),
            Some(kind @ (OutputKind::List | OutputKind::Shaped)) => {
                let what = if kind == OutputKind::List {
                    "a list"
                } else {
                    "JSON"
                };
                Err(Wrong {
                    at: self.at,
                    problem: format!("`{said}` is {what}, and a condition compares single values"),
                })
            }
            None => Err(self.unknown(&said, all())),
        }
    }

    fn unknown(&self, said: &str, known: Vec<String>) -> Wrong {
        let hint = super::yaml::hint(said, known.iter().map(String::as_str));
        Wrong {
            at: self.at,
            problem: format!("`{said}` is not known here (steps must stand before); {hint}"),
        }
    }

    /// Its value where inputs alone decide it; none where a run does.
    fn before(&self, inputs: &BTreeMap<String, String>) -> Option<Value> {
        let no_run = Facts {
            inputs,
            results: &BTreeMap::new(),
            attempt: 0,
        };
        match &self.what {
            What::Text(_) | What::Number(_) | What::Truth(_) | What::Input(_) => {
                Some(self.value(&no_run))
            }
            What::Attempt | What::Status(_) | What::Output { .. } => None,
            What::Not(inner) => Some((inner.before(inputs)? != Value::Bool(true)).into()),
            What::Both(a, b) => decided(a.before(inputs), b.before(inputs), false),
            What::Either(a, b) => decided(a.before(inputs), b.before(inputs), true),
            What::Same(a, b) => Some(same(&a.before(inputs)?, &b.before(inputs)?).into()),
            What::Differ(a, b) => Some((!same(&a.before(inputs)?, &b.before(inputs)?)).into()),
        }
    }

    fn value(&self, facts: &Facts<'_>) -> Value {
        let truth = |node: &Node| node.value(facts) == Value::Bool(true);
        match &self.what {
            What::Text(text) => text.as_str().into(),
            What::Number(number) => (*number).into(),
            What::Truth(truth) => (*truth).into(),
            What::Attempt => i64::from(facts.attempt).into(),
            What::Input(name) => facts
                .inputs
                .get(name)
                .map_or(Value::Null, |v| v.as_str().into()),
            What::Status(step) => match facts.results.get(step) {
                Some(result) => result.status.as_str().into(),
                None => Status::Skipped.as_str().into(),
            },
            What::Output { step, name } => {
                let result = facts.results.get(step);
                let value = result.and_then(|result| result.outputs.get(name));
                value.cloned().unwrap_or(Value::Null)
            }
            What::Not(inner) => (!truth(inner)).into(),
            What::Both(a, b) => (truth(a) && truth(b)).into(),
            What::Either(a, b) => (truth(a) || truth(b)).into(),
            What::Same(a, b) => same(&a.value(facts), &b.value(facts)).into(),
            What::Differ(a, b) => (!same(&a.value(facts), &b.value(facts))).into(),
        }
    }
}

impl<'a> Known<'a> {
    fn step(&self, id: &str) -> Option<&Vec<(&'a str, OutputKind)>> {
        self.steps.get(id)
    }
}

/// Two conditions joined: one side that is `strong` decides for both, else both must be known.
fn decided(a: Option<Value>, b: Option<Value>, strong: bool) -> Option<Value> {
    let is_strong = |side: &Option<Value>| *side == Some(Value::Bool(strong));
    match is_strong(&a) || is_strong(&b) {
        true => Some(strong.into()),
        false => a.and(b).map(|_| (!strong).into()),
    }
}

/// Both sides have one kind; a status and an answer are compared with a word that they can be.
fn compared(a: &Node, b: &Node, known: &Known<'_>) -> Result<Kind, Wrong> {
    let (left, right) = (a.kind(known)?, b.kind(known)?);
    if left != right {
        let problem = format!(
            "{} is compared with {}; both sides must be of one kind",
            left.as_str(),
            right.as_str()
        );
        return Err(Wrong { at: b.at, problem });
    }
    for (status, word) in [(a, b), (b, a)] {
        if let (What::Status(_), What::Text(text)) = (&status.what, &word.what)
            && Status::parse(text).is_none()
        {
            let hint = super::yaml::hint(text, Status::ALL.iter().map(|s| s.as_str()));
            return Err(Wrong {
                at: word.at,
                problem: format!("no step is ever `{text}`; {hint}"),
            });
        }
    }
    for (answer, word) in [(a, b), (b, a)] {
        if let (What::Output { step, .. }, What::Text(text)) = (&answer.what, &word.what)
            && let Some(options) = known.options.get(step.as_str())
            && chosen(options, text).is_none()
        {
            let hint = super::yaml::hint(text, options.iter().map(String::as_str));
            return Err(Wrong {
                at: word.at,
                problem: format!("`{step}` is never answered by `{text}`; {hint}"),
            });
        }
    }
    Ok(Kind::Truth)
}

fn spell(answer: &Node, word: &mut Node, known: &Known<'_>) {
    if let (What::Output { step, .. }, What::Text(text)) = (&answer.what, &mut word.what)
        && let Some(options) = known.options.get(step.as_str())
        && let Some(option) = chosen(options, text)
    {
        *text = option.to_owned();
    }
}

/// What there is not equals nothing, not even itself.
fn same(a: &Value, b: &Value) -> bool {
    !a.is_null() && a == b
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Text(String),
    Number(i64),
    /// Letters, digits, `.`, `-` and `_`.
    Name(String),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Text(text) => write!(f, "'{text}'"),
            Token::Number(number) => write!(f, "`{number}`"),
            Token::Name(name) => write!(f, "`{name}`"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
        }
    }
}

/// Longer signs first: `!=` is not `!`.
const SIGNS: [&str; 7] = ["==", "!=", "&&", "||", "!", "(", ")"];

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Wrong> {
    let (mut at, end) = inside(text);
    let mut tokens = Vec::new();
    while at < end {
        let rest = &text[at..end];
        let Some(first) = rest.chars().next() else {
            break;
        };
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, bytes) = if let Some(sign) = SIGNS.into_iter().find(|s| rest.starts_with(s)) {
            (Token::Sign(sign), sign.len())
        } else if first == '\'' {
            quoted(rest).ok_or_else(|| Wrong {
                at,
                problem: "this text is never closed; write 'text', and '' for one quote".into(),
            })?
        } else if first.is_ascii_digit() || first == '-' {
            let word = word(rest);
            let number = word.parse().map_err(|_| Wrong {
                at,
                problem: format!("`{word}` is no whole number"),
            })?;
            (Token::Number(number), word.len())
        } else if first.is_ascii_alphabetic() {
            let word = word(rest);
            (Token::Name(word.to_owned()), word.len())
        } else {
            let hint = match first {
                '"' => "text stands in single quotes",
                '=' => "compare by `==`",
                _ => "known are `==`, `!=`, `&&`, `||`, `!`, brackets, names, numbers and 'text'",
            };
            return Err(Wrong {
                at,
                problem: format!("`{first}` cannot stand here; {hint}"),
            });
        };
        tokens.push((at, token));
        at += bytes;
    }
    Ok(tokens)
}

/// The bytes that hold the condition: without `${{ }}` around it, which habit adds.
fn inside(text: &str) -> (usize, usize) {
    let trimmed = text.trim();
    let lead = text.len() - text.trim_start().len();
    let body = trimmed
        .strip_prefix("${{")
        .and_then(|rest| rest.strip_suffix("}}"));
    match body {
        Some(body) => (lead + 3, lead + 3 + body.len()),
        None => (lead, lead + trimmed.len()),
    }
}

fn quoted(rest: &str) -> Option<(Token, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            text.push('\'');
        } else {
            return Some((Token::Text(text), at + 1));
        }
    }
    None
}

fn word(rest: &str) -> &str {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    &rest[..rest.find(ends).unwrap_or(rest.len())]
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
}

impl Reader {
    fn peek(&self) -> Option<(usize, &Token)> {
        self.tokens.get(self.next).map(|(at, token)| (*at, token))
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some((_, Token::Sign(s))) if *s == sign);
        self.next += usize::from(found);
        found
    }

    fn either(&mut self, depth: u32) -> Result<Node, Wrong> {
        let mut left = self.both(depth)?;
        while self.takes("||") {
            let right = self.both(depth)?;
            let at = left.at;
            let what = What::Either(Box::new(left), Box::new(right));
            left = Node { at, what };
        }
        Ok(left)
    }

    fn both(&mut self, depth: u32) -> Result<Node, Wrong> {
        let mut left = self.comparison(depth)?;
        while self.takes("&&") {
            let right = self.comparison(depth)?;
            let at = left.at;
            let what = What::Both(Box::new(left), Box::new(right));
            left = Node { at, what };
        }
        Ok(left)
    }

    fn comparison(&mut self, depth: u32) -> Result<Node, Wrong> {
        let left = self.single(depth)?;
        let at = left.at;
        let what = if self.takes("==") {
            What::Same(Box::new(left), Box::new(self.single(depth)?))
        } else if self.takes("!=") {
            What::Differ(Box::new(left), Box::new(self.single(depth)?))
        } else {
            return Ok(left);
        };
        Ok(Node { at, what })
    }

    fn single(&mut self, depth: u32) -> Result<Node, Wrong> {
        let Some((at, token)) = self.tokens.get(self.next).cloned() else {
            return Err(Wrong {
                at: self.end,
                problem: "the condition ends too early; a name, a number or a 'text' is missing"
                    .into(),
            });
        };
        if depth > DEPTH_MAX {
            let problem = format!("brackets and `!` go at most {DEPTH_MAX} deep");
            return Err(Wrong { at, problem });
        }
        self.next += 1;
        let what = match token {
            Token::Text(text) => What::Text(text),
            Token::Number(number) => What::Number(number),
            Token::Name(name) => named(&name, at)?,
            Token::Sign("!") => What::Not(Box::new(self.single(depth + 1)?)),
            Token::Sign("(") => {
                let inner = self.either(depth + 1)?;
                if !self.takes(")") {
                    let problem = "this bracket is never closed".into();
                    return Err(Wrong { at, problem });
                }
                return Ok(inner);
            }
            Token::Sign(sign) => {
                let problem = format!("`{sign}` cannot stand here; a value is missing before it");
                return Err(Wrong { at, problem });
            }
        };
        Ok(Node { at, what })
    }
}

fn named(name: &str, at: usize) -> Result<What, Wrong> {
    let parts: Vec<&str> = name.split('.').collect();
    Ok(match parts.as_slice() {
        ["true"] => What::Truth(true),
        ["false"] => What::Truth(false),
        ["attempt"] => What::Attempt,
        ["inputs", name] => What::Input((*name).to_owned()),
        ["steps", step, "status"] => What::Status((*step).to_owned()),
        ["steps", step, "outputs", name] => What::Output {
            step: (*step).to_owned(),
            name: (*name).to_owned(),
        },
        _ => {
            let forms = [
                "attempt",
                "true",
                "false",
                "inputs.NAME",
                "steps.ID.status",
                "steps.ID.outputs.NAME",
            ];
            let hint = super::yaml::hint(name, forms.into_iter());
            return Err(Wrong {
                at,
                problem: format!("`{name}` is no name of a condition; {hint}"),
            });
        }
    })
}

#[cfg(test)]
mod tests;
