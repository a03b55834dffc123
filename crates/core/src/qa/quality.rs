//! How good a package is as evidence, from 0 to 100: how much of what it says a stranger could look up or repeat.
//!
//! It says nothing of the change. A change that failed with every reason on record has good evidence; one that passed on records that
//! were cut has worse.

use serde::{Deserialize, Serialize};

/// What a verified package has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// Checks that were measured, and those of them that name what they rest on.
    pub measured: u32,
    pub referred: u32,
    /// Outputs of commands, and those that are kept whole.
    pub outputs: u32,
    pub whole: u32,
    /// Commands, and those that ran in a cage that promises everything.
    pub commands: u32,
    pub caged: u32,
    /// Whether what is needed to measure again is recorded.
    pub repeatable: bool,
    pub trajectory: bool,
    /// Parts of GOTCHA that say something, of its six.
    pub gotcha: u32,
}

/// The score and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// From 0 to 100.
    pub score: u32,
    pub points: Vec<QualityPoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityPoint {
    pub what: String,
    pub got: u32,
    pub of: u32,
}

/// Parts of GOTCHA.md: goals, orchestration, tools, context, hard prompts, args.
const GOTCHA_PARTS: u32 = 6;

impl Quality {
    pub fn of(shown: &Shown) -> Quality {
        // What a judgement rests on weighs most: without it, the rest is a pile of files.
        let points = vec![
            share(
                "checks that name what they rest on",
                shown.referred,
                shown.measured,
                40,
            ),
            share("outputs kept whole", shown.whole, shown.outputs, 15),
            share("commands in a whole cage", shown.caged, shown.commands, 15),
            share("can be measured again", u32::from(shown.repeatable), 1, 15),
            share("parts of GOTCHA.md", shown.gotcha, GOTCHA_PARTS, 10),
            share("trajectory", u32::from(shown.trajectory), 1, 5),
        ];
        Quality {
            score: points.iter().map(|point| point.got).sum(),
            points,
        }
    }
}

/// Of nothing there is nothing to show: no command is no whole output.
fn share(what: &str, part: u32, all: u32, of: u32) -> QualityPoint {
    QualityPoint {
        what: what.to_owned(),
        got: (part.min(all) * of).checked_div(all).unwrap_or(0),
        of,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_there_is_to_show_is_a_hundred_and_nothing_is_none() {
        let all = Shown {
            measured: 14,
            referred: 14,
            outputs: 6,
            whole: 6,
            commands: 3,
            caged: 3,
            repeatable: true,
            trajectory: true,
            gotcha: 6,
        };
        assert_eq!(Quality::of(&all).score, 100);
        assert_eq!(Quality::of(&Shown::default()).score, 0);
        let of: u32 = Quality::of(&all).points.iter().map(|p| p.of).sum();
        assert_eq!(of, 100);
        let cut = Shown { whole: 3, ..all };
        assert_eq!(Quality::of(&cut).score, 92, "half of 15 is rounded down");
        let unnamed = Shown { referred: 0, ..all };
        assert_eq!(Quality::of(&unnamed).score, 60);
    }
}
