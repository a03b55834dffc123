//! How each check is gamed, and what catches that: the part of the table that tells people what a pass is worth.

use super::Check;

impl Check {
    /// How an agent would make it pass without the work, as one sentence.
    pub fn gamed_by(self) -> &'static str {
        match self {
            Check::CleanBuild => {
                "What was built earlier lies about, and the build only seems to work."
            }
            Check::BaseTestsPass => "The tests are edited until they agree with the change.",
            Check::CensusNotReduced => "A test that would fail is skipped, renamed or taken out.",
            Check::NewTestsFailOnBase => "A test is added that holds whatever the code does.",
            Check::AcceptanceChecks => {
                "The answers that the checks ask for are written into the code, or the checks pass without any."
            }
            Check::ChangedLineCoverage => "Tests run the lines and look at nothing.",
            Check::MutantsKilled => {
                "Tests compare with what the code itself says, or assert too little."
            }
            Check::AllowedPathsOnly => {
                "A link, a mode or a submodule reaches what no changed path names."
            }
            Check::GateConfigUntouched => {
                "A runner's configuration, a build script or a package script makes the gate pass everything."
            }
            Check::NoTampering => "What cheats is written so that no known pattern is in it.",
            Check::NoSecrets => "A secret is committed and taken out again by a later commit.",
            Check::StaticAnalysis => "A finding is silenced by a comment instead of mended.",
            Check::Dependencies => {
                "A package with nearly the right name is asked for, or another one comes under the old name."
            }
            Check::LintFormatTypes => "The rule is switched off for the line that breaks it.",
            Check::NoPlaceholders => "What is not done is said in other words, or not at all.",
            Check::EvidenceComplete => "Logs and reports are made up.",
            Check::CriteriaMet => "The judge is talked into it by a summary that sounds right.",
            Check::DiffMinimal => "The change hides among renames and tidying up.",
            Check::IndependentVerifier => {
                "The change speaks to the verifier, or the verifier is the builder under another name."
            }
        }
    }

    /// What catches that, as one sentence.
    pub fn caught_by(self) -> &'static str {
        match self {
            Check::CleanBuild => {
                "The clone is fresh, its target is empty, and what the set-up brought is older than the change."
            }
            Check::BaseTestsPass => {
                "Tests are put back as the base has them, but those that the task names."
            }
            Check::CensusNotReduced => {
                "Tests are counted by their names in the runner's own output, on base and head."
            }
            Check::NewTestsFailOnBase => "It must be red on the base's code.",
            Check::AcceptanceChecks => {
                "The commands are the task's and not the change's, they run on the base too, and check 10 looks for tables of their inputs."
            }
            Check::ChangedLineCoverage => {
                "Check 7 runs the same tests over a product that answers wrongly."
            }
            Check::MutantsKilled => {
                "They run twice over functions that answer wrongly, and tests that hold both times look at nothing."
            }
            Check::AllowedPathsOnly => {
                "Each entry of the tree is compared with its mode, links and submodules too."
            }
            Check::GateConfigUntouched => {
                "What steers a runner comes from the base, and a change of it fails but where the task names it."
            }
            Check::NoTampering => {
                "The tests of the base, the task's own commands and the independent verifier do not read patterns."
            }
            Check::NoSecrets => "Every commit of the run is searched, not only the last.",
            Check::StaticAnalysis => {
                "Findings are counted against the base, and check 14 counts what silences them."
            }
            Check::Dependencies => {
                "A task that may not change packages fails, and each new version, source, checksum and licence is looked at."
            }
            Check::LintFormatTypes => "Suppressions are counted on base and head.",
            Check::NoPlaceholders => {
                "The task's own commands fail, and a reviewer judges the criteria with citations."
            }
            Check::EvidenceComplete => {
                "The gate captures outputs itself, and compares the written package with them hash by hash."
            }
            Check::CriteriaMet => "What a judge cites must exist in the commit.",
            Check::DiffMinimal => {
                "Files and added lines have a limit, a change of blanks alone is none, and REVIEW reads what is left."
            }
            Check::IndependentVerifier => {
                "It sees no word of the writer, its verdict rests on probes that the factory runs, and names of one model count as one."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of docs/EVIDENCE.md, as it has to stand there.
    fn table() -> String {
        let row = |check: &Check| {
            format!(
                "| {} | `{}` | {} | {} | {} |\n",
                check.number(),
                check.id(),
                if check.mandatory() { "M" } else { "" },
                check.gamed_by(),
                check.caught_by()
            )
        };
        let head = "| # | Check | Veto | Gamed by | Caught by |\n|---|---|---|---|---|\n";
        Check::ALL
            .iter()
            .fold(head.to_owned(), |table, check| table + &row(check))
    }

    #[test]
    fn the_handbook_has_the_table() {
        let page = include_str!("../../../../docs/EVIDENCE.md");
        assert!(
            page.contains(&table()),
            "docs/EVIDENCE.md has not this table:\n{}",
            table()
        );
    }

    #[test]
    fn each_is_a_sentence_of_its_own() {
        let all = Check::ALL
            .iter()
            .flat_map(|c| [c.gamed_by(), c.caught_by()]);
        let all: Vec<&str> = all.collect();
        for text in &all {
            assert!(text.ends_with('.') && !text.contains('|'), "{text}");
            let same = all.iter().filter(|other| *other == text);
            assert_eq!(same.count(), 1, "{text}");
        }
    }
}
