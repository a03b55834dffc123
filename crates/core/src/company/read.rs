//! Reads a pack: every file it needs, every key it knows, nothing else. All that is wrong is found in one go.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::json::{self, Places};
use super::problem::{At, CompanyError};
use super::{Company, Keyword, ModelChoice, Skill, Stage, Texts, agents, config, mcp, skill, soul};
use crate::blueprint;
use crate::blueprint::yaml::{self, Fault, FaultKind};
use crate::brief::Role;
use crate::routing::Domain;

/// Bytes of one file of a pack. A template of a scaffold is the largest.
const FILE_BYTES_MAX: usize = 64 * 1024;
/// Essence and role prompt together: what every call of this company carries before the task begins. 6 KB are about 1,500
/// tokens, a fifth of the 8k window that the smallest useful local models are run with.
const VOICE_BYTES_MAX: usize = 6 * 1024;
/// Keywords of one company; more of them means that it wants everything.
pub(super) const KEYWORDS_MAX: usize = 200;
pub(super) const WEIGHT_MAX: u32 = 10;
/// Skills of one company: each is a line of every first request.
const SKILLS_MAX: usize = 32;
/// Bytes of a keyword, a name, a line for people.
pub(super) const LINE_BYTES_MAX: usize = 200;
pub(super) const CARD: &str = "company.json";
const SOUL: &str = "CLAUDE.md";

/// Reads one pack from its files: path inside the pack, with `/`, to text.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(files: &BTreeMap<String, String>) -> Result<(Company, Texts), CompanyError> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let named = files
        .get(CARD)
        .and_then(|text| serde_json::from_str(text).ok());
    let folder = named.map_or("(unnamed)".to_owned(), |named: Named| named.name);
    check(&folder, files).map_err(first)
}

/// Reads the pack of one folder.
///
/// # Errors
/// Everything that is wrong with it, file by file.
pub fn check(
    folder: &str,
    files: &BTreeMap<String, String>,
) -> Result<(Company, Texts), Vec<CompanyError>> {
    let mut pack = Pack {
        name: folder,
        files,
        problems: Vec::new(),
    };
    let company = pack.company();
    match (company, pack.problems.is_empty()) {
        (Some(company), true) => Ok(company),
        (_, _) => Err(pack.problems),
    }
}

