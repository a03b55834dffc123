//! Reads a source file just well enough to tell code from comments and strings, so that a detector does not take the word
//! TODO in a string for a placeholder, nor a brace in a comment for a block.
//!
//! This is a lexer by convention, not a parser: text that a language would refuse still gets an answer, and an
//! unterminated string ends with its line so that one odd quote does not hide the rest of the file.

use alai_core::qa::scanners;

use crate::{mutants, paths};

/// How a language writes comments and strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    Rust,
    JavaScript,
    Go,
    /// Java, C and their relatives.
    CLike,
    Python,
    /// Shell, YAML, TOML, Make, Ruby: `#` begins a comment.
    Hash,
    /// Prose and data: nothing is a comment, everything is text.
    Plain,
}

pub(crate) fn lang(path: &str) -> Lang {
    match paths::extension(path).as_str() {
        "rs" => Lang::Rust,
        "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" | "vue" | "svelte" => {
            Lang::JavaScript
        }
        "go" => Lang::Go,
        "c" | "h" | "cc" | "cpp" | "hpp" | "java" | "kt" | "kts" | "swift" | "scala" | "cs"
        | "php" | "dart" | "css" | "scss" | "gradle" => Lang::CLike,
        "py" | "pyi" => Lang::Python,
        "sh" | "bash" | "zsh" | "bats" | "yml" | "yaml" | "toml" | "rb" | "pl" | "mk" | "tf"
        | "r" | "ini" | "cfg" | "conf" | "env" => Lang::Hash,
        _ => by_name(paths::name(path)),
    }
}

/// The same where the text is at hand: Qt keeps its translations as XML in files that end in `.ts`.
pub(crate) fn lang_of(path: &str, text: &str) -> Lang {
    match scanners::is_translation(path, text) {
        true => Lang::Plain,
        false => lang(path),
    }
}

fn by_name(name: &str) -> Lang {
    match name {
        "Makefile" | "GNUmakefile" | "makefile" | "Dockerfile" | "Justfile" | "justfile"
        | "Gemfile" => Lang::Hash,
        _ => Lang::Plain,
    }
}

impl Lang {
    /// Whether a test command builds it before it runs it.
    pub(crate) fn is_compiled(self) -> bool {
        match self {
            Lang::Rust | Lang::Go | Lang::CLike => true,
            Lang::JavaScript | Lang::Python | Lang::Hash | Lang::Plain => false,
        }
    }

    /// Whether a program is written in it.
    pub(crate) fn is_code(self) -> bool {
        self != Lang::Plain
    }
}

/// One file seen three ways, each of the same shape: what is not of the kind is blank.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) raw: Vec<String>,
    pub(crate) code: Vec<String>,
    pub(crate) comments: Vec<String>,
    pub(crate) strings: Vec<String>,
    /// Which characters of each line stand in a string, blanks too.
    quoted: Vec<Vec<bool>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

pub(crate) fn read(text: &str, lang: Lang) -> Source {
    let chars: Vec<char> = text.chars().collect();
    let kinds = match lang {
        Lang::Plain => vec![Kind::Text; chars.len()],
        Lang::Rust | Lang::JavaScript | Lang::Go | Lang::CLike | Lang::Python | Lang::Hash => {
            Lexer {
                chars: &chars,
                lang,
                at: 0,
                kinds: Vec::with_capacity(chars.len()),
                last: '\n',
            }
            .run()
        }
    };
    let part = |want: Option<Kind>| -> Vec<String> {
        let masked: String = chars
            .iter()
            .zip(&kinds)
            .map(|(c, k)| {
                if *c == '\n' || want.is_none_or(|w| w == *k) {
                    *c
                } else {
                    ' '
                }
            })
            .collect();
        masked
            .split('\n')
            .map(|line| line.trim_end_matches('\r').to_owned())
            .collect()
    };
    let marks: Vec<bool> = kinds.iter().map(|kind| *kind == Kind::Text).collect();
    let mut quoted = Vec::new();
    let mut rest = chars.as_slice();
    let mut from = 0;
    while let Some(end) = rest.iter().position(|c| *c == '\n') {
        quoted.push(marks[from..from + end].to_vec());
        (rest, from) = (&rest[end + 1..], from + end + 1);
    }
    quoted.push(marks[from..].to_vec());
    Source {
        raw: part(None),
        code: part(Some(Kind::Code)),
        comments: part(Some(Kind::Comment)),
        strings: part(Some(Kind::Text)),
        quoted,
    }
}

