//! The harnesses that are measured: ours, and those that npm and PyPI have. Each is told where the model is, and nothing else
//! of this machine.

use crate::bench::place::{Place, file};
use crate::program::{self, Error};
use serde_json::json;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the harness is asked to do; the model's script does it whatever the words are.
pub(super) const TASK: &str = "Make the files made0.txt to made6.txt";

/// Versions are fixed, so that a figure of today can be made again.
const NPM: [&str; 3] = [
    "@openai/codex@0.169.0",
    "@anthropic-ai/claude-code@2.1.330",
    "@mariozechner/pi-coding-agent@0.73.1",
];
/// mini-swe-agent does not say that it needs `mcp`, through litellm.
const PIP: [&str; 2] = ["mini-swe-agent==2.4.6", "mcp"];

/// Somebody's harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Codex,
    Claude,
    Pi,
    Mini,
}

impl Peer {
    pub(super) const ALL: [Peer; 4] = [Peer::Codex, Peer::Claude, Peer::Pi, Peer::Mini];

    pub(super) fn name(self) -> &'static str {
        match self {
            Peer::Codex => "codex 0.169.0",
            Peer::Claude => "claude 2.1.330 --bare",
            Peer::Pi => "pi 0.73.1",
            Peer::Mini => "mini-swe-agent 2.4.6",
        }
    }

    /// Whether its commands run in a sandbox here.
    pub(super) fn sandbox(self) -> &'static str {
        match self {
            Peer::Codex => "workspace-write",
            Peer::Claude | Peer::Pi | Peer::Mini => "none",
        }
    }

    /// The command that does the task in `folder`, with `home` as its own place.
    pub(super) fn command(
        self,
        installed: &Path,
        home: &Path,
        folder: &Path,
        model: SocketAddr,
    ) -> Result<Command, Error> {
        let base = format!("http://{model}");
        let npm = |name: &str| Command::new(installed.join("npm/node_modules/.bin").join(name));
        let mut command = match self {
            Peer::Codex => codex(npm("codex"), &base),
            Peer::Claude => claude(npm("claude"), &base),
            Peer::Pi => pi(npm("pi"), &base, home)?,
            Peer::Mini => mini(Command::new(installed.join("pip/bin/mini")), &base, home),
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .env("PATH", path)
            .env("HOME", home)
            .env("TERM", "dumb")
            .env("LANG", "C.UTF-8")
            .current_dir(folder);
        Ok(command)
    }
}

fn codex(mut codex: Command, base: &str) -> Command {
    let provider = format!(
        "model_providers.twin={{name=\"twin\",base_url=\"{base}/v1\",wire_api=\"responses\",env_key=\"TWIN_KEY\"}}"
    );
    codex
        .args([
            "exec",
            "--skip-git-repo-check",
            "--sandbox",
            "workspace-write",
        ])
        .args([
            "-c",
            &provider,
            "-c",
            "model_provider=\"twin\"",
            "-m",
            "small",
            TASK,
        ])
        .env_clear()
        .env("TWIN_KEY", "none");
    codex
}

fn claude(mut claude: Command, base: &str) -> Command {
    claude
        .args([
            "--bare",
            "-p",
            TASK,
            "--allowedTools",
            "Read,Write,Edit,Bash",
            "--model",
            "small",
        ])
        .env_clear()
        .env("ANTHROPIC_BASE_URL", base)
        .env("ANTHROPIC_API_KEY", "none")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_AUTOUPDATER", "1");
    claude
}

fn pi(mut pi: Command, base: &str, home: &Path) -> Result<Command, Error> {
    let models = json!({"providers": {"twin": {"baseUrl": format!("{base}/v1"), "api": "openai-completions",
        "apiKey": "none", "models": [{"id": "small"}]}}});
    let path = home.join("models.json");
    fs::write(&path, models.to_string()).map_err(file(&path))?;
    pi.args([
        "--print",
        "--no-session",
        "--provider",
        "twin",
        "--model",
        "small",
        TASK,
    ])
    .env_clear()
    .env("PI_CODING_AGENT_DIR", home)
    .env("PI_OFFLINE", "1");
    Ok(pi)
}

fn mini(mut mini: Command, base: &str, home: &Path) -> Command {
    mini.args([
        "--yolo",
        "--exit-immediately",
        "--task",
        TASK,
        "--model",
        "openai/small",
        "--output",
    ])
    .arg(home.join("trajectory.json"))
    .env_clear()
    .env("OPENAI_API_BASE", format!("{base}/v1"))
    .env("OPENAI_API_KEY", "none")
    .env("MSWEA_GLOBAL_CONFIG_DIR", home)
    .env("MSWEA_CONFIGURED", "true")
    .env("MSWEA_COST_TRACKING", "ignore_errors")
    .env("MSWEA_SILENT_STARTUP", "1")
    .env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    mini
}

/// Installs the peers below the build's folder, once. Says which could not be, and goes on with the others.
pub(super) fn install() -> Result<(PathBuf, Vec<Peer>), Error> {
    let folder = program::root().join("target/peers");
    let npm = folder.join("npm");
    fs::create_dir_all(&npm).map_err(file(&npm))?;
    let mut wanted = program::command("npm");
    wanted
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            "--prefix",
        ])
        .arg(&npm)
        .args(NPM);
    attempt(wanted);
    let pip = folder.join("pip");
    if !pip.join("bin/mini").exists() {
        let mut venv = program::command("python3");
        venv.args(["-m", "venv"]).arg(&pip);
        attempt(venv);
        let mut wanted = program::command(pip.join("bin/pip"));
        wanted.args(["install", "--quiet"]).args(PIP);
        attempt(wanted);
    }
    let there = |peer: &Peer| {
        let program = match peer {
            Peer::Codex => npm.join("node_modules/.bin/codex"),
            Peer::Claude => npm.join("node_modules/.bin/claude"),
            Peer::Pi => npm.join("node_modules/.bin/pi"),
            Peer::Mini => pip.join("bin/mini"),
        };
        program.exists()
    };
    let peers = Peer::ALL.into_iter().filter(there).collect();
    Ok((folder, peers))
}

fn attempt(command: Command) {
    let shown = program::show(&command);
    println!("$ {shown}");
    if let Err(e) = program::read(command) {
        println!("not installed, and not measured: {e}");
    }
}

/// The shipped blueprint, but for the test after each change.
const UNCHECKED: &str = include_str!("unchecked.yaml");

/// Puts it where `--blueprint` finds it.
pub(super) fn write_unchecked(place: &Place, home: &str) -> Result<(), Error> {
    let path = place.at(home).join("blueprints/bench-unchecked.yaml");
    fs::write(&path, UNCHECKED).map_err(file(&path))
}

/// `alai minion run` on a home of its own, whose one model is the scripted server. Its project's base is proven before.
pub(super) fn alai(
    place: &Place,
    home: &str,
    folder: &Path,
    model: SocketAddr,
    unchecked: bool,
) -> Command {
    let project = folder.to_string_lossy();
    let mut args = vec!["minion", "run", TASK, "--project", &*project];
    if unchecked {
        args.extend(["--blueprint", "bench-unchecked"]);
    }
    let mut alai = place.alai(home, &args);
    alai.env_remove("ALAI_SCRIPT")
        .env("OLLAMA_HOST", format!("http://{model}"));
    alai
}
