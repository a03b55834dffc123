//! The demos, each as data: a repository to begin with, a recording in the model's place, and what a person would type.

use std::path::{Path, PathBuf};

use alai_workspace::git::{self, Identity};
use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::args::{DemoArgs, DemoName};
use crate::error::{CliError, Kind};

/// A demo as it is in this program.
struct Shipped {
    name: Option<DemoName>,
    lean: bool,
    sample: Dir<'static>,
    script: &'static str,
    text: &'static str,
}

static SHIPPED: [Shipped; 3] = [
    Shipped {
        name: None,
        lean: false,
        sample: include_dir!("$CARGO_MANIFEST_DIR/demo/service"),
        script: include_str!("../../../demo/script.yaml"),
        text: include_str!("../../../demo/demo.yaml"),
    },
    Shipped {
        name: Some(DemoName::Bento),
        lean: true,
        sample: include_dir!("$CARGO_MANIFEST_DIR/demo/bento-lean/sample"),
        script: include_str!("../../../demo/bento-lean/script.yaml"),
        text: include_str!("../../../demo/bento-lean/demo.yaml"),
    },
    Shipped {
        name: Some(DemoName::Bento),
        lean: false,
        sample: include_dir!("$CARGO_MANIFEST_DIR/demo/bento/sample"),
        script: include_str!("../../../demo/bento/script.yaml"),
        text: include_str!("../../../demo/bento/demo.yaml"),
    },
];

/// One demo, read.
pub(super) struct Demo {
    sample: &'static Dir<'static>,
    pub(super) script: &'static str,
    pub(super) told: Told,
}

/// What a demo's file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// One line for people.
    pub(super) about: String,
    /// Programs of the machine that it cannot do without.
    #[serde(default)]
    needs: Vec<String>,
    /// The repository's folder, and so the project's name.
    pub(super) folder: String,
    /// The title of its first commit.
    commit: String,
    /// Arguments of `alai project add .`.
    project: Vec<String>,
    /// What a person types in the repository's folder, without `alai`.
    orders: Vec<Vec<String>>,
    /// The tag whose tasks are listed at the end.
    pub(super) list: Option<String>,
    pub(super) shows: Shows,
}

/// What must have been seen when it has ended: at least so many, but for those that wait.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shows {
    pub(super) builds: usize,
    /// Builds after a review or an audit sent one back.
    pub(super) reworks: usize,
    pub(super) follow_ups: usize,
    /// Lines of work that are merged, documents and deploy set-up among them.
    pub(super) merged: usize,
    pub(super) ops: usize,
    pub(super) docs: usize,
    /// Packages of evidence; all that there are must verify.
    pub(super) packages: usize,
    /// Tasks that wait for a person, exactly.
    pub(super) waiting: usize,
}

impl Told {
    /// What a person types in the repository's folder, the project first.
    pub(super) fn lines(&self) -> Vec<Vec<String>> {
        let add = ["project", "add", "."].map(str::to_owned).into_iter();
        let project = add.chain(self.project.iter().cloned()).collect();
        let orders = self.orders.iter().cloned();
        std::iter::once(project).chain(orders).collect()
    }
}

impl Shows {
    /// What is less than it should be, in words.
    pub(super) fn missing_in(&self, seen: &Shows) -> Option<String> {
        let least = [
            ("builds", self.builds, seen.builds),
            ("builds after a review", self.reworks, seen.reworks),
            ("follow-ups", self.follow_ups, seen.follow_ups),
            ("merged changes", self.merged, seen.merged),
            ("merged deploy set-ups", self.ops, seen.ops),
            ("merged documents", self.docs, seen.docs),
            ("packages of evidence", self.packages, seen.packages),
        ];
        let short = { least.iter() }.find(|(_, wanted, seen)| seen < wanted);
        match short {
            Some((what, wanted, seen)) => Some(format!("{seen} {what}, and not {wanted}")),
            None if self.waiting != seen.waiting => Some(format!(
                "{} tasks wait for a person, and not {}",
                seen.waiting, self.waiting
            )),
            None => None,
        }
    }
}

impl Demo {
    /// The demo that was asked for.
    ///
    /// # Errors
    /// When there is none of that name and form.
    pub(super) fn asked(args: &DemoArgs) -> Result<Demo, CliError> {
        let found = { SHIPPED.iter() }.find(|d| d.name == args.name && d.lean == args.lean);
        let Some(shipped) = found else {
            let message = "this program has no such demo";
            return Err(CliError::new(Kind::Usage, message).hinted("`alai demo bento --lean`"));
        };
        let told = serde_saphyr::from_str(shipped.text).map_err(|e| {
            CliError::new(Kind::Failed, format!("the demo's own file is broken: {e}"))
        })?;
        Ok(Demo {
            sample: &shipped.sample,
            script: shipped.script,
            told,
        })
    }

