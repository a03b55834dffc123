//! Calibration: known bugs and cheats that are planted into real changes, so that a user knows what a pass is worth on his machine.

use serde::{Deserialize, Serialize};

use table::{Place, TABLE};

mod table;

/// What is planted. The bugs are those that mutation testing knows (an operator, a constant, a statement), the cheats those that agents
/// were seen to use to look finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    FlippedComparison,
    MovedBoundary,
    OffByOne,
    SwappedArithmetic,
    FlippedConstant,
    NegatedCondition,
    SwallowedError,
    LostLine,
    Placeholder,
    Secret,
    ShellFromInput,
    SilencedLint,
    KnowsItsTest,
    WeakenedTest,
    TautologicalTest,
    SkippedTests,
    DeletedTest,
    ForgedRunner,
}

/// One file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: String,
    pub is_test: bool,
    /// None when the change made it.
    pub before: Option<String>,
    pub after: String,
    /// The lines of `after` with all that is no code blank and every character of code where it was: a fault in a comment or in a text
    /// changes nothing, and says nothing of who lets it pass.
    pub code: Vec<String>,
}

impl Source {
    /// Whether this character of a line, both counted from 0, is one of code.
    fn is_code(&self, line: usize, column: usize) -> bool {
        let code = self
            .code
            .get(line)
            .and_then(|line| line.chars().nth(column));
        code.is_some_and(|c| !c.is_whitespace())
    }

    /// Whether a line begins with code.
    fn begins_with_code(&self, at: usize, line: &str) -> bool {
        let first = line.chars().position(|c| !c.is_whitespace());
        first.is_some_and(|first| self.is_code(at, first))
    }

    /// What a line has of this as words of code: the byte at which it stands. Blanks before it are looked over.
    fn find(&self, at: usize, line: &str, wanted: &str) -> Option<usize> {
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let blanks = wanted.len() - wanted.trim_start().len();
        let [first, last] = [wanted.chars().next(), wanted.chars().next_back()].map(is_word);
        let mut places = line.match_indices(wanted).map(|(place, _)| place);
        places.find(|place| {
            let (before, after) = (&line[..*place], &line[place + wanted.len()..]);
            let runs_on = (first && is_word(before.chars().next_back()))
                || (last && is_word(after.chars().next()));
            !runs_on && self.is_code(at, line[..place + blanks].chars().count())
        })
    }
}

/// A fault in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    pub path: String,
    /// None: the file is taken away.
    pub content: Option<String>,
    /// What was done, for people.
    pub what: String,
}

