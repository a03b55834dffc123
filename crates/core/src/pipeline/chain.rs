//! Which stages the work on a project goes through: the seeds' chain, or a project's own, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::task::{Priority, TaskKind};

/// A step of a pipeline, in the only order that there is: what judges a change stands before its merge, what follows it behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Build,
    Verify,
    Review,
    Security,
    /// No task: the merge queue. It stands behind the last stage that judges, written or not.
    Merge,
    Ops,
    Docs,
}

impl Stage {
    pub const ALL: [Stage; 7] = [
        Stage::Build,
        Stage::Verify,
        Stage::Review,
        Stage::Security,
        Stage::Merge,
        Stage::Ops,
        Stage::Docs,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Build => "build",
            Stage::Verify => "verify",
            Stage::Review => "review",
            Stage::Security => "security",
            Stage::Merge => "merge",
            Stage::Ops => "ops",
            Stage::Docs => "docs",
        }
    }

    /// Reads a stage's name, in any case.
    pub fn parse(text: &str) -> Option<Stage> {
        let text = text.trim().to_ascii_lowercase();
        Stage::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// The stage that a task of this kind is; a goal, its plan and its summing up are none.
    pub fn of(kind: TaskKind) -> Option<Stage> {
        match kind {
            TaskKind::Build => Some(Stage::Build),
            TaskKind::Verify => Some(Stage::Verify),
            TaskKind::Review => Some(Stage::Review),
            TaskKind::Security => Some(Stage::Security),
            TaskKind::Ops => Some(Stage::Ops),
            TaskKind::Docs => Some(Stage::Docs),
            TaskKind::Goal | TaskKind::Spec | TaskKind::Postflight => None,
        }
    }

    /// The kind of its tasks; the merge has none.
    pub fn kind(self) -> Option<TaskKind> {
        match self {
            Stage::Build => Some(TaskKind::Build),
            Stage::Verify => Some(TaskKind::Verify),
            Stage::Review => Some(TaskKind::Review),
            Stage::Security => Some(TaskKind::Security),
            Stage::Merge => None,
            Stage::Ops => Some(TaskKind::Ops),
            Stage::Docs => Some(TaskKind::Docs),
        }
    }
}

/// The tag by which a task asks for a stage that follows its merge; none for a stage that nobody asks for.
pub fn tag_of(stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Ops => Some("deploy"),
        Stage::Docs => Some("docs"),
        Stage::Build | Stage::Verify | Stage::Review | Stage::Security | Stage::Merge => None,
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a list of stages is no chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("`{0}` is no stage; there are build, verify, review, security, merge, ops and docs")]
    Unknown(String),
    #[error("a chain begins with `build`: there is nothing to judge or to merge before it")]
    First,
    #[error("`{0}` stands in the chain twice; a chain has an end")]
    Twice(Stage),
    #[error("`{0}` stands behind `{1}`: a change that is merged is judged too late")]
    TooLate(Stage, Stage),
    #[error(
        "`{0}` stands behind `{1}`; the order is build, verify, review, security, merge, ops, docs"
    )]
    Order(Stage, Stage),
}

/// The stages of a project's work. The default is the seeds': BUILD, REVIEW, SECURITY, the merge, and OPS and DOCS where they
/// are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Chain {
    /// Empty for the seeds' chain. Checked, in order, with the merge.
    own: Vec<Stage>,
}

/// From this priority on a change is reviewed and audited whatever the project's chain says: who leaves a stage out decides for
/// small things.
pub const JUDGED_FROM: Priority = Priority::High;

impl Chain {
    /// Reads a chain as a person writes it: names with commas between them; an empty text is the seeds' chain.
    ///
    /// # Errors
    /// When it names no stage, does not begin with `build`, has one twice, or judges what is merged.
    pub fn parse(text: &str) -> Result<Chain, ChainError> {
        let names = text
            .split([',', ' '])
            .filter(|name| !name.trim().is_empty());
        Chain::checked(names)
    }

