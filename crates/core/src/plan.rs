//! The plan of a goal: what the lead's model may answer, what is refused, and the template when no usable answer came.

mod estimate;
mod file;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::brief::Role;
use crate::delegation::{self, Known};
use crate::ids::TaskId;
pub use estimate::{Basis, Estimate, Figure, PastRun, Place};
pub use file::{FILE_BYTES_MAX, FileError, Forecast, Outlook, TaskForecast};

/// More tasks than this from one goal are a plan nobody reads (fan-out limit of one plan).
pub const TASKS_MAX: usize = 12;
/// Longer specs do not help a small model.
pub const SPEC_BYTES_MAX: usize = 32 * 1024;
/// A task that changes more tests than this is more than one task, or means to be rid of them.
pub const CHANGES_TESTS_MAX: usize = 20;

/// A goal's plan. Only BUILD tasks are planned: verifying and documenting are stages of each pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The specification, in Markdown.
    pub spec: String,
    pub tasks: Vec<PlannedTask>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedTask {
    /// A short name that other tasks of the plan refer to.
    pub key: String,
    pub title: String,
    pub description: String,
    #[serde(default)]
    pub acceptance: Vec<String>,
    /// Keys of tasks whose merged code this one needs.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Whether a documentation stage follows.
    #[serde(default)]
    pub docs: bool,
    /// Whether an operations stage follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deploy: bool,
    /// Test files this task must change: paths, or globs within a folder that is written out.
    #[serde(default)]
    pub changes_tests: Vec<String>,
    /// The company that does it; none where the words of the task decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Who in the company: its builder, or its lead, who splits it further. Only a lead who delegates names a lead.
    #[serde(default = "builder", skip_serializing_if = "is_builder")]
    pub role: Role,
    /// Where in the project the work is expected. It is told and neither widens nor narrows what may be written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

fn builder() -> Role {
    Role::Builder
}

fn is_builder(role: &Role) -> bool {
    *role == Role::Builder
}

/// Where a plan came from; it is on the spec page, in the goal's history and in the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanSource {
    Model,
    Template,
    /// Handed out task by task by a lead at work.
    Delegated,
    /// A model's or the template, as a person left it in his editor.
    Edited,
    /// A file of a person's; no model was asked.
    File,
}

impl PlanSource {
    pub fn as_str(self) -> &'static str {
        match self {
            PlanSource::Model => "model",
            PlanSource::Template => "template",
            PlanSource::Delegated => "delegated",
            PlanSource::Edited => "edited",
            PlanSource::File => "file",
        }
    }
}

/// What a specification is given beside its goal's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Planning {
    /// A person's plan, which is carried out: no model is asked.
    Given { plan: Plan, source: PlanSource },
    /// A plan is made and shown to a person before anything of it becomes a task.
    Shown,
    /// `of` lost its way or came to a limit each time: it is made smaller. `depth` counts splits one below the other, from 1.
    Split { of: TaskId, depth: u32 },
    /// `of` was never good enough: it is done another way. `nr` counts such plans of its goal, from 1.
    Replan { of: TaskId, nr: u32 },
}

impl Planning {
    /// The task that is planned anew, where one is.
    pub fn of(&self) -> Option<TaskId> {
        match self {
            Planning::Split { of, .. } | Planning::Replan { of, .. } => Some(*of),
            Planning::Given { .. } | Planning::Shown => None,
        }
    }

    /// What a specification of this manner is called before the task's own title.
    pub fn title(&self) -> &'static str {
        match self {
            Planning::Split { .. } => "Split",
            Planning::Replan { .. } => "Plan anew",
            Planning::Given { .. } | Planning::Shown => "Spec",
        }
    }

    /// What its lead is asked for, as the step of a call.
    pub fn step(&self) -> &'static str {
        match self {
            Planning::Split { .. } => "split",
            Planning::Replan { .. } => "replan",
            Planning::Given { .. } | Planning::Shown => "plan",
        }
    }

    /// What is done to the task, as a participle.
    pub fn participle(&self) -> &'static str {
        match self {
            Planning::Split { .. } => "split",
            Planning::Replan { .. } | Planning::Given { .. } | Planning::Shown => "planned anew",
        }
    }
}

