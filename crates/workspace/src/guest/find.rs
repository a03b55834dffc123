//! What a program is: the file behind its name, and what must be shown of the machine for it to run.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::cage::{Access, Bind};
use crate::toolchains::Toolchains;
use crate::versions;

/// A program and what it needs of the machine, beyond what every cage shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file itself, at the path that it has inside too.
    pub path: PathBuf,
    /// Its package and its interpreter, read-only.
    pub binds: Vec<Bind>,
    /// Which file it is, and that nobody has written to it.
    pub stamp: String,
}

/// Links from one interpreter to the next; scripts of scripts of scripts are a mistake.
const INTERPRETERS_MAX: usize = 4;

/// A manifest of a package; one with its readme in it is some hundred kilobytes.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// What every cage shows of the machine.
const SHOWN_ANYWAY: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/nix/store"];

/// Looks a program up by its absolute path, or by its name in the folders of `path` (the host's `PATH`). Starts nothing.
///
/// # Errors
/// In words, with what was looked for.
pub fn find(name: &str, path: &str, toolchains: &Toolchains) -> Result<Found, String> {
    let place = match name.contains('/') {
        true if Path::new(name).is_absolute() => PathBuf::from(name),
        true => return Err(format!("`{name}` is neither an absolute path nor a name")),
        false => on(path, name).ok_or_else(|| format!("`{name}` is in no folder of PATH"))?,
    };
    let real = place
        .canonicalize()
        .map_err(|error| format!("{}: {error}", place.display()))?;
    if !is_program(&real) {
        return Err(format!(
            "{} is no program that may be executed",
            real.display()
        ));
    }
    let stamp = versions::stamp(&real).ok_or_else(|| format!("{} is gone", real.display()))?;
    let mut binds = Vec::new();
    show(&real, toolchains, &mut binds);
    let mut script = real.clone();
    for _ in 0..INTERPRETERS_MAX {
        let Some(interpreter) = interpreter(&script) else {
            break;
        };
        let found = match interpreter {
            Interpreter::At(path) => path.canonicalize().ok(),
            Interpreter::Named(name) => {
                // The name is looked up again inside, where only some folders of the host's PATH are.
                if on(&toolchains.path, &name).is_some() {
                    break;
                }
                return Err(format!(
                    "{} needs `{name}`, which is in no folder that a cage shows ({})",
                    real.display(),
                    toolchains.path
                ));
            }
        };
        let Some(found) = found else {
            return Err(format!(
                "{} needs an interpreter that is not there",
                script.display()
            ));
        };
        show(&found, toolchains, &mut binds);
        script = found;
    }
    Ok(Found {
        path: real,
        binds,
        stamp,
    })
}

fn on(path: &str, name: &str) -> Option<PathBuf> {
    let folders = path.split(':').filter(|folder| folder.starts_with('/'));
    folders
        .map(|folder| Path::new(folder).join(name))
        .find(|file| is_program(file))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|what| what.is_file() && what.permissions().mode() & 0o111 != 0)
}

/// Adds the package of a file, or the file alone, where no cage shows it.
fn show(file: &Path, toolchains: &Toolchains, binds: &mut Vec<Bind>) {
    let is_seen = |path: &Path| {
        SHOWN_ANYWAY.iter().any(|base| path.starts_with(base))
            || toolchains
                .binds
                .iter()
                .any(|bind| path.starts_with(&bind.inside))
    };
    if is_seen(file) {
        return;
    }
    let shown = package(file).unwrap_or_else(|| file.to_path_buf());
    binds.push(Bind {
        outside: shown.clone(),
        inside: shown,
        access: Access::ReadOnly,
    });
}

/// The folder of the npm package that a file belongs to: below the innermost `node_modules` one name, or two of a scope. pnpm puts
/// a package's dependencies beside it and links them out of its store, which is then what must be seen. npm lays the
/// dependencies of what is not installed for the whole machine beside it, and then it is all of `node_modules`.
fn package(file: &Path) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = file.components().collect();
    let is = |part: &Component<'_>, name: &str| part.as_os_str() == name;
    if let Some(store) = parts.iter().position(|part| is(part, ".pnpm")) {
        return Some(parts[..=store].iter().collect());
    }
    let modules = parts.iter().rposition(|part| is(part, "node_modules"))?;
    let name = parts.get(modules + 1)?;
    let scoped = name.as_os_str().to_string_lossy().starts_with('@');
    let end = modules + if scoped { 3 } else { 2 };
    // The file itself lies below its package, or there is none.
    let own: PathBuf = (end < parts.len()).then(|| parts[..end].iter().collect())?;
    match needs_others(&own) {
        true => Some(parts[..=modules].iter().collect()),
        false => Some(own),
    }
}

