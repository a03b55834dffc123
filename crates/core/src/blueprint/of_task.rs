//! What a task gives its blueprint by itself: its title, a name made of that, the file, name, folder or word that it says. A person's or a model's words, so that
//! none of it becomes part of a command.

use std::collections::{BTreeMap, BTreeSet};

use crate::routing;

/// Words of a name: longer ones are cut, not refused.
const SLUG_WORDS_MAX: usize = 12;

/// Bytes of a name, as package managers take it.
const NAME_BYTES_MAX: usize = 60;
/// Bytes of a folder's path; a person types it.
const FOLDER_BYTES_MAX: usize = 128;

/// Ends of files whose behaviour nobody tests: documents, settings, data.
const NO_SOURCE: [&str; 15] = [
    "adoc", "cfg", "css", "csv", "html", "ini", "json", "lock", "md", "mdx", "rst", "toml", "txt",
    "yaml", "yml",
];

/// What is known of the task that a blueprint is resolved for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfTask {
    /// The inputs that were given for this task alone.
    pub given: BTreeSet<String>,
    /// What it is about, without the words of a stage before it; empty where there is no task.
    pub title: String,
}

/// What an input is taken from where nobody gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Title,
    Slug,
    File,
    Name,
    Folder,
    Address,
    Choice,
}

/// When an input is taken from a title, and what it can be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct When {
    /// Entries of which one must stand in the title; the parts of one, joined by ` + `, all together.
    pub(super) only_with: Vec<String>,
    /// Words or phrases of which none may.
    pub(super) not_with: Vec<String>,
    /// Of [`Taken::Choice`]: each value with the words or phrases that say so.
    pub(super) choices: BTreeMap<String, Vec<String>>,
}

/// Between the parts of an entry that must stand together.
pub(super) const TOGETHER: &str = " + ";

/// What a title gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    One(String),
    /// It says more than one, so that each would be a guess.
    Several(Vec<String>),
    /// Nothing, and why where a word decides that.
    Nothing(Option<String>),
}

impl Found {
    pub(super) fn one(self) -> Option<String> {
        match self {
            Found::One(value) => Some(value),
            Found::Several(_) | Found::Nothing(_) => None,
        }
    }
}

impl Taken {
    pub(super) const ALL: [Taken; 7] = [
        Taken::Title,
        Taken::Slug,
        Taken::File,
        Taken::Name,
        Taken::Folder,
        Taken::Address,
        Taken::Choice,
    ];

    /// As a blueprint writes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Taken::Title => "title",
            Taken::Slug => "slug",
            Taken::File => "file",
            Taken::Name => "name",
            Taken::Folder => "folder",
            Taken::Address => "address",
            Taken::Choice => "choice",
        }
    }

    /// The value, where the title has one and its words allow it.
    pub(super) fn of(self, title: &str, when: &When) -> Found {
        let words = routing::words(title);
        let stands = |phrase: &str| {
            let phrase = routing::words(phrase);
            !phrase.is_empty() && words.windows(phrase.len()).any(|part| part == phrase)
        };
        let together = |entry: &String| entry.split(TOGETHER).all(stands);
        if title.trim().is_empty() {
            return Found::Nothing(None);
        }
        if let Some(word) = when.not_with.iter().find(|word| stands(word)) {
            return Found::Nothing(Some(format!("the title says `{word}`")));
        }
        if !(when.only_with.is_empty() || when.only_with.iter().any(together)) {
            let wanted = when.only_with.join(", ");
            return Found::Nothing(Some(format!("the title has none of: {wanted}")));
        }
        let found = match self {
            Taken::Title => vec![title.trim().to_owned()],
            Taken::Slug => slug(&words).into_iter().collect(),
            Taken::File => file(title).into_iter().collect(),
            Taken::Name => names(title, when),
            Taken::Folder => folders(title),
            Taken::Address => addresses(title),
            Taken::Choice => {
                let said = when.choices.iter();
                let said = said.filter(|(_, words)| words.iter().any(|word| stands(word)));
                said.map(|(value, _)| value.clone()).collect()
            }
        };
        match <[String; 1]>::try_from(found) {
            Ok([one]) => Found::One(one),
            Err(none) if none.is_empty() => Found::Nothing(None),
            Err(several) => Found::Several(several),
        }
    }
}

/// Words behind which a title names what is made, in English, Norwegian and Bosnian.
const CALLED: [&str; 6] = ["called", "named", "kalt", "heter", "imenom", "zvan"];
/// What may stand behind a name, beside what only leads on.
const AND: [&str; 4] = ["and", "og", "i", "ili"];