pub(super) fn first(problems: Vec<CompanyError>) -> CompanyError {
    let first = problems.into_iter().next();
    first.expect("a pack that is refused has a reason")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CardWire {
    schema: u32,
    name: String,
    pub(super) version: String,
    #[serde(rename = "type")]
    house: String,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    pub(super) stages: BTreeMap<Stage, Role>,
    #[serde(default)]
    pub(super) default: Vec<Stage>,
    #[serde(default)]
    pub(super) domains: Vec<Domain>,
    pub(super) routing: RoutingWire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoutingWire {
    pub(super) keywords: BTreeMap<String, u32>,
    #[serde(default)]
    pub(super) negative: BTreeMap<String, u32>,
}

/// The files of one pack, the name that errors call it by, and what was found wrong so far.
pub(super) struct Pack<'a> {
    pub(super) name: &'a str,
    pub(super) files: &'a BTreeMap<String, String>,
    pub(super) problems: Vec<CompanyError>,
}

impl<'a> Pack<'a> {
    /// None where a file could not be read at all; what else is wrong stands in `problems`.
    fn company(&mut self) -> Option<(Company, Texts)> {
        self.check_sizes();
        self.check_strangers();
        let card = self.card();
        let config = self.config(card.as_ref().map(|card| &card.stages));
        let essence = self.essence();
        let model = |choice: fn(&config::Config) -> &ModelChoice| {
            config
                .as_ref()
                .map_or(ModelChoice::Human, |config| choice(config).clone())
        };
        let lead = self.agent(Role::Lead, model(|config| &config.lead));
        let builder = self.agent(Role::Builder, model(|config| &config.builder));
        let reviewer = self.agent(Role::Reviewer, model(|config| &config.reviewer));
        let blueprints = self.blueprints();
        let skills = self.skills();
        let mcp = self.optional("config/mcp.json", mcp::overlay);
        let grants = self.optional("config/tools.json", mcp::grants);
        let (card, config) = (card?, config?);
        let texts = Texts {
            soul: self.text(SOUL)?.trim().to_owned(),
            blueprints,
            skills,
        };
        let company = Company {
            name: card.name,
            version: card.version,
            aliases: card.aliases,
            house: card.house,
            domain: config.domain,
            stages: card.stages,
            default: card.default.into_iter().collect(),
            domains: card.domains,
            keywords: weighed(card.routing.keywords),
            negative: weighed(card.routing.negative),
            lead: lead?,
            builder: builder?,
            reviewer: reviewer?,
            overrides: config.overrides,
            walks: config.walks,
            blueprint_inputs: config.blueprint_inputs,
            essence: essence?,
            blueprints: texts.blueprints.keys().cloned().collect(),
            skills: texts.skills.keys().cloned().collect(),
            mcp: mcp?,
            grants: grants?,
            closed: None,
        };
        self.check_voice(&company);
        Some((company, texts))
    }

    pub(super) fn wrong(&mut self, file: &str, at: impl Into<At>, problem: impl Into<String>) {
        self.problems.push(CompanyError::Invalid {
            pack: self.name.to_owned(),
            file: file.to_owned(),
            at: at.into(),
            problem: problem.into(),
        });
    }

    fn text(&mut self, file: &str) -> Option<&'a str> {
        let found = self.files.get(file).map(String::as_str);
        if found.is_none() {
            self.problems.push(CompanyError::Missing {
                pack: self.name.to_owned(),
                file: file.to_owned(),
            });
        }
        found
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self, file: &str) -> Option<(T, Places<'a>)> {
        let read = json::read(self.text(file)?);
        read.map_err(|fault| self.fault(file, fault)).ok()
    }

    pub(super) fn yaml<T: DeserializeOwned>(&mut self, file: &str) -> Option<T> {
        let read = yaml::read(self.text(file)?);
        read.map_err(|fault| self.fault(file, fault)).ok()
    }

    /// A file that need not be there.
    fn optional<T: Default>(
        &mut self,
        file: &str,
        read: fn(&str) -> Result<(T, mcp::Problems), Fault>,
    ) -> Option<T> {
        let Some(text) = self.files.get(file) else {
            return Some(T::default());
        };
        match read(text) {
            Ok((read, problems)) => {
                for (at, problem) in problems {
                    self.wrong(file, at, problem);
                }
                Some(read)
            }
            Err(fault) => {
                self.fault(file, fault);
                None
            }
        }
    }

    fn fault(&mut self, file: &str, fault: Fault) {
        let at = At {
            line: fault.line,
            column: fault.column,
        };
        match fault.what {
            FaultKind::Shape(problem) => self.wrong(file, at, problem),
            FaultKind::UnknownKey { key, hint } => {
                let hint = moved(file, &key).map_or(hint, str::to_owned);
                self.problems.push(CompanyError::UnknownKey {
                    pack: self.name.to_owned(),
                    file: file.to_owned(),
                    at,
                    key,
                    hint,
                });
            }
        }
    }

    fn check_sizes(&mut self) {
        for (file, text) in self.files {
            let template = file
                .strip_prefix("blueprints/")
                .is_some_and(blueprint::is_template);
            // A lockfile is written as a whole, by a scaffold that has its own limit.
            let max = match template {
                true => blueprint::SCAFFOLD_BYTES_MAX,
                false => FILE_BYTES_MAX,
            };
            if text.len() > max {
                self.problems.push(CompanyError::TooLarge {
                    pack: self.name.to_owned(),
                    file: file.clone(),
                    bytes: text.len(),
                    max,
                });
            }
        }
    }

    /// A file in a folder that is read, under a name that is not, is a slip that would otherwise do nothing.
    fn check_strangers(&mut self) {
        const CONFIG: [&str; 2] = ["mcp.json", "tools.json"];
        for file in self.files.keys() {
            let Some((folder, name)) = file.split_once('/') else {
                continue;
            };
            match folder {
                "agents" if !agents::FILES.contains(&name) => {
                    let hint = yaml::hint(name, agents::FILES.into_iter());
                    self.wrong(
                        file,
                        At::NOWHERE,
                        format!("no agent is read from here; {hint}"),
                    );
                }
                "config" if !CONFIG.contains(&name) => {
                    let hint = yaml::hint(name, CONFIG.into_iter());
                    self.wrong(
                        file,
                        At::NOWHERE,
                        format!("nothing is read from here; {hint}"),
                    );
                }
                "skills" if !self.belongs_to_a_skill(name) => {
                    let problem = "a skill is a folder `skills/NAME/` with a `SKILL.md`";
                    self.wrong(file, At::NOWHERE, problem);
                }
                "blueprints" if !is_of_blueprints(name) => {
                    let problem = "blueprints are files `blueprints/NAME.yaml`, templates `blueprints/templates/NAME`";
                    self.wrong(file, At::NOWHERE, problem);
                }
                _ => {}
            }
        }
    }

    fn belongs_to_a_skill(&self, name: &str) -> bool {
        name.split_once('/')
            .is_some_and(|(skill, _)| self.files.contains_key(&format!("skills/{skill}/SKILL.md")))
    }

    fn card(&mut self) -> Option<CardWire> {
        let (card, places): (CardWire, Places<'_>) = self.json(CARD)?;
        if card.schema != 2 {
            let problem = format!(
                "schema {} is not known; this alai reads schema 2",
                card.schema
            );
            self.wrong(CARD, places.at(&["schema"]), problem);
        }
        if card.name != self.name && names_a_company(&card.name) {
            let problem = format!(
                "the folder is `{}` but the company calls itself `{}`",
                self.name, card.name
            );
            self.wrong(CARD, places.at(&["name"]), problem);
        }
        self.check_names(&card, &places);
        if !is_version(&card.version) {
            let problem = format!(
                "the version `{}` is not MAJOR.MINOR.PATCH, as 1.0.0 is",
                card.version.escape_debug()
            );
            self.wrong(CARD, places.at(&["version"]), problem);
        }
        if !one_line(&card.house) {
            self.wrong(CARD, places.at(&["type"]), "`type` must be one short line");
        }
        self.check_stages(&card, &places);
        for (index, domain) in card.domains.iter().enumerate() {
            if card.domains[..index].contains(domain) {
                let problem = format!("the domain `{}` is listed twice", domain.as_str());
                self.wrong(CARD, places.at(&["domains", &index.to_string()]), problem);
            }
        }
        self.check_words("keywords", &card.routing.keywords, &places);
        self.check_words("negative", &card.routing.negative, &places);
        let forms: BTreeSet<String> = card
            .routing
            .keywords
            .keys()
            .map(|word| form(word))
            .collect();
        for word in card.routing.negative.keys() {
            if forms.contains(&form(word)) {
                let problem = format!("`{word}` speaks for the company and against it; keep one");
                self.wrong(CARD, places.at(&["routing", "negative", word]), problem);
            }
        }
        Some(card)
    }

    fn check_names(&mut self, card: &CardWire, places: &Places<'_>) {
        let mut seen = BTreeSet::from([card.name.to_lowercase()]);
        if !names_a_company(&card.name) {
            self.wrong(CARD, places.at(&["name"]), no_name(&card.name));
        }
        for (index, alias) in card.aliases.iter().enumerate() {
            let at = || places.at(&["aliases", &index.to_string()]);
            if !names_a_company(alias) {
                self.wrong(CARD, at(), no_name(alias));
            } else if !seen.insert(alias.to_lowercase()) {
                self.wrong(
                    CARD,
                    at(),
                    format!("the company has the name `{alias}` already"),
                );
            }
        }
    }

    fn check_stages(&mut self, card: &CardWire, places: &Places<'_>) {
        if card.stages.is_empty() {
            let problem = "a company works at one stage at least, as `{\"build\": \"builder\"}`";
            self.wrong(CARD, places.at(&["stages"]), problem);
        }
        for (stage, role) in &card.stages {
            let fits = stage.role();
            if *role != fits {
                let (stage, role, fits) = (stage.as_str(), role.as_str(), fits.as_str());
                let problem = format!("at stage {stage} works a {fits}, not a {role}");
                self.wrong(CARD, places.at(&["stages", stage]), problem);
            }
        }
        for (index, stage) in card.default.iter().enumerate() {
            let at = || places.at(&["default", &index.to_string()]);
            let name = stage.as_str();
            if !card.stages.contains_key(stage) {
                let problem =
                    format!("it cannot be the default of stage {name}: `stages` does not list it");
                self.wrong(CARD, at(), problem);
            } else if card.default[..index].contains(stage) {
                self.wrong(CARD, at(), format!("the stage {name} is listed twice"));
            }
        }
    }

    fn check_words(&mut self, key: &str, words: &BTreeMap<String, u32>, places: &Places<'_>) {
        if words.len() > KEYWORDS_MAX {
            let problem = format!("{} words; at most {KEYWORDS_MAX} are read", words.len());
            self.wrong(CARD, places.at(&["routing", key]), problem);
        }
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (word, weight) in words {
            // A place is looked for only where something is wrong.
            let at = || places.at(&["routing", key, word]);
            if !one_line(word) || !word.chars().any(char::is_alphanumeric) {
                let problem = format!(
                    "`{}` cannot be a keyword; it holds no word",
                    word.escape_debug()
                );
                self.wrong(CARD, at(), problem);
            } else if !(1..=WEIGHT_MAX).contains(weight) {
                let problem =
                    format!("keyword `{word}` weighs {weight}; it must be 1 to {WEIGHT_MAX}");
                self.wrong(CARD, at(), problem);
            } else if let Some(other) = seen.insert(form(word), word) {
                let problem = format!("`{word}` and `{other}` are the same keyword; keep one");
                self.wrong(CARD, at(), problem);
            }
        }
    }

    fn essence(&mut self) -> Option<String> {
        let text = self.text(SOUL)?;
        match soul::essence(self.name, text) {
            Ok(essence) => Some(essence),
            Err(problems) => {
                for (at, problem) in problems {
                    self.wrong(SOUL, at, problem);
                }
                None
            }
        }
    }

    fn blueprints(&mut self) -> BTreeMap<String, String> {
        let mut blueprints = BTreeMap::new();
        for (file, text) in self.files {
            let Some(name) = file.strip_prefix("blueprints/") else {
                continue;
            };
            if blueprint::is_template(name) {
                blueprints.insert(name.to_owned(), text.clone());
                continue;
            }
            let stem = name
                .strip_suffix(".yaml")
                .filter(|stem| !stem.contains('/'));
            let Some(stem) = stem else { continue };
            let origin = format!("{}/{file}", self.name);
            match blueprint::parse(text, &origin) {
                Err(source) => self.problems.push(CompanyError::Blueprint {
                    pack: self.name.to_owned(),
                    source,
                }),
                Ok(raw) if raw.name != stem => {
                    let problem = format!("the file is `{stem}` but calls itself `{}`", raw.name);
                    self.wrong(file, line_of(text, "name:"), problem);
                }
                Ok(_) => {
                    blueprints.insert(stem.to_owned(), text.clone());
                }
            }
        }
        blueprints
    }

    fn skills(&mut self) -> BTreeMap<String, Skill> {
        let mut skills: BTreeMap<String, Skill> = BTreeMap::new();
        for (file, text) in self.files {
            let inside = file.strip_prefix("skills/");
            let Some((name, "SKILL.md")) = inside.and_then(|inside| inside.split_once('/')) else {
                continue;
            };
            match skill::parse(name, text) {
                Ok(skill) => {
                    skills.insert(name.to_owned(), skill);
                }
                Err(problems) => {
                    for wrong in problems {
                        self.wrong(file, wrong.at, wrong.problem);
                    }
                }
            }
        }
        for (name, skill) in &mut skills {
            let folder = format!("skills/{name}/");
            let beside = self.files.iter().filter_map(|(file, text)| {
                let inside = file.strip_prefix(&folder)?;
                (inside != "SKILL.md").then(|| (inside.to_owned(), text.clone()))
            });
            skill.files = beside.collect();
        }
        if skills.len() > SKILLS_MAX {
            let problem = format!(
                "{} skills; at most {SKILLS_MAX} are named in a prompt",
                skills.len()
            );
            self.wrong("skills", At::NOWHERE, problem);
        }
        skills
    }

    fn check_voice(&mut self, company: &Company) {
        for role in [Role::Lead, Role::Builder, Role::Reviewer] {
            let bytes = company.essence.len() + company.agent(role).prompt.len();
            if bytes > VOICE_BYTES_MAX {
                let role = role.as_str();
                let file = format!("agents/{role}.yaml");
                let at = self
                    .files
                    .get(&file)
                    .map_or(At::NOWHERE, |text| line_of(text, "prompt:"));
                let problem = format!(
                    "essence and {role} prompt are {bytes} bytes together; at most {VOICE_BYTES_MAX} fit a small model. \
                     Move what is rarely needed into a skill"
                );
                self.wrong(&file, at, problem);
            }
        }
    }
}

/// Where a key went that older packs have.
fn moved(file: &str, key: &str) -> Option<&'static str> {
    match (file, key) {
        (CARD, "kind") => Some("it is called `type` now"),
        (CARD, "stage") => Some("write `\"stages\": {\"build\": \"builder\"}`"),
        (config::FILE, "blueprint") => Some("write `\"blueprints\": {\"build\": \"NAME\"}`"),
        (file, "tier" | "model") if file.starts_with("agents/") => Some(
            "an agent's model stands in config.json: `\"agents\": {\"lead\": {\"type\": \"orchestrator\", \"model\": 3}}`",
        ),
        (_, _) => None,
    }
}

