//! The wiki folder: local Markdown is the source; BookStack is a copy of it.
//!
//! What alai writes in a page stands between two marks; the rest of the page is people's, and stays. A page in which a person changed
//! what stands between the marks, or took them away, is not written to any more until somebody says so.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use alai_workspace::files;
use sha2::{Digest, Sha256};

/// Longest page that is read, in bytes.
const PAGE_BYTES_MAX: u64 = 4 << 20;

/// Most pages of a folder that are listed.
const PAGES_MAX: usize = 10_000;

const BEGIN: &str = "<!-- alai writes this part; yours goes above or below it. ";
const END: &str = "<!-- alai ends here. ";
const CLOSE: &str = " -->";

/// A page that could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} the wiki page {path}: {why}")]
pub struct WikiError {
    doing: &'static str,
    path: String,
    why: String,
}

/// What came of writing a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Changed,
    /// It said the same already.
    Same,
    /// A person changed what alai had written: his text stands.
    Kept,
}

/// A page as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub text: String,
    /// What alai wrote, where nobody has changed it.
    pub ours: Option<Ours>,
}

/// Where alai's part of a page is, in bytes of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    part: std::ops::Range<usize>,
    pub body: String,
}

/// Writes alai's part of a page, whole or not at all. The same text twice is the same page.
///
/// # Errors
/// When the folder cannot be written, or is none of plain folders.
pub fn write(wiki: &Path, page: &PageName, text: &str) -> Result<Written, WikiError> {
    let part = marked(text);
    let whole = match read(wiki, page)? {
        None => part,
        Some(Page { ours: None, .. }) => return Ok(Written::Kept),
        Some(Page {
            text: old,
            ours: Some(ours),
        }) => {
            if old[ours.part.clone()] == part {
                return Ok(Written::Same);
            }
            format!("{}{part}{}", &old[..ours.part.start], &old[ours.part.end..])
        }
    };
    put(wiki, page, &whole)?;
    Ok(Written::Changed)
}

/// The same where a person changed alai's part: what he had is kept beside the page, whose path is the answer.
///
/// # Errors
/// As [`write`].
pub fn overwrite(wiki: &Path, page: &PageName, text: &str) -> Result<Option<PathBuf>, WikiError> {
    if write(wiki, page, text)? != Written::Kept {
        return Ok(None);
    }
    let path = wiki.join(&page.0);
    let beside = (1..)
        .map(|n| path.with_extension(format!("edited-{n}.md")))
        .find(|beside| fs::symlink_metadata(beside).is_err())
        .unwrap_or_else(|| path.with_extension("edited.md"));
    fs::rename(&path, &beside).map_err(|e| fail("keep", &path)(&e))?;
    write(wiki, page, text)?;
    Ok(Some(beside))
}

/// Makes a page that is a person's from its first line.
///
/// # Errors
/// When there is one of this name, or it cannot be written.
pub fn create(wiki: &Path, page: &PageName, text: &str) -> Result<PathBuf, WikiError> {
    let path = wiki.join(&page.0);
    if fs::symlink_metadata(&path).is_ok() {
        return Err(fail("make", &path)(&"there is one already"));
    }
    put(wiki, page, text)?;
    Ok(path)
}

/// A page, when it is there.
///
/// # Errors
/// When it cannot be read, or is longer than a page may be.
pub fn read(wiki: &Path, page: &PageName) -> Result<Option<Page>, WikiError> {
    let path = wiki.join(&page.0);
    match fs::symlink_metadata(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(fail("read", &path)(&e)),
        // What is no file is nobody's text: it is replaced, and what it leads to is let be.
        Ok(found) if !found.is_file() => return Ok(None),
        Ok(_) => {}
    }
    let file = files::open_plain(&path, fs::OpenOptions::new().read(true));
    let file = file.map_err(|e| fail("read", &path)(&e))?;
    let mut text = String::new();
    let read = file.take(PAGE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|e| fail("read", &path)(&e))?;
    if text.len() as u64 > PAGE_BYTES_MAX {
        return Err(fail("read", &path)(&"it is longer than 4 MiB"));
    }
    let ours = ours(&text);
    Ok(Some(Page { text, ours }))
}

