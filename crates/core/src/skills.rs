//! The advice an agent can ask for: its company's skills, then those of the company that the environment names, of the home, and the
//! shipped ones. A prompt carries their names alone; a text is loaded when it is asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::blueprint::yaml;
use crate::company::Skill;
use crate::company::skill::SOUL;

/// Bytes of one line of the index, a name and what it is for, as far as there is room: a line, the first words, the name alone.
const LINE_BYTES_MAX: [usize; 3] = [72, 44, 0];
/// Bytes of the whole index. It stands in every request of a run; six lines are what a small model still chooses among.
pub const INDEX_BYTES_MAX: usize = 360;
/// Bytes of one answer: a whole `SKILL.md`.
pub const LOADED_BYTES_MAX: usize = 16 << 10;
/// Names in an answer to one that is not known.
const NAMES_MAX: usize = 40;

/// Where skills lie. The first level that has one gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The company that works.
    Company(String),
    /// The company that `ALAI_COMPANY` names.
    Environment(String),
    /// `skills/` of the home.
    Home,
    /// The binary.
    Shipped,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Level::Company(name) => write!(f, "the company {name}"),
            Level::Environment(name) => write!(f, "the company {name} (ALAI_COMPANY)"),
            Level::Home => f.write_str("the home"),
            Level::Shipped => f.write_str("shipped"),
        }
    }
}

/// All skills that an agent of a company can load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    pub company: String,
    /// The whole soul, loaded by the name `soul`.
    pub soul: String,
    /// In the order in which they are looked through.
    pub levels: Vec<(Level, BTreeMap<String, Skill>)>,
}

/// One text, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The file's name, for a reader: `api-design` or `api-design/references/errors.md`.
    pub name: String,
    pub from: String,
    /// Whole.
    pub text: String,
    /// Files beside it that can be loaded too.
    pub files: Vec<String>,
}

impl Shelf {
    /// Whether there is a skill to be offered. A soul alone is none: its essence stands in the prompt.
    pub fn is_empty(&self) -> bool {
        self.levels.iter().all(|(_, skills)| skills.is_empty())
    }

    /// Each skill that can be loaded, by the level that gives it; the nearest level first, in the order of their names.
    pub fn all(&self) -> Vec<(&Skill, &Level)> {
        let mut found: Vec<(&Skill, &Level)> = Vec::new();
        for (level, skills) in &self.levels {
            for skill in skills.values() {
                if found.iter().all(|(known, _)| known.name != skill.name) {
                    found.push((skill, level));
                }
            }
        }
        found
    }

    /// Which levels were looked at for a name, in order, and whether each has it; up to all of them, so that a shadowed one is
    /// seen.
    pub fn chain(&self, name: &str) -> Vec<(&Level, bool)> {
        let levels = self.levels.iter();
        levels
            .map(|(level, skills)| (level, skills.contains_key(name)))
            .collect()
    }

    /// The skill of this name.
    pub fn find(&self, name: &str) -> Option<(&Skill, &Level)> {
        let mut levels = self.levels.iter();
        levels.find_map(|(level, skills)| Some((skills.get(name)?, level)))
    }

    /// One short line for each skill, the nearest level first: shorter where there is less room, and how many more there are where
    /// there is none. Empty where there is no skill.
    pub fn index(&self, bytes_max: usize) -> String {
        let bytes_max = bytes_max.min(INDEX_BYTES_MAX);
        let all = self.all();
        for line_max in LINE_BYTES_MAX {
            let index: String = all.iter().map(|(skill, _)| line(skill, line_max)).collect();
            if index.len() <= bytes_max {
                return index;
            }
        }
        let mut index = String::new();
        let mut left = all.len();
        for (skill, _) in &all {
            let (name, more) = (line(skill, 0), more(left - 1));
            if index.len() + name.len() + more.len() > bytes_max {
                break;
            }
            index.push_str(&name);
            left -= 1;
        }
        index + &more(left)
    }

    /// The text that an agent asks for.
    ///
    /// # Errors
    /// What to ask for instead, in words for the agent.
    pub fn load(&self, name: &str, file: Option<&str>) -> Result<Loaded, String> {
        let name = name.trim();
        if name == SOUL && file.is_none() {
            return Ok(Loaded {
                name: SOUL.to_owned(),
                from: Level::Company(self.company.clone()).to_string(),
                text: self.soul.clone(),
                files: Vec::new(),
            });
        }
        let Some((skill, level)) = self.find(name) else {
            return Err(self.unknown(name));
        };
        let files = || skill.files.keys().map(String::as_str);
        let (name, text) = match file.map(str::trim) {
            None | Some("SKILL.md" | "") => (skill.name.clone(), &skill.text),
            Some(file) => match skill.files.get(file) {
                Some(text) => (format!("{}/{file}", skill.name), text),
                None => {
                    let file: String = file.chars().take(80).collect();
                    return Err(format!(
                        "The skill `{}` has no file `{}`; {}.",
                        skill.name,
                        file.escape_debug(),
                        yaml::hint(&file, files())
                    ));
                }
            },
        };
        Ok(Loaded {
            name,
            from: level.to_string(),
            text: text.clone(),
            files: match file {
                None => files().map(str::to_owned).collect(),
                Some(_) => Vec::new(),
            },
        })
    }

