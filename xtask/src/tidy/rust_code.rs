//! Rust source as the rules read it: without comments and the contents of literals, which may say anything.

/// The text with comments and the contents of string and character literals blanked. Lines stay lines.
pub(crate) fn code_only(text: &str) -> String {
    pieces(text, |piece, kept| match piece {
        Piece::Code(bytes) => kept.extend_from_slice(bytes),
        Piece::Comment(bytes) | Piece::Literal(bytes) => {
            kept.extend(bytes.iter().map(|&b| blank(b)))
        }
        Piece::String(bytes) => {
            // The quotes stay, so that what was a string is still something.
            let last = bytes.len() - 1;
            let quote = |(n, &b)| if n == 0 || n == last { b'"' } else { blank(b) };
            kept.extend(bytes.iter().enumerate().map(quote));
        }
    })
}

/// The text with everything but comments blanked. Lines stay lines.
pub(crate) fn comments_only(text: &str) -> String {
    pieces(text, |piece, kept| match piece {
        Piece::Comment(bytes) => kept.extend_from_slice(bytes),
        Piece::Code(bytes) | Piece::Literal(bytes) | Piece::String(bytes) => {
            kept.extend(bytes.iter().map(|&b| blank(b)));
        }
    })
}

enum Piece<'a> {
    Code(&'a [u8]),
    Comment(&'a [u8]),
    /// A character, or a raw string.
    Literal(&'a [u8]),
    /// With its quotes.
    String(&'a [u8]),
}

fn pieces(text: &str, keep: impl Fn(Piece<'_>, &mut Vec<u8>)) -> String {
    let bytes = text.as_bytes();
    let mut kept = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let piece = match rest[0] {
            b'/' if rest.starts_with(b"//") => Piece::Comment(&rest[..line_comment(rest)]),
            b'/' if rest.starts_with(b"/*") => Piece::Comment(&rest[..block_comment(rest)]),
            b'"' => Piece::String(&rest[..string(rest)]),
            b'r' if !after_word(bytes, at) => match raw_string(rest) {
                Some(length) => Piece::Literal(&rest[..length]),
                None => Piece::Code(&rest[..1]),
            },
            b'\'' => match character(rest) {
                Some(length) => Piece::Literal(&rest[..length]),
                None => Piece::Code(&rest[..1]),
            },
            _ => Piece::Code(&rest[..1]),
        };
        at += match piece {
            Piece::Code(b) | Piece::Comment(b) | Piece::Literal(b) | Piece::String(b) => b.len(),
        };
        keep(piece, &mut kept);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The code without what only tests see: items under `#[cfg(test)]` or `#[cfg(all(test, ...))]`, blanked.
pub(crate) fn without_tests(code: &str) -> String {
    const MARKS: [&str; 2] = ["#[cfg(test)]", "#[cfg(all(test,"];
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = MARKS.iter().filter_map(|mark| rest.find(mark)).min() {
        let (before, item) = rest.split_at(start);
        kept.push_str(before);
        // The attribute's brackets close before the item begins, so it may be read along with it.
        let end = item_end(item);
        kept.extend(item[..end].chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = &item[end..];
    }
    kept + rest
}

/// Where the item ends that begins here: behind its closing brace, or behind the semicolon before any.
pub(crate) fn item_end(code: &str) -> usize {
    let mut depth = 0u32;
    for (at, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The line, from 1, of a place in a text.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at]
        .iter()
        .filter(|&&b| b == b'\n')
        .count()
        + 1
}

/// Every place where the word stands with no letter, digit or underscore beside it.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part)
        })
}

fn blank(byte: u8) -> u8 {
    if byte == b'\n' { b'\n' } else { b' ' }
}

fn after_word(bytes: &[u8], at: usize) -> bool {
    // `br"..."` and `cr"..."` are raw strings as well.
    let before = &bytes[..at];
    let before = match before {
        [head @ .., b'b' | b'c'] => head,
        _ => before,
    };
    before
        .last()
        .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

fn line_comment(rest: &[u8]) -> usize {
    rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0u32, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = 2 + hashes;
    let found = rest[body..]
        .windows(end.len())
        .position(|window| window == end);
    Some(found.map_or(rest.len(), |at| body + at + end.len()))
}

/// A character literal; `None` for a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        let close = rest.iter().skip(3).position(|&b| b == b'\'')?;
        return Some(close + 4);
    }
    let text = std::str::from_utf8(rest.get(1..rest.len().min(6))?);
    let first = match text {
        Ok(text) => text.chars().next()?,
        Err(e) => std::str::from_utf8(&rest[1..1 + e.valid_up_to()])
            .ok()?
            .chars()
            .next()?,
    };
    let close = 1 + first.len_utf8();
    (rest.get(close) == Some(&b'\'')).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeezed(text: &str) -> String {
        code_only(text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        for (text, wanted) in [
            ("a // b \"\nc", "a c"),
            ("a /* x /* y */ z */ b", "a b"),
            (r#"f("x \" // y"); g"#, "f(\" \"); g"),
            (r##"f(r#"x " y"#); g"##, "f( ); g"),
            (r#"f(br"\"); g"#, "f(b ); g"),
            ("m('\"', '\\'', 'é', '\\u{1f}'); g", "m( , , , ); g"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("for r in var { r; }", "for r in var { r; }"),
            ("r#type = 1", "r#type = 1"),
            ("open \"never closed", "open \" \""),
        ] {
            assert_eq!(squeezed(text), wanted, "{text}");
        }
    }

    #[test]
    fn comments_alone_are_kept() {
        let text = "f(\"// no\"); // yes\n/* and\nthis */ g('x', r\"//no\");";
        let kept = comments_only(text);
        assert_eq!(
            kept.split_whitespace().collect::<Vec<_>>().join(" "),
            "// yes /* and this */"
        );
        assert_eq!(kept.lines().count(), text.lines().count());
    }

    #[test]
    fn lines_stay_lines() {
        let text = "a\n/* b\nc */ \"d\ne\"\nlast";
        let code = code_only(text);
        assert_eq!(code.lines().count(), text.lines().count());
        assert_eq!(line_of(&code, code.find("last").unwrap()), 5);
    }

    #[test]
    fn what_only_tests_see_is_blanked() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { x[0; 1]; } }\nfn c() {}\n\
            #[cfg(test)]\n#[path = \" \"]\nmod d;\n#[cfg(all(test, unix))]\nmod g { fn h() {} }\ne";
        let kept = without_tests(code);
        assert_eq!(
            kept.split_whitespace().collect::<String>(),
            "fna(){}fnc(){}e"
        );
        assert_eq!(kept.lines().count(), code.lines().count());
    }

    #[test]
    fn a_word_stands_alone() {
        let found: Vec<usize> = words("fs::x prefs::y my_fs fs", "fs").collect();
        assert_eq!(found, [0, 21]);
    }
}
