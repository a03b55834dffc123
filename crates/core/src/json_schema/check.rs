//! The check of one value. The schema was read, so each keyword has its form.

use serde_json::{Map, Value};

use super::{DEPTH_MAX, WRONG_MAX, escaped, referred};

/// Characters of a value that a message shows.
const SHOWN_CHARS_MAX: usize = 60;

pub(super) fn wrong(root: &Value, value: &Value) -> Vec<String> {
    let mut found = Found {
        root,
        wrong: Vec::new(),
    };
    found.value(root, value, "", 0);
    found.wrong
}

struct Found<'a> {
    root: &'a Value,
    wrong: Vec<String>,
}

impl Found<'_> {
    fn say(&mut self, at: &str, problem: impl AsRef<str>) {
        if self.wrong.len() < WRONG_MAX {
            let place = if at.is_empty() { "the whole" } else { at };
            self.wrong.push(format!("{place} {}", problem.as_ref()));
        }
    }

    /// Whether a value fits a part of the schema, with nothing said.
    fn fits(&self, schema: &Value, value: &Value, depth: usize) -> bool {
        let mut inner = Found {
            root: self.root,
            wrong: Vec::new(),
        };
        inner.value(schema, value, "", depth);
        inner.wrong.is_empty()
    }

    fn value(&mut self, schema: &Value, value: &Value, at: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return self.say(at, "is nested deeper than its schema can be followed");
        }
        if self.wrong.len() >= WRONG_MAX {
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
            && !all.iter().any(|one| same(one, value))
        {
            let all: Vec<String> = all.iter().map(shown).collect();
            self.say(
                at,
                format!("must be one of {}, not {}", all.join(", "), shown(value)),
            );
        }
        if let Some(one) = keys.get("const")
            && !same(one, value)
        {
            self.say(at, format!("must be {}, not {}", shown(one), shown(value)));
        }
        self.combined(keys, value, at, depth);
        match value {
            Value::Object(fields) => self.object(keys, fields, at, depth),
            Value::Array(items) => self.array(keys, items, at, depth),
            Value::String(text) => {
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
                    format!("cannot be held to `{target}`, which is not there"),
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
            let count = all
                .iter()
                .filter(|schema| self.fits(schema, value, next))
                .count();
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
            if !fields.contains_key(name) {
                self.say(at, format!("lacks `{name}`"));
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
            let inside = format!("{at}/{}", escaped(name));
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
            if let Some(schema) = first.get(n).or(keys.get("items")) {
                self.value(schema, item, &format!("{at}/{n}"), depth + 1);
            }
        }
        if let Some(schema) = keys.get("contains")
            && !items.iter().any(|item| self.fits(schema, item, depth + 1))
        {
            self.say(at, "holds no item of the form that one must have");
        }
        let unique = keys.get("uniqueItems") == Some(&Value::Bool(true));
        let twice = |n: usize| items[..n].iter().any(|before| same(before, &items[n]));
        if unique && let Some(n) = (1..items.len()).find(|n| twice(*n)) {
            self.say(at, format!("holds {} twice", shown(&items[n])));
        }
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

/// Equal as JSON Schema has it: 1 and 1.0 are one number, and the order of fields does not count.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compared(a, b) == Some(std::cmp::Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let found = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(found)
        }
        (a, b) => a == b,
    }
}

fn whole(number: &serde_json::Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

fn compared(a: &serde_json::Number, b: &serde_json::Number) -> Option<std::cmp::Ordering> {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (_, _) => a.as_f64()?.partial_cmp(&b.as_f64()?),
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

fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

/// Values come from files that agents write, and the message goes on a screen.
fn cut(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = plain.take(SHOWN_CHARS_MAX).collect();
    if text.chars().count() > SHOWN_CHARS_MAX {
        cut.push_str("...");
    }
    cut
}
