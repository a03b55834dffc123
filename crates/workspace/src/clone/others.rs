//! Commits of a clone that its branch does not reach: on other branches, on no branch, in a stash, or thrown away by an amend, a
//! rebase or a reset. Their names stand in the clone's refs and in its logs, which are read here as text, as a stranger's. What
//! the repository does not have is handed out by the clone's own git in a cage, as in an import, and tied together by one commit
//! of ours, so that one ref holds all of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::import::{self, ImportError, PACK, git_cage, is_our_clone, read_pack, reason, too_slow};
use super::salvage::{Salvage, commit_onto, tree_of};
use crate::cage;
use crate::command::Cancel;
use crate::files;
use crate::git::run::on_objects;
use crate::git::{GitError, Oid, Repo};

/// Most commits that are tied together; a commit with more parents is nothing that a person reads.
const OTHERS_MAX: usize = 50;

/// Most that is read of the clone's refs and logs together: a run of a day leaves some hundred kilobytes.
const READ_BYTES_MAX: u64 = 8 << 20;

/// Most files and folders that they may be.
const READ_FILES_MAX: usize = 10_000;

/// Names the commits among what it is asked for, and packs them. `$1` is what we have.
const SCRIPT: &str = r#"
git cat-file --batch-check='%(objectname) %(objecttype)' > /outbox/types || exit 1
sed -n 's/ commit$//p' /outbox/types | sort -u > /outbox/tips
cat /outbox/tips
if test -s /outbox/tips; then
    { cat /outbox/tips; echo "^$1"; } | git pack-objects --revs --stdout --quiet --delta-base-offset --window=0 > /outbox/run.pack
fi
"#;

/// Brings such commits home. `None`: there are none.
///
/// # Errors
/// In words, when there are some and they cannot be taken.
pub(super) fn bring(
    repo: &Repo,
    salvage: &Salvage<'_>,
    cancel: &Cancel,
) -> Result<Option<Oid>, String> {
    // What is named through a link lies with somebody else, or where the agent wanted it read.
    if fs::symlink_metadata(salvage.clone.join(".git")).is_ok_and(|what| what.is_symlink()) {
        return Err("its .git is a link; its refs and logs are not read".to_owned());
    }
    let (named, all_read) = names(salvage.clone, READ_FILES_MAX);
    let unknown = unknown(repo, &named).map_err(|e| e.to_string())?;
    if !all_read {
        return Err("its refs and logs are more than can be read".to_owned());
    }
    if unknown.is_empty() {
        return Ok(None);
    }
    if unknown.len() > OTHERS_MAX {
        return Err(format!(
            "{} commits that its branch does not reach; at most {OTHERS_MAX} are taken",
            unknown.len()
        ));
    }
    let cannot = |e: ImportError| {
        let count = unknown.len();
        format!("{count} object(s) that its branch does not reach cannot be taken: {e}")
    };
    let tips = handed_out(repo, salvage, &unknown, cancel).map_err(cannot)?;
    if tips.is_empty() {
        return Ok(None);
    }
    tie(repo, salvage, &tips).map(Some).map_err(cannot)
}

/// Every object name in the clone's refs and logs, and whether all of it was read. No more than `entries_max` names of files
/// are ever held: an agent makes millions of them in a minute.
fn names(clone: &Path, entries_max: usize) -> (BTreeSet<Oid>, bool) {
    let git = clone.join(".git");
    let mut found = BTreeSet::new();
    let mut waiting = vec![
        git.join("HEAD"),
        git.join("packed-refs"),
        git.join("refs"),
        git.join("logs"),
    ];
    let (mut entries, mut left) = (0, READ_BYTES_MAX);
    while let Some(path) = waiting.pop() {
        let Ok(what) = fs::symlink_metadata(&path) else {
            continue;
        };
        if what.is_dir() {
            for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
                entries += 1;
                if entries > entries_max {
                    return (found, false);
                }
                waiting.push(entry.path());
            }
        } else if what.is_file() {
            let Some(text) = text_of(&path, left) else {
                return (found, false);
            };
            left -= text.len() as u64;
            let words = text.split(|c: char| !c.is_ascii_hexdigit());
            found.extend(words.filter_map(|word| word.parse().ok()));
        }
    }
    (found, true)
}

/// The text of a stranger's file, when it is no longer than that.
fn text_of(path: &Path, bytes_max: u64) -> Option<String> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .ok()?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).ok()?;
    let fits = bytes.len() as u64 <= bytes_max;
    fits.then(|| {
        String::from_utf8_lossy(&bytes)
            .chars()
            .filter(char::is_ascii)
            .collect()
    })
}

