//! Notifications: which event is worth a person's attention, and what of a stranger's text may stand in one. What is told leaves
//! through the outbox.

use serde::{Deserialize, Serialize};

use crate::task::{State, Task, WaitReason};

/// What a notification is about. Each sink is given the kinds that were chosen for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Work waits for a person's word, or has waited for too long.
    NeedsYou,
    /// A task failed for good.
    Failed,
    /// A cap keeps work from going on, or a day's bill passed a mark.
    Budget,
    /// What a person asked for is done.
    Done,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::NeedsYou, Kind::Failed, Kind::Budget, Kind::Done];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::NeedsYou => "needs_you",
            Kind::Failed => "failed",
            Kind::Budget => "budget",
            Kind::Done => "done",
        }
    }

    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.as_str() == text)
    }

    /// As the first words of a message.
    pub fn words(self) -> &'static str {
        match self {
            Kind::NeedsYou => "needs you",
            Kind::Failed => "failed",
            Kind::Budget => "budget",
            Kind::Done => "done",
        }
    }
}

/// One row of the log, as it is written.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    /// The lifecycle event's name, or what else happened.
    pub event: &'a str,
    pub to: Option<State>,
    /// As it is after the event; none where it is about no task.
    pub task: Option<&'a Task>,
    /// Whether a person moves its project's target branch.
    pub by_approval: bool,
}

/// Whether somebody is to be told, and as what. Only the first moment counts: what goes on waiting is told again when its deadline
/// has passed, as `overdue`.
pub fn kind_of(happened: &Happened<'_>) -> Option<Kind> {
    let Some(task) = happened.task else {
        return happened.event.starts_with("spend_").then_some(Kind::Budget);
    };
    // A task of its own is done when its change is where a person wanted it; one of a goal is told with the goal.
    // A specification that plans a task of its own anew is a step of that one.
    let own = task.goal.is_none() && task.lineage.is_none() && task.plans_anew().is_none();
    let merges = task.kind.changes_code() && !task.solo && task.project.is_some();
    match (happened.event, happened.to) {
        ("overdue" | "unclaimed" | "merge_refused" | "delivery_refused", _) => Some(Kind::NeedsYou),
        ("integrated", _) if own && happened.by_approval => Some(Kind::NeedsYou),
        // Its pull request is open, and a person merges it. A goal's is a wait of the goal.
        ("proposed", _) if own => Some(Kind::NeedsYou),
        ("delivered", _) if own && merges => Some(Kind::Done),
        ("created", None) if task.state == State::Waiting => Some(waits(task)),
        (_, Some(State::Waiting)) => Some(waits(task)),
        (_, Some(State::Failed)) => Some(Kind::Failed),
        (_, Some(State::Done)) if own && !merges => Some(Kind::Done),
        (
            _,
            Some(
                State::Open
                | State::Started
                | State::ReadyForReview
                | State::Paused
                | State::Done
                | State::Cancelled,
            )
            | None,
        ) => None,
    }
}

fn waits(task: &Task) -> Kind {
    match task.waiting.as_ref().map(|waiting| waiting.reason) {
        Some(WaitReason::Budget) => Kind::Budget,
        Some(_) | None => Kind::NeedsYou,
    }
}

/// Messages about one goal that a sink gets within [`WINDOW_MS`]. A plan of six builds that all stop is six messages at once; a
/// person reads one.
pub const AT_ONCE_MAX: i64 = 4;

/// What comes beyond [`AT_ONCE_MAX`] is told together, in one message, when so much time has passed since the first of them.
pub const WINDOW_MS: i64 = 10 * 60_000;

/// Characters of a task's title in a message.
pub const TITLE_CHARS_MAX: usize = 200;

/// Characters of any other text in a message: a line or two on a phone.
pub const TEXT_CHARS_MAX: usize = 600;

