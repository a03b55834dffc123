//! Finds out by doing which layer works here: a cage is made, and a program in it looks whether the promises hold.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alai_core::cage::Property;
use serde::{Deserialize, Serialize};

use super::error::CageError;
use super::known;
use super::launcher::CHECK;
use super::plan::LAUNCHER_INSIDE;
use super::run::run_in;
use super::seatbelt;
use super::spec::{CageSpec, Layer, Limits, Network, agent_ids};
use crate::command::Cancel;
use crate::sys;

/// Forces a layer: `bwrap` or `own`.
const FORCED: &str = "ALAI_CAGE";

/// A cage that checks itself takes 30 ms; this also covers a machine that is swapping.
const CHECK_WALL_S: u64 = 60;

/// What holds programs on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// What makes the namespaces.
    pub layer: Layer,
    /// Everything that is in force, for example `["bwrap 0.8.0", "landlock:7", "seccomp", "no-new-privs", "uid:64001"]`.
    pub names: Vec<String>,
}

/// Returns the layers that [`super::run`] uses here: `bwrap` when it works, else our own namespaces, else a refusal. The
/// variable `ALAI_CAGE` forces one of the two. A success is remembered for the life of the process, and beyond it where
/// [`set_known`](super::set_known) has named a file.
///
/// # Errors
/// When no layer can keep every promise: for each, what was missing and how to get it.
pub fn probe() -> Result<Layers, CageError> {
    if let Some(known) = found().clone() {
        return Ok(known);
    }
    let Some(recalled) = known::recall(forced().as_deref()) else {
        return probe_anew();
    };
    *found() = Some(recalled.clone());
    Ok(recalled)
}

/// [`probe`], whatever was found before: somebody may have taken away what a layer needs, and another may still work. What is
/// found is used from then on.
///
/// # Errors
/// As [`probe`].
pub fn probe_anew() -> Result<Layers, CageError> {
    let forced = forced();
    let looked = look_for_layer(System::HERE, forced.as_deref());
    *found() = looked.as_ref().ok().cloned();
    known::keep(looked.as_ref().ok(), forced.as_deref());
    looked
}

/// What works here, as far as it is known.
fn found() -> MutexGuard<'static, Option<Layers>> {
    static FOUND: Mutex<Option<Layers>> = Mutex::new(None);
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

fn forced() -> Option<String> {
    std::env::var_os(FORCED).map(|name| name.to_string_lossy().into_owned())
}

/// Systems that have something to make a cage of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Linux,
    MacOs,
}

impl System {
    const HERE: System = match cfg!(target_os = "macos") {
        true => System::MacOs,
        false => System::Linux,
    };
}

/// No variable forces Linux's layers elsewhere, and none waives a promise.
fn look_for_layer(system: System, forced: Option<&str>) -> Result<Layers, CageError> {
    match system {
        System::Linux => look_on_linux(forced),
        System::MacOs => Err(seatbelt::lacks(&Property::ALL)),
    }
}

fn look_on_linux(forced: Option<&str>) -> Result<Layers, CageError> {
    match forced {
        Some("bwrap") => probe_layer(Layer::Bwrap),
        Some("own") => probe_layer(Layer::Own),
        Some(other) => Err(CageError::UnknownLayer(other.to_owned())),
        None => probe_layer(Layer::Bwrap).or_else(|bwrap| {
            let no_layer = |own| CageError::NoLayer {
                bwrap: Box::new(bwrap),
                own: Box::new(own),
            };
            probe_layer(Layer::Own).map_err(no_layer)
        }),
    }
}

/// The layer to use, probed once.
pub(super) fn layer() -> Result<Layer, CageError> {
    probe().map(|layers| layers.layer)
}

/// Tries one layer, by running a program in it that looks at its own cage.
///
/// # Errors
/// When the layer is missing or forbidden, or when a promise does not hold in it.
pub fn probe_layer(layer: Layer) -> Result<Layers, CageError> {
    let spec = CageSpec {
        binds: Vec::new(),
        cwd: PathBuf::from("/tmp"),
        env: Vec::new(),
        network: Network::Loopback,
        limits: Limits {
            wall_s: CHECK_WALL_S,
            ..Limits::default()
        },
        uid: agent_ids(),
        toolchains: Vec::new(),
        path: "/usr/bin:/bin".to_owned(),
    };
    let argv = [LAUNCHER_INSIDE.to_owned(), CHECK.to_owned()];
    let captured = run_in(layer, &spec, &argv, b"", &Cancel::new())?;
    if captured.success() {
        Ok(Layers {
            layer,
            names: captured.record.cage,
        })
    } else {
        let reason = format!("the cage does not hold: {}", captured.combined().trim());
        Err(CageError::refused(layer, &reason))
    }
}

/// Looks from inside whether the promises hold. The exit code is the answer; standard error names the first that does not.
#[allow(
    clippy::print_stderr,
    reason = "this is the whole program that runs inside a probe"
)]
pub(super) fn check() -> ExitCode {
    match look() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn look() -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    if sys::ids().0 == 0 || !sys::has_no_capability().map_err(told)? {
        return Err("the program still has privileges".to_owned());
    }
    if sys::parent_pid() != 1 {
        return Err("the program sees outer processes".to_owned());
    }
    let status = fs::read_to_string("/proc/self/status").map_err(told)?;
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        if !status.lines().any(|found| found == line) {
            return Err(format!("the kernel does not say {line:?}"));
        }
    }
    let interfaces = fs::read_to_string("/proc/net/dev").map_err(told)?;
    // Two lines of headings, then one line for each interface.
    if let Some(other) = interfaces
        .lines()
        .skip(2)
        .find(|line| !line.trim().starts_with("lo:"))
    {
        return Err(format!(
            "there is a network interface besides lo: {}",
            other.trim()
        ));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(told)?;
    let address = listener.local_addr().map_err(told)?;
    TcpStream::connect(address).map_err(|error| format!("lo does not work inside: {error}"))?;
    for path in [
        "/alai-check",
        "/etc/alai-check",
        "/usr/alai-check",
        "/proc/sys/kernel/core_pattern",
    ] {
        if fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .is_ok()
        {
            return Err(format!("{path} can be written"));
        }
    }
    fs::write("/tmp/alai-check", "").map_err(|error| format!("/tmp cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_macos_nothing_is_started_and_each_promise_that_is_missing_is_named() {
        for forced in [None, Some("bwrap"), Some("own"), Some("none")] {
            let refused = look_for_layer(System::MacOs, forced).unwrap_err();
            assert!(refused.lasts(), "no retry mends it");
            assert_eq!(
                refused.to_string(),
                "no cage by sandbox-exec: it cannot promise no network but its own loopback; processes, memory and disk bounded; \
                 everything ended at the end, and nothing is started without. Run the factory on Linux, or in a virtual machine \
                 with Linux on this one"
            );
        }
    }
}
