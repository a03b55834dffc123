//! `alai explain`: what a task goes by, and whose word each part is.

use std::process::ExitCode;

use alai_core::ids::{RunId, TaskId};
use alai_core::mcp::Origin;
use alai_factory::Home;
use alai_factory::basis::{AgentPart, Basis, Began, InputPart, Said, Walked, Whose};

use crate::args::ExplainArgs;
use crate::commands::minion;
use crate::error::CliError;
use crate::{door, show};

pub(crate) fn run(home: &Home, args: &ExplainArgs) -> Result<ExitCode, CliError> {
    let (task, run) = meant(home, &args.of)?;
    let basis = door::basis(home, task, run)?;
    if args.json {
        show::json(&basis)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Page::default();
    page.head(&basis);
    if let Some(walked) = &basis.blueprint {
        page.blueprint(walked);
    }
    page.may(&basis);
    page.held_to(&basis);
    if let Some(began) = &basis.run {
        page.began(began);
    }
    for line in &page.lines {
        show::line(show::clean(line));
    }
    Ok(ExitCode::SUCCESS)
}

/// A number is a task. A run's name begins with a zero, as long as the clock stands before the year 4147.
fn meant(home: &Home, of: &str) -> Result<(TaskId, Option<RunId>), CliError> {
    let task = of.parse::<TaskId>().ok();
    if let Some(task) = task.filter(|_| !of.starts_with('0')) {
        return Ok((task, None));
    }
    let run = minion::find(home, of)?;
    Ok((run.task, Some(run.id)))
}

/// Lines with a word before each, which is said once.
#[derive(Default)]
struct Page {
    lines: Vec<String>,
    last: &'static str,
}

/// Whose word it is, and where it stands.
fn whose(from: Whose, file: Option<&str>) -> String {
    let word = match from {
        Whose::Safety => "a safety rule",
        Whose::Pin => "pin",
        Whose::Task => "its title",
        Whose::Company => "company",
        Whose::Words => "words",
        Whose::Class => "class",
        Whose::Tier => "tier",
        Whose::Project => "project",
        Whose::Settings => "alai.toml",
        Whose::Blueprint => "blueprint",
        Whose::Default => "default",
    };
    match file {
        Some(file) => format!("({word}, {file})"),
        None => format!("({word})"),
    }
}

fn listed(said: &Said<Vec<String>>, none: &str) -> String {
    let value = match said.value.is_empty() {
        true => none.to_owned(),
        false => said.value.join(" "),
    };
    format!("{value} {}", whose(said.from, said.file.as_deref()))
}

impl Page {
    fn row(&mut self, word: &'static str, text: impl AsRef<str>) {
        let shown = if self.last == word { "" } else { word };
        self.last = word;
        self.lines.push(format!("{shown:<9} {}", text.as_ref()));
    }

    fn head(&mut self, basis: &Basis) {
        let project = basis.project.as_deref().unwrap_or("no project");
        let kind = basis.kind.as_str();
        self.row(
            "task",
            format!("{} {} ({kind}, {project})", basis.task, basis.title),
        );
        if let Some(stages) = &basis.stages {
            self.row(
                "stages",
                format!("{} {}", stages.value, whose(stages.from, None)),
            );
        }
        if let Some(project) = &basis.stages_of_project {
            self.row(
                "stages",
                format!("  not the project's {project}: a build of this line ran without a cage"),
            );
        }
        let company = &basis.company;
        let source = company.source.as_str();
        let by = whose(company.from, company.file.as_deref());
        self.row(
            "company",
            format!("{} {} of {source} {by}", company.name, company.version),
        );
        for reason in &company.reasons {
            self.row("company", format!("  {reason}"));
        }
        self.row("role", basis.role.as_str());
        let model = &basis.model;
        let by = whose(model.from, model.file.as_deref());
        self.row(
            "model",
            format!("{} for {} {by}", model.asked, model.activity),
        );
        for reason in &model.reasons {
            self.row("model", format!("  {reason}"));
        }
        if model.escalations > 0 {
            self.row(
                "model",
                format!(
                    "  {} tier(s) up, because of what was found wrong",
                    model.escalations
                ),
            );
        }
        match &model.candidates {
            None => self.row("model", "  which one is there, a daemon knows (`alai up`)"),
            Some(found) => {
                for one in found {
                    self.row("model", format!("  there now: {one}"));
                }
            }
        }
        if let Some(problem) = &model.problem {
            self.row("model", format!("  none now: {problem}"));
        }
    }

    fn blueprint(&mut self, walked: &Walked) {
        self.row(
            "blueprint",
            format!(
                "{} {}",
                walked.reason.trim_start_matches("blueprint "),
                whose(walked.from, None)
            ),
        );
        for (at, part) in walked.chain.iter().enumerate() {
            let word = if at == 0 { "is" } else { "extends" };
            let file = part.file.as_deref().unwrap_or("in the binary");
            let source = part.source.as_str();
            self.row(
                "blueprint",
                format!("  {word} {} of {source} ({file})", part.name),
            );
        }
        if let Some(problem) = &walked.problem {
            self.row("blueprint", format!("  cannot be walked: {problem}"));
        }
        for input in &walked.inputs {
            self.row("input", said_of(input));
        }
        for step in &walked.steps {
            self.row(
                "step",
                format!("{:>2} {}: {}", step.place, step.id, step.line),
            );
        }
        if !walked.steps.is_empty() {
            self.row("step", format!("at most {} are walked", walked.walked_max));
        }
    }

    fn may(&mut self, basis: &Basis) {
        let paths = &basis.paths;
        let of = &paths.of;
        self.row(
            "writes",
            format!("in the {of}: {}", listed(&paths.allowed, "nothing")),
        );
        self.row("never", listed(&paths.forbidden, "nothing is named"));
        if !paths.changes_tests.is_empty() {
            self.row(
                "tests",
                format!("may change {}", paths.changes_tests.join(" ")),
            );
        }
        let held = match paths.write_locked.value {
            true => "yes",
            false => "no",
        };
        let locked = &paths.write_locked;
        self.row(
            "locked",
            format!("{held} {}", whose(locked.from, locked.file.as_deref())),
        );
        self.row("tools", listed(&basis.tools, "none"));
        for skill in &basis.skills.all {
            let shadowed = { skill.chain.iter() }
                .filter(|looked| looked.has_it && looked.level != skill.from)
                .map(|looked| format!("; shadows that of {}", looked.level));
            let shadowed: String = shadowed.collect();
            self.row(
                "skill",
                format!("{} of {}{shadowed}", skill.name, skill.from),
            );
        }
        for problem in &basis.skills.problems {
            self.row("skill", format!("to be mended: {problem}"));
        }
        // Its first line says whose the servers are, which stands above here.
        for line in basis.mcp.lines().iter().skip(1) {
            self.row("mcp", line);
        }
        for agent in &basis.agents {
            self.agent(agent);
        }
    }

    /// What an agent of others would have of that.
    fn agent(&mut self, agent: &AgentPart) {
        let (name, engine) = (&agent.name, &agent.engine);
        self.row(
            "agent",
            format!("{name} ({engine}), where it does this, has of that"),
        );
        for step in &agent.steps {
            let skills = step
                .skills
                .iter()
                .map(|(name, from)| format!("skill {name} of {from}"));
            let servers = step.servers.iter().map(|given| {
                let tools = given.tools.as_ref().map(|tools| tools.join(", "));
                let tools = tools.unwrap_or_else(|| "all of its tools".to_owned());
                let from = match given.from {
                    Origin::Home => "home",
                    Origin::Company => "company",
                };
                format!("server {} ({tools}) of {from}", given.server)
            });
            let notes = step.notes.then(|| "notes".to_owned());
            for one in skills.chain(servers).chain(notes) {
                self.row("agent", format!("  {}: {one}", step.step));
            }
            for one in &step.withheld {
                self.row(
                    "agent",
                    format!("  {}: not {}: {}", step.step, one.what, one.why),
                );
            }
        }
    }

    fn held_to(&mut self, basis: &Basis) {
        for limit in &basis.limits {
            self.row(
                "limit",
                format!("{} {} {}", limit.name, limit.value, whose(limit.from, None)),
            );
        }
        let gate = &basis.gate;
        let needs = match (gate.score_min, gate.applicable_min) {
            (Some(score), Some(applicable)) => format!(
                ": {score} of {} at least, with all that are mandatory, where {applicable} apply",
                gate.checks.len()
            ),
            (_, _) if gate.checks.is_empty() => String::new(),
            (_, _) => format!(": all {}", gate.checks.len()),
        };
        self.row("gate", format!("{}{needs}", gate.table));
        if let Some(untried) = gate.untried {
            let who = untried.as_str();
            self.row(
                "gate",
                format!("  tests that could not be tried go to a {who}"),
            );
        }
        for check in &gate.checks {
            let mandatory = if check.mandatory { " (mandatory)" } else { "" };
            self.row(
                "gate",
                format!("  {:>2} {}{mandatory}", check.number, check.title),
            );
        }
        if let Some(test) = &gate.test_command {
            self.row(
                "gate",
                format!("  tests: {test} {}", whose(Whose::Project, None)),
            );
        }
        for check in &gate.task_checks {
            self.row("gate", format!("  of the task: {check}"));
        }
        for criterion in &gate.acceptance {
            self.row("gate", format!("  accept: {criterion}"));
        }
        let egress = &basis.egress;
        let agent = match egress.agent.as_str() {
            "loopback" => "its own loopback alone",
            other => other,
        };
        self.row("network", format!("of the agent: {agent}"));
        for host in &egress.servers {
            self.row("network", format!("of its servers: {host}"));
        }
        for host in &egress.setup {
            self.row(
                "network",
                format!("of the set-up, beside its registries: {host}"),
            );
        }
        if egress.local_only {
            self.row(
                "network",
                "no model outside of your own machines sees the code",
            );
        }
    }

    fn began(&mut self, began: &Began) {
        let state = began.state.as_str();
        self.row(
            "run",
            format!("{} epoch {} {state}", began.run, began.epoch),
        );
        if let Some(company) = &began.company {
            let version = began.version.as_deref().unwrap_or("of an unknown version");
            let alai = began.alai.as_deref().unwrap_or("unknown");
            self.row(
                "run",
                format!("  began with {company} {version}, alai {alai}"),
            );
        }
        if let Some(model) = &began.model {
            let pipeline = began.pipeline.as_deref().unwrap_or("-");
            let answered = began.answered.as_ref().filter(|name| *name != model);
            let answered = answered.map_or(String::new(), |name| format!(", answered by {name}"));
            self.row("run", format!("  asked {model}{answered} by {pipeline}"));
        }
        for reason in &began.choice {
            self.row("run", format!("  because {reason}"));
        }
        for change in &began.differs {
            self.row("differs", change);
        }
        if began.version.is_some() && began.differs.is_empty() {
            self.row(
                "differs",
                "nothing: the packs of today are those that it began with",
            );
        }
    }
}

fn said_of(input: &InputPart) -> String {
    let by = whose(input.from, input.file.as_deref());
    let value = match input.value.as_str() {
        "" => "\"\"",
        value => value,
    };
    format!("{} = {value} {by}", input.name)
}
