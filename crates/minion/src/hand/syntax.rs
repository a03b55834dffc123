//! Whether a change adds syntax errors to a file, and what the agent is shown when it does.
//!
//! Runs in the hand alone, inside the cage: the parser is C code on bytes that an agent chose. It knows less than a
//! compiler and is believed in one direction only: a file with no more errors than before passes, and so does all that it
//! cannot judge (another language, a text too large, a parse that takes too long).

use tree_sitter::Node;

use super::grammar::{self, Grammar};
use super::wire::{Refusal, RefusalKind};
use crate::text::cut;

/// Lines shown on either side of the place in question.
const AROUND: usize = 6;
/// Errors that are counted: a text with more is no source of its language.
const ERRORS_MAX: usize = 1_000;
/// Errors named in a refusal; the first one is usually the cause of the others.
const NAMED_MAX: usize = 3;
/// Bytes of a line in a window.
const WINDOW_LINE_BYTES_MAX: usize = 200;
/// Bytes of a macro's arguments that are looked through.
const ARGUMENTS_BYTES_MAX: usize = 1_000;
/// Bytes quoted of what cannot be read.
const QUOTE_BYTES_MAX: usize = 60;

/// Refuses a text that has more syntax errors than the one it replaces; `before` is none when there was no file.
///
/// # Errors
/// A refusal with the errors, the lines as they would be and as they are.
pub(super) fn check(path: &str, before: Option<&[u8]>, after: &[u8]) -> Result<(), Refusal> {
    let Some(grammar) = Grammar::of(path.trim()).filter(|g| judged(path, *g, after)) else {
        return Ok(());
    };
    let Some(now) = errors(grammar, after).filter(|now| now.count > 0) else {
        return Ok(());
    };
    let was = match before {
        // A file whose former state cannot be judged has nothing to compare with.
        Some(before) => match errors(grammar, before) {
            Some(was) => was,
            None => return Ok(()),
        },
        // Without a preprocessor a file of C may look broken from its first line on: of the registry's own C sources, which are
        // full of macros, 28 in 100 did. A change of one that could be read is judged; a new one has nothing to compare with.
        None if grammar == Grammar::C => return Ok(()),
        None => Errors::default(),
    };
    if !now.grew_from(&was) {
        return Ok(());
    }
    let message = refusal(path, grammar, &was, &now, before, after);
    Err(Refusal::new(RefusalKind::Syntax, message))
}

/// A header may be C++, of which the grammar of C understands a part.
fn judged(path: &str, grammar: Grammar, text: &[u8]) -> bool {
    const CPP: [&[u8]; 6] = [
        b"::",
        b"class ",
        b"template",
        b"namespace",
        b"extern \"C\"",
        b"__cplusplus",
    ];
    let header = grammar == Grammar::C && path.ends_with(".h");
    !header
        || !CPP
            .iter()
            .any(|sign| text.windows(sign.len()).any(|w| w == *sign))
}

/// What is wrong with a text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Errors {
    count: usize,
    /// Bytes that the parser could not place.
    bytes: usize,
    /// Line from 0 and words, of the first few.
    first: Vec<(usize, String)>,
}

impl Errors {
    /// A repair can break one large error up into several small ones; that is not growth.
    fn grew_from(&self, was: &Errors) -> bool {
        self.count > was.count && (was.count == 0 || self.bytes >= was.bytes)
    }
}

/// Errors of a text. One of C is read again without what may be macros, which only a preprocessor can read, and the better
/// reading counts.
fn errors(grammar: Grammar, text: &[u8]) -> Option<Errors> {
    let found = read(grammar, text)?;
    if grammar != Grammar::C || found.count == 0 {
        return Some(found);
    }
    let other = read(grammar, &without_macros(text))?;
    Some(if other.count < found.count {
        other
    } else {
        found
    })
}

fn read(grammar: Grammar, text: &[u8]) -> Option<Errors> {
    let tree = grammar.parse(text)?;
    let mut found = Errors::default();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        let wrong = node.is_error() || node.is_missing();
        if wrong && !(grammar == Grammar::C && is_macro(node, text)) {
            found.count += 1;
            found.bytes += node.byte_range().len();
            if found.first.len() < NAMED_MAX {
                found
                    .first
                    .push((node.start_position().row, named(node, text)));
            }
        }
        if found.count == ERRORS_MAX || !grammar::next(&mut cursor, !wrong && node.has_error()) {
            return Some(found);
        }
    }
}

