//! Rust with Cargo.

use super::{Commands, Folder};

pub(super) fn commands(folder: &Folder<'_>) -> Option<Commands> {
    let manifest = folder.read("Cargo.toml")?;
    let mut notes = Vec::new();
    let Ok(manifest) = manifest.parse::<toml::Table>() else {
        notes.push("Cargo.toml is not valid TOML; set the commands yourself".to_owned());
        return Some(Commands {
            notes,
            ..Commands::default()
        });
    };
    let locked = folder.has("Cargo.lock");
    if !locked {
        notes.push(
            "no Cargo.lock: versions are chosen at set-up; commit one for repeatable builds"
                .to_owned(),
        );
    }
    if folder.has("rust-toolchain.toml") || folder.has("rust-toolchain") {
        notes.push(
            "the toolchain is pinned by rust-toolchain; it must be installed on this machine"
                .to_owned(),
        );
    }
    let flags = if locked {
        "--locked --offline"
    } else {
        "--offline"
    };
    // At the top of a workspace with a package of its own, plain `cargo test` would test that package alone.
    let all = if manifest.contains_key("workspace") {
        " --workspace"
    } else {
        ""
    };
    Some(Commands {
        setup: Some(
            if locked {
                "cargo fetch --locked"
            } else {
                "cargo fetch"
            }
            .to_owned(),
        ),
        // Without it a red test binary hides the tests of those after it.
        test: Some(format!("cargo test{all} {flags} --no-fail-fast")),
        build: Some(format!("cargo build{all} --all-targets {flags}")),
        lint: Some(format!("cargo clippy{all} --all-targets {flags}")),
        notes,
    })
}
