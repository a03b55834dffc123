//! What is measured of an agent's work while it works, and its claim that it is done.

use alai_core::record::Captured;
use serde_json::{Map, Value};

use super::Sitting;
use crate::progress::{hash, test_state};
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::text::{cut, cut_front, plain};
use crate::tools::Claim;
use crate::walk::lost;

/// Bytes of a red check's output that go back.
const CHECK_BYTES_MAX: usize = 4 << 10;
/// Milliseconds of a check before which a commit of some ten is not worth it: a burst that only the work tree holds for so long
/// is found there after any crash.
const SHORT_MS: i64 = 1_000;

impl Sitting<'_, '_> {
    /// After a burst: looks whether the tree changed; if so commits, runs the check, and says how it went.
    pub(super) fn settle(&mut self) -> Result<Option<String>, ExitStatus> {
        let known = self.walk.uncommitted.is_some();
        self.walk.land(self.work.step)?;
        let news = self.walk.uncommitted.as_deref().filter(|_| !known);
        let news = news.map(uncommitted);
        if !std::mem::take(&mut self.touched) || !self.walk.writes() {
            return Ok(news);
        }
        let (tree, changed) = self.walk.hand.scan(self.walk.cancel).map_err(lost)?;
        if tree == self.walk.tree {
            return Ok(news);
        }
        self.guard.state(hash(("tree", &tree)));
        self.walk.tree = tree;
        self.walk.check_green = None;
        // Work is safe before a check that may take long, or the machine down. A short one does not wait for git, and git not
        // for the model.
        let first = self.work.check.is_some() && !self.is_short();
        if first {
            self.walk.commit(self.work.step)?;
        }
        let mut said = String::new();
        let outside: Vec<&str> = changed
            .iter()
            .map(String::as_str)
            .filter(|path| !self.walk.scope.allows(path))
            .collect();
        if !outside.is_empty() {
            said.push_str(&strayed(&outside, &self.walk.brief.project.base));
        }
        if let Some(check) = self.work.check {
            let captured = self.run_check(check)?;
            said.push_str(&verdict(check, &captured));
        }
        if let Some(why) = &self.walk.uncommitted {
            said.push_str(&uncommitted(why));
        }
        if !first {
            self.walk.commit_meanwhile(self.work.step)?;
        }
        Ok(Some(said))
    }

    /// Whether the check has shown that it takes little time.
    fn is_short(&self) -> bool {
        let last = self.walk.last_check.as_ref();
        last.is_some_and(|last| last.record.duration_ms < SHORT_MS)
    }

    fn run_check(&mut self, check: &str) -> Result<Captured, ExitStatus> {
        let (captured, passed) = self.walk.check(self.work.step, check, 0)?;
        self.guard.state(hash(("test", test_state(&captured))));
        // A check may write too (a lock file, a snapshot): part of the work, but not the agent's next change.
        let (tree, _) = self.walk.hand.scan(self.walk.cancel).map_err(lost)?;
        if tree != self.walk.tree {
            self.walk.tree = tree;
            if self.walk.writes() {
                self.walk.commit_meanwhile(self.work.step)?;
            }
        }
        self.walk.check_green = Some(passed);
        self.walk.last_check = Some(captured.clone());
        Ok(captured)
    }

    /// The agent's claim, with what the step hands over: refused once when something we can see speaks against it, accepted
    /// as a claim after that. What is handed over has its form or is asked for once more.
    pub(super) fn claim(
        &mut self,
        claim: Claim,
        summary: &str,
        handed: Result<Map<String, Value>, String>,
    ) -> Result<Result<Map<String, Value>, String>, ExitStatus> {
        self.settle()?;
        // The account of the change is that of the last commit.
        self.walk.land(self.work.step)?;
        if claim == Claim::Blocked {
            self.walk.summarise(summary);
            return Err(ExitStatus::Stuck {
                rule: "gave_up".into(),
            });
        }
        if let Some(not_yet) = self.open_proposals() {
            return Ok(Err(not_yet));
        }
        if let Some(mut not_yet) = self.against()? {
            if let Err(wrong) = &handed {
                not_yet.push_str(&format!("\nAlso, {}.", cut(wrong, 500)));
            }
            return Ok(Err(not_yet));
        }
        match handed {
            Ok(handed) => Ok(Ok(handed)),
            Err(wrong) if !std::mem::replace(&mut self.misfit, true) => Ok(Err(format!(
                "Not yet: {}. Call `done` again with everything it takes.",
                cut(&wrong, 1_000)
            ))),
            Err(wrong) => {
                let advice = format!("what the step hands over has no form: {wrong}");
                let step = self.work.step;
                self.walk.record(&Event::Guard {
                    step,
                    advice: &cut(&advice, 1_000),
                })?;
                Err(self.walk.unread(step, &advice))
            }
        }
    }

    /// What we can see that speaks against the claim, once; in the last turn there is nothing left to do about it.
    fn against(&mut self) -> Result<Option<String>, ExitStatus> {
        if !self.walk.writes() {
            let outside = self.walk.strayed()?;
            let again =
                !outside.is_empty() && !self.last && !std::mem::replace(&mut self.refused, true);
            return Ok(again.then(|| take_back(&outside)));
        }
        if let Some(check) = self.work.check
            && self.walk.check_green.is_none()
        {
            self.run_check(check)?;
        }
        let mut against = String::new();
        if self.walk.tree == self.first_tree {
            against.push_str("Nothing was changed in this step.\n");
        }
        if let (Some(false), Some(check), Some(captured)) = (
            self.walk.check_green,
            self.work.check,
            &self.walk.last_check,
        ) {
            against.push_str(&verdict(check, captured));
        }
        if against.is_empty() || self.last || std::mem::replace(&mut self.refused, true) {
            return Ok(None);
        }
        self.hard("done was refused once");
        let change = if self.walk.change.is_empty() {
            "none"
        } else {
            &self.walk.change
        };
        Ok(Some(format!(
            "Not yet.\n{against}\nYour change so far:\n{change}\nMend this, then call `done` again; if it is right as it is, \
             call `done` again and say why."
        )))
    }
}

pub(crate) fn strayed(outside: &[impl AsRef<str>], base: &str) -> String {
    let outside: Vec<&str> = outside.iter().map(AsRef::as_ref).collect();
    format!(
        "\n[Changed outside the allowed paths: {}. Undo that (git checkout {base} -- PATH, or delete it).]",
        cut(&outside.join(", "), 500)
    )
}

/// What a step that only reads is told: what it changed, and the very command that takes it back.
fn take_back(changed: &[String]) -> String {
    let quoted = |path: &String| format!("'{}'", path.replace('\'', "'\\''"));
    let paths: Vec<String> = changed.iter().map(quoted).collect();
    format!(
        "Not yet: this step changes nothing, and these files are not as they were: {}. Take that back with `git checkout HEAD -- \
         PATH` for each (`rm PATH` for one that is new): {}",
        cut(&changed.join(", "), 500),
        cut(&format!("git checkout HEAD -- {}", paths.join(" ")), 600)
    )
}

pub(crate) fn uncommitted(why: &str) -> String {
    format!("\n[The work could not be committed: {}]", cut(why, 500))
}

pub(crate) fn verdict(check: &str, captured: &Captured) -> String {
    if captured.success() {
        return format!("\n[check `{}`: passed]", cut(check, 200));
    }
    let output = plain(&captured.combined());
    format!(
        "\n[check `{}`: FAILED, {}]\n{}",
        cut(check, 200),
        captured.record.exit,
        cut_front(output.trim_end(), CHECK_BYTES_MAX)
    )
}
