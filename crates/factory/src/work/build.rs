//! BUILD, OPS and DOCS: prove the box, clone, let an agent work in the cage, bring its commit home, measure it.

mod ahead;
mod gate;
pub(crate) mod paths;
mod spoiled;
mod words;

use std::cell::Cell;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use alai_core::blueprint::Blueprint;
use alai_core::brief::{Brief, ProjectBrief};
use alai_core::cage::Sandbox;
use alai_core::ids::RunId;
use alai_core::mode::Mode;
use alai_core::pipeline::{Ended, Failure};
use alai_core::qa::{self, Check, Measurement, Policy, Verdict};
use alai_core::record::Captured;
use alai_core::safety;
use alai_core::task::{Task, TaskKind};
use alai_minion::{Ahead, NotSeen, RunReport};
use alai_mission::{Claim, Project};
use alai_workspace::cage::{self, Scope, Scoped, Standing};
use alai_workspace::clone::{self, INSIDE_REPO, Import};
use alai_workspace::command::Cancel;
use alai_workspace::files;
use alai_workspace::git::{self, Oid, Repo};
use alai_workspace::setup;
use serde::{Deserialize, Serialize};

use super::asked::Stopped;
use super::cage::{Place, Writes};
use super::{CLONE, Desk, HOME, START, asked, failure_of, is_an_end, keep, program, uncaged};
use crate::beat::Factory;
use crate::classify::{self, Unready};
use crate::evidence::{self, Said};
use crate::ground::{self, Ground, GroundError};
use crate::run::RunError;
use crate::{integrate, room, sync, way};
use words::{docs_verdict, ended_badly, railed, seen, shown, stopped};

/// The journal's keys: the commit that the change is measured against, and what the agent left.
pub(super) const BASE: &str = "base";
pub(super) const HANDED_IN: &str = "handed_in";

/// What is known once an agent has ended and its commit is home.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HandedIn {
    /// The imported commit; the start itself when the agent changed nothing.
    head: String,
    /// The report's file, kept outside the clone.
    report: PathBuf,
    trajectory: PathBuf,
    /// Who wrote it: a run that only measures it may have another model at its desk.
    run: RunId,
    model: String,
    mode: Mode,
}

/// What an agent leaves.
enum Left {
    HandedIn(Box<HandedIn>),
    /// There is nothing to measure yet: a person is asked.
    Ended(Ended),
}

pub(super) fn work(
    factory: &Arc<Factory>,
    claim: &Claim,
    cancel: &Cancel,
) -> Result<Ended, RunError> {
    if let Some((stopped, false)) = asked::before(factory, claim)?
        && claim.task.handed.is_none()
    {
        // It was to be asked when the process ended; nobody has answered yet.
        let stopped = asked::keep(factory, claim, stopped)?;
        return Ok(stopped.ended());
    }
    let (ready, claim) =
        match classify::beside(factory, claim, cancel, || ready(factory, claim, cancel)) {
            Ok(both) => both,
            Err(Unready::Ended(ended)) => return Ok(*ended),
            Err(Unready::Run(error)) => return Err(error),
        };
    let mut desk = match Desk::open(factory, &claim)? {
        Ok(desk) => desk,
        Err(failure) => return Ok(Ended::Failed { failure }),
    };
    // Twice at most: the stage's own may compare as well, and what stands for that does not.
    for _ in 0..2 {
        if let Some(why) = ahead::no_base_to_compare(&desk, &claim.task, &ready.ground) {
            desk.walk_instead(factory, claim.task.kind, why)?;
        }
    }
    let start = begin(factory, &claim, &ready.base)?;
    let job = Job {
        factory,
        claim: &claim,
        project: &ready.project,
        repo: &ready.repo,
        base: &ready.base,
        start: &start,
        ground: &ready.ground,
        desk: &desk,
    };
    let handed_in = match factory.mission().journaled(&claim.fence.run, HANDED_IN)? {
        Some(text) => serde_json::from_str(&text).map_err(RunError::infra)?,
        None => match &claim.task.handed {
            Some(head) => job.take_in(head)?,
            None => match job.build(cancel)? {
                Left::HandedIn(handed_in) => *handed_in,
                Left::Ended(ended) => return Ok(ended),
            },
        },
    };
    job.measure(&handed_in, cancel)
}

