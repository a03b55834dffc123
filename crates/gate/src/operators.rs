//! Wrong operators in the lines of a change: a comparison, a boundary, a connective or a truth value turned around, one at a time. A test
//! that notices none of them looks beside what was changed.
//!
//! By a lexer and not by a parser, as the other mutants: what stands in strings and comments is left alone, and an operator counts only
//! between blanks, so that no type parameter and no arrow is taken for one.

use alai_core::qa::{CheckResult, Measurement};
use alai_core::record::Exit;

use crate::checks::some;
use crate::error::GateError;
use crate::measure::{Gate, head_set_up};
use crate::notice::{self, Own};
use crate::runs;
use crate::source::{self, Lang};

/// Each is one more run of the tests.
const TRIED_MAX: usize = 3;

/// Where the tests take longer than this they are not run again for what fails nothing.
const RUN_MS_MAX: i64 = 20_000;

/// One wrong operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// From 0.
    pub(crate) line: usize,
    pub(crate) was: &'static str,
    pub(crate) is: &'static str,
    /// The whole source with it.
    pub(crate) text: String,
}

/// What becomes what, the longer ones first where one is a part of the other.
const EVERYWHERE: [(&str, &str); 8] = [
    (" === ", " !== "),
    (" !== ", " === "),
    (" == ", " != "),
    (" != ", " == "),
    (" <= ", " < "),
    (" >= ", " > "),
    (" < ", " <= "),
    (" > ", " >= "),
];
const BRACES: [(&str, &str); 4] = [
    (" && ", " || "),
    (" || ", " && "),
    ("true", "false"),
    ("false", "true"),
];
const PYTHON: [(&str, &str); 4] = [
    (" and ", " or "),
    (" or ", " and "),
    ("True", "False"),
    ("False", "True"),
];

/// The first wrong operator of each of these lines that has one; lines count from 0.
pub(crate) fn wrong(path: &str, text: &str, lines: &[usize]) -> Vec<Wrong> {
    let lang = source::lang_of(path, text);
    let own = match lang {
        Lang::Python => PYTHON,
        Lang::Rust | Lang::Go | Lang::JavaScript => BRACES,
        Lang::CLike | Lang::Hash | Lang::Plain => return Vec::new(),
    };
    let source = source::read(text, lang);
    let all: Vec<&str> = text.split('\n').collect();
    let one = |line: &usize| {
        let code = source.code.get(*line)?;
        let pairs = EVERYWHERE.into_iter().chain(own);
        let (at, was, is) = pairs
            .filter_map(|(was, is)| Some((word(code, was)?, was, is)))
            .min()?;
        let old = all.get(*line)?;
        let from = code[..at].chars().count();
        let byte = |chars: usize| {
            old.char_indices()
                .nth(chars)
                .map_or(old.len(), |(byte, _)| byte)
        };
        let (from, to) = (byte(from), byte(from + was.len()));
        // The lexer and the text have to agree on where it stands.
        (old.get(from..to)? == was).then_some(())?;
        let new = format!("{}{is}{}", &old[..from], &old[to..]);
        let mut changed = all.clone();
        changed[*line] = &new;
        Some(Wrong {
            line: *line,
            was: was.trim(),
            is: is.trim(),
            text: changed.join("\n"),
        })
    };
    lines.iter().filter_map(one).collect()
}

