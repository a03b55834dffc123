use serde_json::{Value, json};

use super::*;

fn schema(root: Value) -> JsonSchema {
    JsonSchema::read(root).expect("a schema that can be used")
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let schema = schema(json!({
        "type": "object",
        "required": ["name", "tags"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "minLength": 2},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": true},
            "size": {"type": ["integer", "null"], "minimum": 1},
        },
    }));
    assert_eq!(
        schema.wrong(&json!({"name": "ab", "tags": ["a"], "size": 2.0})),
        [""; 0]
    );
    assert_eq!(
        schema.wrong(&json!({"name": "x", "tags": ["a", "c", "a"], "size": 0, "a/b": 1})),
        [
            "/name has 1 characters; at least 2 are wanted",
            "/tags/1 must be one of \"a\", \"b\", not \"c\"",
            "/tags holds \"a\" twice",
            "/size is 0; it must be at least 1",
            "the whole has the field `a/b`, which is not known",
        ]
    );
    assert_eq!(
        schema.wrong(&json!([])),
        ["the whole must be object, not []"]
    );
    assert_eq!(
        schema.wrong(&json!({"name": 7})),
        ["the whole lacks `tags`", "/name must be string, not 7"]
    );
}

#[test]
fn what_could_not_be_checked_is_refused_when_the_schema_is_read() {
    for (root, want) in [
        (
            json!({"pattern": "^a"}),
            "at `#/pattern` of the schema: the keyword `pattern` is not checked here; a `command` gate can check what this cannot",
        ),
        (
            json!({"properties": {"a": {"requird": []}}}),
            "at `#/properties/a/requird` of the schema: the keyword `requird` is not checked here; did you mean `required`?",
        ),
        (
            json!({"type": "text"}),
            "at `#/type` of the schema: it must be one or several of null, boolean",
        ),
        (
            json!({"items": 3}),
            "at `#/items` of the schema: a schema is a mapping",
        ),
        (json!({"minLength": -1}), "a whole number from 0"),
        (json!({"multipleOf": 0}), "it must be a number"),
        (json!({"anyOf": []}), "a list of schemas"),
        (json!({"enum": []}), "a list of values"),
        (
            json!({"$ref": "https://example.org/a.json"}),
            "no other schema is read",
        ),
        (
            json!({"$ref": "#/$defs/a"}),
            "`#/$defs/NAME` of this schema",
        ),
        (json!([]), "at `#` of the schema"),
    ] {
        let said = JsonSchema::read(root).expect_err(want).to_string();
        assert!(said.contains(want), "{said}\nwant: {want}");
    }
    let mut deep = json!({});
    for _ in 0..=DEPTH_MAX {
        deep = json!({ "not": deep });
    }
    assert!(JsonSchema::read(deep).is_err());
    let long = json!({"description": "x".repeat(SCHEMA_BYTES_MAX)});
    assert!(JsonSchema::read(long).is_err());
}

#[test]
fn a_schema_that_leads_in_a_circle_ends() {
    let list = schema(json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}},
    }));
    assert_eq!(
        list.wrong(&json!({"n": 1, "next": {"n": "two"}})),
        ["/next/n must be integer, not \"two\""]
    );
    assert!(list.refers());
    let empty = schema(json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}));
    assert_eq!(empty.wrong(&json!(1)).len(), 1);
}

#[test]
fn a_model_is_given_the_form_without_lengths() {
    let full = schema(
        json!({"type": "object", "properties": {"maxItems": {"type": "string", "maxLength": 3}}}),
    );
    assert_eq!(
        full.for_model(),
        json!({"type": "object", "properties": {"maxItems": {"type": "string"}}})
    );
    let text = serde_json::to_string(&full).expect("JSON");
    assert_eq!(
        serde_json::from_str::<JsonSchema>(&text).expect("the same"),
        full
    );
    assert!(serde_json::from_str::<JsonSchema>(r#"{"if": {}}"#).is_err());
}

/// Each of these would be followed for hours or for ever; what cannot be followed is no pass, whatever stands around it.
#[test]
fn what_takes_too_much_work_is_red() {
    let forms = |next: usize| vec![json!({"$ref": format!("#/$defs/d{next}")}); 100];
    let mut defs = serde_json::Map::new();
    for n in 0..16 {
        defs.insert(format!("d{n}"), json!({"anyOf": forms(n + 1)}));
    }
    defs.insert("d16".to_owned(), json!(false));
    let around: [fn(Value) -> Value; 3] = [
        |all| all,
        |all| json!({"not": all}),
        |all| json!({"anyOf": [{"not": all}, true]}),
    ];
    for around in around {
        let mut root = around(json!({"$ref": "#/$defs/d0"}));
        root["$defs"] = defs.clone().into();
        assert_eq!(
            schema(root).wrong(&json!(1)),
            ["the whole is too much to check against this schema"]
        );
    }
    let round = json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": vec![json!({"anyOf": vec![json!({"$ref": "#/$defs/a"}); 9]}); 9]}}});
    assert_eq!(
        schema(round).wrong(&json!(1)),
        ["the whole is too much to check against this schema"]
    );
}

#[test]
fn large_lists_are_compared_without_looking_at_every_pair() {
    let unique = schema(json!({"uniqueItems": true}));
    let mut items: Vec<Value> = (0..150_000).map(Value::from).collect();
    assert_eq!(unique.wrong(&items.clone().into()), [""; 0]);
    items.push(json!(7.0));
    assert_eq!(unique.wrong(&items.into()), ["the whole holds 7.0 twice"]);
    for (list, fits) in [
        (json!([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}]), false),
        (json!([0, -0.0]), false),
        (
            json!([1, "1", true, [1], null, 1.5, "null", {"a": 1}]),
            true,
        ),
        (json!([1e300, 2e300, 18_446_744_073_709_551_615_u64]), true),
        (json!(["a\",\"b", ["a", "b"], ["a\",\"b"]]), true),
    ] {
        assert_eq!(unique.wrong(&list).is_empty(), fits, "{list}");
    }
}

#[test]
fn a_message_is_short_whatever_the_value_is() {
    let long = "k".repeat(100_000);
    let mut inner = serde_json::Map::new();
    inner.insert(long.clone(), json!({"text": long}));
    let value = json!({ long: inner });
    let strict =
        schema(json!({"additionalProperties": {"additionalProperties": {"type": "null"}}}));
    let wrong = strict.wrong(&value);
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].len() < 400, "{} bytes", wrong[0].len());
    assert!(
        wrong[0].contains("must be null, not {\"text\":\"kkk"),
        "{wrong:?}"
    );
}
