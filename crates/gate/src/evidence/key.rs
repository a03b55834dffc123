//! The gate's key: 32 random bytes in a file that only its owner may read.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::files;

/// A seed in hex and the end of its line.
const KEY_FILE_BYTES: usize = 65;

/// Signs evidence. It never leaves the process and shows nothing of itself.
pub struct GateKey(SigningKey);

/// The public half that a verifier trusts because a person or the home said so, never because a package brought it along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedKey(VerifyingKey);

/// Why the gate has no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the gate's key {} could not be {doing}: {why}", path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        why: String,
    },
    #[error("the gate's key {} {why}; {remedy}", path.display())]
    Unsafe {
        path: PathBuf,
        why: String,
        remedy: String,
    },
    #[error("the gate's key {} is no key (64 hex digits and a line end); restore it from a backup, or move it away for a new one", path.display())]
    Malformed { path: PathBuf },
    #[error("the gate's key {} is not there; bring it back from a backup: a new one (`alai init`) signs nothing that old copies can be held against", path.display())]
    Missing { path: PathBuf },
}

/// Reads the key, or makes one where there is none. Two processes that make it at once end up with the same.
///
/// # Errors
/// A key that another user owns, could read or could replace is refused: what it signed would prove nothing.
pub fn load_or_create(path: &Path) -> Result<GateKey, KeyError> {
    check_folder(path)?;
    match load(path)? {
        Some(key) => Ok(key),
        None => create(path),
    }
}

/// Reads the key that a home has.
///
/// # Errors
/// As [`load_or_create`], and where there is none.
pub fn load_kept(path: &Path) -> Result<GateKey, KeyError> {
    check_folder(path)?;
    load(path)?.ok_or_else(|| KeyError::Missing {
        path: path.to_owned(),
    })
}

fn io<'a>(path: &'a Path, doing: &'static str) -> impl Fn(std::io::Error) -> KeyError + 'a {
    move |error| KeyError::Io {
        path: path.to_owned(),
        doing,
        why: error.to_string(),
    }
}

fn check_folder(path: &Path) -> Result<(), KeyError> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let seen = std::fs::metadata(folder).map_err(io(path, "looked for"))?;
    let refuse = |why: &str, remedy: String| {
        Err(KeyError::Unsafe {
            path: path.to_owned(),
            why: why.to_owned(),
            remedy,
        })
    };
    if seen.uid() != files::our_uid() && seen.uid() != 0 {
        return refuse(
            "lies in a folder of another user",
            format!("chown {} to the user that runs alai", folder.display()),
        );
    }
    if seen.mode() & 0o022 != 0 {
        return refuse(
            "lies in a folder that others may write",
            format!("run chmod go-w {}", folder.display()),
        );
    }
    Ok(())
}

fn load(path: &Path) -> Result<Option<GateKey>, KeyError> {
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(path, "opened")(error)),
    };
    let seen = file.metadata().map_err(io(path, "looked at"))?;
    let refuse = |why: &str, remedy: String| {
        Err(KeyError::Unsafe {
            path: path.to_owned(),
            why: why.to_owned(),
            remedy,
        })
    };
    if !seen.is_file() {
        return refuse("is no plain file", "move it away".into());
    }
    if seen.uid() != files::our_uid() {
        return refuse(
            "belongs to another user",
            format!("chown {} to the user that runs alai", path.display()),
        );
    }
    if seen.mode() & 0o077 != 0 {
        let remedy = format!(
            "chmod 600 {}, and make a new key if others could have read it",
            path.display()
        );
        return refuse("may be read or written by others", remedy);
    }
    let mut text = String::new();
    file.take(KEY_FILE_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .map_err(io(path, "read"))?;
    let malformed = || KeyError::Malformed {
        path: path.to_owned(),
    };
    let seed = text
        .strip_suffix('\n')
        .filter(|_| text.len() == KEY_FILE_BYTES)
        .ok_or_else(malformed)?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(seed, &mut bytes).map_err(|_| malformed())?;
    Ok(Some(GateKey::from_seed(bytes)))
}

