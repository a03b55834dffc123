//! REVIEW and SECURITY: an agent of another company reads the same commit, writes nothing, and answers by schema.

use std::cell::Cell;
use std::sync::Arc;

use alai_core::brief::ProjectBrief;
use alai_core::pipeline::{Ended, Failure};
use alai_core::qa::{self, Check, CheckResult, Measurement};
use alai_core::review::{Criterion, Review, ReviewVerdict, criteria};
use alai_mission::{Claim, JudgedRow};
use alai_workspace::cage;
use alai_workspace::command::Cancel;
use alai_workspace::fingerprint::fingerprint;
use alai_workspace::git::{self, Oid};
use alai_workspace::{clone, files, setup};

use super::cage::{Place, Writes};
use super::judging::{self, Judging};
use super::{CLONE, Desk, HOME, failure_of, program};
use crate::beat::Factory;
use crate::evidence::{self, Said};
use crate::ground::{self, GroundError};
use crate::integrate;
use crate::run::RunError;
use crate::way;

pub(super) fn work(
    factory: &Arc<Factory>,
    claim: &Claim,
    cancel: &Cancel,
) -> Result<Ended, RunError> {
    let Judging {
        project,
        repo,
        base,
        head,
        desk,
    } = match judging::opened(factory, claim)? {
        Ok(judging) => judging,
        Err(ended) => return Ok(ended),
    };
    let task = &claim.task;
    let prepared = match ground::prepared(factory, &repo, &project, &head, Some(&base), cancel) {
        Ok(prepared) => prepared,
        Err(GroundError::Refused { detail, remedy }) => {
            return Ok(Ended::Failed {
                failure: Failure::BoxRefused { detail, remedy },
            });
        }
        Err(GroundError::Cancelled) => return Err(RunError::cancelled(factory)),
        Err(GroundError::Machine(detail)) => return Err(RunError::Infrastructure(detail)),
    };
    let dir = factory.home().run(&claim.fence.run);
    files::private_dir_all(&dir).map_err(RunError::infra)?;
    let (tree, home) = (dir.join(CLONE), dir.join(HOME));
    let owner = cage::agent_ids();
    clone::checkout_fresh(&repo, &head, &tree, owner).map_err(RunError::infra)?;
    files::private_dir(&home).map_err(RunError::infra)?;
    files::give_to(&home, owner).map_err(RunError::infra)?;
    setup::install_into(&prepared, &tree, &home, owner).map_err(RunError::infra)?;
    let diff = git::diff(&repo, &base, &head).map_err(RunError::infra)?;
    let test = project.settings.test.clone().unwrap_or_default();
    let given = way::given(task, project.settings.test.as_deref());
    let blueprint = match super::blueprint(&desk, &given) {
        Ok(blueprint) => blueprint,
        Err(failure) => return Ok(Ended::Failed { failure }),
    };
    let about = ProjectBrief {
        name: project.name.clone(),
        base: base.to_string(),
        measured_from: base.to_string(),
        head: Some(head.to_string()),
        diff: diff.patch.clone(),
        test_command: test,
        allowed_paths: Vec::new(),
        forbidden_paths: Vec::new(),
        scaffolded: Vec::new(),
        changes_tests: Vec::new(),
        red_on_base: Vec::new(),
        author: integrate::identity(&project).to_string(),
        rules: super::rules(&repo, &base).map_err(RunError::infra)?,
    };
    let brief = super::brief(factory, claim, &desk, blueprint, about)?;
    let trajectory = dir.join("trajectory.jsonl");
    let place = Place {
        project: &project,
        clone: &tree,
        home: &home,
        writes: Writes::Nothing,
        trajectory: &trajectory,
        passes: &|_, _| false,
        settled: &|| {},
        uncaged: None,
        delegates: None,
        ahead: None,
        standing: Cell::default(),
    };
    let before = fingerprint(&tree).map_err(RunError::infra)?;
    let report = super::cage::agent(factory, &desk, &brief, &place, cancel)?;
    let after = fingerprint(&tree).map_err(RunError::infra)?;
    let count = criteria::asked(task.kind, &task.acceptance).len();
    let judged = judge(&repo, (&base, &head), &report, (&before, &after), count);
    let said = Said {
        gotcha: report.gotcha.clone(),
        report: program::shown(&dir.join("report.json"), &report)?,
        commands: report.commands.clone(),
        patch: diff.patch,
        trajectory: Some(trajectory),
        ..Said::default()
    };
    let written = evidence::write(factory, claim, &said)?;
    let verdict = qa::judge_all(judged.measurements());
    evidence::seal(
        factory,
        claim,
        &desk,
        &repo,
        (&base, &head),
        &written,
        &verdict,
    )?;
    judged.ended()
}

