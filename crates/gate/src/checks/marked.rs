//! Hooks of a `conftest.py` in the form that pytest's own documentation gives them: tests with a marker are left out unless an
//! option of the command line is given (docs.pytest.org, "Control skipping of tests according to command line option").
//!
//! They are read token by token, and the whole of each has to be known: what else such a hook could do, it does not do in this form.
//! Which tests it leaves out is not asked here but of runs: a marker and a file may have the same name.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::change::ChangedFile;
use crate::paths;
use crate::source::{Lang, Source};

/// The hooks of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marked {
    lines: Vec<Range<usize>>,
    /// With which everything runs, as it is written on a command line.
    pub(crate) options: BTreeSet<String>,
}

impl Marked {
    /// Whether a line, from 0, is one of such a hook.
    pub(crate) fn has(&self, line: usize) -> bool {
        self.lines.iter().any(|lines| lines.contains(&line))
    }
}

/// The hooks of a changed `conftest.py`; nothing where one of these names is defined in another form.
pub(crate) fn of(file: &ChangedFile) -> Marked {
    if paths::name(&file.path) != "conftest.py" || file.lang() != Lang::Python {
        return Marked::default();
    }
    let source = file.head_source();
    source
        .and_then(|source| known(&source, &file.added))
        .unwrap_or_default()
}

const HOOKS: [&str; 3] = [
    "pytest_addoption",
    "pytest_configure",
    "pytest_collection_modifyitems",
];

fn known(source: &Source, added: &[usize]) -> Option<Marked> {
    let lines = logical(source);
    // Under these names stands nothing else.
    let names = |hook: &&str| {
        let all = lines.iter().flat_map(|line| line.tokens.iter());
        all.filter(|token| matches!(token, Token::Name(name) if name == hook))
            .count()
    };
    if HOOKS.iter().any(|hook| names(hook) > 1) {
        return None;
    }
    let mut marked = Marked::default();
    let mut declared = BTreeSet::new();
    for (at, line) in lines.iter().enumerate() {
        if line.indent > 0 {
            continue;
        }
        let mut read = Read::of(line);
        let Some(name) = read.take("def $name") else {
            continue;
        };
        if !HOOKS.contains(&name[0]) {
            continue;
        }
        let decorated = at > 0 && lines[at - 1].tokens.first() == Some(&Token::Sign('@'));
        let below = &lines[at + 1..];
        let body = below.iter().take_while(|line| line.indent > 0).count();
        let body = without_docstring(&below[..body]);
        let given = read.params()?;
        let (last, indent) = (body.last()?, body.first()?.indent);
        if decorated {
            return None;
        }
        match (name[0], given.as_slice()) {
            ("pytest_addoption", ["parser"]) => {
                for one in body {
                    declared.insert(option(one, indent)?);
                }
            }
            ("pytest_configure", ["config"]) => {
                let says = |one: &Line| {
                    let mut read = Read::of(one);
                    let words = read.take("config . addinivalue_line ( $text , $texts")?;
                    let closed = read.closes() && read.is_done();
                    (one.indent == indent && words[0] == "markers" && closed).then_some(())
                };
                for one in body {
                    says(one)?;
                }
            }
            ("pytest_collection_modifyitems", given) => {
                let once = given.iter().collect::<BTreeSet<_>>().len() == given.len();
                let fixed = |one: &&str| ["session", "config", "items"].contains(one);
                let has = |one: &str| given.contains(&one);
                if !once || !given.iter().all(fixed) || !has("config") || !has("items") {
                    return None;
                }
                marked.options.insert(leaves_out(body)?);
            }
            _ => return None,
        }
        marked.lines.push(line.at.start..last.at.end);
    }
    // The option is one that this file makes, and `pytest` is what is imported.
    let own = marked.options.is_subset(&declared) && !lines.iter().any(rebinds);
    // What stood there before knows nothing of an option that is new.
    let added: BTreeSet<usize> = added.iter().copied().collect();
    let is_added = |line: &&Line| added.range(line.at.clone()).next().is_some();
    let others = { lines.iter() }
        .filter(|line| !marked.has(line.at.start))
        .filter(is_added);
    let mut others = others.flat_map(|line| line.tokens.iter());
    let apart = marked.options.is_empty() || !others.any(|token| asks_for(token, &marked.options));
    (own && apart && !marked.lines.is_empty()).then_some(marked)
}

