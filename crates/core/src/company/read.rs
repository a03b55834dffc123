//! Reads a pack: every file it needs, every key it knows, nothing else.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Activity, Agent, Company, Keyword, ModelChoice, Stage};
use crate::blueprint::{self, BlueprintError, ToolName, yaml};
use crate::brief::Role;

/// Bytes of one file of a pack. A skill is the largest and is read by a model, so it is small.
const FILE_BYTES_MAX: usize = 64 * 1024;
/// Soul and role prompt together: what every call of this company carries before the task begins. 6 KB are about 1,500
/// tokens, a fifth of the 8k window that the smallest useful local models are run with.
const VOICE_BYTES_MAX: usize = 6 * 1024;
/// Keywords of one company; more of them means that it wants everything.
const KEYWORDS_MAX: usize = 200;
const WEIGHT_MAX: u32 = 10;
/// Bytes of a keyword, a name, a line for people.
const LINE_BYTES_MAX: usize = 200;

/// Why a pack cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompanyError {
    #[error("the pack `{pack}` has no {file}; every pack needs it")]
    Missing { pack: String, file: String },
    #[error("{pack}/{file} is {bytes} bytes; at most {max} are read")]
    TooLarge {
        pack: String,
        file: String,
        bytes: usize,
        max: usize,
    },
    #[error("{pack}/{file}:{line}:{column}: unknown key `{key}`; {hint}")]
    UnknownKey {
        pack: String,
        file: String,
        line: u64,
        column: u64,
        key: String,
        hint: String,
    },
    #[error("{pack}/{file}:{line}:{column}: {problem}")]
    Unreadable {
        pack: String,
        file: String,
        line: u64,
        column: u64,
        problem: String,
    },
    #[error("{pack}/{file}: {problem}")]
    Invalid {
        pack: String,
        file: String,
        problem: String,
    },
    #[error("the pack `{pack}` has a blueprint that cannot be read: {source}")]
    Blueprint {
        pack: String,
        source: BlueprintError,
    },
    #[error("no company is called `{name}`; {hint}")]
    Unknown { name: String, hint: String },
    #[error("`{name}` names both {first} and {second}; a name belongs to one company")]
    TwoOwners {
        name: String,
        first: String,
        second: String,
    },
    #[error("{first} and {second} both want to be the default of stage {stage}; one can")]
    TwoDefaults {
        stage: &'static str,
        first: String,
        second: String,
    },
}

