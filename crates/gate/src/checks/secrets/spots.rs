//! Where in a text a secret stands, for whoever has to take it out.

use std::ops::Range;

use super::{ASSIGNED, KINDS, is_example, looks_random};

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// From 1.
    pub line: usize,
    pub what: &'static str,
}

/// The secrets of a text in order, none of them overlapping. Examples and placeholders are none.
pub fn secrets_in(text: &str) -> Vec<Spot> {
    let mut found: Vec<(Range<usize>, &'static str)> = Vec::new();
    for kind in KINDS.iter() {
        let real = kind.regex.find_iter(text);
        for seen in
            real.filter(|seen| !is_example(seen.as_str()) && !is_at_home(kind.what, seen.as_str()))
        {
            let end = match kind.what {
                "a private key" => end_of_key(text, seen.end()),
                _ => seen.end(),
            };
            found.push((seen.start()..end, kind.what));
        }
    }
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        // Without its end: the pattern takes a value that ends where the line does.
        let seen = ASSIGNED.captures(line.trim_end_matches(['\n', '\r']));
        let value = seen.and_then(|seen| seen.get(1).or_else(|| seen.get(2)));
        if let Some(value) = value.filter(|v| !is_example(v.as_str()) && looks_random(v.as_str())) {
            let range = from + value.start()..from + value.end();
            found.push((range, "a value that looks like a secret"));
        }
        from += line.len();
    }
    // Of two that overlap the one that begins first and reaches further is the whole.
    found.sort_by_key(|(range, _)| (range.start, usize::MAX - range.end));
    let mut spots: Vec<Spot> = Vec::new();
    for (range, what) in found {
        if spots
            .last()
            .is_some_and(|last| range.start < last.range.end)
        {
            let last = spots.last_mut().expect("it was looked at above");
            last.range.end = last.range.end.max(range.end);
            continue;
        }
        let line = text[..range.start].matches('\n').count() + 1;
        spots.push(Spot { range, line, what });
    }
    spots
}

/// A password of a host that is this machine or that only a private network knows opens nothing to whoever reads it: the database of
/// a test has one.
fn is_at_home(what: &str, address: &str) -> bool {
    let host = address.rsplit('@').next().unwrap_or(address);
    what == "a password in an address" && (!host.contains('.') || host.starts_with("127."))
}

/// A key is its whole block; one without an end is everything behind its beginning.
fn end_of_key(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    let Some(at) = rest.find("-----END ") else {
        return text.len();
    };
    let line = &rest[at + "-----END ".len()..];
    let close = line.find("-----").map_or(line.len(), |close| close + 5);
    from + at + "-----END ".len() + close
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_whole_and_in_order() {
        let token = format!("ghp_{}", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");
        let text = format!(
            "a\ntoken: \"{token}\"\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nend\n\
             api_key = \"q9X2mB7vL4tR8wZ1\"\nkey: ghp_exampleexampleexampleexampleexampleexample\n"
        );
        let found = secrets_in(&text);
        let shown: Vec<(usize, &str)> = found
            .iter()
            .map(|spot| (spot.line, &text[spot.range.clone()]))
            .collect();
        assert_eq!(
            shown,
            [
                (2, token.as_str()),
                (
                    3,
                    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----"
                ),
                (8, "q9X2mB7vL4tR8wZ1"),
            ]
        );
        let at_home = "postgres://me:s3cret-1@127.0.0.1:5432/x mysql://me:s3cret-2@db/x";
        assert_eq!(secrets_in(at_home), []);
        assert_eq!(secrets_in("https://me:s3cret-1@db.acme.no/x").len(), 1);
        assert_eq!(
            secrets_in("-----BEGIN PRIVATE KEY-----\nx")[0].range.end,
            29
        );
    }
}
