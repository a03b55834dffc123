//! Projects: registered, changed, found by name or by folder.

use std::io::Write;
use std::path::Path;

use alai_core::ids::ProjectId;
use alai_core::overlap::Policy;
use alai_core::pipeline::Chain;
use alai_core::pull::{Slug, is_remote_name};
use alai_mission::{Delivery, NewProject, Project, ProjectSettings};
use alai_workspace::{crash, detect, egress, files, git};
use serde::{Deserialize, Serialize};

use super::{Desk, OpError, OpErrorKind, Outcome};
use crate::{integrate, remote};

/// Settings of a project that are to be something else than what was detected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectChange {
    pub setup: Option<String>,
    pub build: Option<String>,
    pub test: Option<String>,
    pub lint: Option<String>,
    pub target: Option<String>,
    pub delivery: Option<Delivery>,
    pub docs: Option<bool>,
    pub local_only: Option<bool>,
    pub allowed_paths: Option<Vec<String>>,
    pub setup_hosts: Option<Vec<String>>,
    pub setup_inputs: Option<Vec<String>>,
    pub server_hosts: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<bool>,
    /// Whether work that changes the same paths waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Policy>,
    /// The stages of its work, with commas between them; an empty text is the seeds' chain again.
    pub stages: Option<String>,
    /// As `--service` and `--env` have them: each adds, replaces or takes away one.
    pub services: Vec<String>,
    pub variables: Vec<String>,
}

pub(super) fn add(
    desk: &Desk<'_>,
    path: &Path,
    name: Option<String>,
    change: ProjectChange,
) -> Result<Outcome, OpError> {
    let repo = git::open(path).map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))?;
    let fail = |e: git::GitError| OpError::new(OpErrorKind::Failed, e, "");
    let head = git::head(&repo).map_err(fail)?;
    let target = match (&change.target, &head.branch) {
        (Some(target), _) => target.clone(),
        (None, Some(branch)) => branch.clone(),
        (None, None) => {
            let hint = "check out a branch, or name one with --target BRANCH";
            return Err(OpError::new(
                OpErrorKind::Failed,
                "the repository stands on no branch (detached HEAD)",
                hint,
            ));
        }
    };
    existing_branch(&repo, &target)?;
    let found = detect::detect(&repo, &head.oid).map_err(|e| {
        OpError::new(
            OpErrorKind::Failed,
            format!("cannot look at the project: {e}"),
            "",
        )
    })?;
    let settings = ProjectSettings {
        setup: found.setup,
        build: found.build,
        test: found.test,
        lint: found.lint,
        stacks: found.stacks.iter().map(ToString::to_string).collect(),
        author: integrate::author_of(&repo),
        ..ProjectSettings::default()
    };
    let settings = ProjectSettings {
        bare: is_bare(&repo, &target).map_err(fail)?,
        ..changed(settings, change)?
    };
    if settings.test.is_none() {
        let hint = "say how the project is tested: `alai project add PATH --test \"COMMAND\"`";
        return Err(OpError::new(
            OpErrorKind::NeedsSetup,
            "no test command was found in the project",
            hint,
        ));
    }
    not_registered_yet(desk, &repo)?;
    let root = repo.root().to_path_buf();
    let name = name.unwrap_or_else(|| folder_name(&root));
    let new = NewProject {
        name,
        path: root,
        target_branch: target,
        settings,
    };
    let mut notes = found.notes;
    let wanted = Project {
        id: ProjectId(0),
        name: new.name.clone(),
        path: new.path.clone(),
        target_branch: new.target_branch.clone(),
        settings: new.settings.clone(),
    };
    notes.extend(reachable(desk, &wanted)?);
    let id = desk.mission.add_project(new, desk.actor, desk.now_ms)?;
    Ok(Outcome::Project {
        project: Box::new(desk.mission.project(id)?),
        notes,
    })
}

