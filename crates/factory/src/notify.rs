//! Telling people: Slack, webhooks, the desktop. What is told stands in the outbox, queued with the event that it tells of; here it is
//! sent, each sink at its own pace and on a thread of its own, so that one which hangs keeps nobody waiting.

use std::sync::Arc;

use alai_core::ids::TaskId;
use alai_mission::{Again, Message, Mission, MissionError};

use crate::around::Around;
use crate::beat::Factory;
use crate::views::Views;

mod desktop;
mod send;
mod settings;
mod words;

pub(crate) use settings::{NotifyFile, subscriptions, variables};
pub use settings::{Sink, Way};

use words::{Said, Stands};

/// Messages that one sink gets in one go: at ten seconds each, a hanging one is looked at again after less than two minutes.
const BATCH: u32 = 10;

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Told,
    /// There is nobody to be shown it.
    NotShown(String),
    /// Not now; after so many milliseconds at least where the sink said it.
    Later(String, Option<i64>),
    /// Not this message, and not later either.
    Refused(String),
}

/// Starts to tell whoever has to be told something and is not being told already.
pub(crate) fn start(factory: &Arc<Factory>, now_ms: i64) -> Result<(), MissionError> {
    if factory.config().sinks.is_empty() || factory.stopping() {
        return Ok(());
    }
    for sink in factory.mission().sinks_due(now_ms)? {
        let Some(errand) = factory.couriers().take(&sink) else {
            continue;
        };
        let factory = Arc::clone(factory);
        let started = std::thread::Builder::new()
            .name(format!("notify {sink}"))
            .spawn(move || {
                let cancel = || factory.stopping();
                let told = deliver(
                    factory.mission(),
                    &factory.config().sinks,
                    &sink,
                    &|| factory.now_ms(),
                    &cancel,
                );
                if let Err(e) = told {
                    tracing::warn!("notifications of {sink}: {e}");
                }
                drop(errand);
            });
        if let Err(e) = started {
            tracing::warn!("notifications: no thread for it: {e}");
        }
    }
    Ok(())
}

/// Tells one sink what is due for it. The first failure ends the round: the sink pauses.
///
/// # Errors
/// When the store cannot be read or written; what was sent is then sent again, under the same id.
pub fn deliver(
    mission: &Mission,
    sinks: &[Sink],
    name: &str,
    now_ms: &dyn Fn() -> i64,
    cancel: &dyn Fn() -> bool,
) -> Result<(), MissionError> {
    let Some(sink) = sinks.iter().find(|sink| sink.name == name) else {
        return Ok(());
    };
    for message in mission.messages_due(name, BATCH, now_ms())? {
        let said = said(mission, &message, now_ms());
        let outcome = match &sink.way {
            Way::Slack { url, private } => send::slack(url, *private, &said, cancel),
            Way::Webhook {
                url,
                secret,
                private,
            } => send::webhook(url, secret, *private, &message, &said, now_ms(), cancel),
            Way::Desktop => desktop::show(&said),
        };
        match outcome {
            Outcome::Told => {
                alai_workspace::crash::point("notify.sent");
                mission.told(name, &message, now_ms())?;
            }
            Outcome::NotShown(why) => mission.not_shown(&message, &why, now_ms())?,
            // It was ended from here; that says nothing of the sink.
            Outcome::Later(..) if cancel() => return Ok(()),
            Outcome::Later(why, asked_ms) => {
                tracing::warn!("notification {} to {name}: {why}", message.id);
                let again = Again::Later(asked_ms);
                return mission.untold(name, &message, &why, again, now_ms());
            }
            Outcome::Refused(why) => {
                tracing::warn!("notification {} to {name} is given up: {why}", message.id);
                mission.untold(name, &message, &why, Again::Never, now_ms())?;
            }
        }
    }
    Ok(())
}

/// The notifications of a message with where their tasks stand now, and what `alai why` says is to be done.
fn said(mission: &Mission, message: &Message, now_ms: i64) -> Vec<Said> {
    let views = Views::new(mission, now_ms, Around::at_work());
    let stands = |id: TaskId| {
        let view = views.task(id).ok()?;
        Some(Stands {
            state: Some(view.shown),
            trust: view.trust,
            next_action: Some(view.why.next_action),
        })
    };
    let notices = message.notices.iter();
    notices
        .map(|notice| match notice.task.and_then(stands) {
            Some(stands) => Said::new(notice, stands),
            None => {
                let next_action = notice.kind.map(|_| "`alai status`".to_owned());
                let stands = Stands {
                    next_action,
                    ..Stands::default()
                };
                Said::new(notice, stands)
            }
        })
        .collect()
}
