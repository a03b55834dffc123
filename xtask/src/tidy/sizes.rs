//! How long files and functions may be, and how heavy anything that is kept in the repository.

use super::finding::{Finding, Rule};
use super::rust_code::{code_only, item_end, line_of, words};

/// Beyond this a file holds a second idea, without exception.
const FILE_LINES_MAX: usize = 1500;
/// Beyond this somebody should look twice.
const FILE_LINES_WARN: usize = 700;
/// Beyond this nobody holds the function in mind.
const FUNCTION_LINES_MAX: usize = 150;
/// The house style asks for less than this.
const FUNCTION_LINES_WARN: usize = 80;
/// History keeps every version for ever; larger things are made, not stored.
const FILE_BYTES_MAX: u64 = 512 * 1024;

/// A file of any kind.
pub(crate) fn weight(path: &str, bytes: u64) -> Option<Finding> {
    let what = format!("{bytes} bytes; at most {FILE_BYTES_MAX} are kept in the repository");
    (bytes > FILE_BYTES_MAX).then(|| Finding::fails(Rule::Size, path, 0, what))
}

/// A Rust file.
pub(crate) fn lengths(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().count();
    let mut findings = Vec::new();
    if lines > FILE_LINES_MAX {
        let what = format!("{lines} lines; split the file, {FILE_LINES_MAX} is the limit");
        findings.push(Finding::fails(Rule::Size, path, 0, what));
    } else if lines > FILE_LINES_WARN {
        let what = format!("{lines} lines; does the file hold a second idea?");
        findings.push(Finding::warns(Rule::Size, path, 0, what));
    }
    findings.extend(functions(path, &code_only(text)));
    findings
}

fn functions(path: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for at in words(code, "fn") {
        let rest = &code[at + 2..];
        let name: String = rest
            .trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        // A function pointer type has no name.
        if name.is_empty() {
            continue;
        }
        let lines = rest[..item_end(rest)].lines().count();
        let line = line_of(code, at);
        if lines > FUNCTION_LINES_MAX {
            let what = format!("fn {name} has {lines} lines; {FUNCTION_LINES_MAX} is the limit");
            findings.push(Finding::fails(Rule::Size, path, line, what));
        } else if lines > FUNCTION_LINES_WARN {
            let what =
                format!("fn {name} has {lines} lines; the style asks for {FUNCTION_LINES_WARN}");
            findings.push(Finding::warns(Rule::Size, path, line, what));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight;
    use super::*;

    fn weights(text: &str) -> Vec<Weight> {
        lengths("a.rs", text)
            .into_iter()
            .map(|finding| finding.weight)
            .collect()
    }

    /// A function of exactly so many lines, with braces in strings to stumble over.
    fn function(lines: usize) -> String {
        format!(
            "pub(crate) const fn f(\n) {{\n{}}}\n",
            "    g(\"}\");\n".repeat(lines - 3)
        )
    }

    #[test]
    fn a_long_file_warns_and_a_very_long_one_fails() {
        assert_eq!(weights(&"a\n".repeat(700)), []);
        assert_eq!(weights(&"a\n".repeat(701)), [Weight::Warns]);
        assert_eq!(weights(&"a\n".repeat(1500)), [Weight::Warns]);
        assert_eq!(weights(&"a\n".repeat(1501)), [Weight::Fails]);
    }

    #[test]
    fn a_long_function_warns_and_a_very_long_one_fails() {
        assert_eq!(weights(&function(80)), []);
        assert_eq!(weights(&function(81)), [Weight::Warns]);
        assert_eq!(weights(&function(151)), [Weight::Fails]);
        let between = format!("fn short(x: [u8; 4]);\n{}fn last() {{}}\n", function(151));
        let findings = lengths("a.rs", &between);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 2);
        assert!(
            findings[0].what.starts_with("fn f has 151 lines"),
            "{}",
            findings[0]
        );
    }

    #[test]
    fn a_function_pointer_is_no_function() {
        let text = format!("type F = fn(u8);\nmod m {{\n{}}}\n", "//\n".repeat(200));
        assert_eq!(weights(&text), []);
    }

    #[test]
    fn a_heavy_file_fails() {
        assert_eq!(weight("a.bin", FILE_BYTES_MAX), None);
        assert!(weight("a.bin", FILE_BYTES_MAX + 1).is_some());
    }
}