/// A stranger's text as one line: no control character, no mark that turns the order in which it is read (UAX #9) or cannot be seen, and at most so
/// many characters, the last of them `…` where there was more.
pub fn plain(text: &str, chars_max: usize) -> String {
    let line = crate::line::words(text);
    if line.chars().count() <= chars_max {
        return line;
    }
    let kept: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The three characters that Slack's mrkdwn gives a meaning (docs.slack.dev, Formatting message text): with them escaped there is no
/// link, no `<!channel>` and no `<@user>` of a stranger's.
pub fn mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TaskId;
    use crate::task::{Counters, TaskKind, Waiting};

    #[test]
    fn a_stranger_s_text_is_one_short_line_without_a_say() {
        assert_eq!(plain("a\r\n\u{1b}[31mb\tc", 99), "a [31mb c");
        assert_eq!(plain("pay\u{202e}gnp.exe\u{200b}", 99), "paygnp.exe");
        assert_eq!(plain("abcdef", 6), "abcdef");
        assert_eq!(plain("abcdefg", 6), "abcde…");
        assert_eq!(
            mrkdwn("<!channel> & <https://x|y>"),
            "&lt;!channel&gt; &amp; &lt;https://x|y&gt;"
        );
    }

    fn task(state: State, kind: TaskKind) -> Task {
        let task = serde_json::json!({
            "id": 7, "kind": kind, "goal": null, "parent": null, "lineage": null, "title": "t", "description": "",
            "priority": "M", "owner": null, "tags": [], "project": 1, "acceptance": [], "checks": [], "changes_tests": [],
            "company_pin": null, "state": state, "epoch": 0, "counters": Counters::default(), "waiting": null, "base": null,
            "start_from": null, "head": null, "handed": null, "integrated": null, "solo": false, "findings": [],
            "cleared": [], "created_ms": 1, "updated_ms": 1, "run_at_ms": 0
        });
        serde_json::from_value(task).expect("a task")
    }

    fn told(event: &str, to: Option<State>, task: &Task, by_approval: bool) -> Option<Kind> {
        kind_of(&Happened {
            event,
            to,
            task: Some(task),
            by_approval,
        })
    }

    #[test]
    fn a_wait_is_told_once_with_its_kind_and_again_when_it_is_overdue() {
        for reason in WaitReason::ALL {
            let mut waits = task(State::Waiting, TaskKind::Build);
            waits.waiting = Some(Waiting {
                reason,
                owner: "alem".into(),
                deadline_ms: 9,
                next_action: "`alai mc answer 7`".into(),
                detail: String::new(),
            });
            let want = match reason == WaitReason::Budget {
                true => Kind::Budget,
                false => Kind::NeedsYou,
            };
            assert_eq!(told("ask", Some(State::Waiting), &waits, false), Some(want));
            assert_eq!(
                told("created", None, &waits, false),
                Some(want),
                "{reason:?}"
            );
            assert_eq!(told("overdue", None, &waits, false), Some(Kind::NeedsYou));
            assert_eq!(told("note", None, &waits, false), None);
        }
        let open = task(State::Open, TaskKind::Build);
        assert_eq!(told("created", None, &open, false), None);
        assert_eq!(told("unclaimed", None, &open, false), Some(Kind::NeedsYou));
    }

    #[test]
    fn what_a_person_asked_for_is_told_as_done_once_and_where_he_wanted_it() {
        let done = Some(State::Done);
        let goal = task(State::Done, TaskKind::Goal);
        assert_eq!(told("roll_up", done, &goal, false), Some(Kind::Done));
        // A build of its own is done for a person when its change is on his branch.
        let build = task(State::Done, TaskKind::Build);
        assert_eq!(told("complete", done, &build, false), None);
        assert_eq!(told("integrated", None, &build, false), None);
        assert_eq!(told("integrated", None, &build, true), Some(Kind::NeedsYou));
        assert_eq!(told("delivered", None, &build, true), Some(Kind::Done));
        assert_eq!(told("proposed", None, &build, false), Some(Kind::NeedsYou));
        for refused in ["merge_refused", "delivery_refused"] {
            assert_eq!(told(refused, None, &build, false), Some(Kind::NeedsYou));
        }
        let by_hand = Task {
            project: None,
            ..build.clone()
        };
        assert_eq!(told("override", done, &by_hand, false), Some(Kind::Done));
        let solo = Task {
            solo: true,
            ..build.clone()
        };
        assert_eq!(told("complete", done, &solo, false), Some(Kind::Done));
        // What belongs to a goal, or to the line of another task, is told with that.
        let of_goal = Task {
            goal: Some(TaskId(1)),
            ..solo.clone()
        };
        let review = Task {
            lineage: Some(TaskId(1)),
            ..task(State::Done, TaskKind::Review)
        };
        for quiet in [of_goal, review] {
            assert_eq!(told("complete", done, &quiet, true), None);
            assert_eq!(told("integrated", None, &quiet, true), None);
            assert_eq!(told("proposed", None, &quiet, false), None);
        }
    }

    #[test]
    fn failures_and_bills_are_told_and_ordinary_moves_are_not() {
        let of_goal = Task {
            goal: Some(TaskId(1)),
            ..task(State::Failed, TaskKind::Build)
        };
        assert_eq!(
            told("fail", Some(State::Failed), &of_goal, false),
            Some(Kind::Failed)
        );
        for to in [
            State::Open,
            State::Started,
            State::ReadyForReview,
            State::Paused,
            State::Cancelled,
        ] {
            let moved = task(to, TaskKind::Build);
            assert_eq!(told("claim", Some(to), &moved, true), None, "{to}");
        }
        let bill = |event| {
            kind_of(&Happened {
                event,
                to: None,
                task: None,
                by_approval: false,
            })
        };
        assert_eq!(bill("spend_warn"), Some(Kind::Budget));
        assert_eq!(bill("spend_block"), Some(Kind::Budget));
        assert_eq!(bill("project_added"), None);
    }

    #[test]
    fn kinds_have_one_name_each() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("spam"), None);
    }
}
