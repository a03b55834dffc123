//! The wiki: pages of goals, kept by events, and pages of people.

use alai_core::ids::TaskId;
use alai_core::task::TaskKind;
use alai_hivemind::pages::{self, TaskLine};
use alai_hivemind::wiki::{self, Page, WikiError};
pub use alai_hivemind::wiki::{PageKind, PageName, Written};
use alai_mission::{Filter, MissionError, Reader};

use crate::home::Home;
use crate::outbox;

/// Pages that could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    #[error(transparent)]
    Wiki(#[from] WikiError),
    #[error(transparent)]
    Mission(#[from] MissionError),
}

/// A page as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub page: PageName,
    /// The first heading.
    pub title: String,
    pub keeper: Keeper,
}

/// Who writes a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// Alai keeps its part current.
    Kept,
    /// A person changed alai's part: alai writes there no more.
    Edited,
    /// A person's from its first line.
    Person,
}

impl Keeper {
    pub fn as_str(self) -> &'static str {
        match self {
            Keeper::Kept => "kept",
            Keeper::Edited => "edited",
            Keeper::Person => "person",
        }
    }
}

/// Writes a page of a goal. Where a person changed what alai had written, his text stands, and a line of the log says so.
pub(crate) fn put(home: &Home, page: &PageName, text: &str) -> Result<(), WikiError> {
    if wiki::write(&home.wiki(), page, text)? == Written::Kept {
        let name = page.as_str();
        tracing::warn!(
            "wiki {name}: a person changed it, it is not written; `alai wiki sync {name} --overwrite`"
        );
    }
    Ok(())
}

/// Writes the status and evidence pages of a goal (or of a line of work of none) from the rows as they are now: writing twice or late
/// gives the same pages. Answers with those that a person has changed, which stay as they are.
///
/// # Errors
/// When the store cannot be read or a page not be written.
pub fn of_goal(
    reader: &Reader,
    home: &Home,
    goal: TaskId,
    now_ms: i64,
) -> Result<Vec<PageName>, PagesError> {
    let mut kept = Vec::new();
    for (page, text) in texts(reader, home, goal, now_ms)? {
        if wiki::write(&home.wiki(), &page, &text)? == Written::Kept {
            kept.push(page);
        }
    }
    Ok(kept)
}

/// The pages of a goal; where its folder cannot be read those that every goal has, so that whoever goes on with them says why.
pub(crate) fn pages_of(home: &Home, goal: TaskId) -> Vec<PageName> {
    wiki::of_goal(&home.wiki(), goal.0)
        .unwrap_or_else(|_| PageKind::ALL.map(|kind| PageName::of(kind, goal.0)).into())
}

/// What the pages that are made from rows would say now.
fn texts(
    reader: &Reader,
    home: &Home,
    goal: TaskId,
    now_ms: i64,
) -> Result<Vec<(PageName, String)>, PagesError> {
    let task = reader.task(goal)?;
    let lines = outbox::lines(reader, home, &task, now_ms)?;
    let Some(own) = lines.iter().find(|line| line.task.id == goal).cloned() else {
        return Ok(Vec::new());
    };
    // A goal is no work of its own.
    let work: Vec<TaskLine> = { lines.iter().cloned() }
        .filter(|line| line.task.kind != TaskKind::Goal)
        .collect();
    let there: Vec<PageKind> = PageKind::ALL
        .into_iter()
        .filter(|kind| match kind {
            PageKind::Status | PageKind::Evidence => true,
            PageKind::Request | PageKind::Postflight => {
                let page = PageName::of(*kind, goal.0);
                matches!(wiki::read(&home.wiki(), &page), Ok(Some(_)))
            }
        })
        .collect();
    Ok(vec![
        (PageName::status(goal.0), pages::status(&own, &work, &there)),
        (
            PageName::of(PageKind::Evidence, goal.0),
            pages::evidence(&own.task, &lines, &there),
        ),
    ])
}

/// Every page, with its title and who keeps it.
///
/// # Errors
/// When a folder cannot be read.
pub fn list(home: &Home) -> Result<Vec<Listed>, WikiError> {
    let pages = wiki::list(&home.wiki())?.into_iter();
    pages
        .map(|page| {
            let read = wiki::read(&home.wiki(), &page)?;
            let keeper = match (&read, page.goal()) {
                (_, None) => Keeper::Person,
                (Some(Page { ours: None, .. }), Some(_)) => Keeper::Edited,
                (_, Some(_)) => Keeper::Kept,
            };
            let text = read.map(|page| page.text).unwrap_or_default();
            let title = text.lines().find_map(|line| line.strip_prefix("# "));
            Ok(Listed {
                title: title.unwrap_or_default().to_owned(),
                page,
                keeper,
            })
        })
        .collect()
}

/// A page's text.
///
/// # Errors
/// When it cannot be read.
pub fn show(home: &Home, page: &PageName) -> Result<Option<String>, WikiError> {
    Ok(wiki::read(&home.wiki(), page)?.map(|page| page.text))
}

/// Makes a page of a person's from one of the four templates.
///
/// # Errors
/// When there is one of this name.
pub fn create(
    home: &Home,
    page: &PageName,
    kind: PageKind,
    title: &str,
) -> Result<String, WikiError> {
    let path = wiki::create(&home.wiki(), page, &pages::blank(kind, title))?;
    Ok(path.display().to_string())
}

/// Writes all pages that are made from rows anew, and answers with those that a person has changed.
///
/// # Errors
/// When the store cannot be read or a page not be written.
pub fn sync(reader: &Reader, home: &Home, now_ms: i64) -> Result<Vec<PageName>, PagesError> {
    let all = Filter {
        ended: true,
        ..Filter::default()
    };
    let mut kept = Vec::new();
    for task in reader.tasks(&all)? {
        if reader.first_of(task.id)? == task.id {
            kept.extend(of_goal(reader, home, task.id, now_ms)?);
        }
    }
    Ok(kept)
}

/// Writes one page anew although a person changed it. Where his text went is the answer; none where he had changed nothing.
///
/// # Errors
/// When it is not made from rows, or cannot be written.
pub fn overwrite(
    reader: &Reader,
    home: &Home,
    page: &PageName,
    now_ms: i64,
) -> Result<Overwritten, PagesError> {
    let Some((goal, _)) = page.goal() else {
        return Ok(Overwritten::NotOurs);
    };
    let texts = texts(reader, home, TaskId(goal), now_ms)?;
    let Some((_, text)) = texts.into_iter().find(|(name, _)| name == page) else {
        return Ok(Overwritten::NotOurs);
    };
    Ok(match wiki::overwrite(&home.wiki(), page, &text)? {
        Some(path) => Overwritten::Beside(path.display().to_string()),
        None => Overwritten::Written,
    })
}

/// What came of writing a page over a person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overwritten {
    /// His text is in this file.
    Beside(String),
    /// He had changed nothing of it.
    Written,
    /// It is made once, by a run, or is his own.
    NotOurs,
}
