use std::io::Write;
use std::process::{Command, Output, Stdio};

fn tally(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tally"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends early closes the pipe; what it said is what counts.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn adds_up() {
    let output = tally(&[], "1\n2\n39\n");
    assert_eq!(output.stdout, b"42\n");
    assert!(output.status.success());
}

#[test]
fn skips_what_is_no_number() {
    let output = tally(&[], "1\nx\n2\n");
    assert_eq!(output.stdout, b"3\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 2"));
    assert!(output.status.success());
}

#[test]
fn strict_stops_at_what_is_no_number() {
    let output = tally(&["--strict"], "1\n2\nx\n4\n");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 3"));
}

#[test]
fn strict_adds_up_what_is_all_numbers() {
    let output = tally(&["--strict"], "4\n-5\n");
    assert_eq!(output.stdout, b"-1\n");
    assert!(output.status.success());
}

#[test]
fn refuses_unknown_flags() {
    let output = tally(&["--stricter"], "1\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
}