/// Why an answer is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the plan is not the JSON object that was asked for: {0}")]
    Json(String),
    #[error("the plan has no task")]
    Empty,
    #[error("the plan has {0} tasks; at most {TASKS_MAX}")]
    TooMany(usize),
    #[error("the spec has {0} bytes; at most {SPEC_BYTES_MAX}")]
    SpecTooLong(usize),
    #[error("task key `{0}` is empty or used twice")]
    Key(String),
    #[error("task `{key}`: {why}")]
    Text { key: String, why: String },
    #[error("task `{0}`: its `role` is builder; a plan is carried out by builders, leave it out")]
    Role(String),
    #[error("task `{key}`: {why}")]
    Company { key: String, why: String },
    #[error("task `{key}`: {why}")]
    Paths { key: String, why: String },
    #[error(
        "task `{key}`: `{entry}` in `changes_tests` is no test file by its name; it lists existing tests alone, and is mostly empty"
    )]
    NoTest { key: String, entry: String },
    #[error("task `{key}`: `changes_tests` has {count} entries; at most {CHANGES_TESTS_MAX}")]
    TooManyTests { key: String, count: usize },
    #[error("task `{key}`: `{entry}` in `changes_tests` {why}")]
    Test {
        key: String,
        entry: String,
        why: &'static str,
    },
    #[error("task `{key}` needs `{needs}`, which the plan does not have")]
    UnknownNeed { key: String, needs: String },
    #[error("the tasks need each other in a circle: {0}")]
    Cycle(String),
}

impl PlannedTask {
    /// A builder's task of that title, with nothing else said.
    pub fn new(key: impl Into<String>, title: impl Into<String>) -> PlannedTask {
        PlannedTask {
            key: key.into(),
            title: title.into(),
            description: String::new(),
            acceptance: Vec::new(),
            needs: Vec::new(),
            docs: false,
            deploy: false,
            changes_tests: Vec::new(),
            company: None,
            role: Role::Builder,
            paths: Vec::new(),
        }
    }

    fn checked_paths(&self) -> Result<Vec<String>, PlanError> {
        delegation::checked_paths(&self.paths).map_err(|why| PlanError::Paths {
            key: self.key.clone(),
            why,
        })
    }
}

impl Plan {
    /// Reads a model's answer and refuses what could not be carried out. `companies`: those that it may name. An empty name is
    /// none: a server that holds a model to a form has it write each key.
    ///
    /// # Errors
    /// The first thing that could not be carried out.
    pub fn parse(text: &str, companies: &[Known]) -> Result<Plan, PlanError> {
        let mut plan: Plan =
            serde_json::from_str(text.trim()).map_err(|e| PlanError::Json(e.to_string()))?;
        for task in &mut plan.tasks {
            task.company = task.company.take().filter(|name| !name.trim().is_empty());
        }
        plan.carried_out_by(companies)
    }

    /// What holds for a plan that builders carry out, whoever knows the companies: it hands no part to a lead.
    pub(crate) fn check_for_builders(&self) -> Result<(), PlanError> {
        self.check()?;
        for task in &self.tasks {
            if !is_builder(&task.role) {
                return Err(PlanError::Role(task.key.clone()));
            }
            task.checked_paths()?;
        }
        Ok(())
    }

    /// What holds for the plan of a model or a person, who may name companies and paths as a lead at work may. Companies get their
    /// own names.
    ///
    /// # Errors
    /// The first thing that could not be carried out.
    pub fn carried_out_by(mut self, companies: &[Known]) -> Result<Plan, PlanError> {
        self.check_for_builders()?;
        for task in &mut self.tasks {
            let key = &task.key;
            if let Some(name) = &task.company {
                let found = delegation::company_called(companies, name, task.role);
                task.company = Some(found.map_err(|why| PlanError::Company {
                    key: key.clone(),
                    why,
                })?);
            }
            task.paths = task.checked_paths()?;
        }
        Ok(self)
    }

