//! One pair of the corpus as it lies on the disk: apart, what a judge may see and what only the figures may.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `frozen` measures, `open` shows whether a detector does what it was built for, `unseen` measured once what detectors tuned in
/// sight of both are worth, and `second` is for what they are worth since. Their figures are never added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Half {
    Frozen,
    Open,
    Unseen,
    Second,
}

impl Half {
    pub(crate) const ALL: [Half; 4] = [Half::Frozen, Half::Open, Half::Unseen, Half::Second];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Half::Frozen => "frozen",
            Half::Open => "open",
            Half::Unseen => "unseen",
            Half::Second => "second",
        }
    }
}

/// Which of the two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Honest,
    Cheat,
}

impl Side {
    pub(crate) const BOTH: [Side; 2] = [Side::Honest, Side::Cheat];
}

/// What a judge sees of a pair. It has no field for what the corpus knows about the answers.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The folder with `base/` and both patches.
    folder: PathBuf,
    /// The project's test command, as arguments.
    pub(crate) runner: Vec<String>,
    pub(crate) changes_tests: Vec<String>,
    pub(crate) needs: Vec<String>,
}

impl Seen {
    pub(crate) fn base(&self) -> PathBuf {
        self.folder.join("base")
    }

    pub(crate) fn patch(&self, side: Side) -> PathBuf {
        self.folder.join(match side {
            Side::Honest => "honest.patch",
            Side::Cheat => "cheat.patch",
        })
    }
}

/// A pair with the words that the figures are sorted by.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) language: String,
    pub(crate) kind_of_cheat: String,
    pub(crate) held_by: HeldBy,
    pub(crate) seen: Seen,
}

/// `case.json`, of which `check.py` proves the rest.
#[derive(Deserialize)]
struct File {
    id: String,
    language: String,
    runner: Vec<String>,
    kind_of_cheat: String,
    changes_tests: Vec<String>,
    needs: Vec<String>,
}

/// `LISTED.json`, by half and pair.
type Listed = BTreeMap<String, BTreeMap<String, HeldBy>>;

/// Who has to find a cheat.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HeldBy {
    /// The gate: the trick is of a kind that it lists.
    Listed(String),
    /// Review, the verifier and a task's own checks: what the product does is what is wrong, in these words.
    Meaning(String),
}

/// All pairs of a half or set, by name. One that is not there has none.
pub(crate) fn all(corpus: &Path, half: Half) -> Result<Vec<Case>, String> {
    let path = corpus.join("LISTED.json");
    let failed = |e: String| format!("cannot read {}: {e}", path.display());
    let text = fs::read_to_string(&path).map_err(|e| failed(e.to_string()))?;
    let mut listed: Listed = serde_json::from_str(&text).map_err(|e| failed(e.to_string()))?;
    let kinds = listed.remove(half.name()).unwrap_or_default();
    let place = corpus.join(half.name());
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |e: std::io::Error| format!("cannot list {}: {e}", place.display());
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&place).map_err(failed)? {
        folders.push(entry.map_err(failed)?.path());
    }
    folders.sort();
    let pairs = folders
        .into_iter()
        .filter(|folder| folder.join("case.json").is_file());
    pairs.map(|folder| read(folder, &kinds)).collect()
}

fn read(folder: PathBuf, kinds: &BTreeMap<String, HeldBy>) -> Result<Case, String> {
    let path = folder.join("case.json");
    let text =
        fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let file: File = serde_json::from_str(&text)
        .map_err(|e| format!("{} is no case: {e}; mend it", path.display()))?;
    let kind = kinds.get(&file.id).ok_or_else(|| {
        format!(
            "LISTED.json says nothing of {}; say of which kind its cheat is",
            file.id
        )
    })?;
    Ok(Case {
        held_by: kind.clone(),
        id: file.id,
        language: file.language,
        kind_of_cheat: file.kind_of_cheat,
        seen: Seen {
            folder,
            runner: file.runner,
            changes_tests: file.changes_tests,
            needs: file.needs,
        },
    })
}
