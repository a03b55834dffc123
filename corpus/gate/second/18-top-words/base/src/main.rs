use std::io::{self, Read};

fn main() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    for (count, word) in topwords::top(&text, 10)? {
        println!("{count:>6} {word}");
    }
    Ok(())
}