/// The lines of a file, from the first, with all that is no code blank and every character of code where it was: what stands in comments
/// and texts is not there, and neither are unit tests in a file that is no test. A file of prose or data has no code.
pub fn code_of(path: &str, text: &str) -> Vec<String> {
    let lang = lang_of(path, text);
    let source = read(text, lang);
    let mut lines = source.code.clone();
    if !paths::is_test(path) {
        for line in mutants::test_lines(&source, text, lang)
            .into_iter()
            .flatten()
        {
            if let Some(line) = lines.get_mut(line) {
                line.clear();
            }
        }
    }
    lines
}

impl Source {
    /// A line's code and strings without its comments, as one text in their own order.
    pub(crate) fn uncommented(&self, line: usize) -> String {
        let (Some(code), Some(strings)) = (self.code.get(line), self.strings.get(line)) else {
            return String::new();
        };
        code.chars()
            .zip(strings.chars())
            .map(|(c, s)| if c == ' ' { s } else { c })
            .collect()
    }

    /// The texts that stand in quotes, without their quotes, each with the character at which it begins in the lines joined by line ends.
    pub(crate) fn texts(&self) -> Vec<(usize, String)> {
        let mut found: Vec<(usize, String)> = Vec::new();
        let mut from = 0;
        let mut inside = false;
        for (line, quoted) in self.raw.iter().zip(&self.quoted) {
            for (at, (c, is_text)) in line.chars().zip(quoted).enumerate() {
                match (inside, *is_text) {
                    (true, true) => found.iter_mut().last().expect("a text began").1.push(c),
                    (false, true) => found.push((from + at, c.to_string())),
                    (_, false) => {}
                }
                inside = *is_text;
            }
            from += line.chars().count() + 1;
            if let Some((_, text)) = found.last_mut().filter(|_| inside) {
                text.push('\n');
            }
        }
        let bare = |text: &str| {
            let quotes: &[char] = &['"', '\'', '`'];
            text.trim_end_matches('\n').trim_matches(quotes).to_owned()
        };
        { found.into_iter() }
            .map(|(at, text)| (at, bare(&text)))
            .collect()
    }

    /// Whether a line goes on with a text that an earlier one began.
    pub(crate) fn begins_in_text(&self, line: usize) -> bool {
        self.quoted
            .get(line)
            .is_some_and(|marks| marks.first() == Some(&true))
    }

    /// Lines without comments, and without those blanks and trailing commas that a formatter may move. Only for languages
    /// in which line ends and indentation have no meaning.
    pub(crate) fn tokens(&self, lines: std::ops::Range<usize>) -> String {
        let mut text = String::new();
        for line in lines {
            let mut blank = true;
            let quoted = self.quoted.get(line).map(Vec::as_slice).unwrap_or_default();
            for (c, quoted) in self.uncommented(line).chars().zip(quoted) {
                if c.is_whitespace() && !quoted {
                    blank = true;
                    continue;
                }
                let word = |c: char| c.is_alphanumeric() || c == '_';
                if blank && !quoted && word(c) && text.ends_with(word) {
                    text.push(' ');
                }
                if !quoted && matches!(c, ')' | ']' | '}') && text.ends_with(',') {
                    text.pop();
                }
                text.push(c);
                blank = false;
            }
        }
        text
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    lang: Lang,
    at: usize,
    kinds: Vec<Kind>,
    /// The last character of code that is no blank: tells a division from a regular expression.
    last: char,
}

impl Lexer<'_> {
    fn run(mut self) -> Vec<Kind> {
        while self.at < self.chars.len() {
            self.step();
        }
        self.kinds
    }