/// Whether an error may be a macro that stands in no common place: `for_each(a, b) {`, which reads like a call without its
/// `;`, or something whose brackets are closed on or behind a line that holds a name in capitals.
fn is_macro(node: Node<'_>, text: &[u8]) -> bool {
    if node.is_missing() {
        return node.kind() == ";"
            && text[..node.start_byte()].trim_ascii_end().ends_with(b")")
            && text[node.end_byte()..].trim_ascii_start().starts_with(b"{");
    }
    let line_before = text[..node.start_byte()]
        .rsplitn(3, |b| *b == b'\n')
        .take(2);
    let line_here = text[node.start_byte()..].split(|b| *b == b'\n').take(1);
    let named = line_before.chain(line_here).any(|line| {
        line.split(|b| !is_word(*b))
            .any(|word| word.len() > 1 && is_capitals(word))
    });
    named
        && arguments(&[b"(", &text[node.byte_range()], b")"].concat())
            == node.byte_range().len() + 2
}

fn is_capitals(word: &[u8]) -> bool {
    word[0].is_ascii_uppercase() && !word.iter().any(u8::is_ascii_lowercase)
}

/// The text with spaces for each name in capitals, its arguments included, that stands right before a word or behind a
/// number: `EXPORT int f(void)`, `8 KB`. Lines and columns stay what they were.
fn without_macros(text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    let (mut at, mut number, mut directive) = (0, false, false);
    while at < text.len() {
        let len = text[at..].iter().take_while(|b| is_word(**b)).count();
        if len == 0 {
            let byte = text[at];
            directive = match byte {
                b'#' => true,
                b'\n' => directive && text[..at].ends_with(b"\\"),
                _ => directive,
            };
            number &= byte.is_ascii_whitespace();
            at += 1;
            continue;
        }
        let word = &text[at..at + len];
        let macro_like = !directive && len > 1 && is_capitals(word);
        let end = at + len + arguments(&text[at + len..]);
        let before_word = text[end..]
            .trim_ascii_start()
            .first()
            .is_some_and(|b| is_word(*b));
        if macro_like && before_word {
            blank(&mut out[at..end]);
            at = end;
        } else if macro_like && number {
            blank(&mut out[at..at + len]);
            at += len;
        } else {
            number = word[0].is_ascii_digit();
            at += len;
        }
    }
    out
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|b| !b.is_ascii_whitespace()) {
        *byte = b' ';
    }
}

