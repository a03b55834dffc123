//! A skill in the form of the Agent Skills specification (agentskills.io): a folder with `SKILL.md`, front matter and text, and
//! files beside it. A prompt names it; its text is loaded when an agent asks for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::problem::At;
use crate::blueprint::yaml::{self, FaultKind};

/// Letters of a name, by the specification.
const NAME_MAX: usize = 64;
/// Bytes of a description, by the specification.
const DESCRIPTION_BYTES_MAX: usize = 1024;
/// Bytes of `compatibility`, by the specification.
const COMPATIBILITY_BYTES_MAX: usize = 500;
/// Bytes of a `SKILL.md`: it goes to a model in one answer.
pub const SKILL_BYTES_MAX: usize = 16 * 1024;
/// The name that gives the company's whole soul; no skill can have it.
pub const SOUL: &str = "soul";

/// A skill, read and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skill {
    /// The folder's name.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// `SKILL.md` without its front matter.
    pub text: String,
    /// Files beside `SKILL.md`, by their path inside of the folder.
    pub files: BTreeMap<String, String>,
}

/// What is wrong with a `SKILL.md`, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillProblem {
    pub at: At,
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontWire {
    name: Spanned<String>,
    description: Spanned<String>,
    #[serde(default)]
    license: Option<Spanned<String>>,
    #[serde(default)]
    compatibility: Option<Spanned<String>>,
    /// Written for other harnesses, as a text or a list; here an agent's tools come from its own file, so it grants nothing.
    #[serde(default, rename = "allowed-tools")]
    _allowed_tools: Option<serde::de::IgnoredAny>,
    #[serde(default, rename = "metadata")]
    _metadata: BTreeMap<String, String>,
}

/// Reads the `SKILL.md` of the folder `name`.
///
/// # Errors
/// Everything that is wrong with it, each with its line.
pub fn parse(name: &str, text: &str) -> Result<Skill, Vec<SkillProblem>> {
    let mut wrong = Vec::new();
    let mut say = |at: At, problem: String| wrong.push(SkillProblem { at, problem });
    if text.len() > SKILL_BYTES_MAX {
        let bytes = text.len();
        say(
            At::NOWHERE,
            format!(
                "the skill is {bytes} bytes; at most {SKILL_BYTES_MAX}. Move parts into files beside it"
            ),
        );
    }
    let Some((front, body)) = front(text) else {
        say(
            At::line(0),
            "a skill begins with front matter: `---`, `name: ...`, `description: ...`, `---`"
                .to_owned(),
        );
        return Err(wrong);
    };
    let read: FrontWire = match yaml::read(front) {
        Ok(read) => read,
        Err(fault) => {
            // The front matter begins in the file's second line.
            let at = At {
                line: fault.line + u64::from(fault.line > 0),
                column: fault.column,
            };
            say(
                at,
                match fault.what {
                    FaultKind::Shape(problem) => problem,
                    FaultKind::UnknownKey { key, hint } => format!("unknown key `{key}`; {hint}"),
                },
            );
            return Err(wrong);
        }
    };
    let below = |place: serde_saphyr::Location| At {
        line: place.line() + 1,
        column: place.column(),
    };
    for (at, problem) in faults(name, &read) {
        say(below(at), problem);
    }
    if body.trim().is_empty() {
        say(
            At::NOWHERE,
            "the skill has no text below its front matter".to_owned(),
        );
    }
    match wrong.is_empty() {
        true => Ok(Skill {
            name: name.to_owned(),
            description: read.description.value.trim().to_owned(),
            text: body.trim().to_owned(),
            files: BTreeMap::new(),
        }),
        false => Err(wrong),
    }
}

fn faults(folder: &str, read: &FrontWire) -> Vec<(serde_saphyr::Location, String)> {
    let mut found = Vec::new();
    let (name, description) = (&read.name, &read.description);
    if let Some(problem) = name_problem(&name.value) {
        found.push((name.referenced, problem));
    } else if name.value != folder {
        let problem = format!(
            "the folder is `{folder}` but the skill calls itself `{}`",
            name.value
        );
        found.push((name.referenced, problem));
    }
    let said = description.value.trim();
    if said.is_empty() || said.len() > DESCRIPTION_BYTES_MAX {
        let bytes = said.len();
        let problem = format!(
            "`description` has {bytes} bytes; 1 to {DESCRIPTION_BYTES_MAX} say what the skill does and when to use it"
        );
        found.push((description.referenced, problem));
    }
    if said.chars().any(|c| c.is_control() && c != '\n') {
        found.push((
            description.referenced,
            "`description` holds control characters".to_owned(),
        ));
    }
    let compatibility = read.compatibility.as_ref();
    if let Some(text) = compatibility.filter(|text| text.value.len() > COMPATIBILITY_BYTES_MAX) {
        let problem = format!("`compatibility` has more than {COMPATIBILITY_BYTES_MAX} bytes");
        found.push((text.referenced, problem));
    }
    if let Some(license) = read
        .license
        .as_ref()
        .filter(|text| text.value.trim().is_empty())
    {
        found.push((license.referenced, "`license` is empty".to_owned()));
    }
    found
}

/// Why a skill cannot have this name, if so; by the specification.
pub fn name_problem(name: &str) -> Option<String> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(letters) || edges {
        return Some(format!(
            "`{}` cannot name a skill; use up to {NAME_MAX} small letters, digits and single `-` between them",
            name.escape_debug()
        ));
    }
    (name == SOUL).then(|| {
        "no skill can be called `soul`: that name gives the company's CLAUDE.md".to_owned()
    })
}

/// The YAML between the two lines of dashes, and the text after them.
fn front(text: &str) -> Option<(&str, &str)> {
    let rest = text
        .strip_prefix("---\n")
        .or_else(|| text.strip_prefix("---\r\n"))?;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}
