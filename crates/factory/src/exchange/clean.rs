//! Takes the secrets out of a pack before it leaves the house. Names stand where they stood, and whoever gets the pack gives values.

use std::collections::BTreeMap;

use alai_core::parcel::Files;
use alai_core::safety;
use alai_gate::secrets_in;
use serde::Serialize;
use serde_json::Value;

use super::ExchangeError;

/// The overlay over the home's MCP servers. What it gives a server in its environment is taken for a secret, whatever it looks like.
const MCP: &str = "config/mcp.json";

/// What stood somewhere and does no longer. The value is nowhere in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replaced {
    pub file: String,
    /// From 1, in the file as it is in the home.
    pub line: usize,
    pub what: String,
    /// `${NAME}`.
    pub placeholder: String,
}

/// Replaces every secret that is found.
///
/// # Errors
/// When one is known to be there and cannot be told from the text around it: a person has to take it out.
pub(super) fn clean(files: &mut Files) -> Result<Vec<Replaced>, ExchangeError> {
    let mut replaced = Vec::new();
    if let Some(text) = files.get_mut(MCP) {
        clean_servers(text, &mut replaced);
    }
    let mut names = Names::default();
    for (file, text) in files.iter_mut() {
        let spots = secrets_in(text);
        let given: Vec<String> = spots
            .iter()
            .map(|spot| names.of(spot.what, &text[spot.range.clone()]))
            .collect();
        // From behind, so that the places of the others stay what they are.
        for (spot, placeholder) in spots.iter().zip(given).rev() {
            text.replace_range(spot.range.clone(), &placeholder);
            replaced.push(Replaced {
                file: file.clone(),
                line: spot.line,
                what: spot.what.to_owned(),
                placeholder,
            });
        }
        if let Some((line, what)) = credential(text) {
            let file = file.clone();
            return Err(ExchangeError::Secret { file, line, what });
        }
    }
    replaced.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(replaced)
}

/// The first secret of a file, by either detector: its line from 1 and its kind.
pub(crate) fn secret(text: &str) -> Option<(usize, String)> {
    let spot = secrets_in(text).into_iter().next();
    spot.map(|spot| (spot.line, spot.what.to_owned()))
        .or_else(|| credential(text))
}

fn credential(text: &str) -> Option<(usize, String)> {
    let what = safety::credential_in(text)?;
    let at = text
        .lines()
        .position(|line| safety::credential_in(line).is_some());
    Some((at.map_or(1, |at| at + 1), what))
}

/// Every value of a server's environment that is no placeholder yet.
fn clean_servers(text: &mut String, replaced: &mut Vec<Replaced>) {
    // What is no JSON is refused where the pack is read.
    let Ok(mut overlay) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let before = replaced.len();
    for part in ["add", "override"] {
        let servers = overlay.get_mut(part).and_then(Value::as_object_mut);
        for server in servers.into_iter().flat_map(|servers| servers.values_mut()) {
            let env = server.get_mut("env").and_then(Value::as_object_mut);
            for (name, value) in env.into_iter().flatten() {
                let placeholder = format!("${{{}}}", placeholder_name(name));
                let said = value.as_str().unwrap_or_default();
                if said.is_empty() && value.is_string() || is_placeholder(said) {
                    continue;
                }
                let key = format!("\"{name}\"");
                let line = text.lines().position(|line| line.contains(&key));
                replaced.push(Replaced {
                    file: MCP.to_owned(),
                    line: line.map_or(1, |line| line + 1),
                    what: "a value of a server's environment".to_owned(),
                    placeholder: placeholder.clone(),
                });
                *value = Value::String(placeholder);
            }
        }
    }
    if replaced.len() > before
        && let Ok(written) = serde_json::to_string_pretty(&overlay)
    {
        *text = written + "\n";
    }
}

fn is_placeholder(value: &str) -> bool {
    let name = value.strip_prefix("${").and_then(|v| v.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && placeholder_name(name) == name)
}

fn placeholder_name(name: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() {
        true => c,
        false => '_',
    };
    name.chars().map(plain).collect()
}

/// Names by kind: the same value has the same name everywhere, a second one of a kind gets a number.
#[derive(Default)]
struct Names {
    by_value: BTreeMap<String, String>,
    by_kind: BTreeMap<String, u32>,
}

impl Names {
    fn of(&mut self, what: &str, value: &str) -> String {
        if let Some(known) = self.by_value.get(value) {
            return known.clone();
        }
        let kind = what.strip_prefix("an ").or(what.strip_prefix("a "));
        let kind = placeholder_name(kind.unwrap_or(what)).to_uppercase();
        let number = self.by_kind.entry(kind.clone()).or_default();
        *number += 1;
        let name = match number {
            1 => format!("${{{kind}}}"),
            n => format!("${{{kind}_{n}}}"),
        };
        self.by_value.insert(value.to_owned(), name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_names_stay() {
        let (one, two) = (
            "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8",
            "Z9y8X7w6V5u4T3s2R1q0P9o8N7m6L5k4J3i2",
        );
        let mut files: Files = [
            ("CLAUDE.md", format!("# A\nuse ghp_{one} and ghp_{two}\nagain ghp_{one}\n")),
            (
                MCP,
                r#"{"add": {"git": {"command": "x", "env": {"TOKEN": "hunter2", "OTHER": "${OTHER}"}}}, "remove": []}"#.to_owned(),
            ),
        ]
        .map(|(path, text)| (path.to_owned(), text))
        .into();
        let replaced = clean(&mut files).expect("all of it can be told");
        assert_eq!(
            files["CLAUDE.md"],
            "# A\nuse ${GITHUB_TOKEN} and ${GITHUB_TOKEN_2}\nagain ${GITHUB_TOKEN}\n"
        );
        assert!(!files[MCP].contains("hunter2") && files[MCP].contains("${TOKEN}"));
        let shown: Vec<(usize, &str)> = replaced
            .iter()
            .map(|r| (r.line, r.placeholder.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (2, "${GITHUB_TOKEN_2}"),
                (2, "${GITHUB_TOKEN}"),
                (3, "${GITHUB_TOKEN}"),
                (1, "${TOKEN}")
            ]
        );
    }

    #[test]
    fn what_cannot_be_told_from_its_surroundings_is_left_to_a_person() {
        let key = format!(
            "AGE-SECRET-KEY-1{}",
            "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".repeat(2)
        );
        let mut files: Files = [("README.md".to_owned(), format!("a\n{key}\n"))].into();
        let refused = clean(&mut files).expect_err("it stays");
        assert_eq!(
            refused.to_string(),
            "README.md:2 holds a age key (AGE-SECRET-KEY-1…); a pack holds no secrets"
        );
    }
}
