//! Where a mark may stand in a source of Rust or JavaScript: at the beginning of a block and behind a statement in it.
//!
//! By our own lexer, as everything here that reads what strangers wrote. A brace that is not surely a block's (a value, a pattern, a
//! macro's, a `switch`) gets no mark: what stands in it goes with the statement that it is part of.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::source::{Lang, Source};

/// A place for a mark: a character of the joined code, and the block that it begins or stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) at: usize,
    pub(super) block: Range<usize>,
    /// Whether it is where a function's body begins, and no other block's.
    pub(super) function: bool,
}

/// The code of a file as characters, with where each line begins.
pub(super) struct Code {
    pub(super) chars: Vec<char>,
    pub(super) starts: Vec<usize>,
}

impl Code {
    pub(super) fn of(source: &Source) -> Code {
        let mut chars = Vec::new();
        let mut starts = Vec::new();
        for line in &source.code {
            starts.push(chars.len());
            chars.extend(line.chars());
            chars.push('\n');
        }
        Code { chars, starts }
    }

    /// Line and column of a character, from 0.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at) - 1;
        (line, at - self.starts[line])
    }

    fn next(&self, from: usize) -> usize {
        let rest = self.chars[from.min(self.chars.len())..].iter();
        from + rest.take_while(|c| c.is_whitespace()).count()
    }

    /// The character before, blanks aside.
    fn before(&self, at: usize) -> Option<char> {
        let mut before = self.chars[..at].iter().rev().copied();
        before.find(|c| !c.is_whitespace())
    }

    fn begins(&self, at: usize, word: &str) -> bool {
        let rest = self.chars.get(at..).unwrap_or_default();
        let after = rest.get(word.len());
        rest.iter().take(word.len()).copied().eq(word.chars())
            && after.is_none_or(|c| !c.is_alphanumeric() && *c != '_')
    }

    fn text(&self, range: Range<usize>) -> String {
        self.chars[range].iter().collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `true`: the body of a function.
    Block(bool),
    /// A brace of another kind, a parenthesis, a bracket.
    Other,
    /// Nothing below it runs when the program does, or what it becomes is not to be seen here: constants, macros.
    Closed,
}

struct Open {
    kind: Kind,
    at: usize,
    /// Where the text began that leads to what is opened next on this level.
    head: usize,
    spots: Vec<(usize, bool)>,
    /// Whether items or arms may stand in it: what is closed there ends what led to it.
    brace: bool,
}

/// What a head may be long; longer ones are no heads.
const HEAD_MAX: usize = 600;
/// Braces whose heads are read. Hand-written files of the size that is followed have a tenth of it; the rest gets no marks.
const BRACES_MAX: usize = 50_000;

