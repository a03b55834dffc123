//! Settings of package managers that say where packages come from: whoever changes one has another package under the old name.
//! What else such a file sets is no dependency; `gate_config` judges it.

use super::manifest::Packages;
use crate::paths;

/// Of `[tool.uv]` in `pyproject.toml` and of `uv.toml`, and of the table `pip` in both.
pub(super) const PYTHON: [&str; 12] = [
    "index",
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "default-index",
    "index-strategy",
    "allow-insecure-host",
    "sources",
    "override-dependencies",
    "constraint-dependencies",
    "pip",
];
/// Of `.cargo/config.toml`; `paths` puts folders in the place of packages.
const CARGO: [&str; 5] = ["source", "patch", "registries", "registry", "paths"];
/// Of `[install]` in `bunfig.toml`.
const BUN: [&str; 2] = ["registry", "scopes"];
/// In settings that are lines.
const WORDS: [&str; 10] = [
    "registry",
    "registries",
    "index-url",
    "index_url",
    "find-links",
    "find_links",
    "trusted-host",
    "npmscopes",
    "://",
    "file:",
];

pub(super) fn is_one(path: &str) -> bool {
    let name = paths::name(path);
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    match name {
        ".npmrc" | ".yarnrc" | ".yarnrc.yml" | ".pnpmfile.cjs" | "bunfig.toml" | "pip.conf"
        | "pip.ini" | "uv.toml" => true,
        "config.toml" | "config" => folder == ".cargo",
        _ => false,
    }
}

/// # Errors
/// The reason when the file cannot be read as what its name says.
pub(super) fn said(path: &str, text: &str) -> Result<Packages, String> {
    match paths::name(path) {
        "config.toml" | "config" => tables(text, &CARGO),
        "uv.toml" => tables(text, &PYTHON),
        "bunfig.toml" => {
            let table: ::toml::Table = parsed(text)?;
            let install = table.get("install").and_then(::toml::Value::as_table);
            Ok(install.map(|install| of(install, &BUN)).unwrap_or_default())
        }
        // A program: what it does to packages is not read.
        ".pnpmfile.cjs" => Ok(lines(text, |line| !line.starts_with("//"))),
        _ => Ok(lines(text, |line| {
            let line = line.to_lowercase();
            WORDS.iter().any(|word| line.contains(word))
        })),
    }
}

fn parsed(text: &str) -> Result<::toml::Table, String> {
    text.parse()
        .map_err(|e: ::toml::de::Error| format!("it is no TOML ({})", e.message()))
}

fn tables(text: &str, keys: &[&str]) -> Result<Packages, String> {
    Ok(of(&parsed(text)?, keys))
}

fn of(table: &::toml::Table, keys: &[&str]) -> Packages {
    let own = table.iter().filter(|(key, _)| keys.contains(&key.as_str()));
    own.map(|(key, value)| (format!("[{key}]"), value.to_string()))
        .collect()
}

fn lines(text: &str, is_one: impl Fn(&str) -> bool) -> Packages {
    let lines = text.lines().map(str::trim);
    let lines =
        lines.filter(|line| !line.is_empty() && !line.starts_with(['#', ';']) && is_one(line));
    lines.map(|line| (line.to_owned(), String::new())).collect()
}

#[cfg(test)]
mod tests {
    use alai_core::qa::{CheckResult, UNVETTED};

    use super::super::dependencies::check;
    use super::super::testing::Task;
    use crate::change::Change;

    fn result(allow: bool, files: &[(&str, Option<&str>, Option<&str>)]) -> (CheckResult, String) {
        let task = Task {
            allow_dependency_changes: allow,
            ..Task::build()
        };
        let m = check(&Change::of(files), &task.rules());
        (m.result, m.detail)
    }

    #[test]
    fn a_redirection_is_held_and_never_vouched_for() {
        for (path, base, head) in [
            (
                ".cargo/config.toml",
                None,
                "[source.crates-io]\nreplace-with='x'\n[source.x]\nregistry='sparse+https://example.org/'\n",
            ),
            (
                ".cargo/config",
                None,
                "[patch.crates-io]\nserde={path='../serde'}\n",
            ),
            (
                "sub/.cargo/config.toml",
                Some("[build]\njobs=2\n"),
                "paths=['../serde']\n",
            ),
            (
                ".npmrc",
                Some("save-exact=true\n"),
                "save-exact=true\nregistry=https://example.org/\n",
            ),
            (".npmrc", None, "@bento:registry=https://example.org/\n"),
            (
                ".yarnrc.yml",
                None,
                "npmRegistryServer: \"https://example.org\"\n",
            ),
            (
                "bunfig.toml",
                None,
                "[install]\nregistry='https://example.org/'\n",
            ),
            (
                "pip.conf",
                None,
                "[global]\nextra-index-url = https://example.org/simple\n",
            ),
            (
                "uv.toml",
                None,
                "[[index]]\nurl='https://example.org/simple'\n",
            ),
        ] {
            let files = [(path, base, Some(head))];
            let (held, why) = result(false, &files);
            assert_eq!(held, CheckResult::Fail, "{path}");
            assert!(
                why.starts_with("the plan allows no change of dependencies"),
                "{path}: {why}"
            );
            let (held, why) = result(true, &files);
            assert_eq!(held, CheckResult::Fail, "{path}");
            assert!(
                why.starts_with(UNVETTED) && why.contains("says where packages come from"),
                "{path}: {why}"
            );
        }
    }