/// `parser.addoption("--slow", action="store_true", default=False, help="...")`, and the option that it makes.
fn option(line: &Line, indent: usize) -> Option<String> {
    static OPTION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^--[a-z][a-z0-9]*(?:-[a-z0-9]+)*$").expect("a fixed pattern")
    });
    let mut read = Read::of(line);
    let option = read.take("parser . addoption ( $text")?[0].to_owned();
    let mut switch = false;
    while !read.closes() {
        if read.take(", action =").is_some() {
            switch = read.take("$text")?[0] == "store_true";
        } else if read.take(", default = False").is_none() {
            read.take(", help = $texts")?;
        }
    }
    (read.is_done() && line.indent == indent && switch && OPTION.is_match(&option))
        .then_some(option)
}

/// The body of the hook that leaves tests out, and the option without which it does.
fn leaves_out(body: &[Line]) -> Option<String> {
    let indent = body.first()?.indent;
    let mut read = Read::of(&body[0]);
    let unless = read.take("if not config . getoption (").is_some();
    if !unless {
        read.take("if config . getoption (")?;
    }
    let option = read.take("$text ) :")?[0];
    let option = format!("--{}", option.trim_start_matches('-').replace('_', "-"));
    let rest = match (unless, read.is_done()) {
        (true, true) => &body[1..],
        (false, true) => {
            let [_, back, rest @ ..] = body else {
                return None;
            };
            let mut read = Read::of(back);
            read.take("return")?;
            (read.is_done() && back.indent > indent).then_some(rest)?
        }
        (false, false) => {
            read.take("return")?;
            read.is_done().then_some(&body[1..])?
        }
        (true, false) => return None,
    };
    let inside = rest.first()?.indent;
    let placed = match unless {
        true => inside > indent,
        false => inside == indent,
    };
    (placed && marks(rest, inside).is_some()).then_some(option)
}

/// `for item in items: if "slow" in item.keywords: item.add_marker(skip)`, with the mark before it or in its place.
fn marks(lines: &[Line], indent: usize) -> Option<()> {
    let mut bound = None;
    let mut lines = lines;
    if let [first, rest @ ..] = lines {
        let mut read = Read::of(first);
        if let Some(name) = read.take("$name = pytest . mark . skip ( reason = $texts") {
            let fine = read.closes() && read.is_done() && first.indent == indent;
            bound = Some(free(name[0]).filter(|_| fine)?);
            lines = rest;
        }
    }
    let [each, asks, adds] = lines else {
        return None;
    };
    let mut read = Read::of(each);
    let item = free(read.take("for $name in items :")?[0])?;
    if !read.is_done() || each.indent != indent || Some(item) == bound {
        return None;
    }
    let mut read = Read::of(asks);
    let mark = match read.take("if $text in") {
        Some(mark) => {
            read.take(&format!("{item} . keywords :"))?;
            mark[0]
        }
        None => {
            read.take(&format!("if {item} . get_closest_marker ("))?;
            let mark = read.take("$text )")?[0];
            read.take("is not None");
            read.take(":")?;
            mark
        }
    };
    // By this name a test or a file could be meant too.
    static MARK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[a-z_][a-z0-9_]*$").expect("a fixed pattern"));
    let is_mark = MARK.is_match(mark) && !mark.starts_with("test");
    if !read.is_done() || asks.indent <= indent || !is_mark {
        return None;
    }
    let mut read = Read::of(adds);
    read.take(&format!("{item} . add_marker ("))?;
    match bound {
        Some(name) => read.take(name).map(|_| ())?,
        None => {
            read.take("pytest . mark . skip ( reason = $texts")?;
            read.closes().then_some(())?;
        }
    }
    (read.closes() && read.is_done() && adds.indent > asks.indent).then_some(())
}

/// Whether a word asks how the tests were started: what passes with an option has to be what is left out without it.
fn asks_for(token: &Token, options: &BTreeSet<String>) -> bool {
    match token {
        Token::Name(name) => {
            let known = ["getoption", "getvalue", "argv", "environ", "getenv"];
            known.contains(&name.as_str()) || options.iter().any(|option| dest(option) == *name)
        }
        Token::Text(text) => options
            .iter()
            .any(|option| option == text || dest(option) == *text),
        Token::Sign(_) => false,
    }
}

