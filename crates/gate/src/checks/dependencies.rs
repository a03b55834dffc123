//! Check 13: the project asks for the packages it asked for before, unless the plan allowed otherwise.
//!
//! What the plan allows is held against the factory's advisories (`vetted`): a known weakness fails, and what nobody can vouch for
//! goes to a person. So does a licence that became another one, whether a package moved or not.

use std::collections::BTreeSet;

use alai_core::qa::{Check, Measurement, UNVETTED};

use super::manifest::{self, Manifest, Packages};
use super::vetted::{self, Vetted};
use super::{Rules, fail, licences, lookalike, pass, some};
use crate::advisories::canonical;
use crate::change::{Change, ChangedFile, Content};
use crate::paths;

/// Whether every manifest and lockfile that the scaffold has beside this one came with it: one without the other names packages that
/// nobody has chosen.
fn has_its_companions(file: &ChangedFile, change: &Change, rules: &Rules<'_>) -> bool {
    let folder = |path: &str| path.len() - paths::name(path).len();
    let own = &file.path[..folder(&file.path)];
    let beside = rules.scaffolded.paths();
    let beside = beside.filter(|path| path[..folder(path)] == *own);
    let mut beside = beside.filter(|path| manifest::kind(path).is_some());
    beside.all(|path| {
        let came = change.files.iter().find(|other| other.path == path);
        came.is_some_and(|other| rules.is_scaffolded(other))
    })
}

pub(crate) fn check(change: &Change, rules: &Rules<'_>) -> Measurement {
    let check = Check::Dependencies;
    let mut moved = Vec::new();
    let mut read = 0u32;
    let mut scaffolded = 0u32;
    for file in &change.files {
        let Some(kind) = manifest::kind(&file.path).or_else(|| manifest::kind(file.base_path()))
        else {
            continue;
        };
        read += 1;
        if rules.is_scaffolded(file)
            && is_first_of_folder(file, change)
            && has_its_companions(file, change, rules)
        {
            scaffolded += 1;
            continue;
        }
        match difference(file, change) {
            Ok(names) => moved.push((file, kind, names)),
            Err(why) => return fail(check, format!("{} cannot be compared: {why}", file.path)),
        }
    }
    moved.retain(|(_, _, names)| !names.is_empty());
    let vendored = vendored(change);
    let mut doubts: Vec<String> = unpinned(change, &moved);
    doubts.extend(
        vendored
            .iter()
            .map(|path| format!("{path} lies in the repository")),
    );
    doubts.extend(lookalikes(change, &moved));
    // A lockfile goes on naming the registry's package: no advisory speaks of what comes in its place.
    let origins = moved
        .iter()
        .filter(|(_, kind, _)| *kind == Manifest::Origin);
    doubts.extend(origins.map(|(file, _, names)| {
        format!(
            "{} says where packages come from: {}",
            file.path,
            some(names)
        )
    }));
    let licences = match licences::of(change) {
        Ok(licences) => licences,
        Err(why) => return fail(check, format!("its licences cannot be compared: {why}")),
    };
    let told = match licences.told.is_empty() {
        true => String::new(),
        false => format!("; licences: {}", some(&licences.told)),
    };
    if moved.is_empty() && vendored.is_empty() {
        let clean = format!("no package was added, removed or moved ({read} manifests touched)");
        let clean = match scaffolded {
            0 => clean,
            n => format!("{clean}; {n} are the shipped blueprint's, byte for byte"),
        };
        return match licences.doubts.is_empty() {
            true => pass(check, format!("{clean}{told}")),
            false => fail(
                check,
                format!("{UNVETTED}: {}; {clean}{told}", some(&licences.doubts)),
            ),
        };
    }
    let names: Vec<String> = moved
        .iter()
        .map(|(file, _, names)| format!("{}: {}", file.path, some(names)))
        .chain(vendored)
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
    doubts.extend(licences.doubts);
    match vetted::vet(change, rules.advisories, doubts) {
        Ok(Vetted::Clean(why)) => pass(
            check,
            format!("allowed by the plan: {}; {why}{told}", some(&names)),
        ),
        Ok(Vetted::Known(why)) => fail(check, format!("{why}{told}")),
        Ok(Vetted::Unvetted(why)) => fail(check, format!("{why}{told}")),
        Err(why) => fail(check, format!("it cannot be looked up: {why}")),
    }
}

/// Names that no manifest and no lockfile of the change had and that are nearly those of others.
fn lookalikes(change: &Change, moved: &[(&ChangedFile, Manifest, Vec<String>)]) -> Vec<String> {
    let before = asked_before(change);
    let mut found = Vec::new();
    for (file, kind, _) in moved {
        let (Some(ecosystem), Ok(head)) =
            (lookalike::ecosystem_of(*kind), side(&file.path, &file.head))
        else {
            continue;
        };
        let new = { manifest::asked_for(*kind, &head).into_iter() }
            .filter(|name| !before.contains(&(ecosystem, canonical(ecosystem, name))));
        found.extend(new.filter_map(|name| lookalike::told(ecosystem, &name)));
    }
    found.sort();
    found.dedup();
    found
}

