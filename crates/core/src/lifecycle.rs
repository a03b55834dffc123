//! The event x state table of a task: one pure function, refusal by default. Nothing else moves a task.

use serde::{Deserialize, Serialize};

use crate::task::State;

/// What may happen to a task. Agents cause none of these: the factory does, or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A run takes the lease and raises the epoch.
    Claim,
    /// The run has delivered; its gate is at work.
    Deliver,
    /// The gate passed, or a review, plan or page is accepted.
    Complete,
    /// The factory gives the task another run.
    Retry,
    /// The run's lease lapsed or its process is gone.
    LeaseLost,
    /// A person, or a model that does not exist yet, must act first.
    Ask,
    /// What was asked for is there.
    Answer,
    /// A person accepts a waiting task's result.
    Approve,
    /// A person says that the work is ready to be reviewed.
    Ready,
    /// A person sends back what waits to be judged, with what is wrong.
    Reject,
    Pause,
    Resume,
    Cancel,
    /// The task cannot be done.
    Fail,
    /// A person declares it done, with a reason; counted.
    Override,
    /// A person gives a finished or waiting task another try.
    Reopen,
    /// Everything under a goal is settled.
    RollUp,
}

impl Event {
    pub const ALL: [Event; 17] = [
        Event::Claim,
        Event::Deliver,
        Event::Complete,
        Event::Retry,
        Event::LeaseLost,
        Event::Ask,
        Event::Answer,
        Event::Approve,
        Event::Ready,
        Event::Reject,
        Event::Pause,
        Event::Resume,
        Event::Cancel,
        Event::Fail,
        Event::Override,
        Event::Reopen,
        Event::RollUp,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Event::Claim => "claim",
            Event::Deliver => "deliver",
            Event::Complete => "complete",
            Event::Retry => "retry",
            Event::LeaseLost => "lease_lost",
            Event::Ask => "ask",
            Event::Answer => "answer",
            Event::Approve => "approve",
            Event::Ready => "ready",
            Event::Reject => "reject",
            Event::Pause => "pause",
            Event::Resume => "resume",
            Event::Cancel => "cancel",
            Event::Fail => "fail",
            Event::Override => "override",
            Event::Reopen => "reopen",
            Event::RollUp => "roll_up",
        }
    }

    pub fn parse(text: &str) -> Option<Event> {
        Event::ALL.into_iter().find(|e| e.as_str() == text)
    }
}

/// An event that a state does not allow. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a task that is {state} does not take `{}`", event.as_str())]
pub struct Refused {
    pub state: State,
    pub event: Event,
}

