//! Signing as the person has configured it: the key is theirs, and the program that signs is the machine's own by its plain name. A
//! program that a configuration names is never started, as everywhere here.

use std::path::Path;

use super::open::global_file;
use super::run::{self, Call, on_refs};
use super::{GitError, Repo};

/// How the factory's own commits are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signing {
    /// Settings that say so, for the command line.
    settings: Vec<String>,
    home: String,
}

impl Signing {
    /// Lets a `commit-tree` sign. It comes before the sub-command; [`Signing::FLAG`] comes behind it.
    pub(super) fn settings<'a>(&self, call: Call<'a>) -> Call<'a> {
        let settings = self.settings.iter();
        let settings = settings.flat_map(|setting| ["-c", setting.as_str()]);
        call.env("HOME", &self.home).args(settings)
    }

    pub(super) const FLAG: &'static str = "-S";
}

/// What `commit.gpgSign`, `gpg.format` and `user.signingKey` say, in the repository or in `home`'s global file; `None` where commits are
/// not to be signed.
///
/// # Errors
/// [`GitError::CannotSign`] for what is to be signed in a way that alai does not know.
pub(super) fn configured(repo: &Repo, home: &Path) -> Result<Option<Signing>, GitError> {
    // By file: the settings of every call, which say that nothing is signed, would win.
    let of = |scope: &str, kind: &str, name: &str| -> Result<Option<String>, GitError> {
        let call = on_refs(repo)
            .reading()
            .env("GIT_CONFIG_GLOBAL", &run::text(&global_file(home)))
            .env("HOME", &run::text(home))
            .args(["config", scope, kind, "--get", name]);
        let output = call.run()?;
        match output.code {
            0 => Ok(Some(
                String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            )),
            1 => Ok(None),
            _ => Err(run::failed("config", repo.root(), &output)),
        }
    };
    let read = |kind: &str, name: &str| match of("--local", kind, name)? {
        None => of("--global", kind, name),
        said => Ok(said),
    };
    // The first answer is by far the most frequent one, and the only one that is asked for.
    if read("--type=bool", "commit.gpgSign")?.as_deref() != Some("true") {
        return Ok(None);
    }
    let format = read("--no-type", "gpg.format")?.unwrap_or_else(|| "openpgp".to_owned());
    let key = read("--no-type", "user.signingKey")?.filter(|key| !key.is_empty());
    let cannot = |why: String| GitError::CannotSign {
        root: repo.root().to_path_buf(),
        why,
    };
    let program = match format.as_str() {
        "openpgp" => "gpg.program=gpg",
        "ssh" => "gpg.ssh.program=ssh-keygen",
        other => return Err(cannot(format!("gpg.format is `{other}`"))),
    };
    let mut settings = vec![format!("gpg.format={format}"), program.to_owned()];
    match key {
        Some(key) => settings.push(format!("user.signingKey={key}")),
        None if format == "ssh" => return Err(cannot("user.signingKey names no key".to_owned())),
        None => {}
    }
    Ok(Some(Signing {
        settings,
        home: run::text(home),
    }))
}
