//! A plan as a file that a person reads and edits: YAML or JSON, held to what a model's plan is held to, with the line of what is wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::{Estimate, PastRun, Plan, PlanError, PlannedTask, TASKS_MAX};
use crate::pipeline::{Chain, QA_RETRIES_MAX, REVIEW_CYCLES_MAX, Stage};
use crate::task::Priority;

/// A longer file is no plan of twelve tasks.
pub const FILE_BYTES_MAX: usize = 512 * 1024;

/// What is wrong with a plan's file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("line {line}: {why}")]
    At { line: u64, why: PlanError },
    /// What reads YAML says where by itself.
    #[error("{0}")]
    Form(String),
    #[error("the plan has {0} bytes; at most {FILE_BYTES_MAX}")]
    TooLong(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    spec: String,
    tasks: Spanned<Vec<Spanned<PlannedTask>>>,
    // What `--dry-run --json` says beside the plan comes back with it, and is told and not obeyed.
    #[serde(default, rename = "schema_version")]
    _schema_version: Option<u32>,
    #[serde(default, rename = "forecast")]
    _forecast: Option<Forecast>,
    #[serde(default, rename = "estimate")]
    _estimate: Option<Estimate>,
    #[serde(default, rename = "estimate_of_tasks")]
    _estimate_of_tasks: Option<BTreeMap<String, Estimate>>,
}

/// What is told beside a plan: what it will come to and what that will probably take, and of each task by its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    pub forecast: Forecast,
    pub estimate: Estimate,
    pub estimate_of_tasks: BTreeMap<String, Estimate>,
}

/// What a plan will come to, by the stages of its project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// The stages that each of its tasks goes through.
    pub stages: Vec<Stage>,
    /// Runs where nothing is sent back, its postflight counted in.
    pub runs_min: u64,
    /// Runs when each gate and each review sends back as often as it may. What is found on the way is not in it.
    pub runs_max: u64,
    /// Of each task, in the order of the plan.
    #[serde(default)]
    pub tasks: Vec<TaskForecast>,
}

/// What one task of a plan goes through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskForecast {
    pub key: String,
    /// The stages of its own, in their order.
    pub stages: Vec<Stage>,
    /// What it asks for, once for all of the goal.
    pub asks_of_goal: Vec<Stage>,
}

impl Outlook {
    /// By the runs of the plan's project, or where it has none of a kind, by all of the home's. `at_a_time`: how many runs may be at
    /// work at once.
    pub fn of(
        plan: &Plan,
        forecast: Forecast,
        (project, home): (&[PastRun], &[PastRun]),
        at_a_time: usize,
    ) -> Outlook {
        let of_task = |task: &TaskForecast| {
            let estimate = Estimate::of_task(task, project, home);
            (task.key.clone(), estimate)
        };
        Outlook {
            estimate: Estimate::of(plan, &forecast, project, home, at_a_time),
            estimate_of_tasks: forecast.tasks.iter().map(of_task).collect(),
            forecast,
        }
    }
}

