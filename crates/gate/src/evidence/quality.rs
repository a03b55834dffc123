//! What a verified package has to show, counted for its score.

use std::path::Path;

use alai_core::cage;
use alai_core::qa::{CheckResult, Quality, Shown};

use super::files;
use super::package::{GOTCHA, TRAJECTORY};
use super::recipe::{recipe_of, sources_of};
use super::statement::{CommandEntry, Kept};
use super::verify::Verified;

/// The parts of GOTCHA.md, by the words of their headings.
const PARTS: [&str; 6] = [
    "Goals",
    "Orchestration",
    "Tools",
    "Context",
    "Hard prompts",
    "Args",
];

/// The score of a package that verified. What cannot be read shows nothing.
pub fn quality(dir: &Path, verified: &Verified) -> Quality {
    let predicate = &verified.statement.predicate;
    let sources = sources_of(dir).ok().flatten().unwrap_or_default();
    let measured: Vec<_> = predicate
        .checks
        .iter()
        .filter(|m| m.result != CheckResult::NotApplicable)
        .collect();
    let named = measured
        .iter()
        .filter(|m| sources.get(&m.check).is_some_and(|all| !all.is_empty()));
    let outputs: Vec<&Kept> = predicate
        .commands
        .iter()
        .flat_map(|c| [&c.stdout, &c.stderr])
        .collect();
    let caged = |c: &&CommandEntry| cage::promises(&c.record.cage).lacking.is_empty();
    let listed = |name: &str| {
        predicate
            .artifacts
            .iter()
            .any(|a| a.path == name && a.bytes > 0)
    };
    let gotcha = files::read(&dir.join(GOTCHA)).unwrap_or_default();
    Quality::of(&Shown {
        measured: count(measured.len()),
        referred: count(named.count()),
        outputs: count(outputs.len()),
        whole: count(outputs.iter().filter(|kept| kept.whole).count()),
        commands: count(predicate.commands.len()),
        caged: count(predicate.commands.iter().filter(caged).count()),
        repeatable: recipe_of(dir).is_ok_and(|recipe| recipe.is_some()),
        trajectory: listed(TRAJECTORY),
        gotcha: count(parts(&String::from_utf8_lossy(&gotcha))),
    })
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// How many of the six parts hold a line.
fn parts(gotcha: &str) -> usize {
    let filled = |part: &&&str| {
        let mut lines = gotcha
            .lines()
            .skip_while(|line| *line != format!("## {part}"));
        lines.next();
        let mut body = lines.take_while(|line| !line.starts_with("## "));
        body.any(|line| !line.trim().is_empty())
    };
    PARTS.iter().filter(filled).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_counts_when_it_says_something() {
        assert_eq!(
            parts("# G\n\n## Goals\n\nOne.\n\n## Tools\n\n## Context\nx\n## Other\ny\n"),
            2
        );
        assert_eq!(parts(""), 0);
    }
}
