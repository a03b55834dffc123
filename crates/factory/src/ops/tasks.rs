//! Goals and tasks: asked for, moved by a person's verb, approved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alai_core::cage::Sandbox;
use alai_core::company::{Closed, ModelChoice};
use alai_core::delegation;
use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline;
use alai_core::plan::{Plan, PlanSource, Planning};
use alai_core::safety;
use alai_core::task::{self, Need, NewTask, Priority, State, Task, TaskKind, Until, WaitReason};
use alai_mission::Project;
use serde::{Deserialize, Serialize};

use super::projects::{self, registered};
use super::{Desk, OpError, OpErrorKind, Outcome};
use super::{answers, blueprints};
use crate::{integrate, plan, verifier};

/// What `mc add` and `minion run` say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddTask {
    pub title: String,
    pub description: String,
    pub priority: Priority,
    pub owner: Option<String>,
    pub tags: Vec<String>,
    /// A folder in a registered repository, or a project's name. None: a task for a person.
    pub project: Option<PathBuf>,
    pub needs: Vec<TaskId>,
    /// Start when the needed tasks are done, not only when they are merged.
    pub needs_done: bool,
    pub parent: Option<TaskId>,
    pub acceptance: Vec<String>,
    pub checks: Vec<String>,
    pub changes_tests: Vec<String>,
    /// Where it is expected to change things. A request of before has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    pub company: Option<String>,
    /// The model that a person wants for it: a tier, or a host and a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelChoice>,
    /// What its run walks, instead of its company's own.
    pub blueprint: Option<String>,
    /// What that blueprint is given. A request of before has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// Only the gate; no review, no merge.
    pub solo: bool,
    pub hold: bool,
    /// Said on the command line of the process that does the work, and never over a socket, by a schedule or in a file.
    #[serde(skip)]
    pub sandbox: Sandbox,
}

/// What `start` says.
pub(super) struct Goal<'a> {
    pub(super) goal: &'a str,
    pub(super) project: &'a Path,
    pub(super) priority: Priority,
    pub(super) owner: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) checks: Vec<String>,
    /// What a lead at work plans it by.
    pub(super) blueprint: Option<String>,
    pub(super) planning: Option<Planning>,
}

pub(super) fn start(desk: &Desk<'_>, asked: Goal<'_>, key: String) -> Result<Outcome, OpError> {
    let Goal {
        goal,
        project,
        priority,
        owner,
        mut tags,
        checks,
        blueprint,
        planning,
    } = asked;
    let (title, description) = task::check_goal(goal)?;
    let project = registered(desk, project)?;
    tags.extend(prefix_tag(&title));
    let mut parent = NewTask::new(TaskKind::Goal, title.clone());
    parent.description = description.clone();
    parent.priority = priority;
    parent.owner = owner;
    parent.tags = tags.clone();
    parent.project = Some(project.id);
    parent.checks = checks;
    let mut spec = NewTask::new(TaskKind::Spec, fit(&format!("Spec: {title}")));
    spec.description = description;
    spec.priority = priority;
    spec.tags = tags;
    spec.project = Some(project.id);
    spec.checks = parent.checks.clone();
    if let Some(name) = blueprint {
        blueprints::leads(desk, &name, &spec)?;
        spec.blueprint = Some(name);
    }
    if planning.is_some() && spec.blueprint.is_some() {
        let message = "a lead at work hands tasks out by a blueprint: there is no plan to give or to see beforehand";
        let hint = "leave `--blueprint` out, or `--plan` and `--edit`";
        return Err(OpError::new(OpErrorKind::Usage, message, hint));
    }
    spec.planning = match planning {
        Some(Planning::Given { plan, source }) => Some(Planning::Given {
            plan: judged(desk, plan, &project)?,
            source,
        }),
        Some(Planning::Shown) => Some(Planning::Shown),
        Some(Planning::Split { .. } | Planning::Replan { .. }) => {
            let message = "a goal is planned; only a task of it that died is planned anew, and the factory does that";
            return Err(OpError::new(OpErrorKind::Usage, message, ""));
        }
        None => None,
    };
    // The goal itself is never run: the rail stops the first task that would be.
    spec.waiting = rail(desk, &title, &spec.description);
    let id = desk
        .mission
        .add_goal(parent, spec, Some(key), desk.actor, desk.now_ms)?;
    desk.outcome(id)
}

