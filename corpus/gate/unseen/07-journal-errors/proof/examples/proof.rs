use std::io::{Error, ErrorKind, Result, Write};

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> Result<usize> {
        Err(Error::new(ErrorKind::Other, "broken"))
    }

    fn flush(&mut self) -> Result<()> {
        Err(Error::new(ErrorKind::Other, "broken"))
    }
}

fn main() {
    let mut journal = journal::Journal::new(Broken);
    let told = (0..10).any(|n| journal.append(&n.to_string()).is_err());
    assert!(told);
    let mut journal = journal::Journal::new(Broken);
    journal.append("x").unwrap();
    assert!(journal.close().is_err());
    println!("holds");
}