    /// What holds for every plan, however it came to be.
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        if self.tasks.is_empty() {
            return Err(PlanError::Empty);
        }
        if self.tasks.len() > TASKS_MAX {
            return Err(PlanError::TooMany(self.tasks.len()));
        }
        if self.spec.len() > SPEC_BYTES_MAX {
            return Err(PlanError::SpecTooLong(self.spec.len()));
        }
        let mut keys = BTreeSet::new();
        for task in &self.tasks {
            if task.key.trim().is_empty() || !keys.insert(task.key.as_str()) {
                return Err(PlanError::Key(task.key.clone()));
            }
            let text = crate::task::check_title(&task.title)
                .and_then(|_| crate::task::check_description(&task.description))
                .and_then(|_| crate::task::check_acceptance(&task.acceptance));
            text.map_err(|e| PlanError::Text {
                key: task.key.clone(),
                why: e.to_string(),
            })?;
            check_tests(task)?;
        }
        for task in &self.tasks {
            if let Some(unknown) = task.needs.iter().find(|n| !keys.contains(n.as_str())) {
                return Err(PlanError::UnknownNeed {
                    key: task.key.clone(),
                    needs: unknown.clone(),
                });
            }
        }
        self.ordered().map(|_| ())
    }

    /// The tasks so that each comes after what it needs; the plan's own order otherwise.
    pub fn ordered(&self) -> Result<Vec<&PlannedTask>, PlanError> {
        let mut left: Vec<&PlannedTask> = self.tasks.iter().collect();
        let mut placed: BTreeMap<&str, ()> = BTreeMap::new();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let ready = left
                .iter()
                .position(|t| t.needs.iter().all(|n| placed.contains_key(n.as_str())));
            let Some(index) = ready else {
                let circle: Vec<&str> = left.iter().map(|t| t.key.as_str()).collect();
                return Err(PlanError::Cycle(circle.join(", ")));
            };
            let task = left.remove(index);
            placed.insert(task.key.as_str(), ());
            order.push(task);
        }
        Ok(order)
    }

    /// The plan when no usable answer came: one BUILD between spec and postflight.
    pub fn template(title: &str, description: &str) -> Plan {
        Plan {
            spec: format!(
                "# {title}\n\n{description}\n\n## How it is accepted\n\nThe project's own tests pass in a fresh clone, \
                 the change stays inside the repository's allowed paths, a reviewer and an auditor pass it.\n"
            ),
            tasks: vec![PlannedTask {
                description: description.to_owned(),
                ..PlannedTask::new("build", title)
            }],
        }
    }

    /// The JSON schema a model is held to.
    pub fn schema() -> serde_json::Value {
        let strings = json!({"type": "array", "items": {"type": "string"}});
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["spec", "tasks"],
            "properties": {
                "spec": {"type": "string"},
                "tasks": {"type": "array", "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["key", "title", "description", "acceptance", "needs", "docs", "changes_tests"],
                    "properties": {
                        "key": {"type": "string"},
                        "title": {"type": "string"},
                        "description": {"type": "string"},
                        "acceptance": strings,
                        "needs": strings,
                        "docs": {"type": "boolean"},
                        "deploy": {"type": "boolean"},
                        "company": {"type": "string"},
                        "paths": strings,
                        "changes_tests": {"type": "array", "items": {"type": "string"}, "maxItems": CHANGES_TESTS_MAX}
                    }
                }}
            }
        })
    }
}

/// The tests that stay fixed are what a model's work is judged by: its plan names each exception and cannot mean all of them.
fn check_tests(task: &PlannedTask) -> Result<(), PlanError> {
    let count = task.changes_tests.len();
    if count > CHANGES_TESTS_MAX {
        let key = task.key.clone();
        return Err(PlanError::TooManyTests { key, count });
    }
    let bad = task
        .changes_tests
        .iter()
        .find_map(|entry| no_test_path(entry).map(|why| (entry, why)));
    bad.map_or(Ok(()), |(entry, why)| {
        Err(PlanError::Test {
            key: task.key.clone(),
            entry: entry.clone(),
            why,
        })
    })
}

fn no_test_path(entry: &str) -> Option<&'static str> {
    if let Some(why) = not_inside(entry) {
        return Some(why);
    }
    let path = entry.trim();
    let path = path.strip_prefix("./").unwrap_or(path);
    let first = path.split('/').next().unwrap_or_default();
    first
        .contains(['*', '?', '[', ']', '{', '}', '!'])
        .then_some("begins with a wildcard; name the test file, or the folder that it is in")
}

