//! What other harnesses call the same tools and arguments. Models were trained on them and fall back into them; the call
//! means the same, so it is taken, where the request has that tool and no tool of the given name.

/// The names by tool. None of them takes arguments of another meaning.
const TOOLS: [(&str, &[&str]); 6] = [
    ("read", &["read_file", "view_file", "open_file", "cat"]),
    ("search", &["grep", "grep_search", "search_files", "rg"]),
    ("edit", &["str_replace", "edit_file", "replace"]),
    ("write", &["write_file", "create_file"]),
    (
        "run",
        &[
            "bash",
            "shell",
            "terminal",
            "run_command",
            "execute_command",
            "run_shell_command",
        ],
    ),
    ("done", &["finish", "submit", "attempt_completion"]),
];

/// The names by argument.
const ARGUMENTS: [(&str, &[&str]); 9] = [
    ("path", &["file_path", "filepath", "file", "filename"]),
    ("pattern", &["query", "regex"]),
    ("old", &["old_string", "old_str", "old_text"]),
    ("new", &["new_string", "new_str", "new_text"]),
    ("content", &["text", "file_text", "contents"]),
    ("command", &["cmd"]),
    ("timeout_s", &["timeout"]),
    ("summary", &["message"]),
    ("patch", &["input"]),
];

/// Our name of a tool.
pub(super) fn tool(name: &str) -> Option<&'static str> {
    ours(&TOOLS, name, |_| true)
}

/// Our name of an argument, if the tool has it.
pub(super) fn argument(name: &str, has: impl Fn(&str) -> bool) -> Option<&'static str> {
    ours(&ARGUMENTS, name, has)
}

fn ours(
    names: &[(&'static str, &[&str])],
    name: &str,
    fits: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    names
        .iter()
        .find(|(own, others)| others.contains(&name) && fits(own))
        .map(|(own, _)| *own)
}