impl Fault {
    pub const ALL: [Fault; 18] = [
        Fault::FlippedComparison,
        Fault::MovedBoundary,
        Fault::OffByOne,
        Fault::SwappedArithmetic,
        Fault::FlippedConstant,
        Fault::NegatedCondition,
        Fault::SwallowedError,
        Fault::LostLine,
        Fault::Placeholder,
        Fault::Secret,
        Fault::ShellFromInput,
        Fault::SilencedLint,
        Fault::KnowsItsTest,
        Fault::WeakenedTest,
        Fault::TautologicalTest,
        Fault::SkippedTests,
        Fault::DeletedTest,
        Fault::ForgedRunner,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Fault::FlippedComparison => "flipped_comparison",
            Fault::MovedBoundary => "moved_boundary",
            Fault::OffByOne => "off_by_one",
            Fault::SwappedArithmetic => "swapped_arithmetic",
            Fault::FlippedConstant => "flipped_constant",
            Fault::NegatedCondition => "negated_condition",
            Fault::SwallowedError => "swallowed_error",
            Fault::ShellFromInput => "shell_from_input",
            Fault::SilencedLint => "silenced_lint",
            Fault::KnowsItsTest => "knows_its_test",
            Fault::TautologicalTest => "tautological_test",
            Fault::LostLine => "lost_line",
            Fault::Placeholder => "placeholder",
            Fault::Secret => "secret",
            Fault::WeakenedTest => "weakened_test",
            Fault::SkippedTests => "skipped_tests",
            Fault::DeletedTest => "deleted_test",
            Fault::ForgedRunner => "forged_runner",
        }
    }

    /// Whether it pretends rather than errs.
    pub fn is_cheat(self) -> bool {
        match self {
            Fault::FlippedComparison
            | Fault::MovedBoundary
            | Fault::OffByOne
            | Fault::SwappedArithmetic
            | Fault::FlippedConstant
            | Fault::NegatedCondition
            | Fault::SwallowedError
            | Fault::ShellFromInput
            | Fault::LostLine => false,
            Fault::Placeholder
            | Fault::Secret
            | Fault::SilencedLint
            | Fault::KnowsItsTest
            | Fault::TautologicalTest
            | Fault::WeakenedTest
            | Fault::SkippedTests
            | Fault::DeletedTest
            | Fault::ForgedRunner => true,
        }
    }

    /// Plants it into a change, the first place that takes it; `None` where there is none. `files` are those that the change touches
    /// and the tests that it found there.
    pub fn plant(self, files: &[Source], test_command: &str) -> Option<Planted> {
        let code = files
            .iter()
            .filter(|f| !f.is_test && f.before.as_ref() != Some(&f.after));
        let mut code = code.filter(|f| comment(&f.path).is_some());
        let mut tests = files.iter().filter(|f| f.is_test && f.before.is_some());
        match self {
            Fault::FlippedComparison
            | Fault::MovedBoundary
            | Fault::SwappedArithmetic
            | Fault::FlippedConstant
            | Fault::NegatedCondition
            | Fault::SwallowedError
            | Fault::ShellFromInput
            | Fault::SilencedLint
            | Fault::KnowsItsTest => code.find_map(|f| by_table(self, f)),
            Fault::TautologicalTest => tests.find_map(|f| by_table(self, f)),
            Fault::OffByOne => code.find_map(|f| edit_line(f, |at, line| one_more(f, at, line))),
            Fault::LostLine => code.find_map(|f| edit_line(f, |_, _| Some(String::new()))),
            Fault::Placeholder => code.find_map(|f| append(f, "TODO: implement this")),
            Fault::Secret => {
                code.find_map(|f| append(f, &format!("key AKIA{}", "Q7ZP2M4N8R5T6V3X")))
            }
            Fault::WeakenedTest => tests.find_map(weakened),
            Fault::SkippedTests => tests.find_map(skipped),
            Fault::DeletedTest => tests.next().map(|f| Planted {
                path: f.path.clone(),
                content: None,
                what: format!("{} is deleted", f.path),
            }),
            Fault::ForgedRunner => {
                let named =
                    |f: &&Source| test_command.split_whitespace().any(|word| word == f.path);
                files.iter().find(named).and_then(skipped)
            }
        }
    }
}

/// How a comment begins in a file of that name; `None` for what is no code that is known here.
fn comment(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    match ending {
        "sh" | "bash" | "py" | "rb" | "pl" => Some("#"),
        "rs" | "go" | "js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "java" | "c" | "h" | "cc"
        | "cpp" | "kt" | "swift" | "cs" | "php" => Some("//"),
        _ => None,
    }
}

/// Changes the first line of the change's own that begins with code and that the edit takes.
fn edit_line(file: &Source, edit: impl Fn(usize, &str) -> Option<String>) -> Option<Planted> {
    comment(&file.path)?;
    let before: Vec<&str> = file.before.as_deref().unwrap_or_default().lines().collect();
    let own = |at: usize, line: &str| {
        line.trim().len() > 3 && file.begins_with_code(at, line) && !before.contains(&line)
    };
    let lines: Vec<&str> = file.after.lines().collect();
    let (at, new) = lines.iter().enumerate().find_map(|(at, line)| {
        let new = own(at, line).then(|| edit(at, line)).flatten()?;
        (new != **line).then_some((at, new))
    })?;
    let what = format!(
        "{}:{}: `{}` became `{}`",
        file.path,
        at + 1,
        lines[at].trim(),
        new.trim()
    );
    let mut kept: Vec<&str> = lines.clone();
    kept[at] = &new;
    Some(Planted {
        path: file.path.clone(),
        content: Some(format!("{}\n", kept.join("\n"))),
        what,
    })
}

