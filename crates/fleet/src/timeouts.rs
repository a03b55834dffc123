//! How long each phase of a call may take. Decides from times that it is given; the call does the waiting.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chat::Profile;
use crate::error::{ErrorClass, Fault};

/// The bounds of one host's calls. Those of the model's profile (`idle_s_max`, `call_s_max`) count beside them: the
/// shorter one holds. So whoever wants a longer one says so in the profile as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// Milliseconds for a connection. A host that is up answers one at once, even when its model is busy.
    pub connect_ms: u64,
    /// Seconds that the host may go on saying that it loads its model, from the first time it said so.
    pub load_s: Option<u64>,
    /// Seconds from the sending of a request to the first token. Where a request that waits for a slot gets no answer at
    /// all, as with Ollama and llama-server, that wait is part of it.
    pub first_token_s: Option<u64>,
    /// Seconds without a token after the first one. Pings, comments and blank lines are none.
    pub between_tokens_s: Option<u64>,
    /// Seconds for all of it: waits, load and answer.
    pub whole_s: Option<u64>,
}

impl Default for Timeouts {
    /// Nothing but the connection is bounded beyond what the profile says: a wait for a slot sends no byte, and its length
    /// is that of the answers before it.
    fn default() -> Timeouts {
        Timeouts {
            connect_ms: 2_000,
            load_s: None,
            first_token_s: None,
            between_tokens_s: None,
            whole_s: None,
        }
    }
}

impl Timeouts {
    /// The bounds of one call.
    pub(crate) fn within(&self, profile: &Profile) -> Limits {
        let least = |own: Option<u64>, profile: u64| {
            Duration::from_secs(own.map_or(profile, |own| own.min(profile)))
        };
        Limits {
            load: self.load_s.map(Duration::from_secs),
            first_token: self.first_token_s.map(Duration::from_secs),
            between_tokens: least(self.between_tokens_s, profile.idle_s_max),
            whole: least(self.whole_s, profile.call_s_max),
        }
    }
}

/// The bounds of one call, by host and profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) load: Option<Duration>,
    pub(crate) first_token: Option<Duration>,
    pub(crate) between_tokens: Duration,
    pub(crate) whole: Duration,
}

/// Where one exchange stands. Times are counted from the beginning of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    limits: Limits,
    phase: Phase,
    since: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The request is out, and no token has come.
    BeforeFirst,
    Answering,
}

impl Pace {
    /// A request was sent.
    pub(crate) fn sent(limits: Limits, now: Duration) -> Pace {
        Pace {
            limits,
            phase: Phase::BeforeFirst,
            since: now,
        }
    }

    /// A token came.
    pub(crate) fn heard(&mut self, now: Duration) {
        self.phase = Phase::Answering;
        self.since = now;
    }

    /// Why the exchange is given up at this time, if it is.
    pub(crate) fn overdue(&self, now: Duration) -> Option<Fault> {
        let silent = now.saturating_sub(self.since);
        let (max, what) = match self.phase {
            Phase::BeforeFirst => (self.limits.first_token?, "before the first token"),
            Phase::Answering => (self.limits.between_tokens, "in the middle of the answer"),
        };
        (silent > max).then(|| {
            let message = format!("nothing arrived for {} s {what}", max.as_secs());
            Fault::new(ErrorClass::Stalled, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_shorter_of_host_and_profile_holds() {
        let profile = Profile::default();
        let usual = Timeouts::default().within(&profile);
        assert_eq!((usual.between_tokens, usual.whole), (s(120), s(1_800)));
        assert_eq!((usual.load, usual.first_token), (None, None));
        let tight = Timeouts {
            between_tokens_s: Some(5),
            whole_s: Some(9_999),
            load_s: Some(7),
            ..Timeouts::default()
        };
        let tight = tight.within(&profile);
        assert_eq!((tight.between_tokens, tight.whole), (s(5), s(1_800)));
        assert_eq!(tight.load, Some(s(7)));
    }

    #[test]
    fn a_wait_for_a_slot_is_no_stall_and_a_silence_after_a_token_is() {
        let limits = Timeouts::default().within(&Profile::default());
        let mut pace = Pace::sent(limits, s(10));
        assert_eq!(pace.overdue(s(1_700)), None, "no bound of its own");
        pace.heard(s(1_700));
        assert_eq!(pace.overdue(s(1_820)), None);
        let stalled = pace.overdue(s(1_821)).unwrap();
        assert_eq!(stalled.class, ErrorClass::Stalled);
        assert!(
            stalled.message.contains("120 s in the middle"),
            "{}",
            stalled.message
        );
        pace.heard(s(1_830));
        assert_eq!(pace.overdue(s(1_900)), None);
    }

    #[test]
    fn a_first_token_can_have_a_bound() {
        let bounded = Timeouts {
            first_token_s: Some(30),
            ..Timeouts::default()
        };
        let pace = Pace::sent(bounded.within(&Profile::default()), s(100));
        assert_eq!(pace.overdue(s(130)), None);
        let late = pace.overdue(s(131)).unwrap();
        assert!(
            late.message.contains("30 s before the first token"),
            "{}",
            late.message
        );
    }
}