impl Forecast {
    /// Of a plan whose tasks have this priority. `ops` and `docs`: the goal has that stage anyway. `verified`: a task to which a verifier
    /// will be sent.
    pub fn of(
        plan: &Plan,
        chain: &Chain,
        priority: Priority,
        (ops, docs): (bool, bool),
        verified: impl Fn(&PlannedTask) -> bool,
    ) -> Forecast {
        let kept = |stage: &Stage| match stage {
            Stage::Build | Stage::Verify | Stage::Merge => true,
            Stage::Review | Stage::Security | Stage::Ops | Stage::Docs => {
                chain.leaves_out(*stage, priority, false).is_none()
            }
        };
        let every = |stage: Stage| match stage {
            Stage::Ops => ops,
            Stage::Docs => docs,
            Stage::Verify => chain.asks(Stage::Verify),
            Stage::Build | Stage::Review | Stage::Security | Stage::Merge => true,
        };
        let asks = |task: &PlannedTask, stage: Stage| match stage {
            Stage::Ops => task.deploy,
            Stage::Docs => task.docs,
            Stage::Verify => every(stage) || verified(task),
            Stage::Build | Stage::Review | Stage::Security | Stage::Merge => true,
        };
        let all = || Stage::ALL.into_iter().filter(kept);
        let tasks: Vec<TaskForecast> = { plan.tasks.iter() }
            .map(|task| {
                let asked = all().filter(|stage| asks(task, *stage));
                let (asks_of_goal, stages) = asked.partition(|stage| of_goal(*stage));
                let key = task.key.clone();
                TaskForecast {
                    key,
                    stages,
                    asks_of_goal,
                }
            })
            .collect();
        let any = |stage: Stage| plan.tasks.iter().any(|task| asks(task, stage));
        let stages: Vec<Stage> = all().filter(|stage| every(*stage) || any(*stage)).collect();
        let mut forecast = Forecast {
            stages,
            runs_min: 1,
            runs_max: 1,
            tasks,
        };
        // The postflight is there already.
        for stage in &forecast.stages {
            let (least, most) = Forecast::runs_of(*stage, forecast.times(*stage));
            forecast.runs_min += least;
            forecast.runs_max += most;
        }
        forecast
    }

    /// How many of the tasks go through a stage by themselves.
    pub(super) fn times(&self, stage: Stage) -> u64 {
        let own = self.tasks.iter().filter(|own| own.stages.contains(&stage));
        own.count() as u64
    }

    /// Runs of one stage in a plan of so many tasks: where nothing is sent back, and where everything is as often as it may be.
    pub(super) fn runs_of(stage: Stage, tasks: u64) -> (u64, u64) {
        let tries = u64::from(QA_RETRIES_MAX) + 1;
        let cycles = u64::from(REVIEW_CYCLES_MAX) + 1;
        match stage {
            Stage::Merge => (0, 0),
            Stage::Build => (tasks, tasks * cycles * tries),
            Stage::Verify | Stage::Review | Stage::Security => (tasks, tasks * cycles),
            // Stages of the goal are once for all of it, and are judged by their gate alone.
            Stage::Ops | Stage::Docs => (1, tries),
        }
    }

    /// In one line.
    pub fn said(&self) -> String {
        format!(
            "its tasks go through {}; {} runs when nothing is sent back, at most {} when everything is",
            listing(&self.stages),
            self.runs_min,
            self.runs_max
        )
    }
}

impl TaskForecast {
    /// In one line.
    fn said(&self) -> String {
        match self.asks_of_goal.is_empty() {
            true => listing(&self.stages),
            false => format!(
                "{}; asks for {}, once for the goal",
                listing(&self.stages),
                listing(&self.asks_of_goal)
            ),
        }
    }
}

/// Stages that a goal has once.
fn of_goal(stage: Stage) -> bool {
    matches!(stage, Stage::Ops | Stage::Docs)
}

fn listing(stages: &[Stage]) -> String {
    let stages: Vec<&str> = stages.iter().map(|s| s.as_str()).collect();
    stages.join(", ")
}

