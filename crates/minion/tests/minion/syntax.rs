//! Edits that would break a file's syntax: refused by the hand with the lines as they would be and as they are.

use alai_minion::hand::{HandError, RefusalKind, SymbolKind};
use serde_json::json;

use crate::world::{Script, World, agent, calls, done};

/// One language: a sound file, and what is done to it.
struct Case {
    path: &'static str,
    sound: &'static str,
    /// A harmless change: old and new.
    harmless: (&'static str, &'static str),
    /// Something put in that does not belong there.
    insert: (&'static str, &'static str),
    /// Something taken out that is needed.
    delete: (&'static str, &'static str),
    /// A bracket or quote too few.
    unbalanced: (&'static str, &'static str),
}

const CASES: [Case; 8] = [
    Case {
        path: "src/a.rs",
        sound: "fn one(x: u32) -> u32 {\n    if x > 1 {\n        return x;\n    }\n    x + 1\n}\n\nfn two() -> u32 {\n    one(2)\n}\n",
        harmless: ("x + 1", "x + 2"),
        insert: ("one(2)", "one(2) fn"),
        delete: ("fn two() ->", "fn two( ->"),
        unbalanced: ("        return x;\n    }\n", "        return x;\n"),
    },
    Case {
        path: "a.py",
        sound: "def one(x):\n    if x > 1:\n        return x\n    return x + 1\n\n\nclass Two:\n    def get(self):\n        return one(2)\n",
        harmless: ("x + 1", "x + 2"),
        insert: ("return one(2)", "return one(2) ="),
        delete: ("def get(self):", "def get(self)"),
        unbalanced: ("one(2)", "one(2"),
    },
    Case {
        path: "web/a.js",
        sound: "function one(x) {\n  if (x > 1) {\n    return x;\n  }\n  return x + 1;\n}\n\nconst two = () => one(2);\n",
        harmless: ("x + 1", "x + 2"),
        insert: ("return x + 1;", "return x + 1; else"),
        delete: ("(x > 1)", "x > 1)"),
        unbalanced: ("    return x;\n  }\n", "    return x;\n"),
    },
    Case {
        path: "web/a.ts",
        sound: "interface Two {\n  name: string;\n}\n\nfunction one(x: number): Two {\n  if (x > 1) {\n    return { name: \"a\" };\n  }\n  return { name: `b${x}` };\n}\n",
        harmless: ("\"a\"", "'c'"),
        insert: ("name: string;", "name: string; ]"),
        delete: ("(x > 1)", "(x >)"),
        unbalanced: ("`b${x}`", "`b${x}"),
    },
    Case {
        path: "web/a.tsx",
        sound: "export function One(props: { name: string }) {\n  return (\n    <div className=\"a\">\n      <b>{props.name}</b>\n    </div>\n  );\n}\n",
        harmless: ("\"a\"", "\"b\""),
        insert: ("</b>", "</b></b>"),
        delete: ("<b>{props.name}</b>", "<b>{props.name}"),
        unbalanced: ("  );\n}\n", "  );\n"),
    },
    Case {
        path: "a.go",
        sound: "package a\n\nfunc one(x int) int {\n\tif x > 1 {\n\t\treturn x\n\t}\n\treturn x + 1\n}\n\ntype Two struct {\n\tname string\n}\n",
        harmless: ("x + 1", "x + 2"),
        insert: ("return x + 1", "return x + 1 else"),
        delete: ("func one(x int) int {", "func one(x int int {"),
        unbalanced: ("\t\treturn x\n\t}\n", "\t\treturn x\n"),
    },
    Case {
        path: "a.c",
        sound: "#include <stdio.h>\n\nint one(int x) {\n    if (x > 1) {\n        return x;\n    }\n    return x + 1;\n}\n\nstruct two {\n    int name;\n};\n",
        harmless: ("x + 1", "x + 2"),
        insert: ("return x + 1;", "return x + 1; else"),
        delete: ("return x + 1;", "return x + ;"),
        unbalanced: ("        return x;\n    }\n", "        return x;\n"),
    },
    Case {
        path: "src/A.java",
        sound: "class A {\n    int one(int x) {\n        if (x > 1) {\n            return x;\n        }\n        return x + 1;\n    }\n\n    record Two(String name) {}\n}\n",
        harmless: ("x + 1", "x + 2"),
        insert: ("return x + 1;", "return x + 1; else"),
        delete: ("return x + 1;", "return x + ;"),
        unbalanced: (
            "            return x;\n        }\n",
            "            return x;\n",
        ),
    },
];