pub(super) fn spots(source: &Source, lang: Lang) -> Vec<Spot> {
    let code = Code::of(source);
    let mut found = Vec::new();
    let open = |kind, at| Open {
        kind,
        at,
        head: at + 1,
        spots: Vec::new(),
        brace: false,
    };
    let mut stack = vec![Open {
        head: 0,
        brace: true,
        ..open(Kind::Other, 0)
    }];
    let mut braces = 0;
    for at in 0..code.chars.len() {
        let nested = stack.len() > 1;
        let top = stack.last_mut().expect("the file itself is never closed");
        match code.chars[at] {
            '{' => {
                let begins = top.head.max(at.saturating_sub(HEAD_MAX));
                let head = code.text(begins..at);
                braces += 1;
                let kind = match top.kind {
                    _ if braces > BRACES_MAX => Kind::Closed,
                    Kind::Closed => Kind::Closed,
                    parent @ (Kind::Block(_) | Kind::Other) => kind(&head, lang, parent),
                };
                let mut new = open(kind, at);
                new.brace = true;
                if let Kind::Block(function) = kind
                    && !code.chars[code.next(at + 1)..].starts_with(&['#', '!'])
                {
                    new.spots.push((at + 1, function));
                }
                stack.push(new);
            }
            '(' | '[' => {
                let is_macro = lang == Lang::Rust && code.before(at) == Some('!');
                let closed = is_macro || top.kind == Kind::Closed;
                let kind = if closed { Kind::Closed } else { Kind::Other };
                stack.push(open(kind, at));
            }
            ')' | ']' | '}' if nested => {
                let done = stack.pop().expect("more than one");
                let top = stack.last_mut().expect("the file itself is never closed");
                let next = code.next(at + 1);
                let is_block = matches!(done.kind, Kind::Block(_)) && !is_pattern(&code, next);
                let is_item =
                    top.brace && !matches!(top.kind, Kind::Block(_)) || done.kind == Kind::Closed;
                if is_block || done.brace && is_item {
                    top.head = at + 1;
                }
                if is_block {
                    let block = done.at + 1..at;
                    found.extend(done.spots.into_iter().map(|(at, function)| Spot {
                        at,
                        block: block.clone(),
                        function,
                    }));
                }
            }
            ';' => {
                top.head = at + 1;
                let next = code.next(at + 1);
                let ends = code.chars.get(next).is_none_or(|next| *next == '}');
                // The last of a block has nothing behind it; a mark there might never be reached. One before `else` would part it from its `if`.
                let goes_on = ["else", "while"].iter().any(|word| code.begins(next, word));
                if matches!(top.kind, Kind::Block(_)) && !ends && !goes_on {
                    top.spots.push((at + 1, false));
                }
            }
            _ => {}
        }
    }
    found.sort_by_key(|spot| spot.at);
    found
}