/// A plan that waits for a person goes on as he left it.
pub(super) fn plan(
    desk: &Desk<'_>,
    task: TaskId,
    plan: Plan,
    source: PlanSource,
) -> Result<Outcome, OpError> {
    let spec = desk.mission.task(task)?;
    let waits = spec.waiting.as_ref().map(|w| w.reason);
    let open = matches!(waits, Some(WaitReason::Question | WaitReason::NoModel));
    let (true, Some(Planning::Shown), Some(project)) = (open, &spec.planning, spec.project) else {
        let message = format!("no plan of {task} waits to be seen; it is {}", spec.state);
        let hint = format!("`alai why {}`", task.0);
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    };
    let plan = judged(desk, plan, &desk.mission.project(project)?)?;
    desk.mission.carry_out(
        task,
        Planning::Given { plan, source },
        desk.by.clone(),
        desk.now_ms,
    )?;
    desk.outcome(task)
}

/// A person's plan is held to what holds for a model's.
fn judged(desk: &Desk<'_>, plan: Plan, project: &Project) -> Result<Plan, OpError> {
    plan::judge(plan, desk.packs, project).map_err(|e| {
        let hint = "`alai start --dry-run` prints a plan that can be carried out";
        OpError::new(
            OpErrorKind::Usage,
            format!("the plan cannot be carried out: {e}"),
            hint,
        )
    })
}

pub(super) fn add(desk: &Desk<'_>, add: AddTask, key: String) -> Result<Outcome, OpError> {
    let title = task::check_title(&add.title)?;
    task::check_acceptance(&add.acceptance)?;
    let paths = delegation::checked_paths(&add.paths).map_err(|why| {
        let hint = "--path takes a file, a folder or a glob inside the repository";
        OpError::new(OpErrorKind::Usage, why, hint)
    })?;
    let expected = pipeline::expected_in(&paths);
    let description = match add.description.is_empty() {
        true => expected.trim_start().to_owned(),
        false => add.description + &expected,
    };
    let description = task::check_description(&description)?;
    let project = add
        .project
        .as_deref()
        .map(|p| registered(desk, p))
        .transpose()?;
    if let Some(company) = &add.company {
        let found = desk.packs.registry.find(company);
        let known: Vec<&str> = desk
            .packs
            .registry
            .companies()
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        let hint = format!("the companies are {}", known.join(", "));
        let found = found.map_err(|e| OpError::new(OpErrorKind::NotFound, e, &hint))?;
        if let Some(off @ Closed::Off) = &found.closed {
            let (said, hint) = (off.said(&found.name), off.remedy(&found.name));
            return Err(OpError::new(OpErrorKind::NeedsSetup, said, &hint));
        }
    }
    if let Some(choice) = &add.model {
        known_host(desk, choice)?;
    }
    if let Some(project) = &project {
        tests_alone(project, &add.changes_tests)?;
        projects::look_again(desk, project)?;
    }
    let mut new = NewTask::new(TaskKind::Build, title.clone());
    new.description = description;
    new.priority = add.priority;
    new.owner = add.owner;
    new.tags = add.tags;
    new.tags
        .extend(prefix_tag(&title).filter(|t| !new.tags.contains(t)));
    new.project = project.as_ref().map(|p| p.id);
    new.parent = add.parent;
    new.acceptance = add.acceptance;
    new.checks = add.checks;
    new.changes_tests = add.changes_tests;
    new.paths = paths;
    new.company_pin = add.company;
    new.model_pin = add.model;
    new.solo = add.solo;
    let test = project.as_ref().and_then(|p| p.settings.test.as_deref());
    blueprints::choose(desk, &mut new, add.blueprint, add.inputs, test)?;
    new.sandbox = add.sandbox;
    if add.sandbox == Sandbox::Off {
        // A person judges it, and then it goes the way of every build: through review to the merge.
        new.solo = false;
    }
    let until = if add.needs_done {
        Until::Done
    } else {
        Until::Integrated
    };
    new.needs = add
        .needs
        .into_iter()
        .map(|task| Need { task, until })
        .collect();
    if let Some(parent) = new.parent {
        desk.mission.task(parent)?;
    }
    new.waiting = rail(desk, &title, &new.description);
    new.held = add.hold;
    let id = desk.mission.add(new, Some(key), desk.actor, desk.now_ms)?;
    desk.outcome(id)
}

