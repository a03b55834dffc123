//! The part of a Makefile that the test command runs: its targets, what they need, the variables they read, and what
//! changes all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::change::ChangedFile;

static RULE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^([^\s:=#][^:=#]*?)\s*::?(?:\s+([^=].*))?$").expect("a fixed pattern")
});
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:export\s+|override\s+)*([\w.]+)\s*(?:::?:?|\+|\?|!)?=")
        .expect("a fixed pattern")
});
static READ: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\$[({]([\w.]+)[)}]|\{\{\s*(\w+)\s*\}\}").expect("a fixed pattern")
});
static EVERYWHERE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*-?s?include\b|^\s*(?:export\b|unexport\b|define\b|ifeq\b|ifneq\b|ifdef\b|ifndef\b|else\b|endif\b|vpath\b|load\b|set\s+shell\b)|^\s*\$\(eval\b|^\.\w+|^%").expect("a fixed pattern")
});

/// Variables that make reads by itself.
const OWN: [&str; 6] = [
    "SHELL",
    ".SHELLFLAGS",
    "MAKEFLAGS",
    "MAKE",
    "PATH",
    ".DEFAULT_GOAL",
];

/// In the order in which GNU make looks for them: one that comes first hides the others.
const NAMES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];

/// A new file that make would read in the stead of the project's own.
pub(super) fn shadows(file: &ChangedFile, base_paths: &BTreeMap<String, u32>) -> Option<String> {
    let name = crate::paths::name(&file.path);
    let at = NAMES.iter().position(|known| *known == name)?;
    let folder = &file.path[..file.path.len() - name.len()];
    let hidden = |later: &&str| base_paths.contains_key(&format!("{folder}{later}"));
    let own = NAMES[at + 1..].iter().find(|later| hidden(later))?;
    let new = !base_paths.contains_key(&file.path) && !file.is_deleted();
    new.then(|| format!("{} is read by make instead of {folder}{own}", file.path))
}

pub(super) fn changed(file: &ChangedFile, test_command: &str) -> Vec<String> {
    if !["make", "just", "gmake"]
        .iter()
        .any(|tool| test_command.split_whitespace().any(|word| word == *tool))
    {
        return Vec::new();
    }
    let (Some(base), head) = (file.base.text(), file.head.text().unwrap_or_default()) else {
        return Vec::new();
    };
    let goals = goals(test_command);
    if judging(base, &goals) == judging(head, &goals) {
        return Vec::new();
    }
    vec![format!("{} changes what `{test_command}` runs", file.path)]
}

fn goals(command: &str) -> BTreeSet<String> {
    let named = command.split(|c: char| c.is_whitespace() || ";&|".contains(c));
    let named =
        named.filter(|word| !word.is_empty() && !word.starts_with('-') && !word.contains('='));
    named.map(str::to_owned).collect()
}

/// One rule of a target: what it needs, and its recipe.
type Rule = (Vec<String>, Vec<String>);

#[derive(Default)]
struct Makefile {
    rules: BTreeMap<String, Vec<Rule>>,
    variables: BTreeMap<String, Vec<String>>,
    everywhere: Vec<String>,
}

fn read(text: &str) -> Makefile {
    let mut make = Makefile::default();
    let mut current: Vec<String> = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        let recipe = line.starts_with(['\t', ' ']) && !current.is_empty();
        if recipe {
            for target in &current {
                if let Some((_, lines)) = make
                    .rules
                    .get_mut(target)
                    .and_then(|rules| rules.last_mut())
                {
                    lines.push(line.trim().to_owned());
                }
            }
        } else if EVERYWHERE.is_match(line) && !line.starts_with(".PHONY") {
            make.everywhere.push(line.trim().to_owned());
        } else if let Some(seen) = VARIABLE.captures(line) {
            make.variables
                .entry(seen[1].to_owned())
                .or_default()
                .push(line.trim().to_owned());
        } else if let Some(seen) = RULE.captures(line) {
            let needs = seen.get(2).map_or("", |m| m.as_str());
            let (needs, inline) = needs.split_once(';').unwrap_or((needs, ""));
            current = seen[1].split_whitespace().map(str::to_owned).collect();
            let needs: Vec<String> = needs.split_whitespace().map(str::to_owned).collect();
            for target in &current {
                let lines = [inline.trim().to_owned()]
                    .into_iter()
                    .filter(|l| !l.is_empty())
                    .collect();
                make.rules
                    .entry(target.clone())
                    .or_default()
                    .push((needs.clone(), lines));
            }
        } else if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            make.everywhere.push(line.trim().to_owned());
        }
    }
    make
}

/// Everything that decides what the goals do.
fn judging(text: &str, goals: &BTreeSet<String>) -> BTreeSet<String> {
    let make = read(text);
    let mut seen: BTreeSet<String> = make.everywhere.iter().cloned().collect();
    let mut open: Vec<String> = goals.iter().cloned().collect();
    let mut done = BTreeSet::new();
    while let Some(target) = open.pop() {
        if !done.insert(target.clone()) {
            continue;
        }
        for (at, (needs, lines)) in make.rules.get(&target).into_iter().flatten().enumerate() {
            seen.insert(format!(
                "{target} #{at}: {} | {}",
                needs.join(" "),
                lines.join(" ; ")
            ));
            open.extend(needs.iter().cloned());
        }
    }
    variables(&make, seen)
}

fn variables(make: &Makefile, mut seen: BTreeSet<String>) -> BTreeSet<String> {
    let mut open: Vec<String> = OWN.map(str::to_owned).into();
    open.extend(seen.iter().flat_map(|text| reads(text)).collect::<Vec<_>>());
    let mut done = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !done.insert(name.clone()) {
            continue;
        }
        for line in make.variables.get(&name).into_iter().flatten() {
            open.extend(reads(line));
            seen.insert(line.clone());
        }
    }
    seen
}

fn reads(text: &str) -> Vec<String> {
    let name = |seen: regex::Captures<'_>| {
        seen.get(1)
            .or_else(|| seen.get(2))
            .map(|m| m.as_str().to_owned())
    };
    READ.captures_iter(text).filter_map(name).collect()
}
