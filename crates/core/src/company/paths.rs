//! The path patterns of an agent: where each may stand, and whether together they mean anything.

use unicode_normalization::UnicodeNormalization;

use super::read::LINE_BYTES_MAX;

/// Why a glob cannot stand in a constraint, if so. Everything is relative, so that no pack names a place outside.
pub(super) fn glob_problem(glob: &str) -> Option<&'static str> {
    if glob.is_empty() || glob.len() > LINE_BYTES_MAX || glob.chars().any(char::is_control) {
        return Some("it is empty, too long or holds control characters");
    }
    if glob.starts_with('/')
        || glob.starts_with('~')
        || glob.contains('\\')
        || glob.get(1..2) == Some(":")
    {
        return Some("paths are relative and use `/`");
    }
    if glob.split('/').any(|part| part == ".." || part == ".") {
        return Some("`.` and `..` leave the folder it is meant for");
    }
    None
}

/// What is wrong with the lists taken together: the index of the path in the list that it is said of, and what.
pub(super) enum Overlap {
    Allowed(usize, String),
    Forbidden(usize, String),
}

/// Every pattern that says nothing, or the opposite of another one.
pub(super) fn overlaps(allowed: &[String], forbidden: &[String]) -> Vec<Overlap> {
    let mut found = Vec::new();
    found.extend(twice(allowed).map(|(index, said)| Overlap::Allowed(index, said)));
    found.extend(twice(forbidden).map(|(index, said)| Overlap::Forbidden(index, said)));
    let mut open = !allowed.is_empty();
    for (index, path) in forbidden.iter().enumerate() {
        if allowed.iter().any(|other| form(other) == form(path)) {
            // Said once: that nothing is left follows from it.
            open = false;
            found.push(Overlap::Forbidden(
                index,
                format!("the path `{path}` is allowed and forbidden; what is forbidden wins, so take it from one list"),
            ));
        }
    }
    let dead = |path: &String| forbidden.iter().any(|wall| covers(wall, path));
    if open && allowed.iter().all(dead) {
        found.push(Overlap::Allowed(
            0,
            "everything that is allowed is forbidden too; nothing could be written".to_owned(),
        ));
    }
    found
}

/// Paths that stand in a list before, in the same or another form.
fn twice<'a>(paths: &'a [String]) -> impl Iterator<Item = (usize, String)> + 'a {
    paths.iter().enumerate().filter_map(|(index, path)| {
        let before = paths[..index]
            .iter()
            .find(|other| form(other) == form(path))?;
        Some((
            index,
            match before == path {
                true => format!("the path `{path}` is listed twice"),
                false => format!("`{path}` and `{before}` are the same path; keep one"),
            },
        ))
    })
}

/// The one form of a pattern: a plain folder stands for everything in it, as it does where the pattern is used.
fn form(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut form: String = parts.join("/").nfc().collect();
    while let Some(shorter) = form.strip_suffix("/**") {
        form = shorter.to_owned();
    }
    form
}

/// Whether every path of `inner` is one of `outer`. In doubt not.
fn covers(outer: &str, inner: &str) -> bool {
    let (outer, inner) = (form(outer), form(inner));
    let split = |path: &str| -> Vec<String> { path.split('/').map(str::to_owned).collect() };
    let mut outer = split(&outer);
    // The folder itself and everything below it.
    outer.push("**".to_owned());
    parts_cover(&outer, &split(&inner))
}

/// By a table, a row for each end of `outer`, because tried way by way each `**` doubles the work.
fn parts_cover(outer: &[String], inner: &[String]) -> bool {
    // Whether what is left of `outer` covers `inner` from each part on. Nothing covers nothing.
    let mut row = vec![false; inner.len() + 1];
    row[inner.len()] = true;
    for one in outer.iter().rev() {
        let below = row.clone();
        for at in (0..=inner.len()).rev() {
            let tail = at < inner.len();
            row[at] = match one.as_str() {
                "**" => below[at] || (tail && row[at + 1]),
                one => tail && inner[at] != "**" && below[at + 1] && part_covers(one, &inner[at]),
            };
        }
    }
    row[0]
}

fn part_covers(outer: &str, inner: &str) -> bool {
    let special = |part: &str| part.contains(['*', '?', '[', '{']);
    outer == "*" || outer == inner || {
        // A star in the middle is told for plain names alone.
        let mut ends = outer.splitn(2, '*');
        let (head, tail) = (ends.next().unwrap_or(""), ends.next());
        !special(inner)
            && !special(head)
            && tail.is_some_and(|tail| {
                !special(tail)
                    && inner.len() >= head.len() + tail.len()
                    && inner.starts_with(head)
                    && inner.ends_with(tail)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pattern_covers_another_only_when_it_is_certain() {
        for (outer, inner, want) in [
            ("**", "src/**", true),
            ("src/**", "src/a/*.rs", true),
            ("src", "src/a.rs", true),
            ("**/*.rs", "src/lib.rs", true),
            ("*.md", "README.md", true),
            ("a*c", "abc", true),
            ("**/tests/**", "a/tests/b", true),
            ("src/**", "**", false),
            ("src/*", "src/**", false),
            ("src/*.rs", "src/*", false),
            ("src/**", "source/**", false),
            ("**/*.rs", "src/**", false),
            ("docs/*.md", "docs/a.txt", false),
        ] {
            assert_eq!(covers(outer, inner), want, "{outer} over {inner}");
        }
    }

    /// Tried way by way, each `**` doubles the work: this would never end.
    #[test]
    fn many_stars_are_compared_in_bounded_work() {
        let walls = format!("{}x", "**/".repeat(60));
        let path = ["a"; 90].join("/");
        assert!(!covers(&walls, &path));
        assert!(covers(&walls, &format!("{path}/x/y")));
        assert!(overlaps(&[path], &[walls]).is_empty());
    }
}