    fn step(&mut self) {
        let c = self.chars[self.at];
        match self.lang {
            Lang::Python | Lang::Hash if c == '#' && self.hash_begins_comment() => {
                self.line_comment()
            }
            Lang::Rust | Lang::JavaScript | Lang::Go | Lang::CLike if self.sees("//") => {
                self.line_comment()
            }
            Lang::Rust | Lang::JavaScript | Lang::Go | Lang::CLike if self.sees("/*") => {
                self.block_comment()
            }
            Lang::Python if self.sees("\"\"\"") => self.until("\"\"\"", 3),
            Lang::Python if self.sees("'''") => self.until("'''", 3),
            Lang::Rust if self.raw_string_hashes().is_some() => self.raw_string(),
            Lang::Rust if c == '\'' => self.rust_quote(),
            Lang::JavaScript if c == '/' && self.regex_may_begin() => self.regex(),
            Lang::JavaScript | Lang::Go if c == '`' => self.backtick(),
            Lang::Rust if c == '"' => self.quoted('"', true),
            Lang::Hash if c == '"' || c == '\'' => self.quoted(c, false),
            Lang::JavaScript | Lang::Go | Lang::CLike | Lang::Python if c == '"' || c == '\'' => {
                self.quoted(c, false)
            }
            Lang::Rust
            | Lang::JavaScript
            | Lang::Go
            | Lang::CLike
            | Lang::Python
            | Lang::Hash
            | Lang::Plain => {
                if !c.is_whitespace() {
                    self.last = c;
                }
                self.take(1, Kind::Code);
            }
        }
    }

