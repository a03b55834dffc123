//! Putting one run's evidence together: everything in it was captured or measured by the factory.

use std::path::PathBuf;
use std::sync::Arc;

use alai_core::ids::RunId;
use alai_core::mode::Mode;
use alai_core::qa::{Measurement, Verdict};
use alai_core::record::Captured;
use alai_gate::Behind;
use alai_gate::census::Census;
use alai_gate::evidence::{self, About, Contents, Recipe, Usage};
use alai_mission::{Claim, RunRow};
use alai_workspace::crash;
use alai_workspace::git::{Oid, Repo};

use crate::beat::Factory;
use crate::home::Home;
use crate::run::RunError;
use crate::work::Desk;

/// What one run has to show.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) gotcha: String,
    /// The run's report, plan or review.
    pub(crate) report: serde_json::Value,
    /// The agent's commands and the gate's.
    pub(crate) commands: Vec<Captured>,
    pub(crate) patch: String,
    pub(crate) trajectory: Option<PathBuf>,
    /// Who wrote what is judged, when it is not the run that seals it.
    pub(crate) author: Option<Author>,
    /// The commands that a check rests on, by their places among `commands`.
    pub(crate) behind: Behind,
    /// What measures the commit again, where one was measured, and how the tests went on its base.
    pub(crate) recipe: Option<(Recipe, Census)>,
}

/// The run behind a piece of work, and what answered in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) run: RunId,
    pub(crate) model: String,
    pub(crate) mode: Mode,
}

/// The folder of a run's evidence, where there is one.
pub fn evidence_dir(home: &Home, run: &RunRow) -> Option<PathBuf> {
    let dir = home.run(&run.id).join("evidence");
    dir.is_dir().then_some(dir)
}

/// The newest evidence among a task's runs.
pub fn newest_evidence(home: &Home, runs: &[RunRow]) -> Option<PathBuf> {
    runs.iter().rev().find_map(|r| evidence_dir(home, r))
}

/// A package that is written and read back; its verdict and signature follow.
#[derive(Debug)]
pub(crate) struct Written {
    dir: PathBuf,
    author: Option<Author>,
    behind: Behind,
    recipe: Option<(Recipe, Census)>,
    /// Check 16: what was written is what was captured.
    pub(crate) complete: Measurement,
}

/// Writes the package of a run, everything but the verdict. What a crash left of it is removed first.
pub(crate) fn write(
    factory: &Arc<Factory>,
    claim: &Claim,
    said: &Said,
) -> Result<Written, RunError> {
    let dir = factory.home().run(&claim.fence.run).join("evidence");
    alai_workspace::clone::remove(&dir).map_err(RunError::infra)?;
    if let Some(parent) = dir.parent() {
        alai_workspace::files::private_dir_all(parent).map_err(RunError::infra)?;
    }
    let contents = Contents {
        gotcha: &said.gotcha,
        commands: &said.commands,
        diff: &said.patch,
        report: &said.report,
        trajectory: said.trajectory.as_deref(),
    };
    evidence::write(&dir, &contents, &redact).map_err(RunError::infra)?;
    crash::point("evidence.written");
    let complete = evidence::complete(&dir, &said.commands, claim.task.sandbox, &redact);
    Ok(Written {
        dir,
        author: said.author.clone(),
        behind: said.behind.clone(),
        recipe: said.recipe.clone(),
        complete,
    })
}

/// Adds the verdict and signs.
pub(crate) fn seal(
    factory: &Arc<Factory>,
    claim: &Claim,
    desk: &Desk,
    repo: &Repo,
    commits: (&Oid, &Oid),
    written: &Written,
    verdict: &Verdict,
) -> Result<PathBuf, RunError> {
    let (base, head) = commits;
    let key = evidence::key::load_or_create(&factory.home().gate_key()).map_err(RunError::infra)?;
    let author = written.author.clone().unwrap_or_else(|| Author {
        run: claim.fence.run.clone(),
        model: desk.chosen.model.clone(),
        mode: desk.mode(),
    });
    let spend = factory.mission().spend_of_run(&author.run)?;
    let now = factory.now_ms();
    let begun = factory
        .mission()
        .run(&author.run)?
        .map_or(now, |r| r.started_ms);
    let about = About {
        run: claim.fence.run.clone(),
        epoch: claim.fence.epoch,
        task: claim.task.id,
        kind: claim.task.kind,
        company: desk.company.name.clone(),
        role: desk.role,
        model: author.model,
        mode: author.mode,
        base: base.to_string(),
        head: head.to_string(),
        tree_sha256: alai_gate::tree_digest(repo, head).map_err(RunError::infra)?,
        usage: Usage {
            input_tokens: spend.prompt_tokens,
            output_tokens: spend.output_tokens,
            cost_microusd: spend.cost_microusd,
            duration_ms: now.saturating_sub(begun).unsigned_abs(),
        },
        recorded_ms: now,
    };
    let commits = (about.base.as_str(), about.head.as_str());
    let recipe = written.recipe.as_ref();
    let recipe = recipe.map(|(recipe, base_tests)| (recipe, base_tests));
    evidence::point(
        &written.dir,
        commits,
        &written.behind,
        recipe,
        verdict,
        &redact,
    )
    .map_err(RunError::infra)?;
    crash::point("evidence.sealing");
    evidence::seal(&written.dir, &about, verdict, &key).map_err(RunError::infra)?;
    crash::point("evidence.sealed");
    Ok(written.dir.clone())
}

fn redact(text: &str) -> String {
    alai_minion::redact(text).into_owned()
}