    #[test]
    fn what_else_such_a_file_sets_is_no_dependency() {
        for (path, base, head) in [
            (
                ".cargo/config.toml",
                None,
                "[build]\njobs=2\n[alias]\nt='test'\n",
            ),
            (
                ".cargo/config.toml",
                Some("[registry]\ndefault='own'\n"),
                "[registry]\ndefault='own'\n[net]\nretry=3\n",
            ),
            (
                ".npmrc",
                None,
                "save-exact=true\nfund=false\n# registry=https://example.org/\n",
            ),
            (".yarnrc.yml", None, "nodeLinker: node-modules\n"),
            ("bunfig.toml", None, "[test]\ncoverage=true\n"),
            ("pip.conf", None, "[global]\ntimeout = 60\n"),
            ("uv.toml", None, "cache-dir='.cache'\n"),
            (
                "docs/config.toml",
                None,
                "[source.x]\nregistry='https://example.org/'\n",
            ),
            (
                "pyproject.toml",
                Some("[tool.ruff]\nline-length=100\n"),
                "[tool.ruff]\nline-length=120\n",
            ),
            ("go.mod", Some("module a\ngo 1.19\n"), "module a\ngo 1.20\n"),
            (
                "package.json",
                Some("{\"version\":\"1.0.0\"}"),
                "{\"version\":\"1.0.1\",\"scripts\":{\"a\":\"b\"}}",
            ),
            (
                "Cargo.toml",
                Some("[package]\nname='a'\nversion='0.1.0'\n"),
                "[package]\nname='a'\nversion='0.2.0'\n",
            ),
        ] {
            let (passed, why) = result(false, &[(path, base, Some(head))]);
            assert_eq!(passed, CheckResult::Pass, "{path}: {why}");
        }
    }

    #[test]
    fn a_manifest_that_sends_a_package_elsewhere_changes_a_dependency() {
        let uv = "[project]\nname='a'\ndependencies=['b']\n";
        let npm = "{\"dependencies\":{\"b\":\"1.0.0\"}}";
        let cargo = "[package]\nname='a'\n[dependencies]\nb='1'\n";
        for (path, base, head) in [
            (
                "Cargo.toml",
                cargo,
                format!("{cargo}[patch.crates-io]\nb={{git='https://example.org/b'}}\n"),
            ),
            (
                "Cargo.toml",
                cargo,
                format!("{cargo}[replace]\n'b:1.0.0'={{path='../b'}}\n"),
            ),
            ("crates/in/Cargo.toml", cargo, format!("{cargo}c='1'\n")),
            (
                "package.json",
                npm,
                npm.replace("}}", "},\"overrides\":{\"b\":\"npm:c@1.0.0\"}}"),
            ),
            (
                "package.json",
                npm,
                npm.replace("}}", "},\"resolutions\":{\"**/b\":\"2.0.0\"}}"),
            ),
            (
                "web/package.json",
                npm,
                npm.replace("}}", "},\"pnpm\":{\"overrides\":{\"b\":\"2.0.0\"}}}"),
            ),
            (
                "pyproject.toml",
                uv,
                format!("{uv}[tool.uv.sources]\nb={{git='https://example.org/b'}}\n"),
            ),
            (
                "pyproject.toml",
                uv,
                format!("{uv}[[tool.uv.index]]\nurl='https://example.org/simple'\n"),
            ),
            (
                "requirements/dev.txt",
                "b==1\n",
                "b==1\n--extra-index-url https://example.org/simple\n".into(),
            ),
            (
                "go.mod",
                "module a\nrequire b v1\n",
                "module a\nreplace b => ../b\nrequire b v1\n".into(),
            ),
            (
                "go.mod",
                "module a\nrequire b v1\n",
                "module a\nreplace (\n\tb v1 => example.org/b v2\n)\nrequire b v1\n".into(),
            ),
            (
                "go.mod",
                "module a\nreplace b => c v1\n",
                "module a\nreplace b => c v2\n".into(),
            ),
            (
                "go.work",
                "go 1.19\nuse ./a\n",
                "go 1.19\nuse ./a\nreplace b => ../b\n".into(),
            ),
        ] {
            let (held, why) = result(false, &[(path, Some(base), Some(&head))]);
            assert_eq!(held, CheckResult::Fail, "{path} {head}");
            assert!(
                why.starts_with("the plan allows no change of dependencies"),
                "{path}: {why}"
            );
        }
    }

    #[test]
    fn a_name_that_only_a_lockfile_brings_is_new_and_one_of_another_member_is_not() {
        let lock = |name: &str| {
            format!(
                "[[package]]\nname='{name}'\nversion='1.2.3'\nsource='registry+https://github.com/rust-lang/crates.io-index'\nchecksum='a'\n"
            )
        };
        let (old, new) = (lock("hex"), format!("{}{}", lock("hex"), lock("serd")));
        let member = "[package]\nname='a'\nversion='0.1.0'\n[dependencies]\nserd='1'\n";
        let nearly = "serd is nearly the name of serde";
        let only_lock = [("Cargo.lock", Some(old.as_str()), Some(new.as_str()))];
        let (held, why) = result(false, &only_lock);
        assert_eq!(held, CheckResult::Fail);
        assert!(why.contains("+serd 1.2.3"), "{why}");
        assert!(result(true, &only_lock).1.contains(nearly));
        let unchanged = [
            only_lock[0],
            ("crates/a/Cargo.toml", Some(member), Some(member)),
        ];
        let (_, why) = result(true, &unchanged);
        assert!(!why.contains(nearly), "{why}");
        let nested = [
            ("tools/x/Cargo.toml", None, Some(member)),
            ("tools/x/Cargo.lock", None, Some(new.as_str())),
        ];
        let (held, why) = result(false, &nested);
        assert_eq!(held, CheckResult::Fail);
        assert!(why.contains("+serd"), "{why}");
        assert!(result(true, &nested).1.contains(nearly));
    }
}
