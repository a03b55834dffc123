//! Trust levels: how far a piece of work is proven, told from records and never from words.

use serde::{Deserialize, Serialize};

use crate::qa::Outcome;
use crate::task::TaskKind;

/// How far work is proven. The levels and their names are those of the original system's claim gate ("every claim labelled, no
/// L0/L1"), which let nothing below L2 be reported to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Trust {
    /// Somebody says so.
    #[serde(rename = "L0")]
    Claimed,
    /// The writer's own checks exited 0, in our cage and captured by us.
    #[serde(rename = "L1")]
    SelfTested,
    /// Another one than the writer judged this very commit, and the judgement was held to its rules.
    #[serde(rename = "L2")]
    PeerTested,
    /// Our gate measured this very commit, and captured what it goes by itself.
    #[serde(rename = "L3")]
    MachineVerified,
}

/// What there is on record of one task's work. Nothing in here is anybody's own word about success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Records {
    /// A person declared the task done: no record of before is about what he means.
    pub declared: bool,
    /// A check of the task or of its project exited 0 in the writer's cage.
    pub self_tested: bool,
    /// A reviewer's answer that was held to its schema and citations, or a person's approval of what was measured.
    pub judged_by_another: bool,
    /// The gate's verdict about the task's commit is that it passed.
    pub measured: bool,
    /// The sealed package of that verdict is gone, or is not what was signed. False where nobody has looked.
    pub broken: bool,
}

impl Trust {
    pub const ALL: [Trust; 4] = [
        Trust::Claimed,
        Trust::SelfTested,
        Trust::PeerTested,
        Trust::MachineVerified,
    ];

    /// The level that the records give.
    pub fn of(records: Records) -> Trust {
        if records.declared {
            return Trust::Claimed;
        }
        if records.measured && !records.broken {
            return Trust::MachineVerified;
        }
        if records.judged_by_another {
            return Trust::PeerTested;
        }
        match records.self_tested {
            true => Trust::SelfTested,
            false => Trust::Claimed,
        }
    }

    /// What a sealed package by itself proves of what it is about: the gate's verdict of a commit, or a judgement of one.
    pub fn of_package(kind: TaskKind, outcome: &Outcome) -> Trust {
        let passed = *outcome == Outcome::Passed;
        Trust::of(Records {
            measured: passed && kind.changes_code(),
            judged_by_another: passed && kind.judges(),
            ..Records::default()
        })
    }

    /// Whether a person is told that it is done. Below that he is told that it is claimed.
    pub fn may_be_told(self) -> bool {
        self >= Trust::PeerTested
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Trust::Claimed => "L0",
            Trust::SelfTested => "L1",
            Trust::PeerTested => "L2",
            Trust::MachineVerified => "L3",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Trust::Claimed => "claimed",
            Trust::SelfTested => "self-tested",
            Trust::PeerTested => "peer-tested",
            Trust::MachineVerified => "machine-verified",
        }
    }
}

impl std::fmt::Display for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.as_str(), self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_records_has_the_highest_level_that_it_carries() {
        for bits in 0..32u8 {
            let bit = |n: u8| bits & (1 << n) != 0;
            let records = Records {
                declared: bit(0),
                self_tested: bit(1),
                judged_by_another: bit(2),
                measured: bit(3),
                broken: bit(4),
            };
            let want = match bits {
                _ if bit(0) => Trust::Claimed,
                _ if bit(3) && !bit(4) => Trust::MachineVerified,
                _ if bit(2) => Trust::PeerTested,
                _ if bit(1) => Trust::SelfTested,
                _ => Trust::Claimed,
            };
            assert_eq!(Trust::of(records), want, "{records:?}");
        }
    }

    #[test]
    fn only_what_another_has_seen_is_told_as_done() {
        let told = Trust::ALL.map(|level| (level.as_str(), level.may_be_told()));
        assert_eq!(
            told,
            [("L0", false), ("L1", false), ("L2", true), ("L3", true)]
        );
    }
}
