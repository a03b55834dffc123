//! Sources that are whole, and what is left of them after a slip: a bracket that is gone is always seen, a repair never refused.

use alai_testkit::fuzz;

use super::*;

const SOURCES: [(&str, &str); 7] = [
    (
        "a.rs",
        "use std::io;\n\npub fn f(a: &[u8]) -> Option<usize> {\n    if a.is_empty() {\n        return None;\n    }\n    Some((a.len() + 1) * 2)\n}\n",
    ),
    (
        "a.py",
        "import os\n\ndef f(a, b=[1, 2]):\n    if a:\n        return {1: (a + 1) * b[0]}\n    return os.path.join(a, 'x')\n",
    ),
    (
        "a.js",
        "const f = (a) => {\n  if (a[0]) {\n    return { b: [1, g(a)] };\n  }\n  return null;\n};\n",
    ),
    (
        "a.ts",
        "export function f(a: number[]): number {\n  const b = { c: (a[0] + 1) * 2 };\n  return g(b.c);\n}\n",
    ),
    (
        "a.tsx",
        "export function F(a: { b: number }) {\n  return g([a.b, (1 + 2) * 3]);\n}\n",
    ),
    (
        "a.go",
        "package a\n\nfunc f(a []int) (int, error) {\n\tif len(a) == 0 {\n\t\treturn 0, nil\n\t}\n\treturn (a[0] + 1) * 2, nil\n}\n",
    ),
    (
        "a.java",
        "class A {\n    int f(int[] a) {\n        if (a.length == 0) {\n            return 0;\n        }\n        return (a[0] + 1) * 2;\n    }\n}\n",
    ),
];

const PIECES: [&str; 16] = [
    "{", "}", "(", ")", "[", "]", "\"", "'", "`", "/*", "*/", "//", "\n", "\t", "é", "\0",
];

#[test]
fn grammar() {
    fuzz::run("grammar", |dice| {
        let (path, whole) = *dice.pick(&SOURCES);
        let grammar = Grammar::of(path).expect("listed");
        // A parse on a machine that is overloaded may be given up; then nothing is judged.
        let count = |text: &str| errors(grammar, text.as_bytes()).map(|found| found.count);
        assert!(matches!(count(whole), None | Some(0)), "{path} is whole");
        assert!(check(path, None, whole.as_bytes()).is_ok());

        let brackets: Vec<usize> = whole
            .match_indices(['{', '}', '(', ')', '[', ']'])
            .map(|(at, _)| at)
            .collect();
        let mut slip = whole.to_owned();
        slip.remove(*dice.pick(&brackets));
        assert!(count(&slip).is_none_or(|count| count > 0), "{path}: {slip}");

        let broken = dice.mutated(whole, &PIECES);
        for (before, after) in [
            (broken.as_str(), whole),
            (slip.as_str(), whole),
            (broken.as_str(), broken.as_str()),
        ] {
            let judged = check(path, Some(before.as_bytes()), after.as_bytes());
            assert!(judged.is_ok(), "{path}: {judged:?}");
        }
        if let Err(refusal) = check(path, Some(whole.as_bytes()), broken.as_bytes()) {
            assert_eq!(refusal.kind, RefusalKind::Syntax);
            assert!(
                count(&broken).is_none_or(|count| count > 0),
                "{path}: {broken}"
            );
        }
    });
}
