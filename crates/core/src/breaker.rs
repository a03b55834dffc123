//! Whether a model on a host is asked at all: after a few lost connections it rests, then one call tries it, and only one.
//!
//! One breaker stands for one model on one host. What trips it is that nobody answered. A server that loads, that is busy, that
//! refuses a request or finds it too long has answered: it never rests for that, or a full queue would look like an outage and move a
//! whole backlog to another host. Neither does it for a call that was given up before anything came: where others hold all slots a
//! server sends no byte. A host that hangs is found by the look at it, and a mute model by its word. A rest never moves work up a tier.

use serde::{Deserialize, Serialize};

/// Lost calls in a row after which it rests: the figure of Olla, whose gateway has run it longest. A host that a probe does not reach
/// stands for no tier at all, so probes are not counted here.
pub const CALLS_LOST_MAX: u32 = 5;
/// Connections in a row that were refused or reset before any answer: nobody is there, which fewer of them tell than late or broken
/// answers would. Olla's figure for probes.
pub const CONNECTIONS_LOST_MAX: u32 = 3;
/// The first rest, in milliseconds.
pub const REST_MS: i64 = 30_000;
/// The longest: each trial that fails doubles it up to here.
pub const REST_MS_MAX: i64 = 60_000;
/// A trial whose end nobody tells (its process was killed) gives its place back after this: the longest call there may be.
pub const TRIAL_MS_MAX: i64 = 30 * 60_000;

/// After a loss, work that has another place goes there for so long: a task has three attempts, and its second one shall not meet
/// what its first one met. As long as Ollama waits for a load that stands still.
pub const SHAKY_MS: i64 = 5 * 60_000;

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Breaker {
    /// Losses in a row since the last answer.
    calls_lost: u32,
    /// Of these the last ones that were lost before any answer.
    #[serde(default)]
    connections_lost: u32,
    /// When a call was last lost, in milliseconds since the Unix epoch.
    lost_ms: Option<i64>,
    rest: Option<Rest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    /// Milliseconds since the Unix epoch.
    until_ms: i64,
    length_ms: i64,
    /// When the one call that tries was let through.
    trial_ms: Option<i64>,
}

/// What came of asking, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// An answer, good or bad: also that it loads, is busy, refuses the request or finds it too long.
    Answer,
    /// No connection, or one that was lost before anything was answered.
    NoConnection,
    /// One that was lost in the middle of the answer or went silent, or a server that failed inside.
    Nothing,
    /// It took the request, and the time was up before anything came: it may have waited for a slot.
    Waited,
    /// The caller went away first: that says nothing about the host.
    Unknown,
}

/// What may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum May {
    Call,
    /// One call, to see whether it is back. Whoever makes it says so by [`Breaker::try_one`].
    Try,
    /// Nothing before this time, in milliseconds since the Unix epoch.
    Rest {
        until_ms: i64,
    },
}

impl Breaker {
    /// What may be done at `now_ms`. Asking changes nothing.
    pub fn may(&self, now_ms: i64) -> May {
        let Some(rest) = self.rest else {
            return May::Call;
        };
        let tried = rest.trial_ms.map(|at| at.saturating_add(TRIAL_MS_MAX));
        match tried {
            Some(until_ms) if now_ms < until_ms => May::Rest { until_ms },
            None if now_ms < rest.until_ms => May::Rest {
                until_ms: rest.until_ms,
            },
            Some(_) | None => May::Try,
        }
    }

    /// Whether a call was lost a short while ago and none was answered since: another place is the better one.
    pub fn is_shaky(&self, now_ms: i64) -> bool {
        let since = self.lost_ms.map(|at| now_ms.saturating_sub(at));
        since.is_some_and(|since| since < SHAKY_MS)
    }

    /// Takes the one call that tries; nobody else gets it until it is told what came of it.
    #[must_use]
    pub fn try_one(self, now_ms: i64) -> Breaker {
        let rest = self.rest.map(|rest| Rest {
            trial_ms: Some(now_ms),
            ..rest
        });
        Breaker { rest, ..self }
    }

