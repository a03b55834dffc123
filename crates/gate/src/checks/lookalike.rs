//! Names that are nearly those of packages that everybody uses: what is asked for may be a slip of the hand, or a trap laid for one.

use std::sync::OnceLock;

use super::manifest::Manifest;
use crate::advisories::{CARGO, canonical};

const POPULAR: &str = include_str!("popular.txt");

/// Of shorter names every other word is one letter away.
const LETTERS_MIN: usize = 5;

/// The package that many use and that a new name is nearly: one letter more, less, other or swapped, its words in another order or with
/// other signs between them, its scope or its host nearly theirs. None for a name of the list itself.
pub(super) fn of(ecosystem: &str, name: &str) -> Option<&'static str> {
    let known = popular();
    let name = canonical(ecosystem, name);
    let of_it = || {
        known
            .iter()
            .filter(|(of, _)| *of == ecosystem)
            .map(|(_, known)| *known)
    };
    if of_it().any(|known| canonical(ecosystem, known) == name || is_below(ecosystem, &name, known))
    {
        return None;
    }
    of_it().find(|known| is_nearly(&name, &canonical(ecosystem, known)))
}

/// In words, for whoever decides.
pub(super) fn told(ecosystem: &str, name: &str) -> Option<String> {
    let known = of(ecosystem, name)?;
    Some(format!(
        "{name} is nearly the name of {known}, which many use"
    ))
}

/// The ecosystem in which a manifest names packages; of a lockfile its own reader tells.
pub(super) fn ecosystem_of(kind: Manifest) -> Option<&'static str> {
    match kind {
        Manifest::Cargo => Some(CARGO),
        Manifest::Npm => Some("npm"),
        Manifest::PyProject | Manifest::Requirements => Some("PyPI"),
        Manifest::GoMod => Some("Go"),
        Manifest::Origin | Manifest::Other | Manifest::Lock => None,
    }
}

fn popular() -> &'static [(&'static str, &'static str)] {
    static LIST: OnceLock<Vec<(&'static str, &'static str)>> = OnceLock::new();
    LIST.get_or_init(|| {
        let mut section = "";
        let mut found = Vec::new();
        for line in POPULAR.lines().filter(|line| !line.starts_with('#')) {
            match line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                Some("cargo") => section = CARGO,
                Some(name) => section = name,
                None => found.extend(line.split_whitespace().map(|name| (section, name))),
            }
        }
        found
    })
}

/// `github.com/go-chi/chi/v5` is a module of the known one's owner, and so is another package in a known scope of npm.
fn is_below(ecosystem: &str, name: &str, known: &str) -> bool {
    match ecosystem {
        // A host of many owners: what stands below it is told apart by its own name, without the version.
        "Go" if known.starts_with("gopkg.in/") => {
            let stem = known.rsplit_once(".v").map_or(known, |(stem, _)| stem);
            name.rsplit_once(".v").is_some_and(|(own, _)| own == stem)
        }
        "Go" => {
            let owner = match known.matches('/').count() {
                2.. => known.rsplit_once('/').map_or(known, |(owner, _)| owner),
                _ => known.split('/').next().unwrap_or(known),
            };
            name.strip_prefix(owner)
                .is_some_and(|rest| rest.starts_with('/'))
        }
        "npm" => scope(known).is_some_and(|known| scope(name) == Some(known)),
        _ => false,
    }
}

fn scope(name: &str) -> Option<&str> {
    name.strip_prefix('@')?
        .split_once('/')
        .map(|(scope, _)| scope)
}

fn is_nearly(name: &str, known: &str) -> bool {
    if let (Some(own), Some(theirs)) = (scope(name), scope(known))
        && own != theirs
        && own.len() >= LETTERS_MIN
        && is_one_apart(own, theirs)
    {
        return true;
    }
    let letters = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .collect::<String>()
    };
    let (own, theirs) = (letters(name), letters(known));
    if theirs.len() >= LETTERS_MIN && (own == theirs || is_one_apart(name, known)) {
        return true;
    }
    let words = |text: &str| {
        let mut words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .map(str::to_owned)
            .collect();
        words.retain(|word| !word.is_empty());
        words.sort();
        words
    };
    let own = words(name);
    own.len() > 1 && own == words(known)
}

/// One letter more, less or other, or two neighbours swapped.
fn is_one_apart(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let ahead = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[ahead..], &other[ahead..]);
    match (one, other) {
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([a, b, one @ ..], [c, d, other @ ..]) if (a, b) == (d, c) && one == other => true,
        ([_, one @ ..], other) if one == other => true,
        (one, [_, other @ ..]) if one == other => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_a_known_name_is_said() {
        for (ecosystem, name, known) in [
            (CARGO, "serd", "serde"),
            (CARGO, "sedre", "serde"),
            (CARGO, "tokioo", "tokio"),
            (CARGO, "async_trait", "async-trait"),
            ("npm", "lodahs", "lodash"),
            ("npm", "crossenv", "cross-env"),
            ("npm", "@bable/core", "@babel/core"),
            ("npm", "@typess/anything", "@types/node"),
            ("npm", "dom-react", "react-dom"),
            ("PyPI", "reqeusts", "requests"),
            ("PyPI", "python3-dateutil", "python-dateutil"),
            ("PyPI", "pythondateutil", "python-dateutil"),
            ("Go", "github.com/gorila/mux", "github.com/gorilla/mux"),
            ("Go", "githib.com/spf13/cobra", "github.com/spf13/cobra"),
            ("Go", "gopkg.in/yanl.v3", "gopkg.in/yaml.v3"),
        ] {
            assert_eq!(of(ecosystem, name), Some(known), "{ecosystem} {name}");
        }
    }

    #[test]
    fn what_is_known_itself_far_away_or_of_the_same_owner_is_not() {
        for (ecosystem, name) in [
            (CARGO, "serde"),
            (CARGO, "serde_bytes"),
            (CARGO, "hax"),
            ("npm", "@types/nodes"),
            ("npm", "@babel/cor"),
            ("npm", "ms"),
            ("PyPI", "Python_DateUtil"),
            ("PyPI", "flask-cors"),
            ("Go", "github.com/go-chi/chi/v5"),
            ("Go", "github.com/go-chi/cors"),
            ("Go", "golang.org/x/tools"),
            ("Go", "gopkg.in/yaml.v2"),
            (CARGO, "blake2"),
            (CARGO, "memmap"),
            ("npm", "preact"),
            ("npm", "color"),
            ("npm", "tslint"),
            ("PyPI", "psycopg"),
            ("PyPI", "pymssql"),
            ("PyPI", "scrypt"),
        ] {
            assert_eq!(of(ecosystem, name), None, "{ecosystem} {name}");
        }
    }

    #[test]
    fn the_list_has_each_name_once_and_in_its_own_spelling() {
        let mut seen = std::collections::BTreeSet::new();
        for (ecosystem, name) in popular() {
            assert!(
                [CARGO, "npm", "PyPI", "Go"].contains(ecosystem),
                "{ecosystem}"
            );
            assert!(seen.insert((ecosystem, name)), "{name} stands twice");
            assert_eq!(of(ecosystem, name), None, "{name}");
        }
        assert!(seen.len() > 300, "{}", seen.len());
    }
}
