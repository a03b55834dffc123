//! A remote of the user's repository: one branch is pushed, one is fetched, and nothing else. Both run in our neutral directory over the
//! repository's objects, so that no configuration, hook or helper that the repository names is read: of it comes the address alone.
//!
//! Absences: no push is forced or deletes; no branch is pushed that people have; no transport but https, ssh and a path; no program but
//! git's own transports, ssh, and credential helpers of an allow-list that the person's own configuration names; no question is asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use alai_core::safety::credential_in;

use super::open::global_file;
use super::run::{self, Call, Output, on_objects, on_refs};
use super::{GitError, Oid, Repo, is_ref_name};
use crate::access::{Access, scrubbed, within};
use crate::crash;

/// Where branches lie that the factory pushes; no other is.
pub const OWN: &str = "alai/";

/// Longest a push may take: a first one sends a whole history.
const PUSH_S: u64 = 600;

/// Helpers of git's own and of its usual companions, by plain name.
const HELPERS: [&str; 8] = [
    "cache",
    "store",
    "libsecret",
    "osxkeychain",
    "gnome-keyring",
    "manager",
    "manager-core",
    "oauth",
];

/// Programs and questions are as closed as everywhere, and what is slow without end is given up.
const SETTINGS: [&str; 6] = [
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=30",
    "push.followTags=false",
    "push.gpgSign=false",
];

/// What ssh is told: it asks nothing, and goes to no host that the person's `known_hosts` does not have.
const SSH: &str = "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=20 -oPermitLocalCommand=no -oForwardAgent=no \
                   -oClearAllForwardings=yes";

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error(
        "{root} has no remote `{name}`; `git -C {root} remote add {name} ADDRESS`, or name another with --remote"
    )]
    NoRemote { name: String, root: PathBuf },
    #[error("the address of the remote `{name}` cannot be used: {why}")]
    Address { name: String, why: &'static str },
    #[error(
        "`{branch}` of {remote} has commits that are not ours, and alai never forces a push: look at them with \
         `git fetch {remote} {branch}`, then delete that branch there or merge what it has"
    )]
    Moved { remote: String, branch: String },
    #[error("{remote} refuses `{branch}`: {why}")]
    Refused {
        remote: String,
        branch: String,
        why: String,
    },
    #[error("{remote} could not be reached to {what}: {why}{fix}")]
    Unreachable {
        remote: String,
        what: &'static str,
        why: String,
        fix: &'static str,
    },
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A remote by its address, as the person would reach it.
#[derive(Clone)]
pub struct Remote {
    name: String,
    address: String,
    access: Access,
    /// Settings that name the credential helpers.
    helpers: Vec<String>,
}

/// A user of an address may be a token.
impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Remote").field(&self.name).finish()
    }
}

/// Which way the address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    Push,
    Fetch,
}

impl Remote {
    /// The address, for finding out what it names and never to be shown.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// The remote of that name: its address as the repository's and the person's configuration have it (`pushurl`, `insteadOf`).
///
/// # Errors
/// [`RemoteError::NoRemote`], or [`RemoteError::Address`] for one that is not to be used.
pub fn remote(
    repo: &Repo,
    name: &str,
    towards: Towards,
    access: &Access,
) -> Result<Remote, RemoteError> {
    let none = || RemoteError::NoRemote {
        name: name.chars().take(100).collect(),
        root: repo.root().to_path_buf(),
    };
    if !alai_core::pull::is_remote_name(name) {
        return Err(none());
    }
    let mut call = on_refs(repo)
        .reading()
        .env("GIT_CONFIG_GLOBAL", &run::text(&global_file(access.home())))
        .env("HOME", &run::text(access.home()))
        .args(["remote", "get-url"]);
    if towards == Towards::Push {
        call = call.args(["--push"]);
    }
    let output = call.args([name]).run()?;
    if output.code != 0 {
        return Err(none());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let address = said.lines().next().unwrap_or_default().trim();
    let usable = usable(repo.root(), address);
    let address = usable.map_err(|why| RemoteError::Address {
        name: name.to_owned(),
        why,
    })?;
    Ok(Remote {
        name: name.to_owned(),
        address,
        helpers: helpers(repo, access)?,
        access: access.clone(),
    })
}

/// An address that git may be given; a path is taken from the top of the repository.
fn usable(root: &Path, address: &str) -> Result<String, &'static str> {
    const FORMS: &str = "it is https, ssh (or USER@HOST:PATH), or a path";
    if address.is_empty() || address.starts_with('-') || address.chars().any(char::is_control) {
        return Err(FORMS);
    }
    if let Some((scheme, rest)) = address.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        return match scheme {
            "https" | "ssh" if authority.starts_with('-') || user.starts_with('-') => Err(FORMS),
            "https" if user.contains(':') || credential_in(user).is_some() => Err(
                "it holds a password or a token, which every program on the machine can see; take it out with `git remote set-url` and keep it in a \
                 credential helper",
            ),
            "https" | "ssh" | "file" => Ok(address.to_owned()),
            _ => Err(FORMS),
        };
    }
    // `ext::sh -c ...` and its like start programs.
    if address.contains("::") {
        return Err(FORMS);
    }
    let host = address.split('/').next().unwrap_or_default();
    match host.contains(':') {
        true => Ok(address.to_owned()),
        false => Ok(run::text(&root.join(address))),
    }
}