fn create(path: &Path) -> Result<GateKey, KeyError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| KeyError::Io {
        path: path.to_owned(),
        doing: "made",
        why: e.to_string(),
    })?;
    let staged = files::staging_name(path).map_err(io(path, "made"))?;
    let written = (|| {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&staged)?;
        file.write_all(format!("{}\n", hex::encode(seed)).as_bytes())?;
        file.sync_all()
    })();
    // A link fails where a rename would replace: the first of two makers wins and both read the same key.
    let placed = written.and_then(|()| std::fs::hard_link(&staged, path));
    let removed = std::fs::remove_file(&staged);
    match placed {
        Ok(()) => removed
            .and_then(|()| files::sync_folder_of(path))
            .map_err(io(path, "made"))?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(path, "made")(error)),
    }
    load(path)?.ok_or_else(|| KeyError::Io {
        path: path.to_owned(),
        doing: "read",
        why: "it is gone".into(),
    })
}

impl GateKey {
    /// A key from its 32 secret bytes.
    pub fn from_seed(seed: [u8; 32]) -> GateKey {
        GateKey(SigningKey::from_bytes(&seed))
    }

    pub fn public(&self) -> PinnedKey {
        PinnedKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for GateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GateKey({})", self.public())
    }
}

impl PinnedKey {
    /// Hex SHA-256 of the public key: the name it goes by in envelopes.
    pub fn id(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }

    pub(super) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        // The strict form refuses weak keys and second encodings of one signature.
        Signature::from_slice(signature).is_ok_and(|sig| self.0.verify_strict(bytes, &sig).is_ok())
    }
}

impl fmt::Display for PinnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", hex::encode(self.0.as_bytes()))
    }
}

/// A text that is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no public key of a gate; it looks like ed25519: and 64 hex digits")]
pub struct NotAKey(pub String);

impl FromStr for PinnedKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let refused = || NotAKey(text.chars().take(100).collect());
        let digits = text.trim().strip_prefix("ed25519:").ok_or_else(refused)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| refused())?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| refused())?;
        if key.is_weak() {
            Err(refused())
        } else {
            Ok(PinnedKey(key))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))
            .expect("chmod");
        folder
    }

    #[test]
    fn a_key_is_made_once_and_kept() {
        let folder = folder();
        let path = folder.path().join("gate.key");
        let made = load_or_create(&path).expect("made");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            load_or_create(&path).expect("loaded").public(),
            made.public()
        );
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing else is left"
        );
    }

    #[test]
    fn makers_at_once_agree() {
        let folder = folder();
        let path = folder.path().join("gate.key");
        let keys: Vec<PinnedKey> = std::thread::scope(|scope| {
            let started: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| load_or_create(&path).expect("a key").public()))
                .collect();
            started
                .into_iter()
                .map(|t| t.join().expect("no panic"))
                .collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_key_that_others_could_have_is_refused() {
        let folder = folder();
        let path = folder.path().join("gate.key");
        load_or_create(&path).expect("made");
        for mode in [0o640, 0o604, 0o660, 0o602] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(load_or_create(&path), Err(KeyError::Unsafe { .. })),
                "{mode:o}"
            );
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let link = folder.path().join("link.key");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(load_or_create(&link).is_err(), "a link is not followed");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(
            matches!(load_or_create(&path), Err(KeyError::Unsafe { .. })),
            "anybody could replace it"
        );
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let folder = folder();
        let path = folder.path().join("gate.key");
        std::fs::write(&path, "not a key\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(
            load_or_create(&path),
            Err(KeyError::Malformed { .. })
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a key\n");
    }

    #[test]
    fn public_keys_are_read_and_written() {
        let key = GateKey::from_seed([3; 32]).public();
        assert_eq!(
            key.to_string().parse::<PinnedKey>().expect("its own form"),
            key
        );
        for text in [
            "",
            "ed25519:",
            "ed25519:00",
            "rsa:00",
            &format!("ed25519:{}", "00".repeat(32)),
        ] {
            assert!(text.parse::<PinnedKey>().is_err(), "{text}");
        }
        assert!(!format!("{:?}", GateKey::from_seed([3; 32])).contains("0303"));
    }
}