fn world() -> World {
    let files: Vec<(&str, &str)> = CASES.iter().map(|case| (case.path, case.sound)).collect();
    World::with(&files)
}

/// What the hand says against an edit; the file stays as it was.
fn refused(w: &mut World, path: &str, (old, new): (&str, &str)) -> String {
    let before = std::fs::read(w.repo().join(path)).expect("a file");
    let said = syntax(
        w.hand.edit(path, old, new, false, &w.cancel),
        &format!("{path}: {new}"),
    );
    assert_eq!(std::fs::read(w.repo().join(path)).expect("a file"), before);
    said
}

fn edited(w: &mut World, path: &str, (old, new): (&str, &str)) {
    let done = w.hand.edit(path, old, new, false, &w.cancel);
    assert!(done.is_ok(), "{path}: {new}: {done:?}");
}

fn syntax<T: std::fmt::Debug>(answer: Result<T, HandError>, what: &str) -> String {
    match answer {
        Err(HandError::Refused(refusal)) if refusal.kind == RefusalKind::Syntax => refusal.message,
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn an_edit_that_breaks_a_sound_file_is_refused_in_each_language() {
    let mut w = world();
    for case in &CASES {
        for broken in [case.insert, case.delete, case.unbalanced] {
            let said = refused(&mut w, case.path, broken);
            assert!(
                said.contains("nothing was changed")
                    && said.contains("How it would look, lines")
                    && said.contains("How it is now, lines")
                    && said.contains("Do not repeat this edit"),
                "{said}"
            );
        }
        edited(&mut w, case.path, case.harmless);
    }
}

#[test]
fn a_write_that_breaks_or_creates_a_broken_file_is_refused_in_each_language() {
    let mut w = world();
    for case in &CASES {
        let (old, new) = case.unbalanced;
        let broken = case.sound.replacen(old, new, 1);
        let said = syntax(w.hand.write(case.path, &broken, true, &w.cancel), case.path);
        assert!(
            said.contains("nothing was changed") && said.contains("How it is now"),
            "{said}"
        );
        assert_eq!(w.read(case.path), case.sound);
        let fresh = format!("new/{}", case.path);
        if case.path.ends_with(".c") {
            // Of a new file of C nobody can say without a preprocessor.
            let written = w.hand.write(&fresh, &broken, false, &w.cancel);
            written.expect("unjudged");
            continue;
        }
        let said = syntax(w.hand.write(&fresh, &broken, false, &w.cancel), &fresh);
        assert!(
            said.contains("nothing was written") && !said.contains("How it is now"),
            "{said}"
        );
        assert!(!w.repo().join(&fresh).exists());
        w.hand
            .write(&fresh, case.sound, false, &w.cancel)
            .expect("a sound file");
    }
}

#[test]
fn a_broken_file_may_be_edited_as_long_as_its_errors_do_not_grow() {
    let mut w = world();
    for case in &CASES {
        let (old, new) = case.insert;
        let broken = case.sound.replacen(old, new, 1);
        std::fs::write(w.repo().join(case.path), &broken).expect("ours");
        // The place that is wrong may hold the harmless one, so the repair is spelled with what stands there then.
        let (was, is) = case.harmless;
        edited(&mut w, case.path, case.harmless);
        edited(
            &mut w,
            case.path,
            (&new.replace(was, is), &old.replace(was, is)),
        );
        refused(&mut w, case.path, case.unbalanced);
    }
}

#[test]
fn errors_of_a_broken_file_may_not_grow() {
    let broken = "def one(x):\n    return x +\n\n\ndef two():\n    return 2\n\n\ndef three():\n    return 3\n";
    let mut w = World::with(&[("a.py", broken)]);
    let said = refused(&mut w, "a.py", ("return 3", "return 3 +"));
    assert!(
        said.starts_with("a.py has 1 syntax errors (Python) and would have 2"),
        "{said}"
    );
    edited(&mut w, "a.py", ("return 2", "return 4"));
}

#[test]
fn both_windows_show_six_lines_around_the_place() {
    let lines: String = (1..=40).map(|n| format!("x{n} = {n}\n")).collect();
    let mut w = World::with(&[("a.py", &lines)]);
    let said = refused(&mut w, "a.py", ("x20 = 20\n", "y = (20\nx20 = 20\n"));
    assert_eq!(
        said,
        "a.py would no longer be valid Python; nothing was changed.\n\
         line 20: cannot read from `= (20` on\n\
         How it would look, lines 14-26:\n  14| x14 = 14\n  15| x15 = 15\n  16| x16 = 16\n  17| x17 = 17\n  18| x18 = 18\n  \
         19| x19 = 19\n  20| y = (20\n  21| x20 = 20\n  22| x21 = 21\n  23| x22 = 22\n  24| x23 = 23\n  25| x24 = 24\n  26| x25 = 25\n\
         How it is now, lines 14-26:\n  14| x14 = 14\n  15| x15 = 15\n  16| x16 = 16\n  17| x17 = 17\n  18| x18 = 18\n  \
         19| x19 = 19\n  20| x20 = 20\n  21| x21 = 21\n  22| x22 = 22\n  23| x23 = 23\n  24| x24 = 24\n  25| x25 = 25\n  26| x26 = 26\n\
         Do not repeat this edit. Look at brackets, quotes and indentation, and give the whole passage so that it is complete in itself."
    );
}

#[test]
fn a_mark_of_order_and_carriage_returns_are_no_errors_and_hide_none() {
    let files: Vec<(&str, String)> = CASES
        .iter()
        .map(|case| {
            (
                case.path,
                format!("\u{feff}{}", case.sound.replace('\n', "\r\n")),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let mut w = World::with(&files);
    for case in &CASES {
        refused(&mut w, case.path, case.insert);
        refused(&mut w, case.path, case.unbalanced);
        edited(&mut w, case.path, case.harmless);
        let (old, new) = case.harmless;
        let wanted = format!(
            "\u{feff}{}",
            case.sound.replacen(old, new, 1).replace('\n', "\r\n")
        );
        assert_eq!(w.read(case.path), wanted);
    }
}

#[test]
fn what_cannot_be_judged_passes() {
    let large = "x = (1)\n".repeat((1 << 20) / 8 + 1);
    let mut w = World::with(&[
        ("large.py", &large),
        ("notes.txt", "one (two\n"),
        ("Makefile", "all:\n"),
        ("plus.h", "namespace a { template <class T> T b(T c); }\n"),
        ("binary.py", "x = 1\n\0"),
    ]);
    // Larger than what is parsed; it was large before, so it may stay so.
    let done = w
        .hand
        .edit("large.py", "x = (1)\n", "x = 1)\n", true, &w.cancel);
    assert!(done.is_ok(), "{done:?}");
    edited(&mut w, "notes.txt", ("two", "((two"));
    edited(&mut w, "Makefile", ("all:", "all: ("));
    edited(&mut w, "plus.h", ("T c", "T &c"));
    let answer = w.hand.edit("binary.py", "1", "(", false, &w.cancel);
    assert!(
        matches!(&answer, Err(HandError::Refused(r)) if r.kind == RefusalKind::Binary),
        "{answer:?}"
    );
}

#[test]
fn macros_of_c_are_no_errors_and_open_brackets_are() {
    let sound = "#define EXPORT\nint one(void) {\n    return 1;\n}\n";
    let mut w = World::with(&[("a.c", sound)]);
    for uses in [
        "    STAILQ_FOREACH(item, &head, next) {\n        use(item);\n    }\n    return 1;",
        "    size_t n = 8 KB;\n    return 1;",
        "    list_for_each(pos, head) {\n        use(pos);\n    }\n    return 1;",
    ] {
        let done = w.hand.edit("a.c", "    return 1;", uses, false, &w.cancel);
        assert!(done.is_ok(), "{uses}: {done:?}");
        w.hand
            .write("a.c", sound, true, &w.cancel)
            .expect("as before");
    }
    edited(&mut w, "a.c", ("int one", "EXPORT HIDDEN\nstatic int one"));
    refused(
        &mut w,
        "a.c",
        ("    return 1;\n}", "    FOREACH(item) {\n    return 1;\n}"),
    );
    refused(&mut w, "a.c", ("return 1;", "return MAX(1, 2;"));
}

#[test]
fn the_agent_reads_the_refusal_and_mends_its_edit() {
    let mut w = World::with(&[
        ("answer.txt", "41\n"),
        ("test.sh", crate::world::TEST_SH),
        ("a.py", "def one():\n    return 1\n"),
    ]);
    let brief = w.brief(vec![agent(None)]);
    let mut script = Script::new(vec![
        calls(&[("read", json!({"path": "a.py"}))]),
        calls(&[(
            "edit",
            json!({"path": "a.py", "old": "return 1", "new": "return (1"}),
        )]),
        calls(&[(
            "edit",
            json!({"path": "a.py", "old": "return 1", "new": "return (2)"}),
        )]),
        calls(&[done()]),
    ]);
    let ran = w.run(&brief, &mut script);
    assert!(
        script
            .last(2)
            .contains("a.py would no longer be valid Python"),
        "{}",
        script.last(2)
    );
    assert_eq!(w.read("a.py"), "def one():\n    return (2)\n");
    assert_eq!(ran.report.status.to_string(), "done");
}

#[test]
fn the_map_names_what_is_defined_in_each_language() {
    let mut w = world();
    let (files, _) = w.hand.map("", &w.cancel).expect("a map");
    let found = |path: &str| -> Vec<(SymbolKind, String, u32)> {
        let file = files.iter().find(|file| file.path == path).expect("listed");
        file.symbols
            .iter()
            .map(|s| (s.kind, s.name.clone(), s.line))
            .collect()
    };
    use SymbolKind::{Class, Function, Type};
    type Defined = (SymbolKind, &'static str, u32);
    let wanted: [(&str, &[Defined]); 8] = [
        ("src/a.rs", &[(Function, "one", 1), (Function, "two", 8)]),
        (
            "a.py",
            &[
                (Function, "one", 1),
                (Class, "Two", 7),
                (Function, "get", 8),
            ],
        ),
        ("web/a.js", &[(Function, "one", 1), (Function, "two", 8)]),
        ("web/a.ts", &[(Type, "Two", 1), (Function, "one", 5)]),
        ("web/a.tsx", &[(Function, "One", 1)]),
        ("a.go", &[(Function, "one", 3), (Type, "Two", 10)]),
        ("a.c", &[(Function, "one", 3), (Type, "two", 10)]),
        (
            "src/A.java",
            &[(Class, "A", 1), (Function, "one", 2), (Class, "Two", 9)],
        ),
    ];
    for (path, symbols) in wanted {
        let symbols: Vec<_> = symbols
            .iter()
            .map(|(k, n, l)| (*k, (*n).to_owned(), *l))
            .collect();
        assert_eq!(found(path), symbols, "{path}");
    }
    let rust = files
        .iter()
        .find(|file| file.path == "src/a.rs")
        .expect("listed");
    assert!(
        rust.symbols[0].named > 0,
        "`one` is called elsewhere: {:?}",
        rust.symbols
    );
    let again = w.hand.map("", &w.cancel).expect("a map").0;
    assert_eq!(again, files);
}

#[test]
fn the_files_that_the_task_names_are_looked_at_first() {
    let filler = format!("{}\nfn filler() {{}}\n", "// nothing\n".repeat(20_000));
    let many: Vec<(String, &str)> = (0..12)
        .map(|n| (format!("src/a{n:02}.rs"), filler.as_str()))
        .collect();
    let mut files: Vec<(&str, &str)> = many
        .iter()
        .map(|(path, text)| (path.as_str(), *text))
        .collect();
    files.push(("src/wheel.rs", "fn turn() {}\n"));
    files.push(("src/zebra.rs", filler.as_str()));
    let mut w = World::with(&files);
    let (files, _) = w.hand.map("Repair the zebra", &w.cancel).expect("a map");
    let looked_at = |path: &str| {
        files
            .iter()
            .any(|f| f.path == path && !f.symbols.is_empty())
    };
    assert!(
        looked_at("src/zebra.rs") && looked_at("src/wheel.rs"),
        "{files:?}"
    );
    assert!(!looked_at("src/a11.rs"), "there is a limit");
}