/// The name under which pytest keeps what an option says.
fn dest(option: &str) -> String {
    option.trim_start_matches('-').replace('-', "_")
}

/// A name that a hook gives to something of its own.
fn free(name: &str) -> Option<&str> {
    let taken = ["pytest", "config", "items", "session", "parser"];
    (!taken.contains(&name)).then_some(name)
}

/// Whether a line may give `pytest` another meaning than that of `import pytest`.
fn rebinds(line: &Line) -> bool {
    let mut before = None;
    for (at, token) in line.tokens.iter().enumerate() {
        if *token == Token::Name("pytest".into()) {
            let next = line.tokens.get(at + 1);
            let imports =
                before == Some(&Token::Name("import".into())) && next.is_none() && at == 1;
            let from = before == Some(&Token::Name("from".into()));
            if next != Some(&Token::Sign('.')) && !imports && !from {
                return true;
            }
        }
        before = Some(token);
    }
    // `pytest.mark = ...` and `pytest.mark.skip = ...`.
    let mut read = Read::of(line);
    let mut path = read.take("pytest").is_some();
    while path && read.take(". $name").is_some() {
        path = read.take("=").is_none();
    }
    read.at > 0 && !path
}

fn without_docstring(body: &[Line]) -> &[Line] {
    match body {
        [first, rest @ ..] if matches!(first.tokens[..], [Token::Text(_)]) => rest,
        body => body,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    /// What stands between the quotes, as it is written.
    Text(String),
    Sign(char),
}

/// One statement, or the head of one.
#[derive(Debug)]
struct Line {
    indent: usize,
    tokens: Vec<Token>,
    /// From 0.
    at: Range<usize>,
}

/// What no form has in it: a line that holds it is known by none.
const UNKNOWN: Token = Token::Sign('?');

/// The lines of a program with what goes on in brackets or in a text as part of where it began.
fn logical(source: &Source) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut depth = 0usize;
    for at in 0..source.raw.len() {
        let text = source.uncommented(at);
        let goes_on = source.begins_in_text(at);
        if text.trim().is_empty() && !goes_on {
            continue;
        }
        let mut tokens = match goes_on {
            true => vec![UNKNOWN],
            false => tokens(&text),
        };
        let inside = depth > 0 || goes_on;
        for token in &tokens {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
                Token::Name(_) | Token::Text(_) | Token::Sign(_) => {}
            }
        }
        match lines.last_mut().filter(|_| inside) {
            Some(line) => {
                line.tokens.append(&mut tokens);
                line.at.end = at + 1;
            }
            None => lines.push(Line {
                indent: text.len() - text.trim_start().len(),
                tokens,
                at: at..at + 1,
            }),
        }
    }
    lines
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    while let Some(c) = chars.get(at) {
        if *c == ' ' {
            at += 1;
        } else if is_word(c) {
            let end = chars[at..].iter().position(|c| !is_word(c));
            let end = end.map_or(chars.len(), |end| at + end);
            tokens.push(Token::Name(chars[at..end].iter().collect()));
            at = end;
        } else if *c == '"' || *c == '\'' {
            let three = chars[at..].iter().take_while(|other| *other == c).count() >= 3;
            let quotes = if three { 3 } else { 1 };
            let begin = at + quotes;
            let ends = |from: &usize| chars[*from..].iter().take(quotes).all(|other| other == c);
            let end = (begin..(chars.len() + 1).saturating_sub(quotes)).find(ends);
            // An escape is read by nobody here, and a prefix is a name before its text, which no form has.
            match end.filter(|end| !chars[begin..*end].contains(&'\\')) {
                Some(end) => {
                    tokens.push(Token::Text(chars[begin..end].iter().collect()));
                    at = end + quotes;
                }
                None => {
                    tokens.push(UNKNOWN);
                    at = chars.len();
                }
            }
        } else {
            tokens.push(Token::Sign(*c));
            at += 1;
        }
    }
    tokens
}

