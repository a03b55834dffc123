use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Gives the program the text and returns what it says.
pub(crate) fn pipe(program: &str, args: &[&str], text: &str) -> io::Result<String> {
    let mut child = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("piped");
    let text = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().expect("the writer does not panic")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn pipes() {
        assert_eq!(super::pipe("sort", &["-r"], "a\nb\n").unwrap(), "b\na\n");
    }
}