/// The credential helpers that the person's own file names, as far as they are of the allow-list, in its order. An empty one takes away
/// those before it, as in git.
fn helpers(repo: &Repo, access: &Access) -> Result<Vec<String>, RemoteError> {
    let file = global_file(access.home());
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let output = on_refs(repo)
        .reading()
        .env("HOME", &run::text(access.home()))
        .args([
            "config",
            "--includes",
            "--null",
            "--file",
            &run::text(&file),
        ])
        .args(["--get-regexp", r"^credential\."])
        .run()?;
    match output.code {
        0 => {}
        1 => return Ok(Vec::new()),
        _ => return Err(run::failed("config", access.home(), &output).into()),
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut settings = Vec::new();
    for entry in text.split('\0').filter(|entry| !entry.is_empty()) {
        let (key, value) = entry.split_once('\n').unwrap_or((entry, ""));
        let last = key.rsplit('.').next().unwrap_or_default();
        let taken = match last {
            // It would end in the middle of the name.
            _ if key.contains('=') => false,
            "helper" => allowed(value, repo.root()),
            "username" | "usehttppath" => !value.chars().any(char::is_control),
            _ => false,
        };
        if taken {
            settings.push(format!("{key}={value}"));
        }
    }
    Ok(settings)
}

/// Whether a credential helper may be started: one of git's own by name, or `gh` as it sets itself up.
fn allowed(helper: &str, root: &Path) -> bool {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '=' | ' ' | '~');
    if !helper.chars().all(|c| plain(c) || c == '!') {
        return false;
    }
    if let Some(program) = helper.strip_prefix('!') {
        let words: Vec<&str> = program.split(' ').collect();
        let [program, "auth", "git-credential"] = words.as_slice() else {
            return false;
        };
        let path = Path::new(program);
        let named_gh = path.file_name().is_some_and(|name| name == "gh");
        let found = *program == "gh" || (path.is_absolute() && !within(path, root));
        return named_gh && found;
    }
    let name = helper.split(' ').next().unwrap_or_default();
    helper.is_empty() || HELPERS.contains(&name)
}

/// Brings a commit to a branch of the factory's own on the remote. There already is as good.
///
/// # Errors
/// [`RemoteError::Moved`] where the branch has something else: nothing is forced.
pub fn push(repo: &Repo, to: &Remote, commit: &Oid, branch: &str) -> Result<(), RemoteError> {
    let full = format!("refs/heads/{branch}");
    if !branch.starts_with(OWN) || !is_ref_name(&full) {
        return Err(GitError::BadRef {
            name: branch.chars().take(200).collect(),
        }
        .into());
    }
    crash::point("push.before");
    let output = call(on_objects(repo), to, PUSH_S)
        .args([
            "push",
            "--porcelain",
            "--no-verify",
            "--no-signed",
            "--no-follow-tags",
        ])
        .args([
            "--recurse-submodules=no",
            "--no-progress",
            "--end-of-options",
        ])
        .args([to.address.as_str(), &format!("{commit}:{full}")])
        .run();
    crash::point("push.after");
    let output = reached(output, to, "push")?;
    if output.code == 0 {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| line.strip_prefix("!\t"));
    let Some(line) = line else {
        return Err(unreachable(to, "push", &output.stderr));
    };
    let why = line.split('\t').nth(1).unwrap_or(line);
    if why.contains("non-fast-forward") || why.contains("fetch first") {
        return Err(RemoteError::Moved {
            remote: to.name.clone(),
            branch: branch.to_owned(),
        });
    }
    let hook = remote_words(&output.stderr);
    Err(RemoteError::Refused {
        remote: to.name.clone(),
        branch: branch.to_owned(),
        why: scrubbed(&format!("{why}{hook}")),
    })
}

/// What the other side's hooks said, behind the reason.
fn remote_words(stderr: &str) -> String {
    let words: Vec<&str> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    match words.is_empty() {
        true => String::new(),
        false => format!(" ({})", words.join(" ")),
    }
}

