//! Marks in a copy of the product: each writes its number, once, when it is run. Which changed lines a mark speaks for is known
//! before.

use std::collections::{BTreeMap, BTreeSet};

use super::blocks::{self, Code};
use crate::functions::{around, functions};
use crate::mutants;
use crate::source::{self, Lang, Source};

/// How closely lines are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// By statements and blocks; in Python by lines.
    Statements,
    /// By functions. What is marked so is built where the other is not.
    Functions,
}

/// A source with its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) text: String,
    /// The lines of the original, from 0, that each mark speaks for.
    pub(super) lines: BTreeMap<usize, Vec<usize>>,
}

/// A place, from 0, in the original.
type Place = (usize, usize);

/// Marks those of `wanted` that run when the program does: lines in functions, and neither heads nor what only closes a block.
/// Numbers begin with `first`. `file` is where marks write, seen from inside. `None`: there is nothing to mark.
pub(super) fn mark(
    path: &str,
    text: &str,
    wanted: &[usize],
    detail: Detail,
    first: usize,
    file: &str,
) -> Option<Marked> {
    let lang = source::lang_of(path, text);
    let source = source::read(text, lang);
    let tests = mutants::test_lines(&source, text, lang);
    let ours = |line: &&usize| !tests.iter().any(|range| range.contains(*line));
    let places = match lang {
        Lang::Python => python(&source, wanted, detail),
        Lang::Rust | Lang::JavaScript => {
            let wanted: Vec<usize> = wanted.iter().filter(ours).copied().collect();
            braced(&source, lang, &wanted, detail)
        }
        Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => BTreeMap::new(),
    };
    let written = |number: usize| match lang {
        Lang::Python => in_python(number, file),
        Lang::Rust => in_rust(number, file),
        Lang::JavaScript | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => {
            in_javascript(number, is_typed(path))
        }
    };
    written_in(text, lang, places, first, &written)
}

/// A source of Python or Rust that fails where one of these lines would run: in Rust at the beginning of its block, or behind the
/// statement before it. `None` where it would nowhere.
pub(crate) fn failing(text: &str, lang: Lang, wanted: &[usize]) -> Option<String> {
    let source = source::read(text, lang);
    let (places, fails) = match lang {
        Lang::Python => (
            python(&source, wanted, Detail::Statements),
            "raise AssertionError(\"asked\")",
        ),
        Lang::Rust => (
            braced(&source, lang, wanted, Detail::Statements),
            " if ::std::hint::black_box(true) { ::std::panic!(\"asked\") } ",
        ),
        Lang::JavaScript | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => return None,
    };
    written_in(text, lang, places, 0, &|_| fails.to_owned()).map(|marked| marked.text)
}

/// Writes something at each of these places.
fn written_in(
    text: &str,
    lang: Lang,
    places: BTreeMap<Place, Vec<usize>>,
    first: usize,
    written: &dyn Fn(usize) -> String,
) -> Option<Marked> {
    if places.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut spoken = BTreeMap::new();
    // From the end, so that the places before stay where they are.
    for (number, ((line, column), wanted)) in
        (first..).zip(places).collect::<Vec<_>>().into_iter().rev()
    {
        let at = lines.get_mut(line)?;
        let byte = at
            .char_indices()
            .nth(column)
            .map_or(at.len(), |(byte, _)| byte);
        match lang {
            Lang::Python => {
                let indent = at[..byte].to_owned();
                lines.insert(line, indent + &written(number));
            }
            Lang::Rust | Lang::JavaScript | Lang::Go | Lang::CLike | Lang::Hash | Lang::Plain => {
                at.insert_str(byte, &written(number))
            }
        }
        spoken.insert(number, wanted);
    }
    Some(Marked {
        text: lines.join("\n"),
        lines: spoken,
    })
}

