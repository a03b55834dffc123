//! Holds a JSON value to a schema: the part of JSON Schema 2020-12 that describes plain data. A keyword that is not known is
//! refused when the schema is read, because a check that leaves something out looks like one that passed.

mod check;
mod same;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// Bytes of one schema; the largest hand-written ones have a tenth.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// Nesting of a schema, references of it followed while a value is checked included.
pub(crate) const DEPTH_MAX: usize = 32;
/// What is wrong with one value, said at once. Who has to mend more looks at the schema.
pub(crate) const WRONG_MAX: usize = 8;

const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// A schema that can be checked whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonSchema {
    root: Value,
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at `{at}` of the schema: {problem}")]
pub struct Unusable {
    /// JSON pointer (RFC 6901) into the schema; `#` is the whole of it.
    pub at: String,
    pub problem: String,
}

/// What a keyword takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Words for people, which nothing is held to.
    Note,
    Type,
    Any,
    Values,
    Schema,
    /// A list of schemas.
    Schemas,
    /// Names with a schema each.
    Named,
    Names,
    Count,
    Number,
    Truth,
    Reference,
}

/// Every keyword that is understood.
const KEYWORDS: [(&str, Takes); 35] = [
    ("$schema", Takes::Note),
    ("$comment", Takes::Note),
    ("title", Takes::Note),
    ("description", Takes::Note),
    ("default", Takes::Note),
    ("examples", Takes::Note),
    ("deprecated", Takes::Note),
    ("$defs", Takes::Named),
    ("$ref", Takes::Reference),
    ("type", Takes::Type),
    ("enum", Takes::Values),
    ("const", Takes::Any),
    ("allOf", Takes::Schemas),
    ("anyOf", Takes::Schemas),
    ("oneOf", Takes::Schemas),
    ("not", Takes::Schema),
    ("properties", Takes::Named),
    ("required", Takes::Names),
    ("additionalProperties", Takes::Schema),
    ("propertyNames", Takes::Schema),
    ("minProperties", Takes::Count),
    ("maxProperties", Takes::Count),
    ("items", Takes::Schema),
    ("prefixItems", Takes::Schemas),
    ("contains", Takes::Schema),
    ("minItems", Takes::Count),
    ("maxItems", Takes::Count),
    ("uniqueItems", Takes::Truth),
    ("minLength", Takes::Count),
    ("maxLength", Takes::Count),
    ("minimum", Takes::Number),
    ("maximum", Takes::Number),
    ("exclusiveMinimum", Takes::Number),
    ("exclusiveMaximum", Takes::Number),
    ("multipleOf", Takes::Number),
];

impl JsonSchema {
    /// Reads a schema.
    ///
    /// # Errors
    /// The first thing that could not be checked as it is meant: a keyword that is not known, a value of the wrong form, a
    /// reference that leads nowhere or out of the schema.
    pub fn read(root: Value) -> Result<JsonSchema, Unusable> {
        let bytes = root.to_string().len();
        if bytes > SCHEMA_BYTES_MAX {
            let problem = format!("it is {bytes} bytes; at most {SCHEMA_BYTES_MAX} are read");
            return Err(unusable("#", problem));
        }
        usable(&root, &root, "#", 0)?;
        Ok(JsonSchema { root })
    }

    /// All that is wrong with a value, the first eight; nothing where it fits.
    pub fn wrong(&self, value: &Value) -> Vec<String> {
        check::wrong(&self.root, value)
    }

    /// The schema as it was written.
    pub fn as_value(&self) -> &Value {
        &self.root
    }

    /// Whether it refers to parts of itself, which does not work where it stands inside of another schema.
    pub fn refers(&self) -> bool {
        fn any(schema: &Value) -> bool {
            match schema {
                Value::Object(keys) => keys.contains_key("$ref") || keys.values().any(any),
                Value::Array(items) => items.iter().any(any),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
            }
        }
        any(&self.root)
    }

    /// The same without lengths and counts: grammars that local servers make of a schema break on long repetitions, and the
    /// answer is checked against all of it anyway.
    pub fn for_model(&self) -> Value {
        const LEFT_OUT: [&str; 8] = [
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "uniqueItems",
            "multipleOf",
        ];
        fn without(schema: &Value) -> Value {
            let Value::Object(keys) = schema else {
                return schema.clone();
            };
            let kept = keys.iter().filter(|(key, _)| !LEFT_OUT.contains(&&***key));
            let kept = kept.map(|(key, value)| (key.clone(), within(key, value)));
            Value::Object(kept.collect())
        }
        fn within(key: &str, value: &Value) -> Value {
            match (takes(key), value) {
                (Some(Takes::Schema), schema) => without(schema),
                (Some(Takes::Schemas), Value::Array(all)) => all.iter().map(without).collect(),
                (Some(Takes::Named), Value::Object(all)) => {
                    let all = all.iter().map(|(name, s)| (name.clone(), without(s)));
                    Value::Object(all.collect())
                }
                (_, value) => value.clone(),
            }
        }
        without(&self.root)
    }
}

