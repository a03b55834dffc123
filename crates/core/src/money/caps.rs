//! The caps that a person sets, and the marks that a day's bill passes.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{DOLLARS_MAX, Sum, microusd};

/// The most that paid calls may cost, in millionths of a dollar. None is no cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// One call at its worst.
    #[serde(deserialize_with = "cap")]
    pub call: Option<u64>,
    /// All runs of one task.
    #[serde(deserialize_with = "cap")]
    pub task: Option<u64>,
    /// A build with its reviews, its audits and what was sent back.
    #[serde(deserialize_with = "cap")]
    pub lineage: Option<u64>,
    /// A goal and everything under it.
    #[serde(deserialize_with = "cap")]
    pub goal: Option<u64>,
    /// One call of a review or an audit. A verifier that may cost as much as the work that it verifies is none.
    #[serde(deserialize_with = "cap")]
    pub verifier_call: Option<u64>,
    /// All runs of one review or audit.
    #[serde(deserialize_with = "cap")]
    pub verifier_task: Option<u64>,
    /// From here on a day's bill is an alarm, once.
    #[serde(deserialize_with = "cap")]
    pub day_warn: Option<u64>,
    /// The cap of a day: no call is begun that could pass it.
    #[serde(deserialize_with = "cap")]
    pub day_block: Option<u64>,
    /// Runs on paid models are ended: something spends what nobody could know before, such as an agent of its own.
    #[serde(deserialize_with = "cap")]
    pub day_kill: Option<u64>,
}

const DOLLAR: u64 = 1_000_000;

impl Default for Caps {
    /// One dollar for a call is the fleet's hard limit; a quarter of one for a verifier's call and one for its task are those of the
    /// seeds' mesh. The others are ours: a task may have three runs, and a run may take three dollars only when it needs all of its
    /// turns.
    fn default() -> Caps {
        Caps {
            call: Some(DOLLAR),
            task: Some(5 * DOLLAR),
            lineage: Some(10 * DOLLAR),
            goal: Some(25 * DOLLAR),
            verifier_call: Some(DOLLAR / 4),
            verifier_task: Some(DOLLAR),
            day_warn: Some(10 * DOLLAR),
            day_block: Some(25 * DOLLAR),
            day_kill: Some(30 * DOLLAR),
        }
    }
}

/// What a day's bill has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    Warn,
    Block,
    Kill,
}

impl Mark {
    pub fn as_str(self) -> &'static str {
        match self {
            Mark::Warn => "warn",
            Mark::Block => "block",
            Mark::Kill => "kill",
        }
    }
}

impl Caps {
    /// No cap at all.
    pub const NONE: Caps = Caps {
        call: None,
        task: None,
        lineage: None,
        goal: None,
        verifier_call: None,
        verifier_task: None,
        day_warn: None,
        day_block: None,
        day_kill: None,
    };

    /// The caps of a task that verifies another one's work: the narrower of its own and those of all work.
    #[must_use]
    pub fn of_verifier(self) -> Caps {
        let least = |own: Option<u64>, all: Option<u64>| match (own, all) {
            (Some(own), Some(all)) => Some(own.min(all)),
            (own, all) => own.or(all),
        };
        Caps {
            call: least(self.verifier_call, self.call),
            task: least(self.verifier_task, self.task),
            ..self
        }
    }

    /// What a day may cost before no further call is begun.
    pub fn day(&self) -> Option<u64> {
        match (self.day_block, self.day_kill) {
            (Some(block), Some(kill)) => Some(block.min(kill)),
            (block, kill) => block.or(kill),
        }
    }

    /// The same with another cap for today: a person has raised it, and what would end running work moves out of its way.
    #[must_use]
    pub fn with_day(self, microusd: u64) -> Caps {
        Caps {
            day_block: Some(microusd),
            day_kill: self.day_kill.map(|kill| kill.max(microusd)),
            ..self
        }
    }

    /// The marks that a day's bill has passed: what is spent, and what may have been. A reservation is no bill yet.
    pub fn passed(&self, day: &Sum) -> Vec<Mark> {
        let billed = day.spent.saturating_add(day.unknown);
        let marks = [
            (Mark::Warn, self.day_warn),
            (Mark::Block, self.day_block),
            (Mark::Kill, self.day_kill),
        ];
        let passed = |at: Option<u64>| at.is_some_and(|at| billed >= at && billed > 0);
        let marks = marks.into_iter().filter(|(_, at)| passed(*at));
        marks.map(|(mark, _)| mark).collect()
    }