/// The pages that are there, in order.
///
/// # Errors
/// When a folder cannot be read.
pub fn list(wiki: &Path) -> Result<Vec<PageName>, WikiError> {
    let mut pages = Vec::new();
    let mut goals: Vec<i64> = names(&wiki.join("goals"))?
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    goals.sort_unstable();
    for goal in goals {
        pages.extend(of_goal(wiki, goal)?);
    }
    let mut own: Vec<PageName> = names(&wiki.join("pages"))?
        .iter()
        .filter_map(|name| PageName::parse(&format!("pages/{name}")))
        .collect();
    own.sort_by(|a, b| a.0.cmp(&b.0));
    pages.extend(own.into_iter().filter(|page| is_file(&wiki.join(&page.0))));
    pages.truncate(PAGES_MAX);
    Ok(pages)
}

/// The pages of a goal that are there: one of each kind, then those of what was planned below it.
///
/// # Errors
/// When its folder cannot be read.
pub fn of_goal(wiki: &Path, goal: i64) -> Result<Vec<PageName>, WikiError> {
    let own = PageKind::ALL.map(|kind| PageName::of(kind, goal));
    let mut below: Vec<i64> = names(&wiki.join(format!("goals/{goal}")))?
        .iter()
        .filter_map(|name| PageName::spec_below(name.strip_suffix(".md")?))
        .collect();
    below.sort_unstable();
    let below = below.into_iter().map(|spec| PageName::below(goal, spec));
    let is_there = |page: &PageName| is_file(&wiki.join(&page.0));
    Ok(own.into_iter().chain(below).filter(is_there).collect())
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn names(dir: &Path) -> Result<Vec<String>, WikiError> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| fail("list", dir)(&e))?,
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.take(PAGES_MAX).collect())
}

/// Writes a whole page. Its folders are made, and must be folders: a link would lead out of the wiki.
fn put(wiki: &Path, page: &PageName, text: &str) -> Result<(), WikiError> {
    let path = wiki.join(&page.0);
    let dir = path.parent().unwrap_or(wiki);
    let mut below = wiki.to_path_buf();
    let inside = dir.strip_prefix(wiki).unwrap_or(Path::new(""));
    for part in inside.components() {
        below.push(part);
        match fs::symlink_metadata(&below) {
            Ok(found) if !found.is_dir() => {
                return Err(fail("write", &path)(&format!(
                    "{} is no folder; remove it",
                    below.display()
                )));
            }
            Ok(_) | Err(_) => {}
        }
    }
    files::private_dir_all(dir).map_err(|e| fail("write", &path)(&e))?;
    files::write_atomic(&path, text.as_bytes()).map_err(|e| fail("write", &path)(&e))
}

fn fail<'p>(
    doing: &'static str,
    path: &'p Path,
) -> impl Fn(&dyn std::fmt::Display) -> WikiError + 'p {
    move |why| WikiError {
        doing,
        path: path.display().to_string(),
        why: why.to_string(),
    }
}

/// A text between the marks, which carry its hash: a mark that a stranger wrote into it carries another one.
fn marked(text: &str) -> String {
    let body = text.trim_end();
    let hash = hash(body);
    format!("{BEGIN}{hash}{CLOSE}\n{body}\n{END}{hash}{CLOSE}\n")
}

fn ours(text: &str) -> Option<Ours> {
    let start = match text.starts_with(BEGIN) {
        true => 0,
        false => text.find(&format!("\n{BEGIN}"))? + 1,
    };
    let after = &text[start + BEGIN.len()..];
    let (said, rest) = after.split_once(&format!("{CLOSE}\n"))?;
    let from = text.len() - rest.len();
    let end = format!("\n{END}{said}{CLOSE}\n");
    let to = from + rest.find(&end)?;
    let body = &text[from..to];
    (hash(body) == said).then(|| Ours {
        part: start..to + end.len(),
        body: body.to_owned(),
    })
}

fn hash(body: &str) -> String {
    hex::encode(&Sha256::digest(body.as_bytes())[..8])
}

/// The four templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    Request,
    Status,
    Evidence,
    Postflight,
}

