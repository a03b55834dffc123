//! The formatters, parsers and linters that check 14 starts by itself in a project that sets none.

/// A program of the machine that a built-in line of check 14 starts.
#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    /// As check 14 tells it.
    pub name: &'static str,
    /// What is looked up, and asked for its version by these words behind it.
    pub program: &'static str,
    pub version: &'static [&'static str],
    /// What it reads, for people.
    pub reads: &'static str,
    /// A line for a person.
    pub install: &'static str,
}

/// No version of them is pinned: they belong to the project's own toolchain.
pub const TOOLS: [Tool; 7] = [
    Tool {
        name: "cargo fmt",
        program: "rustfmt",
        version: &["--version"],
        reads: "Rust: *.rs below a Cargo.toml",
        install: "rustup component add rustfmt",
    },
    Tool {
        name: "cargo clippy",
        program: "cargo-clippy",
        version: &["--version"],
        reads: "Rust, where the project has a clippy.toml already",
        install: "rustup component add clippy",
    },
    Tool {
        name: "gofmt",
        program: "gofmt",
        // It knows no option that tells.
        version: &[],
        reads: "Go: *.go",
        install: "apt-get install golang-go",
    },
    Tool {
        name: "go vet",
        program: "go",
        version: &["version"],
        reads: "Go: *.go below a go.mod",
        install: "apt-get install golang-go",
    },
    Tool {
        name: "the Python parser",
        program: "python3",
        version: &["--version"],
        reads: "Python: *.py",
        install: "apt-get install python3",
    },
    Tool {
        name: "node --check",
        program: "node",
        version: &["--version"],
        reads: "JavaScript: *.mjs, *.cjs, plain scripts",
        install: "apt-get install nodejs",
    },
    Tool {
        name: "sh -n",
        program: "sh",
        version: &[],
        reads: "shell: *.sh",
        install: "apt-get install dash",
    },
];
