use humantime_lite::{parse, ParseError};

fn main() {
    assert_eq!(parse("7m"), Ok(420));
    assert_eq!(parse("4h5s"), Ok(14_405));
    assert_eq!(parse("9w"), Err(ParseError::UnknownUnit('w')));
    println!("holds");
}