/// The packages, by ecosystem and name, that the base asks for in any of its manifests and lockfiles: what a member of a workspace
/// or a nested project asks for already is no new name where another one begins to.
pub(super) fn asked_before(change: &Change) -> BTreeSet<(&'static str, String)> {
    let mut found = BTreeSet::new();
    let changed = change
        .files
        .iter()
        .map(|file| (file.base_path(), &file.base));
    let unchanged = { change.manifests.iter() }.map(|(path, content)| (path.as_str(), content));
    for (path, content) in changed.chain(unchanged) {
        if let Some(kind) = manifest::kind(path)
            && let Some(ecosystem) = lookalike::ecosystem_of(kind)
            && let Ok(base) = side(path, content)
        {
            let names = manifest::asked_for(kind, &base);
            found.extend(
                names
                    .iter()
                    .map(|name| (ecosystem, canonical(ecosystem, name))),
            );
        }
        if vetted::is_lock(path)
            && let Ok(Some(base)) = vetted::side(path, content)
        {
            let pins = base.pins.keys();
            found.extend(pins.map(|pin| (pin.ecosystem, canonical(pin.ecosystem, &pin.name))));
        }
    }
    found
}

/// Whether its folder of the base asked for no package.
fn is_first_of_folder(file: &ChangedFile, change: &Change) -> bool {
    let folder = |path: &str| path.len() - paths::name(path).len();
    let own = &file.path[..folder(&file.path)];
    let mut old = change.base_paths.keys();
    !old.any(|old| manifest::kind(old).is_some() && old[..folder(old)] == *own)
}

/// Files of packages that lie in the repository as their tool put them there (`go mod vendor`, `cargo vendor`): whoever changes
/// one has another package under the old name, and no lockfile tells.
fn vendored(change: &Change) -> Vec<String> {
    let known =
        |path: &str| change.base_paths.contains_key(path) || change.head_paths.contains_key(path);
    let of_package = |path: &&str| {
        path.match_indices("vendor/").any(|(at, folder)| {
            let (vendor, below) = path.split_at(at + folder.len());
            let crate_of = below.split('/').next().unwrap_or_default();
            (at == 0 || path[..at].ends_with('/'))
                && (known(&format!("{vendor}modules.txt"))
                    || known(&format!("{vendor}{crate_of}/.cargo-checksum.json")))
        })
    };
    let touched = change
        .files
        .iter()
        .flat_map(|file| [file.path.as_str(), file.base_path()]);
    let mut found: Vec<String> = touched
        .filter(of_package)
        .map(|path| format!("~{path}"))
        .collect();
    found.dedup();
    found
}

/// A folder of the repository is no foreign package, when it was one of the project's before the change: code that somebody
/// copied in is.
fn difference(file: &ChangedFile, change: &Change) -> Result<Vec<String>, String> {
    let base = side(file.base_path(), &file.base)?;
    let mut head = side(&file.path, &file.head)?;
    let is_own = |name: &str| name.starts_with(manifest::LOCAL);
    head.retain(|name, folder| !is_own(name) || !was_there(&file.path, folder, change));
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
            .filter(|name| !head.contains_key(*name) && !is_own(name))
            .map(|name| format!("-{name}")),
    );
    Ok(names)
}

/// Whether the folder that a manifest names held a manifest on the base.
fn was_there(manifest: &str, folder: &str, change: &Change) -> bool {
    let mut parts: Vec<&str> = manifest.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    for part in folder.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return false,
            ".." => {}
            name => parts.push(name),
        }
    }
    parts.push(name);
    change.base_paths.contains_key(&parts.join("/"))
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

/// The lockfiles that pin what such a manifest asks for.
fn locks_of(kind: Manifest) -> &'static [&'static str] {
    match kind {
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
        Manifest::Requirements | Manifest::Origin | Manifest::Other | Manifest::Lock => &[],
    }
}

/// Whether a lockfile of this kind lies beside the manifest or above it.
fn is_above(lock: &str, manifest: &ChangedFile, kind: Manifest) -> bool {
    let folder = &lock[..lock.len() - paths::name(lock).len()];
    locks_of(kind).contains(&paths::name(lock)) && manifest.path.starts_with(folder)
}

