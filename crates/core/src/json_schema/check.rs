//! The check of one value. The schema was read, so each keyword has its form.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::{Map, Value};

use super::same::{canonical, compared, same, whole};
use super::{DEPTH_MAX, WRONG_MAX, escaped, referred};

/// Characters of a value that a message shows.
const SHOWN_CHARS_MAX: usize = 60;

/// Steps of one check: a form that a value is held to, a value that it is compared with. References inside of alternatives
/// multiply, and schema and value both come from strangers; an honest value of a mebibyte takes half of this.
const STEPS_MAX: usize = 1_000_000;
/// Bytes of a text that are read in the time of one step.
const BYTES_OF_A_STEP: usize = 256;
/// Bytes of a text that are written, sorted in and compared in that time.
const SORTED_BYTES_OF_A_STEP: usize = 64;

pub(super) fn wrong(root: &Value, value: &Value) -> Vec<String> {
    let mut found = Found {
        root,
        wrong: Vec::new(),
        most: WRONG_MAX,
        left: STEPS_MAX,
    };
    found.value(root, value, "", 0);
    // Whatever was found until then: under a `not`, what was not followed would be a pass.
    if found.left == 0 {
        return vec!["the whole is too much to check against this schema".to_owned()];
    }
    found.wrong
}

struct Found<'a> {
    root: &'a Value,
    wrong: Vec<String>,
    /// How much of what is wrong is wanted.
    most: usize,
    /// Steps that are left; at 0 nothing is followed any more.
    left: usize,
}