    fn checked<'a>(names: impl Iterator<Item = &'a str>) -> Result<Chain, ChainError> {
        let mut own: Vec<Stage> = Vec::new();
        for name in names {
            let stage =
                Stage::parse(name).ok_or_else(|| ChainError::Unknown(name.trim().to_owned()))?;
            match own.last() {
                None if stage != Stage::Build => return Err(ChainError::First),
                Some(_) if own.contains(&stage) => return Err(ChainError::Twice(stage)),
                Some(last) if stage < *last && *last >= Stage::Merge && stage < Stage::Merge => {
                    return Err(ChainError::TooLate(stage, *last));
                }
                Some(last) if stage < *last => return Err(ChainError::Order(stage, *last)),
                None | Some(_) => own.push(stage),
            }
        }
        if !own.is_empty() && !own.contains(&Stage::Merge) {
            let at = own.iter().position(|s| *s > Stage::Merge);
            own.insert(at.unwrap_or(own.len()), Stage::Merge);
        }
        Ok(Chain { own })
    }

    /// Whether the project has none of its own.
    pub fn is_default(&self) -> bool {
        self.own.is_empty()
    }

    /// Its stages with the merge. Of the seeds' chain, OPS and DOCS are made where they are asked for.
    pub fn stages(&self) -> &[Stage] {
        const SEEDS: [Stage; 6] = [
            Stage::Build,
            Stage::Review,
            Stage::Security,
            Stage::Merge,
            Stage::Ops,
            Stage::Docs,
        ];
        match self.is_default() {
            true => &SEEDS,
            false => &self.own,
        }
    }

    /// Whether a stage of the project's own chain is wished for; the seeds' chain wishes for nothing by itself.
    pub fn asks(&self, stage: Stage) -> bool {
        self.own.contains(&stage)
    }

    /// Why a task of this priority has no such stage; `None` where it has. `freed`: a test that it may change or a safety rule that was
    /// cleared for it (`freed`), so that somebody else has to look at what it did with that.
    pub fn leaves_out(&self, stage: Stage, priority: Priority, freed: bool) -> Option<String> {
        if self.is_default() || self.own.contains(&stage) {
            return None;
        }
        let judged =
            matches!(stage, Stage::Review | Stage::Security) && (priority >= JUDGED_FROM || freed);
        (!judged).then(|| format!("the project's stages leave it out ({self})"))
    }

    /// Whether the chain would leave this stage out, and the priority or what the task may do keeps it.
    pub fn keeps(&self, stage: Stage, priority: Priority, freed: bool) -> bool {
        !self.is_default()
            && !self.own.contains(&stage)
            && self.leaves_out(stage, priority, freed).is_none()
    }
}

/// Whether a task may do what others may not: change tests, or what a safety rule stops.
pub(super) fn freed(changes_tests: &[String], cleared: &[String]) -> bool {
    !changes_tests.is_empty() || !cleared.is_empty()
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.stages().iter().map(|s| s.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

impl TryFrom<Vec<String>> for Chain {
    type Error = ChainError;

    fn try_from(names: Vec<String>) -> Result<Chain, ChainError> {
        Chain::checked(names.iter().map(String::as_str))
    }
}

impl From<Chain> for Vec<String> {
    fn from(chain: Chain) -> Vec<String> {
        chain.own.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_checked_to_its_end() {
        for (text, want) in [
            ("", "build,review,security,merge,ops,docs"),
            ("build,review,docs", "build,review,merge,docs"),
            ("build", "build,merge"),
            (
                "BUILD, verify, review, security, merge",
                "build,verify,review,security,merge",
            ),
            ("build review ops docs", "build,review,merge,ops,docs"),
        ] {
            let chain = Chain::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(chain.to_string(), want, "{text}");
            let stored = serde_json::to_string(&chain).expect("JSON");
            assert_eq!(
                serde_json::from_str::<Chain>(&stored).expect("a chain"),
                chain
            );
        }
        for (text, want) in [
            ("build,test", ChainError::Unknown("test".into())),
            ("review,build", ChainError::First),
            ("build,review,review", ChainError::Twice(Stage::Review)),
            ("build,review,build", ChainError::Twice(Stage::Build)),
            (
                "build,docs,review",
                ChainError::TooLate(Stage::Review, Stage::Docs),
            ),
            (
                "build,merge,security",
                ChainError::TooLate(Stage::Security, Stage::Merge),
            ),
            (
                "build,security,review",
                ChainError::Order(Stage::Review, Stage::Security),
            ),
            ("build,docs,ops", ChainError::Order(Stage::Ops, Stage::Docs)),
        ] {
            assert_eq!(Chain::parse(text), Err(want), "{text}");
        }
        assert!(
            serde_json::from_str::<Chain>(r#"["review"]"#).is_err(),
            "what is stored is checked too"
        );
    }

    #[test]
    fn urgent_work_keeps_its_judges_whatever_the_chain_says() {
        let chain = Chain::parse("build,docs").expect("a chain");
        for stage in [Stage::Review, Stage::Security] {
            assert!(chain.leaves_out(stage, Priority::Medium, false).is_some());
            assert_eq!(chain.leaves_out(stage, Priority::Low, true), None);
            assert!(chain.keeps(stage, Priority::Low, true));
            for priority in [Priority::High, Priority::Blocker] {
                assert_eq!(chain.leaves_out(stage, priority, false), None);
                assert!(chain.keeps(stage, priority, false));
            }
        }
        assert!(
            chain
                .leaves_out(Stage::Ops, Priority::Blocker, true)
                .is_some()
        );
        assert!(
            Chain::default()
                .leaves_out(Stage::Ops, Priority::Low, false)
                .is_none()
        );
        assert!(!Chain::default().keeps(Stage::Review, Priority::High, true));
    }
}
