//! What a rule found.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// From 1; 0 when the finding is about the file as a whole.
    pub(crate) line: usize,
    pub(crate) rule: Rule,
    pub(crate) weight: Weight,
    /// What is wrong and what to do.
    pub(crate) what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Edge,
    Size,
    Reexport,
    Room,
    Words,
    Documents,
    Licence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Worth a look; does not fail.
    Warns,
    Fails,
}

impl Finding {
    pub(crate) fn fails(rule: Rule, path: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding {
            path: path.to_owned(),
            line,
            rule,
            weight: Weight::Fails,
            what: what.into(),
        }
    }

    pub(crate) fn warns(rule: Rule, path: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding {
            weight: Weight::Warns,
            ..Finding::fails(rule, path, line, what)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match self.rule {
            Rule::Edge => "edge",
            Rule::Size => "size",
            Rule::Reexport => "reexport",
            Rule::Room => "room",
            Rule::Words => "words",
            Rule::Documents => "documents",
            Rule::Licence => "licence",
        };
        let weight = match self.weight {
            Weight::Warns => "warning",
            Weight::Fails => "error",
        };
        match self.line {
            0 => write!(f, "{weight}[{rule}] {}: {}", self.path, self.what),
            line => write!(f, "{weight}[{rule}] {}:{line}: {}", self.path, self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_its_place_and_rule() {
        let hard = Finding::fails(Rule::Room, "a.rs", 3, "why");
        assert_eq!(hard.to_string(), "error[room] a.rs:3: why");
        let soft = Finding::warns(Rule::Size, "a.rs", 0, "why");
        assert_eq!(soft.to_string(), "warning[size] a.rs: why");
    }
}