    /// What is known after a call that ended at `now_ms`.
    #[must_use]
    pub fn heard(self, heard: Heard, now_ms: i64) -> Breaker {
        match heard {
            Heard::Answer => Breaker::default(),
            Heard::Unknown => Breaker {
                rest: self.rest.map(|rest| Rest {
                    trial_ms: None,
                    ..rest
                }),
                ..self
            },
            Heard::Waited => Breaker {
                lost_ms: Some(now_ms),
                rest: self.rest.map(|rest| Rest {
                    trial_ms: None,
                    ..rest
                }),
                ..self
            },
            Heard::NoConnection => self.lost(self.connections_lost.saturating_add(1), now_ms),
            Heard::Nothing => self.lost(0, now_ms),
        }
    }

    fn lost(self, connections_lost: u32, now_ms: i64) -> Breaker {
        let calls_lost = self.calls_lost.saturating_add(1);
        let lost_ms = Some(now_ms);
        let length_ms = match self.rest {
            // A call that began before the rest did says nothing new; the trial does.
            Some(rest) if rest.trial_ms.is_none() && now_ms < rest.until_ms => {
                return Breaker {
                    calls_lost,
                    connections_lost,
                    lost_ms,
                    ..self
                };
            }
            Some(rest) => Some(rest.length_ms.saturating_mul(2).min(REST_MS_MAX)),
            None if calls_lost >= CALLS_LOST_MAX || connections_lost >= CONNECTIONS_LOST_MAX => {
                Some(REST_MS)
            }
            None => None,
        };
        Breaker {
            calls_lost,
            connections_lost,
            lost_ms,
            rest: length_ms.map(|length_ms| Rest {
                until_ms: now_ms.saturating_add(length_ms),
                length_ms,
                trial_ms: None,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(times: u32, heard: Heard) -> Breaker {
        (0..times).fold(Breaker::default(), |b, n| b.heard(heard, i64::from(n)))
    }

    #[test]
    fn it_rests_after_five_lost_calls() {
        assert_eq!(after(4, Heard::Nothing).may(4), May::Call);
        assert_eq!(
            after(5, Heard::Nothing).may(4),
            May::Rest {
                until_ms: 4 + REST_MS
            }
        );
    }

    #[test]
    fn it_rests_after_three_connections_that_were_reset() {
        assert_eq!(after(2, Heard::NoConnection).may(2), May::Call);
        let until_ms = 2 + REST_MS;
        assert_eq!(after(3, Heard::NoConnection).may(2), May::Rest { until_ms });
        // In a row: what was answered in part between them says that somebody is there.
        let mixed = after(2, Heard::NoConnection).heard(Heard::Nothing, 2);
        let mixed = mixed.heard(Heard::NoConnection, 3);
        assert_eq!(mixed.may(3), May::Call);
        let fifth = mixed.heard(Heard::NoConnection, 4);
        assert!(matches!(fifth.may(4), May::Rest { .. }), "five of any kind");
        let answered = after(2, Heard::NoConnection).heard(Heard::Answer, 2);
        assert_eq!(answered.heard(Heard::NoConnection, 3).may(3), May::Call);
        let before: Breaker =
            serde_json::from_str(r#"{"calls_lost": 2, "lost_ms": 1, "rest": null}"#)
                .expect("older");
        assert_eq!(before.heard(Heard::NoConnection, 2).may(2), May::Call);
    }

    #[test]
    fn a_wait_that_was_given_up_is_no_outage_and_another_place_is_the_better_one() {
        let waited = after(1_000, Heard::Waited);
        assert_eq!(waited.may(1_000), May::Call);
        assert!(waited.is_shaky(1_000));
        // It says nothing against the losses before it either.
        let fifth = after(4, Heard::Nothing).heard(Heard::Waited, 5);
        assert!(matches!(
            fifth.heard(Heard::Nothing, 6).may(6),
            May::Rest { .. }
        ));
        let later = 4 + REST_MS;
        let trying = after(5, Heard::Nothing).try_one(later);
        assert_eq!(
            trying.heard(Heard::Waited, later + 1).may(later + 1),
            May::Try
        );
    }

    #[test]
    fn an_answer_of_any_kind_begins_anew() {
        let nearly = after(4, Heard::Nothing);
        let answered = nearly.heard(Heard::Answer, 5);
        assert_eq!(answered, Breaker::default());
        // A thousand refusals are a thousand answers.
        assert_eq!(after(1_000, Heard::Answer).may(0), May::Call);
        // Who gave up himself has heard nothing about the host.
        assert_eq!(nearly.heard(Heard::Unknown, 5), nearly);
    }

    #[test]
    fn exactly_one_call_tries_and_what_it_hears_counts() {
        let resting = after(5, Heard::Nothing);
        let later = 4 + REST_MS;
        assert_eq!(resting.may(later), May::Try);
        let trying = resting.try_one(later);
        assert!(matches!(trying.may(later + 1), May::Rest { .. }));
        assert_eq!(
            trying.heard(Heard::Answer, later + 2).may(later + 2),
            May::Call
        );
        let again = trying.heard(Heard::Nothing, later + 2);
        let until_ms = later + 2 + 2 * REST_MS;
        assert_eq!(again.may(later + 3), May::Rest { until_ms });
        let third = again.try_one(until_ms).heard(Heard::Nothing, until_ms);
        let until_ms = until_ms + REST_MS_MAX;
        assert_eq!(third.may(until_ms - 1), May::Rest { until_ms }, "capped");
        // One that was cancelled leaves its place to the next.
        let gone = trying.heard(Heard::Unknown, later + 2);
        assert_eq!(gone.may(later + 2), May::Try);
        // One that nobody ever tells of, too.
        assert_eq!(trying.may(later + TRIAL_MS_MAX), May::Try);
    }

    #[test]
    fn one_lost_call_is_enough_to_prefer_another_place() {
        let once = Breaker::default().heard(Heard::Nothing, 1_000);
        assert!(once.is_shaky(1_000) && once.is_shaky(1_000 + SHAKY_MS - 1));
        assert!(!once.is_shaky(1_000 + SHAKY_MS));
        assert!(!once.heard(Heard::Answer, 2_000).is_shaky(2_000));
    }

    #[test]
    fn calls_from_before_the_rest_do_not_make_it_longer() {
        let resting = after(5, Heard::Nothing);
        let late = (0..50).fold(resting, |b, n| b.heard(Heard::Nothing, 10 + n));
        assert_eq!(
            late.may(100),
            May::Rest {
                until_ms: 4 + REST_MS
            }
        );
    }

    proptest! {
        /// Whatever happens, a rest ends, and while it lasts nothing but one trial goes through.
        #[test]
        fn a_rest_always_ends(steps in proptest::collection::vec((0u8..5, 1i64..90_000), 1..200)) {
            let mut now = 0;
            let mut breaker = Breaker::default();
            for (what, wait) in steps {
                now += wait;
                breaker = match what {
                    0 => breaker.heard(Heard::Nothing, now),
                    1 => breaker.heard(Heard::Unknown, now),
                    2 => breaker.heard(Heard::NoConnection, now),
                    3 => breaker.heard(Heard::Waited, now),
                    _ => match breaker.may(now) {
                        May::Try => {
                            let tried = breaker.try_one(now);
                            prop_assert_ne!(tried.may(now), May::Try);
                            tried
                        }
                        May::Call | May::Rest { .. } => breaker,
                    },
                };
                if let May::Rest { until_ms } = breaker.may(now) {
                    prop_assert!(until_ms > now && until_ms - now <= TRIAL_MS_MAX);
                    prop_assert_eq!(breaker.may(until_ms), May::Try);
                }
            }
        }
    }
}