/// Bytes of a list in brackets that begins here, none when it does not or has no end nearby.
fn arguments(text: &[u8]) -> usize {
    let mut depth = 0usize;
    for (at, byte) in text.iter().enumerate().take(ARGUMENTS_BYTES_MAX) {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => return 0,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    0
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn named(node: Node<'_>, text: &[u8]) -> String {
    if node.is_missing() {
        return format!("`{}` is missing", node.kind());
    }
    let quoted = String::from_utf8_lossy(&text[node.byte_range()]).into_owned();
    let line = quoted
        .trim_start()
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end();
    if line.is_empty() {
        return "something is missing or too much".to_owned();
    }
    format!("cannot read from `{}` on", cut(line, QUOTE_BYTES_MAX))
}

fn refusal(
    path: &str,
    grammar: Grammar,
    was: &Errors,
    now: &Errors,
    before: Option<&[u8]>,
    after: &[u8],
) -> String {
    let language = grammar.as_str();
    let mut said = match was.count {
        0 => format!("{path} would no longer be valid {language}; nothing was changed.\n"),
        count => format!(
            "{path} has {count} syntax errors ({language}) and would have {}; nothing was changed.\n",
            now.count
        ),
    };
    if before.is_none() {
        said = format!("{path} would not be valid {language}; nothing was written.\n");
    }
    for (row, words) in &now.first {
        said.push_str(&format!("line {}: {words}\n", row + 1));
    }
    if now.count > now.first.len() {
        said.push_str(&format!("[{} more errors]\n", now.count - now.first.len()));
    }
    let (before, after) = (
        before.map(String::from_utf8_lossy),
        String::from_utf8_lossy(after),
    );
    let new: Vec<&str> = after.lines().collect();
    let old: Vec<&str> = before
        .as_deref()
        .map(|text| text.lines().collect())
        .unwrap_or_default();
    let error = now.first.first().map_or(0, |(row, _)| *row);
    let (new_row, old_row) = focus(&old, &new, error);
    said.push_str(&format!("How it would look, {}", window(&new, new_row)));
    if before.is_some() {
        said.push_str(&format!("How it is now, {}", window(&old, old_row)));
    }
    said.push_str("Do not repeat this edit. Look at brackets, quotes and indentation, and give the whole passage so that it is complete in itself.");
    said
}

/// The line to show of each text: the first error where the change is near it, else the beginning of the change.
fn focus(old: &[&str], new: &[&str], error: usize) -> (usize, usize) {
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let room = old.len().min(new.len()) - same;
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(room)
        .take_while(|(a, b)| a == b)
        .count();
    let changed = same.saturating_sub(AROUND)..new.len() - tail + AROUND;
    let row = if changed.contains(&error) {
        error
    } else {
        same
    };
    // Behind the change the lines of both correspond from their ends.
    let old_row = if row >= new.len() - tail {
        (row + old.len()).saturating_sub(new.len())
    } else {
        row.min((old.len() - tail).max(same))
    };
    (row, old_row)
}

fn window(lines: &[&str], row: usize) -> String {
    let row = row.min(lines.len().saturating_sub(1));
    let (first, last) = (
        row.saturating_sub(AROUND),
        (row + AROUND + 1).min(lines.len()),
    );
    let mut shown = format!("lines {}-{last}:\n", (first + 1).min(last));
    for (index, line) in lines.iter().enumerate().take(last).skip(first) {
        shown.push_str(&format!(
            "{:>4}| {}\n",
            index + 1,
            cut(line, WINDOW_LINE_BYTES_MAX)
        ));
    }
    shown
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::symbols;
    use proptest::prelude::*;

    const PATHS: [&str; 8] = [
        "a.rs", "a.py", "a.js", "a.ts", "a.tsx", "a.go", "a.c", "a.java",
    ];

    /// Bytes that look like source often enough to reach deep into a parser.
    fn source() -> impl Strategy<Value = Vec<u8>> {
        let pieces = [
            "fn f() {",
            "}",
            "(",
            ")",
            "[",
            "]",
            "<",
            ">",
            "\"",
            "'",
            "`",
            "${",
            "/*",
            "*/",
            "//",
            "#",
            "\n",
            "\r\n",
            "\t",
            "  ",
            "def f(x):",
            "class A",
            "struct B",
            "if x",
            "else",
            "=",
            ";",
            ":",
            ",",
            "1",
            "é",
            "\u{feff}",
            "r#\"",
            "f\"{",
            "<a>",
            "</a>",
            "#if A",
            "#endif",
            "\\\n",
            "\0",
            "FOO(x)",
            "A b",
        ];
        let piece = prop_oneof![
            8 => proptest::sample::select(pieces.to_vec()).prop_map(|p| p.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..20),
        ];
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(before in source(), after in source(), with in any::<bool>()) {
            for path in PATHS {
                let before = with.then_some(before.as_slice());
                if let Err(refusal) = check(path, before, &after) {
                    prop_assert!(refusal.message.contains("Do not repeat"));
                    prop_assert!(refusal.message.len() < 8 << 10);
                }
                // The same text is never worse than itself.
                prop_assert!(check(path, Some(&after), &after).is_ok());
                let grammar = Grammar::of(path).expect("listed");
                for symbol in symbols::defined(grammar, &after) {
                    prop_assert!(symbol.line >= 1 && !symbol.name.is_empty());
                }
            }
        }
    }

    #[test]
    fn the_window_stands_at_the_error_or_at_the_change() {
        let old: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let mut new = old.clone();
        new.splice(20..21, ["a", "b", "c"]);
        assert_eq!(focus(&old, &new, 21), (21, 21));
        assert_eq!(focus(&old, &new, 24), (24, 22));
        assert_eq!(focus(&old, &new, 49), (20, 20));
        assert_eq!(focus(&[], &new, 30), (30, 0));
    }
}