impl Serialize for JsonSchema {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.root.serialize(to)
    }
}

impl<'de> Deserialize<'de> for JsonSchema {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<JsonSchema, D::Error> {
        JsonSchema::read(Value::deserialize(from)?).map_err(de::Error::custom)
    }
}

fn takes(key: &str) -> Option<Takes> {
    let found = KEYWORDS.iter().find(|(name, _)| *name == key);
    found.map(|(_, takes)| *takes)
}

fn unusable(at: &str, problem: impl Into<String>) -> Unusable {
    Unusable {
        at: at.to_owned(),
        problem: problem.into(),
    }
}

/// A name as a part of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn usable(schema: &Value, root: &Value, at: &str, depth: usize) -> Result<(), Unusable> {
    if depth > DEPTH_MAX {
        let problem = format!("it is nested more than {DEPTH_MAX} deep");
        return Err(unusable(at, problem));
    }
    let keys = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(keys) => keys,
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(unusable(at, "a schema is a mapping, `true` or `false`"));
        }
    };
    for (key, value) in keys {
        let at = format!("{at}/{}", escaped(key));
        let Some(takes) = takes(key) else {
            let known = KEYWORDS.iter().map(|(name, _)| *name);
            let hint = match crate::blueprint::yaml::nearest(key, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "a `command` gate can check what this cannot".to_owned(),
            };
            let problem = format!("the keyword `{key}` is not checked here; {hint}");
            return Err(unusable(&at, problem));
        };
        keyword(takes, value, root, &at, depth)?;
    }
    Ok(())
}

fn keyword(
    takes: Takes,
    value: &Value,
    root: &Value,
    at: &str,
    depth: usize,
) -> Result<(), Unusable> {
    let form = |holds: bool, want: &str| match holds {
        true => Ok(()),
        false => Err(unusable(at, format!("it must be {want}"))),
    };
    let is_type = |value: &Value| value.as_str().is_some_and(|word| TYPES.contains(&word));
    match takes {
        Takes::Note | Takes::Any => Ok(()),
        Takes::Type => {
            let several = |all: &Vec<Value>| !all.is_empty() && all.iter().all(is_type);
            let holds = is_type(value) || value.as_array().is_some_and(several);
            form(holds, &format!("one or several of {}", TYPES.join(", ")))
        }
        Takes::Values => form(
            value.as_array().is_some_and(|all| !all.is_empty()),
            "a list of values",
        ),
        Takes::Names => {
            let texts = |all: &Vec<Value>| all.iter().all(Value::is_string);
            form(value.as_array().is_some_and(texts), "a list of names")
        }
        Takes::Count => form(value.is_u64(), "a whole number from 0"),
        Takes::Number => {
            let above = !at.ends_with("/multipleOf") || value.as_f64().is_some_and(|n| n > 0.0);
            form(value.is_number() && above, "a number")
        }
        Takes::Truth => form(value.is_boolean(), "`true` or `false`"),
        Takes::Schema => usable(value, root, at, depth + 1),
        Takes::Schemas => {
            let all = value.as_array().filter(|all| !all.is_empty());
            let all = all.ok_or_else(|| unusable(at, "it must be a list of schemas"))?;
            let mut all = all.iter().enumerate();
            all.try_for_each(|(n, schema)| usable(schema, root, &format!("{at}/{n}"), depth + 1))
        }
        Takes::Named => {
            let all = value.as_object();
            let all = all.ok_or_else(|| unusable(at, "it must be names with a schema each"))?;
            let mut all = all.iter();
            all.try_for_each(|(name, schema)| {
                usable(schema, root, &format!("{at}/{}", escaped(name)), depth + 1)
            })
        }
        Takes::Reference => {
            let target = value.as_str().and_then(|to| referred(root, to));
            form(
                target.is_some(),
                "`#/$defs/NAME` of this schema; no other schema is read",
            )
        }
    }
}

/// The definition that a reference names.
pub(crate) fn referred<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let name = reference.strip_prefix("#/$defs/")?;
    if name.contains('/') {
        return None;
    }
    let name = name.replace("~1", "/").replace("~0", "~");
    let defs: &Map<String, Value> = root.get("$defs")?.as_object()?;
    defs.get(&name)
}