    fn sees(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn take(&mut self, count: usize, kind: Kind) {
        let count = count.min(self.chars.len() - self.at);
        self.kinds.extend(std::iter::repeat_n(kind, count));
        self.at += count;
    }

    /// In shell and its relatives `#` counts only at a word's beginning: `${#x}` and `a#b` are no comments.
    fn hash_begins_comment(&self) -> bool {
        self.lang == Lang::Python || self.at == 0 || self.chars[self.at - 1].is_whitespace()
    }

    fn line_comment(&mut self) {
        let end = self.chars[self.at..]
            .iter()
            .position(|c| *c == '\n')
            .unwrap_or(self.chars.len() - self.at);
        self.take(end, Kind::Comment);
    }

    fn block_comment(&mut self) {
        let mut depth = 0u32;
        while self.at < self.chars.len() {
            if self.sees("/*") && (depth == 0 || self.lang == Lang::Rust) {
                depth += 1;
                self.take(2, Kind::Comment);
            } else if self.sees("*/") {
                depth = depth.saturating_sub(1);
                self.take(2, Kind::Comment);
                if depth == 0 {
                    return;
                }
            } else {
                self.take(1, Kind::Comment);
            }
        }
    }

    fn until(&mut self, end: &str, opening: usize) {
        self.take(opening, Kind::Text);
        while self.at < self.chars.len() {
            if self.chars[self.at] == '\\' {
                self.take(2, Kind::Text);
            } else if self.sees(end) {
                return self.close(end.chars().count());
            } else {
                self.take(1, Kind::Text);
            }
        }
    }

    fn close(&mut self, length: usize) {
        self.take(length, Kind::Text);
        self.last = '"';
    }

    fn quoted(&mut self, quote: char, many_lines: bool) {
        self.take(1, Kind::Text);
        while self.at < self.chars.len() {
            match self.chars[self.at] {
                '\\' => self.take(2, Kind::Text),
                '\n' if !many_lines => return,
                c if c == quote => return self.close(1),
                _ => self.take(1, Kind::Text),
            }
        }
    }

    /// A JavaScript template keeps the code of `${...}` visible; Go's raw string knows no escape.
    fn backtick(&mut self) {
        self.take(1, Kind::Text);
        while self.at < self.chars.len() {
            match self.chars[self.at] {
                '\\' if self.lang == Lang::JavaScript => self.take(2, Kind::Text),
                '`' => return self.close(1),
                '$' if self.lang == Lang::JavaScript && self.sees("${") => self.template_code(),
                _ => self.take(1, Kind::Text),
            }
        }
    }

    fn template_code(&mut self) {
        self.take(2, Kind::Text);
        let mut depth = 1u32;
        while self.at < self.chars.len() {
            match self.chars[self.at] {
                '{' => depth += 1,
                '}' => depth -= 1,
                // A nested template would need a stack of its own; its text then counts as code, which hides nothing.
                _ => {}
            }
            if depth == 0 {
                return self.take(1, Kind::Text);
            }
            self.take(1, Kind::Code);
        }
    }

    fn raw_string_hashes(&self) -> Option<(usize, usize)> {
        let before = self.at.checked_sub(1).and_then(|i| self.chars.get(i));
        if before.is_some_and(|c| c.is_alphanumeric() || *c == '_') {
            return None;
        }
        let mut at = self.at;
        if matches!(self.chars.get(at), Some('b' | 'c')) {
            at += 1;
        }
        if self.chars.get(at) != Some(&'r') {
            return None;
        }
        at += 1;
        let hashes = self.chars[at..].iter().take_while(|c| **c == '#').count();
        (self.chars.get(at + hashes) == Some(&'"')).then_some((at + hashes + 1 - self.at, hashes))
    }

    fn raw_string(&mut self) {
        let Some((opening, hashes)) = self.raw_string_hashes() else {
            return self.take(1, Kind::Code);
        };
        self.take(opening, Kind::Text);
        let end: String = std::iter::once('"')
            .chain(std::iter::repeat_n('#', hashes))
            .collect();
        while self.at < self.chars.len() {
            if self.sees(&end) {
                return self.close(end.chars().count());
            }
            self.take(1, Kind::Text);
        }
    }

    /// A quote in Rust opens a character or names a lifetime.
    fn rust_quote(&mut self) {
        let length = match (self.chars.get(self.at + 1), self.chars.get(self.at + 2)) {
            (Some('\\'), _) => self.chars[self.at + 2..]
                .iter()
                .skip(1)
                .position(|c| *c == '\'')
                .map(|i| i + 4),
            (Some(_), Some('\'')) => Some(3),
            _ => None,
        };
        match length {
            Some(length) if length <= 14 => self.take(length, Kind::Text),
            Some(_) | None => self.take(1, Kind::Code),
        }
    }

    fn regex_may_begin(&self) -> bool {
        "(,=:[!&|?{};\n+*~<>".contains(self.last) && self.regex_end().is_some()
    }

    fn regex_end(&self) -> Option<usize> {
        let mut class = false;
        let mut at = self.at + 1;
        while let Some(c) = self.chars.get(at) {
            match c {
                '\n' => return None,
                '\\' => at += 1,
                '[' => class = true,
                ']' => class = false,
                '/' if !class => return Some(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    fn regex(&mut self) {
        let Some(end) = self.regex_end() else {
            return self.take(1, Kind::Code);
        };
        self.take(end + 1 - self.at, Kind::Text);
        self.last = '"';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, lang: Lang) -> String {
        read(text, lang).code.join("\n")
    }

    #[test]
    fn rust_keeps_code_and_blanks_the_rest() {
        let text =
            "let a = \"}\"; // }\nlet b = 'x'; let c: &'static str = r#\"{\"#; /* { /* { */ */ end";
        let seen = code(text, Lang::Rust);
        assert!(!seen.contains('{') && !seen.contains('}'), "{seen}");
        assert!(seen.contains("&'static str") && seen.contains("end"));
        let words = code("'\\'' + '\\u{1F600}' + b'{' x", Lang::Rust);
        assert_eq!(
            words.split_whitespace().collect::<Vec<_>>(),
            ["+", "+", "b", "x"]
        );
    }

    #[test]
    fn strings_end_with_their_line_where_the_language_says_so() {
        assert!(code("x = 'it\ncall()", Lang::Python).contains("call()"));
        assert!(!code("let x = \"a\ncall()\";", Lang::Rust).contains("call()"));
        assert!(!code("x = '''\ncall()\n'''", Lang::Python).contains("call()"));
    }

    #[test]
    fn javascript_templates_and_regular_expressions() {
        let seen = code(
            "const a = `x ${run({a: 1})} '`; const b = /['\"/]/.test(s); f(b / 2)",
            Lang::JavaScript,
        );
        assert!(
            seen.contains("run({a: 1})") && seen.contains("f(b / 2)") && seen.contains("const b ="),
            "{seen}"
        );
    }

    #[test]
    fn comments_are_found_and_urls_are_not() {
        let source = read("u = 'http://x' # TODO\n", Lang::Python);
        assert_eq!(source.comments[0].trim(), "# TODO");
        let source = read("const u = 'http://x'; // TODO\n", Lang::JavaScript);
        assert_eq!(source.comments[0].trim(), "// TODO");
        assert_eq!(source.uncommented(0).trim_end(), "const u = 'http://x';");
        assert_eq!(read("echo ${#a} # c", Lang::Hash).comments[0].trim(), "# c");
    }

    #[test]
    fn a_formatter_changes_no_tokens_and_strings_stay_as_they_are() {
        let tokens = |text: &str| {
            let source = read(text, Lang::Rust);
            source.tokens(0..source.raw.len())
        };
        let long = "assert!(\n    a::<Vec<_>>(\n        b, // why\n        \"x  y,\",\n    )\n    .is_err()\n);";
        assert_eq!(
            tokens(long),
            tokens("assert!(a::<Vec<_>>(b, \"x  y,\").is_err());")
        );
        assert_ne!(tokens("f(\"x  y\")"), tokens("f(\"x y\")"));
        assert_ne!(tokens("let a"), tokens("leta"));
    }

    #[test]
    fn all_views_have_the_same_shape() {
        for lang in [
            Lang::Rust,
            Lang::JavaScript,
            Lang::Go,
            Lang::CLike,
            Lang::Python,
            Lang::Hash,
            Lang::Plain,
        ] {
            let text = "a \"b\" 'c' // d\n/* e */ `f` # g \\\n\"\"\" h '";
            let source = read(text, lang);
            for view in [&source.raw, &source.code, &source.comments, &source.strings] {
                assert_eq!(view.len(), source.raw.len(), "{lang:?}");
            }
        }
    }

    #[test]
    fn a_fault_for_calibration_is_planted_into_code_alone() {
        use alai_core::calibrate::{Fault, Source};
        // What looks like code stands in a comment, a text and a unit test before it stands in code.
        let cases = [
            (
                "a.py",
                "def f(a):\n    \"\"\"\n    a == 3\n    \"\"\"\n    s = 'a == 3'\n    return a == 3\n",
                "return a != 3",
            ),
            (
                "a.rs",
                "/*\n a == 3\n*/\nconst S: &str = r#\"\na == 3\n\"#;\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {\n        assert!(1 == 3);\n    }\n}\nfn f(a: u8) -> bool {\n    a == 3\n}\n",
                "    a != 3",
            ),
            (
                "a.go",
                "package a\n\n/*\n a == 3\n*/\nvar s = `\na == 3\n`\n\nfunc f(a int) bool {\n\treturn a == 3\n}\n",
                "return a != 3",
            ),
            (
                "a.ts",
                "/**\n * a == 3\n */\nconst s = `\na == 3\n`;\nexport const f = (a: number) => a == 3;\n",
                "=> a != 3;",
            ),
            (
                "a.sh",
                "# [ a == 3 ]\necho 'a == 3'\n[[ $1 == 3 ]]\n",
                "[[ $1 != 3 ]]",
            ),
        ];
        for (path, text, want) in cases {
            let file = Source {
                path: path.to_owned(),
                is_test: false,
                before: None,
                after: text.to_owned(),
                code: code_of(path, text),
            };
            let planted = Fault::FlippedComparison
                .plant(&[file], "")
                .expect("a place");
            let content = planted.content.expect("a text");
            assert!(content.contains(want), "{path}: {content}");
            let changed = content.lines().zip(text.lines()).filter(|(a, b)| a != b);
            assert_eq!(changed.count(), 1, "{path}: {content}");
        }
    }
}
