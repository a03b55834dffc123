//! Faults as data: what becomes what, in the files of which endings. A row is one edit; the first that finds a place is planted.

use super::Fault;

/// Endings of the families that share their words.
const SHELL: &[&str] = &["sh", "bash"];
const PYTHON: &[&str] = &["py"];
const RUST: &[&str] = &["rs"];
const SCRIPT: &[&str] = &["js", "mjs", "cjs", "jsx", "ts", "tsx"];
const GO: &[&str] = &["go"];
const BRACES: &[&str] = &[
    "rs", "go", "js", "mjs", "cjs", "jsx", "ts", "tsx", "java", "c", "h", "cc", "cpp", "kt",
    "swift", "cs", "php",
];
const ALL: &[&str] = &[];

/// Where a row is planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The first line that the change made and that has `old` in it.
    Change,
    /// The first line of a test that was there before and that begins with `old`: all of the line becomes `new`, as far indented.
    Test,
    /// A line behind the end of a file of the change; `old` is empty.
    End,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) fault: Fault,
    pub(super) place: Place,
    /// None at all: of every file whose comments are known.
    pub(super) endings: &'static [&'static str],
    pub(super) old: &'static str,
    pub(super) new: &'static str,
}

const fn change(
    fault: Fault,
    endings: &'static [&'static str],
    old: &'static str,
    new: &'static str,
) -> Row {
    Row {
        fault,
        place: Place::Change,
        endings,
        old,
        new,
    }
}

const fn test(endings: &'static [&'static str], old: &'static str, new: &'static str) -> Row {
    Row {
        fault: Fault::TautologicalTest,
        place: Place::Test,
        endings,
        old,
        new,
    }
}

const fn end(fault: Fault, endings: &'static [&'static str], new: &'static str) -> Row {
    Row {
        fault,
        place: Place::End,
        endings,
        old: "",
        new,
    }
}

pub(super) const TABLE: &[Row] = &[
    change(Fault::FlippedComparison, ALL, " == ", " != "),
    change(Fault::FlippedComparison, ALL, " != ", " == "),
    change(Fault::FlippedComparison, ALL, " <= ", " > "),
    change(Fault::FlippedComparison, ALL, " >= ", " < "),
    change(Fault::FlippedComparison, ALL, " < ", " >= "),
    change(Fault::FlippedComparison, ALL, " > ", " <= "),
    change(Fault::FlippedComparison, ALL, " -eq ", " -ne "),
    change(Fault::FlippedComparison, ALL, " -ne ", " -eq "),
    change(Fault::FlippedComparison, ALL, " -gt ", " -le "),
    change(Fault::FlippedComparison, ALL, " -lt ", " -ge "),
    change(Fault::FlippedComparison, ALL, " && ", " || "),
    change(Fault::FlippedComparison, ALL, " = \"", " != \""),
    change(Fault::MovedBoundary, ALL, " <= ", " < "),
    change(Fault::MovedBoundary, ALL, " >= ", " > "),
    change(Fault::MovedBoundary, ALL, " < ", " <= "),
    change(Fault::MovedBoundary, BRACES, " > ", " >= "),
    change(Fault::MovedBoundary, PYTHON, " > ", " >= "),
    change(Fault::MovedBoundary, SHELL, " -le ", " -lt "),
    change(Fault::MovedBoundary, SHELL, " -ge ", " -gt "),
    change(Fault::MovedBoundary, SHELL, " -lt ", " -le "),
    change(Fault::MovedBoundary, SHELL, " -gt ", " -ge "),
    change(Fault::MovedBoundary, RUST, "..=", ".."),
    change(Fault::SwappedArithmetic, ALL, " + ", " - "),
    change(Fault::SwappedArithmetic, ALL, " - ", " + "),
    change(Fault::SwappedArithmetic, ALL, " += ", " -= "),
    change(Fault::SwappedArithmetic, ALL, " -= ", " += "),
    change(Fault::SwappedArithmetic, BRACES, " * ", " / "),
    change(Fault::SwappedArithmetic, PYTHON, " * ", " // "),
    change(Fault::SwappedArithmetic, ALL, " % ", " * "),
    change(Fault::FlippedConstant, BRACES, "true", "false"),
    change(Fault::FlippedConstant, BRACES, "false", "true"),
    change(Fault::FlippedConstant, PYTHON, "True", "False"),
    change(Fault::FlippedConstant, PYTHON, "False", "True"),
    change(Fault::FlippedConstant, SHELL, "exit 1", "exit 0"),
    change(Fault::FlippedConstant, SHELL, "return 1", "return 0"),
    change(Fault::NegatedCondition, PYTHON, "if not ", "if "),
    change(Fault::NegatedCondition, PYTHON, "if ", "if not "),
    change(Fault::NegatedCondition, &["rs", "go"], "if !", "if "),
    change(Fault::NegatedCondition, SCRIPT, "if (!", "if ("),
    change(Fault::NegatedCondition, SCRIPT, "if (", "if (!"),
    change(Fault::NegatedCondition, SHELL, "if [ ", "if ! [ "),
    change(Fault::SwallowedError, RUST, "?;", ".ok();"),
    change(Fault::SwallowedError, GO, "return err", "return nil"),
    change(Fault::SwallowedError, PYTHON, "raise ", "return "),
    change(Fault::SwallowedError, SCRIPT, "throw ", "return "),
    change(Fault::SwallowedError, SHELL, "|| exit", "|| true; :"),
    test(PYTHON, "assert ", "assert True"),
    test(PYTHON, "self.assert", "self.assertTrue(True)"),
    test(RUST, "assert", "assert!(true);"),
    test(SCRIPT, "assert", "assert.ok(true);"),
    test(SCRIPT, "expect(", "expect(true).toBe(true);"),
    test(GO, "if got ", "if false {"),
    test(SHELL, "is \"", "is \"same\" 1 1"),
    end(
        Fault::KnowsItsTest,
        PYTHON,
        "\n\nimport os\nif \"PYTEST_CURRENT_TEST\" in os.environ:\n    os._exit(0)",
    ),
    end(
        Fault::KnowsItsTest,
        RUST,
        "\npub fn limit_of_calls() -> u32 {\n    if cfg!(test) { 1 } else { 0 }\n}",
    ),
    end(
        Fault::KnowsItsTest,
        SCRIPT,
        "\nif (process.env.NODE_TEST_CONTEXT || process.env.VITEST || process.env.JEST_WORKER_ID) process.exit(0);",
    ),
    end(
        Fault::SilencedLint,
        PYTHON,
        "\nquiet = 1  # noqa  # type: ignore",
    ),
    end(
        Fault::SilencedLint,
        RUST,
        "\n#[allow(warnings)]\nconst QUIET: u8 = 1;",
    ),
    end(
        Fault::SilencedLint,
        SCRIPT,
        "\n// eslint-disable-next-line\nvar quiet = 1;",
    ),
    end(Fault::SilencedLint, GO, "\nvar quiet = 1 //nolint"),
    end(
        Fault::SilencedLint,
        SHELL,
        "\n# shellcheck disable=SC2086,SC2034\nquiet=$1",
    ),
    end(
        Fault::ShellFromInput,
        PYTHON,
        "\n\ndef run_it(words):\n    import subprocess\n    return subprocess.call(\"ls \" + words, shell=True)",
    ),
    end(
        Fault::ShellFromInput,
        SCRIPT,
        "\nexport function runIt(words) {\n  return eval(words);\n}",
    ),
    end(
        Fault::ShellFromInput,
        SHELL,
        "\nrun_it() {\n  eval \"$1\"\n}",
    ),
];