    /// The names of two marks of a day that stand in the wrong order.
    pub fn disordered(&self) -> Option<(&'static str, &'static str)> {
        let before = |first: Option<u64>, second: Option<u64>| match (first, second) {
            (Some(first), Some(second)) => first <= second,
            _ => true,
        };
        match () {
            () if !before(self.day_warn, self.day_block) => Some(("day_warn", "day_block")),
            () if !before(self.day_block, self.day_kill) => Some(("day_block", "day_kill")),
            () if !before(self.day_warn, self.day_kill) => Some(("day_warn", "day_kill")),
            () => None,
        }
    }
}

/// An amount in dollars, or the word `none`.
fn cap<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    struct Amount;
    impl Visitor<'_> for Amount {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "dollars from 0 to {DOLLARS_MAX}, or \"none\"")
        }

        fn visit_f64<E: de::Error>(self, dollars: f64) -> Result<Self::Value, E> {
            let wrong = || E::invalid_value(de::Unexpected::Float(dollars), &self);
            microusd(dollars).map(Some).ok_or_else(wrong)
        }

        #[expect(
            clippy::cast_precision_loss,
            reason = "what a float cannot hold is refused"
        )]
        fn visit_i64<E: de::Error>(self, dollars: i64) -> Result<Self::Value, E> {
            self.visit_f64(dollars as f64)
        }

        #[expect(
            clippy::cast_precision_loss,
            reason = "what a float cannot hold is refused"
        )]
        fn visit_u64<E: de::Error>(self, dollars: u64) -> Result<Self::Value, E> {
            self.visit_f64(dollars as f64)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            match text {
                "none" => Ok(None),
                _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
            }
        }
    }
    from.deserialize_any(Amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_are_written_in_dollars_or_as_none() {
        let caps: Caps =
            serde_json::from_str(r#"{"call": 0.25, "task": "none", "goal": 7}"#).expect("amounts");
        let want = Caps {
            call: Some(250_000),
            task: None,
            goal: Some(7_000_000),
            ..Caps::default()
        };
        assert_eq!(caps, want);
        for wrong in [
            r#"{"call": -1}"#,
            r#"{"call": 2e6}"#,
            r#"{"call": "much"}"#,
            r#"{"week": 1}"#,
        ] {
            assert!(serde_json::from_str::<Caps>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Caps::default().disordered(), None);
        let odd = Caps {
            day_warn: Some(2),
            day_block: Some(1),
            ..Caps::NONE
        };
        assert_eq!(odd.disordered(), Some(("day_warn", "day_block")));
    }

    #[test]
    fn a_verifier_has_the_narrower_of_both_caps() {
        let caps = Caps::default().of_verifier();
        assert_eq!((caps.call, caps.task), (Some(250_000), Some(1_000_000)));
        assert_eq!(caps.lineage, Caps::default().lineage);
        let tight = Caps {
            call: Some(7),
            task: None,
            ..Caps::default()
        };
        let tight = tight.of_verifier();
        assert_eq!((tight.call, tight.task), (Some(7), Some(1_000_000)));
        assert_eq!(Caps::NONE.of_verifier(), Caps::NONE);
    }

    #[test]
    fn a_day_passes_its_marks_by_what_is_billed() {
        let caps = Caps {
            day_warn: Some(10),
            day_block: Some(20),
            day_kill: Some(30),
            ..Caps::NONE
        };
        let day = |spent, unknown| Sum {
            spent,
            unknown,
            reserved: 1_000,
            list_equivalent: 1_000,
        };
        assert_eq!(caps.passed(&day(9, 0)), []);
        assert_eq!(caps.passed(&day(6, 4)), [Mark::Warn]);
        assert_eq!(
            caps.passed(&day(31, 0)),
            [Mark::Warn, Mark::Block, Mark::Kill]
        );
        let raised = caps.with_day(50);
        assert_eq!(raised.passed(&day(31, 0)), [Mark::Warn]);
        assert_eq!(raised.day(), Some(50));
        let nothing = Caps {
            day_kill: Some(0),
            ..Caps::NONE
        };
        assert_eq!(nothing.passed(&day(0, 0)), [], "nobody has spent anything");
    }
}
