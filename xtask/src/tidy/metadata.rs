//! What `cargo metadata` says, reduced to what the rules need.

use crate::program::{self, Error};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// One of ours, or somebody else's.
    pub(crate) ours: bool,
    /// An SPDX expression.
    pub(crate) licence: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// Every package of the workspace and of the fuzz targets' own, and every one that they are built from.
pub(crate) fn read() -> Result<Vec<Package>, Error> {
    let said = |manifest: &str| {
        let asked = [
            "metadata",
            "--format-version",
            "1",
            "--manifest-path",
            manifest,
        ];
        parse(&program::read(program::cargo(&asked))?)
    };
    Ok(joined(said("Cargo.toml")?, said("fuzz/Cargo.toml")?))
}

/// Those of the second workspace that the first has not. What is ours in the first is only used in the second.
fn joined(mut packages: Vec<Package>, others: Vec<Package>) -> Vec<Package> {
    let known = |other: &Package| {
        packages
            .iter()
            .any(|p| (&p.name, &p.version) == (&other.name, &other.version))
    };
    let new: Vec<Package> = others.into_iter().filter(|other| !known(other)).collect();
    packages.extend(new);
    packages
}

fn parse(json: &str) -> Result<Vec<Package>, Error> {
    let bad = |why: String| Error::Answer(format!("cannot read what `cargo metadata` says: {why}"));
    let metadata: Metadata = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
    let ours: BTreeSet<&str> = metadata
        .workspace_members
        .iter()
        .map(String::as_str)
        .collect();
    metadata
        .packages
        .iter()
        .map(|package| {
            let dependencies = package.dependencies.iter().map(|dependency| {
                let kind = match dependency.kind.as_deref() {
                    None => Kind::Normal,
                    Some("build") => Kind::Build,
                    Some("dev") => Kind::Dev,
                    Some(other) => return Err(bad(format!("unknown dependency kind {other:?}"))),
                };
                Ok(Dependency {
                    name: dependency.name.clone(),
                    kind,
                })
            });
            Ok(Package {
                name: package.name.clone(),
                version: package.version.clone(),
                ours: ours.contains(package.id.as_str()),
                licence: package.license.clone(),
                dependencies: dependencies.collect::<Result<_, _>>()?,
            })
        })
        .collect()
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<StoredPackage>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct StoredPackage {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    dependencies: Vec<StoredDependency>,
}

#[derive(Deserialize)]
struct StoredDependency {
    name: String,
    kind: Option<String>,
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;

    /// A package of ours with normal dependencies.
    pub(crate) fn ours(name: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            ours: true,
            licence: Some("Apache-2.0".to_owned()),
            dependencies: dependencies
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                    kind: Kind::Normal,
                })
                .collect(),
        }
    }

    /// A package of somebody else.
    pub(crate) fn theirs(name: &str, licence: Option<&str>) -> Package {
        Package {
            ours: false,
            licence: licence.map(str::to_owned),
            ..ours(name, &[])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_with_their_kind_of_dependency() {
        let json = r#"{
            "packages": [
                {"id": "path+x#a@1.0.0", "name": "a", "version": "1.0.0", "license": "MIT", "dependencies": [
                    {"name": "b", "kind": null}, {"name": "c", "kind": "dev"}, {"name": "d", "kind": "build"}]},
                {"id": "b@2", "name": "b", "version": "2.0.0", "license": null, "dependencies": []}],
            "workspace_members": ["path+x#a@1.0.0"], "resolve": null}"#;
        let packages = parse(json).unwrap();
        let kinds: Vec<Kind> = packages[0].dependencies.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, [Kind::Normal, Kind::Dev, Kind::Build]);
        assert!(packages[0].ours && !packages[1].ours);
        assert_eq!(packages[1].licence, None);
    }

    #[test]
    fn an_unknown_kind_is_refused() {
        let json = r#"{"packages": [{"id": "a", "name": "a", "version": "1", "license": null,
            "dependencies": [{"name": "b", "kind": "odd"}]}], "workspace_members": []}"#;
        assert!(parse(json).unwrap_err().to_string().contains("odd"));
    }

    #[test]
    fn the_second_workspace_adds_what_the_first_has_not() {
        use super::examples::{ours, theirs};
        let seen_from_there = theirs("alai-core", Some("Apache-2.0"));
        let others = vec![seen_from_there, ours("alai-fuzz", &[]), theirs("new", None)];
        let all = joined(vec![ours("alai-core", &[])], others);
        let said: Vec<(&str, bool)> = all.iter().map(|p| (p.name.as_str(), p.ours)).collect();
        assert_eq!(
            said,
            [("alai-core", true), ("alai-fuzz", true), ("new", false)]
        );
    }
}
