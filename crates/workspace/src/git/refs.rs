//! Refs: where things are, and moving one by compare and swap.

use std::path::Path;

use super::branchfile::{self, Said};
use super::open::shared_by;
use super::run::{self, Call, on_objects, on_refs};
use super::{GitError, ObjectFormat, Oid, Repo};
use crate::crash;

/// Where the work tree stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub oid: Oid,
    /// The branch's short name (`main`, `feature/x`); `None` when the head is detached.
    pub branch: Option<String>,
}

/// The work tree's head.
///
/// # Errors
/// [`GitError::NoCommits`] when the branch has none.
pub fn head(repo: &Repo) -> Result<Head, GitError> {
    let oid = resolve(repo, "HEAD")?.ok_or_else(|| GitError::NoCommits {
        path: repo.root().to_path_buf(),
    })?;
    let output = on_refs(repo)
        .reading()
        .args(["symbolic-ref", "--quiet", "HEAD"])
        .run()?;
    let branch = match output.code {
        0 => {
            let name = String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned();
            name.strip_prefix("refs/heads/").map(str::to_owned)
        }
        1 => None,
        _ => return Err(run::failed("symbolic-ref", repo.root(), &output)),
    };
    Ok(Head { oid, branch })
}

/// The commit that `rev` (a branch, a tag, a ref, an object name) stands for, or `None` when there is none.
///
/// # Errors
/// When git fails.
pub fn resolve(repo: &Repo, rev: &str) -> Result<Option<Oid>, GitError> {
    if rev.is_empty() || rev.starts_with('-') || rev.chars().any(char::is_control) {
        return Ok(None);
    }
    let commit = format!("{rev}^{{commit}}");
    let output = on_refs(repo)
        .reading()
        .args([
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ])
        .run()?;
    if output.code != 0 {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    line.parse().map(Some).map_err(|error: super::NotAnOid| {
        run::unreadable("rev-parse", repo.root(), &error.to_string())
    })
}

/// Where these branches of the repository with this top stand, by its files alone: for who looks often and opens what has changed.
/// No program is started and nothing is judged. `None` where git would have to be asked, and where no repository is.
pub fn glance<const N: usize>(root: &Path, names: [&str; N]) -> Option<[Option<Oid>; N]> {
    let common_dir = shared_by(root)?;
    // What another object format names is too long for this one, and said to be git's to tell.
    let said = names.map(|name| branchfile::look(&common_dir, ObjectFormat::Sha1, name));
    plain(said)
}

/// Nothing where git is to be asked for one of them.
fn plain<const N: usize>(said: [Said; N]) -> Option<[Option<Oid>; N]> {
    let plain = !said.contains(&Said::AskGit);
    plain.then(|| {
        said.map(|said| match said {
            Said::At(oid) => Some(oid),
            Said::Absent | Said::AskGit => None,
        })
    })
}

/// Where these branches stand, by full name; `None` for one that is not there. At most one question to git for all of them.
///
/// # Errors
/// When git fails.
pub fn tips<const N: usize>(repo: &Repo, names: [&str; N]) -> Result<[Option<Oid>; N], GitError> {
    let said = names.map(|name| branchfile::look(&repo.common_dir, repo.format, name));
    if let Some(tips) = plain(said) {
        return Ok(tips);
    }
    let call = on_refs(repo)
        .reading()
        .args(["for-each-ref", "--format=%(objectname) %(refname)"])
        .args(names);
    let output = call.run()?;
    if output.code != 0 {
        return Err(run::failed("for-each-ref", repo.root(), &output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut tips = names.map(|_| None);
    for line in text.lines() {
        // A name also stands for everything below it.
        let Some((oid, name)) = line.split_once(' ') else {
            continue;
        };
        if let Some(at) = names.iter().position(|wanted| *wanted == name) {
            let oid = oid.parse().map_err(|e: super::NotAnOid| {
                run::unreadable("for-each-ref", repo.root(), &e.to_string())
            })?;
            tips[at] = Some(oid);
        }
    }
    Ok(tips)
}

/// True when everything in `ancestor` is in `descendant` too (also when they are the same).
///
/// # Errors
/// When one of them is missing.
pub fn is_ancestor(repo: &Repo, ancestor: &Oid, descendant: &Oid) -> Result<bool, GitError> {
    if ancestor == descendant {
        return Ok(true);
    }
    let call = on_objects(repo).reading().args([
        "merge-base",
        "--is-ancestor",
        ancestor.as_str(),
        descendant.as_str(),
    ]);
    let output = call.run()?;
    match output.code {
        0 => Ok(true),
        1 => Ok(false),
        _ => Err(run::failed("merge-base", repo.root(), &output)),
    }
}

/// The best common ancestor, or `None` when the two share no history.
///
/// # Errors
/// When one of them is missing.
pub fn merge_base(repo: &Repo, a: &Oid, b: &Oid) -> Result<Option<Oid>, GitError> {
    let output = on_objects(repo)
        .reading()
        .args(["merge-base", a.as_str(), b.as_str()])
        .run()?;
    match output.code {
        0 => {
            let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let parsed = line.parse().map(Some);
            parsed.map_err(|error: super::NotAnOid| {
                run::unreadable("merge-base", repo.root(), &error.to_string())
            })
        }
        1 => Ok(None),
        _ => Err(run::failed("merge-base", repo.root(), &output)),
    }
}

/// Moves one ref by compare and swap: it is written only when it stands at `old` (`None`: when it does not exist).
///
/// # Errors
/// [`GitError::RefMoved`] when it stands elsewhere, [`GitError::BadRef`] for a name that git refuses.
pub fn update_ref(repo: &Repo, name: &str, new: &Oid, old: Option<&Oid>) -> Result<(), GitError> {
    compare_and_swap(on_refs(repo), repo, name, new, old)
}

/// The same for a ref that others move too. A git that ended with us would leave its locks there, that of the person's `HEAD` among
/// them, which nobody but the person may remove: this one comes to its own end.
pub(super) fn update_shared_ref(
    repo: &Repo,
    name: &str,
    new: &Oid,
    old: &Oid,
) -> Result<(), GitError> {
    match compare_and_swap(on_refs(repo).finishing(), repo, name, new, Some(old)) {
        // The one that outlived us was faster.
        Err(GitError::RefMoved { found, .. }) if found.as_ref() == Some(new) => Ok(()),
        moved => moved,
    }
}

fn compare_and_swap(
    call: Call<'static>,
    repo: &Repo,
    name: &str,
    new: &Oid,
    old: Option<&Oid>,
) -> Result<(), GitError> {
    if !is_ref_name(name) {
        return Err(bad_ref(name));
    }
    let old_text = old.map_or_else(
        || "0".repeat(new.as_str().len()),
        |oid| oid.as_str().to_owned(),
    );
    let input = format!("update {name}\0{new}\0{old_text}\0");
    crash::point("update-ref.before");
    let output = call
        .args([
            "update-ref",
            "-m",
            "alai",
            "--create-reflog",
            "-z",
            "--stdin",
        ])
        .stdin(input.as_bytes())
        .run()?;
    crash::point("update-ref.after");
    if output.code == 0 {
        return Ok(());
    }
    let found = resolve(repo, name)?;
    if found.as_ref() != old {
        return Err(GitError::RefMoved {
            name: name.to_owned(),
            expected: old.cloned(),
            found,
        });
    }
    Err(run::failed(
        &format!("update-ref {name}"),
        repo.root(),
        &output,
    ))
}

/// The refs below a folder of the factory's own (`refs/alai/sides/`), by full name, with the commit that each stands at.
///
/// # Errors
/// [`GitError::BadRef`] when `below` is no such folder; when git fails.
pub fn refs_below(repo: &Repo, below: &str) -> Result<Vec<(String, Oid)>, GitError> {
    let is_ours = below.starts_with("refs/alai/") && below.ends_with('/');
    if !is_ours || !is_ref_name(below.trim_end_matches('/')) {
        return Err(bad_ref(below));
    }
    let call =
        on_refs(repo)
            .reading()
            .args(["for-each-ref", "--format=%(objectname) %(refname)", below]);
    let output = call.run()?;
    if output.code != 0 {
        return Err(run::failed("for-each-ref", repo.root(), &output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let each = text.lines().filter_map(|line| line.split_once(' '));
    each.map(|(oid, name)| match oid.parse() {
        Ok(oid) => Ok((name.to_owned(), oid)),
        Err(e) => Err(run::unreadable(
            "for-each-ref",
            repo.root(),
            &super::NotAnOid::to_string(&e),
        )),
    })
    .collect()
}

/// Removes a ref of the factory's own by compare and swap: only when it stands at `old`. One that is gone already is no error. Git
/// may write `packed-refs` for it, which is the person's too: as with a shared ref, it comes to its own end.
///
/// # Errors
/// [`GitError::RefMoved`] when it stands elsewhere, [`GitError::BadRef`] for a name that is not below `refs/alai/`.
pub fn remove_ref(repo: &Repo, name: &str, old: &Oid) -> Result<(), GitError> {
    if !name.starts_with("refs/alai/") || !is_ref_name(name) {
        return Err(bad_ref(name));
    }
    let input = format!("delete {name}\0{old}\0");
    let call = on_refs(repo).finishing();
    let output = call
        .args(["update-ref", "-z", "--stdin"])
        .stdin(input.as_bytes())
        .run()?;
    if output.code == 0 {
        return Ok(());
    }
    match resolve(repo, name)? {
        None => Ok(()),
        found if found.as_ref() != Some(old) => Err(GitError::RefMoved {
            name: name.to_owned(),
            expected: Some(old.clone()),
            found,
        }),
        Some(_) => Err(run::failed(
            &format!("update-ref -d {name}"),
            repo.root(),
            &output,
        )),
    }
}

fn bad_ref(name: &str) -> GitError {
    GitError::BadRef {
        name: name.chars().take(200).collect(),
    }
}

/// The rules of `git check-ref-format` for a full name, which are public and stable.
pub(crate) fn is_ref_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("refs/") else {
        return false;
    };
    let bad = |c: char| c.is_control() || " ~^:?*[\\\u{7f}".contains(c);
    rest.contains('/')
        && name.len() <= 250
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.chars().any(bad)
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

#[cfg(test)]
mod tests {
    use super::is_ref_name;

    #[test]
    fn ref_names_follow_gits_rules() {
        for good in [
            "refs/heads/main",
            "refs/alai/0192f-a",
            "refs/heads/feature/x",
            "refs/heads/minion/7é",
        ] {
            assert!(is_ref_name(good), "{good}");
        }
        for bad in [
            "main",
            "HEAD",
            "refs/main",
            "refs/heads/",
            "refs/heads/a..b",
            "refs/heads/.hidden",
            "refs/heads/x.lock",
            "refs/heads/a b",
            "refs/heads/a\nb",
            "refs/heads/a\0b",
            "refs/heads//b",
            "refs/heads/a^",
            "refs/heads/a@{1}",
            "refs/heads/-x/../y",
            "refs/heads/x.",
        ] {
            assert!(!is_ref_name(bad), "{bad:?} passed");
        }
    }
}
