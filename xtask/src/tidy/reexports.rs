//! `lib.rs` and `mod.rs` only say what a room or folder contains: docs, modules, re-exports.

use super::finding::{Finding, Rule};
use super::rust_code::{code_only, item_end, line_of, without_tests};

/// Judges a file that is called `lib.rs` or `mod.rs`.
pub(crate) fn reexports(path: &str, text: &str) -> Vec<Finding> {
    let code = without_tests(&code_only(text));
    let mut findings = Vec::new();
    let mut at = 0;
    while let Some(start) = code[at..].find(|c: char| !c.is_whitespace()) {
        let rest = &code[at + start..];
        let end = if rest.starts_with('#') {
            attribute_end(rest)
        } else {
            item_end(rest)
        };
        let item = &rest[..end];
        if !item.starts_with('#') && !allowed(item) {
            let first = item.lines().next().unwrap_or_default();
            findings.push(Finding::fails(
                Rule::Reexport,
                path,
                line_of(&code, at + start),
                format!("`{first}`: only docs, `mod` and `pub use` stand here; move it to a file that is named for it"),
            ));
        }
        at += start + end;
    }
    findings
}

fn allowed(item: &str) -> bool {
    let (visible, rest) = match item.strip_prefix("pub") {
        Some(rest) => (true, after_scope(rest).trim_start()),
        None => (false, item),
    };
    let declares = |rest: &str| rest.starts_with("mod ") && rest.ends_with(';');
    declares(rest) || (visible && rest.starts_with("use ")) || rest == ";"
}

/// What follows `(crate)` or `(super)`.
fn after_scope(rest: &str) -> &str {
    match rest
        .strip_prefix('(')
        .and_then(|inside| inside.split_once(')'))
    {
        Some((_, after)) => after,
        None => rest,
    }
}

fn attribute_end(rest: &str) -> usize {
    let mut depth = 0u32;
    for (at, c) in rest.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_modules_and_reexports_may_stand_there() {
        let text = "//! Docs.\n\n#![allow(dead_code)]\n/// Why.\n#[cfg(target_os = \"linux\")]\nmod a;\n\
            pub mod b;\npub(crate) mod c;\npub use a::{\n    One,\n    Two,\n};\npub(crate) use b::x as y;\n\
            #[cfg(test)]\nmod tests {\n    fn f() {}\n}\n#[cfg(test)]\nuse x::y;\n";
        assert_eq!(reexports("lib.rs", text), []);
    }

    #[test]
    fn anything_else_may_not() {
        for bad in [
            "fn f() {}",
            "pub fn f() {}",
            "pub struct S;",
            "use std::fs;",
            "pub mod inline { pub fn f() {} }",
            "impl S { fn f() {} }",
            "pub const X: [u8; 2] = [1, 2];",
            "macro_rules! m { () => {} }",
        ] {
            let findings = reexports("mod.rs", &format!("//! Docs.\nmod a;\n{bad}\nmod b;\n"));
            assert_eq!(findings.len(), 1, "{bad}: {findings:?}");
            assert_eq!(findings[0].line, 3, "{bad}");
        }
    }
}