/// What a task is worked on, before anybody works.
struct Ready {
    project: Project,
    repo: Repo,
    base: Oid,
    ground: Ground,
}

fn ready(factory: &Arc<Factory>, claim: &Claim, cancel: &Cancel) -> Result<Ready, Unready> {
    let failed = |failure| Unready::Ended(Box::new(Ended::Failed { failure }));
    let project = super::project(factory, &claim.task)?;
    let repo = super::repo(&project)?;
    if let Some(failure) = room::missing(factory, &claim.task, &project, &repo)? {
        return Err(failed(failure));
    }
    let base = measured_from(factory, claim, &repo, &project, cancel)?;
    let ground = match ground::proven(factory, &repo, &project, &base, None, cancel) {
        Ok(ground) => ground,
        Err(GroundError::Refused { detail, remedy }) => {
            return Err(failed(Failure::BoxRefused { detail, remedy }));
        }
        Err(GroundError::Cancelled) => return Err(RunError::cancelled(factory).into()),
        Err(GroundError::Machine(detail)) => return Err(RunError::Infrastructure(detail).into()),
    };
    ground::note_refused(factory, claim.fence.task, &ground.prepared)?;
    Ok(Ready {
        project,
        repo,
        base,
        ground,
    })
}

/// The commit the change is measured against, the same for all of the task's runs.
fn measured_from(
    factory: &Arc<Factory>,
    claim: &Claim,
    repo: &Repo,
    project: &Project,
    cancel: &Cancel,
) -> Result<Oid, RunError> {
    let journaled = factory.mission().journaled(&claim.fence.run, BASE)?;
    match claim.task.base.clone().or(journaled) {
        Some(base) => base.parse().map_err(RunError::infra),
        None => {
            sync::before_run(factory, repo, project, cancel);
            integrate::base_for(repo, project).map_err(RunError::infra)
        }
    }
}

/// Fixes both commits of the run and gives the one the clone starts from. Only with an open desk it is known whether this run goes
/// on with the one that asked: a changed pack cuts it off, and it begins where that one began.
fn begin(factory: &Arc<Factory>, claim: &Claim, base: &Oid) -> Result<Oid, RunError> {
    let stopped = asked::before(factory, claim)?.filter(|(_, answered)| *answered);
    let stopped = stopped.map(|(stopped, _)| stopped.head);
    let start = match stopped.as_ref().or(claim.task.start_from.as_ref()) {
        Some(start) => start.parse().map_err(RunError::infra)?,
        None => base.clone(),
    };
    let both = [(BASE, base.to_string()), (START, start.to_string())];
    let mission = factory.mission();
    mission.journal_all(&claim.fence, both, factory.now_ms())?;
    Ok(start)
}

/// A rail counts unless a person has cleared it for this task.
fn uncleared(task: &Task, rule: safety::Rule) -> bool {
    !task.cleared.iter().any(|cleared| cleared == rule.as_str())
}

/// The rails judge what would be done: the change, once it is good enough to be merged. A change that is too long to be
/// read cannot be judged. The rule that holds it, and what it saw.
pub(crate) fn rail(task: &Task, diff: &git::Diff) -> Option<(safety::Rule, String)> {
    let paths: Vec<String> = diff.files.iter().map(|f| f.path.clone()).collect();
    let rails = safety::judge_diff(&diff.patch, &paths);
    if let Some(rail) = rails.iter().find(|r| uncleared(task, r.rule)) {
        return Some((rail.rule, seen(rail)));
    }
    let hidden = safety::Rule::Hidden;
    let detail = || format!("the change has more than {} bytes", diff.patch.len());
    (diff.truncated && uncleared(task, hidden)).then(|| (hidden, detail()))
}