    /// Says what of the machine it lacks, before anything is written.
    ///
    /// # Errors
    /// When a program that it needs is in none of these folders.
    pub(super) fn is_possible(&self, folders: &[PathBuf]) -> Result<(), CliError> {
        let there = |name: &String| folders.iter().any(|folder| folder.join(name).is_file());
        let missing: Vec<&str> = { self.told.needs.iter() }
            .filter(|name| !there(name))
            .map(String::as_str)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "this machine lacks what the demo needs: {}",
            missing.join(", ")
        );
        let install = "install Node 20.19 or later, Python 3.11 or later with venv, and PostgreSQL";
        let lean = "`alai demo bento --lean` needs nothing but python3";
        Err(CliError::new(Kind::NeedsSetup, message)
            .hinted(install)
            .hinted(lean))
    }

    /// Writes its sample and makes it a repository with one commit.
    pub(super) fn write_sample(&self, dest: &Path) -> Result<(), CliError> {
        let failed = |e: &dyn std::fmt::Display| {
            CliError::new(Kind::Failed, format!("cannot write the sample: {e}"))
        };
        std::fs::create_dir_all(dest).map_err(|e| failed(&e))?;
        self.sample.extract(dest).map_err(|e| failed(&e))?;
        let author = Identity::new("Demo Person", "demo@localhost").map_err(|e| failed(&e))?;
        git::create(dest, &author, &self.told.commit).map_err(|e| failed(&e))?;
        Ok(())
    }
}

/// Where programs are looked for: the folders of `PATH`, and those where distributions keep PostgreSQL's server, as the service does.
pub(super) fn program_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for (parent, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")] {
        let inside = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let versions = inside.filter(|v| v.file_name().to_string_lossy().starts_with(prefix));
        folders.extend(versions.map(|version| version.path().join("bin")));
    }
    folders
}

/// The line as it would be typed.
pub(super) fn as_typed(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=".contains(c);
    let escaped = |c: char| match "\\\"$`".contains(c) {
        true => format!("\\{c}"),
        false => c.to_string(),
    };
    let word = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("\"{}\"", word.chars().map(escaped).collect::<String>()),
    };
    let words: Vec<String> = words.iter().map(word).collect();
    format!("alai {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_demo_can_be_read() {
        for shipped in &SHIPPED {
            let args = DemoArgs {
                name: shipped.name,
                lean: shipped.lean,
                keep: None,
            };
            let demo = Demo::asked(&args).expect("it is read");
            assert!(!demo.told.orders.is_empty(), "{:?}", shipped.name);
        }
    }

    fn asked(name: Option<DemoName>, lean: bool) -> Result<Demo, CliError> {
        let keep = None;
        Demo::asked(&DemoArgs { name, lean, keep })
    }

    #[test]
    fn a_form_that_there_is_not_is_refused_with_one_that_there_is() {
        let refused = asked(None, true).err().expect("it is not shipped");
        assert_eq!(refused.kind, Kind::Usage);
        assert_eq!(refused.hints, ["`alai demo bento --lean`"]);
    }

    #[test]
    fn what_the_machine_lacks_is_said_before_anything_is_written() {
        let demo = asked(Some(DemoName::Bento), false).expect("it is shipped");
        let folder = tempfile::tempdir().expect("a folder");
        let folders = [folder.path().to_owned()];
        for name in ["node", "npm", "python3"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let refused = demo.is_possible(&folders).expect_err("no PostgreSQL");
        assert_eq!(refused.kind, Kind::NeedsSetup);
        assert_eq!(
            refused.message,
            "this machine lacks what the demo needs: initdb, pg_isready"
        );
        assert!(refused.hints.iter().any(|hint| hint.contains("--lean")));
        for name in ["initdb", "pg_isready"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        assert!(demo.is_possible(&folders).is_ok());
    }

    #[test]
    fn the_page_has_every_line_that_a_demo_types() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/BENTO.md");
        let page = std::fs::read_to_string(page).expect("the page");
        for lean in [true, false] {
            let told = asked(Some(DemoName::Bento), lean).expect("shipped").told;
            for line in told.lines().iter().map(|line| as_typed(line)) {
                assert!(page.contains(&line), "docs/BENTO.md lacks `{line}`");
            }
        }
    }

    #[test]
    fn what_was_not_shown_is_named() {
        let wanted = Shows {
            builds: 2,
            waiting: 1,
            ..Shows::default()
        };
        assert_eq!(wanted.missing_in(&wanted), None);
        let few = Shows {
            builds: 1,
            ..wanted.clone()
        };
        assert_eq!(
            wanted.missing_in(&few).as_deref(),
            Some("1 builds, and not 2")
        );
        let more = Shows {
            builds: 3,
            waiting: 2,
            ..wanted.clone()
        };
        assert_eq!(
            wanted.missing_in(&more).as_deref(),
            Some("2 tasks wait for a person, and not 1")
        );
    }

    #[test]
    fn a_line_is_shown_as_it_would_be_typed() {
        let words = ["mc", "add", "Bento: API — \"auth\", $5", "-p", "H"].map(str::to_owned);
        assert_eq!(
            as_typed(&words),
            "alai mc add \"Bento: API — \\\"auth\\\", \\$5\" -p H"
        );
    }
}