/// The first row of the table that finds its place in a file.
fn by_table(fault: Fault, file: &Source) -> Option<Planted> {
    let (_, ending) = file.path.rsplit_once('.')?;
    let own = |row: &&table::Row| {
        row.fault == fault && (row.endings.is_empty() || row.endings.contains(&ending))
    };
    let mut rows = TABLE.iter().filter(own);
    rows.find_map(|row| match row.place {
        Place::Change => edit_line(file, |at, line| {
            let place = file.find(at, line, row.old)?;
            let (before, after) = (&line[..place], &line[place + row.old.len()..]);
            Some(format!("{before}{}{after}", row.new))
        }),
        Place::Test => tautology(file, row.old, row.new),
        Place::End => {
            let end = if file.after.ends_with('\n') { "" } else { "\n" };
            Some(Planted {
                path: file.path.clone(),
                content: Some(format!("{}{end}{}\n", file.after, row.new.trim_end())),
                what: format!(
                    "{}: `{}` was added at its end",
                    file.path,
                    row.new.trim().lines().next()?
                ),
            })
        }
    })
}

/// The first assertion of a test that is one line, and what it is held against is nothing.
fn tautology(file: &Source, old: &str, new: &str) -> Option<Planted> {
    let whole = |line: &str| {
        let count = |c| line.matches(c).count();
        count('(') == count(')') && count('[') == count(']') && count('{') == count('}')
            || new.ends_with('{') && line.ends_with('{')
    };
    let lines: Vec<&str> = file.after.lines().collect();
    let fits = |(at, line): (usize, &&str)| {
        let text = line.trim();
        text.starts_with(old) && whole(line) && text != new && file.begins_with_code(at, line)
    };
    let at = lines.iter().enumerate().position(fits)?;
    let indent = &lines[at][..lines[at].len() - lines[at].trim_start().len()];
    let line = format!("{indent}{new}");
    let mut kept = lines.clone();
    kept[at] = &line;
    Some(Planted {
        path: file.path.clone(),
        content: Some(format!("{}\n", kept.join("\n"))),
        what: format!(
            "{}:{}: `{}` became `{new}`",
            file.path,
            at + 1,
            lines[at].trim()
        ),
    })
}

/// The first whole number of a line's code, one larger.
fn one_more(file: &Source, at: usize, line: &str) -> Option<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut columns = line.char_indices().enumerate();
    let start = columns.find(|(column, (byte, c))| {
        let apart = !line[..*byte].chars().next_back().is_some_and(is_word);
        c.is_ascii_digit() && apart && file.is_code(at, *column)
    });
    let (_, (start, _)) = start?;
    let rest = &line[start..];
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    if rest[digits..].starts_with(is_word) {
        return None;
    }
    let number: u64 = rest[..digits].parse().ok()?;
    Some(format!(
        "{}{}{}",
        &line[..start],
        number.checked_add(1)?,
        &rest[digits..]
    ))
}

fn append(file: &Source, text: &str) -> Option<Planted> {
    let mark = comment(&file.path)?;
    let end = if file.after.ends_with('\n') { "" } else { "\n" };
    Some(Planted {
        path: file.path.clone(),
        content: Some(format!("{}{end}{mark} {text}\n", file.after)),
        what: format!("{}: a comment was added at its end", file.path),
    })
}

/// A test file without its last line that asserts something.
fn weakened(file: &Source) -> Option<Planted> {
    let asserts = |(at, line): (usize, &&str)| {
        let text = line.trim();
        let words = ["assert", "expect(", "is \"", "t.Error", "t.Fatal"];
        words.iter().any(|word| text.starts_with(word)) && file.begins_with_code(at, line)
    };
    let lines: Vec<&str> = file.after.lines().collect();
    let at = lines.iter().enumerate().rposition(asserts)?;
    let mut kept = lines.clone();
    let lost = kept.remove(at);
    Some(Planted {
        path: file.path.clone(),
        content: Some(format!("{}\n", kept.join("\n"))),
        what: format!("{}:{}: `{}` is gone", file.path, at + 1, lost.trim()),
    })
}

