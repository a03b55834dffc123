//! What the code of a room must not do, whatever its manifest allows.

use super::finding::{Finding, Rule};
use super::rust_code::{code_only, line_of, without_tests, words};

/// A rule of the house about code. `in_rooms` are folders; a rule is about them or about all others.
struct Ban {
    path: &'static str,
    r#where: Where,
    why: &'static str,
}

enum Where {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

/// Programs are started in one room; the tools of tests and of the repository are not shipped, nor is what a build asks of its compiler.
/// The hand runs inside a cage, as its agent: the record docs/adr/0003 says why it is not in the workspace room.
const STARTS_PROGRAMS: Where = Where::AllBut(&[
    "crates/workspace/",
    "crates/minion/src/hand/exec.rs",
    "crates/cli/build.rs",
    "crates/testkit/",
    "xtask/",
]);
const ONE_STARTER: &str = "on the host, programs are started in the workspace room alone";
const CORE: Where = Where::Only(&["crates/core/"]);
const PURE: &str = "core decides on values; take this as a parameter";

const BANS: [Ban; 16] = [
    Ban {
        path: "process::Command",
        r#where: STARTS_PROGRAMS,
        why: ONE_STARTER,
    },
    Ban {
        path: "libc::fork",
        r#where: STARTS_PROGRAMS,
        why: ONE_STARTER,
    },
    Ban {
        path: "libc::posix_spawn",
        r#where: STARTS_PROGRAMS,
        why: ONE_STARTER,
    },
    Ban {
        path: "libc::execve",
        r#where: STARTS_PROGRAMS,
        why: ONE_STARTER,
    },
    Ban {
        path: "libc::execv",
        r#where: STARTS_PROGRAMS,
        why: ONE_STARTER,
    },
    Ban {
        path: "libc::execvp",
        r#where: STARTS_PROGRAMS,
        why: ONE_STARTER,
    },
    Ban {
        path: "libc::system",
        r#where: STARTS_PROGRAMS,
        why: ONE_STARTER,
    },
    Ban {
        path: "rusqlite",
        r#where: Where::AllBut(&["crates/mission/"]),
        why: "the only SQL is in the mission room",
    },
    Ban {
        path: "SystemTime::now",
        r#where: CORE,
        why: PURE,
    },
    Ban {
        path: "Instant::now",
        r#where: CORE,
        why: PURE,
    },
    Ban {
        path: "env::var",
        r#where: CORE,
        why: PURE,
    },
    Ban {
        path: "env::var_os",
        r#where: CORE,
        why: PURE,
    },
    Ban {
        path: "std::fs",
        r#where: CORE,
        why: PURE,
    },
    Ban {
        path: "std::net",
        r#where: CORE,
        why: PURE,
    },
    Ban {
        path: "std::process",
        r#where: CORE,
        why: PURE,
    },
    Ban {
        path: "tokio",
        r#where: CORE,
        why: "core is synchronous",
    },
];

/// Judges one Rust file; tests are free.
pub(crate) fn rooms(path: &str, text: &str) -> Vec<Finding> {
    if is_test(path) {
        return Vec::new();
    }
    let code = expanded(&without_tests(&code_only(text)));
    let mut findings = Vec::new();
    for ban in &BANS {
        let about = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
        let concerned = match ban.r#where {
            Where::Only(folders) => about(folders),
            Where::AllBut(folders) => !about(folders),
        };
        if !concerned {
            continue;
        }
        for at in words(&code, ban.path) {
            let what = format!("{}: {}", ban.path, ban.why);
            findings.push(Finding::fails(Rule::Room, path, line_of(&code, at), what));
        }
    }
    findings
}

/// Whether the whole file is a test.
pub(crate) fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// The code with imports such as `use std::{fs, process::{Child, Command}};` written out at the end of
/// their first line, so that a ban is found by its path however it was imported.
fn expanded(code: &str) -> String {
    let mut text = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = words(rest, "use").next() {
        let (before, import) = rest.split_at(start);
        let Some(end) = import.find(';') else { break };
        let tree: String = import["use".len()..end]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        text.push_str(before);
        for path in paths(&tree) {
            text.push_str(&path);
            text.push(' ');
        }
        text.extend(import[..end].chars().filter(|&c| c == '\n'));
        rest = &import[end..];
    }
    text + rest
}

/// The single paths of an import: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        return vec![tree.to_owned()];
    };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    parts(group)
        .into_iter()
        .flat_map(paths)
        .filter(|path| !path.is_empty())
        .map(|path| format!("{head}{path}"))
        .collect()
}

/// Splits at the commas outside of braces.
fn parts(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0u32, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&group[start..]);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_started_in_workspace_alone() {
        for bad in [
            "use std::process::Command;",
            "use std::process::{Child,\n    Command as C,\n};",
            "use std::{fs, process::{self, Command}};",
            "fn f() { std::process::Command::new(\"ls\"); }",
            "use std::process;\nfn f() { process::Command::new(\"ls\"); }",
            "fn f() { unsafe { libc::fork() }; }",
        ] {
            assert_eq!(rooms("crates/factory/src/a.rs", bad).len(), 1, "{bad}");
            assert_eq!(rooms("crates/cli/src/a.rs", bad).len(), 1, "{bad}");
            for free in [
                "crates/workspace/src/a.rs",
                "xtask/src/a.rs",
                "crates/cli/build.rs",
                "crates/cli/tests/all/a.rs",
            ] {
                assert_eq!(rooms(free, bad), [], "{free}: {bad}");
            }
        }
    }

    #[test]
    fn what_looks_like_it_is_free() {
        for good in [
            "use clap::Command;",
            "use std::process::ExitCode;",
            "// std::process::Command\nfn f() { g(\"process::Command\"); }",
            "#[cfg(test)]\nmod tests {\n    use std::process::Command;\n}",
            "fn f() { process::CommandLine; }",
        ] {
            assert_eq!(rooms("crates/factory/src/a.rs", good), [], "{good}");
        }
    }

    #[test]
    fn core_sees_no_clock_no_environment_and_no_files() {
        for bad in [
            "use std::time::Instant;\nfn f() { Instant::now(); }",
            "fn f() { std::time::SystemTime::now(); }",
            "fn f() { std::env::var(\"HOME\"); }",
            "use std::{collections::BTreeMap, fs};",
            "fn f() { std::fs::read(\"x\"); }",
            "use std::net::TcpStream;",
        ] {
            assert_eq!(rooms("crates/core/src/a.rs", bad).len(), 1, "{bad}");
            assert_eq!(rooms("crates/mission/src/a.rs", bad), [], "{bad}");
        }
    }

    #[test]
    fn sql_is_in_mission_alone_and_the_line_is_named() {
        let findings = rooms(
            "crates/factory/src/a.rs",
            "//! A.\n\nuse rusqlite::Connection;\n",
        );
        assert_eq!((findings.len(), findings[0].line), (1, 3));
        assert_eq!(
            rooms("crates/mission/src/a.rs", "use rusqlite::Connection;"),
            []
        );
    }
}
