//! Commits the work of a burst inside the clone, so that none of it is ever lost.
//!
//! It runs as the agent in the cage, where a hostile configuration could harm the agent's own clone alone; the switches
//! below keep hooks, signing, pagers and monitors from breaking or slowing the commit. What the trusted side believes of
//! the result it finds out by importing the commit, not by this answer.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::exec::Exec;
use super::walk::{LEFT_OUT, cache_folders};
use super::wire::{Ran, Refusal, RefusalKind};
use crate::text::{cut, head};

/// Seconds for one git command; hashing a large change takes a few.
const GIT_S_MAX: u64 = 120;
/// Bytes of the change summary; enough for some forty files.
const SUMMARY_BYTES_MAX: usize = 2_000;
/// Bytes of `HEAD` and of a branch's file: a name or a hash.
const SMALL_BYTES_MAX: u64 = 4 << 10;
/// No link is followed, and nothing is waited for.
const NOT_FOLLOWED: i32 = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .bits()
    .cast_signed();
/// Name of the exclude file in the scratch space.
const EXCLUDE: &str = "exclude";

/// What to commit as.
pub(crate) struct Text<'a> {
    pub(crate) message: &'a str,
    pub(crate) author_name: &'a str,
    pub(crate) author_mail: &'a str,
    pub(crate) base: &'a str,
}

/// HEAD after the commit.
pub(crate) struct Committed {
    pub(crate) commit: String,
    pub(crate) made: bool,
    pub(crate) summary: String,
}

/// The branch HEAD is on, if it is on one. Asked once, before the agent can have changed it.
pub(crate) fn branch(cwd: &Path) -> Option<String> {
    match small(&cwd.join(".git/HEAD"))?.trim().strip_prefix("ref: ") {
        Some(name) if name.starts_with("refs/heads/") => Some(name.to_owned()),
        Some(_) | None => None,
    }
}

/// Commits every change that is not ignored, on `branch` too when the agent has left it.
pub(crate) fn commit(
    exec: &mut Exec,
    text: &Text<'_>,
    branch: Option<&str>,
) -> Result<Committed, Refusal> {
    // Every process of the agent has been ended, so a lock that is still there belongs to nobody.
    let lock = exec.cwd().join(".git/index.lock");
    let _ = std::fs::remove_file(lock);
    let exclude = write_exclude(exec.scratch(), exec.cwd())?;
    let excludes = format!("core.excludesFile={exclude}");
    must(
        git(exec, &["-c", &excludes, "add", "--all", "--", "."], &[])?,
        "stage the changes",
    )?;
    let made = make(exec, text)?;
    let at = self::branch(exec.cwd());
    let tip = match at.as_deref().and_then(|name| loose(exec.cwd(), name)) {
        Some(tip) => tip,
        None => tip(exec)?,
    };
    if let Some(branch) = branch
        && at.as_deref() != Some(branch)
    {
        must(
            git(exec, &["update-ref", branch, &tip], &[])?,
            "put the branch on the commit",
        )?;
    }
    let range = format!("{}..{tip}", text.base);
    let stat = git(
        exec,
        &[
            "diff",
            "--stat=100,60",
            "--no-ext-diff",
            "--no-textconv",
            &range,
            "--",
        ],
        &[],
    )?;
    let summary = if stat.exit.success() {
        cut(stat.stdout.text.trim_end(), SUMMARY_BYTES_MAX)
    } else {
        String::new()
    };
    Ok(Committed {
        commit: tip,
        made,
        summary,
    })
}