/// An agent's brief, where a run of before stopped, and the agent's cage; the inner error is the blueprint's.
type AskedFor = Result<Result<(Brief, Option<Stopped>, Option<Standing>), Failure>, RunError>;

struct Job<'a> {
    factory: &'a Arc<Factory>,
    claim: &'a Claim,
    project: &'a Project,
    repo: &'a Repo,
    base: &'a Oid,
    start: &'a Oid,
    ground: &'a Ground,
    desk: &'a Desk,
}

impl Job<'_> {
    fn task(&self) -> &Task {
        &self.claim.task
    }

    /// By what its verdict is judged.
    fn policy(&self) -> Policy {
        let config = self.factory.config();
        let company = &self.desk.company.name;
        { &config.qa }.policy(&self.project.name, company, config.verifier.send)
    }

    /// Clone, cage, agent; its commits come to `refs/alai/<run>`, packed by the agent's own git inside a cage. Journals what was handed in, when the agent came to an end of its own.
    fn build(&self, cancel: &Cancel) -> Result<Left, RunError> {
        let uncaged = match uncaged::user_of(self.factory, self.claim)? {
            Ok(user) => user,
            Err(failure) => return Ok(Left::Ended(Ended::Failed { failure })),
        };
        let dir = self.factory.home().run(&self.claim.fence.run);
        files::private_dir_all(&dir).map_err(RunError::infra)?;
        let (tree, home) = (dir.join(CLONE), dir.join(HOME));
        let branch = super::branch(&self.claim.fence.run);
        let owner = uncaged::owner(uncaged.as_ref());
        let allowed = self.writable_paths();
        let forbidden = self.shut_paths()?;
        let files = git::tree(self.repo, self.start).map_err(RunError::infra)?;
        let tracked: Vec<String> = files.iter().map(|entry| entry.path.clone()).collect();
        let scope = Scope {
            allowed: &allowed,
            forbidden: &forbidden,
            tracked: &tracked,
        };
        let folder = clone::place(&tree).map_err(RunError::infra)?;
        files::private_dir(&home).map_err(RunError::infra)?;
        // Before anything is checked out: git takes a folder that is there, and fails by one that comes while it looks.
        let scoped = match uncaged {
            None => cage::binds_ahead(&tree, INSIDE_REPO.as_ref(), &scope, owner)
                .map_err(RunError::infra)?,
            Some(_) => None,
        };
        // None needs the others: git works on the clone while the cage is made and the brief is put together.
        let (cloned, asked_for) = std::thread::scope(|scope| {
            let clone = || self.clone_into(&folder, &tree, &home, &branch, owner);
            let beside = std::thread::Builder::new().name("clone".into());
            match beside.spawn_scoped(scope, clone) {
                Ok(cloning) => {
                    let asked_for = self.asked_for(&home, scoped);
                    let cloned = cloning.join().unwrap_or_else(|panic| resume_unwind(panic));
                    (cloned, asked_for)
                }
                Err(e) => {
                    tracing::warn!("cloned before the brief is made: {e}");
                    (clone(), self.asked_for(&home, None))
                }
            }
        });
        let (brief, before, standing) = match asked_for? {
            Ok(asked_for) => asked_for,
            Err(failure) => return Ok(Left::Ended(Ended::Failed { failure })),
        };
        cloned?;
        let trajectory = dir.join(keep::TRAJECTORY);
        let passes = |command: &str, captured: &Captured| self.ground.no_worse(command, captured);
        let bell = keep::Bell::default();
        let place = Place {
            project: self.project,
            clone: &tree,
            home: &home,
            writes: Writes::Scope(scope),
            trajectory: &trajectory,
            passes: &passes,
            settled: &|| bell.ring(),
            uncaged: uncaged.as_ref(),
            delegates: None,
            ahead: None,
            standing: Cell::new(standing),
        };
        let toolchains = self.factory.toolchains();
        let clone_ref = format!("refs/heads/{branch}");
        let to_ref = super::work_ref(&self.claim.fence.run);
        let budget = keep::Budget::of(self.factory.mission(), &self.claim.fence.run, self.task())
            .map_err(RunError::infra)?;
        let import = Import {
            clone: &tree,
            clone_ref: &clone_ref,
            to_ref: &to_ref,
            base: self.start,
            room: &budget.room,
            toolchains: &toolchains,
        };
        let one = Mutex::new(());
        let full = || crate::room::is_short(self.factory, self.project, self.repo);
        let home_now = || {
            let head = keep::now(self.repo, &import, &budget, &one, cancel);
            head.map_err(|e| match cancel.is_cancelled() {
                true => NotSeen::Cancelled,
                false => spoiled::unseen(&e, &tree, full),
            })
        };
        let reproduced = |seconds| self.reproduced(&home_now()?, seconds, cancel);
        let tests_touched = || self.tests_touched(&home_now()?, cancel);
        // Without a cage nothing is taken while anything of the run's user may still write.
        let ahead = uncaged.is_none().then_some(Ahead {
            reproduced: &reproduced,
            tests_touched: &tests_touched,
        });
        let place = Place { ahead, ..place };
        let mut report = std::thread::scope(|scope| {
            let _closes = keep::Closes(&bell);
            let beside = std::thread::Builder::new().name("keep".into());
            let bursts = || keep::bursts(&bell, self.repo, &import, &budget, &one);
            if uncaged.is_none()
                && let Err(e) = beside.spawn_scoped(scope, bursts)
            {
                tracing::warn!("{to_ref}: brought home only at the end: {e}");
            }
            super::cage::agent(self.factory, self.desk, &brief, &place, cancel)
        })?;
        uncaged::settle(self.factory, &self.claim.fence.run, uncaged.as_ref(), &tree)?;
        let head = clone::import(self.repo, &import, cancel);
        budget.note();
        let head = match spoiled::or_why(head, &tree, &report, full)? {
            Ok(head) => head,
            Err(why) => return self.spoiled(&report, &trajectory, why).map(Left::Ended),
        };
        if let Some(stopped) = &before {
            asked::commands_before(stopped, &mut report)?;
        }
        self.left(&report, &head, trajectory)
    }

    /// The run's clone with what the set-up left for it, and the agent's home beside it.
    fn clone_into(
        &self,
        folder: &clone::Place,
        tree: &Path,
        home: &Path,
        branch: &str,
        owner: Option<(u32, u32)>,
    ) -> Result<(), RunError> {
        let who = integrate::identity(self.project);
        clone::for_run_in(folder, self.repo, self.start, branch, &who, owner)
            .map_err(RunError::infra)?;
        files::give_to(home, owner).map_err(RunError::infra)?;
        let installed = setup::install_into(&self.ground.prepared, tree, home, owner);
        installed.map(drop).map_err(RunError::infra)
    }

    /// What the agent is asked for, where a run of before stopped to ask, and its cage, begun with these mounts; or why its blueprint cannot be
    /// walked.
    fn asked_for(&self, home: &Path, scoped: Option<Scoped>) -> AskedFor {
        let blueprint = match self.blueprint() {
            Ok(blueprint) => blueprint,
            Err(failure) => return Ok(Err(failure)),
        };
        self.asks_for(&blueprint)?;
        let standing = scoped.and_then(|scoped| {
            let limits = way::limits(self.factory.config(), &blueprint.limits);
            super::cage::stand(self.factory, self.project, home, limits.wall_s_max, scoped)
        });
        let project = self.project_brief()?;
        let mut brief = super::brief(self.factory, self.claim, self.desk, blueprint, project)?;
        brief.answers = asked::answers(self.factory, self.task().id)?;
        // A pack that was changed meanwhile has cut the run off from the one that asked: it begins anew.
        let before = asked::before(self.factory, self.claim)?.map(|(stopped, _)| stopped);
        brief.progress = { before.as_ref() }.map(|stopped| stopped.asked.progress.clone());
        Ok(Ok((brief, before, standing)))
    }

    /// What its blueprint wants to follow the merge stands on the task from the begin of its line: a later change of the blueprint takes nothing of
    /// it away. What follows nothing (OPS, DOCS) asks for nothing.
    fn asks_for(&self, blueprint: &Blueprint) -> Result<(), RunError> {
        if self.task().kind != TaskKind::Build || blueprint.asks_for.is_empty() {
            return Ok(());
        }
        let (mission, now_ms) = (self.factory.mission(), self.factory.now_ms());
        let (fence, name) = (&self.claim.fence, &blueprint.name);
        Ok(mission.blueprint_asks_for(fence, name, &blueprint.asks_for, now_ms)?)
    }

    /// Keeps the report, and journals what the agent handed in or where it stopped to ask.
    fn left(&self, report: &RunReport, head: &Oid, trajectory: PathBuf) -> Result<Left, RunError> {
        let dir = self.factory.home().run(&self.claim.fence.run);
        let report_path = dir.join("report.json");
        let bytes = serde_json::to_vec(report).map_err(RunError::infra)?;
        files::write_atomic(&report_path, &bytes).map_err(RunError::infra)?;
        if let Some(asked) = &report.asked {
            // What its agent tried is for a person before any question is.
            if let Some(failure) = self.command_rail(report) {
                return Ok(Left::Ended(Ended::Failed { failure }));
            }
            let stopped = Stopped {
                run: self.claim.fence.run.clone(),
                head: head.to_string(),
                report: report_path,
                asked: asked.clone(),
            };
            let stopped = asked::keep(self.factory, self.claim, stopped)?;
            return Ok(Left::Ended(stopped.ended()));
        }
        let handed_in = HandedIn {
            head: head.to_string(),
            report: report_path,
            trajectory,
            run: self.claim.fence.run.clone(),
            model: self.desk.chosen.model.clone(),
            mode: self.desk.mode(),
        };
        if !is_an_end(report) {
            // The run that resumes this one must not find what a broken machine left: it would fail of it again.
            return Ok(Left::HandedIn(Box::new(handed_in)));
        }
        let text = serde_json::to_string(&handed_in).map_err(RunError::infra)?;
        self.factory.mission().journal(
            &self.claim.fence,
            HANDED_IN,
            text,
            self.factory.now_ms(),
        )?;
        Ok(Left::HandedIn(Box::new(handed_in)))
    }

    /// A person's commit stands in the place of an agent's: it is measured like one, and nobody's word is added to it.
    fn take_in(&self, head: &str) -> Result<HandedIn, RunError> {
        let dir = self.factory.home().run(&self.claim.fence.run);
        files::private_dir_all(&dir).map_err(RunError::infra)?;
        let (report_path, trajectory) = (dir.join("report.json"), dir.join("trajectory.jsonl"));
        let report = RunReport::by_hand(self.task().id, &self.task().title, head);
        let bytes = serde_json::to_vec(&report).map_err(RunError::infra)?;
        files::write_atomic(&report_path, &bytes).map_err(RunError::infra)?;
        files::write_atomic(&trajectory, b"").map_err(RunError::infra)?;
        Ok(HandedIn {
            head: head.to_owned(),
            report: report_path,
            trajectory,
            run: self.claim.fence.run.clone(),
            model: "none: a person".into(),
            mode: Mode::Real,
        })
    }

    fn blueprint(&self) -> Result<Blueprint, Failure> {
        super::blueprint(self.desk, &way::given(self.task(), Some(&self.ground.test)))
    }

    fn project_brief(&self) -> Result<ProjectBrief, RunError> {
        Ok(ProjectBrief {
            name: self.project.name.clone(),
            base: self.start.to_string(),
            measured_from: self.base.to_string(),
            head: None,
            diff: String::new(),
            test_command: self.ground.test.clone(),
            allowed_paths: self.writable_paths(),
            forbidden_paths: self.forbidden_paths().to_vec(),
            scaffolded: self.scaffolded().paths().map(str::to_owned).collect(),
            changes_tests: self.tests_to_change()?,
            red_on_base: self
                .ground
                .census
                .red()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            author: integrate::identity(self.project).to_string(),
            rules: super::rules(self.repo, self.base).map_err(RunError::infra)?,
        })
    }

    /// The gate: a fresh clone, no network, tests of the base; then the rails on what would be done.
    fn measure(&self, handed_in: &HandedIn, cancel: &Cancel) -> Result<Ended, RunError> {
        let bytes = std::fs::read(&handed_in.report).map_err(RunError::infra)?;
        let report: RunReport = serde_json::from_slice(&bytes).map_err(RunError::infra)?;
        let head: Oid = handed_in.head.parse().map_err(RunError::infra)?;
        let diff = git::diff(self.repo, self.base, &head).map_err(RunError::infra)?;
        let mut said = Said {
            gotcha: report.gotcha.clone(),
            report: program::shown(&handed_in.report, &report)?,
            commands: report.commands.clone(),
            patch: shown(&diff),
            trajectory: Some(handed_in.trajectory.clone()),
            author: Some(evidence::Author {
                run: handed_in.run.clone(),
                model: handed_in.model.clone(),
                mode: handed_in.mode,
            }),
            ..Said::default()
        };
        if let Some(failure) = failure_of(&report) {
            let failure = self.desk.judged(&report.status, failure?);
            self.seal(&said, &head, |complete| {
                qa::judge_all(vec![ended_badly(&report), complete])
            })?;
            return Ok(Ended::Failed { failure });
        }
        if let Some(rail) = self.command_rail(&report) {
            self.seal(&said, &head, |complete| {
                qa::judge_all(vec![railed(&rail), complete])
            })?;
            return Ok(Ended::Failed { failure: rail });
        }
        let now = self.factory.now_ms();
        self.factory
            .mission()
            .deliver(&self.claim.fence, "the gate measures it", now)?;
        let gate::Seen {
            mut measurements,
            commands,
            behind,
            recipe,
        } = self.gate(&head, &diff, cancel)?;
        let of_agent = said.commands.len();
        said.commands.extend(commands);
        let places = |(check, places): (Check, Vec<usize>)| {
            (check, places.into_iter().map(|at| of_agent + at).collect())
        };
        said.behind = behind.into_iter().map(places).collect();
        said.recipe = recipe;
        let docs = self.task().kind == TaskKind::Docs;
        let verdict = self.seal(&said, &head, |complete| {
            measurements.push(complete);
            let verdict = match docs {
                true => docs_verdict(measurements),
                false => qa::judge(&measurements, self.policy()),
            };
            match self.task().sandbox {
                Sandbox::On => verdict,
                Sandbox::Off => verdict.of_the_uncaged(),
            }
        })?;
        if (verdict.passed() || verdict.only_uncaged())
            && let Some((rule, detail)) = rail(self.task(), &diff)
        {
            let failure = stopped(rule, detail);
            return Ok(Ended::Failed { failure });
        }
        Ok(Ended::Gated {
            verdict,
            base: self.base.to_string(),
            head: head.to_string(),
        })
    }

    /// And what the agent tried to run. The cage kept it from having an effect; that it was tried is for a person.
    fn command_rail(&self, report: &RunReport) -> Option<Failure> {
        let line = |captured: &Captured| captured.record.argv.join(" ");
        let mut rails = report
            .commands
            .iter()
            .filter_map(|c| safety::judge_command(&line(c)));
        let rail = rails.find(|r| uncleared(self.task(), r.rule))?;
        Some(stopped(rail.rule, seen(&rail)))
    }

    /// Writes the package, lets `judge` turn check 16 and what else was measured into the verdict, and signs.
    fn seal(
        &self,
        said: &Said,
        head: &Oid,
        judge: impl FnOnce(Measurement) -> Verdict,
    ) -> Result<Verdict, RunError> {
        let written = evidence::write(self.factory, self.claim, said)?;
        let verdict = judge(written.complete.clone());
        evidence::seal(
            self.factory,
            self.claim,
            self.desk,
            self.repo,
            (self.base, head),
            &written,
            &verdict,
        )?;
        Ok(verdict)
    }
}