/// Those that the repository does not have.
fn unknown(repo: &Repo, named: &BTreeSet<Oid>) -> Result<Vec<Oid>, GitError> {
    let asked: String = named.iter().map(|oid| format!("{oid}\n")).collect();
    let answer = on_objects(repo)
        .reading()
        .args(["cat-file", "--batch-check"])
        .stdin(asked.as_bytes())
        .ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let missing = answer
        .lines()
        .filter_map(|line| line.strip_suffix(" missing"));
    Ok(missing.filter_map(|name| name.parse().ok()).collect())
}

/// Has the clone's git pack them, takes the pack, and returns which of them are commits.
fn handed_out(
    repo: &Repo,
    salvage: &Salvage<'_>,
    unknown: &[Oid],
    cancel: &Cancel,
) -> Result<Vec<Oid>, ImportError> {
    is_our_clone(salvage.clone, cancel)?;
    let scratch = files::scratch()?;
    let (outbox, home) = (scratch.path().join("outbox"), scratch.path().join("home"));
    for folder in [&outbox, &home] {
        files::private_dir(folder)?;
        files::give_to(folder, cage::agent_ids())?;
    }
    let mut spec = git_cage(salvage.clone, salvage.toolchains, &outbox, &home);
    spec.limits.wall_s = super::salvage::READING_S;
    for (name, value) in [
        ("GIT_DIR", "/repo/.git"),
        ("GIT_CONFIG_COUNT", "3"),
        ("GIT_CONFIG_KEY_0", "safe.directory"),
        ("GIT_CONFIG_VALUE_0", "*"),
        ("GIT_CONFIG_KEY_1", "core.hooksPath"),
        ("GIT_CONFIG_VALUE_1", "/dev/null"),
        ("GIT_CONFIG_KEY_2", "core.fsmonitor"),
        ("GIT_CONFIG_VALUE_2", "false"),
    ] {
        spec.env.push((name.to_owned(), value.to_owned()));
    }
    let argv = ["sh", "-c", SCRIPT, "sh", salvage.parent.as_str()].map(str::to_owned);
    let asked: String = unknown
        .iter()
        .map(|oid| format!("{oid}^{{commit}}\n"))
        .collect();
    let captured = cage::run(&spec, &argv, asked.as_bytes(), cancel)?;
    if let Some(why) = too_slow(&captured) {
        return Err(import::stopped(salvage.clone, why));
    }
    let refused = |reason: String| ImportError::Refused {
        clone: salvage.clone.to_path_buf(),
        reason,
    };
    if !captured.success() {
        return Err(refused(reason(&captured)));
    }
    let said = captured.stdout.lines().take(OTHERS_MAX);
    let tips: Vec<Oid> = said.filter_map(|line| line.trim().parse().ok()).collect();
    if !tips.is_empty() {
        let pack = read_pack(&outbox.join(PACK)).map_err(refused)?;
        salvage.room.take(salvage.clone, &pack)?;
        import::take(repo, salvage.clone, salvage.parent, &tips, &pack)?;
    }
    Ok(tips)
}

/// One commit upon all of them, with the parent's files, under a ref of its own.
fn tie(repo: &Repo, salvage: &Salvage<'_>, tips: &[Oid]) -> Result<Oid, ImportError> {
    let tree = tree_of(repo, salvage.parent.as_str())?;
    let message = "Commits that no branch of the run reached\n\nEach parent of this one was made in the run's clone and left \
        behind there: on another branch, in a stash, or by an amend, a rebase or a reset.\n";
    commit_onto(repo, salvage, salvage.others_ref, &tree, tips, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder as a clone has it, with this many refs.
    fn clone(refs: usize) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        let heads = dir.path().join(".git/refs/heads");
        fs::create_dir_all(&heads).expect("made");
        for number in 1..=refs {
            fs::write(heads.join(number.to_string()), format!("{number:040x}\n")).expect("written");
        }
        dir
    }

    #[test]
    fn names_are_read_up_to_a_number_of_entries_wherever_they_lie() {
        let made = clone(20);
        let (found, all_read) = names(made.path(), 21);
        assert_eq!((found.len(), all_read), (20, true), "and one folder");
        let (found, all_read) = names(made.path(), 20);
        assert_eq!(
            (found.len(), all_read),
            (0, false),
            "counted before any is read"
        );
    }
}