impl PageKind {
    pub const ALL: [PageKind; 4] = [
        PageKind::Request,
        PageKind::Status,
        PageKind::Evidence,
        PageKind::Postflight,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            PageKind::Request => "request",
            PageKind::Status => "status",
            PageKind::Evidence => "evidence",
            PageKind::Postflight => "postflight",
        }
    }

    pub fn parse(text: &str) -> Option<PageKind> {
        PageKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The name of its file in the folder of a goal.
    pub fn file(self) -> &'static str {
        match self {
            PageKind::Request => "spec.md",
            PageKind::Status => "status.md",
            PageKind::Evidence => "evidence.md",
            PageKind::Postflight => "postflight.md",
        }
    }
}

/// A page's place under the wiki folder. Made of numbers, fixed words and slugs only: no text of a task becomes a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageName(String);

impl PageName {
    pub fn of(kind: PageKind, goal: i64) -> PageName {
        PageName(format!("goals/{goal}/{}", kind.file()))
    }

    /// The goal's specification and plan.
    pub fn spec(goal: i64) -> PageName {
        PageName::of(PageKind::Request, goal)
    }

    /// What a specification below the goal has planned: a part that was handed on, or a task anew.
    pub fn below(goal: i64, spec: i64) -> PageName {
        PageName(format!("goals/{goal}/spec-{spec}.md"))
    }

    /// The specification whose plan a page of this name holds.
    fn spec_below(stem: &str) -> Option<i64> {
        let spec = stem.strip_prefix("spec-")?.parse().ok()?;
        (spec > 0).then_some(spec)
    }

    /// Where the goal stands.
    pub fn status(goal: i64) -> PageName {
        PageName::of(PageKind::Status, goal)
    }

    /// What came of it.
    pub fn postflight(goal: i64) -> PageName {
        PageName::of(PageKind::Postflight, goal)
    }

    /// A page of a person's, by its title; none where nothing of it can stand in a name.
    pub fn own(title: &str) -> Option<PageName> {
        let mut slug = String::new();
        for c in title.chars().map(|c| c.to_ascii_lowercase()) {
            match c.is_ascii_alphanumeric() {
                true => slug.push(c),
                false if slug.ends_with('-') || slug.is_empty() => {}
                false => slug.push('-'),
            }
        }
        let slug: String = slug.chars().take(80).collect();
        let slug = slug.trim_matches('-');
        (!slug.is_empty()).then(|| PageName(format!("pages/{slug}.md")))
    }