impl Plan {
    /// Reads a person's file of a plan; `judge` is the last to look at it.
    ///
    /// # Errors
    /// As [`Plan::parse`], with the line.
    pub fn read(
        text: &str,
        judge: impl FnOnce(Plan) -> Result<Plan, PlanError>,
    ) -> Result<Plan, FileError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(FileError::TooLong(text.len()));
        }
        let wire: Wire =
            serde_saphyr::from_str(text).map_err(|e| FileError::Form(e.to_string()))?;
        let lines: Vec<(String, u64)> = wire
            .tasks
            .value
            .iter()
            .map(|task| (task.value.key.clone(), task.referenced.line()))
            .collect();
        let plan = Plan {
            spec: wire.spec,
            tasks: wire
                .tasks
                .value
                .into_iter()
                .map(|task| task.value)
                .collect(),
        };
        let top = wire.tasks.referenced.line();
        judge(plan).map_err(|why| FileError::At {
            line: line_of(&why, &lines).unwrap_or(top),
            why,
        })
    }

    /// The file of a plan. Read again it is the same plan.
    pub fn write(&self, outlook: &Outlook) -> String {
        let Outlook {
            forecast,
            estimate,
            estimate_of_tasks,
        } = outlook;
        let mut file = format!(
            "# What the goal's tasks will be made of: at most {TASKS_MAX}. `needs` names the keys of tasks whose merged code a task needs;\n\
             # `company` and `paths` (where the work is expected) may be added to a task.\n\
             # As it is now: {}.\n\
             # Estimated: {}.\n",
            forecast.said(),
            estimate.said()
        );
        file.push_str(&format!("spec: {}\ntasks:\n", block(&self.spec, 2)));
        for task in &self.tasks {
            let own = forecast.tasks.iter().find(|own| own.key == task.key);
            file.extend(own.map(|own| format!("  # Through {}.\n", own.said())));
            let estimate = estimate_of_tasks.get(&task.key);
            file.extend(estimate.map(|it| format!("  # Estimated: {}.\n", it.figures())));
            file.push_str(&format!("  - key: {}\n", quoted(&task.key)));
            file.push_str(&format!("    title: {}\n", quoted(&task.title)));
            file.push_str(&format!(
                "    description: {}\n",
                block(&task.description, 6)
            ));
            for (name, list) in [
                ("acceptance", &task.acceptance),
                ("needs", &task.needs),
                ("changes_tests", &task.changes_tests),
            ] {
                file.push_str(&listed(name, list));
            }
            if let Some(company) = &task.company {
                file.push_str(&format!("    company: {}\n", quoted(company)));
            }
            if !task.paths.is_empty() {
                file.push_str(&listed("paths", &task.paths));
            }
            file.push_str(&format!("    docs: {}\n", task.docs));
            if task.deploy {
                file.push_str("    deploy: true\n");
            }
        }
        file
    }
}

fn listed(name: &str, texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("    {name}: [{}]\n", texts.join(", "))
}

/// The line of the task that is meant; of one whose key stands there twice, that of the second.
fn line_of(why: &PlanError, lines: &[(String, u64)]) -> Option<u64> {
    let of = |key: &str| {
        lines
            .iter()
            .rev()
            .find(|(k, _)| k == key)
            .map(|(_, line)| *line)
    };
    match why {
        PlanError::Json(_) | PlanError::Empty | PlanError::SpecTooLong(_) => None,
        PlanError::TooMany(_) => lines.get(super::TASKS_MAX).map(|(_, line)| *line),
        PlanError::Key(key) | PlanError::Role(key) => of(key),
        PlanError::Text { key, .. }
        | PlanError::TooManyTests { key, .. }
        | PlanError::Test { key, .. }
        | PlanError::NoTest { key, .. }
        | PlanError::Company { key, .. }
        | PlanError::Paths { key, .. }
        | PlanError::UnknownNeed { key, .. } => of(key),
        PlanError::Cycle(keys) => keys.split(", ").next().and_then(of),
    }
}

/// Double quotes as JSON has them, which YAML reads alike. What a terminal would not show as it stands is written by its number.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for c in serde_json::Value::from(text).to_string().chars() {
        match hides(c) {
            true => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => quoted.push(c),
        }
    }
    quoted
}

