//! Where a branch stands, read from the file that says it: gitrepository-layout(5) names two places, and a start of git costs
//! thirty times as much as a look at both.
//!
//! Only what is plain is answered. A link, a symbolic ref, another way of keeping refs, a file that cannot be read or makes no
//! sense: git is asked.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::{ObjectFormat, Oid, is_ref_name};

/// A repository with a hundred thousand refs has some 8 MB; reading more takes longer than asking.
const PACKED_BYTES_MAX: u64 = 16 << 20;

/// Longer than a name of an object and its newline.
const LOOSE_BYTES_MAX: u64 = 4 << 10;

/// What can be said of a branch without git.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    At(Oid),
    Absent,
    /// Git knows.
    AskGit,
}

/// Where the branch `name` (in full, as `refs/heads/main`) stands.
pub(super) fn look(common_dir: &Path, format: ObjectFormat, name: &str) -> Said {
    let plain = name.starts_with("refs/heads/") && is_ref_name(name);
    if !plain || fs::symlink_metadata(common_dir.join("reftable")).is_ok() {
        return Said::AskGit;
    }
    // The loose file first: who packs refs writes the packed one before it removes the other.
    match small(&common_dir.join(name), LOOSE_BYTES_MAX) {
        Read::Text(text) => return oid(&text, format).map_or(Said::AskGit, Said::At),
        Read::Other => return Said::AskGit,
        Read::Absent => {}
    }
    match small(&common_dir.join("packed-refs"), PACKED_BYTES_MAX) {
        Read::Text(text) => packed(&text, format, name),
        Read::Absent => Said::Absent,
        Read::Other => Said::AskGit,
    }
}

fn packed(text: &str, format: ObjectFormat, name: &str) -> Said {
    let mut found = text.lines().filter_map(|line| line.split_once(' '));
    match found.find(|(_, known)| *known == name) {
        Some((at, _)) => oid(at, format).map_or(Said::AskGit, Said::At),
        None => Said::Absent,
    }
}

fn oid(text: &str, format: ObjectFormat) -> Option<Oid> {
    let oid: Oid = text.trim_end().parse().ok()?;
    (oid.as_str().len() == format.digits()).then_some(oid)
}

enum Read {
    Text(String),
    Absent,
    Other,
}

/// A plain file's text. A folder of that name holds other branches, and none of that name.
fn small(path: &Path, bytes_max: u64) -> Read {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => return Read::Absent,
        Ok(found) if !found.is_file() || found.len() > bytes_max => return Read::Other,
        Ok(_) => {}
        Err(error) => return missing(&error),
    }
    match fs::read_to_string(path) {
        Ok(text) => Read::Text(text),
        Err(error) => missing(&error),
    }
}

fn missing(error: &std::io::Error) -> Read {
    let absent = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    match absent.contains(&error.kind()) {
        true => Read::Absent,
        false => Read::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    #[test]
    fn only_what_is_plain_is_answered() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| look(dir.path(), ObjectFormat::Sha1, name);
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        let oid = |text: &str| Said::At(text.parse().expect("an oid"));
        assert_eq!(at("refs/heads/main"), Said::Absent);
        write("refs/heads/main", &format!("{ONE}\n"));
        assert_eq!(at("refs/heads/main"), oid(ONE));
        let packed = format!(
            "# pack-refs with: peeled fully-peeled sorted \n{TWO} refs/heads/a/b\n{TWO} refs/heads/main\n\
             {TWO} refs/tags/v1\n^{ONE}\n"
        );
        write("packed-refs", &packed);
        assert_eq!(at("refs/heads/main"), oid(ONE), "the loose one counts");
        assert_eq!(at("refs/heads/a/b"), oid(TWO));
        assert_eq!(at("refs/heads/a"), Said::Absent);
        assert_eq!(at("refs/heads/main/below"), Said::Absent, "below a file");
        write("refs/heads/a/loose", ONE);
        assert_eq!(at("refs/heads/a"), Said::Absent, "a folder is no branch");
        for odd in ["ref: refs/heads/main\n", "", "1111\n", &ONE.repeat(2)] {
            write("refs/heads/odd", odd);
            assert_eq!(at("refs/heads/odd"), Said::AskGit, "{odd:?}");
        }
        std::os::unix::fs::symlink("main", dir.path().join("refs/heads/link")).expect("a link");
        assert_eq!(at("refs/heads/link"), Said::AskGit);
        for odd in ["refs/tags/v1", "HEAD", "refs/heads/../../HEAD", "main"] {
            assert_eq!(at(odd), Said::AskGit, "{odd}");
        }
        fs::create_dir(dir.path().join("reftable")).expect("made");
        assert_eq!(at("refs/heads/main"), Said::AskGit);
    }
}
