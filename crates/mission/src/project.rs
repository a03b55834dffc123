//! The table `project`: the git repositories that the factory may work on.

use std::path::{Path, PathBuf};

use alai_core::ids::ProjectId;
use alai_core::overlap::Policy;
use alai_core::pipeline::Chain;
use alai_core::pull::Slug;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::published::Way;
use crate::reader::Reader;
use crate::writer::Mission;

/// A registered repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    pub id: ProjectId,
    pub name: String,
    /// The root of the work tree, absolute.
    pub path: PathBuf,
    pub target_branch: String,
    pub settings: ProjectSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewProject {
    pub name: String,
    pub path: PathBuf,
    pub target_branch: String,
    pub settings: ProjectSettings,
}

/// What was detected or given. Stored as JSON; unknown keys of a newer version are refused, missing ones have defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectSettings {
    pub setup: Option<String>,
    pub build: Option<String>,
    pub test: Option<String>,
    pub lint: Option<String>,
    /// What was detected, for people: `Cargo`, `npm`.
    pub stacks: Vec<String>,
    pub delivery: Delivery,
    /// A documentation stage follows every merge.
    pub docs: bool,
    /// An operations stage follows every merge.
    pub ops: bool,
    /// Globs a builder may write; empty means all but what the gate protects.
    pub allowed_paths: Vec<String>,
    /// Hosts that the set-up may reach besides the registries of its own tools; each is recorded by name.
    pub setup_hosts: Vec<String>,
    /// Files that the set-up reads besides manifests and lockfiles: a change of one makes a new set-up.
    #[serde(default)]
    pub setup_inputs: Vec<String>,
    /// What runs beside the project's programs, and their variables.
    pub surroundings: alai_core::services::Surroundings,
    /// Author of the factory's commits: `Name <mail>`.
    pub author: Option<String>,
    /// No model outside of the user's own machines ever sees its code.
    #[serde(default)]
    pub local_only: bool,
    /// Hosts that MCP servers may reach when they work on its code, as far as a server is given them too.
    #[serde(default)]
    pub server_hosts: Vec<String>,
    /// The stages that its work goes through; the seeds' chain where none were given.
    #[serde(default, skip_serializing_if = "Chain::is_default")]
    pub stages: Chain,
    /// The remote of the repository that work is pushed to and fetched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// Its repository at GitHub, where the remote's address does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<Slug>,
    /// Whether the target branch is fetched from the remote; where nobody said it, only pull requests have it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<bool>,
    /// Whether work that changes the same paths waits, or is done side by side.
    #[serde(default, skip_serializing_if = "Policy::is_default")]
    pub overlap: Policy,
    /// Its target branch had no code when that was last looked at ([`alai_core::overlap::Line::lays_ground`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bare: bool,
}

/// The remote of a repository that was cloned.
const REMOTE: &str = "origin";

impl ProjectSettings {
    /// The remote's name.
    pub fn remote(&self) -> &str {
        self.remote.as_deref().unwrap_or(REMOTE)
    }

    /// Whether the target branch is fetched. What is merged in pull requests comes from there alone.
    pub fn fetches(&self) -> bool {
        self.fetch.unwrap_or(self.delivery == Delivery::PullRequest)
    }
}

/// Who moves the target branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// A person, by `alai mc approve`.
    #[default]
    Approve,
    /// The factory, when a goal is settled.
    Auto,
    /// Nobody here: it is pushed to a branch of its own on a remote, and a pull request proposes it.
    PullRequest,
    /// Nobody here: it is pushed to a branch of its own on a remote.
    Branch,
}

impl Delivery {
    /// How it goes to a remote; none where the target branch of the repository itself is moved.
    pub fn way(self) -> Option<Way> {
        match self {
            Delivery::Approve | Delivery::Auto => None,
            Delivery::PullRequest => Some(Way::PullRequest),
            Delivery::Branch => Some(Way::Branch),
        }
    }
}