/// Whether a terminal or an editor would obey a character, or show nothing of it (UAX #9). All of them have four digits.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Lines as they are, where YAML gives them back as they were; else quoted.
fn block(text: &str, indent: usize) -> String {
    let plain = |c: char| c == '\n' || !hides(c);
    let whole = text.ends_with('\n') && !text.ends_with("\n\n") && !text.starts_with([' ', '\n']);
    if !whole || !text.chars().all(plain) {
        return quoted(text);
    }
    let pad = " ".repeat(indent);
    let lines = text.lines().map(|line| match line.is_empty() {
        true => String::new(),
        false => format!("{pad}{line}"),
    });
    format!("|\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delegation::Known;

    fn known() -> Vec<Known> {
        let known = |name: &str, alias: &str, builds| Known {
            name: name.into(),
            aliases: vec![alias.into()],
            builds,
        };
        vec![
            known("CodeCraft", "craft", true),
            known("Proveo", "qa", false),
        ]
    }

    fn read(text: &str) -> Result<Plan, FileError> {
        Plan::read(text, |plan| plan.carried_out_by(&known()))
    }

    fn written(plan: &Plan) -> String {
        plan.write(&Outlook::of(plan, forecast(plan), (&[], &[]), 1))
    }

    fn forecast(plan: &Plan) -> Forecast {
        Forecast::of(
            plan,
            &Chain::default(),
            Priority::Medium,
            (false, false),
            |_| false,
        )
    }

    #[test]
    fn a_forecast_counts_the_stages_of_the_project() {
        let mut plan = Plan::template("t", "d");
        plan.tasks.push(PlannedTask::new("b", "t"));
        let seeds = forecast(&plan);
        assert_eq!(
            seeds.stages,
            [Stage::Build, Stage::Review, Stage::Security, Stage::Merge]
        );
        // Two builds, each with two judges, and the postflight.
        assert_eq!((seeds.runs_min, seeds.runs_max), (7, 2 * 3 * (3 + 2) + 1));
        let short = Chain::parse("build,docs").expect("a chain");
        let low = Forecast::of(&plan, &short, Priority::Low, (false, true), |_| false);
        assert_eq!(low.stages, [Stage::Build, Stage::Merge, Stage::Docs]);
        assert_eq!((low.runs_min, low.runs_max), (4, 2 * 3 * 3 + 3 + 1));
        let high = Forecast::of(&plan, &short, Priority::High, (false, false), |_| false);
        assert!(
            high.stages.contains(&Stage::Security),
            "work of this priority is judged all the same"
        );
        plan.tasks[0].docs = true;
        assert_eq!(forecast(&plan).runs_min, 8, "a plan asks for documentation");
        plan.tasks[1].deploy = true;
        let asked = forecast(&plan);
        assert!(asked.stages.contains(&Stage::Ops) && asked.runs_min == 9);
        let never = Forecast::of(&plan, &short, Priority::Low, (false, false), |_| false);
        assert!(
            !never.stages.contains(&Stage::Ops),
            "the project leaves it out"
        );
    }

    #[test]
    fn a_task_is_told_what_is_its_own_and_a_verifier_is_a_run_of_its_own() {
        let mut plan = Plan::template("t", "d");
        plan.tasks.push(PlannedTask {
            deploy: true,
            ..PlannedTask::new("b", "t")
        });
        let verified = |task: &PlannedTask| task.key == "b";
        let chain = Chain::default();
        let of = Forecast::of(&plan, &chain, Priority::Medium, (false, false), verified);
        assert_eq!(
            (of.runs_min, of.runs_max),
            (7 + 1 + 1, 31 + 3 + 3),
            "a verifier for one, OPS for all"
        );
        let said: Vec<String> = of.tasks.iter().map(TaskForecast::said).collect();
        assert_eq!(
            said,
            [
                "build, review, security, merge",
                "build, verify, review, security, merge; asks for ops, once for the goal"
            ]
        );
    }

    #[test]
    fn a_company_gets_its_own_name_and_what_is_said_beside_the_plan_is_no_part_of_it() {
        let text = "{\"schema_version\": 1, \"forecast\": {\"stages\": [\"build\"], \"runs_min\": 1, \"runs_max\": 2}, \"spec\": \"s\", \
            \"tasks\": [{\"key\": \"a\", \"title\": \"t\", \"description\": \"d\", \"company\": \"CRAFT\", \"paths\": [\"src/\"]}]}";
        let plan = read(text).expect("JSON is YAML");
        assert_eq!(plan.tasks[0].company.as_deref(), Some("CodeCraft"));
        assert_eq!(plan.tasks[0].paths, ["src/"]);
        assert_eq!(read(&written(&plan)), Ok(plan));
    }

    #[test]
    fn what_is_written_is_read_again_as_it_was() {
        for (spec, description) in [
            (
                "# Words\n\nWhat must be true: \"all\".\n",
                "In words.\nAnd lines.\n",
            ),
            ("one line", "  indented\n"),
            ("ends twice\n\n", "a\ttab: and # no comment\r\n"),
            ("", "- a list\n- [x] {y}\n"),
            (
                "pay \u{202e}gnp.exe\n\u{1b}[2J\u{7f}\u{9b}\n",
                "\u{feff}x\n",
            ),
            ("# gap\n\n\nmore\n", "unicode \u{2028} and 'quotes' \\n"),
        ] {
            let mut plan = Plan::template("Add it: \"now\" # really", description);
            plan.spec = spec.into();
            plan.tasks[0].acceptance = vec!["it says: yes".into(), "- and no".into()];
            plan.tasks.push(PlannedTask {
                needs: vec!["build".into()],
                docs: true,
                deploy: true,
                changes_tests: vec!["tests/a.py".into()],
                ..PlannedTask::new("then", "Say it")
            });
            let file = written(&plan);
            let shown = file.chars().all(|c| c == '\n' || !hides(c));
            assert!(shown, "all of it is what it looks like: {file:?}");
            assert_eq!(read(&file), Ok(plan), "{file}");
        }
    }

    #[test]
    fn what_is_wrong_says_its_line() {
        let task = |key: &str, more: &str| {
            format!("  - key: {key}\n    title: t\n    description: d\n{more}")
        };
        let file = |tasks: &str| format!("spec: s\ntasks:\n{tasks}");
        let many: String = (0..13).map(|n| task(&format!("k{n}"), "")).collect();
        for (text, line, word) in [
            (
                file(&format!("{}{}", task("a", ""), task("a", ""))),
                6,
                "used twice",
            ),
            (
                file(&format!(
                    "{}{}",
                    task("a", ""),
                    task("b", "    needs: [z]\n")
                )),
                6,
                "needs `z`",
            ),
            (
                file(&format!(
                    "{}{}",
                    task("a", "    needs: [b]\n"),
                    task("b", "    needs: [a]\n")
                )),
                3,
                "circle",
            ),
            (
                file(&task("a", "    role: lead\n")),
                3,
                "its `role` is builder",
            ),
            (
                file(&task("a", "    company: CodeCraf\n")),
                3,
                "did you mean `CodeCraft`?",
            ),
            (file(&task("a", "    company: qa\n")), 3, "does not build"),
            (
                file(&format!(
                    "{}{}",
                    task("a", ""),
                    task("b", "    paths: [../x]\n")
                )),
                6,
                "the path `../x`",
            ),
            (
                file(&task("a", "    paths: [.git/hooks]\n")),
                3,
                "nobody writes there",
            ),
            (
                file(&task("a", "    changes_tests: ['**']\n")),
                3,
                "begins with a wildcard",
            ),
            (file(&many), 39, "at most 12"),
        ] {
            let error = read(&text).expect_err(word);
            let FileError::At { line: at, .. } = error else {
                panic!("{error}: {text}")
            };
            let said = error.to_string();
            assert_eq!(at, line, "{said}\n{text}");
            assert!(said.contains(word), "{said}");
        }
        let form = read("spec: s\ntasks:\n  - key: a\n    titel: t\n").expect_err("a slip");
        assert!(
            form.to_string().contains("titel") && form.to_string().contains('4'),
            "{form}"
        );
        assert!(matches!(
            read("spec: s\ntasks: []\n"),
            Err(FileError::At { line: 2, .. })
        ));
    }
}