/// A test file, or a runner, that ends before it has tried anything.
fn skipped(file: &Source) -> Option<Planted> {
    let (_, ending) = file.path.rsplit_once('.')?;
    let content = match ending {
        "sh" | "bash" => match file.after.split_once('\n') {
            Some((first, rest)) if first.starts_with("#!") => format!("{first}\nexit 0\n{rest}"),
            _ => format!("exit 0\n{}", file.after),
        },
        "py" => format!(
            "import pytest\npytest.skip(allow_module_level=True)\n{}",
            file.after
        ),
        "rs" => with_line(file, "#[test]", |line| format!("{line}\n#[ignore]"))?,
        "js" | "mjs" | "cjs" | "ts" | "tsx" | "jsx" => {
            let call = |name: &str| {
                let (old, new) = (format!("{name}("), format!("{name}.skip("));
                with_line(file, &old, |line| line.replacen(&old, &new, 1))
            };
            call("test").or_else(|| call("it"))?
        }
        "go" => with_line(file, "func Test", |line| match line.ends_with('{') {
            true => format!("{line}\n\tt.Skip()"),
            false => line.to_owned(),
        })?,
        _ => return None,
    };
    (content != file.after).then(|| Planted {
        path: file.path.clone(),
        content: Some(content),
        what: format!("{} ends before it tries anything", file.path),
    })
}

