use humantime_lite::{parse, ParseError};

#[test]
fn plain_seconds() {
    assert_eq!(parse("45"), Ok(45));
    assert_eq!(parse("45s"), Ok(45));
}

#[test]
fn one_unit() {
    assert_eq!(parse("2m"), Ok(120));
    assert_eq!(parse("3h"), Ok(10_800));
    assert_eq!(parse("1d"), Ok(86_400));
}

#[test]
fn several_units() {
    assert_eq!(parse("1h30m"), Ok(5_400));
    assert_eq!(parse("2d4h"), Ok(187_200));
    assert_eq!(parse("1d2h3m4s"), Ok(93_784));
}

#[test]
fn refuses_nonsense() {
    assert_eq!(parse(""), Err(ParseError::Empty));
    assert_eq!(parse("h"), Err(ParseError::MissingNumber));
    assert_eq!(parse("5y"), Err(ParseError::UnknownUnit('y')));
}