impl Found<'_> {
    fn spend(&mut self, steps: usize) {
        self.left = self.left.saturating_sub(steps);
    }

    /// Whether a value is the one that the schema names.
    fn is_that(&mut self, one: &Value, value: &Value) -> bool {
        self.left > 0 && same(one, value, &mut self.left)
    }

    fn say(&mut self, at: &str, problem: impl AsRef<str>) {
        if self.wrong.len() < self.most {
            let place = if at.is_empty() { "the whole" } else { at };
            self.wrong.push(format!("{place} {}", problem.as_ref()));
        }
    }

    /// Whether a value fits a part of the schema, with nothing said.
    fn fits(&mut self, schema: &Value, value: &Value, depth: usize) -> bool {
        let mut inner = Found {
            root: self.root,
            wrong: Vec::new(),
            most: 1,
            left: self.left,
        };
        inner.value(schema, value, "", depth);
        self.left = inner.left;
        inner.wrong.is_empty()
    }

    fn value(&mut self, schema: &Value, value: &Value, at: &str, depth: usize) {
        self.spend(1);
        if depth > DEPTH_MAX {
            return self.say(at, "is nested deeper than its schema can be followed");
        }
        if self.wrong.len() >= self.most || self.left == 0 {
            return;
        }
        let keys = match schema {
            Value::Object(keys) => keys,
            Value::Bool(false) => return self.say(at, "must not be there"),
            Value::Bool(true)
            | Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => return,
        };
        if let Some(types) = keys.get("type") {
            let fits = match types.as_array() {
                Some(all) => all.iter().any(|one| is(one, value)),
                None => is(types, value),
            };
            if !fits {
                // What else the schema says is of values of that type.
                return self.say(at, format!("must be {}, not {}", said(types), shown(value)));
            }
        }
        if let Some(Value::Array(all)) = keys.get("enum")
            && !all.iter().any(|one| self.is_that(one, value))
        {
            let all: Vec<String> = all.iter().map(shown).collect();
            self.say(
                at,
                format!("must be one of {}, not {}", all.join(", "), shown(value)),
            );
        }
        if let Some(one) = keys.get("const")
            && !self.is_that(one, value)
        {
            self.say(at, format!("must be {}, not {}", shown(one), shown(value)));
        }
        self.combined(keys, value, at, depth);
        match value {
            Value::Object(fields) => self.object(keys, fields, at, depth),
            Value::Array(items) => self.array(keys, items, at, depth),
            Value::String(text) => {
                self.spend(text.len() / BYTES_OF_A_STEP);
                self.count(
                    keys,
                    ("minLength", "maxLength"),
                    text.chars().count(),
                    "characters",
                    at,
                );
            }
            Value::Number(number) => self.number(keys, number, at),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn combined(&mut self, keys: &Map<String, Value>, value: &Value, at: &str, depth: usize) {
        let next = depth + 1;
        if let Some(target) = keys.get("$ref").and_then(Value::as_str) {
            match referred(self.root, target) {
                Some(schema) => self.value(schema, value, at, next),
                None => self.say(
                    at,
                    format!("cannot be held to `{}`, which is not there", cut(target)),
                ),
            }
        }
        if let Some(Value::Array(all)) = keys.get("allOf") {
            for schema in all {
                self.value(schema, value, at, next);
            }
        }
        if let Some(Value::Array(all)) = keys.get("anyOf")
            && !all.iter().any(|schema| self.fits(schema, value, next))
        {
            self.say(
                at,
                format!("fits none of the {} forms that it may have", all.len()),
            );
        }
        if let Some(Value::Array(all)) = keys.get("oneOf") {
            let mut count = 0;
            for schema in all {
                count += usize::from(self.fits(schema, value, next));
            }
            if count != 1 {
                self.say(
                    at,
                    format!("fits {count} of {} forms, and must fit one", all.len()),
                );
            }
        }
        if let Some(schema) = keys.get("not")
            && self.fits(schema, value, next)
        {
            self.say(at, "has a form that it must not have");
        }
    }

    fn object(
        &mut self,
        keys: &Map<String, Value>,
        fields: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) {
        for name in texts(keys.get("required")) {
            self.spend(1);
            if !fields.contains_key(name) {
                self.say(at, format!("lacks `{}`", cut(name)));
            }
        }
        self.count(
            keys,
            ("minProperties", "maxProperties"),
            fields.len(),
            "fields",
            at,
        );
        let known = keys.get("properties").and_then(Value::as_object);
        for (name, value) in fields {
            self.spend(1 + name.len() / BYTES_OF_A_STEP);
            if self.left == 0 {
                return;
            }
            let inside = format!("{at}/{}", escaped(&cut(name)));
            if let Some(names) = keys.get("propertyNames") {
                self.value(names, &Value::from(name.as_str()), &inside, depth + 1);
            }
            match (
                known.and_then(|known| known.get(name)),
                keys.get("additionalProperties"),
            ) {
                (Some(schema), _) => self.value(schema, value, &inside, depth + 1),
                (None, Some(Value::Bool(false))) => {
                    self.say(
                        at,
                        format!("has the field `{}`, which is not known", cut(name)),
                    );
                }
                (None, Some(schema)) => self.value(schema, value, &inside, depth + 1),
                (None, None) => {}
            }
        }
    }

    fn array(&mut self, keys: &Map<String, Value>, items: &[Value], at: &str, depth: usize) {
        self.count(keys, ("minItems", "maxItems"), items.len(), "items", at);
        let first = keys.get("prefixItems").and_then(Value::as_array);
        let first = first.map_or(&[][..], Vec::as_slice);
        for (n, item) in items.iter().enumerate() {
            if self.left == 0 {
                return;
            }
            if let Some(schema) = first.get(n).or(keys.get("items")) {
                self.value(schema, item, &format!("{at}/{n}"), depth + 1);
            }
        }
        if let Some(schema) = keys.get("contains")
            && !items.iter().any(|item| self.fits(schema, item, depth + 1))
        {
            self.say(at, "holds no item of the form that one must have");
        }
        if keys.get("uniqueItems") == Some(&Value::Bool(true)) {
            self.unique(items, at);
        }
    }

    fn unique(&mut self, items: &[Value], at: &str) {
        let mut seen = BTreeSet::new();
        let mut bytes = 0;
        for item in items {
            let text = canonical(item);
            bytes += text.len();
            if !seen.insert(text) {
                self.say(at, format!("holds {} twice", shown(item)));
                break;
            }
        }
        self.spend(seen.len() + bytes / SORTED_BYTES_OF_A_STEP);
    }

    fn count(
        &mut self,
        keys: &Map<String, Value>,
        (least, most): (&str, &str),
        count: usize,
        what: &str,
        at: &str,
    ) {
        let bound = |key| keys.get(key).and_then(Value::as_u64);
        let count = count as u64;
        if let Some(least) = bound(least).filter(|least| count < *least) {
            self.say(
                at,
                format!("has {count} {what}; at least {least} are wanted"),
            );
        }
        if let Some(most) = bound(most).filter(|most| count > *most) {
            self.say(
                at,
                format!("has {count} {what}; at most {most} are allowed"),
            );
        }
    }

    fn number(&mut self, keys: &Map<String, Value>, number: &serde_json::Number, at: &str) {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let bounds: [(&str, &[std::cmp::Ordering], &str); 4] = [
            ("minimum", &[Greater, Equal], "at least"),
            ("maximum", &[Less, Equal], "at most"),
            ("exclusiveMinimum", &[Greater], "more than"),
            ("exclusiveMaximum", &[Less], "less than"),
        ];
        for (key, good, words) in bounds {
            if let Some(Value::Number(bound)) = keys.get(key)
                && !compared(number, bound).is_some_and(|order| good.contains(&order))
            {
                self.say(at, format!("is {number}; it must be {words} {bound}"));
            }
        }
        if let Some(Value::Number(step)) = keys.get("multipleOf")
            && !is_multiple(number, step)
        {
            self.say(at, format!("is {number}, which is no multiple of {step}"));
        }
    }
}

fn texts(names: Option<&Value>) -> impl Iterator<Item = &str> {
    let all = names.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str)
}

