//! Copies of the wiki in a BookStack: what is to be copied stands in the outbox; here it is sent, on a thread of its own and within the
//! wiki's own limit of requests.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alai_core::ids::TaskId;
use alai_core::notify::plain;
use alai_core::safety::credential_in;
use alai_fleet::plain::Place;
use alai_hivemind::bookstack::{BookStack, Copied, Copy, Uncopied};
use alai_hivemind::wiki::{self, PageKind, PageName};
use alai_mission::{Again, Mission, MissionError, Publishing, Reader};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::beat::Factory;
use crate::config::{Config, ConfigError};
use crate::held::Held;
use crate::home::Home;

/// Pages that are copied in one go.
const BATCH: u32 = 10;

/// Requests within a minute. BookStack takes 180 of one token (its `API_REQUESTS_PER_MIN`); people's other programs need some.
const REQUESTS_MAX: usize = 150;
const MINUTE: Duration = Duration::from_secs(60);

/// How often somebody who waits for his turn asks whether he shall still go.
const TICK: Duration = Duration::from_millis(100);

/// The errand's name among those to sinks, none of which has a blank.
const ERRAND: &str = "the wiki";

/// `[wiki.bookstack]` of `alai.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookStackAt {
    url: Place,
    token: Held,
    private: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WikiFile {
    pub(crate) bookstack: Option<BookStackFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BookStackFile {
    url: String,
    pub(crate) token_env: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default)]
    private: bool,
}

impl BookStackFile {
    pub(crate) fn checked(
        self,
        env: &BTreeMap<String, String>,
    ) -> Result<BookStackAt, ConfigError> {
        let url = Place::parse(&self.url).map_err(|_| ConfigError::Value {
            key: "wiki.bookstack.url",
            value: "what stands there".into(),
            want: "an address such as https://wiki.example.org, without login or query",
        })?;
        let token = Held::read(self.token_env, self.token_file, env);
        let token = token.map_err(|why| ConfigError::Value {
            key: "wiki.bookstack.token",
            value: "what stands there".into(),
            want: why.words(),
        })?;
        Ok(BookStackAt {
            url,
            token,
            private: self.private,
        })
    }
}

/// Starts to copy what is due, unless somebody does.
pub(crate) fn start(factory: &Arc<Factory>, now_ms: i64) -> Result<(), MissionError> {
    if factory.config().bookstack.is_none() || factory.stopping() {
        return Ok(());
    }
    if factory.mission().pages_due(1, now_ms)?.is_empty() {
        return Ok(());
    }
    let Some(errand) = factory.couriers().take(ERRAND) else {
        return Ok(());
    };
    let copying = Arc::clone(factory);
    let started = std::thread::Builder::new()
        .name("wiki".into())
        .spawn(move || {
            let cancel = || copying.stopping();
            let now_ms = || copying.now_ms();
            let (mission, home) = (copying.mission(), copying.home());
            if let Err(e) = deliver(mission, home, copying.config(), &now_ms, &cancel) {
                tracing::warn!("copies of the wiki: {e}");
            }
            drop(errand);
        });
    if let Err(e) = started {
        tracing::warn!("copies of the wiki: no thread for it: {e}");
    }
    Ok(())
}

/// Queues the pages of the wiki that say something else than when they were last copied; with `asked`, these in any case.
///
/// # Errors
/// When the store cannot be written. A page that cannot be read is left out.
pub(crate) fn queue(
    mission: &Mission,
    home: &Home,
    pages: &[PageName],
    (asked, overwrite): (bool, bool),
    now_ms: i64,
) -> Result<usize, MissionError> {
    let read = |page: &PageName| wiki::read(&home.wiki(), page).ok().flatten();
    let hashed = pages.iter().filter_map(|page| {
        let hash = hex::encode(&Sha256::digest(read(page)?.text.as_bytes())[..8]);
        Some((page.as_str().to_owned(), hash))
    });
    let hashed: Vec<(String, String)> = hashed.collect();
    mission.copy_pages(&hashed, asked, overwrite, now_ms)
}

