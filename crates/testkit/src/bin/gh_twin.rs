//! The twin of `gh` as a program of its own; `alai_testkit::github` says what it does.

fn main() -> std::process::ExitCode {
    alai_testkit::github::main()
}
