/// Checks whether a pattern matches a path.
pub fn check(pattern: &str, path: &str, expected: bool) {
    println!("{pattern} on {path}");
    assert_eq!(patterns::matches(pattern, path), expected);
}