/// Copies what is due. What may pass ends the round; a page that is refused is given up with its reason.
///
/// # Errors
/// When the store cannot be read or written; what was copied is then found again by its tag.
pub fn deliver(
    mission: &Mission,
    home: &Home,
    config: &Config,
    now_ms: &dyn Fn() -> i64,
    cancel: &dyn Fn() -> bool,
) -> Result<(), MissionError> {
    let Some(at) = &config.bookstack else {
        return Ok(());
    };
    for row in mission.pages_due(BATCH, now_ms())? {
        let copied = match (copy_of(mission, home, &row)?, at.token.value()) {
            // Its page is gone: there is nothing to be copied any more.
            (None, _) => Ok(Copied::Same),
            (Some(_), Err(why)) => Err(Uncopied::Later(why, None)),
            (Some(copy), Ok(_)) if shown(&copy).is_some() => {
                let kind = shown(&copy).unwrap_or_default();
                Err(Uncopied::Refused(format!(
                    "it would show {kind}, and is not sent; take it out of the page or of the task's words, then `alai wiki publish {}`",
                    row.page
                )))
            }
            (Some(copy), Ok(token)) => {
                let there = BookStack {
                    place: &at.url,
                    token: &token,
                    private: at.private,
                    turn: &|| turn(cancel),
                    cancel,
                };
                there.copy(&copy, row.overwrite)
            }
        };
        let (why, again) = match copied {
            Ok(_) => {
                alai_workspace::crash::point("publish.sent");
                mission.page_copied(&row, now_ms())?;
                continue;
            }
            Err(Uncopied::Later(..)) if cancel() => return Ok(()),
            Err(Uncopied::Later(why, asked_s)) => {
                let asked = asked_s.and_then(|s| i64::try_from(s).ok());
                (why, Again::Later(asked.map(|s| s.saturating_mul(1_000))))
            }
            Err(Uncopied::Refused(why)) => (why, Again::Never),
            Err(Uncopied::Edited(what)) => (
                format!(
                    "a person edited its copy ({what}), which is not overwritten; `alai wiki publish {} --overwrite`",
                    row.page
                ),
                Again::Never,
            ),
        };
        tracing::warn!("copy of {}: {why}", row.page);
        mission.page_not_copied(&row, &why, again, now_ms())?;
        if again != Again::Never {
            return Ok(());
        }
    }
    Ok(())
}

/// What of a copy is a secret by its shape.
fn shown(copy: &Copy) -> Option<String> {
    let names = [&copy.name, &copy.book.1].into_iter();
    let chapter = copy.chapter.iter().map(|(_, name)| name);
    let mut all = names.chain(chapter).chain([&copy.markdown]);
    all.find_map(|text| credential_in(text))
}

/// What a page is copied as: a book for each project, a chapter for each goal.
fn copy_of(reader: &Reader, home: &Home, row: &Publishing) -> Result<Option<Copy>, MissionError> {
    let Some(name) = PageName::parse(&row.page) else {
        return Ok(None);
    };
    let Ok(Some(page)) = wiki::read(&home.wiki(), &name) else {
        return Ok(None);
    };
    let store = reader.store_id()?;
    let Some((goal, kind)) = name.goal() else {
        let title = page.text.lines().find_map(|line| line.strip_prefix("# "));
        let slug = row
            .page
            .trim_start_matches("pages/")
            .trim_end_matches(".md");
        return Ok(Some(Copy {
            key: format!("{store}.pages.{slug}"),
            name: title.unwrap_or(slug).to_owned(),
            markdown: page.text,
            book: (format!("{store}.pages"), "Pages".into()),
            chapter: None,
        }));
    };
    let task = reader.task(TaskId(goal))?;
    let book = match task.project {
        Some(id) => (
            format!("{store}.project.{}", id.0),
            reader.project(id)?.name,
        ),
        None => (format!("{store}.tasks"), "Tasks without a project".into()),
    };
    let chapter = format!("{} {}", task.id, plain(&task.title, 150));
    let name = match kind {
        PageKind::Request => "Request",
        PageKind::Status => "Status",
        PageKind::Evidence => "Evidence",
        PageKind::Postflight => "Postflight",
    };
    Ok(Some(Copy {
        key: format!("{store}.goal.{goal}.{}", kind.as_str()),
        name: format!("{} {name}", task.id),
        markdown: page.text,
        book,
        chapter: Some((format!("{store}.goal.{goal}"), chapter)),
    }))
}

/// The moments of the last requests of this process.
static TURNS: Mutex<VecDeque<Instant>> = Mutex::new(VecDeque::new());

/// Waits for one's turn.
fn turn(cancel: &dyn Fn() -> bool) {
    loop {
        let wait = {
            let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
            wait(&mut turns, Instant::now())
        };
        match wait {
            Some(left) if !cancel() => std::thread::sleep(left.min(TICK)),
            Some(_) | None => return,
        }
    }
}

/// How long the next request has to wait; none where it may go, which counts it.
fn wait(turns: &mut VecDeque<Instant>, now: Instant) -> Option<Duration> {
    while turns
        .front()
        .is_some_and(|first| now.duration_since(*first) >= MINUTE)
    {
        turns.pop_front();
    }
    match turns.front() {
        Some(first) if turns.len() >= REQUESTS_MAX => Some(MINUTE - now.duration_since(*first)),
        Some(_) | None => {
            turns.push_back(now);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_requests_than_it_may() {
        let (mut turns, begin) = (VecDeque::new(), Instant::now());
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let mut went = Vec::new();
        for ms in (0..180_000).step_by(50) {
            if wait(&mut turns, at(ms)).is_none() {
                went.push(ms);
            }
        }
        for first in &went {
            let within = went
                .iter()
                .filter(|ms| (*first..first + 60_000).contains(ms));
            assert!(within.count() <= REQUESTS_MAX, "from {first}");
        }
        assert_eq!(went.len(), 3 * REQUESTS_MAX, "and it does not starve");
    }
}