/// Where `event` takes a task that is in `state`.
pub fn next(state: State, event: Event) -> Result<State, Refused> {
    let to = match state {
        State::Open => from_open(event),
        State::Started => from_started(event),
        State::ReadyForReview => from_ready(event),
        State::Waiting => from_waiting(event),
        State::Paused => from_paused(event),
        State::Failed | State::Cancelled => from_ended(event),
        // What is done stays done: a wrong result is reverted by a new task, never by rewriting this one.
        State::Done => None,
    };
    to.ok_or(Refused { state, event })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "refusal is the table's default, by law 2"
)]
fn from_open(event: Event) -> Option<State> {
    match event {
        Event::Claim => Some(State::Started),
        Event::Ask => Some(State::Waiting),
        Event::Ready => Some(State::ReadyForReview),
        Event::Pause => Some(State::Paused),
        Event::Cancel => Some(State::Cancelled),
        Event::Fail => Some(State::Failed),
        Event::Override | Event::RollUp => Some(State::Done),
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "refusal is the table's default, by law 2"
)]
fn from_started(event: Event) -> Option<State> {
    match event {
        Event::Deliver | Event::Ready => Some(State::ReadyForReview),
        Event::Complete | Event::Override => Some(State::Done),
        Event::Retry | Event::LeaseLost => Some(State::Open),
        Event::Ask => Some(State::Waiting),
        Event::Pause => Some(State::Paused),
        Event::Cancel => Some(State::Cancelled),
        Event::Fail => Some(State::Failed),
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "refusal is the table's default, by law 2"
)]
fn from_ready(event: Event) -> Option<State> {
    match event {
        // What a person has handed in is taken by a run that measures it.
        Event::Claim => Some(State::Started),
        Event::Complete | Event::Override => Some(State::Done),
        Event::Retry | Event::LeaseLost | Event::Reject => Some(State::Open),
        Event::Ask => Some(State::Waiting),
        Event::Pause => Some(State::Paused),
        Event::Cancel => Some(State::Cancelled),
        Event::Fail => Some(State::Failed),
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "refusal is the table's default, by law 2"
)]
fn from_waiting(event: Event) -> Option<State> {
    match event {
        // A person hands in what was waited for.
        Event::Ready => Some(State::ReadyForReview),
        Event::Answer | Event::Reopen | Event::Reject => Some(State::Open),
        Event::Approve | Event::Override => Some(State::Done),
        Event::Cancel => Some(State::Cancelled),
        Event::Fail => Some(State::Failed),
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "refusal is the table's default, by law 2"
)]
fn from_paused(event: Event) -> Option<State> {
    match event {
        Event::Resume => Some(State::Open),
        Event::Cancel => Some(State::Cancelled),
        Event::Override => Some(State::Done),
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "refusal is the table's default, by law 2"
)]
fn from_ended(event: Event) -> Option<State> {
    match event {
        Event::Reopen => Some(State::Open),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table as a picture: a row per event, a column per state in the order of `State::ALL`
    /// (open, started, ready_for_review, waiting, paused, done, failed, cancelled); `.` is a refusal.
    const TABLE: [(Event, &str); 17] = [
        (Event::Claim, "S.S....."),
        (Event::Deliver, ".R......"),
        (Event::Complete, ".DD....."),
        (Event::Retry, ".OO....."),
        (Event::LeaseLost, ".OO....."),
        (Event::Ask, "WWW....."),
        (Event::Answer, "...O...."),
        (Event::Approve, "...D...."),
        (Event::Ready, "RR.R...."),
        (Event::Reject, "..OO...."),
        (Event::Pause, "PPP....."),
        (Event::Resume, "....O..."),
        (Event::Cancel, "CCCCC..."),
        (Event::Fail, "FFFF...."),
        (Event::Override, "DDDDD..."),
        (Event::Reopen, "...O..OO"),
        (Event::RollUp, "D......."),
    ];

    fn letter(state: State) -> char {
        match state {
            State::Open => 'O',
            State::Started => 'S',
            State::ReadyForReview => 'R',
            State::Waiting => 'W',
            State::Paused => 'P',
            State::Done => 'D',
            State::Failed => 'F',
            State::Cancelled => 'C',
        }
    }

    #[test]
    fn every_pair_of_event_and_state_is_as_drawn() {
        let drawn: Vec<Event> = TABLE.iter().map(|(event, _)| *event).collect();
        assert_eq!(drawn, Event::ALL, "every event has its row");
        for (event, row) in TABLE {
            for (state, want) in State::ALL.into_iter().zip(row.chars()) {
                let got = next(state, event).map_or('.', letter);
                assert_eq!(got, want, "{} in state {state}", event.as_str());
            }
            assert_eq!(row.chars().count(), State::ALL.len());
        }
    }

    #[test]
    fn a_refusal_names_both_sides() {
        let refused = next(State::Done, Event::Claim).expect_err("done is final");
        assert_eq!(
            refused.to_string(),
            "a task that is done does not take `claim`"
        );
    }

    #[test]
    fn names_round_trip() {
        for event in Event::ALL {
            assert_eq!(Event::parse(event.as_str()), Some(event));
        }
        assert_eq!(Event::parse("finish"), None);
    }
}
