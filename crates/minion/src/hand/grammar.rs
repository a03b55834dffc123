//! The languages that the hand can read: which grammar a file's name asks for, and what a definition is in it.
//!
//! A grammar is C code that reads what an agent wrote. It is called by the hand alone, inside the cage, with limits on bytes
//! and time; the trusted side of this crate never calls it.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{Language, Node, ParseOptions, Parser, Tree, TreeCursor};

use super::wire::SymbolKind;

/// A text that is parsed; larger ones are generated, and nobody reads their errors.
pub(super) const PARSE_BYTES_MAX: usize = 1 << 20;
/// A megabyte of ordinary source takes about half of this; what takes longer was made to.
const PARSE_MAX: Duration = Duration::from_millis(200);

/// Text given to the parser at a time.
const CHUNK_BYTES: usize = 16 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Rust,
    Python,
    JavaScript,
    TypeScript,
    Tsx,
    Go,
    C,
    Java,
}

impl Grammar {
    #[cfg(test)]
    pub(super) const ALL: [Grammar; 8] = [
        Grammar::Rust,
        Grammar::Python,
        Grammar::JavaScript,
        Grammar::TypeScript,
        Grammar::Tsx,
        Grammar::Go,
        Grammar::C,
        Grammar::Java,
    ];

    /// By the ending of the name alone; what it does not tell is not guessed.
    pub(super) fn of(path: &str) -> Option<Grammar> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (stem, ending) = name.rsplit_once('.')?;
        if stem.is_empty() {
            return None;
        }
        match ending {
            "rs" => Some(Grammar::Rust),
            "py" | "pyi" => Some(Grammar::Python),
            "js" | "jsx" | "mjs" | "cjs" => Some(Grammar::JavaScript),
            "ts" | "mts" | "cts" => Some(Grammar::TypeScript),
            "tsx" => Some(Grammar::Tsx),
            "go" => Some(Grammar::Go),
            "c" | "h" => Some(Grammar::C),
            "java" => Some(Grammar::Java),
            _ => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Grammar::Rust => "Rust",
            Grammar::Python => "Python",
            Grammar::JavaScript => "JavaScript",
            Grammar::TypeScript | Grammar::Tsx => "TypeScript",
            Grammar::Go => "Go",
            Grammar::C => "C",
            Grammar::Java => "Java",
        }
    }

    fn language(self) -> Language {
        match self {
            Grammar::Rust => tree_sitter_rust::LANGUAGE.into(),
            Grammar::Python => tree_sitter_python::LANGUAGE.into(),
            Grammar::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
            Grammar::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Grammar::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Grammar::Go => tree_sitter_go::LANGUAGE.into(),
            Grammar::C => tree_sitter_c::LANGUAGE.into(),
            Grammar::Java => tree_sitter_java::LANGUAGE.into(),
        }
    }

    /// The tree of a text; none when it is too large or takes too long.
    pub(super) fn parse(self, text: &[u8]) -> Option<Tree> {
        if text.len() > PARSE_BYTES_MAX {
            return None;
        }
        let mut parser = Parser::new();
        parser.set_language(&self.language()).ok()?;
        let started = Instant::now();
        let late = || started.elapsed() >= PARSE_MAX;
        let mut look = |_: &_| {
            if late() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        // The parser looks at the time between tokens; a token without an end is ended by giving it no more text.
        let mut read = |at: usize, _| {
            let end = text.len().min(at.saturating_add(CHUNK_BYTES));
            if late() {
                &[][..]
            } else {
                text.get(at..end).unwrap_or_default()
            }
        };
        let options = ParseOptions::new().progress_callback(&mut look);
        let tree = parser.parse_with_options(&mut read, None, Some(options));
        tree.filter(|_| !late())
    }

    /// What a node defines, when it is a function, a type or a class with a name.
    pub(super) fn defined<'t>(self, node: Node<'t>) -> Option<(SymbolKind, Node<'t>)> {
        let kind = match node.kind() {
            "function_item"
            | "function_signature_item"
            | "macro_definition"
            | "function_definition"
            | "function_declaration"
            | "generator_function_declaration"
            | "function_signature"
            | "method_definition"
            | "method_declaration"
            | "constructor_declaration" => SymbolKind::Function,
            "class_definition"
            | "class_declaration"
            | "abstract_class_declaration"
            | "record_declaration" => SymbolKind::Class,
            "struct_item"
            | "enum_item"
            | "union_item"
            | "trait_item"
            | "type_item"
            | "interface_declaration"
            | "annotation_type_declaration"
            | "type_alias_declaration"
            | "enum_declaration"
            | "type_spec"
            | "type_alias"
            | "type_definition" => SymbolKind::Type,
            // `struct x` is also how C names a type that is defined elsewhere.
            "struct_specifier" | "enum_specifier" | "union_specifier" => {
                node.child_by_field_name("body")?;
                SymbolKind::Type
            }
            "variable_declarator" => {
                let value = node.child_by_field_name("value")?.kind();
                if !matches!(value, "arrow_function" | "function_expression") {
                    return None;
                }
                SymbolKind::Function
            }
            _ => return None,
        };
        let mut name = node
            .child_by_field_name("name")
            .or_else(|| node.child_by_field_name("declarator"))?;
        // C writes a name inside out: `char *f(int)` is a pointer to what a function returns, and in it the name.
        while let Some(inner) = name.child_by_field_name("declarator") {
            name = inner;
        }
        Some((kind, name))
    }

    /// Whether what is defined inside a node is its own affair.
    pub(super) fn is_body(self, node: Node<'_>) -> bool {
        match node.kind() {
            "statement_block" | "compound_statement" | "function_body" | "constructor_body" => true,
            "block" => {
                self != Grammar::Python
                    || node
                        .parent()
                        .is_some_and(|p| p.kind() == "function_definition")
            }
            _ => false,
        }
    }
}

/// Goes to the next node of a walk that visits parents first, into the current one only when `inside` says so.
pub(super) fn next(cursor: &mut TreeCursor<'_>, inside: bool) -> bool {
    if inside && cursor.goto_first_child() {
        return true;
    }
    loop {
        if cursor.goto_next_sibling() {
            return true;
        }
        if !cursor.goto_parent() {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grammar_can_be_used_by_this_parser() {
        for grammar in Grammar::ALL {
            assert!(grammar.parse(b"").is_some(), "{grammar:?}");
        }
    }

    #[test]
    fn the_ending_of_a_name_decides() {
        assert_eq!(Grammar::of("a.b/c.tsx"), Some(Grammar::Tsx));
        for none in [
            "Makefile",
            "a.py/README",
            ".rs",
            "a.vue",
            "a.cpp",
            "a.rs.orig",
            "",
        ] {
            assert_eq!(Grammar::of(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_too_large_or_takes_too_long_has_no_tree() {
        assert!(
            Grammar::Rust
                .parse(&vec![b' '; PARSE_BYTES_MAX + 1])
                .is_none()
        );
        for grammar in Grammar::ALL {
            for hostile in ["(", "((a)", "`${"] {
                let text = hostile.repeat(PARSE_BYTES_MAX / hostile.len());
                // Whether it has a tree depends on the machine's pace; that it comes back is what matters.
                let _ = grammar.parse(text.as_bytes());
            }
        }
    }
}