/// What a name can be of, beside what a blueprint's own words say is made; `one` stands for it.
const MADE: [&str; 33] = [
    "api",
    "app",
    "application",
    "backend",
    "bot",
    "cli",
    "end",
    "frontend",
    "image",
    "library",
    "one",
    "package",
    "program",
    "project",
    "server",
    "service",
    "site",
    "stack",
    "tool",
    "website",
    "applikasjon",
    "nettsted",
    "prosjekt",
    "prosjektet",
    "tjeneste",
    "tjenesten",
    "aplikacija",
    "aplikaciju",
    "aplikacije",
    "projekat",
    "projekta",
    "servis",
    "servisa",
];
/// What joins a name to what it is of.
const IS: [&str; 8] = ["is", "that", "which", "er", "som", "koji", "pod", "je"];

/// The names behind `called` and the like, in small letters with hyphens; where there is none, the product's before the title. One that does
/// not end where its word ends (`called Order Desk`) is named by quotes or not at all, and one of a part or of somebody (`with a table named
/// users`) is no name of what is made.
fn names(title: &str, when: &When) -> Vec<String> {
    let tokens: Vec<&str> = title.split_whitespace().collect();
    let mut found = BTreeSet::new();
    let mut is_said = false;
    for (at, _) in tokens.iter().enumerate().filter(|(at, token)| {
        let word = routing::words(token);
        matches!(word.as_slice(), [word] if CALLED.contains(&word.as_str()))
            && is_of_the_whole(&tokens[..*at], when)
    }) {
        is_said = true;
        found.extend(tokens.get(at + 1..).and_then(named));
    }
    if !is_said {
        found.extend(hyphened(&routing::product(title)));
    }
    found.into_iter().collect()
}

/// Whether what is called something behind these words is what is made: they end with it, or with a pause.
fn is_of_the_whole(before: &[&str], when: &When) -> bool {
    for token in before.iter().rev() {
        let words = routing::words(token);
        let Some(last) = words.last() else {
            return true;
        };
        if token.ends_with([',', ';', ':', ')']) {
            return true;
        }
        if !IS.contains(&last.as_str()) {
            let mut own = when
                .only_with
                .iter()
                .flat_map(|entry| routing::words(entry));
            return MADE.contains(&last.as_str()) || own.any(|word| word == *last);
        }
    }
    true
}

/// The name that these words begin with.
fn named(rest: &[&str]) -> Option<String> {
    let first = rest.first()?;
    if let Some(quote) = first.chars().next().filter(|c| "`'\"".contains(*c)) {
        let all = rest.join(" ");
        let (name, _) = all.get(1..)?.split_once(quote)?;
        return hyphened(&routing::words(name));
    }
    let ends = !first.ends_with(|c: char| c.is_alphanumeric());
    let goes_on = rest.get(1).is_some_and(|next| {
        let words = routing::words(next);
        let leads = |word: &String| routing::leads_on(word) || AND.contains(&word.as_str());
        words.first().is_some_and(|word| !leads(word))
    });
    match goes_on && !ends {
        true => None,
        false => hyphened(&routing::words(first)),
    }
}

/// A name of small letters, digits and single hyphens, a letter first.
fn hyphened(words: &[String]) -> Option<String> {
    let name = words.join("-");
    let plain = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let is_name = plain && name.starts_with(|c: char| c.is_ascii_lowercase());
    (is_name && name.len() <= NAME_BYTES_MAX).then_some(name)
}

/// Words behind which a title names a folder.
const INSIDE: [&str; 7] = ["in", "into", "under", "below", "folder", "mappen", "mapi"];

/// The folders that stand behind `in` and the like: with a `/`, or between backticks.
fn folders(title: &str) -> Vec<String> {
    let tokens: Vec<&str> = title.split_whitespace().collect();
    let mut found = BTreeSet::new();
    for pair in tokens.windows(2) {
        let [before, token] = pair else { continue };
        let quoted = token.starts_with('`');
        let path = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '/' && c != '.');
        let path = path.trim_end_matches(['.', '/']);
        if INSIDE.contains(&before.to_lowercase().as_str())
            && (quoted || token.contains('/'))
            && is_plain_folder(path)
        {
            found.insert(path.to_owned());
        }
    }
    found.into_iter().collect()
}

/// Whether a text is the path of a folder that files may be put into: below the root, nothing hidden, no way out, no sign that another
/// program reads as more than a name.
pub(super) fn is_plain_folder(path: &str) -> bool {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && !part.ends_with('.')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    };
    path.len() <= FOLDER_BYTES_MAX && path.split('/').all(is_name)
}

/// Bytes of an address, as a person types it.
const ADDRESS_BYTES_MAX: usize = 200;