/// Reads the tokens of a line from its beginning.
struct Read<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Read<'a> {
    fn of(line: &'a Line) -> Read<'a> {
        Read {
            tokens: &line.tokens,
            at: 0,
        }
    }

    /// Takes what a form says: words and signs between blanks as they are, `$name` any name, `$text` a text, `$texts` one or
    /// more of them. Returns what those were, or takes nothing.
    fn take(&mut self, form: &str) -> Option<Vec<&'a str>> {
        let began = self.at;
        let mut found = Vec::new();
        for word in form.split(' ') {
            let token = self.tokens.get(self.at);
            self.at += 1;
            match (word, token) {
                ("$name", Some(Token::Name(name))) => found.push(name.as_str()),
                ("$text" | "$texts", Some(Token::Text(text))) => found.push(text.as_str()),
                (word, Some(Token::Name(name))) if name == word => {}
                (word, Some(Token::Sign(sign))) if word.chars().eq([*sign]) => {}
                _ => {
                    self.at = began;
                    return None;
                }
            }
            while word == "$texts" && matches!(self.tokens.get(self.at), Some(Token::Text(_))) {
                self.at += 1;
            }
        }
        Some(found)
    }

    /// Takes the end of a call.
    fn closes(&mut self) -> bool {
        self.take(", )").is_some() || self.take(")").is_some()
    }

    fn is_done(&self) -> bool {
        self.at == self.tokens.len()
    }

    /// The names of what a function takes, whose types may be said by names, and its `:`.
    fn params(&mut self) -> Option<Vec<&'a str>> {
        let mut names = Vec::new();
        self.take("(")?;
        while !self.closes() {
            if !names.is_empty() {
                self.take(",")?;
            }
            names.push(self.take("$name")?[0]);
            if self.take(":").is_some() {
                self.annotation()?;
            }
        }
        if self.take("- >").is_some() {
            self.annotation()?;
        }
        self.take(":")?;
        self.is_done().then_some(names)
    }

    /// `pytest.Item`, `list[pytest.Item]`.
    fn annotation(&mut self) -> Option<()> {
        self.take("$name")?;
        while self.take(". $name").is_some() {}
        if self.take("[").is_some() {
            self.annotation()?;
            self.take("]")?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;

    /// As pytest's documentation has it.
    const DOCUMENTED: &str = r#"import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--runslow", action="store_true", default=False, help="run slow tests"
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: mark test as slow to run")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--runslow"):
        # --runslow given in cli: do not skip slow tests
        return
    skip_slow = pytest.mark.skip(reason="need --runslow option to run")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip_slow)