/// A task that is pinned to a host that nobody knows would wait for ever.
fn known_host(desk: &Desk<'_>, choice: &ModelChoice) -> Result<(), OpError> {
    let ModelChoice::Named { host, .. } = choice else {
        return Ok(());
    };
    let (hosts, agents) = (&desk.config.hosts, &desk.config.agents);
    if hosts.iter().any(|named| named.answers_to(host))
        || agents
            .iter()
            .any(|agent| agent.name.eq_ignore_ascii_case(host))
    {
        return Ok(());
    }
    let names = hosts.iter().map(|named| named.name.as_str());
    let names: Vec<&str> = names
        .chain(agents.iter().map(|agent| agent.name.as_str()))
        .collect();
    let message = format!("no host and no agent is called `{host}`");
    let hint = format!(
        "`alai fleet models` shows what there is; there are {}",
        names.join(", ")
    );
    Err(OpError::new(OpErrorKind::Usage, message, &hint))
}

/// A list of tests frees tests, and a runner's configuration that a person names: what it holds beside them would be refused at
/// the gate, after all the work.
fn tests_alone(project: &Project, changes_tests: &[String]) -> Result<(), OpError> {
    let usage = |message: String| {
        let hint = "name the test files, or the folder that they are in; what else a task may write, \
                    `alai project set --allow` says for its project";
        OpError::new(OpErrorKind::Usage, message, hint)
    };
    alai_gate::Globs::new(changes_tests).map_err(|e| usage(e.to_string()))?;
    let test = project.settings.test.as_deref().unwrap_or_default();
    match alai_gate::frees_nothing(changes_tests, test) {
        None => Ok(()),
        Some(entry) => Err(usage(format!(
            "`{entry}` in `--changes-tests` is no test file by its name"
        ))),
    }
}

pub(super) fn rail(desk: &Desk<'_>, title: &str, description: &str) -> Option<task::Waiting> {
    let rail = safety::judge_text(title, description)?;
    Some(pipeline::railed(
        rail.rule.as_str(),
        &rail.why,
        "{id}",
        &desk.context(),
    ))
}

pub(super) fn act(
    desk: &Desk<'_>,
    task: TaskId,
    event: Event,
    text: String,
) -> Result<Outcome, OpError> {
    let mut text = task::check_description(&text)?;
    persons_verb(event)?;
    if event == Event::Answer {
        text = answers::fitting(desk, task, text)?;
    }
    if event == Event::Override && text.trim().is_empty() {
        let hint = format!("`alai mc done {} \"REASON\"`", task.0);
        let message = "closing a task by hand needs a reason";
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    }
    let waits = desk.mission.task(task)?.waiting;
    if event == Event::Reopen
        && let Some(rail) = waits.filter(|w| w.reason == WaitReason::Safety)
    {
        let message = format!("{task} waits at a safety rail, which only an answer clears");
        return Err(OpError::new(
            OpErrorKind::Failed,
            message,
            &rail.next_action,
        ));
    }
    // What is done stays done, but its merge may be tried again.
    if event == Event::Reopen
        && desk.mission.task(task)?.state == State::Done
        && desk
            .mission
            .requeue_merge(task, desk.by.clone(), desk.now_ms)?
    {
        return desk.outcome(task);
    }
    let state = desk
        .mission
        .act(task, event, text, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Task { task, state })
}

