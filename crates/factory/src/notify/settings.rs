//! `[notify]` of `alai.toml`: who is told of what, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use alai_core::notify::Kind;
use alai_mission::Subscription;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::config::ConfigError;
use crate::held::{Held, Misplaced};

/// Sinks beyond this are a mistake: each is a thread while it is told something.
const SINKS_MAX: usize = 16;

/// One who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// How people call it.
    pub name: String,
    pub way: Way,
    pub kinds: BTreeSet<Kind>,
}

/// How one is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Slack's incoming webhook, or what speaks as it does.
    Slack { url: Held, private: bool },
    /// Standard Webhooks.
    Webhook {
        url: Held,
        secret: Held,
        private: bool,
    },
    /// A notification of the desktop on which alai runs.
    Desktop,
}

impl Way {
    pub fn as_str(&self) -> &'static str {
        match self {
            Way::Slack { .. } => "slack",
            Way::Webhook { .. } => "webhook",
            Way::Desktop => "desktop",
        }
    }

    /// Where its address and its secret are, for people; none of them.
    pub fn places(&self) -> String {
        match self {
            Way::Slack { url, .. } => url.place(),
            Way::Webhook { url, secret, .. } => format!("{}, {}", url.place(), secret.place()),
            Way::Desktop => String::new(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NotifyFile {
    sinks: Vec<SinkFile>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WayFile {
    Slack,
    Webhook,
    Desktop,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SinkFile {
    name: String,
    kind: WayFile,
    url_env: Option<String>,
    url_file: Option<PathBuf>,
    secret_env: Option<String>,
    secret_file: Option<PathBuf>,
    #[serde(default)]
    private: bool,
    on: Option<BTreeSet<Kind>>,
    /// Read so that what stands there is not quoted back as an unknown key with its value.
    url: Option<IgnoredAny>,
    secret: Option<IgnoredAny>,
}

/// The variables in which these settings have addresses and secrets.
pub(crate) fn variables(file: &NotifyFile) -> impl Iterator<Item = String> + '_ {
    let of = |sink: &SinkFile| [sink.url_env.clone(), sink.secret_env.clone()];
    file.sinks.iter().flat_map(of).flatten()
}

impl NotifyFile {
    pub(crate) fn checked(self, env: &BTreeMap<String, String>) -> Result<Vec<Sink>, ConfigError> {
        if self.sinks.len() > SINKS_MAX {
            return Err(wrong(
                "sinks",
                &self.sinks.len().to_string(),
                "at most 16 of them",
            ));
        }
        let mut sinks: Vec<Sink> = Vec::new();
        for file in self.sinks {
            let sink = file.checked(env)?;
            if sinks.iter().any(|known| known.name == sink.name) {
                return Err(wrong("name", &sink.name, "a name of its own"));
            }
            sinks.push(sink);
        }
        Ok(sinks)
    }
}

impl SinkFile {
    fn checked(self, env: &BTreeMap<String, String>) -> Result<Sink, ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || self.name.len() > 40 || !self.name.chars().all(plain) {
            return Err(wrong(
                "name",
                &self.name,
                "at most 40 letters, digits, `-` and `_`",
            ));
        }
        if self.url.is_some() || self.secret.is_some() {
            return Err(wrong(
                "url",
                "in the file",
                "in a variable or a file of its own: say `url_env` and `secret_env`, or `url_file` and `secret_file`",
            ));
        }
        if self.on.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(wrong("on", "[]", "some of needs_you, failed, budget, done"));
        }
        let (has_url, has_secret) = (
            self.url_env.is_some() || self.url_file.is_some(),
            self.secret_env.is_some() || self.secret_file.is_some(),
        );
        let held = |key, variable, file| {
            Held::read(variable, file, env).map_err(|why| misplaced(key, &self.name, why))
        };
        let way = match self.kind {
            WayFile::Slack if has_secret => {
                return Err(wrong(
                    "secret_env",
                    &self.name,
                    "left out: Slack's address is the secret",
                ));
            }
            WayFile::Slack => Way::Slack {
                url: held("url", self.url_env, self.url_file)?,
                private: self.private,
            },
            WayFile::Webhook => Way::Webhook {
                url: held("url", self.url_env, self.url_file)?,
                secret: held("secret", self.secret_env, self.secret_file)?,
                private: self.private,
            },
            WayFile::Desktop if has_url || has_secret => {
                return Err(wrong(
                    "url_env",
                    &self.name,
                    "left out: a desktop has no address",
                ));
            }
            WayFile::Desktop => Way::Desktop,
        };
        Ok(Sink {
            kinds: self.on.unwrap_or_else(|| Kind::ALL.into()),
            name: self.name,
            way,
        })
    }
}

/// What the store needs to know of them.
pub(crate) fn subscriptions(sinks: &[Sink]) -> Vec<Subscription> {
    let of = |sink: &Sink| Subscription {
        sink: sink.name.clone(),
        kinds: sink.kinds.clone(),
    };
    sinks.iter().map(of).collect()
}

fn misplaced(key: &'static str, sink: &str, why: Misplaced) -> ConfigError {
    wrong(key, sink, why.words())
}

fn wrong(key: &'static str, value: &str, want: &'static str) -> ConfigError {
    let key = match key {
        "name" => "notify.sinks.name",
        "url" => "notify.sinks.url",
        "secret" => "notify.sinks.secret",
        "url_env" => "notify.sinks.url_env",
        "secret_env" => "notify.sinks.secret_env",
        "on" => "notify.sinks.on",
        _ => "notify.sinks",
    };
    ConfigError::Value {
        key,
        value: value.to_owned(),
        want,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Sink>, ConfigError> {
        let file: NotifyFile = toml::from_str(text).expect("it is TOML");
        file.checked(&BTreeMap::new())
    }

    #[test]
    fn a_sink_is_told_of_everything_unless_it_says_of_what() {
        let sinks = read(
            "[[sinks]]\nname = \"team\"\nkind = \"slack\"\nurl_env = \"HOOK\"\non = [\"failed\"]\n\
             [[sinks]]\nname = \"ops\"\nkind = \"webhook\"\nurl_file = \"/a\"\nsecret_env = \"KEY\"\nprivate = true\n\
             [[sinks]]\nname = \"me\"\nkind = \"desktop\"\n",
        )
        .expect("valid");
        assert_eq!(sinks[0].kinds, BTreeSet::from([Kind::Failed]));
        assert_eq!(sinks[2].kinds, BTreeSet::from(Kind::ALL));
        assert!(matches!(&sinks[1].way, Way::Webhook { private: true, .. }));
        assert_eq!(sinks[1].way.places(), "file /a, variable KEY");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_no_secret_is_quoted() {
        for (text, says) in [
            ("name = \"a b\"\nkind = \"desktop\"", "letters"),
            ("name = \"a\"\nkind = \"slack\"", "_env"),
            (
                "name = \"a\"\nkind = \"slack\"\nurl = \"https://h/s3cr3t\"",
                "url_env",
            ),
            (
                "name = \"a\"\nkind = \"webhook\"\nurl_env = \"A\"\nsecret = \"whsec_s3cr3t\"",
                "secret_env",
            ),
            ("name = \"a\"\nkind = \"webhook\"\nurl_env = \"A\"", "_env"),
            (
                "name = \"a\"\nkind = \"desktop\"\nurl_env = \"A\"",
                "no address",
            ),
            ("name = \"a\"\nkind = \"desktop\"\non = []", "needs_you"),
            (
                "name = \"a\"\nkind = \"slack\"\nurl_env = \"A\"\nsecret_env = \"B\"",
                "left out",
            ),
            (
                "name = \"a\"\nkind = \"slack\"\nurl_file = \"a\"",
                "absolute",
            ),
        ] {
            let error = read(&format!("[[sinks]]\n{text}\n"))
                .expect_err(text)
                .to_string();
            assert!(
                error.contains(says) && !error.contains("s3cr3t"),
                "{text}: {error}"
            );
        }
        let twice = "[[sinks]]\nname = \"a\"\nkind = \"desktop\"\n".repeat(2);
        assert!(read(&twice).is_err());
    }
}
