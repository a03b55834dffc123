//! A twin of BookStack's REST API, as far as pages, chapters, books and search by a tag go, with its errors on demand.
//!
//! From its wire facts: `Authorization: Token ID:SECRET`; 200 for reads and creations; errors as `{"error":{"code","message"}}`, 401 for
//! the token, 403 for what it may not, 422 with `validation`, 429 with `Retry-After`. It trims what it is given, as the original.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

pub use crate::http::Seen;
use crate::twin::{End, JSON, Reply, Twin};

/// The token that it knows.
pub const TOKEN: &str = "tokenid123:s3cr3tt0ken";

/// How one request goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Status(u16, Option<u64>),
    /// 422 for these fields.
    Fields(Vec<&'static str>),
    /// It does what was asked and closes the connection without a word.
    CutAfter,
    /// A login page, as a proxy gives it.
    Html,
    /// JSON that does not end within this many bytes.
    Enormous(usize),
    /// It says nothing until the client goes.
    Hang,
}

/// One thing that it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing {
    /// `page`, `chapter` or `book`.
    pub kind: &'static str,
    pub id: u64,
    pub fields: Value,
}

#[derive(Default)]
struct Shelf {
    things: BTreeMap<u64, Thing>,
    last: u64,
    /// Which requests go wrong: the method and the beginning of the path, once each.
    faults: VecDeque<(&'static str, &'static str, Fault)>,
}

/// A running BookStack.
pub struct BookStackTwin {
    twin: Twin,
    shelf: Arc<Mutex<Shelf>>,
}

impl BookStackTwin {
    pub fn start() -> BookStackTwin {
        let shelf = Arc::<Mutex<Shelf>>::default();
        let answering = Arc::clone(&shelf);
        let twin = Twin::start(|_| true, move |seen| answer(&answering, seen));
        BookStackTwin { twin, shelf }
    }

    pub fn url(&self) -> String {
        self.twin.url()
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.twin.requests()
    }

    /// The next request of this method whose path begins so goes wrong.
    pub fn fails(&self, method: &'static str, path: &'static str, fault: Fault) {
        self.lock().faults.push_back((method, path, fault));
    }

    /// What it holds of a kind, oldest first.
    pub fn all(&self, kind: &str) -> Vec<Thing> {
        let shelf = self.lock();
        let all = shelf.things.values().filter(|thing| thing.kind == kind);
        all.cloned().collect()
    }

    /// A person edits a page in it.
    pub fn edit(&self, id: u64, markdown: &str) {
        let mut shelf = self.lock();
        let thing = shelf.things.get_mut(&id).expect("the page");
        thing.fields["markdown"] = markdown.into();
        revised(&mut thing.fields);
    }