"#;

    fn read(text: &str) -> Marked {
        of(&Change::of(&[("tests/conftest.py", None, Some(text))]).files[0])
    }

    fn replaced(from: &str, to: &str) -> Marked {
        assert!(DOCUMENTED.contains(from), "{from}");
        read(&DOCUMENTED.replace(from, to))
    }

    #[test]
    fn the_documented_form_is_known_with_its_lines_and_its_option() {
        let marked = read(DOCUMENTED);
        assert_eq!(marked.options, BTreeSet::from(["--runslow".to_owned()]));
        let lines: Vec<usize> = (0..30).filter(|at| marked.has(*at)).collect();
        let hooks: Vec<usize> = (3..=6).chain([9, 10]).chain(13..=20).collect();
        assert_eq!(lines, hooks);
    }

    #[test]
    fn what_people_write_in_its_place_is_known_too() {
        for (from, to) in [
            (
                "\"slow\" in item.keywords",
                "item.get_closest_marker(\"slow\")",
            ),
            (
                "\"slow\" in item.keywords",
                "item.get_closest_marker(\"slow\") is not None",
            ),
            (
                "config.getoption(\"--runslow\")",
                "config.getoption(\"runslow\")",
            ),
            ("item.add_marker(skip_slow)", "item.add_marker(skip_slow,)"),
            (", default=False", ""),
            ("config, items", "session, config, items"),
            (
                "(config, items):",
                "(items: list[pytest.Item], config: pytest.Config) -> None:",
            ),
            (
                "(config):\n",
                "(config):\n    \"\"\"Says what `slow` means.\"\"\"\n",
            ),
            (
                "help=\"run slow tests\"",
                "help=\"run slow tests\"\n        \" too\",",
            ),
        ] {
            assert_ne!(replaced(from, to), Marked::default(), "{to}");
        }
        let nested = "    if not config.getoption(\"--runslow\"):\n        for item in items:\n            if \"slow\" in item.keywords:\n                item.add_marker(pytest.mark.skip(reason=\"slow\"))\n";
        let from = DOCUMENTED.find("    if config").expect("there");
        let nested = format!("{}{nested}", &DOCUMENTED[..from]);
        assert_ne!(read(&nested), Marked::default());
    }

    /// Twins of the form that do something else.
    #[test]
    fn whoever_hides_behind_the_form_is_not_known() {
        for (from, to) in [
            // Another mark than that of a skip, or none by which it could be known.
            ("pytest.mark.skip(", "pytest.mark.xfail("),
            ("pytest.mark.skip(", "pytest.mark.skipif(True, "),
            (
                "add_marker(skip_slow)",
                "add_marker(pytest.mark.xfail(reason=\"x\"))",
            ),
            // Other tests than those of the marker.
            ("\"slow\" in item.keywords", "\"slow\" not in item.keywords"),
            ("\"slow\" in item.keywords", "item.nodeid.find(\"slow\")"),
            (
                "\"slow\" in item.keywords",
                "\"slow\" in item.keywords or True",
            ),
            (
                "\"slow\" in item.keywords",
                "\"test_search.py\" in item.keywords",
            ),
            (
                "\"slow\" in item.keywords",
                "\"test_search\" in item.keywords",
            ),
            ("\"slow\" in item.keywords", "is_slow(item)"),
            (
                "        if \"slow\" in item.keywords:\n            item",
                "        item",
            ),
            // An option that is none, that is always or never given, or that is another one's.
            ("action=\"store_true\"", "action=\"store_false\""),
            ("default=False", "default=True"),
            ("getoption(\"--runslow\")", "getoption(\"--collect-only\")"),
            (
                "getoption(\"--runslow\")",
                "getoption(\"--runslow\", False)",
            ),
            (
                "\"--runslow\", action",
                "\"--runslow\", dest=\"verbose\", action",
            ),
            ("\"--runslow\", action", "\"-q\", action"),
            // More beside it.
            (
                "        return\n",
                "        items[:] = []\n        return\n",
            ),
            (
                "    for item in items:\n",
                "    items.clear()\n    for item in items:\n",
            ),
            (
                "add_marker(skip_slow)",
                "add_marker(skip_slow); item.runtest = lambda: None",
            ),
            (
                "add_marker(skip_slow)",
                "add_marker(skip_slow)\n            item.obj = print",
            ),
            (
                "add_marker(skip_slow)",
                "add_marker(skip_slow)\n    items[:] = items[1:]",
            ),
            ("\"slow: mark test as slow to run\")", "forged())"),
            (
                "config.addinivalue_line(\"markers\"",
                "config.addinivalue_line(\"addopts\"",
            ),
            ("(\"markers\", ", "(\"markers\", f"),
            // A product for each way of starting the tests.
            (
                "def pytest_configure",
                "@pytest.fixture(autouse=True)\ndef way(request, monkeypatch):\n    if request.config.getoption(\"--runslow\"):\n        monkeypatch.setattr(words, \"count\", right)\n\n\ndef pytest_configure",
            ),
            (
                "def pytest_configure",
                "def way(request):\n    return request.config.option.runslow\n\n\ndef pytest_configure",
            ),
            // Another meaning of its names.
            ("for item in items", "for pytest in items"),
            (
                "def pytest_configure",
                "@pytest.hookimpl(trylast=True)\ndef pytest_configure",
            ),
            ("import pytest\n", "import forged as pytest\n"),
            ("import pytest\n", "import pytest\npytest.mark = forged\n"),
            (
                "import pytest\n",
                "import pytest\n\nclass pytest:\n    pass\n",
            ),
            ("(config, items):", "(config, items=[]):"),
            ("(config, items):", "(config, items, *rest):"),
        ] {
            assert_eq!(replaced(from, to), Marked::default(), "{to}");
        }
        let twice = format!("{DOCUMENTED}\npytest_configure = forged\n");
        assert_eq!(read(&twice), Marked::default());
        let quoted = format!("\"\"\"\n{DOCUMENTED}\"\"\"\n");
        assert_eq!(read(&quoted.replace("\"--", "'--")), Marked::default());
        let elsewhere = Change::of(&[("plugin.py", None, Some(DOCUMENTED))]);
        assert_eq!(of(&elsewhere.files[0]), Marked::default());
    }
}
