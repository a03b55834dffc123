//! What a manifest says of the licence of what it describes. The same licence can be said in several ways.

use std::fmt;

use toml::{Table, Value};

use crate::change::Content;
use crate::paths;

/// One place's word.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// By its identifier, mostly.
    pub(super) licence: Option<String>,
    /// Files with the terms, or patterns of such.
    pub(super) files: Vec<String>,
}

impl Own {
    /// Whether the files are by their names texts of licences beside the manifest, whose terms are compared by themselves.
    pub(super) fn shows_texts(&self) -> bool {
        let names = [
            "LICENSE",
            "LICENCE",
            "COPYING",
            "UNLICENSE",
            "NOTICE",
            "AUTHORS",
        ];
        let is_text = |file: &String| {
            let rests = names.iter().filter_map(|name| file.strip_prefix(name));
            let mut rests = rests.filter(|rest| !rest.contains('/'));
            rests.any(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.', '*']))
        };
        self.files.iter().all(is_text)
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said: Vec<&str> = self
            .licence
            .iter()
            .chain(&self.files)
            .map(String::as_str)
            .collect();
        match said.is_empty() {
            true => f.write_str("none"),
            false => f.write_str(&said.join(", ")),
        }
    }
}

/// What one side of a manifest says of its own package and, the second, of those that inherit from it. `at` answers with a
/// file of that side. Nothing also for a manifest that cannot be read: check 13 fails on that where it compares packages.
pub(super) fn of<'a>(
    path: &str,
    content: &'a Content,
    at: impl Fn(&str) -> Option<&'a Content>,
) -> [Own; 2] {
    let Some(text) = content.text() else {
        return Default::default();
    };
    if path.ends_with(".json") {
        return [of_json(text).unwrap_or_default(), Own::default()];
    }
    let Ok(table) = text.parse::<Table>() else {
        return Default::default();
    };
    let place = |keys: &[&str]| {
        let mut keys = keys.iter();
        let first = table.get(*keys.next()?)?;
        keys.try_fold(first, |value, key| value.get(key))
    };
    let mut own = Own::default();
    for keys in [&["package"][..], &["project"], &["tool", "poetry"]] {
        let Some(part) = place(keys) else { continue };
        let inherited = || inherited(path, &table, &at);
        own.add(part, inherited);
    }
    let mut lent = Own::default();
    if let Some(part) = place(&["workspace", "package"]) {
        lent.add(part, || None);
    }
    [own, lent]
}

fn of_json(text: &str) -> Option<Own> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let said = json.get("license").or_else(|| json.get("licenses"))?;
    let text = said.as_str().map(str::to_owned);
    Some(Own {
        licence: Some(text.unwrap_or_else(|| said.to_string())),
        files: Vec::new(),
    })
}

impl Own {
    /// Takes what a table says. What is said in a way that is not known here stands as it is written, and equals nothing else.
    fn add(&mut self, part: &Value, inherited: impl Fn() -> Option<String>) {
        if let Some(value) = part.get("license") {
            let only = |key: &str| {
                let table = value.as_table().filter(|table| table.len() == 1)?;
                table.get(key)
            };
            if let Some(file) = only("file").and_then(Value::as_str) {
                self.files.push(file.to_owned());
            } else {
                let text = value.as_str().or_else(|| only("text")?.as_str());
                let lent =
                    || inherited().filter(|_| only("workspace") == Some(&Value::Boolean(true)));
                let said = text.map(str::to_owned).or_else(lent);
                let said = said.unwrap_or_else(|| value.to_string());
                match &mut self.licence {
                    None => self.licence = Some(said),
                    Some(before) if *before == said => {}
                    Some(before) => *before = format!("{before}, {said}"),
                }
            }
        }
        for value in ["license-file", "license-files"]
            .iter()
            .filter_map(|key| part.get(key))
        {
            let all: Option<Vec<&str>> = match value.as_array() {
                Some(values) => values.iter().map(Value::as_str).collect(),
                None => value.as_str().map(|one| vec![one]),
            };
            match all {
                Some(all) => self.files.extend(all.into_iter().map(str::to_owned)),
                None => self.files.push(value.to_string()),
            }
        }
    }
}

/// The licence that cargo's `license.workspace = true` stands for: of the nearest manifest upwards that has a workspace. `None` where
/// that cannot be read, or where the package names its root itself.
fn inherited<'a>(
    path: &str,
    table: &Table,
    at: &impl Fn(&str) -> Option<&'a Content>,
) -> Option<String> {
    if table.get("package")?.get("workspace").is_some() {
        return None;
    }
    let lent = |root: &Table| -> Option<String> {
        let package = root.get("workspace")?.get("package")?;
        Some(package.get("license")?.as_str()?.to_owned())
    };
    if table.contains_key("workspace") {
        return lent(table);
    }
    let above = paths::above(path).into_iter().filter_map(|path| at(&path));
    for content in above {
        let root = content.text()?.parse::<Table>().ok()?;
        if root.contains_key("workspace") {
            return lent(&root);
        }
    }
    None
}
