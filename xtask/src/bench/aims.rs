//! What the figures of a bench are held against: one place that judges, and by which a bench that misses an aim fails.

use crate::program::{self, Error};

const HELD: &str = "held";
const MISSED: &str = "missed";

/// The aims that one bench has judged so far.
#[derive(Debug, Default)]
pub(super) struct Aims {
    held: usize,
    /// Each with its figure, as a person should read it at the end.
    missed: Vec<String>,
}

impl Aims {
    /// Judges one figure; gives the aim with its verdict, for the last cell of its row.
    pub(super) fn judge(&mut self, figure: &str, measured: &str, aim: &str, holds: bool) -> String {
        let word = if holds { HELD } else { MISSED };
        match holds {
            true => self.held += 1,
            false => self.missed.push(format!("{figure}: {measured}, aim {aim}")),
        }
        format!("{aim}: {word}")
    }

    /// Runs a bench of another room, built as the product is, and hears its verdicts: the lines that end with `: held` or `: missed`.
    ///
    /// # Errors
    /// When it failed although it missed nothing.
    pub(super) fn bench(
        &mut self,
        package: &str,
        name: &str,
        options: &[&str],
        vars: &[(&str, std::path::PathBuf)],
    ) -> Result<(), Error> {
        let mut bench = program::cargo(&["bench", "--locked", "-p", package, "--bench", name]);
        bench.envs(vars.iter().map(|(name, value)| (name, value)));
        if !options.is_empty() {
            bench.arg("--").args(options);
        }
        let before = self.missed.len();
        let ran = program::stream(bench, |line| verdict(line).is_some())?;
        ran.kept.iter().for_each(|line| self.hear(line));
        match ran.ok || self.missed.len() > before {
            true => Ok(()),
            false => Err(Error::Answer(format!(
                "the bench `{name}` failed; its words are above"
            ))),
        }
    }

    fn hear(&mut self, line: &str) {
        match verdict(line) {
            Some((_, true)) => self.held += 1,
            Some((said, false)) => {
                let said: Vec<&str> = said.split_whitespace().collect();
                self.missed.push(said.join(" "));
            }
            None => {}
        }
    }

    /// Names what was missed. Whether nothing was.
    ///
    /// # Errors
    /// When no aim was judged at all: then a bench that misses everything would pass.
    pub(super) fn end(self, name: &str) -> Result<bool, Error> {
        let (judged, missed) = (self.held + self.missed.len(), self.missed.len());
        if judged == 0 {
            return Err(Error::Answer(format!(
                "the bench {name} has judged no figure by an aim; it cannot tell that one is missed"
            )));
        }
        println!("aims: {} of {judged} held", self.held);
        for one in &self.missed {
            println!("missed: {one}");
        }
        Ok(missed == 0)
    }
}

/// What stands before the verdict of a line, and whether the aim is held; none where the line is no verdict.
fn verdict(line: &str) -> Option<(&str, bool)> {
    let (said, word) = line.trim().rsplit_once(": ")?;
    match word {
        HELD => Some((said, true)),
        MISSED => Some((said, false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_that_is_missed_fails_its_bench_and_is_named() {
        let mut aims = Aims::default();
        let cell = aims.judge("wall time", "20.7 s", "< 60 s", true);
        assert_eq!(cell, "< 60 s: held");
        assert_eq!(
            aims.judge("share", "9.9 %", "< 5 %", false),
            "< 5 %: missed"
        );
        assert_eq!(aims.missed, ["share: 9.9 %, aim < 5 %"]);
        assert!(!aims.end("demo").unwrap());
        let mut fine = Aims::default();
        fine.judge("share", "4.9 %", "< 5 %", true);
        assert!(fine.end("demo").unwrap());
    }

    #[test]
    fn verdicts_of_another_program_are_heard_and_nothing_else_is() {
        let mut aims = Aims::default();
        for line in [
            "next-task, 100,000 tasks        0.02 ms, p99 0.03 ms    p99 < 10 ms: held",
            "durable claims,   50 clients    11,596 a second, 2.4 x  >= 8 x: missed",
            // What was held or missed of a corpus is a figure, and no verdict.
            "  go-07   a stub that is a constant   MISSED",
            "  go-07                        missed",
            "  go-09   held by tests_changed",
            "missed: nothing",
            "",
        ] {
            aims.hear(line);
        }
        assert_eq!(aims.held, 1);
        let said = "durable claims, 50 clients 11,596 a second, 2.4 x >= 8 x";
        assert_eq!(aims.missed, [said]);
        assert!(!aims.end("store").unwrap());
    }

    #[test]
    fn a_bench_that_judges_nothing_is_no_success() {
        let refused = Aims::default().end("size").unwrap_err().to_string();
        assert!(refused.contains("size"), "{refused}");
    }
}
