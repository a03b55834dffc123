//! Tests of who is told, and copies of the wiki that a person asks for.

use alai_hivemind::wiki;

use crate::home::Home;
use crate::publish;
use crate::wiki::PageName;

use super::{Desk, OpError, OpErrorKind, Outcome};

pub(super) fn test(desk: &Desk<'_>, sink: Option<String>) -> Result<Outcome, OpError> {
    let all: Vec<String> = desk.config.sinks.iter().map(|s| s.name.clone()).collect();
    if all.is_empty() {
        return Err(OpError::new(
            OpErrorKind::NeedsSetup,
            "cannot test notifications: the settings name nobody who is told",
            "`[[notify.sinks]]` in alai.toml names one; a daemon reads it when it starts",
        ));
    }
    let to = match sink {
        None => all,
        Some(sink) if all.contains(&sink) => vec![sink],
        Some(sink) => {
            return Err(OpError::new(
                OpErrorKind::NotFound,
                format!("cannot test `{sink}`: there is no such sink"),
                &format!("there are {}", all.join(", ")),
            ));
        }
    };
    let rows = desk
        .mission
        .test_notices(to, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Testing { rows })
}

/// The pages that were named, in any case; with none, all that say something else than when they were last copied.
pub(super) fn publish(
    desk: &Desk<'_>,
    pages: &[String],
    overwrite: bool,
) -> Result<Outcome, OpError> {
    if desk.config.bookstack.is_none() {
        return Err(OpError::new(
            OpErrorKind::NeedsSetup,
            "cannot copy pages: the settings name no BookStack",
            "`[wiki.bookstack]` in alai.toml names it; a daemon reads it when it starts",
        ));
    }
    let home = Home::at(desk.mission.home());
    let failed = |e: wiki::WikiError| OpError::new(OpErrorKind::Failed, e, "");
    let all = wiki::list(&home.wiki()).map_err(failed)?;
    let mut named = Vec::new();
    for page in pages {
        let found = PageName::parse(page).filter(|name| all.contains(name));
        named.push(found.ok_or_else(|| {
            let message = format!("cannot copy `{page}`: there is no such page");
            OpError::new(
                OpErrorKind::NotFound,
                message,
                "`alai wiki list` shows them",
            )
        })?);
    }
    let asked = !named.is_empty();
    let named = if asked { named } else { all };
    let mode = (asked, overwrite);
    publish::queue(desk.mission, &home, &named, mode, desk.now_ms)?;
    Ok(Outcome::Done)
}
