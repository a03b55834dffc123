//! `alai evidence verify --rerun`: the recorded checks, made again.

use std::path::{Path, PathBuf};

use alai_core::qa::CheckResult;
use alai_core::services::What;
use alai_factory::{Compared, Home, RerunError, advisories};
use alai_gate::evidence::{Recipe, Verified};
use alai_workspace::command::Cancel;

use crate::error::{CliError, Kind};
use crate::{door, show};

/// Measures the commit again in the repository that was named, or in the task's own.
pub(super) fn rerun(
    home: &Home,
    package: &Path,
    verified: &Verified,
    given: Option<&Path>,
) -> Result<Vec<Compared>, CliError> {
    let repository = match given {
        Some(path) => path.to_path_buf(),
        None => of_task(home, verified)?,
    };
    let recipe = alai_factory::recipe(package).map_err(unable)?;
    for line in plan(&recipe, &repository) {
        show::message(&show::clean(&line));
    }
    let cancel = Cancel::new();
    let interrupted = cancel.clone();
    let handled = ctrlc::set_handler(move || interrupted.cancel());
    handled.map_err(|e| CliError::new(Kind::Failed, format!("cannot take signals: {e}")))?;
    let folder = std::env::temp_dir().join(format!("alai-rerun-{}", uuid::Uuid::now_v7()));
    // Where other advisories are in force than those that answered, check 13 is left out.
    let known = advisories::snapshot(home).ok().flatten();
    alai_factory::rerun(&recipe, verified, &repository, known, &folder, &cancel).map_err(unable)
}

/// What is about to run here by the signer's word: his commands, the hosts that they may reach, and what the task was allowed.
fn plan(recipe: &Recipe, repository: &Path) -> Vec<String> {
    let mut lines = vec![format!(
        "measured again in {}: {} against {}, each command in a cage for at most {} s",
        repository.display(),
        recipe.head,
        recipe.base,
        recipe.command_s
    )];
    let commands = [
        ("set-up", recipe.setup_command.as_deref()),
        ("build", recipe.build_command.as_deref()),
        ("test", Some(recipe.test_command.as_str())),
        ("lint", recipe.lint_command.as_deref()),
    ];
    for (name, command) in commands {
        lines.extend(command.map(|command| format!("runs     {name}: {command}")));
    }
    lines.extend(
        recipe
            .checks
            .iter()
            .map(|check| format!("runs     check: {check}")),
    );
    lines.extend(recipe.around.services.iter().map(|service| {
        let what = match &service.what {
            What::Postgres | What::Redis => service.name.clone(),
            What::Command { command, .. } => command.clone(),
        };
        format!("runs     service {}: {what}", service.name)
    }));
    lines.push(
        match (&recipe.setup_command, recipe.setup_hosts.is_empty()) {
            (None, _) => "network  none".to_owned(),
            (Some(_), true) => "network  the set-up alone, the registries of its tools".to_owned(),
            (Some(_), false) => format!(
                "network  the set-up alone, the registries of its tools and {}",
                recipe.setup_hosts.join(", ")
            ),
        },
    );
    let lists = [
        ("may write", &recipe.allowed_paths),
        ("may not write", &recipe.forbidden_paths),
        ("may change tests", &recipe.changes_tests),
    ];
    for (what, paths) in lists.into_iter().filter(|(_, paths)| !paths.is_empty()) {
        lines.push(format!("allowed  the change {what}: {}", paths.join(", ")));
    }
    if recipe.allow_dependency_changes {
        lines.push("allowed  the change may add, remove and move dependencies".to_owned());
    }
    lines
}

fn of_task(home: &Home, verified: &Verified) -> Result<PathBuf, CliError> {
    let task = verified.statement.predicate.about.task;
    let found = door::reader(home).and_then(|reader| {
        let project = reader.task(task)?.project;
        let project = project.map(|id| reader.project(id)).transpose()?;
        Ok(project.map(|p| p.path))
    });
    match found {
        Ok(Some(path)) => Ok(path),
        Ok(None) | Err(_) => Err(CliError::new(
            Kind::NeedsSetup,
            format!("this home knows no repository of {task}"),
        )
        .hinted("name a repository that has the commit with --repo DIR")),
    }
}

fn unable(error: RerunError) -> CliError {
    let kind = match &error {
        RerunError::NoRecipe | RerunError::NoCommit { .. } => Kind::NotFound,
        RerunError::Repository { .. } | RerunError::Box(_) => Kind::NeedsSetup,
        RerunError::Recipe(_) | RerunError::OtherTree(_) => Kind::Gate,
        RerunError::Cancelled => Kind::Interrupted,
    };
    let message = show::clean(&error.to_string());
    CliError::new(kind, message).hinted("--repo DIR names another repository that has the commit")
}

/// Says what came of it; the checks that differ are an error.
pub(super) fn told(compared: &[Compared], quiet: bool) -> Result<(), CliError> {
    let differ: Vec<&Compared> = compared.iter().filter(|c| !c.same()).collect();
    if !quiet {
        for one in &differ {
            show::line(format!(
                "differs  {} {}: recorded {} ({}), now {} ({})",
                one.check.number(),
                one.check.title(),
                word(one.recorded),
                show::clean(&one.recorded_seen),
                word(one.now),
                show::clean(&one.now_seen)
            ));
        }
        let same = compared.len() - differ.len();
        show::line(format!(
            "rerun    {same} of {} checks came out as recorded",
            compared.len()
        ));
    }
    if compared.is_empty() {
        return Err(CliError::new(
            Kind::Gate,
            "no recorded check could be made again",
        ));
    }
    match differ.len() {
        0 => Ok(()),
        n => Err(CliError::new(
            Kind::Gate,
            format!("{n} check(s) did not come out as recorded"),
        )
        .hinted("a result that was forged, tests that do not answer alike each time, or another machine's tools")),
    }
}

fn word(result: Option<CheckResult>) -> &'static str {
    match result {
        Some(CheckResult::Pass) => "pass",
        Some(CheckResult::Fail) => "fail",
        Some(CheckResult::NotApplicable) => "n/a",
        None => "nothing",
    }
}
