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
    /// Each bracket that opens, in order, with the one that closes it.
    pairs: Vec<(usize, Option<usize>)>,
}

/// Brackets of any kind, matched in one pass: a look per head would take the square of a file of heads that never close.
fn bracket_pairs(chars: &[char]) -> Vec<(usize, Option<usize>)> {
    let mut pairs = Vec::new();
    let mut open = Vec::new();
    for (at, c) in chars.iter().enumerate() {
        match c {
            '(' | '[' | '{' => {
                open.push(pairs.len());
                pairs.push((at, None));
            }
            ')' | ']' | '}' => {
                if let Some(pair) = open.pop() {
                    pairs[pair].1 = Some(at);
                }
            }
            _ => {}
        }
    }
    pairs
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
        let pairs = bracket_pairs(&chars);
        let text = Text {
            chars,
            starts,
            pairs,
        };
        (text, joined)
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
        let pair = self.pairs.binary_search_by_key(&open, |(open, _)| *open);
        self.pairs[pair.ok()?].1
    }

    /// What a head may take from here on.
    fn reach(&self, from: usize) -> Range<usize> {
        from..self.chars.len().min(from + HEAD_CHARS_MAX)
    }

    /// Past `<…>` of generics; the `>` of an arrow closes nothing.
    fn skip_generics(&self, at: usize) -> Option<usize> {
        let (open, close) = match self.chars.get(at)? {
            '<' => ('<', '>'),
            '[' => ('[', ']'),
            _ => return Some(at),
        };
        let mut depth = 0_usize;
        for i in self.reach(at) {
            let c = self.chars[i];
            let arrow = c == '>' && self.chars[i - 1] == '-';
            if c == open {
                depth += 1;
            } else if c == close && !arrow {
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

    /// The brace that opens a body, after the parameters. None where a semicolon ends a declaration, or a bracket around it.
    fn opens(&self, after: usize) -> Option<usize> {
        let reach = self.reach(after);
        let mut at = after;
        while reach.contains(&at) {
            match self.chars[at] {
                ';' | '}' | ')' | ']' => return None,
                '(' | '[' => at = self.closes(at)?,
                // `interface{}` and `struct{}` are types of Go.
                '{' if !self.ends_with(after..at, "interface")
                    && !self.ends_with(after..at, "struct") =>
                {
                    return Some(at);
                }
                '{' => at = self.closes(at)?,
                _ => {}
            }
            at += 1;
        }
        None
    }

    fn ends_with(&self, range: Range<usize>, word: &str) -> bool {
        let mut before = self.chars[range]
            .iter()
            .rev()
            .skip_while(|c| c.is_whitespace());
        word.chars().rev().all(|c| before.next() == Some(&c))
    }

    /// A function whose name ends at `named` and whose parameters follow, of which name and result fit.
    fn function(
        &self,
        name: &str,
        begins: usize,
        named: usize,
        fits: fn(&str, &str) -> bool,
    ) -> Option<Function> {
        let open = self.skip_generics(self.skip_blanks(named))?;
        if self.chars.get(open) != Some(&'(') {
            return None;
        }
        let close = self.closes(open)?;
        let brace = self.opens(close + 1)?;
        let end = self.closes(brace)?;
        let result = self.between(close + 1..brace).trim().to_owned();
        if !fits(name, &result) {
            return None;
        }
        Some(Function {
            name: name.to_owned(),
            params: self.between(open + 1..close).trim().to_owned(),
            result,
            lines: self.place(begins).0..self.place(end).0 + 1,
            body: self.place(brace + 1),
        })
    }
}

fn braced(source: &Source, head: &Regex) -> Vec<Function> {
    let (text, joined) = Text::of(source);
    let at = Chars::new(&joined);
    heads(&text, &at, &joined, head, |_, _| true)
}

/// The functions whose heads a pattern finds; a head within the parameters of another one is left out.
fn heads(
    text: &Text,
    at: &Chars,
    joined: &str,
    head: &Regex,
    fits: fn(&str, &str) -> bool,
) -> Vec<Function> {
    let mut found = Vec::new();
    let mut past = (0, 0);
    for seen in head.captures_iter(joined) {
        let (Some(all), Some(name)) = (seen.get(0), seen.get(1)) else {
            continue;
        };
        let begins = at.of(all.start());
        if text.place(begins) < past {
            continue;
        }
        let one = text.function(name.as_str(), begins, at.of(name.end()), fits);
        past = one.as_ref().map_or(past, |one| one.body);
        found.extend(one);
    }
    found
}

fn javascript(source: &Source) -> Vec<Function> {
    let (text, joined) = Text::of(source);
    let at = Chars::new(&joined);
    let mut found: Vec<Function> = Vec::new();
    let plain = |name: &str, result: &str| !NO_NAMES.contains(&name) && plain_result(result);
    for head in [&*FUNCTION, &*METHOD] {
        // A call that ends its line with a block (`it('a', () => {`) has its brace after an arrow.
        found.extend(heads(&text, &at, &joined, head, plain));
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
/// So do generics, and what stands between parameters and body; a look per head ends here.
const HEAD_CHARS_MAX: usize = 2_000;

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
    let mut past = 0;
    for (at, line) in source.code.iter().enumerate() {
        // A head within another one is none.
        if at < past {
            continue;
        }
        let Some(seen) = DEF.captures(line) else {
            continue;
        };
        let indent = seen[1].len();
        let open = text.starts[at] + line.chars().position(|c| c == '(').unwrap_or_default();
        let Some(close) = text.closes(open) else {
            continue;
        };
        let Some(colon) = text.reach(close + 1).find(|at| text.chars[*at] == ':') else {
            continue;
        };
        let result = text.between(close + 1..colon);
        let result = result.trim().trim_start_matches("->").trim();
        let head_end = text.place(colon).0;
        past = head_end + 1;
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
    fn a_head_within_parameters_is_left_out_and_one_within_a_body_is_not() {
        let text = "fn a(b: [u8; { fn c() {} 1 }]) {\n    fn d() {}\n}\n";
        let names = |text, lang| -> Vec<String> {
            let found = seen(text, lang).into_iter();
            found.map(|f| f.0).collect()
        };
        assert_eq!(names(text, Lang::Rust), ["a", "d"]);
        assert_eq!(
            names("def a(b,\n  c=1):\n  def d():\n    pass\n", Lang::Python),
            ["a", "d"]
        );
    }

    #[test]
    fn heads_without_an_end_are_passed_over_in_one_pass() {
        const MIB: usize = 1 << 20;
        for (head, lang) in [
            ("fn a(", Lang::Rust),
            ("def a():", Lang::Python),
            ("def a():\n", Lang::Python),
        ] {
            assert_eq!(seen(&head.repeat(MIB / head.len()), lang), [], "{head:?}");
        }
        // These are looked through up to the end that a head may have.
        for (head, lang) in [
            ("fn a<", Lang::Rust),
            ("fn a() ", Lang::Rust),
            ("func A() interface{} ", Lang::Go),
            ("function a(", Lang::JavaScript),
            ("def a()\n", Lang::Python),
        ] {
            assert_eq!(
                seen(&head.repeat(MIB / 16 / head.len()), lang),
                [],
                "{head:?}"
            );
        }
        let within = |head: &str, end: &str| {
            let times = MIB / (head.len() + end.len());
            seen(&(head.repeat(times) + &end.repeat(times)), Lang::Rust).len()
        };
        assert_eq!(
            within("fn a(", ")") + within("fn a(", "){}"),
            1,
            "the outermost alone"
        );
    }

    #[test]
    fn each_bracket_knows_its_own_end() {
        let chars: Vec<char> = "){([x])}(".chars().collect();
        assert_eq!(
            bracket_pairs(&chars),
            [(1, Some(7)), (2, Some(6)), (3, Some(5)), (8, None)]
        );
    }

    #[test]
    fn a_call_of_a_test_runner_hides_no_function_behind_it() {
        let text = "it('a', () => {\n  function b() {\n  }\n})\nclass C {\n  d() {\n  }\n}\n";
        let found = seen(text, Lang::JavaScript).into_iter();
        assert_eq!(found.map(|f| f.0).collect::<Vec<_>>(), ["b", "d"]);
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
