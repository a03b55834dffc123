//! A pack under another name, so that two of one origin can live side by side.

use alai_core::parcel::{Files, company_name_problem};
use serde_json::{Value, json};

use super::ExchangeError;

/// The pack with another name. Aliases and the stages that it is the default of stay with the first: a name and a stage have one
/// company.
///
/// # Errors
/// When this can be no name.
pub fn renamed(files: &Files, from: &str, to: &str) -> Result<Files, ExchangeError> {
    if let Some(why) = company_name_problem(to) {
        let name = to.to_owned();
        return Err(ExchangeError::Name { name, why });
    }
    let mut files = files.clone();
    if from == to {
        return Ok(files);
    }
    for (path, text) in &mut files {
        match path.as_str() {
            "company.json" => *text = card(text, to),
            // A name is a word of its own in texts and paths; a longer word that holds it is another one.
            _ if path.ends_with(".md") || path.starts_with("agents/") || path == "config.json" => {
                *text = word_replaced(text, from, to);
            }
            _ => {}
        }
    }
    Ok(files)
}

fn word_replaced(text: &str, from: &str, to: &str) -> String {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    for (found, _) in text.match_indices(from) {
        let end = found + from.len();
        let before = text[..found].chars().next_back().is_some_and(inside);
        let after = text[end..].chars().next().is_some_and(inside);
        if !before && !after {
            new.push_str(&text[at..found]);
            new.push_str(to);
            at = end;
        }
    }
    new.push_str(&text[at..]);
    new
}

/// What is no JSON object stays as it is, and is refused where the pack is read.
fn card(text: &str, name: &str) -> String {
    let Ok(Value::Object(mut card)) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    card.insert("name".into(), json!(name));
    for key in ["aliases", "default"] {
        if card.contains_key(key) {
            card.insert(key.into(), json!([]));
        }
    }
    let written = serde_json::to_string_pretty(&card);
    written.map_or_else(|_| text.to_owned(), |written| written + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_replaced_as_a_word() {
        assert_eq!(
            word_replaced("# Acme\nAcme's AcmeX xAcme companies/Acme/**", "Acme", "B"),
            "# B\nB's AcmeX xAcme companies/B/**"
        );
    }
}