/// Brings the objects of a branch of the remote here. Answers with its commit, or with nothing where it has no such branch. No ref of the
/// repository is written.
///
/// # Errors
/// [`RemoteError::Unreachable`] where the remote cannot be reached within `within_s` seconds.
pub fn fetch(
    repo: &Repo,
    from: &Remote,
    branch: &str,
    have: &[&Oid],
    within_s: u64,
) -> Result<Option<Oid>, RemoteError> {
    let full = format!("refs/heads/{branch}");
    if !is_ref_name(&full) {
        return Err(GitError::BadRef {
            name: branch.chars().take(200).collect(),
        }
        .into());
    }
    // What is known to the other side need not be sent again.
    for (at, oid) in have.iter().enumerate() {
        on_objects(repo)
            .args(["update-ref", &format!("refs/have/{at}"), oid.as_str()])
            .ok()?;
    }
    crash::point("remote-fetch.before");
    let output = call(on_objects(repo), from, within_s)
        .args([
            "fetch",
            "--quiet",
            "--no-progress",
            "--no-tags",
            "--no-write-fetch-head",
        ])
        .args([
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            "--refmap=",
            "--end-of-options",
        ])
        .args([from.address.as_str(), &format!("+{full}:refs/fetched/tip")])
        .run();
    crash::point("remote-fetch.after");
    let output = reached(output, from, "fetch")?;
    if output.code != 0 && output.stderr.contains("couldn't find remote ref") {
        return Ok(None);
    }
    if output.code != 0 {
        return Err(unreachable(from, "fetch", &output.stderr));
    }
    let tip = on_objects(repo).args(["rev-parse", "--verify", "refs/fetched/tip^{commit}"]);
    Ok(Some(tip.oid()?))
}

fn call(call: Call<'static>, remote: &Remote, within_s: u64) -> Call<'static> {
    let access = &remote.access;
    let mut call = call.within(Duration::from_secs(within_s));
    for (name, value) in access.env(alai_core::pull::host_of_address(&remote.address)) {
        call = call.env(name, value);
    }
    let settings = SETTINGS.iter().copied();
    let settings = settings.chain(remote.helpers.iter().map(String::as_str));
    call.env("PATH", access.path())
        .env("GIT_ALLOW_PROTOCOL", "https:ssh:file")
        .env("GIT_SSH_COMMAND", SSH)
        .env("GIT_SSH_VARIANT", "ssh")
        .env("SSH_ASKPASS_REQUIRE", "never")
        .args(settings.flat_map(|setting| ["-c", setting]))
}

fn reached(
    output: Result<Output, GitError>,
    remote: &Remote,
    what: &'static str,
) -> Result<Output, RemoteError> {
    match output {
        Err(GitError::Failed { exit, stderr, .. }) => {
            Err(unreachable(remote, what, &format!("{exit} {stderr}")))
        }
        output => Ok(output?),
    }
}

fn unreachable(remote: &Remote, what: &'static str, said: &str) -> RemoteError {
    let fixes = [
        (
            "Host key verification failed",
            "; connect once by hand (`ssh HOST`), so that its key is in known_hosts",
        ),
        (
            "Permission denied",
            "; load the key into the ssh agent of the session that alai runs in (`ssh-add`)",
        ),
        (
            "could not read Username",
            "; set a credential helper in your own ~/.gitconfig (`gh auth setup-git`), docs/DELIVERY.md lists them",
        ),
        (
            "Authentication failed",
            "; log in anew with the credential helper of your ~/.gitconfig",
        ),
    ];
    let fix = fixes.iter().find(|(mark, _)| said.contains(mark));
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    RemoteError::Unreachable {
        remote: remote.name.clone(),
        what,
        why: scrubbed(&lines.join(" ")),
        fix: fix.map_or("", |(_, fix)| fix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_ssh_or_a_path_and_starts_no_program() {
        let root = Path::new("/r");
        for good in [
            "https://h/x.git",
            "https://user@h/x.git",
            "ssh://git@h:22/x",
            "git@h:x.git",
            "file:///srv/x.git",
            "/srv/x.git",
        ] {
            assert_eq!(usable(root, good).as_deref(), Ok(good));
        }
        assert_eq!(usable(root, "../x.git").as_deref(), Ok("/r/../x.git"));
        for bad in [
            "",
            "--upload-pack=evil",
            "ext::sh -c evil",
            "http://h/x",
            "git://h/x",
            "https://a:pw@h/x",
            "https://ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX@h/x",
            "ssh://-oProxyCommand=evil/x",
            "a\nb",
        ] {
            assert!(usable(root, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_known_credential_helpers_are_started() {
        let root = Path::new("/r");
        for good in [
            "",
            "store",
            "cache --timeout=300",
            "store --file ~/.creds",
            "!gh auth git-credential",
            "!/usr/bin/gh auth git-credential",
        ] {
            assert!(allowed(good, root), "{good}");
        }
        for bad in [
            "!evil",
            "!gh auth git-credential; evil",
            "!gh auth git-credential --x",
            "/usr/bin/evil",
            "evil",
            "store;evil",
            "store $(evil)",
            "!/r/bin/gh auth git-credential",
            "!./gh auth git-credential",
            "!/tmp/nogh auth git-credential",
        ] {
            assert!(!allowed(bad, root), "{bad}");
        }
    }
}