/// Reads one pack from its files: path inside the pack, with `/`, to text.
pub fn parse(files: &BTreeMap<String, String>) -> Result<Company, CompanyError> {
    let unnamed = Pack {
        name: "(unnamed)",
        files,
    };
    let card: CardWire = unnamed.json("company.json")?;
    let pack = Pack {
        name: &card.name,
        files,
    };
    pack.check_sizes()?;
    pack.check_strangers()?;
    pack.check_card(&card)?;
    let config: ConfigWire = pack.json("config.json")?;
    let company = Company {
        keywords: pack.keywords(&card)?,
        lead: pack.agent(Role::Lead)?,
        builder: pack.agent(Role::Builder)?,
        reviewer: pack.agent(Role::Reviewer)?,
        soul: pack.text("CLAUDE.md")?.trim().to_owned(),
        blueprints: pack.blueprints()?,
        skills: pack.skills(),
        aliases: card.aliases,
        kind: card.kind,
        stage: card.stage,
        default: card.default,
        name: card.name.clone(),
        domain: config.domain,
        overrides: config
            .tier_overrides
            .into_iter()
            .map(|(on, model)| (on, model.0))
            .collect(),
        blueprint: config.blueprint,
        blueprint_inputs: config.blueprint_inputs,
    };
    check_voice(&company)?;
    Ok(company)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardWire {
    schema: u32,
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    kind: String,
    stage: Stage,
    #[serde(default)]
    default: bool,
    routing: RoutingWire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoutingWire {
    keywords: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigWire {
    domain: String,
    #[serde(default)]
    tier_overrides: BTreeMap<Activity, ModelChoiceWire>,
    blueprint: String,
    #[serde(default)]
    blueprint_inputs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentWire {
    role: String,
    #[serde(default)]
    tier: Option<u8>,
    #[serde(default)]
    model: Option<String>,
    prompt: String,
    tools: Vec<String>,
    constraints: ConstraintsWire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstraintsWire {
    allowed_paths: Vec<String>,
    #[serde(default)]
    forbidden_paths: Vec<String>,
    write_locked: bool,
}

/// A tier as a number, or `"host:model"` as a text.
struct ModelChoiceWire(ModelChoice);

impl<'de> Deserialize<'de> for ModelChoiceWire {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Choice;
        impl Visitor<'_> for Choice {
            type Value = ModelChoiceWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tier from 1 to 5, or \"host:model\"")
            }

            fn visit_u64<E: de::Error>(self, tier: u64) -> Result<ModelChoiceWire, E> {
                self.visit_str(&tier.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ModelChoiceWire, E> {
                ModelChoice::parse(text)
                    .map(ModelChoiceWire)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        from.deserialize_any(Choice)
    }
}

/// The files of one pack and the name that errors call it by.
struct Pack<'a> {
    name: &'a str,
    files: &'a BTreeMap<String, String>,
}

impl Pack<'_> {
    fn text(&self, file: &str) -> Result<&str, CompanyError> {
        self.files
            .get(file)
            .map(String::as_str)
            .ok_or_else(|| CompanyError::Missing {
                pack: self.name.to_owned(),
                file: file.to_owned(),
            })
    }

    fn invalid(&self, file: &str, problem: impl Into<String>) -> CompanyError {
        CompanyError::Invalid {
            pack: self.name.to_owned(),
            file: file.to_owned(),
            problem: problem.into(),
        }
    }

    fn check_sizes(&self) -> Result<(), CompanyError> {
        match self
            .files
            .iter()
            .find(|(_, text)| text.len() > FILE_BYTES_MAX)
        {
            None => Ok(()),
            Some((file, text)) => Err(CompanyError::TooLarge {
                pack: self.name.to_owned(),
                file: file.clone(),
                bytes: text.len(),
                max: FILE_BYTES_MAX,
            }),
        }
    }

    /// A file in a folder that is read, under a name that is not, is a slip that would otherwise do nothing.
    fn check_strangers(&self) -> Result<(), CompanyError> {
        const AGENTS: [&str; 4] = [
            "lead.yaml",
            "builder.yaml",
            "reviewer.yaml",
            "validator.yaml",
        ];
        for file in self.files.keys() {
            if let Some(name) = file.strip_prefix("agents/")
                && !AGENTS.contains(&name)
            {
                let hint = yaml::hint(name, AGENTS.into_iter());
                return Err(self.invalid(file, format!("no agent is read from here; {hint}")));
            }
            if let Some(name) = file.strip_prefix("blueprints/")
                && !blueprint::is_template(name)
                && name
                    .strip_suffix(".yaml")
                    .is_none_or(|stem| stem.contains('/'))
            {
                let problem = "blueprints are files `blueprints/NAME.yaml`, templates `blueprints/templates/NAME`";
                return Err(self.invalid(file, problem));
            }
        }
        Ok(())
    }

    fn json<T: DeserializeOwned>(&self, file: &str) -> Result<T, CompanyError> {
        serde_json::from_str(self.text(file)?).map_err(|error| self.json_fault(file, &error))
    }

    fn json_fault(&self, file: &str, error: &serde_json::Error) -> CompanyError {
        let (pack, file) = (self.name.to_owned(), file.to_owned());
        let line = u64::try_from(error.line()).unwrap_or(u64::MAX);
        let column = u64::try_from(error.column()).unwrap_or(u64::MAX);
        let message = error.to_string();
        let message = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(said, _)| said);
        // serde_json tells an unknown key only in its message: "unknown field `a`, expected one of `b`, `c`".
        let mut quoted = message.split('`').skip(1).step_by(2);
        let unknown =
            message.starts_with("unknown field") || message.starts_with("unknown variant");
        match quoted.next().filter(|_| unknown) {
            Some(key) => {
                let known: Vec<&str> = quoted.collect();
                let hint = yaml::hint(key, known.iter().copied());
                CompanyError::UnknownKey {
                    pack,
                    file,
                    line,
                    column,
                    key: key.to_owned(),
                    hint,
                }
            }
            None => CompanyError::Unreadable {
                pack,
                file,
                line,
                column,
                problem: message.to_owned(),
            },
        }
    }

    fn yaml<T: DeserializeOwned>(&self, file: &str) -> Result<T, CompanyError> {
        yaml::read(self.text(file)?).map_err(|fault| {
            let (pack, file) = (self.name.to_owned(), file.to_owned());
            let (line, column) = (fault.line, fault.column);
            match fault.what {
                yaml::FaultKind::UnknownKey { key, hint } => CompanyError::UnknownKey {
                    pack,
                    file,
                    line,
                    column,
                    key,
                    hint,
                },
                yaml::FaultKind::Shape(problem) => CompanyError::Unreadable {
                    pack,
                    file,
                    line,
                    column,
                    problem,
                },
            }
        })
    }

    fn check_card(&self, card: &CardWire) -> Result<(), CompanyError> {
        const FILE: &str = "company.json";
        if card.schema != 2 {
            let problem = format!(
                "schema {} is not known; this alai reads schema 2",
                card.schema
            );
            return Err(self.invalid(FILE, problem));
        }
        for name in std::iter::once(&card.name).chain(&card.aliases) {
            let plain = name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
            if !plain || !first || name.len() > LINE_BYTES_MAX {
                // It becomes a folder and a word of commands.
                let problem =
                    format!("`{name}` cannot name a company; use letters, digits, `-` and `_`");
                return Err(self.invalid(FILE, problem));
            }
        }
        match one_line(&card.kind) {
            true => Ok(()),
            false => Err(self.invalid(FILE, "`kind` must be one short line")),
        }
    }

    fn keywords(&self, card: &CardWire) -> Result<Vec<Keyword>, CompanyError> {
        const FILE: &str = "company.json";
        let keywords = &card.routing.keywords;
        if keywords.len() > KEYWORDS_MAX {
            let problem = format!(
                "{} keywords; at most {KEYWORDS_MAX} are read",
                keywords.len()
            );
            return Err(self.invalid(FILE, problem));
        }
        for (word, weight) in keywords {
            if !one_line(word) || !word.chars().any(char::is_alphanumeric) {
                return Err(self.invalid(
                    FILE,
                    format!("`{word}` cannot be a keyword; it holds no word"),
                ));
            }
            if !(1..=WEIGHT_MAX).contains(weight) {
                let problem =
                    format!("keyword `{word}` weighs {weight}; it must be 1 to {WEIGHT_MAX}");
                return Err(self.invalid(FILE, problem));
            }
        }
        Ok(keywords
            .iter()
            .map(|(word, weight)| Keyword {
                word: word.clone(),
                weight: *weight,
            })
            .collect())
    }

    fn agent(&self, role: Role) -> Result<Agent, CompanyError> {
        let mut file = format!("agents/{}.yaml", role.as_str());
        // The original called the reviewer a validator in some packs.
        if role == Role::Reviewer
            && !self.files.contains_key(&file)
            && self.files.contains_key("agents/validator.yaml")
        {
            file = "agents/validator.yaml".to_owned();
        }
        let wire: AgentWire = self.yaml(&file)?;
        let named =
            wire.role == role.as_str() || (role == Role::Reviewer && wire.role == "validator");
        if !named {
            let problem = format!(
                "`role` is `{}`; in this file it must be `{}`",
                wire.role,
                role.as_str()
            );
            return Err(self.invalid(&file, problem));
        }
        let agent = Agent {
            role,
            prompt: wire.prompt.trim().to_owned(),
            model: self.model(&file, wire.tier, wire.model.as_deref())?,
            allowed_paths: wire.constraints.allowed_paths,
            forbidden_paths: wire.constraints.forbidden_paths,
            write_locked: wire.constraints.write_locked,
            tools: self.tools(&file, &wire.tools)?,
        };
        if agent.prompt.is_empty() {
            return Err(self.invalid(&file, "`prompt` is empty"));
        }
        for glob in agent.allowed_paths.iter().chain(&agent.forbidden_paths) {
            if let Some(problem) = glob_problem(glob) {
                return Err(self.invalid(&file, format!("the path `{glob}` is refused: {problem}")));
            }
        }
        match self.lock_problem(&agent) {
            Some(problem) => Err(self.invalid(&file, problem)),
            None => Ok(agent),
        }
    }

    fn model(
        &self,
        file: &str,
        tier: Option<u8>,
        model: Option<&str>,
    ) -> Result<ModelChoice, CompanyError> {
        let choice = match (tier, model) {
            (Some(tier), None) => ModelChoice::parse(&tier.to_string()),
            (None, Some(model)) => ModelChoice::parse(model),
            (Some(_), Some(_)) => {
                return Err(self.invalid(file, "`tier` and `model` exclude each other"));
            }
            (None, None) => {
                return Err(self.invalid(
                    file,
                    "give `tier: 1` to `tier: 5`, or `model: \"host:model\"`",
                ));
            }
        };
        choice.ok_or_else(|| {
            self.invalid(
                file,
                "`tier` must be 1 to 5, `model` must read \"host:model\"",
            )
        })
    }

    fn tools(&self, file: &str, names: &[String]) -> Result<Vec<ToolName>, CompanyError> {
        let mut tools = Vec::new();
        for name in names {
            let Some(tool) = ToolName::parse(name) else {
                let hint = yaml::hint(name, ToolName::ALL.iter().map(|tool| tool.as_str()));
                return Err(self.invalid(file, format!("no tool is called `{name}`; {hint}")));
            };
            if tools.contains(&tool) {
                return Err(self.invalid(file, format!("the tool `{name}` is listed twice")));
            }
            tools.push(tool);
        }
        match tools.contains(&ToolName::Done) {
            true => Ok(tools),
            false => Err(self.invalid(file, "`tools` lacks `done`; the agent could never end")),
        }
    }

    /// What a role may never be given, whatever its file says.
    fn lock_problem(&self, agent: &Agent) -> Option<String> {
        let writes = agent
            .tools
            .iter()
            .any(|tool| matches!(tool, ToolName::Edit | ToolName::Write));
        match agent.role {
            Role::Lead => {
                let own = format!("companies/{}/", self.name);
                let outside = agent.allowed_paths.iter().find(|path| !path.starts_with(&own));
                match outside {
                    Some(path) => Some(format!("a lead writes only below `{own}`; `{path}` is outside")),
                    None if !agent.write_locked => Some("a lead must be `write_locked: true`".to_owned()),
                    None => None,
                }
            }
            Role::Builder if agent.allowed_paths.is_empty() => {
                Some("a builder without `allowed_paths` can build nothing; `[\"**\"]` is its whole clone".to_owned())
            }
            Role::Builder => None,
            Role::Reviewer if !agent.allowed_paths.is_empty() || !agent.write_locked || writes => Some(
                "a reviewer cannot write: `allowed_paths: []`, `write_locked: true`, no `edit`, no `write`".to_owned(),
            ),
            Role::Reviewer => None,
        }
    }

    fn blueprints(&self) -> Result<BTreeMap<String, String>, CompanyError> {
        let mut blueprints = BTreeMap::new();
        for (file, text) in self.files {
            if let Some(name) = file
                .strip_prefix("blueprints/")
                .filter(|n| blueprint::is_template(n))
            {
                blueprints.insert(name.to_owned(), text.clone());
                continue;
            }
            let stem = file
                .strip_prefix("blueprints/")
                .and_then(|name| name.strip_suffix(".yaml"));
            let Some(stem) = stem else { continue };
            let raw = blueprint::parse(text, file).map_err(|source| CompanyError::Blueprint {
                pack: self.name.to_owned(),
                source,
            })?;
            if raw.name != stem {
                return Err(self.invalid(
                    file,
                    format!("the file is `{stem}` but calls itself `{}`", raw.name),
                ));
            }
            blueprints.insert(stem.to_owned(), text.clone());
        }
        Ok(blueprints)
    }

    fn skills(&self) -> BTreeMap<String, String> {
        let skill = |file: &str| {
            let name = file.strip_prefix("skills/")?.strip_suffix("/SKILL.md")?;
            (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
        };
        self.files
            .iter()
            .filter_map(|(file, text)| Some((skill(file)?, text.clone())))
            .collect()
    }
}

fn check_voice(company: &Company) -> Result<(), CompanyError> {
    let invalid = |file: &str, problem: String| CompanyError::Invalid {
        pack: company.name.clone(),
        file: file.to_owned(),
        problem,
    };
    if company.soul.is_empty() {
        return Err(invalid("CLAUDE.md", "the soul is empty".to_owned()));
    }
    for role in [Role::Lead, Role::Builder, Role::Reviewer] {
        let bytes = company.soul.len() + company.agent(role).prompt.len();
        if bytes > VOICE_BYTES_MAX {
            let problem = format!(
                "soul and {} prompt are {bytes} bytes together; at most {VOICE_BYTES_MAX} fit a small model. Move \
                 what is rarely needed into a skill",
                role.as_str()
            );
            return Err(invalid("CLAUDE.md", problem));
        }
    }
    if !one_line(&company.domain) {
        return Err(invalid(
            "config.json",
            "`domain` must be one short line".to_owned(),
        ));
    }
    Ok(())
}

fn one_line(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= LINE_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Why a glob cannot stand in a constraint, if so. Everything is relative, so that no pack names a place outside.
fn glob_problem(glob: &str) -> Option<&'static str> {
    if glob.is_empty() || glob.len() > LINE_BYTES_MAX || glob.chars().any(char::is_control) {
        return Some("it is empty, too long or holds control characters");
    }
    if glob.starts_with('/')
        || glob.starts_with('~')
        || glob.contains('\\')
        || glob.get(1..2) == Some(":")
    {
        return Some("paths are relative and use `/`");
    }
    if glob.split('/').any(|part| part == ".." || part == ".") {
        return Some("`.` and `..` leave the folder it is meant for");
    }
    None
}