fn is_typed(path: &str) -> bool {
    [".ts", ".tsx", ".mts", ".cts"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

/// Where TypeScript is checked, nothing is asked of the types of Node.
fn in_javascript(number: usize, typed: bool) -> String {
    match typed {
        true => format!(" (globalThis as any).process?.{SEEN}?.({number}); "),
        false => format!(" globalThis.process?.{SEEN}?.({number}); "),
    }
}

/// What [`preload`] gives to each process of Node.
const SEEN: &str = "__alai_seen";

/// What a process writes that could hear marks. Other runtimes load no module of Node's.
pub(super) const HEARD: &str = "node";

/// A module that Node loads before anything else.
pub(super) fn preload(file: &str) -> String {
    format!(
        "require('node:fs').appendFileSync({file:?}, '{HEARD}\\n');\nconst append = require('node:fs').appendFileSync;\nconst seen = new Set();\n\
         process.{SEEN} = (n) => {{ if (!seen.has(n)) {{ seen.add(n); append({file:?}, n + '\\n'); }} }};\n"
    )
}

fn in_rust(number: usize, file: &str) -> String {
    format!(
        " {{ static SEEN: ::std::sync::atomic::AtomicBool = ::std::sync::atomic::AtomicBool::new(false); \
         if !SEEN.swap(true, ::std::sync::atomic::Ordering::Relaxed) {{ \
         if let Ok(mut file) = ::std::fs::OpenOptions::new().append(true).create(true).open({file:?}) {{ \
         let _ = ::std::io::Write::write_all(&mut file, b\"{number}\\n\"); }} }} }} "
    )
}

/// The file is closed at once: Python warns of one that is left open, between the lines of a runner.
fn in_python(number: usize, file: &str) -> String {
    format!(
        "(lambda seen: {number} in seen or (seen.add({number}), \
         (lambda file: (file.write(\"{number}\\n\"), file.close()))(__import__(\"io\").open({file:?}, \"a\"))))\
         (__import__(\"sys\").__dict__.setdefault(\"_alai_seen\", set()))"
    )
}

/// Each changed line with the nearest place before it in the same block.
fn braced(
    source: &Source,
    lang: Lang,
    wanted: &[usize],
    detail: Detail,
) -> BTreeMap<Place, Vec<usize>> {
    let code = Code::of(source);
    let mut spots = blocks::spots(source, lang);
    if detail == Detail::Functions {
        spots.retain(|spot| spot.function);
    }
    let mut places: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
    // Lines and places are met in their order, with the blocks that are open there.
    let mut open: Vec<(usize, Place)> = Vec::new();
    let mut spots = spots.into_iter().peekable();
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    for line in &wanted {
        let Some(text) = source.code.get(*line) else {
            continue;
        };
        // Only brackets, or `else`: nothing of its own runs there.
        if !text.replace("else", "").contains(char::is_alphanumeric) {
            continue;
        }
        let begins = code.starts[*line] + text.chars().take_while(|c| c.is_whitespace()).count();
        while let Some(spot) = spots.next_if(|spot| spot.at <= begins) {
            open.retain(|(end, _)| *end > spot.at && *end != spot.block.end);
            open.push((spot.block.end, code.place(spot.at)));
        }
        open.retain(|(end, _)| *end > begins);
        // Blocks end in the other order than they begin: the innermost ends first.
        if let Some((_, place)) = open.iter().min_by_key(|(end, _)| *end) {
            places.entry(*place).or_default().push(*line);
        }
    }
    places
}

/// What begins no statement before which another one could stand.
const GOES_ON: [&str; 9] = [
    "elif",
    "else",
    "except",
    "finally",
    "case",
    "def",
    "class",
    "async def",
    "@",
];

fn python(source: &Source, wanted: &[usize], detail: Detail) -> BTreeMap<Place, Vec<usize>> {
    let all = functions(source, Lang::Python);
    let begins = logical_lines(source);
    let depth = |line: usize| {
        source.code[line]
            .chars()
            .take_while(|c| c.is_whitespace())
            .count()
    };
    let mut places: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
    for line in wanted {
        let Some(function) = around(&all, *line).filter(|f| *line >= f.body.0) else {
            continue;
        };
        let Some(first) = begins.range(..=*line).next_back().copied() else {
            continue;
        };
        let code = source.code[first].trim();
        let goes_on = GOES_ON.iter().any(|word| {
            code.strip_prefix(word).is_some_and(|rest| {
                *word == "@" || !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            })
        });
        if goes_on || code.is_empty() || first < function.body.0 {
            continue;
        }
        let place = match detail {
            Detail::Statements => (first, depth(first)),
            Detail::Functions => match body(source, &begins, function.body.0, function.lines.end) {
                Some(at) => (at, depth(at)),
                None => continue,
            },
        };
        places.entry(place).or_default().push(*line);
    }
    places
}

/// The first statement of a body that is no text about it.
fn body(source: &Source, begins: &BTreeSet<usize>, first: usize, end: usize) -> Option<usize> {
    let mut lines = begins.range(first..end);
    lines
        .find(|line| !source.code[**line].trim().is_empty())
        .copied()
}

/// The lines on which a statement begins, and not one that another line goes on with.
fn logical_lines(source: &Source) -> BTreeSet<usize> {
    let mut begins = BTreeSet::new();
    let mut depth = 0i64;
    let mut goes_on = false;
    for (at, code) in source.code.iter().enumerate() {
        let text = code.trim();
        if depth <= 0 && !goes_on && !text.is_empty() && !source.begins_in_text(at) {
            begins.insert(at);
        }
        for c in code.chars() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
        }
        goes_on = text.ends_with('\\');
    }
    begins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(path: &str, text: &str, detail: Detail) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..text.lines().count()).collect();
        let marked = mark(path, text, &all, detail, 0, "/f");
        marked
            .map(|m| m.lines.into_values().collect())
            .unwrap_or_default()
    }

    #[test]
    fn python_is_marked_by_its_statements() {
        let text = "import x\n\ndef a(b):\n    \"\"\"Words.\n\n    if b: more\n    \"\"\"\n    c = [\n        1,\n    ]\n    if b:\n        return c\n    else:\n        d()\n    @e\n    def f():\n        pass\n    return \\\n        f\n";
        assert_eq!(
            spoken("a.py", text, Detail::Statements),
            [
                vec![7, 8, 9],
                vec![10],
                vec![11],
                vec![13],
                vec![16],
                vec![17, 18]
            ]
        );
        assert_eq!(
            spoken("a.py", text, Detail::Functions),
            [vec![7, 8, 9, 10, 11, 13, 17, 18], vec![16]]
        );
        let marked = mark("a.py", text, &[11], Detail::Statements, 5, "/f").expect("one");
        let lines: Vec<&str> = marked.text.lines().collect();
        assert!(
            lines[11].starts_with("        (lambda seen: 5 in seen"),
            "{}",
            lines[11]
        );
        assert_eq!(lines[12], "        return c");
    }

    #[test]
    fn lines_go_with_the_place_before_them_in_their_block() {
        let text = "fn a(x: u8) -> u8 {\n    let y = x;\n    if y > 1 {\n        return 2;\n    } else {\n        b();\n    }\n    y\n}\nconst B: u8 = 1;\n#[cfg(test)]\nmod tests {\n    fn c() { d(); }\n}\n";
        assert_eq!(
            spoken("a.rs", text, Detail::Statements),
            [vec![1], vec![2, 7], vec![3], vec![5]]
        );
        assert_eq!(
            spoken("a.rs", text, Detail::Functions),
            [vec![1, 2, 3, 5, 7]]
        );
        let text = "export function a(x) {\n  if (x) {\n    return 1\n  }\n  return 2\n}\n";
        assert_eq!(
            spoken("a.ts", text, Detail::Statements),
            [vec![1, 4], vec![2]]
        );
        let marked = mark("a.mts", text, &[2], Detail::Statements, 0, "/f").expect("one");
        assert!(
            marked
                .text
                .contains("if (x) { (globalThis as any).process?.__alai_seen?.(0); \n")
        );
    }

    #[test]
    fn what_cannot_run_is_not_marked() {
        for (path, text) in [
            (
                "a.rs",
                "use a::b;\nstruct C {\n    d: u8,\n}\nconst fn e() -> u8 {\n    1\n}\n",
            ),
            ("a.py", "A = 1\nclass B:\n    c = 2\n"),
            ("a.js", "export const a = { b: 1 };\n"),
            ("a.c", "int a() { return 1; }\n"),
        ] {
            assert_eq!(
                mark(path, text, &[0, 1, 2, 3, 4, 5], Detail::Statements, 0, "/f"),
                None,
                "{path}"
            );
        }
    }
}
