//! Runs a guest by itself: for other users.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use alai_workspace::cage::{CageSpec, Layer, agent_ids};
use alai_workspace::egress::{Api, Provider};
use alai_workspace::guest::{self, Guest, LentSocket, Login, Way};
use alai_workspace::toolchains::Toolchains;
use serde::Deserialize;

use super::Outcome;

/// What a test wants.
#[derive(Deserialize)]
struct Wanted {
    spec: CageSpec,
    program: String,
    config: PathBuf,
    /// Folder and name.
    login: Option<(PathBuf, String)>,
    hosts: Vec<String>,
    /// URL and key of a provider near by.
    provider: Option<(String, String)>,
    /// Whether it has a socket by which it asks for what it is lent.
    lends: bool,
}

/// Prints what the program printed, how it ended, its layers, and what the way out was used for.
pub(super) fn run(layer: &str, file: &str, args: &[&str]) -> Outcome {
    let layer = match layer {
        "bwrap" => Layer::Bwrap,
        "own" => Layer::Own,
        other => return Err(format!("unknown layer {other}").into()),
    };
    let mut wanted: Wanted = serde_json::from_str(&fs::read_to_string(file)?)?;
    wanted.spec.uid = agent_ids();
    let found = guest::find(&wanted.program, "", &Toolchains::default())?;
    let login = wanted.login.map(|(dir, name)| Login::read(&dir, &name));
    let way = match wanted.provider {
        Some((url, key)) => Way::Key(Box::new(Provider::new(
            Api::Anthropic,
            &url,
            true,
            Some(key),
        )?)),
        None => Way::Login {
            hosts: wanted.hosts,
            login: login.transpose()?,
        },
    };
    let lent = wanted.lends.then(LentSocket::listen).transpose()?;
    let guest = Guest {
        name: "probe",
        found: &found,
        way: &way,
        config: Path::new(&wanted.config),
        lent: lent.as_ref().map(|(socket, _)| socket),
    };
    let mut argv = vec![found.path.to_string_lossy().into_owned()];
    argv.extend(args.iter().map(|word| (*word).to_owned()));
    let mut running = guest::spawn_in(layer, wanted.spec, &guest, &argv)?;
    running.caged.stdin = None;
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let pipes = (running.caged.stdout.take(), running.caged.stderr.take());
    let (Some(mut out), Some(mut err)) = pipes else {
        return Err("no pipes".into());
    };
    out.read_to_string(&mut stdout)?;
    err.read_to_string(&mut stderr)?;
    let exit = running.caged.wait()?;
    let layers = running.layers.clone();
    let used: BTreeMap<String, (u64, Option<String>)> = running
        .used()
        .into_iter()
        .map(|(host, used)| (host, (used.connections, used.refused)))
        .collect();
    let said = serde_json::json!({
        "stdout": stdout,
        "stderr": stderr,
        "success": exit.success(),
        "layers": layers,
        "used": used,
    });
    Ok(said.to_string())
}