/// A person has judged it, outside of any cage of ours: his word is held to the commit, sealed, and decided on like an agent's.
pub(super) fn by_a_person(
    factory: &Arc<Factory>,
    claim: &Claim,
    desk: &Desk,
    repo: &git::Repo,
    (base, head): (&Oid, &Oid),
    judged: &JudgedRow,
) -> Result<Ended, RunError> {
    let tree = head.to_string();
    // He approves or rejects the whole, and is asked for no line of each criterion.
    let asked = criteria::asked(claim.task.kind, &claim.task.acceptance);
    let result = if judged.head == tree {
        held_to(repo, (base, head), &judged.review, (&tree, &tree), 0)
    } else {
        // Not by any way of ours: the commit of a review never changes.
        let why = format!("{} judged another commit", judged.by);
        Judged::Failed(Failure::quality(vec![why]))
    };
    let said = Said {
        report: serde_json::json!({"judged_by": judged.by, "review": judged.review}),
        patch: git::diff(repo, base, head).map_err(RunError::infra)?.patch,
        ..Said::default()
    };
    let written = evidence::write(factory, claim, &said)?;
    let mut measured = result.measurements();
    for one in &mut measured {
        one.detail = format!("{}, by {}", one.detail, judged.by);
    }
    if let (Judged::Review(review, _), false) = (&result, asked.is_empty()) {
        measured.push(by_word(review, asked.len(), &judged.by));
    }
    let verdict = qa::judge_all(measured);
    evidence::seal(factory, claim, desk, repo, (base, head), &written, &verdict)?;
    result.ended()
}

/// Check 17 where a person judged: his approval is of all criteria.
fn by_word(review: &Review, count: usize, by: &str) -> Measurement {
    let (result, word) = match review.verdict {
        ReviewVerdict::Reject => (CheckResult::Fail, "rejected"),
        ReviewVerdict::Pass | ReviewVerdict::PassWithFindings => (CheckResult::Pass, "approved"),
    };
    Measurement {
        check: Check::CriteriaMet,
        result,
        detail: format!(
            "{by} {word} it with its {count} criterion(s); a person is asked for no line of each"
        ),
    }
}

enum Judged {
    /// With what it says of each criterion that was asked for.
    Review(Review, Vec<Criterion>),
    Failed(Failure),
    Gone(RunError),
}

impl Judged {
    fn ended(self) -> Result<Ended, RunError> {
        match self {
            Judged::Review(review, _) => Ok(Ended::Reviewed { review }),
            Judged::Failed(failure) => Ok(Ended::Failed { failure }),
            Judged::Gone(e) => Err(e),
        }
    }

    /// What the evidence says of the commit by this review: whether its writer agrees with it, and each criterion that was asked for.
    fn measurements(&self) -> Vec<Measurement> {
        let (result, detail) = match self {
            Judged::Review(review, _) => (
                match review.verdict {
                    ReviewVerdict::Reject => CheckResult::Fail,
                    ReviewVerdict::Pass | ReviewVerdict::PassWithFindings => CheckResult::Pass,
                },
                format!(
                    "a review by the schema, citations exist, nothing written: {:?}",
                    review.verdict
                ),
            ),
            Judged::Failed(failure) => (CheckResult::Fail, format!("no review: {failure:?}")),
            Judged::Gone(e) => (CheckResult::Fail, e.to_string()),
        };
        let mut all = vec![Measurement {
            check: Check::IndependentVerifier,
            result,
            detail,
        }];
        if let Judged::Review(_, answered) = self
            && !answered.is_empty()
        {
            all.insert(0, qa::criteria(answered));
        }
        all
    }
}

/// A review counts when it has the asked shape, cites what exists, and its writer changed nothing.
fn judge(
    repo: &git::Repo,
    commits: (&Oid, &Oid),
    report: &alai_minion::RunReport,
    trees: (&str, &str),
    count: usize,
) -> Judged {
    match failure_of(report) {
        None => {}
        Some(Ok(failure)) => return Judged::Failed(failure),
        Some(Err(e)) => return Judged::Gone(e),
    }
    match &report.answer {
        Some(answer) => held_to(repo, commits, &answer.to_string(), trees, count),
        None => {
            let why = "the reviewer gave no verdict".to_owned();
            Judged::Failed(Failure::quality(vec![why]))
        }
    }
}

/// An answer in the asked shape that cites what the commit has, and of which a pass meets each of `count` criteria by a line of it.
fn held_to(
    repo: &git::Repo,
    (base, head): (&Oid, &Oid),
    answer: &str,
    trees: (&str, &str),
    count: usize,
) -> Judged {
    let quality = |findings: Vec<String>| Judged::Failed(Failure::quality(findings));
    let review = match Review::parse(answer) {
        Ok(review) => review,
        Err(e) => return quality(vec![e.to_string()]),
    };
    let held = alai_gate::check_review(repo, head, &review, trees.0, trees.1).and_then(|faults| {
        Ok((
            faults,
            alai_gate::check_criteria(repo, base, head, &review, count)?,
        ))
    });
    let (mut faults, answered) = match held {
        Ok(held) => held,
        Err(e) => return Judged::Gone(RunError::infra(e)),
    };
    faults.extend(criteria::unmet(review.verdict, &answered));
    match faults.is_empty() {
        true => Judged::Review(review, answered),
        false => quality(faults),
    }
}

pub(super) fn oid(text: &str) -> Result<Oid, RunError> {
    text.parse().map_err(RunError::infra)
}