/// Whether a package names dependencies that do not lie within it.
fn needs_others(package: &Path) -> bool {
    let read = File::open(package.join("package.json"))
        .ok()
        .and_then(|file| {
            let mut text = String::new();
            file.take(MANIFEST_BYTES_MAX)
                .read_to_string(&mut text)
                .ok()?;
            serde_json::from_str::<serde_json::Value>(&text).ok()
        });
    let Some(manifest) = read else {
        return false;
    };
    let names = manifest["dependencies"].as_object().into_iter().flatten();
    names
        .map(|(name, _)| package.join("node_modules").join(name))
        .any(|own| !own.is_dir())
}

enum Interpreter {
    At(PathBuf),
    /// Looked up by `env`.
    Named(String),
}

/// What the kernel would start for a script.
fn interpreter(file: &Path) -> Option<Interpreter> {
    let mut head = [0_u8; 256];
    let count = File::open(file)
        .and_then(|mut file| file.read(&mut head))
        .ok()?;
    let line = head[..count].strip_prefix(b"#!")?;
    let line = line.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    let first = words.next()?;
    if Path::new(first)
        .file_name()
        .is_some_and(|name| name == "env")
    {
        let name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
        return Some(Interpreter::Named(name.to_owned()));
    }
    Some(Interpreter::At(PathBuf::from(first)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn program(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_command_of_npm_is_its_package_and_its_node() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let cli = root.join("lib/node_modules/@anthropic-ai/claude-code/cli.js");
        program(&cli, "#!/usr/bin/env node\n");
        program(&root.join("tools/node"), "#!/bin/sh\n");
        fs::create_dir(root.join("bin")).unwrap();
        symlink(&cli, root.join("bin/claude")).unwrap();
        let path = format!("{}:relative", root.join("bin").display());
        let none = Toolchains::default();
        let refused = find("claude", &path, &none).unwrap_err();
        assert!(refused.contains("needs `node`"), "{refused}");
        let with = Toolchains {
            path: root.join("tools").display().to_string(),
            ..Toolchains::default()
        };
        let found = find("claude", &path, &with).unwrap();
        assert_eq!(found.path, cli);
        let shown: Vec<_> = found.binds.iter().map(|bind| bind.inside.clone()).collect();
        assert_eq!(
            shown,
            [root.join("lib/node_modules/@anthropic-ai/claude-code")]
        );
        assert!(
            found
                .binds
                .iter()
                .all(|bind| bind.access == Access::ReadOnly)
        );
    }

    #[test]
    fn a_package_whose_dependencies_lie_beside_it_is_shown_with_them() {
        let dir = tempfile::tempdir().unwrap();
        let modules = dir.path().canonicalize().unwrap().join("node_modules");
        let own = modules.join("@scope/server");
        program(&own.join("dist/index.js"), "#!/usr/bin/env node\n");
        fs::write(
            own.join("package.json"),
            "{\"dependencies\":{\"zod\":\"^4\"}}",
        )
        .unwrap();
        assert_eq!(package(&own.join("dist/index.js")), Some(modules));
        fs::create_dir_all(own.join("node_modules/zod")).unwrap();
        assert_eq!(package(&own.join("dist/index.js")), Some(own));
    }

    #[test]
    fn a_program_of_its_own_is_one_file_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().canonicalize().unwrap().join("agent");
        program(&file, "\x7fELF");
        fs::write(dir.path().join("secret"), "").unwrap();
        let found = find(file.to_str().unwrap(), "", &Toolchains::default()).unwrap();
        assert_eq!(found.binds.len(), 1);
        assert_eq!(found.binds[0].outside, file);
        for (name, why) in [
            ("no-such-agent", "in no folder"),
            ("./agent", "neither"),
            (dir.path().to_str().unwrap(), "no program"),
            ("/no/such/agent", "No such file"),
        ] {
            let error = find(name, "/nowhere", &Toolchains::default()).unwrap_err();
            assert!(error.contains(why), "{name}: {error}");
        }
    }

    #[test]
    fn what_pnpm_and_a_folder_named_so_are() {
        let package = |path: &str| package(Path::new(path));
        assert_eq!(
            package("/h/.pnpm/a@1/node_modules/a/cli.js"),
            Some(PathBuf::from("/h/.pnpm"))
        );
        assert_eq!(
            package("/h/node_modules/a/b/c.js"),
            Some(PathBuf::from("/h/node_modules/a"))
        );
        assert_eq!(package("/h/node_modules/a"), None);
        assert_eq!(package("/h/a"), None);
    }
}
