//! Check 13: the project asks for the packages it asked for before, unless the plan allowed otherwise.
//!
//! No advisory database is consulted: none is at hand without network, and the detail says so.

use alai_core::qa::{Check, Measurement};

use super::manifest::{self, Manifest, Packages};
use super::{Rules, fail, pass, some};
use crate::change::{Change, ChangedFile, Content};
use crate::paths;

pub(crate) fn check(change: &Change, rules: &Rules<'_>) -> Measurement {
    let check = Check::Dependencies;
    let mut moved = Vec::new();
    let mut read = 0u32;
    for file in &change.files {
        let Some(kind) = manifest::kind(&file.path).or_else(|| manifest::kind(file.base_path()))
        else {
            continue;
        };
        read += 1;
        match difference(file) {
            Ok(names) => moved.push((file, kind, names)),
            Err(why) => return fail(check, format!("{} cannot be compared: {why}", file.path)),
        }
    }
    moved.retain(|(_, _, names)| !names.is_empty());
    if moved.is_empty() {
        return pass(
            check,
            format!("no package was added, removed or moved ({read} manifests touched)"),
        );
    }
    let names: Vec<String> = moved
        .iter()
        .map(|(file, _, names)| format!("{}: {}", file.path, some(names)))
        .collect();
    if !rules.allow_dependency_changes {
        return fail(
            check,
            format!(
                "the plan allows no change of dependencies; {}",
                some(&names)
            ),
        );
    }
    if let Some(stale) = stale_lock(
        change,
        &moved.iter().map(|(f, k, _)| (*f, *k)).collect::<Vec<_>>(),
    ) {
        return fail(check, stale);
    }
    pass(
        check,
        format!(
            "allowed by the plan, checked against no advisory database; {}",
            some(&names)
        ),
    )
}

fn difference(file: &ChangedFile) -> Result<Vec<String>, String> {
    let base = side(file.base_path(), &file.base)?;
    let head = side(&file.path, &file.head)?;
    let mut names: Vec<String> = head
        .iter()
        .filter_map(|(name, asked)| match base.get(name) {
            None => Some(format!("+{name}")),
            Some(before) if before != asked => Some(format!("~{name}")),
            Some(_) => None,
        })
        .collect();
    names.extend(
        base.keys()
            .filter(|name| !head.contains_key(*name))
            .map(|name| format!("-{name}")),
    );
    Ok(names)
}

fn side(path: &str, content: &Content) -> Result<Packages, String> {
    match content {
        Content::Absent => Ok(Packages::new()),
        Content::Text(text) => manifest::packages(path, text),
        Content::Binary | Content::Unread | Content::Link(_) | Content::Submodule => {
            Err("it is no readable text file".into())
        }
    }
}

/// A manifest whose packages moved while the lockfile beside or above it stayed would be resolved anew by each build.
fn stale_lock(change: &Change, moved: &[(&ChangedFile, Manifest)]) -> Option<String> {
    for (file, kind) in moved {
        let locks: &[&str] = match kind {
            Manifest::Cargo => &["Cargo.lock"],
            Manifest::Npm => &[
                "package-lock.json",
                "npm-shrinkwrap.json",
                "yarn.lock",
                "pnpm-lock.yaml",
                "bun.lock",
            ],
            Manifest::PyProject => &["uv.lock", "poetry.lock", "pdm.lock"],
            Manifest::GoMod => &["go.sum"],
            Manifest::Requirements | Manifest::Other | Manifest::Lock => continue,
        };
        let above = |lock: &str| {
            let folder = paths::name(lock).len();
            let folder = &lock[..lock.len() - folder];
            locks.contains(&paths::name(lock)) && file.path.starts_with(folder)
        };
        let Some(lock) = change.base_paths.keys().find(|path| above(path)) else {
            continue;
        };
        if !change.files.iter().any(|f| above(&f.path)) {
            return Some(format!(
                "{} asks for other packages but {lock} stayed as it was: update it",
                file.path
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::super::testing::Task;
    use super::*;

    const BASE: &str = "[package]\nname='x'\nversion='0.1.0'\n[dependencies]\nserde='1'\n";
    const MORE: &str =
        "[package]\nname='x'\nversion='0.1.0'\n[dependencies]\nserde='1'\nserd='1'\n";
    const LOCK: &str = "[[package]]\nname='serde'\nversion='1.0.0'\nsource='r'\nchecksum='a'\n";
    const LOCK_MORE: &str =
        "[[package]]\nname='serde'\nversion='1.0.0'\nsource='r'\nchecksum='b'\n";

    fn result(allow: bool, files: &[(&str, Option<&str>, Option<&str>)]) -> (CheckResult, String) {
        let task = Task {
            allow_dependency_changes: allow,
            ..Task::build()
        };
        let m = check(&Change::of(files), &task.rules());
        (m.result, m.detail)
    }

    #[test]
    fn a_new_package_needs_the_plan() {
        let files = [
            ("Cargo.toml", Some(BASE), Some(MORE)),
            ("Cargo.lock", Some(LOCK), Some(LOCK_MORE)),
        ];
        let (refused, detail) = result(false, &files);
        assert_eq!(refused, CheckResult::Fail);
        assert!(detail.contains("+serd"), "{detail}");
        assert_eq!(result(true, &files).0, CheckResult::Pass);
    }

    #[test]
    fn a_swapped_checksum_alone_fails() {
        assert_eq!(
            result(false, &[("Cargo.lock", Some(LOCK), Some(LOCK_MORE))]).0,
            CheckResult::Fail
        );
    }

    #[test]
    fn a_manifest_without_its_lock_fails_even_when_allowed() {
        let files = [
            ("Cargo.toml", Some(BASE), Some(MORE)),
            ("Cargo.lock", Some(LOCK), Some(LOCK)),
        ];
        let (failed, detail) = result(true, &files);
        assert_eq!(failed, CheckResult::Fail);
        assert!(detail.contains("Cargo.lock stayed"), "{detail}");
        assert_eq!(
            result(true, &files[..1]).0,
            CheckResult::Pass,
            "no lock, nothing to update"
        );
    }

    #[test]
    fn other_parts_of_a_manifest_are_no_dependency() {
        let version = BASE.replace("0.1.0", "0.2.0");
        assert_eq!(
            result(false, &[("Cargo.toml", Some(BASE), Some(&version))]).0,
            CheckResult::Pass
        );
        assert_eq!(
            result(false, &[("src/lib.rs", None, Some("x"))]).0,
            CheckResult::Pass
        );
        assert_eq!(
            result(true, &[("package.json", Some("{}"), Some("{"))]).0,
            CheckResult::Fail,
            "not readable"
        );
    }
}