/// Makes the commit; false where nothing is staged.
fn make(exec: &mut Exec, text: &Text<'_>) -> Result<bool, Refusal> {
    let identity = [
        ("GIT_AUTHOR_NAME", text.author_name),
        ("GIT_AUTHOR_EMAIL", text.author_mail),
        ("GIT_COMMITTER_NAME", text.author_name),
        ("GIT_COMMITTER_EMAIL", text.author_mail),
    ];
    let args = [
        "commit",
        "--quiet",
        "--no-verify",
        "--no-gpg-sign",
        "--cleanup=whitespace",
        "-m",
        text.message,
    ];
    let committed = git(exec, &args, &identity)?;
    if committed.exit.success() {
        return Ok(true);
    }
    // Nothing to commit ends like a failure, and quietly; it is rare here, so it is told apart afterwards.
    let args = [
        "diff",
        "--cached",
        "--quiet",
        "--no-ext-diff",
        "--no-textconv",
    ];
    if git(exec, &args, &[])?.exit.success() {
        return Ok(false);
    }
    must(committed, "commit the changes").map(|_| true)
}

fn tip(exec: &mut Exec) -> Result<String, Refusal> {
    let args = ["rev-parse", "--verify", "HEAD^{commit}"];
    let said = must(git(exec, &args, &[])?, "read the commit")?;
    object_name(said.stdout.text.trim())
}

/// What a branch's own file says, where it has one: git writes it with each commit. The agent may have put anything there; what
/// it says is checked where the commit is imported.
fn loose(cwd: &Path, branch: &str) -> Option<String> {
    if branch
        .split('/')
        .any(|part| part == ".." || part.is_empty())
    {
        return None;
    }
    let text = small(&cwd.join(".git").join(branch))?;
    object_name(text.trim()).ok()
}

/// A small regular file of the agent's; a pipe in its place would never end.
fn small(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::options()
        .read(true)
        .custom_flags(NOT_FOLLOWED)
        .open(path)
        .ok()?;
    file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    file.take(SMALL_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A file of a commit; none when the commit does not have it.
pub(crate) fn show(
    exec: &mut Exec,
    commit: &str,
    path: &str,
    bytes_max: usize,
) -> Result<(Option<String>, bool), Refusal> {
    let commit = object_name(commit)?;
    let ran = git(
        exec,
        &["cat-file", "blob", &format!("{commit}:{path}")],
        &[],
    )?;
    if !ran.exit.success() {
        return Ok((None, false));
    }
    let text = head(&ran.stdout.text, bytes_max);
    Ok((
        Some(text.to_owned()),
        ran.stdout.truncated || text.len() < ran.stdout.text.len(),
    ))
}

fn object_name(text: &str) -> Result<String, Refusal> {
    let hex = text.len() >= 40 && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hex {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(
        RefusalKind::Git,
        format!("`{}` is not the full name of a commit", head(text, 80)),
    ))
}

fn write_exclude(scratch: &Path, root: &Path) -> Result<String, Refusal> {
    let path = scratch.join(EXCLUDE);
    let mut text: String = LEFT_OUT.iter().map(|rule| format!("{rule}\n")).collect();
    for folder in cache_folders(root)
        .iter()
        .filter(|f| !f.contains(['\n', '*', '?', '[', '\\']))
    {
        text.push_str(&format!("/{folder}/\n"));
    }
    std::fs::write(&path, text)
        .map_err(|e| super::beneath::system("write", &path.to_string_lossy(), &e))?;
    Ok(path.to_string_lossy().into_owned())
}

fn git(exec: &mut Exec, args: &[&str], identity: &[(&str, &str)]) -> Result<Ran, Refusal> {
    let mut argv = vec!["git", "--no-pager"];
    for setting in [
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "commit.gpgSign=false",
        "gc.auto=0",
        "maintenance.auto=false",
        "core.autocrlf=false",
        "core.safecrlf=false",
        "core.quotePath=false",
        "advice.addEmbeddedRepo=false",
    ] {
        argv.extend(["-c", setting]);
    }
    argv.extend(args);
    let mut env = vec![
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("LC_ALL", "C"),
    ];
    env.extend(identity);
    exec.run(&argv, &env, GIT_S_MAX)
}

fn must(ran: Ran, what: &str) -> Result<Ran, Refusal> {
    if ran.exit.success() {
        return Ok(ran);
    }
    let said = cut(ran.stderr.text.trim(), 500);
    Err(Refusal::new(
        RefusalKind::Git,
        format!("git could not {what} ({}): {said}", ran.exit),
    ))
}
