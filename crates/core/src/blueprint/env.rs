//! `env:`: variables of a step's commands. The one way in which what a model or a person said reaches a command: as a value
//! that a program asks for by its name, never as a part of the command line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::progress::StepResult;
use super::template::Template;

/// Bytes of one value; more is handed over in a file.
pub const ENV_VALUE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of all names and values of one command. A kernel takes 128 KB for one and 2 MB for all; nobody reads that.
pub const ENV_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one name.
const NAME_BYTES_MAX: usize = 64;

/// Names that decide which program runs, which code it loads first, or whose it is. What stands in them would act before the
/// command does.
const TAKEN: [&str; 53] = [
    "PATH",
    "HOME",
    "SHELL",
    "SHELLOPTS",
    "ENV",
    "IFS",
    "PS4",
    "CDPATH",
    "USER",
    "LOGNAME",
    "PWD",
    "OLDPWD",
    "TMPDIR",
    "TERM",
    "TERMINFO",
    "PAGER",
    "MANPAGER",
    "LESSOPEN",
    "EDITOR",
    "VISUAL",
    "BROWSER",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYOPT",
    "RUBYLIB",
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "MAKEFLAGS",
    "GNUMAKEFLAGS",
    "MAKEFILES",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_HOME",
    "CC",
    "CXX",
    "CPP",
    "LD",
    "AR",
    "AS",
    "GOFLAGS",
    "GOROOT",
    "GOTOOLCHAIN",
    "TAR_OPTIONS",
    "ZDOTDIR",
    "DOTNET_STARTUP_HOOKS",
    "GRADLE_OPTS",
    "JAVA_OPTS",
    "JAVA_HOME",
    "MAVEN_OPTS",
    "PHPRC",
];
/// Beginnings of such names.
const TAKEN_BEGINNINGS: [&str; 14] = [
    "LD_",
    "DYLD_",
    "GIT_",
    "BASH_",
    "ALAI_",
    "SSH_",
    "GCONV_",
    "MALLOC_",
    "PYTHON",
    "CARGO_",
    "RUSTC",
    "RUSTFLAGS",
    "NPM_CONFIG_",
    "XDG_",
];

/// Variables by name, as far as they are known before the run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Env {
    pub(super) values: BTreeMap<String, Template>,
}

impl Env {
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Its names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The variables as a command gets them.
    ///
    /// # Errors
    /// Which value cannot be had: a step that was skipped, a control character, or too many bytes.
    pub fn settle(
        &self,
        results: &BTreeMap<String, StepResult>,
    ) -> Result<Vec<(String, String)>, String> {
        let mut settled = Vec::new();
        let mut bytes = 0;
        for (name, value) in &self.values {
            let value = value.fill(results, ENV_VALUE_BYTES_MAX);
            let value = value.map_err(|why| format!("`env.{name}`: {why}"))?;
            bytes += name.len() + value.len();
            if bytes > ENV_BYTES_MAX {
                return Err(format!(
                    "`env` has more than {ENV_BYTES_MAX} bytes in all, filled in"
                ));
            }
            settled.push((name.clone(), value));
        }
        Ok(settled)
    }
}

/// Why a variable cannot have this name, if so.
pub(super) fn name_problem(name: &str) -> Option<String> {
    let first = { name.bytes().next() }.is_some_and(|b| b.is_ascii_uppercase() || b == b'_');
    let fine = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let plain = name.bytes().all(fine);
    if !first || !plain || name.len() > NAME_BYTES_MAX {
        return Some(format!(
            "`{}` cannot name a variable; use A to Z, digits and `_`, not a digit first, at most {NAME_BYTES_MAX}",
            name.escape_debug()
        ));
    }
    let taken = TAKEN.contains(&name) || TAKEN_BEGINNINGS.iter().any(|b| name.starts_with(b));
    taken.then(|| {
        format!("the variable `{name}` decides what a command is or loads, and is not set by a blueprint; choose another name")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_blueprint_names_the_program_that_runs() {
        for name in [
            "RUSTUP_TOOLCHAIN",
            "CC",
            "CXX",
            "LD",
            "AR",
            "GOFLAGS",
            "GOROOT",
            "GNUMAKEFLAGS",
            "MAKEFILES",
            "TAR_OPTIONS",
            "ZDOTDIR",
            "DOTNET_STARTUP_HOOKS",
            "GRADLE_OPTS",
            "MAVEN_OPTS",
            "PHPRC",
        ] {
            assert!(name_problem(name).is_some(), "{name}");
        }
        for name in ["FOLDER", "CCY", "LDAP", "GOAL", "NAME"] {
            assert_eq!(name_problem(name), None);
        }
    }
}