impl Mission {
    /// Registers a repository.
    pub fn add_project(
        &self,
        new: NewProject,
        actor: &str,
        now_ms: i64,
    ) -> Result<ProjectId, MissionError> {
        let stamp = Stamp {
            actor: actor.to_owned(),
            run: None,
            now_ms,
        };
        self.write(move |c| insert(c, &new, &stamp))
    }

    /// Replaces a project's settings and target branch.
    pub fn set_project(
        &self,
        project: Project,
        actor: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let stamp = Stamp {
            actor: actor.to_owned(),
            run: None,
            now_ms,
        };
        self.write(move |c| {
            let changed = c.execute(
                "UPDATE project SET target_branch = ?, settings = ? WHERE id = ?",
                params![
                    project.target_branch,
                    to_json(&project.settings)?,
                    project.id.0
                ],
            )?;
            if changed == 0 {
                return Err(MissionError::NoProject(project.name));
            }
            happened(c, None, "project_set", &project.name, &stamp)
        })
    }
}

impl Reader {
    pub fn projects(&self) -> Result<Vec<Project>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!("{SELECT} ORDER BY id"))?;
            let rows = statement
                .query_map([], raw)?
                .collect::<Result<Vec<_>, _>>()?;
            rows.into_iter().map(parse).collect()
        })
    }

    pub fn project(&self, id: ProjectId) -> Result<Project, MissionError> {
        self.read(|c| one(c, id))
    }

    /// The project with this name, or whose folder `path` is or lies in.
    pub fn find_project(
        &self,
        name_or_path: &str,
        path: Option<&Path>,
    ) -> Result<Option<Project>, MissionError> {
        let all = self.projects()?;
        let by_name = all.iter().find(|p| p.name == name_or_path);
        let inside = || {
            let path = path?;
            all.iter()
                .filter(|p| path.starts_with(&p.path))
                .max_by_key(|p| p.path.as_os_str().len())
        };
        Ok(by_name.or_else(inside).cloned())
    }
}

const SELECT: &str = "SELECT id, name, path, target_branch, settings FROM project";

type Raw = (i64, String, String, String, String);

fn raw(r: &rusqlite::Row<'_>) -> rusqlite::Result<Raw> {
    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
}

fn parse((id, name, path, target_branch, settings): Raw) -> Result<Project, MissionError> {
    let settings = serde_json::from_str(&settings).map_err(|e| MissionError::Row {
        table: "project",
        why: format!("settings of `{name}`: {e}"),
    })?;
    Ok(Project {
        id: ProjectId(id),
        name,
        path: PathBuf::from(path),
        target_branch,
        settings,
    })
}

pub(crate) fn one(c: &Connection, id: ProjectId) -> Result<Project, MissionError> {
    let found = c
        .prepare_cached(&format!("{SELECT} WHERE id = ?"))?
        .query_row([id.0], raw)
        .optional()?;
    found.map_or_else(
        || Err(MissionError::NoProject(format!("number {}", id.0))),
        parse,
    )
}

fn insert(c: &Connection, new: &NewProject, stamp: &Stamp) -> Result<ProjectId, MissionError> {
    let path = new.path.to_string_lossy().into_owned();
    let taken = c
        .query_row(
            "SELECT name, path FROM project WHERE name = ?1 OR path = ?2",
            params![new.name, path],
            |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)),
        )
        .optional()?;
    if let Some((name, path)) = taken {
        return Err(MissionError::ProjectExists {
            name,
            path: PathBuf::from(path),
        });
    }
    c.execute(
        "INSERT INTO project (name, path, target_branch, settings, created_ms) VALUES (?,?,?,?,?)",
        params![
            new.name,
            path,
            new.target_branch,
            to_json(&new.settings)?,
            stamp.now_ms
        ],
    )?;
    let id = ProjectId(c.last_insert_rowid());
    happened(c, None, "project_added", &new.name, stamp)?;
    Ok(id)
}

fn to_json<T: Serialize>(value: &T) -> Result<String, MissionError> {
    serde_json::to_string(value).map_err(|e| MissionError::Row {
        table: "project",
        why: e.to_string(),
    })
}