/// The addresses of the web that a title names: a host, a port and a path, with nothing that hides who is asked and no question.
fn addresses(title: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for token in title.split_whitespace() {
        let address = token.trim_start_matches(['(', '<', '`', '\'', '"']);
        let address =
            address.trim_end_matches([')', '>', '`', '\'', '"', ',', ';', '.', ':', '!', '?']);
        let lower = address.to_ascii_lowercase();
        let rest = ["https://", "http://"].into_iter();
        let rest = rest.filter_map(|scheme| lower.strip_prefix(scheme)).next();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/".contains(c);
        let is_plain = rest.is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && rest.chars().all(plain)
        });
        if is_plain && address.len() <= ADDRESS_BYTES_MAX {
            found.insert(address.to_owned());
        }
    }
    found.into_iter().collect()
}

/// Small words with hyphens.
fn slug(words: &[String]) -> Option<String> {
    let plain = words.iter().map(|word| {
        let kept = word.chars().map(|c| c.to_ascii_lowercase());
        kept.filter(char::is_ascii_alphanumeric).collect::<String>()
    });
    let plain: Vec<String> = plain
        .filter(|word| !word.is_empty())
        .take(SLUG_WORDS_MAX)
        .collect();
    (!plain.is_empty()).then(|| plain.join("-"))
}

/// The one file of code that a title names by its path, or between backticks; none where it names several or none.
fn file(title: &str) -> Option<String> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for token in title.split_whitespace() {
        let quoted = token.contains('`');
        let path = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '_' && c != '/');
        if (quoted || path.contains('/')) && is_source(path) {
            found.insert(path);
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Some(one.to_owned()),
        (_, _) => None,
    }
}