fn is(wanted: &Value, value: &Value) -> bool {
    match (wanted.as_str(), value) {
        (Some("null"), Value::Null)
        | (Some("boolean"), Value::Bool(_))
        | (Some("number"), Value::Number(_))
        | (Some("string"), Value::String(_))
        | (Some("array"), Value::Array(_))
        | (Some("object"), Value::Object(_)) => true,
        // 1.0 is a whole number too.
        (Some("integer"), Value::Number(number)) => {
            whole(number).is_some() || number.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        (_, _) => false,
    }
}

fn is_multiple(number: &serde_json::Number, step: &serde_json::Number) -> bool {
    match (whole(number), whole(step)) {
        (Some(number), Some(step)) => step != 0 && number % step == 0,
        (_, _) => {
            let parts = number.as_f64().zip(step.as_f64()).map(|(n, s)| n / s);
            parts.is_some_and(|parts| (parts - parts.round()).abs() < 1e-9)
        }
    }
}

fn said(types: &Value) -> String {
    let one = types.as_str().into_iter();
    let several = types.as_array().into_iter().flatten();
    let all: Vec<&str> = one.chain(several.filter_map(Value::as_str)).collect();
    all.join(" or ")
}

/// The beginning of a value as JSON. The rest of it is not made: a large value that fits none of a thousand forms would be
/// written out a thousand times.
fn shown(value: &Value) -> String {
    let mut start = Start(Vec::new());
    // Its error is that it is full.
    let whole = serde_json::to_writer(&mut start, value).is_ok();
    let text = String::from_utf8_lossy(&start.0);
    let text = text.trim_end_matches('\u{fffd}');
    let mut shown = cut(text);
    if !whole && !shown.ends_with("...") {
        shown.push_str("...");
    }
    shown
}

/// The first bytes of what is written: no character has more than four.
struct Start(Vec<u8>);

impl Write for Start {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = (SHOWN_CHARS_MAX * 4 + 8).saturating_sub(self.0.len());
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Values come from files that agents write, and the message goes on a screen.
fn cut(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = plain.take(SHOWN_CHARS_MAX).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        cut.push_str("...");
    }
    cut
}
