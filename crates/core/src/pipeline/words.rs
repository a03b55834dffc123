//! Titles and findings in a task's words, cut to what fits.

use super::FINDING_BYTES_MAX;
use super::reviewed::FOLLOW_UP_TAG;
use crate::pull;
use crate::review::{Finding, Severity};
use crate::task::{TITLE_BYTES_MAX, Task};

/// What the engine puts before a subject, and what it has put there in older titles.
const STAGE_WORDS: [&str; 7] = [
    "Code review: ",
    "Security audit: ",
    "Verification: ",
    "Code review of ",
    "Security audit of ",
    "Verification of ",
    "Rework: ",
];
/// The words of a stage in the brackets before its title, behind the tag of the work.
const LABELS: [&str; 6] = ["BUILD", "REVIEW", "SECURITY", "VERIFY", "OPS", "DOCS"];
/// What the title of a follow-up begins with, behind its brackets.
const FIX: &str = "Fix: ";

/// What the work is about, without the stage's own words around it, however often they stand there.
pub fn subject(title: &str) -> &str {
    let bare = title
        .split_once("] ")
        .filter(|_| title.starts_with('['))
        .map_or(title, |(_, rest)| rest);
    without(bare, |rest| {
        let words = STAGE_WORDS
            .iter()
            .find_map(|words| rest.strip_prefix(words));
        words.or_else(|| labelled(rest))
    })
}

/// What stands behind brackets of the engine's own (`[BENTO-BUILD] `).
fn labelled(title: &str) -> Option<&str> {
    let (label, rest) = title.strip_prefix('[')?.split_once("] ")?;
    let last = label.rsplit_once('-').map_or(label, |(_, last)| last);
    LABELS.contains(&last).then_some(rest)
}

/// Takes off as long as there is something to take off, and something is left.
fn without(text: &str, take: impl Fn(&str) -> Option<&str>) -> &str {
    let mut rest = text;
    while let Some(less) = take(rest).filter(|less| !less.trim().is_empty()) {
        rest = less;
    }
    rest
}

/// The title of a task that the engine makes, as the original system names them: `[BENTO-REVIEW] Code review: DB schema`.
pub(super) fn stage_title(task: &Task, label: &str, words: &str, about: &str) -> String {
    let tag = prefix_tag(task).map(|tag| format!("{}-", tag.to_uppercase()));
    let tag = tag.unwrap_or_default();
    fit_title(&format!("[{tag}{label}] {words}: {about}"))
}

/// The title of a BUILD that mends something: `[BENTO-BUILD] Fix: CSP headers are missing`. `about` may be anybody's words; a title that they
/// imitate is not said twice.
pub(super) fn fix_title(task: &Task, about: &str) -> String {
    let about = pull::one_line(
        about.trim().lines().next().unwrap_or_default(),
        TITLE_BYTES_MAX,
    );
    let about = without(&about, |rest| {
        rest.strip_prefix(FIX)
            .or_else(|| rest.strip_prefix("Follow-up: "))
            .or_else(|| labelled(rest))
    });
    let about = match about.trim() {
        "" => named_subject(task),
        about => about,
    };
    stage_title(task, "BUILD", FIX.trim_end_matches(": "), about)
}

/// The first tag that names the work; one with a colon (`domain:backend`) says where it belongs.
fn prefix_tag(task: &Task) -> Option<&str> {
    let own = |tag: &&String| {
        !["docs", "deploy", FOLLOW_UP_TAG].contains(&tag.as_str()) && !tag.contains(':')
    };
    task.tags.iter().find(own).map(String::as_str)
}

/// The subject in a stage's title: `Bento: Project scaffold` is `Project scaffold` where `[BENTO-REVIEW]` stands before it.
pub(super) fn named_subject(task: &Task) -> &str {
    let subject = subject(&task.title);
    let rest = subject.split_once(": ").filter(|(before, rest)| {
        !rest.trim().is_empty() && prefix_tag(task) == Some(before.to_lowercase().as_str())
    });
    rest.map_or(subject, |(_, rest)| rest)
}

/// A title in one line that fits, without characters that steer a terminal.
pub(super) fn fit_title(title: &str) -> String {
    let line = title.lines().next().unwrap_or(title);
    pull::one_line(line, TITLE_BYTES_MAX - 4)
}

pub(super) fn finding_line(f: &Finding) -> String {
    let severity = match f.severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
    };
    let place = match (&f.path, f.line) {
        (Some(path), Some(line)) => format!(" {path}:{line}"),
        (Some(path), None) => format!(" {path}"),
        (None, _) => String::new(),
    };
    let detail = if f.detail.is_empty() {
        String::new()
    } else {
        format!(": {}", f.detail)
    };
    format!("[{severity}]{place} {}{detail}", f.title)
}

pub(super) fn bounded(findings: &[String]) -> Vec<String> {
    findings.iter().map(|f| cut(f, FINDING_BYTES_MAX)).collect()
}

pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    match text
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > bytes_max)
    {
        Some((at, _)) => format!(
            "{} … [{} bytes left out]",
            text.get(..at).unwrap_or(text),
            text.len() - at
        ),
        None => text.to_owned(),
    }
}