    fn unknown(&self, name: &str) -> String {
        let all = self.all();
        let names = || {
            all.iter()
                .map(|(skill, _)| skill.name.as_str())
                .chain([SOUL])
        };
        let near = yaml::nearest(name, names());
        let near = near.map_or_else(String::new, |near| format!(" Did you mean `{near}`?"));
        let known: Vec<String> = names().take(NAMES_MAX).map(|n| format!("`{n}`")).collect();
        let name: String = name.chars().take(64).collect();
        let said = match name == "list" {
            true => String::new(),
            false => format!("There is no skill `{}`.{near} ", name.escape_debug()),
        };
        format!("{said}There are: {}.", known.join(", "))
    }
}

/// The name, and as many of the description's first words as fit.
fn line(skill: &Skill, bytes_max: usize) -> String {
    let mut line = format!("- {}", skill.name);
    for (number, word) in skill.description.split_whitespace().enumerate() {
        let between = if number == 0 { ": " } else { " " };
        if line.len() + between.len() + word.len() > bytes_max {
            break;
        }
        line.push_str(between);
        line.push_str(word);
    }
    line.push('\n');
    line
}

fn more(left: usize) -> String {
    match left {
        0 => String::new(),
        left => format!("- {left} more: name `list`\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skill(name: &str, description: &str) -> Skill {
        Skill {
            name: name.to_owned(),
            description: description.to_owned(),
            text: format!("text of {name}"),
            files: BTreeMap::from([("references/more.md".to_owned(), "more".to_owned())]),
        }
    }

    fn level(names: &[&str], from: &str) -> BTreeMap<String, Skill> {
        let one = |name: &&str| ((*name).to_owned(), skill(name, &format!("{from} words")));
        names.iter().map(one).collect()
    }

    fn shelf() -> Shelf {
        Shelf {
            company: "Own".to_owned(),
            soul: "# Own\n\nall of it".to_owned(),
            levels: vec![
                (
                    Level::Company("Own".to_owned()),
                    level(&["api", "both"], "own"),
                ),
                (
                    Level::Environment("Other".to_owned()),
                    level(&["both", "env"], "env"),
                ),
                (Level::Home, level(&["both", "home"], "home")),
                (Level::Shipped, level(&["shipped"], "shipped")),
            ],
        }
    }

    #[test]
    fn the_first_level_that_has_a_skill_gives_it() {
        let shelf = shelf();
        let from = |name: &str| shelf.find(name).map(|(_, level)| level.to_string());
        assert_eq!(from("both").as_deref(), Some("the company Own"));
        assert_eq!(
            from("env").as_deref(),
            Some("the company Other (ALAI_COMPANY)")
        );
        assert_eq!(from("home").as_deref(), Some("the home"));
        assert_eq!(from("shipped").as_deref(), Some("shipped"));
        assert_eq!(from("none"), None);
        let chain: Vec<bool> = shelf.chain("both").iter().map(|(_, has)| *has).collect();
        assert_eq!(chain, [true, true, true, false]);
        let names: Vec<&str> = shelf.all().iter().map(|(s, _)| s.name.as_str()).collect();
        assert_eq!(names, ["api", "both", "env", "home", "shipped"]);
    }

    #[test]
    fn texts_files_and_the_soul_are_loaded_whole() {
        let shelf = shelf();
        let loaded = shelf.load("api", None).expect("a skill");
        assert_eq!(loaded.text, "text of api");
        assert_eq!(loaded.files, ["references/more.md"]);
        let file = shelf
            .load("api", Some("references/more.md"))
            .expect("a file");
        assert_eq!(
            (file.name.as_str(), file.text.as_str()),
            ("api/references/more.md", "more")
        );
        assert_eq!(shelf.load("soul", None).expect("the soul").text, shelf.soul);
    }

    #[test]
    fn what_is_not_known_is_answered_with_the_nearest() {
        let shelf = shelf();
        let said = shelf.load("apy", None).expect_err("a slip");
        assert!(said.contains("Did you mean `api`?"), "{said}");
        assert!(said.contains("`home`") && said.contains("`soul`"), "{said}");
        let said = shelf
            .load("api", Some("../../secret"))
            .expect_err("no file");
        assert!(
            said.contains("no file") && said.contains("references/more.md"),
            "{said}"
        );
        let said = shelf.load("a\u{1b}[2J", None).expect_err("no name");
        assert!(!said.contains('\u{1b}'), "{said}");
        let said = shelf.load("list", None).expect_err("a list");
        assert!(said.starts_with("There are: `api`"), "{said}");
    }

    #[test]
    fn the_index_is_bounded_and_says_what_it_leaves_out() {
        let long = "words ".repeat(60);
        let skills = (0..20).map(|n| {
            let name = format!("skill-{n:02}");
            (name.clone(), skill(&name, &long))
        });
        let shelf = Shelf {
            levels: vec![(Level::Home, skills.collect())],
            ..Shelf::default()
        };
        let names = shelf.index(1_000_000);
        assert!(names.len() <= INDEX_BYTES_MAX && names.lines().count() == 20);
        for room in [200, 40] {
            let index = shelf.index(room);
            assert!(index.len() <= room.min(INDEX_BYTES_MAX), "{room}: {index}");
            assert!(index.contains(" more: name `list`"), "{room}: {index}");
        }
        assert_eq!(
            shelf.index(0),
            "- 20 more: name `list`\n",
            "that there are some is always said"
        );
        let few = Shelf {
            levels: vec![(Level::Home, level(&["api", "both"], "own"))],
            ..Shelf::default()
        };
        assert_eq!(few.index(300), "- api: own words\n- both: own words\n");
        assert_eq!(few.index(20), "- api\n- both\n");
        assert_eq!(Shelf::default().index(300), "");
        assert!(Shelf::default().is_empty());
    }
}
