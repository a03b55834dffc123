//! Titles and findings in a task's words, cut to what fits.

use super::FINDING_BYTES_MAX;
use super::reviewed::FOLLOW_UP_TAG;
use crate::review::{Finding, Severity};
use crate::task::Task;

/// What the work is about, without the stage's own words around it.
pub fn subject(title: &str) -> &str {
    let title = title
        .split_once("] ")
        .filter(|_| title.starts_with('['))
        .map_or(title, |(_, t)| t);
    [
        "Code review of ",
        "Security audit of ",
        "Verification of ",
        "Rework: ",
    ]
    .iter()
    .find_map(|p| title.strip_prefix(p))
    .map_or(title, |rest| rest.strip_prefix("Rework: ").unwrap_or(rest))
}

/// `BENTO-` when the task's first tag is `bento` (`[BENTO-REVIEW]`, as the original system names stage tasks).
pub(super) fn prefix(task: &Task) -> String {
    let own = |t: &&String| *t != "docs" && *t != "deploy" && *t != FOLLOW_UP_TAG;
    task.tags
        .iter()
        .find(own)
        .map(|t| format!("{}-", t.to_uppercase()))
        .unwrap_or_default()
}

pub(super) fn fit_title(title: &str) -> String {
    let line = title.lines().next().unwrap_or(title);
    match line
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > crate::task::TITLE_BYTES_MAX - 4)
    {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or(line)),
        None => line.to_owned(),
    }
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
