//! A twin of the agents of others: one program that speaks as Claude Code, Codex, an agent of the Agent Client Protocol or a server
//! of the Model Context Protocol does, really edits and runs in its folder, and misbehaves as its script says.
//!
//! The script is appended to a copy of the program, so that it is one file wherever a cage shows it. It refuses to work without
//! the options that the real program is dangerous without.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod acp;
mod claude;
mod codex;
mod hands;
mod mcp;

/// What stands behind the script in a copy of the program.
const MAGIC: &[u8; 8] = b"alaitwin";

/// How a twin behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Script {
    pub engine: String,
    /// Three numbers.
    pub version: String,
    /// What it does, session by session; further ones are as the last.
    pub sessions: Vec<Vec<Act>>,
    /// Where it notes each start, as lines of JSON, if not in its own folder.
    pub notes: Option<PathBuf>,
    /// What else its beginning says (`init` of Claude Code, the answer to `initialize`).
    pub begins: Value,
}

/// One thing that a twin does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Say(String),
    Think(String),
    /// Writes a file of its folder.
    Write(String, String),
    /// Runs a command there and tells of its output.
    Run(String),
    /// Tries what it is not allowed: tool and path.
    Denied(String, String),
    /// A line as it is.
    Raw(String),
    /// A result of a tool that is a line of so many bytes.
    Long(usize),
    /// Text on standard error.
    Complain(String),
    /// Silence until it is ended.
    Hang,
    /// This line again and again until it is ended.
    Forever(String),
    /// A process that holds its outputs and outlives it; its number goes to this file of its folder.
    Orphan(String),
    /// Ends here, with this code and without a result.
    Exit(i32),
    /// Ends by its own SIGTERM.
    Terminated,
    /// Its result, with these fields over the usual ones.
    Result(Value),
    /// `acp`: asks leave for a kind of tool on a path, and does it by writing the file if it gets it.
    Ask(String, String),
    /// `acp`: any request, of which the answer is noted.
    Request(String, Value),
    /// `acp`: waits until it is cancelled.
    AwaitCancel,
    /// Waits for this file of its folder, without a word.
    Await(String),
    /// Starts the server of this name that it was told of, and calls this tool with these arguments; without a tool it says the names
    /// of all, and with `?` all that it was told of each. A server that it was not told of is an error of its own.
    Use(String, String, Value),
}

impl Script {
    /// Of one session that does this and ends well.
    pub fn of(engine: &str, acts: impl IntoIterator<Item = Act>) -> Script {
        Script {
            engine: engine.to_owned(),
            version: match engine {
                "codex-cli" => "0.169.0",
                _ => "2.1.330",
            }
            .to_owned(),
            sessions: vec![acts.into_iter().collect()],
            notes: None,
            begins: json!({}),
        }
    }

    #[must_use]
    pub fn then(mut self, acts: impl IntoIterator<Item = Act>) -> Script {
        self.sessions.push(acts.into_iter().collect());
        self
    }

    #[must_use]
    pub fn version(mut self, version: &str) -> Script {
        version.clone_into(&mut self.version);
        self
    }

    #[must_use]
    pub fn begins(self, begins: Value) -> Script {
        Script { begins, ..self }
    }

    #[must_use]
    pub fn notes(self, file: &Path) -> Script {
        Script {
            notes: Some(file.to_path_buf()),
            ..self
        }
    }

    /// Puts a copy of the program with this script into a folder; where it is.
    ///
    /// # Panics
    /// When the program cannot be built or copied.
    pub fn install(&self, folder: &Path, name: &str) -> PathBuf {
        let mut bytes = std::fs::read(program()).expect("the twin is built");
        let script = serde_json::to_vec(self).expect("a script is JSON");
        bytes.extend_from_slice(&script);
        bytes.extend_from_slice(&(script.len() as u64).to_le_bytes());
        bytes.extend_from_slice(MAGIC);
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("a folder that can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("a file of ours");
        path
    }

    /// What stands behind this very program.
    fn own() -> io::Result<Script> {
        let bytes = std::fs::read(std::env::current_exe()?)?;
        let wrong = || io::Error::other("no script stands behind the program");
        let rest = bytes.strip_suffix(MAGIC).ok_or_else(wrong)?;
        let (rest, length) = rest.split_last_chunk::<8>().ok_or_else(wrong)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(io::Error::other)?;
        let from = rest.len().checked_sub(length).ok_or_else(wrong)?;
        serde_json::from_slice(&rest[from..]).map_err(io::Error::other)
    }
}

/// The twin without a script: built with the tests, or now where a test of another package runs alone.
fn program() -> PathBuf {
    built("agent_twin", "agent")
}

/// A program of this package whose module is `of`, as a file and a folder or a file alone.
pub(crate) fn built(name: &str, of: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test is a program");
    let folder = test.ancestors().nth(2).expect("a test stands in deps");
    let twin = folder.join(name);
    if fresh(&twin, name, of) {
        return twin;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--package", "alai-testkit"]);
    build.args(["--bin", name, "--target-dir"]);
    build.arg(folder.parent().expect("a profile has a folder"));
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let built = build
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo is there where tests run");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "the twin was not built: {said}");
    twin
}

/// Whether it is newer than what it is made of.
fn fresh(twin: &Path, name: &str, of: &str) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    let Some(built) = changed(twin) else {
        return false;
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let parts = std::fs::read_dir(here.join(of)).into_iter().flatten();
    let parts = parts.flatten().map(|entry| entry.path());
    let own = [
        here.join(format!("{of}.rs")),
        here.join(format!("bin/{name}.rs")),
    ];
    let all = parts.chain(own);
    let newest = all.filter_map(|path| changed(&path)).max();
    newest.unwrap_or(SystemTime::UNIX_EPOCH) < built
}

/// What a twin was started with, as it noted it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// What it read since, where its protocol has it read.
    #[serde(default)]
    pub heard: Vec<Value>,
}

/// All that a twin noted in this file.
///
/// # Panics
/// When a line is no note.
pub fn notes(file: &Path) -> Vec<Note> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a note is JSON"))
        .collect()
}

/// The name of the notes in its own folder.
pub const NOTES: &str = "twin-notes.jsonl";

/// The whole program.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let ended = Script::own().and_then(|script| match script.engine.as_str() {
        "acp" => acp::main(&script, args),
        "mcp" => mcp::main(&script, args),
        engine if args == ["--version"] => hands::line(&match engine {
            "codex-cli" => format!("codex-cli {}", script.version),
            _ => format!("{} (Claude Code)", script.version),
        })
        .map(|()| 0),
        "codex-cli" => codex::main(&script, &args),
        _ => claude::main(&script, &args),
    });
    match ended {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(why) => {
            hands::complain(&format!("error: {why}"));
            ExitCode::from(2)
        }
    }
}
