use spans::parse;

#[test]
fn reads_spans() {
    assert_eq!(parse("1h 1m 1s"), Some(3661));
    assert_eq!(parse("0h 0m 59s"), Some(59));
}

#[test]
fn refuses_anything_else() {
    assert_eq!(parse("1h 1m"), None);
    assert_eq!(parse("1 1 1"), None);
    assert_eq!(parse("1s 1m 1h"), None);
    assert_eq!(parse("xh 0m 0s"), None);
}
