//! `[qa]` of the settings: what a verdict needs beside the mandatory checks, in this home, for a project, for a company. The strictest word
//! of those that are said counts.

use std::collections::{BTreeMap, BTreeSet};

use alai_core::qa::{Check, Policy, Untried};
use alai_mission::{Mission, MissionError};
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// `[qa]` as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QaRules {
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applicable: Option<u32>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    required: BTreeSet<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    untried: Option<Untried>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    projects: BTreeMap<String, Part>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    companies: BTreeMap<String, Part>,
}

/// What one project or company says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applicable: Option<u32>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    required: BTreeSet<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    untried: Option<Untried>,
}

impl QaRules {
    /// What cannot be meant is refused, and not only when it is needed.
    pub(crate) fn checked(self) -> Result<QaRules, ConfigError> {
        let names = self.projects.keys().map(|name| (name.as_str(), ""));
        let all = names.chain(self.companies.keys().map(|name| ("", name.as_str())));
        for (project, company) in all.chain([("", "")]) {
            if let Some(fault) = self.policy(project, company, true).fault() {
                return Err(ConfigError::Value {
                    key: "qa",
                    value: fault,
                    want: "no less than the mandatory checks give, and no more than there are",
                });
            }
        }
        Ok(self)
    }

    /// What a change of a project is judged by, that a company has made. Without `sends` nobody is a verifier, and a person takes its place.
    pub(crate) fn policy(&self, project: &str, company: &str, sends: bool) -> Policy {
        let own = Part {
            score: self.score,
            applicable: self.applicable,
            required: self.required.clone(),
            untried: self.untried,
        };
        let parts = [
            Some(&own),
            self.projects.get(project),
            self.companies.get(company),
        ];
        let usual = Policy::default();
        let said = || parts.iter().copied().flatten();
        let untried = said().filter_map(|part| part.untried).max();
        Policy {
            score_min: said()
                .filter_map(|part| part.score)
                .max()
                .unwrap_or(usual.score_min),
            applicable_min: said()
                .filter_map(|part| part.applicable)
                .max()
                .unwrap_or(usual.applicable_min),
            required: said().flat_map(|part| part.required.clone()).collect(),
            untried: match untried.unwrap_or(usual.untried) {
                Untried::Verifier if !sends => Untried::Person,
                untried @ (Untried::Allow | Untried::Verifier | Untried::Person) => untried,
            },
        }
    }

    /// Writes down that other rules are in force than those that were noted last. A home that never had any begins with none.
    pub(crate) fn noted(&self, mission: &Mission, now_ms: i64) -> Result<(), MissionError> {
        let text = serde_json::to_string(self).expect("plain values always have a JSON form");
        mission.note_qa_rules(&text, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<QaRules, String> {
        let rules: QaRules = toml::from_str(text).map_err(|e| e.to_string())?;
        rules.checked().map_err(|e| e.to_string())
    }

    #[test]
    fn the_strictest_word_counts_and_none_is_less_than_what_is_mandatory() {
        let rules = read(
            "score = 14\nuntried = \"verifier\"\n[projects.shop]\nscore = 17\nrequired = [\"lint_format_types\"]\n\
             [companies.Proveo]\napplicable = 14\nuntried = \"person\"\n",
        )
        .expect("rules");
        let plain = rules.policy("tiny", "CodeCraft", true);
        assert_eq!((plain.score_min, plain.untried), (14, Untried::Verifier));
        assert_eq!(
            rules.policy("tiny", "CodeCraft", false).untried,
            Untried::Person
        );
        let both = rules.policy("shop", "Proveo", true);
        assert_eq!((both.score_min, both.applicable_min), (17, 14));
        assert_eq!(both.untried, Untried::Person);
        assert!(both.required.contains(&Check::LintFormatTypes));
        assert_eq!(
            QaRules::default().policy("shop", "Proveo", true),
            Policy::default()
        );
        for none in [
            "score = 13",
            "score = 20",
            "applicable = 3",
            "[projects.shop]\nscore = 2",
            "[companies.Proveo]\napplicable = 25",
            "mandatory = []",
            "required = [\"everything\"]",
        ] {
            assert!(read(none).is_err(), "{none}");
        }
    }
}
