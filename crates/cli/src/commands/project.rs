//! `alai project add|list|show|set|sync`.

use std::path::Path;
use std::process::ExitCode;

use alai_core::services::Ready;
use alai_factory::{Home, Op, Outcome, ProjectChange};
use alai_mission::{Delivery, Project};

use crate::args::{ChangeArgs, ProjectAddArgs, ProjectCommand};
use crate::error::{CliError, Kind};
use crate::{door, show};

pub(crate) fn run(home: &Home, command: ProjectCommand) -> Result<ExitCode, CliError> {
    match command {
        ProjectCommand::Add(args) => {
            let json = args.json;
            done(door::ask(home, adding(args)?)?, json)?;
        }
        ProjectCommand::Set(args) => {
            let op = Op::SetProject {
                project: door::project(home, args.project.into())?
                    .to_string_lossy()
                    .into_owned(),
                change: change(args.change),
            };
            done(door::ask(home, op)?, args.json)?;
        }
        ProjectCommand::List { json } => {
            let projects = door::reader(home)?.projects()?;
            for project in &projects {
                if json {
                    show::json(project)?;
                } else {
                    show::line(format!(
                        "{:<20} {:<12} {}",
                        project.name,
                        project.target_branch,
                        project.path.display()
                    ));
                }
            }
        }
        ProjectCommand::Show { project, json } => {
            let found = called(home, &project)?;
            match json {
                true => show::json(&found)?,
                false => print(&found),
            }
        }
        ProjectCommand::Sync { project } => super::sync::run(home, &called(home, &project)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The request that these arguments make.
pub(crate) fn adding(args: ProjectAddArgs) -> Result<Op, CliError> {
    let path = match args.new {
        true => absolute_new(&args.path)?,
        false => absolute(&args.path)?,
    };
    Ok(Op::AddProject {
        path,
        name: args.name,
        change: change(args.change),
        new: args.new,
    })
}

/// The project with that name, or of that folder.
pub(crate) fn called(home: &Home, project: &Path) -> Result<Project, CliError> {
    let real = std::fs::canonicalize(project).ok();
    let name = project.to_string_lossy();
    let found = door::reader(home)?.find_project(&name, real.as_deref())?;
    found.ok_or_else(|| {
        CliError::new(Kind::NotFound, format!("`{name}` is no registered project"))
            .hinted("`alai project list` shows them")
    })
}

pub(crate) fn absolute(path: &Path) -> Result<std::path::PathBuf, CliError> {
    std::fs::canonicalize(path).map_err(|e| {
        CliError::new(
            Kind::NotFound,
            format!("cannot look at {}: {e}", path.display()),
        )
    })
}

/// The same for a folder that need not be there yet; the one around it must be.
fn absolute_new(path: &Path) -> Result<std::path::PathBuf, CliError> {
    // A name that is a link to nothing would be made where the link leads, which nobody has named.
    if path.symlink_metadata().is_ok() {
        return absolute(path);
    }
    let Some(name) = path.file_name() else {
        let problem = format!("`{}` names no folder that could be made", path.display());
        return Err(CliError::new(Kind::Usage, problem));
    };
    let around = path.parent().filter(|around| *around != Path::new(""));
    Ok(absolute(around.unwrap_or(Path::new(".")))?.join(name))
}

fn change(args: ChangeArgs) -> ProjectChange {
    ProjectChange {
        setup: args.setup,
        build: args.build,
        test: args.test,
        lint: args.lint,
        target: args.target,
        delivery: args.deliver,
        docs: args.docs,
        local_only: args.local_only,
        allowed_paths: args.allow,
        setup_hosts: args.setup_hosts,
        setup_inputs: args.setup_inputs,
        server_hosts: args.server_hosts,
        remote: args.remote,
        github: args.github,
        fetch: args.fetch,
        overlap: args.overlap,
        stages: args.stages,
        services: args.services,
        variables: args.variables,
    }
}

fn done(outcome: Outcome, json: bool) -> Result<(), CliError> {
    match outcome {
        Outcome::Project { project, notes } if json => {
            for note in notes {
                show::message(&note);
            }
            show::json(&project)
        }
        Outcome::Project { project, notes } => {
            print(&project);
            for note in notes {
                show::line(format!("note     {}", show::clean(&note)));
            }
            Ok(())
        }
        Outcome::Task { .. }
        | Outcome::Delivering { .. }
        | Outcome::Advanced { .. }
        | Outcome::Recovered { .. }
        | Outcome::Told { .. }
        | Outcome::Session { .. }
        | Outcome::Testing { .. }
        | Outcome::Done => Err(CliError::new(
            Kind::Failed,
            "the factory answered something else than a project",
        )),
    }
}

fn print(project: &Project) {
    let settings = &project.settings;
    let or_none = |command: &Option<String>| command.clone().unwrap_or_else(|| "none".into());
    show::line(format!(
        "project  {} at {}",
        project.name,
        project.path.display()
    ));
    show::line(format!(
        "stacks   {}",
        if settings.stacks.is_empty() {
            "none found".into()
        } else {
            settings.stacks.join(", ")
        }
    ));
    show::line(format!("setup    {}", or_none(&settings.setup)));
    show::line(format!("build    {}", or_none(&settings.build)));
    show::line(format!("test     {}", or_none(&settings.test)));
    show::line(format!("lint     {}", or_none(&settings.lint)));
    for service in &settings.surroundings.services {
        let up = match service.ready() {
            Ready::Port { port } => format!("up when port {port} is"),
            Ready::Command { command } => format!("up when `{command}` exits 0"),
        };
        show::line(format!(
            "service  {}: {}, {up}",
            service.name,
            service.command()
        ));
    }
    for (name, value) in &settings.surroundings.variables {
        show::line(format!("env      {name}={value}"));
    }
    let remote = settings.remote();
    let who = match settings.delivery {
        Delivery::Approve => "moved by `alai mc approve`".to_owned(),
        Delivery::Auto => "moved by the factory when a goal is settled".to_owned(),
        Delivery::Branch => {
            format!("never moved; work is pushed to {remote} as a branch of its own")
        }
        Delivery::PullRequest => format!("moved by pull requests at {remote} alone"),
    };
    if !settings.stages.is_default() {
        show::line(format!("stages   {}", settings.stages));
    }
    if settings.local_only {
        show::line("models   on your own machines alone (--local-only)");
    }
    if settings.fetches() {
        show::line(format!(
            "fetch    {} of {remote}, before work starts",
            project.target_branch
        ));
    }
    if !settings.overlap.is_default() {
        show::line("overlap  work on the same paths is done side by side (--overlap together)");
    }
    show::line(format!("target   {}, {who}", project.target_branch));
}
