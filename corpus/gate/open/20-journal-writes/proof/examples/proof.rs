use std::io::{Error, Result, Write};

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> Result<usize> {
        Err(Error::other("no"))
    }

    fn flush(&mut self) -> Result<()> {
        Err(Error::other("no"))
    }
}

fn main() {
    let mut journal = journal::Journal::new(Broken);
    assert!(journal.append("x").is_err());
    assert!(journal::migrate::migrate("x|y", &mut journal).is_err());
    assert_eq!(journal.count(), 0);
    assert!(journal.close().is_err());
    println!("holds");
}
