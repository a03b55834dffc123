//! Why a blueprint cannot be used, with the place and the way out.

use super::{EXTENDS_MAX, TEXT_BYTES_MAX};

/// Why a blueprint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlueprintError {
    #[error(
        "{origin} is {bytes} bytes; a blueprint has at most {TEXT_BYTES_MAX}. Split it with `extends`"
    )]
    TooLarge { origin: String, bytes: usize },
    #[error("{origin}:{line}:{column}: cannot read the blueprint: {problem}")]
    Yaml {
        origin: String,
        line: u64,
        column: u64,
        problem: String,
    },
    #[error("{origin}:{line}:{column}: unknown key `{key}`; {hint}")]
    UnknownKey {
        origin: String,
        line: u64,
        column: u64,
        key: String,
        hint: String,
    },
    #[error("{origin}:{line}:{column}: {problem}")]
    Invalid {
        origin: String,
        line: u64,
        column: u64,
        problem: String,
    },
    #[error("{origin}:{line}:{column}: unknown reference `${{{{ {expression} }}}}`; {hint}")]
    UnknownReference {
        origin: String,
        line: u64,
        column: u64,
        expression: String,
        hint: String,
    },
    #[error("no blueprint is called `{name}` ({wanted_by}); {hint}")]
    NotFound {
        name: String,
        wanted_by: String,
        hint: String,
    },
    #[error("blueprints extend each other in a circle: {}. Take one `extends` away", chain.join(" -> "))]
    Cycle { chain: Vec<String> },
    #[error("`{name}` extends through {} blueprints; at most {EXTENDS_MAX} are followed", chain.len())]
    TooDeep { name: String, chain: Vec<String> },
    #[error(
        "blueprint `{blueprint}` needs the input `{input}`{about}. Give it a value or declare a `default`"
    )]
    MissingInput {
        blueprint: String,
        input: String,
        about: String,
    },
    #[error("blueprint `{blueprint}` has no input `{input}`; {hint}")]
    UnknownInput {
        blueprint: String,
        input: String,
        hint: String,
    },
    #[error("the value of input `{input}` for blueprint `{blueprint}` is refused: {problem}")]
    BadInput {
        blueprint: String,
        input: String,
        problem: String,
    },
    #[error("cannot read the blueprints of {company}: {problem}. Try again: they are read anew")]
    Unread { company: String, problem: String },
}
