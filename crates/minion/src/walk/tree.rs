//! Commands in the cage, and commits of what they and the agents leave.

use std::sync::LazyLock;

use alai_core::record::Captured;
use alai_workspace::command::Cancel;

use super::author::author;
use super::{Walk, lost};
use crate::hand::{Commit, CommitText, HandError};
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::text::cut;

/// Commands whose output is kept in the report. A run makes a few dozen; the trajectory has all of them.
const COMMANDS_MAX: usize = 500;
/// Never cancelled; for the last commit.
static UNHURRIED: LazyLock<Cancel> = LazyLock::new(Cancel::new);

impl Walk<'_> {
    /// A command in the cage, at most as long as the run has left. Its whole output is kept beside the trajectory.
    pub(crate) fn command(
        &mut self,
        step: &str,
        command: &str,
        asked_s: Option<u64>,
    ) -> Result<Captured, ExitStatus> {
        let most = self.brief.limits.command_s_max.min(self.seconds_left()?);
        let timeout_s = asked_s.unwrap_or(most).clamp(1, most.max(1));
        let mut env = self.present.env.clone();
        // What the work is measured against, for commands that compare. No blueprint can set a name of this kind.
        env.push(("ALAI_BASE".into(), self.brief.project.measured_from.clone()));
        match self.hand.run(command, &env, timeout_s, self.cancel) {
            Ok((captured, _log)) => {
                self.keep_output(step, &captured)?;
                if self.commands.len() < COMMANDS_MAX {
                    self.commands.push(captured.clone());
                }
                Ok(captured)
            }
            Err(error) => Err(lost(error)),
        }
    }

    /// A command that the walk itself runs: recorded as a check.
    pub(crate) fn check(
        &mut self,
        step: &str,
        command: &str,
        expect_exit: i32,
    ) -> Result<(Captured, bool), ExitStatus> {
        let captured = self.command(step, command, None)?;
        let expected = alai_core::record::Exit::Code { code: expect_exit };
        let passed = captured.record.exit == expected || (self.passes)(command, &captured);
        let output = captured.combined();
        self.record(&Event::Check {
            step,
            passed,
            record: &captured.record,
            output: &output,
        })?;
        Ok((captured, passed))
    }

    /// Commits what changed. A clone that git can no longer work with is said, and tried again after the next change.
    pub(crate) fn commit(&mut self, step: &str) -> Result<(), ExitStatus> {
        self.commit_meanwhile(step)?;
        self.land(step)
    }

    /// The same, while the caller goes on: whatever is asked of the hand next waits for it. [`Walk::land`] has its end.
    pub(crate) fn commit_meanwhile(&mut self, step: &str) -> Result<(), ExitStatus> {
        self.land(step)?;
        let brief = self.brief;
        let (name, mail) = author(&brief.project.author);
        let title = cut(brief.title.lines().next().unwrap_or("").trim(), 72);
        let message = format!("{title}\n\nTask: {}\nRun: {}\n", brief.task, brief.run);
        let text = CommitText {
            message: &message,
            author_name: name,
            author_mail: mail,
            base: &brief.project.base,
        };
        let sent = self.hand.commit_meanwhile(&text, self.cancel);
        self.ended(step, sent.map(|()| None))
    }

    /// Waits for the commit that is under way, and keeps what came of it.
    pub(crate) fn land(&mut self, step: &str) -> Result<(), ExitStatus> {
        let ended = self.hand.committed(self.cancel);
        self.ended(step, ended)
    }

    fn ended(
        &mut self,
        step: &str,
        ended: Result<Option<Commit>, HandError>,
    ) -> Result<(), ExitStatus> {
        match ended {
            Ok(None) => Ok(()),
            Ok(Some(commit)) => {
                self.head = (commit.head != self.brief.project.base).then_some(commit.head);
                self.change = commit.summary;
                self.uncommitted = None;
                Ok(())
            }
            Err(HandError::Refused(refusal)) => {
                self.record(&Event::Guard {
                    step,
                    advice: &refusal.message,
                })?;
                self.uncommitted = Some(refusal.message);
                Ok(())
            }
            Err(error) => Err(lost(error)),
        }
    }

    /// Commits what the last, interrupted turn left. A hand that is gone cannot; an honest failure is said.
    ///
    /// What a step that only reads has left is nobody's work: it is in no commit.
    pub(crate) fn rescue(&mut self) -> Result<(), String> {
        if !self.run_writes() || self.tree.is_empty() {
            return Ok(());
        }
        // The run may have been cancelled; its work is still worth a commit.
        self.cancel = &UNHURRIED;
        self.land("end").map_err(|status| status.to_string())?;
        match self.hand.scan(self.cancel) {
            Ok((tree, _)) if tree == self.tree && self.uncommitted.is_none() => return Ok(()),
            Ok((tree, _)) if tree != self.tree && self.is_narrowed() => return self.is_kept(),
            Ok((tree, _)) => self.tree = tree,
            Err(error) => return Err(error.to_string()),
        }
        self.commit("end").map_err(|status| status.to_string())?;
        self.is_kept()
    }

    fn is_kept(&self) -> Result<(), String> {
        self.uncommitted.clone().map_or(Ok(()), |why| {
            Err(format!("the work could not be committed: {why}"))
        })
    }
}