impl Gate<'_> {
    /// Adds to a check 7 that passed how many wrong operators in changed lines the tests of the change notice. It fails nothing: a boundary
    /// that nobody tests is ordinary, and a reviewer reads where it is.
    pub(crate) fn turned_around(
        &mut self,
        noticed: Measurement,
        own: &Own,
    ) -> Result<Measurement, GateError> {
        let slow = self.tests_ms.is_none_or(|took| took > RUN_MS_MAX);
        if noticed.result != CheckResult::Pass || *own == Own::none() || slow {
            return Ok(noticed);
        }
        let mut all = Vec::new();
        for file in self
            .change
            .files
            .iter()
            .filter(|f| !f.is_deleted() && self.changes_code(f))
        {
            let Some(text) = file.head.text() else {
                continue;
            };
            let lines =
                notice::code_lines(file.head_source(), Some(text), file.lang(), &file.added);
            let wrong = wrong(&file.path, text, &lines).into_iter();
            all.extend(wrong.map(|wrong| (file.path.clone(), wrong)));
        }
        // As far apart as they are: the first three of a long change would say little of it.
        let tried = all.len().min(TRIED_MAX);
        let picked = (0..tried).map(|at| at * all.len() / tried);
        let (mut seen, mut survived, mut endless) = (0, Vec::new(), Vec::new());
        for (path, wrong) in picked.filter_map(|at| all.get(at)) {
            let room = self.stage.room(
                "a wrong operator",
                self.candidate.head,
                head_set_up(self.candidate),
            )?;
            let mode = self
                .change
                .head_paths
                .get(path)
                .copied()
                .unwrap_or_default();
            room.put(path, wrong.text.as_bytes(), mode == 0o100_755)?;
            let (ran, census) = self.tests_wrong(&room, source::lang(path))?;
            let place = format!(
                "{path}:{} `{}` as `{}`",
                wrong.line + 1,
                wrong.was,
                wrong.is
            );
            // A class of its own, as with cargo-mutants: a loop without an end is no test's notice, and nothing that survived.
            if matches!(ran.record.exit, Exit::TimedOut { .. }) {
                endless.push(format!("{place} ({})", ran.record.exit));
                continue;
            }
            if runs::unable(&ran, &census).is_some() {
                continue;
            }
            match own.all_passed(&census) {
                Some(true) => {
                    seen += 1;
                    survived.push(place);
                }
                Some(false) => seen += 1,
                None => {}
            }
        }
        let mut told = match (seen, survived.len()) {
            (0, _) if endless.is_empty() => return Ok(noticed),
            (0, _) => "no wrong operator in changed lines could be held against them".to_owned(),
            (seen, 0) => format!("they notice each of {seen} wrong operator(s) in changed lines"),
            (seen, left) => format!(
                "of {seen} wrong operator(s) in changed lines they notice {}, and not {}",
                seen - left,
                some(&survived)
            ),
        };
        if !endless.is_empty() {
            told = format!("{told}; without an end: {}", some(&endless));
        }
        Ok(Measurement {
            detail: format!("{}; {told}", noticed.detail),
            ..noticed
        })
    }
}

/// Where it stands by itself.
fn word(code: &str, wanted: &str) -> Option<usize> {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(wanted).map(|(at, _)| at).find(|at| {
        wanted.starts_with(' ')
            || !is_word(code[..*at].chars().next_back())
                && !is_word(code[*at + wanted.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str, text: &str) -> Vec<String> {
        let lines: Vec<usize> = (0..text.lines().count()).collect();
        let one = |wrong: Wrong| {
            wrong
                .text
                .lines()
                .nth(wrong.line)
                .unwrap_or_default()
                .to_owned()
        };
        wrong(path, text, &lines).into_iter().map(one).collect()
    }

    #[test]
    fn the_first_operator_of_a_line_is_turned_around() {
        assert_eq!(
            shown("a.rs", "if a < b && c {\nx == y\nlet ok = true;\n"),
            ["if a <= b && c {", "x != y", "let ok = false;"]
        );
        assert_eq!(
            shown("a.py", "return a >= b and c\nflag = False\n"),
            ["return a > b and c", "flag = True"]
        );
        assert_eq!(shown("a.ts", "if (a === b) {\n"), ["if (a !== b) {"]);
        assert_eq!(shown("a.go", "ok := a || b\n"), ["ok := a && b"]);
    }

    #[test]
    fn strings_comments_types_and_other_words_are_left_alone() {
        for (path, text) in [
            ("a.rs", "let a = \"x < y\"; // a == b"),
            ("a.rs", "fn f(a: Vec<u8>) -> Option<u8> { Some(1) }"),
            ("a.rs", "Some(n) => construed_true(n),"),
            ("a.py", "word = 'a and b'  # or c"),
            ("a.sh", "[ a == b ]"),
        ] {
            assert_eq!(shown(path, text), [""; 0], "{text}");
        }
        let only = wrong("a.rs", "a < b\na > b\n", &[1]);
        assert_eq!(
            (only.len(), only[0].line, only[0].was, only[0].is),
            (1, 1, ">", ">=")
        );
        assert_eq!(only[0].text, "a < b\na >= b\n");
    }
}
