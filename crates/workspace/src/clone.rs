//! One standalone clone per run, and what a run made in it brought home.
//!
//! Never a linked work tree: a shared git directory lets whoever writes in it run programs on the host. A clone holds the
//! objects that its base needs and nothing else of its source: no configuration, no refs, no hooks, no alternates. Most of
//! them it has in common with other clones (see `stock`), in files that it can read and nobody can change.
//!
//! Odd repositories: submodules stay empty folders and large files of LFS stay pointers, as commits hold them; a sparse
//! checkout of the user's is none here; links are links, and nothing follows them; names that differ in case alone are
//! refused where the file system takes them for one.

mod folding;
mod import;
mod look;
mod others;
mod pack;
mod remover;
mod salvage;
mod stamps;
mod stock;
mod unfold;

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::crash;
use crate::files::{self, FileError};
use crate::git::run::{on_refs, on_tree};
use crate::git::{GitError, Identity, Oid, Repo};

pub use import::{
    Import, ImportError, OBJECTS_MAX, PACK_BYTES_MAX, RUN_BYTES_MAX, Room, UNPACKED_BYTES_MAX,
    import,
};
pub use remover::Remover;
pub use salvage::{FILE_BYTES_MAX, Salvage, Salvaged, salvage};
pub use stamps::stamps_beside;
pub use stock::{prune_stock, set_stock};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use unfold::judge_tree;

/// Where a clone appears inside every cage. One place for all, so that a virtual environment, `node_modules` or build cache
/// with absolute paths can be made once and used by every run.
pub const INSIDE_REPO: &str = "/repo";

/// The home folder inside every cage, for the same reason.
pub const INSIDE_HOME: &str = "/home/agent";

/// Most tags that a clone takes along, the newest first. Tools that compute a version from the last tag need a few.
const TAGS_MAX: usize = 500;

/// Most that a checkout may be. A commit of a few kilobytes can name the same files a billion times over.
pub const CHECKOUT_FILES_MAX: usize = 1_000_000;
pub const CHECKOUT_BYTES_MAX: u64 = 32 << 30;

/// A clone that a run may work in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clone {
    pub dir: PathBuf,
    /// Short name, as `minion/0192f`.
    pub branch: String,
    pub base: Oid,
}

#[derive(Debug, thiserror::Error)]
pub enum CloneError {
    #[error("{dir} exists already; a clone is made once: remove it first")]
    Exists { dir: PathBuf },
    #[error("cannot clone {base} of {root}: {source}")]
    Git {
        base: Oid,
        root: PathBuf,
        source: Box<GitError>,
    },
    #[error("cannot make the clone: {0}")]
    File(#[from] FileError),
}

/// Makes a standalone clone of `base` in `dest`, on a new branch, with `author` as its configured identity, and gives it to
/// `owner`. A clone that fails half-way is removed. Beside it lies a file that tells its salvage what was not touched since
/// ([`stamps_beside`]); whoever removes the clone removes that, too.
///
/// # Errors
/// [`CloneError::Exists`] when `dest` is there already; otherwise what git or the file system said.
pub fn for_run(
    repo: &Repo,
    base: &Oid,
    dest: &Path,
    branch: &str,
    author: &Identity,
    owner: Option<(u32, u32)>,
) -> Result<Clone, CloneError> {
    for_run_in(&place(dest)?, repo, base, branch, author, owner)
}

/// The folder of a clone that is still to be made.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
}

/// Makes the folder of a clone, empty and ours alone. What others make in it before [`for_run_in`] may be folders, empty ones.
///
/// # Errors
/// [`CloneError::Exists`] when it is there already, and what the file system says.
pub fn place(dest: &Path) -> Result<Place, CloneError> {
    if fs::symlink_metadata(dest).is_ok() {
        return Err(CloneError::Exists {
            dir: dest.to_path_buf(),
        });
    }
    files::private_dir(dest)?;
    Ok(Place {
        dir: dest.to_path_buf(),
    })
}

/// [`for_run`] in a folder that was made for it; it goes with a clone that fails.
///
/// # Errors
/// What git or the file system said.
pub fn for_run_in(
    place: &Place,
    repo: &Repo,
    base: &Oid,
    branch: &str,
    author: &Identity,
    owner: Option<(u32, u32)>,
) -> Result<Clone, CloneError> {
    let dest = place.dir.as_path();
    filled(place, repo, base, Some(branch), author, owner)?;
    let files = crate::git::tree(repo, base).map_err(git_error(repo, base))?;
    stamps::take(dest, base, &files);
    Ok(Clone {
        dir: dest.to_path_buf(),
        branch: branch.to_owned(),
        base: base.clone(),
    })
}