/// Makes a folder with a repository of one commit, and registers it: a scaffold can be its first task. What can be refused is refused
/// before anything is made.
pub(super) fn begin(
    desk: &Desk<'_>,
    path: &Path,
    name: Option<String>,
    change: ProjectChange,
) -> Result<Outcome, OpError> {
    let tested = change.test.as_deref().unwrap_or_default();
    if tested.trim().is_empty() {
        let hint = "nothing is there yet to be tested, so the command says first whether there is: \
                    `--test \"test ! -e pyproject.toml || .venv/bin/python -m pytest\"`; docs/BLUEPRINTS.md has those of the scaffolds";
        let message = "a project that begins from nothing needs its test command";
        return Err(OpError::new(OpErrorKind::NeedsSetup, message, hint));
    }
    if let Some(target) = change.target.as_deref().filter(|target| *target != BRANCH) {
        let message =
            format!("a new repository has the branch `{BRANCH}` alone, and not `{target}`");
        return Err(OpError::new(
            OpErrorKind::Usage,
            message,
            "leave out --target",
        ));
    }
    changed(ProjectSettings::default(), change.clone())?;
    let wanted = name.clone().unwrap_or_else(|| folder_name(path));
    if desk.mission.find_project(&wanted, Some(path))?.is_some() {
        let message = format!("a project `{wanted}` is registered already");
        return Err(OpError::new(
            OpErrorKind::Usage,
            message,
            "give another name with --name",
        ));
    }
    make(path, &wanted)?;
    add(desk, path, name, change).map_err(|error| {
        let hint = format!(
            "the repository {} is made: `alai project add` without --new registers it",
            path.display()
        );
        OpError::new(error.kind, error.message, &hint)
    })
}

/// The branch of a repository that is made here.
const BRANCH: &str = "main";

/// What a repository is called while it is made beside its place.
const BEGUN: &str = ".alai-begun-";

/// The folder, where it is not there or empty, and its repository with one commit. It is made whole beside its place and put there in one
/// step: a kill leaves nothing in the place, and what it leaves beside it the next try takes away.
fn make(path: &Path, name: &str) -> Result<(), OpError> {
    let failed = |what: &str, why: &dyn std::fmt::Display| {
        OpError::new(
            OpErrorKind::Failed,
            format!("cannot {what} {}: {why}", path.display()),
            "",
        )
    };
    let used = |why: String| {
        let hint = "`alai project add PATH` without --new registers a repository that is there";
        OpError::new(OpErrorKind::Usage, why, hint)
    };
    let (Some(around), Some(folder)) = (path.parent(), path.file_name()) else {
        return Err(used(format!(
            "{} names no folder that could be made",
            path.display()
        )));
    };
    // What it lies in, and not what its name says: a folder around it may be a link into a repository.
    let around = std::fs::canonicalize(around).map_err(|e| failed("look at", &e))?;
    let place = around.join(folder);
    // Its folder alone: a file of the outer repository in it would be lost to both.
    if let Some(outer) = around.ancestors().find_map(|outer| git::open(outer).ok()) {
        let (path, root) = (path.display(), outer.root().display());
        return Err(used(format!("{path} lies in the repository {root}")));
    }
    match place.symlink_metadata() {
        Ok(found) if found.is_dir() => {
            let mut all = std::fs::read_dir(&place).map_err(|e| failed("look at", &e))?;
            if all.next().is_some() {
                return Err(used(format!("{} is there and not empty", path.display())));
            }
        }
        Ok(_) => return Err(used(format!("{} is there and no folder", path.display()))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed("look at", &e)),
    }
    let stage = around.join(format!("{BEGUN}{}", folder.to_string_lossy()));
    files::remove(&stage).map_err(|e| failed("take away what is left of", &e))?;
    let made = repository(&stage, name);
    crash::point("project.begun");
    // Onto an empty folder or none: whatever was put there meanwhile stays.
    let put = made.and_then(|()| std::fs::rename(&stage, &place).map_err(|e| e.to_string()));
    put.map_err(|why| {
        let _nothing_to_lose = files::remove(&stage);
        failed("make a repository of", &why)
    })
}

fn repository(stage: &Path, name: &str) -> Result<(), String> {
    let said = |e: std::io::Error| e.to_string();
    std::fs::create_dir(stage).map_err(said)?;
    let readme = stage.join("README.md");
    let mut readme = std::fs::File::create_new(readme).map_err(said)?;
    readme
        .write_all(format!("# {name}\n").as_bytes())
        .map_err(said)?;
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let person = home.and_then(|home| git::persons_identity(&home).ok().flatten());
    let author = person.unwrap_or_else(integrate::own_identity);
    git::create(stage, &author, "Begin").map_err(|e| e.to_string())?;
    Ok(())
}

