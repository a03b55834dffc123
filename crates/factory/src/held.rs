//! Addresses and secrets of what is told outside: each stands in a variable that the settings name, or in a file for its owner alone,
//! and never in the settings themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use alai_workspace::files;

/// Longest address or secret, in bytes.
const BYTES_MAX: u64 = 8 << 10;

/// One address or secret. Has no `Display` and no `Serialize`, and a `Debug` that says only where it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    place: HeldAt,
    value: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HeldAt {
    Variable(String),
    File(PathBuf),
}

/// What is wrong with how a setting says where a secret is. Reads on from the setting's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misplaced {
    Nowhere,
    Twice,
    NoVariable,
    Relative,
}

impl Misplaced {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Misplaced::Nowhere => {
                "a variable or a file: `NAME_env = \"VARIABLE\"` or `NAME_file = \"/path\"`"
            }
            Misplaced::Twice => "in a variable or in a file, and not in both",
            Misplaced::NoVariable => "the name of a variable: letters, digits and `_`",
            Misplaced::Relative => "an absolute path",
        }
    }
}

impl Held {
    /// A variable's value is read now, with the settings; a file's each time it is needed, so that it can be changed.
    pub(crate) fn read(
        variable: Option<String>,
        file: Option<PathBuf>,
        env: &BTreeMap<String, String>,
    ) -> Result<Held, Misplaced> {
        match (variable, file) {
            (None, None) => Err(Misplaced::Nowhere),
            (Some(_), Some(_)) => Err(Misplaced::Twice),
            (Some(name), None) => {
                let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
                    return Err(Misplaced::NoVariable);
                }
                let value = env.get(&name).map(|value| value.trim().to_owned());
                Ok(Held {
                    value: value.filter(|value| !value.is_empty()),
                    place: HeldAt::Variable(name),
                })
            }
            (None, Some(path)) if path.is_relative() => Err(Misplaced::Relative),
            (None, Some(path)) => Ok(Held {
                place: HeldAt::File(path),
                value: None,
            }),
        }
    }

    /// Its value.
    ///
    /// # Errors
    /// In words, with what to do, and without any of it.
    pub(crate) fn value(&self) -> Result<String, String> {
        match (&self.place, &self.value) {
            (HeldAt::Variable(_), Some(value)) => Ok(value.clone()),
            (HeldAt::Variable(name), None) => Err(format!(
                "the variable {name} is not set where alai runs; set it and start alai again"
            )),
            (HeldAt::File(path), _) => of_file(path),
        }
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        match &self.place {
            HeldAt::Variable(name) => format!("variable {name}"),
            HeldAt::File(path) => format!("file {}", path.display()),
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({:?})", self.place)
    }
}

/// Read through no link, and only where nobody else can read it.
fn of_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let file = files::open_plain(path, OpenOptions::new().read(true))
        .map_err(|e| format!("the file {shown} cannot be read: {e}"))?;
    let mode = file
        .metadata()
        .map_err(|e| format!("the file {shown} cannot be read: {e}"))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "others can read the file {shown}: `chmod 600 {shown}`"
        ));
    }
    let mut text = String::new();
    file.take(BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|_| format!("the file {shown} is no text"))?;
    let text = text.trim();
    if text.is_empty() || text.len() as u64 > BYTES_MAX {
        return Err(format!("the file {shown} holds no address and no secret"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_where_only_its_owner_can() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("secret");
        let held = Held::read(None, Some(path.clone()), &BTreeMap::new()).expect("a place");
        assert!(
            held.value()
                .expect_err("no file")
                .contains("cannot be read")
        );
        std::fs::write(&path, " s3cr3t\n").expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("set");
        let why = held.value().expect_err("a group can read it");
        assert!(
            why.contains("chmod 600") && !why.contains("s3cr3t"),
            "{why}"
        );
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("set");
        assert_eq!(held.value().as_deref(), Ok("s3cr3t"));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let linked = Held::read(None, Some(link), &BTreeMap::new()).expect("a place");
        assert!(linked.value().is_err(), "no link is followed");
    }

    #[test]
    fn a_secret_of_a_variable_shows_its_name_alone() {
        let env = BTreeMap::from([("HOOK".to_owned(), "s3cr3t".to_owned())]);
        let held = Held::read(Some("HOOK".into()), None, &env).expect("a place");
        assert_eq!(held.value().as_deref(), Ok("s3cr3t"));
        assert!(!format!("{held:?} {}", held.place()).contains("s3cr3t"));
        let unset = Held::read(Some("OTHER".into()), None, &env).expect("a place");
        assert!(unset.value().expect_err("not set").contains("OTHER"));
        let both = Held::read(Some("HOOK".into()), Some("/x".into()), &env);
        assert_eq!(both.expect_err("twice"), Misplaced::Twice);
        let relative = Held::read(None, Some("x".into()), &env);
        assert_eq!(relative.expect_err("relative"), Misplaced::Relative);
        let odd = Held::read(Some("A-B".into()), None, &env);
        assert_eq!(odd.expect_err("odd"), Misplaced::NoVariable);
    }
}
