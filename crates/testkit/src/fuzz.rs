//! Random cases from seeds. A case is made by its seed alone, so the seed of one that fails makes it again.
//!
//! The ordinary run takes the same few cases each time. `ALAI_FUZZ_SECONDS` goes on for so long instead, from a seed of the
//! clock or from `ALAI_FUZZ_SEED`; that one alone takes just this case. `cargo xtask fuzz` sets both.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Cases of the ordinary run: about a second for the slowest target.
const CASES: u64 = 300;

/// Random numbers of one case: SplitMix64, which needs no state but its seed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one; 0 below 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from(self.roll() % end).unwrap_or(0)
    }

    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these; the slice must not be empty.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// Up to so many of these, one behind the other.
    pub fn text(&mut self, pieces: &[&str], most: usize) -> String {
        let count = self.below(most + 1);
        (0..count).map(|_| *self.pick(pieces)).collect()
    }

    /// A text with a few places cut out, doubled, moved, or filled with one of these.
    pub fn mutated(&mut self, text: &str, pieces: &[&str]) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(4) {
            let from = self.below(chars.len() + 1);
            let to = (from + self.below(12)).min(chars.len());
            match self.below(5) {
                0 => drop(chars.drain(from..to)),
                1 => {
                    let twice = chars[from..to].to_vec();
                    chars.splice(to..to, twice);
                }
                2 => {
                    let moved: Vec<char> = chars.drain(from..to).collect();
                    let at = self.below(chars.len() + 1);
                    chars.splice(at..at, moved);
                }
                3 => chars.truncate(from.max(chars.len() / 2)),
                _ => {
                    let piece: Vec<char> = self.pick(pieces).chars().collect();
                    chars.splice(from..from, piece);
                }
            }
        }
        chars.into_iter().collect()
    }

    /// The same of bytes; also with a byte that became another one.
    pub fn mutated_bytes(&mut self, bytes: &[u8], pieces: &[&str]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let from = self.below(bytes.len() + 1);
            let to = (from + self.below(12)).min(bytes.len());
            match self.below(6) {
                0 => drop(bytes.drain(from..to)),
                1 => {
                    let twice = bytes[from..to].to_vec();
                    bytes.splice(to..to, twice);
                }
                2 => {
                    let moved: Vec<u8> = bytes.drain(from..to).collect();
                    let at = self.below(bytes.len() + 1);
                    bytes.splice(at..at, moved);
                }
                3 => bytes.truncate(from.max(bytes.len() / 2)),
                4 if from < bytes.len() => bytes[from] = self.roll().to_le_bytes()[0],
                _ => drop(bytes.splice(from..from, self.pick(pieces).bytes())),
            }
        }
        bytes
    }
}

/// Runs a target's door: each checked-in input of a folder as it is, then cases that begin from them.
///
/// # Panics
/// As [`run`] and [`corpus`] do.
pub fn door(target: &str, folder: &std::path::Path, pieces: &[&str], read: fn(&[u8])) {
    let inputs = inputs(folder);
    for input in &inputs {
        read(input);
    }
    run(target, |dice| {
        let input: &Vec<u8> = dice.pick(&inputs);
        read(&dice.mutated_bytes(input, pieces));
    });
}

/// The checked-in texts of a folder, by name: what cases begin from beside a target's own. A folder without one is a mistake.
///
/// # Panics
/// When the folder cannot be read or holds nothing.
pub fn corpus(folder: &std::path::Path) -> Vec<String> {
    let texts = inputs(folder).into_iter();
    texts
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

fn inputs(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let listed = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = listed
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds nothing", folder.display());
    let read = |path: &std::path::PathBuf| {
        std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    paths.iter().map(read).collect()
}

/// Runs cases of one target. A case that fails panics, after its seed was printed.
///
/// # Panics
/// As the case does; also when a variable of the environment is no number.
#[allow(clippy::print_stderr)] // The seed is for whoever looks at the failure.
pub fn run(target: &str, case: impl Fn(&mut Dice)) {
    let number = |name: &str| {
        std::env::var(name).ok().map(|text| {
            let number = text.trim().parse::<u64>();
            number.unwrap_or_else(|_| panic!("{name} is `{text}` and no number"))
        })
    };
    let seconds = number("ALAI_FUZZ_SECONDS");
    let seed = number("ALAI_FUZZ_SEED");
    let clock = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(1, |now| {
            u64::from(now.subsec_nanos()) << 32 | now.as_secs() & 0xffff_ffff
        })
    };
    let (first, cases, until) = match (seconds, seed) {
        (None, None) => (1, CASES, None),
        (None, Some(seed)) => (seed, 1, None),
        (Some(seconds), seed) => {
            let until = Instant::now() + Duration::from_secs(seconds);
            (seed.unwrap_or_else(clock), u64::MAX, Some(until))
        }
    };
    let mut count = 0;
    while count < cases && until.is_none_or(|until| Instant::now() < until) {
        let seed = first.wrapping_add(count);
        let outcome = catch_unwind(AssertUnwindSafe(|| case(&mut Dice::new(seed))));
        if let Err(panic) = outcome {
            eprintln!(
                "fuzz {target}: the case of seed {seed} failed; again: cargo xtask fuzz {target} --seed {seed}"
            );
            resume_unwind(panic);
        }
        count += 1;
    }
    if seconds.is_some() {
        eprintln!("fuzz {target}: {count} cases from seed {first}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_seed_makes_the_same_case_again() {
        let made = || {
            let made = RefCell::new(Vec::new());
            run("self", |dice| {
                let text = dice.text(&["a", "é", "\n"], 9);
                made.borrow_mut().push(dice.mutated(&text, &["x"]));
            });
            made.into_inner()
        };
        let (first, second) = (made(), made());
        assert_eq!(first, second);
        assert!(first.len() as u64 == CASES && first.iter().any(|text| *text != first[0]));
    }

    #[test]
    #[should_panic(expected = "seed 3")]
    fn a_case_that_fails_ends_the_run() {
        let seen = RefCell::new(0);
        run("self", |_| {
            *seen.borrow_mut() += 1;
            assert!(*seen.borrow() < 3, "seed {}", seen.borrow());
        });
    }
}
