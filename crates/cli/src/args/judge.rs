//! What a person says of work that waits for his word.

use std::path::PathBuf;

use alai_core::ids::TaskId;
use alai_core::review::{Finding, Severity};
use clap::Args;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai mc approve 4001\n  alai mc approve 4002 \"Reads well\" --finding \"medium src/lib.rs:12 no test of zero\""
)]
pub(crate) struct ApproveArgs {
    pub(crate) task: TaskId,
    /// A remark that becomes part of its history; of a review its summary.
    pub(crate) text: Option<String>,
    /// Of a review: what does not stop the change but is worth mending; may be given more than once.
    #[arg(long = "finding", value_name = "[SEVERITY ]PATH[:LINE] TEXT", value_parser = low)]
    pub(crate) findings: Vec<Finding>,
    /// A log of SARIF 2.1.0 whose results are findings too, each with its rule; `error` is high, `note` low, all else medium. What its
    /// tool says was there before is left out. May be given more than once.
    #[arg(long = "sarif", value_name = "FILE")]
    pub(crate) sarif: Vec<PathBuf>,
    /// Wait until it is moved; without a daemon it is moved in this process.
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  alai mc reject 4001 \"The page does not load on a phone\"\n  alai mc reject 4002 \"It loses mail\" --finding \"src/send.rs:40 the error is dropped\"\n  alai mc reject 4003 \"A shell is fed with it\" --sarif scan.sarif"
)]
pub(crate) struct RejectArgs {
    pub(crate) task: TaskId,
    pub(crate) text: String,
    /// Of a review that is yours to judge: what is wrong, and where; may be given more than once.
    #[arg(long = "finding", value_name = "[SEVERITY ]PATH:LINE TEXT", value_parser = high)]
    pub(crate) findings: Vec<Finding>,
    /// A log of SARIF 2.1.0 whose results are findings too, each with its rule; `error` is high, `note` low, all else medium. What its
    /// tool says was there before is left out. May be given more than once.
    #[arg(long = "sarif", value_name = "FILE")]
    pub(crate) sarif: Vec<PathBuf>,
}

/// What does not stop a change is worth a follow-up where nothing else is said.
fn low(text: &str) -> Result<Finding, String> {
    finding(text, Severity::Medium)
}

fn high(text: &str) -> Result<Finding, String> {
    finding(text, Severity::High)
}

/// `PATH:LINE TEXT`, with `low `, `medium ` or `high ` before it.
fn finding(text: &str, otherwise: Severity) -> Result<Finding, String> {
    let text = text.trim();
    let graded = [
        ("low ", Severity::Low),
        ("medium ", Severity::Medium),
        ("high ", Severity::High),
    ];
    let graded = graded
        .into_iter()
        .find_map(|(word, severity)| Some((text.strip_prefix(word)?.trim_start(), severity)));
    let (text, severity) = graded.unwrap_or((text, otherwise));
    let (place, title) = text
        .split_once(char::is_whitespace)
        .map(|(place, title)| (place, title.trim()))
        .filter(|(_, title)| !title.is_empty())
        .ok_or("say where and what: `PATH:LINE WHAT IS WRONG`")?;
    let (path, line) = match place.rsplit_once(':') {
        Some((path, line)) => {
            let line = line.parse().ok().filter(|line| *line > 0);
            let line = line.ok_or_else(|| format!("`{place}` names no line, counted from 1"))?;
            (path, Some(line))
        }
        None => (place, None),
    };
    Ok(Finding {
        path: Some(path.to_owned()),
        line,
        ..Finding::new(severity, title)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_place_and_words_with_or_without_its_gravity() {
        let read = |text: &str| {
            let found = low(text).unwrap();
            (found.severity, found.path.unwrap(), found.line, found.title)
        };
        assert_eq!(
            read("src/a b.rs:3 lost"),
            (Severity::Medium, "src/a".into(), None, "b.rs:3 lost".into()),
            "a path has no blank"
        );
        assert_eq!(
            read("high  src/a.rs:30   it is lost"),
            (
                Severity::High,
                "src/a.rs".into(),
                Some(30),
                "it is lost".into()
            )
        );
        assert_eq!(
            read("low README.md old"),
            (Severity::Low, "README.md".into(), None, "old".into())
        );
        assert_eq!(high("a:1 x").unwrap().severity, Severity::High);
        for wrong in ["", "src/a.rs:3", "low a.rs", "a.rs:0 x", "a.rs:one x"] {
            assert!(low(wrong).is_err(), "{wrong}");
        }
    }
}