/// What asks for a package and has no lockfile that says which one comes: each build may bring another.
fn unpinned(change: &Change, moved: &[(&ChangedFile, Manifest, Vec<String>)]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, kind, names) in moved {
        let asks = names.iter().any(|name| !name.starts_with('-'));
        let pinned = match kind {
            Manifest::Requirements | Manifest::Origin => true,
            // Without it, all that it pinned is chosen anew.
            Manifest::Lock => !file.is_deleted(),
            Manifest::Other => !asks,
            Manifest::Cargo | Manifest::Npm | Manifest::PyProject | Manifest::GoMod => {
                let mut there = change.head_paths.keys();
                !asks || there.any(|lock| is_above(lock, file, *kind))
            }
        };
        if !pinned {
            found.push(format!("no lockfile pins what comes by {}", file.path));
        }
    }
    found
}

/// A manifest whose packages moved while the lockfile beside or above it stayed would be resolved anew by each build.
fn stale_lock(change: &Change, moved: &[(&ChangedFile, Manifest)]) -> Option<String> {
    for (file, kind) in moved {
        let above = |lock: &str| is_above(lock, file, *kind);
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

    use super::super::testing::{Task, scaffold};
    use super::*;

    const BASE: &str = "[package]\nname='x'\nversion='0.1.0'\n[dependencies]\nserde='1'\n";
    const MORE: &str =
        "[package]\nname='x'\nversion='0.1.0'\n[dependencies]\nserde='1'\nserd='1'\n";
    const LOCK: &str = "[[package]]\nname='serde'\nversion='1.0.0'\nsource='registry+https://github.com/rust-lang/crates.io-index'\nchecksum='a'\n";
    const LOCK_MORE: &str = "[[package]]\nname='serde'\nversion='1.0.0'\nsource='registry+https://github.com/rust-lang/crates.io-index'\nchecksum='b'\n";

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
        let (held, detail) = result(true, &files);
        assert_eq!(held, CheckResult::Fail);
        // The checksum is another one at the same version: that is another package under the old name, and no advisory speaks of it.
        assert!(
            detail.starts_with(UNVETTED) && detail.contains("at the same version"),
            "{detail}"
        );
    }

    #[test]
    fn a_name_that_is_nearly_a_known_one_is_a_persons_to_judge() {
        let asks = |name: &str| format!("{{\"dependencies\":{{\"{name}\":\"1.0.0\"}}}}");
        let (base, head) = (asks("left"), asks("lodahs"));
        for lock in ["yarn.lock", "pnpm-lock.yaml"] {
            let files = [
                ("package.json", Some(base.as_str()), Some(head.as_str())),
                (lock, Some("left@1"), Some("lodahs@1")),
            ];
            let (held, detail) = result(true, &files);
            assert_eq!(held, CheckResult::Fail);
            assert!(detail.starts_with(UNVETTED), "{detail}");
            let nearly = "lodahs is nearly the name of lodash";
            assert_eq!(detail.matches(nearly).count(), 1, "{detail}");
            assert!(
                detail.contains(&format!("no advisory can be held against {lock}")),
                "{detail}"
            );
        }
        let files = [
            ("Cargo.toml", Some(BASE), Some(MORE)),
            ("Cargo.lock", Some(LOCK), Some(LOCK_MORE)),
        ];
        let (_, detail) = result(true, &files);
        assert!(
            detail.contains("serd is nearly the name of serde"),
            "{detail}"
        );
    }

    #[test]
    fn a_shipped_scaffold_brings_its_packages_into_a_folder_that_had_none() {
        let task = Task {
            scaffolded: scaffold(&[("Cargo.toml", BASE), ("Cargo.lock", LOCK)]),
            ..Task::build()
        };
        let with = |files: &[(&str, Option<&str>, Option<&str>)]| {
            let m = check(&Change::of(files), &task.rules());
            (m.result, m.detail)
        };
        let own = [
            ("Cargo.toml", None, Some(BASE)),
            ("Cargo.lock", None, Some(LOCK)),
        ];
        let (result, detail) = with(&own);
        assert_eq!(result, CheckResult::Pass, "{detail}");
        assert!(detail.contains("2 are the shipped blueprint's"), "{detail}");
        let (result, detail) = with(&[own[0], ("Cargo.lock", None, Some(LOCK_MORE))]);
        assert_eq!(
            result,
            CheckResult::Fail,
            "another checksum than was shipped"
        );
        assert!(detail.contains("Cargo.lock: +serde"), "{detail}");
        assert_eq!(
            with(&[("Cargo.toml", None, Some(MORE))]).0,
            CheckResult::Fail
        );
        let had = ("package.json", Some("{}"), Some("{}"));
        assert_eq!(with(&[had, own[0], own[1]]).0, CheckResult::Fail);
        let below = ("web/package.json", Some("{}"), Some("{}"));
        assert_eq!(with(&[below, own[0], own[1]]).0, CheckResult::Pass);
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
        let (held, detail) = result(true, &files[..1]);
        assert_eq!(held, CheckResult::Fail, "no lock says which one comes");
        assert!(
            detail.starts_with(UNVETTED) && detail.contains("no lockfile pins"),
            "{detail}"
        );
        for manifest in ["setup.py", "Pipfile", "pom.xml"] {
            let (held, detail) = result(true, &[(manifest, Some("a"), Some("a\nb"))]);
            assert_eq!(held, CheckResult::Fail, "{manifest}");
            assert!(detail.starts_with(UNVETTED), "{detail}");
        }
        let gone = [("Cargo.lock", Some(LOCK), None)];
        assert_eq!(result(true, &gone).0, CheckResult::Fail, "chosen anew");
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

    #[test]
    fn vendored_code_is_a_dependency_and_a_folder_of_that_name_is_not() {
        let text = (Some("a"), Some("b"));
        for (marker, file) in [
            ("vendor/modules.txt", "vendor/example.org/x/x.go"),
            ("web/vendor/modules.txt", "web/vendor/example.org/x/x.go"),
            ("vendor/itoa/.cargo-checksum.json", "vendor/itoa/src/lib.rs"),
        ] {
            let files = [(marker, Some("x"), Some("x")), (file, text.0, text.1)];
            let (refused, detail) = result(false, &files);
            assert_eq!(refused, CheckResult::Fail, "{file}");
            assert!(detail.contains(file), "{detail}");
            let (held, detail) = result(true, &files);
            assert_eq!(held, CheckResult::Fail, "{file}");
            assert!(detail.starts_with(UNVETTED), "nobody can vouch: {detail}");
            let gone = [(marker, Some("x"), Some("x")), (file, Some("a"), None)];
            assert_eq!(result(false, &gone).0, CheckResult::Fail, "{file}");
        }
        for (marker, file) in [
            ("vendor/modules.txt", "myvendor/x.go"),
            ("vendor/README.md", "vendor/own.go"),
            ("vendor/itoa/.cargo-checksum.json", "vendor/own/src/lib.rs"),
        ] {
            let files = [(marker, Some("x"), Some("x")), (file, text.0, text.1)];
            assert_eq!(result(false, &files).0, CheckResult::Pass, "{file}");
        }
    }

    #[test]
    fn a_copied_in_package_is_a_new_one_and_a_member_is_not() {
        let with = |line: &str| format!("{BASE}{line}\n");
        let copied = with("ryu={path='vendor/ryu'}");
        let package = "[package]\nname='ryu'\n";
        let files = [
            ("Cargo.toml", Some(BASE), Some(copied.as_str())),
            ("vendor/ryu/Cargo.toml", None, Some(package)),
        ];
        let (refused, detail) = result(false, &files);
        assert_eq!(refused, CheckResult::Fail);
        assert!(detail.contains("+path ryu"), "{detail}");
        let member = with("own={path='crates/../crates/own'}");
        let files = [
            ("Cargo.toml", Some(BASE), Some(member.as_str())),
            ("crates/own/Cargo.toml", Some(package), Some(package)),
        ];
        assert_eq!(result(false, &files).0, CheckResult::Pass);
        let outside = with("own={path='../../own'}");
        assert_eq!(
            result(false, &[("Cargo.toml", Some(BASE), Some(&outside))]).0,
            CheckResult::Fail
        );
    }
    #[test]
    fn a_module_of_go_that_is_a_folder_of_the_project_is_no_foreign_one() {
        let site = |name: &str, to: &str| {
            format!(
                "module site\n\nrequire example.org/{name} v0.0.0\n\nreplace example.org/{name} => {to}\n"
            )
        };
        let base = site("slug", "../libs/slug");
        let own = "module example.org/slug2\n";
        let with = |base: &str, head: &str, folder: Option<&str>| {
            let files = [
                ("site/go.mod", Some(base), Some(head)),
                ("libs/slug2/go.mod", folder, Some(own)),
            ];
            result(false, &files)
        };
        let moved = site("slug2", "../libs/slug2");
        let (held, detail) = with(&base, &moved, Some(own));
        assert_eq!(held, CheckResult::Pass, "{detail}");
        let (held, detail) = with(&base, &moved, None);
        assert_eq!(held, CheckResult::Fail, "it came with the change");
        assert!(detail.contains("+path example.org/slug2"), "{detail}");
        let fetched = "module site\n\nrequire example.org/slug2 v1.0.0\n";
        let (held, detail) = with(&base, fetched, Some(own));
        assert_eq!(held, CheckResult::Fail);
        assert!(detail.contains("+example.org/slug2"), "{detail}");
        let here = site("slug2", "../libs/slug2");
        let (held, detail) = with(fetched, &here, Some(own));
        assert_eq!(held, CheckResult::Fail, "a foreign one was taken away");
        assert!(detail.contains("-example.org/slug2"), "{detail}");
    }
}
