//! The rails: what no agent does without a person. They judge a task's text, the change it made, and a command it wants.
//!
//! Rules only, no model: a classifier may raise the risk (`with_classifier`) and can never lower it. The text rules are one
//! layer of several; a determined writer can word around any list, which is why the diff and the commands are judged as well
//! and the cage has neither network nor credentials. Code for a checkout against a sandbox is ordinary work and passes.

mod command;
mod diff;
mod fold;
mod secret;
mod shell;
#[cfg(test)]
mod tests;
mod text;
mod wishes;

use serde::{Deserialize, Serialize};

pub use command::judge_command;
pub use diff::judge_diff;
pub use secret::find as credential_in;
pub use text::{judge_text, judge_text_but};

/// Bytes of a match that are shown. Enough to find it again.
const MATCHED_BYTES_MAX: usize = 120;

/// A rail that was hit: the work waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rail {
    pub rule: Rule,
    /// The words that hit it, for people. A credential is shown by its kind and first characters only.
    pub matched: String,
    /// Why that stops work, and what a person can do.
    pub why: String,
}

/// Which rail. The first six are the seeds' words; the others are about what would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    Ceo,
    Decision,
    BankId,
    Vipps,
    Finanstilsynet,
    Tender,
    /// Something that runs for real users would change.
    Production,
    /// Money would move.
    Money,
    /// A real secret would be used, shown or changed.
    Credential,
    /// Somebody outside would be told something.
    Outsider,
    /// What would be done cannot be read.
    Hidden,
    /// A model saw a risk that no rule names.
    Classifier,
}

impl Rule {
    pub const ALL: [Rule; 12] = [
        Rule::Ceo,
        Rule::Decision,
        Rule::BankId,
        Rule::Vipps,
        Rule::Finanstilsynet,
        Rule::Tender,
        Rule::Production,
        Rule::Money,
        Rule::Credential,
        Rule::Outsider,
        Rule::Hidden,
        Rule::Classifier,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Ceo => "ceo",
            Rule::Decision => "decision",
            Rule::BankId => "bank_id",
            Rule::Vipps => "vipps",
            Rule::Finanstilsynet => "finanstilsynet",
            Rule::Tender => "tender",
            Rule::Production => "production",
            Rule::Money => "money",
            Rule::Credential => "credential",
            Rule::Outsider => "outsider",
            Rule::Hidden => "hidden",
            Rule::Classifier => "classifier",
        }
    }

    pub fn parse(text: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| rule.as_str() == text)
    }

    fn why(self) -> &'static str {
        match self {
            Rule::Ceo => "it is the operator's own matter; a person does it or clears it",
            Rule::Decision => "it asks for a decision, and a person decides",
            Rule::BankId => "BankID is a regulated identity service; a person must clear the task",
            Rule::Vipps => "Vipps is a regulated payment service; a person must clear the task",
            Rule::Finanstilsynet => {
                "it concerns the financial supervisory authority; a person must clear the task"
            }
            Rule::Tender => "tenders bind the company; a person must clear the task",
            Rule::Production => {
                "it would change something that runs for real users; a person does it or clears it"
            }
            Rule::Money => {
                "it would move real money; a person does it, or the task names a sandbox"
            }
            Rule::Credential => {
                "it would use, show or change a real secret; a person does it, with a vault"
            }
            Rule::Outsider => "it would tell somebody outside something; a person sends it",
            Rule::Hidden => {
                "what it would do cannot be read, so it cannot be judged; write it in plain words"
            }
            Rule::Classifier => "a model saw a risk here; a person must clear the task",
        }
    }
}

impl Rail {
    fn hit(rule: Rule, matched: impl AsRef<str>) -> Rail {
        let line: String = matched
            .as_ref()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Rail {
            rule,
            matched: shortened(&line),
            why: rule.why().to_owned(),
        }
    }
}

/// Adds what a classifier thinks. It can stop what the rules let through; it cannot free what they stopped.
pub fn with_classifier(rules: Option<Rail>, risk: Option<&str>) -> Option<Rail> {
    rules.or_else(|| risk.map(|words| Rail::hit(Rule::Classifier, words)))
}

fn shortened(line: &str) -> String {
    if line.len() <= MATCHED_BYTES_MAX {
        return line.to_owned();
    }
    let cut = (0..=MATCHED_BYTES_MAX)
        .rev()
        .find(|at| line.is_char_boundary(*at))
        .unwrap_or(0);
    format!("{}…", &line[..cut])
}
