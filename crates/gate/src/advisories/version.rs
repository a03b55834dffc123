//! Versions in the order of their ecosystem: semantic versions (Cargo, npm, Go) and Python's (PEP 440).

use std::cmp::Ordering;

use super::CARGO;

/// A version that can be put in order with others of its ecosystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ordered {
    Semantic {
        release: [u64; 3],
        /// None for the release itself, which comes after all that lead to it.
        before: Option<Vec<Part>>,
    },
    Python(Python),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Number(u64),
    Word(String),
}

/// PEP 440, in the order of its keys: epoch, release, then dev, a, b, rc, the release itself, post.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Python {
    epoch: u64,
    release: Vec<u64>,
    /// 0 dev alone, 1 a, 2 b, 3 rc, 4 none of them; and its number.
    stage: (u8, u64),
    post: Option<u64>,
    /// What is in development comes before the same without.
    dev: (u8, u64),
}

impl Ordered {
    /// `None` for what the ecosystem does not order, and for one that is not known here.
    pub(crate) fn read(ecosystem: &str, text: &str) -> Option<Ordered> {
        match ecosystem {
            CARGO | "npm" | "Go" => semantic(text.trim()),
            "PyPI" => python(text.trim()).map(Ordered::Python),
            _ => None,
        }
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Ordered) -> Option<Ordering> {
        match (self, other) {
            (
                Ordered::Semantic { release, before },
                Ordered::Semantic {
                    release: other_release,
                    before: other_before,
                },
            ) => Some(
                release
                    .cmp(other_release)
                    .then_with(|| match (before, other_before) {
                        (None, None) => Ordering::Equal,
                        (None, Some(_)) => Ordering::Greater,
                        (Some(_), None) => Ordering::Less,
                        (Some(a), Some(b)) => a.cmp(b),
                    }),
            ),
            (Ordered::Python(a), Ordered::Python(b)) => Some(a.cmp(b)),
            (Ordered::Semantic { .. }, Ordered::Python(_))
            | (Ordered::Python(_), Ordered::Semantic { .. }) => None,
        }
    }
}

/// Semantic Versioning 2.0.0, with Go's `v`, and with what is left out of the three numbers as zero.
fn semantic(text: &str) -> Option<Ordered> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split('+').next().unwrap_or(text);
    let (numbers, before) = match text.split_once('-') {
        Some((numbers, before)) => (numbers, Some(before)),
        None => (text, None),
    };
    let mut release = [0; 3];
    let mut parts = numbers.split('.');
    for (at, number) in release.iter_mut().enumerate() {
        match parts.next() {
            Some(part) => *number = part.parse().ok()?,
            None if at > 0 => {}
            None => return None,
        }
    }
    if parts.next().is_some() {
        return None;
    }
    let part = |part: &str| match part.parse() {
        Ok(number) => Part::Number(number),
        Err(_) => Part::Word(part.to_owned()),
    };
    let before = before.map(|text| text.split('.').map(part).collect());
    Some(Ordered::Semantic { release, before })
}

fn python(text: &str) -> Option<Python> {
    let text = text.to_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let text = text.split('+').next().unwrap_or(text);
    let (epoch, rest) = match text.split_once('!') {
        Some((epoch, rest)) => (epoch.parse().ok()?, rest),
        None => (0, text),
    };
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(rest.len());
    let (numbers, mut rest) = rest.split_at(end);
    let numbers = numbers.trim_end_matches('.');
    let mut release = numbers
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<Vec<u64>>>()?;
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    let (mut stage, mut post, mut dev) = (None, None, None);
    while !rest.is_empty() {
        rest = rest.trim_start_matches(['.', '-', '_']);
        let end = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let after = after.trim_start_matches(['.', '-', '_']);
        let end = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        let (digits, left) = after.split_at(end);
        // Neither a word nor a number: what stands there is none of a version, and nothing was taken of it.
        if word.is_empty() && digits.is_empty() {
            return None;
        }
        let number = if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        };
        match word {
            "a" | "alpha" => stage = Some((1, number)),
            "b" | "beta" => stage = Some((2, number)),
            "c" | "rc" | "pre" | "preview" => stage = Some((3, number)),
            // `1.0-1` is a post release.
            "post" | "rev" | "r" | "" => post = Some(number),
            "dev" => dev = Some(number),
            _ => return None,
        }
        rest = left;
    }
    let alone = stage.is_none() && post.is_none() && dev.is_some();
    Some(Python {
        epoch,
        release,
        stage: stage.unwrap_or(if alone { (0, 0) } else { (4, 0) }),
        post,
        dev: dev.map_or((1, 0), |number| (0, number)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rises(ecosystem: &str, versions: &[&str]) {
        for pair in versions.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|v| Ordered::read(ecosystem, v).expect(v));
            assert!(a < b, "{} before {}", pair[0], pair[1]);
        }
    }

    /// Fuzzing came upon it: a sign that no version has was looked at for ever.
    #[test]
    fn what_is_no_version_is_none() {
        for text in [
            "1.0,<2",
            "1.0*",
            "1.0-",
            "1.0 ",
            "1.0a\u{e9}",
            "1.0;python",
            "",
            "!",
            "1!",
        ] {
            assert!(python(text).is_none(), "{text:?}");
        }
        assert!(
            Ordered::read("PyPI", "1.0-1").is_some() && Ordered::read("PyPI", "1.0 ").is_some()
        );
    }

    #[test]
    fn semantic_versions_rise_as_their_specification_says() {
        let all = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.10.0",
            "2.0.0",
        ];
        rises(CARGO, &all);
        rises(
            "Go",
            &[
                "v0.0.0-20190101000000-aaaaaaaaaaaa",
                "v0.1.0",
                "v1.0.0+incompatible",
                "v1.0.1",
            ],
        );
        for bad in ["", "github:a/b", "1.x", "1.2.3.4", "latest"] {
            assert_eq!(Ordered::read("npm", bad), None, "{bad}");
        }
    }

    #[test]
    fn python_versions_rise_as_pep_440_says() {
        let all = [
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a2",
            "1.0b1.dev456",
            "1.0b2",
            "1.0rc1",
            "1.0",
            "1.0.post456",
            "1.1.dev1",
            "1.10",
            "1!0.1",
        ];
        let ordered: Vec<&str> = all.to_vec();
        rises("PyPI", &ordered);
        assert_eq!(Ordered::read("PyPI", "1.0"), Ordered::read("PyPI", "1.0.0"));
        for bad in ["", "main", "1.0-final-x"] {
            assert_eq!(Ordered::read("PyPI", bad), None, "{bad}");
        }
    }
}
