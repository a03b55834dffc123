//! Copies of the wiki's pages in a BookStack, by its REST API. A page is known again by its tag, so that an answer which was lost after a
//! creation makes no second one; it is changed only where it says something else, and where a person edited it not at all.

use std::net::IpAddr;
use std::time::Duration;

use alai_core::notify::plain;
use alai_fleet::plain::{Bounds, Came, NoAnswer, Place, Sent, Verb, exchange};
use alai_workspace::egress;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// One exchange. A wiki that takes longer is down.
const BOUNDS: Bounds = Bounds {
    time_max: Duration::from_secs(15),
    // A page with its text twice, as Markdown and HTML.
    bytes_max: 8 << 20,
};

/// Characters of a name (BookStack's own bound is 255).
const NAME_CHARS_MAX: usize = 200;

/// Pages of one tag that are looked at: one is there, or a copy of it that a person made.
const FOUND_MAX: usize = 5;

const KEY: &str = "alai-key";
const HASH: &str = "alai-hash";

/// Where a BookStack is and who writes to it.
pub struct BookStack<'a> {
    pub place: &'a Place,
    /// `ID:SECRET`.
    pub token: &'a str,
    /// Its name may lead to a private address.
    pub private: bool,
    /// Called before each request: waits for its turn.
    pub turn: &'a dyn Fn(),
    pub cancel: &'a dyn Fn() -> bool,
}

/// What a page is copied as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Letters, digits and dots: what tells it from every other page, also of another factory.
    pub key: String,
    pub name: String,
    pub markdown: String,
    /// Book and chapter by key and name; they are made where they are not there.
    pub book: (String, String),
    pub chapter: Option<(String, String)>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    Made,
    Changed,
    /// It says the same already.
    Same,
}

/// Why there is no copy. Says nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncopied {
    /// It may work later, after so many seconds at least where the wiki said it.
    Later(String, Option<u64>),
    Refused(String),
    /// A person edited the copy: which revision, and when.
    Edited(String),
}

impl BookStack<'_> {
    /// Makes the copy of a page what the page says.
    ///
    /// # Errors
    /// [`Uncopied`]; what was begun is found again by its tag.
    pub fn copy(&self, copy: &Copy, overwrite: bool) -> Result<Copied, Uncopied> {
        let name = plain(&copy.name, NAME_CHARS_MAX);
        let markdown = normal(&copy.markdown);
        let hash = hash(&name, &markdown);
        let Some(found) = self.find("page", "pages", &copy.key)? else {
            let (within, id) = self.shelf(copy)?;
            let body = json!({within: id, "name": name, "markdown": markdown, "tags": tags(&copy.key, &hash, &[])});
            self.call(Verb::Post, "api/pages", Some(body))?;
            return Ok(Copied::Made);
        };
        let text = |field: &str| found[field].as_str().unwrap_or_default();
        let stands = self::hash(text("name"), &normal(text("markdown")));
        if stands == hash {
            return Ok(Copied::Same);
        }
        if !overwrite && tag(&found, HASH) != Some(&stands) {
            return Err(Uncopied::Edited(format!(
                "revision {} of {}",
                found["revision_count"].as_u64().unwrap_or_default(),
                plain(text("updated_at"), 40)
            )));
        }
        let none = Vec::new();
        let others = found["tags"].as_array().unwrap_or(&none);
        let body =
            json!({"name": name, "markdown": markdown, "tags": tags(&copy.key, &hash, others)});
        let id = id_of(&found)?;
        self.call(Verb::Put, &format!("api/pages/{id}"), Some(body))?;
        Ok(Copied::Changed)
    }

    /// The chapter of a page, or its book where it has none: the field that names it, and its id.
    fn shelf(&self, copy: &Copy) -> Result<(&'static str, u64), Uncopied> {
        let (key, name) = &copy.book;
        let book = self.made("book", "books", key, name, None)?;
        let Some((key, name)) = &copy.chapter else {
            return Ok(("book_id", book));
        };
        let chapter = self.made("chapter", "chapters", key, name, Some(book))?;
        Ok(("chapter_id", chapter))
    }

    fn made(
        &self,
        kind: &str,
        route: &str,
        key: &str,
        name: &str,
        book: Option<u64>,
    ) -> Result<u64, Uncopied> {
        if let Some(found) = self.find(kind, route, key)? {
            return id_of(&found);
        }
        let mut body =
            json!({"name": plain(name, NAME_CHARS_MAX), "tags": [{"name": KEY, "value": key}]});
        if let Some(book) = book {
            body["book_id"] = book.into();
        }
        id_of(&self.call(Verb::Post, &format!("api/{route}"), Some(body))?)
    }

    /// What has a tag: searched by it, and read to see that it has it. A search is not believed.
    fn find(&self, kind: &str, route: &str, key: &str) -> Result<Option<Value>, Uncopied> {
        let query = format!("api/search?query=%5B{KEY}%3D{key}%5D%20%7Btype%3A{kind}%7D&count=10");
        let found = self.call(Verb::Get, &query, None)?;
        let Some(rows) = found["data"].as_array() else {
            return Err(strange("a search without `data`"));
        };
        let of_kind = rows.iter().filter(|row| row["type"] == kind);
        let mut ids: Vec<u64> = of_kind.filter_map(|row| row["id"].as_u64()).collect();
        // The oldest, always the same one.
        ids.sort_unstable();
        for id in ids.into_iter().take(FOUND_MAX) {
            let whole = self.call(Verb::Get, &format!("api/{route}/{id}"), None)?;
            if tag(&whole, KEY) == Some(key) {
                return Ok(Some(whole));
            }
        }
        Ok(None)
    }

    fn call(&self, method: Verb, route: &str, body: Option<Value>) -> Result<Value, Uncopied> {
        (self.turn)();
        let sent = Sent {
            method,
            route,
            headers: vec![("authorization", format!("Token {}", self.token))],
            body: body.map(|body| body.to_string().into_bytes()),
        };
        let judge = |address: IpAddr, written: bool| {
            let judged = match written || self.private {
                true => egress::judge_near(address),
                false => egress::judge(address),
            };
            judged.map_err(|why| format!("its name leads to an address which {why}"))
        };
        match exchange(self.place, sent, BOUNDS, &judge, self.cancel) {
            Ok(came) => read(&came),
            Err(NoAnswer::Lost(why)) => Err(Uncopied::Later(why, None)),
            Err(NoAnswer::Forbidden(why)) => Err(Uncopied::Refused(why)),
        }
    }
}

