//! Finds the functions of a source by their text: where each begins and ends, what it takes and what it gives back.
//!
//! By our own lexer and not by a grammar's parser: that is C code, and this process reads what strangers wrote while it holds
//! the key that signs. What is not understood is left out; a detector then sees less, and never something that is not there.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::source::{Lang, Source};

/// One function with a body of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// What stands between its parentheses.
    pub(crate) params: String,
    /// What stands between them and the body, trimmed: a result's type, where the language writes one there.
    pub(crate) result: String,
    /// Lines from its head to its end, from 0.
    pub(crate) lines: Range<usize>,
    /// Line and column (in characters) at which its body begins: after the brace, or at the first statement of Python's block.
    pub(crate) body: (usize, usize),
}

/// All functions, also those within others, in the order in which they begin.
pub(crate) fn functions(source: &Source, lang: Lang) -> Vec<Function> {
    match lang {
        Lang::Python => python(source),
        Lang::Rust => braced(source, &RUST),
        Lang::Go => braced(source, &GO),
        Lang::JavaScript => javascript(source),
        Lang::CLike | Lang::Hash | Lang::Plain => Vec::new(),
    }
}

/// The smallest function that holds a line.
pub(crate) fn around(functions: &[Function], line: usize) -> Option<&Function> {
    let holds = functions.iter().filter(|f| f.lines.contains(&line));
    holds.min_by_key(|f| f.lines.len())
}

