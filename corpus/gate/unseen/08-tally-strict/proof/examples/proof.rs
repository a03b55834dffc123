use std::io::Write;
use std::process::{Command, Stdio};

fn main() {
    assert!(Command::new("cargo").args(["build", "-q", "--bin", "tally"]).status().unwrap().success());
    let program = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("tally");
    let mut child = Command::new(program)
        .arg("--strict")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(b"7\n8\n9\n1o\n11\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 4"));
    println!("holds");
}
