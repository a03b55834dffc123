//! `ALAI_HOME`: one folder to back up and to move.

use std::path::{Path, PathBuf};

use alai_core::ids::RunId;
use alai_gate::evidence::key;
use alai_mission::{Mission, MissionError};
use alai_workspace::files::{self, FileError};

use crate::packs;
use crate::work::keep;

/// The name of [`Home::recording`] in the home.
pub(crate) const RECORDING: &str = "recording";

/// The factory's folder. Mode 0700: it holds the gate's key and everything the agents must not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// Takes an absolute path; nothing is looked at.
    pub fn at(path: impl Into<PathBuf>) -> Home {
        Home(path.into())
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    pub fn config(&self) -> PathBuf {
        self.0.join("alai.toml")
    }

    pub fn companies(&self) -> PathBuf {
        self.0.join("companies")
    }

    pub fn blueprints(&self) -> PathBuf {
        self.0.join("blueprints")
    }

    pub fn skills(&self) -> PathBuf {
        self.0.join("skills")
    }

    /// The MCP servers that companies' agents may be given.
    pub fn mcp(&self) -> PathBuf {
        self.0.join("mcp.json")
    }

    pub fn wiki(&self) -> PathBuf {
        self.0.join("wiki")
    }

    pub fn runs(&self) -> PathBuf {
        self.0.join("runs")
    }

    /// Everything of one run: its clone while it works, its logs, its evidence.
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.runs().join(&run.0)
    }

    /// What a run's agent was told, said and did.
    pub fn trajectory(&self, run: &RunId) -> PathBuf {
        self.run(run).join(keep::TRAJECTORY)
    }

    /// What can be made again: set-ups and the tests of known commits.
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// Fresh clones of gates while they measure; nothing in it outlives the process.
    pub fn scratch(&self) -> PathBuf {
        self.cache().join("scratch")
    }

    /// What makes cages on this machine, as the last probe found it.
    pub fn cage(&self) -> PathBuf {
        self.cache().join("cage.json")
    }

    /// The versions of the programs that are started here.
    pub fn versions(&self) -> PathBuf {
        self.cache().join("versions.json")
    }

    /// How long runs and loads took on each model.
    pub fn speeds(&self) -> PathBuf {
        self.cache().join("speeds.json")
    }

    /// Objects that many clones of a repository have in common.
    pub fn objects(&self) -> PathBuf {
        self.cache().join("objects")
    }

    /// Says where calls are recorded while a person wants it.
    pub fn recording(&self) -> PathBuf {
        self.0.join(RECORDING)
    }

    /// Recordings of calls, where no other folder was named.
    pub fn recordings(&self) -> PathBuf {
        self.0.join("recordings")
    }

    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The gate's private key.
    pub fn gate_key(&self) -> PathBuf {
        self.0.join("keys").join("gate.key")
    }

    /// What a person gives to somebody else who is to verify.
    pub fn gate_public_key(&self) -> PathBuf {
        self.0.join("keys").join("gate.pub")
    }

    /// The signed ends of the log, one a line.
    pub fn heads(&self) -> PathBuf {
        self.0.join("heads.jsonl")
    }

    pub fn socket(&self) -> PathBuf {
        self.0.join("daemon.sock")
    }

    /// Whether `alai init` was here.
    pub fn exists(&self) -> bool {
        self.0.join("mission.db").is_file()
    }
}

/// Why a home cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error("cannot make the home {path}: {source}")]
    Make { path: PathBuf, source: FileError },
    #[error(transparent)]
    Mission(#[from] MissionError),
    #[error("cannot make the gate's key: {0}")]
    Key(String),
    #[error("cannot write the shipped packs: {0}")]
    Packs(#[from] packs::PacksError),
}

/// What `init` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitReport {
    pub fresh: bool,
    pub companies: Vec<String>,
    pub blueprints: Vec<String>,
}

/// Makes the home, or completes one that is there. Files that a person has changed stay as they are.
pub fn init(home: &Home) -> Result<InitReport, HomeError> {
    let fresh = !home.exists();
    for dir in [
        home.root().to_path_buf(),
        home.companies(),
        home.blueprints(),
        home.root().join("skills"),
        home.wiki(),
        home.runs(),
        home.cache(),
        home.logs(),
        home.root().join("keys"),
    ] {
        files::private_dir_all(&dir).map_err(|source| HomeError::Make {
            path: dir.clone(),
            source,
        })?;
    }
    let config = home.config();
    if !config.exists() {
        let written = files::write_atomic(&config, crate::config::TEMPLATE.as_bytes());
        written.map_err(|source| HomeError::Make {
            path: config,
            source,
        })?;
    }
    let packs = packs::write_shipped(home)?;
    let key = key::load_or_create(&home.gate_key()).map_err(|e| HomeError::Key(e.to_string()))?;
    let public = home.gate_public_key();
    files::write_atomic(&public, format!("{}\n", key.public()).as_bytes()).map_err(|source| {
        HomeError::Make {
            path: public,
            source,
        }
    })?;
    if fresh {
        drop(Mission::open(home.root(), alai_workspace::crash::point)?);
    }
    Ok(InitReport {
        fresh,
        companies: packs.0,
        blueprints: packs.1,
    })
}