/// Why a path or glob of a model is none inside of the project, if so.
pub(crate) fn not_inside(entry: &str) -> Option<&'static str> {
    let path = entry.trim();
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.starts_with(['/', '~']) || path.contains(['\\', ':']) || path.contains(char::is_control)
    {
        return Some("is no path inside the repository; write it relative to its top folder");
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/')
        .any(|part| ["", ".", ".."].contains(&part))
        .then_some("is empty or has an empty, `.` or `..` part; write the path out")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(key: &str, needs: &[&str]) -> PlannedTask {
        PlannedTask {
            needs: needs.iter().map(|n| (*n).to_owned()).collect(),
            ..PlannedTask::new(key, format!("do {key}"))
        }
    }

    fn plan(tasks: Vec<PlannedTask>) -> String {
        serde_json::to_string(&Plan {
            spec: "s".into(),
            tasks,
        })
        .expect("plans serialise")
    }

    #[test]
    fn tasks_come_after_what_they_need() {
        let text = plan(vec![
            task("c", &["a", "b"]),
            task("b", &["a"]),
            task("a", &[]),
        ]);
        let parsed = Plan::parse(&text, &[]).expect("a plan");
        let keys: Vec<&str> = parsed
            .ordered()
            .expect("no circle")
            .iter()
            .map(|t| t.key.as_str())
            .collect();
        assert_eq!(keys, ["a", "b", "c"]);
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused() {
        let many = (0..13).map(|n| task(&n.to_string(), &[])).collect();
        let cases = [
            (plan(vec![]), PlanError::Empty),
            (plan(many), PlanError::TooMany(13)),
            (
                plan(vec![task("a", &[]), task("a", &[])]),
                PlanError::Key("a".into()),
            ),
            (
                plan(vec![task("a", &["z"])]),
                PlanError::UnknownNeed {
                    key: "a".into(),
                    needs: "z".into(),
                },
            ),
            (
                plan(vec![task("a", &["b"]), task("b", &["a"])]),
                PlanError::Cycle("a, b".into()),
            ),
        ];
        for (text, want) in cases {
            assert_eq!(Plan::parse(&text, &[]).expect_err(&text), want);
        }
        assert!(matches!(
            Plan::parse("sure, here is the plan", &[]),
            Err(PlanError::Json(_))
        ));
        assert!(matches!(
            Plan::parse(r#"{"spec":"s","tasks":[],"extra":1}"#, &[]),
            Err(PlanError::Json(_))
        ));
    }

    #[test]
    fn a_plan_names_the_tests_it_changes_and_cannot_mean_all_of_them() {
        let with = |entries: &[&str]| {
            let mut one = task("a", &[]);
            one.changes_tests = entries.iter().map(|e| (*e).to_owned()).collect();
            Plan::parse(&plan(vec![one]), &[])
        };
        for bad in [
            "**",
            "*",
            " ** ",
            "./**",
            "**/*.py",
            "t*/a.py",
            "{src,tests}/**",
            "[a-z]*/x",
            "?ests/x",
            "/etc/x",
            "~/x",
            "../x",
            "tests/../src/a",
            "././**",
            ".",
            "",
            "a//b",
            "C:\\x",
            "tests\\a",
            "test_*.py",
        ] {
            let error = with(&["tests/a.py", bad]).expect_err(bad);
            assert!(
                matches!(&error, PlanError::Test { entry, .. } if entry == bad),
                "{error}"
            );
            assert!(error.to_string().contains("changes_tests"), "{error}");
        }
        for good in [
            "tests/a.py",
            "./tests/a.py",
            "tests/**",
            "tests/",
            "src/a/*_test.go",
            "test_calc.py",
        ] {
            assert!(with(&[good]).is_ok(), "{good}");
        }
        assert!(with(&["tests/a.py"; 20]).is_ok());
        let key = "a".to_owned();
        assert_eq!(
            with(&["tests/a.py"; 21]),
            Err(PlanError::TooManyTests { key, count: 21 })
        );
    }

    #[test]
    fn a_model_names_companies_that_build_and_paths_and_hands_nothing_to_a_lead() {
        let known = |name: &str, alias: &str, builds| Known {
            name: name.into(),
            aliases: vec![alias.into()],
            builds,
        };
        let all = [
            known("CodeCraft", "craft", true),
            known("Vizu", "ui", true),
            known("Proveo", "qa", false),
        ];
        let parse = |more: &str| {
            let text = format!(
                r#"{{"spec":"s","tasks":[{{"key":"a","title":"t","description":"d"{more}}}]}}"#
            );
            Plan::parse(&text, &all)
        };
        let named = parse(r#","company":"UI","paths":["web/"," api/routes.ts "]"#).expect("a plan");
        assert_eq!(named.tasks[0].company.as_deref(), Some("Vizu"));
        assert_eq!(named.tasks[0].paths, ["web/", "api/routes.ts"]);
        let plain = parse("").expect("a plan");
        assert_eq!(
            parse(r#","company":" ","paths":[]"#),
            Ok(plain),
            "nothing is named"
        );
        for (more, says) in [
            (r#","company":"Nobody""#, "no company is called `Nobody`"),
            (
                r#","company":"Nobody""#,
                "those that build: CodeCraft, Vizu",
            ),
            (r#","company":"qa""#, "those that do: CodeCraft, Vizu"),
            (r#","role":"lead""#, "its `role` is builder"),
            (r#","role":"reviewer""#, "its `role` is builder"),
            (r#","paths":["../other"]"#, "the path `../other`"),
            (r#","paths":["/etc"]"#, "the path `/etc`"),
            (r#","paths":[".git/hooks"]"#, "nobody writes there"),
            (r#","deliver":"merge""#, "deliver"),
            (r#","checks":["true"]"#, "checks"),
            (r#","stages":["build"]"#, "stages"),
        ] {
            let error = parse(more).expect_err(more).to_string();
            assert!(error.contains(says), "{more}: {error}");
        }
        let shape = &Plan::schema()["properties"]["tasks"]["items"]["properties"];
        assert_eq!(shape["company"]["type"], "string");
        assert_eq!(shape["paths"]["items"]["type"], "string");
        assert!(shape.get("role").is_none());
    }

    #[test]
    fn the_template_is_a_plan() {
        let template = Plan::template("Add a thing", "in words");
        assert_eq!(
            Plan::parse(&serde_json::to_string(&template).expect("json"), &[]),
            Ok(template)
        );
    }
}