/// Reads an answer by its status (BookStack's `app/Api`: 401 for the token, 403 for what it may not, 422 with its fields, 429).
fn read(came: &Came) -> Result<Value, Uncopied> {
    let value: Option<Value> = (came.kind == "application/json" && !came.cut)
        .then(|| serde_json::from_slice(&came.body).ok())
        .flatten();
    let refused = |why: &str| {
        Err(Uncopied::Refused(format!(
            "it answered {}: {why}",
            came.status
        )))
    };
    match (came.status, value) {
        (200..=299, Some(value)) if value.is_object() => Ok(value),
        (200..=299, _) if came.cut => Err(strange("an answer without end")),
        (200..=299, _) => Err(strange(
            "something else than JSON; is this the address of a BookStack?",
        )),
        (300..=399, _) => refused("redirects are not followed, write the new address"),
        (401, _) => refused("it does not know this token"),
        (403, _) => refused("the token's user may not do this, or the token has expired"),
        (404, _) => refused("there is no such page or API; is this the address of a BookStack?"),
        (422, value) => refused(&format!("it does not take {}", fields(value.as_ref()))),
        (408 | 409 | 425 | 429 | 500..=599, _) => Err(Uncopied::Later(
            format!("it answered {}", came.status),
            came.retry_after_s,
        )),
        (_, _) => refused("nothing that is known"),
    }
}

/// The names of the fields that were refused. Their messages are a stranger's words and say what we sent.
fn fields(value: Option<&Value>) -> String {
    let validation = value.map(|value| &value["error"]["validation"]);
    let names = validation.and_then(Value::as_object).into_iter().flatten();
    let names: Vec<String> = names.map(|(name, _)| plain(name, 40)).take(10).collect();
    match names.is_empty() {
        true => "what was sent".to_owned(),
        false => names.join(", "),
    }
}

fn strange(what: &str) -> Uncopied {
    Uncopied::Later(format!("it answered with {what}"), None)
}

fn id_of(value: &Value) -> Result<u64, Uncopied> {
    value["id"].as_u64().ok_or_else(|| strange("no id"))
}

fn tag<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    let mut tags = value["tags"].as_array()?.iter();
    tags.find(|tag| tag["name"] == name)?["value"].as_str()
}

/// Our tags, and what a person gave the page beside them.
fn tags(key: &str, hash: &str, others: &[Value]) -> Vec<Value> {
    let ours = [
        json!({"name": KEY, "value": key}),
        json!({"name": HASH, "value": hash}),
    ];
    let theirs = others
        .iter()
        .filter(|tag| tag["name"] != KEY && tag["name"] != HASH);
    let theirs = theirs.map(|tag| json!({"name": tag["name"], "value": tag["value"]}));
    ours.into_iter().chain(theirs).collect()
}

/// As BookStack stores it: it trims what it is given, and a browser sends other ends of lines.
fn normal(markdown: &str) -> String {
    markdown.replace("\r\n", "\n").trim().to_owned()
}

fn hash(name: &str, markdown: &str) -> String {
    hex::encode(Sha256::digest(format!("{name}\n{markdown}").as_bytes()))
}