/// Whether a word is the path of a file below a root, of code, and of no test by its name.
fn is_source(path: &str) -> bool {
    let plain = path
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c));
    let name = path.rsplit('/').next().unwrap_or(path);
    let end = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    let of_code = end.is_some_and(|(_, end)| {
        (1..=5).contains(&end.len())
            && end.chars().any(|c| c.is_ascii_alphabetic())
            && !NO_SOURCE.contains(&end.to_ascii_lowercase().as_str())
    });
    let is_test = path.split(['/', '.', '_', '-']).any(|part| {
        let part = part.to_ascii_lowercase();
        ["test", "tests", "spec", "specs", "e2e"].contains(&part.as_str())
    });
    plain
        && of_code
        && !is_test
        && !path.starts_with('/')
        && !path.split('/').any(|p| p == ".." || p.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(taken: Taken, title: &str) -> Option<String> {
        taken.of(title, &When::default()).one()
    }

    #[test]
    fn a_title_gives_a_name_and_the_one_file_that_it_names() {
        for (title, slug, file) in [
            (
                "Write tests for src/price.py",
                "write-tests-for-src-price-py",
                Some("src/price.py"),
            ),
            (
                "Test `words.sh`, please",
                "test-words-sh-please",
                Some("words.sh"),
            ),
            (
                "Test the Node.js client and/or more",
                "test-the-node-js-client-and-or-more",
                None,
            ),
            (
                "Tests for a/b.rs and a/c.rs",
                "tests-for-a-b-rs-and-a-c-rs",
                None,
            ),
            ("Mend tests/test_price.py", "mend-tests-test-price-py", None),
            ("Cover docs/guide.md", "cover-docs-guide-md", None),
            (
                "Cover /etc/x.py and ../y.py",
                "cover-etc-x-py-and-y-py",
                None,
            ),
            (
                "Read $(touch x).sh; `a;b.sh`",
                "read-touch-x-sh-a-b-sh",
                None,
            ),
        ] {
            assert_eq!(of(Taken::Slug, title).as_deref(), Some(slug), "{title}");
            assert_eq!(of(Taken::File, title).as_deref(), file, "{title}");
            assert_eq!(of(Taken::Title, title).as_deref(), Some(title));
        }
        for taken in Taken::ALL {
            assert_eq!(of(taken, " "), None);
        }
    }

    #[test]
    fn words_can_be_asked_for() {
        let when = When {
            only_with: vec![
                "adr".to_owned(),
                "trade off".to_owned(),
                "one + other".to_owned(),
            ],
            not_with: vec!["no record".to_owned()],
            ..When::default()
        };
        let of = |title: &str| Taken::Title.of(title, &when).one().is_some();
        assert!(of("ADR: plain tables"));
        assert!(of("The other and one"));
        assert!(!of("The one alone"));
        assert!(!of("ADR with no record"));
        assert!(of("Name the trade-off of two queues"));
        assert!(!of("Draw the quadrants of the system"));
    }

    #[test]
    fn a_title_names_what_is_made() {
        for (title, want) in [
            ("Scaffold a FastAPI service called orders", Some("orders")),
            (
                "Scaffold an API named Orders, with PostgreSQL",
                Some("orders"),
            ),
            (
                "Scaffold an API called order-desk in `services/desk`",
                Some("order-desk"),
            ),
            (
                "Scaffold an API called `Order Desk` and test it",
                Some("order-desk"),
            ),
            ("Scaffold an API called \"order desk\"", Some("order-desk")),
            (
                "Bento: Project scaffold — Next.js frontend + Kotlin/Ktor API",
                Some("bento"),
            ),
            ("Lag en tjeneste som heter ordre", Some("ordre")),
            ("Napravi servis pod imenom narudzbe", Some("narudzbe")),
            ("Bento: an API called orders", Some("orders")),
            (
                "Scaffold a FastAPI back end for lunch, called orders",
                Some("orders"),
            ),
            // What belongs to the thing or surrounds it is not the thing.
            ("Scaffold an axum API with a table named users", None),
            ("Scaffold an API for the customer called ACME", None),
            ("Scaffold an API; its endpoint is called health", None),
            (
                "Scaffold an API called orders with a table named users",
                Some("orders"),
            ),
            (
                "Scaffold an API with a table named users, called orders",
                Some("orders"),
            ),
            ("Bento: an API with a table named users", Some("bento")),
            ("Lag en tjeneste med en tabell som heter brukere", None),
            // Where a name ends is not guessed, nor which of two it is, nor what an unquoted one could be in other letters.
            ("Scaffold an API called Order Desk", None),
            ("Scaffold an API called orders and one called bills", None),
            ("Scaffold an API called", None),
            ("Scaffold an API called 2fa", None),
            ("Scaffold an API called $(id)", Some("id")),
            ("Scaffold an API called 订单", None),
            ("Scaffold an API", None),
            ("API: scaffold the service", None),
        ] {
            assert_eq!(of(Taken::Name, title).as_deref(), want, "{title}");
        }
    }

    #[test]
    fn a_title_names_a_folder() {
        for (title, want) in [
            (
                "Scaffold an API called orders in services/orders",
                Some("services/orders"),
            ),
            ("Scaffold an API called orders into `api`", Some("api")),
            (
                "Scaffold an API called orders in the folder api/",
                Some("api"),
            ),
            ("Scaffold an API called orders in api", None),
            ("Scaffold an API in ../out", None),
            ("Scaffold an API in /etc/x", None),
            ("Scaffold an API in `.github`", None),
            ("Scaffold an API in a/x and in b/x", None),
            ("Scaffold and/or test", None),
        ] {
            assert_eq!(of(Taken::Folder, title).as_deref(), want, "{title}");
        }
    }

    #[test]
    fn a_title_names_an_address() {
        for (title, want) in [
            (
                "Monitoring of orders at https://orders.example.org/healthz, please",
                Some("https://orders.example.org/healthz"),
            ),
            (
                "Monitor (http://10.0.0.7:8080/healthz).",
                Some("http://10.0.0.7:8080/healthz"),
            ),
            ("Monitor orders.example.org", None),
            ("Monitor https://", None),
            ("Monitor https:///etc/passwd", None),
            ("Monitor https://user@orders.example.org/", None),
            ("Monitor https://a.example.org/?token=1", None),
            ("Monitor https://$(id).example.org/", None),
            (
                "Monitor https://a.example.org/ and https://b.example.org/",
                None,
            ),
            ("Monitor ftp://a.example.org/", None),
        ] {
            assert_eq!(of(Taken::Address, title).as_deref(), want, "{title}");
        }
    }

    #[test]
    fn a_word_says_which_of_several_it_is() {
        let said = |value: &str, words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            (value.to_owned(), words)
        };
        let when = When {
            choices: [
                said("axum", &["axum"]),
                said("ktor", &["ktor", "kotlin server"]),
            ]
            .into(),
            ..When::default()
        };
        let of = |title: &str| Taken::Choice.of(title, &when);
        assert_eq!(of("An Axum API"), Found::One("axum".into()));
        assert_eq!(of("A Kotlin server with Ktor"), Found::One("ktor".into()));
        assert_eq!(of("A Django API"), Found::Nothing(None));
        let both = vec!["axum".to_owned(), "ktor".to_owned()];
        assert_eq!(of("An axum and a Ktor API"), Found::Several(both));
    }

    #[test]
    fn a_folder_is_a_plain_path_below_the_root() {
        for (path, fine) in [
            ("web", true),
            ("services/orders-2", true),
            ("a.b/_c", true),
            ("", false),
            ("/web", false),
            ("web/", false),
            ("a//b", false),
            ("../web", false),
            ("a/../b", false),
            (".", false),
            (".github", false),
            ("a/.git", false),
            ("a.", false),
            ("-r", false),
            ("~/a", false),
            ("a b", false),
            ("a\\b", false),
            ("a:b", false),
            ("a\nb", false),
            ("$(id)", false),
            ("wéb", false),
        ] {
            assert_eq!(is_plain_folder(path), fine, "{path:?}");
        }
        assert!(!is_plain_folder(&"a".repeat(129)));
    }
}
