//! What holds for the step that is walked now and for no other: its end, its variables, whose hands it has, what it may take.

use std::time::{Duration, Instant};

use alai_core::blueprint::{Action, Step, ToolName};
use alai_core::brief::Role;

use super::{Walk, lost};
use crate::report::ExitStatus;
use crate::text::cut;
use crate::tools;

/// How often a wait looks whether the run was cancelled.
const CANCEL_LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(crate) struct Present {
    /// When it must be over.
    pub(super) until: Option<Instant>,
    /// Variables of its commands, settled when it began.
    pub(crate) env: Vec<(String, String)>,
    /// Whose prompt and tools it has, where it is not the run's own role.
    role: Option<Role>,
    /// Tokens of the run, and what it has cost, at which the step ends.
    pub(super) tokens_until: Option<u64>,
    pub(super) microusd_until: Option<u64>,
}

impl Walk<'_> {
    /// # Errors
    /// When its variables cannot be had, or its role is more than the run's.
    pub(crate) fn begin_step(&mut self, step: &Step) -> Result<(), ExitStatus> {
        let unwalkable = |why: String| ExitStatus::Blueprint {
            detail: format!("step `{}`: {why}", step.id),
        };
        let env = step.env.settle(&self.course.results).map_err(unwalkable)?;
        let mut present = Present {
            env,
            ..Present::default()
        };
        let mut seconds = step.timeout_s;
        if let Action::Agent { role, limits, .. } = &step.action {
            present.role = role.filter(|role| *role != self.brief.role);
            if present.role == Some(Role::Builder) {
                let own = self.brief.role.as_str();
                let why =
                    format!("it wants a builder, and this run is a {own}'s, which writes no code");
                return Err(unwalkable(why));
            }
            if let Some(role) = present.role
                && !self.brief.company.roles.contains_key(&role)
            {
                let why = format!("its brief does not know the company's {}", role.as_str());
                return Err(unwalkable(why));
            }
            let tokens = { self.usage.prompt_tokens }.saturating_add(self.usage.output_tokens);
            present.tokens_until = limits.tokens.map(|most| tokens.saturating_add(most));
            let spent = self.cost_microusd;
            present.microusd_until = limits.microusd.map(|most| spent.saturating_add(most));
            seconds = [seconds, limits.seconds].into_iter().flatten().min();
        }
        present.until = seconds.and_then(|s| Instant::now().checked_add(Duration::from_secs(s)));
        self.present = present;
        if self.is_narrowed() && self.run_writes() {
            // All of the run's work is committed between two steps: what differs from here on differs from HEAD.
            self.land(&step.id)?;
            self.hand.mark(self.cancel).map_err(lost)?;
        }
        Ok(())
    }

    /// Behind a step nothing of it holds any more.
    pub(crate) fn end_step(&mut self) {
        self.present = Present::default();
    }

    /// Who works now.
    pub(crate) fn role(&self) -> Role {
        self.present.role.unwrap_or(self.brief.role)
    }

    /// Whether a step is another's than the run's own: then it reads, whatever the cage would let it write.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.present.role.is_some()
    }

    /// Whether what works now may change the tree.
    pub(crate) fn writes(&self) -> bool {
        !self.is_narrowed() && self.run_writes()
    }

    pub(super) fn run_writes(&self) -> bool {
        match self.brief.role {
            Role::Builder => true,
            Role::Lead | Role::Reviewer => false,
        }
    }

    /// By whose rules it works: who may not write is told to judge.
    pub(crate) fn rules(&self) -> Role {
        match self.is_narrowed() {
            true => Role::Reviewer,
            false => self.brief.role,
        }
    }

    /// Millionths of a dollar that the run may have cost when the step is over.
    pub(crate) fn microusd_max(&self) -> u64 {
        let most = self.present.microusd_until.unwrap_or(u64::MAX);
        most.min(self.brief.limits.cost_microusd_max)
    }

    /// The role's own words of the pack.
    pub(crate) fn role_prompt(&self) -> &str {
        let company = &self.brief.company;
        let other = self.present.role.and_then(|role| company.roles.get(&role));
        other.map_or(&company.role_prompt, |role| &role.prompt)
    }

    /// The tools of a step, as far as who works now may have them.
    pub(crate) fn allowed_tools(&self, step: &[ToolName]) -> Vec<ToolName> {
        let Some(role) = self.present.role else {
            return tools::allowed(self.brief.role, step);
        };
        let own = self.brief.company.roles.get(&role);
        let own = own.map_or(&[][..], |role| &role.tools);
        let both: Vec<ToolName> = { step.iter() }
            .filter(|tool| own.contains(tool))
            .copied()
            .collect();
        tools::allowed(Role::Reviewer, &both)
    }

    /// What a step that only reads has changed all the same; the run's own work before it is none of that.
    ///
    /// # Errors
    /// When the hand is lost.
    pub(crate) fn strayed(&mut self) -> Result<Vec<String>, ExitStatus> {
        if !self.is_narrowed() || !self.run_writes() {
            return Ok(Vec::new());
        }
        let (_, changed) = self.hand.since_mark(self.cancel).map_err(lost)?;
        Ok(changed)
    }

    /// Ends the run where a step that only reads has changed the tree: nobody could say whose work that is.
    ///
    /// # Errors
    /// Then, and when the hand is lost.
    pub(crate) fn has_not_strayed(&mut self, step: &str) -> Result<(), ExitStatus> {
        let strayed = self.strayed()?;
        if strayed.is_empty() {
            return Ok(());
        }
        let role = self.role().as_str();
        Err(ExitStatus::ScopeViolation {
            detail: format!(
                "step `{step}` is a {role}'s, which changes nothing, and left changed: {}",
                cut(&strayed.join(", "), 300)
            ),
        })
    }

    /// Waits before a way back is gone.
    ///
    /// # Errors
    /// When the run is cancelled meanwhile, or its time is over.
    pub(crate) fn wait(&mut self, seconds: u64) -> Result<(), ExitStatus> {
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            self.seconds_left()?;
            let left = until.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(CANCEL_LOOK));
        }
        Ok(())
    }
}
