use spans::text;

#[test]
fn writes_spans() {
    assert_eq!(text(3661), "1h 1m 1s");
    assert_eq!(text(3605), "1h 0m 5s");
    assert_eq!(text(7200), "2h 0m 0s");
    assert_eq!(text(59), "0h 0m 59s");
    assert_eq!(text(0), "0h 0m 0s");
}