/// Two work trees of one repository share its branches, the integration branch too.
fn not_registered_yet(desk: &Desk<'_>, repo: &git::Repo) -> Result<(), OpError> {
    for other in desk.mission.projects()? {
        let Ok(known) = git::open(&other.path) else {
            continue;
        };
        if known.common_dir() == repo.common_dir() && known.root() != repo.root() {
            let message = format!(
                "{} is another work tree of the repository that is registered as `{}`",
                repo.root().display(),
                other.name
            );
            return Err(OpError::new(
                OpErrorKind::Usage,
                message,
                "use that project",
            ));
        }
    }
    Ok(())
}

pub(super) fn set(
    desk: &Desk<'_>,
    project: &str,
    change: ProjectChange,
) -> Result<Outcome, OpError> {
    let mut found = registered(desk, Path::new(project))?;
    if let Some(target) = &change.target {
        let repo = git::open(&found.path).map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))?;
        existing_branch(&repo, target)?;
        found.target_branch = target.clone();
    }
    if change
        .test
        .as_deref()
        .is_some_and(|test| test.trim().is_empty())
    {
        return Err(OpError::new(
            OpErrorKind::Usage,
            "a project without a test command cannot be built on: nothing would show that it works",
            "give the command that runs its tests",
        ));
    }
    found.settings = changed(found.settings, change)?;
    found.settings.bare = still_bare(&found);
    let notes = reachable(desk, &found)?;
    desk.mission
        .set_project(found.clone(), desk.actor, desk.now_ms)?;
    Ok(Outcome::Project {
        project: Box::new(found),
        notes,
    })
}

/// Takes note of code that people brought since a project was registered without any: nobody waits for who would begin it.
pub(super) fn look_again(desk: &Desk<'_>, project: &Project) -> Result<(), OpError> {
    if project.settings.bare && !still_bare(project) {
        let mut found = project.clone();
        found.settings.bare = false;
        desk.mission.set_project(found, desk.actor, desk.now_ms)?;
    }
    Ok(())
}

/// A repository that cannot be read is what it was; the run that needs it says so.
fn still_bare(project: &Project) -> bool {
    let looked = git::open(&project.path).and_then(|repo| is_bare(&repo, &project.target_branch));
    project.settings.bare && looked.unwrap_or(true)
}

/// Whether a branch has no code.
fn is_bare(repo: &git::Repo, branch: &str) -> Result<bool, git::GitError> {
    match git::resolve(repo, &format!("refs/heads/{branch}"))? {
        Some(tip) => detect::is_bare(repo, &tip),
        None => Ok(false),
    }
}

/// A remote that is not there would let every delivery fail. Nothing is reached for it.
fn reachable(desk: &Desk<'_>, project: &Project) -> Result<Vec<String>, OpError> {
    remote::usable(project, desk.config.gh.as_deref()).map_err(|why| {
        let hint = "docs/DELIVERY.md says what a delivery to a remote needs";
        OpError::new(OpErrorKind::Usage, why, hint)
    })
}

/// By name, or by a folder in it. Whoever asks stands elsewhere: a relative folder would be one of ours.
pub(super) fn registered(desk: &Desk<'_>, wanted: &Path) -> Result<Project, OpError> {
    let name = wanted.to_string_lossy();
    let real = match wanted.is_absolute() {
        true => std::fs::canonicalize(wanted).ok(),
        false => None,
    };
    desk.mission
        .find_project(&name, real.as_deref())?
        .ok_or_else(|| {
            let message = format!("`{name}` is no registered project");
            OpError::new(
                OpErrorKind::NotFound,
                message,
                &format!("`alai project add {name}` registers a repository"),
            )
        })
}

/// Only a row is written: whoever merges looks at it.
pub(super) fn sync(desk: &Desk<'_>, project: &str) -> Result<Outcome, OpError> {
    let found = registered(desk, Path::new(project))?;
    desk.mission
        .ask_sync(found.id, desk.by.clone(), desk.now_ms)?;
    Ok(Outcome::Done)
}