fn is_of_blueprints(name: &str) -> bool {
    blueprint::is_template(name)
        || name
            .strip_suffix(".yaml")
            .is_some_and(|stem| !stem.contains('/'))
}

/// It becomes a folder and a word of commands.
pub(super) fn names_a_company(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(letters)
        && name.len() <= LINE_BYTES_MAX
}

fn no_name(name: &str) -> String {
    let name = name.escape_debug();
    format!("`{name}` cannot name a company; use letters, digits, `-` and `_`")
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &&str| {
        !part.is_empty()
            && part.len() <= 9
            && part.chars().all(|c| c.is_ascii_digit())
            && (*part == "0" || !part.starts_with('0'))
    };
    parts.len() == 3 && parts.iter().all(number)
}

/// A keyword as routing compares it: its words, in small letters.
fn form(word: &str) -> String {
    let small = word.to_lowercase();
    let words: Vec<&str> = small
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

pub(super) fn weighed(words: BTreeMap<String, u32>) -> Vec<Keyword> {
    let words = words.into_iter();
    words
        .map(|(word, weight)| Keyword { word, weight })
        .collect()
}

/// The first line that begins with a key; the file as a whole where none does.
fn line_of(text: &str, key: &str) -> At {
    let found = text.lines().position(|line| line.starts_with(key));
    found.map_or(At::NOWHERE, At::line)
}

pub(super) fn one_line(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= LINE_BYTES_MAX && !text.chars().any(char::is_control)
}