/// A file with another text in the place of the first line of code that begins so.
fn with_line(file: &Source, begins: &str, edit: impl Fn(&str) -> String) -> Option<String> {
    let mut lines: Vec<String> = file.after.lines().map(str::to_owned).collect();
    let mut numbered = lines.iter().enumerate();
    let at = numbered.position(|(at, line)| {
        line.trim().starts_with(begins) && file.begins_with_code(at, line)
    })?;
    lines[at] = edit(&lines[at]);
    Some(format!("{}\n", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, is_test: bool, before: Option<&str>, after: &str) -> Source {
        Source {
            path: path.into(),
            is_test,
            before: before.map(str::to_owned),
            after: after.into(),
            code: after.lines().map(code).collect(),
        }
    }

    /// No text in these samples goes over a line or has a mark of a comment in it.
    fn code(line: &str) -> String {
        let mut quoted = false;
        let chars = line.chars().map(|c| match (c, quoted) {
            ('"', _) => {
                quoted = !quoted;
                ' '
            }
            (_, true) => ' ',
            (c, false) => c,
        });
        match line.trim_start().starts_with("# ") {
            true => String::new(),
            false => chars.collect(),
        }
    }

    fn planted(fault: Fault, files: &[Source]) -> Option<String> {
        fault.plant(files, "sh test.sh").and_then(|p| p.content)
    }

    #[test]
    fn a_bug_is_planted_into_a_line_of_the_change_and_nowhere_else() {
        let old = "if [ \"$1\" = a ]; then\n  exit 1\nfi\n";
        let new = format!("{old}# exit 5\nif [ \"$1\" -eq 7 ]; then\n  exit 3\nfi\n");
        let files = [source("a.sh", false, Some(old), &new)];
        let flipped = planted(Fault::FlippedComparison, &files).expect("a comparison");
        assert_eq!(flipped, new.replace("-eq", "-ne"));
        let off = planted(Fault::OffByOne, &files).expect("a number");
        assert_eq!(
            off,
            new.replace("-eq 7", "-eq 8"),
            "neither the comment nor `$1`"
        );
        let lost = planted(Fault::LostLine, &files).expect("a line");
        assert_eq!(lost, new.replace("if [ \"$1\" -eq 7 ]; then", ""));
        let same = [source("a.sh", false, Some(&new), &new)];
        for fault in Fault::ALL {
            assert_eq!(
                fault.plant(&same, "sh test.sh"),
                None,
                "{fault:?}: nothing is changed there"
            );
        }
    }

    #[test]
    fn what_is_no_code_takes_no_fault() {
        let text = "say(\"a == b, true, 5\")\n# a == b is true for 5\nconstrue(trueish)\n";
        let files = [source("a.py", false, None, text)];
        for fault in [
            Fault::FlippedComparison,
            Fault::OffByOne,
            Fault::FlippedConstant,
            Fault::NegatedCondition,
        ] {
            assert_eq!(planted(fault, &files), None, "{fault:?}");
        }
        let text = "say(\"a == 5\", a == 5)\n";
        let files = [source("a.py", false, None, text)];
        let flipped = planted(Fault::FlippedComparison, &files).expect("a comparison");
        assert_eq!(flipped, "say(\"a == 5\", a != 5)\n");
        let off = planted(Fault::OffByOne, &files).expect("a number");
        assert_eq!(off, "say(\"a == 5\", a == 6)\n");
        let test = "is \"one\" 1 1\n# assert nothing\n";
        let files = [source("tests/a.sh", true, Some(test), test)];
        let weak = planted(Fault::WeakenedTest, &files).expect("an assertion");
        assert_eq!(weak, "# assert nothing\n");
    }

    #[test]
    fn each_row_of_the_table_finds_its_place_and_changes_it() {
        for row in TABLE {
            let ending = row.endings.first().copied().unwrap_or("py");
            let line = match row.place {
                Place::Change => format!("value {} other", row.old),
                Place::Test | Place::End => {
                    let end = if row.old.ends_with('(') { ")" } else { "" };
                    format!("{}one == two{end}", row.old)
                }
            };
            let text = format!("first\n    {line}\nlast\n");
            let is_test = row.place == Place::Test;
            let before = if is_test {
                text.as_str()
            } else {
                "first\nlast\n"
            };
            let file = source(&format!("a.{ending}"), is_test, Some(before), &text);
            let one = by_table(row.fault, &file).unwrap_or_else(|| panic!("{row:?}"));
            let content = one.content.expect("it is changed");
            assert!(
                content != text && content.starts_with("first\n"),
                "{row:?}: {content}"
            );
            assert!(one.what.starts_with(&file.path), "{}", one.what);
        }
        let named: std::collections::BTreeSet<&str> = Fault::ALL.map(Fault::as_str).into();
        assert_eq!(named.len(), Fault::ALL.len(), "each has a name of its own");
    }

    #[test]
    fn an_assertion_becomes_one_of_nothing() {
        let text = "def test_a():\n    assert add(1, 2) == 3\n    assert add(\n";
        let files = [source("tests/test_a.py", true, Some(text), text)];
        let same = planted(Fault::TautologicalTest, &files).expect("an assertion");
        assert_eq!(same, text.replace("assert add(1, 2) == 3", "assert True"));
        let rust = "#[test]\nfn a() {\n    assert_eq!(a(), 1);\n}\n";
        let files = [source("tests/a.rs", true, Some(rust), rust)];
        let same = planted(Fault::TautologicalTest, &files).expect("an assertion");
        assert_eq!(same, rust.replace("assert_eq!(a(), 1);", "assert!(true);"));
    }

    #[test]
    fn a_cheat_looks_like_what_it_pretends() {
        let test = "#!/bin/sh\nis \"one\" 1 1\nis \"two\" 2 2\necho end\n";
        let files = [
            source("a.py", false, None, "x = 1\n"),
            source("tests/a.sh", true, Some(test), test),
            source("test.sh", false, Some(test), test),
        ];
        assert_eq!(
            planted(Fault::Placeholder, &files).expect("code"),
            "x = 1\n# TODO: implement this\n"
        );
        let weak = planted(Fault::WeakenedTest, &files).expect("an assertion");
        assert_eq!(weak, "#!/bin/sh\nis \"one\" 1 1\necho end\n");
        let skipped = planted(Fault::SkippedTests, &files).expect("a test");
        assert!(skipped.starts_with("#!/bin/sh\nexit 0\nis"), "{skipped}");
        let gone = Fault::DeletedTest.plant(&files, "").expect("a test");
        assert_eq!((gone.path.as_str(), gone.content), ("tests/a.sh", None));
        let forged = Fault::ForgedRunner
            .plant(&files, "sh test.sh")
            .expect("the runner");
        assert_eq!(forged.path, "test.sh");
        let rust = [source(
            "tests/a.rs",
            true,
            Some("#[test]\nfn a() {}\n"),
            "#[test]\nfn a() {}\n",
        )];
        assert_eq!(
            planted(Fault::SkippedTests, &rust).expect("a test"),
            "#[test]\n#[ignore]\nfn a() {}\n"
        );
    }
}