/// Asks for the merged work to be moved to the target branch: of a goal that waits for it, or of a task of its own. What was
/// made without a cage is only let into its review.
pub(super) fn approve(desk: &Desk<'_>, task: TaskId) -> Result<Outcome, OpError> {
    let found = desk.mission.task(task)?;
    let waits = found.waiting.as_ref().map(|w| w.reason);
    if waits == Some(WaitReason::Uncaged) {
        let verify = verifier::asked_for_approved(desk.mission, desk.config, &found, desk.now_ms)?;
        let state = { desk.mission }.accept(task, verify, desk.by.clone(), desk.now_ms)?;
        return Ok(Outcome::Task { task, state });
    }
    let goal = found.kind == TaskKind::Goal && waits == Some(WaitReason::Approval);
    let alone = found.goal.is_none() && found.lineage.is_none() && found.integrated.is_some();
    if !goal && !alone {
        let (message, hint) = match (&found.waiting, found.goal) {
            (Some(w), _) => (
                format!(
                    "{task} does not wait for an approval but for: {}",
                    w.reason.as_str()
                ),
                w.next_action.clone(),
            ),
            (None, Some(goal)) => (
                format!("{task} is delivered together with its goal {goal}"),
                format!("`alai why {}`", goal.0),
            ),
            (None, None) => (
                format!(
                    "{task} is {} and has nothing merged to approve",
                    found.state
                ),
                format!("`alai why {}`", task.0),
            ),
        };
        return Err(OpError::new(OpErrorKind::Failed, message, &hint));
    }
    let project = project_of(desk, &found)?;
    let fail = |e: integrate::IntegrateError| OpError::new(OpErrorKind::Failed, e, "");
    let (target, tip) = integrate::tips(&project).map_err(fail)?;
    // Where somebody has merged it by hand meanwhile, the delivery finds it there and says so.
    let head = match (alone, found.integrated, tip) {
        (true, Some(commit), _) => commit,
        (_, _, Some(tip)) => tip.to_string(),
        (_, _, None) => target.to_string(),
    };
    let now = desk.now_ms;
    desk.mission
        .enqueue_delivery(task, project.id, &head, desk.by.clone(), now)?;
    Ok(Outcome::Delivering { task, head })
}

pub(super) fn project_of(desk: &Desk<'_>, task: &Task) -> Result<Project, OpError> {
    let id: Option<ProjectId> = task.project;
    let Some(id) = id else {
        return Err(OpError::new(
            OpErrorKind::Failed,
            format!("{} has no project", task.id),
            "",
        ));
    };
    Ok(desk.mission.project(id)?)
}

/// Gates, claims and completions are the factory's own; the socket takes only what a person may say.
fn persons_verb(event: Event) -> Result<(), OpError> {
    match event {
        Event::Pause
        | Event::Resume
        | Event::Cancel
        | Event::Answer
        | Event::Reopen
        | Event::Override => Ok(()),
        Event::Claim
        | Event::Deliver
        | Event::Complete
        | Event::Retry
        | Event::LeaseLost
        | Event::Ask
        | Event::Approve
        | Event::Ready
        | Event::Reject
        | Event::Fail
        | Event::RollUp => {
            let message = format!("`{}` is no verb of a person", event.as_str());
            Err(OpError::new(OpErrorKind::Usage, message, ""))
        }
    }
}

/// `Bento: Project scaffold` is tagged `bento`.
fn prefix_tag(title: &str) -> Option<String> {
    let (prefix, rest) = title.split_once(':')?;
    let word =
        prefix.chars().all(|c| c.is_alphanumeric() || c == '-') && (2..=20).contains(&prefix.len());
    (word && rest.starts_with(' ')).then(|| prefix.to_lowercase())
}

pub(super) fn fit(title: &str) -> String {
    match title
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > task::TITLE_BYTES_MAX - 4)
    {
        Some((at, _)) => format!("{}…", title.get(..at).unwrap_or(title)),
        None => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_carries_a_run_without_a_cage() {
        let mut add = AddTask {
            title: "t".into(),
            description: String::new(),
            priority: Priority::High,
            owner: None,
            tags: vec![],
            project: None,
            needs: vec![],
            needs_done: false,
            parent: None,
            acceptance: vec![],
            checks: vec![],
            changes_tests: vec![],
            paths: vec![],
            company: None,
            model: None,
            blueprint: None,
            inputs: BTreeMap::new(),
            solo: true,
            hold: false,
            sandbox: Sandbox::Off,
        };
        let mut sent = serde_json::to_value(&add).expect("JSON");
        let heard: AddTask = serde_json::from_value(sent.clone()).expect("an old request");
        add.sandbox = Sandbox::On;
        assert_eq!(heard, add);
        // Nor is one without inputs or paths another request than it was before there were any.
        assert_eq!((sent.get("inputs"), sent.get("paths")), (None, None));
        sent["sandbox"] = "off".into();
        let refused = serde_json::from_value::<AddTask>(sent).expect_err("refused");
        assert!(
            refused.to_string().contains("unknown field `sandbox`"),
            "{refused}"
        );
    }

    #[test]
    fn prefixes_become_tags() {
        assert_eq!(
            prefix_tag("Bento: Project scaffold").as_deref(),
            Some("bento")
        );
        for plain in ["Fix a::b in the parser", "See http://x", "a b: c", "Add it"] {
            assert_eq!(prefix_tag(plain), None, "{plain}");
        }
    }
}