/// Makes a fresh work tree of `oid` in `dest` with a git directory of its own and a detached head, for a gate or a set-up,
/// and gives it to `owner`.
///
/// # Errors
/// As [`for_run`].
pub fn checkout_fresh(
    repo: &Repo,
    oid: &Oid,
    dest: &Path,
    owner: Option<(u32, u32)>,
) -> Result<(), CloneError> {
    let nobody = Identity::new("alai", "alai@localhost").expect("two plain words make an identity");
    standalone(repo, oid, dest, None, &nobody, owner)
}

/// Removes a clone with all that a run left in it; see [`files::remove`].
///
/// # Errors
/// When something cannot be removed.
pub fn remove(dest: &Path) -> Result<(), FileError> {
    crash::point("remove.before");
    files::remove(dest)
}

fn standalone(
    repo: &Repo,
    base: &Oid,
    dest: &Path,
    branch: Option<&str>,
    author: &Identity,
    owner: Option<(u32, u32)>,
) -> Result<(), CloneError> {
    filled(&place(dest)?, repo, base, branch, author, owner)
}

fn filled(
    place: &Place,
    repo: &Repo,
    base: &Oid,
    branch: Option<&str>,
    author: &Identity,
    owner: Option<(u32, u32)>,
) -> Result<(), CloneError> {
    let dest = place.dir.as_path();
    let made = fill(repo, base, dest, branch, author, owner.is_some())
        .map_err(git_error(repo, base))
        .and_then(|()| Ok(files::give_to(dest, owner)?));
    if made.is_err() {
        // The first error is the one to report; what could not be removed is found again by the caller's own sweep.
        let _ = files::remove(dest);
    }
    made
}

fn git_error(repo: &Repo, base: &Oid) -> impl FnOnce(GitError) -> CloneError {
    let (base, root) = (base.clone(), repo.root().to_path_buf());
    move |source| CloneError::Git {
        base,
        root,
        source: Box::new(source),
    }
}

fn fill(
    repo: &Repo,
    base: &Oid,
    dest: &Path,
    branch: Option<&str>,
    author: &Identity,
    other_user: bool,
) -> Result<(), GitError> {
    if let Some(name) = branch.map(|branch| format!("refs/heads/{branch}"))
        && !crate::git::is_ref_name(&name)
    {
        return Err(GitError::BadRef { name });
    }
    judge_size(repo, base)?;
    let git_dir = dest.join(".git");
    crash::point("clone.before");
    lay_out(&git_dir, repo, base, branch, author)?;
    folding::judge(repo, base, &git_dir)?;
    let tags = tags(repo, base)?;
    bring_objects(repo, base, &tags, &git_dir.join("objects"), other_user)?;
    crash::point("clone.packed");
    write_refs(&git_dir, base, branch, &tags)?;
    on_tree(dest, &git_dir)
        .args(["read-tree", "--reset", "-u", base.as_str()])
        .ok()?;
    crash::point("clone.after");
    Ok(())
}

fn judge_size(repo: &Repo, commit: &Oid) -> Result<(), GitError> {
    let tree = crate::git::tree(repo, commit)?;
    let bytes = tree
        .iter()
        .fold(0u64, |sum, entry| sum.saturating_add(entry.size));
    let too_large = |limit, unit| {
        Err(GitError::TooLarge {
            what: format!("a checkout of {commit}"),
            limit,
            unit,
        })
    };
    if tree.len() > CHECKOUT_FILES_MAX {
        return too_large(CHECKOUT_FILES_MAX as u64, "files");
    }
    if bytes > CHECKOUT_BYTES_MAX {
        return too_large(CHECKOUT_BYTES_MAX, "bytes");
    }
    Ok(())
}

/// An empty git directory as gitrepository-layout(5) has it: no template, and so no hook.
fn lay_out(
    git_dir: &Path,
    repo: &Repo,
    base: &Oid,
    branch: Option<&str>,
    author: &Identity,
) -> Result<(), GitError> {
    for folder in ["objects/pack", "objects/info", "refs/heads", "refs/tags"] {
        let folder = git_dir.join(folder);
        fs::create_dir_all(&folder).map_err(GitError::io("make", &folder))?;
    }
    let head = match branch {
        Some(branch) => format!("ref: refs/heads/{branch}\n"),
        None => format!("{base}\n"),
    };
    let path = git_dir.join("HEAD");
    fs::write(&path, head).map_err(GitError::io("write", &path))?;
    write_config(git_dir, repo, author)
}

