//! The twin of an agent of others as a program of its own; `alai_testkit::agent` says what it does.

fn main() -> std::process::ExitCode {
    alai_testkit::agent::main()
}
