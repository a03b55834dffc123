//! Which model answers: five tiers filled by probing what is there, or a recording.

use std::path::Path;
use std::sync::Mutex;

use alai_core::brief::Price;
use alai_core::company::ModelChoice;
use alai_fleet::profiles::Profiles;
use alai_fleet::{
    ModelCard, OllamaHost, Probe, ProbeState, Profile, Provider, Script, Tiers, pick, probe,
};

use crate::config::{Config, ConfigError};

/// The fleet as this factory sees it.
#[derive(Debug)]
pub struct Models {
    source: Source,
    /// How the models of a family are run.
    profiles: Profiles,
    found: Mutex<Found>,
}

#[derive(Debug, Clone)]
enum Source {
    Script(Script),
    Ollama(OllamaHost),
}

/// What the last probe found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub tiers: Tiers,
    pub cards: Vec<ModelCard>,
    /// Why no model can be used, with what to do; empty when one can.
    pub none: String,
}

/// A model to work with.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) provider: Provider,
    pub(crate) model: String,
    pub(crate) profile: Profile,
}

impl Chosen {
    /// What the model's tokens cost: nothing on hosts of one's own, and a recording even less.
    pub(crate) fn price(&self) -> Price {
        match &self.provider {
            Provider::Ollama(_) | Provider::Scripted(_) => Price::FREE,
        }
    }
}

impl Models {
    /// Reads the settings; probes nothing yet.
    pub fn new(config: &Config) -> Result<Models, ConfigError> {
        let source = match &config.script {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                    path: path.clone(),
                    source,
                })?;
                let script = Script::parse(&text).map_err(|e| ConfigError::Parse {
                    path: path.clone(),
                    why: e.to_string(),
                })?;
                Source::Script(script)
            }
            None => {
                let given = config.ollama.as_deref().unwrap_or_default();
                let host = OllamaHost::parse(given).map_err(|e| ConfigError::Value {
                    key: "fleet.ollama",
                    value: format!("{given} ({e})"),
                    want: "a host as OLLAMA_HOST takes it, such as http://127.0.0.1:11434",
                })?;
                Source::Ollama(host)
            }
        };
        let none = "no model was looked for yet".to_owned();
        Ok(Models {
            source,
            profiles: profiles(config.profiles.as_deref())?,
            found: Mutex::new(Found {
                none,
                ..Found::default()
            }),
        })
    }

    /// Looks at the host again. True when a model can be used.
    pub fn look(&self) -> bool {
        let found = match &self.source {
            Source::Script(_) => Found::default(),
            Source::Ollama(host) => read(&probe(host)),
        };
        let usable = found.none.is_empty();
        if let Ok(mut known) = self.found.lock() {
            *known = found;
        }
        usable
    }

    /// What the last look found.
    pub fn found(&self) -> Found {
        self.found.lock().map(|f| f.clone()).unwrap_or_default()
    }

    pub fn usable(&self) -> bool {
        self.found.lock().is_ok_and(|f| f.none.is_empty())
    }

    /// `real` or `simulated`, for the first line of `alai status`.
    pub fn mode(&self) -> alai_core::mode::Mode {
        match self.source {
            Source::Script(_) => alai_core::mode::Mode::Simulated,
            Source::Ollama(_) => alai_core::mode::Mode::Real,
        }
    }

    /// Where replies come from, for people.
    pub fn host(&self) -> String {
        match &self.source {
            Source::Script(_) => "scripted".into(),
            Source::Ollama(host) => host.to_string(),
        }
    }

    /// The model for a wish, `escalations` tiers up.
    pub(crate) fn choose(&self, choice: &ModelChoice, escalations: u32) -> Option<Chosen> {
        let host = match &self.source {
            Source::Script(script) => {
                let provider = Provider::Scripted(script.clone());
                return Some(Chosen {
                    provider,
                    model: "scripted".into(),
                    profile: Profile::default(),
                });
            }
            Source::Ollama(host) => host,
        };
        let found = self.found();
        let (host, model) = match choice {
            ModelChoice::Tier(tier) => {
                let raised = u32::from(*tier) + escalations;
                let tier = u8::try_from(raised.clamp(1, u32::from(ModelChoice::TIER_MAX)))
                    .unwrap_or(*tier);
                let candidate = found.tiers.candidates(tier).first()?;
                (candidate.host.clone(), candidate.model.clone())
            }
            // A model that a user named is that model or none: never another one in its place.
            ModelChoice::Named { model, .. } => (host.clone(), model.clone()),
        };
        let card = found.cards.iter().find(|c| c.name == model)?;
        Some(Chosen {
            provider: Provider::Ollama(host),
            profile: self.profiles.of(card),
            model,
        })
    }
}

/// The shipped ones, with those of a file before them.
fn profiles(path: Option<&Path>) -> Result<Profiles, ConfigError> {
    let shipped = Profiles::shipped();
    let Some(path) = path else {
        return Ok(shipped);
    };
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let own = Profiles::parse(&text).map_err(|e| ConfigError::Parse {
        path: path.to_owned(),
        why: e.to_string(),
    })?;
    Ok(shipped.overridden(own))
}

fn read(probed: &Probe) -> Found {
    match &probed.state {
        ProbeState::Down { reason, remedy } => Found {
            none: format!("{reason}; {remedy}"),
            ..Found::default()
        },
        ProbeState::Up { models, .. } => {
            let tiers = pick(std::slice::from_ref(probed));
            let none = match tiers.is_empty() {
                true => format!(
                    "{} has no model that can chat; pull one with `ollama pull MODEL`",
                    probed.host
                ),
                false => String::new(),
            };
            Found {
                tiers,
                cards: models.clone(),
                none,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alai_fleet::EditFormat;

    use super::*;

    /// The edit format that a model of this name would be run with.
    fn format(config: &Config, name: &str) -> EditFormat {
        let models = Models::new(config).expect("the settings are right");
        let card = ModelCard {
            name: name.into(),
            size_bytes: 1,
            parameters: None,
            parameter_count: None,
            context_max: None,
            chat: true,
            tools: true,
            thinking: false,
            embedding_only: false,
            remote: None,
            digest: String::new(),
        };
        models.profiles.of(&card).edit_format
    }

    #[test]
    fn what_a_person_says_of_a_family_counts_before_what_is_shipped() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("profiles.yaml");
        let mut config = Config::default();
        let (shipped, unknown) = (format(&config, "gpt-oss:20b"), format(&config, "mine:7b"));
        std::fs::write(
            &path,
            "- names: [gpt-oss, mine]\n  edit_format: whole\n  why: measured here\n",
        )
        .expect("writes");
        config.profiles = Some(path.clone());
        for (name, before) in [("gpt-oss:20b", shipped), ("mine:7b", unknown)] {
            assert_ne!(before, EditFormat::Whole, "{name}");
            assert_eq!(format(&config, name), EditFormat::Whole, "{name}");
        }
        std::fs::write(&path, "- names: [mine]\n  edit: whole\n").expect("writes");
        let refused = Models::new(&config).expect_err("no such key").to_string();
        assert!(
            refused.contains("profiles.yaml") && refused.contains("edit"),
            "{refused}"
        );
    }
}