/// The clone's whole configuration, written by us.
fn write_config(git_dir: &Path, repo: &Repo, author: &Identity) -> Result<(), GitError> {
    let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let (version, extensions) = match repo.format().name() {
        "sha1" => (0, String::new()),
        other => (1, format!("[extensions]\n\tobjectFormat = {other}\n")),
    };
    let config = format!(
        "[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = false\n\
         \tlogallrefupdates = true\n{extensions}[user]\n\tname = {}\n\temail = {}\n\
         [commit]\n\tgpgSign = false\n[gc]\n\tauto = 0\n",
        quote(author.name()),
        quote(author.email()),
    );
    let path = git_dir.join("config");
    fs::write(&path, config).map_err(GitError::io("write", &path))
}

/// The clone's branch, in a file of its own, and its tags, in the file that holds them in a repository that has just been cloned.
fn write_refs(
    git_dir: &Path,
    base: &Oid,
    branch: Option<&str>,
    tags: &[(String, Oid)],
) -> Result<(), GitError> {
    if let Some(branch) = branch {
        let path = git_dir.join("refs/heads").join(branch);
        let folder = path.parent().unwrap_or(git_dir);
        fs::create_dir_all(folder).map_err(GitError::io("make", folder))?;
        fs::write(&path, format!("{base}\n")).map_err(GitError::io("write", &path))?;
    }
    if tags.is_empty() {
        return Ok(());
    }
    let text: String = tags
        .iter()
        .map(|(name, oid)| format!("{oid} {name}\n"))
        .collect();
    let path = git_dir.join("packed-refs");
    fs::write(&path, text).map_err(GitError::io("write", &path))
}

/// Tags on commits of `base`'s history: name and object (the tag object of an annotated one).
fn tags(repo: &Repo, base: &Oid) -> Result<Vec<(String, Oid)>, GitError> {
    if !may_have_tags(repo) {
        return Ok(Vec::new());
    }
    let merged = format!("--merged={base}");
    let count = format!("--count={TAGS_MAX}");
    let listing = on_refs(repo)
        .reading()
        .args([
            "for-each-ref",
            "--sort=-creatordate",
            &count,
            &merged,
            "--format=%(objectname) %(refname)",
            "refs/tags",
        ])
        .ok()?;
    let listing = String::from_utf8_lossy(&listing);
    let pairs = listing.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs
        .filter_map(|(oid, name)| Some((name.to_owned(), oid.parse().ok()?)))
        .collect())
}

/// Spares most clones a call of git: without a file below `refs/tags` and a line for one in `packed-refs` there is no tag. Where
/// refs are kept otherwise (reftable), or cannot be read, git itself is asked.
fn may_have_tags(repo: &Repo) -> bool {
    let common = repo.common_dir();
    let loose = fs::read_dir(common.join("refs/tags")).is_ok_and(|mut tags| tags.next().is_some());
    let packed = match fs::read(common.join("packed-refs")) {
        Ok(text) => text.windows(11).any(|part| part == b" refs/tags/"),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    loose || packed || common.join("reftable").exists()
}

/// Brings in everything that `base` and the tags need: from the stock what it has, the rest packed out of the source.
fn bring_objects(
    repo: &Repo,
    base: &Oid,
    tags: &[(String, Oid)],
    objects: &Path,
    other_user: bool,
) -> Result<(), GitError> {
    let mut wanted = vec![base.clone()];
    wanted.extend(tags.iter().map(|(_, oid)| oid.clone()));
    let own = pack::Lasts::AsItsClone;
    let mut stocked = stock::for_base(repo, base);
    let known = stocked.as_ref().map(|one| &one.commit);
    let packs = objects.join("pack");
    let is_all = known == Some(base) && tags.is_empty();
    if !is_all {
        pack::write(repo, &wanted, known, objects, own)?;
    }
    if stock::is_due(stocked.as_ref(), stock::pack_bytes(&packs))
        && let Some(new) = stock::renew(repo, base)
    {
        for name in files::list(&packs)? {
            let path = packs.join(name);
            fs::remove_file(&path).map_err(GitError::io("remove", &path))?;
        }
        pack::write(repo, &wanted, Some(&new.commit), objects, own)?;
        stocked = Some(new);
    }
    match stocked.map(|one| one.lend(&packs, other_user)) {
        None | Some(Ok(())) => Ok(()),
        // Somebody removed it meanwhile: then everything is packed.
        Some(Err(why)) => {
            tracing::info!("{why}");
            pack::write(repo, &wanted, None, objects, own)
        }
    }
}
