//! Packs that were read and checked, kept for the next process: what work is given out by at the front of one file, the long texts of
//! each company behind it.
//!
//! Nothing is believed that another program kept, that was kept of other folders, or that changed too late to be told apart by its
//! time. What cannot be kept or believed is read from the folders, as if there were no cache.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use alai_core::company::{Company, Registry};
use alai_workspace::files;
use serde::{Deserialize, Serialize};

use super::texts::{Away, Kept, Place, bytes_of, sha256};
use super::{Packs, Shipped, Source, Stamp};
use crate::home::Home;

/// The file's name in the home's cache.
const FILE: &str = "packs";
/// The first bytes of the file. The number is another one where the form changes.
const MARK: &str = "alai packs 1";
/// Bytes of the front: cards, agents and words of 200 companies, several times over.
const FRONT_BYTES_MAX: u64 = 16 << 20;
/// Seconds that must lie between the last change and the stamp. The coarsest file system (FAT) tells times of two seconds apart.
const SETTLED_S: i64 = 2;

/// What stands at the front.
#[derive(Serialize, Deserialize)]
struct Front<'a> {
    /// The program that checked them: another one may check more.
    program: String,
    stamp: u64,
    #[serde(borrow)]
    companies: std::borrow::Cow<'a, [Company]>,
    blueprints: std::borrow::Cow<'a, BTreeMap<String, String>>,
    shipped: std::borrow::Cow<'a, Shipped>,
    /// Counted from the end of the front.
    texts: BTreeMap<String, Place>,
}

/// What was kept of these folders.
pub(super) fn open(home: &Home, stamp: &Stamp) -> Option<Packs> {
    let mut file = File::open(home.cache().join(FILE)).ok()?;
    let mut head = [0; HEAD_BYTES];
    file.read_exact(&mut head).ok()?;
    let (bytes, digest) = unhead(&head)?;
    let mut front = vec![0; usize::try_from(bytes).ok()?];
    file.read_exact(&mut front).ok()?;
    if sha256(&front) != digest {
        return None;
    }
    let front: Front<'_> = serde_json::from_slice(&front).ok()?;
    if front.stamp != stamp.hash || front.program != program()? {
        return None;
    }
    let behind = HEAD_BYTES as u64 + bytes;
    let mut packs = Packs {
        registry: Registry::new(front.companies.into_owned()).ok()?,
        blueprints: front.blueprints.into_owned(),
        shipped: front.shipped.into_owned(),
        texts: BTreeMap::new(),
        known: super::nature::Known::default(),
        routes: super::routes::Routes::default(),
        held: super::texts::Held::default(),
        // What has a fault is not kept.
        wrong: BTreeMap::new(),
    };
    packs.texts = away(home, &packs, file, behind, front.texts);
    Some(packs)
}

/// Keeps what was just read of folders with this stamp, and lets go of the long texts. Without room for a cache they stay where they
/// are.
pub(super) fn put(home: &Home, stamp: &Stamp, packs: Packs) -> Packs {
    match kept(home, stamp, &packs) {
        Some(texts) => Packs { texts, ..packs },
        None => packs,
    }
}

fn kept(home: &Home, stamp: &Stamp, packs: &Packs) -> Option<BTreeMap<String, Kept>> {
    // A home that nobody has made gets no cache by being looked at.
    if !home.cache().is_dir() {
        return None;
    }
    let (mut places, mut behind) = (BTreeMap::new(), Vec::new());
    for (name, texts) in &packs.texts {
        let texts = bytes_of(&*texts.get(name).ok()?).ok()?;
        let place = Place {
            at: behind.len() as u64,
            bytes: texts.len() as u64,
            sha256: sha256(&texts),
        };
        places.insert(name.clone(), place);
        behind.extend(texts);
    }
    let front = Front {
        program: match settled(stamp) {
            true => program()?,
            // Of no program, so nobody believes it.
            false => String::new(),
        },
        stamp: stamp.hash,
        companies: packs.registry.companies().into(),
        blueprints: std::borrow::Cow::Borrowed(&packs.blueprints),
        shipped: std::borrow::Cow::Borrowed(&packs.shipped),
        texts: places.clone(),
    };
    let front = serde_json::to_vec(&front).ok()?;
    let head = head(&front);
    let start = (head.len() + front.len()) as u64;
    let whole = [head.into_bytes(), front, behind].concat();
    let file = files::write_cache(&home.cache().join(FILE), &whole).ok()?;
    Some(away(home, packs, file, start, places))
}

/// The texts of these packs, in a file whose front ends at `start`.
fn away(
    home: &Home,
    packs: &Packs,
    file: File,
    start: u64,
    places: BTreeMap<String, Place>,
) -> BTreeMap<String, Kept> {
    let file = Arc::new(file);
    let kept = |name: &str, place: Place| {
        Kept::Away(Away {
            file: Arc::clone(&file),
            place: Place {
                at: place.at.saturating_add(start),
                ..place
            },
            folder: match packs.source_of(name) {
                Source::Shipped => None,
                Source::Company | Source::Home => Some(home.companies().join(name)),
            },
        })
    };
    let places = places.into_iter();
    places
        .map(|(name, place)| {
            let kept = kept(&name, place);
            (name, kept)
        })
        .collect()
}

/// Mark, bytes of the front, its SHA-256, each at a fixed place.
const HEAD_BYTES: usize = MARK.len() + 1 + 12 + 1 + 64 + 1;

fn head(front: &[u8]) -> String {
    format!("{MARK} {:012} {}\n", front.len(), sha256(front))
}

fn unhead(head: &[u8]) -> Option<(u64, String)> {
    let rest = std::str::from_utf8(head).ok()?.strip_prefix(MARK)?;
    let (bytes, digest) = rest.trim().split_once(' ')?;
    let bytes: u64 = bytes.parse().ok()?;
    (bytes <= FRONT_BYTES_MAX).then(|| (bytes, digest.to_owned()))
}

/// Which file this program is. None where that cannot be told: then nothing is believed.
fn program() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    let found = path.metadata().ok()?;
    let times = (found.mtime(), found.mtime_nsec());
    Some(format!(
        "{} {} {} {} {}",
        env!("CARGO_PKG_VERSION"),
        found.ino(),
        found.len(),
        times.0,
        times.1
    ))
}

/// Whether a later change of the folders would have another stamp.
fn settled(stamp: &Stamp) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_s = now.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0));
    stamp.newest_s.saturating_add(SETTLED_S) < now_s
}