    /// A name as `list` gives it; `.md` may be left out.
    pub fn parse(text: &str) -> Option<PageName> {
        let text = text.trim_start_matches("./");
        let stem = text.strip_suffix(".md").unwrap_or(text);
        let parts: Vec<&str> = stem.split('/').collect();
        match parts[..] {
            ["goals", goal, name] => {
                let goal: i64 = goal.parse().ok().filter(|goal| *goal > 0)?;
                if let Some(spec) = PageName::spec_below(name) {
                    return Some(PageName::below(goal, spec));
                }
                let file = format!("{name}.md");
                let mut kinds = PageKind::ALL.into_iter();
                let kind = kinds.find(|kind| kind.file() == file || kind.as_str() == name)?;
                Some(PageName::of(kind, goal))
            }
            ["pages", slug] => {
                let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                let good = !slug.is_empty() && slug.len() <= 80 && slug.chars().all(fits);
                good.then(|| PageName(format!("pages/{slug}.md")))
            }
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The goal that it is about, and what it says of it; a person's page has none.
    pub fn goal(&self) -> Option<(i64, PageKind)> {
        let (goal, file) = self.0.strip_prefix("goals/")?.split_once('/')?;
        let kind = match PageName::spec_below(file.strip_suffix(".md")?) {
            Some(_) => PageKind::Request,
            None => PageKind::ALL.into_iter().find(|kind| kind.file() == file)?,
        };
        Some((goal.parse().ok()?, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(wiki: &Path, page: &PageName) -> String {
        fs::read_to_string(wiki.join(page.as_str())).expect("a page")
    }

    #[test]
    fn a_page_is_replaced_whole_and_never_through_a_symlink() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let wiki = home.path().join("wiki");
        let page = PageName::spec(7);
        assert_eq!(write(&wiki, &page, "one").expect("first"), Written::Changed);
        assert_eq!(write(&wiki, &page, "one").expect("again"), Written::Same);
        assert!(text(&wiki, &page).contains("\none\n"));
        let victim = home.path().join("victim");
        fs::write(&victim, "untouched").expect("victim");
        let path = wiki.join(page.as_str());
        fs::remove_file(&path).expect("remove");
        std::os::unix::fs::symlink(&victim, &path).expect("symlink");
        write(&wiki, &page, "two").expect("second writing");
        assert_eq!(fs::read_to_string(&victim).expect("victim"), "untouched");
        assert!(text(&wiki, &page).contains("\ntwo\n"));
        // A folder that leads elsewhere is refused.
        let outside = home.path().join("outside");
        fs::create_dir(&outside).expect("a folder");
        std::os::unix::fs::symlink(&outside, wiki.join("goals/8")).expect("symlink");
        let error = write(&wiki, &PageName::spec(8), "x").expect_err("it leads out");
        assert!(error.to_string().contains("is no folder"), "{error}");
        assert_eq!(fs::read_dir(&outside).expect("a folder").count(), 0);
    }

    #[test]
    fn what_a_person_writes_around_stays_and_what_he_changes_within_is_not_overwritten() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let wiki = home.path().join("wiki");
        let page = PageName::status(7);
        write(&wiki, &page, "# 7\n\nopen").expect("first");
        let path = wiki.join(page.as_str());
        let around = format!("My notes.\n{}\nAnd more.\n", text(&wiki, &page));
        fs::write(&path, &around).expect("a person writes");
        assert_eq!(
            write(&wiki, &page, "# 7\n\ndone").expect("second"),
            Written::Changed
        );
        let now = text(&wiki, &page);
        assert!(
            now.starts_with("My notes.\n") && now.ends_with("\nAnd more.\n"),
            "{now}"
        );
        assert!(now.contains("\ndone\n") && !now.contains("open"), "{now}");
        let edited = now.replace("done", "done, I think");
        fs::write(&path, &edited).expect("a person edits");
        assert_eq!(
            write(&wiki, &page, "# 7\n\nfailed").expect("third"),
            Written::Kept
        );
        assert_eq!(text(&wiki, &page), edited);
        let beside = overwrite(&wiki, &page, "# 7\n\nfailed")
            .expect("said so")
            .expect("kept");
        assert_eq!(fs::read_to_string(beside).expect("kept"), edited);
        assert!(text(&wiki, &page).contains("\nfailed\n"));
    }

    #[test]
    fn marks_in_a_stranger_s_text_are_text() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let page = PageName::status(7);
        let forged = format!("a\n{END}0123456789abcdef{CLOSE}\n{BEGIN}0123456789abcdef{CLOSE}\nb");
        write(home.path(), &page, &forged).expect("first");
        let read = read(home.path(), &page).expect("reads").expect("there");
        assert_eq!(read.ours.expect("unchanged").body, forged);
        assert_eq!(
            write(home.path(), &page, "c").expect("second"),
            Written::Changed
        );
        assert!(!text(home.path(), &page).contains("0123456789abcdef"));
    }

    #[test]
    fn names_hold_no_way_out() {
        for bad in [
            "../x",
            "goals/../x",
            "goals/1/../../x",
            "pages/../x",
            "pages/a/b",
            "/etc/passwd",
            "goals/1/x",
            "goals/-1/status",
            "pages/A",
        ] {
            assert_eq!(PageName::parse(bad), None, "{bad}");
        }
        assert_eq!(
            PageName::parse("goals/7/request.md"),
            Some(PageName::spec(7))
        );
        assert_eq!(
            PageName::parse("goals/7/status").expect("a name").goal(),
            Some((7, PageKind::Status))
        );
        let own = PageName::own("  ../How we Deploy!  ").expect("a name");
        assert_eq!(own.as_str(), "pages/how-we-deploy.md");
        assert_eq!(PageName::parse(own.as_str()), Some(own));
        assert_eq!(PageName::own("…"), None);
    }
}
