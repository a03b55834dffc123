/// Says whether a path, such as `a/b.txt`, matches a pattern.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    letters(&pattern, &path)
}

fn letters(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|n| letters(rest, &text[n..])),
        ['?', rest @ ..] => !text.is_empty() && letters(rest, &text[1..]),
        [letter, rest @ ..] => text.first() == Some(letter) && letters(rest, &text[1..]),
    }
}
