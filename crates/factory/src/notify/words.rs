//! What a notification says, for each way of telling it. Titles and reasons come from strangers: they are one line, short, and cannot
//! speak the receiver's own language.

use alai_core::ids::TaskId;
use alai_core::notify::{Kind, TEXT_CHARS_MAX, TITLE_CHARS_MAX, mrkdwn, plain};
use alai_core::trust::Trust;
use alai_mission::{Message, Notice};
use serde::Serialize;
use serde_json::{Value, json};

use crate::trust::CLAIMED;

/// Lines that one message shows; more of them are counted.
const LINES_MAX: usize = 12;

/// Notifications that one webhook lists: some 80 kB at the most.
const LISTED_MAX: usize = 50;

/// One notification with how its task stands when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Said {
    pub(super) kind: &'static str,
    #[serde(skip)]
    pub(super) words: &'static str,
    pub(super) task_id: Option<TaskId>,
    pub(super) goal_id: Option<TaskId>,
    pub(super) title: String,
    /// Why, in the words of the event.
    pub(super) reason: String,
    /// The state of the task now.
    pub(super) state: Option<String>,
    /// How far what is done is proven, by the rows; none where nothing is claimed that could be.
    pub(super) trust: Option<Trust>,
    /// What a person does about it: the next action of `alai why`.
    pub(super) next_action: Option<String>,
    pub(super) event: String,
    /// Milliseconds since the Unix epoch.
    pub(super) at_ms: i64,
}

/// How a task stands when it is told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stands {
    pub(super) state: Option<String>,
    pub(super) trust: Option<Trust>,
    pub(super) next_action: Option<String>,
}

impl Said {
    pub(super) fn new(notice: &Notice, stands: Stands) -> Said {
        // What is secret by its shape has no business outside, whoever wrote it.
        let clean = |text: &str, most| plain(&alai_fleet::redact(text), most);
        // Nobody is told as done what its writer's word alone proves.
        let claimed = notice.kind == Some(Kind::Done)
            && stands.trust.is_some_and(|level| !level.may_be_told());
        let (kind, words) = match notice.kind {
            None => ("test", "test"),
            Some(_) if claimed => (CLAIMED, CLAIMED),
            Some(kind) => (kind.as_str(), kind.words()),
        };
        Said {
            kind,
            words,
            task_id: notice.task,
            goal_id: notice.goal,
            title: clean(&notice.title, TITLE_CHARS_MAX),
            reason: clean(&notice.detail, TEXT_CHARS_MAX),
            state: stands.state,
            trust: stands.trust,
            next_action: stands.next_action.map(|next| clean(&next, TEXT_CHARS_MAX)),
            event: notice.id.clone(),
            at_ms: notice.at_ms,
        }
    }

    /// `#12 needs you: Add a login`, `#1 done (L3): Add a login`.
    fn head(&self) -> String {
        let level =
            { self.trust }.map_or_else(String::new, |level| format!(" ({})", level.as_str()));
        match self.task_id {
            Some(task) => format!("{task} {}{level}: {}", self.words, self.title),
            None if self.title.is_empty() => self.words.to_owned(),
            None => format!("{}: {}", self.words, self.title),
        }
    }
}

/// What Slack's incoming webhook takes. Links in it are not looked up by Slack: a title may hold one.
pub(super) fn slack(all: &[Said]) -> Value {
    let mut lines: Vec<String> = Vec::new();
    if all.len() > 1 {
        lines.push(format!("alai: {} more", all.len()));
    }
    for said in all.iter().take(LINES_MAX) {
        let head = match all.len() {
            1 => format!("alai {}", said.head()),
            _ => format!("• {}", said.head()),
        };
        lines.push(mrkdwn(&head));
        if !said.reason.is_empty() && all.len() == 1 {
            lines.push(mrkdwn(&said.reason));
        }
        if let Some(next) = &said.next_action {
            lines.push(format!("→ {}", mrkdwn(next)));
        }
    }
    if all.len() > LINES_MAX {
        lines.push(format!("and {} more: `alai status`", all.len() - LINES_MAX));
    }
    json!({"text": lines.join("\n"), "unfurl_links": false, "unfurl_media": false})
}

/// The body of a Standard Webhook (standardwebhooks.com, 1.0): a type, a time, the data. One notification or several are told alike.
pub(super) fn webhook(message: &Message, all: &[Said]) -> Value {
    let first = &all[0];
    let kind = match all.len() {
        1 => format!("alai.{}", first.kind),
        _ => "alai.several".to_owned(),
    };
    let at = alai_core::time::rfc3339(first.at_ms);
    json!({"type": kind, "timestamp": at, "data": {"id": message.id, "notifications": &all[..all.len().min(LISTED_MAX)], "more": all.len().saturating_sub(LISTED_MAX)}})
}

/// Title and text of a desktop's notification.
pub(super) fn desktop(all: &[Said]) -> (String, String) {
    let first = &all[0];
    let title = match all.len() {
        1 => format!("alai {}", first.head()),
        more => format!("alai: {more} more, the first {}", first.head()),
    };
    let next = first.next_action.clone();
    (title, next.unwrap_or_else(|| first.reason.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(title: &str) -> Said {
        let notice = Notice {
            id: "evt_1_ab".into(),
            kind: Some(Kind::NeedsYou),
            task: Some(TaskId(12)),
            goal: None,
            title: title.into(),
            detail: "why\n<!here>".into(),
            at_ms: 0,
        };
        let stands = Stands {
            state: Some("waiting".into()),
            trust: None,
            next_action: Some("`alai mc approve 12`".into()),
        };
        Said::new(&notice, stands)
    }

    #[test]
    fn slack_gets_no_link_and_no_call_of_a_stranger_s() {
        let text = slack(&[said("<!channel> pay & <https://evil|win>\u{202e}\n")])["text"].clone();
        assert_eq!(
            text,
            "alai #12 needs you: &lt;!channel&gt; pay &amp; &lt;https://evil|win&gt;\nwhy &lt;!here&gt;\n→ `alai mc approve 12`"
        );
        let many: Vec<Said> = (0..30).map(|n| said(&format!("t{n}"))).collect();
        let text = slack(&many)["text"].as_str().expect("a text").to_owned();
        assert!(
            text.starts_with("alai: 30 more\n• #12 needs you: t0\n"),
            "{text}"
        );
        assert!(text.ends_with("and 18 more: `alai status`"), "{text}");
    }

    #[test]
    fn no_text_is_longer_than_its_bound_and_no_secret_by_shape_leaves() {
        let long = said(&"x".repeat(100_000));
        assert_eq!(long.title.chars().count(), TITLE_CHARS_MAX);
        let token = format!("ghp_{}", "a1B2".repeat(9));
        assert!(!said(&token).title.contains(&token));
    }
}