    /// A person makes a copy of a page in it, tags and all. Answers with its id.
    pub fn duplicate(&self, id: u64) -> u64 {
        let mut shelf = self.lock();
        let mut thing = shelf.things.get(&id).expect("the page").clone();
        shelf.last += 1;
        thing.id = shelf.last;
        thing.fields["id"] = thing.id.into();
        shelf.things.insert(thing.id, thing.clone());
        thing.id
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn revised(fields: &mut Value) {
    let revision = fields["revision_count"].as_u64().unwrap_or(0) + 1;
    fields["revision_count"] = revision.into();
    fields["updated_at"] = format!("2026-11-21T08:00:{:02}.000000Z", revision % 60).into();
}

fn answer(shelf: &Mutex<Shelf>, seen: &Seen) -> Reply {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    let at = shelf
        .faults
        .iter()
        .position(|(method, path, _)| seen.method == *method && seen.path.starts_with(path));
    let fault = at
        .and_then(|at| shelf.faults.remove(at))
        .map(|(_, _, fault)| fault);
    match fault {
        None => handled(&mut shelf, seen),
        Some(Fault::CutAfter) => {
            handled(&mut shelf, seen);
            Reply::Hangup
        }
        Some(Fault::Status(status, retry_after_s)) => Reply::Whole {
            status,
            kind: JSON,
            retry_after_s,
            body: error(status, "no").to_string(),
        },
        Some(Fault::Fields(fields)) => {
            let fields: Value = fields
                .into_iter()
                .map(|field| (field.to_owned(), json!(["The field is invalid <b>."])))
                .collect::<serde_json::Map<String, Value>>()
                .into();
            let mut body = error(422, "The given data was invalid.");
            body["error"]["validation"] = fields;
            Reply::json(422, &body)
        }
        Some(Fault::Html) => Reply::Whole {
            status: 200,
            kind: "text/html; charset=utf-8",
            retry_after_s: None,
            body: "<html><title>Sign in</title></html>".into(),
        },
        Some(Fault::Enormous(bytes)) => Reply::Stream {
            kind: JSON,
            pieces: vec![vec![b' '; 1 << 16]; bytes.div_ceil(1 << 16)],
            end: End::Whole,
        },
        Some(Fault::Hang) => Reply::Held(Box::new(Reply::Hangup)),
    }
}

fn error(code: u16, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

fn handled(shelf: &mut Shelf, seen: &Seen) -> Reply {
    let known = format!("Token {TOKEN}");
    if seen.headers.get("authorization") != Some(&known) {
        let message = "No matching API token was found for the provided authorization token";
        return Reply::json(401, &error(401, message));
    }
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let kind = |plural: &str| match plural {
        "pages" => Some("page"),
        "chapters" => Some("chapter"),
        "books" => Some("book"),
        _ => None,
    };
    match (seen.method.as_str(), &parts[..]) {
        ("GET", ["api", "search"]) => found(shelf, query),
        ("POST", ["api", plural]) => match kind(plural) {
            Some(kind) => created(shelf, kind, &seen.body),
            None => Reply::json(404, &error(404, "Not found")),
        },
        (method @ ("GET" | "PUT"), ["api", plural, id]) => {
            let id: u64 = id.parse().unwrap_or(0);
            let thing = shelf.things.get_mut(&id);
            let Some(thing) = thing.filter(|thing| kind(plural) == Some(thing.kind)) else {
                return Reply::json(404, &error(404, "Entity not found"));
            };
            if method == "PUT" {
                for field in ["name", "markdown", "tags"] {
                    if let Some(value) = seen.body.get(field) {
                        thing.fields[field] = trimmed(value);
                    }
                }
                revised(&mut thing.fields);
            }
            Reply::json(200, &thing.fields)
        }
        (_, _) => Reply::json(404, &error(404, "Not found")),
    }
}

fn trimmed(value: &Value) -> Value {
    match value.as_str() {
        Some(text) => text.trim().into(),
        None => value.clone(),
    }
}

fn created(shelf: &mut Shelf, kind: &'static str, body: &Value) -> Reply {
    let mut wrong = Vec::new();
    let name = body["name"].as_str().unwrap_or_default();
    if name.is_empty() || name.chars().count() > 255 {
        wrong.push("name");
    }
    let has = |field: &str, of: &str| {
        let id = body[field].as_u64();
        id.and_then(|id| shelf.things.get(&id))
            .is_some_and(|thing| thing.kind == of)
    };
    match kind {
        "page" if !has("book_id", "book") && !has("chapter_id", "chapter") => wrong.push("book_id"),
        "page" if !body["markdown"].is_string() => wrong.push("markdown"),
        "chapter" if !has("book_id", "book") => wrong.push("book_id"),
        _ => {}
    }
    if !wrong.is_empty() {
        let mut body = error(422, "The given data was invalid.");
        for field in wrong {
            body["error"]["validation"][field] = json!(["The field is required."]);
        }
        return Reply::json(422, &body);
    }
    shelf.last += 1;
    let id = shelf.last;
    let mut fields = json!({"id": id, "tags": []});
    for (field, value) in body.as_object().into_iter().flatten() {
        fields[field] = trimmed(value);
    }
    revised(&mut fields);
    shelf.things.insert(
        id,
        Thing {
            kind,
            id,
            fields: fields.clone(),
        },
    );
    Reply::json(200, &fields)
}

/// A search such as `[alai-key=VALUE] {type:page}`, as it comes in an address.
fn found(shelf: &Shelf, query: &str) -> Reply {
    let terms = query
        .split('&')
        .find_map(|part| part.strip_prefix("query="))
        .unwrap_or_default()
        .replace("%5B", "[")
        .replace("%5D", "]")
        .replace("%3D", "=")
        .replace("%20", " ")
        .replace("%7B", "{")
        .replace("%7D", "}")
        .replace("%3A", ":");
    let between = |open: char, close: char| {
        let (_, rest) = terms.split_once(open)?;
        Some(rest.split_once(close)?.0.to_owned())
    };
    let tag = between('[', ']').unwrap_or_default();
    let (name, value) = tag.split_once('=').unwrap_or((&tag, ""));
    let kind = between('{', '}').unwrap_or_default();
    let kind = kind.trim_start_matches("type:").to_owned();
    let has = |thing: &&Thing| {
        let tags = thing.fields["tags"].as_array().into_iter().flatten();
        thing.kind == kind
            && tags
                .into_iter()
                .any(|t| t["name"] == name && t["value"] == value)
    };
    let rows: Vec<Value> = shelf
        .things
        .values()
        .filter(has)
        .map(|thing| json!({"id": thing.id, "type": thing.kind, "name": thing.fields["name"]}))
        .collect();
    Reply::json(200, &json!({"data": rows, "total": rows.len()}))
}