/// `if let Point { x } = point {`: the first brace is part of a pattern.
fn is_pattern(code: &Code, next: usize) -> bool {
    let rest: String = code.chars[next.min(code.chars.len())..]
        .iter()
        .take(3)
        .collect();
    let assigns = rest.starts_with('=') && !rest.starts_with("==") && !rest.starts_with("=>");
    assigns || rest.starts_with("in ") || rest.starts_with('|') && !rest.starts_with("||")
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

static ENDS_BLOCK: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?:=>|\b(?:else|loop|unsafe|async|move|try|finally|do|catch))\s*$"));
static RUST_FN: LazyLock<Regex> = LazyLock::new(|| fixed(r"\bfn\s+\w+"));
static RUST_CLOSED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\bconst\s+(?:unsafe\s+|async\s+|extern\s+)*fn\b|^\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:const|static)\b|\w!\s*(?:\w+\s*)?$",
    )
});
static RUST_HEADER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"\b(if|while|for|match|impl|struct|enum|union|trait|mod|extern|return|break)\b")
});
static RUST_CLOSURE: LazyLock<Regex> = LazyLock::new(|| fixed(r"\|\s*(?:->[^;{}]*)?$"));
static JS_HEADER: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\b(if|for|while|switch|catch|with|class|interface|enum)\b"));
static JS_TYPE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"^\s*(?:export\s+)?(?:declare\s+)?type\s+\w+[^=]*=[^=]|:\s*\([^()]*\)\s*=>\s*$")
});
static JS_TYPED: LazyLock<Regex> =
    LazyLock::new(|| fixed(r#"\)\s*:\s*[\w<>\[\]., |&'"]*\w[\w<>\[\]., |&'"]*$"#));

/// Whether the last parentheses are followed by a type that is not at its end.
fn unclosed(head: &str) -> bool {
    let result = head.rsplit_once(')').map_or("", |(_, result)| result);
    let result = result.replace("=>", "");
    result.matches('<').count() != result.matches('>').count()
}

/// What a brace opens, by what stands before it since the last statement's end.
fn kind(head: &str, lang: Lang, parent: Kind) -> Kind {
    let head = head.trim_end();
    // What leads to an arm's value, and not what leads to the arm.
    let head = match head.rsplit_once("=>") {
        Some((_, value)) if !value.trim().is_empty() => value,
        _ => head,
    };
    let yes = |is: bool| if is { Kind::Block(false) } else { Kind::Other };
    match lang {
        Lang::Rust => {
            if RUST_CLOSED.is_match(head) {
                return Kind::Closed;
            }
            if RUST_FN.is_match(head) {
                return Kind::Block(true);
            }
            if ENDS_BLOCK.is_match(head) || RUST_CLOSURE.is_match(head) {
                return Kind::Block(false);
            }
            if head.is_empty() {
                return yes(matches!(parent, Kind::Block(_)));
            }
            let first = RUST_HEADER.find(head).map(|found| found.as_str());
            let last = RUST_HEADER
                .find_iter(head)
                .last()
                .map(|found| found.as_str());
            yes(matches!(last, Some("if" | "while" | "for")) && first != Some("impl"))
        }
        Lang::JavaScript => {
            // The type of a function, or what a type is made of.
            if JS_TYPE.is_match(head) || unclosed(head) {
                return Kind::Other;
            }
            if ENDS_BLOCK.is_match(head) {
                return Kind::Block(false);
            }
            let last = JS_HEADER.find_iter(head).last().map(|found| found.as_str());
            if matches!(last, Some("switch" | "class" | "interface" | "enum")) {
                return Kind::Other;
            }
            let ends = head.ends_with(')') || JS_TYPED.is_match(head);
            match ends {
                true => Kind::Block(last.is_none()),
                false => Kind::Other,
            }
        }
        Lang::Python | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    /// The text with `@` at each place.
    fn marked(text: &str, lang: Lang) -> String {
        let source = source::read(text, lang);
        let mut chars: Vec<char> = text.chars().collect();
        let mut spots = spots(&source, lang);
        spots.reverse();
        for spot in spots {
            chars.insert(spot.at, '@');
        }
        chars.into_iter().collect()
    }

    #[test]
    fn rust() {
        for (plain, expected) in [
            (
                "fn a(x: u8) -> u8 { let y = x; if y > 1 { return 2; } y }",
                "fn a(x: u8) -> u8 {@ let y = x;@ if y > 1 {@ return 2; } y }",
            ),
            (
                "fn a() { let p = Point { x: 1, y: 2 }; match p { Point { x, .. } => { go(); x } } }",
                "fn a() {@ let p = Point { x: 1, y: 2 };@ match p { Point { x, .. } => {@ go();@ x } } }",
            ),
            (
                "fn a() { if let Point { x } = p { b(x) } else { c() } }",
                "fn a() {@ if let Point { x } = p {@ b(x) } else {@ c() } }",
            ),
            (
                "fn a() { for P { x } in xs { b(x); } while let Some(y) = z() { d(y) } loop { break; } }",
                "fn a() {@ for P { x } in xs {@ b(x); } while let Some(y) = z() {@ d(y) } loop {@ break; } }",
            ),
            (
                "fn a() { xs.map(|x| { x; 1 }).filter(move |y| -> bool { true }); }",
                "fn a() {@ xs.map(|x| {@ x;@ 1 }).filter(move |y| -> bool {@ true }); }",
            ),
            (
                "impl A for B { fn c(&self) -> [u8; 4] { [0; 4] } }",
                "impl A for B { fn c(&self) -> [u8; 4] {@ [0; 4] } }",
            ),
            (
                "fn a(p: &Path) -> Result<Config, Error> { b(); c() }",
                "fn a(p: &Path) -> Result<Config, Error> {@ b();@ c() }",
            ),
            (
                "fn a<'a, K, V>(m: &'a M<K, V>) -> u8 where K: X, V: Y { if !done { b() } 1 }",
                "fn a<'a, K, V>(m: &'a M<K, V>) -> u8 where K: X, V: Y {@ if !done {@ b() } 1 }",
            ),
            (
                "impl<K, V> Index<K> for M<K, V> { fn a(&self) { match x { n if n > 1 => P { x: n }, _ => P { x: 1 } } } }",
                "impl<K, V> Index<K> for M<K, V> { fn a(&self) {@ match x { n if n > 1 => P { x: n }, _ => P { x: 1 } } } }",
            ),
            ("const fn a() -> u8 { if B { 1 } else { 2 } }", ""),
            ("const A: u8 = { if B { 1 } else { 2 } };", ""),
            (
                "static A: Lazy<u8> = Lazy::new(|| { 1 });",
                "static A: Lazy<u8> = Lazy::new(|| {@ 1 });",
            ),
            ("macro_rules! a { ($x:expr) => { $x + 1 }; }", ""),
            (
                "fn a() { quote! { fn b() { c(); } } assert!(d(|| { e() })); }",
                "fn a() {@ quote! { fn b() { c(); } } assert!(d(|| { e() })); }",
            ),
            (
                "fn a() { let Some(x) = y else { return; }; unsafe { b() } }",
                "fn a() {@ let Some(x) = y else {@ return; };@ unsafe {@ b() } }",
            ),
            (
                "fn a() { #![allow(x)] b(); \"{;}\"; }",
                "fn a() { #![allow(x)] b();@ \"{;}\"; }",
            ),
            ("struct A { b: u8 }\nenum C { D { e: u8 } }", ""),
        ] {
            let expected = if expected.is_empty() { plain } else { expected };
            assert_eq!(marked(plain, Lang::Rust), expected);
        }
    }

    #[test]
    fn javascript() {
        for (plain, expected) in [
            (
                "function a(x) { const o = { b: 1 }; if (x) { return o; } return { c: 2 }; }",
                "function a(x) {@ const o = { b: 1 };@ if (x) {@ return o; } return { c: 2 }; }",
            ),
            (
                "const a = (x) => { for (let i = 0; i < 3; i++) { b(i); } };",
                "const a = (x) => {@ for (let i = 0; i < 3; i++) {@ b(i); } };",
            ),
            (
                "class A extends B(c) { d() { try { e() } catch (f) { g() } finally { h() } } }",
                "class A extends B(c) { d() {@ try {@ e() } catch (f) {@ g() } finally {@ h() } } }",
            ),
            (
                "function a(x) { switch (x) { case 1: { b(); } default: c(); } }",
                "function a(x) {@ switch (x) { case 1: { b(); } default: c(); } }",
            ),
            (
                "export async function a(x: Map<string, number>): Promise<number> { return x.size; }",
                "export async function a(x: Map<string, number>): Promise<number> {@ return x.size; }",
            ),
            (
                "function a(): Map<string, number> { if (b) c(); else d(); }",
                "function a(): Map<string, number> {@ if (b) c(); else d(); }",
            ),
            (
                "interface A { find(id: string): Promise<{ name: string; age: number }>; on: (x: A) => { b: string; c: string } }",
                "interface A { find(id: string): Promise<{ name: string; age: number }>; on: (x: A) => { b: string; c: string } }",
            ),
            (
                "type F = (x: A) => { b: string; c: string };\nconst a = { b: 1, c() { d(); e(); } };",
                "type F = (x: A) => { b: string; c: string };\nconst a = { b: 1, c() {@ d();@ e(); } };",
            ),
            (
                "const b = x => ({ y: x }); interface C { d(): void }",
                "const b = x => ({ y: x }); interface C { d(): void }",
            ),
            (
                "import { a } from 'b';\nexport { a };\nconst { c } = d;",
                "import { a } from 'b';\nexport { a };\nconst { c } = d;",
            ),
        ] {
            assert_eq!(marked(plain, Lang::JavaScript), expected);
        }
    }

    #[test]
    fn rubbish_is_survived() {
        for text in [
            "",
            "}",
            "{",
            "fn a(",
            "fn a() {",
            ")}]",
            "if {{{{",
            "fn a() { b();",
        ] {
            for lang in [Lang::Rust, Lang::JavaScript] {
                let _ = spots(&source::read(text, lang), lang);
            }
        }
    }
}