static RUST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bfn\s+(\w+)").expect("a fixed pattern"));
static GO: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^func\s*(?:\([^)\n]*\)\s*)?(\w+)").expect("a fixed pattern"));
static FUNCTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bfunction\b\s*\*?\s*(\w*)").expect("a fixed pattern"));
static METHOD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^[ \t]*(?:(?:public|private|protected|static|async|override|get|set)\s+)*[*#]?(\w+)[ \t]*\(")
        .expect("a fixed pattern")
});
static ARROW: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:const|let|var)\s+(\w+)\s*(?::[^=\n]+)?=\s*(?:async\s*)?(?:\(|\w+\s*=>)")
        .expect("a fixed pattern")
});
static DEF: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(\s*)(?:async\s+)?def\s+(\w+)\s*\(").expect("a fixed pattern"));

/// Words before a parenthesis and a brace that begin no function.
const NO_NAMES: [&str; 9] = [
    "if", "for", "while", "switch", "catch", "with", "function", "return", "super",
];

/// The code of a file in one piece, with the way back to lines. Positions are characters.
struct Text {
    chars: Vec<char>,
    starts: Vec<usize>,
}

impl Text {
    fn of(source: &Source) -> (Text, String) {
        let joined = source.code.join("\n");
        let mut starts = vec![0];
        let chars: Vec<char> = joined.chars().collect();
        starts.extend(
            chars
                .iter()
                .enumerate()
                .filter(|(_, c)| **c == '\n')
                .map(|(at, _)| at + 1),
        );
        (Text { chars, starts }, joined)
    }

    fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at) - 1;
        (line, at - self.starts[line])
    }

    fn skip_blanks(&self, mut at: usize) -> usize {
        while self.chars.get(at).is_some_and(|c| c.is_whitespace()) {
            at += 1;
        }
        at
    }

    /// The position of the bracket that closes the one at `open`.
    fn closes(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (at, c) in self.chars.iter().enumerate().skip(open) {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Past `<…>` of generics; the `>` of an arrow closes nothing.
    fn skip_generics(&self, at: usize) -> Option<usize> {
        let (open, close) = match self.chars.get(at)? {
            '<' => ('<', '>'),
            '[' => ('[', ']'),
            _ => return Some(at),
        };
        let mut depth = 0_usize;
        for (i, c) in self.chars.iter().enumerate().skip(at) {
            let arrow = *c == '>' && self.chars[i - 1] == '-';
            if *c == open {
                depth += 1;
            } else if *c == close && !arrow {
                depth -= 1;
                if depth == 0 {
                    return Some(self.skip_blanks(i + 1));
                }
            }
        }
        None
    }

    fn between(&self, range: Range<usize>) -> String {
        self.chars[range].iter().collect()
    }

    /// The brace that opens a body, after the parameters. None where a semicolon ends a declaration.
    fn opens(&self, after: usize) -> Option<usize> {
        let mut at = after;
        while let Some(c) = self.chars.get(at) {
            match c {
                ';' | '}' => return None,
                '(' | '[' => at = self.closes(at)?,
                '{' => {
                    let before = self.between(after..at);
                    let kind = before.trim_end();
                    // `interface{}` and `struct{}` are types of Go.
                    if !(kind.ends_with("interface") || kind.ends_with("struct")) {
                        return Some(at);
                    }
                    at = self.closes(at)?;
                }
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// A function whose name ends at `named` and whose parameters follow.
    fn function(&self, name: &str, begins: usize, named: usize) -> Option<Function> {
        let open = self.skip_generics(self.skip_blanks(named))?;
        if self.chars.get(open) != Some(&'(') {
            return None;
        }
        let close = self.closes(open)?;
        let brace = self.opens(close + 1)?;
        let end = self.closes(brace)?;
        Some(Function {
            name: name.to_owned(),
            params: self.between(open + 1..close).trim().to_owned(),
            result: self.between(close + 1..brace).trim().to_owned(),
            lines: self.place(begins).0..self.place(end).0 + 1,
            body: self.place(brace + 1),
        })
    }
}

fn braced(source: &Source, head: &Regex) -> Vec<Function> {
    let (text, joined) = Text::of(source);
    let at = Chars::new(&joined);
    head.captures_iter(&joined)
        .filter_map(|seen| {
            let (all, name) = (seen.get(0)?, seen.get(1)?);
            text.function(name.as_str(), at.of(all.start()), at.of(name.end()))
        })
        .collect()
}

fn javascript(source: &Source) -> Vec<Function> {
    let (text, joined) = Text::of(source);
    let at = Chars::new(&joined);
    let mut found: Vec<Function> = Vec::new();
    for head in [&*FUNCTION, &*METHOD] {
        for seen in head.captures_iter(&joined) {
            let (Some(all), Some(name)) = (seen.get(0), seen.get(1)) else {
                continue;
            };
            let is_name = !NO_NAMES.contains(&name.as_str());
            let one = text.function(name.as_str(), at.of(all.start()), at.of(name.end()));
            // A call that ends its line with a block (`it('a', () => {`) has its brace after an arrow.
            found.extend(one.filter(|f| is_name && plain_result(&f.result)));
        }
    }
    for seen in ARROW.captures_iter(&joined) {
        if let (Some(all), Some(name)) = (seen.get(0), seen.get(1)) {
            found.extend(arrow(
                &text,
                name.as_str(),
                at.of(all.start()),
                at.of(name.end()),
            ));
        }
    }
    found.sort_by_key(|f| (f.body, f.lines.start));
    found.dedup_by_key(|f| f.body);
    found
}

/// Nothing, or a type of TypeScript.
fn plain_result(result: &str) -> bool {
    result.is_empty() || (result.starts_with(':') && !result.contains("=>"))
}

/// `const name = (…) => {`: also with one parameter without parentheses, and with a type of its result.
fn arrow(text: &Text, name: &str, begins: usize, named: usize) -> Option<Function> {
    let rest = text.between(named..text.chars.len().min(named + ARROW_CHARS_MAX));
    let arrow = named + rest[..rest.find("=>")?].chars().count();
    let head = text.between(named..arrow);
    let body = text.skip_blanks(arrow + 2);
    let whole = !head.contains([';', '{', '}']) && text.chars.get(body) == Some(&'{');
    let end = whole.then(|| text.closes(body)).flatten()?;
    let params = head.split_once('=').map_or("", |(_, params)| params);
    Some(Function {
        name: name.to_owned(),
        params: params.trim().trim_start_matches('(').to_owned(),
        result: String::new(),
        lines: text.place(begins).0..text.place(end).0 + 1,
        body: text.place(body + 1),
    })
}

/// Parameters with their types take some lines at most.
const ARROW_CHARS_MAX: usize = 600;

/// From the bytes that a pattern tells to characters.
struct Chars(Vec<usize>);

impl Chars {
    fn new(text: &str) -> Chars {
        Chars(text.char_indices().map(|(byte, _)| byte).collect())
    }

    fn of(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start < byte)
    }
}

fn python(source: &Source) -> Vec<Function> {
    let (text, _) = Text::of(source);
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in source.code.iter().enumerate() {
        let Some(seen) = DEF.captures(line) else {
            continue;
        };
        let indent = seen[1].len();
        let open = text.starts[at] + line.chars().position(|c| c == '(').unwrap_or_default();
        let Some(close) = text.closes(open) else {
            continue;
        };
        let rest = text.between(close + 1..text.chars.len());
        let Some(colon) = rest.find(':') else {
            continue;
        };
        let result = rest[..colon].trim().trim_start_matches("->").trim();
        let head_end = text.place(close + 1 + rest[..colon].chars().count()).0;
        // Strings are code here: a docstring is the first statement.
        let full = |line: usize| source.uncommented(line);
        let first = (head_end + 1..source.code.len()).find(|line| !full(*line).trim().is_empty());
        let Some(first) = first.filter(|line| depth(&full(*line)) > indent) else {
            continue;
        };
        let inside = |line: &usize| {
            let code = &source.code[*line];
            code.trim().is_empty() || depth(code) > indent
        };
        let end = (first..source.code.len()).take_while(inside).last();
        let end = end.unwrap_or(first);
        let last = (first..=end)
            .rev()
            .find(|line| !full(*line).trim().is_empty());
        found.push(Function {
            name: seen[2].to_owned(),
            params: text.between(open + 1..close).trim().to_owned(),
            result: result.to_owned(),
            lines: at..last.unwrap_or(first) + 1,
            body: (first, depth(&full(first))),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    fn seen(text: &str, lang: Lang) -> Vec<(String, String, String, Range<usize>)> {
        functions(&source::read(text, lang), lang)
            .into_iter()
            .map(|f| (f.name, f.params, f.result, f.lines))
            .collect()
    }

    fn one(
        name: &str,
        params: &str,
        result: &str,
        lines: Range<usize>,
    ) -> (String, String, String, Range<usize>) {
        (name.into(), params.into(), result.into(), lines)
    }

    #[test]
    fn rust() {
        let text = "pub fn a<T: Fn(u8) -> u8>(f: T) -> Vec<u8> {\n    let s = \"}\";\n}\ntrait X { fn b(&self); fn c(&self) -> [u8; 2] { [1; 2] } }\n";
        assert_eq!(
            seen(text, Lang::Rust),
            [
                one("a", "f: T", "-> Vec<u8>", 0..3),
                one("c", "&self", "-> [u8; 2]", 3..4)
            ]
        );
    }

    #[test]
    fn go() {
        let text = "package x\n\nfunc (s *S) A(m map[string]struct{}) (n int, err error) {\n\treturn\n}\n\nfunc B() interface{} { return nil }\n";
        assert_eq!(
            seen(text, Lang::Go),
            [
                one("A", "m map[string]struct{}", "(n int, err error)", 2..5),
                one("B", "", "interface{}", 6..7)
            ]
        );
    }

    #[test]
    fn python() {
        let text = "class A:\n    @property\n    def a(self,\n          b=')'):\n        '''Doc\nout of line\n        '''\n        return 1\n\n    async def c(self) -> int:\n        # why\n        return 2\n\n\ndef d(): return 3\nx = 1\n";
        let found = seen(text, Lang::Python);
        assert_eq!((found[0].0.as_str(), found[0].3.clone()), ("a", 2..8));
        assert_eq!(found[1], one("c", "self", "int", 9..12));
        assert_eq!(found.len(), 2, "one line has no block: {found:?}");
    }

    #[test]
    fn javascript_and_typescript() {
        let text = "export function a(x: number): string {\n  return 'b'\n}\nclass B {\n  async c(d) {\n    if (d) {\n      run()\n    }\n  }\n}\nconst e = (f, g) => {\n  return f\n}\nconst h = i => { return i }\nit('x', () => {\n  j()\n})\n";
        assert_eq!(
            seen(text, Lang::JavaScript),
            [
                one("a", "x: number", ": string", 0..3),
                one("c", "d", "", 4..9),
                one("e", "f, g)", "", 10..13),
                one("h", "i", "", 13..14)
            ]
        );
    }

    #[test]
    fn rubbish_is_survived() {
        for text in [
            "",
            "fn",
            "fn a(",
            "fn a(){",
            "def a(:",
            "def a()",
            "func A()[",
            "const a = (",
            "function (",
            "){}",
            "fn a<(>",
        ] {
            for lang in [Lang::Rust, Lang::Go, Lang::Python, Lang::JavaScript] {
                functions(&source::read(text, lang), lang);
            }
        }
    }
}