fn changed(
    mut settings: ProjectSettings,
    change: ProjectChange,
) -> Result<ProjectSettings, OpError> {
    let hosts = change.setup_hosts.as_deref().unwrap_or_default();
    if let Some(bad) = hosts.iter().find(|host| !egress::is_rule(host)) {
        return Err(OpError::new(
            OpErrorKind::Usage,
            format!("`{bad}` is no host that a set-up can reach"),
            "a name (`git.example.org`), all below one (`.example.org`), or `*` for every public one",
        ));
    }
    let servers = change.server_hosts.as_deref().unwrap_or_default();
    if let Some(bad) = servers
        .iter()
        .find(|host| !egress::is_rule(host) || host.contains('*') || host.starts_with('.'))
    {
        return Err(OpError::new(
            OpErrorKind::Usage,
            format!("`{bad}` is no host that an MCP server can be given"),
            "a whole name, such as `api.example.org`",
        ));
    }
    if let Some(name) = &change.remote
        && !is_remote_name(name)
    {
        return Err(OpError::new(
            OpErrorKind::Usage,
            format!("`{name}` is no name of a remote"),
            "`git remote` lists those of a repository",
        ));
    }
    let github = { change.github.as_deref() }.map(Slug::parse).transpose();
    let github = github.map_err(|e| OpError::new(OpErrorKind::Usage, e, ""))?;
    let around = settings.surroundings;
    settings.surroundings = around
        .changed(&change.services, &change.variables)
        .map_err(|e| OpError::new(OpErrorKind::Usage, e, "docs/PROJECTS.md has the forms"))?;
    // An empty command takes a detected one away.
    let over = |old: Option<String>, new: Option<String>| match new {
        Some(text) if text.trim().is_empty() => None,
        Some(text) => Some(text),
        None => old,
    };
    settings.setup = over(settings.setup, change.setup);
    settings.build = over(settings.build, change.build);
    settings.test = over(settings.test, change.test);
    settings.lint = over(settings.lint, change.lint);
    settings.delivery = change.delivery.unwrap_or(settings.delivery);
    settings.docs = change.docs.unwrap_or(settings.docs);
    settings.local_only = change.local_only.unwrap_or(settings.local_only);
    settings.allowed_paths = change.allowed_paths.unwrap_or(settings.allowed_paths);
    settings.setup_hosts = change.setup_hosts.unwrap_or(settings.setup_hosts);
    settings.server_hosts = change.server_hosts.unwrap_or(settings.server_hosts);
    if let Some(stages) = &change.stages {
        let chain = Chain::parse(stages);
        let hint = "such as `build,review,security,docs`; an empty text is the usual chain again";
        settings.stages = chain.map_err(|e| OpError::new(OpErrorKind::Usage, e, hint))?;
    }
    settings.setup_inputs = change.setup_inputs.unwrap_or(settings.setup_inputs);
    settings.remote = change.remote.or(settings.remote);
    settings.github = github.or(settings.github);
    settings.fetch = change.fetch.or(settings.fetch);
    settings.overlap = change.overlap.unwrap_or(settings.overlap);
    Ok(settings)
}

/// A branch that is not there would let every task fail at its start.
fn existing_branch(repo: &git::Repo, branch: &str) -> Result<(), OpError> {
    let found = git::resolve(repo, &format!("refs/heads/{branch}"));
    match found.map_err(|e| OpError::new(OpErrorKind::Failed, e, ""))? {
        Some(_) => Ok(()),
        None => Err(OpError::new(
            OpErrorKind::Usage,
            format!("the repository has no branch `{branch}`"),
            "name an existing one with --target BRANCH",
        )),
    }
}

fn folder_name(root: &Path) -> String {
    root.file_name().map_or_else(
        || "project".to_owned(),
        |n| n.to_string_lossy().into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_command_takes_the_detected_one_away() {
        let detected = ProjectSettings {
            lint: Some("x".into()),
            test: Some("t".into()),
            ..ProjectSettings::default()
        };
        let change = ProjectChange {
            lint: Some(String::new()),
            ..ProjectChange::default()
        };
        let settings = changed(detected, change).expect("sound");
        assert_eq!((settings.lint, settings.test.as_deref()), (None, Some("t")));
    }
}
